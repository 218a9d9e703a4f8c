/* analyses_test: analyses over HTTP, call by call, against a server of this process: run on the spot and answered again from memory, saved with parameters
 * and versions, kept over a restart, as jobs, made into segments; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/client.h"
#include "main/server.h"

#define FOLDER "/tmp/onefold-analyses-test"

static struct server *server;
static struct client *admin, *writer;
static struct buffer answer;
static struct fault fault;
static char admin_key[48];

static int call(struct client *client, const char *method, const char *path, const char *body) {
    int http = 0;
    buffer_clear(&answer);
    if (client_request(client, method, path, "application/json", slice_text(body), &http, &answer, &fault))
        fail_msg("%s %s: %s", method, path, fault.text);
    buffer_add_char(&answer, 0);
    answer.size--;
    return http;
}

static void good(const char *method, const char *path, const char *body, const char *const *texts) {
    int http = call(admin, method, path, body);
    if (http != 200)
        fail_msg("%s %s %s: %d %s", method, path, body, http, answer.data);
    for (; *texts; texts++)
        if (strstr(answer.data, *texts) == NULL)
            fail_msg("%s %s %s: no %s in %s", method, path, body, *texts, answer.data);
}
#define GOOD(method, path, body, ...) good(method, path, body, (const char *const[]){__VA_ARGS__, NULL})

static void bad(int code, const char *method, const char *path, const char *body, const char *text) {
    int http = call(admin, method, path, body);
    if (http != code || strstr(answer.data, text) == NULL)
        fail_msg("%s %s %s: %d %s; expected %d with %s", method, path, body, http, answer.data, code, text);
}

static void open_server(void) {
    struct engine_options engine = {.threads = true};
    struct serve_options options = {.port = 0};
    if (server_start(os_real(), FOLDER, &engine, &options, &server, &fault) ||
        server_admin_key(server, admin_key, &fault) ||
        client_create(serve_address(server->serve), admin_key, &admin, &fault))
        fail_msg("%s", fault.text);
}

static void close_server(void) {
    client_free(admin);
    server_stop(server);
}

static int begin(void **state) {
    (void)state;
    char key[48];
    if (system("rm -rf " FOLDER) != 0)
        return 1;
    open_server();
    if (server_source(server, "web", "segment", key, &fault) ||
        client_create_writer(serve_address(server->serve), key, &writer, &fault))
        fail_msg("%s", fault.text);
    for (int i = 0; i < 3; i++) { /* u0 buys, u1 adds, u2 views; u0 and u2 live in Hangzhou */
        char body[1024];
        snprintf(
            body, sizeof body,
            "{\"batch\":[{\"type\":\"identify\",\"userId\":\"u%d\",\"traits\":{\"city\":\"%s\"}},"
            "{\"type\":\"track\",\"userId\":\"u%d\",\"event\":\"viewed\",\"timestamp\":\"2026-01-01T08:00:00Z\","
            "\"properties\":{"
            "\"price\":%d}}%s%s]}",
            i, i == 1 ? "Ningbo" : "Hangzhou", i, 10 * (i + 1),
            i < 2
                ? ",{\"type\":\"track\",\"userId\":\"u0\",\"event\":\"added\",\"timestamp\":\"2026-01-01T09:00:00Z\"},"
                  "{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"added\",\"timestamp\":\"2026-01-01T09:30:00Z\"}"
                : "",
            i == 0
                ? ",{\"type\":\"track\",\"userId\":\"u0\",\"event\":\"bought\",\"timestamp\":\"2026-01-02T08:00:00Z\"}"
                : "");
        assert_int_equal(call(writer, "POST", "/v1/batch", body), 200);
    }
    assert_true(engine_settle(server->engine, 10000));
    return 0;
}

static int end(void **state) {
    (void)state;
    client_free(writer);
    close_server();
    buffer_release(&answer);
    return system("rm -rf " FOLDER);
}

#define FUNNEL "{\"steps\": \"viewed -> added -> bought\"}"

static void on_the_spot(void **state) {
    (void)state;
    GOOD("GET", "/v1/insight", "", "\"kind\":\"funnel\"", "\"name\":\"population\"");
    GOOD("POST", "/v1/insight/funnel", FUNNEL, "[1,\"viewed\",3,1,1,0,", "[2,\"added\",2,", "[3,\"bought\",1,",
         "\"kept\":false", "\"notes\":[");
    GOOD("POST", "/v1/insight/funnel", FUNNEL, "\"kept\":true");
    GOOD("POST", "/v1/insight/funnel?format=csv&table=steps", FUNNEL, "step,name,customers,", "\r\n3,bought,1,");
    GOOD("POST", "/v1/insight/funnel?format=text", FUNNEL, "steps\n", "bought");
    bad(404, "POST", "/v1/insight/funel", FUNNEL, "did you mean \\\"funnel\\\"?");
    bad(400, "POST", "/v1/insight/funnel", "{\"steps\": [\"viewed\", \"aded\"]}", "at steps[1]: at 1: ");
    bad(404, "POST", "/v1/insight/funnel?format=csv&table=x", FUNNEL, "no table");
    bad(400, "POST", "/v1/insight/funnel?format=pdf", FUNNEL, "json, csv or text");
}

static void saved(void **state) {
    (void)state;
    GOOD("POST", "/v1/analyses",
         "{\"name\": \"Way to buy\", \"kind\": \"funnel\", \"definition\": {\"steps\": [\"viewed where price >= "
         "{{least}}\", "
         "\"added\", \"bought\"]}, \"parameters\": {\"least\": {\"default\": 0}}}",
         "\"version\":1", "\"kind\":\"funnel\"");
    GOOD("POST", "/v1/analyses/Way%20to%20buy/run", "", "[1,\"viewed where price >= 0\",3,");
    GOOD("POST", "/v1/analyses/Way%20to%20buy/run", "{\"values\": {\"least\": 20}}", ",2,1,1,0,");
    bad(400, "POST", "/v1/analyses/Way%20to%20buy/run", "{\"values\": {\"leest\": 20}}", "did you mean \\\"least\\\"?");
    bad(400, "POST", "/v1/analyses", "{\"name\": \"x\", \"kind\": \"funnel\", \"definition\": {\"stps\": 1}}",
        "did you mean \\\"steps\\\"?");
    bad(404, "POST", "/v1/analyses", "{\"name\": \"x\", \"kind\": \"funel\", \"definition\": {}}", "did you mean");
    GOOD("POST", "/v1/analyses", "{\"name\": \"Way to buy\", \"kind\": \"funnel\", \"definition\": " FUNNEL "}",
         "\"version\":2", "least");
    close_server(); /* over a restart: out of the checkpoint, or of the log */
    open_server();
    GOOD("GET", "/v1/analyses", "", "\"Way to buy\"", "\"version\":2");
    GOOD("GET", "/v1/analyses/Way%20to%20buy", "", "\"version\":1", "least");
    GOOD("POST", "/v1/analyses/Way%20to%20buy/run", "", "[3,\"bought\",1,");
    GOOD("DELETE", "/v1/analyses/Way%20to%20buy", "", "\"in_force\":true");
    bad(404, "POST", "/v1/analyses/Way%20to%20buy/run", "", "no analysis is called");
}

static void as_a_job(void **state) {
    (void)state;
    char path[64];
    int number = 0;
    GOOD("POST", "/v1/insight/retention?job=1", "{\"start\": \"viewed\", \"intervals\": 3}", "\"job\":");
    assert_int_equal(sscanf(strstr(answer.data, "\"job\":"), "\"job\":%d", &number), 1);
    snprintf(path, sizeof path, "/v1/jobs/%d", number);
    for (int i = 0; i < 500; i++) {
        GOOD("GET", path, "", "\"state\":");
        if (strstr(answer.data, "\"state\":\"done\""))
            break;
        usleep(10000);
    }
    GOOD("GET", path, "", "\"progress\":1", "\"tables\":[", "2026-01-01");
    snprintf(path, sizeof path, "/v1/jobs/%d?format=csv&table=customers", number);
    GOOD("GET", path, "", "2026-01-01,3,3,");
    GOOD("GET", "/v1/jobs", "", "\"kind\":\"retention\"");
    bad(400, "POST", "/v1/insight/retention?job=1", "{\"start\": \"vieved\"}", "did you mean");
    bad(404, "GET", "/v1/jobs/999", "", "no such job");
    snprintf(path, sizeof path, "/v1/jobs/%d", number);
    GOOD("DELETE", path, "", "\"state\":\"done\"");
}

static void as_segments(void **state) {
    (void)state;
    GOOD("POST", "/v1/insight/funnel/segment",
         "{\"name\": \"dropped\", \"definition\": " FUNNEL ", \"members\": {\"step\": 2, \"drop\": true}}",
         "\"customers\":1", "\"kind\":\"live\"", "steps(viewed -> added -> bought) = 2");
    GOOD("GET", "/v1/segments/dropped", "", "\"size\":1");
    GOOD("POST", "/v1/insight/funnel/segment",
         "{\"name\": \"Hangzhou viewers\", \"definition\": {\"steps\": \"viewed -> added\", \"split\": \"city\"}, "
         "\"members\": {\"step\": 1, \"group\": \"Hangzhou\"}}",
         "\"customers\":2", "\"kind\":\"upload\"");
    GOOD("GET", "/v1/segments/Hangzhou%20viewers", "", "\"size\":2");
    GOOD("POST", "/v1/insight/trends",
         "{\"series\": \"viewed\", \"population\": \"in segment \\\"Hangzhou viewers\\\"\"}", "[\"2026-01-01\",2]");
    GOOD("POST", "/v1/insight/trends",
         "{\"series\": \"viewed\", \"split\": {\"segments\": [\"dropped\", \"Hangzhou viewers\"]}}",
         "[\"dropped\",\"2026-01-01\",1]", "[\"Hangzhou viewers\",\"2026-01-01\",2]");
    bad(409, "POST", "/v1/insight/funnel/segment", "{\"name\": \"dropped\", \"definition\": " FUNNEL "}", "already");
    bad(415, "POST", "/v1/insight/trends/segment", "{\"name\": \"x\", \"definition\": {\"series\": \"viewed\"}}",
        "names no customers");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_spot),
        cmocka_unit_test(saved),
        cmocka_unit_test(as_a_job),
        cmocka_unit_test(as_segments),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
