/* json_fault: where a text stops being JSON, and why, for the person who sent it. The parser says only that it is none; this plain scanner
 * walks the text again, after it failed, one byte at a time. It follows RFC 8259 with the parser's own limits (JSON_DEPTH_MAX, valid
 * UTF-8, no half surrogate pairs). Where the two should disagree, the parser's word counts and no place is named. */
#include "base/json_read.h"

struct scan {
    const unsigned char *start, *at, *end;
    const char *what; /* NULL: no fault so far */
};

static bool fault(struct scan *s, const char *what) {
    s->what = what;
    return false;
}

static void skip_blanks(struct scan *s) {
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\n' || *s->at == '\r'))
        s->at++;
}

/* Four hexadecimal digits, or -1. */
static int hex4(struct scan *s) {
    int value = 0;
    for (int i = 0; i < 4; i++, s->at++) {
        int c = s->at < s->end ? *s->at | 32 : 0, digit = c >= '0' && c <= '9'   ? c - '0'
                                                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                                                 : -1;
        if (digit < 0 || *s->at < '0')
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* `at` is behind a backslash. */
static bool scan_escape(struct scan *s) {
    if (s->at == s->end || !memchr("\"\\/bfnrtu", *s->at, 9))
        return fault(s, "an unknown escape; the backslash itself is written \\\\");
    if (*s->at++ != 'u')
        return true;
    int first = hex4(s);
    if (first < 0)
        return fault(s, "\\u needs four hexadecimal digits");
    if (first < 0xd800 || first > 0xdfff)
        return true;
    if (first > 0xdbff || s->end - s->at < 6 || s->at[0] != '\\' || s->at[1] != 'u')
        return fault(s, "half a surrogate pair");
    s->at += 2;
    int second = hex4(s);
    return (second >= 0xdc00 && second <= 0xdfff) || fault(s, "half a surrogate pair");
}

/* One character past ASCII. */
static bool scan_wide(struct scan *s) {
    const unsigned char *p = s->at;
    size_t left = (size_t)(s->end - p), size = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
    bool good = *p >= 0xc2 && *p <= 0xf4 && left >= size;
    for (size_t i = 1; good && i < size; i++)
        good = (p[i] & 0xc0) == 0x80;
    good = good && !(*p == 0xe0 && p[1] < 0xa0) && !(*p == 0xed && p[1] > 0x9f) && !(*p == 0xf0 && p[1] < 0x90) &&
           !(*p == 0xf4 && p[1] > 0x8f);
    s->at += good ? size : 0;
    return good || fault(s, "bytes that are not UTF-8");
}

/* `at` is on the opening quote. */
static bool scan_text(struct scan *s) {
    const unsigned char *opened = s->at++;
    while (s->at < s->end && *s->at != '"') {
        bool good = true;
        if (*s->at < 0x20)
            good = fault(s, "a control character inside a text; write \\n, \\t or \\u....");
        else if (*s->at >= 0x80)
            good = scan_wide(s);
        else if (*s->at++ == '\\')
            good = scan_escape(s);
        if (!good)
            return false;
    }
    if (s->at < s->end) {
        s->at++;
        return true;
    }
    s->at = opened;
    return fault(s, "a text that is never closed");
}

static bool digits(struct scan *s) {
    const unsigned char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return s->at > from || fault(s, "a number without its digits");
}

static bool scan_number(struct scan *s) {
    s->at += *s->at == '-';
    bool zero = s->at < s->end && *s->at == '0';
    const unsigned char *from = s->at;
    if (!digits(s))
        return false;
    if (zero && s->at - from > 1)
        return fault(s, "a number with zeros before it");
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!digits(s))
            return false;
    }
    if (s->at < s->end && (*s->at | 32) == 'e') {
        s->at++;
        s->at += s->at < s->end && (*s->at == '+' || *s->at == '-');
        return digits(s);
    }
    return true;
}

static bool scan_plain(struct scan *s) {
    static const struct slice words[] = {SLICE("true"), SLICE("false"), SLICE("null")};
    struct slice rest = {(const char *)s->at, (size_t)(s->end - s->at)};
    if (s->at == s->end)
        return fault(s, "the text ends where a value is expected");
    if (*s->at == '"')
        return scan_text(s);
    if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
        return scan_number(s);
    for (size_t i = 0; i < 3; i++) {
        if (slice_starts(rest, words[i])) {
            s->at += words[i].size;
            return true;
        }
    }
    return fault(s, "a value is expected: text in quotes, a number, true, false, null, { or [");
}

static bool scan_key(struct scan *s) {
    skip_blanks(s);
    if (s->at == s->end || *s->at != '"')
        return fault(s, "a name in quotes is expected");
    if (!scan_text(s))
        return false;
    skip_blanks(s);
    if (s->at == s->end || *s->at != ':')
        return fault(s, "a colon is expected");
    s->at++;
    return true;
}

/* After a value: closes what ends here and steps over a comma; `open` holds the brackets. True where another value follows. */
static bool scan_after(struct scan *s, const char *open, size_t *depth) {
    for (;;) {
        skip_blanks(s);
        if (*depth == 0)
            return s->at == s->end ? false : fault(s, "something follows the document's end");
        bool object = open[*depth - 1] == '{';
        if (s->at == s->end)
            return fault(s, object ? "the text ends inside an object" : "the text ends inside a list");
        if (*s->at == ',') {
            s->at++;
            return object ? scan_key(s) : true;
        }
        if (*s->at != (object ? '}' : ']'))
            return fault(s, object ? "a comma or } is expected" : "a comma or ] is expected");
        s->at++;
        --*depth;
    }
}

_Static_assert(JSON_DEPTH_MAX == 200, "it stands in a sentence below");
size_t json_fault_at(struct slice text, const char **what) {
    struct scan s = {.start = (const unsigned char *)text.data};
    char open[JSON_DEPTH_MAX];
    size_t depth = 0;
    s.at = s.start;
    s.end = s.start + text.size;
    if (slice_starts(text, SLICE("\xef\xbb\xbf"))) /* a byte order mark */
        s.at += 3;
    for (bool more = true; more && !s.what;) {
        skip_blanks(&s);
        if (s.at < s.end && (*s.at == '{' || *s.at == '[')) {
            if (depth == JSON_DEPTH_MAX) {
                s.what = "more than 200 levels of objects and lists";
                break;
            }
            bool object = *s.at == '{';
            open[depth++] = object ? '{' : '[';
            s.at++;
            skip_blanks(&s);
            if (s.at == s.end || *s.at != (object ? '}' : ']')) {
                more = object ? scan_key(&s) : true;
                continue;
            }
        } else if (!scan_plain(&s)) {
            break;
        }
        more = scan_after(&s, open, &depth);
    }
    *what = s.what;
    return (size_t)(s.at - s.start);
}
