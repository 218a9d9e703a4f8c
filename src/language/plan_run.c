/* plan_run: a plan over all customers. Spans are independent of each other, so workers take them from one counter, and each writes its
 * answer into the span's own place: the bytes are the same however many there are. What a relation asks of other customers is
 * answered for everybody first. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"
#include "history/target.h"
#include "language/evaluate.h"
#include "language/workers.h"
#include "os/os.h"

#define SPANS_TAKEN 12 /* by a worker at a time, under one hold: neighbours, so that it knows what comes next */

struct run {
    const struct plan *plan;
    const struct outside *outside;
    size_t root;
    int64_t now;
    const _Atomic bool *stop;
    const uint64_t *const *targets; /* bits of each inner plan */
    uint32_t target_words;
    bool everybody, all_known; /* all_known: targets, of every inner plan */
    bool some_merged;          /* somebody is merged away */
    bool
        by_identifier; /* who stands at a relation's other end now is not to be known from the number it was written with */
    _Atomic uint32_t next;
    _Atomic bool stopped;
    _Atomic uint64_t count, population, rows, bytes;
    struct buffer moved[WORKERS_MAX + 1]; /* of each worker, where everybody is asked: numbers that became another's */
    struct plan_answer *answer;
};

static uint32_t span_count(const struct outside *outside) {
    struct identity_counters counters;
    identity_counters_read(outside->identity, &counters);
    return (uint32_t)(counters.created / SPAN_CUSTOMERS) + 1;
}

static bool some_merged(const struct outside *outside) {
    struct identity_counters counters = {0};
    if (outside->identity)
        identity_counters_read(outside->identity, &counters);
    return counters.merges > 0;
}

/* What one worker adds up. */
struct tally {
    uint64_t count, population, bytes;
};

/* Notes who of the span was merged away. */
static void note_moved(struct run *r, uint32_t span, struct buffer *moved) {
    uint64_t population[SPAN_CUSTOMERS / 64];
    identity_population(r->outside->identity, span * SPAN_CUSTOMERS, SPAN_CUSTOMERS / 64, population);
    if (kernel_count(population, SPAN_CUSTOMERS / 64) == SPAN_CUSTOMERS)
        return;
    for (uint32_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
        for (uint64_t left = ~population[w]; left; left &= left - 1) {
            uint32_t number = span * SPAN_CUSTOMERS + w * 64 + (uint32_t)__builtin_ctzll(left);
            uint32_t now = identity_redirect(r->outside->identity, (struct customer_id){number}).number;
            if (now && now != number)
                buffer_add(moved, &number, sizeof number);
        }
}

/* Who was merged away is as who has the rows now, so that relations written before need not be looked at again. */
static void take_over(struct run *r) {
    uint64_t *bits = &r->answer->bits[0][0];
    size_t count = (size_t)r->answer->span_count * SPAN_CUSTOMERS;
    for (size_t i = 0; i <= WORKERS_MAX; i++) {
        const uint32_t *numbers = (const uint32_t *)(const void *)r->moved[i].data;
        for (size_t k = 0; k < r->moved[i].size / sizeof *numbers; k++) {
            uint32_t now = identity_redirect(r->outside->identity, (struct customer_id){numbers[k]}).number;
            if (now < count && bit_of(bits, now))
                bit_set(bits, numbers[k]);
            else
                bit_clear(bits, numbers[k]);
        }
        buffer_release(&r->moved[i]);
    }
    bit_clear(bits, 0); /* nobody */
}

static void run_span(struct run *r, struct evaluator *e, uint32_t span, struct tally *tally) {
    uint64_t *bits = r->answer->bits[span];
    for (unsigned w = 0; w < SPAN_CUSTOMERS / 64; w += 8)
        __builtin_prefetch(&bits[w], 1);
    range_ahead(e->main.range, &r->plan->want, span);
    if (!evaluator_span(e, span, r->now)) {
        memset(bits, 0, SPAN_CUSTOMERS / 8);
        return;
    }
    uint64_t own[SPAN_CUSTOMERS / 64]; /* the answer's line lies in no cache: written once, and not waited for */
    evaluate_bits(e, r->root, own, NULL);
    tally->count += kernel_count(own, SPAN_CUSTOMERS / 64);
    memcpy(bits, own, sizeof own);
    tally->population += r->everybody ? SPAN_CUSTOMERS : kernel_count(e->population, SPAN_CUSTOMERS / 64);
    tally->bytes += range_bytes(e->main.range) + (e->dirty_count ? range_bytes(e->dirty.range) : 0);
}

static struct evaluator *evaluator_for(struct run *r) {
    struct evaluator *e = evaluator_create(r->plan, r->outside);
    e->targets = r->targets;
    e->target_words = r->target_words;
    e->everybody = r->everybody;
    if (r->all_known && !r->by_identifier)
        range_targets_as_written(e->main.range);
    return e;
}

static void run_spans(void *context, unsigned number) {
    struct run *r = context;
    struct evaluator *e = NULL;
    struct tally tally = {0};
    uint32_t first, end, count = r->answer->span_count;
    while ((first = atomic_fetch_add(&r->next, SPANS_TAKEN)) < count) {
        if (r->stop && *r->stop) {
            r->stopped = true;
            break;
        }
        if (!e)
            e = evaluator_for(r);
        end = count - first < SPANS_TAKEN ? count : first + SPANS_TAKEN;
        struct history_hold hold = history_enter(r->outside->history);
        for (uint32_t span = first; span < end; span++) {
            run_span(r, e, span, &tally);
            if (r->everybody && r->some_merged)
                note_moved(r, span, &r->moved[number]);
        }
        history_leave(r->outside->history, hold);
    }
    r->count += tally.count;
    r->population += tally.population;
    r->bytes += tally.bytes;
    if (e)
        r->rows += e->main.rows + e->dirty.rows;
    evaluator_free(e);
}

static enum status run_all(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                           unsigned workers, const _Atomic bool *stop, bool everybody, struct plan_answer *into);

/* Who fulfils what relations ask of their other ends. */
static enum status run_inners(const struct plan *plan, const struct outside *outside, int64_t now_ms, unsigned workers,
                              const _Atomic bool *stop, struct plan_answer *answers) {
    for (uint32_t i = 0; i < plan->inner_count; i++) {
        if (plan_type(plan->inners[i], 0) != TERM_BOOL)
            continue; /* values are asked for one by one */
        enum status status = run_all(plan->inners[i], 0, outside, now_ms, workers, stop, true, &answers[i]);
        if (status)
            return status;
    }
    return STATUS_OK;
}

static void answers_release(struct plan_answer *answers, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        plan_answer_release(&answers[i]);
    free(answers);
}

static enum status run_all(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                           unsigned workers, const _Atomic bool *stop, bool everybody, struct plan_answer *into) {
    uint64_t since = os_monotonic_ns(os_real());
    *into = (struct plan_answer){.span_count = span_count(outside)};
    into->bits = memory_get_large(into->span_count, sizeof *into->bits); /* each span writes its own */
    struct plan_answer *inner = memory_get(plan->inner_count + 1, sizeof *inner);
    const uint64_t **targets = memory_get(plan->inner_count + 1, sizeof *targets);
    struct run r = {.plan = plan, .outside = outside, .root = root, .now = now_ms, .stop = stop, .answer = into};
    r.everybody = everybody;
    r.some_merged = some_merged(outside);
    enum status status = run_inners(plan, outside, now_ms, workers, stop, inner);
    r.target_words = UINT32_MAX;
    r.by_identifier = outside->identity && targets_by_identifier(outside->identity);
    r.all_known = true;
    for (uint32_t i = 0; i < plan->inner_count && !status; i++) {
        if (!inner[i].bits) {
            r.all_known = false;
            continue;
        }
        targets[i] = &inner[i].bits[0][0];
        uint32_t words = inner[i].span_count * (SPAN_CUSTOMERS / 64);
        r.target_words = words < r.target_words ? words : r.target_words;
    }
    r.targets = targets;
    if (!status) {
        unsigned most = into->span_count < 64 ? into->span_count : 64;
        workers_run(workers < 1 ? 1 : workers > most ? most : workers, run_spans, &r);
        status = r.stopped ? STATUS_CLOSED : STATUS_OK;
    }
    if (everybody)
        take_over(&r);
    answers_release(inner, plan->inner_count);
    free(targets);
    into->count = r.count;
    into->population = r.population;
    into->rows = r.rows;
    into->bytes = r.bytes;
    into->elapsed_ns = os_monotonic_ns(os_real()) - since;
    if (status)
        plan_answer_release(into);
    return status;
}

enum status plan_run(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                     unsigned workers, const _Atomic bool *stop, struct plan_answer *into) {
    assert(root < plan->root_count && plan_type(plan, root) == TERM_BOOL);
    return run_all(plan, root, outside, now_ms, workers, stop, false, into);
}

void plan_answer_release(struct plan_answer *answer) {
    free(answer->bits);
    answer->bits = NULL;
}

static bool each_of_span(struct evaluator *e, size_t root,
                         bool (*each)(void *context, struct customer_id customer, const struct term_value *value),
                         void *context) {
    for (uint32_t i = bits_next(e->population, 0, SPAN_CUSTOMERS); i < SPAN_CUSTOMERS;
         i = bits_next(e->population, i + 1, SPAN_CUSTOMERS)) {
        struct term_value value = evaluate_value(e, root, i);
        if (!each(context, (struct customer_id){e->span * SPAN_CUSTOMERS + i}, &value))
            return false;
    }
    return true;
}

void plan_each(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
               bool (*each)(void *context, struct customer_id customer, const struct term_value *value),
               void *context) {
    struct evaluator *e = evaluator_create(plan, outside);
    bool more = true;
    for (uint32_t span = 0; span < span_count(outside) && more; span++) {
        struct history_hold hold = history_enter(outside->history);
        if (evaluator_span(e, span, now_ms))
            more = each_of_span(e, root, each, context);
        history_leave(outside->history, hold);
    }
    evaluator_free(e);
}

/* --- JSON of values --- */

void number_json(struct json_writer *w, struct number n, uint8_t type) {
    char date[TIME_TEXT_BYTES];
    switch (type) {
    case TERM_BOOL:
        json_bool(w, n.integer != 0);
        break;
    case TERM_TIME:
        json_time(w, n.integer);
        break;
    case TERM_DATE:
        json_text(w, slice_of(date, time_format_date(n.integer, date)));
        break;
    default:
        if (n.scale == NUMBER_REAL)
            json_real(w, n.real);
        else
            json_decimal(w, n.integer, n.scale);
    }
}

struct slice list_json(struct state *s, const struct list_part *part, uint8_t type, struct arena *arena) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    struct vector v;
    list_values(s, part, type, &v);
    json_array(&w);
    for (uint32_t i = 0; i < part->end - part->first; i++) {
        if (!vector_has(&v, i))
            json_null(&w);
        else if (v.form == VECTOR_TEXTS)
            json_text(&w, v.texts[i]);
        else
            number_json(&w, vector_number(&v, i), TERM_NUMBER);
    }
    json_end_array(&w);
    struct slice copy = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}
