/* range: the histories of a range of customers of one span, as columns: what the language's kernels read.
 *
 * A range of a whole span lies in its base where it is mapped: no copy. Customers whose delta holds rows that matter (of a wanted
 * type) are `dirty` there: their answer comes from a second range of just those customers, gathered from base and delta into columns
 * of the same form. A range of one customer is the live case. So one kernel serves all three, and what it reads is the same.
 *
 * Current attributes and current documents stand in the base as tables of their own, made at compaction (docs/formats/span.md: sections
 * a0 and d<type>) by the same fold that history_attributes and history_documents do; where a base of before has none, every customer of the
 * span is dirty.
 *
 * Order of rows: by customer, then (time, position); documents by the time and position of their first update.
 * Lifetime: a range is used between history_enter and history_leave, on one thread; all it gives out lies in its arena, in the mapped base
 * or in the delta. */
#ifndef ONEFOLD_HISTORY_RANGE_H
#define ONEFOLD_HISTORY_RANGE_H

#include "history/history.h"

/* --- what is wanted: fixed by a plan, shared by threads --- */

enum range_system { /* property numbers of what every row has */
                    RANGE_TIME =
                        0xff00, /* event time; of documents that of the first update. Always there: rows->seconds, rows->ms */
                    RANGE_RECEIVED = 0xff01, /* when it came; documents: the latest update */
                    RANGE_UPDATED = 0xff02,  /* documents, relations: time of the latest update; events: their own */
                    RANGE_SOURCE = 0xff03,   /* number of the source; documents: of the latest update */
                    RANGE_TYPE = 0xff04,     /* of ROWS_ANY_EVENT: number of the type */
                    RANGE_TARGET =
                        0xff05, /* of relations: number of the customer at the other end, as it is now (redirects followed) */
                    RANGE_POSITION = 0xff06 /* log position; documents: of the first update */
};
struct column_want {
    uint16_t property;
    const struct column_want
        *items; /* of a property of items: the items' own columns; none below these. A list's elements are always one
                                        column of its child, property 0 */
    uint32_t item_count;
};
enum rows_form { ROWS_EVENTS, ROWS_DOCUMENTS, ROWS_RELATION, ROWS_ANY_EVENT };
struct rows_want {
    enum rows_form form;
    uint16_t type; /* not for ROWS_ANY_EVENT */
    const struct column_want *columns;
    uint32_t column_count;
};
struct range_want {
    const struct column_want *attributes;
    uint32_t attribute_count;
    const struct rows_want *rows;
    uint32_t rows_count;
};

/* --- columns --- */

enum column_form {
    COLUMN_NOTHING,   /* no row has a value */
    COLUMN_WHOLE,     /* base + multiple * raw, raw of `width` bytes: 0, 1, 2, 4, 8. NUMBER: over 10^scale */
    COLUMN_LOOKED_UP, /* raw indexes `numbers` */
    COLUMN_DOUBLES,   /* doubles; one that has a decimal form (decimal_of_real) means that decimal */
    COLUMN_CODED,     /* raw indexes texts: range_code_text */
    COLUMN_TEXTS,     /* a text a row: range_text */
    COLUMN_CHILDREN,  /* lists and items: rows child_starts[i] .. child_starts[i + 1] of `child` (range_child_starts) */
    COLUMN_PENDING    /* not made yet: ask range_rows_column */
};
struct range_column {
    uint8_t form;
    uint8_t width;
    uint8_t kind;  /* enum value_kind: BOOL, NUMBER, REAL (doubles), TIME, DATE, TEXT, LIST, ITEMS */
    uint8_t scale; /* of NUMBER */
    uint32_t code_count;
    int64_t base, multiple;
    const void *data;
    const int64_t *numbers; /* COLUMN_LOOKED_UP; `code_count` of them */
    const uint8_t *
        absent; /* bit i: row i has no value; NULL: all have one. COLUMN_WHOLE with data of absent rows is any number */
    const struct slice *texts; /* COLUMN_TEXTS gathered: indexed by row; NULL: in `table` */
    const struct table_head *table;
    const struct column_head *head;
    const struct range_rows *child;
    const uint32_t *child_starts; /* where there are `child_begins` NULL until range_child_starts asks for them */
    /* of a span where each row has a child, else NULL: bit i: child row i is its row's first. Its rows begin at 0, and so do the child's; as the
     * file says: who uses it counts its bits, and where they are not as many as rows, looks at child_starts */
    const uint64_t *child_begins;
    uint8_t *scanned; /* of a span, else NULL: set by range_scans */
};
/* Said by who goes over all rows of a column: of the spans to come it is then brought nearer before it is asked for (range_ahead). */
static inline void range_scans(const struct range_column *column) {
    if (column->scanned)
        *column->scanned = 1;
}
/* A column whose stored kind is not the property's type (numbers under a property that became text) is converted when gathered, so
 * texts are texts and numbers numbers; what cannot be read as the type is absent. */

struct range_rows {
    uint32_t first, end;    /* rows of the range: indexes into the columns' data */
    const uint32_t *starts; /* [customers + 1], absolute: customer i has rows starts[i] .. starts[i + 1] */
    /* of a span's tables with a row a customer and fewer, else NULL: row i is customer's (owner_base + owner_multiple * owners[i]) % SPAN_CUSTOMERS */
    const uint16_t *owners;
    uint16_t owner_base, owner_multiple;
    struct range_column seconds,
        ms; /* event time = seconds * 1000 + ms; both COLUMN_WHOLE or COLUMN_LOOKED_UP, `ms` may be NOTHING = 0 */
    const struct range_column *columns;   /* as wanted, in that order */
    const struct gathered_rows *gathered; /* what pending columns are made of; NULL: all are there */
};

/* Text of row `row`, or of code `code`; put together in `scratch` where the column stores beginnings and ends apart. Empty where damaged. */
struct slice range_text(const struct range_column *column, uint32_t row, struct buffer *scratch);
struct slice range_code_text(const struct range_column *column, uint32_t code, struct buffer *scratch);
int64_t range_integer(const struct range_column *column, uint32_t row); /* forms WHOLE, LOOKED_UP */
int64_t range_row_time(const struct range_rows *rows, uint32_t row);    /* ms */

/* --- ranges --- */

struct range;
struct range *range_create(struct history *history, const struct identity *identity);
void range_free(struct range *range);

/* Sets it on a whole span; false where the span does not exist. Customers 0 .. 4095 of the range are the span's. What is wanted is
 * prepared when asked for. `dirty` [SPAN_CUSTOMERS / 64] gets those whose answer must come from range_owners; `population` those that are
 * customers: known by a person's or device's identifier, not merged away, not a shared device's; NULL: not asked. Both leave out whom history merged away;
 * rows of those and of dirty customers stand in the columns all the same and mean nothing. Without an identity everybody is a customer. */
bool range_span(struct range *range, const struct range_want *want, uint32_t span, uint64_t *dirty,
                uint64_t *population);
/* Brings what range_span will ask of the spans behind `span` nearer, each a step more than the one behind it: a span is found over seven
 * pointers, none of which a cache holds, and asked for one after another they cost a trip to memory each. Called before range_span(span)
 * by who goes through spans in order. Between history_enter and _leave. */
void range_ahead(struct range *range, const struct range_want *want, uint32_t span);
/* Asks for so many lines of the next span's columns that were scanned in this one: called now and then while this one is worked on, so that
 * memory brings them meanwhile. About a ns a line, as long as no more are under way than a core can have: some twenty. */
void range_fetch(struct range *range, uint32_t lines);
/* Sets it on these owners (ascending, within the span), gathered. Customers 0 .. count-1 of the range are they. */
void range_owners(struct range *range, const struct range_want *want, uint32_t span, const uint16_t *owners,
                  uint32_t count);
/* Sets it on one customer; rows at log position `before` and later are left out (UINT64_MAX: none). Without delta rows that matter, and
 * with `before` UINT64_MAX, each table lies in the base. Cost: 10 ns, and 70 to 250 ns a table or attribute asked for, most of it waiting for
 * memory; about 100 ns a row more where rows are gathered (range_bench). */
void range_customer(struct range *range, const struct range_want *want, struct customer_id customer, uint64_t before);

/* From the next range on, RANGE_TARGET of rows in a base is who was written, merged away since or not: for who knows what he asks of them of those
 * too. Saves a look at each. */
void range_targets_as_written(struct range *range);

uint32_t range_count(const struct range *range); /* customers in it */
struct customer_id range_customer_at(const struct range *range, uint32_t i);
/* want->rows[i] and want->attributes[i]; an attribute's column has one row a customer, row = customer's index in the range. */
const struct range_rows *range_rows(struct range *range, uint32_t i);
/* The same; but where there are owners, `starts` is NULL until range_rows asks for them: making them costs more than a small table's rows.
 * And where rows are gathered a column is made when range_rows_column asks for it: mostly one of several is. */
const struct range_rows *range_rows_lean(struct range *range, uint32_t i);
const struct range_column *range_rows_column(struct range *range, const struct range_rows *rows, uint32_t column);
/* Rows [*first, *end) of customer `customer` of the range: for few customers of rows asked for leanly. */
void range_rows_of(struct range *range, uint32_t i, uint32_t customer, uint32_t *first, uint32_t *end);
/* The same of several customers at once, ascending: some four times as fast a customer. */
void range_rows_of_each(struct range *range, uint32_t i, const uint32_t *customers, uint32_t count, uint32_t *firsts,
                        uint32_t *ends);
const struct range_column *range_attribute(struct range *range, uint32_t i);
/* child_starts of a column of children of this range, made or looked over when first asked for. */
const uint32_t *range_child_starts(struct range *range, const struct range_column *column);
uint64_t range_bytes(const struct range *range); /* of columns given out since it was set: for shares of bandwidth */

#endif
