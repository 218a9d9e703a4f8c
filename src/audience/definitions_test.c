/* definitions_test: definitions read, refused, versioned, deleted; circles; what changes with what is used; saved and read back. */
#include "audience/definitions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/time.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

struct stage {
    struct definition_parts parts;
    struct dictionary *dictionary;
    struct audience_snapshot *now;
    struct json_parser *p;
    struct fault fault;
    uint64_t position;
    uint32_t again; /* made anew by the last definition */
};

static void attribute(struct stage *s, const char *name, enum property_type type) {
    struct property *property;
    struct type *customer = (struct type *)dictionary_type_at(s->dictionary, DICTIONARY_CUSTOMER);
    MUST(dictionary_property(s->dictionary, customer, slice_text(name), type, &property, NULL));
}

static void open_stage(struct stage *s) {
    *s = (struct stage){.dictionary = dictionary_create(), .p = json_parser_create()};
    s->parts = (struct definition_parts){os_real(), s->dictionary, NULL};
    attribute(s, "points", PROPERTY_NUMBER);
    attribute(s, "nick", PROPERTY_TEXT);
    s->now = snapshot_first(&s->parts);
}

static void close_stage(struct stage *s) {
    audience_snapshot_release(s->now);
    json_parser_free(s->p);
    dictionary_free(s->dictionary);
}

static enum status define(struct stage *s, const char *json) {
    const struct json *root;
    struct definition_change change;
    s->fault = (struct fault){0};
    MUST(json_parse(s->p, slice_text(json), false, &root, &s->fault));
    enum status status = definition_apply(&s->parts, s->now, s->p, root, true, ++s->position, 1000, &change, &s->fault);
    s->again = 0;
    if (!status && change.snapshot) {
        audience_snapshot_release(s->now);
        s->now = change.snapshot;
        s->again = change.again_count;
        free(change.again);
    }
    return status;
}

static void refused(struct stage *s, const char *json, enum status status, const char *part) {
    struct audience_snapshot *before = s->now;
    enum status found = define(s, json);
    if (found != status || !strstr(s->fault.text, part))
        fail_msg("%s\n  gave %s: %s\n  expected %s with: %s", json, status_name(found), s->fault.text,
                 status_name(status), part);
    assert_ptr_equal(before, s->now);
}

static struct audience_entry entry(struct stage *s, enum definition_kind kind, const char *name) {
    struct audience_entry e = {0};
    const struct made *made = definition_find(s->now, (enum definition_sort)kind, slice_text(name));
    assert_non_null(made);
    definition_entry(made, &e);
    return e;
}

static void versions_and_numbers(void **state) {
    struct stage s;
    (void)state;
    open_stage(&s);
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"rich\",\"expression\":\"points>100\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"poor\",\"expression\":\"points < 5\"}"));
    struct audience_entry rich = entry(&s, DEFINITION_SEGMENT, "rich");
    assert_int_equal(rich.number, 1);
    assert_int_equal(rich.version, 1);
    assert_int_equal(rich.position, 1);
    assert_true(slice_is(rich.expression, "points > 100"));
    assert_true(slice_is(rich.how, "live"));
    assert_int_equal(rich.type, TERM_BOOL);
    uint64_t position = s.position;
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"rich\",\"expression\":\"points > 100\"}")); /* the same again */
    assert_int_equal(entry(&s, DEFINITION_SEGMENT, "rich").version, 1);
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"rich\",\"expression\":\"points > 200\"}"));
    assert_int_equal(entry(&s, DEFINITION_SEGMENT, "rich").version, 2);
    assert_int_equal(entry(&s, DEFINITION_SEGMENT, "rich").position, position + 2);
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"rich\",\"deleted\":true}"));
    assert_null(definition_find(s.now, SORT_SEGMENT, SLICE("rich")));
    MUST(define(&s, "{\"define\":\"tag\",\"name\":\"rich\",\"type\":\"number\",\"kind\":\"manual\"}"));
    assert_int_equal(entry(&s, DEFINITION_TAG, "rich").number, 3);
    assert_true(entry(&s, DEFINITION_TAG, "rich").attribute > 0);
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"rich\",\"expression\":\"tag(\\\"rich\\\") > 1\"}"));
    assert_int_equal(entry(&s, DEFINITION_SEGMENT, "rich").number, 1);
    assert_int_equal(entry(&s, DEFINITION_SEGMENT, "rich").version, 4);
    close_stage(&s);
}

static void users_and_circles(void **state) {
    struct stage s;
    (void)state;
    open_stage(&s);
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"points > 1\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"b\",\"expression\":\"in segment \\\"a\\\" and points < 9\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"c\",\"expression\":\"not in segment \\\"b\\\"\"}"));
    MUST(define(&s, "{\"define\":\"tag\",\"name\":\"level\",\"expression\":\"if(in segment \\\"a\\\", 2, 1)\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"d\",\"expression\":\"tag(\\\"level\\\") > 1\"}"));
    refused(&s, "{\"define\":\"segment\",\"name\":\"b\",\"deleted\":true}", STATUS_CONFLICT, "used by segment \"c\"");
    refused(&s, "{\"define\":\"tag\",\"name\":\"level\",\"deleted\":true}", STATUS_CONFLICT, "used by segment \"d\"");
    refused(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"in segment \\\"c\\\"\"}", STATUS_CONFLICT,
            "\"c\"");
    refused(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"in segment \\\"a\\\"\"}", STATUS_CONFLICT,
            "\"a\"");
    refused(&s, "{\"define\":\"tag\",\"name\":\"level\",\"type\":\"text\",\"expression\":\"nick\"}", STATUS_CONFLICT,
            "segment \"d\" uses it");
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"points > 2\"}"));
    assert_int_equal(s.again, 4);
    const struct node *b = entry(&s, DEFINITION_SEGMENT, "b").tree;
    assert_ptr_equal(b->first->definition, entry(&s, DEFINITION_SEGMENT, "a").tree);
    MUST(define(&s,
                "{\"define\":\"segment\",\"name\":\"e\",\"kind\":\"scheduled\",\"expression\":\"in segment \\\"c\\\"\","
                "\"schedule\":{\"every\":\"1 hour\"}}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"f\",\"expression\":\"in segment \\\"e\\\"\"}"));
    assert_null(entry(&s, DEFINITION_SEGMENT, "f").tree->definition);
    refused(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"in segment \\\"f\\\"\"}", STATUS_CONFLICT,
            "\"e\"");
    close_stage(&s);
}

static void wrong_ones(void **state) {
    static const struct {
        const char *json;
        enum status status;
        const char *part;
    } wrong[] = {
        {"{\"define\":\"thing\"}", STATUS_INVALID, "expected segment, tag"},
        {"{\"define\":\"segment\",\"expression\":\"points > 1\"}", STATUS_INVALID, "\"name\" is missing"},
        {"{\"define\":\"segment\",\"name\":\"a`b\",\"expression\":\"points > 1\"}", STATUS_INVALID, "`"},
        {"{\"define\":\"segment\",\"name\":\"x\"}", STATUS_INVALID, "\"expression\" is missing"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"expression\":\"ponits > 1\"}", STATUS_INVALID, "points"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"expression\":\"points + 1\"}", STATUS_INVALID, "condition"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"kind\":\"rule\",\"expression\":\"points > 1\"}", STATUS_INVALID,
         "live, scheduled"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"kind\":\"upload\",\"expression\":\"points > 1\"}", STATUS_INVALID,
         "has no"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"kind\":\"scheduled\",\"expression\":\"points > 1\"}", STATUS_INVALID,
         "\"schedule\""},
        {"{\"define\":\"segment\",\"name\":\"x\",\"kind\":\"scheduled\",\"expression\":\"points > "
         "1\",\"schedule\":{\"every\":\"1 "
         "day\",\"at\":\"25:00\"}}",
         STATUS_INVALID, "\"schedule\""},
        {"{\"define\":\"tag\",\"name\":\"x\",\"kind\":\"manual\"}", STATUS_INVALID, "\"type\" of a tag"},
        {"{\"define\":\"tag\",\"name\":\"x\",\"type\":\"bool\",\"expression\":\"points + 1\"}", STATUS_INVALID,
         "gives a number"},
        {"{\"define\":\"segment\",\"name\":\"x\",\"deleted\":true}", STATUS_NOT_FOUND, "no segment"},
        {"{\"define\":\"workspace\",\"time_zone\":\"Mars/Olympus\"}", STATUS_INVALID, ""},
        {"{\"define\":\"workspace\",\"week_start\":8}", STATUS_INVALID, "week_start"},
        {"{\"define\":\"subscription\",\"name\":\"x\"}", STATUS_INVALID, "names"},
        {"{\"define\":\"subscription\",\"name\":\"x\",\"segments\":[\"none\"]}", STATUS_INVALID, "none"},
        {"{\"define\":\"subscription\",\"name\":\"x\",\"segments\":\"all\",\"url\":\"ftp://x\"}", STATUS_INVALID,
         "https"},
    };
    struct stage s;
    (void)state;
    open_stage(&s);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        refused(&s, wrong[i].json, wrong[i].status, wrong[i].part);
    close_stage(&s);
}

static int64_t at(const char *text) {
    int64_t ms;
    bool zoned;
    MUST(time_parse_iso(slice_text(text), &ms, &zoned));
    return ms;
}

static void schedules(void **state) {
    struct fault fault = {0};
    struct zone *zone;
    (void)state;
    MUST(zone_load(os_real(), SLICE("Asia/Shanghai"), &zone, &fault));
    struct schedule hourly = {.every_ms = 3600000}, nightly = {.every_days = 1, .at_ms = 3 * 3600000};
    struct schedule weekly = {.every_days = 7}, once = {.once_ms = at("2026-02-01T00:00:00Z")};
    assert_int_equal(schedule_next(&hourly, zone, at("2026-01-31T08:10:00Z")), at("2026-01-31T09:00:00Z"));
    assert_int_equal(schedule_next(&hourly, zone, at("2026-01-31T09:00:00Z")), at("2026-01-31T10:00:00Z"));
    assert_int_equal(schedule_next(&nightly, zone, at("2026-01-31T08:10:00Z")), at("2026-01-31T19:00:00Z"));
    assert_int_equal(schedule_next(&nightly, zone, at("2026-01-31T19:00:00Z")), at("2026-02-01T19:00:00Z"));
    assert_int_equal(schedule_next(&weekly, zone, at("2026-01-31T08:10:00Z")),
                     at("2026-02-01T16:00:00Z")); /* Monday there */
    assert_int_equal(schedule_next(&once, zone, at("2026-01-31T08:10:00Z")), at("2026-02-01T00:00:00Z"));
    assert_int_equal(schedule_next(&once, zone, at("2026-02-01T00:00:00Z")), INT64_MAX);
    zone_free(zone);
}

static void saved(struct stage *s, struct buffer *json, struct buffer *bindings) {
    struct json_writer w = {.out = json};
    buffer_clear(json);
    buffer_clear(bindings);
    definitions_save(s->now, &w);
    bindings_save(s->now, bindings);
}

/* A restart gives the same, and does not ask what the dictionary says by then. */
static void read_back(void **state) {
    struct stage s;
    struct buffer json = {0}, bindings = {0}, json_again = {0}, bindings_again = {0};
    (void)state;
    open_stage(&s);
    MUST(define(&s, "{\"define\":\"workspace\",\"time_zone\":\"Asia/Shanghai\",\"week_start\":7}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"points > 1 and birthday < "
                    "\\\"2000-01-31\\\" and gender = "
                    "\\\"male\\\"\",\"description\":{\"en\":\"x\",\"zh\":\"甲\"}}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"up\",\"kind\":\"upload\"}"));
    MUST(define(&s, "{\"define\":\"tag\",\"name\":\"level\",\"expression\":\"if(in segment \\\"a\\\", 2, 1)\"}"));
    MUST(define(
        &s,
        "{\"define\":\"segment\",\"name\":\"b\",\"expression\":\"in segment \\\"up\\\" or tag(\\\"level\\\") = 2\"}"));
    MUST(define(&s,
                "{\"define\":\"segment\",\"name\":\"e\",\"kind\":\"scheduled\",\"expression\":\"in segment \\\"b\\\"\","
                "\"schedule\":{\"every\":\"1 day\",\"at\":\"03:00\"}}"));
    MUST(define(&s, "{\"define\":\"metric\",\"name\":\"m\",\"expression\":\"points * 2\"}"));
    MUST(define(
        &s, "{\"define\":\"subscription\",\"name\":\"crm\",\"segments\":[\"a\",\"b\"],\"events\":[\"Order Completed\"],"
            "\"url\":\"https://x/y\",\"secret\":\"s\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"a\",\"expression\":\"points > 2\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"gone\",\"expression\":\"points > 2\"}"));
    MUST(define(&s, "{\"define\":\"segment\",\"name\":\"gone\",\"deleted\":true}"));
    refused(&s, "{\"define\":\"segment\",\"name\":\"b\",\"deleted\":true}", STATUS_CONFLICT, "");
    saved(&s, &json, &bindings);
    for (int bound = 0; bound < 2; bound++) {
        struct audience_snapshot *again;
        MUST(definitions_load(&s.parts, buffer_slice(&json), bound ? buffer_slice(&bindings) : SLICE_NONE, &again,
                              &s.fault));
        audience_snapshot_release(s.now);
        s.now = again;
        saved(&s, &json_again, &bindings_again);
        assert_true(slice_equal(buffer_slice(&json), buffer_slice(&json_again)));
        assert_true(slice_equal(buffer_slice(&bindings), buffer_slice(&bindings_again)));
    }
    assert_ptr_equal(entry(&s, DEFINITION_SEGMENT, "b").tree->first->definition,
                     entry(&s, DEFINITION_SEGMENT, "up").tree);
    assert_int_equal(s.now->vocabulary.week_start, 7);
    assert_string_equal(zone_name(s.now->vocabulary.zone), "Asia/Shanghai");
    close_stage(&s);
    buffer_release(&json);
    buffer_release(&bindings);
    buffer_release(&json_again);
    buffer_release(&bindings_again);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_and_numbers), cmocka_unit_test(users_and_circles),
                                       cmocka_unit_test(wrong_ones), cmocka_unit_test(schedules),
                                       cmocka_unit_test(read_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
