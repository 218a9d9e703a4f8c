/* identity_model: see the header. Where this file and identity_solve.c disagree, docs/identity.md decides which one is
 * wrong. */
#include "identity/identity_model.h"

#include "base/hash.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

struct model *model_create(const struct dictionary *dictionary) {
    struct model *m = memory_get(1, sizeof *m);
    m->dictionary = dictionary;
    return m;
}

static const struct namespace *ns_of(const struct model *m, uint32_t identifier) {
    return dictionary_namespace_at(m->dictionary, m->identifiers[identifier].namespace_number);
}
static struct slice value_of(const struct model *m, uint32_t i) {
    return slice_of(m->identifiers[i].value, m->identifiers[i].value_bytes);
}

uint32_t model_find(const struct model *m, uint16_t namespace_number, struct slice value) {
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        if (m->identifiers[i].namespace_number == namespace_number && slice_equal(value_of(m, i), value))
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

/* --- what records say --- */

static uint32_t identifier_of(struct model *m, const struct claim *claim) {
    uint32_t known = model_find(m, claim->namespace_number, claim->value);
    if (known)
        return known;
    struct model_identifier *i = &m->identifiers[++m->identifier_count];
    assert(m->identifier_count < MODEL_MAX && claim->value.size <= sizeof i->value);
    *i = (struct model_identifier){.namespace_number = claim->namespace_number, .value_bytes = claim->value.size};
    memcpy(i->value, claim->value.data, claim->value.size);
    return m->identifier_count;
}

static void together(struct model *m, uint32_t a, uint32_t b, int64_t time_ms) {
    for (uint32_t i = 0; i < m->edge_count; i++) {
        struct model_edge *e = &m->edges[i];
        if ((e->a == a && e->b == b) || (e->a == b && e->b == a)) {
            e->first_ms = time_ms < e->first_ms ? time_ms : e->first_ms;
            return;
        }
    }
    assert(m->edge_count < 4 * MODEL_MAX);
    m->edges[m->edge_count++] = (struct model_edge){a, b, time_ms};
}

static bool document(const struct model *m, uint32_t i) { return ns_of(m, i)->kind == NAMESPACE_DOCUMENT; }

/* The record's usable identifiers in order of strength, documents' keys last, each value once. */
static size_t sorted(struct model *m, const struct governed *record, uint32_t *out) {
    size_t count = 0;
    for (unsigned rank = 0; rank < 512; rank++)
        for (size_t i = 0; i < record->claim_count + record->record_count; i++) {
            bool key = i >= record->claim_count;
            const struct claim *claim = key ? &record->document_keys[i - record->claim_count] : &record->claims[i];
            if (!claim->namespace_number || blocked(claim->value))
                continue;
            /* documents by their place in the record, not by priority */
            unsigned own = key ? 256 : dictionary_namespace_at(m->dictionary, claim->namespace_number)->priority;
            if (own != rank)
                continue;
            uint32_t number = identifier_of(m, claim);
            bool again = false;
            for (size_t j = 0; j < count; j++)
                again |= out[j] == number;
            if (!again)
                out[count++] = number;
        }
    return count;
}

void model_see(struct model *m, const struct governed *record) {
    uint32_t numbers[CLAIMS_MAX + GOVERN_RECORDS_MAX];
    size_t count = sorted(m, record, numbers);
    for (size_t i = 0; i < 2; i++)
        for (size_t j = i + 1; j < count; j++)
            if (i == 0 || !document(m, numbers[j]) || ns_of(m, numbers[1])->kind != NAMESPACE_PERSON)
                together(m, numbers[i], numbers[j], record->time_ms);
}

/* --- rules --- */

static bool device(const struct model *m, uint32_t i) { return ns_of(m, i)->kind == NAMESPACE_DEVICE; }
static bool person(const struct model *m, uint32_t i) {
    return ns_of(m, i)->kind == NAMESPACE_PERSON || ns_of(m, i)->kind == NAMESPACE_ANY;
}

static unsigned count_of(const struct model *m, uint32_t label, int namespace_number) {
    unsigned count = 0;
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        count += m->identifiers[i].label == label && !document(m, i) &&
                 (namespace_number > 0    ? m->identifiers[i].namespace_number == namespace_number
                  : namespace_number == 0 ? true
                                          : person(m, i) && !ns_of(m, i)->anonymous_only);
    return count;
}

/* A rule that keeps two clusters apart: its namespace, -1 for all together, 0 = none. */
static int rule_against(const struct model *m, uint32_t a, uint32_t b) {
    int count = (int)dictionary_namespace_count(m->dictionary);
    for (int unique = 1; unique >= 0; unique--)
        for (int n = 1; n <= count; n++) {
            const struct namespace *ns = dictionary_namespace_at(m->dictionary, (uint16_t)n);
            unsigned of_a = count_of(m, a, n), of_b = count_of(m, b, n);
            if (of_a && of_b && (unique ? ns->unique : !ns->unique && ns->limit && of_a + of_b > ns->limit))
                return n;
        }
    unsigned of_a = count_of(m, a, 0), of_b = count_of(m, b, 0);
    return of_a && of_b && of_a + of_b > IDENTIFIERS_MAX ? -1 : 0;
}

/* --- decisions --- */

/* The part of a cluster in a split, once later merges joined parts; -1 = none. */
static int part_of(const struct model *m, uint32_t split, uint32_t label) {
    const struct model_decision *s = &m->decisions[split];
    uint32_t name[1000];
    for (size_t i = 0; i < 1000; i++)
        name[i] = (uint32_t)i;
    for (uint32_t d = split + 1; d < m->decision_count; d++) {
        const struct model_decision *merge = &m->decisions[d];
        uint32_t first = UINT32_MAX;
        for (size_t i = 0; i < s->count && merge->merge && !merge->undone; i++) {
            bool in = false;
            for (size_t j = 0; j < merge->count; j++)
                in |= merge->identifiers[j] == s->identifiers[i];
            if (!in)
                continue;
            uint32_t own = name[s->parts[i]];
            first = first == UINT32_MAX ? own : first;
            for (size_t j = 0; j < 1000; j++)
                name[j] = name[j] == own ? first : name[j];
        }
    }
    for (size_t i = 0; i < s->count; i++)
        if (m->identifiers[s->identifiers[i]].label == label)
            return (int)name[s->parts[i]];
    return -1;
}

static bool decided_apart(const struct model *m, uint32_t a, uint32_t b) {
    for (uint32_t d = 0; d < m->decision_count; d++) {
        if (m->decisions[d].merge || m->decisions[d].undone)
            continue;
        int of_a = part_of(m, d, a), of_b = part_of(m, d, b);
        if (of_a >= 0 && of_b >= 0 && of_a != of_b)
            return true;
    }
    return false;
}

static void unite(struct model *m, uint32_t a, uint32_t b) {
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        if (m->identifiers[i].label == b)
            m->identifiers[i].label = a;
}

static void decided_together(struct model *m, const struct model_decision *d) {
    for (size_t i = 1; i < d->count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct model_identifier *x = &m->identifiers[d->identifiers[j]],
                                          *y = &m->identifiers[d->identifiers[i]];
            if (d->parts[i] != d->parts[j] || x->shared || y->shared)
                continue;
            if (x->label != y->label &&
                (decided_apart(m, x->label, y->label) || (!d->merge && rule_against(m, x->label, y->label))))
                continue;
            if (x->label != y->label)
                unite(m, x->label, y->label);
            break;
        }
}

static void decisions_first(struct model *m) {
    for (int merges = 1; merges >= 0; merges--)
        for (uint32_t d = m->decision_count; d-- > 0;)
            if (m->decisions[d].merge == merges && !m->decisions[d].undone)
                decided_together(m, &m->decisions[d]);
}

/* --- evidence --- */

static unsigned rank_of(const struct model *m, uint32_t i) {
    return ns_of(m, i)->priority + (document(m, i) ? 256u : 0);
}
static uint64_t hash_of(const struct model *m, uint32_t i) {
    return hash_bytes(value_of(m, i), hash_bytes(ns_of(m, i)->name, 0));
}
static bool stronger(const struct model *m, uint32_t a, uint32_t b) {
    return rank_of(m, a) != rank_of(m, b) ? rank_of(m, a) < rank_of(m, b) : hash_of(m, a) < hash_of(m, b);
}

static bool before(const struct model *m, const struct model_edge *x, const struct model_edge *y) {
    uint32_t xs = stronger(m, x->a, x->b) ? x->a : x->b, xw = x->a + x->b - xs;
    uint32_t ys = stronger(m, y->a, y->b) ? y->a : y->b, yw = y->a + y->b - ys;
    if (rank_of(m, xw) != rank_of(m, yw))
        return rank_of(m, xw) < rank_of(m, yw);
    if (x->first_ms != y->first_ms)
        return x->first_ms < y->first_ms;
    if (rank_of(m, xs) != rank_of(m, ys))
        return rank_of(m, xs) < rank_of(m, ys);
    if (hash_of(m, xs) != hash_of(m, ys))
        return hash_of(m, xs) < hash_of(m, ys);
    return hash_of(m, xw) < hash_of(m, yw);
}

static const struct model *sorting;
static int compare_edges(const void *a, const void *b) { return before(sorting, a, b) ? -1 : before(sorting, b, a); }

/* True when a device was found shared. */
static bool evidence(struct model *m, bool at_once) {
    bool again = false;
    for (uint32_t i = 0; i < m->edge_count; i++) {
        uint32_t strong = stronger(m, m->edges[i].a, m->edges[i].b) ? m->edges[i].a : m->edges[i].b;
        uint32_t weak = m->edges[i].a + m->edges[i].b - strong;
        struct model_identifier *x = &m->identifiers[strong], *y = &m->identifiers[weak];
        if (x->shared || y->shared || x->label == y->label)
            continue;
        bool apart = decided_apart(m, x->label, y->label);
        bool anonymous = (ns_of(m, strong)->anonymous_only || ns_of(m, weak)->anonymous_only) &&
                         count_of(m, x->label, -1) && count_of(m, y->label, -1);
        int rule = apart || anonymous ? 0 : rule_against(m, x->label, y->label);
        if (!apart && !anonymous && !rule) {
            unite(m, x->label, y->label);
        } else if (rule > 0 && device(m, weak) && person(m, strong) && ns_of(m, weak)->shared != SHARED_FIRST &&
                   !ns_of(m, weak)->anonymous_only &&
                   dictionary_namespace_at(m->dictionary, (uint16_t)rule)->kind != NAMESPACE_DEVICE) {
            y->shared = again = true;
            if (at_once)
                return true;
        }
    }
    return again;
}

void model_solve(struct model *m) {
    sorting = m;
    qsort(m->edges, m->edge_count, sizeof *m->edges, compare_edges);
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        m->identifiers[i].shared = false;
    do {
        for (uint32_t i = 1; i <= m->identifier_count; i++)
            m->identifiers[i].label = i;
        decisions_first(m);
    } while (evidence(m, true));
    for (uint32_t i = 0; i < m->edge_count; i++) {
        const struct model_identifier *x = &m->identifiers[m->edges[i].a], *y = &m->identifiers[m->edges[i].b];
        if (x->shared && y->shared && x->label != y->label)
            unite(m, x->label, y->label);
    }
}
