/* audience_bed: see the header. */
#include "audience_bed_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"
#include "collect/payload.h"

#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        struct fault fault = {0};                                                                                      \
        enum status status_ = (call);                                                                                  \
        if (status_)                                                                                                   \
            fail_msg("%s: %s: %s", #call, status_name(status_), fault.text);                                           \
    } while (0)

static void open_engine(struct bed *bed) {
    MUST(engine_open(os_sim_os(bed->sim), "data", &bed->options, &bed->engine, &fault));
}

void bed_open(struct bed *bed) {
    bed->sim = os_sim_create(1);
    if (!bed->options.log.segment_bytes) /* opening looks at the whole of a segment */
        bed->options.log.segment_bytes = 256 << 10;
    if (!bed->options.seen_fresh_max)
        bed->options.seen_fresh_max = 64;
    bed_time(bed, BED_MS);
    open_engine(bed);
    bed_define(bed, "{\"define\":\"source\",\"name\":\"web\",\"kind\":\"segment\"}");
}

void bed_close(struct bed *bed) {
    engine_close(bed->engine);
    os_sim_free(bed->sim);
}

void bed_restart(struct bed *bed, bool crash) {
    if (crash)
        engine_abandon(bed->engine);
    else
        engine_close(bed->engine);
    os_sim_restart(bed->sim);
    open_engine(bed);
}

void bed_time(struct bed *bed, int64_t now_ms) {
    bed->now_ms = now_ms;
    os_sim_set_ms(bed->sim, now_ms);
}

void bed_step(struct bed *bed) { MUST(engine_step(bed->engine, &fault)); }

void bed_put(struct bed *bed, enum log_kind kind, const char *json) {
    struct buffer payload = {0};
    struct payload_segment head = {.sent_at_ms = INT64_MIN, .item_bytes = (uint32_t)strlen(json)};
    if (kind == LOG_SEGMENT_ITEM)
        buffer_add(&payload, &head, sizeof head);
    buffer_add(&payload, json, strlen(json));
    struct log_record record = {.received_ms = bed->now_ms,
                                .kind = kind,
                                .source = kind == LOG_SEGMENT_ITEM,
                                .payload = buffer_slice(&payload)};
    MUST(log_append(bed->engine->log, &record, 1, &fault));
    buffer_release(&payload);
}

void bed_print(struct bed *bed, enum log_kind kind, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(size > 0 && (size_t)size < sizeof text);
    bed_put(bed, kind, text);
}

void bed_define(struct bed *bed, const char *json) { MUST(engine_define(bed->engine, slice_text(json), &fault)); }

void bed_segment(struct bed *bed, const char *name, const char *expression) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_object(&w);
    json_member_cstring(&w, "define", "segment");
    json_member_cstring(&w, "name", name);
    json_member_cstring(&w, "expression", expression);
    json_end_object(&w);
    buffer_add_char(&text, 0);
    bed_define(bed, text.data);
    buffer_release(&text);
}

void bed_track(struct bed *bed, const char *user, int64_t time_ms, const char *event, const char *properties) {
    char time[TIME_TEXT_BYTES];
    time[time_format(time_ms, time)] = 0;
    bed_print(bed, LOG_SEGMENT_ITEM,
              "{\"type\":\"track\",\"messageId\":\"m%u\",\"userId\":\"%s\",\"timestamp\":\"%s\",\"event\":\"%s\","
              "\"properties\":{%s}}",
              ++bed->messages, user, time, event, properties);
}

void bed_order(struct bed *bed, const char *user, int64_t time_ms, const char *order, double total) {
    char properties[200];
    snprintf(properties, sizeof properties, "\"order_id\":\"%s\",\"total\":%.2f", order, total);
    bed_track(bed, user, time_ms, "Order Completed", properties);
}

void bed_traits(struct bed *bed, const char *user, const char *traits) {
    bed_print(bed, LOG_SEGMENT_ITEM, "{\"type\":\"identify\",\"messageId\":\"m%u\",\"userId\":\"%s\",\"traits\":{%s}}",
              ++bed->messages, user, traits);
}

/* --- what came of it --- */

struct customer_id bed_customer(struct bed *bed, const char *user) {
    const struct namespace *ns = dictionary_namespace_find(bed->engine->dictionary, SLICE("user_id"));
    struct identifier_id id = identity_find(bed->engine->identity, ns->number, slice_text(user));
    return id.number ? identity_customer(bed->engine->identity, id) : (struct customer_id){0};
}

uint32_t bed_number(struct bed *bed, const char *segment) {
    struct audience_snapshot *snapshot = audience_snapshot(bed->engine->audience);
    struct audience_entry entry;
    if (!audience_find(snapshot, DEFINITION_SEGMENT, slice_text(segment), &entry))
        fail_msg("there is no segment %s", segment);
    audience_snapshot_release(snapshot);
    return entry.number;
}

bool bed_in(struct bed *bed, const char *segment, const char *user) {
    struct customer_id customer = bed_customer(bed, user);
    return customer.number && audience_member(bed->engine->audience, bed_number(bed, segment), customer);
}

bool bed_last(struct bed *bed, const char *segment, const char *user, struct feed_entry *entry) {
    return feed_search(audience_feed(bed->engine->audience), bed_customer(bed, user).number, bed_number(bed, segment),
                       SIZE_MAX, entry, 1) == 1;
}

static void print_entry(const struct feed_entry *e, bool places, struct buffer *out) {
    if (places)
        buffer_print(out, "%llu-%u ", (unsigned long long)e->position, e->order);
    buffer_print(out, "at %lld customer %u subject %u kind %u cause %u clauses %llx %llx\n", (long long)e->at_ms,
                 e->customer, e->subject, e->kind, e->cause, (unsigned long long)e->clauses_before,
                 (unsigned long long)e->clauses_after);
}

void bed_feed(struct bed *bed, bool places, struct buffer *out) {
    struct feed *feed = audience_feed(bed->engine->audience);
    struct feed_entry page[64];
    struct feed_place at = {0};
    size_t found;
    while ((found = feed_read(feed, at, page, 64)) > 0) {
        for (size_t i = 0; i < found; i++)
            print_entry(&page[i], places, out);
        at = (struct feed_place){page[found - 1].position, page[found - 1].order};
    }
}

static uint32_t customers(struct bed *bed) {
    struct identity_counters counters;
    identity_counters_read(bed->engine->identity, &counters);
    return (uint32_t)counters.created;
}

void bed_members(struct bed *bed, struct buffer *out) {
    struct audience *a = bed->engine->audience;
    struct audience_snapshot *snapshot = audience_snapshot(a);
    for (uint32_t c = 1; c <= customers(bed); c++)
        for (uint32_t n = 1; n < 100; n++) {
            struct audience_entry entry;
            if (audience_find_number(snapshot, n, &entry) && audience_member(a, n, (struct customer_id){c}))
                buffer_print(out, "%u in %.*s\n", c, SLICE_ARG(entry.name));
        }
    audience_snapshot_release(snapshot);
}

static void check_segment(struct bed *bed, const struct audience_snapshot *snapshot, const struct audience_entry *entry,
                          uint64_t seed) {
    struct engine *e = bed->engine;
    struct plan_answer answer;
    struct outside outside;
    struct plan *plan;
    int64_t now_ms = audience_now(e->audience);
    uint64_t size = 0;
    audience_outside(e->audience, &outside);
    MUST(plan_create(audience_vocabulary(snapshot), &entry->tree, 1, &plan, &fault));
    MUST(plan_run(plan, 0, &outside, now_ms, 1, NULL, &answer));
    for (uint32_t c = 1; c <= customers(bed); c++) {
        uint32_t span = c / SPAN_CUSTOMERS, place = c % SPAN_CUSTOMERS;
        bool batch = span < answer.span_count && answer.bits[span][place / 64] >> place % 64 & 1;
        bool live = audience_member(e->audience, entry->number, (struct customer_id){c});
        size += live;
        if (batch != live)
            fail_msg("seed %llu: customer %u is %sin %.*s (%.*s) live, %sin batch, at %lld", (unsigned long long)seed,
                     c, live ? "" : "not ", SLICE_ARG(entry->name), SLICE_ARG(entry->expression), batch ? "" : "not ",
                     (long long)now_ms);
    }
    assert_int_equal(size, audience_size(e->audience, entry->number));
    plan_answer_release(&answer);
    plan_free(plan);
}

void bed_check_batch(struct bed *bed, uint64_t seed) {
    struct audience_snapshot *snapshot = audience_snapshot(bed->engine->audience);
    for (uint32_t n = 1; n < 100; n++) {
        struct audience_entry entry;
        if (audience_find_number(snapshot, n, &entry) && entry.kind == DEFINITION_SEGMENT && entry.tree &&
            (slice_is(entry.how, "live") || slice_is(entry.how, "upload")))
            check_segment(bed, snapshot, &entry, seed);
    }
    for (uint32_t c = 1; c <= customers(bed); c++) {
        uint64_t bits;
        identity_population(bed->engine->identity, c & ~UINT32_C(63), 1, &bits);
        if (audience_member(bed->engine->audience, 0, (struct customer_id){c}) != (bits >> c % 64 & 1))
            fail_msg("seed %llu: customer %u: population", (unsigned long long)seed, c);
    }
    audience_snapshot_release(snapshot);
}
