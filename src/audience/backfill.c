/* backfill: see the header. */
#include "audience/backfill_inside.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "language/workers.h"

/* Spans times roots that are worked before they are put, where the fold waits: 35 MiB at the most. */
#define WINDOW_ANSWERS 512

uint32_t backfill_one_by_one = 512;

/* --- one span --- */

struct answers *answers_create(const struct backfill *b) {
    struct answers *s = memory_get(1, sizeof *s + b->root_count * sizeof s->roots[0]);
    if (b->any_timed) {
        s->due = memory_get(SPAN_CUSTOMERS, sizeof *s->due);
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            s->due[i] = TIMER_NEVER;
    }
    return s;
}

void answers_free(struct answers *s) {
    if (!s)
        return;
    free(s->due);
    free(s->sure);
    free(s->values);
    free(s);
}

static void note_sure(struct answers *s, uint32_t i, int64_t turns_ms) {
    if (!s->sure) {
        s->sure = memory_get(SPAN_CUSTOMERS, sizeof *s->sure);
        for (uint32_t k = 0; k < SPAN_CUSTOMERS; k++)
            s->sure[k] = INT64_MAX;
    }
    if (turns_ms < s->sure[i])
        s->sure[i] = turns_ms;
}

static bool put_value(uint16_t values[SLACK_VALUES], uint16_t print) {
    uint32_t i = 0;
    while (i < SLACK_VALUES && values[i] && values[i] != print)
        i++;
    if (i < SLACK_VALUES)
        values[i] = print;
    return i < SLACK_VALUES;
}

/* The values that a root has counted of customer `i`, who is in hand or in the span in hand; false where all have no room. */
static bool note_values(struct answers *s, struct evaluator *e, uint32_t index, uint32_t i) {
    uint16_t prints[HOLD_VALUES_MAX];
    uint32_t count = evaluate_values_counted(e, index, i, prints);
    bool room = count != UINT32_MAX;
    if (!s->values)
        s->values = memory_get(SPAN_CUSTOMERS, sizeof *s->values);
    for (uint32_t k = 0; k < count && room; k++)
        room = put_value(s->values[i], prints[k]);
    return room;
}

/* What root `r`, of which `e` has the answer, says of customer `i` besides the bit. */
static inline void note_hold(const struct backfill *b, struct answers *s, uint32_t r, struct evaluator *e,
                             uint32_t index, uint32_t i, const struct hold *hold) {
    uint8_t byte = slack_byte(hold->slack, hold->turns_ms > 0, hold->documents, hold->keeps);
    if (byte & SLACK_TURNS && b->by_values[r] && !note_values(s, e, index, i))
        byte &= (uint8_t)~SLACK_TURNS;
    s->roots[r].slack[i] = byte;
    if (b->timed[r] && hold->until_ms < s->due[i])
        s->due[i] = hold->until_ms;
    if (byte & SLACK_TURNS)
        note_sure(s, i, hold->turns_ms);
}

static void work_root(const struct backfill *b, struct answers *s, uint32_t r, struct evaluator *e, uint32_t index,
                      struct hold *holds) {
    memset(holds, 0, SPAN_CUSTOMERS * sizeof *holds);
    evaluate_holds(e, index, s->roots[r].bits, holds);
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        if (holds[i].slack) { /* else no customer */
            note_hold(b, s, r, e, index, i, &holds[i]);
            bit_set(s->asked, i);
        }
}

void work_part(const struct backfill *b, struct answers *s, const struct part *part, struct hold *holds) {
    for (uint32_t i = 0; i < part->count; i++)
        work_root(b, s, part->first + i, part->evaluator, part->index + i, holds);
}

/* NULL where the history has no such span. */
static struct answers *work_span(const struct backfill *b, const struct part *parts, uint32_t span, int64_t now_ms,
                                 struct hold *holds) {
    struct answers *s = NULL;
    for (uint32_t k = 0; k < b->part_count; k++) {
        if (!evaluator_span(parts[k].evaluator, span, now_ms))
            return s;
        if (!s)
            s = answers_create(b);
        work_part(b, s, &parts[k], holds);
    }
    return s;
}

void answers_forget(struct answers *s, uint32_t place) {
    if (s->due)
        s->due[place] = TIMER_NEVER;
    if (s->sure)
        s->sure[place] = INT64_MAX;
    if (s->values)
        memset(s->values[place], 0, sizeof s->values[place]);
    bit_set(s->asked, place);
}

void work_customer_part(const struct backfill *b, struct answers *s, const struct part *part, uint32_t place) {
    for (uint32_t i = 0; i < part->count; i++) {
        struct answer *a = &s->roots[part->first + i];
        bool in;
        struct hold hold = evaluate_hold(part->evaluator, part->index + i, &in);
        a->bits[place / 64] = (a->bits[place / 64] & ~(UINT64_C(1) << place % 64)) | (uint64_t)in << place % 64;
        note_hold(b, s, part->first + i, part->evaluator, part->index + i, place, &hold);
    }
}

/* One customer again. */
static void work_customer(const struct backfill *b, const struct part *parts, struct answers *s,
                          struct customer_id customer, int64_t now_ms) {
    answers_forget(s, place_in_span(customer));
    for (uint32_t k = 0; k < b->part_count; k++) {
        evaluator_customer(parts[k].evaluator, customer, now_ms, UINT64_MAX);
        work_customer_part(b, s, &parts[k], place_in_span(customer));
    }
}

/* --- many spans --- */

struct pass {
    struct backfill *b;
    int64_t now_ms;
    _Atomic uint32_t next;
    uint32_t end;
};

/* The parts with evaluators of worker `number`. */
static void parts_of_worker(struct backfill *b, unsigned number, struct part *parts) {
    struct evaluator **helpers = b->helpers + (size_t)number * b->part_count;
    for (uint32_t k = 0; k < b->part_count; k++) {
        parts[k] = b->parts[k];
        if (number == 0)
            continue;
        if (!helpers[k])
            helpers[k] = evaluator_create(parts[k].plan, &b->outside);
        parts[k].evaluator = helpers[k];
    }
}

static void work_spans(void *context, unsigned number) {
    struct pass *pass = context;
    struct backfill *b = pass->b;
    struct hold *holds = memory_get(SPAN_CUSTOMERS, sizeof *holds);
    struct part *parts = memory_get(b->part_count + 1, sizeof *parts);
    uint32_t span;
    parts_of_worker(b, number, parts);
    while ((span = atomic_fetch_add_explicit(&pass->next, 1, memory_order_relaxed)) < pass->end) {
        struct history_hold hold = history_enter(b->outside.history);
        assert(!b->spans[span]);
        b->spans[span] = work_span(b, parts, span, pass->now_ms, holds);
        history_leave(b->outside.history, hold);
    }
    free(parts);
    free(holds);
}

struct helper {
    void (*work)(void *context, unsigned number);
    void *context;
    unsigned number;
};

static void *help(void *context) {
    const struct helper *h = context;
    h->work(h->context, h->number);
    return NULL;
}

/* Threads of our own, not language/workers.h's: they take after the caller's niceness. */
void run_threads(unsigned workers, void (*work)(void *context, unsigned number), void *context) {
    pthread_t threads[WORKERS_MAX];
    struct helper helpers[WORKERS_MAX];
    unsigned made = 0;
    for (unsigned i = 1; i < workers && i < WORKERS_MAX; i++) {
        helpers[made] = (struct helper){work, context, i};
        if (pthread_create(&threads[made], NULL, help, &helpers[made]) == 0)
            made++;
    }
    work(context, 0);
    for (unsigned i = 0; i < made; i++)
        pthread_join(threads[i], NULL);
}

void backfill_reserve(struct backfill *b, uint32_t end) {
    if (end <= b->span_count)
        return;
    b->spans = memory_resize(b->spans, end, sizeof(struct answers *));
    for (uint32_t i = b->span_count; i < end; i++)
        b->spans[i] = NULL;
    b->span_count = end;
}

/* Evaluates the spans as of `now_ms`, by so many threads. */
static void work_window(struct backfill *b, uint32_t first, uint32_t end, int64_t now_ms, unsigned workers) {
    struct pass pass = {.b = b, .now_ms = now_ms, .next = first, .end = end};
    backfill_reserve(b, end);
    if (!b->helpers)
        b->helpers = memory_get((WORKERS_MAX + 1) * ((size_t)b->part_count + 1), sizeof(struct evaluator *));
    run_threads(workers > end - first ? end - first : workers, work_spans, &pass);
}

/* --- who was touched --- */

void backfill_touch(struct backfill *b, struct customer_id customer) {
    size_t bytes = (customer.number / 64 + 1) * sizeof(uint64_t);
    if (b->touched.size < bytes) {
        size_t more = bytes - b->touched.size;
        memset(buffer_reserve(&b->touched, more), 0, more);
        b->touched.size = bytes;
    }
    bit_set((uint64_t *)(void *)b->touched.data, customer.number);
}

uint64_t backfill_touched(const struct backfill *b) {
    return count_of((const uint64_t *)(const void *)b->touched.data, b->touched.size / sizeof(uint64_t));
}

struct buffer backfill_take_touched(struct backfill *b) {
    struct buffer customers = b->touched;
    b->touched = (struct buffer){0};
    return customers;
}

/* --- life --- */

static void set_parts(struct backfill *b, uint32_t part_count, uint32_t root_count) {
    b->part_count = part_count;
    b->root_count = root_count;
    b->parts = memory_get(part_count + 1, sizeof *b->parts);
    b->timed = memory_get(root_count + 1, sizeof *b->timed);
    b->by_values = memory_get(root_count + 1, sizeof *b->by_values);
}

static void note_roots(struct backfill *b) {
    for (uint32_t k = 0; k < b->part_count; k++)
        for (uint32_t i = 0; i < b->parts[k].count; i++) {
            b->any_timed |= b->timed[b->parts[k].first + i] = plan_timed(b->parts[k].plan, i);
            b->by_values[b->parts[k].first + i] = evaluate_values(b->parts[k].evaluator, i).property != 0;
        }
}

enum status backfill_create(const struct outside *outside, struct audience_snapshot *snapshot, const uint32_t *numbers,
                            uint32_t count, struct backfill **backfill, struct fault *fault) {
    const struct node **trees = memory_get(count + 1, sizeof(struct node *));
    struct plan *plan;
    for (uint32_t i = 0; i < count; i++)
        trees[i] = definition_numbered(snapshot, numbers[i])->tree;
    enum status status = plan_create(&snapshot->vocabulary, trees, count, &plan, fault);
    free(trees);
    if (status)
        return status;
    struct backfill *b = memory_get(1, sizeof *b);
    b->outside = *outside;
    b->snapshot = snapshot_hold(snapshot);
    b->numbers = memory_get(count + 1, sizeof *b->numbers);
    memcpy(b->numbers, numbers, count * sizeof *numbers);
    b->own = plan;
    set_parts(b, 1, count);
    b->parts[0] = (struct part){plan, evaluator_create(plan, outside), 0, count, 0};
    note_roots(b);
    *backfill = b;
    return STATUS_OK;
}

void backfill_free(struct backfill *b) {
    if (!b)
        return;
    for (size_t i = 0; b->helpers && i < (WORKERS_MAX + 1) * (size_t)b->part_count; i++)
        evaluator_free(b->helpers[i]);
    if (b->own)
        evaluator_free(b->parts[0].evaluator);
    plan_free(b->own);
    for (uint32_t i = 0; i < b->span_count; i++)
        answers_free(b->spans[i]);
    buffer_release(&b->touched);
    audience_snapshot_release(b->snapshot);
    free(b->numbers);
    free(b->helpers);
    free(b->parts);
    free(b->timed);
    free(b->by_values);
    free(b->spans);
    free(b);
}

bool backfill_fits(const struct backfill *b, const struct audience_snapshot *snapshot, const uint32_t *numbers,
                   uint32_t count) {
    if (count != b->root_count || snapshot->workspace != b->snapshot->workspace || plan_stale(b->own))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        const struct made *worked = definition_numbered(b->snapshot, b->numbers[i]);
        if (!made_says_same(definition_numbered(snapshot, numbers[i]), worked))
            return false;
    }
    return true;
}

/* --- putting in force --- */

/* The planned's roots, with its own evaluators: for what is evaluated at the last moment. */
static void parts_of_planned(const struct planned *p, struct part *parts) {
    for (uint32_t k = 0; k < p->group_count; k++)
        parts[k] = (struct part){p->groups[k].plan, p->groups[k].now, p->groups[k].first, p->groups[k].count, 0};
}

/* Customers of a span, as of one moment of the fold. */
struct standing {
    uint32_t span;
    uint64_t population[SPAN_WORDS]; /* who may be in a segment */
    uint64_t wanted[SPAN_WORDS];     /* and is still a customer to identity */
    uint64_t stale[SPAN_WORDS];      /* and of whom what is known does not hold any more */
    uint32_t stale_count;
};

static void find_standing(const struct backfill *b, const struct live *l, const struct answers *s, uint32_t span,
                          struct standing *out) {
    const uint64_t *touched = (const uint64_t *)(const void *)b->touched.data;
    size_t words = b->touched.size / sizeof *touched, from = (size_t)span * SPAN_WORDS;
    out->span = span;
    out->stale_count = 0;
    members_span(l->members, MEMBERS_POPULATION, span, out->population);
    identity_population(l->identity, span * SPAN_CUSTOMERS, SPAN_WORDS, out->wanted);
    for (uint32_t w = 0; w < SPAN_WORDS; w++) {
        uint64_t passed = 0;
        for (uint32_t i = 0; s->due && i < 64; i++)
            passed |= (uint64_t)(s->due[w * 64 + i] <= l->now_ms) << i;
        out->wanted[w] &= out->population[w];
        out->stale[w] = out->wanted[w] & (~s->asked[w] | passed | (from + w < words ? touched[from + w] : 0));
        out->stale_count += (uint32_t)__builtin_popcountll(out->stale[w]);
    }
}

static void work_stale(const struct backfill *b, const struct part *parts, const struct live *l, struct answers *s,
                       const struct standing *standing) {
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        for (uint64_t left = standing->stale[w]; left; left &= left - 1)
            work_customer(
                b, parts, s,
                (struct customer_id){standing->span * SPAN_CUSTOMERS + w * 64 + (uint32_t)__builtin_ctzll(left)},
                l->now_ms);
}

/* Due moments: those of before, or these where they come first. */
static void put_due(struct live *l, const struct answers *s, const struct standing *standing) {
    int64_t due[SPAN_CUSTOMERS];
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++) {
        bool in = bit_get(standing->population, i);
        due[i] = in ? timers_get(l->timers, (struct customer_id){standing->span * SPAN_CUSTOMERS + i}) : TIMER_NEVER;
        if (bit_get(standing->wanted, i) && s->due[i] < due[i])
            due[i] = s->due[i];
    }
    timers_set_span(l->timers, standing->span, due);
}

/* A customer's entries, of roots in order. */
static void tell_place(struct live *l, const struct planned *p, const struct answers *s,
                       const struct standing *standing, uint32_t place, enum feed_cause cause) {
    for (uint32_t r = 0; r < p->root_count; r++)
        if (bit_get(p->span_bits[r], place))
            live_entry(l, bit_get(s->roots[r].bits, place) ? FEED_ENTERED : FEED_LEFT, cause,
                       (struct customer_id){standing->span * SPAN_CUSTOMERS + place}, p->roots[r].number, 0, 0);
}

static void put_answers(const struct backfill *b, struct live *l, struct planned *p, struct answers *s,
                        const struct standing *standing, enum feed_cause cause) {
    uint64_t any[SPAN_WORDS] = {0};
    for (uint32_t r = 0; r < p->root_count; r++) {
        struct answer *a = &s->roots[r];
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            a->bits[w] &= standing->wanted[w];
        members_put_span(l->members, p->roots[r].number, standing->span, a->bits, p->span_bits[r]);
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            any[w] |= p->span_bits[r][w];
        if (p->roots[r].slot != SLACK_SLOT_NONE)
            slack_put_span(l->slack, standing->span, p->roots[r].slot, standing->wanted, a->slack, s->sure,
                           b->by_values[r] ? s->values : NULL, l->now_ms);
    }
    if (s->due)
        put_due(l, s, standing);
    for (uint32_t w = 0; w < SPAN_WORDS; w++)
        for (uint64_t left = any[w]; left; left &= left - 1)
            tell_place(l, p, s, standing, w * 64 + (uint32_t)__builtin_ctzll(left), cause);
}

/* Answers that are worked anew where few are good, or the span was not there. */
static struct answers *settle_span(struct backfill *b, struct live *l, const struct part *parts, uint32_t span,
                                   struct hold *holds, struct standing *standing) {
    struct answers *s = answers_of(b, span);
    if (s)
        find_standing(b, l, s, span, standing);
    if (!s || standing->stale_count > backfill_one_by_one) {
        answers_free(s);
        if (span < b->span_count)
            b->spans[span] = NULL;
        s = work_span(b, parts, span, l->now_ms, holds);
        if (!s)
            s = answers_create(b);
        find_standing(b, l, s, span, standing);
        memcpy(standing->stale, standing->wanted, sizeof standing->stale);
        for (uint32_t w = 0; w < SPAN_WORDS; w++)
            standing->stale[w] &= ~s->asked[w];
    } else if (span < b->span_count) {
        b->spans[span] = NULL;
    }
    work_stale(b, parts, l, s, standing);
    return s;
}

static void count_more(_Atomic uint64_t *counter, uint64_t more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void put_spans(struct backfill *b, struct live *l, struct planned *p, uint32_t first, uint32_t end,
                      enum feed_cause cause) {
    struct hold *holds = memory_get(SPAN_CUSTOMERS, sizeof *holds);
    struct part *parts = memory_get(p->group_count + 1, sizeof *parts);
    struct standing *standing = memory_get(1, sizeof *standing);
    parts_of_planned(p, parts);
    for (uint32_t span = first; span < end; span++) {
        struct answers *s = settle_span(b, l, parts, span, holds, standing);
        put_answers(b, l, p, s, standing, cause);
        answers_free(s);
        count_more(&l->counters.span_passes, 1);
        count_more(&l->counters.evaluations, (uint64_t)SPAN_CUSTOMERS * p->root_count);
    }
    free(standing);
    free(parts);
    free(holds);
}

static void none_void(struct live *l, const struct planned *p) {
    for (uint32_t r = 0; r < p->root_count; r++)
        if (p->roots[r].slot != SLACK_SLOT_NONE)
            slack_set_void(l->slack, p->roots[r].slot, false);
}

void backfill_put(struct backfill *b, struct live *l, struct planned *p, enum feed_cause cause) {
    assert(b->root_count == p->root_count && b->part_count == p->group_count);
    none_void(l, p);
    count_more(&l->counters.prepared, 1);
    put_spans(b, l, p, 0, members_spans(l->members), cause);
}

void backfill_everybody(struct live *l, struct planned *p, enum feed_cause cause) {
    struct backfill *b = memory_get(1, sizeof *b);
    uint32_t spans = members_spans(l->members), window = p->root_count ? WINDOW_ANSWERS / p->root_count : 1;
    unsigned workers = workers_wanted();
    b->outside = l->outside;
    set_parts(b, p->group_count, p->root_count);
    parts_of_planned(p, b->parts);
    note_roots(b);
    none_void(l, p);
    window = window < workers ? workers : window;
    for (uint32_t first = 0; first < spans && p->root_count; first += window) {
        uint32_t end = spans - first < window ? spans : first + window;
        work_window(b, first, end, l->now_ms, workers);
        put_spans(b, l, p, first, end, cause);
    }
    backfill_free(b);
}
