/* complete_test: what is offered at a place of an expression and what is said about it; the place is where the | stands. Every prefix of
 * wrong.def's rows and of right ones gives JSON. */
#include "language/check_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/json_read.h"

static struct check_bed bed;
static struct json_parser *parser;
static struct buffer answer;

/* The text without its |, and where that stood. */
static struct slice split(const char *marked, char *text, size_t size, uint32_t *at) {
    const char *bar = strrchr(marked, '|');
    assert_non_null(bar);
    *at = (uint32_t)(bar - marked);
    snprintf(text, size, "%.*s%s", (int)*at, marked, bar + 1);
    return slice_text(text);
}

static const struct json *complete(const char *marked, size_t limit) {
    char text[512];
    uint32_t at;
    struct fault fault = {0};
    const struct json *root;
    struct json_writer w = {.out = &answer};
    struct slice all = split(marked, text, sizeof text, &at);
    buffer_clear(&answer);
    check_complete(&bed.vocabulary, all, at, limit, &w);
    assert_int_equal(json_parse(parser, buffer_slice(&answer), true, &root, &fault), STATUS_OK);
    assert_int_equal(root->kind, JSON_ARRAY);
    return root;
}

/* Whether `insert` is among the first `most`. */
static bool offers(const char *marked, const char *insert, size_t most) {
    const struct json *root = complete(marked, most);
    for (const struct json *m = json_first(parser, root); m; m = json_next(parser, m))
        if (slice_is(json_get_text(parser, m, "insert"), insert))
            return true;
    return false;
}

static void assert_offers(const char *marked, const char *insert, size_t most) {
    if (!offers(marked, insert, most))
        fail_msg("%s does not offer %s: %.*s", marked, insert, SLICE_ARG(buffer_slice(&answer)));
}

static void test_names(void **state) {
    (void)state;
    assert_offers("ci|", "city", 1);
    assert_offers("count(order) > 3 and ci|", "city", 1);
    assert_offers("customer.ci|", "customer.city", 1);
    assert_offers("address.c|", "address.city", 3);
    assert_offers("any(order where st|", "status", 1);
    assert_offers("any(order where st|", "store.region", 20);
    assert_offers("any(order.items where product.cat|", "product.category", 1);
    assert_offers("any(order where any(items where pri|", "price", 1);
    assert_offers("any(guardian_of where birth|", "birthday", 1);
    assert_offers("any(order where ti|", "time", 3);
    assert_offers("`cit|", "city", 1);
    assert_offers("last(order).|", "total", 8);
    assert_offers("last(order where status = \"x\", last 3 days).to|", "total", 1);
    assert_offers("first(order.items).bra|", "brand", 1);
    assert_offers("any(order where count(page where |", "title", 8);
    assert_false(offers("any(order where count(page, since |", "total", 100));
    assert_false(offers("a_te|", "`tag.by hand`", 1000));
}

static void test_sources(void **state) {
    (void)state;
    assert_offers("count(|", "order", 1);
    assert_offers("count(or|", "order", 1);
    assert_offers("count(product_v|", "product_viewed", 1);
    assert_offers("count(order.|", "order.items", 5);
    assert_offers("sum(order.items.pr|", "order.items.price", 3);
    assert_offers("any(any|", "any event", 1);
    assert_offers("any(order where any(it|", "items", 1);
    assert_offers("sequence(page -> not ord|", "order", 1);
    assert_offers("count(gua|", "guardian_of", 1);
    assert_false(offers("count(ci|", "city", 100));
}

static void test_words(void **state) {
    (void)state;
    assert_offers("city |", "= ", 5);
    assert_offers("city |", "contains ", 8);
    assert_false(offers("city |", "< ", 100));
    assert_offers("a_number |", "< ", 8);
    assert_offers("city is m|", "is missing", 1);
    assert_offers("city starts w|", "starts with ", 1);
    assert_offers("days s|", "days since ", 1);
    assert_offers("days until an|", "days until anniversary ", 1);
    assert_offers("dist|", "distinct(", 5);
    assert_offers("distinct d|", "distinct days(", 1);
    assert_offers("in s|", "in segment \"", 1);
    assert_offers("city = \"x\" a|", "and ", 1);
    assert_offers("count(order |", "where ", 1);
    assert_offers("sequence(page |", "-> ", 3);
    assert_offers("count(order, |", "last 30 days", 1);
    assert_offers("count(order, pre|", "previous month", 2);
    assert_offers("count(order where total > 3, last 30 d|", "days", 1);
    assert_offers("count(order, since birth|", "birthday", 1);
    assert_int_equal(complete("city = \"x\" -- and |", 100)->count, 0);
}

static void test_values(void **state) {
    (void)state;
    assert_offers("store_id = |", "\"S1\"", 1);
    assert_offers("store_id = \"徐|", "\"S2\"", 1);
    assert_offers("store_id = \"old|", "\"S3\"", 1);
    assert_offers("store_id not in (\"S1\", |", "\"S2\"", 2);
    assert_offers("any(order where store_id in (\"S1\", \"|", "\"S2\"", 2);
    assert_offers("gender = \"f|", "\"female\"", 1);
    assert_offers("any(any event where event = \"prod|", "\"Product Viewed\"", 8);
    assert_offers("in segment \"v|", "\"vip\"", 1);
    assert_offers("tag(\"by|", "\"by hand\"", 1);
    assert_offers("has tag \"|", "\"by hand\"", 4);
    assert_offers("metric(\"|", "\"spent\"", 1);
    assert_offers("score(\"ch|", "\"churn_30d\"", 1);
    assert_int_equal(complete("city = \"|", 100)->count, 0);
    const struct json *closed = json_first(parser, complete("store_id = \"徐|", 1));
    assert_true(slice_is(json_get_text(parser, closed, "label"), "徐家汇店 (S2)"));
    assert_true(json_get_text(parser, closed, "valid_to").size > 0);
    assert_int_equal(json_get_integer(parser, closed, "from", -1), 11);
}

static void test_limit(void **state) {
    (void)state;
    assert_int_equal(complete("|", 7)->count, 7);
    assert_int_equal(complete("|", 0)->count, 0);
    assert_true(complete("|", 10000)->count > 60);
}

static struct slice hover(const char *marked, const char *key) {
    char text[512];
    uint32_t at;
    struct fault fault = {0};
    const struct json *root;
    struct json_writer w = {.out = &answer};
    struct slice all = split(marked, text, sizeof text, &at);
    buffer_clear(&answer);
    check_hover(&bed.vocabulary, all, at, &w);
    assert_int_equal(json_parse(parser, buffer_slice(&answer), true, &root, &fault), STATUS_OK);
    return json_get_text(parser, root, key);
}

static void assert_hover(const char *marked, const char *key, const char *expected) {
    struct slice got = hover(marked, key);
    if (!slice_is(got, expected))
        fail_msg("%s: %s is \"%.*s\", not \"%s\"", marked, key, SLICE_ARG(got), expected);
}

static void test_hover(void **state) {
    (void)state;
    assert_hover("co|unt(order) > 3", "word", "count");
    assert_hover("co|unt(order) > 3", "zh", operator_row(OP_COUNT)->meaning_zh);
    assert_hover("count(or|der) > 3", "en", "documents");
    assert_hover("count(order) |> 3", "word", ">");
    assert_hover("days si|nce last(order) > 3", "word", "days since");
    assert_hover("days since la|st(order) > 3", "word", "last");
    assert_hover("count(order, la|st 3 days)", "caution_en", window_row(WINDOW_ROLLING)->caution_en);
    assert_hover("count(order, la|st month)", "en", window_row(WINDOW_PREVIOUS)->meaning_en);
    assert_hover("count(order, 3 days af|ter birthday)", "en", window_row(WINDOW_SPAN_AFTER)->meaning_en);
    assert_hover("cit|y = \"x\"", "en", "text of customer");
    assert_hover("sum(order.items.pr|ice)", "type", "money");
    assert_hover("any(order.items where to|tal > 3)", "zh", "order 的金额");
    assert_hover("address.ci|ty = \"x\"", "word", "address.city");
    assert_hover("|-a_number = 3", "word", operator_row(OP_NEGATE)->word);
    assert_hover("a_number is mis|sing", "word", "is missing");
    assert_hover("last(order where status = \"x\").to|tal > 3", "type", "money");
    assert_hover("first(order.items).bra|nd = \"x\"", "en", "text of order.items");
    assert_hover("count(order).to|tal > 3", "word", "");
    assert_hover("ag|e > 3", "en", "number of customer");
    assert_hover("ag|e(birthday) > 3", "word", "age");
    assert_hover("city =| \"x\"", "word", "");
    assert_hover("nob|ody", "word", "");
    assert_hover("|", "word", "");
}

/* What is offered leads somewhere: each name in its place is a right expression. */
static void test_offers_hold(void **state) {
    (void)state;
    static const struct {
        const char *marked, *begin, *end;
    } places[] = {{"|", "", " is present"},
                  {"count(|", "count(", ")"},
                  {"count(order.|", "count(", ")"},
                  {"count(order.items.|", "count(", ")"},
                  {"count(thing_done.parts.|", "count(", ")"},
                  {"any(order where |", "any(order where ", " is present)"},
                  {"any(order.items where |", "any(order.items where ", " is present)"},
                  {"any(any event where |", "any(any event where ", " is present)"},
                  {"any(guardian_of where |", "any(guardian_of where ", " is present)"},
                  {"last(order).|", "last(order).", " is present"},
                  {"count(order, |", "count(order, ", ")"},
                  {"store_id = |", "store_id = ", ""},
                  {"in segment \"|", "in segment ", ""},
                  {"metric(\"|", "metric(", ") is present"}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const struct json *root = complete(places[i].marked, 10000);
        size_t tried = 0;
        for (const struct json *m = json_first(parser, root); m; m = json_next(parser, m)) {
            struct slice kind = json_get_text(parser, m, "kind"), insert = json_get_text(parser, m, "insert");
            struct buffer text = {0};
            struct fault fault;
            bool whole = insert.size && insert.data[insert.size - 1] != ' ';
            if (slice_is(kind, "function") || slice_is(kind, "operator") || !whole ||
                (slice_is(json_get_text(parser, m, "en"), "items of order") && !strstr(places[i].marked, "count(")))
                continue;
            buffer_print(&text, "%s%.*s%s", places[i].begin, SLICE_ARG(insert), places[i].end);
            buffer_add_char(&text, 0);
            if (check_bed_try(&bed, &bed.vocabulary, text.data, &fault) != STATUS_OK)
                fail_msg("%s is offered: %s", text.data, fault.text);
            buffer_release(&text);
            tried++;
        }
        assert_true(tried > 0);
    }
}

/* Any beginning of any expression, at any place. */
static void test_everywhere(void **state) {
    (void)state;
    static const char *const texts[] = {
#define WRONG(expression, message) expression,
#include "language/wrong.def"
#undef WRONG
        "sequence(page where title = \"x\" -> `Product Viewed` within 3 days, last 30 days)",
        "any(order.items where product.category in (\"a\", \"b\") and price > 3, 7 days after first(order)) -- so"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (uint32_t at = 0; at <= strlen(texts[i]); at++) {
            struct json_writer w = {.out = &answer};
            struct fault fault = {0};
            const struct json *root;
            buffer_clear(&answer);
            json_array(&w);
            check_complete(&bed.vocabulary, slice_text(texts[i]), at, 3, &w);
            check_hover(&bed.vocabulary, slice_text(texts[i]), at, &w);
            json_end_array(&w);
            assert_int_equal(json_parse(parser, buffer_slice(&answer), true, &root, &fault), STATUS_OK);
        }
}

int main(void) {
    check_bed_open(&bed);
    parser = json_parser_create();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names),       cmocka_unit_test(test_sources),
                                       cmocka_unit_test(test_words),       cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_limit),       cmocka_unit_test(test_hover),
                                       cmocka_unit_test(test_offers_hold), cmocka_unit_test(test_everywhere)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    json_parser_free(parser);
    buffer_release(&answer);
    check_bed_close(&bed);
    return failed;
}
