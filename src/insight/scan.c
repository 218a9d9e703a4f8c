/* scan: see the header. What is read is compiled into one plan, so that equal conditions of steps, splits and population are evaluated once;
 * workers take neighbouring spans from one counter, as plan_run does. */
#include "insight/scan.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "language/evaluate.h"
#include "language/workers.h"

#define SPANS_TAKEN 4
#define ROWS_MAX 200
#define VALUES_MAX 200
#define ROW_VALUES_MAX 32

struct set {
    const struct node *any;
    const struct node *values[ROW_VALUES_MAX];
    unsigned value_count;
};
struct scan {
    const struct insight *insight;
    struct calendar calendar;
    struct arena arena;
    struct set sets[ROWS_MAX];
    unsigned set_count;
    const struct node *values[VALUES_MAX];
    unsigned value_count;
    unsigned population; /* number of its condition; UINT32_MAX: everybody */
    struct plan *plan;
    struct texts shared;
    uint64_t visited;
};

/* --- what is to be read --- */

enum status scan_fail(const char *path, enum status status, struct fault *fault) {
    char text[sizeof fault->text];
    if (!fault)
        return status;
    (void)snprintf(text, sizeof text, "%s", fault->text[0] ? fault->text : status_text(status));
    return path && *path ? fault_set(fault, status, "at %s: %s", path, text) : fault_set(fault, status, "%s", text);
}

enum status scan_create(const struct definition_part *definition, struct scan **out, struct fault *fault) {
    struct scan *scan = memory_get(1, sizeof *scan);
    struct slice population = SLICE_NONE;
    scan->insight = definition->insight;
    scan->calendar = insight_calendar(definition->insight);
    scan->population = UINT32_MAX;
    enum status status = definition_text(definition, "population", &population, fault);
    population = slice_trim(population);
    if (definition->group.size) {
        struct buffer both = {0};
        buffer_print(&both, "(%.*s)", SLICE_ARG(definition->group));
        if (population.size)
            buffer_print(&both, " and (%.*s)", SLICE_ARG(population));
        population = arena_copy(&scan->arena, buffer_slice(&both));
        buffer_release(&both);
    }
    if (!status && population.size)
        status = scan_value(scan, population, "population", TERM_BOOL, &scan->population, fault);
    if (status) {
        scan_free(scan);
        scan = NULL;
    }
    *out = scan;
    return status;
}

void scan_free(struct scan *scan) {
    if (!scan)
        return;
    plan_free(scan->plan);
    texts_release(&scan->shared);
    arena_release(&scan->arena);
    free(scan);
}

enum status scan_rows_text(struct scan *scan, struct slice text, const char *path, unsigned *number,
                           struct fault *fault) {
    struct node *any;
    assert(!scan->plan);
    if (scan->set_count == ROWS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "at %s: more than %d sets of rows", path, ROWS_MAX);
    enum status status = check_rows(scan->insight->vocabulary, text, &scan->arena, &any, fault, NULL);
    if (status)
        return scan_fail(path, status, fault);
    *number = scan->set_count;
    scan->sets[scan->set_count++] = (struct set){.any = any};
    return STATUS_OK;
}

enum status scan_rows(struct scan *scan, const struct definition_rows *rows, unsigned *number, struct fault *fault) {
    return scan_rows_text(scan, rows->text, rows->path, number, fault);
}

/* A list read as one value would be missing everywhere. */
static enum status refuse_list(const struct node *value, struct slice text, const char *path, struct fault *fault) {
    if (value->type != TERM_TEXT_LIST && value->type != TERM_NUMBER_LIST)
        return STATUS_OK;
    fault_set(
        fault, STATUS_INVALID,
        "\"%.*s\" is a list, and one value is expected here; whether something is in it is one: %.*s contains \"x\"",
        SLICE_ARG(text), SLICE_ARG(text));
    return scan_fail(path, STATUS_INVALID, fault);
}

static enum status add_row_value(struct scan *scan, unsigned rows, struct slice text, const char *path,
                                 enum term_type expected, bool lists, unsigned *number, struct fault *fault) {
    struct node *value;
    assert(!scan->plan && rows < scan->set_count);
    struct set *set = &scan->sets[rows];
    if (set->value_count == ROW_VALUES_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "at %s: more than %d values of a row", path, ROW_VALUES_MAX);
    enum status status =
        check_row_value(scan->insight->vocabulary, set->any, text, expected, &scan->arena, &value, fault, NULL);
    if (status)
        return scan_fail(path, status, fault);
    if (!lists)
        status = refuse_list(value, text, path, fault);
    *number = set->value_count;
    set->values[set->value_count++] = value;
    return status;
}

enum status scan_row_value(struct scan *scan, unsigned rows, struct slice text, const char *path,
                           enum term_type expected, unsigned *number, struct fault *fault) {
    return add_row_value(scan, rows, text, path, expected, false, number, fault);
}

enum status scan_row_things(struct scan *scan, unsigned rows, struct slice text, const char *path, unsigned *number,
                            struct fault *fault) {
    return add_row_value(scan, rows, text, path, TERM_NONE, true, number, fault);
}

enum status scan_value(struct scan *scan, struct slice text, const char *path, enum term_type expected,
                       unsigned *number, struct fault *fault) {
    struct node *root;
    assert(!scan->plan);
    if (scan->value_count == VALUES_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "at %s: more than %d values", path, VALUES_MAX);
    enum status status = check_text(scan->insight->vocabulary, text, expected, &scan->arena, &root, fault, NULL);
    if (!status && root->type == TERM_DISTRIBUTION)
        status = fault_set(fault, STATUS_INVALID,
                           "at 1: one value of a customer is asked for here, and this is a "
                           "distribution; the most frequent value is top(...)");
    if (status)
        return scan_fail(path, status, fault);
    *number = scan->value_count;
    scan->values[scan->value_count++] = root;
    return refuse_list(root, text, path, fault);
}

const struct node *scan_row_value_node(const struct scan *scan, unsigned rows, unsigned value) {
    assert(rows < scan->set_count && value < scan->sets[rows].value_count);
    return scan->sets[rows].values[value];
}

const struct node *scan_value_node(const struct scan *scan, unsigned value) {
    assert(value < scan->value_count);
    return scan->values[value];
}

bool scan_same_table(const struct scan *scan, unsigned rows, unsigned other) {
    assert(scan->plan);
    return plan_rows_kind(scan->plan, rows) == plan_rows_kind(scan->plan, other);
}

/* --- splits --- */

static enum status split_segments(struct scan *scan, const struct definition_part *definition, const struct json *json,
                                  struct scan_split *split, struct fault *fault) {
    static const char *const known[] = {"segments", NULL};
    struct definition_part part;
    struct slice *names;
    struct buffer text = {0};
    enum status status = definition_enter(definition, "split", json, SIZE_MAX, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    if (!status)
        status = definition_texts(&part, "segments", SCAN_SPLITS_MAX, &names, &split->segment_count, fault);
    if (!status && split->segment_count == 0)
        return definition_fail(&part, "segments", fault, "name at least one segment");
    split->name = SLICE("segment");
    for (size_t i = 0; i < split->segment_count && !status; i++) {
        struct json_writer w = {.out = &text};
        buffer_clear(&text);
        buffer_print(&text, "in segment ");
        json_text(&w, names[i]);
        split->names[i] = arena_copy(&scan->arena, names[i]);
        status = scan_value(scan, buffer_slice(&text), "split.segments", TERM_BOOL, &split->segments[i], fault);
    }
    buffer_release(&text);
    return status;
}

enum status scan_split(struct scan *scan, const struct definition_part *definition, struct scan_split *split,
                       struct fault *fault) {
    const struct json *json = definition_get(definition, "split");
    *split = (struct scan_split){.given = json != NULL};
    if (!json)
        return STATUS_OK;
    if (json->kind == JSON_OBJECT)
        return split_segments(scan, definition, json, split, fault);
    if (json->kind != JSON_TEXT)
        return definition_fail(definition, "split", fault,
                               "a value of the customer is expected here, such as \"city\", or {\"segments\": [...]}");
    split->name = arena_copy(&scan->arena, json->text);
    return scan_value(scan, json->text, "split", TERM_NONE, &split->value, fault);
}

/* --- the pass --- */

struct scan_worker {
    struct scan *scan;
    struct evaluator *evaluator;
    struct texts texts;
    struct arena arena; /* of the part in hand */
    uint32_t *taken;    /* while merging: shared numbers of texts, + 1 */
    uint64_t asked[SPAN_CUSTOMERS / 64];
    uint64_t visited;
    void *state;
};

struct pass {
    struct scan *scan;
    const struct scan_work *work;
    uint32_t span_count;
    _Atomic uint32_t next;
    _Atomic bool stopped;
    struct scan_worker workers[WORKERS_MAX + 1];
};

static void visit_part(struct pass *p, struct scan_worker *w, uint32_t span, unsigned number) {
    const struct scan *scan = p->scan;
    uint32_t count = evaluate_part(w->evaluator, number, w->asked);
    if (count == 0)
        return;
    if (scan->population != UINT32_MAX) {
        kernel_and(w->asked, evaluate_part_bits(w->evaluator, number, scan->population), (count + 63) / 64);
        if (kernel_none(w->asked, (count + 63) / 64))
            return;
    }
    struct scan_part part = {p->scan, w, w->evaluator, number, span, count, w->asked};
    w->visited += kernel_count(w->asked, (count + 63) / 64);
    arena_reset(&w->arena);
    p->work->visit(w->state, &part);
}

static void visit_span(struct pass *p, struct scan_worker *w, uint32_t span) {
    range_ahead(w->evaluator->main.range, &p->scan->plan->want, span);
    if (!evaluator_span(w->evaluator, span, p->scan->insight->now_ms))
        return;
    for (unsigned part = 0; part < EVALUATE_PARTS; part++)
        visit_part(p, w, span, part);
}

static void begin_worker(struct pass *p, struct scan_worker *w) {
    w->scan = p->scan;
    w->evaluator = evaluator_create(p->scan->plan, &p->scan->insight->outside);
    w->state = p->work->begin(p->work->context);
}

static void visit_spans(void *context, unsigned number) {
    struct pass *p = context;
    struct scan_worker *w = &p->workers[number];
    const struct insight *insight = p->scan->insight;
    uint32_t first;
    while ((first = atomic_fetch_add(&p->next, SPANS_TAKEN)) < p->span_count) {
        if (insight->stop && atomic_load_explicit(insight->stop, memory_order_relaxed)) {
            p->stopped = true;
            break;
        }
        if (!w->evaluator)
            begin_worker(p, w);
        uint32_t end = p->span_count - first < SPANS_TAKEN ? p->span_count : first + SPANS_TAKEN;
        for (uint32_t span = first; span < end; span++) {
            struct history_hold hold = history_enter(insight->outside.history);
            visit_span(p, w, span);
            history_leave(insight->outside.history, hold);
        }
        if (insight->progress)
            atomic_fetch_add(&insight->progress->done, end - first);
    }
}

static enum status make_plan(struct scan *scan, struct fault *fault) {
    struct rows_root rows[ROWS_MAX];
    if (scan->plan)
        return STATUS_OK;
    for (unsigned i = 0; i < scan->set_count; i++)
        rows[i] = (struct rows_root){scan->sets[i].any, scan->sets[i].values, scan->sets[i].value_count};
    return plan_create_rows(scan->insight->vocabulary, scan->values, scan->value_count, rows, scan->set_count,
                            &scan->plan, fault);
}

enum status scan_run(struct scan *scan, const struct scan_work *work, struct fault *fault) {
    const struct insight *insight = scan->insight;
    enum status status = make_plan(scan, fault);
    if (status || insight->check_only)
        return status ? status : STATUS_END;
    struct pass *p = memory_get(1, sizeof *p);
    p->scan = scan;
    p->work = work;
    p->span_count = insight_span_count(insight);
    if (insight->progress)
        atomic_fetch_add(&insight->progress->total, p->span_count);
    unsigned workers = insight->workers < 1 ? 1 : insight->workers > WORKERS_MAX ? WORKERS_MAX : insight->workers;
    workers_run(workers > p->span_count ? p->span_count : workers, visit_spans, p);
    if (p->stopped)
        status = fault_set(fault, STATUS_CLOSED, "the analysis was stopped");
    scan->visited = 0;
    for (unsigned i = 0; i <= WORKERS_MAX; i++) {
        struct scan_worker *w = &p->workers[i];
        if (!w->evaluator)
            continue;
        scan->visited += w->visited;
        w->taken = memory_get(w->texts.count + 1, sizeof *w->taken);
        if (!status)
            work->merge(work->context, w->state, w);
        if (work->end)
            work->end(w->state);
        evaluator_free(w->evaluator);
        texts_release(&w->texts);
        arena_release(&w->arena);
        free(w->taken);
    }
    free(p);
    return status;
}

uint64_t scan_population(const struct scan *scan) { return scan->visited; }

/* --- of a part --- */

void scan_part_rows(struct scan_part *part, unsigned rows, struct scan_rows *out) {
    struct row_set set;
    evaluate_rows(part->evaluator, part->part, rows, &set);
    *out = (struct scan_rows){set.starts, set.bits, evaluate_row_times(part->evaluator, part->part, rows), set.count};
}

const uint64_t *scan_part_in(struct scan_part *part, const struct scan_rows *rows) {
    if (kernel_count(part->asked, (part->count + 63) / 64) == part->count)
        return rows->bits;
    uint64_t *in = arena_get(&part->worker->arena, ((rows->count + 63) / 64 + 1) * sizeof *in);
    kernel_spread(part->asked, rows->starts, part->count, in);
    if (rows->bits)
        kernel_and(in, rows->bits, (rows->count + 63) / 64);
    return in;
}

void scan_part_line(struct scan_part *part, const struct scan_rows *rows, struct scan_line *out) {
    size_t words = (rows->count + 63) / 64 + 1;
    uint64_t *marks = arena_get(&part->worker->arena, words * sizeof *marks);
    memset(marks, 0, words * sizeof *marks);
    for (uint32_t i = 0; i < part->count; i++) { /* who has no row sets no bit */
        uint32_t begin = scan_begin(rows, i);
        marks[begin / 64] |= (uint64_t)(rows->starts[i + 1] > rows->starts[i]) << (begin % 64);
    }
    *out = (struct scan_line){scan_part_in(part, rows), marks, rows->count};
}

int64_t scan_position(struct scan_part *part, unsigned rows, uint32_t element) {
    return evaluate_row_position(part->evaluator, part->part, rows, element);
}

const struct vector *scan_part_row_values(struct scan_part *part, unsigned rows, unsigned value) {
    return evaluate_row_values(part->evaluator, part->part, rows, value);
}

const struct vector *scan_part_values(struct scan_part *part, unsigned value) {
    return evaluate_part_values(part->evaluator, part->part, value);
}

const uint64_t *scan_part_bits(struct scan_part *part, unsigned value) {
    return evaluate_part_bits(part->evaluator, part->part, value);
}

/* --- texts --- */

static void texts_of(struct scan_part *part, bool coded, const struct vector *vector, struct scan_texts *out) {
    out->worker = part->worker;
    out->calendar = &part->scan->calendar;
    out->vector = vector;
    out->known = NULL;
    if (!coded) {
        out->codes.column = NULL;
        return;
    }
    out->known = arena_get(&part->worker->arena, (out->codes.count + 1) * sizeof *out->known);
    memset(out->known, 0, (out->codes.count + 1) * sizeof *out->known);
}

void scan_part_row_texts(struct scan_part *part, unsigned rows, unsigned value, struct scan_texts *out) {
    bool coded = evaluate_row_codes(part->evaluator, part->part, rows, value, &out->codes);
    texts_of(part, coded, coded ? NULL : scan_part_row_values(part, rows, value), out);
}

void scan_part_texts(struct scan_part *part, unsigned value, struct scan_texts *out) {
    bool coded = evaluate_part_codes(part->evaluator, part->part, value, &out->codes);
    texts_of(part, coded, coded ? NULL : scan_part_values(part, value), out);
}

uint32_t scan_text_new(const struct scan_texts *t, uint32_t code) {
    struct buffer scratch = {0};
    uint32_t number = texts_number(&t->worker->texts, range_code_text(t->codes.column, code, &scratch));
    buffer_release(&scratch);
    t->known[code] = number + 1;
    return number;
}

/* A value that is no text, written as one. */
static struct slice written(const struct vector *v, uint32_t i, struct buffer *out) {
    struct json_writer w = {.out = out};
    number_json(&w, number_reduced(vector_number(v, i)), v->type);
    struct slice text = buffer_slice(out);
    bool quoted = text.size >= 2 && text.data[0] == '"';
    return quoted ? slice_of(text.data + 1, text.size - 2) : text;
}

static uint32_t text_of(struct texts *texts, const struct vector *v, uint32_t i) {
    struct buffer text = {0};
    if (!vector_has(v, i))
        return 0;
    if (v->form == VECTOR_TEXTS)
        return texts_number(texts, v->texts[i & v->mask]);
    uint32_t number = texts_number(texts, written(v, i, &text));
    buffer_release(&text);
    return number;
}

uint32_t scan_text_of_vector(const struct scan_texts *t, uint32_t i) {
    assert(t->vector->form != VECTOR_LISTS);
    return text_of(&t->worker->texts, t->vector, i);
}

size_t scan_row_texts(struct scan_part *part, const struct scan_texts *t, uint32_t i, uint32_t **out) {
    const struct vector *v = t->vector;
    struct vector elements;
    size_t kept = 0, count = 1;
    bool list = !t->codes.column && v->form == VECTOR_LISTS;
    if (list && vector_has(v, i)) {
        evaluate_part_elements(part->evaluator, part->part, v, i, &elements);
        count = v->lists[i & v->mask].end - v->lists[i & v->mask].first;
    } else if (list) {
        count = 0;
    }
    uint32_t *numbers = arena_get(&part->worker->arena, (count + 1) * sizeof *numbers);
    for (uint32_t k = 0; k < count; k++) {
        numbers[kept] = list ? text_of(&t->worker->texts, &elements, k) : scan_text(t, i);
        kept += numbers[kept] != 0;
    }
    *out = numbers;
    return kept;
}

uint32_t scan_text_add(struct scan_worker *worker, struct slice text) { return texts_number(&worker->texts, text); }

struct slice scan_worker_text(const struct scan_worker *worker, uint32_t text) {
    return texts_text(&worker->texts, text);
}

uint32_t scan_shared(struct scan *scan, const struct scan_worker *worker, uint32_t text) {
    if (text == 0 || text == TEXTS_OTHER)
        return text;
    assert(text <= worker->texts.count);
    if (worker->taken[text] == 0)
        worker->taken[text] = texts_number(&scan->shared, worker->texts.all[text]) + 1;
    return worker->taken[text] - 1;
}

struct slice scan_shared_text(const struct scan *scan, uint32_t shared) {
    return texts_text(&scan->shared, shared);
}

uint32_t scan_shared_count(const struct scan *scan) { return scan->shared.count; }

/* --- groups --- */

void scan_part_groups(struct scan_part *part, const struct scan_split *split, struct scan_groups *out) {
    out->split = split;
    if (!split->given)
        return;
    if (split->segment_count == 0)
        scan_part_texts(part, split->value, &out->texts);
    for (size_t i = 0; i < split->segment_count; i++)
        out->bits[i] = scan_part_bits(part, split->segments[i]);
}

uint32_t scan_shared_group(struct scan *scan, const struct scan_worker *worker, const struct scan_split *split,
                           uint32_t group) {
    return split->given && split->segment_count == 0 ? scan_shared(scan, worker, group) : group;
}

struct slice scan_group_name(const struct scan *scan, const struct scan_split *split, uint32_t shared) {
    if (!split->given)
        return SLICE("");
    if (split->segment_count == 0)
        return scan_shared_text(scan, shared);
    assert(shared < split->segment_count);
    return split->names[shared];
}

void scan_merge_groups(struct scan *scan, const struct scan_worker *worker, const struct scan_split *split, bool by_row,
                       const struct groups *from, struct groups *into) {
    for (uint32_t i = groups_next(from, 0); i != UINT32_MAX; i = groups_next(from, i + 1)) {
        uint32_t shared = by_row ? scan_shared(scan, worker, i) : scan_shared_group(scan, worker, split, i);
        groups_merge(into, shared, groups_at(from, i));
    }
}

struct naming {
    const struct scan *scan;
    const struct scan_split *split;
    bool by_row;
};

static struct slice group_name(void *context, uint32_t group) {
    const struct naming *n = context;
    return n->by_row ? scan_shared_text(n->scan, group) : scan_group_name(n->scan, n->split, group);
}

void scan_list_groups(const struct scan *scan, const struct scan_split *split, bool by_row, struct groups *groups,
                      int64_t most, uint64_t (*weight)(const void *data), struct group_list *list) {
    struct naming naming = {scan, split, by_row};
    groups_list(groups, (size_t)most, weight, group_name, &naming, list);
}
