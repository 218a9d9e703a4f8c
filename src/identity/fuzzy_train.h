/* fuzzy_train: what each level of each field is worth, learnt from the records themselves, without labels.
 *
 * Fellegi and Sunter (1969): a pair's evidence is the sum over fields of log2(m / u), m being how often two records of one person
 * show the level, u how often two of different persons do. u comes from pairs drawn at random; m from EM (Winkler 1988) over pairs
 * that blocking keys bring together, one key at a time, for the fields that are not in the key (those agree by construction),
 * averaged over the keys by how many matches each found. Then u is cleaned of the matches among the random pairs and m learnt
 * again. Given the model and the pairs kept, fuzzy_refine settles the share of matches and m over all of them at once. */
#ifndef ONEFOLD_IDENTITY_FUZZY_TRAIN_H
#define ONEFOLD_IDENTITY_FUZZY_TRAIN_H

#include "identity/fuzzy_compare.h"

struct fuzzy_weights {
    double m[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX], u[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX];
    double weight[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX]; /* log2(m / u) */
    double pairs;                                      /* that could be compared at all */
    double matches;                                    /* expected among them */
    bool trained[FUZZY_FIELDS_MAX];                    /* false: m is the default */
    /* Two persons of one household agree in family name and address, and often in more: they are a third kind of pair, between those of one
     * person and those drawn at random, of which `home` is what u is of the latter. Learnt where records tell of households. */
    bool household;
    double home[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX];
    double home_weight[FUZZY_FIELDS_MAX][FUZZY_LEVELS_MAX]; /* log2(m / home) */
    double home_bits;                                       /* log2 of all pairs over those of one household */
};

/* How often each pattern was seen. `{0}` is empty. */
struct fuzzy_counts {
    fuzzy_pattern *patterns; /* pattern + 1; 0 = free */
    double *counts;
    size_t slot_count, count;
    double total;
};
void fuzzy_counts_release(struct fuzzy_counts *c);
void fuzzy_counts_add(struct fuzzy_counts *c, fuzzy_pattern pattern, double times);

/* EM over `counts`: m of the fields in `active` (bits) and the share of matches, u being known. m is read as the start. Returns the share. */
double fuzzy_em(const struct fuzzy_fields *fields, const struct fuzzy_counts *counts, uint32_t active,
                struct fuzzy_weights *weights, unsigned rounds);
/* Everything, from records to weights. Deterministic. Cost: a second or two, whatever the size. */
void fuzzy_train(const struct fuzzy_fields *fields, const struct fuzzy_rules *rules, struct fuzzy_weights *weights);
/* With all pairs that may match as `kept`: the number of matches, and where there are enough of them m again. */
void fuzzy_refine(const struct fuzzy_fields *fields, const struct fuzzy_counts *kept, struct fuzzy_weights *weights);

/* A pair's evidence in bits, term frequencies included; without the prior. */
double fuzzy_evidence(const struct fuzzy_fields *fields, const struct fuzzy_weights *weights, uint32_t a, uint32_t b,
                      fuzzy_pattern pattern);
/* What one field adds to it. */
double fuzzy_field_evidence(const struct fuzzy_fields *fields, const struct fuzzy_weights *weights, size_t field,
                            uint32_t a, unsigned level);
/* `bits` of a pattern, against two drawn at random, as they are against these and two of one household together: never more. */
double fuzzy_household(const struct fuzzy_fields *fields, const struct fuzzy_weights *weights, fuzzy_pattern pattern,
                       double bits);
/* log2 of the odds that two records drawn at random match. */
double fuzzy_prior(const struct fuzzy_weights *weights);
static inline double fuzzy_probability(double bits) { return 1 / (1 + __builtin_exp2(-bits)); }

#endif
