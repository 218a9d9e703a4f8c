/* fold_command: see the header. */
#include "main/fold_command.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "base/decimal.h"
#include "base/time.h"
#include "govern/json_text.h"
#include "govern/normalise_time.h"
#include "govern/zone.h"
#include "identity/named.h"
#include "network/network.h"

#define SHOWN(slice) (int)((slice).size < 80 ? (slice).size : 80), (slice).data

struct work {
    struct engine *engine;
    struct json_parser *p;
    const struct json *json;
    const struct log_record *raw;
    struct arena arena;
    struct record_builder builder, mirror;
};

/* Who is meant, and the identifier a row of theirs arrives by. */
struct meant {
    struct customer_id customer;
    struct identifier_id arrival;
};

/* --- who --- */

static enum status find_customer(struct work *w, struct slice id, struct meant *out, struct fault *fault) {
    struct named named;
    enum status status = identity_named(w->engine->identity, w->engine->dictionary, id, &w->arena, &named, fault);
    *out = (struct meant){named.customer, named.identifier};
    return status;
}

/* The same, and who is not known yet becomes a customer. */
static enum status find_or_make(struct work *w, struct slice id, struct meant *out, struct fault *fault) {
    *out = (struct meant){{0}, {0}};
    if (!id.size || !memchr(id.data, ':', id.size))
        return find_customer(w, id, out, fault);
    struct governed *g = memory_get(1, sizeof *g);
    struct resolution *r = memory_get(1, sizeof *r);
    enum status status = identity_claim(w->engine->dictionary, id, &w->arena, &g->claims[0], fault);
    g->claim_count = 1;
    g->time_ms = w->raw->received_ms;
    g->source = w->raw->source;
    if (!status && (status = identity_resolve(w->engine->identity, g, w->raw->position, 1, r)))
        fault_set(fault, status, "\"%.*s\" cannot stand for a customer", SHOWN(id));
    if (!status) {
        assert(r->merge_count == 0 && r->move_count == 0); /* one identifier cannot bring two together */
        *out = (struct meant){r->customer, r->arrival};
        if (r->created) /* whatever becomes of the order, this customer is one now */
            audience_records(w->engine->audience, out->customer, true, NULL, 0, w->raw->position);
    }
    free(g);
    free(r);
    return status;
}

/* --- rows --- */

/* When it was: "at", which serve has checked, else when it was ordered. */
static int64_t time_of(const struct work *w) {
    struct slice at = json_get_text(w->p, w->json, "at");
    int64_t time_ms;
    bool zoned;
    return at.size && time_parse_iso(at, &time_ms, &zoned) == STATUS_OK ? time_ms : w->raw->received_ms;
}

static struct record_head head_of(const struct work *w, const struct type *type, const struct meant *who) {
    return (struct record_head){.type = type->number,
                                .kind = type->kind,
                                .source = w->raw->source,
                                .time_ms = w->raw->received_ms,
                                .received_ms = w->raw->received_ms,
                                .position = w->raw->position,
                                .arrival = who->arrival.number};
}

static void tell_audience(struct work *w, const struct meant *who, struct record_head *record) {
    audience_records(w->engine->audience, who->customer, false, &record, 1, w->raw->position);
}

static void put_number(struct record_builder *b, uint16_t property, const struct json *value) {
    struct decimal exact;
    if (value->kind == JSON_INTEGER)
        record_set(b, property, VALUE_NUMBER, value->integer, 0);
    else if (decimal_of_real(value->real, &exact))
        record_set(b, property, VALUE_NUMBER, exact.value, (uint8_t)exact.scale);
    else
        record_set_real(b, property, value->real);
}

static void put_json(struct work *w, struct record_builder *b, uint16_t property, const struct json *value) {
    struct buffer text = {0};
    struct json_writer writer = {.out = &text};
    json_text_of(w->p, value, &writer);
    record_set_text(b, property, buffer_slice(&text));
    buffer_release(&text);
}

static bool put_time(struct record_builder *b, const struct property *property, struct slice text) {
    bool day = property->type == PROPERTY_DATE, zoned;
    int64_t value;
    enum status status =
        day ? normalise_date(text, zone_utc(), NULL, &value, NULL) : time_parse_iso(text, &value, &zoned);
    if (status == STATUS_OK)
        record_set(b, property->number, day ? VALUE_DATE : VALUE_TIME, value, 0);
    return status == STATUS_OK;
}

/* False where the value is none of the property's type. */
static bool put_value(struct work *w, struct record_builder *b, const struct property *property,
                      const struct json *value) {
    bool number = property->type == PROPERTY_NUMBER || property->type == PROPERTY_MONEY;
    switch (value->kind) {
    case JSON_NULL:
        record_set(b, property->number, VALUE_MISSING, 0, 0);
        return true;
    case JSON_BOOL:
        record_set(b, property->number, VALUE_BOOL, value->boolean, 0);
        return property->type == PROPERTY_BOOL;
    case JSON_INTEGER:
    case JSON_REAL:
        put_number(b, property->number, value);
        return number;
    case JSON_TEXT:
        if (property->type == PROPERTY_TIME || property->type == PROPERTY_DATE)
            return put_time(b, property, value->text);
        record_set_text(b, property->number, value->text);
        return property->type == PROPERTY_TEXT;
    default:
        put_json(w, b, property->number, value);
        return property->type == PROPERTY_TEXT;
    }
}

/* --- tags and uploads --- */

static const struct type *customer_type(const struct work *w) {
    return dictionary_type_at(w->engine->dictionary, DICTIONARY_CUSTOMER);
}

/* The definition's attribute; NOT_FOUND, or INVALID where it is none that is given values. */
static enum status find_attribute(struct work *w, enum definition_kind kind, struct slice name, uint16_t *attribute,
                                  struct fault *fault) {
    struct audience_snapshot *snapshot = audience_snapshot(w->engine->audience);
    const char *what = kind == DEFINITION_TAG ? "tag" : "segment";
    struct audience_entry entry;
    enum status status = STATUS_OK;
    if (!audience_find(snapshot, kind, name, &entry))
        status = fault_set(fault, STATUS_NOT_FOUND, "no %s is called \"%.*s\"", what, SHOWN(name));
    else if (!entry.attribute)
        status = fault_set(fault, STATUS_INVALID, "%s \"%.*s\" is of kind %.*s: nobody is put into it by hand", what,
                           SHOWN(name), SLICE_ARG(entry.how));
    else
        *attribute = entry.attribute;
    audience_snapshot_release(snapshot);
    return status;
}

static void add_row(struct work *w, const struct meant *who) {
    struct record_head *record = record_end(&w->builder);
    history_append(w->engine->history, who->customer, record);
    tell_audience(w, who, record);
}

static enum status apply_tag(struct work *w, struct fault *fault) {
    struct slice id = json_get_text(w->p, w->json, "customer"), tag = json_get_text(w->p, w->json, "tag");
    const struct json *value = json_get(w->p, w->json, "value");
    uint16_t attribute;
    struct meant who;
    enum status status = find_attribute(w, DEFINITION_TAG, tag, &attribute, fault);
    if (!status)
        status = find_customer(w, id, &who, fault);
    if (status)
        return status;
    const struct property *property = dictionary_property_at(customer_type(w), attribute);
    struct record_head head = head_of(w, customer_type(w), &who);
    record_begin(&w->builder, &head);
    if (!value || !put_value(w, &w->builder, property, value))
        return fault_set(fault, STATUS_INVALID, "\"value\" of the tag \"%.*s\" must be a %s, or null", SHOWN(tag),
                         property_type_name(property->type));
    add_row(w, &who);
    return STATUS_OK;
}

/* Puts the listed ones in or out; counts those that are not known, and keeps the first. */
static void put_members(struct work *w, const char *list, uint16_t attribute, bool in, size_t *unknown,
                        struct slice *first) {
    const struct json *ids = json_get(w->p, w->json, list);
    if (!ids || ids->kind != JSON_ARRAY)
        return;
    for (const struct json *id = json_first(w->p, ids); id; id = json_next(w->p, id)) {
        struct slice text = id->kind == JSON_TEXT ? id->text : SLICE("?");
        struct meant who;
        arena_reset(&w->arena);
        if (find_customer(w, text, &who, NULL)) {
            if ((*unknown)++ == 0)
                *first = text;
            continue;
        }
        struct record_head head = head_of(w, customer_type(w), &who);
        record_begin(&w->builder, &head);
        record_set(&w->builder, attribute, in ? VALUE_BOOL : VALUE_MISSING, in, 0);
        add_row(w, &who);
    }
}

static enum status apply_members(struct work *w, struct fault *fault) {
    struct slice name = json_get_text(w->p, w->json, "segment"), first = SLICE_NONE;
    size_t unknown = 0;
    uint16_t attribute;
    enum status status = find_attribute(w, DEFINITION_SEGMENT, name, &attribute, fault);
    if (status)
        return status;
    put_members(w, "add", attribute, true, &unknown, &first);
    put_members(w, "remove", attribute, false, &unknown, &first);
    return unknown ? fault_set(fault, STATUS_NOT_FOUND,
                               "%zu of those listed are not known, \"%.*s\" first; the rest was taken", unknown,
                               SHOWN(first))
                   : STATUS_OK;
}

/* --- relations --- */

static enum property_type type_of_value(const struct json *value) {
    return value->kind == JSON_BOOL                                  ? PROPERTY_BOOL
           : value->kind == JSON_INTEGER || value->kind == JSON_REAL ? PROPERTY_NUMBER
                                                                     : PROPERTY_TEXT;
}

static enum status put_fields(struct work *w, struct type *type, struct record_builder *b, struct fault *fault) {
    const struct json *fields = json_get(w->p, w->json, "fields");
    enum status status = STATUS_OK;
    if (!fields || fields->kind != JSON_OBJECT)
        return STATUS_OK;
    for (const struct json *f = json_first(w->p, fields); f && !status; f = json_next(w->p, f)) {
        struct property *property;
        status = dictionary_property(w->engine->dictionary, type, f->key, type_of_value(f), &property, fault);
        if (!status && property->number <= RELATION_ENDED)
            status = fault_set(fault, STATUS_INVALID, "\"%.*s\" of a relation is not set by hand", SHOWN(f->key));
        if (!status && !put_value(w, b, property, f))
            status = fault_set(fault, STATUS_INVALID, "\"fields\": %.*s must be a %s", SHOWN(f->key),
                               property_type_name(property->type));
    }
    return status;
}

/* The row of one end. */
static enum status build_end(struct work *w, uint16_t type_number, struct record_builder *b, const struct meant *self,
                             const struct meant *other, struct fault *fault) {
    struct type *type = (struct type *)dictionary_type_at(w->engine->dictionary, type_number);
    struct record_head head = head_of(w, type, self);
    head.document = other->arrival.number;
    head.time_ms = time_of(w);
    record_begin(b, &head);
    record_set(b, RELATION_CUSTOMER, VALUE_NUMBER, other->customer.number, 0);
    record_set(b, RELATION_ENDED, VALUE_BOOL, json_get_bool(w->p, w->json, "end", false), 0);
    return put_fields(w, type, b, fault);
}

static enum status find_ends(struct work *w, struct meant *from, struct meant *to, struct fault *fault) {
    enum status status = find_or_make(w, json_get_text(w->p, w->json, "from"), from, fault);
    if (!status)
        status = find_or_make(w, json_get_text(w->p, w->json, "to"), to, fault);
    if (!status && from->customer.number == to->customer.number)
        status = fault_set(fault, STATUS_CONFLICT, "both ends are one customer");
    return status;
}

/* Both ends get their row before either is evaluated. */
static enum status apply_relate(struct work *w, struct fault *fault) {
    struct engine *e = w->engine;
    struct meant from, to;
    struct type *type;
    enum status status =
        dictionary_type(e->dictionary, TYPE_RELATION, json_get_text(w->p, w->json, "type"), &type, fault);
    if (!status)
        status = find_ends(w, &from, &to, fault);
    if (!status)
        status = build_end(w, type->number, &w->builder, &from, &to, fault);
    if (!status)
        status = build_end(w, type->inverse, &w->mirror, &to, &from, fault);
    if (status)
        return status;
    struct record_head *record = record_end(&w->builder), *mirror = record_end(&w->mirror);
    history_append(e->history, from.customer, record);
    history_append(e->history, to.customer, mirror);
    tell_audience(w, &from, record);
    tell_audience(w, &to, mirror);
    return STATUS_OK;
}

/* --- measures of networks --- */

/* The attributes of "network" and "measures", made where they are not there yet. Returns how many, 0 after a fault. */
static size_t find_measures(struct work *w, const struct property *properties[NETWORK_MEASURES], enum status *status,
                            struct fault *fault) {
    struct type *type = (struct type *)customer_type(w);
    const struct json *measures = json_get(w->p, w->json, "measures");
    struct slice network = json_get_text(w->p, w->json, "network");
    size_t count = 0;
    *status = STATUS_OK;
    for (const struct json *m = json_first(w->p, measures); m && count < NETWORK_MEASURES && !*status;
         m = json_next(w->p, m)) {
        char name[DICTIONARY_NAME_BYTES_MAX];
        struct property *property;
        int measure = m->kind == JSON_TEXT ? network_measure_parse(m->text) : -1;
        if (measure < 0 || network.size == 0 || network.size > NETWORK_NAME_BYTES_MAX) {
            *status = fault_set(fault, STATUS_INVALID, "\"measures\" of \"network\" are not known");
            return 0;
        }
        const struct network_measure_row *row = network_measure_row((enum network_measure)measure);
        int size = snprintf(name, sizeof name, "network.%.*s.%s", SLICE_ARG(network), row->word);
        *status = dictionary_property(w->engine->dictionary, type, slice_of(name, (size_t)size),
                                      (enum property_type)row->type, &property, fault);
        properties[count++] = property;
    }
    return *status ? 0 : count;
}

/* [oneid, value, ...]: values of one customer. Who was merged away meanwhile is left out: the next run says what the survivor's are. */
static void put_measures(struct work *w, const struct json *entry, const struct property *const *properties,
                         size_t count) {
    const struct json *value = json_first(w->p, entry);
    struct meant who;
    struct customer_id asked = value && value->kind == JSON_TEXT ? oneid_parse(value->text) : (struct customer_id){0};
    arena_reset(&w->arena);
    if (!asked.number || find_customer(w, value->text, &who, NULL) || who.customer.number != asked.number)
        return;
    struct record_head head = head_of(w, customer_type(w), &who);
    record_begin(&w->builder, &head);
    for (size_t i = 0; i < count && (value = json_next(w->p, value)); i++)
        put_value(w, &w->builder, properties[i], value);
    add_row(w, &who);
}

static enum status apply_network(struct work *w, struct fault *fault) {
    const struct property *properties[NETWORK_MEASURES];
    const struct json *customers = json_get(w->p, w->json, "customers");
    enum status status;
    size_t count = find_measures(w, properties, &status, fault);
    for (const struct json *c = json_first(w->p, customers); c && count; c = json_next(w->p, c))
        put_measures(w, c, properties, count);
    return status;
}

/* --- the words --- */

enum status fold_command(struct engine *e, struct json_parser *p, const struct json *command,
                         const struct log_record *raw, struct fault *fault) {
    struct work w = {.engine = e, .p = p, .json = command, .raw = raw};
    struct slice word = json_get_text(p, command, "command");
    enum status status;
    if (slice_is(word, "tag"))
        status = apply_tag(&w, fault);
    else if (slice_is(word, "members"))
        status = apply_members(&w, fault);
    else if (slice_is(word, "relate"))
        status = apply_relate(&w, fault);
    else if (slice_is(word, "network"))
        status = apply_network(&w, fault);
    else if (slice_is(word, "refresh"))
        status = audience_refresh(e->audience, json_get_text(p, command, "segment"), raw->position, fault);
    else
        status = fault_set(
            fault, STATUS_UNSUPPORTED,
            "\"command\" is \"%.*s\"; expected replay, tag, members, relate, network, refresh, merge, split or undo",
            SHOWN(word));
    arena_release(&w.arena);
    record_builder_release(&w.builder);
    record_builder_release(&w.mirror);
    return status;
}
