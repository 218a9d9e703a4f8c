/* path_flow: one pass over a customer's rows; see the header. */
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
    free(f->starts);
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

void flow_merge(struct flow *f, const struct flow *from) {
    const size_t n = f->settings.node_count, steps = f->settings.steps;
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

/* 0 to 15 as they are, then sixteen to a doubling. */
static uint32_t bucket_of(int64_t ms) {
    if (ms < 16)
        return (uint32_t)(ms < 0 ? 0 : ms);
    uint32_t log = 63 - (uint32_t)__builtin_clzll((uint64_t)ms);
    return (log - 3) * 16 + (uint32_t)((uint64_t)ms >> (log - 4) & 15);
}

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
static void count_before_goal(struct flow *f, const uint8_t *codes, size_t goal, bool converted) {
    uint64_t before[4] = {0};
    for (size_t i = 0; i < goal; i++) {
        uint64_t bit = UINT64_C(1) << (codes[i] % 64), *word = &before[codes[i] / 64];
        struct flow_node *n = &f->nodes[codes[i]];
        n->before_goal += !(*word & bit);
        n->before_goal_converted += converted && !(*word & bit);
        *word |= bit;
    }
}

static void count_nodes(struct flow *f, const int64_t *times, const uint8_t *codes, size_t count) {
    uint64_t seen[4] = {0};
    f->nodes[codes[0]].entries++;
    f->nodes[codes[count - 1]].exits++;
    for (size_t i = 0; i < count; i++) {
        uint64_t bit = UINT64_C(1) << (codes[i] % 64), *word = &seen[codes[i] / 64];
        f->nodes[codes[i]].visits++;
        f->nodes[codes[i]].sessions += !(*word & bit);
        *word |= bit;
    }
    for (size_t i = 0; i + 1 < count; i++) {
        int64_t ms = times[i + 1] - times[i];
        f->nodes[codes[i]].dwell_ms += ms;
        f->nodes[codes[i]].dwells[bucket_of(ms)]++;
    }
}

/* The path [from, end) whose first node is at step `step`. How often each step and link came follows from the book: flow_finish. */
static void count_path(struct flow *f, const int64_t *times, const uint8_t *codes, size_t from, size_t end, size_t step,
                       bool converted) {
    for (size_t i = from; i + 1 < end; i++, step++)
        flow_link_at(f, (uint32_t)step, codes[i], codes[i + 1])->ms += times[i + 1] - times[i];
    path_book_add(&f->book, codes + from, end - from, converted, !converted, 0);
}

void flow_finish(struct flow *f) {
    const struct flow_settings *s = &f->settings;
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

static void count_session(struct flow *f, const int64_t *times, const uint8_t *codes, size_t count) {
    const struct flow_settings *s = &f->settings;
    size_t from = 0, end = count, goal = count, step = 0;
    if (s->start != FLOW_NONE && (from = find(codes, 0, count, s->start)) == count)
        return;
    if (s->end != FLOW_NONE) {
        size_t at = find(codes, s->start == FLOW_NONE ? 0 : from + 1, count, s->end);
        if (at >= count)
            return;
        end = at + 1;
        if (s->start == FLOW_NONE) {
            from = end > s->steps ? end - s->steps : 0;
            step = s->steps - (end - from);
        }
    }
    if (s->goal != FLOW_NONE)
        goal = find(codes, 0, count, s->goal);
    bool converted = s->goal != FLOW_NONE && goal < count;
    end = end - from > s->steps ? from + s->steps : end;
    f->sessions++;
    f->converted += converted;
    f->rows += count;
    f->counted = true;
    count_nodes(f, times, codes, count);
    if (s->goal != FLOW_NONE)
        count_before_goal(f, codes, goal, converted);
    count_path(f, times, codes, from, end, step, converted);
}

/* Without a branch on what comes: whether a row begins a session or a visit is as good as random. */
void flow_customer(struct flow *f, int64_t *times, uint8_t *codes, size_t count) {
    const int64_t gap = f->settings.gap_ms ? f->settings.gap_ms : INT64_MAX;
    const bool collapse = f->settings.collapse;
    size_t kept = 0, sessions = 0;
    int64_t before = 0;
    uint8_t last = 0;
    if (count + 1 > f->start_room) {
        f->start_room = 2 * (count + 1);
        f->starts = memory_resize(f->starts, f->start_room, sizeof *f->starts);
    }
    for (size_t i = 0; i < count; i++) {
        const int64_t time = times[i];
        const uint8_t code = codes[i];
        const bool begins = i == 0 || time - before > gap;
        f->starts[sessions] = (uint32_t)kept;
        sessions += begins;
        times[kept] = time;
        codes[kept] = code;
        kept += begins | !collapse | (code != last);
        before = time;
        last = code;
    }
    f->starts[sessions] = (uint32_t)kept;
    f->counted = false;
    for (size_t i = 0; i < sessions; i++)
        count_session(f, times + f->starts[i], codes + f->starts[i], f->starts[i + 1] - f->starts[i]);
    f->customers += f->counted;
}
