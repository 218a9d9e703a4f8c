/* spread: see spread.h. */
#include "insight/spread.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void spread_sort(double *values, size_t count) { qsort(values, count, sizeof *values, by_value); }

double spread_quantile(const double *sorted, size_t count, double share) {
    if (count == 0)
        return 0;
    double at = share * (double)(count - 1);
    size_t below = (size_t)at;
    return below + 1 < count ? sorted[below] + (at - (double)below) * (sorted[below + 1] - sorted[below])
                             : sorted[count - 1];
}

double spread_median(double *values, size_t count) {
    spread_sort(values, count);
    return spread_quantile(values, count, 0.5);
}

double spread_mad(const double *values, size_t count, double median, double *scratch) {
    for (size_t i = 0; i < count; i++)
        scratch[i] = fabs(values[i] - median);
    return 1.4826 * spread_median(scratch, count);
}

/* --- scores --- */

unsigned spread_score(const double *cuts, unsigned cut_count, double value) {
    unsigned score = 1;
    for (unsigned i = 0; i < cut_count; i++)
        score += cuts[i] < value;
    return score;
}

void spread_cut_quantiles(const double *sorted, size_t count, unsigned parts, double *cuts) {
    for (unsigned i = 1; i < parts; i++) {
        size_t below = (size_t)ceil((double)count * i / parts);
        cuts[i - 1] = count ? sorted[below ? below - 1 : 0] : 0;
    }
}

/* A knot: neighbours taken as one; exact where there are at most SPREAD_KNOTS_MAX distinct values. */
struct knot {
    double low, high;           /* least and greatest in it */
    double count, sum, squares; /* of all up to and with it */
};

static size_t make_knots(const double *sorted, size_t count, struct knot *knots) {
    size_t distinct = 0, made = 0;
    for (size_t i = 0; i < count; i++)
        distinct += i == 0 || sorted[i] != sorted[i - 1];
    size_t least = distinct <= SPREAD_KNOTS_MAX ? 1 : count / (SPREAD_KNOTS_MAX - 1) + 1;
    double center = count ? sorted[count / 2] : 0, n = 0, sum = 0,
           squares = 0; /* centered: squares of large near values keep their bits */
    for (size_t i = 0; i < count;) {
        size_t end = i;
        while (end < count && (end - i < least || sorted[end] == sorted[end - 1])) {
            double d = sorted[end++] - center;
            n++, sum += d, squares += d * d;
        }
        knots[made++] = (struct knot){sorted[i], sorted[end - 1], n, sum, squares};
        i = end;
    }
    assert(made <= SPREAD_KNOTS_MAX);
    return made;
}

static double within(const struct knot *knots, size_t from, size_t to) { /* squares within knots from .. to */
    double n = knots[to].count, sum = knots[to].sum, squares = knots[to].squares;
    if (from) {
        n -= knots[from - 1].count;
        sum -= knots[from - 1].sum;
        squares -= knots[from - 1].squares;
    }
    return squares - sum * sum / n;
}

unsigned spread_cut_clusters(const double *sorted, size_t count, unsigned parts, double *cuts) {
    struct knot *knots = memory_get(SPREAD_KNOTS_MAX, sizeof *knots);
    size_t n = make_knots(sorted, count, knots);
    if (parts > n)
        parts = (unsigned)n;
    double *best =
        memory_get(parts * n + 1, sizeof *best); /* [parts][n]: least squares of knots 0 .. i in so many groups */
    uint16_t *begin = memory_get(parts * n + 1, sizeof *begin); /* where the last group begins */
    for (size_t i = 0; i < n && parts; i++)
        best[i] = within(knots, 0, i);
    for (unsigned p = 1; p < parts; p++)
        for (size_t i = p; i < n; i++) {
            best[p * n + i] = (double)INFINITY;
            for (size_t from = p; from <= i; from++) {
                double sum = best[(p - 1) * n + from - 1] + within(knots, from, i);
                if (sum < best[p * n + i]) {
                    best[p * n + i] = sum;
                    begin[p * n + i] = (uint16_t)from;
                }
            }
        }
    size_t last = n ? n - 1 : 0;
    for (unsigned p = parts; p-- > 1;) {
        size_t from = begin[p * n + last];
        cuts[p - 1] = knots[from - 1].high;
        last = from - 1;
    }
    free(knots);
    free(best);
    free(begin);
    return parts ? parts - 1 : 0;
}

/* --- concentration --- */

static double sum_of(const double *values, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return sum;
}

double spread_top_share(const double *sorted, size_t count, size_t top) {
    double sum = sum_of(sorted, count);
    assert(top <= count);
    return sum > 0 ? sum_of(sorted + (count - top), top) / sum : (double)NAN;
}

size_t spread_top_count(const double *sorted, size_t count, double share) {
    double wanted = share * sum_of(sorted, count) * (1 - 1e-12), sum = 0;
    size_t top = 0;
    while (top < count && sum < wanted)
        sum += sorted[count - ++top];
    return top;
}

double spread_gini(const double *sorted, size_t count) {
    double sum = 0, ranked = 0, n = (double)count;
    for (size_t i = 0; i < count; i++) {
        sum += sorted[i];
        ranked += (2 * (double)(i + 1) - n - 1) * sorted[i];
    }
    return sum > 0 ? ranked / (n * sum) : (double)NAN;
}
