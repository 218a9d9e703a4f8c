/* fuzzy_evaluate: see the header. */
#include "identity/fuzzy_evaluate.h"

#include <stdlib.h>

#include "base/memory.h"

/* A record under both. With sources: pairs within one are taken off again, by sorting on the source too. */
struct both {
    uint32_t truth, cluster, source;
};

static int by_truth(const void *a, const void *b) {
    const struct both *x = a, *y = b;
    if (x->truth != y->truth)
        return x->truth < y->truth ? -1 : 1;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

static int by_cluster(const void *a, const void *b) {
    const struct both *x = a, *y = b;
    if (x->cluster != y->cluster)
        return x->cluster < y->cluster ? -1 : 1;
    if (x->truth != y->truth)
        return x->truth < y->truth ? -1 : 1;
    return (x->source > y->source) - (x->source < y->source);
}

static int by_source(const void *a, const void *b) {
    const struct both *x = a, *y = b;
    return (x->source > y->source) - (x->source < y->source);
}

static double pairs_of(size_t n) { return (double)n * (double)(n - (n > 0)) / 2; }

/* The pairs among list[from..to), with `between` without those of one source. */
static double pairs_in(struct both *list, size_t from, size_t to, bool between) {
    double pairs = pairs_of(to - from);
    if (!between || to - from < 2)
        return pairs;
    struct both *copy = memory_get(to - from, sizeof *copy);
    memcpy(copy, list + from, (to - from) * sizeof *copy);
    qsort(copy, to - from, sizeof *copy, by_source);
    for (size_t i = 0, end; i < to - from; i = end) {
        for (end = i + 1; end < to - from && copy[end].source == copy[i].source;)
            end++;
        pairs -= pairs_of(end - i);
    }
    free(copy);
    return pairs;
}

static double ratio(double part, double whole) { return whole > 0 ? part / whole : 1; }

static double harmonic(double p, double r) { return p + r > 0 ? 2 * p * r / (p + r) : 0; }

/* Runs of one entity: its pairs, and those that are under one cluster. */
static void count_truth(struct both *list, size_t count, bool between, struct fuzzy_quality *q) {
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && list[end].truth == list[i].truth;)
            end++;
        q->entities++;
        q->true_pairs += pairs_in(list, i, end, between);
        for (size_t a = i, b; a < end; a = b) {
            for (b = a + 1; b < end && list[b].cluster == list[a].cluster;)
                b++;
            if (list[a].cluster != UINT32_MAX)
                q->right_pairs += pairs_in(list, a, b, between);
        }
    }
}

/* Runs of one cluster: its pairs, and whether it is one entity whole. */
static void count_clusters(struct both *list, size_t count, bool between, const uint32_t *entity_size,
                           struct fuzzy_quality *q) {
    for (size_t i = 0, end; i < count && list[i].cluster != UINT32_MAX; i = end) {
        for (end = i + 1; end < count && list[end].cluster == list[i].cluster;)
            end++;
        q->clusters++;
        q->covered += end - i;
        q->found_pairs += pairs_in(list, i, end, between);
        q->exact_clusters += list[i].truth == list[end - 1].truth && entity_size[list[i].truth] == end - i;
    }
}

void fuzzy_evaluate(const uint32_t *truth, const uint32_t *clusters, size_t count, const uint32_t *sources,
                    struct fuzzy_quality *q) {
    struct both *list = memory_get(count + 1, sizeof *list);
    uint32_t most = 0;
    *q = (struct fuzzy_quality){0};
    for (size_t i = 0; i < count; i++)
        if (truth[i]) {
            list[q->records++] = (struct both){truth[i], clusters[i], sources ? sources[i] : 0};
            most = truth[i] > most ? truth[i] : most;
        }
    uint32_t *entity_size = memory_get((size_t)most + 1, sizeof *entity_size);
    for (size_t i = 0; i < q->records; i++)
        entity_size[list[i].truth]++;
    qsort(list, q->records, sizeof *list, by_truth);
    count_truth(list, q->records, sources != NULL, q);
    qsort(list, q->records, sizeof *list, by_cluster);
    count_clusters(list, q->records, sources != NULL, entity_size, q);
    q->precision = ratio(q->right_pairs, q->found_pairs);
    q->recall = ratio(q->right_pairs, q->true_pairs);
    q->f1 = harmonic(q->precision, q->recall);
    q->cluster_precision = ratio((double)q->exact_clusters, (double)q->clusters);
    q->cluster_recall = ratio((double)q->exact_clusters, (double)q->entities);
    q->cluster_f1 = harmonic(q->cluster_precision, q->cluster_recall);
    q->coverage = ratio((double)q->covered, (double)q->records);
    free(entity_size);
    free(list);
}

void fuzzy_evaluate_pairs(const uint32_t *truth, const struct fuzzy_pair *pairs, size_t pair_count,
                          double threshold_bits, double true_pairs, struct fuzzy_quality *q) {
    *q = (struct fuzzy_quality){.true_pairs = true_pairs};
    for (size_t i = 0; i < pair_count && pairs[i].bits >= threshold_bits; i++)
        if (truth[pairs[i].a] && truth[pairs[i].b]) {
            q->found_pairs++;
            q->right_pairs += truth[pairs[i].a] == truth[pairs[i].b];
        }
    q->precision = ratio(q->right_pairs, q->found_pairs);
    q->recall = ratio(q->right_pairs, true_pairs);
    q->f1 = harmonic(q->precision, q->recall);
}

double fuzzy_best_threshold(const uint32_t *truth, const struct fuzzy_pair *pairs, size_t pair_count, double true_pairs,
                            double *best_f1) {
    double found = 0, right = 0, at = 0;
    *best_f1 = 0;
    for (size_t i = 0; i < pair_count; i++) {
        if (!truth[pairs[i].a] || !truth[pairs[i].b])
            continue;
        found++;
        right += truth[pairs[i].a] == truth[pairs[i].b];
        if (i + 1 < pair_count && pairs[i + 1].bits == pairs[i].bits)
            continue;
        double f1 = harmonic(right / found, ratio(right, true_pairs));
        if (f1 > *best_f1) {
            *best_f1 = f1;
            at = pairs[i].bits;
        }
    }
    return at;
}
