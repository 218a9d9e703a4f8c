/* trends: measures by interval and group, formulas between them, and the same over the period before.
 *
 * Each row goes to a cell (series, group, interval); a customer is counted once a cell because a worker has one customer after the other in
 * hand, so the cell remembers the last. The period before is read in the same pass: its intervals stand before those asked for. */
#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "insight/formula.h"
#include "insight/groups.h"
#include "insight/insight.h"
#include "insight/measure.h"
#include "insight/periods.h"
#include "insight/scan.h"
#include "insight/statistics.h"

#define SERIES_MAX FORMULA_SERIES_MAX
#define FORMULAS_MAX 20
#define START_EARLIEST 0

struct named_formula {
    struct slice name;
    struct formula *formula;
};

struct trends {
    const struct insight *insight;
    struct scan *scan;
    struct scan_split split;
    bool by_row; /* split by a value of each series' rows */
    unsigned row_values[SERIES_MAX];
    struct measure series[SERIES_MAX];
    size_t series_count;
    /* Series of the same rows share their cells, if not their values: series i uses the cells of slots[i] <= i. */
    size_t slots[SERIES_MAX];
    struct named_formula formulas[FORMULAS_MAX];
    size_t formula_count;
    enum unit interval;
    bool previous; /* the period before is wanted too */
    struct period period;
    struct periods periods, periods_before;
    int64_t groups_shown;
    struct groups groups; /* struct tally */
};

/* cells[series * width + interval]: the last is the whole period, in which customers are counted as they come and rows when all is read. */
struct cells {
    struct cell *cells;
    struct cell_values *values; /* NULL where no series has any */
};
struct tally {
    const struct trends *trends;
    struct cells now, before;
};

static size_t width_of(const struct trends *t, bool before) {
    return (before ? t->periods_before.count : t->periods.count) + 1;
}

static bool any_values(const struct trends *t) {
    for (size_t i = 0; i < t->series_count; i++)
        if (t->series[i].has_value)
            return true;
    return false;
}

static struct cells *cells_make(struct tally *tally, const struct trends *t, bool before) {
    struct cells *c = before ? &tally->before : &tally->now;
    size_t count = t->series_count * width_of(t, before);
    c->cells = memory_get(count, sizeof *c->cells);
    c->values = any_values(t) ? memory_get(count, sizeof *c->values) : NULL;
    tally->trends = t;
    return c;
}

static inline struct cells *cells_of(struct tally *tally, const struct trends *t, bool before) {
    struct cells *c = before ? &tally->before : &tally->now;
    return c->cells ? c : cells_make(tally, t, before);
}

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    for (unsigned before = 0; before < 2; before++) {
        const struct cells *cells = before ? &b->before : &b->now;
        if (!cells->cells)
            continue;
        const struct trends *t = b->trends;
        size_t count = t->series_count * width_of(t, before != 0);
        struct cells *to = cells_of(a, t, before != 0);
        for (size_t i = 0; i < count; i++)
            cell_merge(&to->cells[i], &cells->cells[i]);
        for (size_t i = 0; i < count && cells->values; i++)
            cell_values_merge(&to->values[i], &cells->values[i]);
    }
}

static void tally_release(void *tally) {
    struct tally *t = tally;
    free(t->now.cells);
    free(t->now.values);
    free(t->before.cells);
    free(t->before.values);
}

/* --- reading the definition --- */

static enum status read_one(struct trends *t, const struct definition_part *d, const struct json *json, size_t index,
                            struct fault *fault) {
    static const char *const known[] = {"event", "measure", "value", "name", NULL};
    struct definition_part part;
    enum status status = definition_enter(d, "series", json, index, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    return status ? status : measure_read(&part, t->scan, &t->series[t->series_count++], fault);
}

/* Series: a list of objects and texts (rows, counted), or one text with arrows. */
static enum status read_series(struct trends *t, const struct definition_part *d, struct fault *fault) {
    const struct json *json = definition_get(d, "series");
    enum status status = STATUS_OK;
    if (json && json->kind == JSON_ARRAY) {
        size_t index = 0;
        if (json->count == 0 || json->count > SERIES_MAX)
            return definition_fail(d, "series", fault, "1 to %d are expected here", SERIES_MAX);
        for (const struct json *i = json_first(d->parser, json); i && !status; i = json_next(d->parser, i), index++) {
            if (i->kind == JSON_TEXT) {
                struct definition_rows rows = {.text = i->text, .name = i->text};
                (void)snprintf(rows.path, sizeof rows.path, "series[%zu]", index);
                struct measure *m = &t->series[t->series_count++];
                *m = (struct measure){.kind = MEASURE_COUNT, .name = i->text, .rows_text = i->text};
                status = scan_rows(t->scan, &rows, &m->rows, fault);
            } else {
                status = read_one(t, d, i, index, fault);
            }
        }
        return status;
    }
    if (json && json->kind == JSON_OBJECT)
        return read_one(t, d, json, 0, fault);
    if (!json && definition_get(d, "event")) { /* one series, its members at the top */
        return measure_read(d, t->scan, &t->series[t->series_count++], fault);
    }
    struct definition_rows *rows;
    size_t count;
    status = definition_rows(d, "series", 1, SERIES_MAX, &rows, &count, fault);
    for (size_t i = 0; i < count && !status; i++) {
        struct measure *m = &t->series[t->series_count++];
        *m = (struct measure){.kind = MEASURE_COUNT, .name = rows[i].name, .rows_text = rows[i].text};
        status = scan_rows(t->scan, &rows[i], &m->rows, fault);
    }
    return status;
}

static enum status read_formulas(struct trends *t, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"name", "formula", NULL};
    const struct json *json = definition_get(d, "formulas");
    size_t index = 0;
    if (!json)
        return STATUS_OK;
    if (json->kind != JSON_ARRAY && json->kind != JSON_TEXT)
        return definition_fail(d, "formulas", fault, "a list such as [\"A / B\"] is expected here");
    bool one = json->kind == JSON_TEXT;
    for (const struct json *i = one ? json : json_first(d->parser, json); i;
         i = one ? NULL : json_next(d->parser, i), index++) {
        struct slice text = SLICE_NONE, name = SLICE_NONE;
        struct definition_part part = *d;
        char path[64];
        enum status status = STATUS_OK;
        if (index == FORMULAS_MAX)
            return definition_fail(d, "formulas", fault, "at most %d are expected here", FORMULAS_MAX);
        (void)snprintf(path, sizeof path, "formulas[%zu]", index);
        if (i->kind == JSON_TEXT) {
            text = name = i->text;
        } else {
            status = definition_enter(d, "formulas", i, index, &part, fault);
            if (!status)
                status = definition_only(&part, known, fault);
            if (!status)
                status = definition_text(&part, "formula", &text, fault);
            name = text;
            if (!status)
                status = definition_text(&part, "name", &name, fault);
        }
        if (!status)
            status = formula_parse(text, t->series_count, d->arena, &t->formulas[t->formula_count].formula, fault);
        if (status)
            return strncmp(fault ? fault->text : "at f", "at f", 4) == 0 ? status : scan_fail(path, status, fault);
        t->formulas[t->formula_count++].name = name;
    }
    return STATUS_OK;
}

/* {"row": "channel"}: a value of each series' rows. */
static enum status read_split(struct trends *t, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"row", NULL};
    const struct json *json = definition_get(d, "split");
    struct definition_part part;
    struct slice text = SLICE_NONE;
    if (json == NULL || json->kind != JSON_OBJECT || !json_get(d->parser, json, "row"))
        return scan_split(t->scan, d, &t->split, fault);
    enum status status = definition_enter(d, "split", json, SIZE_MAX, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    if (!status)
        status = definition_text(&part, "row", &text, fault);
    t->by_row = true;
    for (size_t i = 0; i < t->series_count && !status; i++)
        status = scan_row_value(t->scan, t->series[i].rows, text, "split.row", TERM_NONE, &t->row_values[i], fault);
    return status;
}

/* What the data reaches back to where no beginning is asked for: nothing is before 1970. */
static enum status read_period(struct trends *t, const struct definition_part *d, struct fault *fault) {
    const struct calendar calendar = insight_calendar(t->insight);
    enum status status = definition_period(d, &t->period, fault);
    if (status)
        return status;
    if (t->period.from_ms == INT64_MIN)
        t->period.from_ms = t->previous ? INT64_MIN : START_EARLIEST;
    if (t->period.to_ms == INT64_MAX)
        t->period.to_ms = t->insight->now_ms + 1;
    if (t->previous && t->period.from_ms == INT64_MIN)
        return definition_fail(d, "compare", fault, "needs a period: from and to, or last");
    if (t->period.from_ms >= t->period.to_ms)
        return definition_fail(d, "to", fault, "the period ends before it begins");
    status = periods_make(&t->periods, &calendar, t->interval, t->period.from_ms, t->period.to_ms, fault);
    if (!status && t->previous) {
        int64_t length = t->period.to_ms - t->period.from_ms;
        status = periods_make(&t->periods_before, &calendar, t->interval, t->period.from_ms - length, t->period.from_ms,
                              fault);
    }
    return status;
}

/* Which series are of the same rows; one with values lends its cells to those before and after it. */
static void share_cells(struct trends *t) {
    for (size_t i = 0; i < t->series_count; i++) {
        t->slots[i] = i;
        for (size_t k = 0; k < i; k++) {
            const struct measure *a = &t->series[k], *b = &t->series[i];
            bool same = slice_equal(a->rows_text, b->rows_text) &&
                        (!b->has_value || (a->has_value && slice_equal(a->value_text, b->value_text)));
            if (same && t->slots[k] == k) {
                t->slots[i] = k;
                break;
            }
        }
    }
}

static enum status read_definition(struct trends *t, const struct definition_part *d, struct fault *fault) {
    unsigned compare = 0;
    enum status status = scan_create(d, &t->scan, fault);
    t->interval = UNIT_DAY;
    t->groups_shown = 20;
    if (!status)
        status = read_series(t, d, fault);
    if (!status)
        status = read_formulas(t, d, fault);
    share_cells(t);
    if (!status)
        status = definition_unit(d, "interval", &t->interval, fault);
    if (!status)
        status = definition_choice(d, "compare", "none|previous", &compare, fault);
    t->previous = compare == 1;
    if (!status)
        status = definition_integer(d, "groups", 1, 1000, &t->groups_shown, fault);
    if (!status)
        status = read_split(t, d, fault);
    return status ? status : read_period(t, d, fault);
}

/* --- the pass --- */

struct worker {
    struct trends *trends;
    struct groups groups;
    struct scan_groups part_groups;
    struct scan_texts texts;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->trends = context;
    groups_init(&w->groups, sizeof(struct tally), tally_merge, tally_release);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    groups_release(&w->groups);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct trends *t = context;
    struct worker *w = state;
    for (uint32_t i = groups_next(&w->groups, 0); i != UINT32_MAX; i = groups_next(&w->groups, i + 1)) {
        uint32_t shared = t->by_row ? scan_shared(t->scan, texts, i) : scan_shared_group(t->scan, texts, &t->split, i);
        groups_merge(&t->groups, shared, groups_at(&w->groups, i));
    }
}

/* A row to its interval's cell. */
static inline void add_row(const struct trends *t, struct tally *tally, size_t series, bool before, uint32_t interval,
                           uint32_t customer, const struct vector *values, uint32_t row) {
    size_t width = width_of(t, before);
    struct cells *c = cells_of(tally, t, before);
    struct cell *cells = c->cells + series * width;
    if (cell_add(&cells[interval], customer) && cells[width - 1].last != customer) {
        cells[width - 1].last = customer;
        cells[width - 1].customers++;
    }
    if (values && vector_has(values, row))
        cell_add_value(&c->values[series * width + interval], vector_millionths(values, row));
}

/* Rows and values of the whole period. */
static void add_up(const struct trends *t, struct tally *tally) {
    for (unsigned before = 0; before < 2; before++) {
        struct cells *c = before ? &tally->before : &tally->now;
        size_t width = width_of(t, before != 0);
        for (size_t i = 0; c->cells && i < t->series_count; i++)
            for (size_t k = 0; k + 1 < width; k++) {
                c->cells[i * width + width - 1].rows += c->cells[i * width + k].rows;
                if (c->values)
                    cell_values_merge(&c->values[i * width + width - 1], &c->values[i * width + k]);
            }
    }
}

static void visit_series(struct worker *w, struct scan_part *part, size_t series) {
    const struct trends *t = w->trends;
    const struct measure *m = &t->series[series];
    const struct vector *values = m->has_value ? scan_part_row_values(part, m->rows, m->value) : NULL;
    struct scan_rows rows;
    uint32_t numbers[SCAN_SPLITS_MAX];
    int64_t least = t->previous ? t->period.from_ms - (t->period.to_ms - t->period.from_ms) : t->period.from_ms;
    scan_part_rows(part, m->rows, &rows);
    if (t->by_row)
        scan_part_row_texts(part, m->rows, t->row_values[series], &w->texts);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        uint32_t last = scan_end(&rows, i), customer = scan_customer(part, i).number;
        uint32_t r = scan_row(&rows, scan_begin(&rows, i), last);
        size_t count = 1;
        if (r < last && !t->by_row)
            count = scan_groups_of(&w->part_groups, i, numbers);
        for (; r < last; r = scan_row(&rows, r + 1, last)) {
            int64_t time = rows.times[r];
            bool before = time < t->period.from_ms;
            if (time < least || time >= t->period.to_ms)
                continue;
            uint32_t interval = periods_at(before ? &t->periods_before : &t->periods, time);
            if (t->by_row)
                numbers[0] = scan_text(&w->texts, r);
            for (size_t g = 0; g < count; g++)
                add_row(t, groups_get(&w->groups, numbers[g]), series, before, interval, customer, values, r);
        }
    }
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    if (!w->trends->by_row)
        scan_part_groups(part, &w->trends->split, &w->part_groups);
    for (size_t i = 0; i < w->trends->series_count; i++)
        if (w->trends->slots[i] == i)
            visit_series(w, part, i);
}

/* --- the answer --- */

static struct slice name_of(void *context, uint32_t group) {
    struct trends *t = context;
    return t->by_row ? scan_shared_text(t->scan, group) : scan_group_name(t->scan, &t->split, group);
}

static const struct cell no_cell;

static const struct cell *cell_of(const struct tally *tally, const struct trends *t, bool before, size_t series,
                                  size_t interval) {
    const struct cells *c = before ? &tally->before : &tally->now;
    return c->cells ? &c->cells[t->slots[series] * width_of(t, before) + interval] : &no_cell;
}

static bool value_in(const struct tally *tally, const struct trends *t, bool before, size_t series, size_t interval,
                     struct number *out) {
    const struct cells *c = before ? &tally->before : &tally->now;
    const struct cell_values *values = c->values ? &c->values[t->slots[series] * width_of(t, before) + interval] : NULL;
    return measure_value(&t->series[series], cell_of(tally, t, before, series, interval), values, out);
}

/* The first series' value over the whole period decides which groups are shown. */
static uint64_t weight_of(const void *data) {
    const struct tally *tally = data;
    struct number n;
    if (!tally->now.cells)
        return 0;
    const struct trends *t = tally->trends;
    size_t whole = width_of(t, false) - 1;
    if (t->series[0].has_value && value_in(tally, t, false, 0, whole, &n) && number_as_real(n) > 0)
        return (uint64_t)number_as_real(n);
    return cell_of(tally, t, false, 0, whole)->rows;
}

static void add_columns(const struct trends *t, struct answer_table *table, bool changes) {
    struct buffer name = {0};
    for (unsigned before = 0; before < (changes ? 2u : 1u); before++) {
        for (size_t i = 0; i < t->series_count + t->formula_count; i++) {
            bool formula = i >= t->series_count;
            buffer_clear(&name);
            buffer_add_slice(&name, formula ? t->formulas[i - t->series_count].name : t->series[i].name);
            if (before)
                buffer_print(&name, " before");
            answer_column_text(table, buffer_slice(&name), formula ? ANSWER_NUMBER : measure_type(&t->series[i]));
            if (!before)
                continue;
            buffer_clear(&name);
            buffer_add_slice(&name, formula ? t->formulas[i - t->series_count].name : t->series[i].name);
            buffer_print(&name, " change");
            answer_column_text(table, buffer_slice(&name), ANSWER_PERCENT);
        }
    }
    buffer_release(&name);
}

/* Values of all series and formulas in one cell. */
static void values_of(const struct trends *t, const struct tally *tally, bool before, size_t interval,
                      struct number *numbers, double *reals) {
    for (size_t i = 0; i < t->series_count; i++) {
        bool there = value_in(tally, t, before, i, interval, &numbers[i]);
        reals[i] = there ? number_as_real(numbers[i]) : NAN;
    }
    for (size_t i = 0; i < t->formula_count; i++)
        reals[t->series_count + i] = formula_value(t->formulas[i].formula, reals);
}

static void add_values(const struct trends *t, struct answer_table *table, const struct tally *tally, size_t interval,
                       size_t interval_before, bool changes) {
    struct number numbers[SERIES_MAX], numbers_before[SERIES_MAX];
    double now[SERIES_MAX + FORMULAS_MAX], before[SERIES_MAX + FORMULAS_MAX];
    values_of(t, tally, false, interval, numbers, now);
    for (size_t i = 0; i < t->series_count + t->formula_count; i++) {
        if (i < t->series_count && isfinite(now[i]))
            answer_number(table, numbers[i]);
        else
            answer_real(table, now[i]);
    }
    if (!changes)
        return;
    bool there = interval_before < width_of(t, true);
    if (there)
        values_of(t, tally, true, interval_before, numbers_before, before);
    for (size_t i = 0; i < t->series_count + t->formula_count; i++) {
        if (there && i < t->series_count && isfinite(before[i]))
            answer_number(table, numbers_before[i]);
        else
            answer_real(table, there ? before[i] : NAN);
        answer_real(table, there && before[i] != 0 ? now[i] / before[i] - 1 : NAN);
    }
}

static void write_trend(const struct trends *t, struct answer_table *table, struct slice group, bool split,
                        const struct tally *tally) {
    const struct calendar calendar = insight_calendar(t->insight);
    char name[TIME_TEXT_BYTES];
    for (uint32_t k = 0; k < t->periods.count; k++) {
        bool any = false;
        for (size_t i = 0; i < t->series_count; i++)
            any = any || cell_of(tally, t, false, i, k)->rows;
        if (!any && t->period.from_ms == START_EARLIEST)
            continue; /* before anything was known */
        if (split)
            answer_text(table, group);
        answer_text(table, slice_of(name, period_name(&calendar, t->interval, t->periods.starts[k], name)));
        add_values(t, table, tally, k, k, t->previous);
    }
}

/* Counts of rows against the period before: a difference of two Poisson counts is told by z = (a - b) / sqrt(a + b). */
static void note_changes(const struct trends *t, struct answer *answer, const struct tally *all) {
    for (size_t i = 0; i < t->series_count; i++) {
        double a = (double)cell_of(all, t, false, i, width_of(t, false) - 1)->customers,
               b = (double)cell_of(all, t, true, i, width_of(t, true) - 1)->customers;
        double p = a + b > 0 ? normal_two_sided((a - b) / sqrt(a + b)) : 1;
        answer_note(answer, "%.*s: %.0f customers, before %.0f; %s (p = %.2g, two Poisson counts)",
                    t->series[i].name.size > 80 ? 80 : (int)t->series[i].name.size, t->series[i].name.data, a, b,
                    p < 0.05 ? "more than chance" : "may be chance", p);
    }
}

static void write_answer(struct trends *t, struct answer *answer) {
    bool split = t->by_row || t->split.given;
    struct answer_table *trend = answer_table(answer, "trend"), *totals = answer_table(answer, "totals");
    struct group_list list;
    struct tally all = {0};
    if (!split)
        (void)cells_of(groups_get(&t->groups, 0), t, false);
    for (uint32_t i = groups_next(&t->groups, 0); i != UINT32_MAX; i = groups_next(&t->groups, i + 1))
        add_up(t, groups_at(&t->groups, i));
    for (uint32_t i = groups_next(&t->groups, 0); i != UINT32_MAX && !t->split.segment_count;
         i = groups_next(&t->groups, i + 1))
        tally_merge(&all, groups_at(&t->groups, i));
    groups_list(&t->groups, (size_t)t->groups_shown, weight_of, name_of, t, &list);
    if (split)
        answer_column(trend, "group", ANSWER_TEXT);
    answer_column(trend, unit_word(t->interval), ANSWER_TEXT);
    add_columns(t, trend, t->previous);
    if (split)
        answer_column(totals, "group", ANSWER_TEXT);
    add_columns(t, totals, t->previous);
    for (size_t i = 0; i < list.count; i++) {
        write_trend(t, trend, list.all[i].name, split, list.all[i].data);
        if (split)
            answer_text(totals, list.all[i].name);
        add_values(t, totals, list.all[i].data, width_of(t, false) - 1, width_of(t, true) - 1, t->previous);
    }
    answer_note(answer, "%llu customers in the population", (unsigned long long)scan_population(t->scan));
    if (t->periods.count && t->periods.starts[0] < t->period.from_ms)
        answer_note(answer, "the first %s begins before the period: only its part inside is counted",
                    unit_word(t->interval));
    if (t->periods.count && t->periods.starts[t->periods.count] > t->period.to_ms)
        answer_note(answer, "the last %s ends after the period: only its part inside is counted",
                    unit_word(t->interval));
    if (t->by_row)
        answer_note(answer, "a customer counts in each group that it has rows in");
    if (t->previous && !t->split.segment_count && !t->by_row)
        note_changes(t, answer, &all);
    tally_release(&all);
    group_list_release(&list);
}

enum status insight_trends(const struct insight *insight, struct definition_part *d, struct answer *answer,
                           struct fault *fault) {
    struct trends *t = memory_get(1, sizeof *t);
    t->insight = insight;
    groups_init(&t->groups, sizeof(struct tally), tally_merge, tally_release);
    enum status status = read_definition(t, d, fault);
    if (!status)
        status = scan_run(t->scan, &(struct scan_work){t, begin, visit, merge, end}, fault);
    if (!status)
        write_answer(t, answer);
    groups_release(&t->groups);
    periods_release(&t->periods);
    periods_release(&t->periods_before);
    scan_free(t->scan);
    free(t);
    return status;
}
