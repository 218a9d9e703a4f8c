/* rfm: see rfm.h. */
#include "insight/rfm.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

const struct rfm_words rfm_segment_words[RFM_SEGMENTS] = {
#define RFM_SEGMENT(id, ...) {__VA_ARGS__},
#include "insight/rfm_segment.def"
};
const struct rfm_words rfm_tier_words[RFM_TIERS] = {
#define RFM_TIER(id, ...) {__VA_ARGS__},
#include "insight/rfm_segment.def"
};

/* --- cuts --- */

static unsigned cut(double *values, size_t count, enum rfm_method method, bool logarithms, double *cuts) {
    unsigned made = RFM_SCORES - 1;
    if (method == RFM_QUANTILE) {
        spread_sort(values, count);
        spread_cut_quantiles(values, count, RFM_SCORES, cuts);
        return made;
    }
    for (size_t i = 0; logarithms && i < count; i++)
        values[i] = values[i] > 0 ? log1p(values[i]) : 0;
    spread_sort(values, count);
    made = spread_cut_clusters(values, count, RFM_SCORES, cuts);
    for (unsigned i = 0; logarithms && i < made; i++)
        cuts[i] = expm1(cuts[i]) * (1 + 1e-12); /* so that the value it came from is not above it */
    return made;
}

void rfm_make_cuts(const struct rfm *customers, size_t count, enum rfm_method method, struct rfm_cuts *cuts) {
    double *values = memory_get(count + 1, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = customers[i].days;
    cuts->day_count = cut(values, count, method, false, cuts->days);
    for (size_t i = 0; i < count; i++)
        values[i] = customers[i].orders;
    cuts->order_count = cut(values, count, method, true, cuts->orders);
    for (size_t i = 0; i < count; i++)
        values[i] = customers[i].money;
    cuts->money_count = cut(values, count, method, true, cuts->money);
    free(values);
}

struct rfm_scores rfm_score(const struct rfm_cuts *cuts, const struct rfm *c) {
    return (struct rfm_scores){(uint8_t)(RFM_SCORES + 1 - spread_score(cuts->days, cuts->day_count, c->days)),
                               (uint8_t)spread_score(cuts->orders, cuts->order_count, c->orders),
                               (uint8_t)spread_score(cuts->money, cuts->money_count, c->money)};
}

/* Recency down, 1 to 5; frequency across. */
enum rfm_segment rfm_segment_of(struct rfm_scores s) {
#define S(id) RFM_SEGMENT_##id
    static const uint8_t grid[RFM_SCORES][RFM_SCORES] = {
        {S(HIBERNATING), S(HIBERNATING), S(AT_RISK), S(AT_RISK), S(CANNOT_LOSE)},
        {S(HIBERNATING), S(HIBERNATING), S(AT_RISK), S(AT_RISK), S(CANNOT_LOSE)},
        {S(ABOUT_TO_SLEEP), S(ABOUT_TO_SLEEP), S(NEED_ATTENTION), S(LOYAL), S(LOYAL)},
        {S(PROMISING), S(POTENTIAL_LOYALISTS), S(POTENTIAL_LOYALISTS), S(LOYAL), S(LOYAL)},
        {S(NEW), S(POTENTIAL_LOYALISTS), S(POTENTIAL_LOYALISTS), S(CHAMPIONS), S(CHAMPIONS)},
    };
#undef S
    return (enum rfm_segment)grid[s.recency - 1][s.frequency - 1];
}

/* --- tiers --- */

struct ranked {
    struct rfm rfm;
    uint32_t number;
};

static int richest_first(const void *a, const void *b) {
    const struct ranked *p = a, *q = b;
    if (p->rfm.money != q->rfm.money)
        return p->rfm.money > q->rfm.money ? -1 : 1;
    if (p->rfm.orders != q->rfm.orders)
        return p->rfm.orders > q->rfm.orders ? -1 : 1;
    if (p->rfm.days != q->rfm.days)
        return p->rfm.days < q->rfm.days ? -1 : 1;
    return (p->number > q->number) - (p->number < q->number);
}

void rfm_assign_tiers(const struct rfm *customers, size_t count, const struct rfm_tier_options *options,
                      uint8_t *tiers) {
    struct ranked *ranked = memory_get(count + 1, sizeof *ranked);
    size_t core = (size_t)llround(options->core_share * (double)count), rest = 0;
    for (size_t i = 0; i < count; i++)
        ranked[i] = (struct ranked){customers[i], (uint32_t)i};
    qsort(ranked, count, sizeof *ranked, richest_first);
    double *money = memory_get(count + 1, sizeof *money);
    for (size_t i = 0; i < count; i++) {
        bool silent = ranked[i].rfm.days > options->silent_days;
        enum rfm_tier tier = i < core && !(silent && options->silent_core) ? RFM_TIER_CORE
                             : silent                                      ? RFM_TIER_AT_RISK
                                                                           : RFM_TIER_ORDINARY;
        tiers[ranked[i].number] = (uint8_t)tier;
        if (tier == RFM_TIER_ORDINARY)
            money[rest++] = ranked[i].rfm.money;
    }
    double median = spread_median(money, rest);
    for (size_t i = 0; i < count; i++)
        if (tiers[i] == RFM_TIER_ORDINARY && customers[i].money >= median)
            tiers[i] = RFM_TIER_POTENTIAL;
    free(ranked);
    free(money);
}
