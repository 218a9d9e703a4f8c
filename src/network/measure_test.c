/* measure: Zachary's karate club (1977, doi 10.1086/jar.33.4.3629752), whose communities and ranks are published, small graphs whose values are plain, and
 * a naive twin on random ones. */
#include "network/measure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "base/random.h"

/* The 78 friendships, members 1 to 34. */
static const uint8_t karate[][2] = {
    {1, 2},   {1, 3},   {1, 4},   {1, 5},   {1, 6},   {1, 7},   {1, 8},   {1, 9},   {1, 11},  {1, 12},
    {1, 13},  {1, 14},  {1, 18},  {1, 20},  {1, 22},  {1, 32},  {2, 3},   {2, 4},   {2, 8},   {2, 14},
    {2, 18},  {2, 20},  {2, 22},  {2, 31},  {3, 4},   {3, 8},   {3, 9},   {3, 10},  {3, 14},  {3, 28},
    {3, 29},  {3, 33},  {4, 8},   {4, 13},  {4, 14},  {5, 7},   {5, 11},  {6, 7},   {6, 11},  {6, 17},
    {7, 17},  {9, 31},  {9, 33},  {9, 34},  {10, 34}, {14, 34}, {15, 33}, {15, 34}, {16, 33}, {16, 34},
    {19, 33}, {19, 34}, {20, 34}, {21, 33}, {21, 34}, {23, 33}, {23, 34}, {24, 26}, {24, 28}, {24, 30},
    {24, 33}, {24, 34}, {25, 26}, {25, 28}, {25, 32}, {26, 32}, {27, 30}, {27, 34}, {28, 34}, {29, 32},
    {29, 34}, {30, 33}, {30, 34}, {31, 33}, {31, 34}, {32, 33}, {32, 34}, {33, 34},
};
#define KARATE (sizeof karate / sizeof *karate)
#define ALL ((1u << NETWORK_MEASURES) - 1)

static void measure(struct edge_list *edges, uint32_t asked, struct network_values *v) {
    struct fault fault = {0};
    edge_list_sort(edges);
    if (network_measure_all(edges, asked, NULL, NULL, v, &fault))
        fail_msg("%s", fault.text);
}

static void test_karate(void **state) {
    (void)state;
    struct edge_list edges = {0};
    struct network_values v, again;
    for (size_t i = 0; i < KARATE; i++) {
        edge_list_add(&edges, karate[i][0] + 100u, karate[i][1] + 100u);
        edge_list_add(&edges, karate[i][1] + 100u, karate[i][0] + 100u);
    }
    measure(&edges, ALL, &v);
    assert_int_equal(v.count, 34);
    assert_int_equal(v.edge_count, 78);
    assert_int_equal(v.customers[0], 101);
    /* the greatest modularity there is (Brandes et al. 2008: 0.4198), in 4 communities */
    assert_float_equal(v.modularity, 0.4198, 0.00005);
    assert_int_equal(v.community_count, 4);
    assert_true(v.values[NETWORK_COMMUNITY][0] == 101);
    assert_true(v.values[NETWORK_COMMUNITY][33] != 101);
    /* PageRank at .85 as networkx and igraph print it: 0.09700, 0.05288, 0.07169, 0.10092 */
    assert_float_equal(v.values[NETWORK_INFLUENCE][0], 0.09700 * 34, 0.002);
    assert_float_equal(v.values[NETWORK_INFLUENCE][1], 0.05288 * 34, 0.002);
    assert_float_equal(v.values[NETWORK_INFLUENCE][32], 0.07169 * 34, 0.002);
    assert_float_equal(v.values[NETWORK_INFLUENCE][33], 0.10092 * 34, 0.002);
    /* betweenness, not normalised: 231.071 and 160.552 */
    assert_float_equal(v.values[NETWORK_BETWEENNESS][0], 231.071, 0.0006);
    assert_float_equal(v.values[NETWORK_BETWEENNESS][33], 160.552, 0.0006);
    assert_true(v.values[NETWORK_DEGREE][33] == 17 && v.values[NETWORK_IN_DEGREE][33] == 17);
    assert_true(v.values[NETWORK_CORE][0] == 4 && v.values[NETWORK_CORE][11] == 1);
    assert_true(v.component_count == 1 && v.values[NETWORK_COMPONENT_SIZE][5] == 34);
    measure(&edges, ALL, &again);
    for (size_t m = 0; m < NETWORK_MEASURES; m++)
        assert_memory_equal(v.values[m], again.values[m], v.count * sizeof(double));
    network_values_release(&v);
    network_values_release(&again);
    edge_list_release(&edges);
}

/* Referrals lead one way: who is named by many is influential, who names is not. */
static void test_directed(void **state) {
    (void)state;
    struct edge_list edges = {0};
    struct network_values v;
    for (uint32_t c = 2; c <= 9; c++)
        edge_list_add(&edges, c, 1);
    edge_list_add(&edges, 20, 21);
    edge_list_add(&edges, 20, 21); /* twice is once */
    measure(&edges, ALL & ~(1u << NETWORK_CORE), &v);
    assert_int_equal(v.count, 11);
    assert_null(v.values[NETWORK_CORE]);
    assert_true(v.values[NETWORK_IN_DEGREE][0] == 8 && v.values[NETWORK_OUT_DEGREE][0] == 0);
    assert_true(v.values[NETWORK_OUT_DEGREE][1] == 1 && v.values[NETWORK_IN_DEGREE][1] == 0);
    assert_true(v.values[NETWORK_INFLUENCE][0] > 3 && v.values[NETWORK_INFLUENCE][1] < 1);
    assert_int_equal(v.component_count, 2);
    assert_int_equal(v.component_size_max, 9);
    assert_true(v.values[NETWORK_COMMUNITY][10] == 20 && v.values[NETWORK_COMMUNITY_SIZE][10] == 2);
    network_values_release(&v);
    edge_list_release(&edges);
}

static bool stop(void *context) {
    (void)context;
    return true;
}

static void test_none_and_too_much(void **state) {
    (void)state;
    struct edge_list edges = {0};
    struct network_values v;
    struct fault fault = {0};
    measure(&edges, ALL, &v);
    assert_int_equal(v.count, 0);
    network_values_release(&v);
    for (uint32_t c = 1; c <= 50000; c++)
        edge_list_add(&edges, c, c + 1);
    edge_list_sort(&edges);
    assert_int_equal(network_measure_all(&edges, ALL, NULL, NULL, &v, &fault), STATUS_INVALID);
    assert_non_null(strstr(fault.text, "betweenness"));
    assert_int_equal(network_measure_all(&edges, 1u << NETWORK_COMMUNITY, stop, NULL, &v, &fault), STATUS_CLOSED);
    measure(&edges, 1u << NETWORK_COMMUNITY, &v); /* it is well again */
    assert_true(v.modularity > 0.9);
    network_values_release(&v);
    edge_list_release(&edges);
}

#define CUSTOMERS 60

/* Power iteration, dangling customers spreading evenly. */
static void slow_ranks(bool edges[CUSTOMERS][CUSTOMERS], const bool *in, size_t count, double *rank) {
    for (size_t i = 0; i < CUSTOMERS; i++)
        rank[i] = in[i] ? 1.0 : 0;
    for (int round = 0; round < 300; round++) {
        double next[CUSTOMERS] = {0}, lost = 0;
        for (size_t i = 0; i < CUSTOMERS; i++) {
            size_t out = 0;
            for (size_t k = 0; k < CUSTOMERS; k++)
                out += edges[i][k];
            lost += in[i] && !out ? rank[i] : 0;
            for (size_t k = 0; k < CUSTOMERS && out; k++)
                next[k] += edges[i][k] ? 0.85 * rank[i] / (double)out : 0;
        }
        for (size_t i = 0; i < CUSTOMERS; i++)
            rank[i] = in[i] ? next[i] + 0.15 + 0.85 * lost / (double)count : 0;
    }
}

static void test_twin(void **state) {
    (void)state;
    uint64_t base = (uint64_t)time(NULL);
    for (uint64_t seed = base; seed < base + 30; seed++) {
        bool is[CUSTOMERS][CUSTOMERS] = {{false}}, in[CUSTOMERS] = {false};
        struct edge_list edges = {0};
        struct network_values v;
        struct random r;
        double rank[CUSTOMERS];
        random_init(&r, seed);
        for (size_t n = random_between(&r, 1, 150); n; n--) {
            uint32_t a = (uint32_t)random_below(&r, CUSTOMERS), b = (uint32_t)random_below(&r, CUSTOMERS);
            if (a == b)
                continue;
            is[a][b] = in[a] = in[b] = true;
            edge_list_add(&edges, a + 1, b + 1);
        }
        measure(&edges, ALL, &v);
        slow_ranks(is, in, v.count, rank);
        for (size_t i = 0; i < v.count; i++) {
            size_t degree = 0, a = v.customers[i] - 1;
            for (size_t k = 0; k < CUSTOMERS; k++)
                degree += is[a][k] || is[k][a];
            if (v.values[NETWORK_DEGREE][i] != (double)degree ||
                fabs(v.values[NETWORK_INFLUENCE][i] - rank[a]) > 0.0011)
                fail_msg("seed %llu: customer %zu: degree %g, not %zu; influence %g, not %g", (unsigned long long)seed,
                         a, v.values[NETWORK_DEGREE][i], degree, v.values[NETWORK_INFLUENCE][i], rank[a]);
        }
        network_values_release(&v);
        edge_list_release(&edges);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_karate),
        cmocka_unit_test(test_directed),
        cmocka_unit_test(test_none_and_too_much),
        cmocka_unit_test(test_twin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
