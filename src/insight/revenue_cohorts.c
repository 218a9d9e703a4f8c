/* revenue_cohorts: customers by the period of their first order, and what each such cohort bought in each period since.
 *
 * Periods are calendar ones of the workspace's zone. They are counted by distance (period 0 is that of the first order), or, with periods = present, only
 * those in which the cohort ordered at all are counted, as some textbooks do. Means are told with their standard error, as differences between
 * cohorts of a few customers are often chance. */
#include <math.h>
#include <stdlib.h>

#include "insight/orders.h"
#include "language/time_window.h"

#define PERIODS_MAX 600

struct cell {
    uint64_t customers, orders;
    double revenue, squares; /* of customers' sums */
};

struct table {
    int64_t first;  /* number of the first period there is */
    size_t periods; /* rows and columns */
    struct cell *cells;
    uint64_t *sizes;
};

/* Periods are numbered by walking them: starts[i] is the first day of period i. */
struct periods {
    int64_t starts[PERIODS_MAX + 1];
    size_t count;
};

static enum status find_periods(const struct calendar *c, const struct orders_read *read, enum unit unit,
                                struct periods *out, const struct definition_part *d, struct fault *fault) {
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (size_t g = 0; g < read->group_count; g++)
        for (size_t i = 0; i < read->groups[g].orders.order_count; i++) {
            int64_t t = read->groups[g].orders.times[i];
            low = t < low ? t : low;
            high = t > high ? t : high;
        }
    out->count = 0;
    if (low > high)
        return STATUS_OK;
    int64_t day = calendar_period(c, calendar_day(c, low), unit, 0), last = calendar_day(c, high);
    for (; day <= last; day = calendar_period(c, day, unit, 1)) {
        if (out->count == PERIODS_MAX)
            return definition_fail(d, "interval", fault,
                                   "there are more than %d such periods between the first order and the last; take "
                                   "longer ones, or a later `from`",
                                   PERIODS_MAX);
        out->starts[out->count++] = day;
    }
    out->starts[out->count] = day;
    return STATUS_OK;
}

static size_t period_of(const struct periods *p, int64_t day) {
    size_t low = 0, high = p->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (p->starts[middle] <= day)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static void count_customer(const struct orders *o, size_t c, const struct calendar *calendar,
                           const struct periods *periods, struct table *t) {
    uint64_t from = o->customer_starts[c], to = o->customer_starts[c + 1];
    size_t cohort = period_of(periods, calendar_day(calendar, o->times[from]));
    t->sizes[cohort]++;
    for (uint64_t i = from, next; i < to; i = next) {
        size_t period = period_of(periods, calendar_day(calendar, o->times[i]));
        struct cell *cell = &t->cells[cohort * t->periods + period];
        double sum = 0;
        for (next = i; next < to && calendar_day(calendar, o->times[next]) < periods->starts[period + 1]; next++) {
            sum += o->values[next];
            cell->orders++;
        }
        cell->customers++;
        cell->revenue += sum;
        cell->squares += sum * sum;
    }
}

static void write_cell(const struct orders_read *read, struct answer_table *t, size_t g, int64_t cohort_day,
                       int64_t period_day, size_t number, uint64_t size, const struct cell *cell, double total) {
    double mean = cell->revenue / (double)size, spread = cell->squares / (double)size - mean * mean;
    orders_group_cell(read, t, g);
    answer_integer(t, cohort_day);
    answer_integer(t, (int64_t)size);
    answer_integer(t, (int64_t)number);
    answer_integer(t, period_day);
    answer_integer(t, (int64_t)cell->customers);
    answer_share(t, cell->customers, size);
    answer_integer(t, (int64_t)cell->orders);
    answer_real(t, round(cell->revenue * 1e6) / 1e6);
    answer_real(t, mean);
    answer_real(t, size > 1 ? sqrt(fmax(spread, 0) / (double)(size - 1)) : NAN);
    answer_real(t, total / (double)size);
}

static void write_group(const struct orders_read *read, size_t g, const struct calendar *calendar,
                        const struct periods *periods, bool present, struct answer_table *out) {
    const struct orders *o = &read->groups[g].orders;
    struct table t = {.periods = periods->count};
    t.cells = memory_get(t.periods * t.periods + 1, sizeof *t.cells);
    t.sizes = memory_get(t.periods + 1, sizeof *t.sizes);
    for (size_t c = 0; c < o->customer_count; c++)
        count_customer(o, c, calendar, periods, &t);
    for (size_t cohort = 0; cohort < t.periods; cohort++) {
        double total = 0;
        size_t number = 0;
        for (size_t period = cohort; period < t.periods && t.sizes[cohort]; period++) {
            const struct cell *cell = &t.cells[cohort * t.periods + period];
            if (present && cell->customers == 0)
                continue;
            total += cell->revenue;
            write_cell(read, out, g, periods->starts[cohort], periods->starts[period],
                       present ? number : period - cohort, t.sizes[cohort], cell, total);
            number++;
        }
    }
    free(t.cells);
    free(t.sizes);
}

enum status insight_revenue_cohorts(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                    struct fault *fault) {
    static const struct orders_want want = {.orders = "order", .value = "total", .value_wanted = true, .to_now = true};
    static const enum unit units[] = {UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR};
    struct calendar calendar = insight_calendar(insight);
    struct orders_read read = {0};
    struct periods periods;
    unsigned interval = 2, counted = 0;
    enum status status = definition_choice(d, "interval", "day|week|month|quarter|year", &interval, fault);
    if (!status)
        status = definition_choice(d, "periods", "calendar|present", &counted, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (!status)
        status = find_periods(&calendar, &read, units[interval], &periods, d, fault);
    if (!status) {
        struct answer_table *t = answer_table(answer, "cohorts");
        orders_group_column(&read, t);
        answer_column(t, "cohort", ANSWER_DATE);
        answer_column(t, "size", ANSWER_INTEGER);
        answer_column(t, "period", ANSWER_INTEGER);
        answer_column(t, "starts", ANSWER_DATE);
        answer_column(t, "customers", ANSWER_INTEGER);
        answer_column(t, "share", ANSWER_PERCENT);
        answer_column(t, "orders", ANSWER_INTEGER);
        answer_column(t, "revenue", ANSWER_MONEY);
        answer_column(t, "per_customer", ANSWER_MONEY);
        answer_column(t, "error", ANSWER_MONEY);
        answer_column(t, "so_far", ANSWER_MONEY);
        for (size_t g = 0; g < read.group_count; g++)
            write_group(&read, g, &calendar, &periods, counted == 1, t);
        answer_note(
            answer,
            "per_customer: revenue of the period over all of the cohort; error: its standard error; so_far: summed up");
        if (read.period.from_ms != INT64_MIN)
            answer_note(answer, "a customer's first order is the first within the period asked for, not ever");
    }
    orders_release(&read);
    return status;
}
