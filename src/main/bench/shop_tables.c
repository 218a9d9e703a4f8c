/* bench/shop_tables: see the header. */
#include "main/bench/shop_tables.h"

#include <stdlib.h>
#include <string.h>

const char *const shop_table_names[SHOP_TABLES] = {"customers", "relations", "events", "orders", "items"};

static const char *const event_words[SHOP_EVENTS] = {"page", "view", "add", "order"};

#define WHOLE(name, bytes)                                                                                             \
    { name, bytes, SHOP_WHOLE, false, 0, NULL }
#define MOMENT                                                                                                         \
    { "time", 4, SHOP_MOMENT, false, 0, NULL }
#define WORD(name, may_miss, count, words)                                                                             \
    { name, 1, SHOP_WORD, may_miss, count, words }

static const struct shop_column customers[] = {WHOLE("customer", 4),
                                               WORD("city", true, SHOP_CITIES, shop_cities),
                                               WHOLE("gender", 1),
                                               WORD("level", true, SHOP_LEVELS, shop_levels),
                                               {"birthday", 4, SHOP_DAY, false, 0, NULL}};
static const struct shop_column relations[] = {WHOLE("customer", 4), WHOLE("other", 4)};
static const struct shop_column events[] = {WHOLE("customer", 4),
                                            MOMENT,
                                            WORD("event", false, SHOP_EVENTS, event_words),
                                            WORD("category", true, SHOP_CATEGORIES, shop_categories),
                                            WORD("channel", false, SHOP_CHANNELS, shop_channels),
                                            WHOLE("product", 2),
                                            WHOLE("cents", 4)};
static const struct shop_column orders[] = {WHOLE("customer", 4), MOMENT, WHOLE("cents", 4)};
static const struct shop_column items[] = {WHOLE("customer", 4),
                                           MOMENT,
                                           WORD("category", true, SHOP_CATEGORIES, shop_categories),
                                           WHOLE("quantity", 1),
                                           WHOLE("product", 2),
                                           WHOLE("cents", 4)};

#define COLUMNS(table)                                                                                                 \
    { table, sizeof table / sizeof *table }
static const struct {
    const struct shop_column *columns;
    size_t count;
} tables[SHOP_TABLES] = {COLUMNS(customers), COLUMNS(relations), COLUMNS(events), COLUMNS(orders), COLUMNS(items)};

size_t shop_columns(enum shop_table table, const struct shop_column **columns) {
    *columns = tables[table].columns;
    return tables[table].count;
}

struct writer {
    struct shop_sink *sink;
    struct shop_block blocks[SHOP_TABLES];
    enum status status;
    struct fault *fault;
};

static void flush(struct writer *w, struct shop_block *block) {
    if (block->count && !w->status)
        w->status = w->sink->take(w->sink, block, w->fault);
    block->count = 0;
}

/* One row: a value a column. */
static void put(struct writer *w, enum shop_table table, const uint32_t *values) {
    struct shop_block *b = &w->blocks[table];
    for (size_t i = 0; i < tables[table].count; i++)
        switch (tables[table].columns[i].bytes) {
        case 1:
            ((uint8_t *)b->columns[i])[b->count] = (uint8_t)values[i];
            break;
        case 2:
            ((uint16_t *)b->columns[i])[b->count] = (uint16_t)values[i];
            break;
        default:
            ((uint32_t *)b->columns[i])[b->count] = values[i];
        }
    if (++b->count == b->room)
        flush(w, b);
}

static void put_order(struct writer *w, uint32_t customer, const struct shop_row *row) {
    if (w->sink->tables[SHOP_ORDERS])
        put(w, SHOP_ORDERS, (uint32_t[]){customer, row->time_s, row->cents});
    for (uint8_t i = 0; i < row->item_count && w->sink->tables[SHOP_ITEMS]; i++) {
        const struct shop_item *item = &row->items[i];
        put(w, SHOP_ITEMS,
            (uint32_t[]){customer, row->time_s, item->product % SHOP_CATEGORIES, item->quantity, item->product,
                         item->cents});
    }
}

static void put_customer(struct writer *w, const struct shop_customer *c) {
    if (w->sink->tables[SHOP_CUSTOMERS])
        put(w, SHOP_CUSTOMERS, (uint32_t[]){c->number, c->city, c->gender, c->level, (uint32_t)c->birthday});
    if (w->sink->tables[SHOP_RELATIONS] && c->ward)
        put(w, SHOP_RELATIONS, (uint32_t[]){c->number, c->ward});
    for (size_t i = 0; i < c->row_count; i++) {
        const struct shop_row *row = &c->rows[i];
        bool of_product = row->event == SHOP_VIEW || row->event == SHOP_ADD;
        if (w->sink->tables[SHOP_EVENT_ROWS])
            put(w, SHOP_EVENT_ROWS,
                (uint32_t[]){c->number, row->time_s, row->event,
                             of_product ? row->product % SHOP_CATEGORIES : SHOP_NONE, row->channel,
                             of_product ? row->product : 0, row->event == SHOP_PAGE ? 0 : row->cents});
        if (row->event == SHOP_ORDER)
            put_order(w, c->number, row);
    }
}

enum status shop_rows(const struct shop *shop, struct shop_sink *sink, struct fault *fault) {
    struct writer w = {.sink = sink, .fault = fault};
    struct shop_customer c;
    for (int t = 0; t < SHOP_TABLES; t++) {
        w.blocks[t] = (struct shop_block){.table = (enum shop_table)t, .room = sink->block_rows};
        for (size_t i = 0; i < tables[t].count; i++)
            w.blocks[t].columns[i] = memory_get(sink->block_rows, tables[t].columns[i].bytes);
    }
    for (uint32_t number = 1; number <= shop->customers && !w.status; number++) {
        shop_customer(shop, number, &c);
        put_customer(&w, &c);
    }
    for (int t = 0; t < SHOP_TABLES; t++) {
        flush(&w, &w.blocks[t]);
        for (size_t i = 0; i < tables[t].count; i++)
            free(w.blocks[t].columns[i]);
    }
    return w.status;
}
