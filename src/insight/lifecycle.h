/* lifecycle: where a customer stands as a buyer at a moment: no order yet, new, active, dormant, lost.
 *
 * Silence is the time since the last order. Limits are fixed (dormant after 90 days, lost after 180), or come from the customer's own rhythm: the mean
 * gap between the customer's orders, drawn towards the typical gap of all customers as if one gap of theirs had been seen too (so that one
 * order is enough to say something, and many say all); dormant after twice that, lost after four times, say. New is whose first
 * order is at most `new` ago and who is not dormant.
 *
 * Thread: any. Times are in ms. */
#ifndef ONEFOLD_INSIGHT_LIFECYCLE_H
#define ONEFOLD_INSIGHT_LIFECYCLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stage {
#define STAGE(id, ...) STAGE_##id,
#include "insight/lifecycle.def"
#undef STAGE
    STAGES
};
struct stage_words {
    const char *name, *zh, *strategy, *strategy_zh;
};
extern const struct stage_words stage_words[STAGES];

struct lifecycle_limits {
    int64_t new_ms;
    bool rhythm; /* else fixed */
    int64_t dormant_ms, lost_ms;
    double dormant_gaps, lost_gaps; /* with rhythm: so many gaps */
    double typical_gap_ms;          /* of all customers; with rhythm */
};

/* What is known of a customer at a moment: orders at most at it. */
struct lifecycle_seen {
    uint32_t orders;
    int64_t first_ms, last_ms; /* of the orders */
};
/* Reads ascending times up to and with `now_ms`. */
struct lifecycle_seen lifecycle_look(const int64_t *times, size_t count, int64_t now_ms);
enum stage lifecycle_stage(const struct lifecycle_limits *limits, const struct lifecycle_seen *seen, int64_t now_ms);
/* The customer's own gap in ms, as above. */
double lifecycle_gap(const struct lifecycle_limits *limits, const struct lifecycle_seen *seen);

#endif
