/* event_time: when something happened, from what a device says and when it arrived.
 *
 * A device tells when it happened (T) and when it sent it (S), both by its own clock; ours says when it arrived (R).
 *   skew = R - S: the clock's error plus the way here.
 *   1. |skew| <= EVENT_TIME_SKEW_MAX_MS: that is the way here, not the clock. T is kept.
 *   2. Beyond: the clock is wrong by about the skew. Time = T + correction, and the correction is remembered for the
 *      device: it is kept as long as the device's later skews stay within EVENT_TIME_HOLD_MS of it (0, if that was
 *      remembered). So a device whose clock is off by a constant, and whose ways here differ by less than
 *      EVENT_TIME_SKEW_MAX_MS / 2, has all its times moved by the same amount: its events are never reordered. Folding
 *      each batch's own delay into its times would do that.
 *   3. No S: T is kept.
 *   4. No T: the received time, marked as such. So it is, with a quarantined value, where T cannot be read, or lies
 *      more than EVENT_TIME_FUTURE_MAX_MS after R even when corrected.
 *
 * What is remembered is part of the folded state: at most EVENT_TIME_DEVICES_MAX devices, those with a skew past half
 * the bound; when full, rule 2 goes without memory. Fold thread only. */
#ifndef ONEFOLD_GOVERN_EVENT_TIME_H
#define ONEFOLD_GOVERN_EVENT_TIME_H

#include "base/memory.h"

#define EVENT_TIME_SKEW_MAX_MS (5 * 60 * 1000LL)
#define EVENT_TIME_HOLD_MS (EVENT_TIME_SKEW_MAX_MS * 3 / 2)
#define EVENT_TIME_FUTURE_MAX_MS (24 * 3600 * 1000LL)
#define EVENT_TIME_DEVICES_MAX (1u << 20)

/* A device's remembered correction. On disk. */
struct event_clock {
    uint64_t device; /* hash; 0: free */
    int64_t correction_ms;
};
struct event_clocks {
    struct event_clock *slots; /* open addressing */
    uint64_t mask, count;
};
void event_clocks_release(struct event_clocks *clocks);

/* T corrected. `sent_ms` is TIME_NONE where there was none. `device`: hash of the strongest device identifier, 0 for
 * none. Times far from now are fine: nothing overflows. */
int64_t event_time_correct(struct event_clocks *clocks, uint64_t device, int64_t device_ms, int64_t sent_ms,
                           int64_t received_ms);

/* Saving, as an array of struct event_clock in the order of the slots; load takes any order. False for bytes that are
 * none. */
void event_clocks_save(const struct event_clocks *clocks, struct buffer *into);
bool event_clocks_load(struct event_clocks *clocks, struct slice bytes);

#endif
