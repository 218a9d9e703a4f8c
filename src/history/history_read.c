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

/* Counts (places NULL) or fills the places of base rows; rows that the delta replaced are left out of the latter. */
static size_t base_places(const struct base *base, uint32_t owner, int type, const struct delta_row *replacing,
                          struct row_place *places) {
    size_t count = 0;
    for (uint32_t i = 0; base && i < base->table_count; i++) {
        const struct table_head *t = base->tables[i];
        uint32_t first, end;
        if (!wanted(type, t->type))
            continue;
        table_range(t, owner, &first, &end);
        if (!places) {
            count += end - first;
            continue;
        }
        struct table_order order = table_order_of(t);
        for (uint32_t row = first; row < end; row++) {
            uint64_t position = table_order_position(&order, row);
            if (replacing && delta_replaced(replacing, NULL, t->type, position))
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

/* `replacing`: the chain's newest row where it has rows that replace others, else NULL. */
static size_t delta_places(const struct delta_row *row, int type, const struct delta_row *replacing, struct row_place *places) {
    size_t count = 0;
    for (; row; row = row->before) {
        const struct record_head *r = delta_record(row);
        if (!wanted(type, r->type) || (replacing && delta_replaced(replacing, row, r->type, r->position)))
            continue;
        if (places)
            places[count] = (struct row_place){.time_ms = r->time_ms, .position = r->position, .record = r, .type = r->type};
        count++;
    }
    return count;
}

/* Insertion sort for the few and nearly sorted, qsort for many. */
static void sort_places(struct row_place *places, size_t count) {
    if (count > 24) {
        qsort(places, count, sizeof *places, newest_first);
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

void history_rows(struct history *h, struct customer_id customer, int type, struct arena *arena, struct history_rows *rows) {
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
            const struct delta_row *replacing = replaces ? newest : NULL;
            size_t most = base_places(view->base, owner, type, NULL, NULL) + delta_places(newest, type, NULL, NULL);
            rows->places = arena_get(arena, (most ? most : 1) * sizeof *rows->places);
            rows->count = base_places(view->base, owner, type, replacing, rows->places);
            rows->count += delta_places(newest, type, replacing, rows->places + rows->count);
            assert(rows->count <= most && (replaces || rows->count == most));
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
    struct record_builder builder = {0};
    history_rows(h, customer, 0, arena, &rows);
    uint32_t limit = atomic_load_explicit(&dictionary_type_at(h->dictionary, 0)->property_count, memory_order_acquire) + 1;
    struct attribute_now *now = arena_get(arena, limit * sizeof *now);
    memset(now, 0, limit * sizeof *now);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = history_row(h, &rows, i, &builder);
        const struct record_head *kept = rows.places[i].record ? r : NULL;
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
static void copy_values(struct record_builder *b, const struct record_head *r, const struct record_value *v, uint32_t count);

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

static void copy_values(struct record_builder *b, const struct record_head *r, const struct record_value *v, uint32_t count) {
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

/* The customer's document updates, decoded, grouped by document, oldest first in each. */
static struct update *document_updates(struct history *h, struct customer_id customer, int type, struct arena *arena,
                                       size_t *count) {
    struct history_rows rows;
    struct record_builder builder = {0};
    history_rows(h, customer, type, arena, &rows);
    struct update *updates = arena_get(arena, (rows.count ? rows.count : 1) * sizeof *updates);
    *count = 0;
    for (size_t i = 0; i < rows.count; i++) {
        if (dictionary_type_at(h->dictionary, rows.places[i].type)->kind != TYPE_DOCUMENT)
            continue;
        const struct record_head *r = history_row(h, &rows, i, &builder);
        updates[(*count)++] = (struct update){r->document, (uint32_t)i,
                                              rows.places[i].record ? r : keep_record(arena, r)};
    }
    qsort(updates, *count, sizeof *updates, by_document);
    record_builder_release(&builder);
    return updates;
}

void history_documents(struct history *h, struct customer_id customer, int type, struct arena *arena,
                       void (*each)(void *context, const struct record_head *document, int64_t updated_ms,
                                    uint32_t update_count),
                       void *context) {
    size_t count, groups = 0;
    struct update *updates = document_updates(h, customer, type, arena, &count);
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
