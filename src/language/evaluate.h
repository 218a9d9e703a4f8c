/* evaluate: inside of the evaluator: results of nodes over the range in hand.
 *
 * A frame's elements (customers, rows of a table, items) are numbered from 0 here; element i stands at `first + i` of the range's columns.
 * Everything lies in the arena of the state, which is emptied when another range is put in hand, so that nothing is allocated once it has
 * grown to its size. A node is evaluated when it is asked for, and once: its result carries the stamp of the range. */
#ifndef ONEFOLD_LANGUAGE_EVALUATE_H
#define ONEFOLD_LANGUAGE_EVALUATE_H

#include "language/kernel.h"
#include "language/plan_inside.h"
#include "language/vector.h"

/* Until when each element's result holds. */
struct untils {
    int64_t *each;
    size_t mask;
};

/* The moments that a range of units since them comes to, as of `now`. */
struct moments_known {
    bool known;
    int64_t now;
    struct number_range units, moments;
};

struct result {
    uint32_t bits_stamp, values_stamp, until_stamp;
    uint64_t *bits;
    struct vector values;
    struct untils until;
    struct moments_known since; /* stays from range to range */
};

struct frame_now {
    uint32_t stamp;
    uint32_t first, count;
    const uint32_t *parents;          /* [elements of the frame above + 1], absolute; of items NULL until asked for */
    const uint32_t *owners;           /* [customers + 1], absolute; NULL until asked for (state_owned_frame) */
    const struct range_column *items; /* the column they lie in, or NULL */
    const uint32_t *before; /* beside items->child_begins, in words (kernel_begins_fill); NULL until asked for */
    bool unlike;            /* begins are not as many as rows */
    const struct range_rows *rows;
    uint32_t *owner_of;  /* customer of each element; NULL until asked for */
    uint32_t *parent_of; /* element of the frame above */
    int64_t *times;      /* of rows; NULL until asked for */
};

struct profile {
    uint64_t ns, count; /* with everything below; elements or customers true */
    uint64_t elements;
};

struct evaluator;
struct state {
    struct evaluator *evaluator;
    const struct plan *plan;
    struct range *range;
    uint32_t stamp;
    uint32_t count; /* customers */
    uint32_t span;
    uint32_t today_stamp;
    int64_t now, today;
    uint64_t before;
    uint64_t rows; /* looked at since it was made */
    struct arena arena;
    struct buffer scratch;
    struct result *results;
    struct frame_now *frames;
    const struct range_column
        *prints_of; /* evaluate_distinct.c: prints by code; good while `prints_stamp` is the state's */
    uint16_t *prints;
    uint32_t prints_stamp;
};

struct evaluator {
    const struct plan *plan;
    struct outside outside;
    struct state main, dirty; /* of a span: those whose answer lies in its base, and the others */
    bool live;                /* a customer is in hand */
    bool everybody;           /* of a relation's other end: whoever is pointed at, customer or not */
    uint32_t span, dirty_count;
    uint64_t dirty_bits[SPAN_CUSTOMERS / 64], population[SPAN_CUSTOMERS / 64];
    uint16_t dirty_owners[SPAN_CUSTOMERS];
    uint16_t dirty_index[SPAN_CUSTOMERS]; /* of a dirty customer: its place among them */
    struct evaluator **inners;            /* of relations' other ends */
    const uint64_t *const
        *targets; /* for each inner plan: bits of all customers that fulfil it, and of who was merged into such a one;
                     NULL: not known before */
    uint32_t target_words;
    struct profile *profile;     /* NULL: not measured */
    uint8_t *traits;             /* of nodes, for holds; NULL: not asked yet */
    uint8_t *turning;            /* of roots: hangs on one aggregate of events alone */
    struct hold_amount *amounts; /* of roots */
    uint32_t *counting;          /* of roots: the aggregate of distinct values that it hangs on, or NODE_NONE */
    bool by_amount;              /* the root in hand has one */
    struct arena answers;
};

/* --- evaluate.c --- */
const struct frame_now *state_frame(struct state *s, uint16_t frame);
const struct frame_now *state_owned_frame(struct state *s, uint16_t frame); /* with owners */
static inline uint32_t state_count(struct state *s, uint16_t frame) {
    return frame == FRAME_CUSTOMER ? s->count : state_frame(s, frame)->count;
}
const uint64_t *state_bits(struct state *s, uint32_t node, uint16_t frame);
const struct vector *state_values(struct state *s, uint32_t node);
uint64_t *state_new_bits(struct state *s, size_t count); /* not zeroed */
uint64_t *state_zero_bits(struct state *s, size_t count);
/* Takes out of `bits`, of customers, those for which the condition does not hold, and looks at no others; false where that saves nothing:
 * bits are as they were then. */
bool state_bits_among(struct state *s, uint32_t node, uint64_t *bits);
void *state_new(struct state *s, size_t count, size_t size);
/* Whether the items of a frame are cut into rows by bits: then items->child_begins and `before` say of each whose it is, and no starts
 * need be read. */
bool state_begins(struct state *s, uint16_t frame);
const uint32_t *state_owner_of(struct state *s, uint16_t frame);
const uint32_t *state_parent_of(struct state *s, uint16_t frame);
const int64_t *state_times(struct state *s, uint16_t rows);
int64_t state_today(struct state *s);
static inline const struct plan_node *state_node(const struct state *s, uint32_t node) { return &s->plan->nodes[node]; }
/* An inner evaluator with `customer` in hand, for a relation's other end. */
struct evaluator *state_inner(struct state *s, const struct plan *inner);
bool state_target_holds(struct state *s, const struct plan *inner, int64_t target, int64_t *until);

/* --- evaluate_column.c --- */
static inline uint64_t column_raw(const struct range_column *c, uint32_t row) {
    switch (c->width) {
    case 0:
        return 0;
    case 1:
        return ((const uint8_t *)c->data)[row];
    case 2:
        return ((const uint16_t *)c->data)[row];
    case 4:
        return ((const uint32_t *)c->data)[row];
    default:
        return ((const uint64_t *)c->data)[row];
    }
}
/* Forms WHOLE and LOOKED_UP. */
static inline int64_t column_whole(const struct range_column *c, uint32_t row) {
    uint64_t raw = column_raw(c, row);
    if (c->form == COLUMN_LOOKED_UP)
        return raw < c->code_count ? c->numbers[raw] : 0;
    return (int64_t)((uint64_t)c->base + (uint64_t)c->multiple * raw);
}
/* Time of element i of a frame of rows. */
static inline int64_t frame_time(const struct frame_now *f, uint32_t i) {
    if (f->times)
        return f->times[i];
    int64_t ms = f->rows->ms.form == COLUMN_NOTHING ? 0 : column_whole(&f->rows->ms, f->first + i);
    return column_whole(&f->rows->seconds, f->first + i) * 1000 + ms;
}
/* Times of rows given as they stand in the range's columns, of a frame that has rows; UINT32_MAX: that of any. */
void frame_times_at(const struct frame_now *f, const uint32_t *rows, uint32_t count, int64_t *times);
/* The next element of [i, end) in bits (NULL: all), or end. */
static inline uint32_t bits_next(const uint64_t *bits, uint32_t i, uint32_t end) {
    if (!bits || i >= end)
        return i < end ? i : end;
    uint64_t word = bits[i / 64] >> (i % 64);
    if (word) {
        i += (uint32_t)__builtin_ctzll(word);
        return i < end ? i : end;
    }
    for (uint32_t w = i / 64 + 1; w * 64 < end; w++)
        if (bits[w]) {
            i = w * 64 + (uint32_t)__builtin_ctzll(bits[w]);
            return i < end ? i : end;
        }
    return end;
}
const struct range_column *state_column(struct state *s, const struct plan_node *n, const struct frame_now **frame);
void column_vector(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, uint8_t type,
                   struct vector *out);
bool column_fits(const struct range_column *c, uint8_t type);
const uint64_t *column_present(struct state *s, const struct range_column *c, uint32_t first, uint32_t count);
/* low <= integer <= high; absent rows: 0. Forms WHOLE and LOOKED_UP. */
uint64_t *column_between(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, int64_t low,
                         int64_t high);
/* A condition on numbers, times, dates or bools with a bound. */
uint64_t *column_compare(struct state *s, const struct range_column *c, uint32_t first, uint32_t count, enum op op,
                         struct number bound);
/* Rows whose text `holds`; decided once per code where that is less. `exact` [exact_count]: the only texts that can hold, or NULL. */
typedef bool text_condition(const void *context, struct slice text);
uint64_t *column_texts_hold(struct state *s, const struct range_column *c, uint32_t first, uint32_t count,
                            text_condition *holds, const void *context, const struct slice *exact, size_t exact_count);
/* Rows of a frame with low <= time < high. */
uint64_t *rows_between(struct state *s, uint16_t rows, int64_t low, int64_t high);
void list_values(struct state *s, const struct list_part *part, uint8_t type, struct vector *out);

/* --- evaluate_call.c --- */
uint64_t *call_bits(struct state *s, uint32_t node);
bool call_among(struct state *s, uint32_t node, uint64_t *bits);
void call_values(struct state *s, uint32_t node, struct vector *out);
void shift_values(struct state *s, uint32_t node, struct vector *out);
int cells_compare(const struct state *s, const struct vector *a, size_t i, const struct vector *b, size_t k);
bool cells_equal(struct state *s, const struct vector *a, size_t i, const struct vector *b, size_t k);
void vector_make(struct state *s, struct vector *v, uint8_t form, uint8_t type, size_t count); /* all missing */
void vector_make_of(struct state *s, struct vector *v, uint8_t type, size_t count);
void vector_put(struct vector *v, size_t i, const struct vector *from, size_t k);

/* --- evaluate_group.c --- */
uint64_t *window_bits(struct state *s, uint32_t node);
uint64_t *aggregate_bits(struct state *s, uint32_t node);
void aggregate_values(struct state *s, uint32_t node, struct vector *out);
/* Groups of an aggregate whose count stands so to the bound, straight to bits. */
uint64_t *aggregate_count_bits(struct state *s, uint32_t node, enum op op, struct number bound);
/* Customers whose aggregate, the first or last of their rows' times, lies in [low, high]; NULL where it is another. */
uint64_t *aggregate_time_bits(struct state *s, uint32_t node, int64_t low, int64_t high);
/* The values of `count` customers alone: element i is that of customer among[i]; false where it must be asked for all. */
bool aggregate_values_among(struct state *s, uint32_t node, const uint32_t *among, uint32_t count, struct vector *out);
struct slice aggregate_distribution(struct state *s, uint32_t node, uint32_t customer, struct arena *arena);
void spread_values(struct state *s, uint32_t node, struct vector *out);
/* Starts of the groups of elements of `frame` by elements of `by`, above it. */
const uint32_t *state_groups(struct state *s, uint16_t frame, uint16_t by, uint32_t *groups);
/* The moments of a window for element i of their frame; false where one is missing. */
bool window_of(struct state *s, enum window_kind kind, int64_t amount, enum unit unit, const uint32_t *moments,
               uint32_t count, size_t i, struct instants *out);

/* --- sequence.c --- */
uint64_t *sequence_bits(struct state *s, uint32_t node);
void sequence_values(struct state *s, uint32_t node, struct vector *out);
void sequence_until(struct state *s, uint32_t node, struct untils *out);

/* --- evaluate_leave.c --- */
#define LEAVING_MAX 4
/* A condition on rows, of which time alone only takes rows out, in their order. */
struct leaving {
    const struct plan_node *windows[LEAVING_MAX]; /* rolling, of weeks or less; count 0: none leaves */
    struct instants in[LEAVING_MAX];              /* now */
    unsigned count;
    const struct frame_now *frame;
    const uint64_t *bits; /* rows that fulfil it; NULL: all */
};
/* Adds the condition's windows to `out`; false where it is not of that kind. */
bool leaving_of(struct state *s, uint32_t condition, struct leaving *out);
int64_t leaving_at(const struct state *s, const struct leaving *l,
                   int64_t time_ms); /* a row of that time, which is in */
/* The same of all rows of a frame, of customers in a row: [from, to) are one's below. False where rows are items, too. */
bool leaving_begin(struct state *s, uint16_t rows, uint32_t condition, struct leaving *out);
bool leaving_none_comes(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to); /* by time alone */
int64_t leaving_nth(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to,
                    int64_t n); /* from 1 on */
int64_t leaving_last(const struct state *s, const struct leaving *l, uint32_t from, uint32_t to);

/* --- evaluate_until.c --- */
const struct untils *state_until(struct state *s, uint32_t node);

/* --- plan_run.c --- */
/* JSON of a list. */
struct slice list_json(struct state *s, const struct list_part *part, uint8_t type, struct arena *arena);
void number_json(struct json_writer *w, struct number n, uint8_t type);

#endif
