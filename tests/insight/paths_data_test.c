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

#include "main/paths_file.h"
#include "served_client.h"

#define MAPPINGS "tests/insight/paths/"

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
    struct served s;
    struct buffer definition = {0};
    struct json_writer w = {.out = &definition};
    struct fault fault = {0};
    const char *path = data_path("attribution_pathdata/PathData.csv");
    json_object(&w);
    json_key(&w, "table");
    if (paths_file_read(path, &w, &fault))
        fail_msg("%s", fault.text);
    json_end_object(&w);
    served_open(&s, "paths-data-test");
    buffer_add_char(&definition, 0);
    const char *csv = served_table(&s, "attribution", "conversions", definition.data);
    for (size_t i = 0; i < sizeof closed / sizeof *closed;
         i++) { /* channel,touches,first,last,last_non_direct,linear,position,markov,... */
        assert_figure(csv, closed[i].channel, 1 + 1, closed[i].first, 1e-9);
        assert_figure(csv, closed[i].channel, 1 + 2, closed[i].last, 1e-9);
        assert_figure(csv, closed[i].channel, 1 + 4, closed[i].linear, 6e-5);
        assert_figure(csv, closed[i].channel, 1 + 6, closed[i].markov, 6e-4);
    }
    csv = served_table(&s, "attribution", "removal_effects", definition.data);
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (closed[i].removal > 0)
            assert_figure(csv, closed[i].channel, 1, closed[i].removal, 6e-7);
    csv = served_table(&s, "attribution", "coverage", definition.data);
    assert_figure(csv, "19785", 1, 19785, 0);
    assert_figure(csv, "19785", 3, 74802.972, 5e-4);
    assert_figure(csv, "19785", 5, 68602, 0);
    buffer_release(&definition);
    served_close(&s);
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
    struct served s;
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
    served_open(&s, "paths-data-test");
    assert_int_equal(served_import(&s, path, MAPPINGS "snowplow.json"), 98);
    const char *csv = served_table(&s, "attribution", "conversions", SNOWPLOW);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_figure(csv, shares[i].channel, 1, shares[i].sessions, 0);
        assert_figure(csv, shares[i].channel, 2, shares[i].last, 1e-9);
        assert_figure(csv, shares[i].channel, 3, shares[i].share, 1e-9);
    }
    csv = served_table(&s, "attribution", "value", SNOWPLOW);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        assert_figure(csv, shares[i].channel, 1, shares[i].last_value, 1e-9);
        assert_figure(csv, shares[i].channel, 2, shares[i].share_value, 1e-8);
    }
    csv =
        served_table(&s, "attribution", "returns", SNOWPLOW); /* cost, conversions, a conversion's cost, value, roas */
    assert_figure(csv, "Direct,counterfactual", 5, 0.01701541577, 1e-9);
    assert_figure(csv, "Video,last", 5, 0.02, 1e-9);
    csv = served_table(&s, "attribution", "paths", SNOWPLOW); /* touches, conversions, without, rate, value */
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_figure(csv, paths[i].path, 2, paths[i].conversions, 0);
        assert_figure(csv, paths[i].path, 3, paths[i].others, 0);
        assert_figure(csv, paths[i].path, 5, paths[i].revenue, 1e-9);
    }
    served_close(&s);
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
    struct served s;
    static const struct {
        const char *page;
        double cookies;
    } reached[] = {{"product", 1101}, {"program", 963}, {"home", 770},
                   {"catalog", 696},  {"login", 660},   {"addcart", 617}};
    const char *path = data_path("clickstream_1999_cookie/clickstream.csv.gz");
    served_open(&s, "paths-data-test");
    write_clicks(path, served_file(&s, "clicks.csv"));
    assert_int_equal(served_import(&s, served_file(&s, "clicks.csv"), MAPPINGS "clicks.json"), 24344);
    const char *csv = served_table(
        &s, "path", "nodes", "{\"events\": \"click\", \"node\": \"page\", \"session\": \"none\", \"nodes\": 200}");
    for (size_t i = 0; i < sizeof reached / sizeof *reached; i++)
        assert_figure(csv, reached[i].page, 1, reached[i].cookies, 0);
    csv = served_table(&s, "path", "summary", "{\"events\": \"click\", \"node\": \"page\", \"session\": \"none\"}");
    assert_figure(csv, "1240", 1, 1240, 0);
    /* Who adds to the basket before paying: the goal is a page too. */
    csv = served_table(&s, "path", "key_nodes",
                       "{\"events\": \"click\", \"node\": \"page\", \"goal\": {\"event\": \"click where page = "
                       "\\\"pay_req\\\"\", \"name\": \"pay_req\"}, \"session\": \"none\", \"nodes\": 200}");
    assert_true(figure(csv, "addcart", 2) > figure(csv, "addcart", 4));
    assert_true(figure(csv, "addcart", 7) < 0.05);
    served_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ready_paths_give_the_closed_forms),
        cmocka_unit_test(snowplow_gives_the_published_tables),
        cmocka_unit_test(cookies_reach_the_pages_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
