/* fuzzy_cluster: scored pairs to groups of records that are one person.
 *
 * Connected components chain: a with b by a typo, b with c by a shared phone, and a and c are one without having anything in common.
 * So two groups are joined over their strongest pair only if on average all their pairs agree: the mean of every cross pair's
 * evidence, each held within +-clamp so that one strong pair cannot outvote the rest and one very bad one cannot veto, must reach zero.
 * Pairs are taken strongest first (average linkage, greedy). Where sources hold nobody twice, two records of one source are
 * never joined: for two sources that is the greedy one-to-one assignment.
 *
 * Thread: one. Cost: O(pairs), and for each pair that would join two groups their sizes' product, FUZZY_CROSS_MAX at most. */
#ifndef ONEFOLD_IDENTITY_FUZZY_CLUSTER_H
#define ONEFOLD_IDENTITY_FUZZY_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FUZZY_CROSS_MAX 400

struct fuzzy_pair {
    uint32_t a, b; /* a < b */
    float bits;    /* log2 of the odds that they are one */
    uint32_t reserved;
    uint64_t pattern;
};

struct fuzzy_clustering {
    const struct fuzzy_pair *pairs; /* strongest first */
    size_t pair_count, record_count;
    const uint32_t *sources; /* NULL: sources do not matter */
    double threshold_bits;   /* pairs below join nothing */
    bool connected;          /* plain connected components */
    double clamp;
    /* A cross pair's evidence, also of pairs that are not in the list. */
    double (*bits)(void *context, uint32_t a, uint32_t b);
    void *context;
};
/* Fills clusters[record] with the smallest record of its cluster. Returns how many clusters there are. */
size_t fuzzy_cluster(const struct fuzzy_clustering *c, uint32_t *clusters);

#endif
