/* shops_data_test: real shops through the whole program, against figures that were published or counted of the files: a web shop's orders and lines, JD's and
 * Taobao's clicks, CDNOW's whole file. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and each
 * test is skipped where its data is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "served_client.h"

#define MAPPINGS "tests/insight/shops/"

/* One table as CSV; each of `lines` must begin one of its lines. */
static void assert_lines(struct served *s, const char *kind, const char *table, const char *definition,
                         const char *const *lines) {
    char head[256];
    const char *csv = served_table(s, kind, table, definition);
    for (; *lines; lines++) {
        (void)snprintf(head, sizeof head, "\n%s", *lines);
        if (!strstr(csv, head))
            fail_msg("no line begins with \"%s\" in:\n%s", *lines, csv);
    }
}
#define ASSERT_LINES(s, kind, table, definition, ...)                                                                  \
    assert_lines(s, kind, table, definition, (const char *const[]){__VA_ARGS__, NULL})

/* So many customers have exactly `times` rows. */
static void assert_repeats(struct served *s, const char *rows, unsigned times, const char *customers) {
    char definition[256];
    (void)snprintf(definition, sizeof definition,
                   "{\"series\": {\"event\": \"%s\", \"measure\": \"customers\"}, \"population\": \"count(%s) = %u\"}",
                   rows, rows, times);
    ASSERT_LINES(s, "trends", "totals", definition, customers);
}

/* The lines of a compressed file as CSV under `header`; columns apart by blanks become columns apart by commas. The first `skip` are left out. */
static const char *as_csv(const struct served *s, const char *path, const char *header, unsigned skip) {
    static char into[128];
    char line[512];
    (void)snprintf(into, sizeof into, "%s", served_file(s, "rows.csv"));
    gzFile from = gzopen(path, "rb");
    FILE *to = fopen(into, "w");
    assert_non_null(from);
    assert_non_null(to);
    fprintf(to, "%s\n", header);
    for (unsigned number = 0; gzgets(from, line, sizeof line); number++) {
        bool first = true;
        if (number < skip)
            continue;
        for (char *rest = line, *piece; (piece = strsep(&rest, " \r\n"));)
            if (*piece) {
                fprintf(to, "%s%s", first ? "" : ",", piece);
                first = false;
            }
        fprintf(to, "\n");
    }
    gzclose(from);
    assert_int_equal(fclose(to), 0);
    return into;
}

#define MONTHS                                                                                                         \
    "{\"series\": [\"order\", {\"event\": \"order\", \"value\": \"total\", \"name\": \"revenue\"}], \"interval\": "    \
    "\"month\"}"

static void maven_fuzzy_factory(void **state) {
    struct served s;
    char items[256];
    (void)state;
    (void)snprintf(items, sizeof items, "%s", data_path("maven_fuzzy_factory/order_items.csv.gz"));
    const char *orders = data_path("maven_fuzzy_factory/orders.csv.gz");
    served_open(&s, "shops-data-test");
    assert_int_equal(served_import(&s, orders, MAPPINGS "maven_orders.json"), 32313);
    assert_int_equal(served_import(&s, items, MAPPINGS "maven_items.json"), 40025);
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"series\": [{\"event\": \"order\", \"value\": \"total\", \"name\": \"revenue\"}, {\"event\": "
                 "\"order\", \"value\": \"cost\", \"name\": \"cost\"}, \"order\", {\"event\": \"order\", \"measure\": "
                 "\"customers\", \"name\": \"buyers\"}, {\"event\": \"order.items\", \"name\": \"lines\"}, {\"event\": "
                 "\"order.items\", \"value\": \"price\", \"name\": \"of lines\"}]}",
                 "1938509.75,722370.25,32313,31696,40025,1938509.75\r");
    /* refunds are lines of their orders: these stay when and what they were, month by month */
    char *before = memory_text(slice_text(served_table(&s, "trends", "trend", MONTHS)));
    assert_int_equal(
        served_import(&s, data_path("maven_fuzzy_factory/order_item_refunds.csv"), MAPPINGS "maven_refunds.json"),
        1731);
    ASSERT_LINES(
        &s, "trends", "totals",
        "{\"series\": [{\"event\": \"order.items where refund > 0\", \"value\": \"refund\", \"name\": \"refunded\"}, "
        "{\"event\": \"order.items where refund > 0\", \"name\": \"refunds\"}, {\"event\": \"order where any(items "
        "where refund > "
        "0)\", \"name\": \"orders refunded\"}, {\"event\": \"order.items\", \"value\": \"price\", \"name\": "
        "\"sold\"}]}",
        "85338.69,1731,1723,1938509.75\r");
    assert_string_equal(served_table(&s, "trends", "trend", MONTHS), before);
    free(before);
    assert_repeats(&s, "order", 1, "31105\r");
    assert_repeats(&s, "order", 2, "565\r");
    assert_repeats(&s, "order", 3, "26\r");
    served_close(&s);
}

static void jdata(void **state) {
    struct served s;
    (void)state;
    (void)data_path("cn_jdata/JData_Action_201602.csv");
    served_open(&s, "shops-data-test");
    for (unsigned month = 2; month <= 4; month++) {
        char name[64];
        (void)snprintf(name, sizeof name, "cn_jdata/JData_Action_20160%u.csv", month);
        assert_int_equal(served_import(&s, data_path(name), MAPPINGS "jdata.json"), 29999);
    }
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"series\": [\"any event\", \"browse\", \"cart\", \"uncart\", \"order_placed\", \"follow\", "
                 "{\"event\": \"any event\", \"measure\": \"customers\", \"name\": \"customers\"}]}",
                 "89997,34226,1549,590,200,223,3009\r");
    /* Users in GBK; the actions write their numbers as 266079.0. 885 of 29,999 acted. */
    assert_int_equal(served_import(&s, data_path("cn_jdata/JData_User.csv"), MAPPINGS "jdata_users.json"), 29999);
    ASSERT_LINES(&s, "distribution", "values", "{\"of\": \"age_group\", \"population\": \"level is present\"}",
                 "26-35岁,14125,", "36-45岁,8925,", "(missing),2839,", "16-25岁,2508,", "46-55岁,1023,",
                 "56岁以上,579,");
    ASSERT_LINES(&s, "distribution", "values", "{\"of\": \"sex\", \"population\": \"level is present\"}",
                 "(missing),14785,", "男,13012,", "女,2202,");
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"event\": \"any event\", \"measure\": \"customers\", \"population\": \"level is present\"}",
                 "885\r");
    served_close(&s);
}

static void taobao(void **state) {
    struct served s;
    (void)state;
    const char *path = data_path("cn_taobao_userbehavior/UserBehavior_84k.csv.gz");
    served_open(&s, "shops-data-test");
    path = as_csv(&s, path, "user,item,category,behaviour,time", 0);
    assert_int_equal(served_import(&s, path, MAPPINGS "taobao.json"), 84475);
    static const char *const kinds[][2] = {{"pv", "75872,813\r"},
                                           {"cart", "4497,601\r"},
                                           {"fav", "2356,305\r"},
                                           {"buy", "1750,559\r"},
                                           {"any event", "84475,815\r"}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char definition[256];
        (void)snprintf(
            definition, sizeof definition,
            "{\"series\": [\"%s\", {\"event\": \"%s\", \"measure\": \"customers\", \"name\": \"customers\"}]}",
            kinds[i][0], kinds[i][0]);
        ASSERT_LINES(&s, "trends", "totals", definition, kinds[i][1]);
    }
    /* nine days of Beijing's; 35 rows lie outside */
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"series\": \"any event\", \"from\": \"2017-11-25T00:00:00+08:00\", \"to\": "
                 "\"2017-12-04T00:00:00+08:00\"}",
                 "84440\r");
    served_close(&s);
}

static void the_whole_of_cdnow(void **state) {
    struct served s;
    (void)state;
    const char *path = data_path("cdnow/CDNOW_master.txt.gz");
    served_open(&s, "shops-data-test");
    path = as_csv(&s, path, "customer_id,date,number_of_cds,dollar_value", 1);
    assert_int_equal(served_import(&s, path, MAPPINGS "cdnow_master.json"), 69659);
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"series\": [{\"event\": \"purchase\", \"value\": \"amount\", \"name\": \"revenue\"}, {\"event\": "
                 "\"purchase\", \"value\": \"cds\", \"name\": \"cds\"}, \"purchase\", {\"event\": \"purchase\", "
                 "\"measure\": \"customers\", \"name\": \"buyers\"}]}",
                 "2500315.63,167881,69659,23570\r");
    ASSERT_LINES(&s, "retention", "customers", "{\"start\": \"purchase\", \"interval\": \"month\", \"intervals\": 7}",
                 "1997-01,7846,7846,1157,964,810,679,736,720,582\r", "1997-02,8476,8476,", "1997-03,7248,7248,");
    assert_repeats(&s, "purchase", 1, "11908\r");
    served_close(&s);
}

/* A game's test of two gates: 44.82 v 44.23 % came back on the next day, 19.02 v 18.20 % after a week. */
static void cookie_cats(void **state) {
    struct served s;
    (void)state;
    const char *path = data_path("cookie_cats/cookie_cats.csv.gz");
    served_open(&s, "shops-data-test");
    assert_int_equal(served_import(&s, path, MAPPINGS "cookie_cats.json"), 90189);
    ASSERT_LINES(&s, "distribution", "values", "{\"of\": \"day_1\", \"split\": \"gate\"}", "gate_30,true,20034,0.44818",
                 "gate_40,true,20119,0.44228");
    const char *csv = served_table(&s, "distribution", "differences", "{\"of\": \"day_1\", \"split\": \"gate\"}");
    assert_non_null(strstr(csv, "\ntrue,gate_40,45489,0.44228"));
    assert_non_null(strstr(csv, ",-1.78408622479"));
    assert_non_null(strstr(csv, ",0.07440965529"));
    csv = served_table(&s, "distribution", "differences", "{\"of\": \"day_7\", \"split\": \"gate\"}");
    assert_non_null(strstr(csv, "\ntrue,gate_40,45489,0.182000"));
    assert_non_null(strstr(csv, ",-3.16435891274"));
    assert_non_null(strstr(csv, ",0.00155424997"));
    served_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maven_fuzzy_factory), cmocka_unit_test(jdata),
        cmocka_unit_test(cookie_cats),         cmocka_unit_test(taobao),
        cmocka_unit_test(the_whole_of_cdnow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
