/* query: see query.h. Nothing here allocates unless there is something to decode. */
#include "serve/query.h"

#include <strings.h>

static bool has_prefix_nocase(struct slice text, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size >= size && strncasecmp(text.data, prefix, size) == 0;
}

bool query_split(struct slice target, struct slice *path, struct slice *query) {
    *path = *query = SLICE_NONE;
    size_t scheme = has_prefix_nocase(target, "http://") ? 7 : has_prefix_nocase(target, "https://") ? 8 : 0;
    if (scheme) {
        while (scheme < target.size && target.data[scheme] != '/' && target.data[scheme] != '?')
            scheme++;
        target = slice_of(target.data + scheme, target.size - scheme);
    } else if (target.size == 0 || target.data[0] != '/') {
        return false;
    }
    const char *mark = target.size ? memchr(target.data, '?', target.size) : NULL;
    size_t path_bytes = mark ? (size_t)(mark - target.data) : target.size;
    *path = path_bytes ? slice_of(target.data, path_bytes) : SLICE("/");
    if (mark)
        *query = slice_of(mark + 1, target.size - path_bytes - 1);
    return true;
}

/* Cuts the next "name=value" off `query`; false at its end. */
static bool next_parameter(struct slice *query, struct slice *name, struct slice *value) {
    if (query->size == 0)
        return false;
    const char *end = memchr(query->data, '&', query->size);
    size_t bytes = end ? (size_t)(end - query->data) : query->size;
    const char *equals = bytes ? memchr(query->data, '=', bytes) : NULL;
    size_t name_bytes = equals ? (size_t)(equals - query->data) : bytes;
    *name = slice_of(query->data, name_bytes);
    *value = equals ? slice_of(equals + 1, bytes - name_bytes - 1) : SLICE_NONE;
    size_t used = end ? bytes + 1 : bytes;
    *query = slice_of(query->data + used, query->size - used);
    return true;
}

bool query_raw(struct slice query, const char *name, struct slice *value) {
    struct slice key;
    while (next_parameter(&query, &key, value)) {
        if (slice_is(key, name))
            return true;
    }
    *value = SLICE_NONE;
    return false;
}

struct slice query_text(struct slice query, const char *name, struct arena *arena) {
    struct slice raw, text;
    if (!query_raw(query, name, &raw) || query_decode(raw, true, arena, &text) != STATUS_OK)
        return SLICE_NONE;
    return text;
}

enum status query_integer(struct slice query, const char *name, int64_t low, int64_t high, int64_t otherwise,
                          int64_t *value, struct fault *fault) {
    struct slice raw;
    *value = otherwise;
    if (!query_raw(query, name, &raw) || raw.size == 0)
        return STATUS_OK;
    bool negative = raw.data[0] == '-';
    uint64_t sum = 0;
    bool good = raw.size > negative && raw.size <= 20;
    for (size_t i = negative; good && i < raw.size; i++) {
        unsigned digit = (unsigned)(unsigned char)raw.data[i] - '0';
        good = digit <= 9 && !__builtin_mul_overflow(sum, 10, &sum) && !__builtin_add_overflow(sum, digit, &sum);
    }
    good = good && sum <= INT64_MAX;
    int64_t number = good ? (negative ? -(int64_t)sum : (int64_t)sum) : 0;
    if (!good || number < low || number > high)
        return fault_set(fault, STATUS_INVALID, "parameter %s is \"%.*s\"; it must be a whole number from %lld to %lld",
                         name, (int)(raw.size < 40 ? raw.size : 40), raw.data, (long long)low, (long long)high);
    *value = number;
    return STATUS_OK;
}

bool query_flag(struct slice query, const char *name) {
    struct slice raw;
    if (!query_raw(query, name, &raw))
        return false;
    return raw.size == 0 || slice_is(raw, "1") || slice_is(raw, "true") || slice_is(raw, "yes");
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum status query_decode(struct slice text, bool plus, struct arena *arena, struct slice *out) {
    bool coded = text.size && (memchr(text.data, '%', text.size) || (plus && memchr(text.data, '+', text.size)));
    *out = text;
    if (!coded)
        return STATUS_OK;
    char *into = arena_get(arena, text.size);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_digit(text.data[i + 2]) : -1;
            if (high < 0 || low < 0 || high + low == 0)
                return STATUS_INVALID;
            c = (char)(high * 16 + low);
            i += 2;
        }
        into[size++] = c;
    }
    *out = slice_of(into, size);
    return STATUS_OK;
}

static int base64_digit(char c) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

/* The user part of "user:password" in base64. */
static struct slice basic_user(struct slice coded, struct arena *arena) {
    char *into = arena_get(arena, coded.size + 1);
    size_t size = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < coded.size && coded.data[i] != '='; i++) {
        int digit = base64_digit(coded.data[i]);
        if (digit < 0)
            return SLICE_NONE;
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held < 8)
            continue;
        held -= 8;
        into[size++] = (char)(bits >> held & 0xff);
    }
    const char *colon = size ? memchr(into, ':', size) : NULL;
    return slice_of(into, colon ? (size_t)(colon - into) : size);
}

struct slice query_key(struct slice authorization, struct arena *arena) {
    authorization = slice_trim(authorization);
    if (has_prefix_nocase(authorization, "Bearer "))
        return slice_trim(slice_of(authorization.data + 7, authorization.size - 7));
    if (has_prefix_nocase(authorization, "Basic "))
        return basic_user(slice_trim(slice_of(authorization.data + 6, authorization.size - 6)), arena);
    return SLICE_NONE;
}

bool query_piece(struct slice *path, struct slice *piece) {
    if (path->size == 0 || path->data[0] != '/')
        return false;
    const char *start = path->data + 1;
    size_t left = path->size - 1;
    const char *end = left ? memchr(start, '/', left) : NULL;
    size_t bytes = end ? (size_t)(end - start) : left;
    *piece = slice_of(start, bytes);
    *path = slice_of(start + bytes, left - bytes);
    return true;
}
