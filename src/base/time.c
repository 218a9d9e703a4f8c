/* time: civil calendar arithmetic on eras of 400 years (146,097 days), counted from 1 March so that leap days come last. */
#include "base/time.h"

#include <stdio.h>

int64_t time_days(int64_t year, unsigned month, unsigned day) {
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + (int64_t)day_of_era - 719468;
}

void time_civil(int64_t days, int64_t *year, unsigned *month, unsigned *day) {
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

bool time_date_valid(int64_t year, unsigned month, unsigned day) {
    static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= lengths[month - 1] + (unsigned)(month == 2 && leap);
}

/* Reads exactly `count` digits at *at. */
static bool read_digits(struct slice t, size_t *at, size_t count, unsigned *value) {
    if (t.size - *at < count || *at > t.size)
        return false;
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        char c = t.data[*at + i];
        if (c < '0' || c > '9')
            return false;
        *value = *value * 10 + (unsigned)(c - '0');
    }
    *at += count;
    return true;
}

static bool read_char(struct slice t, size_t *at, char c) {
    if (*at >= t.size || t.data[*at] != c)
        return false;
    ++*at;
    return true;
}

/* "Z", "+hh", "+hhmm", "+hh:mm" or nothing. */
static bool read_zone(struct slice t, size_t *at, int64_t *offset_ms, bool *zoned) {
    unsigned hours = 0, minutes = 0;
    *offset_ms = 0;
    *zoned = true;
    if (*at < t.size && t.data[*at] == ' ' && *at + 1 < t.size && (t.data[*at + 1] == '+' || t.data[*at + 1] == '-'))
        ++*at;
    if (read_char(t, at, 'Z') || read_char(t, at, 'z'))
        return true;
    bool east = read_char(t, at, '+');
    if (!east && !read_char(t, at, '-')) {
        *zoned = false;
        return true;
    }
    if (!read_digits(t, at, 2, &hours))
        return false;
    if (*at < t.size && (!(read_char(t, at, ':') || t.data[*at] != ':') || !read_digits(t, at, 2, &minutes)))
        return false;
    if (hours > 15 || minutes > 59)
        return false;
    *offset_ms = (east ? 1 : -1) * (int64_t)(hours * 60 + minutes) * 60000;
    return true;
}

enum status time_parse_iso(struct slice t, int64_t *time_ms, bool *zoned) {
    size_t at = 0;
    unsigned year, month, day, hour = 0, minute = 0, second = 0, ms = 0;
    int64_t offset_ms = 0;
    *zoned = false;
    if (!read_digits(t, &at, 4, &year) || !read_char(t, &at, '-') || !read_digits(t, &at, 2, &month) ||
        !read_char(t, &at, '-') || !read_digits(t, &at, 2, &day) || !time_date_valid(year, month, day))
        return STATUS_INVALID;
    if (at < t.size) {
        if (!read_char(t, &at, 'T') && !read_char(t, &at, ' ') && !read_char(t, &at, 't'))
            return STATUS_INVALID;
        if (!read_digits(t, &at, 2, &hour) || !read_char(t, &at, ':') || !read_digits(t, &at, 2, &minute))
            return STATUS_INVALID;
        if (read_char(t, &at, ':')) {
            if (!read_digits(t, &at, 2, &second))
                return STATUS_INVALID;
            if (read_char(t, &at, '.') || read_char(t, &at, ',')) {
                unsigned weight = 100;
                size_t first = at;
                for (; at < t.size && t.data[at] >= '0' && t.data[at] <= '9'; at++, weight /= 10)
                    ms += (unsigned)(t.data[at] - '0') * weight;
                if (at == first)
                    return STATUS_INVALID;
            }
        }
        if (!read_zone(t, &at, &offset_ms, zoned))
            return STATUS_INVALID;
    }
    if (at != t.size || hour > 23 || minute > 59 || second > 60)
        return STATUS_INVALID;
    int64_t seconds = time_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    *time_ms = seconds * 1000 + ms - offset_ms;
    return STATUS_OK;
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

/* Writes `count` decimal digits of `value` at `out`. */
static char *put_digits(char *out, unsigned value, int count) {
    for (int i = count - 1; i >= 0; i--, value /= 10)
        out[i] = (char)('0' + value % 10);
    return out + count;
}

size_t time_format_date(int64_t days, char *out) {
    int64_t year;
    unsigned month, day;
    time_civil(days, &year, &month, &day);
    if (year < 0 || year > 9999)
        return (size_t)snprintf(out, TIME_TEXT_BYTES, "%lld-%02u-%02u", (long long)year, month, day);
    char *p = put_digits(out, (unsigned)year, 4);
    *p++ = '-';
    p = put_digits(p, month, 2);
    *p++ = '-';
    return (size_t)(put_digits(p, day, 2) - out);
}

size_t time_format(int64_t time_ms, char *out) {
    int64_t days = floor_div(time_ms, DAY_MS);
    unsigned rest = (unsigned)(time_ms - days * DAY_MS);
    char *p = out + time_format_date(days, out);
    *p++ = 'T';
    p = put_digits(p, rest / 3600000, 2);
    *p++ = ':';
    p = put_digits(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = put_digits(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = put_digits(p, rest % 1000, 3);
    *p++ = 'Z';
    return (size_t)(p - out);
}
