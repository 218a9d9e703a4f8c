/* statistics_test: against published figures, and quantiles against sorting. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/statistics.h"

/* Newcombe 1998, table I, method 3 (Wilson's score): 81 of 263, 15 of 148, 0 of 20, 1 of 29. */
static void wilson_as_published(void **state) {
    (void)state;
    static const struct {
        uint64_t part, whole;
        double low, high;
    } rows[] = {{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0, 0.1611}, {1, 29, 0.0061, 0.1718}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct interval v = share_interval(rows[i].part, rows[i].whole);
        assert_true(fabs(v.low - rows[i].low) < 0.0001 && fabs(v.high - rows[i].high) < 0.0001);
    }
    assert_true(share_interval(5, 5).high == 1);
    assert_true(share_interval(0, 0).low == 0 && share_interval(0, 0).high == 1);
}

static void two_shares(void **state) {
    (void)state;
    double z;
    double p = shares_differ(60, 100, 45, 100, &z); /* pooled: z = 0.15 / sqrt(0.525 * 0.475 * 0.02) */
    assert_true(fabs(z - 2.12398) < 1e-4 && fabs(p - 0.03367) < 1e-4);
    assert_true(fabs(normal_two_sided(1.959964) - 0.05) < 1e-6);
    assert_true(shares_differ(0, 0, 1, 2, &z) == 1 && z == 0);
    assert_true(shares_differ(3, 3, 7, 7, NULL) == 1);
}

static void holm_as_in_r(void **state) {
    (void)state;
    double p[] = {0.01, 0.04, 0.03, 0.005}; /* p.adjust(..., "holm") */
    const double adjusted[] = {0.03, 0.06, 0.06, 0.02};
    holm_adjust(p, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(p[i] - adjusted[i]) < 1e-12);
}

static int ascending(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void quantiles_as_sorted(void **state) {
    (void)state;
    const uint64_t seed = 11;
    struct random r;
    random_init(&r, seed);
    static int64_t values[5000], sorted[5000];
    static const double q[] = {0, 0.1, 0.25, 0.5, 0.9, 0.999, 1};
    for (int round = 0; round < 60; round++) {
        size_t count = 1 + random_below(&r, round % 2 ? 20 : 5000);
        uint64_t spread = UINT64_C(1) << random_below(&r, 45);
        double out[7];
        for (size_t i = 0; i < count; i++)
            sorted[i] = values[i] = (int64_t)random_below(&r, spread) - (int64_t)(spread / 3);
        quantiles_of(values, count, q, 7, out);
        qsort(sorted, count, sizeof *sorted, ascending);
        for (size_t k = 0; k < 7; k++) {
            double place = q[k] * (double)(count - 1);
            size_t rank = (size_t)place, next = rank + 1 < count ? rank + 1 : rank;
            double right = (double)sorted[rank] + (place - (double)rank) * (double)(sorted[next] - sorted[rank]);
            if (fabs(out[k] - right) > 1e-6 * fabs(right) + 1e-6)
                fail_msg("seed %llu, round %d: quantile %g is %.3f, not %.3f", (unsigned long long)seed, round, q[k],
                         out[k], right);
        }
    }
    double none;
    quantiles_of(NULL, 0, q, 1, &none);
    assert_true(isnan(none));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wilson_as_published),
        cmocka_unit_test(two_shares),
        cmocka_unit_test(holm_as_in_r),
        cmocka_unit_test(quantiles_as_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
