/* identity_outcome: see the header. */
#include "identity/identity_outcome.h"

#include <assert.h>

struct outcome *outcome_create(void) {
    return memory_get(1, sizeof(struct outcome));
}

void outcome_free(struct outcome *p) {
    buffer_release(&p->clusters);
    buffer_release(&p->customers);
    buffer_release(&p->merges);
    buffer_release(&p->moves);
    buffer_release(&p->arrivals);
    buffer_release(&p->moving);
    number_map_release(&p->customer_index);
    number_map_release(&p->taken);
    free(p);
}

static const struct customer *old_customer(const struct solver *s, uint32_t number) {
    return customer_at(s->identity, number);
}

/* --- where each customer goes on --- */

static bool stronger(const struct solve_node *a, const struct solve_node *b) {
    return a->rank != b->rank ? a->rank < b->rank : a->identifier < b->identifier;
}

static void customer_note(struct solver *s, uint32_t at) {
    struct outcome *p = s->outcome;
    const struct solve_node *nodes = solve_nodes(s), *node = &nodes[at];
    bool from_start = node->owner == node->customer;
    uint32_t *index = number_map_put(&p->customer_index, node->customer, 0);
    if (!*index) {
        struct outcome_customer fresh = {node->customer, at, 0, from_start};
        buffer_add(&p->customers, &fresh, sizeof fresh);
        *index = (uint32_t)outcome_customer_count(p);
        return;
    }
    struct outcome_customer *have = &outcome_customers(p)[*index - 1];
    if (from_start != have->from_start ? from_start : stronger(node, &nodes[have->founder])) {
        have->founder = at;
        have->from_start = from_start;
    }
}

static void customers_find(struct solver *s, const struct outcome_wish *wish) {
    struct outcome *p = s->outcome;
    const struct solve_node *nodes = solve_nodes(s);
    for (uint32_t i = 0, n = solve_node_count(s); i < n; i++)
        if (nodes[i].customer)
            customer_note(s, i);
    for (size_t i = 0; i < outcome_customer_count(p); i++) {
        struct outcome_customer *customer = &outcome_customers(p)[i];
        const struct solve_node *founder = &nodes[customer->founder];
        if (wish->stays == customer->number && wish->stay_identifier)
            founder = solve_find(s, wish->stay_identifier);
        customer->cluster = founder->cluster;
    }
}

/* --- who each cluster is --- */

static void clusters_find(struct solver *s, const struct outcome_wish *wish) {
    struct outcome *p = s->outcome;
    struct solve_node *nodes = solve_nodes(s);
    for (uint32_t i = 0; i < s->cluster_count; i++) {
        struct outcome_cluster none = {.strongest = UINT32_MAX};
        buffer_add(&p->clusters, &none, sizeof none);
    }
    for (uint32_t i = 0, n = solve_node_count(s); i < n; i++) {
        struct outcome_cluster *cluster = &outcome_clusters(p)[nodes[i].cluster];
        cluster->wanted |= nodes[i].owner || nodes[i].identifier == wish->arrival;
        cluster->shared |= nodes[i].shared;
        if (cluster->strongest == UINT32_MAX || stronger(&nodes[i], &nodes[cluster->strongest]))
            cluster->strongest = i;
    }
}

/* More rows, or older. */
static bool survives(const struct solver *s, uint32_t a, uint32_t b) {
    uint32_t of_a = old_customer(s, a)->row_count, of_b = old_customer(s, b)->row_count;
    return of_a != of_b ? of_a > of_b : a < b;
}

static void clusters_keep(struct solver *s) {
    struct outcome *p = s->outcome;
    for (size_t i = 0; i < outcome_customer_count(p); i++) {
        const struct outcome_customer *customer = &outcome_customers(p)[i];
        struct outcome_cluster *cluster = &outcome_clusters(p)[customer->cluster];
        if (cluster->shared != old_customer(s, customer->number)->shared)
            continue;
        if (!cluster->customer || survives(s, customer->number, cluster->customer))
            cluster->customer = customer->number;
        cluster->origin = OUTCOME_KEPT;
    }
}

/* A customer that was merged away and can live again. */
static bool revivable(struct solver *s, uint32_t number, bool shared) {
    return number && atomic_load_explicit(&old_customer(s, number)->redirect, memory_order_acquire) &&
           old_customer(s, number)->shared == shared && !number_map_find(&s->outcome->taken, number);
}

static void cluster_take(struct solver *s, struct outcome_cluster *cluster, uint32_t number,
                         enum outcome_origin origin) {
    assert(!cluster->customer);
    cluster->customer = number;
    cluster->origin = (uint8_t)origin;
    number_map_put(&s->outcome->taken, number, 1);
}

/* The one that the strongest of the cluster's identifiers was attached to, of those that can live again. */
static uint32_t cluster_revive(struct solver *s, uint32_t index) {
    const struct solve_node *nodes = solve_nodes(s), *best = NULL;
    bool shared = outcome_clusters(s->outcome)[index].shared;
    uint32_t start = outcome_clusters(s->outcome)[index].strongest;
    for (uint32_t i = start, n = solve_node_count(s); i < n; i++)
        if (nodes[i].cluster == index && nodes[i].owner != nodes[i].customer && (!best || stronger(&nodes[i], best)) &&
            revivable(s, nodes[i].owner, shared))
            best = &nodes[i];
    return best ? best->owner : 0;
}

static void clusters_name(struct solver *s, const struct outcome_wish *wish) {
    struct outcome *p = s->outcome;
    struct outcome_cluster *clusters = outcome_clusters(p);
    const struct solve_node *wished = wish->revive ? solve_find(s, wish->revive_identifier) : NULL;
    if (wished && !clusters[wished->cluster].customer && revivable(s, wish->revive, clusters[wished->cluster].shared))
        cluster_take(s, &clusters[wished->cluster], wish->revive, OUTCOME_REVIVED);
    for (uint32_t i = 0; i < s->cluster_count; i++) {
        if (clusters[i].customer || !clusters[i].wanted)
            continue;
        uint32_t old = cluster_revive(s, i);
        if (old)
            cluster_take(s, &clusters[i], old, OUTCOME_REVIVED);
        else
            cluster_take(s, &clusters[i], chunks_count(&s->identity->customers) + ++p->fresh_count, OUTCOME_NEW);
    }
}

/* --- merges and moves --- */

static void merges_list(struct solver *s) {
    struct outcome *p = s->outcome;
    for (size_t i = 0; i < outcome_customer_count(p); i++) {
        const struct outcome_customer *customer = &outcome_customers(p)[i];
        uint32_t winner = outcome_clusters(p)[customer->cluster].customer;
        struct merge merge = {{winner}, {customer->number}};
        if (winner != customer->number)
            buffer_add(&p->merges, &merge, sizeof merge);
    }
}

/* An identifier whose customer is not where it belongs once the merges are done. */
struct moving {
    uint32_t from, to, identifier;
};

static int compare_moving(const void *a, const void *b) {
    const struct moving *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    if (x->to != y->to)
        return x->to < y->to ? -1 : 1;
    return (x->identifier > y->identifier) - (x->identifier < y->identifier);
}

static void moving_find(struct solver *s) {
    struct outcome *p = s->outcome;
    const struct solve_node *nodes = solve_nodes(s);
    for (uint32_t i = 0, n = solve_node_count(s); i < n; i++) {
        if (!nodes[i].customer)
            continue;
        const struct outcome_customer *old =
            &outcome_customers(p)[*number_map_find(&p->customer_index, nodes[i].customer) - 1];
        struct moving moving = {outcome_clusters(p)[old->cluster].customer, outcome_customer_of(s, &nodes[i]),
                                nodes[i].identifier};
        if (moving.from != moving.to)
            buffer_add(&p->moving, &moving, sizeof moving);
    }
    if (p->moving.size)
        qsort(p->moving.data, p->moving.size / sizeof(struct moving), sizeof(struct moving), compare_moving);
}

static void moves_list(struct solver *s) {
    struct outcome *p = s->outcome;
    moving_find(s);
    const struct moving *moving = (const struct moving *)(const void *)p->moving.data;
    size_t count = p->moving.size / sizeof *moving;
    for (size_t i = 0; i < count; i++)
        buffer_add(&p->arrivals, &(struct identifier_id){moving[i].identifier}, sizeof(struct identifier_id));
    const struct identifier_id *arrivals = (const struct identifier_id *)(const void *)p->arrivals.data;
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i; end < count && moving[end].from == moving[i].from && moving[end].to == moving[i].to; end++)
            ;
        struct move move = {{moving[i].from}, {moving[i].to}, arrivals + i, end - i};
        buffer_add(&p->moves, &move, sizeof move);
    }
}

void outcome_make(struct solver *s, const struct outcome_wish *wish) {
    struct outcome *p = s->outcome;
    buffer_clear(&p->clusters);
    buffer_clear(&p->customers);
    buffer_clear(&p->merges);
    buffer_clear(&p->moves);
    buffer_clear(&p->arrivals);
    buffer_clear(&p->moving);
    number_map_clear(&p->customer_index);
    number_map_clear(&p->taken);
    p->fresh_count = 0;
    customers_find(s, wish);
    clusters_find(s, wish);
    clusters_keep(s);
    clusters_name(s, wish);
    merges_list(s);
    moves_list(s);
}

size_t outcome_held(const struct solver *s) {
    const struct outcome *o = s->outcome;
    const struct merge *merges = (const struct merge *)(const void *)o->merges.data;
    const struct solve_node *nodes = solve_nodes(s);
    size_t held = 0;
    for (size_t i = 0; i < o->merges.size / sizeof *merges; i++) {
        size_t persons = 0;
        for (uint32_t n = 0; n < solve_node_count(s); n++)
            persons += outcome_customer_of(s, &nodes[n]) == merges[i].winner.number &&
                       (nodes[n].kind == NAMESPACE_PERSON || nodes[n].kind == NAMESPACE_ANY);
        held += persons > IDENTIFIERS_HELD;
    }
    return held;
}
