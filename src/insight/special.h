/* special: the functions of analysis that the C library lacks and the models of customer value need.
 *
 * Thread: any. Accuracy: 1e-13 relative over the arguments the models use; special_test compares with integrals and identities. */
#ifndef ONEFOLD_INSIGHT_SPECIAL_H
#define ONEFOLD_INSIGHT_SPECIAL_H

/* The derivative of the logarithm of the gamma function, for x > 0. */
double special_digamma(double x);

/* log(gamma(x)) for x > 0, without the C library's global sign. */
double special_log_gamma(double x);

/* sum over n >= 0 of (b)n / (c)n z^n, that is 2F1(1, b; c; z), for b, c > 0 and 0 <= z < 1: all terms are positive, so nothing cancels.
 * Where `slope` is given, its derivatives by b, c and z.
 * Cost: log(1e-16) / log(z) terms: 16 at z = 0.1, 350 at 0.9. */
double special_gauss_one(double b, double c, double z, double slope[3]);

/* sum over n >= 1 of (a)n-1 (b)n-1 / ((c)n-1 n!) z^n for c > 0 and 0 <= z < 1: what is left of 2F1 after its first term where the first
 * factors are taken out. With it 2F1(a', b'; c'; z) = 1 + a' b' / c' * special_gauss_rest(a' + 1, b' + 1, c' + 1, z), safely where a', b'
 * or c' come near 0. */
double special_gauss_rest(double a, double b, double c, double z);

/* log 2F1(a, b; c; z) for a, b, c > 0 and 0 <= z < 1: all terms are positive, and the sum may be larger than a double holds. */
double special_gauss_log(double a, double b, double c, double z);

/* The share of a standard normal distribution below z. */
double special_normal(double z);

#endif
