/* forecast: from everybody's orders to what each customer will still bring: btyd.h's numbers for each, the fits, the expectation.
 *
 * Time is counted in days of the workspace's zone where orders are merged by day (as the published examples do), else exactly; in
 * units of `unit_days`: then orders of one day are one, whether they were merged before or not. Nothing after `until_ms` is looked at. */
#ifndef ONEFOLD_INSIGHT_FORECAST_H
#define ONEFOLD_INSIGHT_FORECAST_H

#include "insight/btyd.h"
#include "insight/orders.h"
#include "language/time_window.h"

struct forecast_options {
    enum btyd_model model;
    double unit_days;
    bool by_day;
    int64_t until_ms;
    struct calendar calendar;
    struct btyd_run run;
    double margin, discount; /* of revenue; a year */
};

struct forecast {
    struct forecast_options options;
    size_t customer_count;     /* as in the orders */
    struct btyd_buyer *buyers; /* count 0 where there is no order up to until */
    struct gamma_buyer *spend; /* x 0 where there is no second order */
    size_t known, repeaters, group_count, spender_count;
    struct maximum fit, worth;
    bool worth_fitted;
    struct fault worth_fault; /* why it is not */
    double worth_plain;       /* the mean of all orders up to until: what stands in where the model says nothing */
    double correlation;       /* of how often and how much, among those who came back */
};

/* Fits. Errors: as btyd_fit's. Where worth cannot be fitted, worth_fitted is false and the plain mean stands in. */
enum status forecast_make(const struct orders *orders, const struct forecast_options *options, struct forecast *out,
                          struct fault *fault) WARN_UNUSED;
/* What a reader must know of the fits: parameters that the orders do not determine, who was left out. */
void forecast_notes(const struct forecast *f, struct answer *answer);
void forecast_release(struct forecast *f); /* {0} is fine */

struct outlook {
    double alive, orders, worth; /* expected number of orders in the horizon, and expected worth of one */
    double revenue;              /* orders x worth x margin, discounted by the month */
};
/* Of customer `i`, over `days` from until_ms on. Zeros where there is no order yet. */
struct outlook forecast_customer(const struct forecast *f, size_t i, double days);

#endif
