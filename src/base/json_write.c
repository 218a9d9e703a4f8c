/* json_write: see the header. Text runs without anything to escape are copied whole. */
#include "base/json_write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"

static void before_value(struct json_writer *w) {
    if (w->comma)
        buffer_add_char(w->out, ',');
    w->comma = true;
}

static void open_container(struct json_writer *w, char bracket) {
    before_value(w);
    buffer_add_char(w->out, bracket);
    w->comma = false;
}

static void close_container(struct json_writer *w, char bracket) {
    buffer_add_char(w->out, bracket);
    w->comma = true;
}

void json_object(struct json_writer *w) { open_container(w, '{'); }
void json_end_object(struct json_writer *w) { close_container(w, '}'); }
void json_array(struct json_writer *w) { open_container(w, '['); }
void json_end_array(struct json_writer *w) { close_container(w, ']'); }

/* Length of the valid UTF-8 sequence at `p`, or 0. */
static size_t utf8_length(const unsigned char *p, size_t left) {
    unsigned c = p[0];
    size_t need = c < 0x80 ? 1 : c >= 0xc2 && c < 0xe0 ? 2 : c >= 0xe0 && c < 0xf0 ? 3 : c >= 0xf0 && c < 0xf5 ? 4 : 0;
    if (need == 0 || need > left)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f) || (c == 0xf0 && p[1] < 0x90) ||
        (c == 0xf4 && p[1] > 0x8f))
        return 0;
    return need;
}

static void add_escape(struct buffer *out, unsigned char c) {
    switch (c) {
    case '"':
        buffer_add(out, "\\\"", 2);
        break;
    case '\\':
        buffer_add(out, "\\\\", 2);
        break;
    case '\n':
        buffer_add(out, "\\n", 2);
        break;
    case '\r':
        buffer_add(out, "\\r", 2);
        break;
    case '\t':
        buffer_add(out, "\\t", 2);
        break;
    default:
        buffer_print(out, "\\u%04x", c);
    }
}

static void add_escaped(struct buffer *out, struct slice text) {
    const unsigned char *p = (const unsigned char *)text.data;
    size_t run = 0, i = 0;
    while (i < text.size) {
        unsigned char c = p[i];
        if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
            i++;
            continue;
        }
        size_t length = c >= 0x80 ? utf8_length(p + i, text.size - i) : 0;
        if (length) {
            i += length;
            continue;
        }
        buffer_add(out, text.data + run, i - run);
        if (c >= 0x80)
            buffer_add(out, "\xef\xbf\xbd", 3);
        else
            add_escape(out, c);
        run = ++i;
    }
    buffer_add(out, text.data + run, text.size - run);
}

/* How many bytes at the start of `text` go out as they are: ASCII, no control character, quote or backslash; eight at a
 * time. In each line below the lowest byte that stands for a hit is exact, as borrows only travel upwards. */
static size_t plain_length(struct slice text) {
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t x, quote, backslash;
        memcpy(&x, text.data + i, 8);
        quote = x ^ (ones * '"');
        backslash = x ^ (ones * '\\');
        uint64_t hits = x | (x - ones * 0x20) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
        if (hits & tops)
            return i + (size_t)__builtin_ctzll(hits & tops) / 8;
    }
    while (i < text.size && (unsigned char)text.data[i] >= 0x20 && (unsigned char)text.data[i] < 0x80 &&
           text.data[i] != '"' && text.data[i] != '\\')
        i++;
    return i;
}

void json_text(struct json_writer *w, struct slice text) {
    char *at = buffer_reserve(w->out, text.size + 3), *start = at;
    size_t plain = plain_length(text);
    if (w->comma)
        *at++ = ',';
    w->comma = true;
    *at++ = '"';
    if (plain)
        memcpy(at, text.data, plain);
    at += plain;
    if (plain == text.size)
        *at++ = '"';
    w->out->size += (size_t)(at - start);
    if (plain == text.size)
        return;
    add_escaped(w->out, slice_of(text.data + plain, text.size - plain));
    buffer_add_char(w->out, '"');
}

void json_cstring(struct json_writer *w, const char *text) { json_text(w, slice_text(text)); }

void json_key_slice(struct json_writer *w, struct slice key) {
    if (plain_length(key) == key.size) { /* in one go, the usual case */
        char *at = buffer_reserve(w->out, key.size + 4), *start = at;
        if (w->comma)
            *at++ = ',';
        *at++ = '"';
        if (key.size)
            memcpy(at, key.data, key.size);
        at += key.size;
        *at++ = '"';
        *at++ = ':';
        w->out->size += (size_t)(at - start);
    } else {
        json_text(w, key);
        buffer_add_char(w->out, ':');
    }
    w->comma = false;
}

void json_key(struct json_writer *w, const char *key) { json_key_slice(w, slice_text(key)); }

/* Writes |value| backwards, ending at `end`; returns its start. */
static char *digits_before(char *end, uint64_t magnitude) {
    do
        *--end = (char)('0' + magnitude % 10);
    while (magnitude /= 10);
    return end;
}

void json_integer(struct json_writer *w, int64_t value) {
    char digits[24], *end = digits + sizeof digits;
    char *start = digits_before(end, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0)
        *--start = '-';
    before_value(w);
    buffer_add(w->out, start, (size_t)(end - start));
}

void json_decimal(struct json_writer *w, int64_t value, unsigned scale) {
    char digits[48], *end = digits + sizeof digits, *start;
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    while (scale && magnitude % 10 == 0) {
        magnitude /= 10;
        scale--;
    }
    start = end;
    if (scale) {
        for (unsigned i = 0; i < scale; i++, magnitude /= 10)
            *--start = (char)('0' + magnitude % 10);
        *--start = '.';
    }
    start = digits_before(start, magnitude);
    if (value < 0)
        *--start = '-';
    before_value(w);
    buffer_add(w->out, start, (size_t)(end - start));
}

void json_real(struct json_writer *w, double value) {
    char text[40];
    before_value(w);
    if (!isfinite(value)) {
        buffer_add(w->out, "null", 4);
        return;
    }
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof text, "%.*g", precision, value);
        if (strtod(text, NULL) == value)
            break;
    }
    buffer_add(w->out, text, strlen(text));
}

void json_bool(struct json_writer *w, bool value) { json_raw(w, value ? SLICE("true") : SLICE("false")); }
void json_null(struct json_writer *w) { json_raw(w, SLICE("null")); }

void json_raw(struct json_writer *w, struct slice json) {
    before_value(w);
    buffer_add_slice(w->out, json);
}

void json_time(struct json_writer *w, int64_t time_ms) {
    char text[TIME_TEXT_BYTES + 2];
    text[0] = '"';
    size_t size = time_format(time_ms, text + 1);
    text[size + 1] = '"';
    json_raw(w, slice_of(text, size + 2));
}

void json_member_text(struct json_writer *w, const char *key, struct slice text) {
    json_key(w, key);
    json_text(w, text);
}
void json_member_cstring(struct json_writer *w, const char *key, const char *text) {
    json_key(w, key);
    json_cstring(w, text);
}
void json_member_integer(struct json_writer *w, const char *key, int64_t value) {
    json_key(w, key);
    json_integer(w, value);
}
void json_member_real(struct json_writer *w, const char *key, double value) {
    json_key(w, key);
    json_real(w, value);
}
void json_member_bool(struct json_writer *w, const char *key, bool value) {
    json_key(w, key);
    json_bool(w, value);
}
void json_member_time(struct json_writer *w, const char *key, int64_t time_ms) {
    json_key(w, key);
    json_time(w, time_ms);
}
