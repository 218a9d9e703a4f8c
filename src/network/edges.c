/* edges: see the header. */
#include "network/edges.h"

#include <stdlib.h>

void edge_list_release(struct edge_list *list) {
    free(list->edges);
    *list = (struct edge_list){0};
}

void edge_list_add(struct edge_list *list, uint32_t from, uint32_t to) {
    if (list->count == list->room) {
        list->room = list->room ? list->room * 2 : 1024;
        list->edges = memory_resize(list->edges, list->room, sizeof *list->edges);
    }
    list->edges[list->count++] = (struct edge_pair){from, to};
}

static int compare_edge(const void *a, const void *b) {
    const struct edge_pair *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return (x->to > y->to) - (x->to < y->to);
}

void edge_list_sort(struct edge_list *list) {
    size_t kept = 0;
    if (list->count)
        qsort(list->edges, list->count, sizeof *list->edges, compare_edge);
    for (size_t i = 0; i < list->count; i++)
        if (!kept || compare_edge(&list->edges[kept - 1], &list->edges[i]) != 0)
            list->edges[kept++] = list->edges[i];
    list->count = kept;
}

/* --- reading --- */

struct scan {
    const struct network_parts *parts;
    const struct range_want *want;
    struct range *range;
    void (*visit)(void *context, struct range *range, const uint64_t *bits);
    void *context;
    uint16_t owners[SPAN_CUSTOMERS];
};

static void scan_span(struct scan *s, uint32_t span) {
    uint64_t dirty[SPAN_CUSTOMERS / 64] = {0}, population[SPAN_CUSTOMERS / 64] = {0}, clean[SPAN_CUSTOMERS / 64];
    uint32_t count = 0;
    struct history_hold hold = history_enter(s->parts->history);
    if (range_span(s->range, s->want, span, dirty, population)) {
        for (size_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
            clean[w] = population[w] & ~dirty[w];
        s->visit(s->context, s->range, clean);
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            if (dirty[i / 64] >> (i % 64) & 1 && population[i / 64] >> (i % 64) & 1)
                s->owners[count++] = (uint16_t)i;
        if (count) {
            range_owners(s->range, s->want, span, s->owners, count);
            s->visit(s->context, s->range, NULL);
        }
    }
    history_leave(s->parts->history, hold);
}

enum status network_scan(const struct network_parts *parts, const struct range_want *want, double from, double share,
                         void (*visit)(void *context, struct range *range, const uint64_t *bits), void *context,
                         struct fault *fault) {
    struct scan s = {.parts = parts, .want = want, .visit = visit, .context = context};
    struct identity_counters counters;
    identity_counters_read(parts->identity, &counters);
    uint32_t spans = (uint32_t)(counters.created / SPAN_CUSTOMERS) + 1;
    bool going = true;
    s.range = range_create(parts->history, parts->identity);
    for (uint32_t span = 0; span < spans && going; span++) {
        scan_span(&s, span);
        going = !parts->progress || parts->progress(parts->context, from + share * (span + 1) / spans);
    }
    range_free(s.range);
    return going ? STATUS_OK : fault_set(fault, STATUS_CLOSED, "cancelled");
}

static void take_rows(void *context, struct range *range, const uint64_t *bits) {
    struct edge_list *list = context;
    const struct range_rows *rows = range_rows(range, 0);
    const struct range_column *target = &rows->columns[0];
    uint32_t count = range_count(range);
    if (rows->first == rows->end || target->form == COLUMN_NOTHING)
        return;
    for (uint32_t i = 0; i < count; i++) {
        if (bits && !(bits[i / 64] >> (i % 64) & 1))
            continue;
        uint32_t from = range_customer_at(range, i).number;
        for (uint32_t row = rows->starts[i]; row < rows->starts[i + 1]; row++) {
            bool absent = target->absent && (target->absent[row / 8] >> (row % 8) & 1);
            uint32_t to = absent ? 0 : (uint32_t)range_integer(target, row);
            if (to && to != from)
                edge_list_add(list, from, to);
        }
    }
}

enum status edges_read(const struct network_parts *parts, uint16_t type, double from, double share,
                       struct edge_list *list, struct fault *fault) {
    const struct column_want target = {.property = RANGE_TARGET};
    const struct rows_want rows = {ROWS_RELATION, type, &target, 1};
    const struct range_want want = {.rows = &rows, .rows_count = 1};
    return network_scan(parts, &want, from, share, take_rows, list, fault);
}
