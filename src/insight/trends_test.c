/* trends_test: where moments lie among periods, through changes of clocks, against a search; the analysis over random histories with ties, late
 * rows and merges against its slow twin, for random series, splits, periods and periods before. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/periods.h"
#include "insight/retention_model.h"
#include "insight/texts.h"
#include "insight/trends_model.h"

#define SEED 13
#define QUESTIONS 40
#define SERIES_MAX 4
#define MISSING 255

static struct insight_bed bed;

static int open_bed(void **state) {
    (void)state;
    insight_bed_open(&bed, SEED, 600, 8);
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    insight_bed_close(&bed);
    return 0;
}

/* --- periods --- */

static uint32_t searched(const struct periods *p, int64_t t) {
    uint32_t i = 0;
    while (i < p->count && p->starts[i + 1] <= t)
        i++;
    return t < p->starts[0] || i == p->count ? PERIOD_NONE : i;
}

/* Many at once as one by one, and told where one of them is outside; the edges above all. */
static void check_together(struct random *r, const struct periods *p, int64_t from, int64_t to) {
    enum { MOST = 100 };
    int64_t times[MOST];
    uint32_t places[MOST], count = (uint32_t)random_between(r, 1, MOST);
    bool within = true;
    for (uint32_t i = 0; i < count; i++) {
        times[i] = random_between(r, from, to - 1);
        if (random_chance(r, 0.01))
            times[i] = random_chance(r, 0.5) ? from - random_between(r, 0, 2) : to + random_between(r, -1, 2);
        within = within && times[i] >= from && times[i] < to;
    }
    assert_int_equal(periods_of(p, from, to, times, count, places), within);
    for (uint32_t i = 0; i < count && within; i++)
        assert_int_equal(places[i], searched(p, times[i]));
}

static void periods_hold_their_moments(void **state) {
    (void)state;
    static const char *const zones[] = {"UTC", "Asia/Shanghai", "America/New_York", "Australia/Lord_Howe"};
    static const enum unit all[] = {UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR};
    struct random r;
    random_init(&r, SEED);
    for (size_t z = 0; z < sizeof zones / sizeof *zones; z++) {
        struct zone *zone = NULL;
        struct fault fault = {0};
        assert_int_equal(zone_load(os_real(), slice_text(zones[z]), &zone, &fault), STATUS_OK);
        const struct calendar calendar = {zone, 1 + (uint8_t)random_below(&r, 7)};
        for (size_t u = 0; u < sizeof all / sizeof *all; u++) {
            struct periods p;
            int64_t from = INT64_C(1600000000000) + random_between(&r, 0, 3 * 365 * DAY_MS);
            int64_t to = from + random_between(&r, 1, (u == 0 ? 60 : 700) * DAY_MS);
            assert_int_equal(periods_make(&p, &calendar, all[u], from, to, &fault), STATUS_OK);
            for (int i = 0; i < 2000; i++) {
                int64_t t = random_between(&r, from - 40 * DAY_MS, to + 40 * DAY_MS);
                if (i % 2) /* the edges above all */
                    t = p.starts[random_below(&r, p.count + 1)] + random_between(&r, -1, 1);
                if (periods_at(&p, t) != searched(&p, t))
                    fail_msg("seed %d, %s, unit %d: %lld lies in %u, not %u", SEED, zones[z], (int)all[u], (long long)t,
                             periods_at(&p, t), searched(&p, t));
            }
            for (int i = 0; i < 100; i++)
                check_together(&r, &p, from, to);
            periods_release(&p);
        }
        zone_free(zone);
    }
}

/* --- the analysis --- */

static const char *const type_words[BED_TYPES] = {"view", "add", "bought"};
static const char *const kind_words[] = {"count", "customers", "sum",          "avg",
                                         "min",   "max",       "per_customer", "sum_per_customer"};
static const enum unit units[] = {UNIT_DAY, UNIT_WEEK, UNIT_MONTH};
static const char *const unit_words[] = {"day", "week", "month"};

struct asked {
    struct trends_question series[SERIES_MAX];
    size_t count;
    enum model_group by;
    bool previous;
    int64_t from_ms, to_ms;
    enum unit interval;
};

static struct trends_question random_series(struct random *r, struct buffer *text, size_t number) {
    struct trends_question q = {.type = (uint8_t)random_below(r, BED_TYPES),
                                .page = random_chance(r, 0.3) ? (int)random_below(r, 4) : -1,
                                .kind = (enum measure_kind)random_below(r, 8)};
    bool valued = q.kind != MEASURE_COUNT && q.kind != MEASURE_CUSTOMERS && q.kind != MEASURE_PER_CUSTOMER;
    buffer_print(text, "%s{\"event\": \"%s", number ? ", " : "", type_words[q.type]);
    if (q.page >= 0)
        buffer_print(text, " where page = \\\"p%d\\\"", q.page);
    buffer_print(text, "\", \"measure\": \"%s\"%s, \"name\": \"s%zu\"}", kind_words[q.kind],
                 valued ? ", \"value\": \"total\"" : "", number);
    return q;
}

static struct asked random_question(struct random *r, struct buffer *text) {
    static const char *const splits[] = {"", ", \"split\": \"town\"", ", \"split\": {\"row\": \"page\"}"};
    const struct calendar calendar = {bed.zone, 1};
    struct asked a = {.count = 1 + random_below(r, SERIES_MAX), .by = (enum model_group)random_below(r, 3)};
    unsigned unit = (unsigned)random_below(r, 3);
    char dates[2][TIME_TEXT_BYTES];
    buffer_print(text, "{\"series\": [");
    for (size_t i = 0; i < a.count; i++)
        a.series[i] = random_series(r, text, i);
    a.interval = units[unit];
    a.previous = random_chance(r, 0.5);
    int64_t today = calendar_day(&calendar, bed.now_ms), to = today - (int64_t)random_below(r, 12) + 1,
            from = to - 1 - (int64_t)random_below(r, 40);
    if (a.interval == UNIT_MONTH && random_chance(r, 0.4)) { /* a whole one, which is not as long as the one before */
        to = calendar_period(&calendar, today, UNIT_MONTH, 0);
        from = calendar_period(&calendar, today, UNIT_MONTH, -1);
    }
    a.from_ms = calendar_day_start(&calendar, from);
    a.to_ms = calendar_day_start(&calendar, to);
    size_t sizes[2] = {time_format_date(from, dates[0]), time_format_date(to, dates[1])};
    buffer_print(text, "], \"interval\": \"%s\", \"compare\": \"%s\", \"from\": \"%.*s\", \"to\": \"%.*s\"%s}%c",
                 unit_words[unit], a.previous ? "previous" : "none", (int)sizes[0], dates[0], (int)sizes[1], dates[1],
                 splits[a.by], 0);
    return a;
}

static int group_number(struct slice name) {
    return slice_is(name, TEXTS_MISSING_TEXT) ? MISSING : name.data[1] - '0'; /* t3, p3 */
}

static void assert_value(const struct insight_bed *b, const struct trends_question *q, const struct asked *a, int group,
                         int64_t from_ms, int64_t to_ms, struct answer_cell cell, const char *text) {
    double expected;
    bool there = trends_model(b, q, a->by, group, from_ms, to_ms, &expected);
    double got = cell.missing ? 0 : number_as_real(cell.number);
    if (there == cell.missing || (there && fabs(got - expected) > 0.000001 + 1e-12 * fabs(expected)))
        fail_msg("seed %d: %s: group %d, from %lld to %lld: %.9g (%s), not %.9g (%s)", SEED, text, group,
                 (long long)from_ms, (long long)to_ms, got, cell.missing ? "missing" : "there", expected,
                 there ? "there" : "missing");
}

/* Where interval `k` of the period from `from_ms` to `to_ms` lies; false where there are fewer. */
static bool interval_bounds(enum unit unit, uint32_t k, int64_t *from_ms, int64_t *to_ms) {
    const struct calendar calendar = {bed.zone, 1};
    int64_t first = model_unit(&calendar, unit, *from_ms), begin = *from_ms, end;
    while (begin < *to_ms && model_unit(&calendar, unit, begin) < first + k)
        begin = calendar_day_start(&calendar, calendar_day(&calendar, begin) + 1);
    for (end = begin; end < *to_ms && model_unit(&calendar, unit, end) == first + k;)
        end = calendar_day_start(&calendar, calendar_day(&calendar, end) + 1);
    bool there = begin < *to_ms;
    *from_ms = begin;
    *to_ms = end;
    return there;
}

/* Whole months: as many before. Else as long a time. */
static int64_t before_of(const struct asked *a) {
    const struct calendar calendar = {bed.zone, 1};
    const int64_t from = calendar_day(&calendar, a->from_ms), to = calendar_day(&calendar, a->to_ms);
    if (a->interval == UNIT_MONTH && from == calendar_period(&calendar, from, UNIT_MONTH, 0) &&
        to == calendar_period(&calendar, to, UNIT_MONTH, 0))
        return calendar_day_start(&calendar, calendar_period(&calendar, from, UNIT_MONTH,
                                                             (int)(model_unit(&calendar, UNIT_MONTH, a->from_ms) -
                                                                   model_unit(&calendar, UNIT_MONTH, a->to_ms))));
    return 2 * a->from_ms - a->to_ms;
}

static void assert_answer(const struct asked *a, const struct answer *answer, const char *text, uint64_t *rows_seen) {
    const struct answer_table *trend = answer_find(answer, "trend"), *totals = answer_find(answer, "totals");
    uint32_t k = 0;
    const int64_t begin_before = before_of(a);
    struct slice last = SLICE_NONE;
    for (size_t row = 0; row < answer_rows(trend); row++, k++, ++*rows_seen) {
        struct slice name = a->by ? answer_at(trend, row, "group").text : SLICE("");
        k = slice_equal(name, last) ? k : 0;
        last = name;
        int group = a->by ? group_number(name) : 0;
        int64_t from = a->from_ms, to = a->to_ms, from_before = begin_before, to_before = a->from_ms;
        assert_true(interval_bounds(a->interval, k, &from, &to));
        bool before = interval_bounds(a->interval, k, &from_before, &to_before);
        for (size_t i = 0; i < a->count; i++) {
            char column[32];
            snprintf(column, sizeof column, "s%zu", i);
            assert_value(&bed, &a->series[i], a, group, from, to, answer_at(trend, row, column), text);
            if (!a->previous)
                continue;
            snprintf(column, sizeof column, "s%zu before", i);
            struct answer_cell cell = answer_at(trend, row, column);
            if (before)
                assert_value(&bed, &a->series[i], a, group, from_before, to_before, cell, text);
            else
                assert_true(cell.missing);
        }
    }
    for (size_t row = 0; row < answer_rows(totals); row++)
        for (size_t i = 0; i < a->count; i++) {
            char column[32];
            int group = a->by ? group_number(answer_at(totals, row, "group").text) : 0;
            snprintf(column, sizeof column, "s%zu", i);
            assert_value(&bed, &a->series[i], a, group, a->from_ms, a->to_ms, answer_at(totals, row, column), text);
            snprintf(column, sizeof column, "s%zu before", i);
            if (a->previous)
                assert_value(&bed, &a->series[i], a, group, begin_before, a->from_ms, answer_at(totals, row, column),
                             text);
        }
}

static void analysis_is_its_twin(void **state) {
    (void)state;
    struct random r;
    uint64_t rows = 0;
    random_init(&r, SEED);
    for (int i = 0; i < QUESTIONS; i++) {
        struct buffer text = {0};
        struct asked a = random_question(&r, &text);
        struct answer *answer = insight_bed_run(&bed, "trends", text.data, 1 + (unsigned)random_below(&r, 3));
        assert_answer(&a, answer, text.data, &rows);
        answer_free(answer);
        buffer_release(&text);
    }
    assert_true(rows > 500); /* so that something was compared */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(periods_hold_their_moments),
        cmocka_unit_test(analysis_is_its_twin),
    };
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
