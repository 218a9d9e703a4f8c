/* behaviour_test: published figures about real customers through the whole program: files by their mappings into a data folder, an analysis over
 * HTTP, the figures out of its tables. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and
 * each test is skipped where its data is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "served_client.h"

#define MAPPINGS "tests/insight/behaviour/"
#define STEPS "\"steps\": \"home_page -> search_page -> payment_page -> confirmation_page\""

/* One table as CSV; each of `lines` must begin one of its lines. */
static void assert_lines(struct served *s, const char *kind, const char *table, const char *definition,
                         const char *const *lines) {
    char head[256];
    const char *csv = served_table(s, kind, table, definition);
    for (; *lines; lines++) {
        snprintf(head, sizeof head, "\n%s", *lines);
        if (!strstr(csv, head))
            fail_msg("no line begins with \"%s\" in:\n%s", *lines, csv);
    }
}
#define ASSERT_LINES(s, kind, table, definition, ...)                                                                  \
    assert_lines(s, kind, table, definition, (const char *const[]){__VA_ARGS__, NULL})

static void the_published_funnel(void **state) {
    (void)state;
    struct served s;
    (void)data_path("funnel_90k/search_page_table.csv");
    served_open(&s, "behaviour-test");
    assert_int_equal(served_import(&s, data_path("funnel_90k/user_table.csv.gz"), MAPPINGS "users.json"), 90400);
    assert_int_equal(served_import(&s, data_path("funnel_90k/home_page_table.csv.gz"), MAPPINGS "home.json"), 90400);
    assert_int_equal(served_import(&s, data_path("funnel_90k/search_page_table.csv"), MAPPINGS "search.json"), 45200);
    assert_int_equal(served_import(&s, data_path("funnel_90k/payment_page_table.csv"), MAPPINGS "payment.json"), 6030);
    assert_int_equal(
        served_import(&s, data_path("funnel_90k/payment_confirmation_table.csv"), MAPPINGS "confirmation.json"), 452);
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS "}", "1,home_page,90400,", "2,search_page,45200,",
                 "3,payment_page,6030,", "4,confirmation_page,452,");
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS ", \"order\": \"any\"}", "4,confirmation_page,452,");
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS ", \"order\": \"strict\"}", "4,confirmation_page,452,");
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS ", \"split\": \"device\"}", "Desktop,1,home_page,60200,",
                 "Desktop,4,confirmation_page,150,", "Mobile,3,payment_page,3020,", "Mobile,4,confirmation_page,302,");
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS ", \"population\": \"sex = \\\"Female\\\"\"}", "1,home_page,45075,",
                 "2,search_page,22676,", "3,payment_page,3100,", "4,confirmation_page,241,");
    ASSERT_LINES(&s, "funnel", "steps", "{" STEPS ", \"split\": \"month(joined)\"}", "1,4,confirmation_page,189,",
                 "2,3,payment_page,2412,", "3,2,search_page,8879,", "4,4,confirmation_page,46,");
    ASSERT_LINES(&s, "distribution", "values", "{\"of\": \"device\"}", "Desktop,60200,", "Mobile,30200,");
    served_close(&s);
}

static void the_published_cohorts(void **state) {
    (void)state;
    struct served s;
    const char *path = data_path("relay_foods/purchase_data_full_study.csv");
    served_open(&s, "behaviour-test");
    assert_int_equal(served_import(&s, path, "tests/insight/value/relay.json"), 2891);
    ASSERT_LINES(&s, "retention", "customers",
                 "{\"start\": \"order\", \"interval\": \"month\", \"intervals\": 14, \"to\": \"2010-04-01\"}",
                 "2009-01,22,22,8,10,9,10,8,8,7,7,7,7,8,11,7,6\r", "2009-02,15,15,3,5,1,4,4,4,5,5,4,3,3,5,",
                 "2009-11,130,130,32,26,29,13,,");
    ASSERT_LINES(&s, "retention", "retention", "{\"start\": \"order\", \"interval\": \"month\"}",
                 "2009-01,22,1,0.36363636363636365,0.45454545454545453,");
    ASSERT_LINES(&s, "trends", "totals",
                 "{\"series\": [{\"event\": \"order\", \"value\": \"total\", \"name\": \"revenue\"}, \"order\", "
                 "{\"event\": \"order\", \"measure\": \"customers\", \"name\": \"buyers\"}], \"interval\": \"month\"}",
                 "173307.3097,2891,757");
    served_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_funnel),
        cmocka_unit_test(the_published_cohorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
