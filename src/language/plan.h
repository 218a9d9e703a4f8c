/* plan: checked expressions compiled together, and evaluated over a range of customers.
 *
 * A plan has any number of roots (all live segments of a workspace, or the one being edited). Equal sub-expressions are one node, so that a
 * thousand segments share their aggregates. Nodes are on the level of customers (a value each), of rows, or of rows' items; an aggregate
 * takes rows to customers. A condition over a coded column is decided once per code, one over a number becomes a range of raw
 * values. In `and` and `or` the cheapest and most selective go first, and what a range cannot change any more is not evaluated.
 *
 * evaluate() is the only evaluator: live it gets a range of one customer, in batch a whole span. Numbers are exact: decimals as int64 over
 * 10^scale with 128-bit sums, compared exactly; where a result has no decimal form of at most six places (or does not fit) it is the nearest
 * double, and real inputs are added in row order. x / y, avg: exact where they come out within six decimals, else double. */
#ifndef ONEFOLD_LANGUAGE_PLAN_H
#define ONEFOLD_LANGUAGE_PLAN_H

#include "history/range.h"
#include "language/check.h"

struct plan;
/* Roots are checked trees and must outlive the plan, as must the vocabulary's parts. Sets of master-data ids are made here; plan_stale tells
 * when master data changed since. Errors: TOO_LARGE. Thread: any; a plan is immutable afterwards. */
enum status plan_create(const struct vocabulary *vocabulary, const struct node *const *roots, size_t root_count,
                        struct plan **plan, struct fault *fault) WARN_UNUSED;
void plan_free(struct plan *plan);
bool plan_stale(const struct plan *plan);
enum term_type plan_type(const struct plan *plan, size_t root);
bool plan_timed(const struct plan *plan, size_t root); /* its value may change by time alone */

/* What evaluation needs from outside. */
struct outside {
    struct history *history;
    const struct identity *identity;
    void *context;
    /* Members of stored set `set` in `span`. NULL where there are no sets. */
    void (*set_bits)(void *context, uint32_t set, uint32_t span, uint64_t bits[SPAN_CUSTOMERS / 64]);
};

/* One value of one customer. */
struct term_value {
    uint8_t type;    /* enum term_type; TERM_NONE: missing */
    uint8_t scale;   /* NUMBER: integer / 10^scale; UINT8_MAX: `real` */
    int64_t integer; /* BOOL, NUMBER, TIME (ms), DATE (days) */
    double real;
    struct slice text; /* TEXT; DISTRIBUTION and lists: JSON. In the evaluator's arena, until it is used again */
};

/* A thread's state of evaluating one plan: results of nodes for the range in hand. */
struct evaluator;
struct evaluator *evaluator_create(const struct plan *plan, const struct outside *outside);
void evaluator_free(struct evaluator *evaluator);

/* Puts a range in hand: what was evaluated of the one before is forgotten. Between history_enter and _leave (the fold thread needs none).
 * evaluator_span: false where the span does not exist; results of dirty customers are put in place by gathering them. */
bool evaluator_span(struct evaluator *e, uint32_t span, int64_t now_ms);
void evaluator_customer(struct evaluator *e, struct customer_id customer, int64_t now_ms, uint64_t before);
/* Root `root` over the range in hand. Bools: bits of members ([64] for a span; bit 0 of one word for a customer), only of the population
 * for a span. `until` (NULL: not asked; [SPAN_CUSTOMERS] or [1]): for each customer the instant, after now, up to which the answer cannot change by
 * time alone; INT64_MAX: for ever; may be too early, never too late. */
void evaluate_bits(struct evaluator *e, size_t root, uint64_t *bits, int64_t *until);
/* For a customer in hand: the answer, and what it holds against: it cannot change before `until_ms` as long as fewer than `slack` event
 * records come that the root reads. Both hold together. Records count that add a row to a type of events, at a time that is not
 * ahead; of others (updates, rows that take a row's place, events dated ahead) it says nothing. */
#define SLACK_ANY UINT32_MAX /* any number */
#define HOLD_LATE_MS                                                                                                   \
    600000 /* an event surely counts where it matters to the root (EVENT_COUNTS) and is not older than that */
struct hold {
    int64_t until_ms; /* after now; INT64_MAX: for ever */
    uint32_t slack;   /* at least 1 */
    bool documents;   /* it holds against any number of records of documents besides */
    bool keeps; /* and as long as no document comes, against any number of events: another operand keeps it, too */
    /* Above 0: where the next `slack` events that can matter to the root all surely count and no document comes, the last of them turns the answer, if it comes before
     * this instant; from there to this instant the new answer holds against any number of events. 0: that cannot be told. */
    int64_t turns_ms;
};
struct hold evaluate_hold(struct evaluator *e, size_t root, bool *answer);
/* Of a root that reads no events, and documents in one `sum(order.total ...) > bound` alone, the slack of holds counts parts of the bound, not
 * events: each new document of `type` takes amount_parts of them, and none but such documents may come. */
struct hold_amount {
    uint16_t type, property;
    double part; /* of the bound; 0: the root is no such one */
};
#define HOLD_PARTS 29 /* of a bound */
struct hold_amount evaluate_amount(struct evaluator *e, size_t root);
/* SLACK_ANY: of this record it cannot be told. */
uint32_t amount_parts(const struct hold_amount *amount, const struct record_head *record);
/* Of a root that hangs on how many values of a text of events are distinct: `turns_ms` is said of events that each have another value of
 * `property` than was counted and than those before them. Two prints that differ are of values that differ. */
#define HOLD_VALUES_MAX 16
struct hold_values {
    uint16_t type, property; /* property 0: the root is no such one */
};
struct hold_values evaluate_values(struct evaluator *e, size_t root);
uint16_t hold_value_print(uint16_t property, struct slice text); /* never 0 */
/* Prints of what is counted: of the customer in hand, or of the one at `place` of a span in hand; returns how many, UINT32_MAX where they are more
 * than have room. */
uint32_t evaluate_values_counted(struct evaluator *e, size_t root, uint32_t place, uint16_t prints[HOLD_VALUES_MAX]);
/* The same of a span in hand: bits as evaluate_bits, and holds [SPAN_CUSTOMERS] of the population. */
void evaluate_holds(struct evaluator *e, size_t root, uint64_t *bits, struct hold *holds);
/* Which of the root's clauses an event of the customer can change. No customer need be in hand. */
uint64_t evaluate_clauses_of_events(struct evaluator *e, size_t root);
/* Root `root` of any type, for customer `i` of the range in hand. */
struct term_value evaluate_value(struct evaluator *e, size_t root, uint32_t i);
/* For a customer in hand: the root's clauses (operands of its outermost and/or, up to 64, else itself), one bit each that is true. */
uint64_t evaluate_clauses(struct evaluator *e, size_t root);
/* The same where the answer alone tells it: all of an `and` that is true, none of an `or` that is false, the one of any other. No customer
 * need be in hand. */
bool evaluate_clauses_told(const struct evaluator *e, size_t root, bool answer, uint64_t *clauses);

/* --- batch: all customers, `workers` threads over the spans; the same answer however many --- */
struct plan_answer {
    uint32_t span_count;
    uint64_t (*bits)[SPAN_CUSTOMERS / 64]; /* [span_count]; of bool roots */
    uint64_t count;                        /* members */
    uint64_t population;                   /* customers asked */
    uint64_t rows, bytes;                  /* looked at */
    uint64_t elapsed_ns;
};
/* `into` is filled; plan_answer_release frees its bits. `stop` (may be NULL) is looked at between spans: true ends it with CLOSED. */
enum status plan_run(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                     unsigned workers, const _Atomic bool *stop, struct plan_answer *into) WARN_UNUSED;
void plan_answer_release(struct plan_answer *answer);
/* Values of a root for all customers of the population, in order of number: each(context, customer, value) on the calling thread. */
void plan_each(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
               bool (*each)(void *context, struct customer_id customer, const struct term_value *value), void *context);

/* The plan of a root as JSON: a tree of nodes {"node":"count(order, last 30 days) >= 3","kind":"aggregate","estimated_rows":n,
 * "actual_rows":n,"customers":n,"ms":x,"children":[...]}, actual figures from one run over everything. */
void plan_explain(const struct plan *plan, size_t root, const struct outside *outside, int64_t now_ms,
                  struct json_writer *w);

#endif
