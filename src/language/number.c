/* number: see the header. Doubles and decimals are compared in quad precision, which holds every product that occurs. */
#include "language/number.h"

#include <assert.h>
#include <math.h>

static const int64_t powers[] = {1,
                                 10,
                                 100,
                                 1000,
                                 10000,
                                 100000,
                                 1000000,
                                 10000000,
                                 100000000,
                                 1000000000,
                                 10000000000,
                                 100000000000,
                                 1000000000000,
                                 10000000000000,
                                 100000000000000,
                                 1000000000000000,
                                 10000000000000000,
                                 100000000000000000,
                                 1000000000000000000};

struct number number_of_real(double real) {
    struct decimal d;
    if (decimal_of_real(real, &d))
        return number_decimal(d.value, d.scale);
    return (struct number){.real = real, .scale = NUMBER_REAL};
}

struct number number_of_wide(__int128 sum, unsigned scale) {
    assert(scale <= 18);
    while ((scale > DECIMAL_SCALE_MAX || sum > INT64_MAX || sum < INT64_MIN) && scale > 0 && sum % 10 == 0) {
        sum /= 10;
        scale--;
    }
    if (scale > DECIMAL_SCALE_MAX || sum > INT64_MAX || sum < INT64_MIN)
        return number_of_real((double)((__float128)sum / (__float128)powers[scale]));
    return number_decimal((int64_t)sum, scale);
}

struct number number_reduced(struct number a) {
    while (a.scale != NUMBER_REAL && a.scale > 0 && a.integer % 10 == 0) {
        a.integer /= 10;
        a.scale--;
    }
    return a;
}

/* Reduced first: two ways to write a number past 2^53 must give one double. */
double number_as_real(struct number a) {
    if (a.scale != NUMBER_REAL && (a.integer >= (int64_t)1 << 53 || a.integer <= -((int64_t)1 << 53)))
        a = number_reduced(a);
    return a.scale == NUMBER_REAL ? a.real : decimal_real(a.integer, a.scale);
}

static int compare_real(double a, struct number b) {
    __float128 up = (__float128)a * (__float128)powers[b.scale];
    return (up > (__float128)b.integer) - (up < (__float128)b.integer);
}

int number_compare_slow(struct number a, struct number b) {
    if (a.scale == NUMBER_REAL && b.scale == NUMBER_REAL)
        return (a.real > b.real) - (a.real < b.real);
    if (a.scale == NUMBER_REAL)
        return compare_real(a.real, b);
    if (b.scale == NUMBER_REAL)
        return -compare_real(b.real, a);
    __int128 x = (__int128)a.integer * powers[b.scale], y = (__int128)b.integer * powers[a.scale];
    return (x > y) - (x < y);
}

static bool divide(struct number a, struct number b, struct number *out) {
    if (b.integer == 0)
        return false;
    a = number_reduced(a);
    b = number_reduced(b);
    __int128 up = (__int128)a.integer * powers[b.scale], down = (__int128)b.integer * powers[a.scale];
    __int128 more = up * powers[DECIMAL_SCALE_MAX];
    *out = more % down == 0 ? number_of_wide(more / down, DECIMAL_SCALE_MAX)
                            : number_of_real((double)((__float128)up / (__float128)down));
    return true;
}

static bool calculate_decimals(enum op op, struct number a, struct number b, struct number *out) {
    unsigned scale = a.scale > b.scale ? a.scale : b.scale;
    __int128 x = (__int128)a.integer * powers[scale - a.scale], y = (__int128)b.integer * powers[scale - b.scale];
    switch (op) {
    case OP_ADD:
        *out = number_of_wide(x + y, scale);
        return true;
    case OP_SUBTRACT:
        *out = number_of_wide(x - y, scale);
        return true;
    case OP_MULTIPLY:
        *out = number_of_wide((__int128)a.integer * b.integer, a.scale + (unsigned)b.scale);
        return true;
    case OP_DIVIDE:
        return divide(a, b, out);
    default:
        assert(op == OP_MODULO);
        if (y != 0)
            *out = number_of_wide(x % y, scale);
        return y != 0;
    }
}

static bool calculate_reals(enum op op, double a, double b, struct number *out) {
    switch (op) {
    case OP_ADD:
        *out = number_of_real(a + b);
        return true;
    case OP_SUBTRACT:
        *out = number_of_real(a - b);
        return true;
    case OP_MULTIPLY:
        *out = number_of_real(a * b);
        return true;
    default:
        assert(op == OP_DIVIDE || op == OP_MODULO);
        if (b != 0)
            *out = number_of_real(op == OP_DIVIDE ? a / b : fmod(a, b));
        return b != 0;
    }
}

bool number_calculate(enum op op, struct number a, struct number b, struct number *out) {
    if (a.scale == NUMBER_REAL || b.scale == NUMBER_REAL)
        return calculate_reals(op, number_as_real(a), number_as_real(b), out);
    return calculate_decimals(op, a, b, out);
}

struct number number_negated(struct number a) {
    if (a.scale == NUMBER_REAL)
        return number_of_real(-a.real);
    return number_of_wide(-(__int128)a.integer, a.scale);
}

struct number number_rounded(struct number a, unsigned digits) {
    assert(digits <= DECIMAL_SCALE_MAX);
    if (a.scale == NUMBER_REAL) {
        __float128 up = (__float128)a.real * (__float128)powers[digits];
        if (up > 1e30Q || up < -1e30Q)
            return a;
        return number_of_wide((__int128)(up < 0 ? up - 0.5Q : up + 0.5Q), digits);
    }
    if (a.scale <= digits)
        return a;
    __int128 unit = powers[a.scale - digits], half = unit / 2;
    return number_of_wide((a.integer + (a.integer < 0 ? -half : half)) / unit, digits);
}

struct number number_floored(struct number a) {
    if (a.scale == NUMBER_REAL)
        return number_of_real(floor(a.real));
    int64_t unit = powers[a.scale], whole = a.integer / unit;
    return number_whole(whole - (a.integer % unit < 0));
}

struct number number_ceiled(struct number a) {
    return number_negated(number_floored(number_negated(a)));
}

/* Smallest integer x with x / 10^scale >= bound (strict: > bound), or false where there is none. */
static bool first_integer(struct number bound, unsigned scale, bool strict, int64_t *out) {
    int64_t low = INT64_MIN, high = INT64_MAX;
    if (bound.scale != NUMBER_REAL) {
        __int128 x = (__int128)bound.integer * powers[scale > bound.scale ? scale - bound.scale : 0];
        if (bound.scale > scale) {
            __int128 unit = powers[bound.scale - scale], floor = x / unit - (x % unit < 0);
            x = floor + (strict || floor * unit < x);
        } else {
            x += strict;
        }
        if (x > INT64_MAX)
            return false;
        *out = x < INT64_MIN ? INT64_MIN : (int64_t)x;
        return true;
    }
    if (number_compare(number_decimal(high, scale), bound) < (int)strict)
        return false;
    while (low < high) {
        int64_t middle = (int64_t)((uint64_t)low + ((uint64_t)high - (uint64_t)low) / 2);
        if (number_compare(number_decimal(middle, scale), bound) >= (int)strict)
            high = middle;
        else
            low = middle + 1;
    }
    *out = low;
    return true;
}

struct number_range number_range_of(enum op op, struct number bound, unsigned scale) {
    const struct number_range none = {1, 0};
    struct number_range range = {INT64_MIN, INT64_MAX};
    int64_t x;
    if (op == OP_GREATER || op == OP_GREATER_EQUAL || op == OP_EQUAL) {
        if (!first_integer(bound, scale, op == OP_GREATER, &range.low))
            return none;
    }
    if (op == OP_LESS || op == OP_LESS_EQUAL || op == OP_EQUAL) {
        if (!first_integer(bound, scale, op != OP_LESS, &x))
            return range;
        if (x == INT64_MIN)
            return none;
        range.high = x - 1;
    }
    return range;
}

/* Smallest double whose number is >= bound (strict: > bound). */
static double first_real(struct number bound, bool strict) {
    double x = number_as_real(bound);
    while (!isinf(x) && number_compare(number_of_real(x), bound) < (int)strict)
        x = nextafter(x, INFINITY);
    for (double before; (before = nextafter(x, -INFINITY)),
                        !isinf(before) && number_compare(number_of_real(before), bound) >= (int)strict;)
        x = before;
    return x;
}

struct number_reals number_reals_of(enum op op, struct number bound) {
    struct number_reals range = {-INFINITY, INFINITY};
    if (op == OP_GREATER || op == OP_GREATER_EQUAL || op == OP_EQUAL)
        range.low = first_real(bound, op == OP_GREATER);
    if (op == OP_LESS || op == OP_LESS_EQUAL || op == OP_EQUAL)
        range.high = nextafter(first_real(bound, op != OP_LESS), -INFINITY);
    return range;
}
