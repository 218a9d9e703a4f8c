/* path_flow_cut: rows in order cut into visits and sessions.
 *
 * Three passes over a few thousand rows at a time, none of which asks what a row is: first rows become visits (of a node several times on end the
 * first), with the places where sessions begin; then each session of up to SHORT nodes is one number, its nodes a byte each, and is looked up
 * in a table of sessions seen, where it counts and adds its times; last, durations are counted by size. What the different sessions
 * mean (their path, their goal, their nodes) is worked out once for each of them, in flow_settle. Most sessions are short and of few kinds; long
 * ones, and those that come when the table is full, are added up one by one. */
#include <assert.h>
#include <stdlib.h>

#include "base/memory.h"
#include "insight/path_flow.h"

#define SHORT 7
#define SEEN_MIN 256
#define SEEN_MAX (32 * 1024) /* different short sessions; 64 bytes each, in a table twice as large */

/* A short session: a cache line. */
struct seen {
    uint64_t nodes; /* of node i its code + 1 at bit 8 i; 0: the place is free */
    uint64_t twice; /* how often, times two; the lowest bit: it counts (flow_path_of) */
    int64_t ms[SHORT - 1];
};
_Static_assert(sizeof(struct seen) == 64, "one look, one line");

struct flow_cut {
    struct seen *seen;
    size_t seen_count, seen_room;
    /* of the rows in hand */
    size_t room;
    int64_t *times;   /* of visits, with the customer above them */
    uint8_t *codes;   /* of visits, + 1 */
    uint32_t *starts; /* of sessions, into visits */
    uint64_t *dwells; /* of visits with another after them in the session: ms above the node's code + 1 */
    int64_t *long_ms; /* of a session */
    uint8_t *long_codes;
    uint64_t *keys; /* of flow_customer */
    size_t key_room;
};

void flow_cut_free(struct flow_cut *c) {
    if (!c)
        return;
    free(c->seen);
    free(c->times);
    free(c->codes);
    free(c->starts);
    free(c->dwells);
    free(c->long_ms);
    free(c->long_codes);
    free(c->keys);
    free(c);
}

static struct flow_cut *cut_of(struct flow *f, size_t rows) {
    if (!f->cut) {
        f->cut = memory_get(1, sizeof *f->cut);
        f->cut->seen_room = SEEN_MIN;
        f->cut->seen = memory_get(SEEN_MIN, sizeof *f->cut->seen);
    }
    struct flow_cut *c = f->cut;
    if (rows + 1 + KEY_PADDING > c->room) {
        c->room = 2 * (rows + 1 + KEY_PADDING);
        c->times = memory_resize(c->times, c->room, sizeof *c->times);
        c->codes = memory_resize(c->codes, c->room, sizeof *c->codes);
        c->starts = memory_resize(c->starts, c->room, sizeof *c->starts);
        c->dwells = memory_resize(c->dwells, c->room, sizeof *c->dwells);
        c->long_ms = memory_resize(c->long_ms, c->room, sizeof *c->long_ms);
        c->long_codes = memory_resize(c->long_codes, c->room, sizeof *c->long_codes);
    }
    return c;
}

/* --- visits --- */

struct visits {
    size_t count, sessions, dwells;
};

static struct visits cut_visits(const struct flow_settings *s, struct flow_cut *c, const uint64_t *keys, size_t count) {
    const uint64_t gap = s->gap_ms && s->gap_ms < KEY_APART ? (uint64_t)s->gap_ms : (uint64_t)KEY_APART;
    const bool every = !s->collapse;
    int64_t *const times = c->times;
    uint8_t *const codes = c->codes; /* bytes may lie anywhere, c's own pointers too */
    uint32_t *const starts = c->starts;
    uint64_t *const dwelt = c->dwells;
    size_t visits = 0, sessions = 0, dwells = 0;
    uint64_t before = (keys[0] >> 8) - gap - 1, visited = 0;
    uint8_t last = 0;
    for (size_t i = 0; i < count; i++) {
        const uint64_t time = keys[i] >> 8;
        const uint8_t code = (uint8_t)(key_code(keys[i]) + 1);
        const bool begins = time - before > gap, visit = begins | every | (code != last);
        starts[sessions] = (uint32_t)visits;
        sessions += begins;
        dwelt[dwells] = (time - visited) << 8 | last;
        dwells += visit & !begins;
        times[visits] = (int64_t)time;
        codes[visits] = code;
        visits += visit;
        visited = visit ? time : visited;
        before = time;
        last = code;
    }
    starts[sessions] = (uint32_t)visits;
    memset(times + visits, 0, KEY_PADDING * sizeof *times);
    memset(codes + visits, 0, KEY_PADDING);
    return (struct visits){visits, sessions, dwells};
}

/* --- sessions --- */

static size_t place_of(uint64_t nodes, size_t room) { return nodes * UINT64_C(0x9e3779b97f4a7c15) >> 40 & (room - 1); }

static void grow(struct flow_cut *c) {
    const size_t room = c->seen_room * 2;
    struct seen *all = memory_get(room, sizeof *all);
    for (size_t i = 0; i < c->seen_room; i++) {
        if (c->seen[i].nodes == 0)
            continue;
        size_t at = place_of(c->seen[i].nodes, room);
        while (all[at].nodes)
            at = (at + 1) & (room - 1);
        all[at] = c->seen[i];
    }
    free(c->seen);
    c->seen = all;
    c->seen_room = room;
}

static size_t nodes_of(uint64_t nodes, uint8_t codes[SHORT]) {
    size_t count = 0;
    for (; nodes; nodes >>= 8)
        codes[count++] = (uint8_t)(nodes - 1);
    return count;
}

/* NULL where the table is full. */
static __attribute__((noinline)) struct seen *seen_new(struct flow *f, uint64_t nodes) {
    struct flow_cut *c = f->cut;
    uint8_t codes[8];
    if (c->seen_count == SEEN_MAX)
        return NULL;
    if (2 * (c->seen_count + 1) > c->seen_room)
        grow(c);
    size_t at = place_of(nodes, c->seen_room);
    while (c->seen[at].nodes)
        at = (at + 1) & (c->seen_room - 1);
    c->seen_count++;
    c->seen[at].nodes = nodes;
    c->seen[at].twice = flow_path_of(&f->settings, codes, nodes_of(nodes, codes)).counted;
    return &c->seen[at];
}

static struct seen *seen_of(struct flow *f, uint64_t nodes) {
    const struct flow_cut *c = f->cut;
    size_t at = place_of(nodes, c->seen_room);
    while (c->seen[at].nodes != nodes) {
        if (c->seen[at].nodes == 0)
            return seen_new(f, nodes);
        at = (at + 1) & (c->seen_room - 1);
    }
    return &c->seen[at];
}

/* Of visits [from, from + count); true where it counts. */
static bool long_session(struct flow *f, size_t from, size_t count) {
    struct flow_cut *c = f->cut;
    for (size_t i = 0; i < count; i++) {
        c->long_codes[i] = (uint8_t)(c->codes[from + i] - 1);
        c->long_ms[i] = c->times[from + i + 1] - c->times[from + i]; /* the last one's means nothing */
    }
    flow_session(f, c->long_codes, c->long_ms, count, 1);
    return flow_path_of(&f->settings, c->long_codes, count).counted;
}

typedef uint64_t two __attribute__((vector_size(16)));

/* Adds times from visit to visit, two by two: pairs [first, end), of a session of `count` visits. */
static inline void add_times(struct seen *s, const int64_t *times, size_t count, size_t first, size_t end) {
    static const int64_t within[2 * SHORT] = {-1, -1, -1, -1, -1, -1, -1}; /* from SHORT - (count - 1) on */
    const int64_t *mask = within + SHORT - (count - 1);
    for (size_t p = first; p < end; p++) {
        two from, to, sum, of;
        memcpy(&from, times + 2 * p, sizeof from);
        memcpy(&to, times + 2 * p + 1, sizeof to);
        memcpy(&of, mask + 2 * p, sizeof of);
        memcpy(&sum, s->ms + 2 * p, sizeof sum);
        sum += (to - from) & of;
        memcpy(s->ms + 2 * p, &sum, sizeof sum);
    }
}

/* Returns whether it counts. */
static inline bool short_session(struct flow *f, size_t from, size_t count) {
    const struct flow_cut *c = f->cut;
    uint64_t nodes;
    memcpy(&nodes, c->codes + from, sizeof nodes);
    nodes &= UINT64_MAX >> (64 - 8 * count);
    struct seen *s = seen_of(f, nodes);
    if (!s)
        return long_session(f, from, count);
    s->twice += 2;
    add_times(s, c->times + from, count, 0, 2);
    if (count > 5)
        add_times(s, c->times + from, count, 2, 3);
    return s->twice & 1;
}

static void dwell_in_session(struct flow *f, size_t from, size_t count) {
    const struct flow_cut *c = f->cut;
    for (size_t i = from; i + 1 < from + count; i++)
        flow_dwell(&f->nodes[c->codes[i] - 1], c->times[i + 1] - c->times[i]);
}

static void dwell_everywhere(struct flow *f, size_t count) {
    const uint64_t *dwells = f->cut->dwells;
    struct flow_node *const nodes = f->nodes - 1; /* codes + 1 */
    for (size_t i = 0; i < count; i++)
        flow_dwell(&nodes[dwells[i] & 0xff], (int64_t)(dwells[i] >> 8));
}

/* --- all of it --- */

void flow_keys(struct flow *f, const uint64_t *keys, size_t count) {
    const bool selective = f->settings.start != FLOW_NONE || f->settings.end != FLOW_NONE;
    uint64_t last = UINT64_MAX;
    if (count == 0)
        return;
    struct flow_cut *c = cut_of(f, count);
    const struct visits v = cut_visits(&f->settings, c, keys, count);
    for (size_t s = 0; s < v.sessions; s++) {
        const size_t from = c->starts[s], visits = c->starts[s + 1] - from;
        const uint64_t owner = (uint64_t)c->times[from] >> KEY_TIME_BITS;
        const bool counted = visits <= SHORT ? short_session(f, from, visits) : long_session(f, from, visits);
        f->customers += counted & (owner != last);
        last = counted ? owner : last;
        if (selective && counted)
            dwell_in_session(f, from, visits);
    }
    if (!selective)
        dwell_everywhere(f, v.dwells);
}

void flow_customer(struct flow *f, const int64_t *times, const uint8_t *codes, size_t count) {
    struct flow_cut *c = cut_of(f, count);
    if (count > c->key_room) {
        c->key_room = 2 * count;
        c->keys = memory_resize(c->keys, c->key_room, sizeof *c->keys);
    }
    for (size_t i = 0; i < count; i++)
        c->keys[i] = key_of(key_clamp(times[i]), codes[i]);
    flow_keys(f, c->keys, count);
}

void flow_settle(struct flow *f) {
    struct flow_cut *c = f->cut;
    if (!c)
        return;
    for (size_t i = 0; i < c->seen_room; i++) {
        const struct seen *s = &c->seen[i];
        uint8_t codes[8];
        const size_t count = nodes_of(s->nodes, codes);
        if (s->twice & 1)
            flow_session(f, codes, s->ms, count, s->twice >> 1);
    }
    memset(c->seen, 0, c->seen_room * sizeof *c->seen);
    c->seen_count = 0;
}
