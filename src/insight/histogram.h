/* histogram: numbers into buckets and figures about them; what distribution and interval show. */
#ifndef ONEFOLD_INSIGHT_HISTOGRAM_H
#define ONEFOLD_INSIGHT_HISTOGRAM_H

#include "insight/answer.h"
#include "insight/groups.h"

#define HISTOGRAM_BOUNDS_MAX 100

/* Bucket i is [bounds[i - 1], bounds[i]), the first and last open to below and above: count + 1 buckets. */
struct histogram {
    double bounds[HISTOGRAM_BOUNDS_MAX];
    size_t count;
    double scale; /* a value is so many of the whole numbers kept: 1000 of ms in s, 1000000 of millionths */
    enum answer_type type;
};
/* Bounds where none were given: each whole number where there are few, else about twelve steps of 1, 2 or 5 times a power of ten from the
 * first to the last hundredth. Changes nothing where there are some. */
void histogram_choose(struct histogram *h, const struct durations *all);
/* Table "buckets": [group], from, to, count, share; with a column more where `cumulative`. */
void histogram_columns(struct answer_table *t, const struct histogram *h, bool split, const char *what);
void histogram_rows(struct answer_table *t, const struct histogram *h, bool split, struct slice group,
                    const struct durations *values);
/* Table "figures": [group], count, mean, deviation, least, p10, p25, median, p75, p90, p99, most. */
void figures_columns(struct answer_table *t, enum answer_type type, bool split, const char *what);
void figures_row(struct answer_table *t, double scale, bool split, struct slice group, const struct durations *values);

#endif
