/* range_bed: what the tests of ranges stand on: a dictionary with a type of each kind, random rows, and what is wanted of them. */
#ifndef ONEFOLD_HISTORY_RANGE_BED_H
#define ONEFOLD_HISTORY_RANGE_BED_H

#include "base/random.h"
#include "history/range.h"

#define FOLDER "/tmp/onefold-range-test"
#define CUSTOMERS 30

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
    unsigned compactions;
    bool gone[CUSTOMERS + 1];
    uint64_t replaceable[64]; /* positions of rows, with customer and type */
    uint32_t replaceable_customer[64];
    uint16_t replaceable_type[64];
    uint32_t replaceable_arrival[64], replaceable_document[64];
    struct column_want view_columns[EVENT_COLUMNS], order_columns[ORDER_COLUMNS], item_columns[3],
        relation_columns[RELATION_COLUMNS], any_columns[ANY_COLUMNS], attributes[ATTRIBUTES];
    struct rows_want rows[5];
    struct range_want want;
    struct range *range;
};

enum view_property { V_PRICE = 1, V_NAME, V_URL, V_FLAG, V_WHEN, V_DAY, V_TAGS, V_SIZES, V_SCALES, V_WIDENED };

enum order_property { O_TOTAL = 1, O_STATUS, O_ITEMS, O_NOTES };

enum item_property { I_SKU = 1, I_PRICE, I_REAL };

extern const enum property_type world_attribute_types[ATTRIBUTES];

void world_open(struct world *w, uint64_t seed);
void world_close(struct world *w);
/* Customers 1 .. CUSTOMERS stand in the middle of a span but for the last few, which are the next one's. */
uint32_t world_number(uint32_t customer);
/* A row of a random type with random values; some take the place of one that is there. */
void world_add_row(struct world *w, uint32_t customer);
void world_compact(struct world *w);
void world_merge_some(struct world *w);
/* Rows of some arrivals go to another, who may be gone. */
void world_split_some(struct world *w);

#endif
