/* check_matrix_test: every operator, function, aggregate and window of the tables with every type of argument: what it gives, or
 * that it is refused with a sentence. check_matrix.def is the table; what differs is printed as it would have to stand there.
 *
 * A row is read so: arguments in the order of TYPES, each answered by the letter of its type or - for refused. Where there are
 * two arguments a group stands for each type of the first. Aggregates: over a field of each type, then over rows, rows with a
 * where, and items. */
#include "language/check_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct check_bed bed;

static const char *const TYPES[] = {"flag", "number", "money", "text", "time", "date", "texts", "numbers"};
static const char *const FIELDS[] = {"flag", "number", "money", "text", "at", "day", "texts", "numbers"};
static const char *const LITERALS[] = {"true",           "5",          "5.5",      "\"x\"",
                                       "\"2026-01-31\"", "2026-01-31", "\"male\"", "2026-01-31T08:00",
                                       "3 days ago",     "3 days"};
#define COUNT(list) (sizeof(list) / sizeof *(list))

static char letter_of(const struct node *root) {
    static const char letters[] = {
        [TERM_BOOL] = 'b', [TERM_NUMBER] = 'n',    [TERM_TEXT] = 'x',        [TERM_TIME] = 't',
        [TERM_DATE] = 'd', [TERM_TEXT_LIST] = 'X', [TERM_NUMBER_LIST] = 'N', [TERM_DISTRIBUTION] = 'D'};
    assert_true(root->type < sizeof letters && letters[root->type]);
    return root->money ? 'm' : letters[root->type];
}

static char answer(const char *text) {
    struct arena arena = {0};
    struct fault fault = {0};
    struct node *root;
    enum status status = check_text(&bed.vocabulary, slice_text(text), TERM_NONE, &arena, &root, &fault, NULL);
    char letter = status == STATUS_OK ? letter_of(root) : '-';
    if (status != STATUS_OK &&
        (status != STATUS_INVALID || strncmp(fault.text, "at ", 3) != 0 || strlen(fault.text) < 20))
        fail_msg("%s: %s", text, fault.text);
    arena_release(&arena);
    return letter;
}

/* `format` with %1$s and %2$s for the arguments. */
__attribute__((format(printf, 2, 3))) static void ask(struct buffer *row, const char *format, ...) {
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buffer_add_char(row, answer(text));
}

static void row_infix(struct buffer *row, const struct operator_row *op, const char *a, const char *b) {
    if (strcmp(op->word, "between") == 0)
        ask(row, "a_%s between a_%s and a_%s", a, b, b);
    else if (strcmp(op->word, "in") == 0 || strncmp(op->word, "contains a", 10) == 0)
        ask(row, "a_%s %s (a_%s)", a, op->word, b);
    else
        ask(row, "a_%s %s a_%s", a, op->word, b);
}

static void row_function(struct buffer *row, const struct operator_row *op, const char *a, const char *b) {
    if (strcmp(op->word, "if") == 0)
        ask(row, "if(a_flag, a_%s, a_%s)", a, b);
    else
        ask(row, "%s(a_%s, a_%s)", op->word, a, b);
}

static void row_two(struct buffer *row, const struct operator_row *op) {
    for (size_t i = 0; i < COUNT(TYPES); i++) {
        if (i)
            buffer_add_char(row, ' ');
        for (size_t k = 0; k < COUNT(TYPES); k++)
            if (op->form == FORM_INFIX)
                row_infix(row, op, TYPES[i], TYPES[k]);
            else
                row_function(row, op, TYPES[i], TYPES[k]);
    }
}

static void row_one(struct buffer *row, const struct operator_row *op) {
    for (size_t i = 0; i < COUNT(TYPES); i++)
        if (op->form == FORM_FUNCTION)
            ask(row, "%s(a_%s)", op->word, TYPES[i]);
        else if (op->form == FORM_SUFFIX)
            ask(row, "a_%s %s", TYPES[i], op->word);
        else
            ask(row, "%s a_%s", op->word, TYPES[i]);
}

static void row_aggregate(struct buffer *row, const struct operator_row *op) {
    for (size_t i = 0; i < COUNT(FIELDS); i++)
        ask(row, "%s(thing_done.%s)", op->word, FIELDS[i]);
    buffer_add_char(row, ' ');
    ask(row, "%s(thing_done)", op->word);
    ask(row, "%s(thing_done where flag)", op->word);
    ask(row, "%s(thing_done.parts)", op->word);
}

static void row_named(struct buffer *row, const struct operator_row *op) {
    static const char *const names[] = {"vip", "by hand", "spent", "churn_30d", "brands"};
    bool call = strcmp(op->word, "in segment") != 0 && strcmp(op->word, "has tag") != 0;
    for (size_t i = 0; i < COUNT(names); i++)
        ask(row, call ? "%s(\"%s\")" : "%s \"%s\"", op->word, names[i]);
}

static void row_of(struct buffer *row, enum op id) {
    const struct operator_row *op = operator_row(id);
    if (op->form == FORM_AGGREGATE)
        row_aggregate(row, op);
    else if (op->form == FORM_NAMED)
        row_named(row, op);
    else if (op->form == FORM_SEQUENCE)
        ask(row, "%s(thing_done -> page)", op->word);
    else if (id == OP_MATCHES)
        for (size_t i = 0; i < COUNT(TYPES); i++)
            ask(row, "a_%s matches \"x*\"", TYPES[i]);
    else if (op->most == 0)
        ask(row, "%s", op->word);
    else if (op->most == 1 || id == OP_ROUND)
        row_one(row, op);
    else
        row_two(row, op);
}

static size_t differ(const char *id, const char *expected, struct buffer *row) {
    bool same = slice_is(buffer_slice(row), expected);
    if (!same)
        print_error("should be  EXPECT(%s, \"%s\")\nis         EXPECT(%s, \"%.*s\")\n", id, expected, id,
                    SLICE_ARG(buffer_slice(row)));
    buffer_release(row);
    return !same;
}

static void test_operators(void **state) {
    (void)state;
    static const char *const expected[OP_COUNT_] = {
#define EXPECT(id, row) [OP_##id] = row,
#include "language/check_matrix.def"
    };
    static const char *const ids[] = {
        "NOTHING",
#define OPERATOR(id, ...) #id,
#include "language/operator.def"
#undef OPERATOR
    };
    size_t failed = 0;
    for (enum op id = OP_NOTHING + 1; id < OP_COUNT_; id++) {
        struct buffer row = {0};
        row_of(&row, id);
        failed += differ(ids[id], expected[id] ? expected[id] : "", &row);
    }
    assert_int_equal(failed, 0);
}

/* Attributes beside literals: text beside dates and gender is read as such. */
static void test_literals(void **state) {
    (void)state;
    static const char *const expected[][2] = {
#define LITERALS_EXPECT(word, row) {word, row},
#include "language/check_matrix.def"
    };
    size_t failed = 0;
    for (size_t e = 0; e < COUNT(expected); e++) {
        struct buffer row = {0};
        for (size_t i = 0; i <= COUNT(TYPES); i++) {
            if (i)
                buffer_add_char(&row, ' ');
            for (size_t k = 0; k < COUNT(LITERALS); k++)
                if (i == COUNT(TYPES))
                    ask(&row, "gender %s %s", expected[e][0], LITERALS[k]);
                else
                    ask(&row, "a_%s %s %s", TYPES[i], expected[e][0], LITERALS[k]);
        }
        failed += differ(expected[e][0], expected[e][1], &row);
    }
    assert_int_equal(failed, 0);
}

static void test_windows(void **state) {
    (void)state;
    static const char *const expected[][2] = {
#define WINDOW_EXPECT(word, row) {word, row},
#include "language/check_matrix.def"
    };
    size_t failed = 0;
    for (size_t e = 0; e < COUNT(expected); e++) {
        struct buffer row = {0};
        for (size_t i = 0; i < COUNT(TYPES); i++)
            ask(&row, "count(page, %s a_%s)", expected[e][0], TYPES[i]);
        ask(&row, "count(page, %s last(page))", expected[e][0]);
        ask(&row, "count(page, %s \"2026-01-31\")", expected[e][0]);
        ask(&row, "count(page, %s 3 days ago)", expected[e][0]);
        failed += differ(expected[e][0], expected[e][1], &row);
    }
    assert_int_equal(failed, 0);
}

/* What the reference shows as examples is right. */
static void test_examples(void **state) {
    (void)state;
    for (enum op op = OP_NOTHING + 1; op < OP_COUNT_; op++)
        assert_int_not_equal(answer(operator_row(op)->example), '-');
    for (enum window_kind kind = WINDOW_ROLLING; kind <= WINDOW_AFTER; kind++)
        assert_int_not_equal(answer(window_row(kind)->example), '-');
}

int main(void) {
    check_bed_open(&bed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operators), cmocka_unit_test(test_literals),
                                       cmocka_unit_test(test_windows), cmocka_unit_test(test_examples)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    check_bed_close(&bed);
    return failed;
}
