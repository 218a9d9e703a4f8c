/* check_hint: what to say where a name leads nowhere. What the name would be elsewhere is said first (a field of orders asked of
 * the customer, a type that is no value, a segment without its quotes); then the nearest name of those in reach (suggest.h). Runs
 * once a check, when it has failed already. */
#include "language/check_inside.h"

#include <stdio.h>

#include "language/suggest.h"

/* The name as it must be written: in backticks where it is no plain word. */
static struct shown quoted(struct slice name) {
    struct name_piece piece = {.text = name};
    struct node node = {.kind = NODE_NAME, .pieces = &piece, .piece_count = 1};
    return check_shown(&node);
}

/* "order", `Product Viewed` as product_viewed where that finds it; items as order.items. */
static struct shown type_shown(const struct check *c, const struct type *type) {
    char plain[NAME_BYTES];
    return type->kind == TYPE_ITEM ? check_shown_text(type->name) : quoted(check_type_name(c, type, plain));
}

static const char *kind_phrase(const struct type *type) {
    return type->kind == TYPE_DOCUMENT ? "documents" : type->kind == TYPE_RELATION ? "relations" : "events";
}

/* --- nearest names --- */

static void offer_fields(struct suggestion *s, const struct type *type) {
    for (uint32_t i = 1; type && i <= type->property_count; i++) {
        const struct property *property = dictionary_property_at(type, (uint16_t)i);
        if (property)
            suggestion_offer(s, property->name);
    }
}

static void offer_system(struct suggestion *s, const struct scope *scope) {
    static const char *const names[] = {"time", "received", "source", "updated", "event"};
    struct reference reference;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (check_system(scope, slice_text(names[i]), &reference))
            suggestion_offer(s, slice_text(names[i]));
}

/* Blanks and - count as _, as in the plain form; the letters' case never counts. */
static void offer_type(struct suggestion *s, struct slice name) {
    char plain[SUGGEST_BYTES_MAX];
    if (name.size > sizeof plain)
        return;
    for (size_t i = 0; i < name.size; i++)
        plain[i] = name.data[i] == ' ' || name.data[i] == '-' ? '_' : name.data[i];
    suggestion_offer(s, slice_of(plain, name.size));
}

static bool offer_types(const struct check *c, struct suggestion *s, struct shown *best) {
    const struct type *nearest = NULL;
    for (uint32_t i = 1, count = dictionary_type_count(c->v->dictionary); i < count; i++) {
        const struct type *type = dictionary_type_at(c->v->dictionary, (uint16_t)i);
        unsigned before = s->distance;
        if (!check_has_rows(type))
            continue;
        offer_type(s, type->name);
        nearest = s->distance < before ? type : nearest;
    }
    if (nearest)
        *best = type_shown(c, nearest);
    return nearest != NULL;
}

/* --- names --- */

/* An aggregate that a field of this type goes well with. */
static const char *aggregate_for(const struct property *property) {
    enum property_type type = property->type;
    switch (type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return "sum";
    case PROPERTY_TEXT:
        return "top";
    default:
        return "last";
    }
}

static bool hint_type(struct check *c, const struct node *node, struct slice name) {
    bool both;
    const struct type *type = check_type(c, name, true, &both);
    if (!type)
        return true;
    struct shown shown = type_shown(c, type);
    return check_fail(c, node,
                      "%s is a type of %s, not a value; ask for them with any(%s) or count(%s), or for the time of the "
                      "last with last(%s)",
                      shown.text, kind_phrase(type), shown.text, shown.text, shown.text);
}

/* order.total outside an aggregate, or in one over something else. */
static bool hint_path(struct check *c, const struct node *node) {
    struct node source = {
        .kind = NODE_SOURCE, .pieces = node->pieces, .piece_count = node->piece_count, .place = node->place};
    struct check quiet = {.v = c->v, .arena = c->arena, .scratch = c->scratch};
    struct term term;
    char joined[NAME_BYTES];
    bool both;
    if (node->piece_count < 2)
        return true;
    for (uint32_t count = 1; count < node->piece_count; count++) {
        const struct type *type = check_type(c, check_join(node, 0, count, joined), !node->pieces[0].quoted, &both);
        if (!type)
            continue;
        if (!check_source(&quiet, &source, &term))
            return check_unknown_field(c, node, type, check_join(node, count, node->piece_count - count, joined));
        if (source.from.value.kind == REFERENCE_NONE)
            return check_fail(c, node,
                              "%s are many items, not a value; ask for them with any(%s where ...) or count(%s)",
                              check_shown(node).text, check_shown(node).text, check_shown(node).text);
        const char *word = term.property ? aggregate_for(term.property) : "last";
        return check_fail(c, node, "%s has a value in each row; use it inside an aggregate such as %s(%s)",
                          check_shown(node).text, word, check_shown(node).text);
    }
    return true;
}

static bool fail_field_of(struct check *c, const struct node *node, const struct type *type,
                          const struct property *items, const struct property *field) {
    struct shown owner = type_shown(c, type), of = owner;
    if (items)
        (void)snprintf(of.text, sizeof of.text, "%s.%s", owner.text, quoted(items->name).text);
    return check_fail(c, node, "%s is a field of %s; use it inside an aggregate such as %s(%s.%s)",
                      quoted(field->name).text, of.text, aggregate_for(field), of.text, quoted(field->name).text);
}

/* The first type, documents before events, that has such a field, or items that have it. */
static bool hint_field_of(struct check *c, const struct node *node, struct slice name) {
    static const uint8_t kinds[] = {TYPE_DOCUMENT, TYPE_EVENT};
    const struct dictionary *d = c->v->dictionary;
    uint32_t count = dictionary_type_count(d);
    for (uint32_t i = 1; i < count * sizeof kinds; i++) {
        const struct type *type = dictionary_type_at(d, (uint16_t)(i % count));
        if (type->kind != kinds[i / count])
            continue;
        const struct property *field = dictionary_property_find(d, type, name);
        if (field && field->type != PROPERTY_ITEMS)
            return fail_field_of(c, node, type, NULL, field);
        for (uint32_t p = 1; p <= type->property_count; p++) {
            const struct property *items = dictionary_property_at(type, (uint16_t)p);
            if (!items || items->type != PROPERTY_ITEMS)
                continue;
            field = dictionary_property_find(d, dictionary_type_at(d, items->item_type), name);
            if (field)
                return fail_field_of(c, node, type, items, field);
        }
    }
    return true;
}

/* In a where over rows: a field of their items. */
static bool hint_items(struct check *c, const struct node *node, struct slice name) {
    const struct dictionary *d = c->v->dictionary;
    for (uint32_t i = 1; c->scope.row && !c->scope.item && i <= c->scope.row->property_count; i++) {
        const struct property *items = dictionary_property_at(c->scope.row, (uint16_t)i);
        if (!items || items->type != PROPERTY_ITEMS ||
            !dictionary_property_find(d, dictionary_type_at(d, items->item_type), name))
            continue;
        struct shown owner = type_shown(c, c->scope.row);
        struct shown shown = quoted(items->name);
        return check_fail(
            c, node, "%s is a field of %s.%s, of which a row has many; write any(%s where %s ...), or begin with %s.%s",
            quoted(name).text, owner.text, shown.text, shown.text, quoted(name).text, owner.text, shown.text);
    }
    return true;
}

/* time, updated ... where there are no rows, or others. */
static bool hint_system(struct check *c, const struct node *node, struct slice name) {
    struct type document = {.kind = TYPE_DOCUMENT};
    struct scope any = {.rows = true}, documents = {.rows = true, .row = &document};
    struct reference reference;
    if (check_system(&any, name, &reference) && reference.system == SYSTEM_EVENT)
        return check_fail(c, node, "event is a field of any event: any(any event where event = \"page\")");
    if (!check_system(&documents, name, &reference))
        return true;
    if (reference.system == SYSTEM_UPDATED)
        return check_fail(c, node, "updated is a field of documents: any(order where updated > 3 days ago)");
    return check_fail(c, node, "%s is a field of rows; use it in an aggregate's where%s", check_shown_text(name).text,
                      reference.system == SYSTEM_TIME ? ", or write last(order) for a row's time" : "");
}

/* product.categori: master data is there, its field or the id that leads to it is not. */
static bool hint_master(struct check *c, const struct node *node) {
    const struct dictionary *d = c->v->dictionary;
    char joined[NAME_BYTES];
    const struct type *master =
        node->piece_count < 2 ? NULL : dictionary_type_find(d, TYPE_MASTER, check_join(node, 0, 1, joined));
    if (!master)
        return true;
    const struct type *holders[] = {c->scope.item, c->scope.row, dictionary_type_at(d, DICTIONARY_CUSTOMER)};
    for (size_t i = 0; i < sizeof holders / sizeof *holders; i++)
        if (holders[i] && check_master_key(d, holders[i], master))
            return check_unknown_field(c, node, master, check_join(node, 1, node->piece_count - 1, joined));
    return check_fail(c, node, "%s is a field of the master data \"%s\", and nothing here has the id of one (%s_id)%s",
                      check_shown(node).text, check_shown_text(master->name).text, check_shown_text(master->name).text,
                      c->scope.rows ? "" : "; use it inside an aggregate over rows that have it");
}

static bool hint_definition(struct check *c, const struct node *node, struct slice name) {
    static const char *const forms[] = {[DEFINITION_SEGMENT] = "\"%s\" is a segment; write in segment \"%s\"",
                                        [DEFINITION_TAG] = "\"%s\" is a tag; write tag(\"%s\")",
                                        [DEFINITION_METRIC] = "\"%s\" is a metric; write metric(\"%s\")"};
    struct definition found;
    struct shown shown = check_shown_text(name);
    for (unsigned kind = DEFINITION_SEGMENT; c->v->find && kind <= DEFINITION_METRIC; kind++) {
        char message[2 * SHOWN_BYTES + 64];
        if (!c->v->find(c->v->context, (enum definition_kind)kind, name, &found))
            continue;
        (void)snprintf(message, sizeof message, forms[kind], shown.text, shown.text);
        return check_fail(c, node, "%s", message);
    }
    return true;
}

/* items.brand in a where over orders: items is one of the row's lists. */
static bool hint_item_path(struct check *c, const struct node *node) {
    char first[NAME_BYTES], rest[NAME_BYTES];
    if (!c->scope.row || c->scope.item || node->piece_count < 2)
        return true;
    struct slice list = check_join(node, 0, 1, first), field = check_join(node, 1, node->piece_count - 1, rest);
    const struct property *items = dictionary_property_find(c->v->dictionary, c->scope.row, list);
    if (!items || items->type != PROPERTY_ITEMS)
        return true;
    struct shown shown = quoted(list);
    return check_fail(c, node, "a row has many %s; write any(%s where %s ...)", shown.text, shown.text,
                      quoted(field).text);
}

/* Words of other languages for a value that is not there, and for yes and no. */
static bool hint_constant(struct check *c, const struct node *node, struct slice name) {
    static const char *const nothing[] = {"null", "none", "nil", "nan", "missing", "empty", "blank", "空"};
    static const char *const truth[] = {"yes", "no", "是", "否"};
    for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++)
        if (suggest_distance(name, slice_text(nothing[i]), 0) == 0)
            return check_fail(c, node, "%s is no value; ask whether there is one with is missing or is present",
                              check_shown_text(name).text);
    for (size_t i = 0; !c->beside_text && i < sizeof truth / sizeof *truth; i++)
        if (suggest_distance(name, slice_text(truth[i]), 0) == 0)
            return check_fail(c, node, "%s is no value; write true or false, or the condition alone",
                              check_shown_text(name).text);
    return true;
}

/* user_id: identifiers lead to a customer, and are no attributes. */
static bool hint_identifier(struct check *c, const struct node *node, struct slice name) {
    const struct namespace *found = dictionary_namespace_find(c->v->dictionary, name);
    if (!found || found->kind == NAMESPACE_DOCUMENT || c->scope.rows)
        return true;
    return check_fail(
        c, node,
        "%s is an identifier, which leads to one customer, and no attribute; put a list of them into a segment "
        "of kind upload",
        check_shown_text(name).text);
}

/* "there is no attribute "x"" or "order has no field "x", nor the customer an attribute". */
static struct shown not_found(const struct check *c, const struct node *node) {
    struct shown said;
    const struct type *type = c->scope.item ? c->scope.item : c->scope.row;
    if (!c->scope.rows)
        (void)snprintf(said.text, sizeof said.text, "there is no attribute \"%s\"", check_shown(node).text);
    else
        (void)snprintf(said.text, sizeof said.text, "\"%s\" is no field of %s, nor an attribute",
                       check_shown(node).text, type ? type_shown(c, type).text : "any event");
    return said;
}

bool check_unknown_name(struct check *c, const struct node *node) {
    char joined[NAME_BYTES];
    struct slice name = check_join(node, 0, node->piece_count, joined);
    if (name.size == 0)
        return check_fail(c, node, "no name is as long as this one");
    if (!hint_item_path(c, node) || !hint_path(c, node) || !hint_master(c, node) || !hint_type(c, node, name) ||
        !hint_definition(c, node, name) || !hint_constant(c, node, name) || !hint_identifier(c, node, name))
        return false;
    static const struct slice customer = {"customer.", 9};
    if (slice_starts(name, customer))
        name = slice_of(name.data + customer.size, name.size - customer.size);
    struct suggestion near = suggestion_of(name);
    offer_fields(&near, c->scope.item);
    offer_fields(&near, c->scope.row);
    offer_system(&near, &c->scope);
    offer_fields(&near, dictionary_type_at(c->v->dictionary, DICTIONARY_CUSTOMER));
    if (near.distance > 1 && (!hint_system(c, node, name) || !hint_items(c, node, name)))
        return false;
    if (near.best.size && !(c->beside_text && near.distance > 1))
        return check_fail(c, node, "%s; did you mean \"%s\"?", not_found(c, node).text, quoted(near.best).text);
    if (c->beside_text)
        return check_fail(c, node, "%s; a text stands in quotes: \"%s\"", not_found(c, node).text,
                          check_shown_text(name).text);
    if (!hint_field_of(c, node, name))
        return false;
    return check_fail(c, node, "%s", not_found(c, node).text);
}

bool check_unknown_field(struct check *c, const struct node *node, const struct type *type, struct slice field) {
    struct suggestion near = suggestion_of(field);
    struct scope row = {.row = type, .rows = check_has_rows(type)};
    offer_fields(&near, type);
    offer_system(&near, &row);
    if (slice_is(field, "products") && dictionary_property_find(c->v->dictionary, type, SLICE("items")))
        near.best = SLICE("items"); /* which the tracking API calls an order's products */
    if (near.best.size)
        return check_fail(c, node, "%s has no field \"%s\"; did you mean \"%s\"?", type_shown(c, type).text,
                          check_shown_text(field).text, quoted(near.best).text);
    return check_fail(c, node, "%s has no field \"%s\"", type_shown(c, type).text, check_shown_text(field).text);
}

/* --- sources --- */

/* An attribute, or master data, where rows are asked for. */
static bool hint_no_rows(struct check *c, const struct node *source, struct slice name) {
    const struct dictionary *d = c->v->dictionary;
    const struct type *customer = dictionary_type_at(d, DICTIONARY_CUSTOMER);
    if (dictionary_property_find(d, customer, name))
        return check_fail(c, source,
                          "%s is an attribute of the customer, of which there is one; use it without the aggregate",
                          check_shown(source).text);
    if (dictionary_type_find(d, TYPE_MASTER, name))
        return check_fail(c, source,
                          "%s is master data; customers have no rows of it. Ask for rows that carry its id, such as "
                          "order where %s_id = ...",
                          check_shown(source).text, check_shown(source).text);
    return true;
}

bool check_unknown_source(struct check *c, const struct node *source) {
    const struct dictionary *d = c->v->dictionary;
    char joined[NAME_BYTES];
    bool both;
    struct slice name = check_join(source, 0, source->piece_count, joined);
    if (name.size == 0)
        return check_fail(c, source,
                          "an aggregate begins with what it is about: order, product_viewed, order.items ...");
    for (uint32_t count = source->piece_count - 1; count; count--) {
        const struct type *type = check_type(c, check_join(source, 0, count, joined), true, &both);
        if (!type)
            continue;
        const struct property *items = dictionary_property_find(d, type, check_join(source, count, 1, joined));
        if (items && items->type == PROPERTY_ITEMS && count + 1 < source->piece_count)
            return check_unknown_field(c, source, dictionary_type_at(d, items->item_type),
                                       check_join(source, count + 1, source->piece_count - count - 1, joined));
        return check_unknown_field(c, source, type, check_join(source, count, source->piece_count - count, joined));
    }
    name = check_join(source, 0, source->piece_count, joined);
    if (!hint_no_rows(c, source, name) || !hint_field_of(c, source, name))
        return false;
    struct suggestion near = suggestion_of(name);
    struct shown best;
    struct shown shown = check_shown_text(name);
    if (offer_types(c, &near, &best))
        return check_fail(c, source, "there are no events, documents or relations called \"%s\"; did you mean \"%s\"?",
                          shown.text, best.text);
    return check_fail(c, source, "there are no events, documents or relations called \"%s\"", shown.text);
}

/* --- definitions --- */

static void offer_name(void *to, struct slice name) { suggestion_offer(to, name); }

bool check_unknown_definition(struct check *c, const struct node *node, enum definition_kind kind, struct slice name) {
    static const char *const words[] = {
        [DEFINITION_SEGMENT] = "segment", [DEFINITION_TAG] = "tag", [DEFINITION_METRIC] = "metric"};
    struct suggestion near = suggestion_of(name);
    struct shown shown = check_shown_text(name);
    if (c->v->each)
        c->v->each(c->v->context, kind, offer_name, &near);
    if (near.best.size)
        return check_fail(c, node, "there is no %s \"%s\"; did you mean \"%s\"?", words[kind], shown.text,
                          check_shown_text(near.best).text);
    return check_fail(c, node, "there is no %s \"%s\"", words[kind], shown.text);
}
