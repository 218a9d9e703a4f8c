/* ticks_test: an engine with its threads and the machine's clock: an exit that time alone causes comes on time, also when nothing else
 * happens, and right after a restart that slept over it. */
#include "audience_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "await.h"
#include "collect/payload.h"

static struct engine *open_engine(const char *folder) {
    struct fault fault = {0};
    struct engine_options options = {.threads = true, .log.retention_days = 30};
    struct engine *engine;
    if (engine_open(os_real(), folder, &options, &engine, &fault))
        fail_msg("%s", fault.text);
    return engine;
}

static void define(struct engine *e, const char *json) {
    struct fault fault = {0};
    if (engine_define(e, slice_text(json), &fault))
        fail_msg("%s", fault.text);
}

static void order_now(struct engine *e, const char *order) {
    char item[200];
    int size = snprintf(item, sizeof item,
                        "{\"type\":\"track\",\"userId\":\"u1\",\"event\":\"Order Completed\",\"properties\":{"
                        "\"order_id\":\"%s\",\"total\":5}}",
                        order);
    struct buffer payload = {0};
    struct fault fault = {0};
    struct payload_segment head = {.sent_at_ms = INT64_MIN, .item_bytes = (uint32_t)size};
    buffer_add(&payload, &head, sizeof head);
    buffer_add(&payload, item, (size_t)size);
    struct log_record record = {
        .received_ms = os_now_ms(e->os), .kind = LOG_SEGMENT_ITEM, .source = 1, .payload = buffer_slice(&payload)};
    assert_int_equal(log_append(e->log, &record, 1, &fault), STATUS_OK);
    assert_true(engine_settle(e, AWAIT_MS));
    buffer_release(&payload);
}

/* The next entry behind `at`, waited for. */
static struct feed_entry next_entry(struct engine *e, struct feed_place *at) {
    struct feed *feed = audience_feed(e->audience);
    struct feed_entry entry;
    if (!feed_read(feed, *at, &entry, 1)) {
        assert_true(feed_wait(feed, *at, AWAIT_MS));
        assert_int_equal(feed_read(feed, *at, &entry, 1), 1);
    }
    *at = (struct feed_place){entry.position, entry.order};
    return entry;
}

static void on_time(void **state) {
    char folder[] = "/tmp/onefold-ticks-XXXXXX", command[80];
    struct feed_place at = {0};
    (void)state;
    assert_non_null(mkdtemp(folder));
    struct engine *e = open_engine(folder);
    define(e, "{\"define\":\"source\",\"name\":\"web\",\"kind\":\"segment\"}");
    define(e, "{\"define\":\"segment\",\"name\":\"fresh\",\"expression\":\"count(order, last 1 second) > 0\"}");
    order_now(e, "o1");
    struct feed_entry in = next_entry(e, &at), out = next_entry(e, &at);
    int64_t late = os_now_ms(e->os) - out.at_ms;
    assert_int_equal(in.kind, FEED_ENTERED);
    assert_int_equal(out.kind, FEED_LEFT);
    assert_int_equal(out.cause, FEED_TIME);
    if (late < 0 || late > NOT_LATE_MS)
        fail_msg("%lld ms late", (long long)late);
    order_now(e, "o2");
    engine_close(e);
    usleep(1200000);
    e = open_engine(folder);
    int64_t opened = os_now_ms(e->os);
    in = next_entry(e, &at);
    out = next_entry(e, &at);
    assert_int_equal(in.kind, FEED_ENTERED);
    assert_int_equal(out.kind, FEED_LEFT);
    assert_true(out.at_ms < opened);
    if (os_now_ms(e->os) - opened > NOT_LATE_MS)
        fail_msg("%lld ms after the restart", (long long)(os_now_ms(e->os) - opened));
    engine_close(e);
    snprintf(command, sizeof command, "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(on_time)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
