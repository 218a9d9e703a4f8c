/* govern_value: see the header for what becomes of each value. The hot path is value_put: one look-up of (type, name),
 * one reading, one set. */
#include "govern/govern_value.h"

#include <assert.h>
#include <stdio.h>

#include "govern/json_text.h"

/* --- names --- */

/* Adds to the dotted name; what does not fit is remembered as one byte too many. Returns the size before. */
static size_t name_push(struct place *place, struct slice part) {
    size_t before = place->name_size, room = sizeof place->name - before;
    size_t size = part.size < room ? part.size : room;
    if (size)
        memcpy(place->name + before, part.data, size);
    place->name_size += size;
    return before;
}

static struct slice name_now(const struct place *place) { return slice_of(place->name, place->name_size); }

/* --- refusing --- */

static void refuse(struct place *place, enum quarantine_reason reason, struct slice text) {
    const struct place *outer = place->outer;
    char field[2 * DICTIONARY_NAME_BYTES_MAX + 64];
    if (place->quiet)
        return;
    if (place->field.size) {
        govern_refuse(place->g, reason, place->field, text);
        return;
    }
    int size =
        snprintf(field, sizeof field, "%s%.*s%s%s%.*s", outer ? outer->where : "", outer ? (int)outer->name_size : 0,
                 outer ? outer->name : "", outer ? "." : "", place->where, (int)place->name_size, place->name);
    govern_refuse(place->g, reason, slice_of(field, (size_t)size), text);
}

static enum quarantine_reason reason_of(const struct property *property) {
    switch ((enum normaliser)property->normaliser) {
    case NORMALISE_PHONE:
        return QUARANTINE_BAD_PHONE;
    case NORMALISE_EMAIL:
        return QUARANTINE_BAD_EMAIL;
    case NORMALISE_IDCARD:
        return QUARANTINE_BAD_IDCARD;
    default:
        return property->type == PROPERTY_TIME || property->type == PROPERTY_DATE ? QUARANTINE_BAD_TIME
                                                                                  : QUARANTINE_WRONG_TYPE;
    }
}

/* The sentence names the value and what was expected; the normaliser's own where it said one. */
static void refuse_value(struct place *place, const struct property *property, const struct json *value) {
    struct govern *g = place->g;
    char quoted[TEXT_QUOTE_BYTES];
    struct buffer *text = &g->text;
    if (place->quiet) {
        g->fault.text[0] = 0;
        return;
    }
    if (g->fault.text[0]) {
        refuse(place, reason_of(property), slice_text(g->fault.text));
        g->fault.text[0] = 0;
        return;
    }
    struct json_writer w = {.out = text};
    buffer_clear(text);
    json_text_of(place->p, value, &w);
    text_quote(buffer_slice(text), quoted);
    buffer_clear(text);
    buffer_print(text, "%s cannot be read as %s", quoted, property_type_name(property->type));
    refuse(place, reason_of(property), buffer_slice(text));
}

/* --- discovering --- */

static bool ends_in(struct slice name, const char *ending) {
    size_t size = strlen(ending);
    return name.size >= size && memcmp(name.data + name.size - size, ending, size) == 0;
}

static bool names_a_time(struct slice name) {
    static const char *const endings[] = {"_at", "At", "_on", "time", "Time", "date", "Date"};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (ends_in(name, endings[i]))
            return true;
    return false;
}

static enum property_type discover_list(const struct place *place, const struct json *array) {
    const struct json *m = json_first(place->p, array);
    while (m && m->kind == JSON_NULL)
        m = json_next(place->p, m);
    if (place->in_item || !m || m->kind == JSON_ARRAY)
        return PROPERTY_TEXT;
    if (m->kind == JSON_OBJECT)
        return PROPERTY_ITEMS;
    return m->kind == JSON_INTEGER || m->kind == JSON_REAL ? PROPERTY_NUMBER_LIST : PROPERTY_TEXT_LIST;
}

/* The type a property takes from its first value. */
static enum property_type discover(const struct place *place, const struct json *value) {
    int64_t ignored;
    bool zoned;
    switch (value->kind) {
    case JSON_BOOL:
        return PROPERTY_BOOL;
    case JSON_INTEGER:
    case JSON_REAL:
        return PROPERTY_NUMBER;
    case JSON_ARRAY:
        return discover_list(place, value);
    case JSON_OBJECT:
        return PROPERTY_ITEMS;
    default:
        return names_a_time(name_now(place)) && time_parse_iso(value->text, &ignored, &zoned) == STATUS_OK
                   ? PROPERTY_TIME
                   : PROPERTY_TEXT;
    }
}

static struct property *find_property(struct place *place, const struct json *value) {
    struct govern *g = place->g;
    struct property *property = dictionary_property_lookup(g->dictionary, place->type, name_now(place));
    if (property)
        return property;
    const struct reading *reading = place->reading;
    bool told = reading && reading->type >= 0 && value->kind != JSON_ARRAY;
    enum property_type type = told ? (enum property_type)reading->type : discover(place, value);
    enum status status = dictionary_property(g->dictionary, place->type, name_now(place), type, &property, &g->fault);
    if (status == STATUS_OK) {
        property->normaliser = told ? reading->normaliser : NORMALISE_NONE;
        return property;
    }
    refuse(place, status == STATUS_FULL ? QUARANTINE_TOO_MANY_PROPERTIES : QUARANTINE_BAD_NAME,
           slice_text(g->fault.text));
    g->fault.text[0] = 0;
    return NULL;
}

/* --- reading scalars --- */

struct slice value_as_text(struct govern *g, const struct json *value) {
    char digits[40];
    struct json_writer w = {.out = &g->text};
    switch (value->kind) {
    case JSON_TEXT:
        return value->text;
    case JSON_BOOL:
        return value->boolean ? SLICE("true") : SLICE("false");
    case JSON_INTEGER:
        return arena_copy(&g->scratch,
                          slice_of(digits, (size_t)snprintf(digits, sizeof digits, "%lld", (long long)value->integer)));
    case JSON_REAL:
        buffer_clear(&g->text);
        json_real(&w, value->real);
        return arena_copy(&g->scratch, buffer_slice(&g->text));
    default:
        return SLICE_NONE;
    }
}

static bool read_text(struct place *place, const struct property *property, const struct json *value,
                      struct slice *out) {
    struct govern *g = place->g;
    struct slice raw = value_as_text(g, value);
    struct idcard idcard;
    switch ((enum normaliser)property->normaliser) {
    case NORMALISE_PHONE:
        return normalise_phone(raw, "CN", &g->scratch, out, &g->fault) == STATUS_OK;
    case NORMALISE_EMAIL:
        return normalise_email(raw, &g->scratch, out, &g->fault) == STATUS_OK;
    case NORMALISE_IDCARD:
        if (normalise_idcard(raw, &g->scratch, &idcard, &g->fault) != STATUS_OK)
            return false;
        *out = idcard.number;
        return true;
    case NORMALISE_NAME:
        return normalise_name(raw, &g->scratch, out, &g->fault) == STATUS_OK;
    case NORMALISE_LOWER:
        return normalise_lower(raw, &g->scratch, out, &g->fault) == STATUS_OK;
    default:
        *out = raw;
        return true;
    }
}

static void set_real(struct place *place, uint16_t property, double real) {
    struct decimal exact;
    if (decimal_of_real(real, &exact))
        record_set(place->builder, property, VALUE_NUMBER, exact.value, (uint8_t)exact.scale);
    else
        record_set_real(place->builder, property, real);
}

/* Text as number or money; beyond what a decimal holds, the nearest double (numbers only). */
static bool set_number_text(struct place *place, const struct property *property, struct slice raw) {
    struct govern *g = place->g;
    const char *unit = place->reading ? place->reading->unit : NULL;
    bool money = property->type == PROPERTY_MONEY || unit || (place->reading && place->reading->type == PROPERTY_MONEY);
    struct decimal exact;
    double real;
    enum gender gender;
    if (property->normaliser == NORMALISE_GENDER) {
        if (normalise_gender(raw, &gender, &g->fault) != STATUS_OK)
            return false;
        record_set(place->builder, property->number, VALUE_NUMBER, gender, 0);
        return true;
    }
    enum status status =
        money ? normalise_money(raw, unit, &exact, &g->fault) : normalise_number(raw, &exact, &g->fault);
    if (status == STATUS_OK)
        record_set(place->builder, property->number, VALUE_NUMBER, exact.value, (uint8_t)exact.scale);
    else if (status == STATUS_TOO_LARGE && normalise_real(raw, &real, &g->fault) == STATUS_OK) {
        record_set_real(place->builder, property->number, real);
        g->fault.text[0] = 0;
        status = STATUS_OK;
    }
    return status == STATUS_OK;
}

static bool set_number(struct place *place, const struct property *property, const struct json *value) {
    bool bare = property->normaliser == NORMALISE_NONE && !(place->reading && place->reading->unit);
    if (value->kind == JSON_TEXT || (!bare && value->kind != JSON_BOOL))
        return set_number_text(place, property, value_as_text(place->g, value));
    if (value->kind == JSON_INTEGER || value->kind == JSON_BOOL)
        record_set(place->builder, property->number, VALUE_NUMBER,
                   value->kind == JSON_BOOL ? value->boolean : value->integer, 0);
    else
        set_real(place, property->number, value->real);
    return true;
}

static bool set_bool(struct place *place, const struct property *property, const struct json *value) {
    bool truth = value->kind == JSON_BOOL ? value->boolean : value->integer;
    if (value->kind == JSON_TEXT   ? normalise_bool(value->text, &truth, &place->g->fault) != STATUS_OK
        : value->kind == JSON_REAL ? true
                                   : value->kind == JSON_INTEGER && (value->integer < 0 || value->integer > 1))
        return false;
    record_set(place->builder, property->number, VALUE_BOOL, truth, 0);
    return true;
}

static bool set_time(struct place *place, const struct property *property, const struct json *value) {
    struct govern *g = place->g;
    const char *format = place->reading ? place->reading->format : NULL;
    struct slice raw = value->kind == JSON_BOOL ? SLICE_NONE : value_as_text(g, value);
    int64_t got;
    enum status status = property->type == PROPERTY_TIME ? normalise_time(raw, g->zone, format, &got, &g->fault)
                         : property->normaliser == NORMALISE_BIRTHDAY
                             ? normalise_birthday(raw, g->zone, format, g->raw->received_ms / DAY_MS, &got, &g->fault)
                             : normalise_date(raw, g->zone, format, &got, &g->fault);
    if (status != STATUS_OK)
        return false;
    record_set(place->builder, property->number, property->type == PROPERTY_TIME ? VALUE_TIME : VALUE_DATE, got, 0);
    return true;
}

/* An identifying trait is a claim too; normalised once where property and namespace agree on how. */
static void claim_trait(struct govern *g, const struct property *property, struct slice text) {
#define CLAIM_TRAIT(trait) SLICE(trait),
    static const struct slice traits[] = {
#include "govern/dictionary_preset.def"
    };
    for (size_t i = 0; i < sizeof traits / sizeof *traits; i++)
        if (slice_equal(traits[i], property->name)) { /* the declared name, whatever it was written as */
            const struct namespace *ns = dictionary_namespace_find(g->dictionary, traits[i]);
            if (ns && property->normaliser != NORMALISE_NONE && ns->normaliser == property->normaliser)
                govern_claim_canonical(g, ns, text, traits[i]);
            else if (ns)
                govern_claim(g, ns, text, traits[i]);
        }
}

static bool set_text(struct place *place, const struct property *property, const struct json *value) {
    struct slice text;
    if (!read_text(place, property, value, &text))
        return false;
    record_set_text(place->builder, property->number, text);
    if (place->claims)
        claim_trait(place->g, property, text);
    return true;
}

/* --- reading lists and items --- */

static void set_json_text(struct place *place, const struct property *property, const struct json *value) {
    struct json_writer w = {.out = &place->g->text};
    buffer_clear(w.out);
    json_text_of(place->p, value, &w);
    record_set_text(place->builder, property->number, buffer_slice(w.out));
}

/* The open list's numbers are of one kind: where one needs a double, all are doubles. */
static void even_out_list(struct record_builder *builder) {
    struct record_value *v = (struct record_value *)builder->list.data;
    size_t count = builder->list.size / sizeof *v, reals = 0;
    for (size_t i = 0; i < count; i++)
        reals += v[i].kind == VALUE_REAL;
    for (size_t i = 0; reals && i < count; i++)
        if (v[i].kind == VALUE_NUMBER) {
            double real = record_number(&v[i]);
            v[i] = (struct record_value){.kind = VALUE_REAL, .real = real};
        }
}

static bool set_list(struct place *place, const struct property *property, const struct json *value) {
    bool single = value->kind != JSON_ARRAY, whole = true;
    struct property element = *property;
    element.number = 0;
    element.type = property->type == PROPERTY_TEXT_LIST ? PROPERTY_TEXT : PROPERTY_NUMBER;
    record_list_begin(place->builder, property->number);
    for (const struct json *m = single ? value : json_first(place->p, value); m;
         m = single ? NULL : json_next(place->p, m)) {
        struct slice text;
        if (m->kind == JSON_NULL)
            continue;
        if (m->kind >= JSON_ARRAY)
            whole = false;
        else if (element.type == PROPERTY_NUMBER)
            whole = set_number(place, &element, m) && whole;
        else if (read_text(place, &element, m, &text))
            record_set_text(place->builder, 0, text);
        else
            whole = false;
    }
    even_out_list(place->builder);
    record_list_end(place->builder);
    return whole;
}

static bool set_items(struct place *place, const struct property *property, const struct json *value) {
    struct govern *g = place->g;
    bool single = value->kind == JSON_OBJECT, whole = true;
    if (place->in_item || (!single && value->kind != JSON_ARRAY))
        return false;
    struct place inside = {.g = g,
                           .p = place->p,
                           .builder = place->builder,
                           .type = dictionary_type_mutable(g->dictionary, property->item_type),
                           .where = "",
                           .outer = place,
                           .field = place->field,
                           .quiet = place->quiet,
                           .in_item = true};
    record_items_begin(place->builder, property->number);
    for (const struct json *m = single ? value : json_first(place->p, value); m;
         m = single ? NULL : json_next(place->p, m)) {
        if (m->kind != JSON_OBJECT) {
            whole = whole && m->kind == JSON_NULL;
            continue;
        }
        record_item_begin(place->builder);
        count_up(&inside.type->record_count);
        value_put_members(&inside, m);
    }
    record_items_end(place->builder);
    return whole;
}

/* --- one value --- */

/* The value names another customer. */
static void name_party(struct place *place, const struct property *property, const struct json *value) {
    struct govern *g = place->g;
    struct naming_place naming = {
        .ns = dictionary_namespace_at(g->dictionary, property->names_namespace),
        .relation = dictionary_type_at(g->dictionary, property->names_relation),
        .subject = property->names_subject,
        .field = place->field.size ? place->field : property->name,
    };
    if (!place->quiet)
        govern_name_parties(g, &naming, place->p, value);
}

static bool set_value(struct place *place, const struct property *property, const struct json *value) {
    if (value->kind >= JSON_ARRAY && property->type == PROPERTY_TEXT && property->normaliser == NORMALISE_NONE) {
        set_json_text(place, property, value);
        return true;
    }
    switch ((enum property_type)property->type) {
    case PROPERTY_ITEMS:
        return set_items(place, property, value);
    case PROPERTY_TEXT_LIST:
    case PROPERTY_NUMBER_LIST:
        return !place->in_item && value->kind != JSON_OBJECT && set_list(place, property, value);
    case PROPERTY_TEXT:
        return value->kind < JSON_ARRAY && set_text(place, property, value);
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return value->kind < JSON_ARRAY && set_number(place, property, value);
    case PROPERTY_BOOL:
        return value->kind < JSON_ARRAY && set_bool(place, property, value);
    case PROPERTY_TIME:
    case PROPERTY_DATE:
        return value->kind < JSON_ARRAY && set_time(place, property, value);
    }
    return false;
}

static bool is_nothing(const struct json *value) {
    return value->kind == JSON_TEXT ? slice_trim(value->text).size == 0
                                    : value->kind >= JSON_ARRAY && value->count == 0;
}

/* Write keys are in every browser: who has one may say what he likes of himself, but not that he is on a list or has a tag by hand. */
static bool refused_by_hand(struct place *place, struct property *property) {
    if (!place->claims || !property->by_hand)
        return false;
    refuse(place, QUARANTINE_SET_BY_HAND, SLICE("set by the API or an import, not by tracking calls"));
    count_up(&property->refused_count);
    return true;
}

static void put_null(struct place *place) {
    struct property *property = dictionary_property_lookup(place->g->dictionary, place->type, name_now(place));
    if (place->nulls_unset && property && !refused_by_hand(place, property))
        record_set(place->builder, property->number, VALUE_MISSING, 0, 0);
}

/* The value of the name as it stands. */
static void put_leaf(struct place *place, const struct json *value) {
    struct govern *g = place->g;
    struct json cleaned;
    if (value->kind == JSON_NULL) {
        put_null(place);
        return;
    }
    if (place->reading && value->kind < JSON_ARRAY && place->reading->value_count) {
        cleaned = *value;
        cleaned.kind = JSON_TEXT;
        cleaned.text = reading_clean(place->reading, value_as_text(g, value));
        value = &cleaned;
    }
    if (is_nothing(value))
        return;
    struct property *property = find_property(place, value);
    if (!property || refused_by_hand(place, property))
        return;
    bool whole = set_value(place, property, value);
    if (!whole)
        refuse_value(place, property, value);
    if (property->names_relation && (whole || value->kind == JSON_ARRAY))
        name_party(place, property, value);
    count_up(whole ? &property->present_count : &property->refused_count);
    if (!place->quiet)
        count_up(whole ? &g->count->values_present : &g->count->values_refused);
}

static const struct renaming *renamed(const struct place *place, struct slice key) {
    for (const struct renaming *r = place->renamings; r && r->from.size; r++)
        if (slice_equal(r->from, key))
            return r;
    return NULL;
}

static void put_member(struct place *place, struct slice key, const struct json *value) {
    size_t before = name_push(place, key);
    bool is_items = false;
    if (value->kind == JSON_OBJECT && !place->in_item) {
        const struct property *property =
            dictionary_property_lookup(place->g->dictionary, place->type, name_now(place));
        is_items = property && property->type == PROPERTY_ITEMS;
    }
    if (value->kind == JSON_OBJECT && !is_items) {
        name_push(place, SLICE("."));
        value_put_members(place, value);
    } else
        put_leaf(place, value);
    place->name_size = before;
}

void value_put(struct place *place, struct slice name, const struct json *value) { put_member(place, name, value); }

void value_put_members(struct place *place, const struct json *object) {
    if (!object || object->kind != JSON_OBJECT)
        return;
    const struct renaming *renamings = place->renamings;
    for (const struct json *m = json_first(place->p, object); m; m = json_next(place->p, m)) {
        const struct renaming *r = renamed(place, m->key);
        if (r && !r->to)
            continue;
        place->renamings = NULL; /* of the top level only */
        put_member(place, r ? slice_text(r->to) : m->key, m);
        place->renamings = renamings;
    }
}
