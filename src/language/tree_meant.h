/* tree_meant: what was likely meant by a token that cannot stand where it does: words of other languages and of Chinese, habits of SQL, numbers
 * with units, brackets and quotes of another kind. Nothing here is needed to read what is right. */
#ifndef ONEFOLD_LANGUAGE_TREE_MEANT_H
#define ONEFOLD_LANGUAGE_TREE_MEANT_H

#include "language/tree_lex.h"

#define MEANT_BYTES 160

struct meant_place {
    const struct token *before, *found, *next; /* `before` is of kind END where there is none */
    const char *expected;                      /* as the message says it */
    const char *const *words;                  /* that may stand here; ends in NULL; NULL: none */
};
/* The end of a message "expected ... after ...; found ...": "; did you mean "x"?", "; write ...", or nothing. */
void tree_meant(const struct meant_place *place, char out[MEANT_BYTES]);
/* The nearest of `words`, or what is written so elsewhere; empty where nothing is near. Never the word itself. */
struct slice tree_meant_word(struct slice word, const char *const *words);

#endif
