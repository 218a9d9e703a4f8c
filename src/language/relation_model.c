/* relation_model: see the header. */
#include "language/relation_model.h"

static void copy_value(struct record_builder *b, const struct record_head *r, const struct record_value *v) {
    if (v->kind == VALUE_TEXT)
        record_set_text(b, v->property, record_text(r, v));
    else if (v->kind == VALUE_REAL)
        record_set_real(b, v->property, v->real);
    else if (v->kind != VALUE_LIST && v->kind != VALUE_ITEMS)
        record_set(b, v->property, (enum value_kind)v->kind, v->integer, v->scale);
}

/* Later updates are laid over earlier ones; a null clears. */
static struct record_head *laid_over(const struct record_head *const *records, size_t count, size_t latest,
                                     struct arena *arena) {
    struct record_builder b = {0};
    record_begin(&b, records[latest]);
    for (size_t i = count; i-- > latest;)
        if (records[i]->type == records[latest]->type && records[i]->document == records[latest]->document)
            for (unsigned k = 0; k < records[i]->value_count; k++)
                copy_value(&b, records[i], &record_values(records[i])[k]);
    struct record_head *made = record_end(&b), *copy = arena_get(arena, made->bytes);
    memcpy(copy, made, made->bytes);
    record_builder_release(&b);
    return copy;
}

static struct customer_id target_of(const struct identity *identity, const struct record_head *edge) {
    const struct record_value *v = record_find(edge, RELATION_CUSTOMER);
    struct customer_id written = {v && v->kind == VALUE_NUMBER ? (uint32_t)v->integer : 0};
    return identity && written.number ? identity_redirect(identity, written) : written;
}

size_t model_edges(const struct identity *identity, const struct record_head *const *records, size_t count,
                   uint16_t type, struct arena *arena, struct model_edge *edges) {
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool newest = records[i]->type == type;
        size_t first = i;
        for (size_t k = 0; k < count && newest; k++)
            if (records[k]->type == type && records[k]->document == records[i]->document) {
                newest = k >= i;
                first = k > first ? k : first;
            }
        if (!newest)
            continue;
        const struct record_head *edge = laid_over(records, count, i, arena);
        const struct record_value *ended = record_find(edge, RELATION_ENDED);
        if (!(ended && ended->kind == VALUE_BOOL && ended->integer))
            edges[found++] =
                (struct model_edge){edge, records[first]->time_ms, records[first]->position, target_of(identity, edge)};
    }
    return found;
}
