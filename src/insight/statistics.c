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

/* The value of rank `rank` (from 0): counting into buckets of equal width, then the same within the bucket it falls in, until few are left. The
 * first counting is shared by all ranks, and so are the values of the bucket that was looked into last. */
struct buckets {
    const int64_t *values;
    size_t count;
    int64_t least;
    unsigned shift;
    uint32_t *counts; /* [1 << BUCKETS_BITS] */
};
struct selection {
    struct buckets all, inside;
    uint32_t held; /* whose values are in `inside` */
    int64_t *room[2];
    size_t room_count[2];
};

static uint32_t bucket_of(const struct buckets *b, int64_t value) {
    return (uint32_t)(((uint64_t)value - (uint64_t)b->least) >> b->shift);
}

static void fill_buckets(struct buckets *b, const int64_t *values, size_t count) {
    int64_t most = count ? values[0] : 0;
    b->values = values;
    b->count = count;
    b->least = most;
    b->shift = 0;
    for (size_t i = 0; i < count; i++) {
        b->least = values[i] < b->least ? values[i] : b->least;
        most = values[i] > most ? values[i] : most;
    }
    while ((((uint64_t)most - (uint64_t)b->least) >> b->shift) >> BUCKETS_BITS)
        b->shift++;
    memset(b->counts, 0, ((size_t)1 << BUCKETS_BITS) * sizeof *b->counts);
    for (size_t i = 0; i < count; i++)
        b->counts[bucket_of(b, values[i])]++;
}

/* The values of a bucket, into one of two rooms in turn. */
static const int64_t *values_in(struct selection *s, const struct buckets *b, uint32_t bucket, unsigned room) {
    size_t count = b->counts[bucket], taken = 0;
    if (s->room_count[room] < count) {
        s->room_count[room] = count;
        s->room[room] = memory_resize(s->room[room], count, sizeof **s->room);
    }
    for (size_t i = 0; i < b->count; i++)
        if (bucket_of(b, b->values[i]) == bucket)
            s->room[room][taken++] = b->values[i];
    return s->room[room];
}

static uint32_t bucket_of_rank(const struct buckets *b, size_t *rank) {
    uint32_t bucket = 0;
    while (*rank >= b->counts[bucket])
        *rank -= b->counts[bucket++];
    return bucket;
}

static int64_t ranked(struct selection *s, size_t rank) {
    uint32_t bucket = bucket_of_rank(&s->all, &rank);
    if (s->all.shift == 0)
        return s->all.least + bucket;
    if (s->held != bucket) {
        size_t count = s->all.counts[bucket];
        fill_buckets(&s->inside, values_in(s, &s->all, bucket, 0), count);
        s->held = bucket;
    }
    bucket = bucket_of_rank(&s->inside, &rank);
    if (s->inside.shift == 0)
        return s->inside.least + bucket;
    size_t count = s->inside.counts[bucket];
    int64_t *few = (int64_t *)values_in(s, &s->inside, bucket, 1);
    qsort(few, count, sizeof *few, by_value);
    return few[rank];
}

void quantiles_of(const int64_t *values, size_t count, const double *q, size_t quantile_count, double *out) {
    struct selection s = {.held = UINT32_MAX};
    s.all.counts = memory_get((size_t)2 << BUCKETS_BITS, sizeof *s.all.counts);
    s.inside.counts = s.all.counts + ((size_t)1 << BUCKETS_BITS);
    fill_buckets(&s.all, values, count);
    for (size_t k = 0; k < quantile_count; k++) {
        assert(q[k] >= 0 && q[k] <= 1);
        if (count == 0) {
            out[k] = NAN;
            continue;
        }
        double place = q[k] * (double)(count - 1);
        size_t rank = (size_t)place;
        int64_t low = ranked(&s, rank), high = rank + 1 < count && place > (double)rank ? ranked(&s, rank + 1) : low;
        out[k] = (double)low + (place - (double)rank) * (double)(high - low);
    }
    free(s.all.counts);
    free(s.room[0]);
    free(s.room[1]);
}
