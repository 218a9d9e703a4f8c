/* relations_api_test: what stands in docs/relations.md, call by call, against a server of this process: relations by calls, files and orders, events
 * with a subject and a contact, both seen in the 360 view; through merges, splits and a restart; and that wrong calls say what is wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "served_client.h"

static struct served served;

static void send_batch(const char *items) {
    struct buffer body = {0};
    buffer_print(&body, "{\"batch\":[%s]}%c", items, 0);
    assert_int_equal(served_call(&served, served.writer, "POST", "/v1/batch", body.data), 200);
    if (strstr(served.answer.data, "\"code\""))
        fail_msg("%s", served.answer.data);
    buffer_release(&body);
    served_settle(&served);
}

static int begin(void **state) {
    (void)state;
    served_open(&served, "relations-api-test");
    served_source(&served, "web", "segment");
    GOOD("POST", "/v1/dictionary",
         "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Visit Booked\",\"properties\":{"
         "\"patient\":{\"type\":\"text\",\"customer\":\"subject\",\"identifier\":\"member_id\",\"relation\":\"guardian_"
         "of\"},"
         "\"companion\":{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\",\"relation\":\"has_"
         "contact\"}}}",
         "Visit Booked");
    send_batch("{\"type\":\"identify\",\"userId\":\"mum\",\"traits\":{\"name\":\"王芳\",\"phone\":\"138 0000 1111\"}},"
               "{\"type\":\"identify\",\"userId\":\"kid\",\"traits\":{\"name\":\"王小明\",\"memberId\":\"M7\","
               "\"birthday\":\"2024-03-01\"}}");
    return 0;
}

static int end(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

static void by_calls(void **state) {
    (void)state;
    send_batch("{\"type\":\"relation\",\"messageId\":\"r1\",\"userId\":\"mum\",\"relation\":\"guardian_of\",\"to\":{"
               "\"member_id\":\"M7\"},\"since\":\"2024-03-01T00:00:00Z\",\"properties\":{\"role\":\"mother\"}},"
               "{\"type\":\"relation\",\"messageId\":\"r1\",\"userId\":\"mum\",\"relation\":\"guardian_of\",\"to\":{"
               "\"member_id\":\"M7\"},\"since\":\"2024-03-01T00:00:00Z\",\"properties\":{\"role\":\"mother\"}}");
    GOOD("GET", "/v1/profiles/user_id:mum/relations", "", "\"type\":\"guardian_of\"", "\"inverse\":\"ward_of\"",
         "\"direction\":\"out\"", "\"name\":\"王小明\"", "\"birthday\":\"2024-03-01\"",
         "\"since\":\"2024-03-01T00:00:00.000Z\"", "\"source\":\"web\"", "\"updates\":1",
         "\"fields\":{\"role\":\"mother\"}", "\"ended\":false", "\"total\":1", "!customer");
    GOOD("GET", "/v1/profiles/user_id:kid/relations", "", "\"type\":\"ward_of\"", "\"direction\":\"in\"",
         "\"name\":\"王芳\"", "\"fields\":{\"role\":\"mother\"}");
    GOOD("GET", "/v1/profiles/user_id:kid", "", "\"relations\":[{\"type\":\"ward_of\"", "\"relation_count\":1");
    assert_int_equal(served_call(&served, served.writer, "POST", "/v1/relation",
                                 "{\"userId\":\"mum\",\"relation\":\"works_at\",\"to\":\"company:acme\"}"),
                     200);
    assert_int_equal(served_call(&served, served.writer, "POST", "/v1/relation", "{\"userId\":\"mum\",\"to\":\"a:b\"}"),
                     400);
    assert_non_null(strstr(served.answer.data, "missing_relation"));
    assert_int_equal(served_call(&served, served.writer, "POST", "/v1/relation",
                                 "{\"userId\":\"mum\",\"relation\":\"x\",\"to\":\"b\"}"),
                     400);
    assert_non_null(strstr(served.answer.data, "missing_to"));
    served_settle(&served);
    GOOD("GET", "/v1/profiles/company:acme/relations", "", "\"type\":\"employs\"", "\"name\":\"王芳\"");
}

static void by_orders(void **state) {
    (void)state;
    GOOD("POST", "/v1/relations",
         "{\"type\":\"household\",\"from\":\"user_id:mum\",\"to\":\"user_id:dad\",\"at\":\"2020-01-01T00:00:00Z\","
         "\"fields\":{"
         "\"share\":0.5}}",
         "\"written\":1");
    GOOD("GET", "/v1/profiles/user_id:dad/relations?type=household", "", "\"direction\":\"both\"", "\"share\":0.5",
         "\"since\":\"2020-01-01T00:00:00.000Z\"");
    GOOD("POST", "/v1/relations",
         "{\"type\":\"household\",\"from\":\"phone:13800001111\",\"to\":\"user_id:dad\",\"end\":true}",
         "\"written\":1"); /* by another identifier of hers */
    GOOD("POST", "/v1/relations",
         "{\"type\":\"household\",\"from\":\"phone:13800001111\",\"to\":\"user_id:dad\",\"end\":true}",
         "\"written\":0");
    GOOD("GET", "/v1/profiles/user_id:dad/relations", "", "\"ended\":true", "\"ended_at\":\"20",
         "\"since\":\"2020-01-01T00:00:00.000Z\"", "\"fields\":{\"share\":0.5}");
    GOOD("GET", "/v1/profiles/user_id:dad/relations?state=current", "", "\"relations\":[]", "\"total\":0");
    GOOD("GET", "/v1/profiles/user_id:dad", "", "\"relations\":[]", "\"relation_count\":0");
    GOOD("GET", "/v1/profiles/user_id:mum/relations?state=ended&type=household", "", "\"total\":1");
    GOOD("GET", "/v1/profiles/user_id:mum/relations?limit=1", "", "\"next\":1");
    GOOD("GET", "/v1/profiles/user_id:kid/relations?type=guardian_of&both=1", "", "\"type\":\"ward_of\"");
    GOOD("GET", "/v1/profiles/user_id:kid/relations?type=guardian_of", "", "\"total\":0");
}

static void wrong_orders(void **state) {
    (void)state;
    const char *path = "/v1/relations";
    BAD(400, "POST", path, "{\"from\":\"user_id:a\",\"to\":\"user_id:b\"}", "\\\"type\\\" must name a relation");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"user_id:a\"}", "\\\"to\\\" must name a customer");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"nobody\",\"to\":\"user_id:b\"}", "nobody");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"phone:12\",\"to\":\"user_id:b\"}", "\\\"from\\\": ");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"nons:12\",\"to\":\"user_id:b\"}", "nons");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"order_id:1\",\"to\":\"user_id:b\"}", "document's key");
    BAD(409, "POST", path, "{\"type\":\"household\",\"from\":\"phone:13800001111\",\"to\":\"user_id:mum\"}",
        "nobody is related to oneself");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"user_id:a\",\"to\":\"user_id:b\",\"fields\":3}",
        "an object");
    BAD(400, "POST", path,
        "{\"type\":\"household\",\"from\":\"user_id:a\",\"to\":\"user_id:b\",\"fields\":{\"ended\":true}}",
        "ends a relation");
    BAD(400, "POST", path,
        "{\"type\":\"household\",\"from\":\"user_id:a\",\"to\":\"user_id:b\",\"fields\":{\"share\":\"x\"}}",
        "\\\"share\\\" must be a number");
    BAD(400, "POST", path, "{\"type\":\"household\",\"from\":\"user_id:a\",\"to\":\"user_id:b\",\"at\":\"2026\"}",
        "\\\"at\\\"");
    BAD(400, "POST", path,
        "{\"type\":\"household\",\"from\":\"user_id:a\",\"to\":\"user_id:b\",\"at\":\"2090-01-01T00:00:00Z\"}",
        "still to come");
    BAD(404, "POST", path, "{\"type\":\"household\",\"from\":\"user_id:kid\",\"to\":\"user_id:dad\",\"end\":true}",
        "no household between the two");
    BAD(404, "POST", path, "{\"type\":\"husehold\",\"from\":\"user_id:kid\",\"to\":\"user_id:dad\",\"end\":true}",
        "husehold");
    BAD(404, "GET", "/v1/profiles/user_id:kid/relations?type=nothing", "", "nothing");
    BAD(400, "GET", "/v1/profiles/user_id:kid/relations?state=over", "", "current, ended or all");
}

/* The mother books for her child, and a neighbour comes along. */
static void subject_and_contact(void **state) {
    (void)state;
    send_batch("{\"type\":\"track\",\"messageId\":\"v1\",\"userId\":\"mum\",\"event\":\"Visit "
               "Booked\",\"timestamp\":\"2026-01-"
               "02T08:00:00Z\",\"properties\":{\"patient\":\"M7\",\"companion\":\"13900002222\",\"ward\":\"3B\"}}");
    GOOD("GET", "/v1/profiles/user_id:kid/timeline?type=Visit%20Booked", "", "\"ward\":\"3B\"", "\"kind\":\"event\"");
    GOOD("GET", "/v1/profiles/user_id:kid/timeline", "", "\"as\":\"subject\",\"contacts\":[{\"relation\":\"",
         "\"relation\":\"ward_of\"", "\"name\":\"王芳\"", "!\"as\":\"contact\"");
    GOOD("GET", "/v1/profiles/user_id:mum/timeline", "",
         "\"as\":\"contact\",\"relation\":\"guardian_of\",\"subject\":{", "\"name\":\"王小明\"", "\"ward\":\"3B\"");
    GOOD("GET", "/v1/profiles/user_id:mum/timeline?type=Visit%20Booked", "", "\"timeline\":[]"); /* it stands once */
    GOOD("GET", "/v1/profiles/phone:13900002222", "", "\"type\":\"contact_of\"", "\"updates\":1", "\"name\":\"王小明\"",
         "\"as\":\"contact\",\"relation\":\"contact_of\"", "\"ward\":\"3B\"");
    GOOD("GET", "/v1/profiles/user_id:kid", "", "\"value\":\"kid\"", "\"value\":\"M7\"");
    BAD(404, "GET", "/v1/identity/explain?a=user_id:kid&b=user_id:nobody", "", "nobody");
    GOOD("GET", "/v1/identity/explain?a=user_id:kid&b=user_id:mum", "", "\"same\":false");
}

static const char *write_file(const char *name, const char *text) {
    const char *path = served_file(&served, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static void by_files(void **state) {
    (void)state;
    char rows[128];
    snprintf(rows, sizeof rows, "%s",
             write_file("staff.csv", "person,mail,company,role,since,until\n"
                                     "dad,dad@x.cn,acme,engineer,2019-05-01,\n"
                                     "kid2,,acme,trainee,2020-01-01,2021-01-01\n"));
    const char *mapping =
        write_file("staff.json",
                   "{\"name\":\"staff\",\"format\":\"csv\",\"record\":\"relation\",\"type\":\"works_at\",\"columns\":{"
                   "\"person\":\"identifier user_id\",\"mail\":\"identifier email\",\"company\":\"contact company\","
                   "\"role\":\"field role\",\"since\":\"since\",\"until\":\"ended\"}}");
    assert_int_equal(served_import(&served, rows, mapping), 2);
    GOOD("GET", "/v1/profiles/company:acme/relations?type=employs&state=current", "", "\"total\":2",
         "\"fields\":{\"role\":\"engineer\"}", "\"since\":\"2019-05-01T00:00:00.000Z\"");
    GOOD("GET", "/v1/profiles/email:dad@x.cn/relations?type=works_at", "", "\"total\":1", "\"value\":\"acme\"");
    GOOD("GET", "/v1/profiles/company:acme/relations?type=employs&state=ended", "", "\"total\":1",
         "\"ended_at\":\"2021-01-01T00:00:00.000Z\"", "\"since\":\"2020-01-01T00:00:00.000Z\"");
}

#define COUNT(expression, n) GOOD("POST", "/v1/query", "{\"expression\":\"" expression "\"}", "\"count\":" #n ",")

/* One hop, over relations of each way in. */
static void in_the_language(void **state) {
    (void)state;
    COUNT("any(guardian_of where birthday >= \\\"2020-01-01\\\")", 1);
    COUNT("any(ward_of where name = \\\"王芳\\\")", 1);
    COUNT("any(household)", 0);
    COUNT("any(employs where name = \\\"王芳\\\")", 1);
    COUNT("any(works_at)", 2);
    COUNT("any(contact_of where count(`Visit Booked`) > 0)", 1);
    COUNT("any(guardian_of where count(`Visit Booked`) > 0)", 1);
}

static void merged_and_split(void **state) {
    (void)state;
    GOOD("POST", "/v1/identity/merge", "{\"customer\":\"user_id:mum\",\"other\":\"user_id:kid\"}", "\"decision\":1");
    GOOD("GET", "/v1/profiles/user_id:mum/relations?type=guardian_of&both=1", "", "\"total\":0"); /* to oneself */
    send_batch("{\"type\":\"track\",\"messageId\":\"v2\",\"userId\":\"mum\",\"event\":\"Visit "
               "Booked\",\"timestamp\":\"2026-01-"
               "03T08:00:00Z\",\"properties\":{\"patient\":\"M7\",\"ward\":\"4C\"}}");
    GOOD("POST", "/v1/identity/undo", "{\"decision\":1}", "\"kind\":\"undo\"");
    GOOD("GET", "/v1/profiles/user_id:mum/relations?type=guardian_of&both=1", "", "\"total\":1", "\"updates\":3",
         "\"name\":\"王小明\"");
    GOOD("GET", "/v1/profiles/user_id:kid/timeline?type=Visit%20Booked", "", "\"ward\":\"3B\"", "\"ward\":\"4C\"");
    GOOD("GET", "/v1/profiles/user_id:mum/timeline", "", "\"as\":\"contact\"", "\"ward\":\"4C\"");
    served_restart(&served);
    GOOD("GET", "/v1/profiles/user_id:mum/timeline", "", "\"as\":\"contact\"", "\"ward\":\"4C\"", "\"ward\":\"3B\"");
    COUNT("any(guardian_of where count(`Visit Booked`) > 1)", 1);
    GOOD("POST", "/v1/identity/split", "{\"customer\":\"user_id:kid\",\"identifiers\":[\"member_id:M7\"]}",
         "\"kind\":\"split\"");
    GOOD("GET", "/v1/profiles/member_id:M7/relations", "", "\"type\":\"ward_of\"", "\"type\":\"has_contact\"",
         "\"total\":2");
    GOOD("GET", "/v1/profiles/user_id:kid/relations", "", "\"total\":0");
    GOOD("GET", "/v1/profiles/user_id:mum/timeline", "", "\"ward\":\"4C\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_calls),         cmocka_unit_test(by_orders),
        cmocka_unit_test(wrong_orders),     cmocka_unit_test(subject_and_contact),
        cmocka_unit_test(by_files),         cmocka_unit_test(in_the_language),
        cmocka_unit_test(merged_and_split),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
