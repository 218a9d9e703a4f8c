/* evaluate_hold: how long one customer's answer holds against time and events together.
 *
 * Most events change no answer: the fifth view of five hundred leaves "count(viewed) >= 500" as it was. With the answer we learn how
 * many events it takes at the least. Both promises are of one and the same part of the expression: where "a and b" is false, either
 * may be what keeps it so, and the time from one with the count of the other would miss the moment when time makes one true
 * and events the other. A count is so judged only where time can take rows out of it but not in; what is not so plain, as a sum,
 * holds against no event. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate.h"

enum trait {
    READS_EVENTS = 1, /* an event of the customer can change the value */
    SETTLED = 2,      /* the value of a row that is there is not changed by other events */
    ONLY_LEAVES = 4   /* a condition on rows that time can make false, not true, while no row lies in the future */
};

/* --- traits of nodes, once a plan --- */

static bool frame_of_events(const struct plan *plan, uint16_t frame) {
    const struct plan_frame *f = &plan->frames[frame];
    if (f->kind == FRAME_OF_ITEMS)
        f = &plan->frames[f->above];
    return f->kind == FRAME_OF_ROWS && (f->form == ROWS_EVENTS || f->form == ROWS_ANY_EVENT);
}

static bool plan_reads_events(const struct plan *plan) {
    for (uint16_t i = 0; i < plan->frame_count; i++)
        if (frame_of_events(plan, i))
            return true;
    for (uint32_t i = 0; i < plan->inner_count; i++)
        if (plan_reads_events(plan->inners[i]))
            return true;
    return false;
}

static bool reads_events(const struct plan *plan, const struct plan_node *n, const uint8_t *traits) {
    bool reads = frame_of_events(plan, n->frame) || (n->kind == PLAN_AGGREGATE && frame_of_events(plan, n->source)) ||
                 (n->kind == PLAN_TARGET && plan_reads_events(n->inner)) || n->kind == PLAN_SEQUENCE;
    for (uint32_t k = 0; k < n->child_count && !reads; k++)
        reads = n->children[k] != NODE_NONE && traits[n->children[k]] & READS_EVENTS;
    return reads;
}

static bool is_settled(const struct plan *plan, const struct plan_node *n, const uint8_t *traits, bool reads) {
    if (n->frame == FRAME_CUSTOMER)
        return !reads;
    if (n->kind == PLAN_SEQUENCE || (n->kind == PLAN_TARGET && plan_reads_events(n->inner)) ||
        (n->kind == PLAN_AGGREGATE && plan->frames[n->source].kind != FRAME_OF_ITEMS))
        return false;
    for (uint32_t k = 0; k < n->child_count; k++)
        if (n->children[k] != NODE_NONE && !(traits[n->children[k]] & SETTLED))
            return false;
    return true;
}

/* Months differ in length, so that a window of months can begin earlier a day later. */
static bool only_leaves(const struct plan_node *n, const uint8_t *traits) {
    if (!n->timed)
        return true;
    if (n->kind == PLAN_WINDOW)
        return n->window_kind == WINDOW_TODAY || n->window_kind == WINDOW_THIS ||
               (n->window_kind == WINDOW_ROLLING && n->unit <= UNIT_WEEK);
    if (n->kind != PLAN_CALL || (n->op != OP_AND && n->op != OP_OR))
        return false;
    for (uint32_t k = 0; k < n->child_count; k++)
        if (!(traits[n->children[k]] & ONLY_LEAVES))
            return false;
    return true;
}

/* Children come before the nodes that have them. */
static uint8_t *make_traits(const struct plan *plan) {
    uint8_t *traits = memory_get(plan->node_count + 1, 1);
    for (uint32_t i = 0; i < plan->node_count; i++) {
        const struct plan_node *n = &plan->nodes[i];
        bool reads = reads_events(plan, n, traits);
        traits[i] = (uint8_t)((reads ? READS_EVENTS : 0) | (is_settled(plan, n, traits, reads) ? SETTLED : 0) |
                              (only_leaves(n, traits) ? ONLY_LEAVES : 0));
    }
    return traits;
}

static bool has_trait(const struct state *s, uint32_t node, enum trait trait) {
    return node == NODE_NONE || s->evaluator->traits[node] & trait;
}

/* --- holds --- */

static struct hold hold_of(struct state *s, uint32_t node);

static bool is_true(struct state *s, uint32_t node) { return state_bits(s, node, FRAME_CUSTOMER)[0] & 1; }

static int64_t until_of(struct state *s, uint32_t node) {
    return state_node(s, node)->timed ? state_until(s, node)->each[0] : INSTANT_NEVER;
}

static bool lasts_longer(const struct hold *a, const struct hold *b) {
    return a->slack != b->slack ? a->slack > b->slack : a->until_ms > b->until_ms;
}

/* False `and`, true `or`: the best of the operands that settle it. */
static struct hold witness_hold(struct state *s, const struct plan_node *n, bool settles) {
    struct hold best = {INT64_MIN, 0};
    for (uint32_t k = 0; k < n->child_count; k++) {
        uint32_t child = n->children[k];
        if (best.until_ms == INSTANT_NEVER &&
            (best.slack == SLACK_ANY || (best.slack > 1 && s->results[child].bits_stamp != s->stamp)))
            continue; /* good enough; what was not needed for the answer is not evaluated for a better one */
        if (is_true(s, child) != settles)
            continue;
        struct hold h = hold_of(s, child);
        if (lasts_longer(&h, &best))
            best = h;
    }
    return best;
}

static struct hold junction_hold(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    bool and = n->op == OP_AND;
    if (is_true(s, node) != and)
        return witness_hold(s, n, !and);
    struct hold all = {INSTANT_NEVER, SLACK_ANY};
    for (uint32_t k = 0; k < n->child_count; k++) {
        struct hold h = hold_of(s, n->children[k]);
        all.until_ms = h.until_ms < all.until_ms ? h.until_ms : all.until_ms;
        all.slack = h.slack < all.slack ? h.slack : all.slack;
    }
    return all;
}

/* The integers with which a comparison, or its contrary, is true; false where bounds are no constants. */
static bool range_of(struct state *s, const struct plan_node *n, struct number_range *r) {
    enum op op = n->op == OP_NOT_EQUAL ? OP_EQUAL : n->op;
    for (uint32_t k = 1; k < n->child_count; k++) {
        const struct plan_node *bound = state_node(s, n->children[k]);
        if (bound->kind != PLAN_CONSTANT || bound->type != TERM_NUMBER)
            return false;
    }
    if (op == OP_BETWEEN) {
        *r = number_range_of(OP_GREATER_EQUAL, state_node(s, n->children[1])->number, 0);
        r->high = number_range_of(OP_LESS_EQUAL, state_node(s, n->children[2])->number, 0).high;
        return true;
    }
    if (op < OP_EQUAL || op > OP_GREATER_EQUAL)
        return false;
    *r = number_range_of(op, state_node(s, n->children[1])->number, 0);
    return true;
}

static bool grows_by_one(struct state *s, const struct plan_node *a) {
    const struct plan *plan = s->plan;
    if (a->kind != PLAN_AGGREGATE || a->frame != FRAME_CUSTOMER || (a->op != OP_COUNT && a->op != OP_DISTINCT) ||
        plan->frames[a->source].kind != FRAME_OF_ROWS || !frame_of_events(plan, a->source) ||
        !has_trait(s, a->children[0], SETTLED))
        return false;
    if (a->op == OP_COUNT)
        return true;
    const struct plan_node *value = a->children[1] == NODE_NONE ? NULL : state_node(s, a->children[1]);
    return value && !value->timed && value->type < TERM_TEXT_LIST && has_trait(s, a->children[1], SETTLED);
}

static bool value_now(struct state *s, uint32_t aggregate, int64_t *value) {
    const struct plan_node *a = state_node(s, aggregate);
    uint32_t rows = state_count(s, a->source);
    if (a->op == OP_COUNT) {
        *value = rows;
        if (a->children[0] == NODE_NONE)
            return true;
        const uint64_t *bits = state_bits(s, a->children[0], a->source);
        *value = 0;
        for (uint32_t i = bits_next(bits, 0, rows); i < rows; i = bits_next(bits, i + 1, rows))
            ++*value;
        return true;
    }
    const struct vector *v = state_values(s, aggregate);
    if (!vector_has(v, 0) || vector_number(v, 0).scale != 0)
        return false;
    *value = vector_number(v, 0).integer;
    return true;
}

/* Rows lie by time. */
static bool any_in_future(struct state *s, uint16_t frame) {
    const struct frame_now *f = state_frame(s, frame);
    return f->count && frame_time(f, f->count - 1) > s->now;
}

static uint32_t slack_to(int64_t distance) { return distance < SLACK_ANY ? (uint32_t)distance : SLACK_ANY - 1; }

/* count or distinct against constants. */
static bool count_hold(struct state *s, uint32_t node, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    struct number_range r;
    int64_t value;
    if (n->child_count < 2 || !grows_by_one(s, state_node(s, n->children[0])) || !range_of(s, n, &r) ||
        !value_now(s, n->children[0], &value))
        return false;
    const struct plan_node *a = state_node(s, n->children[0]);
    bool only_down = has_trait(s, a->children[0], ONLY_LEAVES) && !any_in_future(s, a->source);
    if (r.low > r.high || value > r.high || (value >= r.low && r.high == INT64_MAX))
        *out = (struct hold){until_of(s, node), SLACK_ANY};
    else if (!only_down)
        *out = (struct hold){until_of(s, node), 1};
    else if (value < r.low)
        *out = (struct hold){INSTANT_NEVER, slack_to(r.low - value)};
    else
        *out = (struct hold){until_of(s, node), slack_to(r.high - value + 1)};
    return true;
}

/* With a row that it is about it holds against any number of others. */
static struct hold any_hold(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    bool found = is_true(s, node) == (n->op == OP_ANY);
    return (struct hold){until_of(s, node), found && has_trait(s, n->children[0], SETTLED) ? SLACK_ANY : 1};
}

static struct hold hold_of(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    struct hold out;
    if (!has_trait(s, node, READS_EVENTS))
        return (struct hold){until_of(s, node), SLACK_ANY};
    if (n->frame != FRAME_CUSTOMER)
        return (struct hold){until_of(s, node), 1};
    if (n->kind == PLAN_AGGREGATE && (n->op == OP_ANY || n->op == OP_NONE))
        return any_hold(s, node);
    if (n->kind == PLAN_CALL && (n->op == OP_AND || n->op == OP_OR))
        return junction_hold(s, node);
    if (n->kind == PLAN_CALL && n->op == OP_NOT)
        return hold_of(s, n->children[0]);
    if (n->kind == PLAN_CALL && count_hold(s, node, &out))
        return out;
    return (struct hold){until_of(s, node), 1};
}

struct hold evaluate_hold(struct evaluator *e, size_t root, bool *answer) {
    assert(e->live && root < e->plan->root_count);
    if (!e->traits)
        e->traits = make_traits(e->plan);
    *answer = is_true(&e->main, e->plan->roots[root]);
    struct hold hold = hold_of(&e->main, e->plan->roots[root]);
    assert(hold.until_ms > e->main.now && hold.slack > 0);
    return hold;
}
