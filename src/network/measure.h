/* measure: numbers about each customer of a network of relations: how many related, which community, how influential (network_measure.def). The one
 * door to igraph; whatever of it goes wrong ends here.
 *
 * Deterministic: the same edges give the same values on every run (igraph's generator is seeded anew each time).
 * Thread: any; igraph is no thread-safe build on Debian, so calls wait for one another. Cost: `onefold bench network`; betweenness
 * takes customers times relations. */
#ifndef ONEFOLD_NETWORK_MEASURE_H
#define ONEFOLD_NETWORK_MEASURE_H

#include "network/edges.h"

#define NETWORK_BETWEENNESS_MAX 2000000000ull /* customers times relations */

enum network_measure {
#define MEASURE(name, ...) NETWORK_##name,
#include "network/network_measure.def"
#undef MEASURE
    NETWORK_MEASURES
};
struct network_measure_row {
    const char *word, *en, *zh;
    uint8_t type; /* enum property_type */
    uint8_t decimals;
};
const struct network_measure_row *network_measure_row(enum network_measure measure);
int network_measure_parse(struct slice word); /* -1 for none */

struct network_values {
    uint32_t *customers; /* [count]: those with a relation, ascending */
    size_t count;
    /* [measure][customer's index], rounded; NULL where not asked for. COMMUNITY: number of its oldest customer */
    double *values[NETWORK_MEASURES];
    size_t edge_count;      /* pairs of customers that are related, whatever the direction */
    size_t community_count; /* 0 where not asked for, likewise below */
    size_t component_count, component_size_max;
    double modularity;
};
void network_values_release(struct network_values *values);

/* `edges`: sorted, each once (edge_list_sort). `asked`: bits of enum network_measure. `stopped` (may be NULL) is asked now and then whether to end.
 * Errors: INVALID (too large for betweenness), CLOSED (stopped), NO_MEMORY, IO (igraph's own fault, named). */
enum status network_measure_all(const struct edge_list *edges, uint32_t asked, bool (*stopped)(void *context),
                                void *context, struct network_values *out, struct fault *fault) WARN_UNUSED;

#endif
