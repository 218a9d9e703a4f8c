/* history_inside: what the files of history/ share. */
#ifndef ONEFOLD_HISTORY_HISTORY_INSIDE_H
#define ONEFOLD_HISTORY_HISTORY_INSIDE_H

#include <pthread.h>
#include <stdatomic.h>

#include "history/moved.h"

#define SPANS_MAX (1u << 20) /* 4.29 billion customer numbers */
#define SPAN_PAGE 1024u

/* Something a reader may still look at; freed when every reader that was inside then has left. */
struct retired {
    struct retired *next;
    uint64_t epoch;
    struct base *base;
    struct delta *delta;
    struct span_view *view;
};

/* A base file that no view uses any more; removed when a checkpoint that no longer names it is durable. */
struct obsolete {
    struct obsolete *next;
    uint64_t freeze; /* count of freezes when it went out of use */
    uint32_t span;
    uint64_t number;
};

/* A base that the compactor finished and the fold has not taken in yet. */
struct finished {
    struct finished *next;
    struct span *span;
    struct base *base;
    bool copy;           /* in memory, of the one in force */
    uint32_t delta_rows; /* rows of the delta that are in it, where it is no copy */
};

struct history {
    struct os *os;
    char *folder;
    const struct dictionary *dictionary;
    uint64_t delta_budget, memory_budget;
    struct span *_Atomic *_Atomic pages[SPANS_MAX / SPAN_PAGE];
    _Atomic uint32_t span_limit;   /* 1 + highest span number in use */
    _Atomic uint64_t delta_bytes;  /* of all spans' deltas, as of the last tidy, plus what was appended since */
    _Atomic uint64_t memory_bytes; /* of bases that are copies */
    _Atomic uint64_t row_count, merged_rows, compactions;
    _Atomic uint64_t position;
    void (*moved)(void *context, uint64_t position, struct customer_id to); /* or NULL: history_follow */
    void *moved_context;
    pthread_mutex_t lock; /* finished, obsolete, compacting flags, file numbers, waiters */
    pthread_cond_t advanced;
    struct finished *finished;
    struct obsolete *obsolete;
    uint64_t next_file, freezes;
    uint32_t tend_next, tended; /* background thread: the span to look after next, of so many */
    uint64_t tended_compactions;
    struct retired *retired; /* fold thread */
    _Atomic uint64_t epoch;  /* starts at 1 */
    struct {
        _Alignas(64) _Atomic uint64_t epoch; /* 0 = free */
    } readers[HISTORY_READERS_MAX];
};

struct span *history_span(const struct history *history, uint32_t number); /* or NULL; any thread */
struct span *history_span_make(struct history *history, uint32_t number);  /* fold thread */
static inline struct span_view *span_view(const struct span *span) {
    return atomic_load_explicit(&((struct span *)span)->view, memory_order_acquire);
}
/* Fold thread: adds a row, or a note, to the span's delta. */
void history_put(struct history *history, struct span *span, uint32_t owner, const struct record_head *record);
/* Fold thread: puts `view` in force and retires the old one's struct, and its base or delta where they differ. */
void history_swap(struct history *history, struct span *span, struct span_view *view);
char *history_file(const struct history *history, uint32_t span, uint64_t number); /* path; free() */

struct row_place {
    int64_t time_ms;
    uint64_t position;
    const struct record_head *record; /* a delta row, or NULL */
    const struct table_head *table;
    uint32_t row;
    uint16_t type;
};

/* The rows of `owner` in `base` (may be NULL) and in the chain from `newest` (may be NULL) back, newest first by (time, position), those of
 * one record by type; returns how many. What was replaced or moved away is left out; `edits`: the delta has rows that say so of others.
 * `type`: a number, or one of these. places_through: only rows that one of `arrivals` has a part in (moved_key). */
#define PLACES_ALL (-1)
#define PLACES_EVENTS (-2)
size_t places_find(const struct base *base, const struct delta_row *newest, bool edits, uint32_t owner, int type,
                   struct arena *arena, struct row_place **places);
size_t places_through(const struct base *base, const struct delta_row *newest, bool edits, uint32_t owner,
                      const struct arrivals *arrivals, struct arena *arena, struct row_place **places);

#endif
