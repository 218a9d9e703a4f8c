/* http: see http.h. Why it is shaped so:
 *
 * libmicrohttpd calls on_request several times for one request: when the headers are in, for every piece of the body, at the
 * body's end, and again after a resume. `state` tells these apart. It is atomic because the sweeper (one thread, once a
 * second) takes requests that never finish arriving: READING -> EXPIRED, by compare-and-swap against the server thread's
 * READING -> HANDLING, so that one of the two answers and never both.
 *
 * An answer's bytes stay in the connection's own buffer while they are sent. Small answers without special headers are nearly
 * always the same as the one before ("success": true), so each thread keeps its last one as a ready response object.
 *
 * A stream with nothing to send is suspended, like a deferred request. `stream_lock` of its connection makes "there is nothing" and "there
 * is something again" exclude each other, so that no waking is lost between the two.
 *
 * Locks: `connections_lock` guards the list of connections; under it a `stream_lock` may be taken; nothing under that one. */
#include "serve/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "serve/query.h"

#define CONNECTION_MEMORY_BYTES                                                                                        \
    (32u << 10) /* headers and receive buffer; the library zeroes it for every request, so no larger */
#define BODY_KEPT_BYTES (160u << 10) /* a buffer up to this size is kept for the connection's next request */
#define SAME_BODY_BYTES 192
#define SWALLOW_BYTES (1u << 20)
#define STREAM_BLOCK_BYTES (16u << 10)

enum state { STATE_IDLE, STATE_READING, STATE_HANDLING, STATE_EXPIRED };

struct connection {
    struct http_request request; /* first: http_defer and http_resume come back from it */
    struct http *http;
    struct MHD_Connection *mhd;
    struct connection *before, *after; /* in http->connections */
    _Atomic int state;
    _Atomic uint64_t since_ns; /* when it entered IDLE or READING */
    int socket;
    bool end_seen; /* the sweeper's own */
    bool begun, answered, too_large, no_room;
    pthread_mutex_t stream_lock;
    bool stream_waits, stream_woken; /* suspended; woken since `fill` was last asked */
    _Atomic bool streams, stream_gone;
    size_t received_bytes, counted_bytes;
    struct buffer target, body;
};

struct same_answer {
    struct MHD_Response *response;
    const char *content_type;
    size_t size;
    char body[SAME_BODY_BYTES];
};

/* Written by one server thread, read by any. */
struct http_thread {
    _Alignas(64) struct same_answer same;
    _Atomic uint64_t requests, by_class[6], body_bytes_in, body_bytes_out, latency[HTTP_LATENCY_BUCKETS],
        latency_us_total;
};

struct http {
    struct os *os;
    struct http_handlers handlers;
    struct MHD_Daemon *daemon;
    uint64_t number; /* of this server in the process: says whose the thread-local index is */
    unsigned thread_count;
    _Atomic unsigned threads_seen;
    uint64_t idle_ns, request_ns;
    size_t bodies_bytes_max;
    uint16_t port;
    bool encrypted;
    int quiesced_socket; /* -1 until http_quiesce */

    pthread_mutex_t connections_lock;
    struct connection *connections;
    _Atomic uint64_t connections_total, connection_count, streams, deferred, too_slow, bodies_bytes;

    pthread_t sweeper;
    pthread_mutex_t sweeper_lock;
    pthread_cond_t sweeper_wake;
    bool stopping;

    struct http_thread threads[HTTP_THREADS_MAX];
};

static _Atomic uint64_t servers_started;
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

static void on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                          enum MHD_ConnectionNotificationCode what) {
    if (what == MHD_CONNECTION_NOTIFY_STARTED)
        connection_add(context, mhd, socket_context);
    else if (*socket_context)
        connection_remove(context, *socket_context);
}

/* --- a request begins and ends --- */

static void *on_target(void *context, const char *target, struct MHD_Connection *mhd) {
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

static void on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
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

/* --- answers --- */

static void header(struct MHD_Response *response, const char *name, const char *value) {
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        assert(!"a header of ours is not accepted");
}

static void header_number(struct MHD_Response *response, const char *name, unsigned value) {
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    header(response, name, text);
}

static void origin_headers(struct MHD_Response *response, const char *origin, const struct http_answer *answer) {
    /* The origin comes from outside: a value the library refuses is simply not echoed. */
    if (MHD_add_response_header(response, "Access-Control-Allow-Origin", origin) != MHD_YES)
        return;
    header(response, "Access-Control-Allow-Credentials", "true");
    header(response, "Vary", "Origin");
    if (!answer->preflight)
        return;
    header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    header(response, "Access-Control-Allow-Headers",
           "Authorization, Content-Type, Content-Encoding, X-Write-Key, AnonymousId, X-Requested-With");
    header(response, "Access-Control-Max-Age", "86400");
}

static struct MHD_Response *make_response(struct connection *c, const char *origin) {
    const struct http_answer *answer = &c->request.answer;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.size, answer->body.size ? answer->body.data : (char *)"", MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return NULL;
    if (answer->code != 204)
        header(response, "Content-Type", answer->content_type);
    if (answer->retry_after_s) {
        header_number(response, "Retry-After", answer->retry_after_s);
        if (answer->rate_limited)
            header_number(response, "X-RateLimit-Reset", answer->retry_after_s);
    }
    if (answer->close)
        header(response, "Connection", "close");
    if (answer->allow)
        header(response, "Allow", answer->allow);
    if (answer->authenticate)
        header(response, "WWW-Authenticate", "Basic realm=\"onefold\", charset=\"UTF-8\"");
    if (answer->open_origin && origin)
        origin_headers(response, origin, answer);
    return response;
}

/* --- streams --- */

/* True when there is nothing to wait for: it was woken since it was asked. Otherwise it is suspended. */
static bool stream_rest(struct connection *c) {
    pthread_mutex_lock(&c->stream_lock);
    bool again = c->stream_woken;
    c->stream_woken = false;
    if (!again) {
        c->stream_waits = true;
        MHD_suspend_connection(c->mhd);
    }
    pthread_mutex_unlock(&c->stream_lock);
    return again;
}

static ssize_t stream_read(void *context, uint64_t position, char *into, size_t room) {
    struct connection *c = context;
    const struct http_source *source = &c->request.answer.source;
    (void)position;
    do {
        if (atomic_load(&c->stream_gone))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        long filled = source->fill(source->context, into, room);
        assert(filled >= HTTP_STREAM_END && (filled < 0 || (size_t)filled <= room));
        if (filled == HTTP_STREAM_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (filled > 0)
            return filled;
    } while (stream_rest(c));
    return 0;
}

static enum MHD_Result send_stream(struct connection *c) {
    const struct http_answer *answer = &c->request.answer;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, c, NULL);
    c->answered = true;
    pthread_mutex_lock(&c->stream_lock);
    c->stream_waits = c->stream_woken = false;
    pthread_mutex_unlock(&c->stream_lock);
    atomic_store(&c->stream_gone, false);
    atomic_store(&c->streams, true);
    atomic_fetch_add(&c->http->streams, 1);
    if (response == NULL)
        return MHD_NO;
    header(response, "Content-Type", answer->content_type);
    header(response, "Cache-Control", "no-store");
    header(response, "X-Accel-Buffering", "no"); /* proxies: hand it on at once */
    enum MHD_Result result = MHD_queue_response(c->mhd, (unsigned)answer->code, response);
    MHD_destroy_response(response);
    return result;
}

void http_stream_wake(struct http_request *request) {
    struct connection *c = (struct connection *)request;
    pthread_mutex_lock(&c->stream_lock);
    c->stream_woken = true;
    if (c->stream_waits) {
        c->stream_waits = c->stream_woken = false;
        MHD_resume_connection(c->mhd);
    }
    pthread_mutex_unlock(&c->stream_lock);
}

/* The thread's last small answer when this one is the same, made anew otherwise; NULL when it is no ordinary one. */
static struct MHD_Response *same_response(struct connection *c, const char *origin) {
    const struct http_answer *answer = &c->request.answer;
    struct same_answer *same = &c->http->threads[c->request.thread].same;
    if (answer->retry_after_s || answer->allow || answer->close || answer->authenticate ||
        (answer->open_origin && origin) || answer->body.size > SAME_BODY_BYTES || answer->body.size == 0)
        return NULL;
    if (same->response && same->content_type == answer->content_type && same->size == answer->body.size &&
        memcmp(same->body, answer->body.data, same->size) == 0)
        return same->response;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body.size, answer->body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return NULL;
    header(response, "Content-Type", answer->content_type);
    if (same->response)
        MHD_destroy_response(same->response);
    *same = (struct same_answer){.response = response, .content_type = answer->content_type, .size = answer->body.size};
    memcpy(same->body, answer->body.data, answer->body.size);
    return response;
}

static enum MHD_Result send_answer(struct connection *c) {
    const struct http_answer *answer = &c->request.answer;
    assert(answer->code >= 200 && answer->code < 600 && answer->content_type);
    if (answer->source.fill)
        return send_stream(c);
    const char *origin = NULL;
    if (answer->open_origin)
        origin = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Origin");
    c->answered = true;
    struct MHD_Response *same = same_response(c, origin);
    if (same)
        return MHD_queue_response(c->mhd, (unsigned)answer->code, same);
    struct MHD_Response *response = make_response(c, origin);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(c->mhd, (unsigned)answer->code, response);
    MHD_destroy_response(response);
    return result;
}

static void answer_plainly(struct http_request *request, int code, const char *name, const char *message) {
    request->answer.code = code;
    buffer_clear(&request->answer.body);
    buffer_print(&request->answer.body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", name, message);
}

static void answer_too_large(struct http_request *request) {
    char message[100];
    snprintf(message, sizeof message, "the body is larger than %zu bytes, the most this path takes",
             request->body_bytes_max);
    answer_plainly(request, 413, "TOO_LARGE", message);
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
        answer_plainly(r, 400, "INVALID", "the body's length is announced more than once");
        r->answer.close = true;
        return send_answer(c);
    }
    if (!query_split(slice_of(c->target.data, c->target.size - 1), &r->path, &r->query)) {
        answer_plainly(r, 400, "INVALID", "the request's target is neither a path nor a URL");
        return send_answer(c);
    }
    if (c->http->handlers.begin(c->http->handlers.context, r))
        return send_answer(c);
    uint64_t announced = framing.bytes;
    if (announced <= r->body_bytes_max)
        return MHD_YES;
    c->too_large = true;
    /* A little too much is read and thrown away, so that the client gets to see the answer; more is refused unread. */
    if (announced <= 4 * (uint64_t)r->body_bytes_max + SWALLOW_BYTES && http_header(r, "Expect").size == 0)
        return MHD_YES;
    answer_too_large(r);
    return send_answer(c);
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
        return reading == STATE_HANDLING ? send_answer(c) : MHD_NO;
    struct http_request *r = &c->request;
    if (c->too_large) {
        answer_too_large(r);
        return send_answer(c);
    }
    if (c->no_room) {
        answer_plainly(r, 503, "BUSY", "too many bytes are being received; send this again a little later");
        r->answer.retry_after_s = 1;
        return send_answer(c);
    }
    if (c->body.data == NULL)
        buffer_reserve(&c->body, BUFFER_SLACK);
    r->body = buffer_slice(&c->body);
    if (c->http->handlers.handle(c->http->handlers.context, r) == HTTP_DEFERRED)
        return MHD_YES;
    return send_answer(c);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
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

/* --- the sweeper --- */

/* Ends one connection whose request does not come in. Writing here is safe: a server thread writes only after it won the state. */
static void expire(struct http *http, struct connection *c, int state) {
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (!atomic_compare_exchange_strong(&c->state, &state, STATE_EXPIRED))
        return;
    if (state == STATE_READING && !http->encrypted)
        (void)!send(c->socket, late, sizeof late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(c->socket, SHUT_RDWR);
}

/* The client of a stream that has nothing to send has left: the stream is woken to find out. */
static void end_stream_left(struct connection *c) {
    char byte;
    if (recv(c->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0)
        return;
    atomic_store(&c->stream_gone, true);
    http_stream_wake(&c->request);
}

/* True when the client has left a request unfinished, or left between two. The library's edge-triggered reading misses an end that
 * arrives together with the last bytes. Twice in a row, so that a request whose handling is just beginning is not taken for one. */
static bool has_left(struct connection *c, int state) {
    char byte;
    bool gone = state != STATE_HANDLING && recv(c->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
    bool before = c->end_seen;
    c->end_seen = gone;
    return gone && before;
}

static void sweep(struct http *http) {
    uint64_t now = os_monotonic_ns(http->os);
    pthread_mutex_lock(&http->connections_lock);
    for (struct connection *c = http->connections; c; c = c->after) {
        int state = atomic_load(&c->state);
        uint64_t since = atomic_load_explicit(&c->since_ns, memory_order_relaxed), age = now > since ? now - since : 0;
        /* IDLE past both limits: bytes trickle in (or the library would have closed it) but no first line ever ends. */
        if ((state == STATE_READING && age > http->request_ns) ||
            (state == STATE_IDLE && age > http->idle_ns + http->request_ns)) {
            expire(http, c, state);
            atomic_fetch_add(&http->too_slow, 1);
        } else if (atomic_load(&c->streams)) {
            end_stream_left(c);
        } else if (has_left(c, state)) {
            expire(http, c, state);
        }
    }
    pthread_mutex_unlock(&http->connections_lock);
}

static void *sweeper_run(void *context) {
    struct http *http = context;
    pthread_mutex_lock(&http->sweeper_lock);
    while (!http->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += 500000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&http->sweeper_wake, &http->sweeper_lock, &until);
        if (http->stopping)
            break;
        pthread_mutex_unlock(&http->sweeper_lock);
        sweep(http);
        pthread_mutex_lock(&http->sweeper_lock);
    }
    pthread_mutex_unlock(&http->sweeper_lock);
    return NULL;
}

/* --- start and stop --- */

static enum status listen_on(const struct http_options *o, int *out, uint16_t *port, struct fault *fault) {
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(o->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(o->port)};
    bool is_v4 = inet_pton(AF_INET, o->address, &v4.sin_addr) == 1;
    if (!is_v4 && inet_pton(AF_INET6, o->address, &v6.sin6_addr) != 1)
        return fault_set(fault, STATUS_INVALID, "address \"%s\" is no numeric IPv4 or IPv6 address", o->address);
    struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t bytes = is_v4 ? sizeof v4 : sizeof v6;
    int s = socket(is_v4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return fault_set(fault, STATUS_IO, "no socket to be had: %s", strerror(errno));
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* connections inherit it */
    if (bind(s, address, bytes) != 0 || listen(s, 1024) != 0 || getsockname(s, address, &bytes) != 0) {
        int why = errno;
        close(s);
        return fault_set(fault, why == EADDRINUSE ? STATUS_CONFLICT : STATUS_IO, "cannot listen on %s port %u: %s",
                         o->address, o->port, strerror(why));
    }
    *port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    *out = s;
    return STATUS_OK;
}

/* Leaves percent-encoding as it is: query.c decodes piece by piece. */
static size_t keep_encoding(void *context, struct MHD_Connection *mhd, char *text) {
    (void)context;
    (void)mhd;
    return strlen(text);
}

static void keep_message(void *context, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
static _Thread_local char
    library_message[200]; /* the last thing the library said on this thread, for http_start's fault */
static void keep_message(void *context, const char *format, va_list arguments) {
    (void)context;
    vsnprintf(library_message, sizeof library_message, format, arguments);
}

static struct MHD_Daemon *start_daemon(struct http *http, const struct http_options *o, int listener) {
    static const char versions[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"; /* nothing older */
    struct MHD_OptionItem more[6] = {{0}};
    size_t n = 0;
    if (o->tls_certificate) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)o->tls_certificate};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)o->tls_key};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)versions};
    }
    if (o->threads > 1)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, o->threads, NULL};
    if (o->connections_per_address_max)
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_PER_IP_CONNECTION_LIMIT, o->connections_per_address_max, NULL};
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (o->tls_certificate ? MHD_USE_TLS : 0);
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, keep_message, NULL,
                            MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, o->connections_max,
                            MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)CONNECTION_MEMORY_BYTES, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target,
                            http, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoding, NULL, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                            MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

static void http_release(struct http *http) {
    for (unsigned i = 0; i < http->thread_count; i++) {
        if (http->threads[i].same.response)
            MHD_destroy_response(http->threads[i].same.response);
    }
    pthread_mutex_destroy(&http->connections_lock);
    pthread_mutex_destroy(&http->sweeper_lock);
    pthread_cond_destroy(&http->sweeper_wake);
    free(http);
}

static struct http *http_new(struct os *os, const struct http_options *o, const struct http_handlers *handlers) {
    struct http *http = aligned_alloc(64, (sizeof *http + 63) / 64 * 64);
    if (http == NULL)
        abort();
    memset(http, 0, sizeof *http);
    http->os = os;
    http->handlers = *handlers;
    http->number = atomic_fetch_add(&servers_started, 1) + 1;
    http->thread_count = o->threads;
    http->idle_ns = o->idle_s * 1000000000ull;
    http->request_ns = o->request_s * 1000000000ull;
    http->bodies_bytes_max = o->bodies_bytes_max;
    http->encrypted = o->tls_certificate != NULL;
    http->quiesced_socket = -1;
    pthread_mutex_init(&http->connections_lock, NULL);
    pthread_mutex_init(&http->sweeper_lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&http->sweeper_wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return http;
}

enum status http_start(struct os *os, const struct http_options *options, const struct http_handlers *handlers,
                       struct http **out, struct fault *fault) {
    assert(options->threads >= 1 && options->threads <= HTTP_THREADS_MAX && handlers->begin && handlers->handle);
    if (!options->tls_certificate != !options->tls_key)
        return fault_set(fault, STATUS_INVALID, "TLS needs both a certificate and its key; only one was given");
    int listener = -1;
    struct http *http = http_new(os, options, handlers);
    enum status status = listen_on(options, &listener, &http->port, fault);
    if (status != STATUS_OK) {
        http_release(http);
        return status;
    }
    library_message[0] = 0;
    http->daemon = start_daemon(http, options, listener);
    if (http->daemon == NULL) {
        close(listener);
        http_release(http);
        return fault_set(fault, options->tls_certificate ? STATUS_INVALID : STATUS_IO,
                         "the HTTP server does not start: %s",
                         library_message[0] ? library_message : "no reason given");
    }
    if (pthread_create(&http->sweeper, NULL, sweeper_run, http) != 0) {
        MHD_stop_daemon(http->daemon);
        http_release(http);
        return fault_set(fault, STATUS_IO, "no thread to be had for the HTTP server");
    }
    *out = http;
    return STATUS_OK;
}

void http_quiesce(struct http *http) {
    if (http->quiesced_socket < 0)
        http->quiesced_socket = MHD_quiesce_daemon(http->daemon);
}

static bool is_answering(struct http *http) {
    bool answering = atomic_load(&http->deferred) > 0;
    pthread_mutex_lock(&http->connections_lock);
    for (const struct connection *c = http->connections; c && !answering; c = c->after)
        answering = atomic_load(&c->state) == STATE_HANDLING;
    pthread_mutex_unlock(&http->connections_lock);
    return answering;
}

/* What is suspended when the library stops would be a fault of ours. */
static void end_streams(struct http *http) {
    pthread_mutex_lock(&http->connections_lock);
    for (struct connection *c = http->connections; c; c = c->after) {
        if (!atomic_load(&c->streams))
            continue;
        atomic_store(&c->stream_gone, true);
        http_stream_wake(&c->request);
    }
    pthread_mutex_unlock(&http->connections_lock);
}

void http_stop(struct http *http) {
    if (http == NULL)
        return;
    end_streams(http);
    for (int i = 0; atomic_load(&http->deferred) || (i < 1000 && is_answering(http)); i++)
        usleep(2000);
    pthread_mutex_lock(&http->sweeper_lock);
    http->stopping = true;
    pthread_cond_signal(&http->sweeper_wake);
    pthread_mutex_unlock(&http->sweeper_lock);
    pthread_join(http->sweeper, NULL);
    MHD_stop_daemon(http->daemon);
    if (http->quiesced_socket >= 0)
        close(http->quiesced_socket);
    assert(http->connections == NULL);
    http_release(http);
}

uint16_t http_port(const struct http *http) { return http->port; }

void http_counters_read(const struct http *http, struct http_counters *out) {
    *out = (struct http_counters){.connections = http->connection_count,
                                  .connections_total = http->connections_total,
                                  .streams = http->streams,
                                  .deferred = http->deferred,
                                  .too_slow = http->too_slow,
                                  .bodies_bytes = http->bodies_bytes};
    for (unsigned i = 0; i < http->thread_count; i++) {
        const struct http_thread *t = &http->threads[i];
        out->requests += atomic_load_explicit(&t->requests, memory_order_relaxed);
        out->body_bytes_in += atomic_load_explicit(&t->body_bytes_in, memory_order_relaxed);
        out->body_bytes_out += atomic_load_explicit(&t->body_bytes_out, memory_order_relaxed);
        out->latency_us_total += atomic_load_explicit(&t->latency_us_total, memory_order_relaxed);
        for (size_t k = 0; k < 6; k++)
            out->by_class[k] += atomic_load_explicit(&t->by_class[k], memory_order_relaxed);
        for (size_t k = 0; k < HTTP_LATENCY_BUCKETS; k++)
            out->latency[k] += atomic_load_explicit(&t->latency[k], memory_order_relaxed);
    }
}
