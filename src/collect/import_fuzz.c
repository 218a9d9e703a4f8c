/* Fuzz target: the first byte chooses format, encoding and the size of pieces. The counters must add up, every
 * payload's parts too, and what comes out must not depend on the pieces. */
#include "collect/import.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "collect/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t check_record(const struct log_record *record) {
    struct payload_row head;
    struct slice left = record->payload;
    assert(left.size >= sizeof head);
    memcpy(&head, left.data, sizeof head);
    size_t at = sizeof head + head.name_bytes + head.header_bytes;
    for (uint32_t i = 0; i < head.cell_count; i++) {
        uint32_t cell_bytes;
        assert(at + sizeof cell_bytes <= left.size);
        memcpy(&cell_bytes, left.data + at, sizeof cell_bytes);
        at += sizeof cell_bytes + cell_bytes;
    }
    assert(at == left.size && head.row_hash && head.line);
    return hash_bytes(left, head.line);
}

/* Returns a digest of all that was given. */
static uint64_t run(const struct import_options *options, struct slice file, size_t piece,
                    struct import_counters *counters) {
    struct import *import;
    struct fault fault;
    uint64_t digest = 0;
    size_t at = 0;
    enum status status = import_create(options, &import, &fault);
    assert(!status);
    do {
        size_t part = file.size - at < piece ? file.size - at : piece, count;
        char *exact = memory_get(part, 1);
        memcpy(exact, file.data + at, part);
        at += part;
        status = import_feed(import, slice_of(exact, part), at == file.size, &fault);
        free(exact);
        struct log_record *records = import_records(import, &count);
        for (size_t i = 0; i < count; i++)
            digest = hash_mix(digest ^ check_record(&records[i]));
    } while (!status && at < file.size);
    import_counters_read(import, counters);
    import_free(import);
    assert(counters->given + counters->rejected + counters->repeats >= counters->rows);
    counters->bytes = status ? 0 : counters->bytes; /* after an error they say how far the pieces went */
    return digest ^ status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct import_counters one = {0}, many = {0};
    if (!size)
        return 0;
    struct import_options options = {.format = (data[0] & 3) % 3,
                                     .encoding = data[0] >> 2 & 1,
                                     .drop_repeats = data[0] & 8,
                                     .mapping = SLICE("m"),
                                     .source = 1};
    char *copy = memory_text(slice_of(data + 1, size - 1));
    uint64_t whole = run(&options, slice_of(copy, size - 1), size, &one);
    uint64_t pieces = run(&options, slice_of(copy, size - 1), 1 + (data[0] >> 4), &many);
    assert(whole == pieces && memcmp(&one, &many, sizeof one) == 0);
    free(copy);
    return 0;
}
