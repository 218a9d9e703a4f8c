/* evaluate_distinct: the values that `distinct(product_viewed.brand, last 30 days) >= 8` has counted.
 *
 * An event more makes a count grow by one; how many are distinct grows only with a value that is not among those counted. So such an answer turns
 * with its last event where each brings another value. Whoever keeps what answers hold against (audience/slack.h) keeps the values too, as prints of 16 bits:
 * unlike prints are of unlike values, like ones are of values that may be the same. That is the safe side: of those nothing is said.
 *
 * Only of a text of the event itself: numbers are equal that are written differently, and lists have several values. */
#include <assert.h>

#include "base/hash.h"
#include "language/evaluate_hold.h"

#define PRINTS_BY_CODE 4096 /* codes of a span's column, of which each is looked up once */

uint16_t hold_value_print(uint16_t property, struct slice text) {
    uint16_t print = (uint16_t)hash_bytes(text, property);
    return print ? print : 1;
}

bool counts_texts(const struct state *s, const struct plan_node *a) {
    const struct plan_node *value = a->kind == PLAN_AGGREGATE && a->op == OP_DISTINCT && a->children[1] != NODE_NONE
                                        ? state_node(s, a->children[1])
                                        : NULL;
    const struct plan_frame *f = &s->plan->frames[a->source];
    return value && value->kind == PLAN_COLUMN && value->frame == a->source && value->type == TERM_TEXT &&
           f->kind == FRAME_OF_ROWS && f->form == ROWS_EVENTS && f->columns[value->column].property < RANGE_TIME;
}

struct hold_values evaluate_values(struct evaluator *e, size_t root) {
    know_traits(e);
    if (e->counting[root] == NODE_NONE)
        return (struct hold_values){0};
    const struct plan_node *a = state_node(&e->main, e->counting[root]);
    const struct plan_frame *f = &e->plan->frames[a->source];
    return (struct hold_values){f->type, f->columns[state_node(&e->main, a->children[1])->column].property};
}

/* --- those of a customer --- */

static uint16_t print_of(struct state *s, const struct range_column *c, uint16_t property, uint32_t row) {
    buffer_clear(&s->scratch);
    return hold_value_print(property, range_text(c, row, &s->scratch));
}

/* The same by the row's code, where there are many rows to a code. */
static uint16_t print_by_code(struct state *s, const struct range_column *c, uint16_t property, uint32_t row) {
    uint64_t code = column_raw(c, row);
    if (code >= c->code_count)
        return print_of(s, c, property, row);
    if (s->prints_stamp != s->stamp || s->prints_of != c) {
        s->prints = state_new(s, c->code_count, sizeof *s->prints);
        memset(s->prints, 0, c->code_count * sizeof *s->prints);
        s->prints_stamp = s->stamp;
        s->prints_of = c;
    }
    if (!s->prints[code])
        s->prints[code] = print_of(s, c, property, row);
    return s->prints[code];
}

static bool put_print(uint16_t prints[HOLD_VALUES_MAX], uint32_t *count, uint16_t print) {
    for (uint32_t i = 0; i < *count; i++)
        if (prints[i] == print)
            return true;
    if (*count == HOLD_VALUES_MAX)
        return false;
    prints[(*count)++] = print;
    return true;
}

static uint32_t values_at(struct state *s, const struct plan_node *a, uint32_t customer,
                          uint16_t prints[HOLD_VALUES_MAX]) {
    const struct plan_node *value = state_node(s, a->children[1]);
    const struct frame_now *owned = state_owned_frame(s, a->source), *f = NULL;
    const uint64_t *bits = a->children[0] == NODE_NONE ? NULL : state_bits(s, a->children[0], a->source);
    const struct range_column *c = state_column(s, value, &f);
    uint16_t property = s->plan->frames[a->source].columns[value->column].property;
    uint32_t first = owned->owners[customer] - owned->first, end = owned->owners[customer + 1] - owned->first,
             count = 0;
    if (!column_fits(c, TERM_TEXT))
        return 0;
    bool by_code = c->form == COLUMN_CODED && c->code_count <= PRINTS_BY_CODE && c->code_count <= f->count;
    for (uint32_t i = bits_next(bits, first, end); i < end; i = bits_next(bits, i + 1, end)) {
        uint32_t row = f->first + i;
        if (c->absent && c->absent[row / 8] >> (row % 8) & 1)
            continue;
        if (!put_print(prints, &count, by_code ? print_by_code(s, c, property, row) : print_of(s, c, property, row)))
            return UINT32_MAX;
    }
    return count;
}

uint32_t evaluate_values_counted(struct evaluator *e, size_t root, uint32_t place, uint16_t prints[HOLD_VALUES_MAX]) {
    know_traits(e);
    assert(e->counting[root] != NODE_NONE);
    const struct plan_node *a = state_node(&e->main, e->counting[root]);
    if (e->live)
        return values_at(&e->main, a, 0, prints);
    if (e->dirty_bits[place / 64] >> place % 64 & 1)
        return values_at(&e->dirty, a, e->dirty_index[place], prints);
    return values_at(&e->main, a, place, prints);
}
