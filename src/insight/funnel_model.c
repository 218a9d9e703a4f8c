/* funnel_model: see the header. */
#include "insight/funnel_model.h"

#include <string.h>

/* Whether rows i and k may follow each other as steps `step` - 1 and `step`: nothing between ends a run of `step` steps. */
static bool may_follow(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t i, uint32_t k,
                       unsigned step) {
    if (rule->order == FUNNEL_STRICT && k != i + 1)
        return false;
    for (uint32_t b = i + 1; b <= k; b++)
        if (rows[b].breaks >> step & 1)
            return false;
    return true;
}

/* Whether a run of `step` steps can end at row k, having begun at row `begin`. */
static bool can_end(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t begin, uint32_t k,
                    unsigned step) {
    const struct period p = rule->period;
    if (!(rows[k].steps >> (step - 1) & 1) || rows[k].time_ms > funnel_deadline(rule, rows[begin].time_ms))
        return false;
    if (step == 1)
        return k == begin && rows[k].time_ms >= p.from_ms && rows[k].time_ms < p.to_ms;
    for (uint32_t i = begin; i < k; i++)
        if (can_end(rule, rows, begin, i, step - 1) && may_follow(rule, rows, i, k, step - 1))
            return true;
    return false;
}

static bool ends_anyhow(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t k, unsigned step) {
    for (uint32_t begin = 0; begin <= k; begin++)
        if (can_end(rule, rows, begin, k, step))
            return true;
    return false;
}

/* The latest row of the step before that can lead to row k, with any beginning that row k still is in time for. */
static uint32_t latest_before(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t k,
                              unsigned step) {
    for (uint32_t i = k; i-- > 0;)
        for (uint32_t begin = 0; begin <= i; begin++)
            if (can_end(rule, rows, begin, i, step - 1) && may_follow(rule, rows, i, k, step - 1) &&
                rows[k].time_ms <= funnel_deadline(rule, rows[begin].time_ms))
                return i;
    return UINT32_MAX;
}

static void in_any_order(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                         struct funnel_run *best) {
    for (uint32_t begin = 0; begin < count; begin++) {
        struct funnel_run run = {.first = {rows[begin].element[0], rows[begin].element[1]}};
        bool counts = rows[begin].steps && rows[begin].time_ms >= rule->period.from_ms &&
                      rows[begin].time_ms < rule->period.to_ms;
        for (unsigned step = 0; step < rule->steps && counts; step++) {
            bool ended = false;
            for (uint32_t k = begin; k < count && !ended; k++) {
                ended = (k > begin && rows[k].breaks) || rows[k].time_ms > funnel_deadline(rule, rows[begin].time_ms);
                if (!ended && rows[k].steps >> step & 1) {
                    run.times[run.level++] = rows[k].time_ms;
                    break;
                }
            }
        }
        for (unsigned i = 1; i < run.level; i++) /* by time */
            for (unsigned k = i; k > 0 && run.times[k - 1] > run.times[k]; k--) {
                int64_t t = run.times[k];
                run.times[k] = run.times[k - 1];
                run.times[k - 1] = t;
            }
        if (funnel_better(&run, best))
            *best = run;
    }
}

void funnel_model(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                  struct funnel_run *run) {
    *run = (struct funnel_run){0};
    if (rule->order == FUNNEL_ANY) {
        in_any_order(rule, rows, count, run);
        return;
    }
    for (unsigned step = rule->steps; step > 0 && run->level == 0; step--)
        for (uint32_t k = 0; k < count && run->level == 0; k++)
            if (ends_anyhow(rule, rows, k, step)) {
                run->level = step;
                for (unsigned s = step; s > 0; s--) {
                    run->times[s - 1] = rows[k].time_ms;
                    memcpy(run->first, rows[k].element, sizeof run->first);
                    k = s > 1 ? latest_before(rule, rows, k, s) : k;
                }
            }
}
