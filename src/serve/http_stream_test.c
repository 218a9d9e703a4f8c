/* http_stream: streamed answers over a real server on loopback: nothing is lost or twice however filling and waking meet; who leaves, is slow
 * or is cut off by the server's end is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "await.h"
#include "os/os.h"
#include "serve/http.h"
#include "serve/serve_client.h"

#define STREAMS 40

/* A stream of the numbers 0 .. told - 1, a line each; the end when `last` were sent. */
struct numbers {
    struct http_request *request;
    _Atomic unsigned *told;
    unsigned sent, last;
};

static struct http *http;
static uint16_t port;
static _Atomic unsigned told, open_count, closed_count;
static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;
static struct numbers *streams[STREAMS];
static unsigned last_number;

static long fill(void *context, char *into, size_t room) {
    struct numbers *n = context;
    size_t used = 0;
    if (n->sent == n->last)
        return HTTP_STREAM_END;
    while (n->sent < atomic_load(n->told) && n->sent < n->last && room - used > 16)
        used += (size_t)snprintf(into + used, room - used, "%u\n", n->sent++);
    return (long)used;
}

static void forget(void *context) {
    pthread_mutex_lock(&streams_lock);
    for (size_t i = 0; i < STREAMS; i++)
        streams[i] = streams[i] == context ? NULL : streams[i];
    pthread_mutex_unlock(&streams_lock);
    atomic_fetch_add(&closed_count, 1);
    free(context);
}

static bool begin(void *context, struct http_request *request) {
    (void)context;
    request->body_bytes_max = 1000;
    return false;
}

static enum http_next handle(void *context, struct http_request *request) {
    (void)context;
    struct numbers *n = memory_get(1, sizeof *n);
    *n = (struct numbers){request, &told, 0, last_number};
    request->answer.code = 200;
    request->answer.content_type = "text/event-stream";
    request->answer.source = (struct http_source){n, fill, forget};
    pthread_mutex_lock(&streams_lock);
    size_t i = 0;
    while (streams[i])
        i++;
    streams[i] = n;
    pthread_mutex_unlock(&streams_lock);
    atomic_fetch_add(&open_count, 1);
    return HTTP_ANSWERED;
}

static void tell(unsigned count) {
    atomic_fetch_add(&told, count);
    pthread_mutex_lock(&streams_lock);
    for (size_t i = 0; i < STREAMS; i++) {
        if (streams[i])
            http_stream_wake(streams[i]->request);
    }
    pthread_mutex_unlock(&streams_lock);
}

static int setup(void **state) {
    (void)state;
    struct http_options options = {.address = "127.0.0.1",
                                   .threads = 2,
                                   .connections_max = 200,
                                   .idle_s = 30,
                                   .request_s = 30,
                                   .bodies_bytes_max = 1 << 20};
    struct http_handlers handlers = {.begin = begin, .handle = handle};
    struct fault fault = {0};
    told = open_count = closed_count = 0;
    last_number = UINT32_MAX;
    if (http_start(os_real(), &options, &handlers, &http, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    port = http_port(http);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_stop(http);
    assert_int_equal(open_count, closed_count);
    return 0;
}

static struct client subscribe(void) {
    struct client client = client_open(port);
    struct reply reply;
    static const char ask[] = "GET /s HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_true(client_send(&client, ask, sizeof ask - 1));
    client_read_head(&client, &reply);
    assert_int_equal(reply.code, 200);
    assert_true(slice_is(reply_header(&reply, "Content-Type"), "text/event-stream"));
    reply_release(&reply);
    return client;
}

/* Reads until the numbers before `count` came, each in its turn. */
static void expect_numbers(struct client *client, struct buffer *got, unsigned *next, unsigned count) {
    while (*next < count) {
        bool more = client_read_chunk(client, AWAIT_MS, got, NULL);
        assert_true(more);
        size_t at = 0;
        for (char *end; (end = memchr(got->data + at, '\n', got->size - at)) != NULL; (*next)++) {
            assert_int_equal(strtoul(got->data + at, NULL, 10), *next);
            at = (size_t)(end - got->data) + 1;
        }
        assert_int_equal(at, got->size);
        buffer_clear(got);
    }
}

static void nothing_is_lost(void **state) {
    (void)state;
    struct client clients[STREAMS];
    struct buffer got[STREAMS] = {{0}};
    unsigned next[STREAMS] = {0};
    tell(5);
    for (size_t i = 0; i < STREAMS; i++)
        clients[i] = subscribe();
    for (unsigned round = 0; round < 300; round++) {
        tell(1 + round % 7);
        if (round % 10 == 0)
            expect_numbers(&clients[round % STREAMS], &got[round % STREAMS], &next[round % STREAMS], told);
    }
    for (size_t i = 0; i < STREAMS; i++) {
        expect_numbers(&clients[i], &got[i], &next[i], told);
        client_close(&clients[i]);
        buffer_release(&got[i]);
    }
}

static void ends_when_all_is_said(void **state) {
    (void)state;
    struct buffer got = {0};
    unsigned next = 0;
    last_number = 10;
    struct client client = subscribe();
    tell(20);
    expect_numbers(&client, &got, &next, 10);
    assert_false(client_read_chunk(&client, AWAIT_MS, &got, NULL));
    AWAIT(closed_count == 1);
    static const char ask[] = "GET /s HTTP/1.1\r\nHost: a\r\n\r\n"; /* the connection lives on */
    struct reply reply;
    assert_true(client_send(&client, ask, sizeof ask - 1));
    client_read_head(&client, &reply);
    assert_int_equal(reply.code, 200);
    reply_release(&reply);
    client_close(&client);
    buffer_release(&got);
}

static void who_left_is_let_go(void **state) {
    (void)state;
    struct http_counters counters;
    for (size_t i = 0; i < 10; i++) {
        struct client client = subscribe();
        client_close(&client);
    }
    AWAIT(closed_count == 10); /* nothing is told: the sweeper notices */
    http_counters_read(http, &counters);
    assert_int_equal(counters.streams, 0);
}

/* It reads nothing while a hundred times more is told than sockets hold; then it gets all of it. */
static void slow_reader(void **state) {
    (void)state;
    struct buffer got = {0};
    unsigned next = 0;
    struct client slow = subscribe();
    for (unsigned i = 0; i < 1000; i++)
        tell(1000);
    usleep(50000);
    expect_numbers(&slow, &got, &next, told);
    client_close(&slow);
    buffer_release(&got);
}

static void *wake_on(void *context) {
    while (!atomic_load((_Atomic bool *)context))
        tell(1);
    return NULL;
}

static void stops_with_streams_open(void **state) {
    (void)state;
    struct client clients[10];
    _Atomic bool stop = false;
    pthread_t thread;
    for (size_t i = 0; i < 10; i++)
        clients[i] = subscribe();
    assert_int_equal(pthread_create(&thread, NULL, wake_on, &stop), 0);
    usleep(20000);
    http_stop(http);
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(open_count, closed_count);
    for (size_t i = 0; i < 10; i++)
        client_close(&clients[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(ends_when_all_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(who_left_is_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(slow_reader, setup, teardown),
        cmocka_unit_test_setup(stops_with_streams_open, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
