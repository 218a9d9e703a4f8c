/* complete_inside: what completion and hover share: a place in an expression and what is known there. */
#ifndef ONEFOLD_LANGUAGE_COMPLETE_INSIDE_H
#define ONEFOLD_LANGUAGE_COMPLETE_INSIDE_H

#include "language/complete_scan.h"

struct spot {
    struct arena arena;
    struct scan scan;
    struct scratch scratch;
    struct check check; /* quiet: its fault goes nowhere; its scope is that of the place */
};
void spot_open(struct spot *spot, const struct vocabulary *vocabulary, struct slice text, uint32_t at);
void spot_close(struct spot *spot);
/* What the name of tokens [from, to) leads to as a value; false where to nothing. */
bool spot_name(struct spot *spot, uint32_t from, uint32_t to, struct node *node, struct term *term);
/* The same as a source of an aggregate. */
bool spot_source(struct spot *spot, uint32_t from, uint32_t to, struct node *node, struct term *term);
/* What the field behind the dot of first(...). or last(...). sees: the scope of its rows. */
bool spot_end_rows(struct spot *spot, uint32_t dot, struct scope *rows);
/* "number", "数字". */
const char *spot_type_word(const struct node *node, bool chinese);
/* "documents", "单据". */
const char *spot_kind_word(const struct type *type, bool chinese);

#endif
