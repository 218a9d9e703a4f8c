/* attribution_members: whom a share stands for: who converted with a touch of a channel, by it first or last, or by a whole path; or had such a path that
 * came to none. Paths are cut as attribution_tally.h says, by plain code, one customer at a time: it is asked for once, when a segment is made. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_MEMBERS_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_MEMBERS_H

#include "insight/attribution.h"
#include "insight/stream.h"

/* A pass over `touches` and `conversions`, of one scan. Errors: INVALID where "members" does not say whom; scan_run's. */
enum status attribution_members(const struct definition_part *definition, struct scan *scan,
                                const struct stream *touches, const struct stream *conversions,
                                const struct attribution_rule *rule, struct fault *fault) WARN_UNUSED;

#endif
