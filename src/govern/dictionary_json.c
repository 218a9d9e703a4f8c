/* dictionary_json: definitions (checked whole before anything changes), and saving: the dictionary written as JSON and
 * read back to the same numbers. */
#include "govern/dictionary_json.h"

#include <assert.h>
#include <stdatomic.h>

#include "govern/dictionary_inside.h"
#include "govern/dictionary_rules.h"

/* --- checking a definition --- */

static enum status choice_fault(struct fault *fault, const char *where, struct slice got, const char *choices) {
    return fault_set(fault, STATUS_INVALID, "%s: \"%.*s\" is none of %s", where, SLICE_ARG(got), choices);
}

#define PROPERTY_TYPES "text, number, money, bool, time, date, text_list, number_list, items"
#define NORMALISERS "none, phone, email, gender, idcard, name, lower, birthday"

/* A property's definition, read: "money" or {"type":"text","normalise":"phone","properties":{...}}. */
struct wanted {
    int type; /* enum property_type */
    int normaliser;
    const struct json *properties; /* of items, or NULL */
    struct naming {                /* of another customer; `relation` empty: it names none */
        struct slice relation, identifier;
        bool subject;
    } naming;
};

/* "customer", "identifier" and "relation" of a property. */
static enum status read_naming(struct json_parser *p, const struct json *m, struct wanted *out, struct fault *fault) {
    struct slice role = json_get_text(p, m, "customer"), relation = json_get_text(p, m, "relation");
    struct slice identifier = json_get_text(p, m, "identifier");
    out->naming = (struct naming){.subject = slice_is(role, "subject")};
    if (!role.size && (relation.size || identifier.size))
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: \"relation\" and \"identifier\" go with \"customer\", which is contact or subject",
                         SLICE_ARG(m->key));
    if (!role.size)
        return STATUS_OK;
    if (!out->naming.subject && !slice_is(role, "contact"))
        return choice_fault(fault, "a property's customer", role, "contact, subject");
    if (!dictionary_name_valid(identifier))
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: \"identifier\" must be the namespace that its values are of, such as phone",
                         SLICE_ARG(m->key));
    if (out->type != PROPERTY_TEXT && out->type != PROPERTY_NUMBER && out->type != PROPERTY_TEXT_LIST &&
        out->type != PROPERTY_NUMBER_LIST)
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: what names a customer is a text or a number, or a list of such; not %s",
                         SLICE_ARG(m->key), property_type_name((enum property_type)out->type));
    out->naming.identifier = identifier;
    out->naming.relation = relation.size ? relation : dictionary_relation_default(out->naming.subject);
    return STATUS_OK;
}

static enum status read_property(struct json_parser *p, const struct json *m, struct wanted *out, struct fault *fault) {
    bool object = m->kind == JSON_OBJECT;
    struct slice type = object ? json_get_text(p, m, "type") : m->kind == JSON_TEXT ? m->text : SLICE_NONE;
    struct slice normaliser = object ? json_get_text(p, m, "normalise") : SLICE_NONE;
    *out = (struct wanted){.type = property_type_parse(type),
                           .normaliser = normaliser.size ? normaliser_parse(normaliser) : NORMALISE_NONE,
                           .properties = object ? json_get(p, m, "properties") : NULL};
    if (!dictionary_name_valid(m->key))
        return fault_set(fault, STATUS_INVALID,
                         "a property name of %zu bytes; 1 to %d without control characters are possible", m->key.size,
                         DICTIONARY_NAME_BYTES_MAX);
    if (out->type < 0)
        return choice_fault(fault, "a property's type", type, PROPERTY_TYPES);
    if (out->normaliser < 0)
        return choice_fault(fault, "a property's normalise", normaliser, NORMALISERS);
    if (out->normaliser == NORMALISE_GENDER     ? out->type != PROPERTY_NUMBER
        : out->normaliser == NORMALISE_BIRTHDAY ? out->type != PROPERTY_DATE
                                                : out->normaliser != NORMALISE_NONE && out->type != PROPERTY_TEXT)
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: gender needs the type number, birthday date, the other normalisers text",
                         SLICE_ARG(m->key));
    if (out->properties && (out->type != PROPERTY_ITEMS || out->properties->kind != JSON_OBJECT))
        return fault_set(fault, STATUS_INVALID, "%.*s: only items have properties, as an object of name and type",
                         SLICE_ARG(m->key));
    return object ? read_naming(p, m, out, fault) : STATUS_OK;
}

/* Whom a property names must be possible: the relation is there, the namespace is none of documents, and the type's rows are customers'. */
static enum status check_naming(const struct dictionary *d, enum type_kind kind, struct slice property,
                                const struct naming *naming, struct fault *fault) {
    const struct namespace *ns = dictionary_namespace_find(d, naming->identifier);
    if (kind == TYPE_MASTER || kind == TYPE_RELATION)
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: only properties of events, documents and customers name another customer",
                         SLICE_ARG(property));
    if (naming->subject && kind != TYPE_EVENT)
        return fault_set(fault, STATUS_INVALID,
                         "%.*s: only an event's subject is another than who sends it; make it a contact",
                         SLICE_ARG(property));
    if (ns && ns->kind == NAMESPACE_DOCUMENT)
        return fault_set(fault, STATUS_INVALID, "%.*s: %.*s is the namespace of documents' keys, not of customers",
                         SLICE_ARG(property), SLICE_ARG(naming->identifier));
    if (!dictionary_type_find(d, TYPE_RELATION, naming->relation))
        return fault_set(
            fault, STATUS_INVALID, "%.*s: no relation is called \"%.*s\"; define it first, with \"kind\":\"relation\"",
            SLICE_ARG(property), (int)(naming->relation.size < 80 ? naming->relation.size : 80), naming->relation.data);
    return STATUS_OK;
}

static enum status check_namings(const struct dictionary *d, struct json_parser *p, enum type_kind kind,
                                 const struct json *properties, struct fault *fault) {
    enum status status = STATUS_OK;
    for (const struct json *m = json_first(p, properties); m && status == STATUS_OK; m = json_next(p, m)) {
        struct wanted want;
        status = read_property(p, m, &want, fault);
        if (status == STATUS_OK && want.naming.relation.size)
            status = check_naming(d, kind, m->key, &want.naming, fault);
        if (status == STATUS_OK && want.properties)
            status = check_namings(d, p, kind == TYPE_MASTER ? kind : TYPE_ITEM, want.properties, fault);
    }
    return status;
}

static bool change_allowed(const struct property *property, enum property_type type) {
    enum property_type now = property->type;
    bool numeric = (now == PROPERTY_NUMBER || now == PROPERTY_MONEY);
    return property->present_count == 0 || now == type ||
           (numeric && (type == PROPERTY_NUMBER || type == PROPERTY_MONEY || type == PROPERTY_TEXT));
}

static enum status relation_property_fault(struct slice name, enum property_type type, struct fault *fault) {
    return fault_set(fault, STATUS_CONFLICT, "%.*s: every relation has it, as a %s", SLICE_ARG(name),
                     property_type_name(type));
}

/* `type` is NULL where it does not exist yet. */
static enum status check_properties(const struct dictionary *d, struct json_parser *p, const struct type *type,
                                    const struct json *properties, bool of_item, struct fault *fault) {
    size_t fresh = 0;
    for (const struct json *m = json_first(p, properties); m; m = json_next(p, m)) {
        struct wanted want;
        enum status status = read_property(p, m, &want, fault);
        const struct property *have = type && status == STATUS_OK ? dictionary_property_find(d, type, m->key) : NULL;
        if (status == STATUS_OK && have && !change_allowed(have, (enum property_type)want.type))
            status = fault_set(fault, STATUS_CONFLICT, "%.*s holds %llu values of type %s, which cannot be read as %s",
                               SLICE_ARG(m->key), (unsigned long long)have->present_count,
                               property_type_name(have->type), property_type_name((enum property_type)want.type));
        if (status == STATUS_OK && have && type->kind == TYPE_RELATION && have->number <= RELATION_ENDED &&
            want.type != have->type)
            status = relation_property_fault(m->key, have->type, fault);
        if (status == STATUS_OK && want.type >= PROPERTY_TEXT_LIST && of_item)
            status = fault_set(fault, STATUS_INVALID, "%.*s: items cannot have lists or items of their own",
                               SLICE_ARG(m->key));
        if (status == STATUS_OK && want.properties) {
            bool known = have && have->type == PROPERTY_ITEMS;
            status = check_properties(d, p, known ? dictionary_type_at(d, have->item_type) : NULL, want.properties,
                                      true, fault);
        }
        if (status != STATUS_OK)
            return status;
        fresh += have == NULL;
    }
    if ((type ? type->property_count : 0) + fresh > DICTIONARY_PROPERTIES_MAX)
        return fault_set(fault, STATUS_FULL, "a type has at most %d properties", DICTIONARY_PROPERTIES_MAX);
    return STATUS_OK;
}

/* Types this definition may add: itself, a relation's inverse, and one for each items property. */
static size_t types_added(struct json_parser *p, int kind, const struct json *properties) {
    size_t count = kind == TYPE_RELATION ? 2 : 1;
    for (const struct json *m = json_first(p, properties); m; m = json_next(p, m))
        count++;
    return count;
}

/* Those that a relation has of itself, where a definition of a new one names them. */
static enum status check_relation_properties(struct json_parser *p, const struct json *properties,
                                             struct fault *fault) {
    for (const struct json *m = json_first(p, properties); m; m = json_next(p, m)) {
        struct wanted want;
        int own = slice_is(m->key, "customer") ? PROPERTY_NUMBER : slice_is(m->key, "ended") ? PROPERTY_BOOL : -1;
        enum status status = own < 0 ? STATUS_OK : read_property(p, m, &want, fault);
        if (status == STATUS_OK && own >= 0 && want.type != own)
            status = relation_property_fault(m->key, (enum property_type)own, fault);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status check_type(const struct dictionary *d, struct json_parser *p, const struct json *definition,
                              struct fault *fault) {
    struct slice name = json_get_text(p, definition, "name"), kind_name = json_get_text(p, definition, "kind");
    struct slice key = json_get_text(p, definition, "key_namespace"), inverse = json_get_text(p, definition, "inverse");
    const struct json *properties = json_get(p, definition, "properties");
    int kind = type_kind_parse(kind_name);
    if (kind < 0 || kind == TYPE_ITEM)
        return choice_fault(fault, "\"kind\"", kind_name, "event, document, master, relation, attributes");
    if (kind == TYPE_ATTRIBUTES && name.size == 0)
        name = dictionary_type_at(d, DICTIONARY_CUSTOMER)->name;
    const struct type *type = dictionary_type_find(d, (enum type_kind)kind, name);
    if (kind == TYPE_ATTRIBUTES && !type)
        return fault_set(fault, STATUS_INVALID, "customer attributes are one type, \"customer\"; not \"%.*s\"",
                         SLICE_ARG(name));
    if (!dictionary_name_valid(name) || name.size > DICTIONARY_NAME_BYTES_MAX - 3)
        return fault_set(fault, STATUS_INVALID, "\"name\": 1 to %d bytes without control characters",
                         DICTIONARY_NAME_BYTES_MAX - 3);
    if (key.size && kind != TYPE_DOCUMENT)
        return fault_set(fault, STATUS_INVALID, "\"key_namespace\": only documents have one");
    if (key.size && !dictionary_name_valid(key))
        return fault_set(fault, STATUS_INVALID, "\"key_namespace\": no possible name");
    if (key.size && type && type->record_count &&
        !slice_equal(dictionary_namespace_at(d, type->key_namespace)->name, key))
        return fault_set(fault, STATUS_CONFLICT, "%.*s has %llu records whose keys are in another namespace",
                         SLICE_ARG(name), (unsigned long long)type->record_count);
    if (inverse.size && kind != TYPE_RELATION)
        return fault_set(fault, STATUS_INVALID, "\"inverse\": only relations have one");
    if (properties && properties->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "\"properties\" is an object of name and type");
    if (dictionary_type_count(d) + types_added(p, kind, properties) > DICTIONARY_TYPES_MAX ||
        dictionary_namespace_count(d) + 2 > DICTIONARY_NAMESPACES_MAX)
        return fault_set(fault, STATUS_FULL, "at most %d types and %d identifier namespaces are kept",
                         DICTIONARY_TYPES_MAX, DICTIONARY_NAMESPACES_MAX);
    enum status status = kind == TYPE_RELATION ? dictionary_relation_check(d, name, inverse, fault) : STATUS_OK;
    if (status == STATUS_OK && kind == TYPE_RELATION && !type)
        status = check_relation_properties(p, properties, fault);
    if (status == STATUS_OK)
        status = check_properties(d, p, type, properties, false, fault);
    if (status == STATUS_OK && kind == TYPE_RELATION && type)
        status = check_properties(d, p, dictionary_type_at(d, type->inverse), properties, false, fault);
    return status == STATUS_OK ? check_namings(d, p, (enum type_kind)kind, properties, fault) : status;
}

static enum status check_range(struct json_parser *p, const struct json *definition, const char *key, int64_t max,
                               struct fault *fault) {
    const struct json *m = json_get(p, definition, key);
    if (m && (m->kind != JSON_INTEGER || m->integer < 0 || m->integer > max))
        return fault_set(fault, STATUS_INVALID, "\"%s\" is a whole number from 0 to %lld", key, (long long)max);
    return STATUS_OK;
}

static enum status check_namespace(const struct dictionary *d, struct json_parser *p, const struct json *definition,
                                   struct fault *fault) {
    struct slice name = json_get_text(p, definition, "name"), kind = json_get_text(p, definition, "kind");
    struct slice normaliser = json_get_text(p, definition, "normalise");
    int by = normaliser.size ? normaliser_parse(normaliser) : NORMALISE_NONE;
    if (!dictionary_name_valid(name))
        return fault_set(fault, STATUS_INVALID, "\"name\": 1 to %d bytes without control characters",
                         DICTIONARY_NAME_BYTES_MAX);
    if (kind.size && (namespace_kind_parse(kind) < 0 || namespace_kind_parse(kind) == NAMESPACE_ANY))
        return choice_fault(fault, "\"kind\"", kind, "person, device, card, household, document");
    if (by < 0 || by == NORMALISE_GENDER || by == NORMALISE_NAME || by == NORMALISE_BIRTHDAY)
        return choice_fault(fault, "\"normalise\"", normaliser, "none, phone, email, idcard, lower");
    enum status status = check_range(p, definition, "priority", UINT8_MAX, fault);
    if (status == STATUS_OK)
        status = check_range(p, definition, "limit", UINT16_MAX, fault);
    if (status == STATUS_OK)
        status = dictionary_rules_check(p, definition, fault);
    if (status == STATUS_OK && !dictionary_namespace_find(d, name) &&
        dictionary_namespace_count(d) >= DICTIONARY_NAMESPACES_MAX)
        status = fault_set(fault, STATUS_FULL, "at most %d identifier namespaces are kept", DICTIONARY_NAMESPACES_MAX);
    return status;
}

enum status dictionary_check(const struct dictionary *d, struct json_parser *p, const struct json *definition,
                             struct fault *fault) {
    struct slice what = json_get_text(p, definition, "define");
    if (slice_is(what, "type"))
        return check_type(d, p, definition, fault);
    if (slice_is(what, "namespace"))
        return check_namespace(d, p, definition, fault);
    return choice_fault(fault, "\"define\"", what, "type, namespace");
}

/* --- applying one that was checked --- */

/* From here on; what records named before stays as it is. Without a naming it names nobody. */
static enum status apply_naming(struct dictionary *d, struct property *property, const struct naming *naming,
                                struct fault *fault) {
    const struct type *relation =
        naming->relation.size ? dictionary_type_find(d, TYPE_RELATION, naming->relation) : NULL;
    const struct namespace *ns = NULL;
    enum status status = relation ? dictionary_namespace(d, naming->identifier, &ns, fault) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    property->names_subject = naming->subject;
    property->names_namespace = ns ? ns->number : 0;
    property->names_relation = relation ? relation->number : 0;
    return STATUS_OK;
}

static enum status apply_properties(struct dictionary *d, struct json_parser *p, struct type *type,
                                    const struct json *properties, struct fault *fault) {
    for (const struct json *m = json_first(p, properties); m; m = json_next(p, m)) {
        struct wanted want;
        struct property *property;
        enum status status = read_property(p, m, &want, fault);
        if (status == STATUS_OK)
            status = dictionary_property(d, type, m->key, (enum property_type)want.type, &property, fault);
        if (status == STATUS_OK)
            status = dictionary_set_type(d, type, property, (enum property_type)want.type, fault);
        if (status != STATUS_OK)
            return status;
        property->normaliser = (uint8_t)want.normaliser;
        property->declared = true;
        status = apply_naming(d, property, &want.naming, fault);
        if (status == STATUS_OK && want.properties)
            status = apply_properties(d, p, dictionary_type_mutable(d, property->item_type), want.properties, fault);
        if (status != STATUS_OK)
            return status;
    }
    return STATUS_OK;
}

static enum status apply_type(struct dictionary *d, struct json_parser *p, const struct json *definition,
                              struct fault *fault) {
    struct slice name = json_get_text(p, definition, "name"), key = json_get_text(p, definition, "key_namespace");
    enum type_kind kind = (enum type_kind)type_kind_parse(json_get_text(p, definition, "kind"));
    struct type *type;
    struct namespace *ns;
    if (kind == TYPE_ATTRIBUTES)
        name = dictionary_type_at(d, DICTIONARY_CUSTOMER)->name;
    enum status status = kind == TYPE_RELATION
                             ? dictionary_relation(d, name, json_get_text(p, definition, "inverse"), &type, fault)
                             : dictionary_type(d, kind, name, &type, fault);
    if (status == STATUS_OK && key.size) {
        status = dictionary_namespace_mutable(d, key, &ns, fault);
        if (status == STATUS_OK) {
            ns->kind = ns->kind == NAMESPACE_ANY ? NAMESPACE_DOCUMENT : ns->kind;
            type->key_namespace = ns->number;
        }
    }
    if (status != STATUS_OK)
        return status;
    type->declared = true;
    const struct json *properties = json_get(p, definition, "properties");
    if (kind == TYPE_RELATION) { /* both ends have what is said of it */
        struct type *inverse = dictionary_type_mutable(d, type->inverse);
        inverse->declared = true;
        if (inverse != type)
            status = apply_properties(d, p, inverse, properties, fault);
    }
    return status == STATUS_OK ? apply_properties(d, p, type, properties, fault) : status;
}

static enum status apply_namespace(struct dictionary *d, struct json_parser *p, const struct json *definition,
                                   struct fault *fault) {
    struct slice kind = json_get_text(p, definition, "kind"), normaliser = json_get_text(p, definition, "normalise");
    struct namespace *ns;
    enum status status = dictionary_namespace_mutable(d, json_get_text(p, definition, "name"), &ns, fault);
    if (status != STATUS_OK)
        return status;
    if (kind.size)
        ns->kind = (uint8_t)namespace_kind_parse(kind);
    if (normaliser.size)
        ns->normaliser = (uint8_t)normaliser_parse(normaliser);
    ns->priority = (uint8_t)json_get_integer(p, definition, "priority", ns->priority);
    ns->unique = json_get_bool(p, definition, "unique", ns->unique);
    ns->limit = (uint16_t)json_get_integer(p, definition, "limit", ns->limit);
    dictionary_rules_apply(&d->arena, ns, p, definition);
    return STATUS_OK;
}

enum status dictionary_define(struct dictionary *d, struct json_parser *p, const struct json *definition,
                              struct fault *fault) {
    enum status status = dictionary_check(d, p, definition, fault);
    if (status != STATUS_OK)
        return status;
    bool type = slice_is(json_get_text(p, definition, "define"), "type");
    return type ? apply_type(d, p, definition, fault) : apply_namespace(d, p, definition, fault);
}

/* --- writing --- */

static uint64_t count_of(const uint64_t *counter) { return __atomic_load_n(counter, __ATOMIC_RELAXED); }

static void write_property(const struct dictionary *d, const struct property *property, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "number", property->number);
    json_member_text(w, "name", property->name);
    json_member_cstring(w, "type", property_type_name(property->type));
    if (property->type == PROPERTY_ITEMS)
        json_member_text(w, "item_type", dictionary_type_at(d, property->item_type)->name);
    if (property->normaliser)
        json_member_cstring(w, "normalise", normaliser_name(property->normaliser));
    if (property->names_relation) {
        json_member_cstring(w, "customer", property->names_subject ? "subject" : "contact");
        json_member_text(w, "identifier", dictionary_namespace_at(d, property->names_namespace)->name);
        json_member_text(w, "relation", dictionary_type_at(d, property->names_relation)->name);
    }
    json_member_bool(w, "declared", property->declared);
    json_member_integer(w, "present", (int64_t)count_of(&property->present_count));
    json_member_integer(w, "refused", (int64_t)count_of(&property->refused_count));
    json_end_object(w);
}

static void write_type(const struct dictionary *d, const struct type *type, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "number", type->number);
    json_member_text(w, "name", type->name);
    json_member_cstring(w, "kind", type_kind_name(type->kind));
    json_member_bool(w, "declared", type->declared);
    if (type->key_namespace)
        json_member_text(w, "key_namespace", dictionary_namespace_at(d, type->key_namespace)->name);
    if (type->kind == TYPE_RELATION)
        json_member_text(w, "inverse", dictionary_type_at(d, type->inverse)->name);
    json_member_integer(w, "records", (int64_t)count_of(&type->record_count));
    json_key(w, "properties");
    json_array(w);
    uint32_t count = atomic_load_explicit(&type->property_count, memory_order_acquire);
    for (uint32_t i = 1; i <= count; i++)
        write_property(d, type->properties[i], w);
    json_end_array(w);
    json_end_object(w);
}

static void write_namespace(const struct namespace *ns, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "number", ns->number);
    json_member_text(w, "name", ns->name);
    json_member_cstring(w, "kind", namespace_kind_name(ns->kind));
    if (ns->normaliser)
        json_member_cstring(w, "normalise", normaliser_name(ns->normaliser));
    json_member_integer(w, "priority", ns->priority);
    json_member_bool(w, "unique", ns->unique);
    json_member_integer(w, "limit", ns->limit);
    dictionary_rules_write(ns, w);
    json_end_object(w);
}

void dictionary_write_namespaces(const struct dictionary *d, struct json_writer *w) {
    json_key(w, "namespaces");
    json_array(w);
    for (uint32_t i = 1, count = dictionary_namespace_count(d); i <= count; i++)
        write_namespace(dictionary_namespace_at(d, (uint16_t)i), w);
    json_end_array(w);
}

void dictionary_write_json(const struct dictionary *d, struct json_writer *w) {
    json_object(w);
    dictionary_write_namespaces(d, w);
    json_key(w, "types");
    json_array(w);
    for (uint32_t i = 0, count = dictionary_type_count(d); i < count; i++)
        write_type(d, dictionary_type_at(d, (uint16_t)i), w);
    json_end_array(w);
    json_end_object(w);
}

/* --- reading back --- */

static enum status damaged(struct fault *fault, const char *what, struct slice name) {
    return fault_set(fault, STATUS_DAMAGED, "the saved dictionary: %s \"%.*s\" makes no sense", what, SLICE_ARG(name));
}

static enum status load_namespace(struct dictionary *d, struct json_parser *p, const struct json *m,
                                  struct fault *fault) {
    struct slice name = json_get_text(p, m, "name"), normaliser = json_get_text(p, m, "normalise");
    int kind = namespace_kind_parse(json_get_text(p, m, "kind"));
    int by = normaliser.size ? normaliser_parse(normaliser) : NORMALISE_NONE;
    int64_t priority = json_get_integer(p, m, "priority", -1), limit = json_get_integer(p, m, "limit", -1);
    struct namespace *ns;
    if (kind < 0 || by < 0 || priority < 0 || priority > UINT8_MAX || limit < 0 || limit > UINT16_MAX ||
        dictionary_namespace_mutable(d, name, &ns, NULL) != STATUS_OK ||
        ns->number != json_get_integer(p, m, "number", 0) || dictionary_rules_check(p, m, NULL) != STATUS_OK)
        return damaged(fault, "namespace", name);
    ns->kind = (uint8_t)kind;
    ns->normaliser = (uint8_t)by;
    ns->priority = (uint8_t)priority;
    ns->limit = (uint16_t)limit;
    ns->unique = json_get_bool(p, m, "unique", false);
    dictionary_rules_apply(&d->arena, ns, p, m);
    return STATUS_OK;
}

/* Types first, all of them, so that items find theirs under their number. */
static enum status load_type(struct dictionary *d, struct json_parser *p, const struct json *m, struct fault *fault) {
    struct slice name = json_get_text(p, m, "name"), key = json_get_text(p, m, "key_namespace");
    int kind = type_kind_parse(json_get_text(p, m, "kind"));
    const struct namespace *ns = key.size ? dictionary_namespace_find(d, key) : NULL;
    struct type *type = kind < 0 ? NULL : (struct type *)dictionary_type_find(d, (enum type_kind)kind, name);
    if (kind < 0 || (key.size && !ns) ||
        (!type && dictionary_type_add(d, (enum type_kind)kind, name, 0, &type, NULL) != STATUS_OK) ||
        type->number != json_get_integer(p, m, "number", -1))
        return damaged(fault, "type", name);
    type->declared = json_get_bool(p, m, "declared", false);
    type->record_count = (uint64_t)json_get_integer(p, m, "records", 0);
    type->key_namespace = ns ? ns->number : 0;
    return STATUS_OK;
}

/* When all are there: a relation's inverse is a relation, whose inverse it is. */
static enum status load_inverse(struct dictionary *d, struct json_parser *p, const struct json *m, uint16_t number,
                                struct fault *fault) {
    struct type *type = dictionary_type_mutable(d, number);
    const struct type *other = dictionary_type_find(d, TYPE_RELATION, json_get_text(p, m, "inverse"));
    if (type->kind != TYPE_RELATION)
        return STATUS_OK;
    if (!other || (other->inverse && other->inverse != number))
        return damaged(fault, "the inverse of", type->name);
    type->inverse = other->number;
    return STATUS_OK;
}

static enum status load_property(struct dictionary *d, struct json_parser *p, struct type *type, const struct json *m,
                                 struct fault *fault) {
    struct slice name = json_get_text(p, m, "name"), normaliser = json_get_text(p, m, "normalise");
    struct slice items = json_get_text(p, m, "item_type");
    struct wanted named = {.type = property_type_parse(json_get_text(p, m, "type"))};
    int kind = property_type_parse(json_get_text(p, m, "type"));
    int by = normaliser.size ? normaliser_parse(normaliser) : NORMALISE_NONE;
    const struct type *item_type = items.size ? dictionary_type_find(d, TYPE_ITEM, items) : NULL;
    struct property *property;
    if (kind < 0 || by < 0 || (kind == PROPERTY_ITEMS) != (item_type != NULL) ||
        (kind >= PROPERTY_TEXT_LIST && type->kind == TYPE_ITEM) ||
        dictionary_property(d, type, name, (enum property_type)kind, &property, NULL) != STATUS_OK ||
        property->number != json_get_integer(p, m, "number", 0) || !slice_equal(property->name, name) ||
        read_naming(p, m, &named, NULL) != STATUS_OK ||
        (named.naming.relation.size &&
         check_naming(d, (enum type_kind)type->kind, name, &named.naming, NULL) != STATUS_OK) ||
        apply_naming(d, property, &named.naming, NULL) != STATUS_OK)
        return damaged(fault, "property", name);
    property->type = (uint8_t)kind;
    property->item_type = item_type ? item_type->number : property->item_type;
    property->normaliser = (uint8_t)by;
    property->declared = json_get_bool(p, m, "declared", false);
    property->present_count = (uint64_t)json_get_integer(p, m, "present", 0);
    property->refused_count = (uint64_t)json_get_integer(p, m, "refused", 0);
    return STATUS_OK;
}

/* What code takes for granted of a relation: its inverse's inverse is itself, and its first two properties. */
static bool relation_whole(const struct dictionary *d, const struct type *type) {
    if (type->kind != TYPE_RELATION)
        return true;
    const struct property *customer = dictionary_property_at(type, RELATION_CUSTOMER);
    const struct property *ended = dictionary_property_at(type, RELATION_ENDED);
    return dictionary_type_at(d, type->inverse)->inverse == type->number && customer && ended &&
           slice_is(customer->name, "customer") && customer->type == PROPERTY_NUMBER &&
           slice_is(ended->name, "ended") && ended->type == PROPERTY_BOOL;
}

/* Whether what is there (the preset of this program) has the same numbers as what was saved, so that it can stay in
 * place. */
static bool compatible(const struct dictionary *d, struct json_parser *p, const struct json *root) {
    const struct json *m = json_first(p, json_get(p, root, "namespaces"));
    for (uint32_t i = 1; i <= dictionary_namespace_count(d); i++, m = json_next(p, m))
        if (!m || !slice_equal(dictionary_namespace_at(d, (uint16_t)i)->name, json_get_text(p, m, "name")))
            return false;
    m = json_first(p, json_get(p, root, "types"));
    for (uint32_t i = 0; i < dictionary_type_count(d); i++, m = json_next(p, m)) {
        const struct type *type = dictionary_type_at(d, (uint16_t)i);
        if (!m || !slice_equal(type->name, json_get_text(p, m, "name")) ||
            type_kind_parse(json_get_text(p, m, "kind")) != type->kind)
            return false;
        const struct json *property = json_first(p, json_get(p, m, "properties"));
        for (uint32_t k = 1; k <= type->property_count; k++, property = json_next(p, property))
            if (!property || !slice_equal(type->properties[k]->name, json_get_text(p, property, "name")))
                return false;
    }
    return true;
}

static enum status load_all(struct dictionary *d, struct json_parser *p, const struct json *root, struct fault *fault) {
    enum status status = STATUS_OK;
    const struct json *namespaces = json_get(p, root, "namespaces"), *types = json_get(p, root, "types");
    for (const struct json *m = json_first(p, namespaces); m && status == STATUS_OK; m = json_next(p, m))
        status = load_namespace(d, p, m, fault);
    for (const struct json *m = json_first(p, types); m && status == STATUS_OK; m = json_next(p, m))
        status = load_type(d, p, m, fault);
    uint16_t number = 0;
    for (const struct json *t = json_first(p, types); t && status == STATUS_OK; t = json_next(p, t), number++) {
        struct type *type = dictionary_type_mutable(d, number);
        const struct json *properties = json_get(p, t, "properties");
        status = load_inverse(d, p, t, number, fault);
        for (const struct json *m = json_first(p, properties); m && status == STATUS_OK; m = json_next(p, m))
            status = load_property(d, p, type, m, fault);
    }
    for (uint32_t i = 0; i < number && status == STATUS_OK; i++)
        if (!relation_whole(d, dictionary_type_at(d, (uint16_t)i)))
            status = damaged(fault, "relation", dictionary_type_at(d, (uint16_t)i)->name);
    if (status == STATUS_OK && (number == 0 || dictionary_type_at(d, DICTIONARY_CUSTOMER)->kind != TYPE_ATTRIBUTES))
        status = damaged(fault, "its list of types, not beginning with", SLICE("customer"));
    return status;
}

enum status dictionary_load(struct dictionary *d, struct slice json, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    enum status status = json_parse(p, json, false, &root, fault);
    if (status == STATUS_OK) {
        if (!compatible(d, p, root))
            dictionary_empty(d);
        status = load_all(d, p, root, fault);
    } else
        status = fault_set(fault, STATUS_DAMAGED, "the saved dictionary is no JSON");
    if (status != STATUS_OK)
        dictionary_empty(d);
    dictionary_add_preset(d);
    json_parser_free(p);
    return status;
}
