/* maximise: the parameters under which what was seen is most likely. Hides NLopt (L-BFGS, Nocedal 1980) behind one function.
 *
 * Parameters of the models here are all positive and of unknown size, so the search goes over their logarithms; a function is asked for its
 * value and its slope by those logarithms. The search is deterministic: the same function gives the same bits. */
#ifndef ONEFOLD_INSIGHT_MAXIMISE_H
#define ONEFOLD_INSIGHT_MAXIMISE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define MAXIMISE_MAX 6 /* parameters */

/* The value at exp(`logs`), and into `slope` (never NULL) its derivatives by each logarithm. Must be finite for logarithms within
 * +-MAXIMISE_LOG_MAX. */
#define MAXIMISE_LOG_MAX 14.0
typedef double maximise_function(void *context, const double *logs, double *slope);

struct maximum {
    double parameters[MAXIMISE_MAX];
    double
        errors[MAXIMISE_MAX]; /* standard errors, from the curvature at the maximum; 0 where it is not curved there */
    double value;
    unsigned evaluation_count;
    bool at_border; /* a parameter ran to the end of the range: the data do not determine it */
};

/* Climbs from `start` (parameters, not logarithms; `count` of them) to a maximum near it.
 * `stop` may be NULL; where it becomes true the search ends.
 * Errors: CLOSED where it was stopped; INVALID where the function is not finite at the start. */
enum status maximise(maximise_function *function, void *context, size_t count, const double *start,
                     const _Atomic bool *stop, struct maximum *out, struct fault *fault) WARN_UNUSED;

#endif
