/* value_test: scores, tiers, concentration and stages against plain counting on random customers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/lifecycle.h"
#include "insight/rfm.h"

#define SEED 23
#define DAY 86400000LL

static void assert_close(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("got %.15g, expected %.15g", got, expected);
}

static double squares_between(const double *sorted, size_t from, size_t to) {
    double mean = 0, sum = 0;
    for (size_t i = from; i < to; i++)
        mean += sorted[i] / (double)(to - from);
    for (size_t i = from; i < to; i++)
        sum += (sorted[i] - mean) * (sorted[i] - mean);
    return sum;
}

static double squares_of_cuts(const double *sorted, size_t count, const double *cuts, unsigned cut_count) {
    double sum = 0;
    for (size_t from = 0, to; from < count; from = to) {
        unsigned score = spread_score(cuts, cut_count, sorted[from]);
        for (to = from; to < count && spread_score(cuts, cut_count, sorted[to]) == score;)
            to++;
        sum += squares_between(sorted, from, to);
    }
    return sum;
}

/* Every way to part them in three. */
static void clusters_are_the_best_there_are(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned round = 0; round < 100; round++) {
        double values[40], cuts[SPREAD_CUTS_MAX], best = (double)INFINITY;
        size_t count = (size_t)random_between(&r, 1, 40);
        for (size_t i = 0; i < count; i++)
            values[i] = (double)random_below(&r, 30) * (random_chance(&r, 0.2) ? 10 : 1);
        spread_sort(values, count);
        unsigned made = spread_cut_clusters(values, count, 3, cuts);
        for (size_t i = 1; i + 1 < count; i++)
            for (size_t k = i + 1; k < count; k++)
                best = fmin(best, squares_between(values, 0, i) + squares_between(values, i, k) +
                                      squares_between(values, k, count));
        if (count >= 3)
            assert_close(squares_of_cuts(values, count, cuts, made), best);
    }
}

static void quantiles_part_evenly(void **state) {
    (void)state;
    double values[100], cuts[4];
    size_t counts[6] = {0};
    for (size_t i = 0; i < 100; i++)
        values[i] = (double)i;
    spread_cut_quantiles(values, 100, 5, cuts);
    for (size_t i = 0; i < 100; i++)
        counts[spread_score(cuts, 4, values[i])]++;
    for (unsigned i = 1; i <= 5; i++)
        assert_int_equal(counts[i], 20);
    assert_close(spread_quantile((double[]){1, 2, 3, 4}, 4, 0.25), 1.75); /* numpy's */
    assert_close(spread_quantile((double[]){7}, 1, 0.9), 7);
}

static void concentration_is_by_definition(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned round = 0; round < 50; round++) {
        double v[60], apart = 0, sum = 0;
        size_t n = (size_t)random_between(&r, 1, 60);
        for (size_t i = 0; i < n; i++)
            sum += v[i] = (double)random_below(&r, 1000) + 1;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < n; k++)
                apart += fabs(v[i] - v[k]);
        spread_sort(v, n);
        assert_close(spread_gini(v, n), apart / (2 * (double)n * sum));
        size_t top = spread_top_count(v, n, 0.8);
        assert_true(spread_top_share(v, n, top) >= 0.8 - 1e-9);
        assert_true(top == 0 || spread_top_share(v, n, top - 1) < 0.8);
    }
    assert_true(isnan(spread_gini((double[]){0, 0}, 2)));
}

static void tiers_keep_their_definition(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned round = 0; round < 60; round++) {
        enum { MOST = 200 };
        struct rfm c[MOST];
        uint8_t tiers[MOST];
        size_t n = (size_t)random_between(&r, 1, MOST), core = 0;
        struct rfm_tier_options o = {0.2, 40, random_chance(&r, 0.5)};
        double least_core = (double)INFINITY, most_other = 0;
        for (size_t i = 0; i < n; i++)
            c[i] = (struct rfm){(double)random_below(&r, 100), (double)random_between(&r, 1, 9),
                                (double)random_below(&r, 50)};
        rfm_assign_tiers(c, n, &o, tiers);
        for (size_t i = 0; i < n; i++) {
            bool silent = c[i].days > 40;
            core += tiers[i] == RFM_TIER_CORE;
            if (tiers[i] == RFM_TIER_CORE)
                least_core = fmin(least_core, c[i].money);
            else if (!silent)
                most_other = fmax(most_other, c[i].money);
            assert_true(tiers[i] != RFM_TIER_CORE || !(silent && o.silent_core));
            assert_true(tiers[i] != RFM_TIER_AT_RISK || silent);
            assert_true(tiers[i] == RFM_TIER_AT_RISK || tiers[i] == RFM_TIER_CORE || !silent);
        }
        assert_true(least_core >= most_other);
        if (!o.silent_core)
            assert_int_equal(core, (size_t)llround(0.2 * (double)n));
    }
}

static void scores_and_segments_follow_the_grid(void **state) {
    (void)state;
    struct rfm_cuts cuts = {{10, 20, 30, 40}, {1, 2, 3, 4}, {10, 20, 30, 40}, 4, 4, 4};
    struct rfm_scores s = rfm_score(&cuts, &(struct rfm){10, 5, 20});
    assert_int_equal(s.recency, 5);
    assert_int_equal(s.frequency, 5);
    assert_int_equal(s.money, 2);
    assert_int_equal(rfm_segment_of(s), RFM_SEGMENT_CHAMPIONS);
    assert_int_equal(rfm_segment_of((struct rfm_scores){5, 1, 1}), RFM_SEGMENT_NEW);
    assert_int_equal(rfm_segment_of((struct rfm_scores){1, 5, 1}), RFM_SEGMENT_CANNOT_LOSE);
    assert_int_equal(rfm_segment_of((struct rfm_scores){3, 3, 1}), RFM_SEGMENT_NEED_ATTENTION);
    struct rfm few[] = {{1, 1, 1}, {2, 1, 1}, {300, 1, 5}};
    rfm_make_cuts(few, 3, RFM_CLUSTERED, &cuts);
    assert_int_equal(cuts.order_count, 0);
    assert_int_equal(rfm_score(&cuts, &few[2]).recency, 3); /* the worst of three there are */
    assert_int_equal(rfm_score(&cuts, &few[0]).recency, 5);
}

static void stages_follow_limits_and_rhythm(void **state) {
    (void)state;
    const int64_t orders[] = {0, 10 * DAY, 20 * DAY, 30 * DAY};
    struct lifecycle_limits fixed = {.new_ms = 5 * DAY, .dormant_ms = 20 * DAY, .lost_ms = 50 * DAY};
    struct lifecycle_limits rhythm = {
        .new_ms = 5 * DAY, .rhythm = true, .dormant_gaps = 2, .lost_gaps = 4, .typical_gap_ms = 10 * DAY};
    struct {
        int64_t day;
        enum stage fixed, rhythm;
    } expected[] = {{-1, STAGE_NONE, STAGE_NONE},       {0, STAGE_NEW, STAGE_NEW},
                    {5, STAGE_NEW, STAGE_NEW},          {6, STAGE_ACTIVE, STAGE_ACTIVE},
                    {50, STAGE_ACTIVE, STAGE_ACTIVE},   {51, STAGE_DORMANT, STAGE_DORMANT},
                    {70, STAGE_DORMANT, STAGE_DORMANT}, {71, STAGE_DORMANT, STAGE_LOST},
                    {80, STAGE_DORMANT, STAGE_LOST},    {81, STAGE_LOST, STAGE_LOST}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        int64_t now = expected[i].day * DAY;
        struct lifecycle_seen seen = lifecycle_look(orders, 4, now);
        assert_int_equal(lifecycle_stage(&fixed, &seen, now), expected[i].fixed);
        assert_int_equal(lifecycle_stage(&rhythm, &seen, now), expected[i].rhythm);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_are_the_best_there_are),     cmocka_unit_test(quantiles_part_evenly),
        cmocka_unit_test(concentration_is_by_definition),      cmocka_unit_test(tiers_keep_their_definition),
        cmocka_unit_test(scores_and_segments_follow_the_grid), cmocka_unit_test(stages_follow_limits_and_rhythm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
