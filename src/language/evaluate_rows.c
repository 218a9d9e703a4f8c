/* evaluate_rows: sets of rows of the span in hand, part by part: nodes as any others, given out as they lie. */
#include <assert.h>

#include "language/evaluate.h"
#include "language/rows.h"

static struct state *state_of(struct evaluator *e, unsigned part) {
    assert(part < EVALUATE_PARTS && !e->live);
    return part ? &e->dirty : &e->main;
}

static const struct plan_rows *rows_of(const struct evaluator *e, size_t rows) {
    assert(rows < e->plan->rows_count);
    return &e->plan->rows[rows];
}

uint32_t evaluate_part(struct evaluator *e, unsigned part, uint64_t *asked) {
    assert(part < EVALUATE_PARTS && !e->live);
    if (part == 1) {
        memset(asked, 0, SPAN_CUSTOMERS / 8);
        kernel_fill(asked, e->dirty_count, true); /* only customers of the population are dirty */
        return e->dirty_count;
    }
    for (uint32_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
        asked[w] = e->population[w] & ~e->dirty_bits[w];
    return kernel_none(asked, SPAN_CUSTOMERS / 64) ? 0 : SPAN_CUSTOMERS;
}

struct customer_id evaluate_part_customer(const struct evaluator *e, unsigned part, uint32_t i) {
    return (struct customer_id){e->span * SPAN_CUSTOMERS + (part ? e->dirty_owners[i] : i)};
}

const uint64_t *evaluate_part_bits(struct evaluator *e, unsigned part, size_t root) {
    assert(root < e->plan->root_count);
    return state_bits(state_of(e, part), e->plan->roots[root], FRAME_CUSTOMER);
}

const struct vector *evaluate_part_values(struct evaluator *e, unsigned part, size_t root) {
    assert(root < e->plan->root_count);
    return state_values(state_of(e, part), e->plan->roots[root]);
}

void evaluate_rows(struct evaluator *e, unsigned part, size_t rows, struct row_set *out) {
    struct state *s = state_of(e, part);
    const struct plan_rows *r = rows_of(e, rows);
    uint32_t groups;
    out->starts = state_groups(s, r->frame, FRAME_CUSTOMER, &groups);
    out->count = state_count(s, r->frame);
    out->bits = r->bits == NODE_NONE ? NULL : state_bits(s, r->bits, r->frame);
}

const int64_t *evaluate_row_times(struct evaluator *e, unsigned part, size_t rows) {
    struct state *s = state_of(e, part);
    const struct plan_rows *r = rows_of(e, rows);
    if (r->frame == r->row)
        return state_times(s, r->row);
    const struct vector *v = state_values(s, r->time);
    assert(v->form == VECTOR_NUMBERS && (v->mask || state_count(s, r->frame) <= 1));
    return v->integers;
}

const struct vector *evaluate_row_values(struct evaluator *e, unsigned part, size_t rows, size_t value) {
    const struct plan_rows *r = rows_of(e, rows);
    assert(value < r->value_count);
    return state_values(state_of(e, part), r->values[value]);
}

void evaluate_part_elements(struct evaluator *e, unsigned part, const struct vector *lists, uint32_t i,
                            struct vector *out) {
    assert(lists->form == VECTOR_LISTS);
    list_values(state_of(e, part), &lists->lists[i & lists->mask], lists->type, out);
}

int64_t evaluate_row_position(struct evaluator *e, unsigned part, size_t rows, uint32_t i) {
    struct state *s = state_of(e, part);
    const struct plan_rows *r = rows_of(e, rows);
    const struct frame_now *f = NULL;
    if (r->frame != r->row)
        i = state_parent_of(s, r->frame)[i];
    const struct range_column *c = state_column(s, &s->plan->nodes[r->position], &f);
    return c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP ? column_whole(c, f->first + i) : 0;
}

static bool codes_of(struct state *s, uint32_t node, uint16_t frame, struct code_column *out) {
    const struct plan_node *n = state_node(s, node);
    const struct frame_now *f = NULL;
    if (n->kind != PLAN_COLUMN || n->type != TERM_TEXT || n->frame != frame)
        return false;
    const struct range_column *c = state_column(s, n, &f);
    if (c->form != COLUMN_CODED)
        return false;
    *out = (struct code_column){c, f->first, c->code_count};
    return true;
}

bool evaluate_row_codes(struct evaluator *e, unsigned part, size_t rows, size_t value, struct code_column *out) {
    const struct plan_rows *r = rows_of(e, rows);
    assert(value < r->value_count);
    return codes_of(state_of(e, part), r->values[value], r->frame, out);
}

bool evaluate_part_codes(struct evaluator *e, unsigned part, size_t root, struct code_column *out) {
    assert(root < e->plan->root_count);
    return codes_of(state_of(e, part), e->plan->roots[root], FRAME_CUSTOMER, out);
}
