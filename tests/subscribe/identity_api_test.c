/* identity_api_test: what stands in docs/merge-split.md, call by call, against a server of this process: tried out, decided, told of, explained and
 * taken back; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "main/client.h"
#include "main/server.h"

#define FOLDER "/tmp/onefold-identity-api-test"

static struct server *server;
static struct client *admin, *writer;
static struct buffer answer;
static struct fault fault;

static int call(struct client *client, const char *method, const char *path, const char *body) {
    int http = 0;
    buffer_clear(&answer);
    if (client_request(client, method, path, "application/json", slice_text(body), &http, &answer, &fault))
        fail_msg("%s %s: %s", method, path, fault.text);
    buffer_add_char(&answer, 0);
    answer.size--;
    return http;
}

/* It succeeds, each of the texts is in the answer, and none of those behind a "!". */
static void good(const char *method, const char *path, const char *body, const char *const *texts) {
    int http = call(admin, method, path, body);
    if (http != 200)
        fail_msg("%s %s %s: %d %s", method, path, body, http, answer.data);
    for (; *texts; texts++) {
        bool without = (*texts)[0] == '!';
        if ((strstr(answer.data, *texts + without) == NULL) != without)
            fail_msg("%s %s %s: %s in %s", method, path, body, *texts, answer.data);
    }
}
#define GOOD(method, path, body, ...) good(method, path, body, (const char *const[]){__VA_ARGS__, NULL})

static void bad(int code, const char *path, const char *body, const char *text) {
    int http = call(admin, "POST", path, body);
    if (http != code || strstr(answer.data, text) == NULL)
        fail_msg("%s %s: %d %s; expected %d with %s", path, body, http, answer.data, code, text);
}

static int begin(void **state) {
    (void)state;
    char key[48];
    struct engine_options engine = {.threads = true};
    struct serve_options options = {.port = 0};
    if (system("rm -rf " FOLDER) != 0 || server_start(os_real(), FOLDER, &engine, &options, &server, &fault) ||
        server_source(server, "web", "segment", key, &fault) ||
        client_create(serve_address(server->serve), server->admin_key, &admin, &fault) ||
        client_create_writer(serve_address(server->serve), key, &writer, &fault))
        fail_msg("%s", fault.text);
    assert_int_equal(
        call(writer, "POST", "/v1/batch",
             "{\"batch\":["
             "{\"type\":\"identify\",\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"city\":\"上海\",\"consent_"
             "email\":true}},"
             "{\"type\":\"identify\",\"userId\":\"u2\",\"traits\":{\"city\":\"杭州\",\"consent_email\":false}},"
             "{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Order "
             "Completed\",\"properties\":{\"order_id\":\"o1\",\"total\":60}},"
             "{\"type\":\"track\",\"userId\":\"u2\",\"event\":\"Order "
             "Completed\",\"properties\":{\"order_id\":\"o2\",\"total\":60}}]}"),
        200);
    engine_settle(server->engine, 10000);
    GOOD("POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"sum(order.total) > 100\"}", "core");
    return 0;
}

static int end(void **state) {
    (void)state;
    client_free(admin);
    client_free(writer);
    server_stop(server);
    buffer_release(&answer);
    return system("rm -rf " FOLDER);
}

static void nothing_done_by_a_preview(void **state) {
    (void)state;
    GOOD("POST", "/v1/identity/merge", "{\"customer\":\"user_id:u1\",\"other\":\"user_id:u2\",\"preview\":true}",
         "\"preview\":true", "\"gained\":[\"core\"]", "\"attribute\":\"city\"", "\"value\":\"杭州\"",
         "\"consent_email\":false", "\"gone\":[\"");
    GOOD("GET", "/v1/identity/decisions", "", "\"total\":0");
    GOOD("GET", "/v1/identity/explain?a=user_id:u1&b=user_id:u2", "", "\"same\":false");
    bad(404, "/v1/identity/merge", "{\"customer\":\"user_id:u1\",\"other\":\"user_id:nobody\"}", "user_id:nobody");
    bad(400, "/v1/identity/merge", "{\"customer\":\"user_id:u1\"}", "other");
    bad(400, "/v1/identity/split", "{\"customer\":\"user_id:u1\"}", "identifiers");
    bad(404, "/v1/identity/undo", "{\"decision\":7}", "7");
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
    bad(409, "/v1/identity/undo", "{\"decision\":1}", "1");
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
