/* keys: the rows of a stream's sets (code_rows.h) as keys in order (key_order.h): customer, time, and the code of the row's text.
 * The quick way for who needs no more of a row than that; the same rows in the same order as stream_customer's, those without a code left out.
 *
 *     struct keys keys = {.rows = {.code = code_of, .context = w}};                    -- a worker's
 *     keys_begin(&keys, stream_part, part->asked);                                     -- after stream_part_begin
 *     for (first = 0; first < part->count; first += KEY_CUSTOMERS)
 *         count = keys_next(&keys, first, part->asked);                                -- keys.order.all, keys.order.starts
 *
 * Cost: code_rows', a nanosecond a row for its key, and key_order's. */
#ifndef ONEFOLD_INSIGHT_KEYS_H
#define ONEFOLD_INSIGHT_KEYS_H

#include "insight/code_rows.h"
#include "insight/key_order.h"

struct keys {
    struct code_rows rows;
    struct key_run runs[STREAM_SETS_MAX];
    struct key_source {
        uint64_t *keys;
        size_t room;
    } sources[STREAM_SETS_MAX];
    int64_t low, high; /* times of all keys */
    struct key_order order;
};
void keys_begin(struct keys *k, struct stream_part *part, const uint64_t *asked);
/* Of customers first .. first + KEY_CUSTOMERS - 1 (or to the end) those in `asked`, which may be fewer than keys_begin got. `first` is a multiple of
 * KEY_CUSTOMERS. Returns the number of keys. */
size_t keys_next(struct keys *k, uint32_t first, const uint64_t *asked);
void keys_release(struct keys *k);

#endif
