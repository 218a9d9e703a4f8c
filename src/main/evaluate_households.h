/* evaluate_households: proposed households against a truth: two CSV files as `onefold simulate` writes them (truth/identifiers.csv: whose identifier
 * is which; truth/people.csv: who is of which family), or anybody's with these columns.
 *
 * Counted by pairs of customers of two different persons who are known: right where both are of one family. What is there to be found is the pairs of
 * customers of one family; `visible` are those of them who both used an identifier the truth calls shared: nothing else in the records may tell. */
#ifndef ONEFOLD_MAIN_EVALUATE_HOUSEHOLDS_H
#define ONEFOLD_MAIN_EVALUATE_HOUSEHOLDS_H

#include "main/engine.h"
#include "network/household.h"

struct household_quality {
    uint64_t persons, families; /* of the truth that are customers; with two or more of them */
    uint64_t pairs, visible;    /* to be found */
    uint64_t proposed, right;   /* pairs of persons who are known */
    uint64_t same_person;       /* proposed as two who are one: identity's miss; not in `proposed` */
    uint64_t unknown;           /* proposed of whom the truth does not speak; likewise */
    uint64_t right_visible;
    uint64_t groups, exact_groups; /* proposed with all persons known; exactly a family's customers */
    double precision, recall, visible_recall;
};

/* `identifiers`: columns namespace, value, person_id, shared. `people`: person_id, family_id. Counts groups that reach `least`. Errors: NOT_FOUND,
 * INVALID (a column is missing), IO. */
enum status evaluate_households(struct engine *engine, const struct households *h, double least,
                                const char *identifiers, const char *people, struct household_quality *out,
                                struct fault *fault) WARN_UNUSED;

#endif
