/* named: see the header. */
#include "identity/named.h"

#include "base/time.h"

#define SHOWN(slice) (int)((slice).size < 80 ? (slice).size : 80), (slice).data

/* --- ids --- */

static enum status unknown(struct slice id, struct fault *fault) {
    return fault_set(fault, STATUS_NOT_FOUND, "no customer is known by \"%.*s\"; an id is a oneid or namespace:value",
                     SHOWN(id));
}

static const char *colon_of(struct slice id) { return id.size ? memchr(id.data, ':', id.size) : NULL; }

enum status identity_claim(const struct dictionary *dictionary, struct slice id, struct arena *arena,
                           struct claim *claim, struct fault *fault) {
    const char *colon = colon_of(id);
    if (!colon)
        return fault_set(fault, STATUS_INVALID, "\"%.*s\" is no identifier; it must be namespace:value", SHOWN(id));
    struct slice name = slice_of(id.data, (size_t)(colon - id.data));
    const struct namespace *ns = dictionary_namespace_find(dictionary, name);
    if (!ns)
        return fault_set(fault, STATUS_NOT_FOUND, "no identifier namespace is called \"%.*s\"", SHOWN(name));
    claim->namespace_number = ns->number;
    return govern_normalise_identifier(ns, slice_of(colon + 1, id.size - name.size - 1), arena, &claim->value, fault);
}

static void take_identifier(void *context, struct identifier_id identifier) {
    *(struct identifier_id *)context = identifier;
}

enum status identity_named(const struct identity *identity, const struct dictionary *dictionary, struct slice id,
                           struct arena *arena, struct named *out, struct fault *fault) {
    struct claim claim;
    *out = (struct named){{0}, {0}, {0}};
    if (!colon_of(id)) {
        out->asked = oneid_parse(id);
        if (out->asked.number)
            out->customer = identity_redirect(identity, out->asked);
        if (!out->customer.number)
            return unknown(id, fault);
        identity_identifiers(identity, out->customer, 1, take_identifier, &out->identifier);
        return STATUS_OK;
    }
    enum status status = identity_claim(dictionary, id, arena, &claim, fault);
    if (status)
        return status;
    out->identifier = identity_find(identity, claim.namespace_number, claim.value);
    if (out->identifier.number)
        out->customer = identity_customer(identity, out->identifier);
    return out->customer.number ? STATUS_OK : unknown(id, fault);
}

/* --- decisions --- */

bool decision_word(struct slice word) {
    return slice_is(word, "merge") || slice_is(word, "split") || slice_is(word, "undo");
}

struct reading {
    const struct identity *identity;
    const struct dictionary *dictionary;
    struct json_parser *p;
    const struct json *json;
    struct arena *arena;
};

static enum status read_customer(struct reading *r, const char *key, struct customer_id *out, struct fault *fault) {
    struct slice id = json_get_text(r->p, r->json, key);
    struct named named;
    if (!id.size)
        return fault_set(fault, STATUS_INVALID, "\"%s\" must be a oneid or namespace:value", key);
    enum status status = identity_named(r->identity, r->dictionary, id, r->arena, &named, fault);
    *out = named.customer;
    return status;
}

/* A number from 1. */
static enum status read_number(struct reading *r, const char *key, uint64_t *out, struct fault *fault) {
    const struct json *value = json_get(r->p, r->json, key);
    if (!value || value->kind != JSON_INTEGER || value->integer < 1)
        return fault_set(fault, STATUS_INVALID, "\"%s\" must be a number from 1", key);
    *out = (uint64_t)value->integer;
    return STATUS_OK;
}

static enum status read_identifiers(struct reading *r, const struct json *list, struct decision *out,
                                    struct fault *fault) {
    struct identifier_id *all = arena_get(r->arena, (list->count + 1ull) * sizeof *all);
    enum status status = STATUS_OK;
    for (const struct json *one = json_first(r->p, list); one && !status; one = json_next(r->p, one)) {
        struct claim claim;
        struct slice id = one->kind == JSON_TEXT ? one->text : SLICE_NONE;
        status = identity_claim(r->dictionary, id, r->arena, &claim, fault);
        if (status)
            return status;
        all[out->identifier_count] = identity_find(r->identity, claim.namespace_number, claim.value);
        if (!all[out->identifier_count++].number)
            status = unknown(id, fault);
    }
    out->identifiers = all;
    return status;
}

static enum status read_since(struct reading *r, struct decision *out, struct fault *fault) {
    struct slice text = json_get_text(r->p, r->json, "since");
    bool zoned;
    if (!text.size || time_parse_iso(text, &out->time_ms, &zoned))
        return fault_set(fault, STATUS_INVALID, "\"since\" must be an instant such as 2026-01-31T08:00:00Z");
    return STATUS_OK;
}

static enum status read_split(struct reading *r, struct decision *out, struct fault *fault) {
    const struct json *identifiers = json_get(r->p, r->json, "identifiers");
    if (json_get(r->p, r->json, "entry")) {
        out->kind = DECISION_SPLIT_MERGE;
        return read_number(r, "entry", &out->entry, fault);
    }
    enum status status = read_customer(r, "customer", &out->customer, fault);
    if (status)
        return status;
    if (json_get(r->p, r->json, "since")) {
        out->kind = DECISION_SPLIT_TIME;
        return read_since(r, out, fault);
    }
    out->kind = DECISION_SPLIT_IDENTIFIERS;
    if (!identifiers || identifiers->kind != JSON_ARRAY || !identifiers->count)
        return fault_set(
            fault, STATUS_INVALID,
            "a split needs \"identifiers\":[\"namespace:value\", ...], or \"since\", or the \"entry\" of a "
            "merge in the journal");
    return read_identifiers(r, identifiers, out, fault);
}

enum status decision_read(const struct identity *identity, const struct dictionary *dictionary, struct json_parser *p,
                          const struct json *json, struct slice word, struct arena *arena, struct decision *out,
                          struct fault *fault) {
    struct reading r = {identity, dictionary, p, json, arena};
    *out = (struct decision){0};
    if (slice_is(word, "undo")) {
        out->kind = DECISION_UNDO;
        return read_number(&r, "decision", &out->entry, fault);
    }
    if (slice_is(word, "split"))
        return read_split(&r, out, fault);
    enum status status = read_customer(&r, "customer", &out->customer, fault);
    return status ? status : read_customer(&r, "other", &out->other, fault);
}
