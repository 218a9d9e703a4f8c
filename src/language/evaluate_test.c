/* evaluate_test: one customer live, a span in base and delta, until when answers hold, clauses, what was before a record, relations. Values
 * are held against the twin elsewhere (plan_random_test, matrix_test); here is what the twin does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"
#include "language/language_bed_model.h"
#include "language/plan.h"

#define NOW "2026-03-10T12:00:00Z" /* a Tuesday */
#define HOUR 3600000LL

struct stage {
    struct language_bed bed;
    struct type *customer, *order, *visit, *knows;
    uint32_t ann, ben;
};

static void open_stage(struct stage *s) {
    struct language_bed *bed = &s->bed;
    language_bed_open(bed, "UTC", NOW);
    s->customer = language_bed_type(bed, TYPE_ATTRIBUTES, "customer", "town:text born:date joined:time score:number");
    s->order = language_bed_type(bed, TYPE_EVENT, "bought", "total:money lines:items(code:text,price:money)");
    s->visit = language_bed_type(bed, TYPE_EVENT, "visit", "page:text");
    s->knows = language_bed_type(bed, TYPE_RELATION, "knows", "weight:number");
    s->ann = language_bed_customer(bed);
    s->ben = language_bed_customer(bed);
    language_bed_row(bed, s->ann, s->customer, "2026-01-01", 0,
                     "town=Rome born=1996-02-29 joined=2026-02-01T08:00:00 score=7");
    language_bed_row(bed, s->ben, s->customer, "2026-01-01", 0, "town=Oslo score=3");
    language_bed_row(bed, s->ann, s->order, "2026-02-10T09:00:00", 0,
                     "total=10 lines={code=x,price=4}{code=y,price=6}");
    language_bed_row(bed, s->ann, s->order, "2026-02-20T09:00:00", 0, "total=20.5 lines={code=x,price=20.5}");
    language_bed_row(bed, s->ann, s->order, "2026-03-01T09:00:00", 0, "total=5");
    language_bed_row(bed, s->ann, s->visit, "2026-03-12T10:00:00", 0, "page=soon");
    language_bed_row(bed, s->ann, s->knows, "2026-01-02", 1, "customer=2 weight=4");
}

static struct plan *plan_of(struct language_bed *bed, const char *text) {
    const struct node *root = language_bed_check(bed, text);
    struct plan *plan;
    assert_int_equal(plan_create(&bed->vocabulary, &root, 1, &plan, NULL), STATUS_OK);
    return plan;
}

static bool live(struct stage *s, const char *text, uint32_t customer, uint64_t before, int64_t *until) {
    struct plan *plan = plan_of(&s->bed, text);
    struct evaluator *e = evaluator_create(plan, &s->bed.outside);
    uint64_t bits;
    evaluator_customer(e, (struct customer_id){customer}, s->bed.now_ms, before);
    evaluate_bits(e, 0, &bits, until);
    evaluator_free(e);
    plan_free(plan);
    return bits;
}

/* `until` in hours from now; 0: for ever. */
static const struct {
    const char *text;
    bool holds;
    double until;
} promises[] = {
    {"town = \"Rome\"", true, 0},
    {"count(bought) >= 3", true, 0},
    {"count(bought, last 30 days) >= 3", true, 45},           /* the first leaves on 12 March at 9:00 */
    {"count(bought, last 30 days) >= 2", true, 10 * 24 + 45}, /* the second, on 22 March */
    {"count(bought, last 30 days) >= 4", false, 0},           /* they only leave */
    {"any(bought, last 30 days)", true, 19 * 24 + 45},        /* the last leaves on 31 March */
    {"none(bought, last 5 days)", true, 0},
    {"count(visit, last 30 days) >= 1", false, 46},       /* is still to come */
    {"days since last(bought) > 30", false, 22 * 24 - 3}, /* 31 days after 1 March, 9:00 */
    {"days since last(bought) > 5", true, 0},
    {"days since last(bought) between 5 and 9", true, 24 - 3},
    {"hours since joined >= 1000", false, 1000 - (37 * 24 + 4)},
    {"age(born) >= 31", false, (356 * 24) - 12}, /* 1 March 2027 */
    {"age(born) >= 30", true, 0},
    {"born < today", true, 0},
    {"joined < 60 days ago", false, 22 * 24 + 20 - 24}, /* a day before it is due it is looked at again */
    {"month(now) = 3", true, 21 * 24 + 12},
    {"weekday(today) = 2", true, 12},
    {"town = \"Oslo\" and count(bought, last 30 days) >= 3", false, 0},
    {"town = \"Rome\" or count(bought, last 30 days) >= 3", true, 0},
    {"count(bought, this month) >= 1", true, 21 * 24 + 12},
    {"count(bought, previous month) >= 3", false, 21 * 24 + 12},
    {"count(bought, previous month) >= 5", false, 0},
    {"sum(bought.total, last 30 days) > 30", true, 45},
    {"sequence(bought -> not visit within 20 days)", true, 0},
    {"if(town = \"Rome\", count(bought, last 30 days), 0) > 2", true, 45},
    {"any(knows where score < 5)", true, 0},
    {"any(knows where days since last(bought) > 3)", false, 0},
};

static void answers_hold_until(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++) {
        int64_t until = 0;
        bool holds = live(&s, promises[i].text, s.ann, UINT64_MAX, &until);
        int64_t wanted = promises[i].until > 0 ? s.bed.now_ms + (int64_t)(promises[i].until * (double)HOUR) : INT64_MAX;
        if (holds != promises[i].holds || until != wanted)
            fail_msg("%s: %s, until %.3f hours from now; not %s, %.3f", promises[i].text, holds ? "true" : "false",
                     until == INT64_MAX ? 0 : (double)(until - s.bed.now_ms) / HOUR,
                     promises[i].holds ? "true" : "false", promises[i].until);
    }
    language_bed_close(&s.bed);
}

static void before_a_record_it_is_not_there(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    uint64_t before = s.bed.position + 1;
    language_bed_row(&s.bed, s.ann, s.order, "2026-03-10T11:00:00", 0, "total=1000");
    assert_true(live(&s, "sum(bought.total) > 1000", s.ann, UINT64_MAX, NULL));
    assert_false(live(&s, "sum(bought.total) > 1000", s.ann, before, NULL));
    assert_true(live(&s, "count(bought) = 3", s.ann, before, NULL));
    language_bed_close(&s.bed);
}

static void clauses_say_which(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    struct plan *plan = plan_of(&s.bed, "count(bought) > 5 or town = \"Rome\" or score > 100 or any(visit)");
    struct evaluator *e = evaluator_create(plan, &s.bed.outside);
    evaluator_customer(e, (struct customer_id){s.ann}, s.bed.now_ms, UINT64_MAX);
    assert_int_equal(evaluate_clauses(e, 0), 0xa); /* in the order they are written, whatever the plan's is */
    evaluator_customer(e, (struct customer_id){s.ben}, s.bed.now_ms, UINT64_MAX);
    assert_int_equal(evaluate_clauses(e, 0), 0);
    evaluator_free(e);
    plan_free(plan);
    plan = plan_of(&s.bed, "score > 5");
    e = evaluator_create(plan, &s.bed.outside);
    evaluator_customer(e, (struct customer_id){s.ann}, s.bed.now_ms, UINT64_MAX);
    assert_int_equal(evaluate_clauses(e, 0), 1);
    evaluator_free(e);
    plan_free(plan);
    language_bed_close(&s.bed);
}

static void span_is(struct stage *s, const char *text, bool ann, bool ben) {
    struct plan *plan = plan_of(&s->bed, text);
    struct evaluator *e = evaluator_create(plan, &s->bed.outside);
    uint64_t bits[SPAN_CUSTOMERS / 64], members = 0;
    static int64_t until[SPAN_CUSTOMERS];
    assert_true(evaluator_span(e, 0, s->bed.now_ms));
    evaluate_bits(e, 0, bits, until);
    if ((bits[0] >> s->ann & 1) != ann || (bits[0] >> s->ben & 1) != ben)
        fail_msg("%s", text);
    for (size_t i = 0; i < SPAN_CUSTOMERS / 64; i++)
        members += (uint64_t)__builtin_popcountll(bits[i]);
    assert_int_equal(members, ann + ben); /* nobody but customers */
    for (uint32_t customer = 1; customer <= 2; customer++) {
        int64_t alone;
        live(s, text, customer, UINT64_MAX, &alone);
        assert_int_equal(until[customer], alone);
    }
    assert_false(evaluator_span(e, 77, s->bed.now_ms));
    evaluator_free(e);
    plan_free(plan);
}

static void spans_in_base_and_delta(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    for (unsigned round = 0; round < 3; round++) { /* all in the delta; all in the base; one customer in both */
        if (round == 1)
            language_bed_compact(&s.bed);
        if (round == 2)
            language_bed_row(&s.bed, s.ben, s.order, "2026-03-09T09:00:00", 0, "total=99 lines={code=z,price=99}");
        span_is(&s, "town = \"Rome\" or score = 3", true, true);
        span_is(&s, "count(bought, last 30 days) >= 3", true, false);
        span_is(&s, "any(bought.lines where price > 20)", true, round == 2);
        span_is(&s, "none(bought)", false, round < 2);
        span_is(&s, "last(bought).total > 50", false, round == 2);
        span_is(&s, "any(knows where score < 5)", true, false);
        span_is(&s, "any(knows where weight > score)", true, false);
        span_is(&s, "any(knows where weight > 4)", false, false);
        span_is(&s, "town is missing", false, false);
        span_is(&s, "town != \"Rome\"", false, true);
    }
    language_bed_close(&s.bed);
}

static void values_as_json(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    struct plan *plan = plan_of(&s.bed, "distribution(bought.lines.code)");
    struct evaluator *e = evaluator_create(plan, &s.bed.outside);
    evaluator_customer(e, (struct customer_id){s.ann}, s.bed.now_ms, UINT64_MAX);
    struct term_value v = evaluate_value(e, 0, 0);
    assert_int_equal(v.type, TERM_DISTRIBUTION);
    assert_true(slice_is(v.text, "[{\"value\":\"x\",\"count\":2},{\"value\":\"y\",\"count\":1}]"));
    evaluator_customer(e, (struct customer_id){s.ben}, s.bed.now_ms, UINT64_MAX);
    assert_int_equal(evaluate_value(e, 0, 0).type, TERM_NONE);
    evaluator_free(e);
    plan_free(plan);
    language_bed_close(&s.bed);
}

/* A month before 28 March, six in the evening, begins later than a month before 29 March, which is cut to 28 February: who was out by the
 * hour is in again at midnight. */
static void months_cut_short_look_back_again(void **state) {
    struct stage s;
    int64_t until = 0;
    bool zoned;
    (void)state;
    open_stage(&s);
    struct type *cut = language_bed_type(&s.bed, TYPE_EVENT, "cut", "k:number");
    language_bed_row(&s.bed, s.ann, cut, "2026-02-28T12:00:00Z", 0, "k=1");
    assert_int_equal(time_parse_iso(SLICE("2026-03-28T18:00:00Z"), &s.bed.now_ms, &zoned), STATUS_OK);
    assert_false(live(&s, "any(cut, last 1 month)", s.ann, UINT64_MAX, &until));
    assert_true(until > s.bed.now_ms && until <= s.bed.now_ms + 6 * HOUR);
    s.bed.now_ms += 6 * HOUR;
    assert_true(live(&s, "any(cut, last 1 month)", s.ann, UINT64_MAX, &until));
    language_bed_close(&s.bed);
}

/* What it is, since when and until when: told of a version, beside its fields. */
static void master_data_says_until_when(void **state) {
    struct stage s;
    int64_t until;
    (void)state;
    open_stage(&s);
    struct type *gadget = language_bed_type(&s.bed, TYPE_MASTER, "gadget", "id:text kind:text valid_to:time");
    struct type *used = language_bed_type(&s.bed, TYPE_EVENT, "used", "gadget_id:text");
    language_bed_row(&s.bed, 0, gadget, "2026-01-01", 0, "id=g1 kind=chair valid_to=2026-03-11T12:00:00");
    language_bed_row(&s.bed, 0, gadget, "2026-01-01", 0, "id=g2 kind=desk");
    language_bed_row(&s.bed, s.ann, used, "2026-03-01", 0, "gadget_id=g1");
    language_bed_row(&s.bed, s.ben, used, "2026-03-01", 0, "gadget_id=g2");
    static const struct {
        const char *text;
        bool ann, ben;
    } asked[] = {
        {"any(used where gadget.id = \"g1\")", true, false},
        {"any(used where gadget.valid_to is missing)", false, true},
        {"any(used where gadget.valid_to > now)", true, false},
        {"any(used where gadget.valid_to < 2 days ago)", false, false},
        {"any(used where gadget.valid_to = 2026-03-11 and gadget.kind = \"chair\")", true, false},
    };
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        if (live(&s, asked[i].text, s.ann, UINT64_MAX, &until) != asked[i].ann ||
            live(&s, asked[i].text, s.ben, UINT64_MAX, &until) != asked[i].ben)
            fail_msg("%s", asked[i].text);
    }
    assert_false(live(&s, "any(used where gadget.valid_to < now)", s.ann, UINT64_MAX, &until));
    assert_true(until > s.bed.now_ms && until <= s.bed.now_ms + 24 * HOUR + 1);
    language_bed_close(&s.bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_hold_until),
        cmocka_unit_test(before_a_record_it_is_not_there),
        cmocka_unit_test(clauses_say_which),
        cmocka_unit_test(spans_in_base_and_delta),
        cmocka_unit_test(values_as_json),
        cmocka_unit_test(months_cut_short_look_back_again),
        cmocka_unit_test(master_data_says_until_when),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
