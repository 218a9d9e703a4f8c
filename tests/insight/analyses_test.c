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

/* Two groups and two values are one comparison: p is that of the textbook. */
static void groups_are_compared(void **state) {
    (void)state;
    GOOD("POST", "/v1/insight/distribution", "{\"of\": \"count(bought) > 0\", \"split\": \"city\"}",
         "[\"false\",\"Hangzhou\",2,0.5,1,-0.86602540378443", "[\"true\",\"Hangzhou\",2,0.5,0,0.86602540378443",
         ",0.38647623077123", "p adjusted for 1 tests (Holm)");
    GOOD("POST", "/v1/insight/funnel", "{\"steps\": \"viewed -> bought\", \"split\": \"city\"}",
         "[\"Hangzhou\",2,1,0.5,0,0.86602540378443", ",0.38647623077123", "p adjusted for 1 tests (Holm)");
    GOOD("POST", "/v1/insight/distribution", "{\"of\": \"price\", \"event\": \"viewed\", \"split\": \"city\"}",
         "!differences");
}

/* A series that is too short for its season says so, and does not say that the season was taken out. */
static void short_series(void **state) {
    (void)state;
    GOOD("POST", "/v1/insight/series", "{\"orders\": \"any event\", \"to\": \"2026-01-05\"}",
         "a season of 7 steps takes two of them to be seen, and there are 4 steps: none is taken out",
         "4 steps are too few to tell what is ordinary", "!is taken out all the same");
    BAD(400, "POST", "/v1/insight/attribution",
        "{\"touches\": \"viewed\", \"conversions\": \"bought\", \"position\": [1, 1]}",
        "at position: shares of the first touch");
    GOOD("POST", "/v1/insight/attribution",
         "{\"touches\": \"viewed\", \"conversions\": \"bought\", \"position\": [40, 20, 40], \"models\": "
         "[\"position\"]}",
         "\"viewed\",");
    GOOD("POST", "/v1/insight/concentration", "{\"orders\": \"viewed\", \"value\": 1}", "[3,3,3,");
}

/* A list's elements are what was bought; where one value is asked for, a list is none, and not missing either. */
static void lists(void **state) {
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        char body[256];
        snprintf(
            body, sizeof body,
            "{\"userId\":\"u%u\",\"event\":\"basket\",\"properties\":{\"things\":[\"a\",\"b\"%s],\"numbers\":[7,%u]}}",
            i % 3, i ? ",\"c\",\"a\"" : "", i);
        assert_int_equal(served_call(&served, served.writer, "POST", "/v1/track", body), 200);
    }
    served_settle(&served);
    GOOD("POST", "/v1/insight/basket",
         "{\"orders\": \"basket\", \"item\": \"things\", \"support\": 0.5, \"shortest\": 1}", "[\"a\",1,4,1]",
         "[\"a + b\",2,4,1]", "[\"a + b + c\",3,3,0.75]", "4 baskets, 3 items");
    GOOD("POST", "/v1/insight/basket",
         "{\"orders\": \"basket\", \"item\": \"numbers\", \"support\": 1, \"shortest\": 1}", "[\"7\",1,4,1]",
         "4 baskets, 5 items");
    GOOD("POST", "/v1/insight/then_bought", "{\"orders\": \"basket\", \"item\": \"things\"}", "[\"a\",\"c\",1,3,");
    BAD(400, "POST", "/v1/insight/path", "{\"events\": \"basket\", \"node\": \"things\"}",
        "\\\"things\\\" is a list, and one value is expected here");
    BAD(400, "POST", "/v1/insight/distribution", "{\"event\": \"basket\", \"of\": \"things\"}",
        "at of: \\\"things\\\" is a list");
    BAD(400, "POST", "/v1/insight/trends", "{\"event\": \"basket\", \"split\": \"last(basket).things\"}",
        "last(basket).things contains \\\"x\\\"");
    GOOD("POST", "/v1/insight/trends", "{\"event\": \"basket\", \"split\": \"last(basket).things contains \\\"c\\\"\"}",
         "\"true\"");
    BAD(400, "POST", "/v1/insight/rfm", "{\"orders\": \"basket\"}",
        "at value: \\\"total\\\" is taken where none is given, and these rows have none");
    BAD(400, "POST", "/v1/insight/basket", "{\"orders\": \"basket\"}",
        "at item: \\\"product_id\\\" is taken where none is given");
}

/* Weeks are held against weeks where clocks were put forward between (Berlin, 30 March 2025), and March against February, not against its own length
 * before. The last of these tests: it leaves the zone behind. */
static void the_period_before_goes_by_the_calendar(void **state) {
    static const struct {
        const char *time;
        unsigned times;
    } ticks[] = {{"2025-02-10T12:00:00Z", 7}, {"2025-03-03T12:00:00Z", 1}, {"2025-03-10T12:00:00Z", 2},
                 {"2025-03-17T12:00:00Z", 3}, {"2025-03-24T12:00:00Z", 4}, {"2025-03-31T12:00:00Z", 5},
                 {"2025-04-07T12:00:00Z", 6}, {"2025-04-14T12:00:00Z", 7}, {"2025-04-21T12:00:00Z", 8}};
    (void)state;
    GOOD("POST", "/v1/workspace", "{\"time_zone\": \"Europe/Berlin\"}", "");
    for (size_t i = 0; i < sizeof ticks / sizeof *ticks; i++)
        for (unsigned k = 0; k < ticks[i].times; k++) {
            char body[256];
            snprintf(body, sizeof body, "{\"userId\":\"u0\",\"event\":\"tick\",\"timestamp\":\"%s\"}", ticks[i].time);
            assert_int_equal(served_call(&served, served.writer, "POST", "/v1/track", body), 200);
        }
    served_settle(&served);
    GOOD("POST", "/v1/insight/trends?format=csv&table=trend",
         "{\"event\": \"tick\", \"interval\": \"week\", \"compare\": \"previous\", \"from\": \"2025-03-31\", \"to\": "
         "\"2025-04-28\"}",
         "\n2025-03-31,5,1,4\r", "\n2025-04-07,6,2,2\r", "\n2025-04-14,7,3,", "\n2025-04-21,8,4,1\r");
    GOOD("POST", "/v1/insight/trends?format=csv&table=trend",
         "{\"event\": \"tick\", \"interval\": \"month\", \"compare\": \"previous\", \"from\": \"2025-03-01\", \"to\": "
         "\"2025-05-01\"}",
         "\n2025-03,15,0,", "\n2025-04,21,7,2\r");
    GOOD("POST", "/v1/insight/trends?format=csv&table=trend",
         "{\"event\": \"tick\", \"interval\": \"month\", \"compare\": \"previous\", \"from\": \"2025-03-01\", \"to\": "
         "\"2025-04-01\"}",
         "\n2025-03,15,7,");
    GOOD("POST", "/v1/insight/trends?format=csv&table=trend",
         "{\"event\": \"tick\", \"interval\": \"month\", \"compare\": \"previous\", \"last\": \"1 month\", \"now\": "
         "\"2025-04-01\"}",
         "\n2025-03,15,7,");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_the_spot),
        cmocka_unit_test(saved),
        cmocka_unit_test(as_a_job),
        cmocka_unit_test(as_segments),
        cmocka_unit_test(groups_are_compared),
        cmocka_unit_test(short_series),
        cmocka_unit_test(lists),
        cmocka_unit_test(the_period_before_goes_by_the_calendar),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
