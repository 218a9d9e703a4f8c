/* evaluate_hold: how long one customer's answer holds against time and events together.
 *
 * Most events change no answer: the fifth view of five hundred leaves "count(viewed) >= 500" as it was. With the answer we learn how
 * many events it takes at the least. Both promises are of one and the same part of the expression: where "a and b" is false, either
 * may be what keeps it so, and the time from one with the count of the other would miss the moment when time makes one true
 * and events the other. A count is so judged only where time can take rows out of it but not in; what is not so plain, as a sum,
 * holds against no event.
 *
 * Where all of it hangs on one such count, more can be said: with the last of those events the answer turns, if each of them surely counts
 * and none that was counted has left by then. So the event that brings somebody into a segment need not be evaluated either. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate_hold.h"

/* --- traits of nodes, once a plan --- */

static bool frame_of_events(const struct plan *plan, uint16_t frame) {
    const struct plan_frame *f = &plan->frames[frame];
    if (f->kind == FRAME_OF_ITEMS)
        f = &plan->frames[f->above];
    return f->kind == FRAME_OF_ROWS && (f->form == ROWS_EVENTS || f->form == ROWS_ANY_EVENT);
}

static bool frame_of_documents(const struct plan *plan, uint16_t frame) {
    const struct plan_frame *f = &plan->frames[frame];
    if (f->kind == FRAME_OF_ITEMS)
        f = &plan->frames[f->above];
    return f->kind == FRAME_OF_ROWS && f->form == ROWS_DOCUMENTS;
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

static bool reads_documents(const struct plan *plan, const struct plan_node *n, const uint8_t *traits) {
    bool reads = frame_of_documents(plan, n->frame) ||
                 (n->kind == PLAN_AGGREGATE && frame_of_documents(plan, n->source)) || n->kind == PLAN_TARGET ||
                 n->kind == PLAN_SEQUENCE;
    for (uint32_t k = 0; k < n->child_count && !reads; k++)
        reads = n->children[k] != NODE_NONE && traits[n->children[k]] & READS_DOCUMENTS;
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
                              (only_leaves(n, traits) ? ONLY_LEAVES : 0) |
                              (reads_documents(plan, n, traits) ? READS_DOCUMENTS : 0));
    }
    return traits;
}

/* --- holds, of customer `i` of the range in hand --- */

static struct hold hold_of(struct state *s, uint32_t node, uint32_t i);

static bool is_true(struct state *s, uint32_t node, uint32_t i) {
    return bit_of(state_bits(s, node, FRAME_CUSTOMER), i);
}

int64_t until_of(struct state *s, uint32_t node, uint32_t i) {
    if (!state_node(s, node)->timed)
        return INSTANT_NEVER;
    const struct untils *u = state_until(s, node);
    return u->each[i & u->mask];
}

/* Few events come to one customer while one part keeps the answer as it is. So one that some events and any document leave alone is
 * better than one that is evaluated with each document: it is at its end once, the other again and again. */
#define MANY_EVENTS 4

static bool lasts_longer(const struct hold *a, const struct hold *b) {
    bool a_lasts = a->documents && a->slack >= MANY_EVENTS, b_lasts = b->documents && b->slack >= MANY_EVENTS;
    if (a_lasts != b_lasts)
        return a_lasts;
    if ((a->slack == SLACK_ANY) != (b->slack == SLACK_ANY))
        return a->slack == SLACK_ANY;
    if (a->documents != b->documents)
        return a->documents;
    return a->slack != b->slack ? a->slack > b->slack : a->until_ms > b->until_ms;
}

static int64_t sooner(int64_t a, int64_t b) { return a < b ? a : b; }

/* False `and`, true `or`: the best of the operands that settle it. Where it is one alone and the others hold against any event, it turns
 * with that one. */
static struct hold witness_hold(struct state *s, const struct plan_node *n, bool settles, uint32_t i) {
    struct hold best = {.until_ms = INT64_MIN};
    uint32_t settling = 0;
    int64_t others_ms = INSTANT_NEVER;
    for (uint32_t k = 0; k < n->child_count; k++) {
        uint32_t child = n->children[k];
        if (best.until_ms == INSTANT_NEVER && best.slack == SLACK_ANY && best.documents)
            return best; /* for ever */
        struct hold h = hold_of(s, child, i);
        if (is_true(s, child, i) != settles) {
            others_ms = h.slack == SLACK_ANY ? sooner(others_ms, h.until_ms) : INT64_MIN;
            continue;
        }
        settling++;
        if (lasts_longer(&h, &best))
            best = h;
    }
    best.turns_ms = settling == 1 && others_ms != INT64_MIN ? sooner(best.turns_ms, others_ms) : 0;
    return best;
}

static struct hold junction_hold(struct state *s, uint32_t node, uint32_t i) {
    const struct plan_node *n = state_node(s, node);
    bool and = n->op == OP_AND;
    if (is_true(s, node, i) != and)
        return witness_hold(s, n, !and, i);
    struct hold all = {.until_ms = INSTANT_NEVER, .slack = SLACK_ANY, .documents = true};
    for (uint32_t k = 0; k < n->child_count; k++) {
        struct hold h = hold_of(s, n->children[k], i);
        all.until_ms = sooner(h.until_ms, all.until_ms);
        all.slack = h.slack < all.slack ? h.slack : all.slack;
        all.documents &= h.documents;
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

/* Elements of a frame of rows that are the customer's: [first, end). */
struct rows_of {
    uint32_t first, end;
};
static struct rows_of rows_of(struct state *s, uint16_t frame, uint32_t i) {
    const struct frame_now *f = state_owned_frame(s, frame);
    return (struct rows_of){f->owners[i] - f->first, f->owners[i + 1] - f->first};
}

static uint32_t count_bits(const uint64_t *bits, uint32_t first, uint32_t end) {
    uint32_t count = 0;
    for (uint32_t i = first; i < end;) {
        uint32_t to = (i / 64 + 1) * 64 < end ? (i / 64 + 1) * 64 : end;
        uint64_t word = bits[i / 64] >> (i % 64);
        count += (uint32_t)__builtin_popcountll(to - i < 64 ? word & ((UINT64_C(1) << (to - i)) - 1) : word);
        i = to;
    }
    return count;
}

static bool value_now(struct state *s, uint32_t aggregate, uint32_t i, int64_t *value) {
    const struct plan_node *a = state_node(s, aggregate);
    if (a->op == OP_COUNT) {
        struct rows_of rows = rows_of(s, a->source, i);
        *value = rows.end - rows.first;
        if (a->children[0] == NODE_NONE)
            return true;
        const uint64_t *bits = state_bits(s, a->children[0], a->source);
        *value = count_bits(bits, rows.first, rows.end);
        return true;
    }
    const struct vector *v = state_values(s, aggregate);
    if (!vector_has(v, i) || vector_number(v, i).scale != 0)
        return false;
    *value = vector_number(v, i).integer;
    return true;
}

/* Rows lie by time. */
static bool any_in_future(struct state *s, uint16_t frame, uint32_t i) {
    struct rows_of rows = rows_of(s, frame, i);
    return rows.first < rows.end && frame_time(state_frame(s, frame), rows.end - 1) > s->now;
}

static uint32_t slack_to(int64_t distance) { return distance < SLACK_ANY ? (uint32_t)distance : SLACK_ANY - 1; }

/* Whether an event of now, or one as late as may be, lies in all the windows of a condition: not in one about a moment of the customer's own. */
static bool windows_have_now(struct state *s, uint32_t condition) {
    const struct plan_node *n = condition == NODE_NONE ? NULL : state_node(s, condition);
    if (n && n->kind == PLAN_WINDOW && (n->window_kind == WINDOW_SINCE || n->window_kind == WINDOW_AFTER)) {
        const struct plan_node *from = state_node(s, n->children[0]);
        return from->kind == PLAN_CONSTANT && from->number.integer < s->now - HOLD_LATE_MS;
    }
    if (n && n->kind == PLAN_WINDOW)
        return n->window_kind == WINDOW_ROLLING;
    for (uint32_t k = 0; n && n->kind == PLAN_CALL && n->op == OP_AND && k < n->child_count; k++)
        if (!windows_have_now(s, n->children[k]))
            return false;
    return true;
}

/* How long a row stays that fulfils `condition`; false where that is not so plain. */
static bool stay_of(struct state *s, uint32_t condition, int64_t *stay_ms) {
    const struct plan_node *n = condition == NODE_NONE ? NULL : state_node(s, condition);
    if (!n || !n->timed)
        return has_trait(s, condition, SETTLED);
    if (n->kind == PLAN_WINDOW && n->window_kind == WINDOW_ROLLING && n->unit <= UNIT_WEEK) {
        *stay_ms = sooner(*stay_ms, s->now - calendar_duration(&s->plan->calendar, s->now, -n->amount, n->unit));
        return true;
    }
    bool plain = n->kind == PLAN_CALL && n->op == OP_AND;
    for (uint32_t k = 0; k < n->child_count && plain; k++)
        plain = stay_of(s, n->children[k], stay_ms);
    return plain;
}

/* Until when none of the rows that fulfil the condition leaves, nor any that comes; 0: not known. */
static int64_t rows_stay(struct state *s, const struct plan_node *a, uint32_t i) {
    int64_t stay_ms = INSTANT_NEVER, until = INSTANT_NEVER;
    if (!stay_of(s, a->children[0], &stay_ms) || !windows_have_now(s, a->children[0]))
        return 0;
    if (stay_ms == INSTANT_NEVER)
        return INSTANT_NEVER;
    if (stay_ms < 2 * HOLD_LATE_MS)
        return 0;
    const uint64_t *bits = state_bits(s, a->children[0], a->source);
    const struct untils *u = state_until(s, a->children[0]);
    struct rows_of rows = rows_of(s, a->source, i);
    for (uint32_t r = bits_next(bits, rows.first, rows.end); r < rows.end; r = bits_next(bits, r + 1, rows.end))
        until = sooner(until, u->each[r & u->mask]);
    return sooner(until, s->now - HOLD_LATE_MS + stay_ms);
}

static struct hold hold_to(int64_t until_ms, uint32_t slack, int64_t turns_ms) {
    return (struct hold){.until_ms = until_ms, .slack = slack, .turns_ms = turns_ms};
}

/* count or distinct against constants. */
static bool count_hold(struct state *s, uint32_t node, uint32_t i, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    struct number_range r;
    int64_t value;
    if (n->child_count < 2 || !grows_by_one(s, state_node(s, n->children[0])) || !range_of(s, n, &r) ||
        !value_now(s, n->children[0], i, &value))
        return false;
    const struct plan_node *a = state_node(s, n->children[0]);
    bool only_down = has_trait(s, a->children[0], ONLY_LEAVES) && !any_in_future(s, a->source, i);
    if (r.low > r.high || value > r.high || (value >= r.low && r.high == INT64_MAX))
        *out = hold_to(until_of(s, node, i), SLACK_ANY, 0);
    else if (!only_down)
        *out = hold_to(until_of(s, node, i), 1, 0);
    else if (value < r.low)
        *out = hold_to(INSTANT_NEVER, slack_to(r.low - value),
                       a->op == OP_COUNT && r.high == INT64_MAX ? rows_stay(s, a, i) : 0);
    else
        *out = hold_to(until_of(s, node, i), slack_to(r.high - value + 1), 0);
    return true;
}

/* With a row that it is about it holds against any number of others. */
static struct hold any_hold(struct state *s, uint32_t node, uint32_t i) {
    const struct plan_node *n = state_node(s, node);
    if (is_true(s, node, i) == (n->op == OP_ANY))
        return hold_to(until_of(s, node, i), has_trait(s, n->children[0], SETTLED) ? SLACK_ANY : 1, 0);
    bool turns = s->plan->frames[n->source].kind == FRAME_OF_ROWS && has_trait(s, n->children[0], SETTLED) &&
                 has_trait(s, n->children[0], ONLY_LEAVES) && !any_in_future(s, n->source, i);
    return hold_to(until_of(s, node, i), 1, turns ? rows_stay(s, n, i) : 0);
}

/* A sequence of which not even the first step was seen waits for that one, whatever documents come. */
static bool waits_for_event(struct state *s, const struct plan_node *n, uint32_t i) {
    const struct plan_step *first = n->kind == PLAN_SEQUENCE && n->step_count ? n->steps : NULL;
    if (!first || first->negated || s->plan->frames[first->frame].kind != FRAME_OF_ROWS ||
        !frame_of_events(s->plan, first->frame) || any_in_future(s, first->frame, i))
        return false;
    struct rows_of rows = rows_of(s, first->frame, i);
    if (first->rows == NODE_NONE)
        return rows.first == rows.end;
    if (!has_trait(s, first->rows, SETTLED) || !has_trait(s, first->rows, ONLY_LEAVES) ||
        has_trait(s, first->rows, READS_DOCUMENTS))
        return false;
    return bits_next(state_bits(s, first->rows, first->frame), rows.first, rows.end) == rows.end;
}

static struct hold hold_of(struct state *s, uint32_t node, uint32_t i) {
    const struct plan_node *n = state_node(s, node);
    struct hold out = {0};
    if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_CALL && (n->op == OP_AND || n->op == OP_OR))
        return junction_hold(s, node, i);
    if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_CALL && n->op == OP_NOT)
        return hold_of(s, n->children[0], i);
    if (s->evaluator->by_amount && amount_hold(s, node, i, &out))
        return out;
    if (!has_trait(s, node, READS_EVENTS))
        out = hold_to(until_of(s, node, i), SLACK_ANY, 0);
    else if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_AGGREGATE && (n->op == OP_ANY || n->op == OP_NONE))
        out = any_hold(s, node, i);
    else if (n->frame != FRAME_CUSTOMER || n->kind != PLAN_CALL || !count_hold(s, node, i, &out))
        out = hold_to(until_of(s, node, i), 1, 0);
    out.documents = !has_trait(s, node, READS_DOCUMENTS) || waits_for_event(s, n, i);
    return out;
}

/* --- whether a root hangs on one aggregate of events --- */

/* Counts what reads events below `node`, an aggregate that was found before not again. */
static uint32_t event_readers(struct state *s, uint32_t node, uint32_t *found) {
    const struct plan_node *n = state_node(s, node);
    uint32_t count = 0;
    if (!has_trait(s, node, READS_EVENTS))
        return 0;
    if (n->frame != FRAME_CUSTOMER || (n->kind != PLAN_AGGREGATE && n->kind != PLAN_CALL))
        return 2;
    if (n->kind == PLAN_AGGREGATE) {
        count = node != *found;
        *found = node;
        return count;
    }
    for (uint32_t k = 0; k < n->child_count && count < 2; k++)
        count += n->children[k] == NODE_NONE ? 0 : event_readers(s, n->children[k], found);
    return count;
}

static void know_traits(struct evaluator *e) {
    if (e->traits)
        return;
    e->traits = make_traits(e->plan);
    e->turning = memory_get(e->plan->root_count + 1, 1);
    e->amounts = memory_get(e->plan->root_count + 1, sizeof *e->amounts);
    for (uint32_t r = 0; r < e->plan->root_count; r++) {
        uint32_t found = NODE_NONE;
        e->turning[r] = event_readers(&e->main, e->plan->roots[r], &found) == 1;
        e->amounts[r] = amount_of(&e->main, e->plan->roots[r]);
    }
}

/* --- questions --- */

static struct hold root_hold(struct state *s, size_t root, uint32_t i) {
    s->evaluator->by_amount = s->evaluator->amounts[root].part > 0;
    struct hold hold = hold_of(s, s->plan->roots[root], i);
    if (!s->evaluator->turning[root] || hold.slack == SLACK_ANY || hold.turns_ms <= s->now + HOLD_LATE_MS)
        hold.turns_ms = 0;
    assert(hold.until_ms > s->now && hold.slack > 0);
    return hold;
}

struct hold evaluate_hold(struct evaluator *e, size_t root, bool *answer) {
    assert(e->live && root < e->plan->root_count);
    know_traits(e);
    *answer = is_true(&e->main, e->plan->roots[root], 0);
    return root_hold(&e->main, root, 0);
}

struct hold_amount evaluate_amount(struct evaluator *e, size_t root) {
    know_traits(e);
    return e->amounts[root];
}

void evaluate_holds(struct evaluator *e, size_t root, uint64_t *bits, struct hold *holds) {
    assert(!e->live && root < e->plan->root_count);
    know_traits(e);
    evaluate_bits(e, root, bits, NULL);
    for (uint32_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
        for (uint64_t left = e->population[w]; left; left &= left - 1) {
            uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
            bool dirty = bit_of(e->dirty_bits, i);
            holds[i] = root_hold(dirty ? &e->dirty : &e->main, root, dirty ? e->dirty_index[i] : i);
        }
}

uint64_t evaluate_clauses_of_events(struct evaluator *e, size_t root) {
    const struct clauses *c = &e->plan->clauses[root];
    uint64_t clauses = 0;
    know_traits(e);
    for (uint32_t i = 0; i < c->count; i++)
        clauses |= (uint64_t)has_trait(&e->main, c->nodes[i], READS_EVENTS) << i;
    return clauses;
}
