/* path_flow: what sessions add up to; see the header, and path_flow_cut.c for where they come from. */
#include "insight/path_flow.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

void flow_init(struct flow *f, const struct flow_settings *settings) {
    const size_t n = settings->node_count;
    assert(n && n <= FLOW_NODES_MAX && settings->steps && settings->steps <= FLOW_STEPS_MAX);
    *f = (struct flow){.settings = *settings};
    f->nodes = memory_get(n, sizeof *f->nodes);
    f->links = memory_get(settings->steps * n * n, sizeof *f->links);
    f->at_step = memory_get(settings->steps * n, sizeof *f->at_step);
}

void flow_release(struct flow *f) {
    free(f->nodes);
    free(f->links);
    free(f->at_step);
    flow_cut_free(f->cut);
    path_book_release(&f->book);
    *f = (struct flow){0};
}

static void merge_node(struct flow_node *n, const struct flow_node *from) {
    n->visits += from->visits;
    n->sessions += from->sessions;
    n->entries += from->entries;
    n->exits += from->exits;
    n->before_goal += from->before_goal;
    n->before_goal_converted += from->before_goal_converted;
    n->dwell_ms += from->dwell_ms;
    for (size_t i = 0; i < FLOW_BUCKETS; i++)
        n->dwells[i] += from->dwells[i];
}

void flow_merge(struct flow *f, struct flow *from) {
    const size_t n = f->settings.node_count, steps = f->settings.steps;
    flow_settle(from);
    assert(from->settings.node_count == n && from->settings.steps == steps);
    f->customers += from->customers;
    f->sessions += from->sessions;
    f->converted += from->converted;
    f->rows += from->rows;
    for (size_t i = 0; i < n; i++)
        merge_node(&f->nodes[i], &from->nodes[i]);
    for (size_t i = 0; i < steps * n * n; i++)
        f->links[i].ms += from->links[i].ms;
    path_book_merge(&f->book, &from->book, NULL);
}

/* --- durations --- */

static double bucket_middle(uint32_t bucket) {
    if (bucket < 16)
        return bucket;
    return ldexp(16.5 + bucket % 16, (int)(bucket / 16) - 1);
}

double flow_dwell_median(const struct flow_node *node) {
    const uint64_t count = node->visits - node->exits;
    uint64_t below = 0;
    for (uint32_t i = 0; i < FLOW_BUCKETS; i++) {
        below += node->dwells[i];
        if (count && below * 2 >= count)
            return bucket_middle(i);
    }
    return -1;
}

/* --- a session --- */

/* Nodes of a session that came before its goal. */
static void count_before_goal(struct flow *f, const uint8_t *codes, size_t goal, bool converted, uint64_t times) {
    uint64_t before[4] = {0};
    for (size_t i = 0; i < goal; i++) {
        uint64_t bit = UINT64_C(1) << (codes[i] % 64), *word = &before[codes[i] / 64];
        struct flow_node *n = &f->nodes[codes[i]];
        n->before_goal += *word & bit ? 0 : times;
        n->before_goal_converted += converted && !(*word & bit) ? times : 0;
        *word |= bit;
    }
}

static void count_nodes(struct flow *f, const int64_t *ms, const uint8_t *codes, size_t count, uint64_t times) {
    uint64_t seen[4] = {0};
    f->nodes[codes[0]].entries += times;
    f->nodes[codes[count - 1]].exits += times;
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = UINT64_C(1) << (codes[i] % 64), *word = &seen[codes[i] / 64];
        struct flow_node *n = &f->nodes[codes[i]];
        n->visits += times;
        n->sessions += *word & bit ? 0 : times;
        n->dwell_ms += i + 1 < count ? ms[i] : 0;
        *word |= bit;
    }
}

void flow_finish(struct flow *f) {
    const struct flow_settings *s = &f->settings;
    flow_settle(f);
    for (size_t k = 0; k < f->book.count; k++) {
        const struct path_entry *e = &f->book.entries[k];
        const uint8_t *codes = path_codes(&f->book, e);
        const uint64_t sessions = e->conversions + e->misses;
        size_t step = s->end != FLOW_NONE && s->start == FLOW_NONE ? s->steps - e->length : 0;
        for (size_t i = 0; i < e->length; i++, step++) {
            f->at_step[step * s->node_count + codes[i]] += sessions;
            if (i + 1 < e->length)
                flow_link_at(f, (uint32_t)step, codes[i], codes[i + 1])->count += sessions;
        }
    }
}

static size_t find(const uint8_t *codes, size_t from, size_t count, uint8_t code) {
    while (from < count && codes[from] != code)
        from++;
    return from;
}

struct flow_path flow_path_of(const struct flow_settings *s, const uint8_t *codes, size_t count) {
    struct flow_path p = {.end = count};
    if (s->start != FLOW_NONE && (p.from = find(codes, 0, count, s->start)) == count)
        return p;
    if (s->end != FLOW_NONE) {
        size_t at = find(codes, s->start == FLOW_NONE ? 0 : p.from + 1, count, s->end);
        if (at >= count)
            return p;
        p.end = at + 1;
        if (s->start == FLOW_NONE) {
            p.from = p.end > s->steps ? p.end - s->steps : 0;
            p.step = s->steps - (p.end - p.from);
        }
    }
    p.end = p.end - p.from > s->steps ? p.from + s->steps : p.end;
    p.counted = true;
    return p;
}

/* How often each step and link came follows from the book: flow_finish. */
void flow_session(struct flow *f, const uint8_t *codes, const int64_t *ms, size_t count, uint64_t times) {
    const struct flow_settings *s = &f->settings;
    const struct flow_path p = flow_path_of(s, codes, count);
    if (!p.counted)
        return;
    size_t goal = s->goal == FLOW_NONE ? count : find(codes, 0, count, s->goal);
    const bool converted = s->goal != FLOW_NONE && goal < count;
    f->sessions += times;
    f->converted += converted ? times : 0;
    f->rows += count * times;
    count_nodes(f, ms, codes, count, times);
    if (s->goal != FLOW_NONE)
        count_before_goal(f, codes, goal, converted, times);
    for (size_t i = p.from, step = p.step; i + 1 < p.end; i++, step++)
        flow_link_at(f, (uint32_t)step, codes[i], codes[i + 1])->ms += ms[i];
    path_book_add(&f->book, codes + p.from, p.end - p.from, converted ? times : 0, converted ? 0 : times, 0);
}
