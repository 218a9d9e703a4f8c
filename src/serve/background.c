/* background: see the header. */
#include "serve/background.h"

#include <assert.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"

struct background {
    struct os *os;
    const char *name;
    pthread_mutex_t lock; /* all below but the atomics */
    pthread_t thread;
    bool started; /* `thread` is to be joined */
    bool closed;
    struct background_state state;
    enum status (*work)(void *context, struct fault *fault);
    void *context;
    _Atomic bool cancelled;
    _Atomic unsigned permille;
};

struct background *background_create(struct os *os, const char *name) {
    struct background *b = memory_get(1, sizeof *b);
    b->os = os;
    b->name = name;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void background_close(struct background *b) {
    if (!b)
        return;
    pthread_mutex_lock(&b->lock);
    b->closed = true;
    atomic_store(&b->cancelled, true);
    bool join = b->started;
    b->started = false;
    pthread_mutex_unlock(&b->lock);
    if (join)
        pthread_join(b->thread, NULL);
}

void background_free(struct background *b) {
    if (!b)
        return;
    assert(!b->started);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

static void *thread_main(void *context) {
    struct background *b = context;
    struct fault fault = {0};
    enum status status = b->work(b->context, &fault);
    pthread_mutex_lock(&b->lock);
    b->state.running = false;
    b->state.ended_ms = os_now_ms(b->os);
    snprintf(b->state.fault, sizeof b->state.fault, "%s", status ? fault.text : "");
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

enum status background_start(struct background *b, enum status (*work)(void *context, struct fault *fault),
                             void *context, struct fault *fault) {
    enum status status = STATUS_OK;
    pthread_mutex_lock(&b->lock);
    if (b->closed) {
        status = fault_set(fault, STATUS_CLOSED, "shutting down");
    } else if (b->state.running) {
        status = fault_set(fault, STATUS_BUSY, "a run is under way; %s shows how far it is", b->name);
    } else {
        if (b->started)
            pthread_join(b->thread, NULL); /* it has ended, or is about to return */
        b->work = work;
        b->context = context;
        b->state.running = true;
        b->state.started_ms = os_now_ms(b->os);
        atomic_store(&b->cancelled, false);
        atomic_store(&b->permille, 0);
        b->started = pthread_create(&b->thread, NULL, thread_main, b) == 0;
        if (!b->started) {
            b->state.running = false;
            status = fault_set(fault, STATUS_NO_MEMORY, "no thread can be started");
        }
    }
    pthread_mutex_unlock(&b->lock);
    return status;
}

bool background_cancel(struct background *b) {
    pthread_mutex_lock(&b->lock);
    bool running = b->state.running;
    if (running)
        atomic_store(&b->cancelled, true);
    pthread_mutex_unlock(&b->lock);
    return running;
}

bool background_cancelled(const struct background *b) { return atomic_load(&b->cancelled); }

enum status background_checked(const struct background *b, struct fault *fault) {
    return background_cancelled(b) ? fault_set(fault, STATUS_CLOSED, "cancelled") : STATUS_OK;
}

void background_progress(struct background *b, double done) {
    atomic_store(&b->permille, done < 0 ? 0 : done > 1 ? 1000 : (unsigned)(done * 1000));
}

void background_state(struct background *b, struct background_state *out) {
    pthread_mutex_lock(&b->lock);
    *out = b->state;
    out->progress = out->running ? atomic_load(&b->permille) / 1000.0 : 1;
    pthread_mutex_unlock(&b->lock);
}

void background_write(const struct background_state *state, struct json_writer *w) {
    json_member_bool(w, "running", state->running);
    json_member_real(w, "progress", round(state->progress * 1000) / 1000);
    json_key(w, "fault");
    if (state->fault[0])
        json_cstring(w, state->fault);
    else
        json_null(w);
}
