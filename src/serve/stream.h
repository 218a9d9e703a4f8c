/* stream: GET /v1/stream: entries of the feed as server-sent events, from any place on, to many subscribers at once.
 *
 * A subscriber's buffer is the feed itself: each has a place in it and is written what comes behind that place when its socket has room. So a
 * slow one costs a few kilobytes, and one that comes back names the last id it has seen (Last-Event-ID, or ?after=) and goes on.
 *
 *     id: 812-0                     event: entered | left | event | merged
 *     event: entered                data: the entry (deliver/entry.h)
 *     data: {"id":"812-0",...}      event: gap: what followed the id asked for is older than the feed keeps; data: {"after":..,"first":..}
 *
 * A comment every 10 s of silence keeps connections open; it carries the place reached, so that resuming does not look at all before
 * again.
 *
 * One thread of its own (the hub) is told of what is published, finds whom it concerns, and wakes those; server threads write. */
#ifndef ONEFOLD_SERVE_STREAM_H
#define ONEFOLD_SERVE_STREAM_H

#include "deliver/entry.h"
#include "serve/http.h"

#define STREAMS_MAX 2000

struct streams;
struct streams *streams_create(struct os *os, const struct entry_parts *parts);
/* Ends every stream (the server threads write the last chunks) and the hub; none opens from now on. */
void streams_close(struct streams *streams);
/* After the server has stopped. NULL is fine. */
void streams_free(struct streams *streams);

/* Makes the request's answer a stream of what `filter` (copied) wants behind `after`. Errors: BUSY past STREAMS_MAX, CLOSED. */
enum status streams_open(struct streams *streams, struct http_request *request, const struct entry_filter *filter,
                         struct feed_place after) WARN_UNUSED;

struct stream_counters {
    uint64_t open;
    uint64_t opened, entries; /* since the start */
};
void stream_counters_read(struct streams *streams, struct stream_counters *out);

#endif
