/* orders: everybody's orders, out of the histories into plain arrays: what analyses of value and of baskets stand on.
 *
 * An order is a row of a set (`orders`: "order where status != \"cancelled\"", an event, or lines: "order.items where quantity > 0") with a worth
 * (`value`: "total", "quantity * price") and, for baskets, things in it (`item`: "product_id", "product.category"). Lines of one document are one
 * order again: `merge` says what makes one order: the row (order), the day, each line for itself (none), or the customer. A merged
 * order has the time of its first line and the sum of their worth; a missing worth counts as 0 and is noted.
 *
 * Customers are in order of their numbers, orders in time; items are numbered in the order of their texts. So what is computed from here in
 * order does not depend on workers. Memory: 16 bytes an order, 4 an item. */
#ifndef ONEFOLD_INSIGHT_ORDERS_H
#define ONEFOLD_INSIGHT_ORDERS_H

#include "insight/insight.h"
#include "insight/scan.h"

enum orders_merge { ORDERS_BY_ROW, ORDERS_BY_DAY, ORDERS_BY_LINE, ORDERS_BY_CUSTOMER };

struct orders {
    size_t customer_count, order_count;
    uint32_t *customers;       /* numbers; with at least one order */
    uint64_t *customer_starts; /* + 1, into orders */
    int64_t *times;
    double *values;        /* zero where no value was asked for */
    uint64_t *item_starts; /* + 1, into items; NULL where no items were asked for */
    uint32_t *items;       /* as lines come, with repeats */
};

struct orders_want {
    const char *orders, *value,
        *item; /* what is taken where the definition does not say; value, item NULL: not wanted, or wanted only where said */
    bool value_wanted, item_wanted;
    enum orders_merge merge;
    bool to_now; /* orders after `now` are left out */
};

#define ORDERS_GROUPS_MAX 50
struct orders_group {
    struct slice name; /* "" without a split */
    struct orders orders;
};
struct orders_read {
    struct scan *scan;
    struct orders_group *groups; /* of the split, the largest first, equal ones by name; one without */
    size_t group_count;
    bool split, valued;
    uint64_t population; /* customers looked at, with orders or without */
    uint64_t missing_values;
    struct slice *items; /* texts by number */
    uint32_t item_count;
    struct period period;
};
/* Reads members orders, value, item, merge, split, population and the period, and runs the pass. Notes what a reader must know. Where members are
 * asked for, a split is read as its one group that they are of. */
enum status orders_read(const struct definition_part *definition, const struct orders_want *want, struct answer *answer,
                        struct orders_read *out, struct fault *fault) WARN_UNUSED;
void orders_release(struct orders_read *read); /* {0} is fine */

/* A column for the group, where there is a split; and its cell. */
void orders_group_column(const struct orders_read *read, struct answer_table *table);
void orders_group_cell(const struct orders_read *read, struct answer_table *table, size_t group);
double orders_sum(const struct orders *orders); /* of all values */

#endif
