/* btyd_model: see btyd_model.h. Sums over an even grid of log(rate) and of logit(probability): the integrands die off double-exponentially or
 * exponentially at both ends, where an even grid's error falls faster than any power of its step. */
#include "insight/btyd_model.h"

#include <math.h>

#define FROM -60.0
#define TO 12.0
#define STEPS 800

static double log_gamma_density(double shape, double rate, double log_value) {
    return shape * log(rate) + shape * log_value - rate * exp(log_value) - lgamma(shape); /* by d log(value) */
}

/* What a customer who buys at rate `lambda`, and stops with `second` (a probability p, or a rate mu), does. */
struct one {
    double seen, seen_alive, later;
};

static struct one bg_one(const struct btyd_buyer *b, double log_lambda, double p, double rest, double time) {
    double lambda = exp(log_lambda), alive = exp(b->x * (log_lambda + log(rest)) - lambda * b->T);
    double stopped = b->x > 0 ? p / rest * exp(b->x * (log_lambda + log(rest)) - lambda * b->t_x) : 0;
    return (struct one){alive + stopped, alive, p > 1e-12 ? -expm1(-lambda * p * time) / p : lambda * time};
}

static struct one pareto_one(const struct btyd_buyer *b, double log_lambda, double mu, double time) {
    double lambda = exp(log_lambda), both = lambda + mu, bought = exp(b->x * log_lambda);
    double alive = bought * exp(-both * b->T);
    double stopped = bought * mu / both * (exp(-both * b->t_x) - exp(-both * b->T));
    return (struct one){alive + stopped, alive, mu > 1e-12 ? lambda * -expm1(-mu * time) / mu : lambda * time};
}

struct btyd_truth btyd_truth(enum btyd_model model, const double *q, const struct btyd_buyer *buyer, double time) {
    double step = (TO - FROM) / STEPS, wide = 140.0 / STEPS, seen = 0, alive = 0, later = 0;
    for (int i = 0; i <= STEPS; i++) {
        double log_lambda = FROM + step * i, of_lambda = exp(log_gamma_density(q[0], q[1], log_lambda));
        for (int k = 0; k <= STEPS && of_lambda > 0; k++) {
            struct one one;
            double density;
            if (model == BTYD_BG_NBD) {
                double logit = -70 + wide * k, p = 1 / (1 + exp(-logit)), rest = 1 / (1 + exp(logit));
                density =
                    wide * exp(q[2] * log(p) + q[3] * log(rest) + lgamma(q[2] + q[3]) - lgamma(q[2]) - lgamma(q[3]));
                one = bg_one(buyer, log_lambda, p, rest, time);
            } else {
                double log_mu = FROM + step * k;
                density = step * exp(log_gamma_density(q[2], q[3], log_mu));
                one = pareto_one(buyer, log_lambda, exp(log_mu), time);
            }
            density *= of_lambda * step;
            seen += density * one.seen;
            alive += density * one.seen_alive;
            later += density * one.seen_alive * one.later;
        }
    }
    return (struct btyd_truth){seen, alive / seen, later / seen};
}

double gamma_gamma_truth(const double *parameters, const struct gamma_buyer *b, double *next) {
    double step = (TO - FROM) / STEPS / 4, seen = 0, worth = 0;
    for (int i = 0; i <= STEPS * 4; i++) {
        double log_nu = FROM + step * i;
        double density = step * exp(log_gamma_density(parameters[1], parameters[2], log_nu));
        double shape = parameters[0] * b->x; /* the mean of x orders: gamma(p x, nu x) */
        double one = exp(log_gamma_density(shape, exp(log_nu) * b->x, log(b->mean)) - log(b->mean));
        seen += density * one;
        worth += density * one * parameters[0] * exp(-log_nu);
    }
    *next = worth / seen;
    return seen;
}
