/* time: the calendar against the C library's, day by day, and what is read against what is written. */
#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/random.h"

static void test_calendar(void **state) {
    (void)state;
    for (int64_t days = time_days(1599, 12, 1); days < time_days(2405, 1, 1); days++) {
        time_t seconds = (time_t)(days * 86400);
        struct tm want;
        int64_t year;
        unsigned month, day;
        gmtime_r(&seconds, &want);
        time_civil(days, &year, &month, &day);
        assert_int_equal(year, want.tm_year + 1900);
        assert_int_equal(month, want.tm_mon + 1);
        assert_int_equal(day, want.tm_mday);
        assert_int_equal(time_days(year, month, day), days);
        assert_true(time_date_valid(year, month, day));
    }
    assert_int_equal(time_days(1970, 1, 1), 0);
    assert_int_equal(time_days(0, 1, 1), -719528);
}

static void test_invalid_dates(void **state) {
    (void)state;
    assert_false(time_date_valid(2023, 2, 29));
    assert_false(time_date_valid(1900, 2, 29));
    assert_true(time_date_valid(2000, 2, 29));
    assert_false(time_date_valid(2024, 4, 31));
    assert_false(time_date_valid(2024, 0, 1));
    assert_false(time_date_valid(2024, 13, 1));
    assert_false(time_date_valid(2024, 1, 0));
}

static void test_read(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t want_ms;
        bool zoned;
    } cases[] = {
        {"1970-01-01", 0, false},
        {"1970-01-01T00:00:00Z", 0, true},
        {"1970-01-01t00:00:00z", 0, true},
        {"1970-01-02 00:00", DAY_MS, false},
        {"1970-01-01T08:00:00+08:00", 0, true},
        {"1970-01-01 08:00:00 +0800", 0, true},
        {"1970-01-01T08:00+08", 0, true},
        {"1969-12-31T19:00:00-05:00", 0, true},
        {"1970-01-01T00:00:00.5Z", 500, true},
        {"1970-01-01T00:00:00.0019999Z", 1, true},
        {"1970-01-01T00:00:00,123456789Z", 123, true},
        {"1969-12-31T23:59:59.999Z", -1, true},
        {"2016-12-31T23:59:60Z", 1483228800000, true},
        {"2026-01-31T08:00:00.000Z", 1769846400000, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms = 77;
        bool zoned = !cases[i].zoned;
        if (time_parse_iso(slice_text(cases[i].text), &time_ms, &zoned) != STATUS_OK)
            fail_msg("refused: %s", cases[i].text);
        if (time_ms != cases[i].want_ms || zoned != cases[i].zoned)
            fail_msg("%s: %lld, zoned %d", cases[i].text, (long long)time_ms, zoned);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-1-1",
        "2026-02-30",
        "2026-01-31T",
        "2026-01-31T08",
        "2026-01-31T24:00",
        "2026-01-31T08:60",
        "2026-01-31T08:00:61",
        "2026-01-31T08:00:",
        "2026-01-31T08:00:00.",
        "2026-01-31T08:00:00Zx",
        "2026-01-31T08:00:00+",
        "2026-01-31T08:00:00+8",
        "2026-01-31T08:00:00+08:",
        "2026-01-31T08:00:00+16:00",
        "2026-01-31T08:00:00+08:60",
        " 2026-01-31",
        "2026-01-31 ",
        "2026/01/31",
        "-026-01-31",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t time_ms;
        bool zoned;
        if (time_parse_iso(slice_text(cases[i]), &time_ms, &zoned) != STATUS_INVALID)
            fail_msg("accepted: \"%s\"", cases[i]);
    }
}

static void test_written_is_read(void **state) {
    (void)state;
    struct random random;
    char text[TIME_TEXT_BYTES];
    random_init(&random, 6);
    for (int i = 0; i < 20000; i++) {
        int64_t want_ms = random_between(&random, time_days(0, 1, 1) * DAY_MS, time_days(10000, 1, 1) * DAY_MS - 1),
                got_ms;
        bool zoned;
        size_t size = time_format(want_ms, text);
        assert_int_equal(size, 24);
        assert_int_equal(time_parse_iso(slice_of(text, size), &got_ms, &zoned), STATUS_OK);
        assert_true(zoned);
        assert_int_equal(got_ms, want_ms);
    }
    assert_int_equal(time_format_date(time_days(2026, 1, 31), text), 10);
    assert_true(slice_is(slice_of(text, 10), "2026-01-31"));
}

/* Years that have no four digits still fit: the widest text of all. */
static void test_far_times_fit(void **state) {
    (void)state;
    char text[TIME_TEXT_BYTES];
    assert_true(time_format(INT64_MAX, text) <= TIME_TEXT_BYTES);
    assert_true(time_format(INT64_MIN, text) <= TIME_TEXT_BYTES);
    assert_true(time_format(time_days(-1, 12, 31) * DAY_MS, text) > 0);
    assert_memory_equal(text, "-1-12-31T00:00:00.000Z", 22);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calendar), cmocka_unit_test(test_invalid_dates),   cmocka_unit_test(test_read),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_written_is_read), cmocka_unit_test(test_far_times_fit),
    };
    return cmocka_run_group_tests_name("base/time", tests, NULL, NULL);
}
