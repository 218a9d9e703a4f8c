/* fold_ahead: a ring of records between whoever governs and the fold. One of the two governs at a time (`busy`): reader and govern are his
 * then. He works a run of some records, so that nobody wakes anybody for a single one; each is seen by the other as soon as it is made. */
#include "main/fold_ahead.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RING 64u /* records of some KiB: within what the cores share */
#define RUN 8u

struct ahead {
    struct engine *engine;
    struct log_reader *reader;
    struct governed *work; /* large; of the record being governed, and its raw one: govern_settle's */
    struct log_record raw;
    struct ahead_record *ring;
    _Atomic uint64_t made, taken; /* records, since it was created */
    pthread_t thread;
    bool helped;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t work_wanted, run_made;
    bool busy, stop, resting, waiting;
    uint64_t behind;     /* so many records must be applied before another is made; whoever is busy sets it */
    _Atomic bool asleep; /* the helper: also read without the lock, to see whether to wake it */
    enum status status;  /* of reading; END too */
    struct fault fault;
};

/* --- making --- */

static struct ahead_record *record_at(const struct ahead *a, uint64_t number) { return &a->ring[number % RING]; }

/* Whoever is busy. */
static enum status make_one(struct ahead *a, struct fault *fault) {
    uint64_t made = atomic_load_explicit(&a->made, memory_order_relaxed);
    struct ahead_record *r = record_at(a, made);
    enum status status = log_read(a->reader, &a->raw, fault);
    if (status)
        return status;
    bool alone = a->raw.kind == LOG_DEFINE || a->raw.kind == LOG_COMMAND;
    r->raw = a->raw;
    if (ahead_has_data(r)) {
        govern_work(a->engine->govern, &a->raw, a->work);
        governed_copy(a->work, &r->bytes, &r->governed);
        identity_hash_claims(&r->governed);
        r->raw.payload = SLICE_NONE;
        alone = r->governed.refused || r->governed.party_count;
    }
    if (alone)
        a->behind = made + 1;
    atomic_store_explicit(&a->made, made + 1, memory_order_release);
    return STATUS_OK;
}

/* Whether another may be made: whoever is busy, or under the lock while nobody is. */
static bool has_room(const struct ahead *a) {
    uint64_t taken = atomic_load_explicit(&((struct ahead *)a)->taken, memory_order_acquire);
    return taken >= a->behind && atomic_load_explicit(&((struct ahead *)a)->made, memory_order_relaxed) - taken < RING;
}

/* Under the lock. */
static bool may_make(const struct ahead *a) {
    return !a->busy && !a->resting && !a->status && a->reader && has_room(a);
}

/* Under the lock, which is let go meanwhile. */
static void make_run(struct ahead *a) {
    struct fault fault = {0};
    enum status status = STATUS_OK;
    a->busy = true;
    pthread_mutex_unlock(&a->lock);
    for (unsigned i = 0; i < RUN && !status && has_room(a); i++)
        status = make_one(a, &fault);
    pthread_mutex_lock(&a->lock);
    a->busy = false;
    a->status = status;
    if (status)
        a->fault = fault;
}

static void *help(void *context) {
    struct ahead *a = context;
    pthread_setname_np(pthread_self(), "govern");
    pthread_mutex_lock(&a->lock);
    while (!a->stop) {
        if (may_make(a)) {
            make_run(a);
            if (a->waiting)
                pthread_cond_signal(&a->run_made);
            continue;
        }
        atomic_store_explicit(&a->asleep, true, memory_order_relaxed);
        pthread_cond_wait(&a->work_wanted, &a->lock);
        atomic_store_explicit(&a->asleep, false, memory_order_relaxed);
    }
    pthread_mutex_unlock(&a->lock);
    return NULL;
}

/* Under the lock. */
static void wake_helper(struct ahead *a) {
    if (a->helped && atomic_load_explicit(&a->asleep, memory_order_relaxed) && may_make(a))
        pthread_cond_signal(&a->work_wanted);
}

/* --- the fold --- */

void ahead_begin(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    if (a->status == STATUS_END)
        a->status = STATUS_OK;
    pthread_mutex_unlock(&a->lock);
}

enum status ahead_next(struct ahead *a, struct ahead_record **record, struct fault *fault) {
    uint64_t taken = atomic_load_explicit(&a->taken, memory_order_relaxed);
    enum status status = STATUS_OK;
    *record = record_at(a, taken);
    if (atomic_load_explicit(&a->made, memory_order_acquire) != taken)
        return STATUS_OK;
    pthread_mutex_lock(&a->lock);
    while (atomic_load_explicit(&a->made, memory_order_acquire) == taken) {
        if (a->busy) {
            a->waiting = true;
            pthread_cond_wait(&a->run_made, &a->lock);
            a->waiting = false;
            continue;
        }
        if (a->status || a->resting) {
            status = a->status ? a->status : STATUS_END;
            if (status != STATUS_END && fault)
                *fault = a->fault;
            break;
        }
        assert(has_room(a));
        make_run(a);
        wake_helper(a);
    }
    pthread_mutex_unlock(&a->lock);
    return status;
}

uint64_t ahead_number(const struct ahead *a) {
    return atomic_load_explicit(&((struct ahead *)a)->taken, memory_order_relaxed);
}

struct ahead_record *ahead_peek(const struct ahead *a, unsigned distance) {
    uint64_t taken = atomic_load_explicit(&((struct ahead *)a)->taken, memory_order_relaxed);
    return atomic_load_explicit(&((struct ahead *)a)->made, memory_order_acquire) - taken > distance
               ? record_at(a, taken + distance)
               : NULL;
}

/* A helper that had no room is woken when half of the ring is empty; else by who finds it empty (ahead_next). */
void ahead_done(struct ahead *a) {
    uint64_t taken = atomic_load_explicit(&a->taken, memory_order_relaxed) + 1;
    uint64_t left = atomic_load_explicit(&a->made, memory_order_relaxed) - taken;
    atomic_store_explicit(&a->taken, taken, memory_order_release);
    if (left != RING / 2 || !atomic_load_explicit(&a->asleep, memory_order_relaxed))
        return;
    pthread_mutex_lock(&a->lock);
    wake_helper(a);
    pthread_mutex_unlock(&a->lock);
}

void ahead_rest(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    a->resting = true;
    while (a->busy) {
        a->waiting = true;
        pthread_cond_wait(&a->run_made, &a->lock);
        a->waiting = false;
    }
    pthread_mutex_unlock(&a->lock);
}

void ahead_resume(struct ahead *a) {
    pthread_mutex_lock(&a->lock);
    a->resting = false;
    wake_helper(a);
    pthread_mutex_unlock(&a->lock);
}

/* --- life --- */

struct ahead *ahead_create(struct engine *engine) {
    struct ahead *a = memory_get(1, sizeof *a);
    a->engine = engine;
    a->work = memory_get(1, sizeof *a->work);
    a->ring = memory_get(RING, sizeof *a->ring);
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->work_wanted, NULL);
    pthread_cond_init(&a->run_made, NULL);
    return a;
}

void ahead_free(struct ahead *a) {
    if (!a)
        return;
    if (a->helped) {
        pthread_mutex_lock(&a->lock);
        a->stop = true;
        pthread_cond_signal(&a->work_wanted);
        pthread_mutex_unlock(&a->lock);
        pthread_join(a->thread, NULL);
    }
    log_reader_close(a->reader);
    for (uint32_t i = 0; i < RING; i++)
        buffer_release(&a->ring[i].bytes);
    pthread_cond_destroy(&a->work_wanted);
    pthread_cond_destroy(&a->run_made);
    pthread_mutex_destroy(&a->lock);
    free(a->ring);
    free(a->work);
    free(a);
}

enum status ahead_start_at(struct ahead *a, uint64_t position, struct fault *fault) {
    assert(atomic_load(&a->made) == atomic_load(&a->taken) && !a->busy);
    log_reader_close(a->reader);
    a->reader = NULL;
    a->status = STATUS_OK;
    return log_reader_open(a->engine->log, position + 1, &a->reader, fault);
}

enum status ahead_help(struct ahead *a, struct fault *fault) {
    int error = pthread_create(&a->thread, NULL, help, a);
    a->helped = !error;
    return error ? fault_set(fault, STATUS_NO_MEMORY, "cannot start a thread: %s", strerror(error)) : STATUS_OK;
}
