/* orders_test: what is made of everybody's orders (scores, segments and tiers; what customers will bring; who later bought what) over random histories
 * with ties, late rows and merges, against plain loops over the same rows, for random questions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/btyd.h"
#include "insight/insight_bed_model.h"
#include "language/time_window.h"

#define SEED 29
#define CUSTOMERS 300
#define QUESTIONS 24
#define ROWS_MAX 400 /* of a customer */
#define PAGES 4
#define ONE_DAY_MS (24 * 3600000LL)

static struct insight_bed bed;

static int open_bed(void **state) {
    (void)state;
    insight_bed_open(&bed, SEED, CUSTOMERS, 24);
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    insight_bed_close(&bed);
    return 0;
}

static void same(struct answer_cell cell, double expected, const char *what, const char *question) {
    const double got = cell.missing ? NAN : number_as_real(cell.number);
    if (isnan(expected) ? !cell.missing : !(fabs(got - expected) <= 1e-6 * (1 + fabs(expected))))
        fail_msg("seed %d: %s: %s is %.12g, counted %.12g", SEED, question, what, got, expected);
}

/* --- everybody's orders, plainly --- */

struct order {
    int64_t time_ms, cents;
    unsigned pages; /* bits */
};
struct buyer {
    uint32_t number;
    size_t count;
    struct order orders[ROWS_MAX];
};
static struct buyer buyers[CUSTOMERS];
static size_t buyer_count;

static int64_t day_of(int64_t time_ms) { return calendar_day(&(struct calendar){bed.zone, 1}, time_ms); }

static void count_orders(int town, bool by_day) {
    buyer_count = 0;
    for (uint32_t number = 1; number <= bed.customers; number++) {
        size_t first, rows = insight_bed_rows(&bed, number, &first);
        struct buyer *b = &buyers[buyer_count];
        if (!insight_bed_there(&bed, number) || (town >= 0 && bed.towns[number] != town))
            continue;
        b->number = number;
        b->count = 0;
        for (size_t i = 0; i < rows; i++) {
            const struct bed_row *row = &bed.rows[first + i];
            if (row->type != BED_ORDER || row->time_ms > bed.now_ms)
                continue;
            assert_true(b->count < ROWS_MAX);
            if (!by_day || b->count == 0 || day_of(b->orders[b->count - 1].time_ms) != day_of(row->time_ms))
                b->orders[b->count++] = (struct order){.time_ms = row->time_ms};
            b->orders[b->count - 1].cents += row->cents;
            b->orders[b->count - 1].pages |= row->has_page ? 1u << row->page : 0;
        }
        buyer_count += b->count > 0;
    }
}

static const struct buyer *buyer_of(int64_t number) {
    for (size_t i = 0; i < buyer_count; i++)
        if (buyers[i].number == number)
            return &buyers[i];
    fail_msg("customer %lld has no order", (long long)number);
    return NULL;
}

static int ask_town(struct buffer *text, struct random *r) {
    int town = random_chance(r, 0.5) ? (int)random_below(r, 5) : -1;
    if (town >= 0)
        buffer_print(text, ", \"population\": \"town = \\\"t%d\\\"\"", town);
    return town;
}

static struct answer *ask(struct buffer *text, const char *kind, struct random *r) {
    buffer_print(text, "}%c", 0);
    return insight_bed_run(&bed, kind, text->data, 1 + (unsigned)random_below(r, 3));
}

/* --- tiers, by asking everybody about everybody --- */

struct standing { /* of a customer among `count` others */
    double days, money, orders;
    int64_t cents;
    unsigned richer; /* how many are before it */
    const char *tier;
};
struct tier_question {
    double core_share, silent_days;
    bool silent_core;
};

static int by_double(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double quantile(const double *sorted, size_t count, double q) {
    double at = q * (double)(count - 1);
    size_t low = (size_t)at;
    double part = at - (double)low;
    return sorted[low] + (part > 0 ? part * (sorted[low + 1] - sorted[low]) : 0);
}

static bool is_richer(const struct standing *a, const struct standing *b) {
    if (a->cents != b->cents)
        return a->cents > b->cents;
    if (a->orders != b->orders)
        return a->orders > b->orders;
    return a->days != b->days ? a->days < b->days : a < b;
}

static void find_tiers(struct standing *all, size_t count, const struct tier_question *q) {
    static double rest[CUSTOMERS];
    size_t rest_count = 0;
    for (size_t i = 0; i < count; i++) {
        const bool silent = all[i].days > q->silent_days;
        all[i].richer = 0;
        for (size_t k = 0; k < count; k++)
            all[i].richer += is_richer(&all[k], &all[i]);
        const bool core = all[i].richer < llround(q->core_share * (double)count) && !(silent && q->silent_core);
        all[i].tier = core ? "core" : silent ? "at_risk" : "ordinary";
        if (!core && !silent)
            rest[rest_count++] = all[i].money;
    }
    qsort(rest, rest_count, sizeof *rest, by_double);
    const double median = rest_count ? quantile(rest, rest_count, 0.5) : 0;
    for (size_t i = 0; i < count; i++)
        if (strcmp(all[i].tier, "ordinary") == 0 && all[i].money >= median)
            all[i].tier = "potential";
}

static struct tier_question ask_tiers(struct buffer *text, struct random *r) {
    struct tier_question q = {(double)random_between(r, 5, 60) / 100, (double)random_between(r, 3, 40), false};
    buffer_print(text, ", \"core_share\": %.2f, \"silent\": \"%d days\"", q.core_share, (int)q.silent_days);
    return q;
}

/* --- rfm --- */

static unsigned score_of(const double *cuts, double value) {
    unsigned score = 1;
    for (unsigned i = 0; i < 4; i++)
        score += cuts[i] < value;
    return score;
}

/* Cut i is the least value that i fifths of all, or more, are not above. */
static void cut_in_fifths(double cuts[4], const struct standing *all, size_t offset) {
    static double values[CUSTOMERS];
    for (size_t i = 0; i < buyer_count; i++)
        memcpy(&values[i], (const char *)&all[i] + offset, sizeof *values);
    qsort(values, buyer_count, sizeof *values, by_double);
    for (size_t k = 0; k < 4; k++)
        for (size_t i = buyer_count; i-- > 0 && (i + 1) * 5 >= buyer_count * (k + 1);)
            cuts[k] = values[i];
}

static const char *segment_of(unsigned recency, unsigned frequency) {
    static const char *const grid[5][5] = {
        {"hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"},
        {"hibernating", "hibernating", "at_risk", "at_risk", "cannot_lose"},
        {"about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"},
        {"promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"},
        {"new_customers", "potential_loyalists", "potential_loyalists", "champions", "champions"}};
    return grid[recency - 1][frequency - 1];
}

struct rfm_cuts_asked {
    double days[4], orders[4], money[4];
};

static void check_customers(const struct answer *answer, const struct standing *all, const struct rfm_cuts_asked *cuts,
                            const char *question) {
    const struct answer_table *t = answer_find(answer, "customers");
    assert_int_equal(answer_rows(t), buyer_count);
    for (size_t row = 0; row < buyer_count; row++) {
        const struct standing *s = &all[buyer_of(answer_at(t, row, "customer").number.integer) - buyers];
        const unsigned recency = 6 - score_of(cuts->days, s->days), frequency = score_of(cuts->orders, s->orders);
        same(answer_at(t, row, "orders"), s->orders, "orders", question);
        same(answer_at(t, row, "revenue"), s->money, "revenue", question);
        same(answer_at(t, row, "days_since"), round(s->days * 10) / 10, "days_since", question);
        same(answer_at(t, row, "recency"), recency, "recency", question);
        same(answer_at(t, row, "frequency"), frequency, "frequency", question);
        same(answer_at(t, row, "money"), score_of(cuts->money, s->money), "money", question);
        if (!slice_is(answer_at(t, row, "tier").text, s->tier) ||
            !slice_is(answer_at(t, row, "segment").text, segment_of(recency, frequency)))
            fail_msg("seed %d: %s: customer %u is %.*s, not %s", SEED, question, buyers[s - all].number,
                     SLICE_ARG(answer_at(t, row, "tier").text), s->tier);
    }
}

static void check_tiers(const struct answer *answer, const struct standing *all, size_t count, double silent_days,
                        const char *question) {
    const struct answer_table *t = answer_find(answer, "tiers");
    for (size_t row = 0; row < answer_rows(t); row++) {
        double customers = 0, orders = 0, money = 0, silent = 0;
        for (size_t i = 0; i < count; i++) {
            const bool in = slice_is(answer_at(t, row, "tier").text, all[i].tier);
            customers += in;
            orders += in ? all[i].orders : 0;
            money += in ? all[i].money : 0;
            silent += in && all[i].days > silent_days;
        }
        same(answer_at(t, row, "customers"), customers, "customers of a tier", question);
        same(answer_at(t, row, "orders"), orders, "orders of a tier", question);
        same(answer_at(t, row, "revenue"), money, "revenue of a tier", question);
        if (silent_days > 0)
            same(answer_at(t, row, "silent"), silent, "silent of a tier", question);
    }
}

/* Up to day `last_day`, seen from `until_ms`. */
static struct standing standing_of(const struct buyer *b, int64_t last_day, int64_t until_ms) {
    struct standing s = {0};
    for (size_t i = 0; i < b->count && day_of(b->orders[i].time_ms) <= last_day; i++) {
        s.orders++;
        s.cents += b->orders[i].cents;
        s.days = (double)(until_ms - b->orders[i].time_ms) / (double)ONE_DAY_MS;
    }
    s.days = s.days > 0 ? s.days : 0;
    s.money = (double)s.cents / 100;
    return s;
}

static void rfm_is_its_twin(void **state) {
    static struct standing all[CUSTOMERS];
    struct random r;
    (void)state;
    random_init(&r, SEED);
    for (int i = 0; i < QUESTIONS; i++) {
        struct buffer text = {0};
        struct rfm_cuts_asked cuts = {{2, 7, 14, 30}, {1, 2, 4, 6}, {500, 1200.5, 2000, 3500}};
        const bool fixed = random_chance(&r, 0.5);
        buffer_print(&text,
                     "{\"orders\": \"bought\", \"value\": \"total\", \"forecast\": false, \"customers\": 100000%s",
                     fixed ? ", \"method\": \"fixed\", \"days\": [2, 7, 14, 30], \"counts\": [1, 2, 4, 6], \"sums\": "
                             "[500, 1200.5, 2000, 3500]"
                           : "");
        struct tier_question q = ask_tiers(&text, &r);
        q.silent_core = random_chance(&r, 0.5);
        buffer_print(&text, ", \"silent_core\": %s", q.silent_core ? "true" : "false");
        count_orders(ask_town(&text, &r), false);
        for (size_t c = 0; c < buyer_count; c++)
            all[c] = standing_of(&buyers[c], INT64_MAX, bed.now_ms);
        find_tiers(all, buyer_count, &q);
        if (!fixed) {
            cut_in_fifths(cuts.days, all, offsetof(struct standing, days));
            cut_in_fifths(cuts.money, all, offsetof(struct standing, money));
            cut_in_fifths(cuts.orders, all, offsetof(struct standing, orders));
        }
        struct answer *answer = ask(&text, "rfm", &r);
        check_customers(answer, all, &cuts, text.data);
        check_tiers(answer, all, buyer_count, q.silent_days, text.data);
        answer_free(answer);
        buffer_release(&text);
    }
}

/* --- ltv --- */

struct seen { /* of a customer up to the calibration's end, in weeks; and after it */
    struct btyd_buyer btyd;
    struct gamma_buyer spend;
    double later;
};

static struct seen see(const struct buyer *b, int64_t end_day) {
    struct seen s = {0};
    const int64_t first = day_of(b->orders[0].time_ms);
    double cents = 0;
    for (size_t i = 0; i < b->count; i++) {
        const int64_t day = day_of(b->orders[i].time_ms);
        if (day > end_day) {
            s.later++;
            continue;
        }
        s.btyd.count = 1;
        s.btyd.x += i > 0;
        s.btyd.t_x = (double)(day - first) / 7;
        s.btyd.T = (double)(end_day - first) / 7;
        cents += i > 0 ? (double)b->orders[i].cents : 0;
    }
    s.spend = (struct gamma_buyer){s.btyd.x, s.btyd.x > 0 ? cents / 100 / s.btyd.x : 0};
    return s;
}

static void parameters_of(const struct answer *answer, const char *model, double *out, size_t count) {
    const struct answer_table *t = answer_find(answer, "model");
    size_t found = 0;
    for (size_t row = 0; row < answer_rows(t); row++)
        if (slice_is(answer_at(t, row, "model").text, model)) {
            assert_true(found < count);
            out[found++] = number_as_real(answer_at(t, row, "value").number);
        }
    assert_int_equal(found, count);
}

/* No neighbour is likelier, and the likelihood is what it is said to be. */
static void check_fit(const struct answer *answer, enum btyd_model model, const char *name, const struct seen *all,
                      double parameters[BTYD_PARAMETERS], const char *question) {
    static struct btyd_buyer groups[CUSTOMERS];
    const struct answer_table *t = answer_find(answer, "fit");
    size_t count = 0;
    for (size_t c = 0; c < buyer_count; c++)
        if (all[c].btyd.count > 0)
            groups[count++] = all[c].btyd;
    parameters_of(answer, name, parameters, BTYD_PARAMETERS);
    const double best = btyd_likelihood(model, parameters, groups, count, NULL);
    for (size_t row = 0; row < answer_rows(t); row++)
        if (slice_is(answer_at(t, row, "model").text, name) &&
            slice_is(answer_at(t, row, "measure").text, "log_likelihood"))
            same(answer_at(t, row, "value"), best, "likelihood", question);
    for (unsigned k = 0; k < 2 * BTYD_PARAMETERS; k++) {
        double near[BTYD_PARAMETERS];
        memcpy(near, parameters, sizeof near);
        near[k / 2] *= k % 2 ? 1.02 : 0.98;
        assert_true(btyd_likelihood(model, near, groups, count, NULL) <= best + 1e-6 * fabs(best));
    }
}

static void check_outlook(const struct answer *answer, enum btyd_model model, const double *parameters,
                          const struct seen *all, const struct standing *standings, double weeks,
                          const char *question) {
    const struct answer_table *t = answer_find(answer, "customers");
    size_t known = 0;
    for (size_t c = 0; c < buyer_count; c++)
        known += all[c].btyd.count > 0;
    assert_int_equal(answer_rows(t), known);
    for (size_t row = 0; row < known; row++) {
        const size_t c = (size_t)(buyer_of(answer_at(t, row, "customer").number.integer) - buyers);
        const double orders = btyd_expected(model, parameters, &all[c].btyd, weeks);
        same(answer_at(t, row, "orders"), standings[c].orders, "orders", question);
        same(answer_at(t, row, "revenue"), standings[c].money, "revenue", question);
        same(answer_at(t, row, "days_since"), round(standings[c].days * 10) / 10, "days_since", question);
        same(answer_at(t, row, "alive"), btyd_alive(model, parameters, &all[c].btyd), "alive", question);
        same(answer_at(t, row, "expected_orders"), orders, "expected_orders", question);
        same(answer_at(t, row, "forecast"), orders * number_as_real(answer_at(t, row, "expected_worth").number),
             "forecast", question);
        if (!slice_is(answer_at(t, row, "tier").text, standings[c].tier))
            fail_msg("seed %d: %s: customer %u is %.*s, not %s", SEED, question, buyers[c].number,
                     SLICE_ARG(answer_at(t, row, "tier").text), standings[c].tier);
    }
}

static void check_held_out(const struct answer *answer, const struct seen *all, const char *question) {
    const struct answer_table *t = answer_find(answer, "holdout");
    for (size_t row = 0; row < answer_rows(t); row++) {
        const struct slice name = answer_at(t, row, "later_orders").text;
        double customers = 0, seen = 0;
        for (size_t c = 0; c < buyer_count; c++) {
            char bucket[16];
            snprintf(bucket, sizeof bucket, all[c].btyd.x < 7 ? "%d" : "7+", (int)all[c].btyd.x);
            if (all[c].btyd.count == 0 || !(slice_is(name, "all") || slice_is(name, bucket)))
                continue;
            customers++;
            seen += all[c].later;
        }
        same(answer_at(t, row, "customers"), customers, "customers held out", question);
        same(answer_at(t, row, "seen"), seen, "orders held out", question);
    }
}

/* What was expected of an order's worth, where the model of it was fitted. */
static void check_worth(const struct answer *answer, const struct seen *all, const char *question) {
    const struct answer_table *model = answer_find(answer, "model"), *t = answer_find(answer, "customers");
    double worth[GAMMA_GAMMA_PARAMETERS];
    if (answer_rows(model) == BTYD_PARAMETERS)
        return;
    parameters_of(answer, "gamma_gamma", worth, GAMMA_GAMMA_PARAMETERS);
    for (size_t row = 0; row < answer_rows(t); row++) {
        const size_t c = (size_t)(buyer_of(answer_at(t, row, "customer").number.integer) - buyers);
        if (all[c].btyd.x > 0)
            same(answer_at(t, row, "expected_worth"), gamma_gamma_mean(worth, &all[c].spend), "expected_worth",
                 question);
    }
}

static void ltv_is_its_twin(void **state) {
    static struct standing standings[CUSTOMERS], known[CUSTOMERS];
    static struct seen all[CUSTOMERS];
    struct random r;
    (void)state;
    random_init(&r, SEED + 1);
    for (int i = 0; i < QUESTIONS / 4; i++) {
        struct buffer text = {0};
        const bool pareto = random_chance(&r, 0.4);
        const int ago = (int)random_between(&r, 0, 25), horizon = (int)random_between(&r, 7, 100);
        const int64_t until_ms = bed.now_ms - ago * ONE_DAY_MS, end_day = day_of(until_ms);
        double parameters[BTYD_PARAMETERS];
        size_t count = 0;
        buffer_print(&text,
                     "{\"orders\": \"bought\", \"value\": \"total\", \"customers\": 100000, \"model\": \"%s\", "
                     "\"horizon\": \"%d days\", \"calibration_end\": \"%d days ago\"",
                     pareto ? "pareto_nbd" : "bg_nbd", horizon, ago);
        const struct tier_question q = ask_tiers(&text, &r);
        count_orders(-1, true);
        for (size_t c = 0; c < buyer_count; c++) {
            all[c] = see(&buyers[c], end_day);
            standings[c] = standing_of(&buyers[c], end_day, until_ms);
            if (all[c].btyd.count > 0)
                known[count++] = standings[c];
        }
        find_tiers(known, count, &q);
        count = 0;
        for (size_t c = 0; c < buyer_count; c++)
            standings[c].tier = all[c].btyd.count > 0 ? known[count++].tier : "";
        struct answer *answer = ask(&text, "ltv", &r);
        const enum btyd_model model = pareto ? BTYD_PARETO_NBD : BTYD_BG_NBD;
        check_fit(answer, model, pareto ? "pareto_nbd" : "bg_nbd", all, parameters, text.data);
        check_outlook(answer, model, parameters, all, standings, horizon / 7.0, text.data);
        check_worth(answer, all, text.data);
        check_tiers(answer, known, count, 0, text.data);
        if (ago > 0)
            check_held_out(answer, all, text.data);
        answer_free(answer);
        buffer_release(&text);
    }
}

/* --- then bought: every customer is asked about every two orders --- */

struct then_question {
    int64_t within_ms; /* 0: no limit */
    bool new_only, observed;
};

static bool has_time(const struct then_question *q, int64_t time_ms) {
    return !q->observed || time_ms + q->within_ms <= bed.now_ms;
}

/* INT64_MAX: never. */
static int64_t first_time(const struct buyer *b, unsigned page) {
    for (size_t i = 0; i < b->count; i++)
        if (b->orders[i].pages >> page & 1)
            return b->orders[i].time_ms;
    return INT64_MAX;
}

static bool later_bought(const struct buyer *b, unsigned first, unsigned then, const struct then_question *q) {
    if (q->new_only && first != then && first_time(b, then) <= first_time(b, first))
        return false;
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = i + 1; k < b->count; k++) {
            const int64_t gap = b->orders[k].time_ms - b->orders[i].time_ms;
            if ((b->orders[i].pages >> first & 1) && (b->orders[k].pages >> then & 1) && gap > 0 &&
                has_time(q, b->orders[i].time_ms) && (q->within_ms == 0 || gap <= q->within_ms))
                return true;
        }
    return false;
}

static void check_pair(const struct answer_table *t, unsigned first, unsigned then, const struct then_question *q,
                       double support, const char *question) {
    double both = 0, of_first = 0, of_then = 0, again = 0, rows = 0;
    for (size_t c = 0; c < buyer_count; c++) {
        const struct buyer *b = &buyers[c];
        const int64_t begin = b->orders[0].time_ms, time = first_time(b, first);
        bool had = false;
        for (size_t i = 0; i < b->count; i++)
            had = had || (b->orders[i].time_ms > begin && (b->orders[i].pages >> then & 1));
        both += later_bought(b, first, then, q);
        of_first += time != INT64_MAX && has_time(q, time);
        of_then += had;
        again += b->orders[b->count - 1].time_ms > begin;
    }
    const bool shown = both >= 1 && both >= ceil(support * (double)buyer_count - 1e-9);
    for (size_t row = 0; row < answer_rows(t); row++) {
        char names[2][8];
        snprintf(names[0], sizeof names[0], "p%u", first);
        snprintf(names[1], sizeof names[1], "p%u", then);
        if (!slice_is(answer_at(t, row, "first").text, names[0]) || !slice_is(answer_at(t, row, "then").text, names[1]))
            continue;
        rows++;
        same(answer_at(t, row, "customers"), both, "customers of a pair", question);
        same(answer_at(t, row, "of_first"), of_first, "customers of the first", question);
        same(answer_at(t, row, "support"), both / (double)buyer_count, "support", question);
        same(answer_at(t, row, "confidence"), both / of_first, "confidence", question);
        same(answer_at(t, row, "lift"), both / of_first / (of_then / again), "lift", question);
    }
    if (rows != shown)
        fail_msg("seed %d: %s: p%u then p%u of %g customers is shown %g times", SEED, question, first, then, both,
                 rows);
}

static void then_bought_is_its_twin(void **state) {
    struct random r;
    (void)state;
    random_init(&r, SEED + 2);
    for (int i = 0; i < 2 * QUESTIONS; i++) {
        struct buffer text = {0};
        struct then_question q = {.new_only = random_chance(&r, 0.5)};
        const bool by_day = random_chance(&r, 0.5);
        const double support = (double)random_between(&r, 1, 40) / 100;
        q.within_ms = random_chance(&r, 0.6) ? random_between(&r, 1, 20) * ONE_DAY_MS : 0;
        q.observed = q.within_ms && random_chance(&r, 0.5);
        buffer_print(&text,
                     "{\"orders\": \"bought\", \"item\": \"page\", \"merge\": \"%s\", \"new_only\": %s, \"observed\": "
                     "%s, \"support\": %.2f, \"shown\": 1000",
                     by_day ? "day" : "none", q.new_only ? "true" : "false", q.observed ? "true" : "false", support);
        if (q.within_ms)
            buffer_print(&text, ", \"within\": \"%lld days\"", (long long)(q.within_ms / ONE_DAY_MS));
        count_orders(ask_town(&text, &r), by_day);
        struct answer *answer = ask(&text, "then_bought", &r);
        for (unsigned first = 0; first < PAGES; first++)
            for (unsigned then = 0; then < PAGES; then++)
                check_pair(answer_find(answer, "pairs"), first, then, &q, support, text.data);
        answer_free(answer);
        buffer_release(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(rfm_is_its_twin), cmocka_unit_test(ltv_is_its_twin),
                                       cmocka_unit_test(then_bought_is_its_twin)};
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
