/* series: a metric in even steps of time, for everybody, a group or a customer: trend, season, rest, and what is out of the ordinary (decompose.h).
 *
 * Steps are calendar ones of the workspace's zone, from the first row to the last (or over the period asked for); a step in which nothing happened is 0, and
 * the step that `now` stands in is left out, as it is not over. */
#include <math.h>
#include <stdlib.h>

#include "insight/decompose.h"
#include "insight/orders.h"
#include "language/time_window.h"

#define STEPS_MAX 20000
#define STEPS_FEW 10 /* fewer say little of what is ordinary */
#define CUSTOMERS_MAX 1000

enum measure { COUNT, SUM, MEAN, CUSTOMERS };

struct asked {
    enum unit unit;
    unsigned measure;
    int64_t period, customers;
    double limit;
    bool hours;
};

struct steps { /* first instants; the last is where the last step ends */
    int64_t *starts;
    size_t count;
};

struct line { /* one series */
    struct slice group;
    uint32_t customer; /* 0: a group */
    double *values;
};

static enum status read_definition(const struct definition_part *d, struct asked *a, struct fault *fault) {
    static const enum unit units[] = {UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR};
    unsigned interval = 1;
    *a = (struct asked){.limit = 3.5};
    a->measure = definition_get(d, "value") ? SUM : COUNT;
    enum status status = definition_choice(d, "interval", "hour|day|week|month|quarter|year", &interval, fault);
    if (!status)
        status = definition_choice(d, "measure", "count|sum|mean|customers", &a->measure, fault);
    if (!status)
        status = definition_integer(d, "season", 0, STEPS_MAX, &a->period, fault);
    if (!status)
        status = definition_real(d, "limit", 0.5, 100, &a->limit, fault);
    if (!status)
        status = definition_integer(d, "customers", 0, CUSTOMERS_MAX, &a->customers, fault);
    a->unit = units[interval];
    a->hours = interval == 0;
    if (!status && (a->measure == SUM || a->measure == MEAN) && !definition_get(d, "value"))
        return definition_fail(d, "value", fault, "is missing: what is to be summed up, such as \"total\"");
    return status;
}

/* --- steps --- */

static int64_t step_start(const struct calendar *c, const struct asked *a, int64_t time_ms) {
    if (a->hours)
        return time_ms - ((time_ms % 3600000) + 3600000) % 3600000;
    return calendar_day_start(c, calendar_period(c, calendar_day(c, time_ms), a->unit, 0));
}

static int64_t step_next(const struct calendar *c, const struct asked *a, int64_t start_ms) {
    if (a->hours)
        return start_ms + 3600000;
    return calendar_day_start(c, calendar_period(c, calendar_day(c, start_ms), a->unit, 1));
}

static enum status make_steps(const struct definition_part *d, const struct orders_read *read, const struct asked *a,
                              struct steps *out, struct answer *answer, struct fault *fault) {
    struct calendar c = insight_calendar(d->insight);
    int64_t low = INT64_MAX, high = INT64_MIN, now = d->insight->now_ms;
    for (size_t g = 0; g < read->group_count; g++)
        for (size_t i = 0; i < read->groups[g].orders.order_count; i++) {
            int64_t t = read->groups[g].orders.times[i];
            low = t < low ? t : low;
            high = t > high ? t : high;
        }
    *out = (struct steps){.starts = memory_get(STEPS_MAX + 1, sizeof *out->starts)};
    if (low > high)
        return STATUS_OK;
    if (definition_get(d, "from") || definition_get(d, "last"))
        low = read->period.from_ms;
    if ((definition_get(d, "to") || definition_get(d, "last")) && read->period.to_ms - 1 > high)
        high = read->period.to_ms - 1;
    for (int64_t at = step_start(&c, a, low); at <= high; at = step_next(&c, a, at)) {
        if (out->count == STEPS_MAX)
            return definition_fail(d, "interval", fault,
                                   "there are more than %d such steps between the first row and the last", STEPS_MAX);
        out->starts[out->count++] = at;
        out->starts[out->count] = step_next(&c, a, at);
    }
    if (out->count > 1 && out->starts[out->count - 1] <= now && now < out->starts[out->count]) {
        out->count--;
        answer_note(answer, "the last step is not over and is left out");
    }
    return STATUS_OK;
}

static size_t step_of(const struct steps *s, int64_t time_ms) {
    size_t low = 0, high = s->count;
    while (high - low > 1) {
        size_t middle = (low + high) / 2;
        if (s->starts[middle] <= time_ms)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* --- values --- */

static void add_customer(const struct orders *o, size_t customer, const struct steps *s, unsigned measure,
                         double *values, double *counts) {
    size_t last = SIZE_MAX;
    for (uint64_t i = o->customer_starts[customer]; i < o->customer_starts[customer + 1]; i++) {
        if (s->count == 0 || o->times[i] < s->starts[0] || o->times[i] >= s->starts[s->count])
            continue;
        size_t step = step_of(s, o->times[i]);
        values[step] += measure == COUNT ? 1 : measure == CUSTOMERS ? (double)(step != last) : o->values[i];
        counts[step]++;
        last = step;
    }
}

/* Of a group, or of one customer of it. */
static double *values_of(const struct orders *o, size_t first, size_t end, const struct steps *s, unsigned measure) {
    double *values = memory_get(s->count + 1, sizeof *values), *counts = memory_get(s->count + 1, sizeof *counts);
    for (size_t c = first; c < end; c++)
        add_customer(o, c, s, measure, values, counts);
    for (size_t i = 0; measure == MEAN && i < s->count; i++)
        values[i] = counts[i] > 0 ? values[i] / counts[i] : 0;
    free(counts);
    return values;
}

struct ranked {
    size_t index;
    double sum;
};

static int largest_first(const void *a, const void *b) {
    const struct ranked *p = a, *q = b;
    if (p->sum != q->sum)
        return p->sum > q->sum ? -1 : 1;
    return (p->index > q->index) - (p->index < q->index);
}

/* --- the answer --- */

enum { SERIES, ANOMALIES, SEASON, STRENGTH, TABLES };

static void name_columns(const struct orders_read *read, const struct asked *a, struct answer_table *t) {
    orders_group_column(read, t);
    if (a->customers)
        answer_column(t, "customer", ANSWER_ONEID);
}

static void begin_tables(const struct orders_read *read, const struct asked *a, struct answer *answer,
                         struct answer_table **t) {
    static const char *const names[TABLES] = {"series", "anomalies", "season", "strength"};
    static const char *const numbers[] = {"value", "trend", "season", "rest", "score"};
    for (unsigned i = 0; i < TABLES; i++)
        name_columns(read, a, t[i] = answer_table(answer, names[i]));
    for (unsigned i = SERIES; i <= ANOMALIES; i++) {
        answer_column(t[i], "starts", ANSWER_TIME);
        for (unsigned k = 0; k < sizeof numbers / sizeof *numbers; k++)
            answer_column(t[i], numbers[k], ANSWER_NUMBER);
        if (i == SERIES)
            answer_column(t[i], "anomaly", ANSWER_BOOL);
        else
            answer_column(t[i], "expected", ANSWER_NUMBER);
    }
    answer_column(t[SEASON], "place", ANSWER_INTEGER);
    answer_column(t[SEASON], "first", ANSWER_TIME);
    answer_column(t[SEASON], "effect", ANSWER_NUMBER);
    answer_column(t[STRENGTH], "steps", ANSWER_INTEGER);
    answer_column(t[STRENGTH], "period", ANSWER_INTEGER);
    answer_column(t[STRENGTH], "trend", ANSWER_PERCENT);
    answer_column(t[STRENGTH], "season", ANSWER_PERCENT);
    answer_column(t[STRENGTH], "deviation", ANSWER_NUMBER);
    answer_column(t[STRENGTH], "anomalies", ANSWER_INTEGER);
}

static void name_cells(const struct orders_read *read, const struct asked *a, struct answer_table *t, size_t g,
                       uint32_t customer) {
    orders_group_cell(read, t, g);
    if (a->customers)
        answer_integer(t, customer);
}

/* The length of the season that goes with a step, where nobody says and none is found. */
static size_t usual_period(enum unit unit) {
    return unit == UNIT_HOUR      ? 24
           : unit == UNIT_DAY     ? 7
           : unit == UNIT_WEEK    ? 52
           : unit == UNIT_MONTH   ? 12
           : unit == UNIT_QUARTER ? 4
                                  : 1;
}

static size_t period_of(const struct asked *a) { return a->period ? (size_t)a->period : usual_period(a->unit); }

/* Whether there are two of it, which decompose asks for. */
static bool season_fits(const struct asked *a, const struct steps *s) { return s->count >= 2 * period_of(a); }

static void note_short(const struct asked *a, const struct steps *s, struct answer *answer) {
    if (s->count && period_of(a) > 1 && !season_fits(a, s))
        answer_note(answer,
                    "a season of %zu steps takes two of them to be seen, and there are %zu steps: none is taken out",
                    period_of(a), s->count);
    if (s->count && s->count < STEPS_FEW)
        answer_note(answer, "%zu steps are too few to tell what is ordinary: anomalies among them may be chance",
                    s->count);
}

static void number_cells(struct answer_table *t, const double *values, const struct decomposed *d,
                         const struct steps *s, size_t i) {
    answer_integer(t, s->starts[i]);
    answer_real(t, round(values[i] * 1e6) / 1e6);
    answer_real(t, d->trend[i]);
    answer_real(t, d->season[i]);
    answer_real(t, d->rest[i]);
    answer_real(t, d->score[i]);
}

static void write_line(const struct orders_read *read, const struct asked *a, const struct steps *s, size_t g,
                       uint32_t customer, const double *values, struct answer_table **t) {
    struct decomposed d = decompose(values, s->count, period_of(a), a->limit);
    uint64_t anomalies = 0;
    for (size_t i = 0; i < s->count; i++) {
        bool anomaly = fabs(d.score[i]) > a->limit;
        anomalies += anomaly;
        name_cells(read, a, t[SERIES], g, customer);
        number_cells(t[SERIES], values, &d, s, i);
        answer_integer(t[SERIES], anomaly);
        if (!anomaly)
            continue;
        name_cells(read, a, t[ANOMALIES], g, customer);
        number_cells(t[ANOMALIES], values, &d, s, i);
        answer_real(t[ANOMALIES], d.trend[i] + d.season[i]);
    }
    for (size_t i = 0; i < d.period && d.period > 1; i++) {
        name_cells(read, a, t[SEASON], g, customer);
        answer_integer(t[SEASON], (int64_t)i);
        answer_integer(t[SEASON], s->starts[i]);
        answer_real(t[SEASON], d.season[i]);
    }
    name_cells(read, a, t[STRENGTH], g, customer);
    answer_integer(t[STRENGTH], (int64_t)s->count);
    answer_integer(t[STRENGTH], (int64_t)d.period);
    answer_real(t[STRENGTH], d.trend_strength);
    answer_real(t[STRENGTH], d.season_strength);
    answer_real(t[STRENGTH], d.deviation);
    answer_integer(t[STRENGTH], (int64_t)anomalies);
    decompose_release(&d);
}

static void write_customers(const struct orders_read *read, const struct asked *a, const struct steps *s, size_t g,
                            struct answer_table **t) {
    const struct orders *o = &read->groups[g].orders;
    struct ranked *ranked = memory_get(o->customer_count + 1, sizeof *ranked);
    for (size_t c = 0; c < o->customer_count; c++) {
        ranked[c].index = c;
        for (uint64_t i = o->customer_starts[c]; i < o->customer_starts[c + 1]; i++)
            ranked[c].sum += a->measure == SUM || a->measure == MEAN ? o->values[i] : 1;
    }
    qsort(ranked, o->customer_count, sizeof *ranked, largest_first);
    for (size_t i = 0; i < o->customer_count && i < (size_t)a->customers; i++) {
        double *values = values_of(o, ranked[i].index, ranked[i].index + 1, s, a->measure);
        write_line(read, a, s, g, o->customers[ranked[i].index], values, t);
        free(values);
    }
    free(ranked);
}

enum status insight_series(const struct insight *insight, struct definition_part *d, struct answer *answer,
                           struct fault *fault) {
    static const struct orders_want want = {.orders = "order", .value_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct asked a;
    struct steps steps = {0};
    struct answer_table *tables[TABLES];
    (void)insight;
    enum status status = read_definition(d, &a, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (!status)
        status = make_steps(d, &read, &a, &steps, answer, fault);
    if (!status) {
        begin_tables(&read, &a, answer, tables);
        for (size_t g = 0; g < read.group_count; g++) {
            const struct orders *o = &read.groups[g].orders;
            if (a.customers) {
                write_customers(&read, &a, &steps, g, tables);
                continue;
            }
            double *values = values_of(o, 0, o->customer_count, &steps, a.measure);
            if (a.period == 0 && season_fits(&a, &steps) &&
                decompose_find_period(values, steps.count, 2 * usual_period(a.unit)) == 1)
                answer_note(
                    answer,
                    "%.*s%sno season stands out in the series; the usual one of %zu steps is taken out all the same",
                    SLICE_ARG(read.groups[g].name), read.split ? ": " : "", usual_period(a.unit));
            write_line(&read, &a, &steps, g, 0, values, tables);
            free(values);
        }
        note_short(&a, &steps, answer);
        answer_note(answer,
                    "score: rest in robust deviations (median distance from the median x 1.4826); anomaly: more than "
                    "%g of them either way",
                    a.limit);
    }
    free(steps.starts);
    orders_release(&read);
    return status;
}
