/* gunzip: what zlib packed comes back whole, in pieces of any size, and never more than was allowed. */
#include "collect/gunzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/random.h"

static void pack(struct slice text, int window_bits, struct buffer *into) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.avail_in = (uInt)text.size;
    z.next_out = (Bytef *)buffer_reserve(into, text.size + 1000);
    z.avail_out = (uInt)text.size + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    into->size += z.total_out;
    deflateEnd(&z);
}

static void test_limit(void **state) {
    (void)state;
    struct gunzip *g = gunzip_create();
    struct buffer zeros = {0}, packed = {0}, out = {0};
    struct fault fault = {0};
    memset(buffer_reserve(&zeros, 1 << 20), 0, 1 << 20);
    zeros.size = 1 << 20;
    for (int window_bits = 15; window_bits <= 31; window_bits += 16) {
        buffer_clear(&packed);
        pack(buffer_slice(&zeros), window_bits, &packed);
        assert_int_equal(gunzip_is(buffer_slice(&packed)), window_bits == 31);
        buffer_clear(&out);
        buffer_add(&out, "kept", 4);
        assert_int_equal(gunzip_whole(g, buffer_slice(&packed), 1 << 20, &out, &fault), STATUS_OK);
        assert_int_equal(out.size, 4 + (1 << 20));
        buffer_release(&out);
        buffer_add(&out, "kept", 4);
        assert_int_equal(gunzip_whole(g, buffer_slice(&packed), (1 << 20) - 1, &out, &fault), STATUS_TOO_LARGE);
        assert_int_equal(gunzip_whole(g, buffer_slice(&packed), 70000, &out, &fault), STATUS_TOO_LARGE);
        assert_true(slice_is(buffer_slice(&out), "kept"));
        assert_true(out.capacity < 300000 || window_bits == 15 || out.capacity < 2 << 20);
    }
    gunzip_free(g);
    buffer_release(&zeros);
    buffer_release(&packed);
    buffer_release(&out);
}

static void test_broken(void **state) {
    (void)state;
    struct gunzip *g = gunzip_create();
    struct buffer packed = {0}, out = {0};
    struct fault fault = {0};
    pack(SLICE("a short text, a short text"), 31, &packed);
    for (size_t size = 0; size < packed.size; size++)
        assert_int_equal(gunzip_whole(g, slice_of(packed.data, size), 1000, &out, &fault), STATUS_INVALID);
    for (size_t i = 10; i < packed.size; i++) { /* behind the header only padding may differ without a word */
        packed.data[i] ^= 0x10;
        if (gunzip_whole(g, buffer_slice(&packed), 1000, &out, &fault) == STATUS_OK)
            assert_true(slice_is(buffer_slice(&out), "a short text, a short text"));
        else
            assert_int_equal(out.size, 0);
        buffer_clear(&out);
        packed.data[i] ^= 0x10;
    }
    assert_int_equal(gunzip_whole(g, buffer_slice(&packed), 1000, &out, &fault), STATUS_OK);
    buffer_add(&packed, "more", 4);
    assert_int_equal(gunzip_whole(g, buffer_slice(&packed), 1000, &out, &fault), STATUS_INVALID);
    gunzip_free(g);
    buffer_release(&packed);
    buffer_release(&out);
}

static void test_pieces_and_members(void **state) {
    (void)state;
    struct gunzip *g = gunzip_create();
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct random r;
        struct buffer text = {0}, packed = {0}, out = {0};
        struct fault fault = {0};
        random_init(&r, seed);
        for (uint64_t member = 0, members = 1 + random_below(&r, 3); member < members; member++) {
            size_t start = text.size;
            for (uint64_t i = random_below(&r, 200000); i; i--)
                buffer_add_char(&text, (char)('a' + random_below(&r, 1 + seed % 20)));
            pack(slice_of(text.data + start, text.size - start), 31, &packed);
        }
        gunzip_start(g);
        for (size_t at = 0; at <= packed.size;) {
            size_t size = random_below(&r, 20000), left = packed.size - at;
            bool last = size >= left;
            struct slice piece = slice_of(packed.data + at, last ? left : size);
            assert_int_equal(gunzip_feed(g, piece, last, 64 << 20, &out, &fault), STATUS_OK);
            at += piece.size + last;
        }
        if (!slice_equal(buffer_slice(&text), buffer_slice(&out)))
            fail_msg("seed %llu", (unsigned long long)seed);
        buffer_release(&text);
        buffer_release(&packed);
        buffer_release(&out);
    }
    gunzip_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_pieces_and_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
