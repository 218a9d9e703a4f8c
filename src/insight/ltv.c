/* ltv: what customers brought and will bring: the fitted models with their parameters, how well they did after the calibration's end, and the outlook by
 * tier and customer. The formulas stand in btyd.h, the tiers in rfm.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/forecast.h"
#include "insight/rfm.h"

#define BUCKETS 8   /* of the holdout: 0, 1, ... 6, 7 and more later orders in the calibration */
#define AGES_MAX 60 /* of the history of value, in units of 30 days */
#define AGE_DAYS 30.0

struct plan_of {
    struct forecast_options options;
    bool pareto_too; /* "best": both, and the better is taken */
    double horizon_days;
    int64_t shown;
    struct rfm_tier_options tiers;
    struct length silent;
    int tier; /* of members; -1 none */
};

/* --- reading --- */

static enum status read_members(const struct definition_part *d, struct plan_of *p, struct fault *fault) {
    static const char *const known[] = {"tier", NULL};
    struct definition_part part;
    unsigned tier = 0;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_choice(&part, "tier", "core|at_risk|potential|ordinary", &tier, fault);
    p->tier = (int)tier;
    return status;
}

static enum status read_definition(const struct definition_part *d, struct plan_of *p, struct fault *fault) {
    static const double unit_days[] = {1, 7, 365.25 / 12};
    struct forecast_options *o = &p->options;
    struct length horizon = {365, UNIT_DAY};
    unsigned unit = 1, model = 0;
    o->until_ms = d->insight->now_ms;
    o->margin = 1;
    o->calendar = insight_calendar(d->insight);
    o->run = (struct btyd_run){.workers = d->insight->workers, .stop = d->insight->stop};
    p->shown = 20;
    p->silent = (struct length){90, UNIT_DAY};
    p->tiers.core_share = 0.2;
    p->tier = -1;
    enum status status = definition_choice(d, "unit", "day|week|month", &unit, fault);
    if (!status)
        status = definition_choice(d, "model", "bg_nbd|pareto_nbd|best", &model, fault);
    if (!status)
        status = definition_moment(d, "calibration_end", &o->until_ms, fault);
    if (!status)
        status = definition_length(d, "horizon", &horizon, fault);
    if (!status)
        status = definition_real(d, "margin", 0, 1, &o->margin, fault);
    if (!status)
        status = definition_real(d, "discount", 0, 10, &o->discount, fault);
    if (!status)
        status = definition_real(d, "core_share", 0.001, 1, &p->tiers.core_share, fault);
    if (!status)
        status = definition_length(d, "silent", &p->silent, fault);
    if (!status)
        status = definition_integer(d, "customers", 0, 1000000, &p->shown, fault);
    if (!status && d->insight->members)
        status = read_members(d, p, fault);
    p->tiers.silent_days = (double)length_ms(p->silent) / (double)DAY_MS;
    p->horizon_days = (double)length_ms(horizon) / (double)DAY_MS;
    o->unit_days = unit_days[unit];
    o->model = model == 1 ? BTYD_PARETO_NBD : BTYD_BG_NBD;
    p->pareto_too = model == 2;
    if (!status && o->until_ms > d->insight->now_ms)
        return definition_fail(d, "calibration_end", fault,
                               "the calibration ends after now: nothing is known of that time");
    return status;
}

/* --- the models --- */

static void write_parameters(struct answer_table *t, const char *model, const char *const *names, size_t count,
                             const struct maximum *m) {
    for (size_t i = 0; i < count; i++) {
        answer_cstring(t, model);
        answer_cstring(t, names[i]);
        answer_real(t, m->parameters[i]);
        answer_real(t, m->errors[i] > 0 ? m->errors[i] : NAN);
    }
}

static void fit_row(struct answer_table *t, const char *name, const char *measure, double value) {
    answer_cstring(t, name);
    answer_cstring(t, measure);
    answer_real(t, value);
}

static void write_models(const struct forecast *f, struct answer *answer) {
    static const char *const worth_names[] = {"p", "q", "gamma"};
    const struct btyd_words *words = btyd_words(f->options.model);
    struct answer_table *t = answer_table(answer, "model");
    forecast_notes(f, answer);
    answer_column(t, "model", ANSWER_TEXT);
    answer_column(t, "parameter", ANSWER_TEXT);
    answer_column(t, "value", ANSWER_NUMBER);
    answer_column(t, "error", ANSWER_NUMBER);
    write_parameters(t, words->name, words->parameters, BTYD_PARAMETERS, &f->fit);
    if (f->worth_fitted)
        write_parameters(t, "gamma_gamma", worth_names, GAMMA_GAMMA_PARAMETERS, &f->worth);
    t = answer_table(answer, "fit");
    answer_column(t, "model", ANSWER_TEXT);
    answer_column(t, "measure", ANSWER_TEXT);
    answer_column(t, "value", ANSWER_NUMBER);
    fit_row(t, words->name, "log_likelihood", f->fit.value);
    fit_row(t, words->name, "customers", (double)f->known);
    fit_row(t, words->name, "came_back", (double)f->repeaters);
    fit_row(t, words->name, "different", (double)f->group_count);
    if (f->worth_fitted) {
        fit_row(t, "gamma_gamma", "log_likelihood", f->worth.value);
        fit_row(t, "gamma_gamma", "customers", (double)f->spender_count);
        fit_row(t, "gamma_gamma", "correlation", f->correlation);
        if (fabs(f->correlation) > 0.3)
            answer_note(answer,
                        "how often and how much go together (correlation %.2f): gamma_gamma takes them to be "
                        "independent, so its figures are rough",
                        f->correlation);
    }
    answer_note(answer, "%s. error: standard error from the curvature of the likelihood", words->caption);
}

/* --- how well it did: orders after the calibration's end, told and seen, by later orders in the calibration --- */

struct held_out {
    uint64_t customers;
    double told, seen, off;
};

static double orders_after(const struct forecast *f, const struct orders *o, size_t c, int64_t now_ms) {
    double seen = 0;
    int64_t end_day = calendar_day(&f->options.calendar, f->options.until_ms);
    for (uint64_t i = o->customer_starts[c]; i < o->customer_starts[c + 1]; i++)
        seen += o->times[i] <= now_ms && (f->options.by_day ? calendar_day(&f->options.calendar, o->times[i]) > end_day
                                                            : o->times[i] > f->options.until_ms);
    return seen;
}

static void write_held_out(const struct forecast *f, const struct orders *o, int64_t now_ms, struct answer *answer) {
    struct held_out buckets[BUCKETS + 1] = {0};
    double days =
        (double)(calendar_day(&f->options.calendar, now_ms) - calendar_day(&f->options.calendar, f->options.until_ms));
    if (days < 1)
        return;
    for (size_t c = 0; c < o->customer_count; c++) {
        const struct btyd_buyer *b = &f->buyers[c];
        if (b->count == 0)
            continue;
        double told = btyd_expected(f->options.model, f->fit.parameters, b, days / f->options.unit_days),
               seen = orders_after(f, o, c, now_ms);
        size_t bucket = b->x < BUCKETS - 1 ? (size_t)b->x : BUCKETS - 1;
        for (unsigned k = 0; k < 2; k++) {
            struct held_out *h = &buckets[k ? BUCKETS : bucket];
            h->customers++;
            h->told += told;
            h->seen += seen;
            h->off += fabs(told - seen);
        }
    }
    struct answer_table *t = answer_table(answer, "holdout");
    answer_column(t, "later_orders", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "expected", ANSWER_NUMBER);
    answer_column(t, "seen", ANSWER_NUMBER);
    answer_column(t, "expected_each", ANSWER_NUMBER);
    answer_column(t, "seen_each", ANSWER_NUMBER);
    answer_column(t, "mean_error", ANSWER_NUMBER);
    for (size_t i = 0; i <= BUCKETS; i++) {
        char name[16];
        double n = (double)buckets[i].customers;
        (void)snprintf(name, sizeof name, i == BUCKETS ? "all" : i == BUCKETS - 1 ? "%zu+" : "%zu", i);
        answer_cstring(t, name);
        answer_integer(t, (int64_t)buckets[i].customers);
        answer_real(t, round(buckets[i].told * 1e4) / 1e4);
        answer_real(t, buckets[i].seen);
        answer_real(t, n > 0 ? buckets[i].told / n : NAN);
        answer_real(t, n > 0 ? buckets[i].seen / n : NAN);
        answer_real(t, n > 0 ? buckets[i].off / n : NAN);
    }
    answer_note(answer,
                "holdout: orders in the %.0f days after the calibration's end, by how often a customer had come back "
                "in it; the models never saw them",
                days);
}

/* --- tiers --- */

/* Of what the models see: by day, the calibration's last day counts whole. */
static void sum_customer(const struct forecast *f, const struct orders *o, size_t c, struct rfm *rfm) {
    const struct forecast_options *p = &f->options;
    int64_t last_day = calendar_day(&p->calendar, p->until_ms);
    *rfm = (struct rfm){0};
    for (uint64_t i = o->customer_starts[c]; i < o->customer_starts[c + 1]; i++) {
        if (p->by_day ? calendar_day(&p->calendar, o->times[i]) > last_day : o->times[i] > p->until_ms)
            break;
        rfm->money += o->values[i];
        rfm->orders++;
        rfm->days = (double)(p->until_ms - o->times[i]) / (double)DAY_MS;
    }
    rfm->days = rfm->days > 0 ? rfm->days : 0;
}

struct tier_sum {
    uint64_t customers, silent;
    double money, orders, alive, outlook_orders, outlook_revenue;
};

static void write_tiers(const struct tier_sum *tiers, double horizon, double margin, struct answer *answer) {
    struct answer_table *t = answer_table(answer, "tiers");
    double all = 0;
    answer_column(t, "tier", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "orders", ANSWER_INTEGER);
    answer_column(t, "revenue", ANSWER_MONEY);
    answer_column(t, "of_revenue", ANSWER_PERCENT);
    answer_column(t, "alive", ANSWER_PERCENT);
    answer_column(t, "expected_orders", ANSWER_NUMBER);
    answer_column(t, "forecast", ANSWER_MONEY);
    answer_column(t, "forecast_each", ANSWER_MONEY);
    answer_column(t, "lifetime_value_each", ANSWER_MONEY);
    for (unsigned k = 0; k < RFM_TIERS; k++)
        all += tiers[k].money;
    for (unsigned k = 0; k < RFM_TIERS; k++) {
        const struct tier_sum *s = &tiers[k];
        double n = (double)s->customers;
        answer_cstring(t, rfm_tier_words[k].name);
        answer_integer(t, (int64_t)s->customers);
        answer_integer(t, (int64_t)s->orders);
        answer_real(t, round(s->money * 1e6) / 1e6);
        answer_real(t, all > 0 ? s->money / all : NAN);
        answer_real(t, n > 0 ? s->alive / n : NAN);
        answer_real(t, round(s->outlook_orders * 1e4) / 1e4);
        answer_real(t, round(s->outlook_revenue * 1e4) / 1e4);
        answer_real(t, n > 0 ? s->outlook_revenue / n : NAN);
        answer_real(t, n > 0 ? (s->money * margin + s->outlook_revenue) / n : NAN);
    }
    answer_note(answer,
                "forecast: the %.0f days after the calibration's end; lifetime_value_each: what was brought so far x "
                "margin, and the forecast",
                horizon);
}

/* What customers of a tier had brought by a certain age, over those who are that old: the history of value. */
static void write_history(const struct forecast *f, const struct orders *o, const uint8_t *tiers,
                          struct answer *answer) {
    struct history_sum {
        uint64_t customers;
        double money;
    } *sums = memory_get(RFM_TIERS * AGES_MAX, sizeof *sums);
    for (size_t c = 0; c < o->customer_count; c++) {
        uint64_t i = o->customer_starts[c], to = o->customer_starts[c + 1];
        double age = f->buyers[c].count > 0 ? f->buyers[c].T * f->options.unit_days : -1, money = 0;
        for (size_t k = 0; k < AGES_MAX && (double)(k + 1) * AGE_DAYS <= age; k++) {
            for (; i < to &&
                   (double)(o->times[i] - o->times[o->customer_starts[c]]) < (double)(k + 1) * AGE_DAYS * DAY_MS;
                 i++)
                money += o->values[i];
            sums[tiers[c] * AGES_MAX + k].customers++;
            sums[tiers[c] * AGES_MAX + k].money += money;
        }
    }
    struct answer_table *t = answer_table(answer, "history");
    answer_column(t, "tier", ANSWER_TEXT);
    answer_column(t, "age_days", ANSWER_INTEGER);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "brought_each", ANSWER_MONEY);
    for (unsigned k = 0; k < RFM_TIERS; k++)
        for (size_t a = 0; a < AGES_MAX && sums[k * AGES_MAX + a].customers; a++) {
            const struct history_sum *s = &sums[k * AGES_MAX + a];
            answer_cstring(t, rfm_tier_words[k].name);
            answer_integer(t, (int64_t)((double)(a + 1) * AGE_DAYS));
            answer_integer(t, (int64_t)s->customers);
            answer_real(t, s->money / (double)s->customers);
        }
    free(sums);
}

/* --- customers --- */

struct shown {
    size_t index;
    struct outlook outlook;
};

static int best_first(const void *a, const void *b) {
    const struct shown *p = a, *q = b;
    if (p->outlook.revenue != q->outlook.revenue)
        return p->outlook.revenue > q->outlook.revenue ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

static void write_customers(const struct orders *o, const struct rfm *rfm, const uint8_t *tiers, struct shown *all,
                            size_t count, const struct plan_of *p, struct answer *answer) {
    struct answer_table *t = answer_table(answer, "customers");
    qsort(all, count, sizeof *all, best_first);
    answer_column(t, "customer", ANSWER_ONEID);
    answer_column(t, "tier", ANSWER_TEXT);
    answer_column(t, "orders", ANSWER_INTEGER);
    answer_column(t, "revenue", ANSWER_MONEY);
    answer_column(t, "days_since", ANSWER_NUMBER);
    answer_column(t, "alive", ANSWER_PERCENT);
    answer_column(t, "expected_orders", ANSWER_NUMBER);
    answer_column(t, "expected_worth", ANSWER_MONEY);
    answer_column(t, "forecast", ANSWER_MONEY);
    for (size_t i = 0; i < count && i < (size_t)p->shown; i++) {
        const struct shown *s = &all[i];
        answer_integer(t, o->customers[s->index]);
        answer_cstring(t, rfm_tier_words[tiers[s->index]].name);
        answer_integer(t, (int64_t)rfm[s->index].orders);
        answer_real(t, round(rfm[s->index].money * 1e6) / 1e6);
        answer_real(t, round(rfm[s->index].days * 10) / 10);
        answer_real(t, s->outlook.alive);
        answer_real(t, s->outlook.orders);
        answer_real(t, s->outlook.worth);
        answer_real(t, s->outlook.revenue);
    }
}

static void write_alive(const uint64_t *tenths, uint64_t all, struct answer *answer) {
    struct answer_table *t = answer_table(answer, "alive");
    answer_column(t, "from", ANSWER_PERCENT);
    answer_column(t, "to", ANSWER_PERCENT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    for (unsigned i = 0; i < 10; i++) {
        answer_real(t, i / 10.0);
        answer_real(t, (i + 1) / 10.0);
        answer_integer(t, (int64_t)tenths[i]);
        answer_share(t, tenths[i], all);
    }
}

/* Everything about customers one by one. */
static void write_outlook(const struct forecast *f, const struct orders *o, const struct plan_of *p,
                          const struct insight *insight, struct answer *answer) {
    struct rfm *rfm = memory_get(o->customer_count + 1, sizeof *rfm),
               *known = memory_get(o->customer_count + 1, sizeof *known);
    uint8_t *tiers = memory_get(o->customer_count + 1, 1), *known_tiers = memory_get(o->customer_count + 1, 1);
    struct shown *shown = memory_get(o->customer_count + 1, sizeof *shown);
    struct tier_sum sums[RFM_TIERS] = {0};
    uint64_t tenths[10] = {0};
    size_t count = 0;
    for (size_t c = 0; c < o->customer_count; c++) {
        sum_customer(f, o, c, &rfm[c]);
        if (f->buyers[c].count > 0)
            known[count++] = rfm[c];
    }
    rfm_assign_tiers(known, count, &p->tiers, known_tiers);
    count = 0;
    for (size_t c = 0; c < o->customer_count; c++) {
        if (f->buyers[c].count == 0)
            continue;
        tiers[c] = known_tiers[count];
        shown[count] = (struct shown){c, forecast_customer(f, c, p->horizon_days)};
        const struct outlook *outlook = &shown[count++].outlook;
        struct tier_sum *s = &sums[tiers[c]];
        s->customers++;
        s->money += rfm[c].money;
        s->orders += rfm[c].orders;
        s->alive += outlook->alive;
        s->outlook_orders += outlook->orders;
        s->outlook_revenue += outlook->revenue;
        tenths[outlook->alive < 1 ? (size_t)(outlook->alive * 10) : 9]++;
        if (insight->members && p->tier == tiers[c])
            insight_member(insight->members, (struct customer_id){o->customers[c]});
    }
    write_tiers(sums, p->horizon_days, f->options.margin, answer);
    write_history(f, o, tiers, answer);
    write_alive(tenths, count, answer);
    if (p->shown)
        write_customers(o, rfm, tiers, shown, count, p, answer);
    free(rfm);
    free(known);
    free(tiers);
    free(known_tiers);
    free(shown);
}

/* The model asked for; of both the one under which the orders are likelier (they have equally many parameters). */
static enum status fit(const struct orders *o, struct plan_of *p, struct answer *answer, struct forecast *f,
                       struct fault *fault) {
    enum status status = forecast_make(o, &p->options, f, fault);
    if (status || !p->pareto_too)
        return status;
    struct forecast other = {0};
    p->options.model = BTYD_PARETO_NBD;
    status = forecast_make(o, &p->options, &other, fault);
    if (status)
        return status;
    answer_note(answer, "log-likelihood: bg_nbd %.4f, pareto_nbd %.4f; the higher is taken", f->fit.value,
                other.fit.value);
    if (other.fit.value > f->fit.value) {
        struct forecast lower = *f;
        *f = other;
        other = lower;
    }
    forecast_release(&other);
    return STATUS_OK;
}

enum status insight_ltv(const struct insight *insight, struct definition_part *d, struct answer *answer,
                        struct fault *fault) {
    static const struct orders_want want = {
        .orders = "order", .value = "total", .value_wanted = true, .merge = ORDERS_BY_DAY, .to_now = true};
    struct orders_read read = {0};
    struct plan_of p = {0};
    struct forecast f = {0};
    unsigned merge = ORDERS_BY_DAY;
    enum status status = read_definition(d, &p, fault);
    if (!status && definition_get(d, "split"))
        return definition_fail(d, "split", fault, "one model is fitted at a time; ask for each group by `population`");
    if (!status)
        status = definition_choice(d, "merge", "order|day|none|customer", &merge, fault);
    p.options.by_day = merge == ORDERS_BY_DAY;
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    const struct orders *o = &read.groups[0].orders;
    status = fit(o, &p, answer, &f, fault);
    if (!status) {
        write_models(&f, answer);
        write_held_out(&f, o, insight->now_ms, answer);
        write_outlook(&f, o, &p, insight, answer);
    }
    forecast_release(&f);
    orders_release(&read);
    return status;
}
