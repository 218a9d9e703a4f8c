/* segment: Segment's HTTP tracking API, from request bodies to raw records (docs/http-tracking.md).
 *
 * Pure parsing, no sockets: serve/ gives it path, headers and body, appends the records it made to the log, waits for
 * the sync and sends the answer it wrote. Understands the server paths (/v1/track, /v1/batch, ...), the browser's short
 * ones (/v1/t, /v1/b ...), any content type, Content-Encoding gzip, Basic auth or writeKey in the body. */
#ifndef ONEFOLD_COLLECT_SEGMENT_H
#define ONEFOLD_COLLECT_SEGMENT_H

#include "collect/segment_auth.h"
#include "collect/source.h"
#include "log/log.h"

#define SEGMENT_ITEM_BYTES_MAX (32u << 10)
#define SEGMENT_BATCH_BYTES_MAX (500u << 10)
#define SEGMENT_BATCH_ITEMS_MAX 2500
#define SEGMENT_SPREAD_BYTES_MAX (16u << 20) /* the batch's own context and integrations, times its items */

struct segment_request {
    struct slice path;          /* "/v1/batch", without query */
    struct slice authorization; /* header's value or empty */
    struct slice encoding;      /* Content-Encoding or empty */
    struct slice write_key;     /* from the query (?writeKey=) or the header X-Write-Key, or empty */
    struct slice body;          /* 64 readable bytes past its end */
    int64_t received_ms;
};

/* One per thread: parser and buffers, reused. */
struct segment_door;
struct segment_door *segment_door_create(struct sources *sources);
void segment_door_free(struct segment_door *door);

struct segment_answer {
    enum status status;         /* of the request as a whole: OK, INVALID, UNAUTHORIZED, TOO_LARGE ... */
    struct log_record *records; /* to append as one unit, in order; borrowed until the door's next request */
    size_t record_count;
    size_t rejected_count;
    /* JSON: {"success":true,"accepted":n,"rejected":[{"index":3,"code":"...","message":"..."}]}, or
     * {"success":false,"code":"...","message":"..."}. Borrowed likewise. */
    struct slice body;
};

/* True when `path` is one of this API's (method POST). */
static inline bool segment_path(struct slice path) { return segment_call_of_path(path) != SEGMENT_NONE; }
/* Never fails otherwise than by answer->status. Cost: about 1 microsecond per 600-byte item. Thread: one per door. */
void segment_accept(struct segment_door *door, const struct segment_request *request, struct segment_answer *answer);
/* The browser's settings document for a write key (GET /v1/projects/{key}/settings), or UNAUTHORIZED. `host` is what
 * the request said it called. */
enum status segment_settings(struct segment_door *door, struct slice write_key, struct slice scheme, struct slice host,
                             struct buffer *into, struct fault *fault) WARN_UNUSED;

#endif
