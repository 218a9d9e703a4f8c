/* audience_bed: an engine on the simulated system, driven by hand, and what its audiences came to: the bed that the whole-flow tests
 * of this folder lie in. */
#ifndef ONEFOLD_TESTS_AUDIENCE_BED_H
#define ONEFOLD_TESTS_AUDIENCE_BED_H

#include "audience/audience.h"
#include "main/engine.h"
#include "os/os_sim.h"

#define BED_MS INT64_C(1767225600000) /* 2026-01-01T00:00:00Z */
#define HOUR_MS INT64_C(3600000)

struct bed {
    struct os_sim *sim;
    struct engine_options options;
    struct engine *engine;
    int64_t now_ms;
    unsigned messages;
};

void bed_open(struct bed *bed);
void bed_close(struct bed *bed);
/* Ends the engine, as a crash would (no checkpoint) or not, and opens it again. */
void bed_restart(struct bed *bed, bool crash);
/* What the clock shows from now on; nothing is folded. */
void bed_time(struct bed *bed, int64_t now_ms);
void bed_step(struct bed *bed);

/* Appends a record, received now; not folded before bed_step. */
void bed_put(struct bed *bed, enum log_kind kind, const char *json);
void bed_print(struct bed *bed, enum log_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* A definition through the door; must be taken. */
void bed_define(struct bed *bed, const char *json);
void bed_segment(struct bed *bed, const char *name, const char *expression);
/* Calls of a user at `time_ms`; `rest` is JSON members. */
void bed_track(struct bed *bed, const char *user, int64_t time_ms, const char *event, const char *properties);
void bed_order(struct bed *bed, const char *user, int64_t time_ms, const char *order, double total);
void bed_traits(struct bed *bed, const char *user, const char *traits);

struct customer_id bed_customer(struct bed *bed, const char *user); /* by user_id; number 0: none */
uint32_t bed_number(struct bed *bed, const char *segment);
bool bed_in(struct bed *bed, const char *segment, const char *user);
/* The last entry about user and segment; false where there is none. */
bool bed_last(struct bed *bed, const char *segment, const char *user, struct feed_entry *entry);
/* All entries from the beginning, as lines; `places`: with position and order. */
void bed_feed(struct bed *bed, bool places, struct buffer *out);
/* Everybody's segments, as lines. */
void bed_members(struct bed *bed, struct buffer *out);
/* Holds every live segment against a plan of its own run over everybody, and the population against identity's. */
void bed_check_batch(struct bed *bed, uint64_t seed);

#endif
