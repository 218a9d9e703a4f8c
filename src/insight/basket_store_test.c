/* basket_store_test: asked again and again while orders come, change and go, the store gives what mining gives, byte for byte. */
#include "insight/basket_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SEED 29
#define CUSTOMERS 60
#define ORDERS 8

struct shop {
    uint32_t items[CUSTOMERS][ORDERS][6];
    size_t counts[CUSTOMERS][ORDERS], orders[CUSTOMERS];
    char names[20][8];
    struct slice texts[20];
};

static void change(struct shop *s, struct random *r) {
    size_t c = random_below(r, CUSTOMERS);
    if (random_chance(r, 0.1)) { /* erased, or merged into another */
        s->orders[c] = 0;
        return;
    }
    size_t o = s->orders[c] < ORDERS && random_chance(r, 0.7) ? s->orders[c]++
               : s->orders[c]                                 ? random_below(r, s->orders[c])
                                                              : 0;
    s->orders[c] = s->orders[c] ? s->orders[c] : 1;
    s->counts[c][o] = random_below(r, 6);
    for (size_t i = 0; i < s->counts[c][o]; i++)
        s->items[c][o][i] = (uint32_t)(random_below(r, 5) * random_below(r, 5));
}

/* As orders_read gives them: items numbered by text among those that occur. */
static void make_orders(const struct shop *s, struct orders *o, struct slice *texts, uint32_t *text_count) {
    uint32_t now[20] = {0}, used = 0;
    *o = (struct orders){0};
    o->customers = memory_get(CUSTOMERS, sizeof *o->customers);
    o->customer_starts = memory_get(CUSTOMERS + 1, sizeof *o->customer_starts);
    o->item_starts = memory_get(CUSTOMERS * ORDERS + 1, sizeof *o->item_starts);
    o->items = memory_get(CUSTOMERS * ORDERS * 6, sizeof *o->items);
    for (size_t c = 0; c < CUSTOMERS; c++)
        for (size_t k = 0; k < s->orders[c]; k++)
            for (size_t i = 0; i < s->counts[c][k]; i++)
                now[s->items[c][k][i]] = 1;
    for (uint32_t i = 0; i < 20; i++)
        if (now[i]) {
            texts[used] = s->texts[i];
            now[i] = used++;
        }
    *text_count = used;
    for (size_t c = 0; c < CUSTOMERS; c++) {
        if (s->orders[c] == 0)
            continue;
        for (size_t k = 0; k < s->orders[c]; k++) {
            uint64_t at = o->item_starts[o->order_count];
            for (size_t i = 0; i < s->counts[c][k]; i++)
                o->items[at++] = now[s->items[c][k][i]];
            o->item_starts[++o->order_count] = at;
        }
        o->customers[o->customer_count++] = (uint32_t)c + 1;
        o->customer_starts[o->customer_count] = o->order_count;
    }
}

static void release(struct orders *o) {
    free(o->customers);
    free(o->customer_starts);
    free(o->item_starts);
    free(o->items);
}

static void assert_same(const struct itemsets *a, const struct itemsets *b) {
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->basket_count, b->basket_count);
    assert_memory_equal(a->counts, b->counts, a->count * sizeof *a->counts);
    assert_memory_equal(a->starts, b->starts, (a->count + 1) * sizeof *a->starts);
    assert_memory_equal(a->items, b->items, a->starts[a->count] * sizeof *a->items);
}

static void kept_counts_give_what_mining_gives(void **state) {
    (void)state;
    static struct shop s;
    struct random r;
    random_init(&r, SEED);
    basket_store_clear();
    for (unsigned i = 0; i < 20; i++) {
        snprintf(s.names[i], sizeof s.names[i], "i%02u", i);
        s.texts[i] = slice_text(s.names[i]);
    }
    for (unsigned round = 0; round < 120; round++) {
        struct orders o;
        struct slice texts[20];
        uint32_t text_count;
        char other[32];
        struct itemsets kept, mined;
        for (unsigned i = 0; i < 12; i++)
            change(&s, &r);
        make_orders(&s, &o, texts, &text_count);
        snprintf(other, sizeof other, "never asked before %u", round);
        struct basket_question q = {.key = SLICE("again"), .support = 0.06, .workers = 1}, fresh = q;
        fresh.key = slice_text(other);
        assert_int_equal(basket_sets(&q, &o, texts, text_count, &kept, NULL), STATUS_OK);
        assert_int_equal(basket_sets(&fresh, &o, texts, text_count, &mined, NULL), STATUS_OK);
        assert_same(&kept, &mined);
        itemsets_release(&kept);
        itemsets_release(&mined);
        release(&o);
    }
    struct basket_store_counters c = basket_store_counters();
    assert_int_equal(c.kept, 119);
    assert_int_equal(c.mined, 121);
    assert_true(c.taken_in < 119 * 40); /* what changed, not everything each time */
    basket_store_clear();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(kept_counts_give_what_mining_gives)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
