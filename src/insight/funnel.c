/* funnel: the analysis: rows of the steps out of the histories, the kernels over them (funnel.h), counts and times by group. */
#include "insight/funnel.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/groups.h"
#include "insight/insight.h"
#include "insight/scan.h"
#include "insight/statistics.h"
#include "language/workers.h"

#define EXCLUDES_MAX 8
#define SETS_MAX (FUNNEL_STEPS_MAX + EXCLUDES_MAX + 1)

struct asked_members {
    bool asked, drop, any_group;
    unsigned step;
    struct slice group;
};

/* A set of rows that matters: a step, an exclusion, or every event (strict). */
struct source {
    unsigned rows;
    uint32_t steps, breaks;
    unsigned held; /* number of the value */
};

struct funnel {
    const struct insight *insight;
    struct funnel_rule rule;
    struct definition_rows *steps;
    size_t step_count;
    struct source sources[SETS_MAX];
    unsigned source_count;
    struct slice hold;
    bool fast;
    struct scan *scan;
    struct scan_split split;
    bool by_row; /* split by a value of the rows of step `row_step` */
    unsigned row_step, row_value;
    struct slice row_name;
    int64_t groups_shown;
    struct asked_members members;
    struct groups groups; /* of struct tally */
};

/* --- reading the definition --- */

static enum status read_excludes(struct funnel *f, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"event", "name", "after", "before", NULL};
    struct definition_rows *rows;
    size_t count;
    enum status status = definition_rows(d, "exclude", 0, EXCLUDES_MAX, &rows, &count, fault);
    for (size_t i = 0; i < count && !status; i++) {
        struct source *s = &f->sources[f->source_count++];
        struct definition_part part;
        int64_t after = 1, before = (int64_t)f->step_count;
        if (rows[i].json) {
            status = definition_enter(d, "exclude", rows[i].json, i, &part, fault);
            if (!status)
                status = definition_only(&part, known, fault);
            if (!status)
                status = definition_integer(&part, "after", 1, (int64_t)f->step_count - 1, &after, fault);
            if (!status)
                status = definition_integer(&part, "before", after + 1, (int64_t)f->step_count, &before, fault);
        }
        *s = (struct source){0};
        for (int64_t k = after; k < before; k++)
            s->breaks |= UINT32_C(1) << k;
        if (!status)
            status = scan_rows(f->scan, &rows[i], &s->rows, fault);
        if (!status && f->hold.size)
            status = scan_row_value(f->scan, s->rows, f->hold, rows[i].path, TERM_NONE, &s->held, fault);
    }
    return status;
}

static enum status read_steps(struct funnel *f, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"event", "name", NULL};
    enum status status = definition_rows(d, "steps", 1, FUNNEL_STEPS_MAX, &f->steps, &f->step_count, fault);
    for (size_t i = 0; i < f->step_count && !status; i++) {
        struct source *s = &f->sources[f->source_count++];
        struct definition_part part;
        *s = (struct source){.steps = UINT32_C(1) << i};
        if (f->steps[i].json) {
            status = definition_enter(d, "steps", f->steps[i].json, i, &part, fault);
            if (!status)
                status = definition_only(&part, known, fault);
        }
        if (!status)
            status = scan_rows(f->scan, &f->steps[i], &s->rows, fault);
        if (!status && f->hold.size)
            status = scan_row_value(f->scan, s->rows, f->hold, f->steps[i].path, TERM_NONE, &s->held, fault);
    }
    f->rule.steps = (unsigned)f->step_count;
    return status;
}

/* {"step": 1, "value": "channel"} */
static enum status read_split(struct funnel *f, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"step", "value", NULL};
    const struct json *json = definition_get(d, "split");
    struct definition_part part;
    int64_t step = 1;
    if (json == NULL || json->kind != JSON_OBJECT || !json_get(d->parser, json, "value"))
        return scan_split(f->scan, d, &f->split, fault);
    enum status status = definition_enter(d, "split", json, SIZE_MAX, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    if (!status)
        status = definition_integer(&part, "step", 1, 1, &step, fault);
    if (!status)
        status = definition_text(&part, "value", &f->row_name, fault);
    f->by_row = true;
    f->row_step = (unsigned)step - 1;
    return status ? status
                  : scan_row_value(f->scan, f->sources[f->row_step].rows, f->row_name, "split.value", TERM_NONE,
                                   &f->row_value, fault);
}

static enum status read_members(struct funnel *f, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"step", "drop", "group", NULL};
    struct definition_part part;
    int64_t step = (int64_t)f->step_count;
    f->members = (struct asked_members){.any_group = true};
    if (!f->insight->members)
        return STATUS_OK;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_integer(&part, "step", 1, (int64_t)f->step_count, &step, fault);
    if (!status)
        status = definition_flag(&part, "drop", &f->members.drop, fault);
    if (!status)
        status = definition_text(&part, "group", &f->members.group, fault);
    f->members.asked = true;
    f->members.any_group = !definition_get(&part, "group");
    f->members.step = (unsigned)step;
    if (!status && f->members.drop && step == (int64_t)f->step_count)
        return definition_fail(&part, "drop", fault, "nobody drops after the last step; name an earlier one");
    return status;
}

static enum status read_definition(struct funnel *f, const struct definition_part *d, struct fault *fault) {
    unsigned order = FUNNEL_ORDERED;
    enum status status = scan_create(d, &f->scan, fault);
    f->groups_shown = 20;
    if (!status)
        status = definition_text(d, "hold", &f->hold, fault);
    if (!status)
        status = read_steps(f, d, fault);
    if (!status)
        status = read_excludes(f, d, fault);
    if (!status)
        status = definition_choice(d, "order", "ordered|any|strict", &order, fault);
    if (!status)
        status = definition_length(d, "window", &f->rule.window, fault);
    if (!status)
        status = definition_period(d, &f->rule.period, fault);
    if (!status)
        status = definition_integer(d, "groups", 1, 1000, &f->groups_shown, fault);
    if (!status)
        status = read_split(f, d, fault);
    if (!status)
        status = read_members(f, d, fault);
    f->rule.order = (enum funnel_order)order;
    f->rule.calendar = insight_calendar(f->insight);
    if (!status && order == FUNNEL_STRICT && f->hold.size)
        return definition_fail(d, "hold", fault, "nothing is held in strict order: any other event ends a run there");
    if (!status && order == FUNNEL_STRICT) {
        struct source *s = &f->sources[f->source_count++];
        *s = (struct source){.breaks = 0};
        status = scan_rows_text(f->scan, SLICE("any event"), "order", &s->rows, fault);
    }
    f->fast = order == FUNNEL_ORDERED && f->source_count == f->step_count && f->hold.size == 0;
    return status;
}

/* --- counting --- */

enum { QUANTILES = 7, QUANTILE_MEDIAN = 3, QUANTILE_P90 = 5 };
static const double asked_quantiles[QUANTILES] = {0, 0.1, 0.25, 0.5, 0.75, 0.9, 1};

/* What is known of a group. */
struct tally {
    uint64_t reached[FUNNEL_STEPS_MAX];
    struct durations from_previous[FUNNEL_STEPS_MAX], from_first[FUNNEL_STEPS_MAX];
    double quantiles[2][FUNNEL_STEPS_MAX][QUANTILES]; /* of from_previous, of from_first: once all is counted */
};

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    for (unsigned k = 0; k < FUNNEL_STEPS_MAX; k++) {
        a->reached[k] += b->reached[k];
        durations_take(&a->from_previous[k], &b->from_previous[k]);
        durations_take(&a->from_first[k], &b->from_first[k]);
    }
}

static void tally_release(void *tally) {
    struct tally *t = tally;
    for (unsigned k = 0; k < FUNNEL_STEPS_MAX; k++) {
        durations_release(&t->from_previous[k]);
        durations_release(&t->from_first[k]);
    }
}

struct worker {
    struct funnel *funnel;
    struct groups groups;
    struct funnel_scratch *scratch;
    struct funnel_lines *lines;
    struct funnel_row *rows;
    uint32_t row_count, row_room;
    struct scan_part *part;
    struct scan_rows sets[SETS_MAX];
    struct scan_texts held[SETS_MAX], row_texts;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->funnel = context;
    groups_init(&w->groups, sizeof(struct tally), tally_merge, tally_release);
    w->scratch = funnel_scratch_create();
    w->lines = funnel_lines_create();
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    funnel_scratch_free(w->scratch);
    funnel_lines_free(w->lines);
    free(w->rows);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct funnel *f = context;
    struct worker *w = state;
    scan_merge_groups(f->scan, texts, &f->split, f->by_row, &w->groups, &f->groups);
}

static void count_run(struct tally *t, const struct funnel_run *run) {
    for (unsigned k = 0; k < run->level; k++)
        t->reached[k]++;
    for (unsigned k = 1; k < run->level; k++) {
        durations_add(&t->from_previous[k], run->times[k] - run->times[k - 1]);
        if (k > 1)
            durations_add(&t->from_first[k], run->times[k] - run->times[0]);
    }
}

static bool ties_before(void *context, unsigned k, uint32_t a, uint32_t b) {
    struct worker *w = context;
    const struct source *sources = w->funnel->sources;
    unsigned x = sources[k - 1].rows, y = sources[k].rows;
    if (scan_same_table(w->funnel->scan, x, y))
        return a < b;
    return scan_position(w->part, x, a) < scan_position(w->part, y, b);
}

/* --- the general way: all rows of a customer together --- */

static void add_row(struct worker *w, const struct funnel_row *row) {
    if (w->row_count == w->row_room) {
        w->row_room = w->row_room ? w->row_room * 2 : 64;
        w->rows = memory_resize(w->rows, w->row_room, sizeof *w->rows);
    }
    w->rows[w->row_count++] = *row;
}

static int by_moment(const void *a, const void *b) {
    const struct funnel_row *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
    return (x->position > y->position) - (x->position < y->position);
}

static void gather_rows(struct worker *w, uint32_t customer) {
    const struct funnel *f = w->funnel;
    w->row_count = 0;
    for (unsigned s = 0; s < f->source_count; s++) {
        const struct scan_rows *r = &w->sets[s];
        uint32_t last = scan_end(r, customer);
        for (uint32_t i = scan_row(r, scan_begin(r, customer), last); i < last; i = scan_row(r, i + 1, last)) {
            struct funnel_row row = {r->times[i],
                                     scan_position(w->part, f->sources[s].rows, i),
                                     f->sources[s].steps,
                                     f->sources[s].breaks,
                                     1,
                                     {i, s}};
            if (f->hold.size)
                row.held = scan_text(&w->held[s], i);
            add_row(w, &row);
        }
    }
    qsort(w->rows, w->row_count, sizeof *w->rows, by_moment);
    uint32_t kept = 0; /* one row that stands in several sets is one */
    for (uint32_t i = 0; i < w->row_count; i++) {
        struct funnel_row *last = kept ? &w->rows[kept - 1] : NULL;
        if (last && by_moment(last, &w->rows[i]) == 0 && last->held == w->rows[i].held) {
            if (w->rows[i].steps & 1)
                memcpy(last->element, w->rows[i].element, sizeof last->element);
            last->steps |= w->rows[i].steps;
            last->breaks |= w->rows[i].breaks;
        } else {
            w->rows[kept++] = w->rows[i];
        }
    }
    w->row_count = kept;
}

static int by_held(const void *a, const void *b) {
    const struct funnel_row *x = a, *y = b;
    return x->held != y->held ? (x->held > y->held) - (x->held < y->held) : by_moment(a, b);
}

/* Held values: one by one, and the best of them counts. */
static void go_by_held(struct worker *w, struct funnel_run *best) {
    struct funnel_run run;
    *best = (struct funnel_run){0};
    qsort(w->rows, w->row_count, sizeof *w->rows, by_held);
    for (uint32_t i = 0, next; i < w->row_count; i = next) {
        for (next = i + 1; next < w->row_count && w->rows[next].held == w->rows[i].held;)
            next++;
        if (w->rows[i].held == 0)
            continue;
        funnel_go(&w->funnel->rule, w->rows + i, next - i, &run);
        if (funnel_better(&run, best))
            *best = run;
    }
}

static void go(struct worker *w, uint32_t customer, struct funnel_run *run) {
    const struct funnel *f = w->funnel;
    if (f->fast) {
        struct funnel_list lists[FUNNEL_STEPS_MAX];
        for (unsigned k = 0; k < f->rule.steps; k++) {
            const struct scan_rows *r = &w->sets[k];
            lists[k] = (struct funnel_list){r->times, r->bits, scan_begin(r, customer), scan_end(r, customer)};
        }
        funnel_go_fast(&f->rule, lists, ties_before, w, w->scratch, run);
        return;
    }
    gather_rows(w, customer);
    if (f->hold.size)
        go_by_held(w, run);
    else
        funnel_go(&f->rule, w->rows, w->row_count, run);
}

static void note_member(struct worker *w, uint32_t customer, const struct funnel_run *run, bool in_group) {
    const struct asked_members *m = &w->funnel->members;
    bool in = m->drop ? run->level == m->step : run->level >= m->step;
    if (m->asked && in && in_group)
        insight_member(w->funnel->insight->members, scan_customer(w->part, customer));
}

static bool asked_group(const struct worker *w, uint32_t group) {
    const struct funnel *f = w->funnel;
    if (f->members.any_group)
        return true;
    struct slice name = f->split.segment_count ? f->split.names[group] : scan_worker_text(w->part->worker, group);
    return slice_equal(name, f->members.group);
}

/* One customer's run to its groups. */
static void take_run(struct worker *w, const struct scan_groups *groups, uint32_t customer,
                     const struct funnel_run *run) {
    const struct funnel *f = w->funnel;
    uint32_t numbers[SCAN_SPLITS_MAX];
    size_t count = 1;
    if (f->by_row)
        numbers[0] = scan_text(&w->row_texts, run->first[0]);
    else
        count = scan_groups_of(groups, customer, numbers);
    bool in_group = f->members.any_group;
    for (size_t k = 0; k < count; k++) {
        count_run(groups_get(&w->groups, numbers[k]), run);
        in_group = in_group || (f->members.asked && asked_group(w, numbers[k]));
    }
    note_member(w, customer, run, in_group);
}

/* All customers of the part at once; false, with nothing done, where that cannot be. */
static bool visit_lines(struct worker *w, struct scan_part *part, const struct scan_groups *groups) {
    static const struct period always = {INT64_MIN, INT64_MAX};
    const struct funnel *f = w->funnel;
    bool everybody = !f->split.given && !f->by_row && !f->members.asked;
    struct funnel_run run;
    const uint32_t *found;
    for (unsigned k = 0; k < f->rule.steps; k++) {
        const struct scan_rows *r = &w->sets[k];
        const struct funnel_rows rows = {r->starts, part->count, r->count, r->times, scan_part_in(part, r)};
        if (!funnel_lines_fill(w->lines, k, &rows, k ? &always : &f->rule.period))
            return false;
    }
    funnel_lines_go(w->lines, &f->rule, ties_before, w);
    for (unsigned level = f->rule.steps; level > 0; level--) {
        uint32_t count = funnel_lines_at(w->lines, level, &found);
        if (level == 1 && count && everybody) { /* no times to keep, and nobody to name */
            ((struct tally *)groups_get(&w->groups, 0))->reached[0] += count;
            continue;
        }
        for (uint32_t i = 0; i < count; i++) {
            uint32_t customer = funnel_lines_run(w->lines, level, found[i], &run);
            take_run(w, groups, customer, &run);
        }
    }
    return true;
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct funnel *f = w->funnel;
    struct scan_groups groups;
    struct funnel_run run;
    w->part = part;
    for (unsigned s = 0; s < f->source_count; s++) {
        scan_part_rows(part, f->sources[s].rows, &w->sets[s]);
        if (f->hold.size)
            scan_part_row_texts(part, f->sources[s].rows, f->sources[s].held, &w->held[s]);
    }
    if (f->by_row)
        scan_part_row_texts(part, f->sources[f->row_step].rows, f->row_value, &w->row_texts);
    else
        scan_part_groups(part, &f->split, &groups);
    if (f->fast && funnel_lines_take(&f->rule) && visit_lines(w, part, &groups))
        return;
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        go(w, i, &run);
        if (run.level)
            take_run(w, &groups, i, &run);
    }
}

/* --- the answer --- */

static uint64_t weight_of(const void *tally) { return ((const struct tally *)tally)->reached[0]; }

/* Quantiles of all groups and steps: a tenth of a funnel's time over everybody, so workers share it. */
struct quantile_work {
    const struct group_list *list;
    unsigned steps;
    _Atomic size_t next;
};

static void make_quantiles(void *context, unsigned number) {
    struct quantile_work *w = context;
    size_t each = 2u * w->steps;
    (void)number;
    for (size_t i; (i = atomic_fetch_add(&w->next, 1)) < w->list->count * each;) {
        struct tally *t = w->list->all[i / each].data;
        unsigned k = (unsigned)(i % each / 2), whole = i % 2;
        const struct durations *d = whole ? &t->from_first[k] : &t->from_previous[k];
        quantiles_of(d->all, d->count, asked_quantiles, QUANTILES, t->quantiles[whole][k]);
    }
}

static void write_steps(const struct funnel *f, struct answer_table *t, struct slice group, bool split,
                        struct tally *tally) {
    for (unsigned k = 0; k < f->rule.steps; k++) {
        uint64_t before = k ? tally->reached[k - 1] : tally->reached[0], first = tally->reached[0];
        struct interval interval = share_interval(tally->reached[k], first);
        const double *times = tally->quantiles[0][k];
        if (split)
            answer_text(t, group);
        answer_integer(t, k + 1);
        answer_text(t, f->steps[k].name);
        answer_integer(t, (int64_t)tally->reached[k]);
        answer_share(t, tally->reached[k], first);
        answer_share(t, tally->reached[k], before);
        answer_integer(t, (int64_t)(before - tally->reached[k]));
        answer_real(t, first ? interval.low : NAN);
        answer_real(t, first ? interval.high : NAN);
        answer_real(t, times[QUANTILE_MEDIAN] / 1000);
        answer_real(t, times[QUANTILE_P90] / 1000);
    }
}

static void write_times(const struct funnel *f, struct answer_table *t, struct slice group, bool split,
                        const struct tally *tally) {
    for (unsigned k = 1; k < f->rule.steps; k++)
        for (unsigned whole = 0; whole < (k > 1 ? 2u : 1u); whole++) {
            const struct durations *d = whole ? &tally->from_first[k] : &tally->from_previous[k];
            const double *times = tally->quantiles[whole][k];
            if (split)
                answer_text(t, group);
            answer_integer(t, whole ? 1 : k);
            answer_integer(t, k + 1);
            answer_integer(t, (int64_t)d->count);
            answer_real(t, d->count ? (double)d->sum / (double)d->count / 1000 : NAN);
            for (size_t i = 0; i < QUANTILES; i++)
                answer_real(t, times[i] / 1000);
        }
}

/* Each group against all others together, by the share that goes from first to last. */
static void write_differences(const struct funnel *f, struct answer *answer, const struct group_list *list) {
    struct answer_table *t = answer_table(answer, "differences");
    uint64_t whole = 0, part = 0, small = 0;
    unsigned last = f->rule.steps - 1;
    double *p = memory_get(list->count + 1, sizeof *p), *z = memory_get(list->count + 1, sizeof *z);
    for (size_t i = 0; i < list->count; i++) {
        const struct tally *tally = list->all[i].data;
        whole += tally->reached[0];
        part += tally->reached[last];
        small += tally->reached[0] < SAMPLE_SMALL;
    }
    for (size_t i = 0; i < list->count; i++) {
        const struct tally *tally = list->all[i].data;
        p[i] = shares_differ(tally->reached[last], tally->reached[0], part - tally->reached[last],
                             whole - tally->reached[0], &z[i]);
    }
    holm_adjust(p, group_tests(list->count));
    answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "converted", ANSWER_INTEGER);
    answer_column(t, "conversion", ANSWER_PERCENT);
    answer_column(t, "others", ANSWER_PERCENT);
    answer_column(t, "z", ANSWER_NUMBER);
    answer_column(t, "p", ANSWER_NUMBER);
    answer_column(t, "significant", ANSWER_BOOL);
    for (size_t i = 0; i < list->count; i++) {
        const struct tally *tally = list->all[i].data;
        answer_text(t, list->all[i].name);
        answer_integer(t, (int64_t)tally->reached[0]);
        answer_integer(t, (int64_t)tally->reached[last]);
        answer_share(t, tally->reached[last], tally->reached[0]);
        answer_share(t, part - tally->reached[last], whole - tally->reached[0]);
        answer_real(t, z[i]);
        answer_real(t, p[i]);
        answer_integer(t, p[i] < 0.05);
    }
    answer_note(answer,
                "differences: each group against all others together, two-proportion z test, p adjusted for %zu "
                "tests (Holm); significant: p < 0.05",
                group_tests(list->count));
    if (small)
        answer_note(answer, "%llu of %zu groups have fewer than %d customers: their shares say little",
                    (unsigned long long)small, list->count, SAMPLE_SMALL);
    free(p);
    free(z);
}

static void step_columns(struct answer_table *t, bool split) {
    if (split)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "step", ANSWER_INTEGER);
    answer_column(t, "name", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "of_first", ANSWER_PERCENT);
    answer_column(t, "of_previous", ANSWER_PERCENT);
    answer_column(t, "dropped", ANSWER_INTEGER);
    answer_column(t, "low", ANSWER_PERCENT);
    answer_column(t, "high", ANSWER_PERCENT);
    answer_column(t, "median", ANSWER_DURATION);
    answer_column(t, "p90", ANSWER_DURATION);
}

static void time_columns(struct answer_table *t, bool split) {
    static const char *const names[] = {"least", "p10", "p25", "median", "p75", "p90", "most"};
    if (split)
        answer_column(t, "group", ANSWER_TEXT);
    answer_column(t, "from_step", ANSWER_INTEGER);
    answer_column(t, "to_step", ANSWER_INTEGER);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "mean", ANSWER_DURATION);
    for (size_t i = 0; i < QUANTILES; i++)
        answer_column(t, names[i], ANSWER_DURATION);
}

static void write_answer(struct funnel *f, struct answer *answer) {
    bool split = f->by_row || f->split.given;
    struct group_list list;
    if (!split)
        (void)groups_get(&f->groups, 0);
    scan_list_groups(f->scan, &f->split, f->by_row, &f->groups, f->groups_shown, weight_of, &list);
    struct quantile_work work = {.list = &list, .steps = f->rule.steps};
    unsigned workers = f->insight->workers;
    workers_run(workers < 1 ? 1 : workers > WORKERS_MAX ? WORKERS_MAX : workers, make_quantiles, &work);
    struct answer_table *steps = answer_table(answer, "steps");
    step_columns(steps, split);
    for (size_t i = 0; i < list.count; i++)
        write_steps(f, steps, list.all[i].name, split, list.all[i].data);
    if (f->rule.steps > 1) {
        struct answer_table *times = answer_table(answer, "times");
        time_columns(times, split);
        for (size_t i = 0; i < list.count; i++)
            write_times(f, times, list.all[i].name, split, list.all[i].data);
    }
    if (split && list.count > 1)
        write_differences(f, answer, &list);
    answer_note(answer, "%llu customers in the population; low and high: 95 %% interval of of_first (Wilson)",
                (unsigned long long)scan_population(f->scan));
    if (f->split.segment_count)
        answer_note(answer, "a customer counts in each of the segments it is in");
    group_list_release(&list);
}

/* The condition that says the same as the members asked for, where one does. */
static void write_expression(const struct funnel *f, const struct definition_part *d) {
    struct buffer *out = &f->insight->members->expression;
    struct slice population = SLICE_NONE;
    bool plain = f->fast && !f->split.given && !f->by_row && f->rule.period.from_ms == INT64_MIN &&
                 f->rule.period.to_ms == INT64_MAX && !definition_get(d, "now") && f->rule.steps > 1;
    if (!plain || definition_text(d, "population", &population, NULL))
        return;
    if (population.size)
        buffer_print(out, "(%.*s) and ", SLICE_ARG(population));
    buffer_print(out, "steps(");
    for (size_t i = 0; i < f->step_count; i++)
        buffer_print(out, "%s%.*s", i ? " -> " : "", SLICE_ARG(f->steps[i].text));
    if (f->rule.window.amount) {
        buffer_print(out, ", within ");
        length_print(f->rule.window, out);
    }
    buffer_print(out, ") %s %u", f->members.drop ? "=" : ">=", f->members.step);
}

enum status insight_funnel(const struct insight *insight, struct definition_part *d, struct answer *answer,
                           struct fault *fault) {
    struct funnel *f = memory_get(1, sizeof *f);
    f->insight = insight;
    groups_init(&f->groups, sizeof(struct tally), tally_merge, tally_release);
    enum status status = read_definition(f, d, fault);
    if (!status)
        status = scan_run(f->scan, &(struct scan_work){f, begin, visit, merge, end}, fault);
    if (!status)
        write_answer(f, answer);
    if (!status && f->members.asked)
        write_expression(f, d);
    groups_release(&f->groups);
    scan_free(f->scan);
    free(f);
    return status;
}
