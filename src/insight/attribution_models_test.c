/* attribution_models_test: every model against its slow twin on random histories with ties, added by one worker and by three; and worked
 * examples by hand. */
#include "insight/attribution_models.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "insight/attribution_history_model.h"
#include "insight/attribution_model.h"

#define ROUNDS 60
#define CUSTOMERS 40
#define ROWS_MAX 10
#define HALF_LIFE 20

static const struct attribution_settings usual = {
    .position_first = 0.4, .position_last = 0.4, .markov_order = 1, .game = SHAPLEY_CONVERSIONS};

static void near(double a, double b, const char *what, uint64_t seed) {
    if (fabs(a - b) > 1e-7 * (1 + fabs(b)))
        fail_msg("%s: %.12g, its twin %.12g (seed %llu)", what, a, b, (unsigned long long)seed);
}

struct customer {
    int64_t touch_times[ROWS_MAX], conversion_times[ROWS_MAX], values[ROWS_MAX];
    uint8_t codes[ROWS_MAX];
    size_t touches, conversions;
};

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void random_customer(struct random *r, uint32_t channels, struct customer *c) {
    c->touches = random_below(r, ROWS_MAX + 1);
    c->conversions = random_below(r, 3) ? random_below(r, 4) : 0;
    for (size_t i = 0; i < c->touches; i++) {
        c->touch_times[i] = (int64_t)random_below(r, 40); /* few, so that there are ties */
        c->codes[i] = (uint8_t)random_below(r, channels);
    }
    for (size_t i = 0; i < c->conversions; i++) {
        c->conversion_times[i] = (int64_t)random_below(r, 40);
        c->values[i] = (int64_t)random_below(r, 1000) * ATTRIBUTION_VALUE_UNIT / 100;
    }
    qsort(c->touch_times, c->touches, sizeof *c->touch_times, by_time);
    qsort(c->conversion_times, c->conversions, sizeof *c->conversion_times, by_time);
}

static struct attribution_history history_of(const struct customer *c) {
    return (struct attribution_history){c->touch_times,      c->codes,  c->touches,
                                        c->conversion_times, c->values, c->conversions};
}

static struct attribution *tally_like(uint32_t channels, const bool *direct) {
    struct attribution *t = attribution_create(channels);
    for (uint32_t i = 0; i < channels; i++)
        t->direct[i] = direct[i];
    t->half_life_ms = HALF_LIFE;
    t->want_book = true;
    return t;
}

static void compare(const struct attribution *t, const struct model_paths *m, struct random *r, uint64_t seed) {
    struct attribution_settings s = usual;
    struct credit mine[MODEL_CHANNELS_MAX], twin[MODEL_CHANNELS_MAX];
    s.markov_order = 1 + (uint32_t)random_below(r, 3);
    s.game = random_below(r, 2) ? SHAPLEY_RATE : SHAPLEY_CONVERSIONS;
    assert_int_equal(t->uncovered, m->uncovered);
    for (unsigned model = 0; model < ATTRIBUTION_MODELS && m->count; model++) {
        double sum = 0;
        assert_int_equal(attribution_credit(t, model, &s, mine, NULL), STATUS_OK);
        model_credit(m, model, &s, twin);
        for (uint32_t c = 0; c < t->channel_count; c++) {
            near(mine[c].conversions, twin[c].conversions, attribution_model_names[model], seed);
            near(mine[c].value, twin[c].value, attribution_model_names[model], seed);
            near(mine[c].removal_effect, twin[c].removal_effect, "removal effect", seed);
            near(mine[c].removal_effect_value, twin[c].removal_effect_value, "removal effect by value", seed);
            sum += mine[c].conversions;
        }
        near(sum, (double)t->conversions, "all shares of a model", seed);
    }
}

static void a_round(uint64_t seed) {
    struct random r;
    random_init(&r, seed);
    const uint32_t channels = 1 + (uint32_t)random_below(&r, 5);
    const bool direct[MODEL_CHANNELS_MAX] = {random_below(&r, 2), random_below(&r, 2), false, false, false};
    const struct attribution_rule rule = {1 + (int64_t)random_below(&r, 30),
                                          (enum attribution_repeat)random_below(&r, 3), random_below(&r, 2),
                                          random_below(&r, 2), (int64_t)random_below(&r, 3) * 10};
    struct attribution *alone = tally_like(channels, direct), *several[3], *merged = tally_like(channels, direct);
    struct model_paths m = {.channels = channels, .direct = direct, .half_life_ms = HALF_LIFE};
    for (size_t i = 0; i < 3; i++)
        several[i] = tally_like(channels, direct);
    for (size_t i = 0; i < CUSTOMERS; i++) {
        struct customer c;
        random_customer(&r, channels, &c);
        const struct attribution_history h = history_of(&c);
        attribution_customer(alone, &rule, &h);
        attribution_customer(several[random_below(&r, 3)], &rule, &h);
        model_customer(&m, &rule, &h);
    }
    for (size_t i = 3; i-- > 0;)
        attribution_merge(merged, several[i]);
    path_book_sort(&alone->book);
    path_book_sort(&merged->book);
    compare(alone, &m, &r, seed);
    for (unsigned model = 0; model < ATTRIBUTION_MODELS; model++) { /* bit for bit */
        struct credit one[MODEL_CHANNELS_MAX], three[MODEL_CHANNELS_MAX];
        assert_int_equal(attribution_credit(alone, model, &usual, one, NULL), STATUS_OK);
        assert_int_equal(attribution_credit(merged, model, &usual, three, NULL), STATUS_OK);
        assert_memory_equal(one, three, channels * sizeof *one);
    }
    for (size_t i = 0; i < 3; i++)
        attribution_free(several[i]);
    attribution_free(alone);
    attribution_free(merged);
    free(m.paths);
}

static void models_agree_with_their_twins(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++)
        a_round(seed);
}

/* Three channels; what comes out was worked out by hand. */
static void a_worked_example(void **state) {
    (void)state;
    const uint8_t abc[] = {0, 1, 2}, b[] = {1}, ab[] = {0, 1};
    const int64_t ages[] = {40, 20, 0};
    struct attribution *t = attribution_create(3);
    struct credit c[3];
    t->half_life_ms = 20;
    t->want_book = true;
    t->direct[2] = true;
    attribution_add(t, abc, ages, 3, 2, 0, 30 * ATTRIBUTION_VALUE_UNIT);
    attribution_add(t, b, NULL, 1, 0, 4, 0);
    attribution_add(t, ab, ages + 1, 2, 1, 3, 0);
    path_book_sort(&t->book);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_LAST_NON_DIRECT, &usual, c, NULL), STATUS_OK);
    near(c[1].conversions, 3, "last non-direct", 0);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_POSITION, &usual, c, NULL), STATUS_OK);
    near(c[0].conversions, 2 * 0.4 + 0.5, "position", 0);
    near(c[1].value, 30 * 0.2, "position by value", 0);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_TIME_DECAY, &usual, c, NULL), STATUS_OK);
    near(c[0].conversions, 2 / 7.0 + 1 / 3.0, "time decay", 0);
    /* Start: a 6/10, b 4/10; a -> b; b -> c 2/10, converts 1/10, is lost 7/10; c converts. */
    assert_int_equal(attribution_credit(t, ATTRIBUTION_MARKOV, &usual, c, NULL), STATUS_OK);
    near(c[0].removal_effect, 1 - 0.4, "removal effect", 0);
    near(c[1].removal_effect, 1, "removal effect", 0);
    near(c[2].removal_effect, 1 - 0.1 / 0.3, "removal effect", 0);
    double chances[4 * 5];
    markov_transitions(t, chances);
    near(chances[3 * 5 + 0], 0.6, "start to a", 0);
    near(chances[1 * 5 + 4], 0.7, "b to none", 0);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_SHAPLEY, &usual, c, NULL), STATUS_OK);
    near(c[0].conversions, 2 / 3.0 + 0.5, "Shapley", 0);
    attribution_free(t);
}

/* Twenty channels: sampled values lie within their error bars of the exact ones, and say the same each time. */
static void sampled_shapley_has_honest_bars(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 5);
    struct attribution *t = attribution_create(20);
    struct credit exact[20], sampled[20], again[20];
    struct attribution_settings s = usual;
    unsigned outside = 0;
    t->want_book = true;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t codes[6];
        size_t length = 1 + random_below(&r, 6);
        for (size_t k = 0; k < length; k++)
            codes[k] = (uint8_t)(random_below(&r, 20) * random_below(&r, 20) / 20);
        attribution_add(t, codes, NULL, length, random_below(&r, 3), random_below(&r, 9), 0);
    }
    path_book_sort(&t->book);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_SHAPLEY, &s, exact, NULL), STATUS_OK);
    s.samples = 2000;
    s.seed = 9;
    assert_int_equal(attribution_credit(t, ATTRIBUTION_SHAPLEY, &s, sampled, NULL), STATUS_OK);
    assert_int_equal(attribution_credit(t, ATTRIBUTION_SHAPLEY, &s, again, NULL), STATUS_OK);
    assert_memory_equal(sampled, again, sizeof sampled);
    for (size_t i = 0; i < 20; i++) {
        assert_true(exact[i].error == 0 && (sampled[i].error > 0 || sampled[i].conversions == exact[i].conversions));
        outside += fabs(sampled[i].conversions - exact[i].conversions) > sampled[i].error;
    }
    assert_true(outside <= 4); /* 1 of 20 is to be expected */
    s.game = SHAPLEY_RATE;
    s.samples = 0;
    assert_int_equal(attribution_credit(t, ATTRIBUTION_SHAPLEY, &s, sampled, NULL), STATUS_OK);
    double sum = 0;
    for (size_t i = 0; i < 20; i++)
        sum += sampled[i].conversions;
    near(sum, (double)t->conversions, "rates, scaled", 0);
    attribution_free(t);
}

/* A chain too large for elimination gives what a small one gives: the same channels, orders apart, on paths without memory. */
static void large_chains_are_swept(void **state) {
    (void)state;
    struct random r;
    random_init(&r, 3);
    struct attribution *t = attribution_create(200);
    struct credit c[200];
    double sum = 0;
    struct attribution_settings s = usual;
    t->want_book = true;
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t codes[4];
        for (size_t k = 0; k < 4; k++)
            codes[k] = (uint8_t)random_below(&r, 200);
        attribution_add(t, codes, NULL, 1 + random_below(&r, 4), i % 3 == 0, i % 3 != 0, 0);
    }
    path_book_sort(&t->book);
    s.markov_order = 2;
    assert_int_equal(attribution_credit(t, ATTRIBUTION_MARKOV, &s, c, NULL), STATUS_OK);
    for (size_t i = 0; i < 200; i++)
        sum += c[i].conversions;
    near(sum, (double)t->conversions, "shares", 0);
    attribution_free(t);
}

static void a_full_book_says_so(void **state) {
    (void)state;
    struct path_book book = {.most = 2};
    assert_true(path_book_add(&book, (const uint8_t[]){1}, 1, 1, 0, 0));
    assert_true(path_book_add(&book, (const uint8_t[]){2}, 1, 1, 0, 0));
    assert_false(path_book_add(&book, (const uint8_t[]){3}, 1, 1, 2, 0));
    assert_true(path_book_add(&book, (const uint8_t[]){1}, 1, 1, 0, 0));
    assert_int_equal(book.lost, 3);
    path_book_release(&book);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models_agree_with_their_twins),
        cmocka_unit_test(a_worked_example),
        cmocka_unit_test(sampled_shapley_has_honest_bars),
        cmocka_unit_test(large_chains_are_swept),
        cmocka_unit_test(a_full_book_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
