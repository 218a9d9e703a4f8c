/* reference: docs/language.md, made from operator.def and windows.def and the words around them. */
#ifndef ONEFOLD_LANGUAGE_REFERENCE_H
#define ONEFOLD_LANGUAGE_REFERENCE_H

#include "base/memory.h"

/* The whole page, as Markdown. */
void language_write_reference(struct buffer *into);

#endif
