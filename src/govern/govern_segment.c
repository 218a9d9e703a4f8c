/* govern_segment: the item is parsed once, its top level read in one pass; then claims, time, and the records in the
 * order event, attributes, order. */
#include "govern/govern_segment.h"

#include <assert.h>

#include "collect/payload.h"
#include "govern/govern_value.h"

/* The members of a call that have a meaning of their own. */
// clang-format off
#define CALL_MEMBERS(M)                      \
    M(type, "type")                          \
    M(event, "event")                        \
    M(user_id, "userId")                     \
    M(anonymous_id, "anonymousId")           \
    M(message_id, "messageId")               \
    M(timestamp, "timestamp")                \
    M(original_timestamp, "originalTimestamp") \
    M(sent_at, "sentAt")                     \
    M(context, "context")                    \
    M(properties, "properties")              \
    M(traits, "traits")                      \
    M(name, "name")                          \
    M(category, "category")                  \
    M(group_id, "groupId")                   \
    M(previous_id, "previousId")             \
    M(relation, "relation")                  \
    M(to, "to")                              \
    M(since, "since")                        \
    M(ended, "ended")
// clang-format on

struct call {
#define MEMBER(name, text) const struct json *name;
    CALL_MEMBERS(MEMBER)
#undef MEMBER
    const struct json *outer_context; /* in context_parser */
};

static void read_members(const struct json_parser *p, const struct json *item, struct call *call) {
    for (const struct json *m = json_first(p, item); m; m = json_next(p, m)) {
#define MEMBER(name, text)                                                                                             \
    if (m->key.size == sizeof(text) - 1 && memcmp(m->key.data, text, sizeof(text) - 1) == 0) {                         \
        call->name = m;                                                                                                \
        continue;                                                                                                      \
    }
        CALL_MEMBERS(MEMBER)
#undef MEMBER
    }
}

static struct slice text_of(struct govern *g, const struct json *value) {
    return value ? slice_trim(value_as_text(g, value)) : SLICE_NONE;
}

static const struct json *object_of(const struct json *value) {
    return value && value->kind == JSON_OBJECT ? value : NULL;
}

/* --- parsing --- */

/* A batch's items carry the same outer context: it is parsed again only when its bytes differ. */
static bool parse_context(struct govern *g, struct slice context, struct call *call) {
    call->outer_context = NULL;
    if (context.size == 0)
        return true;
    if (!g->context_root || !slice_equal(context, buffer_slice(&g->context_text))) {
        buffer_clear(&g->context_text);
        buffer_add_slice(&g->context_text, context);
        g->context_root = NULL;
        if (json_parse(g->context_parser, buffer_slice(&g->context_text), true, &g->context_root, &g->fault) !=
            STATUS_OK) {
            g->context_root = NULL;
            return false;
        }
    }
    call->outer_context = object_of(g->context_root);
    return call->outer_context != NULL;
}

/* Checks the payload's sizes and parses both documents. */
static bool read_call(struct govern *g, struct payload_segment *head, struct call *call) {
    struct slice payload = g->raw->payload;
    const struct json *root;
    *call = (struct call){0};
    if (payload.size < sizeof *head) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "a payload of %zu bytes", payload.size);
        return false;
    }
    memcpy(head, payload.data, sizeof *head);
    size_t rest = payload.size - sizeof *head;
    if (head->context_bytes > rest || head->item_bytes != rest - head->context_bytes) {
        govern_refuse_whole(g, QUARANTINE_BAD_PAYLOAD, SLICE_NONE, "%u bytes of context and %u of item in %zu bytes",
                            head->context_bytes, head->item_bytes, rest);
        return false;
    }
    struct slice context = {payload.data + sizeof *head, head->context_bytes};
    struct slice item = {context.data + context.size, head->item_bytes};
    if (!parse_context(g, context, call)) {
        govern_refuse_whole(g, QUARANTINE_INVALID_JSON, SLICE("context"), "the batch's context is no JSON object");
        return false;
    }
    if (json_parse(g->parser, item, true, &root, &g->fault) != STATUS_OK || root->kind != JSON_OBJECT) {
        govern_refuse_whole(g, QUARANTINE_INVALID_JSON, SLICE_NONE, "%s",
                            g->fault.text[0] ? g->fault.text : "no JSON object");
        return false;
    }
    read_members(g->parser, root, call);
    return true;
}

/* --- claims --- */

static void claim_external_ids(struct govern *g, const struct json_parser *p, const struct json *context) {
    const struct json *ids = json_get(p, context, "externalIds");
    if (!ids || ids->kind != JSON_ARRAY)
        return;
    for (const struct json *m = json_first(p, ids); m; m = json_next(p, m)) {
        const struct json *id = json_get(p, m, "id"), *type = json_get(p, m, "type");
        const struct namespace *ns;
        struct slice value = text_of(g, id);
        if (!type || type->kind != JSON_TEXT || value.size == 0)
            continue;
        if (dictionary_namespace(g->dictionary, slice_trim(type->text), &ns, &g->fault) == STATUS_OK)
            govern_claim(g, ns, value, SLICE("context.externalIds"));
        else
            govern_refuse(g, QUARANTINE_BAD_NAME, SLICE("context.externalIds"), slice_text(g->fault.text));
        g->fault.text[0] = 0;
    }
}

static void claim_all(struct govern *g, const struct call *call) {
    const struct known *known = &g->known;
    const struct json *contexts[2] = {object_of(call->context), call->outer_context};
    const struct json_parser *parsers[2] = {g->parser, g->context_parser};
    govern_claim(g, known->user_id, text_of(g, call->user_id), SLICE("userId"));
    govern_claim(g, known->anonymous_id, text_of(g, call->anonymous_id), SLICE("anonymousId"));
    for (int i = 0; i < 2; i++) {
        if (!contexts[i])
            continue;
        claim_external_ids(g, parsers[i], contexts[i]);
        const struct json *device = json_get(parsers[i], contexts[i], "device");
        govern_claim(g, known->device_id, text_of(g, json_get(parsers[i], device, "id")), SLICE("context.device.id"));
    }
}

/* Claims from properties that an identify call carries beside its traits. */
static void claim_properties(struct govern *g, const struct json *properties) {
    static const char *const names[] = {"email", "phone"};
    for (int i = 0; i < 2; i++) {
        const struct namespace *ns = dictionary_namespace_find(g->dictionary, slice_text(names[i]));
        if (ns)
            govern_claim(g, ns, text_of(g, json_get(g->parser, properties, names[i])), slice_text(names[i]));
    }
}

/* --- time --- */

static void set_time(struct govern *g, const struct call *call, bool relation, int64_t sent_ms) {
    const struct json *written =
        call->timestamp && call->timestamp->kind != JSON_NULL ? call->timestamp : call->original_timestamp;
    struct slice field = written == call->timestamp ? SLICE("timestamp") : SLICE("originalTimestamp");
    if (relation && call->since) { /* a date in the past, by no device's clock */
        govern_set_time(g, text_of(g, call->since), NULL, TIME_NONE, SLICE("since"));
        return;
    }
    if (sent_ms == TIME_NONE && call->sent_at) {
        if (normalise_time(text_of(g, call->sent_at), g->zone, NULL, &sent_ms, NULL) != STATUS_OK)
            sent_ms = TIME_NONE;
    }
    struct slice text = !written                     ? SLICE_NONE
                        : written->kind < JSON_ARRAY ? text_of(g, written)
                                                     : SLICE("a list or an object");
    govern_set_time(g, text, NULL, sent_ms, field);
}

/* --- records --- */

static struct place place_for(struct govern *g, struct record_builder *builder, const char *where) {
    return (struct place){
        .g = g, .p = g->parser, .builder = builder, .type = g->types[g->out->record_count], .where = where};
}

/* The context's fields, "context.page.url" and so on; traits and externalIds are used otherwise. */
static void put_context(struct place *place, const struct call *call) {
    static const struct renaming left_out[] = {
        {SLICE("traits"), NULL}, {SLICE("externalIds"), NULL}, {SLICE_NONE, NULL}};
    struct place inside = *place;
    inside.where = "";
    inside.renamings = left_out;
    memcpy(inside.name, "context.", 8);
    inside.name_size = 8;
    inside.p = place->g->context_parser;
    value_put_members(&inside, call->outer_context);
    inside.p = place->g->parser;
    value_put_members(&inside, object_of(call->context));
}

static void put_text(struct place *place, const char *name, const struct json *value) {
    if (value && value->kind < JSON_ARRAY)
        value_put(place, slice_text(name), value);
}

static void put_prefixed(struct place *place, struct slice prefix, const struct json *object) {
    assert(place->name_size == 0 && prefix.size < sizeof place->name);
    memcpy(place->name, prefix.data, prefix.size);
    place->name_size = prefix.size;
    value_put_members(place, object);
    place->name_size = 0;
}

/* The call's own event, whatever its type. */
static bool add_event(struct govern *g, const struct call *call, struct slice name) {
    struct record_builder *builder = govern_begin(g, TYPE_EVENT, name);
    if (!builder)
        return false;
    struct place place = place_for(g, builder, "properties.");
    bool group = call->group_id && slice_is(name, "group"), alias = call->previous_id && slice_is(name, "alias");
    value_put_members(&place, object_of(call->properties));
    place.where = "";
    if (!call->event) {
        put_text(&place, "name", call->name);
        put_text(&place, "category", call->category);
    }
    if (group) {
        put_text(&place, "group_id", call->group_id);
        put_prefixed(&place, SLICE("traits."), object_of(call->traits));
    }
    if (alias) {
        put_text(&place, "previous_id", call->previous_id);
        put_text(&place, "user_id", call->user_id);
    }
    put_context(&place, call);
    govern_end(g);
    return true;
}

/* Attributes: what the contexts' traits say, then `traits`, which win. */
static bool add_attributes(struct govern *g, const struct call *call, const struct json *traits) {
    const struct json *contexts[2] = {call->outer_context, object_of(call->context)};
    const struct json_parser *parsers[2] = {g->context_parser, g->parser};
    const struct json *found[2];
    for (int i = 0; i < 2; i++)
        found[i] = contexts[i] ? object_of(json_get(parsers[i], contexts[i], "traits")) : NULL;
    if (!found[0] && !found[1] && !traits)
        return true;
    struct record_builder *builder = govern_begin(g, TYPE_ATTRIBUTES, g->known.customer->name);
    if (!builder)
        return false;
    struct place place = place_for(g, builder, "context.traits.");
    place.nulls_unset = place.claims = true;
    for (int i = 0; i < 2; i++) {
        place.p = parsers[i];
        value_put_members(&place, found[i]);
    }
    place.p = g->parser;
    place.where = "traits.";
    value_put_members(&place, traits);
    govern_end(g);
    return true;
}

/* --- orders --- */

static const struct order_event {
    struct slice event;
    const char *status;
} order_events[] = {
#define ORDER_EVENT(event, status) {SLICE(event), status},
#include "govern/dictionary_preset.def"
};

static const struct order_event *order_event_find(struct slice event) {
    for (size_t i = 0; i < sizeof order_events / sizeof *order_events; i++)
        if (slice_equal(order_events[i].event, event))
            return &order_events[i];
    return NULL;
}

static void put_status(struct place *place, const struct json *properties, const char *status) {
    if (text_of(place->g, json_get(place->p, properties, "status")).size)
        return; /* the source's own word stands already */
    struct json value = {.kind = JSON_TEXT, .text = slice_text(status)};
    value_put(place, SLICE("status"), &value);
}

/* A refund names what is given back: the order's own amounts and items stay as they are. */
static void put_refund(struct place *place, const struct json *properties) {
    static const struct renaming renamings[] = {
        {SLICE("order_id"), NULL}, {SLICE("total"), NULL},    {SLICE("value"), NULL},         {SLICE("revenue"), NULL},
        {SLICE("subtotal"), NULL}, {SLICE("shipping"), NULL}, {SLICE("tax"), NULL},           {SLICE("discount"), NULL},
        {SLICE("items"), NULL},    {SLICE("coupon"), NULL},   {SLICE("products"), "refunds"}, {SLICE_NONE, NULL}};
    const struct json *products = json_get(place->p, properties, "products");
    const struct json *total = json_get(place->p, properties, "total");
    bool partial = products && products->kind == JSON_ARRAY && products->count;
    if (!total)
        total = json_get(place->p, properties, "value");
    place->renamings = renamings;
    value_put_members(place, properties);
    place->renamings = NULL;
    if (total)
        value_put(place, SLICE("refund_total"), total);
    put_status(place, properties, partial ? "partially refunded" : "refunded");
}

static void put_order(struct place *place, const struct json *properties, const char *status) {
    static const struct renaming renamings[] = {
        {SLICE("order_id"), NULL}, {SLICE("products"), "items"}, {SLICE_NONE, NULL}};
    place->renamings = renamings;
    value_put_members(place, properties);
    place->renamings = NULL;
    put_status(place, properties, status);
}

/* The document "order" that the event updates, where it names one. */
static bool add_order(struct govern *g, const struct call *call, struct slice event) {
    const struct order_event *order = order_event_find(event);
    const struct json *properties = object_of(call->properties);
    if (!order || !properties)
        return true;
    struct slice key = text_of(g, json_get(g->parser, properties, "order_id"));
    if (key.size == 0 || key.size > DICTIONARY_NAME_BYTES_MAX || text_is_placeholder(key))
        return true;
    struct record_builder *builder = govern_begin(g, TYPE_DOCUMENT, SLICE("order"));
    if (!builder)
        return false;
    struct place place = place_for(g, builder, "properties.");
    place.quiet = place.nulls_unset = true;
    g->out->document_keys[g->out->record_count] = (struct claim){place.type->key_namespace, key};
    if (slice_is(event, "Order Refunded"))
        put_refund(&place, properties);
    else
        put_order(&place, properties, order->status);
    govern_end(g);
    return true;
}

/* --- calls --- */

static bool work_identify(struct govern *g, const struct call *call) {
    claim_properties(g, object_of(call->properties));
    return add_attributes(g, call, object_of(call->traits));
}

static bool work_track(struct govern *g, const struct call *call) {
    struct slice event = call->event && call->event->kind == JSON_TEXT ? slice_trim(call->event->text) : SLICE_NONE;
    if (event.size == 0) {
        govern_refuse_whole(g, QUARANTINE_NO_EVENT_NAME, SLICE("event"), "\"event\" must name what happened");
        return false;
    }
    return add_event(g, call, event) && add_attributes(g, call, NULL) && add_order(g, call, event);
}

/* What a group call says of the group is the group's own, where `group_id` names a customer (a company: dictionary.h, names_relation). */
static bool add_group_attributes(struct govern *g, const struct call *call) {
    const struct type *type = dictionary_type_find(g->dictionary, TYPE_EVENT, SLICE("group"));
    const struct property *id = type ? dictionary_property_find(g->dictionary, type, SLICE("group_id")) : NULL;
    const struct json *traits = object_of(call->traits);
    int party = id && id->names_relation && !id->names_subject
                    ? govern_party_last(g, dictionary_type_at(g->dictionary, id->names_relation))
                    : -1;
    if (party < 0 || !traits)
        return true;
    struct record_builder *builder = govern_begin(g, TYPE_ATTRIBUTES, g->known.customer->name);
    if (!builder)
        return false;
    struct place place = place_for(g, builder, "traits.");
    size_t at = g->out->record_count;
    place.nulls_unset = true;
    value_put_members(&place, traits);
    govern_end(g);
    if (g->out->record_count > at)
        g->out->owners[at] = (uint8_t)(1 + party);
    return true;
}

/* --- relations --- */

/* "to" as namespace:value, or an object of them: one customer's. */
static bool name_other_end(struct govern *g, const struct json *to) {
    struct slice text = to && to->kind == JSON_TEXT ? slice_trim(to->text) : SLICE_NONE;
    const char *colon = text.size ? memchr(text.data, ':', text.size) : NULL;
    struct naming_place place = {.field = SLICE("to")};
    if (!colon && !object_of(to)) {
        govern_refuse_whole(g, QUARANTINE_NO_IDENTIFIER, SLICE("to"),
                            "\"to\" must name the other end: \"user_id:u2\", or {\"phone\":\"138...\"}");
        return false;
    }
    for (const struct json *m = colon ? to : json_first(g->parser, to); m; m = colon ? NULL : json_next(g->parser, m)) {
        struct slice name = colon ? slice_of(text.data, (size_t)(colon - text.data)) : m->key;
        struct slice value = colon ? slice_of(colon + 1, text.size - name.size - 1) : value_as_text(g, m);
        if (dictionary_namespace(g->dictionary, name, &place.ns, &g->fault) == STATUS_OK)
            govern_name_party(g, &place, value);
        else
            govern_refuse(g, QUARANTINE_BAD_NAME, SLICE("to"), slice_text(g->fault.text));
        g->fault.text[0] = 0;
    }
    return true;
}

static void put_relation_properties(void *context, struct place *place) {
    const struct call *call = context;
    place->nulls_unset = true;
    place->where = "properties.";
    value_put_members(place, object_of(call->properties));
}

static bool work_relation(struct govern *g, struct call *call) {
    struct slice name = text_of(g, call->relation);
    struct relation_end end;
    if (name.size == 0) {
        govern_refuse_whole(g, QUARANTINE_BAD_NAME, SLICE("relation"),
                            "\"relation\" must say which it is, such as guardian_of");
        return false;
    }
    if (!name_other_end(g, call->to))
        return false;
    govern_read_end(g, text_of(g, call->ended), NULL, SLICE("ended"), &end);
    return govern_add_relation(g, name, &end, put_relation_properties, call) && add_attributes(g, call, NULL);
}

/* page, screen, group, alias: an event of the call's name. */
static bool work_named(struct govern *g, const struct call *call, struct slice type) {
    struct call named = *call;
    named.event = NULL;
    return add_event(g, &named, type) && add_attributes(g, &named, NULL) &&
           (!slice_is(type, "group") || add_group_attributes(g, call));
}

/* What the call is where it does not say: by the members only that type has. */
static struct slice type_of(struct govern *g, const struct call *call) {
    if (call->type)
        return text_of(g, call->type);
    return call->event         ? SLICE("track")
           : call->previous_id ? SLICE("alias")
           : call->relation    ? SLICE("relation")
           : call->group_id    ? SLICE("group")
           : call->traits      ? SLICE("identify")
                               : SLICE_NONE;
}

void govern_segment(struct govern *g) {
    struct payload_segment head;
    struct call call;
    if (!read_call(g, &head, &call))
        return;
    struct slice type = type_of(g, &call);
    g->out->message_hash = call.message_id ? govern_message_hash(text_of(g, call.message_id)) : 0;
    claim_all(g, &call);
    if (slice_is(type, "alias"))
        govern_claim(g, g->known.anonymous_id, text_of(g, call.previous_id), SLICE("previousId"));
    set_time(g, &call, slice_is(type, "relation"), head.sent_at_ms);
    if (slice_is(type, "track"))
        work_track(g, &call);
    else if (slice_is(type, "identify"))
        work_identify(g, &call);
    else if (slice_is(type, "relation"))
        work_relation(g, &call);
    else if (slice_is(type, "page") || slice_is(type, "screen") || slice_is(type, "group") || slice_is(type, "alias"))
        work_named(g, &call, type);
    else {
        char quoted[TEXT_QUOTE_BYTES];
        govern_refuse_whole(g, QUARANTINE_UNKNOWN_CALL, SLICE("type"),
                            "\"%s\" is none of identify, track, page, screen, group, alias, relation",
                            text_quote(type, quoted));
    }
}
