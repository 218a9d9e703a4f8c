/* bench/feed: made-up calls on their way: straight into the log of an engine in this process, to build a large data folder
 * fast, or as requests over HTTP, the way SDKs send. */
#ifndef ONEFOLD_MAIN_BENCH_FEED_H
#define ONEFOLD_MAIN_BENCH_FEED_H

#include "main/bench/child.h"
#include "main/bench/data.h"
#include "main/server.h"

#define BENCH_FEED_GROUP 1000

/* Into the log: payloads as the HTTP door lays them down, in units of a thousand, never far ahead of the fold. */
struct bench_feed {
    struct engine *engine;
    uint16_t source;
    const struct bench_data *data;
    struct buffer payloads;
    struct log_record records[BENCH_FEED_GROUP];
    size_t count;
    uint64_t last;      /* position of the last record appended */
    enum status status; /* of the first unit that failed; nothing is appended after it */
    struct fault fault;
};
/* A server of this process on the bench's passing folder, with a source, ready to be fed. Errors: as server_start's. */
enum status bench_feed_start(struct bench *b, const struct bench_data *data, struct server **server,
                             struct bench_feed *feed, struct fault *fault) WARN_UNUSED;
void bench_feed_add(struct bench_feed *feed, enum bench_call call, uint64_t number, uint64_t customer, int64_t time_ms);
/* Appends what is left and waits until all is folded. */
enum status bench_feed_settle(struct bench_feed *feed, struct fault *fault) WARN_UNUSED;
/* Appends what is left, waits until all is folded, and compacts. `feed` is done with afterwards, whatever comes out. */
enum status bench_feed_end(struct bench_feed *feed, struct fault *fault) WARN_UNUSED;

/* Runs `work` in a process of its own that ends with it: a process that had a data folder open keeps its lock to the end, and
 * gives its memory back only then. What `work` finds out it leaves in `shared`, memory of `bytes` zeroes that both see, made
 * here and unmapped with bench_shared_free. Call it while this process has one thread. */
void *bench_shared(size_t bytes);
void bench_shared_free(void *shared, size_t bytes);
enum status bench_apart(enum status (*work)(void *shared, struct fault *fault), void *shared,
                        struct fault *fault) WARN_UNUSED;

/* Over HTTP: track events, one a request or in batches of `batch`, each with a number of its own. */
struct bench_requests {
    struct os *os;
    const struct bench_data *data;
    uint64_t batch;
    uint64_t next;  /* number of the next event */
    char head[512]; /* of every request: all bodies are of one size */
};
void bench_requests_init(struct bench_requests *r, const struct bench_child *child, const char *write_key);
/* As client_load's `make`; `context` is the struct bench_requests. */
void bench_requests_make(void *context, uint64_t number, struct buffer *out);

#endif
