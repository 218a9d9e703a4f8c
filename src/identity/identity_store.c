/* identity_store: see the header for the contract and the shape; first what changes, then what readers see. */
#include "identity/identity_store.h"

#include "base/hash.h"
#include "base/memory.h"
#include "base/pages.h"
#include "identity/identity_image.h"
#include "identity/identity_journal.h"
#include "identity/identity_rules.h"
#include "identity/identity_solve.h"

#include <assert.h>
#include <stdlib.h>

#define VALUE_BLOCK_BYTES (1u << 20)

struct value_block {
    struct value_block *older;
    char bytes[VALUE_BLOCK_BYTES];
};
_Static_assert(IDENTIFIER_BYTES_MAX < 1u << 15, "value_bytes has 15 bits");

void chunks_create(struct chunks *chunks, size_t entry_bytes) {
    chunks->directory = memory_get(CHUNKS_MAX, sizeof *chunks->directory);
    chunks->entry_bytes = entry_bytes;
    chunks->directory[0] = pages_get(CHUNK_ENTRIES * entry_bytes);
    chunks->memory_bytes = CHUNK_ENTRIES * entry_bytes;
}

void chunks_free(struct chunks *chunks) {
    for (size_t i = 0; i < CHUNKS_MAX && chunks->directory[i]; i++)
        pages_free(chunks->directory[i], CHUNK_ENTRIES * chunks->entry_bytes);
    free(chunks->directory);
}

void *chunks_next(struct chunks *chunks) {
    uint32_t number = atomic_load_explicit(&chunks->count, memory_order_relaxed) + 1;
    assert(number <= NUMBER_MAX);
    if (!chunks->directory[number >> CHUNK_BITS]) {
        chunks->directory[number >> CHUNK_BITS] = pages_get(CHUNK_ENTRIES * chunks->entry_bytes);
        chunks->memory_bytes += CHUNK_ENTRIES * chunks->entry_bytes;
    }
    return chunks_at(chunks, number);
}

uint32_t chunks_publish(struct chunks *chunks) {
    uint32_t number = atomic_load_explicit(&chunks->count, memory_order_relaxed) + 1;
    atomic_store_explicit(&chunks->count, number, memory_order_release);
    return number;
}

struct identity *identity_create(struct os *os, const struct dictionary *dictionary) {
    struct identity *identity = memory_get(1, sizeof *identity);
    identity->os = os;
    identity->dictionary = dictionary;
    chunks_create(&identity->identifiers, sizeof(struct identifier));
    chunks_create(&identity->customers, sizeof(struct customer));
    chunks_create(&identity->edges, sizeof(struct edge_entry));
    chunks_create(&identity->journal, sizeof(struct journal_link));
    chunks_create(&identity->decisions, sizeof(struct decision_entry));
    chunks_create(&identity->members, sizeof(struct decision_member));
    identity->population = memory_get(CHUNKS_MAX, sizeof *identity->population);
    identity->population_bytes = CHUNKS_MAX * sizeof *identity->population;
    identity->tally = tally_create();
    identity->solver = solver_create();
    identity->moves = moves_create();
    identity_measure(identity);
    return identity;
}

void identity_share_devices(struct identity *identity, enum shared_device_policy policy) {
    assert(!chunks_count(&identity->customers) && policy <= SHARED_DEVICE_LAST);
    atomic_store_explicit(&identity->shared_devices, (uint8_t)policy, memory_order_relaxed);
}

void identity_free(struct identity *identity) {
    if (!identity)
        return;
    chunks_free(&identity->identifiers);
    chunks_free(&identity->customers);
    chunks_free(&identity->edges);
    chunks_free(&identity->journal);
    chunks_free(&identity->decisions);
    chunks_free(&identity->members);
    table_release(&identity->decisions_of);
    solver_free(identity->solver);
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        free(atomic_load_explicit(&identity->population[i], memory_order_relaxed));
    free(identity->population);
    table_release(&identity->table);
    pair_map_release(&identity->pairs);
    for (struct value_block *block = identity->values, *older; block; block = older) {
        older = block->older;
        free(block);
    }
    tally_free(identity->tally);
    moves_free(identity->moves);
    free(identity);
}

void identity_measure(struct identity *identity) {
    uint64_t bytes = sizeof *identity + identity->identifiers.memory_bytes + identity->customers.memory_bytes +
                     identity->edges.memory_bytes + identity->journal.memory_bytes + identity->table.memory_bytes +
                     identity->decisions.memory_bytes + identity->members.memory_bytes +
                     identity->decisions_of.memory_bytes + identity->pairs.memory_bytes + identity->value_memory_bytes +
                     identity->population_bytes;
    atomic_store_explicit(&identity->memory_bytes, bytes, memory_order_relaxed);
}

uint64_t identity_hash(uint16_t namespace_number, struct slice value) { return hash_bytes(value, namespace_number); }

uint32_t identity_lookup(const struct identity *identity, uint64_t hash, uint16_t namespace_number,
                         struct slice value) {
    struct table_probe probe = table_probe_start(&identity->table, hash);
    for (uint32_t number; (number = table_probe_next(&probe));) {
        const struct identifier *found = identifier_at(identity, number);
        if (found->namespace_number == namespace_number &&
            slice_equal(slice_of(found->value, found->value_bytes), value))
            return number;
    }
    return 0;
}

static uint32_t redirect_of(const struct identity *identity, uint32_t customer) {
    return atomic_load_explicit(&customer_at(identity, customer)->redirect, memory_order_acquire);
}

uint32_t identity_root(const struct identity *identity, uint32_t customer) {
    for (uint32_t next; (next = redirect_of(identity, customer));)
        customer = next;
    return customer;
}

uint32_t identity_root_shorten(struct identity *identity, uint32_t customer) {
    uint32_t root = identity_root(identity, customer);
    for (uint32_t next; customer != root; customer = next) {
        next = redirect_of(identity, customer);
        if (next != root)
            atomic_store_explicit(&customer_at(identity, customer)->redirect, root, memory_order_release);
    }
    return root;
}

void identity_count(struct identity *identity, const struct customer *customer, int step) {
    _Atomic uint64_t *counter = customer->shared             ? &identity->shared_count
                                : customer->identifier_count ? &identity->customer_count
                                                             : &identity->unowned_count;
    counter_add(counter, (uint64_t)(int64_t)step);
}

void identity_population_note(struct identity *identity, uint32_t number) {
    const struct customer *customer = customer_at(identity, number);
    bool in = !customer->shared && customer->identifier_count &&
              !atomic_load_explicit(&customer->redirect, memory_order_relaxed);
    struct population_page *_Atomic *slot = &identity->population[number >> CHUNK_BITS];
    struct population_page *page = atomic_load_explicit(slot, memory_order_relaxed);
    if (!page && !in)
        return;
    if (!page) {
        page = memory_get(1, sizeof *page);
        identity->population_bytes += sizeof *page;
        atomic_store_explicit(slot, page, memory_order_release);
    }
    _Atomic uint64_t *word = &page->words[number % CHUNK_ENTRIES / 64];
    uint64_t before = atomic_load_explicit(word, memory_order_relaxed), bit = (uint64_t)1 << (number % 64);
    uint64_t after = in ? before | bit : before & ~bit;
    if (after != before)
        atomic_store_explicit(word, after, memory_order_release);
}

static void population_copy(const _Atomic uint64_t *words, size_t count, uint64_t *bits) {
    for (size_t i = 0; i < count; i += 8) {
        __builtin_prefetch((const char *)&words[i] + 512); /* who asks for some mostly asks for the next */
        for (size_t k = i; k < i + 8 && k < count; k++)
            bits[k] = atomic_load_explicit(&words[k], memory_order_acquire);
    }
}

void identity_population(const struct identity *identity, uint32_t first, size_t words, uint64_t *bits) {
    const size_t page_words = CHUNK_ENTRIES / 64;
    assert(first % 64 == 0);
    for (size_t i = 0, some; i < words; i += some) {
        uint64_t number = first + 64 * (uint64_t)i;
        size_t at = number % CHUNK_ENTRIES / 64;
        struct population_page *page =
            number <= UINT32_MAX
                ? atomic_load_explicit(&identity->population[number >> CHUNK_BITS], memory_order_acquire)
                : NULL;
        some = words - i < page_words - at ? words - i : page_words - at;
        if (page)
            population_copy(&page->words[at], some, bits + i);
        else
            memset(bits + i, 0, some * sizeof *bits);
    }
}

uint32_t identity_customer_add(struct identity *identity, bool shared) {
    struct customer *customer = chunks_next(&identity->customers);
    customer->shared = shared;
    identity_count(identity, customer, 1);
    return chunks_publish(&identity->customers);
}

static const char *value_keep(struct identity *identity, struct slice value) {
    assert(value.size <= IDENTIFIER_BYTES_MAX);
    if (!identity->values || identity->value_used + value.size > VALUE_BLOCK_BYTES) {
        struct value_block *block = memory_get(1, sizeof *block);
        block->older = identity->values;
        identity->values = block;
        identity->value_used = 0;
        identity->value_memory_bytes += sizeof *block;
    }
    char *at = identity->values->bytes + identity->value_used;
    if (value.size)
        memcpy(at, value.data, value.size);
    identity->value_used += value.size;
    identity->value_bytes += value.size;
    return at;
}

uint32_t identity_identifier_append(struct identity *identity, uint16_t namespace_number, bool document,
                                    struct slice value, uint32_t owner, uint64_t position) {
    struct identifier *entry = chunks_next(&identity->identifiers);
    entry->value = value_keep(identity, value);
    entry->value_bytes = (uint16_t)(value.size & 0x7fff);
    entry->document = document;
    entry->namespace_number = namespace_number;
    entry->first_position = position;
    atomic_store_explicit(&entry->owner, owner, memory_order_relaxed);
    return chunks_publish(&identity->identifiers);
}

void identity_identifier_list(struct identity *identity, uint32_t number, uint32_t customer_number) {
    struct identifier *entry = identifier_at(identity, number);
    struct customer *customer = customer_at(identity, customer_number);
    _Atomic uint32_t *first = entry->document ? &customer->first_document : &customer->first;
    uint32_t *last = entry->document ? &customer->last_document : &customer->last;
    assert(!atomic_load_explicit(&customer->redirect, memory_order_relaxed));
    assert(!atomic_load_explicit(&entry->next, memory_order_relaxed));
    assert(!(customer->shared && entry->document));
    atomic_store_explicit(*last ? &identifier_at(identity, *last)->next : first, number, memory_order_release);
    *last = number;
    if (entry->document)
        return;
    identity_count(identity, customer, -1);
    customer->identifier_count++;
    identity_count(identity, customer, 1);
    identity_population_note(identity, customer_number);
}

uint32_t identity_identifier_add(struct identity *identity, uint64_t hash, uint16_t namespace_number, bool document,
                                 struct slice value, uint32_t customer, uint64_t position) {
    assert(!identity_lookup(identity, hash, namespace_number, value));
    uint32_t number = identity_identifier_append(identity, namespace_number, document, value, customer, position);
    if (customer)
        identity_identifier_list(identity, number, customer);
    table_add(&identity->table, hash, number);
    return number;
}

void identity_generation_step(struct identity *identity) {
    uint64_t now = atomic_load_explicit(&identity->generation, memory_order_relaxed);
    atomic_store_explicit(&identity->generation, now + 1, memory_order_release);
}

/* Nothing in its lists; counted as before, as somebody without identifiers. */
static void lists_clear(struct customer *customer) {
    atomic_store_explicit(&customer->first, 0, memory_order_release);
    atomic_store_explicit(&customer->first_document, 0, memory_order_release);
    customer->last = customer->last_document = 0;
    customer->identifier_count = 0;
}

void identity_revive(struct identity *identity, uint32_t number) {
    struct customer *customer = customer_at(identity, number);
    assert(atomic_load_explicit(&customer->redirect, memory_order_relaxed));
    lists_clear(customer);
    atomic_store_explicit(&customer->journal, 0, memory_order_release);
    customer->journal_last = 0;
    customer->row_count = 0;
    atomic_store_explicit(&customer->redirect, 0, memory_order_release);
    identity_count(identity, customer, 1);
    counter_add(&identity->merge_count, (uint64_t)-1);
}

void identity_redirect_set(struct identity *identity, uint32_t customer, uint32_t root) {
    assert(customer != root && !atomic_load_explicit(&customer_at(identity, root)->redirect, memory_order_relaxed));
    atomic_store_explicit(&customer_at(identity, customer)->redirect, root, memory_order_release);
}

void identity_owner_set(struct identity *identity, uint32_t number, uint32_t customer) {
    struct identifier *entry = identifier_at(identity, number);
    uint32_t before = atomic_load_explicit(&entry->owner, memory_order_relaxed);
    assert(customer && before != customer);
    moves_note(identity->moves, number, before);
    atomic_store_explicit(&entry->owner, customer, memory_order_release);
}

static void list_collect(const struct identity *identity, const _Atomic uint32_t *first, struct buffer *numbers);

void identity_relist(struct identity *identity, uint32_t number,
                     uint32_t (*place)(void *context, uint32_t identifier, uint32_t now), void *context) {
    struct customer *customer = customer_at(identity, number);
    struct buffer numbers = {0};
    list_collect(identity, &customer->first, &numbers);
    list_collect(identity, &customer->first_document, &numbers);
    const uint32_t *all = (const uint32_t *)(const void *)numbers.data;
    size_t count = numbers.size / sizeof *all;
    identity_count(identity, customer, -1);
    lists_clear(customer);
    identity_count(identity, customer, 1);
    identity_population_note(identity, number);
    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&identifier_at(identity, all[i])->next, 0, memory_order_release);
    for (size_t i = 0; i < count; i++)
        identity_identifier_list(identity, all[i], place(context, all[i], number));
    buffer_release(&numbers);
}

static void list_append(struct identity *identity, _Atomic uint32_t *first, uint32_t *last,
                        const _Atomic uint32_t *first_more, uint32_t last_more) {
    uint32_t more = atomic_load_explicit(first_more, memory_order_relaxed);
    if (!more)
        return;
    atomic_store_explicit(*last ? &identifier_at(identity, *last)->next : first, more, memory_order_release);
    *last = last_more;
}

void identity_unite_into(struct identity *identity, uint32_t winner, uint32_t loser) {
    struct customer *into = customer_at(identity, winner), *from = customer_at(identity, loser);
    assert(winner != loser && !atomic_load(&into->redirect) && !atomic_load(&from->redirect));
    identity_count(identity, into, -1);
    identity_count(identity, from, -1);
    atomic_store_explicit(&from->redirect, winner, memory_order_release);
    list_append(identity, &into->first, &into->last, &from->first, from->last);
    list_append(identity, &into->first_document, &into->last_document, &from->first_document, from->last_document);
    identity_journal_append_chain(identity, into, from);
    into->identifier_count += from->identifier_count;
    into->row_count = UINT32_MAX - into->row_count < from->row_count ? UINT32_MAX : into->row_count + from->row_count;
    identity_count(identity, into, 1);
    identity_population_note(identity, winner);
    identity_population_note(identity, loser);
    counter_add(&identity->merge_count, 1);
    assert(into->row_count >= from->row_count);
}

uint32_t identity_unite(struct identity *identity, uint32_t a, uint32_t b) {
    uint32_t rows_a = customer_at(identity, a)->row_count, rows_b = customer_at(identity, b)->row_count;
    uint32_t winner = rows_a != rows_b ? (rows_a > rows_b ? a : b) : (a < b ? a : b);
    assert(customer_at(identity, a)->shared == customer_at(identity, b)->shared);
    identity_generation_step(identity);
    identity_unite_into(identity, winner, a + b - winner);
    identity_generation_step(identity);
    return winner;
}

static uint32_t seconds_of(int64_t time_ms) {
    int64_t seconds = time_ms / 1000;
    return seconds < 0 ? 0 : seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds;
}

void identity_edge_repeat(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                          uint16_t source) {
    assert(a && b && a != b && (a > b ? a : b) <= chunks_count(&identity->identifiers));
    struct edge_entry *edge = chunks_next(&identity->edges);
    struct identifier *of_a = identifier_at(identity, a), *of_b = identifier_at(identity, b);
    *edge = (struct edge_entry){.a = a,
                                .b = b,
                                .next_a = atomic_load_explicit(&of_a->edge, memory_order_relaxed),
                                .next_b = atomic_load_explicit(&of_b->edge, memory_order_relaxed),
                                .position = position,
                                .first_ms = time_ms,
                                .source = source};
    uint32_t number = chunks_publish(&identity->edges);
    atomic_store_explicit(&of_a->edge, number, memory_order_release);
    atomic_store_explicit(&of_b->edge, number, memory_order_release);
}

/* The pair is known: was it ever seen so early? */
static bool edge_earlier(struct identity *identity, struct pair_slot *slot, int64_t time_ms) {
    uint32_t seconds = seconds_of(time_ms);
    if (seconds > slot->seconds)
        return false;
    struct edge_entry *edge = edge_at(identity, slot->edge);
    int64_t before = atomic_load_explicit(&edge->first_ms, memory_order_relaxed);
    if (time_ms >= before)
        return false;
    times_note(identity->moves, slot->edge, before);
    atomic_store_explicit(&edge->first_ms, time_ms, memory_order_relaxed);
    slot->seconds = seconds;
    return true;
}

bool identity_edge_add(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                       uint16_t source) {
    bool fresh;
    struct pair_slot *slot = pair_map_put(&identity->pairs, identity_edge_key(a, b), &fresh);
    if (!fresh)
        return edge_earlier(identity, slot, time_ms);
    identity_edge_repeat(identity, a, b, position, time_ms, source);
    slot->edge = chunks_count(&identity->edges);
    slot->seconds = seconds_of(time_ms);
    return true;
}

void identity_edge_load(struct identity *identity, uint32_t a, uint32_t b, uint64_t position, int64_t time_ms,
                        uint16_t source) {
    bool fresh;
    struct pair_slot *slot = pair_map_put(&identity->pairs, identity_edge_key(a, b), &fresh);
    identity_edge_repeat(identity, a, b, position, time_ms, source);
    if (fresh) {
        slot->edge = chunks_count(&identity->edges);
        slot->seconds = seconds_of(time_ms);
    }
}

bool identity_edge_news(const struct identity *identity, uint32_t a, uint32_t b, int64_t time_ms) {
    const struct pair_slot *slot = pair_map_find(&identity->pairs, identity_edge_key(a, b));
    return !slot || (seconds_of(time_ms) <= slot->seconds &&
                     time_ms < atomic_load_explicit(&edge_at(identity, slot->edge)->first_ms, memory_order_relaxed));
}

/* --- readers --- */

void oneid_format(struct customer_id customer, char out[ONEID_BYTES + 1]) {
    uint64_t mixed = hash_mix(customer.number);
    for (int i = ONEID_BYTES - 1; i >= 0; i--, mixed >>= 4)
        out[i] = "0123456789abcdef"[mixed & 15];
    out[ONEID_BYTES] = 0;
}

struct customer_id oneid_parse(struct slice text) {
    uint64_t mixed = 0;
    if (text.size != ONEID_BYTES)
        return (struct customer_id){0};
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return (struct customer_id){0};
        mixed = mixed << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    uint64_t number = hash_unmix(mixed);
    return (struct customer_id){number <= NUMBER_MAX ? (uint32_t)number : 0};
}

struct identifier_id identity_find(const struct identity *identity, uint16_t namespace_number, struct slice value) {
    return (struct identifier_id){
        identity_lookup(identity, identity_hash(namespace_number, value), namespace_number, value)};
}

static const struct identifier *known(const struct identity *identity, struct identifier_id identifier) {
    assert(identifier.number && identifier.number <= chunks_count(&identity->identifiers));
    return identifier_at(identity, identifier.number);
}

struct customer_id identity_customer(const struct identity *identity, struct identifier_id identifier) {
    if (!identifier.number || identifier.number > chunks_count(&identity->identifiers))
        return (struct customer_id){0};
    uint32_t owner = owner_of_identifier(identity, identifier.number);
    return (struct customer_id){owner ? identity_root(identity, owner) : 0};
}

struct customer_id identity_redirect(const struct identity *identity, struct customer_id customer) {
    if (!customer.number || customer.number > chunks_count(&identity->customers))
        return (struct customer_id){0};
    return (struct customer_id){identity_root(identity, customer.number)};
}

static bool in_population(const struct identity *identity, uint32_t number) {
    struct population_page *page =
        atomic_load_explicit(&identity->population[number >> CHUNK_BITS], memory_order_acquire);
    return page &&
           (atomic_load_explicit(&page->words[number % CHUNK_ENTRIES / 64], memory_order_acquire) >> (number % 64) & 1);
}

size_t identity_redirect_all(const struct identity *identity, uint32_t *numbers, size_t count) {
    size_t changed = 0;
    for (size_t i = 0; i < count; i++) {
        if (in_population(identity, numbers[i]))
            continue;
        uint32_t now = identity_redirect(identity, (struct customer_id){numbers[i]}).number;
        changed += now && now != numbers[i];
        numbers[i] = now ? now : numbers[i];
    }
    return changed;
}

bool identity_is_shared(const struct identity *identity, struct customer_id customer) {
    return customer.number && customer.number <= chunks_count(&identity->customers) &&
           customer_at(identity, customer.number)->shared;
}

uint16_t identity_namespace(const struct identity *identity, struct identifier_id identifier) {
    return known(identity, identifier)->namespace_number;
}
struct slice identity_value(const struct identity *identity, struct identifier_id identifier) {
    const struct identifier *entry = known(identity, identifier);
    return slice_of(entry->value, entry->value_bytes);
}
uint64_t identity_first_position(const struct identity *identity, struct identifier_id identifier) {
    return known(identity, identifier)->first_position;
}

int identity_compare_numbers(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static void list_collect(const struct identity *identity, const _Atomic uint32_t *first, struct buffer *numbers) {
    for (uint32_t at = atomic_load_explicit(first, memory_order_acquire); at;
         at = atomic_load_explicit(&identifier_at(identity, at)->next, memory_order_acquire))
        buffer_add(numbers, &at, sizeof at);
}

bool identity_settled(const struct identity *identity, unsigned attempt, uint64_t *generation) {
    uint64_t before = *generation;
    *generation = atomic_load_explicit(&identity->generation, memory_order_acquire);
    return attempt && ((before == *generation && !(before & 1)) || attempt >= IDENTITY_ATTEMPTS);
}

/* Few enough to be put into order as they stand. */
static void sort_numbers(uint32_t *numbers, size_t count) {
    if (count > 16) {
        qsort(numbers, count, sizeof *numbers, identity_compare_numbers);
        return;
    }
    for (size_t i = 1; i < count; i++)
        for (size_t k = i; k > 0 && numbers[k] < numbers[k - 1]; k--) {
            uint32_t swap = numbers[k];
            numbers[k] = numbers[k - 1];
            numbers[k - 1] = swap;
        }
}

static void list_each(const struct identity *identity, struct customer_id customer, bool documents, size_t limit,
                      void (*each)(void *context, struct identifier_id identifier), void *context) {
    struct buffer numbers = {0};
    uint64_t generation = 0;
    for (unsigned attempt = 0; !identity_settled(identity, attempt, &generation); attempt++) {
        buffer_clear(&numbers);
        uint32_t root = identity_redirect(identity, customer).number;
        if (!root)
            break;
        list_collect(identity, &customer_at(identity, root)->first, &numbers);
        if (documents)
            list_collect(identity, &customer_at(identity, root)->first_document, &numbers);
    }
    uint32_t *all = (uint32_t *)(void *)numbers.data;
    size_t count = numbers.size / sizeof *all;
    sort_numbers(all, count);
    for (size_t i = 0; i < count && i < limit; i++)
        each(context, (struct identifier_id){all[i]});
    buffer_release(&numbers);
}

void identity_identifiers(const struct identity *identity, struct customer_id customer, size_t limit,
                          void (*each)(void *context, struct identifier_id identifier), void *context) {
    list_each(identity, customer, true, limit, each, context);
}

void identity_names(const struct identity *identity, struct customer_id customer, size_t limit,
                    void (*each)(void *context, struct identifier_id identifier), void *context) {
    list_each(identity, customer, false, limit, each, context);
}

void identity_edges(const struct identity *identity, struct identifier_id identifier, size_t limit,
                    void (*each)(void *context, const struct edge *edge), void *context) {
    uint32_t at = atomic_load_explicit(&known(identity, identifier)->edge, memory_order_acquire);
    for (; at && limit; limit--) {
        const struct edge_entry *entry = edge_at(identity, at);
        struct edge edge = {{entry->a},
                            {entry->b},
                            entry->position,
                            atomic_load_explicit(&entry->first_ms, memory_order_relaxed),
                            entry->source};
        each(context, &edge);
        at = entry->a == identifier.number ? entry->next_a : entry->next_b;
    }
}

static uint64_t counter_read(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void identity_counters_read(const struct identity *identity, struct identity_counters *out) {
    *out = (struct identity_counters){.customers = counter_read(&identity->customer_count),
                                      .unowned = counter_read(&identity->unowned_count),
                                      .shared = counter_read(&identity->shared_count),
                                      .created = chunks_count(&identity->customers),
                                      .identifiers = chunks_count(&identity->identifiers),
                                      .edges = chunks_count(&identity->edges),
                                      .merges = counter_read(&identity->merge_count),
                                      .conflicts = counter_read(&identity->conflict_count),
                                      .limited = counter_read(&identity->limited_count),
                                      .moved = counter_read(&identity->moved_count),
                                      .blocked = counter_read(&identity->blocked_count),
                                      .held = counter_read(&identity->held_count),
                                      .solved = counter_read(&identity->solved_count),
                                      .splits = counter_read(&identity->split_count),
                                      .decisions = chunks_count(&identity->decisions),
                                      .memory_bytes = counter_read(&identity->memory_bytes)};
}
