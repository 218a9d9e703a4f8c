/* identity_api_test: what stands in docs/merge-split.md, call by call, against a server of this process: tried out, decided, told of, explained and
 * taken back; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "served_client.h"

static struct served served;

static int begin(void **state) {
    (void)state;
    served_open(&served, "identity-api-test");
    served_source(&served, "web", "segment");
    assert_int_equal(
        served_call(
            &served, served.writer, "POST", "/v1/batch",
            "{\"batch\":["
            "{\"type\":\"identify\",\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"city\":\"上海\",\"consent_"
            "email\":true}},"
            "{\"type\":\"identify\",\"userId\":\"u2\",\"traits\":{\"city\":\"杭州\",\"consent_email\":false}},"
            "{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Order "
            "Completed\",\"properties\":{\"order_id\":\"o1\",\"total\":60}},"
            "{\"type\":\"track\",\"userId\":\"u2\",\"event\":\"Order "
            "Completed\",\"properties\":{\"order_id\":\"o2\",\"total\":60}}]}"),
        200);
    served_settle(&served);
    GOOD("POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"sum(order.total) > 100\"}", "core");
    return 0;
}

static int end(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

static void nothing_done_by_a_preview(void **state) {
    (void)state;
    GOOD("POST", "/v1/identity/merge", "{\"customer\":\"user_id:u1\",\"other\":\"user_id:u2\",\"preview\":true}",
         "\"preview\":true", "\"gained\":[\"core\"]", "\"attribute\":\"city\"", "\"value\":\"杭州\"",
         "\"consent_email\":false", "\"gone\":[\"");
    GOOD("GET", "/v1/identity/decisions", "", "\"total\":0");
    GOOD("GET", "/v1/identity/explain?a=user_id:u1&b=user_id:u2", "", "\"same\":false");
    BAD(404, "POST", "/v1/identity/merge", "{\"customer\":\"user_id:u1\",\"other\":\"user_id:nobody\"}",
        "user_id:nobody");
    BAD(400, "POST", "/v1/identity/merge", "{\"customer\":\"user_id:u1\"}", "other");
    BAD(400, "POST", "/v1/identity/split", "{\"customer\":\"user_id:u1\"}", "identifiers");
    BAD(404, "POST", "/v1/identity/undo", "{\"decision\":7}", "7");
}

static void merged_and_taken_back(void **state) {
    (void)state;
    GOOD("POST", "/v1/identity/merge", "{\"customer\":\"user_id:u1\",\"other\":\"user_id:u2\"}", "\"decision\":1",
         "\"kind\":\"merge\"", "\"undone\":false");
    GOOD("GET", "/v1/profiles/user_id:u1", "", "\"user_id\",\"value\":\"u2\"", "\"consent_email\":false", "\"core\"");
    GOOD("GET", "/v1/identity/explain?a=user_id:u1&b=user_id:u2", "", "\"same\":true", "\"kind\":\"merge\"");
    GOOD("POST", "/v1/identity/undo", "{\"decision\":1,\"preview\":true}", "\"lost\":[\"core\"]", "\"new\":true");
    GOOD("POST", "/v1/identity/undo", "{\"decision\":1}", "\"kind\":\"undo\"", "\"of\":1");
    GOOD("GET", "/v1/profiles/user_id:u1", "", "\"consent_email\":true", "!\"core\"", "!\"value\":\"u2\"", "上海");
    GOOD("GET", "/v1/profiles/user_id:u2", "", "\"consent_email\":false", "!\"core\"", "杭州");
    GOOD("GET", "/v1/identity/decisions", "", "\"undone\":true", "\"total\":2");
    BAD(409, "POST", "/v1/identity/undo", "{\"decision\":1}", "1");
}

static void split_by_identifiers(void **state) {
    (void)state;
    GOOD("GET", "/v1/identity/explain?a=user_id:u1&b=anonymous_id:a1", "", "\"same\":true", "\"path\":[{\"from\"",
         "\"source\":\"web\"");
    GOOD("GET", "/v1/identity/device/anonymous_id:a1", "", "\"value\":\"u1\"", "\"shared\":false");
    GOOD("POST", "/v1/identity/split", "{\"customer\":\"user_id:u1\",\"identifiers\":[\"anonymous_id:a1\"]}",
         "\"kind\":\"split\"");
    GOOD("GET", "/v1/identity/explain?a=user_id:u1&b=anonymous_id:a1", "", "\"same\":false", "\"kind\":\"split\"");
    GOOD("GET", "/v1/identity/oneid/user_id:u1", "", "\"redirected\":false", "\"kind\":\"split\"");
}

static void quality(void **state) {
    (void)state;
    GOOD("GET", "/v1/identity/quality?days=2", "", "\"customers\":3", "\"named\":2",
         "{\"namespace\":\"user_id\",\"values\":2,\"customers\":2", "{\"up_to\":1,\"customers\":3}", "\"usual_size\":1",
         "\"suspicious\":[]", "\"merges\":1,\"splits\":2");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_done_by_a_preview),
                                       cmocka_unit_test(merged_and_taken_back), cmocka_unit_test(split_by_identifiers),
                                       cmocka_unit_test(quality)};
    return cmocka_run_group_tests(tests, begin, end);
}
