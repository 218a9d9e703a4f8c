/* periods: see the header. */
#include "insight/periods.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/memory.h"

#define HOUR_MS 3600000LL

static int64_t floored(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* The first instant of the period that holds `time_ms`, moved by `by`. */
static int64_t start_of(const struct calendar *c, enum unit unit, int64_t time_ms, int by) {
    if (unit == UNIT_HOUR) { /* of the clock, so that zones of half hours begin at theirs */
        int64_t offset = zone_offset_at_utc(c->zone, time_ms);
        return floored(time_ms + offset, HOUR_MS) * HOUR_MS - offset + by * HOUR_MS;
    }
    return calendar_day_start(c, calendar_period(c, calendar_day(c, time_ms), unit, by));
}

static void make_buckets(struct periods *p) {
    int64_t shortest = INT64_MAX;
    p->begin_ms = p->starts[0];
    p->end_ms = p->starts[p->count];
    for (uint32_t i = 0; i < p->count; i++) {
        int64_t own = p->starts[i + 1] - p->starts[i];
        assert(own > 0);
        shortest = own < shortest ? own : shortest;
    }
    while (p->shift < 62 && INT64_C(2) << p->shift <= shortest)
        p->shift++;
    size_t count = ((uint64_t)(p->end_ms - p->begin_ms) >> p->shift) + 1;
    p->indexes = memory_get(count, sizeof *p->indexes);
    p->nexts = memory_get(count, sizeof *p->nexts);
    for (uint32_t b = 0, i = 0; b < count; b++) {
        int64_t begin = p->begin_ms + ((int64_t)b << p->shift);
        while (i + 1 < p->count && p->starts[i + 1] <= begin)
            i++;
        p->indexes[b] = i;
        p->nexts[b] = p->starts[i < p->count ? i + 1 : i];
    }
}

enum status periods_make(struct periods *p, const struct calendar *c, enum unit unit, int64_t from_ms, int64_t to_ms,
                         struct fault *fault) {
    uint32_t room = 64;
    *p = (struct periods){.unit = unit, .starts = memory_get(room, sizeof *p->starts)};
    int64_t at = start_of(c, unit, from_ms, 0);
    p->starts[0] = at;
    while (at < to_ms) {
        at = start_of(c, unit, at, 1);
        if (p->count + 1 == PERIODS_MAX)
            return fault_set(
                fault, STATUS_TOO_LARGE,
                "at interval: there are more than %u of a %s each; take a longer one, or a shorter period by "
                "from and to",
                PERIODS_MAX, unit_word(unit));
        if (p->count + 2 > room) {
            room *= 2;
            p->starts = memory_resize(p->starts, room, sizeof *p->starts);
        }
        p->starts[++p->count] = at;
    }
    make_buckets(p);
    return STATUS_OK;
}

CLONES static uint32_t outside(int64_t from_ms, uint64_t length_ms, const int64_t *times_ms, uint32_t count) {
    uint32_t any = 0;
    for (uint32_t i = 0; i < count; i++)
        any |= (uint64_t)times_ms[i] - (uint64_t)from_ms >= length_ms;
    return any;
}

CLONES static void place(const struct periods *p, const int64_t *times_ms, uint32_t count, uint32_t *restrict out) {
    const uint32_t *indexes = p->indexes;
    const int64_t *nexts = p->nexts, begin_ms = p->begin_ms;
    const unsigned shift = p->shift;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t bucket = (uint64_t)(times_ms[i] - begin_ms) >> shift;
        out[i] = indexes[bucket] + (times_ms[i] >= nexts[bucket]);
    }
}

bool periods_of(const struct periods *p, int64_t from_ms, int64_t to_ms, const int64_t *times_ms, uint32_t count,
                uint32_t *restrict out) {
    if (outside(from_ms, (uint64_t)to_ms - (uint64_t)from_ms, times_ms, count))
        return false;
    place(p, times_ms, count, out);
    return true;
}

void periods_release(struct periods *periods) {
    free(periods->starts);
    free(periods->indexes);
    free(periods->nexts);
    *periods = (struct periods){0};
}

size_t period_name(const struct calendar *calendar, enum unit unit, int64_t start_ms, char out[TIME_TEXT_BYTES]) {
    int64_t days = calendar_day(calendar, start_ms), year;
    unsigned month, day;
    time_civil(days, &year, &month, &day);
    int size = 0;
    if (unit == UNIT_YEAR)
        size = snprintf(out, TIME_TEXT_BYTES, "%04d", (int)year);
    else if (unit == UNIT_QUARTER)
        size = snprintf(out, TIME_TEXT_BYTES, "%04d-Q%u", (int)year, (month - 1) / 3 + 1);
    else if (unit == UNIT_MONTH)
        size = snprintf(out, TIME_TEXT_BYTES, "%04d-%02u", (int)year, month);
    else if (unit == UNIT_HOUR) {
        int64_t local = start_ms + zone_offset_at_utc(calendar->zone, start_ms) - days * DAY_MS;
        size = snprintf(out, TIME_TEXT_BYTES, "%04d-%02u-%02u %02d:%02d", (int)year, month, day, (int)(local / HOUR_MS),
                        (int)(local % HOUR_MS / 60000));
    } else {
        return time_format_date(days, out);
    }
    return size > 0 ? (size_t)size : 0;
}

enum status definition_unit(const struct definition_part *d, const char *key, enum unit *unit, struct fault *fault) {
    static const enum unit units[] = {UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR};
    unsigned which = 0;
    if (!definition_get(d, key))
        return STATUS_OK;
    enum status status = definition_choice(d, key, "hour|day|week|month|quarter|year", &which, fault);
    *unit = units[which];
    return status;
}

__int128 number_millionths(struct number n) {
    static const int64_t up[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    if (n.scale == NUMBER_REAL)
        return isfinite(n.real) && fabs(n.real) < 1e30 ? (__int128)roundl((long double)n.real * 1000000.0L) : 0;
    return (__int128)n.integer * up[n.scale];
}

struct number number_of_millionths(__int128 millionths) {
    return number_reduced(number_of_wide(millionths, 6));
}
