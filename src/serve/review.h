/* review: what people say about two customers in a list of proposals, kept as relations between them: "not_same_as" of a match that was
 * rejected, "household" and "not_household" of a household. So a decision is a log record, outlives runs and restarts, follows both through
 * merges and splits, and stands in both profiles. */
#ifndef ONEFOLD_SERVE_REVIEW_H
#define ONEFOLD_SERVE_REVIEW_H

#include "serve/serve.h"

/* Whether the newest word on the two, said from either end, is that `relation` holds. Thread: any. Cost: the relations of both. */
bool review_holds(const struct serve_parts *parts, struct slice relation, struct customer_id a, struct customer_id b,
                  struct arena *arena);
/* The command that says so, or that it does not hold any more (`end`); appended to `into`. */
void review_write(struct buffer *into, struct slice relation, struct customer_id a, struct customer_id b, bool end);
/* The definition of a relation that looks the same from both ends, into `into` (emptied before); false, and nothing, where there is such a
 * relation already. It must be in the log before the first command that uses it. */
bool review_declare(const struct serve_parts *parts, const char *relation, struct buffer *into);

#endif
