/* span_current: what attributes, documents and relations are now, as tables of a base: made of the table of the rows themselves, by the folds of
 * history_fold, when a compaction has just built it.
 *
 * A customer's single setting, or a document's single update, is what it is now: its row is taken over column by column. Only where there
 * are several are they decoded and laid over each other. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "history/history_fold.h"
#include "history/span.h"

struct work {
    const struct table_head *table;
    struct table_order order;
    struct record_builder row, folded;
    struct arena kept, scratch; /* until the table is built; until the next owner */
};

static void work_release(struct work *w) {
    record_builder_release(&w->row);
    record_builder_release(&w->folded);
    arena_release(&w->kept);
    arena_release(&w->scratch);
}

static const struct record_head *decode(struct work *w, uint32_t row) {
    return fold_keep(&w->scratch, table_record(w->table, row, &w->row));
}

static void take_record(struct table_source *s, const struct record_head *r) {
    s->record = r;
    s->values = record_values(r);
    s->value_count = r->value_count;
}

/* --- attributes --- */

/* All of one owner's settings as one record. */
static const struct record_head *settings_folded(struct work *w, uint32_t first, uint32_t end, uint32_t limit) {
    struct attribute_now *now = arena_get(&w->scratch, limit * sizeof *now);
    const struct record_head *last = NULL;
    memset(now, 0, limit * sizeof *now);
    for (uint32_t row = first; row < end; row++)
        fold_attributes(now, limit, last = decode(w, row), NULL);
    record_begin(&w->folded, last);
    for (uint32_t p = 0; p < limit; p++)
        if (now[p].value && now[p].value->kind != VALUE_MISSING)
            fold_copy_value(&w->folded, now[p].record, now[p].value);
    return fold_keep(&w->kept, record_end(&w->folded));
}

/* Properties of `t` are below this. */
static uint32_t property_limit(const struct table_head *t) {
    uint32_t limit = 1;
    for (unsigned i = 0; i < t->column_count && table_columns(t)[i].property < TABLE_SYSTEM; i++)
        limit = table_columns(t)[i].property + 1u;
    return limit;
}

void span_attributes_now(const struct table_head *t, struct buffer *out) {
    struct work w = {.table = t};
    uint32_t limit = property_limit(t), first, end;
    struct table_source *rows = memory_get(SPAN_CUSTOMERS, sizeof *rows);
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
        table_range(t, owner, &first, &end);
        rows[owner].owner = owner;
        if (end - first == 1) {
            rows[owner].table = t;
            rows[owner].row = first;
        } else if (end > first) {
            take_record(&rows[owner], settings_folded(&w, first, end, limit));
            arena_reset(&w.scratch);
        }
    }
    table_build(out, t->type, TYPE_ATTRIBUTES, rows, SPAN_CUSTOMERS, TABLE_PLAIN);
    free(rows);
    work_release(&w);
}

/* --- documents and relations --- */

/* Whether the row or record says that a relation is over. */
static bool ended(const struct record_head *r) {
    const struct record_value *v = record_find(r, RELATION_ENDED);
    return v && v->kind == VALUE_BOOL && v->integer;
}

/* The document of `g`, whose updates' `order` are rows; false for a relation that ended. */
static bool document_now(struct work *w, const struct update_group *g, struct update *updates,
                         struct table_source *out) {
    uint32_t first = g->updates[0].order, last = g->updates[g->count - 1].order;
    bool relation = w->table->kind == TYPE_RELATION;
    out->time_ms = table_order_time(&w->order, first);
    out->position = table_order_position(&w->order, first);
    out->updated_ms = table_order_time(&w->order, last);
    if (g->count == 1 && !relation) {
        out->table = w->table;
        out->row = first;
        return true;
    }
    for (uint32_t i = 0; i < g->count; i++)
        updates[i].record = decode(w, g->updates[i].order);
    const struct record_head *r = fold_document(g, &w->folded);
    if (relation && ended(r))
        return false;
    take_record(out, fold_keep(&w->kept, r));
    return true;
}

static int by_first(const void *a, const void *b) {
    const struct table_source *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

/* One owner's documents, rows [first, end), in order of their first updates; returns how many. */
static uint32_t documents_now(struct work *w, uint32_t owner, uint32_t first, uint32_t end, struct table_source *out) {
    uint32_t count = end - first, found = 0;
    struct update *updates = arena_get(&w->scratch, count * sizeof *updates);
    struct update_group *groups = arena_get(&w->scratch, count * sizeof *groups);
    for (uint32_t row = first; row < end; row++)
        updates[row - first] = (struct update){(uint32_t)table_system_value(w->table, TABLE_DOCUMENT, row), row, NULL};
    size_t group_count = fold_group(updates, count, groups);
    for (size_t i = 0; i < group_count; i++) {
        out[found] = (struct table_source){.owner = owner};
        found += document_now(w, &groups[i], updates + (groups[i].updates - updates), &out[found]);
    }
    if (found > 1)
        qsort(out, found, sizeof *out, by_first);
    return found;
}

void span_documents_now(const struct table_head *t, struct buffer *out) {
    struct work w = {.table = t, .order = table_order_of(t)};
    struct table_source *rows = memory_get(t->row_count, sizeof *rows);
    uint32_t count = 0, first, end;
    assert(t->kind == TYPE_DOCUMENT || t->kind == TYPE_RELATION);
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner++) {
        table_range(t, owner, &first, &end);
        if (first == end)
            continue;
        count += documents_now(&w, owner, first, end, rows + count);
        arena_reset(&w.scratch);
    }
    table_build(out, t->type, t->kind, rows, count, TABLE_CURRENT);
    free(rows);
    work_release(&w);
}

bool span_has_current(const struct table_head *t) {
    return t->kind == TYPE_ATTRIBUTES || t->kind == TYPE_DOCUMENT || t->kind == TYPE_RELATION;
}

void span_current_name(const struct table_head *t, char name[SPAN_SECTION_BYTES]) {
    snprintf(name, SPAN_SECTION_BYTES, "%c%u", t->kind == TYPE_ATTRIBUTES ? 'a' : 'd', t->type);
}

bool span_current_check(const struct table_head *t, const struct table_head *current, size_t size) {
    if (!table_check(current, size) || current->type != t->type || current->kind != t->kind)
        return false;
    if (t->kind == TYPE_ATTRIBUTES)
        return current->row_count == SPAN_CUSTOMERS;
    return table_is_top(current) && table_column(current, TABLE_UPDATED) && current->row_count <= t->row_count;
}
