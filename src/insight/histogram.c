/* histogram: see the header. */
#include "insight/histogram.h"

#include <math.h>

#include "insight/statistics.h"

#define STEPS 12
#define WHOLE_MOST 30

static bool whole_numbers(const struct durations *all, double scale) {
    int64_t unit = (int64_t)scale;
    for (size_t i = 0; i < all->count; i++)
        if (all->all[i] % unit)
            return false;
    return true;
}

/* 1, 2 or 5 times a power of ten, at least `step`. */
static double nice(double step) {
    double power = pow(10, floor(log10(step)));
    double times = step / power;
    return (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10) * power;
}

/* A length of time that people count in, at least `step` seconds. */
static double nice_time(double step) {
    static const double times[] = {1,     2,     5,      10,     15,      30,      60,      120,
                                   300,   600,   900,    1800,   3600,    7200,    10800,   21600,
                                   43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000};
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (step >= 1 && times[i] >= step)
            return times[i];
    return nice(step);
}

void histogram_choose(struct histogram *h, const struct durations *all) {
    static const double ends[] = {0, 0.01, 0.99, 1};
    double at[4];
    if (h->count || all->count == 0)
        return;
    quantiles_of(all->all, all->count, ends, 4, at);
    for (size_t i = 0; i < 4; i++)
        at[i] /= h->scale;
    if (h->type != ANSWER_DURATION && at[2] - at[0] <= WHOLE_MOST && whole_numbers(all, h->scale)) {
        for (double x = at[0] + 1; x <= at[2] && h->count < HISTOGRAM_BOUNDS_MAX; x++)
            h->bounds[h->count++] = x;
        return;
    }
    if (at[2] <= at[1])
        return;
    double least = (at[2] - at[1]) / STEPS, step = h->type == ANSWER_DURATION ? nice_time(least) : nice(least);
    for (double x = ceil(at[1] / step) * step; x <= at[2] && h->count < HISTOGRAM_BOUNDS_MAX; x += step)
        if (x > at[0])
            h->bounds[h->count++] = x;
}

void histogram_columns(struct answer_table *t, const struct histogram *h, bool split, const char *what) {
    if (split)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "from", h->type);
    answer_column(t, "to", h->type);
    answer_column(t, what, ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "cumulative", ANSWER_PERCENT);
}

static size_t bucket_of(const int64_t *bounds, size_t count, int64_t value) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bounds[middle] <= value)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void histogram_rows(struct answer_table *t, const struct histogram *h, bool split, struct slice group,
                    const struct durations *values) {
    uint64_t counts[HISTOGRAM_BOUNDS_MAX + 1] = {0}, sum = 0;
    int64_t bounds[HISTOGRAM_BOUNDS_MAX];
    for (size_t i = 0; i < h->count; i++)
        bounds[i] = (int64_t)llround(h->bounds[i] * h->scale);
    for (size_t i = 0; i < values->count; i++)
        counts[bucket_of(bounds, h->count, values->all[i])]++;
    for (size_t i = 0; i <= h->count; i++) {
        sum += counts[i];
        if (split)
            answer_text(t, group);
        answer_real(t, i ? h->bounds[i - 1] : NAN);
        answer_real(t, i < h->count ? h->bounds[i] : NAN);
        answer_integer(t, (int64_t)counts[i]);
        answer_share(t, counts[i], values->count);
        answer_share(t, sum, values->count);
    }
}

static const char *const figure_names[] = {"least", "p10", "p25", "median", "p75", "p90", "p99", "most"};
static const double figure_quantiles[] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1};
#define FIGURES (sizeof figure_names / sizeof *figure_names)

void figures_columns(struct answer_table *t, enum answer_type type, bool split, const char *what) {
    if (split)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, what, ANSWER_INTEGER);
    answer_column(t, "mean", type);
    answer_column(t, "deviation", type);
    for (size_t i = 0; i < FIGURES; i++)
        answer_column(t, figure_names[i], type);
}

/* Of the sample. Sums of squares about a whole number near the mean are exact, so the order of adding does not show. */
static double deviation(const struct durations *v, double mean) {
    __int128 middle = (__int128)llround(mean), squares = 0, rest = 0;
    if (v->count < 2)
        return NAN;
    for (size_t i = 0; i < v->count; i++) {
        __int128 d = (__int128)v->all[i] - middle;
        squares += d * d;
        rest += d;
    }
    long double n = (long double)v->count;
    return (double)sqrtl(((long double)squares - (long double)rest * (long double)rest / n) / (n - 1));
}

void figures_row(struct answer_table *t, double scale, bool split, struct slice group, const struct durations *values) {
    double at[FIGURES], mean = values->count ? (double)((long double)values->sum / (long double)values->count) : NAN;
    quantiles_of(values->all, values->count, figure_quantiles, FIGURES, at);
    if (split)
        answer_text(t, group);
    answer_integer(t, (int64_t)values->count);
    answer_real(t, mean / scale);
    answer_real(t, values->count ? deviation(values, mean) / scale : NAN);
    for (size_t i = 0; i < FIGURES; i++)
        answer_real(t, at[i] / scale);
}
