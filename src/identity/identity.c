/* identity: resolving a record. The header has the rules; identity_store what is kept; identity_rules what may not come
 * together; identity_journal and identity_image the rest.
 *
 * A record's identifiers are settled one by one, strongest first, documents' keys last. While no known one was
 * accepted, new ones wait; the first known one that contradicts none of the waiting gives the customer (the target),
 * or, at the end, a new customer is made. What was refused is dealt with after all that, when the target has everything
 * it gets: devices become shared, the rest goes to the journal. Shared devices are passed over; they are settled among
 * themselves where the record has nothing else. */
#include "identity/identity.h"

#include "base/hash.h"
#include "base/memory.h"
#include "identity/identity_image.h"
#include "identity/identity_journal.h"
#include "identity/identity_rules.h"
#include "identity/identity_store.h"

#include <assert.h>
#include <stdlib.h>

#define ITEMS_MAX (CLAIMS_MAX + GOVERN_RECORDS_MAX)

enum item_state {
    ITEM_OPEN,
    ITEM_BLOCKED,
    ITEM_REPEATED,
    ITEM_WAITING,
    ITEM_ACCEPTED,
    ITEM_REFUSED,
    ITEM_SHARED /* a shared device's, and the record has something else: evidence for nobody */
};

struct item {
    const struct claim *claim;
    uint64_t hash;
    uint32_t number; /* 0 = not known yet */
    uint8_t kind;    /* enum namespace_kind */
    uint8_t priority;
    uint8_t state;
    struct refusal refusal;
};

struct work {
    struct identity *identity;
    const struct governed *record;
    uint64_t position;
    struct item items[ITEMS_MAX]; /* strongest first */
    size_t count, person_count;   /* the first person_count are no documents' keys */
    uint16_t waiting[ITEMS_MAX];  /* namespaces of waiting items that are no documents */
    size_t waiting_count;
    uint32_t target; /* 0 = none yet */
    struct resolution *out;
};

static struct item item_of(const struct identity *identity, const struct claim *claim) {
    const struct namespace *ns = dictionary_namespace_at(identity->dictionary, claim->namespace_number);
    assert(ns);
    return (struct item){.claim = claim,
                         .hash = identity_hash(claim->namespace_number, claim->value),
                         .kind = ns->kind,
                         .priority = ns->priority,
                         .state = identity_blocked(claim->value) ? ITEM_BLOCKED : ITEM_OPEN};
}

/* Fetches what settling will touch, a step for all items before the next step, so that they wait for memory together:
 * slots, then entries, then values and customers. */
static void items_prefetch(const struct work *w) {
    const struct identity *identity = w->identity;
    uint32_t numbers[ITEMS_MAX];
    for (size_t i = 0; i < w->count; i++)
        table_prefetch(&identity->table, w->items[i].hash);
    for (size_t i = 0; i < w->count; i++) {
        struct table_probe probe = table_probe_start(&identity->table, w->items[i].hash);
        numbers[i] = table_probe_next(&probe);
        if (numbers[i])
            __builtin_prefetch(identifier_at(identity, numbers[i]));
    }
    for (size_t i = 0; i < w->count; i++)
        if (numbers[i]) {
            const struct identifier *entry = identifier_at(identity, numbers[i]);
            __builtin_prefetch(entry->value);
            __builtin_prefetch(customer_at(identity, atomic_load_explicit(&entry->owner, memory_order_relaxed)));
            if (i && numbers[0] && numbers[0] != numbers[i])
                pair_set_prefetch(&identity->pairs, identity_edge_key(numbers[0], numbers[i]));
        }
}

/* Claims by priority, at a tie as they came; then documents' keys. */
static void items_collect(struct work *w) {
    const struct governed *record = w->record;
    assert(record->claim_count <= CLAIMS_MAX && record->record_count <= GOVERN_RECORDS_MAX);
    for (size_t i = 0; i < record->claim_count; i++) {
        struct item item = item_of(w->identity, &record->claims[i]);
        size_t at = w->count++;
        for (; at && w->items[at - 1].priority > item.priority; at--)
            w->items[at] = w->items[at - 1];
        w->items[at] = item;
    }
    w->person_count = w->count;
    for (size_t i = 0; i < record->record_count; i++)
        if (record->document_keys[i].namespace_number) {
            w->items[w->count] = item_of(w->identity, &record->document_keys[i]);
            w->items[w->count++].kind = NAMESPACE_DOCUMENT;
        }
    items_prefetch(w);
}

static uint32_t arrival_of(const struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_ACCEPTED)
            return w->items[i].number;
    return 0;
}

static int64_t received_ms(const struct governed *record) {
    return record->record_count && record->records[0] ? record->records[0]->received_ms : record->time_ms;
}

static void journal(struct work *w, uint8_t kind, uint32_t winner, uint32_t loser, uint32_t weak,
                    uint16_t namespace_number) {
    struct journal_entry entry = {.position = w->position,
                                  .received_ms = received_ms(w->record),
                                  .source = w->record->source,
                                  .kind = kind,
                                  .winner = {winner},
                                  .loser = {loser},
                                  .strong = {arrival_of(w)},
                                  .weak = {weak},
                                  .namespace_number = namespace_number};
    identity_journal_add(w->identity, &entry);
}

static void item_create(struct work *w, struct item *item) {
    assert(w->target && !item->number);
    item->number =
        identity_identifier_add(w->identity, item->hash, item->claim->namespace_number,
                                item->kind == NAMESPACE_DOCUMENT, item->claim->value, w->target, w->position);
    item->state = ITEM_ACCEPTED;
}

static void target_set(struct work *w, uint32_t customer) {
    assert(!w->target && customer);
    w->target = customer;
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_WAITING)
            item_create(w, &w->items[i]);
}

/* The same value twice in one record, before it has a number. */
static bool waits_already(const struct work *w, const struct item *item) {
    for (const struct item *other = w->items; other < item; other++)
        if (other->state == ITEM_WAITING && other->hash == item->hash &&
            other->claim->namespace_number == item->claim->namespace_number &&
            slice_equal(other->claim->value, item->claim->value))
            return true;
    return false;
}

static void settle_new(struct work *w, struct item *item) {
    uint16_t namespace_number = item->claim->namespace_number;
    if (waits_already(w, item)) {
        item->state = ITEM_REPEATED;
        return;
    }
    if (item->kind != NAMESPACE_DOCUMENT)
        item->refusal =
            identity_may_join(w->identity, (struct side){w->target, w->waiting, w->target ? 0 : w->waiting_count},
                              (struct side){0, &namespace_number, 1});
    if (item->refusal.kind) {
        item->state = ITEM_REFUSED;
    } else if (w->target) {
        item_create(w, item);
    } else {
        item->state = ITEM_WAITING;
        if (item->kind != NAMESPACE_DOCUMENT)
            w->waiting[w->waiting_count++] = namespace_number;
    }
}

static void merge(struct work *w, struct item *item, uint32_t customer) {
    struct resolution *out = w->out;
    uint32_t winner = identity_unite(w->identity, w->target, customer), loser = w->target + customer - winner;
    assert(out->merge_count < MERGES_MAX);
    out->merges[out->merge_count++] = (struct merge){{winner}, {loser}};
    w->target = winner;
    journal(w, JOURNAL_MERGE, winner, loser, item->number, 0);
}

static void settle_known(struct work *w, struct item *item) {
    struct identity *identity = w->identity;
    const struct identifier *entry = identifier_at(identity, item->number);
    uint32_t customer = identity_root_shorten(identity, atomic_load_explicit(&entry->owner, memory_order_relaxed));
    if (entry->document)
        item->kind = NAMESPACE_DOCUMENT;
    if (customer != w->target) {
        item->refusal =
            identity_may_join(identity, (struct side){w->target, w->waiting, w->target ? 0 : w->waiting_count},
                              (struct side){customer, NULL, 0});
        if (item->refusal.kind) {
            item->state = ITEM_REFUSED;
            return;
        }
    }
    item->state = ITEM_ACCEPTED;
    if (!w->target)
        target_set(w, customer);
    else if (customer != w->target)
        merge(w, item, customer);
}

static bool item_shared(const struct identity *identity, const struct item *item) {
    const struct identifier *entry = identifier_at(identity, item->number);
    return item->number && customer_at(identity, atomic_load_explicit(&entry->owner, memory_order_relaxed))->shared;
}

/* Nothing but shared devices: the record is theirs. */
static void shared_settle(struct work *w) {
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (item->state == ITEM_SHARED)
            settle_known(w, item);
    assert(!w->target || customer_at(w->identity, w->target)->shared);
}

static void items_settle(struct work *w) {
    for (struct item *item = w->items; item < w->items + w->count; item++) {
        if (item->state == ITEM_BLOCKED)
            continue;
        item->number = identity_lookup(w->identity, item->hash, item->claim->namespace_number, item->claim->value);
        if (item_shared(w->identity, item))
            item->state = ITEM_SHARED;
        else if (item->number)
            settle_known(w, item);
        else
            settle_new(w, item);
    }
    bool usable = false;
    for (size_t i = 0; i < w->count; i++)
        usable |= w->items[i].state == ITEM_WAITING;
    if (!w->target && usable) {
        target_set(w, identity_customer_add(w->identity, false));
        w->out->created = true;
    } else if (!w->target) {
        shared_settle(w);
    }
}

/* A person showed up on it: an accepted identifier of a person, stronger than the device. */
static bool person_before(const struct work *w, const struct item *device) {
    for (const struct item *item = w->items; item < device; item++)
        if (item->state == ITEM_ACCEPTED && (item->kind == NAMESPACE_PERSON || item->kind == NAMESPACE_ANY))
            return true;
    return false;
}

/* A device's customer and the record's are two persons: what keeps them apart is no rule on devices. */
static bool second_person(const struct work *w, const struct item *device) {
    uint16_t rule = device->refusal.namespace_number;
    return device->number && device->kind == NAMESPACE_DEVICE && person_before(w, device) && rule &&
           dictionary_namespace_at(w->identity->dictionary, rule)->kind != NAMESPACE_DEVICE;
}

/* Takes the device away from the one who had it: to a customer of its own, or to the record's where there is room. */
static bool device_take(struct work *w, struct item *item) {
    struct identity *identity = w->identity;
    if (identity->shared_devices == SHARED_DEVICE_OWN) {
        identity_move(identity, item->number, identity_customer_add(identity, true));
        item->state = ITEM_SHARED;
        return true;
    }
    struct side own = {0, &item->claim->namespace_number, 1};
    if (identity_may_join(identity, (struct side){w->target, NULL, 0}, own).kind)
        return false;
    identity_move(identity, item->number, w->target);
    item->state = ITEM_ACCEPTED;
    return true;
}

/* What was refused: a device that met a second person becomes shared, everything else stays where it is. */
static void item_set_aside(struct work *w, struct item *item) {
    uint32_t from = item->number ? identity_customer(w->identity, (struct identifier_id){item->number}).number : 0;
    uint8_t kind = item->refusal.kind;
    assert(w->target && kind);
    if (from == w->target || (!customer_at(w->identity, w->target)->shared && item_shared(w->identity, item))) {
        /* came twice in the record, and was dealt with the first time */
        item->state = ITEM_REPEATED;
        return;
    }
    if (second_person(w, item) && device_take(w, item))
        kind = JOURNAL_SHARED_DEVICE;
    journal(w, kind, w->target, from, item->number, item->refusal.namespace_number);
}

static void blocked_note(struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_BLOCKED) {
            counter_add(&w->identity->blocked_count, 1);
            if (w->target)
                journal(w, JOURNAL_BLOCKED, w->target, 0, 0, w->items[i].claim->namespace_number);
        }
}

static void edges_note(struct work *w, uint32_t arrival) {
    for (size_t i = 0; i < w->count; i++)
        if ((w->items[i].state == ITEM_ACCEPTED || w->items[i].state == ITEM_SHARED) && w->items[i].number != arrival)
            identity_edge_add(w->identity, arrival, w->items[i].number, w->position);
}

/* Documents' numbers, as the record has them: also of those that stay with another customer. */
static void documents_note(struct work *w) {
    const struct item *item = w->items + w->person_count;
    for (size_t i = 0; i < w->record->record_count; i++) {
        const struct claim *key = &w->record->document_keys[i];
        if (!key->namespace_number)
            continue;
        assert(item->claim == key);
        w->out->documents[i].number = item->state != ITEM_REPEATED
                                          ? item->number
                                          : identity_lookup(w->identity, item->hash, key->namespace_number, key->value);
        item++;
    }
}

enum status identity_resolve(struct identity *identity, const struct governed *record, uint64_t position, unsigned rows,
                             struct resolution *out) {
    struct work w; /* not zeroed: 2 KB, of which an ordinary record uses 150 bytes */
    w.identity = identity;
    w.record = record;
    w.position = position;
    w.out = out;
    w.count = w.waiting_count = w.target = 0;
    out->created = false;
    out->merge_count = out->move_count = 0;
    out->moves = NULL;
    memset(out->documents, 0, sizeof out->documents);
    items_collect(&w);
    items_settle(&w);
    for (size_t i = 0; i < w.count; i++)
        if (w.items[i].state == ITEM_REFUSED)
            item_set_aside(&w, &w.items[i]);
    blocked_note(&w);
    out->customer.number = w.target;
    out->arrival.number = arrival_of(&w);
    if (!w.target)
        return STATUS_NOT_FOUND;
    edges_note(&w, out->arrival.number);
    documents_note(&w);
    struct customer *customer = customer_at(identity, w.target);
    customer->row_count = UINT32_MAX - customer->row_count < rows ? UINT32_MAX : customer->row_count + rows;
    identity_measure(identity);
    assert(out->arrival.number && !atomic_load_explicit(&customer->redirect, memory_order_relaxed));
    return STATUS_OK;
}

void identity_prefetch(const struct identity *identity, const struct governed *record) {
    for (size_t i = 0; i < record->claim_count; i++)
        table_prefetch(&identity->table, identity_hash(record->claims[i].namespace_number, record->claims[i].value));
    for (size_t i = 0; i < record->record_count; i++) {
        const struct claim *key = &record->document_keys[i];
        if (key->namespace_number)
            table_prefetch(&identity->table, identity_hash(key->namespace_number, key->value));
    }
}

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
