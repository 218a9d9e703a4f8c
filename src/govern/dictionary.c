/* dictionary: storage, look-up, discovery and the preset; see dictionary_inside.h for how readers and the fold thread
 * share it. Definitions and saving are dictionary_json.c's. */
#include "govern/dictionary.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/hash.h"
#include "govern/dictionary_inside.h"
#include "govern/dictionary_json.h"
#include "govern/normalise_text.h"

#define INDEX_SLOTS_FIRST 4096

/* What the index finds begins with its name. */
_Static_assert(offsetof(struct type, name) == 0 && offsetof(struct property, name) == 0, "the slot's name leads to it");
_Static_assert(offsetof(struct namespace, name) == 0, "here too");

/* --- names of enumerations --- */

static const char *const property_type_names[] = {"text", "number",    "money",       "bool", "time",
                                                  "date", "text_list", "number_list", "items"};
static const char *const normaliser_names[] = {"none",   "phone", "email", "gender",
                                               "idcard", "name",  "lower", "birthday"};
static const char *const type_kind_names[] = {"attributes", "event", "document", "master", "item", "relation"};
static const char *const namespace_kind_names[] = {"person", "device", "document", "any", "card", "household"};
#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

static int parse_name(const char *const *names, int count, struct slice name) {
    for (int i = 0; i < count; i++)
        if (slice_is(name, names[i]))
            return i;
    return -1;
}

const char *property_type_name(enum property_type type) { return property_type_names[type]; }
const char *normaliser_name(enum normaliser normaliser) { return normaliser_names[normaliser]; }
const char *type_kind_name(enum type_kind kind) { return type_kind_names[kind]; }
const char *namespace_kind_name(enum namespace_kind kind) { return namespace_kind_names[kind]; }
int property_type_parse(struct slice name) { return parse_name(property_type_names, COUNT(property_type_names), name); }
int normaliser_parse(struct slice name) { return parse_name(normaliser_names, COUNT(normaliser_names), name); }
int type_kind_parse(struct slice name) { return parse_name(type_kind_names, COUNT(type_kind_names), name); }
int namespace_kind_parse(struct slice name) {
    return parse_name(namespace_kind_names, COUNT(namespace_kind_names), name);
}

/* --- the index --- */

static const struct alias {
    struct slice written, name;
} aliases[] = {
#define ALIAS(written, name) {{written, sizeof(written) - 1}, {name, sizeof(name) - 1}},
#include "govern/dictionary_preset.def"
};

/* Spaces, which are the seeds of the names' hashes too. */
static uint64_t space_of_types(enum type_kind kind) { return 1 + (uint64_t)kind; }
static const uint64_t space_of_namespaces = 16, space_of_aliases = 17;
static uint64_t space_of_properties(uint16_t type) { return 32 + (uint64_t)type; }

static uint64_t hash_of(uint64_t space, struct slice name) {
    uint64_t hash = hash_bytes(name, space);
    return hash ? hash : 1;
}

/* What is called `name` in `space`, by its first member; NULL for nothing. */
static const void *index_find(const struct dictionary *d, uint64_t space, struct slice name) {
    const struct dictionary_slots *slots = atomic_load_explicit(&d->index, memory_order_acquire);
    uint64_t hash = hash_of(space, name);
    for (uint64_t at = hash & slots->mask;; at = (at + 1) & slots->mask) {
        const struct dictionary_slot *slot = &slots->slot[at];
        uint64_t here = atomic_load_explicit(&slot->hash, memory_order_acquire);
        if (here == 0)
            return NULL;
        if (here == hash && slot->space == space && slice_equal(*slot->name, name))
            return slot->name;
    }
}

static void slots_add(struct dictionary_slots *slots, uint64_t hash, uint64_t space, const struct slice *name) {
    uint64_t at = hash & slots->mask;
    while (atomic_load_explicit(&slots->slot[at].hash, memory_order_relaxed))
        at = (at + 1) & slots->mask;
    slots->slot[at].space = space;
    slots->slot[at].name = name;
    atomic_store_explicit(&slots->slot[at].hash, hash, memory_order_release);
}

static struct dictionary_slots *slots_create(struct dictionary *d, uint64_t count) {
    size_t bytes = sizeof(struct dictionary_slots) + count * sizeof(struct dictionary_slot);
    struct dictionary_slots *slots = arena_get(&d->arena, bytes);
    memset(slots, 0, bytes);
    slots->mask = count - 1;
    return slots;
}

/* Twice the slots; readers in the old table go on reading it. */
static void index_grow(struct dictionary *d) {
    const struct dictionary_slots *old = d->index;
    struct dictionary_slots *slots = slots_create(d, (old->mask + 1) * 2);
    for (uint64_t i = 0; i <= old->mask; i++)
        if (old->slot[i].hash)
            slots_add(slots, old->slot[i].hash, old->slot[i].space, old->slot[i].name);
    atomic_store_explicit(&d->index, slots, memory_order_release);
}

static void index_add(struct dictionary *d, uint64_t space, const struct slice *name) {
    assert(index_find(d, space, *name) == NULL);
    d->index_count++;
    if (d->index_count * 2 > d->index->mask)
        index_grow(d);
    slots_add(d->index, hash_of(space, *name), space, name);
}

/* --- readers --- */

uint32_t dictionary_type_count(const struct dictionary *d) {
    return atomic_load_explicit(&d->type_count, memory_order_acquire);
}

struct type *dictionary_type_mutable(const struct dictionary *d, uint16_t number) {
    assert(number < dictionary_type_count(d));
    return atomic_load_explicit(&d->types[number], memory_order_relaxed);
}

const struct type *dictionary_type_at(const struct dictionary *d, uint16_t number) {
    return dictionary_type_mutable(d, number);
}

const struct type *dictionary_type_find(const struct dictionary *d, enum type_kind kind, struct slice name) {
    return index_find(d, space_of_types(kind), name);
}

const struct property *dictionary_property_at(const struct type *type, uint16_t number) {
    uint32_t count = atomic_load_explicit(&type->property_count, memory_order_acquire);
    return number >= 1 && number <= count ? type->properties[number] : NULL;
}

void dictionary_attribute_by_hand(struct dictionary *d, uint16_t number, bool by_hand) {
    const struct property *property = dictionary_property_at(dictionary_type_at(d, DICTIONARY_CUSTOMER), number);
    assert(property);
    ((struct property *)property)->by_hand = by_hand;
}

struct property *dictionary_property_lookup(const struct dictionary *d, const struct type *type, struct slice name) {
    uint64_t space = space_of_properties(type->number);
    const void *found = index_find(d, space, name);
    if (!found && type->number == DICTIONARY_CUSTOMER) { /* an exact name first, then other spellings */
        const struct alias *alias = index_find(d, space_of_aliases, name);
        found = alias ? index_find(d, space, alias->name) : NULL;
    }
    return (struct property *)found;
}

const struct property *dictionary_property_find(const struct dictionary *d, const struct type *type,
                                                struct slice name) {
    return dictionary_property_lookup(d, type, name);
}

uint32_t dictionary_namespace_count(const struct dictionary *d) {
    return atomic_load_explicit(&d->namespace_count, memory_order_acquire);
}

const struct namespace *dictionary_namespace_at(const struct dictionary *d, uint16_t number) {
    assert(number >= 1 && number <= dictionary_namespace_count(d));
    return atomic_load_explicit(&d->namespaces[number], memory_order_relaxed);
}

const struct namespace *dictionary_namespace_find(const struct dictionary *d, struct slice name) {
    return index_find(d, space_of_namespaces, name);
}

/* --- discovery --- */

bool dictionary_name_valid(struct slice name) {
    if (name.size == 0 || name.size > DICTIONARY_NAME_BYTES_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if ((unsigned char)name.data[i] < ' ' || name.data[i] == 0x7f)
            return false;
    return true;
}

static enum status bad_name(struct slice name, const char *what, struct fault *fault) {
    char start[TEXT_QUOTE_BYTES];
    return fault_set(fault, STATUS_INVALID, "%s name \"%s\" of %zu bytes: names have 1 to %d and no control characters",
                     what, text_quote(name, start), name.size, DICTIONARY_NAME_BYTES_MAX);
}

static void *arena_zeroed(struct arena *arena, size_t size) { return memset(arena_get(arena, size), 0, size); }

/* A discovered document type's keys live in the namespace "<type>_id". */
static enum status key_namespace(struct dictionary *d, struct slice type, uint16_t *number, struct fault *fault) {
    char text[DICTIONARY_NAME_BYTES_MAX + 4];
    struct namespace *ns;
    memcpy(text, type.data, type.size);
    memcpy(text + type.size, "_id", 3);
    enum status status = dictionary_namespace_mutable(d, slice_of(text, type.size + 3), &ns, fault);
    if (status == STATUS_OK) {
        *number = ns->number;
        if (ns->kind == NAMESPACE_ANY)
            ns->kind = NAMESPACE_DOCUMENT;
    }
    return status;
}

enum status dictionary_type_add(struct dictionary *d, enum type_kind kind, struct slice name, uint16_t inverse,
                                struct type **type, struct fault *fault) {
    uint32_t count = d->type_count;
    if (!dictionary_name_valid(name))
        return bad_name(name, type_kind_name(kind), fault);
    if (kind == TYPE_ATTRIBUTES && count > 0)
        return fault_set(fault, STATUS_INVALID, "customer attributes are one type, \"customer\"; not \"%.*s\"",
                         SLICE_ARG(name));
    if (count >= DICTIONARY_TYPES_MAX)
        return fault_set(fault, STATUS_FULL, "%.*s would be type %u; at most %d are kept", SLICE_ARG(name), count,
                         DICTIONARY_TYPES_MAX);
    uint16_t key = 0;
    enum status status = kind == TYPE_DOCUMENT ? key_namespace(d, name, &key, fault) : STATUS_OK;
    if (status != STATUS_OK)
        return status;
    struct type *made = arena_zeroed(&d->arena, sizeof *made);
    made->name = arena_copy(&d->arena, name);
    made->number = (uint16_t)count;
    made->kind = (uint8_t)kind;
    made->key_namespace = key;
    made->inverse = inverse;
    made->properties = arena_get(&d->arena, (DICTIONARY_PROPERTIES_MAX + 1) * sizeof *made->properties);
    made->properties[0] = NULL;
    atomic_store_explicit(&d->types[count], made, memory_order_release);
    atomic_store_explicit(&d->type_count, count + 1, memory_order_release);
    index_add(d, space_of_types(kind), &made->name);
    *type = made;
    return STATUS_OK;
}

enum status dictionary_type(struct dictionary *d, enum type_kind kind, struct slice name, struct type **type,
                            struct fault *fault) {
    const void *found = index_find(d, space_of_types(kind), name);
    if (found) {
        *type = (struct type *)found;
        return STATUS_OK;
    }
    return kind == TYPE_RELATION ? dictionary_relation(d, name, SLICE_NONE, type, fault)
                                 : dictionary_type_add(d, kind, name, 0, type, fault);
}

/* --- relations --- */

#define INVERSE_ENDING "_inverse"
#define INVERSE_BYTES_MAX (DICTIONARY_NAME_BYTES_MAX + sizeof INVERSE_ENDING)

/* The name of the type at the other end, where none is given. */
static struct slice inverse_name(struct slice name, struct slice inverse, char text[INVERSE_BYTES_MAX]) {
    if (inverse.size || name.size > DICTIONARY_NAME_BYTES_MAX)
        return inverse;
    memcpy(text, name.data, name.size);
    memcpy(text + name.size, INVERSE_ENDING, sizeof INVERSE_ENDING - 1);
    return slice_of(text, name.size + sizeof INVERSE_ENDING - 1);
}

enum status dictionary_relation_check(const struct dictionary *d, struct slice name, struct slice inverse,
                                      struct fault *fault) {
    char text[INVERSE_BYTES_MAX];
    const struct type *type = dictionary_type_find(d, TYPE_RELATION, name);
    struct slice other = inverse_name(name, inverse, text);
    if (!dictionary_name_valid(name))
        return bad_name(name, "relation", fault);
    if (type) {
        const struct type *have = dictionary_type_at(d, type->inverse);
        if (inverse.size && !slice_equal(have->name, inverse))
            return fault_set(fault, STATUS_CONFLICT, "the inverse of %.*s is %.*s already", SLICE_ARG(name),
                             SLICE_ARG(have->name));
        return STATUS_OK;
    }
    if (!dictionary_name_valid(other))
        return bad_name(other, "relation", fault);
    if (dictionary_type_find(d, TYPE_RELATION, other))
        return fault_set(fault, STATUS_CONFLICT, "%.*s is the inverse of another relation already", SLICE_ARG(other));
    if (d->type_count + 2 > DICTIONARY_TYPES_MAX)
        return fault_set(fault, STATUS_FULL, "%.*s and its inverse would be more than %d types", SLICE_ARG(name),
                         DICTIONARY_TYPES_MAX);
    return STATUS_OK;
}

static enum status relation_add(struct dictionary *d, struct slice name, uint16_t inverse, struct type **type,
                                struct fault *fault) {
    struct property *customer, *ended;
    enum status status = dictionary_type_add(d, TYPE_RELATION, name, inverse, type, fault);
    if (status == STATUS_OK)
        status = dictionary_property(d, *type, SLICE("customer"), PROPERTY_NUMBER, &customer, fault);
    if (status == STATUS_OK)
        status = dictionary_property(d, *type, SLICE("ended"), PROPERTY_BOOL, &ended, fault);
    if (status != STATUS_OK)
        return status;
    assert(customer->number == RELATION_CUSTOMER && ended->number == RELATION_ENDED);
    customer->declared = ended->declared = true;
    return STATUS_OK;
}

enum status dictionary_relation(struct dictionary *d, struct slice name, struct slice inverse, struct type **type,
                                struct fault *fault) {
    char text[INVERSE_BYTES_MAX];
    struct type *other = NULL;
    enum status status = dictionary_relation_check(d, name, inverse, fault);
    if (status != STATUS_OK)
        return status;
    *type = (struct type *)index_find(d, space_of_types(TYPE_RELATION), name);
    if (*type)
        return STATUS_OK;
    struct slice called = inverse_name(name, inverse, text);
    uint16_t number = (uint16_t)d->type_count;
    bool two = !slice_equal(called, name);
    status = relation_add(d, name, (uint16_t)(number + two), type, fault);
    if (status == STATUS_OK && two)
        status = relation_add(d, called, number, &other, fault);
    assert(status != STATUS_OK || (*type)->inverse == (two ? other->number : number));
    return status;
}

enum status dictionary_set_type(struct dictionary *d, const struct type *owner, struct property *property,
                                enum property_type type, struct fault *fault) {
    char text[2 * DICTIONARY_NAME_BYTES_MAX + 2];
    struct type *item_type;
    if (type == PROPERTY_ITEMS && property->item_type == 0) {
        size_t size = owner->name.size;
        memcpy(text, owner->name.data, size);
        text[size++] = '.';
        memcpy(text + size, property->name.data, property->name.size);
        size += property->name.size;
        enum status status = dictionary_type(d, TYPE_ITEM, slice_of(text, size), &item_type, fault);
        if (status != STATUS_OK)
            return status;
        property->item_type = item_type->number;
    }
    property->type = (uint8_t)type;
    return STATUS_OK;
}

enum status dictionary_property(struct dictionary *d, struct type *type, struct slice name, enum property_type if_new,
                                struct property **property, struct fault *fault) {
    struct property *found = dictionary_property_lookup(d, type, name);
    if (found) {
        *property = found;
        return STATUS_OK;
    }
    uint32_t count = type->property_count;
    if (!dictionary_name_valid(name))
        return bad_name(name, "property", fault);
    if (count >= DICTIONARY_PROPERTIES_MAX)
        return fault_set(fault, STATUS_FULL, "%.*s would be property %u of %.*s; at most %d are kept", SLICE_ARG(name),
                         count + 1, SLICE_ARG(type->name), DICTIONARY_PROPERTIES_MAX);
    if (if_new >= PROPERTY_TEXT_LIST && type->kind == TYPE_ITEM)
        return fault_set(fault, STATUS_INVALID, "%.*s: items cannot have lists or items of their own", SLICE_ARG(name));
    struct property *made = arena_zeroed(&d->arena, sizeof *made);
    made->name = arena_copy(&d->arena, name);
    made->number = (uint16_t)(count + 1);
    enum status status = dictionary_set_type(d, type, made, if_new, fault);
    if (status != STATUS_OK)
        return status;
    type->properties[count + 1] = made;
    atomic_store_explicit(&type->property_count, count + 1, memory_order_release);
    index_add(d, space_of_properties(type->number), &made->name);
    *property = made;
    return STATUS_OK;
}

enum status dictionary_namespace_mutable(struct dictionary *d, struct slice name, struct namespace **ns,
                                         struct fault *fault) {
    const void *found = index_find(d, space_of_namespaces, name);
    uint32_t count = d->namespace_count;
    if (found) {
        *ns = (struct namespace *)found;
        return STATUS_OK;
    }
    if (!dictionary_name_valid(name))
        return bad_name(name, "identifier namespace", fault);
    if (count >= DICTIONARY_NAMESPACES_MAX)
        return fault_set(fault, STATUS_FULL, "%.*s would be identifier namespace %u; at most %d are kept",
                         SLICE_ARG(name), count + 1, DICTIONARY_NAMESPACES_MAX);
    struct namespace *made = arena_zeroed(&d->arena, sizeof *made);
    made->name = arena_copy(&d->arena, name);
    made->number = (uint16_t)(count + 1);
    made->kind = NAMESPACE_ANY;
    made->priority = DICTIONARY_PRIORITY_FOUND;
    atomic_store_explicit(&d->namespaces[count + 1], made, memory_order_release);
    atomic_store_explicit(&d->namespace_count, count + 1, memory_order_release);
    index_add(d, space_of_namespaces, &made->name);
    *ns = made;
    return STATUS_OK;
}

enum status dictionary_namespace(struct dictionary *d, struct slice name, const struct namespace **ns,
                                 struct fault *fault) {
    struct namespace *found;
    enum status status = dictionary_namespace_mutable(d, name, &found, fault);
    if (status == STATUS_OK)
        *ns = found;
    return status;
}

/* --- the preset --- */

enum group_number {
#define GROUP(group) NUMBER_##group,
#include "govern/dictionary_preset.def"
    GROUP_COUNT
};
_Static_assert(GROUP_COUNT <= 32, "groups are bits");

enum group {
#define GROUP(group) GROUP_##group = 1u << NUMBER_##group,
#include "govern/dictionary_preset.def"
};

static const struct preset_namespace {
    const char *name;
    struct namespace rules;
} preset_namespaces[] = {
#define NAMESPACE(called, of, by, rank, alone, most)                                                                   \
    {called, {.kind = NAMESPACE_##of, .normaliser = NORMALISE_##by, .priority = rank, .unique = alone, .limit = most}},
#include "govern/dictionary_preset.def"
};

static const struct preset_property {
    uint32_t group, items; /* items: group of the item type's properties */
    const char *name;
    uint8_t type, normaliser;
} preset_properties[] = {
#define PROPERTY(group, name, type, normaliser) {GROUP_##group, 0, name, PROPERTY_##type, NORMALISE_##normaliser},
#define ITEMS(group, name, items) {GROUP_##group, GROUP_##items, name, PROPERTY_ITEMS, NORMALISE_NONE},
#include "govern/dictionary_preset.def"
};

static const struct preset_type {
    enum type_kind kind;
    const char *name, *key_namespace;
    uint32_t groups;
} preset_types[] = {
#define TYPE(kind, name, key, groups) {TYPE_##kind, name, key, groups},
#include "govern/dictionary_preset.def"
};

static const struct preset_relation {
    struct slice name, inverse;
} preset_relations[] = {
#define RELATION(name, inverse) {SLICE(name), SLICE(inverse)},
#include "govern/dictionary_preset.def"
};

/* Where the workspace has one of the two already, it means what it means there. */
static void add_preset_relations(struct dictionary *d) {
    for (size_t i = 0; i < sizeof preset_relations / sizeof *preset_relations; i++) {
        const struct preset_relation *preset = &preset_relations[i];
        struct type *type;
        if (dictionary_type_find(d, TYPE_RELATION, preset->name) ||
            dictionary_relation(d, preset->name, preset->inverse, &type, NULL) != STATUS_OK)
            continue;
        type->declared = dictionary_type_mutable(d, type->inverse)->declared = true;
    }
}

/* The preset never fills a dictionary by itself; over a full one (loaded) the rest is left out. */
static void add_preset_properties(struct dictionary *d, struct type *type, uint32_t groups) {
    for (size_t i = 0; i < sizeof preset_properties / sizeof *preset_properties; i++) {
        const struct preset_property *preset = &preset_properties[i];
        struct property *property = dictionary_property_lookup(d, type, slice_text(preset->name));
        if (!(preset->group & groups) || property)
            continue;
        if (dictionary_property(d, type, slice_text(preset->name), preset->type, &property, NULL) != STATUS_OK)
            return;
        property->normaliser = preset->normaliser;
        property->declared = true;
        if (preset->items)
            add_preset_properties(d, dictionary_type_mutable(d, property->item_type), preset->items);
    }
}

void dictionary_add_preset(struct dictionary *d) {
    for (size_t i = 0; i < sizeof preset_namespaces / sizeof *preset_namespaces; i++) {
        const struct preset_namespace *preset = &preset_namespaces[i];
        struct namespace *ns;
        if (dictionary_namespace_find(d, slice_text(preset->name)) ||
            dictionary_namespace_mutable(d, slice_text(preset->name), &ns, NULL) != STATUS_OK)
            continue;
        ns->kind = preset->rules.kind;
        ns->normaliser = preset->rules.normaliser;
        ns->priority = preset->rules.priority;
        ns->unique = preset->rules.unique;
        ns->limit = preset->rules.limit;
    }
    for (size_t i = 0; i < sizeof preset_types / sizeof *preset_types; i++) {
        const struct preset_type *preset = &preset_types[i];
        bool there = dictionary_type_find(d, preset->kind, slice_text(preset->name)) != NULL;
        struct type *type;
        if (dictionary_type(d, preset->kind, slice_text(preset->name), &type, NULL) != STATUS_OK)
            return;
        type->declared = type->declared || !there;
        assert(there || type->key_namespace == 0 || dictionary_namespace_find(d, slice_text(preset->key_namespace)));
        add_preset_properties(d, type, preset->groups);
    }
    add_preset_relations(d);
    assert(d->types[DICTIONARY_CUSTOMER]->kind == TYPE_ATTRIBUTES);
}

void dictionary_empty(struct dictionary *d) {
    d->index_count = 0;
    d->generation++;
    atomic_store(&d->type_count, 0);
    atomic_store(&d->namespace_count, 0);
    atomic_store(&d->index, slots_create(d, INDEX_SLOTS_FIRST));
    for (int i = 0; i < COUNT(aliases); i++)
        index_add(d, space_of_aliases, &aliases[i].written);
}

struct dictionary *dictionary_create(void) {
    struct dictionary *d = memory_get(1, sizeof *d);
    dictionary_empty(d);
    dictionary_add_preset(d);
    return d;
}

void dictionary_free(struct dictionary *d) {
    if (!d)
        return;
    arena_release(&d->arena);
    free(d);
}
