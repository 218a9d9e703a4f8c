/* evaluate_test: five records of two persons, put under customers by hand so that every figure can be counted on fingers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collect/payload.h"
#include "main/evaluate.h"
#include "os/os_sim.h"

static void send_call(struct engine *e, const char *message, const char *user) {
    struct buffer payload = {0};
    char item[200];
    int bytes =
        snprintf(item, sizeof item, "{\"type\":\"track\",\"event\":\"Seen\",\"messageId\":\"%s\",\"userId\":\"%s\"}",
                 message, user);
    struct payload_segment head = {INT64_MIN, 0, (uint32_t)bytes};
    buffer_add(&payload, &head, sizeof head);
    buffer_add(&payload, item, (size_t)bytes);
    struct log_record record = {
        .kind = LOG_SEGMENT_ITEM, .received_ms = 1772359200000, .payload = buffer_slice(&payload)};
    assert_int_equal(log_append(e->log, &record, 1, NULL), STATUS_OK);
    assert_int_equal(engine_step(e, NULL), STATUS_OK);
    buffer_release(&payload);
}

static struct identity_quality measured(const char *truth) {
    struct os_sim *sim = os_sim_create(1);
    struct engine_options options = {.threads = false};
    struct identity_quality quality;
    struct engine *e;
    struct fault fault = {0};
    if (engine_open(os_sim_os(sim), "/data", &options, &e, &fault))
        fail_msg("%s", fault.text);
    send_call(e, "m1", "u1");
    send_call(e, "m2", "u1");
    send_call(e, "m3", "u2");
    send_call(e, "m4", "u1");
    send_call(e, "m2", "u1"); /* a repeat is no record more */
    assert_int_equal(os_write_file(os_sim_os(sim), "/truth.csv", slice_text(truth), NULL), STATUS_OK);
    if (evaluate_identity(e, "/truth.csv", &quality, &fault))
        fail_msg("%s", fault.text);
    engine_close(e);
    os_sim_free(sim);
    return quality;
}

/* Customers {m1, m2, m4} and {m3}; persons A {m1, m2, m3} and B {m4, m5}; m5 never arrived. */
static void every_figure_as_counted_by_hand(void **state) {
    struct identity_quality q =
        measured("channel,record_id,person_id\nweb,m1,A\nweb,m2,A\nweb,m3,A\nweb,m4,B\nweb,m5,B\n");
    (void)state;
    assert_int_equal(q.records, 5);
    assert_int_equal(q.covered, 4);
    assert_int_equal(q.persons, 2);
    assert_int_equal(q.customers, 2);
    assert_int_equal(q.exact_persons, 0);
    assert_float_equal(q.precision, 1.0 / 3, 1e-12); /* of three pairs together, m1-m2 is right */
    assert_float_equal(q.recall, 1.0 / 4, 1e-12);    /* of A's three pairs and B's one */
    assert_float_equal(q.coverage, 4.0 / 5, 1e-12);
}

static void all_right_is_one(void **state) {
    struct identity_quality q = measured("channel,record_id,person_id\nweb,m1,A\nweb,m2,A\nweb,m3,C\nweb,m4,A\n");
    (void)state;
    assert_int_equal(q.exact_persons, 2);
    assert_float_equal(q.precision, 1, 0);
    assert_float_equal(q.recall, 1, 0);
    assert_float_equal(q.coverage, 1, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_figure_as_counted_by_hand),
                                       cmocka_unit_test(all_right_is_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
