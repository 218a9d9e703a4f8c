/* history_read: one customer's rows, attributes and documents, out of base and delta. */
#include <assert.h>
#include <sched.h>
#include <stdlib.h>

#include "history/history_fold.h"
#include "history/history_inside.h"

#define RETRIES_MAX 1000

/* --- rows --- */

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
            bool edits = atomic_load_explicit(&view->delta->edit_count, memory_order_acquire) > 0;
            rows->count = places_find(view->base, newest, edits, owner, type, arena, &rows->places);
        }
        atomic_thread_fence(memory_order_acquire);
        after = atomic_load_explicit(&span->sequence, memory_order_relaxed);
    } while (before != after && tries++ < RETRIES_MAX);
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
    for (size_t i = 0; i < rows->count; i++)
        if (rows->places[i].type == 0)
            fold_attributes(now, limit, history_row(h, rows, i, &builder), rows->places[i].record ? NULL : arena);
    for (uint32_t i = 0; i < limit; i++)
        if (now[i].value && now[i].value->kind != VALUE_MISSING)
            each(context, &now[i]);
    record_builder_release(&builder);
}

/* --- documents --- */

static int by_latest(const void *a, const void *b) {
    const struct update_group *x = a, *y = b;
    const struct update *last_x = &x->updates[x->count - 1], *last_y = &y->updates[y->count - 1];
    return (last_x->order < last_y->order) - (last_x->order > last_y->order);
}

static bool of_document(const struct history *h, const struct row_place *place, int type) {
    return (type < 0 || type == place->type) && dictionary_type_at(h->dictionary, place->type)->kind == TYPE_DOCUMENT;
}

/* The document updates among `rows`, decoded. */
static struct update *document_updates(struct history *h, const struct history_rows *rows, int type,
                                       struct arena *arena, size_t *count) {
    struct record_builder builder = {0};
    size_t most = 0;
    for (size_t i = 0; i < rows->count; i++)
        most += of_document(h, &rows->places[i], type);
    struct update *updates = arena_get(arena, (most ? most : 1) * sizeof *updates);
    *count = 0;
    for (size_t i = 0; i < rows->count && *count < most; i++) {
        if (!of_document(h, &rows->places[i], type))
            continue;
        const struct record_head *r = history_row(h, rows, i, &builder);
        updates[(*count)++] =
            (struct update){r->document, (uint32_t)(rows->count - i), rows->places[i].record ? r : fold_keep(arena, r)};
    }
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
    size_t count;
    struct update *updates = document_updates(h, rows, type, arena, &count);
    struct update_group *groups = arena_get(arena, (count ? count : 1) * sizeof *groups);
    size_t group_count = fold_group(updates, count, groups);
    if (group_count)
        qsort(groups, group_count, sizeof *groups, by_latest);
    struct record_builder builder = {0};
    for (size_t i = 0; i < group_count; i++) {
        const struct update_group *g = &groups[i];
        each(context, fold_document(g, &builder), g->updates[g->count - 1].record->time_ms, g->count);
    }
    record_builder_release(&builder);
}
