/* value_data_test: published figures about real customers through the whole program: a file by its mapping into a data folder, an analysis over HTTP, the
 * figures out of its tables. The data is not part of the project: it is looked for in ONEFOLD_TEST_DATA, or ../shared/data, and each test
 * is skipped where its data is not there. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "served_client.h"

#define MAPPINGS "tests/insight/value/"

/* The number behind `head` ("bg_nbd,r,"), which begins a line. */
static double figure(const char *csv, const char *head) {
    size_t size = strlen(head);
    for (const char *line = csv; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, head, size) == 0)
            return strtod(line + size, NULL);
    fail_msg("no line begins with \"%s\" in:\n%s", head, csv);
    return NAN;
}

static void assert_figure(const char *csv, const char *head, double expected, double within) {
    double got = figure(csv, head);
    if (!(fabs(got - expected) <= within))
        fail_msg("%s got %.6f, published %g", head, got, expected);
}

static void cdnow_is_fitted_as_published(void **state) {
    (void)state;
    struct served s;
    const char *path = data_path("cdnow/cdnowElog_BTYD.csv");
    served_open(&s, "value-data-test");
    assert_int_equal(served_import(&s, path, MAPPINGS "cdnow.json"), 6919);
    const char *csv =
        served_table(&s, "ltv", "model",
                     "{\"orders\": \"purchase\", \"value\": \"amount\", \"calibration_end\": \"1997-09-30\", "
                     "\"now\": \"1998-06-30\"}");
    assert_figure(csv, "bg_nbd,r,", 0.2426, 1e-4);
    assert_figure(csv, "bg_nbd,alpha,", 4.4136, 1e-3);
    assert_figure(csv, "bg_nbd,a,", 0.7929, 1e-4);
    assert_figure(csv, "bg_nbd,b,", 2.4259, 1e-3);
    assert_figure(csv, "gamma_gamma,p,", 6.2496, 1e-3);
    assert_figure(csv, "gamma_gamma,q,", 3.7442, 1e-3);
    assert_figure(csv, "gamma_gamma,gamma,", 15.4435, 5e-3);
    csv =
        served_table(&s, "ltv", "fit",
                     "{\"orders\": \"purchase\", \"value\": \"amount\", \"calibration_end\": \"1997-09-30\", \"now\": "
                     "\"1998-06-30\"}");
    assert_figure(csv, "bg_nbd,log_likelihood,", -9582.4292, 1e-3);
    assert_figure(csv, "bg_nbd,customers,", 2357, 0);
    assert_figure(csv, "gamma_gamma,log_likelihood,", -4055.9177, 1e-3);
    assert_figure(csv, "gamma_gamma,customers,", 946, 0);
    csv = served_table(
        &s, "ltv", "model",
        "{\"orders\": \"purchase\", \"value\": \"amount\", \"calibration_end\": \"1997-09-30\", \"model\": "
        "\"pareto_nbd\"}");
    assert_figure(csv, "pareto_nbd,r,", 0.553, 1e-3);
    assert_figure(csv, "pareto_nbd,alpha,", 10.578, 2e-3);
    assert_figure(csv, "pareto_nbd,s,", 0.606, 1e-3);
    assert_figure(csv, "pareto_nbd,beta,", 11.669, 3e-3);
    served_close(&s);
}

/* One basket a line becomes one line an item. */
static void write_lines(const char *path, const char *into) {
    FILE *from = fopen(path, "r"), *to = fopen(into, "w");
    static char line[65536];
    assert_non_null(from);
    assert_non_null(to);
    fprintf(to, "basket,item\n");
    for (unsigned basket = 1; fgets(line, sizeof line, from); basket++) {
        char *rest = line;
        for (char *item; (item = strsep(&rest, ",\r\n"));)
            if (*item)
                fprintf(to, "b%u,%s\n", basket, item);
    }
    fclose(from);
    assert_int_equal(fclose(to), 0);
}

static uint64_t rules_in(const char *counts) {
    uint64_t rules = 0;
    for (const char *line = strchr(counts, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        unsigned length, sets, of_length;
        if (sscanf(line + 1, "%u,%u,%u", &length, &sets, &of_length) == 3)
            rules += of_length;
    }
    return rules;
}

static void groceries_give_the_published_rules(void **state) {
    (void)state;
    struct served s;
    const char *path = data_path("groceries/groceries.csv");
    served_open(&s, "value-data-test");
    write_lines(path, served_file(&s, "lines.csv"));
    assert_int_equal(served_import(&s, served_file(&s, "lines.csv"), MAPPINGS "groceries.json"), 43367);
    assert_int_equal(rules_in(served_table(&s, "basket", "counts", "{\"support\": 0.001, \"confidence\": 0.5}")), 5668);
    assert_int_equal(rules_in(served_table(&s, "basket", "counts", "{\"support\": 0.001, \"confidence\": 0.8}")), 410);
    assert_int_equal(rules_in(served_table(&s, "basket", "counts", "{\"support\": 0.006, \"confidence\": 0.25}")), 463);
    const char *csv = served_table(&s, "basket", "rules", "{\"support\": 0.001, \"confidence\": 0.7, \"longest\": 2}");
    assert_figure(csv, "honey,whole milk,11,", 0.001118454, 1e-9); /* support; confidence and lift: */
    assert_non_null(strstr(csv, ",0.7333333333333333,2.87000928505"));
    /* One level up: categories of the product tree, by master data. */
    served_import(&s, data_path("groceries/items.csv"), MAPPINGS "categories.json");
    csv = served_table(&s, "basket", "sets",
                       "{\"item\": \"product.department\", \"support\": 0.05, \"sets\": 3, \"shortest\": 1}");
    assert_non_null(strstr(csv, "fruit and vegetables"));
    served_close(&s);
}

static void relay_foods_cohorts_are_the_published(void **state) {
    (void)state;
    struct served s;
    const char *path = data_path("relay_foods/purchase_data_full_study.csv");
    served_open(&s, "value-data-test");
    assert_int_equal(served_import(&s, path, MAPPINGS "relay.json"), 2891);
    const char *csv = served_table(&s, "revenue_cohorts", "cohorts", "{\"periods\": \"present\"}");
    static const struct {
        const char *head;
        double customers;
    } published[] = {{"2009-01-01,22,0,2009-01-01,", 22},  {"2009-01-01,22,1,2009-02-01,", 8},
                     {"2009-01-01,22,2,2009-03-01,", 10},  {"2009-01-01,22,3,2009-04-01,", 9},
                     {"2009-01-01,22,12,2010-01-01,", 11}, {"2009-02-01,15,3,2009-05-01,", 1},
                     {"2009-11-01,130,4,2010-03-01,", 13}};
    for (size_t i = 0; i < sizeof published / sizeof *published; i++)
        assert_figure(csv, published[i].head, published[i].customers, 0);
    assert_non_null(strstr(csv, "2009-01-01,22,0,2009-01-01,22,1,30,1850.255,"));
    assert_non_null(strstr(csv, ",1351.065,"));
    assert_non_null(strstr(csv, ",1357.36,"));
    assert_non_null(strstr(csv, ",1604.5,"));
    csv = served_table(&s, "concentration", "summary", "{}");
    assert_figure(csv, "757,2891,", 173307.31, 0.01);
    served_close(&s);
}

static void complete_journey_adds_up(void **state) {
    (void)state;
    struct served s;
    const char *path = data_path("completejourney/transactions_sample.csv.gz");
    served_open(&s, "value-data-test");
    assert_int_equal(served_import(&s, path, MAPPINGS "journey.json"), 75000);
    assert_figure(served_table(&s, "concentration", "summary", "{\"orders\": \"order.items\", \"value\": \"amount\"}"),
                  "2377,47243,", 233935.24, 0.005);
    served_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cdnow_is_fitted_as_published),
        cmocka_unit_test(groceries_give_the_published_rules),
        cmocka_unit_test(relay_foods_cohorts_are_the_published),
        cmocka_unit_test(complete_journey_adds_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
