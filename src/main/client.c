/* client: see the header. Requests to our own server only, so the answer parser knows just what that sends: a status line,
 * headers with Content-Length, a body. */
#include "main/client.h"

#include "collect/segment_auth.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_TIMEOUT_MS 60000
#define READ_BYTES 65536

struct client {
    struct sockaddr_in address;
    char host[64];
    char *authorization; /* header's value, or NULL */
    int socket;          /* -1: not connected */
    struct buffer request, received;
};

static enum status parse_url(const char *url, struct sockaddr_in *address, char *host, size_t host_size,
                             struct fault *fault) {
    char name[48];
    unsigned port = 80;
    int end = 0;
    if (sscanf(url, "http://%47[0-9.]%n:%u%n", name, &end, &port, &end) < 1 || port > 65535 ||
        (url[end] && url[end] != '/') || inet_pton(AF_INET, name, &address->sin_addr) != 1)
        return fault_set(fault, STATUS_INVALID,
                         "'%s' is no address of a server; expected one such as http://127.0.0.1:8080", url);
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    snprintf(host, host_size, "%s:%u", name, port);
    return STATUS_OK;
}

enum status client_create(const char *url, const char *key, struct client **client, struct fault *fault) {
    struct client *c = memory_get(1, sizeof *c);
    enum status status = parse_url(url, &c->address, c->host, sizeof c->host, fault);
    c->socket = -1;
    if (key) {
        struct buffer value = {0};
        buffer_print(&value, "Bearer %s%c", key, 0);
        c->authorization = value.data;
    }
    if (status)
        client_free(c);
    else
        *client = c;
    return status;
}

enum status client_create_writer(const char *url, const char *write_key, struct client **client, struct fault *fault) {
    struct buffer header = {0};
    enum status status = client_create(url, NULL, client, fault);
    if (status)
        return status;
    segment_basic_header(slice_text(write_key), &header);
    buffer_add_char(&header, 0);
    (*client)->authorization = header.data;
    return STATUS_OK;
}

void client_free(struct client *c) {
    if (!c)
        return;
    if (c->socket >= 0)
        close(c->socket);
    free(c->authorization);
    buffer_release(&c->request);
    buffer_release(&c->received);
    free(c);
}

static int open_socket(const struct sockaddr_in *address, int flags) {
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s < 0)
        return -1;
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(s, (const struct sockaddr *)address, sizeof *address) == 0) {
        if (!flags)
            return s;
        int all = 1; /* non-blocking from here on */
        if (ioctl(s, FIONBIO, &all) == 0)
            return s;
    }
    int error = errno;
    close(s);
    errno = error;
    return -1;
}

/* Where an answer stands: *http, and the slice of its body; false while it is not whole. *bytes is its length in all. */
static bool parse_answer(struct slice got, int *http, struct slice *body, size_t *bytes) {
    const char *end = memmem(got.data, got.size, "\r\n\r\n", 4);
    size_t length = 0;
    if (!end || got.size < 12)
        return false;
    *http = (got.data[9] - '0') * 100 + (got.data[10] - '0') * 10 + (got.data[11] - '0');
    for (const char *line = got.data; line && line < end;) {
        const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (strncasecmp(line, "content-length:", 15) == 0)
            length = strtoull(line + 15, NULL, 10);
        line = next ? next + 2 : NULL;
    }
    size_t head = (size_t)(end + 4 - got.data);
    *bytes = head + length;
    *body = (struct slice){got.data + head, length};
    return got.size >= *bytes;
}

static bool send_all(int s, struct slice data) {
    while (data.size) {
        ssize_t n = send(s, data.data, data.size, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        data.data += n;
        data.size -= (size_t)n;
    }
    return true;
}

/* Sends the prepared request and reads its answer. IO: the connection broke (before anything came when !*begun). */
static enum status exchange(struct client *c, int *http, struct buffer *answer, bool *begun, struct fault *fault) {
    struct slice body;
    size_t bytes;
    *begun = false;
    buffer_clear(&c->received);
    if (!send_all(c->socket, buffer_slice(&c->request)))
        return fault_set(fault, STATUS_IO, "%s: sending failed: %s", c->host, strerror(errno));
    while (c->received.size == 0 || !parse_answer(buffer_slice(&c->received), http, &body, &bytes)) {
        struct pollfd wait = {.fd = c->socket, .events = POLLIN};
        if (poll(&wait, 1, ANSWER_TIMEOUT_MS) == 0)
            return fault_set(fault, STATUS_TIMEOUT, "%s: no answer within %d s", c->host, ANSWER_TIMEOUT_MS / 1000);
        ssize_t n = recv(c->socket, buffer_reserve(&c->received, READ_BYTES), READ_BYTES, 0);
        if (n <= 0)
            return fault_set(fault, STATUS_IO, "%s: the connection ended before the answer did", c->host);
        c->received.size += (size_t)n;
        *begun = true;
    }
    buffer_clear(answer);
    buffer_add_slice(answer, body);
    return STATUS_OK;
}

enum status client_request(struct client *c, const char *method, const char *path, const char *type, struct slice body,
                           int *http, struct buffer *answer, struct fault *fault) {
    bool begun = false;
    buffer_clear(&c->request);
    buffer_print(&c->request, "%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n", method, path, c->host,
                 body.size);
    if (type)
        buffer_print(&c->request, "Content-Type: %s\r\n", type);
    if (c->authorization)
        buffer_print(&c->request, "Authorization: %s\r\n", c->authorization);
    buffer_print(&c->request, "\r\n");
    buffer_add_slice(&c->request, body);
    for (int tries = 0;; tries++) {
        bool kept = c->socket >= 0;
        if (!kept && (c->socket = open_socket(&c->address, 0)) < 0)
            return fault_set(fault, STATUS_IO, "%s: cannot connect: %s", c->host, strerror(errno));
        enum status status = exchange(c, http, answer, &begun, fault);
        if (!status)
            return STATUS_OK;
        close(c->socket);
        c->socket = -1;
        if (!kept || begun || tries)
            return status;
    }
}

/* --- load --- */

struct connection {
    int socket;
    uint64_t began_ns;
    size_t sent;
    struct buffer request, received;
};

struct load {
    const struct load_options *options;
    struct load_result *result;
    struct sockaddr_in address;
    struct connection *connections;
    uint32_t *latencies_us;
    uint64_t made, latency_count;
    int epoll;
};

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void watch(struct load *l, struct connection *c, int how, uint32_t events) {
    struct epoll_event e = {.events = events, .data.ptr = c};
    if (epoll_ctl(l->epoll, how, c->socket, &e))
        assert(how == EPOLL_CTL_DEL);
}

static void drop(struct load *l, struct connection *c, const char *why) {
    l->result->failed++;
    if (!l->result->first_failure[0])
        snprintf(l->result->first_failure, sizeof l->result->first_failure, "%s", why);
    close(c->socket);
    c->socket = -1;
}

/* Sends what is left of the request; asks to be woken where the socket is full. */
static void push(struct load *l, struct connection *c) {
    while (c->sent < c->request.size) {
        ssize_t n = send(c->socket, c->request.data + c->sent, c->request.size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        if (n <= 0) {
            drop(l, c, "sending failed");
            return;
        }
        c->sent += (size_t)n;
        if (c->sent == c->request.size && (size_t)n != c->request.size)
            watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
    }
}

static void next_request(struct load *l, struct connection *c) {
    if (l->made >= l->options->total)
        return;
    buffer_clear(&c->request);
    l->options->make(l->options->context, l->made++, &c->request);
    buffer_clear(&c->received);
    c->sent = 0;
    c->began_ns = now_ns();
    push(l, c);
}

static void take_answer(struct load *l, struct connection *c) {
    int http;
    struct slice body;
    size_t bytes;
    ssize_t n = recv(c->socket, buffer_reserve(&c->received, READ_BYTES), READ_BYTES, 0);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        drop(l, c, "the connection ended before the answer did");
        return;
    }
    c->received.size += (size_t)n;
    if (!parse_answer(buffer_slice(&c->received), &http, &body, &bytes))
        return;
    l->result->answers++;
    if (http >= 400) {
        l->result->failed++;
        if (!l->result->first_failure[0])
            snprintf(l->result->first_failure, sizeof l->result->first_failure, "%d %.*s", http, SLICE_ARG(body));
    }
    l->latencies_us[l->latency_count++] = (uint32_t)((now_ns() - c->began_ns) / 1000);
    next_request(l, c);
}

static int by_latency(const void *a, const void *b) {
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void sum_up(struct load *l) {
    struct load_result *r = l->result;
    uint64_t n = l->latency_count;
    qsort(l->latencies_us, n, sizeof *l->latencies_us, by_latency);
    r->latency_us_p50 = n ? l->latencies_us[n / 2] : 0;
    r->latency_us_p99 = n ? l->latencies_us[n * 99 / 100] : 0;
    r->latency_us_p999 = n ? l->latencies_us[n * 999 / 1000] : 0;
    r->latency_us_max = n ? l->latencies_us[n - 1] : 0;
}

static void run_load(struct load *l) {
    struct epoll_event events[64];
    uint64_t began = now_ns(), until = began + (uint64_t)(l->options->seconds_max * 1e9);
    double cpu = cpu_seconds();
    for (unsigned i = 0; i < l->options->connections; i++)
        if (l->connections[i].socket >= 0)
            next_request(l, &l->connections[i]);
    while (l->result->answers + l->result->failed < l->made && now_ns() < until) {
        int n = epoll_wait(l->epoll, events, 64, 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c->socket >= 0 && (events[i].events & EPOLLOUT) && c->sent < c->request.size)
                push(l, c);
            if (c->socket >= 0 && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
                take_answer(l, c);
        }
    }
    l->result->seconds = (double)(now_ns() - began) * 1e-9;
    l->result->cpu_seconds = cpu_seconds() - cpu;
}

enum status client_load(const struct load_options *options, struct load_result *result, struct fault *fault) {
    char host[64];
    struct load l = {.options = options, .result = result};
    *result = (struct load_result){0};
    enum status status = parse_url(options->url, &l.address, host, sizeof host, fault);
    if (status)
        return status;
    l.connections = memory_get(options->connections, sizeof *l.connections);
    l.latencies_us = memory_get(options->total + 1, sizeof *l.latencies_us);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    for (unsigned i = 0; i < options->connections && !status; i++) {
        l.connections[i].socket = open_socket(&l.address, 1);
        if (l.connections[i].socket < 0)
            status = fault_set(fault, STATUS_IO, "%s: cannot connect: %s", host, strerror(errno));
        else
            watch(&l, &l.connections[i], EPOLL_CTL_ADD, EPOLLIN);
    }
    if (!status)
        run_load(&l);
    sum_up(&l);
    for (unsigned i = 0; i < options->connections; i++) {
        if (l.connections[i].socket > 0)
            close(l.connections[i].socket);
        buffer_release(&l.connections[i].request);
        buffer_release(&l.connections[i].received);
    }
    close(l.epoll);
    free(l.connections);
    free(l.latencies_us);
    return status;
}
