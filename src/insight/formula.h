/* formula: arithmetic between the series of an analysis, as text: "A / B", "100 * (A - B) / C". Letters are series in their order. */
#ifndef ONEFOLD_INSIGHT_FORMULA_H
#define ONEFOLD_INSIGHT_FORMULA_H

#include "base/memory.h"
#include "base/status.h"

#define FORMULA_SERIES_MAX 26
struct formula; /* lies in the arena */
/* + - * / and brackets over numbers and the letters of `series_count` series.
 * Errors: INVALID: at 5: there is no series D; there are A to C */
enum status formula_parse(struct slice text, size_t series_count, struct arena *arena, struct formula **formula,
                          struct fault *fault) WARN_UNUSED;
/* NaN where a series it needs is NaN, and for division by zero. */
double formula_value(const struct formula *formula, const double *series);

#endif
