/* lift: the analysis: what a message caused, from those it was withheld from: how many more of the reached came to a goal within a time than of
 * the withheld, by channel or campaign. The one figure of these that is about cause, where who is withheld was drawn by lot.
 *
 * A row of `reached` or `withheld` is a trial; it succeeds where a goal lies after it, within `within`. Everything is counts.
 *
 * One person's trials are not independent, so intervals go by customers. With n_i trials and g_i goals (or successes) of customer i in an arm of N
 * trials and mean m, the arm's mean varies by sum (g_i - m n_i)^2 / N^2, and the difference of two arms by sum (a_i - b_i)^2 of what customer i
 * adds to either (Liang and Zeger 1986): sums of squares and products, whole numbers like the rest. Of goals that is the interval. Of
 * rates it is how much more they vary than rates of independent trials would (the design effect, Rao and Scott 1992), by whose root Newcombe's
 * interval is widened and z divided: so small counts and rates near 0 keep an interval that holds for them, and where everybody is in one trial,
 * all is as for independent ones. Never narrower than these: what a few customers show by chance is not to be relied on. */
#include <math.h>
#include <stdlib.h>

#include "insight/apart.h"
#include "insight/insight.h"
#include "insight/nodes.h"
#include "insight/statistics.h"
#include "insight/stream_read.h"

#define SETS_EACH 20
#define ALL NODES_MAX /* the pair of all channels together */
#define NORMAL_95 1.959963984540054

enum { REACHED, WITHHELD, ARMS };

enum { TRIALS, SUCCESSES, GOALS, COUNTS };
struct arm {
    uint64_t of[COUNTS];
};
/* Over customers, one count times another; of an arm with itself, or of the reached's with the withheld's. */
struct products {
    uint64_t of[COUNTS][COUNTS];
};
struct pair {
    struct arm arms[ARMS];
    struct products own[ARMS], cross;
    uint64_t customers;
};
struct asked {
    bool given, any_channel, converted_given, converted;
    unsigned arm;
    struct slice channel;
};
struct run {
    struct scan *scan;
    const struct insight *insight;
    struct stream trials, goals;
    unsigned reached_sets; /* sets before it are of the reached */
    struct nodes nodes;
    int64_t within_ms, most;
    struct asked members;
    uint8_t asked_code;
    struct pair pairs[NODES_MAX + 1];
};
struct worker {
    struct run *run;
    struct stream_part *trials, *goals;
    struct node_codes nodes;
    struct scan_part *part;
    struct pair pairs[NODES_MAX + 1];
    struct arm own[NODES_MAX + 1][ARMS]; /* of the customer in hand */
};

/* --- reading the definition --- */

static enum status read_rows(struct run *r, const struct definition_part *d, const char *key, struct stream *stream,
                             bool channels, struct fault *fault) {
    const struct stream_list list = {.key = key,
                                     .least = 1,
                                     .most = SETS_EACH,
                                     .text = "channel",
                                     .own_only = !channels,
                                     .usual = channels ? SLICE("\"all\"") : SLICE_NONE};
    stream->scan = r->scan;
    return stream_read(stream, d, &list, NULL, fault);
}

/* {"arm": "reached", "channel": "sms", "converted": true}: who has such a trial. */
static enum status read_members(struct run *r, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"arm", "channel", "converted", NULL};
    struct definition_part part;
    struct asked *m = &r->members;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_choice(&part, "arm", "reached|withheld", &m->arm, fault);
    if (!status)
        status = definition_text(&part, "channel", &m->channel, fault);
    if (!status)
        status = definition_flag(&part, "converted", &m->converted, fault);
    m->given = true;
    m->any_channel = !definition_get(&part, "channel");
    m->converted_given = definition_get(&part, "converted") != NULL;
    return status;
}

static enum status read_definition(struct run *r, const struct definition_part *d, struct fault *fault) {
    struct length within = {3, UNIT_DAY};
    r->most = 50;
    enum status status = definition_period(d, &r->trials.period, fault);
    if (!status)
        status = scan_create(d, &r->scan, fault);
    if (!status)
        status = read_rows(r, d, "reached", &r->trials, true, fault);
    r->reached_sets = r->trials.count;
    if (!status)
        status = read_rows(r, d, "withheld", &r->trials, true, fault);
    if (!status)
        status = read_rows(r, d, "goal", &r->goals, false, fault);
    if (!status)
        status = definition_length(d, "within", &within, fault);
    if (!status)
        status = definition_integer(d, "channels", 1, 200, &r->most, fault);
    if (!status && d->insight->members)
        status = read_members(r, d, fault);
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
    for (unsigned i = 0; i < COUNTS; i++)
        a->of[i] += from->of[i];
}

static void add_products(struct products *p, const struct products *from) {
    for (unsigned i = 0; i < COUNTS; i++)
        for (unsigned k = 0; k < COUNTS; k++)
            p->of[i][k] += from->of[i][k];
}

static void add_product(struct products *p, const struct arm *a, const struct arm *b) {
    for (unsigned i = 0; i < COUNTS; i++)
        for (unsigned k = 0; k < COUNTS; k++)
            p->of[i][k] += a->of[i] * b->of[k];
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    struct run *r = context;
    const struct worker *w = state;
    (void)texts;
    for (size_t i = 0; i <= ALL; i++) {
        for (unsigned arm = 0; arm < ARMS; arm++) {
            add_arm(&r->pairs[i].arms[arm], &w->pairs[i].arms[arm]);
            add_products(&r->pairs[i].own[arm], &w->pairs[i].own[arm]);
        }
        add_products(&r->pairs[i].cross, &w->pairs[i].cross);
        r->pairs[i].customers += w->pairs[i].customers;
    }
}

/* What the customer in hand comes to in a channel, which is then empty for the next. */
static void settle(struct worker *w, size_t channel) {
    struct pair *pair = &w->pairs[channel];
    struct arm *own = w->own[channel];
    if (own[REACHED].of[TRIALS] + own[WITHHELD].of[TRIALS] == 0)
        return;
    pair->customers++;
    for (unsigned arm = 0; arm < ARMS; arm++) {
        add_arm(&pair->arms[arm], &own[arm]);
        add_product(&pair->own[arm], &own[arm], &own[arm]);
    }
    add_product(&pair->cross, &own[REACHED], &own[WITHHELD]);
    own[REACHED] = own[WITHHELD] = (struct arm){0};
}

static bool is_asked(const struct run *r, unsigned arm, uint8_t code, bool success) {
    const struct asked *m = &r->members;
    return m->given && m->arm == arm && (m->any_channel || code == r->asked_code) &&
           (!m->converted_given || m->converted == success);
}

static uint64_t goals_after(const struct worker *w, int64_t time, size_t goals) {
    uint64_t within = 0;
    for (size_t g = 0; g < goals; g++)
        within += w->goals->raw[g].time > time && w->goals->raw[g].time <= time + w->run->within_ms;
    return within;
}

static void visit_customer(struct worker *w, uint32_t customer) {
    const struct run *r = w->run;
    size_t trials = stream_gather(w->trials, customer), goals = trials ? stream_gather(w->goals, customer) : 0;
    for (size_t k = 0; k < trials; k++) {
        const struct stream_row *row = &w->trials->raw[k];
        const uint8_t code = node_code(&w->nodes, row->text);
        const unsigned arm = row->set < r->reached_sets ? REACHED : WITHHELD;
        if (code == NODE_NONE)
            continue;
        const uint64_t within = goals_after(w, row->time, goals);
        const struct arm one = {{1, within > 0, within}};
        add_arm(&w->own[code][arm], &one);
        add_arm(&w->own[ALL][arm], &one);
        if (is_asked(r, arm, code, within > 0))
            insight_member(r->insight->members, scan_customer(w->part, customer));
    }
    for (uint32_t i = 0; i < r->nodes.count && trials; i++)
        settle(w, i);
    settle(w, ALL);
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    const struct run *r = w->run;
    w->part = part;
    stream_part_begin(w->trials, part);
    stream_part_begin(w->goals, part);
    if (!w->nodes.bound)
        node_codes_bind(&w->nodes, &r->nodes, part->worker);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1))
        visit_customer(w, i);
}

/* --- showing --- */

/* Of a trial: its rate where `what` is SUCCESSES. */
static double mean(const struct arm *a, unsigned what) {
    return a->of[TRIALS] ? (double)a->of[what] / (double)a->of[TRIALS] : NAN;
}

static double difference(const struct pair *p, unsigned what) {
    return mean(&p->arms[REACHED], what) - mean(&p->arms[WITHHELD], what);
}

/* Sum over customers of (g - m t)(h - n u), of arms with these products, their means m and n, over their trials. */
static double spread(const struct products *p, unsigned what, const struct arm *a, const struct arm *b) {
    const double m = mean(a, what), n = mean(b, what);
    return ((double)p->of[what][what] - n * (double)p->of[what][TRIALS] - m * (double)p->of[TRIALS][what] +
            m * n * (double)p->of[TRIALS][TRIALS]) /
           (double)a->of[TRIALS] / (double)b->of[TRIALS];
}

/* Of the difference of means, squared standard error, by customers. */
static double variance(const struct pair *p, unsigned what) {
    const struct arm *a = &p->arms[REACHED], *b = &p->arms[WITHHELD];
    const double sum = spread(&p->own[REACHED], what, a, a) + spread(&p->own[WITHHELD], what, b, b) -
                       2 * spread(&p->cross, what, a, b);
    const double few = p->customers > 1 ? (double)p->customers / (double)(p->customers - 1) : NAN;
    return sum > 0 ? sum * few : 0;
}

/* How many times as much the difference of rates varies as that of independent trials; at least 1. */
static double design_effect(const struct pair *p) {
    double independent = 0;
    uint64_t trials = 0;
    for (unsigned arm = 0; arm < ARMS; arm++) {
        const double rate = mean(&p->arms[arm], SUCCESSES);
        trials += p->arms[arm].of[TRIALS];
        independent += rate * (1 - rate) / (double)p->arms[arm].of[TRIALS];
    }
    if (trials == p->customers || !(independent > 0))
        return 1;
    return fmax(1, variance(p, SUCCESSES) / independent);
}

/* Newcombe's interval of a difference of shares, from Wilson's of each (1998, method 10), widened. */
static struct interval interval_of(const struct pair *p) {
    const struct arm *reached = &p->arms[REACHED], *withheld = &p->arms[WITHHELD];
    const struct interval a = share_interval(reached->of[SUCCESSES], reached->of[TRIALS]),
                          b = share_interval(withheld->of[SUCCESSES], withheld->of[TRIALS]);
    const double x = mean(reached, SUCCESSES), y = mean(withheld, SUCCESSES), wider = sqrt(design_effect(p));
    return (struct interval){fmax(-1, x - y - wider * hypot(x - a.low, b.high - y)),
                             fmin(1, x - y + wider * hypot(a.high - x, y - b.low))};
}

static void show_pair(struct answer_table *t, struct slice name, const struct pair *p, double adjusted) {
    const struct interval d = interval_of(p);
    double reached = (double)p->arms[REACHED].of[TRIALS], lift = difference(p, SUCCESSES), goals = difference(p, GOALS),
           error = sqrt(variance(p, GOALS));
    answer_text(t, name);
    for (unsigned arm = 0; arm < ARMS; arm++) {
        answer_integer(t, (int64_t)p->arms[arm].of[TRIALS]);
        answer_share(t, p->arms[arm].of[SUCCESSES], p->arms[arm].of[TRIALS]);
    }
    answer_real(t, lift);
    answer_real(t, d.low);
    answer_real(t, d.high);
    answer_real(t, adjusted);
    answer_real(t, lift * reached);
    answer_real(t, goals * reached);
    answer_real(t, goals);
    answer_real(t, goals - NORMAL_95 * error);
    answer_real(t, goals + NORMAL_95 * error);
}

static double differ(const struct pair *p) {
    const struct arm *a = &p->arms[REACHED], *b = &p->arms[WITHHELD];
    double z;
    const double alone = shares_differ(a->of[SUCCESSES], a->of[TRIALS], b->of[SUCCESSES], b->of[TRIALS], &z);
    const double effect = design_effect(p);
    return effect > 1 ? normal_two_sided(z / sqrt(effect)) : alone;
}

static struct answer_table *begin_table(struct answer *answer) {
    static const struct {
        const char *name;
        enum answer_type type;
    } columns[] = {{"channel", ANSWER_TEXT},     {"reached", ANSWER_INTEGER},       {"rate_reached", ANSWER_PERCENT},
                   {"withheld", ANSWER_INTEGER}, {"rate_withheld", ANSWER_PERCENT}, {"lift", ANSWER_PERCENT},
                   {"low", ANSWER_PERCENT},      {"high", ANSWER_PERCENT},          {"p", ANSWER_NUMBER},
                   {"caused", ANSWER_NUMBER},    {"goals_caused", ANSWER_NUMBER},   {"goals_each", ANSWER_NUMBER},
                   {"goals_low", ANSWER_NUMBER}, {"goals_high", ANSWER_NUMBER}};
    struct answer_table *t = answer_table(answer, "lift");
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++)
        answer_column(t, columns[i].name, columns[i].type);
    return t;
}

static void show(const struct run *r, struct answer *answer) {
    struct answer_table *t = begin_table(answer);
    double p[NODES_MAX] = {0};
    unsigned small = 0;
    for (uint32_t i = 0; i < r->nodes.count; i++) {
        const struct arm *arms = r->pairs[i].arms;
        p[i] = differ(&r->pairs[i]);
        small += arms[REACHED].of[TRIALS] < SAMPLE_SMALL || arms[WITHHELD].of[TRIALS] < SAMPLE_SMALL;
    }
    holm_adjust(p, r->nodes.count);
    for (uint32_t i = 0; i < r->nodes.count; i++)
        show_pair(t, r->nodes.names[i], &r->pairs[i], p[i]);
    if (r->nodes.count > 1)
        show_pair(t, SLICE("(all)"), &r->pairs[ALL], differ(&r->pairs[ALL]));
    answer_note(
        answer,
        "lift: rate of the reached less rate of the withheld, with Newcombe's 95 %% interval; p of the "
        "two-proportion z test, corrected by Holm for %u channels. Both allow for several messages to one person",
        r->nodes.count);
    answer_note(answer, "goals_each: goals for each of the reached less for each of the withheld; its 95 %% interval "
                        "goes by customers. Either is what the message caused only where lots decided who was "
                        "withheld, and only what came within the time");
    if (small)
        answer_note(answer, "%u of %u channels have fewer than %d reached or withheld: their lift may be chance", small,
                    r->nodes.count, SAMPLE_SMALL);
}

/* The channel that members are asked of. */
static enum status find_asked(struct run *r, const struct definition_part *d, struct fault *fault) {
    if (!r->members.given || r->members.any_channel)
        return STATUS_OK;
    return nodes_named(&r->nodes, d, "members.channel", r->members.channel, &r->asked_code, fault);
}

enum status insight_lift(const struct insight *insight, struct definition_part *d, struct answer *answer,
                         struct fault *fault) {
    if (apart_asked(d))
        return apart_run(d, insight_lift, answer, fault);
    struct run *r = memory_get(1, sizeof *r);
    r->insight = insight;
    enum status status = read_definition(r, d, fault);
    if (!status)
        status = nodes_find(&r->nodes, &r->trials, (uint32_t)r->most, fault);
    if (!status)
        status = find_asked(r, d, fault);
    if (!status)
        status = scan_run(r->scan, &(struct scan_work){r, begin, visit, merge, end}, fault);
    if (!status)
        show(r, answer);
    nodes_release(&r->nodes);
    scan_free(r->scan);
    free(r);
    return status;
}
