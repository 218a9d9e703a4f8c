/* timers: see the header. */
#include "audience/timers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/pages.h"

#define BLOCKS 64u
#define BLOCK_CUSTOMERS (SPAN_CUSTOMERS / BLOCKS)
#define SPANS_MAX (1u << 20)

struct span_timers {
    int64_t least;
    int64_t blocks[BLOCKS];
    int64_t moments[SPAN_CUSTOMERS];
};

struct timers {
    struct span_timers **spans; /* [leaves] */
    int64_t *tree;              /* [2 * leaves]: tree[1] is the least of all, tree[leaves + span] a span's */
    uint32_t leaves;            /* a power of two */
    uint64_t bytes;
    _Atomic int64_t next; /* = tree[1], for other threads */
};

static void take_leaves(struct timers *t, uint32_t leaves) {
    struct span_timers **spans = memory_get(leaves, sizeof(struct span_timers *));
    int64_t *tree = memory_get(2 * (size_t)leaves, sizeof *tree);
    for (uint32_t i = 0; i < t->leaves; i++)
        spans[i] = t->spans[i];
    for (uint32_t i = 0; i < leaves; i++)
        tree[leaves + i] = spans[i] ? spans[i]->least : TIMER_NEVER;
    for (uint32_t i = leaves - 1; i >= 1; i--)
        tree[i] = tree[2 * i] < tree[2 * i + 1] ? tree[2 * i] : tree[2 * i + 1];
    free(t->spans);
    free(t->tree);
    t->spans = spans;
    t->tree = tree;
    t->leaves = leaves;
}

struct timers *timers_create(void) {
    struct timers *t = memory_get(1, sizeof *t);
    take_leaves(t, 64);
    atomic_store(&t->next, TIMER_NEVER);
    return t;
}

static void free_spans(struct timers *t) {
    for (uint32_t i = 0; i < t->leaves; i++)
        pages_free(t->spans[i], sizeof *t->spans[i]);
    free(t->spans);
    free(t->tree);
}

void timers_free(struct timers *t) {
    if (!t)
        return;
    free_spans(t);
    free(t);
}

void timers_clear(struct timers *t) {
    free_spans(t);
    t->spans = NULL;
    t->tree = NULL;
    t->leaves = 0;
    t->bytes = 0;
    take_leaves(t, 64);
    atomic_store(&t->next, TIMER_NEVER);
}

static struct span_timers *make_span(struct timers *t, uint32_t span) {
    assert(span < SPANS_MAX);
    if (span >= t->leaves) {
        uint32_t leaves = t->leaves;
        while (leaves <= span)
            leaves *= 2;
        take_leaves(t, leaves);
    }
    if (!t->spans[span]) {
        struct span_timers *s = t->spans[span] = pages_take(sizeof *s);
        t->bytes += sizeof *s;
        s->least = TIMER_NEVER;
        for (uint32_t i = 0; i < BLOCKS; i++)
            s->blocks[i] = TIMER_NEVER;
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            s->moments[i] = TIMER_NEVER;
    }
    return t->spans[span];
}

void timers_prefetch(const struct timers *t, struct customer_id customer) {
    const struct span_timers *s = span_of(customer) < t->leaves ? t->spans[span_of(customer)] : NULL;
    if (s)
        __builtin_prefetch(&s->moments[place_in_span(customer)], 1);
}

static int64_t least_of(const int64_t *moments, uint32_t count) {
    int64_t least = TIMER_NEVER;
    for (uint32_t i = 0; i < count; i++)
        least = moments[i] < least ? moments[i] : least;
    return least;
}

/* Brings the tree up to date with a span's least. */
static void climb(struct timers *t, uint32_t span) {
    int64_t least = t->spans[span]->least;
    uint32_t at = t->leaves + span;
    if (t->tree[at] == least)
        return;
    t->tree[at] = least;
    while (at > 1) {
        at /= 2;
        int64_t both = t->tree[2 * at] < t->tree[2 * at + 1] ? t->tree[2 * at] : t->tree[2 * at + 1];
        if (t->tree[at] == both)
            return;
        t->tree[at] = both;
    }
    atomic_store_explicit(&t->next, t->tree[1], memory_order_release);
}

int64_t timers_get(const struct timers *t, struct customer_id customer) {
    uint32_t span = span_of(customer);
    return span < t->leaves && t->spans[span] ? t->spans[span]->moments[place_in_span(customer)] : TIMER_NEVER;
}

void timers_set(struct timers *t, struct customer_id customer, int64_t moment_ms) {
    uint32_t place = place_in_span(customer), block = place / BLOCK_CUSTOMERS;
    int64_t old = timers_get(t, customer);
    if (old == moment_ms)
        return;
    struct span_timers *s = make_span(t, span_of(customer));
    int64_t block_old = s->blocks[block];
    s->moments[place] = moment_ms;
    if (moment_ms < block_old)
        s->blocks[block] = moment_ms;
    else if (old == block_old)
        s->blocks[block] = least_of(s->moments + (size_t)block * BLOCK_CUSTOMERS, BLOCK_CUSTOMERS);
    if (s->blocks[block] < s->least)
        s->least = s->blocks[block];
    else if (s->blocks[block] != block_old && block_old == s->least)
        s->least = least_of(s->blocks, BLOCKS);
    climb(t, span_of(customer));
}

void timers_set_span(struct timers *t, uint32_t span, const int64_t moments[SPAN_CUSTOMERS]) {
    struct span_timers *s = make_span(t, span);
    memcpy(s->moments, moments, sizeof s->moments);
    for (uint32_t i = 0; i < BLOCKS; i++)
        s->blocks[i] = least_of(s->moments + (size_t)i * BLOCK_CUSTOMERS, BLOCK_CUSTOMERS);
    s->least = least_of(s->blocks, BLOCKS);
    climb(t, span);
}

int64_t timers_next(const struct timers *t) {
    return atomic_load_explicit(&((struct timers *)t)->next, memory_order_acquire);
}

uint32_t timers_span_due(const struct timers *t, uint32_t from, int64_t moment_ms) {
    assert(moment_ms != TIMER_NEVER);
    for (uint32_t span = from; span < t->leaves; span++)
        if (t->tree[t->leaves + span] == moment_ms)
            return span;
    return UINT32_MAX;
}

uint32_t timers_due(const struct timers *t, uint32_t span, int64_t moment_ms, uint16_t places[SPAN_CUSTOMERS]) {
    const struct span_timers *s = t->spans[span];
    uint32_t count = 0;
    for (uint32_t block = 0; block < BLOCKS; block++) {
        if (s->blocks[block] != moment_ms)
            continue;
        for (uint32_t i = block * BLOCK_CUSTOMERS; i < (block + 1) * BLOCK_CUSTOMERS; i++)
            if (s->moments[i] == moment_ms)
                places[count++] = (uint16_t)i;
    }
    return count;
}

uint64_t timers_bytes(const struct timers *t) { return t->bytes + (uint64_t)t->leaves * 24; }

void timers_save(const struct timers *t, struct buffer *out) {
    for (uint32_t i = 0; i < t->leaves; i++) {
        uint64_t span = i;
        if (!t->spans[i] || t->spans[i]->least == TIMER_NEVER)
            continue;
        buffer_add(out, &span, sizeof span);
        buffer_add(out, t->spans[i]->moments, sizeof t->spans[i]->moments);
    }
}

enum status timers_load(struct timers *t, struct slice saved, struct fault *fault) {
    struct saved_timers *s = memory_get(1, sizeof *s);
    enum status status = STATUS_OK;
    if (saved.size % sizeof *s)
        status = fault_set(fault, STATUS_DAMAGED, "section audience.timers has %zu bytes", saved.size);
    for (size_t at = 0; at < saved.size && !status; at += sizeof *s) {
        memcpy(s, saved.data + at, sizeof *s);
        if (s->span >= SPANS_MAX)
            status =
                fault_set(fault, STATUS_DAMAGED, "section audience.timers: span %llu", (unsigned long long)s->span);
        else
            timers_set_span(t, (uint32_t)s->span, s->moments_ms);
    }
    free(s);
    return status;
}
