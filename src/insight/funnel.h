/* funnel: how far one customer goes through steps. Kernels over plain arrays.
 *
 * A run through the steps begins with a row of step 1 in the period and goes on with a row of each next step, each later than the one before (by
 * time, then log position: one row is never two steps), the last no later than `window` after the first (that instant included). How far a
 * customer goes is the most steps of any of its runs; of the runs that go so far the one counted ends earliest, and each of its rows is
 * the latest one possible before the next, so times to convert are the shortest that the data bears out.
 *
 * The fast way (ordered, without exclusions and held values) goes step by step, of one customer or of many at once: the rows of step k that can
 * end a run of k steps, each with the latest possible beginning, which never falls as rows go on; so one cursor over those of step k - 1 finds
 * the best for each row: O(rows). The general way goes row by row over all rows together, keeping for each k the run of k steps that began
 * latest, as ClickHouse's windowFunnel does. */
#ifndef ONEFOLD_INSIGHT_FUNNEL_H
#define ONEFOLD_INSIGHT_FUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "insight/definition.h"
#include "language/time_window.h"

#define FUNNEL_STEPS_MAX 20

enum funnel_order { FUNNEL_ORDERED, FUNNEL_ANY, FUNNEL_STRICT };
struct funnel_rule {
    unsigned steps;
    enum funnel_order order;
    struct length window; /* amount 0: no limit */
    struct calendar calendar;
    struct period period; /* of the first step's row */
};
/* The last instant of a run that began at `start_ms`. */
int64_t funnel_deadline(const struct funnel_rule *rule, int64_t start_ms);

/* A row of any step or exclusion, or one that only interrupts (strict). */
struct funnel_row {
    int64_t time_ms, position;
    uint32_t steps;      /* bit k: it is a row of step k (from 0) */
    uint32_t breaks;     /* bit k: it ends runs of k steps (k from 1) */
    uint32_t held;       /* the held value; rows with different ones are not of one run. 0: missing, of no run */
    uint32_t element[2]; /* of the caller: [0] for its step's rows, [1] free */
};
struct funnel_run {
    unsigned level;                  /* steps gone, 0: none */
    int64_t times[FUNNEL_STEPS_MAX]; /* of the counted run's rows; ANY: of the n-th step come to */
    uint32_t first[2];               /* `element` of its first row */
};
/* Rows ascending by (time, position), each once. With held values call it once for each. */
void funnel_go(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count, struct funnel_run *run);
/* The better of two: further, then earlier at its end. */
bool funnel_better(const struct funnel_run *a, const struct funnel_run *than);

/* Two rows of equal time: whether `a` (of step k - 1) comes before `b` (of step k). */
typedef bool funnel_tie(void *context, unsigned k, uint32_t a, uint32_t b);
struct funnel_list { /* rows of a step of one customer */
    const int64_t *times;
    const uint64_t *bits; /* NULL: all */
    uint32_t begin, end;  /* elements: times[begin] ... */
};
struct funnel_scratch; /* of a thread; keeps its memory */
struct funnel_scratch *funnel_scratch_create(void);
void funnel_scratch_free(struct funnel_scratch *scratch);
/* The fast way. first[0] is the element of the first row. */
void funnel_go_fast(const struct funnel_rule *rule, const struct funnel_list *lists, funnel_tie *tie, void *context,
                    struct funnel_scratch *scratch, struct funnel_run *run);

/* The fast way for many customers at once: about twice as fast, where the window has one length always and times lie between 1935 and 2074.
 *     for each step: funnel_lines_fill(lines, k, rows, period of step 1)
 *     funnel_lines_go(lines, rule, tie, context);
 *     for level = steps .. 1: n = funnel_lines_at(lines, level, &found); for each: customer = funnel_lines_run(lines, level, found[i], &run) */
#define FUNNEL_CUSTOMERS_MAX 4096
struct funnel_rows { /* of a step: customer i has those from starts[i] - starts[0] on */
    const uint32_t *starts;
    uint32_t customers, count;
    const int64_t *times;
    const uint64_t *in; /* bits of those that count; NULL: all */
};
struct funnel_lines; /* of a thread; keeps its memory */
struct funnel_lines *funnel_lines_create(void);
void funnel_lines_free(struct funnel_lines *lines);
bool funnel_lines_take(const struct funnel_rule *rule); /* whether it is of that kind */
/* Of step k, from 0 up; of the first only rows in `period`. False: a time lies outside; leave it. */
bool funnel_lines_fill(struct funnel_lines *lines, unsigned k, const struct funnel_rows *rows,
                       const struct period *period);
void funnel_lines_go(struct funnel_lines *lines, const struct funnel_rule *rule, funnel_tie *tie, void *context);
/* Customers that go just so far, asked from the last level down; valid until the next call. */
uint32_t funnel_lines_at(struct funnel_lines *lines, unsigned level, const uint32_t **found);
/* One of them: its run, as funnel_go_fast gives it. Returns which customer it is. */
uint32_t funnel_lines_run(const struct funnel_lines *lines, unsigned level, uint32_t found, struct funnel_run *run);

#endif
