/* bench/shop: the made-up customers, and how they become a history. */
#include "main/bench/shop.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define YEAR_S (365 * SHOP_DAY_S)
#define PRODUCTS 5004 /* of each category as many */
#define COMPACT_CUSTOMERS (64 * SPAN_CUSTOMERS)
#define RELATED_ONE_IN 5
#define GENDERS 3

const char *const shop_cities[SHOP_CITIES] = {"上海", "北京", "广州", "深圳", "杭州", "成都", "南京", "武汉",
                                              "西安", "苏州", "重庆", "天津", "长沙", "郑州", "青岛", "宁波",
                                              "合肥", "佛山", "厦门", "福州", "济南", "无锡", "东莞", "昆明",
                                              "大连", "沈阳", "泉州", "温州", "南宁", "贵阳"};
const char *const shop_categories[SHOP_CATEGORIES] = {"skincare", "makeup", "shoes",   "bags", "toys",   "books",
                                                      "sports",   "garden", "kitchen", "pets", "phones", "snacks"};
const char *const shop_channels[SHOP_CHANNELS] = {"app", "web", "mini program", "store"};
const char *const shop_levels[SHOP_LEVELS] = {"bronze", "silver", "gold", "diamond"};

/* --- customers --- */

static uint64_t draw(const struct shop *shop, uint32_t number, uint32_t what) {
    return hash_mix(hash_mix(shop->seed * 0x9e3779b97f4a7c15ULL + number) + what);
}

/* Of all ages; one in seven is a child, one in twenty did not say. */
int32_t shop_birthday(const struct shop *shop, uint32_t number) {
    uint64_t h = draw(shop, number, 1);
    const int32_t today = SHOP_NOW_S / SHOP_DAY_S;
    if (h % 20 == 0)
        return 0;
    return h % 7 == 0 ? today - 1 - (int32_t)((h >> 8) % (10 * 365))
                      : today - 18 * 365 - (int32_t)((h >> 8) % (50 * 365));
}

static uint8_t some_or_none(uint64_t h, unsigned none_one_in, unsigned kinds) {
    return h % none_one_in == 0 ? SHOP_NONE : (uint8_t)((h >> 16) % kinds);
}

static uint32_t cents_of(uint16_t product) { return 990 + (uint32_t)(hash_mix(product + 99) % 60000); }

/* What follows within a visit. */
static uint8_t next_event(uint8_t before, unsigned chance) {
    static const uint8_t up_to[SHOP_EVENTS][3] = {{30, 92, 98}, {20, 65, 98}, {12, 45, 60}, {50, 92, 98}};
    uint8_t event = 0;
    while (event < SHOP_ORDER && chance >= up_to[before][event])
        event++;
    return event;
}

static int by_time(const void *a, const void *b) {
    const struct shop_row *x = a, *y = b;
    return (x->time_s > y->time_s) - (x->time_s < y->time_s);
}

static void fill_items(struct shop_row *row, uint64_t h) {
    row->item_count = (uint8_t)(1 + h % SHOP_ITEMS_MAX);
    row->cents = 0;
    for (uint8_t i = 0; i < row->item_count; i++) {
        uint64_t k = hash_mix(h + i);
        uint16_t product = i == 0 ? row->product : (uint16_t)(k % PRODUCTS);
        row->items[i] = (struct shop_item){product, (uint8_t)(1 + (k >> 32) % 3), cents_of(product)};
        row->cents += row->items[i].quantity * row->items[i].cents;
    }
}

/* Visits at any time of the year; within one, a row follows the other after up to twenty minutes. */
static void fill_rows(const struct shop *shop, struct shop_customer *c) {
    uint64_t count = 1 + draw(shop, c->number, 2) % (2 * shop->events_each - 1);
    assert(count <= SHOP_ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        uint64_t h = draw(shop, c->number, 100 + (uint32_t)i);
        struct shop_row *row = &c->rows[i];
        const struct shop_row *before = i && h % 4 ? row - 1 : NULL;
        row->time_s = before ? before->time_s + 20 + (uint32_t)((h >> 8) % 1200)
                             : SHOP_NOW_S - YEAR_S + (uint32_t)((h >> 8) % (YEAR_S - SHOP_DAY_S));
        row->event = next_event(before ? before->event : SHOP_PAGE, (unsigned)(h >> 32) % 100);
        row->channel = (uint8_t)((h >> 40) % SHOP_CHANNELS);
        row->product = before && (h >> 44) % 3 ? before->product : (uint16_t)((h >> 48) % PRODUCTS);
        row->cents = cents_of(row->product);
        row->item_count = 0;
        if (row->event == SHOP_ORDER)
            fill_items(row, h);
    }
    qsort(c->rows, count, sizeof *c->rows, by_time);
    for (size_t i = 1; i < count; i++)
        if (c->rows[i].time_s <= c->rows[i - 1].time_s)
            c->rows[i].time_s = c->rows[i - 1].time_s + 1;
    c->row_count = count;
}

void shop_customer(const struct shop *shop, uint32_t number, struct shop_customer *out) {
    assert(number && number <= shop->customers);
    out->number = number;
    out->city = some_or_none(draw(shop, number, 3), 20, SHOP_CITIES);
    out->gender = some_or_none(draw(shop, number, 4), 10, GENDERS);
    out->level = some_or_none(draw(shop, number, 5), 30, SHOP_LEVELS);
    out->birthday = shop_birthday(shop, number);
    uint64_t h = draw(shop, number, 6);
    out->ward = h % RELATED_ONE_IN == 0 ? 1 + (uint32_t)((h >> 8) % shop->customers) : 0;
    out->ward = out->ward == number ? 0 : out->ward;
    fill_rows(shop, out);
}

bool shop_is_sound(const struct shop *shop) {
    return shop->customers && shop->customers <= 100000000 && shop->events_each &&
           2 * shop->events_each <= SHOP_ROWS_MAX + 1;
}

/* Every beginning, for each what can follow first: slow, and nothing to get wrong. */
unsigned shop_steps(const struct shop_customer *c, int64_t seconds) {
    unsigned most = 0;
    for (size_t first = 0; first < c->row_count; first++) {
        unsigned reached = c->rows[first].event == SHOP_VIEW;
        for (size_t i = first + 1; i < c->row_count && reached && reached < 3; i++)
            if ((int64_t)c->rows[i].time_s - (int64_t)c->rows[first].time_s <= seconds)
                reached += c->rows[i].event == (reached == 1 ? SHOP_ADD : SHOP_ORDER);
        most = reached > most ? reached : most;
    }
    return most;
}

/* --- history --- */

/* Numbers of types and properties, and what a row is made in. */
struct builder {
    const struct shop *shop;
    struct shop_store *store;
    struct record_builder record;
    uint16_t events[SHOP_EVENTS], order, guardian_of;
    uint16_t category[SHOP_EVENTS], sku[SHOP_EVENTS], price[SHOP_EVENTS], channel[SHOP_EVENTS];
    uint16_t total, items, order_channel, item_sku, item_category, item_price, item_quantity;
    uint16_t city, gender, level, birthday;
    uint64_t position;
};

/* Finds a type and one of its properties; the first fault of a series of calls stays. */
static struct type *type_of(struct builder *b, enum type_kind kind, const char *name, enum status *status,
                            struct fault *fault) {
    struct type *type = NULL;
    if (!*status)
        *status = dictionary_type(b->store->dictionary, kind, slice_text(name), &type, fault);
    return type;
}

static uint16_t property_of(struct builder *b, struct type *type, const char *name, enum property_type kind,
                            enum status *status, struct fault *fault) {
    struct property *property = NULL;
    if (!*status)
        *status = dictionary_property(b->store->dictionary, type, slice_text(name), kind, &property, fault);
    return property ? property->number : 0;
}

static void define_events(struct builder *b, enum status *status, struct fault *fault) {
    static const char *const names[SHOP_EVENTS] = {"page", "Product Viewed", "Product Added", "Order Completed"};
    for (int i = 0; i < SHOP_EVENTS; i++) {
        struct type *type = type_of(b, TYPE_EVENT, names[i], status, fault);
        b->events[i] = type ? type->number : 0;
        b->channel[i] = property_of(b, type, "channel", PROPERTY_TEXT, status, fault);
        if (i == SHOP_PAGE)
            continue;
        b->price[i] = property_of(b, type, i == SHOP_ORDER ? "total" : "price", PROPERTY_MONEY, status, fault);
        b->category[i] = i == SHOP_ORDER ? 0 : property_of(b, type, "category", PROPERTY_TEXT, status, fault);
        b->sku[i] = i == SHOP_ORDER ? 0 : property_of(b, type, "sku", PROPERTY_TEXT, status, fault);
    }
}

static void define_items(struct builder *b, struct type *order, enum status *status, struct fault *fault) {
    b->items = property_of(b, order, "items", PROPERTY_ITEMS, status, fault);
    struct type *item = type_of(b, TYPE_ITEM, "order.items", status, fault);
    b->item_sku = property_of(b, item, "sku", PROPERTY_TEXT, status, fault);
    b->item_category = property_of(b, item, "category", PROPERTY_TEXT, status, fault);
    b->item_price = property_of(b, item, "price", PROPERTY_MONEY, status, fault);
    b->item_quantity = property_of(b, item, "quantity", PROPERTY_NUMBER, status, fault);
}

static enum status define(struct builder *b, struct fault *fault) {
    enum status status = STATUS_OK;
    define_events(b, &status, fault);
    struct type *order = type_of(b, TYPE_DOCUMENT, "order", &status, fault);
    b->order = order ? order->number : 0;
    b->total = property_of(b, order, "total", PROPERTY_MONEY, &status, fault);
    b->order_channel = property_of(b, order, "channel", PROPERTY_TEXT, &status, fault);
    define_items(b, order, &status, fault);
    struct type *relation = type_of(b, TYPE_RELATION, "guardian_of", &status, fault);
    b->guardian_of = relation ? relation->number : 0;
    struct type *customer = type_of(b, TYPE_ATTRIBUTES, "customer", &status, fault);
    b->city = property_of(b, customer, "city", PROPERTY_TEXT, &status, fault);
    b->gender = property_of(b, customer, "gender", PROPERTY_NUMBER, &status, fault);
    b->level = property_of(b, customer, "level", PROPERTY_TEXT, &status, fault);
    b->birthday = property_of(b, customer, "birthday", PROPERTY_DATE, &status, fault);
    return status;
}

/* Everybody has one identifier, so its number is the customer's. */
static enum status resolve_all(struct builder *b, struct fault *fault) {
    struct governed *governed = memory_get(1, sizeof *governed);
    struct resolution *resolution = memory_get(1, sizeof *resolution);
    const struct namespace *user_id = dictionary_namespace_find(b->store->dictionary, SLICE("user_id"));
    enum status status = STATUS_OK;
    for (uint32_t number = 1; number <= b->shop->customers && !status; number++) {
        char text[16];
        int size = snprintf(text, sizeof text, "u-%07u", number);
        governed->claims[0] = (struct claim){user_id->number, slice_of(text, (size_t)size)};
        governed->claim_count = 1;
        status = identity_resolve(b->store->identity, governed, ++b->position, 1, resolution);
        if (!status && (resolution->customer.number != number || resolution->arrival.number != number))
            status = fault_set(fault, STATUS_INVALID, "customer %u got number %u", number, resolution->customer.number);
    }
    free(governed);
    free(resolution);
    return status;
}

static void begin(struct builder *b, const struct shop_customer *c, uint16_t type, enum type_kind kind, uint32_t time_s,
                  uint32_t document) {
    const struct record_head head = {.type = type,
                                     .source = 1,
                                     .time_ms = (int64_t)time_s * 1000,
                                     .received_ms = (int64_t)time_s * 1000 + 500,
                                     .position = ++b->position,
                                     .kind = (uint8_t)kind,
                                     .priority = 100,
                                     .arrival = c->number,
                                     .document = document};
    record_begin(&b->record, &head);
}

static void finish(struct builder *b, const struct shop_customer *c) {
    history_append(b->store->history, (struct customer_id){c->number}, record_end(&b->record));
}

static void set_sku(struct builder *b, uint16_t property, uint16_t product) {
    char text[16];
    int size = snprintf(text, sizeof text, "P%05u", product);
    record_set_text(&b->record, property, slice_of(text, (size_t)size));
}

static void add_attributes(struct builder *b, const struct shop_customer *c) {
    begin(b, c, DICTIONARY_CUSTOMER, TYPE_ATTRIBUTES, SHOP_NOW_S - YEAR_S, 0);
    if (c->city != SHOP_NONE)
        record_set_text(&b->record, b->city, slice_text(shop_cities[c->city]));
    if (c->gender != SHOP_NONE)
        record_set(&b->record, b->gender, VALUE_NUMBER, c->gender, 0);
    if (c->level != SHOP_NONE)
        record_set_text(&b->record, b->level, slice_text(shop_levels[c->level]));
    if (c->birthday)
        record_set(&b->record, b->birthday, VALUE_DATE, c->birthday, 0);
    finish(b, c);
}

static void add_relation(struct builder *b, const struct shop_customer *c) {
    begin(b, c, b->guardian_of, TYPE_RELATION, SHOP_NOW_S - YEAR_S + 1, c->ward);
    record_set(&b->record, RELATION_CUSTOMER, VALUE_NUMBER, c->ward, 0);
    finish(b, c);
    b->store->relations++;
}

static void add_event(struct builder *b, const struct shop_customer *c, const struct shop_row *row) {
    begin(b, c, b->events[row->event], TYPE_EVENT, row->time_s, 0);
    record_set_text(&b->record, b->channel[row->event], slice_text(shop_channels[row->channel]));
    if (row->event != SHOP_PAGE)
        record_set(&b->record, b->price[row->event], VALUE_NUMBER, row->cents, 2);
    if (row->event == SHOP_VIEW || row->event == SHOP_ADD) {
        set_sku(b, b->sku[row->event], row->product);
        record_set_text(&b->record, b->category[row->event],
                        slice_text(shop_categories[row->product % SHOP_CATEGORIES]));
    }
    finish(b, c);
    b->store->events++;
}

static void add_order(struct builder *b, const struct shop_customer *c, const struct shop_row *row) {
    uint32_t key = (uint32_t)b->shop->customers + 1 + (uint32_t)b->store->orders++;
    begin(b, c, b->order, TYPE_DOCUMENT, row->time_s, key);
    record_set(&b->record, b->total, VALUE_NUMBER, row->cents, 2);
    record_set_text(&b->record, b->order_channel, slice_text(shop_channels[row->channel]));
    record_items_begin(&b->record, b->items);
    for (uint8_t i = 0; i < row->item_count; i++) {
        const struct shop_item *item = &row->items[i];
        record_item_begin(&b->record);
        set_sku(b, b->item_sku, item->product);
        record_set_text(&b->record, b->item_category, slice_text(shop_categories[item->product % SHOP_CATEGORIES]));
        record_set(&b->record, b->item_price, VALUE_NUMBER, item->cents, 2);
        record_set(&b->record, b->item_quantity, VALUE_NUMBER, item->quantity, 0);
    }
    record_items_end(&b->record);
    finish(b, c);
    b->store->items += row->item_count;
}

static void add_customer(struct builder *b, uint32_t number) {
    struct shop_customer c;
    shop_customer(b->shop, number, &c);
    add_attributes(b, &c);
    if (c.ward)
        add_relation(b, &c);
    for (size_t i = 0; i < c.row_count; i++) {
        add_event(b, &c, &c.rows[i]);
        if (c.rows[i].event == SHOP_ORDER)
            add_order(b, &c, &c.rows[i]);
    }
}

static enum status compact(struct history *history, struct fault *fault) {
    enum status status;
    while (!(status = history_compact(history, true, fault)))
        history_tidy(history);
    return status == STATUS_END ? STATUS_OK : status;
}

/* What a server's background thread does besides: base files are held against their checksums and copied into large pages. */
static enum status settle(struct history *history, struct fault *fault) {
    enum status status;
    while (!(status = history_compact(history, false, fault)))
        history_tidy(history);
    history_tidy(history);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status add_all(struct builder *b, struct fault *fault) {
    enum status status = STATUS_OK;
    for (uint32_t number = 1; number <= b->shop->customers && !status; number++) {
        add_customer(b, number);
        if (number % COMPACT_CUSTOMERS == 0)
            status = compact(b->store->history, fault);
    }
    if (!status)
        status = compact(b->store->history, fault);
    history_advance(b->store->history, b->position);
    return status;
}

static void report(struct bench *b, const struct shop *shop, const struct shop_store *store, double took_s) {
    struct history_counters counters;
    struct identity_counters people;
    history_counters_read(store->history, &counters);
    identity_counters_read(store->identity, &people);
    uint64_t rows = store->events + store->orders + store->relations + shop->customers;
    bench_value(b, "building took", "s", took_s);
    bench_value(b, "events", "", (double)store->events);
    bench_value(b, "orders with items", "", (double)store->orders);
    bench_value(b, "base files in memory", "MB", (double)counters.memory_bytes / 1e6);
    bench_value(b, "bytes a row in base files", "", (double)counters.base_bytes / (double)rows);
    bench_check(b, "rows in base files", rows, counters.base_rows);
    bench_check(b, "customers", shop->customers, people.customers);
}

/* --- kept for the next run --- */

/* Beside the span files, in a folder of the shop's own: the counts last, so that what they stand beside is whole. */
struct kept_paths {
    char folder[320], identity[352], history[352], counts[352];
};

static void kept_paths_of(const struct shop *shop, const char *under, struct kept_paths *out) {
    snprintf(out->folder, sizeof out->folder, "%.255s/shop-%llu-%llu-%llu", under, (unsigned long long)shop->seed,
             (unsigned long long)shop->customers, (unsigned long long)shop->events_each);
    snprintf(out->identity, sizeof out->identity, "%s/identity.img", out->folder);
    snprintf(out->history, sizeof out->history, "%s/history.img", out->folder);
    snprintf(out->counts, sizeof out->counts, "%s/counts", out->folder);
}

static enum status keep(struct bench *b, const struct kept_paths *paths, struct shop_store *store,
                        struct fault *fault) {
    const uint64_t counts[] = {store->events, store->orders, store->items, store->relations};
    struct identity_image *people = identity_freeze(store->identity);
    struct history_image *rows = history_freeze(store->history);
    enum status status = identity_write(people, paths->identity, fault);
    if (!status)
        status = history_write(rows, paths->history, fault);
    if (!status)
        status = os_write_file(b->os, paths->counts, slice_of((const char *)counts, sizeof counts), fault);
    identity_image_free(people);
    history_image_free(rows, !status);
    return status;
}

/* NOT_FOUND where no run kept it. */
static enum status find_kept(struct bench *b, const struct kept_paths *paths, struct shop_store *store,
                             struct fault *fault) {
    struct buffer content = {0};
    uint64_t counts[4];
    enum status status = os_read_file(b->os, paths->counts, &content, fault);
    if (!status && content.size != sizeof counts)
        status = fault_set(fault, STATUS_DAMAGED, "%s has %zu bytes: remove the folder", paths->counts, content.size);
    if (!status) {
        memcpy(counts, content.data, sizeof counts);
        store->events = counts[0], store->orders = counts[1], store->items = counts[2], store->relations = counts[3];
        status = identity_load(store->identity, paths->identity, fault);
    }
    if (!status)
        status = history_load(store->history, paths->history, fault);
    buffer_release(&content);
    return status;
}

static enum status make(struct builder *builder, struct fault *fault) {
    enum status status = resolve_all(builder, fault);
    if (!status)
        status = add_all(builder, fault);
    record_builder_release(&builder->record);
    return status;
}

enum status shop_build(struct bench *b, const struct shop *shop, const char *kept, struct shop_store *store,
                       struct fault *fault) {
    double began = bench_now_s();
    struct kept_paths paths;
    *store = (struct shop_store){.dictionary = dictionary_create()};
    store->identity = identity_create(b->os, store->dictionary);
    struct builder builder = {.shop = shop, .store = store};
    enum status status = STATUS_OK;
    kept_paths_of(shop, kept, &paths);
    if (kept[0])
        status = os_make_folder(b->os, kept, fault);
    if (!status)
        status =
            history_create(b->os, kept[0] ? paths.folder : b->folder, store->dictionary, NULL, &store->history, fault);
    if (!status)
        status = define(&builder, fault);
    if (status)
        return status;
    status = kept[0] ? find_kept(b, &paths, store, fault) : STATUS_NOT_FOUND;
    if (!status)
        bench_shape(b, "as an earlier run left it in %s", paths.folder);
    if (status == STATUS_NOT_FOUND) {
        status = make(&builder, fault);
        if (!status && kept[0])
            status = keep(b, &paths, store, fault);
    }
    status = status ? status : settle(store->history, fault);
    if (!status)
        report(b, shop, store, bench_now_s() - began);
    return status;
}

void shop_release(struct shop_store *store) {
    history_free(store->history);
    identity_free(store->identity);
    dictionary_free(store->dictionary);
    *store = (struct shop_store){0};
}
