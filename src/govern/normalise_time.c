/* normalise_time: see the header. ISO text is tried first, in place. Everything else is folded to plain characters, the
 * Chinese words for year, month, day, hour and so on becoming separators, and read from left to right by a cursor: a
 * date in one of a few shapes, then a time of day, then a zone. Every shape must use up the whole text.
 *
 * The pieces are checked once, at the end, in one place (finish): that is where an impossible date is explained. */
#include "govern/normalise_time.h"
#include "govern/normalise_text.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define TEXT_BYTES 128
#define YEAR_MAX 9999

/* What a text said. */
struct moment {
    unsigned year, month, day, hour, minute, second, ms;
    bool zoned, counted; /* counted: time_ms is the answer already */
    int64_t offset_ms;
    int64_t time_ms;
};

enum format {
    FORMAT_NONE,
    FORMAT_YMD,
    FORMAT_DMY,
    FORMAT_MDY,
    FORMAT_EXCEL,
    FORMAT_SECONDS,
    FORMAT_MS,
    FORMAT_US,
    FORMAT_UNKNOWN
};

static enum format format_of(const char *format) {
    static const char *const names[] = {
        [FORMAT_YMD] = "y/m/d",       [FORMAT_DMY] = "d/m/y", [FORMAT_MDY] = "m/d/y", [FORMAT_EXCEL] = "excel",
        [FORMAT_SECONDS] = "seconds", [FORMAT_MS] = "ms",     [FORMAT_US] = "us"};
    if (!format)
        return FORMAT_NONE;
    for (int i = FORMAT_YMD; i < FORMAT_UNKNOWN; i++)
        if (strcmp(format, names[i]) == 0)
            return (enum format)i;
    return FORMAT_UNKNOWN;
}

bool normalise_time_format_valid(const char *format) { return format_of(format) != FORMAT_UNKNOWN; }

/* ---- a cursor over plain text ---- */

struct cursor {
    const char *at, *end;
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static char peek(const struct cursor *c) { return c->at < c->end ? *c->at : 0; }

static bool take(struct cursor *c, char wanted) {
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool take_blanks(struct cursor *c) {
    const char *start = c->at;
    while (take(c, ' '))
        continue;
    return c->at > start;
}

static size_t digits_ahead(const struct cursor *c) {
    size_t count = 0;
    while (c->at + count < c->end && is_digit(c->at[count]))
        count++;
    return count;
}

/* A number of `least` to `most` digits with no digit behind it. */
static bool take_number(struct cursor *c, size_t least, size_t most, unsigned *value) {
    size_t digits = digits_ahead(c);
    if (digits < least || digits > most)
        return false;
    *value = 0;
    for (; digits; digits--)
        *value = *value * 10 + (unsigned)(*c->at++ - '0');
    return true;
}

/* Exactly `digits` digits, whatever comes behind. */
static unsigned take_digits(struct cursor *c, size_t digits) {
    unsigned value = 0;
    assert(digits_ahead(c) >= digits);
    for (; digits; digits--)
        value = value * 10 + (unsigned)(*c->at++ - '0');
    return value;
}

/* The letters ahead, in lower case already. */
static struct slice take_letters(struct cursor *c) {
    const char *start = c->at;
    while (c->at < c->end && is_letter(*c->at))
        c->at++;
    return slice_of(start, (size_t)(c->at - start));
}

/* ---- words ---- */

/* A name or its first three letters: 1.. for the place in a list, 0 for none. */
static unsigned find_name(struct slice word, const char *const *names, unsigned count) {
    for (unsigned i = 0; word.size >= 3 && i < count; i++)
        if (word.size <= strlen(names[i]) &&
            (word.size == 3 || names[i][word.size] == 0 || (i == 8 && word.size == 4)) &&
            memcmp(word.data, names[i], word.size) == 0)
            return i + 1;
    return 0;
}

static unsigned month_of(struct slice word) {
    static const char *const names[] = {"january", "february", "march",     "april",   "may",      "june",
                                        "july",    "august",   "september", "october", "november", "december"};
    return find_name(word, names, 12);
}

static bool is_weekday(struct slice word) {
    static const char *const names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    return find_name(word, names, 7) != 0;
}

/* The Chinese words become signs of a separate alphabet, so that the cursor meets single bytes. */
enum sign {
    SIGN_YEAR = 1,
    SIGN_MONTH,
    SIGN_DAY,
    SIGN_HOUR,
    SIGN_MINUTE,
    SIGN_SECOND,
    SIGN_MORNING,
    SIGN_AFTERNOON,
    SIGN_NOTHING
};

struct chinese {
    const char *text;
    enum sign sign;
};

static enum sign sign_at(struct slice text, size_t *step) {
    static const struct chinese words[] = {
        {"年", SIGN_YEAR},        {"月", SIGN_MONTH},       {"日", SIGN_DAY},         {"号", SIGN_DAY},
        {"时", SIGN_HOUR},        {"点", SIGN_HOUR},        {"分", SIGN_MINUTE},      {"秒", SIGN_SECOND},
        {"上午", SIGN_MORNING},   {"早上", SIGN_MORNING},   {"凌晨", SIGN_MORNING},   {"下午", SIGN_AFTERNOON},
        {"晚上", SIGN_AFTERNOON}, {"中午", SIGN_AFTERNOON}, {"星期一", SIGN_NOTHING}, {"星期二", SIGN_NOTHING},
        {"星期三", SIGN_NOTHING}, {"星期四", SIGN_NOTHING}, {"星期五", SIGN_NOTHING}, {"星期六", SIGN_NOTHING},
        {"星期日", SIGN_NOTHING}, {"星期天", SIGN_NOTHING}, {"周一", SIGN_NOTHING},   {"周二", SIGN_NOTHING},
        {"周三", SIGN_NOTHING},   {"周四", SIGN_NOTHING},   {"周五", SIGN_NOTHING},   {"周六", SIGN_NOTHING},
        {"周日", SIGN_NOTHING}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (slice_starts(text, slice_text(words[i].text))) {
            *step = strlen(words[i].text);
            return words[i].sign;
        }
    }
    *step = 0;
    return SIGN_NOTHING;
}

/* `raw` in plain characters and lower case, Chinese words as signs; false when it is too long or has other characters.
 */
static bool prepare(struct slice raw, char out[TEXT_BYTES], struct cursor *cursor) {
    char plain[TEXT_BYTES];
    size_t size = text_fold(raw, plain, sizeof plain), written = 0;
    if (size == SIZE_MAX || size == 0)
        return false;
    text_lower(plain, size);
    for (size_t at = 0; at < size;) {
        if ((unsigned char)plain[at] < 0x80) {
            out[written++] = plain[at++];
            continue;
        }
        size_t step;
        enum sign sign = sign_at(slice_of(plain + at, size - at), &step);
        if (step == 0)
            return false;
        out[written++] = sign == SIGN_NOTHING ? ' ' : (char)sign;
        at += step;
    }
    while (written && out[written - 1] == ' ')
        written--;
    *cursor = (struct cursor){out, out + written};
    return written > 0;
}

/* ---- time of day and zone ---- */

/* "Z", "UTC", "GMT", "+08:00", "gmt+0800", then perhaps a comment in brackets. */
static bool read_zone(struct cursor *c, struct moment *m) {
    take_blanks(c);
    struct slice word = take_letters(c);
    if (word.size && !slice_is(word, "z") && !slice_is(word, "utc") && !slice_is(word, "gmt") && !slice_is(word, "ut"))
        return false;
    m->zoned = word.size > 0;
    char sign = peek(c);
    if (sign == '+' || sign == '-') {
        unsigned hours, minutes = 0;
        c->at++;
        size_t digits = digits_ahead(c);
        if (digits != 2 && digits != 4 && !(digits == 1 && word.size))
            return false;
        hours = take_digits(c, digits == 4 ? 2 : digits);
        if (digits == 4)
            minutes = take_digits(c, 2);
        else if (take(c, ':') && !take_number(c, 2, 2, &minutes))
            return false;
        if (hours > 15 || minutes > 59)
            return false;
        m->zoned = true;
        m->offset_ms = (sign == '+' ? 1 : -1) * (int64_t)(hours * 60 + minutes) * 60000;
    }
    take_blanks(c);
    if (m->zoned && peek(c) == '(' && c->end[-1] == ')')
        c->at = c->end;
    return true;
}

/* Behind the seconds: decimals, cut to milliseconds. */
static bool read_fraction(struct cursor *c, struct moment *m) {
    if (!take(c, '.') && !take(c, ','))
        return true;
    size_t digits = digits_ahead(c);
    if (digits == 0)
        return false;
    unsigned weight = 100;
    for (; digits; digits--, weight /= 10)
        m->ms += (unsigned)(*c->at++ - '0') * weight;
    return true;
}

/* "pm", "a.m.": 12 hours. */
static bool read_half(struct cursor *c, struct moment *m, enum sign half) {
    struct cursor ahead = *c;
    take_blanks(&ahead);
    char letter = peek(&ahead);
    if (half == SIGN_NOTHING && (letter == 'a' || letter == 'p')) {
        ahead.at++;
        take(&ahead, '.');
        if (!take(&ahead, 'm'))
            return false;
        take(&ahead, '.');
        *c = ahead;
        if (m->hour < 1 || m->hour > 12)
            return false;
        m->hour = m->hour % 12 + (letter == 'p' ? 12 : 0);
    } else if (half == SIGN_AFTERNOON && m->hour < 12) {
        m->hour += 12;
    } else if (half == SIGN_MORNING && m->hour == 12) {
        m->hour = 0;
    }
    return true;
}

/* "14:22:09.123", "14时22分", "142209", "2:22 pm", "下午2:22". */
static bool read_clock(struct cursor *c, struct moment *m) {
    enum sign half = peek(c) == SIGN_MORNING || peek(c) == SIGN_AFTERNOON ? (enum sign) * c->at++ : SIGN_NOTHING;
    take_blanks(c);
    size_t digits = digits_ahead(c);
    if (digits == 6 || digits == 4) {
        m->hour = take_digits(c, 2);
        m->minute = take_digits(c, 2);
        m->second = digits == 6 ? take_digits(c, 2) : 0;
        return (digits == 4 || read_fraction(c, m)) && read_half(c, m, half);
    }
    if (!take_number(c, 1, 2, &m->hour))
        return false;
    bool hour = take(c, SIGN_HOUR), colon = !hour && take(c, ':');
    if (hour)
        take_blanks(c);
    if (colon || (hour && digits_ahead(c))) {
        if (!take_number(c, 1, 2, &m->minute))
            return false;
        bool minute = take(c, SIGN_MINUTE);
        if (minute)
            take_blanks(c);
        if ((!minute && take(c, ':')) || (minute && digits_ahead(c))) {
            if (!take_number(c, 1, 2, &m->second) || !read_fraction(c, m))
                return false;
            take(c, SIGN_SECOND);
        }
    } else if (!hour) {
        char letter = (take_blanks(c), peek(c));
        if (letter != 'a' && letter != 'p') /* "2 pm" needs no minutes, "14" does */
            return false;
    }
    return read_half(c, m, half);
}

/* What may follow a date: nothing, or a time of day and a zone. */
static bool read_rest(struct cursor *c, struct moment *m) {
    take(c, ',');
    bool gap = take_blanks(c) || take(c, 't');
    if (c->at == c->end)
        return true;
    gap = gap || peek(c) == SIGN_MORNING || peek(c) == SIGN_AFTERNOON || c->at[-1] == SIGN_DAY || take(c, ':');
    return gap && read_clock(c, m) && read_zone(c, m) && c->at == c->end;
}

/* ---- dates ---- */

static bool is_separator(char c) { return c == '-' || c == '/' || c == '.'; }

/* 2026-3-5, 2026/03/05, 2026年3月5日: the separator stays the same. */
static bool read_year_first(struct cursor *c, struct moment *m) {
    m->year = take_digits(c, 4);
    if (take(c, SIGN_YEAR)) {
        take_blanks(c);
        if (!take_number(c, 1, 2, &m->month) || !take(c, SIGN_MONTH))
            return false;
        take_blanks(c);
        if (!take_number(c, 1, 2, &m->day) || !take(c, SIGN_DAY))
            return false;
        return read_rest(c, m);
    }
    char separator = peek(c);
    return is_separator(separator) && take(c, separator) && take_number(c, 1, 2, &m->month) && take(c, separator) &&
           take_number(c, 1, 2, &m->day) && read_rest(c, m);
}

/* 1 to 3 numbers in the order `format` says. */
static bool read_ordered(struct cursor *c, struct moment *m, enum format format) {
    unsigned parts[3];
    size_t year_at = format == FORMAT_YMD ? 0 : 2, year_digits = 0;
    char separator = 0;
    for (size_t i = 0; i < 3; i++) {
        if (i == 1 && !is_separator(separator = peek(c)))
            return false;
        if (i && !take(c, separator))
            return false;
        size_t digits = digits_ahead(c);
        if (i == year_at ? digits != 2 && digits != 4 : digits != 1 && digits != 2)
            return false;
        year_digits = i == year_at ? digits : year_digits;
        parts[i] = take_digits(c, digits);
    }
    m->year = parts[year_at];
    if (year_digits == 2)
        m->year += m->year >= 70 ? 1900 : 2000;
    m->month = parts[format == FORMAT_MDY ? 0 : 1];
    m->day = parts[format == FORMAT_YMD ? 2 : format == FORMAT_DMY ? 0 : 1];
    return read_rest(c, m);
}

/* "Mar 5, 2026 ...", "Mar 5 14:22:09 2026", behind the month's name. */
static bool read_after_month(struct cursor *c, struct moment *m) {
    take(c, '.');
    take_blanks(c);
    if (!take_number(c, 1, 2, &m->day))
        return false;
    struct slice suffix = take_letters(c); /* 5th */
    if (suffix.size && !slice_is(suffix, "st") && !slice_is(suffix, "nd") && !slice_is(suffix, "rd") &&
        !slice_is(suffix, "th"))
        return false;
    take(c, ',');
    take_blanks(c);
    if (digits_ahead(c) == 4) {
        m->year = take_digits(c, 4);
        return read_rest(c, m);
    }
    if (!read_clock(c, m) || !read_zone(c, m))
        return false;
    return take_number(c, 4, 4, &m->year) && c->at == c->end;
}

/* "5 Mar 2026", "05-Mar-2026", "05/Mar/2026:14:22:09 +0800" (web servers' logs), "5 March, 2026" from the day on. */
static bool read_day_then_month(struct cursor *c, struct moment *m) {
    if (!take_number(c, 1, 2, &m->day))
        return false;
    char separator = peek(c) == '-' || peek(c) == '/' ? *c->at++ : ' ';
    take_blanks(c);
    m->month = month_of(take_letters(c));
    if (!m->month)
        return false;
    take(c, '.');
    take(c, ',');
    if (!take(c, separator))
        return false;
    take_blanks(c);
    return take_number(c, 4, 4, &m->year) && read_rest(c, m);
}

static bool read_words(struct cursor *c, struct moment *m) {
    struct slice word = take_letters(c);
    if (is_weekday(word)) {
        take(c, '.');
        take(c, ',');
        take_blanks(c);
        if (is_digit(peek(c)))
            return read_day_then_month(c, m);
        word = take_letters(c);
    }
    m->month = month_of(word);
    return m->month && read_after_month(c, m);
}

/* ---- counts and runs of digits ---- */

static void set_count(struct moment *m, int64_t time_ms) {
    m->counted = m->zoned = true;
    m->time_ms = time_ms;
}

/* A date run together, with a time perhaps: 8, 12, 14 or 17 digits. */
static bool read_digits_date(struct cursor *c, struct moment *m, size_t digits) {
    m->year = take_digits(c, 4);
    m->month = take_digits(c, 2);
    m->day = take_digits(c, 2);
    if (digits == 8)
        return read_rest(c, m);
    m->hour = take_digits(c, 2);
    m->minute = take_digits(c, 2);
    m->second = digits > 12 ? take_digits(c, 2) : 0;
    m->ms = digits == 17 ? take_digits(c, 3) : 0;
    return read_zone(c, m) && c->at == c->end;
}

static int64_t take_count(struct cursor *c, size_t digits) {
    int64_t value = 0;
    for (; digits; digits--)
        value = value * 10 + (*c->at++ - '0');
    return value;
}

static bool read_digits(struct cursor *c, struct moment *m, size_t digits) {
    if (digits == 8 || digits == 12 || digits == 14 || digits == 17)
        return read_digits_date(c, m, digits);
    if (digits != 10 && digits != 13 && digits != 16 && digits != 19)
        return false;
    if (digits == 19 && memcmp(c->at, "9223372036854775807", 19) > 0)
        return false;
    int64_t count = take_count(c, digits);
    if (digits == 10) {
        if (!read_fraction(c, m))
            return false;
        set_count(m, count * 1000 + m->ms);
    } else {
        set_count(m, digits == 13 ? count : digits == 16 ? count / 1000 : count / 1000000);
    }
    return c->at == c->end;
}

/* "seconds", "ms", "us", "excel": a number, with decimals perhaps. */
static bool read_count(struct cursor *c, struct moment *m, enum format format) {
    char text[TEXT_BYTES + 1], *end;
    size_t size = (size_t)(c->end - c->at);
    memcpy(text, c->at, size);
    text[size] = 0;
    if (strspn(text, "+-0123456789.") != size)
        return false;
    double value = strtod(text, &end);
    if (end != text + size)
        return false;
    if (format == FORMAT_EXCEL) {
        if (!(value >= 1 && value < 2958466) || floor(value) == 60)
            return false;
        double first = (double)time_days(1899, 12, 30) + (value < 60); /* the 29 February 1900 that never was */
        double local = floor((value + first) * (double)DAY_MS + 0.5);
        set_count(m, (int64_t)local);
        m->zoned = false;
        return true;
    }
    value *= format == FORMAT_SECONDS ? 1000 : format == FORMAT_US ? 0.001 : 1;
    if (!(fabs(value) < 1e15))
        return false;
    set_count(m, (int64_t)floor(value));
    return true;
}

/* ---- together ---- */

static enum status refuse(struct fault *fault, struct slice raw, const char *why) {
    char quote[TEXT_QUOTE_BYTES];
    return fault ? fault_set(fault, STATUS_INVALID, "date '%s': %s", text_quote(raw, quote), why) : STATUS_INVALID;
}

/* Says what cannot be about a date of the calendar, or a time of day. */
static enum status refuse_parts(struct fault *fault, struct slice raw, const struct moment *m) {
    char quote[TEXT_QUOTE_BYTES];
    if (!fault)
        return STATUS_INVALID;
    text_quote(raw, quote);
    if (m->year < 1)
        return fault_set(fault, STATUS_INVALID, "date '%s': there is no year 0; expected 0001 to 9999", quote);
    if (m->month < 1 || m->month > 12)
        return fault_set(fault, STATUS_INVALID, "date '%s': there is no month %u; expected 1 to 12", quote, m->month);
    if (!time_date_valid(m->year, m->month, m->day)) {
        unsigned days = 31;
        while (!time_date_valid(m->year, m->month, days))
            days--;
        return fault_set(fault, STATUS_INVALID, "date '%s': %04u-%02u has no day %u; expected 1 to %u", quote, m->year,
                         m->month, m->day, days);
    }
    return fault_set(fault, STATUS_INVALID,
                     "date '%s': there is no time of day %02u:%02u:%02u; expected 00:00:00 to 23:59:59", quote, m->hour,
                     m->minute, m->second);
}

static enum status check_parts(struct fault *fault, struct slice raw, const struct moment *m) {
    bool midnight = m->hour == 24 && m->minute == 0 && m->second == 0 && m->ms == 0;
    bool good = m->counted || (m->year >= 1 && m->year <= YEAR_MAX && time_date_valid(m->year, m->month, m->day) &&
                               (m->hour < 24 || midnight) && m->minute < 60 && m->second <= 60);
    return good ? STATUS_OK : refuse_parts(fault, raw, m);
}

static bool read_any(struct cursor *c, struct moment *m) {
    size_t digits = digits_ahead(c);
    if (digits == 4)
        return read_year_first(c, m);
    if (digits >= 8)
        return read_digits(c, m, digits);
    if (digits == 1 || digits == 2)
        return read_day_then_month(c, m);
    return digits == 0 && read_words(c, m);
}

/* "5/3/2026" and the like, for the fault's sake. */
static bool is_ambiguous(const struct cursor *c) {
    struct cursor look = *c;
    unsigned number;
    return take_number(&look, 1, 2, &number) && is_separator(peek(&look)) && look.at + 1 < look.end &&
           is_digit(look.at[1]);
}

static enum status read_moment(struct slice raw, const char *format_name, struct moment *m, struct fault *fault) {
    char text[TEXT_BYTES];
    struct cursor cursor;
    enum format format = format_of(format_name);
    *m = (struct moment){0};
    if (format == FORMAT_UNKNOWN)
        return fault_set(
            fault, STATUS_INVALID,
            "format '%s' of dates is not known; expected none, y/m/d, d/m/y, m/d/y, excel, seconds, ms or us",
            format_name);
    if (!prepare(raw, text, &cursor))
        return refuse(fault, raw, "expected a date such as 2026-03-05 or a time such as 2026-03-05T14:22:09+08:00");
    struct cursor start = cursor;
    if (format == FORMAT_EXCEL)
        return read_count(&cursor, m, format)
                   ? STATUS_OK
                   : refuse(fault, raw,
                            "format excel expects days since 1899-12-30 such as 46086.598; 60 is a day that never was");
    if (format >= FORMAT_SECONDS)
        return read_count(&cursor, m, format) ? STATUS_OK
                                              : refuse(fault, raw, "expected a count since 1970-01-01, digits only");
    if (format != FORMAT_NONE && is_digit(peek(&cursor)) && read_ordered(&cursor, m, format))
        return check_parts(fault, raw, m);
    *m = (struct moment){0};
    cursor = start;
    if (read_any(&cursor, m))
        return check_parts(fault, raw, m);
    if (format == FORMAT_NONE && is_ambiguous(&start))
        return refuse(fault, raw, "which number is the month cannot be known; set the format d/m/y, m/d/y or y/m/d");
    return refuse(fault, raw,
                  "not understood; expected a date such as 2026-03-05 or a time such as 2026-03-05T14:22:09+08:00");
}

/* As on a clock in UTC, whatever the zone. */
static int64_t moment_local_ms(const struct moment *m) {
    if (m->counted)
        return m->time_ms;
    int64_t seconds = time_days(m->year, m->month, m->day) * 86400 + m->hour * 3600 + m->minute * 60 + m->second;
    return seconds * 1000 + m->ms;
}

static int64_t days_of(int64_t time_ms) { return time_ms / DAY_MS - (time_ms % DAY_MS < 0); }

static enum status check_range(struct fault *fault, struct slice raw, int64_t time_ms) {
    return time_ms >= time_days(1, 1, 1) * DAY_MS && time_ms < time_days(YEAR_MAX + 1, 1, 1) * DAY_MS
               ? STATUS_OK
               : refuse(fault, raw, "outside the years 1 to 9999");
}

enum status normalise_time(struct slice raw, const struct zone *zone, const char *format, int64_t *time_ms,
                           struct fault *fault) {
    struct moment m;
    bool zoned;
    int64_t local_ms;
    assert(zone);
    if (!format && time_parse_iso(raw, &local_ms, &zoned) == STATUS_OK) {
        *time_ms = zoned ? local_ms : zone_local_to_utc(zone, local_ms);
        return check_range(fault, raw, *time_ms);
    }
    enum status status = read_moment(raw, format, &m, fault);
    if (status != STATUS_OK)
        return status;
    local_ms = moment_local_ms(&m);
    *time_ms = m.zoned ? local_ms - m.offset_ms : zone_local_to_utc(zone, local_ms);
    return check_range(fault, raw, *time_ms);
}

enum status normalise_date(struct slice raw, const struct zone *zone, const char *format, int64_t *days,
                           struct fault *fault) {
    struct moment m;
    int64_t plain_ms;
    bool zoned;
    if (!format && raw.size == 10 && time_parse_iso(raw, &plain_ms, &zoned) == STATUS_OK) {
        *days = days_of(plain_ms);
        return check_range(fault, raw, plain_ms);
    }
    enum status status = read_moment(raw, format, &m, fault);
    if (status != STATUS_OK)
        return status;
    if (m.counted && m.zoned && !zone)
        return refuse(fault, raw,
                      "a count since 1970 is a date only in a time zone; expected a date such as 2026-03-05");
    int64_t local_ms = moment_local_ms(&m);
    if (zone && m.zoned)
        local_ms = zone_utc_to_local(zone, local_ms - m.offset_ms);
    else if (!m.counted)
        local_ms = time_days(m.year, m.month, m.day) * DAY_MS; /* 24:00 and :60 do not move the date as written */
    *days = days_of(local_ms);
    return check_range(fault, raw, local_ms);
}

enum status normalise_birthday(struct slice raw, const struct zone *zone, const char *format, int64_t now_days,
                               int64_t *days, struct fault *fault) {
    int64_t found;
    enum status status = normalise_date(raw, zone, format, &found, fault);
    if (status != STATUS_OK)
        return status;
    if (found < time_days(1900, 1, 1))
        return refuse(fault, raw, "too long ago for a birthday; expected 1900-01-02 or later");
    if (found == time_days(1900, 1, 1))
        return refuse(fault, raw, "1900-01-01 stands for an unknown birthday; expected a real one, or nothing");
    if (found > now_days)
        return refuse(fault, raw, "a birthday in the future");
    *days = found;
    return STATUS_OK;
}
