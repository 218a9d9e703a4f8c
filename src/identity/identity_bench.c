/* identity_bench: what resolving costs at size. `identity_bench [customers [records]]`, by default 1.25 M customers of
 * four identifiers each (a user id, two anonymous ids of UUID length, an order number) and 4 M further records, drawn
 * uniformly, which is the worst case for caches: sources see the same customers again within minutes.
 *
 * On paper, per record of two known identifiers, out of caches: table slot, entry and value of each, the customer, the
 * pair set: 8 lines, about 0.7 us one after another and about 0.1 us where prefetching overlaps them. */
#include "base/hash.h"
#include "base/random.h"
#include "identity/identity.h"
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

int identity_bench(int argc, char **argv);

#define BATCH 1024
#define TEXT_BYTES 40
#define PATH "/tmp/identity_bench.image"

struct bench {
    struct os *os;
    struct dictionary *dictionary;
    struct identity *identity;
    struct governed *batch; /* [BATCH] */
    char (*text)[3][TEXT_BYTES];
    struct record_head head;
    struct random random;
    uint64_t position, checksum;
    uint16_t user_id, anonymous_id, order_id;
};

static struct slice text_of(char *out, char letter, uint64_t number) {
    uint64_t high = hash_mix(number * 2 + 1), low = hash_mix(high);
    int size = letter == 'a' ? snprintf(out, TEXT_BYTES, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                                        (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff, (unsigned)(low >> 48),
                                        (unsigned long long)(low & 0xffffffffffffULL))
                             : snprintf(out, TEXT_BYTES, "%c%llu", letter, (unsigned long long)(100000 + number));
    return slice_of(out, (size_t)size);
}

static void claim(struct governed *record, uint16_t namespace_number, struct slice value) {
    record->claims[record->claim_count++] = (struct claim){namespace_number, value};
}

/* Records of the kinds below for customers first, first + 1, ... or, where random, for any below `customers`. */
enum kind { ANONYMOUS, LOGIN, ORDER, KNOWN };

static void batch_make(struct bench *b, enum kind kind, uint64_t first, uint64_t count, uint64_t customers) {
    for (uint64_t i = 0; i < count; i++) {
        struct governed *record = &b->batch[i];
        char(*text)[TEXT_BYTES] = b->text[i];
        uint64_t who = kind == KNOWN ? random_below(&b->random, customers) : first + i;
        record->claim_count = record->record_count = 0;
        record->hashed = false;
        record->time_ms = (int64_t)(b->position + i) * 1000;
        if (kind != ANONYMOUS)
            claim(record, b->user_id, text_of(text[0], 'u', who));
        if (kind != ORDER)
            claim(record, b->anonymous_id, text_of(text[1], 'a', who * 2 + (kind == KNOWN && (i & 1))));
        if (kind == ORDER) {
            record->records[0] = &b->head;
            record->record_count = 1;
            record->document_keys[0] = (struct claim){b->order_id, text_of(text[2], 'o', who)};
        }
    }
}

#define AHEAD 8

static uint64_t batch_resolve(struct bench *b, uint64_t count, bool prefetch) {
    struct resolution out;
    uint64_t start = os_monotonic_ns(b->os);
    for (uint64_t i = 0; i < count; i++) {
        if (prefetch && i + AHEAD < count) {
            identity_hash_claims(&b->batch[i + AHEAD]);
            identity_prefetch(b->identity, &b->batch[i + AHEAD]);
        }
        if (identity_resolve(b->identity, &b->batch[i], ++b->position, 1, &out) == STATUS_OK)
            b->checksum = hash_mix(b->checksum ^ out.customer.number ^ (uint64_t)out.arrival.number << 32);
    }
    return os_monotonic_ns(b->os) - start;
}

static void phase(struct bench *b, const char *name, enum kind kind, uint64_t records, uint64_t customers,
                  bool prefetch) {
    uint64_t ns = 0, longest = 0;
    for (uint64_t first = 0; first < records; first += BATCH) {
        uint64_t count = records - first < BATCH ? records - first : BATCH;
        batch_make(b, kind, first, count, customers);
        uint64_t took = batch_resolve(b, count, prefetch);
        ns += took;
        longest = took > longest ? took : longest;
    }
    printf("%-44s %9.0f /s  %6.1f ns  longest batch of %d: %.2f ms\n", name,
           (double)records * 1e9 / (double)(ns ? ns : 1), (double)ns / (double)records, BATCH, (double)longest / 1e6);
}

static void find_phase(struct bench *b, uint64_t records, uint64_t customers) {
    uint64_t ns = 0;
    for (uint64_t first = 0; first < records; first += BATCH) {
        batch_make(b, KNOWN, first, BATCH, customers);
        uint64_t start = os_monotonic_ns(b->os);
        for (uint64_t i = 0; i < BATCH; i++)
            b->checksum +=
                identity_customer(b->identity, identity_find(b->identity, b->anonymous_id, b->batch[i].claims[1].value))
                    .number;
        ns += os_monotonic_ns(b->os) - start;
    }
    records = (records + BATCH - 1) / BATCH * BATCH;
    printf("%-44s %9.0f /s  %6.1f ns\n", "find and customer", (double)records * 1e9 / (double)ns,
           (double)ns / (double)records);
}

static enum status save_phase(struct bench *b, struct fault *fault) {
    uint64_t start = os_monotonic_ns(b->os);
    struct identity_image *image = identity_freeze(b->identity);
    uint64_t frozen = os_monotonic_ns(b->os);
    enum status status = identity_write(image, PATH, fault);
    uint64_t written = os_monotonic_ns(b->os);
    identity_image_free(image);
    if (status != STATUS_OK)
        return status;
    struct identity *fresh = identity_create(b->os, b->dictionary);
    uint64_t empty = os_monotonic_ns(b->os);
    status = identity_load(fresh, PATH, fault);
    printf("freeze %.1f ms, write %.2f s, load %.2f s\n", (double)(frozen - start) / 1e6,
           (double)(written - frozen) / 1e9, (double)(os_monotonic_ns(b->os) - empty) / 1e9);
    struct identity_counters before, after;
    identity_counters_read(b->identity, &before);
    identity_counters_read(fresh, &after);
    if (status == STATUS_OK && (before.identifiers != after.identifiers || before.customers != after.customers))
        status = fault_set(fault, STATUS_DAMAGED, "what was loaded is not what was saved");
    identity_free(fresh);
    return status == STATUS_OK ? os_remove(b->os, PATH, fault) : status;
}

int identity_bench(int argc, char **argv) {
    uint64_t customers = argc > 1 ? strtoull(argv[1], NULL, 10) : 1250000;
    uint64_t records = argc > 2 ? strtoull(argv[2], NULL, 10) : 4000000;
    struct bench b = {.os = os_real(), .dictionary = dictionary_create()};
    struct fault fault = {0};
    if (!customers || !records) {
        fprintf(stderr, "usage: identity_bench [customers [records]]\n");
        return 2;
    }
    b.identity = identity_create(b.os, b.dictionary);
    b.batch = memory_get(BATCH, sizeof *b.batch);
    b.text = memory_get(BATCH, sizeof *b.text);
    b.user_id = dictionary_namespace_find(b.dictionary, SLICE("user_id"))->number;
    b.anonymous_id = dictionary_namespace_find(b.dictionary, SLICE("anonymous_id"))->number;
    b.order_id = dictionary_namespace_find(b.dictionary, SLICE("order_id"))->number;
    random_init(&b.random, 1);
    phase(&b, "new visitors", ANONYMOUS, customers, customers, true);
    phase(&b, "logins (known device, new user id)", LOGIN, customers, customers, true);
    phase(&b, "orders (known user id, new order)", ORDER, customers, customers, true);
    phase(&b, "events (user id + anonymous id, half new)", KNOWN, records, customers, true);
    phase(&b, "the same, all known", KNOWN, records, customers, true);
    phase(&b, "the same, without prefetching", KNOWN, records, customers, false);
    find_phase(&b, records, customers);
    struct identity_counters c;
    identity_counters_read(b.identity, &c);
    printf("%llu customers, %llu identifiers, %llu edges: %.1f MB, %.0f bytes an identifier\n",
           (unsigned long long)c.customers, (unsigned long long)c.identifiers, (unsigned long long)c.edges,
           (double)c.memory_bytes / 1e6, (double)c.memory_bytes / (double)c.identifiers);
    enum status status = save_phase(&b, &fault);
    if (status != STATUS_OK)
        fprintf(stderr, "%s\n", fault.text);
    printf("checksum %016llx\n", (unsigned long long)b.checksum);
    identity_free(b.identity);
    dictionary_free(b.dictionary);
    free(b.batch);
    free(b.text);
    return status == STATUS_OK ? 0 : 1;
}
