/* record: the typed record, what govern makes of a raw one and what identity and history take.
 *
 * A record is one contiguous, position-independent run of bytes: a head, its values, and a tail with text and lists. It
 * is built by a record_builder, copied into the history's delta as it stands, and dumped to checkpoints as it stands
 * (docs/formats/record.md), so its layout is on disk: never change it without a new version there.
 *
 *     offset 0                 struct record_head
 *     offset sizeof head       struct record_value [value_count], ascending by property, each property at most once
 *     after them               tail: text bytes, element values of lists, item values; offsets count from the record's start
 *
 * Numbers that can be written with at most six decimals are exact: VALUE_NUMBER with `scale`; the rest are VALUE_REAL.
 * Money is VALUE_NUMBER in the major unit (yuan). */
#ifndef ONEFOLD_GOVERN_RECORD_H
#define ONEFOLD_GOVERN_RECORD_H

#include "base/memory.h"
#include "base/slice.h"

/* What a type's rows are. On disk. */
enum type_kind {
    TYPE_ATTRIBUTES = 0, /* sets the customer's attributes; the one type with number 0 */
    TYPE_EVENT = 1,
    TYPE_DOCUMENT = 2, /* an update of a business document with a key */
    TYPE_MASTER = 3,   /* master data; belongs to no customer */
    TYPE_ITEM = 4,     /* line items of a document type, or objects in a list property */
    TYPE_RELATION =
        5 /* an edge to another customer, at the subject's history: head.document is an identifier of the other end,
                          and updates of the same other end fold like a document's */
};
#define TYPE_KIND_COUNT 6

/* The first properties of every relation type. */
enum relation_property {
    RELATION_CUSTOMER = 1, /* NUMBER: customer number of the other end when it was written */
    RELATION_ENDED = 2     /* BOOL: the edge is over */
};

enum value_kind {
    VALUE_MISSING = 0, /* an explicit null: unsets an attribute, clears a document's field */
    VALUE_BOOL = 1,
    VALUE_NUMBER = 2, /* integer / 10^scale */
    VALUE_REAL = 3,
    VALUE_TIME = 4, /* integer: ms since 1970 */
    VALUE_DATE = 5, /* integer: days since 1970 */
    VALUE_TEXT = 6, /* offset, count = bytes */
    VALUE_LIST = 7, /* offset of `count` record_values, all of one kind, no lists among them */
    VALUE_ITEMS = 8 /* offset of `count` record_items */
};

struct record_value {
    uint16_t property; /* number within the type (or item type); 0 in a list */
    uint8_t kind;      /* enum value_kind */
    uint8_t scale;     /* VALUE_NUMBER */
    uint32_t count;    /* bytes, elements or items */
    union {
        int64_t integer; /* BOOL (0/1), NUMBER, TIME, DATE */
        double real;
        uint64_t offset; /* TEXT, LIST, ITEMS: from the record's start */
    };
};
_Static_assert(sizeof(struct record_value) == 16, "on disk");

struct record_item {
    uint32_t value_count;
    uint32_t offset; /* of its record_values, ascending by property, from the record's start */
};

enum record_flags {
    RECORD_ITEMS_APPEND =
        1, /* document: its items are added to what is there (a row is one line), not put in its place */
    RECORD_TIME_RECEIVED = 2, /* the source gave no usable time; time_ms is the received one */
    RECORD_REPLACES = 4,      /* takes the place of the row of its type at its log position (a value was repaired) */
    RECORD_INVOLVES =
        32, /* relation: it stands for an event or a document of the same log position, which is the other end's: the subject's */
    RECORD_ENDS =
        64, /* relation: the second row that a record which tells of its beginning and its end has at this end */
    RECORD_PARTY =
        128, /* a row of a record that is at another customer than the record's own (govern.h, struct party) */
    RECORD_DERIVED =
        16, /* made by a merge of two others; head.document names the identifier of the second (history/consent.h) */
    RECORD_NEW_DOCUMENT =
        256, /* its document was never seen before; never stored: said between appending a row and telling of it */
    RECORD_MOVED = 8 /* no row: history's note of which older ones are another customer's by now (history/moved.h) */
};

struct record_head {
    uint32_t bytes; /* of the whole record, a multiple of 8 */
    uint16_t type;  /* dictionary type number */
    uint16_t source;
    int64_t time_ms; /* event time */
    int64_t received_ms;
    uint64_t position; /* log position */
    uint32_t arrival;  /* identifier through which it arrived (identity.h), set by identity */
    uint32_t document; /* identifier of a document's key or of a relation's other end, 0 otherwise, set by identity */
    uint16_t value_count;
    uint8_t kind;     /* enum type_kind */
    uint8_t priority; /* of the source, 0 strongest */
    uint16_t flags;
    uint16_t reserved;
    uint64_t message_hash; /* 0 where the source gave no message id; not stored in base columns */
};
_Static_assert(sizeof(struct record_head) == 56, "on disk");

static inline const struct record_value *record_values(const struct record_head *r) {
    return (const struct record_value *)(r + 1);
}
static inline struct slice record_text(const struct record_head *r, const struct record_value *v) {
    return (struct slice){(const char *)r + v->offset, v->count};
}
static inline const struct record_value *record_list(const struct record_head *r, const struct record_value *v) {
    return (const struct record_value *)((const char *)r + v->offset);
}
static inline const struct record_item *record_items(const struct record_head *r, const struct record_value *v) {
    return (const struct record_item *)((const char *)r + v->offset);
}
static inline const struct record_value *record_item_values(const struct record_head *r, const struct record_item *i) {
    return (const struct record_value *)((const char *)r + i->offset);
}
/* The value of `property`, or NULL. Cost: O(values). */
const struct record_value *record_find(const struct record_head *r, uint16_t property);
double record_number(const struct record_value *v); /* NUMBER, REAL, BOOL, TIME, DATE as a double */

/* Checks that `bytes` holds one whole record whose every offset stays inside (for files read back). */
bool record_check(struct slice bytes);

/* Builds one record at a time. `{0}` is ready; release with record_builder_release. Text is copied. Thread: one owner.
 *
 *     record_begin(&b, head); record_set_text(&b, property, text); ...
 *     const struct record_head *r = record_end(&b);      -- valid until the next record_begin
 *
 * Setting a property twice keeps the last. Items: record_items_begin, then for each item record_item_begin + record_set_*,
 * then record_items_end; sets in between go to the item. Lists: record_list_begin, record_list_add..., record_list_end. */
struct record_builder {
    struct record_head head;
    struct buffer values, tail, list, items, item_values, finished;
    uint16_t open_property;
    uint8_t open; /* 0 none, 1 list, 2 items */
    uint32_t item_start;
};
void record_builder_release(struct record_builder *b);
/* Copies `head`; bytes and value_count are set by record_end. */
void record_begin(struct record_builder *b, const struct record_head *head);
void record_set(struct record_builder *b, uint16_t property, enum value_kind kind, int64_t integer, uint8_t scale);
void record_set_real(struct record_builder *b, uint16_t property, double real);
void record_set_text(struct record_builder *b, uint16_t property, struct slice text);
void record_list_begin(struct record_builder *b, uint16_t property);
void record_list_end(struct record_builder *b);
void record_items_begin(struct record_builder *b, uint16_t property);
void record_item_begin(struct record_builder *b);
void record_items_end(struct record_builder *b);
struct record_head *record_end(struct record_builder *b);

#endif
