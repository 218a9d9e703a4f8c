/* preview: what a decision would make of the customers it concerns, tried out on a copy of their rows. */
#ifndef ONEFOLD_SERVE_PREVIEW_H
#define ONEFOLD_SERVE_PREVIEW_H

#include "identity/decision.h"
#include "serve/show.h"
#include "serve/call.h"

#define PREVIEW_ROWS_MAX 500000
#define PREVIEW_CUSTOMERS_MAX 200

/* Writes "profiles": [{"oneid","new","identifiers","attributes","conflicts","rows","segments","gained","lost"}, ...] and "gone": [oneids],
 * those that would lead to another. Segments are evaluated on the copy, now; of related customers one hop is copied too. Writes nothing and
 * fails the call with TOO_LARGE past the bounds. LANE_SLOW. */
bool preview_write(struct call *call, const struct resolution *resolution);

#endif
