/* tree_test: texts that must be read and how they are written again, texts that must be refused and with which words, random trees through every
 * form and back, and the limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "govern/record.h"
#include "language/suggest.h"
#include "language/tree_inside.h"

static struct node *parse(struct arena *arena, struct slice text) {
    struct node *root;
    struct fault fault = {0};
    if (tree_parse(text, arena, &root, &fault, NULL) != STATUS_OK)
        fail_msg("%.*s: %s", SLICE_ARG(text), fault.text);
    return root;
}

static struct slice format(struct arena *arena, const struct node *root) {
    struct buffer out = {0};
    tree_format(root, &out);
    struct slice text = arena_copy(arena, buffer_slice(&out));
    buffer_release(&out);
    return text;
}

static struct node *through_json(struct arena *arena, const struct node *root) {
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    struct json_parser *parser = json_parser_create();
    const struct json *json;
    struct node *again = NULL;
    struct fault fault = {0};
    tree_write_json(root, &w);
    if (json_parse(parser, buffer_slice(&out), true, &json, &fault) != STATUS_OK ||
        tree_read_json(parser, json, arena, &again, &fault) != STATUS_OK)
        fail_msg("%.*s: %s", SLICE_ARG(buffer_slice(&out)), fault.text);
    json_parser_free(parser);
    buffer_release(&out);
    return again;
}

/* Text, tree, JSON, tree, text: nothing is lost, and the wide form says the same. */
static void check_every_way(struct arena *arena, const struct node *root, const char *label) {
    struct slice line = format(arena, root);
    struct node *again = parse(arena, line);
    if (!tree_equal(root, again))
        fail_msg("%s: reads back as another tree: %.*s", label, SLICE_ARG(line));
    if (!slice_equal(line, format(arena, again)))
        fail_msg("%s: formatted twice: %.*s", label, SLICE_ARG(line));
    struct node *json = through_json(arena, root);
    if (!tree_equal(root, json) || !slice_equal(line, format(arena, json)))
        fail_msg("%s: another tree through JSON: %.*s", label, SLICE_ARG(line));
    struct buffer wide = {0};
    tree_format_wide(root, 40, &wide);
    if (!tree_equal(root, parse(arena, buffer_slice(&wide))))
        fail_msg("%s: the wide form is another tree: %.*s", label, SLICE_ARG(buffer_slice(&wide)));
    buffer_release(&wide);
}

/* --- what is read --- */

static void examples_of_the_tables(void **state) {
    (void)state;
    struct arena arena = {0};
    for (int op = 1; op < OP_COUNT_; op++) {
        const struct operator_row *row = operator_row(op);
        assert_true(row->use[0] && row->meaning_en[0] && row->meaning_zh[0] && row->example[0]);
        assert_int_equal(row->caution_en[0] == 0, row->caution_zh[0] == 0);
        check_every_way(&arena, parse(&arena, slice_text(row->example)), row->id);
        for (int other = 1; other < op; other++)
            if (strcmp(row->word, operator_row(other)->word) == 0)
                assert_true(op == OP_NEGATE && other == OP_SUBTRACT);
    }
    for (int kind = WINDOW_ROLLING; kind <= WINDOW_AFTER; kind++) {
        const struct window_row *row = window_row(kind);
        assert_true(row->use[0] && row->meaning_en[0] && row->meaning_zh[0]);
        struct node *root = parse(&arena, slice_text(row->example));
        assert_int_equal(root->window->window_kind, kind);
        check_every_way(&arena, root, row->id);
    }
    arena_release(&arena);
}

/* Each example holds the operator it stands for. */
static bool holds(const struct node *node, unsigned op) {
    if (!node)
        return false;
    bool own =
        (node->kind == NODE_CALL || node->kind == NODE_AGGREGATE || node->kind == NODE_SEQUENCE) && node->op == op;
    for (const struct node *child = node->first; !own && child; child = child->next)
        own = holds(child, op);
    return own || holds(node->where, op) || holds(node->window, op);
}

static void examples_hold_their_operator(void **state) {
    (void)state;
    struct arena arena = {0};
    for (int op = 1; op < OP_COUNT_; op++)
        if (!holds(parse(&arena, slice_text(operator_row(op)->example)), (unsigned)op))
            fail_msg("%s: %s", operator_row(op)->id, operator_row(op)->example);
    arena_release(&arena);
}

/* As written; as formatted (NULL: the same). */
static const char *const canonical[][2] = {
    {"city in (\"上海\", \"杭州\") and gender != \"male\"", NULL},
    {"count(order, last 30 days) >= 3 and sum(order.total, last 365 days) > 5000", NULL},
    {"any(order.items where product.category = \"护肤\" and price > 300, last 90 days)", NULL},
    {"none(order.items where sku in (\"A1\", \"B2\"), this year)", NULL},
    {"days since last(order) between 30 and 60", NULL},
    {"last(order).total > 1.5 * avg(order.total)", NULL},
    {"sequence(product_viewed -> added_to_cart -> not order within 3 days)", NULL},
    {"distinct days(app_opened, last 30 days) >= 10", NULL},
    {"top(order.items.brand) = \"X\"", NULL},
    {"in segment \"核心客户\" and not in segment \"投诉中\"", NULL},
    {"any(guardian_of where age(birthday) < 3)", NULL},
    {"tag(\"价格敏感度\") >= 0.7 and score(\"churn_30d\") > 0.6", NULL},
    {"( ( a ) ) = 1 -- a comment\n and b=2", "a = 1 and b = 2"},
    {"NOT a AND B Or c", "not a and B or c"},
    {"(a or b) and (c and d)", NULL},
    {"not (a and b)", NULL},
    {"not(a = 1)", "not a = 1"},
    {"not not a", NULL},
    {"not a in (1)", "a not in (1)"},
    {"not a not in (1)", "not a not in (1)"},
    {"a Not Between 1 And 2", "a not between 1 and 2"},
    {"a not contains \"x\" or a not starts with \"y\" or a not matches \"*z\"", NULL},
    {"a is not missing", "a is present"},
    {"a is not present", "a is missing"},
    {"a contains any (1, 2) and b contains all (\"x\")", NULL},
    {"a contains (any(order)) or a contains any", NULL},
    {"a contains (any(order) + 1)", NULL},
    {"a - (b - c) * (d + e) % f", NULL},
    {"(a - b) - c", "a - b - c"},
    {"a + (b + c)", NULL},
    {"(a = b) = true", NULL},
    {"-5 - -x * -(5) - (-(3 days)) > -(-y)", "-5 - -x * -(5) - -3 days > -(-y)"},
    {"- 5 > -0", "-5 > 0"},
    {"1.50 < 1e3 and 0.0000001 > 007", "1.5 < 1000 and 1e-07 > 7"},
    {"0.10000000000000000001 = 12345678901234567890123", "0.1 = 1.2345678901234568e+22"},
    {"NOW() > now - 3 day ago", "now > now - 3 days ago"},
    {"today = 2026-01-31 and t < 2026-01-31T08:00", "today = 2026-01-31 and t < 2026-01-31T08:00:00"},
    {"t = 2026-01-31T08:00:00.5+08:00", "t = 2026-01-31T00:00:00.500Z"},
    {"t = 2026-01-31T08:00-0130 or t = 2026-01-31t08:00z", "t = 2026-01-31T09:30:00Z or t = 2026-01-31T08:00:00Z"},
    {"a = 2026-01-31-1", "a = 2026-01-31 - 1"},
    {"a = \"\\\"\\\\\\n\\t\\u{1F600}\\u{1}é\"", "a = \"\\\"\\\\\\n\\t😀\\u{1}é\""},
    {"a = \"line\nbreak\"", "a = \"line\\nbreak\""},
    {"`city` = 1 and `Product Viewed`.`in` = 2 and `a``b`.in = 3",
     "`city` = 1 and `Product Viewed`.`in` = 2 and `a``b`.in = 3"},
    {"`not` = `today` and count = days", NULL},
    {"address . city = 城市 and _x1 = Ünï", "address.city = 城市 and _x1 = Ünï"},
    {"x = “你好” and （y ≥ 3 or z ≠ 4） and　round（a，2）＞1",
     "x = \"你好\" and (y >= 3 or z != 4) and round(a, 2) > 1"},
    {"count(any event where event = \"x\", 7 days after created_at) = 0", NULL},
    {"count(order, LAST MONTH) = count(order, last 1 month)",
     "count(order, previous month) = count(order, last 1 month)"},
    {"count(order, from 2026-01-01 to today + 1 day)", NULL},
    {"count(order, 2 quarters before (a = b))", NULL},
    {"first(order where total > 3, since 2026-01-01).items.`in x`", NULL},
    {"first(order).in", NULL},
    {"sequence(not a where x = 1 within 2 hours -> b -> any event → c, last 90 days, within 3 days)",
     "sequence(not a where x = 1 within 2 hours -> b -> any event -> c, within 3 days, last 90 days)"},
    {"steps(any -> `not`)", NULL},
    {"days until anniversary birthday = 0 and days until `anniversary` < 3", NULL},
    {"days since -(3) = 1 or days since (a + b) = 2", NULL},
    {"days = 1 and has = 2 and tag = 3 and segment = 4 and distinct = 5 and since = 6", NULL},
    {"has tag \"VIP\" or metric(\"m\") > 1", NULL},
    {"if(a > 1, \"x\", if(not b, \"y\", \"z\")) = coalesce(c, \"w\")", NULL},
    {"distribution(order.items.category, last 365 days)", NULL},
    {"true", NULL},
};

static void texts_and_their_canonical_form(void **state) {
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof canonical / sizeof *canonical; i++) {
        const char *text = canonical[i][0], *expected = canonical[i][1] ? canonical[i][1] : text;
        struct node *root = parse(&arena, slice_text(text));
        struct slice line = format(&arena, root);
        if (!slice_is(line, expected))
            fail_msg("%s\n gives  %.*s\n not    %s", text, SLICE_ARG(line), expected);
        check_every_way(&arena, root, text);
    }
    arena_release(&arena);
}

static void what_nodes_hold(void **state) {
    (void)state;
    struct arena arena = {0};
    struct node *root = parse(&arena, SLICE("a = 1 and b not in (2.5, \"x\") and c"));
    assert_int_equal(root->op, OP_AND);
    assert_int_equal(root->depth, 4);
    struct node *in = root->first->next;
    assert_int_equal(in->op, OP_NOT);
    assert_int_equal(in->place, 10);
    assert_int_equal(in->end, 29);
    assert_int_equal(in->first->op, OP_IN);
    const struct node *number = in->first->first->next;
    assert_true(number->literal == VALUE_NUMBER && number->integer == 25 && number->scale == 1);
    assert_true(slice_is(number->next->text, "x"));
    assert_null(in->next->next);
    root = parse(&arena, SLICE("t = 1970-01-02T00:00 and d = 1970-01-02 and `q`.r > 2 days ago"));
    const struct node *time = root->first->first->next, *date = root->first->next->first->next;
    assert_true(time->literal == VALUE_TIME && time->integer == 86400000 && !time->zoned);
    assert_true(date->literal == VALUE_DATE && date->integer == 1);
    const struct node *last = root->first->next->next;
    assert_true(last->first->pieces[0].quoted && !last->first->pieces[1].quoted && last->first->piece_count == 2);
    assert_true(last->first->next->kind == NODE_DURATION && last->first->next->ago && last->first->next->amount == 2 &&
                last->first->next->unit == UNIT_DAY);
    arena_release(&arena);
}

static void a_wide_form(void **state) {
    (void)state;
    struct arena arena = {0};
    struct buffer out = {0};
    struct node *root = parse(&arena, SLICE("city = \"上海\" and (any(order.items where price > 300 and brand = \"X\", "
                                            "last 90 days) or level = \"gold\") and count(order) > 3"));
    tree_format_wide(root, 44, &out);
    buffer_add_char(&out, 0);
    assert_string_equal(out.data, "city = \"上海\"\n"
                                  "and (\n"
                                  "  any(\n"
                                  "    order.items\n"
                                  "    where price > 300 and brand = \"X\",\n"
                                  "    last 90 days\n"
                                  "  )\n"
                                  "  or level = \"gold\"\n"
                                  ")\n"
                                  "and count(order) > 3");
    buffer_clear(&out);
    tree_format_wide(parse(&arena, SLICE("a = 1 and b = 2")), 44, &out);
    buffer_add_char(&out, 0);
    assert_string_equal(out.data, "a = 1 and b = 2");
    buffer_release(&out);
    arena_release(&arena);
}

/* --- what is refused --- */

static const char *const faults[][2] = {
    {"", "at 1: the expression is empty"},
    {"  -- nothing", "at 1: the expression is empty"},
    {"a >= and b", "at 6: expected a number, a text, a name or \"(\" after \">=\"; found \"and\""},
    {"conut(order) > 3", "at 1: \"conut\" is not known; did you mean \"count\"?"},
    {"average(order.total) > 3", "at 1: \"average\" is not known; did you mean \"avg\"?"},
    {"平均(order.total) > 3", "at 1: \"平均\" is not known; did you mean \"avg\"?"},
    {"qwertyuiop(order)", "at 1: \"qwertyuiop\" is not known; docs/language.md lists the functions"},
    {"城市 = \"x\" adn b", "at 10: expected an operator such as =, >, in, contains, \"and\", or the end after "
                           "\"\"x\"\"; found \"adn\"; did you mean "
                           "\"and\"?"},
    {"city like \"x\"",
     "at 6: expected an operator such as =, >, in, contains, \"and\", or the end after \"city\"; found "
     "\"like\"; did you mean \"contains\"?"},
    {"city == \"x\"", "at 6: \"==\" is not known; equal is written ="},
    {"city <> \"x\"", "at 6: \"<>\" is not known; not equal is written !="},
    {"a => 3", "at 3: \"=>\" is not known; at least is written >="},
    {"a && b", "at 3: \"&&\" is not known; write and"},
    {"a || b", "at 3: \"||\" is not known; write or"},
    {"!a", "at 1: \"!\" is not known; write not"},
    {"a = 'x'", "at 5: texts stand in double quotes: \"text\""},
    {"a = 「x」", "at 5: texts stand in double quotes: \"text\""},
    {"a = 3;", "at 6: \";\" means nothing here; an expression is one condition; join several with and, or"},
    {"a\xe2\x80\x8b = 3", "at 2: there is an invisible character, U+200B; delete it"},
    {"a = \x01", "at 5: there is an invisible character, U+0001; delete it"},
    {"a = \xff", "at 5: these bytes are no characters (not UTF-8)"},
    {"a = \"\xff\"", "at 5: this text has bytes that are no characters (not UTF-8)"},
    {"a = \"\\x\"", "at 6: an unknown escape; known are \\\" \\\\ \\n \\t and \\u{1F600}"},
    {"a = \"\\u{d800}\"", "at 6: an unknown escape; known are \\\" \\\\ \\n \\t and \\u{1F600}"},
    {"a = \"\\u{0}\"", "at 6: an unknown escape; known are \\\" \\\\ \\n \\t and \\u{1F600}"},
    {"a = \"x", "at 5: this text is never closed; a \" is missing"},
    {"`a = 3", "at 1: this name is never closed; a ` is missing"},
    {"`` = 3", "at 1: a name in backticks cannot be empty"},
    {"`", "at 1: this name is never closed; a ` is missing"},
    {"a = 1e400", "at 5: this number is too large"},
    {"a = 2026-02-30", "at 5: there is no such date; dates are written 2026-01-31, times 2026-01-31T08:00"},
    {"a = 2026-01-31T25:00", "at 5: there is no such date; dates are written 2026-01-31, times 2026-01-31T08:00"},
    {"a = 0000-01-01T00:00+08:00", "at 5: there is no such date; dates are written 2026-01-31, times 2026-01-31T08:00"},
    {"a = b = c", "at 7: one comparison cannot follow another; join them with and, or put one in parentheses"},
    {"1 < a < 5", "at 7: one comparison cannot follow another; join them with and, or put one in parentheses"},
    {"a in (1) is missing",
     "at 10: one comparison cannot follow another; join them with and, or put one in parentheses"},
    {"a = not b", "at 5: \"not\" stands before a whole condition; put it in parentheses: (not ...)"},
    {"a is \"x\"", "at 6: expected \"missing\" or \"present\" (equal is written =) after \"is\"; found \"\"x\"\""},
    {"a is mising",
     "at 6: expected \"missing\" or \"present\" (equal is written =) after \"is\"; found \"mising\"; did you mean "
     "\"missing\"?"},
    {"a between 3", "at 12: expected \"and\" and the upper end of between after \"3\"; found the end"},
    {"a between 3 to 5", "at 13: expected \"and\" and the upper end of between after \"3\"; found \"to\""},
    {"a in ()", "at 7: the list is empty; write at least one value"},
    {"a in \"x\"",
     "at 6: expected \"(\" and values, as in (\"a\", \"b\"), or segment before a segment's name after \"in\"; found "
     "\"\"x\"\""},
    {"a in (1, 2", "at 11: expected \",\" or \")\" after \"2\"; found the end"},
    {"in (\"a\")", "at 1: expected a number, a text, a name or \"(\"; found \"in\""},
    {"in segment 核心", "at 12: expected the name in double quotes after \"segment\"; found \"核心\""},
    {"tag(VIP)", "at 5: expected the name in double quotes after \"(\"; found \"VIP\""},
    {"has tag(\"x\")",
     "at 8: expected the name in double quotes after \"tag\"; found \"(\"; in segment and has tag take no "
     "brackets: in segment \"name\""},
    {"((a = 1)", "at 9: expected an operator such as = or and, or \")\" after \")\"; found the end"},
    {"a = 1)", "at 6: this bracket closes none that was opened; delete it, or open one before"},
    {"a b", "at 3: expected an operator such as =, >, in, contains, \"and\", or the end after \"a\"; found \"b\""},
    {"a.", "at 3: expected a name after \".\"; found the end"},
    {"a.b.c.d.e.f.g.h.i", "at 17: a name has at most 8 parts"},
    {"a = .5", "at 5: expected a number, a text, a name or \"(\" after \"=\"; found \".\""},
    {"round()", "at 1: round takes 1 to 2 values, as in round(number, digits); found 0"},
    {"abs(1, 2)", "at 1: abs takes 1 value, as in abs(number); found 2"},
    {"if(a, b)", "at 1: if takes 3 values, as in if(condition, then, else); found 2"},
    {"count()", "at 7: expected what to look at, such as order, order.items or any event after \"(\"; found \")\""},
    {"count(*)",
     "at 7: expected what to look at, such as order, order.items or any event after \"(\"; found \"*\"; rows "
     "are counted with count(order), events of any type with count(any event)"},
    {"count(order last 30 days)", "at 13: expected \")\", where, or \",\" and a window after \"order\"; found "
                                  "\"last\"; a window stands behind a comma: "
                                  "count(order, last 30 days)"},
    {"count(order, lst 3 days)",
     "at 14: expected a window such as last 30 days, today, this month or since 2026-01-31 after "
     "\",\"; found \"lst\"; did you mean \"last\"?"},
    {"count(order, last 3 dais)",
     "at 21: expected seconds, minutes, hours, days, weeks, months, quarters or years after \"3\"; "
     "found \"dais\"; did you mean \"days\"?"},
    {"count(order, last 1.5 days)", "at 19: a number of days is whole, from 1 to 365000"},
    {"count(order, last 0 days)", "at 19: a number of days is whole, from 1 to 365000"},
    {"count(order, last 9999999 years)", "at 19: a number of years is whole, from 1 to 1000"},
    {"count(order, last day)", "at 19: write yesterday, or last 1 day for 24 hours"},
    {"count(order, this day)", "at 19: write today"},
    {"count(order, this hour)", "at 19: expected week, month, quarter or year after \"this\"; found \"hour\""},
    {"count(order, 30 days)",
     "at 21: expected \"after\" or \"before\" and a moment (or write last before the number) after "
     "\"days\"; found \")\""},
    {"count(order, from 2026-01-01)", "at 29: expected \"to\" and the end after \"2026-01-01\"; found \")\""},
    {"count(order, today, today)", "at 19: expected \")\" after \"today\"; found \",\""},
    {"sum(order).total", "at 11: nothing has fields after \")\" but first(...) and last(...); put the field inside: "
                         "sum(order.total)"},
    {"sequence(a, b)",
     "at 13: expected a window such as last 30 days, today, this month or since 2026-01-31 after \",\"; found "
     "\"b\""},
    {"sequence(a then b)",
     "at 12: expected \"->\" and the next step, \",\" and within or a window, or \")\" after \"a\"; found "
     "\"then\"; did you mean \"->\"?"},
    {"sequence(a, within 3 days, within 2 days)", "at 28: a sequence has one \"within\" over all its steps"},
    {"sequence(a, today, today)", "at 20: a sequence has one window"},
    {"sequence(a within three days)",
     "at 19: expected a number of days or another unit after \"within\"; found \"three\""},
    {"a = 1 and not", "at 14: expected a number, a text, a name or \"(\" after \"not\"; found the end"},
};

static void wrong_texts_and_their_words(void **state) {
    (void)state;
    struct arena arena = {0};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        struct node *root;
        struct fault fault = {0};
        uint32_t place = 0;
        if (tree_parse(slice_text(faults[i][0]), &arena, &root, &fault, &place) != STATUS_INVALID)
            fail_msg("%s is not refused", faults[i][0]);
        if (strcmp(fault.text, faults[i][1]) != 0)
            fail_msg("%s\n says  %s\n not   %s", faults[i][0], fault.text, faults[i][1]);
        assert_true(place <= strlen(faults[i][0]));
        assert_null(root);
    }
    arena_release(&arena);
}

static const char *const json_faults[][2] = {
    {"[]", "at /: expected an expression, such as {\"op\":\"=\",\"of\":[...]}"},
    {"{}", "at /: expected \"op\", \"name\", \"duration\", \"number\", \"text\", \"bool\", \"date\" or \"time\""},
    {"{\"op\":\"conut\",\"source\":[\"order\"]}", "at /: there is no operator \"conut\""},
    {"{\"op\":\"=\",\"of\":[1]}", "at /of: = needs a list of 2 to 2 here"},
    {"{\"op\":\"=\",\"of\":[1,{\"number\":\"x\"}]}", "at /of/1: expected a number, such as \"12.50\""},
    {"{\"op\":\"=\",\"of\":[1,{\"nam\":[\"x\"]}]}",
     "at /of/1: expected \"op\", \"name\", \"duration\", \"number\", \"text\", \"bool\", \"date\" or \"time\""},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"widow\":1}",
     "at /: \"widow\" is not known here; there are op source where window "},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":{\"last\":0,\"unit\":\"day\"}}",
     "at /window: \"last\" must be a whole number of days from 1 to 365000"},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":{\"last\":1}}",
     "at /window: \"unit\" must be second, minute, hour, day, week, month, quarter or year"},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":{\"this\":\"day\"}}",
     "at /window: \"this\" must be week, month, quarter or year"},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":{\"since\":{\"date\":\"2026-02-30\"}}}",
     "at /window/since: expected a date such as \"2026-01-31\""},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":\"today\"}",
     "at /window: expected a window, such as {\"last\":30,\"unit\":\"day\"}, {\"today\":true} or {\"this\":\"month\"}"},
    {"{\"op\":\"count\",\"source\":[\"a\"],\"window\":{\"today\":false}}", "at /window: \"today\" must be true"},
    {"{\"op\":\"count\",\"source\":[]}", "at /source: expected a list of 1 to 8 names, such as [\"order\",\"total\"]"},
    {"{\"op\":\"count\"}", "at /: \"source\" is missing, such as [\"order\"] or \"any event\""},
    {"{\"op\":\"sequence\",\"steps\":[]}", "at /steps: sequence needs a list of 1 to 16 here"},
    {"{\"op\":\"sequence\",\"steps\":[{\"source\":[\"a\"],\"within\":3}]}",
     "at /steps/0: \"within\" must be a duration, such as {\"duration\":3,\"unit\":\"day\"}"},
    {"{\"op\":\"tag\",\"of\":[3]}", "at /: tag needs one name, such as {\"text\":\"VIP\"}"},
    {"{\"name\":[\"\"]}", "at /name: a name must be a text of at least one character"},
    {"{\"text\":\"a\\u0000b\"}", "at /: expected a text without zero bytes"},
    {"{\"op\":\"and\",\"of\":[true,{\"bool\":1}]}", "at /of/1: expected true or false"},
};

static void wrong_json_and_its_words(void **state) {
    (void)state;
    struct arena arena = {0};
    struct json_parser *parser = json_parser_create();
    for (size_t i = 0; i < sizeof json_faults / sizeof *json_faults; i++) {
        const struct json *json;
        struct node *root;
        struct fault fault = {0};
        assert_int_equal(json_parse(parser, slice_text(json_faults[i][0]), false, &json, &fault), STATUS_OK);
        if (tree_read_json(parser, json, &arena, &root, &fault) != STATUS_INVALID)
            fail_msg("%s is not refused", json_faults[i][0]);
        if (strcmp(fault.text, json_faults[i][1]) != 0)
            fail_msg("%s\n says  %s\n not   %s", json_faults[i][0], fault.text, json_faults[i][1]);
    }
    json_parser_free(parser);
    arena_release(&arena);
}

static void json_as_documented(void **state) {
    (void)state;
    struct arena arena = {0};
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    tree_write_json(parse(&arena, SLICE("a != 1.5 and count(order.items where b, last 30 days) >= 3 and "
                                        "sequence(x -> not any event within 3 days, within 1 week) and "
                                        "first(o, 2 days after t).p = 1 day ago and today = 2026-01-31 and -(5) = -5")),
                    &w);
    buffer_add_char(&out, 0);
    assert_string_equal(
        out.data,
        "{\"op\":\"and\",\"of\":[{\"op\":\"!=\",\"of\":[{\"name\":[\"a\"]},{\"number\":\"1.5\"}]},"
        "{\"op\":\">=\",\"of\":[{\"op\":\"count\",\"source\":[\"order\",\"items\"],\"where\":{\"name\":[\"b\"]},"
        "\"window\":{\"last\":30,\"unit\":\"day\"}},{\"number\":\"3\"}]},"
        "{\"op\":\"sequence\",\"steps\":[{\"source\":[\"x\"]},{\"not\":true,\"source\":\"any event\","
        "\"within\":{\"duration\":3,\"unit\":\"day\"}}],\"within\":{\"duration\":1,\"unit\":\"week\"}},"
        "{\"op\":\"=\",\"of\":[{\"op\":\"first\",\"source\":[\"o\"],\"window\":{\"span\":2,\"unit\":\"day\","
        "\"after\":{\"name\":[\"t\"]}},\"field\":[\"p\"]},{\"duration\":1,\"unit\":\"day\",\"ago\":true}]},"
        "{\"op\":\"=\",\"of\":[{\"op\":\"today\",\"of\":[]},{\"date\":\"2026-01-31\"}]},"
        "{\"op\":\"=\",\"of\":[{\"op\":\"-\",\"of\":[{\"number\":\"5\"}]},{\"number\":\"-5\"}]}]}");
    buffer_release(&out);
    arena_release(&arena);
}

/* What the check put in a literal's place is what counts; what was written goes along for people. */
static void shown_goes_along(void **state) {
    (void)state;
    struct arena arena = {0};
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    struct node *root = parse(&arena, SLICE("gender = 1 and store_id = \"S1\""));
    root->first->first->next->shown = SLICE("male");
    root->first->next->first->next->shown = SLICE("West Lake");
    tree_write_json(root, &w);
    buffer_add_char(&out, 0);
    assert_non_null(strstr(out.data, "{\"number\":\"1\",\"shown\":\"male\"}"));
    assert_non_null(strstr(out.data, "{\"text\":\"S1\",\"shown\":\"West Lake\"}"));
    check_every_way(&arena, root, "shown");
    buffer_release(&out);
    arena_release(&arena);
}

/* --- limits --- */

static enum status try_text(struct slice text, struct fault *fault) {
    struct arena arena = {0};
    struct node *root;
    enum status status = tree_parse(text, &arena, &root, fault, NULL);
    if (status == STATUS_OK)
        check_every_way(&arena, root, "a limit");
    arena_release(&arena);
    return status;
}

/* `before` so many times, `middle`, `after` so many times. */
static enum status try_repeated(const char *before, const char *middle, const char *after, size_t count,
                                struct fault *fault) {
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++)
        buffer_add_slice(&text, slice_text(before));
    buffer_add_slice(&text, slice_text(middle));
    for (size_t i = 0; i < count; i++)
        buffer_add_slice(&text, slice_text(after));
    enum status status = try_text(buffer_slice(&text), fault);
    buffer_release(&text);
    return status;
}

static void limits(void **state) {
    (void)state;
    static const char *const hostile[][3] = {{"(", "a", ")"},
                                             {"not ", "a", ""},
                                             {"-", "a", ""},
                                             {"- ", "a", ""},
                                             {"abs(", "a", ")"},
                                             {"a+", "a", ""},
                                             {"a*", "a", ""},
                                             {"days since ", "a", ""},
                                             {"(", "", ""},
                                             {"count(o where ", "a", ")"},
                                             {"count(o, since ", "a", ")"},
                                             {"\"", "", ""},
                                             {"a or (b and ", "a", ")"},
                                             {"a=(", "a", ")"},
                                             {"in ", "", ""},
                                             {"x in (", "a", ")"},
                                             {"->", "", ""},
                                             {"if(a,b,", "c", ")"},
                                             {"a and ", "a", ""},
                                             {"-- ", "", ""}};
    struct fault fault;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        size_t length = strlen(hostile[i][0]) + strlen(hostile[i][2]);
        for (size_t count = 200; count < 65000 / length; count *= 5) {
            fault = (struct fault){0};
            enum status status = try_repeated(hostile[i][0], hostile[i][1], hostile[i][2], count, &fault);
            if (status != (strcmp(hostile[i][0], "a and ") == 0 && count < 255 ? STATUS_OK : STATUS_INVALID))
                fail_msg("%zu times %s is not refused", count, hostile[i][0]);
        }
    }
    assert_int_equal(try_repeated("abs(", "a", ")", 63, &fault), STATUS_OK);
    assert_int_equal(try_repeated("abs(", "a", ")", 64, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "more than 64 levels"));
    assert_int_equal(try_repeated("-(", "a", ")", 63, &fault), STATUS_OK);
    assert_int_equal(try_repeated("days since (1 + ", "a", ")", 31, &fault), STATUS_OK);
    assert_int_equal(try_repeated("a and ", "a", "", 254, &fault), STATUS_OK);
    assert_int_equal(try_repeated("a and ", "a", "", 255, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "more than 255 conditions joined by and"));
    assert_int_equal(try_repeated("", "x in (1", ",1", 999, &fault), STATUS_INVALID);
    assert_int_equal(try_repeated("x in (", "1", "", 1, &fault), STATUS_INVALID);
    assert_int_equal(try_repeated("", "\"", "", 1, &fault), STATUS_INVALID);
}

static void long_texts(void **state) {
    (void)state;
    struct buffer text = {0};
    struct fault fault = {0};
    for (int values = 1000; values <= 1001; values++) {
        buffer_clear(&text);
        buffer_print(&text, "x in (0");
        for (int i = 1; i < values; i++)
            buffer_print(&text, ", %d", i);
        buffer_add_char(&text, ')');
        assert_int_equal(try_text(buffer_slice(&text), &fault), values == 1000 ? STATUS_OK : STATUS_INVALID);
    }
    assert_non_null(strstr(fault.text, "more than 1000 values"));
    buffer_clear(&text); /* 4,096 parts are not passed by 40 lists of 100 */
    for (int list = 0; list < 41; list++) {
        buffer_print(&text, "%sx in (1", list ? " or " : "");
        for (int i = 1; i < 100; i++)
            buffer_print(&text, ",1");
        buffer_add_char(&text, ')');
    }
    assert_int_equal(try_text(buffer_slice(&text), &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "more than 4096 parts"));
    buffer_clear(
        &text); /* what would grow past the limit when formatted is refused, so that each stored text can be read again */
    buffer_print(&text, "x in (1e18");
    for (int i = 1; i < 900; i++)
        buffer_print(&text, ",\"\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\"");
    buffer_add_char(&text, ')');
    assert_int_equal(try_text(buffer_slice(&text), &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "bytes long; at most 65536 can be read"));
    buffer_clear(&text);
    while (text.size <= TREE_TEXT_BYTES_MAX)
        buffer_print(&text, " true");
    assert_int_equal(try_text(buffer_slice(&text), &fault), STATUS_INVALID);
    buffer_release(&text);
}

/* --- random trees --- */

struct maker {
    struct random *random;
    struct tree_maker tree;
    int left; /* nodes, about */
};

static struct node *random_expression(struct maker *m, unsigned depth);

static struct node *make(struct maker *m, enum node_kind kind) {
    struct node *node = tree_make(&m->tree, kind);
    assert_non_null(node);
    m->left--;
    return node;
}

static struct slice random_text(struct maker *m) {
    static const char *const parts[] = {"a", "order", "in",   "not", "any",  "\"",   "\\",    "\n",   "`",
                                        ".", " ",     "上海", "护",  "--",   "1",    "_x",    "é",    "😀",
                                        "(", ")",     "\t",   "now", "\x01", "days", "where", "event"};
    struct buffer out = {0};
    for (uint64_t i = 1 + random_below(m->random, 3); i > 0; i--)
        buffer_add_slice(&out, slice_text(parts[random_below(m->random, sizeof parts / sizeof *parts)]));
    struct slice text = arena_copy(m->tree.arena, buffer_slice(&out));
    buffer_release(&out);
    return text;
}

static void random_pieces(struct maker *m, struct node *node) {
    node->piece_count = (uint32_t)random_between(m->random, 1, 3);
    node->pieces = arena_get(m->tree.arena, node->piece_count * sizeof *node->pieces);
    for (uint32_t i = 0; i < node->piece_count; i++)
        node->pieces[i] = (struct name_piece){.text = random_text(m), .quoted = random_chance(m->random, 0.2)};
}

static struct node *random_number(struct maker *m, struct node *node) {
    struct random *r = m->random;
    node->literal = VALUE_NUMBER;
    node->scale = (uint8_t)random_below(r, 7);
    node->integer = random_chance(r, 0.2) ? (int64_t)random_next(r) >> random_below(r, 60) : random_between(r, -99, 99);
    if (node->integer % 10 == 0 || node->integer == INT64_MIN)
        node->scale = 0;
    node->integer += node->integer == INT64_MIN;
    if (random_chance(r, 0.2)) {
        node->literal = VALUE_REAL;
        node->scale = 0;
        node->integer = 0;
        node->real = (random_unit(r) - 0.5) * (random_chance(r, 0.5) ? 1e-9 : 1e30);
    }
    return node;
}

static struct node *random_literal(struct maker *m) {
    struct random *r = m->random;
    struct node *node = make(m, NODE_LITERAL);
    switch (random_below(r, 5)) {
    case 0:
        node->literal = VALUE_TEXT;
        node->text = random_chance(r, 0.1) ? SLICE_NONE : random_text(m);
        return node;
    case 1:
        node->literal = VALUE_BOOL;
        node->integer = random_chance(r, 0.5);
        return node;
    case 2:
        node->literal = VALUE_DATE;
        node->integer = random_between(r, -10000, 40000);
        return node;
    case 3:
        node->literal = VALUE_TIME;
        node->integer = random_between(r, -1000000000, 4000000000) * (random_chance(r, 0.5) ? 1000 : 477);
        node->zoned = random_chance(r, 0.5);
        return node;
    default:
        return random_number(m, node);
    }
}

static struct node *random_duration(struct maker *m, bool ago) {
    struct node *node = make(m, NODE_DURATION);
    node->unit = (uint8_t)random_below(m->random, 8);
    node->amount = random_between(m->random, 1, random_chance(m->random, 0.3) ? tree_amount_max(node->unit) : 3);
    node->ago = ago && random_chance(m->random, 0.5);
    return node;
}

static void random_children(struct maker *m, struct node *node, uint64_t count, unsigned depth,
                            struct node *(*child)(struct maker *, unsigned)) {
    struct node **tail = &node->first;
    for (; count > 0; count--, tail = &(*tail)->next)
        *tail = child(m, depth);
}

static struct node *random_window(struct maker *m, unsigned depth) {
    struct node *node = make(m, NODE_WINDOW);
    node->window_kind = (uint8_t)random_between(m->random, WINDOW_ROLLING, WINDOW_AFTER);
    struct window_parts parts = tree_window_parts(node->window_kind);
    if (parts.amount) {
        node->unit = (uint8_t)random_below(m->random, 8);
        node->amount = random_between(m->random, 1, 400);
    }
    if (parts.period)
        node->unit = (uint8_t)random_between(m->random, UNIT_WEEK, UNIT_YEAR);
    random_children(m, node, parts.moments, depth + 1, random_expression);
    assert_true(tree_set_depth(node));
    return node;
}

static void random_rows(struct maker *m, struct node *node, unsigned depth) {
    node->source = make(m, NODE_SOURCE);
    node->source->any_event = random_chance(m->random, 0.2);
    if (!node->source->any_event)
        random_pieces(m, node->source);
    if (random_chance(m->random, 0.5))
        node->where = random_expression(m, depth + 1);
}

static struct node *random_step(struct maker *m, unsigned depth) {
    struct node *node = make(m, NODE_STEP);
    node->negated = random_chance(m->random, 0.3);
    random_rows(m, node, depth);
    if (random_chance(m->random, 0.3))
        node->within = random_duration(m, false);
    assert_true(tree_set_depth(node));
    return node;
}

static struct node *random_named(struct maker *m) {
    struct node *node = make(m, NODE_LITERAL);
    node->literal = VALUE_TEXT;
    node->text = random_text(m);
    return node;
}

static struct node *random_operator(struct maker *m, unsigned depth) {
    struct random *r = m->random;
    enum op op = (enum op)random_between(r, 1, OP_COUNT_ - 1);
    const struct operator_row *row = operator_row(op);
    struct node *node = make(m, row->form == FORM_AGGREGATE  ? NODE_AGGREGATE
                                : row->form == FORM_SEQUENCE ? NODE_SEQUENCE
                                                             : NODE_CALL);
    uint64_t most = row->most < row->least + 3u ? row->most : row->least + 3u;
    uint64_t count = (uint64_t)random_between(r, row->least, (int64_t)most);
    node->op = (uint8_t)op;
    if (node->kind == NODE_AGGREGATE)
        random_rows(m, node, depth);
    else if (row->form == FORM_NAMED)
        node->first = random_named(m);
    else
        random_children(m, node, count, depth + 1, node->kind == NODE_SEQUENCE ? random_step : random_expression);
    if (node->kind != NODE_CALL && random_chance(r, 0.5))
        node->window = random_window(m, depth);
    if (node->kind == NODE_SEQUENCE && random_chance(r, 0.3))
        node->within = random_duration(m, false);
    if ((op == OP_FIRST || op == OP_LAST) && random_chance(r, 0.5))
        random_pieces(m, node);
    return node;
}

static struct node *random_expression(struct maker *m, unsigned depth) {
    struct node *node;
    uint64_t choice = random_below(m->random, 10);
    if (choice < 6 && m->left > 0 && depth < 12)
        node = random_operator(m, depth);
    else if (choice < 8)
        node = random_literal(m);
    else if (choice == 8)
        node = random_duration(m, true);
    else
        random_pieces(m, node = make(m, NODE_NAME));
    assert_true(tree_set_depth(node));
    return node;
}

static void random_trees(void **state) {
    (void)state;
    uint64_t seeds = getenv("TEST_LONG") ? 100000 : 10000;
    struct arena arena = {0};
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct random random;
        char label[40];
        random_init(&random, seed);
        snprintf(label, sizeof label, "seed %llu", (unsigned long long)seed);
        struct maker m = {.random = &random, .tree = {.arena = &arena}, .left = 25};
        check_every_way(&arena, random_expression(&m, 0), label);
        arena_reset(&arena);
    }
    arena_release(&arena);
}

/* --- suggestions --- */

static void distances(void **state) {
    (void)state;
    assert_int_equal(suggest_distance(SLICE("count"), SLICE("count"), 3), 0);
    assert_int_equal(suggest_distance(SLICE("conut"), SLICE("count"), 3), 1);
    assert_int_equal(suggest_distance(SLICE("COUNT"), SLICE("count"), 3), 0);
    assert_int_equal(suggest_distance(SLICE("cnt"), SLICE("count"), 3), 2);
    assert_int_equal(suggest_distance(SLICE("abc"), SLICE("xyz"), 2), 3);
    assert_int_equal(suggest_distance(SLICE(""), SLICE("ab"), 3), 2);
    assert_int_equal(suggest_distance(SLICE("kitten"), SLICE("sitting"), 3), 3);
    struct suggestion s = suggestion_of(SLICE("ctiy"));
    suggestion_offer(&s, SLICE("country"));
    assert_int_equal(s.best.size, 0);
    suggestion_offer(&s, SLICE("cities"));
    suggestion_offer(&s, SLICE("city"));
    suggestion_offer(&s, SLICE("kitty"));
    assert_true(slice_is(s.best, "city"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_tables),
        cmocka_unit_test(examples_hold_their_operator),
        cmocka_unit_test(texts_and_their_canonical_form),
        cmocka_unit_test(what_nodes_hold),
        cmocka_unit_test(a_wide_form),
        cmocka_unit_test(wrong_texts_and_their_words),
        cmocka_unit_test(wrong_json_and_its_words),
        cmocka_unit_test(json_as_documented),
        cmocka_unit_test(shown_goes_along),
        cmocka_unit_test(limits),
        cmocka_unit_test(long_texts),
        cmocka_unit_test(random_trees),
        cmocka_unit_test(distances),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
