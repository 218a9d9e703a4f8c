/* review: see the header. */
#include "serve/review.h"

bool review_holds(const struct serve_parts *parts, struct slice relation, struct customer_id a, struct customer_id b,
                  struct arena *arena) {
    const struct type *type = dictionary_type_find(parts->dictionary, TYPE_RELATION, relation);
    struct record_builder builder = {0};
    bool holds = false;
    for (int side = 0; type && side < 2 && !holds; side++) { /* either may have been named first */
        struct customer_id from = side ? b : a, to = side ? a : b;
        struct history_rows rows;
        struct history_hold hold = history_enter(parts->history);
        history_rows(parts->history, from, type->number, arena, &rows);
        for (size_t i = 0; i < rows.count; i++) { /* newest first */
            const struct record_head *row = history_row(parts->history, &rows, i, &builder);
            const struct record_value *other = record_find(row, RELATION_CUSTOMER),
                                      *ended = record_find(row, RELATION_ENDED);
            if (!other ||
                identity_redirect(parts->identity, (struct customer_id){(uint32_t)other->integer}).number != to.number)
                continue;
            holds = !(ended && ended->integer);
            break;
        }
        history_leave(parts->history, hold);
    }
    record_builder_release(&builder);
    return holds;
}

void review_write(struct buffer *into, struct slice relation, struct customer_id a, struct customer_id b, bool end) {
    char from[ONEID_BYTES + 1], to[ONEID_BYTES + 1];
    oneid_format(a, from);
    oneid_format(b, to);
    buffer_print(into, "{\"command\":\"relate\",\"type\":\"%.*s\",\"from\":\"%s\",\"to\":\"%s\",\"end\":%s}",
                 SLICE_ARG(relation), from, to, end ? "true" : "false");
}

bool review_declare(const struct serve_parts *parts, const char *relation, struct buffer *into) {
    buffer_clear(into);
    if (dictionary_type_find(parts->dictionary, TYPE_RELATION, slice_text(relation)))
        return false;
    buffer_print(into, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"%s\",\"inverse\":\"%s\"}", relation,
                 relation);
    return true;
}
