/* fuzzy_match: probabilistic record linkage, whole: records in columns -> candidate pairs -> scored pairs -> clusters. Knows
 * nothing of history, customers or files.
 *
 *     table and rules (fuzzy_table.h, fuzzy_rules.h)
 *       -> fields: normalised values as codes            fuzzy_field.h, fuzzy_normalise.h
 *       -> weights learnt without labels                 fuzzy_train.h
 *       -> pairs that share a blocking key, compared     fuzzy_block.h, fuzzy_plan.c, fuzzy_compare.h, fuzzy_text.h
 *       -> scored pairs, strongest first                 here
 *       -> clusters                                      fuzzy_cluster.h
 *
 * Deterministic: the same records and rules give the same pairs and clusters, with one worker or many. */
#ifndef ONEFOLD_IDENTITY_FUZZY_MATCH_H
#define ONEFOLD_IDENTITY_FUZZY_MATCH_H

#include "identity/fuzzy_cluster.h"
#include "identity/fuzzy_train.h"

/* What an earlier run left, so that the next compares only what is new. Nothing is learnt then: `weights` are taken as they are, and the
 * rules must be that run's complete ones. The pairs come out as if everything were compared with these weights, but for two
 * unchanged records that were not kept then (KEPT_BITS) and would be now, because values have become rarer or (text:hashes) share
 * other pieces; such pairs are far below any threshold. */
struct fuzzy_before {
    const struct fuzzy_weights *weights;
    const bool *unchanged; /* [record]: it took part then, as it is; NULL: all pairs are compared */
    /* Pairs kept then, of records that are unchanged, in any order. */
    const struct fuzzy_pair *pairs;
    size_t pair_count;
    /* [rule]: uint64_t, the keys of blocks that were too large to be compared then; ascending. NULL: none. */
    const struct buffer *large;
};

struct fuzzy_options {
    unsigned workers; /* 0: one */
    /* Runs work(context, n) for n < count at once and waits (workers_run); NULL: one after another. */
    void (*run)(unsigned count, void (*work)(void *context, unsigned number), void *context);
    /* Told now and then how far it is, 0 to 1; false stops: fuzzy_match_run then answers CLOSED. May be NULL. */
    bool (*progress)(void *context, double done);
    void *progress_context;
    const struct fuzzy_before *before; /* NULL: everything is learnt and compared */
};

struct fuzzy_match {
    struct fuzzy_rules rules; /* completed: what was inferred is in them */
    struct fuzzy_fields fields;
    struct fuzzy_weights weights;
    struct fuzzy_pair *pairs; /* those that may match, strongest first */
    size_t pair_count;
    uint32_t *clusters; /* [record]: the smallest record of its cluster */
    size_t cluster_count;
    bool unique_sources; /* as decided */
    uint64_t compared_count;
    struct buffer large[FUZZY_BLOCKS_MAX]; /* [rule]: as in fuzzy_before */
    size_t memory_bytes;                   /* of fields and pairs, about */
};

/* Everything. `table` must outlive `m`. Errors: CLOSED where progress said stop; INVALID: nothing to compare. Release with
 * fuzzy_match_release whatever it returned. */
enum status fuzzy_match_run(struct fuzzy_table *table, const struct fuzzy_rules *rules,
                            const struct fuzzy_options *options, struct fuzzy_match *m,
                            struct fault *fault) WARN_UNUSED;
void fuzzy_match_release(struct fuzzy_match *m);
/* Clusters again at another probability, into `clusters`. */
size_t fuzzy_match_cluster(struct fuzzy_match *m, double threshold, uint32_t *clusters);

/* How a pair's score came about, field by field, as JSON: values, level, bits; the prior; the sum and the probability. */
void fuzzy_match_explain(struct fuzzy_match *m, uint32_t a, uint32_t b, struct json_writer *w);
/* The pair's bits, prior included. */
double fuzzy_match_bits(struct fuzzy_match *m, struct fuzzy_cache *cache, uint32_t a, uint32_t b);
/* What was learnt: m, u and bits of each level of each field, as JSON. */
void fuzzy_match_weights(const struct fuzzy_match *m, struct json_writer *w);

#endif
