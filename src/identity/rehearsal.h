/* rehearsal: rules changed, first on trial, then in earnest.
 *
 * A rehearsal solves every component of the evidence that is kept with other rules than those in force, changes nothing, and tells what
 * would: who would merge, who would come apart, how large customers were and would be. A sweep does it in earnest after the
 * rules were changed: some thousand identifiers a log record, so that no record is kept waiting; the log decides how far it is,
 * so a restart goes on where it was. Both solve each component from its identifiers that have no lower-numbered neighbour. */
#ifndef ONEFOLD_IDENTITY_REHEARSAL_H
#define ONEFOLD_IDENTITY_REHEARSAL_H

#include "base/json_read.h"
#include "identity/identity.h"

#define REHEARSAL_EXAMPLES_MAX 20
#define REHEARSAL_SIZES 12 /* customers of 1, 2, 3-4, 5-8, ... 1,024 and more identifiers (documents do not count) */

struct rehearsal_example {
    bool splits;                        /* a customer that would come apart; else one that would be merged */
    struct customer_id customer, other; /* splits: `other` is 0 where it would be a new one */
    struct identifier_id identifier;    /* the strongest that would go */
};

struct rehearsal {
    uint64_t identifiers, components;
    uint64_t too_large; /* components that would be left as they are */
    uint64_t customers_before, customers_after;
    uint64_t would_merge; /* customers that would be merged into others */
    uint64_t would_split; /* customers that would live again, or be new */
    uint64_t would_move;  /* identifiers whose rows would go to another customer, merges not counted */
    uint64_t refused;     /* pairs of evidence that the rules would refuse */
    uint64_t held;        /* merges that would make a customer far above the usual: their components stay as they are */
    uint64_t sizes_before[REHEARSAL_SIZES], sizes_after[REHEARSAL_SIZES];
    struct rehearsal_example examples[REHEARSAL_EXAMPLES_MAX];
    size_t example_count;
};

/* `namespaces`: a list of definitions of namespaces as for dictionary_define, or NULL for the rules in force. Errors: INVALID,
 * what is wrong with which. Thread: any. Cost: about a microsecond a piece of evidence. */
enum status identity_rehearse(const struct identity *identity, struct json_parser *p, const struct json *namespaces,
                              struct rehearsal *out, struct fault *fault) WARN_UNUSED;
/* Whether `namespaces` is such a list. Thread: any. */
enum status rehearsal_check(const struct dictionary *dictionary, struct json_parser *p, const struct json *namespaces,
                            struct fault *fault) WARN_UNUSED;

/* The rules were changed: everything is to be solved anew. Fold thread. */
void identity_sweep_begin(struct identity *identity);
/* The next identifier to be looked at, 0 when all were. Thread: any. */
uint32_t identity_sweep_at(const struct identity *identity);
/* Goes on, after the log record at `position` was applied. Calls `apply` for what is to be done to the history, one after another.
 * Fold thread. Cost: at most some 10 ms. */
void identity_sweep(struct identity *identity, uint64_t position, int64_t received_ms, uint16_t source,
                    void (*apply)(void *context, const struct resolution *resolution), void *context);

/* How many identifiers a step looks at; tests make it small. The log's meaning depends on it: the same for as long as the log is. */
extern uint32_t identity_sweep_identifiers;

#endif
