/* evaluate_hold_test: what an answer is said to hold against, it holds against: after an evaluation time goes on and events come, and the
 * slow twin is asked at every stop. Expressions are random ones and counts, joined and not, whose bounds are near. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "language/language_random_model.h"
#include "language/plan_model.h"
#include "language/relevance.h"

#define ROOTS 32
#define STOPS 14

struct bed {
    struct random_world w;
    struct arena arena;
    struct history *history;
    struct node *roots[ROOTS];
    struct buffer texts[ROOTS];
    struct relevance *relevance[ROOTS];
    struct hold_amount amounts[ROOTS];
    struct hold_values values[ROOTS];
    size_t root_count;
    char folder[64];
};

/* What is known of a root since it was evaluated. */
struct known {
    struct hold hold;
    bool answer, turned;
    bool silent;                              /* a record came of which nothing is said */
    bool document;                            /* one came */
    uint32_t left;                            /* events until it turns; 0: not known any more */
    uint32_t parts;                           /* of its bound that new documents took */
    uint16_t prints[HOLD_VALUES_MAX + STOPS]; /* of the values that are counted, where it hangs on how many they are */
    uint32_t print_count;
};

static uint64_t stops, loose, turns, documents, amounts, by_values, keeps;

/* --- expressions --- */

static struct slice event_name(struct bed *b) {
    const struct type *found = NULL;
    unsigned seen = 0;
    for (size_t i = 0; i < b->w.type_count; i++)
        if (b->w.types[i]->kind == TYPE_EVENT && random_below(&b->w.random, ++seen) == 0)
            found = b->w.types[i];
    assert_non_null(found);
    return found->name;
}

static void window_text(struct bed *b, struct buffer *out) {
    static const char *const windows[] = {"",
                                          ", last 1 day",
                                          ", last 5 days",
                                          ", last 40 days",
                                          ", today",
                                          ", this month",
                                          ", this week",
                                          ", last 2 months",
                                          ", yesterday",
                                          ", previous month",
                                          ", last 3 hours",
                                          ", since 2024-01-01"};
    buffer_print(out, "%s", windows[random_below(&b->w.random, sizeof windows / sizeof *windows)]);
}

/* How many texts of an event are distinct; false where none has a text. */
static bool distinct_text(struct bed *b, struct buffer *out) {
    for (size_t i = random_below(&b->w.random, b->w.type_count); i < b->w.type_count; i++) {
        const struct type *type = b->w.types[i];
        for (uint16_t k = 1; type->kind == TYPE_EVENT && k <= type->property_count; k++)
            if (dictionary_property_at(type, k)->type == PROPERTY_TEXT) {
                buffer_print(out, "distinct(`%.*s`.`%.*s`", SLICE_ARG(type->name),
                             SLICE_ARG(dictionary_property_at(type, k)->name));
                window_text(b, out);
                buffer_print(out, ") %s %u", random_below(&b->w.random, 4) ? ">=" : "<",
                             1 + (unsigned)random_below(&b->w.random, 4));
                return true;
            }
    }
    return false;
}

static void condition_text(struct bed *b, struct buffer *out, unsigned depth) {
    static const char *const compares[] = {">=", ">", "<", "<=", "=", "!="};
    struct random *r = &b->w.random;
    unsigned dice = (unsigned)random_below(r, depth ? 10 : 6), bound = (unsigned)random_below(r, 9);
    struct slice name = event_name(b);
    if (dice >= 6) {
        buffer_print(out, dice == 6 ? "not (" : "(");
        condition_text(b, out, depth - 1);
        for (uint64_t more = dice == 6 ? 0 : 1 + random_below(r, 2); more > 0; more--) {
            buffer_print(out, dice < 9 ? " and " : " or ");
            condition_text(b, out, depth - 1);
        }
        buffer_print(out, ")");
        return;
    }
    if (dice == 0 && random_below(r, 2) && distinct_text(b, out))
        return;
    if (dice == 5) {
        buffer_print(out, "days since last(`%.*s`) >= %u", SLICE_ARG(name), bound);
        return;
    }
    buffer_print(out, "%s(", dice == 0 ? "distinct days" : dice == 1 ? "any" : dice == 2 ? "none" : "count");
    if (dice == 4)
        buffer_print(out, "any event");
    else
        buffer_print(out, "`%.*s`", SLICE_ARG(name));
    window_text(b, out);
    if (dice == 1 || dice == 2)
        buffer_print(out, ")");
    else if (random_below(r, 6) == 0)
        buffer_print(out, ") between %u and %u", bound, bound + (unsigned)random_below(r, 4));
    else
        buffer_print(out, ") %s %u", compares[random_below(r, 6)], bound);
}

static const struct type *document_type(const struct bed *b) {
    for (size_t i = 0; i < b->w.type_count; i++)
        if (b->w.types[i]->kind == TYPE_DOCUMENT)
            return b->w.types[i];
    return NULL;
}

/* A number of documents; NULL where they have none. */
static const struct property *amount_property(const struct type *type) {
    for (uint16_t i = 1; i <= type->property_count; i++)
        if (dictionary_property_at(type, i)->type == PROPERTY_NUMBER)
            return dictionary_property_at(type, i);
    return NULL;
}

/* A sum over documents, alone or with what no event and no other document changes. */
static void amount_text(struct bed *b, struct buffer *out) {
    struct random *r = &b->w.random;
    const struct type *type = document_type(b);
    const struct property *p = amount_property(type);
    if (!p)
        return;
    buffer_print(out, random_below(r, 5) ? "(" : "not (");
    buffer_print(out, "sum(`%.*s`.`%.*s`", SLICE_ARG(type->name), SLICE_ARG(p->name));
    if (random_below(r, 3) == 0)
        buffer_print(out, " where `%.*s` > %u", SLICE_ARG(p->name), (unsigned)random_below(r, 3));
    window_text(b, out);
    buffer_print(out, ") %s %u.%02u)", random_below(r, 2) ? ">" : ">=", (unsigned)random_below(r, 40),
                 1 + (unsigned)random_below(r, 99));
    if (random_below(r, 4) == 0)
        buffer_print(out, random_below(r, 2) ? " and birthday is missing" : " or birthday is missing");
}

/* What documents change, and a count of events that is some way from its bound: either may be what keeps the answer. */
static void both_text(struct bed *b, struct buffer *out) {
    struct random *r = &b->w.random;
    struct slice document = document_type(b)->name, name = event_name(b);
    unsigned dice = (unsigned)random_below(r, 3), junction = (unsigned)random_below(r, 3);
    buffer_print(out, junction == 2 ? "not (" : "(");
    if (dice == 0)
        buffer_print(out, "days since last(`%.*s`) >= %u", SLICE_ARG(document), (unsigned)random_below(r, 30));
    else
        buffer_print(out, "count(`%.*s`", SLICE_ARG(document));
    if (dice == 1)
        window_text(b, out);
    if (dice)
        buffer_print(out, ") >= %u", 1 + (unsigned)random_below(r, 3));
    buffer_print(out, junction == 1 ? " or not (count(`%.*s`" : " and (count(`%.*s`", SLICE_ARG(name));
    window_text(b, out);
    buffer_print(out, ") >= %u))", 4 + (unsigned)random_below(r, 4));
}

static void make_roots(struct bed *b) {
    for (unsigned tries = 0; tries < 4 * ROOTS && b->root_count < ROOTS; tries++) {
        struct buffer *text = &b->texts[b->root_count];
        struct fault fault = {0};
        buffer_clear(text);
        if (tries % 4 == 0)
            random_expression(&b->w, true, text);
        else if (tries % 4 == 1 && amount_property(document_type(b)))
            amount_text(b, text);
        else if (tries % 8 == 6 && document_type(b))
            both_text(b, text);
        else if (tries % 4 != 3 || !distinct_text(b, text))
            condition_text(b, text, 2);
        if (check_text(&b->w.vocabulary, buffer_slice(text), TERM_BOOL, &b->arena, &b->roots[b->root_count], &fault,
                       NULL) == STATUS_OK)
            b->root_count++;
        else if (tries % 4)
            fail_msg("seed %llu: %.*s: %s", (unsigned long long)b->w.seed, SLICE_ARG(buffer_slice(text)), fault.text);
    }
    for (size_t i = 0; i < b->root_count; i++)
        b->relevance[i] = relevance_create(b->roots[i]);
}

/* --- a bed --- */

static void bed_open(struct bed *b, uint64_t seed) {
    struct fault fault = {0};
    *b = (struct bed){0};
    random_world_create(&b->w, seed, false, false);
    random_world_define(&b->w);
    make_roots(b);
    snprintf(b->folder, sizeof b->folder, "/tmp/onefold-evaluate-hold-test-%d", (int)getpid());
    mkdir(b->folder, 0700);
    if (history_create(os_real(), b->folder, b->w.dictionary, NULL, &b->history, &fault))
        fail_msg("%s", fault.text);
    random_world_do(&b->w, b->history, 0, b->w.step_count);
    for (bool more = random_below(&b->w.random, 2); more;) {
        more = history_compact(b->history, true, &fault) == STATUS_OK;
        history_tidy(b->history);
    }
}

static void bed_close(struct bed *b) {
    char command[128];
    history_free(b->history);
    for (size_t i = 0; i < ROOTS; i++)
        buffer_release(&b->texts[i]);
    for (size_t i = 0; i < b->root_count; i++)
        relevance_free(b->relevance[i]);
    arena_release(&b->arena);
    random_world_release(&b->w);
    snprintf(command, sizeof command, "rm -rf %s", b->folder); /* the test's own */
    if (system(command))
        fail();
}

/* --- an event more --- */

/* Whether the event brings a value that is not counted yet, where the root hangs on that; then it is. */
static bool brings_another(struct bed *b, size_t root, struct known *k, const struct record_head *record) {
    if (!b->values[root].property)
        return true;
    const struct record_value *v = record_find(record, b->values[root].property);
    if (!v || v->kind != VALUE_TEXT || v->count == 0)
        return false;
    uint16_t print = hold_value_print(b->values[root].property, record_text(record, v));
    for (uint32_t i = 0; i < k->print_count; i++)
        if (k->prints[i] == print)
            return false;
    k->prints[k->print_count++] = print;
    return true;
}

/* Another of the world's events, at a time not after now; mostly of one type, and just now. What roots say of it goes into known. */
static void add_event(struct bed *b, struct customer_id customer, int64_t now_ms, struct known *known) {
    struct random *r = &b->w.random;
    const struct record_head *like = NULL;
    bool just_now = random_below(r, 3) > 0;
    uint16_t type = b->w.types[0]->number;
    for (size_t i = 0; i < b->w.type_count; i++)
        if (b->w.types[i]->kind == TYPE_EVENT)
            type = b->w.types[i]->number;
    for (unsigned tries = 0; !like || like->kind != TYPE_EVENT || (just_now && like->type != type && tries < 40);
         tries++)
        like = b->w.steps[random_below(r, b->w.step_count)].record;
    struct record_head *record = memory_get(like->bytes, 1);
    memcpy(record, like, like->bytes);
    record->flags &= (uint16_t)~RECORD_REPLACES;
    record->position = ++b->w.position;
    record->received_ms = now_ms;
    record->message_hash = 0;
    record->time_ms = now_ms - (int64_t)random_below(r, just_now             ? HOLD_LATE_MS
                                                        : random_below(r, 3) ? 2 * DAY_MS
                                                                             : 50 * DAY_MS);
    history_append(b->history, customer, record);
    history_advance(b->history, b->w.position);
    for (size_t i = 0; i < b->root_count; i++) {
        struct known *k = &known[i];
        enum event_relevance relevance = relevance_of(b->relevance[i], record);
        if (relevance == EVENT_NOTHING || k->left == 0 || k->turned)
            continue;
        if (relevance != EVENT_COUNTS || record->time_ms <= now_ms - HOLD_LATE_MS || now_ms >= k->hold.turns_ms ||
            !brings_another(b, i, k, record))
            k->left = 0;
        else if (--k->left == 0)
            k->turned = true;
    }
    free(record);
}

/* Makes a copy of a document one that was never seen, of an amount that is seldom negative. */
static void make_new(struct bed *b, struct record_head *record) {
    const struct property *p = amount_property(document_type(b));
    struct record_value *values = (struct record_value *)record_values(record);
    record->document = 1000000 + (uint32_t)b->w.position;
    record->flags &= (uint16_t)~RECORD_ITEMS_APPEND;
    for (uint32_t i = 0; p && i < record->value_count; i++)
        if (values[i].property == p->number && values[i].kind == VALUE_NUMBER) {
            values[i].integer = (int64_t)random_below(&b->w.random, 1000) - 30;
            values[i].scale = 2;
        }
}

static void note_document(struct bed *b, const struct record_head *record, struct known *known) {
    for (size_t i = 0; i < b->root_count; i++) {
        struct known *k = &known[i];
        uint32_t parts = b->amounts[i].part > 0 ? amount_parts(&b->amounts[i], record) : SLACK_ANY;
        if (parts != SLACK_ANY && (k->hold.slack == SLACK_ANY || k->parts + parts < k->hold.slack)) {
            k->parts += parts;
            amounts += !k->silent;
        } else {
            k->silent |= !k->hold.documents || k->turned;
        }
        documents += k->hold.documents;
        k->document = true;
        k->left = 0;
    }
}

/* A document, at any time. */
static void add_document(struct bed *b, struct customer_id customer, int64_t now_ms, struct known *known) {
    struct random *r = &b->w.random;
    const struct record_head *like = NULL;
    for (unsigned tries = 0; tries < 200 && (!like || like->kind != TYPE_DOCUMENT); tries++)
        like = b->w.steps[random_below(r, b->w.step_count)].record;
    if (!like || like->kind != TYPE_DOCUMENT)
        return;
    struct record_head *record = memory_get(like->bytes, 1);
    bool is_new = random_below(r, 3) > 0;
    memcpy(record, like, like->bytes);
    record->flags &= (uint16_t)~RECORD_REPLACES;
    record->position = ++b->w.position;
    record->received_ms = now_ms;
    record->message_hash = 0;
    record->time_ms = now_ms + DAY_MS - (int64_t)random_below(r, 9 * DAY_MS);
    if (is_new)
        make_new(b, record);
    history_append(b->history, customer, record);
    history_advance(b->history, b->w.position);
    if (is_new)
        record->flags |= RECORD_NEW_DOCUMENT;
    note_document(b, record, known);
    free(record);
}

static bool twin_says(struct bed *b, const struct outside *outside, size_t root, struct customer_id customer,
                      int64_t now_ms) {
    struct term_value v = model_evaluate(&b->w.vocabulary, outside, b->roots[root], customer, now_ms, &b->arena);
    return v.type == TERM_BOOL && v.integer;
}

/* --- the test --- */

static void check_stop(struct bed *b, const struct outside *outside, const struct known *known,
                       struct customer_id customer, int64_t now_ms, uint32_t events) {
    for (size_t i = 0; i < b->root_count; i++) {
        const struct hold *hold = &known[i].hold;
        bool turned = known[i].turned && now_ms < hold->turns_ms;
        bool by_amount = b->amounts[i].part > 0; /* its slack counts no events */
        bool kept = hold->keeps && !known[i].document;
        if (known[i].silent ||
            (!turned && ((!by_amount && !kept && events >= hold->slack) || now_ms >= hold->until_ms)))
            continue;
        keeps += kept && events >= hold->slack;
        stops++;
        turns += turned;
        by_values += turned && b->values[i].property;
        if (twin_says(b, outside, i, customer, now_ms) != (known[i].answer != turned))
            fail_msg("seed %llu, customer %u: %.*s was %s until %lld against %u events and to turn before %lld, is "
                     "not%s after "
                     "%u at %lld (from %lld)",
                     (unsigned long long)b->w.seed, customer.number, SLICE_ARG(buffer_slice(&b->texts[i])),
                     known[i].answer ? "true" : "false", (long long)hold->until_ms, hold->slack,
                     (long long)hold->turns_ms, turned ? " turned" : "", events, (long long)now_ms,
                     (long long)b->w.now_ms);
    }
}

/* While the customer, or its span, is in hand. */
static void take_values(struct bed *b, struct evaluator *e, size_t root, uint32_t place, struct known *k) {
    b->values[root] = evaluate_values(e, root);
    k->print_count = 0;
    k->left = k->hold.turns_ms > 0 ? k->hold.slack : 0;
    if (!k->left || !b->values[root].property)
        return;
    uint32_t count = evaluate_values_counted(e, root, place, k->prints);
    if (count == UINT32_MAX)
        k->left = 0;
    else
        k->print_count = count;
}

/* Evaluated alone and in its span: the same answer, and each with what it holds against. */
static void evaluate_all(struct bed *b, struct evaluator *e, struct customer_id customer, bool whole,
                         struct known *known) {
    struct hold *holds = memory_get(SPAN_CUSTOMERS, sizeof *holds);
    uint64_t bits[SPAN_CUSTOMERS / 64], clauses;
    uint32_t place = customer.number % SPAN_CUSTOMERS;
    evaluator_customer(e, customer, b->w.now_ms, UINT64_MAX);
    for (size_t i = 0; i < b->root_count; i++) {
        known[i] = (struct known){0};
        known[i].hold = evaluate_hold(e, i, &known[i].answer);
        b->amounts[i] = evaluate_amount(e, i);
        take_values(b, e, i, 0, &known[i]);
        if (evaluate_clauses_told(e, i, known[i].answer, &clauses) && clauses != evaluate_clauses(e, i))
            fail_msg("seed %llu: clauses of %.*s", (unsigned long long)b->w.seed,
                     SLICE_ARG(buffer_slice(&b->texts[i])));
    }
    if (whole && evaluator_span(e, customer.number / SPAN_CUSTOMERS, b->w.now_ms))
        for (size_t i = 0; i < b->root_count; i++) {
            evaluate_holds(e, i, bits, holds);
            assert_int_equal(bits[place / 64] >> place % 64 & 1, known[i].answer);
            known[i].hold = holds[place];
            take_values(b, e, i, place, &known[i]);
        }
    for (size_t i = 0; i < b->root_count; i++)
        loose += known[i].hold.slack > 1;
    free(holds);
}

static void one_customer(struct bed *b, const struct plan *plan, struct customer_id customer, bool whole) {
    struct outside outside = {.history = b->history, .identity = b->w.identity, .set_bits = random_set_bits};
    struct evaluator *e = evaluator_create(plan, &outside);
    struct known known[ROOTS];
    int64_t now_ms = b->w.now_ms;
    evaluate_all(b, e, customer, whole, known);
    evaluator_free(e);
    check_stop(b, &outside, known, customer, now_ms, 0);
    for (uint32_t stop = 0, events = 0; stop < STOPS; stop++) {
        int64_t ahead = random_below(&b->w.random, 3) ? DAY_MS / 4 : 12 * DAY_MS;
        if (random_below(&b->w.random, 3) == 0)
            now_ms += (int64_t)random_below(&b->w.random, (uint64_t)ahead);
        if (random_below(&b->w.random, 3)) {
            add_event(b, customer, now_ms, known);
            events++;
        } else if (random_below(&b->w.random, 2) == 0) {
            add_document(b, customer, now_ms, known);
        }
        check_stop(b, &outside, known, customer, now_ms, events);
    }
}

static void one_seed(uint64_t seed) {
    struct bed b;
    struct plan *plan;
    bed_open(&b, seed);
    assert_int_equal(plan_create(&b.w.vocabulary, (const struct node *const *)b.roots, b.root_count, &plan, NULL),
                     STATUS_OK);
    for (uint32_t i = 0; i < 4; i++) {
        struct customer_id customer = {b.w.first + (uint32_t)random_below(&b.w.random, b.w.customers)};
        uint64_t population;
        identity_population(b.w.identity, customer.number & ~UINT32_C(63), 1, &population);
        if (population >> customer.number % 64 & 1) /* not merged away */
            one_customer(&b, plan, customer, i % 2);
    }
    plan_free(plan);
    bed_close(&b);
}

static void answers_hold(void **state) {
    const char *first = getenv("TEST_SEED");
    uint64_t from = first ? strtoull(first, NULL, 10) : 1, count = getenv("TEST_LONG") ? 2000 : first ? 1 : 25;
    (void)state;
    for (uint64_t seed = from; seed < from + count; seed++)
        one_seed(seed);
    print_message(
        "%llu answers held, %llu against events, %llu turned as was said, %llu of them by values, %llu kept, %llu "
        "against amounts\n",
        (unsigned long long)stops, (unsigned long long)loose, (unsigned long long)turns, (unsigned long long)by_values,
        (unsigned long long)keeps, (unsigned long long)amounts);
    assert_true(loose > 0 && (first || (turns > 0 && by_values > 0 && keeps > 0 && documents > 0 && amounts > 0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_hold)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
