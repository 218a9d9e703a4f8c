/* quarantine_test: numbers, filters, repair by position, what is past the listed million, saving, and listing beside adding. */
#include "govern/quarantine.h"

#include <assert.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "govern/govern_inside.h"
#include "os/image.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

static int create(void **state) {
    struct govern *g = memory_get(1, sizeof *g);
    quarantine_init(&g->quarantine);
    *state = g;
    return 0;
}

static int destroy(void **state) {
    struct govern *g = *state;
    quarantine_release(&g->quarantine);
    free(g);
    return 0;
}

static void add(struct govern *g, uint64_t position, uint16_t source, enum quarantine_reason reason, bool whole) {
    struct quarantine_entry entry = {.position = position,
                                     .received_ms = (int64_t)position * 10,
                                     .source = source,
                                     .reason = (uint8_t)reason,
                                     .whole = whole,
                                     .field = SLICE("traits.phone"),
                                     .text = SLICE("no phone")};
    quarantine_add(&g->quarantine, &entry);
}

struct listed {
    uint64_t numbers[16];
    size_t count;
};

static void list(void *context, const struct quarantine_entry *entry) {
    struct listed *listed = context;
    assert_true(listed->count < 16);
    assert_true(slice_is(entry->field, "traits.phone") && slice_is(entry->text, "no phone"));
    assert_true(entry->received_ms == (int64_t)entry->position * 10);
    listed->numbers[listed->count++] = entry->number;
}

static void expect(struct govern *g, uint64_t after, unsigned limit, uint16_t source, int reason, bool repaired,
                   const char *want) {
    struct listed listed = {0};
    char got[128] = "";
    quarantine_list(g, after, limit, source, reason, repaired, list, &listed);
    for (size_t i = 0; i < listed.count; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%d ", (int)listed.numbers[i]);
    assert_string_equal(got, want);
}

static void fill(struct govern *g) {
    add(g, 10, 1, QUARANTINE_BAD_PHONE, false);
    add(g, 10, 1, QUARANTINE_BAD_EMAIL, false);
    add(g, 20, 2, QUARANTINE_NO_IDENTIFIER, true);
    add(g, 30, 1, QUARANTINE_BAD_PHONE, false);
    add(g, 10, 1, QUARANTINE_BAD_PHONE, false); /* of a replay */
}

static void entries_are_found_and_repaired(void **state) {
    struct govern *g = *state;
    unsigned whole, values;
    struct buffer positions = {0};
    fill(g);
    expect(g, 0, 16, 0, -1, false, "1 2 3 4 5 ");
    expect(g, 2, 2, 0, -1, false, "3 4 ");
    expect(g, 0, 16, 1, -1, false, "1 2 4 5 ");
    expect(g, 0, 16, 0, QUARANTINE_BAD_PHONE, false, "1 4 5 ");
    quarantine_waiting_at(&g->quarantine, 10, &whole, &values);
    assert_true(whole == 0 && values == 3);
    quarantine_repair(&g->quarantine, 10);
    quarantine_repair(&g->quarantine, 99);
    assert_int_equal(quarantine_waiting(g), 2);
    expect(g, 0, 16, 0, -1, false, "3 4 ");
    expect(g, 0, 16, 0, -1, true, "1 2 3 4 5 ");
    add(g, 10, 1, QUARANTINE_WRONG_TYPE, true);
    quarantine_waiting_at(&g->quarantine, 10, &whole, &values);
    assert_true(whole == 1 && values == 0);
    quarantine_positions(g, 0, -1, &positions);
    uint64_t want[] = {10, 20, 30};
    assert_int_equal(positions.size, sizeof want);
    assert_memory_equal(positions.data, want, sizeof want);
    buffer_release(&positions);
}

static void counts(struct govern *g, struct buffer *into) {
    struct json_writer w = {.out = into};
    buffer_clear(into);
    quarantine_counts_json(g, &w);
    buffer_add_char(into, 0);
}

/* Saves and loads into `other`; both must tell the same. */
static void save_and_load(struct govern *g, struct govern *other) {
    char path[] = "/tmp/quarantine_test.XXXXXX";
    struct image_writer *writer;
    struct image *image;
    struct fault fault = {0};
    struct buffer want = {0}, got = {0};
    close(mkstemp(path));
    MUST(image_create(os_real(), path, &writer, &fault));
    MUST(quarantine_save(&g->quarantine, writer, &fault));
    MUST(image_finish(writer, NULL, &fault));
    MUST(image_open(os_real(), path, &image, &fault));
    MUST(quarantine_load(&other->quarantine, image, &fault));
    image_close(image);
    unlink(path);
    counts(g, &want);
    counts(other, &got);
    assert_string_equal(want.data, got.data);
    assert_int_equal(quarantine_waiting(g), quarantine_waiting(other));
    buffer_release(&want);
    buffer_release(&got);
}

static void saved_is_loaded(void **state) {
    struct govern *g = *state, *other;
    create((void **)&other);
    fill(g);
    quarantine_repair(&g->quarantine, 20);
    save_and_load(g, other);
    expect(other, 0, 16, 0, -1, false, "1 2 4 5 ");
    quarantine_repair(&other->quarantine, 10);
    expect(other, 0, 16, 0, -1, false, "4 ");
    destroy((void **)&other);
}

static void past_the_listed_million_the_counts_go_on(void **state) {
    struct govern *g = *state, *other;
    struct buffer text = {0};
    for (uint32_t i = 0; i < QUARANTINE_ENTRIES_MAX + 5; i++)
        add(g, i + 1, 1, QUARANTINE_BAD_PHONE, false);
    assert_int_equal(quarantine_waiting(g), QUARANTINE_ENTRIES_MAX + 5);
    counts(g, &text);
    assert_non_null(strstr(text.data, "\"waiting\":1000005,\"repaired\":0,\"unlisted\":5"));
    expect(g, QUARANTINE_ENTRIES_MAX - 1, 16, 0, -1, false, "1000000 ");
    create((void **)&other);
    save_and_load(g, other);
    destroy((void **)&other);
    buffer_release(&text);
}

struct reader {
    struct govern *g;
    atomic_bool stop;
    size_t seen;
};

static void count_entry(void *context, const struct quarantine_entry *entry) {
    *(size_t *)context += slice_is(entry->text, "no phone");
}

static void *list_along(void *context) {
    struct reader *r = context;
    while (!atomic_load(&r->stop)) {
        size_t count = 0;
        uint64_t waiting = quarantine_waiting(r->g);
        quarantine_list(r->g, 0, 100000, 0, -1, true, count_entry, &count);
        assert(count >= waiting && count >= r->seen);
        r->seen = count;
    }
    return NULL;
}

static void listing_beside_adding_sees_whole_entries(void **state) {
    struct reader r = {.g = *state};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, list_along, &r), 0);
    for (uint64_t i = 1; i <= 5000; i++)
        add(r.g, i, (uint16_t)(i % 50), QUARANTINE_BAD_PHONE, false);
    atomic_store(&r.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(quarantine_waiting(r.g), 5000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(entries_are_found_and_repaired),
        TEST(saved_is_loaded),
        TEST(past_the_listed_million_the_counts_go_on),
        TEST(listing_beside_adding_sees_whole_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
