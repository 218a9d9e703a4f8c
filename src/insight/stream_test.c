/* stream_test: orders of times against sorting, with equal ones. */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_stable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
