/* http_sweep: a thread that ends connections whose request does not come in, and those whose client has left unnoticed by the library. */
#include "serve/http_inside.h"

#include <sys/socket.h>
#include <time.h>

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

void *http_sweeper_run(void *context) {
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
