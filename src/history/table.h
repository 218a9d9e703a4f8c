/* table: one type's rows of one span, in columns (docs/formats/span.md). Built once from typed records and older tables,
 * then read where it lies, mapped.
 *
 * All offsets count from the table's first byte. Rows are sorted by (owner, time, position). System columns (owner, time,
 * position ...) have property numbers from TABLE_SYSTEM up. A list or items column holds row offsets into a child table, whose
 * rows are the elements (a list's single column has property 0). */
#ifndef ONEFOLD_HISTORY_TABLE_H
#define ONEFOLD_HISTORY_TABLE_H

#include "govern/record.h"
#include "history/history.h"

#define TABLE_MAGIC 0x31424154u /* "TAB1" */

/* Property numbers of system columns. On disk. */
enum table_system {
    TABLE_SYSTEM = 0xff00,
    TABLE_TIME_S = TABLE_SYSTEM, /* event time, whole seconds */
    TABLE_TIME_MS,               /* its 0..999 ms */
    TABLE_RECEIVED,
    TABLE_POSITION,
    TABLE_ARRIVAL,
    TABLE_SOURCE,
    TABLE_TRAITS,   /* priority << 16 | flags */
    TABLE_DOCUMENT, /* identifier of the document's key */
    TABLE_OWNER,    /* customer within the span, where there is no array of starts, or few rows */
    TABLE_DELAY,    /* received minus event time; stands in the place of TABLE_RECEIVED where it is narrower */
    TABLE_UPDATED,  /* of current documents: time of the latest update, ms */
    TABLE_SYSTEM_END
};

enum column_encoding {
    COLUMN_INTEGER = 1, /* base + multiple * raw, raw of `width` bytes: 0, 1, 2, 4, 8 */
    COLUMN_INTEGER_CODES =
        2, /* raw is an index into `dictionary_count` numbers at `dictionary`, of `multiple` bytes each: 8, an int64; 4,
                               * a uint32 that is added to `base` */
    COLUMN_REAL = 3,       /* doubles */
    COLUMN_TEXT_CODES = 4, /* raw is an index into texts: uint32 offsets [dictionary_count + 1], then bytes */
    COLUMN_TEXT = 5,       /* uint32 offsets [rows + 1] at data, bytes at `dictionary` */
    COLUMN_ROWS =
        6 /* uint32 offsets [rows + 1] at data into the child table at `dictionary`; `base`: offset of a bitmap, in words of
                              64, of the child's rows, bit set = the first of its row, or 0: there only where each row has one */
};

enum column_flags {
    COLUMN_OFFSETS_16 = 2, /* the dictionary's offsets are uint16: its texts have less than 64 KiB */
    COLUMN_SORTED =
        1 /* the dictionary's texts ascend. Columns whose texts go hand in hand (a product's id, name and URL) share one
                         array of codes; only the first of them is sorted */
};

struct column_head {
    uint16_t property;
    uint8_t encoding;
    uint8_t width;  /* bytes of a raw value or code */
    uint8_t kind;   /* enum value_kind of its values */
    uint8_t scale;  /* VALUE_NUMBER */
    uint16_t flags; /* enum column_flags */
    uint32_t dictionary_count;
    uint32_t absent_count; /* rows without a value (nulls included) */
    int64_t base;          /* texts: offset of what they all begin and end with, stored once; 0 = nothing */
    int64_t multiple;      /* texts: bytes of that beginning | bytes of that end << 32 */
    uint64_t data;
    uint64_t absent; /* bitmap, bit set = no value; 0 = every row has one */
    uint64_t nulls;  /* bitmap, bit set = explicit null; 0 = none */
    uint64_t dictionary;
};
_Static_assert(sizeof(struct column_head) == 64, "on disk");

enum table_starts {
    STARTS_WHOLE, /* uint32 [SPAN_CUSTOMERS + 1] */
    STARTS_BLOCKS /* struct starts_block [STARTS_BLOCKS_COUNT]: a quarter of the bytes */
};
#define STARTS_BLOCK 16 /* customers of a block */
#define STARTS_BLOCKS_COUNT (SPAN_CUSTOMERS / STARTS_BLOCK)
/* Where rows of sixteen customers are, for tables where none of the blocks has more than 255 rows. What one customer needs lies together. */
struct starts_block {
    uint16_t start;             /* its first row */
    uint8_t ends[STARTS_BLOCK]; /* rows of the block up to and with its i-th customer's */
};
_Static_assert(sizeof(struct starts_block) == 18, "on disk");

struct table_head {
    uint32_t magic;
    uint16_t type;
    uint16_t column_count;
    uint32_t row_count;
    uint8_t kind;        /* enum type_kind */
    uint8_t starts_form; /* enum table_starts */
    uint8_t pad[2];
    uint64_t bytes;
    uint64_t starts; /* or 0: then there is an owner column (or it is a child table) */
};
_Static_assert(sizeof(struct table_head) == 32, "on disk");

/* A table in place; the columns follow the head. */
static inline const struct column_head *table_columns(const struct table_head *t) {
    return (const struct column_head *)(t + 1);
}
/* Checks every offset and length of a table of at most `size` bytes (not the codes in it: those are checked at use).
 * Cost: O(columns). */
bool table_check(const struct table_head *t, size_t size);
/* Text `i` of a text column (row `i` of COLUMN_TEXT, code `i` of COLUMN_TEXT_CODES) without what all begin and end with; empty where the
 * column is damaged. */
struct slice table_text_at(const struct table_head *t, const struct column_head *c, uint64_t i);
/* The code of a row of a COLUMN_TEXT_CODES. */
uint64_t table_code(const struct table_head *t, const struct column_head *c, uint32_t row);
/* True when it has what every top table has: the columns that order rows, and starts or owners. */
bool table_is_top(const struct table_head *t);
const struct column_head *table_column(const struct table_head *t, uint16_t property); /* or NULL */
/* Rows [*first, *end) of `owner`. Cost: O(1) with starts, O(log rows) without. */
void table_range(const struct table_head *t, uint32_t owner, uint32_t *first, uint32_t *end);

/* One integer of an integer column (system ones, BOOL, NUMBER, TIME, DATE). */
int64_t column_integer(const struct table_head *t, const struct column_head *c, uint32_t row);
static inline bool bitmap_get(const struct table_head *t, uint64_t bitmap, uint32_t row) {
    return bitmap && (((const uint8_t *)t)[bitmap + row / 8] >> (row % 8) & 1);
}
/* System value of a row; 0 where the table has no such column. */
int64_t table_system_value(const struct table_head *t, enum table_system which, uint32_t row);
/* The columns that order rows, looked up once for many rows. */
struct table_order {
    const struct table_head *table;
    const struct column_head *seconds, *ms, *position;
};
struct table_order table_order_of(const struct table_head *t);
/* Unsigned inside: a damaged file may hold seconds that do not fit. */
static inline int64_t table_time_of(int64_t seconds, int64_t ms) {
    return (int64_t)((uint64_t)seconds * 1000 + (uint64_t)ms);
}
static inline int64_t table_order_time(const struct table_order *o, uint32_t row) {
    return table_time_of(column_integer(o->table, o->seconds, row), column_integer(o->table, o->ms, row));
}
static inline uint64_t table_order_position(const struct table_order *o, uint32_t row) {
    return (uint64_t)column_integer(o->table, o->position, row);
}
/* What every text of a text column begins and ends with; both may be empty. */
struct table_affix {
    struct slice prefix, suffix;
};
struct table_affix table_affix_of(const struct table_head *t, const struct column_head *c);
/* Where text `i` begins among the column's texts (row `i` of COLUMN_TEXT, code `i` of COLUMN_TEXT_CODES), and where those begin. */
static inline uint32_t column_offset(const struct table_head *t, const struct column_head *c, uint64_t i) {
    const char *offsets = (const char *)t + (c->encoding == COLUMN_TEXT ? c->data : c->dictionary);
    return c->flags & COLUMN_OFFSETS_16 ? ((const uint16_t *)offsets)[i] : ((const uint32_t *)offsets)[i];
}
static inline uint64_t column_texts(const struct column_head *c) {
    if (c->encoding == COLUMN_TEXT)
        return c->dictionary;
    return c->dictionary + (c->flags & COLUMN_OFFSETS_16 ? 2 : 4) * (c->dictionary_count + 1ull);
}
/* Decodes one row into `builder` (record_begin .. record_end). */
struct record_head *table_record(const struct table_head *t, uint32_t row, struct record_builder *builder);

/* A row's values lie in as many places as it has columns, and a text's in three (code, offset, bytes), mostly not in the cache: asked for
 * one after another they cost a trip to memory each. Whoever is about to decode several rows asks for all their places of a stage, then
 * for those of the next. */
enum table_fetch { FETCH_VALUES, FETCH_OFFSETS, FETCH_TEXTS };
void table_fetch(const struct table_head *t, uint32_t row, enum table_fetch stage);

/* Where one output row comes from: an older table's row, or a typed record (or one of its items). */
struct table_source {
    const struct table_head *table;   /* NULL: from `values` */
    const struct record_head *record; /* the record that `values` belong to */
    const struct record_value *values;
    uint32_t value_count;
    uint32_t row; /* in `table` */
    uint32_t owner;
    int64_t time_ms;
    uint64_t position;
    int64_t updated_ms; /* TABLE_CURRENT: time of the latest update */
};
/* The rows of a lists' or items' property of one source: appends a source for each element or item to `children`; returns the value's kind
 * (LIST, ITEMS; MISSING for a null), or TABLE_NO_VALUE. */
#define TABLE_NO_VALUE 255
uint8_t table_children(const struct table_source *s, uint16_t property, struct buffer *children);
/* The text of a number, date or flag under a property that became text; appended to `out`. `bits`: the integer or the double's. */
void table_value_text(uint8_t kind, uint8_t scale, int64_t bits, struct buffer *out);
/* Memory for the columns that are gathered at once: each further group of columns costs another pass over the rows. The table is the same
 * whatever it is; tests make it small. */
extern size_t table_gather_bytes;
enum table_form {
    TABLE_PLAIN,  /* no system columns: children, and attributes as they are now, where row = owner */
    TABLE_TOP,    /* rows as they came */
    TABLE_CURRENT /* documents as they are now: TABLE_UPDATED besides */
};
/* Appends to `out` (8-aligned there) the table of `count` rows given in their final order. All but plain ones get system columns.
 * Cost: O(rows x columns), plus sorting the distinct texts. */
void table_build(struct buffer *out, uint16_t type, enum type_kind kind, const struct table_source *rows,
                 uint32_t count, enum table_form form);

#endif
