/* path: the analysis: which ways customers take through sessions, where they end, which nodes lead to a goal. Rows are ordered by stream.h, nodes
 * chosen by nodes.h, ways counted by path_flow.h; here the definition is read and the counts are shown. */
#include <math.h>
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/insight.h"
#include "insight/keys.h"
#include "insight/nodes.h"
#include "insight/path_flow.h"
#include "insight/path_members.h"
#include "insight/path_show.h"
#include "insight/statistics.h"
#include "insight/stream_read.h"

#define NONE STREAM_NONE
#define SIGNIFICANT 0.05

struct run {
    struct scan *scan;
    struct stream stream;
    struct nodes nodes;
    struct flow_settings settings;
    struct flow flow;
    unsigned start, end, goal; /* sets of the stream, or NONE */
    int64_t most, paths_shown;
};

/* --- reading the definition --- */

/* A length, or "none": all of a customer's rows are one. */
static enum status read_session(struct run *r, const struct definition_part *d, struct fault *fault) {
    const struct json *json = definition_get(d, "session");
    struct length length = {30, UNIT_MINUTE};
    if (json && json->kind == JSON_TEXT && slice_is(json->text, "none"))
        return STATUS_OK;
    enum status status = definition_length(d, "session", &length, fault);
    r->settings.gap_ms = length_ms(length);
    return status;
}

static enum status read_definition(struct run *r, const struct definition_part *d, struct fault *fault) {
    int64_t steps = 5;
    r->most = r->paths_shown = 20;
    r->settings.collapse = true;
    enum status status = definition_period(d, &r->stream.period, fault);
    if (!status)
        status = scan_create(d, &r->scan, fault);
    r->stream.scan = r->scan;
    if (!status)
        status = stream_read(&r->stream, d, &(struct stream_list){.key = "start", .most = 1}, &r->start, fault);
    if (!status)
        status = stream_read(&r->stream, d, &(struct stream_list){.key = "end", .most = 1}, &r->end, fault);
    if (!status)
        status = stream_read(&r->stream, d, &(struct stream_list){.key = "goal", .most = 1}, &r->goal, fault);
    if (!status)
        status = stream_read(
            &r->stream, d, &(struct stream_list){.key = "events", .least = 1, .most = 50, .text = "node"}, NULL, fault);
    if (!status)
        status = read_session(r, d, fault);
    if (!status)
        status = definition_integer(d, "steps", 1, FLOW_STEPS_MAX, &steps, fault);
    if (!status)
        status = definition_integer(d, "nodes", 1, 200, &r->most, fault);
    if (!status)
        status = definition_integer(d, "paths", 0, 100000, &r->paths_shown, fault);
    if (!status)
        status = definition_flag(d, "collapse", &r->settings.collapse, fault);
    r->settings.steps = (uint32_t)steps;
    return status;
}

/* --- counting --- */

struct worker {
    struct run *run;
    struct stream_part *rows;
    struct node_codes nodes;
    struct keys keys;
    struct flow flow;
};

static uint8_t node_of(void *context, uint32_t text) { return node_code(context, text); }

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->run = context;
    w->rows = stream_part_create(&w->run->stream);
    w->keys = (struct keys){.rows = {.code = node_of, .context = &w->nodes}};
    flow_init(&w->flow, &w->run->settings);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->rows);
    node_codes_release(&w->nodes);
    keys_release(&w->keys);
    flow_release(&w->flow);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct run *r = context;
    (void)texts;
    flow_merge(&r->flow, &((struct worker *)state)->flow);
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    stream_part_begin(w->rows, part);
    if (!w->nodes.bound)
        node_codes_bind(&w->nodes, &w->run->nodes, part->worker);
    keys_begin(&w->keys, w->rows, part->asked);
    for (uint32_t first = 0; first < part->count; first += KEY_CUSTOMERS) {
        const size_t count = keys_next(&w->keys, first, part->asked);
        flow_keys(&w->flow, w->keys.order.all, count);
    }
}

/* --- showing --- */

static uint8_t code_of_set(const struct run *r, unsigned set) {
    return set == NONE ? FLOW_NONE : nodes_code(&r->nodes, r->stream.sets[set].name);
}

static void show_summary(const struct run *r, struct answer *answer) {
    const struct flow *f = &r->flow;
    struct answer_table *t = answer_table(answer, "summary");
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "sessions", ANSWER_INTEGER);
    answer_column(t, "nodes_a_session", ANSWER_NUMBER);
    if (r->goal != NONE) {
        answer_column(t, "converted", ANSWER_INTEGER);
        answer_column(t, "conversion_rate", ANSWER_PERCENT);
    }
    answer_integer(t, (int64_t)f->customers);
    answer_integer(t, (int64_t)f->sessions);
    answer_real(t, f->sessions ? (double)f->rows / (double)f->sessions : NAN);
    if (r->goal != NONE) {
        answer_integer(t, (int64_t)f->converted);
        answer_share(t, f->converted, f->sessions);
    }
}

struct ranked {
    uint8_t node;
    double z, p;
    uint64_t part_a, whole_a, part_b, whole_b;
};

static int by_z(const void *a, const void *b) {
    const struct ranked *x = a, *y = b;
    double zx = fabs(x->z), zy = fabs(y->z);
    return zx != zy ? (zx < zy ? 1 : -1) : (x->node > y->node) - (x->node < y->node);
}

static void test_all(struct ranked *all, size_t count) {
    double *p = memory_get(count + 1, sizeof *p);
    for (size_t i = 0; i < count; i++)
        p[i] = shares_differ(all[i].part_a, all[i].whole_a, all[i].part_b, all[i].whole_b, &all[i].z);
    holm_adjust(p, count);
    for (size_t i = 0; i < count; i++)
        all[i].p = p[i];
    if (count)
        qsort(all, count, sizeof *all, by_z);
    free(p);
}

static double share(uint64_t part, uint64_t whole) { return whole ? (double)part / (double)whole : NAN; }

static void show_ranked(const struct run *r, struct answer_table *t, const struct ranked *all, size_t count,
                        const char *higher, const char *lower) {
    for (size_t i = 0; i < count; i++) {
        const struct ranked *k = &all[i];
        double with = share(k->part_a, k->whole_a), without = share(k->part_b, k->whole_b);
        answer_text(t, r->nodes.names[k->node]);
        answer_integer(t, (int64_t)k->whole_a);
        answer_share(t, k->part_a, k->whole_a);
        answer_integer(t, (int64_t)k->whole_b);
        answer_share(t, k->part_b, k->whole_b);
        answer_real(t, with - without);
        answer_real(t, k->z);
        answer_real(t, k->p);
        answer_cstring(t, k->p >= SIGNIFICANT || isnan(with - without) ? "" : with > without ? higher : lower);
    }
}

/* Sessions that had the node before their goal against those that had not. */
static void show_key_nodes(const struct run *r, struct answer *answer) {
    static const char *const names[] = {"node", "with", "rate_with", "without", "rate_without", "difference", "z", "p"};
    static const enum answer_type types[] = {ANSWER_TEXT,    ANSWER_INTEGER, ANSWER_PERCENT, ANSWER_INTEGER,
                                             ANSWER_PERCENT, ANSWER_PERCENT, ANSWER_NUMBER,  ANSWER_NUMBER};
    struct ranked all[NODES_MAX];
    size_t count = 0;
    struct answer_table *t = answer_table(answer, "key_nodes");
    const struct flow *f = &r->flow;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        answer_column(t, names[i], types[i]);
    answer_column(t, "leads", ANSWER_TEXT);
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        const struct flow_node *n = &f->nodes[i];
        if (i == f->settings.goal || n->before_goal == 0)
            continue;
        all[count++] = (struct ranked){.node = (uint8_t)i,
                                       .part_a = n->before_goal_converted,
                                       .whole_a = n->before_goal,
                                       .part_b = f->converted - n->before_goal_converted,
                                       .whole_b = f->sessions - n->before_goal};
    }
    test_all(all, count);
    show_ranked(r, t, all, count, "to the goal", "away from it");
    answer_note(
        answer,
        "key_nodes: sessions with the node before their goal against all others; p of the two-proportion z test, "
        "corrected by Holm for %zu nodes at once; \"leads\" is said below %g. A difference is no cause: who "
        "wants to buy also looks at more",
        count, SIGNIFICANT);
}

/* Visits that ended the session, here against elsewhere. */
static void show_loss_nodes(const struct run *r, struct answer *answer) {
    static const char *const names[] = {"node",       "visits", "exit_rate", "visits_elsewhere", "exit_rate_elsewhere",
                                        "difference", "z",      "p"};
    static const enum answer_type types[] = {ANSWER_TEXT,    ANSWER_INTEGER, ANSWER_PERCENT, ANSWER_INTEGER,
                                             ANSWER_PERCENT, ANSWER_PERCENT, ANSWER_NUMBER,  ANSWER_NUMBER};
    struct ranked all[NODES_MAX];
    size_t count = 0;
    struct answer_table *t = answer_table(answer, "loss_nodes");
    const struct flow *f = &r->flow;
    uint64_t visits = 0, exits = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        answer_column(t, names[i], types[i]);
    answer_column(t, "loses", ANSWER_TEXT);
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        visits += f->nodes[i].visits;
        exits += f->nodes[i].exits;
    }
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        const struct flow_node *n = &f->nodes[i];
        if (n->visits)
            all[count++] = (struct ranked){.node = (uint8_t)i,
                                           .part_a = n->exits,
                                           .whole_a = n->visits,
                                           .part_b = exits - n->exits,
                                           .whole_b = visits - n->visits};
    }
    test_all(all, count);
    show_ranked(r, t, all, count, "more", "less");
}

static void show(const struct run *r, struct answer *answer) {
    show_summary(r, answer);
    path_show_nodes(&r->flow, r->nodes.names, answer);
    path_show_links(&r->flow, r->nodes.names, r->end != NONE && r->start == NONE, answer);
    path_show_paths(&r->flow.book, r->nodes.names, (size_t)r->paths_shown, r->goal != NONE, answer);
    if (r->goal != NONE)
        show_key_nodes(r, answer);
    show_loss_nodes(r, answer);
    if (r->nodes.others != NODE_NONE)
        answer_note(answer, "%llu different nodes; the %u most frequent are shown, the others (%llu rows) as one",
                    (unsigned long long)r->nodes.different, r->nodes.count - 1,
                    (unsigned long long)r->nodes.merged_rows);
    if (r->nodes.missing)
        answer_note(answer, "%llu rows without a node are left out", (unsigned long long)r->nodes.missing);
}

static enum status count_ways(struct run *r, const struct definition_part *d, struct fault *fault) {
    flow_init(&r->flow, &r->settings);
    enum status status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    if (!status && r->flow.book.lost)
        status = definition_fail(
            d, "steps", fault, "there are more than %u different paths; fewer steps or nodes would do", PATH_BOOK_MAX);
    if (!status) {
        flow_finish(&r->flow);
        path_book_sort(&r->flow.book);
    }
    return status;
}

enum status insight_path(const struct insight *insight, struct definition_part *d, struct answer *answer,
                         struct fault *fault) {
    if (apart_asked(d))
        return apart_run(d, insight_path, answer, fault);
    struct run *r = memory_get(1, sizeof *r);
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = nodes_find(&r->nodes, &r->stream, (uint32_t)r->most, fault);
    if (!status) {
        r->settings.node_count = r->nodes.count ? r->nodes.count : 1;
        r->settings.start = code_of_set(r, r->start);
        r->settings.end = code_of_set(r, r->end);
        r->settings.goal = code_of_set(r, r->goal);
        status =
            insight->members ? path_members(d, &r->stream, &r->nodes, &r->settings, fault) : count_ways(r, d, fault);
    }
    if (!status && !insight->members)
        show(r, answer);
    flow_release(&r->flow);
    nodes_release(&r->nodes);
    scan_free(r->scan);
    free(r);
    return status;
}
