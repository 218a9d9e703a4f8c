/* identity: resolving a record. The header has the rules; identity_store what is kept; identity_rules what may not come
 * together; identity_solve what is done where something contradicts.
 *
 * A record's identifiers are found, then it goes one of these ways:
 *  - joined: nothing contradicts. All customers become one, what is new joins it. Almost every record, and quick.
 *  - followed: something is contested, but the record says nothing new. It belongs to its strongest identifier's customer.
 *  - solved: it says something new where something contradicts. What it says is kept, and the component of
 *    evidence it touches is solved anew, which may merge, split and move.
 *  - kept: likewise, where the component is too large for a record, or a customer far above the usual would come of
 *    it. What it says is kept for a decision or a change of rules; new identifiers join the strongest one's customer
 *    where rules let them.
 * Joining and solving come to the same where nothing contradicts: then everything in a component is one customer. */
#include "identity/identity.h"

#include "base/hash.h"
#include "base/memory.h"
#include "identity/identity_apply.h"
#include "identity/identity_journal.h"
#include "identity/identity_rules.h"
#include "identity/identity_store.h"

#include <assert.h>
#include <stdlib.h>

#define ITEMS_MAX (CLAIMS_MAX + GOVERN_RECORDS_MAX)

enum item_state {
    ITEM_NEW,   /* the identifier was never seen */
    ITEM_KNOWN, /* seen before */
    ITEM_BLOCKED,
    ITEM_REPEATED, /* stands further up in the record already */
    ITEM_SHARED,   /* a shared device's, and the record has something else: evidence for nobody */
    ITEM_HOUSEHOLD /* of several persons by its nature: likewise */
};

struct item {
    const struct claim *claim;
    const struct namespace *ns;
    uint64_t hash;
    uint32_t number;   /* 0 = not known yet */
    uint32_t customer; /* 0 = nobody's */
    uint8_t kind;      /* enum namespace_kind */
    uint8_t priority;
    uint8_t state;
    bool made; /* by this record */
};

struct work {
    struct identity *identity;
    const struct governed *record;
    uint64_t position;
    struct item items[ITEMS_MAX];  /* strongest first */
    size_t count, person_count;    /* the first person_count are no documents' keys */
    uint32_t customers[ITEMS_MAX]; /* of usable items, each once, strongest first */
    uint16_t fresh[ITEMS_MAX];     /* namespaces of new items that are no documents */
    size_t customer_count, fresh_count, usable_count, shared_count;
    bool contested, oversize, anonymous_only;
    uint32_t target; /* 0 = none yet */
    uint32_t arrival;
    struct resolution *out;
};

static bool value_blocked(const struct namespace *ns, struct slice value) {
    const struct blocked_values *own = atomic_load_explicit(&ns->blocked, memory_order_acquire);
    return identity_blocked(value) || (own && blocked_values_have(own, value));
}

static struct item item_of(const struct identity *identity, const struct claim *claim, const uint64_t *hash) {
    const struct namespace *ns = dictionary_namespace_at(identity->dictionary, claim->namespace_number);
    assert(ns);
    return (struct item){.claim = claim,
                         .ns = ns,
                         .hash = hash ? *hash : identity_hash(claim->namespace_number, claim->value),
                         .kind = ns->kind,
                         .priority = ns->priority,
                         .state = value_blocked(ns, claim->value) ? ITEM_BLOCKED : ITEM_NEW};
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
                pair_map_prefetch(&identity->pairs, identity_edge_key(numbers[0], numbers[i]));
        }
}

/* Claims by priority, at a tie as they came; then documents' keys. */
static void items_collect(struct work *w) {
    const struct governed *record = w->record;
    assert(record->claim_count <= CLAIMS_MAX && record->record_count <= GOVERN_RECORDS_MAX);
    for (size_t i = 0; i < record->claim_count; i++) {
        struct item item = item_of(w->identity, &record->claims[i], record->hashed ? &record->claim_hashes[i] : NULL);
        size_t at = w->count++;
        for (; at && w->items[at - 1].priority > item.priority; at--)
            w->items[at] = w->items[at - 1];
        w->items[at] = item;
    }
    w->person_count = w->count;
    for (size_t i = 0; i < record->record_count; i++)
        if (record->document_keys[i].namespace_number) {
            w->items[w->count] =
                item_of(w->identity, &record->document_keys[i], record->hashed ? &record->key_hashes[i] : NULL);
            w->items[w->count++].kind = NAMESPACE_DOCUMENT;
        }
    items_prefetch(w);
}

static bool same_value(const struct item *a, const struct item *b) {
    return a->hash == b->hash && a->claim->namespace_number == b->claim->namespace_number &&
           slice_equal(a->claim->value, b->claim->value);
}

static void item_find(struct work *w, struct item *item) {
    struct identity *identity = w->identity;
    for (const struct item *other = w->items; other < item; other++)
        if (other->state != ITEM_BLOCKED && same_value(other, item)) {
            item->state = ITEM_REPEATED;
            return;
        }
    item->number = identity_lookup(identity, item->hash, item->claim->namespace_number, item->claim->value);
    if (item->kind == NAMESPACE_HOUSEHOLD)
        item->state = ITEM_HOUSEHOLD;
    if (!item->number || item->state == ITEM_HOUSEHOLD)
        return;
    const struct identifier *entry = identifier_at(identity, item->number);
    uint32_t owner = atomic_load_explicit(&entry->owner, memory_order_relaxed);
    item->state = ITEM_KNOWN;
    if (entry->document)
        item->kind = NAMESPACE_DOCUMENT;
    if (owner)
        item->customer = identity_root_shorten(identity, owner);
    if (item->customer && customer_at(identity, item->customer)->shared) {
        item->state = ITEM_SHARED;
        w->shared_count++;
    }
}

/* A usable item's part in what follows. */
static void item_use(struct work *w, const struct item *item) {
    w->usable_count++;
    w->anonymous_only |= item->ns->anonymous_only;
    if (item->state == ITEM_NEW && item->kind != NAMESPACE_DOCUMENT)
        w->fresh[w->fresh_count++] = item->claim->namespace_number;
    if (!item->customer)
        return;
    uint8_t state = atomic_load_explicit(&customer_at(w->identity, item->customer)->state, memory_order_relaxed);
    w->contested |= state != CUSTOMER_PLAIN;
    w->oversize |= state == CUSTOMER_OVERSIZE;
    for (size_t i = 0; i < w->customer_count; i++)
        if (w->customers[i] == item->customer)
            return;
    w->customers[w->customer_count++] = item->customer;
}

static bool usable(const struct item *item) { return item->state == ITEM_NEW || item->state == ITEM_KNOWN; }

/* Where a record has nothing but shared devices, they are what it has. */
static void items_find(struct work *w) {
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (item->state != ITEM_BLOCKED)
            item_find(w, item);
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (usable(item))
            item_use(w, item);
    if (w->usable_count)
        return;
    w->shared_count = 0;
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (item->state == ITEM_SHARED) {
            item->state = ITEM_KNOWN;
            item_use(w, item);
        }
}

static struct item *strongest(struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (usable(&w->items[i]))
            return &w->items[i];
    return NULL;
}

/* --- what the record says --- */

/* The pairs a record is evidence of: its strongest identifier with every other; its second with what is no document, or with
 * all where the strongest is a device: so that the rest stays together where one of the two turns out to be nobody's. */
static bool paired(const struct item *a, const struct item *b, size_t rank_of_a) {
    return rank_of_a == 0 || (rank_of_a == 1 && (b->kind != NAMESPACE_DOCUMENT || a->kind != NAMESPACE_PERSON));
}

static bool evident(const struct item *item) { return item->state != ITEM_BLOCKED && item->state != ITEM_REPEATED; }

typedef bool pair_visit(struct work *w, const struct item *a, const struct item *b);

/* True where `visit` was true of a pair; stops there if `any`. */
static bool pairs_each(struct work *w, pair_visit *visit, bool any) {
    size_t rank = 0;
    bool found = false;
    for (size_t i = 0; i < w->count && rank < 2; i++) {
        const struct item *a = &w->items[i];
        if (!evident(a) || a->state == ITEM_HOUSEHOLD)
            continue;
        for (size_t j = 0; j < w->count; j++) {
            const struct item *b = &w->items[j];
            if ((j <= i && b->state != ITEM_HOUSEHOLD) || !evident(b) || !paired(a, b, rank))
                continue;
            found |= visit(w, a, b);
            if (found && any)
                return true;
        }
        rank++;
    }
    return found;
}

static bool pair_add(struct work *w, const struct item *a, const struct item *b) {
    return identity_edge_add(w->identity, a->number, b->number, w->position, w->record->time_ms, w->record->source);
}

static bool pair_is_news(struct work *w, const struct item *a, const struct item *b) {
    return a->number && b->number && a->state != ITEM_HOUSEHOLD && b->state != ITEM_HOUSEHOLD &&
           identity_edge_news(w->identity, a->number, b->number, w->record->time_ms);
}

static bool device_kind(uint8_t kind) { return kind == NAMESPACE_DEVICE || kind == NAMESPACE_CARD; }

static bool pair_is_repeated(struct work *w, const struct item *a, const struct item *b) {
    bool goes = a->customer && b->customer && a->customer != b->customer && device_kind(b->kind) &&
                (a->kind == NAMESPACE_PERSON || a->kind == NAMESPACE_ANY) && usable(a) && usable(b) &&
                (b->ns->shared == SHARED_LAST ||
                 (b->ns->shared == SHARED_DEFAULT && w->identity->shared_devices == SHARED_DEVICE_LAST));
    return goes && !identity_edge_news(w->identity, a->number, b->number, w->record->time_ms);
}

static bool pair_repeat(struct work *w, const struct item *a, const struct item *b) {
    if (pair_is_repeated(w, a, b))
        identity_edge_repeat(w->identity, a->number, b->number, w->position, w->record->time_ms, w->record->source);
    return false;
}

static bool something_new(const struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_NEW)
            return true;
    return false;
}

/* A known identifier that stood for nobody so far: refused where it was seen first. */
static bool nobody_known(const struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_KNOWN && !w->items[i].customer)
            return true;
    return false;
}

/* New evidence that may change who is with whom: more than something new without rules hung on one customer. */
static bool says_more(struct work *w) {
    for (size_t i = 0; i < w->fresh_count; i++) {
        const struct namespace *ns = dictionary_namespace_at(w->identity->dictionary, w->fresh[i]);
        if (ns->unique || ns->limit || ns->anonymous_only)
            return true;
    }
    if (something_new(w) && (w->customer_count != 1 || nobody_known(w) || (w->anonymous_only && w->fresh_count)))
        return true;
    return pairs_each(w, pair_is_news, true) || pairs_each(w, pair_is_repeated, true);
}

/* --- joining --- */

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
                                  .strong = {w->arrival},
                                  .weak = {weak == w->arrival ? 0 : weak},
                                  .namespace_number = namespace_number};
    identity_journal_add(w->identity, &entry);
}

static void item_create(struct work *w, struct item *item, uint32_t customer) {
    assert(!item->number);
    item->number = identity_identifier_add(w->identity, item->hash, item->claim->namespace_number,
                                           item->kind == NAMESPACE_DOCUMENT, item->claim->value, customer, w->position);
    item->state = ITEM_KNOWN;
    item->made = true;
    item->customer = customer;
}

static void merge(struct work *w, const struct item *item) {
    struct resolution *out = w->out;
    uint32_t winner = identity_unite(w->identity, w->target, item->customer);
    uint32_t loser = w->target + item->customer - winner;
    assert(out->merge_count < sizeof w->identity->merged / sizeof *w->identity->merged);
    w->identity->merged[out->merge_count++] = (struct merge){{winner}, {loser}};
    w->target = winner;
    journal(w, JOURNAL_MERGE, winner, loser, item->number, 0);
}

static bool merged_already(const struct work *w, uint32_t customer) {
    return identity_root(w->identity, customer) == w->target;
}

static void join(struct work *w) {
    w->target = w->customer_count ? w->customers[0] : identity_customer_add(w->identity, false);
    w->out->created = !w->customer_count;
    for (struct item *item = w->items; item < w->items + w->count; item++) {
        if (item->state == ITEM_NEW)
            item_create(w, item, w->target);
        else if (item->state != ITEM_KNOWN)
            continue;
        if (!w->arrival)
            w->arrival = item->number;
        if (item->customer != w->target && !merged_already(w, item->customer))
            merge(w, item);
    }
    if (w->shared_count)
        atomic_store_explicit(&customer_at(w->identity, w->target)->state, CUSTOMER_CONTESTED, memory_order_relaxed);
}

/* --- solving --- */

static void say(struct work *w) {
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (item->state == ITEM_NEW)
            item_create(w, item, 0);
    pairs_each(w, pair_repeat, false);
    pairs_each(w, pair_add, false);
}

static bool gather(struct work *w) {
    struct solver *s = w->identity->solver;
    if (w->oversize)
        return false;
    solve_begin(s, w->identity);
    for (const struct item *item = w->items; item < w->items + w->count; item++)
        if (item->number)
            solve_seed(s, item->number);
    return solve_gather(s, SOLVE_EDGES_MAX);
}

/* The strongest that is a person's, or a device that is nobody's only where there is nothing else. */
static const struct item *arrival_after(struct work *w) {
    for (const struct item *item = w->items; item < w->items + w->count; item++)
        if (usable(item) && !solve_find(w->identity->solver, item->number)->shared)
            return item;
    return strongest(w);
}

/* False where that would make a customer far above the usual: nothing was changed. */
static bool solve(struct work *w) {
    struct identity *identity = w->identity;
    struct cause cause = {w->position, received_ms(w->record), w->record->source, 0};
    uint32_t before = chunks_count(&identity->customers);
    solve_run(identity->solver);
    w->arrival = arrival_after(w)->number;
    outcome_make(identity->solver, &(struct outcome_wish){.arrival = w->arrival});
    if (outcome_held(identity->solver))
        return false;
    identity_apply(identity, &cause, w->out);
    w->target = identity_customer(identity, (struct identifier_id){w->arrival}).number;
    w->out->created = w->target > before;
    return true;
}

/* --- too large to be solved now, or held --- */

static void attach(struct work *w, struct item *item) {
    identity_owner_set(w->identity, item->number, w->target);
    identity_identifier_list(w->identity, item->number, w->target);
    item->customer = w->target;
}

static void keep(struct work *w) {
    struct identity *identity = w->identity;
    struct item *first = strongest(w);
    w->arrival = first->number;
    w->target = first->customer;
    if (!w->target) {
        for (size_t i = 0; i < w->customer_count && !w->target; i++)
            if (!identity_may_join(identity, &w->customers[i], 1, &first->claim->namespace_number, 1, false).kind)
                w->target = w->customers[i];
        w->out->created = !w->target;
        w->target = w->target ? w->target : identity_customer_add(identity, false);
        attach(w, first);
    }
    for (struct item *item = first + 1; item < w->items + w->count; item++)
        if (usable(item) && !item->customer &&
            (item->kind == NAMESPACE_DOCUMENT ||
             !identity_may_join(identity, &w->target, 1, &item->claim->namespace_number, 1, false).kind))
            attach(w, item);
        else if (usable(item) && item->customer && item->customer != w->target)
            journal(w, JOURNAL_HELD, w->target, item->customer, item->number, 0);
    atomic_store_explicit(&customer_at(identity, w->target)->state, CUSTOMER_OVERSIZE, memory_order_relaxed);
}

/* --- a record --- */

static void follow(struct work *w) {
    const struct item *first = strongest(w);
    w->arrival = first->number;
    w->target = first->customer;
}

static bool may_join(struct work *w) {
    return !identity_may_join(w->identity, w->customers, w->customer_count, w->fresh, w->fresh_count, w->anonymous_only)
                .kind;
}

/* Households are known, and nobody's. */
static void households_create(struct work *w) {
    for (struct item *item = w->items; item < w->items + w->count; item++)
        if (item->state == ITEM_HOUSEHOLD && !item->number)
            item->number = identity_identifier_add(w->identity, item->hash, item->claim->namespace_number, false,
                                                   item->claim->value, 0, w->position);
}

static void settle(struct work *w) {
    households_create(w);
    bool nobody = nobody_known(w), more = (w->contested || nobody || w->shared_count) && says_more(w);
    bool apart = w->contested && w->customer_count > 1; /* perhaps for a reason no rule has: a split by hand */
    if (!nobody && !more && !apart && may_join(w)) {
        join(w);
        pairs_each(w, pair_add, false);
    } else if (!something_new(w) && !says_more(w) && strongest(w)->customer) {
        follow(w);
        pairs_each(w, pair_add, false);
    } else {
        say(w);
        if (!gather(w) || !solve(w))
            keep(w);
    }
}

static void blocked_note(struct work *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->items[i].state == ITEM_BLOCKED) {
            counter_add(&w->identity->blocked_count, 1);
            if (w->target)
                journal(w, JOURNAL_BLOCKED, w->target, 0, 0, w->items[i].claim->namespace_number);
        }
}

/* Documents' numbers, as the record has them: also of those that stay with another customer. */
static void documents_note(struct work *w) {
    const struct item *item = w->items + w->person_count;
    w->out->document_new = w->count == w->person_count + 1 && item->made;
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
    w.count = w.customer_count = w.fresh_count = w.usable_count = w.shared_count = 0;
    w.target = w.arrival = 0;
    w.contested = w.oversize = w.anonymous_only = false;
    out->created = out->document_new = false;
    out->merges = identity->merged;
    out->moves = NULL;
    out->owned = NULL;
    out->merge_count = out->move_count = 0;
    memset(out->documents, 0, sizeof out->documents);
    items_collect(&w);
    items_find(&w);
    if (w.usable_count)
        settle(&w);
    blocked_note(&w);
    out->customer.number = w.target;
    out->arrival.number = w.arrival;
    if (!w.target)
        return STATUS_NOT_FOUND;
    documents_note(&w);
    struct customer *customer = customer_at(identity, w.target);
    customer->row_count = UINT32_MAX - customer->row_count < rows ? UINT32_MAX : customer->row_count + rows;
    identity_measure(identity);
    assert(out->arrival.number && !atomic_load_explicit(&customer->redirect, memory_order_relaxed));
    return STATUS_OK;
}

/* --- ahead --- */

void identity_hash_claims(struct governed *record) {
    for (size_t i = 0; i < record->claim_count; i++)
        record->claim_hashes[i] = identity_hash(record->claims[i].namespace_number, record->claims[i].value);
    for (size_t i = 0; i < record->record_count; i++) {
        const struct claim *key = &record->document_keys[i];
        record->key_hashes[i] = key->namespace_number ? identity_hash(key->namespace_number, key->value) : 0;
    }
    record->hashed = true;
}

void identity_prefetch(const struct identity *identity, const struct governed *record) {
    assert(record->hashed);
    for (size_t i = 0; i < record->claim_count; i++)
        table_prefetch(&identity->table, record->claim_hashes[i]);
    for (size_t i = 0; i < record->record_count; i++)
        if (record->document_keys[i].namespace_number)
            table_prefetch(&identity->table, record->key_hashes[i]);
}

/* The first that stands under the hash, which is nearly always the one. */
static uint32_t number_under(const struct identity *identity, uint64_t hash) {
    struct table_probe probe = table_probe_start(&identity->table, hash);
    return table_probe_next(&probe);
}

void identity_prefetch_entries(const struct identity *identity, const struct governed *record) {
    uint32_t first = 0;
    assert(record->hashed);
    for (size_t i = 0; i < record->claim_count; i++) {
        uint32_t number = number_under(identity, record->claim_hashes[i]);
        if (!number)
            continue;
        __builtin_prefetch(identifier_at(identity, number));
        if (first && first != number)
            pair_map_prefetch(&identity->pairs, identity_edge_key(first, number));
        first = first ? first : number;
    }
}

struct customer_id identity_foresee(const struct identity *identity, const struct governed *record) {
    struct customer_id customer = {0};
    assert(record->hashed);
    for (size_t i = 0; i < record->claim_count; i++) {
        uint32_t number = number_under(identity, record->claim_hashes[i]);
        if (!number)
            continue;
        const struct identifier *entry = identifier_at(identity, number);
        uint32_t owner = atomic_load_explicit(&entry->owner, memory_order_relaxed);
        __builtin_prefetch(entry->value);
        if (customer.number || !owner)
            continue;
        __builtin_prefetch(customer_at(identity, owner));
        customer.number = owner;
    }
    return customer;
}
