/* backfill_together: several backfills worked out in one pass over everybody. Most of what a customer costs is to bring its rows and to make columns of
 * them, and one plan of all of them does that once. Each has its answers of its own, to be put in force at its own position. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/backfill_inside.h"
#include "language/workers.h"

struct backfills {
    struct outside outside;
    struct plan *plan; /* the roots of one after those of another */
    struct evaluator *evaluators[WORKERS_MAX + 1];
    struct backfill **all;
    uint32_t count;
    uint32_t *indexes; /* [count]: of its first root in the plan */
};

enum status backfills_create(const struct outside *outside, struct backfill *const *all, uint32_t count,
                             struct backfills **backfills, struct fault *fault) {
    uint32_t root_count = 0, root = 0;
    struct backfills *t = memory_get(1, sizeof *t);
    assert(count > 0);
    t->outside = *outside;
    t->count = count;
    t->all = memory_get(count, sizeof *t->all);
    t->indexes = memory_get(count, sizeof *t->indexes);
    for (uint32_t k = 0; k < count; k++) {
        t->all[k] = all[k];
        t->indexes[k] = root_count;
        root_count += all[k]->root_count;
        assert(all[k]->snapshot->workspace == all[0]->snapshot->workspace);
    }
    const struct node **trees = memory_get(root_count + 1, sizeof(struct node *));
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t i = 0; i < all[k]->root_count; i++)
            trees[root++] = definition_numbered(all[k]->snapshot, all[k]->numbers[i])->tree;
    enum status status = plan_create(&all[0]->snapshot->vocabulary, trees, root_count, &t->plan, fault);
    free(trees);
    if (status) {
        backfills_free(t);
        return status;
    }
    *backfills = t;
    return STATUS_OK;
}

void backfills_free(struct backfills *t) {
    if (!t)
        return;
    for (unsigned i = 0; i <= WORKERS_MAX; i++)
        evaluator_free(t->evaluators[i]);
    plan_free(t->plan);
    free(t->indexes);
    free(t->all);
    free(t);
}

static struct evaluator *evaluator_of(struct backfills *t, unsigned number) {
    if (!t->evaluators[number])
        t->evaluators[number] = evaluator_create(t->plan, &t->outside);
    return t->evaluators[number];
}

static struct part part_of(const struct backfills *t, uint32_t k, struct evaluator *e) {
    return (struct part){t->plan, e, 0, t->all[k]->root_count, t->indexes[k]};
}

/* The answers of all of them for a span, in the place of those of before. */
static void work_span_together(struct backfills *t, struct evaluator *e, uint32_t span, int64_t now_ms,
                               struct hold *holds) {
    bool there = evaluator_span(e, span, now_ms);
    for (uint32_t k = 0; k < t->count; k++) {
        struct part part = part_of(t, k, e);
        answers_free(t->all[k]->spans[span]);
        t->all[k]->spans[span] = there ? answers_create(t->all[k]) : NULL;
        if (there)
            work_part(t->all[k], t->all[k]->spans[span], &part, holds);
    }
}

struct pass {
    struct backfills *backfills;
    int64_t now_ms;
    _Atomic uint32_t next;
    uint32_t end;
};

static void work_spans_together(void *context, unsigned number) {
    struct pass *pass = context;
    struct backfills *t = pass->backfills;
    struct hold *holds = memory_get(SPAN_CUSTOMERS, sizeof *holds);
    struct evaluator *e = evaluator_of(t, number);
    uint32_t span;
    while ((span = atomic_fetch_add_explicit(&pass->next, 1, memory_order_relaxed)) < pass->end) {
        struct history_hold hold = history_enter(t->outside.history);
        work_span_together(t, e, span, pass->now_ms, holds);
        history_leave(t->outside.history, hold);
    }
    free(holds);
}

void backfills_work(struct backfills *t, uint32_t spans, int64_t now_ms, unsigned workers) {
    struct pass pass = {.backfills = t, .now_ms = now_ms, .end = spans};
    for (uint32_t k = 0; k < t->count; k++)
        backfill_reserve(t->all[k], spans);
    run_threads(workers > spans ? spans : workers, work_spans_together, &pass);
}

static void work_customer_together(struct backfills *t, struct evaluator *e, struct customer_id customer,
                                   int64_t now_ms) {
    uint32_t place = place_in_span(customer);
    evaluator_customer(e, customer, now_ms, UINT64_MAX);
    for (uint32_t k = 0; k < t->count; k++) {
        struct part part = part_of(t, k, e);
        struct answers *s = answers_of(t->all[k], customer.number / SPAN_CUSTOMERS);
        answers_forget(s, place);
        work_customer_part(t->all[k], s, &part, place);
    }
}

/* Some customers of a span again: each, or the span. */
static void again_in_span(struct backfills *t, uint32_t span, const uint64_t *customers, size_t words, int64_t now_ms,
                          struct hold *holds) {
    uint64_t count = count_of(customers, words);
    struct evaluator *e = evaluator_of(t, 0);
    if (!count || !answers_of(t->all[0], span))
        return; /* what is not there is evaluated when it is put */
    struct history_hold hold = history_enter(t->outside.history);
    if (count > backfill_one_by_one) {
        work_span_together(t, e, span, now_ms, holds);
        history_leave(t->outside.history, hold);
        return;
    }
    for (size_t w = 0; w < words; w++)
        for (uint64_t left = customers[w]; left; left &= left - 1)
            work_customer_together(
                t, e,
                (struct customer_id){span * SPAN_CUSTOMERS + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left)},
                now_ms);
    history_leave(t->outside.history, hold);
}

void backfills_again(struct backfills *t, const uint64_t *customers, size_t words, int64_t now_ms) {
    struct hold *holds = memory_get(SPAN_CUSTOMERS, sizeof *holds);
    for (size_t w = 0; w < words; w += SPAN_WORDS)
        again_in_span(t, (uint32_t)(w / SPAN_WORDS), customers + w, words - w < SPAN_WORDS ? words - w : SPAN_WORDS,
                      now_ms, holds);
    free(holds);
}
