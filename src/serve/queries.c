/* queries: see the header. One thread looks at the deadlines; it sleeps while nothing runs. */
#include "serve/queries.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "language/workers.h"
#include "serve/serve_inside.h"

struct queries {
    struct os *os;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct query *first;
    unsigned count;
    bool closing;
};

/* Under the lock: stops those whose time is over. */
static void stop_late(struct queries *queries, bool all) {
    uint64_t now = os_monotonic_ns(queries->os);
    for (struct query *q = queries->first; q; q = q->next) {
        if (all || now >= q->until_ns)
            atomic_store(&q->stop, true);
    }
}

static void *watch_run(void *context) {
    struct queries *queries = context;
    struct timespec until;
    pthread_mutex_lock(&queries->lock);
    while (!queries->closing) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec++;
        if (queries->count)
            pthread_cond_timedwait(&queries->changed, &queries->lock, &until);
        else
            pthread_cond_wait(&queries->changed, &queries->lock);
        stop_late(queries, queries->closing);
    }
    pthread_mutex_unlock(&queries->lock);
    return NULL;
}

struct queries *queries_create(struct os *os) {
    struct queries *queries = memory_get(1, sizeof *queries);
    pthread_condattr_t monotonic;
    queries->os = os;
    pthread_mutex_init(&queries->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&queries->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (pthread_create(&queries->thread, NULL, watch_run, queries) != 0)
        abort();
    return queries;
}

void queries_close(struct queries *queries) {
    pthread_mutex_lock(&queries->lock);
    queries->closing = true;
    stop_late(queries, true);
    pthread_cond_signal(&queries->changed);
    pthread_mutex_unlock(&queries->lock);
    pthread_join(queries->thread, NULL);
}

void queries_free(struct queries *queries) {
    if (queries == NULL)
        return;
    assert(queries->closing && queries->count == 0);
    pthread_mutex_destroy(&queries->lock);
    pthread_cond_destroy(&queries->changed);
    free(queries);
}

bool query_begin(struct call *call, struct query *query) {
    struct queries *queries = call->serve->queries;
    pthread_mutex_lock(&queries->lock);
    bool room = queries->count < QUERIES_MAX && !queries->closing;
    if (room) {
        *query =
            (struct query){.next = queries->first, .until_ns = os_monotonic_ns(queries->os) + QUERY_S * 1000000000ull};
        queries->first = query;
        queries->count++;
        pthread_cond_signal(&queries->changed);
    }
    pthread_mutex_unlock(&queries->lock);
    if (!room)
        call_fail_text(call, STATUS_BUSY, "%d queries over everybody are under way already; try again", QUERIES_MAX);
    return room;
}

void query_end(struct call *call, struct query *query) {
    struct queries *queries = call->serve->queries;
    pthread_mutex_lock(&queries->lock);
    struct query **at = &queries->first;
    while (*at != query)
        at = &(*at)->next;
    *at = query->next;
    queries->count--;
    pthread_mutex_unlock(&queries->lock);
}

void query_fail_stopped(struct call *call, const char *instead) {
    if (atomic_load(&call->serve->closing))
        call_fail(call, STATUS_CLOSED, NULL);
    else
        call_fail_text(call, STATUS_TIMEOUT, "stopped after %d s, which is as long as a call may take; %s", QUERY_S,
                       instead);
}

unsigned query_workers(void) { return workers_wanted(); }
