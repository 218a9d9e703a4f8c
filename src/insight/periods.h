/* periods: time cut into hours, days, weeks, months, quarters or years of the workspace's calendar, numbered from 0; where a moment lies is
 * found in a few ns. Also exact sums of values, which do not depend on the order of adding. */
#ifndef ONEFOLD_INSIGHT_PERIODS_H
#define ONEFOLD_INSIGHT_PERIODS_H

#include <stdbool.h>
#include <stdint.h>

#include "insight/definition.h"
#include "language/time_window.h"
#include "language/vector.h"

#define PERIODS_MAX 200000u

struct periods {
    int64_t *starts; /* [count + 1] ascending; period i is [starts[i], starts[i + 1]) */
    uint32_t count;
    enum unit unit; /* HOUR to YEAR */
    double per_ms;  /* periods a ms, on average */
};
/* All periods that [from_ms, to_ms) touches. Errors: TOO_LARGE past PERIODS_MAX. */
enum status periods_make(struct periods *periods, const struct calendar *calendar, enum unit unit, int64_t from_ms,
                         int64_t to_ms, struct fault *fault) WARN_UNUSED;
void periods_release(struct periods *periods);
#define PERIOD_NONE UINT32_MAX
/* The one that holds `time_ms`; PERIOD_NONE outside of all. */
static inline uint32_t periods_at(const struct periods *p, int64_t time_ms) {
    if (time_ms < p->starts[0] || time_ms >= p->starts[p->count])
        return PERIOD_NONE;
    uint32_t i = (uint32_t)((double)(time_ms - p->starts[0]) * p->per_ms);
    i = i < p->count ? i : p->count - 1;
    while (p->starts[i] > time_ms)
        i--;
    while (p->starts[i + 1] <= time_ms)
        i++;
    return i;
}
/* "2026-01-31", "2026-W05" never: the first day, "2026-01" of months, "2026-Q1", "2026", "2026-01-31 08:00". Returns its length. */
size_t period_name(const struct calendar *calendar, enum unit unit, int64_t start_ms, char out[TIME_TEXT_BYTES]);
/* hour|day|week|month|quarter|year of member `key`. */
enum status definition_unit(const struct definition_part *d, const char *key, enum unit *unit,
                            struct fault *fault) WARN_UNUSED;

/* A number as millionths, exact; doubles to the nearest. */
__int128 number_millionths(struct number n);
struct number number_of_millionths(__int128 millionths);
static inline __int128 vector_millionths(const struct vector *v, size_t i) {
    static const int64_t up[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (v->form == VECTOR_NUMBERS)
        return (__int128)v->integers[i & v->mask] * up[v->scale];
    return number_millionths(vector_number(v, i));
}

#endif
