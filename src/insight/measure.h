/* measure: what is counted of rows in a cell (an interval, a group): exact, and independent of the order of adding. */
#ifndef ONEFOLD_INSIGHT_MEASURE_H
#define ONEFOLD_INSIGHT_MEASURE_H

#include "insight/definition.h"
#include "insight/scan.h"

enum measure_kind {
    MEASURE_COUNT,     /* rows */
    MEASURE_CUSTOMERS, /* who has any */
    MEASURE_SUM,       /* of `value` */
    MEASURE_AVG,       /* of rows that have one */
    MEASURE_MIN,
    MEASURE_MAX,
    MEASURE_PER_CUSTOMER, /* rows a customer who has any */
    MEASURE_SUM_PER_CUSTOMER
};
#define MEASURE_WORDS "count|customers|sum|avg|min|max|per_customer|sum_per_customer"

/* One series: rows, and what is counted of them. */
struct measure {
    enum measure_kind kind;
    unsigned rows, value; /* numbers in the scan */
    bool has_value, money;
    struct slice name, rows_text, value_text;
};
/* Out of a part: "event" (rows), "measure" (default count; sum where a value is given), "value", "name". */
enum status measure_read(const struct definition_part *part, struct scan *scan, struct measure *measure,
                         struct fault *fault) WARN_UNUSED;

struct cell {
    uint64_t rows;
    uint32_t customers;
    uint32_t last; /* the customer's number that was counted last: customers come one after the other */
};
struct cell_values { /* of rows that have a value; millionths */
    uint64_t count;
    __int128 sum, least, most; /* least and most where count > 0 */
};
/* The customer, without a row. No branch: whether it is new is as good as chance. */
static inline void cell_meet(struct cell *c, uint32_t customer) {
    c->customers += c->last != customer;
    c->last = customer;
}
static inline void cell_add(struct cell *c, uint32_t customer) {
    c->rows++;
    cell_meet(c, customer);
}
static inline void cell_add_value(struct cell_values *v, __int128 millionths) {
    if (v->count == 0 || millionths < v->least)
        v->least = millionths;
    if (v->count == 0 || millionths > v->most)
        v->most = millionths;
    v->sum += millionths;
    v->count++;
}
/* Of different customers. */
static inline void cell_merge(struct cell *into, const struct cell *from) {
    into->rows += from->rows;
    into->customers += from->customers;
}
void cell_values_merge(struct cell_values *into, const struct cell_values *from);
/* `values` may be NULL: no row has one. False where there is none (an average of nothing); counts and sums of nothing are 0. */
bool measure_value(const struct measure *measure, const struct cell *cell, const struct cell_values *values,
                   struct number *out);
enum answer_type measure_type(const struct measure *measure);

#endif
