/* rows: sets of rows as roots of a plan: what analyses read.
 *
 * A set of rows is written as what stands in the brackets of an aggregate: a type (or a document's items), a condition, a window:
 *     product_viewed where price > 100            order.items where category = "护肤", last 90 days            any event
 * Its rows are those that `any(...)` of the same text would look for, found by the same nodes and kernels; a plan gives them as
 * bits, with their times and with any expression about a row as a column of values beside them:
 *     quantity * price            channel            coalesce(coupon, "none")            customer.city
 *
 * A span in hand has two parts: the customers whose history lies in its base, and the dirty ones, gathered (history/range.h). Each is a run
 * of customers with their rows in order; an analysis does the same with both.
 *
 * Elements (rows, or items) are numbered from 0 in a part; customer i has those in starts[i] - starts[0] .. starts[i + 1] - starts[0], by
 * (time, position). Rows of customers that are not asked for stand there too and mean nothing. What is given out is valid until the next
 * evaluator_span. */
#ifndef ONEFOLD_LANGUAGE_ROWS_H
#define ONEFOLD_LANGUAGE_ROWS_H

#include "language/plan.h"
#include "language/vector.h"

/* Reads and checks a set of rows: gives the aggregate any(text).
 * Errors: as check_text's, with places in `text`; INVALID where it is no set of rows of events or documents. */
enum status check_rows(const struct vocabulary *vocabulary, struct slice text, struct arena *arena, struct node **any,
                       struct fault *fault, uint32_t *place) WARN_UNUSED;
/* An expression about one of those rows, as in their `where`. `expected` TERM_BOOL: a condition; TERM_NONE: any value. */
enum status check_row_value(const struct vocabulary *vocabulary, const struct node *any, struct slice text,
                            enum term_type expected, struct arena *arena, struct node **value, struct fault *fault,
                            uint32_t *place) WARN_UNUSED;

struct rows_root {
    const struct node *any;           /* of check_rows */
    const struct node *const *values; /* of check_row_value on it */
    uint32_t value_count;
};
/* plan_create with sets of rows beside the roots; all of them share what is equal. */
enum status plan_create_rows(const struct vocabulary *vocabulary, const struct node *const *roots, size_t root_count,
                             const struct rows_root *rows, size_t rows_count, struct plan **plan,
                             struct fault *fault) WARN_UNUSED;
/* Equal for sets whose elements are the same ones (of a type), whatever of them is in the set. */
uint32_t plan_rows_kind(const struct plan *plan, size_t rows);

/* --- of the span in hand --- */
#define EVALUATE_PARTS 2 /* 0: in the base; 1: dirty */
/* Customers of the part, and which of them are asked for (bits; room for SPAN_CUSTOMERS); 0 where none is. */
uint32_t evaluate_part(struct evaluator *e, unsigned part, uint64_t *asked);
struct customer_id evaluate_part_customer(const struct evaluator *e, unsigned part, uint32_t i);
/* Root `root` of the part's customers. */
const uint64_t *evaluate_part_bits(struct evaluator *e, unsigned part, size_t root);
const struct vector *evaluate_part_values(struct evaluator *e, unsigned part, size_t root);

struct row_set {
    uint32_t count;         /* elements */
    const uint32_t *starts; /* [customers + 1] */
    const uint64_t *bits;   /* of those in the set; NULL: all */
};
void evaluate_rows(struct evaluator *e, unsigned part, size_t rows, struct row_set *out);
const int64_t *evaluate_row_times(struct evaluator *e, unsigned part, size_t rows); /* ms; of items their row's */
const struct vector *evaluate_row_values(struct evaluator *e, unsigned part, size_t rows, size_t value);
/* Elements of a list among values of this part (VECTOR_LISTS), as a vector of their own: element 0 is the list's first. Lasts as long as the span is in
 * hand. */
void evaluate_part_elements(struct evaluator *e, unsigned part, const struct vector *lists, uint32_t i,
                            struct vector *out);
/* Log position of element i's row (documents: of the first update), and the number of its type: what orders rows of equal time. */
int64_t evaluate_row_position(struct evaluator *e, unsigned part, size_t rows, uint32_t i);

/* Texts by their codes, where they stand so in a column: code_of(column, i) is a number below `count`. */
struct code_column {
    const struct range_column *column;
    uint32_t first; /* element i stands at first + i */
    uint32_t count;
};
bool evaluate_row_codes(struct evaluator *e, unsigned part, size_t rows, size_t value, struct code_column *out);
bool evaluate_part_codes(struct evaluator *e, unsigned part, size_t root, struct code_column *out);
#define CODE_NONE UINT32_MAX /* no value */
static inline uint32_t code_column_at(const struct code_column *c, uint32_t i) {
    uint32_t row = c->first + i;
    if (c->column->absent && (c->column->absent[row / 8] >> (row % 8) & 1))
        return CODE_NONE;
    switch (c->column->width) {
    case 0:
        return 0;
    case 1:
        return ((const uint8_t *)c->column->data)[row];
    case 2:
        return ((const uint16_t *)c->column->data)[row];
    case 4:
        return ((const uint32_t *)c->column->data)[row];
    default:
        return (uint32_t)((const uint64_t *)c->column->data)[row];
    }
}

#endif
