/* members: see the header. A set is a directory of blocks of span pointers, so that a set of few spans is small and one of
 * 2^32 customers is still found in three steps. */
#include "audience/members.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/pages.h"

#define BLOCK_SPANS 1024u
#define SET_BLOCKS 1024u /* 2^32 customers in all */

struct span_bits {
    _Atomic uint64_t words[SPAN_WORDS];
};
struct block {
    _Atomic(struct span_bits *) spans[BLOCK_SPANS];
};
struct set {
    _Atomic uint64_t count;
    _Atomic(struct block *) blocks[SET_BLOCKS];
};
struct members {
    _Atomic(struct set *) sets[MEMBERS_SETS_MAX];
    _Atomic uint32_t spans;
    _Atomic uint64_t bytes;
};

struct members *members_create(void) {
    return memory_get(1, sizeof(struct members));
}

static void free_block(struct block *block) {
    for (uint32_t i = 0; i < BLOCK_SPANS; i++)
        pages_free(atomic_load(&block->spans[i]), sizeof(struct span_bits));
    free(block);
}

static void free_set(struct set *set) {
    for (uint32_t i = 0; i < SET_BLOCKS; i++) {
        struct block *block = atomic_load(&set->blocks[i]);
        if (block)
            free_block(block);
    }
    free(set);
}

void members_free(struct members *m) {
    if (!m)
        return;
    for (uint32_t i = 0; i < MEMBERS_SETS_MAX; i++) {
        struct set *set = atomic_load(&m->sets[i]);
        if (set)
            free_set(set);
    }
    free(m);
}

/* --- finding and making --- */

static struct set *find_set(const struct members *m, uint32_t set) {
    assert(set < MEMBERS_SETS_MAX);
    return atomic_load_explicit(&((struct members *)m)->sets[set], memory_order_acquire);
}

static struct span_bits *find_in(struct set *set, uint32_t span) {
    struct block *block = set ? atomic_load_explicit(&set->blocks[span / BLOCK_SPANS], memory_order_acquire) : NULL;
    return block ? atomic_load_explicit(&block->spans[span % BLOCK_SPANS], memory_order_acquire) : NULL;
}

static struct set *make_set(struct members *m, uint32_t number) {
    struct set *set = find_set(m, number);
    if (!set) {
        set = memory_get(1, sizeof *set);
        atomic_fetch_add(&m->bytes, sizeof *set);
        atomic_store_explicit(&m->sets[number], set, memory_order_release);
    }
    return set;
}

static struct span_bits *make_span(struct members *m, struct set *set, uint32_t span) {
    struct block *block = atomic_load(&set->blocks[span / BLOCK_SPANS]);
    if (!block) {
        block = memory_get(1, sizeof *block);
        atomic_fetch_add(&m->bytes, sizeof *block);
        atomic_store_explicit(&set->blocks[span / BLOCK_SPANS], block, memory_order_release);
    }
    struct span_bits *bits = atomic_load(&block->spans[span % BLOCK_SPANS]);
    if (!bits) {
        bits = pages_get(sizeof *bits);
        atomic_fetch_add(&m->bytes, sizeof *bits);
        atomic_store_explicit(&block->spans[span % BLOCK_SPANS], bits, memory_order_release);
        if (span >= atomic_load(&m->spans))
            atomic_store_explicit(&m->spans, span + 1, memory_order_release);
    }
    return bits;
}

static uint64_t word(const struct span_bits *bits, uint32_t i) {
    return atomic_load_explicit(&((struct span_bits *)bits)->words[i], memory_order_relaxed);
}

static void put_word(struct span_bits *bits, uint32_t i, uint64_t value) {
    atomic_store_explicit(&bits->words[i], value, memory_order_relaxed);
}

/* --- changing --- */

bool members_put(struct members *m, uint32_t number, struct customer_id customer, bool in) {
    uint32_t span = span_of(customer), place = place_in_span(customer);
    uint64_t bit = UINT64_C(1) << place % 64;
    struct set *set = find_set(m, number);
    struct span_bits *bits = find_in(set, span);
    uint64_t old = bits ? word(bits, place / 64) : 0;
    if (((old & bit) != 0) == in)
        return false;
    if (!bits) {
        set = make_set(m, number);
        bits = make_span(m, set, span);
    }
    put_word(bits, place / 64, old ^ bit);
    assert(in || atomic_load(&set->count) > 0);
    atomic_fetch_add_explicit(&set->count, in ? 1 : UINT64_MAX, memory_order_relaxed);
    return true;
}

bool members_put_span(struct members *m, uint32_t number, uint32_t span, const uint64_t bits[SPAN_WORDS],
                      uint64_t changed[SPAN_WORDS]) {
    struct set *set = find_set(m, number);
    struct span_bits *old = find_in(set, span);
    uint64_t any = 0, count = 0;
    for (uint32_t i = 0; i < SPAN_WORDS; i++)
        any |= changed[i] = (old ? word(old, i) : 0) ^ bits[i];
    if (!any)
        return false;
    if (!old) {
        set = make_set(m, number);
        old = make_span(m, set, span);
    }
    for (uint32_t i = 0; i < SPAN_WORDS; i++) {
        count += (uint64_t)__builtin_popcountll(bits[i]) - (uint64_t)__builtin_popcountll(word(old, i));
        put_word(old, i, bits[i]);
    }
    atomic_fetch_add_explicit(&set->count, count, memory_order_relaxed);
    return true;
}

void members_clear(struct members *m, uint32_t number) {
    static const uint64_t none[SPAN_WORDS];
    uint64_t changed[SPAN_WORDS];
    uint32_t spans = members_spans(m);
    for (uint32_t span = 0; span < spans; span++)
        members_put_span(m, number, span, none, changed);
    assert(members_count(m, number) == 0);
}

void members_prefetch(const struct members *m, uint32_t set, struct customer_id customer) {
    const struct span_bits *bits = find_in(find_set(m, set), span_of(customer));
    if (bits)
        __builtin_prefetch((const void *)&bits->words[place_in_span(customer) / 64], 1);
}

/* --- reading --- */

bool members_has(const struct members *m, uint32_t set, struct customer_id customer) {
    struct span_bits *bits = find_in(find_set(m, set), span_of(customer));
    uint32_t place = place_in_span(customer);
    return bits && (word(bits, place / 64) >> place % 64 & 1);
}

void members_span(const struct members *m, uint32_t set, uint32_t span, uint64_t bits[SPAN_WORDS]) {
    struct span_bits *found = find_in(find_set(m, set), span);
    for (uint32_t i = 0; i < SPAN_WORDS; i++)
        bits[i] = found ? word(found, i) : 0;
}

uint64_t members_count(const struct members *m, uint32_t number) {
    struct set *set = find_set(m, number);
    return set ? atomic_load_explicit(&set->count, memory_order_relaxed) : 0;
}

uint32_t members_spans(const struct members *m) {
    return atomic_load_explicit(&((struct members *)m)->spans, memory_order_acquire);
}

uint64_t members_bytes(const struct members *m) {
    return sizeof *m + atomic_load_explicit(&((struct members *)m)->bytes, memory_order_relaxed);
}

/* Members of one span from place `from` on. */
static size_t page_span(const struct span_bits *bits, uint32_t span, uint32_t from, struct customer_id *page,
                        size_t limit) {
    size_t count = 0;
    for (uint32_t i = from / 64; i < SPAN_WORDS; i++) {
        uint64_t left = word(bits, i);
        if (i == from / 64)
            left &= UINT64_MAX << from % 64;
        for (; left && count < limit; left &= left - 1)
            page[count++].number = span * SPAN_CUSTOMERS + i * 64 + (uint32_t)__builtin_ctzll(left);
    }
    return count;
}

size_t members_page(const struct members *m, uint32_t number, struct customer_id after, struct customer_id *page,
                    size_t limit) {
    struct set *set = find_set(m, number);
    uint32_t spans = set && after.number != UINT32_MAX ? members_spans(m) : 0;
    struct customer_id next = {after.number + 1};
    size_t count = 0;
    for (uint32_t span = span_of(next); span < spans && count < limit; span++) {
        const struct span_bits *bits = find_in(set, span);
        if (bits)
            count +=
                page_span(bits, span, span == span_of(next) ? place_in_span(next) : 0, page + count, limit - count);
    }
    return count;
}

/* Counts of one span: `inside[mask]` customers in all sets of mask. */
static void overlap_span(const struct span_bits *const *bits, size_t count, uint64_t inside[16]) {
    for (uint32_t i = 0; i < SPAN_WORDS; i++) {
        uint64_t both[16] = {UINT64_MAX};
        for (uint32_t mask = 1; mask < 1u << count; mask++) {
            uint32_t first = (uint32_t)__builtin_ctz(mask);
            both[mask] = both[mask & (mask - 1)] & (bits[first] ? word(bits[first], i) : 0);
            inside[mask] += (uint64_t)__builtin_popcountll(both[mask]);
        }
    }
}

/* In all sets of a mask, less those in one more, is in exactly those of the mask: from the fullest mask down. */
void members_overlap(const struct members *m, const uint32_t *sets, size_t count, uint64_t counts[16]) {
    uint32_t spans = members_spans(m);
    struct set *found[4] = {0};
    assert(count >= 1 && count <= 4);
    for (uint32_t mask = 0; mask < 16; mask++)
        counts[mask] = 0;
    for (size_t i = 0; i < count; i++)
        found[i] = find_set(m, sets[i]);
    for (uint32_t span = 0; span < spans; span++) {
        const struct span_bits *bits[4] = {0};
        bool any = false;
        for (size_t i = 0; i < count; i++)
            any |= (bits[i] = find_in(found[i], span)) != NULL;
        if (any)
            overlap_span(bits, count, counts);
    }
    for (size_t i = 0; i < count; i++)
        for (uint32_t mask = 1; mask < 1u << count; mask++)
            if (!(mask >> i & 1))
                counts[mask] -= counts[mask | 1u << i];
}

/* --- saving --- */

static bool span_empty(const struct span_bits *bits) {
    uint64_t any = 0;
    for (uint32_t i = 0; bits && i < SPAN_WORDS; i++)
        any |= word(bits, i);
    return !any;
}

void members_save(const struct members *m, struct buffer *out) {
    uint32_t spans = members_spans(m);
    for (uint32_t number = 0; number < MEMBERS_SETS_MAX; number++) {
        struct set *set = find_set(m, number);
        for (uint32_t span = 0; set && span < spans; span++) {
            if (span_empty(find_in(set, span)))
                continue;
            struct saved_members saved = {.set = number, .span = span};
            members_span(m, number, span, saved.bits);
            buffer_add(out, &saved, sizeof saved);
        }
    }
}

enum status members_load(struct members *m, struct slice saved, struct fault *fault) {
    struct saved_members s;
    uint64_t changed[SPAN_WORDS];
    if (saved.size % sizeof s)
        return fault_set(fault, STATUS_DAMAGED, "section audience.members has %zu bytes", saved.size);
    for (size_t at = 0; at < saved.size; at += sizeof s) {
        memcpy(&s, saved.data + at, sizeof s);
        if (s.set >= MEMBERS_SETS_MAX || s.span >= BLOCK_SPANS * SET_BLOCKS)
            return fault_set(fault, STATUS_DAMAGED, "section audience.members: set %u, span %u", s.set, s.span);
        members_put_span(m, s.set, s.span, s.bits, changed);
    }
    return STATUS_OK;
}
