/* master_test: versions by time, what a record leaves out, pages of ids against a sorted array, and saving. */
#include "history/master.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)

struct stage {
    struct dictionary *d;
    struct master *m;
    struct type *type;
    uint16_t id, name, price, from, to, tags, parts, part_sku;
    struct record_builder b;
    struct buffer out;
    uint64_t position;
};

static uint16_t property(struct stage *s, struct type *type, const char *name, enum property_type kind) {
    struct property *p;
    struct fault fault = {0};
    MUST(dictionary_property(s->d, type, slice_text(name), kind, &p, &fault));
    return p->number;
}

static void open_stage(struct stage *s) {
    struct fault fault = {0};
    struct type *part;
    struct property *parts;
    *s = (struct stage){.d = dictionary_create()};
    s->m = master_create(s->d);
    MUST(dictionary_type(s->d, TYPE_MASTER, SLICE("gadget"), &s->type, &fault));
    MUST(dictionary_type(s->d, TYPE_ITEM, SLICE("gadget.parts"), &part, &fault));
    s->price = property(s, s->type, "price", PROPERTY_MONEY);
    s->id = property(s, s->type, "id", PROPERTY_TEXT);
    s->name = property(s, s->type, "name", PROPERTY_TEXT);
    s->to = property(s, s->type, "valid_to", PROPERTY_TIME);
    s->from = property(s, s->type, "valid_from", PROPERTY_DATE);
    s->tags = property(s, s->type, "tags", PROPERTY_TEXT_LIST);
    MUST(dictionary_property(s->d, s->type, SLICE("parts"), PROPERTY_ITEMS, &parts, &fault));
    parts->item_type = part->number;
    s->parts = parts->number;
    s->part_sku = property(s, part, "sku", PROPERTY_TEXT);
}

static void close_stage(struct stage *s) {
    master_free(s->m);
    dictionary_free(s->d);
    record_builder_release(&s->b);
    buffer_release(&s->out);
}

static void begin(struct stage *s, const char *id, int64_t time_ms) {
    struct record_head head = {
        .type = s->type->number, .kind = TYPE_MASTER, .time_ms = time_ms, .position = ++s->position};
    record_begin(&s->b, &head);
    record_set_text(&s->b, s->id, slice_text(id));
}

static void put(struct stage *s) { master_put(s->m, record_end(&s->b)); }

static const char *get(struct stage *s, const char *id, int64_t time_ms) {
    buffer_clear(&s->out);
    struct json_writer w = {.out = &s->out};
    bool known = master_get_json(s->m, s->type->number, slice_text(id), time_ms, &w);
    assert_true(known || s->out.size == 0);
    buffer_add_char(&s->out, 0);
    return known ? s->out.data : NULL;
}

static const char *page(struct stage *s, const char *after, const char *query, size_t limit) {
    buffer_clear(&s->out);
    struct json_writer w = {.out = &s->out};
    master_list_json(s->m, s->type->number, slice_text(after), slice_text(query), limit, &w);
    buffer_add_char(&s->out, 0);
    return s->out.data;
}

static void put_price(struct stage *s, const char *id, int64_t time_ms, int64_t cents) {
    begin(s, id, time_ms);
    record_set(&s->b, s->price, VALUE_NUMBER, cents, 2);
    put(s);
}

static void versions_by_time(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    assert_null(get(&s, "p1", TIME_NONE));
    begin(&s, "p1", 1000);
    record_set_text(&s.b, s.name, SLICE("Cream"));
    record_set(&s.b, s.price, VALUE_NUMBER, 950, 2);
    put(&s);
    put_price(&s, "p1", 3000, 1200);
    put_price(&s, "p1", 2000, 1100); /* late: stands between */
    const char *first =
        "{\"id\":\"p1\",\"valid_from\":\"1970-01-01T00:00:01.000Z\",\"valid_to\":\"1970-01-01T00:00:02.000Z\","
        "\"fields\":{\"price\":9.5,\"name\":\"Cream\"}}";
    assert_string_equal(get(&s, "p1", 1999), first);
    assert_string_equal(get(&s, "p1", 5), first);
    assert_string_equal(
        get(&s, "p1", 2000),
        "{\"id\":\"p1\",\"valid_from\":\"1970-01-01T00:00:02.000Z\",\"valid_to\":\"1970-01-01T00:00:03.000Z\","
        "\"fields\":{\"price\":11,\"name\":\"Cream\"}}");
    const char *last = "{\"id\":\"p1\",\"valid_from\":\"1970-01-01T00:00:03.000Z\",\"valid_to\":null,"
                       "\"fields\":{\"price\":12,\"name\":\"Cream\"}}";
    assert_string_equal(get(&s, "p1", 3000), last);
    assert_string_equal(get(&s, "p1", TIME_NONE), last);
    assert_int_equal(master_count(s.m, s.type->number), 1);
    assert_int_equal(master_count(s.m, 4000), 0);
    close_stage(&s);
}

static void the_same_again_adds_nothing(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    put_price(&s, "p1", 1000, 950);
    put_price(&s, "p1", 2000, 950);
    assert_non_null(strstr(get(&s, "p1", TIME_NONE), "\"valid_from\":\"1970-01-01T00:00:01.000Z\""));
    begin(&s, "p1", 3000);
    put(&s);
    assert_non_null(strstr(get(&s, "p1", TIME_NONE), "\"valid_from\":\"1970-01-01T00:00:01.000Z\""));
    begin(&s, "p1", 4000); /* an explicit null is no silence */
    record_set(&s.b, s.price, VALUE_MISSING, 0, 0);
    put(&s);
    assert_non_null(strstr(get(&s, "p1", TIME_NONE),
                           "\"valid_from\":\"1970-01-01T00:00:04.000Z\",\"valid_to\":null,\"fields\":{}}"));
    close_stage(&s);
}

static void ids_that_are_numbers_or_missing(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    struct record_head head = {.type = s.type->number, .kind = TYPE_MASTER};
    record_begin(&s.b, &head);
    put(&s);
    assert_int_equal(master_count(s.m, s.type->number), 0);
    record_begin(&s.b, &head);
    record_set(&s.b, s.id, VALUE_NUMBER, 1001, 0);
    put(&s);
    put(&s);
    assert_int_equal(master_count(s.m, s.type->number), 1);
    assert_non_null(strstr(get(&s, "1001", TIME_NONE), "{\"id\":\"1001\""));
    close_stage(&s);
}

static void validity_fields(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    begin(&s, "c", 9000);
    record_set(&s.b, s.from, VALUE_DATE, 10, 0);
    record_set(&s.b, s.to, VALUE_TIME, 20 * DAY_MS, 0);
    put(&s);
    assert_string_equal(get(&s, "c", TIME_NONE), "{\"id\":\"c\",\"valid_from\":\"1970-01-11T00:00:00.000Z\","
                                                 "\"valid_to\":\"1970-01-21T00:00:00.000Z\",\"fields\":{}}");
    put_price(&s, "c", 15 * DAY_MS, 100); /* says nothing of its end: it stays */
    assert_string_equal(get(&s, "c", TIME_NONE), "{\"id\":\"c\",\"valid_from\":\"1970-01-16T00:00:00.000Z\","
                                                 "\"valid_to\":\"1970-01-21T00:00:00.000Z\",\"fields\":{\"price\":1}}");
    assert_non_null(strstr(get(&s, "c", 12 * DAY_MS), "\"valid_to\":\"1970-01-16T00:00:00.000Z\""));
    begin(&s, "c", 30 * DAY_MS);
    record_set(&s.b, s.to, VALUE_MISSING, 0, 0);
    put(&s);
    assert_non_null(strstr(get(&s, "c", TIME_NONE), "\"valid_from\":\"1970-01-31T00:00:00.000Z\",\"valid_to\":null"));
    close_stage(&s);
}

static void lists_and_items_are_kept(void **state) {
    (void)state;
    struct stage s;
    open_stage(&s);
    begin(&s, "p", 1000);
    record_list_begin(&s.b, s.tags);
    record_set_text(&s.b, 0, SLICE("red"));
    record_set_text(&s.b, 0, SLICE("small"));
    record_list_end(&s.b);
    record_items_begin(&s.b, s.parts);
    record_item_begin(&s.b);
    record_set_text(&s.b, s.part_sku, SLICE("A1"));
    record_item_begin(&s.b);
    record_set_text(&s.b, s.part_sku, SLICE("B2"));
    record_items_end(&s.b);
    put(&s);
    put_price(&s, "p", 2000, 1);
    assert_non_null(strstr(
        get(&s, "p", TIME_NONE),
        "\"fields\":{\"price\":0.01,\"tags\":[\"red\",\"small\"],\"parts\":[{\"sku\":\"A1\"},{\"sku\":\"B2\"}]}}"));
    close_stage(&s);
}

/* --- pages against a plain array --- */

#define IDS 3000

static void put_shuffled(struct stage *s, uint64_t seed) {
    static uint32_t order[IDS];
    struct random random;
    random_init(&random, seed);
    for (uint32_t i = 0; i < IDS; i++)
        order[i] = i;
    for (uint32_t i = IDS - 1; i > 0 && seed; i--) { /* seed 0: ascending */
        uint32_t other = (uint32_t)random_below(&random, i + 1), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < IDS; i++) {
        char id[16], name[32];
        snprintf(id, sizeof id, "id%05u", order[i] * 2);
        snprintf(name, sizeof name, "Name %u x", order[i] * 7);
        begin(s, id, 1000);
        record_set_text(&s->b, s->name, slice_text(name));
        put(s);
    }
}

/* How many ids a page has; checks that they ascend from `from` by two. */
static unsigned ids_in(const char *json, unsigned from) {
    unsigned count = 0;
    for (const char *at = json; (at = strstr(at, "\"id\":\"id")); at++, count++)
        assert_int_equal(strtoul(at + 8, NULL, 10), from + 2 * count);
    return count;
}

static bool note_id(void *context, struct slice id, const struct record_head *latest, int64_t valid_to) {
    struct stage *s = context;
    const struct record_value *price = record_find(latest, s->price);
    buffer_print(&s->out, "%.*s:%lld%s ", SLICE_ARG(id), price ? (long long)price->integer : -1,
                 valid_to == INT64_MAX ? "" : "x");
    return id.size < 3;
}

static void walks_names_and_versions(void **state) {
    (void)state;
    struct stage s;
    struct buffer id = {0};
    open_stage(&s);
    uint64_t version = master_version(s.m);
    put_price(&s, "p2", 1000, 20);
    put_price(&s, "p1", 1000, 10);
    assert_true(master_version(s.m) > version);
    version = master_version(s.m);
    put_price(&s, "p1", 2000, 10); /* says nothing new */
    assert_int_equal(master_version(s.m), version);
    begin(&s, "p2", 3000);
    record_set_text(&s.b, s.name, SLICE("Cream"));
    record_set(&s.b, s.to, VALUE_TIME, 9000, 0);
    put(&s);
    put_price(&s, "p33", 1000, 33);
    put_price(&s, "p4", 1000, 44);
    buffer_clear(&s.out);
    master_walk(s.m, s.type->number, note_id, &s);
    assert_true(slice_is(buffer_slice(&s.out), "p1:10 p2:20x p33:33 "));
    assert_true(master_id_of_name(s.m, s.type->number, SLICE("Cream"), &id));
    assert_true(slice_is(buffer_slice(&id), "p2"));
    assert_false(master_id_of_name(s.m, s.type->number, SLICE("cream"), &id));
    begin(&s, "p1", 4000);
    record_set_text(&s.b, s.name, SLICE("Cream"));
    put(&s);
    assert_false(master_id_of_name(s.m, s.type->number, SLICE("Cream"), &id)); /* two */
    assert_true(slice_is(buffer_slice(&id), "p2"));
    assert_false(master_id_of_name(s.m, 4000, SLICE("Cream"), &id));
    buffer_release(&id);
    close_stage(&s);
}

static void pages_in_order(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct stage s;
        open_stage(&s);
        put_shuffled(&s, seed);
        assert_int_equal(master_count(s.m, s.type->number), IDS);
        assert_int_equal(ids_in(page(&s, "", "", IDS + 5), 0), IDS);
        assert_int_equal(ids_in(page(&s, "", "", 10), 0), 10);
        for (unsigned after = 1; after < IDS * 2; after += 37) {
            char id[16];
            snprintf(id, sizeof id, "id%05u", after);
            unsigned next = after / 2 * 2 + 2, left = next < IDS * 2 ? (IDS * 2 - next) / 2 : 0;
            assert_int_equal(ids_in(page(&s, id, "", 5), next), left < 5 ? left : 5);
            assert_int_equal(get(&s, id, TIME_NONE) != NULL, after % 2 == 0);
        }
        assert_string_equal(page(&s, "id99999", "", 5), "[]");
        assert_int_equal(ids_in(page(&s, "", "ID00004", 5), 4), 1);
        assert_int_equal(ids_in(page(&s, "", "nAmE 21 x", 5), 6), 1);
        assert_string_equal(page(&s, "", "nowhere", 5), "[]");
        assert_string_equal(page(&s, "", "", 0), "[]");
        close_stage(&s);
    }
}

/* --- saving --- */

static void save(struct stage *s, const char *path) {
    struct image_writer *w;
    struct fault fault = {0};
    MUST(image_create(os_real(), path, &w, &fault));
    MUST(master_save(s->m, w, &fault));
    MUST(image_finish(w, NULL, &fault));
}

static enum status load(struct stage *s, const char *path) {
    struct image *image;
    struct fault fault = {0};
    master_free(s->m);
    s->m = master_create(s->d);
    MUST(image_open(os_real(), path, &image, &fault));
    enum status status = master_load(s->m, image, &fault);
    image_close(image);
    return status;
}

static void saved_and_loaded(void **state) {
    (void)state;
    char folder[] = "/tmp/master_test.XXXXXX", path[64];
    struct stage s;
    open_stage(&s);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.img", folder);
    save(&s, path);
    MUST(load(&s, path));
    put_shuffled(&s, 9);
    put_price(&s, "id00008", 5000, 100);
    put_price(&s, "id00008", 4000, 300);
    char *all = memory_text(slice_text(page(&s, "", "", IDS))),
         *one = memory_text(slice_text(get(&s, "id00008", 4500)));
    save(&s, path);
    MUST(load(&s, path));
    assert_string_equal(page(&s, "", "", IDS), all);
    assert_string_equal(get(&s, "id00008", 4500), one);
    put_price(&s, "id00008", 9000, 100); /* the same as before: still none added */
    assert_string_equal(page(&s, "", "", IDS), all);
    free(all);
    free(one);
    unlink(path);
    rmdir(folder);
    close_stage(&s);
}

static void senseless_records_are_refused(void **state) {
    (void)state;
    char folder[] = "/tmp/master_test.XXXXXX", path[64];
    struct stage s;
    open_stage(&s);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.img", folder);
    for (int wrong = 0; wrong < 7; wrong++) {
        struct image_writer *w;
        struct fault fault = {0};
        uint64_t head[2] = {wrong == 1 ? 2 : 1, wrong == 2 ? 3 : 2};
        begin(&s, "p", 1000);
        struct record_head *r = record_end(&s.b);
        MUST(image_create(os_real(), path, &w, &fault));
        MUST(image_add(w, "master.head", head, sizeof head, &fault));
        MUST(image_section(w, "master.records", &fault));
        MUST(image_write(w, r, r->bytes, &fault));
        r->time_ms = wrong == 3 ? 999 : 1000;
        r->kind = wrong == 4 ? TYPE_EVENT : TYPE_MASTER;
        r->type = wrong == 5 ? 4095 : r->type;
        MUST(image_write(w, r, r->bytes - (wrong == 6 ? 8 : 0), &fault));
        MUST(image_finish(w, NULL, &fault));
        assert_int_equal(load(&s, path), wrong ? STATUS_DAMAGED : STATUS_OK);
    }
    unlink(path);
    rmdir(folder);
    close_stage(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_by_time),
        cmocka_unit_test(the_same_again_adds_nothing),
        cmocka_unit_test(ids_that_are_numbers_or_missing),
        cmocka_unit_test(validity_fields),
        cmocka_unit_test(lists_and_items_are_kept),
        cmocka_unit_test(walks_names_and_versions),
        cmocka_unit_test(pages_in_order),
        cmocka_unit_test(saved_and_loaded),
        cmocka_unit_test(senseless_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
