/* household_run: see the header. */
#include "serve/household_run.h"

#include <pthread.h>
#include <stdlib.h>

#include "serve/review.h"
#include "serve/run_append.h"

struct household_run {
    struct serve_parts parts;
    struct background *background;
    pthread_mutex_t lock;          /* of what follows */
    struct households *households; /* of the last run that ended well, or NULL */
    struct household_run_summary summary;
};

struct order {
    struct household_run *run;
    double least, automatic;
};

struct household_run *household_run_create(const struct serve_parts *parts) {
    struct household_run *run = memory_get(1, sizeof *run);
    run->parts = *parts;
    run->background = background_create(parts->os, "GET /v1/households");
    pthread_mutex_init(&run->lock, NULL);
    return run;
}

void household_run_close(struct household_run *run) {
    if (run)
        background_close(run->background);
}

void household_run_free(struct household_run *run) {
    if (!run)
        return;
    background_free(run->background);
    households_free(run->households);
    pthread_mutex_destroy(&run->lock);
    free(run);
}

struct background *household_run_background(struct household_run *run) {
    return run->background;
}

/* --- a run --- */

static bool tell_progress(void *context, double done) {
    struct household_run *run = context;
    background_progress(run->background, done);
    return !background_cancelled(run->background);
}

static enum status relate(struct run_log *log, struct customer_id a, struct customer_id b, struct fault *fault) {
    struct buffer text = {0};
    struct arena arena = {0};
    enum status status = STATUS_OK;
    if (!review_holds(log->parts, SLICE(HOUSEHOLD_RELATION), a, b, &arena)) {
        review_write(&text, SLICE(HOUSEHOLD_RELATION), a, b, false);
        status = run_append(log, LOG_COMMAND, buffer_slice(&text), fault);
    }
    arena_release(&arena);
    buffer_release(&text);
    return status;
}

static enum status relate_all(struct run_log *log, const uint32_t *members, uint32_t count, struct fault *fault) {
    enum status status = STATUS_OK;
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t b = a + 1; b < count && !status; b++)
            status = relate(log, (struct customer_id){members[a]}, (struct customer_id){members[b]}, fault);
    return status;
}

/* Accepts what is as sure as was asked for; when it returns, that is in force. */
static enum status accept_sure(struct household_run *run, const struct households *h, double automatic,
                               uint64_t *accepted, struct fault *fault) {
    struct run_log log = {&run->parts, run->background, 0};
    struct buffer text = {0};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < h->group_count && (double)h->groups[i].probability >= automatic && !status; i++) {
        const struct household_group *g = &h->groups[i];
        if (g->decided)
            continue;
        if (!*accepted && review_declare(&run->parts, HOUSEHOLD_RELATION, &text))
            status = run_append(&log, LOG_DEFINE, buffer_slice(&text), fault);
        if (!status)
            status = relate_all(&log, h->members + g->first, g->count, fault);
        *accepted += !status;
    }
    buffer_release(&text);
    run_settle(&log);
    return status;
}

static void keep(struct household_run *run, struct households *h, uint64_t accepted, uint64_t position) {
    struct household_run_summary summary = {.done = true,
                                            .customers = h->customer_count,
                                            .pairs = h->pair_count,
                                            .crowds = h->crowd_count,
                                            .one_person = h->one_person_count,
                                            .accepted = accepted,
                                            .position = position};
    for (size_t i = 0; i < h->group_count; i++)
        summary.proposed += !h->groups[i].decided;
    pthread_mutex_lock(&run->lock);
    struct households *old = run->households;
    run->households = h;
    run->summary = summary;
    pthread_mutex_unlock(&run->lock);
    households_free(old);
}

static enum status run_work(void *context, struct fault *fault) {
    struct order order = *(struct order *)context;
    struct household_run *run = order.run;
    struct network_parts parts = {run->parts.os,      run->parts.dictionary, run->parts.identity,
                                  run->parts.history, tell_progress,         run};
    struct households *h;
    uint64_t position = history_position(run->parts.history), accepted = 0;
    free(context);
    enum status status = household_read(&parts, order.least, &h, fault);
    if (status)
        return status;
    if (order.automatic > 0)
        status = accept_sure(run, h, order.automatic, &accepted, fault);
    keep(run, h, accepted, position);
    return status;
}

enum status household_run_start(struct household_run *run, double least, double automatic, struct fault *fault) {
    struct order *order = memory_get(1, sizeof *order);
    *order = (struct order){run, least, automatic};
    enum status status = background_start(run->background, run_work, order, fault);
    if (status)
        free(order);
    return status;
}

void household_run_summary(struct household_run *run, struct household_run_summary *out) {
    pthread_mutex_lock(&run->lock);
    *out = run->summary;
    pthread_mutex_unlock(&run->lock);
}

/* --- the list --- */

/* The members as they are now, each once. */
static void find_members(const struct household_run *run, struct household_proposal *p) {
    const uint32_t *members = p->households->members + p->group->first;
    for (uint32_t i = 0; i < p->group->count && p->count <= HOUSEHOLD_MAX; i++) {
        struct customer_id now = identity_redirect(run->parts.identity, (struct customer_id){members[i]});
        bool known = now.number == 0;
        for (uint32_t k = 0; k < p->count && !known; k++)
            known = p->members[k].number == now.number;
        if (!known)
            p->members[p->count++] = now;
    }
}

/* Whether the relation holds between any two of them, or between all. */
static bool holds(const struct household_run *run, const struct household_proposal *p, const char *relation, bool all,
                  struct arena *arena) {
    for (uint32_t a = 0; a < p->count; a++)
        for (uint32_t b = a + 1; b < p->count; b++) {
            bool one = review_holds(&run->parts, slice_text(relation), p->members[a], p->members[b], arena);
            arena_reset(arena);
            if (one != all)
                return one;
        }
    return all;
}

void household_run_groups(struct household_run *run, bool (*each)(void *context, const struct household_proposal *p),
                          void *context) {
    struct arena arena = {0};
    bool more = true;
    pthread_mutex_lock(&run->lock);
    for (size_t i = 0; run->households && i < run->households->group_count && more; i++) {
        struct household_proposal p = {.households = run->households, .group = &run->households->groups[i]};
        find_members(run, &p);
        if (p.count < 2 || p.count > HOUSEHOLD_MAX)
            continue;
        p.state = holds(run, &p, HOUSEHOLD_APART, false, &arena)     ? HOUSEHOLD_REJECTED
                  : holds(run, &p, HOUSEHOLD_RELATION, true, &arena) ? HOUSEHOLD_ACCEPTED
                                                                     : HOUSEHOLD_OPEN;
        more = each(context, &p);
    }
    pthread_mutex_unlock(&run->lock);
    arena_release(&arena);
}

void household_run_crowds(struct household_run *run,
                          bool (*each)(void *context, const struct households *h, const struct household_crowd *crowd),
                          void *context) {
    pthread_mutex_lock(&run->lock);
    for (size_t i = 0; run->households && i < run->households->crowd_count; i++)
        if (!each(context, run->households, &run->households->crowds[i]))
            break;
    pthread_mutex_unlock(&run->lock);
}
