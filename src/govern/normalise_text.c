/* normalise_text: see the header. The placeholder words are few, so they are compared one by one after their length. */
#include "govern/normalise_text.h"

#include <assert.h>

/* ---- UTF-8 ---- */

static bool is_tail(struct slice text, size_t at) {
    return at < text.size && ((unsigned char)text.data[at] & 0xC0) == 0x80;
}

size_t utf8_read(struct slice text, size_t at, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    assert(at < text.size);
    unsigned char first = (unsigned char)text.data[at];
    if (first < 0x80) {
        *code = first;
        return 1;
    }
    size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
    if (first < 0xC2 || first > 0xF4)
        return 0;
    uint32_t c = first & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if (!is_tail(text, at + i))
            return 0;
        c = c << 6 | ((unsigned char)text.data[at + i] & 0x3F);
    }
    *code = c;
    return c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? 0 : size;
}

size_t utf8_write(uint32_t code, char *out) {
    assert(code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF));
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> size & 0xF0) | code);
    return size;
}

size_t utf8_bad_at(struct slice text) {
    size_t at = 0;
    while (at < text.size) {
        uint64_t eight;
        if (text.size - at >= 8 && (memcpy(&eight, text.data + at, 8), (eight & 0x8080808080808080u) == 0)) {
            at += 8;
            continue;
        }
        uint32_t code;
        size_t size = utf8_read(text, at, &code);
        if (size == 0)
            return at;
        at += size;
    }
    return text.size;
}

bool utf8_valid(struct slice text) { return utf8_bad_at(text) == text.size; }

struct slice utf8_repair(struct slice text, struct arena *arena) {
    size_t good = utf8_bad_at(text), size = good;
    if (good == text.size)
        return text;
    char *out = arena_get(arena, good + (text.size - good) * 3);
    memcpy(out, text.data, good);
    for (size_t at = good; at < text.size;) {
        uint32_t code;
        size_t step = utf8_read(text, at, &code);
        size += utf8_write(step ? code : UTF8_REPLACEMENT, out + size);
        at += step ? step : 1;
    }
    return slice_of(out, size);
}

/* ---- plain characters ---- */

/* Code points that have a plain twin, full-width ASCII aside. Rising. */
static const struct {
    uint32_t first, last, plain;
} plain_twins[] = {{0x85, 0x85, ' '},     {0xA0, 0xA0, ' '},      {0xAD, 0xAD, 0},       {0x61C, 0x61C, 0},
                   {0x1680, 0x1680, ' '}, {0x180E, 0x180E, 0},    {0x2000, 0x200A, ' '}, {0x200B, 0x200F, 0},
                   {0x2010, 0x2015, '-'}, {0x2018, 0x2019, '\''}, {0x2028, 0x2029, ' '}, {0x202A, 0x202E, 0},
                   {0x202F, 0x202F, ' '}, {0x205F, 0x205F, ' '},  {0x2060, 0x2060, 0},   {0x2066, 0x2069, 0},
                   {0x2212, 0x2212, '-'}, {0x2500, 0x2500, '-'},  {0x3000, 0x3000, ' '}, {0x30FC, 0x30FC, '-'},
                   {0xFE50, 0xFE50, ','}, {0xFE52, 0xFE52, '.'},  {0xFE58, 0xFE58, '-'}, {0xFE63, 0xFE63, '-'},
                   {0xFEFF, 0xFEFF, 0},   {0xFFE1, 0xFFE1, 0xA3}, {0xFFE5, 0xFFE5, 0xA5}};

uint32_t text_plain(uint32_t code) {
    if (code < 0x80)
        return code < ' ' || code == 0x7F ? ' ' : code;
    if (code >= 0xFF01 && code <= 0xFF5E)
        return code - 0xFF01 + '!';
    if (code > 0x30FC && code < 0xFE50)
        return code; /* Chinese: most there is */
    for (size_t i = 0; i < sizeof plain_twins / sizeof *plain_twins && plain_twins[i].first <= code; i++)
        if (code <= plain_twins[i].last)
            return plain_twins[i].plain;
    return code;
}

size_t text_fold(struct slice raw, char *out, size_t capacity) {
    size_t size = 0, end = 0; /* `end`: behind the last character that is no blank */
    raw = slice_trim(raw);
    for (size_t at = 0; at < raw.size;) {
        if (raw.data[at] > ' ' && raw.data[at] < 0x7F && size < capacity) { /* most are ASCII */
            out[size++] = raw.data[at++];
            end = size;
            continue;
        }
        uint32_t code;
        size_t step = utf8_read(raw, at, &code);
        uint32_t plain = step ? text_plain(code) : UTF8_REPLACEMENT;
        at += step ? step : 1;
        if (plain == 0 || (plain == ' ' && size == 0))
            continue;
        if (capacity - size < 4)
            return SIZE_MAX;
        size += utf8_write(plain, out + size);
        end = plain == ' ' ? end : size;
    }
    return end;
}

struct slice text_half_width(struct slice raw, struct arena *arena) {
    size_t capacity = raw.size * 3 + 4; /* a bad byte becomes three */
    char *out = arena_get(arena, capacity);
    size_t size = text_fold(raw, out, capacity);
    assert(size != SIZE_MAX);
    return slice_of(out, size);
}

void text_lower(char *text, size_t size) {
    for (size_t i = 0; i < size; i++)
        text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] | 32) : text[i];
}

bool text_equals_lower(struct slice text, const char *lower) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i] >= 'A' && text.data[i] <= 'Z' ? (char)(text.data[i] | 32) : text.data[i];
        if (lower[i] == 0 || c != lower[i])
            return false;
    }
    return lower[text.size] == 0;
}

/* ---- placeholders ---- */

static const struct slice placeholders[] = {
#define PLACEHOLDER(text) {text, sizeof(text) - 1},
#include "govern/normalise_placeholder.def"
#undef PLACEHOLDER
};
#define PLACEHOLDER_BYTES_MAX 48

/* Nothing, only punctuation, only zeros, or one digit eight times or more. Not ASCII: has content. */
static bool says_nothing(struct slice text) {
    size_t digits = 0, same = 0;
    char first = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = ((c | 32) >= 'a' && (c | 32) <= 'z') || (unsigned char)c >= 0x80;
        if (letter)
            return false;
        if (c < '0' || c > '9')
            continue;
        first = digits++ ? first : c;
        same += c == first;
    }
    return digits == 0 || (same == digits && (first == '0' || (digits >= 8 && digits == text.size)));
}

bool text_is_placeholder(struct slice text) {
    char plain[PLACEHOLDER_BYTES_MAX + 4];
    size_t size = text_fold(text, plain, sizeof plain);
    if (size == SIZE_MAX)
        return says_nothing(slice_trim(text));
    text_lower(plain, size);
    if (says_nothing(slice_of(plain, size)))
        return true;
    for (size_t i = 0; i < sizeof placeholders / sizeof *placeholders; i++)
        if (placeholders[i].size == size && memcmp(placeholders[i].data, plain, size) == 0)
            return true;
    return false;
}

const char *text_quote(struct slice raw, char out[TEXT_QUOTE_BYTES]) {
    size_t size = 0;
    for (size_t at = 0; at < raw.size && size < TEXT_QUOTE_BYTES - 1;) {
        uint32_t code;
        size_t step = utf8_read(raw, at, &code);
        if (step == 0 || code < ' ' || code == 0x7F) {
            code = '?';
            step = 1;
        }
        if (size + step > TEXT_QUOTE_BYTES - 1)
            break;
        size += utf8_write(code, out + size);
        at += step;
    }
    assert(size < TEXT_QUOTE_BYTES);
    out[size] = 0;
    return out;
}
