/* path_members: see the header. */
#include "insight/path_members.h"

#include <stdlib.h>

/* --- what is asked --- */

static enum status read_name(const struct definition_part *m, const struct nodes *nodes, const char *key, uint8_t *code,
                             struct fault *fault) {
    struct slice name = SLICE_NONE;
    enum status status = definition_text(m, key, &name, fault);
    *code = FLOW_NONE;
    return status || !definition_get(m, key) ? status : nodes_named(nodes, m, key, name, code, fault);
}

static enum status read_way(const struct definition_part *m, const struct nodes *nodes, struct flow_asked *asked,
                            struct fault *fault) {
    struct slice *names;
    enum status status = definition_texts(m, "path", FLOW_STEPS_MAX, &names, &asked->length, fault);
    for (size_t i = 0; i < asked->length && !status; i++)
        status = nodes_named(nodes, m, "path", names[i], &asked->way[i], fault);
    return status;
}

/* As shown: 1 is the first; where steps go back from the end, that is 0 and -1 comes before it. */
static enum status read_step(const struct definition_part *m, const struct flow_settings *s, struct flow_asked *asked,
                             struct fault *fault) {
    const bool backwards = s->end != FLOW_NONE && s->start == FLOW_NONE;
    const int64_t steps = s->steps, low = backwards ? 1 - steps : 1, high = backwards ? 0 : steps;
    int64_t step = low;
    enum status status = definition_integer(m, "step", low, high, &step, fault);
    asked->any_step = !definition_get(m, "step");
    asked->step = (uint32_t)(step - low);
    return status;
}

enum status flow_asked_read(const struct definition_part *m, const struct nodes *nodes, const struct flow_settings *s,
                            struct flow_asked *asked, struct fault *fault) {
    *asked = (struct flow_asked){0};
    enum status status = read_name(m, nodes, "node", &asked->node, fault);
    if (!status)
        status = read_name(m, nodes, "source", &asked->source, fault);
    if (!status)
        status = read_name(m, nodes, "target", &asked->target, fault);
    if (!status)
        status = read_way(m, nodes, asked, fault);
    if (!status)
        status = read_step(m, s, asked, fault);
    if (!status)
        status = definition_flag(m, "drop", &asked->drop, fault);
    if (status)
        return status;
    const bool node = asked->node != FLOW_NONE, link = asked->source != FLOW_NONE || asked->target != FLOW_NONE,
               way = asked->length > 0;
    asked->said = node || link || way;
    if (node + link + way > 1)
        return definition_fail(m, NULL, fault, "either a \"node\", or \"source\" and \"target\", or a \"path\"");
    if (asked->drop && !node)
        return definition_fail(m, "drop", fault, "is about a \"node\": who went no further from it");
    if (!asked->any_step && !node && !link)
        return definition_fail(m, "step", fault, "is about a \"node\", or \"source\" and \"target\"");
    return STATUS_OK;
}

/* --- a customer --- */

static bool link_asked(const struct flow_asked *a, uint8_t source, uint8_t target) {
    return (a->source == FLOW_NONE || source == a->source) && (a->target == FLOW_NONE || target == a->target);
}

static bool node_is(const struct flow_asked *a, const struct flow_path *p, const uint8_t *codes, size_t count) {
    const size_t from = a->any_step ? 0 : p->from, end = a->any_step ? count : p->end;
    for (size_t i = from; i < end; i++)
        if (codes[i] == a->node && (a->any_step || p->step + (i - p->from) == a->step) && (!a->drop || i + 1 == end))
            return true;
    return false;
}

static bool way_is(const struct flow_asked *a, const struct flow_path *p, const uint8_t *codes) {
    return p->end - p->from == a->length && memcmp(codes + p->from, a->way, a->length) == 0;
}

/* Of a session's visits. */
static bool session_is(const struct flow_settings *s, const struct flow_asked *a, const uint8_t *codes, size_t count) {
    const struct flow_path p = flow_path_of(s, codes, count);
    const bool converted = s->goal != FLOW_NONE && memchr(codes, s->goal, count) != NULL;
    if (!p.counted || (a->by_goal && converted != a->converted))
        return false;
    if (a->node != FLOW_NONE)
        return node_is(a, &p, codes, count);
    if (a->length)
        return way_is(a, &p, codes);
    if (a->source == FLOW_NONE && a->target == FLOW_NONE)
        return true;
    for (size_t i = p.from; i + 1 < p.end; i++)
        if (link_asked(a, codes[i], codes[i + 1]) && (a->any_step || p.step + (i - p.from) == a->step))
            return true;
    return false;
}

bool flow_asked_of(const struct flow_settings *s, const struct flow_asked *asked, const int64_t *times,
                   const uint8_t *codes, size_t count, uint8_t *room) {
    size_t visits = 0;
    for (size_t i = 0; i < count; i++) {
        const bool begins = i == 0 || (s->gap_ms && times[i] - times[i - 1] > s->gap_ms);
        if (begins && visits && session_is(s, asked, room, visits))
            return true;
        visits = begins ? 0 : visits;
        if (begins || !s->collapse || codes[i] != codes[i - 1])
            room[visits++] = codes[i];
    }
    return visits && session_is(s, asked, room, visits);
}

/* --- the pass --- */

struct members {
    const struct insight *insight;
    struct stream *stream;
    const struct nodes *nodes;
    const struct flow_settings *settings;
    struct flow_asked asked;
};
struct worker {
    const struct members *of;
    struct stream_part *rows;
    struct node_codes nodes;
    uint8_t *codes, *visits;
    int64_t *times;
    size_t room;
};

static void *begin(void *context) {
    struct worker *w = memory_get(1, sizeof *w);
    w->of = context;
    w->rows = stream_part_create(w->of->stream);
    return w;
}

static void end(void *state) {
    struct worker *w = state;
    stream_part_free(w->rows);
    node_codes_release(&w->nodes);
    free(w->codes);
    free(w->visits);
    free(w->times);
    free(w);
}

static void merge(void *context, void *state, struct scan_worker *texts) {
    (void)context;
    (void)state;
    (void)texts;
}

static bool is_member(struct worker *w, uint32_t customer) {
    const size_t rows = stream_customer(w->rows, customer);
    size_t count = 0;
    if (rows > w->room) {
        w->room = 2 * rows;
        w->codes = memory_resize(w->codes, w->room, 1);
        w->visits = memory_resize(w->visits, w->room, 1);
        w->times = memory_resize(w->times, w->room, sizeof *w->times);
    }
    for (size_t i = 0; i < rows; i++) {
        const uint8_t code = node_code(&w->nodes, w->rows->rows[i].text);
        if (code == NODE_NONE)
            continue;
        w->codes[count] = code;
        w->times[count++] = w->rows->rows[i].time;
    }
    return flow_asked_of(w->of->settings, &w->of->asked, w->times, w->codes, count, w->visits);
}

static void visit(void *state, struct scan_part *part) {
    struct worker *w = state;
    stream_part_begin(w->rows, part);
    if (!w->nodes.bound)
        node_codes_bind(&w->nodes, w->of->nodes, part->worker);
    for (uint32_t i = scan_next(part, 0); i < part->count; i = scan_next(part, i + 1))
        if (is_member(w, i))
            insight_member(w->of->insight->members, scan_customer(part, i));
}

static enum status read_goal(const struct definition_part *part, struct members *m, struct fault *fault) {
    enum status status = definition_flag(part, "converted", &m->asked.converted, fault);
    m->asked.by_goal = definition_get(part, "converted") != NULL;
    if (!status && m->asked.by_goal && m->settings->goal == FLOW_NONE)
        return definition_fail(part, "converted", fault, "there is no \"goal\" in the definition");
    if (!status && !m->asked.by_goal && !m->asked.said)
        return definition_fail(part, NULL, fault,
                               "say whom: {\"node\": \"/pay\", \"step\": 2, \"drop\": true}, {\"source\": "
                               "\"/cart\", \"target\": \"/pay\"}, {\"path\": [\"/cart\", \"/pay\"]}, or "
                               "\"converted\"");
    return status;
}

enum status path_members(const struct definition_part *d, struct stream *stream, const struct nodes *nodes,
                         const struct flow_settings *settings, struct fault *fault) {
    static const char *const known[] = {FLOW_ASKED_NAMES, "converted", NULL};
    struct members m = {.insight = d->insight, .stream = stream, .nodes = nodes, .settings = settings};
    struct definition_part part;
    enum status status = insight_members_read(d, known, &part, fault);
    if (!status)
        status = flow_asked_read(&part, nodes, settings, &m.asked, fault);
    if (!status)
        status = read_goal(&part, &m, fault);
    return status ? status : scan_run(stream->scan, &(struct scan_work){&m, begin, visit, merge, end}, fault);
}
