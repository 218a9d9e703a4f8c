/* identity_apply: carries out a outcome (identity_outcome.h): the store, the journal, and what the history must do. Fold thread;
 * inside of the folder. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_APPLY_H
#define ONEFOLD_IDENTITY_IDENTITY_APPLY_H

#include "identity/identity_outcome.h"

/* Why it happens. */
struct cause {
    uint64_t position;
    int64_t received_ms;
    uint16_t source;
    uint32_t decision; /* 0 = a record or a rule */
};

/* What the outcome comes to for a history; the lists are the solver's. Used for previews too. */
void identity_outcome_tell(struct solver *solver, struct resolution *out);
/* Changes identity so, and tells. */
void identity_apply(struct identity *identity, const struct cause *cause, struct resolution *out);

#endif
