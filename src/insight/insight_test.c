/* insight_test: every example in the tables is one that its kind takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/insight.h"
#include "os/os.h"

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
        cmocka_unit_test(examples_hold_known_members),
        cmocka_unit_test(unknown_kinds_get_a_hint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
