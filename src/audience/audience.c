/* audience: definitions applied, the clock, records handed to those that read them. See the header; live.c follows answers,
 * definitions.c knows what is defined, audience_show.c tells it, audience_image.c saves it. */
#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "audience/audience_inside.h"
#include "audience/backfill.h"

#define FEED_RETENTION_DAYS 90

/* --- life --- */

static void set_bits(void *context, uint32_t set, uint32_t span, uint64_t bits[SPAN_WORDS]) {
    struct audience *a = context;
    members_span(a->live.members, set, span, bits);
}

void audience_outside(struct audience *a, struct outside *outside) {
    *outside = (struct outside){a->live.history, a->live.identity, a, set_bits};
}

enum status audience_create(const struct audience_parts *parts, struct audience **audience, struct fault *fault) {
    struct audience *a = memory_get(1, sizeof *a);
    unsigned days = parts->feed_retention_days ? parts->feed_retention_days : FEED_RETENTION_DAYS;
    uint32_t entries = parts->feed_file_entries ? parts->feed_file_entries : FEED_FILE_ENTRIES;
    a->os = parts->os;
    a->parts = (struct definition_parts){parts->os, parts->dictionary, parts->master};
    a->log = parts->log;
    a->live = (struct live){.dictionary = parts->dictionary,
                            .master = parts->master,
                            .identity = parts->identity,
                            .history = parts->history,
                            .members = members_create(),
                            .timers = timers_create(),
                            .slack = slack_create()};
    audience_outside(a, &a->live.outside);
    a->snapshot = snapshot_first(&a->parts);
    a->outdated = true;
    a->master_due_ms = TIMER_NEVER;
    atomic_store(&a->due_ms, TIMER_NEVER);
    pthread_mutex_init(&a->lock, NULL);
    pthread_mutex_init(&a->prepare_turn, NULL);
    pthread_mutex_init(&a->prepare_lock, NULL);
    enum status status = feed_create_small(parts->os, parts->folder, days, entries, &a->live.feed, fault);
    if (status)
        audience_free(a);
    else
        *audience = a;
    return status;
}

void audience_free(struct audience *a) {
    if (!a)
        return;
    planned_free(a->planned);
    live_release(&a->live);
    feed_free(a->live.feed);
    members_free(a->live.members);
    timers_free(a->live.timers);
    slack_free(a->live.slack);
    audience_snapshot_release(a->snapshot);
    buffer_release(&a->types);
    free(a->runs);
    assert(!a->prepared);
    pthread_mutex_destroy(&a->prepare_turn);
    pthread_mutex_destroy(&a->prepare_lock);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

struct audience_snapshot *audience_snapshot(struct audience *a) {
    pthread_mutex_lock(&a->lock);
    struct audience_snapshot *snapshot = snapshot_hold(a->snapshot);
    pthread_mutex_unlock(&a->lock);
    return snapshot;
}

/* --- plans --- */

/* Numbers of the segments that follow records and the clock, ascending; free() it. */
static uint32_t *live_numbers(const struct audience_snapshot *s, uint32_t *count) {
    uint32_t *numbers = memory_get(s->number_count, sizeof *numbers);
    *count = 0;
    for (uint32_t n = 1; n < s->number_count; n++)
        if (made_is_live(s->by_number[n]))
            numbers[(*count)++] = n;
    return numbers;
}

static void plan_all(struct audience *a) {
    uint32_t count, *numbers = live_numbers(a->snapshot, &count);
    struct fault fault = {0};
    for (uint32_t n = 1; n < a->snapshot->number_count; n++)
        if (!made_is_live(a->snapshot->by_number[n]))
            slack_drop(a->live.slack, n);
    planned_free(a->planned);
    a->planned = NULL;
    enum status status = planned_create(&a->live, a->snapshot, numbers, count, &a->planned, &fault);
    if (status)
        os_stop(a->os, fault.text); /* each of them could be planned when it was defined */
    a->outdated = false;
    free(numbers);
}

/* As the definitions stand. */
static struct planned *index_now(struct audience *a) {
    if (a->outdated)
        plan_all(a);
    return a->planned;
}

/* As definitions and master data stand: what evaluates does so only with this, so that it does not matter when a plan
 * was made. */
static struct planned *planned_now(struct audience *a) {
    if (a->outdated || planned_stale(a->planned))
        plan_all(a);
    return a->planned;
}

/* --- what is due --- */

static struct run *next_run(struct audience *a) {
    struct run *next = NULL;
    for (uint32_t i = 0; i < a->run_count; i++)
        if (a->runs[i].next_ms != TIMER_NEVER && (!next || a->runs[i].next_ms < next->next_ms))
            next = &a->runs[i];
    return next;
}

static int64_t next_due(struct audience *a) {
    const struct run *run = next_run(a);
    int64_t due = timers_next(a->live.timers);
    due = a->master_due_ms < due ? a->master_due_ms : due;
    return run && run->next_ms < due ? run->next_ms : due;
}

void audience_note_due(struct audience *a) { atomic_store_explicit(&a->due_ms, next_due(a), memory_order_release); }

int64_t audience_now(const struct audience *a) {
    return atomic_load_explicit(&((struct audience *)a)->now_ms, memory_order_relaxed);
}

int64_t audience_due(const struct audience *a) {
    return atomic_load_explicit(&((struct audience *)a)->due_ms, memory_order_acquire);
}

/* --- schedules --- */

void audience_set_runs(struct audience *a, struct run *runs, uint32_t count) {
    pthread_mutex_lock(&a->lock);
    free(a->runs);
    a->runs = runs;
    a->run_count = count;
    pthread_mutex_unlock(&a->lock);
}

static struct run *find_run(struct audience *a, uint32_t number) {
    for (uint32_t i = 0; i < a->run_count; i++)
        if (a->runs[i].number == number)
            return &a->runs[i];
    return NULL;
}

static void note_run(struct audience *a, struct run *run, int64_t next_ms, bool ran) {
    pthread_mutex_lock(&a->lock);
    run->next_ms = next_ms;
    if (ran) {
        run->ran_ms = a->live.now_ms;
        run->ran_position = a->live.position;
    }
    pthread_mutex_unlock(&a->lock);
}

/* Evaluates a scheduled segment for everybody, and what reads it for those that changed. */
static void run_segment(struct audience *a, uint32_t number, enum feed_cause cause) {
    struct planned *own;
    struct buffer changed = {0};
    struct fault fault = {0};
    struct run *run = find_run(a, number);
    assert(run);
    if (planned_create(&a->live, a->snapshot, &number, 1, &own, &fault)) {
        os_stop(a->os, fault.text);
        return;
    }
    live_everybody(&a->live, own, own->all, cause, &changed);
    planned_free(own);
    live_set_changed(&a->live, planned_now(a), number, &changed);
    buffer_release(&changed);
    note_run(a, run, run->next_ms, true);
}

/* The run after the one at `at_ms`, with the clock on its way to `until_ms`: after a long sleep only the last few are made up. */
static int64_t run_after(const struct audience *a, const struct made *made, int64_t at_ms, int64_t until_ms) {
    const struct schedule *s = &made->schedule;
    int64_t period = s->every_ms ? s->every_ms : s->every_days * DAY_MS;
    int64_t from = until_ms - RUNS_MADE_UP * period;
    return schedule_next(s, a->snapshot->vocabulary.zone, period && from > at_ms ? from : at_ms);
}

static void work_run(struct audience *a, struct run *run, int64_t until_ms) {
    const struct made *made = definition_numbered(a->snapshot, run->number);
    note_run(a, run, run_after(a, made, run->next_ms, until_ms), false);
    run_segment(a, run->number, FEED_SCHEDULE);
}

/* The runs that a new snapshot asks for: those of before keep what they know where their schedule did not change. */
static void take_schedules(struct audience *a, uint32_t changed) {
    const struct audience_snapshot *s = a->snapshot;
    struct run *runs = memory_get(s->number_count, sizeof *runs);
    uint32_t count = 0;
    for (uint32_t n = 1; n < s->number_count; n++) {
        const struct made *made = s->by_number[n];
        const struct run *before = find_run(a, n);
        if (made->sort != SORT_SEGMENT || made->deleted || made->how != HOW_SCHEDULED)
            continue;
        runs[count] = before ? *before : (struct run){.number = n};
        if (!before || n == changed || changed == 0)
            runs[count].next_ms = schedule_next(&made->schedule, s->vocabulary.zone, a->live.now_ms);
        count++;
    }
    audience_set_runs(a, runs, count);
}

/* --- master data --- */

void audience_master_changed(struct audience *a, uint16_t type) {
    const struct planned *p = index_now(a);
    if (type >= p->type_count || !p->by_master[type].count)
        return;
    for (uint32_t i = 0; i < p->by_master[type].count; i++)
        slack_set_void(a->live.slack, p->roots[p->by_master[type].roots[i]].slot, true);
    a->master_dirty[type] = true;
    if (a->master_due_ms == TIMER_NEVER)
        a->master_due_ms = a->live.now_ms + MASTER_DELAY_MS;
    audience_note_due(a);
}

static void work_master(struct audience *a) {
    struct planned *p = planned_now(a);
    uint64_t *which = memory_get(p->words, sizeof *which), any = 0;
    for (uint32_t type = 0; type < p->type_count; type++) {
        for (uint32_t i = 0; a->master_dirty[type] && i < p->by_master[type].count; i++)
            bit_set(which, p->by_master[type].roots[i]);
        a->master_dirty[type] = false;
    }
    for (uint32_t w = 0; w < p->words; w++)
        any |= which[w];
    a->master_due_ms = TIMER_NEVER;
    if (any)
        live_everybody(&a->live, p, which, FEED_MASTER, NULL);
    free(which);
}

/* --- the clock --- */

static void at_position(struct audience *a, uint64_t position) {
    assert(position >= a->live.position);
    if (position != a->live.position)
        a->live.order = 0;
    a->live.position = position;
}

static void work_busy(struct audience *a, uint64_t began_ns) {
    atomic_fetch_add_explicit(&a->busy_ns, os_monotonic_ns(a->os) - began_ns, memory_order_relaxed);
}

/* What is due at one moment, in this order: scheduled segments by number, master data, customers. */
static void work_moment(struct audience *a, int64_t moment_ms, int64_t until_ms) {
    struct run *run = next_run(a);
    assert(moment_ms >= a->live.now_ms);
    a->live.now_ms = moment_ms;
    if (run && run->next_ms == moment_ms)
        work_run(a, run, until_ms);
    else if (a->master_due_ms == moment_ms)
        work_master(a);
    else
        live_due(&a->live, planned_now(a), moment_ms);
}

void audience_clock(struct audience *a, int64_t now_ms, uint64_t position) {
    at_position(a, position);
    if (now_ms <= a->live.now_ms)
        return;
    if (audience_due(a) <= now_ms) {
        uint64_t began = os_monotonic_ns(a->os);
        for (int64_t moment = next_due(a); moment <= now_ms; moment = next_due(a))
            work_moment(a, moment, now_ms);
        audience_note_due(a);
        work_busy(a, began);
    }
    a->live.now_ms = now_ms;
    atomic_store_explicit(&a->now_ms, now_ms, memory_order_relaxed);
}

/* --- records --- */

static void tell_events(struct audience *a, struct customer_id customer, struct record_head *const *records,
                        size_t count) {
    for (size_t i = 0; i < count; i++)
        if (records[i]->kind == TYPE_EVENT && (a->every_event_wanted || a->event_wanted[records[i]->type]))
            live_entry(&a->live, FEED_EVENT, FEED_RECORD, customer, records[i]->type, 0, 0);
}

void audience_records(struct audience *a, struct customer_id customer, bool created, struct record_head *const *records,
                      size_t count, uint64_t position) {
    uint64_t began = os_monotonic_ns(a->os);
    at_position(a, position);
    prepared_touch(a, customer);
    tell_events(a, customer, records, count);
    live_records(&a->live, planned_now(a), customer, created, records, count, position);
    audience_note_due(a);
    work_busy(a, began);
}

void audience_prefetch(const struct audience *a, struct customer_id customer) {
    members_prefetch(a->live.members, MEMBERS_POPULATION, customer);
    slack_prefetch(a->live.slack, customer);
    timers_prefetch(a->live.timers, customer);
}

void audience_merged(struct audience *a, struct customer_id winner, struct customer_id loser, uint64_t position) {
    uint64_t began = os_monotonic_ns(a->os);
    at_position(a, position);
    prepared_touch(a, winner);
    prepared_touch(a, loser);
    live_merged(&a->live, planned_now(a), winner, loser);
    audience_note_due(a);
    work_busy(a, began);
}

/* What the last run of a scheduled segment says of a customer whose rows are others now. */
static void restore_stored(struct audience *a, struct planned *own, const struct run *run,
                           struct customer_id customer) {
    uint64_t bit = 0;
    if (live_in_population(&a->live, customer)) {
        evaluator_customer(own->groups[0].now, customer, run->ran_ms, run->ran_position);
        evaluate_bits(own->groups[0].now, own->roots[0].index, &bit, NULL);
    }
    live_put_stored(&a->live, run->number, customer, bit & 1, FEED_SPLIT);
}

static void restore_run(struct audience *a, const struct run *run, const struct move *moves, size_t count) {
    struct planned *own;
    struct fault fault = {0};
    if (!run->ran_ms)
        return;
    if (planned_create(&a->live, a->snapshot, &run->number, 1, &own, &fault)) {
        os_stop(a->os, fault.text);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        restore_stored(a, own, run, moves[i].from);
        restore_stored(a, own, run, moves[i].to);
    }
    planned_free(own);
}

void audience_split(struct audience *a, const struct move *moves, size_t count, uint64_t position) {
    uint64_t began = os_monotonic_ns(a->os);
    at_position(a, position);
    for (size_t i = 0; i < count; i++) {
        prepared_touch(a, moves[i].from);
        prepared_touch(a, moves[i].to);
    }
    for (size_t i = 0; i < count; i++)
        live_entry(&a->live, FEED_PARTED, FEED_SPLIT, moves[i].from, moves[i].to.number, 0, 0);
    for (uint32_t i = 0; i < a->run_count; i++)
        restore_run(a, &a->runs[i], moves, count);
    for (size_t i = 0; i < count; i++)
        live_split(&a->live, planned_now(a), moves[i].from, moves[i].to);
    audience_note_due(a);
    work_busy(a, began);
}

void audience_publish(struct audience *a, uint64_t position) {
    atomic_store_explicit(&a->published, position, memory_order_release);
    feed_publish(a->live.feed, position);
}

/* --- definitions --- */

bool audience_defines(struct slice define) {
    for (int sort = 0; sort < SORT_COUNT_; sort++)
        if (slice_is(define, definition_sort_name((enum definition_sort)sort)))
            return true;
    return slice_is(define, "workspace");
}

enum status audience_check(struct audience *a, struct json_parser *p, const struct json *definition,
                           struct fault *fault) {
    struct audience_snapshot *snapshot = audience_snapshot(a);
    struct definition_change change;
    struct plan *plan = NULL;
    enum status status = definition_apply(&a->parts, snapshot, p, definition, false, 0, 0, &change, fault);
    if (!status && change.snapshot) {
        const struct made *made = definition_numbered(change.snapshot, change.number);
        if (made && made->tree && !made->deleted)
            status = plan_create(&change.snapshot->vocabulary, &made->tree, 1, &plan, fault);
        plan_free(plan);
        audience_snapshot_release(change.snapshot);
        free(change.again);
    }
    audience_snapshot_release(snapshot);
    return status;
}

void audience_note_subscriptions(struct audience *a) {
    const struct audience_snapshot *s = a->snapshot;
    for (uint32_t t = 0; t < DICTIONARY_TYPES_MAX; t++)
        a->event_wanted[t] = false;
    a->every_event_wanted = false;
    for (uint32_t n = 1; n < s->number_count; n++) {
        const struct made *made = s->by_number[n];
        if (made->sort != SORT_SUBSCRIPTION || made->deleted)
            continue;
        a->every_event_wanted |= made->all_events;
        for (uint32_t i = 0; i < made->type_count; i++)
            a->event_wanted[made->types[i]] = true;
    }
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t *change_live_numbers(const struct definition_change *change, uint32_t *count) {
    uint32_t *numbers = memory_get(change->again_count + 1, sizeof *numbers), all = 0;
    if (change->number)
        numbers[all++] = change->number;
    for (uint32_t i = 0; i < change->again_count; i++)
        numbers[all++] = change->again[i];
    *count = 0;
    for (uint32_t i = 0; i < all; i++)
        if (made_is_live(definition_numbered(change->snapshot, numbers[i])))
            numbers[(*count)++] = numbers[i];
    qsort(numbers, *count, sizeof *numbers, compare_numbers);
    return numbers;
}

static void put_in_force(struct audience *a, struct audience_snapshot *snapshot) {
    pthread_mutex_lock(&a->lock);
    struct audience_snapshot *old = a->snapshot;
    a->snapshot = snapshot;
    pthread_mutex_unlock(&a->lock);
    audience_snapshot_release(old);
    a->outdated = true;
}

/* The segment's members as its new definition has them. */
static void follow_definition(struct audience *a, uint32_t number, struct planned *own, struct backfill *prepared) {
    const struct made *made = definition_numbered(a->snapshot, number);
    take_schedules(a, number);
    audience_note_subscriptions(a);
    if (made && made->sort == SORT_SEGMENT && !made_is_live(made) && (made->deleted || made->how != HOW_SCHEDULED))
        live_empty(&a->live, number, FEED_DEFINITION);
    if (prepared)
        backfill_put(prepared, &a->live, own, FEED_DEFINITION);
    else if (own->root_count)
        backfill_everybody(&a->live, own, FEED_DEFINITION);
    if (made && find_run(a, number) && !made->schedule.once_ms)
        run_segment(a, number, FEED_DEFINITION);
}

enum status audience_define(struct audience *a, struct json_parser *p, const struct json *definition, uint64_t position,
                            int64_t received_ms, struct fault *fault) {
    struct definition_change change;
    struct planned *own = NULL;
    uint64_t began = os_monotonic_ns(a->os);
    at_position(a, position);
    enum status status =
        definition_apply(&a->parts, a->snapshot, p, definition, true, position, received_ms, &change, fault);
    if (status || !change.snapshot)
        return status;
    uint32_t count, *numbers = change_live_numbers(&change, &count);
    status = planned_create(&a->live, change.snapshot, numbers, count, &own, fault);
    struct backfill *prepared = status || !count ? NULL : prepared_take(a, change.snapshot, numbers, count);
    free(numbers);
    free(change.again);
    if (status) {
        audience_snapshot_release(change.snapshot);
        return status;
    }
    put_in_force(a, change.snapshot);
    audience_note_types(a);
    follow_definition(a, change.number, own, prepared);
    backfill_free(prepared);
    planned_free(own);
    audience_note_due(a);
    work_busy(a, began);
    return STATUS_OK;
}

/* Per type the count of its properties (2 bytes) and their types. */
void audience_note_types(struct audience *a) {
    buffer_clear(&a->types);
    for (uint32_t t = 0; t < dictionary_type_count(a->parts.dictionary); t++) {
        const struct type *type = dictionary_type_at(a->parts.dictionary, (uint16_t)t);
        uint16_t count = (uint16_t)type->property_count;
        buffer_add(&a->types, &count, sizeof count);
        for (uint16_t n = 1; n <= count; n++)
            buffer_add_char(&a->types, (char)dictionary_property_at(type, n)->type);
    }
}

/* Whether a property that was noted is of another type now. */
static bool types_changed(const struct audience *a) {
    const char *at = a->types.data, *end = at + a->types.size;
    for (uint16_t t = 0; at < end; t++) {
        const struct type *type = dictionary_type_at(a->parts.dictionary, t);
        uint16_t count;
        memcpy(&count, at, sizeof count);
        at += sizeof count;
        for (uint16_t n = 1; n <= count; n++)
            if (*at++ != (char)dictionary_property_at(type, n)->type)
                return true;
    }
    return false;
}

void audience_dictionary_changed(struct audience *a, uint64_t position) {
    struct definition_change change = {0};
    struct planned *own = NULL;
    struct fault fault = {0};
    prepared_void(a);
    if (!types_changed(a))
        return;
    at_position(a, position);
    change.snapshot = snapshot_with(a->snapshot, &a->parts, NULL, NULL);
    snapshot_check_again(change.snapshot, &change.again, &change.again_count);
    put_in_force(a, change.snapshot);
    uint32_t count, *numbers = change_live_numbers(&change, &count);
    if (planned_create(&a->live, a->snapshot, numbers, count, &own, &fault))
        os_stop(a->os, fault.text);
    else if (count)
        backfill_everybody(&a->live, own, FEED_DEFINITION);
    planned_free(own);
    free(numbers);
    free(change.again);
    audience_note_types(a);
    audience_note_due(a);
}

enum status audience_refresh(struct audience *a, struct slice segment, uint64_t position, struct fault *fault) {
    const struct made *made = definition_find(a->snapshot, SORT_SEGMENT, segment);
    if (!made || made->how != HOW_SCHEDULED)
        return fault_set(fault, STATUS_NOT_FOUND, "no scheduled segment is called \"%.*s\"",
                         (int)(segment.size < 80 ? segment.size : 80), segment.data);
    at_position(a, position);
    run_segment(a, made->number, FEED_SCHEDULE);
    audience_note_due(a);
    return STATUS_OK;
}
