/* rfm: recency, frequency and money of each customer → scores, the ten segments, the four tiers. Over plain arrays.
 *
 * Scores run from 1 (worst) to 5 (best); for recency, days since the last order, few days are best. The ten segments are read from
 * (recency score, frequency score): the grid in rfm.c, as it is commonly used. The four tiers (REQUIREMENTS 6.2):
 *     core       the `core_share` of customers (a fifth) who brought most revenue
 *     at risk    of the rest, whoever has been silent longer than `silent_days`
 *     potential  of the rest, whoever brought at least the median of this rest
 *     ordinary   everybody else
 * With `silent_core` a silent customer of the core's share counts as at risk instead. Equal revenues: more orders first, then the
 * later last order, then the lower number: so a tier's size is exact. */
#ifndef ONEFOLD_INSIGHT_RFM_H
#define ONEFOLD_INSIGHT_RFM_H

#include "insight/spread.h"

#define RFM_SCORES 5

enum rfm_segment {
#define RFM_SEGMENT(id, ...) RFM_SEGMENT_##id,
#include "insight/rfm_segment.def"
    RFM_SEGMENTS
};
enum rfm_tier {
#define RFM_TIER(id, ...) RFM_TIER_##id,
#include "insight/rfm_segment.def"
    RFM_TIERS
};
struct rfm_words {
    const char *name, *zh, *strategy, *strategy_zh;
};
extern const struct rfm_words rfm_segment_words[RFM_SEGMENTS], rfm_tier_words[RFM_TIERS];

struct rfm {                    /* a customer with at least one order */
    double days, orders, money; /* days since the last order */
};

enum rfm_method { RFM_QUANTILE, RFM_FIXED, RFM_CLUSTERED };
struct rfm_cuts { /* ascending by value; for days the score is turned round */
    double days[RFM_SCORES - 1], orders[RFM_SCORES - 1], money[RFM_SCORES - 1];
    unsigned day_count, order_count, money_count; /* of cuts: fewer than four where there are few distinct values */
};
/* By RFM_QUANTILE or RFM_CLUSTERED; clusters of orders and money are found among their logarithms (1 + v), which are less lopsided. */
void rfm_make_cuts(const struct rfm *customers, size_t count, enum rfm_method method, struct rfm_cuts *cuts);
struct rfm_scores {
    uint8_t recency, frequency, money;
};
struct rfm_scores rfm_score(const struct rfm_cuts *cuts, const struct rfm *customer);
enum rfm_segment rfm_segment_of(struct rfm_scores scores);

struct rfm_tier_options {
    double core_share;  /* of customers, 0.2 */
    double silent_days; /* longer than this without an order is silent */
    bool silent_core;   /* a silent one of the core is at risk */
};
/* Into tiers[count] an enum rfm_tier each. */
void rfm_assign_tiers(const struct rfm *customers, size_t count, const struct rfm_tier_options *options,
                      uint8_t *tiers);

#endif
