/* household: evidence adds up as the header says, crowds are none, decisions hold, and no order of telling matters. */
#include "network/household.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/random.h"

static void share(struct households *h, enum household_evidence kind, uint64_t hash, uint32_t customer, int64_t since) {
    households_share(
        h, &(struct household_key){.kind = (uint8_t)kind, .hash = hash, .customer = customer, .since_ms = since});
}

static const struct household_group *group_of(const struct households *h, uint32_t customer, bool decided) {
    for (size_t i = 0; i < h->group_count; i++)
        for (uint32_t k = 0; k < h->groups[i].count; k++)
            if (h->members[h->groups[i].first + k] == customer && h->groups[i].decided == decided)
                return &h->groups[i];
    return NULL;
}

struct told {
    struct household_reason reasons[HOUSEHOLD_EVIDENCES];
    size_t count;
};
static void tell(void *context, const struct household_reason *reason) {
    struct told *t = context;
    t->reasons[t->count++] = *reason;
}

static void test_score(void **state) {
    (void)state;
    struct households *h = households_create(10);
    struct household_score score;
    struct told told = {0};
    share(h, HOUSEHOLD_ADDRESS, 77, 1, 100);
    share(h, HOUSEHOLD_ADDRESS, 77, 2, 300);
    share(h, HOUSEHOLD_ADDRESS, 77, 2, 250);
    share(h, HOUSEHOLD_ADDRESS, 78, 1, 100); /* a second address counts for nothing */
    share(h, HOUSEHOLD_ADDRESS, 78, 2, 100);
    share(h, HOUSEHOLD_DEVICE, 5, 1, 10);
    share(h, HOUSEHOLD_DEVICE, 5, 2, 20);
    share(h, HOUSEHOLD_DEVICE, 5, 3, 30);
    for (uint32_t c = 1; c <= 10; c++)
        households_surname(h, c, c <= 2 ? SLICE("li") : SLICE("wang"));
    households_solve(h, 0.5);
    assert_true(households_explain(h, 2, 1, &score, tell, &told));
    assert_int_equal(told.count, 2);
    assert_int_equal(told.reasons[0].evidence, HOUSEHOLD_ADDRESS);
    assert_int_equal(told.reasons[0].key.since_ms, 250);
    assert_int_equal(told.reasons[0].count, 2);
    assert_int_equal(told.reasons[1].count, 3);
    /* -4, address 7, device 5.5 - log2(2) / 2, surname log2(.5 / .2) */
    assert_float_equal(score.bits, -4 + 7 + 5 + log2(2.5), 1e-5);
    assert_true(score.same_surname);
    assert_float_equal(score.probability, 1 / (1 + exp2(-score.bits)), 1e-9);
    assert_true(households_explain(h, 1, 3, &score, tell, &told));
    assert_float_equal(score.bits, -4 + 5 - 1, 1e-5);
    assert_false(households_explain(h, 4, 5, &score, tell, &told)); /* a surname is no pair */
    assert_int_equal(h->pair_count, 3);
    assert_int_equal(h->customer_count, 3);
    assert_int_equal(h->group_count, 1);
    assert_int_equal(h->groups[0].count, 3);
    assert_float_equal(h->groups[0].probability, 0.5, 1e-6); /* as sure as 3 is */
    households_free(h);
}

static void test_crowd(void **state) {
    (void)state;
    struct households *h = households_create(300);
    for (uint32_t c = 1; c <= 200; c++)
        share(h, HOUSEHOLD_ADDRESS, 1, c, 0);
    for (uint32_t c = 201; c <= 201 + household_kind(HOUSEHOLD_DEVICE)->crowd; c++)
        share(h, HOUSEHOLD_DEVICE, 1, c, 0);
    households_solve(h, 0.5);
    assert_int_equal(h->group_count, 0);
    assert_int_equal(h->pair_count, 0);
    assert_int_equal(h->crowd_count, 2);
    assert_int_equal(h->crowds[0].count, 200);
    households_free(h);
}

static void test_one_person(void **state) {
    (void)state;
    struct households *h = households_create(10);
    struct household_score score;
    struct told told = {0};
    for (uint32_t c = 1; c <= 2; c++) { /* mobile and e-mail */
        share(h, HOUSEHOLD_MOBILE, 1, c, 0);
        share(h, HOUSEHOLD_IDENTIFIER, 1, c, 0);
    }
    for (uint32_t c = 3; c <= 5; c++) {
        share(h, HOUSEHOLD_ADDRESS, 1, c, 0);
        households_name(h, c, c < 5 ? SLICE("wang wei") : SLICE("wang li"));
    }
    households_solve(h, 0.5);
    assert_int_equal(h->one_person_count, 2);
    assert_true(households_explain(h, 1, 2, &score, tell, &told));
    assert_true(score.one_person);
    assert_int_equal(h->group_count, 1); /* 5 lives with both, and they are no household of their own */
    assert_int_equal(h->groups[0].count, 3);
    households_free(h);
}

/* A chain of pairs is no household; a full set is. */
static void test_chain(void **state) {
    (void)state;
    struct households *h = households_create(20);
    for (uint32_t c = 1; c < 6; c++) { /* 1-2, 2-3, ... */
        share(h, HOUSEHOLD_LANDLINE, c, c, 0);
        share(h, HOUSEHOLD_LANDLINE, c, c + 1, 0);
    }
    for (uint32_t c = 11; c < 15; c++)
        share(h, HOUSEHOLD_LANDLINE, 100, c, 0);
    households_solve(h, 0.5);
    assert_int_equal(group_of(h, 11, false)->count, 4);
    for (size_t i = 0; i < h->group_count; i++)
        assert_true(h->groups[i].count <= 4);
    households_free(h);
}

static void test_decided(void **state) {
    (void)state;
    struct households *h = households_create(30);
    for (uint32_t c = 1; c <= 3; c++)
        share(h, HOUSEHOLD_ADDRESS, 1, c, 0);
    households_decided(h, 2, 1, true);
    for (uint32_t c = 4; c <= 5; c++)
        share(h, HOUSEHOLD_ADDRESS, 2, c, 0);
    households_decided(h, 4, 5, false);
    for (uint32_t c = 6; c <= 7; c++)
        share(h, HOUSEHOLD_ADDRESS, 3, c, 0);
    households_decided(h, 7, 6, true);
    households_decided(h, 6, 7, true);
    share(h, HOUSEHOLD_ADDRESS, 4, 8, 0); /* 9 links 8 and 10, who were put apart without sharing anything */
    share(h, HOUSEHOLD_ADDRESS, 4, 9, 0);
    share(h, HOUSEHOLD_LANDLINE, 5, 9, 0);
    share(h, HOUSEHOLD_LANDLINE, 5, 10, 0);
    households_decided(h, 8, 10, false);
    households_decided(h, 20, 21, true); /* by people alone */
    households_solve(h, 0.5);
    assert_int_equal(group_of(h, 3, false)->count, 3); /* joins the two */
    assert_int_equal(group_of(h, 1, true)->count, 2);
    assert_null(group_of(h, 4, false));
    assert_int_equal(group_of(h, 4, true)->count, 2);
    assert_null(group_of(h, 6, false)); /* nothing to propose */
    assert_int_equal(group_of(h, 6, true)->count, 2);
    assert_int_equal(group_of(h, 9, false)->count, 2);
    assert_int_equal(group_of(h, 20, true)->count, 2);
    assert_float_equal(group_of(h, 20, true)->probability, 0, 0);
    households_free(h);
}

#define CUSTOMERS 300
#define KEYS 700
#define DECISIONS 40

static uint32_t apart[DECISIONS][2]; /* of the last world */

static struct households *random_world(uint64_t seed, bool shuffled) {
    struct household_key keys[KEYS];
    struct random r;
    struct households *h = households_create(CUSTOMERS);
    random_init(&r, seed);
    for (size_t i = 0; i < KEYS; i++) {
        uint64_t kind = random_below(&r, HOUSEHOLD_EVIDENCES), hash = random_below(&r, 60);
        keys[i] = (struct household_key){.kind = (uint8_t)kind, .hash = hash * hash / 10};
        keys[i].customer = 1 + (uint32_t)((hash * 5 + random_below(&r, 12)) % CUSTOMERS);
        keys[i].since_ms = (int64_t)random_below(&r, 1000);
    }
    for (uint32_t c = 1; c <= CUSTOMERS; c++) {
        char name[2] = {(char)('a' + random_below(&r, 9)), 0};
        if (random_chance(&r, 0.7))
            households_surname(h, c, slice_text(name));
    }
    memset(apart, 0, sizeof apart);
    for (size_t i = 0; i < DECISIONS; i++) {
        uint32_t a = 1 + (uint32_t)random_below(&r, CUSTOMERS), b = 1 + (uint32_t)random_below(&r, CUSTOMERS);
        households_decided(h, shuffled ? b : a, shuffled ? a : b, i % 4 == 0);
        if (i % 4 && a != b)
            memcpy(apart[i], (uint32_t[]){a, b}, sizeof apart[i]);
    }
    for (size_t i = KEYS; shuffled && i-- > 1;) {
        size_t k = (size_t)random_below(&r, i + 1);
        struct household_key held = keys[i];
        keys[i] = keys[k];
        keys[k] = held;
    }
    for (size_t i = 0; i < KEYS; i++)
        households_share(h, &keys[i]);
    households_solve(h, 0.5);
    return h;
}

static void check_group(const struct households *h, const struct household_group *g, bool *in, uint64_t seed) {
    uint32_t found[2];
    for (uint32_t k = 0; k < g->count; k++) {
        uint32_t customer = h->members[g->first + k];
        if (in[customer] || g->count < 2 || (k && customer <= h->members[g->first + k - 1]))
            fail_msg("seed %llu: %u is in two groups, or twice in one", (unsigned long long)seed, customer);
        in[customer] = true;
    }
    for (size_t i = 0; i < DECISIONS; i++) {
        found[0] = found[1] = 0;
        for (uint32_t k = 0; k < g->count; k++)
            for (int side = 0; side < 2; side++)
                found[side] |= apart[i][side] && h->members[g->first + k] == apart[i][side];
        if (found[0] && found[1])
            fail_msg("seed %llu: %u and %u were put apart", (unsigned long long)seed, apart[i][0], apart[i][1]);
    }
}

static bool same_groups(const struct households *a, const struct households *b) {
    bool same = a->group_count == b->group_count && a->member_count == b->member_count &&
                a->crowd_count == b->crowd_count && a->pair_count == b->pair_count &&
                memcmp(a->members, b->members, a->member_count * sizeof *a->members) == 0;
    for (size_t i = 0; i < a->group_count && same; i++)
        same = a->groups[i].first == b->groups[i].first && a->groups[i].count == b->groups[i].count &&
               a->groups[i].decided == b->groups[i].decided && a->groups[i].probability == b->groups[i].probability;
    return same;
}

static void test_any_order(void **state) {
    (void)state;
    uint64_t base = (uint64_t)time(NULL);
    for (uint64_t seed = base; seed < base + 30; seed++) {
        struct households *a = random_world(seed, false), *b = random_world(seed, true);
        bool in[CUSTOMERS + 1] = {false};
        for (size_t i = 0; i < a->group_count; i++)
            if (!a->groups[i].decided)
                check_group(a, &a->groups[i], in, seed);
        if (!same_groups(a, b))
            fail_msg("seed %llu: the order of telling matters", (unsigned long long)seed);
        assert_true(a->group_count > 5 && a->crowd_count > 0);
        households_free(a);
        households_free(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_score), cmocka_unit_test(test_crowd),   cmocka_unit_test(test_one_person),
        cmocka_unit_test(test_chain), cmocka_unit_test(test_decided), cmocka_unit_test(test_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
