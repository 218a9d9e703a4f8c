/* decision: what people decide about who is one customer: merges by hand, splits, and taking either back.
 *
 * A decision is evidence of its own and goes before all other: it is kept for ever, with a number from 1, and the
 * identifiers it speaks of. Merging says that the identifiers of two customers are one person's, whatever the rules say.
 * Splitting says that groups of a customer's identifiers are different persons': no evidence joins them again, whatever
 * comes; only a later merge by hand does, or undoing the split. An identifier that came after the split is in no group and goes
 * by its own evidence. Undoing makes a decision as if it had never been taken, and undoing that puts it in force again.
 *
 * Who keeps which oneid: a merge's survivor is as in identity.h. In a split, the named or newer part leaves: it becomes
 * the customer it was before it was merged where there was one (its old oneid lives again), else a new one.
 *
 * Decisions come out of log records: the fold thread decides, and applies what comes of it to the history as after any
 * record: merges first, then moves. */
#ifndef ONEFOLD_IDENTITY_DECISION_H
#define ONEFOLD_IDENTITY_DECISION_H

#include "identity/identity.h"

/* On disk. */
enum decision_kind {
    DECISION_MERGE = 0,             /* `customer` and `other` are one person */
    DECISION_SPLIT_IDENTIFIERS = 1, /* `identifiers` of `customer` are another person's than its others */
    DECISION_SPLIT_MERGE = 2,       /* what the journal's entry `entry` (a merge) brought together is two persons */
    DECISION_SPLIT_TIME = 3,        /* what records received from `time_ms` on merged into `customer` is apart again */
    DECISION_UNDO = 4               /* decision number `entry` does not hold any more; of an undo: holds again */
};

struct decision {
    enum decision_kind kind;
    struct customer_id customer, other;      /* redirects are followed; SPLIT_MERGE and UNDO need none */
    const struct identifier_id *identifiers; /* SPLIT_IDENTIFIERS: 1 to all but one of the customer's */
    size_t identifier_count;
    uint64_t entry;  /* SPLIT_MERGE: journal_entry.number; UNDO: number of a decision */
    int64_t time_ms; /* SPLIT_TIME */
};

/* Takes a decision at log position `position`. *number is the decision's; `out` has merges and moves to apply, customer (who keeps
 * the rows), no arrival, and is valid until the next call that changes identity.
 * Errors (nothing changed): NOT_FOUND (no such customer, entry or decision; an identifier that is not the customer's),
 * INVALID (one customer with itself, nothing or everything split off, an entry that is no merge), CONFLICT (already so: undone, or apart).
 * Thread: fold. Cost: O(evidence of the customers concerned). */
enum status identity_decide(struct identity *identity, const struct decision *decision, uint64_t position,
                            int64_t received_ms, uint16_t source, struct resolution *out, uint64_t *number,
                            struct fault *fault) WARN_UNUSED;
/* What it would come to, without changing anything: `out` as above, to be given to resolution_release. A customer that would be new has
 * the numbers after those given so far. Thread: any; beside a fold that changes the same customers the answer may be of neither state. */
enum status identity_preview(const struct identity *identity, const struct decision *decision, struct resolution *out,
                             struct fault *fault) WARN_UNUSED;
void resolution_release(struct resolution *out);

/* After a move was applied to the history: how many rows went. Weight for later survivors. Thread: fold. */
void identity_rows_moved(struct identity *identity, struct customer_id from, struct customer_id to, uint64_t rows);

/* A decision as it is kept. */
struct decision_note {
    uint64_t number;
    uint64_t position; /* of its log record */
    int64_t received_ms;
    uint16_t source;
    uint8_t kind;                       /* enum decision_kind */
    bool undone;                        /* not in force */
    struct customer_id customer, other; /* as given, redirects followed then; of a split, the first part that left */
    uint64_t entry;                     /* as given */
    int64_t time_ms;                    /* as given */
    size_t identifier_count;            /* that it speaks of: see identity_decision_identifiers */
};
/* Calls `each` with decisions number from + 1 .. from + limit; returns the count of all. Thread: any. */
uint64_t identity_decisions(const struct identity *identity, uint64_t from, size_t limit,
                            void (*each)(void *context, const struct decision_note *note), void *context);
/* Calls `each` with the identifiers a decision speaks of, and the part of each: 0 stays, 1 and up are apart (of a merge, all are 0).
 * Thread: any. */
void identity_decision_identifiers(const struct identity *identity, uint64_t number,
                                   void (*each)(void *context, struct identifier_id identifier, unsigned part),
                                   void *context);

#endif
