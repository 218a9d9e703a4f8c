/* itemset_bench: frequent sets and rules of a large shop's baskets, and what one more basket costs where the sets are kept live.
 *
 *     onefold bench basket [baskets, default 100000] [FILE of baskets: a line each, items as numbers]
 *
 * Without a file, baskets are made after the recipe of T10I4 (Agrawal and Srikant 1994): 2,000 patterns of about 4 items among 870, baskets of about 10
 * items filled with a few of them, items of a pattern dropped now and then.
 *
 * On paper: making lists of places reads and writes each item of each basket twice, 8 MB + 16 MB: some 10 ms; the small matrices are as many bits as
 * there are pairs in baskets, 5 million sets of a bit, 10 ms; the ANDs are few. Reading a file is not counted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/random.h"
#include "insight/basket_live.h"
#include "insight/itemset.h"
#include "os/os.h"

#define REPEATS 5
#define ITEMS 870
#define PATTERNS 2000
#define BASKET_MAX 64
#define LIVE_BASKETS 2000
#define COUNT_LEAST 20 /* lower, every set of a basket's items is frequent: millions that mean nothing */

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- baskets --- */

static unsigned random_poisson(struct random *r, double mean) {
    double limit = exp(-mean), product = random_unit(r);
    unsigned n = 0;
    for (; product > limit; n++)
        product *= random_unit(r);
    return n;
}

struct pattern {
    uint32_t items[16];
    unsigned count;
    double upto, kept; /* its part of all picks, summed; how much of it is kept */
};

static void make_patterns(struct random *r, struct pattern *patterns) {
    double sum = 0;
    for (unsigned i = 0; i < PATTERNS; i++) {
        struct pattern *p = &patterns[i];
        p->count = 1 + random_poisson(r, 3);
        p->count = p->count > 16 ? 16 : p->count;
        for (unsigned k = 0; k < p->count; k++) /* half of a pattern is the one before it */
            p->items[k] = i && k < patterns[i - 1].count && random_chance(r, 0.5) ? patterns[i - 1].items[k]
                                                                                  : (uint32_t)random_below(r, ITEMS);
        sum += -log(1 - random_unit(r));
        p->upto = sum;
        p->kept = 0.5 + 0.1 * (random_unit(r) + random_unit(r) + random_unit(r) - 1.5);
    }
    for (unsigned i = 0; i < PATTERNS; i++)
        patterns[i].upto /= sum;
}

static const struct pattern *pick(const struct pattern *patterns, double u) {
    unsigned low = 0, high = PATTERNS - 1;
    while (low < high) {
        unsigned middle = (low + high) / 2;
        if (patterns[middle].upto < u)
            low = middle + 1;
        else
            high = middle;
    }
    return &patterns[low];
}

static struct baskets make_baskets(size_t count) {
    struct baskets b = {0};
    struct random r;
    struct pattern *patterns = memory_get(PATTERNS, sizeof *patterns);
    random_init(&r, 1994);
    make_patterns(&r, patterns);
    for (size_t i = 0; i < count; i++) {
        uint32_t items[BASKET_MAX];
        unsigned wanted = 1 + random_poisson(&r, 9), n = 0;
        while (n < wanted && n + 16 < BASKET_MAX) {
            const struct pattern *p = pick(patterns, random_unit(&r));
            for (unsigned k = 0; k < p->count; k++)
                if (random_chance(&r, p->kept))
                    items[n++] = p->items[k];
            if (random_chance(&r, 0.02)) /* a pattern of which nothing is kept must not go on for ever */
                break;
        }
        baskets_add(&b, items, n);
    }
    free(patterns);
    return b;
}

static bool read_baskets(const char *path, struct baskets *b) {
    struct buffer text = {0};
    struct fault fault = {0};
    if (os_read_file(os_real(), path, &text, &fault)) {
        fprintf(stderr, "onefold: %s\n", fault.text);
        return false;
    }
    buffer_add_char(&text, 0);
    for (char *line = text.data, *next; line && *line; line = next) {
        uint32_t items[4096];
        size_t count = 0;
        next = strchr(line, '\n');
        if (next)
            *next++ = 0;
        for (char *at = line, *end; count < 4096 && (items[count] = (uint32_t)strtoul(at, &end, 10), end != at);
             at = end)
            count++;
        if (count)
            baskets_add(b, items, count);
    }
    buffer_release(&text);
    return true;
}

/* --- measuring --- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_support(const struct baskets *b, double support, unsigned workers) {
    double times[REPEATS], rule_times[REPEATS];
    size_t sets_found = 0, rules_found = 0;
    uint64_t sum = 0;
    for (unsigned i = 0; i < REPEATS; i++) {
        struct itemsets sets;
        struct fault fault = {0};
        double began = now_s();
        if (itemsets_mine(b,
                          &(struct itemset_options){.count_min = support_count(support, b->count), .workers = workers},
                          &sets, &fault)) {
            printf("  %.3f %%: %s\n", support * 100, fault.text);
            return;
        }
        times[i] = now_s() - began;
        struct rule *rules;
        if (rules_find(&sets, &(struct rule_options){.confidence_min = 0.5}, &rules, &rules_found, &fault)) {
            printf("  %.3f %%: %s\n", support * 100, fault.text);
            itemsets_release(&sets);
            return;
        }
        rule_times[i] = now_s() - began - times[i];
        sets_found = sets.count;
        sum = 0;
        for (size_t k = 0; k < sets.count; k++)
            sum += sets.counts[k];
        free(rules);
        itemsets_release(&sets);
    }
    qsort(times, REPEATS, sizeof *times, by_value);
    qsort(rule_times, REPEATS, sizeof *rule_times, by_value);
    printf("  %6.3f %%, %u worker%s: %8.2f ms (worst %.2f), rules %.2f ms; %zu sets, %zu rules at 50 %% confidence, "
           "counts sum to %llu\n",
           support * 100, workers, workers > 1 ? "s" : " ", times[REPEATS / 2] * 1e3, times[REPEATS - 1] * 1e3,
           rule_times[REPEATS / 2] * 1e3, sets_found, rules_found, (unsigned long long)sum);
}

/* Everything but the last baskets is there; they come one by one, and the sets are asked for after each. True where the end is what mining all gives. */
static bool bench_live(const struct baskets *b, double support) {
    size_t fresh = b->count < LIVE_BASKETS * 2 ? b->count / 2 : LIVE_BASKETS, first = b->count - fresh;
    struct live_baskets *live = live_baskets_create(&(struct live_options){.support_min = support, .workers = 2});
    struct itemsets sets = {0}, mined;
    struct fault fault = {0};
    double put = 0, asked = 0;
    bool right = true;
    for (size_t i = 0; i < first; i++)
        live_baskets_put(live, i, b->items + b->starts[i], b->starts[i + 1] - b->starts[i]);
    if (live_baskets_remine(live, &fault))
        return false;
    for (size_t i = first; i < b->count && right; i++) {
        double began = now_s();
        live_baskets_put(live, i, b->items + b->starts[i], b->starts[i + 1] - b->starts[i]);
        put += now_s() - began;
        itemsets_release(&sets);
        began = now_s();
        right = live_baskets_sets(live, &sets, &fault) == STATUS_OK;
        asked += now_s() - began;
    }
    struct live_counters c = live_baskets_counters(live);
    right = right &&
            itemsets_mine(b, &(struct itemset_options){.count_min = support_count(support, b->count), .workers = 2},
                          &mined, &fault) == STATUS_OK;
    right =
        right && mined.count == sets.count && memcmp(mined.counts, sets.counts, sets.count * sizeof *sets.counts) == 0;
    printf("  live at %.3f %%: %.2f us to take in a basket, %.3f ms to give the sets after each; %llu times mined, "
           "%llu times the new ones alone, "
           "%zu candidates; %s\n",
           support * 100, put * 1e6 / (double)fresh, asked * 1e3 / (double)fresh, (unsigned long long)c.mined,
           (unsigned long long)c.delta_mined, c.candidates, right ? "as mining all" : "NOT as mining all");
    itemsets_release(&sets);
    itemsets_release(&mined);
    live_baskets_free(live);
    return right;
}

int itemset_bench(int argc, char **argv) {
    static const double supports[] = {0.02, 0.01, 0.005, 0.002, 0.001};
    size_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000;
    struct baskets b = {0};
    if (argc > 2) {
        if (!read_baskets(argv[2], &b))
            return 1;
    } else {
        b = make_baskets(count ? count : 100000);
    }
    printf("%zu baskets, %u items, %.1f items a basket\n", b.count, b.item_count,
           b.count ? (double)b.starts[b.count] / (double)b.count : 0.0);
    for (size_t i = 0; i < sizeof supports / sizeof *supports; i++)
        for (unsigned workers = 1; workers <= 2 && supports[i] * (double)b.count >= COUNT_LEAST; workers++)
            bench_support(&b, supports[i], workers);
    bool right = bench_live(&b, fmax(0.005, COUNT_LEAST / (double)(b.count + 1)));
    baskets_release(&b);
    return right ? 0 : 1;
}
