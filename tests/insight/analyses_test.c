/* analyses_test: analyses over HTTP, call by call, against a server of this process: run on the spot and answered again from memory, saved with parameters
 * and versions, kept over a restart, as jobs, made into segments; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "served_client.h"

static struct served served;

static int begin(void **state) {
    (void)state;
    served_open(&served, "analyses-test");
    served_source(&served, "web", "segment");
    for (int i = 0; i < 3; i++) { /* u0 buys, u1 adds, u2 views and puts aside; u0 and u2 live in Hangzhou */
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
                : ",{\"type\":\"track\",\"userId\":\"u2\",\"event\":\"Put "
                  "Aside\",\"timestamp\":\"2026-01-01T09:00:00Z\"}",
            i == 0
                ? ",{\"type\":\"track\",\"userId\":\"u0\",\"event\":\"bought\",\"timestamp\":\"2026-01-02T08:00:00Z\"}"
                : "");
        assert_int_equal(served_call(&served, served.writer, "POST", "/v1/batch", body), 200);
    }
    served_settle(&served);
    return 0;
}

static int end(void **state) {
    (void)state;
    served_close(&served);
    return 0;
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
    BAD(404, "POST", "/v1/insight/funel", FUNNEL, "did you mean \\\"funnel\\\"?");
    BAD(400, "POST", "/v1/insight/funnel", "{\"steps\": [\"viewed\", \"aded\"]}", "at steps[1]: at 1: ");
    BAD(400, "POST", "/v1/insight/funnel", "{\"steps\": [\"viewed\", \"Put Aside\"]}",
        "at steps[1]: at 1: a name with blanks is written in backticks: `Put Aside`; or write put_aside");
    BAD(400, "POST", "/v1/insight/funnel", "{\"steps\": \"viewed -> Put Aside where x = 1 -> added\"}",
        "at steps[1]: at 1: a name with blanks is written in backticks: `Put Aside`; or write put_aside");
    GOOD("POST", "/v1/insight/funnel", "{\"steps\": [\"viewed\", \"`Put Aside`\"]}", "[2,\"`Put Aside`\",1,");
    GOOD("POST", "/v1/insight/funnel", "{\"steps\": [\"viewed\", \"put_aside\"]}", "[2,\"put_aside\",1,");
    BAD(404, "POST", "/v1/insight/funnel?format=csv&table=x", FUNNEL, "no table");
    BAD(400, "POST", "/v1/insight/funnel?format=pdf", FUNNEL, "json, csv or text");
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
    BAD(400, "POST", "/v1/analyses/Way%20to%20buy/run", "{\"values\": {\"leest\": 20}}", "did you mean \\\"least\\\"?");
    BAD(400, "POST", "/v1/analyses", "{\"name\": \"x\", \"kind\": \"funnel\", \"definition\": {\"stps\": 1}}",
        "did you mean \\\"steps\\\"?");
    BAD(404, "POST", "/v1/analyses", "{\"name\": \"x\", \"kind\": \"funel\", \"definition\": {}}", "did you mean");
    GOOD("POST", "/v1/analyses", "{\"name\": \"Way to buy\", \"kind\": \"funnel\", \"definition\": " FUNNEL "}",
         "\"version\":2", "least");
    served_restart(&served); /* out of the checkpoint, or of the log */
    GOOD("GET", "/v1/analyses", "", "\"Way to buy\"", "\"version\":2");
    GOOD("GET", "/v1/analyses/Way%20to%20buy", "", "\"version\":1", "least");
    GOOD("POST", "/v1/analyses/Way%20to%20buy/run", "", "[3,\"bought\",1,");
    GOOD("DELETE", "/v1/analyses/Way%20to%20buy", "", "\"in_force\":true");
    BAD(404, "POST", "/v1/analyses/Way%20to%20buy/run", "", "no analysis is called");
}

static bool is_done(const char *job) {
    GOOD("GET", job, "", "\"state\":");
    return strstr(served.answer.data, "\"state\":\"done\"") != NULL;
}

static void as_a_job(void **state) {
    (void)state;
    char path[64];
    int number = 0;
    GOOD("POST", "/v1/insight/retention?job=1", "{\"start\": \"viewed\", \"intervals\": 3}", "\"job\":");
    assert_int_equal(sscanf(strstr(served.answer.data, "\"job\":"), "\"job\":%d", &number), 1);
    snprintf(path, sizeof path, "/v1/jobs/%d", number);
    AWAIT(is_done(path));
    GOOD("GET", path, "", "\"progress\":1", "\"tables\":[", "2026-01-01");
    snprintf(path, sizeof path, "/v1/jobs/%d?format=csv&table=customers", number);
    GOOD("GET", path, "", "2026-01-01,3,3,");
    GOOD("GET", "/v1/jobs", "", "\"kind\":\"retention\"");
    BAD(400, "POST", "/v1/insight/retention?job=1", "{\"start\": \"vieved\"}", "did you mean");
    BAD(404, "GET", "/v1/jobs/999", "", "no such job");
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
    BAD(409, "POST", "/v1/insight/funnel/segment", "{\"name\": \"dropped\", \"definition\": " FUNNEL "}", "already");
    BAD(415, "POST", "/v1/insight/trends/segment", "{\"name\": \"x\", \"definition\": {\"series\": \"viewed\"}}",
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
