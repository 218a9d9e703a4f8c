/* decimal: exact numbers as value / 10^scale, for money and for whatever is written with few decimals. */
#ifndef ONEFOLD_BASE_DECIMAL_H
#define ONEFOLD_BASE_DECIMAL_H

#include "base/slice.h"
#include "base/status.h"

#define DECIMAL_SCALE_MAX 6

struct decimal {
    int64_t value;
    unsigned scale; /* 0..DECIMAL_SCALE_MAX, as small as it can be */
};

/* The decimal that `real` is the nearest double of, when it has at most DECIMAL_SCALE_MAX decimals and |real| < 10^12.
 * False otherwise: keep the double. */
bool decimal_of_real(double real, struct decimal *out);
/* "1234.50", "-3", "+7", "1e3" (exponent allowed); no grouping, no blanks. Errors: INVALID; TOO_LARGE when it does not
 * fit (then a double may). */
enum status decimal_parse(struct slice text, struct decimal *out) WARN_UNUSED;
double decimal_real(int64_t value, unsigned scale);
/* Same number at a higher scale; false on overflow. */
bool decimal_rescale(int64_t *value, unsigned from, unsigned to);

#endif
