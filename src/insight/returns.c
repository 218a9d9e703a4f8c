/* returns: see the header. */
#include "insight/returns.h"

#define SPREAD_1(b)                                                                                                    \
    (((b)&1) | ((b) >> 1 & 1) << 8 | ((b) >> 2 & 1) << 16 | ((b) >> 3 & 1) << 24 | ((b) >> 4 & 1) << 32 |              \
     ((b) >> 5 & 1) << 40 | ((b) >> 6 & 1) << 48 | ((b) >> 7 & 1) << 56)
#define SPREAD_4(b)                                                                                                    \
    SPREAD_1(UINT64_C(b)), SPREAD_1(UINT64_C(b) + 1), SPREAD_1(UINT64_C(b) + 2), SPREAD_1(UINT64_C(b) + 3)
#define SPREAD_16(b) SPREAD_4(b), SPREAD_4(b + 4), SPREAD_4(b + 8), SPREAD_4(b + 12)
#define SPREAD_64(b) SPREAD_16(b), SPREAD_16(b + 16), SPREAD_16(b + 32), SPREAD_16(b + 48)
const uint64_t cohort_spread[256] = {SPREAD_64(0), SPREAD_64(64), SPREAD_64(128), SPREAD_64(192)};

/* All bits from the lowest set one up. */
static returns filled_up(returns set) { return set | (0 - set); }

/* All bits up to the highest set one. */
static returns filled_down(returns set) {
    for (unsigned by = 1; by < RETURNS_MAX; by *= 2)
        set |= set >> by;
    return set;
}

returns returns_by_mode(returns set, enum returns_mode mode) {
    returns later = set >> 1; /* interval 1 is bit 0 */
    later &= ~((returns)1 << (RETURNS_LAST - 1));
    switch (mode) {
    case RETURNS_ROLLING:
    case RETURNS_UNBOUNDED:
        return filled_down(set);
    case RETURNS_CUMULATIVE:
        return filled_up(later) << 1 | (set & 1);
    case RETURNS_STREAK: /* the ones at the low end, which adding one turns over */
        return (later & ~(later + 1)) << 1 | (set & 1);
    default:
        return set;
    }
}

void cohort_empty_lanes(struct cohort *c) {
    for (uint32_t k = 0; k < c->width * 8; k++)
        c->back[k] += c->lanes[k / 8] >> (k % 8 * 8) & 0xff;
    for (uint32_t i = 0; i < c->width; i++)
        c->lanes[i] = 0;
    c->in_lanes = 0;
}

void cohort_add_up(struct cohort *into, const struct cohort *from) {
    struct cohort whole = *from;
    cohort_finish(into);
    cohort_finish(&whole);
    into->size += whole.size;
    into->width = whole.width > into->width ? whole.width : into->width;
    for (uint32_t k = 0; k < RETURNS_MAX; k++)
        into->back[k] += whole.back[k];
    for (uint32_t k = 0; k <= RETURNS_MAX; k++)
        into->begun[k] += whole.begun[k];
    cohort_finish(into);
}

void cohort_finish(struct cohort *c) {
    uint64_t seen = c->begun[RETURNS_MAX];
    cohort_empty_lanes(c);
    for (uint32_t k = RETURNS_MAX; k-- > 0;) {
        c->seen[k] = seen;
        seen += c->begun[k];
    }
}
