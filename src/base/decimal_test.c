/* decimal: examples, and 128-bit arithmetic as the slow twin of what fits. */
#include "base/decimal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

static void test_parse(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum status status;
        int64_t value;
        unsigned scale;
    } cases[] = {
        {"0", STATUS_OK, 0, 0},
        {"-0.000", STATUS_OK, 0, 0},
        {"1234.50", STATUS_OK, 12345, 1},
        {"-3", STATUS_OK, -3, 0},
        {"+7", STATUS_OK, 7, 0},
        {".5", STATUS_OK, 5, 1},
        {"5.", STATUS_OK, 5, 0},
        {"1e3", STATUS_OK, 1000, 0},
        {"1.5E+2", STATUS_OK, 150, 0},
        {"15e-1", STATUS_OK, 15, 1},
        {"100e-2", STATUS_OK, 1, 0},
        {"0e999999999999", STATUS_OK, 0, 0},
        {"0.000001", STATUS_OK, 1, 6},
        {"0.0000010", STATUS_OK, 1, 6},
        {"9223372036854775807", STATUS_OK, INT64_MAX, 0},
        {"-9223372036854775807", STATUS_OK, -INT64_MAX, 0},
        {"9223372036854775808", STATUS_TOO_LARGE, 0, 0},
        {"0.0000001", STATUS_TOO_LARGE, 0, 0},
        {"1e19", STATUS_TOO_LARGE, 0, 0},
        {"1e-7", STATUS_TOO_LARGE, 0, 0},
        {"", STATUS_INVALID, 0, 0},
        {"-", STATUS_INVALID, 0, 0},
        {".", STATUS_INVALID, 0, 0},
        {"1.2.3", STATUS_INVALID, 0, 0},
        {"1,000", STATUS_INVALID, 0, 0},
        {" 1", STATUS_INVALID, 0, 0},
        {"1 ", STATUS_INVALID, 0, 0},
        {"1e", STATUS_INVALID, 0, 0},
        {"1e+", STATUS_INVALID, 0, 0},
        {"e3", STATUS_INVALID, 0, 0},
        {"0x10", STATUS_INVALID, 0, 0},
        {"nan", STATUS_INVALID, 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct decimal got = {0};
        enum status status = decimal_parse(slice_text(cases[i].text), &got);
        if (status != cases[i].status || got.value != cases[i].value || got.scale != cases[i].scale)
            fail_msg("\"%s\": %s, %lld / 10^%u", cases[i].text, status_name(status), (long long)got.value, got.scale);
    }
}

/* What has up to six decimals and fits comes back, written with any number of zeros and through a double where one holds it. */
static void test_written_is_read(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 7);
    for (int i = 0; i < 20000; i++) {
        unsigned scale = (unsigned)random_below(&random, DECIMAL_SCALE_MAX + 1);
        int64_t value = random_between(&random, -1000000000, 1000000000);
        int64_t power = 1;
        for (unsigned k = 0; k < scale; k++)
            power *= 10;
        char text[64];
        int64_t magnitude = value < 0 ? -value : value;
        snprintf(text, sizeof text, "%s%lld.%0*lld00", value < 0 ? "-" : "", (long long)(magnitude / power), (int)scale,
                 (long long)(scale ? magnitude % power : 0));
        struct decimal got, real;
        if (decimal_parse(slice_text(text), &got) != STATUS_OK)
            fail_msg("seed 7, case %d: refused %s", i, text);
        int64_t at_six = got.value, want = value;
        assert_true(decimal_rescale(&at_six, got.scale, DECIMAL_SCALE_MAX));
        assert_true(decimal_rescale(&want, scale, DECIMAL_SCALE_MAX));
        assert_int_equal(at_six, want);
        assert_true(got.scale == 0 || got.value % 10 != 0);
        assert_true(decimal_of_real(strtod(text, NULL), &real));
        assert_int_equal(real.value, got.value);
        assert_int_equal(real.scale, got.scale);
        assert_true(decimal_real(got.value, got.scale) == strtod(text, NULL));
    }
}

static void test_reals_that_are_none(void **state) {
    (void)state;
    struct decimal got;
    assert_false(decimal_of_real(1.0 / 3, &got));
    assert_false(decimal_of_real(1e12, &got));
    assert_false(decimal_of_real(1e300, &got));
    assert_false(decimal_of_real(strtod("nan", NULL), &got));
    assert_false(decimal_of_real(-strtod("inf", NULL), &got));
    assert_false(decimal_of_real(0.1234567, &got));
    assert_true(decimal_of_real(-0.0, &got));
    assert_int_equal(got.value, 0);
    assert_true(decimal_of_real(0.1, &got));
    assert_true(got.value == 1 && got.scale == 1);
}

static void test_rescale(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 8);
    for (int i = 0; i < 20000; i++) {
        unsigned from = (unsigned)random_below(&random, 8), to = (unsigned)random_below(&random, 8);
        int64_t value = (int64_t)random_next(&random) >> random_below(&random, 64), got = value;
        __int128 want = value;
        for (unsigned k = from; k < to; k++)
            want *= 10;
        bool fits = from <= to && to <= DECIMAL_SCALE_MAX && want >= INT64_MIN && want <= INT64_MAX;
        assert_int_equal(decimal_rescale(&got, from, to), fits);
        if (fits)
            assert_true(got == (int64_t)want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_written_is_read),
        cmocka_unit_test(test_reals_that_are_none),
        cmocka_unit_test(test_rescale),
    };
    return cmocka_run_group_tests_name("base/decimal", tests, NULL, NULL);
}
