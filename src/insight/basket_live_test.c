/* basket_live_test: after every few baskets that come, change and go, the sets are those of mining them all. */
#include "insight/basket_live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SEED 17
#define KEYS 600

struct truth { /* what should be there, by key */
    uint32_t items[KEYS][12];
    size_t counts[KEYS];
};

static void assert_same_as_mining(struct live_baskets *live, const struct truth *truth, double support,
                                  unsigned length_max) {
    struct baskets b = {0};
    struct itemsets live_sets, mined;
    struct fault fault = {0};
    for (size_t i = 0; i < KEYS; i++)
        if (truth->counts[i])
            baskets_add(&b, truth->items[i], truth->counts[i]);
    assert_int_equal(live_baskets_count(live), b.count);
    assert_int_equal(live_baskets_sets(live, &live_sets, &fault), STATUS_OK);
    assert_int_equal(
        itemsets_mine(&b,
                      &(struct itemset_options){.count_min = support_count(support, b.count), .length_max = length_max},
                      &mined, &fault),
        STATUS_OK);
    assert_int_equal(live_sets.count, mined.count);
    assert_memory_equal(live_sets.counts, mined.counts, mined.count * sizeof *mined.counts);
    assert_memory_equal(live_sets.starts, mined.starts, (mined.count + 1) * sizeof *mined.starts);
    assert_memory_equal(live_sets.items, mined.items, mined.starts[mined.count] * sizeof *mined.items);
    itemsets_release(&live_sets);
    itemsets_release(&mined);
    baskets_release(&b);
}

/* Tastes drift from one half of the items to the other, so that the border moves. */
static size_t random_basket(struct random *r, double drift, uint32_t *items) {
    size_t count = (size_t)random_between(r, 1, 10);
    for (size_t i = 0; i < count; i++)
        items[i] = (uint32_t)(random_below(r, 6) * random_below(r, 6) / 3 + (random_chance(r, drift) ? 10 : 0));
    return count;
}

static void sets_stay_those_of_mining_all(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    uint64_t delta_mined = 0, served = 0, mined = 0;
    for (unsigned round = 0; round < 6; round++) {
        static struct truth truth;
        double support = 0.02 + 0.1 * random_unit(&r);
        unsigned length_max = round % 2 ? 4 : 0;
        memset(&truth, 0, sizeof truth);
        struct live_baskets *live =
            live_baskets_create(&(struct live_options){.support_min = support, .length_max = length_max, .workers = 1});
        for (unsigned i = 0; i < 900; i++) {
            size_t key = i < KEYS && random_chance(&r, 0.9) ? i : random_below(&r, KEYS);
            truth.counts[key] = random_chance(&r, 0.1) ? 0 : random_basket(&r, i / 900.0, truth.items[key]);
            live_baskets_put(live, key, truth.items[key], truth.counts[key]);
            if (random_chance(&r, 0.1))
                assert_same_as_mining(live, &truth, support, length_max);
        }
        struct live_counters c = live_baskets_counters(live);
        delta_mined += c.delta_mined;
        served += c.served;
        mined += c.mined;
        live_baskets_free(live);
    }
    assert_true(delta_mined > 0);             /* the way over the new ones alone was taken, */
    assert_true(mined > 0 && mined < served); /* and mining all again, but not each time */
}

static void nothing_is_nothing(void **state) {
    (void)state;
    struct itemsets sets;
    struct live_baskets *live = live_baskets_create(&(struct live_options){.support_min = 0.1});
    live_baskets_put(live, 7, NULL, 0);
    assert_int_equal(live_baskets_sets(live, &sets, NULL), STATUS_OK);
    assert_int_equal(sets.count, 0);
    itemsets_release(&sets);
    live_baskets_free(live);
    assert_int_equal(support_count(0.01, 100000), 1000);
    assert_int_equal(support_count(0.001, 9835), 10);
    assert_int_equal(support_count(0.5, 0), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_stay_those_of_mining_all),
        cmocka_unit_test(nothing_is_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
