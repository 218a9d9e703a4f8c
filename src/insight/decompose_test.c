/* decompose_test: series made of a known trend, season, noise and outliers come apart again. */
#include "insight/decompose.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/spread.h"

#define SEED 31
#define DAYS 140

static const double week[7] = {-30, -10, 0, 5, 10, 40, -15};

static void make(double *values, struct random *r, double noise) {
    for (size_t i = 0; i < DAYS; i++)
        values[i] =
            100 + 0.5 * (double)i + week[i % 7] + noise * (random_unit(r) + random_unit(r) + random_unit(r) - 1.5);
}

static void parts_come_out_exactly_without_noise(void **state) {
    (void)state;
    double values[DAYS];
    struct random r;
    random_init(&r, SEED);
    make(values, &r, 0);
    struct decomposed d = decompose(values, DAYS, 7, 3.5);
    for (size_t i = 0; i < DAYS; i++) {
        assert_true(fabs(d.trend[i] - (100 + 0.5 * (double)i)) < 1e-9);
        assert_true(fabs(d.season[i] - week[i % 7]) < 1e-9);
        assert_true(fabs(d.score[i]) < 3.5);
    }
    assert_true(d.season_strength > 0.999 && d.trend_strength > 0.999);
    decompose_release(&d);
}

/* Five days that stand out are found, and nothing else, though a week has its own ups and downs that are larger. */
static void outliers_are_found_and_nothing_else(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    unsigned wrong = 0;
    for (unsigned round = 0; round < 20; round++) {
        double values[DAYS];
        size_t at[5];
        make(values, &r, 4);
        for (unsigned i = 0; i < 5; i++)
            values[at[i] = 10 + i * 25 + random_below(&r, 20)] += random_chance(&r, 0.5) ? 35 : -35;
        struct decomposed d = decompose(values, DAYS, 7, 4);
        for (size_t i = 0; i < DAYS; i++) {
            bool planted = false;
            for (unsigned k = 0; k < 5; k++)
                planted = planted || at[k] == i;
            wrong += planted != (fabs(d.score[i]) > 4);
        }
        decompose_release(&d);
    }
    assert_true(wrong <= 2); /* of 2,800 points */
}

static void the_period_is_found(void **state) {
    (void)state;
    double values[DAYS];
    struct random r;
    random_init(&r, SEED);
    make(values, &r, 4);
    assert_int_equal(decompose_find_period(values, DAYS, 60), 7);
    for (size_t i = 0; i < DAYS; i++)
        values[i] = 3 * (double)i + random_unit(&r);
    assert_true(decompose_find_period(values, DAYS, 60) != 7);
    for (size_t i = 0; i < DAYS; i++)
        values[i] = 5;
    assert_int_equal(decompose_find_period(values, DAYS, 60), 1);
}

static void short_and_flat_series_are_borne(void **state) {
    (void)state;
    static const double values[] = {5, 5, 5, 5, 5, 9, 5, 5};
    for (size_t count = 0; count <= 8; count++)
        for (size_t period = 1; period <= 9; period++) {
            struct decomposed d = decompose(values, count, period, 3.5);
            for (size_t i = 0; i < count; i++)
                assert_true(fabs(d.trend[i] + d.season[i] + d.rest[i] - values[i]) < 1e-12 && isfinite(d.score[i]));
            decompose_release(&d);
        }
    struct decomposed d = decompose(values, 8, 1, 3.5);
    assert_true(d.score[5] > 3.5 && fabs(d.score[0]) < 3.5);
    decompose_release(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_come_out_exactly_without_noise),
        cmocka_unit_test(outliers_are_found_and_nothing_else),
        cmocka_unit_test(the_period_is_found),
        cmocka_unit_test(short_and_flat_series_are_borne),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
