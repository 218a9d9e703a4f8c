/* reference_test: docs/language.md says what the tables say. ONEFOLD_WRITE_DOCS=1 writes the page instead of comparing it; ONEFOLD_ROOT says where
 * the project is, when it is not where this file was compiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "language/reference.h"
#include "language/tree.h"
#include "os/os.h"

static void page_path(char *into, size_t size) {
    const char *root = getenv("ONEFOLD_ROOT"), *file = __FILE__, *here = strstr(file, "src/language/");
    if (root)
        snprintf(into, size, "%s/docs/language.md", root);
    else
        snprintf(into, size, "%.*sdocs/language.md", here ? (int)(here - file) : 0, file);
}

static void page_is_fresh(void **state) {
    (void)state;
    char path[512];
    struct buffer made = {0}, there = {0};
    struct fault fault = {0};
    page_path(path, sizeof path);
    language_write_reference(&made);
    if (getenv("ONEFOLD_WRITE_DOCS")) {
        assert_int_equal(os_write_file(os_real(), path, buffer_slice(&made), &fault), STATUS_OK);
    } else {
        if (os_read_file(os_real(), path, &there, &fault) != STATUS_OK)
            fail_msg("%s", fault.text);
        if (!slice_equal(buffer_slice(&made), buffer_slice(&there)))
            fail_msg("%s is stale: run this test with ONEFOLD_WRITE_DOCS=1", path);
    }
    buffer_release(&made);
    buffer_release(&there);
}

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(page_is_fresh), cmocka_unit_test(opening_examples_parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
