/* retention_test: what modes make of sets, and cohorts of many, against plain loops; the analysis over random histories with ties, late rows and
 * merges against its slow twin, for random questions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/retention_model.h"
#include "insight/texts.h"

#define SEED 11
#define QUESTIONS 40
#define NO_TOWN 255

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

static returns random_set(struct random *r) {
    returns set = (returns)random_next(r) << 64 | random_next(r);
    if (random_chance(r, 0.5))
        set &= (returns)random_next(r) << 64 | random_next(r);
    if (random_chance(r, 0.3))
        set &= ((returns)1 << random_below(r, RETURNS_MAX)) - 1;
    if (random_chance(r, 0.3))
        set |= ((returns)2 << random_below(r, RETURNS_LAST)) - 1;
    return set;
}

static void modes_are_their_twin(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (int round = 0; round < 2000; round++) {
        returns set = round ? random_set(&r) : 0;
        for (int mode = RETURNS_N_DAY; mode <= RETURNS_STREAK; mode++) {
            returns got = returns_by(set, (enum returns_mode)mode);
            for (uint32_t k = 0; k < RETURNS_LAST; k++)
                if (returns_has(got, k) != model_returned(set, (enum returns_mode)mode, k))
                    fail_msg("seed %d, round %d: mode %d, interval %u", SEED, round, mode, k);
        }
    }
}

/* More than lanes hold, in two parts, one of them read in between. */
static void cohorts_add_up(void **state) {
    (void)state;
    static struct cohort parts[2];
    uint64_t back[RETURNS_MAX] = {0}, seen[RETURNS_MAX] = {0};
    struct random r;
    random_init(&r, SEED);
    for (int i = 0; i < 3000; i++) {
        returns set = random_set(&r);
        uint32_t until = 1 + (uint32_t)random_below(&r, i < 1000 ? 13 : RETURNS_LAST);
        for (uint32_t k = 0; k < until; k++) {
            seen[k]++;
            back[k] += returns_has(set, k);
        }
        cohort_add(&parts[i % 3 == 0], set, until);
        if (i == 700)
            cohort_finish(&parts[0]);
    }
    cohort_add_up(&parts[0], &parts[1]);
    assert_int_equal(parts[0].size, 3000);
    for (uint32_t k = 0; k < RETURNS_MAX; k++) {
        assert_int_equal(parts[0].back[k], back[k]);
        assert_int_equal(parts[0].seen[k], seen[k]);
    }
}

/* --- the analysis --- */

static const char *const type_words[BED_TYPES] = {"view", "add", "bought"};
static const enum unit units[] = {UNIT_DAY, UNIT_WEEK, UNIT_MONTH};
static const char *const unit_words[] = {"day", "week", "month"};
static const char *const mode_words[] = {"n_day", "rolling", "unbounded", "cumulative", "streak"};

static struct retention_question random_question(struct random *r, struct buffer *text) {
    struct retention_question q = {.page = -1, .town = -1, .from_ms = 0, .to_ms = INT64_MAX};
    unsigned interval = (unsigned)random_below(r, 3), cohort = (unsigned)random_below(r, 3);
    char date[TIME_TEXT_BYTES];
    q.start = (uint8_t)random_below(r, BED_TYPES);
    q.back = (uint8_t)random_below(r, BED_TYPES + 1);
    q.intervals = 1 + (uint32_t)random_below(r, random_chance(r, 0.2) ? 120 : 14);
    q.mode = (enum returns_mode)random_below(r, 5);
    q.own = random_chance(r, 0.4);
    q.interval = units[interval];
    q.cohort = random_chance(r, 0.5) ? units[cohort] : units[interval];
    q.page = random_chance(r, 0.3) ? (int)random_below(r, 4) : -1;
    buffer_print(text, "{\"start\": \"%s", type_words[q.start]);
    if (q.page >= 0)
        buffer_print(text, " where page = \\\"p%d\\\"", q.page);
    buffer_print(text, "\", \"interval\": \"%s\", \"intervals\": %u, \"mode\": \"%s\", \"align\": \"%s\"",
                 unit_words[interval], q.intervals, mode_words[q.mode], q.own ? "own" : "calendar");
    if (q.cohort != q.interval)
        buffer_print(text, ", \"cohort\": \"%s\"", unit_words[cohort]);
    if (q.back < BED_TYPES)
        buffer_print(text, ", \"return\": \"%s\"", type_words[q.back]);
    const struct calendar calendar = {bed.zone, 1};
    int64_t today = calendar_day(&calendar, bed.now_ms);
    for (unsigned side = 0; side < 2; side++) {
        if (random_chance(r, 0.6))
            continue;
        int64_t day = today - (side ? (int64_t)random_below(r, 20) : 21 + (int64_t)random_below(r, 50));
        *(side ? &q.to_ms : &q.from_ms) = calendar_day_start(&calendar, day);
        size_t size = time_format_date(day, date);
        buffer_print(text, ", \"%s\": \"%.*s\"", side ? "to" : "from", (int)size, date);
    }
    return q;
}

static void assert_row(const struct answer_table *t, size_t row, const struct retention_question *q, uint64_t size,
                       const uint64_t *back, const uint64_t *seen, const char *text) {
    char column[16];
    if ((uint64_t)answer_at(t, row, "size").number.integer != size)
        fail_msg("seed %d: %s: %.*s has %lld customers, not %llu", SEED, text,
                 SLICE_ARG(answer_at(t, row, "cohort").text), (long long)answer_at(t, row, "size").number.integer,
                 (unsigned long long)size);
    for (uint32_t k = 0; k <= q->intervals; k++) {
        snprintf(column, sizeof column, "%u", k);
        struct answer_cell cell = answer_at(t, row, column);
        if (cell.missing != (seen[k] == 0) || (!cell.missing && (uint64_t)cell.number.integer != back[k]))
            fail_msg("seed %d: %s: %.*s interval %u: %lld, not %llu", SEED, text,
                     SLICE_ARG(answer_at(t, row, "cohort").text), k, (long long)cell.number.integer,
                     (unsigned long long)back[k]);
    }
}

/* All rows of a group: its cohorts, and "all". Returns how many customers. */
static uint64_t assert_group(const struct answer_table *t, const char *group, const struct retention_question *q,
                             const char *text) {
    static struct retention_expected expected;
    uint64_t size = 0, back[RETURNS_MAX] = {0}, seen[RETURNS_MAX] = {0};
    size_t found = 0;
    retention_model(&bed, q, &expected);
    for (size_t i = 0; i < expected.count; i++) {
        size += expected.cohorts[i].size;
        for (uint32_t k = 0; k < RETURNS_MAX; k++) {
            back[k] += expected.cohorts[i].back[k];
            seen[k] += expected.cohorts[i].seen[k];
        }
    }
    for (size_t row = 0; row < answer_rows(t); row++) {
        if (group && !slice_is(answer_at(t, row, "group").text, group))
            continue;
        struct slice cohort = answer_at(t, row, "cohort").text;
        found++;
        if (slice_is(cohort, "all"))
            assert_row(t, row, q, size, back, seen, text);
        for (size_t i = 0; i < expected.count; i++)
            if (slice_is(cohort, expected.cohorts[i].label))
                assert_row(t, row, q, expected.cohorts[i].size, expected.cohorts[i].back, expected.cohorts[i].seen,
                           text);
    }
    if (found != (expected.count ? expected.count + 1 : 0))
        fail_msg("seed %d: %s: %zu rows, not %zu cohorts and all", SEED, text, found, expected.count);
    return size;
}

static void analysis_is_its_twin(void **state) {
    (void)state;
    struct random r;
    uint64_t customers = 0;
    random_init(&r, SEED);
    for (int i = 0; i < QUESTIONS; i++) {
        struct buffer text = {0};
        struct retention_question q = random_question(&r, &text);
        bool split = random_chance(&r, 0.3);
        buffer_print(&text, "%s}%c", split ? ", \"split\": \"town\"" : "", 0);
        struct answer *answer = insight_bed_run(&bed, "retention", text.data, 1 + (unsigned)random_below(&r, 3));
        const struct answer_table *t = answer_find(answer, "customers");
        char group[16];
        for (int town = split ? 0 : -1; town < (split ? 5 : 0); town++) {
            snprintf(group, sizeof group, "t%d", town);
            q.town = town;
            customers += assert_group(t, split ? group : NULL, &q, text.data);
        }
        q.town = NO_TOWN;
        if (split)
            customers += assert_group(t, TEXTS_MISSING_TEXT, &q, text.data);
        answer_free(answer);
        buffer_release(&text);
    }
    assert_true(customers > 5000); /* so that something was compared */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modes_are_their_twin),
        cmocka_unit_test(cohorts_add_up),
        cmocka_unit_test(analysis_is_its_twin),
    };
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
