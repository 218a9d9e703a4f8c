/* flow_crash_model: see the header. */
#include "flow_crash_model.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "base/hash.h"
#include "base/json_write.h"
#include "base/time.h"
#include "collect/payload.h"

#define EVENT_MS_BASE INT64_C(1700000000000)
#define FIRST_FREE 8 /* ids below are definitions */
#define REPAIR 100   /* the definition that lets refused prices in */
#define REPLAY 101   /* works them again */
#define VIEWERS 20   /* segments, so that entries and exits are told of what comes after */
#define BUYERS 21
#define LISTED 22
#define SECOND_SOURCE 60
#define MERGE_BY_HAND 64 /* two customers, taken back at UNDO; and a merge that stays, of which a part is split off */
#define MERGE_TO_STAY 72
#define UNDO 90
#define SPLIT_OFF 112

enum message {
    MESSAGE_TRACK,
    MESSAGE_ORDER,
    MESSAGE_IDENTIFY,
    MESSAGE_BAD_VALUE,
    MESSAGE_REFUSED,
    MESSAGE_PRODUCT,
    MESSAGE_AGAIN
};

static const char *definition(uint64_t id) {
    switch (id) {
    case 1:
        return "{\"define\":\"source\",\"name\":\"web\",\"kind\":\"segment\",\"priority\":20}";
    case 2:
        return "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"n\":\"number\",\"price\":"
               "\"number\"}}";
    case 3:
        return "{\"define\":\"mapping\",\"name\":\"goods\",\"record\":\"master\",\"type\":\"product\",\"columns\":{"
               "\"code\":\"key\","
               "\"name\":\"field name\",\"price\":\"field price\"}}";
    case 4:
        return "{\"define\":\"namespace\",\"name\":\"member_id\",\"kind\":\"person\",\"priority\":1,\"unique\":true}";
    case 5:
        return "{\"define\":\"key\",\"role\":\"write\",\"source\":\"web\",\"name\":\"k\",\"hash\":"
               "\"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\"}";
    case 6:
        return "{\"define\":\"nonsense\"}";
    case 7:
        return "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Searched\",\"properties\":{\"n\":\"number\"}}";
    case VIEWERS:
        return "{\"define\":\"segment\",\"name\":\"viewers\",\"expression\":\"count(Viewed, last 5 days) >= 2\"}";
    case BUYERS:
        return "{\"define\":\"segment\",\"name\":\"buyers\",\"expression\":\"sum(order.total) > 100 and not in segment "
               "\\\"viewers\\\"\"}";
    case LISTED:
        return "{\"define\":\"segment\",\"name\":\"listed\",\"kind\":\"upload\"}";
    case SECOND_SOURCE:
        return "{\"define\":\"source\",\"name\":\"app\",\"kind\":\"segment\",\"priority\":5}";
    case REPAIR:
        return "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Viewed\",\"properties\":{\"price\":\"text\"}}";
    case MERGE_BY_HAND:
        return "{\"command\":\"merge\",\"customer\":\"user_id:u1\",\"other\":\"user_id:u2\"}";
    case MERGE_TO_STAY:
        return "{\"command\":\"merge\",\"customer\":\"user_id:u3\",\"other\":\"user_id:u4\"}";
    case UNDO:
        return "{\"command\":\"undo\",\"decision\":1}";
    case SPLIT_OFF:
        return "{\"command\":\"split\",\"customer\":\"user_id:u3\",\"identifiers\":[\"user_id:u4\"]}";
    case REPLAY:
        return "{\"command\":\"replay\"}";
    default:
        return NULL;
    }
}

static bool is_command(uint64_t id) {
    return id == REPLAY || id == MERGE_BY_HAND || id == MERGE_TO_STAY || id == UNDO || id == SPLIT_OFF;
}

static enum message message_of(uint64_t id) {
    static const enum message kinds[16] = {MESSAGE_TRACK,    MESSAGE_TRACK,    MESSAGE_TRACK,    MESSAGE_TRACK,
                                           MESSAGE_TRACK,    MESSAGE_ORDER,    MESSAGE_ORDER,    MESSAGE_ORDER,
                                           MESSAGE_IDENTIFY, MESSAGE_IDENTIFY, MESSAGE_IDENTIFY, MESSAGE_BAD_VALUE,
                                           MESSAGE_REFUSED,  MESSAGE_PRODUCT,  MESSAGE_AGAIN,    MESSAGE_AGAIN};
    enum message kind = kinds[hash_mix(id) % 16];
    return id == FIRST_FREE && kind == MESSAGE_AGAIN ? MESSAGE_TRACK : kind;
}

bool script_is_replay(uint64_t id) { return id == REPLAY; }

uint64_t script_original(uint64_t id) {
    while (!definition(id) && message_of(id) == MESSAGE_AGAIN) {
        uint64_t back = 1 + hash_mix(id + 7) % 30;
        id = back + FIRST_FREE > id ? FIRST_FREE : id - back;
        while (definition(id))
            id--;
        id = id < FIRST_FREE ? FIRST_FREE : id;
    }
    return id;
}

unsigned script_rows(uint64_t original) {
    if (definition(original))
        return 0;
    switch (message_of(original)) {
    case MESSAGE_TRACK:
    case MESSAGE_IDENTIFY:
    case MESSAGE_BAD_VALUE:
        return 1;
    case MESSAGE_ORDER:
        return 2; /* the event and the document it updates */
    default:
        return 0;
    }
}

/* --- calls --- */

static void put_person(struct json_writer *w, uint64_t id, bool user, bool browser) {
    char text[32];
    uint64_t person = hash_mix(id + 1) % PEOPLE;
    if (user) {
        snprintf(text, sizeof text, "u%llu", (unsigned long long)person);
        json_member_cstring(w, "userId", text);
    }
    if (browser) { /* a new one every 24 records */
        snprintf(text, sizeof text, "a%llu-%llu", (unsigned long long)person, (unsigned long long)id / 24);
        json_member_cstring(w, "anonymousId", text);
    }
}

static void put_properties(struct json_writer *w, uint64_t id, enum message kind) {
    uint64_t dice = hash_mix(id + 2);
    char text[64];
    json_key(w, kind == MESSAGE_IDENTIFY ? "traits" : "properties");
    json_object(w);
    json_member_integer(w, "n", (int64_t)id);
    if (kind == MESSAGE_TRACK)
        json_member_real(w, "price", (double)(dice % 1000) / 4);
    if (kind == MESSAGE_BAD_VALUE)
        json_member_cstring(w, "price", "cheap");
    if (kind == MESSAGE_TRACK && dice % 3 == 0) {
        json_key(w, "tags");
        json_raw(w, SLICE("[\"red\",\"big\"]"));
    }
    if (kind == MESSAGE_ORDER) {
        snprintf(text, sizeof text, "o%llu", (unsigned long long)id / 16); /* several channels tell of one order */
        json_member_cstring(w, "order_id", text);
        json_member_real(w, "total", (double)(dice % 10000) / 100);
        json_key(w, "products");
        snprintf(text, sizeof text, "[{\"sku\":\"s%llu\",\"quantity\":%llu}]", (unsigned long long)dice % 9,
                 (unsigned long long)dice % 4);
        json_raw(w, slice_text(text));
    }
    if (kind == MESSAGE_IDENTIFY) {
        snprintf(text, sizeof text, "e%llu@example.com", (unsigned long long)dice % (PEOPLE * 2));
        if (dice % 2)
            json_member_cstring(w, "email", text); /* sometimes two people's */
        json_member_integer(w, "level", (int64_t)(dice % 7));
        if (dice % 5 == 0) {
            json_key(w, "nickname");
            json_null(w);
        } else {
            json_member_cstring(w, "nickname", text);
        }
    }
    json_end_object(w);
}

static void put_call(struct buffer *out, uint64_t id, enum message kind) {
    static const char *const orders[] = {"Order Completed", "Order Updated", "Order Refunded", "Order Cancelled"};
    struct json_writer w = {.out = out};
    char text[32];
    uint64_t dice = hash_mix(id + 3);
    json_object(&w);
    json_member_cstring(&w, "type", kind == MESSAGE_IDENTIFY ? "identify" : "track");
    if (kind == MESSAGE_ORDER)
        json_member_cstring(&w, "event", orders[dice % 4]);
    else if (kind != MESSAGE_IDENTIFY && kind != MESSAGE_REFUSED) /* a track call without a name is refused */
        json_member_cstring(&w, "event", kind == MESSAGE_BAD_VALUE || dice % 4 ? "Viewed" : "Searched");
    snprintf(text, sizeof text, "m%llu", (unsigned long long)id);
    json_member_cstring(&w, "messageId", text);
    json_member_time(&w, "timestamp", EVENT_MS_BASE + (int64_t)(dice % 240) * 3600000); /* late rows, and ties */
    put_person(&w, id, kind == MESSAGE_IDENTIFY || dice % 3 == 0, kind == MESSAGE_IDENTIFY || dice % 3);
    put_properties(&w, id, kind);
    json_end_object(&w);
}

static void put_segment(struct buffer *payload, uint64_t id, enum message kind) {
    struct slice context =
        id % 3 ? SLICE("{\"ip\":\"10.0.0.1\",\"page\":{\"url\":\"https://example.com/a\"}}") : SLICE_NONE;
    struct payload_segment head = {.sent_at_ms = INT64_MIN, .context_bytes = (uint32_t)context.size};
    buffer_add(payload, &head, sizeof head);
    buffer_add_slice(payload, context);
    put_call(payload, id, kind);
    head.item_bytes = (uint32_t)(payload->size - sizeof head - context.size);
    memcpy(payload->data, &head, sizeof head);
}

static void put_cell(struct buffer *payload, const char *text) {
    uint32_t size = (uint32_t)strlen(text);
    buffer_add(payload, &size, sizeof size);
    buffer_add(payload, text, size);
}

static void put_product(struct buffer *payload, uint64_t id) {
    static const char header[] = "code\0name\0price";
    char text[32];
    struct payload_row head = {.job = 1,
                               .line = id,
                               .row_hash = hash_mix(id),
                               .name_bytes = 5,
                               .header_bytes = sizeof header,
                               .cell_count = 3};
    buffer_add(payload, &head, sizeof head);
    buffer_add(payload, "goods", 5);
    buffer_add(payload, header, sizeof header);
    snprintf(text, sizeof text, "p%llu", (unsigned long long)id % 12);
    put_cell(payload, text);
    snprintf(text, sizeof text, "Thing %llu", (unsigned long long)id);
    put_cell(payload, text);
    put_cell(payload, "9.50");
}

struct log_record script_record(uint64_t id, struct buffer *payload) {
    uint64_t original = script_original(id);
    enum message kind = message_of(original);
    struct log_record record = {.received_ms = RECEIVED_MS_BASE + (int64_t)id,
                                .kind = LOG_SEGMENT_ITEM,
                                .source = original > SECOND_SOURCE && original % 4 == 0 ? 2 : 1};
    buffer_clear(payload);
    if (definition(id)) {
        record.kind = is_command(id) ? LOG_COMMAND : LOG_DEFINE;
        record.source = 0;
        buffer_add_slice(payload, slice_text(definition(id)));
    } else if (kind == MESSAGE_PRODUCT) {
        record.kind = LOG_ROW;
        put_product(payload, original);
    } else {
        put_segment(payload, original, kind);
    }
    record.payload = buffer_slice(payload);
    return record;
}

/* --- state --- */

struct telling {
    struct engine *engine;
    struct buffer *out;
    struct arena arena;
    struct record_builder builder;
};

static void tell_values(struct telling *t, const struct record_head *r, const struct record_value *v, size_t count,
                        const struct type *type);

static void tell_value(struct telling *t, const struct record_head *r, const struct record_value *v,
                       const struct property *property) {
    struct json_writer w = {.out = t->out};
    switch ((enum value_kind)v->kind) {
    case VALUE_MISSING:
        json_null(&w);
        break;
    case VALUE_NUMBER: /* where the property became text later, compaction makes it text in its own time */
        buffer_print(t->out, property->type == PROPERTY_TEXT ? "\"" : "");
        json_decimal(&w, v->integer, v->scale);
        buffer_print(t->out, property->type == PROPERTY_TEXT ? "\"" : "");
        break;
    case VALUE_REAL:
        json_real(&w, v->real);
        break;
    case VALUE_BOOL:
    case VALUE_TIME:
    case VALUE_DATE:
        buffer_print(t->out, "%d:%lld", v->kind, (long long)v->integer);
        break;
    case VALUE_TEXT:
        json_text(&w, record_text(r, v));
        break;
    case VALUE_LIST:
        for (uint32_t i = 0; i < v->count; i++) {
            buffer_add_char(t->out, i ? ',' : '[');
            tell_value(t, r, &record_list(r, v)[i], property);
        }
        buffer_add_char(t->out, ']');
        break;
    case VALUE_ITEMS:
        for (uint32_t i = 0; i < v->count; i++) {
            const struct record_item *item = &record_items(r, v)[i];
            tell_values(t, r, record_item_values(r, item), item->value_count,
                        dictionary_type_at(t->engine->dictionary, property->item_type));
        }
        break;
    }
}

static void tell_values(struct telling *t, const struct record_head *r, const struct record_value *v, size_t count,
                        const struct type *type) {
    buffer_add_char(t->out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct property *property = dictionary_property_at(type, v[i].property);
        assert(property);
        buffer_print(t->out, "%s%.*s:", i ? "," : "", SLICE_ARG(property->name));
        tell_value(t, r, &v[i], property);
    }
    buffer_add_char(t->out, '}');
}

static void tell_identifier(void *context, struct identifier_id identifier) {
    struct telling *t = context;
    buffer_print(t->out, "  is %u %u:%.*s\n", identifier.number, identity_namespace(t->engine->identity, identifier),
                 SLICE_ARG(identity_value(t->engine->identity, identifier)));
}

static void tell_record(struct telling *t, const char *what, const struct record_head *r) {
    const struct type *type = dictionary_type_at(t->engine->dictionary, r->type);
    buffer_print(t->out, "  %s %.*s time %lld received %lld source %u priority %u flags %u arrival %u document %u ",
                 what, SLICE_ARG(type->name), (long long)r->time_ms, (long long)r->received_ms, r->source, r->priority,
                 r->flags & ~(unsigned)RECORD_REPLACES, r->arrival, r->document);
    tell_values(t, r, record_values(r), r->value_count, type);
    buffer_add_char(t->out, '\n');
}

static void tell_attribute(void *context, const struct attribute_now *attribute) {
    struct telling *t = context;
    const struct property *property =
        dictionary_property_at(dictionary_type_at(t->engine->dictionary, 0), attribute->property);
    buffer_print(t->out, "  has %.*s of %lld: ", SLICE_ARG(property->name), (long long)attribute->record->received_ms);
    tell_value(t, attribute->record, attribute->value, property);
    buffer_add_char(t->out, '\n');
}

static void tell_document(void *context, const struct record_head *document, int64_t updated_ms,
                          uint32_t update_count) {
    struct telling *t = context;
    buffer_print(t->out, "  document updated %lld, %u times", (long long)updated_ms, update_count);
    tell_record(t, "", document);
}

static void tell_customer(struct telling *t, struct customer_id customer) {
    struct customer_id now = identity_redirect(t->engine->identity, customer);
    struct history *history = t->engine->history;
    struct history_rows rows;
    buffer_print(t->out, "customer %u", customer.number);
    buffer_print(t->out, now.number == customer.number ? "\n" : " is %u\n", now.number);
    arena_reset(&t->arena);
    struct history_hold hold = history_enter(history);
    if (now.number == customer.number)
        identity_identifiers(t->engine->identity, customer, SIZE_MAX, tell_identifier, t);
    history_rows(history, customer, -1, &t->arena, &rows); /* one merged away has none */
    for (size_t i = 0; i < rows.count; i++)
        tell_record(t, "row", history_row(history, &rows, i, &t->builder));
    history_attributes(history, customer, &t->arena, tell_attribute, t);
    history_documents(history, customer, -1, &t->arena, tell_document, t);
    history_leave(history, hold);
}

static void tell_journal(void *context, const struct journal_entry *e) {
    struct telling *t = context;
    buffer_print(t->out, "journal %d at %lld source %u: %u %u, %u %u, %u\n", e->kind, (long long)e->received_ms,
                 e->source, e->winner.number, e->loser.number, e->strong.number, e->weak.number, e->namespace_number);
}

static void tell_quarantine(void *context, const struct quarantine_entry *e) {
    struct telling *t = context;
    buffer_print(t->out, "aside %llu received %lld source %u reason %u %s%s: %.*s: %.*s\n",
                 (unsigned long long)e->number, (long long)e->received_ms, e->source, e->reason,
                 e->whole ? "whole" : "value", e->repaired ? " repaired" : "", SLICE_ARG(e->field), SLICE_ARG(e->text));
}

static void tell_counters(struct telling *t) {
    struct identity_counters i;
    struct history_counters h;
    struct fold_counters f;
    identity_counters_read(t->engine->identity, &i);
    history_counters_read(t->engine->history, &h);
    engine_counters(t->engine, &f);
    buffer_print(t->out,
                 "customers %llu unowned %llu created %llu identifiers %llu edges %llu merges %llu conflicts %llu "
                 "limited %llu moved %llu blocked %llu\n",
                 (unsigned long long)i.customers, (unsigned long long)i.unowned, (unsigned long long)i.created,
                 (unsigned long long)i.identifiers, (unsigned long long)i.edges, (unsigned long long)i.merges,
                 (unsigned long long)i.conflicts, (unsigned long long)i.limited, (unsigned long long)i.moved,
                 (unsigned long long)i.blocked);
    buffer_print(t->out, "rows %llu seen %llu records %llu duplicates %llu quarantined %llu definitions %llu\n",
                 (unsigned long long)h.rows, (unsigned long long)seen_count(t->engine->seen),
                 (unsigned long long)f.records, (unsigned long long)f.duplicates, (unsigned long long)f.quarantined,
                 (unsigned long long)f.definitions);
}

static void tell_rest(struct telling *t) {
    struct json_writer w = {.out = t->out};
    const struct type *product = dictionary_type_find(t->engine->dictionary, TYPE_MASTER, SLICE("product"));
    identity_journal_page(t->engine->identity, 0, SIZE_MAX, tell_journal, t);
    quarantine_list(t->engine->govern, 0, UINT32_MAX, 0, -1, true, tell_quarantine, t);
    quarantine_counts_json(t->engine->govern, &w);
    w.comma = false;
    buffer_add_char(t->out, '\n');
    if (product)
        master_list_json(t->engine->master, product->number, SLICE_NONE, SLICE_NONE, SIZE_MAX, &w);
    w.comma = false;
    buffer_add_char(t->out, '\n');
    dictionary_write_json(t->engine->dictionary, &w);
    w.comma = false;
    buffer_add_char(t->out, '\n');
    sources_write_json(t->engine->sources, &w);
    w.comma = false;
    buffer_add_char(t->out, '\n');
    govern_list_mappings(t->engine->govern, &w);
    buffer_add_char(t->out, '\n');
}

/* Without positions: they have gaps where a group could not be written. */
static void tell_audience(struct telling *t) {
    struct audience *audience = t->engine->audience;
    struct audience_snapshot *snapshot = audience_snapshot(audience);
    struct audience_entry entry;
    struct feed_entry page[32];
    struct feed_place at = {0};
    for (uint32_t n = 1; audience_find_number(snapshot, n, &entry); n++)
        buffer_print(t->out, "segment %.*s version %u is %.*s with %llu\n", SLICE_ARG(entry.name), entry.version,
                     SLICE_ARG(entry.expression), (unsigned long long)audience_size(audience, n));
    for (size_t found; (found = feed_read(audience_feed(audience), at, page, 32)) > 0;
         at = (struct feed_place){page[found - 1].position, page[found - 1].order})
        for (size_t i = 0; i < found; i++)
            buffer_print(t->out, "entry %u at %lld customer %u subject %u kind %u cause %u clauses %llx %llx\n",
                         page[i].order, (long long)page[i].at_ms, page[i].customer, page[i].subject, page[i].kind,
                         page[i].cause, (unsigned long long)page[i].clauses_before,
                         (unsigned long long)page[i].clauses_after);
    audience_snapshot_release(snapshot);
}

void state_text(struct engine *engine, struct buffer *out) {
    struct telling t = {.engine = engine, .out = out};
    struct identity_counters counters;
    identity_counters_read(engine->identity, &counters);
    tell_counters(&t);
    for (uint64_t n = 1; n <= counters.created; n++)
        tell_customer(&t, (struct customer_id){(uint32_t)n});
    tell_rest(&t);
    tell_audience(&t);
    arena_release(&t.arena);
    record_builder_release(&t.builder);
}

/* The row's number "n", 0 where it has none. */
static uint64_t number_of(const struct dictionary *dictionary, const struct record_head *r) {
    const struct property *n =
        dictionary_property_find(dictionary, dictionary_type_at(dictionary, r->type), SLICE("n"));
    const struct record_value *v = n ? record_find(r, n->number) : NULL;
    return v ? (uint64_t)record_number(v) : 0;
}

bool state_count_numbers(struct engine *engine, unsigned *counts, uint64_t limit) {
    struct arena arena = {0};
    struct record_builder builder = {0};
    struct identity_counters counters;
    struct history_rows rows;
    bool within = true;
    identity_counters_read(engine->identity, &counters);
    struct history_hold hold = history_enter(engine->history);
    for (uint64_t c = 1; c <= counters.created; c++) {
        arena_reset(&arena);
        history_rows(engine->history, (struct customer_id){(uint32_t)c}, -1, &arena, &rows);
        for (size_t i = 0; i < rows.count; i++) {
            uint64_t n = number_of(engine->dictionary, history_row(engine->history, &rows, i, &builder));
            within = within && n && n <= limit;
            if (n && n <= limit)
                counts[n]++;
        }
    }
    history_leave(engine->history, hold);
    arena_release(&arena);
    record_builder_release(&builder);
    return within;
}
