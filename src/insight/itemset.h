/* itemset: which things are in many baskets together, and the rules that follow: who takes these, takes that too.
 *
 * An item is a number below `item_count`; a basket is a set of items; an itemset is frequent where at least `count_min` baskets hold all of it.
 * A rule is a frequent set with one item set apart: left => right, with Agrawal's and Brin's measures. All counts are exact.
 *
 * Thread: any; mining shares its work among language/workers and gives the same bytes with any number of them. */
#ifndef ONEFOLD_INSIGHT_ITEMSET_H
#define ONEFOLD_INSIGHT_ITEMSET_H

#include "base/memory.h"
#include "base/status.h"

#define ITEMSET_LENGTH_MAX 32
#define ITEMSETS_MAX 20000000u /* past it: TOO_LARGE */
#define RULES_MAX 20000000u    /* the same */

/* baskets: one after another. Items of basket i are items[starts[i]] up to items[starts[i + 1]], ascending and distinct. */
struct baskets {
    uint32_t *items;
    uint64_t *starts; /* count + 1 */
    size_t count, basket_capacity, item_capacity;
    uint32_t item_count; /* items are below it */
};
/* Adds one; sorts and makes distinct what is given (`items` is not changed). {0} is no baskets. */
void baskets_add(struct baskets *baskets, const uint32_t *items, size_t count);
void baskets_release(struct baskets *baskets);

/* itemsets: frequent ones, each ascending; in order of length, then of their items. */
struct itemsets {
    uint32_t *items;
    uint32_t *starts; /* count + 1, into items */
    uint32_t *counts;
    size_t count;
    uint32_t *slots; /* of a hash table by what is in them: number + 1, or 0 */
    size_t slot_count;
    size_t basket_count; /* they are out of */
    uint32_t item_count;
};

struct itemset_options {
    uint32_t count_min;  /* >= 1 */
    unsigned length_max; /* 0: ITEMSET_LENGTH_MAX */
    unsigned workers;
    const _Atomic bool *stop; /* or NULL */
    size_t most;              /* 0: ITEMSETS_MAX */
};

/* Errors: TOO_LARGE past `most` (the fault says to raise the support); CLOSED where stopped.
 * Cost: the sum over baskets of length^2, then for each frequent item the rarer of whose sets it begins: an AND of its own baskets' bits a set. */
enum status itemsets_mine(const struct baskets *baskets, const struct itemset_options *options, struct itemsets *out,
                          struct fault *fault) WARN_UNUSED;
void itemsets_release(struct itemsets *sets);

static inline uint32_t itemset_length(const struct itemsets *s, size_t i) { return s->starts[i + 1] - s->starts[i]; }
static inline const uint32_t *itemset_items(const struct itemsets *s, size_t i) { return s->items + s->starts[i]; }
/* The number of the set of these (ascending) items; false where it is not among them. The empty set is in none. */
bool itemsets_find(const struct itemsets *sets, const uint32_t *items, size_t count, uint32_t *number);
/* Makes the hash table over items, starts and counts, which are there. */
void itemsets_index(struct itemsets *sets);
/* Puts sets that lie in any order (items, starts [count + 1] and counts, from malloc) in the order mining gives: by length, then by items; and
 * indexes them. */
void itemsets_sort(struct itemsets *sets);

/* --- rules --- */
struct rule {
    uint32_t set;                           /* the itemset of both sides */
    uint32_t right;                         /* its item on the right */
    uint32_t both, left_count, right_count; /* baskets with both sides, the left, the right */
};
struct rule_options {
    double confidence_min, lift_min;
    unsigned length_min,
        length_max;           /* of both sides together; 1 lets rules with nothing on the left in. 0: 2, and no most */
    const _Atomic bool *stop; /* or NULL */
    size_t most;              /* 0: RULES_MAX */
};
/* All rules, by lift, then confidence, then support, the highest first; equals in order of their sets. Owned by the caller: free().
 * Errors: TOO_LARGE past `most` (the fault says what to raise); CLOSED where stopped. */
enum status rules_find(const struct itemsets *sets, const struct rule_options *options, struct rule **rules,
                       size_t *count, struct fault *fault) WARN_UNUSED;

struct rule_measures {
    double support, confidence, lift;
    double conviction; /* (1 - P(right)) / (1 - confidence); infinite where always */
    double leverage;   /* P(both) - P(left) P(right) */
    double coverage;   /* P(left) */
    double p_value;    /* of chance alone giving as strong a link, two-sided, by chi-squared with one degree */
};
struct rule_measures rule_measures(const struct rule *rule, size_t basket_count);

#endif
