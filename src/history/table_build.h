/* table_build: what the files that build a table share; not for others. table_build.c leads; table_build_gather.c turns sources into plain arrays, a
 * column each; table_build_integers.c and table_build_texts.c choose a column's encoding and write it. Offsets in the output count from
 * the table's start. */
#ifndef ONEFOLD_HISTORY_TABLE_BUILD_H
#define ONEFOLD_HISTORY_TABLE_BUILD_H

#include "history/distinct.h"
#include "history/table.h"

#define KIND_ABSENT TABLE_NO_VALUE

/* One output column while it is gathered. */
struct gather {
    uint16_t property;
    bool rows; /* a list or items column */
    uint8_t rows_kind;
    int64_t *values; /* integer, double bits, or text number */
    uint8_t *kinds;  /* enum value_kind, or KIND_ABSENT */
    uint8_t *scales;
    struct interner texts;
    struct arena arena; /* texts that had to be put together */
    struct column_head head;
};

/* A text column whose codes stand in the table, for others to share. */
struct leader {
    uint32_t *first;   /* per row: number of its text by first appearance, UINT32_MAX without one */
    uint32_t *code_of; /* by that number */
    uint32_t distinct;
    uint8_t width;
    uint64_t data;
};

struct build {
    struct leader *leaders;
    unsigned leader_count;
    const struct table_source *source;
    uint32_t count;
    const struct table_head *older; /* the one older table that rows come from; NULL: none */
    uint32_t *older_row;            /* per row: in that table, or ROW_FRESH */
    uint32_t *fresh;                /* rows that come from records, in order */
    uint32_t fresh_count;
    struct gather *columns;
    uint16_t column_count, column_capacity;
    uint16_t *column_of; /* by property: index + 1 */
    size_t start;        /* of this table in `out` */
    struct buffer *out;
};

#define ROW_FRESH UINT32_MAX

/* --- gathering --- */

/* Which rows come from the older table and which from records. */
void build_part_rows(struct build *b);
/* The columns that the sources have. */
void build_find_columns(struct build *b);
/* Arrays of `count` rows, all without a value; freed by who writes the column. */
void build_prepare(struct gather *g, uint32_t count);
/* Gathers those of the columns [from, end) that hold no rows. */
void build_gather(struct build *b, unsigned from, unsigned end);
/* Values of an integer column of the older table, for every output row that comes from there; absent ones too, whatever they are. */
void build_gather_integers(const struct build *b, const struct column_head *c, int64_t *values);

/* --- writing --- */

/* Fills up to a multiple of eight; the offset there. */
uint64_t build_align(struct build *b);
/* The bytes that numbers up to `largest` need: 0, 1, 2, 4 or 8. */
uint8_t build_width(uint64_t largest);
/* These return the offset of what they wrote. */
uint64_t build_write_raw(struct build *b, const uint64_t *values, uint32_t count, unsigned width);
uint64_t build_write_bitmap(struct build *b, const uint8_t *kinds, uint32_t count, bool nulls_only);
/* Frame of reference with the greatest common divisor taken out. `kinds` NULL: every row has a value. */
void build_write_integers(struct build *b, struct column_head *h, const int64_t *values, const uint8_t *kinds,
                          uint32_t count);
/* Width that it would take. */
unsigned build_integer_width(const int64_t *values, uint32_t count);
/* Codes into the sorted distinct values where that is smaller; for system columns only. */
void build_write_codes(struct build *b, struct column_head *h, const int64_t *values, uint32_t count);
/* A column of texts and absences. */
void build_write_texts(struct build *b, struct gather *g, uint32_t count);
void build_leaders_release(struct build *b);

#endif
