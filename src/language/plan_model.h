/* plan_model: the slow plain twin of plan.h: one customer at a time, rows as records, nothing shared with kernels or plans. Tests hold the two
 * against each other; nothing else uses it. */
#ifndef ONEFOLD_LANGUAGE_PLAN_MODEL_H
#define ONEFOLD_LANGUAGE_PLAN_MODEL_H

#include "language/plan.h"

/* The value of a checked tree for a customer, from history_rows, _attributes and _documents. Texts lie in `arena`. */
struct term_value model_evaluate(const struct vocabulary *vocabulary, const struct outside *outside,
                                 const struct node *root, struct customer_id customer, int64_t now_ms,
                                 struct arena *arena);

#endif
