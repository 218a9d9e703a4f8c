/* decision: see the header. A decision becomes a list of identifiers, each with the part it is in; the component is solved
 * with it as if it had been taken (identity_solve.h); then, unless it is a preview, it is kept and carried out. */
#include "identity/decision.h"

#include "identity/identity_apply.h"
#include "identity/identity_journal.h"

#include <assert.h>
#include <stdlib.h>

struct weighing {
    const struct identity *identity;
    const struct decision *decision;
    struct solver *s;
    struct fault *fault;
    uint32_t customer, other;
    uint32_t toggled; /* of an undo: the merge or split that is out of force, or in force again */
    struct outcome_wish wish;
};

/* --- members --- */

static void member_add(struct weighing *w, uint32_t identifier, uint32_t part) {
    struct decision_member member = {identifier, 0, part};
    buffer_add(&w->s->extra.members, &member, sizeof member);
}

static struct decision_member *members(const struct weighing *w) {
    return (struct decision_member *)(void *)w->s->extra.members.data;
}
static size_t member_count(const struct weighing *w) {
    return w->s->extra.members.size / sizeof(struct decision_member);
}

static void take_number(void *context, struct identifier_id identifier) {
    buffer_add(context, &identifier.number, sizeof identifier.number);
}

/* A customer's identifiers; documents only where there is nothing else, as they go with what they came with. */
static void identifiers_of(const struct identity *identity, uint32_t customer, struct buffer *out) {
    struct buffer all = {0};
    identity_identifiers(identity, (struct customer_id){customer}, SIZE_MAX, take_number, &all);
    const uint32_t *numbers = (const uint32_t *)(const void *)all.data;
    size_t count = all.size / sizeof *numbers;
    for (int documents = 0; documents < 2 && !out->size; documents++)
        for (size_t i = 0; i < count; i++)
            if (documents || !identifier_at(identity, numbers[i])->document)
                buffer_add(out, &numbers[i], sizeof numbers[i]);
    buffer_release(&all);
}

static void members_add(struct weighing *w, uint32_t customer,
                        uint32_t (*part)(struct weighing *w, uint32_t identifier)) {
    struct buffer all = {0};
    identifiers_of(w->identity, customer, &all);
    const uint32_t *numbers = (const uint32_t *)(const void *)all.data;
    for (size_t i = 0; i < all.size / sizeof *numbers; i++)
        member_add(w, numbers[i], part ? part(w, numbers[i]) : 0);
    buffer_release(&all);
}

/* --- each kind --- */

static enum status find_customer(struct weighing *w, struct customer_id asked, uint32_t *out) {
    *out = identity_redirect(w->identity, asked).number;
    if (!*out)
        return fault_set(w->fault, STATUS_NOT_FOUND, "no customer has number %u", asked.number);
    if (customer_at(w->identity, *out)->shared)
        return fault_set(w->fault, STATUS_INVALID,
                         "customer %u is a shared device's, which is nobody's: there is nothing to merge or split",
                         *out);
    return STATUS_OK;
}

static enum status weigh_merge(struct weighing *w) {
    enum status status = find_customer(w, w->decision->customer, &w->customer);
    if (!status)
        status = find_customer(w, w->decision->other, &w->other);
    if (!status && w->customer == w->other)
        status = fault_set(w->fault, STATUS_INVALID, "both are one customer already");
    if (status)
        return status;
    members_add(w, w->customer, NULL);
    members_add(w, w->other, NULL);
    return STATUS_OK;
}

static uint32_t part_listed(struct weighing *w, uint32_t identifier) {
    for (size_t i = 0; i < w->decision->identifier_count; i++)
        if (w->decision->identifiers[i].number == identifier)
            return 1;
    return 0;
}

static enum status weigh_identifiers(struct weighing *w) {
    const struct decision *d = w->decision;
    enum status status = find_customer(w, d->customer, &w->customer);
    for (size_t i = 0; i < d->identifier_count && !status; i++)
        if (identity_customer(w->identity, d->identifiers[i]).number != w->customer)
            status =
                fault_set(w->fault, STATUS_NOT_FOUND, "identifier %u is not the customer's", d->identifiers[i].number);
    if (status)
        return status;
    members_add(w, w->customer, part_listed);
    for (size_t i = 0; i < d->identifier_count; i++) { /* documents that were named */
        bool there = false;
        for (size_t j = 0; j < member_count(w) && !there; j++)
            there = members(w)[j].identifier == d->identifiers[i].number;
        if (!there)
            member_add(w, d->identifiers[i].number, 1);
    }
    return STATUS_OK;
}

/* Merges of a customer, oldest first. */
static void take_merge(void *context, const struct journal_entry *entry) {
    if (entry->kind == JOURNAL_MERGE)
        buffer_add(context, entry, sizeof *entry);
}

static uint32_t group_of(const uint32_t *groups, const struct number_map *index, uint32_t customer) {
    const uint32_t *at = number_map_find(index, customer);
    uint32_t group = at ? *at : 0;
    while (at && groups[group] != group)
        group = groups[group];
    return at ? group : UINT32_MAX;
}

/* Parts by who was one when the merges that `holds` says are left out had not been: identifiers by the customers
 * they were attached to. The group of the customer itself stays. */
static void parts_by_merges(struct weighing *w,
                            bool (*left_out)(const struct weighing *w, const struct journal_entry *e)) {
    struct buffer merges = {0}, groups = {0};
    struct number_map index = {0}, parts = {0};
    identity_journal(w->identity, (struct customer_id){w->customer}, SIZE_MAX, take_merge, &merges);
    members_add(w, w->customer, NULL);
    const struct journal_entry *entries = (const struct journal_entry *)(const void *)merges.data;
    size_t count = merges.size / sizeof *entries;
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++)
        for (int side = 0; side < 2; side++) {
            uint32_t *at = number_map_put(&index, side ? entries[i].loser.number : entries[i].winner.number, next);
            if (*at == next)
                buffer_add(&groups, &next, sizeof next), next++;
        }
    uint32_t *group = (uint32_t *)(void *)groups.data;
    for (size_t i = 0; i < count; i++)
        if (!left_out(w, &entries[i])) {
            uint32_t a = group_of(group, &index, entries[i].winner.number);
            group[group_of(group, &index, entries[i].loser.number)] = a;
        }
    uint32_t stays = group_of(group, &index, w->customer), part_count = 0;
    for (size_t i = 0; i < member_count(w); i++) {
        uint32_t own = group_of(group, &index, owner_of_identifier(w->identity, members(w)[i].identifier));
        if (own == stays || own == UINT32_MAX)
            continue;
        uint32_t *part = number_map_put(&parts, own, part_count + 1);
        part_count += *part > part_count;
        members(w)[i].part = *part;
    }
    number_map_release(&index);
    number_map_release(&parts);
    buffer_release(&merges);
    buffer_release(&groups);
}

static bool is_the_entry(const struct weighing *w, const struct journal_entry *entry) {
    return entry->number == w->decision->entry;
}
static bool is_late(const struct weighing *w, const struct journal_entry *entry) {
    return entry->received_ms >= w->decision->time_ms;
}

static enum status weigh_entry(struct weighing *w) {
    uint64_t number = w->decision->entry;
    if (!number || number > chunks_count(&w->identity->journal))
        return fault_set(w->fault, STATUS_NOT_FOUND, "the journal has no entry %llu", (unsigned long long)number);
    const struct journal_entry *entry = &journal_at(w->identity, (uint32_t)number)->entry;
    if (entry->kind != JOURNAL_MERGE)
        return fault_set(w->fault, STATUS_INVALID, "entry %llu of the journal is no merge", (unsigned long long)number);
    enum status status = find_customer(w, entry->winner, &w->customer);
    if (status)
        return status;
    parts_by_merges(w, is_the_entry);
    w->wish.revive = entry->loser.number;
    return STATUS_OK;
}

static enum status weigh_time(struct weighing *w) {
    enum status status = find_customer(w, w->decision->customer, &w->customer);
    if (!status)
        parts_by_merges(w, is_late);
    return status;
}

/* What an undo, perhaps of an undo of an undo, comes to: the merge or split whose force changes. */
static enum status weigh_undo(struct weighing *w) {
    uint64_t number = w->decision->entry;
    if (!number || number > chunks_count(&w->identity->decisions))
        return fault_set(w->fault, STATUS_NOT_FOUND, "there is no decision %llu", (unsigned long long)number);
    if (atomic_load_explicit(&decision_at(w->identity, (uint32_t)number)->undone, memory_order_acquire))
        return fault_set(w->fault, STATUS_CONFLICT, "decision %llu is undone already", (unsigned long long)number);
    w->toggled = (uint32_t)number;
    while (decision_at(w->identity, w->toggled)->note.kind == DECISION_UNDO)
        w->toggled = (uint32_t)decision_at(w->identity, w->toggled)->note.entry;
    const struct decision_entry *base = decision_at(w->identity, w->toggled);
    w->customer = base->member_count
                      ? identity_customer(
                            w->identity, (struct identifier_id){member_at(w->identity, base->member_first)->identifier})
                            .number
                      : 0;
    return STATUS_OK;
}

/* --- weighing --- */

/* A split must leave something and take something away. */
static enum status parts_check(struct weighing *w) {
    size_t stays = 0, leaves = 0;
    for (size_t i = 0; i < member_count(w); i++) {
        const struct decision_member *member = &members(w)[i];
        if (!member->part && !stays++)
            w->wish.stay_identifier = member->identifier;
        if (member->part && !leaves++)
            w->wish.revive_identifier = member->identifier;
    }
    w->wish.stays = w->customer;
    if (!leaves && w->decision->kind == DECISION_SPLIT_IDENTIFIERS)
        return fault_set(w->fault, STATUS_INVALID, "no identifier is named that is to leave");
    if (!leaves)
        return fault_set(w->fault, STATUS_CONFLICT, "nothing of the customer came that way, or it is apart already");
    if (!stays)
        return fault_set(w->fault, STATUS_INVALID, "all of the customer's identifiers are named: nothing would stay");
    return STATUS_OK;
}

static enum status weigh(struct weighing *w) {
    enum status status;
    solve_begin(w->s, w->identity);
    switch (w->decision->kind) {
    case DECISION_MERGE:
        status = weigh_merge(w);
        break;
    case DECISION_SPLIT_IDENTIFIERS:
        status = weigh_identifiers(w);
        break;
    case DECISION_SPLIT_MERGE:
        status = weigh_entry(w);
        break;
    case DECISION_SPLIT_TIME:
        status = weigh_time(w);
        break;
    case DECISION_UNDO:
        status = weigh_undo(w);
        break;
    default:
        return fault_set(w->fault, STATUS_INVALID, "decisions of kind %d are not known", (int)w->decision->kind);
    }
    if (!status && w->decision->kind != DECISION_MERGE && w->decision->kind != DECISION_UNDO)
        status = parts_check(w);
    if (status)
        return status;
    solve_weigh(w->s, (uint8_t)w->decision->kind, w->toggled);
    if (!solve_gather(w->s, SOLVE_EDGES_DECISION_MAX))
        return fault_set(w->fault, STATUS_FULL, "more than %d pieces of evidence are connected to it",
                         SOLVE_EDGES_DECISION_MAX);
    solve_run(w->s);
    outcome_make(w->s, &w->wish);
    return STATUS_OK;
}

/* --- keeping --- */

/* Of a split: who the first part that leaves becomes. */
static uint32_t other_of(const struct weighing *w) {
    return w->wish.revive_identifier ? outcome_customer_of(w->s, solve_find(w->s, w->wish.revive_identifier))
                                     : w->other;
}

static uint32_t decision_keep(struct identity *identity, const struct weighing *w, const struct cause *cause) {
    struct decision_entry *entry = chunks_next(&identity->decisions);
    uint32_t number = chunks_count(&identity->decisions) + 1, count = (uint32_t)member_count(w);
    entry->note = (struct decision_note){.number = number,
                                         .position = cause->position,
                                         .received_ms = cause->received_ms,
                                         .source = cause->source,
                                         .kind = (uint8_t)w->decision->kind,
                                         .customer = {w->customer},
                                         .other = {other_of(w)},
                                         .entry = w->decision->entry,
                                         .time_ms = w->decision->time_ms,
                                         .identifier_count = count};
    entry->member_first = chunks_count(&identity->members) + 1;
    entry->member_count = count;
    for (uint32_t i = 0; i < count; i++)
        identity_member_add(identity, members(w)[i].identifier, number, members(w)[i].part);
    chunks_publish(&identity->decisions);
    for (uint32_t at = w->decision->kind == DECISION_UNDO ? (uint32_t)w->decision->entry : 0; at;) {
        struct decision_entry *undone = decision_at(identity, at);
        atomic_store_explicit(&undone->undone, !atomic_load(&undone->undone), memory_order_release);
        at = undone->note.kind == DECISION_UNDO ? (uint32_t)undone->note.entry : 0;
    }
    return number;
}

void identity_member_add(struct identity *identity, uint32_t identifier, uint32_t decision, uint32_t part) {
    struct decision_member *member = chunks_next(&identity->members);
    *member = (struct decision_member){identifier, decision, part};
    table_add(&identity->decisions_of, hash_mix(identifier), chunks_publish(&identity->members));
}

static void decided_note(struct identity *identity, const struct weighing *w, const struct cause *cause) {
    struct journal_entry entry = {.position = cause->position,
                                  .received_ms = cause->received_ms,
                                  .source = cause->source,
                                  .kind = JOURNAL_DECIDED,
                                  .winner = {w->customer},
                                  .loser = {w->other},
                                  .strong = {solve_nodes(w->s)[0].identifier},
                                  .decision = cause->decision};
    if (entry.winner.number)
        identity_journal_add(identity, &entry);
}

enum status identity_decide(struct identity *identity, const struct decision *decision, uint64_t position,
                            int64_t received_ms, uint16_t source, struct resolution *out, uint64_t *number,
                            struct fault *fault) {
    struct weighing w = {.identity = identity, .decision = decision, .s = identity->solver, .fault = fault};
    struct cause cause = {position, received_ms, source, 0};
    *out = (struct resolution){0};
    *number = 0;
    enum status status = weigh(&w);
    if (status)
        return status;
    *number = cause.decision = decision_keep(identity, &w, &cause);
    decided_note(identity, &w, &cause);
    identity_apply(identity, &cause, out);
    out->customer.number = identity_redirect(identity, (struct customer_id){w.customer}).number;
    identity_measure(identity);
    return STATUS_OK;
}

/* --- previews --- */

/* The lists in memory of their own: merges, moves, arrivals. */
static void resolution_own(struct resolution *out) {
    size_t merges = out->merge_count * sizeof *out->merges, moves = out->move_count * sizeof *out->moves, arrivals = 0;
    for (size_t i = 0; i < out->move_count; i++)
        arrivals += out->moves[i].arrival_count;
    char *own = memory_get(1, merges + moves + arrivals * sizeof(struct identifier_id) + 1);
    struct move *moved = (struct move *)(void *)own;
    struct identifier_id *at = (struct identifier_id *)(void *)(own + moves);
    for (size_t i = 0; i < out->move_count; i++) {
        moved[i] = out->moves[i];
        moved[i].arrivals = at;
        memcpy(at, out->moves[i].arrivals, out->moves[i].arrival_count * sizeof *at);
        at += out->moves[i].arrival_count;
    }
    if (merges)
        memcpy(at, out->merges, merges);
    out->moves = moved;
    out->merges = (const struct merge *)(const void *)at;
    out->owned = own;
}

/* Who the customer is afterwards. */
static uint32_t customer_after(const struct weighing *w) {
    const struct outcome *p = w->s->outcome;
    for (size_t i = 0; i < outcome_customer_count(p); i++)
        if (outcome_customers(p)[i].number == w->customer)
            return outcome_clusters(p)[outcome_customers(p)[i].cluster].customer;
    return w->customer;
}

enum status identity_preview(const struct identity *identity, const struct decision *decision, struct resolution *out,
                             struct fault *fault) {
    struct weighing w = {.identity = identity, .decision = decision, .s = solver_create(), .fault = fault};
    *out = (struct resolution){0};
    enum status status = weigh(&w);
    if (!status) {
        identity_outcome_tell(w.s, out);
        resolution_own(out);
        out->customer.number = customer_after(&w);
    }
    solver_free(w.s);
    return status;
}

void resolution_release(struct resolution *out) {
    free(out->owned);
    *out = (struct resolution){0};
}

void identity_rows_moved(struct identity *identity, struct customer_id from, struct customer_id to, uint64_t rows) {
    struct customer *of = customer_at(identity, from.number), *into = customer_at(identity, to.number);
    uint32_t count = rows > of->row_count ? of->row_count : (uint32_t)rows;
    of->row_count -= count;
    into->row_count = UINT32_MAX - into->row_count < count ? UINT32_MAX : into->row_count + count;
}

/* --- readers --- */

uint64_t identity_decisions(const struct identity *identity, uint64_t from, size_t limit,
                            void (*each)(void *context, const struct decision_note *note), void *context) {
    uint64_t count = chunks_count(&identity->decisions);
    for (uint64_t i = from; i < count && i - from < limit; i++) {
        const struct decision_entry *entry = decision_at(identity, (uint32_t)i + 1);
        struct decision_note note = entry->note;
        note.undone = atomic_load_explicit(&entry->undone, memory_order_acquire);
        each(context, &note);
    }
    return count;
}

void identity_decision_identifiers(const struct identity *identity, uint64_t number,
                                   void (*each)(void *context, struct identifier_id identifier, unsigned part),
                                   void *context) {
    if (!number || number > chunks_count(&identity->decisions))
        return;
    const struct decision_entry *entry = decision_at(identity, (uint32_t)number);
    for (uint32_t i = 0; i < entry->member_count; i++) {
        const struct decision_member *member = member_at(identity, entry->member_first + i);
        each(context, (struct identifier_id){member->identifier}, member->part);
    }
}
