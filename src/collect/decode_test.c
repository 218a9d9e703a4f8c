/* decode: known characters, every character there is against iconv, bad bytes, and pieces of any size against one. */
#include "collect/decode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <iconv.h>

#include "base/random.h"

static size_t decode_all(enum encoding encoding, struct slice bytes, size_t piece, struct buffer *out,
                         struct buffer *marks) {
    struct decode *d = decode_create(encoding);
    for (size_t at = 0; at < bytes.size; at += piece) {
        size_t size = bytes.size - at < piece ? bytes.size - at : piece;
        decode_feed(d, slice_of(bytes.data + at, size), false, out, marks);
    }
    decode_feed(d, SLICE_NONE, true, out, marks);
    decode_free(d);
    return marks->size / sizeof(size_t);
}

static void expect(enum encoding encoding, const char *bytes, const char *want, size_t bad) {
    for (size_t piece = 1; piece <= 8; piece++) {
        struct buffer out = {0}, marks = {0};
        size_t got = decode_all(encoding, slice_text(bytes), piece, &out, &marks);
        if (got != bad || !slice_is(buffer_slice(&out), want))
            fail_msg("\"%s\" in pieces of %zu: %zu bad, \"%.*s\"", bytes, piece, got, (int)out.size, out.data);
        buffer_release(&out);
        buffer_release(&marks);
    }
}

static void test_examples(void **state) {
    (void)state;
    expect(ENCODING_UTF8, "", "", 0);
    expect(ENCODING_UTF8, "abc 店铺 \xf0\x9f\x98\x80", "abc 店铺 \xf0\x9f\x98\x80", 0);
    expect(ENCODING_UTF8, "a\xff", "a\xef\xbf\xbd", 1);
    expect(ENCODING_UTF8, "\xef\xbf\xbd", "\xef\xbf\xbd", 0); /* one that is really there */
    expect(ENCODING_UTF8, "\xe5\xba", "\xef\xbf\xbd", 1);     /* cut off */
    expect(ENCODING_UTF8, "\xe5x", "\xef\xbf\xbdx", 1);
    expect(ENCODING_UTF8, "\xc0\x80", "\xef\xbf\xbd\xef\xbf\xbd", 2);                 /* overlong */
    expect(ENCODING_UTF8, "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3); /* a surrogate */
    expect(ENCODING_GB18030, "\xb5\xea\xc6\xcc,abc", "店铺,abc", 0);
    expect(ENCODING_GB18030, "\x94\x39\xda\x33", "\xf0\x9f\x92\xa9", 0); /* four bytes, beyond the BMP */
    expect(ENCODING_GB18030, "\x81\x30\x81\x30", "\xc2\x80", 0);
    expect(ENCODING_GB18030,
           "a\x80"
           "b",
           "a\xef\xbf\xbd"
           "b",
           1);
    expect(ENCODING_GB18030, "\xb5\n", "\xef\xbf\xbd\n", 1); /* a line end is never swallowed */
    expect(ENCODING_GB18030, "\xb5,x", "\xef\xbf\xbd,x", 1);
    expect(ENCODING_GB18030, "\xb5", "\xef\xbf\xbd", 1);
    expect(ENCODING_GB18030, "\x81\x30\x81", "\xef\xbf\xbd", 1);
    expect(ENCODING_GB18030, "\x81\x30,",
           "\xef\xbf\xbd"
           "0,",
           1);
}

static void test_every_character(void **state) {
    (void)state;
    iconv_t from_utf8 = iconv_open("GB18030", "UCS-4LE"), to_utf8 = iconv_open("UTF-8", "UCS-4LE");
    struct decode *d = decode_create(ENCODING_GB18030);
    size_t count = 0;
    for (uint32_t point = 1; point < 0x110000; point += point < 0x10000 ? 1 : 97) {
        char gb[16], utf8[16];
        char *in = (char *)&point, *out = gb;
        size_t in_left = 4, out_left = sizeof gb;
        if (iconv(from_utf8, &in, &in_left, &out, &out_left) != 0)
            continue;
        struct slice encoded = slice_of(gb, (size_t)(out - gb));
        in = (char *)&point;
        out = utf8;
        in_left = 4;
        out_left = sizeof utf8;
        if (iconv(to_utf8, &in, &in_left, &out, &out_left) != 0)
            continue;
        struct buffer got = {0}, marks = {0};
        decode_feed(d, encoded, false, &got, &marks);
        if (marks.size || !slice_equal(buffer_slice(&got), slice_of(utf8, (size_t)(out - utf8))))
            fail_msg("U+%04X", point);
        buffer_release(&got);
        buffer_release(&marks);
        count++;
    }
    assert_true(count > 60000);
    decode_free(d);
    iconv_close(from_utf8);
    iconv_close(to_utf8);
}

static void test_random_pieces(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        struct random r;
        char bytes[200];
        size_t size;
        random_init(&r, seed);
        size = random_below(&r, sizeof bytes);
        for (size_t i = 0; i < size; i++) {
            uint64_t kind = random_below(&r, 4);
            bytes[i] = (char)(kind == 0 ? 'a' : kind == 1 ? '0' + random_below(&r, 10) : 0x80 + random_below(&r, 128));
        }
        for (int e = ENCODING_UTF8; e <= ENCODING_GB18030; e++) {
            struct buffer one = {0}, one_marks = {0}, many = {0}, many_marks = {0};
            decode_all((enum encoding)e, slice_of(bytes, size), 1000, &one, &one_marks);
            decode_all((enum encoding)e, slice_of(bytes, size), 1 + random_below(&r, 9), &many, &many_marks);
            if (!slice_equal(buffer_slice(&one), buffer_slice(&many)) ||
                !slice_equal(buffer_slice(&one_marks), buffer_slice(&many_marks)))
                fail_msg("seed %llu", (unsigned long long)seed);
            for (size_t i = 0; i < one_marks.size / sizeof(size_t); i++)
                assert_memory_equal(one.data + ((size_t *)(void *)one_marks.data)[i], "\xef\xbf\xbd", 3);
            buffer_clear(&many_marks);
            buffer_clear(&many); /* what comes out is always well-formed */
            assert_int_equal(decode_all(ENCODING_UTF8, buffer_slice(&one), 7, &many, &many_marks), 0);
            buffer_release(&one);
            buffer_release(&one_marks);
            buffer_release(&many);
            buffer_release(&many_marks);
        }
    }
}

static void test_looks_like(void **state) {
    (void)state;
    assert_true(decode_looks_like(ENCODING_GB18030, SLICE("\xb5\xea\xc6\xcc,a")));
    assert_false(decode_looks_like(ENCODING_UTF8, SLICE("\xb5\xea\xc6\xcc,a")));
    assert_true(decode_looks_like(ENCODING_UTF8, SLICE("店\xe9")));
    assert_false(decode_looks_like(ENCODING_UTF8, SLICE("abc")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_every_character),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_looks_like),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
