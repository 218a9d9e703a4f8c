/* gamma_gamma: what an order is worth (Fader and Hardie, "The Gamma-Gamma Model of Monetary Value", 2013). A customer's orders vary around a mean
 * of the customer's own, gamma(p, nu); nu is gamma(q, gamma) over customers. How often a customer buys is taken to say nothing about what the
 * orders are worth; the analysis prints the correlation, so that a reader can see how far that holds. */
#include "insight/btyd.h"

#include <math.h>

#include "insight/special.h"

double gamma_gamma_likelihood(const double *parameters, const struct gamma_buyer *buyers, size_t count, double *slope) {
    double p = parameters[0], q = parameters[1], gamma = parameters[2], log_gamma = log(gamma), value = 0;
    double by_p = 0, by_q = 0, by_gamma = 0, part = 0, part_p = 0, part_q = 0, unused[GAMMA_GAMMA_PARAMETERS] = {0};
    slope = slope ? slope : unused;
    for (size_t i = 0; i < count; i++) {
        const struct gamma_buyer *b = &buyers[i];
        double x = b->x;
        if (i == 0 || x != buyers[i - 1].x) {
            double both = special_digamma(p * x + q);
            part = special_log_gamma(p * x + q) - special_log_gamma(p * x) - special_log_gamma(q) + q * log_gamma;
            part_p = x * (both - special_digamma(p * x));
            part_q = both - special_digamma(q) + log_gamma;
        }
        double log_mean = log(b->mean), log_x = log(x), log_sum = log(gamma + x * b->mean);
        value += part + (p * x - 1) * log_mean + p * x * log_x - (p * x + q) * log_sum;
        by_p += part_p + x * (log_mean + log_x - log_sum);
        by_q += part_q - log_sum;
        by_gamma += q / gamma - (p * x + q) / (gamma + x * b->mean);
    }
    slope[0] += by_p * p;
    slope[1] += by_q * q;
    slope[2] += by_gamma * gamma;
    return value;
}

double gamma_gamma_mean(const double *parameters, const struct gamma_buyer *b) {
    double p = parameters[0], q = parameters[1], gamma = parameters[2], below = p * b->x + q - 1;
    return below > 0 ? p * (gamma + b->x * b->mean) / below : (double)NAN;
}
