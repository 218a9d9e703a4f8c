/* hash: known answers (these numbers stand in files, so they may never change), and the two ways to a CRC against a third. */
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"

static void test_known_crc(void **state) {
    (void)state;
    unsigned char zeros[32] = {0}, ones[32];
    memset(ones, 0xff, sizeof ones);
    assert_int_equal(crc32c(0, "", 0), 0);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u); /* the check value of the catalogue of CRCs */
    assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aau);      /* RFC 3720, B.4 */
    assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43u);
}

static uint32_t crc_bit_by_bit(uint32_t crc, const unsigned char *p, size_t size) {
    crc = ~crc;
    while (size--) {
        crc ^= *p++;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return ~crc;
}

static void test_crc_of_pieces(void **state) {
    (void)state;
    struct random random;
    unsigned char bytes[700];
    random_init(&random, 3);
    for (int round = 0; round < 400; round++) {
        size_t size = random_below(&random, sizeof bytes), start = random_below(&random, 9), cut;
        start = start < size ? start : 0;
        cut = start + random_below(&random, size - start + 1);
        for (size_t i = 0; i < size; i++)
            bytes[i] = (unsigned char)random_next(&random);
        uint32_t whole = crc32c(0, bytes + start, size - start);
        assert_int_equal(whole, crc_bit_by_bit(0, bytes + start, size - start));
        assert_int_equal(whole, crc32c(crc32c(0, bytes + start, cut - start), bytes + cut, size - cut));
    }
}

static void test_mix_and_back(void **state) {
    (void)state;
    struct random random;
    random_init(&random, 4);
    assert_int_equal(hash_unmix(hash_mix(0)), 0);
    assert_int_equal(hash_unmix(hash_mix(UINT64_MAX)), UINT64_MAX);
    assert_true(hash_mix(1) == 0xb456bcfc34c2cb2cULL); /* finalizer of MurmurHash3 */
    for (int i = 0; i < 10000; i++) {
        uint64_t x = random_next(&random);
        assert_true(hash_unmix(hash_mix(x)) == x);
        assert_true(hash_mix(hash_unmix(x)) == x);
        assert_in_range(__builtin_popcountll(hash_mix(x) ^ hash_mix(x ^ 1)), 8, 56);
    }
}

static void test_known_xxh3(void **state) {
    (void)state;
    assert_true(hash_bytes(SLICE(""), 0) == 0x2d06800538d394c2ULL); /* XXH3_64bits("") with seed 0 */
    assert_true(hash_bytes(SLICE("a"), 0) != hash_bytes(SLICE("a"), 1));
    assert_true(hash_bytes(SLICE("ab"), 0) != hash_bytes(SLICE("ba"), 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_crc),
        cmocka_unit_test(test_crc_of_pieces),
        cmocka_unit_test(test_mix_and_back),
        cmocka_unit_test(test_known_xxh3),
    };
    return cmocka_run_group_tests_name("base/hash", tests, NULL, NULL);
}
