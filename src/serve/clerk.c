/* clerk: see clerk.h. */
#include "serve/clerk.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "serve/call.h"

struct clerk {
    struct serve *serve;
    pthread_t threads[CLERKS];
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct http_request *first, *last;
    uint64_t waiting;
    bool closing;
};

/* The next request, or NULL when closing and all is done. */
static struct http_request *take_next(struct clerk *clerk) {
    pthread_mutex_lock(&clerk->lock);
    while (clerk->first == NULL && !clerk->closing)
        pthread_cond_wait(&clerk->work, &clerk->lock);
    struct http_request *request = clerk->first;
    if (request) {
        clerk->first = request->next;
        if (clerk->first == NULL)
            clerk->last = NULL;
        clerk->waiting--;
    }
    pthread_mutex_unlock(&clerk->lock);
    return request;
}

static void *clerk_run(void *context) {
    struct clerk *clerk = context;
    struct bench *bench = bench_create();
    struct http_request *request;
    while ((request = take_next(clerk)) != NULL) {
        call_run(clerk->serve, request, bench);
        http_resume(request);
    }
    bench_free(bench);
    return NULL;
}

struct clerk *clerk_create(struct serve *serve) {
    struct clerk *clerk = memory_get(1, sizeof *clerk);
    clerk->serve = serve;
    pthread_mutex_init(&clerk->lock, NULL);
    pthread_cond_init(&clerk->work, NULL);
    for (size_t i = 0; i < CLERKS; i++) {
        if (pthread_create(&clerk->threads[i], NULL, clerk_run, clerk) != 0)
            abort();
    }
    return clerk;
}

void clerk_close(struct clerk *clerk) {
    pthread_mutex_lock(&clerk->lock);
    clerk->closing = true;
    pthread_cond_broadcast(&clerk->work);
    pthread_mutex_unlock(&clerk->lock);
    for (size_t i = 0; i < CLERKS; i++)
        pthread_join(clerk->threads[i], NULL);
    assert(clerk->first == NULL);
}

void clerk_free(struct clerk *clerk) {
    if (clerk == NULL)
        return;
    assert(clerk->closing);
    pthread_mutex_destroy(&clerk->lock);
    pthread_cond_destroy(&clerk->work);
    free(clerk);
}

bool clerk_take(struct clerk *clerk, struct http_request *request) {
    pthread_mutex_lock(&clerk->lock);
    bool room = clerk->waiting < CLERK_QUEUE_MAX && !clerk->closing;
    if (room) {
        http_defer(request);
        request->next = NULL;
        if (clerk->last)
            clerk->last->next = request;
        else
            clerk->first = request;
        clerk->last = request;
        clerk->waiting++;
        pthread_cond_signal(&clerk->work);
    }
    pthread_mutex_unlock(&clerk->lock);
    return room;
}

uint64_t clerk_waiting(struct clerk *clerk) {
    pthread_mutex_lock(&clerk->lock);
    uint64_t waiting = clerk->waiting;
    pthread_mutex_unlock(&clerk->lock);
    return waiting;
}
