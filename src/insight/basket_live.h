/* basket_live: frequent sets that stay exact while baskets come, change and go, without mining everything again.
 *
 * Sets are mined a little below the support that is asked for (`slack`, 0.8 of it): the candidates. A basket that comes or goes then adds 1 to or takes 1
 * from each candidate within it, found by walking the candidates' prefixes: microseconds. A set that was no candidate had fewer than
 * `floor` baskets when it was mined, so it is frequent now only if at least (wanted - floor + 1) of the baskets that came since hold it. So when
 * the sets are asked for, those new baskets alone are mined at that number, which is large among few; what comes out and is no candidate is counted in
 * full. With fewer new baskets than that number there is nothing to do. When the new ones are an eighth of all, or the border has moved too
 * far (far fewer baskets than there were), all is mined again; live_baskets_remine does it, in the background if the caller likes.
 *
 * The answer is always that of itemsets_mine over the present baskets (basket_live_test holds them against each other).
 * Thread: one at a time. Memory: the baskets, and the candidates twice. */
#ifndef ONEFOLD_INSIGHT_BASKET_LIVE_H
#define ONEFOLD_INSIGHT_BASKET_LIVE_H

#include "insight/itemset.h"

struct live_baskets;

struct live_options {
    double support_min; /* a share of baskets, > 0 */
    double slack;       /* 0: 0.8 */
    unsigned length_max, workers;
};
struct live_baskets *live_baskets_create(const struct live_options *options);
void live_baskets_free(struct live_baskets *live); /* NULL is fine */

/* A basket, new or instead of what was under `key` (as an order's lines are added); without items it is taken out (an order cancelled).
 * Cost: O(candidates within it). */
void live_baskets_put(struct live_baskets *live, uint64_t key, const uint32_t *items, size_t count);
size_t live_baskets_count(const struct live_baskets *live);

/* The frequent sets as of now: in at least ceil(support x baskets). Mines again where it must.
 * Errors: as itemsets_mine's. */
enum status live_baskets_sets(struct live_baskets *live, struct itemsets *out, struct fault *fault) WARN_UNUSED;
enum status live_baskets_remine(struct live_baskets *live, struct fault *fault) WARN_UNUSED;

struct live_counters {
    uint64_t mined, delta_mined, served; /* times: everything; new baskets only; answers given */
    size_t candidates, fresh;            /* sets counted; baskets that came since the last mining */
};
struct live_counters live_baskets_counters(const struct live_baskets *live);

/* ceil(share x count), where a share such as 0.01 is taken for the decimal it is written as; at least 1. */
uint32_t support_count(double share, size_t count);

#endif
