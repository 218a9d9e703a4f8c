/* relevance: an event said to be without meaning changes no answer; and most that are without meaning are said to be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/random.h"
#include "language/language_bed_model.h"
#include "language/relevance.h"

#define ROWS 400
#define SEEDS 6

static const char *const expressions[] = {
    "count(visit where page = \"cart\") >= 2",
    "any(visit where page in (\"cart\", \"home\") and secs > 20.5, last 30 days)",
    "sum(visit.secs where page != \"home\") > 100",
    "count(visit where secs between 10 and 30, last 7 days) - count(sale where price <= 99.9) > 1",
    "sequence(visit where page = \"cart\" -> sale where price > 50 within 10 days)",
    "sequence(visit where page = \"cart\" -> not sale where price >= 10 within 3 days)",
    "last(visit where page = \"cart\").secs > 15",
    "share(visit where page = \"cart\") > 0.5",
    "none(visit where page = \"cart\" and not secs > 3)",
    "any(visit where page starts with \"c\" and secs < 9)",
    "count(any event) > 20",
    "distinct(sale.price where page = \"cart\") > 2",
    "steps(visit where page = \"home\" -> visit where page = \"cart\") = 2",
};
#define EXPRESSIONS (sizeof expressions / sizeof *expressions)

static void add_text(char *out, size_t size, const char *more) {
    size_t used = strlen(out);
    if (*more)
        snprintf(out + used, size - used, "%s%s", used ? " " : "", more);
}

static void row_text(struct random *random, char *out, size_t size) {
    static const char *const pages[] = {"page=cart", "page=home", "page=help", ""};
    static const char *const seconds[] = {"secs=3", "secs=20.5", "secs=30", "secs=20.500001", ""};
    static const char *const prices[] = {"price=99.9", "price=10", "price=120"};
    *out = 0;
    add_text(out, size, pages[random_below(random, 4)]);
    add_text(out, size, seconds[random_below(random, 5)]);
    add_text(out, size, prices[random_below(random, 3)]);
}

static unsigned keyed;

static bool value_has(const struct relevance_key *key, const struct record_head *record, const struct record_value *v) {
    if (!v || v->kind == VALUE_MISSING)
        return false;
    if (!key->texts)
        return (v->kind != VALUE_NUMBER && v->kind != VALUE_REAL) ||
               number_compare(key->least, relevance_number(v)) <= 0;
    for (const struct node *n = key->texts; n; n = n->next)
        if (v->kind != VALUE_TEXT || slice_equal(n->text, record_text(record, v)))
            return true;
    return false;
}

/* Whether the record, or an item of it, has what the key demands, or it cannot be told. */
static bool has_key(const struct relevance_key *key, const struct record_head *record) {
    const struct record_value *items = key->items ? record_find(record, key->items) : NULL;
    if (!key->items)
        return value_has(key, record, record_find(record, key->property));
    for (uint32_t i = 0; items && items->kind == VALUE_ITEMS && i < items->count; i++)
        if (value_has(key, record, relevance_item_value(record, &record_items(record, items)[i], key->property)))
            return true;
    return false;
}

static void check_key(const struct relevance *relevance, const struct record_head *record, const char *expression) {
    struct relevance_key key;
    if (!relevance_key_of(relevance, record->type, &key))
        return;
    keyed++;
    if (relevance_of(relevance, record) != EVENT_NOTHING && !has_key(&key, record))
        fail_msg("%s: an event that can matter is not found by its values", expression);
}

/* Appends rows one by one; whenever an answer changes, the row was said to matter. Returns how often it was said not to. */
static unsigned hold(uint64_t seed) {
    struct language_bed bed;
    struct random random;
    struct relevance *relevance[EXPRESSIONS];
    struct arena arena = {0};
    unsigned spared = 0;
    random_init(&random, seed);
    language_bed_open(&bed, "Asia/Shanghai", "2026-03-01T12:00:00Z");
    struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number price:money");
    struct type *sale = language_bed_type(&bed, TYPE_EVENT, "sale", "page:text secs:number price:money");
    uint32_t customer = language_bed_customer(&bed);
    char before[EXPRESSIONS][64], text[96], time[32];
    for (size_t i = 0; i < EXPRESSIONS; i++) {
        relevance[i] = relevance_create(language_bed_check(&bed, expressions[i]));
        snprintf(before[i], sizeof before[i], "%s", language_bed_plan(&bed, expressions[i], customer));
    }
    for (unsigned row = 0; row < ROWS / SEEDS; row++) {
        row_text(&random, text, sizeof text);
        snprintf(time, sizeof time, "2026-02-%02uT%02u:00", 1 + (unsigned)random_below(&random, 28),
                 (unsigned)random_below(&random, 24));
        language_bed_row(&bed, customer, random_below(&random, 3) ? visit : sale, time, 0, text);
        struct history_rows rows;
        arena_reset(&arena);
        history_rows(bed.history, (struct customer_id){customer}, -1, &arena, &rows);
        const struct record_head *record = NULL;
        for (size_t i = 0; i < rows.count; i++)
            if (history_row_position(&rows, i) == bed.position)
                record = history_row(bed.history, &rows, i, &bed.builder);
        assert_non_null(record);
        for (size_t i = 0; i < EXPRESSIONS; i++) {
            const char *now = language_bed_plan(&bed, expressions[i], customer);
            bool matters = relevance_of(relevance[i], record) != EVENT_NOTHING;
            if (relevance_always_counts(relevance[i], record->type))
                assert_int_equal(relevance_of(relevance[i], record), EVENT_COUNTS);
            if (strcmp(now, before[i]) != 0 && !matters)
                fail_msg("seed %llu: %s was %s and is %s after \"%s\", which was said not to matter",
                         (unsigned long long)seed, expressions[i], before[i], now, text);
            check_key(relevance[i], record, expressions[i]);
            spared += !matters;
            snprintf(before[i], sizeof before[i], "%s", now);
        }
    }
    for (size_t i = 0; i < EXPRESSIONS; i++)
        relevance_free(relevance[i]);
    arena_release(&arena);
    language_bed_close(&bed);
    return spared;
}

static void test_what_changes_mattered(void **state) {
    unsigned spared = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        spared += hold(seed);
    assert_true(spared > ROWS * EXPRESSIONS / 4 && keyed > ROWS);
}

/* What surely counts is counted: a count of everything that fulfils the `where` grows by it, and by nothing that cannot matter. */
static void test_what_counts_is_counted(void **state) {
    static const char *const wheres[] = {
        "page = \"c\"",           "page != \"c\"",           "secs > 20 and page in (\"a\", \"c\")",
        "secs between 10 and 30", "price >= 12.5",           "price < 40 and secs != 7",
        "page starts with \"c\"", "secs > 5 or page = \"a\""};
    unsigned counts = 0, maybe = 0;
    (void)state;
    for (size_t k = 0; k < sizeof wheres / sizeof *wheres; k++) {
        struct language_bed bed;
        struct random random;
        struct arena arena = {0};
        char expression[128], text[96], time[32];
        random_init(&random, k + 1);
        language_bed_open(&bed, "Asia/Shanghai", "2026-03-01T12:00:00Z");
        struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number price:money");
        struct type *sale = language_bed_type(&bed, TYPE_EVENT, "sale", "page:text secs:number price:money");
        uint32_t customer = language_bed_customer(&bed);
        snprintf(expression, sizeof expression, "count(visit where %s) >= 0", wheres[k]);
        struct relevance *relevance = relevance_create(language_bed_check(&bed, expression));
        snprintf(expression, sizeof expression, "count(visit where %s)", wheres[k]);
        double before = atof(language_bed_plan(&bed, expression, customer));
        for (unsigned row = 0; row < 100; row++) {
            row_text(&random, text, sizeof text);
            snprintf(time, sizeof time, "2026-02-%02uT%02u:00", 1 + row % 28, (unsigned)random_below(&random, 24));
            language_bed_row(&bed, customer, random_below(&random, 3) ? visit : sale, time, 0, text);
            struct history_rows rows;
            arena_reset(&arena);
            history_rows(bed.history, (struct customer_id){customer}, -1, &arena, &rows);
            const struct record_head *record = NULL;
            for (size_t i = 0; i < rows.count; i++)
                if (history_row_position(&rows, i) == bed.position)
                    record = history_row(bed.history, &rows, i, &bed.builder);
            double now = atof(language_bed_plan(&bed, expression, customer));
            enum event_relevance says = relevance_of(relevance, record);
            counts += says == EVENT_COUNTS;
            maybe += says == EVENT_MAY_MATTER;
            if ((says == EVENT_COUNTS && now != before + 1) || (says == EVENT_NOTHING && now != before))
                fail_msg("%s: from %g to %g after \"%s\", of which is said %d", expression, before, now, text, says);
            before = now;
        }
        relevance_free(relevance);
        arena_release(&arena);
        language_bed_close(&bed);
    }
    assert_true(counts > 50 && maybe > 50);
}

/* --- documents --- */

static const char *const of_documents[] = {
    "any(order.lines where sku in (\"A\", \"B\") and price > 20, last 30 days)",
    "count(order.lines where sku = \"A\")",
    "sum(order.lines.price where sku != \"A\") > 60",
    "none(order.lines where price between 10 and 30)",
    "sum(order.total where status = \"paid\")",
    "none(order where status != \"paid\")",
    "share(order where status = \"paid\") > 0.5",
    "last(order where status = \"paid\").total",
    "sequence(visit -> order where total > 50 within 9 days)",
    "sequence(visit -> not order where status = \"paid\" within 9 days)",
    "count(order) > 4",
    "count(visit) > 1",
};
#define OF_DOCUMENTS (sizeof of_documents / sizeof *of_documents)

static void order_text(struct random *random, char *out, size_t size) {
    static const char *const statuses[] = {"status=paid", "status=open", "status=null", ""};
    static const char *const totals[] = {"total=20", "total=120.5", ""};
    static const char *const lines[] = {"lines={sku=A,price=10}", "lines={sku=B,price=21}{sku=C,price=5}",
                                        "lines={sku=C,price=30}", "lines={price=99}{sku=A}", ""};
    *out = 0;
    add_text(out, size, statuses[random_below(random, 4)]);
    add_text(out, size, totals[random_below(random, 3)]);
    add_text(out, size, lines[random_below(random, 5)]);
}

/* The row at the bed's position, said to be the first of a new document. */
static struct record_head *first_of_document(struct language_bed *bed, uint32_t customer, struct arena *arena) {
    struct history_rows rows;
    struct record_head *copy = NULL;
    history_rows(bed->history, (struct customer_id){customer}, -1, arena, &rows);
    for (size_t i = 0; i < rows.count; i++)
        if (history_row_position(&rows, i) == bed->position) {
            const struct record_head *record = history_row(bed->history, &rows, i, &bed->builder);
            copy = arena_get(arena, record->bytes);
            memcpy(copy, record, record->bytes);
        }
    assert_non_null(copy);
    copy->flags |= RECORD_NEW_DOCUMENT;
    return copy;
}

static unsigned hold_documents(uint64_t seed) {
    struct language_bed bed;
    struct random random;
    struct relevance *relevance[OF_DOCUMENTS];
    struct arena arena = {0};
    char before[OF_DOCUMENTS][64], text[128], time[32];
    uint32_t documents = 0;
    unsigned spared = 0;
    random_init(&random, seed);
    language_bed_open(&bed, "Asia/Shanghai", "2026-03-01T12:00:00Z");
    struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text");
    struct type *order =
        language_bed_type(&bed, TYPE_DOCUMENT, "order", "status:text total:money lines:items(sku:text,price:money)");
    uint32_t customer = language_bed_customer(&bed);
    for (size_t i = 0; i < OF_DOCUMENTS; i++)
        relevance[i] = relevance_create(language_bed_check(&bed, of_documents[i]));
    for (unsigned row = 0; row < 60; row++) {
        bool visits = random_below(&random, 6) == 0, fresh = !visits && (!documents || random_below(&random, 3));
        arena_reset(&arena);
        for (size_t i = 0; i < OF_DOCUMENTS; i++)
            snprintf(before[i], sizeof before[i], "%s", language_bed_plan(&bed, of_documents[i], customer));
        snprintf(time, sizeof time, "2026-02-%02uT%02u:00", 1 + (unsigned)random_below(&random, 28),
                 (unsigned)random_below(&random, 24));
        order_text(&random, text, sizeof text);
        uint32_t document = fresh ? ++documents : 1 + (uint32_t)random_below(&random, documents ? documents : 1);
        language_bed_row(&bed, customer, visits ? visit : order, time, visits ? 0 : document, visits ? "page=x" : text);
        for (size_t i = 0; i < OF_DOCUMENTS && fresh; i++) {
            const struct record_head *record = first_of_document(&bed, customer, &arena);
            enum event_relevance says = relevance_of(relevance[i], record);
            const char *now = language_bed_plan(&bed, of_documents[i], customer);
            assert_true(says != EVENT_COUNTS);
            check_key(relevance[i], record, of_documents[i]);
            if (says == EVENT_NOTHING && strcmp(now, before[i]) != 0)
                fail_msg("seed %llu: %s was %s and is %s after \"%s\", which was said not to matter",
                         (unsigned long long)seed, of_documents[i], before[i], now, text);
            spared += says == EVENT_NOTHING;
        }
    }
    for (size_t i = 0; i < OF_DOCUMENTS; i++)
        relevance_free(relevance[i]);
    arena_release(&arena);
    language_bed_close(&bed);
    return spared;
}

static void test_new_documents(void **state) {
    unsigned spared = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++)
        spared += hold_documents(seed);
    assert_true(spared > 1000);
}

static void test_what_always_counts(void **state) {
    static const struct {
        const char *expression;
        bool visits, sales;
    } cases[] = {{"count(visit) >= 3", true, false},
                 {"count(visit, last 7 days) >= 3 and distinct(sale.page) > 1", true, true},
                 {"count(visit) >= 3 and any(visit where secs > 3)", false, false},
                 {"sequence(visit -> sale where secs > 3 within 2 days)", true, false},
                 {"share(visit where secs > 3) > 0.5", false, false}};
    struct language_bed bed;
    (void)state;
    language_bed_open(&bed, "UTC", "2026-03-01T12:00:00Z");
    struct type *visit = language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number");
    struct type *sale = language_bed_type(&bed, TYPE_EVENT, "sale", "page:text secs:number");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct relevance *relevance = relevance_create(language_bed_check(&bed, cases[i].expression));
        assert_int_equal(relevance_always_counts(relevance, visit->number), cases[i].visits);
        assert_int_equal(relevance_always_counts(relevance, sale->number), cases[i].sales);
        relevance_free(relevance);
    }
    assert_false(relevance_always_counts(NULL, visit->number));
    language_bed_close(&bed);
}

static void test_nothing_to_tell_by(void **state) {
    struct language_bed bed;
    (void)state;
    language_bed_open(&bed, "UTC", "2026-03-01T12:00:00Z");
    language_bed_type(&bed, TYPE_EVENT, "visit", "page:text secs:number");
    assert_null(relevance_create(language_bed_check(&bed, "1 + 1 > 2")));
    language_bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_changes_mattered), cmocka_unit_test(test_what_counts_is_counted),
        cmocka_unit_test(test_what_always_counts),    cmocka_unit_test(test_new_documents),
        cmocka_unit_test(test_nothing_to_tell_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
