/* check_depend: what a checked tree depends on, definitions followed. Each dependency is told once; a definition's tree is walked once, and
 * once more for each relation it is looked at over. */
#include "language/check_inside.h"

#include <stdlib.h>

struct seen_tree {
    const struct node *root;
    uint16_t over;
};
struct walk {
    void (*each)(void *context, const struct dependency *dependency);
    void *context;
    struct buffer told; /* struct dependency */
    struct buffer seen; /* struct seen_tree */
};

static void tell(struct walk *w, enum dependency_kind kind, uint32_t number, uint16_t over) {
    struct dependency dependency = {.kind = kind, .number = number, .over = over};
    const struct dependency *told = (const struct dependency *)w->told.data;
    for (size_t i = 0; i < w->told.size / sizeof *told; i++)
        if (told[i].kind == kind && told[i].number == number && told[i].over == over)
            return;
    buffer_add(&w->told, &dependency, sizeof dependency);
    w->each(w->context, &dependency);
}

static bool seen(struct walk *w, const struct node *root, uint16_t over) {
    struct seen_tree here = {root, over};
    const struct seen_tree *trees = (const struct seen_tree *)w->seen.data;
    for (size_t i = 0; i < w->seen.size / sizeof *trees; i++)
        if (trees[i].root == root && trees[i].over == over)
            return true;
    buffer_add(&w->seen, &here, sizeof here);
    return false;
}

static void walk_node(struct walk *w, const struct node *node, uint16_t over);

static void walk_reference(struct walk *w, const struct reference *reference, uint16_t over) {
    if (reference->kind == REFERENCE_MASTER)
        tell(w, DEPENDS_MASTER, reference->master_type, over);
    if (reference->level == 0 && (reference->kind == REFERENCE_PROPERTY || reference->kind == REFERENCE_MASTER))
        tell(w, DEPENDS_ATTRIBUTE, reference->property, over);
}

static bool window_by_clock(const struct node *window) {
    switch (window->window_kind) {
    case WINDOW_ROLLING:
    case WINDOW_TODAY:
    case WINDOW_YESTERDAY:
    case WINDOW_THIS:
    case WINDOW_PREVIOUS:
        return true;
    default:
        return false;
    }
}

static void walk_window(struct walk *w, const struct node *window, uint16_t over) {
    if (!window)
        return;
    if (window_by_clock(window))
        tell(w, DEPENDS_TIME, 0, over);
    for (const struct node *n = window->first; n; n = n->next)
        walk_node(w, n, over);
}

/* Rows and what is asked of them. */
static void walk_rows(struct walk *w, const struct node *node, uint16_t over) {
    const struct source_reference *from = &node->source->from;
    if (from->kind == SOURCE_ANY_EVENT)
        tell(w, DEPENDS_ANY_EVENT, 0, over);
    else if (from->kind != SOURCE_ROW_ITEMS)
        tell(w, DEPENDS_TYPE, from->type, over);
    walk_reference(w, &from->value, over);
    if (from->kind == SOURCE_RELATION) {
        tell(w, DEPENDS_RELATED, from->type, over);
        over = from->type;
    }
    if (node->where)
        walk_node(w, node->where, over);
}

static void walk_sequence(struct walk *w, const struct node *node, uint16_t over) {
    for (const struct node *step = node->first; step; step = step->next) {
        walk_rows(w, step, over);
        if (step->negated && (step->within || node->within)) /* nothing happened: true only when the time is over */
            tell(w, DEPENDS_TIME, 0, over);
    }
}

static void walk_call(struct walk *w, const struct node *node, uint16_t over) {
    bool named = operator_row((enum op)node->op)->form == FORM_NAMED;
    if (check_op_clock((enum op)node->op))
        tell(w, DEPENDS_TIME, 0, over);
    if (named && !node->definition && node->reference.kind == REFERENCE_NONE)
        tell(w, DEPENDS_SET, node->definition_number, over);
    if (node->definition && !seen(w, node->definition, over))
        walk_node(w, node->definition, over);
    for (const struct node *n = node->first; n && !named; n = n->next)
        walk_node(w, n, over);
}

static void walk_node(struct walk *w, const struct node *node, uint16_t over) {
    walk_reference(w, &node->reference, over);
    switch (node->kind) {
    case NODE_DURATION:
        if (node->ago)
            tell(w, DEPENDS_TIME, 0, over);
        break;
    case NODE_CALL:
        walk_call(w, node, over);
        break;
    case NODE_AGGREGATE:
        walk_rows(w, node, over);
        walk_window(w, node->window, over);
        break;
    case NODE_SEQUENCE:
        walk_sequence(w, node, over);
        walk_window(w, node->window, over);
        break;
    default:
        break;
    }
}

void check_dependencies(const struct node *root, void (*each)(void *context, const struct dependency *dependency),
                        void *context) {
    struct walk w = {.each = each, .context = context};
    walk_node(&w, root, 0);
    buffer_release(&w.told);
    buffer_release(&w.seen);
}
