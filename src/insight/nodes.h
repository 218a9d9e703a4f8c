/* nodes: the texts of a stream as few codes of a byte: the most frequent ones, the rest as "(others)". The same for all workers, in the order of
 * the sets' names, then of frequency: found by a pass of its own where texts are values of rows.
 *
 *     nodes_find(&nodes, &stream, 20, fault);                               -- before the pass that counts
 *     node_codes_bind(&codes, &nodes, part->worker);                        -- a worker, once
 *     code = node_code(&codes, p->texts[i]);                                -- NODE_NONE: the row has no text */
#ifndef ONEFOLD_INSIGHT_NODES_H
#define ONEFOLD_INSIGHT_NODES_H

#include "insight/stream.h"

#define NODES_MAX 250
#define NODE_NONE 255

struct nodes {
    struct arena arena;
    struct slice names[NODES_MAX];
    uint32_t count;
    uint8_t others;              /* code of "(others)"; NODE_NONE where there is none */
    uint64_t different, missing; /* texts there are; rows without */
    uint64_t merged_rows;        /* of "(others)" */
};
/* At most `most` texts beside the names of sets. Errors: TOO_LARGE where there are more names than NODES_MAX; scan_run's. */
enum status nodes_find(struct nodes *nodes, struct stream *stream, uint32_t most, struct fault *fault) WARN_UNUSED;
void nodes_release(struct nodes *nodes);
uint8_t nodes_code(const struct nodes *nodes, struct slice name); /* NODE_NONE where there is none */
/* The same for a name that a definition's `key` gives: INVALID where it is none, naming the nearest. */
enum status nodes_named(const struct nodes *nodes, const struct definition_part *definition, const char *key,
                        struct slice name, uint8_t *code, struct fault *fault) WARN_UNUSED;

struct node_codes { /* {0} is unbound */
    uint8_t *codes; /* by text number: code + 1; 0: among the others */
    size_t room;
    uint8_t others;
    bool bound;
};
void node_codes_bind(struct node_codes *codes, const struct nodes *nodes, struct scan_worker *worker);
static inline uint8_t node_code(const struct node_codes *codes, uint32_t text) {
    if (text == 0)
        return NODE_NONE;
    return text < codes->room && codes->codes[text] ? (uint8_t)(codes->codes[text] - 1) : codes->others;
}
void node_codes_release(struct node_codes *codes);

#endif
