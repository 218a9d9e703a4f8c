/* identity_explain: why two identifiers are one customer's, and why they are not. See the header. */
#include "base/memory.h"
#include "identity/identity_rules.h"
#include "identity/identity_store.h"

#include <stdlib.h>

/* --- explaining --- */

/* Breadth first over edges; `nodes` is the queue, and each node says which one it was reached from. */
struct search_node {
    uint32_t identifier, from, depth;
};
struct search {
    const struct identity *identity;
    uint32_t customer;
    struct pair_set seen;
    struct buffer nodes;
    size_t edges_left;
};

static void search_visit(struct search *s, uint32_t identifier, uint32_t from, uint32_t depth) {
    if (identity_customer(s->identity, (struct identifier_id){identifier}).number != s->customer)
        return;
    struct search_node node = {identifier, from, depth};
    if (pair_set_add(&s->seen, identifier))
        buffer_add(&s->nodes, &node, sizeof node);
}

static void search_expand(struct search *s, uint32_t index) {
    struct search_node node = ((const struct search_node *)(const void *)s->nodes.data)[index];
    uint32_t at = atomic_load_explicit(&identifier_at(s->identity, node.identifier)->edge, memory_order_acquire);
    for (; at && s->edges_left; s->edges_left--) {
        const struct edge_entry *edge = edge_at(s->identity, at);
        bool first = edge->a == node.identifier;
        search_visit(s, first ? edge->b : edge->a, index, node.depth + 1);
        at = first ? edge->next_a : edge->next_b;
    }
}

static size_t search_path(const struct search *s, uint32_t index, struct identifier_id *path) {
    const struct search_node *nodes = (const struct search_node *)(const void *)s->nodes.data;
    size_t count = nodes[index].depth;
    for (size_t at = count; at; at--, index = nodes[index].from)
        path[at - 1].number = nodes[index].identifier;
    return count;
}

size_t identity_explain(const struct identity *identity, struct identifier_id a, struct identifier_id b,
                        struct identifier_id *path, size_t path_max) {
    struct search s = {
        .identity = identity, .customer = identity_customer(identity, a).number, .edges_left = EXPLAIN_EDGES_MAX};
    size_t found = 0;
    if (!s.customer || identity_customer(identity, b).number != s.customer)
        return 0;
    search_visit(&s, a.number, 0, 1);
    for (uint32_t i = 0; i < s.nodes.size / sizeof(struct search_node) && !found; i++) {
        struct search_node node = ((const struct search_node *)(const void *)s.nodes.data)[i];
        if (node.identifier == b.number && node.depth <= path_max)
            found = search_path(&s, i, path);
        else if (node.depth < path_max)
            search_expand(&s, i);
    }
    pair_set_release(&s.seen);
    buffer_release(&s.nodes);
    return found;
}
