/* show: see show.h. Property names are dictionary text, so they are escaped like any other. */
#include "serve/show.h"

#include "base/time.h"

void show_source(struct show *show, uint16_t number) {
    if (!show->source_known || show->source.number != number)
        show->source_known = number && sources_at(show->parts->sources, number, &show->source);
    if (show->source_known)
        json_cstring(show->json, show->source.name);
    else
        json_null(show->json);
}

void show_oneid(struct show *show, const char *key, struct customer_id customer) {
    char text[ONEID_BYTES + 1];
    json_key(show->json, key);
    if (customer.number == 0) {
        json_null(show->json);
        return;
    }
    oneid_format(customer, text);
    json_cstring(show->json, text);
}

void show_identifier(struct show *show, struct identifier_id identifier) {
    const struct serve_parts *parts = show->parts;
    if (identifier.number == 0) {
        json_null(show->json);
        return;
    }
    uint16_t number = identity_namespace(parts->identity, identifier);
    const struct namespace *namespace = dictionary_namespace_at(parts->dictionary, number);
    json_object(show->json);
    json_member_text(show->json, "namespace", namespace ? namespace->name : SLICE_NONE);
    json_member_text(show->json, "value", identity_value(parts->identity, identifier));
    json_end_object(show->json);
}

static void show_scalar(struct json_writer *w, const struct record_head *record, const struct record_value *value) {
    char date[TIME_TEXT_BYTES];
    switch ((enum value_kind)value->kind) {
    case VALUE_BOOL:
        json_bool(w, value->integer != 0);
        return;
    case VALUE_NUMBER:
        json_decimal(w, value->integer, value->scale);
        return;
    case VALUE_REAL:
        json_real(w, value->real);
        return;
    case VALUE_TIME:
        json_time(w, value->integer);
        return;
    case VALUE_DATE:
        json_text(w, slice_of(date, time_format_date(value->integer, date)));
        return;
    case VALUE_TEXT:
        json_text(w, record_text(record, value));
        return;
    case VALUE_MISSING:
    case VALUE_LIST:
    case VALUE_ITEMS:
        break;
    }
    json_null(w);
}

static void show_name(struct show *show, const struct type *type, uint16_t number) {
    const struct property *property = type ? dictionary_property_at(type, number) : NULL;
    json_key_slice(show->json, property ? property->name : SLICE("?"));
}

/* Items hold no items, so this goes one level down at most. */
static void show_items(struct show *show, const struct type *type, const struct record_head *record,
                       const struct record_value *value) {
    const struct property *property = type ? dictionary_property_at(type, value->property) : NULL;
    const struct type *item_type = property && property->item_type < dictionary_type_count(show->parts->dictionary)
                                       ? dictionary_type_at(show->parts->dictionary, property->item_type)
                                       : NULL;
    const struct record_item *items = record_items(record, value);
    json_array(show->json);
    for (uint32_t i = 0; i < value->count; i++) {
        const struct record_value *values = record_item_values(record, &items[i]);
        json_object(show->json);
        for (uint32_t k = 0; k < items[i].value_count; k++) {
            show_name(show, item_type, values[k].property);
            show_value(show, item_type, record, &values[k]);
        }
        json_end_object(show->json);
    }
    json_end_array(show->json);
}

void show_value(struct show *show, const struct type *type, const struct record_head *record,
                const struct record_value *value) {
    if (value->kind == VALUE_ITEMS) {
        show_items(show, type, record, value);
    } else if (value->kind == VALUE_LIST) {
        const struct record_value *list = record_list(record, value);
        json_array(show->json);
        for (uint32_t i = 0; i < value->count; i++)
            show_scalar(show->json, record, &list[i]);
        json_end_array(show->json);
    } else {
        show_scalar(show->json, record, value);
    }
}

void show_values(struct show *show, const struct record_head *record) {
    const struct record_value *values = record_values(record);
    const struct type *type = dictionary_type_at(show->parts->dictionary, record->type);
    json_object(show->json);
    for (uint16_t i = 0; i < record->value_count; i++) {
        if (record->kind == TYPE_RELATION && values[i].property == RELATION_CUSTOMER)
            continue; /* a number of ours: who it is now is told elsewhere */
        show_name(show, type, values[i].property);
        show_value(show, type, record, &values[i]);
    }
    json_end_object(show->json);
}

static void show_document_key(struct show *show, uint32_t document) {
    json_key(show->json, "document");
    show_identifier(show, (struct identifier_id){document});
}

void show_row_open(struct show *show, const struct record_head *record) {
    struct json_writer *w = show->json;
    json_object(w);
    json_member_cstring(w, "kind", type_kind_name((enum type_kind)record->kind));
    json_member_text(w, "type", dictionary_type_at(show->parts->dictionary, record->type)->name);
    json_member_time(w, "time", record->time_ms);
    json_member_time(w, "received", record->received_ms);
    json_key(w, "source");
    show_source(show, record->source);
    json_member_integer(w, "position", (int64_t)record->position);
    json_key(w, "through");
    show_identifier(show, (struct identifier_id){record->arrival});
    if (record->document && record->kind != TYPE_RELATION)
        show_document_key(show, record->document);
    if (record->flags & RECORD_DERIVED)
        json_member_cstring(w, "derived", "strictest of a merge");
    json_key(w, "properties");
    show_values(show, record);
}

void show_row(struct show *show, const struct record_head *record) {
    show_row_open(show, record);
    json_end_object(show->json);
}

void show_document(struct show *show, const struct record_head *document, int64_t updated_ms, uint32_t update_count) {
    struct json_writer *w = show->json;
    json_object(w);
    json_member_text(w, "type", dictionary_type_at(show->parts->dictionary, document->type)->name);
    show_document_key(show, document->document);
    json_member_time(w, "created", document->time_ms);
    json_member_time(w, "updated", updated_ms);
    json_member_integer(w, "updates", update_count);
    json_key(w, "fields");
    show_values(show, document);
    json_end_object(w);
}

struct attributes_context {
    struct show *show;
    const struct type *type;
    bool detail;
};

static void show_attribute(void *context, const struct attribute_now *attribute) {
    struct attributes_context *a = context;
    struct json_writer *w = a->show->json;
    show_name(a->show, a->type, attribute->property);
    if (a->detail) {
        json_object(w);
        json_key(w, "value");
        show_value(a->show, a->type, attribute->record, attribute->value);
        json_member_time(w, "time", attribute->record->time_ms);
        json_key(w, "source");
        show_source(a->show, attribute->record->source);
        json_member_integer(w, "position", (int64_t)attribute->record->position);
        json_end_object(w);
    } else {
        show_value(a->show, a->type, attribute->record, attribute->value);
    }
}

void show_attributes(struct show *show, struct history *history, const struct history_rows *rows, struct arena *arena,
                     bool detail) {
    struct attributes_context context = {show, dictionary_type_at(show->parts->dictionary, 0), detail};
    json_object(show->json);
    history_attributes_in(history, rows, arena, show_attribute, &context);
    json_end_object(show->json);
}

static const char *journal_kind_name(uint8_t kind) {
    static const char *const names[] = {[JOURNAL_MERGE] = "merge",
                                        [JOURNAL_CONFLICT] = "conflict",
                                        [JOURNAL_LIMIT] = "limit",
                                        [JOURNAL_BLOCKED] = "blocked",
                                        [JOURNAL_SHARED_DEVICE] = "shared_device",
                                        [JOURNAL_HELD] = "held",
                                        [JOURNAL_APART] = "apart",
                                        [JOURNAL_SPLIT] = "split",
                                        [JOURNAL_MOVE] = "move",
                                        [JOURNAL_DECIDED] = "decided"};
    return kind && kind < sizeof names / sizeof *names && names[kind] ? names[kind] : "other";
}

void show_journal_entry(struct show *show, const struct journal_entry *entry) {
    struct json_writer *w = show->json;
    json_object(w);
    json_member_integer(w, "number", (int64_t)entry->number);
    json_member_cstring(w, "kind", journal_kind_name(entry->kind));
    json_key(w, "decision");
    if (entry->decision)
        json_integer(w, entry->decision);
    else
        json_null(w);
    json_member_integer(w, "position", (int64_t)entry->position);
    json_member_time(w, "received", entry->received_ms);
    json_key(w, "source");
    show_source(show, entry->source);
    show_oneid(show, "winner", entry->winner);
    show_oneid(show, "loser", entry->loser);
    json_key(w, "strong");
    show_identifier(show, entry->strong);
    json_key(w, "weak");
    show_identifier(show, entry->weak);
    const struct namespace *rule =
        entry->namespace_number ? dictionary_namespace_at(show->parts->dictionary, entry->namespace_number) : NULL;
    json_key(w, "rule");
    if (rule)
        json_text(w, rule->name);
    else
        json_null(w);
    json_end_object(w);
}
