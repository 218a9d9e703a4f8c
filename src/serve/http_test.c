/* http: a real server on loopback and a client that sends bytes as it pleases: whole, slow, too many, half, and then gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await.h"
#include "os/os.h"
#include "serve/http_inside.h"
#include "serve/serve_client.h"

#define CONNECTIONS 64
#define CONNECTIONS_MAX 200

/* Answers with what it got. /defer waits for release_all; /early is answered before its body. */
static struct http *http;
static uint16_t port;
static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static struct http_request *waiting;
static _Atomic unsigned waiting_count;

static bool begin(void *context, struct http_request *request) {
    (void)context;
    request->body_bytes_max = 100000;
    if (!slice_is(request->path, "/early"))
        return false;
    request->answer.code = 404;
    buffer_add(&request->answer.body, "early", 5);
    return true;
}

static enum http_next handle(void *context, struct http_request *request) {
    (void)context;
    for (size_t i = 0; i < BUFFER_SLACK; i++)
        (void)*(volatile const char *)(request->body.data + request->body.size + i); /* the slack is readable */
    request->answer.code = 200;
    request->answer.open_origin = slice_is(request->path, "/open");
    buffer_print(&request->answer.body, "%d|%.*s|%.*s|%zu|", request->method, SLICE_ARG(request->path),
                 SLICE_ARG(request->query), request->body.size);
    buffer_add_slice(&request->answer.body, request->body);
    if (!slice_is(request->path, "/defer"))
        return HTTP_ANSWERED;
    pthread_mutex_lock(&waiting_lock);
    http_defer(request);
    request->next = waiting;
    waiting = request;
    waiting_count++;
    pthread_mutex_unlock(&waiting_lock);
    return HTTP_DEFERRED;
}

static void release_all(void) {
    pthread_mutex_lock(&waiting_lock);
    struct http_request *list = waiting;
    waiting = NULL;
    waiting_count = 0;
    pthread_mutex_unlock(&waiting_lock);
    for (struct http_request *next; list; list = next) {
        next = list->next;
        http_resume(list);
    }
}

static struct http_counters counted(void) {
    struct http_counters counters;
    http_counters_read(http, &counters);
    return counters;
}

static void wait_for_waiting(unsigned count) { AWAIT(waiting_count == count); }

static void start(unsigned threads, unsigned request_s, size_t bodies_bytes_max) {
    struct http_options options = {.address = "127.0.0.1",
                                   .threads = threads,
                                   .connections_max = CONNECTIONS_MAX,
                                   .idle_s = 5,
                                   .request_s = request_s,
                                   .bodies_bytes_max = bodies_bytes_max};
    struct http_handlers handlers = {.begin = begin, .handle = handle};
    struct fault fault = {0};
    if (http_start(os_real(), &options, &handlers, &http, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    port = http_port(http);
}

static int setup(void **state) {
    (void)state;
    start(2, 30, 1 << 20);
    return 0;
}

static int setup_short_of_time(void **state) {
    (void)state;
    start(1, 1, 150000);
    return 0;
}

static int setup_short_of_room(void **state) {
    (void)state;
    start(1, 30, 150000);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    http_stop(http);
    return 0;
}

static void expect(struct client *client, int code, const char *body) {
    struct reply reply;
    client_read(client, &reply);
    assert_int_equal(reply.code, code);
    if (body)
        assert_string_equal(reply.body.data, body);
    reply_release(&reply);
}

static void say(struct client *client, const char *text) { assert_true(client_send(client, text, strlen(text))); }

static void test_kept_alive(void **state) {
    (void)state;
    struct client c = client_open(port);
    for (int i = 0; i < 50; i++) {
        struct reply reply;
        exchange(&c, port, "POST", "/a?x=1", NULL, NULL, "hello", &reply);
        assert_int_equal(reply.code, 200);
        assert_string_equal(reply.body.data, "2|/a|x=1|5|hello");
        reply_release(&reply);
        exchange(&c, port, "GET", "/%20b", NULL, NULL, NULL, &reply);
        assert_string_equal(reply.body.data, "1|/%20b||0|");
        reply_release(&reply);
    }
    client_close(&c);
}

static void test_pipelined(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nxyGET "
            "http://h/3?q HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(&c, 200, "1|/1||0|");
    expect(&c, 200, "2|/2||2|xy");
    expect(&c, 200, "1|/3|q|0|");
    client_close(&c);
}

static void test_body_in_pieces(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
    usleep(20000);
    say(&c, "cd");
    usleep(20000);
    say(&c, "ef");
    expect(&c, 200, "2|/p||6|abcdef");
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    expect(&c, 200, "2|/p||5|abcde");
    client_close(&c);
}

static void test_expect_continue(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    usleep(20000);
    say(&c, "ab");
    expect(&c, 200, "2|/p||2|ab");
    client_close(&c);
}

static void test_too_large(void **state) {
    (void)state;
    struct reply reply;
    char *body = memory_get(150001, 1);
    memset(body, 'x', 150000);
    struct client c = client_open(port);
    exchange(&c, port, "POST", "/p", NULL, NULL, body,
             &reply); /* read, thrown away, answered: the connection lives on */
    assert_int_equal(reply.code, 413);
    reply_release(&reply);
    exchange(&c, port, "POST", "/p", NULL, NULL, "ok", &reply);
    assert_int_equal(reply.code, 200);
    reply_release(&reply);
    client_close(&c);
    c = client_open(port);
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n"); /* refused unread */
    expect(&c, 413, NULL);
    client_close(&c);
    free(body);
}

static void test_endless_chunks_are_cut_off(void **state) {
    (void)state;
    struct client c = client_open(port);
    char chunk[4096 + 16];
    int n = snprintf(chunk, sizeof chunk, "1000\r\n");
    memset(chunk + n, 'y', 4096);
    memcpy(chunk + n + 4096, "\r\n", 2);
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    int sent = 0;
    while (sent < 10000 && client_send(&c, chunk, (size_t)n + 4098))
        sent++;
    assert_true(sent < 10000);
    client_close(&c);
    struct reply reply;
    exchange(NULL, port, "GET", "/after", NULL, NULL, NULL, &reply);
    assert_int_equal(reply.code, 200);
    reply_release(&reply);
}

static void test_answered_before_the_body(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "GET /early HTTP/1.1\r\nHost: a\r\n\r\n");
    expect(&c, 404, "early");
    client_close(&c);
    c = client_open(port);
    say(&c, "POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    expect(&c, 404, "early");
    client_close(&c);
}

static void test_not_http(void **state) {
    (void)state;
    static const char *const texts[] = {
        "hello\r\n\r\n",
        "GET\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabcde",
        "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET nopath HTTP/1.1\r\nHost: a\r\n\r\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct client c = client_open(port);
        client_send(&c, texts[i], strlen(texts[i]));
        shutdown(c.socket, SHUT_WR);
        struct reply reply;
        client_read(&c, &reply);
        if (reply.code != 0 && reply.code < 400)
            fail_msg("%d for %s", reply.code, texts[i]);
        reply_release(&reply);
        client_close(&c);
    }
    struct reply reply;
    exchange(NULL, port, "GET", "/after", NULL, NULL, NULL, &reply);
    assert_int_equal(reply.code, 200);
    reply_release(&reply);
}

static void test_origin(void **state) {
    (void)state;
    struct reply reply;
    exchange(NULL, port, "POST", "/open", NULL, "Origin: https://shop.example\r\n", "x", &reply);
    assert_true(slice_is(reply_header(&reply, "Access-Control-Allow-Origin"), "https://shop.example"));
    assert_true(slice_is(reply_header(&reply, "Vary"), "Origin"));
    reply_release(&reply);
    exchange(NULL, port, "POST", "/closed", NULL, "Origin: https://shop.example\r\n", "x", &reply);
    assert_int_equal(reply_header(&reply, "Access-Control-Allow-Origin").size, 0);
    reply_release(&reply);
}

static void test_deferred_on_many_connections(void **state) {
    (void)state;
    struct client clients[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        clients[i] = client_open(port);
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < CONNECTIONS; i++)
            say(&clients[i], "POST /defer HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        wait_for_waiting(CONNECTIONS);
        assert_int_equal(counted().deferred, CONNECTIONS);
        release_all();
        for (int i = 0; i < CONNECTIONS; i++)
            expect(&clients[i], 200, "2|/defer||3|abc");
    }
    for (int i = 0; i < CONNECTIONS; i++)
        client_close(&clients[i]);
}

static void test_clients_gone_while_waiting(void **state) {
    (void)state;
    struct client clients[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        clients[i] = client_open(port);
        say(&clients[i], "POST /defer HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    }
    wait_for_waiting(CONNECTIONS);
    for (int i = 0; i < CONNECTIONS; i++) {
        struct linger reset = {.l_onoff = 1, .l_linger = 0}; /* half of them leave with a reset */
        if (i % 2)
            setsockopt(clients[i].socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        client_close(&clients[i]);
    }
    usleep(20000);
    release_all();
    AWAIT(counted().connections == 0);
    assert_int_equal(counted().deferred, 0);
    assert_int_equal(counted().bodies_bytes, 0);
}

static void test_half_a_request_then_gone(void **state) {
    (void)state;
    for (int i = 0; i < 100; i++) {
        struct client c = client_open(port);
        say(&c, i % 2 ? "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc" : "POST /p HT");
        client_close(&c);
    }
    AWAIT(counted().connections == 0);
    assert_int_equal(counted().bodies_bytes, 0);
}

static void test_slow_body(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n");
    for (int i = 0; i < 99 && client_send(&c, "x", 1); i++) /* stays short of its end, whenever it is cut off */
        usleep(100000);
    expect(&c, 408, NULL);
    client_close(&c);
    assert_int_equal(counted().too_slow, 1);
}

static void test_no_room_for_bodies(void **state) {
    (void)state;
    char head[] = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n";
    char *half = memory_get(80000, 1);
    struct client first = client_open(port), second = client_open(port);
    say(&first, head);
    assert_true(client_send(&first, half, 80000));
    AWAIT(counted().bodies_bytes >= 80000);
    say(&second, head);
    assert_true(client_send(&second, half, 80000) && client_send(&second, half, 10000));
    expect(&second, 503, NULL); /* 150,000 bytes are all there is */
    assert_true(client_send(&first, half, 10000));
    expect(&first, 200, NULL);
    client_close(&first);
    client_close(&second);
    free(half);
}

/* Clients never take the descriptors that the log needs. */
static void test_few_files(void **state) {
    (void)state;
    struct rlimit files;
    assert_int_equal(http_connections_within(UINT64_MAX, 4096), 4096);
    assert_int_equal(http_connections_within(4096 + HTTP_FILES_KEPT, 4096), 4096);
    assert_int_equal(http_connections_within(1024, 4096), 1024 - HTTP_FILES_KEPT);
    assert_int_equal(http_connections_within(256, 4096), 128);
    assert_int_equal(http_connections_within(100, 4096), 50);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    rlim_t before = files.rlim_cur;
    files.rlim_cur = 100;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &files), 0);
    http_stop(http);
    start(2, 30, 1 << 20); /* raises it */
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    assert_true(files.rlim_cur >=
                (before < CONNECTIONS_MAX + HTTP_FILES_KEPT ? before : CONNECTIONS_MAX + HTTP_FILES_KEPT));
}

static void test_stop_answers_what_waits(void **state) {
    (void)state;
    struct client c = client_open(port);
    say(&c, "POST /defer HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    wait_for_waiting(1);
    http_quiesce(http);
    pthread_t releaser;
    assert_int_equal(pthread_create(&releaser, NULL, (void *(*)(void *))(void *)release_all, NULL), 0);
    http_stop(http);
    pthread_join(releaser, NULL);
    expect(&c, 200, "2|/defer||3|abc");
    client_close(&c);
}

static void test_start_says_why_not(void **state) {
    (void)state;
    struct http_options options = {.address = "127.0.0.1",
                                   .port = port,
                                   .threads = 1,
                                   .connections_max = 10,
                                   .idle_s = 5,
                                   .request_s = 5,
                                   .bodies_bytes_max = 1000};
    struct http_handlers handlers = {.begin = begin, .handle = handle};
    struct fault fault = {0};
    struct http *second;
    assert_int_equal(http_start(os_real(), &options, &handlers, &second, &fault), STATUS_CONFLICT);
    assert_non_null(strstr(fault.text, "127.0.0.1"));
    options.address = "localhost";
    assert_int_equal(http_start(os_real(), &options, &handlers, &second, &fault), STATUS_INVALID);
    options = (struct http_options){.address = "::1",
                                    .threads = 1,
                                    .tls_certificate = "nonsense",
                                    .tls_key = "nonsense",
                                    .connections_max = 10,
                                    .idle_s = 5,
                                    .request_s = 5};
    enum status status = http_start(os_real(), &options, &handlers, &second, &fault);
    assert_true(status == STATUS_INVALID || status == STATUS_IO); /* IO: no IPv6 on this machine */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_kept_alive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pipelined, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(test_expect_continue, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_chunks_are_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answered_before_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_http, setup, teardown),
        cmocka_unit_test_setup_teardown(test_origin, setup, teardown),
        cmocka_unit_test_setup_teardown(test_deferred_on_many_connections, setup, teardown),
        cmocka_unit_test_setup_teardown(test_clients_gone_while_waiting, setup, teardown),
        cmocka_unit_test_setup_teardown(test_half_a_request_then_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(test_few_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_body, setup_short_of_time, teardown),
        cmocka_unit_test_setup_teardown(test_no_room_for_bodies, setup_short_of_room, teardown),
        cmocka_unit_test_setup(test_stop_answers_what_waits, setup),
        cmocka_unit_test_setup_teardown(test_start_says_why_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
