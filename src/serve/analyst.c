/* analyst: see the header. One lock over the kept answers and the jobs; nothing is run under it. */
#include "serve/analyst.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/time.h"

struct held {                 /* an analysis with who holds it */
    struct analysis analysis; /* first: what is given out */
    _Atomic uint32_t holders;
    char *definition;
};

enum job_state { JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_STOPPED };
static const char *const job_states[] = {"waiting", "running", "done", "failed", "stopped"};

struct job {
    struct job *next; /* older */
    uint64_t number;
    const struct insight_kind *kind;
    char *name, *definition;
    enum job_state state;
    _Atomic bool stop;
    struct insight_progress progress;
    const struct analysis *analysis;
    struct fault fault;
    int64_t created_ms, finished_ms;
};

struct analyst {
    struct serve_parts parts;
    unsigned workers;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct held *kept[ANALYST_KEPT]; /* newest first */
    struct job *jobs;                /* newest first */
    uint64_t job_count;              /* ever */
    bool closing;
};

/* --- answers --- */

void analysis_release(const struct analysis *analysis) {
    struct held *h = (struct held *)analysis;
    if (!h || atomic_fetch_sub(&h->holders, 1) != 1)
        return;
    answer_free(h->analysis.answer);
    free(h->definition);
    free(h);
}

static const struct analysis *hold(struct held *h) {
    atomic_fetch_add(&h->holders, 1);
    return &h->analysis;
}

/* Under the lock. */
static struct held *find_kept(struct analyst *a, const struct insight_kind *kind, struct slice definition,
                              uint64_t position, int64_t now_ms) {
    for (size_t i = 0; i < ANALYST_KEPT && a->kept[i]; i++) {
        struct held *h = a->kept[i];
        if (h->analysis.kind == kind && h->analysis.position == position &&
            now_ms - h->analysis.at_ms < ANALYST_KEPT_S * 1000LL && slice_is(definition, h->definition))
            return h;
    }
    return NULL;
}

static void keep(struct analyst *a, struct held *h) {
    analysis_release(a->kept[ANALYST_KEPT - 1] ? &a->kept[ANALYST_KEPT - 1]->analysis : NULL);
    memmove(a->kept + 1, a->kept, (ANALYST_KEPT - 1) * sizeof *a->kept);
    a->kept[0] = h;
    (void)hold(h);
}

/* One run of a definition's text; `insight` has what is not the same for all. */
static enum status run(struct analyst *a, const struct insight_kind *kind, struct slice definition,
                       struct insight *insight, struct answer *answer, struct fault *fault) {
    struct audience_snapshot *snapshot = a->parts.audience ? audience_snapshot(a->parts.audience) : NULL;
    struct json_parser *parser = json_parser_create();
    const struct json *root = NULL;
    enum status status = STATUS_OK;
    if (!snapshot)
        status = fault_set(fault, STATUS_UNSUPPORTED, "this server keeps no segments, and runs no analyses");
    if (!status)
        status = json_parse(parser, definition, false, &root, fault);
    if (!status) {
        insight->vocabulary = audience_vocabulary(snapshot);
        insight->now_ms = os_now_ms(a->parts.os);
        insight->workers = a->workers;
        audience_outside(a->parts.audience, &insight->outside);
        status = insight_run(insight, kind, parser, root, answer, fault);
    }
    json_parser_free(parser);
    if (snapshot)
        audience_snapshot_release(snapshot);
    return status;
}

enum status analyst_run(struct analyst *a, const struct insight_kind *kind, struct slice definition,
                        const _Atomic bool *stop, struct insight_progress *progress, const struct analysis **analysis,
                        bool *kept, struct fault *fault) {
    uint64_t position = history_position(a->parts.history), began = os_monotonic_ns(a->parts.os);
    int64_t now_ms = os_now_ms(a->parts.os);
    struct insight insight = {.stop = stop, .progress = progress};
    *analysis = NULL;
    pthread_mutex_lock(&a->lock);
    struct held *h = find_kept(a, kind, definition, position, now_ms);
    *kept = h != NULL;
    if (h)
        *analysis = hold(h);
    pthread_mutex_unlock(&a->lock);
    if (h)
        return STATUS_OK;
    struct answer *answer = answer_create();
    enum status status = run(a, kind, definition, &insight, answer, fault);
    if (status) {
        answer_free(answer);
        return status;
    }
    h = memory_get(1, sizeof *h);
    h->analysis = (struct analysis){kind, answer, position, now_ms, os_monotonic_ns(a->parts.os) - began};
    h->definition = memory_text(definition);
    atomic_store(&h->holders, 1);
    pthread_mutex_lock(&a->lock);
    if (history_position(a->parts.history) == position) /* else it may hold some of what came meanwhile */
        keep(a, h);
    pthread_mutex_unlock(&a->lock);
    *analysis = &h->analysis;
    return STATUS_OK;
}

enum status analyst_members(struct analyst *a, const struct insight_kind *kind, struct slice definition,
                            const _Atomic bool *stop, struct insight_members *members, struct fault *fault) {
    struct insight insight = {.stop = stop, .members = members};
    struct answer *answer = answer_create();
    *members = (struct insight_members){0};
    enum status status = run(a, kind, definition, &insight, answer, fault);
    answer_free(answer);
    return status;
}

enum status analyst_check(struct analyst *a, const struct insight_kind *kind, struct slice definition,
                          struct fault *fault) {
    struct insight insight = {.check_only = true};
    struct answer *answer = answer_create();
    enum status status = run(a, kind, definition, &insight, answer, fault);
    answer_free(answer);
    return status;
}

/* --- jobs --- */

static void job_free(struct job *job) {
    analysis_release(job->analysis);
    free(job->name);
    free(job->definition);
    free(job);
}

/* The oldest that waits; under the lock. */
static struct job *next_job(struct analyst *a) {
    struct job *found = NULL;
    for (struct job *j = a->jobs; j; j = j->next)
        found = j->state == JOB_WAITING ? j : found;
    return found;
}

static void work(struct analyst *a, struct job *job) {
    const struct analysis *analysis = NULL;
    struct fault fault = {0};
    bool kept;
    job->state = JOB_RUNNING;
    pthread_mutex_unlock(&a->lock);
    enum status status =
        analyst_run(a, job->kind, slice_text(job->definition), &job->stop, &job->progress, &analysis, &kept, &fault);
    pthread_mutex_lock(&a->lock);
    job->state = !status ? JOB_DONE : status == STATUS_CLOSED ? JOB_STOPPED : JOB_FAILED;
    job->analysis = analysis;
    job->fault = fault;
    job->finished_ms = os_now_ms(a->parts.os);
}

static void *work_jobs(void *context) {
    struct analyst *a = context;
    pthread_mutex_lock(&a->lock);
    while (!a->closing) {
        struct job *job = next_job(a);
        if (job)
            work(a, job);
        else
            pthread_cond_wait(&a->changed, &a->lock);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Forgets the oldest that have ended; under the lock. */
static void forget_old(struct analyst *a) {
    unsigned count = 0;
    for (struct job **at = &a->jobs; *at;) {
        struct job *job = *at;
        bool ended = job->state != JOB_WAITING && job->state != JOB_RUNNING;
        if (++count <= JOBS_MAX || !ended) {
            at = &job->next;
            continue;
        }
        *at = job->next;
        job_free(job);
    }
}

enum status analyst_job(struct analyst *a, const struct insight_kind *kind, struct slice name, struct slice definition,
                        uint64_t *number, struct fault *fault) {
    unsigned waiting = 0;
    enum status status = STATUS_OK;
    pthread_mutex_lock(&a->lock);
    for (const struct job *j = a->jobs; j; j = j->next)
        waiting += j->state == JOB_WAITING;
    if (a->closing)
        status = STATUS_CLOSED;
    else if (waiting >= JOBS_WAITING_MAX)
        status = fault_set(fault, STATUS_FULL, "%u analyses wait already; try again when some are done", waiting);
    if (!status) {
        struct job *job = memory_get(1, sizeof *job);
        job->number = *number = ++a->job_count;
        job->kind = kind;
        job->name = memory_text(name);
        job->definition = memory_text(definition);
        job->created_ms = os_now_ms(a->parts.os);
        job->next = a->jobs;
        a->jobs = job;
        forget_old(a);
        pthread_cond_signal(&a->changed);
    }
    pthread_mutex_unlock(&a->lock);
    return status;
}

static struct job *find_job(struct analyst *a, uint64_t number) {
    struct job *job = a->jobs;
    while (job && job->number != number)
        job = job->next;
    return job;
}

/* Members of the object that is open; under the lock. */
static void write_job(struct job *job, struct json_writer *w) {
    uint32_t done = atomic_load(&job->progress.done), total = atomic_load(&job->progress.total);
    json_member_integer(w, "job", (int64_t)job->number);
    json_member_cstring(w, "kind", job->kind->name);
    if (job->name[0])
        json_member_cstring(w, "name", job->name);
    json_member_cstring(w, "state", job_states[job->state]);
    json_member_real(w, "progress", job->state == JOB_DONE ? 1 : total ? (double)done / total : 0);
    json_member_time(w, "created_at", job->created_ms);
    if (job->finished_ms)
        json_member_time(w, "finished_at", job->finished_ms);
    if (job->state == JOB_FAILED)
        json_member_cstring(w, "error", job->fault.text);
}

bool analyst_job_json(struct analyst *a, uint64_t number, bool answer, struct json_writer *w) {
    pthread_mutex_lock(&a->lock);
    struct job *job = find_job(a, number);
    if (job) {
        json_object(w);
        write_job(job, w);
        if (answer && job->analysis) {
            json_member_integer(w, "position", (int64_t)job->analysis->position);
            answer_write_json(job->analysis->answer, w);
        }
        json_end_object(w);
    }
    pthread_mutex_unlock(&a->lock);
    return job != NULL;
}

const struct analysis *analyst_job_answer(struct analyst *a, uint64_t number) {
    pthread_mutex_lock(&a->lock);
    struct job *job = find_job(a, number);
    const struct analysis *analysis = job && job->analysis ? hold((struct held *)job->analysis) : NULL;
    pthread_mutex_unlock(&a->lock);
    return analysis;
}

void analyst_jobs_json(struct analyst *a, struct json_writer *w) {
    pthread_mutex_lock(&a->lock);
    json_array(w);
    for (struct job *job = a->jobs; job; job = job->next) {
        json_object(w);
        write_job(job, w);
        json_end_object(w);
    }
    json_end_array(w);
    pthread_mutex_unlock(&a->lock);
}

bool analyst_job_stop(struct analyst *a, uint64_t number) {
    pthread_mutex_lock(&a->lock);
    struct job *job = find_job(a, number);
    if (job && job->state == JOB_WAITING) {
        job->state = JOB_STOPPED;
        job->finished_ms = os_now_ms(a->parts.os);
    }
    if (job)
        atomic_store(&job->stop, true);
    pthread_mutex_unlock(&a->lock);
    return job != NULL;
}

/* --- making and ending --- */

struct analyst *analyst_create(const struct serve_parts *parts, unsigned workers) {
    struct analyst *a = memory_get(1, sizeof *a);
    a->parts = *parts;
    a->workers = workers;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    if (pthread_create(&a->thread, NULL, work_jobs, a) != 0)
        abort();
    return a;
}

void analyst_close(struct analyst *a) {
    if (!a || a->closing)
        return;
    pthread_mutex_lock(&a->lock);
    a->closing = true;
    for (struct job *job = a->jobs; job; job = job->next)
        atomic_store(&job->stop, true);
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
    pthread_join(a->thread, NULL);
}

void analyst_free(struct analyst *a) {
    if (!a)
        return;
    assert(a->closing);
    for (size_t i = 0; i < ANALYST_KEPT; i++)
        analysis_release(a->kept[i] ? &a->kept[i]->analysis : NULL);
    for (struct job *job = a->jobs, *next; job; job = next) {
        next = job->next;
        job_free(job);
    }
    pthread_mutex_destroy(&a->lock);
    pthread_cond_destroy(&a->changed);
    free(a);
}
