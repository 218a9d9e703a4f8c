/* sequence_test: sequences on histories written as letters: a to e are events, a digit behind one its minutes past the hour, in order. What
 * each sequence says was worked out by hand; random ones are held against the twin, which tries every choice of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "language/language_bed_model.h"
#include "language/plan_model.h"

#define NOW "2026-03-10T12:30:00Z"
#define SEED 11
#define RANDOM_CUSTOMERS 40
#define RANDOM_SEQUENCES 250

static struct type *types[5];

static void open_bed(struct language_bed *bed) {
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    language_bed_open(bed, "UTC", NOW);
    for (size_t i = 0; i < 5; i++)
        types[i] = language_bed_type(bed, TYPE_EVENT, names[i], "n:number");
}

/* "a00 b05": an a at 12:00, a b at 12:05, of one customer. */
static uint32_t history_of(struct language_bed *bed, const char *rows) {
    uint32_t customer = language_bed_customer(bed);
    for (const char *at = rows; *at; at += at[3] ? 4 : 3) {
        char time[32], value[8];
        snprintf(time, sizeof time, "2026-03-10T12:%.2s:00", at + 1);
        snprintf(value, sizeof value, "n=%c", at[2]);
        language_bed_row(bed, customer, types[at[0] - 'a'], time, 0, value);
    }
    return customer;
}

static const struct {
    const char *rows, *sequence, *answer;
} cases[] = {
    {"a00 b05", "sequence(a -> b)", "true"},
    {"b00 a05", "sequence(a -> b)", "false"},
    {"a00 a05", "sequence(a -> a)", "true"},
    {"a00", "sequence(a -> a)", "false"},    /* a row serves one step */
    {"a00 b00", "sequence(a -> b)", "true"}, /* at one time the log's order counts */
    {"b00 a00", "sequence(a -> b)", "false"},
    {"a00 b05", "sequence(a -> b within 5 minutes)", "true"},
    {"a00 b06", "sequence(a -> b within 5 minutes)", "false"},
    {"a00 a04 b06", "sequence(a -> b within 5 minutes)", "true"},
    {"a00 b05 c20", "sequence(a -> b -> c, within 10 minutes)", "false"},
    {"a00 b05 a12 b15 c20", "sequence(a -> b -> c, within 10 minutes)", "true"},
    {"a00 b01 c02 a10 b15 c30", "sequence(a -> b -> c, within 10 minutes)", "true"},
    {"a00 b05 c20", "steps(a -> b -> c)", "3"},
    {"a00 c05 b20", "steps(a -> b -> c)", "2"},
    {"b00 c05", "steps(a -> b -> c)", "0"},
    {"a00 b08 c20", "steps(a -> b -> c, within 10 minutes)", "2"},
    {"a00 c02 b05", "sequence(a -> not c -> b)", "false"},
    {"a00 c02 a03 b05", "sequence(a -> not c -> b)", "true"},
    {"c00 a02 b05", "sequence(a -> not c -> b)", "true"},
    {"a00 b05", "sequence(a -> not b)", "false"},
    {"a00 b05 a10", "sequence(a -> not b)", "true"},
    {"a00", "sequence(a -> not b within 20 minutes)", "true"},
    {"a20", "sequence(a -> not b within 20 minutes)", "false"}, /* not over yet */
    {"a10", "sequence(a -> not b within 20 minutes)", "true"},  /* just over */
    {"a00 b20", "sequence(a -> not b within 20 minutes)", "false"},
    {"a00 b21", "sequence(a -> not b within 20 minutes)", "true"},
    {"a00 a01 b20", "sequence(a -> not b within 20 minutes)", "false"},
    {"a00 b05", "sequence(a -> not b, within 20 minutes)", "false"},
    {"a00 b25", "sequence(a -> not b, within 20 minutes)", "true"},
    {"a20 b25", "sequence(a -> not c, within 20 minutes)", "false"},
    {"a00 b05 c10", "sequence(a -> b, from 2026-03-10T12:01 to 2026-03-10T12:09)", "false"},
    {"a02 b05 c10", "sequence(a -> not c, from 2026-03-10T12:01 to 2026-03-10T12:09)", "true"},
    {"a00 b05 c10", "sequence(any event -> any event -> c)", "true"},
    {"a00 c10", "sequence(any event -> any event -> c)", "false"}, /* c is an event of any type too */
    {"a00 b05 c10", "sequence(a where n = 0 -> c where n > 0)", "false"},
    {"a00 c15", "sequence(a where n = 0 -> c where n > 0)", "true"},
    {"a00 b05", "steps(a -> not b)", "1"},
    {"a00 c05", "steps(a -> not c -> b)", "1"},
    {"", "steps(a -> b)", "0"},
    {"", "sequence(a -> not b)", "false"},
};

static void worked_out_by_hand(void **state) {
    (void)state;
    struct language_bed bed;
    open_bed(&bed);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t customer = history_of(&bed, cases[i].rows);
        const char *got = language_bed_plan(&bed, cases[i].sequence, customer);
        if (strcmp(got, cases[i].answer) != 0)
            fail_msg("%s on \"%s\": %s, not %s", cases[i].sequence, cases[i].rows, got, cases[i].answer);
    }
    language_bed_close(&bed);
}

static void random_step(struct random *r, struct buffer *text, bool first) {
    static const char *const sources[] = {"a", "b", "c", "any event", "d where n > 4", "e"};
    if (!first)
        buffer_add_slice(text, SLICE(" -> "));
    if (!first && random_chance(r, 0.3))
        buffer_add_slice(text, SLICE("not "));
    buffer_print(text, "%s", sources[random_below(r, 6)]);
    if (!first && random_chance(r, 0.4))
        buffer_print(text, " within %d minutes", (int)random_between(r, 1, 12));
}

static void random_sequence(struct random *r, struct buffer *text) {
    buffer_clear(text);
    buffer_add_slice(text, random_chance(r, 0.6) ? SLICE("sequence(") : SLICE("steps("));
    for (uint64_t i = 0, steps = 1 + random_below(r, 4); i < steps; i++)
        random_step(r, text, i == 0);
    if (random_chance(r, 0.4))
        buffer_print(text, ", within %d minutes", (int)random_between(r, 2, 30));
    if (random_chance(r, 0.2))
        buffer_add_slice(text, SLICE(", last 25 minutes"));
    buffer_add_slice(text, SLICE(")"));
    buffer_add(text, "", 1);
}

static void random_history(struct language_bed *bed, struct random *r) {
    uint32_t customer = language_bed_customer(bed);
    for (uint64_t i = 0, rows = random_below(r, 12); i < rows; i++) {
        char time[32], value[8];
        snprintf(time, sizeof time, "2026-03-10T12:%02d:00", (int)random_below(r, 36));
        snprintf(value, sizeof value, "n=%d", (int)random_below(r, 10));
        language_bed_row(bed, customer, types[random_below(r, 5)], time, 0, value);
    }
}

/* Nothing changes by time alone before the instant that was promised. */
static void hold_promise(struct language_bed *bed, const char *text, const struct node *root, uint32_t customer,
                         bool now, int64_t until) {
    int64_t last = until == INT64_MAX ? bed->now_ms + 3 * 3600000 : until - 1;
    struct term_value then =
        model_evaluate(&bed->vocabulary, &bed->outside, root, (struct customer_id){customer}, last, &bed->arena);
    assert_true(until > bed->now_ms);
    if ((then.integer != 0) != now)
        fail_msg("seed %d: %s of customer %u changes before %lld", SEED, text, customer, (long long)until);
}

static void twins_on_random_ones(void **state) {
    (void)state;
    struct language_bed bed;
    struct random r;
    struct buffer text = {0};
    random_init(&r, SEED);
    open_bed(&bed);
    for (unsigned i = 0; i < RANDOM_CUSTOMERS; i++)
        random_history(&bed, &r);
    for (unsigned i = 0; i < RANDOM_SEQUENCES; i++) {
        random_sequence(&r, &text);
        struct node *checked;
        struct plan *plan;
        if (check_text(&bed.vocabulary, slice_text(text.data), TERM_NONE, &bed.arena, &checked, NULL, NULL))
            continue; /* an absence with a time of its own may only end a sequence */
        const struct node *root = checked;
        assert_int_equal(plan_create(&bed.vocabulary, &root, 1, &plan, NULL), STATUS_OK);
        struct evaluator *e = evaluator_create(plan, &bed.outside);
        for (uint32_t customer = 1; customer <= RANDOM_CUSTOMERS; customer++) {
            struct term_value twin = model_evaluate(&bed.vocabulary, &bed.outside, root, (struct customer_id){customer},
                                                    bed.now_ms, &bed.arena);
            evaluator_customer(e, (struct customer_id){customer}, bed.now_ms, UINT64_MAX);
            struct term_value got = evaluate_value(e, 0, 0);
            uint64_t bits;
            int64_t until;
            if (got.integer != twin.integer)
                fail_msg("seed %d: %s of customer %u is %lld, the twin says %lld", SEED, text.data, customer,
                         (long long)got.integer, (long long)twin.integer);
            if (plan_type(plan, 0) != TERM_BOOL)
                continue;
            evaluate_bits(e, 0, &bits, &until);
            assert_int_equal(bits & 1, twin.integer);
            hold_promise(&bed, text.data, root, customer, twin.integer != 0, until);
        }
        evaluator_free(e);
        plan_free(plan);
    }
    buffer_release(&text);
    language_bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(worked_out_by_hand), cmocka_unit_test(twins_on_random_ones)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
