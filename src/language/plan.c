/* plan: making and dropping plans. */
#include <assert.h>
#include <stdlib.h>

#include "language/plan_inside.h"

static bool is_junction(const struct node *n) { return n->kind == NODE_CALL && (n->op == OP_AND || n->op == OP_OR); }

/* The operands of the root's outermost and / or, in the order they are written in. */
static void find_clauses(struct plan *plan, const struct node *root, uint32_t number) {
    const struct scope scope = {FRAME_NONE, FRAME_NONE, false};
    struct clauses *c = &plan->clauses[number];
    while (root->kind == NODE_CALL && root->op == OP_IN_SEGMENT && root->definition)
        root = root->definition;
    if (!is_junction(root)) {
        c->nodes[c->count++] = plan->roots[number];
        return;
    }
    for (const struct node *n = root->first; n && c->count < PLAN_CLAUSES_MAX && !plan->too_large; n = n->next)
        c->nodes[c->count++] = plan_compile(plan, n, &scope);
}

enum status plan_create(const struct vocabulary *vocabulary, const struct node *const *roots, size_t root_count,
                        struct plan **out, struct fault *fault) {
    return plan_create_rows(vocabulary, roots, root_count, NULL, 0, out, fault);
}

enum status plan_create_rows(const struct vocabulary *vocabulary, const struct node *const *roots, size_t root_count,
                             const struct rows_root *rows, size_t rows_count, struct plan **out, struct fault *fault) {
    const struct scope scope = {FRAME_NONE, FRAME_NONE, false};
    struct plan *plan = memory_get(1, sizeof *plan);
    plan->vocabulary = vocabulary;
    plan->calendar = (struct calendar){vocabulary->zone ? vocabulary->zone : zone_utc(),
                                       vocabulary->week_start ? vocabulary->week_start : 1};
    plan->root_count = (uint32_t)root_count;
    plan->roots = memory_get(root_count + 1, sizeof *plan->roots);
    plan->clauses = memory_get(root_count + 1, sizeof *plan->clauses);
    plan_rows_frame(plan, ROWS_ANY_EVENT, 0); /* frame 0, the customers, with it */
    plan->frame_count = 1;
    for (uint32_t i = 0; i < plan->root_count; i++) {
        plan->roots[i] = plan_compile(plan, roots[i], &scope);
        find_clauses(plan, roots[i], i);
    }
    plan->rows_count = (uint32_t)rows_count;
    plan->rows = memory_get(rows_count + 1, sizeof *plan->rows);
    for (uint32_t i = 0; i < plan->rows_count; i++)
        plan_compile_rows(plan, &rows[i], &plan->rows[i]);
    if (plan->too_large) {
        plan_free(plan);
        *out = NULL;
        return fault_set(fault, STATUS_TOO_LARGE, "the expressions have more than %u different parts", PLAN_NODES_MAX);
    }
    plan_finish_want(plan);
    *out = plan;
    return STATUS_OK;
}

void plan_free(struct plan *plan) {
    if (!plan)
        return;
    for (uint32_t i = 0; i < plan->frame_count; i++) {
        free(plan->frames[i].columns);
        free(plan->frames[i].column_frames);
    }
    for (uint32_t i = 0; i < plan->inner_count; i++)
        plan_free(plan->inners[i]);
    for (uint32_t i = 0; i < plan->lookup_count; i++) {
        free(plan->lookups[i]->entries);
        free(plan->lookups[i]);
    }
    free(plan->inners);
    free(plan->inner_trees);
    free(plan->lookups);
    free(plan->frames);
    free(plan->nodes);
    free(plan->slots);
    free(plan->roots);
    free(plan->rows);
    free(plan->clauses);
    arena_release(&plan->arena);
    free(plan);
}

enum term_type plan_type(const struct plan *plan, size_t root) {
    assert(root < plan->root_count);
    return plan->nodes[plan->roots[root]].type;
}

bool plan_timed(const struct plan *plan, size_t root) {
    assert(root < plan->root_count);
    return plan->nodes[plan->roots[root]].timed;
}

uint32_t plan_rows_kind(const struct plan *plan, size_t rows) {
    assert(rows < plan->rows_count);
    return plan->rows[rows].frame;
}
