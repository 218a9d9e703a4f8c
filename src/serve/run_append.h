/* run_append: what runs in the background (background.h) put into the log: they wait where a call would be told to come again, and are over
 * only when what they decided is in force. */
#ifndef ONEFOLD_SERVE_RUN_APPEND_H
#define ONEFOLD_SERVE_RUN_APPEND_H

#include "serve/background.h"
#include "serve/serve.h"

struct run_log {
    const struct serve_parts *parts;
    struct background *background;
    uint64_t last; /* position of the last one; 0: none */
};

/* Appends a record, waiting while the log has no room. Errors: the log's; CLOSED where the run was cancelled. Thread: the run's. */
enum status run_append(struct run_log *log, enum log_kind kind, struct slice payload, struct fault *fault) WARN_UNUSED;
/* Waits until all of them are folded, or the run is cancelled. */
void run_settle(const struct run_log *log);

#endif
