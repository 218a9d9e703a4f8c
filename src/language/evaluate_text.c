/* evaluate_text: see the header. */
#include "language/evaluate_text.h"

#include <assert.h>

static bool begins_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

static size_t character_end(struct slice s, size_t at) {
    for (at++; at < s.size && !begins_character(s.data[at]);)
        at++;
    return at;
}

static bool is_wild(struct slice glob, size_t at) { return at < glob.size && glob.data[at] == '*'; }

/* Goes back only to the last star: at worst text times glob. */
static bool matches(struct slice text, struct slice glob) {
    size_t t = 0, g = 0, star = SIZE_MAX, resume = 0;
    while (t < text.size) {
        if (is_wild(glob, g)) {
            star = g++;
            resume = t;
            continue;
        }
        if (g < glob.size && glob.data[g] == '?') {
            t = character_end(text, t);
            g++;
            continue;
        }
        bool escaped = g + 1 < glob.size && glob.data[g] == '\\';
        if (g < glob.size && text.data[t] == glob.data[g + escaped]) {
            t++;
            g += 1 + (size_t)escaped;
            continue;
        }
        if (star == SIZE_MAX)
            return false;
        t = resume = character_end(text, resume);
        g = star + 1;
    }
    while (is_wild(glob, g))
        g++;
    return g == glob.size;
}

bool text_holds(enum op op, struct slice text, struct slice with) {
    switch (op) {
    case OP_EQUAL:
        return slice_equal(text, with);
    case OP_CONTAINS:
        return with.size == 0 || (text.size >= with.size && memmem(text.data, text.size, with.data, with.size));
    case OP_STARTS_WITH:
        return slice_starts(text, with);
    case OP_ENDS_WITH:
        return text.size >= with.size && slice_equal(slice_of(text.data + text.size - with.size, with.size), with);
    default:
        assert(op == OP_MATCHES);
        return matches(text, with);
    }
}

uint32_t text_characters(struct slice text) {
    uint32_t n = 0;
    for (size_t i = 0; i < text.size; i++)
        n += begins_character(text.data[i]);
    return n;
}

struct slice text_cut(struct slice text, int64_t from, int64_t count) {
    int64_t place = 0, end_place = from + count;
    size_t first = text.size, end = text.size;
    for (size_t i = 0; i < text.size; i++) {
        if (!begins_character(text.data[i]))
            continue;
        place++;
        if (place >= from && first == text.size)
            first = i;
        if (place >= end_place) {
            end = i;
            break;
        }
    }
    return first < end ? slice_of(text.data + first, end - first) : slice_of("", 0);
}

/* Of ASCII, the one that does not break, and the wide one of Chinese keyboards. */
static const char *const blanks[] = {"\xc2\xa0", "\xe3\x80\x80"};

static size_t blank_size(struct slice text, bool end) {
    if (text.size && (unsigned char)text.data[end ? text.size - 1 : 0] <= ' ')
        return 1;
    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++) {
        struct slice blank = slice_text(blanks[i]);
        if (text.size >= blank.size &&
            slice_equal(slice_of(end ? text.data + text.size - blank.size : text.data, blank.size), blank))
            return blank.size;
    }
    return 0;
}

static struct slice text_trimmed(struct slice text) {
    for (size_t size; (size = blank_size(text, false)) > 0;)
        text = slice_of(text.data + size, text.size - size);
    for (size_t size; (size = blank_size(text, true)) > 0;)
        text.size -= size;
    return text;
}

struct slice text_changed(struct arena *arena, enum op op, struct slice text) {
    if (op == OP_TRIM)
        return text_trimmed(text);
    char *copy = arena_get(arena, text.size + 1);
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        bool letter = op == OP_LOWER ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z';
        copy[i] = letter ? (char)(c ^ 0x20) : c;
    }
    return slice_of(copy, text.size);
}

struct slice text_joined(struct arena *arena, struct slice a, struct slice b) {
    char *joined = arena_get(arena, a.size + b.size + 1);
    if (a.size)
        memcpy(joined, a.data, a.size);
    if (b.size)
        memcpy(joined + a.size, b.data, b.size);
    return slice_of(joined, a.size + b.size);
}
