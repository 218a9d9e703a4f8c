/* json_raw: cutting a valid JSON text into raw pieces. The text was parsed (and so validated) before; these scanners only
 * match brackets and strings, and stay inside the slice whatever it holds. */
#include "base/json_read.h"

static size_t skip_blanks(struct slice t, size_t at) {
    while (at < t.size && (t.data[at] == ' ' || t.data[at] == '\n' || t.data[at] == '\r' || t.data[at] == '\t'))
        at++;
    return at;
}

/* `at` is on the opening quote; returns the offset past the closing one. */
static size_t skip_string(struct slice t, size_t at) {
    at++;
    while (at < t.size && t.data[at] != '"')
        at += t.data[at] == '\\' ? 2 : 1;
    return at < t.size ? at + 1 : t.size;
}

size_t json_raw_skip(struct slice t, size_t at) {
    at = skip_blanks(t, at);
    if (at >= t.size)
        return t.size;
    if (t.data[at] == '"')
        return skip_string(t, at);
    if (t.data[at] != '{' && t.data[at] != '[') {
        while (at < t.size && t.data[at] != ',' && t.data[at] != '}' && t.data[at] != ']' && (unsigned char)t.data[at] > ' ')
            at++;
        return at;
    }
    size_t depth = 0;
    while (at < t.size) {
        char c = t.data[at];
        if (c == '"') {
            at = skip_string(t, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            return at;
    }
    return t.size;
}

struct slice json_raw_member(struct slice object, const char *key) {
    struct slice found = SLICE_NONE, want = slice_text(key);
    size_t at = skip_blanks(object, 0);
    if (at >= object.size || object.data[at] != '{')
        return found;
    at = skip_blanks(object, at + 1);
    while (at < object.size && object.data[at] == '"') {
        size_t key_end = skip_string(object, at);
        struct slice name = {object.data + at + 1, key_end - at >= 2 ? key_end - at - 2 : 0};
        size_t value = skip_blanks(object, key_end);
        value = skip_blanks(object, value + 1); /* past the colon */
        size_t end = json_raw_skip(object, value);
        if (value < end && slice_equal(name, want))
            found = (struct slice){object.data + value, end - value};
        at = skip_blanks(object, end);
        if (at >= object.size || object.data[at] != ',')
            break;
        at = skip_blanks(object, at + 1);
    }
    return found;
}

bool json_raw_item(struct slice array, size_t *at, struct slice *item) {
    size_t start = skip_blanks(array, *at);
    if (start >= array.size || array.data[start] == ']')
        return false;
    start = skip_blanks(array, start + 1); /* past the bracket or the comma before it */
    if (start >= array.size || array.data[start] == ']')
        return false;
    size_t end = json_raw_skip(array, start);
    *item = (struct slice){array.data + start, end - start};
    *at = end;
    return end > start;
}
