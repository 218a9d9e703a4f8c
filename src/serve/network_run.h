/* network_run: refreshing networks (network/network.h) in the background, one at a time, when asked and by their schedules.
 *
 * The values are log records; when the last refresh was and what it found is kept beside the data, in networks/<name>.json, so that it is known
 * after a restart; where that file is lost it is only unknown until the next refresh.
 *
 * Thread: any. A thread of its own looks at the schedules every few seconds. */
#ifndef ONEFOLD_SERVE_NETWORK_RUN_H
#define ONEFOLD_SERVE_NETWORK_RUN_H

#include "network/network.h"
#include "serve/background.h"
#include "serve/serve.h"

struct network_runs;
struct network_runs *network_runs_create(const struct serve_parts *parts);
void network_runs_close(struct network_runs *runs); /* stops a run and waits for its end; NULL is fine */
void network_runs_free(struct network_runs *runs);

/* Starts refreshing `name`. Errors: NOT_FOUND, BUSY, CLOSED. */
enum status network_runs_start(struct network_runs *runs, struct slice name, struct fault *fault) WARN_UNUSED;
struct background *network_runs_background(struct network_runs *runs);
/* The network that is being refreshed, or was last; empty before the first. Into `into`, zero-terminated. */
void network_runs_which(struct network_runs *runs, char into[NETWORK_NAME_BYTES_MAX + 1]);
/* What the last refresh found, as a JSON object {"at","position","customers",...}; "null" before the first. */
void network_runs_last(struct network_runs *runs, struct slice name, struct buffer *json);
/* A deleted network's. */
void network_runs_forget(struct network_runs *runs, struct slice name);
/* The next scheduled refresh of a network that was defined at `defined_ms`, INT64_MAX where there is none. */
int64_t network_runs_next(struct network_runs *runs, const struct network *network, int64_t defined_ms);
/* The workspace's time zone goes with the snapshot. Calls each with every network in force, its definition parsed by `p`. */
void network_runs_each(const struct serve_parts *parts, struct json_parser *p,
                       void (*each)(void *context, const struct network *network, int64_t defined_ms), void *context);

#endif
