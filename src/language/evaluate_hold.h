/* evaluate_hold: what the files of holds share. Inside of language/ only. */
#ifndef ONEFOLD_LANGUAGE_EVALUATE_HOLD_H
#define ONEFOLD_LANGUAGE_EVALUATE_HOLD_H

#include "language/evaluate.h"

enum trait {
    READS_EVENTS = 1,   /* an event of the customer can change the value */
    SETTLED = 2,        /* the value of a row that is there is not changed by other events */
    ONLY_LEAVES = 4,    /* a condition on rows that time can make false, not true, while no row lies in the future */
    READS_DOCUMENTS = 8 /* a document of the customer can change the value */
};
static inline bool has_trait(const struct state *s, uint32_t node, enum trait trait) {
    return node == NODE_NONE || s->evaluator->traits[node] & trait;
}

/* --- evaluate_hold.c --- */
void know_traits(struct evaluator *e);
int64_t until_of(struct state *s, uint32_t node, uint32_t i); /* of customer `i` of the range in hand */

/* --- evaluate_distinct.c --- */
bool counts_texts(const struct state *s, const struct plan_node *aggregate);

/* --- evaluate_amount.c --- */
struct hold_amount amount_of(struct state *s, uint32_t root);
bool amount_node(struct state *s, uint32_t node); /* the comparison that a root's amount is of */
struct hold amount_hold(struct state *s, uint32_t node, uint32_t i);

#endif
