/* client: a small HTTP/1.1 client of our own server: one keep-alive connection at a time for imports and the demonstration,
 * many at once for load. Plain HTTP to a numeric address; nothing here speaks to anyone else. */
#ifndef ONEFOLD_MAIN_CLIENT_H
#define ONEFOLD_MAIN_CLIENT_H

#include "base/memory.h"
#include "base/status.h"

struct client;
/* `url`: "http://127.0.0.1:8080". `key` (may be NULL) goes along as Authorization: Bearer key on every request. Errors: INVALID, IO. */
enum status client_create(const char *url, const char *key, struct client **client, struct fault *fault) WARN_UNUSED;
/* The same with a source's write key, as the SDKs send it (Authorization: Basic). */
enum status client_create_writer(const char *url, const char *write_key, struct client **client,
                                 struct fault *fault) WARN_UNUSED;
void client_free(struct client *client);
/* One request and its whole answer; reconnects once where a kept connection was closed. *http is the status code; `answer` is replaced by the
 * body. `type` (may be NULL) is the Content-Type. Errors: IO when there is no answer; TIMEOUT after 60 s. */
enum status client_request(struct client *client, const char *method, const char *path, const char *type,
                           struct slice body, int *http, struct buffer *answer, struct fault *fault) WARN_UNUSED;

/* Load: `connections` keep-alive connections over one thread, one request under way on each, until `total` answers came or
 * `seconds_max` passed. `make` writes request number i whole (head and body) into the emptied `out`; called on the calling thread. */
struct load_options {
    const char *url;
    unsigned connections;
    uint64_t total;
    double seconds_max;
    void (*make)(void *context, uint64_t number, struct buffer *out);
    void *context;
};
struct load_result {
    uint64_t answers, failed;    /* failed: status >= 400 or a broken connection */
    double seconds, cpu_seconds; /* of the load thread */
    uint32_t latency_us_p50, latency_us_p99, latency_us_p999, latency_us_max;
    char first_failure[256];
};
enum status client_load(const struct load_options *options, struct load_result *result,
                        struct fault *fault) WARN_UNUSED;

#endif
