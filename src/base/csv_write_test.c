/* csv_write_test: cells come out as spreadsheets and csv.c read them back, and no text becomes a formula. */
#include "base/csv_write.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void check(void (*write)(struct buffer *, struct slice), const char *text, const char *wanted) {
    struct buffer out = {0};
    write(&out, slice_text(text));
    struct slice got = buffer_slice(&out);
    if (!slice_equal(got, slice_text(wanted)))
        fail_msg("\"%s\" became %.*s; it ought to be %s", text, SLICE_ARG(got), wanted);
    buffer_release(&out);
}

static void cells_are_quoted_where_they_must_be(void **state) {
    (void)state;
    check(csv_cell, "", "");
    check(csv_cell, "plain text", "plain text");
    check(csv_cell, "a,b", "\"a,b\"");
    check(csv_cell, "say \"so\"", "\"say \"\"so\"\"\"");
    check(csv_cell, "two\nlines", "\"two\nlines\"");
    check(csv_cell, "=1+1", "=1+1");
}

static void texts_are_no_formulas(void **state) {
    (void)state;
    check(csv_cell_of_text, "=HYPERLINK(\"x\",\"y\")", "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"");
    check(csv_cell_of_text, "=1+1", "'=1+1");
    check(csv_cell_of_text, "@SUM(A1)", "'@SUM(A1)");
    check(csv_cell_of_text, "+cmd", "'+cmd");
    check(csv_cell_of_text, "-2+3", "'-2+3");
    check(csv_cell_of_text, "\t=1", "'\t=1");
    check(csv_cell_of_text, "-", "'-");
    check(csv_cell_of_text, "-3.5", "-3.5");
    check(csv_cell_of_text, "+8613800001111", "+8613800001111");
    check(csv_cell_of_text, "+1 415 555 0100", "+1 415 555 0100");
    check(csv_cell_of_text, "a=b", "a=b");
    check(csv_cell_of_text, "上海", "上海");
    check(csv_cell_of_text, "", "");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(cells_are_quoted_where_they_must_be),
                                       cmocka_unit_test(texts_are_no_formulas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
