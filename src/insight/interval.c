/* interval: how long it takes from rows of one set to rows of another, or from each row to the next of the same set.
 *
 * Each row of `start` in the period is paired with the next row of `end` after it (by time, then log position); `pairs` first: of a customer only the
 * first start that has one. With `hold` both must have the same value (of order_id ...), and the next row with it counts. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/groups.h"
#include "insight/histogram.h"
#include "insight/insight.h"
#include "insight/scan.h"
#include "insight/statistics.h"
#include "language/time_window.h"

struct interval_analysis {
    const struct insight *insight;
    struct scan *scan;
    struct scan_split split;
    unsigned start, end, start_held, end_held;
    bool same, first_only, hold;
    struct length within;
    struct period period;
    struct histogram histogram;
    int64_t groups_shown;
    struct groups groups; /* struct tally */
};

struct tally {
    struct durations times; /* ms */
    uint64_t starts, customers;
};

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    durations_take(&a->times, &b->times);
    a->starts += b->starts;
    a->customers += b->customers;
}

static void tally_release(void *tally) { durations_release(&((struct tally *)tally)->times); }

/* --- reading the definition --- */

static enum status read_rows(struct interval_analysis *x, const struct definition_part *d, struct fault *fault) {
    struct definition_rows *start, *end;
    struct slice hold = SLICE_NONE;
    size_t starts, ends;
    enum status status = definition_rows(d, "start", 1, 1, &start, &starts, fault);
    if (!status)
        status = scan_rows(x->scan, &start[0], &x->start, fault);
    if (!status)
        status = definition_rows(d, "end", 0, 1, &end, &ends, fault);
    if (status)
        return status;
    x->same = ends == 0;
    x->end = x->start;
    if (ends)
        status = scan_rows(x->scan, &end[0], &x->end, fault);
    if (!status)
        status = definition_text(d, "hold", &hold, fault);
    x->hold = hold.size > 0;
    if (!status && x->hold)
        status = scan_row_value(x->scan, x->start, hold, "hold", TERM_NONE, &x->start_held, fault);
    if (!status && x->hold)
        status = scan_row_value(x->scan, x->end, hold, "hold", TERM_NONE, &x->end_held, fault);
    return status;
}

static enum status read_definition(struct interval_analysis *x, const struct definition_part *d, struct fault *fault) {
    double *bounds;
    unsigned pairs = 0;
    enum status status = scan_create(d, &x->scan, fault);
    x->groups_shown = 20;
    x->histogram.scale = 1000;
    x->histogram.type = ANSWER_DURATION;
    if (!status)
        status = read_rows(x, d, fault);
    if (!status)
        status = definition_length(d, "within", &x->within, fault);
    if (!status)
        status = definition_choice(d, "pairs", "every|first", &pairs, fault);
    x->first_only = pairs == 1;
    if (!status)
        status = definition_period(d, &x->period, fault);
    if (!status)
        status = definition_reals(d, "buckets", HISTOGRAM_BOUNDS_MAX, true, &bounds, &x->histogram.count, fault);
    for (size_t i = 0; i < x->histogram.count && !status; i++)
        x->histogram.bounds[i] = bounds[i];
    if (!status)
        status = definition_integer(d, "groups", 1, 1000, &x->groups_shown, fault);
    return status ? status : scan_split(x->scan, d, &x->split, fault);
}

/* --- the pass --- */

struct worker {
    struct interval_analysis *analysis;
    struct groups groups;
    struct calendar calendar;
    struct scan_part *part;
    struct scan_rows start, end;
    struct scan_texts start_held, end_held;
    int64_t *times; /* of the customer in hand */
    uint32_t room;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->analysis = context;
    w->calendar = insight_calendar(w->analysis->insight);
    groups_init(&w->groups, sizeof(struct tally), tally_merge, tally_release);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    free(w->times);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct interval_analysis *x = context;
    struct worker *w = state;
    scan_merge_groups(x->scan, texts, &x->split, false, &w->groups, &x->groups);
}

/* Whether row `a` of the starts comes before row `b` of the ends. */
static bool comes_before(const struct worker *w, uint32_t a, uint32_t b) {
    const struct interval_analysis *x = w->analysis;
    int64_t s = w->start.times[a], e = w->end.times[b];
    if (s != e)
        return s < e;
    if (x->same || scan_same_table(x->scan, x->start, x->end))
        return a < b;
    return scan_position(w->part, x->start, a) < scan_position(w->part, x->end, b);
}

static int64_t latest(const struct worker *w, int64_t start) {
    const struct length within = w->analysis->within;
    return within.amount ? calendar_duration(&w->calendar, start, within.amount, within.unit) : INT64_MAX;
}

/* The times of the customer's pairs; returns how many, and how many starts there were. */
static uint32_t pairs_of(struct worker *w, uint32_t customer, uint64_t *starts) {
    const struct interval_analysis *x = w->analysis;
    uint32_t last = scan_end(&w->start, customer), end_last = scan_end(&w->end, customer), count = 0;
    uint32_t from = scan_begin(&w->end, customer);
    *starts = 0;
    for (uint32_t i = scan_row(&w->start, scan_begin(&w->start, customer), last); i < last;
         i = scan_row(&w->start, i + 1, last)) {
        int64_t time = w->start.times[i];
        if (time < x->period.from_ms || time >= x->period.to_ms)
            continue;
        uint32_t held = x->hold ? scan_text(&w->start_held, i) : 0;
        if (x->hold && held == 0)
            continue;
        ++*starts;
        from = scan_row(&w->end, from, end_last);
        while (from < end_last && !comes_before(w, i, from))
            from = scan_row(&w->end, from + 1, end_last);
        uint32_t k = from;
        while (x->hold && k < end_last && scan_text(&w->end_held, k) != held)
            k = scan_row(&w->end, k + 1, end_last);
        if (k >= end_last || w->end.times[k] > latest(w, time))
            continue;
        if (count == w->room) {
            w->room = w->room ? w->room * 2 : 64;
            w->times = memory_resize(w->times, w->room, sizeof *w->times);
        }
        w->times[count++] = w->end.times[k] - time;
        if (x->first_only)
            break;
    }
    return count;
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct interval_analysis *x = w->analysis;
    struct scan_groups groups;
    uint32_t numbers[SCAN_SPLITS_MAX];
    w->part = part;
    scan_part_rows(part, x->start, &w->start);
    scan_part_rows(part, x->end, &w->end);
    if (x->hold) {
        scan_part_row_texts(part, x->start, x->start_held, &w->start_held);
        scan_part_row_texts(part, x->end, x->end_held, &w->end_held);
    }
    scan_part_groups(part, &x->split, &groups);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        uint64_t starts;
        uint32_t count = pairs_of(w, i, &starts);
        size_t group_count = starts ? scan_groups_of(&groups, i, numbers) : 0;
        for (size_t g = 0; g < group_count; g++) {
            struct tally *t = groups_get(&w->groups, numbers[g]);
            t->starts += starts;
            t->customers += count > 0;
            for (uint32_t k = 0; k < count; k++)
                durations_add(&t->times, w->times[k]);
        }
    }
}

/* --- the answer --- */

static uint64_t weight_of(const void *tally) { return ((const struct tally *)tally)->times.count; }

static void write_answer(struct interval_analysis *x, struct answer *answer) {
    struct answer_table *figures = answer_table(answer, "figures"), *pairs = answer_table(answer, "pairs"),
                        *buckets = answer_table(answer, "buckets");
    struct durations all = {0};
    struct group_list list;
    scan_list_groups(x->scan, &x->split, false, &x->groups, x->groups_shown, weight_of, &list);
    figures_columns(figures, ANSWER_DURATION, x->split.given, "pairs");
    if (x->split.given)
        answer_column(pairs, "group", ANSWER_TEXT);
    answer_column(pairs, "starts", ANSWER_INTEGER);
    answer_column(pairs, "pairs", ANSWER_INTEGER);
    answer_column(pairs, "share", ANSWER_PERCENT);
    answer_column(pairs, "customers", ANSWER_INTEGER);
    for (size_t i = 0; i < list.count; i++) {
        const struct tally *t = list.all[i].data;
        for (size_t k = 0; k < t->times.count && list.count > 1; k++)
            durations_add(&all, t->times.all[k]);
        figures_row(figures, 1000, x->split.given, list.all[i].name, &t->times);
        if (x->split.given)
            answer_text(pairs, list.all[i].name);
        answer_integer(pairs, (int64_t)t->starts);
        answer_integer(pairs, (int64_t)t->times.count);
        answer_share(pairs, t->times.count, t->starts);
        answer_integer(pairs, (int64_t)t->customers);
    }
    if (list.count)
        histogram_choose(&x->histogram, list.count > 1 ? &all : &((const struct tally *)list.all[0].data)->times);
    histogram_columns(buckets, &x->histogram, x->split.given, "pairs");
    for (size_t i = 0; i < list.count; i++)
        histogram_rows(buckets, &x->histogram, x->split.given, list.all[i].name,
                       &((const struct tally *)list.all[i].data)->times);
    answer_note(answer,
                "%llu customers in the population; a start without an end after it is in no figure: times of those "
                "who have not come back yet are not known",
                (unsigned long long)scan_population(x->scan));
    durations_release(&all);
    group_list_release(&list);
}

enum status insight_interval(const struct insight *insight, struct definition_part *d, struct answer *answer,
                             struct fault *fault) {
    struct interval_analysis *x = memory_get(1, sizeof *x);
    x->insight = insight;
    groups_init(&x->groups, sizeof(struct tally), tally_merge, tally_release);
    enum status status = read_definition(x, d, fault);
    if (!status)
        status = scan_run(x->scan, &(struct scan_work){x, begin, visit, merge, end}, fault);
    if (!status)
        write_answer(x, answer);
    groups_release(&x->groups);
    scan_free(x->scan);
    free(x);
    return status;
}
