/* check_rows: aggregates, their windows, and sequences: what takes a customer's rows to a value.
 *
 * A where sees the row (and item) it is about. An aggregate inside it is about the customer again, not about the row: it sees neither
 * that row nor, in its window, the row's time; so its value is one for the customer and is found once. The exception is the row's own
 * items (any(items where ...) in a where over orders). In a relation's where the customer is the one at the other end. */
#include "language/check_inside.h"

#include <assert.h>

/* --- windows --- */

static unsigned moments_of(enum window_kind kind) {
    switch (kind) {
    case WINDOW_FROM_TO:
        return 2;
    case WINDOW_SINCE:
    case WINDOW_BEFORE:
    case WINDOW_ON:
    case WINDOW_AFTER:
    case WINDOW_SPAN_AFTER:
    case WINDOW_SPAN_BEFORE:
        return 1;
    default:
        return 0;
    }
}

static bool fail_backwards(struct check *c, const struct node *window) {
    const struct node *from = window->first, *to = from->next;
    if (window->window_kind != WINDOW_FROM_TO || from->kind != NODE_LITERAL || to->kind != NODE_LITERAL ||
        from->type != to->type || from->integer < to->integer)
        return true;
    return check_fail(
        c, to, "this window ends before it begins: write the earlier moment first, and the first one that is out last");
}

static bool check_window(struct check *c, struct node *window) {
    if (!window)
        return true;
    bool amount = window->window_kind == WINDOW_ROLLING || window->window_kind == WINDOW_SPAN_AFTER ||
                  window->window_kind == WINDOW_SPAN_BEFORE;
    unsigned wanted = moments_of((enum window_kind)window->window_kind), count = 0;
    if (window->kind != NODE_WINDOW || window->window_kind == WINDOW_NONE)
        return check_fail(c, window, "a window is asked for here, such as last 30 days");
    if (amount && !check_duration(c, window, false))
        return false;
    for (struct node *n = window->first; n; n = n->next, count++)
        if (!check_moment(c, n, "a window"))
            return false;
    if (count != wanted)
        return check_fail(c, window, "this window takes %u moment%s", wanted, wanted == 1 ? "" : "s");
    if (window->window_kind == WINDOW_ON && window->first->type != TERM_DATE)
        return check_fail(c, window->first, "on takes a date; %s is a time. Write on date(%s)",
                          check_shown(window->first).text, check_shown(window->first).text);
    return count < 2 || fail_backwards(c, window);
}

/* --- rows --- */

struct scope check_scope_of(const struct check *c, const struct source_reference *from) {
    const struct dictionary *d = c->v->dictionary;
    struct scope scope = {.rows = true, .related = c->scope.related || from->kind == SOURCE_RELATION};
    if (from->kind == SOURCE_ROW_ITEMS)
        scope.row = c->scope.row;
    else if (from->kind != SOURCE_ANY_EVENT)
        scope.row = dictionary_type_at(d, from->type);
    if (from->items)
        scope.item = dictionary_type_at(d, from->item_type);
    return scope;
}

static bool check_where(struct check *c, struct node *node, const struct scope *rows) {
    if (!node->where)
        return true;
    struct scope outer = c->scope;
    uint64_t before = c->cost;
    c->scope = *rows;
    if (!check_condition(c, node->where, "where"))
        return false;
    c->scope = outer;
    return check_spend(c, node, (NEST_COST - 1) * (c->cost - before));
}

/* --- aggregates --- */

static const char *value_type_name(const struct reference *value) {
    struct node node = {.type = (uint8_t)check_type_of(value->property_type),
                        .money = value->property_type == PROPERTY_MONEY};
    return check_phrase(&node);
}

/* A field of these rows that the aggregate could take; "field" where there is none. */
static struct slice field_for(const struct check *c, const struct node *node) {
    struct scope rows = check_scope_of(c, &node->source->from);
    const struct type *type = rows.item ? rows.item : rows.row;
    bool text = node->op == OP_TOP || node->op == OP_DISTINCT || node->op == OP_DISTRIBUTION;
    for (uint32_t i = 1; type && i <= type->property_count; i++) {
        const struct property *property = dictionary_property_at(type, (uint16_t)i);
        enum term_type is = property ? check_type_of(property->type) : TERM_NONE;
        if (is == (text ? TERM_TEXT : TERM_NUMBER))
            return property->name;
    }
    return SLICE("field");
}

static bool fail_no_value(struct check *c, const struct node *node) {
    struct shown shown = check_shown(node->source);
    if (node->source->any_event)
        return check_fail(c, node,
                          "%s needs a field, and events of any type have none in common; count them with "
                          "count(any event)",
                          check_word(node));
    return check_fail(c, node, "%s needs a field, such as %s(%s.%s); the rows themselves are counted with count(%s)",
                      check_word(node), check_word(node), shown.text, check_shown_text(field_for(c, node)).text,
                      shown.text);
}

/* sum, avg, median; min, max also of times. */
static bool check_measure(struct check *c, struct node *node) {
    const struct reference *value = &node->source->from.value;
    enum term_type type = check_type_of(value->property_type);
    bool ordered = node->op == OP_MIN || node->op == OP_MAX;
    const struct shown shown = check_shown(node->source);
    if (value->kind == REFERENCE_NONE)
        return fail_no_value(c, node);
    if (type != TERM_NUMBER && !(ordered && (type == TERM_TIME || type == TERM_DATE)))
        return check_fail(
            c, node,
            "%s needs a number%s; %s is %s. Count it with count(%s), or its different values with distinct(%s)",
            check_word(node), ordered ? ", a time or a date" : "", shown.text, value_type_name(value), shown.text,
            shown.text);
    node->type = (uint8_t)type;
    return true;
}

/* distinct, top, distribution. */
static bool check_values(struct check *c, struct node *node) {
    const struct reference *value = &node->source->from.value;
    enum term_type type = check_type_of(value->property_type);
    bool simple = type == TERM_TEXT || type == TERM_NUMBER || type == TERM_DATE;
    if (value->kind == REFERENCE_NONE)
        return fail_no_value(c, node);
    if (node->op == OP_DISTINCT)
        simple = simple || type == TERM_TIME || type == TERM_BOOL;
    if (node->op == OP_DISTRIBUTION)
        simple = simple || type == TERM_BOOL;
    if (!simple)
        return check_fail(c, node, "%s needs %s; %s is %s", check_word(node),
                          node->op == OP_DISTINCT ? "a single value" : "a text, a number or a date",
                          check_shown(node->source).text, value_type_name(value));
    node->type = node->op == OP_DISTINCT ? TERM_NUMBER : node->op == OP_TOP ? (uint8_t)type : TERM_DISTRIBUTION;
    return true;
}

/* any, none, share, distinct days: rows, without a field. */
static bool check_rows_only(struct check *c, struct node *node) {
    if (node->source->from.value.kind != REFERENCE_NONE)
        return check_fail(c, node->source,
                          "%s is about rows, not about a field; write the field as a condition: where %s is present",
                          check_word(node), check_shown(node->source).text);
    if (node->op == OP_SHARE && !node->where)
        return check_fail(c, node,
                          "share needs a where: the part of the rows for which it is true, such as share(%s where ...)",
                          check_shown(node->source).text);
    node->type = node->op == OP_ANY || node->op == OP_NONE ? TERM_BOOL : TERM_NUMBER;
    return true;
}

/* first(order), first(order.total), first(order).total. */
static bool check_end(struct check *c, struct node *node, const struct scope *rows, struct term *term) {
    const struct reference *value = &node->source->from.value;
    if (node->piece_count == 0) {
        node->type = value->kind == REFERENCE_NONE ? TERM_TIME : (uint8_t)check_type_of(value->property_type);
        node->money = value->kind != REFERENCE_NONE && value->property_type == PROPERTY_MONEY;
        return true;
    }
    if (value->kind != REFERENCE_NONE)
        return check_fail(c, node, "%s of a field is a value already and has no fields; write %s(%s) or %s(rows).field",
                          check_word(node), check_word(node), check_shown(node->source).text, check_word(node));
    return check_row_field(c, node, rows, term);
}

static bool is_end(const struct node *node) { return node->op == OP_FIRST || node->op == OP_LAST; }

static bool aggregate_type(struct check *c, struct node *node, const struct scope *rows, struct term *term) {
    const struct reference *value = &node->source->from.value;
    switch (node->op) {
    case OP_COUNT:
        node->type = TERM_NUMBER;
        return true;
    case OP_SUM:
    case OP_AVG:
    case OP_MEDIAN:
    case OP_MIN:
    case OP_MAX:
        node->money = value->property_type == PROPERTY_MONEY && value->kind != REFERENCE_NONE;
        return check_measure(c, node);
    case OP_TOP:
        node->money = value->property_type == PROPERTY_MONEY && value->kind != REFERENCE_NONE;
        return check_values(c, node);
    case OP_DISTINCT:
    case OP_DISTRIBUTION:
        return check_values(c, node);
    case OP_FIRST:
    case OP_LAST:
        return check_end(c, node, rows, term);
    default:
        return check_rows_only(c, node);
    }
}

/* Whose values the aggregate gives: those it picks out keep their meaning (ids stay ids), what it computes has none. */
static struct term term_given(const struct node *node, const struct term *value, const struct term *end) {
    if (node->piece_count)
        return *end;
    bool picks = is_end(node) || node->op == OP_TOP || node->op == OP_MIN || node->op == OP_MAX;
    return picks ? *value : (struct term){0};
}

static bool check_row_items(struct check *c, struct node *node) {
    if (node->source->from.kind == SOURCE_ROW_ITEMS && node->window)
        return check_fail(c, node->window,
                          "the items of a row have the row's time; put the window on the outer aggregate");
    return true;
}

bool check_aggregate(struct check *c, struct node *node, struct term *term) {
    struct term value, end = {0};
    if (node->op == OP_NOTHING || node->op >= OP_COUNT_ || operator_row((enum op)node->op)->form != FORM_AGGREGATE ||
        !node->source || node->source->kind != NODE_SOURCE)
        return check_fail(c, node, "an aggregate is asked for here, such as count(order)");
    if (node->piece_count && !is_end(node))
        return check_fail(c, node,
                          "%s(...) is one value and has no fields; only first(...) and last(...) lead to a row's",
                          check_word(node));
    if (!check_spend(c, node, 1) || !check_source(c, node->source, &value))
        return false;
    struct scope rows = check_scope_of(c, &node->source->from), outer = c->scope;
    if (!aggregate_type(c, node, &rows, &end) || !check_where(c, node, &rows) || !check_row_items(c, node))
        return false;
    c->scope = (struct scope){.related = outer.related};
    bool good = check_window(c, node->window);
    c->scope = outer;
    *term = term_given(node, &value, &end);
    return good;
}

/* --- sequences --- */

static bool check_step(struct check *c, struct node *step) {
    struct term value;
    if (step->kind != NODE_STEP || !step->source || step->source->kind != NODE_SOURCE)
        return check_fail(c, step, "a step is asked for here, such as product_viewed");
    if (!check_spend(c, step, 1) || !check_source(c, step->source, &value))
        return false;
    const struct source_reference *from = &step->source->from;
    if (from->value.kind != REFERENCE_NONE || from->items || from->kind == SOURCE_ROW_ITEMS)
        return check_fail(c, step->source,
                          "a step is an event or a document, not a field or item of it; write the row and what is "
                          "asked of it in a where");
    if (from->kind == SOURCE_RELATION)
        return check_fail(c, step->source, "a step is an event or a document; %s is a relation",
                          check_shown(step->source).text);
    struct scope rows = check_scope_of(c, from);
    return check_where(c, step, &rows) && (!step->within || check_duration(c, step->within, false));
}

/* Where absences and limits may stand. */
static bool check_order(struct check *c, const struct node *node) {
    bool limited = false;
    const struct node *before = NULL;
    if (node->first->negated)
        return check_fail(c, node->first, "a sequence begins with something that happens, not with an absence");
    if (node->first->within)
        return check_fail(c, node->first->within, "the first step has none before it to be within %s of",
                          check_shown(node->first->within).text);
    for (const struct node *step = node->first; step; before = step, step = step->next) {
        if (step->negated && step->within && step->next)
            return check_fail(
                c, step->within,
                "an absence between two steps lasts from one to the other; put the within on the step after it");
        if (step->negated && !step->next && before->negated)
            return check_fail(c, step, "after the last thing that happens one absence may stand, not two");
        limited = limited || (step->within && !step->negated);
    }
    if (node->within && limited)
        return check_fail(c, node->within, "limit either each step or the whole sequence; here both have a within");
    return true;
}

bool check_sequence(struct check *c, struct node *node) {
    if ((node->op != OP_SEQUENCE && node->op != OP_STEPS) || !node->first)
        return check_fail(c, node, "a sequence is asked for here, such as sequence(product_viewed -> order)");
    size_t count = 0;
    for (struct node *step = node->first; step; step = step->next) {
        if (++count > operator_row((enum op)node->op)->most)
            return check_fail(c, step, "a sequence has at most %u steps",
                              (unsigned)operator_row((enum op)node->op)->most);
        if (!check_step(c, step))
            return false;
    }
    if (!check_order(c, node) || (node->within && !check_duration(c, node->within, false)))
        return false;
    struct scope outer = c->scope;
    c->scope = (struct scope){.related = outer.related};
    bool good = check_window(c, node->window);
    c->scope = outer;
    node->type = node->op == OP_SEQUENCE ? TERM_BOOL : TERM_NUMBER;
    return good;
}
