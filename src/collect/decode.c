/* decode: both encodings are read character by character, runs of ASCII sixteen bytes at once. The 23,940 two-byte
 * characters of GB18030 stand in a table that iconv fills at first use; its four-byte ones, rare in practice, go
 * through iconv one by one. */
#include "collect/decode.h"

#include <assert.h>
#include <iconv.h>
#include <pthread.h>
#include <stdlib.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define CHARACTER_BYTES_MAX 4

struct decode {
    enum encoding encoding;
    iconv_t gb;
    char kept[CHARACTER_BYTES_MAX]; /* the begun character at the end of the last piece */
    size_t kept_size;
    struct buffer joined; /* kept bytes and the piece behind them */
};

static uint16_t gb_table[126 * 190];
static pthread_once_t gb_once = PTHREAD_ONCE_INIT;

static size_t gb_index(unsigned char first, unsigned char second) {
    return (size_t)(first - 0x81) * 190 + second - 0x40 - (second > 0x7f);
}

/* The code point of one character by iconv, or 0. */
static uint32_t gb_convert(iconv_t gb, const unsigned char *bytes, size_t size) {
    uint32_t point[2] = {0};
    char *in = (char *)(uintptr_t)bytes, *out = (char *)point;
    size_t in_left = size, out_left = sizeof point;
    iconv(gb, NULL, NULL, NULL, NULL);
    if (iconv(gb, &in, &in_left, &out, &out_left) == (size_t)-1 || in_left || out_left != sizeof point / 2)
        return 0;
    return point[0];
}

static iconv_t gb_open(void) {
    iconv_t gb = iconv_open("UCS-4LE", "GB18030");
    assert(gb != (iconv_t)-1);
    return gb;
}

static void gb_fill(void) {
    iconv_t gb = gb_open();
    for (unsigned first = 0x81; first <= 0xfe; first++)
        for (unsigned second = 0x40; second <= 0xfe; second++) {
            unsigned char bytes[2] = {(unsigned char)first, (unsigned char)second};
            uint32_t point = second == 0x7f ? 0 : gb_convert(gb, bytes, 2);
            if (second != 0x7f)
                gb_table[gb_index(bytes[0], bytes[1])] = point < 0x10000 ? (uint16_t)point : 0;
        }
    iconv_close(gb);
}

struct decode *decode_create(enum encoding encoding) {
    struct decode *d = memory_get(1, sizeof *d);
    d->encoding = encoding;
    d->gb = (iconv_t)-1;
    if (encoding == ENCODING_GB18030) {
        pthread_once(&gb_once, gb_fill);
        d->gb = gb_open();
    }
    return d;
}

void decode_free(struct decode *d) {
    if (!d)
        return;
    if (d->gb != (iconv_t)-1)
        iconv_close(d->gb);
    buffer_release(&d->joined);
    free(d);
}

#define CHARACTER_BAD (-1)
#define CHARACTER_CUT 0

static bool is_tail(unsigned char c) { return (c & 0xc0) == 0x80; }

/* Bytes of the character at `p`, or CHARACTER_BAD, or CHARACTER_CUT where `left` bytes are too few to tell. */
static int utf8_size(const unsigned char *p, size_t left) {
    unsigned c = p[0];
    int need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (!need)
        return CHARACTER_BAD;
    if (need > 1 && left > 1) {
        unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (p[1] < low || p[1] > high || (need > 2 && left > 2 && !is_tail(p[2])) ||
            (need > 3 && left > 3 && !is_tail(p[3])))
            return CHARACTER_BAD;
    }
    return left < (size_t)need ? CHARACTER_CUT : need;
}

static int gb_size(const unsigned char *p, size_t left) {
    if (p[0] < 0x80)
        return 1;
    if (p[0] == 0x80 || p[0] == 0xff)
        return CHARACTER_BAD;
    if (left < 2)
        return CHARACTER_CUT;
    if (p[1] >= 0x40 && p[1] != 0x7f && p[1] != 0xff)
        return 2;
    if (p[1] < '0' || p[1] > '9' || (left > 2 && (p[2] < 0x81 || p[2] == 0xff)) ||
        (left > 3 && (p[3] < '0' || p[3] > '9')))
        return CHARACTER_BAD;
    return left < 4 ? CHARACTER_CUT : 4;
}

static size_t ascii_run(const unsigned char *p, size_t left) {
    size_t i = 0;
#ifdef __SSE2__
    for (; left - i >= 16; i += 16) {
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)(p + i)));
        if (mask)
            return i + (size_t)__builtin_ctz(mask);
    }
#endif
    while (i < left && p[i] < 0x80)
        i++;
    return i;
}

static char *put_point(char *out, uint32_t point) {
    if (point < 0x80) {
        *out++ = (char)point;
    } else if (point < 0x800) {
        *out++ = (char)(0xc0 | point >> 6);
        *out++ = (char)(0x80 | (point & 63));
    } else if (point < 0x10000) {
        *out++ = (char)(0xe0 | point >> 12);
        *out++ = (char)(0x80 | (point >> 6 & 63));
        *out++ = (char)(0x80 | (point & 63));
    } else {
        *out++ = (char)(0xf0 | point >> 18);
        *out++ = (char)(0x80 | (point >> 12 & 63));
        *out++ = (char)(0x80 | (point >> 6 & 63));
        *out++ = (char)(0x80 | (point & 63));
    }
    return out;
}

/* The code point of a well-formed character that is not ASCII, or 0 where none is assigned to it. */
static uint32_t gb_point(const struct decode *d, const unsigned char *p, int size) {
    uint32_t point = size == 2 ? gb_table[gb_index(p[0], p[1])] : gb_convert(d->gb, p, 4);
    return point > 0x10ffff || (point >= 0xd800 && point < 0xe000) ? 0 : point;
}

/* Decodes all of `bytes` except a begun character at its end; returns the bytes done. */
static size_t decode_run(struct decode *d, struct slice bytes, struct buffer *into, struct buffer *marks) {
    const unsigned char *p = (const unsigned char *)bytes.data, *end = p + bytes.size;
    char *start = buffer_reserve(into, bytes.size * 3), *out = start;
    size_t before = into->size;
    while (p < end) {
        size_t run = ascii_run(p, (size_t)(end - p));
        memcpy(out, p, run);
        p += run;
        out += run;
        if (p == end)
            break;
        bool utf8 = d->encoding == ENCODING_UTF8;
        int size = utf8 ? utf8_size(p, (size_t)(end - p)) : gb_size(p, (size_t)(end - p));
        if (size == CHARACTER_CUT)
            break;
        uint32_t point = utf8 || size == CHARACTER_BAD ? 0 : gb_point(d, p, size);
        if (utf8 && size > 0) {
            memcpy(out, p, (size_t)size);
            out += size;
        } else if (point) {
            out = put_point(out, point);
        } else {
            size_t mark = before + (size_t)(out - start);
            buffer_add(marks, &mark, sizeof mark);
            out = put_point(out, 0xfffd);
        }
        p += size > 0 ? size : 1;
    }
    into->size += (size_t)(out - start);
    assert(into->size <= into->capacity);
    return (size_t)(p - (const unsigned char *)bytes.data);
}

void decode_feed(struct decode *d, struct slice piece, bool last, struct buffer *into, struct buffer *marks) {
    assert(d->kept_size < CHARACTER_BYTES_MAX);
    if (d->kept_size) {
        buffer_clear(&d->joined);
        buffer_add(&d->joined, d->kept, d->kept_size);
        buffer_add_slice(&d->joined, piece);
        piece = buffer_slice(&d->joined);
    }
    size_t done = piece.size ? decode_run(d, piece, into, marks) : 0;
    d->kept_size = piece.size - done;
    assert(d->kept_size < CHARACTER_BYTES_MAX);
    if (d->kept_size)
        memcpy(d->kept, piece.data + done, d->kept_size);
    if (last && d->kept_size) {
        size_t mark = into->size;
        buffer_add(marks, &mark, sizeof mark);
        buffer_add(into, "\xef\xbf\xbd", 3);
        d->kept_size = 0;
    }
}

bool decode_looks_like(enum encoding encoding, struct slice bytes) {
    struct decode *d = decode_create(encoding);
    struct buffer into = {0}, marks = {0};
    decode_feed(d, bytes, false, &into, &marks);
    bool well_formed = marks.size == 0 && ascii_run((const unsigned char *)bytes.data, bytes.size) < bytes.size;
    buffer_release(&into);
    buffer_release(&marks);
    decode_free(d);
    return well_formed;
}
