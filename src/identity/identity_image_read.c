/* identity_image_read: an image back into an identity. Outside bytes: parsed, then checked against the numbered invariants of
 * docs/formats/identity.md, then used. */
#include "identity/identity_image.h"

#include <stdlib.h>

#include "base/memory.h"
#include "identity/identity_journal.h"
#include "identity/identity_saved.h"
#include "identity/identity_store.h"
#include "os/image.h"

struct reader {
    struct identity *identity;
    struct image *image;
    const char *path;
    struct fault *fault;
    struct saved_head head;
};

#define DAMAGED(r, ...) fault_set((r)->fault, STATUS_DAMAGED, __VA_ARGS__)

/* The section `name`, of exactly `count` entries of `entry_bytes` (invariant 1). */
static enum status find(struct reader *r, const char *name, uint64_t count, size_t entry_bytes, struct slice *out) {
    enum status status = image_find(r->image, name, true, out, r->fault);
    if (status == STATUS_NOT_FOUND)
        return DAMAGED(r, "%s has no section %s", r->path, name);
    if (status == STATUS_OK && out->size != count * entry_bytes)
        return DAMAGED(r, "%s: section %s has %zu bytes, should have %llu entries of %zu", r->path, name, out->size,
                       (unsigned long long)count, entry_bytes);
    return status;
}

/* Invariant 2: the head's counts are in range. */
static enum status read_head(struct reader *r) {
    struct slice bytes;
    enum status status = find(r, SECTION_HEAD, 1, sizeof r->head, &bytes);
    if (status != STATUS_OK)
        return status;
    memcpy(&r->head, bytes.data, sizeof r->head);
    if (r->head.version != FORMAT_VERSION)
        return DAMAGED(r, "%s: identity format %u, this program reads %d", r->path, r->head.version, FORMAT_VERSION);
    if (r->head.identifier_count > NUMBER_MAX || r->head.customer_count > NUMBER_MAX ||
        r->head.edge_count > NUMBER_MAX || r->head.journal_count >= 1u << 31 || r->head.decision_count > NUMBER_MAX ||
        r->head.member_count > NUMBER_MAX || r->head.sweep > r->head.identifier_count)
        return DAMAGED(r, "%s: section %s has impossible counts", r->path, SECTION_HEAD);
    atomic_store(&r->identity->blocked_count, r->head.blocked_count);
    atomic_store(&r->identity->sweep, r->head.sweep);
    atomic_store(&r->identity->solved_count, r->head.solved_count);
    atomic_store(&r->identity->split_count, r->head.split_count);
    return STATUS_OK;
}

/* Invariant 3: redirects end at a customer that has none. Each customer is walked over at most twice: `done` marks
 * those whose end is known, and a walk longer than there are customers is a ring. */
static bool redirects_end(const struct saved_customer *customers, uint32_t count) {
    bool good = true;
    for (uint32_t i = 0; i < count; i++)
        good &= customers[i].redirect <= count;
    unsigned char *done = memory_get((size_t)count + 1, 1);
    for (uint32_t i = 1; i <= count && good; i++) {
        uint32_t steps = 0;
        for (uint32_t at = i; good && at && !done[at]; at = customers[at - 1].redirect)
            good = ++steps <= count;
        for (uint32_t at = i; good && at && !done[at]; at = customers[at - 1].redirect)
            done[at] = 1;
    }
    free(done);
    return good;
}

/* Invariant 7: marks are known ones. */
static bool marks_possible(const struct reader *r, const struct saved_customer *customers) {
    bool good = true;
    for (uint32_t i = 0; i < r->head.customer_count; i++)
        good &= customers[i].shared <= 1 && customers[i].state <= CUSTOMER_OVERSIZE && !customers[i].reserved[0] &&
                !customers[i].reserved[1];
    return good;
}

static enum status read_customers(struct reader *r) {
    struct slice bytes;
    enum status status = find(r, SECTION_CUSTOMERS, r->head.customer_count, sizeof(struct saved_customer), &bytes);
    if (status != STATUS_OK)
        return status;
    const struct saved_customer *saved = (const struct saved_customer *)(const void *)bytes.data;
    if (!redirects_end(saved, r->head.customer_count))
        return DAMAGED(r, "%s: section %s: a redirect leads nowhere", r->path, SECTION_CUSTOMERS);
    if (!marks_possible(r, saved))
        return DAMAGED(r, "%s: section %s: a mark is not possible", r->path, SECTION_CUSTOMERS);
    for (uint32_t i = 0; i < r->head.customer_count; i++) {
        struct customer *customer = customer_at(r->identity, identity_customer_add(r->identity, saved[i].shared));
        atomic_store_explicit(&customer->redirect, saved[i].redirect, memory_order_relaxed);
        atomic_store_explicit(&customer->state, saved[i].state, memory_order_relaxed);
        customer->row_count = saved[i].row_count;
        if (saved[i].redirect) {
            identity_count(r->identity, customer, -1);
            counter_add(&r->identity->merge_count, 1);
        }
    }
    for (uint32_t i = 1; i <= r->head.customer_count; i++)
        identity_root_shorten(r->identity, i);
    return STATUS_OK;
}

/* Invariant 4: namespaces are known, values have a length, the lengths add up, owners exist and are no shared device's
 * where it is a document's key; no identifier is there twice. */
static enum status check_identifier(struct reader *r, const struct saved_identifier *saved, uint32_t number,
                                    uint32_t owner, uint64_t value_at) {
    if (!saved->namespace_number || saved->namespace_number > dictionary_namespace_count(r->identity->dictionary) ||
        !saved->value_bytes || saved->value_bytes > IDENTIFIER_BYTES_MAX || saved->document > 1 ||
        saved->value_bytes > r->head.value_bytes - value_at || owner > r->head.customer_count ||
        (saved->document && owner && customer_at(r->identity, identity_root(r->identity, owner))->shared))
        return DAMAGED(r, "%s: identifier %u is not possible", r->path, number);
    return STATUS_OK;
}

/* Hashes of some identifiers ahead, so that the table's lines are on their way while others are put in. */
#define AHEAD 32

static enum status index_identifiers(struct reader *r) {
    struct identity *identity = r->identity;
    uint64_t hashes[AHEAD];
    uint32_t count = r->head.identifier_count;
    table_reserve(&identity->table, count);
    for (uint64_t i = 1; i <= (uint64_t)count + AHEAD; i++) {
        if (i > AHEAD) {
            uint32_t number = (uint32_t)(i - AHEAD);
            const struct identifier *entry = identifier_at(identity, number);
            struct slice value = slice_of(entry->value, entry->value_bytes);
            if (identity_lookup(identity, hashes[i % AHEAD], entry->namespace_number, value))
                return DAMAGED(r, "%s: identifier %u is there twice", r->path, number);
            if (atomic_load(&entry->owner))
                identity_identifier_list(identity, number, identity_root(identity, atomic_load(&entry->owner)));
            table_add(&identity->table, hashes[i % AHEAD], number);
        }
        if (i <= count) {
            const struct identifier *entry = identifier_at(identity, (uint32_t)i);
            hashes[i % AHEAD] = identity_hash(entry->namespace_number, slice_of(entry->value, entry->value_bytes));
            table_prefetch(&identity->table, hashes[i % AHEAD]);
        }
    }
    return STATUS_OK;
}

static enum status read_identifiers(struct reader *r) {
    struct slice facts, values, owners;
    enum status status =
        find(r, SECTION_IDENTIFIERS, r->head.identifier_count, sizeof(struct saved_identifier), &facts);
    if (status == STATUS_OK)
        status = find(r, SECTION_VALUES, r->head.value_bytes, 1, &values);
    if (status == STATUS_OK)
        status = find(r, SECTION_OWNERS, r->head.identifier_count, sizeof(uint32_t), &owners);
    uint64_t value_at = 0;
    for (uint32_t i = 0; i < r->head.identifier_count && status == STATUS_OK; i++) {
        const struct saved_identifier *saved = (const struct saved_identifier *)(const void *)facts.data + i;
        uint32_t owner = ((const uint32_t *)(const void *)owners.data)[i];
        status = check_identifier(r, saved, i + 1, owner, value_at);
        if (status != STATUS_OK)
            return status;
        identity_identifier_append(r->identity, saved->namespace_number, saved->document,
                                   slice_of(values.data + value_at, saved->value_bytes), owner, saved->first_position);
        value_at += saved->value_bytes;
    }
    if (status == STATUS_OK && value_at != r->head.value_bytes)
        return DAMAGED(r, "%s: section %s is longer than its values", r->path, SECTION_VALUES);
    return status == STATUS_OK ? index_identifiers(r) : status;
}

/* Invariant 5: an edge joins two identifiers. */
static enum status read_edges(struct reader *r) {
    struct slice bytes;
    enum status status = find(r, SECTION_EDGES, r->head.edge_count, sizeof(struct saved_edge), &bytes);
    pair_map_reserve(&r->identity->pairs, (size_t)r->head.edge_count + r->head.journal_count);
    for (uint32_t i = 0; i < r->head.edge_count && status == STATUS_OK; i++) {
        const struct saved_edge *edge = (const struct saved_edge *)(const void *)bytes.data + i;
        uint32_t count = r->head.identifier_count;
        if (r->head.edge_count - i > AHEAD)
            pair_map_prefetch(&r->identity->pairs, identity_edge_key(edge[AHEAD].a, edge[AHEAD].b));
        if (!edge->a || edge->a > count || !edge->b || edge->b > count || edge->a == edge->b || edge->reserved[0] ||
            edge->reserved[1] || edge->reserved[2])
            return DAMAGED(r, "%s: edge %u is not possible", r->path, i + 1);
        identity_edge_load(r->identity, edge->a, edge->b, edge->position, edge->first_ms, edge->source);
    }
    return status;
}

/* Invariant 6: an entry names customers and identifiers that exist, and nothing is said twice that is said once. */
static bool entry_possible(const struct reader *r, const struct saved_entry *saved) {
    uint32_t customers = r->head.customer_count, identifiers = r->head.identifier_count;
    return saved->kind >= JOURNAL_MERGE && saved->kind <= JOURNAL_KIND_MAX && saved->winner &&
           saved->winner <= customers && saved->loser <= customers && saved->strong && saved->strong <= identifiers &&
           saved->weak <= identifiers && saved->strong != saved->weak &&
           saved->namespace_number <= dictionary_namespace_count(r->identity->dictionary) &&
           (saved->kind != JOURNAL_BLOCKED || saved->namespace_number);
}

static enum status read_journal(struct reader *r) {
    struct slice bytes;
    enum status status = find(r, SECTION_JOURNAL, r->head.journal_count, sizeof(struct saved_entry), &bytes);
    for (uint32_t i = 0; i < r->head.journal_count && status == STATUS_OK; i++) {
        const struct saved_entry *saved = (const struct saved_entry *)(const void *)bytes.data + i;
        if (!entry_possible(r, saved))
            return DAMAGED(r, "%s: journal entry %u is not possible", r->path, i + 1);
        struct journal_entry entry = {.position = saved->position,
                                      .received_ms = saved->received_ms,
                                      .source = saved->source,
                                      .kind = (uint8_t)saved->kind,
                                      .winner = {saved->winner},
                                      .loser = {saved->loser},
                                      .strong = {saved->strong},
                                      .weak = {saved->weak},
                                      .namespace_number = saved->namespace_number,
                                      .decision = saved->decision};
        identity_journal_add(r->identity, &entry);
        if (chunks_count(&r->identity->journal) != i + 1)
            return DAMAGED(r, "%s: journal entry %u says again what another says", r->path, i + 1);
    }
    return status;
}

/* Invariant 8: decisions are of known kinds, undo only what was decided before, and their members add up to the section,
 * identifiers that exist. */
static enum status read_decisions(struct reader *r) {
    struct slice bytes, members;
    struct identity *identity = r->identity;
    enum status status = find(r, SECTION_DECISIONS, r->head.decision_count, sizeof(struct saved_decision), &bytes);
    if (status == STATUS_OK)
        status = find(r, SECTION_MEMBERS, r->head.member_count, sizeof(struct saved_member), &members);
    uint32_t at = 0;
    for (uint32_t i = 1; i <= r->head.decision_count && status == STATUS_OK; i++) {
        struct saved_decision saved;
        memcpy(&saved, bytes.data + (i - 1) * sizeof saved, sizeof saved);
        if (saved.kind > DECISION_UNDO || saved.undone > 1 || saved.member_count > r->head.member_count - at ||
            saved.customer > r->head.customer_count || saved.other > r->head.customer_count ||
            (saved.kind == DECISION_UNDO && (!saved.entry || saved.entry >= i)))
            return DAMAGED(r, "%s: decision %u is not possible", r->path, i);
        struct decision_entry *entry = chunks_next(&identity->decisions);
        entry->note = (struct decision_note){.number = i,
                                             .position = saved.position,
                                             .received_ms = saved.received_ms,
                                             .source = saved.source,
                                             .kind = saved.kind,
                                             .customer = {saved.customer},
                                             .other = {saved.other},
                                             .entry = saved.entry,
                                             .time_ms = saved.time_ms,
                                             .identifier_count = saved.member_count};
        entry->member_first = at + 1;
        entry->member_count = saved.member_count;
        atomic_store_explicit(&entry->undone, saved.undone, memory_order_relaxed);
        for (uint32_t end = at + saved.member_count; at < end; at++) {
            struct saved_member member;
            memcpy(&member, members.data + at * sizeof member, sizeof member);
            if (!member.identifier || member.identifier > r->head.identifier_count ||
                member.part > r->head.member_count)
                return DAMAGED(r, "%s: a member of decision %u is not possible", r->path, i);
            identity_member_add(identity, member.identifier, i, member.part);
        }
        chunks_publish(&identity->decisions);
    }
    if (status == STATUS_OK && at != r->head.member_count)
        return DAMAGED(r, "%s: section %s is longer than its decisions", r->path, SECTION_MEMBERS);
    return status;
}

enum status identity_load(struct identity *identity, const char *path, struct fault *fault) {
    struct reader r = {.identity = identity, .path = path, .fault = fault};
    assert(!chunks_count(&identity->customers) && !chunks_count(&identity->identifiers));
    enum status status = image_open(identity->os, path, &r.image, fault);
    if (status != STATUS_OK)
        return status;
    status = read_head(&r);
    if (status == STATUS_OK)
        status = read_customers(&r);
    if (status == STATUS_OK)
        status = read_identifiers(&r);
    if (status == STATUS_OK)
        status = read_edges(&r);
    if (status == STATUS_OK)
        status = read_journal(&r);
    if (status == STATUS_OK)
        status = read_decisions(&r);
    image_close(r.image);
    identity_measure(identity);
    return status;
}
