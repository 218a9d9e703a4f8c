/* then_bought: see then_bought.h.
 *
 * Items of fewer customers than asked for cannot be in a pair of enough, so they are left out first. Then customer by customer: the first time
 * of each item (in a small list), and for each later visit the pairs it makes with the items before it, in a table of pairs that remembers the last
 * customer it counted, so that no set of pairs is kept a customer. */
#include "insight/then_bought.h"

#include <stdlib.h>

#include "base/hash.h"

#define DAY_MS 86400000LL

struct slot {
    uint64_t pair;       /* first << 32 | then */
    uint32_t both, last; /* last: customer + 1 */
    int64_t days;
};

struct table {
    struct slot *slots;
    size_t slot_count, used;
};

static struct slot *find(struct table *t, uint64_t pair) {
    size_t at = hash_mix(pair) & (t->slot_count - 1);
    while (t->slots[at].last && t->slots[at].pair != pair)
        at = (at + 1) & (t->slot_count - 1);
    return &t->slots[at];
}

static void grow(struct table *t) {
    struct table larger = {.slot_count = t->slot_count ? t->slot_count * 2 : 4096, .used = t->used};
    larger.slots = memory_get(larger.slot_count, sizeof *larger.slots);
    for (size_t i = 0; i < t->slot_count; i++)
        if (t->slots[i].last)
            *find(&larger, t->slots[i].pair) = t->slots[i];
    free(t->slots);
    *t = larger;
}

static void count_pair(struct table *t, uint32_t first, uint32_t then, uint32_t customer, int64_t gap_ms) {
    if ((t->used + 1) * 2 > t->slot_count)
        grow(t);
    uint64_t pair = (uint64_t)first << 32 | then;
    struct slot *s = find(t, pair);
    if (s->last == customer + 1)
        return;
    t->used += s->last == 0;
    s->pair = pair;
    s->last = customer + 1;
    s->both++;
    s->days += gap_ms / DAY_MS;
}

/* Items that customers had, in the order of first having them. */
struct had {
    uint32_t item;
    int64_t first_ms; /* the first time that counts */
    int64_t last_ms;  /* the last time before the visit in hand: what a window is measured from */
    bool counts;
};

struct count {
    const struct visits *v;
    const struct then_options *o;
    uint32_t *of_item, *of_first, *of_then, *seen; /* customers; seen: customer + 1 that was counted last */
    bool *frequent;
    struct had *had;
    uint32_t *place, *later; /* place: of an item in had, + 1; later: by item, customer + 1 */
    size_t had_count, had_room;
    struct table table;
};

static void count_items(struct count *c) {
    for (size_t customer = 0; customer < c->v->customer_count; customer++)
        for (uint64_t i = c->v->starts[c->v->customer_starts[customer]];
             i < c->v->starts[c->v->customer_starts[customer + 1]]; i++) {
            uint32_t item = c->v->items[i];
            c->of_item[item] += c->seen[item] != customer + 1;
            c->seen[item] = (uint32_t)customer + 1;
        }
    for (uint32_t i = 0; i < c->v->item_count; i++)
        c->frequent[i] = c->of_item[i] >= c->o->customers_min;
}

/* The pairs that an item of a visit at `time` makes with what was had before. */
static void pair_up(struct count *c, uint32_t customer, uint32_t then, int64_t time) {
    const struct had *before = c->place[then] ? &c->had[c->place[then] - 1] : NULL;
    for (size_t i = 0; i < c->had_count; i++) {
        const struct had *h = &c->had[i];
        bool known = before && h->item != then && before->first_ms <= h->first_ms;
        if (!h->counts || h->last_ms >= time || (c->o->first_only && known))
            continue;
        if (c->o->within_ms == 0 || time - h->last_ms <= c->o->within_ms)
            count_pair(&c->table, h->item, then, customer, time - h->last_ms);
    }
}

static void have(struct count *c, uint32_t item, int64_t time) {
    bool counts = c->o->until_ms == INT64_MAX || time <= c->o->until_ms - c->o->within_ms;
    if (!c->place[item]) {
        if (c->had_count == c->had_room) {
            c->had_room = c->had_room * 2 + 64;
            c->had = memory_resize(c->had, c->had_room, sizeof *c->had);
        }
        c->had[c->had_count] = (struct had){item, time, time, counts};
        c->place[item] = (uint32_t)++c->had_count;
        c->of_first[item] += counts;
    } else if (counts) {
        c->had[c->place[item] - 1].last_ms = time;
    }
}

/* Visits of one time count as one: neither is later. */
static bool count_customer(struct count *c, uint32_t customer) {
    uint64_t from = c->v->customer_starts[customer], to = c->v->customer_starts[customer + 1];
    bool again = false;
    c->had_count = 0;
    for (uint64_t first = from, next; first < to; first = next) {
        int64_t time = c->v->times[first];
        for (next = first; next < to && c->v->times[next] == time;)
            next++;
        again = again || first > from;
        for (uint64_t i = c->v->starts[first]; i < c->v->starts[next]; i++) {
            uint32_t item = c->v->items[i];
            if (!c->frequent[item])
                continue;
            if (first > from) {
                c->of_then[item] += c->later[item] != customer + 1;
                c->later[item] = customer + 1;
            }
            pair_up(c, customer, item, time);
        }
        for (uint64_t i = c->v->starts[first]; i < c->v->starts[next]; i++)
            if (c->frequent[c->v->items[i]])
                have(c, c->v->items[i], time);
    }
    for (size_t i = 0; i < c->had_count; i++)
        c->place[c->had[i].item] = 0;
    return again;
}

static int most_first(const void *a, const void *b) {
    const struct then_pair *p = a, *q = b;
    if (p->both != q->both)
        return p->both > q->both ? -1 : 1;
    if (p->first != q->first)
        return p->first < q->first ? -1 : 1;
    return (p->then > q->then) - (p->then < q->then);
}

static void gather(const struct count *c, struct then_result *out) {
    out->pairs = memory_get(c->table.used + 1, sizeof *out->pairs);
    for (size_t i = 0; i < c->table.slot_count; i++) {
        const struct slot *s = &c->table.slots[i];
        uint32_t first = (uint32_t)(s->pair >> 32), then = (uint32_t)s->pair;
        if (s->last && s->both >= c->o->customers_min)
            out->pairs[out->count++] =
                (struct then_pair){first, then, s->both, c->of_first[first], c->of_then[then], s->days};
    }
    qsort(out->pairs, out->count, sizeof *out->pairs, most_first);
}

enum status then_bought(const struct visits *v, const struct then_options *o, struct then_result *out,
                        struct fault *fault) {
    struct count c = {.v = v, .o = o};
    size_t items = (size_t)v->item_count + 1;
    enum status status = STATUS_OK;
    *out = (struct then_result){.customers = v->customer_count};
    c.of_item = memory_get(items * 6, sizeof *c.of_item);
    c.of_first = c.of_item + items;
    c.of_then = c.of_first + items;
    c.seen = c.of_then + items;
    c.place = c.seen + items;
    c.later = c.place + items;
    c.frequent = memory_get(items, sizeof *c.frequent);
    count_items(&c);
    for (uint32_t i = 0; i < v->customer_count && !status; i++) {
        out->again += count_customer(&c, i);
        if (c.table.used > THEN_PAIRS_MAX)
            status = fault_set(fault, STATUS_TOO_LARGE,
                               "more than %u pairs of items follow one another: raise the support", THEN_PAIRS_MAX);
    }
    if (!status)
        gather(&c, out);
    free(c.of_item);
    free(c.frequent);
    free(c.had);
    free(c.table.slots);
    return status;
}
