/* backfill: what segments say of everybody who is there already, worked out span by span by several threads, and then put in force by the fold.
 * Inside of audience/ only.
 *
 * It may be worked out beside the fold, before the definition stands in the log: the fold says whom it touches meanwhile, and the time says
 * whose answers ended. Of those the fold evaluates anew when it puts the rest in force, so that what comes of it, entries and
 * their order included, is what evaluating everybody at that position would give: a fold that comes to the definition without any
 * backfill (a restart) does the same. Or the fold waits while it is worked out, some spans at a time.
 *
 * Threads: one works out; backfill_touch and _put are the fold's. Who touches beside one who works holds a lock of his own around
 * backfill_touch and backfill_take_touched (prepare.c). */
#ifndef ONEFOLD_AUDIENCE_BACKFILL_H
#define ONEFOLD_AUDIENCE_BACKFILL_H

#include "audience/live.h"

/* So many of a span that are to be evaluated again when it is put are evaluated one by one, more of them with the span. Tests make it small. */
extern uint32_t backfill_one_by_one;

struct backfill;

/* Of the live segments `numbers` (ascending) of a snapshot, which is held. Errors: TOO_LARGE, where they are no one plan. */
enum status backfill_create(const struct outside *outside, struct audience_snapshot *snapshot, const uint32_t *numbers,
                            uint32_t count, struct backfill **backfill, struct fault *fault) WARN_UNUSED;
void backfill_free(struct backfill *backfill);

/* --- backfill_together.c: one or several, of snapshots of one workspace, borrowed until it is freed --- */
struct backfills;
/* Errors: TOO_LARGE, where all of them are no one plan. */
enum status backfills_create(const struct outside *outside, struct backfill *const *all, uint32_t count,
                             struct backfills **backfills, struct fault *fault) WARN_UNUSED;
void backfills_free(struct backfills *backfills);
/* Evaluates the first `spans` as of `now_ms`, by so many threads. Cost: what a batch run costs, and due moments and slack of everybody; memory up to 17
 * bytes a customer and backfill until it is put, a root's bit and byte, and 32 bytes where one counts distinct values. */
void backfills_work(struct backfills *backfills, uint32_t spans, int64_t now_ms, unsigned workers);
/* Evaluates these customers again, in spans that were worked. [words]: bits by number. */
void backfills_again(struct backfills *backfills, const uint64_t *customers, size_t words, int64_t now_ms);

/* --- one --- */

/* Who was touched since; how many that are; and taken out, for backfills_again: uint64_t by number / 64. */
void backfill_touch(struct backfill *backfill, struct customer_id customer);
uint64_t backfill_touched(const struct backfill *backfill);
struct buffer backfill_take_touched(struct backfill *backfill);

/* Whether it answers what the segments `numbers` of `snapshot` ask, whatever their numbers were: their trees say the same of the same definitions, and master data are as
 * they were. */
bool backfill_fits(const struct backfill *backfill, const struct audience_snapshot *snapshot, const uint32_t *numbers,
                   uint32_t count);
/* Puts the answers of everybody in force as of live's clock, span after span, and tells who entered and left. `planned` has the same segments. */
void backfill_put(struct backfill *backfill, struct live *live, struct planned *planned, enum feed_cause cause);
/* Works out and puts in force what `planned` has, while the fold waits. */
void backfill_everybody(struct live *live, struct planned *planned, enum feed_cause cause);

#endif
