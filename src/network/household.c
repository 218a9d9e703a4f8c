/* household: see the header. Keys are sorted so that those who share a thing stand together; each such run gives pairs, the pairs are
 * sorted so that all that speaks for two stands together, and groups grow along the pairs from the likeliest on. */
#include "network/household.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"

static const struct household_kind kinds[] = {
#define EVIDENCE(name, word, bits, crowd, en, zh, why_not) {word, en, zh, why_not, bits, crowd},
#include "network/household_evidence.def"
#undef EVIDENCE
};

const struct household_kind *household_kind(enum household_evidence evidence) {
    assert(evidence < HOUSEHOLD_EVIDENCES);
    return &kinds[evidence];
}

/* One thing that two share; once sorted, those of two customers stand together, the strongest of each kind first. */
struct pair_key {
    uint32_t a, b; /* a < b */
    uint32_t key;  /* of a; b's `since` counts too */
    uint32_t count;
    int64_t since_ms;
    float bits;
    uint8_t kind;
};
struct pair {
    uint32_t a, b;
    uint32_t first, count; /* pair_keys */
    float bits;
    bool one_person; /* rather: not proposed */
};
struct decided {
    uint32_t a, b;
    bool together;
};
struct surname_count {
    uint32_t hash, count;
};

struct households_inside {
    uint32_t customers;
    uint32_t *surnames; /* [customer]: a hash, 0: not known */
    uint32_t *names;    /* likewise */
    struct surname_count *surname_counts;
    size_t surname_kinds;
    uint64_t surname_total;
    struct household_key *keys;
    struct pair_key *pair_keys;
    struct pair *pairs;
    struct decided *decided;
    size_t key_count, key_room, pair_key_count, pair_key_room, decided_count, decided_room;
    struct buffer texts;
    bool solved;
};

struct households *households_create(uint32_t customers) {
    struct households *h = memory_get(1, sizeof *h);
    h->inside = memory_get(1, sizeof *h->inside);
    h->inside->customers = customers;
    h->inside->surnames = memory_get((size_t)customers + 1, sizeof *h->inside->surnames);
    h->inside->names = memory_get((size_t)customers + 1, sizeof *h->inside->names);
    buffer_add_char(&h->inside->texts, 0); /* 0 is no text */
    return h;
}

void households_free(struct households *h) {
    if (!h)
        return;
    struct households_inside *in = h->inside;
    free(in->surnames);
    free(in->names);
    free(in->surname_counts);
    free(in->keys);
    free(in->pair_keys);
    free(in->pairs);
    free(in->decided);
    buffer_release(&in->texts);
    free(in);
    free(h->groups);
    free(h->members);
    free(h->crowds);
    free(h);
}

/* --- what is told --- */

uint32_t households_text(struct households *h, struct slice text) {
    uint32_t at = (uint32_t)h->inside->texts.size, size = (uint32_t)(text.size < 500 ? text.size : 500);
    buffer_add(&h->inside->texts, &size, sizeof size);
    buffer_add(&h->inside->texts, text.data, size);
    return at;
}

struct slice households_text_of(const struct households *h, uint32_t text) {
    uint32_t size;
    if (!text)
        return SLICE_NONE;
    memcpy(&size, h->inside->texts.data + text, sizeof size);
    return slice_of(h->inside->texts.data + text + sizeof size, size);
}

static void *room_for(void *array, size_t count, size_t *room, size_t size) {
    if (count < *room)
        return array;
    *room = *room ? *room * 2 : 1024;
    return memory_resize(array, *room, size);
}

void households_share(struct households *h, const struct household_key *key) {
    struct households_inside *in = h->inside;
    assert(key->customer && key->customer <= in->customers && key->kind < HOUSEHOLD_EVIDENCES && !in->solved);
    in->keys = room_for(in->keys, in->key_count, &in->key_room, sizeof *in->keys);
    in->keys[in->key_count++] = *key;
}

void households_surname(struct households *h, uint32_t customer, struct slice surname) {
    assert(customer && customer <= h->inside->customers);
    h->inside->surnames[customer] = surname.size ? (uint32_t)hash_bytes(surname, 0) | 1 : 0;
}

void households_name(struct households *h, uint32_t customer, struct slice name) {
    assert(customer && customer <= h->inside->customers);
    h->inside->names[customer] = name.size ? (uint32_t)hash_bytes(name, 1) | 1 : 0;
}

void households_decided(struct households *h, uint32_t a, uint32_t b, bool together) {
    struct households_inside *in = h->inside;
    assert(a && b && a <= in->customers && b <= in->customers);
    if (a == b)
        return;
    in->decided = room_for(in->decided, in->decided_count, &in->decided_room, sizeof *in->decided);
    in->decided[in->decided_count++] = (struct decided){a < b ? a : b, a < b ? b : a, together};
}

/* --- surnames: how usual each is --- */

static int compare_u32(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void count_surnames(struct households_inside *in) {
    uint32_t *sorted = memory_get((size_t)in->customers + 1, sizeof *sorted);
    size_t count = 0;
    for (uint32_t c = 1; c <= in->customers; c++)
        if (in->surnames[c])
            sorted[count++] = in->surnames[c];
    qsort(sorted, count, sizeof *sorted, compare_u32);
    in->surname_counts = memory_get(count + 1, sizeof *in->surname_counts);
    for (size_t i = 0; i < count; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1])
            in->surname_counts[in->surname_kinds++].hash = sorted[i];
        in->surname_counts[in->surname_kinds - 1].count++;
    }
    in->surname_total = count;
    free(sorted);
}

static int compare_surname(const void *key, const void *entry) {
    return compare_u32(key, &((const struct surname_count *)entry)->hash);
}

static double surname_bits(const struct households_inside *in, uint32_t a, uint32_t b) {
    uint32_t one = in->surnames[a], two = in->surnames[b];
    if (!one || !two)
        return 0;
    if (one != two)
        return -1;
    const struct surname_count *found =
        bsearch(&one, in->surname_counts, in->surname_kinds, sizeof *in->surname_counts, compare_surname);
    assert(found && found->count >= 2);
    double bits = log2(0.5 * (double)in->surname_total / found->count);
    return bits < 0 ? 0 : bits > 4 ? 4 : bits;
}

/* --- pairs --- */

static int compare_key(const void *a, const void *b) {
    const struct household_key *x = a, *y = b;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->customer != y->customer)
        return x->customer < y->customer ? -1 : 1;
    return (x->since_ms > y->since_ms) - (x->since_ms < y->since_ms);
}

/* Sorted, each thing once a customer: since it first had it. */
static void sort_keys(struct households_inside *in) {
    size_t kept = 0;
    if (in->key_count)
        qsort(in->keys, in->key_count, sizeof *in->keys, compare_key);
    for (size_t i = 0; i < in->key_count; i++) {
        const struct household_key *k = &in->keys[i], *before = kept ? &in->keys[kept - 1] : NULL;
        if (!before || before->kind != k->kind || before->hash != k->hash || before->customer != k->customer)
            in->keys[kept++] = *k;
    }
    in->key_count = kept;
}

static void add_pair_key(struct households_inside *in, uint32_t one, uint32_t two, uint32_t count) {
    const struct household_key *a = &in->keys[one], *b = &in->keys[two];
    in->pair_keys = room_for(in->pair_keys, in->pair_key_count, &in->pair_key_room, sizeof *in->pair_keys);
    in->pair_keys[in->pair_key_count++] =
        (struct pair_key){.a = a->customer,
                          .b = b->customer,
                          .key = one,
                          .count = count,
                          .since_ms = a->since_ms > b->since_ms ? a->since_ms : b->since_ms,
                          .bits = (float)(kinds[a->kind].bits - log2((double)count - 1) / 2),
                          .kind = a->kind};
}

static void add_crowd(struct households *h, const struct household_key *key, uint32_t count) {
    if ((h->crowd_count & (h->crowd_count - 1)) == 0)
        h->crowds = memory_resize(h->crowds, h->crowd_count ? h->crowd_count * 2 : 1, sizeof *h->crowds);
    h->crowds[h->crowd_count++] = (struct household_crowd){*key, count};
}

static void pairs_of_run(struct households *h, uint32_t first, uint32_t end) {
    uint32_t count = end - first;
    if (count > kinds[h->inside->keys[first].kind].crowd) {
        add_crowd(h, &h->inside->keys[first], count);
        return;
    }
    for (uint32_t i = first; i < end; i++)
        for (uint32_t k = i + 1; k < end; k++)
            add_pair_key(h->inside, i, k, count);
}

static void find_pair_keys(struct households *h) {
    struct households_inside *in = h->inside;
    for (uint32_t first = 0, end; first < in->key_count; first = end) {
        for (end = first + 1; end < in->key_count && in->keys[end].kind == in->keys[first].kind &&
                              in->keys[end].hash == in->keys[first].hash;)
            end++;
        if (end - first > 1)
            pairs_of_run(h, first, end);
    }
}

static int compare_two(uint32_t a, uint32_t b, uint32_t other_a, uint32_t other_b) {
    return a != other_a ? (a < other_a ? -1 : 1) : (b > other_b) - (b < other_b);
}

static int compare_pair_key(const void *a, const void *b) {
    const struct pair_key *x = a, *y = b;
    int order = compare_two(x->a, x->b, y->a, y->b);
    if (order)
        return order;
    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    if (x->bits < y->bits || x->bits > y->bits)
        return x->bits > y->bits ? -1 : 1;
    return (x->key > y->key) - (x->key < y->key);
}

/* Of the pair_keys from `first` on that are of one pair: their sum, the strongest of each kind counting. */
static uint32_t gather_pair(const struct households_inside *in, uint32_t first, struct pair *out) {
    const struct pair_key *k = &in->pair_keys[first];
    double bits = surname_bits(in, k->a, k->b) - HOUSEHOLD_DOUBT_BITS;
    uint32_t end = first, found = 0;
    const uint32_t personal = 1u << HOUSEHOLD_MOBILE | 1u << HOUSEHOLD_IDENTIFIER;
    for (; end < in->pair_key_count && in->pair_keys[end].a == k->a && in->pair_keys[end].b == k->b; end++) {
        if (end == first || in->pair_keys[end].kind != in->pair_keys[end - 1].kind)
            bits += (double)in->pair_keys[end].bits;
        found |= 1u << in->pair_keys[end].kind;
    }
    bool same_name = in->names[k->a] && in->names[k->a] == in->names[k->b];
    *out = (struct pair){.a = k->a,
                         .b = k->b,
                         .first = first,
                         .count = end - first,
                         .bits = (float)bits,
                         .one_person = same_name || (found & personal) == personal};
    return end;
}

static void find_pairs(struct households *h) {
    struct households_inside *in = h->inside;
    if (in->pair_key_count)
        qsort(in->pair_keys, in->pair_key_count, sizeof *in->pair_keys, compare_pair_key);
    in->pairs = memory_get(in->pair_key_count + 1, sizeof *in->pairs);
    for (uint32_t first = 0; first < in->pair_key_count;) {
        first = gather_pair(in, first, &in->pairs[h->pair_count]);
        h->one_person_count += in->pairs[h->pair_count++].one_person;
    }
}

static struct pair *find_pair(const struct households *h, uint32_t a, uint32_t b) {
    size_t low = 0, high = h->pair_count;
    uint32_t one = a < b ? a : b, two = a < b ? b : a;
    while (low < high) {
        size_t middle = (low + high) / 2;
        struct pair *p = &h->inside->pairs[middle];
        int order = compare_two(one, two, p->a, p->b);
        if (order == 0)
            return p;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static double probability_of(double bits) { return 1 / (1 + exp2(-bits)); }

/* --- what people said --- */

static int compare_decided(const void *a, const void *b) {
    const struct decided *x = a, *y = b;
    int order = compare_two(x->a, x->b, y->a, y->b);
    return order ? order : x->together - y->together;
}

/* Each pair once; said both ways, apart. */
static void sort_decided(struct households_inside *in) {
    size_t kept = 0;
    if (in->decided_count)
        qsort(in->decided, in->decided_count, sizeof *in->decided, compare_decided);
    for (size_t i = 0; i < in->decided_count; i++)
        if (!kept || in->decided[kept - 1].a != in->decided[i].a || in->decided[kept - 1].b != in->decided[i].b)
            in->decided[kept++] = in->decided[i];
    in->decided_count = kept;
}

static int compare_asked(const void *key, const void *entry) {
    const struct decided *x = key, *y = entry;
    return compare_two(x->a, x->b, y->a, y->b);
}

/* 1: together, -1: apart, 0: nothing. */
static int said(const struct households *h, uint32_t a, uint32_t b) {
    struct decided key = {a < b ? a : b, a < b ? b : a, false};
    const struct decided *found = h->inside->decided_count ? bsearch(&key, h->inside->decided, h->inside->decided_count,
                                                                     sizeof *h->inside->decided, compare_asked)
                                                           : NULL;
    return !found ? 0 : found->together ? 1 : -1;
}

/* --- groups --- */

/* Customers in groups: each knows its group's first, groups are rings. */
struct grouping {
    struct households *h;
    uint32_t *head, *next; /* [customer]; head 0: in none yet */
    uint32_t *size;        /* [head] */
};

static void enter(struct grouping *g, uint32_t customer) {
    if (g->head[customer])
        return;
    g->head[customer] = g->next[customer] = customer;
    g->size[customer] = 1;
}

static void join(struct grouping *g, uint32_t a, uint32_t b) {
    uint32_t keep = g->head[a] < g->head[b] ? g->head[a] : g->head[b],
             go = keep == g->head[a] ? g->head[b] : g->head[a];
    if (keep == go)
        return;
    for (uint32_t c = go;;) {
        g->head[c] = keep;
        if ((c = g->next[c]) == go)
            break;
    }
    uint32_t after = g->next[keep];
    g->next[keep] = g->next[go];
    g->next[go] = after;
    g->size[keep] += g->size[go];
}

/* Whether the groups of a and b may be one. */
static bool may_join(const struct grouping *g, uint32_t a, uint32_t b, float least_bits) {
    uint32_t one = g->head[a], two = g->head[b], candidates = 0, across = g->size[one] * g->size[two];
    if (g->size[one] + g->size[two] > HOUSEHOLD_MAX)
        return false;
    uint32_t x = one;
    do {
        uint32_t y = two;
        do {
            const struct pair *p = find_pair(g->h, x, y);
            int word = said(g->h, x, y);
            if (word < 0)
                return false;
            candidates += word > 0 || (p && !p->one_person && p->bits >= least_bits);
            y = g->next[y];
        } while (y != two);
        x = g->next[x];
    } while (x != one);
    return 2 * candidates >= across;
}

static void add_member(struct households *h, uint32_t customer) {
    if ((h->member_count & (h->member_count - 1)) == 0)
        h->members = memory_resize(h->members, h->member_count ? h->member_count * 2 : 1, sizeof *h->members);
    h->members[h->member_count++] = customer;
}

/* As sure as the least sure member is by its best pair. */
static float group_probability(const struct households *h, const struct household_group *group) {
    double least = 1;
    for (uint32_t i = 0; i < group->count; i++) {
        double best = 0;
        for (uint32_t k = 0; k < group->count; k++) {
            const struct pair *p =
                i == k ? NULL : find_pair(h, h->members[group->first + i], h->members[group->first + k]);
            best =
                p && !p->one_person && probability_of((double)p->bits) > best ? probability_of((double)p->bits) : best;
        }
        least = best < least ? best : least;
    }
    return (float)least;
}

static void keep_group(struct households *h, const struct grouping *g, uint32_t head, bool decided) {
    struct household_group group = {.first = (uint32_t)h->member_count, .decided = decided};
    for (uint32_t c = head;;) {
        add_member(h, c);
        if ((c = g->next[c]) == head)
            break;
    }
    group.count = (uint32_t)h->member_count - group.first;
    qsort(h->members + group.first, group.count, sizeof *h->members, compare_u32);
    group.probability = group_probability(h, &group);
    if ((h->group_count & (h->group_count - 1)) == 0)
        h->groups = memory_resize(h->groups, h->group_count ? h->group_count * 2 : 1, sizeof *h->groups);
    h->groups[h->group_count++] = group;
}

static void keep_groups(struct households *h, const struct grouping *g, bool decided) {
    for (uint32_t c = 1; c <= h->inside->customers; c++)
        if (g->head[c] == c && g->size[c] > 1)
            keep_group(h, g, c, decided);
}

static struct grouping grouping_of(struct households *h) {
    size_t count = (size_t)h->inside->customers + 1;
    return (struct grouping){h, memory_get(count, sizeof(uint32_t)), memory_get(count, sizeof(uint32_t)),
                             memory_get(count, sizeof(uint32_t))};
}

static void grouping_end(struct grouping *g) {
    free(g->head);
    free(g->next);
    free(g->size);
}

/* Those of whom people said the same: a group each, however large. */
static void groups_decided(struct households *h, bool together) {
    struct grouping g = grouping_of(h);
    for (size_t i = 0; i < h->inside->decided_count; i++) {
        const struct decided *d = &h->inside->decided[i];
        if (d->together != together)
            continue;
        enter(&g, d->a);
        enter(&g, d->b);
        join(&g, d->a, d->b);
    }
    keep_groups(h, &g, true);
    grouping_end(&g);
}

static int compare_strength(const void *a, const void *b) {
    const struct pair *x = *(struct pair *const *)a, *y = *(struct pair *const *)b;
    if (x->bits < y->bits || x->bits > y->bits)
        return x->bits > y->bits ? -1 : 1;
    return compare_two(x->a, x->b, y->a, y->b);
}

static bool all_together(const struct households *h, const struct grouping *g, uint32_t head) {
    uint32_t x = head;
    do {
        for (uint32_t y = g->next[x]; y != head; y = g->next[y])
            if (said(h, x, y) <= 0)
                return false;
        x = g->next[x];
    } while (x != head);
    return true;
}

/* Those who were put together are so from the start, so that whoever belongs to one of them joins a whole household. */
static void join_together(const struct households_inside *in, struct grouping *g) {
    for (size_t i = 0; i < in->decided_count; i++) {
        const struct decided *d = &in->decided[i];
        if (!d->together)
            continue;
        enter(g, d->a);
        enter(g, d->b);
        join(g, d->a, d->b);
    }
}

static void join_along_pairs(struct grouping *g, float least_bits) {
    struct households *h = g->h;
    struct pair **order = memory_get(h->pair_count + 1, sizeof(struct pair *));
    size_t count = 0;
    for (size_t i = 0; i < h->pair_count; i++)
        if (h->inside->pairs[i].bits >= least_bits && !h->inside->pairs[i].one_person)
            order[count++] = &h->inside->pairs[i];
    qsort(order, count, sizeof *order, compare_strength);
    for (size_t i = 0; i < count; i++) {
        uint32_t a = order[i]->a, b = order[i]->b;
        enter(g, a);
        enter(g, b);
        if (g->head[a] != g->head[b] && may_join(g, a, b, least_bits))
            join(g, a, b);
    }
    free(order);
}

static void groups_of_evidence(struct households *h, double least) {
    struct grouping g = grouping_of(h);
    join_together(h->inside, &g);
    join_along_pairs(&g, (float)log2(least / (1 - least)));
    for (uint32_t c = 1; c <= h->inside->customers; c++)
        if (g.head[c] == c && g.size[c] > 1 && !all_together(h, &g, c))
            keep_group(h, &g, c, false);
    grouping_end(&g);
}

static int compare_group(const void *a, const void *b) {
    const struct household_group *x = a, *y = b;
    if (x->probability < y->probability || x->probability > y->probability)
        return x->probability > y->probability ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static int compare_crowd(const void *a, const void *b) {
    const struct household_crowd *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return compare_key(&x->key, &y->key);
}

static void count_customers(struct households *h) {
    uint8_t *seen = memory_get((size_t)h->inside->customers + 1, 1);
    for (size_t i = 0; i < h->inside->pair_key_count; i++)
        seen[h->inside->pair_keys[i].a] = seen[h->inside->pair_keys[i].b] = 1;
    for (uint32_t c = 1; c <= h->inside->customers; c++)
        h->customer_count += seen[c];
    free(seen);
}

void households_solve(struct households *h, double least) {
    assert(!h->inside->solved && least > 0 && least < 1);
    h->inside->solved = true;
    count_surnames(h->inside);
    sort_keys(h->inside);
    find_pair_keys(h);
    find_pairs(h);
    count_customers(h);
    sort_decided(h->inside);
    groups_of_evidence(h, least);
    groups_decided(h, true);
    groups_decided(h, false);
    if (h->group_count)
        qsort(h->groups, h->group_count, sizeof *h->groups, compare_group);
    if (h->crowd_count)
        qsort(h->crowds, h->crowd_count, sizeof *h->crowds, compare_crowd);
}

/* --- why --- */

bool households_explain(const struct households *h, uint32_t a, uint32_t b, struct household_score *score,
                        void (*each)(void *context, const struct household_reason *reason), void *context) {
    const struct households_inside *in = h->inside;
    const struct pair *p = find_pair(h, a, b);
    *score = (struct household_score){0};
    if (!p)
        return false;
    for (uint32_t i = p->first; i < p->first + p->count; i++) {
        const struct pair_key *k = &in->pair_keys[i];
        if (i > p->first && k->kind == in->pair_keys[i - 1].kind)
            continue;
        struct household_reason reason = {(enum household_evidence)k->kind, in->keys[k->key], k->count,
                                          (double)k->bits};
        reason.key.since_ms = k->since_ms;
        each(context, &reason);
    }
    score->surnames_known = in->surnames[a] && in->surnames[b];
    score->same_surname = score->surnames_known && in->surnames[a] == in->surnames[b];
    score->surname_bits = surname_bits(in, a, b);
    score->one_person = p->one_person;
    score->bits = (double)p->bits;
    score->probability = probability_of(score->bits);
    return true;
}
