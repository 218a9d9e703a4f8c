/* background: one long piece of work at a time in a thread of its own, that shows how far it is and can be cancelled: matching over all
 * customers, household proposals, network measures. What it makes is its owner's, who keeps it under a lock of his own.
 *
 * Thread: any; what is said to be the work's is called by the work itself. */
#ifndef ONEFOLD_SERVE_BACKGROUND_H
#define ONEFOLD_SERVE_BACKGROUND_H

#include "base/json_write.h"
#include "base/status.h"
#include "os/os.h"

struct background;
/* `name`: where its progress is asked for, for who starts a second one ("GET /v1/identity/matches"); static. */
struct background *background_create(struct os *os, const char *name);
/* Cancels what runs and waits for its end; nothing can be started any more. NULL is fine. */
void background_close(struct background *b);
void background_free(struct background *b);

/* Starts work(context). It ends early, with any status, once background_cancelled says so. Errors: BUSY (one is running), CLOSED,
 * NO_MEMORY. */
enum status background_start(struct background *b, enum status (*work)(void *context, struct fault *fault),
                             void *context, struct fault *fault) WARN_UNUSED;
/* Asks what runs to end; returns at once. False where nothing runs. */
bool background_cancel(struct background *b);

/* --- the work's --- */
bool background_cancelled(const struct background *b);
void background_progress(struct background *b, double done); /* 0 to 1 */
/* The end of a step: CLOSED "cancelled" where that was asked for. */
enum status background_checked(const struct background *b, struct fault *fault) WARN_UNUSED;

struct background_state {
    bool running;
    double progress;              /* 1 where nothing runs */
    int64_t started_ms, ended_ms; /* 0: never */
    char fault[512];              /* of the last that ended, "" where it went well */
};
void background_state(struct background *b, struct background_state *out);
/* Members of an open object: "running", "progress", "fault" (null or text). */
void background_write(const struct background_state *state, struct json_writer *w);

#endif
