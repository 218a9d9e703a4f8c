/* funnel_kernel: see funnel.h. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "insight/funnel.h"

int64_t funnel_deadline(const struct funnel_rule *rule, int64_t start_ms) {
    if (rule->window.amount == 0)
        return INT64_MAX;
    if (calendar_unit_fixed(rule->window.unit))
        return start_ms + rule->window.amount * calendar_unit_ms(rule->window.unit);
    return calendar_duration(&rule->calendar, start_ms, rule->window.amount, rule->window.unit);
}

bool funnel_better(const struct funnel_run *a, const struct funnel_run *than) {
    if (a->level != than->level)
        return a->level > than->level;
    return a->level > 0 && a->times[a->level - 1] < than->times[than->level - 1];
}

/* --- the general way --- */

struct open_run { /* the one of its length that began latest; deadline INT64_MIN: none */
    int64_t deadline;
    int64_t times[FUNNEL_STEPS_MAX];
    uint32_t first[2];
};

static void note(struct funnel_run *best, const struct open_run *run, unsigned level) {
    if (level <= best->level)
        return;
    best->level = level;
    memcpy(best->times, run->times, level * sizeof *best->times);
    best->first[0] = run->first[0];
    best->first[1] = run->first[1];
}

static void go_in_order(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                        struct funnel_run *best) {
    struct open_run open[FUNNEL_STEPS_MAX + 1]; /* open[k]: of k steps */
    for (unsigned k = 0; k <= rule->steps; k++)
        open[k].deadline = INT64_MIN;
    for (uint32_t i = 0; i < count && best->level < rule->steps; i++) {
        const struct funnel_row *r = &rows[i];
        for (unsigned k = 1; k <= rule->steps; k++)
            if (r->breaks >> k & 1)
                open[k].deadline = INT64_MIN;
        bool fresh[FUNNEL_STEPS_MAX + 1] = {false};
        for (unsigned k = rule->steps; k-- > 1;) { /* from the last, so that a row is one step only */
            if (!(r->steps >> k & 1) || open[k].deadline < r->time_ms)
                continue;
            open[k + 1] = open[k];
            open[k + 1].times[k] = r->time_ms;
            fresh[k + 1] = true;
            note(best, &open[k + 1], k + 1);
        }
        if ((r->steps & 1) && r->time_ms >= rule->period.from_ms && r->time_ms < rule->period.to_ms) {
            open[1] = (struct open_run){.deadline = funnel_deadline(rule, r->time_ms)};
            open[1].times[0] = r->time_ms;
            memcpy(open[1].first, r->element, sizeof open[1].first);
            fresh[1] = true;
            note(best, &open[1], 1);
        }
        for (unsigned k = 1; k <= rule->steps && rule->order == FUNNEL_STRICT; k++)
            if (!fresh[k])
                open[k].deadline = INT64_MIN;
    }
}

/* Each row may begin; the steps that come by its deadline are counted. */
static void go_in_any_order(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count,
                            struct funnel_run *best) {
    for (uint32_t i = 0; i < count; i++) {
        struct funnel_run run = {.first = {rows[i].element[0], rows[i].element[1]}};
        int64_t deadline = funnel_deadline(rule, rows[i].time_ms);
        uint32_t seen = 0;
        if (!rows[i].steps || rows[i].time_ms < rule->period.from_ms || rows[i].time_ms >= rule->period.to_ms)
            continue;
        for (uint32_t k = i; k < count && rows[k].time_ms <= deadline && run.level < rule->steps; k++) {
            if (k > i && run.level && rows[k].breaks)
                break;
            uint32_t fresh = rows[k].steps & ~seen;
            if (!fresh)
                continue;
            seen |= fresh & (0 - fresh); /* a row is one step only */
            run.times[run.level++] = rows[k].time_ms;
        }
        if (funnel_better(&run, best))
            *best = run;
    }
}

void funnel_go(const struct funnel_rule *rule, const struct funnel_row *rows, uint32_t count, struct funnel_run *run) {
    assert(rule->steps >= 1 && rule->steps <= FUNNEL_STEPS_MAX);
    *run = (struct funnel_run){0};
    if (rule->order == FUNNEL_ANY)
        go_in_any_order(rule, rows, count, run);
    else
        go_in_order(rule, rows, count, run);
}

/* --- the fast way --- */

struct ended { /* a row that can end a run */
    int64_t time, start;
    uint32_t element, before; /* which of the step before it */
};
struct ended_list {
    struct ended *all;
    uint32_t count, room;
};
struct funnel_scratch {
    struct ended_list steps[FUNNEL_STEPS_MAX];
};

struct funnel_scratch *funnel_scratch_create(void) {
    return memory_get(1, sizeof(struct funnel_scratch));
}

void funnel_scratch_free(struct funnel_scratch *scratch) {
    for (unsigned k = 0; scratch && k < FUNNEL_STEPS_MAX; k++)
        free(scratch->steps[k].all);
    free(scratch);
}

static uint32_t next_of(const struct funnel_list *l, uint32_t i) {
    if (!l->bits || i >= l->end)
        return i < l->end ? i : l->end;
    uint64_t word = l->bits[i / 64] >> (i % 64);
    if (word) {
        i += (uint32_t)__builtin_ctzll(word);
        return i < l->end ? i : l->end;
    }
    for (uint32_t w = i / 64 + 1; w * 64 < l->end; w++)
        if (l->bits[w]) {
            i = w * 64 + (uint32_t)__builtin_ctzll(l->bits[w]);
            return i < l->end ? i : l->end;
        }
    return l->end;
}

static void make_room(struct ended_list *l, uint32_t count) {
    if (l->room >= count)
        return;
    l->room = count * 2 + 16;
    l->all = memory_resize(l->all, l->room, sizeof *l->all);
}

/* Rows of step 1 in the period; only the first where nothing can follow. */
static void begin_runs(const struct funnel_rule *rule, const struct funnel_list *l, bool one, struct ended_list *out) {
    out->count = 0;
    make_room(out, l->end - l->begin);
    for (uint32_t i = next_of(l, l->begin); i < l->end; i = next_of(l, i + 1)) {
        int64_t t = l->times[i];
        if (t >= rule->period.to_ms)
            return;
        if (t < rule->period.from_ms)
            continue;
        out->all[out->count++] = (struct ended){t, t, i, 0};
        if (one)
            return;
    }
}

/* Rows of step k that end a run; only the first of them where it is the last step. */
static void go_on(const struct funnel_rule *rule, unsigned k, const struct funnel_list *l,
                  const struct ended_list *from, funnel_tie *tie, void *context, struct ended_list *out) {
    uint32_t at = 0;
    bool fixed = rule->window.amount == 0 || calendar_unit_fixed(rule->window.unit);
    int64_t window = rule->window.amount == 0 ? INT64_MAX
                     : fixed                  ? rule->window.amount * calendar_unit_ms(rule->window.unit)
                                              : 0;
    out->count = 0;
    make_room(out, l->end - l->begin);
    for (uint32_t i = next_of(l, l->begin); i < l->end; i = next_of(l, i + 1)) {
        int64_t t = l->times[i];
        while (at < from->count &&
               (from->all[at].time < t || (from->all[at].time == t && tie(context, k, from->all[at].element, i))))
            at++;
        if (at == 0)
            continue;
        const struct ended *before = &from->all[at - 1];
        if (fixed ? t - before->start > window : t > funnel_deadline(rule, before->start))
            continue;
        out->all[out->count++] = (struct ended){t, before->start, i, at - 1};
        if (k + 1 == rule->steps)
            return;
    }
}

void funnel_go_fast(const struct funnel_rule *rule, const struct funnel_list *lists, funnel_tie *tie, void *context,
                    struct funnel_scratch *scratch, struct funnel_run *run) {
    unsigned level = 1;
    struct ended_list *steps = scratch->steps;
    bool alone = rule->steps == 1 || next_of(&lists[1], lists[1].begin) >= lists[1].end;
    run->level = 0;
    begin_runs(rule, &lists[0], alone, &steps[0]);
    if (steps[0].count == 0)
        return;
    for (; level < rule->steps && !(level == 1 && alone); level++) {
        go_on(rule, level, &lists[level], &steps[level - 1], tie, context, &steps[level]);
        if (steps[level].count == 0)
            break;
    }
    run->level = level;
    uint32_t at = 0; /* the first that gets so far */
    for (unsigned k = level; k-- > 0; at = steps[k].all[at].before) {
        run->times[k] = steps[k].all[at].time;
        if (k == 0)
            run->first[0] = steps[0].all[at].element;
    }
}
