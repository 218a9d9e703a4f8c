/* live: the segments that follow every record and the clock, compiled together, and what their answers come to: members,
 * due moments, feed entries. Inside of audience/ only; fold thread only.
 *
 * A planned set is roots (segments) in plans with evaluators and the index from what a record touches to the roots that
 * read it. One holds all live segments; short-lived ones serve a changed definition or a scheduled run. */
#ifndef ONEFOLD_AUDIENCE_LIVE_H
#define ONEFOLD_AUDIENCE_LIVE_H

#include "audience/definitions.h"
#include "audience/live_keys.h"
#include "audience/slack.h"
#include "audience/timers.h"
#include "language/relevance.h"

#define RELATED_MAX 10000 /* customers at the other ends that one record has evaluated */
#define SPAN_PASS_DUE 64  /* so many of a span due at once: it is evaluated as a whole */

struct live_counters {
    _Atomic uint64_t evaluations, turned, changes, timers_due, span_passes, prepared;
};

/* What evaluation works on; all borrowed. */
struct live {
    const struct dictionary *dictionary;
    const struct master *master;
    struct identity *identity;
    struct history *history;
    struct members *members;
    struct timers *timers;
    struct slack *slack; /* how many events the answers of live segments hold against */
    struct feed *feed;
    struct outside outside;
    struct live_counters counters;
    uint64_t position; /* of the record in hand; entries are named by it */
    uint32_t order;    /* of the next entry at that position */
    int64_t now_ms;    /* the clock: the largest received time, or the due moment being worked */
    struct arena arena;
    struct record_builder builder;
    struct customer_id *ends;
    bool ends_cut; /* there may be more of them than RELATED_MAX */
};

struct root_list {
    uint32_t *roots;
    uint32_t count, capacity;
};
struct live_root {
    uint32_t number; /* of the segment */
    uint32_t group, index;
    uint32_t slot; /* in `slack`; SLACK_SLOT_NONE: of stored ones */
    bool timed;    /* its answers end; never of stored ones, which have their schedule */
    bool upload, stored;
    uint64_t event_clauses;      /* those that an event can change */
    struct relevance *relevance; /* which events matter to it; NULL: all of the types it reads */
    struct hold_amount amount;   /* what its slack counts, if not events */
    struct hold_values values;   /* which an event must bring another of to count surely */
};
struct group {
    struct plan *plan;
    struct evaluator *now, *then;
    uint32_t first, count; /* roots */
};
/* Roots that look at others over one relation type. */
struct over {
    uint16_t type;
    struct root_list any; /* all of them */
    uint64_t *touched;    /* of the record in hand */
    bool is_touched;
};
/* Of roots that ask how many texts of one property are distinct. */
struct typed_values {
    uint16_t property;
    uint16_t print;    /* of the record in hand's; 0: it has none */
    bool another;      /* that was not counted yet */
    uint64_t *counted; /* [slot_words]: to which every event counts that brings another; NULL: none */
};
/* Roots that read a type, by the slots of their slack: eight to a word, SLACK_TURNS in a root's byte. */
struct typed_roots {
    struct root_list all;
    bool slotted;           /* all of them have one */
    struct root_list asked; /* to which an event may be nothing, or of which it cannot be told; but those of `keys` */
    struct root_keys *keys; /* to which it may be something only by a value it has; NULL: none */
    uint64_t *counted;      /* [slot_words]: to which every event counts, but those of `values`; NULL: none */
    struct typed_values *values;
    uint32_t value_count;
    uint64_t *reading; /* [slot_words]: all */
    uint64_t *keyed;   /* [slot_words]: of documents, those of `keys`; NULL: none */
};
struct related_root {
    uint32_t over, root;
};
struct related_list {
    struct related_root *roots;
    uint32_t count, capacity;
};
struct planned {
    struct audience_snapshot *snapshot; /* held: trees lie in it */
    struct live_root *roots;            /* ascending by segment */
    uint32_t root_count, words, timed_count;
    struct group *groups;
    uint32_t group_count;
    uint64_t *all, *timed, *touched; /* [words] */
    uint64_t *turned;                /* [words]: of those touched, the ones whose answer is known to have turned */
    struct typed_roots *by_type;
    struct root_list *by_attribute, *by_master, *by_set;
    uint32_t *by_slot; /* [8 * slot_words]: the root */
    uint32_t slot_words;
    uint64_t *found; /* [slot_words]: by the values of the document in hand */
    uint32_t type_count, attribute_count, set_count;
    struct root_list any_event;
    struct related_list *related_type, *related_attribute, *related_set, related_any_event;
    struct over *overs;
    uint32_t over_count;
    /* The answers of a customer without any record, good until `empty_until_ms`. */
    bool empty_known;
    int64_t empty_until_ms;
    uint64_t *empty;         /* [words]: roots that are true */
    uint64_t *empty_clauses; /* [root_count] */
    uint8_t *empty_slack;    /* [root_count] */
    int64_t empty_sure_ms;
    uint64_t (*span_bits)[SPAN_WORDS];        /* [root_count]: what a pass changed */
    uint64_t *clauses_before, *clauses_after; /* [root_count]: of the customer in hand */
};

/* Plans of the segments `numbers` (ascending) of a snapshot. Errors: TOO_LARGE where one alone is. */
enum status planned_create(struct live *live, struct audience_snapshot *snapshot, const uint32_t *numbers,
                           uint32_t count, struct planned **planned, struct fault *fault) WARN_UNUSED;
void planned_free(struct planned *planned);
bool planned_stale(const struct planned *planned); /* master data changed since */

void live_release(struct live *live);
/* An entry at the position in hand. */
void live_entry(struct live *live, enum feed_kind kind, enum feed_cause cause, struct customer_id customer,
                uint32_t subject, uint64_t clauses_before, uint64_t clauses_after);
bool live_in_population(const struct live *live, struct customer_id customer);
/* Those who have `customer` at the other end of a relation of type `over`, ascending in live->ends; returns how many, RELATED_MAX at the most. */
size_t live_find_ends(struct live *live, struct customer_id customer, uint16_t over);

/* Records came to `customer`: evaluates what reads them, for it and for those related to it. */
void live_records(struct live *live, struct planned *planned, struct customer_id customer, bool created,
                  struct record_head *const *records, size_t count, uint64_t position);
void live_merged(struct live *live, struct planned *planned, struct customer_id winner, struct customer_id loser);
/* Rows went from one to the other: both are evaluated anew. */
void live_split(struct live *live, struct planned *planned, struct customer_id from, struct customer_id to);
/* Puts a customer into a stored set, or takes it out, and tells of it. */
void live_put_stored(struct live *live, uint32_t number, struct customer_id customer, bool in, enum feed_cause cause);
/* Everybody due at exactly `moment_ms`, which is timers_next(). */
void live_due(struct live *live, struct planned *planned, int64_t moment_ms);
/* The roots of `which` [words] for everybody; customers that changed go into `changed` (struct span_change each; may be NULL). */
void live_everybody(struct live *live, struct planned *planned, const uint64_t *which, enum feed_cause cause,
                    struct buffer *changed);
struct span_change {
    uint32_t span, reserved;
    uint64_t bits[SPAN_WORDS];
};
/* The stored set of segment `number` changed for these customers: what reads it is evaluated for them. */
void live_set_changed(struct live *live, struct planned *planned, uint32_t number, const struct buffer *changed);
/* Takes everybody out of a segment. */
void live_empty(struct live *live, uint32_t number, enum feed_cause cause);

static inline void bit_set(uint64_t *bits, uint32_t i) { bits[i / 64] |= UINT64_C(1) << i % 64; }
static inline bool bit_get(const uint64_t *bits, uint32_t i) { return bits[i / 64] >> i % 64 & 1; }

#endif
