/* plan_model_inside: what the files of the slow twin share (plan_model.h). */
#ifndef ONEFOLD_LANGUAGE_PLAN_MODEL_INSIDE_H
#define ONEFOLD_LANGUAGE_PLAN_MODEL_INSIDE_H

#include "language/plan_model.h"
#include "language/value_model.h"

struct person {
    struct person *before; /* list of all of this evaluation */
    struct customer_id customer;
    struct history_rows rows; /* newest first */
    const struct record_head **records;
    struct value *attributes; /* by property number */
    uint32_t attribute_count;
};

struct row {
    const struct record_head *record;
    int64_t time_ms, updated_ms;
    uint64_t position;
    struct customer_id target; /* of a relation */
};

struct rows {
    struct row *all;
    size_t count;
};

struct world {
    const struct vocabulary *vocabulary;
    const struct outside *outside;
    const struct dictionary *dictionary;
    const struct zone *zone;
    struct arena *arena;
    struct person *people;
    struct json_parser *parser;
    int64_t now_ms;
};

/* What names mean at a place of the tree. */
struct scope {
    struct world *world;
    struct person *person;          /* level 0 */
    const struct row *row;          /* level 1 */
    const struct record_item *item; /* level 2, of `row` */
};

struct interval { /* [from, to) */
    int64_t from, to;
};
#define FOR_EVER ((struct interval){INT64_MIN, INT64_MAX})
#define NOWHERE ((struct interval){0, 0})
static inline bool inside(struct interval i, int64_t time_ms) { return time_ms >= i.from && time_ms < i.to; }

/* plan_model.c */
struct value model_value(const struct scope *s, const struct node *n);
bool model_condition(const struct scope *s, const struct node *n);
void model_write(struct json_writer *w, struct value v);

/* rows_model.c */
struct person *person_of(struct world *w, struct customer_id customer);
struct rows source_rows(struct world *w, struct person *p, const struct source_reference *from); /* all, oldest first */
int by_order(const void *a, const void *b);                                                      /* of struct row */
struct interval window_interval(const struct scope *s, const struct node *n);
struct value reference_value(const struct scope *s, const struct reference *ref);

/* aggregate_model.c */
struct values {
    struct value *all;
    size_t count;
};
void add_value(struct values *to, struct value v); /* unless it is missing */
struct value extreme_of(const struct zone *zone, const struct values *v, int sign);
struct value model_aggregate(const struct scope *s, const struct node *n);
struct value model_sequence(const struct scope *s, const struct node *n);

#endif
