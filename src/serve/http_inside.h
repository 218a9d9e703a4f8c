/* http_inside: what the files of the HTTP server share; not for others. http.c leads connections and requests through their states; http_answer.c
 * sends answers and streams; http_start.c starts and stops, and has the sweeper. */
#ifndef ONEFOLD_SERVE_HTTP_INSIDE_H
#define ONEFOLD_SERVE_HTTP_INSIDE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "serve/http.h"

#define SAME_BODY_BYTES 192 /* the most of an answer that is kept ready */

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

/* --- the library's callbacks: http.c --- */

void http_on_connection(void *context, struct MHD_Connection *mhd, void **socket_context,
                        enum MHD_ConnectionNotificationCode what);
void *http_on_target(void *context, const char *target, struct MHD_Connection *mhd);
enum MHD_Result http_on_request(void *context, struct MHD_Connection *mhd, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **request_context);
void http_on_completed(void *context, struct MHD_Connection *mhd, void **request_context,
                       enum MHD_RequestTerminationCode why);

/* --- answers: http_answer.c --- */

/* Sends request.answer, which is complete; a stream where it has a source. */
enum MHD_Result http_send_answer(struct connection *c);
/* An error of this layer. */
void http_answer_plainly(struct http_request *request, int code, const char *name, const char *message);

/* --- starting: http_start.c --- */

/* Descriptors for the log, history and images: clients must not take the last one, or nothing could be written. */
#define HTTP_FILES_KEPT 128
/* How many of the wanted connections there can be where the process may have `files` open. */
unsigned http_connections_within(uint64_t files, unsigned wanted);

/* --- the sweeper's thread: http_sweep.c --- */

void *http_sweeper_run(void *http);

#endif
