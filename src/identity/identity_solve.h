/* identity_solve: who is with whom, as a function of evidence, rules and decisions alone. Inside of the folder.
 *
 * What is solved is a component: everything that evidence or decisions connect to the identifiers one starts from, also
 * where rules keep it apart now. The answer does not depend on the order in which records came, nor on who is with whom
 * at the moment:
 *  1. Merges by hand, newest first, whatever the rules say; then what splits by hand left together, newest first.
 *  2. Evidence edges, one after another: by the weaker identifier's rank (priority; documents last), then by event time of
 *     the first record that showed it, then by the stronger's rank, then by the identifiers themselves. Each joins its two clusters unless
 *     rules (identity_rules.h) or a split by hand refuse; then the weaker identifier stays where it is.
 *  3. A device whose edge to a person's identifier is refused so, because there is another person already, is shared:
 *     it is dropped (SHARED_NONE), or held to the person seen on it last (SHARED_LAST), and all begins again without
 *     its other edges. With SHARED_FIRST it stays as any identifier does.
 *  4. Shared devices that came together are one.
 * Ties of event times fall to the identifiers' hashes; so does everything else that has no reason.
 *
 * Gathering reads only what readers may read (edges, owners, decisions), so it runs beside the fold for previews and rehearsals.
 * Cost: O(edges log edges) a round, a round for each of the first SOLVE_ROUNDS devices found shared, then one for all others. */
#ifndef ONEFOLD_IDENTITY_IDENTITY_SOLVE_H
#define ONEFOLD_IDENTITY_IDENTITY_SOLVE_H

#include "identity/identity_rules.h"
#include "identity/number_map.h"

#define SOLVE_EDGES_MAX 4000             /* of a component that a record makes solve anew; about 0.5 ms */
#define SOLVE_EDGES_DECISION_MAX 5000000 /* for a decision */
#define SOLVE_SHARED_EDGES_MAX 64        /* a shared device with more stays shared, and connects nothing */
#define SOLVE_ROUNDS 64

struct solve_node {
    uint32_t identifier;
    uint32_t owner;        /* the customer it was attached to, 0 = it never stood for a record */
    uint32_t customer;     /* where redirects lead from there */
    uint32_t cluster;      /* what is solved: index into clusters */
    uint32_t parent, next; /* while solving: union-find, and the ring of a cluster's nodes */
    uint32_t held_to;      /* SHARED_LAST: the edge (its number) that counts */
    uint16_t namespace_number;
    uint16_t rank; /* 0 strongest */
    int64_t first_ms;
    uint64_t hash;
    uint8_t kind;
    bool blocked, shared, cut, document;
};

struct solve_edge {
    uint32_t strong, weak; /* nodes */
    uint32_t entry;        /* number of the edge */
    uint32_t ranks;        /* weak's */
    int64_t first_ms;
    uint64_t strong_hash, weak_hash;
    uint32_t strong_rank;
};

struct solve_refusal {
    uint32_t strong, weak; /* nodes */
    struct refusal refusal;
};

/* A device that was found shared, and by whom. */
struct solve_shared {
    uint32_t strong, device; /* nodes */
    struct refusal refusal;
};

/* A decision that is being weighed: it has a number after all that were taken. */
struct solve_extra {
    uint32_t number; /* 0 = none */
    uint8_t kind;
    uint32_t toggled;      /* a decision whose force is the other way round, or 0 */
    struct buffer members; /* struct decision_member */
};

struct solver {
    const struct identity *identity;
    struct solve_extra extra;
    const struct rules *trial; /* instead of those in force, or NULL */
    struct rules rules;
    struct buffer nodes, edges, refusals, shared; /* of the above */
    struct buffer decisions;                      /* uint32_t: live and undone ones of the component */
    struct number_map index;                      /* identifier -> node + 1 */
    struct number_map decision_seen;
    uint32_t cluster_count;
    /* while solving */
    uint16_t slot_of[DICTIONARY_NAMESPACES_MAX + 1]; /* of namespaces with rules, from 1 */
    uint16_t slot_namespace[DICTIONARY_NAMESPACES_MAX + 1];
    size_t slot_count, width; /* counts of a cluster: total, persons, one of each slot */
    struct buffer counts;     /* uint32_t [nodes * width] */
    struct buffer splits;     /* uint32_t: decisions in force that keep apart */
    struct buffer parts;      /* uint32_t [splits * nodes]: part + 1 of a cluster in a split */
    struct buffer times;
    struct outcome *outcome; /* identity_outcome.h */
};

struct solver *solver_create(void);
void solver_free(struct solver *solver);
/* Empties it and reads the rules in force. */
void solve_begin(struct solver *solver, const struct identity *identity);
void solve_seed(struct solver *solver, uint32_t identifier);
/* Weighs a decision: call it before gathering; its members are put into solver->extra.members before. */
void solve_weigh(struct solver *solver, uint8_t kind, uint32_t toggled);
/* Everything connected to the seeds. False when there are more than `edges_max` edges; then nothing else may be called
 * but solve_begin. Thread: any. */
bool solve_gather(struct solver *solver, size_t edges_max) WARN_UNUSED;
/* Fills cluster of every node, cluster_count, refusals, shared. */
void solve_run(struct solver *solver);

static inline struct solve_node *solve_nodes(const struct solver *s) {
    return (struct solve_node *)(void *)s->nodes.data;
}
static inline uint32_t solve_node_count(const struct solver *s) {
    return (uint32_t)(s->nodes.size / sizeof(struct solve_node));
}
static inline struct solve_node *solve_find(const struct solver *s, uint32_t identifier) {
    const uint32_t *at = number_map_find(&s->index, identifier);
    return at ? solve_nodes(s) + *at - 1 : NULL;
}
/* True where something keeps parts of the component apart, or people spoke of it. */
static inline bool solve_contested(const struct solver *s) { return s->cluster_count > 1 || s->decisions.size; }

#endif
