/* time_window: windows as half-open ranges of instants, and the calendar they are made with. Everything takes the zone and the
 * time as arguments. */
#ifndef ONEFOLD_LANGUAGE_TIME_WINDOW_H
#define ONEFOLD_LANGUAGE_TIME_WINDOW_H

#include "govern/zone.h"
#include "language/tree.h"

#define INSTANT_NEVER INT64_MAX

struct calendar {
    const struct zone *zone;
    uint8_t week_start; /* 1 Monday .. 7 Sunday */
};

/* Date of an instant, and the first instant of a date. */
int64_t calendar_day(const struct calendar *c, int64_t time_ms);
int64_t calendar_day_start(const struct calendar *c, int64_t days);
/* Dates of many instants; of UTC without asking the zone. */
void calendar_days(const struct calendar *c, const int64_t *times_ms, uint32_t count, int64_t *days);
/* First day of the day, week, month, quarter or year that `days` is in, moved by `by` of them. */
int64_t calendar_period(const struct calendar *c, int64_t days, enum unit unit, int by);
/* `amount` units later (earlier where negative). By the calendar days and weeks keep the time of day; as a duration they are 24 hours each.
 * Months, quarters and years are calendar ones in both, the day cut to the month's last. */
int64_t calendar_add(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit);
int64_t calendar_duration(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit);
/* Either of them. */
int64_t calendar_shift(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit, bool duration);
/* An instant after now, no later than the first at which its shift is at least `target`; now's own is below that. */
int64_t calendar_reach(const struct calendar *c, int64_t amount, enum unit unit, bool duration, int64_t target,
                       int64_t now_ms);
bool calendar_unit_fixed(enum unit unit);     /* has the same length always, as a duration */
int64_t calendar_unit_ms(enum unit unit);     /* of those */
int64_t calendar_unit_months(enum unit unit); /* of the others */

/* The parts of an instant: YEAR, QUARTER, MONTH, DAY, WEEKDAY, HOUR; of a date where `date`. */
int64_t calendar_part(const struct calendar *c, enum op op, int64_t value, bool date);
/* The next instant after `now` at which that part of now may differ. */
int64_t calendar_part_until(const struct calendar *c, enum op op, int64_t now_ms);

/* Whole units since a moment (a time, or a date where `date`) as of now: *_SINCE, AGE; DAYS_UNTIL counts down. */
int64_t calendar_since(const struct calendar *c, enum op op, int64_t moment, bool date, int64_t now_ms);
/* The first instant at which calendar_since is at least `count` (for DAYS_UNTIL: at most `-count`). */
int64_t calendar_since_reaches(const struct calendar *c, enum op op, int64_t moment, bool date, int64_t count);
int64_t calendar_anniversary(const struct calendar *c, int64_t date, int64_t now_ms); /* days to it */

/* [low, high). */
struct instants {
    int64_t low, high;
};
/* The window's instants; `moments` are those of its children as instants (two at most), none of them missing. */
struct instants window_instants(const struct calendar *c, enum window_kind kind, int64_t amount, enum unit unit,
                                const int64_t *moments, int64_t now_ms);
/* The first instant after `now_ms` at which a row of time `row_ms` enters or leaves the window by time alone; `in` is what window_instants
 * says now. For kinds whose moments stand still. */
int64_t window_until(const struct calendar *c, enum window_kind kind, int64_t amount, enum unit unit,
                     const struct instants *in, int64_t row_ms, int64_t now_ms);
bool window_moves(enum window_kind kind); /* moves with time by itself */

#endif
