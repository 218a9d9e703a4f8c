/* itemset_test: frequent sets and rules against plain counting on random baskets, and against what is published about real ones (skipped where
 * that data is not there). */
#include "insight/itemset.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/itemset_model.h"

#define SEED 5

static struct itemsets mine(const struct baskets *b, uint32_t count_min, unsigned length_max, unsigned workers) {
    struct itemsets sets;
    struct fault fault = {0};
    if (itemsets_mine(b,
                      &(struct itemset_options){.count_min = count_min, .length_max = length_max, .workers = workers},
                      &sets, &fault))
        fail_msg("%s", fault.text);
    return sets;
}

static struct baskets random_baskets(struct random *r) {
    struct baskets b = {0};
    uint32_t items = (uint32_t)random_between(r, 1, 9), baskets = (uint32_t)random_between(r, 0, 150);
    for (uint32_t i = 0; i < baskets; i++) {
        uint32_t list[24], count = (uint32_t)random_below(r, 12);
        for (uint32_t k = 0; k < count; k++)
            list[k] =
                (uint32_t)(random_below(r, items) * random_below(r, items) / items); /* with repeats, some often */
        baskets_add(&b, list, count);
    }
    return b;
}

struct compared {
    const struct itemsets *sets;
    size_t seen;
};

static void is_found(void *context, const uint32_t *items, size_t count, uint32_t baskets) {
    struct compared *c = context;
    uint32_t number;
    assert_true(itemsets_find(c->sets, items, count, &number));
    assert_int_equal(c->sets->counts[number], baskets);
    c->seen++;
}

static void sets_are_those_of_plain_counting(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED);
    for (unsigned i = 0; i < 60; i++) {
        struct baskets b = random_baskets(&r);
        uint32_t count_min = (uint32_t)random_between(&r, 1, 12);
        unsigned length_max = (unsigned)random_between(&r, 1, 6);
        struct itemsets sets = mine(&b, count_min, length_max, 1 + i % 3);
        struct compared compared = {.sets = &sets};
        itemset_truth(&b, count_min, length_max, is_found, &compared);
        assert_int_equal(compared.seen, sets.count);
        itemsets_release(&sets);
        baskets_release(&b);
    }
}

static size_t rules_of(const struct itemsets *sets, double confidence, double lift, unsigned least) {
    const struct rule_options options = {.confidence_min = confidence, .lift_min = lift, .length_min = least};
    struct rule *rules;
    size_t count;
    assert_int_equal(rules_find(sets, &options, &rules, &count, NULL), STATUS_OK);
    free(rules);
    return count;
}

/* Every rule counted again in the baskets, and every one that could be is there. */
static void rules_are_those_of_plain_counting(void **state) {
    (void)state;
    struct random r;
    random_init(&r, SEED + 1);
    for (unsigned i = 0; i < 40; i++) {
        struct baskets b = random_baskets(&r);
        struct itemsets sets = mine(&b, 2, 5, 2);
        double confidence = random_unit(&r), lift = 2 * random_unit(&r);
        size_t count, expected = 0;
        struct rule_options options = {.confidence_min = confidence, .lift_min = lift};
        struct rule *rules;
        assert_int_equal(rules_find(&sets, &options, &rules, &count, NULL), STATUS_OK);
        for (size_t k = 0; k < count; k++) {
            uint32_t left[ITEMSET_LENGTH_MAX], length = itemset_length(&sets, rules[k].set), n = 0;
            for (uint32_t j = 0; j < length; j++)
                if (itemset_items(&sets, rules[k].set)[j] != rules[k].right)
                    left[n++] = itemset_items(&sets, rules[k].set)[j];
            assert_int_equal(n, length - 1);
            assert_int_equal(rules[k].left_count, itemset_truth_count(&b, left, n));
            assert_int_equal(rules[k].right_count, itemset_truth_count(&b, &rules[k].right, 1));
            struct rule_measures m = rule_measures(&rules[k], b.count);
            assert_true(m.confidence >= confidence && m.lift >= lift - 1e-9 && m.p_value >= 0 && m.p_value <= 1);
        }
        for (uint32_t k = 0; k < sets.count; k++)
            for (uint32_t j = 0; itemset_length(&sets, k) > 1 && j < itemset_length(&sets, k); j++) {
                uint32_t left[ITEMSET_LENGTH_MAX], n = 0, right = itemset_items(&sets, k)[j];
                for (uint32_t l = 0; l < itemset_length(&sets, k); l++)
                    if (l != j)
                        left[n++] = itemset_items(&sets, k)[l];
                double of_left = (double)sets.counts[k] / itemset_truth_count(&b, left, n);
                expected +=
                    of_left >= confidence && of_left * (double)b.count >= lift * itemset_truth_count(&b, &right, 1);
            }
        assert_int_equal(count, expected);
        free(rules);
        itemsets_release(&sets);
        baskets_release(&b);
    }
}

static void too_many_sets_are_refused(void **state) {
    (void)state;
    struct baskets b = {0};
    uint32_t items[20];
    struct itemsets sets;
    struct fault fault = {0};
    for (uint32_t i = 0; i < 20; i++)
        items[i] = i;
    for (unsigned i = 0; i < 5; i++)
        baskets_add(&b, items, 20);
    assert_int_equal(itemsets_mine(&b, &(struct itemset_options){.count_min = 5, .most = 1000}, &sets, &fault),
                     STATUS_TOO_LARGE);
    assert_non_null(strstr(fault.text, "raise the support"));
    baskets_release(&b);
}

static void a_rule_has_its_measures(void **state) {
    (void)state;
    /* Brin et al. 1997: 25 % tea, 20 % tea and coffee, 90 % coffee. */
    struct rule_measures m = rule_measures(&(struct rule){.both = 20, .left_count = 25, .right_count = 90}, 100);
    assert_true(fabs(m.confidence - 0.8) < 1e-12);
    assert_true(fabs(m.lift - 0.8 / 0.9) < 1e-12);
    assert_true(fabs(m.conviction - 0.5) < 1e-12);
    assert_true(fabs(m.leverage + 0.025) < 1e-12);
    assert_true(fabs(m.p_value - 0.0543) < 1e-4); /* chi-squared 3.7037 */
}

/* --- real baskets --- */

static gzFile open_data(const char *name) {
    char path[512];
    const char *folder = getenv("ONEFOLD_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    gzFile file = gzopen(path, "r");
    if (!file) {
        print_message("no %s: skipped\n", path);
        skip();
    }
    return file;
}

static struct baskets read_numbers(const char *name) {
    struct baskets b = {0};
    gzFile file = open_data(name);
    static char line[65536];
    while (gzgets(file, line, sizeof line)) {
        uint32_t items[4096];
        size_t count = 0;
        for (char *at = line, *end; items[count] = (uint32_t)strtoul(at, &end, 10), end != at && count < 4095; at = end)
            count++;
        if (count)
            baskets_add(&b, items, count);
    }
    gzclose(file);
    return b;
}

static struct baskets read_names(const char *name) {
    struct baskets b = {0};
    gzFile file = open_data(name);
    static char line[65536], names[1024][64];
    uint32_t known = 0;
    while (gzgets(file, line, sizeof line)) {
        uint32_t items[256];
        size_t count = 0;
        char *rest = line;
        for (char *word; (word = strsep(&rest, ",\r\n"));) {
            uint32_t i = 0;
            if (!*word)
                continue;
            while (i < known && strcmp(names[i], word))
                i++;
            if (i == known)
                snprintf(names[known++], 64, "%s", word);
            items[count++] = i;
        }
        baskets_add(&b, items, count);
    }
    gzclose(file);
    return b;
}

static size_t sets_at(const struct baskets *b, double support) {
    struct itemsets sets = mine(b, (uint32_t)ceil(support * (double)b->count - 1e-9), 0, 2);
    size_t count = sets.count;
    itemsets_release(&sets);
    return count;
}

static void groceries_give_the_published_rules(void **state) {
    (void)state;
    struct baskets b = read_names("groceries/groceries.csv");
    assert_int_equal(b.count, 9835);
    assert_int_equal(b.item_count, 169);
    struct itemsets sets = mine(&b, 10, 0, 2); /* .001 of 9,835 */
    assert_int_equal(sets.count, 13492);
    assert_int_equal(rules_of(&sets, 0.5, 0, 1), 5668);
    assert_int_equal(rules_of(&sets, 0.8, 0, 1), 410);
    assert_int_equal(rules_of(&sets, 0.9, 0, 1), 129);
    itemsets_release(&sets);
    sets = mine(&b, 60, 0, 1); /* .006 */
    assert_int_equal(rules_of(&sets, 0.25, 0, 2), 463);
    itemsets_release(&sets);
    sets = mine(&b, 99, 0, 1); /* .01 */
    assert_int_equal(sets.count, 333);
    assert_int_equal(rules_of(&sets, 0.3, 0, 1), 125);
    itemsets_release(&sets);
    baskets_release(&b);
}

static void larger_baskets_give_the_counted_sets(void **state) {
    (void)state;
    struct baskets b = read_numbers("basket_other/retail.dat.gz");
    assert_int_equal(b.count, 88162);
    assert_int_equal(sets_at(&b, 0.02), 55);
    assert_int_equal(sets_at(&b, 0.01), 159);
    assert_int_equal(sets_at(&b, 0.001), 7589);
    baskets_release(&b);
    b = read_numbers("basket_other/T10I4D100K.dat.gz");
    assert_int_equal(b.count, 100000);
    assert_int_equal(sets_at(&b, 0.01), 385);
    assert_int_equal(sets_at(&b, 0.005), 1073);
    baskets_release(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_those_of_plain_counting),   cmocka_unit_test(rules_are_those_of_plain_counting),
        cmocka_unit_test(too_many_sets_are_refused),          cmocka_unit_test(a_rule_has_its_measures),
        cmocka_unit_test(groceries_give_the_published_rules), cmocka_unit_test(larger_baskets_give_the_counted_sets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
