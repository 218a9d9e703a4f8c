/* paths_data_test: known answers about attribution and ways through the whole program: a file by its mapping into a data folder, an analysis over HTTP,
 * the figures out of its tables. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and each test is
 * skipped where its data is not there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/loader.h"
#include "main/paths_file.h"
#include "main/server.h"

#define FOLDER "/tmp/onefold-paths-data-test"
#define MAPPINGS "tests/insight/paths/"

struct shop {
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

static void open_shop(struct shop *s) {
    struct fault fault = {0};
    struct serve_options door = {.port = 0};
    char key[48];
    *s = (struct shop){0};
    if (system("rm -rf " FOLDER) || server_start(os_real(), FOLDER, NULL, &door, &s->server, &fault) ||
        server_admin_key(s->server, key, &fault) ||
        client_create(serve_address(s->server->serve), key, &s->client, &fault))
        fail_msg("%s", fault.text);
}

static void close_shop(struct shop *s) {
    client_free(s->client);
    server_stop(s->server);
    buffer_release(&s->answer);
    assert_int_equal(system("rm -rf " FOLDER), 0);
}

static void import(struct shop *s, const char *path, const char *mapping, uint64_t rows) {
    struct load_counts counts;
    struct fault fault = {0};
    if (load_import(s->client, path, mapping, false, NULL, NULL, &counts, &fault))
        fail_msg("%s", fault.text);
    assert_true(engine_settle(s->server->engine, 120000));
    assert_int_equal(counts.rejected, 0);
    assert_int_equal(counts.rows, rows);
}

/* One table as CSV; zero-terminated. */
static const char *ask(struct shop *s, const char *kind, const char *table, struct slice definition) {
    char path[128];
    struct fault fault = {0};
    snprintf(path, sizeof path, "/v1/insight/%s?format=csv&table=%s", kind, table);
    if (load_request(s->client, "POST", path, definition, &s->answer, &fault))
        fail_msg("%s %.*s: %s", kind, 200, definition.data, fault.text);
    buffer_add_char(&s->answer, 0);
    return s->answer.data;
}

/* Number `column` (from 0) of the line that begins with `head`, which may hold commas in its quotes only. */
static double figure(const char *csv, const char *head, unsigned column) {
    size_t size = strlen(head);
    const char *line = csv;
    while (line && (strncmp(line, head, size) != 0 || line[size] != ',')) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        fail_msg("no line begins with \"%s\" in:\n%s", head, csv);
    for (line += size; column-- > 0;)
        line = strchr(line, ',') + 1;
    return strtod(line + (*line == ','), NULL);
}

static void assert_figure(const char *csv, const char *head, unsigned column, double expected, double within) {
    double got = figure(csv, head, column);
    if (!(fabs(got - expected) <= within))
        fail_msg("%s, column %u: got %.9f, expected %.9f", head, column, got, expected);
}

/* --- ChannelAttribution's 10,000 paths, against the closed forms --- */

static const struct {
    const char *channel;
    double first, last, linear, markov, removal; /* removal 0: not given */
} closed[] = {{"alpha", 6308, 8447, 7574.7186, 5344.948, .558399},
              {"beta", 2831, 989, 2083.5001, 2527.352, .264039},
              {"delta", 1, 5, 1.725, 4.614, 0},
              {"epsilon", 99, 531, 272.1704, 599.571, 0},
              {"eta", 3164, 4167, 3539.9512, 3340.847, .349026},
              {"gamma", 165, 92, 121.0416, 171.145, 0},
              {"iota", 4606, 3355, 3857.0962, 3884.615, .405835},
              {"kappa", 74, 230, 137.9641, 274.363, 0},
              {"lambda", 902, 1207, 1035.2576, 1282.847, .134022},
              {"mi", 2, 2, 2.2222, 1.722, 0},
              {"theta", 1606, 653, 1022.8014, 1971.913, .206010},
              {"zeta", 27, 107, 136.5515, 381.063, 0}};

static void ready_paths_give_the_closed_forms(void **state) {
    (void)state;
    struct shop s;
    struct buffer definition = {0};
    struct json_writer w = {.out = &definition};
    struct fault fault = {0};
    const char *path = data_path("attribution_pathdata/PathData.csv");
    json_object(&w);
    json_key(&w, "table");
    if (paths_file_read(path, &w, &fault))
        fail_msg("%s", fault.text);
    json_end_object(&w);
    open_shop(&s);
    const char *csv = ask(&s, "attribution", "conversions", buffer_slice(&definition));
    for (size_t i = 0; i < sizeof closed / sizeof *closed;
         i++) { /* channel,touches,first,last,last_non_direct,linear,position,markov,... */
        assert_figure(csv, closed[i].channel, 1 + 1, closed[i].first, 1e-9);
        assert_figure(csv, closed[i].channel, 1 + 2, closed[i].last, 1e-9);
        assert_figure(csv, closed[i].channel, 1 + 4, closed[i].linear, 6e-5);
        assert_figure(csv, closed[i].channel, 1 + 6, closed[i].markov, 6e-4);
    }
    csv = ask(&s, "attribution", "removal_effects", buffer_slice(&definition));
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (closed[i].removal > 0)
            assert_figure(csv, closed[i].channel, 1, closed[i].removal, 6e-7);
    csv = ask(&s, "attribution", "coverage", buffer_slice(&definition));
    assert_figure(csv, "19785", 1, 19785, 0);
    assert_figure(csv, "19785", 3, 74802.972, 5e-4);
    assert_figure(csv, "19785", 5, 68602, 0);
    buffer_release(&definition);
    close_shop(&s);
}

/* --- Snowplow's events to sessions to shares --- */

#define SNOWPLOW                                                                                                       \
    "{\"touches\": [{\"event\": \"page_view where source = \\\"(direct)\\\"\", \"name\": \"Direct\"}, "                \
    "{\"event\": \"page_view where medium = \\\"organic\\\"\", \"name\": \"Organic_Search\"}, "                        \
    "{\"event\": \"page_view where source = \\\"youtube.com\\\"\", \"name\": \"Video\"}, "                             \
    "{\"event\": \"page_view where medium = \\\"cpc\\\"\", \"name\": \"Paid_Search_Other\"}, "                         \
    "{\"event\": \"page_view where medium = \\\"referral\\\"\", \"name\": \"Referral\"}, "                             \
    "{\"event\": \"page_view\", \"name\": \"Unmatched_Channel\"}], "                                                   \
    "\"conversions\": [\"page_view where total > 0\", \"checkout where total > 0\"], \"value\": \"total\", "           \
    "\"look_back\": \"30 days\", \"cut\": false, \"collapse\": true, \"from\": \"2022-06-03\", \"to\": "               \
    "\"2022-08-02\", \"models\": [\"last\", \"counterfactual\"], \"costs\": {\"Direct\": 10000, "                      \
    "\"Organic_Search\": 10000, \"Paid_Search_Other\": 10000, \"Referral\": 10000, \"Unmatched_Channel\": 10000, "     \
    "\"Video\": 10000}}"

static void snowplow_gives_the_published_tables(void **state) {
    (void)state;
    struct shop s;
    const char *path = data_path("snowplow_fractribution/source/snowplow_fractribution_events.csv");
    static const struct {
        const char *channel;
        double sessions, last, last_value, share, share_value;
    } shares[] = {{"Direct", 46, 4, 234.42, 3.5409582690664606, 170.1541576513},
                  {"Organic_Search", 39, 1, 66.5, 1.459041731664606, 130.7658423493},
                  {"Video", 3, 1, 200, 1, 200},
                  {"Referral", 5, 0, 0, 0, 0},
                  {"Paid_Search_Other", 3, 0, 0, 0, 0},
                  {"Unmatched_Channel", 1, 0, 0, 0, 0}};
    static const struct {
        const char *path;
        double conversions, others, revenue;
    } paths[] = {{"Direct", 3, 25, 94.42},
                 {"Organic_Search", 1, 26, 66.5},
                 {"Referral > Direct", 0, 1, 0},
                 {"Video", 1, 2, 200},
                 {"Organic_Search > Paid_Search_Other", 0, 2, 0},
                 {"Referral", 0, 2, 0},
                 {"Organic_Search > Direct", 1, 1, 140},
                 {"Paid_Search_Other", 0, 1, 0},
                 {"Unmatched_Channel", 0, 1, 0}};
    open_shop(&s);
    import(&s, path, MAPPINGS "snowplow.json", 98);
    const char *csv = ask(&s, "attribution", "conversions", SLICE(SNOWPLOW));
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_figure(csv, shares[i].channel, 1, shares[i].sessions, 0);
        assert_figure(csv, shares[i].channel, 2, shares[i].last, 1e-9);
        assert_figure(csv, shares[i].channel, 3, shares[i].share, 1e-9);
    }
    csv = ask(&s, "attribution", "value", SLICE(SNOWPLOW));
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_figure(csv, shares[i].channel, 1, shares[i].last_value, 1e-9);
        assert_figure(csv, shares[i].channel, 2, shares[i].share_value, 1e-8);
    }
    csv = ask(&s, "attribution", "returns", SLICE(SNOWPLOW)); /* cost, conversions, a conversion's cost, value, roas */
    assert_figure(csv, "Direct,counterfactual", 5, 0.01701541577, 1e-9);
    assert_figure(csv, "Video,last", 5, 0.02, 1e-9);
    csv = ask(&s, "attribution", "paths", SLICE(SNOWPLOW)); /* touches, conversions, without, rate, value */
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_figure(csv, paths[i].path, 2, paths[i].conversions, 0);
        assert_figure(csv, paths[i].path, 3, paths[i].others, 0);
        assert_figure(csv, paths[i].path, 5, paths[i].revenue, 1e-9);
    }
    close_shop(&s);
}

/* --- a cookie log of 1999 --- */

/* COOKIE;Date;Time;Click_order;Webpage -> cookie,time,page */
static void write_clicks(const char *path, const char *into) {
    char command[1024], line[512];
    snprintf(command, sizeof command, "gzip -dc %s", path);
    FILE *from = popen(command, "r"), *to = fopen(into, "w");
    assert_non_null(from);
    assert_non_null(to);
    fprintf(to, "cookie,time,page\n");
    assert_non_null(fgets(line, sizeof line, from));
    while (fgets(line, sizeof line, from)) {
        char cookie[64], date[32], time[32], page[64];
        if (sscanf(line, "%63[^;];%31[^;];%31[^;];%*[^;];%63[^;\r\n]", cookie, date, time, page) == 4)
            fprintf(to, "%s,%sT%s,%s\n", cookie, date, time, page);
    }
    pclose(from);
    assert_int_equal(fclose(to), 0);
}

static void cookies_reach_the_pages_counted(void **state) {
    (void)state;
    struct shop s;
    static const struct {
        const char *page;
        double cookies;
    } reached[] = {{"product", 1101}, {"program", 963}, {"home", 770},
                   {"catalog", 696},  {"login", 660},   {"addcart", 617}};
    const char *path = data_path("clickstream_1999_cookie/clickstream.csv.gz");
    open_shop(&s);
    write_clicks(path, FOLDER "/clicks.csv");
    import(&s, FOLDER "/clicks.csv", MAPPINGS "clicks.json", 24344);
    const char *csv = ask(&s, "path", "nodes",
                          SLICE("{\"events\": \"click\", \"node\": \"page\", \"session\": \"none\", \"nodes\": 200}"));
    for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
        assert_figure(csv, reached[i].page, 1, reached[i].cookies, 0);
    csv = ask(&s, "path", "summary", SLICE("{\"events\": \"click\", \"node\": \"page\", \"session\": \"none\"}"));
    assert_figure(csv, "1240", 1, 1240, 0);
    /* Who adds to the basket before paying: the goal is a page too. */
    csv = ask(&s, "path", "key_nodes",
              SLICE("{\"events\": \"click\", \"node\": \"page\", \"goal\": {\"event\": \"click where page = "
                    "\\\"pay_req\\\"\", \"name\": \"pay_req\"}, \"session\": \"none\", \"nodes\": 200}"));
    assert_true(figure(csv, "addcart", 2) > figure(csv, "addcart", 4));
    assert_true(figure(csv, "addcart", 7) < 0.05);
    close_shop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_paths_give_the_closed_forms),
        cmocka_unit_test(snowplow_gives_the_published_tables),
        cmocka_unit_test(cookies_reach_the_pages_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
