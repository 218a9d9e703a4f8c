/* distinct: the distinct texts or integers of a column, numbered in order of appearance. Used where tables are written. Thread: one. */
#ifndef ONEFOLD_HISTORY_DISTINCT_H
#define ONEFOLD_HISTORY_DISTINCT_H

#include "base/memory.h"
#include "base/slice.h"

/* Texts; zeroed before first use. */
struct interner {
    struct slice *texts; /* [count] by number */
    uint32_t count, capacity;
    struct interner_slot *slots; /* a power of two of them */
    uint32_t slot_count;
};
/* The text's number. It is borrowed: it must stay until interner_release. Cost: its hash, and a comparison with its first appearance. */
uint32_t intern(struct interner *interner, struct slice text);
void interner_release(struct interner *interner);

/* Integers. */
struct distinct {
    int64_t *sorted;   /* [count] */
    uint32_t *code_of; /* [count] by number: where it stands in `sorted` */
    uint32_t *number;  /* [values] of each value */
    uint32_t count;
};
/* False where there are more than `most`, found as soon as that is sure: nothing but the count is set then. Cost: a probe a value, and the sort
 * of the distinct. */
bool distinct_find(struct distinct *out, const int64_t *values, uint32_t count, uint64_t most);
void distinct_release(struct distinct *distinct);

#endif
