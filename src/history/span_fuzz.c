/* span_fuzz: bytes as a table of a span file: whatever they are, checking and reading them stays inside them. */
#include <stdlib.h>

#include "history/span.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const struct table_head *t) {
    struct record_builder builder = {0};
    uint32_t rows = t->row_count < 1000 ? t->row_count : 1000, first, end;
    for (uint32_t row = 0; row < rows; row++) {
        const struct record_head *r = table_record(t, row, &builder);
        if (!record_check(slice_of(r, r->bytes)))
            abort(); /* what we hand on holds together, whatever we read */
    }
    for (uint32_t owner = 0; owner < SPAN_CUSTOMERS; owner += 37) {
        table_range(t, owner, &first, &end);
        if (first > end || end > t->row_count)
            abort();
    }
    record_builder_release(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *copy = memory_get(size + BUFFER_SLACK, 1); /* aligned as a mapped section is */
    memcpy(copy, data, size);
    const struct table_head *t = (const struct table_head *)copy;
    if (table_check(t, size) && t->row_count < 100000)
        read_all(t);
    free(copy);
    return 0;
}
