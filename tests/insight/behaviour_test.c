/* behaviour_test: published figures about real customers through the whole program: files by their mappings into a data folder, an analysis over
 * HTTP, the figures out of its tables. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and
 * each test is skipped where its data is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/loader.h"
#include "main/server.h"

#define FOLDER "/tmp/onefold-behaviour-test"
#define MAPPINGS "tests/insight/behaviour/"
#define STEPS "\"steps\": \"home_page -> search_page -> payment_page -> confirmation_page\""

struct site {
    struct server *server;
    struct client *client;
    struct buffer answer;
};

static const char *data_path(const char *name) {
    static char path[512];
    const char *folder = getenv("ONEFOLD_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    if (access(path, R_OK)) {
        print_message("skipped: %s is not there (set ONEFOLD_TEST_DATA)\n", path);
        skip();
    }
    return path;
}

static void open_site(struct site *s) {
    struct fault fault = {0};
    struct serve_options door = {.port = 0};
    char key[48];
    *s = (struct site){0};
    if (system("rm -rf " FOLDER) || server_start(os_real(), FOLDER, NULL, &door, &s->server, &fault) ||
        server_admin_key(s->server, key, &fault) ||
        client_create(serve_address(s->server->serve), key, &s->client, &fault))
        fail_msg("%s", fault.text);
}

static void close_site(struct site *s) {
    client_free(s->client);
    server_stop(s->server);
    buffer_release(&s->answer);
    assert_int_equal(system("rm -rf " FOLDER), 0);
}

static void import(struct site *s, const char *path, const char *mapping, uint64_t rows) {
    struct load_counts counts;
    struct fault fault = {0};
    if (load_import(s->client, path, mapping, false, NULL, NULL, &counts, &fault))
        fail_msg("%s", fault.text);
    assert_true(engine_settle(s->server->engine, 120000));
    assert_int_equal(counts.rejected, 0);
    assert_int_equal(counts.rows, rows);
}

/* One table as CSV; each of `lines` must begin one of its lines. */
static void assert_lines(struct site *s, const char *kind, const char *table, const char *definition,
                         const char *const *lines) {
    char path[128], head[256];
    struct fault fault = {0};
    snprintf(path, sizeof path, "/v1/insight/%s?format=csv&table=%s", kind, table);
    if (load_request(s->client, "POST", path, slice_text(definition), &s->answer, &fault))
        fail_msg("%s %s: %s", kind, definition, fault.text);
    buffer_add_char(&s->answer, 0);
    for (; *lines; lines++) {
        snprintf(head, sizeof head, "\n%s", *lines);
        if (!strstr(s->answer.data, head))
            fail_msg("no line begins with \"%s\" in:\n%s", *lines, s->answer.data);
    }
}
#define ASSERT_LINES(s, kind, table, definition, ...)                                                                  \
    assert_lines(s, kind, table, definition, (const char *const[]){__VA_ARGS__, NULL})

static void the_published_funnel(void **state) {
    (void)state;
    struct site s;
    (void)data_path("funnel_90k/search_page_table.csv");
    open_site(&s);
    import(&s, data_path("funnel_90k/user_table.csv.gz"), MAPPINGS "users.json", 90400);
    import(&s, data_path("funnel_90k/home_page_table.csv.gz"), MAPPINGS "home.json", 90400);
    import(&s, data_path("funnel_90k/search_page_table.csv"), MAPPINGS "search.json", 45200);
    import(&s, data_path("funnel_90k/payment_page_table.csv"), MAPPINGS "payment.json", 6030);
    import(&s, data_path("funnel_90k/payment_confirmation_table.csv"), MAPPINGS "confirmation.json", 452);
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
    close_site(&s);
}

static void the_published_cohorts(void **state) {
    (void)state;
    struct site s;
    const char *path = data_path("relay_foods/purchase_data_full_study.csv");
    open_site(&s);
    import(&s, path, "tests/insight/value/relay.json", 2891);
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
    close_site(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_funnel),
        cmocka_unit_test(the_published_cohorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
