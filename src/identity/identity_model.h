/* identity_model: the rules of identity.h once more, slowly and plainly: arrays that are scanned, owners rewritten at
 * every merge, nothing cached. It tells the truth in tests; identity_test.c holds identity to it. Numbers come out the
 * same. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_MODEL_H
#define ONEFOLD_IDENTITY_IDENTITY_MODEL_H

#include "identity/identity.h"

#define MODEL_MAX 20000

struct model_identifier {
    uint16_t namespace_number;
    char value[64];
    size_t value_bytes;
    uint32_t customer; /* now */
    uint64_t position;
};

struct model {
    const struct dictionary *dictionary;
    enum shared_device_policy policy;
    struct model_identifier identifiers[MODEL_MAX]; /* [0] unused */
    uint32_t identifier_count;
    uint64_t rows[MODEL_MAX];        /* by customer */
    uint32_t merged_into[MODEL_MAX]; /* 0 = not merged */
    bool shared[MODEL_MAX];          /* of a shared device */
    uint32_t customer_count;
    struct edge edges[MODEL_MAX];
    uint32_t edge_count;
    struct journal_entry journal[MODEL_MAX];
    uint32_t journal_count;
    uint64_t blocked;
};

struct model *model_create(const struct dictionary *dictionary);
enum status model_resolve(struct model *m, const struct governed *record, uint64_t position, unsigned rows,
                          struct resolution *out) WARN_UNUSED;
uint32_t model_redirect(const struct model *m, uint32_t customer);
void model_counters(const struct model *m, struct identity_counters *out); /* memory_bytes 0 */

#endif
