/* http_start: the HTTP server is started, stopped and counted. */
#include "serve/http_inside.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTION_MEMORY_BYTES                                                                                        \
    (32u << 10) /* headers and receive buffer; the library zeroes it for every request, so no larger */

static _Atomic uint64_t servers_started;

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

unsigned http_connections_within(uint64_t files, unsigned wanted) {
    if (files >= (uint64_t)wanted + HTTP_FILES_KEPT)
        return wanted;
    return (unsigned)(files >= 2 * HTTP_FILES_KEPT ? files - HTTP_FILES_KEPT : files / 2);
}

/* As many connections as there may be open files for; the process's own limit is raised as far as the system's allows. */
static unsigned connections_most(unsigned wanted) {
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files))
        return wanted;
    rlim_t need = (rlim_t)wanted + HTTP_FILES_KEPT, most = need < files.rlim_max ? need : files.rlim_max;
    struct rlimit more = {most, files.rlim_max};
    if (files.rlim_cur < most && setrlimit(RLIMIT_NOFILE, &more) == 0)
        files.rlim_cur = most;
    return http_connections_within(files.rlim_cur, wanted);
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
    return MHD_start_daemon(
        flags, 0, NULL, NULL, http_on_request, http, MHD_OPTION_EXTERNAL_LOGGER, keep_message, NULL,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT, connections_most(o->connections_max),
        MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
        MHD_OPTION_NOTIFY_CONNECTION, http_on_connection, http, MHD_OPTION_NOTIFY_COMPLETED, http_on_completed, http,
        MHD_OPTION_URI_LOG_CALLBACK, http_on_target, http, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoding, NULL,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
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
    *out = http; /* from here on there may be requests */
    http->daemon = start_daemon(http, options, listener);
    if (http->daemon == NULL) {
        close(listener);
        *out = NULL;
        http_release(http);
        return fault_set(fault, options->tls_certificate ? STATUS_INVALID : STATUS_IO,
                         "the HTTP server does not start: %s",
                         library_message[0] ? library_message : "no reason given");
    }
    if (pthread_create(&http->sweeper, NULL, http_sweeper_run, http) != 0) {
        MHD_stop_daemon(http->daemon);
        *out = NULL;
        http_release(http);
        return fault_set(fault, STATUS_IO, "no thread to be had for the HTTP server");
    }
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
