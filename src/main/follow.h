/* follow: a subscriber: reads a server's stream of events (GET /v1/stream) as they come. For the benches and whole-flow tests; plain HTTP to a
 * numeric address. Thread: one at a time. */
#ifndef ONEFOLD_MAIN_FOLLOW_H
#define ONEFOLD_MAIN_FOLLOW_H

#include "base/memory.h"
#include "base/status.h"

struct follow;
/* `path`: "/v1/stream?segments=all&after=0". Errors: IO; what the server answers, where it is not 200. */
enum status follow_open(const char *url, const char *key, const char *path, struct follow **follow,
                        struct fault *fault) WARN_UNUSED;
void follow_close(struct follow *follow); /* NULL is fine */

struct follow_event { /* valid until the next call */
    struct slice id, kind, data;
};
/* The next event with data. TIMEOUT where none came within `wait_ms`; END where the server has closed. */
enum status follow_next(struct follow *follow, unsigned wait_ms, struct follow_event *event) WARN_UNUSED;
/* Whether one can be read without waiting for the network. */
bool follow_ready(const struct follow *follow);

#endif
