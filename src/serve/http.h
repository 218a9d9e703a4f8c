/* http: requests in, answers out. The only user of libmicrohttpd; nothing above it sees a socket.
 *
 * One or more server threads each run an epoll loop over their share of the connections. A connection owns one request
 * object with its buffers, reused from request to request, so that an ordinary request allocates nothing of ours. Bodies are
 * gathered whole before the handler runs: parsing starts at the first byte of a buffer with BUFFER_SLACK readable bytes after it.
 *
 * A handler answers at once, or defers: it calls http_defer, gives the request to whoever will know the answer (the log's writer, a
 * worker), and returns HTTP_DEFERRED. That one fills request->answer and calls http_resume, from any thread. Until then the
 * connection is out of the epoll set and costs nothing; a client that hangs up meanwhile is noticed only afterwards.
 *
 * An answer may also be a stream: bytes in chunks as they come to be, for as long as the client stays. Whoever makes them is asked for
 * the next ones when the socket has room, and says "nothing now" or "that was all"; http_stream_wake has it asked again. So a slow client
 * holds one buffer of the library's and nothing else.
 *
 * Against clients that are slow, many or large: a deadline for a request to arrive whole (408, then the connection is
 * closed), an idle time-out, limits on connections in all and per address, on a body's bytes (413 before it is
 * read, where the length is announced), and on the bytes of all bodies together (503). */
#ifndef ONEFOLD_SERVE_HTTP_H
#define ONEFOLD_SERVE_HTTP_H

#include "base/memory.h"
#include "base/slice.h"
#include "base/status.h"
#include "os/os.h"

#define HTTP_THREADS_MAX 16

enum http_method { HTTP_OTHER, HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_DELETE, HTTP_OPTIONS }; /* HEAD is seen as GET */

/* Where a stream's bytes come from. `fill` and `close` are called on the connection's server thread. */
#define HTTP_STREAM_END (-1)
struct http_source {
    void *context;
    /* Puts up to `room` bytes into `into` and returns how many; 0: nothing now; HTTP_STREAM_END: the answer is whole. */
    long (*fill)(void *context, char *into, size_t room);
    /* The last call: the answer is out, or the client has left. */
    void (*close)(void *context);
};

struct http_answer {
    int code;                  /* HTTP status code */
    struct buffer body;        /* filled by the handler; empty at its start */
    const char *content_type;  /* static text; application/json at the handler's start */
    const char *allow;         /* static text for a 405, or NULL */
    unsigned retry_after_s;    /* 0: no Retry-After */
    bool rate_limited;         /* X-RateLimit-Reset too, with the same seconds */
    bool open_origin;          /* CORS: whatever Origin asked may read the answer */
    bool preflight;            /* the answer to OPTIONS: methods, headers and age as well */
    bool close;                /* the connection ends with this answer */
    bool authenticate;         /* WWW-Authenticate (with a 401) */
    struct http_source source; /* `fill` set: the body is a stream of its */
};

/* One request. Slices stay valid until the answer is on its way. */
struct http_request {
    enum http_method method;
    struct slice path;  /* as sent (percent-encoded), from the first slash, without query */
    struct slice query; /* as sent, without the question mark */
    struct slice body;
    unsigned thread;       /* of the server, 0 .. threads-1: for state kept per thread */
    bool encrypted;        /* came over TLS */
    size_t body_bytes_max; /* to be set by `begin` */
    uint64_t begun_ns;     /* monotonic, when its first line was in */
    struct http_answer answer;

    /* The handlers' own, zero at `begin`. */
    const void *route;
    struct http_request *next;
    uint64_t position, position_first;
    enum status outcome;
};

enum http_next { HTTP_ANSWERED, HTTP_DEFERRED };

struct http_handlers {
    void *context;
    /* Headers are in, the body is not: sets body_bytes_max and returns false; or fills the answer and returns true (the body
     * is then not read, and the connection is closed after the answer if there is one). */
    bool (*begin)(void *context, struct http_request *request);
    /* The whole request is in. */
    enum http_next (*handle)(void *context, struct http_request *request);
};

struct http_options {
    const char *address;                                   /* numeric IPv4 or IPv6 */
    uint16_t port;                                         /* 0: a free one */
    unsigned threads;                                      /* 1 .. HTTP_THREADS_MAX */
    const char *tls_certificate, *tls_key;                 /* PEM text, or NULL; read during http_start */
    unsigned connections_max, connections_per_address_max; /* 0 for the second: no limit */
    unsigned idle_s;         /* a connection with no request under way is closed after this */
    unsigned request_s;      /* a request must be in whole within this */
    size_t bodies_bytes_max; /* of all bodies under way together */
};

struct http;
/* Errors: INVALID (address, certificate), CONFLICT (the port is taken), IO; then *http is NULL. `handlers` is copied. Requests may come before it
 * returns: handlers find *http set by then. */
enum status http_start(struct os *os, const struct http_options *options, const struct http_handlers *handlers,
                       struct http **http, struct fault *fault) WARN_UNUSED;
/* Takes no new connection from now on. */
void http_quiesce(struct http *http);
/* Ends it: cuts streams off, waits until every deferred request was resumed, and up to two seconds for answers on their way. NULL is fine. */
void http_stop(struct http *http);
uint16_t http_port(const struct http *http);

/* A request's header, or an empty slice. `name` is matched without case. Handler's thread, before http_resume. */
struct slice http_header(const struct http_request *request, const char *name);

/* Sets the request aside; called in `handle`, on its thread, before the request is shown to another thread. */
void http_defer(struct http_request *request);
/* The answer of a deferred request is complete: it goes out. Nothing of the request may be touched afterwards. */
void http_resume(struct http_request *request);

/* Has `fill` asked again. Thread: any, between the handler's return and the source's `close` (the caller sees to that). */
void http_stream_wake(struct http_request *request);

#define HTTP_LATENCY_BUCKETS 24 /* bucket i: below 2^i microseconds; the last holds the rest too */
struct http_counters {
    uint64_t requests;    /* answered */
    uint64_t by_class[6]; /* [2] = 2xx ... */
    uint64_t body_bytes_in, body_bytes_out;
    uint64_t connections; /* now */
    uint64_t connections_total;
    uint64_t streams;                       /* now */
    uint64_t deferred;                      /* now */
    uint64_t too_slow;                      /* closed because a request did not arrive in time */
    uint64_t bodies_bytes;                  /* now, of bodies being gathered */
    uint64_t latency[HTTP_LATENCY_BUCKETS]; /* first line in -> answer sent */
    uint64_t latency_us_total;
};
/* Thread: any. Each number is exact; together they may be of slightly different moments. */
void http_counters_read(const struct http *http, struct http_counters *out);

#endif
