/* returns: in which intervals one customer came back, and how many of a cohort did in each. Free functions over plain numbers.
 *
 * A customer is a set of intervals (bit k: in interval k), 0 the one of the beginning. What a mode makes of it is a few operations on the whole
 * set. A cohort adds up sets: eight intervals are eight bytes of a word, so a set is added by a look-up and an addition for every eight
 * intervals that are asked for; before a byte can overflow they are taken into wide counts. */
#ifndef ONEFOLD_INSIGHT_RETURNS_H
#define ONEFOLD_INSIGHT_RETURNS_H

#include <stdbool.h>
#include <stdint.h>

#define RETURNS_MAX 128                /* intervals 0 .. 127 */
#define RETURNS_LAST (RETURNS_MAX - 1) /* stands for all later ones too */
typedef unsigned __int128 returns;

static inline returns returns_in(uint32_t k) { return (returns)1 << (k < RETURNS_LAST ? k : RETURNS_LAST); }
static inline bool returns_has(returns set, uint32_t k) { return (set >> k & 1) != 0; }

/* n_day: as they are. rolling, unbounded: in interval k or any later one. cumulative: in one of the intervals 1 to k. streak: in each of them. Of
 * the last two interval 0 stays as it is, and RETURNS_LAST means nothing. */
enum returns_mode { RETURNS_N_DAY, RETURNS_ROLLING, RETURNS_UNBOUNDED, RETURNS_CUMULATIVE, RETURNS_STREAK };
returns returns_by_mode(returns set, enum returns_mode mode);
static inline returns returns_by(returns set, enum returns_mode mode) {
    return mode == RETURNS_N_DAY ? set : returns_by_mode(set, mode);
}

/* Of one cohort. {0} is empty. Read it after cohort_finish. */
#define COHORT_LANES (RETURNS_MAX / 8)
struct cohort {
    uint64_t size;
    uint64_t lanes[COHORT_LANES];    /* byte k % 8 of lane k / 8: who came in interval k, not yet in `back` */
    uint32_t in_lanes, width;        /* sets added to the lanes, at most COHORT_LANES_FULL; lanes in use */
    uint64_t begun[RETURNS_MAX + 1]; /* customers of whom so many intervals had begun */
    uint64_t back[RETURNS_MAX];      /* who came in interval k */
    uint64_t seen[RETURNS_MAX];      /* whose interval k had begun by the end: cohort_finish makes it */
};
#define COHORT_LANES_FULL 255
extern const uint64_t cohort_spread[256]; /* bit k to byte k */
void cohort_empty_lanes(struct cohort *cohort);
/* A customer: came back in `set`, of which the first `seen` intervals had begun and count; 1 <= seen < RETURNS_MAX. */
static inline void cohort_add(struct cohort *c, returns set, uint32_t seen) {
    uint32_t width = (seen + 7) / 8;
    c->size++;
    c->begun[seen]++;
    c->width = width > c->width ? width : c->width;
    set &= ((returns)1 << seen) - 1;
    for (uint32_t i = 0; i < width; i++, set >>= 8)
        c->lanes[i] += cohort_spread[(uint8_t)set];
    if (++c->in_lanes == COHORT_LANES_FULL)
        cohort_empty_lanes(c);
}
void cohort_add_up(struct cohort *into, const struct cohort *from);
/* `back` and `seen` are whole; more may be added afterwards, and it be finished again. */
void cohort_finish(struct cohort *cohort);

#endif
