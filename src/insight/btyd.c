/* btyd: see btyd.h. Groups, blocks of groups shared among workers, and the search; the models' own formulas stand in btyd_bg.c,
 * btyd_pareto.c and gamma_gamma.c. */
#include "insight/btyd.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "language/workers.h"

#define BLOCK 4096       /* groups that are summed together, whoever sums them */
#define FIRST_MAX 100000 /* groups of the first search */
#define CUSTOMERS_MIN 10

static const struct btyd_words words[] = {
#define BTYD(id, name, prefix, p0, p1, p2, p3, caption) {name, {p0, p1, p2, p3}, caption},
#include "insight/btyd.def"
#undef BTYD
};

static const struct model {
    double (*likelihood)(const double *, const struct btyd_buyer *, size_t, double *);
    double (*alive)(const double *, const struct btyd_buyer *);
    double (*expected)(const double *, const struct btyd_buyer *, double);
} models[] = {
#define BTYD(id, name, prefix, ...) {prefix##_likelihood, prefix##_alive, prefix##_expected},
#include "insight/btyd.def"
#undef BTYD
};

const struct btyd_words *btyd_words(enum btyd_model model) { return &words[model]; }

double btyd_likelihood(enum btyd_model model, const double *parameters, const struct btyd_buyer *groups, size_t count,
                       double *slope) {
    double unused[BTYD_PARAMETERS] = {0};
    if (slope)
        memset(slope, 0, sizeof unused);
    return models[model].likelihood(parameters, groups, count, slope ? slope : unused);
}

double btyd_alive(enum btyd_model model, const double *parameters, const struct btyd_buyer *buyer) {
    return models[model].alive(parameters, buyer);
}

double btyd_expected(enum btyd_model model, const double *parameters, const struct btyd_buyer *buyer, double time) {
    return time > 0 ? models[model].expected(parameters, buyer, time) : 0;
}

/* --- groups --- */

static int by_numbers(const void *a, const void *b) {
    const struct btyd_buyer *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    if (p->t_x != q->t_x)
        return p->t_x < q->t_x ? -1 : 1;
    return (p->T > q->T) - (p->T < q->T);
}

size_t btyd_group(struct btyd_buyer *buyers, size_t count) {
    size_t kept = 0;
    qsort(buyers, count, sizeof *buyers, by_numbers);
    for (size_t i = 0; i < count; i++) {
        assert(buyers[i].t_x >= 0 && buyers[i].t_x <= buyers[i].T && (buyers[i].x > 0 || buyers[i].t_x == 0));
        if (kept && by_numbers(&buyers[kept - 1], &buyers[i]) == 0)
            buyers[kept - 1].count += buyers[i].count;
        else
            buyers[kept++] = buyers[i];
    }
    return kept;
}

/* --- a likelihood over many, in blocks --- */

struct sum {
    double value, slope[MAXIMISE_MAX];
};

struct blocks {
    void (*block)(struct blocks *b, size_t from, size_t count, struct sum *out);
    const void *rows;
    size_t row_count, parameter_count;
    enum btyd_model model;
    unsigned workers;
    double parameters[MAXIMISE_MAX];
    struct sum *sums;
    atomic_size_t next;
};

static void sum_blocks(void *context, unsigned number) {
    struct blocks *b = context;
    (void)number;
    for (size_t i; (i = atomic_fetch_add(&b->next, 1)) * BLOCK < b->row_count;) {
        size_t from = i * BLOCK, left = b->row_count - from;
        memset(&b->sums[i], 0, sizeof b->sums[i]);
        b->block(b, from, left < BLOCK ? left : BLOCK, &b->sums[i]);
    }
}

static double likelihood_at(void *context, const double *logs, double *slope) {
    struct blocks *b = context;
    double value = 0;
    for (size_t k = 0; k < b->parameter_count; k++) {
        b->parameters[k] = exp(logs[k]);
        slope[k] = 0;
    }
    atomic_store(&b->next, 0);
    workers_run(b->row_count > 4 * BLOCK ? b->workers : 1, sum_blocks, b);
    for (size_t i = 0; i * BLOCK < b->row_count; i++) {
        value += b->sums[i].value;
        for (size_t k = 0; k < b->parameter_count; k++)
            slope[k] += b->sums[i].slope[k];
    }
    return value;
}

/* The best of what is found from several starts: a likelihood may have more than one hill, and a start on a plain leads nowhere. */
static enum status search(struct blocks *b, const double (*starts)[MAXIMISE_MAX], size_t start_count,
                          const struct btyd_run *run, struct maximum *out, struct fault *fault) {
    enum status status = STATUS_OK;
    bool found = false;
    b->sums = memory_get(b->row_count / BLOCK + 1, sizeof *b->sums);
    b->workers = run->workers ? run->workers : 1;
    for (size_t i = 0; i < start_count; i++) {
        struct maximum one;
        unsigned spent = found ? out->evaluation_count : 0;
        status = maximise(likelihood_at, b, b->parameter_count, starts[i], run->stop, &one, fault);
        if (status == STATUS_CLOSED)
            break;
        if (!status && (!found || one.value > out->value))
            *out = one;
        found = found || !status;
        out->evaluation_count = spent + (status ? 0 : one.evaluation_count);
    }
    free(b->sums);
    return status == STATUS_CLOSED || !found ? status : STATUS_OK;
}

static void buyers_block(struct blocks *b, size_t from, size_t count, struct sum *out) {
    const struct btyd_buyer *groups = b->rows;
    out->value = models[b->model].likelihood(b->parameters, groups + from, count, out->slope);
}

static void gamma_block(struct blocks *b, size_t from, size_t count, struct sum *out) {
    const struct gamma_buyer *buyers = b->rows;
    out->value = gamma_gamma_likelihood(b->parameters, buyers + from, count, out->slope);
}

static enum status check_buyers(const struct btyd_buyer *groups, size_t count, struct fault *fault) {
    double customers = 0, again = 0;
    for (size_t i = 0; i < count; i++) {
        customers += groups[i].count;
        again += groups[i].x > 0 ? groups[i].count : 0;
    }
    if (customers < CUSTOMERS_MIN)
        return fault_set(
            fault, STATUS_INVALID,
            "a forecast needs at least %d customers with an order before the calibration's end; there are %.0f",
            CUSTOMERS_MIN, customers);
    if (again == 0)
        return fault_set(
            fault, STATUS_INVALID,
            "nobody ordered a second time before the calibration's end: there is nothing to learn how often "
            "customers come back from");
    return STATUS_OK;
}

/* Every k-th group, so that no more than FIRST_MAX stay. */
static struct btyd_buyer *thin_out(const struct btyd_buyer *groups, size_t count, size_t *kept) {
    size_t step = count / FIRST_MAX + 1;
    struct btyd_buyer *some = memory_get(count / step + 1, sizeof *some);
    *kept = 0;
    for (size_t i = 0; i < count; i += step)
        some[(*kept)++] = groups[i];
    return some;
}

enum status btyd_fit(enum btyd_model model, const struct btyd_buyer *groups, size_t count, const struct btyd_run *run,
                     struct maximum *out, struct fault *fault) {
    struct blocks b = {.block = buyers_block, .model = model, .parameter_count = BTYD_PARAMETERS};
    double customers = 0, age = 0;
    enum status status = check_buyers(groups, count, fault);
    if (status)
        return status;
    for (size_t i = 0; i < count; i++) {
        customers += groups[i].count;
        age += groups[i].count * groups[i].T;
    }
    double scale = fmax(age / customers / 4, 1e-3); /* alpha and beta are times */
    bool bg = model == BTYD_BG_NBD;
    double starts[][MAXIMISE_MAX] = {{0.5, scale, bg ? 1 : 0.5, bg ? 2 : scale},
                                     {2, 4 * scale, 0.3, bg ? 4 : 8 * scale}};
    size_t start_count = sizeof starts / sizeof *starts, first_count = 0;
    if (count > FIRST_MAX) {
        struct btyd_buyer *first = thin_out(groups, count, &first_count);
        b.rows = first;
        b.row_count = first_count;
        status = search(&b, starts, start_count, run, out, fault);
        free(first);
        if (status)
            return status;
        memcpy(starts[0], out->parameters, sizeof starts[0]);
        start_count = 1;
    }
    b.rows = groups;
    b.row_count = count;
    return search(&b, starts, start_count, run, out, fault);
}

/* --- worth --- */

static int by_worth(const void *a, const void *b) {
    const struct gamma_buyer *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return (p->mean > q->mean) - (p->mean < q->mean);
}

size_t gamma_gamma_order(struct gamma_buyer *buyers, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (buyers[i].x > 0 && buyers[i].mean > 0)
            buyers[kept++] = buyers[i];
    qsort(buyers, kept, sizeof *buyers, by_worth);
    return kept;
}

enum status gamma_gamma_fit(const struct gamma_buyer *buyers, size_t count, const struct btyd_run *run,
                            struct maximum *out, struct fault *fault) {
    struct blocks b = {
        .block = gamma_block, .rows = buyers, .row_count = count, .parameter_count = GAMMA_GAMMA_PARAMETERS};
    double mean = 0;
    if (count < CUSTOMERS_MIN)
        return fault_set(
            fault, STATUS_INVALID,
            "what an order is worth needs at least %d customers with a second order above 0; there are %zu",
            CUSTOMERS_MIN, count);
    for (size_t i = 0; i < count; i++)
        mean += buyers[i].mean / (double)count;
    const double starts[][MAXIMISE_MAX] = {{4, 4, mean}, {1, 2, mean}};
    return search(&b, starts, sizeof starts / sizeof *starts, run, out, fault);
}
