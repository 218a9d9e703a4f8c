/* statistics: see the header. */
#include "insight/statistics.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define Z95 1.959963984540054
#define BUCKETS_BITS 14

struct interval share_interval(uint64_t part, uint64_t whole) {
    assert(part <= whole);
    if (whole == 0)
        return (struct interval){0, 1};
    double n = (double)whole, p = (double)part / n, z2 = Z95 * Z95;
    double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half = Z95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct interval){part == 0 ? 0 : fmax(0, middle - half), part == whole ? 1 : fmin(1, middle + half)};
}

double normal_two_sided(double z) { return erfc(fabs(z) / sqrt(2)); }

double shares_differ(uint64_t part_a, uint64_t whole_a, uint64_t part_b, uint64_t whole_b, double *z) {
    double value = 0, a = (double)whole_a, b = (double)whole_b;
    if (z)
        *z = 0;
    if (whole_a == 0 || whole_b == 0)
        return 1;
    double pooled = (double)(part_a + part_b) / (a + b), spread = sqrt(pooled * (1 - pooled) * (1 / a + 1 / b));
    if (spread > 0)
        value = ((double)part_a / a - (double)part_b / b) / spread;
    if (z)
        *z = value;
    return normal_two_sided(value);
}

struct tested {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b) {
    const struct tested *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->at > y->at) - (x->at < y->at);
}

void holm_adjust(double *p, size_t count) {
    struct tested *all = memory_get(count + 1, sizeof *all);
    double most = 0;
    for (size_t i = 0; i < count; i++)
        all[i] = (struct tested){p[i], i};
    qsort(all, count, sizeof *all, by_p);
    for (size_t i = 0; i < count; i++) {
        most = fmax(most, fmin(1, all[i].p * (double)(count - i)));
        p[all[i].at] = most;
    }
    free(all);
}

/* --- quantiles --- */

static int by_value(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Values of given ranks by counting into buckets of equal width, then the same within the buckets that ranks fall in, until few are left. The
 * first counting is shared by all ranks, and one passage takes the values of all buckets that are looked into: three passages in all. */
struct buckets {
    int64_t least;
    unsigned shift;
    uint32_t *counts; /* [1 << BUCKETS_BITS] */
};
struct piece { /* a bucket that is looked into */
    uint32_t bucket;
    size_t count;
    int64_t *values; /* of all of it */
};
struct selection {
    struct buckets all, inside;
    struct piece pieces[2 * QUANTILES_MAX];
    unsigned piece_count, held; /* the piece that `inside` is of, + 1 */
};

static uint32_t bucket_of(const struct buckets *b, int64_t value) {
    return (uint32_t)(((uint64_t)value - (uint64_t)b->least) >> b->shift);
}

static void fill_buckets(struct buckets *b, const int64_t *values, size_t count) {
    int64_t least = count ? values[0] : 0, most = least;
    for (size_t i = 0; i < count; i++) {
        least = values[i] < least ? values[i] : least;
        most = values[i] > most ? values[i] : most;
    }
    b->least = least;
    b->shift = 0;
    while ((((uint64_t)most - (uint64_t)least) >> b->shift) >> BUCKETS_BITS)
        b->shift++;
    memset(b->counts, 0, ((size_t)1 << BUCKETS_BITS) * sizeof *b->counts);
    for (size_t i = 0; i < count; i++)
        b->counts[bucket_of(b, values[i])]++;
}

/* The bucket a rank falls in; *rank becomes that within it. */
static uint32_t bucket_of_rank(const struct buckets *b, size_t *rank) {
    uint32_t bucket = 0;
    while (*rank >= b->counts[bucket])
        *rank -= b->counts[bucket++];
    return bucket;
}

static void want_rank(struct selection *s, size_t rank) {
    uint32_t bucket = bucket_of_rank(&s->all, &rank);
    for (unsigned i = 0; i < s->piece_count; i++)
        if (s->pieces[i].bucket == bucket)
            return;
    s->pieces[s->piece_count++] = (struct piece){.bucket = bucket};
}

static void take_pieces(struct selection *s, const int64_t *values, size_t count) {
    uint8_t *piece_of = memory_get((size_t)1 << BUCKETS_BITS, 1); /* + 1 */
    for (unsigned i = 0; i < s->piece_count; i++) {
        struct piece *p = &s->pieces[i];
        piece_of[p->bucket] = (uint8_t)(i + 1);
        p->values = memory_get(s->all.counts[p->bucket], sizeof *p->values);
    }
    for (size_t i = 0; i < count; i++) {
        uint8_t piece = piece_of[bucket_of(&s->all, values[i])];
        if (piece)
            s->pieces[piece - 1].values[s->pieces[piece - 1].count++] = values[i];
    }
    free(piece_of);
}

static int64_t ranked(struct selection *s, size_t rank) {
    uint32_t bucket = bucket_of_rank(&s->all, &rank), taken = 0;
    if (s->all.shift == 0)
        return s->all.least + bucket;
    unsigned i = 0;
    while (s->pieces[i].bucket != bucket)
        i++;
    const struct piece *p = &s->pieces[i];
    if (s->held != i + 1)
        fill_buckets(&s->inside, p->values, p->count);
    s->held = i + 1;
    bucket = bucket_of_rank(&s->inside, &rank);
    if (s->inside.shift == 0)
        return s->inside.least + bucket;
    int64_t *few = memory_get(s->inside.counts[bucket], sizeof *few);
    for (size_t k = 0; k < p->count; k++)
        if (bucket_of(&s->inside, p->values[k]) == bucket)
            few[taken++] = p->values[k];
    qsort(few, taken, sizeof *few, by_value);
    int64_t value = few[rank];
    free(few);
    return value;
}

/* The rank below quantile `q`, and how far towards the next one it lies. */
static size_t rank_of(double q, size_t count, double *part) {
    assert(q >= 0 && q <= 1);
    double place = q * (double)(count - 1);
    size_t rank = (size_t)place;
    *part = rank + 1 < count ? place - (double)rank : 0;
    return rank;
}

void quantiles_of(const int64_t *values, size_t count, const double *q, size_t quantile_count, double *out) {
    struct selection s = {0};
    double part;
    assert(quantile_count <= QUANTILES_MAX);
    for (size_t k = 0; k < quantile_count && count == 0; k++)
        out[k] = NAN;
    if (count == 0)
        return;
    s.all.counts = memory_get((size_t)2 << BUCKETS_BITS, sizeof *s.all.counts);
    s.inside.counts = s.all.counts + ((size_t)1 << BUCKETS_BITS);
    fill_buckets(&s.all, values, count);
    for (size_t k = 0; k < quantile_count; k++) {
        size_t rank = rank_of(q[k], count, &part);
        want_rank(&s, rank);
        if (part > 0)
            want_rank(&s, rank + 1);
    }
    if (s.all.shift)
        take_pieces(&s, values, count);
    for (size_t k = 0; k < quantile_count; k++) {
        size_t rank = rank_of(q[k], count, &part);
        int64_t low = ranked(&s, rank), high = part > 0 ? ranked(&s, rank + 1) : low;
        out[k] = (double)low + part * (double)(high - low);
    }
    for (unsigned i = 0; i < s.piece_count; i++)
        free(s.pieces[i].values);
    free(s.all.counts);
}
