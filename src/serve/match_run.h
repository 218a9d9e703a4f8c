/* match_run: probabilistic matching over all customers (identity/fuzzy_match.h), in a thread of its own, and what came of it: pairs of
 * customers that may be one, for people to decide (docs/matching.md).
 *
 * A run reads everybody's attributes as they are. The first, one with other rules, and one over half as many again as were there when it
 * last learnt, learns and compares all. Every other takes the weights there are, and compares only pairs of which one is new or
 * says other things than before; the pairs of the rest it has. What a run leaves (match_keep.h) is kept in memory and in a file, so
 * that neither the queue nor what was compared is lost by a restart. It is not state: it can be computed again.
 * What people decide is: an accepted pair is a merge by hand, a rejected one a relation "not_same_as" between the two, both log
 * records; so a decision outlives runs and restarts, and shows in the profile.
 *
 * Thread: any; one run at a time. Memory: during a run the records' values (about 0.5 KiB a customer), afterwards what match_keep.h says. */
#ifndef ONEFOLD_SERVE_MATCH_RUN_H
#define ONEFOLD_SERVE_MATCH_RUN_H

#include "base/json_write.h"
#include "serve/serve.h"

#define MATCH_RELATION "not_same_as"

struct match_run;
struct match_run *match_run_create(const struct serve_parts *parts);
/* Stops a run and waits for its thread; then free. NULL is fine. */
void match_run_close(struct match_run *run);
void match_run_free(struct match_run *run);

/* Starts one. `full`: all are compared, whatever is known. `rules`: a rule file's text, whose columns are attributes by their names; empty: inferred. `automatic`: the probability from
 * which pairs are merged without being asked about, 0: none. Errors: BUSY (one is running). Mistakes in the rules show in the
 * state, as the columns are known only once everybody was read. */
enum status match_run_start(struct match_run *run, struct slice rules, double automatic, bool full,
                            struct fault *fault) WARN_UNUSED;

struct match_state {
    bool running, done; /* done: there are pairs */
    double progress;
    int64_t started_ms, ended_ms;
    uint64_t customers, compared, pairs, merged; /* of the last run; merged: by itself */
    uint64_t fresh;  /* customers that were new to it or had changed; all of them where it learnt */
    bool learnt;     /* it learnt its weights, and compared all */
    char fault[512]; /* of the last run, "" where it went well */
};
void match_run_state(struct match_run *run, struct match_state *out);

struct match_pair {
    struct customer_id a, b; /* as they are now */
    double probability;
    bool rejected;
    size_t number; /* for match_run_explain */
};
/* Calls `each` with the pairs of the last run that are still two customers and reach `least`, likeliest first, until it returns false;
 * those that were rejected only where `rejected`. The run does not change meanwhile. */
void match_run_pairs(struct match_run *run, double least, bool rejected,
                     bool (*each)(void *context, const struct match_pair *pair), void *context);
/* Only from within `each`: the pair's score field by field, as the run weighed it; the values shown are those of now. */
void match_run_explain(struct match_run *run, const struct match_pair *pair, struct json_writer *w);
/* Whether people said that the two are not one: the newest relation between them. */
bool match_rejected(const struct serve_parts *parts, struct customer_id a, struct customer_id b, struct arena *arena);

#endif
