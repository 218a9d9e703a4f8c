/* time_window: see the header. */
#include "language/time_window.h"

#include <assert.h>

#include "base/time.h"

static int64_t floor_of(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Instants are kept well inside int64, so that sums of them cannot pass it: 100,000 years around 1970. */
#define INSTANT_MAX (100000LL * 366 * DAY_MS)
static int64_t bounded(__int128 t) {
    return t > INSTANT_MAX ? INSTANT_MAX : t < -INSTANT_MAX ? -INSTANT_MAX : (int64_t)t;
}

int64_t calendar_day(const struct calendar *c, int64_t time_ms) {
    return floor_of(zone_utc_to_local(c->zone, time_ms), DAY_MS);
}

void calendar_days(const struct calendar *c, const int64_t *times_ms, uint32_t count, int64_t *days) {
    bool utc = c->zone == zone_utc();
    for (uint32_t i = 0; i < count; i++)
        days[i] = utc ? floor_of(times_ms[i], DAY_MS) : calendar_day(c, times_ms[i]);
}

int64_t calendar_day_start(const struct calendar *c, int64_t days) {
    return zone_local_to_utc(c->zone, bounded((__int128)days * DAY_MS));
}

int64_t calendar_unit_months(enum unit unit) { return unit == UNIT_MONTH ? 1 : unit == UNIT_QUARTER ? 3 : 12; }

int64_t calendar_unit_ms(enum unit unit) {
    static const int64_t ms[] = {1000, 60000, 3600000, DAY_MS, 7 * DAY_MS};
    assert(unit <= UNIT_WEEK);
    return ms[unit];
}

bool calendar_unit_fixed(enum unit unit) { return unit <= UNIT_WEEK; }

/* Months counted from year 0; days cut to the month's last. */
static int64_t add_months(int64_t days, int64_t months) {
    int64_t year;
    unsigned month, day;
    if (months > 1200000 || months < -1200000)
        return months > 0 ? INSTANT_MAX / DAY_MS : -INSTANT_MAX / DAY_MS;
    time_civil(days, &year, &month, &day);
    int64_t at = year * 12 + (month - 1) + months;
    year = floor_of(at, 12);
    month = (unsigned)(at - year * 12) + 1;
    while (!time_date_valid(year, month, day))
        day--;
    return time_days(year, month, day);
}

static int64_t weekday_of(int64_t days) { return days + 3 - floor_of(days + 3, 7) * 7 + 1; }

int64_t calendar_period(const struct calendar *c, int64_t days, enum unit unit, int by) {
    int64_t year;
    unsigned month, day;
    if (unit <= UNIT_DAY)
        return days + by;
    if (unit == UNIT_WEEK)
        return days - (weekday_of(days) - c->week_start + 7) % 7 + 7 * by;
    time_civil(days, &year, &month, &day);
    month = unit == UNIT_QUARTER ? (month - 1) / 3 * 3 + 1 : unit == UNIT_YEAR ? 1 : month;
    return add_months(time_days(year, month, 1), by * calendar_unit_months(unit));
}

int64_t calendar_duration(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit) {
    return unit <= UNIT_WEEK ? bounded(time_ms + (__int128)amount * calendar_unit_ms(unit))
                             : calendar_add(c, time_ms, amount, unit);
}

int64_t calendar_add(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit) {
    if (unit < UNIT_DAY)
        return bounded(time_ms + (__int128)amount * calendar_unit_ms(unit));
    int64_t local = zone_utc_to_local(c->zone, bounded(time_ms)), days = floor_of(local, DAY_MS);
    int64_t clock = local - days * DAY_MS;
    if (unit <= UNIT_WEEK)
        days = (int64_t)(bounded(((__int128)days + (__int128)amount * (unit == UNIT_WEEK ? 7 : 1)) * DAY_MS) / DAY_MS);
    else
        days = add_months(days, amount > 1200000    ? 1200001
                                : amount < -1200000 ? -1200001
                                                    : amount * calendar_unit_months(unit));
    return zone_local_to_utc(c->zone, days * DAY_MS + clock);
}

int64_t calendar_part(const struct calendar *c, enum op op, int64_t value, bool date) {
    int64_t local = date ? 0 : zone_utc_to_local(c->zone, value), days = date ? value : floor_of(local, DAY_MS), year;
    unsigned month, day;
    if (op == OP_HOUR)
        return date ? 0 : (local - days * DAY_MS) / 3600000;
    if (op == OP_WEEKDAY)
        return weekday_of(days);
    time_civil(days, &year, &month, &day);
    switch (op) {
    case OP_YEAR:
        return year;
    case OP_QUARTER:
        return (month - 1) / 3 + 1;
    case OP_MONTH:
        return month;
    default:
        assert(op == OP_DAY);
        return day;
    }
}

int64_t calendar_part_until(const struct calendar *c, enum op op, int64_t now_ms) {
    int64_t days = calendar_day(c, now_ms);
    if (op == OP_HOUR) /* offsets are multiples of a quarter of an hour nearly everywhere; too early does no harm */
        return (floor_of(now_ms, 900000) + 1) * 900000;
    enum unit unit = op == OP_YEAR      ? UNIT_YEAR
                     : op == OP_QUARTER ? UNIT_QUARTER
                     : op == OP_MONTH   ? UNIT_MONTH
                                        : UNIT_DAY;
    int64_t until = calendar_day_start(c, calendar_period(c, days, unit, 1));
    return until > now_ms ? until : now_ms + 1;
}

static int64_t months_since(const struct calendar *c, int64_t moment, bool date, int64_t now_ms) {
    int64_t start = date ? moment * DAY_MS : zone_utc_to_local(c->zone, moment),
            now = zone_utc_to_local(c->zone, now_ms);
    int64_t day[2] = {floor_of(start, DAY_MS), floor_of(now, DAY_MS)}, year[2];
    unsigned month[2], in[2];
    for (int i = 0; i < 2; i++)
        time_civil(day[i], &year[i], &month[i], &in[i]);
    int64_t months = (year[1] - year[0]) * 12 + (int)month[1] - (int)month[0];
    bool short_of = in[1] < in[0] || (in[1] == in[0] && now - day[1] * DAY_MS < start - day[0] * DAY_MS);
    return months - short_of;
}

static int64_t unit_of_since(enum op op) {
    return op == OP_SECONDS_SINCE ? 1000 : op == OP_MINUTES_SINCE ? 60000 : op == OP_HOURS_SINCE ? 3600000 : DAY_MS;
}

int64_t calendar_since(const struct calendar *c, enum op op, int64_t moment, bool date, int64_t now_ms) {
    switch (op) {
    case OP_MONTHS_SINCE:
        return months_since(c, moment, date, now_ms);
    case OP_YEARS_SINCE:
    case OP_AGE:
        return floor_of(months_since(c, moment, date, now_ms), 12);
    case OP_WEEKS_SINCE:
        return floor_of(calendar_since(c, OP_DAYS_SINCE, moment, date, now_ms), 7);
    case OP_DAYS_UNTIL:
        return -calendar_since(c, OP_DAYS_SINCE, moment, date, now_ms);
    default:
        break;
    }
    if (date && op == OP_DAYS_SINCE)
        return calendar_day(c, now_ms) - moment;
    return floor_of(now_ms - (date ? calendar_day_start(c, moment) : moment), unit_of_since(op));
}

/* Months that have gone by at their earliest: the day `months` later, or the 1st after where that month has no such day. */
static int64_t months_reach(const struct calendar *c, int64_t moment, bool date, int64_t months) {
    int64_t local = date ? bounded((__int128)moment * DAY_MS) : zone_utc_to_local(c->zone, moment),
            days = floor_of(local, DAY_MS);
    int64_t later = add_months(days, months), year;
    unsigned month, day, was;
    if (later >= INSTANT_MAX / DAY_MS)
        return INSTANT_NEVER;
    time_civil(days, &year, &month, &was);
    time_civil(later, &year, &month, &day);
    if (day < was)
        return calendar_day_start(c, later + 1);
    return zone_local_to_utc(c->zone, later * DAY_MS + (local - days * DAY_MS));
}

int64_t calendar_since_reaches(const struct calendar *c, enum op op, int64_t moment, bool date, int64_t count) {
    if (count > 4000000000LL * 1000)
        return INSTANT_NEVER;
    if (count < -4000000000LL * 1000)
        return -INSTANT_MAX;
    switch (op) {
    case OP_MONTHS_SINCE:
        return months_reach(c, moment, date, count);
    case OP_YEARS_SINCE:
    case OP_AGE:
        return count > 200000 ? INSTANT_NEVER : months_reach(c, moment, date, count * 12);
    case OP_WEEKS_SINCE:
        return calendar_since_reaches(c, OP_DAYS_SINCE, moment, date, count * 7);
    default:
        break;
    }
    if (date && (op == OP_DAYS_SINCE || op == OP_DAYS_UNTIL))
        return calendar_day_start(c, bounded((__int128)(moment + count) * DAY_MS) / DAY_MS);
    return bounded((__int128)(date ? calendar_day_start(c, moment) : moment) + (__int128)count * unit_of_since(op));
}

int64_t calendar_anniversary(const struct calendar *c, int64_t date, int64_t now_ms) {
    int64_t today = calendar_day(c, now_ms), year, born;
    unsigned month, day, m, d;
    time_civil(date, &born, &month, &day);
    time_civil(today, &year, &m, &d);
    for (;; year++) {
        int64_t returns = time_date_valid(year, month, day) ? time_days(year, month, day) : time_days(year, 3, 1);
        if (returns >= today)
            return returns - today;
    }
}

int64_t calendar_shift(const struct calendar *c, int64_t time_ms, int64_t amount, enum unit unit, bool duration) {
    return duration ? calendar_duration(c, time_ms, amount, unit) : calendar_add(c, time_ms, amount, unit);
}

int64_t calendar_reach(const struct calendar *c, int64_t amount, enum unit unit, bool duration, int64_t target,
                       int64_t now_ms) {
    int64_t guess = calendar_shift(c, bounded(target), -amount, unit, duration);
    if (unit < UNIT_DAY || (duration && unit <= UNIT_WEEK))
        return guess > now_ms ? guess : now_ms + 1;
    if (guess - DAY_MS > now_ms)
        return guess - DAY_MS; /* days and months differ in length: look again when it is near */
    int64_t midnight = calendar_day_start(c, calendar_day(c, now_ms) + 1), low = now_ms, high = midnight - 1;
    if (high <= now_ms || calendar_shift(c, high, amount, unit, duration) < target)
        return midnight > now_ms ? midnight : now_ms + 1;
    while (low + 1 < high) { /* of one day all go the same way */
        int64_t middle = low + (high - low) / 2;
        if (calendar_shift(c, middle, amount, unit, duration) >= target)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* --- windows --- */

bool window_moves(enum window_kind kind) { return kind >= WINDOW_ROLLING && kind <= WINDOW_PREVIOUS; }

/* Calendar windows are a period, `by` periods from now's. */
static enum unit period_of(enum window_kind kind, enum unit unit, int *by) {
    *by = kind == WINDOW_YESTERDAY || kind == WINDOW_PREVIOUS ? -1 : 0;
    return kind == WINDOW_TODAY || kind == WINDOW_YESTERDAY ? UNIT_DAY : unit;
}

static struct instants period_instants(const struct calendar *c, enum window_kind kind, enum unit unit,
                                       int64_t now_ms) {
    int by;
    unit = period_of(kind, unit, &by);
    int64_t today = calendar_day(c, now_ms);
    return (struct instants){calendar_day_start(c, calendar_period(c, today, unit, by)),
                             calendar_day_start(c, calendar_period(c, today, unit, by + 1))};
}

struct instants window_instants(const struct calendar *c, enum window_kind kind, int64_t amount, enum unit unit,
                                const int64_t *moments, int64_t now_ms) {
    struct instants all = {INT64_MIN, INT64_MAX};
    switch (kind) {
    case WINDOW_NONE:
        return all;
    case WINDOW_ROLLING:
        return (struct instants){calendar_duration(c, now_ms, -amount, unit) + 1, now_ms + 1};
    case WINDOW_SINCE:
        return (struct instants){moments[0], all.high};
    case WINDOW_BEFORE:
        return (struct instants){all.low, moments[0]};
    case WINDOW_FROM_TO:
        return (struct instants){moments[0], moments[1]};
    case WINDOW_ON: {
        int64_t day = calendar_day(c, moments[0]);
        return (struct instants){calendar_day_start(c, day), calendar_day_start(c, day + 1)};
    }
    case WINDOW_SPAN_AFTER:
        return (struct instants){moments[0], calendar_add(c, moments[0], amount, unit)};
    case WINDOW_SPAN_BEFORE:
        return (struct instants){calendar_add(c, moments[0], -amount, unit), moments[0]};
    case WINDOW_AFTER:
        return (struct instants){moments[0] + 1, all.high};
    default:
        return period_instants(c, kind, unit, now_ms);
    }
}

int64_t window_until(const struct calendar *c, enum window_kind kind, int64_t amount, enum unit unit,
                     const struct instants *in, int64_t row_ms, int64_t now_ms) {
    if (!window_moves(kind))
        return INSTANT_NEVER;
    if (kind == WINDOW_ROLLING) {
        if (row_ms > now_ms)
            return row_ms;
        return row_ms >= in->low ? calendar_reach(c, -amount, unit, true, row_ms, now_ms) : INSTANT_NEVER;
    }
    if (row_ms < in->low)
        return INSTANT_NEVER;
    int by;
    unit = period_of(kind, unit, &by);
    return calendar_day_start(c, calendar_period(c, calendar_day(c, now_ms), unit, 1));
}
