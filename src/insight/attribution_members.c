/* attribution_members: see the header. */
#include "insight/attribution_members.h"

#include <stdlib.h>

enum touch { TOUCH_ANY, TOUCH_FIRST, TOUCH_LAST };

struct members {
    const struct insight *insight;
    struct scan *scan;
    const struct stream *touches, *conversions;
    const struct attribution_rule *rule;
    bool converted;
    struct slice channel;
    unsigned touch;
    struct slice *path;
    size_t length; /* 0: a channel, or anybody */
};
struct worker {
    const struct members *of;
    struct stream_part *touches, *conversions;
    uint32_t channel, *path; /* the worker's numbers of texts */
};

/* --- what is asked --- */

static enum status read_members(struct members *m, const struct definition_part *d, struct fault *fault) {
    static const char *const known[] = {"channel", "touch", "path", "converted", NULL};
    struct definition_part part;
    m->converted = true;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = definition_text(&part, "channel", &m->channel, fault);
    if (!status)
        status = definition_choice(&part, "touch", "any|first|last", &m->touch, fault);
    if (!status)
        status = definition_texts(&part, "path", ATTRIBUTION_TOUCHES_MAX, &m->path, &m->length, fault);
    if (!status)
        status = definition_flag(&part, "converted", &m->converted, fault);
    if (status)
        return status;
    if (m->length && m->channel.size)
        return definition_fail(&part, NULL, fault, "either a \"channel\" or a \"path\"");
    if (m->touch != TOUCH_ANY && m->channel.size == 0)
        return definition_fail(&part, "touch", fault, "is about a \"channel\"");
    if (!m->length && m->channel.size == 0 && !definition_get(&part, "converted"))
        return definition_fail(&part, NULL, fault,
                               "say whom: {\"channel\": \"sms\", \"touch\": \"last\"}, {\"path\": [\"ads\", \"sms\"]}, "
                               "or \"converted\"");
    return STATUS_OK;
}

/* --- a customer --- */

static bool by_channel(const struct worker *w, const struct stream_row *touches, size_t count) {
    const struct members *m = w->of;
    if (m->touch == TOUCH_FIRST)
        return touches[0].text == w->channel;
    if (m->touch == TOUCH_LAST)
        return touches[count - 1].text == w->channel;
    for (size_t i = 0; i < count; i++)
        if (touches[i].text == w->channel)
            return true;
    return false;
}

/* From the latest, of which as many count as a path may have. */
static bool by_path(const struct worker *w, const struct stream_row *touches, size_t count) {
    const struct members *m = w->of;
    size_t left = m->length;
    for (size_t i = count; i-- > 0;) {
        if (m->rule->collapse && i + 1 < count && touches[i].text == touches[i + 1].text)
            continue;
        if (left == 0)
            return m->length == ATTRIBUTION_TOUCHES_MAX;
        if (touches[i].text != w->path[--left])
            return false;
    }
    return left == 0;
}

/* Of touches [from, end). */
static bool path_is(const struct worker *w, const struct stream_row *touches, size_t from, size_t end) {
    const struct members *m = w->of;
    if (from == end)
        return false;
    if (m->length)
        return by_path(w, touches + from, end - from);
    return m->channel.size == 0 || by_channel(w, touches + from, end - from);
}

/* The first row at or after `time`, from `at` on. */
static size_t row_from(const struct stream_row *rows, size_t at, size_t count, int64_t time) {
    while (at < count && rows[at].time < time)
        at++;
    return at;
}

/* Rows that have a channel stay. */
static size_t keep_named(struct stream_row *rows, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (rows[i].text)
            rows[kept++] = rows[i];
    return kept;
}

/* Touches behind those of conversions before number `conversion`, where conversions cut. */
static size_t cut_at(const struct attribution_rule *rule, const struct stream_row *touches, size_t count,
                     const struct stream_row *conversions, size_t conversion) {
    return rule->cut && conversion ? row_from(touches, 0, count, conversions[conversion - 1].time + 1) : 0;
}

static bool is_member(const struct worker *w, const struct stream_row *touches, size_t count,
                      const struct stream_row *conversions, size_t conversion_count) {
    const struct attribution_rule *rule = w->of->rule;
    size_t first = row_from(conversions, 0, conversion_count, rule->counted_from), last = conversion_count;
    if (first < last && rule->repeat == ATTRIBUTION_FIRST)
        last = first + 1;
    if (first < last && rule->repeat == ATTRIBUTION_LAST)
        first = last - 1;
    for (size_t i = first; i < last && w->of->converted; i++) {
        size_t from = cut_at(rule, touches, count, conversions, i);
        from = row_from(touches, from, count, conversions[i].time - rule->look_back_ms);
        if (path_is(w, touches, from, row_from(touches, from, count, conversions[i].time + 1)))
            return true;
    }
    if (w->of->converted || count == 0 || touches[count - 1].time < rule->counted_from ||
        (first < last && (!rule->cut || rule->repeat == ATTRIBUTION_FIRST)))
        return false;
    size_t from = cut_at(rule, touches, count, conversions, last);
    return path_is(w, touches, row_from(touches, from, count, touches[count - 1].time - rule->look_back_ms), count);
}

/* --- the pass --- */

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->of = context;
    w->touches = stream_part_create(w->of->touches);
    w->conversions = stream_part_create(w->of->conversions);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->touches);
    stream_part_free(w->conversions);
    free(w->path);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    (void)context;
    (void)state;
    (void)texts;
}

static void know_texts(struct worker *w, struct scan_worker *texts) {
    if (w->path)
        return;
    w->channel = scan_text_add(texts, w->of->channel);
    w->path = memory_get(w->of->length + 1, sizeof *w->path);
    for (size_t i = 0; i < w->of->length; i++)
        w->path[i] = scan_text_add(texts, w->of->path[i]);
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    stream_part_begin(w->touches, part);
    stream_part_begin(w->conversions, part);
    know_texts(w, part->worker);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1)) {
        const size_t conversions = stream_customer(w->conversions, i);
        if (w->of->converted && conversions == 0)
            continue;
        size_t touches = stream_customer(w->touches, i); /* before its rows: they may move */
        touches = keep_named(w->touches->rows, touches);
        if (is_member(w, w->touches->rows, touches, w->conversions->rows, conversions))
            insight_member(w->of->insight->members, scan_customer(part, i));
    }
}

enum status attribution_members(const struct definition_part *d, struct scan *scan, const struct stream *touches,
                                const struct stream *conversions, const struct attribution_rule *rule,
                                struct fault *fault) {
    struct members m = {
        .insight = d->insight, .scan = scan, .touches = touches, .conversions = conversions, .rule = rule};
    enum status status = read_members(&m, d, fault);
    return status ? status : scan_run(scan, &(struct scan_work){&m, begin, visit, merge, end}, fault);
}
