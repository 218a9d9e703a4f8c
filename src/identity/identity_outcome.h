/* identity_outcome: what a solved component comes to for the customers there are: which cluster keeps which number, who merges, what
 * moves. Inside of the folder.
 *
 * Numbers do depend on what was before, so that oneids are stable; who is with whom does not. A customer goes on in the cluster that has its
 * founder: of the identifiers that were attached to it from the start, the strongest; where none is left, the strongest it
 * has; in a split by hand, the part that stays. A cluster that several customers go on in is the one with more
 * rows, at a tie the older, and the others are merged into it. A cluster that none goes on in becomes the customer that its
 * strongest identifier was attached to, where that one was merged away, and a new customer otherwise. A cluster of identifiers that never
 * stood for a record is no customer yet.
 *
 * Making a outcome reads only; identity_apply.c carries it out. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_OUTCOME_H
#define ONEFOLD_IDENTITY_IDENTITY_OUTCOME_H

#include "identity/identity_solve.h"

enum outcome_origin { OUTCOME_NOBODY, OUTCOME_KEPT, OUTCOME_REVIVED, OUTCOME_NEW };

struct outcome_cluster {
    uint32_t customer; /* 0 = nobody yet; a new one's is past those given */
    uint8_t origin;    /* enum outcome_origin */
    bool shared, wanted;
    uint32_t strongest; /* node */
};

/* A customer there was. */
struct outcome_customer {
    uint32_t number, founder; /* node */
    uint32_t cluster;         /* where it goes on */
    bool from_start;          /* the founder was attached to it from the start */
};

struct outcome_wish {
    uint32_t arrival;                   /* identifier: its cluster becomes a customer in any case */
    uint32_t stays, stay_identifier;    /* customer `stays` goes on with that identifier */
    uint32_t revive, revive_identifier; /* and that merged one lives again with that one */
};

struct outcome {
    struct buffer clusters, customers; /* of the above */
    struct buffer merges;              /* struct merge: in order, before the moves */
    struct buffer moves;               /* struct move */
    struct buffer arrivals;            /* struct identifier_id, which moves point into */
    struct buffer moving;              /* scratch */
    struct number_map customer_index, taken;
    uint32_t fresh_count; /* new customers */
};

struct outcome *outcome_create(void);
void outcome_free(struct outcome *outcome);
void outcome_make(struct solver *solver, const struct outcome_wish *wish);

/* The merges that would make a customer with more than IDENTIFIERS_HELD persons' identifiers. */
size_t outcome_held(const struct solver *solver);

static inline struct outcome_cluster *outcome_clusters(const struct outcome *p) {
    return (struct outcome_cluster *)(void *)p->clusters.data;
}
static inline struct outcome_customer *outcome_customers(const struct outcome *p) {
    return (struct outcome_customer *)(void *)p->customers.data;
}
static inline size_t outcome_customer_count(const struct outcome *p) {
    return p->customers.size / sizeof(struct outcome_customer);
}
/* Whose `node` is after the outcome; 0 = nobody's. */
static inline uint32_t outcome_customer_of(const struct solver *s, const struct solve_node *node) {
    return outcome_clusters(s->outcome)[node->cluster].customer;
}

#endif
