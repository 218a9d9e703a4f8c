/* normalise_number: numbers and money as people write them: signs, thousands, 万 and 亿, full-width digits, currencies before or behind. Shape as in
 * normalise.c. */
#include "govern/normalise_inside.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A number being read: what is left of the text, and its digits without decoration. */
struct number_reader {
    struct slice rest;
    char digits[FIELD_BYTES]; /* "1234.50" */
    size_t size;
    size_t significant; /* digits from the first that is not 0 */
    long exponent;
    bool negative;
};

static bool take_text(struct slice *rest, const char *lower) {
    size_t size = strlen(lower);
    if (rest->size < size || ((*rest->data ^ *lower) & ~32) || !text_equals_lower(slice_of(rest->data, size), lower))
        return false;
    *rest = slice_trim(skip(*rest, size));
    return true;
}

static void put_digit(struct number_reader *r, char c) {
    assert(r->size < FIELD_BYTES);
    r->digits[r->size++] = c;
    r->significant += r->significant || c != '0';
}

/* Digits, grouped by three or not at all, one kind of separator. */
static bool read_whole_part(struct number_reader *r) {
    size_t group = 0, groups = 0;
    char separator = 0;
    while (r->rest.size) {
        char c = *r->rest.data, next = r->rest.size > 1 ? r->rest.data[1] : 0;
        if (is_digit(c)) {
            put_digit(r, c);
            group++;
        } else if ((c == ',' || c == ' ' || c == '\'') && group && is_digit(next) && (!separator || separator == c)) {
            if (groups ? group != 3 : group > 3)
                return false;
            separator = c;
            groups++;
            group = 0;
        } else {
            break;
        }
        r->rest = skip(r->rest, 1);
    }
    return groups == 0 || group == 3;
}

static bool read_exponent(struct number_reader *r) {
    struct slice text = skip(r->rest, 1);
    bool down = text.size && *text.data == '-';
    if (text.size && (*text.data == '-' || *text.data == '+'))
        text = skip(text, 1);
    size_t digits = 0;
    for (; text.size && is_digit(*text.data); digits++, text = skip(text, 1))
        r->exponent = r->exponent < 1000 ? r->exponent * 10 + (*text.data - '0') : r->exponent;
    r->exponent *= down ? -1 : 1;
    r->rest = text;
    return digits > 0;
}

/* The number at the front of rest, moving behind it. */
static bool read_number(struct number_reader *r) {
    if (!read_whole_part(r))
        return false;
    bool whole = r->size > 0;
    if (r->rest.size && *r->rest.data == '.') {
        r->digits[r->size++] = '.';
        size_t before = r->size;
        for (r->rest = skip(r->rest, 1); r->rest.size && is_digit(*r->rest.data); r->rest = skip(r->rest, 1))
            put_digit(r, *r->rest.data);
        whole = whole || r->size > before;
    }
    if (whole && r->rest.size && (*r->rest.data | 32) == 'e' && !read_exponent(r))
        return false;
    r->rest = slice_trim(r->rest);
    return whole;
}

static bool read_sign(struct number_reader *r) {
    bool minus = take_text(&r->rest, "-");
    r->negative |= minus;
    return minus || take_text(&r->rest, "+");
}

struct suffix {
    const char *text;
    int exponent;
};

/* Powers of ten behind a number. Longer ones first. */
static void read_scale(struct number_reader *r) {
    static const struct suffix scales[] = {{"百万", 6}, {"千万", 7}, {"千", 3}, {"万", 4},
                                           {"亿", 8},   {"k", 3},    {"w", 4}};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        if (r->rest.size && take_text(&r->rest, scales[i].text)) {
            r->exponent += scales[i].exponent;
            return;
        }
    }
}

/* Folds `raw` into `plain` and strips brackets that mean a negative sum. */
static bool start_reading(struct number_reader *r, struct slice raw, char plain[FIELD_BYTES]) {
    *r = (struct number_reader){0};
    size_t size = text_fold(raw, plain, FIELD_BYTES);
    if (size == SIZE_MAX)
        return false;
    r->rest = slice_of(plain, size);
    if (size >= 3 && plain[0] == '(' && plain[size - 1] == ')') {
        r->negative = true;
        r->rest = slice_trim(slice_of(plain + 1, size - 2));
    }
    return true;
}

/* The digits with sign and exponent, for decimal_parse and strtod. */
static struct slice finish_reading(struct number_reader *r, char out[FIELD_BYTES + 32]) {
    size_t size = r->negative;
    assert(r->size > 0 && r->size <= FIELD_BYTES);
    out[0] = '-';
    memcpy(out + size, r->digits, r->size);
    size += r->size;
    if (r->exponent)
        size +=
            (size_t)snprintf(out + size, 16, "e%ld", r->exponent); /* |exponent| < 10,010: four digits and a scale */
    assert(size < FIELD_BYTES + 32);
    out[size] = 0;
    return slice_of(out, size);
}

/* Exact where it can be; a double printed in full (16 digits or more) is rounded to the decimals we keep. */
static enum status exact_decimal(struct number_reader *r, struct decimal *number) {
    char text[FIELD_BYTES + 32];
    enum status status = decimal_parse(finish_reading(r, text), number);
    if (status == STATUS_TOO_LARGE && r->significant >= 16 && memchr(r->digits, '.', r->size)) {
        double real = strtod(text, NULL);
        if (fabs(real) < 1e9 && decimal_of_real(nearbyint(real * 1e6) / 1e6, number))
            status = STATUS_OK;
    }
    return status;
}

/* Sign, number, scale, percent, sign: what normalise_number and normalise_real share. */
static bool read_plain_number(struct number_reader *r, struct slice raw, char plain[FIELD_BYTES]) {
    if (!start_reading(r, raw, plain))
        return false;
    bool sign = read_sign(r);
    if (!read_number(r))
        return false;
    read_scale(r);
    if (take_text(&r->rest, "%"))
        r->exponent -= 2;
    else if (take_text(&r->rest, "‰"))
        r->exponent -= 3;
    if (!sign && !r->negative)
        read_sign(r);
    return r->rest.size == 0;
}

static const char number_like[] = "expected a number such as 1234.5, 1,234.5 or 12%";

enum status normalise_number(struct slice raw, struct decimal *number, struct fault *fault) {
    char plain[FIELD_BYTES], quote[TEXT_QUOTE_BYTES];
    struct number_reader r;
    if (decimal_parse(raw, number) == STATUS_OK)
        return STATUS_OK;
    if (!read_plain_number(&r, raw, plain))
        return refuse(fault, "number", raw, number_like);
    if (exact_decimal(&r, number) == STATUS_OK)
        return STATUS_OK;
    return !fault ? STATUS_TOO_LARGE
                  : fault_set(fault, STATUS_TOO_LARGE, "number '%s': kept exactly are 18 digits, 6 of them decimals",
                              text_quote(raw, quote));
}

enum status normalise_real(struct slice raw, double *number, struct fault *fault) {
    char plain[FIELD_BYTES], text[FIELD_BYTES + 32];
    struct number_reader r;
    if (!read_plain_number(&r, raw, plain))
        return refuse(fault, "number", raw, number_like);
    finish_reading(&r, text);
    double real = strtod(text, NULL);
    if (!isfinite(real))
        return refuse(fault, "number", raw, "too large for a double");
    *number = real;
    return STATUS_OK;
}

/* A currency's sign or name, at either end. Longer ones first. */
static bool read_currency(struct number_reader *r) {
    static const char *const names[] = {"cn¥", "¥",   "人民币", "rmb", "cny", "us$", "usd", "hk$",
                                        "hkd", "nt$", "twd",    "mop", "$",   "eur", "€",   "gbp",
                                        "£",   "jpy", "krw",    "₩",   "sgd", "s$",  "aud", "cad"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (r->rest.size && take_text(&r->rest, names[i]))
            return true;
    return false;
}

/* A unit behind the number: 1 for major units, 0 for none; smaller ones move the exponent. */
static bool read_unit(struct number_reader *r) {
    static const struct suffix units[] = {{"元整", 0}, {"元", 0},  {"圆", 0},  {"块钱", 0}, {"块", 0},  {"円", 0},
                                          {"yuan", 0}, {"角", -1}, {"毛", -1}, {"分", -2},  {"fen", -2}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (r->rest.size && take_text(&r->rest, units[i].text)) {
            r->exponent += units[i].exponent;
            return true;
        }
    }
    return false;
}

static bool unit_exponent(const char *unit, long *exponent) {
    *exponent = !unit || strcmp(unit, "yuan") == 0 ? 0
                : strcmp(unit, "fen") == 0         ? -2
                : strcmp(unit, "wan") == 0         ? 4
                                                   : 99;
    return *exponent != 99;
}

bool normalise_money_unit_valid(const char *unit) {
    long exponent;
    return unit_exponent(unit, &exponent);
}

/* [sign] [currency] [sign] number [scale] [unit] [currency] [sign]; `own` when the text says what it counts. */
static bool read_money(struct number_reader *r, bool *own) {
    bool sign = read_sign(r);
    *own = read_currency(r);
    sign = sign || read_sign(r);
    if (!read_number(r))
        return false;
    long before = r->exponent;
    read_scale(r);
    *own |= before != r->exponent;
    *own |= read_unit(r);
    *own |= read_currency(r);
    if (!sign && !r->negative)
        read_sign(r);
    return r->rest.size == 0;
}

enum status normalise_money(struct slice raw, const char *unit, struct decimal *amount, struct fault *fault) {
    char plain[FIELD_BYTES];
    struct number_reader r;
    bool own;
    long exponent;
    if (!unit_exponent(unit, &exponent))
        return fault_set(fault, STATUS_INVALID, "unit of money '%s' is not known; expected yuan, fen or wan", unit);
    if (exponent == 0 && decimal_parse(raw, amount) == STATUS_OK)
        return STATUS_OK;
    if (!start_reading(&r, raw, plain) || !read_money(&r, &own))
        return refuse(fault, "money", raw, "expected a sum such as 1234.50, ¥1,234.50, 12元 or 1.2万");
    r.exponent += own ? 0 : exponent;
    if (exact_decimal(&r, amount) != STATUS_OK)
        return refuse(fault, "money", raw, "kept exactly are 18 digits, 6 of them decimals; round it");
    return STATUS_OK;
}
