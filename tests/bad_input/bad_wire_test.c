/* bad_wire_test: clients that are slow, gone, too large or too many. Each gets its answer or is closed in bounded time, good clients do not
 * notice, and what was acknowledged is there once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "await.h"
#include "bad_input_client.h"
#include "os/os_table.h"

static struct bed bed;
#define SLOW_S 2 /* to the impatient: a request must be in whole within this; an idle connection is closed after it */

static int open_bed(void **state) {
    (void)state;
    bed_open(&bed, NULL, NULL, NULL);
    return 0;
}
static int open_impatient(void **state) {
    (void)state;
    bed_open(&bed, NULL, NULL, &(struct serve_options){.idle_s = SLOW_S, .request_s = SLOW_S});
    return 0;
}
static int close_bed(void **state) {
    (void)state;
    bed_close(&bed);
    return 0;
}

static void event_print(struct buffer *into, const char *user, const char *message) {
    buffer_print(into, "{\"userId\":\"%s\",\"messageId\":\"%s\",\"event\":\"E\"}", user, message);
}

/* A whole tracking request for one event. */
static void request_print(struct buffer *into, const char *user, const char *message) {
    struct buffer body = {0};
    event_print(&body, user, message);
    post_print(into, &bed, "/v1/track", "", buffer_slice(&body));
    buffer_release(&body);
}

/* --- large --- */

static void raw(const char *what, struct slice request, int code, const char *words) {
    struct answer answer;
    ask_wire(&bed, request, &answer);
    check_answer(what, &answer, code, words);
    answer_release(&answer);
}

static void test_header_too_large(void **state) {
    (void)state;
    struct buffer out = {0};
    static const size_t sizes[] = {70u << 10, 1u << 20};
    for (size_t i = 0; i < 2; i++) {
        buffer_clear(&out);
        buffer_add_slice(&out, SLICE("GET /healthz HTTP/1.1\r\nHost: a\r\nX-Large: "));
        memset(buffer_reserve(&out, sizes[i]), 'x', sizes[i]);
        out.size += sizes[i];
        buffer_add_slice(&out, SLICE("\r\n\r\n"));
        raw("header too large", buffer_slice(&out), 431, "");
    }
    buffer_clear(&out);
    buffer_add_slice(&out, SLICE("GET /"));
    memset(buffer_reserve(&out, 70 << 10), 'y', 70 << 10);
    out.size += 70 << 10;
    buffer_add_slice(&out, SLICE(" HTTP/1.1\r\nHost: a\r\n\r\n"));
    raw("target too large", buffer_slice(&out), 414, "");
    buffer_release(&out);
}

static void test_oversize_body_is_answered_early(void **state) {
    (void)state;
    struct buffer out = {0};
    /* Only the announcement is sent: the answer must not wait for the bytes. */
    buffer_print(&out, "POST /v1/track HTTP/1.1\r\nHost: a\r\nX-Write-Key: %s\r\nContent-Length: 100000000\r\n\r\n",
                 bed.write_key);
    raw("100 MB announced", buffer_slice(&out), 413, "TOO_LARGE|4194304 bytes");
    buffer_clear(&out);
    buffer_print(&out,
                 "POST /v1/track HTTP/1.1\r\nHost: a\r\nX-Write-Key: %s\r\nExpect: 100-continue\r\nContent-Length: "
                 "5000000\r\n\r\n",
                 bed.write_key);
    raw("5 MB with Expect", buffer_slice(&out), 413, "TOO_LARGE");
    buffer_clear(&out);
    buffer_print(
        &out, "POST /v1/sources HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\nContent-Length: 100000000\r\n\r\n",
        bed.admin_key);
    raw("100 MB for an admin route", buffer_slice(&out), 413, "TOO_LARGE|1048576 bytes");
    buffer_clear(&out);
    buffer_print(&out, "POST /v1/imports/1/data HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n");
    raw("10 MB without a key", buffer_slice(&out), 401, "UNAUTHORIZED");
    buffer_clear(&out);
    buffer_print(&out, "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n{}");
    raw("two lengths", buffer_slice(&out), 400, "");
    buffer_clear(&out);
    buffer_print(&out, "POST /v1/track HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n{}");
    raw("a negative length", buffer_slice(&out), 400, "");
    raw("no HTTP", SLICE("\x16\x03\x01\x02\x00\r\n\r\n"), 0, ""); /* not HTTP at all: closed */
    raw("HTTP/9.9", SLICE("GET /healthz HTTP/9.9\r\n\r\n"), 505, "");
    buffer_release(&out);
}

static void test_oversize_body_that_is_sent(void **state) {
    (void)state;
    struct buffer out = {0};
    size_t size = 5u << 20;
    char *body = memory_get(size, 1);
    memset(body, ' ', size);
    post_print(&out, &bed, "/v1/batch", "", slice_of(body, size));
    raw("5 MB sent", buffer_slice(&out), 413, "TOO_LARGE");
    free(body);
    buffer_release(&out);
}

/* --- slow --- */

struct good_load {
    double seconds;
    struct load_result result;
    enum status status;
    struct fault fault;
};

static void make_good(void *context, uint64_t number, struct buffer *out) {
    char message[40];
    (void)context;
    snprintf(message, sizeof message, "load-%llu", (unsigned long long)number);
    request_print(out, "load", message);
}

static void *good_run(void *context) {
    struct good_load *g = context;
    struct load_options options = {.url = serve_address(bed.server->serve),
                                   .connections = 4,
                                   .total = 1000000, /* more than there is time for */
                                   .seconds_max = g->seconds,
                                   .make = make_good};
    g->status = client_load(&options, &g->result, &g->fault);
    return NULL;
}

/* Sends a byte every 100 ms on each until all are answered or closed; the seconds that took. */
static double trickle(struct wire *wires, size_t count, struct slice rest, int codes[]) {
    double begun = now_s();
    size_t at = 0, open = count;
    for (size_t i = 0; i < count; i++)
        codes[i] = -1;
    while (open && now_s() - begun < AWAIT_MS / 1000) {
        for (size_t i = 0; i < count; i++) {
            struct answer answer;
            if (codes[i] != -1)
                continue;
            wire_send(&wires[i], slice_of(rest.data + at % rest.size, 1));
            wire_read(&wires[i], &answer, 0);
            codes[i] = answer.code;
            open -= answer.code != -1;
            answer_release(&answer);
        }
        at++;
        sleep_ms(100);
    }
    return now_s() - begun;
}

#define SLOW_CLIENTS 20

static void test_slow_clients_are_cut_off(void **state) {
    (void)state;
    struct wire bodies[SLOW_CLIENTS], heads[SLOW_CLIENTS], lines[SLOW_CLIENTS], all[3 * SLOW_CLIENTS];
    int codes[3 * SLOW_CLIENTS];
    struct buffer head = {0};
    struct good_load alone = {.seconds = SLOW_S + 1}, load = alone;
    pthread_t thread;
    good_run(&alone);
    buffer_print(&head, "POST /v1/track HTTP/1.1\r\nHost: a\r\nX-Write-Key: %s\r\nContent-Length: 1000\r\n\r\n{",
                 bed.write_key);
    for (size_t i = 0; i < SLOW_CLIENTS; i++) {
        wire_open(&bodies[i], bed.port);
        wire_send(&bodies[i], buffer_slice(&head));
        wire_open(&heads[i], bed.port);
        wire_send(&heads[i], SLICE("POST /v1/track HTTP/1.1\r\nX-A: "));
        wire_open(&lines[i], bed.port); /* not even a first line */
        all[3 * i] = bodies[i];
        all[3 * i + 1] = heads[i];
        all[3 * i + 2] = lines[i];
    }
    assert_int_equal(pthread_create(&thread, NULL, good_run, &load), 0);
    double seconds = trickle(all, 3 * SLOW_CLIENTS, SLICE("x"), codes);
    pthread_join(thread, NULL);
    print_message(
        "slow clients: cut off after %.1f s; good ones meanwhile: %llu answers, p50 %u us, p99 %u us, max %u us\n",
        seconds, (unsigned long long)load.result.answers, load.result.latency_us_p50, load.result.latency_us_p99,
        load.result.latency_us_max);
    assert_true(seconds < SLOW_S + NOT_LATE_MS / 1000);
    for (size_t i = 0; i < SLOW_CLIENTS; i++) {
        assert_int_equal(codes[3 * i], 408);
        assert_int_equal(codes[3 * i + 1], 408);
        assert_true(codes[3 * i + 2] == 0 || codes[3 * i + 2] == 408);
    }
    assert_int_equal(load.status, STATUS_OK);
    assert_int_equal(load.result.failed, 0);
    /* The machine may be slow, and busier than before: but nobody waits until the slow ones are cut off. */
    assert_true(load.result.answers > alone.result.answers / 20);
    assert_true(load.result.latency_us_p50 < 200000 + 10 * alone.result.latency_us_p50);
    assert_true(load.result.latency_us_p99 < 500000 + 10 * alone.result.latency_us_p99);
    for (size_t i = 0; i < 3 * SLOW_CLIENTS; i++)
        wire_close(&all[i]);
    buffer_release(&head);
}

#define IDLE_CLIENTS 200

static void test_idle_connections(void **state) {
    (void)state;
    static struct wire idle[IDLE_CLIENTS];
    struct answer answer;
    const unsigned count = connections_here(IDLE_CLIENTS);
    for (size_t i = 0; i < count; i++)
        wire_open(&idle[i], bed.port);
    double begun = now_s();
    for (unsigned i = 0; i < 5; i++)
        bed_good(&bed);
    for (size_t i = 0; i < count; i++) {
        wire_read(&idle[i], &answer, AWAIT_MS);
        assert_int_equal(answer.code, 0); /* closed without a word */
        answer_release(&answer);
        wire_close(&idle[i]);
    }
    assert_true(now_s() - begun < SLOW_S + NOT_LATE_MS / 1000);
}

/* --- gone --- */

static void test_half_closed(void **state) {
    (void)state;
    struct buffer out = {0};
    struct wire wire;
    struct answer answer;
    request_print(&out, "half", "half-1");
    wire_open(&wire, bed.port);
    wire_send(&wire, buffer_slice(&out));
    shutdown(wire.socket,
             SHUT_WR); /* nothing more will come; the HTTP library takes that for a farewell and may close unanswered */
    wire_read(&wire, &answer, AWAIT_MS);
    assert_true(answer.code == 0 || answer.code == 200);
    answer_release(&answer);
    wire_close(&wire);
    wire_open(&wire, bed.port); /* in the middle of a body: nothing can come of it */
    wire_send(&wire, slice_of(out.data, out.size - 5));
    shutdown(wire.socket, SHUT_WR);
    wire_read(&wire, &answer, AWAIT_MS);
    assert_true(answer.code == 0 || answer.code == 400 || answer.code == 408);
    answer_release(&answer);
    wire_close(&wire);
    for (unsigned i = 0; i < 500 && row_count(&bed, "half", "E") == 0; i++)
        sleep_ms(10); /* what came whole is kept, answered or not */
    expect_writer(&bed, "sent again", "/v1/track",
                  SLICE("{\"userId\":\"half\",\"messageId\":\"half-1\",\"event\":\"E\"}"), 200, "\"accepted\":1");
    buffer_release(&out);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "half", "E"), 1);
}

/* The machine, but a disk whose syncs do not end while `sync_held`: so that a client can be gone while its record waits for one. */
static _Atomic bool sync_held;
static enum status held_sync(struct os *os, struct os_file *file, struct fault *fault) {
    (void)os;
    while (atomic_load(&sync_held))
        sleep_ms(1);
    return os_sync(os_real(), file, fault);
}

/* Its request is the `waiting`th that waits for the sync. */
static void vanish(const char *message, unsigned waiting, bool reset) {
    char waits[48];
    snprintf(waits, sizeof waits, "\nonefold_tracking_waiting %u\n", waiting);
    struct buffer out = {0};
    struct wire wire;
    request_print(&out, "vanished", message);
    wire_open(&wire, bed.port);
    wire_send(&wire, buffer_slice(&out));
    AWAIT(count_in(&bed, "/metrics", waits) == 1); /* it was read; its sync has not ended */
    if (reset)
        setsockopt(wire.socket, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    wire_close(&wire);
    buffer_release(&out);
}

static void test_client_vanishes_before_its_answer(void **state) {
    static struct os_operations operations;
    static struct os held = {&operations};
    (void)state;
    operations = *os_real()->operations;
    operations.sync = held_sync;
    bed_open(&bed, &held, NULL, NULL);
    atomic_store(&sync_held, true);
    vanish("v-1", 1, false);
    vanish("v-2", 2, true);
    vanish("v-3", 3, true);
    atomic_store(&sync_held, false);
    AWAIT(count_in(&bed, "/metrics", "\nonefold_tracking_waiting 0\n") == 1);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "vanished", "E"), 3);
    /* Its sender knows of no answer and sends again: still once. */
    expect_writer(&bed, "sent again", "/v1/track",
                  SLICE("{\"userId\":\"vanished\",\"messageId\":\"v-2\",\"event\":\"E\"}"), 200, "\"accepted\":1");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "vanished", "E"), 3);
    bed_close(&bed);
}

/* --- together --- */

static void test_pipelined(void **state) {
    (void)state;
    struct buffer out = {0};
    struct wire wire;
    struct answer answer;
    char message[20];
    for (unsigned i = 0; i < 6; i++) {
        snprintf(message, sizeof message, "pipe-%u", i);
        if (i == 3)
            post_print(&out, &bed, "/v1/track", "", SLICE("{broken"));
        else
            request_print(&out, "pipe", message);
    }
    buffer_add_slice(&out, SLICE("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"));
    wire_open(&wire, bed.port);
    wire_send(&wire, buffer_slice(&out));
    for (unsigned i = 0; i < 7; i++) { /* in order: the bad one's answer in its place */
        wire_read(&wire, &answer, AWAIT_MS);
        check_answer("pipelined", &answer, i == 3 ? 400 : 200,
                     i == 3   ? "invalid_json"
                     : i == 6 ? "done"
                              : "\"accepted\":1");
        answer_release(&answer);
    }
    wire_close(&wire);
    buffer_release(&out);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "pipe", "E"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bed, close_bed)
#define IMPATIENT_TEST(name) cmocka_unit_test_setup_teardown(name, open_impatient, close_bed)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_header_too_large),
        TEST(test_oversize_body_is_answered_early),
        TEST(test_oversize_body_that_is_sent),
        IMPATIENT_TEST(test_slow_clients_are_cut_off),
        IMPATIENT_TEST(test_idle_connections),
        TEST(test_half_closed),
        TEST(test_pipelined),
        cmocka_unit_test(test_client_vanishes_before_its_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
