/* decompose: a series of numbers at even steps → trend, season, rest; and which points are out of the ordinary. Over plain arrays.
 *
 * value = trend + season + rest. The trend is a moving mean over one period (half weights at the ends of an even one), carried on at the ends; the season
 * the median of what is left at each place of the period, centered on 0; both are found three times, each time with the points
 * that stood out before put back to what was expected of them, so that an outlier does not bend what it is measured against. A point is out of the ordinary
 * where its rest is more than `limit` robust deviations (median distance from the median x 1.4826) from the median of rests.
 * With period 1 there is no season, and the trend is a moving median of seven.
 *
 * Thread: any. Cost: a few passes and two sorts. */
#ifndef ONEFOLD_INSIGHT_DECOMPOSE_H
#define ONEFOLD_INSIGHT_DECOMPOSE_H

#include <stdbool.h>
#include <stddef.h>

struct decomposed {
    double *trend, *season, *rest; /* count each; one piece of memory, freed by decompose_release */
    double *score;                 /* rest in robust deviations from its median */
    size_t count, period;
    double deviation; /* robust, of the rest */
    double trend_strength,
        season_strength; /* 0 to 1: 1 - var(rest) / var(part + rest) (Wang, Smith and Hyndman 2006) */
};

/* `period` >= 1; a period of which fewer than two are there is taken as 1. `limit` as in decompose.h's top, 3.5 by custom. */
struct decomposed decompose(const double *values, size_t count, size_t period, double limit);
void decompose_release(struct decomposed *d);

/* The length from 2 to `most` whose repetition explains most of the series (the highest peak of the autocorrelation of differences from the moving
 * trend, where it is above 1.96 / sqrt(count)); 1 where there is none. */
size_t decompose_find_period(const double *values, size_t count, size_t most);

#endif
