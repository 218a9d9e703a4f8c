/* attribution_tally: paths of touches and whether they converted, added up to what the models of attribution need.
 *
 * A path is the channels (codes below ATTRIBUTION_CHANNELS_MAX) of the touches that count towards one conversion, or of those that came
 * to none, oldest first. Models that share a conversion out by a rule need only counts by channel and path length: whole numbers,
 * so that it does not matter in which order paths are added or by how many workers. The models that look at paths as wholes (Markov chains of
 * a higher order, Shapley, counterfactuals) read the book of distinct paths, kept where `want_book`.
 *
 * Values are in millionths. Time decay alone depends on times: its shares are whole multiples of 2^-40, for the same reason. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_TALLY_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_TALLY_H

#include "insight/path_book.h"

#define ATTRIBUTION_CHANNELS_MAX 250
#define ATTRIBUTION_TOUCHES_MAX PATH_CODES_MAX /* of a path; of longer ones the latest */
#define ATTRIBUTION_VALUE_UNIT 1000000         /* values are in 1/this */
#define ATTRIBUTION_SHARE_UNIT ((int64_t)1 << 40)

struct tally_count {
    uint64_t conversions;
    __int128 value;
};
/* Of converting paths of one length, by channel: who came first, last, and how many touches. */
struct tally_length {
    struct tally_count first[ATTRIBUTION_CHANNELS_MAX], last[ATTRIBUTION_CHANNELS_MAX],
        touches[ATTRIBUTION_CHANNELS_MAX];
};
struct attribution {
    /* set before the first path */
    uint32_t channel_count;
    bool direct[ATTRIBUTION_CHANNELS_MAX]; /* channels passed over by last non-direct */
    int64_t half_life_ms;                  /* of time decay; 0: not wanted */
    bool want_book;

    uint64_t conversions, misses; /* of paths with at least one touch */
    __int128 value;
    uint64_t uncovered; /* conversions without a touch */
    __int128 uncovered_value;
    uint64_t touches[ATTRIBUTION_CHANNELS_MAX]; /* in all paths, as often as they were in one */
    struct tally_length *by_length[ATTRIBUTION_TOUCHES_MAX + 1];
    struct tally_count last_non_direct[ATTRIBUTION_CHANNELS_MAX];
    __int128 decay[ATTRIBUTION_CHANNELS_MAX];       /* conversions, in 1/ATTRIBUTION_SHARE_UNIT */
    __int128 decay_value[ATTRIBUTION_CHANNELS_MAX]; /* value units, in the same */
    bool timed;                                     /* every path had times */
    struct path_book book;
};

struct attribution *attribution_create(uint32_t channel_count);
void attribution_free(struct attribution *tally);
/* `ages_ms` (may be NULL: not known): how long before the conversion each touch was. A path without touches counts as uncovered. */
void attribution_add(struct attribution *t, const uint8_t *codes, const int64_t *ages_ms, size_t length,
                     uint64_t conversions, uint64_t misses, __int128 value);
/* `from` must have been set up alike. */
void attribution_merge(struct attribution *t, const struct attribution *from);
/* The same; channel c of `from` is channel map[c] of `t` (NULL: the same one). */
void attribution_merge_mapped(struct attribution *t, const struct attribution *from, const uint8_t *map);

/* --- from a customer's touches and conversions to paths --- */

enum attribution_repeat {
    ATTRIBUTION_EVERY,
    ATTRIBUTION_FIRST,
    ATTRIBUTION_LAST
}; /* which of a customer's conversions count */
struct attribution_rule {
    int64_t look_back_ms; /* touches count from conversion - look_back to the conversion, both included */
    enum attribution_repeat repeat;
    bool
        cut; /* a path begins after the conversion before; what comes after the last conversion is a path that came to none */
    bool collapse;        /* the same channel several times on end is one touch, the last of them */
    int64_t counted_from; /* conversions before it only cut; who has no touch since has no path */
};
struct attribution_history {
    const int64_t *touch_times; /* ascending */
    const uint8_t *touch_codes;
    size_t touch_count;
    const int64_t *conversion_times; /* ascending */
    const int64_t *conversion_values;
    size_t conversion_count;
};
/* Adds touches [from, end) as a path that ends at `at`: of one channel several times on end the last where touches collapse; of too many the latest. */
void attribution_path(struct attribution *t, const struct attribution_rule *rule, const struct attribution_history *h,
                      size_t from, size_t end, int64_t at, bool converted, int64_t value);

#endif
