/* http: see http.h. Why it is shaped so:
 *
 * libmicrohttpd calls http_on_request several times for one request: when the headers are in, for every piece of the body, at the
 * body's end, and again after a resume. `state` tells these apart. It is atomic because the sweeper (one thread, twice a
 * second) takes requests that never finish arriving: READING -> EXPIRED, by compare-and-swap against the server thread's
 * READING -> HANDLING, so that one of the two answers and never both.
 *
 * Locks: `connections_lock` guards the list of connections; under it a `stream_lock` may be taken; nothing under that one. */
#include "serve/http_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "serve/query.h"

#define BODY_KEPT_BYTES (160u << 10) /* a buffer up to this size is kept for the connection's next request */
#define SWALLOW_BYTES (1u << 20)

static _Thread_local uint64_t thread_server;
static _Thread_local unsigned thread_index;

static void add(_Atomic uint64_t *counter, uint64_t more) {
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + more, memory_order_relaxed);
}

static unsigned this_thread(struct http *http) {
    if (thread_server != http->number) {
        thread_server = http->number;
        thread_index = atomic_fetch_add(&http->threads_seen, 1);
        assert(thread_index < http->thread_count);
    }
    return thread_index;
}

/* --- connections come and go --- */

static void connection_add(struct http *http, struct MHD_Connection *mhd, void **socket_context) {
    struct connection *c = memory_get(1, sizeof *c);
    c->http = http;
    c->mhd = mhd;
    pthread_mutex_init(&c->stream_lock, NULL);
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    c->socket = info ? info->connect_fd : -1;
    atomic_store(&c->since_ns, os_monotonic_ns(http->os));
    *socket_context = c;
    atomic_fetch_add(&http->connection_count, 1);
    atomic_fetch_add(&http->connections_total, 1);
    pthread_mutex_lock(&http->connections_lock);
    c->after = http->connections;
    if (c->after)
        c->after->before = c;
    http->connections = c;
    pthread_mutex_unlock(&http->connections_lock);
}

static void connection_remove(struct http *http, struct connection *c) {
    pthread_mutex_lock(&http->connections_lock);
    if (c->before)
        c->before->after = c->after;
    else
        http->connections = c->after;
    if (c->after)
        c->after->before = c->before;
    pthread_mutex_unlock(&http->connections_lock);
    atomic_fetch_sub(&http->connection_count, 1);
    atomic_fetch_sub(&http->bodies_bytes, c->counted_bytes);
    pthread_mutex_destroy(&c->stream_lock);
    buffer_release(&c->target);
    buffer_release(&c->body);
    buffer_release(&c->request.answer.body);
    free(c);
}

void http_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                        enum MHD_ConnectionNotificationCode what) {
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        connection_add(context, mhd, socket_context);
    else if (*socket_context)
        connection_remove(context, *socket_context);
}

/* --- a request begins and ends --- */

void *http_on_target(void *context, const char *target, struct MHD_Connection *mhd) {
    struct http *http = context;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *c = info ? info->socket_context : NULL;
    if (c == NULL)
        return NULL;
    buffer_clear(&c->target);
    buffer_add(&c->target, target, strlen(target) + 1);
    struct buffer answer_body = c->request.answer.body;
    c->request = (struct http_request){.answer.body = answer_body, .begun_ns = os_monotonic_ns(http->os)};
    atomic_store_explicit(&c->since_ns, c->request.begun_ns, memory_order_relaxed);
    atomic_store(&c->state, STATE_READING);
    return c;
}

static void trim(struct buffer *buffer) {
    if (buffer->capacity > BODY_KEPT_BYTES)
        buffer_release(buffer);
    else
        buffer_clear(buffer);
}

static void count(struct http *http, const struct connection *c) {
    struct http_thread *t = &http->threads[this_thread(http)];
    uint64_t us = (os_monotonic_ns(http->os) - c->request.begun_ns) / 1000;
    unsigned bucket = us ? 64 - (unsigned)__builtin_clzll(us) : 0, class = (unsigned)c->request.answer.code / 100;
    add(&t->requests, 1);
    add(&t->by_class[class < 6 ? class : 5], 1);
    add(&t->body_bytes_in, c->received_bytes);
    add(&t->body_bytes_out, c->request.answer.body.size);
    add(&t->latency[bucket < HTTP_LATENCY_BUCKETS ? bucket : HTTP_LATENCY_BUCKETS - 1], 1);
    add(&t->latency_us_total, us);
}

static void stream_close(struct connection *c) {
    struct http_source *source = &c->request.answer.source;
    atomic_store(&c->streams, false);
    source->close(source->context);
    *source = (struct http_source){0};
    atomic_fetch_sub(&c->http->streams, 1);
}

void http_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode why) {
    struct http *http = context;
    struct connection *c = *request_context;
    (void)mhd;
    (void)why;
    if (c == NULL)
        return;
    if (c->streams)
        stream_close(c);
    else if (c->answered)
        count(http, c);
    if (c->counted_bytes)
        atomic_fetch_sub(&http->bodies_bytes, c->counted_bytes);
    c->begun = c->answered = c->too_large = c->no_room = false;
    c->received_bytes = c->counted_bytes = 0;
    trim(&c->body);
    trim(&c->request.answer.body);
    atomic_store_explicit(&c->since_ns, os_monotonic_ns(http->os), memory_order_relaxed);
    atomic_store(&c->state, STATE_IDLE);
    *request_context = NULL;
}

/* --- the stages of a request --- */

static enum http_method method_of(const char *name) {
    static const struct {
        const char *name;
        enum http_method method;
    } known[] = {{"POST", HTTP_POST}, {"GET", HTTP_GET},       {"HEAD", HTTP_GET},
                 {"PUT", HTTP_PUT},   {"DELETE", HTTP_DELETE}, {"OPTIONS", HTTP_OPTIONS}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(name, known[i].name) == 0)
            return known[i].method;
    }
    return HTTP_OTHER;
}

static void answer_too_large(struct http_request *request) {
    char message[100];
    snprintf(message, sizeof message, "the body is larger than %zu bytes, the most this path takes",
             request->body_bytes_max);
    http_answer_plainly(request, 413, "TOO_LARGE", message);
}

/* How the body's length was announced. */
struct framing {
    unsigned lengths, encodings; /* headers of each kind */
    uint64_t bytes;
};

static enum MHD_Result framing_each(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct framing *f = context;
    (void)kind;
    if ((name[0] | 32) == 'c' && strcasecmp(name, "Content-Length") == 0) {
        f->lengths++;
        f->bytes = value ? strtoull(value, NULL, 10) : 0;
    } else if ((name[0] | 32) == 't' && strcasecmp(name, "Transfer-Encoding") == 0) {
        f->encodings++;
    }
    return MHD_YES;
}

static enum MHD_Result headers_in(struct connection *c, const char *method) {
    struct http_request *r = &c->request;
    c->begun = true;
    r->method = method_of(method);
    r->thread = this_thread(c->http);
    r->encrypted = c->http->encrypted;
    r->answer.content_type = "application/json";
    struct framing framing = {0};
    MHD_get_connection_values(c->mhd, MHD_HEADER_KIND, framing_each, &framing);
    if (framing.lengths + framing.encodings >
        1) { /* two servers in a row might cut such a request at different places */
        http_answer_plainly(r, 400, "INVALID", "the body's length is announced more than once");
        r->answer.close = true;
        return http_send_answer(c);
    }
    if (!query_split(slice_of(c->target.data, c->target.size - 1), &r->path, &r->query)) {
        http_answer_plainly(r, 400, "INVALID", "the request's target is neither a path nor a URL");
        return http_send_answer(c);
    }
    if (c->http->handlers.begin(c->http->handlers.context, r))
        return http_send_answer(c);
    uint64_t announced = framing.bytes;
    if (announced <= r->body_bytes_max)
        return MHD_YES;
    c->too_large = true;
    /* A little too much is read and thrown away, so that the client gets to see the answer; more is refused unread. */
    if (announced <= 4 * (uint64_t)r->body_bytes_max + SWALLOW_BYTES && http_header(r, "Expect").size == 0)
        return MHD_YES;
    answer_too_large(r);
    return http_send_answer(c);
}

static enum MHD_Result body_in(struct connection *c, const char *data, size_t *size) {
    struct http *http = c->http;
    c->received_bytes += *size;
    if (c->received_bytes > c->request.body_bytes_max)
        c->too_large = true;
    if (!c->too_large && !c->no_room) {
        uint64_t held = atomic_fetch_add(&http->bodies_bytes, *size) + *size;
        c->counted_bytes += *size;
        c->no_room = held > http->bodies_bytes_max;
        if (!c->no_room)
            buffer_add(&c->body, data, *size);
    }
    *size = 0;
    if (c->received_bytes > 4 * c->request.body_bytes_max + SWALLOW_BYTES)
        return MHD_NO;
    return atomic_load_explicit(&c->state, memory_order_relaxed) == STATE_EXPIRED ? MHD_NO : MHD_YES;
}

static enum MHD_Result whole_in(struct connection *c) {
    int reading = STATE_READING;
    if (!atomic_compare_exchange_strong(&c->state, &reading, STATE_HANDLING))
        return reading == STATE_HANDLING ? http_send_answer(c) : MHD_NO;
    struct http_request *r = &c->request;
    if (c->too_large) {
        answer_too_large(r);
        return http_send_answer(c);
    }
    if (c->no_room) {
        http_answer_plainly(r, 503, "BUSY", "too many bytes are being received; send this again a little later");
        r->answer.retry_after_s = 1;
        return http_send_answer(c);
    }
    if (c->body.data == NULL)
        buffer_reserve(&c->body, BUFFER_SLACK);
    r->body = buffer_slice(&c->body);
    if (c->http->handlers.handle(c->http->handlers.context, r) == HTTP_DEFERRED)
        return MHD_YES;
    return http_send_answer(c);
}

enum MHD_Result http_on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **request_context) {
    (void)context;
    (void)url;
    (void)version;
    struct connection *c = *request_context;
    if (c == NULL)
        return MHD_NO;
    assert(c->mhd == mhd);
    if (!c->begun)
        return headers_in(c, method);
    if (*size)
        return body_in(c, data, size);
    return whole_in(c);
}

struct slice http_header(const struct http_request *request, const char *name) {
    const struct connection *c = (const struct connection *)request;
    return slice_text(MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, name));
}

void http_defer(struct http_request *request) {
    struct connection *c = (struct connection *)request;
    assert(atomic_load(&c->state) == STATE_HANDLING && !c->answered);
    atomic_fetch_add_explicit(&c->http->deferred, 1, memory_order_relaxed);
    MHD_suspend_connection(c->mhd);
}

void http_resume(struct http_request *request) {
    struct connection *c = (struct connection *)request;
    struct http *http = c->http;
    assert(atomic_load(&c->state) == STATE_HANDLING && request->answer.code);
    MHD_resume_connection(c->mhd);
    atomic_fetch_sub(&http->deferred, 1); /* last: http_stop waits for it */
}
