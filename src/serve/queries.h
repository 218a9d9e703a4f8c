/* queries: a bound on what asks everybody: a few at once, each for a limited time; the server's end stops them all. */
#ifndef ONEFOLD_SERVE_QUERIES_H
#define ONEFOLD_SERVE_QUERIES_H

#include <stdatomic.h>

#include "serve/call.h"

#define QUERIES_MAX 2 /* at once; a clerk is left for others */
#define QUERY_S 30

struct queries;
struct query {
    struct query *next;
    _Atomic bool stop; /* for plan_run: true once its time is over */
    uint64_t until_ns;
};

struct queries *queries_create(struct os *os);
/* Stops what runs; nothing begins from now on. Then free, after the clerks have ended. */
void queries_close(struct queries *queries);
void queries_free(struct queries *queries);

/* False after failing the call: too many are under way. */
bool query_begin(struct call *call, struct query *query);
void query_end(struct call *call, struct query *query);
/* Fails the call as one that took too long, or as the server is closing. `instead`: what can be done about the first. */
#define QUERY_EXPLAIN "POST /v1/query/explain shows what is dear"
void query_fail_stopped(struct call *call, const char *instead);
/* Threads for one: all cores, at most 16. */
unsigned query_workers(void);

#endif
