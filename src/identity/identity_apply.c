/* identity_apply: see the header. In order: new and revived customers, merges, redirects, owners, lists, the journal. */
#include "identity/identity_apply.h"

#include "identity/identity_image.h"
#include "identity/identity_journal.h"

#include <assert.h>

struct apply {
    struct identity *identity;
    struct solver *s;
    struct outcome *p;
    const struct cause *cause;
};

/* --- customers --- */

static void customers_make(struct apply *a) {
    struct outcome_cluster *clusters = outcome_clusters(a->p);
    for (uint32_t i = 0; i < a->s->cluster_count; i++)
        if (clusters[i].origin == OUTCOME_NEW) {
            uint32_t number = identity_customer_add(a->identity, clusters[i].shared);
            assert(number == clusters[i].customer);
        } else if (clusters[i].origin == OUTCOME_REVIVED) {
            identity_revive(a->identity, clusters[i].customer);
            counter_add(&a->identity->split_count, 1);
        }
}

static void merges_apply(struct apply *a) {
    const struct merge *merges = (const struct merge *)(const void *)a->p->merges.data;
    for (size_t i = 0; i < a->p->merges.size / sizeof *merges; i++)
        identity_unite_into(a->identity, merges[i].winner.number, merges[i].loser.number);
}

/* Merged customers lead to who has the strongest of the identifiers attached to them. */
static void redirects_apply(struct apply *a) {
    struct identity *identity = a->identity;
    const struct solve_node *nodes = solve_nodes(a->s);
    struct number_map strongest = {0};
    for (uint32_t i = 0, n = solve_node_count(a->s); i < n; i++) {
        uint32_t owner = nodes[i].owner;
        if (!owner || !atomic_load_explicit(&customer_at(identity, owner)->redirect, memory_order_relaxed))
            continue;
        uint32_t *at = number_map_put(&strongest, owner, i);
        if (nodes[i].rank != nodes[*at].rank ? nodes[i].rank < nodes[*at].rank
                                             : nodes[i].identifier < nodes[*at].identifier)
            *at = i;
    }
    for (uint32_t i = 0; strongest.slots && i <= strongest.mask; i++)
        if (strongest.slots[i].stamp == strongest.stamp) {
            uint32_t to = outcome_customer_of(a->s, &nodes[strongest.slots[i].value]);
            assert(to && to != strongest.slots[i].key);
            identity_redirect_set(identity, strongest.slots[i].key, to);
        }
    number_map_release(&strongest);
}

/* --- identifiers --- */

static void owners_apply(struct apply *a) {
    const struct solve_node *nodes = solve_nodes(a->s);
    for (uint32_t i = 0, n = solve_node_count(a->s); i < n; i++) {
        uint32_t to = outcome_customer_of(a->s, &nodes[i]);
        if (nodes[i].owner && identity_root(a->identity, nodes[i].owner) != to)
            identity_owner_set(a->identity, nodes[i].identifier, to);
    }
}

/* Identifiers that stood for nobody so far. */
static void attach(struct apply *a) {
    const struct solve_node *nodes = solve_nodes(a->s);
    for (uint32_t i = 0, n = solve_node_count(a->s); i < n; i++) {
        uint32_t to = outcome_customer_of(a->s, &nodes[i]);
        if (!nodes[i].owner && to) {
            identity_owner_set(a->identity, nodes[i].identifier, to);
            identity_identifier_list(a->identity, nodes[i].identifier, to);
        }
    }
}

static uint32_t place_of(void *context, uint32_t identifier, uint32_t now) {
    const struct apply *a = context;
    const struct solve_node *node = solve_find(a->s, identifier);
    return node ? outcome_customer_of(a->s, node) : now;
}

/* Takes apart the lists and journals of the customers that something leaves. */
static void lists_apply(struct apply *a) {
    const struct move *moves = (const struct move *)(const void *)a->p->moves.data;
    size_t count = a->p->moves.size / sizeof *moves;
    uint32_t *from = memory_get(count + 1, sizeof *from);
    size_t from_count = 0;
    for (size_t i = 0; i < count; i++)
        if (!from_count || from[from_count - 1] != moves[i].from.number)
            from[from_count++] = moves[i].from.number;
    for (size_t i = 0; i < from_count; i++)
        identity_relist(a->identity, from[i], place_of, a);
    identity_journal_relink(a->identity, from, from_count);
    free(from);
}

static void states_apply(struct apply *a) {
    bool contested = solve_contested(a->s);
    for (uint32_t i = 0; i < a->s->cluster_count; i++) {
        uint32_t customer = outcome_clusters(a->p)[i].customer;
        if (customer)
            atomic_store_explicit(&customer_at(a->identity, customer)->state,
                                  contested ? CUSTOMER_CONTESTED : CUSTOMER_PLAIN, memory_order_relaxed);
    }
}

/* --- the journal --- */

static void note(struct apply *a, uint8_t kind, uint32_t winner, uint32_t loser, uint32_t strong, uint32_t weak,
                 uint16_t namespace_number) {
    struct journal_entry entry = {.position = a->cause->position,
                                  .received_ms = a->cause->received_ms,
                                  .source = a->cause->source,
                                  .kind = kind,
                                  .winner = {winner},
                                  .loser = {loser},
                                  .strong = {strong},
                                  .weak = {weak == strong ? 0 : weak},
                                  .namespace_number = namespace_number,
                                  .decision = a->cause->decision};
    identity_journal_add(a->identity, &entry);
}

static uint32_t strongest_of(const struct apply *a, uint32_t customer) {
    for (uint32_t i = 0; i < a->s->cluster_count; i++)
        if (outcome_clusters(a->p)[i].customer == customer)
            return solve_nodes(a->s)[outcome_clusters(a->p)[i].strongest].identifier;
    return 0;
}

static void merges_note(struct apply *a) {
    const struct merge *merges = (const struct merge *)(const void *)a->p->merges.data;
    for (size_t i = 0; i < a->p->merges.size / sizeof *merges; i++) {
        uint32_t loser = merges[i].loser.number;
        const struct outcome_customer *old =
            &outcome_customers(a->p)[*number_map_find(&a->p->customer_index, loser) - 1];
        note(a, JOURNAL_MERGE, merges[i].winner.number, loser, strongest_of(a, merges[i].winner.number),
             solve_nodes(a->s)[old->founder].identifier, 0);
    }
}

static void moves_note_all(struct apply *a) {
    const struct move *moves = (const struct move *)(const void *)a->p->moves.data;
    for (size_t i = 0; i < a->p->moves.size / sizeof *moves; i++) {
        const struct solve_node *moved = solve_find(a->s, moves[i].arrivals[0].number);
        const struct outcome_cluster *to = &outcome_clusters(a->p)[moved->cluster];
        if (to->shared || moved->held_to)
            continue; /* told as a shared device */
        note(a, to->origin == OUTCOME_KEPT ? JOURNAL_MOVE : JOURNAL_SPLIT, moves[i].to.number, moves[i].from.number,
             solve_nodes(a->s)[to->strongest].identifier, moved->identifier, 0);
    }
}

static void shared_note(struct apply *a) {
    const struct solve_shared *shared = (const struct solve_shared *)(const void *)a->s->shared.data;
    const struct solve_node *nodes = solve_nodes(a->s);
    for (size_t i = 0; i < a->s->shared.size / sizeof *shared; i++) {
        const struct solve_node *device = &nodes[shared[i].device], *strong = &nodes[shared[i].strong];
        uint32_t to = outcome_customer_of(a->s, device), person = outcome_customer_of(a->s, strong);
        uint16_t rule = shared[i].refusal.namespace_number;
        bool before = device->customer && customer_at(a->identity, device->customer)->shared;
        if (device->held_to && device->customer && to != device->customer)
            note(a, JOURNAL_SHARED_DEVICE, to, device->customer, strongest_of(a, to), device->identifier, rule);
        else if (person && device->shared && !before)
            note(a, JOURNAL_SHARED_DEVICE, person, device->customer, strong->identifier, device->identifier, rule);
    }
}

/* One entry for two customers (the first in order), however many of their identifiers met. */
static void refusals_note(struct apply *a) {
    struct pair_set told = {0};
    const struct solve_refusal *refusals = (const struct solve_refusal *)(const void *)a->s->refusals.data;
    const struct solve_node *nodes = solve_nodes(a->s);
    for (size_t i = 0; i < a->s->refusals.size / sizeof *refusals; i++) {
        const struct solve_node *strong = &nodes[refusals[i].strong], *weak = &nodes[refusals[i].weak];
        uint32_t of_strong = outcome_customer_of(a->s, strong), of_weak = outcome_customer_of(a->s, weak);
        uint64_t low = strong->cluster < weak->cluster ? strong->cluster : weak->cluster;
        uint64_t high = strong->cluster + weak->cluster - low;
        if (low != high && (of_strong || of_weak) && pair_set_add(&told, (high << 32 | low) + 1))
            note(a, refusals[i].refusal.kind, of_strong ? of_strong : of_weak, of_strong ? of_weak : 0,
                 strong->identifier, weak->identifier, refusals[i].refusal.namespace_number);
    }
    pair_set_release(&told);
}

/* --- all of it --- */

void identity_outcome_tell(struct solver *s, struct resolution *out) {
    struct outcome *p = s->outcome;
    out->merges = (const struct merge *)(const void *)p->merges.data;
    out->merge_count = p->merges.size / sizeof(struct merge);
    out->moves = (const struct move *)(const void *)p->moves.data;
    out->move_count = p->moves.size / sizeof(struct move);
}

void identity_apply(struct identity *identity, const struct cause *cause, struct resolution *out) {
    struct apply a = {.identity = identity, .s = identity->solver, .p = identity->solver->outcome, .cause = cause};
    identity_generation_step(identity);
    customers_make(&a);
    merges_apply(&a);
    redirects_apply(&a);
    owners_apply(&a);
    if (a.p->moves.size)
        lists_apply(&a);
    attach(&a);
    identity_generation_step(identity);
    states_apply(&a);
    merges_note(&a);
    shared_note(&a);
    moves_note_all(&a);
    refusals_note(&a);
    identity_outcome_tell(identity->solver, out);
    counter_add(&identity->solved_count, 1);
}
