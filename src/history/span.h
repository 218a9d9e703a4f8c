/* span: 4,096 customers' rows: an immutable base and what came since. Inside of history/ only.
 *
 * The delta is append-only: blocks of rows, each row linked to its customer's row before. A reader loads the customer's
 * newest row (acquire) and walks back; nothing it meets ever changes. Base and delta are swapped together, as one view. */
#ifndef ONEFOLD_HISTORY_SPAN_H
#define ONEFOLD_HISTORY_SPAN_H

#include "history/history.h"
#include "history/table.h"
#include <stdatomic.h>

#include "os/image.h"

#define HEADS_PER_PAGE 64
#define DELTA_BLOCK_BYTES_MIN ((size_t)8 << 10)
#define DELTA_BLOCK_BYTES_MAX ((size_t)256 << 10)

/* A row in a delta; the record's bytes follow. */
struct delta_row {
    const struct delta_row *before; /* of the same customer */
    uint32_t owner;                 /* within the span */
    uint32_t reserved;
};
static inline const struct record_head *delta_record(const struct delta_row *row) {
    return (const struct record_head *)(row + 1);
}

struct delta_block {
    struct delta_block *_Atomic next;
    size_t capacity;
    _Atomic size_t used;
    _Alignas(16) char bytes[];
};

struct heads_page {
    const struct delta_row *_Atomic head[HEADS_PER_PAGE];
};

/* Customers with a row of one type in the delta, one bit each. */
#define TOUCHED_BUCKETS 64
struct delta_touched {
    struct delta_touched *next; /* of its bucket */
    uint16_t type;
    uint8_t kind; /* enum type_kind */
    _Atomic uint64_t owners[SPAN_CUSTOMERS / 64];
};

struct delta {
    _Atomic uint32_t row_count; /* these two first: of most spans nothing else is looked at */
    _Atomic uint32_t
        edit_count; /* rows that say something of older ones: RECORD_REPLACES, RECORD_MOVED; nearly always none */
    _Atomic uint64_t bytes; /* memory of all blocks and pages */
    struct delta_block *first, *last;
    struct delta_touched *_Atomic touched[TOUCHED_BUCKETS]; /* by type number % TOUCHED_BUCKETS */
    struct heads_page *_Atomic pages[SPAN_CUSTOMERS / HEADS_PER_PAGE];
};

struct delta *delta_create(void);
void delta_free(struct delta *delta);
/* Fold thread. Copies the record: a row, or a note that rows moved (history/moved.h). */
void delta_append(struct delta *delta, uint32_t owner, const struct record_head *record);
/* Fold thread: brings nearer what appending a row of `owner` will touch. */
void delta_prefetch(const struct delta *delta, uint32_t owner);
/* The customer's newest row, or NULL. */
const struct delta_row *delta_head(const struct delta *delta, uint32_t owner);
/* Who has rows of `type`, or NULL for nobody. A customer's bit is there before its row is. */
const struct delta_touched *delta_touched(const struct delta *delta, uint16_t type);
/* True when a row of the chain from `newest` back to, without, `until` takes the place of the customer's row of this type at this
 * position. `until` NULL: the whole chain, for a base row. */
bool delta_replaced(const struct delta_row *newest, const struct delta_row *until, uint16_t type, uint64_t position);
/* Walks the first `row_count` rows in order of arrival: {delta->first, 0} to start; NULL at the end. */
struct delta_walk {
    const struct delta_block *block;
    size_t offset;
    uint32_t left;
};
const struct delta_row *delta_next(struct delta_walk *walk);
struct delta_walk delta_start(const struct delta *delta, uint32_t row_count);

/* A base file, mapped, or a copy of its bytes in memory. Immutable. */
struct base {
    struct image *image;
    void *memory;    /* of the copy (base/large.h); NULL: mapped */
    uint64_t number; /* of the file: span-<span>-<number>.img */
    uint32_t row_count;
    uint32_t table_count;
    uint64_t bytes;
    uint16_t *types;                  /* ascending: looked for here, as a table's head is a line that is in no cache */
    const struct table_head **tables; /* beside each */
    const struct table_head *
        *current; /* beside each: what it says now; NULL for events, and in files of before there were such */
    char *path;
    bool verified; /* every byte was held against its CRC since it was opened; background thread */
};
/* Maps it and checks what holds it together, not yet every byte: a restart must not read everything. Errors as image_open, DAMAGED. */
enum status base_open(struct os *os, const char *path, uint64_t number, struct base **base,
                      struct fault *fault) WARN_UNUSED;
void base_free(struct base *base);
/* The same base out of memory in large pages; the one it is of stays as it is. NULL where the system has no memory. Any thread that holds it.
 * Cost: a copy of its bytes. */
struct base *base_copy(const struct base *base);
/* Holds every table against its CRC, once. Background thread. DAMAGED names file and section. */
enum status base_verify(struct base *base, struct fault *fault) WARN_UNUSED;
const struct table_head *base_table(const struct base *base, uint16_t type); /* or NULL */
/* What attributes (type 0; row = owner), documents or relations of `type` are now, or NULL. */
const struct table_head *base_current(const struct base *base, uint16_t type);

/* --- span_current.c: such tables made from those of the rows --- */
#define SPAN_SECTION_BYTES 16
bool span_has_current(const struct table_head *t);
void span_current_name(const struct table_head *t, char name[SPAN_SECTION_BYTES]); /* of its section: a0, d<type> */
bool span_current_check(const struct table_head *t, const struct table_head *current, size_t size);
/* Both append to `out`. Cost: decodes the rows of customers with several settings, and of documents with several updates. */
void span_attributes_now(const struct table_head *t, struct buffer *out);
void span_documents_now(const struct table_head *t, struct buffer *out);

struct span_view {
    struct base *base; /* or NULL */
    struct delta *delta;
};

struct span {
    uint32_t number;
    struct span_view *_Atomic view;
    _Atomic uint32_t sequence; /* odd while a merge moves rows in or out */
    _Atomic uint32_t gone_count;
    _Atomic uint64_t gone[SPAN_CUSTOMERS /
                          64]; /* merged away: their base and delta rows count no more; where a split brings one back, a
                                                 * note in its chain says so of the rows of before */
    bool compacting;           /* under history's lock */
};
static inline bool span_gone(const struct span *span, uint32_t owner) {
    return atomic_load_explicit(&span->gone[owner / 64], memory_order_relaxed) >> (owner % 64) & 1;
}

/* Builds a new base from `view`'s base and the first `delta_rows` rows of its delta, leaving out customers in `gone`, and writes it to
 * `path`. Any thread that holds the view. *row_count is what it holds. */
enum status span_compact(struct os *os, const struct span_view *view, uint32_t delta_rows, const uint64_t *gone,
                         const struct dictionary *dictionary, const char *path, uint32_t *row_count,
                         struct fault *fault) WARN_UNUSED;

#endif
