/* basket_store: frequent sets of baskets that are asked about again and again, from counts that are kept (basket_live.h).
 *
 * Who asks once gets what mining gives. Who asks the same a second time makes the store keep those baskets' counts; from then on each asking only takes in
 * the orders that came, changed or went since (found by comparing every order with what was taken in of it, so merges of customers,
 * erasure and windows that move are noticed like any other change) and gives the sets from the counts. The answer is always that of mining
 * all, byte for byte. At most STORE_MAX kept; the one not asked for longest makes room.
 *
 * Thread: any; one at a time is served from the store, who comes meanwhile is served by mining. */
#ifndef ONEFOLD_INSIGHT_BASKET_STORE_H
#define ONEFOLD_INSIGHT_BASKET_STORE_H

#include "insight/basket_live.h"
#include "insight/orders.h"

#define STORE_MAX 4
#define STORE_ORDERS_MAX 20000000u /* larger ones are mined each time */

struct basket_question {
    struct slice key; /* all that says which baskets: rows, item, population, ... and whose history */
    double support;
    unsigned length_max, workers;
    const _Atomic bool *stop;
};
/* Items of the sets are numbers of `items` (texts in order). Orders without an item are no baskets; out->basket_count are left.
 * Errors: as itemsets_mine's. */
enum status basket_sets(const struct basket_question *question, const struct orders *orders, const struct slice *items,
                        uint32_t item_count, struct itemsets *out, struct fault *fault) WARN_UNUSED;

struct basket_store_counters {
    uint64_t mined, kept; /* answers: by mining, from counts */
    uint64_t taken_in;    /* orders that came, changed or went, over all answers from counts */
};
struct basket_store_counters basket_store_counters(void);
void basket_store_clear(void); /* forgets everything */

#endif
