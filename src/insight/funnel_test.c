/* funnel_test: the kernels against the plain twin on random rows with ties, customer by customer and many at once; the analysis over random histories against the twin, by group, with
 * one worker and many; what is refused, and how. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/funnel.h"
#include "insight/funnel_model.h"
#include "insight/insight_bed_model.h"

#define SEED 7
#define ROWS_MAX 14

static struct insight_bed bed;

static int open_bed(void **state) {
    (void)state;
    insight_bed_open(&bed, SEED, 5000, 6);
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    insight_bed_close(&bed);
    return 0;
}

/* --- kernels --- */

static struct funnel_rule random_rule(struct random *r) {
    static const struct length windows[] = {{0}, {3, UNIT_HOUR}, {1, UNIT_DAY}, {6, UNIT_HOUR}, {1, UNIT_MONTH}};
    struct funnel_rule rule = {.steps = 1 + (unsigned)random_below(r, 4),
                               .order = (enum funnel_order)random_below(r, 3),
                               .window = windows[random_below(r, 5)],
                               .calendar = {zone_utc(), 1},
                               .period = {INT64_MIN, INT64_MAX}};
    if (random_chance(r, 0.3))
        rule.period = (struct period){4 * 3600000, 20 * 3600000};
    return rule;
}

static uint32_t random_rows(struct random *r, const struct funnel_rule *rule, struct funnel_row *rows) {
    uint32_t count = (uint32_t)random_below(r, ROWS_MAX + 1);
    int64_t time = 0;
    for (uint32_t i = 0; i < count; i++) {
        time += (int64_t)random_below(r, 3) * 3600000;
        rows[i] = (struct funnel_row){.time_ms = time, .position = i, .held = 1, .element = {i, 0}};
        rows[i].steps = random_chance(r, 0.85) ? UINT32_C(1) << random_below(r, rule->steps) : 0;
        if (rule->order != FUNNEL_ANY && random_chance(r, 0.1))
            rows[i].steps |= UINT32_C(1) << random_below(r, rule->steps);
        if (rule->order != FUNNEL_ANY && random_chance(r, 0.1))
            rows[i].breaks = (uint32_t)random_below(r, 1u << rule->steps) & ~1u;
    }
    return count;
}

static void assert_same(const struct funnel_run *got, const struct funnel_run *expected, int round, const char *what) {
    bool same = got->level == expected->level && (got->level == 0 || got->first[0] == expected->first[0]);
    for (unsigned k = 0; k < expected->level && same; k++)
        same = got->times[k] == expected->times[k];
    if (!same)
        fail_msg("seed %d, round %d: %s: level %u, not %u (or other times)", SEED, round, what, got->level,
                 expected->level);
}

static bool by_element(void *context, unsigned k, uint32_t a, uint32_t b) {
    (void)context;
    (void)k;
    return a < b;
}

/* The fast way on the same rows: one table, a bitmap for each step. */
static void go_fast(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                    struct funnel_scratch *scratch, struct funnel_run *run) {
    int64_t times[ROWS_MAX + 1];
    uint64_t bits[FUNNEL_STEPS_MAX] = {0};
    struct funnel_list lists[FUNNEL_STEPS_MAX];
    for (uint32_t i = 0; i < count; i++) {
        times[i] = rows[i].time_ms;
        for (unsigned k = 0; k < rule->steps; k++)
            bits[k] |= (uint64_t)(rows[i].steps >> k & 1) << i;
    }
    for (unsigned k = 0; k < rule->steps; k++) {
        bool all = bits[k] == (UINT64_C(1) << count) - 1;
        lists[k] = (struct funnel_list){times, all ? NULL : &bits[k], 0, count};
    }
    funnel_go_fast(rule, lists, by_element, NULL, scratch, run);
}

static void kernels_are_their_twin(void **state) {
    (void)state;
    struct random r;
    struct funnel_scratch *scratch = funnel_scratch_create();
    unsigned reached[5] = {0};
    random_init(&r, SEED);
    for (int round = 0; round < 6000; round++) {
        struct funnel_row rows[ROWS_MAX];
        struct funnel_rule rule = random_rule(&r);
        struct funnel_run got, expected;
        uint32_t count = random_rows(&r, &rule, rows);
        bool plain = rule.order == FUNNEL_ORDERED;
        for (uint32_t i = 0; i < count; i++)
            plain = plain && rows[i].breaks == 0;
        funnel_model(&rule, rows, count, &expected);
        funnel_go(&rule, rows, count, &got);
        assert_same(&got, &expected, round, "row by row");
        reached[expected.level]++;
        if (!plain)
            continue;
        go_fast(&rule, rows, count, scratch, &got);
        assert_same(&got, &expected, round, "step by step");
    }
    for (unsigned k = 0; k < 5; k++)
        assert_true(reached[k] > 50);
    funnel_scratch_free(scratch);
}

/* Many customers in one table, some of them not asked for. */
#define LINE_CUSTOMERS 70
struct line_bed {
    struct funnel_row rows[LINE_CUSTOMERS][ROWS_MAX];
    uint32_t counts[LINE_CUSTOMERS], starts[LINE_CUSTOMERS + 1];
    bool asked[LINE_CUSTOMERS];
    int64_t times[LINE_CUSTOMERS * ROWS_MAX];
    uint64_t in[FUNNEL_STEPS_MAX][LINE_CUSTOMERS * ROWS_MAX / 64 + 1];
};

static void random_line(struct random *r, const struct funnel_rule *rule, struct line_bed *b) {
    uint32_t first = (uint32_t)random_below(r, 100); /* starts are absolute */
    memset(b, 0, sizeof *b);
    b->starts[0] = first;
    for (uint32_t c = 0; c < LINE_CUSTOMERS; c++) {
        b->counts[c] = random_chance(r, 0.3) ? 0 : random_rows(r, rule, b->rows[c]);
        b->asked[c] = !random_chance(r, 0.2);
        for (uint32_t i = 0; i < b->counts[c]; i++) {
            struct funnel_row *row = &b->rows[c][i];
            uint32_t at = b->starts[c] - first + i;
            row->breaks = 0;
            row->position = row->element[0] = at;
            b->times[at] = row->time_ms;
            for (unsigned k = 0; k < rule->steps; k++)
                b->in[k][at / 64] |= (uint64_t)((row->steps >> k & 1) && b->asked[c]) << (at % 64);
        }
        b->starts[c + 1] = b->starts[c] + b->counts[c];
    }
}

static void lines_are_their_twin(void **state) {
    (void)state;
    static struct line_bed b;
    static const struct period always = {INT64_MIN, INT64_MAX};
    struct random r;
    struct funnel_lines *lines = funnel_lines_create();
    unsigned reached[5] = {0};
    random_init(&r, SEED);
    for (int round = 0; round < 400; round++) {
        struct funnel_rule rule = random_rule(&r);
        rule.order = FUNNEL_ORDERED;
        if (!funnel_lines_take(&rule))
            continue;
        random_line(&r, &rule, &b);
        for (unsigned k = 0; k < rule.steps; k++) {
            const struct funnel_rows rows = {b.starts, LINE_CUSTOMERS, b.starts[LINE_CUSTOMERS] - b.starts[0], b.times,
                                             b.in[k]};
            assert_true(funnel_lines_fill(lines, k, &rows, k ? &always : &rule.period));
        }
        funnel_lines_go(lines, &rule, by_element, NULL);
        struct funnel_run got[LINE_CUSTOMERS] = {{0}}, expected;
        for (unsigned level = rule.steps; level > 0; level--) {
            const uint32_t *found;
            uint32_t count = funnel_lines_at(lines, level, &found);
            for (uint32_t i = 0; i < count; i++) {
                struct funnel_run run;
                uint32_t customer = funnel_lines_run(lines, level, found[i], &run);
                assert_int_equal(got[customer].level, 0); /* given out once */
                got[customer] = run;
            }
        }
        for (uint32_t c = 0; c < LINE_CUSTOMERS; c++) {
            funnel_model(&rule, b.rows[c], b.asked[c] ? b.counts[c] : 0, &expected);
            assert_same(&got[c], &expected, round, "in lines");
            reached[expected.level]++;
        }
    }
    for (unsigned k = 0; k < 5; k++)
        assert_true(reached[k] > 50);
    funnel_lines_free(lines);
}

/* Times that keys have no room for are left to the other ways. */
static void far_times_are_left(void **state) {
    (void)state;
    static const struct period always = {INT64_MIN, INT64_MAX};
    static const uint32_t starts[] = {0, 1};
    static const struct {
        int64_t time;
        bool taken;
    } rows[] = {{0, true},
                {INT64_C(1773115200000), true},
                {-(INT64_C(1) << 40), true},
                {-(INT64_C(1) << 40) - 1, false},
                {(INT64_C(1) << 42) - (INT64_C(1) << 40) - 1, true},
                {(INT64_C(1) << 42) - (INT64_C(1) << 40), false},
                {INT64_MAX, false},
                {INT64_MIN, false}};
    struct funnel_lines *lines = funnel_lines_create();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct funnel_rows one = {starts, 1, 1, &rows[i].time, NULL};
        assert_int_equal(funnel_lines_fill(lines, 0, &one, &always), rows[i].taken);
    }
    funnel_lines_free(lines);
}

/* --- the analysis --- */

/* Rows of one customer as the kernels take them. `breaker`: a type whose rows end runs of one step; BED_TYPES: none. */
static uint32_t rows_of(uint32_t customer, const uint8_t *types, unsigned steps, unsigned breaker, int page,
                        struct funnel_row *rows, uint32_t most) {
    size_t first, count = insight_bed_rows(&bed, customer, &first);
    uint32_t made = 0;
    for (size_t i = first; i < first + count && made < most; i++) {
        const struct bed_row *b = &bed.rows[i];
        struct funnel_row row = {b->time_ms, b->position, 0, 0, 1, {(uint32_t)i, 0}};
        if (page >= 0 && (!b->has_page || b->page != page))
            continue;
        for (unsigned k = 0; k < steps; k++)
            if (types[k] == b->type)
                row.steps |= UINT32_C(1) << k;
        if (b->type == breaker)
            row.breaks = 2;
        if (row.steps || row.breaks)
            rows[made++] = row;
    }
    return made;
}

struct expected {
    uint64_t reached[3];
};

static const struct length twenty_days = {20, UNIT_DAY};

static void expect(const uint8_t *types, unsigned steps, unsigned breaker, bool held, int town, struct expected *out) {
    struct funnel_rule rule = {.steps = steps, .window = twenty_days, .period = {INT64_MIN, INT64_MAX}};
    rule.calendar = (struct calendar){bed.zone, 1};
    *out = (struct expected){0};
    for (uint32_t c = 1; c <= bed.customers; c++) {
        struct funnel_row rows[64];
        struct funnel_run best = {0}, run;
        if (!insight_bed_there(&bed, c) || (town >= 0 && bed.towns[c] != town))
            continue;
        for (int page = held ? 0 : -1; page < (held ? 4 : 0); page++) {
            uint32_t count = rows_of(c, types, steps, breaker, page, rows, 64);
            assert_true(count < 64);
            funnel_model(&rule, rows, count, &run);
            if (funnel_better(&run, &best))
                best = run;
        }
        for (unsigned k = 0; k < best.level; k++)
            out->reached[k]++;
    }
}

static void assert_steps(const struct answer *answer, const char *group, const struct expected *expected,
                         unsigned steps) {
    const struct answer_table *t = answer_find(answer, "steps");
    unsigned seen = 0;
    for (size_t row = 0; row < answer_rows(t); row++) {
        if (group && !slice_is(answer_at(t, row, "group").text, group))
            continue;
        int64_t step = answer_at(t, row, "step").number.integer;
        assert_int_equal(answer_at(t, row, "customers").number.integer, expected->reached[step - 1]);
        seen++;
    }
    assert_int_equal(seen, steps);
}

static void histories_as_counted_plainly(void **state) {
    (void)state;
    static const uint8_t types[] = {BED_VIEW, BED_ADD, BED_ORDER}, again[] = {BED_VIEW, BED_VIEW, BED_ORDER};
    struct expected expected;
    struct answer *answer;
    expect(types, 3, BED_TYPES, false, -1, &expected);
    assert_true(expected.reached[0] > expected.reached[1] && expected.reached[2] > 20);
    answer = insight_bed_run(&bed, "funnel", "{\"steps\": \"view -> add -> bought\", \"window\": \"20 days\"}", 1);
    assert_steps(answer, NULL, &expected, 3);
    answer_free(answer);
    expect(again, 3, BED_TYPES, false, -1, &expected);
    answer =
        insight_bed_run(&bed, "funnel", "{\"steps\": [\"view\", \"view\", \"bought\"], \"window\": \"20 days\"}", 2);
    assert_steps(answer, NULL, &expected, 3);
    answer_free(answer);
    expect(again, 3, BED_ADD, false, -1, &expected);
    answer = insight_bed_run(&bed, "funnel",
                             "{\"steps\": [\"view\", \"view\", \"bought\"], \"window\": \"20 days\", \"exclude\": "
                             "[{\"event\": \"add\", \"before\": 2}]}",
                             2);
    assert_steps(answer, NULL, &expected, 3);
    answer_free(answer);
    expect(types, 3, BED_TYPES, true, -1, &expected);
    answer = insight_bed_run(&bed, "funnel",
                             "{\"steps\": \"view -> add -> bought\", \"window\": \"20 days\", \"hold\": \"page\"}", 2);
    assert_steps(answer, NULL, &expected, 3);
    answer_free(answer);
    expect(types, 3, BED_TYPES, false, 2, &expected);
    answer = insight_bed_run(&bed, "funnel",
                             "{\"steps\": \"view -> add -> bought\", \"window\": \"20 days\", \"split\": \"town\"}", 2);
    assert_steps(answer, "t2", &expected, 3);
    answer_free(answer);
    answer = insight_bed_run(&bed, "funnel",
                             "{\"steps\": \"view -> add -> bought\", \"window\": \"20 days\", \"population\": \"town = "
                             "\\\"t2\\\"\"}",
                             2);
    assert_steps(answer, NULL, &expected, 3);
    answer_free(answer);
}

static const char *const definitions[][2] = {
    {"funnel", "{\"steps\": \"view -> add -> bought\", \"window\": \"20 days\", \"split\": \"town\"}"},
    {"funnel",
     "{\"steps\": \"view -> add -> bought\", \"split\": {\"step\": 1, \"value\": \"page\"}, \"order\": \"any\"}"},
    {"funnel",
     "{\"steps\": [\"view where page = \\\"p1\\\"\", \"add where page = \\\"p2\\\"\"], \"order\": \"strict\"}"},
    {"retention", "{\"start\": \"view\", \"return\": \"bought\", \"interval\": \"week\", \"split\": \"town\"}"},
    {"retention", "{\"start\": \"view\", \"intervals\": 20, \"mode\": \"rolling\", \"align\": \"own\"}"},
    {"trends", "{\"series\": [{\"event\": \"bought\", \"value\": \"total\", \"name\": \"x\"}, \"view\"], \"formulas\": "
               "\"A / B\", "
               "\"split\": {\"row\": \"page\"}, \"last\": \"3 weeks\", \"compare\": \"previous\"}"},
    {"distribution", "{\"of\": \"count(view)\", \"split\": \"town\"}"},
    {"distribution", "{\"of\": \"page\", \"event\": \"view\"}"},
    {"interval", "{\"start\": \"view\", \"end\": \"bought\", \"hold\": \"page\", \"split\": \"town\"}"},
};

/* The same bytes, however many workers. */
static void workers_do_not_show(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof definitions / sizeof *definitions; i++) {
        struct buffer one = {0}, many = {0};
        for (unsigned workers = 1; workers <= 4; workers += 3) {
            struct answer *answer = insight_bed_run(&bed, definitions[i][0], definitions[i][1], workers);
            struct json_writer w = {.out = workers == 1 ? &one : &many};
            json_object(&w);
            answer_write_json(answer, &w);
            json_end_object(&w);
            answer_free(answer);
        }
        if (!slice_equal(buffer_slice(&one), buffer_slice(&many)))
            fail_msg("seed %d: %s %s: one worker\n%.*s\nfour\n%.*s", SEED, definitions[i][0], definitions[i][1],
                     SLICE_ARG(buffer_slice(&one)), SLICE_ARG(buffer_slice(&many)));
        buffer_release(&one);
        buffer_release(&many);
    }
}

static void what_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *definition, *fault;
    } rows[] = {
        {"{}", "at steps: is missing; name rows, such as [\"product_viewed\", \"order where total > 100\"]"},
        {"{\"stps\": \"view\"}", "at stps: an unknown member; did you mean \"steps\"?"},
        {"{\"steps\": [\"view\", \"viw\"]}",
         "at steps[1]: at 1: there are no events, documents or relations called \"viw\"; did you mean \"view\"?"},
        {"{\"steps\": [\"view\", {\"event\": \"view where pge = 3\"}]}",
         "at steps[1].event: at 12: \"pge\" is no field of view, nor an attribute; did you mean \"page\"?"},
        {"{\"steps\": [\"view\", \"add\"], \"window\": \"soon\"}",
         "at window: a length of time such as \"7 days\" is expected here"},
        {"{\"steps\": [\"view\", \"add\"], \"order\": \"some\"}",
         "at order: one of ordered/any/strict is expected here"},
        {"{\"steps\": [\"view\", \"add\"], \"population\": \"town\"}",
         "at population: at 1: a condition is asked for here, and town is text; compare it with something, or ask "
         "whether "
         "it \"is present\""},
        {"{\"steps\": [\"view\", \"add\"], \"exclude\": [{\"event\": \"bought\", \"before\": 9}]}",
         "at exclude[0].before: a whole number from 2 to 2 is expected here"},
        {"{\"steps\": [\"view\", \"add\"], \"from\": \"yesterday\"}",
         "at from: \"yesterday\" is no moment; write \"2026-01-31\", \"2026-01-31T08:00\", or \"30 days ago\""},
        {"{\"steps\": [\"view.page\", \"add\"]}", NULL},
        {"{\"steps\": [\"view) or any(add\", \"add\"]}",
         "at steps[0]: rows are asked for here: a type and a condition, such as order where total > 100"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *fault = insight_bed_refused(&bed, "funnel", rows[i].definition);
        if (rows[i].fault)
            assert_string_equal(fault, rows[i].fault);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_are_their_twin), cmocka_unit_test(lines_are_their_twin),
        cmocka_unit_test(far_times_are_left),     cmocka_unit_test(histories_as_counted_plainly),
        cmocka_unit_test(workers_do_not_show),    cmocka_unit_test(what_is_refused),
    };
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
