/* evaluate_until: until when an answer holds, if nothing but time goes by.
 *
 * Never later than the truth and always after now; too early only costs another look. What matters to live audiences is exact: a condition
 * that one timeless operand settles holds for ever; so does "days since x > 30" once true; "count(x, last 30 days) >= 3" with five
 * rows in the window holds until the third of them has left, and false with none to come for ever. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate.h"

static int64_t never = INSTANT_NEVER;
static const struct untils for_ever = {&never, 0};

static int64_t after(const struct state *s, int64_t t) { return t > s->now ? t : s->now + 1; }
static int64_t at_of(const struct untils *u, size_t i) { return u->each[i & u->mask]; }

static struct untils new_untils(struct state *s, uint32_t count) {
    struct untils u = {state_new(s, count, sizeof(int64_t)), SIZE_MAX};
    for (uint32_t i = 0; i < count; i++)
        u.each[i] = INSTANT_NEVER;
    return u;
}

static struct untils one_until(struct state *s, int64_t until) {
    int64_t *each = state_new(s, 1, sizeof *each);
    *each = after(s, until);
    return (struct untils){each, 0};
}

static void take_sooner(struct untils *u, size_t i, int64_t t) {
    if (t < u->each[i])
        u->each[i] = t;
}

/* The soonest of the node's children. */
static struct untils soonest(struct state *s, const struct plan_node *n) {
    uint32_t count = state_count(s, n->frame);
    struct untils u = new_untils(s, count);
    for (uint32_t k = 0; k < n->child_count; k++) {
        if (n->children[k] == NODE_NONE || !state_node(s, n->children[k])->timed)
            continue;
        const struct untils *child = state_until(s, n->children[k]);
        for (uint32_t i = 0; i < count; i++)
            take_sooner(&u, i, at_of(child, i));
    }
    return u;
}

/* --- and, or --- */

/* One operand that is false holds an `and`: it lasts as long as the one of them that lasts longest. */
static struct untils junction_until(struct state *s, const struct plan_node *n) {
    uint32_t count = state_count(s, n->frame);
    bool and = n->op == OP_AND;
    struct untils u = new_untils(s, count);
    const uint64_t *result = state_bits(s, n - s->plan->nodes, n->frame);
    for (uint32_t i = 0; i < count; i++)
        if (bit_of(result, i) != and)
            u.each[i] = INT64_MIN; /* settled by operands that are not `and` */
    for (uint32_t k = 0; k < n->child_count; k++) {
        const uint64_t *bits = state_bits(s, n->children[k], n->frame);
        const struct untils *child = state_until(s, n->children[k]);
        bool open = false;
        for (uint32_t i = 0; i < count; i++) {
            int64_t t = at_of(child, i);
            if (bit_of(result, i) == and)
                take_sooner(&u, i, t);
            else if (bit_of(bits, i) != and&&t > u.each[i])
                u.each[i] = t;
            open = open || u.each[i] != INSTANT_NEVER;
        }
        if (!open && count == 1 && bit_of(result, 0) != and)
            break; /* live: for ever, whatever the others say */
    }
    return u;
}

/* --- moments that go with the clock --- */

struct clock {
    int64_t now; /* what it shows */
    int64_t amount;
    uint8_t unit;
    bool day; /* a date: shows the day's start, moves at midnight */
};

static bool clock_of(struct state *s, uint32_t node, struct clock *c) {
    const struct plan_node *n = state_node(s, node);
    *c = (struct clock){.unit = UNIT_SECOND};
    if (n->kind == PLAN_SPREAD)
        return clock_of(s, n->children[0], c);
    if (n->kind == PLAN_SHIFT && state_node(s, n->children[0])->kind == PLAN_NOW) {
        c->amount = n->amount;
        c->unit = n->unit;
    } else if (n->kind == PLAN_TODAY) {
        c->day = true;
        c->now = calendar_day_start(&s->plan->calendar, state_today(s));
        return true;
    } else if (n->kind != PLAN_NOW) {
        return false;
    }
    c->now = calendar_add(&s->plan->calendar, s->now, c->amount, c->unit);
    return true;
}

/* When the clock comes to `moment`, or just passes it. */
static int64_t clock_until(struct state *s, const struct clock *c, int64_t moment) {
    const struct calendar *calendar = &s->plan->calendar;
    if (c->now > moment)
        return INSTANT_NEVER;
    if (c->day)
        return after(s, c->now == moment ? calendar_part_until(calendar, OP_DAY, s->now)
                                         : calendar_day_start(calendar, calendar_day(calendar, moment)));
    if (c->now == moment)
        return s->now + 1;
    return after(s, calendar_reach(calendar, c->amount, c->unit, false, moment, s->now));
}

/* --- comparisons --- */

static bool is_since(const struct plan_node *n) {
    return n->kind == PLAN_CALL && n->op >= OP_AGE && n->op <= OP_DAYS_UNTIL;
}

static bool order_holds(enum op op, int order) {
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

struct since_test {
    enum op op;
    struct number bounds[2];
    bool turned, down; /* the constant is on the left; the value goes down as time goes by */
};

static bool since_holds(const struct since_test *t, int64_t elapsed) {
    struct number value = number_whole(t->down ? -elapsed : elapsed);
    int order = number_compare(value, t->bounds[0]);
    if (t->op == OP_BETWEEN)
        return order >= 0 && number_compare(value, t->bounds[1]) <= 0;
    return order_holds(t->op, t->turned ? -order : order);
}

/* The least count of units past `elapsed` at which the comparison's answer is another; false: never. */
static bool since_flips(const struct since_test *t, int64_t elapsed, int64_t *flip) {
    bool holds = since_holds(t, elapsed), found = false;
    *flip = 0;
    for (unsigned b = 0; b < (t->op == OP_BETWEEN ? 2u : 1u); b++) {
        struct number floor = number_floored(t->bounds[b]);
        if (floor.scale == NUMBER_REAL || floor.integer > 1000000000000000 || floor.integer < -1000000000000000)
            continue;
        int64_t around = t->down ? -floor.integer : floor.integer;
        for (int64_t at = around - 2; at <= around + 2; at++)
            if (at > elapsed && since_holds(t, at) != holds && (!found || at < *flip)) {
                *flip = at;
                found = true;
            }
    }
    return found;
}

static enum op since_op(enum op op) { return op == OP_DAYS_UNTIL ? OP_DAYS_SINCE : op; }

static int64_t moment_at(struct state *s, enum op op, const struct vector *v, size_t i, bool *date) {
    int64_t x = v->integers[i & v->mask];
    *date = v->type == TERM_DATE;
    if (op == OP_AGE && !*date) {
        x = calendar_day(&s->plan->calendar, x);
        *date = true;
    }
    return x;
}

static bool since_until(struct state *s, const struct plan_node *n, struct untils *out) {
    bool turned = n->child_count == 2 && state_node(s, n->children[0])->kind == PLAN_CONSTANT;
    const struct plan_node *left = state_node(s, n->children[turned ? 1 : 0]);
    struct since_test test = {.op = n->op, .turned = turned};
    bool known = n->op == OP_BETWEEN || (n->op >= OP_EQUAL && n->op <= OP_GREATER_EQUAL && n->op != OP_NOT_EQUAL);
    if (!known || !is_since(left))
        return false;
    for (uint32_t k = 0, b = 0; k < n->child_count && b < 2; k++) {
        const struct plan_node *bound = state_node(s, n->children[k]);
        if (bound == left)
            continue;
        if (bound->kind != PLAN_CONSTANT || bound->type != TERM_NUMBER)
            return false;
        test.bounds[b++] = bound->number;
    }
    test.down = left->op == OP_DAYS_UNTIL;
    const enum op op = since_op(left->op);
    const struct calendar *c = &s->plan->calendar;
    const struct vector *v = state_values(s, left->children[0]);
    const struct untils *child = state_until(s, left->children[0]);
    uint32_t count = state_count(s, n->frame);
    *out = new_untils(s, count);
    for (uint32_t i = 0; i < count; i++) {
        int64_t flip;
        bool date;
        take_sooner(out, i, at_of(child, i));
        if (!vector_has(v, i))
            continue;
        int64_t x = moment_at(s, op, v, i, &date);
        if (since_flips(&test, calendar_since(c, op, x, date, s->now), &flip))
            take_sooner(out, i, after(s, calendar_since_reaches(c, op, x, date, flip)));
    }
    return true;
}

/* A moment that stands still against one that goes with the clock. */
static bool clock_compared_until(struct state *s, const struct plan_node *n, struct untils *out) {
    struct clock clock;
    if (n->child_count != 2 || n->op < OP_EQUAL || n->op > OP_GREATER_EQUAL)
        return false;
    bool right = clock_of(s, n->children[1], &clock);
    if (!right && !clock_of(s, n->children[0], &clock))
        return false;
    uint32_t other = n->children[right ? 0 : 1];
    const struct vector *v = state_values(s, other);
    if (v->type != TERM_TIME && v->type != TERM_DATE)
        return false;
    bool by_date = clock.day || v->type == TERM_DATE;
    const struct calendar *c = &s->plan->calendar;
    const struct untils *child = state_until(s, other);
    uint32_t count = state_count(s, n->frame);
    *out = new_untils(s, count);
    for (uint32_t i = 0; i < count; i++) {
        take_sooner(out, i, at_of(child, i));
        if (!vector_has(v, i))
            continue;
        int64_t x = v->integers[i & v->mask];
        if (!by_date) {
            take_sooner(out, i, clock_until(s, &clock, x));
            continue;
        }
        /* by days: the clock comes to the day's start, and passes it */
        int64_t day = v->type == TERM_DATE ? x : calendar_day(c, x), start = calendar_day_start(c, day);
        int64_t end = calendar_day_start(c, day + 1);
        take_sooner(out, i,
                    clock.now < start ? clock_until(s, &clock, start)
                    : clock.now < end ? clock_until(s, &clock, end)
                                      : INSTANT_NEVER);
    }
    return true;
}

/* --- counts against a bound --- */

static int by_instant(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The moment at which `needed` of the elements [from, to) that are (or are not) in bits have changed. */
static int64_t nth_change(struct state *s, const uint64_t *bits, bool in, const struct untils *u, uint32_t from,
                          uint32_t to, int64_t needed) {
    uint32_t count = 0;
    bool ascend = true; /* mostly: rows lie by time, and leave in that order */
    int64_t *moments = state_new(s, to - from, sizeof *moments);
    for (uint32_t i = from; i < to; i++)
        if ((!bits || bit_of(bits, i)) == in && at_of(u, i) != INSTANT_NEVER) {
            moments[count] = at_of(u, i);
            ascend &= count == 0 || moments[count - 1] <= moments[count];
            count++;
        }
    if (needed > count)
        return INSTANT_NEVER;
    if (needed == 1 && !ascend) {
        int64_t least = moments[0];
        for (uint32_t i = 1; i < count; i++)
            least = moments[i] < least ? moments[i] : least;
        return least;
    }
    if (!ascend)
        qsort(moments, count, sizeof *moments, by_instant);
    return moments[needed - 1];
}

/* count(...) >= n and its like: true until so many have left that too few remain, false until enough have come. */
static bool count_until(struct state *s, const struct plan_node *n, struct untils *out) {
    const struct plan_node *left = state_node(s, n->children[0]), *bound = state_node(s, n->children[1]);
    if (n->op < OP_LESS || n->op > OP_GREATER_EQUAL || left->kind != PLAN_AGGREGATE || left->op != OP_COUNT ||
        left->children[0] == NODE_NONE || bound->kind != PLAN_CONSTANT || left->frame != n->frame)
        return false;
    bool at_least = n->op == OP_GREATER || n->op == OP_GREATER_EQUAL;
    struct number_range r = number_range_of(n->op, bound->number, 0);
    int64_t least = at_least ? r.low : r.high == INT64_MAX ? r.high : r.high + 1;
    uint32_t groups;
    const uint32_t *starts = state_groups(s, left->source, left->frame, &groups);
    const uint64_t *bits = state_bits(s, left->children[0], left->source);
    struct leaving leaving;
    bool leaves = leaving_begin(s, left->source, left->children[0], &leaving);
    *out = new_untils(s, groups);
    if (r.low > r.high)
        return true;
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t from = starts[g] - starts[0], to = starts[g + 1] - starts[0];
        int64_t has = 0;
        for (uint32_t i = bits_next(bits, from, to); i < to; i = bits_next(bits, i + 1, to))
            has++;
        if (least <= 0 || from == to)
            continue;
        if (leaves && leaving_none_comes(s, &leaving, from, to)) {
            if (has >= least)
                out->each[g] = leaving_nth(s, &leaving, from, to, has - least + 1);
            continue;
        }
        const struct untils *u = state_until(s, left->children[0]);
        out->each[g] = has >= least ? nth_change(s, bits, true, u, from, to, has - least + 1)
                                    : nth_change(s, bits, false, u, from, to, least - has);
    }
    return true;
}

/* --- rows --- */

static struct untils spread_until(struct state *s, const struct plan_node *n) {
    const struct untils *u = state_until(s, n->children[0]);
    if (u->mask == 0)
        return *u;
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->frame, state_node(s, n->children[0])->frame, &groups);
    struct untils out = new_untils(s, state_count(s, n->frame));
    for (uint32_t g = 0; g < groups; g++)
        for (uint32_t i = starts[g] - starts[0]; i < starts[g + 1] - starts[0]; i++)
            out.each[i] = u->each[g];
    return out;
}

/* How far below a rolling window of months its start may still move back: on 29 March a month ago is as far back as on the 28th, at an
 * earlier hour. */
#define CUT_DAY_MS (25 * 3600000LL)

static struct untils moving_until(struct state *s, const struct plan_node *n) {
    const struct calendar *c = &s->plan->calendar;
    const struct frame_now *f = state_frame(s, n->frame);
    struct instants in = window_instants(c, n->window_kind, n->amount, n->unit, NULL, s->now);
    struct untils u = new_untils(s, f->count);
    int64_t boundary = INT64_MIN;
    bool cut = n->window_kind == WINDOW_ROLLING && n->unit >= UNIT_MONTH;
    for (uint32_t i = 0; i < f->count; i++) {
        int64_t t = frame_time(f, i);
        if (cut && t < in.low && t >= in.low - CUT_DAY_MS)
            u.each[i] = after(s, window_instants(c, WINDOW_TODAY, 0, UNIT_DAY, NULL, s->now).high);
        if (t < in.low)
            continue;
        if (n->window_kind == WINDOW_ROLLING) {
            u.each[i] = after(s, window_until(c, n->window_kind, n->amount, n->unit, &in, t, s->now));
            continue;
        }
        if (boundary == INT64_MIN)
            boundary = after(s, window_until(c, n->window_kind, n->amount, n->unit, &in, t, s->now));
        u.each[i] = boundary;
    }
    return u;
}

/* Windows of moments that go with the clock: a row changes sides when the moment comes to it. */
static bool clock_window_until(struct state *s, const struct plan_node *n, struct untils *out) {
    const struct frame_now *f = state_frame(s, n->frame);
    if (n->window_kind != WINDOW_SINCE && n->window_kind != WINDOW_BEFORE && n->window_kind != WINDOW_FROM_TO &&
        n->window_kind != WINDOW_AFTER)
        return false;
    *out = new_untils(s, f->count);
    for (uint32_t k = 0; k < n->child_count; k++) {
        struct clock clock;
        if (!state_node(s, n->children[k])->timed)
            continue;
        if (!clock_of(s, n->children[k], &clock))
            return false;
        for (uint32_t i = 0; i < f->count; i++)
            take_sooner(out, i, clock_until(s, &clock, frame_time(f, i)));
    }
    return true;
}

static struct untils window_node_until(struct state *s, const struct plan_node *n) {
    struct untils u;
    if (window_moves(n->window_kind))
        return moving_until(s, n);
    if (clock_window_until(s, n, &u))
        return u;
    u = new_untils(s, state_count(s, n->frame));
    uint32_t groups = state_count(s, n->frame);
    const uint32_t *starts = n->source == n->frame ? NULL : state_groups(s, n->frame, n->source, &groups);
    for (uint32_t k = 0; k < n->child_count; k++) {
        const struct untils *moment = state_until(s, n->children[k]);
        for (uint32_t g = 0; g < groups; g++) {
            uint32_t from = starts ? starts[g] - starts[0] : g, to = starts ? starts[g + 1] - starts[0] : g + 1;
            for (uint32_t i = from; i < to; i++)
                take_sooner(&u, i, at_of(moment, g));
        }
    }
    return u;
}

static void rows_soonest(struct state *s, const struct plan_node *n, uint32_t child, struct untils *out) {
    if (child == NODE_NONE || !state_node(s, child)->timed)
        return;
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->source, n->frame, &groups);
    struct leaving leaving;
    bool leaves = child == n->children[0] && leaving_begin(s, n->source, child, &leaving);
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t from = starts[g] - starts[0], to = starts[g + 1] - starts[0];
        if (leaves && leaving_none_comes(s, &leaving, from, to)) {
            take_sooner(out, g, leaving_nth(s, &leaving, from, to, 1));
            continue;
        }
        const struct untils *u = state_until(s, child);
        for (uint32_t i = from; i < to; i++)
            take_sooner(out, g, at_of(u, i));
    }
}

/* any(...) that is true is so as long as the row of it that lasts longest. */
static void any_until(struct state *s, const struct plan_node *n, struct untils *out) {
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->source, n->frame, &groups);
    const uint64_t *bits = state_bits(s, n->children[0], n->source);
    struct leaving leaving;
    bool leaves = leaving_begin(s, n->source, n->children[0], &leaving);
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t from = starts[g] - starts[0], to = starts[g + 1] - starts[0];
        int64_t latest = INT64_MIN;
        if (leaves && leaving_none_comes(s, &leaving, from, to)) {
            out->each[g] = leaving_last(s, &leaving, from, to);
            continue;
        }
        const struct untils *u = state_until(s, n->children[0]);
        for (uint32_t i = bits_next(bits, from, to); i < to; i = bits_next(bits, i + 1, to))
            latest = at_of(u, i) > latest ? at_of(u, i) : latest;
        for (uint32_t i = from; i < to && latest == INT64_MIN; i++)
            take_sooner(out, g, at_of(u, i));
        if (latest != INT64_MIN)
            out->each[g] = latest;
    }
}

static struct untils aggregate_until(struct state *s, const struct plan_node *n) {
    struct untils out = new_untils(s, state_count(s, n->frame));
    if ((n->op == OP_ANY || n->op == OP_NONE) && n->children[0] != NODE_NONE) {
        any_until(s, n, &out);
        return out;
    }
    for (uint32_t k = 0; k < 3; k++)
        rows_soonest(s, n, n->children[k], &out);
    return out;
}

static struct untils target_until(struct state *s, const struct plan_node *n) {
    uint32_t count = state_count(s, n->frame);
    const struct vector *ends = state_values(s, n->children[0]);
    struct untils u = new_untils(s, count);
    for (uint32_t i = 0; i < count; i++)
        if (vector_has(ends, i))
            state_target_holds(s, n->inner, ends->integers[i & ends->mask], &u.each[i]);
    return u;
}

/* --- calls --- */

static struct untils since_value_until(struct state *s, const struct plan_node *n) {
    const struct calendar *c = &s->plan->calendar;
    const struct vector *v = state_values(s, n->children[0]);
    const enum op op = since_op(n->op);
    struct untils u = soonest(s, n);
    for (uint32_t i = 0; i < state_count(s, n->frame); i++) {
        bool date;
        if (!vector_has(v, i))
            continue;
        int64_t x = moment_at(s, op, v, i, &date), next = calendar_since(c, op, x, date, s->now) + 1;
        take_sooner(&u, i, after(s, calendar_since_reaches(c, op, x, date, next)));
    }
    return u;
}

static struct untils part_until(struct state *s, const struct plan_node *n) {
    const struct plan_node *child = state_node(s, n->children[0]);
    bool days =
        child->kind == PLAN_SHIFT && child->unit >= UNIT_DAY && state_node(s, child->children[0])->kind == PLAN_NOW;
    if (child->kind == PLAN_NOW || child->kind == PLAN_TODAY)
        return one_until(s, calendar_part_until(&s->plan->calendar, n->op == OP_DATE ? OP_DAY : n->op, s->now));
    if (days && n->op != OP_HOUR)
        return one_until(s, calendar_part_until(&s->plan->calendar, OP_DAY, s->now));
    return soonest(s, n);
}

static struct untils if_until(struct state *s, const struct plan_node *n) {
    const uint64_t *condition = state_bits(s, n->children[0], n->frame);
    const struct untils *of[3];
    for (uint32_t k = 0; k < 3; k++)
        of[k] = state_until(s, n->children[k]);
    struct untils u = new_untils(s, state_count(s, n->frame));
    for (uint32_t i = 0; i < state_count(s, n->frame); i++) {
        take_sooner(&u, i, at_of(of[0], i));
        take_sooner(&u, i, at_of(of[bit_of(condition, i) ? 1 : 2], i));
    }
    return u;
}

static struct untils call_until(struct state *s, const struct plan_node *n) {
    struct untils u;
    if (n->op == OP_AND || n->op == OP_OR)
        return junction_until(s, n);
    if (n->op == OP_IF)
        return if_until(s, n);
    if (n->op >= OP_EQUAL && n->op <= OP_MATCHES &&
        (since_until(s, n, &u) || clock_compared_until(s, n, &u) || count_until(s, n, &u)))
        return u;
    if (n->op >= OP_DATE && n->op <= OP_HOUR)
        return part_until(s, n);
    if (is_since(n))
        return since_value_until(s, n);
    u = soonest(s, n);
    if (n->op == OP_DAYS_UNTIL_ANNIVERSARY) {
        int64_t midnight = after(s, calendar_part_until(&s->plan->calendar, OP_DAY, s->now));
        for (uint32_t i = 0; i < state_count(s, n->frame); i++)
            take_sooner(&u, i, midnight);
    }
    return u;
}

static struct untils make_until(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    struct untils u;
    switch (n->kind) {
    case PLAN_NOW:
        return one_until(s, s->now + 1);
    case PLAN_TODAY:
        return one_until(s, calendar_part_until(&s->plan->calendar, OP_DAY, s->now));
    case PLAN_CALL:
        return call_until(s, n);
    case PLAN_SPREAD:
        return spread_until(s, n);
    case PLAN_WINDOW:
        return window_node_until(s, n);
    case PLAN_AGGREGATE:
        return aggregate_until(s, n);
    case PLAN_SEQUENCE:
        sequence_until(s, node, &u);
        return u;
    case PLAN_TARGET:
        return target_until(s, n);
    default:
        return soonest(s, n);
    }
}

const struct untils *state_until(struct state *s, uint32_t node) {
    struct result *r = &s->results[node];
    if (!state_node(s, node)->timed)
        return &for_ever;
    if (r->until_stamp != s->stamp) {
        r->until = make_until(s, node);
        r->until_stamp = s->stamp;
    }
    return &r->until;
}
