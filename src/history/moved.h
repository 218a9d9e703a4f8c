/* moved: rows that belong to somebody else by now, as the chain they stood in says. Inside of history/ only.
 *
 * A split must cost what moves and not what stays: a customer with a million rows gives away ten. So nothing of the million is touched: the
 * ten are copied to their new owner, and the old owner's chain gets a *note*, a row that names the arrival identifiers whose rows, as far
 * as they are older (all of the base, and of the chain what the note links back to), count no more. A note without identifiers says so of
 * all rows: that is how a customer who was merged away comes back to life, with none of the rows of before. Rows that come later through
 * the same identifiers stand before the note and count. Chains stay immutable, so a reader who took one sees rows and note as they fit
 * together; compaction leaves out what notes of its part of the delta cover, and the notes with them.
 *
 * A note is a typed record, so that checkpoints keep it as they keep rows: kind TYPE_MASTER and type MOVED_TYPE, which no customer's row
 * has, flag RECORD_MOVED; a list of arrival identifiers, ascending, and a list of the types (type | kind << 16) that rows were taken of. */
#ifndef ONEFOLD_HISTORY_MOVED_H
#define ONEFOLD_HISTORY_MOVED_H

#include "history/span.h"

#define MOVED_TYPE UINT16_MAX

static inline bool moved_is_note(const struct record_head *r) { return r->flags & RECORD_MOVED; }

/* A set of identifiers, looked up for every row of a customer. */
#define ARRIVALS_FILTER_WORDS 64
struct arrivals {
    const uint32_t *sorted; /* ascending; borrowed */
    size_t count;
    uint64_t filter[ARRIVALS_FILTER_WORDS]; /* a bit per number modulo 4,096: nearly every miss ends here */
};
void arrivals_of(const uint32_t *sorted, size_t count, struct arrivals *out);
bool arrivals_search(const struct arrivals *a, uint32_t arrival);
static inline bool arrivals_have(const struct arrivals *a, uint32_t arrival) {
    uint32_t bit = arrival % (ARRIVALS_FILTER_WORDS * 64);
    return (a->filter[bit / 64] >> (bit % 64) & 1) && arrivals_search(a, arrival);
}

/* Makes a note in `b`: of `a`, or of everything where `a` is NULL; `types` are type | kind << 16. */
const struct record_head *moved_note(struct record_builder *b, const struct arrivals *a, const uint32_t *types,
                                     size_t type_count);
/* Whether older rows of this arrival count no more. Cost: O(log identifiers). */
bool moved_note_covers(const struct record_head *note, uint32_t arrival);
bool moved_note_covers_all(const struct record_head *note);
/* The types it names: calls `each`. */
void moved_note_types(const struct record_head *note, void (*each)(void *context, uint16_t type, uint8_t kind),
                      void *context);

/* The identifiers that a row goes by: its arrival, and of attributes that a merge derived the second one. A note covers it by either. */
struct moved_key {
    uint32_t arrival, second; /* second: 0 where there is none */
};
static inline struct moved_key moved_key_of(const struct record_head *r) {
    return (struct moved_key){r->arrival, r->kind == TYPE_ATTRIBUTES ? r->document : 0};
}
static inline struct moved_key moved_key_at(const struct table_head *t, uint32_t row) {
    return (struct moved_key){(uint32_t)table_system_value(t, TABLE_ARRIVAL, row),
                              t->kind == TYPE_ATTRIBUTES ? (uint32_t)table_system_value(t, TABLE_DOCUMENT, row) : 0};
}

/* What tells rows of one type at one log position apart. Only relations have several there: a record may name several customers, two of them
 * may have become one, and it may tell when a relation began and when it ended. 0 for other kinds. */
struct row_twin {
    uint64_t ends; /* arrival << 32 | other end */
    bool second;   /* RECORD_ENDS */
};
static inline struct row_twin row_twin_of(const struct record_head *r) {
    if (r->kind != TYPE_RELATION)
        return (struct row_twin){0, false};
    return (struct row_twin){(uint64_t)r->arrival << 32 | r->document, (r->flags & RECORD_ENDS) != 0};
}
static inline struct row_twin row_twin_at(const struct table_head *t, uint32_t row) {
    if (t->kind != TYPE_RELATION)
        return (struct row_twin){0, false};
    return (struct row_twin){(uint64_t)table_system_value(t, TABLE_ARRIVAL, row) << 32 |
                                 (uint32_t)table_system_value(t, TABLE_DOCUMENT, row),
                             (table_system_value(t, TABLE_TRAITS, row) & RECORD_ENDS) != 0};
}
static inline int row_twin_compare(struct row_twin a, struct row_twin b) {
    return a.ends != b.ends ? (a.ends < b.ends ? -1 : 1) : a.second - b.second;
}

/* Notes met on the way from a chain's newest row back. */
struct moved {
    const struct record_head **notes; /* room of the caller's */
    size_t count;
    bool all; /* everything older is gone */
};
void moved_meet(struct moved *m, const struct record_head *note);
static inline bool moved_any(const struct moved *m) { return m->count || m->all; }
bool moved_covers(const struct moved *m, struct moved_key key);
/* Whether a note of the chain from `newest` back to, without, `until` covers a row of this arrival; `until` NULL: the whole chain, for a row of
 * the base. Cost: a walk; for few rows. */
bool moved_from_chain(const struct delta_row *newest, const struct delta_row *until, uint32_t arrival);

#endif
