/* evaluate: identity resolution against a truth file: record -> person.
 *
 * Pairwise, over all records of the truth: precision is the share of pairs put under one customer that are one person's;
 * recall the share of one person's pairs that were put under one customer. A record that reached no customer is found with no
 * other, so it lowers recall. Coverage is the share of records that reached a customer. A pair counts by records, so the
 * busy count for more; the cluster figures count each person once. */
#ifndef ONEFOLD_MAIN_EVALUATE_H
#define ONEFOLD_MAIN_EVALUATE_H

#include "main/engine.h"

struct identity_quality {
    uint64_t records, covered;
    uint64_t persons, customers; /* with at least one record of the truth */
    uint64_t exact_persons;      /* whose records are all under one customer that has nobody else's */
    double precision, recall, f1, coverage;
};

/* Reads `truth` (CSV: channel,record_id,person_id) and the log, to find which record has which id. All must be folded.
 * Errors: NOT_FOUND, INVALID (names the line), IO, DAMAGED. Cost: O(records log records), one pass over log and history. */
enum status evaluate_identity(struct engine *engine, const char *truth, struct identity_quality *out,
                              struct fault *fault) WARN_UNUSED;

#endif
