/* history_read: one customer's rows, attributes and documents, out of base and delta. */
#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "history/history_inside.h"

#define RETRIES_MAX 1000

/* --- rows --- */

static int newest_first(const void *a, const void *b) {
    const struct row_place *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms > y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position > y->position ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type); /* of one record: the same before and after compaction */
}

static bool wanted(int type, uint16_t row_type) { return type < 0 || type == row_type; }

/* The delta's newest row that takes the place of the row of its type at its position. */
struct replacement {
    uint64_t position;
    const struct delta_row *row;
    uint32_t age; /* rows of the chain that are newer */
    uint16_t type;
    bool passed; /* the walk from the newest row on has come past it */
};

/* Nearly always none. */
struct replacements {
    struct replacement *all; /* in order of position and type, each once */
    size_t count;
};

static int by_place(const void *a, const void *b) {
    const struct replacement *x = a, *y = b;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type);
}

static int by_place_and_age(const void *a, const void *b) {
    const struct replacement *x = a, *y = b;
    int place = by_place(a, b);
    return place ? place : (x->age > y->age) - (x->age < y->age);
}

static struct replacements replacements_of(const struct delta_row *newest, struct arena *arena) {
    struct replacements r = {0};
    size_t found = 0, kept = 0;
    uint32_t age = 0;
    for (const struct delta_row *row = newest; row; row = row->before)
        found += (delta_record(row)->flags & RECORD_REPLACES) != 0;
    if (found == 0)
        return r;
    r.all = arena_get(arena, found * sizeof *r.all);
    for (const struct delta_row *row = newest; row; row = row->before, age++) {
        const struct record_head *record = delta_record(row);
        if (record->flags & RECORD_REPLACES)
            r.all[r.count++] = (struct replacement){record->position, row, age, record->type, false};
    }
    qsort(r.all, r.count, sizeof *r.all, by_place_and_age);
    for (size_t i = 0; i < r.count; i++)
        if (i == 0 || by_place(&r.all[kept - 1], &r.all[i]) != 0)
            r.all[kept++] = r.all[i];
    r.count = kept;
    return r;
}

static struct replacement *replacement_at(const struct replacements *r, uint16_t type, uint64_t position) {
    struct replacement key = {.position = position, .type = type};
    return r->count ? bsearch(&key, r->all, r->count, sizeof key, by_place) : NULL;
}

static size_t base_count(const struct base *base, uint32_t owner, int type) {
    size_t count = 0;
    for (uint32_t i = 0; base && i < base->table_count; i++) {
        uint32_t first, end;
        if (!wanted(type, base->tables[i]->type))
            continue;
        table_range(base->tables[i], owner, &first, &end);
        count += end - first;
    }
    return count;
}

/* The places of base rows, newest first within each table, without those that the delta replaced. */
static size_t base_places(const struct base *base, uint32_t owner, int type, const struct replacements *replaced,
                          struct row_place *places) {
    size_t count = 0;
    for (uint32_t i = 0; base && i < base->table_count; i++) {
        const struct table_head *t = base->tables[i];
        uint32_t first, end;
        if (!wanted(type, t->type))
            continue;
        table_range(t, owner, &first, &end);
        struct table_order order = table_order_of(t);
        for (uint32_t row = end; row-- > first;) {
            uint64_t position = table_order_position(&order, row);
            if (replacement_at(replaced, t->type, position))
                continue;
            places[count++] = (struct row_place){.time_ms = table_order_time(&order, row),
                                                 .position = position,
                                                 .table = t,
                                                 .row = row,
                                                 .type = t->type};
        }
    }
    return count;
}

static size_t delta_count(const struct delta_row *row, int type) {
    size_t count = 0;
    for (; row; row = row->before)
        count += wanted(type, delta_record(row)->type);
    return count;
}

/* The places of a chain's rows, the last to come first, without those that a later one replaced. */
static size_t delta_places(const struct delta_row *row, int type, const struct replacements *replaced,
                           struct row_place *places) {
    size_t count = 0;
    for (; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        struct replacement *by = replacement_at(replaced, r->type, r->position);
        if (!wanted(type, r->type) || (by && by->passed))
            continue;
        if (by && by->row == row)
            by->passed = true;
        places[count++] =
            (struct row_place){.time_ms = r->time_ms, .position = r->position, .record = r, .type = r->type};
    }
    return count;
}

/* --- sorting: runs that are in order already are found and merged, so that the rows of a customer with a million, which
 * come in as many runs as there are types, are passed over a few times --- */

static size_t run_end(const struct row_place *places, size_t from, size_t count) {
    while (++from < count && newest_first(&places[from - 1], &places[from]) <= 0) {
    }
    return from;
}

static void merge_runs(const struct row_place *a, const struct row_place *a_end, const struct row_place *b,
                       const struct row_place *b_end, struct row_place *out) {
    while (a < a_end && b < b_end)
        *out++ = newest_first(a, b) <= 0 ? *a++ : *b++;
    if (a < a_end)
        memcpy(out, a, (size_t)((const char *)a_end - (const char *)a));
    else if (b < b_end)
        memcpy(out, b, (size_t)((const char *)b_end - (const char *)b));
}

/* Merges each two neighbouring runs of `from` into `to`; returns how many there are now. */
static size_t merge_pass(const struct row_place *from, struct row_place *to, size_t count) {
    size_t runs = 0;
    for (size_t at = 0, end; at < count; at = end, runs++) {
        size_t middle = run_end(from, at, count);
        end = middle < count ? run_end(from, middle, count) : count;
        merge_runs(from + at, from + middle, from + middle, from + end, to + at);
    }
    return runs;
}

static void sort_many(struct row_place *places, size_t count) {
    if (run_end(places, 0, count) == count)
        return;
    struct row_place *spare = memory_resize(NULL, count, sizeof *spare), *from = places, *to = spare, *swap;
    for (size_t runs = 2; runs > 1; swap = from, from = to, to = swap)
        runs = merge_pass(from, to, count);
    if (from != places)
        memcpy(places, from, count * sizeof *places);
    free(spare);
}

/* Insertion for the few. */
static void sort_places(struct row_place *places, size_t count) {
    if (count > 24) {
        sort_many(places, count);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        struct row_place x = places[i];
        size_t at = i;
        for (; at && newest_first(&places[at - 1], &x) > 0; at--)
            places[at] = places[at - 1];
        places[at] = x;
    }
}

void history_rows(struct history *h, struct customer_id customer, int type, struct arena *arena,
                  struct history_rows *rows) {
    uint32_t owner = customer.number % SPAN_CUSTOMERS, before, after;
    unsigned tries = 0;
    *rows = (struct history_rows){.position = history_position(h)};
    struct span *span = history_span(h, customer.number / SPAN_CUSTOMERS);
    if (!span || !customer.number)
        return;
    do { /* again where a merge moved rows meanwhile */
        while ((before = atomic_load_explicit(&span->sequence, memory_order_acquire)) & 1 && tries++ < RETRIES_MAX)
            sched_yield();
        rows->count = 0;
        if (!span_gone(span, owner)) {
            struct span_view *view = span_view(span);
            const struct delta_row *newest = delta_head(view->delta, owner);
            bool replaces = atomic_load_explicit(&view->delta->replace_count, memory_order_acquire) > 0;
            struct replacements replaced = replacements_of(replaces ? newest : NULL, arena);
            size_t most = base_count(view->base, owner, type) + delta_count(newest, type);
            rows->places = arena_get(arena, (most ? most : 1) * sizeof *rows->places);
            rows->count = base_places(view->base, owner, type, &replaced, rows->places);
            rows->count += delta_places(newest, type, &replaced, rows->places + rows->count);
            assert(rows->count <= most && (replaced.count || rows->count == most));
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&span->sequence, memory_order_relaxed);
    } while (before != after && tries++ < RETRIES_MAX);
    sort_places(rows->places, rows->count);
}

const struct record_head *history_row(struct history *h, const struct history_rows *rows, size_t i,
                                      struct record_builder *builder) {
    (void)h;
    assert(i < rows->count);
    const struct row_place *p = &rows->places[i];
    return p->record ? p->record : table_record(p->table, p->row, builder);
}

void history_fetch(const struct history_rows *rows, size_t from, size_t count) {
    size_t end = from < rows->count && count < rows->count - from ? from + count : rows->count;
    for (enum table_fetch stage = FETCH_VALUES; stage <= FETCH_TEXTS; stage++)
        for (size_t i = from; i < end; i++)
            if (!rows->places[i].record)
                table_fetch(rows->places[i].table, rows->places[i].row, stage);
}

int64_t history_row_time(const struct history_rows *rows, size_t i) { return rows->places[i].time_ms; }
uint16_t history_row_type(const struct history_rows *rows, size_t i) { return rows->places[i].type; }
uint64_t history_row_position(const struct history_rows *rows, size_t i) { return rows->places[i].position; }

/* --- attributes --- */

/* A copy of the record that outlives the builder. */
static const struct record_head *keep_record(struct arena *arena, const struct record_head *r) {
    struct record_head *copy = arena_get(arena, r->bytes);
    memcpy(copy, r, r->bytes);
    return copy;
}

/* True when `a` outranks `b`: stronger source, then later, then logged later. */
static bool outranks(const struct record_head *a, const struct record_head *b) {
    if (a->priority != b->priority)
        return a->priority < b->priority;
    if (a->time_ms != b->time_ms)
        return a->time_ms > b->time_ms;
    return a->position > b->position;
}

void history_attributes(struct history *h, struct customer_id customer, struct arena *arena,
                        void (*each)(void *context, const struct attribute_now *attribute), void *context) {
    struct history_rows rows;
    history_rows(h, customer, 0, arena, &rows);
    history_attributes_in(h, &rows, arena, each, context);
}

void history_attributes_in(struct history *h, const struct history_rows *rows, struct arena *arena,
                           void (*each)(void *context, const struct attribute_now *attribute), void *context) {
    struct record_builder builder = {0};
    uint32_t limit =
        atomic_load_explicit(&dictionary_type_at(h->dictionary, 0)->property_count, memory_order_acquire) + 1;
    struct attribute_now *now = arena_get(arena, limit * sizeof *now);
    memset(now, 0, limit * sizeof *now);
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->places[i].type != 0)
            continue;
        const struct record_head *r = history_row(h, rows, i, &builder);
        const struct record_head *kept = rows->places[i].record ? r : NULL;
        for (unsigned k = 0; k < r->value_count; k++) {
            uint16_t property = record_values(r)[k].property;
            if (property >= limit || (now[property].record && !outranks(r, now[property].record)))
                continue;
            if (!kept)
                kept = keep_record(arena, r);
            now[property] = (struct attribute_now){property, kept, &record_values(kept)[k]};
        }
    }
    for (uint32_t i = 0; i < limit; i++)
        if (now[i].value && now[i].value->kind != VALUE_MISSING)
            each(context, &now[i]);
    record_builder_release(&builder);
}

/* --- documents --- */

/* The updates of one document, oldest first, laid over each other. */
struct document_fold {
    const struct record_head **updates;
    uint32_t count;
};

/* Copies one item's values into the open item of `b`. */
static void copy_values(struct record_builder *b, const struct record_head *r, const struct record_value *v,
                        uint32_t count);

static void copy_value(struct record_builder *b, const struct record_head *r, const struct record_value *v) {
    switch (v->kind) {
    case VALUE_TEXT:
        record_set_text(b, v->property, record_text(r, v));
        break;
    case VALUE_REAL:
        record_set_real(b, v->property, v->real);
        break;
    case VALUE_LIST:
        record_list_begin(b, v->property);
        copy_values(b, r, record_list(r, v), v->count);
        record_list_end(b);
        break;
    case VALUE_ITEMS:
        record_items_begin(b, v->property);
        for (uint32_t i = 0; i < v->count; i++) {
            const struct record_item *item = &record_items(r, v)[i];
            record_item_begin(b);
            copy_values(b, r, record_item_values(r, item), item->value_count);
        }
        record_items_end(b);
        break;
    default:
        record_set(b, v->property, (enum value_kind)v->kind, v->integer, v->scale);
    }
}

static void copy_values(struct record_builder *b, const struct record_head *r, const struct record_value *v,
                        uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        copy_value(b, r, &v[i]);
}

/* Items of property `property` over all updates: the last put in place, and what was appended after it. */
static void fold_items(const struct document_fold *f, uint16_t property, struct record_builder *b) {
    uint32_t from = 0;
    for (uint32_t i = 0; i < f->count; i++)
        if (record_find(f->updates[i], property) && !(f->updates[i]->flags & RECORD_ITEMS_APPEND))
            from = i;
    record_items_begin(b, property);
    for (uint32_t i = from; i < f->count; i++) {
        const struct record_head *r = f->updates[i];
        const struct record_value *v = record_find(r, property);
        for (uint32_t k = 0; v && v->kind == VALUE_ITEMS && k < v->count; k++) {
            const struct record_item *item = &record_items(r, v)[k];
            record_item_begin(b);
            copy_values(b, r, record_item_values(r, item), item->value_count);
        }
    }
    record_items_end(b);
}

/* Lays the updates over each other. Values that a later update names again are skipped by walking from the newest. */
static const struct record_head *fold_document(const struct document_fold *f, struct record_builder *b) {
    const struct record_head *latest = f->updates[f->count - 1];
    struct record_head head = *latest;
    uint8_t done[(DICTIONARY_PROPERTIES_MAX + 8) / 8] = {0};
    head.time_ms = f->updates[0]->time_ms;
    record_begin(b, &head);
    for (uint32_t i = f->count; i-- > 0;) {
        const struct record_head *r = f->updates[i];
        for (unsigned k = 0; k < r->value_count; k++) {
            const struct record_value *v = &record_values(r)[k];
            if (v->property > DICTIONARY_PROPERTIES_MAX || (done[v->property / 8] >> (v->property % 8) & 1))
                continue;
            done[v->property / 8] |= (uint8_t)(1 << (v->property % 8));
            if (v->kind == VALUE_ITEMS)
                fold_items(f, v->property, b);
            else if (v->kind != VALUE_MISSING)
                copy_value(b, r, v);
        }
    }
    return record_end(b);
}

struct update {
    uint32_t document;
    uint32_t order; /* of the row, newest first */
    const struct record_head *record;
};

static int by_document(const void *a, const void *b) {
    const struct update *x = a, *y = b;
    if (x->document != y->document)
        return x->document < y->document ? -1 : 1;
    return (x->order < y->order) - (x->order > y->order); /* oldest first */
}

static int by_latest(const void *a, const void *b) {
    const struct update *const *x = a, *const *y = b;
    return ((*x)->order > (*y)->order) - ((*x)->order < (*y)->order);
}

static bool is_document(const struct history *h, uint16_t type) {
    return dictionary_type_at(h->dictionary, type)->kind == TYPE_DOCUMENT;
}

/* The document updates among `rows`, decoded, grouped by document, oldest first in each. */
static struct update *document_updates(struct history *h, const struct history_rows *rows, int type,
                                       struct arena *arena, size_t *count) {
    struct record_builder builder = {0};
    size_t most = 0;
    for (size_t i = 0; i < rows->count; i++)
        most += wanted(type, rows->places[i].type) && is_document(h, rows->places[i].type);
    struct update *updates = arena_get(arena, (most ? most : 1) * sizeof *updates);
    *count = 0;
    for (size_t i = 0; i < rows->count && *count < most; i++) {
        if (!wanted(type, rows->places[i].type) || !is_document(h, rows->places[i].type))
            continue;
        const struct record_head *r = history_row(h, rows, i, &builder);
        updates[(*count)++] =
            (struct update){r->document, (uint32_t)i, rows->places[i].record ? r : keep_record(arena, r)};
    }
    qsort(updates, *count, sizeof *updates, by_document);
    record_builder_release(&builder);
    return updates;
}

void history_documents(struct history *h, struct customer_id customer, int type, struct arena *arena,
                       void (*each)(void *context, const struct record_head *document, int64_t updated_ms,
                                    uint32_t update_count),
                       void *context) {
    struct history_rows rows;
    history_rows(h, customer, type, arena, &rows);
    history_documents_in(h, &rows, type, arena, each, context);
}

void history_documents_in(struct history *h, const struct history_rows *rows, int type, struct arena *arena,
                          void (*each)(void *context, const struct record_head *document, int64_t updated_ms,
                                       uint32_t update_count),
                          void *context) {
    size_t count, groups = 0;
    struct update *updates = document_updates(h, rows, type, arena, &count);
    struct update **last = arena_get(arena, (count ? count : 1) * sizeof *last); /* newest update of each document */
    for (size_t i = 0; i < count; i++)
        if (i + 1 == count || updates[i + 1].document != updates[i].document)
            last[groups++] = &updates[i];
    qsort(last, groups, sizeof *last, by_latest);
    const struct record_head **one = arena_get(arena, (count ? count : 1) * sizeof *one);
    struct record_builder builder = {0};
    for (size_t g = 0; g < groups; g++) {
        uint32_t n = 0;
        const struct update *u = last[g];
        while (u > updates && u[-1].document == u->document)
            u--;
        for (; u <= last[g]; u++)
            one[n++] = u->record;
        struct document_fold fold = {one, n};
        each(context, fold_document(&fold, &builder), last[g]->record->time_ms, n);
    }
    record_builder_release(&builder);
}
