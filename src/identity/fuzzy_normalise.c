/* fuzzy_normalise: see the header. ICU is asked only for values that are not ASCII. */
#include "identity/fuzzy_normalise.h"

#include <assert.h>
#include <stdlib.h>

#include <unicode/ustring.h>
#include <unicode/utrans.h>

#include "govern/normalise_text.h"

struct fuzzy_normaliser {
    UTransliterator *latin; /* NULL where ICU has no such rules: texts stay as they are */
    bool day_first;
};

#define ICU_UNITS 1024

struct fuzzy_normaliser *fuzzy_normaliser_create(void) {
    static const char id[] = "Any-Latin; Latin-ASCII; Lower";
    UChar wide[sizeof id];
    UErrorCode code = U_ZERO_ERROR;
    struct fuzzy_normaliser *n = memory_get(1, sizeof *n);
    u_charsToUChars(id, wide, sizeof id);
    n->latin = utrans_openU(wide, sizeof id - 1, UTRANS_FORWARD, NULL, 0, NULL, &code);
    if (U_FAILURE(code))
        n->latin = NULL;
    return n;
}

void fuzzy_normaliser_free(struct fuzzy_normaliser *n) {
    if (n && n->latin)
        utrans_close(n->latin);
    free(n);
}

void fuzzy_normaliser_day_first(struct fuzzy_normaliser *n, bool day_first) { n->day_first = day_first; }

void fuzzy_normalise_latin(struct fuzzy_normaliser *n, struct slice text, struct buffer *into) {
    UChar wide[ICU_UNITS];
    int32_t size = 0, limit, written = 0;
    UErrorCode code = U_ZERO_ERROR;
    u_strFromUTF8WithSub(wide, ICU_UNITS / 4, &size, text.data, (int32_t)text.size, 0xFFFD, NULL, &code);
    if (!n->latin || U_FAILURE(code)) {
        buffer_add_slice(into, text);
        return;
    }
    limit = size;
    utrans_transUChars(n->latin, wide, &size, ICU_UNITS, 0, &limit, &code);
    char *room = buffer_reserve(into, ICU_UNITS * 3);
    if (U_SUCCESS(code))
        u_strToUTF8(room, ICU_UNITS * 3, &written, wide, size, &code);
    into->size += U_SUCCESS(code) ? (size_t)written : 0;
}

/* Scripts that are compared by character: Chinese, Japanese, Korean. */
static bool is_character(uint32_t code) {
    return (code >= 0x2E80 && code <= 0x9FFF) || (code >= 0xAC00 && code <= 0xD7AF) ||
           (code >= 0xF900 && code <= 0xFAFF) || (code >= 0x20000 && code <= 0x3FFFF);
}

static bool is_ascii(struct slice text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] & 0x80)
            return false;
    return true;
}

/* `raw` half width, what is neither ASCII nor a character in Latin letters. */
static void plain_text(struct fuzzy_normaliser *n, struct slice raw, struct buffer *into) {
    struct arena arena = {0};
    struct slice text = text_half_width(raw, &arena);
    uint32_t code;
    for (size_t at = 0, step; at < text.size; at += step) {
        size_t start = at;
        step = utf8_read(text, at, &code);
        step = step ? step : 1;
        if (code < 0x80 || is_character(code)) {
            buffer_add(into, text.data + at, step);
            continue;
        }
        while (at + step < text.size) { /* a run of letters goes through ICU at once */
            size_t more = utf8_read(text, at + step, &code);
            if (!more || code < 0x80 || is_character(code))
                break;
            step += more;
        }
        fuzzy_normalise_latin(n, slice_of(text.data + start, step), into);
    }
    arena_release(&arena);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Lower case words with one blank between; apostrophes go, other punctuation parts words. */
static void words(struct slice text, struct buffer *into) {
    size_t start = into->size;
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c + 32);
        if ((c >= 'a' && c <= 'z') || is_digit(c) || (c & 0x80))
            buffer_add_char(into, c);
        else if (c != '\'' && c != '`' && c != '.' && into->size > start && into->data[into->size - 1] != ' ')
            buffer_add_char(into, ' ');
    }
    while (into->size > start && into->data[into->size - 1] == ' ')
        into->size--;
}

static const struct {
    const char *is, *becomes;
} address_words[] = {
    {"street", "st"},        {"str", "st"},        {"road", "rd"},       {"avenue", "ave"},  {"av", "ave"},
    {"lane", "ln"},          {"drive", "dr"},      {"court", "ct"},      {"place", "pl"},    {"square", "sq"},
    {"boulevard", "blvd"},   {"highway", "hwy"},   {"terrace", "tce"},   {"crescent", "cr"}, {"parade", "pde"},
    {"close", "cl"},         {"circuit", "cct"},   {"apartment", "apt"}, {"suite", "ste"},   {"unit", "apt"},
    {"north", "n"},          {"south", "s"},       {"east", "e"},        {"west", "w"},      {"saint", "st"},
    {"mount", "mt"},         {"building", "bldg"}, {"floor", "fl"},      {"limited", "ltd"}, {"incorporated", "inc"},
    {"corporation", "corp"}, {"company", "co"},
};

/* Words people shorten, in their short form. */
static void short_words(struct slice text, struct buffer *into) {
    size_t start = into->size;
    for (size_t at = 0; at < text.size;) {
        const char *blank = memchr(text.data + at, ' ', text.size - at);
        struct slice word = {text.data + at, blank ? (size_t)(blank - text.data) - at : text.size - at};
        at += word.size + 1;
        for (size_t i = 0; i < sizeof address_words / sizeof *address_words; i++)
            if (slice_is(word, address_words[i].is)) {
                word = slice_text(address_words[i].becomes);
                break;
            }
        if (into->size > start)
            buffer_add_char(into, ' ');
        buffer_add_slice(into, word);
    }
}

/* Digits and letters only, upper case. */
static void code_text(struct slice text, bool letters, struct buffer *into) {
    for (size_t i = 0; i < text.size; i++) {
        char c = text.data[i];
        if (is_digit(c) || (letters && ((c >= 'A' && c <= 'Z') || (c & 0x80))))
            buffer_add_char(into, c);
        else if (letters && c >= 'a' && c <= 'z')
            buffer_add_char(into, (char)(c - 32));
    }
}

/* --- dates --- */

struct groups {
    unsigned value[4], size[4];
    size_t count;
    unsigned month;  /* by name; 0: none */
    size_t month_at; /* groups before it */
};

static unsigned month_named(const char *text, size_t size) {
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    char low[3];
    if (size < 3)
        return 0;
    for (size_t i = 0; i < 3; i++)
        low[i] = (char)(text[i] | 32);
    for (unsigned m = 0; m < 12; m++)
        if (memcmp(low, names + m * 3, 3) == 0)
            return m + 1;
    return 0;
}

/* Runs of digits, and a month's name. What stands behind the third run (a time of day) is left alone. */
static void read_groups(struct slice raw, struct groups *g) {
    *g = (struct groups){0};
    for (size_t i = 0; i < raw.size && g->count < 3;) {
        if (is_digit(raw.data[i])) {
            unsigned value = 0, size = 0;
            for (; i < raw.size && is_digit(raw.data[i]); i++, size++)
                value = size < 9 ? value * 10 + (unsigned)(raw.data[i] - '0') : value;
            g->value[g->count] = value;
            g->size[g->count++] = size;
        } else if (((raw.data[i] | 32) >= 'a' && (raw.data[i] | 32) <= 'z')) {
            size_t start = i;
            while (i < raw.size && (raw.data[i] | 32) >= 'a' && (raw.data[i] | 32) <= 'z')
                i++;
            unsigned month = month_named(raw.data + start, i - start);
            if (month && !g->month) {
                g->month = month;
                g->month_at = g->count;
            }
        } else {
            i++;
        }
    }
}

static unsigned full_year(unsigned year, unsigned size) {
    return size > 2 ? year : year > 30 ? 1900 + year : 2000 + year;
}

/* Year, month, day; false where it does not read as a date. */
static bool date_parts(struct slice raw, bool day_first, unsigned part[3]) {
    struct groups g;
    read_groups(raw, &g);
    part[0] = part[1] = part[2] = 0;
    if (g.month && g.count >= 1) {
        bool year_first = g.size[0] == 4;
        part[1] = g.month;
        if (g.count == 1) {
            part[0] = full_year(g.value[0], g.size[0]);
            return true;
        }
        part[0] = full_year(g.value[year_first ? 0 : 1], g.size[year_first ? 0 : 1]);
        part[2] = g.value[year_first ? 1 : 0];
        return true;
    }
    if (g.count == 1 && g.size[0] == 8) {
        unsigned v = g.value[0];
        bool year_first = v / 10000 >= 1800 && v / 10000 < 2200;
        unsigned a = year_first ? v / 100 % 100 : v / 1000000, b = year_first ? v % 100 : v / 10000 % 100;
        part[0] = year_first ? v / 10000 : v % 10000;
        part[1] = year_first || !day_first ? a : b;
        part[2] = year_first || !day_first ? b : a;
        return true;
    }
    if (g.count == 1 && g.size[0] == 4) {
        part[0] = g.value[0];
        return true;
    }
    if (g.count < 2 || g.size[0] > 4 || g.size[1] > 2)
        return false;
    if (g.size[0] == 4) {
        part[0] = g.value[0];
        part[1] = g.value[1];
        part[2] = g.count > 2 && g.size[2] <= 2 ? g.value[2] : 0;
        return true;
    }
    if (g.count < 3 || (g.size[2] != 4 && g.size[2] != 2) || g.size[0] > 2)
        return false;
    bool swap = (day_first && g.value[1] <= 12) || g.value[0] > 12;
    part[0] = full_year(g.value[2], g.size[2]);
    part[1] = g.value[swap ? 1 : 0];
    part[2] = g.value[swap ? 0 : 1];
    return true;
}

int fuzzy_date_order(struct slice raw) {
    struct groups g;
    read_groups(raw, &g);
    if (g.month || g.count < 3 || g.size[0] > 2 || g.size[1] > 2)
        return 0;
    return g.value[0] > 12 && g.value[1] <= 12 ? 1 : g.value[1] > 12 && g.value[0] <= 12 ? -1 : 0;
}

bool fuzzy_is_date(struct slice raw) {
    unsigned part[3];
    struct groups g;
    read_groups(raw, &g);
    return raw.size >= 6 && raw.size <= 30 && (g.count == 3 || g.month || (g.count == 1 && raw.size == 8)) &&
           date_parts(raw, false, part) && part[0] >= 1800 && part[0] < 2200 && part[1] >= 1 && part[1] <= 31 &&
           part[2] >= 1 && part[2] <= 31;
}

static void date_text(const struct fuzzy_normaliser *n, struct slice raw, struct buffer *into) {
    unsigned part[3];
    if (date_parts(raw, n->day_first, part))
        buffer_print(into, "%04u%02u%02u", part[0] % 10000, part[1] % 100, part[2] % 100);
    else
        code_text(raw, true, into);
}

/* --- quantities --- */

/* The number a text starts with once currency signs are off; thousands by commas. False: none. */
static bool read_quantity(struct slice raw, double *value) {
    char text[40];
    size_t size = 0, at = 0;
    while (at < raw.size && !is_digit(raw.data[at]) && raw.data[at] != '-' && raw.data[at] != '.')
        at++;
    for (; at < raw.size && size < sizeof text - 1; at++) {
        char c = raw.data[at];
        if (is_digit(c) || c == '.' || (c == '-' && size == 0))
            text[size++] = c;
        else if (c != ',')
            break;
    }
    text[size] = 0;
    char *end;
    *value = strtod(text, &end);
    return size > 0 && end != text;
}

/* Seconds of "219", "1m 58sec", "04:04", "321266" (milliseconds: no song lasts three hours). */
static bool read_duration(struct slice raw, double *seconds) {
    struct groups g;
    read_groups(raw, &g);
    bool colon = memchr(raw.data, ':', raw.size), minutes = memchr(raw.data, 'm', raw.size) && g.count >= 2;
    if (g.count == 0)
        return false;
    if (g.count == 3 && colon)
        *seconds = g.value[0] * 3600.0 + g.value[1] * 60.0 + g.value[2];
    else if (g.count >= 2 && (colon || minutes))
        *seconds = g.value[0] * 60.0 + g.value[1];
    else if (!read_quantity(raw, seconds))
        return false;
    if (!colon && !minutes && *seconds > 10000)
        *seconds /= 1000;
    return true;
}

void fuzzy_normalise(struct fuzzy_normaliser *n, enum fuzzy_role role, struct slice raw, struct buffer *into) {
    struct buffer plain = {0}, spaced = {0};
    double value;
    if (is_ascii(raw))
        buffer_add_slice(&plain, raw);
    else
        plain_text(n, raw, &plain);
    struct slice text = slice_trim(buffer_slice(&plain));
    switch (role) {
    case FUZZY_ROLE_BIRTH:
    case FUZZY_ROLE_DATE:
        date_text(n, text, into);
        break;
    case FUZZY_ROLE_PHONE:
        code_text(text, false, into);
        break;
    case FUZZY_ROLE_NUMBER_ID:
    case FUZZY_ROLE_POSTCODE:
    case FUZZY_ROLE_HOUSE:
    case FUZZY_ROLE_CODE:
    case FUZZY_ROLE_RECORD_ID:
        code_text(text, true, into);
        break;
    case FUZZY_ROLE_EMAIL:
        buffer_add_slice(into, text);
        text_lower(into->data + into->size - text.size, text.size);
        break;
    case FUZZY_ROLE_QUANTITY:
        if (read_quantity(text, &value))
            buffer_print(into, "%.6g", value);
        break;
    case FUZZY_ROLE_DURATION:
        if (read_duration(text, &value))
            buffer_print(into, "%.0f", value);
        break;
    case FUZZY_ROLE_ADDRESS:
    case FUZZY_ROLE_ORGANISATION:
        words(text, &spaced);
        short_words(buffer_slice(&spaced), into);
        break;
    default:
        words(text, into);
    }
    buffer_release(&plain);
    buffer_release(&spaced);
}
