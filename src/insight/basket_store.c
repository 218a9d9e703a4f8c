/* basket_store: see basket_store.h. */
#include "insight/basket_store.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"

/* What was taken in of an order: it is the n-th of its customer. */
struct known {
    uint64_t key;  /* customer << 32 | n, + 1; 0: free */
    uint64_t hash; /* of its items */
    uint32_t round;
};

struct kept {
    char *key;
    size_t key_size;
    double support;
    unsigned length_max;
    uint64_t used;             /* when last asked for */
    struct live_baskets *live; /* NULL: asked for once */
    struct texts texts;        /* of items, numbered as they came */
    struct known *known;
    size_t known_count, slot_count;
    uint32_t round;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kept store[STORE_MAX];
static struct basket_store_counters counters;
static uint64_t clock_of_use;

static void forget(struct kept *k) {
    free(k->key);
    live_baskets_free(k->live);
    texts_release(&k->texts);
    free(k->known);
    *k = (struct kept){0};
}

void basket_store_clear(void) {
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < STORE_MAX; i++)
        forget(&store[i]);
    counters = (struct basket_store_counters){0};
    pthread_mutex_unlock(&lock);
}

struct basket_store_counters basket_store_counters(void) {
    pthread_mutex_lock(&lock);
    struct basket_store_counters c = counters;
    pthread_mutex_unlock(&lock);
    return c;
}

/* --- mining --- */

static enum status mine(const struct basket_question *q, const struct orders *o, uint32_t item_count,
                        struct itemsets *out, struct fault *fault) {
    struct baskets b = {0};
    for (size_t i = 0; i < o->order_count; i++)
        if (o->item_starts[i + 1] > o->item_starts[i])
            baskets_add(&b, o->items + o->item_starts[i], o->item_starts[i + 1] - o->item_starts[i]);
    b.item_count = item_count;
    enum status status = itemsets_mine(&b,
                                       &(struct itemset_options){.count_min = support_count(q->support, b.count),
                                                                 .length_max = q->length_max,
                                                                 .workers = q->workers,
                                                                 .stop = q->stop},
                                       out, fault);
    baskets_release(&b);
    return status;
}

/* --- from counts --- */

static struct known *known_of(struct kept *k, uint64_t key) {
    if ((k->known_count + 1) * 2 > k->slot_count) {
        struct known *old = k->known;
        size_t old_count = k->slot_count;
        k->slot_count = old_count ? old_count * 2 : 4096;
        k->known = memory_get(k->slot_count, sizeof *k->known);
        for (size_t i = 0; i < old_count; i++)
            if (old[i].key)
                *known_of(k, old[i].key) = old[i];
        free(old);
    }
    size_t at = hash_mix(key) & (k->slot_count - 1);
    while (k->known[at].key && k->known[at].key != key)
        at = (at + 1) & (k->slot_count - 1);
    return &k->known[at];
}

static int by_number(const void *a, const void *b) {
    uint32_t p = *(const uint32_t *)a, q = *(const uint32_t *)b;
    return (p > q) - (p < q);
}

static void take_in(struct kept *k, uint64_t key, uint32_t *items, size_t count) {
    qsort(items, count, sizeof *items, by_number);
    uint64_t hash = hash_bytes(slice_of(items, count * sizeof *items), count);
    struct known *known = known_of(k, key);
    if (known->key == 0) {
        known->key = key;
        k->known_count++;
    } else if (known->hash == hash && known->round) {
        known->round = k->round;
        return;
    }
    known->hash = hash;
    known->round = k->round;
    live_baskets_put(k->live, key, items, count);
    counters.taken_in++;
}

/* Orders that were not met this time are gone. */
static void drop_gone(struct kept *k) {
    for (size_t i = 0; i < k->slot_count; i++)
        if (k->known[i].key && k->known[i].round && k->known[i].round != k->round) {
            k->known[i].round = 0;
            live_baskets_put(k->live, k->known[i].key, NULL, 0);
            counters.taken_in++;
        }
}

static void take_in_all(struct kept *k, const struct orders *o, const uint32_t *number_of) {
    uint32_t *items = NULL;
    size_t capacity = 0;
    k->round++;
    for (size_t c = 0; c < o->customer_count; c++)
        for (uint64_t i = o->customer_starts[c]; i < o->customer_starts[c + 1]; i++) {
            size_t count = o->item_starts[i + 1] - o->item_starts[i];
            if (count == 0)
                continue;
            if (count > capacity)
                items = memory_resize(items, capacity = count * 2, sizeof *items);
            for (size_t n = 0; n < count; n++)
                items[n] = number_of[o->items[o->item_starts[i] + n]];
            take_in(k, ((uint64_t)o->customers[c] << 32 | (i - o->customer_starts[c])) + 1, items, count);
        }
    drop_gone(k);
    free(items);
}

/* The sets in the caller's numbers, in the order mining gives them. */
static void renumber(struct itemsets *sets, const uint32_t *back, uint32_t item_count) {
    for (size_t i = 0; i < sets->count; i++) {
        uint32_t *set = sets->items + sets->starts[i], length = itemset_length(sets, i);
        for (uint32_t n = 0; n < length; n++)
            set[n] = back[set[n]];
        qsort(set, length, sizeof *set, by_number);
    }
    free(sets->slots);
    sets->item_count = item_count;
    itemsets_sort(sets);
}

static enum status from_counts(struct kept *k, const struct orders *o, const struct slice *texts, uint32_t item_count,
                               struct itemsets *out, struct fault *fault) {
    uint32_t *number_of = memory_get((size_t)item_count + 1, sizeof *number_of);
    for (uint32_t i = 0; i < item_count; i++)
        number_of[i] = texts_number(&k->texts, texts[i]);
    take_in_all(k, o, number_of);
    enum status status = live_baskets_sets(k->live, out, fault);
    if (!status) {
        uint32_t *back = memory_get((size_t)k->texts.count + 1, sizeof *back);
        for (uint32_t i = 0; i < item_count; i++)
            back[number_of[i]] = i;
        renumber(out, back, item_count);
        counters.kept++;
        free(back);
    }
    free(number_of);
    return status;
}

/* --- which are kept --- */

static struct kept *find(const struct basket_question *q, bool *again) {
    struct kept *oldest = &store[0];
    *again = true;
    for (unsigned i = 0; i < STORE_MAX; i++) {
        struct kept *k = &store[i];
        if (k->key && slice_equal(slice_of(k->key, k->key_size), q->key) && k->support == q->support &&
            k->length_max == q->length_max)
            return k;
        if (k->used < oldest->used)
            oldest = k;
    }
    *again = false;
    forget(oldest);
    oldest->key = memory_text(q->key);
    oldest->key_size = q->key.size;
    oldest->support = q->support;
    oldest->length_max = q->length_max;
    return oldest;
}

enum status basket_sets(const struct basket_question *q, const struct orders *o, const struct slice *items,
                        uint32_t item_count, struct itemsets *out, struct fault *fault) {
    enum status status = STATUS_OK;
    bool again, from_store = false;
    if (o->order_count <= STORE_ORDERS_MAX && item_count < TEXTS_MAX && pthread_mutex_trylock(&lock) == 0) {
        struct kept *k = find(q, &again);
        k->used = ++clock_of_use;
        if (again && !k->live)
            k->live = live_baskets_create(
                &(struct live_options){.support_min = q->support, .length_max = q->length_max, .workers = q->workers});
        from_store = again;
        if (from_store)
            status = from_counts(k, o, items, item_count, out, fault);
        if (status || k->texts.count > TEXTS_MAX / 2)
            forget(k);
        counters.mined += !from_store;
        pthread_mutex_unlock(&lock);
    }
    return from_store ? status : mine(q, o, item_count, out, fault);
}
