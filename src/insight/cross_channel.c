/* cross_channel: the analysis: which channels customers use together, how they move between them, and in which they begin and end on the way to
 * a goal: browse in the app, ask in the store, order on the web.
 *
 * Channels a customer used are a set of up to SET_CHANNELS_MAX bits; sets are counted in a book of paths, whose codes are the set's channels
 * in order. Ways are path_flow's, with a customer's whole history as one session (or sessions by a gap). */
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/attribution_models.h"
#include "insight/insight.h"
#include "insight/nodes.h"
#include "insight/path_members.h"
#include "insight/path_show.h"
#include "insight/statistics.h"
#include "insight/stream_read.h"

#define NONE STREAM_NONE
#define CHANNELS_SHOWN 60
#define NO_CHANNEL NODES_MAX /* in first_last: an order without a touch before it */

struct pair { /* of first and last channel before a goal */
    uint64_t goals;
    __int128 value, ms;
};
struct channel {
    uint64_t customers, touches, alone, buyers;
};
struct counts {
    uint64_t customers, buyers, goals;
    struct channel channels[NODES_MAX];
    struct path_book sets; /* customers by the channels they use: conversions: who reached the goal */
    struct pair pairs[NODES_MAX + 1][NODES_MAX + 1];
    struct flow flow;
};
/* Members asked for: all that is said must hold. */
struct asked {
    bool given;
    bool by_set, exactly; /* uses these channels, and no others */
    bool set[NODES_MAX];
    uint8_t first, last; /* of a goal; NODE_NONE: not asked for */
    bool by_goal, converted;
    struct flow_asked flow;
};
struct run {
    struct scan *scan;
    const struct insight *insight;
    struct asked asked;
    struct stream stream;
    struct nodes nodes;
    struct flow_settings settings;
    unsigned goal;  /* set, or NONE */
    bool goal_uses; /* the goal's rows have a channel, and use it */
    bool valued;
    struct stream_number numbers[STREAM_SETS_MAX]; /* the goal's */
    uint8_t goal_code;
    int64_t most, paths_shown;
    struct counts counts;
};

/* --- reading the definition --- */

/* Before the touches: a row that is both is the goal. */
static enum status read_goal(struct run *r, const struct definition_part *d, struct fault *fault) {
    const struct stream_list list = {
        .key = "goal", .most = 1, .text = "channel", .number = "value", .own_only = true, .numbers = r->numbers};
    enum status status = stream_read(&r->stream, d, &list, &r->goal, fault);
    r->goal_uses = !status && r->goal != NONE && r->stream.sets[r->goal].valued;
    r->valued = !status && r->goal != NONE && r->numbers[r->goal].given;
    return status;
}

static enum status read_definition(struct run *r, const struct definition_part *d, struct fault *fault) {
    int64_t steps = 5;
    struct length session = {0};
    r->most = r->paths_shown = 20;
    enum status status = definition_period(d, &r->stream.period, fault);
    if (!status)
        status = scan_create(d, &r->scan, fault);
    r->stream.scan = r->scan;
    if (!status)
        status = read_goal(r, d, fault);
    if (!status)
        status = stream_read(&r->stream, d,
                             &(struct stream_list){.key = "touches", .least = 1, .most = 50, .text = "channel"}, NULL,
                             fault);
    if (!status)
        status = definition_length(d, "session", &session, fault);
    if (!status)
        status = definition_integer(d, "steps", 2, FLOW_STEPS_MAX, &steps, fault);
    if (!status)
        status = definition_integer(d, "channels", 1, CHANNELS_SHOWN, &r->most, fault);
    if (!status)
        status = definition_integer(d, "paths", 0, 100000, &r->paths_shown, fault);
    r->settings = (struct flow_settings){.steps = (uint32_t)steps,
                                         .gap_ms = length_ms(session),
                                         .collapse = true,
                                         .start = FLOW_NONE,
                                         .end = FLOW_NONE,
                                         .goal = FLOW_NONE};
    return status;
}

static enum status read_name(const struct run *r, const struct definition_part *m, const char *key, uint8_t *code,
                             struct fault *fault) {
    struct slice name = SLICE_NONE;
    enum status status = definition_text(m, key, &name, fault);
    *code = NODE_NONE;
    return status || !definition_get(m, key) ? status : nodes_named(&r->nodes, m, key, name, code, fault);
}

static enum status read_set(struct run *r, const struct definition_part *m, struct fault *fault) {
    struct asked *a = &r->asked;
    struct slice *names;
    size_t count;
    enum status status = definition_texts(m, "channels", NODES_MAX, &names, &count, fault);
    for (size_t i = 0; i < count && !status; i++) {
        uint8_t code;
        status = nodes_named(&r->nodes, m, "channels", names[i], &code, fault);
        if (!status)
            a->set[code] = true;
    }
    a->by_set = count > 0;
    a->exactly = true;
    return status ? status : definition_flag(m, "exactly", &a->exactly, fault);
}

/* Once channels are known. */
static enum status read_members(struct run *r, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {FLOW_ASKED_NAMES, "channels", "exactly", "first", "last", "converted", NULL};
    struct asked *a = &r->asked;
    struct definition_part m;
    enum status status = insight_members_read(d, known, &m, fault);
    if (!status)
        status = read_set(r, &m, fault);
    if (!status)
        status = flow_asked_read(&m, &r->nodes, &r->settings, &a->flow, fault);
    if (!status)
        status = read_name(r, &m, "first", &a->first, fault);
    if (!status)
        status = read_name(r, &m, "last", &a->last, fault);
    if (!status)
        status = definition_flag(&m, "converted", &a->converted, fault);
    if (status)
        return status;
    a->given = true;
    a->by_goal = definition_get(&m, "converted") != NULL;
    const bool ends = a->first != NODE_NONE || a->last != NODE_NONE;
    if (r->goal == NONE && (a->by_goal || ends))
        return definition_fail(&m, a->by_goal ? "converted" : "first", fault, "there is no \"goal\" in the definition");
    if (!a->by_set && !a->flow.said && !ends && !a->by_goal)
        return definition_fail(&m, NULL, fault,
                               "say whom: {\"channels\": [\"web\", \"app\"]}, {\"source\": \"app\", "
                               "\"target\": \"web\", \"step\": 1}, {\"first\": \"app\", \"last\": \"web\"}, "
                               "or \"converted\"");
    return STATUS_OK;
}

/* --- counting --- */

struct worker {
    struct run *run;
    struct stream_part *rows;
    struct node_codes nodes;
    struct counts *counts;
    struct scan_part *part;
    const struct vector *values;
    uint8_t *codes, *visits;
    int64_t *times;
    size_t room;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->run = context;
    w->rows = stream_part_create(&w->run->stream);
    w->counts = memory_get(1, sizeof *w->counts);
    flow_init(&w->counts->flow, &w->run->settings);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->rows);
    node_codes_release(&w->nodes);
    flow_release(&w->counts->flow);
    path_book_release(&w->counts->sets);
    free(w->counts);
    free(w->codes);
    free(w->visits);
    free(w->times);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct counts *c = &((struct run *)context)->counts;
    struct counts *from = ((struct worker *)state)->counts;
    (void)texts;
    c->customers += from->customers;
    c->buyers += from->buyers;
    c->goals += from->goals;
    for (size_t i = 0; i < NODES_MAX; i++) {
        c->channels[i].customers += from->channels[i].customers;
        c->channels[i].touches += from->channels[i].touches;
        c->channels[i].alone += from->channels[i].alone;
        c->channels[i].buyers += from->channels[i].buyers;
    }
    for (size_t a = 0; a <= NODES_MAX; a++)
        for (size_t b = 0; b <= NODES_MAX; b++) {
            c->pairs[a][b].goals += from->pairs[a][b].goals;
            c->pairs[a][b].value += from->pairs[a][b].value;
            c->pairs[a][b].ms += from->pairs[a][b].ms;
        }
    path_book_merge(&c->sets, &from->sets, NULL);
    flow_merge(&c->flow, &from->flow);
}

/* From the first touch since the goal before to this goal. */
struct way {
    size_t first, last; /* NO_CHANNEL: no touch yet */
    int64_t began;
};

/* True where it is one of those asked for. */
static bool reach_goal(struct worker *w, size_t row, struct way *way) {
    const struct asked *a = &w->run->asked;
    const bool asked =
        (a->first == NODE_NONE || way->first == a->first) && (a->last == NODE_NONE || way->last == a->last);
    struct pair *p = &w->counts->pairs[way->first][way->last];
    w->counts->goals++;
    p->goals++;
    p->value += stream_millionths(w->values, w->rows->rows[row].element);
    p->ms += way->first == NO_CHANNEL ? 0 : w->rows->rows[row].time - way->began;
    *way = (struct way){NO_CHANNEL, NO_CHANNEL, 0};
    return asked;
}

static void put(struct worker *w, size_t *count, uint8_t code, int64_t time) {
    w->codes[*count] = code;
    w->times[(*count)++] = time;
}

static void count_sets(struct worker *w, const bool *used, bool bought) {
    struct counts *c = w->counts;
    uint8_t set[NODES_MAX];
    size_t count = 0;
    for (uint32_t i = 0; i < w->run->nodes.count; i++)
        if (used[i])
            set[count++] = (uint8_t)i;
    if (count == 0 && !bought)
        return;
    c->customers++;
    c->buyers += bought;
    for (size_t i = 0; i < count; i++) {
        c->channels[set[i]].customers++;
        c->channels[set[i]].alone += count == 1;
        c->channels[set[i]].buyers += bought;
    }
    path_book_add(&c->sets, set, count, bought, !bought, 0);
}

static bool set_is(const struct run *r, const bool *used) {
    for (uint32_t i = 0; i < r->nodes.count; i++)
        if (r->asked.set[i] ? !used[i] : r->asked.exactly && used[i])
            return false;
    return true;
}

/* `ends`: a goal had the first and last channel asked for. */
static bool is_member(struct worker *w, const bool *used, bool bought, bool ends, size_t count) {
    const struct asked *a = &w->run->asked;
    const bool by_ends = a->first != NODE_NONE || a->last != NODE_NONE;
    return count > 0 && (!a->by_goal || bought == a->converted) && (!by_ends || ends) &&
           (!a->by_set || set_is(w->run, used)) &&
           (!a->flow.said || flow_asked_of(&w->run->settings, &a->flow, w->times, w->codes, count, w->visits));
}

static void visit_customer(struct worker *w, uint32_t customer) {
    const struct run *r = w->run;
    bool used[NODES_MAX] = {false}, bought = false, ends = false;
    struct way way = {NO_CHANNEL, NO_CHANNEL, 0};
    size_t rows = stream_customer(w->rows, customer), count = 0;
    if (2 * rows > w->room) {
        w->room = 4 * rows;
        w->codes = memory_resize(w->codes, w->room, 1);
        w->visits = memory_resize(w->visits, w->room, 1);
        w->times = memory_resize(w->times, w->room, sizeof *w->times);
    }
    for (size_t i = 0; i < rows; i++) {
        bool goal = w->rows->rows[i].set == r->goal;
        uint8_t code = goal && !r->goal_uses ? NODE_NONE : node_code(&w->nodes, w->rows->rows[i].text);
        int64_t time = w->rows->rows[i].time;
        if (code != NODE_NONE) {
            used[code] = true;
            w->counts->channels[code].touches++;
            put(w, &count, code, time);
            if (way.first == NO_CHANNEL)
                way = (struct way){code, code, time};
            way.last = code;
        }
        if (goal) {
            bought = true;
            ends |= reach_goal(w, i, &way);
            put(w, &count, r->goal_code, time);
        }
    }
    count_sets(w, used, bought);
    flow_customer(&w->counts->flow, w->times, w->codes, count);
    if (r->asked.given && is_member(w, used, bought, ends, count))
        insight_member(r->insight->members, scan_customer(w->part, customer));
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct run *r = w->run;
    w->part = part;
    stream_part_begin(w->rows, part);
    if (!w->nodes.bound)
        node_codes_bind(&w->nodes, &r->nodes, part->worker);
    w->values = r->valued && w->rows->sources[r->goal].rows.count
                    ? scan_part_row_values(part, r->stream.sets[r->goal].rows, r->numbers[r->goal].number)
                    : NULL;
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1))
        visit_customer(w, i);
}

/* --- showing --- */

static void show_channels(const struct run *r, struct answer *answer) {
    const struct counts *c = &r->counts;
    struct answer_table *t = answer_table(answer, "channels");
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    answer_column(t, "this_alone", ANSWER_INTEGER);
    answer_column(t, "touches", ANSWER_INTEGER);
    if (r->goal != NONE) {
        answer_column(t, "reached_goal", ANSWER_INTEGER);
        answer_column(t, "goal_rate", ANSWER_PERCENT);
    }
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        if (i == r->goal_code)
            continue;
        answer_text(t, r->nodes.names[i]);
        answer_integer(t, (int64_t)c->channels[i].customers);
        answer_share(t, c->channels[i].customers, c->customers);
        answer_integer(t, (int64_t)c->channels[i].alone);
        answer_integer(t, (int64_t)c->channels[i].touches);
        if (r->goal != NONE) {
            answer_integer(t, (int64_t)c->channels[i].buyers);
            answer_share(t, c->channels[i].buyers, c->channels[i].customers);
        }
    }
}

static int by_customers(const void *a, const void *b) {
    const struct path_entry *x = a, *y = b;
    uint64_t all_x = x->conversions + x->misses, all_y = y->conversions + y->misses;
    if (all_x != all_y)
        return all_x < all_y ? 1 : -1;
    return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Customers by exactly which channels they use: what an UpSet diagram shows. */
static void show_overlap(struct run *r, struct answer *answer) {
    struct path_book *sets = &r->counts.sets;
    struct buffer text = {0};
    struct answer_table *t = answer_table(answer, "overlap");
    answer_column(t, "channels", ANSWER_TEXT);
    answer_column(t, "count", ANSWER_INTEGER);
    answer_column(t, "customers", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    if (r->goal != NONE) {
        answer_column(t, "reached_goal", ANSWER_INTEGER);
        answer_column(t, "goal_rate", ANSWER_PERCENT);
    }
    path_book_sort(sets);
    for (size_t i = 0; i < sets->count; i++) /* the place in the order of codes, in `hash`, which is used no more */
        sets->entries[i].hash = i;
    if (sets->count)
        qsort(sets->entries, sets->count, sizeof *sets->entries, by_customers);
    for (size_t i = 0; i < sets->count; i++) {
        const struct path_entry *e = &sets->entries[i];
        buffer_clear(&text);
        for (size_t k = 0; k < e->length; k++)
            buffer_print(&text, "%s%.*s", k ? " + " : "", SLICE_ARG(r->nodes.names[path_codes(sets, e)[k]]));
        answer_text(t, e->length ? buffer_slice(&text) : SLICE("(none)"));
        answer_integer(t, e->length);
        answer_integer(t, (int64_t)(e->conversions + e->misses));
        answer_share(t, e->conversions + e->misses, r->counts.customers);
        if (r->goal != NONE) {
            answer_integer(t, (int64_t)e->conversions);
            answer_share(t, e->conversions, e->conversions + e->misses);
        }
    }
    buffer_release(&text);
}

static uint64_t users_of_both(const struct path_book *sets, uint8_t a, uint8_t b) {
    uint64_t both = 0;
    for (size_t i = 0; i < sets->count; i++) {
        const struct path_entry *e = &sets->entries[i];
        const uint8_t *codes = path_codes(sets, e);
        if (memchr(codes, a, e->length) && memchr(codes, b, e->length))
            both += e->conversions + e->misses;
    }
    return both;
}

static void show_pairs(const struct run *r, struct answer *answer) {
    const struct counts *c = &r->counts;
    struct answer_table *t = answer_table(answer, "pairs");
    answer_column(t, "channel", ANSWER_TEXT);
    answer_column(t, "other", ANSWER_TEXT);
    answer_column(t, "customers_of_both", ANSWER_INTEGER);
    answer_column(t, "share_of_channel", ANSWER_PERCENT);
    answer_column(t, "share_of_either", ANSWER_PERCENT);
    for (uint32_t a = 0; a < r->nodes.count; a++)
        for (uint32_t b = 0; b < r->nodes.count; b++) {
            if (a == b || a == r->goal_code || b == r->goal_code)
                continue;
            uint64_t both = users_of_both(&c->sets, (uint8_t)a, (uint8_t)b);
            answer_text(t, r->nodes.names[a]);
            answer_text(t, r->nodes.names[b]);
            answer_integer(t, (int64_t)both);
            answer_share(t, both, c->channels[a].customers);
            answer_share(t, both, c->channels[a].customers + c->channels[b].customers - both);
        }
}

static struct slice channel_name(const struct run *r, size_t code) {
    return code == NO_CHANNEL ? SLICE("(none)") : r->nodes.names[code];
}

static void show_first_last(const struct run *r, struct answer *answer) {
    struct answer_table *t = answer_table(answer, "first_last");
    answer_column(t, "first", ANSWER_TEXT);
    answer_column(t, "last", ANSWER_TEXT);
    answer_column(t, "goals", ANSWER_INTEGER);
    answer_column(t, "share", ANSWER_PERCENT);
    if (r->valued)
        answer_column(t, "value", ANSWER_MONEY);
    answer_column(t, "mean_time", ANSWER_DURATION);
    for (size_t a = 0; a <= NODES_MAX; a++)
        for (size_t b = 0; b <= NODES_MAX; b++) {
            const struct pair *p = &r->counts.pairs[a][b];
            if (p->goals == 0)
                continue;
            answer_text(t, channel_name(r, a));
            answer_text(t, channel_name(r, b));
            answer_integer(t, (int64_t)p->goals);
            answer_share(t, p->goals, r->counts.goals);
            if (r->valued)
                answer_real(t, ATTRIBUTION_VALUE(p->value));
            answer_real(t, (double)p->ms / (double)p->goals / 1000);
        }
    answer_note(answer, "first_last: the first and the last touch since the goal before; (none): a goal without any");
}

static void show(struct run *r, struct answer *answer) {
    show_channels(r, answer);
    show_overlap(r, answer);
    show_pairs(r, answer);
    path_show_links(&r->counts.flow, r->nodes.names, r->goal != NONE, answer);
    path_show_paths(&r->counts.flow.book, r->nodes.names, (size_t)r->paths_shown, false, answer);
    if (r->goal != NONE)
        show_first_last(r, answer);
    if (r->nodes.missing)
        answer_note(answer, "%llu rows without a channel are left out", (unsigned long long)r->nodes.missing);
    if (r->counts.customers < SAMPLE_SMALL)
        answer_note(answer, "%llu customers are too few to compare channels", (unsigned long long)r->counts.customers);
}

/* The goal is a node of its own, at the end of ways. */
static enum status make_goal(struct run *r, const struct definition_part *d, struct fault *fault) {
    struct slice name = r->goal == NONE ? SLICE_NONE : r->stream.sets[r->goal].name;
    r->goal_code = FLOW_NONE;
    if (r->goal == NONE)
        return STATUS_OK;
    if (r->goal_uses) {
        if (r->nodes.count >= NODES_MAX)
            return definition_fail(d, "channel", fault, "there are more than %d channels", NODES_MAX - 1);
        r->nodes.names[r->nodes.count++] = arena_copy(&r->nodes.arena, name);
        r->goal_code = (uint8_t)(r->nodes.count - 1);
    } else {
        r->goal_code = nodes_code(&r->nodes, name);
    }
    r->settings.end = r->goal_code;
    return STATUS_OK;
}

enum status insight_cross_channel(const struct insight *insight, struct definition_part *d, struct answer *answer,
                                  struct fault *fault) {
    if (apart_asked(d))
        return apart_run(d, insight_cross_channel, answer, fault);
    struct run *r = memory_get(1, sizeof *r);
    r->insight = insight;
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = nodes_find(&r->nodes, &r->stream, (uint32_t)r->most, fault);
    if (!status)
        status = make_goal(r, d, fault);
    if (!status && insight->members)
        status = read_members(r, d, fault);
    if (!status) {
        r->settings.node_count = r->nodes.count ? r->nodes.count : 1;
        flow_init(&r->counts.flow, &r->settings);
        status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    }
    if (!status && r->counts.flow.book.lost)
        status =
            definition_fail(d, "steps", fault,
                            "there are more than %u different paths; fewer steps or channels would do", PATH_BOOK_MAX);
    if (!status) {
        flow_finish(&r->counts.flow);
        path_book_sort(&r->counts.flow.book);
        show(r, answer);
    }
    flow_release(&r->counts.flow);
    path_book_release(&r->counts.sets);
    nodes_release(&r->nodes);
    scan_free(r->scan);
    free(r);
    return status;
}
