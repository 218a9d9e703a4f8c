/* fuzzy_compare: two values to a level of likeness, two records to a level per field.
 *
 * Levels are the comparator's (fuzzy_comparator.def), 0 the best. Where one of two values is missing there is no level
 * (FUZZY_LEVEL_NONE): no evidence either way. Where two fields of a record may stand in each other's place (given and family
 * name), and crosswise they agree better than straight, the first gets the level "swapped" and the second none. */
#ifndef ONEFOLD_IDENTITY_FUZZY_COMPARE_H
#define ONEFOLD_IDENTITY_FUZZY_COMPARE_H

#include "identity/fuzzy_field.h"

#define FUZZY_LEVEL_NONE 15
#define FUZZY_LEVELS_MAX 8

/* The level of two values of a field, by the comparator alone. Pure. Cost: 20 to 300 ns. */
unsigned fuzzy_compare_values(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b);
/* The cosine of two free texts' pieces, and the share of the shorter's weight that is in the longer. */
double fuzzy_cosine(const struct fuzzy_field *f, const struct fuzzy_value *a, const struct fuzzy_value *b);

/* Levels of pairs of values met before, so that a pair of common names is compared once. Direct mapped; changes no answer.
 * Thread: one owner. Memory: FUZZY_CACHE_SLOTS * 8 bytes a field. */
#define FUZZY_CACHE_SLOTS ((size_t)1 << 15)
struct fuzzy_cache {
    uint64_t *slots[FUZZY_FIELDS_MAX]; /* low code, high code, level: 30 + 30 + 4 bits */
    uint64_t asked, found;
};
void fuzzy_cache_init(struct fuzzy_cache *cache, const struct fuzzy_fields *fields);
void fuzzy_cache_release(struct fuzzy_cache *cache);

/* The levels of records `a` and `b`, a field each. Packed, four bits a field, it is the pair's pattern. */
typedef uint64_t fuzzy_pattern;
fuzzy_pattern fuzzy_compare_records(const struct fuzzy_fields *fields, struct fuzzy_cache *cache, uint32_t a,
                                    uint32_t b);
/* What comparing may leave out: a pair whose evidence cannot reach `floor_bits` any more is given up. */
struct fuzzy_bounds {
    double best[FUZZY_FIELDS_MAX];            /* the most a field can give where values differ */
    const double (*weight)[FUZZY_LEVELS_MAX]; /* [field][level] */
    unsigned order[FUZZY_FIELDS_MAX];         /* fields, those that tell most for their cost first */
    double floor_bits;
};
/* The same pattern as fuzzy_compare_records, and its evidence, households not yet minded; false
 * where the evidence is below the floor (the pattern is then not whole). */
bool fuzzy_compare_bounded(const struct fuzzy_fields *fields, struct fuzzy_cache *cache,
                           const struct fuzzy_bounds *bounds, uint32_t a, uint32_t b, fuzzy_pattern *pattern,
                           double *bits);
static inline unsigned fuzzy_pattern_level(fuzzy_pattern p, size_t field) { return (p >> (field * 4)) & 15; }

#endif
