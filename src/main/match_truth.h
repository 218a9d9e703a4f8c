/* match_truth: which entity each record is, from a column, a labelled file or a list of pairs. */
#ifndef ONEFOLD_MAIN_MATCH_TRUTH_H
#define ONEFOLD_MAIN_MATCH_TRUTH_H

#include "identity/fuzzy_evaluate.h"
#include "identity/fuzzy_table.h"
#include "os/os.h"

struct match_truth {
    uint32_t *entities; /* [record]: 1, 2, ...; 0: not known; NULL: no truth at all */
};
void match_truth_release(struct match_truth *t);
/* From column `column` of `table` (`pattern`'s first group of it, where given), or from file `path`: there the column `column` of
 * rows found by record id, or, where the file has two id columns (ending in _l and _r, or 1 and 2) and no entity, pairs that are one. Errors: INVALID
 * says which column is missing; what reading gives. */
enum status match_truth_read(struct os *os, struct fuzzy_table *table, struct fuzzy_column *id, const char *path,
                             const char *column, const char *pattern, struct match_truth *out,
                             struct fault *fault) WARN_UNUSED;
/* A clusters file against a truth file, joined by record id. NULL names: guessed. */
enum status match_truth_compare(struct os *os, const char *truth, const char *clusters, const char *id,
                                const char *entity, const char *cluster, struct fuzzy_quality *q,
                                struct fault *fault) WARN_UNUSED;

#endif
