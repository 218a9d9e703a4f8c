/* periods: time cut into hours, days, weeks, months, quarters or years of the workspace's calendar, numbered from 0. Also exact sums of values,
 * which do not depend on the order of adding.
 *
 * Where a moment lies is asked of every row, and no division can answer it: days of 23 and 25 hours, months. So time is cut once more into equal
 * buckets of a power of two ms, none longer than the shortest period; a bucket knows the period it begins in and where the next one
 * begins, which is at most one within it. That is a shift, a load and a comparison: 1 to 2 ns. */
#ifndef ONEFOLD_INSIGHT_PERIODS_H
#define ONEFOLD_INSIGHT_PERIODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "insight/definition.h"
#include "language/time_window.h"
#include "language/vector.h"

#define PERIODS_MAX 200000u

struct periods {
    int64_t *starts; /* [count + 1] ascending; period i is [starts[i], starts[i + 1]) */
    uint32_t count;
    enum unit unit;           /* HOUR to YEAR */
    int64_t begin_ms, end_ms; /* starts[0], starts[count] */
    unsigned shift;           /* a bucket is 2^shift ms, the first at begin_ms; of each: */
    uint32_t *indexes;        /* the period it begins in */
    int64_t *nexts;           /* starts[index + 1] */
};
/* All periods that [from_ms, to_ms) touches. Errors: TOO_LARGE past PERIODS_MAX. */
enum status periods_make(struct periods *periods, const struct calendar *calendar, enum unit unit, int64_t from_ms,
                         int64_t to_ms, struct fault *fault) WARN_UNUSED;
void periods_release(struct periods *periods);
/* The one that holds `time_ms`, which lies within all of them. */
static inline uint32_t periods_in(const struct periods *p, int64_t time_ms) {
    uint64_t bucket = (uint64_t)(time_ms - p->begin_ms) >> p->shift;
    return p->indexes[bucket] + (time_ms >= p->nexts[bucket]);
}
/* The same of `count` moments, all of which lie in [from_ms, to_ms), and that within all periods. False where one does not: `out` then means
 * nothing. Cost: half a nanosecond each, where the processor gathers by itself. */
bool periods_of(const struct periods *p, int64_t from_ms, int64_t to_ms, const int64_t *times_ms, uint32_t count,
                uint32_t *restrict out);
#define PERIOD_NONE UINT32_MAX
/* The same of any moment; PERIOD_NONE outside of all. */
static inline uint32_t periods_at(const struct periods *p, int64_t time_ms) {
    return time_ms >= p->begin_ms && time_ms < p->end_ms ? periods_in(p, time_ms) : PERIOD_NONE;
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
