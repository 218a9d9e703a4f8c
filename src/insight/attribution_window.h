/* attribution_window: paths of touches straight from columns (code_rows.h). What counts towards a conversion, or towards none, is every touch between
 * two moments of one customer (a window), so nobody's touches need be put into order as a whole: each run is asked where the window begins and ends,
 * and only what lies in it is looked at. Adds to a tally what attribution_customer (attribution_history_model.h, its slow twin) would.
 *
 *     struct attribution_windows w = {.tally = t, .rule = &rule, .ordered = ordered, .context = c};     -- a worker's
 *     attribution_windows_runs(&w, runs, run_count);                                                    -- of each part
 *     attribution_windows_customer(&w, i, times, values, count);                                        -- in any order
 *     attribution_windows_count(&w);                                                                    -- before the runs change
 *     attribution_windows_settle(&w);                                                                   -- before the tally is read or merged
 *
 * Thread: a worker's own. Cost: a conversion 10 ns and 5 for each run; 20 to 50 where its path must be put into order. */
#ifndef ONEFOLD_INSIGHT_ATTRIBUTION_WINDOW_H
#define ONEFOLD_INSIGHT_ATTRIBUTION_WINDOW_H

#include "insight/attribution_tally.h"
#include "insight/code_rows.h"

/* All touches of the customer in order, times and codes in `h`: asked for where rows of several runs are of one moment. */
typedef void attribution_in_order(void *context, uint32_t customer, struct attribution_history *h);

struct attribution_windows { /* {0} but for what is said below is empty */
    struct attribution *tally;
    const struct attribution_rule *rule;
    attribution_in_order *in_order;
    void *context;

    const struct code_run *runs;
    unsigned run_count;
    struct window *all; /* yet to be counted */
    struct window_rows *rows;
    uint32_t count;
    struct path_seen *seen; /* short paths met, yet to be added up */
    size_t seen_count, seen_room;
    struct attribution_history path; /* put into order */
    int64_t *path_times;
    uint8_t *path_codes;
    size_t path_room;
};
void attribution_windows_runs(struct attribution_windows *w, const struct code_run *runs, unsigned run_count);
/* The customer's conversions, ascending; there may be none. */
void attribution_windows_customer(struct attribution_windows *w, uint32_t customer, const int64_t *times,
                                  const int64_t *values, size_t count);
void attribution_windows_count(struct attribution_windows *w);
void attribution_windows_settle(struct attribution_windows *w);
void attribution_windows_release(struct attribution_windows *w);

#endif
