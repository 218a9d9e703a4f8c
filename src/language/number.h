/* number: exact numbers: integer / 10^scale with at most six decimals, and the nearest double where there is no such form.
 *
 * A number has one form: a decimal wherever it has one that fits, whatever it came from, with its scale as small as it can be only where
 * that is asked for (number_reduced); else a double. Results are computed in 128 bits and rounded once. */
#ifndef ONEFOLD_LANGUAGE_NUMBER_H
#define ONEFOLD_LANGUAGE_NUMBER_H

#include "base/decimal.h"
#include "language/tree.h"

#define NUMBER_REAL UINT8_MAX /* scale of a double */

struct number {
    union {
        int64_t integer;
        double real;
    };
    uint8_t scale; /* 0 .. DECIMAL_SCALE_MAX, or NUMBER_REAL */
};

static inline struct number number_whole(int64_t integer) { return (struct number){.integer = integer}; }
static inline struct number number_decimal(int64_t integer, unsigned scale) {
    return (struct number){.integer = integer, .scale = (uint8_t)scale};
}
/* The decimal that `real` is written as, or itself. */
struct number number_of_real(double real);
/* sum / 10^scale, scale up to 18: a decimal where it fits, else the nearest double. */
struct number number_of_wide(__int128 sum, unsigned scale);
double number_as_real(struct number a);
/* With the smallest scale that holds it. */
struct number number_reduced(struct number a);
int number_compare_slow(struct number a, struct number b);
/* Below, at, above zero; exact between decimals and doubles too. */
static inline int number_compare(struct number a, struct number b) {
    if (a.scale == b.scale && a.scale != NUMBER_REAL)
        return (a.integer > b.integer) - (a.integer < b.integer);
    return number_compare_slow(a, b);
}
/* ADD, SUBTRACT, MULTIPLY, DIVIDE, MODULO (sign of the left). False where there is no value: division by zero. */
bool number_calculate(enum op op, struct number a, struct number b, struct number *out);
struct number number_negated(struct number a);
/* Half away from zero, to `digits` decimals. */
struct number number_rounded(struct number a, unsigned digits);
struct number number_floored(struct number a);
struct number number_ceiled(struct number a);
/* The integers x for which x / 10^scale stands so to `bound`: a closed range, empty (low > high) where there are none.
 * `op` EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL. */
struct number_range {
    int64_t low, high;
};
struct number_range number_range_of(enum op op, struct number bound, unsigned scale);
/* The same for doubles, each meaning number_of_real of it. */
struct number_reals {
    double low, high;
};
struct number_reals number_reals_of(enum op op, struct number bound);

#endif
