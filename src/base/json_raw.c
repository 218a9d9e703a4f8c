/* json_raw: cutting a valid JSON text into raw pieces. The text was parsed (and so validated) before; these scanners only
 * match brackets and strings, and stay inside the slice whatever it holds. Containers are walked 64 bytes at a time: which bytes
 * stand inside strings follows from the quotes' parity, so that only brackets outside them are looked at one by one. */
#include "base/json_read.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

/* Inside a container: how many brackets are open, and what the bytes before leave behind. */
struct walk {
    size_t depth;
    uint64_t in_string; /* all ones: a string is open */
    uint64_t escaped;   /* 1: the next byte follows a backslash that counts */
};

#ifdef __SSE2__
/* What 64 bytes hold, one bit a byte. */
struct block {
    uint64_t quotes, backslashes, opening, closing;
};

static struct block block_read(const char *p) {
    struct block b = {0};
    const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\'), bit = _mm_set1_epi8(0x20);
    const __m128i opening = _mm_set1_epi8('{'),
                  closing = _mm_set1_epi8('}'); /* with the bit set, [ and ] are the same */
    for (unsigned i = 0; i < 64; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + i)), folded = _mm_or_si128(bytes, bit);
        b.quotes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quote)) << i;
        b.backslashes |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, backslash)) << i;
        b.opening |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, opening)) << i;
        b.closing |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(folded, closing)) << i;
    }
    return b;
}

/* The bytes that follow a backslash which is not itself escaped. */
static uint64_t find_escaped(struct walk *walk, uint64_t backslashes) {
    uint64_t escaped = walk->escaped, left = backslashes & ~escaped;
    walk->escaped = 0;
    while (left) {
        uint64_t first = left & -left;
        escaped |= first << 1;
        walk->escaped |= first >> 63;
        left &= ~(first | first << 1);
    }
    return escaped;
}

/* The offset past the bracket that closes the container, or 0 where it is not among these 64 bytes. */
static size_t walk_block(struct walk *walk, const char *p) {
    struct block b = block_read(p);
    uint64_t inside = b.quotes & ~find_escaped(walk, b.backslashes);
    for (unsigned shift = 1; shift < 64; shift *= 2)
        inside ^= inside << shift;
    inside ^= walk->in_string;
    walk->in_string = 0 - (inside >> 63);
    b.opening &= ~inside;
    b.closing &= ~inside;
    size_t closing_count = (size_t)__builtin_popcountll(b.closing);
    if (closing_count < walk->depth) {
        walk->depth += (size_t)__builtin_popcountll(b.opening) - closing_count;
        return 0;
    }
    for (uint64_t both = b.opening | b.closing; both; both &= both - 1) {
        if (b.opening & both & -both)
            walk->depth++;
        else if (walk->depth-- <= 1)
            return (size_t)__builtin_ctzll(both) + 1;
    }
    return 0;
}
#endif

static size_t walk_rest(struct walk *walk, struct slice t, size_t at) {
    for (; at < t.size; at++) {
        char c = t.data[at];
        if (walk->escaped) {
            walk->escaped = 0;
        } else if (walk->in_string) {
            walk->escaped = c == '\\';
            walk->in_string = c == '"' ? 0 : walk->in_string;
        } else if (c == '"') {
            walk->in_string = ~(uint64_t)0;
        } else if (c == '{' || c == '[') {
            walk->depth++;
        } else if ((c == '}' || c == ']') && walk->depth-- <= 1) {
            return at + 1;
        }
    }
    return t.size;
}

size_t json_raw_skip(struct slice t, size_t at) {
    at = skip_blanks(t, at);
    if (at >= t.size)
        return t.size;
    if (t.data[at] == '"')
        return skip_string(t, at);
    if (t.data[at] != '{' && t.data[at] != '[') {
        while (at < t.size && t.data[at] != ',' && t.data[at] != '}' && t.data[at] != ']' &&
               (unsigned char)t.data[at] > ' ')
            at++;
        return at;
    }
    struct walk walk = {0};
#ifdef __SSE2__
    for (; t.size - at >= 64; at += 64) {
        size_t end = walk_block(&walk, t.data + at);
        if (end)
            return at + end;
    }
#endif
    return walk_rest(&walk, t, at);
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
