/* insight: analyses over everybody's histories: funnel, retention, trends, ... (docs/insight.md).
 *
 * An analysis is a row of insight.def: a function from a definition (JSON) to an answer (tables, answer.h). All of them take a population (any
 * condition: `in segment "x" and city = "上海"`), read rows of events and documents by the language's own expressions, and run span
 * by span over all workers (scan.h). The same definition over the same log position gives the same bytes, however many workers.
 *
 *     struct insight insight = {.vocabulary = ..., .outside = ..., .now_ms = ..., .workers = 2};
 *     status = insight_run(&insight, insight_find(SLICE("funnel")), parser, definition, answer, &fault);
 *
 * To add one: a row in insight.def, a function in a file of its own, a test beside it, its kernel over plain arrays. */
#ifndef ONEFOLD_INSIGHT_INSIGHT_H
#define ONEFOLD_INSIGHT_INSIGHT_H

#include "insight/answer.h"
#include "insight/definition.h"
#include "language/plan.h"

/* How far a run is; read by other threads. */
struct insight_progress {
    _Atomic uint32_t done, total; /* spans, over all passes so far */
};

/* Who stands behind a figure (a step, a drop, a cell): asked for by `which`, filled by the analysis. */
struct insight_members {
    const struct json *which;              /* as each analysis tells in its parameters; an object */
    uint64_t (*bits)[SPAN_CUSTOMERS / 64]; /* [span_count]; made by insight_run; insight_members_release */
    uint32_t span_count;
    uint64_t count;
    struct buffer expression; /* where a condition of the language says the same: it; else empty */
    bool taken;               /* by the analysis: it knows of members */
};
/* For the analysis: the object that says whom it is asked for, its members other than `known` (ended by NULL) refused; with a split
 * "group" is known too (apart.h). Marks them as taken. */
enum status insight_members_read(const struct definition_part *definition, const char *const *known,
                                 struct definition_part *part, struct fault *fault) WARN_UNUSED;
/* Called during the pass, by the worker that has the customer's span in hand. */
void insight_member(struct insight_members *members, struct customer_id customer);
void insight_members_release(struct insight_members *members);

/* What an analysis runs against. All borrowed. */
struct insight {
    const struct vocabulary *vocabulary; /* dictionary, master data, zone, definitions */
    struct outside outside;              /* history, identity, stored sets */
    int64_t now_ms;
    unsigned workers;                  /* 0: 1 */
    const _Atomic bool *stop;          /* may be NULL; true ends a run with CLOSED */
    struct insight_progress *progress; /* may be NULL */
    struct insight_members *members;   /* NULL: not asked for */
    bool check_only;                   /* reads the definition, and runs nothing: OK where it would be taken */
};
struct calendar insight_calendar(const struct insight *insight);
uint32_t insight_span_count(const struct insight *insight);

struct insight_parameter {
    const char *name; /* ends in ! where it must be there; NULL ends a list */
    const char *type; /* "rows", "condition" ...: definition.h */
    const char *fallback;
    const char *en, *zh;
};
typedef enum status insight_function(const struct insight *insight, struct definition_part *definition,
                                     struct answer *answer, struct fault *fault);
struct insight_kind {
    const char *name;
    insight_function *run;
    const char *en, *zh; /* what it answers */
    const struct insight_parameter *parameters;
    const char *example; /* a definition, JSON */
};
extern const struct insight_kind insight_kinds[];
extern const size_t insight_kind_count;
extern const struct insight_parameter insight_common[];     /* of all kinds */
const struct insight_kind *insight_find(struct slice name); /* or NULL */
/* INVALID, naming the nearest kind and all of them. */
enum status insight_unknown(struct slice name, struct fault *fault);

/* Runs one. `definition` is an object of `parser`, which must not parse anything else meanwhile.
 * Errors: INVALID ("at steps[1].event: ...", with the likely fix), NOT_FOUND, TOO_LARGE, CLOSED (stopped).
 * Thread: any; several runs at once are fine. */
enum status insight_run(const struct insight *insight, const struct insight_kind *kind,
                        const struct json_parser *parser, const struct json *definition, struct answer *answer,
                        struct fault *fault) WARN_UNUSED;

/* The kinds with their parameters: an array. */
void insight_write_kinds(struct json_writer *w);
/* docs/insight.md as it must stand in the repository: the guide and the reference made from insight.def. */
void insight_write_reference(struct buffer *into);
/* For a terminal: what a kind takes; NULL: the kinds. */
void insight_write_help(const struct insight_kind *kind, struct buffer *into);

#endif
