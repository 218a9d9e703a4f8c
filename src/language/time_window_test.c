/* time_window_test: calendar arithmetic against the twin's, and the promises about when something changes against looking. */
#include "language/time_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "language/value_model.h"

#define SEED 7
#define ROUNDS 4000

static const char *const zone_names[] = {"Asia/Shanghai", "America/New_York", "UTC", "Australia/Lord_Howe"};
#define ZONES (sizeof zone_names / sizeof *zone_names)
static struct zone *zones[ZONES];

static int open_zones(void **state) {
    (void)state;
    for (size_t i = 0; i < ZONES; i++)
        if (zone_load(os_real(), slice_text(zone_names[i]), &zones[i], NULL))
            return 1;
    return 0;
}

static int close_zones(void **state) {
    (void)state;
    for (size_t i = 0; i < ZONES; i++)
        zone_free(zones[i]);
    return 0;
}

static struct calendar random_calendar(struct random *r) {
    return (struct calendar){zones[random_below(r, ZONES)], (uint8_t)random_between(r, 1, 7)};
}

/* Around month ends and clock changes of some years. */
static int64_t random_instant(struct random *r) {
    int64_t t = time_days(random_between(r, 2019, 2028), (unsigned)random_between(r, 1, 12), 1) * DAY_MS;
    t += random_between(r, -4, 12) * DAY_MS / 2;
    return t + (random_chance(r, 0.5) ? 0 : random_between(r, -7200000, 7200000));
}

static void calendar_is_the_twins(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct calendar c = random_calendar(&r);
        int64_t t = random_instant(&r), now = random_instant(&r), amount = random_between(&r, -40, 40),
                day = t / DAY_MS;
        enum unit unit = (enum unit)random_below(&r, UNIT_YEAR + 1);
        int by = (int)random_between(&r, -2, 2);
        assert_int_equal(calendar_add(&c, t, amount, unit), moment_add(c.zone, t, amount, unit));
        assert_int_equal(calendar_duration(&c, t, amount, unit), duration_add(c.zone, t, amount, unit));
        assert_int_equal(calendar_day(&c, t), day_of(c.zone, t));
        if (unit >= UNIT_DAY)
            assert_int_equal(calendar_period(&c, day, unit, by), period_start(day, unit, by, c.week_start));
        assert_int_equal(calendar_since(&c, OP_MONTHS_SINCE, t, false, now),
                         months_between(c.zone, value_time(t), now));
        assert_int_equal(calendar_since(&c, OP_MONTHS_SINCE, day, true, now),
                         months_between(c.zone, value_date(day), now));
        assert_int_equal(calendar_anniversary(&c, day, now), days_to_anniversary(day_of(c.zone, now), day));
    }
}

/* The instant at which so many units have gone by is the first. */
static void units_are_reached_when_they_are(void **state) {
    (void)state;
    static const enum op ops[] = {OP_SECONDS_SINCE, OP_MINUTES_SINCE, OP_HOURS_SINCE, OP_DAYS_SINCE,
                                  OP_WEEKS_SINCE,   OP_MONTHS_SINCE,  OP_YEARS_SINCE, OP_AGE};
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct calendar c = random_calendar(&r);
        enum op op = ops[random_below(&r, sizeof ops / sizeof *ops)];
        bool date = op == OP_AGE || random_chance(&r, 0.5);
        int64_t moment = date ? random_instant(&r) / DAY_MS : random_instant(&r), count = random_between(&r, -30, 30);
        int64_t at = calendar_since_reaches(&c, op, moment, date, count);
        if (calendar_since(&c, op, moment, date, at) < count || calendar_since(&c, op, moment, date, at - 1) >= count) {
            /* A clock change on that day may bring the local time a second time: then the first is meant. */
            assert_true(zone_offset_at_utc(c.zone, at - DAY_MS) != zone_offset_at_utc(c.zone, at + DAY_MS));
        }
    }
}

static void windows_change_no_sooner_than_said(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct calendar c = random_calendar(&r);
        enum window_kind kind = (enum window_kind)random_between(&r, WINDOW_ROLLING, WINDOW_PREVIOUS);
        enum unit unit = (enum unit)random_between(&r, UNIT_DAY + (kind != WINDOW_ROLLING), UNIT_YEAR);
        int64_t amount = random_between(&r, 1, 5), now = random_instant(&r);
        int64_t row = now + random_between(&r, -60, 10) * DAY_MS + random_between(&r, -2, 2);
        struct instants in = window_instants(&c, kind, amount, unit, NULL, now);
        int64_t until = window_until(&c, kind, amount, unit, &in, row, now);
        bool inside = row >= in.low && row < in.high;
        assert_true(until > now || row < in.low);
        for (unsigned k = 0; k < 20; k++) {
            int64_t last = until == INSTANT_NEVER ? now + 800 * DAY_MS : until - 1;
            int64_t t = k == 0 ? last : now + (int64_t)(random_unit(&r) * (double)(last - now));
            struct instants then = window_instants(&c, kind, amount, unit, NULL, t);
            if (t >= now && (row >= then.low && row < then.high) != inside)
                fail_msg("seed %d, round %u: window %d of %lld %s, row %lld, now %lld: not the same at %lld, promised "
                         "to %lld",
                         SEED, i, kind, (long long)amount, unit_word(unit), (long long)row, (long long)now,
                         (long long)t, (long long)until);
        }
    }
}

/* A moment that goes with the clock reaches another no sooner than said. */
static void shifts_reach_no_sooner_than_said(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct calendar c = random_calendar(&r);
        enum unit unit = (enum unit)random_below(&r, UNIT_YEAR + 1);
        int64_t amount = random_between(&r, -5, 5), now = random_instant(&r);
        bool duration = random_chance(&r, 0.5);
        int64_t target = calendar_shift(&c, now, amount, unit, duration) + random_between(&r, 1, 40 * DAY_MS);
        int64_t until = calendar_reach(&c, amount, unit, duration, target, now);
        assert_true(until > now);
        for (unsigned k = 0; k < 20; k++) {
            int64_t t = now + (int64_t)(random_unit(&r) * (double)(until - 1 - now));
            bool changes = zone_offset_at_utc(c.zone, t - 40 * DAY_MS) != zone_offset_at_utc(c.zone, t + DAY_MS);
            if (!changes) /* a repeated hour shows its first time twice */
                assert_true(calendar_shift(&c, t, amount, unit, duration) < target);
        }
    }
}

static void windows_by_hand(void **state) {
    (void)state;
    struct calendar c = {zones[0], 1};
    int64_t now = time_days(2026, 3, 10) * DAY_MS + 4 * 3600000; /* Tuesday noon in Shanghai */
    int64_t midnight = time_days(2026, 3, 9) * DAY_MS + 16 * 3600000;
    struct instants in = window_instants(&c, WINDOW_TODAY, 0, UNIT_DAY, NULL, now);
    assert_int_equal(in.low, midnight);
    assert_int_equal(in.high, midnight + DAY_MS);
    in = window_instants(&c, WINDOW_THIS, 0, UNIT_WEEK, NULL, now);
    assert_int_equal(in.low, midnight - DAY_MS);
    in = window_instants(&c, WINDOW_PREVIOUS, 0, UNIT_MONTH, NULL, now);
    assert_int_equal(in.high - in.low, 28 * DAY_MS);
    in = window_instants(&c, WINDOW_ROLLING, 2, UNIT_DAY, NULL, now);
    assert_int_equal(in.low, now - 2 * DAY_MS + 1);
    assert_int_equal(in.high, now + 1);
    int64_t moment = midnight;
    in = window_instants(&c, WINDOW_AFTER, 0, UNIT_DAY, &moment, now);
    assert_int_equal(in.low, midnight + 1);
    in = window_instants(&c, WINDOW_SPAN_BEFORE, 1, UNIT_WEEK, &moment, now);
    assert_int_equal(in.low, midnight - 7 * DAY_MS);
    assert_int_equal(in.high, midnight);
}

static void days_of_many(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < 100; i++) {
        struct calendar c = random_calendar(&r);
        int64_t times[40], days[40];
        c.zone = random_chance(&r, 0.3) ? zone_utc() : c.zone;
        for (unsigned k = 0; k < 40; k++)
            times[k] = random_instant(&r) - (random_chance(&r, 0.2) ? 60 * 366 * DAY_MS : 0);
        calendar_days(&c, times, 40, days);
        for (unsigned k = 0; k < 40; k++)
            assert_int_equal(days[k], calendar_day(&c, times[k]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_is_the_twins),
        cmocka_unit_test(days_of_many),
        cmocka_unit_test(units_are_reached_when_they_are),
        cmocka_unit_test(windows_change_no_sooner_than_said),
        cmocka_unit_test(shifts_reach_no_sooner_than_said),
        cmocka_unit_test(windows_by_hand),
    };
    return cmocka_run_group_tests(tests, open_zones, close_zones);
}
