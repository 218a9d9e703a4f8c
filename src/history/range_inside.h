/* range_inside: what the files of a range share: range.c sets it and maps what lies in a base, range_gather.c gathers rows from base and
 * delta, range_column.c makes and reads columns. */
#ifndef ONEFOLD_HISTORY_RANGE_INSIDE_H
#define ONEFOLD_HISTORY_RANGE_INSIDE_H

#include "history/history_inside.h"
#include "history/range.h"

/* A prepared table or attribute; good while `stamp` is the range's. */
struct rows_slot {
    uint64_t stamp;
    struct range_rows rows;
    uint8_t *
        scanned; /* of the times, the columns, then those below each (range_ahead.c); NULL: never prepared for a span */
    uint32_t scanned_count;
};
struct attribute_slot {
    uint64_t stamp;
    struct range_column column;
    uint8_t scanned;
};

enum range_form { FORM_SPAN, FORM_OWNERS, FORM_CUSTOMER };

/* Whom it is set on, as it stood at one moment: base and chains never change, so that what is prepared later still fits together. */
struct range_owner {
    uint32_t owner;
    bool gone;                      /* merged away: has no rows */
    const struct delta_row *newest; /* of its chain, or NULL */
};

/* Lines of the next span that are asked for while this one is worked on. */
#define FETCH_MAX 64
struct fetch {
    const char *at, *end;
};

#define COLUMN_HINTS 256

struct range {
    struct history *history;
    const struct identity *identity;
    struct arena arena;
    struct buffer sources, runs, children; /* while one table or attribute is gathered */
    const struct range_want *want;
    struct rows_slot *rows;
    struct attribute_slot *attributes;
    uint32_t rows_capacity, attribute_capacity;
    uint64_t stamp; /* changes when it is set */
    uint64_t before;
    uint64_t bytes;
    enum range_form form;
    uint32_t span;
    uint32_t count;
    const struct base *base; /* or NULL */
    const struct delta *delta;
    bool as_written;                  /* targets of relations */
    bool edits;                       /* the delta has rows that say something of others: replaced, moved */
    const struct range_owner *owners; /* [count]; NULL for a span */
    struct range_owner one;
    /* rows of type 0 of the owners, for attributes that must be gathered: made when first needed */
    const struct table_source *settings;
    const uint32_t *setting_starts; /* [count + 1] */
    uint64_t settings_stamp;
    struct fetch fetches[FETCH_MAX];
    uint32_t fetch_count, fetch_next;
    uint8_t column_hints[COLUMN_HINTS]; /* 1 + where a column stood among its table's; 0: not known; 255: not there */
};

/* Rows, or what a row is made of: of events one source, of documents all updates, oldest first. */
struct run {
    uint32_t first, end;
};

/* What gathered rows' columns are made of, when they are asked for. */
struct gathered_rows {
    const struct table_source *sources;
    const struct run *runs;
    uint32_t count;
    const struct rows_want *want;
};

/* --- range_column.c --- */

/* table_column of tables of which many are looked at in turn. Those of one type have the same columns nearly always, and a column's head is a
 * line or two that lies in no cache: where it stood in the table before is looked at first, and no others. `kind` says which tables are alike:
 * a type, or any number above. */
const struct column_head *range_find_column(struct range *range, const struct table_head *t, uint32_t kind,
                                            uint16_t property);
/* Asks for the lines that range_find_column will look at; `t` itself is not read. */
void range_fetch_column(const struct range *range, const struct table_head *t, uint32_t kind, uint16_t property);
/* One value while a column is made. */
struct cell {
    uint8_t kind; /* enum value_kind; VALUE_MISSING: none */
    uint8_t scale;
    union {
        int64_t integer;
        double real;
        struct slice text;
    };
};
/* A property looked up in the table that rows come from, once for many rows. */
struct cell_column {
    const struct table_head *table;
    const struct column_head *column;
};
/* True when the source names the property, be it with a null (then *cell is VALUE_MISSING). Of lists and items only the kind is set. */
bool cell_find(struct arena *arena, const struct table_source *s, uint16_t property, struct cell_column *known,
               struct cell *cell);
/* The property's type, or -1 where it is a system one or not known: then values stay as they are. */
int column_type(const struct history *history, uint16_t type, uint16_t property);
/* What the rows below a property of lists or items have: a list's elements are one column, property 0. */
struct children_types {
    const struct column_want *columns;
    uint32_t count;
    uint16_t type; /* of items; of a list's elements UINT16_MAX, which no property is of */
    uint8_t kind;  /* VALUE_LIST, VALUE_ITEMS */
    int element;   /* enum property_type of a list's elements */
};
void column_children_types(const struct range *range, uint16_t type, const struct column_want *want,
                           struct children_types *out);
/* Makes a column of `count` cells, each first brought to `type` (enum property_type or -1). */
void column_of_cells(struct arena *arena, struct cell *cells, uint32_t count, int type, struct range_column *out);
/* A column of integers; `values` stays in use. */
void column_of_integers(const int64_t *values, enum value_kind kind, struct range_column *out);
/* Maps a stored column, of which `rows` will be read; false where it must be converted, or their offsets make no sense: gather it then. */
bool column_of_table(struct range *range, const struct table_head *t, struct run rows, const struct column_want *want,
                     uint16_t type, struct range_column *out);
/* A stored column's integers, all of them, in the arena; zeros where `c` is NULL. */
int64_t *column_widened(struct range *range, const struct table_head *t, const struct column_head *c);
/* A stored column of integers. */
void column_of_head(struct range *range, const struct table_head *t, const struct column_head *c,
                    struct range_column *out);
/* The same for system columns. */
bool column_of_system(struct range *range, const struct table_head *t, struct run rows, uint16_t property,
                      struct range_column *out);
/* The column seen from row `row` on, one row of it: for one customer's attribute. */
void column_one_row(struct arena *arena, struct range_column *column, uint32_t row);
uint64_t column_bytes(const struct range_column *column, uint32_t rows);

/* --- range_target.c --- */

/* RANGE_TARGET of a stored table, of which `rows` will be read: as it lies where all are who they were. False where it must be gathered. */
bool column_of_targets(struct range *range, const struct table_head *t, struct run rows, struct range_column *out);

/* --- range_ahead.c --- */

/* Lets the columns of a prepared table say that they are scanned. */
void range_watch(struct rows_slot *slot, const struct rows_want *want);

/* --- range_gather.c --- */

/* Makes a column, a row a run of sources, property by property folded as history_fold says. */
void gather_column(struct range *range, const struct table_source *sources, const struct run *runs, uint32_t count,
                   const struct column_want *want, uint16_t type, struct range_column *out);
/* Gathers a table of the owners in hand (of a span: all, from the base alone). */
void gather_rows(struct range *range, const struct rows_want *want, struct range_rows *out);
/* Gathers an attribute of the owners in hand. */
void gather_attribute(struct range *range, const struct column_want *want, struct range_column *out);
/* A stored table's system value or property, materialised for rows 0 .. count - 1. */
void gather_from_table(struct range *range, const struct table_head *t, const struct column_want *want, uint16_t type,
                       struct range_column *out);

/* --- range_splice.c --- */

/* The rows of the customer in hand, of an event type, where at least range_splice_rows (tests make it small) of them lie in the base: false
 * where they are to be gathered. Cost: what the wanted columns have in bytes, twice, and 100 ns a row of the chain. */
bool splice_rows(struct range *range, const struct rows_want *want, struct range_rows *out);
extern uint32_t range_splice_rows;

/* --- range_merge.c --- */

/* Rows of all event types of a span, from its base alone. */
void merge_events(struct range *range, const struct rows_want *want, struct range_rows *out);

/* --- range_starts.c --- */

/* Starts of a top table's customers, as they lie, widened from blocks or made from its owners; NULL where they make no sense. */
const uint32_t *range_starts(struct range *range, const struct table_head *t);
/* False where rows' customers do not lie as range_rows wants them. */
bool range_row_owners(struct range *range, const struct table_head *t, struct range_rows *out);
/* Rows of a customer among those that say whose they are. */
void range_rows_by_owner(const struct range_rows *rows, uint32_t customer, uint32_t *first, uint32_t *end);
#define RANGE_OWNERS_AT_ONCE 8
/* The same for so many; owner_multiple is 1. */
void range_rows_by_owners(const struct range_rows *rows, const uint32_t customers[RANGE_OWNERS_AT_ONCE],
                          uint32_t firsts[RANGE_OWNERS_AT_ONCE], uint32_t ends[RANGE_OWNERS_AT_ONCE]);

#endif
