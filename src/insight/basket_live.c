/* basket_live: see basket_live.h. */
#include "insight/basket_live.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"

#define SLACK 0.8
#define FRESH_SHARE 8       /* all is mined again when one in so many baskets is fresh */
#define FRESH_LEAST 64      /* but not for fewer */
#define NEWCOMERS_MAX 20000 /* more sets than this among the fresh baskets: mining all again is no dearer */

/* A basket stands in `all` for good (until the next mining); gone ones are marked. Its key leads to it. */
struct live_baskets {
    struct live_options options;
    struct baskets all;
    uint8_t *gone;
    size_t gone_room, present;
    struct slot {
        uint64_t key;
        uint32_t basket; /* number + 1, or 0 */
    } * slots;
    size_t slot_count, key_count;
    struct itemsets candidates;
    uint32_t floor;    /* what is no candidate had fewer when mined */
    size_t mined_from; /* baskets from this number on are fresh */
    struct live_counters counters;
};

uint32_t support_count(double share, size_t count) {
    double wanted = ceil(share * (double)count * (1 - 1e-12));
    return wanted < 1 ? 1 : (uint32_t)wanted;
}

struct live_baskets *live_baskets_create(const struct live_options *options) {
    struct live_baskets *live = memory_get(1, sizeof *live);
    live->options = *options;
    if (live->options.slack <= 0 || live->options.slack > 1)
        live->options.slack = SLACK;
    live->floor = 1;
    itemsets_index(&live->candidates);
    return live;
}

void live_baskets_free(struct live_baskets *live) {
    if (!live)
        return;
    baskets_release(&live->all);
    itemsets_release(&live->candidates);
    free(live->gone);
    free(live->slots);
    free(live);
}

size_t live_baskets_count(const struct live_baskets *live) { return live->present; }

struct live_counters live_baskets_counters(const struct live_baskets *live) {
    struct live_counters c = live->counters;
    c.candidates = live->candidates.count;
    c.fresh = live->all.count - live->mined_from;
    return c;
}

/* --- by key --- */

static struct slot *slot_of(struct live_baskets *live, uint64_t key) {
    if ((live->key_count + 1) * 2 > live->slot_count) {
        size_t old_count = live->slot_count;
        struct slot *old = live->slots;
        live->slot_count = old_count ? old_count * 2 : 1024;
        live->slots = memory_get(live->slot_count, sizeof *live->slots);
        for (size_t i = 0; i < old_count; i++)
            if (old[i].basket)
                *slot_of(live, old[i].key) = old[i];
        free(old);
    }
    size_t at = hash_mix(key) & (live->slot_count - 1);
    while (live->slots[at].basket && live->slots[at].key != key)
        at = (at + 1) & (live->slot_count - 1);
    return &live->slots[at];
}

/* --- counting candidates within a basket --- */

struct walk {
    struct itemsets *sets;
    const uint32_t *items;
    size_t count;
    uint32_t by, prefix[ITEMSET_LENGTH_MAX];
};

/* All candidates that begin with the prefix: every beginning of a candidate is one. */
static void walk_from(struct walk *w, size_t from, unsigned length) {
    for (size_t i = from; i < w->count && length < ITEMSET_LENGTH_MAX; i++) {
        uint32_t number;
        w->prefix[length] = w->items[i];
        if (!itemsets_find(w->sets, w->prefix, length + 1, &number))
            continue;
        w->sets->counts[number] += w->by;
        walk_from(w, i + 1, length + 1);
    }
}

static void count_in(struct live_baskets *live, size_t basket, uint32_t by) {
    const struct baskets *b = &live->all;
    struct walk w = {.sets = &live->candidates,
                     .items = b->items + b->starts[basket],
                     .count = b->starts[basket + 1] - b->starts[basket],
                     .by = by};
    walk_from(&w, 0, 0);
}

void live_baskets_put(struct live_baskets *live, uint64_t key, const uint32_t *items, size_t count) {
    struct slot *slot = slot_of(live, key);
    if (slot->basket) {
        size_t old = slot->basket - 1;
        if (!live->gone[old]) {
            count_in(live, old, UINT32_MAX); /* takes one off */
            live->gone[old] = 1;
            live->present--;
        }
    } else if (count) {
        live->key_count++;
    }
    if (count == 0)
        return;
    if (live->all.count >= live->gone_room) {
        live->gone_room = live->gone_room * 2 + 1024;
        live->gone = memory_resize(live->gone, live->gone_room, 1);
    }
    live->gone[live->all.count] = 0;
    slot->key = key;
    slot->basket = (uint32_t)live->all.count + 1;
    baskets_add(&live->all, items, count);
    live->present++;
    count_in(live, live->all.count - 1, 1);
}

/* --- mining --- */

/* Drops the gone and renumbers. */
static void tidy(struct live_baskets *live) {
    struct baskets kept = {0};
    uint32_t *now = memory_get(live->all.count + 1, sizeof *now);
    for (size_t i = 0; i < live->all.count; i++)
        if (!live->gone[i]) {
            baskets_add(&kept, live->all.items + live->all.starts[i], live->all.starts[i + 1] - live->all.starts[i]);
            now[i] = (uint32_t)kept.count;
        }
    struct slot *old = live->slots;
    size_t old_count = live->slot_count;
    live->slots = memory_get(old_count ? old_count : 1, sizeof *live->slots);
    live->key_count = 0;
    for (size_t i = 0; i < old_count; i++)
        if (old[i].basket && now[old[i].basket - 1]) {
            struct slot *slot = slot_of(live, old[i].key);
            *slot = (struct slot){old[i].key, now[old[i].basket - 1]};
            live->key_count++;
        }
    kept.item_count = kept.item_count > live->all.item_count ? kept.item_count : live->all.item_count;
    baskets_release(&live->all);
    live->all = kept;
    memset(live->gone, 0, live->gone ? live->gone_room : 0);
    free(old);
    free(now);
}

enum status live_baskets_remine(struct live_baskets *live, struct fault *fault) {
    struct itemsets sets;
    tidy(live);
    uint32_t low = support_count(live->options.support_min * live->options.slack, live->present);
    enum status status =
        itemsets_mine(&live->all,
                      &(struct itemset_options){
                          .count_min = low, .length_max = live->options.length_max, .workers = live->options.workers},
                      &sets, fault);
    if (status)
        return status;
    itemsets_release(&live->candidates);
    live->candidates = sets;
    live->floor = low;
    live->mined_from = live->all.count;
    live->counters.mined++;
    return STATUS_OK;
}

static bool is_within(const struct live_baskets *live, size_t basket, const uint32_t *items, size_t count) {
    const struct baskets *b = &live->all;
    size_t n = 0;
    for (uint64_t i = b->starts[basket]; i < b->starts[basket + 1] && n < count; i++)
        n += b->items[i] == items[n];
    return n == count;
}

/* Sets being put together. */
struct putting {
    uint32_t *items, *starts, *counts;
    size_t count, item_count, room, item_room;
};

static void put_set(struct putting *p, const uint32_t *items, size_t length, uint32_t count) {
    if (p->count + 2 > p->room) {
        p->room = p->room * 2 + 256;
        p->starts = memory_resize(p->starts, p->room, sizeof *p->starts);
        p->counts = memory_resize(p->counts, p->room, sizeof *p->counts);
    }
    if (p->item_count + length > p->item_room) {
        p->item_room = p->item_room * 2 + 1024;
        p->items = memory_resize(p->items, p->item_room, sizeof *p->items);
    }
    p->starts[p->count] = (uint32_t)p->item_count;
    p->counts[p->count++] = count;
    if (length)
        memcpy(p->items + p->item_count, items, length * sizeof *items);
    p->item_count += length;
    p->starts[p->count] = (uint32_t)p->item_count;
}

/* Those of `fresh` that are no candidates and frequent among all. One pass over all baskets counts them. */
static void put_newcomers(const struct live_baskets *live, const struct itemsets *fresh, uint32_t wanted,
                          struct putting *p) {
    uint32_t *counts = memory_get(fresh->count + 1, sizeof *counts);
    uint8_t *asked = memory_get(fresh->count + 1, 1);
    uint32_t unused, *by_item = memory_get(live->all.item_count + 2, sizeof *by_item);
    uint32_t *sets = memory_get(fresh->count + 1, sizeof *sets);
    for (size_t i = 0; i < fresh->count; i++) { /* newcomers by their first item */
        asked[i] = !itemsets_find(&live->candidates, itemset_items(fresh, i), itemset_length(fresh, i), &unused);
        by_item[itemset_items(fresh, i)[0] + 1] += asked[i];
    }
    for (uint32_t i = 0; i < live->all.item_count; i++)
        by_item[i + 1] += by_item[i];
    uint32_t *at = memory_get(live->all.item_count + 1, sizeof *at);
    memcpy(at, by_item, (live->all.item_count + 1) * sizeof *at);
    for (size_t i = 0; i < fresh->count; i++)
        if (asked[i])
            sets[at[itemset_items(fresh, i)[0]]++] = (uint32_t)i;
    for (size_t b = 0; b < live->all.count; b++)
        for (uint64_t k = live->all.starts[b]; !live->gone[b] && k < live->all.starts[b + 1]; k++)
            for (uint32_t item = live->all.items[k], s = by_item[item]; s < by_item[item + 1]; s++)
                counts[sets[s]] += is_within(live, b, itemset_items(fresh, sets[s]), itemset_length(fresh, sets[s]));
    for (size_t i = 0; i < fresh->count; i++)
        if (asked[i] && counts[i] >= wanted)
            put_set(p, itemset_items(fresh, i), itemset_length(fresh, i), counts[i]);
    free(counts);
    free(asked);
    free(by_item);
    free(sets);
    free(at);
}

/* In the order itemsets_mine gives. Takes what is in `p`. */
static void finish(const struct live_baskets *live, struct putting *p, struct itemsets *out) {
    *out = (struct itemsets){.count = p->count, .basket_count = live->present, .item_count = live->all.item_count};
    out->items = p->items;
    out->starts = p->starts ? p->starts : memory_get(1, sizeof *out->starts);
    out->counts = p->counts;
    itemsets_sort(out);
}

/* The sets of the baskets that came since the last mining, in at least `least` of them. */
static enum status mine_fresh(struct live_baskets *live, uint32_t least, struct itemsets *fresh, struct fault *fault) {
    struct baskets some = {0};
    for (size_t i = live->mined_from; i < live->all.count; i++)
        if (!live->gone[i])
            baskets_add(&some, live->all.items + live->all.starts[i], live->all.starts[i + 1] - live->all.starts[i]);
    enum status status = itemsets_mine(&some,
                                       &(struct itemset_options){.count_min = least,
                                                                 .length_max = live->options.length_max,
                                                                 .workers = live->options.workers,
                                                                 .most = NEWCOMERS_MAX},
                                       fresh, fault);
    live->counters.delta_mined++;
    baskets_release(&some);
    return status;
}

enum status live_baskets_sets(struct live_baskets *live, struct itemsets *out, struct fault *fault) {
    struct itemsets fresh = {0};
    uint32_t wanted = support_count(live->options.support_min, live->present);
    size_t fresh_count = live->all.count - live->mined_from;
    bool again = wanted < live->floor || (fresh_count > FRESH_LEAST && fresh_count * FRESH_SHARE > live->all.count);
    if (!again && fresh_count > wanted - live->floor) /* else nothing that is no candidate can have become frequent */
        again = mine_fresh(live, wanted - live->floor + 1, &fresh, NULL) != STATUS_OK;
    if (again) {
        enum status status = live_baskets_remine(live, fault);
        if (status)
            return status;
        wanted = support_count(live->options.support_min, live->present);
    }
    struct putting p = {0};
    put_set(&p, NULL, 0, 0); /* room, even where there is none */
    p.count = 0;
    for (size_t i = 0; i < live->candidates.count; i++)
        if (live->candidates.counts[i] >= wanted)
            put_set(&p, itemset_items(&live->candidates, i), itemset_length(&live->candidates, i),
                    live->candidates.counts[i]);
    if (!again && fresh.count)
        put_newcomers(live, &fresh, wanted, &p);
    itemsets_release(&fresh);
    finish(live, &p, out);
    live->counters.served++;
    return STATUS_OK;
}
