/* lifecycle_flow: how many customers stand at each stage of a buyer's life now and stood a while ago, and who went from where to where. */
#include <math.h>
#include <stdlib.h>

#include "insight/lifecycle.h"
#include "insight/orders.h"
#include "insight/spread.h"
#include "insight/statistics.h"
#include "language/time_window.h"

struct flow {
    struct lifecycle_limits limits;
    int64_t now_ms, before_ms;
    unsigned language;
    int from, to; /* members asked for; -1: any */
};

struct counts {
    uint64_t flows[STAGES][STAGES]; /* before, now */
    double revenue[STAGES];         /* by stage now, of all time asked for */
};

static enum status read_limit(const struct definition_part *d, const char *key, int64_t days, int64_t *ms,
                              struct fault *fault) {
    struct length length = {days, UNIT_DAY};
    enum status status = definition_length(d, key, &length, fault);
    *ms = length_ms(length);
    return status;
}

static enum status read_stage(const struct definition_part *d, const char *key, int *stage, struct fault *fault) {
    unsigned which = 0;
    *stage = -1;
    if (!definition_get(d, key))
        return STATUS_OK;
    enum status status = definition_choice(d, key, "no_order|new|active|dormant|lost", &which, fault);
    *stage = (int)which;
    return status;
}

/* {"stage": "dormant"}, or {"from": "active", "to": "dormant"} */
static enum status read_members(const struct definition_part *d, struct flow *f, struct fault *fault) {
    static const char *const known[] = {"stage", "from", "to", NULL};
    struct definition_part part;
    int stage = -1;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = read_stage(&part, "stage", &stage, fault);
    if (!status)
        status = read_stage(&part, "from", &f->from, fault);
    if (!status)
        status = read_stage(&part, "to", &f->to, fault);
    if (!status && (stage < 0) == (f->from < 0 && f->to < 0))
        return definition_fail(
            &part, NULL, fault,
            "{\"stage\": \"dormant\"}, or {\"from\": \"active\", \"to\": \"dormant\"} is expected here");
    f->to = stage >= 0 ? stage : f->to;
    if (!status && f->to == STAGE_NONE)
        return definition_fail(&part, NULL, fault, "who has no order is found by the condition none(order)");
    return status;
}

static enum status read_definition(const struct definition_part *d, struct flow *f, struct fault *fault) {
    struct lifecycle_limits *l = &f->limits;
    struct length before = {30, UNIT_DAY};
    struct calendar calendar = insight_calendar(d->insight);
    l->dormant_gaps = 2;
    l->lost_gaps = 4;
    enum status status = read_limit(d, "new", 30, &l->new_ms, fault);
    if (!status)
        status = read_limit(d, "dormant", 90, &l->dormant_ms, fault);
    if (!status)
        status = read_limit(d, "lost", 180, &l->lost_ms, fault);
    if (!status)
        status = definition_flag(d, "rhythm", &l->rhythm, fault);
    if (!status)
        status = definition_real(d, "dormant_gaps", 0.1, 100, &l->dormant_gaps, fault);
    if (!status)
        status = definition_real(d, "lost_gaps", 0.1, 1000, &l->lost_gaps, fault);
    if (!status)
        status = definition_length(d, "before", &before, fault);
    if (!status)
        status = definition_choice(d, "language", "en|zh", &f->language, fault);
    f->now_ms = d->insight->now_ms;
    f->before_ms = calendar_add(&calendar, f->now_ms, -before.amount, before.unit);
    f->from = f->to = -1;
    if (!status && d->insight->members)
        status = read_members(d, f, fault);
    if (!status && (l->rhythm ? l->dormant_gaps >= l->lost_gaps : l->dormant_ms >= l->lost_ms))
        return definition_fail(d, l->rhythm ? "lost_gaps" : "lost", fault,
                               "a customer is lost later than dormant: it must be longer than `%s`",
                               l->rhythm ? "dormant_gaps" : "dormant");
    return status;
}

/* The median over customers of the mean time between a customer's orders, so that who orders daily counts once; 30 days where nobody ordered twice. */
static double typical_gap(const struct orders *o) {
    double *gaps = memory_get(o->customer_count + 1, sizeof *gaps), median = 30.0 * DAY_MS;
    size_t count = 0;
    for (size_t c = 0; c < o->customer_count; c++) {
        uint64_t from = o->customer_starts[c], to = o->customer_starts[c + 1];
        if (o->times[to - 1] > o->times[from])
            gaps[count++] = (double)(o->times[to - 1] - o->times[from]) / (double)(to - from - 1);
    }
    if (count)
        median = spread_median(gaps, count);
    free(gaps);
    return median;
}

static void count_customer(const struct orders *o, size_t c, const struct flow *f, struct insight_members *members,
                           struct counts *counts) {
    uint64_t from = o->customer_starts[c], count = o->customer_starts[c + 1] - from;
    struct lifecycle_seen now = lifecycle_look(o->times + from, count, f->now_ms);
    struct lifecycle_seen before = lifecycle_look(o->times + from, count, f->before_ms);
    enum stage stage = lifecycle_stage(&f->limits, &now, f->now_ms),
               was = lifecycle_stage(&f->limits, &before, f->before_ms);
    counts->flows[was][stage]++;
    for (uint64_t i = from; i < from + count; i++)
        counts->revenue[stage] += o->values[i];
    if (members && (f->to < 0 || f->to == (int)stage) && (f->from < 0 || f->from == (int)was))
        insight_member(members, (struct customer_id){o->customers[c]});
}

static void write_stages(const struct orders_read *read, size_t g, const struct flow *f, const struct counts *counts,
                         struct answer_table *t) {
    uint64_t whole = 0, now[STAGES] = {0}, before[STAGES] = {0};
    for (unsigned a = 0; a < STAGES; a++)
        for (unsigned b = 0; b < STAGES; b++) {
            before[a] += counts->flows[a][b];
            now[b] += counts->flows[a][b];
            whole += counts->flows[a][b];
        }
    for (unsigned s = 0; s < STAGES; s++) {
        const struct stage_words *words = &stage_words[s];
        if (s == STAGE_NONE && read->split) /* of a group only those with orders are counted */
            continue;
        orders_group_cell(read, t, g);
        answer_cstring(t, words->name);
        answer_integer(t, (int64_t)now[s]);
        answer_share(t, now[s], whole);
        answer_integer(t, (int64_t)before[s]);
        answer_integer(t, (int64_t)now[s] - (int64_t)before[s]);
        if (read->valued)
            answer_real(t, round(counts->revenue[s] * 1e6) / 1e6);
        answer_cstring(t, f->language ? words->strategy_zh : words->strategy);
    }
}

static void write_flows(const struct orders_read *read, size_t g, const struct counts *counts, struct answer_table *t) {
    for (unsigned a = 0; a < STAGES; a++) {
        uint64_t whole = 0;
        for (unsigned b = 0; b < STAGES; b++)
            whole += counts->flows[a][b];
        for (unsigned b = 0; b < STAGES; b++) {
            struct interval in = share_interval(counts->flows[a][b], whole);
            if (counts->flows[a][b] == 0)
                continue;
            orders_group_cell(read, t, g);
            answer_cstring(t, stage_words[a].name);
            answer_cstring(t, stage_words[b].name);
            answer_integer(t, (int64_t)counts->flows[a][b]);
            answer_share(t, counts->flows[a][b], whole);
            answer_real(t, in.low);
            answer_real(t, in.high);
        }
    }
}

static void begin_tables(const struct orders_read *read, struct answer *answer, struct answer_table *tables[2]) {
    tables[0] = answer_table(answer, "stages");
    orders_group_column(read, tables[0]);
    answer_column(tables[0], "stage", ANSWER_TEXT);
    answer_column(tables[0], "customers", ANSWER_INTEGER);
    answer_column(tables[0], "share", ANSWER_PERCENT);
    answer_column(tables[0], "before", ANSWER_INTEGER);
    answer_column(tables[0], "change", ANSWER_INTEGER);
    if (read->valued)
        answer_column(tables[0], "revenue", ANSWER_MONEY);
    answer_column(tables[0], "strategy", ANSWER_TEXT);
    tables[1] = answer_table(answer, "flows");
    orders_group_column(read, tables[1]);
    answer_column(tables[1], "from", ANSWER_TEXT);
    answer_column(tables[1], "to", ANSWER_TEXT);
    answer_column(tables[1], "customers", ANSWER_INTEGER);
    answer_column(tables[1], "share", ANSWER_PERCENT);
    answer_column(tables[1], "low", ANSWER_PERCENT);
    answer_column(tables[1], "high", ANSWER_PERCENT);
}

enum status insight_lifecycle(const struct insight *insight, struct definition_part *d, struct answer *answer,
                              struct fault *fault) {
    static const struct orders_want want = {.orders = "order", .value_wanted = true, .to_now = true};
    struct orders_read read = {0};
    struct flow f = {0};
    struct answer_table *tables[2];
    enum status status = read_definition(d, &f, fault);
    if (!status)
        status = orders_read(d, &want, answer, &read, fault);
    if (status)
        return status;
    begin_tables(&read, answer, tables);
    for (size_t g = 0; g < read.group_count; g++) {
        const struct orders *o = &read.groups[g].orders;
        struct counts counts = {0};
        f.limits.typical_gap_ms = typical_gap(o);
        for (size_t c = 0; c < o->customer_count; c++)
            count_customer(o, c, &f, g == 0 ? insight->members : NULL, &counts);
        if (!read.split)
            counts.flows[STAGE_NONE][STAGE_NONE] += read.population - o->customer_count;
        write_stages(&read, g, &f, &counts, tables[0]);
        write_flows(&read, g, &counts, tables[1]);
        if (f.limits.rhythm && !read.split)
            answer_note(answer,
                        "a typical gap between two orders is %.1f days; each customer's own is drawn towards it as if "
                        "one such had been seen",
                        f.limits.typical_gap_ms / DAY_MS);
    }
    answer_note(answer, "flows: share of those who were at `from`, with Wilson's 95 %% interval");
    orders_release(&read);
    return status;
}
