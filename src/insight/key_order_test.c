/* key_order_test: rows of random customers in random runs, put into order, against sorting them all; few, many, none, with equal times. */
#include "insight/key_order.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"

#define CUSTOMERS 700
#define RUNS 5

static int by_value(const void *a, const void *b) {
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct bed {
    uint64_t *keys[RUNS];
    uint32_t starts[RUNS][CUSTOMERS + 1];
    struct key_run runs[RUNS];
    uint64_t asked[CUSTOMERS / 64 + 1];
    int64_t low, high;
};

static int64_t random_time(struct random *r, uint64_t kind) {
    switch (kind) {
    case 0:
        return (int64_t)random_below(r, 100); /* many of one moment */
    case 1:
        return (int64_t)(random_below(r, 2) ? KEY_TIME_MAX - random_below(r, 9) : -KEY_TIME_MAX + random_below(r, 9));
    default:
        return INT64_C(1735689600000) + (int64_t)random_below(r, UINT64_C(1) << (25 + 3 * kind));
    }
}

static void fill(struct bed *b, struct random *r, uint64_t kind) {
    const uint64_t most = 1 + random_below(r, random_below(r, 3) ? 8 : 40);
    for (unsigned run = 0; run < RUNS; run++) {
        uint32_t count = (uint32_t)random_below(r, 10); /* starts are absolute */
        b->keys[run] = memory_get(CUSTOMERS * most + KEY_PADDING, sizeof **b->keys);
        uint64_t *out = b->keys[run];
        for (uint32_t i = 0; i < CUSTOMERS; i++) {
            const uint64_t rows = random_below(r, most);
            b->starts[run][i] = count;
            for (uint64_t k = 0; k < rows; k++) {
                int64_t time = random_time(r, kind);
                b->low = time < b->low ? time : b->low;
                b->high = time > b->high ? time : b->high;
                out[k] = key_of(time, (uint8_t)run);
            }
            qsort(out, rows, sizeof *out, by_value);
            out += rows;
            count += (uint32_t)rows;
        }
        b->starts[run][CUSTOMERS] = count;
        b->runs[run] = (struct key_run){b->keys[run], b->starts[run]};
    }
    for (uint32_t i = 0; i < CUSTOMERS; i++)
        b->asked[i / 64] |= (uint64_t)(random_below(r, 8) > 0) << (i % 64);
}

/* Customer `first + i` by sorting; returns whether two rows of different codes are of one moment. */
static bool check(const struct bed *b, const struct key_order *o, uint32_t first, uint32_t i, uint64_t seed) {
    uint64_t sorted[RUNS * 64];
    size_t count = 0;
    bool tied = false;
    for (unsigned run = 0; run < RUNS && b->asked[(first + i) / 64] >> (i % 64) & 1; run++)
        for (uint32_t k = b->starts[run][first + i]; k < b->starts[run][first + i + 1]; k++)
            sorted[count++] = (uint64_t)i << (KEY_TIME_BITS + 8) | b->keys[run][k - b->starts[run][0]];
    qsort(sorted, count, sizeof *sorted, by_value);
    for (size_t k = 1; k < count; k++)
        tied = tied || (sorted[k] >> 8 == sorted[k - 1] >> 8 && sorted[k] != sorted[k - 1]);
    if (o->starts[i + 1] - o->starts[i] != count || (o->tied[i / 64] >> (i % 64) & 1) != tied ||
        (!tied && memcmp(o->all + o->starts[i], sorted, count * sizeof *sorted) != 0))
        fail_msg("customer %u is not in order (seed %llu)", first + i, (unsigned long long)seed);
    return tied;
}

static void rows_are_in_order_or_tied(void **state) {
    struct key_order order = {0};
    unsigned tied = 0, all = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        static struct bed bed;
        struct random r;
        random_init(&r, seed);
        bed = (struct bed){.low = KEY_TIME_MAX, .high = -KEY_TIME_MAX};
        fill(&bed, &r, seed % 6);
        bed.low = bed.low > bed.high ? bed.high : bed.low;
        for (uint32_t first = 0; first < CUSTOMERS; first += KEY_CUSTOMERS) {
            const uint32_t count = CUSTOMERS - first < KEY_CUSTOMERS ? CUSTOMERS - first : KEY_CUSTOMERS;
            size_t keys = key_order_run(&order, bed.runs, RUNS, first, count, bed.asked, bed.low, bed.high);
            assert_int_equal(keys, order.starts[count]);
            for (uint32_t i = 0; i < count; i++, all++)
                tied += check(&bed, &order, first, i, seed);
        }
        for (unsigned run = 0; run < RUNS; run++)
            free(bed.keys[run]);
    }
    assert_true(tied > 500 && tied < all / 2);
    key_order_release(&order);
}

static void keys_keep_what_they_are_made_of(void **state) {
    static const int64_t times[] = {0, -1, 1735689600123, -2208988800000, KEY_TIME_MAX, -KEY_TIME_MAX};
    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t key = (uint64_t)511 << (KEY_TIME_BITS + 8) | key_of(times[i], 200);
        assert_int_equal(key_time(key), times[i]);
        assert_int_equal(key_code(key), 200);
        assert_int_equal(key_customer(key), 511);
    }
    assert_int_equal(key_clamp(INT64_MAX), KEY_TIME_MAX);
    assert_int_equal(key_clamp(INT64_MIN), -KEY_TIME_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_in_order_or_tied),
        cmocka_unit_test(keys_keep_what_they_are_made_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
