/* evaluate_group: what the files of aggregates share. Inside of language/ only. */
#ifndef ONEFOLD_LANGUAGE_EVALUATE_GROUP_H
#define ONEFOLD_LANGUAGE_EVALUATE_GROUP_H

#include "language/evaluate.h"

struct group {
    struct state *s;
    const struct plan_node *n;
    const uint64_t *bits; /* of elements that count */
    const uint64_t *base; /* of SHARE: what it is a share of */
    const struct vector *values;
    uint32_t from, to;
};

static inline bool rows_say_whose(const struct state *s, const struct frame_now *f) {
    return !f->owners && f->rows && f->rows->owners && s->count == SPAN_CUSTOMERS;
}

/* --- evaluate_group.c --- */
bool window_same_for_all(struct state *s, const struct plan_node *n);       /* its moments are no customer's own */
void group_value(struct group *g, struct vector *out, uint32_t at);         /* of one group, whatever is asked */
uint8_t group_form(const struct plan_node *n, const struct vector *values); /* of the vector that holds them */

#endif
