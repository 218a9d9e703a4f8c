/* plan_node: making a plan's nodes and frames, each once: a node that is equal to one before is that one, so equal expressions of
 * different roots are evaluated together. */
#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "language/plan_inside.h"

/* --- frames --- */

static uint16_t add_frame(struct plan *plan, const struct plan_frame *frame) {
    if (plan->frame_count == PLAN_FRAMES_MAX) {
        plan->too_large = true;
        return FRAME_CUSTOMER;
    }
    if (plan->frame_count == plan->frame_capacity) {
        plan->frame_capacity = plan->frame_capacity ? plan->frame_capacity * 2 : 8;
        plan->frames = memory_resize(plan->frames, plan->frame_capacity, sizeof *plan->frames);
    }
    plan->frames[plan->frame_count] = *frame;
    return (uint16_t)plan->frame_count++;
}

/* Elements a customer may be expected to have: nothing is known of a workspace here, so kinds alone decide. */
static float expected(enum rows_form form) {
    return form == ROWS_ANY_EVENT ? 20 : form == ROWS_EVENTS ? 8 : form == ROWS_DOCUMENTS ? 3 : 1;
}

uint16_t plan_rows_frame(struct plan *plan, enum rows_form form, uint16_t type) {
    if (plan->frame_count == 0)
        add_frame(plan, &(struct plan_frame){.kind = FRAME_OF_CUSTOMERS, .per_customer = 1});
    if (form == ROWS_ANY_EVENT)
        type = 0;
    uint32_t rows = 0;
    for (uint32_t i = 1; i < plan->frame_count; i++) {
        const struct plan_frame *f = &plan->frames[i];
        if (f->kind == FRAME_OF_ROWS && f->form == form && f->type == type)
            return (uint16_t)i;
        rows += f->kind == FRAME_OF_ROWS;
    }
    return add_frame(
        plan,
        &(struct plan_frame){
            .kind = FRAME_OF_ROWS, .form = (uint8_t)form, .type = type, .rows = rows, .per_customer = expected(form)});
}

static uint32_t column_of(struct plan *plan, uint16_t frame, uint16_t property) {
    struct plan_frame *f = &plan->frames[frame];
    for (uint32_t i = 0; i < f->column_count; i++)
        if (f->columns[i].property == property)
            return i;
    if (f->column_count == f->column_capacity) {
        f->column_capacity = f->column_capacity ? f->column_capacity * 2 : 4;
        f->columns = memory_resize(f->columns, f->column_capacity, sizeof *f->columns);
        f->column_frames = memory_resize(f->column_frames, f->column_capacity, sizeof *f->column_frames);
    }
    f->columns[f->column_count] = (struct column_want){.property = property};
    f->column_frames[f->column_count] = FRAME_NONE;
    return f->column_count++;
}

uint16_t plan_items_frame(struct plan *plan, uint16_t rows, uint16_t property, uint16_t item_type) {
    assert(rows < plan->frame_count);
    uint32_t column = column_of(plan, rows, property);
    if (plan->frames[rows].column_frames[column] != FRAME_NONE)
        return plan->frames[rows].column_frames[column];
    float per = plan->frames[rows].per_customer * 3;
    uint16_t frame = add_frame(plan, &(struct plan_frame){.kind = FRAME_OF_ITEMS,
                                                          .type = item_type,
                                                          .above = rows,
                                                          .rows = plan->frames[rows].rows,
                                                          .column = column,
                                                          .per_customer = per});
    plan->frames[rows].column_frames[column] = frame;
    return frame;
}

/* All frames are there: the want can point into them. */
void plan_finish_want(struct plan *plan) {
    uint32_t rows = 0;
    for (uint32_t i = 1; i < plan->frame_count; i++)
        rows += plan->frames[i].kind == FRAME_OF_ROWS;
    struct rows_want *wants = arena_get(&plan->arena, (rows + 1) * sizeof *wants);
    for (uint32_t i = 1; i < plan->frame_count; i++) {
        const struct plan_frame *f = &plan->frames[i];
        if (f->kind != FRAME_OF_ROWS)
            continue;
        for (uint32_t c = 0; c < f->column_count; c++) {
            if (f->column_frames[c] == FRAME_NONE)
                continue;
            const struct plan_frame *items = &plan->frames[f->column_frames[c]];
            f->columns[c].items = items->columns;
            f->columns[c].item_count = items->column_count;
        }
        wants[f->rows] = (struct rows_want){(enum rows_form)f->form, f->type, f->columns, f->column_count};
    }
    plan->want = (struct range_want){plan->frames[0].columns, plan->frames[0].column_count, wants, rows};
}

/* --- nodes --- */

static uint64_t hash_of(const struct plan_node *n) {
    struct {
        uint8_t kind, op, type, unit, window_kind, whole, scale;
        uint16_t frame, source;
        uint32_t column;
        int64_t amount, integer;
        const void *lookup, *inner;
    } key;
    memset(&key, 0, sizeof key);
    key.kind = n->kind;
    key.op = n->op;
    key.type = n->type;
    key.unit = n->unit;
    key.window_kind = n->window_kind;
    key.whole = n->whole;
    key.scale = n->number.scale;
    key.frame = n->frame;
    key.source = n->source;
    key.column = n->column;
    key.amount = n->amount;
    key.integer = n->number.integer;
    key.lookup = n->lookup;
    key.inner = n->inner;
    uint64_t hash = hash_bytes(slice_of(&key, sizeof key), 0);
    if (n->child_count)
        hash = hash_bytes(slice_of(n->children, n->child_count * sizeof *n->children), hash);
    for (uint32_t i = 0; i < n->step_count; i++) {
        const struct plan_step *s = &n->steps[i];
        uint64_t step[] = {s->rows, s->frame, s->negated, s->limited, s->unit, (uint64_t)s->amount};
        hash = hash_bytes(slice_of(step, sizeof step), hash);
    }
    return hash_bytes(n->text, hash);
}

static bool steps_equal(const struct plan_step *a, const struct plan_step *b, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (a[i].rows != b[i].rows || a[i].frame != b[i].frame || a[i].negated != b[i].negated ||
            a[i].limited != b[i].limited || a[i].unit != b[i].unit || a[i].amount != b[i].amount)
            return false;
    return true;
}

static bool nodes_equal(const struct plan_node *a, const struct plan_node *b) {
    return a->hash == b->hash && a->kind == b->kind && a->op == b->op && a->type == b->type && a->unit == b->unit &&
           a->window_kind == b->window_kind && a->whole == b->whole && a->frame == b->frame && a->source == b->source &&
           a->column == b->column && a->amount == b->amount && a->number.integer == b->number.integer &&
           a->number.scale == b->number.scale && a->lookup == b->lookup && a->inner == b->inner &&
           a->child_count == b->child_count && a->step_count == b->step_count &&
           (!a->child_count || memcmp(a->children, b->children, a->child_count * sizeof *a->children) == 0) &&
           steps_equal(a->steps, b->steps, a->step_count) && slice_equal(a->text, b->text);
}

static void grow_slots(struct plan *plan) {
    uint32_t count = plan->slot_count ? plan->slot_count * 2 : 256;
    free(plan->slots);
    plan->slots = memory_get(count, sizeof *plan->slots);
    plan->slot_count = count;
    for (uint32_t i = 0; i < plan->node_count; i++) {
        uint32_t at = (uint32_t)plan->nodes[i].hash & (count - 1);
        while (plan->slots[at])
            at = (at + 1) & (count - 1);
        plan->slots[at] = i + 1;
    }
}

static bool any_timed(const struct plan *plan, const struct plan_node *n) {
    for (uint32_t i = 0; i < n->child_count; i++)
        if (n->children[i] != NODE_NONE && plan->nodes[n->children[i]].timed)
            return true;
    for (uint32_t i = 0; i < n->step_count; i++)
        if (n->steps[i].rows != NODE_NONE && plan->nodes[n->steps[i].rows].timed)
            return true;
    return false;
}

static void *keep(struct plan *plan, const void *from, size_t size) {
    return size ? memcpy(arena_get(&plan->arena, size), from, size) : NULL;
}

uint32_t plan_add(struct plan *plan, struct plan_node *n) {
    n->hash = hash_of(n);
    if (plan->node_count * 2 >= plan->slot_count)
        grow_slots(plan);
    uint32_t at = (uint32_t)n->hash & (plan->slot_count - 1);
    for (; plan->slots[at]; at = (at + 1) & (plan->slot_count - 1))
        if (nodes_equal(&plan->nodes[plan->slots[at] - 1], n))
            return plan->slots[at] - 1;
    if (plan->node_count >= PLAN_NODES_MAX) {
        plan->too_large = true;
        return 0;
    }
    if (plan->node_count == plan->node_capacity) {
        plan->node_capacity = plan->node_capacity ? plan->node_capacity * 2 : 64;
        plan->nodes = memory_resize(plan->nodes, plan->node_capacity, sizeof *plan->nodes);
    }
    n->children = keep(plan, n->children, n->child_count * sizeof *n->children);
    n->steps = keep(plan, n->steps, n->step_count * sizeof *n->steps);
    n->timed = n->timed || any_timed(plan, n);
    plan->nodes[plan->node_count] = *n;
    plan->slots[at] = plan->node_count + 1;
    plan_estimate(plan, &plan->nodes[plan->node_count]);
    return plan->node_count++;
}

uint32_t plan_column(struct plan *plan, uint16_t frame, uint16_t property, enum term_type type) {
    struct plan_node n = {.kind = PLAN_COLUMN, .type = (uint8_t)type, .frame = frame};
    n.column = column_of(plan, frame, property);
    return plan_add(plan, &n);
}

uint32_t plan_at(struct plan *plan, uint32_t node, uint16_t frame) {
    if (node == NODE_NONE)
        return node;
    const struct plan_node *n = &plan->nodes[node];
    if (n->frame == frame || n->kind == PLAN_CONSTANT || n->kind == PLAN_NOW || n->kind == PLAN_TODAY)
        return node;
    assert(frame_is_above(plan, n->frame, frame));
    struct plan_node spread = {
        .kind = PLAN_SPREAD, .type = n->type, .frame = frame, .children = &node, .child_count = 1};
    return plan_add(plan, &spread);
}

static bool floats(const struct plan *plan, uint32_t node) {
    uint8_t kind = plan->nodes[node].kind;
    return kind == PLAN_CONSTANT || kind == PLAN_NOW || kind == PLAN_TODAY;
}

/* A call stands in the lowest frame of its operands. */
uint32_t plan_call(struct plan *plan, enum op op, enum term_type type, const uint32_t *children, uint32_t count) {
    uint16_t frame = FRAME_CUSTOMER;
    struct plan_node n = {.kind = PLAN_CALL, .op = (uint8_t)op, .type = (uint8_t)type, .child_count = count};
    uint32_t *at = arena_get(&plan->arena, (count + 1) * sizeof *at);
    for (uint32_t i = 0; i < count; i++)
        if (!floats(plan, children[i]) && frame_is_above(plan, frame, plan->nodes[children[i]].frame))
            frame = plan->nodes[children[i]].frame;
    for (uint32_t i = 0; i < count; i++)
        at[i] = plan_at(plan, children[i], frame);
    if (op == OP_AND || op == OP_OR)
        plan_order(plan, op, at, count);
    n.frame = frame;
    n.children = at;
    n.timed = (op >= OP_AGE && op <= OP_DAYS_UNTIL_ANNIVERSARY);
    return plan_add(plan, &n);
}

enum term_type plan_term_of(uint8_t property_type) {
    switch (property_type) {
    case PROPERTY_NUMBER:
    case PROPERTY_MONEY:
        return TERM_NUMBER;
    case PROPERTY_BOOL:
        return TERM_BOOL;
    case PROPERTY_TIME:
        return TERM_TIME;
    case PROPERTY_DATE:
        return TERM_DATE;
    case PROPERTY_TEXT_LIST:
        return TERM_TEXT_LIST;
    case PROPERTY_NUMBER_LIST:
        return TERM_NUMBER_LIST;
    default:
        return TERM_TEXT;
    }
}
