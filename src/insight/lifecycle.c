/* lifecycle: see lifecycle.h. */
#include "insight/lifecycle.h"

#include <assert.h>

const struct stage_words stage_words[STAGES] = {
#define STAGE(id, ...) {__VA_ARGS__},
#include "insight/lifecycle.def"
#undef STAGE
};

struct lifecycle_seen lifecycle_look(const int64_t *times, size_t count, int64_t now_ms) {
    struct lifecycle_seen seen = {0};
    for (size_t i = 0; i < count && times[i] <= now_ms; i++) {
        assert(i == 0 || times[i] >= times[i - 1]);
        seen.first_ms = seen.orders == 0 ? times[i] : seen.first_ms;
        seen.last_ms = times[i];
        seen.orders++;
    }
    return seen;
}

double lifecycle_gap(const struct lifecycle_limits *limits, const struct lifecycle_seen *seen) {
    return ((double)(seen->last_ms - seen->first_ms) + limits->typical_gap_ms) / (seen->orders ? seen->orders : 1);
}

enum stage lifecycle_stage(const struct lifecycle_limits *limits, const struct lifecycle_seen *seen, int64_t now_ms) {
    if (seen->orders == 0)
        return STAGE_NONE;
    double gap = limits->rhythm ? lifecycle_gap(limits, seen) : 0, silence = (double)(now_ms - seen->last_ms);
    if (silence > (limits->rhythm ? limits->lost_gaps * gap : (double)limits->lost_ms))
        return STAGE_LOST;
    if (silence > (limits->rhythm ? limits->dormant_gaps * gap : (double)limits->dormant_ms))
        return STAGE_DORMANT;
    return now_ms - seen->first_ms <= limits->new_ms ? STAGE_NEW : STAGE_ACTIVE;
}
