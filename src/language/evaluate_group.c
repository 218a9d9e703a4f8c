/* evaluate_group: windows, and aggregates: from rows to whom they belong.
 *
 * Which rows count is a bit each: `where`, the window and "has a value" are conditions on rows like any others. Counting, any, sums and extremes
 * of integers are kernels over those bits; whatever else there is goes group by group. */
#include <assert.h>
#include <stdlib.h>

#include "language/evaluate_group.h"

/* --- windows --- */

bool window_of(struct state *s, enum window_kind kind, int64_t amount, enum unit unit, const uint32_t *moments,
               uint32_t count, size_t i, struct instants *out) {
    int64_t at[2] = {0, 0};
    for (uint32_t k = 0; k < count; k++) {
        const struct vector *v = state_values(s, moments[k]);
        if (!vector_has(v, i))
            return false;
        at[k] = v->integers[i & v->mask];
        if (v->type == TERM_DATE)
            at[k] = calendar_day_start(&s->plan->calendar, at[k]);
    }
    *out = window_instants(&s->plan->calendar, kind, amount, unit, at, s->now);
    return true;
}

bool window_same_for_all(struct state *s, const struct plan_node *n) {
    for (uint32_t i = 0; i < n->child_count; i++)
        if (state_values(s, n->children[i])->mask != 0)
            return false;
    return true;
}

static void mark_between(const int64_t *times, uint32_t from, uint32_t to, struct instants in, uint64_t *bits) {
    for (uint32_t i = from; i < to; i++)
        if (times[i] >= in.low && times[i] < in.high)
            bit_set(bits, i);
}

uint64_t *window_bits(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    const struct frame_now *f = state_frame(s, n->frame);
    struct instants in;
    if (window_same_for_all(s, n)) {
        if (!window_of(s, n->window_kind, n->amount, n->unit, n->children, n->child_count, 0, &in))
            return state_zero_bits(s, f->count);
        return rows_between(s, n->frame, in.low, in.high);
    }
    const int64_t *times = state_times(s, n->frame);
    uint64_t *bits = state_zero_bits(s, f->count);
    uint32_t groups = f->count;
    const uint32_t *starts = n->source == n->frame ? NULL : state_groups(s, n->frame, n->source, &groups);
    for (uint32_t g = 0; g < groups; g++) {
        uint32_t from = starts ? starts[g] - starts[0] : g, to = starts ? starts[g + 1] - starts[0] : g + 1;
        if (from < to && window_of(s, n->window_kind, n->amount, n->unit, n->children, n->child_count, g, &in))
            mark_between(times, from, to, in, bits);
    }
    return bits;
}

/* --- groups --- */

struct groups {
    const uint32_t *starts; /* absolute */
    uint32_t count;
    uint32_t elements;
    const uint64_t *bits; /* NULL: all */
};

static const uint64_t *rows_that_count(struct state *s, const struct plan_node *n) {
    return n->children[0] == NODE_NONE ? NULL : state_bits(s, n->children[0], n->source);
}

static struct groups groups_of(struct state *s, const struct plan_node *n) {
    struct groups g = {0};
    g.starts = state_groups(s, n->source, n->frame, &g.count);
    g.elements = state_count(s, n->source);
    g.bits = rows_that_count(s, n);
    return g;
}

/* Rows whose owners are looked up one by one, where starts know them too: for few of so many groups. */
#define ROWS_AT_STARTS 4

static void owners_at_least(struct state *s, const struct frame_now *f, const uint64_t *bits, uint32_t least,
                            uint64_t *out) {
    kernel_owners_at_least(bits, f->rows->owners + f->first, f->rows->owner_base, f->rows->owner_multiple, f->count,
                           least, s->count, out);
}

/* Of items that say where their row begins: their rows, and the rows' customers. False where that is not known. */
static bool items_at_least(struct state *s, const struct plan_node *n, const uint64_t *bits, uint32_t least,
                           uint64_t *out) {
    uint16_t row = s->plan->frames[n->source].above;
    const struct frame_now *items = state_frame(s, n->source);
    if (s->plan->frames[n->source].kind != FRAME_OF_ITEMS || !bits || least == 0 || !state_begins(s, n->source))
        return false;
    const uint64_t *begins = items->items->child_begins;
    if (n->frame == row) {
        memset(out, 0, (state_count(s, row) + 63) / 64 * 8);
        kernel_begun_at_least(bits, begins, items->before, items->count, least, out);
        return true;
    }
    const struct frame_now *rows = state_frame(s, row);
    if (n->frame != FRAME_CUSTOMER || least > 1 || !rows_say_whose(s, rows))
        return false;
    uint64_t *some = state_zero_bits(s, rows->count);
    kernel_begun_at_least(bits, begins, items->before, items->count, 1, some);
    owners_at_least(s, rows, some, 1, out);
    return true;
}

/* Groups with `least` rows in `bits` and more. Where rows say whose they are, nobody else is looked at. */
static void groups_at_least(struct state *s, const struct plan_node *n, const uint64_t *bits, uint32_t least,
                            uint64_t *out) {
    const struct frame_now *f = state_frame(s, n->source);
    uint32_t groups;
    if (n->frame == FRAME_CUSTOMER && rows_say_whose(s, f) && (bits || f->count < s->count / ROWS_AT_STARTS)) {
        owners_at_least(s, f, bits, least, out);
        return;
    }
    if (items_at_least(s, n, bits, least, out))
        return;
    const uint32_t *starts = state_groups(s, n->source, n->frame, &groups);
    kernel_group_at_least(bits, starts, groups, least, out);
}

/* --- one group, whatever is asked --- */

#define EACH_ELEMENT(g, i)                                                                                             \
    (i = bits_next((g)->bits, (g)->from, (g)->to); i < (g)->to; i = bits_next((g)->bits, i + 1, (g)->to))

static int64_t group_count(const struct group *g, const uint64_t *bits) {
    int64_t n = 0;
    for (uint32_t i = bits_next(bits, g->from, g->to); i < g->to; i = bits_next(bits, i + 1, g->to))
        n++;
    return n;
}

/* Decimals exactly; where there is a double among them, all as doubles in order. */
struct total {
    __int128 exact; /* over 10^6 */
    double real;
    int64_t count;
    bool has_real;
};

static struct total group_total(const struct group *g) {
    static const int64_t up[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    struct total t = {0};
    uint32_t i;
    for
        EACH_ELEMENT(g, i) {
            struct number n = vector_number(g->values, i);
            t.count++;
            t.real += number_as_real(n);
            if (n.scale == NUMBER_REAL)
                t.has_real = true;
            else
                t.exact += (__int128)n.integer * up[n.scale];
        }
    return t;
}

static struct number mean(const struct total *t) {
    if (t->has_real)
        return number_of_real(number_as_real(number_of_real(t->real)) / (double)t->count);
    if (t->exact % t->count == 0)
        return number_of_wide(t->exact / t->count, DECIMAL_SCALE_MAX);
    return number_of_real((double)((__float128)t->exact / (__float128)((__int128)t->count * 1000000)));
}

static bool group_extreme(const struct group *g, bool greatest, uint32_t *best) {
    bool found = false;
    uint32_t i;
    for
        EACH_ELEMENT(g, i) {
            int order = found ? cells_compare(g->s, g->values, i, g->values, *best) : 1;
            if (!found || (greatest ? order > 0 : order < 0))
                *best = i;
            found = true;
        }
    return found;
}

static bool group_end(const struct group *g, bool last, uint32_t *row) {
    bool found = false;
    uint32_t i;
    for
        EACH_ELEMENT(g, i) {
            *row = i;
            found = true;
            if (!last)
                break;
        }
    return found;
}

/* --- values of a group in order of value: distinct, top, median, distribution --- */

struct seen {
    struct number number;
    struct slice text;
    uint32_t order; /* of appearance */
    uint32_t count; /* of equal ones, in the first of them after sorting */
};

struct seen_list {
    struct seen *all;
    size_t count;
    bool text;
};

static int by_number(const void *a, const void *b) {
    const struct seen *x = a, *y = b;
    int order = number_compare(x->number, y->number);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static int by_text(const void *a, const void *b) {
    const struct seen *x = a, *y = b;
    int order = slice_compare(x->text, y->text);
    return order ? order : (x->order > y->order) - (x->order < y->order);
}

static void see(struct seen_list *list, const struct vector *v, size_t i) {
    struct seen *e = &list->all[list->count];
    *e = (struct seen){.order = (uint32_t)list->count, .count = 1};
    if (list->text)
        e->text = v->texts[i & v->mask];
    else
        e->number = vector_number(v, i);
    list->count++;
}

static size_t values_in(const struct group *g) {
    size_t count = 0;
    uint32_t i;
    for
        EACH_ELEMENT(g, i)
    count += g->values->form == VECTOR_LISTS ? g->values->lists[i].end - g->values->lists[i].first : 1;
    return count;
}

/* Groups are small mostly. */
static void sort_seen(struct seen_list *list) {
    int (*order)(const void *, const void *) = list->text ? by_text : by_number;
    if (list->count > 32) {
        qsort(list->all, list->count, sizeof *list->all, order);
        return;
    }
    for (size_t i = 1; i < list->count; i++) {
        struct seen moving = list->all[i];
        size_t at = i;
        for (; at > 0 && order(&list->all[at - 1], &moving) > 0; at--)
            list->all[at] = list->all[at - 1];
        list->all[at] = moving;
    }
}

/* The group's values (of lists their elements) that are there, sorted by value, then appearance. */
static struct seen_list group_seen(const struct group *g) {
    bool lists = g->values->form == VECTOR_LISTS;
    struct seen_list list = {.text = g->values->form == VECTOR_TEXTS || g->values->type == TERM_TEXT_LIST};
    struct vector elements;
    uint32_t i;
    list.all = state_new(g->s, values_in(g) + 1, sizeof *list.all);
    for
        EACH_ELEMENT(g, i) {
            if (!vector_has(g->values, i))
                continue;
            if (!lists) {
                see(&list, g->values, i);
                continue;
            }
            const struct list_part *part = &g->values->lists[i];
            list_values(g->s, part, g->values->type, &elements);
            for (uint32_t e = 0; e < part->end - part->first; e++)
                if (vector_has(&elements, e))
                    see(&list, &elements, e);
        }
    sort_seen(&list);
    return list;
}

static bool seen_equal(const struct seen_list *list, size_t a, size_t b) {
    return list->text ? slice_equal(list->all[a].text, list->all[b].text)
                      : number_compare(list->all[a].number, list->all[b].number) == 0;
}

/* Keeps one of each value, with its count and its last appearance. */
static void seen_merge(struct seen_list *list) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept && seen_equal(list, kept - 1, i)) {
            list->all[kept - 1].count++;
            list->all[kept - 1].order = list->all[i].order;
        } else {
            list->all[kept++] = list->all[i];
        }
    }
    list->count = kept;
}

static int by_frequency(const void *a, const void *b) {
    const struct seen *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->order < y->order) - (x->order > y->order);
}

static bool group_median(const struct group *g, struct number *out) {
    struct seen_list list = group_seen(g);
    if (list.count == 0)
        return false;
    *out = list.all[list.count / 2].number;
    if (list.count % 2 == 0) {
        number_calculate(OP_ADD, list.all[list.count / 2 - 1].number, *out, out);
        number_calculate(OP_DIVIDE, *out, number_whole(2), out);
    }
    return true;
}

/* --- one group's value --- */

static void set_number(struct vector *out, uint32_t g, struct number n) {
    out->integers[g] = n.integer;
    if (out->form == VECTOR_MIXED)
        out->scales[g] = n.scale;
    bit_set((uint64_t *)out->present, g);
}

static void set_top(struct group *g, struct vector *out, uint32_t at) {
    struct seen_list list = group_seen(g);
    seen_merge(&list);
    const struct seen *best = NULL;
    for (size_t i = 0; i < list.count; i++)
        if (!best || by_frequency(&list.all[i], best) < 0)
            best = &list.all[i];
    if (!best)
        return;
    if (!list.text)
        set_number(out, at, best->number);
    else if (out->form == VECTOR_TEXTS) {
        out->texts[at] = best->text;
        bit_set((uint64_t *)out->present, at);
    }
}

/* One case an operator. */
void group_value(struct group *g, struct vector *out, uint32_t at) {
    uint32_t row;
    struct number number;
    struct total t;
    switch (g->n->op) {
    case OP_COUNT:
        set_number(out, at, number_whole(group_count(g, g->bits)));
        break;
    case OP_SUM:
        t = group_total(g);
        set_number(out, at, t.has_real ? number_of_real(t.real) : number_of_wide(t.exact, DECIMAL_SCALE_MAX));
        break;
    case OP_AVG:
        t = group_total(g);
        if (t.count)
            set_number(out, at, mean(&t));
        break;
    case OP_MIN:
    case OP_MAX:
        if (group_extreme(g, g->n->op == OP_MAX, &row))
            vector_put(out, at, g->values, row);
        break;
    case OP_FIRST:
    case OP_LAST:
        if (group_end(g, g->n->op == OP_LAST, &row) && vector_has(g->values, row))
            vector_put(out, at, g->values, row);
        break;
    case OP_MEDIAN:
        if (group_median(g, &number))
            set_number(out, at, number);
        break;
    case OP_DISTINCT: {
        struct seen_list list = group_seen(g);
        seen_merge(&list);
        set_number(out, at, number_whole((int64_t)list.count));
        break;
    }
    case OP_TOP:
        set_top(g, out, at);
        break;
    default:
        assert(g->n->op == OP_SHARE);
        number = number_whole(group_count(g, g->base));
        if (number.integer && number_calculate(OP_DIVIDE, number_whole(group_count(g, g->bits)), number, &number))
            set_number(out, at, number);
    }
}

static struct group group_of(struct state *s, const struct plan_node *n) {
    struct group g = {.s = s, .n = n};
    g.bits = n->children[0] == NODE_NONE ? NULL : state_bits(s, n->children[0], n->source);
    g.values = n->children[1] == NODE_NONE ? NULL : state_values(s, n->children[1]);
    g.base = n->children[2] == NODE_NONE ? NULL : state_bits(s, n->children[2], n->source);
    return g;
}

uint8_t group_form(const struct plan_node *n, const struct vector *values) {
    if (n->op == OP_MIN || n->op == OP_MAX || n->op == OP_FIRST || n->op == OP_LAST)
        return values->form == VECTOR_NUMBERS && n->type == TERM_NUMBER ? VECTOR_MIXED : values->form;
    return n->type == TERM_TEXT ? VECTOR_TEXTS : n->type == TERM_NUMBER ? VECTOR_MIXED : VECTOR_NUMBERS;
}

static void values_one_by_one(struct state *s, const struct plan_node *n, struct vector *out) {
    struct group g = group_of(s, n);
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->source, n->frame, &groups);
    vector_make(s, out, group_form(n, g.values), n->type, groups);
    for (uint32_t i = 0; i < groups; i++) {
        g.from = starts[i] - starts[0];
        g.to = starts[i + 1] - starts[0];
        group_value(&g, out, i);
    }
}

/* --- the fast ways --- */

static const uint64_t *present_groups(struct state *s, const struct groups *g) {
    uint64_t *bits = state_new_bits(s, g->count);
    kernel_group_any(g->bits, g->starts, g->count, bits);
    return bits;
}

static void widen_counts(struct state *s, const uint64_t *bits, const struct groups *g, struct vector *out) {
    uint32_t *counts = state_new(s, g->count, sizeof *counts);
    *out = (struct vector){.type = TERM_NUMBER, .mask = SIZE_MAX, .integers = state_new(s, g->count, sizeof(int64_t))};
    kernel_group_count(bits, g->starts, g->count, counts);
    for (uint32_t i = 0; i < g->count; i++)
        out->integers[i] = counts[i];
}

static void count_values(struct state *s, const struct plan_node *n, struct vector *out) {
    struct groups g = groups_of(s, n);
    widen_counts(s, g.bits, &g, out);
}

static bool whole_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct vector *v = state_values(s, n->children[1]);
    if (v->form != VECTOR_NUMBERS || v->mask != SIZE_MAX)
        return false;
    struct groups g = groups_of(s, n);
    int64_t *to = state_new(s, g.count, sizeof *to);
    *out = (struct vector){.type = n->type, .scale = v->scale, .mask = SIZE_MAX, .integers = to};
    if (n->op == OP_SUM)
        return kernel_group_sum(v->integers, g.bits, g.starts, g.count, to);
    memset(to, 0, g.count * sizeof *to);
    if (n->op == OP_MIN)
        kernel_group_min(v->integers, g.bits, g.starts, g.count, to);
    else
        kernel_group_max(v->integers, g.bits, g.starts, g.count, to);
    out->present = present_groups(s, &g);
    return true;
}

/* Means of integers whose sums fit. */
static bool mean_values(struct state *s, const struct plan_node *n, struct vector *out) {
    static const int64_t up[] = {1000000, 100000, 10000, 1000, 100, 10, 1};
    const struct vector *v = state_values(s, n->children[1]);
    if (v->form != VECTOR_NUMBERS || v->mask != SIZE_MAX)
        return false;
    struct groups g = groups_of(s, n);
    int64_t *sums = state_new(s, g.count, sizeof *sums);
    uint32_t *counts = state_new(s, g.count, sizeof *counts);
    if (!kernel_group_sum(v->integers, g.bits, g.starts, g.count, sums))
        return false;
    kernel_group_count(g.bits, g.starts, g.count, counts);
    vector_make(s, out, VECTOR_MIXED, n->type, g.count);
    for (uint32_t i = 0; i < g.count; i++) {
        struct total t = {.exact = (__int128)sums[i] * up[v->scale], .count = counts[i]};
        if (counts[i])
            set_number(out, i, mean(&t));
    }
    return true;
}

/* Each group's first or last row: absolute, UINT32_MAX where it has none. */
static const uint32_t *end_rows(struct state *s, const struct plan_node *n, const struct groups *g) {
    uint32_t *rows = state_new(s, g->count, sizeof *rows);
    if (n->op == OP_FIRST)
        kernel_group_first(g->bits, g->starts, g->count, rows);
    else
        kernel_group_last(g->bits, g->starts, g->count, rows);
    return rows;
}

/* first and last of the rows' times: only rows that are one are looked at. */
static bool end_times(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct plan_node *value = state_node(s, n->children[1]);
    const struct frame_now *f = state_frame(s, n->source);
    if (value->kind != PLAN_TIME || value->frame != n->source || f->count == 0)
        return false;
    struct groups g = groups_of(s, n);
    const uint32_t *rows = end_rows(s, n, &g);
    uint64_t *present = state_new_bits(s, g.count);
    int64_t *times = state_new(s, g.count, sizeof *times);
    kernel_range(rows, 4, g.count, 0, UINT32_MAX - 1, present);
    frame_times_at(f, rows, g.count, times);
    *out = (struct vector){.type = n->type, .mask = SIZE_MAX, .present = present, .integers = times};
    return true;
}

static void end_values(struct state *s, const struct plan_node *n, struct vector *out) {
    if (end_times(s, n, out))
        return;
    const struct vector *v = state_values(s, n->children[1]);
    struct groups g = groups_of(s, n);
    const uint32_t *rows = end_rows(s, n, &g);
    vector_make(s, out, v->form, n->type, g.count);
    out->scale = v->scale;
    for (uint32_t i = 0; i < g.count; i++)
        if (rows[i] != UINT32_MAX && vector_has(v, rows[i] - g.starts[0]))
            vector_put(out, i, v, rows[i] - g.starts[0]);
}

/* First rows of groups. */
static const uint64_t *group_begins(struct state *s, const struct groups *g) {
    uint64_t *bits = state_zero_bits(s, g->elements);
    for (uint32_t k = 0; k < g->count; k++)
        if (g->starts[k] < g->starts[k + 1])
            bit_set(bits, g->starts[k] - g->starts[0]);
    return bits;
}

/* Days of the rows of a word, for those that are set: one after the other. */
static void days_of_word(struct state *s, const struct frame_now *f, uint32_t first, uint64_t word, int64_t days[64]) {
    uint32_t rows[64], count = 0;
    int64_t times[64];
    for (; word; word &= word - 1)
        rows[count++] = f->first + first + (uint32_t)__builtin_ctzll(word);
    frame_times_at(f, rows, count, times);
    calendar_days(&s->plan->calendar, times, count, days);
}

/* Rows that count and are of another day than the one of their group before that does. Only they are asked for their time. */
static const uint64_t *new_days(struct state *s, const struct groups *g, const struct frame_now *f) {
    const uint64_t *begins = group_begins(s, g), *bits = g->bits;
    uint64_t *fresh = state_new_bits(s, g->elements);
    int64_t days[64], before = 0;
    bool begun = false; /* a group has, since the last row that counts */
    if (!bits) {
        uint64_t *all = state_new_bits(s, g->elements);
        kernel_fill(all, g->elements, true);
        bits = all;
    }
    for (uint32_t w = 0; w < (g->elements + 63) / 64; w++) {
        uint64_t begin = begins[w], word = 0;
        const int64_t *day = days;
        days_of_word(s, f, w * 64, bits[w], days);
        for (uint64_t left = bits[w]; left; left &= left - 1, day++) {
            uint64_t lowest = left & (0 - left), up_to = lowest | (lowest - 1);
            word |= lowest & (0 - (uint64_t)(begun | ((begin & up_to) != 0) | (*day != before)));
            begin &= ~up_to;
            before = *day;
            begun = false;
        }
        fresh[w] = word;
        begun = begun || begin;
    }
    return fresh;
}

/* Days ascend with their rows: a new one is one unlike the one before. */
static bool ascending_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct plan_node *value = state_node(s, n->children[1]);
    if (value->kind != PLAN_CALL || value->op != OP_DATE || state_node(s, value->children[0])->kind != PLAN_TIME)
        return false;
    struct groups g = groups_of(s, n);
    widen_counts(s, new_days(s, &g, state_frame(s, n->source)), &g, out);
    return true;
}

/* --- texts by their codes: which is which needs no texts --- */

/* How often elements' codes occur, by a walk over those before: groups are small; a large one is sorted elsewhere. */
#define CODES_MANY 64

static uint32_t distinct_codes(const uint32_t *codes, uint32_t count, uint32_t *top) {
    uint32_t different = 0, most = 0;
    for (uint32_t i = count; i-- > 0;) { /* from the last, so that among equally frequent ones the last seen wins */
        uint32_t same = 0;
        bool later = false;
        for (uint32_t k = 0; k < count; k++) {
            same += codes[k] == codes[i];
            later = later || (k > i && codes[k] == codes[i]);
        }
        different += !later;
        if (!later && same > most) {
            most = same;
            *top = codes[i];
        }
    }
    return different;
}

static void set_code_text(struct state *s, const struct range_column *c, uint32_t code, struct vector *out,
                          uint32_t at) {
    buffer_clear(&s->scratch);
    out->texts[at] = arena_copy(&s->arena, range_code_text(c, code, &s->scratch));
    bit_set((uint64_t *)out->present, at);
}

/* distinct and top of a coded column; false where it is none, or a group is too large. */
static bool code_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const struct plan_node *value = state_node(s, n->children[1]);
    const struct frame_now *f = NULL;
    uint32_t codes[CODES_MANY];
    if (value->kind != PLAN_COLUMN || value->frame != n->source || value->type != TERM_TEXT)
        return false;
    const struct range_column *c = state_column(s, value, &f);
    if (c->form != COLUMN_CODED)
        return false;
    struct groups g = groups_of(s, n);
    vector_make(s, out, n->op == OP_TOP ? VECTOR_TEXTS : VECTOR_NUMBERS, n->type, g.count);
    for (uint32_t k = 0; k < g.count; k++) {
        uint32_t count = 0, top = 0, end = g.starts[k + 1] - g.starts[0];
        for (uint32_t i = bits_next(g.bits, g.starts[k] - g.starts[0], end); i < end;
             i = bits_next(g.bits, i + 1, end)) {
            if (count == CODES_MANY)
                return false;
            codes[count++] = (uint32_t)column_raw(c, f->first + i);
        }
        uint32_t different = count ? distinct_codes(codes, count, &top) : 0;
        if (n->op == OP_DISTINCT)
            set_number(out, k, number_whole(different));
        else if (count)
            set_code_text(s, c, top, out, k);
    }
    return true;
}

void aggregate_values(struct state *s, uint32_t node, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    assert(n->op != OP_DISTRIBUTION);
    switch (n->op) {
    case OP_COUNT:
        count_values(s, n, out);
        return;
    case OP_SUM:
    case OP_MIN:
    case OP_MAX:
        if (whole_values(s, n, out))
            return;
        break;
    case OP_AVG:
        if (mean_values(s, n, out))
            return;
        break;
    case OP_FIRST:
    case OP_LAST:
        end_values(s, n, out);
        return;
    case OP_DISTINCT:
        if (ascending_values(s, n, out) || code_values(s, n, out))
            return;
        break;
    case OP_TOP:
        if (code_values(s, n, out))
            return;
        break;
    default:
        break;
    }
    values_one_by_one(s, n, out);
}

uint64_t *aggregate_bits(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    uint32_t count = state_count(s, n->frame);
    uint64_t *bits = state_zero_bits(s, count);
    groups_at_least(s, n, rows_that_count(s, n), 1, bits);
    if (n->op == OP_NONE)
        kernel_not(bits, count);
    return bits;
}

uint64_t *aggregate_count_bits(struct state *s, uint32_t node, enum op op, struct number bound) {
    const struct plan_node *n = state_node(s, node);
    struct number_range r = number_range_of(op, bound, 0);
    uint32_t count = state_count(s, n->frame);
    uint64_t *bits = state_new_bits(s, count);
    if (r.low > r.high || r.high < 0 || r.low > UINT32_MAX)
        return state_zero_bits(s, count);
    const uint64_t *rows = rows_that_count(s, n);
    if (r.low <= 0)
        kernel_fill(bits, count, true);
    else
        groups_at_least(s, n, rows, (uint32_t)r.low, bits);
    if (r.high < UINT32_MAX) {
        uint64_t *more = state_new_bits(s, count);
        groups_at_least(s, n, rows, (uint32_t)r.high + 1, more);
        kernel_and_not(bits, more, (count + 63) / 64);
    }
    return bits;
}

/* --- ends of groups by their rows' times --- */

static uint64_t *groups_with(struct state *s, const struct plan_node *n, uint64_t *rows) {
    uint64_t *bits = state_zero_bits(s, state_count(s, n->frame));
    const uint64_t *count = rows_that_count(s, n);
    if (count)
        kernel_and(rows, count, (state_count(s, n->source) + 63) / 64);
    groups_at_least(s, n, rows, 1, bits);
    return bits;
}

/* The last time is in where a row is in and none is past it. So no time is looked up, and few rows are in mostly. */
uint64_t *aggregate_time_bits(struct state *s, uint32_t node, int64_t low, int64_t high) {
    const struct plan_node *n = state_node(s, node);
    const struct plan_node *value = n->children[1] == NODE_NONE ? NULL : state_node(s, n->children[1]);
    bool last = n->op == OP_LAST || n->op == OP_MAX;
    if (!value || value->kind != PLAN_TIME || value->frame != n->source ||
        (!last && n->op != OP_FIRST && n->op != OP_MIN))
        return NULL;
    uint32_t count = state_count(s, n->frame);
    if (low > high || state_count(s, n->source) == 0)
        return state_zero_bits(s, count);
    uint64_t *in = rows_between(s, n->source, low, high == INT64_MAX ? high : high + 1);
    uint64_t *bits = groups_with(s, n, in);
    if (last ? high == INT64_MAX : low == INT64_MIN)
        return bits;
    uint64_t *past =
        last ? rows_between(s, n->source, high + 1, INT64_MAX) : rows_between(s, n->source, INT64_MIN, low);
    kernel_and_not(bits, groups_with(s, n, past), (count + 63) / 64);
    return bits;
}

struct slice aggregate_distribution(struct state *s, uint32_t node, uint32_t customer, struct arena *arena) {
    const struct plan_node *n = state_node(s, node);
    struct group g = group_of(s, n);
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->source, FRAME_CUSTOMER, &groups);
    g.from = starts[customer] - starts[0];
    g.to = starts[customer + 1] - starts[0];
    struct seen_list list = group_seen(&g);
    if (list.count == 0)
        return SLICE_NONE;
    seen_merge(&list);
    qsort(list.all, list.count, sizeof *list.all, by_frequency);
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_array(&w);
    for (size_t i = 0; i < list.count; i++) {
        json_object(&w);
        json_key(&w, "value");
        if (list.text)
            json_text(&w, list.all[i].text);
        else
            number_json(&w, list.all[i].number, g.values->type == TERM_NUMBER_LIST ? TERM_NUMBER : g.values->type);
        json_member_integer(&w, "count", list.all[i].count);
        json_end_object(&w);
    }
    json_end_array(&w);
    struct slice copy = arena_copy(arena, buffer_slice(&text));
    buffer_release(&text);
    return copy;
}

/* --- downwards --- */

void spread_values(struct state *s, uint32_t node, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    const struct vector *v = state_values(s, n->children[0]);
    if (v->mask == 0) {
        *out = *v;
        return;
    }
    uint16_t from = state_node(s, n->children[0])->frame;
    uint32_t groups;
    const uint32_t *starts = state_groups(s, n->frame, from, &groups);
    vector_make(s, out, v->form, v->type, state_count(s, n->frame));
    out->scale = v->scale;
    for (uint32_t g = 0; g < groups; g++) {
        if (!vector_has(v, g))
            continue;
        for (uint32_t i = starts[g] - starts[0]; i < starts[g + 1] - starts[0]; i++)
            vector_put(out, i, v, g);
    }
}
