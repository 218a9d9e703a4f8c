/* relation_model: the edges of a customer to others, folded from rows in the plainest way, for the slow twin (plan_model.h). */
#ifndef ONEFOLD_LANGUAGE_RELATION_MODEL_H
#define ONEFOLD_LANGUAGE_RELATION_MODEL_H

#include "identity/identity.h"

struct model_edge {
    const struct record_head *record; /* all updates laid over each other, with the head of the latest */
    int64_t time_ms;                  /* of the first update */
    uint64_t position;                /* of the first update */
    struct customer_id target;        /* as it is now */
};
/* The edges of relation type `type` that are not over, among `records` [count], newest first. `edges` has room for `count`. */
size_t model_edges(const struct identity *identity, const struct record_head *const *records, size_t count,
                   uint16_t type, struct arena *arena, struct model_edge *edges);

#endif
