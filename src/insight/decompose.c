/* decompose: see decompose.h. */
#include "insight/decompose.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "insight/spread.h"

#define MEDIAN_WIDTH 7 /* of the trend where there is no season */
#define ROUNDS 3

/* The mean over a window of one period around i; an even period gives its two ends half weight. */
static double mean_around(const double *values, size_t count, size_t i, size_t period) {
    size_t half = period / 2, from = i > half ? i - half : 0, to = i + half < count ? i + half : count - 1;
    double sum = 0, weight = 0;
    for (size_t k = from; k <= to; k++) {
        double w = period % 2 == 0 && (k + half == i || k == i + half) ? 0.5 : 1;
        sum += w * values[k];
        weight += w;
    }
    return sum / weight;
}

static double median_around(const double *values, size_t count, size_t i) {
    double some[MEDIAN_WIDTH];
    size_t half = MEDIAN_WIDTH / 2, from = i > half ? i - half : 0, to = i + half < count ? i + half : count - 1, n = 0;
    for (size_t k = from; k <= to; k++)
        some[n++] = values[k];
    return spread_median(some, n);
}

/* Where a whole period does not fit around a point, what would fit is lopsided: the trend goes on along the line of the last whole period. */
static void carry_on(double *trend, size_t count, size_t period) {
    size_t half = period / 2, first = half, last = count - 1 - half,
           reach = period < last - first ? period : last - first;
    if (reach == 0) {
        for (size_t i = 0; i < count; i++)
            trend[i] = trend[first];
        return;
    }
    double rise_first = (trend[first + reach] - trend[first]) / (double)reach;
    double rise_last = (trend[last] - trend[last - reach]) / (double)reach;
    for (size_t i = 0; i < first; i++)
        trend[i] = trend[first] - rise_first * (double)(first - i);
    for (size_t i = last + 1; i < count; i++)
        trend[i] = trend[last] + rise_last * (double)(i - last);
}

static void find_trend(struct decomposed *d, const double *values) {
    for (size_t i = 0; i < d->count; i++)
        d->trend[i] = d->period > 1 ? mean_around(values, d->count, i, d->period) : median_around(values, d->count, i);
    if (d->period > 1)
        carry_on(d->trend, d->count, d->period);
}

static void find_season(struct decomposed *d, const double *values, double *scratch) {
    double sum = 0;
    memset(d->season, 0, d->count * sizeof *d->season);
    if (d->period < 2)
        return;
    for (size_t place = 0; place < d->period; place++) {
        size_t n = 0;
        for (size_t i = place; i < d->count; i += d->period)
            scratch[n++] = values[i] - d->trend[i];
        d->season[place] = spread_median(scratch, n);
        sum += d->season[place];
    }
    for (size_t i = 0; i < d->period; i++)
        d->season[i] -= sum / (double)d->period;
    for (size_t i = d->period; i < d->count; i++)
        d->season[i] = d->season[i - d->period];
}

static void find_rest(struct decomposed *d, const double *values, double *scratch) {
    for (size_t i = 0; i < d->count; i++)
        scratch[i] = d->rest[i] = values[i] - d->trend[i] - d->season[i];
    double median = spread_median(scratch, d->count);
    d->deviation = spread_mad(d->rest, d->count, median, scratch);
    double largest = 0;
    for (size_t i = 0; i < d->count; i++)
        largest = fmax(largest, fabs(values[i]));
    /* A rest of rounding errors is none. */
    double floor = fmax(d->deviation, largest * 1e-9);
    for (size_t i = 0; i < d->count; i++)
        d->score[i] = floor > 0 ? (d->rest[i] - median) / floor : 0;
}

static double variance(const double *a, const double *b, size_t count) {
    double mean = 0, sum = 0;
    for (size_t i = 0; i < count; i++)
        mean += (a[i] + (b ? b[i] : 0)) / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = a[i] + (b ? b[i] : 0) - mean;
        sum += off * off;
    }
    return sum;
}

static double strength(const double *part, const double *rest, size_t count) {
    double both = variance(part, rest, count);
    return both > 0 ? fmax(0, 1 - variance(rest, NULL, count) / both) : 0;
}

struct decomposed decompose(const double *values, size_t count, size_t period, double limit) {
    struct decomposed d = {.count = count, .period = period > 1 && count >= 2 * period ? period : 1};
    d.trend = memory_get(count * 4 + 1, sizeof *d.trend);
    d.season = d.trend + count;
    d.rest = d.season + count;
    d.score = d.rest + count;
    if (count == 0)
        return d;
    double *scratch = memory_get(count, sizeof *scratch);
    double *calm = memory_get(count, sizeof *calm);
    memcpy(calm, values, count * sizeof *calm);
    for (unsigned round = 0; round < ROUNDS; round++) {
        find_trend(&d, calm);
        find_season(&d, calm, scratch);
        find_rest(&d, values, scratch);
        /* What stands out is put back to what would be expected there; left out, it would leave its window lopsided over the season. */
        for (size_t i = 0; i < count; i++)
            calm[i] = fabs(d.score[i]) > limit ? d.trend[i] + d.season[i] : values[i];
    }
    d.trend_strength = strength(d.trend, d.rest, count);
    d.season_strength = d.period > 1 ? strength(d.season, d.rest, count) : 0;
    free(scratch);
    free(calm);
    return d;
}

void decompose_release(struct decomposed *d) {
    free(d->trend);
    *d = (struct decomposed){0};
}

size_t decompose_find_period(const double *values, size_t count, size_t most) {
    size_t best = 1;
    if (count < 6)
        return best;
    most = most < count / 2 ? most : count / 2;
    double *steps = memory_get(count, sizeof *steps), mean = 0, all = 0, found[2] = {0, 0}, highest = 0;
    for (size_t i = 1; i < count; i++) /* differences: a trend has no period */
        mean += (steps[i - 1] = values[i] - values[i - 1]) / (double)(count - 1);
    for (size_t i = 0; i + 1 < count; i++) {
        steps[i] -= mean;
        all += steps[i] * steps[i];
    }
    for (size_t lag = 1; lag <= most + 1 && lag + 1 < count && all > 0; lag++) {
        double sum = 0;
        for (size_t i = lag; i + 1 < count; i++)
            sum += steps[i] * steps[i - lag];
        sum /= all;
        /* found: of the two lags before; a peak is higher than both its neighbours. */
        if (lag > 2 && found[1] >= found[0] && found[1] > sum && found[1] > highest &&
            found[1] > 1.96 / sqrt((double)count)) {
            highest = found[1];
            best = lag - 1;
        }
        found[0] = found[1];
        found[1] = sum;
    }
    free(steps);
    return best;
}
