/* stream: the rows of several sets, of one customer after the other, in one order of time, each with a text: the page, the channel, the name of
 * its event. What paths, attribution and cross-channel analysis look at.
 *
 * A row that is in more than one set counts in the first of them, so that sets can be rules: "page_viewed where medium = \"cpc\"" called
 * Paid, then "page_viewed" called Other. Rows of equal time come by log position.
 *
 *     stream_add(&stream, scan, &rows, SLICE("page"), fault) ...         before the scan runs
 *     struct stream_part *p = stream_part_create(&stream);               a worker's
 *     stream_part_begin(p, part); n = stream_customer(p, i);             p->rows[0 .. n - 1]
 */
#ifndef ONEFOLD_INSIGHT_STREAM_H
#define ONEFOLD_INSIGHT_STREAM_H

#include "insight/scan.h"

#define STREAM_SETS_MAX 64

struct stream_set {
    unsigned rows;
    bool valued; /* the text is a value of the row; else `name` */
    unsigned value;
    struct slice name;
};
struct stream {
    struct scan *scan;
    unsigned count;
    struct stream_set sets[STREAM_SETS_MAX];
    struct period period;
};
/* `value`: an expression about the row whose text is taken; empty: `rows->name`. *set (may be NULL) is its number. */
enum status stream_add(struct stream *stream, const struct definition_rows *rows, struct slice value,
                       const char *value_path, unsigned *set, struct fault *fault) WARN_UNUSED;

struct stream_source {
    struct scan_rows rows;
    const uint64_t *own; /* bits of rows that are in no set before; NULL: all */
    uint64_t *room;
    size_t room_words;
    struct scan_texts texts;
    uint32_t text; /* of all rows, where the set has a name */
};
struct stream_row {
    int64_t time;
    uint32_t text; /* the worker's number of it, 0: missing */
    uint32_t element;
    uint8_t set;
};
struct stream_part {
    const struct stream *stream;
    struct scan_part *part;
    struct stream_source sources[STREAM_SETS_MAX];
    struct stream_row *rows; /* of the customer in hand */
    size_t room;
    /* before they are in order */
    struct stream_row *raw;
    int64_t *keys;
    uint32_t *order, *order_room;
};
struct stream_part *stream_part_create(const struct stream *stream);
void stream_part_free(struct stream_part *part);
void stream_part_begin(struct stream_part *p, struct scan_part *part);
/* How many rows customer i has: p->rows, in order. */
size_t stream_customer(struct stream_part *p, uint32_t i);
/* The same in two steps: p->raw, set by set, which is all that a count needs; and then in order in p->rows. */
size_t stream_gather(struct stream_part *p, uint32_t i);
void stream_sort(struct stream_part *p, size_t count);

/* The stable order of `count` times: order[k] is the index of the k-th. `room` [count]. Cost: n log n. */
void stream_order(const int64_t *times, size_t count, uint32_t *order, uint32_t *room);

#endif
