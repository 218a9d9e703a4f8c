/* schedule: when something is done again: every so often, at a time of day, or once. Of scheduled segments and of networks. */
#ifndef ONEFOLD_AUDIENCE_SCHEDULE_H
#define ONEFOLD_AUDIENCE_SCHEDULE_H

#include "base/json_read.h"
#include "govern/zone.h"

struct schedule {
    int64_t every_ms;   /* of whole minutes and hours, counted from 1970; 0: by days */
    int64_t every_days; /* in the workspace's zone, at `at_ms` of the day; 0: not by days */
    int64_t at_ms;
    int64_t once_ms; /* an instant; 0: again and again */
};
/* {"every":"1 hour"}, {"every":"1 day","at":"03:00"} (of `zone`) or {"at": an instant} once. Errors: INVALID. */
enum status schedule_read(const struct json_parser *p, const struct json *json, const struct zone *zone,
                          struct schedule *schedule, struct fault *fault) WARN_UNUSED;
/* The first moment after `after_ms`; INT64_MAX: none any more. */
int64_t schedule_next(const struct schedule *schedule, const struct zone *zone, int64_t after_ms);

#endif
