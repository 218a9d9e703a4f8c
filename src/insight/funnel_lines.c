/* funnel_lines: see funnel.h: the fast way for all customers of a part at once.
 *
 * A customer has five rows of one step, two of the next, half a one of the last. Loops over so few guess their ends wrong, and each wrong guess costs
 * as much as ten rows. So rows of all customers stand in one line a step, by keys that order customers first and then times, and going from a
 * step to the next is one merge of two ascending lines, in which nothing branches but rows of equal time.
 *
 * Key = customer * 2^43 + (time - 1935). Times of one customer are less than 2^42 ms (139 years) apart, and of two customers more than that,
 * so that "within the window of it" says "of the same customer" too. A part with a time outside goes the other way. */
#include "insight/funnel.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

#define CUSTOMER_SHIFT 43
#define SPAN_MS (INT64_C(1) << 42)
#define EARLIEST_MS (-(INT64_C(1) << 40))
#define NEVER (INT64_MIN / 2)

/* Rows of a step that can end a run, ascending. */
struct line {
    int64_t *keys;               /* [-1]: NEVER, [count]: INT64_MAX */
    int64_t *starts;             /* [-1]: NEVER; of step 1 its keys */
    uint32_t *elements, *before; /* numbers in the set of rows; in the line of the step before */
    bool as_they_lie;            /* every row is here: `elements` is not filled, number i is i */
    uint32_t count, room;
    void *memory;
};
struct funnel_lines {
    struct line steps[FUNNEL_STEPS_MAX];
    unsigned step_count;
    uint16_t *owners; /* [owner_room] customer at its first row, else 0 */
    uint32_t owner_room;
    uint32_t *found; /* [found_room] */
    uint32_t found_room;
    uint64_t gone[FUNNEL_CUSTOMERS_MAX / 64]; /* who was given out, of higher levels too */
};

struct funnel_lines *funnel_lines_create(void) {
    return memory_get(1, sizeof(struct funnel_lines));
}

void funnel_lines_free(struct funnel_lines *lines) {
    for (unsigned k = 0; lines && k < FUNNEL_STEPS_MAX; k++)
        free(lines->steps[k].memory);
    if (lines) {
        free(lines->owners);
        free(lines->found);
    }
    free(lines);
}

static void make_room(struct line *l, uint32_t count) {
    if (l->room < count || !l->memory) {
        l->room = count + count / 2 + 64;
        free(l->memory);
        l->memory = memory_get(((size_t)l->room + 2) * 3, sizeof(int64_t));
        l->keys = (int64_t *)l->memory + 1;
        l->starts = l->keys + l->room + 2;
        l->elements = (uint32_t *)(l->starts + l->room + 1);
        l->before = l->elements + l->room;
    }
    l->keys[-1] = l->starts[-1] = NEVER;
    l->count = 0;
}

static const uint16_t *owners_of(struct funnel_lines *lines, const struct funnel_rows *rows) {
    if (lines->owner_room < rows->count + 1) {
        lines->owner_room = rows->count + rows->count / 2 + 64;
        free(lines->owners);
        lines->owners = memory_get(lines->owner_room, sizeof *lines->owners);
    }
    memset(lines->owners, 0, ((size_t)rows->count + 1) * sizeof *lines->owners);
    for (uint32_t i = 0; i < rows->customers; i++) /* of those at the same row only the last has any */
        lines->owners[rows->starts[i] - rows->starts[0]] = (uint16_t)i;
    return lines->owners;
}

/* Keys of the rows; where `picks`, of those in the set and the period alone. Returns whether all times fit. */
static inline bool fill_line(struct line *l, const struct funnel_rows *rows, const uint16_t *owners,
                             const struct period *period, bool picks, bool numbers) {
    const int64_t *times = rows->times;
    int64_t *keys = l->keys;
    uint64_t owner = 0, far = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows->count; i++) {
        bool in = !picks || !rows->in || (rows->in[i / 64] >> (i % 64) & 1);
        uint64_t since = (uint64_t)times[i] - (uint64_t)EARLIEST_MS;
        owner = owners[i] > owner ? owners[i] : owner;
        keys[n] = (int64_t)((owner << CUSTOMER_SHIFT) + (since & (SPAN_MS - 1)));
        if (numbers)
            l->elements[n] = i;
        far |= in ? since : 0;
        n += picks ? in & (times[i] >= period->from_ms) & (times[i] < period->to_ms) : 1;
    }
    keys[n] = INT64_MAX;
    l->count = n;
    return far < SPAN_MS;
}

bool funnel_lines_fill(struct funnel_lines *lines, unsigned k, const struct funnel_rows *rows,
                       const struct period *period) {
    struct line *l = &lines->steps[k];
    const uint16_t *owners = owners_of(lines, rows);
    bool picks = rows->in || period->from_ms != INT64_MIN || period->to_ms != INT64_MAX;
    assert(k < FUNNEL_STEPS_MAX && rows->customers <= FUNNEL_CUSTOMERS_MAX);
    lines->step_count = k + 1;
    make_room(l, rows->count);
    l->as_they_lie = false;
    if (picks)
        return fill_line(l, rows, owners, period, true, true);
    l->as_they_lie = k == 0;
    return k ? fill_line(l, rows, owners, period, false, true) : fill_line(l, rows, owners, period, false, false);
}

static uint32_t element_of(const struct line *l, uint32_t i) { return l->as_they_lie ? i : l->elements[i]; }

/* A merge in hand: rows from `j` to `end` of a step, of which those that end a run come to stand at `n`; row `i` of the step before is next. */
struct merge {
    size_t i, j, n, end;
};
struct merging {
    const int64_t *from_keys, *from_starts; /* of the step before */
    int64_t *keys, *starts;
    uint32_t *elements, *before;
    int64_t window;
    const struct line *from;
    unsigned k;
    funnel_tie *tie;
    void *context;
};

/* One row of either line: no branch but for equal times. */
static inline void merge_one(const struct merging *g, struct merge *m) {
    int64_t key = g->keys[m->j], from = g->from_keys[m->i], start = g->from_starts[(ptrdiff_t)m->i - 1];
    uint32_t element = g->elements[m->j];
    size_t past = from < key;
    if (from == key)
        past = g->tie(g->context, g->k, element_of(g->from, (uint32_t)m->i), element);
    g->keys[m->n] = key; /* n <= j: what is overwritten was looked at */
    g->starts[m->n] = start;
    g->elements[m->n] = element;
    g->before[m->n] = (uint32_t)m->i - 1;
    m->n += (size_t)(key - start <= g->window) & ~past;
    m->i += past;
    m->j += past ^ 1;
}

/* The first row of customer `owner` or a later one. */
static size_t row_of(const struct line *l, uint64_t owner) {
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint64_t)l->keys[middle] >> CUSTOMER_SHIFT < owner)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void move_rows(struct line *l, size_t to, size_t from, size_t count) {
    memmove(l->keys + to, l->keys + from, count * sizeof *l->keys);
    memmove(l->starts + to, l->starts + from, count * sizeof *l->starts);
    memmove(l->elements + to, l->elements + from, count * sizeof *l->elements);
    memmove(l->before + to, l->before + from, count * sizeof *l->before);
}

/* Rows of step k that end a run, out of all of them. Each row of a merge waits for the one before, so two are made at a time, of each half of the
 * customers one. */
static void go_on(struct line *l, const struct line *from, const int64_t *starts, int64_t window, unsigned k,
                  funnel_tie *tie, void *context) {
    const struct merging g = {from->keys, starts, l->keys, l->starts, l->elements, l->before,
                              window,     from,   k,       tie,       context};
    uint64_t half = l->count ? ((uint64_t)l->keys[l->count / 2] >> CUSTOMER_SHIFT) : 0;
    size_t middle = row_of(l, half);
    struct merge a = {0, 0, 0, middle}, b = {row_of(from, half), middle, middle, l->count};
    while (a.j < a.end && b.j < b.end) {
        merge_one(&g, &a);
        merge_one(&g, &b);
    }
    while (a.j < a.end)
        merge_one(&g, &a);
    while (b.j < b.end)
        merge_one(&g, &b);
    move_rows(l, a.n, middle, b.n - middle);
    l->count = (uint32_t)(a.n + b.n - middle);
    l->keys[l->count] = INT64_MAX;
}

bool funnel_lines_take(const struct funnel_rule *rule) {
    return rule->order == FUNNEL_ORDERED && (rule->window.amount == 0 || calendar_unit_fixed(rule->window.unit));
}

void funnel_lines_go(struct funnel_lines *lines, const struct funnel_rule *rule, funnel_tie *tie, void *context) {
    int64_t window = SPAN_MS - 1;
    assert(lines->step_count == rule->steps && funnel_lines_take(rule));
    if (rule->window.amount && rule->window.amount < SPAN_MS / calendar_unit_ms(rule->window.unit))
        window = rule->window.amount * calendar_unit_ms(rule->window.unit);
    for (unsigned k = 1; k < rule->steps; k++) {
        const struct line *from = &lines->steps[k - 1];
        go_on(&lines->steps[k], from, k == 1 ? from->keys : from->starts, window, k, tie, context);
    }
    memset(lines->gone, 0, sizeof lines->gone);
}

uint32_t funnel_lines_at(struct funnel_lines *lines, unsigned level, const uint32_t **found) {
    const struct line *l = &lines->steps[level - 1];
    uint32_t n = 0, last = UINT32_MAX;
    if (lines->found_room < l->count + 1) {
        lines->found_room = l->count + l->count / 2 + 64;
        free(lines->found);
        lines->found = memory_get(lines->found_room, sizeof *lines->found);
    }
    for (uint32_t i = 0; i < l->count; i++) {
        uint32_t owner = (uint32_t)(l->keys[i] >> CUSTOMER_SHIFT);
        lines->found[n] = i;
        n += (owner != last) & !(lines->gone[owner / 64] >> (owner % 64) & 1);
        last = owner;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t owner = (uint32_t)(l->keys[lines->found[i]] >> CUSTOMER_SHIFT);
        lines->gone[owner / 64] |= UINT64_C(1) << (owner % 64);
    }
    *found = lines->found;
    return n;
}

uint32_t funnel_lines_run(const struct funnel_lines *lines, unsigned level, uint32_t found, struct funnel_run *run) {
    int64_t key = lines->steps[level - 1].keys[found];
    uint32_t at = found;
    run->level = level;
    for (unsigned k = level; k-- > 0;) {
        const struct line *l = &lines->steps[k];
        run->times[k] = (l->keys[at] & (SPAN_MS - 1)) + EARLIEST_MS;
        if (k)
            at = l->before[at];
        else
            run->first[0] = element_of(l, at);
    }
    return (uint32_t)(key >> CUSTOMER_SHIFT);
}
