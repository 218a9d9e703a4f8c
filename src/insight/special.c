/* special: see special.h. Series are summed until a term no longer changes the sum. */
#include "insight/special.h"

#include <assert.h>
#include <math.h>

#define ASYMPTOTIC_FROM 12.0 /* digamma's expansion is exact to 1e-16 from here on */
#define TERMS_MAX 2000000    /* z = 0.99999 takes about this many; past it the sum stands as it is */

double special_digamma(double x) {
    assert(x > 0);
    double sum = 0;
    for (; x < ASYMPTOTIC_FROM; x++)
        sum -= 1 / x;
    double y = 1 / (x * x);
    /* log x - 1/2x - sum B2k / (2k x^2k): Abramowitz and Stegun 6.3.18. */
    double rest =
        y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132 - y * 691.0 / 32760)))));
    return sum + log(x) - 0.5 / x - rest;
}

double special_log_gamma(double x) {
    int sign;
    return lgamma_r(x, &sign);
}

double special_gauss_one(double b, double c, double z, double slope[3]) {
    assert(b > 0 && c > 0 && z >= 0 && z < 1);
    double term = 1, sum = 1, by_b = 0, by_c = 0, by_z = 0, harmonic_b = 0, harmonic_c = 0;
    for (unsigned n = 0; n < TERMS_MAX; n++) {
        term *= (b + n) / (c + n) * z;
        sum += term;
        if (slope) {
            harmonic_b += 1 / (b + n);
            harmonic_c += 1 / (c + n);
            by_b += term * harmonic_b;
            by_c -= term * harmonic_c;
            by_z += term * (n + 1);
        }
        if (term < sum * (slope ? 1e-18 : 1e-17) || term == 0)
            break;
    }
    if (slope) {
        slope[0] = by_b;
        slope[1] = by_c;
        slope[2] = z > 0 ? by_z / z : b / c;
    }
    return sum;
}

double special_gauss_rest(double a, double b, double c, double z) {
    assert(c > 0 && z >= 0 && z < 1);
    double term = z, sum = z;
    for (unsigned n = 1; n < TERMS_MAX; n++) {
        double k = n - 1;
        term *= (a + k) * (b + k) / ((c + k) * (n + 1)) * z;
        sum += term;
        if (fabs(term) <= fabs(sum) * 1e-17)
            break;
    }
    return sum;
}

double special_gauss_log(double a, double b, double c, double z) {
    assert(a > 0 && b > 0 && c > 0 && z >= 0 && z < 1);
    const double large = 0x1p600;
    double term = 1, sum = 1, taken_out = 0;
    for (unsigned n = 0; n < TERMS_MAX; n++) {
        double ratio = (a + n) * (b + n) / ((c + n) * (n + 1.0)) * z;
        term *= ratio;
        sum += term;
        if (term <= sum * 1e-17 && ratio < 1)
            break;
        if (sum > large) {
            term /= large;
            sum /= large;
            taken_out += log(large);
        }
    }
    return log(sum) + taken_out;
}

double special_normal(double z) { return 0.5 * erfc(-z * M_SQRT1_2); }
