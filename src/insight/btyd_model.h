/* btyd_model: the models of btyd.h as their stories tell them, by plain integration over what differs between customers. Slow and safe. */
#ifndef ONEFOLD_INSIGHT_BTYD_MODEL_H
#define ONEFOLD_INSIGHT_BTYD_MODEL_H

#include "insight/btyd.h"

struct btyd_truth {
    double likelihood; /* of the customer's orders at their times */
    double alive;
    double expected; /* orders in `time` after T */
};
struct btyd_truth btyd_truth(enum btyd_model model, const double *parameters, const struct btyd_buyer *buyer,
                             double time);

/* Density of the mean of x orders; and the expected worth of the next. */
double gamma_gamma_truth(const double *parameters, const struct gamma_buyer *buyer, double *next);

#endif
