/* then_bought_test: pairs against asking every customer about every pair of items. */
#include "insight/then_bought.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SEED 41
#define ITEMS 7
#define DAY 86400000LL

struct shop {
    struct visits visits;
    uint64_t customer_starts[60], starts[600];
    int64_t times[600];
    uint32_t items[3000];
};

static void make(struct shop *s, struct random *r) {
    size_t customers = (size_t)random_between(r, 0, 50), visit = 0, item = 0;
    for (size_t c = 0; c < customers; c++) {
        int64_t time = 0;
        s->customer_starts[c] = visit;
        for (uint64_t n = random_below(r, 9); n > 0; n--) {
            time += random_between(r, 0, 5) * DAY / 2;
            s->times[visit] = time;
            s->starts[visit++] = item;
            for (uint32_t i = 0; i < ITEMS; i++)
                if (random_chance(r, 0.3))
                    s->items[item++] = i;
        }
    }
    s->customer_starts[customers] = visit;
    s->starts[visit] = item;
    s->visits = (struct visits){s->customer_starts, s->times, s->starts, s->items, customers, ITEMS};
}

static bool has(const struct shop *s, uint64_t visit, uint32_t item) {
    for (uint64_t i = s->starts[visit]; i < s->starts[visit + 1]; i++)
        if (s->items[i] == item)
            return true;
    return false;
}

/* The first time of an item, or INT64_MAX. */
static int64_t first_time(const struct shop *s, size_t customer, uint32_t item) {
    for (uint64_t v = s->customer_starts[customer]; v < s->customer_starts[customer + 1]; v++)
        if (has(s, v, item))
            return s->times[v];
    return INT64_MAX;
}

static bool counts(const struct then_options *o, int64_t time) {
    return o->until_ms == INT64_MAX || time + o->within_ms <= o->until_ms;
}

static bool pair_holds(const struct shop *s, size_t customer, uint32_t a, uint32_t b, const struct then_options *o) {
    uint64_t from = s->customer_starts[customer], to = s->customer_starts[customer + 1];
    if (o->first_only && a != b && first_time(s, customer, b) <= first_time(s, customer, a))
        return false;
    for (uint64_t i = from; i < to; i++)
        for (uint64_t k = from; k < to; k++)
            if (has(s, i, a) && has(s, k, b) && s->times[k] > s->times[i] && counts(o, s->times[i]) &&
                (o->within_ms == 0 || s->times[k] - s->times[i] <= o->within_ms))
                return true;
    return false;
}

static void pairs_are_those_of_plain_asking(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned round = 0; round < 200; round++) {
        static struct shop s;
        struct then_result out;
        make(&s, &r);
        struct then_options o = {.within_ms = random_chance(&r, 0.5) ? 0 : random_between(&r, 1, 10) * DAY,
                                 .until_ms = random_chance(&r, 0.5) ? INT64_MAX : 12 * DAY,
                                 .first_only = random_chance(&r, 0.5),
                                 .customers_min = (uint32_t)random_between(&r, 1, 5)};
        size_t expected = 0;
        assert_int_equal(then_bought(&s.visits, &o, &out, NULL), STATUS_OK);
        for (uint32_t a = 0; a < ITEMS; a++)
            for (uint32_t b = 0; b < ITEMS; b++) {
                uint32_t both = 0, of_a = 0, of_b = 0;
                for (size_t c = 0; c < s.visits.customer_count; c++) {
                    int64_t first = first_time(&s, c, a), begin = s.times[s.customer_starts[c]];
                    bool later = false;
                    for (uint64_t v = s.customer_starts[c]; v < s.customer_starts[c + 1]; v++)
                        later = later || (has(&s, v, b) && s.times[v] > begin);
                    both += pair_holds(&s, c, a, b, &o);
                    of_a += first != INT64_MAX && counts(&o, first);
                    of_b += later;
                }
                for (size_t i = 0; i < out.count; i++)
                    if (out.pairs[i].first == a && out.pairs[i].then == b) {
                        assert_int_equal(out.pairs[i].both, both);
                        assert_int_equal(out.pairs[i].first_count, of_a);
                        assert_int_equal(out.pairs[i].then_count, of_b);
                    }
                expected += both >= o.customers_min;
            }
        assert_int_equal(out.count, expected);
        free(out.pairs);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_those_of_plain_asking)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
