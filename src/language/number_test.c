/* number_test: exact numbers against the twin's, and ranges of raw values against comparing each. */
#include "language/number.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "language/value_model.h"

#define SEED 20261121

static struct number random_number(struct random *r) {
    static const int64_t edges[] = {0, 1, -1, 5, 10, 100, 99, -99, 1000000, INT64_MAX, INT64_MIN, INT64_MAX / 10};
    unsigned scale = (unsigned)random_below(r, DECIMAL_SCALE_MAX + 1);
    switch (random_below(r, 4)) {
    case 0:
        return number_decimal(edges[random_below(r, sizeof edges / sizeof *edges)], scale);
    case 1:
        return number_of_real((random_unit(r) - 0.5) * pow(10, (double)random_between(r, -9, 15)));
    default:
        return number_decimal(random_between(r, -2000, 2000), scale);
    }
}

static struct value twin_of(struct number n) {
    return n.scale == NUMBER_REAL ? value_real(n.real) : value_exact(n.integer, n.scale);
}

static void same(struct number n, struct value v, const char *what, uint64_t step) {
    n = number_reduced(n);
    bool equal = n.scale == v.scale && (n.scale == NUMBER_REAL ? n.real == v.real : n.integer == v.integer);
    if (!equal)
        fail_msg("seed %d, step %llu: %s gives %lld / 10^%u, the twin %lld / 10^%u", SEED, (unsigned long long)step,
                 what, (long long)n.integer, n.scale, (long long)v.integer, v.scale);
}

static void arithmetic_is_the_twins(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (uint64_t i = 0; i < 100000; i++) {
        struct number a = random_number(&r), b = random_number(&r), got;
        for (enum op op = OP_ADD; op <= OP_MODULO; op++) {
            struct value wanted = number_arithmetic(op, twin_of(a), twin_of(b));
            bool there = number_calculate(op, a, b, &got);
            assert_int_equal(there, wanted.type != TERM_NONE);
            if (there)
                same(got, wanted, operator_row(op)->word, i);
        }
        unsigned digits = (unsigned)random_below(&r, DECIMAL_SCALE_MAX + 1);
        same(number_rounded(a, digits), number_round(twin_of(a), digits), "round", i);
        same(number_floored(a), number_floor(twin_of(a)), "floor", i);
        int order = value_compare(NULL, twin_of(a), twin_of(b));
        assert_int_equal(number_compare(a, b), order);
        assert_int_equal(number_compare(b, a), -order);
    }
}

static const enum op orders[] = {OP_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL};

static bool stands(enum op op, int order) {
    return op == OP_EQUAL        ? order == 0
           : op == OP_LESS       ? order < 0
           : op == OP_LESS_EQUAL ? order <= 0
           : op == OP_GREATER    ? order > 0
                                 : order >= 0;
}

static void ranges_hold_what_compares_so(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (uint64_t i = 0; i < 40000; i++) {
        struct number bound = random_number(&r);
        unsigned scale = (unsigned)random_below(&r, DECIMAL_SCALE_MAX + 1);
        enum op op = orders[i % 5];
        struct number_range range = number_range_of(op, bound, scale);
        const int64_t around[] = {range.low, range.high, 0, random_between(&r, -30000, 30000), INT64_MIN, INT64_MAX};
        for (size_t k = 0; k < 6; k++)
            for (int by = -1; by <= 1; by++) {
                int64_t x = (int64_t)((uint64_t)around[k] + (uint64_t)by);
                assert_int_equal(x >= range.low && x <= range.high,
                                 stands(op, number_compare(number_decimal(x, scale), bound)));
            }
        struct number_reals reals = number_reals_of(op, bound);
        const double near[] = {reals.low, reals.high, number_as_real(bound), 0, random_unit(&r)};
        for (size_t k = 0; k < 5; k++) {
            double x = near[k], all[] = {x, nextafter(x, INFINITY), nextafter(x, -INFINITY)};
            for (size_t n = 0; n < 3; n++)
                if (!isinf(all[n]))
                    assert_int_equal(all[n] >= reals.low && all[n] <= reals.high,
                                     stands(op, number_compare(number_of_real(all[n]), bound)));
        }
    }
}

static void one_form(void **state) {
    (void)state;
    struct number sum;
    assert_true(number_calculate(OP_ADD, number_of_real(0.1), number_of_real(0.2), &sum));
    assert_int_equal(number_compare(sum, number_decimal(3, 1)), 0);
    assert_true(number_calculate(OP_DIVIDE, number_whole(1), number_whole(3), &sum));
    assert_int_equal(sum.scale, NUMBER_REAL);
    assert_true(number_calculate(OP_DIVIDE, number_whole(1), number_whole(8), &sum));
    assert_true(sum.scale == 3 || number_reduced(sum).scale == 3);
    assert_false(number_calculate(OP_MODULO, number_whole(1), number_decimal(0, 2), &sum));
    assert_true(number_calculate(OP_MULTIPLY, number_whole(INT64_MAX), number_whole(2), &sum));
    assert_int_equal(sum.scale, NUMBER_REAL);
    same(number_of_wide((__int128)INT64_MAX * 1000, 3), value_whole(INT64_MAX), "a wide number", 0);
    assert_int_equal(number_ceiled(number_decimal(-15, 1)).integer, -1);
    assert_int_equal(number_floored(number_decimal(-15, 1)).integer, -2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arithmetic_is_the_twins),
                                       cmocka_unit_test(ranges_hold_what_compares_so), cmocka_unit_test(one_form)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
