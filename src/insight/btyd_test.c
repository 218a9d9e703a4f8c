/* btyd_test: the models of customer value against plain integration, slopes against differences, parameters that are put in and found again, and the
 * published figures of the CDNOW customers (skipped where that data is not there). */
#include "insight/btyd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "insight/btyd_model.h"
#include "insight/special.h"

#define SEED 11

static void assert_near(double got, double expected, double relative) {
    if (!(fabs(got - expected) <= relative * fabs(expected) + 1e-300))
        fail_msg("got %.17g, expected %.17g (%.3g off)", got, expected, fabs(got / expected - 1));
}

static double between(struct random *r, double low, double high) { return low + (high - low) * random_unit(r); }

static void random_case(struct random *r, enum btyd_model model, double *parameters, struct btyd_buyer *b) {
    parameters[0] = between(r, 0.4, 3);
    parameters[1] = between(r, 1, 20);
    parameters[2] = random_chance(r, 0.2) ? 1 : between(r, 0.3, 3);
    parameters[3] = model == BTYD_BG_NBD ? between(r, 0.3, 6) : between(r, 1, 20);
    b->x = random_chance(r, 0.3) ? 0 : (double)random_between(r, 1, 15);
    b->T = random_chance(r, 0.1) ? 0 : between(r, 1, 50);
    b->t_x = b->x > 0 ? b->T * random_unit(r) : 0;
    b->count = 1;
}

static void models_are_what_their_stories_come_to(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < 12; i++) {
        enum btyd_model model = i % 2 ? BTYD_PARETO_NBD : BTYD_BG_NBD;
        double p[BTYD_PARAMETERS], time;
        struct btyd_buyer b;
        random_case(&r, model, p, &b);
        time = between(&r, 0.5, 80);
        struct btyd_truth truth = btyd_truth(model, p, &b, time);
        assert_near(exp(btyd_likelihood(model, p, &b, 1, NULL)), truth.likelihood, 1e-7);
        assert_near(btyd_alive(model, p, &b), truth.alive, 1e-7);
        assert_near(btyd_expected(model, p, &b, time), truth.expected, 1e-6);
    }
}

/* Figures from the papers' own spreadsheets and the BTYD package's walk-through. */
static void customers_come_out_as_published(void **state) {
    (void)state;
    static const double bg[] = {.243, 4.414, .793, 2.426}, pareto[] = {.55, 10.56, .61, 11.64};
    const struct btyd_buyer first = {2, 30.43, 38.86, 1}, busy = {26, 30.86, 31, 1};
    assert_true(fabs(btyd_expected(BTYD_BG_NBD, bg, &first, 39) - 1.226) <
                5e-4); /* Fader, Hardie and Lee 2005: customer 0001 */
    assert_true(fabs(btyd_alive(BTYD_PARETO_NBD, pareto, &busy) - 0.9979) < 5e-5);
}

static void worth_is_what_its_story_comes_to(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < 30; i++) {
        double p[GAMMA_GAMMA_PARAMETERS] = {between(&r, 0.5, 8), between(&r, 1.2, 5), between(&r, 1, 50)}, next;
        struct gamma_buyer b = {(double)random_between(&r, 1, 20), between(&r, 0.5, 100)};
        double density = gamma_gamma_truth(p, &b, &next);
        assert_near(exp(gamma_gamma_likelihood(p, &b, 1, NULL)), density, 1e-9);
        assert_near(gamma_gamma_mean(p, &b), next, 1e-9);
    }
}

static void slopes_are_the_differences(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < 200; i++) {
        enum btyd_model model = i % 2 ? BTYD_PARETO_NBD : BTYD_BG_NBD;
        double p[BTYD_PARAMETERS], slope[BTYD_PARAMETERS], h = 1e-5;
        struct btyd_buyer b;
        random_case(&r, model, p, &b);
        btyd_likelihood(model, p, &b, 1, slope);
        for (unsigned k = 0; k < BTYD_PARAMETERS; k++) {
            double kept = p[k];
            p[k] = kept * exp(h);
            double up = btyd_likelihood(model, p, &b, 1, NULL);
            p[k] = kept * exp(-h);
            double down = btyd_likelihood(model, p, &b, 1, NULL);
            p[k] = kept;
            if (fabs((up - down) / (2 * h) - slope[k]) > 1e-6 * (1 + fabs(slope[k])))
                fail_msg("case %u, parameter %u: slope %.12g, by differences %.12g", i, k, slope[k],
                         (up - down) / (2 * h));
        }
    }
}

/* Busy customers over long times: where the papers' own forms overflow. */
static void extremes_stay_numbers(void **state) {
    (void)state;
    static const struct btyd_buyer extremes[] = {{5000, 1000, 1000.5, 1}, {5000, 3, 1000, 1}, {0, 0, 0, 1},
                                                 {0, 0, 100000, 1},       {1, 0, 100000, 1},  {300, 0.001, 0.001, 1}};
    static const double parameters[][BTYD_PARAMETERS] = {{0.243, 4.414, 0.793, 2.426},
                                                         {1e-4, 1e-4, 1e-4, 1e-4},
                                                         {1e4, 1e4, 1e4, 1e4},
                                                         {1, 1, 1, 1},
                                                         {1e-3, 1e5, 1e3, 1e-3}};
    for (unsigned m = 0; m < BTYD_MODELS; m++)
        for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
            for (size_t k = 0; k < sizeof extremes / sizeof *extremes; k++) {
                double slope[BTYD_PARAMETERS], alive = btyd_alive((enum btyd_model)m, parameters[i], &extremes[k]);
                double expected = btyd_expected((enum btyd_model)m, parameters[i], &extremes[k], 52);
                if (!isfinite(btyd_likelihood((enum btyd_model)m, parameters[i], &extremes[k], 1, slope)) ||
                    !isfinite(slope[0] + slope[1] + slope[2] + slope[3]) || !(alive >= 0 && alive <= 1) ||
                    !(expected >= 0 && isfinite(expected)))
                    fail_msg("model %u, parameters %zu, customer %zu: alive %g, expected %g", m, i, k, alive, expected);
            }
}

/* Where all stop alike, a and b run off together, and the stopping is one number p = a / (a + b): what is to come is (1 - (1 + p t / (alpha + T))^-(r+x)) / p
 * for who still buys. Three more at the border of the two forms, from integrals of 40 digits. */
static void stopping_that_is_alike_stays_a_number(void **state) {
    (void)state;
    static const double ages[] = {1, 40, 200}, times[] = {1, 52, 300};
    for (unsigned i = 0; i < 9; i++) {
        const double p[] = {0.24, 0.23, 8e5, 1.2e6}, stop = 0.4;
        const struct btyd_buyer b = {i % 3, i % 3 ? ages[i / 3] / 2 : 0, ages[i / 3], 1};
        const double to_come = -expm1(-(p[0] + b.x) * log1p(stop * times[i % 3] / (p[1] + b.T))) / stop;
        assert_near(btyd_expected(BTYD_BG_NBD, p, &b, times[i % 3]), to_come * btyd_alive(BTYD_BG_NBD, p, &b), 2e-5);
    }
    static const struct {
        double p[BTYD_PARAMETERS];
        struct btyd_buyer b;
        double time, expected;
    } known[] = {{{0.1, 0.2, 170, 2}, {0, 0, 1, 1}, 300, 0.42885577691459814},
                 {{0.5, 0.2, 1000, 400}, {60, 0.9, 1, 1}, 52, 0.003459907342300291},
                 {{0.1, 3, 1000, 0.3}, {60, 36, 40, 1}, 300, 0.00017781321968941805}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        assert_near(btyd_expected(BTYD_BG_NBD, known[i].p, &known[i].b, known[i].time), known[i].expected, 1e-10);
}

static void same_numbers_are_one_group(void **state) {
    (void)state;
    struct btyd_buyer b[] = {{1, 2, 3, 1}, {0, 0, 3, 1}, {1, 2, 3, 2}, {1, 2, 4, 1}, {0, 0, 3, 5}};
    assert_int_equal(btyd_group(b, 5), 3);
    assert_true(b[0].x == 0 && b[0].count == 6);
    assert_true(b[1].T == 3 && b[1].count == 3);
    assert_true(b[2].T == 4 && b[2].count == 1);
}

/* --- parameters put in are found again --- */

static double random_normal(struct random *r) {
    return sqrt(-2 * log(1 - random_unit(r))) * cos(2 * M_PI * random_unit(r));
}

/* Marsaglia and Tsang (2000). */
static double random_gamma(struct random *r, double shape) {
    if (shape < 1)
        return random_gamma(r, shape + 1) * pow(1 - random_unit(r), 1 / shape);
    for (double d = shape - 1.0 / 3, c = 1 / sqrt(9 * d);;) {
        double z = random_normal(r), v = 1 + c * z;
        if (v > 0 && log(1 - random_unit(r)) < 0.5 * z * z + d - d * v * v * v + d * log(v * v * v))
            return d * v * v * v;
    }
}

static struct btyd_buyer bg_buyer(struct random *r, const double *p) {
    double lambda = random_gamma(r, p[0]) / p[1], u = random_gamma(r, p[2]), v = random_gamma(r, p[3]),
           drop = u / (u + v);
    struct btyd_buyer b = {.T = between(r, 27, 39), .count = 1};
    for (double t = 0; !(b.x > 0 && random_chance(r, drop));) {
        t -= log(1 - random_unit(r)) / lambda;
        if (t > b.T)
            break;
        b.x++;
        b.t_x = t;
    }
    return b;
}

static void parameters_put_in_are_found(void **state) {
    (void)state;
    enum { CUSTOMERS = 20000 };
    const double p[] = {0.8, 6, 0.7, 2.5};
    struct btyd_buyer *buyers = memory_get(CUSTOMERS, sizeof *buyers);
    struct maximum one, many;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < CUSTOMERS; i++)
        buyers[i] = bg_buyer(&r, p);
    size_t count = btyd_group(buyers, CUSTOMERS);
    assert_int_equal(btyd_fit(BTYD_BG_NBD, buyers, count, &(struct btyd_run){.workers = 1}, &one, NULL), STATUS_OK);
    assert_int_equal(btyd_fit(BTYD_BG_NBD, buyers, count, &(struct btyd_run){.workers = 3}, &many, NULL), STATUS_OK);
    assert_memory_equal(&one, &many, sizeof one);
    for (unsigned k = 0; k < 4; k++)
        if (!(one.errors[k] > 0 && fabs(one.parameters[k] - p[k]) < 3.5 * one.errors[k]))
            fail_msg("parameter %u: %g +- %g, not %g", k, one.parameters[k], one.errors[k], p[k]);
    free(buyers);
}

static void too_little_is_said(void **state) {
    (void)state;
    struct btyd_buyer few[] = {{1, 2, 3, 1}}, once[] = {{0, 0, 3, 50}};
    struct maximum m;
    struct fault fault = {0};
    assert_int_equal(btyd_fit(BTYD_BG_NBD, few, 1, &(struct btyd_run){0}, &m, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "there are 1"));
    assert_int_equal(btyd_fit(BTYD_BG_NBD, once, 1, &(struct btyd_run){0}, &m, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "second time"));
}

/* --- CDNOW --- */

static FILE *open_data(const char *name) {
    char path[512];
    const char *folder = getenv("ONEFOLD_TEST_DATA");
    snprintf(path, sizeof path, "%s/cdnow/%s", folder ? folder : "../shared/data", name);
    FILE *file = fopen(path, "r");
    if (!file) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    return file;
}

static void assert_figure(double got, double expected, double within) {
    if (!(fabs(got - expected) <= within))
        fail_msg("got %.6f, published %g", got, expected);
}

static void cdnow_comes_out_as_published(void **state) {
    (void)state;
    FILE *file = open_data("cdnowSummary_cbs_BTYD.csv");
    struct btyd_buyer *b = memory_get(3000, sizeof *b);
    struct maximum m;
    size_t count = 0;
    char line[256];
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "%lf,%lf,%lf", &b[count].x, &b[count].t_x, &b[count].T) == 3)
            b[count++].count = 1;
    fclose(file);
    assert_int_equal(count, 2357);
    count = btyd_group(b, count);
    assert_int_equal(btyd_fit(BTYD_BG_NBD, b, count, &(struct btyd_run){0}, &m, NULL), STATUS_OK);
    static const double bg[] = {.2426, 4.4136, .7929, 2.4259}, pareto[] = {.5532, 10.578, .6062, 11.669};
    for (unsigned k = 0; k < 4; k++)
        assert_figure(m.parameters[k], bg[k], 2e-4 * bg[k] + 5e-5);
    assert_figure(m.value, -9582.4292, 1e-4);
    assert_int_equal(btyd_fit(BTYD_PARETO_NBD, b, count, &(struct btyd_run){0}, &m, NULL), STATUS_OK);
    for (unsigned k = 0; k < 4; k++)
        assert_figure(m.parameters[k], pareto[k], 5e-4 * pareto[k]);
    assert_figure(m.value, -9594.976, 1e-3);
    free(b);
}

static void cdnow_orders_are_worth_what_was_published(void **state) {
    (void)state;
    FILE *file = open_data("cdnow_customers_summary_with_transactions.csv");
    struct gamma_buyer *b = memory_get(3000, sizeof *b);
    struct maximum m;
    size_t count = 0;
    char line[256];
    while (fgets(line, sizeof line, file))
        count += sscanf(line, "%*d,%lf,%*f,%*f,%lf", &b[count].x, &b[count].mean) == 2;
    fclose(file);
    count = gamma_gamma_order(b, count);
    assert_int_equal(count, 946);
    assert_int_equal(gamma_gamma_fit(b, count, &(struct btyd_run){0}, &m, NULL), STATUS_OK);
    static const double published[] = {6.2496, 3.7442, 15.4435};
    for (unsigned k = 0; k < 3; k++)
        assert_figure(m.parameters[k], published[k], 3e-4 * published[k]);
    assert_figure(m.value, -4055.9177, 1e-2); /* the means in this file are rounded to the cent */
    free(b);
}

/* --- functions --- */

static void functions_keep_their_identities(void **state) {
    (void)state;
    assert_near(special_digamma(1), -0.57721566490153286, 1e-14);
    assert_near(special_digamma(0.5), -1.9635100260214235, 1e-14);
    assert_near(special_gauss_one(1, 2, 0.5, NULL), 2 * log(2), 1e-14); /* -log(1-z)/z */
    assert_near(special_gauss_one(3, 3, 0.75, NULL), 4, 1e-13);         /* 1/(1-z) */
    assert_near(special_gauss_rest(1, 1, 1, 0.9), -log(0.1), 1e-13);
    assert_near(special_gauss_log(2, 3, 3, 0.75), 2 * log(4), 1e-14);       /* (1-z)^-2 */
    assert_near(special_gauss_log(2000, 3, 3, 0.75), 2000 * log(4), 1e-13); /* larger than a double holds */
    assert_near(special_normal(1.959963984540054), 0.975, 1e-14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_are_what_their_stories_come_to),
        cmocka_unit_test(customers_come_out_as_published),
        cmocka_unit_test(worth_is_what_its_story_comes_to),
        cmocka_unit_test(slopes_are_the_differences),
        cmocka_unit_test(extremes_stay_numbers),
        cmocka_unit_test(stopping_that_is_alike_stays_a_number),
        cmocka_unit_test(same_numbers_are_one_group),
        cmocka_unit_test(parameters_put_in_are_found),
        cmocka_unit_test(too_little_is_said),
        cmocka_unit_test(cdnow_comes_out_as_published),
        cmocka_unit_test(cdnow_orders_are_worth_what_was_published),
        cmocka_unit_test(functions_keep_their_identities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
