/* history_test: random rows, merges, splits, compactions, saves and loads against a plain list of records per customer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "history/history.h"
#include "history/table.h"
#include "own_folder_client.h"

#define CUSTOMERS 40
#define FOLDER "data" /* in a folder of this run */

/* --- the plain twin --- */

struct model_row {
    uint32_t customer;
    struct record_head *record;
};

struct model {
    struct model_row *rows;
    size_t count;
    uint32_t redirect[CUSTOMERS + 1];
};

static bool values_same(const struct record_head *a, const struct record_value *x, uint32_t nx,
                        const struct record_head *b, const struct record_value *y, uint32_t ny) {
    if (nx != ny)
        return false;
    for (uint32_t i = 0; i < nx; i++) {
        bool numbers = (x[i].kind == VALUE_NUMBER || x[i].kind == VALUE_REAL) &&
                       (y[i].kind == VALUE_NUMBER || y[i].kind == VALUE_REAL); /* a column of both holds doubles */
        if (x[i].property != y[i].property || (x[i].kind != y[i].kind && !numbers))
            return false;
        switch (x[i].kind) {
        case VALUE_MISSING:
            break;
        case VALUE_NUMBER:
        case VALUE_REAL:
            if (record_number(&x[i]) != record_number(&y[i]))
                return false;
            break;
        case VALUE_TEXT:
            if (!slice_equal(record_text(a, &x[i]), record_text(b, &y[i])))
                return false;
            break;
        case VALUE_LIST:
            if (!values_same(a, record_list(a, &x[i]), x[i].count, b, record_list(b, &y[i]), y[i].count))
                return false;
            break;
        case VALUE_ITEMS:
            if (x[i].count != y[i].count)
                return false;
            for (uint32_t k = 0; k < x[i].count; k++) {
                const struct record_item *p = &record_items(a, &x[i])[k], *q = &record_items(b, &y[i])[k];
                if (!values_same(a, record_item_values(a, p), p->value_count, b, record_item_values(b, q),
                                 q->value_count))
                    return false;
            }
            break;
        default:
            if (x[i].integer != y[i].integer)
                return false;
        }
    }
    return true;
}

static bool records_same(const struct record_head *a, const struct record_head *b) {
    return a->type == b->type && a->kind == b->kind && a->source == b->source && a->time_ms == b->time_ms &&
           a->received_ms == b->received_ms && a->position == b->position && a->arrival == b->arrival &&
           a->document == b->document && a->priority == b->priority && a->flags == b->flags &&
           values_same(a, record_values(a), a->value_count, b, record_values(b), b->value_count);
}

/* --- random records --- */

struct world {
    struct random random;
    struct dictionary *dictionary;
    struct type *event, *order, *customer;
    struct property *price, *name, *url, *flag, *tags, *items, *total, *city;
    struct property *item_sku, *item_price;
    struct type *item;
    struct record_builder builder;
    uint64_t position;
};

static struct property *property(struct world *w, struct type *t, const char *name, enum property_type type) {
    struct property *p;
    assert_int_equal(dictionary_property(w->dictionary, t, slice_text(name), type, &p, NULL), STATUS_OK);
    return p;
}

static struct type *type(struct world *w, enum type_kind kind, const char *name) {
    struct type *t;
    assert_int_equal(dictionary_type(w->dictionary, kind, slice_text(name), &t, NULL), STATUS_OK);
    return t;
}

static void world_init(struct world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    random_init(&w->random, seed);
    w->dictionary = dictionary_create();
    w->event = type(w, TYPE_EVENT, "test event");
    w->order = type(w, TYPE_DOCUMENT, "test order");
    w->item = type(w, TYPE_ITEM, "test order.items");
    w->customer = type(w, TYPE_ATTRIBUTES, "customer");
    assert_int_equal(w->customer->number, 0);
    w->price = property(w, w->event, "price", PROPERTY_NUMBER);
    w->name = property(w, w->event, "name", PROPERTY_TEXT);
    w->url = property(w, w->event, "url", PROPERTY_TEXT);
    w->flag = property(w, w->event, "flag", PROPERTY_BOOL);
    w->tags = property(w, w->event, "tags", PROPERTY_TEXT_LIST);
    w->total = property(w, w->order, "total", PROPERTY_MONEY);
    w->items = property(w, w->order, "items", PROPERTY_ITEMS);
    w->item_sku = property(w, w->item, "sku", PROPERTY_TEXT);
    w->item_price = property(w, w->item, "price", PROPERTY_MONEY);
    w->city = property(w, w->customer, "test_city", PROPERTY_TEXT);
}

static void world_release(struct world *w) {
    record_builder_release(&w->builder);
    dictionary_free(w->dictionary);
}

static struct slice random_text(struct world *w, char *into, size_t size, unsigned kinds) {
    int n =
        snprintf(into, size, "%s-%u", kinds > 100 ? "/a/long/path" : "值", (unsigned)random_below(&w->random, kinds));
    return slice_of(into, (size_t)n);
}

static void set_event(struct world *w) {
    char text[64];
    struct random *r = &w->random;
    if (random_chance(r, 0.9))
        record_set(&w->builder, w->price->number, VALUE_NUMBER, random_between(r, -50, 100000),
                   (uint8_t)random_below(r, 3));
    else if (random_chance(r, 0.3))
        record_set_real(&w->builder, w->price->number, random_unit(r) * 1e-7);
    if (random_chance(r, 0.8))
        record_set_text(&w->builder, w->name->number, random_text(w, text, sizeof text, 5));
    if (random_chance(r, 0.7))
        record_set_text(&w->builder, w->url->number, random_text(w, text, sizeof text, 1000000));
    if (random_chance(r, 0.5))
        record_set(&w->builder, w->flag->number, VALUE_BOOL, random_chance(r, 0.5), 0);
    if (random_chance(r, 0.3)) {
        record_list_begin(&w->builder, w->tags->number);
        for (uint64_t i = random_below(r, 4); i > 0; i--)
            record_set_text(&w->builder, 0, random_text(w, text, sizeof text, 3));
        record_list_end(&w->builder);
    }
}

static void set_order(struct world *w) {
    char text[64];
    struct random *r = &w->random;
    record_set(&w->builder, w->total->number, random_chance(r, 0.9) ? VALUE_NUMBER : VALUE_MISSING,
               random_between(r, 0, 100000), 2);
    if (random_chance(r, 0.2))
        return;
    record_items_begin(&w->builder, w->items->number);
    for (uint64_t i = random_below(r, 4); i > 0; i--) {
        record_item_begin(&w->builder);
        record_set(&w->builder, w->item_price->number, VALUE_NUMBER, random_between(r, 1, 999), 1);
        if (random_chance(r, 0.8))
            record_set_text(&w->builder, w->item_sku->number, random_text(w, text, sizeof text, 9));
    }
    record_items_end(&w->builder);
}

static struct record_head *random_record(struct world *w) {
    struct random *r = &w->random;
    uint64_t kind = random_below(r, 10);
    struct type *t = kind < 6 ? w->event : kind < 8 ? w->order : w->customer;
    struct record_head head = {.type = t->number,
                               .kind = t->kind,
                               .source = (uint16_t)random_between(r, 1, 3),
                               .time_ms = random_chance(r, 0.5) ? random_between(r, -5000, 5000) * 1000
                                                                : random_between(r, 0, 40000000000),
                               .received_ms = 1700000000000 + random_between(r, 0, 1000000),
                               .position = ++w->position,
                               .arrival = (uint32_t)random_between(r, 1, 60),
                               .document = t == w->order ? (uint32_t)random_between(r, 1, 5) : 0,
                               .flags = t == w->order && random_chance(r, 0.3) ? RECORD_ITEMS_APPEND : 0,
                               .priority = (uint8_t)random_below(r, 3)};
    char text[64];
    record_begin(&w->builder, &head);
    if (t == w->event)
        set_event(w);
    else if (t == w->order)
        set_order(w);
    else if (random_chance(r, 0.85))
        record_set_text(&w->builder, w->city->number, random_text(w, text, sizeof text, 4));
    else
        record_set(&w->builder, w->city->number, VALUE_MISSING, 0, 0);
    return record_end(&w->builder);
}

/* --- comparing --- */

static void model_add(struct model *m, uint32_t customer, const struct record_head *record) {
    m->rows = memory_resize(m->rows, m->count + 1, sizeof *m->rows);
    struct record_head *copy = memory_get(1, record->bytes);
    memcpy(copy, record, record->bytes);
    m->rows[m->count++] = (struct model_row){customer, copy};
}

static int newest_first(const void *a, const void *b) {
    const struct record_head *x = ((const struct model_row *)a)->record, *y = ((const struct model_row *)b)->record;
    if (x->time_ms != y->time_ms)
        return x->time_ms > y->time_ms ? -1 : 1;
    return x->position > y->position ? -1 : 1;
}

static void compare_customer(struct history *h, struct model *m, uint32_t customer, uint32_t at) {
    struct arena arena = {0};
    struct record_builder builder = {0};
    struct history_rows rows;
    struct model_row *mine = memory_get(m->count + 1, sizeof *mine);
    size_t count = 0;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].customer == customer)
            mine[count++] = m->rows[i];
    qsort(mine, count, sizeof *mine, newest_first);
    struct history_hold hold = history_enter(h);
    history_rows(h, (struct customer_id){at}, -1, &arena, &rows);
    assert_int_equal(rows.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(records_same(history_row(h, &rows, i, &builder), mine[i].record));
    history_leave(h, hold);
    free(mine);
    record_builder_release(&builder);
    arena_release(&arena);
}

/* Customers stand at the seam of two spans. */
static uint32_t number_of(uint32_t customer) { return SPAN_CUSTOMERS - CUSTOMERS / 2 + customer; }

static void compare_all(struct world *w, struct history *h, struct model *m) {
    uint64_t high = 0, present = 0;
    for (uint32_t c = 1; c <= CUSTOMERS; c++)
        compare_customer(h, m, c, number_of(c));
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].record->type == w->event->number) {
            const struct record_value *v = record_find(m->rows[i].record, w->price->number);
            high += v && record_number(v) > 250;
            present += !(v && record_number(v) == 3);
        }
    for (unsigned workers = 1; workers <= 3; workers += 2) {
        assert_int_equal(history_count(h, w->event->number, w->price->number, COMPARE_GREATER, 250, workers), high);
        assert_int_equal(history_count(h, w->event->number, w->price->number, COMPARE_NOT_EQUAL, 3, workers), present);
    }
}

static void clean_folder(void) {
    if (system("rm -rf " FOLDER)) /* the test's own folder */
        fail();
}

static struct history *open_history(struct world *w) {
    struct history *h;
    struct fault fault = {0};
    struct history_options options = {.delta_bytes = 1 << 20};
    if (history_create(os_real(), FOLDER "/h", w->dictionary, &options, &h, &fault))
        fail_msg("%s", fault.text);
    return h;
}

/* Until there is nothing left of all, or of what is due by itself. */
static void compact(struct history *h, bool all) {
    struct fault fault = {0};
    enum status status;
    while (!(status = history_compact(h, all, &fault)))
        history_tidy(h);
    if (status != STATUS_END)
        fail_msg("%s", fault.text);
}

static void compact_all(struct history *h) { compact(h, true); }

/* Bases out of memory instead of mapped files: until a next compaction writes some of them anew. */
static void copy_bases(struct history *h) {
    struct history_counters c;
    compact(h, false);
    history_tidy(h);
    history_counters_read(h, &c);
    assert_int_equal(c.memory_bytes, c.base_bytes);
}

static struct history *reopen(struct world *w, struct history *h) {
    struct fault fault = {0};
    struct history_image *image = history_freeze(h);
    if (history_write(image, FOLDER "/saved", &fault))
        fail_msg("%s", fault.text);
    history_image_free(image, true);
    history_free(h);
    h = open_history(w);
    if (history_load(h, FOLDER "/saved", &fault))
        fail_msg("%s", fault.text);
    return h;
}

static void merge_some(struct world *w, struct history *h, struct model *m) {
    uint32_t a = (uint32_t)random_between(&w->random, 1, CUSTOMERS),
             b = (uint32_t)random_between(&w->random, 1, CUSTOMERS);
    if (a == b || m->redirect[a] || m->redirect[b])
        return;
    history_merge(h, (struct customer_id){number_of(a)}, (struct customer_id){number_of(b)});
    m->redirect[b] = a;
    for (size_t i = 0; i < m->count; i++)
        if (m->rows[i].customer == b)
            m->rows[i].customer = a;
}

/* Rows of some arrivals go to another, who may have been merged away before. */
static void split_some(struct world *w, struct history *h, struct model *m) {
    uint32_t a = (uint32_t)random_between(&w->random, 1, CUSTOMERS),
             b = (uint32_t)random_between(&w->random, 1, CUSTOMERS);
    struct identifier_id arrivals[40];
    size_t count = random_below(&w->random, 40);
    uint64_t moved = 0;
    if (a == b || m->redirect[a])
        return;
    for (size_t i = 0; i < count; i++)
        arrivals[i].number = (uint32_t)random_between(&w->random, 1, 60);
    m->redirect[b] = 0;
    for (size_t i = 0; i < m->count; i++)
        for (size_t k = 0; k < count && m->rows[i].customer == a; k++)
            if (m->rows[i].record->arrival == arrivals[k].number) {
                m->rows[i].customer = b;
                moved++;
            }
    assert_int_equal(
        history_move(h, (struct customer_id){number_of(a)}, (struct customer_id){number_of(b)}, arrivals, count),
        moved);
}

/* A repaired record takes the place of one that is there. */
static void replace_some(struct world *w, struct history *h, struct model *m) {
    if (!m->count)
        return;
    struct model_row *row = &m->rows[random_below(&w->random, m->count)];
    uint64_t position = w->position;
    struct record_head *r = random_record(w);
    while (r->type != row->record->type)
        r = random_record(w);
    w->position = position; /* positions of the trials are free again */
    r->position = row->record->position;
    r->flags |= RECORD_REPLACES;
    history_append(h, (struct customer_id){number_of(row->customer)}, r);
    free(row->record);
    row->record = memory_get(1, r->bytes);
    memcpy(row->record, r, r->bytes);
}

static void run(uint64_t seed) {
    struct world w;
    struct model m = {0};
    clean_folder();
    world_init(&w, seed);
    struct history *h = open_history(&w);
    for (unsigned step = 0; step < 400; step++) {
        uint32_t customer = (uint32_t)random_between(&w.random, 1, CUSTOMERS);
        for (uint64_t n = random_below(&w.random, 6); n > 0 && !m.redirect[customer]; n--) {
            struct record_head *r = random_record(&w);
            history_append(h, (struct customer_id){number_of(customer)}, r);
            model_add(&m, customer, r);
        }
        uint64_t what = random_below(&w.random, 100);
        if (what >= 90)
            replace_some(&w, h, &m);
        if (what < 4)
            merge_some(&w, h, &m);
        if (what >= 80 && what < 90)
            split_some(&w, h, &m);
        else if (what < 5)
            compact_all(h);
        else if (what < 6)
            h = reopen(&w, h);
        else if (what < 8)
            compare_all(&w, h, &m);
        else if (what < 9)
            copy_bases(h);
    }
    compare_all(&w, h, &m);
    compact_all(h);
    compare_all(&w, h, &m);
    copy_bases(h);
    compare_all(&w, h, &m);
    h = reopen(&w, h);
    compare_all(&w, h, &m);
    history_free(h);
    for (size_t i = 0; i < m.count; i++)
        free(m.rows[i].record);
    free(m.rows);
    world_release(&w);
    clean_folder();
}

static void rows_equal_the_plain_list(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        table_gather_bytes = seed % 3 ? (size_t)64 << 20 : 1; /* all columns at once, or one by one */
        print_message("history: seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

/* Copies of bases go no further than their budget, and the rest is read mapped. */
static void copies_keep_to_their_budget(void **state) {
    struct world w;
    struct history *h;
    struct history_counters c;
    struct fault fault = {0};
    (void)state;
    for (unsigned budget = 0; budget < 3; budget++) { /* none, one of the two, both */
        clean_folder();
        world_init(&w, 1);
        struct history_options options = {.memory_bytes = 1};
        for (unsigned pass = 0; pass < 2; pass++) {
            if (history_create(os_real(), FOLDER "/h", w.dictionary, &options, &h, &fault))
                fail_msg("%s", fault.text);
            random_init(&w.random, 1); /* the same rows again */
            for (uint32_t span = 0; span < 2; span++)
                history_append(h, (struct customer_id){span * SPAN_CUSTOMERS + 1}, random_record(&w));
            compact_all(h);
            compact(h, false);
            history_tidy(h);
            history_counters_read(h, &c);
            assert_int_equal(c.base_rows, 2);
            if (pass == 0) { /* now the sizes are known */
                assert_int_equal(c.memory_bytes, 0);
                options.memory_bytes = budget == 0 ? 1 : budget == 1 ? c.base_bytes - 1 : c.base_bytes;
            } else {
                assert_true(budget == 0   ? c.memory_bytes == 0
                            : budget == 1 ? c.memory_bytes > 0 && c.memory_bytes < c.base_bytes
                                          : c.memory_bytes == c.base_bytes);
            }
            history_free(h);
            clean_folder();
            w.position = 0;
        }
        world_release(&w);
    }
}

/* --- attributes and documents --- */

struct seen_value {
    char text[64];
    int count;
};

static void take_attribute(void *context, const struct attribute_now *a) {
    struct seen_value *s = context;
    s->count++;
    snprintf(s->text, sizeof s->text, "%.*s", SLICE_ARG(record_text(a->record, a->value)));
}

static void add_city(struct world *w, struct history *h, const char *city, int64_t time_ms, uint8_t priority) {
    struct record_head head = {.type = 0,
                               .kind = TYPE_ATTRIBUTES,
                               .source = 1,
                               .time_ms = time_ms,
                               .position = ++w->position,
                               .priority = priority};
    record_begin(&w->builder, &head);
    if (city)
        record_set_text(&w->builder, w->city->number, slice_text(city));
    else
        record_set(&w->builder, w->city->number, VALUE_MISSING, 0, 0);
    history_append(h, (struct customer_id){7}, record_end(&w->builder));
}

static struct seen_value city_now(struct history *h) {
    struct seen_value s = {0};
    struct arena arena = {0};
    struct history_hold hold = history_enter(h);
    history_attributes(h, (struct customer_id){7}, &arena, take_attribute, &s);
    history_leave(h, hold);
    arena_release(&arena);
    return s;
}

static void the_strongest_then_latest_attribute_wins(void **state) {
    struct world w;
    (void)state;
    clean_folder();
    world_init(&w, 1);
    struct history *h = open_history(&w);
    add_city(&w, h, "上海", 5000, 50);
    add_city(&w, h, "杭州", 4000, 50); /* earlier, though it arrives later */
    assert_string_equal(city_now(h).text, "上海");
    compact_all(h);
    assert_string_equal(city_now(h).text, "上海");
    add_city(&w, h, "北京", 1000, 10); /* a stronger source */
    assert_string_equal(city_now(h).text, "北京");
    add_city(&w, h, NULL, 2000, 10);
    assert_int_equal(city_now(h).count, 0);
    compact_all(h);
    assert_int_equal(city_now(h).count, 0);
    history_free(h);
    world_release(&w);
    clean_folder();
}

struct seen_document {
    int64_t total, first_ms, updated_ms;
    uint32_t items, updates, count;
    const struct world *w;
};

static void take_document(void *context, const struct record_head *d, int64_t updated_ms, uint32_t updates) {
    struct seen_document *s = context;
    const struct record_value *total = record_find(d, s->w->total->number),
                              *items = record_find(d, s->w->items->number);
    s->count++;
    s->total = total ? total->integer : -1;
    s->items = items ? items->count : 0;
    s->first_ms = d->time_ms;
    s->updated_ms = updated_ms;
    s->updates = updates;
}

static void add_order(struct world *w, struct history *h, int64_t total, unsigned items, uint16_t flags,
                      int64_t time_ms) {
    struct record_head head = {.type = w->order->number,
                               .kind = TYPE_DOCUMENT,
                               .source = 1,
                               .time_ms = time_ms,
                               .position = ++w->position,
                               .document = 3,
                               .flags = flags};
    record_begin(&w->builder, &head);
    if (total >= 0)
        record_set(&w->builder, w->total->number, VALUE_NUMBER, total, 0);
    record_items_begin(&w->builder, w->items->number);
    for (unsigned i = 0; i < items; i++) {
        record_item_begin(&w->builder);
        record_set(&w->builder, w->item_price->number, VALUE_NUMBER, i, 0);
    }
    record_items_end(&w->builder);
    history_append(h, (struct customer_id){9}, record_end(&w->builder));
}

static void documents_fold_by_latest_version(void **state) {
    struct world w;
    (void)state;
    clean_folder();
    world_init(&w, 2);
    struct history *h = open_history(&w);
    add_order(&w, h, 100, 2, 0, 1000);
    add_order(&w, h, -1, 1, RECORD_ITEMS_APPEND, 3000);
    add_order(&w, h, 70, 3, 0, 2000); /* in between, arriving last */
    for (int pass = 0; pass < 2; pass++) {
        struct seen_document s = {.w = &w};
        struct arena arena = {0};
        struct history_hold hold = history_enter(h);
        history_documents(h, (struct customer_id){9}, -1, &arena, take_document, &s);
        history_leave(h, hold);
        arena_release(&arena);
        assert_int_equal(s.count, 1);
        assert_int_equal(s.total, 70);
        assert_int_equal(s.items, 4); /* three put in place at 2000, one appended at 3000 */
        assert_int_equal(s.first_ms, 1000);
        assert_int_equal(s.updated_ms, 3000);
        assert_int_equal(s.updates, 3);
        compact_all(h);
    }
    history_free(h);
    world_release(&w);
    clean_folder();
}

int main(void) {
    own_folder_enter("history");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_equal_the_plain_list),
        cmocka_unit_test(copies_keep_to_their_budget),
        cmocka_unit_test(the_strongest_then_latest_attribute_wins),
        cmocka_unit_test(documents_fold_by_latest_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
