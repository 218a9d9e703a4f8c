/* history_fold: what attributes and documents are now, out of the rows that set them. Inside of history/ only; the one place where these
 * rules stand: reading a customer, making a base's current tables and gathering a range all use them. */
#ifndef ONEFOLD_HISTORY_HISTORY_FOLD_H
#define ONEFOLD_HISTORY_HISTORY_FOLD_H

#include "history/history.h"

/* A copy of the record that outlives its builder. */
const struct record_head *fold_keep(struct arena *arena, const struct record_head *r);

/* --- attributes --- */

/* What decides between rows that set the same attribute. */
struct fold_rank {
    uint8_t priority;
    int64_t time_ms;
    uint64_t position;
};
/* Stronger source, then later, then logged later. */
static inline bool fold_outranks(struct fold_rank a, struct fold_rank b) {
    if (a.priority != b.priority)
        return a.priority < b.priority;
    if (a.time_ms != b.time_ms)
        return a.time_ms > b.time_ms;
    return a.position > b.position;
}
/* Puts the record's values into now[property] where they outrank what is there; properties from `limit` on are left out. With `arena`, a
 * record that wins anything is copied there; without, it must outlive `now`. A value VALUE_MISSING says: unset. */
void fold_attributes(struct attribute_now *now, uint32_t limit, const struct record_head *r, struct arena *arena);

/* --- documents, and relations, which fold alike --- */

/* Whether items of a row with these flags take the place of those before. */
static inline bool fold_puts_items(uint16_t flags) { return !(flags & RECORD_ITEMS_APPEND); }

struct update {
    uint32_t document;
    uint32_t order; /* of the row among the customer's, oldest first */
    const struct record_head *record;
};
/* The updates of one document, oldest first. */
struct update_group {
    const struct update *updates;
    uint32_t count;
};
/* Sorts the updates by (document, order) and finds the groups, at most `count`; returns how many. */
size_t fold_group(struct update *updates, size_t count, struct update_group *groups);
/* Lays the updates over each other: head of the latest, with the time of the first. Valid until the builder's next use. */
const struct record_head *fold_document(const struct update_group *group, struct record_builder *b);
/* Copies a value of `r` into the open record of `b`. */
void fold_copy_value(struct record_builder *b, const struct record_head *r, const struct record_value *v);

#endif
