/* audience_test: audiences in the whole flow: who enters and leaves, when and why; nobody missed, whatever the cause. */
#include "audience_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collect/payload.h"

/* user is in the segment now, since an entry of this cause at this moment. */
static void entered(struct bed *b, const char *segment, const char *user, enum feed_cause cause, int64_t at_ms) {
    struct feed_entry e;
    if (!bed_in(b, segment, user) || !bed_last(b, segment, user, &e))
        fail_msg("%s is not in %s", user, segment);
    assert_int_equal(e.kind, FEED_ENTERED);
    assert_int_equal(e.cause, cause);
    assert_int_equal(e.at_ms, at_ms);
}

static void left(struct bed *b, const char *segment, const char *user, enum feed_cause cause, int64_t at_ms) {
    struct feed_entry e;
    if (bed_in(b, segment, user) || !bed_last(b, segment, user, &e))
        fail_msg("%s is in %s, or never was", user, segment);
    assert_int_equal(e.kind, FEED_LEFT);
    assert_int_equal(e.cause, cause);
    assert_int_equal(e.at_ms, at_ms);
}

static void the_missed_customer(void **state) {
    struct bed b = {0};
    struct feed_entry e;
    (void)state;
    bed_open(&b);
    bed_segment(&b, "core", "sum(order.total) > 49999 and count(order) > 0");
    bed_order(&b, "u1", BED_MS - 400 * DAY_MS, "o1", 40000);
    bed_step(&b);
    assert_false(bed_in(&b, "core", "u1"));
    bed_time(&b, BED_MS + 5000);
    bed_order(&b, "u1", BED_MS + 4000, "o2", 10000);
    bed_step(&b);
    entered(&b, "core", "u1", FEED_RECORD, BED_MS + 5000);
    assert_true(bed_last(&b, "core", "u1", &e));
    assert_int_equal(e.clauses_before, 2);
    assert_int_equal(e.clauses_after, 3);
    assert_int_equal(e.position, log_durable(b.engine->log));
    assert_int_equal(audience_size(b.engine->audience, bed_number(&b, "core")), 1);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

/* Known by past orders before the segment was made: in at once, as the definition's doing. */
static void a_definition_looks_back(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_order(&b, "u1", BED_MS - DAY_MS, "o1", 100);
    bed_order(&b, "u2", BED_MS - DAY_MS, "o2", 10);
    bed_step(&b);
    bed_segment(&b, "big", "max(order.total) >= 50");
    entered(&b, "big", "u1", FEED_DEFINITION, BED_MS);
    assert_false(bed_in(&b, "big", "u2"));
    bed_segment(&b, "big", "max(order.total) < 50");
    left(&b, "big", "u1", FEED_DEFINITION, BED_MS);
    entered(&b, "big", "u2", FEED_DEFINITION, BED_MS);
    bed_define(&b, "{\"define\":\"segment\",\"name\":\"big\",\"deleted\":true}");
    bed_segment(&b, "big", "max(order.total) < 50"); /* its number is the same, and it was empty in between */
    entered(&b, "big", "u2", FEED_DEFINITION, BED_MS);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void out_by_time(void **state) {
    struct bed b = {0};
    int64_t ordered = BED_MS + 12345;
    (void)state;
    bed_open(&b);
    bed_segment(&b, "recent", "count(order, last 30 days) >= 1");
    bed_segment(&b, "sleeping", "none(order, last 30 days)");
    bed_time(&b, BED_MS + 20000);
    bed_order(&b, "u1", ordered, "o1", 10);
    bed_step(&b);
    entered(&b, "recent", "u1", FEED_RECORD, BED_MS + 20000);
    assert_int_equal(audience_due(b.engine->audience), ordered + 30 * DAY_MS);
    bed_time(&b, ordered + 30 * DAY_MS - 1);
    bed_step(&b);
    assert_true(bed_in(&b, "recent", "u1"));
    bed_time(&b, ordered + 30 * DAY_MS);
    bed_step(&b); /* a tick of its own */
    left(&b, "recent", "u1", FEED_TIME, ordered + 30 * DAY_MS);
    entered(&b, "sleeping", "u1", FEED_TIME, ordered + 30 * DAY_MS);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void out_over_a_restart_that_slept(void **state) {
    struct bed b = {0};
    (void)state;
    for (int crash = 0; crash < 2; crash++) {
        b = (struct bed){0};
        bed_open(&b);
        bed_segment(&b, "recent", "count(order, last 30 days) >= 1");
        bed_order(&b, "u1", BED_MS, "o1", 10);
        bed_step(&b);
        bed_restart(&b, crash);
        bed_time(&b, BED_MS + 45 * DAY_MS);
        bed_restart(&b, crash);
        assert_true(bed_in(&b, "recent", "u1"));
        bed_step(&b);
        left(&b, "recent", "u1", FEED_TIME, BED_MS + 30 * DAY_MS);
        bed_check_batch(&b, 0);
        bed_close(&b);
    }
}

static void merges_move(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_traits(&b, "u0", "\"points\":1");
    bed_step(&b);
    bed_segment(&b, "core", "sum(order.total) > 100");
    bed_segment(&b, "poor", "sum(order.total) < 70");
    bed_order(&b, "u1", BED_MS, "o1", 60);
    bed_print(
        &b, LOG_SEGMENT_ITEM,
        "{\"type\":\"track\",\"anonymousId\":\"a1\",\"event\":\"Order Completed\",\"properties\":{\"order_id\":\"o2\","
        "\"total\":60}}");
    bed_step(&b);
    assert_true(bed_in(&b, "poor", "u1"));
    assert_int_equal(audience_size(b.engine->audience, bed_number(&b, "poor")), 3); /* u0, u1 and a1 */
    bed_time(&b, BED_MS + 1000);
    bed_print(&b, LOG_SEGMENT_ITEM,
              "{\"type\":\"identify\",\"anonymousId\":\"a1\",\"userId\":\"u1\",\"traits\":{\"points\":1}}");
    bed_step(&b);
    entered(&b, "core", "u1", FEED_MERGE, BED_MS + 1000);
    left(&b, "poor", "u1", FEED_MERGE, BED_MS + 1000);
    assert_int_equal(audience_size(b.engine->audience, bed_number(&b, "poor")), 1);
    bed_check_batch(&b, 0);
    bed_restart(&b, false);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void relations_are_followed(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_define(&b, "{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"guardian_of\",\"inverse\":\"ward_of\"}");
    bed_traits(&b, "child", "\"points\":5");
    bed_step(&b);
    bed_segment(&b, "parents", "any(guardian_of where points > 10)");
    bed_put(&b, LOG_COMMAND,
            "{\"command\":\"relate\",\"type\":\"guardian_of\",\"from\":\"user_id:parent\",\"to\":\"user_id:child\"}");
    bed_step(&b);
    assert_false(bed_in(&b, "parents", "parent"));
    bed_time(&b, BED_MS + 1000);
    bed_traits(&b, "child", "\"points\":50");
    bed_step(&b);
    entered(&b, "parents", "parent", FEED_RELATED, BED_MS + 1000);
    bed_check_batch(&b, 0);
    bed_time(&b, BED_MS + 2000);
    bed_put(&b, LOG_COMMAND,
            "{\"command\":\"relate\",\"type\":\"guardian_of\",\"from\":\"user_id:parent\",\"to\":\"user_id:child\","
            "\"end\":true}");
    bed_step(&b);
    left(&b, "parents", "parent", FEED_RECORD, BED_MS + 2000);
    assert_int_equal(quarantine_waiting(b.engine->govern), 0);
    bed_segment(&b, "childless", "none(guardian_of)");
    bed_put(&b, LOG_COMMAND, /* refused, but the two ends' customer was made on the way */
            "{\"command\":\"relate\",\"type\":\"guardian_of\",\"from\":\"user_id:odd\",\"to\":\"user_id:odd\"}");
    bed_step(&b);
    assert_int_equal(quarantine_waiting(b.engine->govern), 1);
    entered(&b, "childless", "odd", FEED_RECORD, BED_MS + 2000);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

/* A row of the file "goods": a product and its category. */
static void put_product(struct bed *b, const char *sku, const char *category) {
    static const char header[] = "code\0kind";
    struct payload_row head = {.job = 1,
                               .line = ++b->messages,
                               .row_hash = b->messages,
                               .name_bytes = 5,
                               .header_bytes = sizeof header,
                               .cell_count = 2};
    const char *cells[] = {sku, category};
    struct buffer payload = {0};
    buffer_add(&payload, &head, sizeof head);
    buffer_add(&payload, "goods", 5);
    buffer_add(&payload, header, sizeof header);
    for (int i = 0; i < 2; i++) {
        uint32_t size = (uint32_t)strlen(cells[i]);
        buffer_add(&payload, &size, sizeof size);
        buffer_add(&payload, cells[i], size);
    }
    struct log_record record = {
        .received_ms = b->now_ms, .kind = LOG_ROW, .source = 1, .payload = buffer_slice(&payload)};
    assert_int_equal(log_append(b->engine->log, &record, 1, NULL), STATUS_OK);
    buffer_release(&payload);
}

static void view_product(struct bed *b, const char *user, const char *sku) {
    char properties[80];
    snprintf(properties, sizeof properties, "\"product_id\":\"%s\"", sku);
    bed_track(b, user, b->now_ms, "Product Viewed", properties);
}

/* A product changes its category: all who looked at it follow, a second later; one with a record is answered by the new data
 * before. With a restart in between it is the same. */
static void master_data_is_followed(void **state) {
    struct bed b = {0};
    (void)state;
    for (int restart = 0; restart < 2; restart++) {
        b = (struct bed){0};
        bed_open(&b);
        bed_define(&b,
                   "{\"define\":\"mapping\",\"name\":\"goods\",\"record\":\"master\",\"type\":\"product\",\"columns\":{"
                   "\"code\":\"key\",\"kind\":\"field category\"}}");
        put_product(&b, "p1", "care");
        put_product(&b, "p2", "food");
        view_product(&b, "u1", "p1");
        view_product(&b, "u2", "p2");
        bed_step(&b);
        bed_segment(&b, "eaters", "any(product_viewed where product.category = \"food\")");
        assert_true(!bed_in(&b, "eaters", "u1") && bed_in(&b, "eaters", "u2"));
        bed_time(&b, BED_MS + 5000);
        put_product(&b, "p1", "food");
        put_product(&b, "p2", "care");
        bed_step(&b);
        assert_int_equal(quarantine_waiting(b.engine->govern), 0);
        assert_true(!bed_in(&b, "eaters", "u1") && bed_in(&b, "eaters", "u2"));
        if (restart)
            bed_restart(&b, false);
        bed_time(&b, BED_MS + 5500);
        view_product(&b, "u3", "p1");
        bed_step(&b);
        entered(&b, "eaters", "u3", FEED_RECORD, BED_MS + 5500);
        bed_time(&b, BED_MS + 7000);
        bed_step(&b);
        entered(&b, "eaters", "u1", FEED_MASTER, BED_MS + 6000);
        left(&b, "eaters", "u2", FEED_MASTER, BED_MS + 6000);
        bed_check_batch(&b, 0);
        bed_close(&b);
    }
}

static void scheduled_runs(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_traits(&b, "u1", "\"points\":5");
    bed_step(&b);
    bed_define(&b, "{\"define\":\"segment\",\"name\":\"hourly\",\"kind\":\"scheduled\",\"expression\":\"points > 4\","
                   "\"schedule\":{\"every\":\"1 hour\"}}");
    bed_segment(&b, "both", "in segment \"hourly\" and points > 0");
    entered(&b, "hourly", "u1", FEED_DEFINITION, BED_MS);
    entered(&b, "both", "u1", FEED_DEFINITION, BED_MS);
    bed_time(&b, BED_MS + 60000);
    bed_traits(&b, "u1", "\"points\":3");
    bed_traits(&b, "u2", "\"points\":9");
    bed_step(&b);
    assert_true(bed_in(&b, "hourly", "u1") && !bed_in(&b, "hourly", "u2"));
    assert_true(bed_in(&b, "both", "u1"));
    bed_restart(&b, false);
    bed_time(&b, BED_MS + 2 * HOUR_MS + 5);
    bed_step(&b);
    left(&b, "hourly", "u1", FEED_SCHEDULE, BED_MS + HOUR_MS);
    entered(&b, "hourly", "u2", FEED_SCHEDULE, BED_MS + HOUR_MS);
    left(&b, "both", "u1", FEED_SCHEDULE, BED_MS + HOUR_MS);
    entered(&b, "both", "u2", FEED_SCHEDULE, BED_MS + HOUR_MS);
    bed_traits(&b, "u2", "\"points\":1");
    bed_put(&b, LOG_COMMAND, "{\"command\":\"refresh\",\"segment\":\"hourly\"}");
    bed_step(&b);
    left(&b, "hourly", "u2", FEED_SCHEDULE, b.now_ms);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void tags_and_uploads(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_traits(&b, "u1", "\"points\":5");
    bed_traits(&b, "u2", "\"points\":5");
    bed_step(&b);
    bed_define(&b, "{\"define\":\"tag\",\"name\":\"taste\",\"kind\":\"manual\",\"type\":\"text\"}");
    bed_define(&b, "{\"define\":\"segment\",\"name\":\"list\",\"kind\":\"upload\"}");
    bed_segment(&b, "sweet", "tag(\"taste\") = \"sweet\" and in segment \"list\"");
    bed_put(&b, LOG_COMMAND, "{\"command\":\"tag\",\"customer\":\"user_id:u1\",\"tag\":\"taste\",\"value\":\"sweet\"}");
    bed_put(&b, LOG_COMMAND, "{\"command\":\"members\",\"segment\":\"list\",\"add\":[\"user_id:u1\",\"user_id:u2\"]}");
    bed_step(&b);
    entered(&b, "list", "u2", FEED_UPLOAD, BED_MS);
    entered(&b, "sweet", "u1", FEED_RECORD, BED_MS);
    assert_int_equal(quarantine_waiting(b.engine->govern), 0);
    bed_put(&b, LOG_COMMAND,
            "{\"command\":\"members\",\"segment\":\"list\",\"add\":[\"user_id:none\"],\"remove\":[\"user_id:u1\"]}");
    bed_step(&b);
    left(&b, "list", "u1", FEED_UPLOAD, BED_MS);
    left(&b, "sweet", "u1", FEED_RECORD, BED_MS);
    assert_int_equal(quarantine_waiting(b.engine->govern), 1);
    bed_put(&b, LOG_COMMAND, "{\"command\":\"tag\",\"customer\":\"user_id:u1\",\"tag\":\"taste\",\"value\":7}");
    bed_put(&b, LOG_COMMAND, "{\"command\":\"tag\",\"customer\":\"user_id:u1\",\"tag\":\"smell\",\"value\":7}");
    bed_put(&b, LOG_COMMAND, "{\"command\":\"nonsense\"}");
    bed_put(&b, LOG_DEFINE, "{\"define\":\"segment\",\"name\":\"x\",\"expression\":\"ponits > 1\"}");
    bed_step(&b);
    assert_int_equal(quarantine_waiting(b.engine->govern), 5);
    bed_check_batch(&b, 0);
    bed_restart(&b, true);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void the_door_refuses(void **state) {
    struct bed b = {0};
    struct fault fault = {0};
    (void)state;
    bed_open(&b);
    bed_traits(&b, "u1", "\"points\":5");
    bed_step(&b);
    bed_segment(&b, "a", "points > 1");
    bed_segment(&b, "b", "in segment \"a\"");
    uint64_t durable = log_durable(b.engine->log);
    assert_int_equal(
        engine_define(b.engine,
                      SLICE("{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"in segment \\\"b\\\"\"}"), &fault),
        STATUS_CONFLICT);
    assert_int_equal(engine_define(b.engine, SLICE("{\"define\":\"segment\",\"name\":\"a\",\"deleted\":true}"), &fault),
                     STATUS_CONFLICT);
    assert_non_null(strstr(fault.text, "\"b\""));
    assert_int_equal(
        engine_define(b.engine, SLICE("{\"define\":\"segment\",\"name\":\"c\",\"expression\":\"points >\"}"), &fault),
        STATUS_INVALID);
    assert_int_equal(log_durable(b.engine->log), durable);
    bed_close(&b);
}

/* What was a number becomes text: who was in by it leaves, told as the definition's doing; nothing falls over, then or after a restart. */
static void a_property_changes_its_type(void **state) {
    struct bed b = {0};
    struct fault fault = {0};
    (void)state;
    bed_open(&b);
    bed_define(&b,
               "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"price\":\"number\"}}");
    bed_track(&b, "u1", BED_MS, "Viewed", "\"price\":7");
    bed_traits(&b, "u2", "\"nick\":\"x\"");
    bed_step(&b);
    bed_segment(&b, "sum", "sum(viewed.price) > 5");
    bed_segment(&b, "any",
                "any(viewed where price > 5 and price + 1 < 100) or max(viewed.price, last 3 days) between 1 and 9");
    bed_segment(&b, "named", "nick = \"x\"");
    entered(&b, "sum", "u1", FEED_DEFINITION, BED_MS);
    bed_define(&b, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"price\":\"text\"}}");
    left(&b, "sum", "u1", FEED_DEFINITION, BED_MS);
    left(&b, "any", "u1", FEED_DEFINITION, BED_MS);
    entered(&b, "named", "u2", FEED_DEFINITION, BED_MS);
    bed_check_batch(&b, 0);
    bed_track(&b, "u1", BED_MS, "Viewed", "\"price\":\"cheap\"");
    bed_step(&b);
    assert_int_equal(engine_compact(b.engine, &fault), STATUS_OK);
    bed_check_batch(&b, 0);
    bed_restart(&b, false);
    bed_track(&b, "u1", BED_MS, "Viewed", "\"price\":\"8\"");
    bed_step(&b);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

/* New customers: what their first record does not touch is said of an empty history. */
static void new_customers(void **state) {
    struct bed b = {0};
    (void)state;
    bed_open(&b);
    bed_traits(&b, "u0", "\"points\":5");
    bed_step(&b);
    bed_segment(&b, "without", "none(order)");
    bed_segment(&b, "someday", "none(order, last 30 days) and today >= 2026-01-02");
    bed_segment(&b, "nobody", "points > 100");
    bed_traits(&b, "u1", "\"nick\":\"x\"");
    bed_step(&b);
    entered(&b, "without", "u1", FEED_RECORD, BED_MS);
    assert_false(bed_in(&b, "someday", "u1"));
    bed_check_batch(&b, 0);
    bed_time(&b, BED_MS + DAY_MS);
    bed_step(&b);
    entered(&b, "someday", "u1", FEED_TIME, BED_MS + DAY_MS);
    entered(&b, "someday", "u0", FEED_TIME, BED_MS + DAY_MS);
    bed_traits(&b, "u2", "\"nick\":\"x\"");
    bed_step(&b);
    entered(&b, "someday", "u2", FEED_RECORD, BED_MS + DAY_MS);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

/* More of a span are due at once than are looked at one by one. */
static void midnight(void **state) {
    struct bed b = {0};
    struct audience_counters counters;
    (void)state;
    bed_open(&b);
    for (int i = 0; i < 300; i++) {
        char user[16], order[16];
        snprintf(user, sizeof user, "u%d", i);
        snprintf(order, sizeof order, "o%d", i);
        bed_order(&b, user, BED_MS + i * 60000, order, i);
    }
    bed_time(&b, BED_MS + 10 * HOUR_MS);
    bed_step(&b);
    bed_segment(&b, "today", "count(order, today) > 0 and max(order.total) > 9");
    assert_int_equal(audience_size(b.engine->audience, bed_number(&b, "today")), 290);
    audience_counters_read(b.engine->audience, &counters);
    uint64_t passes = counters.span_passes;
    bed_time(&b, BED_MS + DAY_MS + 1);
    bed_step(&b);
    assert_int_equal(audience_size(b.engine->audience, bed_number(&b, "today")), 0);
    left(&b, "today", "u10", FEED_TIME, BED_MS + DAY_MS);
    struct feed_entry e;
    assert_true(bed_last(&b, "today", "u10", &e));
    assert_int_equal(e.clauses_before, 3);
    assert_int_equal(e.clauses_after, 2);
    audience_counters_read(b.engine->audience, &counters);
    assert_true(counters.span_passes > passes);
    bed_check_batch(&b, 0);
    bed_close(&b);
}

static void events_for_subscribers(void **state) {
    struct bed b = {0};
    struct feed_entry e;
    (void)state;
    bed_open(&b);
    bed_define(&b, "{\"define\":\"subscription\",\"name\":\"crm\",\"events\":[\"Order Completed\"]}");
    bed_order(&b, "u1", BED_MS, "o1", 1);
    bed_track(&b, "u1", BED_MS, "Product Viewed", "");
    bed_step(&b);
    assert_int_equal(feed_read(audience_feed(b.engine->audience), (struct feed_place){0}, &e, 1), 1);
    assert_int_equal(e.kind, FEED_EVENT);
    const struct type *type = dictionary_type_find(b.engine->dictionary, TYPE_EVENT, SLICE("Order Completed"));
    assert_int_equal(e.subject, type->number);
    assert_int_equal(feed_read(audience_feed(b.engine->audience), (struct feed_place){e.position, e.order}, &e, 1), 0);
    bed_close(&b);
}

static void sizes_over_time(void **state) {
    struct bed b = {0};
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    (void)state;
    bed_open(&b);
    bed_segment(&b, "recent", "count(order, last 2 days) > 0");
    for (int day = 0; day < 4; day++) {
        char user[8], order[8];
        snprintf(user, sizeof user, "u%d", day);
        snprintf(order, sizeof order, "o%d", day);
        bed_time(&b, BED_MS + day * DAY_MS + 1000);
        bed_order(&b, user, b.now_ms, order, 1);
        bed_step(&b);
    }
    audience_sizes_json(b.engine->audience, bed_number(&b, "recent"), BED_MS, DAY_MS, 4, &w);
    buffer_add_char(&out, 0);
    assert_string_equal(out.data, "[{\"at\":\"2026-01-02T00:00:00.000Z\",\"size\":1,\"entered\":1,\"left\":0},"
                                  "{\"at\":\"2026-01-03T00:00:00.000Z\",\"size\":2,\"entered\":1,\"left\":0},"
                                  "{\"at\":\"2026-01-04T00:00:00.000Z\",\"size\":2,\"entered\":1,\"left\":1},"
                                  "{\"at\":\"2026-01-05T00:00:00.000Z\",\"size\":2,\"entered\":1,\"left\":1}]");
    buffer_release(&out);
    bed_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_missed_customer),
        cmocka_unit_test(a_definition_looks_back),
        cmocka_unit_test(out_by_time),
        cmocka_unit_test(out_over_a_restart_that_slept),
        cmocka_unit_test(merges_move),
        cmocka_unit_test(relations_are_followed),
        cmocka_unit_test(scheduled_runs),
        cmocka_unit_test(tags_and_uploads),
        cmocka_unit_test(the_door_refuses),
        cmocka_unit_test(master_data_is_followed),
        cmocka_unit_test(a_property_changes_its_type),
        cmocka_unit_test(new_customers),
        cmocka_unit_test(midnight),
        cmocka_unit_test(events_for_subscribers),
        cmocka_unit_test(sizes_over_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
