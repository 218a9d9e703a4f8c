/* sequence: steps in order, with gaps, absences and time limits: one pass over the rows of a customer that any step takes.
 *
 * Rows come in the order (time, log position, type). A row is offered to the steps from the last to the first, so that it serves one only,
 * and so that an absence between two steps is seen by who is waiting, not by who comes or goes with the same row. For each step the
 * machine keeps the latest time at which it was reached: whatever a later one cannot do an earlier one cannot either. An absence at the
 * end waits with the oldest match since the last that was struck, for the same reason.
 *
 * A limit over all steps: each step keeps the latest start instead, if nothing else asks for the latest time; else the machine runs once
 * for every row the first step may take. */
#include <assert.h>

#include "language/evaluate.h"

#define STEPS_MAX 16
#define NO_TIME INT64_MIN
#define FEW_CUSTOMERS 16 /* up to which rows are asked for their times one by one */

struct length { /* of time */
    bool limited;
    uint8_t unit;
    int64_t amount, ms; /* ms: -1 where it is no fixed one */
};

struct step {
    bool negated;
    int8_t before, after; /* positive step before and after, -1: none */
    uint8_t feeder;
    struct length within;
};

struct machine {
    const struct calendar *calendar;
    uint32_t count; /* steps; may be made less */
    uint32_t negated;
    int8_t first, last; /* positive steps: a sequence begins with one */
    struct step steps[STEPS_MAX];
    struct length whole;
    bool gaps, needs_time;
    int64_t now;

    /* a run */
    int64_t reach[STEPS_MAX]; /* latest time, or latest start; NO_TIME: not reached */
    bool by_start, done;
    int64_t end;     /* of the limit over all, where one start is in hand */
    int64_t pending; /* oldest match that waits for an absence to be over */
    int8_t highest;
};

/* Where a customer's rows come from: one for each table. */
struct feeder {
    uint16_t frame;
    const struct frame_now *now;
    const uint64_t *any; /* rows that some step takes; NULL: all */
    const struct range_column *positions, *types;
    uint16_t type;
    const int64_t *times; /* of all rows, where many will be asked for theirs; else NULL */
    uint32_t steps;       /* mask of those that take rows from here */
    uint32_t at, end;
    int64_t time;
};

/* A row that a step was reached by. */
struct arrival {
    int64_t t, start;
    uint32_t row;
};

struct sequence {
    struct state *s;
    const struct plan_node *n;
    struct machine machine;
    struct feeder feeders[STEPS_MAX];
    uint32_t feeder_count;
    const uint64_t *bits[STEPS_MAX]; /* of each step; NULL: all rows */
    bool plain, shortest;            /* has the short way; the shortest */
    struct arrival *arrivals[2];
};

/* --- lengths of time --- */

static struct length length_of(bool limited, int64_t amount, uint8_t unit) {
    bool fixed = calendar_unit_fixed(unit) && amount < 100000000;
    return (struct length){limited, unit, amount, fixed ? amount * calendar_unit_ms(unit) : -1};
}

static int64_t later(const struct machine *m, int64_t t, const struct length *length) {
    if (!length->limited)
        return INT64_MAX;
    return length->ms >= 0 ? t + length->ms : calendar_duration(m->calendar, t, length->amount, length->unit);
}

/* --- the machine --- */

static void machine_begin(struct machine *m) {
    for (uint32_t i = 0; i < m->count; i++)
        m->reach[i] = NO_TIME;
    m->done = false;
    m->pending = NO_TIME;
    m->end = INT64_MAX;
    m->highest = -1;
}

static void arrive(struct machine *m, uint32_t step, int64_t value, int64_t t) {
    if ((int8_t)step == m->last) {
        bool ends_here = step + 1 == m->count;
        m->highest = (int8_t)step;
        if (ends_here)
            m->done = true;
        else if (m->pending == NO_TIME)
            m->pending = t;
        return;
    }
    if (m->highest < (int8_t)step)
        m->highest = (int8_t)step;
    m->reach[step] = value;
}

static void offer_positive(struct machine *m, uint32_t step, int64_t t) {
    const struct step *p = &m->steps[step];
    if (p->before < 0) {
        arrive(m, step, t, t);
        return;
    }
    int64_t from = m->reach[p->before];
    if (from == NO_TIME || t > m->end)
        return;
    if (m->by_start) {
        if (t <= later(m, from, &m->whole) && (m->reach[step] == NO_TIME || m->reach[step] <= from))
            arrive(m, step, from, t);
    } else if (t <= later(m, from, &p->within)) {
        arrive(m, step, t, t);
    }
}

static void offer_absence(struct machine *m, uint32_t step, int64_t t) {
    const struct step *p = &m->steps[step];
    if (p->after < 0) {
        int64_t until = m->pending == NO_TIME ? NO_TIME : later(m, m->pending, &p->within);
        if (m->pending != NO_TIME && t <= (until < m->end ? until : m->end))
            m->pending = NO_TIME;
    } else {
        m->reach[p->before] = NO_TIME;
    }
}

static void offer(struct machine *m, uint32_t mask, int64_t t) {
    while (mask && !m->done) {
        uint32_t step = 31 - (uint32_t)__builtin_clz(mask);
        mask &= ~((uint32_t)1 << step);
        if (m->steps[step].negated)
            offer_absence(m, step, t);
        else
            offer_positive(m, step, t);
    }
}

/* Whether all rows being offered the sequence holds. */
static bool machine_holds(const struct machine *m) {
    if (m->done)
        return true;
    if (m->pending == NO_TIME)
        return false;
    for (uint32_t i = (uint32_t)m->last + 1; i < m->count; i++) {
        int64_t until = later(m, m->pending, &m->steps[i].within);
        until = until < m->end ? until : m->end;
        if (until != INT64_MAX && m->now < until)
            return false;
    }
    return true;
}

/* --- rows in order --- */

static uint32_t mask_at(const struct sequence *q, const struct feeder *f) {
    uint32_t mask = 0;
    for (uint32_t left = f->steps; left; left &= left - 1) {
        uint32_t step = (uint32_t)__builtin_ctz(left);
        if (!q->bits[step] || bit_of(q->bits[step], f->at))
            mask |= (uint32_t)1 << step;
    }
    return mask;
}

/* Moves on to the next row that counts, from `at` on. */
static void feed_from(const struct sequence *q, struct feeder *f, uint32_t at) {
    f->at = bits_next(f->any, at, f->end);
    if (f->at < f->end && q->machine.needs_time)
        f->time = frame_time(f->now, f->at);
}

static void feed_begin(struct sequence *q, uint32_t customer) {
    for (uint32_t i = 0; i < q->feeder_count; i++) {
        struct feeder *f = &q->feeders[i];
        f->end = f->now->owners[customer + 1] - f->now->first;
        feed_from(q, f, f->now->owners[customer] - f->now->first);
    }
}

static int64_t key_of(const struct feeder *f, const struct range_column *c, int64_t otherwise) {
    return c && (c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP) ? column_whole(c, f->now->first + f->at)
                                                                         : otherwise;
}

static int order_of(const struct feeder *a, const struct feeder *b) {
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    int64_t x = key_of(a, a->positions, 0), y = key_of(b, b->positions, 0);
    if (x == y) {
        x = key_of(a, a->types, a->type);
        y = key_of(b, b->types, b->type);
    }
    return (x > y) - (x < y);
}

/* The next row of all tables with the steps that take it; 0 at the end. One row may stand in two ("any event" and its type). */
static uint32_t feed_next(struct sequence *q, int64_t *t) {
    struct feeder *best = NULL;
    uint32_t mask = 0;
    for (uint32_t i = 0; i < q->feeder_count; i++) {
        struct feeder *f = &q->feeders[i];
        if (f->at < f->end && (!best || order_of(f, best) < 0))
            best = f;
    }
    if (!best)
        return 0;
    *t = best->time;
    for (uint32_t i = 0; i < q->feeder_count; i++) {
        struct feeder *f = &q->feeders[i];
        if (f != best && f->at < f->end && order_of(f, best) == 0) {
            mask |= mask_at(q, f);
            feed_from(q, f, f->at + 1);
        }
    }
    mask |= mask_at(q, best);
    feed_from(q, best, best->at + 1);
    return mask;
}

static uint32_t only_steps(const struct machine *m, uint32_t mask) { return mask & (((uint32_t)1 << m->count) - 1); }

static void run_once(struct sequence *q, uint32_t customer) {
    struct machine *m = &q->machine;
    int64_t t = 0;
    uint32_t mask;
    machine_begin(m);
    feed_begin(q, customer);
    if (q->feeder_count == 1) {
        struct feeder *f = &q->feeders[0];
        for (; f->at < f->end && !m->done; feed_from(q, f, f->at + 1))
            offer(m, only_steps(m, mask_at(q, f)), f->time);
        return;
    }
    while (!m->done && (mask = feed_next(q, &t)))
        offer(m, only_steps(m, mask), t);
}

/* The same with the `start`-th row that the first step takes as the first; false where there is none. */
static bool run_from(struct sequence *q, uint32_t customer, uint32_t start) {
    struct machine *m = &q->machine;
    const uint32_t first = (uint32_t)1 << m->first;
    int64_t t = 0;
    uint32_t mask, seen = 0;
    bool begun = false;
    machine_begin(m);
    feed_begin(q, customer);
    while (!m->done && (mask = feed_next(q, &t))) {
        mask = only_steps(m, mask);
        if ((mask & first) && seen++ == start) {
            begun = true;
            m->end = later(m, t, &m->whole);
            offer(m, mask, t);
        } else {
            offer(m, mask & ~first, t); /* before it nothing was reached, so nothing comes of them */
        }
    }
    return begun;
}

static bool run(struct sequence *q, uint32_t customer, int8_t *highest) {
    struct machine *m = &q->machine;
    *highest = -1;
    if (!m->whole.limited || m->by_start) {
        run_once(q, customer);
        *highest = m->highest;
        return machine_holds(m);
    }
    bool holds = false;
    for (uint32_t start = 0; !holds && run_from(q, customer, start); start++) {
        holds = machine_holds(m);
        *highest = m->highest > *highest ? m->highest : *highest;
    }
    return holds;
}

/* --- the short way: steps without absences between them, and no more than one kind of limit ---
 *
 * From step to step the rows that reach it, each by the latest row before it that reached the one before: of the gap and of the start no
 * other is better. Absences at the end are then held against the rows that reached the last. */

static bool comes_before(const struct sequence *q, uint32_t step_a, uint32_t row_a, int64_t time_a, uint32_t step_b,
                         uint32_t row_b, int64_t time_b) {
    const struct step *a = &q->machine.steps[step_a], *b = &q->machine.steps[step_b];
    if (a->feeder == b->feeder)
        return row_a < row_b;
    if (time_a != time_b)
        return time_a < time_b;
    struct feeder x = q->feeders[a->feeder], y = q->feeders[b->feeder]; /* once in a blue moon */
    x.at = row_a;
    y.at = row_b;
    x.time = y.time = time_a;
    return order_of(&x, &y) < 0;
}

static int64_t time_of(const struct sequence *q, const struct feeder *f, uint32_t row) {
    return q->machine.needs_time ? frame_time(f->now, row) : 0;
}

struct rows_left {
    uint32_t at, end;
};
static struct rows_left rows_of(const struct sequence *q, uint32_t step, uint32_t customer) {
    const struct frame_now *f = q->feeders[q->machine.steps[step].feeder].now;
    uint32_t end = f->owners[customer + 1] - f->first;
    return (struct rows_left){bits_next(q->bits[step], f->owners[customer] - f->first, end), end};
}

/* Rows by which `step` is reached from those of the step before; `most`: no more are needed. */
static uint32_t reach_step(const struct sequence *q, uint32_t step, uint32_t customer, const struct arrival *before,
                           uint32_t before_count, struct arrival *into, uint32_t most) {
    const struct machine *m = &q->machine;
    const struct feeder *f = &q->feeders[m->steps[step].feeder];
    struct rows_left rows = rows_of(q, step, customer);
    uint32_t known = 0, count = 0;
    for (; rows.at < rows.end && count < most; rows.at = bits_next(q->bits[step], rows.at + 1, rows.end)) {
        int64_t t = time_of(q, f, rows.at), start = t;
        if (step > 0) {
            while (known < before_count &&
                   comes_before(q, step - 1, before[known].row, before[known].t, step, rows.at, t))
                known++;
            if (known == 0 || t > later(m, before[known - 1].t, &m->steps[step].within) ||
                t > later(m, before[known - 1].start, &m->whole))
                continue;
            start = before[known - 1].start;
        }
        into[count++] = (struct arrival){t, start, rows.at};
    }
    return count;
}

/* Whether an absence at the end strikes what reached the last step at this row. */
static bool strikes(const struct sequence *q, uint32_t step, struct rows_left *rows, const struct arrival *last) {
    const struct machine *m = &q->machine;
    const struct feeder *f = &q->feeders[m->steps[step].feeder];
    int64_t until = later(m, last->t, &m->steps[step].within);
    while (rows->at < rows->end &&
           !comes_before(q, (uint32_t)m->last, last->row, last->t, step, rows->at, time_of(q, f, rows->at)))
        rows->at = bits_next(q->bits[step], rows->at + 1, rows->end);
    if (until != INT64_MAX && m->now < until)
        return true;
    return rows->at < rows->end && time_of(q, f, rows->at) <= until;
}

static bool survives(const struct sequence *q, uint32_t customer, const struct arrival *arrivals, uint32_t count) {
    const uint32_t first = (uint32_t)q->machine.last + 1, steps = q->n->step_count;
    struct rows_left rows[STEPS_MAX];
    for (uint32_t k = first; k < steps; k++)
        rows[k] = rows_of(q, k, customer);
    for (uint32_t i = 0; i < count; i++) {
        bool struck = false;
        for (uint32_t k = first; k < steps && !struck; k++)
            struck = strikes(q, k, &rows[k], &arrivals[i]);
        if (!struck)
            return true;
    }
    return false;
}

/* --- the shortest way: neither gaps nor absences ---
 *
 * From a row of the last step backwards: of each step before the latest row before it, which is the latest start that this row has. Rows of
 * the last step are tried from the latest on, so that what comes before only goes back too, and most of it is never looked at. */

/* The end of rows [from, end) cut to just after the last one in bits (NULL: all); `from` where none is. */
static inline uint32_t cut_to_last(const uint64_t *bits, uint32_t from, uint32_t end) {
    while (bits && end > from) {
        uint64_t word = bits[(end - 1) / 64] << (63 - (end - 1) % 64);
        uint32_t back = word ? (uint32_t)__builtin_clzll(word) : (end - 1) % 64 + 1;
        end = back < end - from ? end - back : from;
        if (word)
            break;
    }
    return end;
}

/* A step's rows of one customer that are left to look at. */
struct walk {
    const uint64_t *bits; /* NULL: all rows */
    const int64_t *times; /* NULL: asked one by one */
    uint32_t from, end;
};

static inline int64_t time_in(const struct sequence *q, uint32_t step, const struct walk *w, uint32_t row) {
    return w->times ? w->times[row] : time_of(q, &q->feeders[q->machine.steps[step].feeder], row);
}

/* Cuts `w`, of step `step`, to the latest row before `row` of the step after it, which is at `t`: false where there is none. */
static inline bool walk_back(const struct sequence *q, uint32_t step, struct walk *w, uint32_t row, int64_t t,
                             int64_t *before) {
    while ((w->end = cut_to_last(w->bits, w->from, w->end)) > w->from) {
        *before = time_in(q, step, w, w->end - 1);
        if (*before < t || (*before == t && comes_before(q, step, w->end - 1, *before, step + 1, row, t)))
            return true;
        w->end--;
    }
    return false;
}

/* Whether the first `count` steps hold. */
static bool holds_backwards(const struct sequence *q, uint32_t count, const struct walk *all) {
    const struct machine *m = &q->machine;
    struct walk walks[STEPS_MAX], *last = &walks[count - 1];
    for (uint32_t i = 0; i < count; i++)
        walks[i] = all[i];
    while ((last->end = cut_to_last(last->bits, last->from, last->end)) > last->from) {
        uint32_t row = --last->end;
        const int64_t t = time_in(q, count - 1, last, row);
        int64_t at = t;
        for (uint32_t step = count - 1; step-- > 0;) {
            if (!walk_back(q, step, &walks[step], row, at, &at))
                return false;
            row = walks[step].end - 1;
        }
        if (t <= later(m, at, &m->whole))
            return true;
    }
    return false;
}

static uint32_t steps_backwards(const struct sequence *q, uint32_t customer) {
    struct walk walks[STEPS_MAX];
    uint32_t steps = 0;
    for (; steps < q->n->step_count; steps++) {
        const struct feeder *f = &q->feeders[q->machine.steps[steps].feeder];
        const uint32_t *owners = f->now->owners + customer;
        walks[steps] = (struct walk){q->bits[steps], f->times, owners[0] - f->now->first, owners[1] - f->now->first};
        if (owners[0] == owners[1])
            break;
    }
    if (q->n->op == OP_SEQUENCE)
        return steps == q->n->step_count && holds_backwards(q, steps, walks) ? steps : 0;
    while (steps > 1 && !holds_backwards(q, steps, walks))
        steps--;
    return steps; /* who is asked about has a row for the first */
}

/* --- steps, the short way or the shortest --- */

/* Steps reached in order; all of them where the absences at the end hold too. */
static uint32_t plain_steps(const struct sequence *q, uint32_t customer) {
    const struct machine *m = &q->machine;
    const uint32_t last = (uint32_t)m->last;
    uint32_t count = 0;
    if (q->shortest)
        return steps_backwards(q, customer);
    for (uint32_t step = 0; step <= last; step++) {
        bool one_is_enough = (step == last && m->negated == 0) || (step < last && !m->gaps && !m->whole.limited);
        count = reach_step(q, step, customer, q->arrivals[(step + 1) % 2], count, q->arrivals[step % 2],
                           one_is_enough ? 1 : UINT32_MAX);
        if (count == 0)
            return step;
    }
    if (m->negated == 0)
        return last + 1;
    return survives(q, customer, q->arrivals[last % 2], count) ? q->n->step_count : last + 1;
}

/* --- setting up --- */

/* Who comes before and after whom, for the first `count` steps. */
static void machine_cut(struct machine *m, uint32_t count) {
    m->count = count;
    m->first = m->last = -1;
    bool trailing = count > 0 && m->steps[count - 1].negated;
    for (uint32_t i = 0; i < count; i++) {
        struct step *p = &m->steps[i];
        p->before = m->last;
        p->after = -1;
        if (p->negated)
            continue;
        for (uint32_t k = i; k-- > 0 && (int8_t)k > m->last;)
            m->steps[k].after = (int8_t)i;
        if (m->last >= 0)
            m->steps[m->last].after = (int8_t)i;
        m->first = m->first < 0 ? (int8_t)i : m->first;
        m->last = (int8_t)i;
    }
    m->by_start = m->whole.limited && !m->gaps && !trailing;
}

static const struct range_column *column_called(struct state *s, uint16_t frame, uint16_t property) {
    const struct plan_frame *f = &s->plan->frames[frame];
    const struct frame_now *now = state_frame(s, frame);
    for (uint32_t i = 0; i < f->column_count && now->count; i++)
        if (f->columns[i].property == property)
            return range_rows_column(s->range, now->rows, i);
    return NULL;
}

static struct feeder *feeder_for(struct sequence *q, uint16_t frame) {
    for (uint32_t i = 0; i < q->feeder_count; i++)
        if (q->feeders[i].frame == frame)
            return &q->feeders[i];
    struct feeder *f = &q->feeders[q->feeder_count++];
    *f = (struct feeder){.frame = frame, .now = state_owned_frame(q->s, frame), .type = q->s->plan->frames[frame].type};
    return f;
}

/* Rows of each table that some step takes. */
static void feeders_union(struct sequence *q) {
    for (uint32_t i = 0; i < q->feeder_count; i++) {
        struct feeder *f = &q->feeders[i];
        uint32_t words = (f->now->count + 63) / 64, only = (uint32_t)__builtin_ctz(f->steps);
        uint64_t *any = NULL;
        f->any = q->bits[only];
        for (uint32_t left = f->steps & (f->steps - 1); left && f->any; left &= left - 1) {
            const uint64_t *more = q->bits[__builtin_ctz(left)];
            if (!any) {
                any = state_new_bits(q->s, f->now->count);
                memcpy(any, f->any, words * 8);
                f->any = any;
            }
            if (more)
                kernel_or(any, more, words);
            else
                f->any = NULL;
        }
        if (q->feeder_count > 1) {
            f->positions = column_called(q->s, f->frame, RANGE_POSITION);
            f->types =
                q->s->plan->frames[f->frame].form == ROWS_ANY_EVENT ? column_called(q->s, f->frame, RANGE_TYPE) : NULL;
        }
    }
}

static void set_up(struct sequence *q, struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    struct machine *m = &q->machine;
    assert(n->step_count > 0 && n->step_count <= STEPS_MAX);
    memset(q, 0, sizeof *q);
    q->s = s;
    q->n = n;
    m->calendar = &s->plan->calendar;
    m->now = s->now;
    m->whole = length_of(n->whole, n->amount, n->unit);
    m->needs_time = n->whole;
    uint32_t largest = 0;
    for (uint32_t i = 0; i < n->step_count; i++) {
        const struct plan_step *from = &n->steps[i];
        m->steps[i] =
            (struct step){.negated = from->negated, .within = length_of(from->limited, from->amount, from->unit)};
        m->gaps = m->gaps || (from->limited && !from->negated);
        m->negated += from->negated;
        m->needs_time = m->needs_time || from->limited;
        struct feeder *f = feeder_for(q, from->frame);
        f->steps |= (uint32_t)1 << i;
        q->bits[i] = from->rows == NODE_NONE ? NULL : state_bits(s, from->rows, from->frame);
        largest = f->now->count > largest ? f->now->count : largest;
        m->steps[i].feeder = (uint8_t)(f - q->feeders);
    }
    m->needs_time = m->needs_time || q->feeder_count > 1;
    assert(!n->steps[0].negated); /* the checker refuses others */
    machine_cut(m, n->step_count);
    feeders_union(q);
    q->plain = !(m->whole.limited && (m->gaps || m->negated)) && (n->op == OP_SEQUENCE || m->negated == 0) &&
               (uint32_t)m->last + 1 + m->negated == n->step_count;
    q->shortest = q->plain && !m->gaps && m->negated == 0;
    for (uint32_t i = 0; i < q->feeder_count && m->needs_time && s->count > FEW_CUSTOMERS; i++)
        q->feeders[i].times = state_times(s, q->feeders[i].frame);
    for (unsigned i = 0; i < 2 && q->plain && !q->shortest; i++)
        q->arrivals[i] = state_new(s, largest + 1, sizeof *q->arrivals[i]);
}

/* Customers that have a row for each step that there must be one for. */
static uint64_t *candidates(struct sequence *q) {
    struct state *s = q->s;
    uint32_t words = (s->count + 63) / 64;
    uint64_t *found = state_new_bits(s, s->count), *one = state_new_bits(s, s->count);
    kernel_fill(found, s->count, true);
    for (uint32_t i = 0; i < q->n->step_count; i++) {
        bool needed = q->n->op == OP_SEQUENCE ? !q->n->steps[i].negated : i == 0 && q->machine.negated == 0;
        if (!needed || kernel_none(found, words))
            continue;
        const struct frame_now *f = state_owned_frame(s, q->n->steps[i].frame);
        kernel_group_any(q->bits[i], f->owners, s->count, one);
        kernel_and(found, one, words);
    }
    return found;
}

/* Steps reached: with absences, the most first steps that hold as a sequence of their own. */
static uint32_t steps_of(struct sequence *q, uint32_t customer) {
    int8_t highest;
    uint32_t all = q->n->step_count;
    if (q->machine.negated == 0) {
        run(q, customer, &highest);
        return (uint32_t)(highest + 1);
    }
    for (uint32_t count = all; count > 0; count--) {
        machine_cut(&q->machine, count);
        bool holds = run(q, customer, &highest);
        if (holds)
            return count;
    }
    return 0;
}

uint64_t *sequence_bits(struct state *s, uint32_t node) {
    struct sequence q;
    int8_t highest;
    set_up(&q, s, node);
    uint64_t *bits = state_zero_bits(s, s->count);
    const uint64_t *possible = candidates(&q);
    for (uint32_t i = bits_next(possible, 0, s->count); i < s->count; i = bits_next(possible, i + 1, s->count))
        if (q.plain ? plain_steps(&q, i) == q.n->step_count : run(&q, i, &highest))
            bit_set(bits, i);
    return bits;
}

void sequence_values(struct state *s, uint32_t node, struct vector *out) {
    struct sequence q;
    set_up(&q, s, node);
    assert(q.n->op == OP_STEPS);
    int64_t *steps = state_new(s, s->count, sizeof *steps);
    *out = (struct vector){.type = TERM_NUMBER, .mask = SIZE_MAX, .integers = steps};
    memset(steps, 0, s->count * sizeof *steps);
    const uint64_t *possible = candidates(&q);
    for (uint32_t i = bits_next(possible, 0, s->count); i < s->count; i = bits_next(possible, i + 1, s->count))
        steps[i] = q.plain ? plain_steps(&q, i) : steps_of(&q, i);
}

/* --- until when --- */

static void sooner(int64_t *until, int64_t moment, int64_t now) {
    if (moment > now && moment < *until)
        *until = moment;
}

/* Moments at which an absence after rows of `step` is over. */
static void deadlines(struct sequence *q, uint32_t step, const struct length *length, int64_t *each) {
    struct state *s = q->s;
    const struct frame_now *f = state_owned_frame(s, q->n->steps[step].frame);
    for (uint32_t c = 0; c < s->count && length->limited; c++) {
        uint32_t end = f->owners[c + 1] - f->first;
        for (uint32_t i = bits_next(q->bits[step], f->owners[c] - f->first, end); i < end;
             i = bits_next(q->bits[step], i + 1, end))
            sooner(&each[c], later(&q->machine, frame_time(f, i), length), s->now);
    }
}

/* Rows that come or go, conditions on them that change. */
static void rows_until(struct sequence *q, uint32_t step, int64_t *each) {
    struct state *s = q->s;
    uint32_t rows = q->n->steps[step].rows;
    if (rows == NODE_NONE || !state_node(s, rows)->timed)
        return;
    const struct untils *u = state_until(s, rows);
    const struct frame_now *f = state_owned_frame(s, q->n->steps[step].frame);
    for (uint32_t c = 0; c < s->count; c++)
        for (uint32_t i = f->owners[c] - f->first; i < f->owners[c + 1] - f->first; i++)
            sooner(&each[c], u->each[i & u->mask], s->now);
}

void sequence_until(struct state *s, uint32_t node, struct untils *out) {
    struct sequence q;
    bool moving = false;
    set_up(&q, s, node);
    int64_t *each = state_new(s, s->count, sizeof *each);
    for (uint32_t i = 0; i < s->count; i++)
        each[i] = INSTANT_NEVER;
    for (uint32_t i = 0; i < q.n->step_count; i++) {
        const struct step *p = &q.machine.steps[i];
        rows_until(&q, i, each);
        moving = moving || (q.n->steps[i].rows != NODE_NONE && state_node(s, q.n->steps[i].rows)->timed);
        if (p->negated && (p->after < 0 || q.n->op == OP_STEPS)) {
            deadlines(&q, (uint32_t)p->before, &p->within, each);
            deadlines(&q, (uint32_t)q.machine.first, &q.machine.whole, each);
        }
    }
    if (q.n->op == OP_SEQUENCE && !moving) { /* an absence that was over stays so */
        const uint64_t *holds = state_bits(s, node, FRAME_CUSTOMER);
        for (uint32_t i = bits_next(holds, 0, s->count); i < s->count; i = bits_next(holds, i + 1, s->count))
            each[i] = INSTANT_NEVER;
    }
    *out = (struct untils){each, SIZE_MAX};
}
