/* audience_api_test: what stands in docs/audiences.md, call by call, against a server of this process: definitions and their ends, queries while
 * editing, members and exports, uploads, tags by hand, relations, presets; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json_read.h"
#include "served_client.h"

static struct served served;

static void track(const char *body) {
    assert_int_equal(served_call(&served, served.writer, "POST", "/v1/batch", body), 200);
}

static int begin(void **state) {
    (void)state;
    served_open(&served, "audience-api-test");
    served_source(&served, "web", "segment");
    track("{\"batch\":["
          "{\"type\":\"identify\",\"userId\":\"u1\",\"traits\":{\"city\":\"上海\",\"gender\":\"male\",\"phone\":"
          "\"13800001111\"}},"
          "{\"type\":\"identify\",\"userId\":\"u2\",\"traits\":{\"city\":\"Hang, \\\"zhou\\\"\"}},"
          "{\"type\":\"identify\",\"userId\":\"u3\",\"traits\":{\"level\":\"gold\"}},"
          "{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Order "
          "Completed\",\"properties\":{\"order_id\":\"o1\",\"total\":900}},"
          "{\"type\":\"track\",\"userId\":\"u2\",\"event\":\"Order "
          "Completed\",\"properties\":{\"order_id\":\"o2\",\"total\":100.5}}]}");
    served_settle(&served);
    return 0;
}

static int end(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

static void queries(void **state) {
    (void)state;
    GOOD("POST", "/v1/query", "{\"expression\":\"sum(order.total) > 100\",\"values\":[\"city\",\"sum(order.total)\"]}",
         "\"count\":2", "\"population\":3", "\"city\":\"上海\"", "\"sum(order.total)\":100.5",
         "{\"namespace\":\"user_id\",\"value\":\"u1\"}");
    GOOD("POST", "/v1/query",
         "{\"expression\":{\"op\":\">\",\"of\":[{\"op\":\"count\",\"source\":[\"order\"]},{\"number\":\"0\"}]}}",
         "\"count\":2", "\"expression\":\"count(order) > 0\"");
    GOOD("POST", "/v1/query", "{\"expression\":\"sum(order.total)\",\"limit\":0}", "\"least\":0", "\"most\":900",
         "\"sample\":[]");
    GOOD("POST", "/v1/query", "{\"expression\":\"city\"}", "\"count\":2", "\"type\":\"text\"");
    GOOD("POST", "/v1/query/check", "{\"expression\":\"ctiy = 1\"}", "\"valid\":false", "\"character\":1",
         "did you mean");
    GOOD("POST", "/v1/query/check", "{\"expression\":\"city = \\\"x\\\" and ctiy = 1\"}", "\"place\":15");
    GOOD("POST", "/v1/query/check", "{\"expression\":\"city\",\"expect\":\"condition\"}", "\"valid\":false");
    GOOD("POST", "/v1/query/check", "{\"expression\":\"count(order, last 30 days) >= 3\"}", "\"valid\":true",
         "{\"on\":\"type\",\"name\":\"order\"}", "{\"on\":\"time\"}");
    GOOD("POST", "/v1/query/complete", "{\"expression\":\"cit\"}", "\"label\":\"city\"");
    GOOD("POST", "/v1/query/hover",
         "{\"expression\":\"city = \\\"上海\\\" and count(order) > 1\",\"at\":16,\"characters\":true}",
         "\"word\":\"count\"");
    GOOD("POST", "/v1/query/format", "{\"expression\":\"count( order )>3  and(city=\\\"a\\\")\"}",
         "\"expression\":\"count(order) > 3 and city = \\\"a\\\"\"");
    GOOD("POST", "/v1/query/explain", "{\"expression\":\"count(order) > 0\"}",
         "\"plan\":{\"node\":", "\"actual_rows\":");
    GOOD("POST", "/v1/query/overlap",
         "{\"of\":[\"count(order) > 0\",\"sum(order.total) > 500\",\"level = \\\"gold\\\"\"]}",
         "{\"in\":[0],\"count\":1}", "{\"in\":[0,1],\"count\":1}", "{\"in\":[2],\"count\":1}", "\"union\":3");
    BAD(400, "POST", "/v1/query", "{}", "expression");
    BAD(400, "POST", "/v1/query", "{\"expression\":\"count(\"}", "at 7");
    BAD(400, "POST", "/v1/query", "{\"expression\":\"city = \\\"x\\\"\",\"values\":[\"nothing\"]}", "values, number 1");
    BAD(400, "POST", "/v1/query/overlap", "{\"of\":[\"a\"]}", "two to four");
}

static void segments(void **state) {
    (void)state;
    BAD(404, "GET", "/v1/segments/core", "", "no segment is called");
    BAD(400, "POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"city\"}", "at 1");
    GOOD("POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"sum(order.total) > 500\"}", "\"version\":1",
         "\"size\":1");
    GOOD("POST", "/v1/segments", "{\"name\":\"buyers\",\"expression\":\"count(order) > 0\"}", "\"size\":2");
    GOOD("POST", "/v1/segments",
         "{\"name\":\"others\",\"expression\":\"in segment \\\"buyers\\\" and not in segment \\\"core\\\"\"}",
         "\"size\":1", "{\"kind\":\"segment\",\"name\":\"core\"}");
    BAD(409, "DELETE", "/v1/segments/core", "", "others");
    GOOD("POST", "/v1/segments", "{\"name\":\"core\",\"expression\":\"sum(order.total) > 50\"}", "\"version\":2",
         "\"size\":2");
    GOOD("GET", "/v1/segments/core", "", "\"versions\":[{\"version\":2", "sum(order.total) > 500", "\"freshness\":");
    GOOD("GET", "/v1/segments/others", "", "\"size\":0");
    GOOD("GET", "/v1/segments", "", "\"name\":\"others\"", "\"name\":\"buyers\"");
    GOOD("GET", "/v1/segments/core/members?limit=1&values=city,sum(order.total)", "", "\"size\":2", "\"next\":\"");
    GOOD("GET", "/v1/segments/core/changes", "", "\"kind\":\"entered\"", "\"cause\":\"definition\"");
    GOOD("GET", "/v1/segments/core/sizes?interval=3600&count=2", "", "\"size\":2,\"entered\":2,\"left\":0");
    GOOD("GET", "/v1/profiles/user_id:u1?tags=1", "", "\"segments\":[\"buyers\",\"core\"]", "\"tags\":{}");
    GOOD("POST", "/v1/query/overlap", "{\"of\":[\"core\",\"buyers\"]}", "\"intersection\":2");
    BAD(409, "POST", "/v1/segments/core/members", "{\"add\":[\"user_id:u3\"]}", "of kind live");
    BAD(409, "POST", "/v1/segments/core/refresh", "", "never stale");
    GOOD("DELETE", "/v1/segments/others", "", "\"in_force\":true");
    BAD(404, "GET", "/v1/segments/others", "", "no segment is called");
}

/* A stream is read by curl. */
static void exported(const char *path, const char *const *texts) {
    char command[600];
    snprintf(command, sizeof command, "curl -s -g -H 'Authorization: Bearer %s' '%s%s'", served.admin_key,
             serve_address(served.server->serve), path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    buffer_clear(&served.answer);
    size_t got;
    while ((got = fread(buffer_reserve(&served.answer, 4096), 1, 4096, pipe)) > 0)
        served.answer.size += got;
    buffer_add_char(&served.answer, 0);
    assert_int_equal(pclose(pipe), 0);
    for (; *texts; texts++) {
        if (strstr(served.answer.data, *texts) == NULL)
            fail_msg("%s: no %s in %s", path, *texts, served.answer.data);
    }
}
#define EXPORTED(path, ...) exported(path, (const char *const[]){__VA_ARGS__, NULL})

static void exports(void **state) {
    (void)state;
    GOOD("POST", "/v1/segments", "{\"name\":\"all\",\"expression\":\"1 = 1\"}", "\"size\":3");
    EXPORTED("/v1/segments/all/export?identifiers=user_id,phone&values=city,count(order,last%2030%20days)",
             "oneid,user_id,phone,city,\"count(order,last 30 days)\"\r\n", ",u1,+8613800001111,上海,1\r\n",
             ",u2,,\"Hang, \"\"zhou\"\"\",1\r\n", ",u3,,,0\r\n");
    EXPORTED("/v1/segments/all/export?format=jsonl&identifiers=user_id&values=level",
             "\"user_id\":\"u3\",\"values\":{\"level\":\"gold\"}}\n");
    BAD(400, "GET", "/v1/segments/all/export?format=xml", "", "csv or jsonl");
    BAD(404, "GET", "/v1/segments/all/export?identifiers=nothing", "", "no identifier namespace");
    BAD(400, "GET", "/v1/segments/all/export?values=nothing", "", "values, number 1");
}

static void uploads_tags_relations(void **state) {
    (void)state;
    GOOD("POST", "/v1/segments", "{\"name\":\"invited\",\"kind\":\"upload\"}", "\"size\":0");
    GOOD("POST", "/v1/segments/invited/members",
         "{\"add\":[\"user_id:u1\",\"phone:138 0000 1111\",\"user_id:nobody\"]}", "\"size\":1",
         "\"unknown\":[\"user_id:nobody\"]");
    GOOD("POST", "/v1/query", "{\"expression\":\"in segment \\\"invited\\\"\"}", "\"count\":1");
    GOOD("POST", "/v1/segments/invited/members", "{\"remove\":[\"user_id:u1\"]}", "\"size\":0");
    GOOD("POST", "/v1/segments",
         "{\"name\":\"daily\",\"kind\":\"scheduled\",\"expression\":\"count(order) > 0\",\"schedule\":{\"every\":\"1 "
         "day\",\"at\":\"03:00\"}}",
         "\"schedule\":");
    GOOD("POST", "/v1/segments/daily/refresh", "", "\"done\":true");
    GOOD("GET", "/v1/segments/daily", "", "\"size\":2");
    GOOD("POST", "/v1/tags", "{\"name\":\"vip\",\"kind\":\"manual\",\"type\":\"bool\"}", "\"kind\":\"manual\"");
    GOOD("POST", "/v1/tags",
         "{\"name\":\"spender\",\"kind\":\"rule\",\"type\":\"bool\",\"expression\":\"sum(order.total) > 500\"}",
         "\"version\":1");
    GOOD("POST", "/v1/metrics", "{\"name\":\"spent\",\"expression\":\"sum(order.total)\"}", "\"version\":1");
    GOOD("POST", "/v1/profiles/user_id:u2/tags", "{\"set\":{\"vip\":true}}", "\"vip\":true", "\"spender\":false");
    GOOD("POST", "/v1/query", "{\"expression\":\"has tag \\\"vip\\\" and metric(\\\"spent\\\") > 100\"}",
         "\"count\":1");
    GOOD("POST", "/v1/profiles/user_id:u2/tags", "{\"remove\":[\"vip\"]}", "\"changed\":1");
    GOOD("GET", "/v1/profiles/user_id:u1/segments?changes=1", "", "\"spender\":true", "\"spent\":900",
         "\"changes\":[{");
    BAD(409, "POST", "/v1/profiles/user_id:u2/tags", "{\"set\":{\"spender\":true}}", "follows a rule");
    BAD(404, "POST", "/v1/profiles/user_id:u2/tags", "{\"set\":{\"x\":true}}", "no tag is called");
    BAD(400, "POST", "/v1/profiles/user_id:u2/tags", "{}", "set");
    GOOD("POST", "/v1/relations",
         "{\"type\":\"guardian_of\",\"from\":\"user_id:u1\",\"to\":\"user_id:u3\",\"fields\":{\"since\":2020}}",
         "\"done\":true");
    GOOD("GET", "/v1/profiles/user_id:u1/relations", "", "\"type\":\"guardian_of\"", "\"ended\":false",
         "\"since\":2020");
    GOOD("POST", "/v1/query", "{\"expression\":\"any(guardian_of where level = \\\"gold\\\")\"}", "\"count\":1");
    BAD(400, "POST", "/v1/relations", "{\"type\":\"guardian_of\",\"from\":\"u1\",\"to\":\"user_id:u3\"}",
        "namespace:value");
}

static void many_at_once(void **state) {
    (void)state;
    GOOD("POST", "/v1/definitions",
         "{\"definitions\":[{\"define\":\"segment\",\"name\":\"one\",\"expression\":\"count(order) >= 1\"},"
         "{\"define\":\"tag\",\"name\":\"two\",\"kind\":\"rule\",\"type\":\"bool\",\"expression\":\"count(order) >= "
         "2\"},"
         " {\"define\":\"segment\",\"name\":\"three\",\"expression\":\"in segment \\\"one\\\" and has tag "
         "\\\"two\\\"\"}]}",
         "{\"defined\":[\"one\",\"two\",\"three\"],\"in_force\":true}");
    GOOD("GET", "/v1/segments/three", "", "\"size\":");
    BAD(400, "POST", "/v1/definitions",
        "{\"definitions\":[{\"define\":\"metric\",\"name\":\"four\",\"expression\":\"count(order)\"},"
        "{\"define\":\"segment\",\"name\":\"five\",\"expression\":\"count(ordr) > 1\"}]}",
        "\\\"five\\\" cannot be defined (1 before it are in force): at ");
    GOOD("DELETE", "/v1/metrics/four", "", "\"in_force\":true");
    BAD(400, "POST", "/v1/definitions", "{\"definitions\":[]}", "a list of 1 to 1000");
    BAD(400, "POST", "/v1/definitions", "{\"definitions\":[{\"define\":\"workspace\"}]}", "segment, tag or metric");
    GOOD("DELETE", "/v1/segments/three", "", "\"in_force\":true");
    GOOD("DELETE", "/v1/segments/one", "", "\"in_force\":true");
    GOOD("DELETE", "/v1/tags/two", "", "\"in_force\":true");
}

static void presets_and_workspace(void **state) {
    (void)state;
    GOOD("GET", "/v1/presets", "", "\"name_zh\":", "\"installed\":false");
    GOOD("POST", "/v1/presets/install", "{\"names\":\"all\"}", "\"installed\":[\"");
    GOOD("POST", "/v1/presets/install", "{\"names\":\"all\"}", "\"installed\":[]");
    BAD(404, "POST", "/v1/presets/install", "{\"names\":[\"no such\"]}", "none of a preset");
    GOOD("POST", "/v1/workspace", "{\"time_zone\":\"Asia/Shanghai\",\"week_start\":7}", "\"week_start\":7");
    GOOD("GET", "/v1/workspace", "", "Asia/Shanghai");
    BAD(400, "POST", "/v1/workspace", "{\"time_zone\":\"Nowhere/Here\"}", "Nowhere");
}

static void subscriptions(void **state) {
    (void)state;
    BAD(404, "GET", "/v1/stream?segments=nothing", "", "no segment is called");
    BAD(404, "GET", "/v1/stream?events=Nothing", "", "no event is called");
    BAD(404, "GET", "/v1/stream?subscription=nothing", "", "no subscription is called");
    BAD(400, "GET", "/v1/stream?after=x", "", "id of an entry");
    BAD(400, "POST", "/v1/subscriptions", "{\"name\":\"a\",\"segments\":\"all\",\"url\":\"file:///etc/passwd\"}",
        "http");
    GOOD("POST", "/v1/subscriptions",
         "{\"name\":\"a\",\"segments\":\"all\",\"url\":\"http://127.0.0.1:1/x\",\"secret\":\"s\"}",
         "\"in_force\":true");
    GOOD("GET", "/v1/subscriptions", "", "\"segments\":\"all\"", "\"signed\":true", "\"delivery\":{\"place\":");
    GOOD("DELETE", "/v1/subscriptions/a", "", "\"in_force\":true");
    GOOD("GET", "/v1/subscriptions", "", "\"subscriptions\":[]");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queries, begin, end),
        cmocka_unit_test_setup_teardown(segments, begin, end),
        cmocka_unit_test_setup_teardown(exports, begin, end),
        cmocka_unit_test_setup_teardown(uploads_tags_relations, begin, end),
        cmocka_unit_test_setup_teardown(many_at_once, begin, end),
        cmocka_unit_test_setup_teardown(presets_and_workspace, begin, end),
        cmocka_unit_test_setup_teardown(subscriptions, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
