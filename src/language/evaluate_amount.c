/* evaluate_amount: how much `sum(order.total, last 365 days) > 3000` holds against.
 *
 * A new document adds its own amount to the sum and does nothing else. So a sum of 1,800 holds against documents of up to 1,200 together,
 * whenever they were, as long as none is negative: those in the window add, those outside do not, and the rows that are there leave at moments
 * that are told apart. With the sum above its bound any such document leaves it there. Amounts are counted in parts of the bound,
 * rounded to the safe side, so that a byte a customer keeps them (audience/slack.h).
 *
 * A later record of a document takes back what the first one said: that, and a negative amount, is evaluated. */
#include <assert.h>
#include <math.h>

#include "language/evaluate_hold.h"

/* --- which roots --- */

/* Whether the value at a row depends on that row and on what documents do not change. */
static bool rows_alone(struct state *s, uint32_t node) {
    if (node == NODE_NONE)
        return true;
    const struct plan_node *n = state_node(s, node);
    if (n->frame == FRAME_CUSTOMER)
        return !has_trait(s, node, READS_DOCUMENTS);
    if (n->kind == PLAN_SEQUENCE || n->kind == PLAN_TARGET ||
        (n->kind == PLAN_AGGREGATE && s->plan->frames[n->source].kind != FRAME_OF_ITEMS))
        return false;
    for (uint32_t k = 0; k < n->child_count; k++)
        if (!rows_alone(s, n->children[k]))
            return false;
    return true;
}

/* The amount of `sum(document.property ...) > bound`. */
static bool amount_at(struct state *s, uint32_t node, struct hold_amount *out) {
    const struct plan_node *n = state_node(s, node);
    if (n->kind != PLAN_CALL || n->frame != FRAME_CUSTOMER || (n->op != OP_GREATER && n->op != OP_GREATER_EQUAL) ||
        n->child_count != 2)
        return false;
    const struct plan_node *sum = state_node(s, n->children[0]), *bound = state_node(s, n->children[1]);
    if (bound->kind != PLAN_CONSTANT || bound->type != TERM_NUMBER || sum->kind != PLAN_AGGREGATE ||
        sum->op != OP_SUM || sum->frame != FRAME_CUSTOMER || sum->children[1] == NODE_NONE)
        return false;
    const struct plan_frame *frame = &s->plan->frames[sum->source];
    const struct plan_node *value = state_node(s, sum->children[1]);
    double part = number_as_real(bound->number) / HOLD_PARTS;
    if (frame->kind != FRAME_OF_ROWS || frame->form != ROWS_DOCUMENTS || value->kind != PLAN_COLUMN ||
        value->frame != sum->source || !rows_alone(s, sum->children[0]) || !(part > 0) || !isnormal(part))
        return false;
    *out = (struct hold_amount){frame->type, frame->columns[value->column].property, part};
    return true;
}

/* Finds the one comparison below that reads documents; false where there is anything else that does. */
static bool find_amount(struct state *s, uint32_t node, uint32_t *found, struct hold_amount *out) {
    const struct plan_node *n = state_node(s, node);
    if (!has_trait(s, node, READS_DOCUMENTS))
        return true;
    if (n->frame == FRAME_CUSTOMER && n->kind == PLAN_CALL && (n->op == OP_AND || n->op == OP_OR || n->op == OP_NOT)) {
        for (uint32_t k = 0; k < n->child_count; k++)
            if (!find_amount(s, n->children[k], found, out))
                return false;
        return true;
    }
    if (*found != NODE_NONE && *found != node)
        return false;
    *found = node;
    return amount_at(s, node, out);
}

struct hold_amount amount_of(struct state *s, uint32_t root) {
    struct hold_amount amount = {0};
    uint32_t found = NODE_NONE;
    if (has_trait(s, root, READS_EVENTS) || !find_amount(s, root, &found, &amount))
        return (struct hold_amount){0};
    return amount;
}

/* --- holds --- */

bool amount_node(struct state *s, uint32_t node) {
    struct hold_amount amount;
    return has_trait(s, node, READS_DOCUMENTS) && amount_at(s, node, &amount);
}

struct hold amount_hold(struct state *s, uint32_t node, uint32_t i) {
    struct hold_amount amount;
    struct hold hold = {.until_ms = until_of(s, node, i), .slack = SLACK_ANY};
    bool is_amount = amount_at(s, node, &amount);
    assert(is_amount);
    if (bit_of(state_bits(s, node, FRAME_CUSTOMER), i))
        return hold;
    const struct vector *v = state_values(s, state_node(s, node)->children[0]);
    double sum = vector_has(v, i) ? number_as_real(vector_number(v, i)) : 0;
    double parts = floor(HOLD_PARTS - sum / amount.part - 1e-6); /* the sum of doubles may be off by less */
    hold.slack = parts < 0 ? 1 : parts < HOLD_PARTS ? 1 + (uint32_t)parts : 1 + HOLD_PARTS;
    return hold;
}

uint32_t amount_parts(const struct hold_amount *amount, const struct record_head *record) {
    const struct record_value *v = record_find(record, amount->property);
    if (record->kind != TYPE_DOCUMENT || record->type != amount->type || !(record->flags & RECORD_NEW_DOCUMENT) ||
        record->flags & RECORD_REPLACES)
        return SLACK_ANY;
    if (!v || v->kind == VALUE_MISSING)
        return 0;
    double parts = v->kind == VALUE_NUMBER || v->kind == VALUE_REAL ? record_number(v) / amount->part : -1;
    return parts >= 0 && parts < HOLD_PARTS ? (uint32_t)ceil(parts + 1e-6 * (parts > 0)) : SLACK_ANY;
}
