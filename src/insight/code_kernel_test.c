/* code_kernel_test: random bytes and starts of all lengths against plain loops, with data that must be refused. */
#include "insight/code_kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SEED 7
#define ROUNDS 3000
#define ROWS_MAX 6000 /* more than sums of bytes hold */

static void maps_as_one_by_one(void **state) {
    static uint8_t data[ROWS_MAX], out[ROWS_MAX];
    unsigned refused = 0;
    struct random r;
    (void)state;
    random_init(&r, SEED);
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t kinds = (uint32_t)random_between(&r, 1, CODE_KINDS_FEW),
                       count = (uint32_t)random_below(&r, random_chance(&r, 0.9) ? 200 : ROWS_MAX);
        uint8_t map[CODE_KINDS_FEW];
        bool sound = true;
        for (uint32_t k = 0; k < kinds; k++)
            map[k] = (uint8_t)random_below(&r, 255);
        for (uint32_t i = 0; i < count; i++) {
            data[i] = (uint8_t)random_below(&r, random_below(&r, 200)    ? kinds
                                                : random_chance(&r, 0.5) ? kinds + 2
                                                                         : 256);
            sound = sound && data[i] < kinds;
        }
        if (code_map(out, data, count, map, kinds) != sound)
            fail_msg("round %d of seed %d: %u kinds, %u rows", round, SEED, kinds, count);
        for (uint32_t i = 0; i < count && sound; i++)
            assert_int_equal(out[i], map[data[i]]);
        refused += !sound;
    }
    assert_true(refused > 100 && refused < ROUNDS - 100);
}

static void counts_as_one_by_one(void **state) {
    static uint8_t codes[ROWS_MAX];
    struct random r;
    (void)state;
    random_init(&r, SEED + 1);
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t kinds = (uint32_t)random_between(&r, 1, random_chance(&r, 0.7) ? 9 : 256),
                       count = (uint32_t)random_below(&r, random_chance(&r, 0.5) ? 600 : ROWS_MAX);
        uint64_t counts[256] = {[3] = 5}, expected[256] = {[3] = 5}; /* added to what there is */
        for (uint32_t i = 0; i < count; i++) {
            codes[i] = random_chance(&r, 0.5) ? 0 : (uint8_t)random_below(&r, kinds);
            expected[codes[i]]++;
        }
        code_count(counts, codes, count, kinds);
        assert_memory_equal(counts, expected, sizeof counts);
    }
}

static void owners_as_one_by_one(void **state) {
    struct random r;
    (void)state;
    random_init(&r, SEED + 2);
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t count = (uint32_t)random_below(&r, 65);
        uint32_t starts[65] = {(uint32_t)random_next(&r) / 2};
        uint64_t expected = 0;
        for (uint32_t i = 0; i < count; i++) {
            starts[i + 1] = starts[i] + (random_chance(&r, 0.5) ? 0 : (uint32_t)random_between(&r, 1, 512));
            expected |= (uint64_t)(starts[i + 1] > starts[i]) << i;
        }
        assert_int_equal(code_owners(starts, count), expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(maps_as_one_by_one), cmocka_unit_test(counts_as_one_by_one),
                                       cmocka_unit_test(owners_as_one_by_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
