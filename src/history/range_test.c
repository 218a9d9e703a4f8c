/* range_test: every column of every kind of range against what rows, attributes and documents say one by one, over random histories: before,
 * between and after compactions, with late, replaced and merged rows. */
#include "history/range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/decimal.h"
#include "base/random.h"
#include "history/table.h"
#include "os/image.h"

#define FOLDER "/tmp/onefold-range-test"
#define CUSTOMERS 30
#define MUST(call) assert_int_equal(call, STATUS_OK)

enum { EVENT_COLUMNS = 12, ORDER_COLUMNS = 8, RELATION_COLUMNS = 4, ATTRIBUTES = 8, ANY_COLUMNS = 4 };

struct world {
    uint64_t seed;
    struct random random;
    struct dictionary *dictionary;
    struct identity *identity;
    struct history *history;
    struct type *view, *other, *order, *item, *knows, *customer;
    uint16_t widened; /* a number until half of the run, then text */
    struct record_builder builder;
    uint64_t position;
    bool gone[CUSTOMERS + 1];
    uint64_t replaceable[64]; /* positions of rows, with customer and type */
    uint32_t replaceable_customer[64];
    uint16_t replaceable_type[64];
    struct column_want view_columns[EVENT_COLUMNS], order_columns[ORDER_COLUMNS], item_columns[3],
        relation_columns[RELATION_COLUMNS], any_columns[ANY_COLUMNS], attributes[ATTRIBUTES];
    struct rows_want rows[5];
    struct range_want want;
    struct range *range;
};

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

enum view_property { V_PRICE = 1, V_NAME, V_URL, V_FLAG, V_WHEN, V_DAY, V_TAGS, V_SIZES, V_SCALES, V_WIDENED };
enum order_property { O_TOTAL = 1, O_STATUS, O_ITEMS, O_NOTES };
enum item_property { I_SKU = 1, I_PRICE, I_REAL };

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
static const enum property_type attribute_types[ATTRIBUTES] = {PROPERTY_TEXT,      PROPERTY_NUMBER, PROPERTY_BOOL,
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
        w->attributes[i].property = property(w, w->customer, attribute_names[i], attribute_types[i]);
    w->rows[0] = (struct rows_want){ROWS_EVENTS, w->view->number, w->view_columns, EVENT_COLUMNS};
    w->rows[1] = (struct rows_want){ROWS_DOCUMENTS, w->order->number, w->order_columns, ORDER_COLUMNS};
    w->rows[2] = (struct rows_want){ROWS_RELATION, w->knows->number, w->relation_columns, RELATION_COLUMNS};
    w->rows[3] = (struct rows_want){ROWS_ANY_EVENT, 0, w->any_columns, ANY_COLUMNS};
    w->rows[4] = (struct rows_want){ROWS_EVENTS, w->other->number, w->any_columns + 1, 1};
    w->want = (struct range_want){w->attributes, ATTRIBUTES, w->rows, 5};
}

static void world_open(struct world *w, uint64_t seed) {
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

static void world_close(struct world *w) {
    range_free(w->range);
    history_free(w->history);
    identity_free(w->identity);
    record_builder_release(&w->builder);
    dictionary_free(w->dictionary);
    assert_int_equal(system("rm -rf " FOLDER), 0);
}

/* --- random rows --- */

/* Customers stand in the middle of a span but for the last few, which are the next one's. */
static uint32_t number_of(uint32_t customer) {
    return customer <= 25 ? 1000 + customer * 7 : SPAN_CUSTOMERS + customer;
}

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
        else if (attribute_types[i] == PROPERTY_TEXT)
            set_text(w, p);
        else if (attribute_types[i] == PROPERTY_NUMBER)
            set_number(w, p, 0.1);
        else if (attribute_types[i] == PROPERTY_TEXT_LIST) {
            record_list_begin(&w->builder, p);
            for (uint64_t n = random_below(r, 3); n; n--)
                set_text(w, 0);
            record_list_end(&w->builder);
        } else
            record_set(&w->builder, p,
                       attribute_types[i] == PROPERTY_BOOL   ? VALUE_BOOL
                       : attribute_types[i] == PROPERTY_DATE ? VALUE_DATE
                                                             : VALUE_TIME,
                       random_between(r, 0, 1), 0);
    }
}

static void add_row(struct world *w, uint32_t customer) {
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
    record_begin(&w->builder, &head);
    if (t == w->view)
        fill_view(w);
    else if (t == w->order)
        fill_order(w);
    else if (t == w->knows)
        fill_relation(w);
    else if (t == w->customer)
        fill_attributes(w);
    history_append(w->history, (struct customer_id){number_of(customer)}, record_end(&w->builder));
    if (random_chance(r, 0.1)) { /* one record may bring rows of two types: the same time and position */
        head.type = t == w->view ? w->other->number : head.type;
        if (head.type == w->other->number && t == w->view && !replaces) {
            record_begin(&w->builder, &head);
            history_append(w->history, (struct customer_id){number_of(customer)}, record_end(&w->builder));
        }
    }
}

static void compact_all(struct world *w) {
    struct fault fault = {0};
    enum status status;
    while ((status = history_compact(w->history, true, &fault)) == STATUS_OK) {
    }
    if (status != STATUS_END)
        fail_msg("%s", fault.text);
    history_tidy(w->history);
}

static void merge_some(struct world *w) {
    uint32_t a = (uint32_t)random_between(&w->random, 1, CUSTOMERS),
             b = (uint32_t)random_between(&w->random, 1, CUSTOMERS);
    if (a == b || w->gone[a] || w->gone[b])
        return;
    history_merge(w->history, (struct customer_id){number_of(a)}, (struct customer_id){number_of(b)});
    w->gone[b] = true;
    for (unsigned i = 0; i < 64; i++)
        if (w->replaceable_customer[i] == b)
            w->replaceable_customer[i] = a;
}

/* --- what is expected, as text --- */

struct expected {
    struct world *w;
    struct buffer rows[5];
    struct buffer attributes[ATTRIBUTES];
};

static void print_number(struct buffer *out, double value) { buffer_print(out, "%.17g", value); }

static bool kind_fits(int type, uint8_t kind) {
    static const uint8_t of[] = {VALUE_TEXT, VALUE_NUMBER, VALUE_NUMBER, VALUE_BOOL, VALUE_TIME,
                                 VALUE_DATE, VALUE_LIST,   VALUE_LIST,   VALUE_ITEMS};
    return type < 0 || of[type] == kind || (of[type] == VALUE_NUMBER && kind == VALUE_REAL);
}

static void print_value(struct world *w, struct buffer *out, const struct record_head *r, const struct record_value *v,
                        int type);

static void print_items(struct world *w, struct buffer *out, const struct record_head *r,
                        const struct record_value *v) {
    buffer_add_char(out, '[');
    for (uint32_t i = 0; i < v->count; i++) {
        const struct record_item *item = &record_items(r, v)[i];
        buffer_add_char(out, '(');
        for (uint16_t p = I_SKU; p <= I_REAL; p++) {
            const struct record_value *found = NULL;
            for (uint32_t k = 0; k < item->value_count; k++)
                if (record_item_values(r, item)[k].property == p)
                    found = &record_item_values(r, item)[k];
            print_value(w, out, r, found, dictionary_property_at(w->item, p)->type);
        }
        buffer_add_char(out, ')');
    }
    buffer_add_char(out, ']');
}

static void print_value(struct world *w, struct buffer *out, const struct record_head *r, const struct record_value *v,
                        int type) {
    struct decimal number;
    if (!v || v->kind == VALUE_MISSING) {
        buffer_print(out, "-");
    } else if (type == PROPERTY_TEXT && v->kind < VALUE_TEXT) {
        table_value_text(v->kind, v->scale, v->integer, out);
    } else if (type == PROPERTY_NUMBER && v->kind == VALUE_TEXT) {
        if (decimal_parse(record_text(r, v), &number))
            buffer_print(out, "-");
        else
            print_number(out, decimal_real(number.value, number.scale));
    } else if (!kind_fits(type, v->kind)) {
        buffer_print(out, "-");
    } else if (v->kind == VALUE_TEXT) {
        buffer_add_slice(out, record_text(r, v));
    } else if (v->kind == VALUE_LIST) {
        buffer_add_char(out, '[');
        for (uint32_t i = 0; i < v->count; i++)
            print_value(w, out, r, &record_list(r, v)[i], type == PROPERTY_TEXT_LIST ? PROPERTY_TEXT : PROPERTY_NUMBER);
        buffer_add_char(out, ']');
    } else if (v->kind == VALUE_ITEMS) {
        print_items(w, out, r, v);
    } else {
        print_number(out, record_number(v));
    }
    buffer_add_char(out, '|');
}

static void print_property(struct world *w, struct buffer *out, const struct type *t, const struct record_head *r,
                           uint16_t p) {
    print_value(w, out, r, record_find(r, p), dictionary_property_at(t, p)->type);
}

static void expect_event(struct world *w, struct buffer *out, const struct record_head *r) {
    buffer_print(out, "@%lld ", (long long)r->time_ms);
    for (uint16_t p = V_PRICE; p <= V_WIDENED; p++)
        print_property(w, out, w->view, r, p);
    buffer_print(out, "%lld|%u|\n", (long long)r->received_ms, r->source);
}

struct folded {
    int64_t time_ms;
    uint64_t position;
    struct buffer text;
};

struct folded_list {
    struct world *w;
    const struct history_rows *rows;
    struct folded all[64];
    unsigned count;
};

/* Position of the document's first update. */
static uint64_t first_position(const struct folded_list *l, const struct record_head *d) {
    struct record_builder b = {0};
    uint64_t position = 0;
    for (size_t i = l->rows->count; i-- > 0 && !position;) {
        const struct record_head *r = history_row(l->w->history, l->rows, i, &b);
        if (r->type == d->type && r->document == d->document)
            position = r->position;
    }
    record_builder_release(&b);
    return position;
}

static void take_document(void *context, const struct record_head *d, int64_t updated_ms, uint32_t updates) {
    struct folded_list *l = context;
    (void)updates;
    assert_true(l->count < 64);
    struct folded *f = &l->all[l->count++];
    *f = (struct folded){.time_ms = d->time_ms, .position = first_position(l, d)};
    buffer_print(&f->text, "@%lld ", (long long)d->time_ms);
    for (uint16_t p = O_TOTAL; p <= O_NOTES; p++)
        print_property(l->w, &f->text, l->w->order, d, p);
    buffer_print(&f->text, "%lld|%llu|%lld|%u|\n", (long long)updated_ms, (unsigned long long)f->position,
                 (long long)d->time_ms, d->source);
}

static int by_first(const void *a, const void *b) {
    const struct folded *x = a, *y = b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static void expect_folded(struct folded_list *l, struct buffer *out) {
    qsort(l->all, l->count, sizeof *l->all, by_first);
    for (unsigned i = 0; i < l->count; i++) {
        buffer_add_slice(out, buffer_slice(&l->all[i].text));
        buffer_release(&l->all[i].text);
    }
}

/* Relations by hand: the newest mention of each property wins, ended ones are out. */
static void expect_relations(struct world *w, const struct history_rows *rows, struct buffer *out) {
    struct folded_list l = {w, rows, {{0}}, 0};
    for (uint32_t document = 1; document <= 4; document++) {
        struct record_builder b = {0};
        int64_t values[4] = {0}, updated = INT64_MIN;
        bool have[4] = {false}, any = false;
        struct folded f = {0};
        for (size_t i = 0; i < rows->count; i++) {
            const struct record_head *r = history_row(w->history, rows, i, &b);
            if (r->type != w->knows->number || r->document != document)
                continue;
            updated = any ? updated : r->time_ms;
            any = true;
            f.time_ms = r->time_ms;
            f.position = r->position;
            for (uint16_t p = 1; p <= 3; p++) {
                const struct record_value *v = record_find(r, p);
                if (v && !have[p]) {
                    have[p] = true;
                    values[p] = v->integer;
                }
            }
        }
        record_builder_release(&b);
        if (!any || values[RELATION_ENDED])
            continue;
        buffer_print(&f.text, "@%lld %lld|%lld|", (long long)f.time_ms, (long long)values[1], (long long)values[1]);
        if (have[3])
            buffer_print(&f.text, "%lld|", (long long)values[3]);
        else
            buffer_print(&f.text, "-|");
        buffer_print(&f.text, "%lld|\n", (long long)updated);
        l.all[l.count++] = f;
    }
    expect_folded(&l, out);
}

static void take_attribute(void *context, const struct attribute_now *a) {
    struct expected *e = context;
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        if (e->w->attributes[i].property == a->property) {
            buffer_clear(&e->attributes[i]);
            print_value(e->w, &e->attributes[i], a->record, a->value, attribute_types[i]);
        }
}

static int oldest_first(const void *a, const void *b) {
    const struct record_head *x = *(const struct record_head *const *)a, *y = *(const struct record_head *const *)b;
    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    if (x->position != y->position)
        return x->position < y->position ? -1 : 1;
    return (x->type > y->type) - (x->type < y->type);
}

static void expect(struct world *w, uint32_t customer, struct expected *e) {
    struct arena arena = {0};
    struct history_rows rows;
    struct record_builder b = {0};
    e->w = w;
    for (unsigned i = 0; i < 5; i++)
        buffer_clear(&e->rows[i]);
    for (unsigned i = 0; i < ATTRIBUTES; i++) {
        buffer_clear(&e->attributes[i]);
        buffer_print(&e->attributes[i], "-|");
    }
    history_rows(w->history, (struct customer_id){number_of(customer)}, -1, &arena, &rows);
    const struct record_head **all = arena_get(&arena, (rows.count + 1) * sizeof *all);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = history_row(w->history, &rows, i, &b);
        all[i] = memcpy(arena_get(&arena, r->bytes), r, r->bytes);
    }
    if (rows.count)
        qsort(all, rows.count, sizeof *all, oldest_first);
    for (size_t i = 0; i < rows.count; i++) {
        const struct record_head *r = all[i];
        if (r->type == w->view->number)
            expect_event(w, &e->rows[0], r);
        if (r->type == w->other->number)
            buffer_print(&e->rows[4], "@%lld %llu|\n", (long long)r->time_ms, (unsigned long long)r->position);
        if (r->kind == TYPE_EVENT)
            buffer_print(&e->rows[3], "@%lld %u|%llu|%lld|%u|\n", (long long)r->time_ms, r->type,
                         (unsigned long long)r->position, (long long)r->received_ms, r->source);
    }
    struct folded_list orders = {w, &rows, {{0}}, 0};
    history_documents_in(w->history, &rows, w->order->number, &arena, take_document, &orders);
    expect_folded(&orders, &e->rows[1]);
    expect_relations(w, &rows, &e->rows[2]);
    history_attributes_in(w->history, &rows, &arena, take_attribute, e);
    record_builder_release(&b);
    arena_release(&arena);
}

static void expected_release(struct expected *e) {
    for (unsigned i = 0; i < 5; i++)
        buffer_release(&e->rows[i]);
    for (unsigned i = 0; i < ATTRIBUTES; i++)
        buffer_release(&e->attributes[i]);
}

/* --- what a range says, as text --- */

static void print_cell(struct buffer *out, const struct range_column *c, uint32_t row) {
    struct buffer scratch = {0};
    if (c->form == COLUMN_NOTHING || (c->absent && (c->absent[row / 8] >> (row % 8) & 1))) {
        buffer_print(out, "-|");
        return;
    }
    switch (c->form) {
    case COLUMN_WHOLE:
    case COLUMN_LOOKED_UP:
        print_number(out, c->kind == VALUE_NUMBER ? decimal_real(range_integer(c, row), c->scale)
                                                  : (double)range_integer(c, row));
        break;
    case COLUMN_DOUBLES:
        print_number(out, ((const double *)c->data)[row]);
        break;
    case COLUMN_CODED:
    case COLUMN_TEXTS:
        buffer_add_slice(out, range_text(c, row, &scratch));
        break;
    default:
        buffer_add_char(out, '[');
        for (uint32_t i = c->child_starts[row]; i < c->child_starts[row + 1]; i++) {
            assert_true(i >= c->child->first && i < c->child->end);
            if (c->kind == VALUE_LIST) {
                print_cell(out, &c->child->columns[0], i);
                continue;
            }
            buffer_add_char(out, '(');
            for (unsigned k = 0; k < 3; k++)
                print_cell(out, &c->child->columns[k], i);
            buffer_add_char(out, ')');
        }
        buffer_add_char(out, ']');
    }
    buffer_add_char(out, '|');
    buffer_release(&scratch);
}

static void check_customer(struct world *w, const struct expected *e, uint32_t i, const char *what) {
    struct buffer got = {0};
    for (uint32_t k = 0; k < w->want.rows_count; k++) {
        const struct range_rows *rows = range_rows(w->range, k);
        buffer_clear(&got);
        for (uint32_t row = rows->starts[i]; row < rows->starts[i + 1]; row++) {
            assert_true(row >= rows->first && row < rows->end);
            buffer_print(&got, "@%lld ", (long long)range_row_time(rows, row));
            for (uint32_t c = 0; c < w->want.rows[k].column_count; c++)
                print_cell(&got, &rows->columns[c], row);
            buffer_add_char(&got, '\n');
        }
        if (!slice_equal(buffer_slice(&got), buffer_slice(&e->rows[k])))
            fail_msg("seed %llu, %s, rows %u of customer %u: got\n%.*s, want\n%.*s", (unsigned long long)w->seed, what,
                     k, i, SLICE_ARG(buffer_slice(&got)), SLICE_ARG(buffer_slice(&e->rows[k])));
    }
    for (uint32_t k = 0; k < w->want.attribute_count; k++) {
        buffer_clear(&got);
        print_cell(&got, range_attribute(w->range, k), i);
        if (!slice_equal(buffer_slice(&got), buffer_slice(&e->attributes[k])))
            fail_msg("seed %llu, %s, attribute %u of customer %u: got %.*s, want %.*s", (unsigned long long)w->seed,
                     what, k, i, SLICE_ARG(buffer_slice(&got)), SLICE_ARG(buffer_slice(&e->attributes[k])));
    }
    buffer_release(&got);
}

static void compare_span(struct world *w, uint32_t span, struct expected *all) {
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    uint16_t owners[CUSTOMERS];
    uint32_t who[CUSTOMERS], count = 0;
    if (!range_span(w->range, &w->want, span, dirty, population))
        return;
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        uint32_t owner = number_of(c) % SPAN_CUSTOMERS;
        if (number_of(c) / SPAN_CUSTOMERS != span || w->gone[c])
            continue;
        if (dirty[owner / 64] >> (owner % 64) & 1) {
            owners[count] = (uint16_t)owner;
            who[count++] = c;
        } else {
            check_customer(w, &all[c], owner, "span");
        }
    }
    range_owners(w->range, &w->want, span, owners, count);
    assert_int_equal(range_count(w->range), count);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(range_customer_at(w->range, i).number, number_of(who[i]));
        check_customer(w, &all[who[i]], i, "owners");
    }
}

static void compare_all(struct world *w) {
    struct expected *all = memory_get(CUSTOMERS + 1, sizeof *all);
    struct history_hold hold = history_enter(w->history);
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        expect(w, c, &all[c]);
        range_customer(w->range, &w->want, (struct customer_id){number_of(c)}, UINT64_MAX);
        check_customer(w, &all[c], 0, "customer");
    }
    compare_span(w, 0, all);
    compare_span(w, 1, all);
    history_leave(w->history, hold);
    for (uint32_t c = 1; c <= CUSTOMERS; c++)
        expected_release(&all[c]);
    free(all);
}

static void run(uint64_t seed) {
    struct world w;
    world_open(&w, seed);
    for (unsigned step = 0; step < 240; step++) {
        uint32_t customer = (uint32_t)random_between(&w.random, 1, CUSTOMERS);
        for (uint64_t n = random_below(&w.random, 8); n > 0 && !w.gone[customer]; n--)
            add_row(&w, customer);
        uint64_t what = random_below(&w.random, 100);
        if (what < 3)
            merge_some(&w);
        else if (what < 6)
            compact_all(&w);
        else if (what < 12)
            compare_all(&w);
        if (step == 120 && seed % 2) { /* number to text: the one change of type that values allow */
            struct property *p;
            MUST(dictionary_property(w.dictionary, w.view, SLICE("widened"), PROPERTY_TEXT, &p, NULL));
            p->type = PROPERTY_TEXT;
            w.widened = V_WIDENED;
        }
    }
    compare_all(&w);
    compact_all(&w);
    compare_all(&w);
    world_close(&w);
}

static void ranges_say_what_rows_say(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        print_message("range: seed %llu\n", (unsigned long long)seed);
        run(seed);
    }
}

/* --- what random rows do not show --- */

/* A person with this user id; its customer number. */
static uint32_t person(struct world *w, const char *user, const char *phone) {
    struct governed g = {.source = 1};
    struct resolution out;
    g.claims[g.claim_count++] =
        (struct claim){dictionary_namespace_find(w->dictionary, SLICE("user_id"))->number, slice_text(user)};
    if (phone)
        g.claims[g.claim_count++] =
            (struct claim){dictionary_namespace_find(w->dictionary, SLICE("anonymous_id"))->number, slice_text(phone)};
    if (!*user)
        g.claims[0] = g.claims[--g.claim_count];
    MUST(identity_resolve(w->identity, &g, ++w->position, 1, &out));
    for (size_t i = 0; i < out.merge_count; i++)
        history_merge(w->history, out.merges[i].winner, out.merges[i].loser);
    return out.customer.number;
}

static void relate(struct world *w, uint32_t from, uint32_t to, bool over) {
    struct record_head head = {
        .type = w->knows->number, .kind = TYPE_RELATION, .time_ms = 1000, .position = ++w->position, .document = to};
    record_begin(&w->builder, &head);
    record_set(&w->builder, RELATION_CUSTOMER, VALUE_NUMBER, to, 0);
    if (over)
        record_set(&w->builder, RELATION_ENDED, VALUE_BOOL, 1, 0);
    history_append(w->history, (struct customer_id){from}, record_end(&w->builder));
}

static void targets_follow_merges_and_population_counts(void **state) {
    (void)state;
    struct world w;
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 1);
    range_free(w.range);
    w.range = range_create(w.history, w.identity);
    uint32_t a = person(&w, "a", NULL), b = person(&w, "b", NULL), c = person(&w, "", "device"),
             d = person(&w, "d", NULL);
    relate(&w, a, b, false);
    relate(&w, a, c, false);
    relate(&w, a, d, false);
    relate(&w, a, d, true);
    assert_int_equal(person(&w, "b", "device"), b); /* c is b */
    for (int pass = 0; pass < 2; pass++) {
        struct history_hold hold = history_enter(w.history);
        assert_true(range_span(w.range, &w.want, 0, dirty, population));
        assert_int_equal(population[0], 1u << a | 1u << b | 1u << d);
        assert_int_equal(dirty[0], pass ? 0 : 1u << a);
        if (!pass)
            range_customer(w.range, &w.want, (struct customer_id){a}, UINT64_MAX);
        const struct range_rows *rows = range_rows(w.range, 2);
        uint32_t first = rows->starts[pass ? a : 0];
        assert_int_equal(rows->starts[(pass ? a : 0) + 1] - first, 2);
        assert_int_equal(range_integer(&rows->columns[0], first), b);
        assert_int_equal(range_integer(&rows->columns[0], first + 1), b);
        assert_true(range_bytes(w.range) > 0);
        history_leave(w.history, hold);
        compact_all(&w);
    }
    assert_false(range_span(w.range, &w.want, 77, dirty, population));
    range_customer(w.range, &w.want, (struct customer_id){77 * SPAN_CUSTOMERS}, UINT64_MAX);
    assert_int_equal(range_rows(w.range, 0)->starts[1], 0);
    assert_int_equal(range_attribute(w.range, 0)->form, COLUMN_NOTHING);
    world_close(&w);
}

/* Rows as they stood when a position was next: those from it on are not there, in whatever order they came. */
static void rows_before_a_position(void **state) {
    (void)state;
    struct world w;
    world_open(&w, 2);
    for (unsigned i = 1; i <= 6; i++) {
        struct record_head head = {.type = i == 6 ? 0 : w.view->number,
                                   .kind = i == 6 ? TYPE_ATTRIBUTES : TYPE_EVENT,
                                   .time_ms = 10 - i,
                                   .position = i};
        record_begin(&w.builder, &head);
        if (i == 6)
            record_set_text(&w.builder, w.attributes[0].property, SLICE("x"));
        history_append(w.history, (struct customer_id){5}, record_end(&w.builder));
        if (i == 2)
            compact_all(&w);
    }
    struct history_hold hold = history_enter(w.history);
    for (uint64_t before = 1; before <= 7; before++) {
        range_customer(w.range, &w.want, (struct customer_id){5}, before);
        assert_int_equal(range_rows(w.range, 0)->end, before <= 6 ? before - 1 : 5);
        assert_int_equal(range_rows(w.range, 3)->end, before <= 6 ? before - 1 : 5);
        assert_int_equal(range_attribute(w.range, 0)->form, before <= 6 ? COLUMN_NOTHING : COLUMN_TEXTS);
    }
    history_leave(w.history, hold);
    world_close(&w);
}

/* Attributes that nobody asks for, and types, leave a customer clean. */
static void only_what_is_wanted_makes_dirty(void **state) {
    (void)state;
    struct world w;
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 3);
    static const struct {
        unsigned attribute;
        bool event, dirty;
    } cases[] = {{0, false, true}, {1, false, false}, {2, true, true}, {3, false, false}};
    struct range_want want = {w.attributes, 1, w.rows, 1};
    for (unsigned i = 0; i < 4; i++) {
        struct record_head head = {.type = cases[i].event ? w.view->number : 0,
                                   .kind = cases[i].event ? TYPE_EVENT : TYPE_ATTRIBUTES,
                                   .position = i + 1u};
        record_begin(&w.builder, &head);
        if (!cases[i].event)
            record_set(&w.builder, w.attributes[cases[i].attribute].property, VALUE_MISSING, 0, 0);
        history_append(w.history, (struct customer_id){100 * i + 100}, record_end(&w.builder));
    }
    struct history_hold hold = history_enter(w.history);
    assert_true(range_span(w.range, &want, 0, dirty, population));
    for (unsigned i = 0; i < 4; i++) {
        uint32_t owner = 100 * i + 100;
        assert_int_equal(dirty[owner / 64] >> (owner % 64) & 1, cases[i].dirty);
    }
    history_leave(w.history, hold);
    world_close(&w);
}

/* Copies a span file without its current tables: as files were before there were such. */
static void strip(struct world *w, const char *path) {
    struct image *image;
    struct image_writer *writer;
    struct slice section;
    struct fault fault = {0};
    char copy[128], name[16];
    snprintf(copy, sizeof copy, "%s.copy", path);
    MUST(image_open(os_real(), path, &image, &fault));
    MUST(image_create(os_real(), copy, &writer, &fault));
    for (uint32_t i = 0; i < dictionary_type_count(w->dictionary); i++) {
        snprintf(name, sizeof name, "t%u", i);
        if (image_find(image, name, true, &section, &fault) == STATUS_OK)
            MUST(image_add(writer, name, section.data, section.size, &fault));
    }
    MUST(image_find(image, "tables", true, &section, &fault));
    MUST(image_add(writer, "tables", section.data, section.size, &fault));
    MUST(image_finish(writer, NULL, &fault));
    image_close(image);
    assert_int_equal(rename(copy, path), 0);
}

static void find_span_file(void *context, const char *name) {
    if (strncmp(name, "span-0-", 7) == 0)
        snprintf(context, 128, FOLDER "/%s", name);
}

static void files_of_before_still_open(void **state) {
    (void)state;
    struct world w;
    struct fault fault = {0};
    char path[128] = "";
    uint64_t dirty[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    world_open(&w, 4);
    for (unsigned i = 0; i < 300; i++)
        add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    compact_all(&w);
    struct history_image *image = history_freeze(w.history);
    MUST(history_write(image, FOLDER "/saved", &fault));
    history_image_free(image, true);
    history_free(w.history);
    MUST(os_list(os_real(), FOLDER, find_span_file, path, &fault));
    strip(&w, path);
    MUST(history_create(os_real(), FOLDER, w.dictionary, NULL, &w.history, &fault));
    MUST(history_load(w.history, FOLDER "/saved", &fault));
    range_free(w.range);
    w.range = range_create(w.history, NULL);
    compare_all(&w);
    struct history_hold hold = history_enter(w.history);
    assert_true(range_span(w.range, &w.want, 0, dirty, population));
    assert_true(dirty[0] == UINT64_MAX && dirty[SPAN_CUSTOMERS / 64 - 1] == UINT64_MAX);
    history_leave(w.history, hold);
    world_close(&w);
}

/* Tables of many rows have starts of their own. */
static void large_tables_say_what_rows_say(void **state) {
    (void)state;
    struct world w;
    world_open(&w, 5);
    for (unsigned i = 0; i < 30000; i++)
        add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    compact_all(&w);
    compare_all(&w);
    for (unsigned i = 0; i < 20; i++)
        add_row(&w, (uint32_t)random_between(&w.random, 1, 25));
    compare_all(&w);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets_follow_merges_and_population_counts),
        cmocka_unit_test(rows_before_a_position),
        cmocka_unit_test(only_what_is_wanted_makes_dirty),
        cmocka_unit_test(files_of_before_still_open),
        cmocka_unit_test(large_tables_say_what_rows_say),
        cmocka_unit_test(ranges_say_what_rows_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
