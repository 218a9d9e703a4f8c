/* check_names: what names lead to, in the scope they stand in.
 *
 * A name of n pieces may be one property with dots in its name ("address.city"), a path (order.items.brand), or a look-up in master data
 * (product.category). The pieces are joined again and tried: whole names before shorter ones for properties, shorter ones
 * first for types, and a type counts only where the rest of the name leads somewhere too. */
#include "language/check_inside.h"

#include <assert.h>
#include <stdio.h>

#include "base/hash.h"

enum term_type check_type_of(enum property_type type) {
    static const uint8_t types[] = {[PROPERTY_TEXT] = TERM_TEXT,           [PROPERTY_NUMBER] = TERM_NUMBER,
                                    [PROPERTY_MONEY] = TERM_NUMBER,        [PROPERTY_BOOL] = TERM_BOOL,
                                    [PROPERTY_TIME] = TERM_TIME,           [PROPERTY_DATE] = TERM_DATE,
                                    [PROPERTY_TEXT_LIST] = TERM_TEXT_LIST, [PROPERTY_NUMBER_LIST] = TERM_NUMBER_LIST,
                                    [PROPERTY_ITEMS] = TERM_NONE};
    assert(type < sizeof types);
    return (enum term_type)types[type];
}

struct slice check_join(const struct node *node, uint32_t first, uint32_t count, char buffer[NAME_BYTES]) {
    size_t size = 0;
    for (uint32_t i = first; i < first + count && i < node->piece_count; i++) {
        struct slice piece = node->pieces[i].text;
        if (size + piece.size + 1 > NAME_BYTES)
            return SLICE_NONE;
        if (i > first)
            buffer[size++] = '.';
        memcpy(buffer + size, piece.data ? piece.data : "", piece.size);
        size += piece.size;
    }
    return slice_of(buffer, size);
}

static struct slice join_all(const struct node *node, uint32_t first, char buffer[NAME_BYTES]) {
    return check_join(node, first, node->piece_count - first, buffer);
}

/* --- types --- */

bool check_is_relation(const struct type *type) { return type->kind == TYPE_RELATION; }

bool check_has_rows(const struct type *type) {
    return type->kind == TYPE_DOCUMENT || type->kind == TYPE_EVENT || type->kind == TYPE_RELATION;
}

static char plain_character(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c == ' ' || c == '-' ? '_' : c; }

bool check_plain_equal(struct slice name, struct slice plain) {
    if (name.size != plain.size)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (plain_character(name.data[i]) != plain.data[i])
            return false;
    return true;
}

struct slice check_type_name(const struct check *c, const struct type *type, char buffer[NAME_BYTES]) {
    bool both, same = true;
    if (!check_has_rows(type) || type->name.size >= NAME_BYTES)
        return type->name;
    for (size_t i = 0; i < type->name.size; i++) {
        buffer[i] = plain_character(type->name.data[i]);
        same = same && buffer[i] == type->name.data[i];
    }
    struct slice plain = slice_of(buffer, type->name.size);
    return same || check_type(c, plain, true, &both) == type ? plain : type->name;
}

/* Types that have rows by (kind, plain form): an open-addressing table. A dictionary has thousands of types and an expression
 * thousands of names. */
struct plain_name {
    const struct type *type; /* NULL: empty */
    bool both;               /* another of its kind has the same plain form */
};
struct plain_names {
    uint64_t mask;
    struct plain_name slots[];
};

static struct plain_name *plain_slot(struct plain_names *names, unsigned kind, struct slice plain) {
    uint64_t at = hash_bytes(plain, kind) & names->mask;
    while (names->slots[at].type &&
           (names->slots[at].type->kind != kind || !check_plain_equal(names->slots[at].type->name, plain)))
        at = (at + 1) & names->mask;
    return &names->slots[at];
}

static struct plain_names *plain_names_make(const struct dictionary *d, struct arena *arena) {
    char plain[NAME_BYTES];
    uint32_t count = dictionary_type_count(d);
    uint64_t mask = 63;
    while (mask < 2ull * count)
        mask = 2 * mask + 1;
    size_t bytes = sizeof(struct plain_names) + (mask + 1) * sizeof(struct plain_name);
    struct plain_names *names = arena_get(arena, bytes);
    memset(names, 0, bytes);
    names->mask = mask;
    for (uint32_t i = 1; i < count; i++) {
        const struct type *type = dictionary_type_at(d, (uint16_t)i);
        if (!check_has_rows(type) || type->name.size >= NAME_BYTES)
            continue;
        for (size_t k = 0; k < type->name.size; k++)
            plain[k] = plain_character(type->name.data[k]);
        struct plain_name *slot = plain_slot(names, type->kind, slice_of(plain, type->name.size));
        slot->both = slot->type != NULL;
        slot->type = slot->type ? slot->type : type;
    }
    return names;
}

const struct type *check_type(const struct check *c, struct slice name, bool plain, bool *both) {
    static const uint8_t kinds[] = {TYPE_DOCUMENT, TYPE_EVENT, TYPE_RELATION};
    *both = false;
    if (name.size == 0)
        return NULL;
    for (size_t i = 0; i < sizeof kinds; i++) {
        const struct type *type = dictionary_type_find(c->v->dictionary, kinds[i], name);
        if (type)
            return type;
    }
    if (plain && !c->scratch->plain)
        c->scratch->plain = plain_names_make(c->v->dictionary, &c->scratch->arena);
    for (size_t i = 0; plain && i < sizeof kinds; i++) {
        const struct plain_name *slot = plain_slot(c->scratch->plain, kinds[i], name);
        *both = slot->both;
        if (slot->type)
            return slot->both ? NULL : slot->type;
    }
    return NULL;
}

/* Of the first `count` pieces. */
static const struct type *type_of_pieces(const struct check *c, const struct node *node, uint32_t count, bool *both) {
    char joined[NAME_BYTES];
    bool plain = true;
    for (uint32_t i = 0; i < count; i++)
        plain = plain && !node->pieces[i].quoted;
    return check_type(c, check_join(node, 0, count, joined), plain, both);
}

/* --- fields --- */

const struct property *check_master_key(const struct dictionary *d, const struct type *owner,
                                        const struct type *master) {
    char id[NAME_BYTES];
    int size = snprintf(id, sizeof id, "%.*s_id", SLICE_ARG(master->name));
    const struct property *key = NULL;
    if (size > 0 && (size_t)size < sizeof id)
        key = dictionary_property_find(d, owner, slice_of(id, (size_t)size));
    if (!key && slice_is(master->name, "product"))
        key = dictionary_property_find(d, owner, SLICE("sku"));
    if (!key)
        key = dictionary_property_find(d, owner, master->name);
    return key && key->type == PROPERTY_TEXT ? key : NULL;
}

/* The master type that a property's name speaks of: store_id, sku, store. */
static const struct type *master_named(const struct dictionary *d, struct slice name) {
    static const struct slice id = {"_id", 3};
    if (name.size > id.size && slice_equal(slice_of(name.data + name.size - id.size, id.size), id))
        return dictionary_type_find(d, TYPE_MASTER, slice_of(name.data, name.size - id.size));
    return dictionary_type_find(d, TYPE_MASTER, slice_is(name, "sku") ? SLICE("product") : name);
}

uint16_t check_master_of(const struct dictionary *d, const struct type *owner, const struct property *property) {
    if (property->type != PROPERTY_TEXT)
        return 0;
    if (owner->kind == TYPE_MASTER && slice_is(property->name, "id"))
        return owner->number;
    const struct type *master = master_named(d, property->name);
    return master && master != owner && check_master_key(d, owner, master) == property ? master->number : 0;
}

static void take_property(const struct dictionary *d, const struct type *owner, const struct property *property,
                          struct reference *reference, struct term *term) {
    reference->property_type = (uint8_t)property->type;
    *term = (struct term){.owner = owner, .property = property, .master = check_master_of(d, owner, property)};
}

/* m.field, cut at each dot. */
static bool master_field(const struct dictionary *d, const struct type *type, uint8_t level, struct slice name,
                         struct reference *reference, struct term *term) {
    for (size_t dot = 1; dot + 1 < name.size; dot++) {
        if (name.data[dot] != '.')
            continue;
        const struct type *master = dictionary_type_find(d, TYPE_MASTER, slice_of(name.data, dot));
        const struct property *key = master ? check_master_key(d, type, master) : NULL;
        const struct property *field =
            key ? dictionary_property_find(d, master, slice_of(name.data + dot + 1, name.size - dot - 1)) : NULL;
        if (!field || field->type == PROPERTY_ITEMS)
            continue;
        *reference = (struct reference){.kind = REFERENCE_MASTER,
                                        .level = level,
                                        .property = key->number,
                                        .master_type = master->number,
                                        .master_property = field->number};
        take_property(d, master, field, reference, term);
        return true;
    }
    return false;
}

bool check_field(const struct dictionary *d, const struct type *type, uint8_t level, struct slice name,
                 struct reference *reference, struct term *term) {
    const struct property *property = name.size ? dictionary_property_find(d, type, name) : NULL;
    if (!property)
        return master_field(d, type, level, name, reference, term);
    *reference = (struct reference){.kind = REFERENCE_PROPERTY, .level = level, .property = property->number};
    take_property(d, type, property, reference, term);
    return true;
}

bool check_system(const struct scope *scope, struct slice name, struct reference *reference) {
    static const struct {
        const char *name;
        uint8_t field, type;
    } fields[] = {{"time", SYSTEM_TIME, PROPERTY_TIME},
                  {"received", SYSTEM_RECEIVED, PROPERTY_TIME},
                  {"source", SYSTEM_SOURCE, PROPERTY_NUMBER},
                  {"updated", SYSTEM_UPDATED, PROPERTY_TIME},
                  {"event", SYSTEM_EVENT, PROPERTY_TEXT}};
    if (!scope->rows)
        return false;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        bool there = fields[i].field == SYSTEM_UPDATED ? scope->row && scope->row->kind == TYPE_DOCUMENT
                     : fields[i].field == SYSTEM_EVENT ? !scope->row
                                                       : true;
        if (!there || !slice_is(name, fields[i].name))
            continue;
        *reference = (struct reference){
            .kind = REFERENCE_SYSTEM, .level = 1, .system = fields[i].field, .property_type = fields[i].type};
        return true;
    }
    return false;
}

/* A field of the item, of the row, of every row. */
static bool scope_field(const struct dictionary *d, const struct scope *scope, struct slice name,
                        struct reference *reference, struct term *term) {
    if (scope->item && check_field(d, scope->item, 2, name, reference, term))
        return true;
    if (scope->row && check_field(d, scope->row, 1, name, reference, term))
        return true;
    if (!check_system(scope, name, reference))
        return false;
    *term = (struct term){.event = reference->system == SYSTEM_EVENT};
    return true;
}

/* order.total, order.items.price in a where over order.items: named from the type on. */
static bool full_field(const struct check *c, const struct node *node, struct reference *reference, struct term *term) {
    const struct dictionary *d = c->v->dictionary;
    char joined[NAME_BYTES];
    bool both;
    for (uint32_t count = 1; c->scope.row && count < node->piece_count; count++) {
        if (type_of_pieces(c, node, count, &both) != c->scope.row)
            continue;
        struct scope row = {.row = c->scope.row, .rows = true};
        if (scope_field(d, &row, join_all(node, count, joined), reference, term) &&
            reference->property_type != PROPERTY_ITEMS)
            return true;
        for (uint32_t more = count + 1; c->scope.item && more < node->piece_count; more++) {
            const struct property *items =
                dictionary_property_find(d, c->scope.row, check_join(node, count, more - count, joined));
            if (items && items->type == PROPERTY_ITEMS && items->item_type == c->scope.item->number &&
                check_field(d, c->scope.item, 2, join_all(node, more, joined), reference, term))
                return true;
        }
    }
    return false;
}

static bool find_name(const struct check *c, const struct node *node, struct reference *reference, struct term *term) {
    const struct dictionary *d = c->v->dictionary;
    const struct type *customer = dictionary_type_at(d, DICTIONARY_CUSTOMER);
    char joined[NAME_BYTES];
    if (node->piece_count > 1 && !node->pieces[0].quoted && slice_is(node->pieces[0].text, "customer") &&
        check_field(d, customer, 0, join_all(node, 1, joined), reference, term))
        return true;
    struct slice name = join_all(node, 0, joined);
    return scope_field(d, &c->scope, name, reference, term) || full_field(c, node, reference, term) ||
           check_field(d, customer, 0, name, reference, term);
}

static bool take_reference(struct node *node, const struct reference *reference) {
    node->reference = *reference;
    node->type = (uint8_t)check_type_of(reference->property_type);
    node->money = reference->property_type == PROPERTY_MONEY;
    return node->type != TERM_NONE;
}

bool check_name(struct check *c, struct node *node, struct term *term) {
    struct reference reference = {0};
    *term = (struct term){0};
    if (node->piece_count == 0 || !find_name(c, node, &reference, term))
        return check_unknown_name(c, node);
    if (!take_reference(node, &reference))
        return check_fail(c, node,
                          "%s is a list of items, not a value; ask for them with any(%s where ...) or count(%s)",
                          check_shown(node).text, check_shown(node).text, check_shown(node).text);
    return true;
}

bool check_row_field(struct check *c, struct node *node, const struct scope *rows, struct term *term) {
    struct reference reference = {0};
    char joined[NAME_BYTES];
    *term = (struct term){0};
    struct slice name = join_all(node, 0, joined);
    if (!scope_field(c->v->dictionary, rows, name, &reference, term)) {
        const struct type *type = rows->item ? rows->item : rows->row;
        if (type)
            return check_unknown_field(c, node, type, name);
        return check_fail(c, node, "rows of any event have the fields time, received, source and event only");
    }
    if (!take_reference(node, &reference))
        return check_fail(c, node, "%s is a list of items, not a value", check_shown_text(name).text);
    return true;
}

/* --- sources --- */

/* Fills `from` with the value or items that the pieces from `first` on lead to, in rows of `type`. */
static bool source_rest(const struct dictionary *d, const struct node *node, uint32_t first, const struct type *type,
                        struct source_reference *from, struct term *term) {
    char joined[NAME_BYTES];
    struct scope row = {.row = type, .rows = true};
    if (first == node->piece_count)
        return true;
    if (scope_field(d, &row, join_all(node, first, joined), &from->value, term)) {
        if (from->value.property_type != PROPERTY_ITEMS)
            return true;
        from->items = term->property->number;
        from->item_type = term->property->item_type;
        from->value = (struct reference){0};
        *term = (struct term){0};
        return true;
    }
    for (uint32_t count = 1; first + count < node->piece_count; count++) {
        const struct property *items = dictionary_property_find(d, type, check_join(node, first, count, joined));
        if (!items || items->type != PROPERTY_ITEMS)
            continue;
        struct scope item = {.item = dictionary_type_at(d, items->item_type), .rows = true};
        if (!scope_field(d, &item, join_all(node, first + count, joined), &from->value, term) ||
            from->value.property_type == PROPERTY_ITEMS)
            continue;
        from->items = items->number;
        from->item_type = items->item_type;
        return true;
    }
    *from = (struct source_reference){0};
    *term = (struct term){0};
    return false;
}

/* In a where over rows: the row's items, and their fields. */
static bool row_items(const struct check *c, struct node *source, struct term *term) {
    const struct dictionary *d = c->v->dictionary;
    char joined[NAME_BYTES];
    for (uint32_t count = 1; c->scope.row && count <= source->piece_count; count++) {
        const struct property *items = dictionary_property_find(d, c->scope.row, check_join(source, 0, count, joined));
        if (!items || items->type != PROPERTY_ITEMS)
            continue;
        struct source_reference from = {
            .kind = SOURCE_ROW_ITEMS, .type = items->item_type, .items = items->number, .item_type = items->item_type};
        const struct type *item = dictionary_type_at(d, items->item_type);
        if (count < source->piece_count &&
            (!check_field(d, item, 2, join_all(source, count, joined), &from.value, term) ||
             from.value.property_type == PROPERTY_ITEMS))
            continue;
        source->from = from;
        return true;
    }
    return false;
}

static uint8_t source_kind(const struct type *type) {
    return type->kind == TYPE_DOCUMENT   ? SOURCE_DOCUMENTS
           : type->kind == TYPE_RELATION ? SOURCE_RELATION
                                         : SOURCE_EVENTS;
}

static bool fail_both(struct check *c, const struct node *source, struct slice name) {
    struct slice names[2] = {SLICE_NONE, SLICE_NONE};
    size_t found = 0;
    for (uint32_t i = 1, count = dictionary_type_count(c->v->dictionary); i < count && found < 2; i++) {
        const struct type *type = dictionary_type_at(c->v->dictionary, (uint16_t)i);
        if (check_has_rows(type) && check_plain_equal(type->name, name))
            names[found++] = type->name;
    }
    return check_fail(c, source, "%s may be `%s` or `%s`; write one of them", check_shown(source).text,
                      check_shown_text(names[0]).text, check_shown_text(names[1]).text);
}

/* A type and what follows it. */
static bool type_source(struct check *c, struct node *source, struct term *term, bool *found) {
    for (uint32_t count = 1; count <= source->piece_count; count++) {
        bool both;
        char joined[NAME_BYTES];
        const struct type *type = type_of_pieces(c, source, count, &both);
        if (both)
            return fail_both(c, source, check_join(source, 0, count, joined));
        if (!type || !source_rest(c->v->dictionary, source, count, type, &source->from, term))
            continue;
        source->from.kind = source_kind(type);
        source->from.type = type->number;
        *found = true;
        return true;
    }
    return true;
}

bool check_source(struct check *c, struct node *source, struct term *term) {
    bool found = false;
    *term = (struct term){0};
    source->from = (struct source_reference){0};
    if (source->any_event) {
        source->from.kind = SOURCE_ANY_EVENT;
        return true;
    }
    if (row_items(c, source, term)) {
        if (c->scope.item)
            return check_fail(c, source,
                              "this is inside the items already; ask for another item beside it, not in its where");
        return true;
    }
    if (!type_source(c, source, term, &found))
        return false;
    if (!found)
        return check_unknown_source(c, source);
    if (c->scope.related && source->from.kind == SOURCE_RELATION)
        return check_fail(c, source, "relations go one hop: the where of a relation cannot ask for another relation");
    return true;
}
