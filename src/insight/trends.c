/* trends: measures by interval and group, formulas between them, and the same over the period before.
 *
 * Each row goes to a cell (series, group, interval); a customer is counted once a cell because a worker has one customer after the other in
 * hand, so the cell remembers the last. The period before is read in the same pass: its intervals stand behind those asked for.
 *
 * On paper a row costs four bytes of time and one of its group's code: 130 MB of 26 M rows, 7 ms of two cores. What is done with it is a place
 * (periods.h; of 64 rows at a time), a look at which cells its code's are, and three words of two cells, all in the nearest cache: 3 ns. So nothing
 * in the loop calls, allocates or looks up by text, cells of a code are found once a part, and where the group is not the customer's, rows are gone
 * through in one line (scan.h). */
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

/* What is not the common row's is not to be inlined into its loop, which would no longer fit the registers. */
#define KEPT_OUT __attribute__((noinline))

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
    int64_t least_ms; /* of the period before, if it is wanted */
    uint32_t width;   /* places of a series */
    int64_t groups_shown;
    struct groups groups; /* struct tally */
};

/* cells[series * width + place]: places of the period asked for, then one for the whole of it, in which customers are counted as they come and
 * rows when all is read; then the same of the period before, where it is wanted. */
struct tally {
    const struct trends *trends;
    struct cell *cells;         /* NULL: nothing yet */
    struct cell_values *values; /* NULL where no series has any */
};

static uint32_t whole_of(const struct trends *t, bool before) { return before ? t->width - 1 : t->periods.count; }

static uint32_t place_of(const struct trends *t, bool before, uint32_t interval) {
    return (before ? t->periods.count + 1 : 0) + interval;
}

static bool any_values(const struct trends *t) {
    for (size_t i = 0; i < t->series_count; i++)
        if (t->series[i].has_value)
            return true;
    return false;
}

static void tally_begin(struct tally *tally, const struct trends *t) {
    size_t count = t->series_count * t->width;
    if (tally->cells)
        return;
    tally->trends = t;
    tally->cells = memory_get(count, sizeof *tally->cells);
    tally->values = any_values(t) ? memory_get(count, sizeof *tally->values) : NULL;
}

static void tally_merge(void *into, void *from) {
    struct tally *a = into, *b = from;
    if (!b->cells)
        return;
    const struct trends *t = b->trends;
    tally_begin(a, t);
    for (size_t i = 0; i < t->series_count * t->width; i++) {
        cell_merge(&a->cells[i], &b->cells[i]);
        if (b->values)
            cell_values_merge(&a->values[i], &b->values[i]);
    }
}

static void tally_release(void *tally) {
    struct tally *t = tally;
    free(t->cells);
    free(t->values);
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

/* Where the period before begins. Whole months (quarters, years), and the last so many, are held against as many before them, whatever their lengths;
 * anything else against as long a time by the clock on the wall, so that days stay days where a clock is put forward or back between. */
static int64_t begin_before(const struct trends *t, struct length last, const struct calendar *c) {
    const struct period p = t->period;
    if (last.amount)
        return calendar_add(c, t->insight->now_ms, -2 * last.amount, last.unit) + 1;
    if (!calendar_unit_fixed(t->interval) && t->periods.begin_ms == p.from_ms && t->periods.end_ms == p.to_ms)
        return calendar_add(c, p.from_ms, -(int64_t)t->periods.count, t->interval);
    const int64_t from = zone_utc_to_local(c->zone, p.from_ms), to = zone_utc_to_local(c->zone, p.to_ms);
    return zone_local_to_utc(c->zone, from - (to - from));
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
        struct length last = {0};
        if ((status = definition_length(d, "last", &last, fault)))
            return status;
        t->least_ms = begin_before(t, last, &calendar);
        status = periods_make(&t->periods_before, &calendar, t->interval, t->least_ms, t->period.from_ms, fault);
    }
    t->width = t->periods.count + 1 + (t->previous ? t->periods_before.count + 1 : 0);
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

/* Where a group's rows go: its cells of the series in hand. */
struct target {
    struct cell *cells;
    struct cell_values *values;
};
struct worker {
    struct trends *trends;
    struct groups groups;
    struct scan_groups part_groups;
    struct scan_texts texts;
    const uint8_t *codes;    /* of the part's rows, where all have one and it is a byte */
    struct cell *bases[256]; /* of such codes: their targets' cells */
    struct target loose;     /* of a row whose text is no code */
    struct target *targets;  /* [room] of the part's codes; without cells: not yet looked for */
    uint32_t room;
    uint32_t seen[SERIES_MAX]; /* customers with rows so far, where rows are gone through in one line */
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
    free(w->targets);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct trends *t = context;
    struct worker *w = state;
    scan_merge_groups(t->scan, texts, &t->split, t->by_row, &w->groups, &t->groups);
}

static struct target target_of(struct worker *w, size_t series, uint32_t group) {
    const struct trends *t = w->trends;
    struct tally *tally = groups_get(&w->groups, group);
    size_t at = series * t->width;
    tally_begin(tally, t);
    return (struct target){tally->cells + at, tally->values ? tally->values + at : NULL};
}

/* Of a row's text, for the first time in the part where it is a code. */
static struct target find_target(struct worker *w, size_t series, uint32_t row, struct target *target) {
    *target = target_of(w, series, scan_text(&w->texts, row));
    if (w->codes)
        w->bases[w->codes[row]] = target->cells;
    return *target;
}

/* Of a row's text. Codes past the last: missing ones. */
static struct target target_of_row(struct worker *w, size_t series, uint32_t row) {
    struct target *target = &w->loose;
    if (w->texts.codes.column) {
        uint32_t code = w->codes ? w->codes[row] : code_column_at(&w->texts.codes, row);
        target = &w->targets[code < w->texts.codes.count ? code : w->texts.codes.count];
        if (target->cells)
            return *target;
    }
    return find_target(w, series, row, target);
}

static void begin_texts(struct worker *w, struct scan_part *part, size_t series) {
    scan_part_row_texts(part, w->trends->series[series].rows, w->trends->row_values[series], &w->texts);
    w->codes = NULL;
    if (!w->texts.codes.column)
        return;
    const struct code_column *codes = &w->texts.codes;
    if (codes->column->width == 1 && !codes->column->absent)
        w->codes = (const uint8_t *)codes->column->data + codes->first;
    memset(w->bases, 0, sizeof w->bases);
    uint32_t count = codes->count + 1;
    if (count > w->room) {
        w->room = count * 2;
        w->targets = memory_resize(w->targets, w->room, sizeof *w->targets);
    }
    memset(w->targets, 0, count * sizeof *w->targets);
}

static bool place_before(const struct trends *t, int64_t time, uint32_t *place, uint32_t *whole) {
    if (!t->previous || time >= t->period.from_ms || time < t->least_ms)
        return false;
    *place = place_of(t, true, periods_in(&t->periods_before, time));
    *whole = t->width - 1;
    return true;
}

static bool place_at(const struct trends *t, int64_t time, uint32_t *place, uint32_t *whole) {
    if (time < t->period.from_ms || time >= t->period.to_ms)
        return place_before(t, time, place, whole);
    *place = periods_in(&t->periods, time);
    *whole = t->periods.count;
    return true;
}

static void add_value(const struct target *to, uint32_t place, const struct vector *values, uint32_t row) {
    if (vector_has(values, row))
        cell_add_value(&to->values[place], vector_millionths(values, row));
}

/* What a part's rows of a series are added to: each row to its text's cells, or all to the same. */
struct adding {
    struct worker *worker;
    size_t series;
    const int64_t *times;
    const struct vector *values;
    bool by_row;
    struct target target; /* where it is not by row */
};

/* Any row. */
static KEPT_OUT void add_row(const struct adding *a, uint32_t row, uint32_t customer) {
    uint32_t place, whole;
    if (!place_at(a->worker->trends, a->times[row], &place, &whole))
        return;
    const struct target to = a->by_row ? target_of_row(a->worker, a->series, row) : a->target;
    cell_add(&to.cells[place], customer);
    cell_meet(&to.cells[whole], customer);
    if (a->values)
        add_value(&to, place, a->values, row);
}

/* The common row: it has no value, is in the period asked for, and the cells of its code are known. What its loop needs, side by side. */
struct common {
    const int64_t *times;
    const uint8_t *codes; /* NULL: all go to `cells` */
    struct cell **bases, *cells;
    struct period period;
    struct periods periods;
    uint32_t whole;
};

static inline void add_common(const struct common *c, const struct adding *a, bool coded, uint32_t row,
                              uint32_t customer) {
    int64_t time = c->times[row];
    struct cell *cells = coded ? c->bases[c->codes[row]] : c->cells;
    if (time < c->period.from_ms || time >= c->period.to_ms || !cells) {
        add_row(a, row, customer);
        return;
    }
    cell_add(&cells[periods_in(&c->periods, time)], customer);
    cell_meet(&cells[c->whole], customer);
}

enum row_kind { ROWS_ANY, ROWS_CODED, ROWS_ALIKE };

static inline void add_kind(const struct common *c, const struct adding *a, enum row_kind kind, uint32_t row,
                            uint32_t customer) {
    if (kind == ROWS_ANY)
        add_row(a, row, customer);
    else
        add_common(c, a, kind == ROWS_CODED, row, customer);
}

/* 64 rows, none left out: their places first, which needs no branch, then their cells. False where some are not of the period: nothing was added. */
static inline bool add_full(const struct common *c, const struct adding *a, bool coded, uint32_t first, uint64_t marks,
                            uint32_t customer) {
    uint32_t places[64];
    const uint8_t *codes = c->codes + first;
    struct cell **bases = c->bases, *alike = c->cells;
    const uint32_t whole = c->whole;
    if (!periods_of(&c->periods, c->period.from_ms, c->period.to_ms, c->times + first, 64, places))
        return false;
    for (uint32_t r = 0; r < 64; r++, marks >>= 1) {
        struct cell *cells = coded ? bases[codes[r]] : alike;
        customer += marks & 1;
        if (!cells) {
            add_row(a, first + r, customer);
            continue;
        }
        cell_add(&cells[places[r]], customer);
        cell_meet(&cells[whole], customer);
    }
    return true;
}

/* Customers are numbered as they come. */
static inline void add_line(const struct common *common, const struct adding *a, enum row_kind kind,
                            const struct scan_line *line, uint32_t *seen) {
    const struct common c = *common;
    for (uint32_t w = 0; w * 64 < line->count; w++) {
        uint64_t in = scan_line_in(line, w), marks = line->marks[w];
        if (in == ~UINT64_C(0)) {
            uint32_t customer = *seen;
            bool done = kind != ROWS_ANY && add_full(&c, a, kind == ROWS_CODED, w * 64, marks, customer);
            for (uint32_t r = 0; r < 64 && !done; r++, marks >>= 1) {
                customer += marks & 1;
                add_kind(&c, a, kind, w * 64 + r, customer);
            }
        } else {
            for (uint64_t left = in; left; left &= left - 1) {
                uint64_t up_to = left ^ (left - 1); /* the lowest bit and those below */
                add_kind(&c, a, kind, w * 64 + (uint32_t)__builtin_ctzll(left),
                         *seen + (uint32_t)__builtin_popcountll(marks & up_to));
            }
        }
        *seen += (uint32_t)__builtin_popcountll(line->marks[w]);
    }
}

/* By groups of customers. */
static void add_customers(struct adding *a, struct scan_part *part, const struct scan_rows *rows) {
    struct target targets[SCAN_SPLITS_MAX];
    uint32_t numbers[SCAN_SPLITS_MAX];
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        uint32_t last = scan_end(rows, i), row = scan_row(rows, scan_begin(rows, i), last);
        if (row >= last)
            continue;
        size_t count = scan_groups_of(&a->worker->part_groups, i, numbers);
        for (size_t g = 0; g < count; g++)
            targets[g] = target_of(a->worker, a->series, numbers[g]);
        uint32_t customer = scan_customer(part, i).number;
        for (; row < last; row = scan_row(rows, row + 1, last))
            for (size_t g = 0; g < count; g++) {
                a->target = targets[g];
                add_row(a, row, customer);
            }
    }
}

static void add_rows(const struct adding *a, const struct scan_line *line, uint32_t *seen) {
    struct worker *w = a->worker;
    const struct trends *t = w->trends;
    const struct common c = {.times = a->times,
                             .codes = w->codes,
                             .bases = w->bases,
                             .cells = a->target.cells,
                             .period = t->period,
                             .periods = t->periods,
                             .whole = t->periods.count};
    if (a->values || (a->by_row && !w->codes))
        add_line(&c, a, ROWS_ANY, line, seen);
    else if (a->by_row)
        add_line(&c, a, ROWS_CODED, line, seen);
    else
        add_line(&c, a, ROWS_ALIKE, line, seen);
}

static void visit_series(struct worker *w, struct scan_part *part, size_t series) {
    const struct trends *t = w->trends;
    const struct measure *m = &t->series[series];
    struct scan_rows rows;
    struct scan_line line;
    scan_part_rows(part, m->rows, &rows);
    struct adding a = {.worker = w, .series = series, .times = rows.times, .by_row = t->by_row};
    if (m->has_value)
        a.values = scan_part_row_values(part, m->rows, m->value);
    if (t->split.given) {
        add_customers(&a, part, &rows);
        return;
    }
    if (t->by_row)
        begin_texts(w, part, series);
    else
        a.target = target_of(w, series, 0);
    scan_part_line(part, &rows, &line);
    add_rows(&a, &line, &w->seen[series]);
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

/* Rows and values of the whole period. */
static void add_up(const struct trends *t, struct tally *tally) {
    for (unsigned before = 0; before < (t->previous ? 2u : 1u) && tally->cells; before++) {
        uint32_t first = place_of(t, before != 0, 0), whole = whole_of(t, before != 0);
        for (size_t i = 0; i < t->series_count; i++)
            for (uint32_t k = first; k < whole; k++) {
                size_t at = i * t->width;
                tally->cells[at + whole].rows += tally->cells[at + k].rows;
                if (tally->values)
                    cell_values_merge(&tally->values[at + whole], &tally->values[at + k]);
            }
    }
}

static const struct cell no_cell;

static const struct cell *cell_of(const struct tally *tally, const struct trends *t, bool before, size_t series,
                                  uint32_t interval) {
    return tally->cells ? &tally->cells[t->slots[series] * t->width + place_of(t, before, interval)] : &no_cell;
}

static bool value_in(const struct tally *tally, const struct trends *t, bool before, size_t series, uint32_t interval,
                     struct number *out) {
    size_t at = t->slots[series] * t->width + place_of(t, before, interval);
    return measure_value(&t->series[series], cell_of(tally, t, before, series, interval),
                         tally->values ? &tally->values[at] : NULL, out);
}

/* The number of the whole period among the intervals. */
static uint32_t all_of(const struct trends *t, bool before) {
    return before ? t->periods_before.count : t->periods.count;
}

/* The first series' value over the whole period decides which groups are shown. */
static uint64_t weight_of(const void *data) {
    const struct tally *tally = data;
    struct number n;
    if (!tally->cells)
        return 0;
    const struct trends *t = tally->trends;
    if (t->series[0].has_value && value_in(tally, t, false, 0, all_of(t, false), &n) && number_as_real(n) > 0)
        return (uint64_t)number_as_real(n);
    return cell_of(tally, t, false, 0, all_of(t, false))->rows;
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
static void values_of(const struct trends *t, const struct tally *tally, bool before, uint32_t interval,
                      struct number *numbers, double *reals) {
    for (size_t i = 0; i < t->series_count; i++) {
        bool there = value_in(tally, t, before, i, interval, &numbers[i]);
        reals[i] = there ? number_as_real(numbers[i]) : NAN;
    }
    for (size_t i = 0; i < t->formula_count; i++)
        reals[t->series_count + i] = formula_value(t->formulas[i].formula, reals);
}

static void add_values(const struct trends *t, struct answer_table *table, const struct tally *tally, uint32_t interval,
                       uint32_t interval_before, bool changes) {
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
    bool there = interval_before != PERIOD_NONE;
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
        add_values(t, table, tally, k, k < t->periods_before.count ? k : PERIOD_NONE, t->previous);
    }
}

/* Counts of rows against the period before: a difference of two Poisson counts is told by z = (a - b) / sqrt(a + b). */
static void note_changes(const struct trends *t, struct answer *answer, const struct tally *all) {
    for (size_t i = 0; i < t->series_count; i++) {
        double a = (double)cell_of(all, t, false, i, all_of(t, false))->customers,
               b = (double)cell_of(all, t, true, i, all_of(t, true))->customers;
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
        tally_begin(groups_get(&t->groups, 0), t);
    for (uint32_t i = groups_next(&t->groups, 0); i != UINT32_MAX; i = groups_next(&t->groups, i + 1))
        add_up(t, groups_at(&t->groups, i));
    for (uint32_t i = groups_next(&t->groups, 0); i != UINT32_MAX && !t->split.segment_count;
         i = groups_next(&t->groups, i + 1))
        tally_merge(&all, groups_at(&t->groups, i));
    scan_list_groups(t->scan, &t->split, t->by_row, &t->groups, t->groups_shown, weight_of, &list);
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
        add_values(t, totals, list.all[i].data, all_of(t, false), all_of(t, true), t->previous);
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
