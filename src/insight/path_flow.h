/* path_flow: the ways customers take from node to node, added up: what a Sankey diagram, the table of most taken paths, and the search for
 * nodes that lead to a goal or away from it are made of. A kernel over keys in order (key_order.h); everything in it is a count, so that
 * workers' sums agree.
 *
 * A session is a run of rows without a pause longer than `gap_ms`. Its path is up to `steps` nodes: from its beginning, or from the first
 * `start` node on; with `end`, up to the first `end` node after that, and where there is no start, the last steps up to it (step
 * numbers then count back from the end, which is step `steps`). Sessions without the start or the end are left out. */
#ifndef ONEFOLD_INSIGHT_PATH_FLOW_H
#define ONEFOLD_INSIGHT_PATH_FLOW_H

#include "insight/key_order.h"
#include "insight/path_book.h"

#define FLOW_NODES_MAX 250
#define FLOW_STEPS_MAX 12
#define FLOW_NONE 255
#define FLOW_BUCKETS 1024 /* of durations: 16 to each doubling, so that a median is told to within 5 % */

struct flow_settings {
    uint32_t node_count;
    uint32_t steps;
    int64_t gap_ms;           /* 0: all of a customer's rows are one session */
    bool collapse;            /* the same node several times on end is one visit */
    uint8_t start, end, goal; /* codes of nodes, or FLOW_NONE */
};
struct flow_node {
    uint64_t visits, sessions, entries, exits;
    uint64_t before_goal,
        before_goal_converted; /* where there is a goal: sessions with the node before it (or without one); and of these those with */
    __int128 dwell_ms; /* from a visit to the next of the session, of the visits that have one: visits - exits */
    uint32_t dwells[FLOW_BUCKETS];
};
struct flow_link {
    uint64_t count;
    int64_t ms; /* from source to target, in all */
};
struct flow {
    struct flow_settings settings;
    uint64_t customers, sessions, converted, rows;
    struct flow_node *nodes; /* [node_count] */
    struct flow_link *links; /* [steps - 1][source][target] */
    uint64_t *at_step;       /* [steps][node] */
    struct path_book book;   /* of paths: conversions and misses by the session's goal */
    struct flow_cut *cut;    /* rows in hand, and sessions seen that are yet to be added up */
};

void flow_init(struct flow *flow, const struct flow_settings *settings);
void flow_release(struct flow *flow);
void flow_merge(struct flow *flow, struct flow *from);
/* When all are merged: counts of links and steps. */
void flow_finish(struct flow *flow);
/* Rows of customers, each one's all together, in order. Cost: about 5 ns a row, and 10 a session. */
void flow_keys(struct flow *flow, const uint64_t *keys, size_t count);
/* The same of one customer's times and codes. */
void flow_customer(struct flow *flow, const int64_t *times, const uint8_t *codes, size_t count);
static inline struct flow_link *flow_link_at(const struct flow *f, uint32_t step, uint32_t source, uint32_t target) {
    return &f->links[((size_t)step * f->settings.node_count + source) * f->settings.node_count + target];
}
/* Inside: path_flow_cut.c cuts rows into sessions, path_flow.c adds them up. */
struct flow_path {
    bool counted; /* else the session is left out */
    size_t from, end, step;
};
struct flow_path flow_path_of(const struct flow_settings *settings, const uint8_t *codes, size_t count);
/* `times` sessions of the same nodes; ms[i] is from node i to the next, in all of them. Durations are not counted by size. */
void flow_session(struct flow *flow, const uint8_t *codes, const int64_t *ms, size_t count, uint64_t times);
/* Durations by size: 0 to 15 as they are, then sixteen to a doubling. */
static inline uint32_t flow_bucket(int64_t ms) {
    const uint32_t log = 63 - (uint32_t)__builtin_clzll((uint64_t)ms | 16);
    return (log - 4) * 16 + (uint32_t)((uint64_t)ms >> (log - 4));
}
static inline void flow_dwell(struct flow_node *node, int64_t ms) { node->dwells[flow_bucket(ms)]++; }
void flow_settle(struct flow *flow); /* adds up what was seen */
void flow_cut_free(struct flow_cut *cut);
/* Middle of the durations of a node, in ms, to within 5 %; -1 where there is none. */
double flow_dwell_median(const struct flow_node *node);

#endif
