/* lift: the analysis: what a message caused, from those it was withheld from: how many more of the reached came to a goal within a time than of
 * the withheld, by channel or campaign. The one figure of these that is about cause, where who is withheld was drawn by lot.
 *
 * A row of `reached` or `withheld` is a trial; it succeeds where a goal lies after it, within `within`. Everything is counts. */
#include <math.h>
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/insight.h"
#include "insight/nodes.h"
#include "insight/statistics.h"

#define SETS_EACH 20

struct arm {
    uint64_t trials, successes, goals;
};
struct pair {
    struct arm reached, withheld;
};
struct run {
    struct scan *scan;
    struct stream trials, goals;
    unsigned reached_sets; /* sets before it are of the reached */
    struct nodes nodes;
    int64_t within_ms, most;
    struct pair pairs[NODES_MAX];
};
struct worker {
    struct run *run;
    struct stream_part *trials, *goals;
    struct node_codes nodes;
    struct pair pairs[NODES_MAX];
};

/* --- reading the definition --- */

static enum status read_rows(struct run *r, const struct definition_part *d, const char *key, struct stream *stream,
                             struct slice channel, struct fault *fault) {
    static const char *const known[] = {"event", "name", "channel", NULL};
    struct definition_rows *rows;
    size_t count;
    enum status status = definition_rows(d, key, 1, SETS_EACH, &rows, &count, fault);
    stream->scan = r->scan;
    for (size_t i = 0; i < count && !status; i++) {
        struct slice of = channel;
        struct definition_part part;
        if (rows[i].json) {
            status = definition_enter(d, key, rows[i].json, count > 1 ? i : SIZE_MAX, &part, fault);
            if (!status)
                status = definition_only(&part, known, fault);
            of = !status && definition_get(&part, "name") ? SLICE_NONE : of;
            if (!status)
                status = definition_text(&part, "channel", &of, fault);
        }
        if (!status)
            status = stream_add(stream, &rows[i], of, rows[i].path, NULL, fault);
    }
    return status;
}

static enum status read_definition(struct run *r, const struct definition_part *d, struct fault *fault) {
    struct length within = {3, UNIT_DAY};
    struct slice channel = SLICE("\"all\"");
    r->most = 50;
    enum status status = definition_period(d, &r->trials.period, fault);
    if (!status)
        status = scan_create(d, &r->scan, fault);
    if (!status)
        status = definition_text(d, "channel", &channel, fault);
    if (!status)
        status = read_rows(r, d, "reached", &r->trials, channel, fault);
    r->reached_sets = r->trials.count;
    if (!status)
        status = read_rows(r, d, "withheld", &r->trials, channel, fault);
    if (!status)
        status = read_rows(r, d, "goal", &r->goals, SLICE_NONE, fault);
    if (!status)
        status = definition_length(d, "within", &within, fault);
    if (!status)
        status = definition_integer(d, "channels", 1, 200, &r->most, fault);
    r->goals.period = (struct period){INT64_MIN, INT64_MAX};
    r->within_ms = length_ms(within);
    return status;
}

/* --- counting --- */

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->run = context;
    w->trials = stream_part_create(&w->run->trials);
    w->goals = stream_part_create(&w->run->goals);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->trials);
    stream_part_free(w->goals);
    node_codes_release(&w->nodes);
    free(w);
}

static void add_arm(struct arm *a, const struct arm *from) {
    a->trials += from->trials;
    a->successes += from->successes;
    a->goals += from->goals;
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct run *r = context;
    const struct worker *w = state;
    (void)texts;
    for (size_t i = 0; i < NODES_MAX; i++) {
        add_arm(&r->pairs[i].reached, &w->pairs[i].reached);
        add_arm(&r->pairs[i].withheld, &w->pairs[i].withheld);
    }
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct run *r = w->run;
    stream_part_begin(w->trials, part);
    stream_part_begin(w->goals, part);
    if (!w->nodes.bound)
        node_codes_bind(&w->nodes, &r->nodes, part->worker);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        size_t trials = stream_gather(w->trials, i), goals = trials ? stream_gather(w->goals, i) : 0;
        for (size_t k = 0; k < trials; k++) {
            const struct stream_row *row = &w->trials->raw[k];
            uint8_t code = node_code(&w->nodes, row->text);
            uint64_t within = 0;
            if (code == NODE_NONE)
                continue;
            for (size_t g = 0; g < goals; g++)
                within += w->goals->raw[g].time > row->time && w->goals->raw[g].time <= row->time + r->within_ms;
            struct pair *pair = &w->pairs[code];
            add_arm(row->set < r->reached_sets ? &pair->reached : &pair->withheld,
                    &(struct arm){1, within > 0, within});
        }
    }
}

/* --- showing --- */

static double rate(const struct arm *a) { return a->trials ? (double)a->successes / (double)a->trials : NAN; }

/* Newcombe's interval of a difference of shares, from Wilson's of each (1998, method 10). */
static struct interval difference(const struct pair *p) {
    const struct interval a = share_interval(p->reached.successes, p->reached.trials),
                          b = share_interval(p->withheld.successes, p->withheld.trials);
    double x = rate(&p->reached), y = rate(&p->withheld);
    return (struct interval){x - y - sqrt((x - a.low) * (x - a.low) + (b.high - y) * (b.high - y)),
                             x - y + sqrt((a.high - x) * (a.high - x) + (y - b.low) * (y - b.low))};
}

static void show_pair(struct answer_table *t, struct slice name, const struct pair *p, double adjusted) {
    const struct interval d = difference(p);
    double reached = (double)p->reached.trials, lift = rate(&p->reached) - rate(&p->withheld);
    answer_text(t, name);
    answer_integer(t, (int64_t)p->reached.trials);
    answer_share(t, p->reached.successes, p->reached.trials);
    answer_integer(t, (int64_t)p->withheld.trials);
    answer_share(t, p->withheld.successes, p->withheld.trials);
    answer_real(t, lift);
    answer_real(t, d.low);
    answer_real(t, d.high);
    answer_real(t, adjusted);
    answer_real(t, lift * reached);
    answer_real(t, p->withheld.trials
                       ? (double)p->reached.goals - (double)p->withheld.goals / (double)p->withheld.trials * reached
                       : NAN);
}

static void show(const struct run *r, struct answer *answer) {
    static const char *const names[] = {"channel",     "reached", "rate_reached", "withheld", "rate_withheld",
                                        "lift",        "low",     "high",         "p",        "caused",
                                        "goals_caused"};
    static const enum answer_type types[] = {ANSWER_TEXT,    ANSWER_INTEGER, ANSWER_PERCENT, ANSWER_INTEGER,
                                             ANSWER_PERCENT, ANSWER_PERCENT, ANSWER_PERCENT, ANSWER_PERCENT,
                                             ANSWER_NUMBER,  ANSWER_NUMBER,  ANSWER_NUMBER};
    struct answer_table *t = answer_table(answer, "lift");
    struct pair all = {{0}, {0}};
    double p[NODES_MAX] = {0}, whole;
    unsigned small = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        answer_column(t, names[i], types[i]);
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        const struct pair *of = &r->pairs[i];
        p[i] =
            shares_differ(of->reached.successes, of->reached.trials, of->withheld.successes, of->withheld.trials, NULL);
        small += of->reached.trials < SAMPLE_SMALL || of->withheld.trials < SAMPLE_SMALL;
        add_arm(&all.reached, &of->reached);
        add_arm(&all.withheld, &of->withheld);
    }
    holm_adjust(p, r->nodes.count);
    for (uint32_t i = 0; i < r->nodes.count; i++)
        show_pair(t, r->nodes.names[i], &r->pairs[i], p[i]);
    whole = shares_differ(all.reached.successes, all.reached.trials, all.withheld.successes, all.withheld.trials, NULL);
    if (r->nodes.count > 1)
        show_pair(t, SLICE("(all)"), &all, whole);
    answer_note(
        answer,
        "lift: rate of the reached less rate of the withheld, with Newcombe's 95 %% interval; p of the two-proportion "
        "z test, corrected by Holm for %u channels. It is what the message caused only where lots decided who was "
        "withheld; people with several messages are several trials, so intervals are somewhat too narrow",
        r->nodes.count);
    if (small)
        answer_note(answer, "%u of %u channels have fewer than %d reached or withheld: their lift may be chance", small,
                    r->nodes.count, SAMPLE_SMALL);
}

enum status insight_lift(const struct insight *insight, struct definition_part *d, struct answer *answer,
                         struct fault *fault) {
    (void)insight;
    if (apart_asked(d))
        return apart_run(d, insight_lift, answer, fault);
    struct run *r = memory_get(1, sizeof *r);
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = nodes_find(&r->nodes, &r->trials, (uint32_t)r->most, fault);
    if (!status)
        status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    if (!status)
        show(r, answer);
    nodes_release(&r->nodes);
    scan_free(r->scan);
    free(r);
    return status;
}
