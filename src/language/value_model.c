/* value_model: see the header. */
#include "language/value_model.h"

#include <assert.h>
#include <math.h>

#include "base/decimal.h"

/* --- making values --- */

struct value value_bool(bool b) {
    return (struct value){.type = TERM_BOOL, .integer = b};
}
struct value value_whole(int64_t whole) {
    return (struct value){.type = TERM_NUMBER, .integer = whole};
}
struct value value_text(struct slice text) {
    return (struct value){.type = TERM_TEXT, .text = text};
}
struct value value_time(int64_t ms) {
    return (struct value){.type = TERM_TIME, .integer = ms};
}
struct value value_date(int64_t days) {
    return (struct value){.type = TERM_DATE, .integer = days};
}

static __int128 power(unsigned n) {
    __int128 p = 1;
    while (n-- > 0)
        p *= 10;
    return p;
}

struct value value_real(double real) {
    struct decimal d;
    if (decimal_of_real(real, &d))
        return (struct value){.type = TERM_NUMBER, .integer = d.value, .scale = (uint8_t)d.scale};
    return (struct value){.type = TERM_NUMBER, .scale = SCALE_REAL, .real = real};
}

struct value value_exact(__int128 number, unsigned scale) {
    while (scale > 0 && number % 10 == 0) {
        number /= 10;
        scale--;
    }
    if (scale > DECIMAL_SCALE_MAX || number > INT64_MAX || number < INT64_MIN)
        return value_real((double)((__float128)number / (__float128)power(scale)));
    return (struct value){.type = TERM_NUMBER, .integer = (int64_t)number, .scale = (uint8_t)scale};
}

double value_double(const struct value *number) {
    return number->scale == SCALE_REAL ? number->real : decimal_real(number->integer, number->scale);
}

/* --- arithmetic --- */

static __int128 at_scale(struct value a, unsigned scale) { return a.integer * power(scale - a.scale); }

static struct value exact_divide(struct value a, struct value b) {
    __int128 up = a.integer * power(b.scale), down = b.integer * power(a.scale);
    if (up * power(DECIMAL_SCALE_MAX) % down == 0)
        return value_exact(up * power(DECIMAL_SCALE_MAX) / down, DECIMAL_SCALE_MAX);
    return value_real((double)((__float128)up / (__float128)down));
}

static struct value exact_arithmetic(enum op op, struct value a, struct value b) {
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    switch (op) {
    case OP_ADD:
        return value_exact(at_scale(a, scale) + at_scale(b, scale), scale);
    case OP_SUBTRACT:
        return value_exact(at_scale(a, scale) - at_scale(b, scale), scale);
    case OP_MULTIPLY:
        return value_exact((__int128)a.integer * b.integer, a.scale + (unsigned)b.scale);
    case OP_DIVIDE:
        return b.integer == 0 ? VALUE_NONE : exact_divide(a, b);
    default:
        assert(op == OP_MODULO);
        return b.integer == 0 ? VALUE_NONE : value_exact(at_scale(a, scale) % at_scale(b, scale), scale);
    }
}

static struct value real_arithmetic(enum op op, double a, double b) {
    switch (op) {
    case OP_ADD:
        return value_real(a + b);
    case OP_SUBTRACT:
        return value_real(a - b);
    case OP_MULTIPLY:
        return value_real(a * b);
    case OP_DIVIDE:
        return b == 0 ? VALUE_NONE : value_real(a / b);
    default:
        assert(op == OP_MODULO);
        return b == 0 ? VALUE_NONE : value_real(fmod(a, b));
    }
}

struct value number_arithmetic(enum op op, struct value a, struct value b) {
    assert(a.type == TERM_NUMBER && b.type == TERM_NUMBER);
    if (a.scale == SCALE_REAL || b.scale == SCALE_REAL)
        return real_arithmetic(op, value_double(&a), value_double(&b));
    return exact_arithmetic(op, a, b);
}

struct value number_round(struct value number, unsigned digits) {
    if (number.scale == SCALE_REAL) {
        __float128 up = (__float128)number.real * (__float128)power(digits);
        if (up > 1e30Q || up < -1e30Q)
            return number;
        return value_exact((__int128)(up < 0 ? up - 0.5Q : up + 0.5Q), digits);
    }
    if (number.scale <= digits)
        return number;
    __int128 unit = power(number.scale - digits), half = unit / 2;
    return value_exact((number.integer + (number.integer < 0 ? -half : half)) / unit, digits);
}

struct value number_floor(struct value number) {
    if (number.scale == SCALE_REAL)
        return value_real(floor(number.real));
    __int128 unit = power(number.scale), whole = number.integer / unit;
    return value_exact(whole - (number.integer < whole * unit), 0);
}

/* --- comparing --- */

static int number_compare(struct value a, struct value b) {
    if (a.scale == SCALE_REAL && b.scale == SCALE_REAL)
        return (a.real > b.real) - (a.real < b.real);
    if (a.scale == SCALE_REAL) {
        __float128 up = (__float128)a.real * (__float128)power(b.scale);
        return (up > b.integer) - (up < b.integer);
    }
    if (b.scale == SCALE_REAL)
        return -number_compare(b, a);
    __int128 x = at_scale(a, DECIMAL_SCALE_MAX), y = at_scale(b, DECIMAL_SCALE_MAX);
    return (x > y) - (x < y);
}

int value_compare(const struct zone *zone, struct value a, struct value b) {
    if (a.type == TERM_NUMBER)
        return number_compare(a, b);
    if (a.type == TERM_TEXT)
        return slice_compare(a.text, b.text);
    if (a.type == TERM_TIME && b.type == TERM_DATE)
        a = value_date(day_of(zone, a.integer));
    if (a.type == TERM_DATE && b.type == TERM_TIME)
        b = value_date(day_of(zone, b.integer));
    return (a.integer > b.integer) - (a.integer < b.integer);
}

bool value_equal(const struct zone *zone, struct value a, struct value b) {
    if (a.type != TERM_TEXT_LIST && a.type != TERM_NUMBER_LIST)
        return value_compare(zone, a, b) == 0;
    for (uint32_t i = 0; i < a.count && a.count == b.count; i++)
        if (!value_equal(zone, a.elements[i], b.elements[i]))
            return false;
    return a.count == b.count;
}

/* --- text --- */

static bool begins_character(char c) { return ((unsigned char)c & 0xc0) != 0x80; }

uint32_t text_length(struct slice text) {
    uint32_t n = 0;
    for (size_t i = 0; i < text.size; i++)
        n += begins_character(text.data[i]);
    return n;
}

struct slice text_part(struct slice text, int64_t from, int64_t count) {
    int64_t place = 0;
    size_t first = text.size, end = text.size;
    for (size_t i = text.size; i-- > 0;)
        place += begins_character(text.data[i]);
    for (size_t i = text.size; i-- > 0;) {
        if (!begins_character(text.data[i]))
            continue;
        if (place >= from + count)
            end = i;
        if (place >= from)
            first = i;
        place--;
    }
    return first < end ? slice_of(text.data + first, end - first) : slice_of(text.data, 0);
}

bool text_contains(struct slice text, struct slice part) {
    for (size_t i = 0; i + part.size <= text.size; i++)
        if (slice_equal(slice_of(text.data + i, part.size), part))
            return true;
    return false;
}

static struct slice without(struct slice text, size_t bytes) { return slice_of(text.data + bytes, text.size - bytes); }

static size_t character_bytes(struct slice text) {
    size_t n = 1;
    while (n < text.size && !begins_character(text.data[n]))
        n++;
    return n;
}

bool text_matches(struct slice text, struct slice glob) {
    if (glob.size == 0)
        return text.size == 0;
    if (glob.data[0] == '*')
        return text_matches(text, without(glob, 1)) || (text.size && text_matches(without(text, 1), glob));
    if (text.size == 0)
        return false;
    if (glob.data[0] == '?')
        return text_matches(without(text, character_bytes(text)), without(glob, 1));
    if (glob.data[0] == '\\' && glob.size > 1)
        glob = without(glob, 1);
    return text.data[0] == glob.data[0] && text_matches(without(text, 1), without(glob, 1));
}

/* --- time --- */

int64_t floor_divide(int64_t a, int64_t b) {
    assert(b > 0);
    return a / b - (a % b < 0);
}

int64_t day_of(const struct zone *zone, int64_t time_ms) {
    return floor_divide(zone_utc_to_local(zone, time_ms), DAY_MS);
}
int64_t day_start(const struct zone *zone, int64_t days) { return zone_local_to_utc(zone, days * DAY_MS); }

int64_t moment_of(const struct zone *zone, struct value moment) {
    assert(moment.type == TERM_TIME || moment.type == TERM_DATE);
    return moment.type == TERM_TIME ? moment.integer : day_start(zone, moment.integer);
}

static int64_t add_months(int64_t days, int64_t months) {
    int64_t year;
    unsigned month, day;
    time_civil(days, &year, &month, &day);
    int64_t at = year * 12 + (month - 1) + months;
    year = floor_divide(at, 12);
    month = (unsigned)(at - year * 12) + 1;
    while (!time_date_valid(year, month, day))
        day--;
    return time_days(year, month, day);
}

static int64_t unit_months(enum unit unit) { return unit == UNIT_MONTH ? 1 : unit == UNIT_QUARTER ? 3 : 12; }

static int64_t unit_ms(enum unit unit) {
    static const int64_t ms[] = {1000, 60000, 3600000, DAY_MS, 7 * DAY_MS};
    return ms[unit];
}

int64_t moment_add(const struct zone *zone, int64_t time_ms, int64_t amount, enum unit unit) {
    if (unit < UNIT_DAY)
        return time_ms + amount * unit_ms(unit);
    int64_t local = zone_utc_to_local(zone, time_ms), days = floor_divide(local, DAY_MS), clock = local - days * DAY_MS;
    if (unit <= UNIT_WEEK)
        days += amount * (unit == UNIT_WEEK ? 7 : 1);
    else
        days = add_months(days, amount * unit_months(unit));
    return zone_local_to_utc(zone, days * DAY_MS + clock);
}

int64_t duration_add(const struct zone *zone, int64_t time_ms, int64_t amount, enum unit unit) {
    return unit <= UNIT_WEEK ? time_ms + amount * unit_ms(unit) : moment_add(zone, time_ms, amount, unit);
}

/* 1 Monday .. 7 Sunday; 1970-01-01 was a Thursday. */
static int64_t weekday(int64_t days) { return (days + 3) - floor_divide(days + 3, 7) * 7 + 1; }

int64_t period_start(int64_t days, enum unit unit, int by, uint8_t week_start) {
    int64_t year;
    unsigned month, day;
    if (unit == UNIT_DAY)
        return days + by;
    if (unit == UNIT_WEEK)
        return days - (weekday(days) - week_start + 7) % 7 + 7 * by;
    time_civil(days, &year, &month, &day);
    if (unit == UNIT_QUARTER)
        month = (month - 1) / 3 * 3 + 1;
    if (unit == UNIT_YEAR)
        month = 1;
    return add_months(time_days(year, month, 1), by * unit_months(unit));
}

int64_t months_between(const struct zone *zone, struct value from, int64_t now_ms) {
    int64_t local = zone_utc_to_local(zone, now_ms), year[2], start;
    unsigned month[2], day[2];
    start = from.type == TERM_TIME ? zone_utc_to_local(zone, from.integer) : from.integer * DAY_MS;
    int64_t days[2] = {floor_divide(start, DAY_MS), floor_divide(local, DAY_MS)};
    for (int i = 0; i < 2; i++)
        time_civil(days[i], &year[i], &month[i], &day[i]);
    int64_t months = (year[1] - year[0]) * 12 + (int)month[1] - (int)month[0];
    bool short_of = day[1] < day[0] || (day[1] == day[0] && local - days[1] * DAY_MS < start - days[0] * DAY_MS);
    return months - short_of;
}

int64_t days_to_anniversary(int64_t today, int64_t date) {
    int64_t year, unused_year;
    unsigned month, day, unused;
    time_civil(date, &unused_year, &month, &day);
    time_civil(today, &year, &unused, &unused);
    for (;; year++) {
        int64_t returns = time_date_valid(year, month, day) ? time_days(year, month, day) : time_days(year, 3, 1);
        if (returns >= today)
            return returns - today;
    }
}
