/* stream_read: see the header. */
#include "insight/stream_read.h"

#include <math.h>
#include <stdio.h>

#define MILLIONTHS 1000000

_Static_assert(DECIMAL_SCALE_MAX == 6, "millionths are the finest decimals");

/* What an element says of itself, over what the top says. */
struct element {
    struct slice text, number;
    char number_path[128];
};

static enum status read_element(const struct definition_part *d, const struct stream_list *list,
                                const struct definition_rows *rows, size_t index, struct element *e,
                                struct fault *fault) {
    const char *known[] = {"event", "name", list->text ? list->text : "event", list->number ? list->number : "event",
                           NULL};
    struct definition_part part;
    const bool listed = definition_get(d, list->key)->kind == JSON_ARRAY;
    enum status status = definition_enter(d, list->key, rows->json, listed ? index : SIZE_MAX, &part, fault);
    if (!status)
        status = definition_only(&part, known, fault);
    if (status)
        return status;
    if (definition_get(&part, "name"))
        e->text = SLICE_NONE;
    if (list->text)
        status = definition_text(&part, list->text, &e->text, fault);
    if (!status && list->number && definition_get(&part, list->number)) {
        status = definition_text(&part, list->number, &e->number, fault);
        (void)snprintf(e->number_path, sizeof e->number_path, "%s.%s", part.path, list->number);
    }
    return status;
}

static enum status add(struct stream *stream, const struct stream_list *list, const struct definition_rows *rows,
                       const struct element *e, struct fault *fault) {
    unsigned set = 0;
    enum status status = stream_add(stream, rows, e->text, rows->path, &set, fault);
    if (status || e->number.size == 0)
        return status;
    list->numbers[set].given = true;
    return scan_row_value(stream->scan, stream->sets[set].rows, e->number, e->number_path, TERM_NUMBER,
                          &list->numbers[set].number, fault);
}

enum status stream_read(struct stream *stream, const struct definition_part *d, const struct stream_list *list,
                        unsigned *first, struct fault *fault) {
    struct element usual = {.text = list->usual};
    struct definition_rows *rows;
    size_t count;
    enum status status = definition_rows(d, list->key, list->least, list->most, &rows, &count, fault);
    if (!status && list->text && !list->own_only)
        status = definition_text(d, list->text, &usual.text, fault);
    if (!status && list->number && !list->own_only)
        status = definition_text(d, list->number, &usual.number, fault);
    (void)snprintf(usual.number_path, sizeof usual.number_path, "%s", list->number ? list->number : "");
    if (first)
        *first = !status && count ? stream->count : STREAM_NONE;
    for (size_t i = 0; i < count && !status; i++) {
        struct element e = usual;
        if (rows[i].json)
            status = read_element(d, list, &rows[i], i, &e, fault);
        if (!status)
            status = add(stream, list, &rows[i], &e, fault);
    }
    return status;
}

int64_t stream_millionths(const struct vector *v, uint32_t element) {
    if (!v || !vector_has(v, element))
        return 0;
    struct number n = vector_number(v, element);
    if (n.scale == NUMBER_REAL)
        return fabs(n.real) < 9e12 ? llround(n.real * MILLIONTHS) : 0;
    return decimal_rescale(&n.integer, n.scale, DECIMAL_SCALE_MAX) ? n.integer : 0;
}
