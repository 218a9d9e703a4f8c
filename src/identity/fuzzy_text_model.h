/* fuzzy_text_model: slow twins of fuzzy_text's kernels, by the definitions' letter. For tests. */
#ifndef ONEFOLD_IDENTITY_FUZZY_TEXT_MODEL_H
#define ONEFOLD_IDENTITY_FUZZY_TEXT_MODEL_H

#include "base/slice.h"

/* The whole table of the optimal string alignment distance. */
unsigned fuzzy_model_edits(struct slice a, struct slice b);
/* Jaro's matches by two loops, transpositions counted one by one, then Winkler's bonus. */
double fuzzy_model_jaro_winkler(struct slice a, struct slice b);

#endif
