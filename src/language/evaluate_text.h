/* evaluate_text: what the language's text operators do to one text. */
#ifndef ONEFOLD_LANGUAGE_EVALUATE_TEXT_H
#define ONEFOLD_LANGUAGE_EVALUATE_TEXT_H

#include "base/memory.h"
#include "language/tree.h"

/* EQUAL, CONTAINS, STARTS_WITH, ENDS_WITH, MATCHES. */
bool text_holds(enum op op, struct slice text, struct slice with);
uint32_t text_characters(struct slice text);
/* Characters at places from <= p < from + count, counted from 1. */
struct slice text_cut(struct slice text, int64_t from, int64_t count);
/* LOWER, UPPER (ASCII letters), TRIM. */
struct slice text_changed(struct arena *arena, enum op op, struct slice text);
struct slice text_joined(struct arena *arena, struct slice a, struct slice b);

#endif
