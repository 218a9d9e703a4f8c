/* attribution_tally: see the header for what is kept and why. */
#include "insight/attribution_tally.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"

struct attribution *attribution_create(uint32_t channel_count) {
    assert(channel_count <= ATTRIBUTION_CHANNELS_MAX);
    struct attribution *t = memory_get(1, sizeof *t);
    t->channel_count = channel_count;
    t->timed = true;
    return t;
}

void attribution_free(struct attribution *t) {
    if (!t)
        return;
    for (size_t i = 0; i <= ATTRIBUTION_TOUCHES_MAX; i++)
        free(t->by_length[i]);
    path_book_release(&t->book);
    free(t);
}

static void count_in(struct tally_count *c, uint64_t conversions, __int128 value) {
    c->conversions += conversions;
    c->value += value;
}

/* Shares of 2^(-age / half-life), made to add up to one exactly: the last touch takes what rounding leaves. */
static void add_decay(struct attribution *t, const uint8_t *codes, const int64_t *ages_ms, size_t length,
                      uint64_t conversions, __int128 value) {
    double sum = 0, weights[ATTRIBUTION_TOUCHES_MAX];
    int64_t left = ATTRIBUTION_SHARE_UNIT;
    const int64_t newest = ages_ms[length - 1]; /* in proportion to it, so that none is too small for a double */
    for (size_t i = 0; i < length; i++)
        sum += weights[i] = exp2(-(double)(ages_ms[i] - newest) / (double)t->half_life_ms);
    for (size_t i = 0; i < length; i++) {
        int64_t share = i + 1 == length ? left : (int64_t)llround(weights[i] / sum * (double)ATTRIBUTION_SHARE_UNIT);
        left -= share;
        t->decay[codes[i]] += (__int128)share * conversions;
        t->decay_value[codes[i]] += share * value;
    }
}

static void add_converted(struct attribution *t, const uint8_t *codes, const int64_t *ages_ms, size_t length,
                          uint64_t conversions, __int128 value) {
    if (!t->by_length[length])
        t->by_length[length] = memory_get(1, sizeof *t->by_length[length]);
    struct tally_length *of = t->by_length[length];
    size_t last = length;
    count_in(&of->first[codes[0]], conversions, value);
    count_in(&of->last[codes[length - 1]], conversions, value);
    for (size_t i = 0; i < length; i++)
        count_in(&of->touches[codes[i]], conversions, value);
    while (last > 0 && t->direct[codes[last - 1]])
        last--;
    count_in(&t->last_non_direct[codes[(last ? last : length) - 1]], conversions, value);
    if (!ages_ms)
        t->timed = false;
    else if (t->half_life_ms)
        add_decay(t, codes, ages_ms, length, conversions, value);
}

void attribution_add(struct attribution *t, const uint8_t *codes, const int64_t *ages_ms, size_t length,
                     uint64_t conversions, uint64_t misses, __int128 value) {
    if (length == 0) {
        t->uncovered += conversions;
        t->uncovered_value += value;
        return;
    }
    if (length > ATTRIBUTION_TOUCHES_MAX) {
        size_t over = length - ATTRIBUTION_TOUCHES_MAX;
        codes += over;
        ages_ms = ages_ms ? ages_ms + over : NULL;
        length = ATTRIBUTION_TOUCHES_MAX;
    }
    t->conversions += conversions;
    t->misses += misses;
    t->value += value;
    for (size_t i = 0; i < length; i++)
        t->touches[codes[i]] += conversions + misses;
    if (conversions)
        add_converted(t, codes, ages_ms, length, conversions, value);
    if (t->want_book)
        path_book_add(&t->book, codes, length, conversions, misses, value);
}

static void merge_counts(struct tally_count *into, const struct tally_count *from, const uint8_t *map, size_t count) {
    for (size_t i = 0; i < count; i++)
        count_in(&into[map[i]], from[i].conversions, from[i].value);
}

static void merge_lengths(struct attribution *t, const struct attribution *from, const uint8_t *map) {
    for (size_t length = 0; length <= ATTRIBUTION_TOUCHES_MAX; length++) {
        const struct tally_length *of = from->by_length[length];
        if (!of)
            continue;
        if (!t->by_length[length])
            t->by_length[length] = memory_get(1, sizeof *of);
        merge_counts(t->by_length[length]->first, of->first, map, from->channel_count);
        merge_counts(t->by_length[length]->last, of->last, map, from->channel_count);
        merge_counts(t->by_length[length]->touches, of->touches, map, from->channel_count);
    }
}

void attribution_merge_mapped(struct attribution *t, const struct attribution *from, const uint8_t *map) {
    uint8_t same[ATTRIBUTION_CHANNELS_MAX];
    assert(t->half_life_ms == from->half_life_ms);
    for (size_t i = 0; i < ATTRIBUTION_CHANNELS_MAX; i++)
        same[i] = (uint8_t)i;
    map = map ? map : same;
    t->conversions += from->conversions;
    t->misses += from->misses;
    t->value += from->value;
    t->uncovered += from->uncovered;
    t->uncovered_value += from->uncovered_value;
    t->timed = t->timed && from->timed;
    for (size_t i = 0; i < from->channel_count; i++) {
        assert(map[i] < t->channel_count);
        t->touches[map[i]] += from->touches[i];
        t->decay[map[i]] += from->decay[i];
        t->decay_value[map[i]] += from->decay_value[i];
    }
    merge_counts(t->last_non_direct, from->last_non_direct, map, from->channel_count);
    merge_lengths(t, from, map);
    path_book_merge(&t->book, &from->book, map);
}

void attribution_merge(struct attribution *t, const struct attribution *from) {
    attribution_merge_mapped(t, from, NULL);
}

/* --- a path out of a history --- */

void attribution_path(struct attribution *t, const struct attribution_rule *rule, const struct attribution_history *h,
                      size_t from, size_t end, int64_t at, bool converted, int64_t value) {
    uint8_t codes[ATTRIBUTION_TOUCHES_MAX];
    int64_t ages[ATTRIBUTION_TOUCHES_MAX];
    size_t length = ATTRIBUTION_TOUCHES_MAX;
    for (size_t i = end; i > from && length > 0; i--) /* from the latest, so that the oldest are cut off */
        if (!rule->collapse || i == end || h->touch_codes[i - 1] != codes[length]) {
            codes[--length] = h->touch_codes[i - 1];
            ages[length] = at - h->touch_times[i - 1];
        }
    attribution_add(t, codes + length, ages + length, ATTRIBUTION_TOUCHES_MAX - length, converted, !converted, value);
}
