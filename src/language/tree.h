/* tree: an expression as text, as a tree, and as JSON; each turns into the others without loss (docs/language.md).
 *
 *     expression := or                      or := and ("or" and)*            and := not ("and" not)*
 *     not        := "not" not | comparison
 *     comparison := sum [ ("=" | "!=" | "<" | "<=" | ">" | ">=") sum | ["not"] "between" sum "and" sum
 *                       | ["not"] "in" "(" sum ("," sum)* ")" | ["not"] "contains" sum
 *                       | ["not"] "contains" ("any" | "all") "(" sum ("," sum)* ")"
 *                       | ["not"] ("starts with" | "ends with" | "matches") sum | "is" ["not"] ("missing" | "present") ]
 *     sum        := product (("+" | "-") product)*       product := unary (("*" | "/" | "%") unary)*
 *     unary      := "-" unary | primary
 *     primary    := literal | name | "(" expression ")" | function "(" arguments ")" | "days since" unary | aggregate | sequence
 *                 | "in segment" text | "has tag" text
 *     aggregate  := word "(" source ["where" expression] ["," window] ")" ["." name]     -- the last only after first, last
 *     source     := name                                -- order; order.total; order.items; order.items.brand; items; guardian_of;
 *                                                       -- "any event": every event of any type
 *     sequence   := word "(" step ("->" step)* ("," ("within" duration | window))* ")"
 *     step       := ["not"] source ["where" expression] ["within" duration]
 *     window     := "last" number unit                  -- rolling: (now - that, now]
 *                 | "today" | "yesterday" | ("this" | "last" | "previous") ("week" | "month" | "quarter" | "year")
 *                 | "since" sum | "before" sum | "from" sum "to" sum | "on" sum
 *                 | number unit ("after" | "before") sum | "after" sum     -- relative to any moment, the customer's own too
 *     duration   := number unit             unit := second(s) minute(s) hour(s) day(s) week(s) month(s) quarter(s) year(s)
 *     literal    := 12 | 12.50 | 1e6 | "text" | true | false | 2026-01-31 | 2026-01-31T08:00[:00][Z|+08:00] | duration ["ago"]
 *     name       := piece ("." piece)*      piece := letters, digits, _ (any alphabet, no digit first) | `anything`
 *
 * Words are known in any case; "last month" is "previous month" ("last 1 month" is rolling). `a = b = c` is an error, parentheses
 * are kept only where needed: the formatter puts back exactly those that precedence asks for. -- begins a comment to the line's end.
 * "x not in (...)" is NOT over IN; "is not missing" is IS_PRESENT. In text \" \\ \n \t and \u{1F600} are known; a doubled backtick in a
 * name stands for one. "3 days ago" is a moment: a literal of kind NODE_DURATION with `ago`. "-5" is one literal, "-(5)" a negation. "a and (b
 * and c)" keeps its inner group; chains of one operator are one node. Words of functions are names where no "(" follows; and, or, not, between,
 * in, contains, matches, is, where, true, false, now, today, anniversary begin a name only in backticks. Backticks that were written are kept, since
 * they ask for exactly that name.
 *
 * Everything of a tree lies in the arena it was made in. Limits: 64 KiB of text, TREE_DEPTH_MAX levels, TREE_NODES_MAX nodes. */
#ifndef ONEFOLD_LANGUAGE_TREE_H
#define ONEFOLD_LANGUAGE_TREE_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "base/memory.h"
#include "base/status.h"

#define TREE_TEXT_BYTES_MAX 65536
#define TREE_DEPTH_MAX 64
#define TREE_NODES_MAX 4096
#define NAME_PIECES_MAX 8

enum op {
    OP_NOTHING,
#define OPERATOR(id, ...) OP_##id,
#include "language/operator.def"
#undef OPERATOR
    OP_COUNT_
};

enum node_kind {
    NODE_LITERAL,   /* `kind` of literal: NUMBER, TEXT, BOOL, DATE, TIME */
    NODE_DURATION,  /* `amount`, `unit`, `ago` */
    NODE_NAME,      /* `pieces` */
    NODE_CALL,      /* `op` over the children, `first` on. NAMED ones have one literal child, the name */
    NODE_AGGREGATE, /* `op`, `source`, `where`, `window`, and of first(x).y `pieces` = y */
    NODE_SEQUENCE,  /* `op`, children are NODE_STEP; `window`; `within` (a NODE_DURATION) over all */
    NODE_STEP,      /* `source`, `where`, `negated`, `within` since the step before */
    NODE_SOURCE,    /* `pieces`; any_event */
    NODE_WINDOW     /* `window_kind`, `amount`, `unit`, children: the moments */
};

/* What values are, as the checker finds them. */
enum term_type {
    TERM_NONE, /* not checked */
    TERM_BOOL,
    TERM_NUMBER, /* money is a number with `money` set */
    TERM_TEXT,
    TERM_TIME,
    TERM_DATE,
    TERM_TEXT_LIST,
    TERM_NUMBER_LIST,
    TERM_DISTRIBUTION,
    TERM_DURATION
};
const char *term_type_name(enum term_type type); /* "number", "text list" ... */

enum unit { UNIT_SECOND, UNIT_MINUTE, UNIT_HOUR, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_QUARTER, UNIT_YEAR };

enum window_kind {
    WINDOW_NONE,
    WINDOW_ROLLING, /* last N units: (now - N units, now] */
    WINDOW_TODAY,   /* calendar windows: [start, end) in the workspace's zone; weeks begin on its first weekday */
    WINDOW_YESTERDAY,
    WINDOW_THIS,        /* the `unit` (week, month, quarter, year) that now is in */
    WINDOW_PREVIOUS,    /* the one before */
    WINDOW_SINCE,       /* [moment, ..) */
    WINDOW_BEFORE,      /* (.., moment) */
    WINDOW_FROM_TO,     /* [moment, moment) */
    WINDOW_ON,          /* the day of a date */
    WINDOW_SPAN_AFTER,  /* N units after moment: [moment, moment + N units) */
    WINDOW_SPAN_BEFORE, /* N units before moment: [moment - N units, moment) */
    WINDOW_AFTER        /* (moment, ..) : the row of the moment itself is not in */
};
/* A date as a moment is its first instant in the workspace's zone. A missing moment: no row is in the window. Months, quarters and
 * years are calendar units in the zone (the day is cut to the month's last); days and weeks are calendar days there too (a day with a
 * clock change has 23 or 25 hours) in moments' sums; in WINDOW_ROLLING days are 24 hours, weeks 7 of them. */

struct name_piece {
    struct slice text;
    bool quoted; /* stood in backticks: exactly this name is meant; kept through every form */
};

/* What a name leads to; filled in by the checker (check.h). */
enum reference_kind {
    REFERENCE_NONE,
    REFERENCE_PROPERTY, /* `property` of the row at `level`; of the customer's attributes at level 0 */
    REFERENCE_SYSTEM,   /* `system` of the row at `level` */
    REFERENCE_MASTER /* `master_property` of the master data `master_type` whose id stands in `property` of the row at `level` */
};
enum system_field {
    SYSTEM_TIME,
    SYSTEM_RECEIVED,
    SYSTEM_UPDATED,
    SYSTEM_SOURCE,
    SYSTEM_EVENT /* any event: the type's name */
};
struct reference {
    uint8_t kind;
    uint8_t level; /* 0 the customer; 1 the row of the enclosing aggregate; 2 the item of a row */
    uint8_t system;
    uint8_t property_type; /* enum property_type of the value */
    uint16_t property, master_type, master_property;
};
/* What a source leads to. */
enum source_kind {
    SOURCE_NONE,
    SOURCE_EVENTS,    /* rows of an event type */
    SOURCE_DOCUMENTS, /* documents of a type as they stand now; their time is that of their first update */
    SOURCE_ANY_EVENT,
    SOURCE_RELATION, /* edges of a relation type; `where` is about the customer at the other end (level 0 is that one) */
    SOURCE_ROW_ITEMS, /* inside a where: the items of the row at level 1 */
    SOURCE_LIST       /* reserved */
};
struct source_reference {
    uint8_t kind;
    uint16_t type;      /* number in the dictionary; of SOURCE_ROW_ITEMS the item type */
    uint16_t items;     /* property that holds the items whose rows are meant; 0: the rows themselves */
    uint16_t item_type; /* where `items` is set */
    struct reference
        value; /* of count(order.total) ...; kind NONE where rows are meant. Its level is 2 for items, else 1 */
};

struct node {
    uint8_t kind; /* enum node_kind */
    uint8_t op;   /* enum op */
    uint8_t unit, window_kind;
    bool negated, ago, any_event;
    uint8_t literal; /* enum value_kind of govern/record.h: BOOL, NUMBER (`integer`, `scale`), REAL, TEXT, TIME, DATE */
    uint8_t scale;
    uint8_t depth;       /* levels from here down, 1 without any below */
    uint32_t place, end; /* bytes in the text it was parsed from; of JSON: 0, 0 */
    int64_t integer;
    double real;
    int64_t amount;
    struct slice text; /* a literal's, unescaped */
    bool
        zoned; /* a time literal that named its zone; without: the workspace's, `integer` is then as if UTC until checked */
    struct name_piece *pieces;
    uint32_t piece_count;
    struct node *first, *next; /* children */
    struct node *source, *where, *window, *within;

    /* by the checker */
    uint8_t type; /* enum term_type */
    bool money;
    bool constant; /* the same for every customer and at every time */
    struct reference reference;
    struct source_reference from;
    struct slice shown;            /* a literal that was a master-data name: what was written; `text` is the id */
    const struct node *definition; /* IN_SEGMENT, TAG, METRIC: its checked expression; NULL: stored */
    uint32_t definition_number;    /* stored sets: handed to outside.set_bits (plan.h) */
};

/* Reads text. The tree keeps slices of `arena`, not of `text`.
 * Errors: INVALID with a sentence like
 *     at 14: expected a number, a text, a name or "(" after ">="; found "and"
 *     at 3: "conut" is not known; did you mean "count"?
 * where the number is the character (not byte) from 1; `place` (may be NULL) gets the byte offset. */
enum status tree_parse(struct slice text, struct arena *arena, struct node **root, struct fault *fault,
                       uint32_t *place) WARN_UNUSED;
/* Writes it on one line, in the canonical form: parsing that gives an equal tree, formatting again the same text. */
void tree_format(const struct node *root, struct buffer *out);
/* The same over several lines where it is longer than `width` characters: and / or at the beginning of lines, two blanks a level. */
void tree_format_wide(const struct node *root, unsigned width, struct buffer *out);
/* {"op":"and","of":[{"op":">=","of":[{"op":"count","source":["order"],"window":{"last":30,"unit":"day"}},{"number":"3"}]}, ...]}
 * (docs/language.md has the schema of every kind). Errors of reading: INVALID with a JSON path: at /of/1/window: ... */
void tree_write_json(const struct node *root, struct json_writer *w);
enum status tree_read_json(const struct json_parser *parser, const struct json *json, struct arena *arena,
                           struct node **root, struct fault *fault) WARN_UNUSED;
/* Same structure and values, places and the checker's findings left out. */
bool tree_equal(const struct node *a, const struct node *b);

struct operator_row {
    const char *id, *word;
    uint8_t form; /* enum operator_form */
    uint16_t least, most;
    const char *use, *meaning_en, *caution_en, *meaning_zh, *caution_zh, *example; /* cautions may be empty */
};
enum operator_form {
    FORM_INFIX,
    FORM_PREFIX,
    FORM_SUFFIX,
    FORM_FUNCTION,
    FORM_OF,
    FORM_AGGREGATE,
    FORM_SEQUENCE,
    FORM_NAMED,
    FORM_WINDOW
};
const struct operator_row *operator_row(enum op op);
/* Windows, out of windows.def. */
struct window_row {
    const char *id, *use, *meaning_en, *caution_en, *meaning_zh, *caution_zh, *example; /* an example is an aggregate */
};
const struct window_row *window_row(enum window_kind kind); /* not of WINDOW_NONE */
const char *unit_word(enum unit unit);                      /* "day" */

#endif
