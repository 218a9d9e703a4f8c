/* itemset: see itemset.h.
 *
 * Eclat (Zaki 2000) with a projection in front. Items are ranked by how often they are bought, rarest first. A set belongs to its rarest item: the
 * sets that begin with item i lie within the baskets of i, of which there are few just because i is rare. So for each i those
 * baskets become a small matrix of bits: a row for each more frequent item that is often enough together with i, a column for each basket of i. From
 * there on a set is an AND of rows and a count of bits: at 1,000 baskets sixteen words.
 *
 * On paper, for 100,000 baskets of ten items: making the lists 5 million steps, about 10 ms; the matrices as many bits set again; the
 * ANDs some million words. Items i are independent, so workers take them one by one; each item's sets go to a list of its own, and the
 * lists are put one behind the other by item. */
#include "insight/itemset.h"

#include <assert.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "language/workers.h"

/* --- baskets --- */

static int by_number(const void *a, const void *b) {
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

void baskets_add(struct baskets *b, const uint32_t *items, size_t count) {
    if (b->count + 2 > b->basket_capacity) {
        b->basket_capacity = b->basket_capacity ? b->basket_capacity * 2 : 1024;
        b->starts = memory_resize(b->starts, b->basket_capacity, sizeof *b->starts);
        b->starts[0] = 0;
    }
    uint64_t start = b->starts[b->count], end = start;
    b->starts[++b->count] = end;
    if (count == 0)
        return;
    if (start + count > b->item_capacity) {
        b->item_capacity = (start + count) * 2 + 1024;
        b->items = memory_resize(b->items, b->item_capacity, sizeof *b->items);
    }
    memcpy(b->items + start, items, count * sizeof *items);
    qsort(b->items + start, count, sizeof *b->items, by_number);
    for (uint64_t i = start; i < start + count; i++)
        if (end == start || b->items[end - 1] != b->items[i])
            b->items[end++] = b->items[i];
    if (b->items[end - 1] >= b->item_count)
        b->item_count = b->items[end - 1] + 1;
    b->starts[b->count] = end;
}

void baskets_release(struct baskets *b) {
    free(b->items);
    free(b->starts);
    *b = (struct baskets){0};
}

/* --- a growing list of sets --- */

struct found { /* sets one behind the other: length, count, items */
    uint32_t *words;
    size_t size, capacity, sets, items;
};

static void found_add(struct found *f, const uint32_t *items, unsigned length, uint32_t count) {
    if (f->size + length + 2 > f->capacity) {
        f->capacity = f->capacity * 2 + 256;
        f->words = memory_resize(f->words, f->capacity, sizeof *f->words);
    }
    f->words[f->size++] = length;
    f->words[f->size++] = count;
    memcpy(f->words + f->size, items, length * sizeof *items);
    f->size += length;
    f->sets++;
    f->items += length;
}

/* --- mining --- */

#define BASKET_END UINT32_MAX

struct mine {
    const struct itemset_options *options;
    const struct baskets *baskets;
    uint32_t frequent;   /* how many items are */
    uint32_t *item_of;   /* by rank */
    uint32_t *counts;    /* by rank */
    uint32_t *ranks;     /* baskets again, as ranks of frequent items, ascending; BASKET_END behind each */
    uint64_t *at;        /* by rank: where its list starts in `places` */
    uint32_t *places;    /* of each rank in baskets: index into ranks, just behind it */
    struct found *found; /* by rank */
    atomic_uint next;
    atomic_size_t total;
    unsigned length_max;
    size_t most;
};

/* One item's sets, one worker's tools. */
struct hunt {
    struct mine *mine;
    struct found *found;
    uint32_t prefix[ITEMSET_LENGTH_MAX];
    uint32_t *tally;  /* by rank; all zero between items */
    uint32_t *row_of; /* by rank */
    uint32_t *rest;   /* what follows the item in hand in its baskets */
    size_t rest_capacity;
    struct level {
        uint64_t *bits;
        uint32_t *ranks, *counts;
        size_t capacity, row_capacity;
    } levels[ITEMSET_LENGTH_MAX];
    size_t words; /* of a row */
};

static bool ended(const struct mine *m) {
    return (m->options->stop && *m->options->stop) || atomic_load_explicit(&m->total, memory_order_relaxed) > m->most;
}

static void level_room(struct level *l, size_t rows, size_t words) {
    if (rows > l->row_capacity) {
        l->row_capacity = rows * 2;
        l->ranks = memory_resize(l->ranks, l->row_capacity, sizeof *l->ranks);
        l->counts = memory_resize(l->counts, l->row_capacity, sizeof *l->counts);
    }
    if (rows * words > l->capacity) {
        l->capacity = rows * words * 2;
        l->bits = memory_resize(l->bits, l->capacity, sizeof *l->bits);
    }
}

static void emit(struct hunt *h, unsigned length, uint32_t count) {
    uint32_t items[ITEMSET_LENGTH_MAX];
    for (unsigned i = 0; i < length; i++)
        items[i] = h->mine->item_of[h->prefix[i]];
    qsort(items, length, sizeof *items, by_number);
    found_add(h->found, items, length, count);
}

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && !defined(__clang__)
__attribute__((target_clones("arch=icelake-server", "avx2", "default")))
#endif
static uint32_t
and_count(const uint64_t *restrict a, const uint64_t *restrict b, uint64_t *restrict out, size_t words) {
    uint64_t count = 0;
    for (size_t i = 0; i < words; i++) {
        out[i] = a[i] & b[i];
        count += (uint64_t)__builtin_popcountll(out[i]);
    }
    return (uint32_t)count;
}

/* Level `depth` holds `rows` rows: what may follow prefix[0 .. depth]. Each in turn becomes part of the prefix, and the rows after it are ANDed with it. */
static void go_deeper(struct hunt *h, unsigned depth, size_t rows) {
    struct level *l = &h->levels[depth], *next = &h->levels[depth + 1];
    for (size_t i = 0; i < rows && !ended(h->mine); i++) {
        h->prefix[depth + 1] = l->ranks[i];
        emit(h, depth + 2, l->counts[i]);
        if (depth + 3 > h->mine->length_max || i + 1 == rows)
            continue;
        level_room(next, rows - i - 1, h->words);
        size_t kept = 0;
        for (size_t k = i + 1; k < rows; k++) {
            uint32_t count =
                and_count(l->bits + i * h->words, l->bits + k * h->words, next->bits + kept * h->words, h->words);
            next->ranks[kept] = l->ranks[k];
            next->counts[kept] = count;
            kept += count >= h->mine->options->count_min;
        }
        if (kept)
            go_deeper(h, depth + 1, kept);
    }
    atomic_fetch_add_explicit(&h->mine->total, rows, memory_order_relaxed);
}

/* The matrix of item `rank`: rows in h->levels[0]; returns how many. What follows the item in its baskets is copied out once, so that it is read
 * in order the second time. */
static size_t project(struct hunt *h, uint32_t rank) {
    const struct mine *m = h->mine;
    struct level *l = &h->levels[0];
    uint64_t from = m->at[rank], to = m->at[rank + 1];
    size_t rows = 0, candidates = 0, size = 0;
    for (uint64_t i = from; i < to; i++) {
        const uint32_t *rest = m->ranks + m->places[i];
        size_t count = 0;
        for (; rest[count] != BASKET_END; count++)
            candidates += h->tally[rest[count]]++ == 0;
        if (size + count + 1 > h->rest_capacity) {
            h->rest_capacity = (size + count + 1) * 2;
            h->rest = memory_resize(h->rest, h->rest_capacity, sizeof *h->rest);
        }
        memcpy(h->rest + size, rest, (count + 1) * sizeof *rest);
        size += count + 1;
    }
    level_room(l, candidates ? candidates : 1, 0);
    for (uint32_t r = rank + 1; r < m->frequent; r++) {
        h->row_of[r] = UINT32_MAX;
        if (h->tally[r] >= m->options->count_min) {
            l->ranks[rows] = r;
            l->counts[rows] = h->tally[r];
            h->row_of[r] = (uint32_t)rows++;
        }
        h->tally[r] = 0;
    }
    h->words = (to - from + 63) / 64;
    if (rows < 2 || m->length_max < 3)
        return rows;
    level_room(l, rows, h->words);
    memset(l->bits, 0, rows * h->words * sizeof *l->bits);
    for (size_t i = 0, column = 0; i < size; i++) {
        uint32_t row = h->rest[i] == BASKET_END ? UINT32_MAX : h->row_of[h->rest[i]];
        if (row != UINT32_MAX)
            l->bits[row * h->words + column / 64] |= 1ull << (column % 64);
        column += h->rest[i] == BASKET_END;
    }
    return rows;
}

static void hunt(void *context, unsigned number) {
    struct mine *m = context;
    struct hunt h = {.mine = m};
    (void)number;
    h.tally = memory_get(m->frequent + 1, sizeof *h.tally);
    h.row_of = memory_get(m->frequent + 1, sizeof *h.row_of);
    for (uint32_t rank; (rank = atomic_fetch_add(&m->next, 1)) < m->frequent && !ended(m);) {
        h.found = &m->found[rank];
        h.prefix[0] = rank;
        emit(&h, 1, m->counts[rank]);
        size_t rows = m->length_max > 1 ? project(&h, rank) : 0;
        if (rows)
            go_deeper(&h, 0, rows);
    }
    for (unsigned i = 0; i < ITEMSET_LENGTH_MAX; i++) {
        free(h.levels[i].bits);
        free(h.levels[i].ranks);
        free(h.levels[i].counts);
    }
    free(h.tally);
    free(h.row_of);
    free(h.rest);
}

/* --- ranks --- */

struct often {
    uint32_t item, count;
};

static int rarest_first(const void *a, const void *b) {
    const struct often *p = a, *q = b;
    if (p->count != q->count)
        return p->count < q->count ? -1 : 1;
    return (p->item > q->item) - (p->item < q->item);
}

/* Fills item_of and counts; returns the rank of each item, UINT32_MAX where it is not frequent. */
static uint32_t *rank_items(struct mine *m) {
    const struct baskets *b = m->baskets;
    struct often *often = memory_get(b->item_count + 1, sizeof *often);
    uint32_t *rank_of = memory_get(b->item_count + 1, sizeof *rank_of);
    for (uint32_t i = 0; i < b->item_count; i++)
        often[i].item = i;
    for (uint64_t i = 0; b->count && i < b->starts[b->count]; i++)
        often[b->items[i]].count++;
    qsort(often, b->item_count, sizeof *often, rarest_first);
    m->item_of = memory_get(b->item_count + 1, sizeof *m->item_of);
    m->counts = memory_get(b->item_count + 1, sizeof *m->counts);
    for (uint32_t i = 0; i < b->item_count; i++) {
        bool frequent = often[i].count >= m->options->count_min;
        rank_of[often[i].item] = frequent ? m->frequent : UINT32_MAX;
        if (frequent) {
            m->item_of[m->frequent] = often[i].item;
            m->counts[m->frequent++] = often[i].count;
        }
    }
    free(often);
    return rank_of;
}

/* A basket's ranks are few: put in order by insertion. */
static void sort_ranks(uint32_t *ranks, size_t count) {
    if (count > 64) { /* and so never an empty basket */
        qsort(ranks, count, sizeof *ranks, by_number);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        uint32_t rank = ranks[i];
        size_t k = i;
        for (; k > 0 && ranks[k - 1] > rank; k--)
            ranks[k] = ranks[k - 1];
        ranks[k] = rank;
    }
}

/* Baskets as ranks, and for each rank the places where it stands. */
static void lay_out(struct mine *m, const uint32_t *rank_of) {
    const struct baskets *b = m->baskets;
    uint64_t size = 0, all = 0, *fill = memory_get(m->frequent + 1, sizeof *fill);
    m->at = memory_get(m->frequent + 1, sizeof *m->at);
    for (uint32_t r = 0; r < m->frequent; r++) {
        m->at[r + 1] = (fill[r] = m->at[r]) + m->counts[r];
        all += m->counts[r];
    }
    m->ranks = memory_get(all + b->count + 1, sizeof *m->ranks);
    m->places = memory_get(all + 1, sizeof *m->places);
    for (size_t i = 0; i < b->count; i++) {
        uint64_t start = size;
        for (uint64_t k = b->starts[i]; k < b->starts[i + 1]; k++)
            if (rank_of[b->items[k]] != UINT32_MAX)
                m->ranks[size++] = rank_of[b->items[k]];
        sort_ranks(m->ranks + start, size - start);
        for (uint64_t k = start; k < size; k++)
            m->places[fill[m->ranks[k]]++] = (uint32_t)k + 1;
        m->ranks[size++] = BASKET_END;
    }
    free(fill);
}

/* --- gathering --- */

struct found_set {
    const uint32_t *items;
    uint32_t length, count;
};

static int by_length_and_items(const void *a, const void *b) {
    const struct found_set *p = a, *q = b;
    if (p->length != q->length)
        return p->length < q->length ? -1 : 1;
    for (uint32_t i = 0; i < p->length; i++)
        if (p->items[i] != q->items[i])
            return p->items[i] < q->items[i] ? -1 : 1;
    return 0;
}

/* Sorts them and copies them, of `items` items together, into `out`. Takes `found`. */
static void lay_sorted(struct found_set *found, size_t count, size_t items, struct itemsets *out) {
    qsort(found, count, sizeof *found, by_length_and_items);
    out->items = memory_get(items + 1, sizeof *out->items);
    out->starts = memory_get(count + 1, sizeof *out->starts);
    out->counts = memory_get(count + 1, sizeof *out->counts);
    out->count = count;
    for (size_t i = 0; i < count; i++) {
        memcpy(out->items + out->starts[i], found[i].items, found[i].length * sizeof *out->items);
        out->starts[i + 1] = out->starts[i] + found[i].length;
        out->counts[i] = found[i].count;
    }
    free(found);
    itemsets_index(out);
}

static void gather(const struct mine *m, struct itemsets *out) {
    size_t sets = 0, items = 0, n = 0;
    for (uint32_t r = 0; r < m->frequent; r++) {
        sets += m->found[r].sets;
        items += m->found[r].items;
    }
    struct found_set *found = memory_get(sets + 1, sizeof *found);
    for (uint32_t r = 0; r < m->frequent; r++) {
        const uint32_t *words = m->found[r].words; /* length, count, items; and so on */
        for (size_t i = 0; i < m->found[r].size; i += words[i] + 2)
            found[n++] = (struct found_set){words + i + 2, words[i], words[i + 1]};
    }
    assert(n == sets && items < UINT32_MAX);
    lay_sorted(found, sets, items, out);
}

void itemsets_sort(struct itemsets *s) {
    uint32_t *items = s->items, *starts = s->starts, *counts = s->counts;
    struct found_set *found = memory_get(s->count + 1, sizeof *found);
    for (size_t i = 0; i < s->count; i++)
        found[i] = (struct found_set){itemset_items(s, i), itemset_length(s, i), counts[i]};
    lay_sorted(found, s->count, starts[s->count], s);
    free(items);
    free(starts);
    free(counts);
}

static void mine_release(struct mine *m) {
    for (uint32_t r = 0; m->found && r < m->frequent; r++)
        free(m->found[r].words);
    free(m->found);
    free(m->item_of);
    free(m->counts);
    free(m->ranks);
    free(m->at);
    free(m->places);
}

enum status itemsets_mine(const struct baskets *baskets, const struct itemset_options *options, struct itemsets *out,
                          struct fault *fault) {
    struct mine m = {.options = options, .baskets = baskets, .most = options->most ? options->most : ITEMSETS_MAX};
    enum status status = STATUS_OK;
    assert(options->count_min >= 1 && baskets->count < UINT32_MAX);
    m.length_max = options->length_max && options->length_max < ITEMSET_LENGTH_MAX - 2 ? options->length_max
                                                                                       : ITEMSET_LENGTH_MAX - 2;
    *out = (struct itemsets){.basket_count = baskets->count, .item_count = baskets->item_count};
    if (baskets->count && baskets->starts[baskets->count] + baskets->count >= UINT32_MAX)
        return fault_set(fault, STATUS_TOO_LARGE,
                         "more than %u items in all baskets: take fewer, by population or period", UINT32_MAX);
    uint32_t *rank_of = rank_items(&m);
    lay_out(&m, rank_of);
    free(rank_of);
    m.found = memory_get(m.frequent + 1, sizeof *m.found);
    workers_run(options->workers, hunt, &m);
    if (options->stop && *options->stop)
        status = fault_set(fault, STATUS_CLOSED, "stopped on request");
    else if (atomic_load(&m.total) > m.most)
        status = fault_set(
            fault, STATUS_TOO_LARGE,
            "more than %zu sets of items are in %u or more baskets: raise the support, or the longest set lower",
            m.most, options->count_min);
    else
        gather(&m, out);
    mine_release(&m);
    return status;
}

void itemsets_release(struct itemsets *s) {
    free(s->items);
    free(s->starts);
    free(s->counts);
    free(s->slots);
    *s = (struct itemsets){0};
}

/* --- finding a set: by the sum of its items' hashes, so that leaving an item out is a subtraction --- */

static uint64_t item_hash(uint32_t item) { return hash_mix(item + 1ull) | 1; }

static uint64_t set_hash(const uint32_t *items, size_t count) {
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++)
        hash += item_hash(items[i]);
    return hash;
}

void itemsets_index(struct itemsets *s) {
    s->slot_count = 16;
    while (s->slot_count < s->count * 2)
        s->slot_count *= 2;
    s->slots = memory_get(s->slot_count, sizeof *s->slots);
    for (size_t i = 0; i < s->count; i++) {
        size_t slot = hash_mix(set_hash(itemset_items(s, i), itemset_length(s, i))) & (s->slot_count - 1);
        while (s->slots[slot])
            slot = (slot + 1) & (s->slot_count - 1);
        s->slots[slot] = (uint32_t)i + 1;
    }
}

/* Whether set `i` is `items` without the one at `left_out`; count is that of `items`. */
static bool is_without(const struct itemsets *s, uint32_t i, const uint32_t *items, size_t count, size_t left_out) {
    const uint32_t *set = itemset_items(s, i);
    if (itemset_length(s, i) != count - (left_out < count))
        return false;
    for (size_t k = 0, n = 0; k < count; k++)
        if (k != left_out && set[n++] != items[k])
            return false;
    return true;
}

static bool find_without(const struct itemsets *s, const uint32_t *items, size_t count, size_t left_out, uint64_t hash,
                         uint32_t *number) {
    size_t slot = hash_mix(hash) & (s->slot_count - 1);
    for (; s->slots[slot]; slot = (slot + 1) & (s->slot_count - 1))
        if (is_without(s, s->slots[slot] - 1, items, count, left_out)) {
            *number = s->slots[slot] - 1;
            return true;
        }
    return false;
}

bool itemsets_find(const struct itemsets *s, const uint32_t *items, size_t count, uint32_t *number) {
    return s->slot_count && find_without(s, items, count, SIZE_MAX, set_hash(items, count), number);
}

/* --- rules --- */

static int best_first(const void *a, const void *b) {
    const struct rule *p = a, *q = b;
    double lift_p = (double)p->both / ((double)p->left_count * p->right_count);
    double lift_q = (double)q->both / ((double)q->left_count * q->right_count);
    if (lift_p != lift_q)
        return lift_p > lift_q ? -1 : 1;
    uint64_t confidence_p = (uint64_t)p->both * q->left_count, confidence_q = (uint64_t)q->both * p->left_count;
    if (confidence_p != confidence_q)
        return confidence_p > confidence_q ? -1 : 1;
    if (p->both != q->both)
        return p->both > q->both ? -1 : 1;
    if (p->set != q->set)
        return p->set < q->set ? -1 : 1;
    return (p->right > q->right) - (p->right < q->right);
}

struct rule_list {
    struct rule *rules;
    size_t count, capacity;
};

static void rules_of_set(const struct itemsets *s, uint32_t set, const struct rule_options *o, struct rule_list *list) {
    const uint32_t *items = itemset_items(s, set);
    uint32_t length = itemset_length(s, set), both = s->counts[set];
    uint64_t hash = set_hash(items, length);
    for (uint32_t i = 0; i < length; i++) {
        uint32_t left = 0, right = 0;
        bool found = length == 1 || find_without(s, items, length, i, hash - item_hash(items[i]), &left);
        found = itemsets_find(s, &items[i], 1, &right) && found;
        assert(found); /* what is in many baskets has its parts in as many */
        struct rule rule = {set, items[i], both, length == 1 ? (uint32_t)s->basket_count : s->counts[left],
                            s->counts[right]};
        /* A share is compared as counts, with room for a bound's own rounding (0.8 is not a double). */
        if ((double)both < o->confidence_min * rule.left_count - 1e-9 * rule.left_count ||
            (double)both * (double)s->basket_count < o->lift_min * rule.left_count * rule.right_count * (1 - 1e-12))
            continue;
        if (list->count == list->capacity) {
            list->capacity = list->capacity * 2 + 64;
            list->rules = memory_resize(list->rules, list->capacity, sizeof *list->rules);
        }
        list->rules[list->count++] = rule;
    }
}

enum status rules_find(const struct itemsets *s, const struct rule_options *o, struct rule **rules, size_t *count,
                       struct fault *fault) {
    struct rule_list list = {memory_get(1, sizeof *list.rules), 0, 1};
    const unsigned least = o->length_min ? o->length_min : 2,
                   longest = o->length_max ? o->length_max : ITEMSET_LENGTH_MAX;
    const size_t most = o->most ? o->most : RULES_MAX;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < s->count && !status; i++) {
        if (itemset_length(s, i) >= least && itemset_length(s, i) <= longest)
            rules_of_set(s, i, o, &list);
        if (o->stop && *o->stop)
            status = fault_set(fault, STATUS_CLOSED, "stopped on request");
        else if (list.count > most)
            status =
                fault_set(fault, STATUS_TOO_LARGE,
                          "more than %zu rules follow from %zu sets: raise the confidence, the lift or the support",
                          most, s->count);
    }
    if (status) {
        free(list.rules);
        return status;
    }
    qsort(list.rules, list.count, sizeof *list.rules, best_first);
    *rules = list.rules;
    *count = list.count;
    return STATUS_OK;
}

struct rule_measures rule_measures(const struct rule *r, size_t basket_count) {
    double n = (double)basket_count, both = r->both / n, left = r->left_count / n, right = r->right_count / n;
    struct rule_measures m = {.support = both,
                              .confidence = both / left,
                              .lift = both / (left * right),
                              .leverage = both - left * right,
                              .coverage = left};
    m.conviction = r->both == r->left_count ? (double)INFINITY : (1 - right) / (1 - m.confidence);
    double spread = left * (1 - left) * right * (1 - right);
    m.p_value = spread > 0 ? erfc(fabs(m.leverage) * sqrt(n / spread) * M_SQRT1_2) : 1;
    return m;
}
