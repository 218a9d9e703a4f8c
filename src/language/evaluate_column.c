/* evaluate_column: columns of a range as vectors, and conditions on them where they lie.
 *
 * A comparison with a bound becomes a range of raw values, a condition on a text a set of codes, so that the inner loop is one compare a row
 * over the narrowest width. Where there are few rows (a live customer) each is looked at by itself instead. */
#include "language/evaluate.h"

#include <assert.h>
#include <math.h>

#include "history/table.h"

#define FEW 24 /* rows for which nothing is prepared */

static const struct range_column nothing = {.form = COLUMN_NOTHING};

const struct range_column *state_column(struct state *s, const struct plan_node *n, const struct frame_now **frame) {
    const struct frame_now *f = state_frame(s, n->frame);
    *frame = f;
    if (n->frame == FRAME_CUSTOMER)
        return range_attribute(s->range, n->column);
    return f->rows && f->count ? range_rows_column(s->range, f->rows, n->column) : &nothing;
}

static bool is_absent(const struct range_column *c, uint32_t row) {
    return c->form == COLUMN_NOTHING || (c->absent && (c->absent[row / 8] >> (row % 8) & 1));
}

static uint64_t *not_absent(struct state *s, const struct range_column *c, uint32_t first, uint32_t count,
                            uint64_t *bits) {
    if (!c->absent)
        return bits;
    if (count <= FEW) {
        for (uint32_t i = 0; i < count; i++)
            if (is_absent(c, first + i))
                bit_clear(bits, i);
        return bits;
    }
    uint64_t *absent = state_new_bits(s, count);
    kernel_take_bits(c->absent, first, count, absent);
    kernel_and_not(bits, absent, (count + 63) / 64);
    return bits;
}

const uint64_t *column_present(struct state *s, const struct range_column *c, uint32_t first, uint32_t count) {
    if (c->form == COLUMN_NOTHING)
        return state_zero_bits(s, count);
    if (!c->absent)
        return NULL;
    uint64_t *bits = state_new_bits(s, count);
    kernel_fill(bits, count, true);
    return not_absent(s, c, first, count, bits);
}

/* --- numbers --- */

static const void *raw_from(const struct range_column *c, uint32_t first) {
    return c->data ? (const char *)c->data + (size_t)first * c->width : NULL;
}

static __int128 floor_wide(__int128 a, __int128 b) { return a / b - (a % b < 0); }

/* Raw values whose integer lies in [low, high]: false where none does. */
static bool raw_range(const struct range_column *c, int64_t low, int64_t high, uint64_t *from, uint64_t *to) {
    if (c->width == 8 && c->multiple == 1) { /* gathered: negative ones wrap around, and so does the comparison */
        *from = (uint64_t)low - (uint64_t)c->base;
        *to = *from + ((uint64_t)high - (uint64_t)low);
        return true;
    }
    __int128 limit = c->width == 8 ? (__int128)UINT64_MAX : ((__int128)1 << (8 * c->width)) - 1;
    __int128 a = -floor_wide((__int128)c->base - low, c->multiple),
             b = floor_wide((__int128)high - c->base, c->multiple);
    a = a < 0 ? 0 : a;
    b = b > limit ? limit : b;
    *from = (uint64_t)a;
    *to = (uint64_t)b;
    return a <= b;
}

/* A kernel over a column, some rows at a time. Between them memory is asked for lines of the next span, as many as were read of this one (what
 * is left when nodes are begun), so that it works while the processor does and is never asked for more than a core can have under way. */
#define ROWS_AT_ONCE 512
#define EACH_PIECE(s, c, count, call)                                                                                  \
    for (uint32_t at = 0; at < (count); at += ROWS_AT_ONCE) {                                                          \
        uint32_t some = (count)-at < ROWS_AT_ONCE ? (count)-at : ROWS_AT_ONCE;                                         \
        call;                                                                                                          \
        range_fetch((s)->range, some *(c)->width / 64);                                                                \
    }

static uint64_t *codes_between(struct state *s, const struct range_column *c, uint32_t first, uint32_t count,
                               int64_t low, int64_t high) {
    uint64_t *set = state_zero_bits(s, c->code_count), *bits = state_new_bits(s, count);
    for (uint32_t i = 0; i < c->code_count; i++)
        if (c->numbers[i] >= low && c->numbers[i] <= high)
            bit_set(set, i);
    kernel_codes(raw_from(c, first), c->width, count, set, c->code_count, bits);
    return bits;
}

uint64_t *column_between(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, int64_t low,
                         int64_t high) {
    if (c->form == COLUMN_NOTHING || low > high || count == 0)
        return state_zero_bits(s, count);
    assert(c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP);
    range_scans(c);
    uint64_t from, to, *bits;
    if (count <= FEW || (c->form == COLUMN_LOOKED_UP && c->code_count > count) ||
        (c->form == COLUMN_WHOLE && c->width && c->multiple <= 0)) {
        bits = state_zero_bits(s, count);
        for (uint32_t i = 0; i < count; i++) {
            int64_t x = column_whole(c, first + i);
            if (x >= low && x <= high)
                bit_set(bits, i);
        }
        return not_absent(s, c, first, count, bits);
    }
    if (c->width == 0) {
        int64_t x = column_whole(c, first);
        bits = state_new_bits(s, count);
        kernel_fill(bits, count, x >= low && x <= high);
        return not_absent(s, c, first, count, bits);
    }
    if (c->form == COLUMN_LOOKED_UP)
        return not_absent(s, c, first, count, codes_between(s, c, first, count, low, high));
    if (!raw_range(c, low, high, &from, &to))
        return state_zero_bits(s, count);
    bits = state_new_bits(s, count);
    EACH_PIECE(s, c, count, kernel_range(raw_from(c, first + at), c->width, some, from, to - from, bits + at / 64));
    return not_absent(s, c, first, count, bits);
}

uint64_t *column_compare(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, enum op op,
                         struct number bound) {
    if (c->form == COLUMN_WHOLE || c->form == COLUMN_LOOKED_UP) {
        struct number_range r = number_range_of(op, bound, c->kind == VALUE_NUMBER ? c->scale : 0);
        return column_between(s, c, first, count, r.low, r.high);
    }
    if (c->form != COLUMN_DOUBLES || count == 0)
        return state_zero_bits(s, count);
    struct number_reals r = number_reals_of(op, bound);
    range_scans(c);
    uint64_t *bits = state_new_bits(s, count);
    kernel_between_real((const double *)c->data + first, count, r.low, r.high, bits);
    return not_absent(s, c, first, count, bits);
}

/* --- times of rows --- */

/* Most clocks that events come from tell whole seconds. */
static bool whole_seconds(const struct range_column *ms) {
    return ms->form == COLUMN_NOTHING || (ms->form == COLUMN_WHOLE && ms->width == 0 && ms->base == 0);
}

uint64_t *rows_between(struct state *s, uint16_t rows, int64_t low, int64_t high) {
    const struct frame_now *f = state_frame(s, rows);
    if (f->count == 0 || low >= high)
        return state_zero_bits(s, f->count);
    if (f->count <= FEW) {
        uint64_t *bits = state_zero_bits(s, f->count);
        const int64_t *times = state_times(s, rows);
        for (uint32_t i = 0; i < f->count; i++)
            if (times[i] >= low && times[i] < high)
                bit_set(bits, i);
        return bits;
    }
    const int64_t far = (int64_t)1 << 62;
    low = low < -far ? -far : low;
    high = high > far ? far : high;
    int64_t last = high - 1, from = low / 1000 - (low % 1000 < 0), to = last / 1000 - (last % 1000 < 0);
    bool whole = whole_seconds(&f->rows->ms);
    bool cut_low = low != from * 1000 && low != -far, cut_high = last != to * 1000 + 999 && high != far;
    if (whole && cut_low)
        from++;
    uint64_t *bits = column_between(s, &f->rows->seconds, f->first, f->count, from, to);
    for (unsigned side = 0; side < 2 && !whole; side++) {
        if (!(side ? cut_high : cut_low) || (side && to == from && cut_low))
            continue;
        int64_t edge = side ? to : from;
        const uint64_t *edges = column_between(s, &f->rows->seconds, f->first, f->count, edge, edge);
        for (uint32_t w = 0; w < (f->count + 63) / 64; w++)
            for (uint64_t left = edges[w]; left; left &= left - 1) {
                uint32_t i = w * 64 + (uint32_t)__builtin_ctzll(left);
                int64_t t = edge * 1000 + column_whole(&f->rows->ms, f->first + i);
                if (t < low || t >= high)
                    bit_clear(bits, i);
            }
    }
    return bits;
}

static void widen(const struct range_column *c, uint32_t first, uint32_t count, int64_t *out) {
    range_scans(c);
    if (count <= FEW || c->width == 0) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = column_whole(c, first + i);
    } else if (c->form == COLUMN_WHOLE) {
        kernel_widen(raw_from(c, first), c->width, count, c->base, c->multiple, out);
    } else {
        kernel_look_up(raw_from(c, first), c->width, count, c->numbers, c->code_count, out);
    }
}

const int64_t *state_times(struct state *s, uint16_t rows) {
    struct frame_now *f = (struct frame_now *)state_frame(s, rows);
    if (f->times)
        return f->times;
    int64_t *times = state_new(s, f->count, sizeof *times);
    f->times = times;
    if (f->count == 0)
        return times;
    struct range_column seconds = f->rows->seconds;
    bool whole = whole_seconds(&f->rows->ms);
    if (whole && seconds.form == COLUMN_WHOLE) { /* as ms at once */
        seconds.base = (int64_t)((uint64_t)seconds.base * 1000);
        seconds.multiple = (int64_t)((uint64_t)seconds.multiple * 1000);
    }
    widen(&seconds, f->first, f->count, times);
    if (whole && seconds.form == COLUMN_WHOLE)
        return times;
    int64_t *ms = NULL;
    if (!whole) {
        ms = state_new(s, f->count, sizeof *ms);
        widen(&f->rows->ms, f->first, f->count, ms);
    }
    if (f->count <= FEW)
        for (uint32_t i = 0; i < f->count; i++)
            times[i] = times[i] * 1000 + (ms ? ms[i] : 0);
    else
        kernel_times(times, ms, f->count, times);
    return times;
}

void frame_times_at(const struct frame_now *f, const uint32_t *rows, uint32_t count, int64_t *times) {
    const struct range_column *seconds = &f->rows->seconds;
    if (!f->times && seconds->form == COLUMN_WHOLE && seconds->width == 4 && whole_seconds(&f->rows->ms)) {
        const uint32_t *raw = seconds->data;
        const uint64_t base = (uint64_t)seconds->base * 1000, multiple = (uint64_t)seconds->multiple * 1000;
        for (uint32_t i = 0; i < count; i++) { /* as likely there as not: no branch */
            uint32_t there = 0 - (uint32_t)(rows[i] != UINT32_MAX);
            times[i] = (int64_t)(base + multiple * raw[f->first + ((rows[i] - f->first) & there)]);
        }
        return;
    }
    for (uint32_t i = 0; i < count; i++)
        times[i] = frame_time(f, rows[i] == UINT32_MAX ? 0 : rows[i] - f->first);
}

/* --- texts --- */

/* A text that stays: what was put together in the scratch buffer is copied. */
static struct slice kept(struct state *s, struct slice text) {
    if (!text.data)
        return slice_of("", 0);
    const char *scratch = s->scratch.data;
    if (scratch && text.data >= scratch && text.data < scratch + s->scratch.capacity)
        return arena_copy(&s->arena, text);
    return text;
}

static struct slice text_at(struct state *s, const struct range_column *c, uint32_t row) {
    buffer_clear(&s->scratch);
    if (c->form == COLUMN_CODED)
        return range_code_text(c, (uint32_t)column_raw(c, row), &s->scratch);
    return range_text(c, row, &s->scratch);
}

/* The code of `text` in a sorted dictionary, or UINT32_MAX. */
static uint32_t code_of(struct state *s, const struct range_column *c, struct slice text) {
    uint32_t low = 0, high = c->code_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        buffer_clear(&s->scratch);
        int order = slice_compare(range_code_text(c, middle, &s->scratch), text);
        if (order == 0)
            return middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return UINT32_MAX;
}

/* Texts to look for are found by bisection only where that is less than asking each code. */
static uint64_t *codes_hold(struct state *s, const struct range_column *c, text_condition *holds, const void *context,
                            const struct slice *exact, size_t exact_count) {
    uint64_t *set = state_zero_bits(s, c->code_count);
    bool sorted = c->head && (c->head->flags & COLUMN_SORTED);
    if (exact && sorted && exact_count * 8 < c->code_count) {
        for (size_t i = 0; i < exact_count; i++) {
            uint32_t code = code_of(s, c, exact[i]);
            if (code != UINT32_MAX)
                bit_set(set, code);
        }
        return set;
    }
    for (uint32_t i = 0; i < c->code_count; i++) {
        buffer_clear(&s->scratch);
        if (holds(context, range_code_text(c, i, &s->scratch)))
            bit_set(set, i);
    }
    return set;
}

uint64_t *column_texts_hold(struct state *s, const struct range_column *c, uint32_t first, uint32_t count,
                            text_condition *holds, const void *context, const struct slice *exact, size_t exact_count) {
    if ((c->form != COLUMN_CODED && c->form != COLUMN_TEXTS) || count == 0)
        return state_zero_bits(s, count);
    range_scans(c);
    bool by_code =
        c->form == COLUMN_CODED && count > FEW &&
        (c->code_count <= count || (exact && exact_count < 8 && c->head && (c->head->flags & COLUMN_SORTED)));
    if (by_code) {
        const uint64_t *set = codes_hold(s, c, holds, context, exact, exact_count);
        uint64_t *bits = state_new_bits(s, count);
        if (c->width == 0)
            kernel_fill(bits, count, c->code_count && bit_of(set, 0));
        else
            EACH_PIECE(s, c, count,
                       kernel_codes(raw_from(c, first + at), c->width, some, set, c->code_count, bits + at / 64));
        return not_absent(s, c, first, count, bits);
    }
    uint64_t *bits = state_zero_bits(s, count);
    for (uint32_t i = 0; i < count; i++)
        if (!is_absent(c, first + i) && holds(context, text_at(s, c, first + i)))
            bit_set(bits, i);
    return bits;
}

/* --- vectors --- */

static struct slice *text_column(struct state *s, const struct range_column *c, uint32_t first, uint32_t count) {
    struct slice *texts = state_new(s, count, sizeof *texts);
    if (c->form == COLUMN_CODED && c->code_count < count) {
        struct slice *known = state_new(s, c->code_count, sizeof *known);
        for (uint32_t i = 0; i < c->code_count; i++) {
            buffer_clear(&s->scratch);
            known[i] = kept(s, range_code_text(c, i, &s->scratch));
        }
        for (uint32_t i = 0; i < count; i++) {
            uint64_t code = column_raw(c, first + i);
            texts[i] = code < c->code_count ? known[code] : slice_of("", 0);
        }
        return texts;
    }
    for (uint32_t i = 0; i < count; i++)
        texts[i] = is_absent(c, first + i) ? slice_of("", 0) : kept(s, text_at(s, c, first + i));
    return texts;
}

static void doubles(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, struct vector *out) {
    out->form = VECTOR_MIXED;
    out->integers = state_new(s, count, sizeof *out->integers);
    out->scales = state_new(s, count, 1);
    for (uint32_t i = 0; i < count; i++) {
        struct number n = number_of_real(((const double *)c->data)[first + i]);
        out->integers[i] = n.integer;
        out->scales[i] = n.scale;
    }
}

static bool type_is_list(uint8_t type) { return type == TERM_TEXT_LIST || type == TERM_NUMBER_LIST; }

/* A column that does not hold what the type says (its property was declared anew since) has no values. */
bool column_fits(const struct range_column *c, uint8_t type) {
    bool text = c->form == COLUMN_CODED || c->form == COLUMN_TEXTS, list = c->form == COLUMN_CHILDREN;
    return c->form != COLUMN_NOTHING && text == (type == TERM_TEXT) && list == type_is_list(type);
}

static struct list_part *lists_of(struct state *s, const struct range_column *c, uint32_t first, uint32_t count) {
    const uint32_t *starts = range_child_starts(s->range, c) + first;
    struct list_part *lists = state_new(s, count, sizeof *lists);
    for (uint32_t i = 0; i < count; i++)
        lists[i] = (struct list_part){c->child->columns, starts[i], starts[i + 1]};
    return lists;
}

void column_vector(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, uint8_t type,
                   struct vector *out) {
    if (!column_fits(c, type)) {
        vector_make(s, out,
                    type == TERM_TEXT    ? VECTOR_TEXTS
                    : type_is_list(type) ? VECTOR_LISTS
                                         : VECTOR_NUMBERS,
                    type, count);
        return;
    }
    *out = (struct vector){.type = type, .mask = SIZE_MAX, .present = column_present(s, c, first, count)};
    switch (c->form) {
    case COLUMN_DOUBLES:
        doubles(s, c, first, count, out);
        break;
    case COLUMN_CODED:
    case COLUMN_TEXTS:
        out->form = VECTOR_TEXTS;
        out->texts = text_column(s, c, first, count);
        break;
    case COLUMN_CHILDREN:
        out->form = VECTOR_LISTS;
        out->lists = lists_of(s, c, first, count);
        break;
    default:
        out->scale = c->kind == VALUE_NUMBER ? c->scale : 0;
        out->integers = state_new(s, count, sizeof *out->integers);
        widen(c, first, count, out->integers);
    }
}

void list_values(struct state *s, const struct list_part *part, uint8_t type, struct vector *out) {
    const struct range_column *c = part->column ? part->column : &nothing;
    column_vector(s, c, part->first, part->end - part->first, type == TERM_TEXT_LIST ? TERM_TEXT : TERM_NUMBER, out);
}
