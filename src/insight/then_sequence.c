/* then_sequence: the analysis "who bought this, later bought that" (then_bought.h) over orders of the histories. */
#include <math.h>
#include <stdlib.h>

#include "insight/basket_live.h"
#include "insight/orders.h"
#include "insight/statistics.h"
#include "insight/then_bought.h"

struct asked {
    struct then_options options;
    double support, confidence, lift;
    int64_t shown;
};

static enum status read_definition(const struct definition_part *d, struct asked *a, struct fault *fault) {
    struct length within = {0};
    bool only_observed = false;
    a->support = 0.001;
    a->shown = 100;
    enum status status = definition_length(d, "within", &within, fault);
    if (!status)
        status = definition_flag(d, "new_only", &a->options.first_only, fault);
    if (!status)
        status = definition_flag(d, "observed", &only_observed, fault);
    if (!status)
        status = definition_real(d, "support", 1e-9, 1, &a->support, fault);
    if (!status)
        status = definition_real(d, "confidence", 0, 1, &a->confidence, fault);
    if (!status)
        status = definition_real(d, "lift", 0, 1e12, &a->lift, fault);
    if (!status)
        status = definition_integer(d, "shown", 1, 1000000, &a->shown, fault);
    a->options.within_ms = length_ms(within);
    a->options.until_ms = only_observed ? d->insight->now_ms : INT64_MAX;
    if (!status && only_observed && a->options.within_ms == 0)
        return definition_fail(d, "observed", fault,
                               "needs `within`: how long a customer must have been seen after the first purchase");
    return status;
}

/* Visits' items must be ascending and distinct. */
static int by_number(const void *a, const void *b) {
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

static uint32_t *tidy_items(const struct orders *o, uint64_t **starts) {
    uint32_t *items = memory_get(o->item_starts[o->order_count] + 1, sizeof *items);
    *starts = memory_get(o->order_count + 1, sizeof **starts);
    for (size_t i = 0; i < o->order_count; i++) {
        uint64_t start = (*starts)[i], end = start, count = o->item_starts[i + 1] - o->item_starts[i];
        if (count)
            memcpy(items + start, o->items + o->item_starts[i], count * sizeof *items);
        qsort(items + start, count, sizeof *items, by_number);
        for (uint64_t k = start; k < start + count; k++)
            if (end == start || items[end - 1] != items[k])
                items[end++] = items[k];
        (*starts)[i + 1] = end;
    }
    return items;
}

struct judged {
    struct then_pair pair;
    double confidence, lift, p;
};

static int most_lift_first(const void *a, const void *b) {
    const struct judged *p = a, *q = b;
    if (p->lift != q->lift)
        return p->lift > q->lift ? -1 : 1;
    if (p->pair.both != q->pair.both)
        return p->pair.both > q->pair.both ? -1 : 1;
    return p->pair.first != q->pair.first ? (p->pair.first > q->pair.first) - (p->pair.first < q->pair.first)
                                          : (p->pair.then > q->pair.then) - (p->pair.then < q->pair.then);
}

static void write_group(const struct orders_read *read, size_t g, const struct asked *a,
                        const struct then_result *result, struct answer_table *t, struct answer *answer) {
    struct judged *all = memory_get(result->count + 1, sizeof *all);
    double *p = memory_get(result->count + 1, sizeof *p);
    size_t count = 0;
    for (size_t i = 0; i < result->count; i++) {
        struct judged j = {.pair = result->pairs[i]};
        double usual = result->again ? (double)j.pair.then_count / (double)result->again : 0;
        j.confidence = (double)j.pair.both / j.pair.first_count;
        j.lift = usual > 0 ? j.confidence / usual : 0;
        j.p = shares_differ(j.pair.both, j.pair.first_count, j.pair.then_count, result->again, NULL);
        if (j.confidence >= a->confidence && j.lift >= a->lift)
            all[count++] = j;
    }
    qsort(all, count, sizeof *all, most_lift_first);
    for (size_t i = 0; i < count; i++)
        p[i] = all[i].p;
    holm_adjust(p, count);
    for (size_t i = 0; i < count && i < (size_t)a->shown; i++) {
        const struct judged *j = &all[i];
        orders_group_cell(read, t, g);
        answer_text(t, read->items[j->pair.first]);
        answer_text(t, read->items[j->pair.then]);
        answer_integer(t, j->pair.both);
        answer_integer(t, j->pair.first_count);
        answer_share(t, j->pair.both, result->customers);
        answer_real(t, j->confidence);
        answer_real(t, j->lift);
        answer_real(t, (double)j->pair.days_sum / j->pair.both);
        answer_real(t, p[i]);
        answer_integer(t, p[i] < 0.05);
    }
    if (count > (size_t)a->shown)
        answer_note(answer, "the %lld of %zu pairs with the highest lift are shown", (long long)a->shown, count);
    free(all);
    free(p);
}

enum status insight_then_bought(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                struct fault *fault) {
    static const struct orders_want want = {
        .orders = "order.items", .item = "product_id", .item_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct asked a = {0};
    (void)insight;
    enum status status = read_definition(d, &a, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    struct answer_table *t = answer_table(answer, "pairs");
    orders_group_column(&read, t);
    answer_column(t, "first", ANSWER_TEXT);
    answer_column(t, "then", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "of_first", ANSWER_INTEGER);
    answer_column(t, "support", ANSWER_PERCENT);
    answer_column(t, "confidence", ANSWER_PERCENT);
    answer_column(t, "lift", ANSWER_NUMBER);
    answer_column(t, "days_between", ANSWER_NUMBER);
    answer_column(t, "p", ANSWER_NUMBER);
    answer_column(t, "significant", ANSWER_BOOL);
    for (size_t g = 0; g < read.group_count && !status; g++) {
        const struct orders *o = &read.groups[g].orders;
        uint64_t *starts;
        uint32_t *items = tidy_items(o, &starts);
        struct visits visits = {o->customer_starts, o->times, starts, items, o->customer_count, read.item_count};
        struct then_result result = {0};
        a.options.customers_min = support_count(a.support, o->customer_count);
        status = then_bought(&visits, &a.options, &result, fault);
        if (!status)
            write_group(&read, g, &a, &result, t, answer);
        free(result.pairs);
        free(items);
        free(starts);
    }
    answer_note(answer, "lift: confidence over the share of customers with a second order who have `then` in any order "
                        "but their first; p: of that "
                        "difference, two proportions, adjusted for all pairs (Holm)");
    orders_release(&read);
    return status;
}
