/* btyd_bg: BG/NBD (Fader, Hardie and Lee, "Counting Your Customers" the Easy Way, 2005). Orders come at a rate of the customer's own, gamma(r, alpha)
 * over customers; after each order the customer stops with a probability of the customer's own, beta(a, b).
 *
 * The paper's formulas hold a hypergeometric function that overflows for busy customers and a pole at a = 1; here they are written so that neither
 * appears: see btyd_bg_expected. */
#include "insight/btyd.h"

#include <math.h>

#include "insight/special.h"

#define POWER_MAX 300 /* e to this is a number with room to spare */

/* What depends on x and the parameters alone: the same for the run of groups with one x. */
struct by_x {
    double value, r, a, b;
};

static struct by_x part_of_x(const double *p, double x) {
    double r = p[0], a = p[2], b = p[3], digamma_ab = special_digamma(a + b), digamma_abx = special_digamma(a + b + x);
    return (struct by_x){
        special_log_gamma(r + x) - special_log_gamma(r) + r * log(p[1]) + special_log_gamma(a + b) +
            special_log_gamma(b + x) - special_log_gamma(b) - special_log_gamma(a + b + x),
        special_digamma(r + x) - special_digamma(r) + log(p[1]),
        digamma_ab - digamma_abx,
        digamma_ab - digamma_abx + special_digamma(b + x) - special_digamma(b),
    };
}

double btyd_bg_likelihood(const double *p, const struct btyd_buyer *groups, size_t count, double *slope) {
    double r = p[0], alpha = p[1], a = p[2], b = p[3], value = 0, by_r = 0, by_alpha = 0, by_a = 0, by_b = 0;
    struct by_x part = {0};
    for (size_t i = 0; i < count; i++) {
        const struct btyd_buyer *g = &groups[i];
        if (i == 0 || g->x != groups[i - 1].x)
            part = part_of_x(p, g->x);
        double log_age = log(alpha + g->T), log_last = 0, stayed = 1, stopped = 0;
        double of_times = -(r + g->x) * log_age;
        if (g->x > 0) {
            /* stayed + stopped = 1: how the likelihood divides between who stays and who stopped after the last order. */
            log_last = log(alpha + g->t_x);
            double odds = a / (b + g->x - 1) * exp((r + g->x) * (log_age - log_last));
            if (isfinite(odds)) {
                of_times += log1p(odds);
                stopped = odds / (1 + odds);
                stayed = 1 / (1 + odds);
            } else {
                of_times = log(a / (b + g->x - 1)) - (r + g->x) * log_last;
                stopped = 1;
                stayed = 0;
            }
        }
        value += g->count * (part.value + of_times);
        by_r += g->count * (part.r - stayed * log_age - stopped * log_last);
        by_alpha += g->count * (r / alpha - (r + g->x) * (stayed / (alpha + g->T) + stopped / (alpha + g->t_x)));
        by_a += g->count * (part.a + stopped / a);
        by_b += g->count * (part.b - (g->x > 0 ? stopped / (b + g->x - 1) : 0));
    }
    slope[0] += by_r * r;
    slope[1] += by_alpha * alpha;
    slope[2] += by_a * a;
    slope[3] += by_b * b;
    return value;
}

double btyd_bg_alive(const double *p, const struct btyd_buyer *g) {
    if (g->x == 0)
        return 1;
    return 1 / (1 + p[2] / (p[3] + g->x - 1) * exp((p[0] + g->x) * (log(p[1] + g->T) - log(p[1] + g->t_x))));
}

/* The paper's (10):  (a+b+x-1) / (a-1) [1 - ((alpha+T)/(alpha+T+t))^(r+x) 2F1(r+x, b+x; a+b+x-1; z)] alive,  z = t / (alpha+T+t).
 * Euler's transformation makes the bracket 1 - (1-z)^e 2F1(a+b-r-1, e; a+b+x-1; z) with e = a - 1, and with 2F1 = 1 + e A / c S (special_gauss_rest)
 * the division by e can be done beforehand: (1 - (1-z)^e) / e = -expm1(e log(1-z)) / e, which goes to -log(1-z) as e goes to 0.
 * Where a is so large that (1-z)^e is no number any more and S none yet (the stopping is nearly the same for everybody: a and b ran off together),
 * the paper's own form does, in logarithms: then e is far from 0, and the bracket is far from 0 too. */
double btyd_bg_expected(const double *p, const struct btyd_buyer *g, double time) {
    double r = p[0], e = p[2] - 1, c = p[2] + p[3] + g->x - 1, upper = p[2] + p[3] - r - 1;
    double z = time / (p[1] + g->T + time), log_rest = log1p(-z);
    if (-e * log_rest > POWER_MAX)
        return -c / e * expm1((r + g->x) * log_rest + special_gauss_log(r + g->x, p[3] + g->x, c, z)) *
               btyd_bg_alive(p, g);
    double first = fabs(e) < 1e-12 ? -log_rest : -expm1(e * log_rest) / e;
    double rest = special_gauss_rest(upper + 1, e + 1, c + 1, z);
    return (c * first - exp(e * log_rest) * upper * rest) * btyd_bg_alive(p, g);
}
