/* workers: see the header. One lock guards the list of jobs; it is taken a few times a job, never while one works. */
#include "language/workers.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

struct job {
    struct job *next;
    void (*work)(void *context, unsigned number);
    void *context;
    unsigned wanted, started, running; /* helpers */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, done = PTHREAD_COND_INITIALIZER;
static struct job *jobs;
static unsigned threads;

static struct job *open_job(void) {
    for (struct job *j = jobs; j; j = j->next)
        if (j->started < j->wanted)
            return j;
    return NULL;
}

static void *help(void *unused) {
    (void)unused;
    pthread_mutex_lock(&lock);
    for (;;) {
        struct job *j = open_job();
        if (!j) {
            pthread_cond_wait(&more, &lock);
            continue;
        }
        unsigned number = ++j->started;
        j->running++;
        pthread_mutex_unlock(&lock);
        j->work(j->context, number);
        pthread_mutex_lock(&lock);
        assert(j->running > 0);
        if (--j->running == 0)
            pthread_cond_broadcast(&done);
    }
    return unused;
}

/* Under the lock. Fewer threads than wanted is slower, not wrong. */
static void make_threads(unsigned wanted) {
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes))
        return;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    while (threads < wanted && threads < WORKERS_MAX && pthread_create(&thread, &attributes, help, NULL) == 0)
        threads++;
    pthread_attr_destroy(&attributes);
}

static void take_out(const struct job *job) {
    struct job **at = &jobs;
    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
}

void workers_run(unsigned count, void (*work)(void *context, unsigned number), void *context) {
    struct job job = {.work = work, .context = context, .wanted = count > 1 ? count - 1 : 0};
    if (job.wanted == 0) {
        work(context, 0);
        return;
    }
    pthread_mutex_lock(&lock);
    make_threads(job.wanted);
    job.next = jobs;
    jobs = &job;
    pthread_cond_broadcast(&more);
    pthread_mutex_unlock(&lock);
    work(context, 0);
    pthread_mutex_lock(&lock);
    take_out(&job); /* who has not begun finds nothing left to do */
    while (job.running)
        pthread_cond_wait(&done, &lock);
    pthread_mutex_unlock(&lock);
}

unsigned workers_wanted(void) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 1 ? 1 : cores > 16 ? 16 : (unsigned)cores;
}
