/* check: the way into the checker, its errors, and definitions put in place. See check.h for the contract, check_inside.h for the parts.
 *
 * One pass down the tree finds names, then types on the way back up; the first fault ends it. Names of master data are looked up at
 * the end, all literals of a type in one walk over it, so that a thousand of them cost one.
 *
 * Definitions are not copied into the tree: a node points to the definition's own checked tree. What would come of putting them in place
 * is counted by walking those trees once each (their costs are remembered by pointer); the same walk finds circles: a definition
 * that leads to itself, or to the one being checked (vocabulary.self). */
#include "language/check_inside.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "govern/normalise.h"

/* The character, from 1, at byte `at`. */
static uint32_t character_at(struct slice text, uint32_t at) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < at && i < text.size; i++)
        count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return count;
}

/* --- places in JSON: the path that tree_write_json would give a node --- */

static bool path_to(const struct node *from, const struct node *at, struct buffer *path);

static bool path_by(const char *key, const struct node *child, const struct node *at, struct buffer *path) {
    size_t before = path->size;
    if (!child)
        return false;
    buffer_print(path, "/%s", key);
    if (path_to(child, at, path))
        return true;
    path->size = before;
    return false;
}

static const char *moment_key(const struct node *window, bool second) {
    switch (window->window_kind) {
    case WINDOW_SINCE:
        return "since";
    case WINDOW_FROM_TO:
        return second ? "to" : "from";
    case WINDOW_ON:
        return "on";
    case WINDOW_BEFORE:
    case WINDOW_SPAN_BEFORE:
        return "before";
    default:
        return "after";
    }
}

static bool path_to(const struct node *from, const struct node *at, struct buffer *path) {
    char key[24];
    size_t i = 0;
    if (from == at)
        return true;
    for (const struct node *n = from->first; n; n = n->next, i++) {
        if (from->kind == NODE_WINDOW)
            (void)snprintf(key, sizeof key, "%s", moment_key(from, i != 0));
        else
            (void)snprintf(key, sizeof key, "%s/%zu", from->kind == NODE_SEQUENCE ? "steps" : "of", i);
        if (path_by(key, n, at, path))
            return true;
    }
    return path_by("source", from->source, at, path) || path_by("where", from->where, at, path) ||
           path_by("window", from->window, at, path) || path_by("within", from->within, at, path);
}

/* --- errors --- */

static bool fail_va(struct check *c, enum status status, const struct node *at, const char *format, va_list args) {
    char message[sizeof c->fault->text];
    assert(status != STATUS_OK);
    vsnprintf(message, sizeof message, format, args);
    c->status = status;
    if (c->place)
        *c->place = at->place;
    struct buffer path = {0};
    if (c->text.size)
        buffer_print(&path, "%u", character_at(c->text, at->place));
    else if (c->root && c->root->end == 0 && !path_to(c->root, at, &path))
        buffer_add_char(&path, '/');
    else if (c->root == at && c->root->end == 0)
        buffer_add_char(&path, '/');
    if (path.size)
        (void)fault_set(c->fault, status, "at %.*s: %s", path.size > 200 ? 200 : (int)path.size, path.data, message);
    else
        (void)fault_set(c->fault, status, "%s", message);
    buffer_release(&path);
    return false;
}

bool check_fail(struct check *c, const struct node *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_va(c, STATUS_INVALID, at, format, args);
    va_end(args);
    return false;
}

bool check_fail_as(struct check *c, enum status status, const struct node *at, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_va(c, status, at, format, args);
    va_end(args);
    return false;
}

struct shown check_shown_text(struct slice text) {
    struct shown shown;
    size_t size = text.size, most = SHOWN_BYTES;
    if (size > most) {
        size = most - 3;
        while (size && ((unsigned char)text.data[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(shown.text, text.data ? text.data : "", size);
    memcpy(shown.text + size, size < text.size ? "..." : "", size < text.size ? 4 : 1);
    return shown;
}

struct shown check_shown(const struct node *node) {
    struct buffer text = {0};
    tree_format(node, &text);
    struct shown shown = check_shown_text(buffer_slice(&text));
    buffer_release(&text);
    return shown;
}

/* --- cost --- */

bool check_spend(struct check *c, const struct node *at, uint64_t cost) {
    c->cost += cost;
    if (c->cost <= CHECK_COST_MAX)
        return true;
    return check_fail_as(
        c, STATUS_TOO_LARGE, at,
        "this would take too long: more than %u aggregates, counting those of segments and metrics in it, "
        "those inside a where %u times, and two texts joined as %u; split it, or ask for less",
        CHECK_COST_MAX, NEST_COST, JOIN_COST);
}

static uint64_t add_cost(uint64_t a, uint64_t b) { return a + b > CHECK_COST_MAX + 1 ? CHECK_COST_MAX + 1 : a + b; }

/* --- definitions: a walk through their trees --- */

/* The definitions between the one being checked and the node in hand. */
struct path {
    const struct path *outer;
    const struct node *expression;
    enum definition_kind kind;
    struct slice name;
    unsigned depth;
};

static bool definition_kind_of(const struct node *node, enum definition_kind *kind) {
    *kind = node->op == OP_IN_SEGMENT ? DEFINITION_SEGMENT : node->op == OP_METRIC ? DEFINITION_METRIC : DEFINITION_TAG;
    return node->kind == NODE_CALL &&
           (node->op == OP_IN_SEGMENT || node->op == OP_METRIC || node->op == OP_TAG || node->op == OP_HAS_TAG);
}

static struct slice definition_name(const struct node *node) {
    return node->first && check_is_text(node->first) ? node->first->text : SLICE_NONE;
}

/* "a" -> "b" -> "a", from the one that comes again down to the node in hand. */
static bool fail_circle(struct check *c, const struct node *at, const struct path *path, const struct path *again,
                        struct slice name) {
    struct slice names[CHECK_DEFINITIONS_MAX + 2];
    size_t count = 0;
    for (const struct path *p = path; p; p = p->outer) {
        assert(count < CHECK_DEFINITIONS_MAX + 1);
        names[count++] = p->name;
        if (p == again)
            break;
    }
    struct buffer circle = {0};
    for (size_t i = count; i; i--)
        buffer_print(&circle, "\"%s\" -> ", check_shown_text(names[i - 1]).text);
    buffer_print(&circle, "\"%s\"", check_shown_text(name).text);
    check_fail_as(c, STATUS_CONFLICT, at, "a definition cannot contain itself: %.*s", SLICE_ARG(buffer_slice(&circle)));
    buffer_release(&circle);
    return false;
}

static struct known_cost **known_at(struct check *c, const struct node *expression) {
    struct known_cost **at = &c->known[((uintptr_t)expression >> 4) % KNOWN_BUCKETS];
    while (*at && (*at)->expression != expression)
        at = &(*at)->next;
    return at;
}

struct walk {
    uint64_t cost;
    unsigned depth; /* of definitions below */
    bool related;   /* it asks for a relation */
};

static bool walk_tree(struct check *c, const struct node *at, const struct node *node, const struct path *path,
                      struct walk *out);

static bool walk_list(struct check *c, const struct node *at, const struct node *first, const struct path *path,
                      struct walk *out) {
    for (const struct node *n = first; n; n = n->next)
        if (!walk_tree(c, at, n, path, out))
            return false;
    return true;
}

/* A definition met in another's tree, or in the one being checked. */
static bool walk_definition(struct check *c, const struct node *at, const struct node *expression,
                            enum definition_kind kind, struct slice name, const struct path *path, struct walk *out) {
    for (const struct path *p = path; p; p = p->outer)
        if ((p->expression && p->expression == expression) || (p->kind == kind && slice_equal(p->name, name)))
            return fail_circle(c, at, path, p, name);
    if (!expression)
        return true;
    struct known_cost **known = known_at(c, expression);
    if (!*known) {
        struct path here = {path, expression, kind, name, path ? path->depth + 1 : 1};
        struct walk inside = {0};
        if (here.depth > CHECK_DEFINITIONS_MAX)
            return check_fail_as(c, STATUS_TOO_LARGE, at, "this goes through more than %u definitions in a row",
                                 CHECK_DEFINITIONS_MAX);
        if (!walk_tree(c, at, expression, &here, &inside))
            return false;
        known = known_at(c, expression); /* the walk may have added others */
        *known = arena_get(&c->scratch->arena, sizeof **known);
        **known = (struct known_cost){NULL, expression, inside.cost, inside.depth, inside.related};
    }
    if ((path ? path->depth : 0) + 1 + (*known)->depth > CHECK_DEFINITIONS_MAX)
        return check_fail_as(c, STATUS_TOO_LARGE, at, "this goes through more than %u definitions in a row",
                             CHECK_DEFINITIONS_MAX);
    out->cost = add_cost(out->cost, (*known)->cost);
    out->related = out->related || (*known)->related;
    out->depth = out->depth > (*known)->depth + 1 ? out->depth : (*known)->depth + 1;
    return true;
}

static bool fail_hops(struct check *c, const struct node *at, struct slice name) {
    return check_fail(c, at, "relations go one hop; \"%s\" asks for one itself", check_shown_text(name).text);
}

/* What stands in a where counts NEST_COST times. */
static bool walk_where(struct check *c, const struct node *at, const struct node *node, const struct path *path,
                       struct walk *out) {
    struct walk where = {0};
    bool relation = node->source && node->source->from.kind == SOURCE_RELATION;
    if (node->where && !walk_tree(c, at, node->where, path, &where))
        return false;
    if (relation && where.related)
        return fail_hops(c, at, path ? path->name : SLICE_NONE);
    out->related = out->related || relation || where.related;
    out->cost = add_cost(out->cost, 1 + NEST_COST * where.cost);
    out->depth = out->depth > where.depth ? out->depth : where.depth;
    return true;
}

static bool walk_tree(struct check *c, const struct node *at, const struct node *node, const struct path *path,
                      struct walk *out) {
    enum definition_kind kind;
    if (definition_kind_of(node, &kind))
        return walk_definition(c, at, node->definition, kind, definition_name(node), path, out);
    if ((node->kind == NODE_AGGREGATE || node->kind == NODE_STEP) && !walk_where(c, at, node, path, out))
        return false;
    if (node->window && !walk_list(c, at, node->window->first, path, out))
        return false;
    if (node->kind == NODE_CALL && node->op == OP_ADD && node->type == TERM_TEXT)
        out->cost = add_cost(out->cost, JOIN_COST);
    return walk_list(c, at, node->first, path, out);
}

/* --- definitions: the node that names one --- */

static enum term_type term_of_attribute(const struct check *c, struct node *node, uint16_t number, struct term *term) {
    const struct type *customer = dictionary_type_at(c->v->dictionary, DICTIONARY_CUSTOMER);
    const struct property *property = dictionary_property_at(customer, number);
    if (!property)
        return TERM_NONE;
    node->reference =
        (struct reference){.kind = REFERENCE_PROPERTY, .property = number, .property_type = (uint8_t)property->type};
    node->money = property->type == PROPERTY_MONEY;
    *term = (struct term){.owner = customer, .property = property};
    return check_type_of(property->type);
}

static bool check_score(struct check *c, struct node *node, struct slice name, struct term *term) {
    char joined[NAME_BYTES];
    const struct type *customer = dictionary_type_at(c->v->dictionary, DICTIONARY_CUSTOMER);
    int size = snprintf(joined, sizeof joined, "score.%.*s", SLICE_ARG(name));
    const struct property *property =
        size > 0 && (size_t)size < sizeof joined
            ? dictionary_property_find(c->v->dictionary, customer, slice_of(joined, (size_t)size))
            : NULL;
    if (!property)
        return check_fail(c, node->first,
                          "there is no score \"%s\"; models write their scores into attributes called score.<name>",
                          check_shown_text(name).text);
    node->type = (uint8_t)term_of_attribute(c, node, property->number, term);
    if (node->type != TERM_NUMBER)
        return check_fail(c, node->first, "the attribute score.%s is %s; a score is a number",
                          check_shown_text(name).text, check_phrase(node));
    return true;
}

static bool take_definition(struct check *c, struct node *node, const struct definition *found, struct slice name,
                            enum definition_kind kind, struct term *term) {
    struct path self = {.kind = c->v->self_kind, .name = c->v->self};
    struct walk walk = {0};
    if (!walk_definition(c, node, found->expression, kind, name, c->v->self.size ? &self : NULL, &walk) ||
        !check_spend(c, node, walk.cost))
        return false;
    if (c->scope.related && walk.related)
        return fail_hops(c, node, name);
    if (found->type == TERM_NONE)
        return check_fail(c, node, "\"%s\" has no value: its definition is not right any more",
                          check_shown_text(name).text);
    node->definition = found->expression;
    node->definition_number = found->number;
    node->type = (uint8_t)found->type;
    if (found->attribute)
        (void)term_of_attribute(c, node, found->attribute, term);
    else if (found->expression)
        node->money = found->expression->money;
    return true;
}

bool check_definition(struct check *c, struct node *node, struct term *term) {
    enum definition_kind kind;
    struct definition found = {0};
    struct slice name = definition_name(node);
    *term = (struct term){0};
    if (!node->first || !check_is_text(node->first) || node->first->next)
        return check_fail(c, node, "%s takes one name in quotes", operator_row(node->op)->word);
    if (!check_literal(c, node->first))
        return false;
    if (node->op == OP_SCORE)
        return check_score(c, node, name, term);
    bool known = definition_kind_of(node, &kind);
    assert(known);
    (void)known;
    if (c->v->self.size && kind == c->v->self_kind && slice_equal(name, c->v->self))
        return check_fail_as(c, STATUS_CONFLICT, node, "a definition cannot contain itself: \"%s\" -> \"%s\"",
                             check_shown_text(name).text, check_shown_text(name).text);
    if (!c->v->find || !c->v->find(c->v->context, kind, name, &found))
        return check_unknown_definition(c, node->first, kind, name);
    if (!take_definition(c, node, &found, name, kind, term))
        return false;
    if (node->op == OP_HAS_TAG || node->op == OP_IN_SEGMENT) {
        node->type = TERM_BOOL;
        node->money = false;
        *term = (struct term){0};
    }
    return true;
}

/* --- the way in --- */

static const char *wanted(enum term_type expected) {
    static const char *const names[] = {[TERM_BOOL] = "a condition",
                                        [TERM_NUMBER] = "a number",
                                        [TERM_TEXT] = "a text",
                                        [TERM_TIME] = "a time",
                                        [TERM_DATE] = "a date",
                                        [TERM_TEXT_LIST] = "a list of texts",
                                        [TERM_NUMBER_LIST] = "a list of numbers",
                                        [TERM_DISTRIBUTION] = "a distribution"};
    return (size_t)expected < sizeof names / sizeof *names && names[expected] ? names[expected] : "a value";
}

static bool check_expected(struct check *c, const struct node *root, enum term_type expected) {
    if (root->type == TERM_DURATION)
        return check_fail(c, root, "a duration alone is no value; write a moment such as %s ago",
                          check_shown(root).text);
    if (expected == TERM_NONE || root->type == expected)
        return true;
    if (expected != TERM_BOOL)
        return check_fail(c, root, "%s is asked for here; this is %s", wanted(expected), check_phrase(root));
    return check_fail(
        c, root,
        "a condition is asked for here, and %s is %s; compare it with something, or ask whether it \"is present\"",
        check_shown(root).text, check_phrase(root));
}

static enum status check_root(struct check *c, struct node *root, enum term_type expected) {
    struct term term;
    struct scratch scratch = {0};
    c->scratch = &scratch;
    c->top = true;
    c->root = root;
    bool good = check_node(c, root, &term) && check_expected(c, root, expected) && check_names_to_ids(c);
    assert(good == (c->status == STATUS_OK));
    arena_release(&scratch.arena);
    return c->status;
}

enum status check_tree(const struct vocabulary *vocabulary, struct node *root, enum term_type expected,
                       struct arena *arena, struct fault *fault, uint32_t *place) {
    struct check c = {.v = vocabulary, .arena = arena, .fault = fault, .place = place};
    return check_root(&c, root, expected);
}

enum status check_text(const struct vocabulary *vocabulary, struct slice text, enum term_type expected,
                       struct arena *arena, struct node **root, struct fault *fault, uint32_t *place) {
    uint32_t unused, *at = place ? place : &unused;
    struct check c = {.v = vocabulary, .arena = arena, .fault = fault, .place = place, .text = text};
    *at = UINT32_MAX;
    enum status status = tree_parse(text, arena, root, fault, at);
    if (status == STATUS_INVALID)
        check_blanks(vocabulary, text, at, fault);
    return status == STATUS_OK ? check_root(&c, *root, expected) : status;
}
