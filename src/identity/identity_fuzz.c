/* Fuzz target for identity_load: the input's bytes become the sections of an image whose checksums are right, so that
 * what is tried are the checks behind them. What loads must then work: readers, further records, saving and loading
 * again with the same counts.
 *
 * Input: a byte (bit 0: the head is taken as it stands; else its counts are made to fit the sections), then eight times
 * a two-byte length and that many bytes: head, identifiers, values, owners, customers, edges, journal, shared. What is
 * missing is empty. */
#include "identity/identity.h"
#include "os/image.h"
#include "os/os_sim.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SECTIONS 8
#define HEAD_BYTES 40
#define PATH "/identity"
#define MUST(condition) ((condition) ? (void)0 : abort())

static const char *const names[SECTIONS] = {"identity.head",    "identity.identifiers", "identity.values",
                                            "identity.owners",  "identity.customers",   "identity.edges",
                                            "identity.journal", "identity.shared"};

static void cut(struct slice input, struct slice *sections) {
    for (size_t i = 0; i < SECTIONS; i++) {
        size_t length = input.size >= 2 ? (unsigned char)input.data[0] | (size_t)(unsigned char)input.data[1] << 8 : 0;
        size_t skip = input.size >= 2 ? 2 : input.size;
        input = slice_of(input.data + skip, input.size - skip);
        length = length < input.size ? length : input.size;
        sections[i] = slice_of(input.data, length);
        input = slice_of(input.data + length, input.size - length);
    }
}

static void fit_head(const struct slice *sections, char head[HEAD_BYTES]) {
    uint32_t counts[6] = {2,
                          (uint32_t)(sections[1].size / 16),
                          (uint32_t)(sections[4].size / 8),
                          (uint32_t)(sections[5].size / 16),
                          (uint32_t)(sections[6].size / 40),
                          (uint32_t)(sections[7].size / 4)};
    uint64_t value_bytes = sections[2].size;
    memset(head, 0, HEAD_BYTES);
    memcpy(head, counts, sizeof counts);
    memcpy(head + sizeof counts, &value_bytes, sizeof value_bytes);
}

static void image_make(struct os *os, const struct slice *sections) {
    struct image_writer *writer;
    MUST(image_create(os, PATH, &writer, NULL) == STATUS_OK);
    for (size_t i = 0; i < SECTIONS; i++)
        MUST(image_add(writer, names[i], sections[i].data, sections[i].size, NULL) == STATUS_OK);
    MUST(image_finish(writer, NULL, NULL) == STATUS_OK);
}

static void see_identifier(void *context, struct identifier_id identifier) {
    *(uint64_t *)context += identifier.number;
}
static void see_entry(void *context, const struct journal_entry *entry) { *(uint64_t *)context += entry->position; }
static void see_edge(void *context, const struct edge *edge) { *(uint64_t *)context += edge->position; }

static void read_all(const struct identity *identity) {
    struct identity_counters c;
    uint64_t sum = 0;
    struct identifier_id path[4];
    identity_counters_read(identity, &c);
    for (uint32_t i = 1; i <= c.identifiers; i++) {
        struct identifier_id id = {i};
        MUST(identity_find(identity, identity_namespace(identity, id), identity_value(identity, id)).number == i);
        MUST(identity_customer(identity, id).number);
        identity_edges(identity, id, 100, see_edge, &sum);
        sum += identity_explain(identity, id, (struct identifier_id){1}, path, 4);
    }
    for (uint32_t i = 1; i <= c.created; i++) {
        identity_identifiers(identity, (struct customer_id){i}, 100, see_identifier, &sum);
        identity_journal(identity, (struct customer_id){i}, 100, see_entry, &sum);
    }
    MUST(identity_journal_page(identity, 0, 100, see_entry, &sum) >= c.conflicts + c.limited + c.moved);
}

/* Every identifier meets its neighbour. */
static void resolve_some(struct identity *identity) {
    struct identity_counters c;
    identity_counters_read(identity, &c);
    for (uint32_t i = 2; i <= c.identifiers && i < 50; i++) {
        struct governed *record = memory_get(1, sizeof *record);
        struct resolution out;
        for (uint32_t j = i - 1; j <= i; j++)
            record->claims[record->claim_count++] =
                (struct claim){identity_namespace(identity, (struct identifier_id){j}),
                               identity_value(identity, (struct identifier_id){j})};
        enum status status = identity_resolve(identity, record, i, 1, &out);
        MUST(status == STATUS_OK || status == STATUS_NOT_FOUND);
        free(record);
    }
}

static void save_and_load(struct os *os, const struct dictionary *dictionary, struct identity *identity) {
    struct identity_counters before, after;
    struct identity_image *image = identity_freeze(identity);
    struct identity *again = identity_create(os, dictionary);
    MUST(identity_write(image, PATH, NULL) == STATUS_OK);
    identity_image_free(image);
    MUST(identity_load(again, PATH, NULL) == STATUS_OK);
    identity_counters_read(identity, &before);
    identity_counters_read(again, &after);
    MUST(before.identifiers == after.identifiers && before.customers == after.customers &&
         before.edges == after.edges && before.unowned == after.unowned && before.shared == after.shared &&
         before.blocked == after.blocked && before.merges == after.merges);
    identity_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice sections[SECTIONS];
    char head[HEAD_BYTES];
    if (!size)
        return 0;
    cut(slice_of(data + 1, size - 1), sections);
    if (!(data[0] & 1)) {
        fit_head(sections, head);
        sections[0] = slice_of(head, HEAD_BYTES);
    }
    struct os_sim *sim = os_sim_create(1);
    struct os *os = os_sim_os(sim);
    struct dictionary *dictionary = dictionary_create();
    struct identity *identity = identity_create(os, dictionary);
    image_make(os, sections);
    if (identity_load(identity, PATH, NULL) == STATUS_OK) {
        read_all(identity);
        resolve_some(identity);
        read_all(identity);
        save_and_load(os, dictionary, identity);
    }
    identity_free(identity);
    dictionary_free(dictionary);
    os_sim_free(sim);
    return 0;
}
