/* audience_inside: the audience as its own files see it. */
#ifndef ONEFOLD_AUDIENCE_AUDIENCE_INSIDE_H
#define ONEFOLD_AUDIENCE_AUDIENCE_INSIDE_H

#include <pthread.h>

#include "audience/live.h"

#define MASTER_DELAY_MS                                                                                                \
    1000 /* from a change of master data to the pass over everybody: an import makes one, not one a row */
#define RUNS_MADE_UP 24 /* missed runs of a schedule that are worked after a sleep: the latest ones */

/* A scheduled segment's runs. */
struct run {
    uint32_t number, reserved;
    int64_t next_ms, ran_ms; /* ran_ms 0: never yet */
    uint64_t ran_position;
};
_Static_assert(sizeof(struct run) == 32, "on disk");

struct audience {
    struct os *os;
    struct definition_parts parts;
    const struct log *log;
    struct live live;
    struct planned *planned; /* of all live segments; made when needed */
    bool outdated;           /* definitions changed since it was made */
    pthread_mutex_t lock;    /* `snapshot` and the runs, for other threads */
    struct audience_snapshot *snapshot;
    struct run *runs; /* ascending by number */
    uint32_t run_count;
    int64_t master_due_ms;
    bool master_dirty[DICTIONARY_TYPES_MAX];
    bool event_wanted[DICTIONARY_TYPES_MAX], every_event_wanted; /* by subscriptions */
    struct buffer types; /* of every property, as the definitions were checked with them: note_types */
    pthread_mutex_t prepare_turn, prepare_lock; /* of who prepares; of the list (prepare.c) */
    struct audience_prepared *prepared;
    _Atomic uint32_t prepared_count;
    _Atomic int64_t due_ms, now_ms;
    _Atomic uint64_t published, busy_ns;
};

void audience_note_due(struct audience *a);
/* Live segments among what a definition changed, ascending; free() it. */
uint32_t *change_live_numbers(const struct definition_change *change, uint32_t *count);
void audience_note_types(struct audience *a);
void audience_note_subscriptions(struct audience *a);
void audience_set_runs(struct audience *a, struct run *runs, uint32_t count);

/* --- prepare.c --- */
/* Fewer customers than these, touched while others were evaluated, end the preparing. Tests make it small. */
extern size_t prepare_touched_few;
/* fold thread: */
/* The customer's rows, or who is who, changed just now. */
void prepared_touch(struct audience *a, struct customer_id customer);
/* What values of properties are changed: nothing that is prepared is any good. */
void prepared_void(struct audience *a);
/* What was prepared for these segments, to be put in force and freed; NULL: nothing. */
struct backfill *prepared_take(struct audience *a, const struct audience_snapshot *snapshot, const uint32_t *numbers,
                               uint32_t count);

#endif
