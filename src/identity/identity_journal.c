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

static void entry_add(struct identity *identity, const struct journal_entry *entry) {
    struct journal_link *link = chunks_next(&identity->journal);
    link->entry = *entry;
    link->entry.number = chunks_count(&identity->journal) + 1;
    uint32_t number = chunks_publish(&identity->journal);
    assert(number < 1u << 31 && entry->winner.number);
    uint32_t winner = identity_root_shorten(identity, entry->winner.number);
    uint32_t loser = entry->loser.number ? identity_root_shorten(identity, entry->loser.number) : winner;
    chain_append(identity, customer_at(identity, winner), number * 2, number * 2);
    if (loser != winner)
        chain_append(identity, customer_at(identity, loser), number * 2 + 1, number * 2 + 1);
}

uint64_t identity_journal_key(const struct journal_entry *entry) {
    uint64_t strong = entry->strong.number, weak = entry->weak.number;
    uint64_t namespace_mark = 0xffff0000u | entry->namespace_number;
    if (entry->kind == JOURNAL_MERGE || entry->kind == JOURNAL_SHARED_DEVICE)
        return 0;
    if (entry->kind == JOURNAL_BLOCKED)
        return namespace_mark << 32 | (entry->source + 1u);
    if (!weak)
        return strong << 32 | namespace_mark;
    return strong > weak ? strong << 32 | weak : weak << 32 | strong;
}

void identity_journal_add(struct identity *identity, const struct journal_entry *entry) {
    uint64_t key = identity_journal_key(entry);
    assert(entry->kind >= JOURNAL_MERGE && entry->kind <= JOURNAL_SHARED_DEVICE);
    if (key && !pair_set_add(&identity->pairs, key))
        return;
    if (entry->kind == JOURNAL_CONFLICT)
        counter_add(&identity->conflict_count, 1);
    else if (entry->kind == JOURNAL_LIMIT)
        counter_add(&identity->limited_count, 1);
    else if (entry->kind == JOURNAL_SHARED_DEVICE)
        counter_add(&identity->moved_count, 1);
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
