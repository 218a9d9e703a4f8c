/* fuzzy_evaluate: clusters against the truth, as published figures count.
 *
 * Pairs: of records under one cluster, how many are one entity (precision); of records of one entity, how many are under one cluster
 * (recall). Clusters: those whose records are exactly one entity's. Records without truth take no part. */
#ifndef ONEFOLD_IDENTITY_FUZZY_EVALUATE_H
#define ONEFOLD_IDENTITY_FUZZY_EVALUATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/fuzzy_cluster.h"

struct fuzzy_quality {
    uint64_t records, entities, clusters, exact_clusters, covered; /* covered: records that are in a cluster at all */
    double true_pairs, found_pairs, right_pairs;
    double precision, recall, f1;
    double cluster_precision, cluster_recall, cluster_f1;
    double coverage;
};

/* `truth` and `clusters`: a number per record, 0 in truth: not known; UINT32_MAX in clusters: in none. `sources` with between_only:
 * only pairs of different sources count. Cost: O(records log records). */
void fuzzy_evaluate(const uint32_t *truth, const uint32_t *clusters, size_t count, const uint32_t *sources,
                    struct fuzzy_quality *q);
/* The same for pairs alone: `pairs` strongest first, each threshold's figures come from a prefix. true_pairs as above. */
void fuzzy_evaluate_pairs(const uint32_t *truth, const struct fuzzy_pair *pairs, size_t pair_count,
                          double threshold_bits, double true_pairs, struct fuzzy_quality *q);
/* The threshold at which the pairs' F1 is best, and that F1. */
double fuzzy_best_threshold(const uint32_t *truth, const struct fuzzy_pair *pairs, size_t pair_count, double true_pairs,
                            double *best_f1);

#endif
