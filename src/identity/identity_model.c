/* identity_model: see the header. Where this file and identity.c disagree, docs/identity.md decides which one is wrong.
 * */
#include "identity/identity_model.h"

#include "base/memory.h"

#include <assert.h>
#include <strings.h>

struct model *model_create(const struct dictionary *dictionary) {
    struct model *m = memory_get(1, sizeof *m);
    m->dictionary = dictionary;
    return m;
}

uint32_t model_redirect(const struct model *m, uint32_t customer) {
    while (m->merged_into[customer])
        customer = m->merged_into[customer];
    return customer;
}

static const struct namespace *ns_of(const struct model *m, uint16_t number) {
    return dictionary_namespace_at(m->dictionary, number);
}

static uint32_t find(const struct model *m, const struct claim *claim) {
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        if (m->identifiers[i].namespace_number == claim->namespace_number &&
            slice_equal(slice_of(m->identifiers[i].value, m->identifiers[i].value_bytes), claim->value))
            return i;
    return 0;
}

static bool blocked(struct slice value) {
    static const char *texts[] = {
#define BLOCKED(text) text,
#include "identity/identity_blocked.def"
#undef BLOCKED
    };
    size_t zeros = 0;
    for (size_t i = 0; i < value.size; i++)
        zeros += value.data[i] == '0' || value.data[i] == '-' || value.data[i] == ':' || value.data[i] == '.';
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strlen(texts[i]) == value.size && strncasecmp(texts[i], value.data, value.size) == 0)
            return true;
    return zeros == value.size || value.size > IDENTIFIER_BYTES_MAX;
}

/* A set of identifiers as counts by namespace. */
struct counts {
    unsigned of[256], total;
};

static void count_one(const struct model *m, struct counts *c, uint16_t namespace_number) {
    assert(namespace_number < 256);
    if (ns_of(m, namespace_number)->kind == NAMESPACE_DOCUMENT)
        return;
    c->of[namespace_number]++;
    c->total++;
}

static struct counts counts_of(const struct model *m, uint32_t customer) {
    struct counts c = {0};
    for (uint32_t i = 1; customer && i <= m->identifier_count; i++)
        if (m->identifiers[i].customer == customer)
            count_one(m, &c, m->identifiers[i].namespace_number);
    return c;
}

/* 0, JOURNAL_CONFLICT or JOURNAL_LIMIT, and the namespace. */
static uint8_t together(const struct model *m, struct counts a, struct counts b, uint16_t *namespace_number) {
    uint16_t count = (uint16_t)dictionary_namespace_count(m->dictionary);
    for (uint16_t n = 1; n <= count; n++)
        if (ns_of(m, n)->unique && a.of[n] && b.of[n]) {
            *namespace_number = n;
            return JOURNAL_CONFLICT;
        }
    for (uint16_t n = 1; n <= count; n++)
        if (ns_of(m, n)->limit && a.of[n] && b.of[n] && a.of[n] + b.of[n] > ns_of(m, n)->limit) {
            *namespace_number = n;
            return JOURNAL_LIMIT;
        }
    *namespace_number = 0;
    return a.total && b.total && a.total + b.total > IDENTIFIERS_MAX ? JOURNAL_LIMIT : 0;
}

static uint32_t create(struct model *m, const struct claim *claim, uint32_t customer, uint64_t position) {
    struct model_identifier *i = &m->identifiers[++m->identifier_count];
    assert(m->identifier_count < MODEL_MAX && claim->value.size <= sizeof i->value);
    *i = (struct model_identifier){.namespace_number = claim->namespace_number,
                                   .value_bytes = claim->value.size,
                                   .customer = customer,
                                   .position = position};
    memcpy(i->value, claim->value.data, claim->value.size);
    return m->identifier_count;
}

static bool said(const struct model *m, const struct journal_entry *e) {
    for (uint32_t i = 0; i < m->journal_count; i++) {
        const struct journal_entry *o = &m->journal[i];
        bool refusal = (e->kind == JOURNAL_CONFLICT || e->kind == JOURNAL_LIMIT) &&
                       (o->kind == JOURNAL_CONFLICT || o->kind == JOURNAL_LIMIT);
        if (refusal && e->weak.number &&
            ((o->strong.number == e->strong.number && o->weak.number == e->weak.number) ||
             (o->strong.number == e->weak.number && o->weak.number == e->strong.number)))
            return true;
        if (refusal && !e->weak.number && !o->weak.number && o->strong.number == e->strong.number &&
            o->namespace_number == e->namespace_number)
            return true;
        if (e->kind == JOURNAL_BLOCKED && o->kind == JOURNAL_BLOCKED && o->namespace_number == e->namespace_number &&
            o->source == e->source)
            return true;
    }
    return false;
}

static void note(struct model *m, struct journal_entry e) {
    if (!said(m, &e))
        m->journal[m->journal_count++] = e;
}

static void join_edges(struct model *m, uint32_t a, uint32_t b, uint64_t position) {
    for (uint32_t i = 0; i < m->edge_count; i++)
        if ((m->edges[i].a.number == a && m->edges[i].b.number == b) ||
            (m->edges[i].a.number == b && m->edges[i].b.number == a))
            return;
    m->edges[m->edge_count++] = (struct edge){{a}, {b}, position};
}

/* The record's usable claims in order of strength, documents' keys last, each value once. */
static size_t sorted(struct model *m, const struct governed *record, struct claim *out, size_t *blocked_count,
                     uint16_t *blocked_namespaces) {
    struct claim all[CLAIMS_MAX + GOVERN_RECORDS_MAX];
    size_t all_count = 0, count = 0;
    for (unsigned priority = 0; priority < 256; priority++)
        for (size_t i = 0; i < record->claim_count; i++)
            if (ns_of(m, record->claims[i].namespace_number)->priority == priority)
                all[all_count++] = record->claims[i];
    for (size_t i = 0; i < record->record_count; i++)
        if (record->document_keys[i].namespace_number)
            all[all_count++] = record->document_keys[i];
    for (size_t i = 0; i < all_count; i++) {
        bool again = false;
        for (size_t j = 0; j < count; j++)
            again |= out[j].namespace_number == all[i].namespace_number && slice_equal(out[j].value, all[i].value);
        if (blocked(all[i].value))
            blocked_namespaces[(*blocked_count)++] = all[i].namespace_number;
        else if (!again)
            out[count++] = all[i];
    }
    return count;
}

/* Which claims go together, who is their customer, and what is refused, decided in order. */
struct decision {
    bool accepted[40];
    bool shared[40]; /* a shared device beside something else: evidence for nobody */
    uint8_t refused[40];
    uint16_t rule[40];
    uint32_t number[40];
    uint32_t target;
};

static void decide(struct model *m, const struct claim *claims, size_t count, uint64_t position, struct decision *d,
                   struct resolution *out, struct journal_entry base) {
    size_t shared_count = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t number = find(m, &claims[i]);
        shared_count += d->shared[i] = number && m->shared[m->identifiers[number].customer];
    }
    for (size_t i = 0; i < count; i++) {
        struct counts have = counts_of(m, d->target), more = {0};
        d->shared[i] = d->shared[i] && shared_count < count;
        for (size_t j = 0; j < i && !d->target; j++)
            if (d->accepted[j])
                count_one(m, &have, claims[j].namespace_number);
        d->number[i] = find(m, &claims[i]);
        if (d->shared[i])
            continue;
        uint32_t customer = d->number[i] ? m->identifiers[d->number[i]].customer : 0;
        if (customer)
            more = counts_of(m, customer);
        else
            count_one(m, &more, claims[i].namespace_number);
        if (!customer || customer != d->target)
            d->refused[i] = together(m, have, more, &d->rule[i]);
        d->accepted[i] = !d->refused[i];
        if (d->refused[i])
            continue;
        if (customer && !d->target) {
            d->target = customer;
            for (size_t j = 0; j < i; j++)
                if (d->accepted[j])
                    d->number[j] = create(m, &claims[j], d->target, position);
        } else if (!customer && d->target) {
            d->number[i] = create(m, &claims[i], d->target, position);
        } else if (customer != d->target) {
            bool mine =
                m->rows[d->target] != m->rows[customer] ? m->rows[d->target] > m->rows[customer] : d->target < customer;
            uint32_t winner = mine ? d->target : customer, loser = mine ? customer : d->target;
            for (uint32_t k = 1; k <= m->identifier_count; k++)
                if (m->identifiers[k].customer == loser)
                    m->identifiers[k].customer = winner;
            m->rows[winner] += m->rows[loser];
            m->merged_into[loser] = winner;
            out->merges[out->merge_count++] = (struct merge){{winner}, {loser}};
            d->target = winner;
            base.kind = JOURNAL_MERGE;
            base.winner.number = winner;
            base.loser.number = loser;
            base.weak.number = d->number[i];
            for (size_t j = i + 1; j-- > 0;)
                base.strong.number = d->accepted[j] ? d->number[j] : base.strong.number;
            note(m, base);
        }
    }
}

static void set_aside(struct model *m, const struct claim *claims, size_t i, struct decision *d,
                      struct journal_entry base) {
    uint32_t from = d->number[i] ? m->identifiers[d->number[i]].customer : 0;
    bool person = false;
    for (size_t j = 0; j < i; j++)
        person |= d->accepted[j] && (ns_of(m, claims[j].namespace_number)->kind == NAMESPACE_PERSON ||
                                     ns_of(m, claims[j].namespace_number)->kind == NAMESPACE_ANY);
    const struct namespace *own = ns_of(m, claims[i].namespace_number);
    bool second =
        from && person && own->kind == NAMESPACE_DEVICE && d->rule[i] && ns_of(m, d->rule[i])->kind != NAMESPACE_DEVICE;
    struct counts one = {0};
    uint16_t unused;
    count_one(m, &one, claims[i].namespace_number);
    base.kind = d->refused[i];
    if (second && m->policy == SHARED_DEVICE_OWN) {
        base.kind = JOURNAL_SHARED_DEVICE;
        d->shared[i] = true;
        m->identifiers[d->number[i]].customer = ++m->customer_count;
        m->shared[m->customer_count] = true;
    } else if (second && !together(m, counts_of(m, d->target), one, &unused)) {
        base.kind = JOURNAL_SHARED_DEVICE;
        d->accepted[i] = true;
        m->identifiers[d->number[i]].customer = d->target;
    }
    base.winner.number = d->target;
    base.loser.number = from;
    base.weak.number = d->number[i];
    base.namespace_number = d->rule[i];
    note(m, base);
}

enum status model_resolve(struct model *m, const struct governed *record, uint64_t position, unsigned rows,
                          struct resolution *out) {
    struct claim claims[40];
    uint16_t blocked_namespaces[40];
    size_t blocked_count = 0, count = sorted(m, record, claims, &blocked_count, blocked_namespaces);
    struct decision d = {0};
    struct journal_entry base = {.position = position,
                                 .received_ms =
                                     record->record_count ? record->records[0]->received_ms : record->time_ms,
                                 .source = record->source};
    *out = (struct resolution){0};
    m->blocked += blocked_count;
    if (!count)
        return STATUS_NOT_FOUND;
    decide(m, claims, count, position, &d, out, base);
    if (!d.target) {
        d.target = ++m->customer_count;
        out->created = true;
        for (size_t i = 0; i < count; i++)
            if (d.accepted[i])
                d.number[i] = create(m, &claims[i], d.target, position);
    }
    size_t first = 0;
    while (!d.accepted[first])
        first++;
    base.strong.number = d.number[first];
    for (size_t i = 0; i < count; i++)
        if (d.refused[i])
            set_aside(m, claims, i, &d, base);
    for (size_t i = 0; i < blocked_count; i++) {
        base.kind = JOURNAL_BLOCKED;
        base.winner.number = d.target;
        base.namespace_number = blocked_namespaces[i];
        note(m, base);
    }
    for (size_t i = 0; i < count; i++)
        if (i != first && (d.accepted[i] || d.shared[i]))
            join_edges(m, d.number[first], d.number[i], position);
    for (size_t i = 0; i < record->record_count; i++)
        if (record->document_keys[i].namespace_number && !blocked(record->document_keys[i].value))
            out->documents[i].number = find(m, &record->document_keys[i]);
    out->customer.number = d.target;
    out->arrival.number = d.number[first];
    m->rows[d.target] += rows;
    return STATUS_OK;
}

void model_counters(const struct model *m, struct identity_counters *out) {
    *out = (struct identity_counters){.created = m->customer_count,
                                      .identifiers = m->identifier_count,
                                      .edges = m->edge_count,
                                      .blocked = m->blocked};
    for (uint32_t c = 1; c <= m->customer_count; c++) {
        out->merges += m->merged_into[c] != 0;
        bool now = !m->merged_into[c];
        out->shared += now && m->shared[c];
        out->customers += now && !m->shared[c] && counts_of(m, c).total;
        out->unowned += now && !m->shared[c] && !counts_of(m, c).total;
    }
    for (uint32_t i = 0; i < m->journal_count; i++) {
        out->conflicts += m->journal[i].kind == JOURNAL_CONFLICT;
        out->limited += m->journal[i].kind == JOURNAL_LIMIT;
        out->moved += m->journal[i].kind == JOURNAL_SHARED_DEVICE;
    }
}
