/* limits: a bucket lets through its rate and a burst of two seconds, and says how long to wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "serve/limits.h"

#define SECOND_NS 1000000000ull

static unsigned passed(struct limits *limits, uint16_t source, unsigned tries, uint64_t from_ns, uint64_t step_ns) {
    unsigned count = 0;
    for (unsigned i = 0; i < tries; i++)
        count += limits_take(limits, source, from_ns + i * step_ns) == 0;
    return count;
}

static void test_burst_then_rate(void **state) {
    (void)state;
    struct limits *limits = limits_create(10);
    uint64_t now = 12345 * SECOND_NS;
    assert_int_equal(passed(limits, 1, 1000, now, 0), 20);
    assert_int_equal(limits_take(limits, 1, now), 1);
    assert_int_equal(passed(limits, 2, 1000, now, 0), 20); /* sources do not share */
    assert_in_range(passed(limits, 1, 1000, now + SECOND_NS, SECOND_NS / 100), 9 + 100,
                    11 + 100); /* 10 s at a hundred a second */
    assert_int_equal(passed(limits, 65535, 5, now, 0), 5);
    limits_free(limits);
}

static void test_any_order_of_times(void **state) {
    (void)state;
    struct random r;
    struct limits *limits = limits_create(100);
    random_init(&r, 7);
    uint64_t start = 1000 * SECOND_NS;
    unsigned count = 0;
    for (int i = 0; i < 100000; i++)
        count += limits_take(limits, 3, start + random_below(&r, 10 * SECOND_NS)) == 0;
    assert_in_range(count, 100, 1201); /* ten seconds' worth and the burst at most */
    limits_free(limits);
}

static void test_one_a_second(void **state) {
    (void)state;
    struct limits *limits = limits_create(1);
    assert_int_equal(passed(limits, 1, 10, SECOND_NS, 0), 2);
    assert_int_equal(passed(limits, 1, 10, 2 * SECOND_NS, SECOND_NS), 10);
    limits_free(limits);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_any_order_of_times),
        cmocka_unit_test(test_one_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
