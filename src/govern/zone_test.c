/* Zones against known changes, against the C library's own reading of the same files, and with damaged bytes. */
#include "base/random.h"
#include "govern/zone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct zone *load(const char *name) {
    struct zone *zone = NULL;
    struct fault fault = {0};
    enum status status = zone_load(os_real(), slice_text(name), &zone, &fault);
    if (status != STATUS_OK)
        fail_msg("%s: %s", name, fault.text);
    return zone;
}

static int64_t instant(const char *text) {
    int64_t time_ms;
    bool zoned;
    assert_int_equal(time_parse_iso(slice_text(text), &time_ms, &zoned), STATUS_OK);
    return time_ms;
}

/* Just before `text` the offset is `before` hours, from it on `after`. */
static void check_change(const struct zone *zone, const char *text, double before, double after) {
    assert_int_equal(zone_offset_at_utc(zone, instant(text) - 1), (int32_t)(before * 3600000));
    assert_int_equal(zone_offset_at_utc(zone, instant(text)), (int32_t)(after * 3600000));
}

static void test_known_changes(void **state) {
    (void)state;
    struct zone *shanghai = load("Asia/Shanghai"), *london = load("Europe/London"), *york = load("America/New_York");
    struct zone *howe = load("Australia/Lord_Howe"), *dublin = load("Europe/Dublin");
    check_change(shanghai, "1986-05-03T18:00:00Z", 8, 9);
    check_change(shanghai, "1986-09-13T17:00:00Z", 9, 8);
    check_change(shanghai, "1991-04-13T18:00:00Z", 8, 9);
    check_change(shanghai, "1991-09-14T17:00:00Z", 9, 8);
    assert_int_equal(zone_offset_at_utc(shanghai, instant("2026-07-01T00:00:00Z")), 8 * 3600000);
    assert_int_equal(zone_offset_at_utc(shanghai, instant("1890-01-01T00:00:00Z")), (8 * 3600 + 5 * 60 + 43) * 1000);
    check_change(london, "2026-03-29T01:00:00Z", 0, 1);
    check_change(london, "2026-10-25T01:00:00Z", 1, 0);
    check_change(london, "1968-02-18T02:00:00Z", 0, 1); /* and then summer time until 1971 */
    check_change(york, "2026-03-08T07:00:00Z", -5, -4);
    check_change(york, "2026-11-01T06:00:00Z", -4, -5);
    check_change(york, "2090-03-12T07:00:00Z", -5, -4); /* by the rule at the file's end */
    check_change(york, "2490-03-12T07:00:00Z", -5, -4); /* a whole cycle later */
    check_change(york, "9690-03-12T07:00:00Z", -5, -4);
    check_change(howe, "2026-04-04T15:00:00Z", 11, 10.5);
    check_change(dublin, "2026-03-29T01:00:00Z", 0, 1); /* "winter" time with a negative saving */
    zone_free(shanghai), zone_free(london), zone_free(york), zone_free(howe), zone_free(dublin);
}

static void test_doubtful_local_times(void **state) {
    (void)state;
    struct zone *york = load("America/New_York");
    assert_int_equal(zone_local_to_utc(york, instant("2026-03-08T01:59:59Z")), instant("2026-03-08T06:59:59Z"));
    assert_int_equal(zone_local_to_utc(york, instant("2026-03-08T02:30:00Z")), instant("2026-03-08T07:30:00Z"));
    assert_int_equal(zone_local_to_utc(york, instant("2026-03-08T03:00:00Z")), instant("2026-03-08T07:00:00Z"));
    assert_int_equal(zone_local_to_utc(york, instant("2026-11-01T01:30:00Z")), instant("2026-11-01T05:30:00Z"));
    assert_int_equal(zone_local_to_utc(york, instant("2026-11-01T02:00:00Z")), instant("2026-11-01T07:00:00Z"));
    assert_int_equal(zone_utc_to_local(york, instant("2026-11-01T06:30:00Z")), instant("2026-11-01T01:30:00Z"));
    zone_free(york);
    struct zone *apia = load("Pacific/Apia"); /* left out 2011-12-30 */
    assert_int_equal(zone_local_to_utc(apia, instant("2011-12-30T12:00:00Z")), instant("2011-12-30T22:00:00Z"));
    zone_free(apia);
}

static void test_fixed_offsets(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int minutes;
    } cases[] = {{"+08:00", 480}, {"+0800", 480}, {"-03:30", -210}, {"+8", 480},
                 {"+08", 480},    {"Z", 0},       {"UTC", 0},       {" GMT ", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *zone = load(cases[i].name);
        assert_int_equal(zone_offset_at_utc(zone, 0), cases[i].minutes * 60000);
        assert_int_equal(zone_local_to_utc(zone, 1000), 1000 - cases[i].minutes * 60000);
        zone_free(zone);
    }
    assert_int_equal(zone_offset_at_utc(zone_utc(), INT64_MAX), 0);
    assert_string_equal(zone_name(zone_utc()), "UTC");
}

static void test_wrong_names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum status status;
    } cases[] = {{"", STATUS_INVALID},
                 {"../../../etc/passwd", STATUS_INVALID},
                 {"/etc/passwd", STATUS_INVALID},
                 {"+08:60", STATUS_INVALID},
                 {"+99", STATUS_INVALID},
                 {"+08:0", STATUS_INVALID},
                 {"+", STATUS_INVALID},
                 {"Asia/Shangai", STATUS_NOT_FOUND},
                 {"zone.tab", STATUS_INVALID},
                 {"leapseconds", STATUS_DAMAGED},
                 {"right/UTC", STATUS_UNSUPPORTED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct zone *zone = NULL;
        struct fault fault = {0};
        enum status status = zone_load(os_real(), slice_text(cases[i].name), &zone, &fault);
        if (cases[i].status == STATUS_UNSUPPORTED && status == STATUS_NOT_FOUND)
            continue; /* tzdata without the leap second folder */
        if (status != cases[i].status)
            fail_msg("'%s': %s", cases[i].name, status_name(status));
        assert_null(zone);
        assert_true(fault.text[0] != 0);
    }
}

/* Zones with something odd about each, and instants from 1900 to 3000: the C library must agree. */
static void test_against_c_library(void **state) {
    (void)state;
    static const char *const names[] = {
        "Asia/Shanghai",   "America/New_York", "Europe/London",     "Europe/Dublin",       "Africa/Casablanca",
        "Africa/El_Aaiun", "Asia/Gaza",        "Asia/Kathmandu",    "Australia/Lord_Howe", "Antarctica/Troll",
        "Pacific/Apia",    "Pacific/Chatham",  "America/Sao_Paulo", "America/Nuuk",        "America/Santiago",
        "Asia/Tehran",     "Asia/Jerusalem",   "Africa/Monrovia",   "America/St_Johns",    "Asia/Hong_Kong",
        "Asia/Kolkata",    "Europe/Moscow",    "Asia/Pyongyang",    "America/Havana",      "Africa/Cairo"};
    struct random random;
    random_init(&random, 20260305);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zone *zone = load(names[i]);
        setenv("TZ", names[i], 1);
        tzset();
        for (int n = 0; n < 2000; n++) {
            time_t seconds = random_between(&random, -2208988800LL, n % 2 ? 4102444800LL : 32503680000LL);
            struct tm tm;
            localtime_r(&seconds, &tm);
            if (zone_offset_at_utc(zone, seconds * 1000) != tm.tm_gmtoff * 1000)
                fail_msg("%s at %lld: %d here, %ld in the C library", names[i], (long long)seconds,
                         zone_offset_at_utc(zone, seconds * 1000) / 1000, tm.tm_gmtoff);
        }
        zone_free(zone);
    }
    unsetenv("TZ");
    tzset();
}

/* Local to UTC by trying every offset in use nearby: the earliest instant that shows the local time; where none does,
 * the offset that held before the gap. */
static int64_t model_local_to_utc(const struct zone *zone, int64_t local_ms) {
    int64_t best = INT64_MAX, day = 2 * DAY_MS;
    for (int64_t at = local_ms - day; at <= local_ms + day; at += 900000) {
        int64_t candidate = local_ms - zone_offset_at_utc(zone, at);
        if (zone_utc_to_local(zone, candidate) == local_ms && candidate < best)
            best = candidate;
    }
    return best != INT64_MAX ? best : local_ms - zone_offset_at_utc(zone, local_ms - day);
}

static void test_local_against_model(void **state) {
    (void)state;
    static const char *const names[] = {"America/New_York", "Australia/Lord_Howe", "Asia/Shanghai", "Europe/Dublin",
                                        "Pacific/Apia"};
    struct random random;
    random_init(&random, 7);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct zone *zone = load(names[i]);
        int64_t change = instant("1960-01-01T00:00:00Z");
        for (int n = 0; n < 300; n++) {
            int64_t at = random_between(&random, change, instant("2700-01-01T00:00:00Z"));
            for (int step = 0; step < 400 && zone_offset_at_utc(zone, at) == zone_offset_at_utc(zone, at + DAY_MS);
                 step++)
                at += DAY_MS; /* near a change where there is one */
            int64_t local = zone_utc_to_local(zone, at + random_between(&random, 0, DAY_MS)) +
                            random_between(&random, -3600000, 3600000);
            if (zone_local_to_utc(zone, local) != model_local_to_utc(zone, local))
                fail_msg("%s local %lld: %lld, model %lld", names[i], (long long)local,
                         (long long)zone_local_to_utc(zone, local), (long long)model_local_to_utc(zone, local));
        }
        zone_free(zone);
    }
}

/* Every cut and every single changed byte of a good file is read or refused, never a fault of memory (run under ASan).
 */
static void test_damaged_files(void **state) {
    (void)state;
    struct buffer file = {0};
    struct fault fault;
    size_t refused = 0;
    assert_int_equal(os_read_file(os_real(), ZONE_FOLDER "/Asia/Shanghai", &file, &fault), STATUS_OK);
    for (size_t size = 0; size < file.size; size++) {
        char *copy = malloc(size + 1);
        struct zone *zone = NULL;
        memcpy(copy, file.data, size);
        assert_int_not_equal(zone_parse(slice_of(copy, size), SLICE("cut"), &zone, &fault), STATUS_OK);
        free(copy);
    }
    for (size_t at = 0; at < file.size; at++) {
        for (int bit = 0; bit < 8; bit += 7) {
            struct zone *zone = NULL;
            file.data[at] ^= (char)(1 << bit);
            if (zone_parse(buffer_slice(&file), SLICE("flipped"), &zone, NULL) == STATUS_OK)
                (void)zone_local_to_utc(zone, 1), zone_free(zone);
            else
                refused++;
            file.data[at] ^= (char)(1 << bit);
        }
    }
    assert_true(refused > 100);
    buffer_release(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_changes),     cmocka_unit_test(test_doubtful_local_times),
        cmocka_unit_test(test_fixed_offsets),     cmocka_unit_test(test_wrong_names),
        cmocka_unit_test(test_against_c_library), cmocka_unit_test(test_local_against_model),
        cmocka_unit_test(test_damaged_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
