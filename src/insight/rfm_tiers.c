/* rfm_tiers: the analysis of recency, frequency and money: cuts, scores, the ten segments, the four tiers with what they brought and will bring. The
 * definitions stand in rfm.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/forecast.h"
#include "insight/orders.h"
#include "insight/rfm.h"

struct asked {
    unsigned method, language;
    struct rfm_cuts fixed;
    struct rfm_tier_options tiers;
    double horizon_days;
    int64_t shown;
    bool silent_given, forecast;
    int tier, segment, recency, frequency, money; /* members; -1 any */
};

/* --- reading --- */

static enum status read_cuts(const struct definition_part *d, const char *key, double *cuts, unsigned *count,
                             struct fault *fault) {
    double *values;
    size_t given;
    enum status status = definition_reals(d, key, RFM_SCORES - 1, true, &values, &given, fault);
    if (status)
        return status;
    if (given != RFM_SCORES - 1)
        return definition_fail(
            d, key, fault,
            "with method fixed, the %d bounds between five scores are expected here, ascending, such as %s",
            RFM_SCORES - 1, key[0] == 'd' ? "[30, 60, 120, 240]" : "[1, 2, 4, 8]");
    memcpy(cuts, values, given * sizeof *values);
    *count = (unsigned)given;
    return STATUS_OK;
}

static enum status read_score(const struct definition_part *d, const char *key, int *score, struct fault *fault) {
    int64_t value = -1;
    enum status status = definition_integer(d, key, 1, RFM_SCORES, &value, fault);
    *score = (int)value;
    return status;
}

static enum status read_word(const struct definition_part *d, const char *key, const struct rfm_words *words,
                             unsigned count, int *which, struct fault *fault) {
    char choices[400] = "";
    unsigned value = 0;
    size_t at = 0;
    *which = -1;
    if (!definition_get(d, key))
        return STATUS_OK;
    for (unsigned i = 0; i < count; i++)
        at += (size_t)snprintf(choices + at, sizeof choices - at, "%s%s", i ? "|" : "", words[i].name);
    enum status status = definition_choice(d, key, choices, &value, fault);
    *which = (int)value;
    return status;
}

/* {"tier": "core"}, {"segment": "champions"}, {"recency": 5, "frequency": 1} ...: all that is said must hold. */
static enum status read_members(const struct definition_part *d, struct asked *a, struct fault *fault) {
    static const char *const known[] = {"tier", "segment", "recency", "frequency", "money", NULL};
    struct definition_part part;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = read_word(&part, "tier", rfm_tier_words, RFM_TIERS, &a->tier, fault);
    if (!status)
        status = read_word(&part, "segment", rfm_segment_words, RFM_SEGMENTS, &a->segment, fault);
    if (!status)
        status = read_score(&part, "recency", &a->recency, fault);
    if (!status)
        status = read_score(&part, "frequency", &a->frequency, fault);
    if (!status)
        status = read_score(&part, "money", &a->money, fault);
    if (!status && a->tier < 0 && a->segment < 0 && a->recency < 0 && a->frequency < 0 && a->money < 0)
        return definition_fail(&part, NULL, fault,
                               "say whom: {\"tier\": \"core\"}, {\"segment\": \"champions\"}, or scores: {\"recency\": "
                               "5, \"frequency\": 1}");
    return status;
}

static enum status read_definition(const struct definition_part *d, struct asked *a, struct fault *fault) {
    struct length silent = {90, UNIT_DAY}, horizon = {365, UNIT_DAY};
    a->tiers.core_share = 0.2;
    a->forecast = true;
    a->tier = a->segment = a->recency = a->frequency = a->money = -1;
    enum status status = definition_choice(d, "method", "quantile|fixed|clustered", &a->method, fault);
    if (!status && a->method == RFM_FIXED)
        status = read_cuts(d, "days", a->fixed.days, &a->fixed.day_count, fault);
    if (!status && a->method == RFM_FIXED)
        status = read_cuts(d, "counts", a->fixed.orders, &a->fixed.order_count, fault);
    if (!status && a->method == RFM_FIXED)
        status = read_cuts(d, "sums", a->fixed.money, &a->fixed.money_count, fault);
    if (!status)
        status = definition_real(d, "core_share", 0.001, 1, &a->tiers.core_share, fault);
    if (!status)
        status = definition_length(d, "silent", &silent, fault);
    if (!status)
        status = definition_flag(d, "silent_core", &a->tiers.silent_core, fault);
    if (!status)
        status = definition_flag(d, "forecast", &a->forecast, fault);
    if (!status)
        status = definition_length(d, "horizon", &horizon, fault);
    if (!status)
        status = definition_integer(d, "customers", 0, 1000000, &a->shown, fault);
    if (!status)
        status = definition_choice(d, "language", "en|zh", &a->language, fault);
    if (!status && d->insight->members)
        status = read_members(d, a, fault);
    a->tiers.silent_days = (double)length_ms(silent) / (double)DAY_MS;
    a->horizon_days = (double)length_ms(horizon) / (double)DAY_MS;
    return status;
}

/* --- one group --- */

struct customers {
    size_t count;
    struct rfm *rfm;
    struct rfm_scores *scores;
    uint8_t *tiers;
    struct outlook *outlook; /* NULL: no forecast */
};

static struct customers make_customers(const struct insight *insight, const struct orders *o, const struct asked *a,
                                       struct rfm_cuts *cuts) {
    struct customers c = {.count = o->customer_count};
    c.rfm = memory_get(c.count + 1, sizeof *c.rfm);
    c.scores = memory_get(c.count + 1, sizeof *c.scores);
    c.tiers = memory_get(c.count + 1, 1);
    for (size_t i = 0; i < c.count; i++) {
        uint64_t from = o->customer_starts[i], to = o->customer_starts[i + 1];
        c.rfm[i].orders = (double)(to - from);
        c.rfm[i].days = (double)(insight->now_ms - o->times[to - 1]) / (double)DAY_MS;
        for (uint64_t k = from; k < to; k++)
            c.rfm[i].money += o->values[k];
    }
    if (a->method == RFM_FIXED)
        *cuts = a->fixed;
    else
        rfm_make_cuts(c.rfm, c.count, (enum rfm_method)a->method, cuts);
    for (size_t i = 0; i < c.count; i++)
        c.scores[i] = rfm_score(cuts, &c.rfm[i]);
    rfm_assign_tiers(c.rfm, c.count, &a->tiers, c.tiers);
    return c;
}

/* What each will bring; a note where that cannot be said. Errors: CLOSED. */
static enum status add_outlook(const struct insight *insight, const struct orders *o, const struct asked *a,
                               struct customers *c, struct answer *answer) {
    struct forecast_options options = {.model = BTYD_BG_NBD,
                                       .unit_days = 7,
                                       .by_day = true,
                                       .until_ms = insight->now_ms,
                                       .calendar = insight_calendar(insight),
                                       .margin = 1,
                                       .run = {.workers = insight->workers, .stop = insight->stop}};
    struct forecast f = {0};
    struct fault fault = {0};
    if (!a->forecast)
        return STATUS_OK;
    enum status status = forecast_make(o, &options, &f, &fault);
    if (status == STATUS_CLOSED)
        return status;
    if (status) {
        answer_note(answer, "no forecast of value: %s", fault.text);
        return STATUS_OK;
    }
    forecast_notes(&f, answer);
    c->outlook = memory_get(c->count + 1, sizeof *c->outlook);
    for (size_t i = 0; i < c->count; i++)
        c->outlook[i] = forecast_customer(&f, i, a->horizon_days);
    forecast_release(&f);
    return STATUS_OK;
}

static void release_customers(struct customers *c) {
    free(c->rfm);
    free(c->scores);
    free(c->tiers);
    free(c->outlook);
}

struct sum {
    uint64_t customers, silent;
    double days, orders, money, outlook;
};

static void add(struct sum *s, const struct customers *c, size_t i, double silent_days) {
    s->customers++;
    s->silent += c->rfm[i].days > silent_days;
    s->days += c->rfm[i].days;
    s->orders += c->rfm[i].orders;
    s->money += c->rfm[i].money;
    s->outlook += c->outlook ? c->outlook[i].revenue : 0;
}

static double over(double sum, uint64_t count) { return count ? sum / (double)count : (double)NAN; }

static void write_sum(struct answer_table *t, const struct sum *s, const struct sum *all, bool outlook) {
    answer_integer(t, (int64_t)s->customers);
    answer_share(t, s->customers, all->customers);
    answer_integer(t, (int64_t)s->orders);
    answer_real(t, round(s->money * 1e6) / 1e6);
    answer_real(t, all->money > 0 ? s->money / all->money : NAN);
    answer_real(t, over(s->money, s->customers));
    answer_real(t, over(s->money, (uint64_t)s->orders));
    answer_real(t, over(s->days, s->customers));
    answer_integer(t, (int64_t)s->silent);
    answer_real(t, outlook ? over(s->outlook, s->customers) : NAN);
    answer_real(t, outlook ? over(s->outlook + s->money, s->customers) : NAN);
}

static void sum_columns(struct answer_table *t) {
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "orders", ANSWER_INTEGER);
    answer_column(t, "revenue", ANSWER_MONEY);
    answer_column(t, "of_revenue", ANSWER_PERCENT);
    answer_column(t, "revenue_each", ANSWER_MONEY);
    answer_column(t, "per_order", ANSWER_MONEY);
    answer_column(t, "days_since", ANSWER_NUMBER);
    answer_column(t, "silent", ANSWER_INTEGER);
    answer_column(t, "forecast_each", ANSWER_MONEY);
    answer_column(t, "lifetime_value_each", ANSWER_MONEY);
}

enum { TIERS, SEGMENTS, GRID, CUTS, CUSTOMERS, TABLES };

static void begin_tables(const struct orders_read *read, const struct asked *a, struct answer *answer,
                         struct answer_table **t) {
    static const char *const names[TABLES] = {"tiers", "segments", "grid", "cuts", "customers"};
    for (unsigned i = 0; i < TABLES; i++)
        if (i != CUSTOMERS || a->shown)
            orders_group_column(read, t[i] = answer_table(answer, names[i]));
    answer_column(t[TIERS], "tier", ANSWER_TEXT);
    sum_columns(t[TIERS]);
    answer_column(t[TIERS], "priority", ANSWER_INTEGER);
    answer_column(t[TIERS], "strategy", ANSWER_TEXT);
    answer_column(t[SEGMENTS], "segment", ANSWER_TEXT);
    sum_columns(t[SEGMENTS]);
    answer_column(t[SEGMENTS], "strategy", ANSWER_TEXT);
    answer_column(t[GRID], "recency", ANSWER_INTEGER);
    answer_column(t[GRID], "frequency", ANSWER_INTEGER);
    answer_column(t[GRID], "customers", ANSWER_INTEGER);
    answer_column(t[GRID], "revenue", ANSWER_MONEY);
    answer_column(t[CUTS], "measure", ANSWER_TEXT);
    answer_column(t[CUTS], "score", ANSWER_INTEGER);
    answer_column(t[CUTS], "above", ANSWER_NUMBER);
    answer_column(t[CUTS], "up_to", ANSWER_NUMBER);
    if (!a->shown)
        return;
    answer_column(t[CUSTOMERS], "customer", ANSWER_ONEID);
    answer_column(t[CUSTOMERS], "tier", ANSWER_TEXT);
    answer_column(t[CUSTOMERS], "segment", ANSWER_TEXT);
    answer_column(t[CUSTOMERS], "recency", ANSWER_INTEGER);
    answer_column(t[CUSTOMERS], "frequency", ANSWER_INTEGER);
    answer_column(t[CUSTOMERS], "money", ANSWER_INTEGER);
    answer_column(t[CUSTOMERS], "days_since", ANSWER_NUMBER);
    answer_column(t[CUSTOMERS], "orders", ANSWER_INTEGER);
    answer_column(t[CUSTOMERS], "revenue", ANSWER_MONEY);
}

static void write_cuts(const struct orders_read *read, size_t g, struct answer_table *t, const char *measure,
                       const double *cuts, unsigned count, bool turned) {
    for (unsigned i = 0; i <= count; i++) {
        orders_group_cell(read, t, g);
        answer_cstring(t, measure);
        answer_integer(t, turned ? RFM_SCORES - i : i + 1);
        answer_real(t, i ? cuts[i - 1] : NAN);
        answer_real(t, i < count ? cuts[i] : NAN);
    }
}

static void write_sums(const struct orders_read *read, size_t g, const struct customers *c, const struct asked *a,
                       struct answer_table **t) {
    struct sum tiers[RFM_TIERS] = {0}, segments[RFM_SEGMENTS] = {0}, grid[RFM_SCORES][RFM_SCORES] = {0}, all = {0};
    for (size_t i = 0; i < c->count; i++) {
        add(&all, c, i, a->tiers.silent_days);
        add(&tiers[c->tiers[i]], c, i, a->tiers.silent_days);
        add(&segments[rfm_segment_of(c->scores[i])], c, i, a->tiers.silent_days);
        add(&grid[c->scores[i].recency - 1][c->scores[i].frequency - 1], c, i, a->tiers.silent_days);
    }
    for (unsigned i = 0; i < RFM_TIERS; i++) {
        orders_group_cell(read, t[TIERS], g);
        answer_cstring(t[TIERS], rfm_tier_words[i].name);
        write_sum(t[TIERS], &tiers[i], &all, c->outlook);
        answer_integer(t[TIERS], i + 1);
        answer_cstring(t[TIERS], a->language ? rfm_tier_words[i].strategy_zh : rfm_tier_words[i].strategy);
    }
    for (unsigned i = 0; i < RFM_SEGMENTS; i++) {
        orders_group_cell(read, t[SEGMENTS], g);
        answer_cstring(t[SEGMENTS], rfm_segment_words[i].name);
        write_sum(t[SEGMENTS], &segments[i], &all, c->outlook);
        answer_cstring(t[SEGMENTS], a->language ? rfm_segment_words[i].strategy_zh : rfm_segment_words[i].strategy);
    }
    for (unsigned r = RFM_SCORES; r-- > 0;)
        for (unsigned f = 0; f < RFM_SCORES; f++) {
            orders_group_cell(read, t[GRID], g);
            answer_integer(t[GRID], r + 1);
            answer_integer(t[GRID], f + 1);
            answer_integer(t[GRID], (int64_t)grid[r][f].customers);
            answer_real(t[GRID], round(grid[r][f].money * 1e6) / 1e6);
        }
}

static void write_customers(const struct orders_read *read, size_t g, const struct customers *c, const struct asked *a,
                            struct answer_table *t) {
    for (size_t i = 0; i < c->count && i < (size_t)a->shown; i++) {
        orders_group_cell(read, t, g);
        answer_integer(t, read->groups[g].orders.customers[i]);
        answer_cstring(t, rfm_tier_words[c->tiers[i]].name);
        answer_cstring(t, rfm_segment_words[rfm_segment_of(c->scores[i])].name);
        answer_integer(t, c->scores[i].recency);
        answer_integer(t, c->scores[i].frequency);
        answer_integer(t, c->scores[i].money);
        answer_real(t, round(c->rfm[i].days * 10) / 10);
        answer_integer(t, (int64_t)c->rfm[i].orders);
        answer_real(t, round(c->rfm[i].money * 1e6) / 1e6);
    }
}

static bool is_member(const struct asked *a, const struct customers *c, size_t i) {
    struct rfm_scores s = c->scores[i];
    return (a->tier < 0 || a->tier == c->tiers[i]) && (a->segment < 0 || a->segment == (int)rfm_segment_of(s)) &&
           (a->recency < 0 || a->recency == s.recency) && (a->frequency < 0 || a->frequency == s.frequency) &&
           (a->money < 0 || a->money == s.money);
}

enum status insight_rfm(const struct insight *insight, struct definition_part *d, struct answer *answer,
                        struct fault *fault) {
    static const struct orders_want want = {.orders = "order", .value = "total", .value_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct asked a = {0};
    struct answer_table *tables[TABLES];
    enum status status = read_definition(d, &a, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    begin_tables(&read, &a, answer, tables);
    for (size_t g = 0; g < read.group_count && !status; g++) {
        const struct orders *o = &read.groups[g].orders;
        struct rfm_cuts cuts;
        struct customers c = make_customers(insight, o, &a, &cuts);
        if (add_outlook(insight, o, &a, &c, answer) == STATUS_CLOSED)
            status = fault_set(fault, STATUS_CLOSED, "the analysis was stopped");
        write_sums(&read, g, &c, &a, tables);
        write_cuts(&read, g, tables[CUTS], "recency", cuts.days, cuts.day_count, true);
        write_cuts(&read, g, tables[CUTS], "frequency", cuts.orders, cuts.order_count, false);
        write_cuts(&read, g, tables[CUTS], "money", cuts.money, cuts.money_count, false);
        if (a.shown)
            write_customers(&read, g, &c, &a, tables[CUSTOMERS]);
        for (size_t i = 0; insight->members && g == 0 && i < c.count; i++)
            if (is_member(&a, &c, i))
                insight_member(insight->members, (struct customer_id){o->customers[i]});
        release_customers(&c);
    }
    answer_note(answer,
                "core: the %.0f %% of customers who brought most; at_risk: of the rest, silent for more than %.0f "
                "days; potential: of the rest, at or above its median revenue",
                a.tiers.core_share * 100, a.tiers.silent_days);
    if (a.forecast)
        answer_note(answer,
                    "forecast_each: revenue expected in the next %.0f days (BG/NBD and Gamma-Gamma); "
                    "lifetime_value_each: with what was brought so far",
                    a.horizon_days);
    orders_release(&read);
    return status;
}
