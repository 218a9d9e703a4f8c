/* identity_journal: see the headers for the contracts. */
#include "identity/identity_journal.h"

#include <assert.h>
#include <stdlib.h>

static _Atomic uint32_t *link_of(const struct identity *identity, uint32_t reference) {
    return &journal_at(identity, reference / 2)->next[reference & 1];
}

static void chain_append(struct identity *identity, struct customer *customer, uint32_t first, uint32_t last) {
    _Atomic uint32_t *link = customer->journal_last ? link_of(identity, customer->journal_last) : &customer->journal;
    assert(!atomic_load_explicit(link, memory_order_relaxed));
    atomic_store_explicit(link, first, memory_order_release);
    customer->journal_last = last;
}

void identity_journal_append_chain(struct identity *identity, struct customer *into, struct customer *from) {
    uint32_t first = atomic_load_explicit(&from->journal, memory_order_relaxed);
    if (first)
        chain_append(identity, into, first, from->journal_last);
}

/* One of the two places of an entry, at the end of `customer`'s chain; nothing where that place is taken. */
static void place_append(struct identity *identity, uint32_t customer, uint32_t reference) {
    struct journal_link *link = journal_at(identity, reference / 2);
    if (link->placed[reference & 1])
        return;
    link->placed[reference & 1] = true;
    chain_append(identity, customer_at(identity, customer), reference, reference);
}

static void entry_place(struct identity *identity, uint32_t number) {
    const struct journal_entry *entry = &journal_at(identity, number)->entry;
    uint32_t winner = identity_root_shorten(identity, entry->winner.number);
    uint32_t loser = entry->loser.number ? identity_root_shorten(identity, entry->loser.number) : winner;
    place_append(identity, winner, number * 2);
    if (loser != winner)
        place_append(identity, loser, number * 2 + 1);
}

static void chain_collect(const struct identity *identity, uint32_t customer, struct buffer *references) {
    uint32_t at = atomic_load_explicit(&customer_at(identity, customer)->journal, memory_order_relaxed);
    for (; at; at = atomic_load_explicit(link_of(identity, at), memory_order_relaxed))
        buffer_add(references, &at, sizeof at);
}

/* All links are cut before any is made again: a reader on its way ends early, and sees no ring. */
void identity_journal_relink(struct identity *identity, const uint32_t *customers, size_t count) {
    struct buffer references = {0};
    for (size_t i = 0; i < count; i++) {
        struct customer *customer = customer_at(identity, customers[i]);
        chain_collect(identity, customers[i], &references);
        atomic_store_explicit(&customer->journal, 0, memory_order_release);
        customer->journal_last = 0;
    }
    uint32_t *all = (uint32_t *)(void *)references.data;
    size_t all_count = references.size / sizeof *all;
    for (size_t i = 0; i < all_count; i++) {
        atomic_store_explicit(link_of(identity, all[i]), 0, memory_order_release);
        journal_at(identity, all[i] / 2)->placed[all[i] & 1] = false;
    }
    if (all_count)
        qsort(all, all_count, sizeof *all, identity_compare_numbers);
    for (size_t i = 0; i < all_count; i++)
        entry_place(identity, all[i] / 2);
    buffer_release(&references);
}

static void entry_add(struct identity *identity, const struct journal_entry *entry) {
    struct journal_link *link = chunks_next(&identity->journal);
    link->entry = *entry;
    link->entry.number = chunks_count(&identity->journal) + 1;
    uint32_t number = chunks_publish(&identity->journal);
    assert(number < 1u << 31 && entry->winner.number);
    entry_place(identity, number);
}

uint64_t identity_journal_key(const struct journal_entry *entry) {
    uint64_t strong = entry->strong.number, weak = entry->weak.number;
    uint64_t namespace_mark = 0xffff0000u | entry->namespace_number;
    if (entry->kind == JOURNAL_BLOCKED)
        return namespace_mark << 32 | (entry->source + 1u);
    if (entry->kind != JOURNAL_CONFLICT && entry->kind != JOURNAL_LIMIT && entry->kind != JOURNAL_HELD &&
        entry->kind != JOURNAL_APART)
        return 0;
    if (!weak || !entry->loser.number)
        return strong << 32 | namespace_mark;
    return strong > weak ? strong << 32 | weak : weak << 32 | strong;
}

void identity_journal_add(struct identity *identity, const struct journal_entry *entry) {
    uint64_t key = identity_journal_key(entry);
    bool fresh = true;
    assert(entry->kind >= JOURNAL_MERGE && entry->kind <= JOURNAL_KIND_MAX);
    if (key)
        pair_map_put(&identity->pairs, key, &fresh);
    if (!fresh)
        return;
    if (entry->kind == JOURNAL_CONFLICT)
        counter_add(&identity->conflict_count, 1);
    else if (entry->kind == JOURNAL_LIMIT)
        counter_add(&identity->limited_count, 1);
    else if (entry->kind == JOURNAL_SHARED_DEVICE)
        counter_add(&identity->moved_count, 1);
    else if (entry->kind == JOURNAL_HELD)
        counter_add(&identity->held_count, 1);
    entry_add(identity, entry);
}

void identity_journal(const struct identity *identity, struct customer_id customer, size_t limit,
                      void (*each)(void *context, const struct journal_entry *entry), void *context) {
    struct buffer numbers = {0};
    uint64_t generation = 0;
    for (unsigned attempt = 0; !identity_settled(identity, attempt, &generation); attempt++) {
        buffer_clear(&numbers);
        uint32_t root = identity_redirect(identity, customer).number;
        if (!root)
            break;
        uint32_t at = atomic_load_explicit(&customer_at(identity, root)->journal, memory_order_acquire);
        for (; at; at = atomic_load_explicit(link_of(identity, at), memory_order_acquire))
            buffer_add(&numbers, &(uint32_t){at / 2}, sizeof at);
    }
    size_t count = numbers.size / sizeof(uint32_t), told = 0;
    const uint32_t *number = (const uint32_t *)(const void *)numbers.data;
    if (count)
        qsort(numbers.data, count, sizeof *number, identity_compare_numbers);
    for (size_t i = 0; i < count && told < limit; i++)
        if (!i || number[i] != number[i - 1]) {
            each(context, &journal_at(identity, number[i])->entry);
            told++;
        }
    buffer_release(&numbers);
}

uint64_t identity_journal_page(const struct identity *identity, uint64_t from, size_t limit,
                               void (*each)(void *context, const struct journal_entry *entry), void *context) {
    uint64_t count = chunks_count(&identity->journal);
    for (uint64_t i = from; i < count && i - from < limit; i++)
        each(context, &journal_at(identity, (uint32_t)i + 1)->entry);
    return count;
}
