/* identity_solve: see the header for what is solved; first gathering, then rules, then joining. */
#include "identity/identity_solve.h"

#include "identity/identity_outcome.h"

#include <assert.h>

struct solver *solver_create(void) {
    struct solver *s = memory_get(1, sizeof *s);
    s->outcome = outcome_create();
    return s;
}

void solver_free(struct solver *s) {
    if (!s)
        return;
    buffer_release(&s->nodes);
    buffer_release(&s->edges);
    buffer_release(&s->refusals);
    buffer_release(&s->shared);
    buffer_release(&s->decisions);
    buffer_release(&s->extra.members);
    number_map_release(&s->index);
    number_map_release(&s->decision_seen);
    buffer_release(&s->counts);
    buffer_release(&s->splits);
    buffer_release(&s->parts);
    buffer_release(&s->times);
    outcome_free(s->outcome);
    free(s);
}

void solve_begin(struct solver *s, const struct identity *identity) {
    s->identity = identity;
    if (s->trial) {
        s->rules.count = s->trial->count;
        memcpy(s->rules.of, s->trial->of, (s->trial->count + 1) * sizeof *s->rules.of);
    } else {
        rules_read(identity, &s->rules);
    }
    buffer_clear(&s->nodes);
    buffer_clear(&s->edges);
    buffer_clear(&s->refusals);
    buffer_clear(&s->shared);
    buffer_clear(&s->decisions);
    buffer_clear(&s->extra.members);
    s->extra.number = s->extra.toggled = 0;
    number_map_clear(&s->index);
    number_map_clear(&s->decision_seen);
}

/* --- gathering --- */

#define DOCUMENT_RANK 256 /* documents come after everything else */

static uint32_t node_add(struct solver *s, uint32_t identifier) {
    const struct identity *identity = s->identity;
    uint32_t *at = number_map_put(&s->index, identifier, 0);
    if (*at)
        return *at - 1;
    const struct identifier *entry = identifier_at(identity, identifier);
    const struct rule *rule = &s->rules.of[entry->namespace_number];
    struct slice value = slice_of(entry->value, entry->value_bytes);
    uint32_t owner = atomic_load_explicit(&entry->owner, memory_order_acquire);
    struct solve_node node = {.identifier = identifier,
                              .owner = owner,
                              .customer = owner ? identity_root(identity, owner) : 0,
                              .namespace_number = entry->namespace_number,
                              .rank = (uint16_t)(rule->priority + (entry->document ? DOCUMENT_RANK : 0)),
                              .first_ms = INT64_MAX,
                              .hash = hash_bytes(value, rule->name_hash),
                              .kind = entry->document ? NAMESPACE_DOCUMENT : rule->kind,
                              .document = entry->document,
                              .blocked = blocked_values_have(rule->blocked, value)};
    buffer_add(&s->nodes, &node, sizeof node);
    *at = solve_node_count(s);
    return *at - 1;
}

void solve_seed(struct solver *s, uint32_t identifier) { node_add(s, identifier); }

/* It is nobody's by its kind, or a shared device, seen with so many that it stays so: nothing is connected through it. */
static bool popular(const struct solver *s, const struct solve_node *node) {
    if (node->kind == NAMESPACE_HOUSEHOLD)
        return true;
    if (!node->customer || !customer_at(s->identity, node->customer)->shared)
        return false;
    uint32_t at = atomic_load_explicit(&identifier_at(s->identity, node->identifier)->edge, memory_order_acquire);
    size_t count = 0;
    for (; at && count <= SOLVE_SHARED_EDGES_MAX; count++) {
        const struct edge_entry *edge = edge_at(s->identity, at);
        at = edge->a == node->identifier ? edge->next_a : edge->next_b;
    }
    return count > SOLVE_SHARED_EDGES_MAX;
}

static void edge_gather(struct solver *s, uint32_t from, uint32_t entry) {
    const struct edge_entry *edge = edge_at(s->identity, entry);
    uint32_t other = node_add(s, edge->a == solve_nodes(s)[from].identifier ? edge->b : edge->a);
    struct solve_node *nodes = solve_nodes(s), *x = &nodes[from], *y = &nodes[other];
    int64_t first_ms = atomic_load_explicit(&edge->first_ms, memory_order_relaxed);
    x->first_ms = first_ms < x->first_ms ? first_ms : x->first_ms;
    if (other < from && !y->cut)
        return; /* told when that one's were gathered */
    bool x_strong = x->rank != y->rank ? x->rank < y->rank : x->hash < y->hash;
    const struct solve_node *strong = x_strong ? x : y, *weak = x_strong ? y : x;
    struct solve_edge out = {.strong = x_strong ? from : other,
                             .weak = x_strong ? other : from,
                             .entry = entry,
                             .ranks = weak->rank,
                             .first_ms = first_ms,
                             .strong_rank = strong->rank,
                             .strong_hash = strong->hash,
                             .weak_hash = weak->hash};
    buffer_add(&s->edges, &out, sizeof out);
}

static uint32_t member_count_of(const struct solver *s, uint32_t decision) {
    return decision == s->extra.number ? (uint32_t)(s->extra.members.size / sizeof(struct decision_member))
                                       : decision_at(s->identity, decision)->member_count;
}

static struct decision_member member_of(const struct solver *s, uint32_t decision, uint32_t i) {
    if (decision == s->extra.number)
        return ((const struct decision_member *)(const void *)s->extra.members.data)[i];
    return *member_at(s->identity, decision_at(s->identity, decision)->member_first + i);
}

static void decision_gather(struct solver *s, uint32_t number) {
    uint32_t *seen = number_map_put(&s->decision_seen, number, 0);
    if (*seen)
        return;
    *seen = 1;
    buffer_add(&s->decisions, &number, sizeof number);
    for (uint32_t i = 0, count = member_count_of(s, number); i < count; i++)
        node_add(s, member_of(s, number, i).identifier);
}

void solve_weigh(struct solver *s, uint8_t kind, uint32_t toggled) {
    s->extra.number = chunks_count(&s->identity->decisions) + 1;
    s->extra.kind = kind;
    s->extra.toggled = toggled;
    decision_gather(s, s->extra.number);
    if (toggled)
        decision_gather(s, toggled);
}

static void decisions_gather(struct solver *s, uint32_t identifier) {
    struct table_probe probe = table_probe_start(&s->identity->decisions_of, hash_mix(identifier));
    for (uint32_t number; (number = table_probe_next(&probe));) {
        const struct decision_member *member = member_at(s->identity, number);
        if (member->identifier == identifier)
            decision_gather(s, member->decision);
    }
}

static int compare_numbers(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left < right) - (left > right); /* newest first */
}

bool solve_gather(struct solver *s, size_t edges_max) {
    for (uint32_t i = 0; i < solve_node_count(s); i++) {
        uint32_t identifier = solve_nodes(s)[i].identifier;
        decisions_gather(s, identifier);
        if (popular(s, &solve_nodes(s)[i])) {
            solve_nodes(s)[i].cut = solve_nodes(s)[i].shared = true;
            continue;
        }
        uint32_t at = atomic_load_explicit(&identifier_at(s->identity, identifier)->edge, memory_order_acquire);
        while (at) {
            const struct edge_entry *edge = edge_at(s->identity, at);
            edge_gather(s, i, at);
            at = edge->a == identifier ? edge->next_a : edge->next_b;
            if (s->edges.size > edges_max * sizeof(struct solve_edge))
                return false;
        }
    }
    if (s->decisions.size)
        qsort(s->decisions.data, s->decisions.size / sizeof(uint32_t), sizeof(uint32_t), compare_numbers);
    return true;
}

/* --- clusters --- */

static uint32_t root_of(struct solve_node *nodes, uint32_t at) {
    while (nodes[at].parent != at)
        at = nodes[at].parent = nodes[nodes[at].parent].parent;
    return at;
}

static uint32_t *counts_of(const struct solver *s, uint32_t root) {
    return (uint32_t *)(void *)s->counts.data + (size_t)root * s->width;
}

static bool device_kind(uint8_t kind) { return kind == NAMESPACE_DEVICE || kind == NAMESPACE_CARD; }
static bool person_kind(uint8_t kind) { return kind == NAMESPACE_PERSON || kind == NAMESPACE_ANY; }

/* Namespaces of the component with rules get a place in the counts. */
static void slots_find(struct solver *s) {
    struct solve_node *nodes = solve_nodes(s);
    for (size_t i = 1; i <= s->slot_count; i++)
        s->slot_of[s->slot_namespace[i]] = 0;
    s->slot_count = 0;
    for (uint32_t i = 0, n = solve_node_count(s); i < n; i++) {
        const struct rule *rule = &s->rules.of[nodes[i].namespace_number];
        uint16_t *slot = &s->slot_of[nodes[i].namespace_number];
        if (!*slot && !nodes[i].document && (rule->unique || rule->limit)) {
            *slot = (uint16_t)++s->slot_count;
            s->slot_namespace[*slot] = nodes[i].namespace_number;
        }
    }
    s->width = 2 + s->slot_count;
}

static void clusters_reset(struct solver *s) {
    uint32_t n = solve_node_count(s);
    struct solve_node *nodes = solve_nodes(s);
    buffer_clear(&s->counts);
    memset(buffer_reserve(&s->counts, n * s->width * sizeof(uint32_t)), 0, n * s->width * sizeof(uint32_t));
    for (uint32_t i = 0; i < n; i++) {
        nodes[i].parent = nodes[i].next = i;
        if (nodes[i].document)
            continue;
        uint32_t *counts = counts_of(s, i);
        counts[0] = 1;
        counts[1] = person_kind(nodes[i].kind) && !s->rules.of[nodes[i].namespace_number].anonymous_only;
        uint16_t slot = s->slot_of[nodes[i].namespace_number];
        if (slot)
            counts[1 + slot] = 1;
    }
    buffer_clear(&s->refusals);
}

static uint32_t *split_parts(const struct solver *s, size_t split) {
    return (uint32_t *)(void *)s->parts.data + split * solve_node_count(s);
}
static size_t split_count(const struct solver *s) { return s->splits.size / sizeof(uint32_t); }

static bool split_between(const struct solver *s, uint32_t a, uint32_t b) {
    for (size_t i = 0; i < split_count(s); i++) {
        const uint32_t *parts = split_parts(s, i);
        if (parts[a] && parts[b] && parts[a] != parts[b])
            return true;
    }
    return false;
}

static void unite(struct solver *s, uint32_t a, uint32_t b) {
    struct solve_node *nodes = solve_nodes(s);
    uint32_t *into = counts_of(s, a), *from = counts_of(s, b);
    assert(a != b && nodes[a].parent == a && nodes[b].parent == b);
    nodes[b].parent = a;
    uint32_t next = nodes[a].next;
    nodes[a].next = nodes[b].next;
    nodes[b].next = next;
    for (size_t i = 0; i < s->width; i++)
        into[i] += from[i];
    for (size_t i = 0; i < split_count(s); i++) {
        uint32_t *parts = split_parts(s, i);
        parts[a] = parts[a] ? parts[a] : parts[b];
    }
}

static int compare_times(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

static void times_collect(struct solver *s, uint32_t root, uint16_t namespace_number) {
    const struct solve_node *nodes = solve_nodes(s);
    uint32_t at = root;
    do {
        int64_t first_ms = nodes[at].first_ms == INT64_MAX ? 0 : nodes[at].first_ms;
        if (nodes[at].namespace_number == namespace_number && !nodes[at].document)
            buffer_add(&s->times, &first_ms, sizeof first_ms);
        at = nodes[at].next;
    } while (at != root);
}

/* More values than the limit were first seen within one window. */
static bool window_passed(struct solver *s, uint32_t a, uint32_t b, uint16_t namespace_number) {
    const struct rule *rule = &s->rules.of[namespace_number];
    buffer_clear(&s->times);
    times_collect(s, a, namespace_number);
    times_collect(s, b, namespace_number);
    int64_t *times = (int64_t *)(void *)s->times.data;
    size_t count = s->times.size / sizeof *times;
    qsort(times, count, sizeof *times, compare_times);
    for (size_t i = rule->limit; i < count; i++)
        if (times[i] - times[i - rule->limit] < rule->window_ms)
            return true;
    return false;
}

static struct refusal rules_refuse(struct solver *s, uint32_t a, uint32_t b) {
    const uint32_t *x = counts_of(s, a), *y = counts_of(s, b);
    struct refusal refusal = {0};
    for (size_t i = 1; i <= s->slot_count; i++) {
        uint16_t number = s->slot_namespace[i];
        const struct rule *rule = &s->rules.of[number];
        uint32_t of_a = x[1 + i], of_b = y[1 + i];
        if (!of_a || !of_b)
            continue;
        uint8_t kind =
            rule->unique ? JOURNAL_CONFLICT
            : rule->limit && of_a + of_b > rule->limit && (!rule->window_ms || window_passed(s, a, b, number))
                ? JOURNAL_LIMIT
                : 0;
        bool worse = kind && (!refusal.kind || (kind == JOURNAL_CONFLICT && refusal.kind != JOURNAL_CONFLICT) ||
                              (kind == refusal.kind && number < refusal.namespace_number));
        refusal = worse ? (struct refusal){kind, number} : refusal;
    }
    if (!refusal.kind && x[0] && y[0] && x[0] + y[0] > IDENTIFIERS_MAX)
        refusal = (struct refusal){JOURNAL_LIMIT, 0};
    return refusal;
}

static bool dropped(const struct solve_node *node) { return node->blocked || node->shared; }

/* --- decisions --- */

static bool in_force(const struct solver *s, uint32_t decision, bool merge) {
    bool extra = decision == s->extra.number;
    uint8_t kind = extra ? s->extra.kind : decision_at(s->identity, decision)->note.kind;
    bool undone = !extra && atomic_load_explicit(&decision_at(s->identity, decision)->undone, memory_order_acquire);
    return undone == (decision == s->extra.toggled) && kind != DECISION_UNDO && (kind == DECISION_MERGE) == merge;
}

/* Parts of a split that a later merge by hand brought together are one part: `label` maps them. */
static void split_void(const struct solver *s, uint32_t split, uint32_t *label, uint32_t label_count) {
    const uint32_t *decisions = (const uint32_t *)(const void *)s->decisions.data;
    for (size_t d = 0; d < s->decisions.size / sizeof *decisions && decisions[d] > split; d++) {
        if (!in_force(s, decisions[d], true))
            continue;
        uint32_t count = member_count_of(s, decisions[d]), first = UINT32_MAX;
        struct number_map merged = {0};
        for (uint32_t i = 0; i < count; i++)
            number_map_put(&merged, member_of(s, decisions[d], i).identifier, 1);
        uint32_t own = member_count_of(s, split);
        for (uint32_t i = 0; i < own; i++) {
            struct decision_member member = member_of(s, split, i);
            if (!number_map_find(&merged, member.identifier))
                continue;
            uint32_t part = label[member.part];
            if (first == UINT32_MAX)
                first = part;
            for (uint32_t j = 0; j < label_count && part != first; j++)
                label[j] = label[j] == part ? first : label[j];
        }
        number_map_release(&merged);
    }
}

static void split_load(struct solver *s, uint32_t split, uint32_t *parts) {
    uint32_t count = member_count_of(s, split), label_count = 1;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t part = member_of(s, split, i).part;
        label_count = part >= label_count ? part + 1 : label_count;
    }
    uint32_t *label = memory_get(label_count, sizeof *label);
    for (uint32_t i = 0; i < label_count; i++)
        label[i] = i;
    split_void(s, split, label, label_count);
    for (uint32_t i = 0; i < count; i++) {
        struct decision_member member = member_of(s, split, i);
        parts[solve_find(s, member.identifier) - solve_nodes(s)] = label[member.part] + 1;
    }
    free(label);
}

static void splits_load(struct solver *s) {
    const uint32_t *decisions = (const uint32_t *)(const void *)s->decisions.data;
    size_t n = solve_node_count(s);
    buffer_clear(&s->splits);
    buffer_clear(&s->parts);
    for (size_t i = 0; i < s->decisions.size / sizeof *decisions; i++) {
        if (!in_force(s, decisions[i], false))
            continue;
        buffer_add(&s->splits, &decisions[i], sizeof decisions[i]);
        memset(buffer_reserve(&s->parts, n * sizeof(uint32_t)), 0, n * sizeof(uint32_t));
        s->parts.size += n * sizeof(uint32_t);
        split_load(s, decisions[i], split_parts(s, split_count(s) - 1));
    }
}

/* Joins the members of `decision` that have the same part: each with the first before it that nothing keeps it from. */
static void decision_join(struct solver *s, uint32_t decision, bool by_rules) {
    uint32_t count = member_count_of(s, decision);
    struct solve_node *nodes = solve_nodes(s);
    for (uint32_t i = 1; i < count; i++) {
        struct decision_member own = member_of(s, decision, i);
        uint32_t at = (uint32_t)(solve_find(s, own.identifier) - nodes);
        for (uint32_t j = 0; j < i && !dropped(&nodes[at]); j++) {
            struct decision_member before = member_of(s, decision, j);
            uint32_t with = (uint32_t)(solve_find(s, before.identifier) - nodes);
            if (before.part != own.part || dropped(&nodes[with]))
                continue;
            uint32_t a = root_of(nodes, with), b = root_of(nodes, at);
            if (a == b)
                break;
            if (split_between(s, a, b) || (by_rules && rules_refuse(s, a, b).kind))
                continue;
            unite(s, a, b);
            break;
        }
    }
}

static void decisions_join(struct solver *s, bool merges) {
    const uint32_t *decisions = (const uint32_t *)(const void *)s->decisions.data;
    for (size_t i = 0; i < s->decisions.size / sizeof *decisions; i++)
        if (in_force(s, decisions[i], merges))
            decision_join(s, decisions[i], !merges);
}

/* --- evidence --- */

static int compare_edges(const void *a, const void *b) {
    const struct solve_edge *x = a, *y = b;
    if (x->ranks != y->ranks)
        return x->ranks < y->ranks ? -1 : 1;
    if (x->first_ms != y->first_ms)
        return x->first_ms < y->first_ms ? -1 : 1;
    if (x->strong_rank != y->strong_rank)
        return x->strong_rank < y->strong_rank ? -1 : 1;
    if (x->strong_hash != y->strong_hash)
        return x->strong_hash < y->strong_hash ? -1 : 1;
    return (x->weak_hash > y->weak_hash) - (x->weak_hash < y->weak_hash);
}

/* An identifier that joins an anonymous customer to a known one, but not two known ones. */
static bool anonymous_refuses(const struct solver *s, const struct solve_edge *edge, uint32_t a, uint32_t b) {
    const struct solve_node *nodes = solve_nodes(s);
    return (s->rules.of[nodes[edge->strong].namespace_number].anonymous_only ||
            s->rules.of[nodes[edge->weak].namespace_number].anonymous_only) &&
           counts_of(s, a)[1] && counts_of(s, b)[1];
}

static struct refusal edge_refuse(struct solver *s, const struct solve_edge *edge, uint32_t a, uint32_t b) {
    struct solve_node *nodes = solve_nodes(s);
    if (split_between(s, a, b))
        return (struct refusal){JOURNAL_APART, 0};
    if (anonymous_refuses(s, edge, a, b)) {
        bool strong = s->rules.of[nodes[edge->strong].namespace_number].anonymous_only;
        return (struct refusal){JOURNAL_CONFLICT, nodes[strong ? edge->strong : edge->weak].namespace_number};
    }
    return rules_refuse(s, a, b);
}

/* A person showed up on a device that is another's: what keeps them apart is no rule on devices. */
static bool second_person(const struct solver *s, const struct solve_edge *edge, struct refusal refusal) {
    const struct solve_node *strong = solve_nodes(s) + edge->strong, *weak = solve_nodes(s) + edge->weak;
    return device_kind(weak->kind) && person_kind(strong->kind) && refusal.namespace_number &&
           (refusal.kind == JOURNAL_CONFLICT || refusal.kind == JOURNAL_LIMIT) &&
           s->rules.of[refusal.namespace_number].kind != NAMESPACE_DEVICE &&
           s->rules.of[refusal.namespace_number].kind != NAMESPACE_CARD && !weak->held_to &&
           s->rules.of[weak->namespace_number].shared != SHARED_FIRST &&
           !s->rules.of[weak->namespace_number].anonymous_only && !s->rules.of[strong->namespace_number].anonymous_only;
}

/* The newest edge of a device to a person's identifier. */
static uint32_t newest_person(const struct solver *s, uint32_t device) {
    const struct solve_node *nodes = solve_nodes(s);
    const struct solve_edge *edges = (const struct solve_edge *)(const void *)s->edges.data;
    uint32_t newest = 0;
    for (size_t i = 0; i < s->edges.size / sizeof *edges; i++)
        if (edges[i].weak == device && edges[i].entry > newest && person_kind(nodes[edges[i].strong].kind) &&
            !nodes[edges[i].strong].blocked)
            newest = edges[i].entry;
    return newest;
}

static void share(struct solver *s, const struct solve_edge *edge, struct refusal refusal) {
    struct solve_node *device = solve_nodes(s) + edge->weak;
    struct solve_shared found = {edge->strong, edge->weak, refusal};
    buffer_add(&s->shared, &found, sizeof found);
    if (s->rules.of[device->namespace_number].shared == SHARED_LAST)
        device->held_to = newest_person(s, edge->weak);
    else
        device->shared = true;
}

static bool skipped(const struct solver *s, const struct solve_edge *edge) {
    const struct solve_node *strong = solve_nodes(s) + edge->strong, *weak = solve_nodes(s) + edge->weak;
    return dropped(strong) || dropped(weak) ||
           (weak->held_to && weak->held_to != edge->entry && person_kind(strong->kind));
}

/* All edges in order. True when a device was found shared, and it is to be done again. */
static bool edges_join(struct solver *s, bool at_once) {
    struct solve_node *nodes = solve_nodes(s);
    const struct solve_edge *edges = (const struct solve_edge *)(const void *)s->edges.data;
    bool again = false;
    for (size_t i = 0; i < s->edges.size / sizeof *edges; i++) {
        const struct solve_edge *edge = &edges[i];
        if (skipped(s, edge))
            continue;
        uint32_t a = root_of(nodes, edge->strong), b = root_of(nodes, edge->weak);
        if (a == b)
            continue;
        struct refusal refusal = edge_refuse(s, edge, a, b);
        if (!refusal.kind) {
            unite(s, a, b);
        } else if (second_person(s, edge, refusal)) {
            share(s, edge, refusal);
            again = true;
            if (at_once)
                return true;
        } else {
            struct solve_refusal refused = {edge->strong, edge->weak, refusal};
            buffer_add(&s->refusals, &refused, sizeof refused);
        }
    }
    return again;
}

static void shared_join(struct solver *s) {
    struct solve_node *nodes = solve_nodes(s);
    const struct solve_edge *edges = (const struct solve_edge *)(const void *)s->edges.data;
    for (size_t i = 0; i < s->edges.size / sizeof *edges; i++) {
        const struct solve_node *x = &nodes[edges[i].strong], *y = &nodes[edges[i].weak];
        uint32_t a = root_of(nodes, edges[i].strong), b = root_of(nodes, edges[i].weak);
        if (a != b && x->shared && y->shared && !x->blocked && !y->blocked)
            unite(s, a, b);
    }
}

static void clusters_number(struct solver *s) {
    struct solve_node *nodes = solve_nodes(s);
    uint32_t n = solve_node_count(s);
    s->cluster_count = 0;
    for (uint32_t i = 0; i < n; i++)
        nodes[i].cluster = UINT32_MAX;
    for (uint32_t i = 0; i < n; i++) {
        struct solve_node *root = &nodes[root_of(nodes, i)];
        if (root->cluster == UINT32_MAX)
            root->cluster = s->cluster_count++;
        nodes[i].cluster = root->cluster;
    }
}

void solve_run(struct solver *s) {
    if (s->edges.size)
        qsort(s->edges.data, s->edges.size / sizeof(struct solve_edge), sizeof(struct solve_edge), compare_edges);
    slots_find(s);
    for (unsigned round = 0;; round++) {
        clusters_reset(s);
        splits_load(s);
        decisions_join(s, true);
        decisions_join(s, false);
        if (!edges_join(s, round < SOLVE_ROUNDS))
            break;
    }
    shared_join(s);
    clusters_number(s);
    assert(s->cluster_count || !solve_node_count(s));
}
