/* btyd_pareto: Pareto/NBD (Schmittlein, Morrison and Colombo 1987; formulas as in Fader and Hardie, "A Note on Deriving the Pareto/NBD Model", 2005).
 * Orders come at a rate of the customer's own, gamma(r, alpha) over customers; the customer stops at a rate of the customer's own, gamma(s, beta).
 *
 * The likelihood is what is left of staying until T plus the integral of stopping at y over (t_x, T]:
 *     L / c = (alpha+T)^-(r+x) (beta+T)^-s + s / (r+s+x) [I(t_x) - I(T)],
 *     I(t) = (r+s+x) integral from t on of (alpha+y)^-(r+x) (beta+y)^-(s+1) dy.
 * I is a 2F1 in the papers. After Euler's transformation it is (alpha+t)^-(r+x) (beta+t)^-s G where alpha >= beta, and (alpha+t)^-(r+x-1) (beta+t)^-(s+1) G
 * where alpha < beta, with G = special_gauss_one: a sum of positive terms, near 1, its derivatives summed with it. Powers stay logarithms until
 * the largest is taken out. */
#include "insight/btyd.h"

#include <math.h>

#include "insight/special.h"

/* log I(t) and its derivatives by r, alpha, s, beta. */
struct integral {
    double log_value, by[BTYD_PARAMETERS];
};

static struct integral integral_from(const double *p, double x, double t, bool slopes) {
    double r = p[0], alpha = p[1], s = p[2], beta = p[3], c = r + s + x + 1, by[3];
    double u = alpha + t, v = beta + t, log_u = log(u), log_v = log(v);
    bool upper = alpha >= beta;
    double high = upper ? u : v, z = fabs(alpha - beta) / high, b = upper ? r + x : s + 1;
    double g = special_gauss_one(b, c, z, slopes ? by : NULL);
    double power_u = upper ? r + x : r + x - 1, power_v = upper ? s : s + 1;
    struct integral i = {.log_value = log(g) - power_u * log_u - power_v * log_v};
    if (slopes) {
        double by_high = -z / high,
               step = 1 / high; /* dz: by the larger of alpha and beta, (1 - z) / high; by the smaller, -1 / high */
        double by_larger = by[2] * (step + by_high), by_smaller = -by[2] * step;
        i.by[0] = ((upper ? by[0] : 0) + by[1]) / g - log_u;
        i.by[1] = (upper ? by_larger : by_smaller) / g - power_u / u;
        i.by[2] = ((upper ? 0 : by[0]) + by[1]) / g - log_v;
        i.by[3] = (upper ? by_smaller : by_larger) / g - power_v / v;
    }
    return i;
}

/* Shares of the likelihood: of staying, and of the two ends of the integral (the second is taken off). */
struct shares {
    double log_sum, stay, from_last, from_age;
};

static struct shares share_out(double log_stay, double log_last, double log_age) {
    double top = fmax(log_stay, log_last), stay = exp(log_stay - top), last = exp(log_last - top),
           age = exp(log_age - top);
    double sum = stay + (last > age ? last - age : 0);
    return (struct shares){top + log(sum), stay / sum, last / sum, age / sum};
}

double btyd_pareto_likelihood(const double *p, const struct btyd_buyer *groups, size_t count, double *slope) {
    double r = p[0], alpha = p[1], s = p[2], beta = p[3], value = 0, sums[BTYD_PARAMETERS] = {0}, gammas = 0,
           digammas = 0;
    for (size_t i = 0; i < count; i++) {
        const struct btyd_buyer *g = &groups[i];
        double rx = r + g->x, rsx = rx + s;
        if (i == 0 || g->x != groups[i - 1].x) {
            gammas = special_log_gamma(rx) - special_log_gamma(r) + r * log(alpha) + s * log(beta);
            digammas = special_digamma(rx) - special_digamma(r);
        }
        struct integral last = integral_from(p, g->x, g->t_x, true), age = integral_from(p, g->x, g->T, true);
        double log_u = log(alpha + g->T), log_v = log(beta + g->T), share = log(s / rsx);
        struct shares w = share_out(-rx * log_u - s * log_v, share + last.log_value, share + age.log_value);
        const double of_stay[] = {-log_u, -rx / (alpha + g->T), -log_v, -s / (beta + g->T)};
        const double of_share[] = {-1 / rsx, 0, 1 / s - 1 / rsx, 0};
        const double of_rest[] = {digammas + log(alpha), r / alpha, log(beta), s / beta};
        value += g->count * (gammas + w.log_sum);
        for (unsigned k = 0; k < BTYD_PARAMETERS; k++)
            sums[k] += g->count * (of_rest[k] + w.stay * of_stay[k] + w.from_last * (of_share[k] + last.by[k]) -
                                   w.from_age * (of_share[k] + age.by[k]));
    }
    for (unsigned k = 0; k < BTYD_PARAMETERS; k++)
        slope[k] += sums[k] * p[k];
    return value;
}

double btyd_pareto_alive(const double *p, const struct btyd_buyer *g) {
    double rx = p[0] + g->x, share = log(p[2] / (rx + p[2]));
    struct integral last = integral_from(p, g->x, g->t_x, false), age = integral_from(p, g->x, g->T, false);
    return share_out(-rx * log(p[1] + g->T) - p[2] * log(p[3] + g->T), share + last.log_value, share + age.log_value)
        .stay;
}

/* (r+x)(beta+T) / ((alpha+T)(s-1)) [1 - ((beta+T)/(beta+T+t))^(s-1)] alive; the division by s - 1 as in btyd_bg_expected. */
double btyd_pareto_expected(const double *p, const struct btyd_buyer *g, double time) {
    double e = p[2] - 1, log_rest = -log1p(time / (p[3] + g->T));
    double first = fabs(e) < 1e-12 ? -log_rest : -expm1(e * log_rest) / e;
    return (p[0] + g->x) * (p[3] + g->T) / (p[1] + g->T) * first * btyd_pareto_alive(p, g);
}
