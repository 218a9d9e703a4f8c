/* Fuzz target: the bytes as a compressed body. It never gives more than the limit, and the same in pieces as at once. */
#include "collect/gunzip.h"

#include <assert.h>
#include <stdlib.h>

#define LIMIT 100000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct gunzip *g = gunzip_create();
    struct buffer one = {0}, many = {0};
    struct fault fault;
    char *exact = memory_get(size, 1);
    if (size)
        memcpy(exact, data, size);
    enum status whole = gunzip_whole(g, slice_of(exact, size), LIMIT, &one, &fault), status = STATUS_OK;
    assert(one.size <= LIMIT && (!whole || one.size == 0));
    gunzip_start(g);
    for (size_t at = 0; at < size && !status; at += 7)
        status = gunzip_feed(g, slice_of(exact + at, size - at < 7 ? size - at : 7), false, LIMIT, &many, &fault);
    if (!status)
        status = gunzip_feed(g, SLICE_NONE, true, LIMIT, &many, &fault);
    assert(whole || (status == STATUS_OK && slice_equal(buffer_slice(&one), buffer_slice(&many))));
    gunzip_free(g);
    buffer_release(&one);
    buffer_release(&many);
    free(exact);
    return 0;
}
