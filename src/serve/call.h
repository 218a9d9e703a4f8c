/* call: what a handler of the API sees: the request, its parameters, the parts of Onefold, a place to write JSON to.
 *
 *     void api_thing(struct call *call) {
 *         struct slice name = call_piece(call, 0);
 *         ...
 *         json_object(&call->json); ...             -- 200 unless told otherwise
 *     }
 *
 * A handler that fails calls call_fail and returns. It runs on the thread of its lane, one call at a time per bench. */
#ifndef ONEFOLD_SERVE_CALL_H
#define ONEFOLD_SERVE_CALL_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "govern/record.h"
#include "serve/answer.h"
#include "serve/query.h"
#include "serve/routes.h"
#include "serve/serve.h"

/* A thread's tools, reused from call to call. */
struct bench {
    struct arena arena; /* emptied after every call */
    struct json_parser *parser;
    struct record_builder builder;
    struct buffer text;
};
struct bench *bench_create(void);
void bench_free(struct bench *bench);

struct call {
    struct serve *serve;
    const struct serve_parts *parts;
    const struct serve_options *options; /* with the defaults filled in */
    struct http_request *request;
    struct bench *bench;
    struct json_writer json;               /* to the answer's body */
    struct slice pieces[ROUTE_PIECES_MAX]; /* decoded */
    size_t piece_count;
    bool failed;
};

/* Runs the route's handler: decodes the path's pieces, empties the bench afterwards. The answer is complete when it returns. */
void call_run(struct serve *serve, struct http_request *request, struct bench *bench);

struct slice call_piece(const struct call *call, size_t index);
/* What the query holds under `name`, decoded, or empty. Valid during the call. */
struct slice call_text(struct call *call, const char *name);
/* False after failing the call: the parameter is no number, or outside low .. high. */
bool call_integer(struct call *call, const char *name, int64_t low, int64_t high, int64_t otherwise, int64_t *value);
bool call_flag(struct call *call, const char *name);
/* An instant in ISO 8601; TIME_NONE where it is missing. False after failing the call. */
bool call_instant(struct call *call, const char *name, int64_t *time_ms);
/* The body as JSON; NULL after failing the call (INVALID): no JSON, or an object with a member that the route does not know. Valid until the bench's parser is used again. */
const struct json *call_body(struct call *call);

/* Replaces what was written so far. */
void call_fail(struct call *call, enum status status, const struct fault *fault);
PRINTF_LIKE(3, 4)
void call_fail_text(struct call *call, enum status status, const char *format, ...);

/* Appends one record and waits until it is durable and, for kinds the fold applies, folded. False after failing the call. LANE_SLOW only. */
bool call_append(struct call *call, enum log_kind kind, struct slice payload);
/* The same; *position is the record's. */
bool call_append_at(struct call *call, enum log_kind kind, struct slice payload, uint64_t *position);
/* Waits until everything from position `first` to `last` is durable; false after failing the call, as soon as some of it is lost (a full
 * disk). LANE_SLOW only. */
bool call_wait_durable(struct call *call, uint64_t first, uint64_t last);

#endif
