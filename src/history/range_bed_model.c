/* range_bed: see the header. */
#include "history/range_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define MUST(call) assert_int_equal(call, STATUS_OK)

static uint16_t property(struct world *w, struct type *t, const char *name, enum property_type type) {
    struct property *p;
    MUST(dictionary_property(w->dictionary, t, slice_text(name), type, &p, NULL));
    return p->number;
}

static struct type *type(struct world *w, enum type_kind kind, const char *name) {
    struct type *t;
    MUST(dictionary_type(w->dictionary, kind, slice_text(name), &t, NULL));
    return t;
}

static void types_init(struct world *w) {
    w->view = type(w, TYPE_EVENT, "test view");
    w->other = type(w, TYPE_EVENT, "test other");
    w->order = type(w, TYPE_DOCUMENT, "test order");
    w->knows = type(w, TYPE_RELATION, "test knows");
    w->customer = type(w, TYPE_ATTRIBUTES, "customer");
    static const struct {
        const char *name;
        enum property_type type;
    } of_view[] = {{"price", PROPERTY_MONEY},    {"name", PROPERTY_TEXT},         {"url", PROPERTY_TEXT},
                   {"flag", PROPERTY_BOOL},      {"when", PROPERTY_TIME},         {"day", PROPERTY_DATE},
                   {"tags", PROPERTY_TEXT_LIST}, {"sizes", PROPERTY_NUMBER_LIST}, {"scales", PROPERTY_NUMBER},
                   {"widened", PROPERTY_NUMBER}};
    for (unsigned i = 0; i < sizeof of_view / sizeof *of_view; i++)
        assert_int_equal(property(w, w->view, of_view[i].name, of_view[i].type), i + 1);
    property(w, w->order, "total", PROPERTY_MONEY);
    property(w, w->order, "status", PROPERTY_TEXT);
    property(w, w->order, "items", PROPERTY_ITEMS);
    property(w, w->order, "notes", PROPERTY_TEXT_LIST);
    w->item = type(w, TYPE_ITEM, "test order.items");
    property(w, w->item, "sku", PROPERTY_TEXT);
    property(w, w->item, "price", PROPERTY_MONEY);
    property(w, w->item, "real", PROPERTY_NUMBER);
}

static const char *const attribute_names[ATTRIBUTES] = {"t_city", "t_age",  "t_vip",   "t_born",
                                                        "t_code", "t_seen", "t_likes", "t_never"};
const enum property_type world_attribute_types[ATTRIBUTES] = {PROPERTY_TEXT,      PROPERTY_NUMBER, PROPERTY_BOOL,
                                                              PROPERTY_DATE,      PROPERTY_TEXT,   PROPERTY_TIME,
                                                              PROPERTY_TEXT_LIST, PROPERTY_TEXT};

static void wants_init(struct world *w) {
    for (unsigned i = 0; i < 10; i++)
        w->view_columns[i].property = (uint16_t)(i + 1);
    w->view_columns[10].property = RANGE_RECEIVED;
    w->view_columns[11].property = RANGE_SOURCE;
    for (unsigned i = 0; i < 4; i++)
        w->order_columns[i].property = (uint16_t)(i + 1);
    for (unsigned i = 0; i < 3; i++)
        w->item_columns[i].property = (uint16_t)(i + 1);
    w->order_columns[O_ITEMS - 1].items = w->item_columns;
    w->order_columns[O_ITEMS - 1].item_count = 3;
    w->order_columns[4].property = RANGE_UPDATED;
    w->order_columns[5].property = RANGE_POSITION;
    w->order_columns[6].property = RANGE_TIME;
    w->order_columns[7].property = RANGE_SOURCE;
    w->relation_columns[0].property = RANGE_TARGET;
    w->relation_columns[1].property = RELATION_CUSTOMER;
    w->relation_columns[2].property = 3;
    w->relation_columns[3].property = RANGE_UPDATED;
    w->any_columns[0].property = RANGE_TYPE;
    w->any_columns[1].property = RANGE_POSITION;
    w->any_columns[2].property = RANGE_RECEIVED;
    w->any_columns[3].property = RANGE_SOURCE;
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        w->attributes[i].property = property(w, w->customer, attribute_names[i], world_attribute_types[i]);
    w->rows[0] = (struct rows_want){ROWS_EVENTS, w->view->number, w->view_columns, EVENT_COLUMNS};
    w->rows[1] = (struct rows_want){ROWS_DOCUMENTS, w->order->number, w->order_columns, ORDER_COLUMNS};
    w->rows[2] = (struct rows_want){ROWS_RELATION, w->knows->number, w->relation_columns, RELATION_COLUMNS};
    w->rows[3] = (struct rows_want){ROWS_ANY_EVENT, 0, w->any_columns, ANY_COLUMNS};
    w->rows[4] = (struct rows_want){ROWS_EVENTS, w->other->number, w->any_columns + 1, 1};
    w->want = (struct range_want){w->attributes, ATTRIBUTES, w->rows, 5};
}

void world_open(struct world *w, uint64_t seed) {
    struct fault fault = {0};
    assert_int_equal(system("rm -rf " FOLDER), 0);
    memset(w, 0, sizeof *w);
    w->seed = seed;
    random_init(&w->random, seed);
    w->dictionary = dictionary_create();
    types_init(w);
    property(w, w->knows, "since", PROPERTY_DATE);
    wants_init(w);
    MUST(history_create(os_real(), FOLDER, w->dictionary, NULL, &w->history, &fault));
    w->identity = identity_create(os_real(), w->dictionary);
    w->range = range_create(w->history, NULL);
}

void world_close(struct world *w) {
    range_free(w->range);
    history_free(w->history);
    identity_free(w->identity);
    record_builder_release(&w->builder);
    dictionary_free(w->dictionary);
    assert_int_equal(system("rm -rf " FOLDER), 0);
}

/* --- random rows --- */

/* Customers stand in the middle of a span but for the last few, which are the next one's. */
uint32_t world_number(uint32_t customer) { return customer <= 25 ? 1000 + customer * 7 : SPAN_CUSTOMERS + customer; }

static struct slice random_text(struct world *w, char text[64]) {
    static const char *const shapes[] = {"值%u", "https://shop.example/p/%u.html", "s%u", "%u"};
    unsigned shape = (unsigned)random_below(&w->random, 4);
    return slice_of(text, (size_t)snprintf(text, 64, shapes[shape], (unsigned)random_below(&w->random, 6)));
}

static void set_text(struct world *w, uint16_t p) {
    char text[64];
    record_set_text(&w->builder, p, random_text(w, text));
}

static void set_number(struct world *w, uint16_t p, double real) {
    struct random *r = &w->random;
    if (random_chance(r, real))
        record_set_real(&w->builder, p, random_unit(r) * 1e-7);
    else
        record_set(&w->builder, p, VALUE_NUMBER, random_between(r, -100, 100000), (uint8_t)random_below(r, 3));
}

static void fill_view(struct world *w) {
    struct random *r = &w->random;
    char text[64];
    if (random_chance(r, 0.9))
        record_set(&w->builder, V_PRICE, VALUE_NUMBER, random_between(r, 0, 999), 2);
    if (random_chance(r, 0.8))
        record_set_text(&w->builder, V_NAME, random_chance(r, 0.5) ? SLICE("a") : SLICE("bb"));
    if (random_chance(r, 0.8)) {
        int n = snprintf(text, sizeof text, "https://a.example/%llu", (unsigned long long)random_below(r, 1000000));
        record_set_text(&w->builder, V_URL, slice_of(text, (size_t)n));
    }
    if (random_chance(r, 0.5))
        record_set(&w->builder, V_FLAG, random_chance(r, 0.9) ? VALUE_BOOL : VALUE_MISSING, 1, 0);
    if (random_chance(r, 0.5))
        record_set(&w->builder, V_WHEN, VALUE_TIME, random_between(r, 0, 1000000000000), 0);
    if (random_chance(r, 0.5))
        record_set(&w->builder, V_DAY, VALUE_DATE, random_between(r, 0, 20000), 0);
    for (uint16_t p = V_TAGS; p <= V_SIZES; p++) {
        if (random_chance(r, 0.6))
            continue;
        record_list_begin(&w->builder, p);
        for (uint64_t n = random_below(r, 4); n; n--)
            if (p == V_TAGS)
                set_text(w, 0);
            else
                set_number(w, 0, 0.05);
        record_list_end(&w->builder);
    }
    if (random_chance(r, 0.8))
        set_number(w, V_SCALES, w->seed % 3 == 0 ? 0.1 : 0);
    if (random_chance(r, 0.02))
        record_set(&w->builder, V_SCALES, VALUE_NUMBER, INT64_MAX - 5, 0); /* fits no other scale */
    if (random_chance(r, 0.7)) {
        if (w->widened && random_chance(r, 0.8))
            set_text(w, V_WIDENED);
        else
            set_number(w, V_WIDENED, 0.1);
    }
}

static void fill_order(struct world *w) {
    struct random *r = &w->random;
    if (random_chance(r, 0.8))
        record_set(&w->builder, O_TOTAL, random_chance(r, 0.9) ? VALUE_NUMBER : VALUE_MISSING,
                   random_between(r, 0, 9999), 2);
    if (random_chance(r, 0.5))
        set_text(w, O_STATUS);
    if (random_chance(r, 0.3)) {
        record_list_begin(&w->builder, O_NOTES);
        for (uint64_t n = random_below(r, 3); n; n--)
            set_text(w, 0);
        record_list_end(&w->builder);
    }
    if (random_chance(r, 0.1))
        record_set(&w->builder, O_ITEMS, VALUE_MISSING, 0, 0);
    else if (random_chance(r, 0.7)) {
        record_items_begin(&w->builder, O_ITEMS);
        for (uint64_t n = random_below(r, 4); n; n--) {
            record_item_begin(&w->builder);
            if (random_chance(r, 0.9))
                set_text(w, I_SKU);
            if (random_chance(r, 0.9))
                record_set(&w->builder, I_PRICE, VALUE_NUMBER, random_between(r, 1, 99), (uint8_t)random_below(r, 2));
            if (random_chance(r, 0.5))
                set_number(w, I_REAL, 0.3);
        }
        record_items_end(&w->builder);
    }
}

static void fill_relation(struct world *w) {
    struct random *r = &w->random;
    record_set(&w->builder, RELATION_CUSTOMER, VALUE_NUMBER, random_between(r, 1, 50), 0);
    if (random_chance(r, 0.4))
        record_set(&w->builder, RELATION_ENDED, VALUE_BOOL, random_chance(r, 0.6), 0);
    if (random_chance(r, 0.5))
        record_set(&w->builder, 3, VALUE_DATE, random_between(r, 0, 20000), 0);
}

static void fill_attributes(struct world *w) {
    for (unsigned i = 0; i < ATTRIBUTES - 1; i++) {
        uint16_t p = w->attributes[i].property;
        struct random *r = &w->random;
        if (random_chance(r, 0.7))
            continue;
        if (random_chance(r, 0.15))
            record_set(&w->builder, p, VALUE_MISSING, 0, 0);
        else if (world_attribute_types[i] == PROPERTY_TEXT)
            set_text(w, p);
        else if (world_attribute_types[i] == PROPERTY_NUMBER)
            set_number(w, p, 0.1);
        else if (world_attribute_types[i] == PROPERTY_TEXT_LIST) {
            record_list_begin(&w->builder, p);
            for (uint64_t n = random_below(r, 3); n; n--)
                set_text(w, 0);
            record_list_end(&w->builder);
        } else
            record_set(&w->builder, p,
                       world_attribute_types[i] == PROPERTY_BOOL   ? VALUE_BOOL
                       : world_attribute_types[i] == PROPERTY_DATE ? VALUE_DATE
                                                                   : VALUE_TIME,
                       random_between(r, 0, 1), 0);
    }
}

void world_add_row(struct world *w, uint32_t customer) {
    struct random *r = &w->random;
    struct type *types[] = {w->view, w->view, w->view, w->other, w->order, w->order, w->knows, w->customer};
    struct type *t = types[random_below(r, 8)];
    unsigned slot = (unsigned)random_below(r, 64);
    bool replaces = w->replaceable_type[slot] == t->number && w->replaceable_customer[slot] && random_chance(r, 0.2) &&
                    !w->gone[w->replaceable_customer[slot]];
    struct record_head head = {.type = t->number,
                               .kind = t->kind,
                               .source = (uint16_t)random_between(r, 1, 3),
                               .time_ms = random_chance(r, 0.3) ? random_between(r, -5, 5) * 1000
                                                                : random_between(r, 0, 4000000),
                               .received_ms = 1700000000000 + random_between(r, 0, 1000000),
                               .position = replaces ? w->replaceable[slot] : ++w->position,
                               .arrival = (uint32_t)random_between(r, 1, 20),
                               .document = t == w->order || t == w->knows ? (uint32_t)random_between(r, 1, 4) : 0,
                               .flags = replaces                                 ? RECORD_REPLACES
                                        : t == w->order && random_chance(r, 0.3) ? RECORD_ITEMS_APPEND
                                                                                 : 0,
                               .priority = (uint8_t)random_below(r, 3)};
    if (replaces)
        customer = w->replaceable_customer[slot];
    else {
        w->replaceable[slot] = head.position;
        w->replaceable_type[slot] = t->number;
        w->replaceable_customer[slot] = customer;
    }
    if (replaces && t == w->knows) { /* what tells rows of a relation at one position apart */
        head.arrival = w->replaceable_arrival[slot];
        head.document = w->replaceable_document[slot];
    }
    w->replaceable_arrival[slot] = head.arrival;
    w->replaceable_document[slot] = head.document;
    record_begin(&w->builder, &head);
    if (t == w->view)
        fill_view(w);
    else if (t == w->order)
        fill_order(w);
    else if (t == w->knows)
        fill_relation(w);
    else if (t == w->customer)
        fill_attributes(w);
    history_append(w->history, (struct customer_id){world_number(customer)}, record_end(&w->builder));
    if (random_chance(r, 0.1)) { /* one record may bring rows of two types: the same time and position */
        head.type = t == w->view ? w->other->number : head.type;
        if (head.type == w->other->number && t == w->view && !replaces) {
            record_begin(&w->builder, &head);
            history_append(w->history, (struct customer_id){world_number(customer)}, record_end(&w->builder));
        }
    }
}

void world_compact(struct world *w) {
    struct fault fault = {0};
    enum status status;
    while ((status = history_compact(w->history, true, &fault)) == STATUS_OK) {
    }
    if (status != STATUS_END)
        fail_msg("%s", fault.text);
    history_tidy(w->history);
    if (w->compactions++ % 2 == 0) /* every other time bases are read out of memory instead of mapped files */
        while (!history_compact(w->history, false, &fault))
            history_tidy(w->history);
    history_tidy(w->history);
}

void world_merge_some(struct world *w) {
    uint32_t a = (uint32_t)random_between(&w->random, 1, CUSTOMERS),
             b = (uint32_t)random_between(&w->random, 1, CUSTOMERS);
    if (a == b || w->gone[a] || w->gone[b])
        return;
    history_merge(w->history, (struct customer_id){world_number(a)}, (struct customer_id){world_number(b)});
    w->gone[b] = true;
    for (unsigned i = 0; i < 64; i++)
        if (w->replaceable_customer[i] == b)
            w->replaceable_customer[i] = a;
}

void world_split_some(struct world *w) {
    uint32_t a = (uint32_t)random_between(&w->random, 1, CUSTOMERS),
             b = (uint32_t)random_between(&w->random, 1, CUSTOMERS);
    struct identifier_id arrivals[10];
    size_t count = random_below(&w->random, 10);
    if (a == b || w->gone[a])
        return;
    for (size_t i = 0; i < count; i++) {
        arrivals[i].number = (uint32_t)random_between(&w->random, 1, 20);
        for (unsigned k = 0; k < 64; k++)
            if (w->replaceable_customer[k] == a && w->replaceable_arrival[k] == arrivals[i].number)
                w->replaceable_customer[k] = b;
    }
    history_move(w->history, (struct customer_id){world_number(a)}, (struct customer_id){world_number(b)}, arrivals,
                 count);
    w->gone[b] = false;
}
