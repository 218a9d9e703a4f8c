/* forecast: see forecast.h. */
#include "insight/forecast.h"

#include <math.h>
#include <stdlib.h>

#define STEPS 12 /* parts of the horizon that are discounted each by its own time */

static double position(const struct forecast_options *o, int64_t time_ms) {
    double days = o->by_day ? (double)calendar_day(&o->calendar, time_ms) : (double)time_ms / DAY_MS;
    return days / o->unit_days;
}

/* One customer's numbers: the first order, the later ones, and when it is looked. Returns what all of them were worth. */
static double read_customer(const struct forecast_options *o, const struct orders *orders, size_t c, double until,
                            struct btyd_buyer *buyer, struct gamma_buyer *spend) {
    double first = 0, last = 0, all = 0, later = 0;
    *buyer = (struct btyd_buyer){0};
    *spend = (struct gamma_buyer){0};
    for (uint64_t i = orders->customer_starts[c]; i < orders->customer_starts[c + 1]; i++) {
        double at = position(o, orders->times[i]);
        if (at > until)
            break;
        all += orders->values[i];
        if (buyer->count == 0) {
            first = last = at;
            buyer->count = 1;
            continue;
        }
        buyer->x += at > first && (!o->by_day || at > last); /* what comes with the first is no coming back */
        later += at > first ? orders->values[i] : 0;
        last = at;
    }
    buyer->t_x = buyer->x > 0 ? last - first : 0;
    buyer->T = buyer->count > 0 ? until - first : 0;
    spend->x = buyer->x;
    spend->mean = buyer->x > 0 ? later / buyer->x : 0;
    return all;
}

static double correlation(const struct gamma_buyer *b, size_t count) {
    double n = (double)count, x = 0, y = 0, xx = 0, yy = 0, xy = 0;
    for (size_t i = 0; i < count; i++) {
        x += b[i].x / n;
        y += b[i].mean / n;
    }
    for (size_t i = 0; i < count; i++) {
        xx += (b[i].x - x) * (b[i].x - x);
        yy += (b[i].mean - y) * (b[i].mean - y);
        xy += (b[i].x - x) * (b[i].mean - y);
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* Errors: CLOSED. */
static enum status fit_worth(struct forecast *f) {
    struct gamma_buyer *some = memory_get(f->customer_count + 1, sizeof *some);
    memcpy(some, f->spend, f->customer_count * sizeof *some);
    f->spender_count = gamma_gamma_order(some, f->customer_count);
    f->correlation = correlation(some, f->spender_count);
    enum status status = gamma_gamma_fit(some, f->spender_count, &f->options.run, &f->worth, &f->worth_fault);
    f->worth_fitted = status == STATUS_OK;
    free(some);
    return status == STATUS_CLOSED ? status : STATUS_OK;
}

enum status forecast_make(const struct orders *orders, const struct forecast_options *options, struct forecast *out,
                          struct fault *fault) {
    struct forecast f = {.options = *options, .customer_count = orders->customer_count};
    double until = position(options, options->until_ms), worth = 0, count = 0;
    f.buyers = memory_get(f.customer_count + 1, sizeof *f.buyers);
    f.spend = memory_get(f.customer_count + 1, sizeof *f.spend);
    struct btyd_buyer *groups = memory_get(f.customer_count + 1, sizeof *groups);
    for (size_t c = 0; c < f.customer_count; c++) {
        worth += read_customer(options, orders, c, until, &f.buyers[c], &f.spend[c]);
        if (f.buyers[c].count == 0)
            continue;
        count += 1 + f.buyers[c].x;
        groups[f.known++] = f.buyers[c];
        f.repeaters += f.buyers[c].x > 0;
    }
    f.worth_plain = count > 0 ? worth / count : 0;
    f.group_count = btyd_group(groups, f.known);
    enum status status = btyd_fit(options->model, groups, f.group_count, &options->run, &f.fit, fault);
    free(groups);
    if (!status)
        status = fit_worth(&f);
    if (status == STATUS_CLOSED)
        fault_set(fault, status, "the analysis was stopped");
    if (status)
        forecast_release(&f);
    *out = f;
    return status;
}

void forecast_notes(const struct forecast *f, struct answer *answer) {
    if (f->fit.at_border)
        answer_note(answer, "%s: a parameter ran to the end of its range: these orders do not determine it",
                    btyd_words(f->options.model)->name);
    if (!f->worth_fitted)
        answer_note(answer, "worth of an order: %s; the mean of all orders is taken", f->worth_fault.text);
    else if (f->worth.at_border)
        answer_note(answer,
                    "gamma_gamma: a parameter ran to the end of its range: these orders do not determine it, as "
                    "where what orders are worth hardly differs from customer to customer, or within one");
    if (f->worth_fitted && f->worth.parameters[1] <= 1)
        answer_note(answer, "worth of an order: q is not above 1, so customers without a second order have no finite "
                            "expectation; the mean of all orders is taken for them");
    if (f->repeaters > f->spender_count)
        answer_note(answer, "%zu customers who came back spent nothing then: they are left out of the fit of worth",
                    f->repeaters - f->spender_count);
}

void forecast_release(struct forecast *f) {
    free(f->buyers);
    free(f->spend);
    *f = (struct forecast){0};
}

static double worth_of(const struct forecast *f, size_t i) {
    double worth = f->worth_fitted ? gamma_gamma_mean(f->worth.parameters, &f->spend[i]) : (double)NAN;
    return isnan(worth) ? f->worth_plain : worth;
}

struct outlook forecast_customer(const struct forecast *f, size_t i, double days) {
    const struct btyd_buyer *b = &f->buyers[i];
    struct outlook out = {0};
    double before = 0;
    if (b->count == 0)
        return out;
    out.alive = btyd_alive(f->options.model, f->fit.parameters, b);
    out.worth = worth_of(f, i);
    unsigned steps = f->options.discount > 0 ? STEPS : 1;
    for (unsigned k = 1; k <= steps; k++) {
        double end = days * k / steps,
               sum = btyd_expected(f->options.model, f->fit.parameters, b, end / f->options.unit_days);
        double years = (end - days / (2 * steps)) / 365.25;
        out.revenue += (sum - before) * out.worth * f->options.margin * pow(1 + f->options.discount, -years);
        before = sum;
    }
    out.orders = before;
    return out;
}
