/* insight_test: docs/insight.md says what the tables say; every example is one that its kind takes. ONEFOLD_WRITE_DOCS=1 writes the page instead of
 * comparing it; ONEFOLD_ROOT says where the project is, when it is not where this file was compiled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/insight.h"
#include "os/os.h"

static void page_path(char *into, size_t size) {
    const char *root = getenv("ONEFOLD_ROOT"), *file = __FILE__, *here = strstr(file, "src/insight/");
    if (root)
        snprintf(into, size, "%s/docs/insight.md", root);
    else
        snprintf(into, size, "%.*sdocs/insight.md", here ? (int)(here - file) : 0, file);
}

static void page_is_fresh(void **state) {
    (void)state;
    char path[512];
    struct buffer made = {0}, there = {0};
    struct fault fault = {0};
    page_path(path, sizeof path);
    insight_write_reference(&made);
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

static bool takes(const struct insight_parameter *p, struct slice key) {
    for (; p->name; p++) {
        struct slice name = slice_text(p->name);
        name.size -= name.size && name.data[name.size - 1] == '!';
        if (slice_equal(name, key))
            return true;
    }
    return false;
}

static void examples_hold_known_members(void **state) {
    (void)state;
    struct json_parser *p = json_parser_create();
    for (size_t i = 0; i < insight_kind_count; i++) {
        const struct insight_kind *k = &insight_kinds[i];
        const struct json *root;
        struct fault fault = {0};
        if (json_parse(p, slice_text(k->example), false, &root, &fault))
            fail_msg("%s: %s", k->name, fault.text);
        for (const struct json *m = json_first(p, root); m; m = json_next(p, m))
            if (!takes(k->parameters, m->key) && !takes(insight_common, m->key))
                fail_msg("%s: \"%.*s\" is no member of it", k->name, SLICE_ARG(m->key));
    }
    json_parser_free(p);
}

static void unknown_kinds_get_a_hint(void **state) {
    (void)state;
    struct fault fault = {0};
    assert_int_equal(insight_unknown(SLICE("funel"), &fault), STATUS_NOT_FOUND);
    assert_string_equal(fault.text, "there is no analysis \"funel\"; did you mean \"funnel\"?");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_is_fresh),
        cmocka_unit_test(examples_hold_known_members),
        cmocka_unit_test(unknown_kinds_get_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
