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

/* Rows of a step that can end a run, side by side: when, when the run began, which element, which of the step before. Of step 1 they lie where the
 * rows lie, if all of them count: times and starts are the rows' own. */
struct ended_list {
    const int64_t *times, *starts;
    const uint32_t *elements; /* NULL: base + i */
    uint32_t base, count;
    int64_t *own;      /* [2 * room] */
    uint32_t *numbers; /* [2 * room]: elements, before */
    uint32_t room;
};
struct funnel_scratch {
    struct ended_list steps[FUNNEL_STEPS_MAX];
};

struct funnel_scratch *funnel_scratch_create(void) {
    return memory_get(1, sizeof(struct funnel_scratch));
}

void funnel_scratch_free(struct funnel_scratch *scratch) {
    for (unsigned k = 0; scratch && k < FUNNEL_STEPS_MAX; k++) {
        free(scratch->steps[k].own);
        free(scratch->steps[k].numbers);
    }
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
    l->count = 0;
    if (l->room < count) {
        l->room = count * 2 + 16;
        l->own = memory_resize(l->own, (size_t)l->room * 2, sizeof *l->own);
        l->numbers = memory_resize(l->numbers, (size_t)l->room * 2, sizeof *l->numbers);
    }
    l->times = l->own;
    l->starts = l->own + l->room;
    l->elements = l->numbers;
}

static void add_ended(struct ended_list *l, int64_t time, int64_t start, uint32_t element, uint32_t before) {
    l->own[l->count] = time;
    l->own[l->room + l->count] = start;
    l->numbers[l->count] = element;
    l->numbers[l->room + l->count++] = before;
}

static uint32_t element_of(const struct ended_list *l, uint32_t i) {
    return l->elements ? l->elements[i] : l->base + i;
}

/* How many of ascending times are below `t`: without a branch a row, where they are few. */
static uint32_t below(const int64_t *times, uint32_t count, int64_t t) {
    uint32_t low = 0;
    while (count > 32) {
        uint32_t half = count / 2;
        bool more = times[low + half] < t;
        low += more ? half + 1 : 0;
        count = more ? count - half - 1 : half;
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += times[low + i] < t;
    return low + sum;
}

/* Rows of step 1 in the period. */
static void begin_runs(const struct funnel_rule *rule, const struct funnel_list *l, struct ended_list *out) {
    if (!l->bits) {
        uint32_t begin = l->begin, end = l->end;
        while (begin < end && l->times[begin] < rule->period.from_ms)
            begin++;
        while (end > begin && l->times[end - 1] >= rule->period.to_ms)
            end--;
        out->times = out->starts = l->times + begin;
        out->elements = NULL;
        out->base = begin;
        out->count = end - begin;
        return;
    }
    make_room(out, l->end - l->begin);
    for (uint32_t i = next_of(l, l->begin); i < l->end && l->times[i] < rule->period.to_ms; i = next_of(l, i + 1))
        if (l->times[i] >= rule->period.from_ms)
            add_ended(out, l->times[i], l->times[i], i, 0);
}

/* Rows of step k that end a run; only the first of them where it is the last step. */
static void go_on(const struct funnel_rule *rule, unsigned k, const struct funnel_list *l,
                  const struct ended_list *from, funnel_tie *tie, void *context, struct ended_list *out) {
    bool fixed = rule->window.amount == 0 || calendar_unit_fixed(rule->window.unit);
    int64_t window = rule->window.amount == 0 ? INT64_MAX
                     : fixed                  ? rule->window.amount * calendar_unit_ms(rule->window.unit)
                                              : 0;
    make_room(out, l->end - l->begin);
    for (uint32_t i = next_of(l, l->begin); i < l->end; i = next_of(l, i + 1)) {
        int64_t t = l->times[i];
        uint32_t at = below(from->times, from->count, t);
        while (at < from->count && from->times[at] == t && tie(context, k, element_of(from, at), i))
            at++;
        if (at == 0)
            continue;
        int64_t start = from->starts[at - 1];
        if (fixed ? t - start > window : t > funnel_deadline(rule, start))
            continue;
        add_ended(out, t, start, i, at - 1);
        if (k + 1 == rule->steps)
            return;
    }
}

void funnel_go_fast(const struct funnel_rule *rule, const struct funnel_list *lists, funnel_tie *tie, void *context,
                    struct funnel_scratch *scratch, struct funnel_run *run) {
    unsigned level = 1;
    struct ended_list *steps = scratch->steps;
    run->level = 0;
    begin_runs(rule, &lists[0], &steps[0]);
    if (steps[0].count == 0)
        return;
    for (; level < rule->steps; level++) {
        go_on(rule, level, &lists[level], &steps[level - 1], tie, context, &steps[level]);
        if (steps[level].count == 0)
            break;
    }
    run->level = level;
    uint32_t at = 0; /* the first that gets so far */
    for (unsigned k = level; k-- > 0;) {
        run->times[k] = steps[k].times[at];
        if (k == 0)
            run->first[0] = element_of(&steps[0], at);
        else
            at = steps[k].numbers[steps[k].room + at];
    }
}
