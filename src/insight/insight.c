/* insight: the table of analyses, and what is the same for all of them: reading the common members, refusing unknown ones. */
#include "insight/insight.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "language/suggest.h"
#include "language/time_window.h"

#define ANALYSIS(name, function, ...) insight_function function;
#include "insight/insight.def"

#define P(name, type, fallback, en, zh) {name, type, fallback, en, zh},
#define PARAMETERS(...)                                                                                                \
    (const struct insight_parameter[]) {                                                                               \
        __VA_ARGS__ { 0 }                                                                                              \
    }
#define ANALYSIS(name, function, en, zh, parameters, example) {#name, function, en, zh, parameters, example},
const struct insight_kind insight_kinds[] = {
#include "insight/insight.def"
};
const size_t insight_kind_count = sizeof insight_kinds / sizeof *insight_kinds;

#define COMMON(...) P(__VA_ARGS__)
const struct insight_parameter insight_common[] = {
#include "insight/insight.def"
    {0}};

#define PARAMETERS_MAX 60
#define MEMBERS_MAX 12

const struct insight_kind *insight_find(struct slice name) {
    for (size_t i = 0; i < insight_kind_count; i++)
        if (slice_is(name, insight_kinds[i].name))
            return &insight_kinds[i];
    return NULL;
}

enum status insight_unknown(struct slice name, struct fault *fault) {
    struct suggestion s = suggestion_of(name);
    struct buffer all = {0};
    for (size_t i = 0; i < insight_kind_count; i++) {
        suggestion_offer(&s, slice_text(insight_kinds[i].name));
        buffer_print(&all, "%s%s", i ? ", " : "", insight_kinds[i].name);
    }
    struct slice shown = name.size > 60 ? slice_of(name.data, 60) : name;
    enum status status =
        s.best.size ? fault_set(fault, STATUS_NOT_FOUND, "there is no analysis \"%.*s\"; did you mean \"%.*s\"?",
                                SLICE_ARG(shown), SLICE_ARG(s.best))
                    : fault_set(fault, STATUS_NOT_FOUND, "there is no analysis \"%.*s\"; there are %.*s",
                                SLICE_ARG(shown), SLICE_ARG(buffer_slice(&all)));
    buffer_release(&all);
    return status;
}

struct calendar insight_calendar(const struct insight *insight) {
    const struct vocabulary *v = insight->vocabulary;
    return (struct calendar){v->zone ? v->zone : zone_utc(), v->week_start ? v->week_start : 1};
}

uint32_t insight_span_count(const struct insight *insight) {
    struct identity_counters counters;
    identity_counters_read(insight->outside.identity, &counters);
    return (uint32_t)(counters.created / SPAN_CUSTOMERS) + 1;
}

/* --- members --- */

void insight_member(struct insight_members *members, struct customer_id customer) {
    uint32_t span = customer.number / SPAN_CUSTOMERS, i = customer.number % SPAN_CUSTOMERS;
    if (span < members->span_count)
        members->bits[span][i / 64] |= UINT64_C(1) << (i % 64);
}

enum status insight_members_read(const struct definition_part *d, const char *const *known,
                                 struct definition_part *part, struct fault *fault) {
    struct insight_members *m = d->insight->members;
    m->taken = true;
    enum status status =
        definition_enter(d, "members", m->which ? m->which : definition_get(d, "members"), SIZE_MAX, part, fault);
    if (status || !json_get(d->parser, d->object, "split"))
        return status ? status : definition_only(part, known, fault);
    const char *with_group[MEMBERS_MAX + 2] = {"group"}; /* apart.h */
    for (size_t i = 0; known[i]; i++) {
        assert(i < MEMBERS_MAX);
        with_group[i + 1] = known[i];
    }
    return definition_only(part, with_group, fault);
}

void insight_members_release(struct insight_members *members) {
    free(members->bits);
    buffer_release(&members->expression);
    members->bits = NULL;
}

static void begin_members(const struct insight *insight) {
    struct insight_members *m = insight->members;
    m->span_count = insight_span_count(insight);
    m->bits = memory_get(m->span_count, sizeof *m->bits);
    m->count = 0;
    buffer_clear(&m->expression);
    m->taken = false;
}

static void count_members(struct insight_members *m) {
    for (uint32_t span = 0; span < m->span_count; span++)
        for (uint32_t w = 0; w < SPAN_CUSTOMERS / 64; w++)
            m->count += (uint64_t)__builtin_popcountll(m->bits[span][w]);
}

/* --- running --- */

static size_t add_names(const struct insight_parameter *parameters, char (*room)[32], const char **names,
                        size_t count) {
    for (; parameters->name; parameters++, count++) {
        assert(count < PARAMETERS_MAX);
        (void)snprintf(room[count], sizeof room[count], "%s", parameters->name);
        size_t size = strlen(room[count]);
        if (size && room[count][size - 1] == '!')
            room[count][size - 1] = 0;
        names[count] = room[count];
    }
    return count;
}

static enum status check_members(const struct insight_kind *kind, const struct definition_part *d,
                                 struct fault *fault) {
    char room[PARAMETERS_MAX][32];
    const char *names[PARAMETERS_MAX + 1];
    size_t count = add_names(kind->parameters, room, names, 0);
    count = add_names(insight_common, room, names, count);
    names[count] = NULL;
    return definition_only(d, names, fault);
}

enum status insight_run(const struct insight *insight, const struct insight_kind *kind,
                        const struct json_parser *parser, const struct json *definition, struct answer *answer,
                        struct fault *fault) {
    struct insight of = *insight;
    struct arena arena = {0};
    struct definition_part d = {.insight = &of, .parser = parser, .object = definition, .arena = &arena};
    if (definition == NULL || definition->kind != JSON_OBJECT)
        return fault_set(fault, STATUS_INVALID, "a definition is a JSON object, such as %s", kind->example);
    of.workers = of.workers ? of.workers : 1;
    enum status status = check_members(kind, &d, fault);
    if (!status)
        status = definition_moment(&d, "now", &of.now_ms, fault);
    if (!status) {
        if (of.members)
            begin_members(&of);
        status = kind->run(&of, &d, answer, fault);
    }
    if (of.check_only && status == STATUS_END)
        status = STATUS_OK; /* of scan_run: everything was read */
    if (!status && of.members) {
        if (!of.members->taken)
            status = fault_set(fault, STATUS_UNSUPPORTED, "an analysis of kind %s names no customers", kind->name);
        count_members(of.members);
    }
    arena_release(&arena);
    return status;
}
