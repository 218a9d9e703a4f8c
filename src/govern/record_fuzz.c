/* record_fuzz: bytes as a typed record read back from a checkpoint: what record_check lets through can be walked whole. */
#include <stdlib.h>

#include "govern/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t walk(const struct record_head *r, const struct record_value *v, uint32_t count) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (v[i].kind == VALUE_TEXT) {
            struct slice text = record_text(r, &v[i]);
            for (size_t k = 0; k < text.size; k++)
                sum += (unsigned char)text.data[k];
        } else if (v[i].kind == VALUE_LIST) {
            sum += walk(r, record_list(r, &v[i]), v[i].count);
        } else if (v[i].kind == VALUE_ITEMS) {
            const struct record_item *items = record_items(r, &v[i]);
            for (uint32_t k = 0; k < v[i].count; k++)
                sum += walk(r, record_item_values(r, &items[k]), items[k].value_count);
        } else if (v[i].kind != VALUE_MISSING) {
            double number = record_number(&v[i]);
            sum += number > 0;
        }
    }
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = memory_get(size + BUFFER_SLACK, 1); /* aligned as a section is */
    uint64_t sum = 0;
    memcpy(copy, data, size);
    if (record_check(slice_of(copy, size))) {
        const struct record_head *r = (const struct record_head *)copy;
        sum = walk(r, record_values(r), r->value_count);
    }
    free(copy);
    return sum == UINT64_MAX; /* the bytes were really read */
}
