/* key_order: customers are put down run by run, then ordered by how many rows they have, all of one number together: what a processor
 * mispredicts is how many rows come, so each number gets code of its own without a branch on the data. Few rows are ordered by counting for
 * each how many are before it: eight comparisons an instruction on times as coarse as 31 bits make them. Where those do not tell two rows
 * apart, and where there are many rows, runs are merged by the whole key.
 *
 * Tried: comparing whole keys, two an instruction, customer after customer (2.5 times as long); merging the heads of runs row by row (a
 * mispredicted branch a row). */
#include "insight/key_order.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/memory.h"

#define FEW 32 /* customers with fewer rows are ordered by counting */
#define RUNS_MAX 64

#define LANES 8

typedef uint64_t longs __attribute__((vector_size(32)));
typedef int32_t ints __attribute__((vector_size(32)));
typedef uint32_t unsigneds __attribute__((vector_size(32)));

struct key_lists {
    uint16_t all[FEW + 1][KEY_CUSTOMERS]; /* customers by number of rows; the last: FEW and more */
    uint32_t counts[FEW + 1];
};
struct coarse {
    int shift;
    uint32_t low;
};

void key_order_release(struct key_order *o) {
    free(o->all);
    free(o->starts);
    free(o->gathered);
    free(o->lists);
    *o = (struct key_order){0};
}

static void make_room(struct key_order *o, const struct key_run *runs, unsigned run_count, uint32_t first,
                      uint32_t count) {
    size_t most = 0;
    for (unsigned r = 0; r < run_count; r++)
        most += runs[r].starts[first + count] - runs[r].starts[first];
    if (!o->lists) {
        o->lists = memory_get(1, sizeof *o->lists);
        o->starts = memory_get(KEY_CUSTOMERS + 1, sizeof *o->starts);
    }
    if (most + 1 > o->room) {
        o->room = 2 * (most + 1);
        free(o->all);
        free(o->gathered);
        o->all = memory_get(o->room + FEW + KEY_PADDING, sizeof *o->all);
        o->gathered = memory_get(o->room + FEW + KEY_PADDING, sizeof *o->gathered);
    }
}

/* --- putting down --- */

/* Eight keys at a time, and what is too much is written over by the next. */
static inline __attribute__((always_inline)) uint64_t *put(uint64_t *out, const struct key_run *run, uint32_t i,
                                                           uint64_t customer) {
    const uint32_t begin = run->starts[i] - run->starts[0], end = run->starts[i + 1] - run->starts[0];
    const longs who = {customer, customer, customer, customer};
    uint32_t at = begin;
    do {
        longs a, b;
        memcpy(&a, run->keys + at, sizeof a);
        memcpy(&b, run->keys + at + 4, sizeof b);
        a |= who;
        b |= who;
        memcpy(out + (at - begin), &a, sizeof a);
        memcpy(out + (at - begin) + 4, &b, sizeof b);
        at += LANES;
    } while (at < end);
    return out + (end - begin);
}

CLONES static void gather(struct key_order *o, const struct key_run *runs, unsigned run_count, uint32_t first,
                          uint32_t count, const uint64_t *asked) {
    struct key_lists *l = o->lists;
    uint64_t *out = o->gathered;
    memset(l->counts, 0, sizeof l->counts);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)(out - o->gathered);
        o->starts[i] = at;
        if (!(asked[(first + i) / 64] >> (i % 64) & 1))
            continue;
        for (unsigned r = 0; r < run_count; r++)
            out = put(out, &runs[r], first + i, (uint64_t)i << (KEY_TIME_BITS + 8));
        const size_t rows = (size_t)(out - o->gathered) - at, list = rows < FEW ? rows : FEW;
        l->all[list][l->counts[list]++] = (uint16_t)i;
    }
    o->starts[count] = (uint32_t)(out - o->gathered);
}

/* --- many, or hard to tell apart --- */

static void merge(const uint64_t *a, const uint64_t *a_end, const uint64_t *b, const uint64_t *b_end, uint64_t *out) {
    while (a < a_end && b < b_end) {
        const uint64_t x = *a, y = *b;
        const bool second = y < x;
        *out++ = second ? y : x;
        a += !second;
        b += second;
    }
    memcpy(out, a, (size_t)(a_end - a) * sizeof *a);
    memcpy(out + (a_end - a), b, (size_t)(b_end - b) * sizeof *b);
}

/* Of neighbouring runs each two are merged until one is left. `ends` [count + 1], the first 0. Returns where it is. */
static uint64_t *merge_runs(uint64_t *from, uint64_t *into, size_t *ends, size_t count) {
    while (count > 1) {
        size_t kept = 0;
        for (size_t r = 0; r < count; r += 2) {
            const size_t last = r + 1 < count ? r + 2 : r + 1;
            merge(from + ends[r], from + ends[r + 1], from + ends[r + 1], from + ends[last], into + ends[r]);
            ends[++kept] = ends[last];
        }
        uint64_t *other = from;
        from = into;
        into = other;
        count = kept;
    }
    return from;
}

static bool has_ties(const uint64_t *keys, size_t count) {
    bool ties = false;
    for (size_t k = 1; k < count; k++)
        ties |= (keys[k] >> 8 == keys[k - 1] >> 8) & (keys[k] != keys[k - 1]);
    return ties;
}

static void order_exactly(struct key_order *o, const struct key_run *runs, unsigned run_count, uint32_t first,
                          uint32_t i) {
    size_t ends[RUNS_MAX + 1] = {0}, count = 0;
    const uint32_t at = o->starts[i], all = o->starts[i + 1] - at;
    for (unsigned r = 0; r < run_count; r++) {
        const uint32_t rows = runs[r].starts[first + i + 1] - runs[r].starts[first + i];
        if (rows == 0)
            continue;
        ends[count + 1] = ends[count] + rows;
        count++;
    }
    const uint64_t *merged = merge_runs(o->gathered + at, o->all + at, ends, count);
    if (merged != o->all + at)
        memcpy(o->all + at, merged, all * sizeof *merged);
    if (has_ties(o->all + at, all))
        o->tied[i / 64] |= UINT64_C(1) << (i % 64);
}

/* --- few --- */

/* Vectors pass by address: how they pass by value depends on what a processor has. */
static inline __attribute__((always_inline)) void coarse_of(const uint64_t *keys, struct coarse c, ints *out) {
    longs a, b;
    memcpy(&a, keys, sizeof a);
    memcpy(&b, keys + 4, sizeof b);
    a >>= c.shift;
    b >>= c.shift;
    *out = (ints)((unsigneds)__builtin_shufflevector((ints)a, (ints)b, 0, 2, 4, 6, 8, 10, 12, 14) - c.low);
}

/* `n` keys in `vectors` vectors, of the last one's lanes those set in `beyond` are none. False where two are as coarse times the same: both
 * would take the same place, so the sum of places is not that of 0 .. n - 1. */
static inline __attribute__((always_inline)) bool place(const uint64_t *in, uint64_t *out, uint32_t n,
                                                        const unsigned vectors, struct coarse c, const ints *beyond) {
    ints time[FEW / LANES], before[FEW / LANES] = {{0}}, sum = {0};
    int32_t places[FEW], times[FEW]; /* in memory too, from where one is spread to all lanes */
#pragma GCC unroll 4
    for (unsigned v = 0; v < vectors; v++)
        coarse_of(in + v * LANES, c, &time[v]);
    time[vectors - 1] = (time[vectors - 1] & ~*beyond) | (*beyond & INT32_MAX);
    memcpy(times, time, vectors * sizeof *time);
#pragma GCC unroll 32
    for (unsigned i = 0; i < vectors * LANES; i++)
#pragma GCC unroll 4
        for (unsigned v = 0; v < vectors; v++)
            before[v] += time[v] > times[i];
#pragma GCC unroll 4
    for (unsigned v = 0; v < vectors; v++) {
        before[v] = -before[v];
        sum += before[v];
    }
    memcpy(places, before, vectors * sizeof *before);
    for (uint32_t i = 0; i < n; i++)
        out[places[i]] = in[i];
    const int32_t all = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
    return (uint32_t)all == n * (n - 1) / 2 + (vectors * LANES - n) * n;
}

struct few {
    struct key_order *order;
    const struct key_run *runs;
    unsigned run_count;
    uint32_t first;
    struct coarse coarse;
};

static inline __attribute__((always_inline)) void place_all(const struct few *f, uint32_t n, const unsigned vectors) {
    struct key_order *o = f->order;
    const struct key_lists *l = o->lists;
    ints beyond = {0};
    for (uint32_t lane = 0; lane < LANES; lane++)
        beyond[lane] = (vectors - 1) * LANES + lane < n ? 0 : -1;
    for (uint32_t k = 0; k < l->counts[n]; k++) {
        const uint32_t i = l->all[n][k], at = o->starts[i];
        if (!place(o->gathered + at, o->all + at, n, vectors, f->coarse, &beyond))
            order_exactly(o, f->runs, f->run_count, f->first, i);
    }
}

CLONES static void order_few(const struct few *f, uint32_t n) {
    switch ((n + LANES - 1) / LANES) {
#define VECTORS(count)                                                                                                 \
    case count:                                                                                                        \
        place_all(f, n, count);                                                                                        \
        return;
        VECTORS(1)
        VECTORS(2)
        VECTORS(3)
        VECTORS(4)
#undef VECTORS
    default:
        assert(!"fewer than FEW rows");
    }
}

/* Times as 31 bits that keep the order of those that are apart enough. */
static struct coarse coarse_between(int64_t low, int64_t high) {
    const uint64_t from = key_of(low, 0), to = key_of(high, 0);
    struct coarse c = {.shift = 8};
    while ((to >> c.shift) - (from >> c.shift) >= INT32_MAX)
        c.shift++;
    c.low = (uint32_t)(from >> c.shift);
    return c;
}

size_t key_order_run(struct key_order *o, const struct key_run *runs, unsigned run_count, uint32_t first,
                     uint32_t count, const uint64_t *asked, int64_t low, int64_t high) {
    const struct few few = {o, runs, run_count, first, coarse_between(low, high)};
    assert(run_count <= RUNS_MAX && count <= KEY_CUSTOMERS && first % 64 == 0);
    assert(low <= high && low >= -KEY_TIME_MAX - 1 && high <= KEY_TIME_MAX);
    make_room(o, runs, run_count, first, count);
    gather(o, runs, run_count, first, count, asked);
    memset(o->tied, 0, sizeof o->tied);
    const struct key_lists *l = o->lists;
    for (uint32_t k = 0; k < l->counts[1]; k++)
        o->all[o->starts[l->all[1][k]]] = o->gathered[o->starts[l->all[1][k]]];
    for (uint32_t n = 2; n < FEW; n++)
        if (l->counts[n])
            order_few(&few, n);
    for (uint32_t k = 0; k < l->counts[FEW]; k++)
        order_exactly(o, runs, run_count, first, l->all[FEW][k]);
    return o->starts[count];
}
