/* check_blanks: a type whose name has blanks, written without backticks: any(Product Viewed), count(Added to Cart). The parser stops at the
 * second word and can only say which sign it expected; what was meant is in the dictionary. Runs when a parse has failed already: the words
 * around the place where it failed are tried as one name, the longest first. */
#include <stdio.h>

#include "language/check_inside.h"

#define WORDS_MAX 10 /* before the place, and from it on */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Characters that a name with blanks is made of; . is between a type and its field. */
static bool is_word(char c) {
    return c == '_' || c == '-' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           ((unsigned char)c & 0x80) != 0;
}

/* Where the words before byte `at` begin, the nearest first; there are only blanks between them. */
static size_t words_before(struct slice text, size_t at, size_t starts[WORDS_MAX]) {
    size_t count = 0;
    while (count < WORDS_MAX) {
        while (at && is_blank(text.data[at - 1]))
            at--;
        if (at == 0 || !is_word(text.data[at - 1]))
            break;
        while (at && is_word(text.data[at - 1]))
            at--;
        starts[count++] = at;
    }
    return count;
}

/* Where the words from byte `at` on end. */
static size_t words_after(struct slice text, size_t at, size_t ends[WORDS_MAX]) {
    size_t count = 0;
    while (count < WORDS_MAX) {
        while (at < text.size && is_blank(text.data[at]))
            at++;
        if (at == text.size || !is_word(text.data[at]))
            break;
        while (at < text.size && is_word(text.data[at]))
            at++;
        ends[count++] = at;
    }
    return count;
}

/* The same types, whatever stands between the words and in whatever case. */
static const struct type *type_called(const struct check *c, struct slice words) {
    char plain[NAME_BYTES];
    size_t size = 0;
    bool both;
    const struct type *type = words.size < NAME_BYTES ? check_type(c, words, true, &both) : NULL;
    for (size_t i = 0; !type && i < words.size && size < NAME_BYTES; i++) {
        char put = words.data[i];
        put = is_blank(put) || put == '-' ? '_' : put >= 'A' && put <= 'Z' ? (char)(put + 32) : put;
        if (put != '_' || !is_blank(words.data[i]) || (size && plain[size - 1] != '_'))
            plain[size++] = put;
    }
    return type ? type : check_type(c, slice_of(plain, size), true, &both);
}

/* The longest run of words over byte `place` that a type is called; its beginning. */
static const struct type *type_around(const struct check *c, struct slice text, size_t place, size_t *begin) {
    size_t starts[WORDS_MAX], ends[WORDS_MAX];
    size_t before = words_before(text, place, starts), after = words_after(text, place, ends);
    for (size_t words = before + after; words >= 2; words--)
        for (size_t i = before; i > 0; i--) {
            if (words <= i || words - i > after)
                continue;
            const size_t from = starts[i - 1], to = ends[words - i - 1];
            const struct type *type = type_called(c, slice_of(text.data + from, to - from));
            if (type && memchr(text.data + from, ' ', to - from)) {
                *begin = from;
                return type;
            }
        }
    return NULL;
}

/* What to write in place of it. */
static void say(const struct check *c, const struct type *type, size_t character, struct fault *fault) {
    char plain[NAME_BYTES];
    const struct slice name = check_type_name(c, type, plain);
    const struct shown shown = check_shown_text(type->name), other = check_shown_text(name);
    if (!memchr(type->name.data, ' ', type->name.size))
        fault_set(fault, STATUS_INVALID, "at %zu: a name has no blanks unless it stands in backticks; did you mean %s?",
                  character, shown.text);
    else if (slice_equal(name, type->name))
        fault_set(fault, STATUS_INVALID, "at %zu: a name with blanks is written in backticks: `%s`", character,
                  shown.text);
    else
        fault_set(fault, STATUS_INVALID, "at %zu: a name with blanks is written in backticks: `%s`; or write %s",
                  character, shown.text, other.text);
}

bool check_blanks(const struct vocabulary *vocabulary, struct slice text, uint32_t *place, struct fault *fault) {
    struct scratch scratch = {0};
    struct check c = {.v = vocabulary, .scratch = &scratch};
    size_t begin, characters = 1;
    const struct type *type = *place <= text.size ? type_around(&c, text, *place, &begin) : NULL;
    if (type) {
        for (size_t i = 0; i < begin; i++)
            characters += ((unsigned char)text.data[i] & 0xc0) != 0x80;
        *place = (uint32_t)begin;
        say(&c, type, characters, fault);
    }
    arena_release(&scratch.arena);
    return type != NULL;
}
