/* stream_test: orders of times against sorting, few and many, with equal ones. */
#include "insight/stream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define MANY 500

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void orders_are_stable(void **state) {
    struct random r;
    (void)state;
    random_init(&r, 7);
    for (unsigned round = 0; round < 300; round++) {
        int64_t times[MANY], sorted[MANY];
        uint32_t order[MANY], room[MANY];
        size_t count = random_below(&r, round % 2 ? 40 : MANY);
        for (size_t i = 0; i < count; i++)
            sorted[i] = times[i] = (int64_t)random_below(&r, 60) - 30;
        qsort(sorted, count, sizeof *sorted, by_value);
        stream_order(times, count, order, room);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(times[order[i]], sorted[i]);
            assert_true(i == 0 || sorted[i - 1] != sorted[i] || order[i - 1] < order[i]);
        }
    }
}

static void keys_are_sorted_or_tie(void **state) {
    struct random r;
    unsigned tied = 0;
    (void)state;
    random_init(&r, 8);
    for (unsigned round = 0; round < 3000; round++) {
        int64_t keys[STREAM_KEYS_MAX], sorted[STREAM_KEYS_MAX], out[STREAM_KEYS_MAX] = {0};
        size_t count = random_below(&r, STREAM_KEYS_MAX);
        bool ties = false;
        for (size_t i = 0; i < count; i++) {
            int64_t time = (int64_t)random_below(&r, round % 3 ? 1000000 : 100) - 50;
            sorted[i] = keys[i] = (int64_t)((uint64_t)time << 8 | random_below(&r, 3));
        }
        qsort(sorted, count, sizeof *sorted, by_value);
        for (size_t i = 1; i < count; i++)
            ties = ties || sorted[i - 1] >> 8 == sorted[i] >> 8;
        assert_int_equal(stream_sort_keys(keys, count, out), !ties);
        tied += ties;
        if (!ties && count)
            assert_memory_equal(out, sorted, count * sizeof *out);
    }
    assert_true(tied > 100 && tied < 2900);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_stable),
        cmocka_unit_test(keys_are_sorted_or_tie),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
