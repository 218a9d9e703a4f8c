/* evaluate_leave: rows that leave rolling windows. They lie by time and leave in that order, so the moment at which the first, the last or the
 * n-th of them leaves is that of one row, and the others need not be looked at. That is so where the condition is of such windows and of what time
 * does not change, joined by `and`, and no row lies in the future: none comes in by time alone then. */
#include "language/evaluate.h"

bool leaving_of(struct state *s, uint32_t condition, struct leaving *out) {
    const struct plan_node *n = condition == NODE_NONE ? NULL : state_node(s, condition);
    if (!n || !n->timed)
        return true;
    if (n->kind == PLAN_WINDOW && n->window_kind == WINDOW_ROLLING && n->unit <= UNIT_WEEK &&
        out->count < LEAVING_MAX) {
        out->windows[out->count] = n;
        out->in[out->count++] = window_instants(&s->plan->calendar, n->window_kind, n->amount, n->unit, NULL, s->now);
        return true;
    }
    bool plain = n->kind == PLAN_CALL && n->op == OP_AND;
    for (uint32_t k = 0; k < n->child_count && plain; k++)
        plain = leaving_of(s, n->children[k], out);
    return plain;
}

int64_t leaving_at(const struct state *s, const struct leaving *l, int64_t time_ms) {
    int64_t until = INSTANT_NEVER;
    for (unsigned i = 0; i < l->count; i++) {
        const struct plan_node *w = l->windows[i];
        int64_t at = window_until(&s->plan->calendar, w->window_kind, w->amount, w->unit, &l->in[i], time_ms, s->now);
        at = at > s->now ? at : s->now + 1;
        until = at < until ? at : until;
    }
    return until;
}

bool leaving_begin(struct state *s, uint16_t rows, uint32_t condition, struct leaving *out) {
    *out = (struct leaving){.bits = NULL};
    if (s->plan->frames[rows].kind != FRAME_OF_ROWS || !leaving_of(s, condition, out))
        return false;
    out->frame = state_frame(s, rows);
    if (condition != NODE_NONE)
        out->bits = state_bits(s, condition, rows);
    return true;
}

bool leaving_none_comes(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to) {
    return from == to || frame_time(l->frame, to - 1) <= s->now;
}

/* The n-th set bit of [from, to), from 1 on; `to` where there are fewer. */
static uint32_t nth_set(const uint64_t *bits, uint32_t from, uint32_t to, int64_t n) {
    for (uint32_t i = from; i < to; i = (i / 64 + 1) * 64) {
        uint64_t word = bits[i / 64] >> i % 64;
        int64_t count = __builtin_popcountll(word);
        if (n > count) {
            n -= count;
            continue;
        }
        for (; n > 1; n--)
            word &= word - 1;
        i += (uint32_t)__builtin_ctzll(word);
        return i < to ? i : to;
    }
    return to;
}

int64_t leaving_nth(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to, int64_t n) {
    if (l->count == 0)
        return INSTANT_NEVER;
    uint32_t i = l->bits ? nth_set(l->bits, from, to, n) : n <= to - from ? from + (uint32_t)n - 1 : to;
    return i < to ? leaving_at(s, l, frame_time(l->frame, i)) : INSTANT_NEVER;
}

int64_t leaving_last(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to) {
    while (to > from && l->bits && !bit_of(l->bits, to - 1))
        to--;
    return to > from && l->count ? leaving_at(s, l, frame_time(l->frame, to - 1)) : INSTANT_NEVER;
}
