/* keys: the rows of a stream's sets as keys in order (key_order.h): customer, time, and a code of a byte for the row's text: its node, its channel.
 * The quick way for who needs no more of a row than that; the same rows in the same order as stream_customer's, those without a code left out.
 *
 *     struct keys keys = {.code = code_of, .context = w};                              -- a worker's
 *     keys_begin(&keys, stream_part, part->asked);                                     -- after stream_part_begin
 *     for (first = 0; first < part->count; first += KEY_CUSTOMERS)
 *         count = keys_next(&keys, first, part->asked);                                -- keys.order.all, keys.order.starts
 *
 * Cost: a look-up a different text of a span's column, 2 ns a row for its key, and key_order's. */
#ifndef ONEFOLD_INSIGHT_KEYS_H
#define ONEFOLD_INSIGHT_KEYS_H

#include "insight/key_order.h"
#include "insight/stream.h"

#define KEYS_NO_CODE 255   /* the row is left out */
#define KEYS_CODES_MAX 254 /* codes are below this */

struct key_source {
    uint64_t *keys;
    size_t room;
    const uint32_t *starts; /* the rows', or `own` where rows were left out */
    uint32_t *own;
};
struct keys {
    uint8_t (*code)(void *context, uint32_t text); /* of a worker's number of a text; 0: missing */
    void *context;

    struct stream_part *part;
    struct key_source sources[STREAM_SETS_MAX];
    struct key_run runs[STREAM_SETS_MAX];
    unsigned sets[STREAM_SETS_MAX]; /* the runs' */
    unsigned run_count;
    int64_t low, high; /* times, of all */
    uint8_t *codes, *map;
    size_t code_room, map_room;
    struct key_order order;
};
void keys_begin(struct keys *k, struct stream_part *part, const uint64_t *asked);
/* Of customers first .. first + KEY_CUSTOMERS - 1 (or to the end) those in `asked`, which may be fewer than keys_begin got. `first` is a multiple of
 * KEY_CUSTOMERS. Returns the number of keys. */
size_t keys_next(struct keys *k, uint32_t first, const uint64_t *asked);
void keys_release(struct keys *k);

#endif
