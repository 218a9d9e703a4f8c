/* measure: what is counted of rows in a cell (an interval, a group): exact, and independent of the order of adding. */
#ifndef ONEFOLD_INSIGHT_MEASURE_H
#define ONEFOLD_INSIGHT_MEASURE_H

#include "insight/definition.h"
#include "insight/scan.h"

enum measure_kind {
    MEASURE_COUNT,        /* rows */
    MEASURE_CUSTOMERS,    /* who has any */
    MEASURE_SUM,          /* of `value` */
    MEASURE_AVG,          /* of rows that have one */
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
    struct slice name;
};
/* Out of a part: "event" (rows), "measure" (default count; sum where a value is given), "value", "name". */
enum status measure_read(const struct definition_part *part, struct scan *scan, struct measure *measure,
                         struct fault *fault) WARN_UNUSED;

struct cell {
    uint64_t rows, customers, values;
    uint32_t last; /* the customer's number that was counted last: customers come one after the other */
    __int128 sum, least, most; /* millionths; least and most where values > 0 */
};
static inline void cell_add(struct cell *c, uint32_t customer) {
    c->rows++;
    c->customers += c->last != customer;
    c->last = customer;
}
static inline void cell_add_value(struct cell *c, __int128 millionths) {
    if (c->values == 0 || millionths < c->least)
        c->least = millionths;
    if (c->values == 0 || millionths > c->most)
        c->most = millionths;
    c->sum += millionths;
    c->values++;
}
/* Of different customers. */
void cell_merge(struct cell *into, const struct cell *from);
/* False where there is none (an average of nothing); counts and sums of nothing are 0. */
bool measure_value(const struct measure *measure, const struct cell *cell, struct number *out);
enum answer_type measure_type(const struct measure *measure);

#endif
