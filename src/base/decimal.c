/* decimal: see the header. A double written by people with up to six decimals is recognised by multiplying up, rounding
 * and dividing back: when that gives the same double, the decimal is the one they wrote. */
#include "base/decimal.h"

#include <math.h>

static const int64_t powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000};

bool decimal_of_real(double real, struct decimal *out) {
    if (!(fabs(real) < 1e12))
        return false;
    for (unsigned scale = 0; scale <= DECIMAL_SCALE_MAX; scale++) {
        double up = real * (double)powers[scale];
        double whole = nearbyint(up);
        if (whole / (double)powers[scale] == real) {
            *out = (struct decimal){(int64_t)whole, scale};
            return true;
        }
    }
    return false;
}

double decimal_real(int64_t value, unsigned scale) { return (double)value / (double)powers[scale]; }

bool decimal_rescale(int64_t *value, unsigned from, unsigned to) {
    return from <= to && to <= DECIMAL_SCALE_MAX && !__builtin_mul_overflow(*value, powers[to - from], value);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

enum status decimal_parse(struct slice t, struct decimal *out) {
    size_t at = 0;
    bool negative = false, fits = true;
    int64_t value = 0;
    long fraction = 0, exponent = 0;
    size_t digits = 0;
    if (at < t.size && (t.data[at] == '-' || t.data[at] == '+'))
        negative = t.data[at++] == '-';
    for (bool point = false; at < t.size && (is_digit(t.data[at]) || (t.data[at] == '.' && !point)); at++) {
        if (t.data[at] == '.') {
            point = true;
            continue;
        }
        digits++;
        fraction += point;
        fits = fits && !__builtin_mul_overflow(value, 10, &value) &&
               !__builtin_add_overflow(value, t.data[at] - '0', &value);
    }
    if (digits == 0)
        return STATUS_INVALID;
    if (at < t.size && (t.data[at] == 'e' || t.data[at] == 'E')) {
        bool down = ++at < t.size && t.data[at] == '-';
        at += at < t.size && (t.data[at] == '-' || t.data[at] == '+');
        if (at >= t.size)
            return STATUS_INVALID;
        for (; at < t.size && is_digit(t.data[at]); at++)
            exponent = exponent < 1000 ? exponent * 10 + (t.data[at] - '0') : exponent;
        exponent = down ? -exponent : exponent;
    }
    if (at != t.size)
        return STATUS_INVALID;
    long scale = fraction - exponent;
    while (fits && scale > 0 && value % 10 == 0) {
        value /= 10;
        scale--;
    }
    for (; fits && scale < 0 && value != 0; scale++)
        fits = !__builtin_mul_overflow(value, 10, &value);
    if (value == 0)
        scale = 0;
    if (!fits || scale > DECIMAL_SCALE_MAX)
        return STATUS_TOO_LARGE;
    *out = (struct decimal){negative ? -value : value, (unsigned)(scale < 0 ? 0 : scale)};
    return STATUS_OK;
}
