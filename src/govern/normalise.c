/* normalise: see the header. Shape of each: the plain spelling first, without a copy; then the value folded to plain
 * characters in a small buffer on the stack (text_fold), read from left to right, and written to the arena when it is
 * whole.
 *
 * Phones: libphonenumber takes 10 to 20 microseconds, so Chinese mobiles, nearly all there are in a Chinese store, are
 * known by their first three digits. The table only says yes: what it does not know goes to the library, so a newer
 * library with more ranges is right at once; normalise_test.c holds the table to the library, digit by digit. */
#include "govern/normalise_inside.h"
#include "govern/phone.h"

#include <assert.h>
#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

/* ---- phone ---- */

/* The mobile ranges of China given out whole, by three digits: bit d3 of [d2] for 1 d2 d3. */
static const uint16_t mobile_bits[10] = {
    [3] = 0x3FF, [4] = 0x0A0, [5] = 0x3EF, [6] = 0x0E4, [7] = 0x1EF, [8] = 0x3FF, [9] = 0x3EF};

/* Eleven digits of a Chinese mobile, with nothing but blanks, dashes and brackets between, behind +86, 0086, 86 or
 * nothing; from elsewhere only behind +86. */
static bool plain_mobile(struct slice raw, const char *region, char e164[PHONE_E164_BYTES]) {
    char digits[16];
    size_t count = 0;
    bool plus = false;
    for (size_t i = 0; i < raw.size; i++) {
        char c = raw.data[i];
        if (is_digit(c)) {
            if (count == 15)
                return false;
            digits[count++] = c;
        } else if (c == '+') {
            if (plus || count)
                return false;
            plus = true;
        } else if (c != ' ' && c != '-' && c != '(' && c != ')') {
            return false;
        }
    }
    if (!(count == 11 && !plus) && !(count == 13 && digits[0] == '8' && digits[1] == '6') &&
        !(count == 15 && !plus && memcmp(digits, "0086", 4) == 0))
        return false;
    if (!plus && !(region && region[0] == 'C' && region[1] == 'N' && region[2] == 0))
        return false;
    const char *national = digits + count - 11;
    if (national[0] != '1' || !(mobile_bits[national[1] - '0'] >> (national[2] - '0') & 1))
        return false;
    memcpy(e164, "+86", 3);
    memcpy(e164 + 3, national, 11);
    e164[14] = 0;
    return true;
}

/* Leaves out an extension ("x5", "ext. 5", "#5", "转5", "分机5", ";ext=5") and the parameters of a "tel:". False when
 * what stands behind the mark is no extension. */
static bool drop_extension(struct slice *text, bool uri) {
    static const char *const marks[] = {";ext=", "ext", "x", "#", "转", "分机"};
    const char *semicolon = uri && text->size ? memchr(text->data, ';', text->size) : NULL;
    text->size = semicolon ? (size_t)(semicolon - text->data) : text->size;
    for (size_t at = 0; at < text->size; at++) {
        if (is_digit(text->data[at]) || text->data[at] == ' ' || text->data[at] == '-')
            continue;
        for (size_t m = 0; m < sizeof marks / sizeof *marks; m++) {
            struct slice rest = skip(*text, at);
            if (!slice_starts(rest, slice_text(marks[m])))
                continue;
            rest = skip(rest, strlen(marks[m]));
            while (rest.size && (*rest.data == ' ' || *rest.data == '.' || *rest.data == ':'))
                rest = skip(rest, 1);
            size_t digits = 0;
            while (digits < rest.size && is_digit(rest.data[digits]))
                digits++;
            text->size = at;
            return digits >= 1 && digits <= 8 && digits == rest.size;
        }
    }
    return true;
}

static enum status refuse_phone(struct fault *fault, struct slice raw, const char *region, enum phone_verdict verdict) {
    static const char *const texts[] = {
        [PHONE_VALID] = "",
        [PHONE_NOT_A_NUMBER] = "not a phone number",
        [PHONE_NO_COUNTRY] = "has no known country code",
        [PHONE_TOO_SHORT] = "too short",
        [PHONE_TOO_LONG] = "too long",
        [PHONE_UNASSIGNED] = "in no range that is given out",
    };
    char digits[PHONE_E164_BYTES], quote[TEXT_QUOTE_BYTES];
    assert(verdict != PHONE_VALID);
    if (!fault)
        return STATUS_INVALID;
    text_quote(raw, quote);
    if (!phone_example(region, digits))
        return fault_set(fault, STATUS_INVALID,
                         "phone '%s': %s; expected a number with its country code such as +8613123456789", quote,
                         texts[verdict]);
    return fault_set(fault, STATUS_INVALID,
                     "phone '%s': %s for %s; expected %zu digits such as %s, or +, country code and number", quote,
                     texts[verdict], region, strlen(digits), digits);
}

/* The other spellings: cleaned here, judged by the library. */
static enum status decorated_phone(struct slice raw, const char *region, char e164[PHONE_E164_BYTES],
                                   struct fault *fault) {
    char plain[FIELD_BYTES];
    size_t size = text_fold(raw, plain, sizeof plain);
    if (size == SIZE_MAX)
        return refuse_phone(fault, raw, region, PHONE_TOO_LONG);
    text_lower(plain, size);
    struct slice text = slice_of(plain, size);
    bool uri = slice_starts(text, SLICE("tel:"));
    text = uri ? skip(text, 4) : text;
    if (!drop_extension(&text, uri))
        return refuse(fault, "phone", raw,
                      "expected one number of digits, with at most an extension such as x801 behind it");
    for (size_t i = 0; i < text.size; i++)
        if (!is_digit(text.data[i]) && !strchr("+ -./()[]", text.data[i]))
            return refuse(fault, "phone", raw, "expected one number of digits, blanks, dashes and brackets");
    text = slice_trim(text);
    if (text.size > 10 && text.data[text.size - 1] == '0' && text.data[text.size - 2] == '.')
        text.size -= 2; /* 13800001111.0, as spreadsheets and data frames write it */
    if (plain_mobile(text, region, e164))
        return STATUS_OK;
    enum phone_verdict verdict = phone_read(text, region, e164);
    return verdict == PHONE_VALID ? STATUS_OK : refuse_phone(fault, raw, region, verdict);
}

enum status normalise_phone(struct slice raw, const char *region, struct arena *arena, struct slice *e164,
                            struct fault *fault) {
    char digits[PHONE_E164_BYTES];
    raw = slice_trim(raw);
    enum status status = plain_mobile(raw, region, digits) ? STATUS_OK : decorated_phone(raw, region, digits, fault);
    if (status == STATUS_OK)
        *e164 = arena_copy(arena, slice_text(digits));
    return status;
}

/* ---- e-mail ---- */

static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

/* Dots never first, last or two together; the rest of RFC 5321's unquoted characters. */
static bool local_valid(struct slice local) {
    for (size_t i = 0; i < local.size; i++) {
        char c = local.data[i];
        bool dot = c == '.' && i > 0 && i + 1 < local.size && local.data[i - 1] != '.';
        if (c == 0 || !(is_letter(c) || is_digit(c) || dot || strchr("!#$%&'*+/=?^_`{|}~-", c)))
            return false;
    }
    return local.size >= 1 && local.size <= 64;
}

/* At least two labels of 1..63 letters, digits and inner dashes; the last is no number. */
static bool domain_valid(struct slice domain) {
    size_t labels = 0, label = 0;
    bool letters = false;
    for (size_t i = 0; i <= domain.size; i++) {
        char c = i < domain.size ? domain.data[i] : '.';
        if (c == '.') {
            if (label == 0 || label > 63 || domain.data[i - 1] == '-')
                return false;
            labels++;
            letters = i < domain.size ? false : letters && label >= 2;
            label = 0;
        } else if (is_letter(c) || is_digit(c) || (c == '-' && label)) {
            letters = letters || is_letter(c);
            label++;
        } else {
            return false;
        }
    }
    return labels >= 2 && letters && domain.size <= 253;
}

/* The address alone: out of "mailto:a@b.com?subject=x" and "Name <a@b.com>". */
static struct slice bare_address(struct slice text) {
    const char *open = text.size ? memrchr(text.data, '<', text.size) : NULL;
    if (open && text.data[text.size - 1] == '>')
        text = slice_of(open + 1, (size_t)(text.data + text.size - 2 - open));
    if (slice_starts(text, SLICE("mailto:"))) {
        text = skip(text, 7);
        const char *question = text.size ? memchr(text.data, '?', text.size) : NULL;
        text.size = question ? (size_t)(question - text.data) : text.size;
    }
    return slice_trim(text);
}

enum status normalise_email(struct slice raw, struct arena *arena, struct slice *email, struct fault *fault) {
    char plain[512];
    size_t size = text_fold(raw, plain, sizeof plain);
    if (size == SIZE_MAX)
        return refuse(fault, "e-mail", raw, "longer than the 254 characters an address may have");
    text_lower(plain, size);
    struct slice text = bare_address(slice_of(plain, size));
    const char *at = text.size ? memchr(text.data, '@', text.size) : NULL;
    if (!at)
        return refuse(fault, "e-mail", raw, "has no @; expected an address such as name@example.com");
    struct slice local = slice_of(text.data, (size_t)(at - text.data)), domain = skip(text, local.size + 1);
    if (domain.size && memchr(domain.data, '@', domain.size))
        return refuse(fault, "e-mail", raw, "has more than one @; expected one address such as name@example.com");
    if (!local_valid(local))
        return refuse(fault, "e-mail", raw,
                      "what stands before @ is not valid; expected one address such as name@example.com");
    if (!domain_valid(domain))
        return refuse(fault, "e-mail", raw,
                      "the domain after @ is not valid; expected one address such as name@example.com");
    if (text.size > 254)
        return refuse(fault, "e-mail", raw, "longer than the 254 characters an address may have");
    *email = arena_copy(arena, text);
    return STATUS_OK;
}

/* ---- words: gender and bool ---- */

struct word {
    const char *text; /* lower case, half width */
    int value;
};

/* The value of `raw` in a table that ends with NULL; -1 where it is not there. */
static int find_word(struct slice raw, const struct word *words) {
    char plain[FIELD_BYTES];
    size_t size = text_fold(raw, plain, sizeof plain);
    if (size == SIZE_MAX)
        return -1;
    text_lower(plain, size);
    for (; words->text; words++)
        if (slice_equal(slice_of(plain, size), slice_text(words->text)))
            return words->value;
    return -1;
}

enum status normalise_gender(struct slice raw, enum gender *gender, struct fault *fault) {
    static const struct word words[] = {
        {"1", GENDER_MALE},       {"2", GENDER_FEMALE},        {"0", GENDER_UNKNOWN},
        {"9", GENDER_UNKNOWN},    {"男", GENDER_MALE},         {"女", GENDER_FEMALE},
        {"男性", GENDER_MALE},    {"女性", GENDER_FEMALE},     {"m", GENDER_MALE},
        {"f", GENDER_FEMALE},     {"male", GENDER_MALE},       {"female", GENDER_FEMALE},
        {"先生", GENDER_MALE},    {"女士", GENDER_FEMALE},     {"小姐", GENDER_FEMALE},
        {"太太", GENDER_FEMALE},  {"man", GENDER_MALE},        {"woman", GENDER_FEMALE},
        {"boy", GENDER_MALE},     {"girl", GENDER_FEMALE},     {"mr", GENDER_MALE},
        {"mr.", GENDER_MALE},     {"ms", GENDER_FEMALE},       {"ms.", GENDER_FEMALE},
        {"mrs", GENDER_FEMALE},   {"mrs.", GENDER_FEMALE},     {"男士", GENDER_MALE},
        {"男生", GENDER_MALE},    {"女生", GENDER_FEMALE},     {"未知", GENDER_UNKNOWN},
        {"保密", GENDER_UNKNOWN}, {"不详", GENDER_UNKNOWN},    {"未说明", GENDER_UNKNOWN},
        {"其他", GENDER_UNKNOWN}, {"unknown", GENDER_UNKNOWN}, {"other", GENDER_UNKNOWN},
        {"u", GENDER_UNKNOWN},    {"secret", GENDER_UNKNOWN},  {NULL, 0}};
    int value = find_word(raw, words);
    if (value < 0)
        return refuse(fault, "gender", raw, "expected 0 (unknown), 1 (male), 2 (female), male, female, 男 or 女");
    *gender = (enum gender)value;
    return STATUS_OK;
}

enum status normalise_bool(struct slice raw, bool *value, struct fault *fault) {
    static const struct word words[] = {{"true", 1}, {"false", 0}, {"1", 1},  {"0", 0},  {"yes", 1}, {"no", 0},
                                        {"y", 1},    {"n", 0},     {"是", 1}, {"否", 0}, {"on", 1},  {"off", 0},
                                        {"t", 1},    {"f", 0},     {"真", 1}, {"假", 0}, {"有", 1},  {"无", 0},
                                        {"对", 1},   {"错", 0},    {NULL, 0}};
    int found = find_word(raw, words);
    if (found < 0)
        return refuse(fault, "yes or no", raw, "expected true, false, yes, no, 1, 0, 是 or 否");
    *value = found;
    return STATUS_OK;
}

/* ---- identity number ---- */

/* ISO 7064 MOD 11-2 over the first 17 digits. */
static char idcard_check(const char *digits) {
    static const unsigned char weights[17] = {7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2};
    unsigned sum = 0;
    for (int i = 0; i < 17; i++)
        sum += weights[i] * (unsigned)(digits[i] - '0');
    return "10X98765432"[sum % 11];
}

/* Provinces of GB/T 2260, 71 to 83 for Taiwan, Hong Kong, Macau and their residents' permits, 9x for foreigners'. */
static bool province_valid(const char *digits) {
    static const struct {
        unsigned char first, last;
    } regions[10] = {/* 50 is Chongqing */
                     [1] = {1, 5}, [2] = {1, 3}, [3] = {1, 7}, [4] = {1, 6}, [5] = {0, 4},
                     [6] = {1, 5}, [7] = {1, 1}, [8] = {1, 3}, [9] = {0, 9}};
    unsigned region = (unsigned)(digits[0] - '0'), place = (unsigned)(digits[1] - '0');
    return regions[region].last && place >= regions[region].first && place <= regions[region].last;
}

static unsigned digits_value(const char *digits, size_t count) {
    unsigned value = 0;
    for (size_t i = 0; i < count; i++)
        value = value * 10 + (unsigned)(digits[i] - '0');
    return value;
}

/* Brings 15 digits to 18: the century goes in behind the place, the check character behind all. */
static void idcard_lengthen(char *digits) {
    bool old = memcmp(digits + 12, "996", 3) >= 0;
    memmove(digits + 8, digits + 6, 9);
    memcpy(digits + 6, old ? "18" : "19", 2);
    digits[17] = idcard_check(digits);
}

/* The characters that count, without blanks and dashes; false when another one is among them. */
static bool idcard_digits(struct slice raw, char digits[20], size_t *count) {
    char plain[FIELD_BYTES];
    size_t size = text_fold(raw, plain, sizeof plain);
    *count = 0;
    for (size_t i = 0; size != SIZE_MAX && i < size; i++) {
        if (plain[i] == ' ' || plain[i] == '-')
            continue;
        if (*count == 18 || !(is_digit(plain[i]) || (*count == 17 && (plain[i] | 32) == 'x')))
            return false;
        digits[(*count)++] = plain[i] == 'x' ? 'X' : plain[i];
    }
    return size != SIZE_MAX;
}

enum status normalise_idcard(struct slice raw, struct arena *arena, struct idcard *idcard, struct fault *fault) {
    char digits[20], quote[TEXT_QUOTE_BYTES];
    size_t count;
    if (!idcard_digits(raw, digits, &count) || (count != 15 && count != 18))
        return refuse(fault, "identity number", raw,
                      "expected 18 characters, digits with at most an X at the end, or 15 digits");
    if (count == 15)
        idcard_lengthen(digits);
    unsigned year = digits_value(digits + 6, 4), month = digits_value(digits + 10, 2),
             day = digits_value(digits + 12, 2);
    if (!province_valid(digits))
        return refuse(fault, "identity number", raw,
                      "its first two digits are no province's; expected 11 to 65, 71, 81 to 83 or 9x");
    if (year < 1800 || !time_date_valid(year, month, day))
        return !fault ? STATUS_INVALID
                      : fault_set(fault, STATUS_INVALID,
                                  "identity number '%s': its date of birth %04u-%02u-%02u does not exist",
                                  text_quote(raw, quote), year, month, day);
    if (digits[17] != idcard_check(digits))
        return !fault ? STATUS_INVALID
                      : fault_set(fault, STATUS_INVALID,
                                  "identity number '%s': a digit is wrong; the last should be %c for the others",
                                  text_quote(raw, quote), idcard_check(digits));
    idcard->number = arena_copy(arena, slice_of(digits, 18));
    idcard->birth_days = time_days(year, month, day);
    idcard->gender = (digits[16] - '0') % 2 ? GENDER_MALE : GENDER_FEMALE;
    return STATUS_OK;
}

/* ---- names and codes ---- */

static bool is_chinese(uint32_t c) {
    return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) || (c >= 0xF900 && c <= 0xFAFF) ||
           c == 0x3007 || (c >= 0x20000 && c <= 0x3FFFF);
}

/* As a name shows it: text_plain would also turn a typographic dash or a Japanese length mark into '-'. */
static uint32_t plain_in_name(uint32_t code) {
    bool joiner = code == 0x200C || code == 0x200D; /* they are spelling in Persian and in Indian scripts */
    bool wide = code >= 0xFF01 && code <= 0xFF5E;
    uint32_t plain = joiner ? code : text_plain(code);
    return plain == ' ' || plain == 0 || wide ? plain : code;
}

/* Marks that may have a composed form: combining accents, kana voicing, jamo. */
static bool may_compose(uint32_t c) {
    return (c >= 0x300 && c <= 0x36F) || c == 0x3099 || c == 0x309A || (c >= 0x1100 && c <= 0x11FF);
}

/* Unicode NFC of a name, through UTF-16 as ICU wants it. */
static struct slice compose(struct slice text, struct arena *arena) {
    UChar wide[NAME_BYTES_MAX + 1], composed[NAME_BYTES_MAX * 4];
    char narrow[NAME_BYTES_MAX * 12];
    int32_t wide_size, composed_size, size;
    UErrorCode error = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&error);
    u_strFromUTF8(wide, NAME_BYTES_MAX + 1, &wide_size, text.data, (int32_t)text.size, &error);
    composed_size = unorm2_normalize(nfc, wide, wide_size, composed, NAME_BYTES_MAX * 4, &error);
    u_strToUTF8(narrow, sizeof narrow, &size, composed, composed_size, &error);
    assert(U_SUCCESS(error)); /* valid text, and room for three times its bytes */
    return arena_copy(arena, slice_of(narrow, (size_t)size));
}

enum status normalise_name(struct slice raw, struct arena *arena, struct slice *name, struct fault *fault) {
    static const char too_long[] = "longer than 400 bytes";
    char out[NAME_BYTES_MAX + 8];
    size_t size = 0;
    uint32_t last = 0;
    bool blank = false, marks = false;
    for (size_t at = 0; at < raw.size;) {
        uint32_t code;
        size_t step = utf8_read(raw, at, &code);
        if (step == 0)
            return refuse(fault, "name", raw,
                          "not valid UTF-8; expected text in UTF-8 (was the file read in the right encoding?)");
        at += step;
        code = plain_in_name(code);
        if (code == 0 || code == ' ') {
            blank = blank || code == ' ';
            continue;
        }
        if (blank && size && !(is_chinese(last) && is_chinese(code)))
            out[size++] = ' ';
        blank = false;
        marks = marks || may_compose(code);
        size += utf8_write(code, out + size);
        last = code;
        if (size > NAME_BYTES_MAX)
            return refuse(fault, "name", raw, too_long);
    }
    if (size == 0)
        return refuse(fault, "name", raw, "empty; expected at least one character");
    *name = marks ? compose(slice_of(out, size), arena) : arena_copy(arena, slice_of(out, size));
    return name->size <= NAME_BYTES_MAX ? STATUS_OK : refuse(fault, "name", raw, too_long);
}

enum status normalise_lower(struct slice raw, struct arena *arena, struct slice *lower, struct fault *fault) {
    struct slice plain = text_half_width(raw, arena);
    if (!utf8_valid(raw))
        return refuse(fault, "code", raw, "not valid UTF-8");
    if (plain.size == 0)
        return refuse(fault, "code", raw, "empty; expected at least one character");
    char *out = arena_get(arena, plain.size * 3 + 4); /* a lower-case letter may take a byte more */
    size_t size = 0;
    for (size_t at = 0; at < plain.size;) {
        uint32_t code;
        at += utf8_read(plain, at, &code);
        size += utf8_write((uint32_t)u_tolower((UChar32)code), out + size);
    }
    *lower = slice_of(out, size);
    return STATUS_OK;
}
