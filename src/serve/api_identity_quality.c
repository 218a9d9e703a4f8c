/* api_identity_quality: how well customers are told apart, from what identity holds now: whom a person's identifier leads to, how large
 * customers are, which are suspiciously large, and what was merged, split and refused a day. Cost: a walk over all identifiers, about 50 ns each. */
#include <stdlib.h>

#include "serve/call.h"
#include "serve/show.h"

void api_identity_quality(struct call *call);

#define DAY_MS 86400000LL
#define DAYS_MAX 366
#define LARGEST_MAX 20
#define SUSPICIOUS_TIMES 10 /* so many times the usual count of identifiers, and at least SUSPICIOUS_LEAST */
#define SUSPICIOUS_LEAST 20

static const unsigned bounds[] = {1, 2, 3, 5, 10, 20, 50, 100, UINT32_MAX};
#define BOUNDS (sizeof bounds / sizeof *bounds)

struct large {
    struct customer_id customer;
    unsigned identifiers;
};

struct walk {
    const struct serve_parts *parts;
    uint64_t *values, *customers; /* [namespace]: identifiers; customers that have one */
    uint32_t *last;               /* [namespace]: the customer counted last */
    uint64_t sizes[BOUNDS], named, all, exact[IDENTIFIERS_MAX + 1];
    struct large largest[LARGEST_MAX];
    size_t large_count;
    struct customer_id customer; /* in hand */
    unsigned identifiers;
    bool is_named;
};

#define NAMESPACES_MAX 65536

static void see_identifier(void *context, struct identifier_id id) {
    struct walk *w = context;
    uint16_t number = identity_namespace(w->parts->identity, id);
    const struct namespace *n = dictionary_namespace_at(w->parts->dictionary, number);
    if (!n)
        return;
    w->values[number]++;
    w->customers[number] += w->last[number] != w->customer.number;
    w->last[number] = w->customer.number;
    w->identifiers += n->kind != NAMESPACE_DOCUMENT;
    w->is_named |= n->kind == NAMESPACE_PERSON;
}

/* Keeps the largest, largest first. */
static void note_large(struct walk *w) {
    size_t at = w->large_count < LARGEST_MAX ? w->large_count++ : LARGEST_MAX;
    if (at == LARGEST_MAX && w->largest[LARGEST_MAX - 1].identifiers >= w->identifiers)
        return;
    at = at == LARGEST_MAX ? LARGEST_MAX - 1 : at;
    for (; at > 0 && w->largest[at - 1].identifiers < w->identifiers; at--)
        w->largest[at] = w->largest[at - 1];
    w->largest[at] = (struct large){w->customer, w->identifiers};
}

static void see_customer(struct walk *w, struct customer_id customer) {
    w->customer = customer;
    w->identifiers = 0;
    w->is_named = false;
    identity_identifiers(w->parts->identity, customer, 100000, see_identifier, w);
    size_t bound = 0;
    while (w->identifiers > bounds[bound])
        bound++;
    w->sizes[bound]++;
    w->exact[w->identifiers < IDENTIFIERS_MAX ? w->identifiers : IDENTIFIERS_MAX]++;
    w->all++;
    w->named += w->is_named;
    note_large(w);
}

static void walk_everybody(struct walk *w) {
    struct identity_counters counters;
    identity_counters_read(w->parts->identity, &counters);
    for (uint64_t first = 0; first <= counters.created; first += 64) {
        uint64_t bits;
        identity_population(w->parts->identity, (uint32_t)first, 1, &bits);
        for (; bits; bits &= bits - 1)
            see_customer(w, (struct customer_id){(uint32_t)(first + (uint64_t)__builtin_ctzll(bits))});
    }
}

static unsigned usual_size(const struct walk *w) {
    uint64_t below = 0;
    unsigned size = 0;
    while (size < IDENTIFIERS_MAX && (below += w->exact[size]) * 2 < w->all)
        size++;
    return size;
}

static void write_sizes(const struct walk *w, struct json_writer *json) {
    json_key(json, "sizes");
    json_array(json);
    for (size_t i = 0; i < BOUNDS; i++) {
        json_object(json);
        json_key(json, "up_to");
        if (bounds[i] == UINT32_MAX)
            json_null(json);
        else
            json_integer(json, bounds[i]);
        json_member_integer(json, "customers", (int64_t)w->sizes[i]);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_namespaces(const struct walk *w, struct json_writer *json) {
    json_key(json, "identifiers");
    json_array(json);
    for (unsigned n = 1; n < NAMESPACES_MAX; n++) {
        const struct namespace *space =
            w->values[n] ? dictionary_namespace_at(w->parts->dictionary, (uint16_t)n) : NULL;
        if (!space)
            continue;
        json_object(json);
        json_member_text(json, "namespace", space->name);
        json_member_integer(json, "values", (int64_t)w->values[n]);
        json_member_integer(json, "customers", (int64_t)w->customers[n]);
        json_member_real(json, "coverage", w->all ? (double)w->customers[n] / (double)w->all : 0);
        json_end_object(json);
    }
    json_end_array(json);
}

static void write_suspicious(const struct walk *w, struct show *show) {
    unsigned usual = usual_size(w), least = usual * SUSPICIOUS_TIMES;
    least = least < SUSPICIOUS_LEAST ? SUSPICIOUS_LEAST : least;
    json_member_integer(show->json, "usual_size", usual);
    json_key(show->json, "suspicious");
    json_array(show->json);
    for (size_t i = 0; i < w->large_count && w->largest[i].identifiers >= least; i++) {
        json_object(show->json);
        show_oneid(show, "customer", w->largest[i].customer);
        json_member_integer(show->json, "identifiers", w->largest[i].identifiers);
        json_end_object(show->json);
    }
    json_end_array(show->json);
}

/* --- what happened a day --- */

struct days {
    int64_t until_day, days;
    uint64_t merges[DAYS_MAX], splits[DAYS_MAX], conflicts[DAYS_MAX], limits[DAYS_MAX];
};

static void see_entry(void *context, const struct journal_entry *e) {
    struct days *d = context;
    int64_t at = d->until_day - e->received_ms / DAY_MS;
    if (at < 0 || at >= d->days)
        return;
    d->merges[at] += e->kind == JOURNAL_MERGE;
    d->splits[at] += e->kind == JOURNAL_SPLIT;
    d->conflicts[at] += e->kind == JOURNAL_CONFLICT;
    d->limits[at] += e->kind == JOURNAL_LIMIT;
}

static void write_days(struct call *call, int64_t count) {
    struct days *d = memory_get(1, sizeof *d);
    char date[TIME_TEXT_BYTES];
    d->until_day = os_now_ms(call->parts->os) / DAY_MS;
    d->days = count;
    identity_journal_page(call->parts->identity, 0, SIZE_MAX, see_entry, d);
    json_key(&call->json, "days");
    json_array(&call->json);
    for (int64_t i = 0; i < count; i++) {
        if (!d->merges[i] && !d->splits[i] && !d->conflicts[i] && !d->limits[i])
            continue;
        json_object(&call->json);
        json_key(&call->json, "day");
        json_text(&call->json, slice_of(date, time_format_date((int32_t)(d->until_day - i), date)));
        json_member_integer(&call->json, "merges", (int64_t)d->merges[i]);
        json_member_integer(&call->json, "splits", (int64_t)d->splits[i]);
        json_member_integer(&call->json, "conflicts", (int64_t)d->conflicts[i]);
        json_member_integer(&call->json, "limits", (int64_t)d->limits[i]);
        json_end_object(&call->json);
    }
    json_end_array(&call->json);
    free(d);
}

void api_identity_quality(struct call *call) {
    int64_t days;
    struct identity_counters counters;
    if (!call_integer(call, "days", 1, DAYS_MAX, 30, &days))
        return;
    struct walk *w = memory_get(1, sizeof *w);
    struct show show = {.parts = call->parts, .json = &call->json};
    w->parts = call->parts;
    w->values = memory_get(NAMESPACES_MAX, sizeof *w->values);
    w->customers = memory_get(NAMESPACES_MAX, sizeof *w->customers);
    w->last = memory_get(NAMESPACES_MAX, sizeof *w->last);
    walk_everybody(w);
    identity_counters_read(call->parts->identity, &counters);
    json_object(&call->json);
    json_member_integer(&call->json, "customers", (int64_t)w->all);
    json_member_integer(&call->json, "named", (int64_t)w->named);
    json_member_real(&call->json, "coverage", w->all ? (double)w->named / (double)w->all : 0);
    json_member_integer(&call->json, "shared_devices", (int64_t)counters.shared);
    json_member_integer(&call->json, "merged_away", (int64_t)counters.merges);
    write_namespaces(w, &call->json);
    write_sizes(w, &call->json);
    write_suspicious(w, &show);
    write_days(call, days);
    json_end_object(&call->json);
    free(w->values);
    free(w->customers);
    free(w->last);
    free(w);
}
