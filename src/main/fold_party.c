/* fold_party: see the header. */
#include "main/fold_party.h"

#include <assert.h>
#include <stdlib.h>

#include "audience/audience.h"

#define ROWS_MAX (GOVERN_RECORDS_MAX + PARTIES_MAX) /* of one customer, from one record */

/* A customer who gets rows of the record. */
struct receiver {
    struct fold_end end; /* customer 0: cannot be had */
    struct record_head *rows[ROWS_MAX];
    size_t count;
};

struct work {
    struct engine *engine;
    const struct log_record *raw;
    struct governed *g;
    struct governed *named; /* for resolving one identifier */
    struct resolution *resolution;
    struct receiver all[1 + PARTIES_MAX]; /* the record's own customer, then its parties */
    struct arena arena;
    struct record_builder builder;
};

/* --- who --- */

/* The customer behind the first of the party's identifiers that may be used; made where nobody has it. One identifier cannot bring two
 * customers together. */
static void find_party(struct work *w, const struct party *party, struct fold_end *out) {
    struct engine *e = w->engine;
    struct resolution *r = w->resolution;
    *out = (struct fold_end){{0}, {0}, false};
    for (size_t i = 0; i < party->claim_count; i++) {
        w->named->claims[0] = party->claims[i];
        if (identity_resolve(e->identity, w->named, w->raw->position, 1, r))
            continue;
        assert(r->merge_count == 0 && r->move_count == 0);
        *out = (struct fold_end){r->customer, r->arrival, r->created};
        return;
    }
}

/* False where the record is a relation to nobody. */
static bool find_parties(struct work *w) {
    struct governed *g = w->g;
    for (size_t i = 0; i < g->party_count; i++) {
        find_party(w, &g->parties[i], &w->all[1 + i].end);
        if (w->all[1 + i].end.customer.number || !g->parties[i].claim_count)
            continue;
        if (g->parties[i].stated) {
            govern_set_aside(
                w->engine->govern, w->raw, QUARANTINE_NO_IDENTIFIER,
                "every identifier of the relation's other end is blocked; one that stands for a person is needed");
            return false;
        }
        govern_set_value_aside(w->engine->govern, w->raw, QUARANTINE_BAD_IDENTIFIER, g->parties[i].field,
                               "blocked: it stands for nobody");
    }
    return true;
}

/* --- rows --- */

/* A copy that outlives its builder. */
static struct record_head *keep(struct arena *arena, const struct record_head *row) {
    struct record_head *copy = arena_get(arena, row->bytes);
    memcpy(copy, row, row->bytes);
    return copy;
}

static void add(struct work *w, struct receiver *to, struct record_head *row) {
    assert(to->count < ROWS_MAX && to->end.customer.number);
    history_append(w->engine->history, to->end.customer, row);
    to->rows[to->count++] = row;
}

static void set_other(struct record_head *row, const struct fold_end *self, const struct fold_end *other) {
    struct record_value *customer = (struct record_value *)record_find(row, RELATION_CUSTOMER);
    assert(customer && row->kind == TYPE_RELATION);
    row->arrival = self->arrival.number;
    row->document = other->arrival.number;
    customer->integer = other->customer.number;
}

/* What govern made. What is for a party that cannot be had is the own customer's where it is an event, and nobody's otherwise. */
static void add_records(struct work *w, const struct resolution *own) {
    for (size_t i = 0; i < w->g->record_count; i++) {
        struct record_head *row = w->g->records[i];
        uint8_t owner = w->g->owners[i];
        if (!w->all[owner].end.customer.number && row->kind != TYPE_EVENT)
            continue;
        struct receiver *to = &w->all[w->all[owner].end.customer.number ? owner : 0];
        row->arrival = to->end.arrival.number;
        row->document = owner ? 0 : own->documents[i].number;
        if (row->kind == TYPE_RELATION)
            set_other(row, &to->end, &w->all[owner ? 0 : 1].end);
        if (to != &w->all[0])
            row->flags |= RECORD_PARTY;
        add(w, to, row);
    }
}

/* The row that says at `self` that it is related to `other`; `shows`: it stands for what happened, which is the other's. */
static void add_edge(struct work *w, uint16_t type, struct receiver *self, const struct fold_end *other, bool shows) {
    struct governed *g = w->g;
    uint16_t kept = RECORD_TIME_RECEIVED | RECORD_REPLACES;
    struct record_head head = *g->records[0]; /* time, source, priority, position */
    head.type = type;
    head.kind = TYPE_RELATION;
    head.flags =
        (uint16_t)((head.flags & kept) | (shows ? RECORD_INVOLVES : 0) | (self != &w->all[0] ? RECORD_PARTY : 0));
    record_begin(&w->builder, &head);
    record_set(&w->builder, RELATION_CUSTOMER, VALUE_NUMBER, 0, 0);
    struct record_head *row = keep(&w->arena, record_end(&w->builder));
    set_other(row, &self->end, other);
    add(w, self, row);
}

static bool happened(const struct governed *g) {
    for (size_t i = 0; i < g->record_count; i++)
        if (g->records[i]->kind == TYPE_EVENT || g->records[i]->kind == TYPE_DOCUMENT)
            return true;
    return false;
}

/* Whose the event is. */
static struct receiver *subject_of(struct work *w) {
    for (size_t i = 0; i < w->g->party_count; i++)
        if (w->g->parties[i].subject && w->all[1 + i].end.customer.number)
            return &w->all[1 + i];
    return &w->all[0];
}

/* The relations that follow from who was named: of the record's own customer to the subject, of the subject to its contacts. They are not
 * said to hold: one that has ended stays so. */
static void add_edges(struct work *w) {
    struct governed *g = w->g;
    struct receiver *subject = subject_of(w);
    bool shows = happened(g);
    for (size_t i = 0; i < g->party_count && g->record_count; i++) {
        const struct party *party = &g->parties[i];
        struct receiver *own = party->subject ? &w->all[0] : subject, *other = &w->all[1 + i];
        if (party->stated || !other->end.customer.number)
            continue;
        uint16_t inverse = dictionary_type_at(w->engine->dictionary, party->relation)->inverse;
        add_edge(w, party->relation, own, &other->end, shows && party->subject);
        add_edge(w, inverse, other, &own->end, shows && !party->subject);
    }
}

/* --- all of it --- */

static void tell(struct work *w, uint64_t position) {
    struct engine *e = w->engine;
    for (size_t i = 0; i <= w->g->party_count; i++) {
        struct receiver *r = &w->all[i];
        if (r->end.customer.number)
            audience_records(e->audience, r->end.customer, r->end.created, r->rows, r->count, position);
    }
}

bool fold_parties(struct engine *e, const struct log_record *raw, struct governed *g, const struct fold_end *own,
                  const struct resolution *resolution, uint64_t position) {
    struct work *w = memory_get(1, sizeof *w);
    w->engine = e;
    w->raw = raw;
    w->g = g;
    w->named = memory_get(1, sizeof *w->named);
    w->named->claim_count = 1;
    w->named->time_ms = g->time_ms;
    w->named->source = g->source;
    w->resolution = memory_get(1, sizeof *w->resolution);
    w->all[0].end = *own;
    bool good = find_parties(w);
    if (good) {
        add_records(w, resolution);
        add_edges(w);
    }
    tell(w, position);
    arena_release(&w->arena);
    record_builder_release(&w->builder);
    free(w->named);
    free(w->resolution);
    free(w);
    return good;
}
