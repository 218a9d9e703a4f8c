/* tree_inside: what reading text, reading JSON and formatting share. For the files tree_*.c alone. */
#ifndef ONEFOLD_LANGUAGE_TREE_INSIDE_H
#define ONEFOLD_LANGUAGE_TREE_INSIDE_H

#include "language/tree.h"

#define TREE_LIST_MAX 1000      /* values after "in" */
#define TREE_PLACES_BYTES_MAX 8 /* canonical text is at most so many times as long as what was read */

/* Makes the nodes of one tree and watches its limits. */
struct tree_maker {
    struct arena *arena;
    uint32_t nodes;
};
/* NULL past TREE_NODES_MAX. */
struct node *tree_make(struct tree_maker *maker, enum node_kind kind);
/* Sets `depth` from what hangs below; false past TREE_DEPTH_MAX. */
bool tree_set_depth(struct node *node);

bool tree_word_is(struct slice word, const char *lower); /* in any case of ASCII letters */
/* A word that cannot begin a name unless it stands in backticks. */
bool tree_word_reserved(struct slice word);
/* Whether piece `i` of the node must stand in backticks; whether it does: also where it was written so, which asks for exactly that name. */
bool tree_piece_needs_quotes(const struct node *node, uint32_t i);
static inline bool tree_piece_quoted(const struct node *node, uint32_t i) {
    return node->pieces[i].quoted || tree_piece_needs_quotes(node, i);
}
/* "day", "Days" ...; false where it is no unit. */
bool tree_unit_of(struct slice word, enum unit *unit);
/* "days since", "count" ... exactly as written in the table; OP_NOTHING where there is none. `children` tells the two "-" apart. */
enum op tree_op_of(struct slice word, size_t children);
/* How many units a duration may have: about a thousand years. */
int64_t tree_amount_max(enum unit unit);
/* Which parts a kind of window has. */
struct window_parts {
    bool amount; /* and any unit */
    bool period; /* a unit from week on */
    uint8_t moments;
};
struct window_parts tree_window_parts(enum window_kind kind);
/* "x not in (...)": the negation stands inside. */
bool tree_inner_not(enum op op);
/* OK, or INVALID where its canonical text is longer than what can be read again. */
enum status tree_check_size(const struct node *root, struct fault *fault);

#endif
