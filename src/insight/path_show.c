/* path_show: see the header. Rows are ordered by how much they weigh, equal ones as their nodes are. */
#include "insight/path_show.h"

#include <math.h>
#include <stdlib.h>

#define LINKS_SHOWN 2000

struct weighed {
    uint64_t weight;
    uint32_t step, source, target;
};

static int by_weight(const void *a, const void *b) {
    const struct weighed *x = a, *y = b;
    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    if (x->weight != y->weight)
        return x->weight < y->weight ? 1 : -1;
    uint64_t at_x = (uint64_t)x->source << 32 | x->target, at_y = (uint64_t)y->source << 32 | y->target;
    return (at_x > at_y) - (at_x < at_y);
}

void path_show_nodes(const struct flow *f, const struct slice *names, struct answer *answer) {
    const uint32_t n = f->settings.node_count;
    struct weighed *order = memory_get(n, sizeof *order);
    struct answer_table *t = answer_table(answer, "nodes");
    answer_column(t, "node", ANSWER_TEXT);
    answer_column(t, "sessions", ANSWER_INTEGER);
    answer_column(t, "visits", ANSWER_INTEGER);
    answer_column(t, "entries", ANSWER_INTEGER);
    answer_column(t, "exits", ANSWER_INTEGER);
    answer_column(t, "exit_rate", ANSWER_PERCENT);
    answer_column(t, "dwell_mean", ANSWER_DURATION);
    answer_column(t, "dwell_median", ANSWER_DURATION);
    for (uint32_t i = 0; i < n; i++)
        order[i] = (struct weighed){f->nodes[i].sessions, 0, i, 0};
    qsort(order, n, sizeof *order, by_weight);
    for (uint32_t i = 0; i < n && order[i].weight; i++) {
        const struct flow_node *node = &f->nodes[order[i].source];
        double median = flow_dwell_median(node);
        answer_text(t, names[order[i].source]);
        answer_integer(t, (int64_t)node->sessions);
        answer_integer(t, (int64_t)node->visits);
        answer_integer(t, (int64_t)node->entries);
        answer_integer(t, (int64_t)node->exits);
        answer_share(t, node->exits, node->visits);
        uint64_t dwelt = node->visits - node->exits;
        answer_real(t, dwelt ? (double)node->dwell_ms / (double)dwelt / 1000 : NAN);
        answer_real(t, median < 0 ? NAN : median / 1000);
    }
    free(order);
}

static int64_t shown_step(const struct flow *f, uint32_t step, bool backwards) {
    return backwards ? (int64_t)step + 1 - f->settings.steps : (int64_t)step + 1;
}

static void show_steps(const struct flow *f, const struct slice *names, bool backwards, struct answer *answer) {
    const uint32_t n = f->settings.node_count;
    struct answer_table *t = answer_table(answer, "steps");
    struct weighed *order = memory_get(n, sizeof *order);
    answer_column(t, "step", ANSWER_INTEGER);
    answer_column(t, "node", ANSWER_TEXT);
    answer_column(t, "sessions", ANSWER_INTEGER);
    answer_column(t, "went_on", ANSWER_INTEGER);
    answer_column(t, "stopped", ANSWER_INTEGER);
    for (uint32_t step = 0; step < f->settings.steps; step++) {
        for (uint32_t i = 0; i < n; i++)
            order[i] = (struct weighed){f->at_step[step * n + i], 0, i, 0};
        qsort(order, n, sizeof *order, by_weight);
        for (uint32_t i = 0; i < n && order[i].weight; i++) {
            uint64_t on = 0;
            for (uint32_t target = 0; target < n; target++)
                on += flow_link_at(f, step, order[i].source, target)->count;
            answer_integer(t, shown_step(f, step, backwards));
            answer_text(t, names[order[i].source]);
            answer_integer(t, (int64_t)order[i].weight);
            answer_integer(t, (int64_t)on);
            answer_integer(t, (int64_t)(order[i].weight - on));
        }
    }
    free(order);
}

void path_show_links(const struct flow *f, const struct slice *names, bool backwards, struct answer *answer) {
    const uint32_t n = f->settings.node_count;
    struct weighed *links = memory_get((size_t)f->settings.steps * n * n, sizeof *links);
    size_t count = 0;
    struct answer_table *t = answer_table(answer, "links");
    answer_column(t, "step", ANSWER_INTEGER);
    answer_column(t, "source", ANSWER_TEXT);
    answer_column(t, "target", ANSWER_TEXT);
    answer_column(t, "sessions", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "mean_time", ANSWER_DURATION);
    for (uint32_t step = 0; step < f->settings.steps; step++)
        for (uint32_t source = 0; source < n; source++)
            for (uint32_t target = 0; target < n; target++) {
                uint64_t weight = flow_link_at(f, step, source, target)->count;
                if (weight)
                    links[count++] = (struct weighed){weight, step, source, target};
            }
    if (count)
        qsort(links, count, sizeof *links, by_weight);
    for (size_t i = 0; i < count && i < LINKS_SHOWN; i++) {
        const struct weighed *l = &links[i];
        const struct flow_link *link = flow_link_at(f, l->step, l->source, l->target);
        answer_integer(t, shown_step(f, l->step, backwards));
        answer_text(t, names[l->source]);
        answer_text(t, names[l->target]);
        answer_integer(t, (int64_t)link->count);
        answer_share(t, link->count, f->at_step[l->step * n + l->source]);
        answer_real(t, (double)link->ms / (double)link->count / 1000);
    }
    if (count > LINKS_SHOWN)
        answer_note(answer, "%d of %zu links are shown, step by step; fewer steps or nodes would show all", LINKS_SHOWN,
                    count);
    free(links);
    show_steps(f, names, backwards, answer);
}

static int by_count(const void *a, const void *b) {
    const struct path_entry *x = *(const struct path_entry *const *)a, *y = *(const struct path_entry *const *)b;
    uint64_t all_x = x->conversions + x->misses, all_y = y->conversions + y->misses;
    if (all_x != all_y)
        return all_x < all_y ? 1 : -1;
    return (x > y) - (x < y); /* the book's own order */
}

void path_show_paths(const struct path_book *book, const struct slice *names, size_t most, bool converting,
                     struct answer *answer) {
    const struct path_entry **order = memory_get(book->count + 1, sizeof *order);
    struct buffer text = {0};
    uint64_t all = 0;
    struct answer_table *t = answer_table(answer, "paths");
    answer_column(t, "path", ANSWER_TEXT);
    answer_column(t, "sessions", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    if (converting) {
        answer_column(t, "converted", ANSWER_INTEGER);
        answer_column(t, "conversion_rate", ANSWER_PERCENT);
    }
    for (size_t i = 0; i < book->count; i++) {
        order[i] = &book->entries[i];
        all += order[i]->conversions + order[i]->misses;
    }
    if (book->count)
        qsort(order, book->count, sizeof *order, by_count);
    for (size_t i = 0; i < book->count && i < most; i++) {
        const struct path_entry *e = order[i];
        const uint8_t *codes = path_codes(book, e);
        buffer_clear(&text);
        for (size_t k = 0; k < e->length; k++)
            buffer_print(&text, "%s%.*s", k ? " > " : "", SLICE_ARG(names[codes[k]]));
        answer_text(t, buffer_slice(&text));
        answer_integer(t, (int64_t)(e->conversions + e->misses));
        answer_share(t, e->conversions + e->misses, all);
        if (converting) {
            answer_integer(t, (int64_t)e->conversions);
            answer_share(t, e->conversions, e->conversions + e->misses);
        }
    }
    if (book->count > most)
        answer_note(answer, "%zu of %zu different paths are shown", most, book->count);
    buffer_release(&text);
    free(order);
}
