/* code_rows: the rows of a stream's sets as columns: a time and a byte a row, the code of its text: its node, its channel. What the quick ways of
 * paths and attribution read: the same rows as stream_gather's, those without a code left out, set by set (a run), each customer's by (time, position).
 *
 *     struct code_rows rows = {.code = code_of, .context = w, .bounded = true};         -- a worker's
 *     code_rows_begin(&rows, stream_part, part->asked);                                 -- after stream_part_begin
 *
 * Thread: a worker's own. Cost: a look-up a different text of a span's column, and about a nanosecond a row. */
#ifndef ONEFOLD_INSIGHT_CODE_ROWS_H
#define ONEFOLD_INSIGHT_CODE_ROWS_H

#include "insight/stream.h"

#define CODE_NONE_ROW 255 /* the row is left out */
#define CODES_MAX 254     /* codes are below this */
#define CODE_PADDING 8    /* bytes that can be read behind the last code */

/* Customer i has rows starts[i] - starts[0] .. starts[i + 1] - starts[0]. Where customers' rows are taken as they lie, those of who is not asked for
 * stand between. */
struct code_run {
    const int64_t *times;
    const uint8_t *codes;
    const uint32_t *starts;
    uint32_t count;
};
struct code_room { /* inside: a set's */
    uint8_t *codes;
    int64_t *times;
    uint32_t *starts;
    size_t codes_room, times_room;
};
struct code_rows {
    uint8_t (*code)(void *context, uint32_t text); /* of a worker's number of a text; 0: missing */
    void *context;
    bool bounded; /* `low` and `high` are wanted */

    struct stream_part *part;
    struct code_run runs[STREAM_SETS_MAX];
    unsigned run_count; /* sets with rows */
    int64_t low, high;  /* times of all rows in the runs; not bounded: of no meaning */
    struct code_room rooms[STREAM_SETS_MAX];
    uint8_t *map;
    size_t map_room;
};
void code_rows_begin(struct code_rows *c, struct stream_part *part, const uint64_t *asked);
void code_rows_release(struct code_rows *c);
uint8_t code_rows_code(const struct code_rows *c, uint32_t text);

static inline uint32_t code_run_begin(const struct code_run *r, uint32_t i) { return r->starts[i] - r->starts[0]; }

#endif
