/* fold_test: what a replay of quarantine comes to when more happened than one refused value: the record came twice, or
 * its device went to somebody else in between. Each message must be in the history once, before and after a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "collect/payload.h"
#include "main/engine.h"
#include "main/fold.h"
#include "os/os_sim.h"

#define NOW_MS INT64_C(1700000000000)
#define DEFINE_NUMBER                                                                                                  \
    "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"price\":\"number\"}}"
#define DEFINE_TEXT "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"price\":\"text\"}}"
#define CHEAP ",\"event\":\"Viewed\",\"type\":\"track\",\"properties\":{\"price\":\"cheap\"}}"

struct flow {
    struct os_sim *sim;
    struct engine_options options;
    struct engine *engine;
};

static void open_flow(struct flow *f) {
    struct fault fault = {0};
    assert_int_equal(engine_open(os_sim_os(f->sim), "data", &f->options, &f->engine, &fault), STATUS_OK);
}

static void put(struct flow *f, enum log_kind kind, const char *json) {
    struct buffer payload = {0};
    struct fault fault = {0};
    struct payload_segment head = {.sent_at_ms = INT64_MIN, .item_bytes = (uint32_t)strlen(json)};
    if (kind == LOG_SEGMENT_ITEM)
        buffer_add(&payload, &head, sizeof head);
    buffer_add(&payload, json, strlen(json));
    struct log_record record = {.received_ms = NOW_MS, .kind = kind, .source = 1, .payload = buffer_slice(&payload)};
    assert_int_equal(log_append(f->engine->log, &record, 1, &fault), STATUS_OK);
    assert_int_equal(engine_step(f->engine, &fault), STATUS_OK);
    buffer_release(&payload);
}

static void begin(struct flow *f) {
    f->sim = os_sim_create(1);
    os_sim_set_ms(f->sim, NOW_MS);
    open_flow(f);
    put(f, LOG_DEFINE, "{\"define\":\"source\",\"name\":\"web\",\"kind\":\"segment\"}");
    put(f, LOG_DEFINE, DEFINE_NUMBER);
}

static void restart(struct flow *f) {
    engine_close(f->engine);
    open_flow(f);
}

static void repair(struct flow *f) {
    put(f, LOG_DEFINE, DEFINE_TEXT);
    put(f, LOG_COMMAND, "{\"command\":\"replay\"}");
    assert_int_equal(quarantine_waiting(f->engine->govern), 0);
}

static void end(struct flow *f) {
    engine_close(f->engine);
    os_sim_free(f->sim);
}

/* Views of all customers, and those of them that say what was cheap. */
static void count_views(struct flow *f, unsigned *views, unsigned *cheap) {
    struct engine *e = f->engine;
    const struct type *type = dictionary_type_find(e->dictionary, TYPE_EVENT, SLICE("Viewed"));
    uint16_t price = dictionary_property_find(e->dictionary, type, SLICE("price"))->number;
    struct identity_counters counters;
    struct arena arena = {0};
    struct record_builder builder = {0};
    struct history_hold hold = history_enter(e->history);
    *views = *cheap = 0;
    identity_counters_read(e->identity, &counters);
    for (uint32_t customer = 1; customer <= counters.created; customer++) {
        struct history_rows rows;
        history_rows(e->history, (struct customer_id){customer}, type->number, &arena, &rows);
        *views += (unsigned)rows.count;
        for (size_t i = 0; i < rows.count; i++)
            *cheap += record_find(history_row(e->history, &rows, i, &builder), price) != NULL;
    }
    history_leave(e->history, hold);
    record_builder_release(&builder);
    arena_release(&arena);
}

static void expect_views(struct flow *f, unsigned views, unsigned cheap) {
    unsigned found, found_cheap;
    for (int again = 0; again < 2; again++) {
        count_views(f, &found, &found_cheap);
        assert_int_equal(found, views);
        assert_int_equal(found_cheap, cheap);
        restart(f);
    }
}

/* The repetition's value was refused too, but nobody has that record: its replay must not bring it in. */
static void a_repetition_stays_one(void **state) {
    struct flow f = {.options = {.seen_fresh_max = 8}};
    (void)state;
    begin(&f);
    put(&f, LOG_SEGMENT_ITEM, "{\"messageId\":\"m1\",\"userId\":\"u1\"" CHEAP);
    put(&f, LOG_SEGMENT_ITEM, "{\"messageId\":\"m1\",\"userId\":\"u1\"" CHEAP);
    expect_views(&f, 1, 0);
    repair(&f);
    expect_views(&f, 1, 1);
    end(&f);
}

/* The browser had one user when its event came, and is shared when the event is repaired. */
static void a_repaired_record_stays_where_it_was(void **state) {
    struct flow f = {.options = {.seen_fresh_max = 8}};
    (void)state;
    begin(&f);
    put(&f, LOG_SEGMENT_ITEM,
        "{\"messageId\":\"a\",\"userId\":\"A\",\"anonymousId\":\"d\",\"type\":\"identify\",\"traits\":{\"x\":1}}");
    put(&f, LOG_SEGMENT_ITEM, "{\"messageId\":\"m\",\"anonymousId\":\"d\"" CHEAP);
    put(&f, LOG_SEGMENT_ITEM,
        "{\"messageId\":\"b\",\"userId\":\"B\",\"anonymousId\":\"d\",\"type\":\"identify\",\"traits\":{\"x\":2}}");
    expect_views(&f, 1, 0);
    repair(&f);
    expect_views(&f, 1, 1);
    end(&f);
}

/* Who had it was merged away since. */
static void a_repaired_record_follows_a_merge(void **state) {
    struct flow f = {.options = {.seen_fresh_max = 8}};
    (void)state;
    begin(&f);
    put(&f, LOG_SEGMENT_ITEM, "{\"messageId\":\"m\",\"anonymousId\":\"d\"" CHEAP);
    for (int i = 0; i < 5; i++)
        put(&f, LOG_SEGMENT_ITEM, "{\"userId\":\"A\",\"type\":\"track\",\"event\":\"Seen\"}");
    put(&f, LOG_SEGMENT_ITEM,
        "{\"messageId\":\"a\",\"userId\":\"A\",\"anonymousId\":\"d\",\"type\":\"identify\",\"traits\":{\"x\":1}}");
    expect_views(&f, 1, 0);
    repair(&f);
    expect_views(&f, 1, 1);
    end(&f);
}

/* A replay behind the checkpoint is folded again after a crash: what it read must not have been retired meanwhile. */
static void a_replay_holds_what_it_read(void **state) {
    struct flow f = {.options = {.seen_fresh_max = 8, .log = {.segment_bytes = 8192, .retention_days = 30}}};
    struct fault fault = {0};
    (void)state;
    begin(&f);
    put(&f, LOG_SEGMENT_ITEM, "{\"messageId\":\"m\",\"userId\":\"u\"" CHEAP);
    for (int i = 0; i < 200; i++)
        put(&f, LOG_SEGMENT_ITEM, "{\"userId\":\"u\",\"type\":\"track\",\"event\":\"Seen\"}");
    assert_int_equal(engine_checkpoint(f.engine, &fault), STATUS_OK);
    struct fold_counters counters;
    engine_counters(f.engine, &counters);
    os_sim_set_ms(f.sim, NOW_MS + 40 * INT64_C(86400000));
    repair(&f);
    assert_int_equal(fold_retire(f.engine->fold, counters.checkpoint_position), 0);
    engine_abandon(f.engine);
    open_flow(&f);
    expect_views(&f, 1, 1);
    assert_true(fold_retire(f.engine->fold, log_durable(f.engine->log)) > 0);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_repetition_stays_one),
        cmocka_unit_test(a_repaired_record_stays_where_it_was),
        cmocka_unit_test(a_repaired_record_follows_a_merge),
        cmocka_unit_test(a_replay_holds_what_it_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
