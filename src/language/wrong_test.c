/* wrong_test: every row of wrong.def is refused with exactly its message, at the place that the message names; cut short it is right or refused,
 * never worse. */
#include "language/check_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static struct check_bed bed;

static const struct wrong {
    const char *expression, *message;
} rows[] = {
#define WRONG(expression, message) {expression, message},
#include "language/wrong.def"
#undef WRONG
};
#define ROWS (sizeof rows / sizeof *rows)

static enum status try_text(struct slice text, struct fault *fault, uint32_t *place) {
    struct arena arena = {0};
    struct node *root;
    *fault = (struct fault){0};
    enum status status = check_text(&bed.vocabulary, text, TERM_NONE, &arena, &root, fault, place);
    arena_release(&arena);
    return status;
}

static void test_messages(void **state) {
    (void)state;
    size_t failed = 0;
    assert_true(ROWS >= 70);
    for (size_t i = 0; i < ROWS; i++) {
        struct fault fault;
        uint32_t place = 0;
        enum status status = try_text(slice_text(rows[i].expression), &fault, &place);
        if (status == STATUS_INVALID && strcmp(fault.text, rows[i].message) == 0)
            continue;
        failed++;
        print_error("%s\n    should say %s\n    says       %s\n", rows[i].expression, rows[i].message,
                    status == STATUS_OK ? "nothing" : fault.text);
    }
    assert_int_equal(failed, 0);
}

/* "at 9" and the byte agree. */
static void test_places(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++) {
        struct fault fault;
        uint32_t place = UINT32_MAX, characters = 1;
        assert_int_equal(try_text(slice_text(rows[i].expression), &fault, &place), STATUS_INVALID);
        assert_true(place <= strlen(rows[i].expression));
        for (uint32_t k = 0; k < place; k++)
            characters += ((unsigned char)rows[i].expression[k] & 0xc0) != 0x80;
        assert_int_equal(strtoul(fault.text + 3, NULL, 10), characters);
    }
}

/* Cut anywhere, each is right or refused with a sentence; never more. */
static void test_cut(void **state) {
    (void)state;
    for (size_t i = 0; i < ROWS; i++)
        for (size_t size = 0; size < strlen(rows[i].expression); size++) {
            struct fault fault;
            uint32_t place = 0;
            enum status status = try_text(slice_of(rows[i].expression, size), &fault, &place);
            assert_true(status == STATUS_OK || (fault.text[0] && place <= size));
        }
}

static void test_without_text(void **state) {
    (void)state;
    struct arena arena = {0};
    struct node *root;
    struct fault fault = {0};
    uint32_t place = 0;
    assert_int_equal(tree_parse(SLICE("\"城市\" = \"x\" and ctiy = \"x\""), &arena, &root, &fault, &place), STATUS_OK);
    assert_int_equal(check_tree(&bed.vocabulary, root, TERM_BOOL, &arena, &fault, &place), STATUS_INVALID);
    assert_string_equal(fault.text, "there is no attribute \"ctiy\"; did you mean \"city\"?");
    assert_int_equal(place, 19);
    assert_int_equal(check_tree(&bed.vocabulary, root, TERM_BOOL, &arena, NULL, NULL), STATUS_INVALID);
    arena_release(&arena);
}

int main(void) {
    check_bed_open(&bed);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_messages), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_cut), cmocka_unit_test(test_without_text)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    check_bed_close(&bed);
    return failed;
}
