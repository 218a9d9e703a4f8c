/* evaluate_among: aggregates of few customers of a range, where others were ruled out before: their rows are looked at and no others. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate_group.h"

/* The column that an aggregate of integers is of, or NULL. */
static const struct range_column *integers_of(struct state *s, const struct plan_node *n) {
    const struct plan_node *value = n->children[1] == NODE_NONE ? NULL : state_node(s, n->children[1]);
    const struct frame_now *f = NULL;
    if (!value || value->kind != PLAN_COLUMN || value->frame != n->source || value->type == TERM_TEXT)
        return NULL;
    const struct range_column *c = state_column(s, value, &f);
    return (c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP) && column_fits(c, value->type) ? c : NULL;
}

/* A column's integers at some of its rows. */
static void integers_at(struct state *s, const struct range_column *c, uint32_t first, const uint32_t *rows,
                        uint32_t count, struct vector *out) {
    uint64_t *present = c->absent ? state_zero_bits(s, count) : NULL;
    *out = (struct vector){.mask = SIZE_MAX, .scale = c->kind == VALUE_NUMBER ? c->scale : 0, .present = present};
    out->integers = state_new(s, count, sizeof *out->integers);
    if (c->form == COLUMN_WHOLE && c->width == 4 && !present) {
        const uint32_t *raw = (const uint32_t *)c->data + first;
        for (uint32_t i = 0; i < count; i++)
            out->integers[i] = (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * raw[rows[i]]);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = first + rows[i];
        out->integers[i] = column_whole(c, row);
        if (present && !(c->absent[row / 8] >> (row % 8) & 1))
            bit_set(present, i);
    }
}

/* Where the elements of these customers lie, from the frame's first on. Starts are made for them alone, where nobody asked for all of them. */
static void parts_of(struct state *s, const struct plan_node *n, const uint32_t *among, uint32_t count, uint32_t *froms,
                     uint32_t *ends) {
    const struct frame_now *f = state_frame(s, n->source);
    uint32_t groups, first = f->first;
    if (rows_say_whose(s, f)) {
        range_rows_of_each(s->range, s->plan->frames[n->source].rows, among, count, froms, ends);
    } else {
        const uint32_t *starts = state_groups(s, n->source, n->frame, &groups);
        first = starts[0];
        for (uint32_t i = 0; i < count; i++) {
            froms[i] = starts[among[i]];
            ends[i] = starts[among[i] + 1];
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        froms[i] -= first;
        ends[i] -= first;
    }
}

/* A list of elements of a frame, and which of them are still in. */
struct listed {
    uint16_t frame;
    const uint32_t *rows; /* from the frame's first on */
    uint32_t count;
    uint8_t *in;
};

#define TIMES_AT_ONCE 64

static void keep_in_window(struct state *s, const struct plan_node *n, const struct listed *list) {
    const struct frame_now *f = state_frame(s, list->frame);
    struct instants in = {1, 0};
    bool known = window_of(s, n->window_kind, n->amount, n->unit, n->children, n->child_count, 0, &in);
    int64_t times[TIMES_AT_ONCE];
    uint32_t rows[TIMES_AT_ONCE];
    for (uint32_t i = 0; i < list->count; i += TIMES_AT_ONCE) {
        uint32_t some = list->count - i < TIMES_AT_ONCE ? list->count - i : TIMES_AT_ONCE;
        for (uint32_t k = 0; k < some; k++)
            rows[k] = f->first + list->rows[i + k];
        frame_times_at(f, rows, some, times);
        for (uint32_t k = 0; k < some; k++)
            list->in[i + k] &= (uint8_t)((int)known & (times[k] >= in.low) & (times[k] < in.high)); /* no branch */
    }
}

/* Keeps those for which the condition holds. Windows and what has a value are looked up for these alone. */
static void keep_where(struct state *s, uint32_t node, const struct listed *list) {
    const struct plan_node *n = state_node(s, node);
    bool fresh = s->results[node].bits_stamp != s->stamp && n->frame == list->frame;
    if (fresh && n->kind == PLAN_CALL && n->op == OP_AND) {
        for (uint32_t i = 0; i < n->child_count; i++)
            keep_where(s, n->children[i], list);
        return;
    }
    if (fresh && n->kind == PLAN_WINDOW && s->plan->frames[n->frame].kind == FRAME_OF_ROWS &&
        window_same_for_all(s, n)) {
        keep_in_window(s, n, list);
        return;
    }
    const struct plan_node *child =
        n->kind == PLAN_CALL && n->op == OP_IS_PRESENT ? state_node(s, n->children[0]) : NULL;
    if (fresh && child && child->kind == PLAN_COLUMN && child->frame == n->frame) {
        const struct frame_now *f = NULL;
        const struct range_column *c = state_column(s, child, &f);
        if (!column_fits(c, child->type))
            memset(list->in, 0, list->count);
        for (uint32_t i = 0; c->absent && i < list->count; i++) {
            uint32_t row = f->first + list->rows[i];
            list->in[i] &= !(c->absent[row / 8] >> (row % 8) & 1);
        }
        return;
    }
    const uint64_t *bits = state_bits(s, node, list->frame);
    for (uint32_t i = 0; i < list->count; i++)
        list->in[i] &= bit_of(bits, list->rows[i]);
}

#define ROWS_WRITTEN 8 /* at a time */

/* Elements of these customers, one after the other; ends[i]: where those of among[i] end. `values` (or NULL) are asked for: what is read of
 * them lies in no cache. */
static uint32_t *all_among(struct state *s, const struct plan_node *n, const struct range_column *values,
                           const uint32_t *among, uint32_t count, uint32_t *ends) {
    const char *data = values && values->data ? (const char *)values->data : NULL;
    const struct frame_now *f = state_frame(s, n->source);
    uint32_t room = 0, listed = 0;
    uint32_t *froms = state_new(s, count, sizeof *froms);
    parts_of(s, n, among, count, froms, ends);
    for (uint32_t i = 0; i < count; i++) {
        room += ends[i] - froms[i];
        if (data)
            __builtin_prefetch(data + (size_t)values->width * (f->first + froms[i]));
    }
    uint32_t *rows = state_new(s, room + ROWS_WRITTEN, sizeof *rows);
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t row = froms[i]; row < ends[i]; row += ROWS_WRITTEN) /* how many it is would be guessed wrong */
            for (uint32_t k = 0; k < ROWS_WRITTEN; k++)
                rows[listed + (row - froms[i]) + k] = row + k;
        listed += ends[i] - froms[i];
        ends[i] = listed;
    }
    return rows;
}

/* Of those the ones that count. */
static uint32_t *rows_among(struct state *s, const struct plan_node *n, const struct range_column *values,
                            const uint32_t *among, uint32_t count, uint32_t *ends) {
    uint32_t *rows = all_among(s, n, values, among, count, ends), all = count ? ends[count - 1] : 0, kept = 0;
    if (n->children[0] == NODE_NONE)
        return rows;
    struct listed list = {n->source, rows, all, memset(state_new(s, all, 1), 1, all)};
    keep_where(s, n->children[0], &list);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        for (; at < ends[i]; at++) {
            rows[kept] = rows[at]; /* as likely as not: no branch */
            kept += list.in[at];
        }
        ends[i] = kept;
    }
    return rows;
}

/* Sums where each has a value. */
static bool sums_among(const struct vector *values, const uint32_t *ends, uint32_t count, struct vector *out) {
    bool passed = false;
    for (uint32_t i = 0, at = 0; i < count; i++) {
        int64_t sum = 0;
        for (; at < ends[i]; at++)
            passed |= __builtin_add_overflow(sum, values->integers[at], &sum);
        out->integers[i] = sum;
    }
    kernel_fill((uint64_t *)out->present, count, true);
    return !passed;
}

/* Sums and extremes of integers; false where a sum passes int64. */
static bool whole_among(const struct plan_node *n, const struct vector *values, const uint32_t *ends, uint32_t count,
                        struct vector *out) {
    out->scale = values->scale;
    if (n->op == OP_SUM && !values->present)
        return sums_among(values, ends, count, out);
    for (uint32_t i = 0, at = 0; i < count; i++) {
        __int128 sum = 0;
        int64_t best = 0;
        bool found = false;
        for (; at < ends[i]; at++) {
            int64_t x = values->integers[at];
            if (!vector_has(values, at))
                continue;
            sum += x;
            best = !found || (n->op == OP_MAX ? x > best : x < best) ? x : best;
            found = true;
        }
        out->integers[i] = n->op == OP_SUM ? (int64_t)sum : best;
        if (n->op == OP_SUM && sum != out->integers[i])
            return false;
        if (found || n->op == OP_SUM)
            bit_set((uint64_t *)out->present, i);
    }
    return true;
}

bool aggregate_values_among(struct state *s, uint32_t node, const uint32_t *among, uint32_t count, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    if (n->op != OP_SUM && n->op != OP_AVG && n->op != OP_MIN && n->op != OP_MAX && n->op != OP_COUNT)
        return false;
    struct vector values;
    struct group one = {.s = s, .n = n, .values = &values};
    const struct range_column *column = integers_of(s, n);
    if (n->op != OP_COUNT && !column)
        return false;
    uint32_t *ends = state_new(s, count, sizeof *ends), *rows = rows_among(s, n, column, among, count, ends);
    if (n->op != OP_COUNT) {
        integers_at(s, column, state_frame(s, n->source)->first, rows, count ? ends[count - 1] : 0, &values);
        values.type = state_node(s, n->children[1])->type;
    }
    if (n->op != OP_COUNT && n->op != OP_AVG) {
        vector_make(s, out, VECTOR_NUMBERS, n->type, count);
        if (whole_among(n, &values, ends, count, out))
            return true;
    }
    vector_make(s, out, group_form(n, one.values), n->type, count);
    for (uint32_t i = 0; i < count; i++) {
        one.from = i ? ends[i - 1] : 0;
        one.to = ends[i];
        group_value(&one, out, i);
    }
    return true;
}
