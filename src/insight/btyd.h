/* btyd: how often a customer will buy again, whether the customer still does, and what an order will be worth; from three numbers a
 * customer, by maximum likelihood.
 *
 * The three numbers (Fader and Hardie's notation): x, the orders after the first; t_x, the time from the first order to the last; T, from the
 * first to the moment of looking. Time is in any one unit (weeks in the papers); rates come out per that unit. They are sufficient: customers with
 * the same three are one group with a count, and a likelihood is a sum over groups. For the worth of an order the numbers are x and
 * the mean of those x orders (Gamma-Gamma, Fader and Hardie 2013).
 *
 * Likelihoods are summed as logarithms, scaled by the largest part, in blocks that are added up in the order of the blocks: one worker and many give
 * the same bits. Slopes are exact, not differences. Where there are more than a hundred thousand groups the search starts on an evenly spread
 * part of them and ends on all.
 *
 * Thread: any; btyd_fit uses language/workers. */
#ifndef ONEFOLD_INSIGHT_BTYD_H
#define ONEFOLD_INSIGHT_BTYD_H

#include "insight/maximise.h"

enum btyd_model {
#define BTYD(id, ...) BTYD_##id,
#include "insight/btyd.def"
#undef BTYD
    BTYD_MODELS
};

#define BTYD_PARAMETERS 4
struct btyd_words {
    const char *name, *parameters[BTYD_PARAMETERS], *caption;
};
const struct btyd_words *btyd_words(enum btyd_model model);

/* One customer, or a group of `count` customers with the same numbers. Invariants: x whole, >= 0; 0 <= t_x <= T; t_x = 0 where x = 0. */
struct btyd_buyer {
    double x, t_x, T;
    double count;
};

/* Sorts by (x, t_x, T) and adds up the counts of equals, in place; returns how many are left. */
size_t btyd_group(struct btyd_buyer *buyers, size_t count);

/* How a fit is run. */
struct btyd_run {
    unsigned workers;         /* 0 is 1 */
    const _Atomic bool *stop; /* or NULL */
};

/* The most likely parameters. `groups` as btyd_group leaves them.
 * Errors: INVALID where there are too few customers or nobody bought again (the fault says which); CLOSED where stopped. */
enum status btyd_fit(enum btyd_model model, const struct btyd_buyer *groups, size_t count, const struct btyd_run *run,
                     struct maximum *out, struct fault *fault) WARN_UNUSED;

/* Log-likelihood of groups under parameters; into `slope` (or NULL) its derivatives by the parameters' logarithms. */
double btyd_likelihood(enum btyd_model model, const double *parameters, const struct btyd_buyer *groups, size_t count,
                       double *slope);

/* The probability that the customer still buys, seen from T. */
double btyd_alive(enum btyd_model model, const double *parameters, const struct btyd_buyer *buyer);

/* Orders expected in the `time` after T. For a customer of whom nothing but the first order is known yet: x = t_x = T = 0. */
double btyd_expected(enum btyd_model model, const double *parameters, const struct btyd_buyer *buyer, double time);

/* --- what an order is worth: Gamma-Gamma --- */

#define GAMMA_GAMMA_PARAMETERS 3 /* p, q, gamma */
struct gamma_buyer {
    double x, mean; /* the orders after the first, and their mean worth; both > 0 */
};

/* Sorts by (x, mean); dropping who has no later order or a mean not above 0. Returns how many are left. */
size_t gamma_gamma_order(struct gamma_buyer *buyers, size_t count);

/* Errors as btyd_fit's. */
enum status gamma_gamma_fit(const struct gamma_buyer *buyers, size_t count, const struct btyd_run *run,
                            struct maximum *out, struct fault *fault) WARN_UNUSED;
/* As btyd_likelihood, except that slopes are added to what `slope` holds. */
double gamma_gamma_likelihood(const double *parameters, const struct gamma_buyer *buyers, size_t count, double *slope);

/* What the customer's next order is expected to be worth; the mean of all customers where x is 0. NAN where the population has no
 * finite mean (q <= 1, and x = 0). */
double gamma_gamma_mean(const double *parameters, const struct gamma_buyer *buyer);

/* --- for btyd.c alone: each model's own part --- */
#define BTYD(id, name, prefix, ...)                                                                                    \
    double prefix##_likelihood(const double *parameters, const struct btyd_buyer *groups, size_t count,                \
                               double *slope);                                                                         \
    double prefix##_alive(const double *parameters, const struct btyd_buyer *buyer);                                   \
    double prefix##_expected(const double *parameters, const struct btyd_buyer *buyer, double time);
#include "insight/btyd.def"
#undef BTYD

#endif
