/* reference_test: the examples that open docs/language.md are good ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "language/reference.h"
#include "language/tree.h"
#include "os/os.h"

/* The examples that open the page, one a line until the first heading. */
static void opening_examples_parse(void **state) {
    (void)state;
    struct buffer page = {0};
    struct arena arena = {0};
    size_t count = 0;
    language_write_reference(&page);
    buffer_add_char(&page, 0);
    const char *end = strstr(page.data, "## Rules");
    assert_non_null(end);
    for (const char *line = page.data; line < end; line = strchr(line, '\n') + 1) {
        struct node *root;
        struct fault fault = {0};
        struct slice text = {line, (size_t)(strchr(line, '\n') - line)};
        if (!slice_starts(text, SLICE("    ")))
            continue;
        if (tree_parse(text, &arena, &root, &fault, NULL) != STATUS_OK)
            fail_msg("%.*s: %s", SLICE_ARG(text), fault.text);
        count++;
    }
    assert_int_equal(count, 8);
    arena_release(&arena);
    buffer_release(&page);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(opening_examples_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
