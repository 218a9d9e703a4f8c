/* Fuzz target: the first byte chooses the encoding and the size of pieces. What comes out is well-formed UTF-8, the
 * same whatever the pieces, and every mark stands on a U+FFFD. */
#include "collect/decode.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(enum encoding encoding, struct slice bytes, size_t piece, struct buffer *out, struct buffer *marks) {
    struct decode *d = decode_create(encoding);
    for (size_t at = 0; at < bytes.size; at += piece) {
        size_t part = bytes.size - at < piece ? bytes.size - at : piece;
        char *exact = memory_get(part, 1);
        memcpy(exact, bytes.data + at, part);
        decode_feed(d, slice_of(exact, part), at + part == bytes.size, out, marks);
        free(exact);
    }
    decode_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct buffer one = {0}, one_marks = {0}, many = {0}, many_marks = {0}, again = {0}, none = {0};
    if (!size)
        return 0;
    enum encoding encoding = data[0] & 1 ? ENCODING_GB18030 : ENCODING_UTF8;
    struct slice bytes = slice_of(data + 1, size - 1);
    run(encoding, bytes, size, &one, &one_marks);
    run(encoding, bytes, 1 + (data[0] >> 1) % 16, &many, &many_marks);
    assert(slice_equal(buffer_slice(&one), buffer_slice(&many)));
    assert(slice_equal(buffer_slice(&one_marks), buffer_slice(&many_marks)));
    for (size_t i = 0; i < one_marks.size; i += sizeof(size_t)) {
        size_t mark;
        memcpy(&mark, one_marks.data + i, sizeof mark);
        assert(mark + 3 <= one.size && memcmp(one.data + mark, "\xef\xbf\xbd", 3) == 0);
    }
    run(ENCODING_UTF8, buffer_slice(&one), size * 3, &again, &none);
    assert(none.size == 0 && slice_equal(buffer_slice(&one), buffer_slice(&again)));
    buffer_release(&one);
    buffer_release(&one_marks);
    buffer_release(&many);
    buffer_release(&many_marks);
    buffer_release(&again);
    buffer_release(&none);
    return 0;
}
