/* bad_pressure_test: more than there is room for: a full disk, processing that lags, a source past its rate. Senders are told to come again, and
 * when; what was acknowledged is there once; reads go on; and it takes data again as soon as it can. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bad_input_client.h"
#include "await.h"
#include "os/os_sim.h"
#include "os/os_table.h"

static struct bed bed;

/* The Retry-After of an answer, which must have one. */
static unsigned retry_after(const struct answer *answer) {
    struct slice value = answer_header(answer, "Retry-After");
    assert_true(value.size > 0);
    return (unsigned)strtoul(value.data, NULL, 10);
}

/* A batch of `items` events of the customer, with message ids <user>-<batch>-<item>. */
static void batch_print(struct buffer *into, const char *user, unsigned batch, unsigned items, size_t filler_bytes) {
    buffer_clear(into);
    buffer_add_slice(into, SLICE("{\"batch\":["));
    for (unsigned i = 0; i < items; i++) {
        buffer_print(into,
                     "%s{\"type\":\"track\",\"userId\":\"%s-%u\",\"messageId\":\"%s-%u-%u\",\"event\":\"E\","
                     "\"properties\":{\"t\":\"",
                     i ? "," : "", user, batch, user, batch, i);
        memset(buffer_reserve(into, filler_bytes), 'f', filler_bytes);
        into->size += filler_bytes;
        buffer_add_slice(into, SLICE("\"}}"));
    }
    buffer_add_slice(into, SLICE("]}"));
}

static void check_batch(const char *user, unsigned batch, unsigned rows) {
    char name[40];
    snprintf(name, sizeof name, "%s-%u", user, batch);
    unsigned found = row_count(&bed, name, "E");
    if (found != rows)
        fail_msg("%s has %u rows instead of %u", name, found, rows);
}

/* --- a full disk --- */

/* The simulated clock stands still by itself; here it goes with the real one. */
static struct os_sim *sim;
static _Atomic bool ticking;
static pthread_t ticker;

static void *tick_run(void *context) {
    (void)context;
    for (; atomic_load(&ticking); sleep_ms(5))
        os_sim_advance_ms(sim, 5);
    return NULL;
}

static void open_on_small_disk(uint64_t seed, uint64_t disk_bytes) {
    struct engine_options engine = {.log = {.segment_bytes = 2 << 20}, .threads = true};
    sim = os_sim_create(seed);
    os_sim_set_ms(sim, 1767225600000); /* 2026-01-01 */
    atomic_store(&ticking, true);
    assert_int_equal(pthread_create(&ticker, NULL, tick_run, NULL), 0);
    bed_open(&bed, os_sim_os(sim), &engine, NULL);
    os_sim_set_disk_bytes(sim, disk_bytes);
}

static void close_small_disk(void) {
    bed_close(&bed);
    atomic_store(&ticking, false);
    pthread_join(ticker, NULL);
    os_sim_free(sim);
}

#define BATCHES_MAX 400
#define BATCH_ITEMS 20
#define FILLER_BYTES 5000

/* One batch of 100 KB, numbered; true when it was acknowledged, otherwise the answer is the one for a full disk. */
static bool send_batch(unsigned batch) {
    struct buffer body = {0};
    struct answer answer;
    batch_print(&body, "disk", batch, BATCH_ITEMS, FILLER_BYTES);
    ask_post(&bed, "/v1/batch", "", buffer_slice(&body), &answer);
    bool taken = answer.code == 200;
    if (!taken) {
        check_answer("disk full", &answer, 503, "DISK_FULL|no space is left|send it again");
        assert_true(retry_after(&answer) >= 1);
    }
    answer_release(&answer);
    buffer_release(&body);
    return taken;
}

static void check_while_full(void) {
    struct answer answer;
    ask_wire(&bed, SLICE("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n"), &answer);
    check_answer("readiness while the disk is full", &answer, 503, "\"name\":\"disk\",\"good\":false|\"ready\":false");
    answer_release(&answer);
    expect_admin(&bed, "liveness while the disk is full", "GET", "/healthz", NULL, 200, "done");
    bed_check_good(&bed); /* reads go on */
}

static void test_disk_full(void **state) {
    unsigned batch = 0;
    (void)state;
    open_on_small_disk(7, 12 << 20);
    while (send_batch(batch))
        assert_true(++batch < BATCHES_MAX);
    assert_true(batch > 5);
    expect_admin(&bed, "a definition while the disk is full", "POST", "/v1/sources",
                 "{\"name\":\"new\",\"kind\":\"segment\"}", 503, "DISK_FULL");
    for (unsigned round = 0; round < 3; round++) { /* again and again, as its sender would */
        check_while_full();
        sleep_ms(400);
        assert_false(send_batch(batch));
    }
    os_sim_set_disk_bytes(sim, 0);
    AWAIT(send_batch(batch)); /* it finds out by itself */
    assert_true(send_batch(batch + 1));
    expect_admin(&bed, "readiness again", "GET", "/readyz", NULL, 200, "\"ready\":true");
    expect_admin(&bed, "a definition again", "POST", "/v1/sources", "{\"name\":\"new\",\"kind\":\"segment\"}", 200,
                 "in_force");
    bed_settle(&bed);
    for (unsigned i = 0; i <= batch + 1; i++)
        check_batch("disk", i, BATCH_ITEMS);
    close_small_disk();
}

/* Small events go on while an import's large units find no room: in the rest of the last segment there is still some for them.
 * FULL_S after the first refusal there is room again. */
#define FULL_S 3.0
static _Atomic bool refusing;
#define DRIPS_MAX 20000
static _Atomic bool dripping;
static bool drip_taken[DRIPS_MAX];
static unsigned drips;

static void *drip_run(void *context) {
    struct wire wire;
    double room_s = 0; /* when there is room again */
    (void)context;
    wire_open(&wire, bed.port);
    for (drips = 0; atomic_load(&dripping) && drips < DRIPS_MAX; drips++) {
        char text[100];
        struct buffer out = {0};
        struct answer answer;
        int size = snprintf(text, sizeof text, "{\"userId\":\"drip-%u\",\"messageId\":\"drip-%u\",\"event\":\"E\"}",
                            drips, drips);
        post_print(&out, &bed, "/v1/track", "", slice_of(text, (size_t)size));
        wire_send(&wire, buffer_slice(&out));
        wire_read(&wire, &answer, AWAIT_MS);
        drip_taken[drips] = answer.code == 200;
        answer_release(&answer);
        buffer_release(&out);
        sleep_ms(2);
        if (atomic_load(&refusing) && room_s == 0)
            room_s = now_s() + FULL_S;
        if (room_s > 0 && now_s() > room_s)
            os_sim_set_disk_bytes(sim, 0);
    }
    wire_close(&wire);
    return NULL;
}

#define ROWS 20000
#define ROW_CUSTOMERS 100

static void rows_print(struct buffer *file) {
    buffer_add_slice(file, SLICE("who,n,text\n"));
    for (unsigned i = 0; i < ROWS; i++)
        buffer_print(file, "row-%u,%u,%0100u\n", i % ROW_CUSTOMERS, i, i);
}

#define PIECE_BYTES (128u << 10)

struct sending {
    unsigned refused,
        lost; /* answers that told of the full disk; of them, those for rows that had been waiting for it already */
};

/* Sends the file in pieces, from its start again whenever the disk is full, as the answer says. */
static void send_pieces(struct slice file, struct sending *sending) {
    double begun = now_s();
    size_t offset = 0;
    while (offset < file.size) {
        char path[100];
        struct answer answer;
        size_t bytes = file.size - offset < PIECE_BYTES ? file.size - offset : PIECE_BYTES;
        snprintf(path, sizeof path, "/v1/imports/1/data?offset=%zu%s", offset,
                 offset + bytes == file.size ? "&last=1" : "");
        ask_admin(&bed, "POST", path, slice_of(file.data + offset, bytes), &answer);
        offset += bytes;
        if (answer.code != 200) {
            check_answer("a piece while the disk is full", &answer, 503, "DISK_FULL|no space left|offset 0");
            sending->refused++;
            atomic_store(&refusing, true);
            sending->lost += strstr(answer.body.data, "not all of this was stored") != NULL;
            offset = 0;
            sleep_ms(100);
        }
        answer_release(&answer);
        assert_true(now_s() - begun < AWAIT_MS / 1000);
    }
}

/* A piece that meets the full disk is not called taken, whatever else became durable after it; the file again adds just what lacks. */
static void test_disk_full_under_an_import(void **state) {
    struct buffer file = {0};
    struct sending sending = {0};
    struct fault fault = {0};
    pthread_t dripper;
    (void)state;
    open_on_small_disk(8, 0);
    if (server_source(bed.server, "till", "file", NULL, &fault))
        fail_msg("%s", fault.text);
    expect_admin(&bed, "mapping", "POST", "/v1/mappings",
                 "{\"name\":\"m\",\"source\":\"till\",\"record\":\"event\",\"type\":\"E\",\"columns\":{\"who\":"
                 "\"identifier user_id\"}}",
                 200, "");
    expect_admin(&bed, "job", "POST", "/v1/imports", "{\"mapping\":\"m\",\"file\":\"f.csv\"}", 200,
                 "\"source\":\"till\"");
    rows_print(&file);
    atomic_store(&dripping, true);
    assert_int_equal(pthread_create(&dripper, NULL, drip_run, NULL), 0);
    os_sim_set_disk_bytes(sim, 3 << 20);
    send_pieces(buffer_slice(&file), &sending);
    assert_true(sending.refused > 0);
    expect_admin(&bed, "the job's state", "GET", "/v1/imports/1", NULL, 200,
                 "\"state\":\"done\"|\"rows\":20000|\"rejected\":0");
    atomic_store(&dripping, false);
    pthread_join(dripper, NULL);
    bed_settle(&bed);
    for (unsigned i = 0; i < ROW_CUSTOMERS; i++) {
        char name[20];
        snprintf(name, sizeof name, "row-%u", i);
        unsigned rows = row_count(&bed, name, "E");
        if (rows != ROWS / ROW_CUSTOMERS)
            fail_msg("%s has %u rows instead of %u", name, rows, ROWS / ROW_CUSTOMERS);
    }
    for (unsigned i = 0; i < drips; i++)
        if (i < 2000 || !drip_taken[i])
            check_batch("drip", i, drip_taken[i]);
    print_message("an import on a full disk: %u pieces refused, %u of them while waiting; %u small events meanwhile\n",
                  sending.refused, sending.lost, drips);
    close_small_disk();
    buffer_release(&file);
}

/* --- lag and rate --- */

/* The machine, but reading waits while `reading_held`: the fold comes no further in the log. */
static _Atomic bool reading_held;
static enum status held_read(struct os *os, struct os_file *file, void *into, size_t size, uint64_t offset, size_t *got,
                             struct fault *fault) {
    (void)os;
    while (atomic_load(&reading_held))
        sleep_ms(1);
    return os_read_at(os_real(), file, into, size, offset, got, fault);
}

#define LATE_BATCHES 3

static void test_lag(void **state) {
    static struct os_operations operations;
    static struct os held = {&operations};
    struct buffer body = {0};
    struct answer answer;
    (void)state;
    operations = *os_real()->operations;
    operations.read_at = held_read;
    bed_open(&bed, &held, NULL, &(struct serve_options){.lag_records_max = 1});
    bed_settle(&bed);
    atomic_store(&reading_held, true);
    for (unsigned batch = 0; batch <= LATE_BATCHES;
         batch++) { /* the first is what the fold is behind with for the others */
        batch_print(&body, "lag", batch, 400, 10);
        ask_post(&bed, "/v1/batch", "", buffer_slice(&body), &answer);
        check_answer("lagging", &answer, batch ? 429 : 200, batch ? "too far behind" : "\"accepted\":400");
        assert_true(batch == 0 || retry_after(&answer) >= 1);
        answer_release(&answer);
    }
    atomic_store(&reading_held, false);
    bed_settle(&bed);
    for (unsigned batch = 0; batch <= LATE_BATCHES; batch++)
        check_batch("lag", batch, batch ? 0 : 400);
    for (unsigned batch = 1; batch <= LATE_BATCHES; batch++) { /* the refused ones again */
        batch_print(&body, "lag", batch, 400, 10);
        expect_writer(&bed, "again", "/v1/batch", buffer_slice(&body), 200, "\"accepted\":400");
        bed_settle(&bed);
        check_batch("lag", batch, 400);
    }
    buffer_release(&body);
    bed_close(&bed);
}

#define RATE 5
#define BURST (2 * RATE)

static void test_rate_limit(void **state) {
    char text[100];
    struct answer answer;
    unsigned taken = 0, refused = 0, wait_s = 0;
    (void)state;
    sim = os_sim_create(9);
    os_sim_set_ms(sim, 1767225600000);
    bed_open(&bed, os_sim_os(sim), NULL, &(struct serve_options){.requests_per_second = RATE});
    for (unsigned i = 0; i < 3 * RATE; i++) {
        int size = snprintf(text, sizeof text, "{\"userId\":\"rate\",\"messageId\":\"rate-%u\",\"event\":\"E\"}", i);
        ask_post(&bed, "/v1/track", "", slice_of(text, (size_t)size), &answer);
        if (answer.code == 200) {
            taken++;
        } else {
            check_answer("past the rate", &answer, 429, "more requests a second than it may");
            wait_s = retry_after(&answer);
            assert_true(wait_s >= 1 && wait_s <= 2);
            assert_true(answer_header(&answer, "X-RateLimit-Reset").size > 0);
            refused++;
        }
        answer_release(&answer);
    }
    assert_int_equal(taken, BURST - bed.good); /* however long all that took: the clock stands still */
    assert_int_equal(refused, 3 * RATE - taken);
    expect_admin(&bed, "others are not limited", "GET", "/v1/sources", NULL, 200, "");
    os_sim_advance_ms(sim, wait_s * 1000);
    expect_writer(&bed, "after waiting", "/v1/track",
                  SLICE("{\"userId\":\"rate\",\"messageId\":\"rate-x\",\"event\":\"E\"}"), 200, "\"accepted\":1");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "rate", "E"), taken + 1);
    bed_close(&bed);
    os_sim_free(sim);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_disk_full_under_an_import),
        cmocka_unit_test(test_lag),
        cmocka_unit_test(test_rate_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
