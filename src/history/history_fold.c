/* history_fold: the folds over rows; the header has the rules. */
#include "history/history_fold.h"

#include <assert.h>
#include <stdlib.h>

const struct record_head *fold_keep(struct arena *arena, const struct record_head *r) {
    struct record_head *copy = arena_get(arena, r->bytes);
    memcpy(copy, r, r->bytes);
    return copy;
}

/* --- attributes --- */

static struct fold_rank rank_of(const struct record_head *r) {
    return (struct fold_rank){r->priority, r->time_ms, r->position};
}

void fold_attributes(struct attribute_now *now, uint32_t limit, const struct record_head *r, struct arena *arena) {
    const struct record_head *kept = arena ? NULL : r;
    for (unsigned k = 0; k < r->value_count; k++) {
        uint16_t property = record_values(r)[k].property;
        if (property >= limit || (now[property].record && !fold_outranks(rank_of(r), rank_of(now[property].record))))
            continue;
        if (!kept)
            kept = fold_keep(arena, r);
        now[property] = (struct attribute_now){property, kept, &record_values(kept)[k]};
    }
}

/* --- documents --- */

/* Copies one item's values into the open item of `b`. */
static void copy_values(struct record_builder *b, const struct record_head *r, const struct record_value *v,
                        uint32_t count);

void fold_copy_value(struct record_builder *b, const struct record_head *r, const struct record_value *v) {
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
        fold_copy_value(b, r, &v[i]);
}

/* Items of property `property` over all updates: the last put in place, and what was appended after it. */
static void fold_items(const struct update_group *g, uint16_t property, struct record_builder *b) {
    uint32_t from = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        const struct record_head *r = g->updates[i].record;
        if (record_find(r, property) && fold_puts_items(r->flags))
            from = i;
    }
    record_items_begin(b, property);
    for (uint32_t i = from; i < g->count; i++) {
        const struct record_head *r = g->updates[i].record;
        const struct record_value *v = record_find(r, property);
        for (uint32_t k = 0; v && v->kind == VALUE_ITEMS && k < v->count; k++) {
            const struct record_item *item = &record_items(r, v)[k];
            record_item_begin(b);
            copy_values(b, r, record_item_values(r, item), item->value_count);
        }
    }
    record_items_end(b);
}

/* Values that a later update names again are skipped by walking from the newest. */
const struct record_head *fold_document(const struct update_group *g, struct record_builder *b) {
    assert(g->count > 0);
    struct record_head head = *g->updates[g->count - 1].record;
    uint8_t done[(DICTIONARY_PROPERTIES_MAX + 8) / 8] = {0};
    head.time_ms = g->updates[0].record->time_ms;
    record_begin(b, &head);
    for (uint32_t i = g->count; i-- > 0;) {
        const struct record_head *r = g->updates[i].record;
        for (unsigned k = 0; k < r->value_count; k++) {
            const struct record_value *v = &record_values(r)[k];
            if (v->property > DICTIONARY_PROPERTIES_MAX || (done[v->property / 8] >> (v->property % 8) & 1))
                continue;
            done[v->property / 8] |= (uint8_t)(1 << (v->property % 8));
            if (v->kind == VALUE_ITEMS)
                fold_items(g, v->property, b);
            else if (v->kind != VALUE_MISSING)
                fold_copy_value(b, r, v);
        }
    }
    return record_end(b);
}

static int by_document(const void *a, const void *b) {
    const struct update *x = a, *y = b;
    if (x->document != y->document)
        return x->document < y->document ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

size_t fold_group(struct update *updates, size_t count, struct update_group *groups) {
    size_t found = 0;
    if (count > 1)
        qsort(updates, count, sizeof *updates, by_document);
    for (size_t i = 0; i < count; i++)
        if (i && updates[i].document == updates[i - 1].document)
            groups[found - 1].count++;
        else
            groups[found++] = (struct update_group){&updates[i], 1};
    return found;
}
