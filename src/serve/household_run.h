/* household_run: household proposals over all customers (network/household_read.h), in the background, and their review list (docs/networks.md).
 *
 * A run reads everybody as they are and keeps its groups until the next run has ended; they are not state. What people decide is: relations
 * "household" between every two of a group (so that any(household where ...) of one member sees all others in its one hop), or
 * "not_household" between every two: log records, which outlive runs and restarts. Whether a group is open, accepted or rejected is looked up in
 * them when it is shown, so undoing one shows at once.
 *
 * Thread: any; one run at a time. Memory: 40 bytes a shared thing. */
#ifndef ONEFOLD_SERVE_HOUSEHOLD_RUN_H
#define ONEFOLD_SERVE_HOUSEHOLD_RUN_H

#include "network/household_read.h"
#include "serve/background.h"
#include "serve/serve.h"

struct household_run;
struct household_run *household_run_create(const struct serve_parts *parts);
void household_run_close(struct household_run *run); /* stops a run and waits for its end; NULL is fine */
void household_run_free(struct household_run *run);

/* Starts one. `least`: the probability from which a group is proposed; `automatic`: from which it is accepted without being asked about, 0: none.
 * Errors: BUSY. */
enum status household_run_start(struct household_run *run, double least, double automatic,
                                struct fault *fault) WARN_UNUSED;
struct background *household_run_background(struct household_run *run);

struct household_run_summary {
    bool done;                                                         /* there was a run that ended well */
    uint64_t customers, pairs, proposed, accepted, crowds, one_person; /* accepted: by itself */
    uint64_t position; /* up to which everything had been folded when it began */
};
void household_run_summary(struct household_run *run, struct household_run_summary *out);

enum household_state { HOUSEHOLD_OPEN, HOUSEHOLD_ACCEPTED, HOUSEHOLD_REJECTED };
struct household_proposal {
    const struct households *households; /* for households_explain, by the members as they were in the run */
    const struct household_group *group;
    struct customer_id members[HOUSEHOLD_MAX + 1]; /* as they are now */
    uint32_t count;
    enum household_state state;
};
/* Calls `each` with the groups of the last run that are still two customers or more, surest first, until it returns false. The run's groups
 * do not change meanwhile. */
void household_run_groups(struct household_run *run, bool (*each)(void *context, const struct household_proposal *p),
                          void *context);
/* What is shared by too many, most first; likewise. */
void household_run_crowds(struct household_run *run,
                          bool (*each)(void *context, const struct households *h, const struct household_crowd *crowd),
                          void *context);

#endif
