/* concentration: how much of the revenue how few customers bring: top shares, Gini, the curve of Lorenz; the top as a segment. */
#include <math.h>
#include <stdlib.h>

#include "insight/orders.h"
#include "insight/spread.h"

#define SHARES_MAX 20
#define CURVE_POINTS 20

struct asked {
    double shares[SHARES_MAX];
    size_t share_count;
};

static double *revenue_of(const struct orders *o) {
    double *sums = memory_get(o->customer_count + 1, sizeof *sums);
    for (size_t c = 0; c < o->customer_count; c++)
        for (uint64_t i = o->customer_starts[c]; i < o->customer_starts[c + 1]; i++)
            sums[c] += o->values[i];
    return sums;
}

/* The number of customers that make up the top share: rounded up, so that the top percent of ten is one. */
static size_t top_of(double share, size_t count) {
    size_t top = (size_t)ceil(share * (double)count * (1 - 1e-12));
    return top < count ? top : count;
}

static enum status read_shares(const struct definition_part *d, struct asked *asked, struct fault *fault) {
    static const double usual[] = {0.01, 0.05, 0.1, 0.2, 0.5};
    double *given;
    enum status status = definition_reals(d, "shares", SHARES_MAX, true, &given, &asked->share_count, fault);
    if (status)
        return status;
    if (asked->share_count == 0) {
        memcpy(asked->shares, usual, sizeof usual);
        asked->share_count = sizeof usual / sizeof *usual;
        return STATUS_OK;
    }
    memcpy(asked->shares, given, asked->share_count * sizeof *given);
    if (given[0] <= 0 || given[asked->share_count - 1] > 1)
        return definition_fail(d, "shares", fault,
                               "shares of customers are expected here, above 0 and up to 1, such as [0.01, 0.2]");
    return STATUS_OK;
}

struct ranked {
    double sum;
    uint32_t customer;
};

static int richest_first(const void *a, const void *b) {
    const struct ranked *p = a, *q = b;
    if (p->sum != q->sum)
        return p->sum > q->sum ? -1 : 1;
    return (p->customer > q->customer) - (p->customer < q->customer);
}

/* {"top": 0.2} */
static enum status name_members(const struct definition_part *d, const struct orders *o, const double *sums,
                                struct fault *fault) {
    static const char *const known[] = {"top", NULL};
    struct definition_part part;
    double top = 0.2;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_real(&part, "top", 1e-9, 1, &top, fault);
    if (status)
        return status;
    struct ranked *ranked = memory_get(o->customer_count + 1, sizeof *ranked);
    for (size_t i = 0; i < o->customer_count; i++)
        ranked[i] = (struct ranked){sums[i], o->customers[i]};
    qsort(ranked, o->customer_count, sizeof *ranked, richest_first);
    for (size_t i = 0; i < top_of(top, o->customer_count); i++)
        insight_member(d->insight->members, (struct customer_id){ranked[i].customer});
    free(ranked);
    return STATUS_OK;
}

static void write_group(const struct orders_read *read, size_t g, const struct asked *asked, const double *sorted,
                        struct answer_table *const tables[3]) {
    const struct orders *o = &read->groups[g].orders;
    size_t n = o->customer_count, most = spread_top_count(sorted, n, 0.8);
    double sum = orders_sum(o);
    orders_group_cell(read, tables[0], g);
    answer_integer(tables[0], (int64_t)n);
    answer_integer(tables[0], (int64_t)o->order_count);
    answer_real(tables[0], round(sum * 1e6) / 1e6);
    answer_real(tables[0], spread_gini(sorted, n));
    answer_integer(tables[0], (int64_t)most);
    answer_share(tables[0], most, n);
    for (size_t i = 0; i < asked->share_count; i++) {
        size_t top = top_of(asked->shares[i], n);
        double share = spread_top_share(sorted, n, top);
        orders_group_cell(read, tables[1], g);
        answer_real(tables[1], asked->shares[i]);
        answer_integer(tables[1], (int64_t)top);
        answer_real(tables[1], round(share * sum * 1e6) / 1e6);
        answer_real(tables[1], share);
        answer_real(tables[1], top ? sorted[n - top] : NAN);
    }
    for (unsigned i = 0; i <= CURVE_POINTS && n; i++) {
        size_t top = top_of((double)i / CURVE_POINTS, n);
        orders_group_cell(read, tables[2], g);
        answer_real(tables[2], (double)i / CURVE_POINTS);
        answer_real(tables[2], spread_top_share(sorted, n, top));
    }
}

enum status insight_concentration(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                  struct fault *fault) {
    static const struct orders_want want = {.orders = "order", .value = "total", .value_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct asked asked = {0};
    enum status status = read_shares(d, &asked, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    struct answer_table *tables[3] = {answer_table(answer, "summary"), answer_table(answer, "top"),
                                      answer_table(answer, "curve")};
    for (unsigned i = 0; i < 3; i++)
        orders_group_column(&read, tables[i]);
    answer_column(tables[0], "customers", ANSWER_INTEGER);
    answer_column(tables[0], "orders", ANSWER_INTEGER);
    answer_column(tables[0], "revenue", ANSWER_MONEY);
    answer_column(tables[0], "gini", ANSWER_NUMBER);
    answer_column(tables[0], "bring_80_percent", ANSWER_INTEGER);
    answer_column(tables[0], "of_customers", ANSWER_PERCENT);
    answer_column(tables[1], "top", ANSWER_PERCENT);
    answer_column(tables[1], "customers", ANSWER_INTEGER);
    answer_column(tables[1], "revenue", ANSWER_MONEY);
    answer_column(tables[1], "of_revenue", ANSWER_PERCENT);
    answer_column(tables[1], "from", ANSWER_MONEY);
    answer_column(tables[2], "of_customers", ANSWER_PERCENT);
    answer_column(tables[2], "of_revenue", ANSWER_PERCENT);
    for (size_t g = 0; g < read.group_count && !status; g++) {
        double *sums = revenue_of(&read.groups[g].orders);
        if (insight->members && g == 0)
            status = name_members(d, &read.groups[g].orders, sums, fault);
        size_t n = read.groups[g].orders.customer_count;
        spread_sort(sums, n);
        if (n && sums[0] < 0)
            answer_note(answer, "some customers' revenue is below 0 (refunds): shares of the top may pass 100 %%");
        write_group(&read, g, &asked, sums, tables);
        free(sums);
    }
    orders_release(&read);
    return status;
}
