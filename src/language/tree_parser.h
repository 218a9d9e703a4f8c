/* tree_parser: what the files that read texts into trees share; not for others. tree_parser.c has the tools: tokens ahead, the one fault, nodes;
 * tree_parse.c the grammar from whole texts down to values, tree_parse_rows.c what looks at rows: names, durations, windows, aggregates,
 * sequences. */
#ifndef ONEFOLD_LANGUAGE_TREE_PARSER_H
#define ONEFOLD_LANGUAGE_TREE_PARSER_H

#include "govern/normalise_text.h"
#include "language/tree_inside.h"
#include "language/tree_lex.h"

#define AHEAD_MAX 4
/* Calls of parse_expression, _not and _unary within each other; a level of a tree needs three at most, "-(". */
#define NESTING_MAX (3 * TREE_DEPTH_MAX + 8)

struct parser {
    struct lexer lexer;
    struct token ahead[AHEAD_MAX], before; /* before: the one taken last */
    unsigned have, nesting;
    struct tree_maker maker;
    struct fault *fault;
    uint32_t fault_place;
};

/* Grows at its end. */
struct children {
    struct node *first, **tail;
    size_t count;
};

/* --- tokens: the `n`th ahead, 0 the next --- */

const struct token *parser_look(struct parser *p, unsigned n);
void parser_take(struct parser *p, unsigned count);
bool parser_at_sign(struct parser *p, unsigned n, enum sign sign);
bool parser_at_word(struct parser *p, unsigned n, const char *lower);
bool parser_at_number(struct parser *p, unsigned n);
bool parser_at_unit(struct parser *p, unsigned n);
/* These take it where it is there. */
bool parser_take_sign(struct parser *p, enum sign sign);
bool parser_take_word(struct parser *p, const char *lower);

/* --- faults: each writes the one fault and returns NULL --- */

__attribute__((format(printf, 3, 4))) void *parser_fail(struct parser *p, size_t place, const char *format, ...);
/* The token that comes is none of what may stand here. `words` (NULL: none; ends in NULL): words it may have been meant as. */
void *parser_fail_expected(struct parser *p, const char *expected, const char *const *words);
/* After a whole value or condition something stands that cannot go on from it. */
void *parser_fail_continuation(struct parser *p, const char *expected);
bool parser_expect_sign(struct parser *p, enum sign sign, const char *expected);
/* A token as a fault quotes it. */
const char *parser_shown(const struct parser *p, const struct token *token, char out[TEXT_QUOTE_BYTES]);

/* --- nodes: NULL after a fault --- */

struct node *parser_make(struct parser *p, enum node_kind kind, size_t place);
/* All that hangs below is there. */
struct node *parser_finish(struct parser *p, struct node *node);
/* One call deeper; false after the fault. Undone by nesting--. */
bool parser_enter(struct parser *p);
void parser_add_child(struct children *children, struct node *child);
struct node *parser_call(struct parser *p, enum op op, size_t place, struct node *first, struct node *second);
struct node *parser_literal(struct parser *p, const struct token *token);

/* --- grammar --- */

struct node *parse_expression(struct parser *p);
struct node *parse_sum(struct parser *p);
struct node *parse_name(struct parser *p, const char *expected);
struct node *parse_duration(struct parser *p);
/* Behind "count(" and "sequence(". */
struct node *parse_aggregate(struct parser *p, enum op op, size_t place);
struct node *parse_sequence(struct parser *p, enum op op, size_t place);

#endif
