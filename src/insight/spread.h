/* spread: how a number is spread over customers: cuts into scores, the share of the few, order statistics. Free functions over plain arrays.
 *
 * Thread: any. Nothing here is random; equal input gives equal bits. */
#ifndef ONEFOLD_INSIGHT_SPREAD_H
#define ONEFOLD_INSIGHT_SPREAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void spread_sort(double *values, size_t count); /* ascending; no NaN among them */

/* The value below which a share of `sorted` lies, between two neighbours in proportion (R's type 7, numpy's default). 0 of none. */
double spread_quantile(const double *sorted, size_t count, double share);
double spread_median(double *values, size_t count); /* puts `values` in order */
/* The median distance from the median, times 1.4826: the standard deviation where values are normal, and unmoved by a few that are not. */
double spread_mad(const double *values, size_t count, double median, double *scratch);

/* --- scores: value v has score 1 + how many cuts are < v (so a cut itself belongs below), 1 .. cut_count + 1 --- */
#define SPREAD_CUTS_MAX 19
unsigned spread_score(const double *cuts, unsigned cut_count, double value);
/* Cuts into `parts` of about equal size, at quantiles; equal values never part, so with many equals some scores stay empty. */
void spread_cut_quantiles(const double *sorted, size_t count, unsigned parts, double *cuts);
/* Cuts between `parts` groups with the least sum of squares within them (k-means in one dimension, where it has one best answer: found by
 * exact dynamic programming over at most SPREAD_KNOTS_MAX groups of equal or neighbouring values). Returns the cuts made:
 * fewer where there are fewer distinct values. */
#define SPREAD_KNOTS_MAX 1000
unsigned spread_cut_clusters(const double *sorted, size_t count, unsigned parts, double *cuts);

/* --- concentration --- */
/* The sum of the `top` greatest over the sum of all; NAN where the sum is not positive. */
double spread_top_share(const double *sorted, size_t count, size_t top);
/* How many of the greatest make up `share` of the sum. */
size_t spread_top_count(const double *sorted, size_t count, double share);
/* Gini's coefficient: 0 all alike, to 1 one has all. NAN where the sum is not positive. Negative values count as they are, so that it may pass 1. */
double spread_gini(const double *sorted, size_t count);

#endif
