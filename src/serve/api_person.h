/* api_person: what the profile's answer shows of segments and tags. */
#ifndef ONEFOLD_SERVE_API_PERSON_H
#define ONEFOLD_SERVE_API_PERSON_H

#include "serve/person.h"

/* "segments": ["...", ...]: of stored bits. */
void person_write_segments(struct call *call, const struct audience_snapshot *snapshot, struct customer_id customer);
/* "tags" or "metrics": {"name": value, ...}, as they are now; those without a value are left out. Cost: an evaluation of each. Not inside a
 * history hold. */
void person_write_values(struct call *call, const struct audience_snapshot *snapshot, enum definition_kind kind,
                         struct customer_id customer);

#endif
