/* maximise: see maximise.h.
 *
 * L-BFGS takes the slope, which our likelihoods give in the same pass as the value. It ends at the first line search that cannot do better,
 * which near a maximum is a matter of the last bits; so its result codes say little, and what is asked instead is whether a second climb
 * from where the first ended still gains. */
#include "insight/maximise.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include <nlopt.h>

#define EVALUATIONS_MAX 2000
#define CLIMBS_MAX 6
#define STEP 1e-4 /* in logarithms, for the curvature: errors of 1e-8 of the slope's own change */

struct climb {
    maximise_function *function;
    void *context;
    const _Atomic bool *stop;
    nlopt_opt search;
    unsigned evaluations;
};

static double evaluate(unsigned count, const double *logs, double *slope, void *context) {
    struct climb *c = context;
    double unused[MAXIMISE_MAX];
    (void)count;
    c->evaluations++;
    if (c->stop && *c->stop)
        nlopt_force_stop(c->search);
    return c->function(c->context, logs, slope ? slope : unused);
}

static double climb_once(struct climb *c, size_t count, double *logs) {
    double value = -HUGE_VAL;
    nlopt_opt search = nlopt_create(NLOPT_LD_LBFGS, (unsigned)count);
    c->search = search;
    nlopt_set_max_objective(search, evaluate, c);
    nlopt_set_lower_bounds1(search, -MAXIMISE_LOG_MAX);
    nlopt_set_upper_bounds1(search, MAXIMISE_LOG_MAX);
    nlopt_set_ftol_rel(search, 1e-15);
    nlopt_set_xtol_rel(search, 1e-10);
    nlopt_set_maxeval(search, EVALUATIONS_MAX);
    nlopt_optimize(search, logs, &value);
    nlopt_destroy(search);
    return value;
}

/* The inverse of a small symmetric matrix by Gauss and Jordan; false where there is none. */
static bool invert(size_t n, double a[MAXIMISE_MAX][MAXIMISE_MAX], double inverse[MAXIMISE_MAX][MAXIMISE_MAX]) {
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            inverse[i][j] = i == j;
    for (size_t i = 0; i < n; i++) {
        size_t best = i;
        for (size_t k = i + 1; k < n; k++)
            best = fabs(a[k][i]) > fabs(a[best][i]) ? k : best;
        if (fabs(a[best][i]) < 1e-300)
            return false;
        for (size_t j = 0; j < n; j++) {
            double t = a[i][j], u = inverse[i][j];
            a[i][j] = a[best][j], inverse[i][j] = inverse[best][j];
            a[best][j] = t, inverse[best][j] = u;
        }
        double pivot = a[i][i];
        for (size_t j = 0; j < n; j++)
            a[i][j] /= pivot, inverse[i][j] /= pivot;
        for (size_t k = 0; k < n; k++) {
            double by = k == i ? 0 : a[k][i];
            for (size_t j = 0; by != 0 && j < n; j++)
                a[k][j] -= by * a[i][j], inverse[k][j] -= by * inverse[i][j];
        }
    }
    return true;
}

/* Standard errors: the inverse of minus the second derivatives by the logarithms, scaled to the parameters (delta method). */
static void find_errors(struct climb *c, size_t count, const double *logs, struct maximum *out) {
    double curve[MAXIMISE_MAX][MAXIMISE_MAX], inverse[MAXIMISE_MAX][MAXIMISE_MAX], at[MAXIMISE_MAX];
    for (size_t i = 0; i < count; i++) {
        double up[MAXIMISE_MAX], down[MAXIMISE_MAX];
        memcpy(at, logs, sizeof at);
        at[i] = logs[i] + STEP;
        c->function(c->context, at, up);
        at[i] = logs[i] - STEP;
        c->function(c->context, at, down);
        for (size_t j = 0; j < count; j++)
            curve[i][j] = (down[j] - up[j]) / (2 * STEP);
        c->evaluations += 2;
    }
    if (!invert(count, curve, inverse))
        return;
    for (size_t i = 0; i < count; i++)
        out->errors[i] = inverse[i][i] > 0 ? sqrt(inverse[i][i]) * out->parameters[i] : 0;
}

enum status maximise(maximise_function *function, void *context, size_t count, const double *start,
                     const _Atomic bool *stop, struct maximum *out, struct fault *fault) {
    struct climb c = {.function = function, .context = context, .stop = stop};
    double logs[MAXIMISE_MAX] = {0}, slope[MAXIMISE_MAX];
    assert(count > 0 && count <= MAXIMISE_MAX);
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < count; i++)
        logs[i] = fmin(fmax(log(start[i]), 1 - MAXIMISE_LOG_MAX), MAXIMISE_LOG_MAX - 1);
    out->value = function(context, logs, slope);
    if (!isfinite(out->value))
        return fault_set(fault, STATUS_INVALID,
                         "the likelihood of the data is not a number at the starting parameters");
    for (unsigned i = 0; i < CLIMBS_MAX; i++) {
        double before = out->value, tried[MAXIMISE_MAX];
        memcpy(tried, logs, sizeof tried);
        double value = climb_once(&c, count, tried);
        if (stop && *stop)
            return fault_set(fault, STATUS_CLOSED, "stopped on request");
        if (isfinite(value) && value > before) {
            out->value = value;
            memcpy(logs, tried, sizeof logs);
        }
        if (!(out->value - before > 1e-12 * fabs(before)))
            break;
    }
    for (size_t i = 0; i < count; i++) {
        out->parameters[i] = exp(logs[i]);
        out->at_border = out->at_border || fabs(logs[i]) > MAXIMISE_LOG_MAX - 0.1;
    }
    find_errors(&c, count, logs, out);
    out->evaluation_count = c.evaluations;
    return STATUS_OK;
}
