/* event_time: see the header for the rules and why they are so. */
#include "govern/event_time.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/time.h"

void event_clocks_release(struct event_clocks *clocks) {
    free(clocks->slots);
    *clocks = (struct event_clocks){0};
}

/* The device's slot, or the free one where it would stand. */
static struct event_clock *find(const struct event_clocks *clocks, uint64_t device) {
    uint64_t at = hash_mix(device) & clocks->mask;
    while (clocks->slots[at].device && clocks->slots[at].device != device)
        at = (at + 1) & clocks->mask;
    return &clocks->slots[at];
}

static void grow(struct event_clocks *clocks) {
    struct event_clocks grown = {.mask = clocks->slots ? clocks->mask * 2 + 1 : 63, .count = clocks->count};
    grown.slots = memory_get(grown.mask + 1, sizeof *grown.slots);
    for (uint64_t i = 0; clocks->slots && i <= clocks->mask; i++)
        if (clocks->slots[i].device)
            *find(&grown, clocks->slots[i].device) = clocks->slots[i];
    free(clocks->slots);
    *clocks = grown;
}

static void remember(struct event_clocks *clocks, uint64_t device, int64_t correction_ms) {
    assert(device != 0);
    if (!clocks->slots || (clocks->count + 1) * 2 > clocks->mask)
        grow(clocks);
    struct event_clock *slot = find(clocks, device);
    if (!slot->device) {
        if (clocks->count >= EVENT_TIME_DEVICES_MAX)
            return;
        slot->device = device;
        clocks->count++;
    }
    slot->correction_ms = correction_ms;
}

static bool within(int64_t value, int64_t bound) { return value <= bound && value >= -bound; }

/* What to add to the device's times, given a skew past half the bound. */
static int64_t correction_for(struct event_clocks *clocks, uint64_t device, int64_t skew) {
    int64_t fresh = within(skew, EVENT_TIME_SKEW_MAX_MS) ? 0 : skew;
    if (device == 0)
        return fresh;
    if (clocks->slots) {
        const struct event_clock *slot = find(clocks, device);
        int64_t apart;
        if (slot->device && !__builtin_sub_overflow(skew, slot->correction_ms, &apart) &&
            within(apart, EVENT_TIME_HOLD_MS))
            return slot->correction_ms;
    }
    remember(clocks, device, fresh);
    return fresh;
}

int64_t event_time_correct(struct event_clocks *clocks, uint64_t device, int64_t device_ms, int64_t sent_ms,
                           int64_t received_ms) {
    int64_t skew, corrected;
    if (sent_ms == TIME_NONE || __builtin_sub_overflow(received_ms, sent_ms, &skew) ||
        within(skew, EVENT_TIME_SKEW_MAX_MS / 2))
        return device_ms;
    int64_t correction = correction_for(clocks, device, skew);
    return __builtin_add_overflow(device_ms, correction, &corrected) ? device_ms : corrected;
}

void event_clocks_save(const struct event_clocks *clocks, struct buffer *into) {
    for (uint64_t i = 0; clocks->slots && i <= clocks->mask; i++)
        if (clocks->slots[i].device)
            buffer_add(into, &clocks->slots[i], sizeof clocks->slots[i]);
}

bool event_clocks_load(struct event_clocks *clocks, struct slice bytes) {
    struct event_clock clock;
    if (bytes.size % sizeof clock)
        return false;
    for (size_t at = 0; at < bytes.size; at += sizeof clock) {
        memcpy(&clock, bytes.data + at, sizeof clock);
        if (clock.device == 0)
            return false;
        remember(clocks, clock.device, clock.correction_ms);
    }
    return true;
}
