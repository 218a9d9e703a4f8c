/* tree_lex: see the header. One function a kind of token; each leaves `at` behind what it took. */
#include "language/tree_lex.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/time.h"
#include "govern/normalise_text.h"
#include "govern/record.h"

/* --- characters --- */

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_ascii_letter(uint32_t c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* Past ASCII: blocks of marks, blanks and invisible characters; all else is a letter. */
static bool is_letter(uint32_t c) {
    static const uint32_t marks[][2] = {{0x80, 0xa9},     {0xab, 0xb4},     {0xb6, 0xb9},     {0xbb, 0xbf},
                                        {0xd7, 0xd7},     {0xf7, 0xf7},     {0x2000, 0x206f}, {0x2190, 0x23ff},
                                        {0x3000, 0x3004}, {0x3008, 0x3020}, {0x3030, 0x3030}, {0xe000, 0xf8ff},
                                        {0xfe30, 0xfe4f}, {0xfeff, 0xfeff}, {0xff00, 0xff0f}, {0xff1a, 0xff20},
                                        {0xff3b, 0xff40}, {0xff5b, 0xff65}, {0xffe0, 0xffff}};
    if (c < 0x80)
        return is_ascii_letter(c) || c == '_';
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (c >= marks[i][0] && c <= marks[i][1])
            return false;
    return c < 0xe0000;
}

/* The character at `at` and its length; 0 at the end and where bytes are no UTF-8. */
static size_t look(struct slice text, size_t at, uint32_t *c) {
    *c = 0;
    if (at >= text.size)
        return 0;
    *c = (unsigned char)text.data[at];
    return *c < 0x80 ? 1 : utf8_read(text, at, c);
}

bool lexer_plain_name(struct slice name) {
    uint32_t c;
    for (size_t at = 0, size; at < name.size; at += size) {
        size = look(name, at, &c);
        if (size == 0 || !(is_letter(c) || (at > 0 && c < 0x80 && is_digit((char)c))))
            return false;
    }
    return name.size > 0;
}

bool lexer_text_good(struct slice text) {
    return !memchr(text.data ? text.data : "", 0, text.size) && utf8_valid(text);
}

/* --- faults --- */

static void fault(struct token *token, struct lexer *l, size_t at, const char *text) {
    token->kind = TOKEN_FAULT;
    token->place = (uint32_t)at;
    token->text = slice_text(text);
    l->at = l->text.size;
}

/* What was likely wanted of a character that no token begins with. */
static const char *instead_of(uint32_t c) {
    switch (c) {
    case '$':
    case 0xa3:   /* pound */
    case 0xa5:   /* yen, yuan */
    case 0xffe5: /* the same, wide */
    case 0x20ac: /* euro */
        return "a number stands without its currency";
    case '[':
    case ']':
    case '{':
    case '}':
    case 0x3010: /* the brackets of Chinese keyboards */
    case 0x3011:
        return "lists and groups stand in round brackets: city in (\"a\", \"b\")";
    case ';':
    case 0xff1b:
        return "an expression is one condition; join several with and, or";
    case '#':
        return "a comment begins with --";
    case 0x2266:
        return "at most is written <=";
    case 0x2267:
        return "at least is written >=";
    default:
        return "texts stand in double quotes, names in backticks";
    }
}

static void fault_character(struct token *token, struct lexer *l, uint32_t c, size_t size) {
    char sentence[160];
    struct slice shown = {l->text.data + l->at, size};
    if (c < 0x21 || c == 0x7f || (c >= 0x80 && c < 0xa0) || (c >= 0x2000 && c < 0x2010) || c == 0xfeff ||
        (c >= 0x2028 && c < 0x2030))
        snprintf(sentence, sizeof sentence, "there is an invisible character, U+%04X; delete it", c);
    else
        snprintf(sentence, sizeof sentence, "\"%.*s\" means nothing here; %s", SLICE_ARG(shown), instead_of(c));
    fault(token, l, l->at, "");
    token->text = arena_copy(l->arena, slice_text(sentence));
}

/* --- blanks and comments --- */

static size_t blank_size(struct slice text, size_t at) {
    uint32_t c;
    size_t size = look(text, at, &c);
    bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0xa0 || c == 0x3000;
    return size && blank ? size : 0;
}

static void skip_blanks(struct lexer *l) {
    for (size_t size; l->at < l->text.size;) {
        if ((size = blank_size(l->text, l->at)) > 0)
            l->at += size;
        else if (l->text.data[l->at] == '-' && l->at + 1 < l->text.size && l->text.data[l->at + 1] == '-')
            while (l->at < l->text.size && l->text.data[l->at] != '\n')
                l->at++;
        else
            return;
    }
}

/* --- numbers, dates, times --- */

size_t lexer_real_text(double real, char *out) {
    assert(isfinite(real));
    for (int precision = 15; precision <= 17; precision++) {
        int length = snprintf(out, 32, "%.*g", precision, real);
        if (strtod(out, NULL) == real || precision == 17)
            return (size_t)length;
    }
    return 0;
}

/* A decimal where the shortest text of the number is one: so that what is formatted and read again is the same. */
bool lexer_number(struct slice text, struct token *token) {
    struct decimal decimal;
    char shortest[32];
    token->kind = TOKEN_LITERAL;
    enum status status = decimal_parse(text, &decimal);
    if (status == STATUS_TOO_LARGE) {
        char *copy = memory_text(text);
        double real = strtod(copy, NULL);
        free(copy);
        if (!isfinite(real))
            return false;
        token->literal = VALUE_REAL;
        token->real = real;
        status = decimal_parse(slice_of(shortest, lexer_real_text(real, shortest)), &decimal);
        if (status != STATUS_OK)
            return true;
    }
    if (status != STATUS_OK)
        return false;
    token->literal = VALUE_NUMBER;
    token->real = 0;
    token->integer = decimal.value;
    token->scale = (uint8_t)decimal.scale;
    return true;
}

static size_t digits_at(struct slice text, size_t at) {
    size_t end = at;
    while (end < text.size && is_digit(text.data[end]))
        end++;
    return end - at;
}

static bool char_at(struct slice text, size_t at, char c) { return at < text.size && text.data[at] == c; }

/* "hh:mm[:ss[.fff]][Z|+hh:mm]" at `at`: where it ends, or `at` where there is none. */
static size_t clock_end(struct slice text, size_t at) {
    size_t end = at, digits;
    if (digits_at(text, end) != 2 || !char_at(text, end + 2, ':') || digits_at(text, end + 3) != 2)
        return at;
    end += 5;
    if (char_at(text, end, ':') && digits_at(text, end + 1) == 2) {
        end += 3;
        if (char_at(text, end, '.') && (digits = digits_at(text, end + 1)) > 0)
            end += 1 + digits;
    }
    if (char_at(text, end, 'Z') || char_at(text, end, 'z'))
        return end + 1;
    if (char_at(text, end, '+') || char_at(text, end, '-')) {
        digits = digits_at(text, end + 1);
        if (digits == 4)
            return end + 5;
        if (digits == 2 && char_at(text, end + 3, ':') && digits_at(text, end + 4) == 2)
            return end + 6;
    }
    return end;
}

static bool date_at(struct slice text, size_t at) {
    return digits_at(text, at) == 4 && char_at(text, at + 4, '-') && digits_at(text, at + 5) == 2 &&
           char_at(text, at + 7, '-') && digits_at(text, at + 8) == 2;
}

#define TIME_MS_MIN (-62167219200000LL) /* of the years 0 to 9999, so that each can be written */
#define TIME_MS_MAX 253402300799999LL

static void take_date(struct lexer *l, struct token *token) {
    size_t start = l->at, end = start + 10, clock = end;
    int64_t ms;
    if (char_at(l->text, end, 'T') || char_at(l->text, end, 't'))
        clock = clock_end(l->text, end + 1);
    if (clock > end + 1)
        end = clock;
    struct slice text = {l->text.data + start, end - start};
    if (time_parse_iso(text, &ms, &token->zoned) != STATUS_OK || ms < TIME_MS_MIN || ms > TIME_MS_MAX) {
        fault(token, l, start, "there is no such date; dates are written 2026-01-31, times 2026-01-31T08:00");
        return;
    }
    token->kind = TOKEN_LITERAL;
    token->literal = text.size > 10 ? VALUE_TIME : VALUE_DATE;
    token->integer = text.size > 10 ? ms : (ms - (ms % DAY_MS + DAY_MS) % DAY_MS) / DAY_MS;
    l->at = end;
}

static void take_number(struct lexer *l, struct token *token) {
    size_t start = l->at, end = start + digits_at(l->text, start), digits;
    if (char_at(l->text, end, '.') && (digits = digits_at(l->text, end + 1)) > 0)
        end += 1 + digits;
    if (char_at(l->text, end, 'e') || char_at(l->text, end, 'E')) {
        size_t sign = char_at(l->text, end + 1, '+') || char_at(l->text, end + 1, '-');
        if ((digits = digits_at(l->text, end + 1 + sign)) > 0)
            end += 1 + sign + digits;
    }
    if (!lexer_number(slice_of(l->text.data + start, end - start), token)) {
        fault(token, l, start, "this number is too large");
        return;
    }
    l->at = end;
}

/* --- texts and names in quotes --- */

/* `at` is behind "\u": reads "{1F600}". 0: no character. */
static uint32_t take_code(struct lexer *l) {
    uint32_t code = 0;
    size_t at = l->at, digits = 0;
    if (!char_at(l->text, at++, '{'))
        return 0;
    for (; at < l->text.size && digits <= 6; at++, digits++) {
        char c = l->text.data[at], lower = (char)(c | 32);
        if (is_digit(c))
            code = code * 16 + (uint32_t)(c - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code * 16 + (uint32_t)(lower - 'a' + 10);
        else
            break;
    }
    l->at = at + 1;
    bool good = digits > 0 && digits <= 6 && char_at(l->text, at, '}') && code <= 0x10ffff;
    return good && !(code >= 0xd800 && code <= 0xdfff) ? code : 0;
}

/* `at` is behind a backslash. Returns how many bytes went to `out`; 0: an unknown escape. */
static size_t take_escape(struct lexer *l, char *out) {
    uint32_t code;
    char c = l->at < l->text.size ? l->text.data[l->at++] : 0;
    switch (c) {
    case 'n':
        *out = '\n';
        return 1;
    case 't':
        *out = '\t';
        return 1;
    case '"':
    case '\\':
        *out = c;
        return 1;
    case 'u':
        code = take_code(l);
        return code ? utf8_write(code, out) : 0;
    default:
        return 0;
    }
}

/* What closes the quote at `at`: its length, or 0. A text opened by “ may be closed by ” or ". */
static size_t closing_size(struct slice text, size_t at, bool wide) {
    uint32_t c;
    size_t size = look(text, at, &c);
    return size && (c == '"' || (wide && c == 0x201d)) ? size : 0;
}

/* `at` is on the opening quote, `size` bytes long. What is unescaped is no longer than what is written. */
static void take_text(struct lexer *l, struct token *token, size_t size) {
    size_t start = l->at, used = 0, closing;
    bool wide = size > 1;
    l->at += size;
    size_t end = l->at;
    while (end < l->text.size && !closing_size(l->text, end, wide))
        end += l->text.data[end] == '\\' ? 2 : 1;
    if (end >= l->text.size) {
        fault(token, l, start, "this text is never closed; a \" is missing");
        return;
    }
    char *out = arena_get(l->arena, end - l->at + 4);
    while (!(closing = closing_size(l->text, l->at, wide))) {
        char c = l->text.data[l->at];
        size_t from = l->at++, made = 1;
        if (c == '\\')
            made = take_escape(l, out + used);
        else
            out[used] = c;
        if (made == 0) {
            fault(token, l, from, "an unknown escape; known are \\\" \\\\ \\n \\t and \\u{1F600}");
            return;
        }
        used += made;
    }
    l->at += closing;
    token->kind = TOKEN_LITERAL;
    token->literal = VALUE_TEXT;
    token->text = slice_of(out, used);
    if (!lexer_text_good(token->text))
        fault(token, l, start, "this text has bytes that are no characters (not UTF-8)");
}

/* The backtick that closes the name whose first byte is at `at`; text.size where there is none. */
static size_t backtick_at(struct slice text, size_t at) {
    while (at < text.size && (text.data[at] != '`' || char_at(text, at + 1, '`')))
        at += text.data[at] == '`' ? 2 : 1;
    return at < text.size ? at : text.size;
}

/* `at` is on the opening backtick. A doubled one inside stands for one. */
static void take_quoted(struct lexer *l, struct token *token) {
    size_t start = l->at, end = backtick_at(l->text, start + 1), used = 0;
    if (end == l->text.size) {
        fault(token, l, start, "this name is never closed; a ` is missing");
        return;
    }
    char *out = arena_get(l->arena, end - start);
    for (size_t at = start + 1; at < end; at++) {
        out[used++] = l->text.data[at];
        at += l->text.data[at] == '`';
    }
    l->at = end + 1;
    token->kind = TOKEN_QUOTED;
    token->text = slice_of(out, used);
    if (used == 0)
        fault(token, l, start, "a name in backticks cannot be empty");
    else if (!lexer_text_good(token->text))
        fault(token, l, start, "this name has bytes that are no characters (not UTF-8)");
}

/* --- words and signs --- */

static void take_word(struct lexer *l, struct token *token) {
    uint32_t c;
    size_t start = l->at, size;
    while ((size = look(l->text, l->at, &c)) > 0 && (is_letter(c) || (c < 0x80 && is_digit((char)c))))
        l->at += size;
    token->kind = TOKEN_WORD;
    token->text = slice_of(l->text.data + start, l->at - start);
}

static const struct {
    const char *text;
    enum sign sign;
} signs[] = {{"->", SIGN_ARROW},    {"!=", SIGN_NOT_EQUAL}, {"<=", SIGN_LESS_EQUAL}, {">=", SIGN_GREATER_EQUAL},
             {"(", SIGN_OPEN},      {")", SIGN_CLOSE},      {",", SIGN_COMMA},       {".", SIGN_DOT},
             {"+", SIGN_PLUS},      {"-", SIGN_MINUS},      {"*", SIGN_TIMES},       {"/", SIGN_DIVIDE},
             {"%", SIGN_REMAINDER}, {"=", SIGN_EQUAL},      {"<", SIGN_LESS},        {">", SIGN_GREATER},
             {"→", SIGN_ARROW},     {"≠", SIGN_NOT_EQUAL},  {"≤", SIGN_LESS_EQUAL},  {"≥", SIGN_GREATER_EQUAL},
             {"（", SIGN_OPEN},     {"）", SIGN_CLOSE},     {"，", SIGN_COMMA},      {"＋", SIGN_PLUS},
             {"－", SIGN_MINUS},    {"＝", SIGN_EQUAL},     {"＜", SIGN_LESS},       {"＞", SIGN_GREATER}};

/* What other languages write, and what is written here. */
static const struct {
    const char *text, *fault;
} foreign[] = {{"==", "\"==\" is not known; equal is written ="},
               {"<>", "\"<>\" is not known; not equal is written !="},
               {"=>", "\"=>\" is not known; at least is written >="},
               {"=<", "\"=<\" is not known; at most is written <="},
               {"&&", "\"&&\" is not known; write and"},
               {"||", "\"||\" is not known; write or"},
               {"'", "texts stand in double quotes: \"text\""},
               {"‘", "texts stand in double quotes: \"text\""},
               {"「", "texts stand in double quotes: \"text\""}};

static bool take_sign(struct lexer *l, struct token *token) {
    struct slice rest = {l->text.data + l->at, l->text.size - l->at};
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++) {
        if (slice_starts(rest, slice_text(foreign[i].text))) {
            fault(token, l, l->at, foreign[i].fault);
            return true;
        }
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        struct slice text = slice_text(signs[i].text);
        if (slice_starts(rest, text)) {
            token->kind = TOKEN_SIGN;
            token->sign = signs[i].sign;
            token->text = slice_of(rest.data, text.size);
            l->at += text.size;
            return true;
        }
    }
    if (rest.data[0] == '!')
        fault(token, l, l->at, "\"!\" is not known; write not");
    return rest.data[0] == '!';
}

void lexer_next(struct lexer *l, struct token *token) {
    uint32_t c;
    *token = (struct token){0};
    skip_blanks(l);
    size_t start = l->at, size = look(l->text, start, &c);
    token->place = (uint32_t)start;
    if (start >= l->text.size)
        token->kind = TOKEN_END;
    else if (size == 0)
        fault(token, l, start, "these bytes are no characters (not UTF-8)");
    else if (c < 0x80 && is_digit((char)c) && date_at(l->text, start))
        take_date(l, token);
    else if (c < 0x80 && is_digit((char)c))
        take_number(l, token);
    else if (is_letter(c))
        take_word(l, token);
    else if (c == '"' || c == 0x201c || c == 0x201d)
        take_text(l, token, size);
    else if (c == '`')
        take_quoted(l, token);
    else if (!take_sign(l, token))
        fault_character(token, l, c, size);
    token->end = (uint32_t)l->at;
    assert(l->at <= l->text.size);
}

void lexer_give_literal(const struct token *token, struct node *node) {
    node->literal = token->literal;
    node->scale = token->scale;
    node->integer = token->integer;
    node->real = token->real;
    node->zoned = token->zoned;
    if (token->literal == VALUE_TEXT)
        node->text = token->text;
}
