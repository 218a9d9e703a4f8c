/* Fuzz target: the first byte chooses the separator and whether more may follow, the rest is text. Rows must cover the
 * text without gap, and cells must lie in it or in the unquoted ones. */
#include "collect/csv.h"

#include <assert.h>
#include <stdlib.h>

#define CELLS 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_in(struct slice inner, struct slice outer) {
    return inner.size == 0 || (inner.data >= outer.data && inner.data + inner.size <= outer.data + outer.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice cells[CELLS];
    if (!size)
        return 0;
    struct csv csv = {.separator = data[0] & 1 ? '\t' : ',', .cells = cells, .cells_max = CELLS};
    char *exact = memory_get(size - 1, 1); /* so that reading past it is seen */
    memcpy(exact, data + 1, size - 1);
    struct slice text = slice_of(exact, size - 1);
    struct csv_row row;
    bool last = data[0] & 2;
    while (csv_read(&csv, text, last, &row)) {
        assert(row.size > 0 && row.size <= text.size && row.text.size <= row.size && row.line_count > 0);
        assert(row.fault || row.cell_count > 0);
        for (size_t i = 0; i < row.cell_count && i < CELLS && !row.fault; i++)
            assert(lies_in(cells[i], text) || lies_in(cells[i], buffer_slice(&csv.unquoted)));
        text = slice_of(text.data + row.size, text.size - row.size);
    }
    assert(!last || !text.size);
    csv_release(&csv);
    free(exact);
    return 0;
}
