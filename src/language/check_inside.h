/* check_inside: what the parts of the checker share.
 *
 * check.c          the way in, errors, definitions: cost, circles
 * check_names.c    names and sources to references, in the scope they stand in
 * check_hint.c     what to say where a name leads nowhere: the nearest names, and where it would be right
 * check_literal.c  literals that take the type they are compared with: dates, gender, names of master data
 * check_types.c    types of operators and functions
 * check_rows.c     aggregates, windows, sequences
 * complete*.c      what may stand at a place, and what stands there
 * check_depend.c   what a checked tree depends on
 *
 * Every function here that answers bool has, where it says false, filled the fault: callers pass it up at once. */
#ifndef ONEFOLD_LANGUAGE_CHECK_INSIDE_H
#define ONEFOLD_LANGUAGE_CHECK_INSIDE_H

#include "language/check.h"

/* Where a name stands. `{0}`: outside every aggregate. */
struct scope {
    const struct type *row;  /* level 1; NULL outside, and of any event */
    const struct type *item; /* level 2 */
    bool rows;               /* level 1 is there */
    bool related;            /* level 0 is the customer at the other end of a relation */
};

/* What is known of an operand beyond what stands in its node. */
struct term {
    const struct type *owner;        /* of `property`; the customer's type too */
    const struct property *property; /* whose value it is; NULL: computed, or a system field */
    uint16_t master;                 /* its values are ids of this type of master data; 0: of none */
    bool event;                      /* its values are names of event types */
};

/* A literal that may be the name of master data. */
struct named_literal {
    struct named_literal *next, *beside; /* beside: of one bucket, while they are looked for */
    struct node *node;
    uint16_t type;
    bool is_id;      /* as it is written */
    uint8_t matches; /* things called so; 2 stands for more too */
    struct slice id[2];
};

/* Costs of definitions met, by expression: a definition used twice is walked once. */
struct known_cost {
    struct known_cost *next;
    const struct node *expression;
    uint64_t cost;
    unsigned depth;
    bool related; /* asks for a relation */
};
#define KNOWN_BUCKETS 64

/* What a check needs until its end. */
struct plain_names;
struct scratch {
    struct arena arena;
    struct plain_names *plain; /* types by their plain form; made when first asked for */
};

struct check {
    const struct vocabulary *v;
    struct arena *arena; /* the tree's */
    struct scratch *scratch;
    struct fault *fault;
    uint32_t *place;
    struct slice text; /* what was parsed; empty: only the tree is known */
    const struct node *root;
    enum status status;
    struct scope scope;
    unsigned depth;   /* of nodes */
    uint64_t cost;    /* so far */
    bool beside_text; /* the operand in hand is compared with a text: an unknown name may be one without its quotes */
    bool top;         /* the operand in hand is the root */
    struct named_literal *names;
    struct known_cost *known[KNOWN_BUCKETS];
};

#define CHECK_DEPTH_MAX (4 * TREE_DEPTH_MAX) /* of trees made by hand; those of tree.h stay below TREE_DEPTH_MAX */
#define CHECK_DEFINITIONS_MAX 32             /* definitions that one goes through in a row */
#define JOIN_COST 16                         /* of two texts joined: through definitions texts may double with each */
#define NEST_COST 4                          /* what stands in an aggregate's where counts so many times */

/* --- check.c --- */
/* False; the fault says it, with the node's place before. */
bool check_fail(struct check *c, const struct node *at, const char *format, ...) PRINTF_LIKE(3, 4);
bool check_fail_as(struct check *c, enum status status, const struct node *at, const char *format, ...)
    PRINTF_LIKE(4, 5);
/* Canonical text for messages, cut where it is longer than SHOWN_BYTES; use it within one expression. */
#define SHOWN_BYTES 64
struct shown {
    char text[256];
};
struct shown check_shown(const struct node *node);
struct shown check_shown_text(struct slice text);
/* Adds to the cost; TOO_LARGE past the maximum. */
bool check_spend(struct check *c, const struct node *at, uint64_t cost);
/* "in segment", tag ... : finds the definition, fills the node. */
bool check_definition(struct check *c, struct node *node, struct term *term);

/* --- check_names.c --- */
#define NAME_BYTES (DICTIONARY_NAME_BYTES_MAX + 1)
/* Pieces [first, first + count) with dots between; empty where that is longer than any name. */
struct slice check_join(const struct node *node, uint32_t first, uint32_t count, char buffer[NAME_BYTES]);
/* The type of that name: documents, events, relations, exact before plain form. Two with the same plain form: NULL, and *both says so. */
const struct type *check_type(const struct check *c, struct slice name, bool plain, bool *both);
bool check_plain_equal(struct slice name, struct slice plain);
/* A type's name in its plain form where that leads to it, else as it is; `buffer` may hold it. */
struct slice check_type_name(const struct check *c, const struct type *type, char buffer[NAME_BYTES]);
/* Whether a type is one whose rows an aggregate may ask for. */
bool check_has_rows(const struct type *type);
bool check_is_relation(const struct type *type);
/* A field of rows of `type` at `level`: its own, or of the master data it leads to. */
bool check_field(const struct dictionary *d, const struct type *type, uint8_t level, struct slice name,
                 struct reference *reference, struct term *term);
/* The master type whose ids stand in this property; 0: none. */
uint16_t check_master_of(const struct dictionary *d, const struct type *owner, const struct property *property);
/* The property of `owner` that holds ids of `master`; NULL: none. */
const struct property *check_master_key(const struct dictionary *d, const struct type *owner,
                                        const struct type *master);
bool check_system(const struct scope *scope, struct slice name, struct reference *reference);
bool check_name(struct check *c, struct node *node, struct term *term);
bool check_source(struct check *c, struct node *source, struct term *term);
/* `pieces` of first(x).y, in the scope of x's rows. */
bool check_row_field(struct check *c, struct node *node, const struct scope *rows, struct term *term);
enum term_type check_type_of(enum property_type type);

/* --- check_hint.c --- */
bool check_unknown_name(struct check *c, const struct node *node);
bool check_unknown_source(struct check *c, const struct node *source);
/* A type is there, its field is not. */
bool check_unknown_field(struct check *c, const struct node *node, const struct type *type, struct slice field);
bool check_unknown_definition(struct check *c, const struct node *node, enum definition_kind kind, struct slice name);

/* --- check_literal.c --- */
bool check_literal(struct check *c, struct node *node);
/* `literal` beside an operand of `type`: takes its type where it can be read so; else stays as it is. */
bool check_convert(struct check *c, struct node *literal, enum term_type type, const struct term *term);
/* A text literal where a moment is asked for. */
bool check_convert_moment(struct check *c, struct node *literal);
bool check_duration(struct check *c, const struct node *node, bool ago);
/* At the end: literals that are names of master data become ids. */
bool check_names_to_ids(struct check *c);
bool check_gender(const struct term *term);

/* --- check_types.c --- */
const char *check_word(const struct node *node); /* of its operator */
/* Any expression: fills the node's findings and `term`. */
bool check_node(struct check *c, struct node *node, struct term *term);
bool check_condition(struct check *c, struct node *node, const char *whose);
bool check_moment(struct check *c, struct node *node, const char *whose);
enum term_type check_op_gives(enum op op);         /* where it gives always the same; else NONE */
bool check_op_clock(enum op op);                   /* its value changes by time alone */
const char *check_phrase(const struct node *node); /* "a number", "money", "text" ... */

/* --- check_rows.c --- */
/* What the where of an aggregate over this source sees. */
struct scope check_scope_of(const struct check *c, const struct source_reference *from);
bool check_aggregate(struct check *c, struct node *node, struct term *term);
bool check_sequence(struct check *c, struct node *node);

static inline bool check_is_moment(const struct node *n) { return n->type == TERM_TIME || n->type == TERM_DATE; }
static inline bool check_is_text(const struct node *n) { return n->kind == NODE_LITERAL && n->literal == VALUE_TEXT; }

/* --- check_blanks.c --- */
/* Where `text` does not parse, at byte *place: if words around it are a type's name without its backticks, says so, moves *place to its
 * beginning, and returns true. Else nothing is changed. */
bool check_blanks(const struct vocabulary *vocabulary, struct slice text, uint32_t *place, struct fault *fault);

#endif
