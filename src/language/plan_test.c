/* plan_test: what a plan shares, whole runs over everybody with one worker and many, values in order, explanations, staleness, stopping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "language/kernel.h"
#include "language/language_bed_model.h"
#include "language/plan_inside.h"

#define CUSTOMERS 9000 /* three spans */
#define SEED 3

static struct language_bed bed;
static struct type *visit, *bought, *knows, *gadget;

static int open_bed(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    language_bed_open(&bed, "Asia/Shanghai", "2026-03-10T12:00:00+08:00");
    struct type *customer = language_bed_type(&bed, TYPE_ATTRIBUTES, "customer", "town:text score:number");
    visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text gadget_id:text");
    bought = language_bed_type(&bed, TYPE_EVENT, "bought", "total:money");
    knows = language_bed_type(&bed, TYPE_RELATION, "knows", "weight:number");
    gadget = language_bed_type(&bed, TYPE_MASTER, "gadget", "id:text kind:text");
    language_bed_row(&bed, 0, gadget, "2026-01-01", 0, "id=g1 kind=lamp");
    for (uint32_t i = 0; i < CUSTOMERS; i++) {
        uint32_t c = language_bed_customer(&bed);
        char values[64], time[32];
        snprintf(values, sizeof values, "town=t%d score=%d", (int)random_below(&r, 9), (int)random_below(&r, 50));
        language_bed_row(&bed, c, customer, "2026-01-01", 0, values);
        for (uint64_t k = random_below(&r, 4); k > 0; k--) {
            snprintf(time, sizeof time, "2026-0%d-0%dT10:00:00", (int)random_between(&r, 1, 3),
                     (int)random_between(&r, 1, 9));
            language_bed_row(&bed, c, visit, time, 0, random_chance(&r, 0.5) ? "page=home gadget_id=g1" : "page=shop");
            snprintf(values, sizeof values, "total=%d.%02d", (int)random_below(&r, 90), (int)random_below(&r, 100));
            language_bed_row(&bed, c, bought, time, 0, values);
        }
        if (random_chance(&r, 0.2)) {
            snprintf(values, sizeof values, "customer=%u weight=1", (unsigned)(1 + random_below(&r, c)));
            language_bed_row(&bed, c, knows, "2026-01-02", i + 1, values);
        }
        if (i == CUSTOMERS / 2)
            language_bed_compact(&bed); /* the rest stays in deltas */
    }
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    language_bed_close(&bed);
    return 0;
}

static struct plan *plan_of(const char *const *texts, size_t count) {
    const struct node *roots[8];
    struct plan *plan;
    assert_true(count <= 8);
    for (size_t i = 0; i < count; i++)
        roots[i] = language_bed_check(&bed, texts[i]);
    assert_int_equal(plan_create(&bed.vocabulary, roots, count, &plan, NULL), STATUS_OK);
    return plan;
}

static void equal_parts_are_one(void **state) {
    (void)state;
    const char *const texts[] = {"count(visit where page = \"home\", last 30 days) >= 2 and score > 7",
                                 "score > 7 and count(visit where page = \"home\", last 30 days) >= 2",
                                 "count(visit where page = \"home\", last 30 days) >= 5"};
    struct plan *one = plan_of(texts, 1), *all = plan_of(texts, 3);
    assert_int_equal(all->roots[0], all->roots[1]);
    assert_int_equal(all->node_count, one->node_count + 2); /* 5, and the comparison with it */
    assert_true(plan_timed(all, 0));
    assert_int_equal(plan_type(all, 0), TERM_BOOL);
    plan_free(one);
    plan_free(all);
}

/* Conditions of rows stand where they are known: those of a row once a row, below an item's. */
static void cheap_and_sharp_first(void **state) {
    (void)state;
    const char *const text[] = {"sequence(visit -> bought -> visit) and town = \"t1\""};
    struct plan *plan = plan_of(text, 1);
    const struct plan_node *root = &plan->nodes[plan->roots[0]];
    assert_int_equal(root->op, OP_AND);
    assert_int_equal(plan->nodes[root->children[0]].kind, PLAN_CALL);
    assert_int_equal(plan->nodes[root->children[1]].kind, PLAN_SEQUENCE);
    plan_free(plan);
}

static const char *const questions[] = {
    "town = \"t1\" and score >= 25",
    "count(visit, last 30 days) >= 2 and sum(bought.total) > 60",
    "sequence(visit where page = \"home\" -> bought within 20 days)",
    "any(knows where any(visit where page = \"shop\"))",
    "any(visit where gadget.kind = \"lamp\") and not last(bought).total > avg(bought.total)",
};
#define QUESTIONS (sizeof questions / sizeof *questions)

static void same_bytes_from_many(void **state) {
    (void)state;
    enum kernel_level best = kernel_level();
    for (size_t q = 0; q < QUESTIONS; q++) {
        struct plan *plan = plan_of(&questions[q], 1);
        struct plan_answer one, other;
        assert_int_equal(plan_run(plan, 0, &bed.outside, bed.now_ms, 1, NULL, &one), STATUS_OK);
        assert_int_equal(one.population, CUSTOMERS);
        assert_true(one.count > 0 && one.count < CUSTOMERS);
        for (unsigned workers = 1; workers <= 5; workers += 2)
            for (enum kernel_level level = KERNEL_SCALAR; level <= best; level++) {
                kernel_level_set(level);
                assert_int_equal(plan_run(plan, 0, &bed.outside, bed.now_ms, workers, NULL, &other), STATUS_OK);
                assert_int_equal(other.count, one.count);
                assert_int_equal(other.span_count, one.span_count);
                assert_memory_equal(other.bits, one.bits, one.span_count * sizeof *one.bits);
                plan_answer_release(&other);
            }
        plan_answer_release(&one);
        plan_free(plan);
    }
}

static void stops_when_told(void **state) {
    (void)state;
    struct plan *plan = plan_of(questions, 1);
    struct plan_answer answer;
    _Atomic bool stop = true;
    assert_int_equal(plan_run(plan, 0, &bed.outside, bed.now_ms, 2, &stop, &answer), STATUS_CLOSED);
    assert_null(answer.bits);
    plan_free(plan);
}

struct told {
    uint32_t last, count, limit;
    int64_t sum;
};

static bool tell(void *context, struct customer_id customer, const struct term_value *value) {
    struct told *t = context;
    assert_true(customer.number > t->last);
    t->last = customer.number;
    t->sum += value->type == TERM_NUMBER ? value->integer : 0;
    return ++t->count < t->limit;
}

static void values_in_order_of_number(void **state) {
    (void)state;
    const char *const text[] = {"count(visit)"};
    struct plan *plan = plan_of(text, 1);
    struct told all = {.limit = UINT32_MAX}, some = {.limit = 10};
    plan_each(plan, 0, &bed.outside, bed.now_ms, tell, &all);
    plan_each(plan, 0, &bed.outside, bed.now_ms, tell, &some);
    assert_int_equal(all.count, CUSTOMERS);
    assert_int_equal(some.count, 10);
    assert_true(all.sum > CUSTOMERS && all.sum < 2 * CUSTOMERS);
    plan_free(plan);
}

static void explains_itself(void **state) {
    (void)state;
    struct json_parser *parser = json_parser_create();
    for (size_t q = 0; q < QUESTIONS; q++) {
        struct plan *plan = plan_of(&questions[q], 1);
        struct buffer text = {0};
        struct json_writer w = {.out = &text};
        const struct json *root;
        struct plan_answer answer;
        plan_explain(plan, 0, &bed.outside, bed.now_ms, &w);
        assert_int_equal(json_parse(parser, buffer_slice(&text), true, &root, NULL), STATUS_OK);
        assert_int_equal(plan_run(plan, 0, &bed.outside, bed.now_ms, 1, NULL, &answer), STATUS_OK);
        assert_int_equal(json_get_integer(parser, root, "looked_at", -1) > 0, true);
        assert_non_null(json_first(parser, json_get(parser, root, "children")));
        assert_true(json_get_text(parser, root, "node").size > 0);
        plan_answer_release(&answer);
        buffer_release(&text);
        plan_free(plan);
    }
    json_parser_free(parser);
}

static void master_data_makes_it_stale(void **state) {
    (void)state;
    struct plan *reads = plan_of(&questions[4], 1), *other = plan_of(&questions[0], 1);
    assert_false(plan_stale(reads));
    language_bed_row(&bed, 0, gadget, "2026-02-01", 0, "id=g1 kind=chair");
    assert_true(plan_stale(reads));
    assert_false(plan_stale(other));
    plan_free(reads);
    plan_free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_parts_are_one),        cmocka_unit_test(cheap_and_sharp_first),
        cmocka_unit_test(same_bytes_from_many),       cmocka_unit_test(stops_when_told),
        cmocka_unit_test(values_in_order_of_number),  cmocka_unit_test(explains_itself),
        cmocka_unit_test(master_data_makes_it_stale),
    };
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
