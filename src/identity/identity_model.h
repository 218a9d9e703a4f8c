/* identity_model: who is with whom, once more, slowly and plainly: a list of identifiers, a list of pairs that came together, a list of
 * decisions; labels that are rewritten at every union, counts made anew at every question. It sees only what records say, so
 * it cannot depend on what identity does meanwhile. identity_random_test.c holds identity to it. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_MODEL_H
#define ONEFOLD_IDENTITY_IDENTITY_MODEL_H

#include "identity/decision.h"

#define MODEL_MAX 6000
#define MODEL_DECISIONS_MAX 64

struct model_identifier {
    uint16_t namespace_number;
    char value[64];
    size_t value_bytes;
    uint32_t label; /* of its cluster, after model_solve */
    bool shared;
};

struct model_edge {
    uint32_t a, b;
    int64_t first_ms;
};

struct model_decision {
    bool merge, undone;
    uint32_t identifiers[1000], parts[1000];
    size_t count;
};

struct model {
    const struct dictionary *dictionary;
    struct model_identifier identifiers[MODEL_MAX]; /* [0] unused */
    uint32_t identifier_count;
    struct model_edge edges[4 * MODEL_MAX];
    uint32_t edge_count;
    struct model_decision decisions[MODEL_DECISIONS_MAX];
    uint32_t decision_count;
};

struct model *model_create(const struct dictionary *dictionary);
/* What a record says. */
void model_see(struct model *m, const struct governed *record);
/* 0 where never seen. */
uint32_t model_find(const struct model *m, uint16_t namespace_number, struct slice value);
/* Fills label and shared of all. Not for SHARED_LAST. */
void model_solve(struct model *m);

#endif
