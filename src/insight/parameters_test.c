/* parameters_test: places filled, values kept from breaking out of a text, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/parameters.h"

static enum status fill(const char *text, struct buffer *out, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    assert_int_equal(json_parse(p, slice_text(text), false, &root, fault), STATUS_OK);
    buffer_clear(out);
    enum status status =
        parameters_fill(p, json_get(p, root, "d"), json_get(p, root, "p"), json_get(p, root, "v"), out, fault);
    json_parser_free(p);
    return status;
}

static void filled(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"{\"d\":{\"last\":\"{{days}} "
         "days\",\"groups\":\"{{groups}}\",\"x\":[1,true,null,\"a\"]},\"p\":{\"days\":{\"default\":30},"
         "\"groups\":{}},\"v\":{\"groups\":5}}",
         "{\"last\":\"30 days\",\"groups\":5,\"x\":[1,true,null,\"a\"]}"},
        {"{\"d\":[\"{{list}}\",\"{{ name }}\"],\"p\":{\"list\":{\"default\":[1,2]},\"name\":{\"default\":\"n\"}}}",
         "[[1,2],\"n\"]"},
        {"{\"d\":\"city = \\\"{{c}}\\\" and n > {{n}}\",\"p\":{\"c\":{},\"n\":{\"default\":1.5}},\"v\":{\"c\":\"a\\\" "
         "or \\\"b\"}}",
         "\"city = \\\"a\\\\\\\" or \\\\\\\"b\\\" and n > 1.5\""},
        {"{\"d\":\"{ {x}\",\"p\":{}}", "\"{ {x}\""},
    };
    struct buffer out = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault = {0};
        if (fill(rows[i][0], &out, &fault))
            fail_msg("%s: %s", rows[i][0], fault.text);
        buffer_add_char(&out, 0);
        assert_string_equal(out.data, rows[i][1]);
    }
    buffer_release(&out);
}

static void refused(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"{\"d\":\"{{dys}}\",\"p\":{\"days\":{}}}", "the place \"dys\" is no parameter; did you mean \"days\"?"},
        {"{\"d\":1,\"p\":{\"days\":{\"default\":1}},\"v\":{\"day\":2}}",
         "the value \"day\" is no parameter; did you mean \"days\"?"},
        {"{\"d\":\"{{days}}\",\"p\":{\"days\":{}}}", "parameter \"days\" has no default: give a value for it"},
        {"{\"d\":\"{{x}}\"}", "the place \"x\" is no parameter of this analysis"},
    };
    struct buffer out = {0};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault = {0};
        assert_int_equal(fill(rows[i][0], &out, &fault), STATUS_INVALID);
        assert_string_equal(fault.text, rows[i][1]);
    }
    buffer_release(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(filled), cmocka_unit_test(refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
