/* itemset_model: frequent sets by asking every basket about every set: slow and plain. */
#ifndef ONEFOLD_INSIGHT_ITEMSET_MODEL_H
#define ONEFOLD_INSIGHT_ITEMSET_MODEL_H

#include "insight/itemset.h"

/* Baskets holding all of `items`. */
uint32_t itemset_truth_count(const struct baskets *baskets, const uint32_t *items, size_t count);
/* Calls `each` for every set of at most `length_max` items below item_count (<= 20) that is in at least count_min baskets. */
void itemset_truth(const struct baskets *baskets, uint32_t count_min, unsigned length_max,
                   void (*each)(void *context, const uint32_t *items, size_t count, uint32_t baskets), void *context);

#endif
