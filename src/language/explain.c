/* explain: what a plan does, with what it was expected to cost and what it did: one run over everybody on one thread, measured. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate.h"

struct explaining {
    const struct plan *plan;
    const struct profile *profile;
    bool *shown;
    uint64_t population;
    struct json_writer *w;
};

static const char *kind_name(const struct plan_node *n) {
    switch (n->kind) {
    case PLAN_CONSTANT:
    case PLAN_NOW:
    case PLAN_TODAY:
    case PLAN_SHIFT:
        return "value";
    case PLAN_COLUMN:
    case PLAN_TIME:
    case PLAN_EVENT:
        return "column";
    case PLAN_MASTER:
    case PLAN_IN_MASTER:
        return "master data";
    case PLAN_SPREAD:
        return "spread";
    case PLAN_WINDOW:
        return "window";
    case PLAN_AGGREGATE:
        return "aggregate";
    case PLAN_SEQUENCE:
        return "sequence";
    case PLAN_SET:
        return "set";
    case PLAN_TARGET:
        return "relation";
    default:
        return n->op == OP_AND || n->op == OP_OR || n->op == OP_NOT ? "logic"
               : n->type == TERM_BOOL                               ? "condition"
                                                                    : "function";
    }
}

/* What is read: the type of the frame's rows. */
static void write_place(const struct explaining *x, const struct plan_node *n, struct buffer *out) {
    const struct plan_frame *f = &x->plan->frames[n->frame];
    const struct dictionary *d = x->plan->vocabulary->dictionary;
    if (n->frame == FRAME_CUSTOMER)
        buffer_add_slice(out, SLICE("customers"));
    else if (f->form == ROWS_ANY_EVENT && f->kind == FRAME_OF_ROWS)
        buffer_add_slice(out, SLICE("any event"));
    else
        buffer_add_slice(out, dictionary_type_at(d, f->type)->name);
}

static void write_text(const struct explaining *x, const struct plan_node *n) {
    struct buffer text = {0};
    if (n->tree) {
        tree_format(n->tree, &text);
    } else {
        const struct operator_row *row = n->kind == PLAN_CALL ? operator_row(n->op) : NULL;
        buffer_print(&text, "%s of ", row ? row->word : kind_name(n));
        write_place(x, n, &text);
    }
    json_member_text(x->w, "node", buffer_slice(&text));
    buffer_release(&text);
}

static void explain_node(const struct explaining *x, uint32_t node) {
    const struct plan_node *n = &x->plan->nodes[node];
    while (n->kind == PLAN_SPREAD) {
        node = n->children[0];
        n = &x->plan->nodes[node];
    }
    const struct profile *p = &x->profile[node];
    float per = x->plan->frames[n->frame].per_customer * (n->type == TERM_BOOL ? n->share : 1);
    bool again = x->shown[node];
    x->shown[node] = true;
    json_object(x->w);
    write_text(x, n);
    json_member_cstring(x->w, "kind", kind_name(n));
    json_member_integer(x->w, "estimated_rows", (int64_t)(per * (float)x->population));
    json_member_integer(x->w, "actual_rows", (int64_t)p->count);
    json_member_integer(x->w, "looked_at", (int64_t)p->elements);
    if (n->frame == FRAME_CUSTOMER)
        json_member_integer(x->w, "customers", (int64_t)p->count);
    json_member_real(x->w, "ms", (double)(p->ns / 1000) / 1000);
    if (again)
        json_member_bool(x->w, "shared", true); /* its children stand where it was first shown */
    json_key(x->w, "children");
    json_array(x->w);
    for (uint32_t i = 0; i < n->child_count && !again; i++)
        if (n->children[i] != NODE_NONE)
            explain_node(x, n->children[i]);
    for (uint32_t i = 0; i < n->step_count && !again; i++)
        if (n->steps[i].rows != NODE_NONE)
            explain_node(x, n->steps[i].rows);
    json_end_array(x->w);
    json_end_object(x->w);
}

static void measure_span(struct evaluator *e, size_t root) {
    uint64_t bits[SPAN_CUSTOMERS / 64];
    if (e->plan->nodes[e->plan->roots[root]].type == TERM_BOOL)
        evaluate_bits(e, root, bits, NULL);
    else
        for (uint32_t i = bits_next(e->population, 0, SPAN_CUSTOMERS); i < SPAN_CUSTOMERS;
             i = bits_next(e->population, i + 1, SPAN_CUSTOMERS))
            evaluate_value(e, root, i);
}

void plan_explain(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                  struct json_writer *w) {
    struct evaluator *e = evaluator_create(plan, outside);
    struct identity_counters counters;
    struct explaining x = {.plan = plan, .w = w, .shown = memory_get(plan->node_count + 1, sizeof(bool))};
    assert(root < plan->root_count);
    e->profile = memory_get(plan->node_count + 1, sizeof *e->profile);
    identity_counters_read(outside->identity, &counters);
    for (uint32_t span = 0; span <= counters.created / SPAN_CUSTOMERS; span++) {
        struct history_hold hold = history_enter(outside->history);
        if (evaluator_span(e, span, now_ms)) {
            measure_span(e, root);
            x.population += kernel_count(e->population, SPAN_CUSTOMERS / 64);
        }
        history_leave(outside->history, hold);
    }
    x.profile = e->profile;
    explain_node(&x, plan->roots[root]);
    free(e->profile);
    free(x.shown);
    evaluator_free(e);
}
