/* status: the table keeps its promises, and a fault is a sentence that always ends. */
#include "base/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_every_row(void **state) {
    (void)state;
    for (int i = 0; i < STATUS_COUNT; i++) {
        enum status status = (enum status)i;
        int http = status_http(status);
        assert_true(strlen(status_name(status)) > 1 && strlen(status_text(status)) > 3);
        assert_in_range(http, 200, 599);
        /* A client that reads the code alone must come to the same end: what may work later is never said with a code that
         * means "do not send this again". */
        if (status_retry(status))
            assert_true(http == 408 || http == 429 || http >= 500);
    }
    assert_int_equal(STATUS_OK, 0);
    assert_string_equal(status_name(STATUS_NOT_FOUND), "NOT_FOUND");
    assert_int_equal(status_http(STATUS_NOT_FOUND), 404);
    assert_int_equal(status_http(STATUS_FULL), 429);
}

static void test_fault(void **state) {
    (void)state;
    struct fault fault = {0};
    assert_int_equal(fault_set(&fault, STATUS_INVALID, "line %d: %s", 7, "no comma"), STATUS_INVALID);
    assert_int_equal(fault.status, STATUS_INVALID);
    assert_string_equal(fault.text, "line 7: no comma");
    assert_int_equal(fault_set(NULL, STATUS_IO, "nobody asks"), STATUS_IO);
}

static void test_long_fault_is_cut(void **state) {
    (void)state;
    char text[2000];
    struct fault fault;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    memset(&fault, '?', sizeof fault);
    assert_int_equal(fault_set(&fault, STATUS_TOO_LARGE, "%s", text), STATUS_TOO_LARGE);
    assert_int_equal(strlen(fault.text), sizeof fault.text - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row),
        cmocka_unit_test(test_fault),
        cmocka_unit_test(test_long_fault_is_cut),
    };
    return cmocka_run_group_tests_name("base/status", tests, NULL, NULL);
}
