/* evaluate_hold: how long one customer's answer holds against time and events together.
 *
 * Most events change no answer: the fifth view of five hundred leaves "count(viewed) >= 500" as it was. With the answer we learn how
 * many events it takes at the least. Both promises are of one and the same part of the expression: where "a and b" is false, either
 * may be what keeps it so, and the time from one with the count of the other would miss the moment when time makes one true
 * and events the other. A count is so judged only where time can take rows out of it but not in; what is not so plain, as a sum,
 * holds against no event.
 *
 * Where all of it hangs on one such count, more can be said: with the last of those events the answer turns, if each of them surely counts
 * and none that was counted has left by then. So the event that brings somebody into a segment need not be evaluated either. How many are distinct
 * grows with values that were not counted yet (evaluate_distinct.c). */
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

/* --- holds, of customers first + j of the range in hand, for the bits j of `which` --- */

#define BLOCK 64 /* customers: what is asked of a node is asked for them together */

static void hold_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out);

#define EACH(j, of)                                                                                                    \
    for (uint64_t left_##j = (of), j; left_##j && ((j = (uint64_t)__builtin_ctzll(left_##j)), true);                   \
         left_##j &= left_##j - 1)

static uint64_t true_of(struct state *s, uint32_t node, uint32_t first) {
    return state_bits(s, node, FRAME_CUSTOMER)[first / BLOCK];
}

/* NULL: for ever. */
static const struct untils *untils_of(struct state *s, uint32_t node) {
    return state_node(s, node)->timed ? state_until(s, node) : NULL;
}

static int64_t until_at(const struct untils *u, size_t i) { return u ? u->each[i & u->mask] : INSTANT_NEVER; }

int64_t until_of(struct state *s, uint32_t node, uint32_t i) { return until_at(untils_of(s, node), i); }

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

static struct hold hold_to(int64_t until_ms, uint32_t slack, int64_t turns_ms) {
    return (struct hold){.until_ms = until_ms, .slack = slack, .turns_ms = turns_ms};
}

static bool for_ever(const struct hold *h) {
    return h->until_ms == INSTANT_NEVER && h->slack == SLACK_ANY && h->documents;
}

/* What is known of the operands that were looked at. */
struct witness {
    uint32_t settling;
    int64_t others_ms; /* INT64_MIN: one of the others does not hold against any event */
    int64_t keeps_ms;  /* until when one that settles it holds against any event; INT64_MIN: none */
};

static void take_witness(const struct hold *h, bool settles, struct witness *w, struct hold *best) {
    if (!settles) {
        w->others_ms = h->slack == SLACK_ANY ? sooner(w->others_ms, h->until_ms) : INT64_MIN;
        return;
    }
    w->settling++;
    if (h->slack == SLACK_ANY && h->until_ms > w->keeps_ms)
        w->keeps_ms = h->until_ms;
    if (lasts_longer(h, best))
        *best = *h;
}

static void take_all(const struct hold *h, struct hold *all) {
    all->until_ms = sooner(h->until_ms, all->until_ms);
    all->slack = h->slack < all->slack ? h->slack : all->slack;
    all->documents &= h->documents;
}

#define KEEPS_MS (60 * 60000) /* an operand that keeps it for less is not worth a due moment */

/* What is known of all of the operands together, where the best that settles it ends with events. */
static void take_keeping(const struct state *s, const struct witness *w, struct hold *best) {
    best->turns_ms = w->settling == 1 && w->others_ms != INT64_MIN ? sooner(best->turns_ms, w->others_ms) : 0;
    if (best->slack == SLACK_ANY || !best->documents || w->keeps_ms < s->now + KEEPS_MS)
        return;
    best->keeps = true;
    best->until_ms = sooner(best->until_ms, w->keeps_ms);
}

/* False `and`, true `or`: the best of the operands that settle it, and whether another keeps it when that ends. Where it is one alone and the others hold against any event, it turns
 * with that one. True `and`, false `or`: what all of them hold against. */
static void junction_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    bool and = n->op == OP_AND;
    uint64_t all = which & (and? true_of(s, node, first) : ~true_of(s, node, first)), sought = which & ~all,
             open = sought;
    struct witness witness[BLOCK];
    struct hold child[BLOCK];
    EACH(j, all)
    out[j] = (struct hold){.until_ms = INSTANT_NEVER, .slack = SLACK_ANY, .documents = true};
    EACH(j, sought) {
        out[j] = (struct hold){.until_ms = INT64_MIN};
        witness[j] = (struct witness){0, INSTANT_NEVER, INT64_MIN};
    }
    for (uint32_t k = 0; k < n->child_count; k++) {
        EACH(j, open)
        open &= ~((uint64_t)for_ever(&out[j]) << j);
        if (!(all | open))
            break;
        hold_block(s, n->children[k], first, all | open, child);
        uint64_t settle = and? ~true_of(s, n->children[k], first) : true_of(s, n->children[k], first);
        EACH(j, all)
        take_all(&child[j], &out[j]);
        EACH(j, open)
        take_witness(&child[j], settle >> j & 1, &witness[j], &out[j]);
    }
    EACH(j, sought)
    take_keeping(s, &witness[j], &out[j]);
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
static struct rows_of rows_of(const struct frame_now *f, size_t i) {
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

/* Rows lie by time. */
static bool any_in_future(const struct state *s, const struct frame_now *f, struct rows_of rows) {
    return rows.first < rows.end && frame_time(f, rows.end - 1) > s->now;
}

static uint32_t slack_to(int64_t distance) { return distance < SLACK_ANY ? (uint32_t)distance : SLACK_ANY - 1; }

static bool has_window(struct state *s, uint32_t node) {
    const struct plan_node *n = node == NODE_NONE ? NULL : state_node(s, node);
    bool has = n && n->kind == PLAN_WINDOW;
    for (uint32_t k = 0; n && k < n->child_count && !has; k++)
        has = has_window(s, n->children[k]);
    return has;
}

/* How long a row stays that fulfils `condition`; false where that is not so plain, or where an event of now may lie outside of a window. */
static bool stay_of(struct state *s, uint32_t condition, int64_t *stay_ms) {
    const struct plan_node *n = condition == NODE_NONE ? NULL : state_node(s, condition);
    if (!n)
        return true;
    if (n->kind == PLAN_WINDOW && n->window_kind == WINDOW_ROLLING && n->unit <= UNIT_WEEK) {
        *stay_ms = sooner(*stay_ms, s->now - calendar_duration(&s->plan->calendar, s->now, -n->amount, n->unit));
        return true;
    }
    if (n->kind != PLAN_CALL || n->op != OP_AND)
        return !n->timed && has_trait(s, condition, SETTLED) && !has_window(s, condition);
    bool plain = true;
    for (uint32_t k = 0; k < n->child_count && plain; k++)
        plain = stay_of(s, n->children[k], stay_ms);
    return plain;
}

/* Of rows that fulfil a condition: how long they stay. */
struct staying {
    bool known;      /* it is plain */
    int64_t stay_ms; /* INSTANT_NEVER: for ever */
    struct leaving leaving;
};

static struct staying staying_of(struct state *s, const struct plan_node *a) {
    struct staying st = {.stay_ms = INSTANT_NEVER};
    st.known =
        stay_of(s, a->children[0], &st.stay_ms) && (st.stay_ms == INSTANT_NEVER || st.stay_ms >= 2 * HOLD_LATE_MS);
    if (st.known && st.stay_ms != INSTANT_NEVER)
        st.known = leaving_begin(s, a->source, a->children[0], &st.leaving);
    return st;
}

/* Until when none of these rows leaves, nor any that comes; 0: not known. */
static int64_t rows_stay(const struct state *s, const struct staying *st, struct rows_of rows) {
    if (!st->known || st->stay_ms == INSTANT_NEVER)
        return st->known ? INSTANT_NEVER : 0;
    return sooner(leaving_nth(s, &st->leaving, rows.first, rows.end, 1), s->now - HOLD_LATE_MS + st->stay_ms);
}

/* A count, or how many are distinct, of events. */
struct counting {
    const struct plan_node *aggregate;
    const struct frame_now *frame;
    const uint64_t *bits;        /* of a count's rows; NULL: all */
    const struct vector *values; /* of distinct ones */
    struct number_range range;
    bool leaves; /* time takes rows out only */
};

static bool value_of(const struct counting *c, struct rows_of rows, size_t i, int64_t *value) {
    if (!c->values) {
        *value = c->bits ? count_bits(c->bits, rows.first, rows.end) : rows.end - rows.first;
        return true;
    }
    if (!vector_has(c->values, i) || vector_number(c->values, i).scale != 0)
        return false;
    *value = vector_number(c->values, i).integer;
    return true;
}

/* How the value stands to the range that makes the comparison what it is. */
enum standing { STANDS_ANYHOW, STANDS_LOOSELY, STANDS_BELOW, STANDS_ABOVE };

static enum standing standing_of(const struct counting *c, int64_t value, bool future) {
    const struct number_range *r = &c->range;
    if (r->low > r->high || value > r->high || (value >= r->low && r->high == INT64_MAX))
        return STANDS_ANYHOW;
    if (!c->leaves || future)
        return STANDS_LOOSELY;
    return value < r->low ? STANDS_BELOW : STANDS_ABOVE;
}

/* count or distinct against constants; false where it is another comparison. */
static bool count_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    struct counting c = {.aggregate = n->child_count < 2 ? NULL : state_node(s, n->children[0])};
    struct staying staying;
    bool stays_known = false;
    if (!c.aggregate || !grows_by_one(s, c.aggregate) || !range_of(s, n, &c.range))
        return false;
    const struct plan_node *a = c.aggregate;
    c.frame = state_owned_frame(s, a->source);
    if (a->op == OP_DISTINCT)
        c.values = state_values(s, n->children[0]);
    else if (a->children[0] != NODE_NONE)
        c.bits = state_bits(s, a->children[0], a->source);
    c.leaves = has_trait(s, a->children[0], ONLY_LEAVES);
    EACH(j, which) {
        struct rows_of rows = rows_of(c.frame, first + j);
        int64_t value;
        if (!value_of(&c, rows, first + j, &value)) {
            out[j] = hold_to(until_at(untils_of(s, node), first + j), 1, 0);
            continue;
        }
        switch (standing_of(&c, value, c.leaves && any_in_future(s, c.frame, rows))) {
        case STANDS_ANYHOW:
            out[j] = hold_to(until_at(untils_of(s, node), first + j), SLACK_ANY, 0);
            break;
        case STANDS_LOOSELY:
            out[j] = hold_to(until_at(untils_of(s, node), first + j), 1, 0);
            break;
        case STANDS_BELOW:
            out[j] = hold_to(INSTANT_NEVER, slack_to(c.range.low - value), 0);
            if (c.range.high == INT64_MAX && (a->op == OP_COUNT || counts_texts(s, a))) {
                if (!stays_known)
                    staying = staying_of(s, a);
                stays_known = true;
                out[j].turns_ms = rows_stay(s, &staying, rows);
            }
            break;
        case STANDS_ABOVE:
            out[j] = hold_to(until_at(untils_of(s, node), first + j), slack_to(c.range.high - value + 1), 0);
            break;
        }
    }
    return true;
}

/* With a row that it is about it holds against any number of others. */
static void any_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    const struct untils *u = untils_of(s, node);
    bool settled = has_trait(s, n->children[0], SETTLED);
    uint64_t there = which & (n->op == OP_ANY ? true_of(s, node, first) : ~true_of(s, node, first)),
             none = which & ~there;
    EACH(j, there)
    out[j] = hold_to(until_at(u, first + j), settled ? SLACK_ANY : 1, 0);
    EACH(j, none)
    out[j] = hold_to(until_at(u, first + j), 1, 0);
    if (!none || !settled || s->plan->frames[n->source].kind != FRAME_OF_ROWS ||
        !has_trait(s, n->children[0], ONLY_LEAVES))
        return;
    const struct frame_now *f = state_owned_frame(s, n->source);
    struct staying staying = staying_of(s, n);
    EACH(j, none) {
        struct rows_of rows = rows_of(f, first + j);
        if (!any_in_future(s, f, rows))
            out[j].turns_ms = rows_stay(s, &staying, rows);
    }
}

/* A sequence of which not even the first step was seen waits for that one, whatever documents come: those of `which` of whom that is so. */
static uint64_t wait_for_event(struct state *s, const struct plan_node *n, uint32_t first, uint64_t which) {
    const struct plan_step *step = n->kind == PLAN_SEQUENCE && n->step_count ? n->steps : NULL;
    uint64_t waiting = 0;
    if (!step || step->negated || s->plan->frames[step->frame].kind != FRAME_OF_ROWS ||
        !frame_of_events(s->plan, step->frame))
        return 0;
    bool plain =
        step->rows == NODE_NONE || (has_trait(s, step->rows, SETTLED) && has_trait(s, step->rows, ONLY_LEAVES) &&
                                    !has_trait(s, step->rows, READS_DOCUMENTS));
    if (!plain)
        return 0;
    const struct frame_now *f = state_owned_frame(s, step->frame);
    const uint64_t *bits = step->rows == NODE_NONE ? NULL : state_bits(s, step->rows, step->frame);
    EACH(j, which) {
        struct rows_of rows = rows_of(f, first + j);
        bool seen = bits_next(bits, rows.first, rows.end) < rows.end;
        waiting |= (uint64_t)(!seen && !any_in_future(s, f, rows)) << j;
    }
    return waiting;
}

static void plain_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, uint32_t slack,
                        struct hold *out) {
    const struct untils *u = untils_of(s, node);
    EACH(j, which)
    out[j] = hold_to(until_at(u, first + j), slack, 0);
}

static void leaf_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    if (!has_trait(s, node, READS_EVENTS))
        plain_block(s, node, first, which, SLACK_ANY, out);
    else if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_AGGREGATE && (n->op == OP_ANY || n->op == OP_NONE))
        any_block(s, node, first, which, out);
    else if (n->frame != FRAME_CUSTOMER || n->kind != PLAN_CALL || !count_block(s, node, first, which, out))
        plain_block(s, node, first, which, 1, out);
    uint64_t waiting = has_trait(s, node, READS_DOCUMENTS) ? wait_for_event(s, n, first, which) : which;
    EACH(j, which)
    out[j].documents = waiting >> j & 1;
}

static void hold_block(struct state *s, uint32_t node, uint32_t first, uint64_t which, struct hold *out) {
    const struct plan_node *n = state_node(s, node);
    if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_CALL && (n->op == OP_AND || n->op == OP_OR))
        junction_block(s, node, first, which, out);
    else if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_CALL && n->op == OP_NOT)
        hold_block(s, n->children[0], first, which, out);
    else if (s->evaluator->by_amount && amount_node(s, node))
        EACH(j, which) out[j] = amount_hold(s, node, first + (uint32_t)j);
    else
        leaf_block(s, node, first, which, out);
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

void know_traits(struct evaluator *e) {
    if (e->traits)
        return;
    e->traits = make_traits(e->plan);
    e->turning = memory_get(e->plan->root_count + 1, 1);
    e->amounts = memory_get(e->plan->root_count + 1, sizeof *e->amounts);
    e->counting = memory_get(e->plan->root_count + 1, sizeof *e->counting);
    for (uint32_t r = 0; r < e->plan->root_count; r++) {
        uint32_t found = NODE_NONE;
        e->turning[r] = event_readers(&e->main, e->plan->roots[r], &found) == 1;
        e->amounts[r] = amount_of(&e->main, e->plan->roots[r]);
        bool by_values = e->turning[r] && counts_texts(&e->main, &e->plan->nodes[found]);
        e->counting[r] = by_values ? found : NODE_NONE;
    }
}

/* --- questions --- */

static void root_block(struct state *s, size_t root, uint32_t first, uint64_t which, struct hold *out) {
    s->evaluator->by_amount = s->evaluator->amounts[root].part > 0;
    hold_block(s, s->plan->roots[root], first, which, out);
    EACH(j, which) {
        struct hold *hold = &out[j];
        if (!s->evaluator->turning[root] || hold->slack == SLACK_ANY || hold->turns_ms <= s->now + HOLD_LATE_MS)
            hold->turns_ms = 0;
        hold->keeps &= !s->evaluator->by_amount; /* whose slack counts no events */
        assert(!hold->keeps || !hold->turns_ms);
        assert(hold->until_ms > s->now && hold->slack > 0);
    }
}

struct hold evaluate_hold(struct evaluator *e, size_t root, bool *answer) {
    struct hold holds[BLOCK];
    assert(e->live && root < e->plan->root_count);
    know_traits(e);
    *answer = state_bits(&e->main, e->plan->roots[root], FRAME_CUSTOMER)[0] & 1;
    root_block(&e->main, root, 0, 1, holds);
    return holds[0];
}

struct hold_amount evaluate_amount(struct evaluator *e, size_t root) {
    know_traits(e);
    return e->amounts[root];
}

/* Those of the span's base: in their places. */
static void holds_in_base(struct evaluator *e, size_t root, struct hold *holds) {
    for (uint32_t w = 0; w < SPAN_CUSTOMERS / BLOCK; w++) {
        uint64_t which = e->population[w] & ~e->dirty_bits[w];
        if (which)
            root_block(&e->main, root, w * BLOCK, which, holds + (size_t)w * BLOCK);
    }
}

/* The others, who lie one after another. */
static void holds_of_dirty(struct evaluator *e, size_t root, struct hold *holds) {
    struct hold block[BLOCK];
    for (uint32_t first = 0; first < e->dirty_count; first += BLOCK) {
        uint32_t count = e->dirty_count - first < BLOCK ? e->dirty_count - first : BLOCK;
        root_block(&e->dirty, root, first, UINT64_MAX >> (BLOCK - count), block);
        for (uint32_t j = 0; j < count; j++)
            holds[e->dirty_owners[first + j]] = block[j];
    }
}

void evaluate_holds(struct evaluator *e, size_t root, uint64_t *bits, struct hold *holds) {
    assert(!e->live && root < e->plan->root_count);
    know_traits(e);
    evaluate_bits(e, root, bits, NULL);
    holds_in_base(e, root, holds);
    holds_of_dirty(e, root, holds);
}

uint64_t evaluate_clauses_of_events(struct evaluator *e, size_t root) {
    const struct clauses *c = &e->plan->clauses[root];
    uint64_t clauses = 0;
    know_traits(e);
    for (uint32_t i = 0; i < c->count; i++)
        clauses |= (uint64_t)has_trait(&e->main, c->nodes[i], READS_EVENTS) << i;
    return clauses;
}
