/* address: see the header. */
#include "network/address.h"

#include <stdlib.h>

/* --- Chinese --- */

static const char *const numerals[] = {"零", "一", "二", "三", "四", "五", "六", "七", "八", "九"};
/* Words that follow a number and part it from the next, longest first. */
static const char *const units[] = {"号院", "号楼", "号房", "单元", "楼层", "小区", "房间", "号", "栋", "幢",
                                    "座",   "楼",   "层",   "室",   "户",   "房",   "弄",   "院", "区"};

static bool starts(struct slice text, size_t at, const char *word) {
    size_t size = strlen(word);
    return at + size <= text.size && memcmp(text.data + at, word, size) == 0;
}

static int numeral_at(struct slice text, size_t at) {
    for (int i = 0; i < 10; i++)
        if (starts(text, at, numerals[i]))
            return i;
    return starts(text, at, "〇") ? 0 : starts(text, at, "两") ? 2 : -1;
}

static size_t unit_at(struct slice text, size_t at) {
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (starts(text, at, units[i]))
            return strlen(units[i]);
    return 0;
}

/* A run of Chinese numerals that a unit word follows (三单元, 二十一号): its value and where it ends; 0 where there is none. All are of three bytes. */
static size_t numeral_run(struct slice text, size_t at, unsigned *value) {
    unsigned sum = 0, digit = 0;
    bool tens = false, plain = true;
    size_t i = at;
    for (; i < text.size && i < at + 15; i += 3) {
        int d = numeral_at(text, i);
        if (d >= 0) {
            digit = plain && !tens && i > at ? digit * 10 + (unsigned)d : (unsigned)d;
        } else if (starts(text, i, "十") || starts(text, i, "百")) {
            unsigned weight = starts(text, i, "十") ? 10 : 100;
            sum += (digit || i > at ? digit : 1) * weight;
            digit = 0;
            tens = true;
        } else {
            break;
        }
    }
    *value = sum + digit;
    return i > at && unit_at(text, i) ? i : 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_latin(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

static void add_blank(struct buffer *out, size_t start) {
    if (out->size > start && out->data[out->size - 1] != ' ')
        buffer_add_char(out, ' ');
}

/* Behind "省", "市" ... near the start: where the part below the town begins. */
static size_t below_town(struct slice text) {
    static const char *const ends[] = {"特别行政区", "自治区", "自治州", "省", "市"};
    size_t begin = 0;
    for (size_t i = 0; i < text.size && i < 60 && i < begin + 27; i++)
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
            if (i > begin && starts(text, i, ends[k]) && i + strlen(ends[k]) < text.size) {
                begin = i + strlen(ends[k]);
                i = begin;
                break;
            }
    return begin;
}

struct slice address_town(struct slice raw) {
    static const struct slice town = {"市", 3};
    size_t end = below_town(raw), begin = end;
    if (end < 2 * town.size || !starts(raw, end - town.size, "市"))
        return SLICE_NONE;
    end -= town.size;
    for (begin = end; begin > 0 && !starts(raw, begin - 1, " "); begin--)
        if (begin >= 3 &&
            (starts(raw, begin - 3, "省") || starts(raw, begin - 3, "区") || starts(raw, begin - 3, "市")))
            break;
    return slice_of(raw.data + begin, end - begin);
}

/* Numbers set apart, the words between them left out; true where there was one. */
static bool chinese_key(struct slice text, struct buffer *out) {
    size_t start = out->size;
    bool number = false, after = false; /* after: what was added last is a number */
    for (size_t i = below_town(text); i < text.size;) {
        unsigned value;
        size_t end = numeral_run(text, i, &value), unit = after ? unit_at(text, i) : 0;
        if (end) {
            add_blank(out, start);
            buffer_print(out, "%u", value);
            number = after = true;
            i = end;
        } else if (unit) {
            i += unit;
            after = i < text.size && unit_at(text, i); /* 号院 and 楼 in a row */
            add_blank(out, start);
        } else if (is_latin(text.data[i])) {
            if (!after || !is_latin(out->data[out->size - 1]))
                add_blank(out, start);
            number = number || is_digit(text.data[i]);
            after = true;
            buffer_add_char(out, text.data[i++]);
        } else if (text.data[i] & 0x80) {
            if (after)
                add_blank(out, start);
            after = false;
            buffer_add_char(out, text.data[i++]);
        } else { /* a blank or a dash */
            if (after)
                add_blank(out, start);
            i++;
        }
    }
    while (out->size > start && out->data[out->size - 1] == ' ')
        out->size--;
    return number;
}

/* --- Western --- */

#define WORDS_MAX 40

static size_t split_words(struct slice text, struct slice words[WORDS_MAX]) {
    size_t count = 0;
    for (size_t i = 0; i < text.size && count < WORDS_MAX;) {
        size_t begin = i;
        while (i < text.size && text.data[i] != ' ')
            i++;
        if (i > begin)
            words[count++] = slice_of(text.data + begin, i - begin);
        i++;
    }
    return count;
}

static bool has_digit(struct slice word) {
    for (size_t i = 0; i < word.size; i++)
        if (is_digit(word.data[i]))
            return true;
    return false;
}

static bool means_unit(struct slice word) {
    static const char *const names[] = {"apt", "flat", "ste",         "unit",    "room",
                                        "rm",  "no",   "appartement", "wohnung", "whg"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (slice_is(word, names[i]))
            return true;
    return false;
}

/* "12 high st" and " #3". */
static bool western_key(struct slice text, struct slice unit, struct buffer *out) {
    struct slice words[WORDS_MAX];
    size_t count = split_words(text, words), start = out->size;
    bool number = false;
    for (size_t i = 0; i < count; i++) {
        if (means_unit(words[i]) && i + 1 < count && has_digit(words[i + 1])) {
            unit = words[++i];
            continue;
        }
        add_blank(out, start);
        buffer_add_slice(out, words[i]);
        number = number || has_digit(words[i]);
    }
    if (unit.size && number) {
        buffer_add(out, " #", 2);
        buffer_add_slice(out, unit);
    }
    return number;
}

/* "3/12 High St" and "12 High St #3": the unit, and where the rest is; both are lost once marks have become blanks. */
static struct slice cut_unit(struct slice *raw) {
    size_t i = 0;
    *raw = slice_trim(*raw);
    while (i < raw->size && is_digit(raw->data[i]))
        i++;
    if (i && i + 1 < raw->size && raw->data[i] == '/' && is_digit(raw->data[i + 1])) {
        struct slice unit = {raw->data, i};
        *raw = slice_of(raw->data + i + 1, raw->size - i - 1);
        return unit;
    }
    const char *mark = raw->size ? memrchr(raw->data, '#', raw->size) : NULL;
    if (mark && mark > raw->data) {
        size_t at = (size_t)(mark - raw->data) + 1, end = at;
        while (end < raw->size && (is_digit(raw->data[end]) || (raw->data[end] | 32) >= 'a') && raw->data[end] > 0)
            end++;
        if (end == raw->size && end > at) {
            *raw = slice_of(raw->data, at - 1);
            return slice_of(mark + 1, end - at);
        }
    }
    return SLICE_NONE;
}

static bool is_chinese(struct slice text) {
    size_t high = 0;
    for (size_t i = 0; i < text.size; i++)
        high += (unsigned char)text.data[i] >= 0xE3;
    return high * 6 >= text.size && high >= 2;
}

bool address_key(struct fuzzy_normaliser *n, struct slice raw, struct buffer *into) {
    struct buffer text = {0}, low = {0};
    size_t start = into->size;
    struct slice unit = is_chinese(raw) ? SLICE_NONE : cut_unit(&raw);
    fuzzy_normalise(n, FUZZY_ROLE_ADDRESS, raw, &text);
    for (size_t i = 0; i < unit.size; i++)
        buffer_add_char(&low, unit.data[i] >= 'A' && unit.data[i] <= 'Z' ? (char)(unit.data[i] | 32) : unit.data[i]);
    bool house = is_chinese(buffer_slice(&text)) ? chinese_key(buffer_slice(&text), into)
                                                 : western_key(buffer_slice(&text), buffer_slice(&low), into);
    if (!house)
        into->size = start;
    buffer_release(&text);
    buffer_release(&low);
    return house;
}
