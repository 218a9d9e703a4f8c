/* rehearsal: see the header. */
#include "identity/rehearsal.h"

#include "govern/dictionary_rules.h"
#include "identity/identity_apply.h"

#include <assert.h>
#include <stdlib.h>

#define SWEEP_EDGES_MAX 50000 /* of one component: about 10 ms */
#define SWEEP_EDGES_STEP 4000 /* gathered by a record's part of a sweep, before the last component */

/* --- rules on trial --- */

enum status rehearsal_check(const struct dictionary *dictionary, struct json_parser *p, const struct json *namespaces,
                            struct fault *fault) {
    size_t count = 0;
    if (!namespaces || namespaces->kind != JSON_ARRAY)
        return fault_set(
            fault, STATUS_INVALID,
            "\"namespaces\" is a list of definitions: [{\"define\":\"namespace\",\"name\":\"phone\",\"limit\":3}]");
    for (const struct json *m = json_first(p, namespaces); m; m = json_next(p, m)) {
        struct fault own = {0};
        enum status status = slice_is(json_get_text(p, m, "define"), "namespace")
                                 ? dictionary_check(dictionary, p, m, &own)
                                 : fault_set(&own, STATUS_INVALID, "\"define\" must be \"namespace\"");
        count++;
        if (status)
            return fault_set(fault, status, "\"namespaces\": entry %zu: %s", count, own.text);
    }
    return STATUS_OK;
}

struct trial {
    struct rules rules;
    struct arena arena;
};

/* Changes the rules of a namespace as its definition says. Of one that is not known yet there is no evidence. */
static void rule_change(struct trial *t, const struct dictionary *dictionary, struct json_parser *p,
                        const struct json *m) {
    const struct namespace *known = dictionary_namespace_find(dictionary, json_get_text(p, m, "name"));
    struct slice kind = json_get_text(p, m, "kind");
    if (!known || known->number > t->rules.count)
        return;
    struct rule *rule = &t->rules.of[known->number];
    struct namespace changed = {.name = known->name,
                                .anonymous_only = rule->anonymous_only,
                                .shared = rule->shared,
                                .window_ms = rule->window_ms,
                                .blocked = rule->blocked};
    dictionary_rules_apply(&t->arena, &changed, p, m);
    rule->anonymous_only = changed.anonymous_only;
    rule->shared = changed.shared != SHARED_DEFAULT ? changed.shared : rule->shared;
    rule->window_ms = changed.window_ms;
    rule->blocked = changed.blocked;
    rule->kind = kind.size ? (uint8_t)namespace_kind_parse(kind) : rule->kind;
    rule->priority = (uint8_t)json_get_integer(p, m, "priority", rule->priority);
    rule->unique = json_get_bool(p, m, "unique", rule->unique);
    rule->limit = (uint16_t)json_get_integer(p, m, "limit", rule->limit);
}

/* --- both --- */

/* A component is solved from such ones, its lowest identifier among them. */
static bool lowest_around(const struct identity *identity, uint32_t number) {
    uint32_t at = atomic_load_explicit(&identifier_at(identity, number)->edge, memory_order_acquire);
    while (at) {
        const struct edge_entry *edge = edge_at(identity, at);
        if (edge->a < number || edge->b < number)
            return false;
        at = edge->a == number ? edge->next_a : edge->next_b;
    }
    return true;
}

/* --- rehearsing --- */

struct rehearsing {
    const struct identity *identity;
    struct solver *s;
    unsigned char *seen; /* by identifier */
    struct rehearsal *out;
    struct number_map before; /* customer -> its identifiers in the component */
    struct buffer after;      /* uint32_t, by cluster */
};

static unsigned size_class(uint32_t size) {
    unsigned class = 0;
    while (class + 1 < REHEARSAL_SIZES && (1u << class) < size)
        class ++;
    return class;
}

static void count_sizes(struct rehearsing *r) {
    const struct solve_node *nodes = solve_nodes(r->s);
    const struct outcome *o = r->s->outcome;
    size_t bytes = r->s->cluster_count * sizeof(uint32_t);
    number_map_clear(&r->before);
    buffer_clear(&r->after);
    uint32_t *after = (uint32_t *)(void *)buffer_reserve(&r->after, bytes);
    memset(after, 0, bytes);
    for (uint32_t i = 0, n = solve_node_count(r->s); i < n; i++) {
        if (nodes[i].document)
            continue;
        if (nodes[i].customer && !customer_at(r->identity, nodes[i].customer)->shared)
            ++*number_map_put(&r->before, nodes[i].customer, 0);
        after[nodes[i].cluster]++;
    }
    for (uint32_t i = 0; r->before.count && i <= r->before.mask; i++)
        if (r->before.slots[i].stamp == r->before.stamp) {
            r->out->customers_before++;
            r->out->sizes_before[size_class(r->before.slots[i].value)]++;
        }
    for (uint32_t i = 0; i < r->s->cluster_count; i++)
        if (after[i] && outcome_clusters(o)[i].customer && !outcome_clusters(o)[i].shared) {
            r->out->customers_after++;
            r->out->sizes_after[size_class(after[i])]++;
        }
}

static void example_add(struct rehearsing *r, bool splits, uint32_t customer, uint32_t other, uint32_t identifier) {
    if (r->out->example_count < REHEARSAL_EXAMPLES_MAX)
        r->out->examples[r->out->example_count++] =
            (struct rehearsal_example){splits, {customer}, {other}, {identifier}};
}

static void count_changes(struct rehearsing *r) {
    const struct outcome *o = r->s->outcome;
    const struct merge *merges = (const struct merge *)(const void *)o->merges.data;
    const struct move *moves = (const struct move *)(const void *)o->moves.data;
    for (size_t i = 0; i < o->merges.size / sizeof *merges; i++) {
        uint32_t loser = merges[i].loser.number;
        uint32_t founder = outcome_customers(o)[*number_map_find(&o->customer_index, loser) - 1].founder;
        r->out->would_merge++;
        example_add(r, false, merges[i].winner.number, loser, solve_nodes(r->s)[founder].identifier);
    }
    for (size_t i = 0; i < o->moves.size / sizeof *moves; i++) {
        const struct outcome_cluster *to = &outcome_clusters(o)[solve_find(r->s, moves[i].arrivals[0].number)->cluster];
        r->out->would_move += moves[i].arrival_count;
        if (to->origin != OUTCOME_KEPT && !to->shared) {
            r->out->would_split++;
            example_add(r, true, moves[i].from.number, to->origin == OUTCOME_REVIVED ? to->customer : 0,
                        solve_nodes(r->s)[to->strongest].identifier);
        }
    }
    r->out->refused += r->s->refusals.size / sizeof(struct solve_refusal);
    r->out->held += outcome_held(r->s);
}

static void mark_seen(struct rehearsing *r, uint32_t last) {
    const struct solve_node *nodes = solve_nodes(r->s);
    for (uint32_t i = 0, n = solve_node_count(r->s); i < n; i++)
        if (nodes[i].identifier <= last && !nodes[i].cut)
            r->seen[nodes[i].identifier] = 1;
}

static void rehearse_from(struct rehearsing *r, uint32_t number, uint32_t last) {
    solve_begin(r->s, r->identity);
    solve_seed(r->s, number);
    bool whole = solve_gather(r->s, SWEEP_EDGES_MAX);
    mark_seen(r, last);
    r->seen[number] = 1;
    r->out->components++;
    r->out->too_large += !whole;
    if (!whole)
        return;
    solve_run(r->s);
    outcome_make(r->s, &(struct outcome_wish){0});
    count_sizes(r);
    count_changes(r);
}

enum status identity_rehearse(const struct identity *identity, struct json_parser *p, const struct json *namespaces,
                              struct rehearsal *out, struct fault *fault) {
    enum status status = namespaces ? rehearsal_check(identity->dictionary, p, namespaces, fault) : STATUS_OK;
    if (status)
        return status;
    struct trial *trial = memory_get(1, sizeof *trial);
    rules_read(identity, &trial->rules);
    for (const struct json *m = namespaces ? json_first(p, namespaces) : NULL; m; m = json_next(p, m))
        rule_change(trial, identity->dictionary, p, m);
    uint32_t last = chunks_count(&identity->identifiers);
    struct rehearsing r = {
        .identity = identity, .s = solver_create(), .seen = memory_get((size_t)last + 1, 1), .out = out};
    *out = (struct rehearsal){.identifiers = last};
    r.s->trial = &trial->rules;
    for (uint32_t i = 1; i <= last; i++)
        if (!r.seen[i])
            rehearse_from(&r, i, last);
    free(r.seen);
    number_map_release(&r.before);
    buffer_release(&r.after);
    solver_free(r.s);
    arena_release(&trial->arena);
    free(trial);
    return STATUS_OK;
}

/* --- sweeping --- */

uint32_t identity_sweep_identifiers = 4096;

void identity_sweep_begin(struct identity *identity) {
    bool any = chunks_count(&identity->identifiers) != 0;
    atomic_store_explicit(&identity->sweep, any ? 1 : 0, memory_order_release);
}

uint32_t identity_sweep_at(const struct identity *identity) {
    return atomic_load_explicit(&identity->sweep, memory_order_acquire);
}

void identity_sweep(struct identity *identity, uint64_t position, int64_t received_ms, uint16_t source,
                    void (*apply)(void *context, const struct resolution *resolution), void *context) {
    struct solver *s = identity->solver;
    struct cause cause = {position, received_ms, source, 0};
    struct resolution *out = memory_get(1, sizeof *out);
    uint32_t at = identity_sweep_at(identity), last = chunks_count(&identity->identifiers), looked = 0;
    size_t edges = 0;
    assert(at);
    for (; at <= last && looked < identity_sweep_identifiers && edges < SWEEP_EDGES_STEP; at++, looked++) {
        if (!lowest_around(identity, at))
            continue;
        solve_begin(s, identity);
        solve_seed(s, at);
        bool whole = solve_gather(s, SWEEP_EDGES_MAX);
        edges += s->edges.size / sizeof(struct solve_edge);
        if (!whole)
            continue;
        solve_run(s);
        outcome_make(s, &(struct outcome_wish){0});
        if (outcome_held(s))
            continue;
        *out = (struct resolution){0};
        identity_apply(identity, &cause, out);
        if (out->merge_count || out->move_count)
            apply(context, out);
    }
    atomic_store_explicit(&identity->sweep, at <= last ? at : 0, memory_order_release);
    identity_measure(identity);
    free(out);
}
