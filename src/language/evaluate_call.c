/* evaluate_call: operators over vectors.
 *
 * A missing argument makes a comparison false and everything else missing, but for what is made to deal with it: is missing, coalesce,
 * least, greatest, if, in and contains any, where a missing element equals nothing. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "base/time.h"
#include "language/evaluate.h"
#include "language/evaluate_text.h"

/* --- vectors --- */

void vector_make(struct state *s, struct vector *v, uint8_t form, uint8_t type, size_t count) {
    *v = (struct vector){.form = form, .type = type, .mask = SIZE_MAX, .present = state_zero_bits(s, count)};
    if (form == VECTOR_TEXTS) {
        v->texts = state_new(s, count, sizeof *v->texts);
        memset(v->texts, 0, count * sizeof *v->texts);
    } else if (form == VECTOR_LISTS) {
        v->lists = state_new(s, count, sizeof *v->lists);
        memset(v->lists, 0, count * sizeof *v->lists);
    } else {
        v->integers = state_new(s, count, sizeof *v->integers);
        memset(v->integers, 0, count * sizeof *v->integers);
        v->scales = form == VECTOR_MIXED ? state_new(s, count, 1) : NULL;
        if (v->scales)
            memset(v->scales, 0, count);
    }
}

static uint8_t form_of(uint8_t type) {
    return type == TERM_TEXT                                    ? VECTOR_TEXTS
           : type == TERM_TEXT_LIST || type == TERM_NUMBER_LIST ? VECTOR_LISTS
           : type == TERM_NUMBER                                ? VECTOR_MIXED
                                                                : VECTOR_NUMBERS;
}

void vector_make_of(struct state *s, struct vector *v, uint8_t type, size_t count) {
    vector_make(s, v, form_of(type), type, count);
}

static void put_number(struct vector *v, size_t i, struct number n) {
    v->integers[i] = n.integer;
    if (v->form == VECTOR_MIXED)
        v->scales[i] = n.scale;
    else
        assert(n.scale == v->scale);
    bit_set((uint64_t *)v->present, i);
}

static void put_text(struct vector *v, size_t i, struct slice text) {
    v->texts[i] = text;
    bit_set((uint64_t *)v->present, i);
}

/* Takes over an element of a vector of the same type. */
void vector_put(struct vector *v, size_t i, const struct vector *from, size_t k) {
    k &= from->mask;
    if (v->form == VECTOR_TEXTS)
        v->texts[i] = from->form == VECTOR_TEXTS ? from->texts[k] : slice_of("", 0);
    else if (v->form == VECTOR_LISTS)
        v->lists[i] = from->form == VECTOR_LISTS ? from->lists[k] : (struct list_part){0};
    else {
        struct number n = vector_number(from, k);
        v->integers[i] = n.integer;
        if (v->form == VECTOR_MIXED)
            v->scales[i] = n.scale;
    }
    bit_set((uint64_t *)v->present, i);
}

/* --- comparing two elements that are there --- */

static int64_t as_date(const struct state *s, const struct vector *v, size_t i) {
    int64_t x = v->integers[i & v->mask];
    return v->type == TERM_TIME ? calendar_day(&s->plan->calendar, x) : x;
}

int cells_compare(const struct state *s, const struct vector *a, size_t i, const struct vector *b, size_t k) {
    if (a->form == VECTOR_TEXTS)
        return b->form == VECTOR_TEXTS ? slice_compare(a->texts[i & a->mask], b->texts[k & b->mask]) : 1;
    if (a->type != b->type && (a->type == TERM_DATE || b->type == TERM_DATE)) {
        int64_t x = as_date(s, a, i), y = as_date(s, b, k);
        return (x > y) - (x < y);
    }
    return number_compare(vector_number(a, i), vector_number(b, k));
}

static bool lists_equal(struct state *s, const struct vector *a, size_t i, const struct vector *b, size_t k) {
    struct vector x, y;
    const struct list_part *p = &a->lists[i & a->mask], *q = &b->lists[k & b->mask];
    if (p->end - p->first != q->end - q->first)
        return false;
    list_values(s, p, a->type, &x);
    list_values(s, q, b->type, &y);
    for (uint32_t e = 0; e < p->end - p->first; e++)
        if (vector_has(&x, e) != vector_has(&y, e) || (vector_has(&x, e) && cells_compare(s, &x, e, &y, e) != 0))
            return false;
    return true;
}

bool cells_equal(struct state *s, const struct vector *a, size_t i, const struct vector *b, size_t k) {
    if (a->form == VECTOR_LISTS || b->form == VECTOR_LISTS)
        return a->form == b->form && lists_equal(s, a, i, b, k);
    return cells_compare(s, a, i, b, k) == 0;
}

static bool list_has(struct state *s, const struct vector *list, size_t i, const struct vector *x, size_t k) {
    struct vector elements;
    const struct list_part *part = &list->lists[i & list->mask];
    list_values(s, part, list->type, &elements);
    for (uint32_t e = 0; e < part->end - part->first; e++)
        if (vector_has(&elements, e) && cells_compare(s, &elements, e, x, k) == 0)
            return true;
    return false;
}

static bool holds_part(struct state *s, const struct vector *a, size_t i, const struct vector *x, size_t k) {
    if (a->form == VECTOR_LISTS)
        return list_has(s, a, i, x, k);
    return x->form == VECTOR_TEXTS && a->form == VECTOR_TEXTS &&
           text_holds(OP_CONTAINS, a->texts[i & a->mask], x->texts[k & x->mask]);
}

#define ARGUMENTS_MAX 1002
struct arguments {
    const struct vector **v;
    uint32_t count;
};

static struct arguments arguments_of(struct state *s, const struct plan_node *n) {
    struct arguments a = {state_new(s, n->child_count + 1, sizeof(struct vector *)), n->child_count};
    for (uint32_t i = 0; i < n->child_count; i++)
        a.v[i] = state_values(s, n->children[i]);
    return a;
}

/* One of several: in, contains any, contains all. */
static bool one_of(struct state *s, enum op op, const struct arguments *a, size_t i) {
    uint32_t found = 0;
    if (!vector_has(a->v[0], i))
        return false;
    for (uint32_t k = 1; k < a->count; k++) {
        if (!vector_has(a->v[k], i))
            continue;
        found += op == OP_IN ? cells_equal(s, a->v[0], i, a->v[k], i) : holds_part(s, a->v[0], i, a->v[k], i);
        if (found && op != OP_CONTAINS_ALL)
            return true;
    }
    return op == OP_CONTAINS_ALL && found == a->count - 1;
}

static bool compares(struct state *s, enum op op, const struct arguments *a, size_t i) {
    if (op == OP_IN || op == OP_CONTAINS_ANY || op == OP_CONTAINS_ALL)
        return one_of(s, op, a, i);
    for (uint32_t k = 0; k < a->count; k++)
        if (!vector_has(a->v[k], i))
            return false;
    switch (op) {
    case OP_EQUAL:
        return cells_equal(s, a->v[0], i, a->v[1], i);
    case OP_NOT_EQUAL:
        return !cells_equal(s, a->v[0], i, a->v[1], i);
    case OP_LESS:
        return cells_compare(s, a->v[0], i, a->v[1], i) < 0;
    case OP_LESS_EQUAL:
        return cells_compare(s, a->v[0], i, a->v[1], i) <= 0;
    case OP_GREATER:
        return cells_compare(s, a->v[0], i, a->v[1], i) > 0;
    case OP_GREATER_EQUAL:
        return cells_compare(s, a->v[0], i, a->v[1], i) >= 0;
    case OP_BETWEEN:
        return cells_compare(s, a->v[0], i, a->v[1], i) >= 0 && cells_compare(s, a->v[0], i, a->v[2], i) <= 0;
    case OP_CONTAINS:
        return holds_part(s, a->v[0], i, a->v[1], i);
    default:
        return a->v[0]->form == VECTOR_TEXTS && a->v[1]->form == VECTOR_TEXTS &&
               text_holds(op, a->v[0]->texts[i & a->v[0]->mask], a->v[1]->texts[i & a->v[1]->mask]);
    }
}

/* --- conditions on a column with constants --- */

static bool is_order(enum op op) { return op >= OP_EQUAL && op <= OP_GREATER_EQUAL && op != OP_NOT_EQUAL; }

static enum op turned(enum op op) {
    switch (op) {
    case OP_LESS:
        return OP_GREATER;
    case OP_LESS_EQUAL:
        return OP_GREATER_EQUAL;
    case OP_GREATER:
        return OP_LESS;
    case OP_GREATER_EQUAL:
        return OP_LESS_EQUAL;
    default:
        return op;
    }
}

struct texts_wanted {
    enum op op;
    const struct slice *texts;
    size_t count;
};

static bool text_wanted(const void *context, struct slice text) {
    const struct texts_wanted *w = context;
    for (size_t i = 0; i < w->count; i++)
        if (text_holds(w->op, text, w->texts[i]))
            return true;
    return false;
}

static uint64_t *compare_texts(struct state *s, const struct plan_node *n, const struct plan_node *column,
                               const struct arguments *a) {
    struct slice *texts = state_new(s, a->count, sizeof *texts);
    struct texts_wanted wanted = {n->op == OP_IN ? OP_EQUAL : n->op, texts, 0};
    const struct frame_now *f = NULL;
    for (uint32_t i = 1; i < a->count; i++)
        if (vector_has(a->v[i], 0) && a->v[i]->form == VECTOR_TEXTS)
            texts[wanted.count++] = a->v[i]->texts[0];
    const struct range_column *c = state_column(s, column, &f);
    if (wanted.count == 0)
        return state_zero_bits(s, f->count);
    bool exact = wanted.op == OP_EQUAL;
    return column_texts_hold(s, c, f->first, f->count, text_wanted, &wanted, exact ? texts : NULL, wanted.count);
}

/* Instants of a time (or of the time that a date is taken of) that stand so to a bound, as [low, high). */
static struct instants instants_of(struct state *s, enum op op, const struct vector *bound, bool by_date) {
    int64_t x = bound->integers[0];
    struct instants at = {x, x + 1};
    if (by_date) {
        int64_t day = bound->type == TERM_TIME ? calendar_day(&s->plan->calendar, x) : x;
        at = (struct instants){calendar_day_start(&s->plan->calendar, day),
                               calendar_day_start(&s->plan->calendar, day + 1)};
    }
    switch (op) {
    case OP_EQUAL:
        return at;
    case OP_LESS:
        return (struct instants){INT64_MIN, at.low};
    case OP_LESS_EQUAL:
        return (struct instants){INT64_MIN, at.high};
    case OP_GREATER:
        return (struct instants){at.high, INT64_MAX};
    default:
        return (struct instants){at.low, INT64_MAX};
    }
}

static uint64_t *times_in(struct state *s, const struct plan_node *n, struct instants in) {
    const struct frame_now *f = NULL;
    if (n->kind == PLAN_TIME)
        return rows_between(s, n->frame, in.low, in.high);
    const struct range_column *c = state_column(s, n, &f);
    if (in.low >= in.high || (c->form != COLUMN_WHOLE && c->form != COLUMN_LOOKED_UP))
        return state_zero_bits(s, f->count);
    return column_between(s, c, f->first, f->count, in.low, in.high == INT64_MAX ? INT64_MAX : in.high - 1);
}

/* A column against one bound; NULL where the general way must be gone. */
static uint64_t *compare_bound(struct state *s, const struct plan_node *column, enum op op,
                               const struct vector *bound) {
    const struct frame_now *f = NULL;
    bool dated = false;
    if (column->kind == PLAN_CALL && column->op == OP_DATE) {
        column = state_node(s, column->children[0]);
        dated = true;
    }
    if (column->kind != PLAN_COLUMN && column->kind != PLAN_TIME)
        return NULL;
    if (bound->form == VECTOR_TEXTS || bound->form == VECTOR_LISTS)
        return NULL;
    uint32_t count = state_count(s, column->frame);
    if (!vector_has(bound, 0))
        return state_zero_bits(s, count);
    if (column->type == TERM_TIME)
        return times_in(s, column, instants_of(s, op, bound, dated || bound->type == TERM_DATE));
    struct number number = vector_number(bound, 0);
    if (column->type == TERM_DATE && bound->type == TERM_TIME)
        number = number_whole(calendar_day(&s->plan->calendar, number.integer));
    if (column->type != TERM_NUMBER && column->type != TERM_DATE && column->type != TERM_BOOL)
        return NULL;
    const struct range_column *c = state_column(s, column, &f);
    return column_compare(s, c, f->first, f->count, op, number);
}

static uint64_t *compare_column(struct state *s, const struct plan_node *n, const struct arguments *a) {
    const struct plan_node *left = state_node(s, n->children[0]);
    size_t words = (state_count(s, n->frame) + 63) / 64;
    if (left->frame != n->frame || (is_order(n->op) && a->v[1]->mask != 0))
        return NULL;
    if (is_order(n->op))
        return left->type == TERM_TEXT ? NULL : compare_bound(s, left, n->op, a->v[1]);
    if (n->op == OP_BETWEEN) {
        uint64_t *low = compare_bound(s, left, OP_GREATER_EQUAL, a->v[1]);
        uint64_t *high = low ? compare_bound(s, left, OP_LESS_EQUAL, a->v[2]) : NULL;
        if (high)
            kernel_and(low, high, words);
        return high ? low : NULL;
    }
    if (n->op != OP_IN || a->count > 9)
        return NULL;
    uint64_t *all = NULL;
    for (uint32_t i = 1; i < a->count; i++) {
        uint64_t *one = compare_bound(s, left, OP_EQUAL, a->v[i]);
        if (!one)
            return NULL;
        if (all)
            kernel_or(all, one, words);
        else
            all = one;
    }
    return all;
}

static bool constants_from(const struct arguments *a, uint32_t from) {
    for (uint32_t i = from; i < a->count; i++)
        if (a->v[i]->mask != 0)
            return false;
    return true;
}

/* --- units since a moment against a bound: a range of moments --- */

#define MANY 24 /* below it each is worked out by itself */

struct since {
    const struct calendar *calendar;
    enum op op;
    bool date;
    int64_t now;
};

/* The latest moment since which at least `count` units have gone by: with the moment the units only fall. */
static int64_t latest_since(const struct since *q, int64_t count) {
    const int64_t far = q->date ? 20000000 : 20000000 * DAY_MS;
    int64_t low = -far, high = far;
    while (low < high) {
        int64_t middle = low + (high - low + 1) / 2;
        if (calendar_since(q->calendar, q->op, middle, q->date, q->now) >= count)
            low = middle;
        else
            high = middle - 1;
    }
    return low;
}

/* Moments for which units since them lie in [low, high]. */
static struct number_range moments_since(const struct since *q, struct number_range units) {
    const int64_t most = 1000000000000;
    struct number_range moments = {INT64_MIN, INT64_MAX};
    if (units.low > units.high)
        return (struct number_range){1, 0};
    if (units.low > -most)
        moments.high = latest_since(q, units.low < most ? units.low : most);
    if (units.high < most)
        moments.low = latest_since(q, units.high > -most ? units.high + 1 : -most) + 1;
    return moments;
}

/* Whole units of the call's arguments, as a range; false where they are no plain bounds. */
static bool since_units(const struct plan_node *n, const struct arguments *a, struct number_range *units) {
    *units = (struct number_range){INT64_MIN, INT64_MAX};
    for (uint32_t i = 1; i < a->count; i++) {
        if (a->v[i]->type != TERM_NUMBER || !vector_has(a->v[i], 0))
            return false;
        enum op op = n->op != OP_BETWEEN ? n->op : i == 1 ? OP_GREATER_EQUAL : OP_LESS_EQUAL;
        struct number_range one = number_range_of(op, vector_number(a->v[i], 0), 0);
        units->low = one.low > units->low ? one.low : units->low;
        units->high = one.high < units->high ? one.high : units->high;
    }
    return true;
}

/* Only where units fall as moments rise, clock changes or not: dates, and times in units of fixed length. */
static bool falls_steadily(enum op op, uint8_t type) {
    return type == TERM_DATE || (type == TERM_TIME && op >= OP_SECONDS_SINCE && op <= OP_WEEKS_SINCE);
}

static uint64_t *compare_since(struct state *s, const struct plan_node *n, const struct plan_node *left,
                               const struct arguments *a) {
    const struct plan_node *child = state_node(s, left->children[0]);
    uint32_t count = state_count(s, n->frame);
    struct since q = {&s->plan->calendar, left->op, child->type == TERM_DATE, s->now};
    struct number_range units;
    const struct frame_now *f = NULL;
    if (count <= MANY || left->op < OP_AGE || left->op > OP_YEARS_SINCE || !falls_steadily(left->op, child->type) ||
        child->frame != n->frame || (!is_order(n->op) && n->op != OP_BETWEEN) || !since_units(n, a, &units))
        return NULL;
    struct moments_known *since = &s->results[n - s->plan->nodes].since;
    if (!since->known || since->now != s->now || since->units.low != units.low || since->units.high != units.high)
        *since = (struct moments_known){true, s->now, units, moments_since(&q, units)};
    const struct number_range in = since->moments;
    if (child->kind == PLAN_COLUMN) {
        const struct range_column *c = state_column(s, child, &f);
        return c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP
                   ? column_between(s, c, f->first, count, in.low, in.high)
                   : state_zero_bits(s, count);
    }
    if (child->kind == PLAN_AGGREGATE && s->results[left->children[0]].values_stamp != s->stamp) {
        uint64_t *bits = aggregate_time_bits(s, left->children[0], in.low, in.high);
        if (bits)
            return bits;
    }
    const struct vector *v = state_values(s, left->children[0]);
    if (v->form != VECTOR_NUMBERS || v->mask != SIZE_MAX)
        return NULL;
    uint64_t *bits = state_zero_bits(s, count);
    if (in.low <= in.high)
        kernel_between(v->integers, count, in.low, in.high, bits);
    if (v->present)
        kernel_and(bits, v->present, (count + 63) / 64);
    return bits;
}

/* The left side is looked at where it lies, so it is not among the arguments yet. */
static uint64_t *compare_in_place(struct state *s, const struct plan_node *n) {
    const struct plan_node *left = state_node(s, n->children[0]);
    struct arguments a = {state_new(s, n->child_count + 1, sizeof(struct vector *)), n->child_count};
    if (n->op == OP_CONTAINS_ANY || n->op == OP_CONTAINS_ALL)
        return NULL;
    if (n->child_count == 2 && is_order(n->op) && left->kind == PLAN_CONSTANT) {
        a.v[0] = state_values(s, n->children[0]);
        const struct plan_node *right = state_node(s, n->children[1]);
        return right->type == TERM_TEXT || right->frame != n->frame ? NULL
                                                                    : compare_bound(s, right, turned(n->op), a.v[0]);
    }
    bool in_place = left->kind == PLAN_COLUMN || left->kind == PLAN_TIME ||
                    (left->kind == PLAN_CALL && left->op >= OP_DATE && left->op <= OP_YEARS_SINCE) ||
                    (left->kind == PLAN_AGGREGATE && left->op == OP_COUNT && is_order(n->op));
    if (!in_place || left->frame != n->frame)
        return NULL;
    for (uint32_t i = 1; i < n->child_count; i++)
        a.v[i] = state_values(s, n->children[i]);
    if (!constants_from(&a, 1))
        return NULL;
    if (left->kind == PLAN_AGGREGATE)
        return vector_has(a.v[1], 0) ? aggregate_count_bits(s, n->children[0], n->op, vector_number(a.v[1], 0))
                                     : state_zero_bits(s, state_count(s, n->frame));
    if (left->kind == PLAN_CALL && left->op >= OP_AGE)
        return compare_since(s, n, left, &a);
    if (left->kind == PLAN_COLUMN && left->type == TERM_TEXT)
        return n->op == OP_BETWEEN || (is_order(n->op) && n->op != OP_EQUAL) ? NULL : compare_texts(s, n, left, &a);
    return compare_column(s, n, &a);
}

/* Two vectors of integers of one scale. */
static uint64_t *compare_whole(struct state *s, const struct plan_node *n, const struct arguments *a) {
    const struct vector *x = a->v[0], *y = a->v[1];
    uint32_t count = state_count(s, n->frame);
    if (count < 8 || !is_order(n->op) || x->form != VECTOR_NUMBERS || y->form != VECTOR_NUMBERS || x->type != y->type ||
        x->scale != y->scale || x->mask != SIZE_MAX || y->mask != SIZE_MAX)
        return NULL;
    uint64_t *bits = state_new_bits(s, count);
    bool swap = n->op == OP_GREATER || n->op == OP_LESS_EQUAL;
    if (n->op == OP_EQUAL)
        kernel_equal(x->integers, y->integers, count, bits);
    else
        kernel_less(swap ? y->integers : x->integers, swap ? x->integers : y->integers, count, bits);
    if (n->op == OP_LESS_EQUAL || n->op == OP_GREATER_EQUAL)
        kernel_not(bits, count);
    if (x->present)
        kernel_and(bits, x->present, (count + 63) / 64);
    if (y->present)
        kernel_and(bits, y->present, (count + 63) / 64);
    return bits;
}

/* Integers of a vector that stand so to constants; false where they are no integers, or not compared as such. */
static bool constant_range(const struct plan_node *n, const struct arguments *a, struct number_range *out) {
    const struct vector *x = a->v[0];
    *out = (struct number_range){INT64_MIN, INT64_MAX};
    if ((!is_order(n->op) && n->op != OP_BETWEEN) || x->form != VECTOR_NUMBERS || x->mask != SIZE_MAX)
        return false;
    for (uint32_t i = 1; i < a->count; i++) {
        if (!vector_has(a->v[i], 0)) {
            *out = (struct number_range){1, 0};
            return true;
        }
        if (a->v[i]->type != x->type || (a->v[i]->form != VECTOR_NUMBERS && a->v[i]->form != VECTOR_MIXED))
            return false;
        enum op op = n->op != OP_BETWEEN ? n->op : i == 1 ? OP_GREATER_EQUAL : OP_LESS_EQUAL;
        struct number_range one = number_range_of(op, vector_number(a->v[i], 0), x->scale);
        out->low = one.low > out->low ? one.low : out->low;
        out->high = one.high < out->high ? one.high : out->high;
    }
    return true;
}

/* A vector of integers against constants. */
static uint64_t *compare_constant(struct state *s, const struct plan_node *n, const struct arguments *a) {
    const struct vector *x = a->v[0];
    uint32_t count = state_count(s, n->frame);
    struct number_range r;
    if (count < 8 || !constants_from(a, 1) || !constant_range(n, a, &r))
        return NULL;
    if (r.low > r.high)
        return state_zero_bits(s, count);
    uint64_t *bits = state_new_bits(s, count);
    kernel_between(x->integers, count, r.low, r.high, bits);
    if (x->present)
        kernel_and(bits, x->present, (count + 63) / 64);
    return bits;
}

static uint64_t *compare(struct state *s, const struct plan_node *n) {
    uint64_t *bits = compare_in_place(s, n);
    if (bits)
        return bits;
    struct arguments a = arguments_of(s, n);
    if ((bits = compare_constant(s, n, &a)) || (bits = compare_whole(s, n, &a)))
        return bits;
    uint32_t count = state_count(s, n->frame);
    bits = state_zero_bits(s, count);
    for (uint32_t i = 0; i < count; i++)
        if (compares(s, n->op, &a, i))
            bit_set(bits, i);
    return bits;
}

/* --- and, or, not --- */

static bool settled(const uint64_t *bits, uint32_t count, bool all) {
    if (!all)
        return kernel_none(bits, (count + 63) / 64);
    for (uint32_t w = 0; w < count / 64; w++)
        if (bits[w] != UINT64_MAX)
            return false;
    return count % 64 == 0 || bits[count / 64] == ((uint64_t)1 << (count % 64)) - 1;
}

/* An aggregate is worked out customer by customer where few are still in question. */
#define AMONG_COUNT 256 /* customers of a range from which on it may be less */
#define AMONG_ONE_IN 16
#define AMONG_ITEMS_ONE_IN 6 /* a look at an item's row costs some six times what spreading does an item */

static uint32_t list_bits(const uint64_t *bits, uint32_t count, uint32_t *list) {
    uint32_t listed = 0;
    for (uint32_t w = 0; w < (count + 63) / 64; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1)
            list[listed++] = w * 64 + (uint32_t)__builtin_ctzll(left);
    return listed;
}

bool call_among(struct state *s, uint32_t node, uint64_t *bits) {
    const struct plan_node *n = state_node(s, node);
    if (!is_order(n->op) && n->op != OP_BETWEEN)
        return false;
    const struct plan_node *left = state_node(s, n->children[0]);
    if (left->kind != PLAN_AGGREGATE || left->frame != FRAME_CUSTOMER || s->count < AMONG_COUNT ||
        s->results[n->children[0]].values_stamp == s->stamp)
        return false;
    uint64_t set = kernel_count(bits, (s->count + 63) / 64);
    struct arguments a = {state_new(s, n->child_count, sizeof(struct vector *)), n->child_count};
    struct vector values;
    if (set * AMONG_ONE_IN > s->count)
        return false;
    for (uint32_t i = 1; i < n->child_count; i++)
        a.v[i] = state_values(s, n->children[i]);
    uint32_t *among = state_new(s, set, sizeof *among), count = list_bits(bits, s->count, among);
    if (!constants_from(&a, 1) || !aggregate_values_among(s, n->children[0], among, count, &values))
        return false;
    a.v[0] = &values;
    struct number_range in;
    bool plain = constant_range(n, &a, &in);
    for (uint32_t i = 0; i < count; i++) {
        bool holds = plain ? vector_has(&values, i) && values.integers[i] >= in.low && values.integers[i] <= in.high
                           : compares(s, n->op, &a, i);
        if (!holds)
            bit_clear(bits, among[i]);
    }
    return true;
}

/* What is said of items' rows is asked of the rows of those items that are still in question: spread over all items it would cost more. False
 * where that is not what the operand says, or where items do not say whose they are. */
static bool rows_among_items(struct state *s, const struct plan_node *n, uint32_t operand, uint64_t *bits) {
    const struct plan_node *spread = state_node(s, operand);
    if (n->op != OP_AND || spread->kind != PLAN_SPREAD || s->results[operand].bits_stamp == s->stamp ||
        s->plan->frames[n->frame].kind != FRAME_OF_ITEMS)
        return false;
    uint16_t row = state_node(s, spread->children[0])->frame;
    if (row != s->plan->frames[n->frame].above || !state_begins(s, n->frame))
        return false;
    const struct frame_now *items = state_frame(s, n->frame);
    if (kernel_count(bits, (items->count + 63) / 64) * AMONG_ITEMS_ONE_IN > items->count)
        return false;
    kernel_begun_among(state_bits(s, spread->children[0], row), items->items->child_begins, items->before, items->count,
                       bits);
    return true;
}

static void join(struct state *s, const struct plan_node *n, uint32_t operand, uint64_t *bits) {
    size_t words = (state_count(s, n->frame) + 63) / 64;
    if (rows_among_items(s, n, operand, bits))
        return;
    if (n->op == OP_AND && n->frame == FRAME_CUSTOMER && state_bits_among(s, operand, bits))
        return;
    const uint64_t *more = state_bits(s, operand, n->frame);
    if (n->op == OP_AND)
        kernel_and(bits, more, words);
    else
        kernel_or(bits, more, words);
}

static bool is_spread(struct state *s, const struct plan_node *n, uint32_t operand) {
    return n->op == OP_AND && state_node(s, operand)->kind == PLAN_SPREAD &&
           s->plan->frames[n->frame].kind == FRAME_OF_ITEMS;
}

/* In the plan's order; but what is said of items comes before what is said of their rows. */
static uint64_t *junction(struct state *s, const struct plan_node *n) {
    uint32_t count = state_count(s, n->frame), first = 0;
    uint64_t *bits = state_new_bits(s, count);
    while (first + 1 < n->child_count && is_spread(s, n, n->children[first]))
        first++;
    memcpy(bits, state_bits(s, n->children[first], n->frame), (count + 63) / 64 * 8);
    for (unsigned spread = 0; spread < 2; spread++)
        for (uint32_t i = 0; i < n->child_count && !settled(bits, count, n->op == OP_OR); i++)
            if (i != first && is_spread(s, n, n->children[i]) == spread)
                join(s, n, n->children[i], bits);
    return bits;
}

static uint64_t *presence(struct state *s, const struct plan_node *n) {
    const struct plan_node *child = state_node(s, n->children[0]);
    uint32_t count = state_count(s, n->frame);
    const uint64_t *present;
    const struct frame_now *f = NULL;
    uint64_t *bits = state_new_bits(s, count);
    if (child->kind == PLAN_COLUMN && child->frame == n->frame) {
        const struct range_column *c = state_column(s, child, &f);
        present = column_fits(c, child->type) ? column_present(s, c, f->first, f->count) : state_zero_bits(s, count);
    } else {
        const struct vector *v = state_values(s, n->children[0]);
        present = v->present;
        if (v->mask == 0) {
            kernel_fill(bits, count, vector_has(v, 0) == (n->op == OP_IS_PRESENT));
            return bits;
        }
    }
    if (present)
        memcpy(bits, present, (count + 63) / 64 * 8);
    else
        kernel_fill(bits, count, true);
    if (n->op == OP_IS_MISSING)
        kernel_not(bits, count);
    return bits;
}

uint64_t *call_bits(struct state *s, uint32_t node) {
    const struct plan_node *n = state_node(s, node);
    uint32_t count;
    switch (n->op) {
    case OP_AND:
    case OP_OR:
        return junction(s, n);
    case OP_NOT: {
        count = state_count(s, n->frame);
        uint64_t *bits = state_new_bits(s, count);
        memcpy(bits, state_bits(s, n->children[0], n->frame), (count + 63) / 64 * 8);
        kernel_not(bits, count);
        return bits;
    }
    case OP_IS_MISSING:
    case OP_IS_PRESENT:
        return presence(s, n);
    default:
        return compare(s, n);
    }
}

/* --- values --- */

static int64_t whole_of(struct number n) {
    n = number_floored(n);
    return n.scale == 0 ? n.integer : n.real < 0 ? -1000000000 : 1000000000;
}

/* Of those that are there: the first, the least, the greatest. */
static void choose(struct state *s, enum op op, const struct arguments *a, size_t i, struct vector *out) {
    uint32_t best = UINT32_MAX;
    for (uint32_t k = 0; k < a->count; k++) {
        if (!vector_has(a->v[k], i))
            continue;
        int order = best == UINT32_MAX || op == OP_COALESCE ? 0 : cells_compare(s, a->v[k], i, a->v[best], i);
        if (best == UINT32_MAX || (op == OP_LEAST ? order < 0 : op == OP_GREATEST && order > 0))
            best = k;
    }
    if (best != UINT32_MAX)
        vector_put(out, i, a->v[best], i);
}

static bool number_of_call(enum op op, const struct arguments *a, size_t i, struct number *out) {
    struct number x = vector_number(a->v[0], i);
    switch (op) {
    case OP_NEGATE:
        *out = number_negated(x);
        return true;
    case OP_ABS:
        *out = number_compare(x, number_whole(0)) < 0 ? number_negated(x) : x;
        return true;
    case OP_ROUND: {
        int64_t digits = a->count > 1 ? whole_of(vector_number(a->v[1], i)) : 0;
        *out = number_rounded(x, digits < 0 ? 0 : digits > DECIMAL_SCALE_MAX ? DECIMAL_SCALE_MAX : (unsigned)digits);
        return true;
    }
    case OP_FLOOR:
        *out = number_floored(x);
        return true;
    case OP_CEILING:
        *out = number_ceiled(x);
        return true;
    default:
        return number_calculate(op, x, vector_number(a->v[1], i), out);
    }
}

static void text_of_call(struct state *s, enum op op, const struct arguments *a, size_t i, struct vector *out) {
    struct slice x = a->v[0]->texts[i & a->v[0]->mask];
    if (op == OP_ADD)
        put_text(out, i, text_joined(&s->arena, x, a->v[1]->texts[i & a->v[1]->mask]));
    else if (op == OP_SUBSTRING)
        put_text(out, i,
                 text_cut(x, whole_of(vector_number(a->v[1], i)),
                          a->count > 2 ? whole_of(vector_number(a->v[2], i)) : (int64_t)1 << 40));
    else
        put_text(out, i, text_changed(&s->arena, op, x));
}

static int64_t time_of_call(struct state *s, enum op op, const struct vector *v, size_t i) {
    int64_t x = v->integers[i & v->mask];
    const struct calendar *c = &s->plan->calendar;
    bool date = v->type == TERM_DATE;
    if (op == OP_DATE)
        return date ? x : calendar_day(c, x);
    if (op >= OP_YEAR && op <= OP_HOUR)
        return calendar_part(c, op, x, date);
    if ((op == OP_AGE || op == OP_DAYS_UNTIL_ANNIVERSARY) && !date) {
        x = calendar_day(c, x);
        date = true;
    }
    return op == OP_DAYS_UNTIL_ANNIVERSARY ? calendar_anniversary(c, x, s->now)
                                           : calendar_since(c, op, x, date, s->now);
}

static int64_t length_of(const struct vector *v, size_t i) {
    if (v->form == VECTOR_LISTS)
        return v->lists[i & v->mask].end - v->lists[i & v->mask].first;
    return text_characters(v->texts[i & v->mask]);
}

/* Elements whose arguments are all there. */
static void call_one(struct state *s, const struct plan_node *n, const struct arguments *a, size_t i,
                     struct vector *out) {
    struct number number;
    if (n->type == TERM_TEXT) {
        text_of_call(s, n->op, a, i, out);
    } else if (n->op >= OP_DATE && n->op <= OP_DAYS_UNTIL_ANNIVERSARY) {
        put_number(out, i, number_whole(time_of_call(s, n->op, a->v[0], i)));
    } else if (n->op == OP_LENGTH) {
        put_number(out, i, number_whole(length_of(a->v[0], i)));
    } else if (number_of_call(n->op, a, i, &number)) {
        put_number(out, i, number);
    }
}

static void if_values(struct state *s, const struct plan_node *n, struct vector *out) {
    const uint64_t *condition = state_bits(s, n->children[0], n->frame);
    const struct vector *then = state_values(s, n->children[1]), *otherwise = state_values(s, n->children[2]);
    uint32_t count = state_count(s, n->frame);
    vector_make_of(s, out, n->type, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct vector *v = bit_of(condition, i) ? then : otherwise;
        if (vector_has(v, i))
            vector_put(out, i, v, i);
    }
}

/* Sums and differences of two plain vectors without carrying each through a number; false where one does not fit. */
static bool add_whole(struct state *s, const struct plan_node *n, const struct arguments *a, struct vector *out) {
    const struct vector *x = a->v[0], *y = a->v[1];
    uint32_t count = state_count(s, n->frame);
    bool overflow = false;
    if ((n->op != OP_ADD && n->op != OP_SUBTRACT) || x->form != VECTOR_NUMBERS || y->form != VECTOR_NUMBERS ||
        x->scale != y->scale || x->present || y->present)
        return false;
    int64_t *sums = state_new(s, count, sizeof *sums);
    for (uint32_t i = 0; i < count; i++)
        overflow |= n->op == OP_ADD
                        ? __builtin_add_overflow(x->integers[i & x->mask], y->integers[i & y->mask], &sums[i])
                        : __builtin_sub_overflow(x->integers[i & x->mask], y->integers[i & y->mask], &sums[i]);
    *out = (struct vector){.type = TERM_NUMBER, .scale = x->scale, .mask = SIZE_MAX, .integers = sums};
    return !overflow;
}

void call_values(struct state *s, uint32_t node, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    if (n->op == OP_IF) {
        if_values(s, n, out);
        return;
    }
    struct arguments a = arguments_of(s, n);
    bool chooses = n->op == OP_COALESCE || n->op == OP_LEAST || n->op == OP_GREATEST;
    if (n->type == TERM_NUMBER && a.count == 2 && add_whole(s, n, &a, out))
        return;
    bool constant = constants_from(&a, 0);
    uint32_t count = constant ? 1 : state_count(s, n->frame);
    bool whole = n->op == OP_LENGTH || (n->op >= OP_DATE && n->op <= OP_DAYS_UNTIL_ANNIVERSARY);
    if (whole)
        vector_make(s, out, VECTOR_NUMBERS, n->type, count);
    else
        vector_make_of(s, out, n->type, count);
    for (uint32_t i = 0; i < count; i++) {
        bool all = true;
        for (uint32_t k = 0; k < a.count && all; k++)
            all = vector_has(a.v[k], i);
        if (chooses)
            choose(s, n->op, &a, i, out);
        else if (all)
            call_one(s, n, &a, i, out);
    }
    out->mask = constant ? 0 : SIZE_MAX;
}

void shift_values(struct state *s, uint32_t node, struct vector *out) {
    const struct plan_node *n = state_node(s, node);
    const struct vector *v = state_values(s, n->children[0]);
    const struct calendar *c = &s->plan->calendar;
    uint32_t count = v->mask == 0 ? 1 : state_count(s, n->frame);
    *out = (struct vector){.type = TERM_TIME, .mask = v->mask, .present = v->present};
    out->integers = state_new(s, count, sizeof *out->integers);
    for (uint32_t i = 0; i < count; i++) {
        int64_t x = vector_has(v, i) ? v->integers[i] : 0;
        out->integers[i] = calendar_add(c, v->type == TERM_DATE ? calendar_day_start(c, x) : x, n->amount, n->unit);
    }
}
