/* fuzzy_table: the records to be matched, as columns of interned text. What fuzzy_match reads; whoever has records fills it: the
 * command line from files, the platform from customers' attributes.
 *
 * A distinct value of a column has one code; 0 is "nothing here" (an empty cell, or a placeholder such as "n/a"). All work on
 * values is done once per distinct value, and pairs of records are compared by codes.
 *
 * Memory: 4 bytes a record and column, and each distinct value once. Thread: one writer; then any number of readers. */
#ifndef ONEFOLD_IDENTITY_FUZZY_TABLE_H
#define ONEFOLD_IDENTITY_FUZZY_TABLE_H

#include "base/memory.h"

/* dictionary: texts to codes 1, 2, ... in the order they came. */
struct fuzzy_dictionary {
    struct arena texts;
    struct slice *values; /* [count + 1]; values[0] is empty */
    uint32_t *slots;      /* open addressing */
    size_t count, capacity, slot_count;
};
void fuzzy_dictionary_release(struct fuzzy_dictionary *d);
/* The code of `text`, a new one where it is new; 0 for the empty text. */
uint32_t fuzzy_dictionary_add(struct fuzzy_dictionary *d, struct slice text);
/* The code of `text`, 0 where it is not there. */
uint32_t fuzzy_dictionary_find(const struct fuzzy_dictionary *d, struct slice text);

#define FUZZY_COLUMNS_MAX 200

struct fuzzy_column {
    char *name;
    struct fuzzy_dictionary values;
    uint32_t *codes; /* [record_count] */
};

struct fuzzy_table {
    struct fuzzy_column columns[FUZZY_COLUMNS_MAX];
    size_t column_count;
    uint32_t *sources; /* [record_count]: which input a record came from, 0, 1, ... */
    size_t record_count, capacity, source_count;
};
void fuzzy_table_release(struct fuzzy_table *t);
/* The column named `name`, made where it is new; NULL past FUZZY_COLUMNS_MAX. */
struct fuzzy_column *fuzzy_table_column(struct fuzzy_table *t, struct slice name);
struct fuzzy_column *fuzzy_table_find(struct fuzzy_table *t, struct slice name);
/* A new record without values; returns its number. */
size_t fuzzy_table_record(struct fuzzy_table *t, uint32_t source);
/* Sets a value of record `record`; blanks at its ends go, placeholders are nothing. */
void fuzzy_table_set(struct fuzzy_table *t, struct fuzzy_column *column, size_t record, struct slice value);
static inline struct slice fuzzy_table_text(const struct fuzzy_column *c, size_t record) {
    return c->codes[record] ? c->values.values[c->codes[record]] : SLICE_NONE;
}

#endif
