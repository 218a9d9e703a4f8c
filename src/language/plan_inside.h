/* plan_inside: what the files of a plan and its evaluator share: the graph of nodes. */
#ifndef ONEFOLD_LANGUAGE_PLAN_INSIDE_H
#define ONEFOLD_LANGUAGE_PLAN_INSIDE_H

#include "language/number.h"
#include "language/plan.h"
#include "language/rows.h"
#include "language/time_window.h"

#define NODE_NONE UINT32_MAX
#define FRAME_CUSTOMER 0
#define FRAME_NONE UINT16_MAX
#define PLAN_NODES_MAX 200000u
#define PLAN_FRAMES_MAX 4000u
#define PLAN_CLAUSES_MAX 64

enum plan_kind {
    PLAN_CONSTANT,
    PLAN_NOW,
    PLAN_TODAY,
    PLAN_COLUMN,    /* `column` of the frame */
    PLAN_TIME,      /* the row's time */
    PLAN_EVENT,     /* child: numbers of types; their names */
    PLAN_MASTER,    /* child: ids; a field of them in `lookup` */
    PLAN_IN_MASTER, /* child: ids; whether they are in `lookup` */
    PLAN_CALL,      /* `op` over children */
    PLAN_SHIFT,     /* child: a moment, `amount` units (by the calendar) later */
    PLAN_SPREAD,    /* child: of a frame above */
    PLAN_WINDOW,    /* rows in the window; children: moments, of a frame above or the frame itself */
    PLAN_AGGREGATE, /* children: [0] rows that count, [1] values, [2] rows that the share is of; NODE_NONE where there are none */
    PLAN_SEQUENCE,
    PLAN_SET,   /* stored set number `integer` */
    PLAN_TARGET /* child: the other ends of a relation's edges; what `inner` says of them */
};

struct plan_step {
    uint32_t rows; /* bits at `frame`; NODE_NONE: all rows */
    uint16_t frame;
    bool negated, limited; /* `amount`, `unit` since the step before */
    uint8_t unit;
    int64_t amount;
};

/* A field of master data by id. */
struct lookup_entry {
    struct slice id;
    struct number number; /* numbers, times, dates, bools */
    struct slice text;
};
struct lookup {
    struct lookup_entry *entries;   /* in a table of `slots`, a power of two; id.data NULL: free */
    const struct lookup *condition; /* only those of this one for which `op` with constants `values` holds */
    const uint32_t *values;
    uint32_t value_count;
    uint8_t op;
    uint32_t slots, count;
    uint16_t type, property;
    uint8_t property_type;
};
const struct lookup_entry *lookup_find(const struct lookup *lookup, struct slice id);

struct plan_node {
    uint8_t kind; /* enum plan_kind */
    uint8_t op, type, unit, window_kind;
    bool timed, whole; /* `whole`: of SEQUENCE, `amount` and `unit` limit all of it */
    uint16_t frame;
    uint16_t source; /* AGGREGATE: frame of what it takes; WINDOW: frame of the moments */
    uint32_t child_count;
    uint32_t column, step_count;
    uint32_t *children;
    int64_t amount;
    struct number number; /* CONSTANT; of SET the number */
    struct slice text;
    struct plan_step *steps;
    struct lookup *lookup;
    struct plan *inner;
    const struct node *tree; /* one that it came from, for explanations */
    float cost;              /* ns a customer, roughly */
    float share;             /* of elements that a condition is true for, roughly */
    uint64_t hash;
};

enum frame_kind { FRAME_OF_CUSTOMERS, FRAME_OF_ROWS, FRAME_OF_ITEMS };
struct plan_frame {
    uint8_t kind;
    uint8_t form;  /* enum rows_form */
    uint16_t type; /* dictionary type of rows; of items the item type */
    uint16_t above;
    uint32_t rows;   /* index in the want */
    uint32_t column; /* of items: index of their column in the row's */
    struct column_want *columns;
    uint16_t *column_frames; /* frame of a column's items, or FRAME_NONE */
    uint32_t column_count, column_capacity;
    float per_customer; /* elements, roughly */
};

struct clauses {
    uint32_t nodes[PLAN_CLAUSES_MAX];
    uint32_t count;
};

/* A set of rows. */
struct plan_rows {
    uint16_t row, frame; /* `frame`: of the items, else the row's */
    uint32_t bits;       /* NODE_NONE: all */
    uint32_t time, position;
    uint32_t *values;
    uint32_t value_count;
};

struct plan {
    const struct vocabulary *vocabulary;
    struct calendar calendar;
    struct arena arena;
    struct plan_node *nodes;
    uint32_t node_count, node_capacity;
    uint32_t *slots; /* hash of a node -> number + 1 */
    uint32_t slot_count;
    struct plan_frame *frames;
    uint32_t frame_count, frame_capacity;
    uint32_t *roots;
    struct clauses *clauses;
    uint32_t root_count;
    struct plan_rows *rows;
    uint32_t rows_count;
    struct lookup **lookups;
    uint32_t lookup_count;
    struct plan **inners;
    const struct node **inner_trees;
    uint32_t inner_count;
    bool reads_master;
    uint64_t master_version; /* as of the first lookup */
    struct range_want want;
    bool too_large;
};

static inline bool frame_is_above(const struct plan *plan, uint16_t above, uint16_t frame) {
    while (frame != FRAME_CUSTOMER && frame != above)
        frame = plan->frames[frame].above;
    return frame == above;
}

/* --- plan_compile.c --- */
struct scope {
    uint16_t row, item; /* frames of levels 1 and 2, or FRAME_NONE */
    bool related;       /* level 0 is the customer at the other end of the row, which is a relation's */
};
uint32_t plan_compile(struct plan *plan, const struct node *node, const struct scope *scope);
void plan_compile_rows(struct plan *plan, const struct rows_root *root, struct plan_rows *out);
/* The node's value at `frame`, which is its own or below. */
uint32_t plan_at(struct plan *plan, uint32_t node, uint16_t frame);

/* --- plan_node.c: making nodes and frames, each once --- */
uint32_t plan_add(struct plan *plan, struct plan_node *node); /* takes children, steps copied */
uint32_t plan_call(struct plan *plan, enum op op, enum term_type type, const uint32_t *children, uint32_t count);
uint32_t plan_column(struct plan *plan, uint16_t frame, uint16_t property, enum term_type type);
uint16_t plan_rows_frame(struct plan *plan, enum rows_form form, uint16_t type);
uint16_t plan_items_frame(struct plan *plan, uint16_t rows, uint16_t property, uint16_t item_type);
void plan_finish_want(struct plan *plan);
enum term_type plan_term_of(uint8_t property_type);

/* --- plan_master.c --- */
struct lookup *plan_lookup(struct plan *plan, uint16_t type, uint16_t property, uint8_t property_type);
/* Of that those for which the condition `op` with constant nodes `values` holds. */
struct lookup *plan_lookup_condition(struct plan *plan, const struct lookup *of, enum op op, const uint32_t *values,
                                     uint32_t count);

/* --- plan_cost.c: what a node costs and how much it lets through; orders the operands of and / or --- */
void plan_estimate(struct plan *plan, struct plan_node *node);
void plan_order(const struct plan *plan, enum op op, uint32_t *children, uint32_t count);

#endif
