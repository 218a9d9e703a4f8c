/* matrix_test: every operator of operator.def with every type, and with what is missing on either side; comparisons of the customer's, of a
 * row's and of an item's fields, each with its complement. The answers are written down, not computed; plan and slow twin must both give
 * them, before and after compaction. That no operator is left out is counted from the table of operators. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "language/language_bed_model.h"

/* Of each type: x1 < x2 = x3 where it has an order (bools: false, true, true); x0 is missing. */
#define FIELDS(list)                                                                                                   \
    "num0:number num1:number num2:number num3:number mon0:money mon1:money mon2:money mon3:money "                     \
    "txt0:text txt1:text txt2:text txt3:text yes0:bool yes1:bool yes2:bool yes3:bool "                                 \
    "at0:time at1:time at2:time at3:time on0:date on1:date on2:date on3:date" list
#define VALUES                                                                                                         \
    "num1=5 num2=7.5 num3=7.5 mon1=5.25 mon2=7 mon3=7 txt1=ab txt2=abc值 txt3=abc值 yes1=false yes2=true yes3=true " \
    "at1=2026-01-31T10:00:00 at2=2026-02-28T10:00:00 at3=2026-02-28T10:00:00 on1=2026-01-31 on2=2026-02-28 "           \
    "on3=2026-02-28"

static bool covered[OP_COUNT_];

static void cover(const struct node *n) {
    if (!n)
        return;
    covered[n->op] = true;
    for (const struct node *c = n->first; c; c = c->next)
        cover(c);
    cover(n->where);
    cover(n->window);
}

static bool find_definition(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    struct language_bed *bed = context;
    const struct type *customer = dictionary_type_at(bed->dictionary, DICTIONARY_CUSTOMER);
    bool missing = slice_is(name, "none"), stored = slice_is(name, "stored");
    if (!missing && !stored && !slice_is(name, "some"))
        return false;
    static const char *const expressions[][2] = {{"num1 = 5", "num0 = 5"}, {"txt1", "txt0"}, {"num1", "num0"}};
    *out = (struct definition){.number = 1,
                               .type = kind == DEFINITION_SEGMENT ? TERM_BOOL
                                       : kind == DEFINITION_TAG   ? TERM_TEXT
                                                                  : TERM_NUMBER};
    if (stored)
        out->attribute = dictionary_property_find(bed->dictionary, customer, SLICE("tag.stored"))->number;
    else
        out->expression = language_bed_check(bed, expressions[kind][missing]);
    return true;
}

static void open_bed(struct language_bed *bed) {
    language_bed_open(bed, "Asia/Shanghai", "2026-03-10T12:00:00+08:00");
    struct type *customer = language_bed_type(bed, TYPE_ATTRIBUTES, "customer",
                                              FIELDS(" tl0:text_list tl1:text_list nl0:number_list nl1:number_list "
                                                     "score.good:number score.none:number tag.stored:text"));
    struct type *thing = language_bed_type(bed, TYPE_EVENT, "thing",
                                           FIELDS(" tl0:text_list tl1:text_list nl0:number_list nl1:number_list"));
    struct type *parcel = language_bed_type(bed, TYPE_DOCUMENT, "parcel", "parts:items");
    language_bed_type(bed, TYPE_EVENT, "nothing", FIELDS(""));
    struct property *parts = (struct property *)dictionary_property_find(bed->dictionary, parcel, SLICE("parts"));
    char item[64];
    snprintf(item, sizeof item, "%s", dictionary_type_at(bed->dictionary, parts->item_type)->name.data);
    language_bed_type(bed, TYPE_ITEM, item, FIELDS(""));
    bed->vocabulary.find = find_definition;
    bed->vocabulary.context = bed;
    assert_int_equal(language_bed_customer(bed), 1);
    language_bed_row(bed, 1, customer, "2026-02-01", 0, VALUES " tl1=a|b nl1=1|2 score.good=0.5 tag.stored=calm");
    language_bed_row(bed, 1, thing, "2026-02-01", 0, VALUES " tl1=a|b nl1=1|2");
    char items[1024] = "parts={" VALUES "}";
    for (char *c = items; *c; c++)
        *c = *c == ' ' ? ',' : *c;
    language_bed_row(bed, 1, parcel, "2026-02-01", 7, items);
}

static unsigned wrong;

static void expect(struct language_bed *bed, const char *expression, const char *answer) {
    const struct node *root = language_bed_check(bed, expression);
    cover(root);
    for (int plan = 0; plan < 2; plan++) {
        const char *got = plan ? language_bed_plan(bed, expression, 1) : language_bed_twin(bed, expression, 1);
        if (root->type == TERM_BOOL && strcmp(got, "missing") == 0) /* a condition is true or false */
            got = "false";
        if (strcmp(got, answer) == 0)
            continue;
        print_message("%s: the %s says %s, not %s\n", expression, plan ? "plan" : "twin", got, answer);
        wrong++;
    }
}

/* A condition on the fields, of the customer, of a row, of an item; and the same turned round. */
static void expect_condition(struct language_bed *bed, const char *condition, bool answer, bool items) {
    static const char *const forms[][2] = {{"%s", "not (%s)"},
                                           {"any(thing where %s)", "any(thing where not (%s))"},
                                           {"count(thing where %s) = 1", "none(thing where %s)"},
                                           {"any(parcel.parts where %s)", "any(parcel.parts where not (%s))"}};
    char expression[512];
    for (size_t i = 0; i < 3 + (size_t)items; i++)
        for (int turned = 0; turned < 2; turned++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            snprintf(expression, sizeof expression, forms[i][turned], condition);
#pragma GCC diagnostic pop
            expect(bed, expression, answer != turned ? "true" : "false");
        }
}

static void refuse(struct language_bed *bed, const char *expression) {
    struct node *root;
    struct fault fault = {0};
    if (check_text(&bed->vocabulary, slice_text(expression), TERM_NONE, &bed->arena, &root, &fault, NULL) == STATUS_OK)
        fail_msg("%s was taken", expression);
}

/* --- comparisons of two --- */

static const char *const prefixes[] = {"num", "mon", "txt", "yes", "at", "on"};
static const bool ordered[] = {true, true, false, false, true, true};

/* Answers for 2 and 3 (equal), 1 and 2 (less), 2 and 1 (more), missing left, right, both. */
static const struct {
    const char *word;
    bool order;
    bool answers[6];
} comparisons[] = {
    {"=", false, {true, false, false, false, false, false}}, {"!=", false, {false, true, true, true, true, true}},
    {"<", true, {false, true, false, false, false, false}},  {"<=", true, {true, true, false, false, false, false}},
    {">", true, {false, false, true, false, false, false}},  {">=", true, {true, false, true, false, false, false}},
};
static const int pairs[6][2] = {{2, 3}, {1, 2}, {2, 1}, {0, 2}, {2, 0}, {0, 0}};

static void compare_two(struct language_bed *bed) {
    char expression[128];
    for (size_t c = 0; c < sizeof comparisons / sizeof *comparisons; c++)
        for (size_t t = 0; t < sizeof prefixes / sizeof *prefixes; t++)
            for (size_t p = 0; p < 6; p++) {
                snprintf(expression, sizeof expression, "%s%d %s %s%d", prefixes[t], pairs[p][0], comparisons[c].word,
                         prefixes[t], pairs[p][1]);
                if (comparisons[c].order && !ordered[t])
                    refuse(bed, expression);
                else
                    expect_condition(bed, expression, comparisons[c].answers[p], true);
            }
}

/* x between y and z: each of them missing, and the ends. */
static const struct {
    int x, low, high;
    bool answer;
} betweens[] = {{1, 1, 2, true},  {2, 1, 2, true},  {2, 1, 1, false}, {1, 2, 3, false},
                {0, 1, 2, false}, {1, 0, 2, false}, {1, 1, 0, false}, {0, 0, 0, false}};

/* x in (y, z) */
static const struct {
    int x, y, z;
    bool answer;
} ins[] = {{2, 1, 3, true}, {2, 3, 1, true},  {1, 2, 3, false}, {0, 1, 2, false},
           {2, 0, 3, true}, {2, 0, 0, false}, {0, 0, 0, false}};

static void compare_three(struct language_bed *bed) {
    char expression[128];
    for (size_t t = 0; t < sizeof prefixes / sizeof *prefixes; t++) {
        for (size_t i = 0; i < sizeof betweens / sizeof *betweens; i++) {
            snprintf(expression, sizeof expression, "%s%d between %s%d and %s%d", prefixes[t], betweens[i].x,
                     prefixes[t], betweens[i].low, prefixes[t], betweens[i].high);
            if (!ordered[t])
                refuse(bed, expression);
            else
                expect_condition(bed, expression, betweens[i].answer, true);
        }
        for (size_t i = 0; i < sizeof ins / sizeof *ins; i++) {
            snprintf(expression, sizeof expression, "%s%d in (%s%d, %s%d)", prefixes[t], ins[i].x, prefixes[t],
                     ins[i].y, prefixes[t], ins[i].z);
            expect_condition(bed, expression, ins[i].answer, true);
        }
        for (int i = 0; i < 4; i++) {
            snprintf(expression, sizeof expression, "%s%d is missing", prefixes[t], i);
            expect_condition(bed, expression, i == 0, true);
            snprintf(expression, sizeof expression, "%s%d is present", prefixes[t], i);
            expect_condition(bed, expression, i != 0, true);
        }
    }
}

/* --- conditions one by one --- */

static const struct {
    const char *condition;
    bool answer, items;
} conditions[] = {
    {"num1 = 5", true, true},
    {"num1 = 5.0", true, true},
    {"num1 != 5", false, true},
    {"num0 != 5", true, true},
    {"num2 > 7.4999999", true, true},
    {"num2 < mon2", false, true},
    {"mon1 < num2", true, true},
    {"at2 = on2", true, true},
    {"at2 > on2", false, true},
    {"on1 < at2", true, true},
    {"at0 = on2", false, true},
    {"at0 != on2", true, true},
    {"yes1", false, true},
    {"yes2", true, true},
    {"yes0", false, true},
    {"txt1 = \"ab\"", true, true},
    {"txt0 = \"ab\"", false, true},
    {"txt0 != \"ab\"", true, true},
    {"txt0 = \"\"", false, true},
    {"txt1 in (\"x\", \"ab\")", true, true},
    {"txt0 not in (\"x\", \"ab\")", true, true},
    {"txt2 contains \"c\"", true, true},
    {"txt2 contains txt1", true, true},
    {"txt1 contains txt2", false, true},
    {"txt0 contains \"c\"", false, true},
    {"txt2 contains txt0", false, true},
    {"txt2 contains \"\"", true, true},
    {"txt2 starts with \"ab\"", true, true},
    {"txt2 starts with txt2", true, true},
    {"txt0 starts with \"ab\"", false, true},
    {"txt2 starts with txt0", false, true},
    {"txt2 ends with \"值\"", true, true},
    {"txt0 ends with \"值\"", false, true},
    {"txt2 ends with txt0", false, true},
    {"txt2 matches \"a?c?\"", true, true},
    {"txt2 matches \"a?c\"", false, true},
    {"txt0 matches \"*\"", false, true},
    {"tl1 contains \"a\"", true, false},
    {"tl1 contains \"c\"", false, false},
    {"tl1 contains txt0", false, false},
    {"tl0 contains \"a\"", false, false},
    {"nl1 contains 2.0", true, false},
    {"nl0 contains 2", false, false},
    {"nl1 contains num0", false, false},
    {"tl1 contains any (\"x\", \"b\")", true, false},
    {"tl1 contains any (\"x\", txt0)", false, false},
    {"tl1 contains any (txt0, \"a\")", true, false},
    {"tl0 contains any (\"x\", \"b\")", false, false},
    {"tl1 contains all (\"a\", \"b\")", true, false},
    {"tl1 contains all (\"a\", \"x\")", false, false},
    {"tl1 contains all (\"a\", txt0)", false, false},
    {"tl0 contains all (\"a\")", false, false},
    {"nl1 contains all (1, 2)", true, false},
    {"tl0 is missing", true, false},
    {"tl1 is present", true, false},
    {"nl0 is missing", true, false},
    {"nl1 is missing", false, false},
    {"num1 + num0 = 5", false, true},
    {"num1 + num0 != 5", true, true},
    {"num1 + 2.5 = num2", true, true},
    {"num1 * num0 is missing", true, true},
    {"num1 / 0 is missing", true, true},
    {"num1 / 0 != 1", true, true},
    {"num1 / 0 = 1", false, true},
    {"num1 % 0 is present", false, true},
    {"-num1 < 0", true, true},
    {"-num0 < 0", false, true},
    {"true and yes2 and num1 = 5", true, true},
    {"yes0 and yes2", false, true},
    {"yes0 or yes2", true, true},
    {"yes0 or yes1", false, true},
    {"in segment \"some\"", true, true},
    {"in segment \"none\"", false, true},
    {"has tag \"some\"", true, true},
    {"has tag \"none\"", false, true},
    {"has tag \"stored\"", true, true},
    {"tag(\"some\") = \"ab\"", true, true},
    {"tag(\"none\") = \"ab\"", false, true},
    {"tag(\"none\") != \"ab\"", true, true},
    {"tag(\"stored\") = \"calm\"", true, true},
    {"metric(\"some\") = 5", true, true},
    {"metric(\"none\") = 5", false, true},
    {"metric(\"none\") is missing", true, true},
    {"score(\"good\") > 0.4", true, true},
    {"score(\"none\") > 0.4", false, true},
};

/* --- values one by one: of what is there, and of what is missing --- */

static const struct {
    const char *expression, *answer;
} values[] = {
    {"num1 + mon1", "10.25"},
    {"num1 + num0", "missing"},
    {"num0 + num1", "missing"},
    {"txt1 + txt2", "ababc值"},
    {"txt1 + txt0", "missing"},
    {"num1 - 7", "-2"},
    {"num0 - 7", "missing"},
    {"num1 * num2", "37.5"},
    {"num1 * num0", "missing"},
    {"num2 / num1", "1.5"},
    {"num0 / num1", "missing"},
    {"num1 / num0", "missing"},
    {"num1 / 0", "missing"},
    {"num2 % num1", "2.5"},
    {"num0 % num1", "missing"},
    {"-num1", "-5"},
    {"-num0", "missing"},
    {"abs(-num2)", "7.5"},
    {"abs(num0)", "missing"},
    {"round(num2)", "8"},
    {"round(num0)", "missing"},
    {"round(mon1, 1)", "5.3"},
    {"floor(num2)", "7"},
    {"floor(num0)", "missing"},
    {"ceiling(num2)", "8"},
    {"ceiling(num0)", "missing"},
    {"least(num1, num2)", "5"},
    {"least(num0, num2)", "7.5"},
    {"least(num0, num0)", "missing"},
    {"greatest(num1, num2)", "7.5"},
    {"greatest(num1, num0)", "5"},
    {"greatest(at1, at2)", "2026-02-28T02:00:00.000Z"},
    {"least(on0, on2)", "2026-02-28"},
    {"coalesce(num0, num1, num2)", "5"},
    {"coalesce(txt0, \"none\")", "none"},
    {"coalesce(on0, on0)", "missing"},
    {"if(num0 > 1, 1, 2)", "2"},
    {"if(not (num0 > 1), 1, 2)", "1"},
    {"if(yes0, 1, 2)", "2"},
    {"if(yes2, num0, 2)", "missing"},
    {"lower(\"ABc\")", "abc"},
    {"lower(txt0)", "missing"},
    {"upper(txt2)", "ABC值"},
    {"upper(txt0)", "missing"},
    {"trim(\" a \")", "a"},
    {"trim(\"\u3000 a\u3000b\u00a0\u3000\")", "a\u3000b"},
    {"trim(\"\u3000\")", ""},
    {"trim(txt0)", "missing"},
    {"length(txt2)", "4"},
    {"length(txt0)", "missing"},
    {"length(tl1)", "2"},
    {"length(tl0)", "missing"},
    {"length(nl1)", "2"},
    {"substring(txt2, 2, 2)", "bc"},
    {"substring(txt0, 2)", "missing"},
    {"substring(txt2, num0)", "missing"},
    {"substring(txt2, 1, num0)", "missing"},
    {"now", "2026-03-10T04:00:00.000Z"},
    {"today", "2026-03-10"},
    {"date(at1)", "2026-01-31"},
    {"date(at0)", "missing"},
    {"year(on1)", "2026"},
    {"year(on0)", "missing"},
    {"quarter(at2)", "1"},
    {"quarter(at0)", "missing"},
    {"month(at2)", "2"},
    {"month(on0)", "missing"},
    {"day(at2)", "28"},
    {"day(at0)", "missing"},
    {"weekday(on2)", "6"},
    {"weekday(on0)", "missing"},
    {"hour(at1)", "10"},
    {"hour(at0)", "missing"},
    {"age(2000-03-11)", "25"},
    {"age(on0)", "missing"},
    {"seconds since at2", "871200"},
    {"seconds since at0", "missing"},
    {"minutes since at2", "14520"},
    {"minutes since at0", "missing"},
    {"hours since at2", "242"},
    {"hours since at0", "missing"},
    {"days since at2", "10"},
    {"days since on2", "10"},
    {"days since at0", "missing"},
    {"weeks since at2", "1"},
    {"weeks since on0", "missing"},
    {"months since on1", "1"},
    {"months since at0", "missing"},
    {"years since on1", "0"},
    {"years since on0", "missing"},
    {"days until on2", "-10"},
    {"days until on0", "missing"},
    {"days until anniversary on1", "327"},
    {"days until anniversary on0", "missing"},
    {"count(thing)", "1"},
    {"count(nothing)", "0"},
    {"count(thing.num0)", "0"},
    {"sum(thing.num1)", "5"},
    {"sum(thing.num0)", "0"},
    {"sum(nothing.mon1)", "0"},
    {"avg(thing.mon1)", "5.25"},
    {"avg(thing.mon0)", "missing"},
    {"min(thing.at1)", "2026-01-31T02:00:00.000Z"},
    {"min(thing.num0)", "missing"},
    {"max(thing.on1)", "2026-01-31"},
    {"max(nothing.on1)", "missing"},
    {"median(thing.num2)", "7.5"},
    {"median(thing.num0)", "missing"},
    {"first(thing)", "2026-01-31T16:00:00.000Z"},
    {"first(nothing)", "missing"},
    {"first(thing).txt1", "ab"},
    {"first(thing).txt0", "missing"},
    {"last(thing.yes2)", "true"},
    {"last(thing.at0)", "missing"},
    {"last(nothing).num1", "missing"},
    {"any(thing)", "true"},
    {"any(nothing)", "false"},
    {"none(thing)", "false"},
    {"none(nothing)", "true"},
    {"distinct(thing.txt1)", "1"},
    {"distinct(thing.txt0)", "0"},
    {"distinct days(thing)", "1"},
    {"distinct days(nothing)", "0"},
    {"top(thing.num2)", "7.5"},
    {"top(thing.num0)", "missing"},
    {"top(nothing.txt1)", "missing"},
    {"distribution(thing.txt0)", "missing"},
    {"share(thing where num0 > 1)", "0"},
    {"share(thing where num0 != 1)", "1"},
    {"share(nothing where num1 = 1)", "missing"},
    {"sequence(thing -> parcel)", "true"},
    {"sequence(thing where num0 = 1 -> parcel)", "false"},
    {"sequence(thing where num0 != 1 -> parcel)", "true"},
    {"sequence(thing -> not nothing)", "true"},
    {"steps(thing -> nothing)", "1"},
    {"steps(nothing -> thing)", "0"},
    {"count(thing, since at0)", "0"},
    {"none(thing, before on0)", "true"},
    {"count(thing, 3 days after at1)", "1"},
    {"tag(\"none\")", "missing"},
    {"metric(\"some\")", "5"},
    {"score(\"none\")", "missing"},
    {"in segment \"some\"", "true"},
    {"not yes0", "true"},
};

static void one_by_one(struct language_bed *bed) {
    for (size_t i = 0; i < sizeof conditions / sizeof *conditions; i++)
        expect_condition(bed, conditions[i].condition, conditions[i].answer, conditions[i].items);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        expect(bed, values[i].expression, values[i].answer);
}

static void every_operator_type_and_missing(void **state) {
    struct language_bed bed;
    (void)state;
    open_bed(&bed);
    for (int compacted = 0; compacted < 2; compacted++) {
        compare_two(&bed);
        compare_three(&bed);
        one_by_one(&bed);
        language_bed_compact(&bed);
    }
    for (int op = OP_NOTHING + 1; op < OP_COUNT_; op++)
        if (!covered[op])
            fail_msg("%s is in no row of the matrix", operator_row((enum op)op)->word);
    language_bed_close(&bed);
    assert_int_equal(wrong, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_operator_type_and_missing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
