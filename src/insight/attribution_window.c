/* attribution_window: see the header. Windows are put down and counted some hundred at a time, in passes that ask nothing of the data but how many rows a
 * customer has: where each begins and ends in each run (comparing sixteen times at once, none of which is a branch); then up to SHORT touches of it,
 * whatever run they are from, become one number, looked up in a table of paths seen. What the different paths mean is worked out once for each
 * of them, when they are settled.
 *
 * Rules need to know of a path only who was first, who last, and who was between in any order. So the order is not looked for but where something
 * asks for it: the book, time decay, touches of one channel that collapse, a last touch that is direct. */
#include "insight/attribution_window.h"

#include <assert.h>
#include <stdlib.h>

#include "base/clones.h"
#include "base/memory.h"

#define WINDOWS 512
#define AT_ONCE 16 /* rows compared */
#define SHORT 7    /* touches of a path that is one number */
#define SEEN_MIN 1024
#define SEEN_MAX (8 * 1024) /* different ones; 32 bytes each, in a table twice as large */

struct window {
    int64_t from, to; /* of touches, both included */
    int64_t value;
    uint32_t customer;
    bool converted;
};
struct window_rows {
    uint32_t from, end; /* of the run */
};
struct path_seen {
    uint64_t
        path; /* codes of touches from the lowest byte up; the highest: how many, and MISSED; 0: the place is free */
    uint64_t count;
    __int128 value;
};
#define LENGTH_AT 56
#define MISSED (UINT64_C(1) << 63)

void attribution_windows_release(struct attribution_windows *w) {
    free(w->all);
    free(w->rows);
    free(w->seen);
    free(w->path_times);
    free(w->path_codes);
}

void attribution_windows_runs(struct attribution_windows *w, const struct code_run *runs, unsigned run_count) {
    assert(w->count == 0 && run_count <= STREAM_SETS_MAX);
    if (!w->all) {
        w->all = memory_get(WINDOWS, sizeof *w->all);
        w->rows = memory_get((size_t)WINDOWS * STREAM_SETS_MAX, sizeof *w->rows);
        w->seen_room = SEEN_MIN;
        w->seen = memory_get(w->seen_room, sizeof *w->seen);
    }
    w->runs = runs;
    w->run_count = run_count;
}

/* --- paths seen --- */

static size_t place_of(uint64_t path, size_t room) { return path * UINT64_C(0x9e3779b97f4a7c15) >> 32 & (room - 1); }

static void settle(struct attribution_windows *w) {
    for (size_t i = 0; i < w->seen_room; i++) {
        const struct path_seen *s = &w->seen[i];
        uint8_t codes[SHORT];
        const size_t length = s->path >> LENGTH_AT & SHORT;
        for (size_t k = 0; k < length; k++)
            codes[k] = (uint8_t)(s->path >> (8 * k));
        if (s->path)
            attribution_add(w->tally, codes, NULL, length, s->path & MISSED ? 0 : s->count,
                            s->path & MISSED ? s->count : 0, s->value);
    }
    if (w->seen)
        memset(w->seen, 0, w->seen_room * sizeof *w->seen);
    w->seen_count = 0;
}

void attribution_windows_settle(struct attribution_windows *w) {
    assert(w->count == 0);
    settle(w);
}

static void grow(struct attribution_windows *w) {
    const size_t room = w->seen_room * 2;
    struct path_seen *all = memory_get(room, sizeof *all);
    for (size_t i = 0; i < w->seen_room; i++) {
        size_t at = place_of(w->seen[i].path, room);
        while (all[at].path)
            at = (at + 1) & (room - 1);
        if (w->seen[i].path)
            all[at] = w->seen[i];
    }
    free(w->seen);
    w->seen = all;
    w->seen_room = room;
}

/* Where there are too many to be kept, those there are are added up, and it begins anew. */
static __attribute__((noinline)) struct path_seen *seen_new(struct attribution_windows *w, uint64_t path) {
    if (w->seen_count == SEEN_MAX)
        settle(w);
    if (2 * (w->seen_count + 1) > w->seen_room)
        grow(w);
    size_t at = place_of(path, w->seen_room);
    while (w->seen[at].path)
        at = (at + 1) & (w->seen_room - 1);
    w->seen_count++;
    w->seen[at].path = path;
    return &w->seen[at];
}

static inline struct path_seen *seen_of(struct attribution_windows *w, uint64_t path) {
    size_t at = place_of(path, w->seen_room);
    while (w->seen[at].path != path) {
        if (w->seen[at].path == 0)
            return seen_new(w, path);
        at = (at + 1) & (w->seen_room - 1);
    }
    return &w->seen[at];
}

static inline void count_path(struct attribution_windows *w, uint64_t codes, uint64_t length, const struct window *at) {
    struct path_seen *s = seen_of(w, codes | length << LENGTH_AT | (at->converted ? 0 : MISSED));
    s->count++;
    s->value += at->value;
}

/* --- paths in order --- */

static void know_room(struct attribution_windows *w, size_t count) {
    if (count <= w->path_room)
        return;
    w->path_room = 2 * count;
    w->path_times = memory_resize(w->path_times, w->path_room, sizeof *w->path_times);
    w->path_codes = memory_resize(w->path_codes, w->path_room, 1);
}

/* The run whose row at at[run] is the earliest of all. */
static unsigned earliest(const struct attribution_windows *w, const struct window_rows *rows, const uint32_t *at) {
    unsigned first = 0;
    int64_t time = 0;
    bool found = false;
    for (unsigned r = 0; r < w->run_count; r++) {
        if (at[r] == rows[r * WINDOWS].end)
            continue;
        const int64_t its = w->runs[r].times[at[r]];
        const bool before = !found || its < time;
        first = before ? r : first;
        time = before ? its : time;
        found = true;
    }
    return first;
}

/* Merges the window's rows of all runs; false where rows of different codes are of one moment. */
static bool put_in_order(struct attribution_windows *w, const struct window_rows *rows, size_t count) {
    uint32_t at[STREAM_SETS_MAX];
    bool told = true;
    know_room(w, count);
    for (unsigned r = 0; r < w->run_count; r++)
        at[r] = rows[r * WINDOWS].from;
    for (size_t k = 0; k < count; k++) {
        const unsigned r = earliest(w, rows, at);
        w->path_times[k] = w->runs[r].times[at[r]];
        w->path_codes[k] = w->runs[r].codes[at[r]++];
        told &= k == 0 || w->path_times[k] != w->path_times[k - 1] || w->path_codes[k] == w->path_codes[k - 1];
    }
    return told;
}

/* As the whole customer's rows are, by their positions. */
static void put_in_order_exactly(struct attribution_windows *w, const struct window *at, size_t count) {
    struct attribution_history h = {0};
    size_t from = 0;
    w->in_order(w->context, at->customer, &h);
    while (from < h.touch_count && h.touch_times[from] < at->from)
        from++;
    assert(from + count <= h.touch_count && h.touch_times[from + count - 1] <= at->to);
    memcpy(w->path_times, h.touch_times + from, count * sizeof *w->path_times);
    memcpy(w->path_codes, h.touch_codes + from, count);
}

static __attribute__((noinline)) void count_in_order(struct attribution_windows *w, const struct window *at,
                                                     const struct window_rows *rows, size_t count) {
    const struct attribution_rule *rule = w->rule;
    if (!put_in_order(w, rows, count))
        put_in_order_exactly(w, at, count);
    if (count > SHORT || (w->tally->half_life_ms && at->converted) || rule->collapse) {
        const struct attribution_history h = {
            .touch_times = w->path_times, .touch_codes = w->path_codes, .touch_count = count};
        attribution_path(w->tally, rule, &h, 0, count, at->to, at->converted, at->value);
        return;
    }
    uint64_t codes = 0;
    for (size_t k = 0; k < count; k++)
        codes |= (uint64_t)w->path_codes[k] << (8 * k);
    count_path(w, codes, count, at);
}

/* --- windows --- */

/* Of rows ascending in time, those before `from` and those up to `to`: many. */
static uint32_t rows_below(const int64_t *times, uint32_t count, int64_t time) {
    uint32_t low = 0, high = count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (times[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

typedef int64_t longs __attribute__((vector_size(32)));

static inline __attribute__((always_inline)) struct window_rows rows_of_few(const int64_t *times, int64_t count,
                                                                            int64_t from, int64_t to) {
    longs below = {0}, up_to = {0}, row = {0, 1, 2, 3};
#pragma GCC unroll 4
    for (unsigned v = 0; v < AT_ONCE / 4; v++) {
        longs each;
        memcpy(&each, times + 4 * v, sizeof each);
        below -= (each < from) & (row < count);
        up_to -= (each <= to) & (row < count);
        row += 4;
    }
    return (struct window_rows){(uint32_t)(below[0] + below[1] + below[2] + below[3]),
                                (uint32_t)(up_to[0] + up_to[1] + up_to[2] + up_to[3])};
}

CLONES static void find_rows(struct window_rows *restrict out, const struct code_run *run, const struct window *all,
                             uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t begin = run->starts[all[i].customer] - run->starts[0],
                       rows = run->starts[all[i].customer + 1] - run->starts[0] - begin;
        const int64_t *times = run->times + begin;
        struct window_rows found;
        if (rows <= AT_ONCE && begin + AT_ONCE <= run->count) {
            found = rows_of_few(times, rows, all[i].from, all[i].to);
        } else {
            found.from = rows_below(times, rows, all[i].from);
            found.end = all[i].to == INT64_MAX ? rows : rows_below(times, rows, all[i].to + 1);
        }
        found.end = found.end < found.from ? found.from : found.end; /* an empty window may end before it begins */
        out[i] = (struct window_rows){begin + found.from, begin + found.end};
    }
}

/* A window's touches as they come run by run, and where among them the first and the last in time are. */
struct gathered {
    uint64_t codes; /* of up to SHORT */
    uint64_t count;
    uint32_t first, last;
    int64_t first_time, last_time;
    bool tied; /* it is not told which is first, or last */
};

static inline uint8_t code_at(uint64_t codes, uint64_t i) { return (uint8_t)(codes >> (8 * i & 63)); }

static inline void gather(struct gathered *g, const struct code_run *run, struct window_rows rows) {
    const uint32_t count = rows.end - rows.from;
    uint64_t codes;
    memcpy(&codes, run->codes + rows.from, sizeof codes);
    codes &= count ? UINT64_MAX >> (64 - 8 * (count < 8 ? count : 8)) : 0;
    const bool any = count > 0;
    const uint32_t last = any ? rows.end - 1 : 0;
    const int64_t first_time = any ? run->times[any ? rows.from : 0] : INT64_MAX,
                  last_time = any ? run->times[last] : INT64_MIN;
    const bool first = any & (first_time < g->first_time), later = any & (last_time > g->last_time);
    const bool firsts = first_time == g->first_time && code_at(g->codes, g->first) != (codes & 0xff),
               lasts = last_time == g->last_time && code_at(g->codes, g->last) != code_at(codes, count - 1);
    g->tied |= any & (g->count > 0) & (firsts | lasts);
    g->first = first ? (uint32_t)g->count : g->first;
    g->first_time = first ? first_time : g->first_time;
    g->last = later ? (uint32_t)g->count + count - 1 : g->last;
    g->last_time = later ? last_time : g->last_time;
    g->codes |= codes << (8 * g->count & 63);
    g->count += count;
}

/* The first to the front, the last to the end. */
static inline uint64_t ends_in_place(const struct gathered *g) {
    uint64_t codes = g->codes;
    const uint64_t end = 8 * (g->count - 1), first = 8 * (uint64_t)g->first,
                   last = g->last ? 8 * (uint64_t)g->last : first;
    uint64_t differ = (codes >> first ^ codes) & 0xff;
    codes ^= differ | differ << first;
    differ = (codes >> last ^ codes >> end) & 0xff;
    return codes ^ (differ << last) ^ (differ << end);
}

static inline void count_window(struct attribution_windows *w, const struct window *at, const struct window_rows *rows,
                                bool ordered) {
    struct gathered g = {.first_time = INT64_MAX, .last_time = INT64_MIN};
    for (unsigned r = 0; r < w->run_count; r++)
        gather(&g, &w->runs[r], rows[r * WINDOWS]);
    if (g.count == 0) {
        w->tally->uncovered += at->converted;
        w->tally->uncovered_value += at->value;
        return;
    }
    if (ordered | (g.count > SHORT) | g.tied) {
        count_in_order(w, at, rows, g.count);
        return;
    }
    const uint64_t codes = ends_in_place(&g);
    if (w->tally->direct[code_at(codes, g.count - 1)])
        count_in_order(w, at, rows, g.count);
    else
        count_path(w, codes, g.count, at);
}

void attribution_windows_count(struct attribution_windows *w) {
    const bool ordered = w->tally->want_book || w->tally->half_life_ms || w->rule->collapse;
    for (unsigned r = 0; r < w->run_count; r++)
        find_rows(w->rows + (size_t)r * WINDOWS, &w->runs[r], w->all, w->count);
    for (uint32_t i = 0; i < w->count; i++)
        count_window(w, &w->all[i], w->rows + i, ordered);
    w->count = 0;
}

static inline void put_down(struct attribution_windows *w, const struct window *window) {
    if (w->count == WINDOWS)
        attribution_windows_count(w);
    w->all[w->count++] = *window;
}

/* The touches after the last conversion, or all of them, came to nothing. */
static void put_down_open(struct attribution_windows *w, uint32_t customer, int64_t after) {
    int64_t newest = INT64_MIN;
    bool any = false;
    for (unsigned r = 0; r < w->run_count; r++) {
        const struct code_run *run = &w->runs[r];
        const uint32_t end = code_run_begin(run, customer + 1);
        if (end == code_run_begin(run, customer))
            continue;
        any = true;
        newest = run->times[end - 1] > newest ? run->times[end - 1] : newest;
    }
    if (!any || newest < after || newest < w->rule->counted_from)
        return;
    const int64_t from = newest - w->rule->look_back_ms;
    put_down(w, &(struct window){.from = from > after ? from : after, .to = newest, .customer = customer});
}

void attribution_windows_customer(struct attribution_windows *w, uint32_t customer, const int64_t *times,
                                  const int64_t *values, size_t count) {
    const struct attribution_rule *rule = w->rule;
    size_t first = 0, end = count;
    int64_t after = INT64_MIN; /* a path begins at or after it */
    while (first < end && times[first] < rule->counted_from)
        first++;
    if (first < end && rule->repeat == ATTRIBUTION_FIRST)
        end = first + 1;
    if (first < end && rule->repeat == ATTRIBUTION_LAST)
        first = end - 1;
    if (first && rule->cut)
        after = times[first - 1] + 1;
    for (size_t i = first; i < end; i++) {
        const int64_t from = times[i] - rule->look_back_ms;
        put_down(w, &(struct window){from > after ? from : after, times[i], values[i], customer, true});
        after = rule->cut ? times[i] + 1 : after;
    }
    if (first == end || (rule->cut && rule->repeat != ATTRIBUTION_FIRST))
        put_down_open(w, customer, after);
}
