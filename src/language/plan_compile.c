/* plan_compile: from checked trees to nodes. Every expression stands in the highest frame it can be known in: a condition on the order
 * inside a `where` over its items is evaluated once an order, and then spread over them. */
#include <assert.h>

#include "language/plan_inside.h"

static uint32_t constant_number(struct plan *plan, enum term_type type, struct number number) {
    return plan_add(plan, &(struct plan_node){.kind = PLAN_CONSTANT, .type = (uint8_t)type, .number = number});
}

static uint32_t constant_text(struct plan *plan, struct slice text) {
    struct plan_node n = {.kind = PLAN_CONSTANT, .type = TERM_TEXT, .text = text.size ? text : slice_of("", 0)};
    return plan_add(plan, &n);
}

static uint32_t literal(struct plan *plan, const struct node *node) {
    switch (node->literal) {
    case VALUE_BOOL:
        return constant_number(plan, TERM_BOOL, number_whole(node->integer != 0));
    case VALUE_NUMBER:
        return constant_number(plan, TERM_NUMBER, number_reduced(number_decimal(node->integer, node->scale)));
    case VALUE_REAL:
        return constant_number(plan, TERM_NUMBER, number_of_real(node->real));
    case VALUE_TIME:
        return constant_number(plan, TERM_TIME, number_whole(node->integer));
    case VALUE_DATE:
        return constant_number(plan, TERM_DATE, number_whole(node->integer));
    default:
        assert(node->literal == VALUE_TEXT);
        return constant_text(plan, node->text);
    }
}

static uint32_t now(struct plan *plan, bool date) {
    return plan_add(
        plan,
        &(struct plan_node){.kind = date ? PLAN_TODAY : PLAN_NOW, .type = date ? TERM_DATE : TERM_TIME, .timed = true});
}

static uint32_t shift(struct plan *plan, uint32_t moment, int64_t amount, uint8_t unit) {
    struct plan_node n = {.kind = PLAN_SHIFT,
                          .type = TERM_TIME,
                          .frame = plan->nodes[moment].frame,
                          .unit = unit,
                          .amount = amount,
                          .children = &moment,
                          .child_count = 1};
    return plan_add(plan, &n);
}

static uint32_t duration(struct plan *plan, const struct node *node) {
    assert(node->ago);
    return shift(plan, now(plan, false), -node->amount, node->unit);
}

/* --- names --- */

static uint16_t frame_of_level(const struct plan *plan, const struct scope *scope, uint8_t level) {
    uint16_t frame = level == 0 ? FRAME_CUSTOMER : level == 1 ? scope->row : scope->item;
    assert(frame != FRAME_NONE && frame < plan->frame_count);
    return frame;
}

static uint32_t row_time(struct plan *plan, uint16_t frame) {
    if (plan->frames[frame].kind == FRAME_OF_ITEMS)
        frame = plan->frames[frame].above;
    return plan_add(plan, &(struct plan_node){.kind = PLAN_TIME, .type = TERM_TIME, .frame = frame});
}

static uint32_t event_name(struct plan *plan, uint16_t frame) {
    const struct plan_frame *f = &plan->frames[frame];
    if (f->form != ROWS_ANY_EVENT)
        return constant_text(plan, dictionary_type_at(plan->vocabulary->dictionary, f->type)->name);
    uint32_t number = plan_column(plan, frame, RANGE_TYPE, TERM_NUMBER);
    struct plan_node n = {.kind = PLAN_EVENT, .type = TERM_TEXT, .frame = frame, .children = &number, .child_count = 1};
    return plan_add(plan, &n);
}

static uint32_t system_field(struct plan *plan, uint8_t field, uint16_t frame) {
    if (plan->frames[frame].kind == FRAME_OF_ITEMS)
        frame = plan->frames[frame].above;
    bool updates = plan->frames[frame].form == ROWS_DOCUMENTS;
    switch (field) {
    case SYSTEM_RECEIVED:
        return plan_column(plan, frame, RANGE_RECEIVED, TERM_TIME);
    case SYSTEM_UPDATED:
        return updates ? plan_column(plan, frame, RANGE_UPDATED, TERM_TIME) : row_time(plan, frame);
    case SYSTEM_SOURCE:
        return plan_column(plan, frame, RANGE_SOURCE, TERM_NUMBER);
    case SYSTEM_EVENT:
        return event_name(plan, frame);
    default:
        return row_time(plan, frame);
    }
}

static uint16_t dictionary_type_of(const struct plan *plan, uint16_t frame) {
    return frame == FRAME_CUSTOMER ? DICTIONARY_CUSTOMER : plan->frames[frame].type;
}

static uint32_t master_field(struct plan *plan, const struct reference *r, uint16_t frame) {
    const struct type *type = dictionary_type_at(plan->vocabulary->dictionary, dictionary_type_of(plan, frame));
    const struct property *p = dictionary_property_at(type, r->property);
    uint32_t id = plan_column(plan, frame, r->property, p ? plan_term_of(p->type) : TERM_TEXT);
    uint8_t property_type = r->property_type;
    struct plan_node n = {.kind = PLAN_MASTER,
                          .type = (uint8_t)plan_term_of(property_type),
                          .frame = frame,
                          .children = &id,
                          .child_count = 1,
                          .lookup = plan_lookup(plan, r->master_type, r->master_property, property_type)};
    return plan_add(plan, &n);
}

static uint32_t reference(struct plan *plan, const struct reference *r, const struct scope *scope) {
    uint16_t frame = frame_of_level(plan, scope, r->level);
    switch (r->kind) {
    case REFERENCE_PROPERTY:
        return plan_column(plan, frame, r->property, plan_term_of(r->property_type));
    case REFERENCE_SYSTEM:
        return system_field(plan, r->system, frame);
    default:
        assert(r->kind == REFERENCE_MASTER);
        return master_field(plan, r, frame);
    }
}

/* --- calls --- */

static uint32_t call1(struct plan *plan, enum op op, enum term_type type, uint32_t child) {
    return plan_call(plan, op, type, &child, 1);
}

static uint32_t both(struct plan *plan, uint32_t a, uint32_t b) {
    if (a == NODE_NONE || b == NODE_NONE)
        return a == NODE_NONE ? b : a;
    return plan_call(plan, OP_AND, TERM_BOOL, (uint32_t[]){a, b}, 2);
}

static const struct scope customer_scope = {FRAME_NONE, FRAME_NONE, false};

/* Whether a distribution has anything in it: whether there is a row that it counts. */
static uint32_t distribution_present(struct plan *plan, uint32_t value) {
    struct plan_node n = plan->nodes[value];
    assert(n.kind == PLAN_AGGREGATE && n.op == OP_DISTRIBUTION && n.child_count == 3);
    n = (struct plan_node){.kind = PLAN_AGGREGATE,
                           .op = OP_ANY,
                           .type = TERM_BOOL,
                           .frame = n.frame,
                           .source = n.source,
                           .children = (uint32_t[]){n.children[0], NODE_NONE, NODE_NONE},
                           .child_count = 3};
    return plan_add(plan, &n);
}

static uint32_t named(struct plan *plan, const struct node *node) {
    uint32_t value;
    if (node->definition) {
        value = plan_compile(plan, node->definition, &customer_scope);
    } else if (node->reference.kind != REFERENCE_NONE) {
        value = reference(plan, &node->reference, &customer_scope);
    } else if (node->op == OP_IN_SEGMENT) {
        struct plan_node n = {
            .kind = PLAN_SET, .type = TERM_BOOL, .number = number_whole((int64_t)node->definition_number)};
        return plan_add(plan, &n);
    } else {
        value = constant_number(plan, TERM_NONE, number_whole(0));
    }
    bool condition = node->op == OP_IN_SEGMENT || node->op == OP_HAS_TAG;
    if (plan->too_large || !condition || plan->nodes[value].type == TERM_BOOL)
        return plan->too_large ? 0 : value;
    if (plan->nodes[value].type == TERM_DISTRIBUTION)
        return distribution_present(plan, value);
    return call1(plan, OP_IS_PRESENT, TERM_BOOL, value);
}

static bool is_length(const struct node *n) { return n && n->kind == NODE_DURATION && !n->ago; }

static uint32_t shifted(struct plan *plan, const struct node *node, const struct scope *scope) {
    const struct node *length = node->first->next, *moment = node->first;
    if (is_length(moment)) {
        length = moment;
        moment = node->first->next;
    }
    return shift(plan, plan_compile(plan, moment, scope), node->op == OP_SUBTRACT ? -length->amount : length->amount,
                 length->unit);
}

/* A condition on a field of master data with constants: which ids it holds for is known now. */
static uint32_t master_condition(struct plan *plan, enum op op, const uint32_t *children, uint32_t count) {
    const struct plan_node *left = &plan->nodes[children[0]];
    for (uint32_t i = 1; i < count; i++)
        if (plan->nodes[children[i]].kind != PLAN_CONSTANT)
            return NODE_NONE;
    if (left->kind != PLAN_MASTER || left->type == TERM_TIME || left->type == TERM_DATE || op < OP_EQUAL ||
        op > OP_MATCHES || op == OP_NOT_EQUAL || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL)
        return NODE_NONE;
    struct plan_node n = {.kind = PLAN_IN_MASTER,
                          .type = TERM_BOOL,
                          .frame = left->frame,
                          .children = left->children,
                          .child_count = 1,
                          .lookup = plan_lookup_condition(plan, left->lookup, op, children + 1, count - 1)};
    return plan_add(plan, &n);
}

static uint32_t call(struct plan *plan, const struct node *node, const struct scope *scope) {
    switch (node->op) {
    case OP_IN_SEGMENT:
    case OP_HAS_TAG:
    case OP_TAG:
    case OP_METRIC:
    case OP_SCORE:
        return named(plan, node);
    case OP_NOW:
    case OP_TODAY:
        return now(plan, node->op == OP_TODAY);
    default:
        break;
    }
    if (is_length(node->first) || (node->first && is_length(node->first->next)))
        return shifted(plan, node, scope);
    uint32_t count = 0, found;
    for (const struct node *c = node->first; c; c = c->next)
        count++;
    uint32_t *children = arena_get(&plan->arena, (count + 1) * sizeof *children);
    count = 0;
    for (const struct node *c = node->first; c; c = c->next)
        children[count++] = plan_compile(plan, c, scope);
    if (plan->too_large)
        return 0;
    if (count && (found = master_condition(plan, node->op, children, count)) != NODE_NONE)
        return found;
    if (node->op == OP_NOT_EQUAL) {
        if ((found = master_condition(plan, OP_EQUAL, children, count)) == NODE_NONE)
            found = plan_call(plan, OP_EQUAL, TERM_BOOL, children, count);
        return call1(plan, OP_NOT, TERM_BOOL, found);
    }
    return plan_call(plan, node->op, node->type, children, count);
}

/* --- aggregates --- */

/* What an aggregate takes its rows from. */
struct taken {
    uint16_t row, item; /* frames; item FRAME_NONE: the rows themselves */
    uint16_t out;       /* whose groups they are in */
};

static uint16_t source_frame(const struct taken *t) { return t->item != FRAME_NONE ? t->item : t->row; }

static struct taken take(struct plan *plan, const struct source_reference *from, const struct scope *scope) {
    struct taken t = {scope->row, FRAME_NONE, FRAME_CUSTOMER};
    if (from->kind == SOURCE_ROW_ITEMS) {
        t.out = scope->row;
        t.item = plan_items_frame(plan, scope->row, from->items, from->item_type ? from->item_type : from->type);
        return t;
    }
    enum rows_form form = from->kind == SOURCE_DOCUMENTS   ? ROWS_DOCUMENTS
                          : from->kind == SOURCE_RELATION  ? ROWS_RELATION
                          : from->kind == SOURCE_ANY_EVENT ? ROWS_ANY_EVENT
                                                           : ROWS_EVENTS;
    t.row = plan_rows_frame(plan, form, from->type);
    if (from->items)
        t.item = plan_items_frame(plan, t.row, from->items, from->item_type);
    return t;
}

/* The other end's own plan: `where` is about that customer. */
static struct plan *inner_plan(struct plan *plan, const struct node *where) {
    struct plan *inner = NULL;
    struct fault fault = {0};
    for (uint32_t i = 0; i < plan->inner_count; i++)
        if (plan->inner_trees[i] == where || tree_equal(plan->inner_trees[i], where))
            return plan->inners[i];
    if (plan_create(plan->vocabulary, &where, 1, &inner, &fault))
        return NULL;
    plan->inners = memory_resize(plan->inners, plan->inner_count + 1, sizeof *plan->inners);
    plan->inner_trees = memory_resize(plan->inner_trees, plan->inner_count + 1, sizeof(struct node *));
    plan->inner_trees[plan->inner_count] = where;
    plan->inners[plan->inner_count++] = inner;
    return inner;
}

/* What an expression inside a relation's `where` is about. */
enum about { ABOUT_EDGE = 1, ABOUT_END = 2 };

static unsigned about(const struct node *n) {
    unsigned found = 0;
    switch (n->kind) {
    case NODE_NAME:
        return n->reference.level ? ABOUT_EDGE : ABOUT_END;
    case NODE_AGGREGATE: /* of the other end's rows; windows know no rows around them */
    case NODE_SEQUENCE:
        return ABOUT_END;
    default:
        break;
    }
    bool of_customer = n->kind == NODE_CALL && (n->op == OP_IN_SEGMENT || (n->op >= OP_HAS_TAG && n->op <= OP_SCORE));
    for (const struct node *c = n->first; c; c = c->next)
        found |= about(c);
    return of_customer ? ABOUT_END : found;
}

/* A value of the customer at the edge's other end. */
static uint32_t target(struct plan *plan, const struct node *node, uint16_t frame) {
    struct plan *inner = inner_plan(plan, node);
    if (!inner) {
        plan->too_large = true;
        return 0;
    }
    uint32_t end = plan_column(plan, frame, RANGE_TARGET, TERM_NUMBER);
    struct plan_node n = {.kind = PLAN_TARGET,
                          .type = inner->nodes[inner->roots[0]].type,
                          .frame = frame,
                          .inner = inner,
                          .children = &end,
                          .child_count = 1,
                          .timed = plan_timed(inner, 0)};
    return plan_add(plan, &n);
}

struct moments {
    uint32_t nodes[2], count;
};

/* A window's moments are the customer's. */
static struct moments window_moments(struct plan *plan, const struct node *window) {
    struct moments m = {0};
    for (const struct node *c = window->first; c && m.count < 2; c = c->next) {
        m.nodes[m.count] = plan_compile(plan, c, &customer_scope);
        assert(plan->too_large || plan->nodes[m.nodes[m.count]].frame == FRAME_CUSTOMER);
        m.count++;
    }
    return m;
}

static struct plan_node window_node(const struct node *window, const struct moments *m, uint16_t frame) {
    return (struct plan_node){.kind = PLAN_WINDOW,
                              .type = TERM_BOOL,
                              .window_kind = window->window_kind,
                              .unit = window->unit,
                              .amount = window->amount,
                              .frame = frame,
                              .source = FRAME_CUSTOMER,
                              .children = (uint32_t *)m->nodes,
                              .child_count = m->count,
                              .timed = window_moves(window->window_kind)};
}

static uint32_t values_of(struct plan *plan, const struct node *node, const struct scope *inside, uint16_t frame) {
    if (node->op == OP_DISTINCT_DAYS)
        return plan_at(plan, call1(plan, OP_DATE, TERM_DATE, row_time(plan, frame)), frame);
    if (node->source->from.value.kind != REFERENCE_NONE)
        return plan_at(plan, reference(plan, &node->source->from.value, inside), frame);
    if (node->op != OP_FIRST && node->op != OP_LAST)
        return NODE_NONE;
    uint32_t value = node->piece_count ? reference(plan, &node->reference, inside) : row_time(plan, frame);
    return plan_at(plan, value, frame);
}

/* Rows that have such an item: what any and none over items are asked of, so that a window over rows is not spread over items. */
static uint32_t rows_with_items(struct plan *plan, const struct taken *t, uint32_t items) {
    struct plan_node n = {.kind = PLAN_AGGREGATE,
                          .op = OP_ANY,
                          .type = TERM_BOOL,
                          .frame = t->row,
                          .source = t->item,
                          .children = (uint32_t[]){items, NODE_NONE, NODE_NONE},
                          .child_count = 3};
    return plan_add(plan, &n);
}

static uint32_t aggregate(struct plan *plan, const struct node *node, const struct scope *scope) {
    struct taken t = take(plan, &node->source->from, scope);
    if (plan->too_large)
        return 0;
    const uint16_t frame = source_frame(&t);
    const struct scope inside = {t.row, t.item, node->source->from.kind == SOURCE_RELATION};
    struct moments m = {0};
    uint32_t window = NODE_NONE, rows = NODE_NONE, value = values_of(plan, node, &inside, frame);
    if (node->window && node->window->window_kind != WINDOW_NONE) {
        m = window_moments(plan, node->window);
        struct plan_node n = window_node(node->window, &m, t.row);
        window = plan_add(plan, &n);
    }
    if (node->where)
        rows = plan_compile(plan, node->where, &inside);
    if (plan->too_large)
        return 0;
    rows = plan_at(plan, rows, frame);
    bool needs_value =
        value != NODE_NONE && node->op != OP_DISTINCT_DAYS && node->source->from.value.kind != REFERENCE_NONE;
    bool by_rows = window != NODE_NONE && t.item != FRAME_NONE && t.out == FRAME_CUSTOMER &&
                   (node->op == OP_ANY || node->op == OP_NONE);
    const uint16_t counted = by_rows ? t.row : frame;
    window = plan_at(plan, window, counted);
    uint32_t present = needs_value ? plan_at(plan, call1(plan, OP_IS_PRESENT, TERM_BOOL, value), frame) : NODE_NONE;
    if (by_rows)
        rows = both(plan, rows_with_items(plan, &t, both(plan, rows, present)), window);
    else
        rows = both(plan, both(plan, rows, window), present);
    uint32_t children[3] = {plan_at(plan, rows, counted), value, window};
    if (node->op == OP_COUNT || node->op == OP_ANY || node->op == OP_NONE || node->op == OP_SHARE)
        children[1] = NODE_NONE;
    if (node->op != OP_SHARE)
        children[2] = NODE_NONE;
    struct plan_node n = {.kind = PLAN_AGGREGATE,
                          .op = node->op == OP_DISTINCT_DAYS ? OP_DISTINCT : node->op,
                          .type = node->type,
                          .frame = t.out,
                          .source = counted,
                          .children = children,
                          .child_count = 3};
    return plan_add(plan, &n);
}

/* A set of rows: what any(...) of it would look at, and values beside it. */
void plan_compile_rows(struct plan *plan, const struct rows_root *root, struct plan_rows *out) {
    const struct scope none = {FRAME_NONE, FRAME_NONE, false};
    const struct node *any = root->any;
    struct taken t = take(plan, &any->source->from, &none);
    const uint16_t frame = source_frame(&t);
    const struct scope inside = {t.row, t.item, false};
    uint32_t bits = NODE_NONE;
    *out = (struct plan_rows){.row = t.row, .frame = frame, .bits = NODE_NONE, .value_count = root->value_count};
    out->values = arena_get(&plan->arena, (root->value_count + 1) * sizeof *out->values);
    if (any->window && any->window->window_kind != WINDOW_NONE) {
        struct moments m = window_moments(plan, any->window);
        struct plan_node n = window_node(any->window, &m, t.row);
        bits = plan_add(plan, &n);
    }
    if (any->where && !plan->too_large)
        bits = both(plan, bits, plan_compile(plan, any->where, &inside));
    if (plan->too_large)
        return;
    out->bits = plan_at(plan, bits, frame);
    out->time = plan_at(plan, row_time(plan, frame), frame);
    out->position = plan_column(plan, t.row, RANGE_POSITION, TERM_NUMBER);
    for (uint32_t i = 0; i < root->value_count && !plan->too_large; i++)
        out->values[i] = plan_at(plan, plan_compile(plan, root->values[i], &inside), frame);
}

/* --- sequences --- */

static uint32_t step_rows(struct plan *plan, const struct node *step, const struct taken *t) {
    const struct scope inside = {t->row, FRAME_NONE, step->source->from.kind == SOURCE_RELATION};
    assert(t->item == FRAME_NONE); /* the checker refuses steps of items and of fields */
    uint32_t rows = step->where ? plan_compile(plan, step->where, &inside) : NODE_NONE;
    return plan->too_large ? 0 : plan_at(plan, rows, t->row);
}

static uint32_t sequence(struct plan *plan, const struct node *node, const struct scope *scope) {
    struct plan_step steps[PLAN_CLAUSES_MAX] = {0};
    struct plan_node n = {.kind = PLAN_SEQUENCE, .op = node->op, .type = node->type, .steps = steps};
    struct moments m = {0};
    bool window = node->window && node->window->window_kind != WINDOW_NONE;
    if (window)
        m = window_moments(plan, node->window);
    if (node->within) {
        n.whole = true;
        n.amount = node->within->amount;
        n.unit = node->within->unit;
    }
    for (const struct node *step = node->first; step && n.step_count < PLAN_CLAUSES_MAX; step = step->next) {
        struct taken t = take(plan, &step->source->from, scope);
        struct plan_step *to = &steps[n.step_count++];
        *to = (struct plan_step){step_rows(plan, step, &t), t.row, step->negated, step->within != NULL, 0, 0};
        if (plan->too_large)
            return 0;
        if (step->within) {
            to->unit = step->within->unit;
            to->amount = step->within->amount;
        }
        if (window) {
            struct plan_node w = window_node(node->window, &m, t.row);
            to->rows = both(plan, to->rows, plan_add(plan, &w));
        }
    }
    /* Rows of different types at the same time are put in order by log position. */
    for (uint32_t i = 0; i < n.step_count; i++)
        if (steps[i].frame != steps[0].frame) {
            for (uint32_t k = 0; k < n.step_count; k++) {
                plan_column(plan, steps[k].frame, RANGE_POSITION, TERM_NUMBER);
                if (plan->frames[steps[k].frame].form == ROWS_ANY_EVENT)
                    plan_column(plan, steps[k].frame, RANGE_TYPE, TERM_NUMBER);
            }
            break;
        }
    const struct plan_step *last = &steps[n.step_count - 1];
    n.timed = n.timed || (last->negated && (last->limited || n.whole)) || (n.op == OP_STEPS && n.whole);
    for (uint32_t i = 0; i < n.step_count; i++)
        n.timed = n.timed || (n.op == OP_STEPS && steps[i].negated && steps[i].limited);
    for (uint32_t i = n.step_count; i-- > 0 && steps[i].negated;)
        n.timed = n.timed || steps[i].limited || n.whole;
    return plan_add(plan, &n);
}

uint32_t plan_compile(struct plan *plan, const struct node *node, const struct scope *scope) {
    uint32_t found = 0;
    if (plan->too_large)
        return 0;
    if (scope->related && about(node) == ABOUT_END)
        return target(plan, node, scope->row);
    switch (node->kind) {
    case NODE_LITERAL:
        return literal(plan, node);
    case NODE_DURATION:
        return duration(plan, node);
    case NODE_NAME:
        found = reference(plan, &node->reference, scope);
        break;
    case NODE_CALL:
        found = call(plan, node, scope);
        break;
    case NODE_AGGREGATE:
        found = aggregate(plan, node, scope);
        break;
    default:
        assert(node->kind == NODE_SEQUENCE);
        found = sequence(plan, node, scope);
    }
    if (!plan->too_large && !plan->nodes[found].tree)
        plan->nodes[found].tree = node;
    return found;
}
