/* fold_party: records that name more than one customer: relations, and events and documents that a contact has to do with (govern.h, struct
 * party). What happened lies with its subject alone; at the other customer stands a row of the relation between the two, so both histories
 * tell of it, each row goes with the identifier it was written with, and merges, splits and repairs need no rule of their own. Inside of
 * main/ only. */
#ifndef ONEFOLD_MAIN_FOLD_PARTY_H
#define ONEFOLD_MAIN_FOLD_PARTY_H

#include "main/engine.h"

/* One of a relation's ends, and the identifier its row arrives by. */
struct fold_end {
    struct customer_id customer;
    struct identifier_id arrival;
    bool created;
};

/* Puts the rows of `governed`, whose own customer was resolved to `own`, where they belong, and tells the audience, as caused by the record
 * at `position`. False where it is a relation with nobody at its other end: then it was put aside as a whole. Fold thread. */
bool fold_parties(struct engine *engine, const struct log_record *raw, struct governed *governed,
                  const struct fold_end *own, const struct resolution *resolution, uint64_t position);

#endif
