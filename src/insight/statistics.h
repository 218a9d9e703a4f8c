/* statistics: what an analyst checks a figure by: intervals, tests, exact percentiles. Free functions over plain numbers. */
#ifndef ONEFOLD_INSIGHT_STATISTICS_H
#define ONEFOLD_INSIGHT_STATISTICS_H

#include <stddef.h>
#include <stdint.h>

#define SAMPLE_SMALL 30 /* groups below it are named as too small in notes */

struct interval {
    double low, high;
};
/* Wilson's score interval of a share at 95 % (Wilson 1927): holds for small counts and shares near 0 and 1, where p +- 1.96 s does not.
 * `whole` 0 gives [0, 1]. */
struct interval share_interval(uint64_t part, uint64_t whole);
/* Two-sided p of "both shares are the same" by the two-proportion z test, pooled (Fleiss, Statistical Methods for Rates and Proportions, ch. 2).
 * 1 where one of them has nobody, or all are alike. *z may be NULL. */
double shares_differ(uint64_t part_a, uint64_t whole_a, uint64_t part_b, uint64_t whole_b, double *z);
/* Two-sided p of a standard normal z. */
double normal_two_sided(double z);
/* Holm's correction for several tests at once: p[i] becomes the adjusted one. Cost: O(n log n). */
void holm_adjust(double *p, size_t count);

/* How many tests it is to hold each of several groups against all others: of two it is one, which is said twice. */
static inline size_t group_tests(size_t groups) { return groups == 2 ? 1 : groups; }

/* Quantiles of `values`, exact, between two neighbours by straight line (the default of R and NumPy: type 7). `q` [at most QUANTILES_MAX] in [0, 1].
 * `count` 0: NaN. Order of the values does not matter and is kept. Cost: three passes and sorting of the few buckets the quantiles fall in. */
#define QUANTILES_MAX 64
void quantiles_of(const int64_t *values, size_t count, const double *q, size_t quantile_count, double *out);

#endif
