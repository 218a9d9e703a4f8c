/* plan_cost: rough figures, good enough for an order: what a node costs a customer in ns, and what share of its elements is true. */
#include "language/plan_inside.h"

static float child_cost(const struct plan *plan, const struct plan_node *n) {
    float cost = 0;
    for (uint32_t i = 0; i < n->child_count; i++)
        cost += n->children[i] == NODE_NONE ? 0 : plan->nodes[n->children[i]].cost;
    for (uint32_t i = 0; i < n->step_count; i++)
        cost += n->steps[i].rows == NODE_NONE ? 1 : plan->nodes[n->steps[i].rows].cost;
    return cost;
}

static float share_of_junction(const struct plan *plan, const struct plan_node *n) {
    float share = 1;
    for (uint32_t i = 0; i < n->child_count; i++) {
        float s = plan->nodes[n->children[i]].share;
        share *= n->op == OP_AND ? s : 1 - s;
    }
    return n->op == OP_AND ? share : 1 - share;
}

static float share_of_call(const struct plan *plan, const struct plan_node *n) {
    switch (n->op) {
    case OP_AND:
    case OP_OR:
        return share_of_junction(plan, n);
    case OP_NOT:
        return 1 - plan->nodes[n->children[0]].share;
    case OP_EQUAL:
    case OP_CONTAINS:
    case OP_STARTS_WITH:
    case OP_ENDS_WITH:
    case OP_MATCHES:
        return 0.1F;
    case OP_NOT_EQUAL:
        return 0.9F;
    case OP_IN:
    case OP_BETWEEN:
    case OP_CONTAINS_ANY:
        return 0.25F;
    case OP_IS_MISSING:
        return 0.2F;
    case OP_IS_PRESENT:
        return 0.8F;
    default:
        return 0.4F;
    }
}

static float own_cost(const struct plan_node *n, const struct plan_node *first) {
    bool text = n->type == TERM_TEXT || (first && first->type == TERM_TEXT);
    switch (n->kind) {
    case PLAN_CONSTANT:
    case PLAN_NOW:
    case PLAN_TODAY:
        return 0;
    case PLAN_COLUMN:
    case PLAN_TIME:
        return 0.3F;
    case PLAN_CALL:
        if (n->op <= OP_NOT)
            return 0.02F;
        return first && first->kind == PLAN_COLUMN && n->op <= OP_MATCHES ? 0.2F : text ? 40 : 8;
    case PLAN_WINDOW:
        return 0.4F;
    case PLAN_AGGREGATE:
        return n->op == OP_COUNT || n->op == OP_ANY || n->op == OP_NONE ? 0.5F : 2;
    case PLAN_SEQUENCE:
        return 10;
    case PLAN_TARGET:
        return 20;
    default:
        return 1;
    }
}

void plan_estimate(struct plan *plan, struct plan_node *n) {
    const struct plan_node *first = n->child_count && n->children[0] != NODE_NONE ? &plan->nodes[n->children[0]] : NULL;
    uint16_t frame = n->kind == PLAN_AGGREGATE ? n->source : n->frame;
    float per = plan->frames[frame].per_customer;
    n->cost = child_cost(plan, n) + own_cost(n, first) * per;
    n->share = n->kind == PLAN_CALL     ? share_of_call(plan, n)
               : n->kind == PLAN_SPREAD ? first->share
               : n->kind == PLAN_WINDOW ? 0.3F
                                        : 0.3F;
    if (n->kind == PLAN_AGGREGATE && n->op == OP_NONE)
        n->share = 0.7F;
}

/* Worth of asking first: what it costs over how much it settles. Ties by number, so that plans are the same each time. */
void plan_order(const struct plan *plan, enum op op, uint32_t *children, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        uint32_t moving = children[i], at = i;
        const struct plan_node *m = &plan->nodes[moving];
        float rank = m->cost / (0.02F + (op == OP_AND ? 1 - m->share : m->share));
        for (; at > 0; at--) {
            const struct plan_node *b = &plan->nodes[children[at - 1]];
            float before = b->cost / (0.02F + (op == OP_AND ? 1 - b->share : b->share));
            if (before < rank || (before == rank && children[at - 1] <= moving))
                break;
            children[at] = children[at - 1];
        }
        children[at] = moving;
    }
}
