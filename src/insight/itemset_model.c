/* itemset_model: see itemset_model.h. */
#include "insight/itemset_model.h"

static bool holds(const struct baskets *b, size_t basket, uint32_t item) {
    for (uint64_t i = b->starts[basket]; i < b->starts[basket + 1]; i++)
        if (b->items[i] == item)
            return true;
    return false;
}

uint32_t itemset_truth_count(const struct baskets *b, const uint32_t *items, size_t count) {
    uint32_t total = 0;
    for (size_t i = 0; i < b->count; i++) {
        bool all = true;
        for (size_t k = 0; k < count; k++)
            all = all && holds(b, i, items[k]);
        total += all;
    }
    return total;
}

void itemset_truth(const struct baskets *b, uint32_t count_min, unsigned length_max,
                   void (*each)(void *context, const uint32_t *items, size_t count, uint32_t baskets), void *context) {
    for (uint32_t set = 1; set < 1u << b->item_count; set++) {
        uint32_t items[32], total;
        size_t count = 0;
        for (uint32_t i = 0; i < b->item_count; i++)
            if (set >> i & 1)
                items[count++] = i;
        if (count <= length_max && (total = itemset_truth_count(b, items, count)) >= count_min)
            each(context, items, count, total);
    }
}
