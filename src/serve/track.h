/* track: tracking calls, from the body to the answer after the sync.
 *
 * A request's records are appended as one unit and the request joins a queue, both under one lock, so the queue is in the
 * order of positions and no commit can slip in between. The log's callback cuts off the front that its sync covered and
 * resumes those requests: work in proportion to the requests answered, not to those waiting.
 *
 * Under pressure the answer is 429 or 503 with Retry-After, never another 4xx: senders drop what is refused that way. */
#ifndef ONEFOLD_SERVE_TRACK_H
#define ONEFOLD_SERVE_TRACK_H

#include "collect/segment.h"
#include "serve/http.h"
#include "serve/serve.h"

struct track_options {
    uint64_t lag_records_max;
    unsigned requests_per_second; /* per source; 0: no limit */
    unsigned threads;
};

struct track;
/* Takes the log's commit callback. */
struct track *track_create(const struct serve_parts *parts, const struct track_options *options);
/* Takes the log's callback away first. No request may be waiting. */
void track_free(struct track *track);

/* A whole tracking request, on its server thread. */
enum http_next track_handle(struct track *track, struct http_request *request);
/* GET /v1/projects/{key}/settings; `key` decoded. */
void track_settings(struct track *track, struct http_request *request, struct slice key);
/* From now on every tracking request is answered 503; those that wait for their sync still get it. */
void track_close(struct track *track);

/* Whether all of the positions first..last, once log_durable has passed them, are in the log: a group that found no room leaves a gap, and
 * what comes after it may be durable all the same. STATUS_OK, or why some of them are not and never will be. Thread: any.
 * Remembers the last 256 gaps; who asks waits for seconds at most. */
enum status track_lost(struct track *track, uint64_t first, uint64_t last);

struct track_counters {
    uint64_t requests, accepted, rejected;              /* rejected: items refused at the door */
    uint64_t limited, lagging, full, disk_full, failed; /* requests turned away, by reason */
    uint64_t waiting;                                   /* now, for a sync */
};
void track_counters_read(const struct track *track, struct track_counters *out);

#endif
