/* analyst: runs analyses for the API: what was answered is kept for the log position it was answered at, and long ones run as jobs.
 *
 * Kept answers: a definition asked again is answered from memory as long as history stands at the same log position and the answer is no older than
 * ANALYST_KEPT_S (windows move with the clock). At most ANALYST_KEPT, the oldest go first.
 * Jobs: one at a time on a thread of their own, at most JOBS_WAITING_MAX waiting (FULL), the last JOBS_MAX are remembered. A job has no limit of
 * time; it tells how far it is, and can be stopped. They are gone with the process: an analysis changes nothing.
 *
 * Thread: any. */
#ifndef ONEFOLD_SERVE_ANALYST_H
#define ONEFOLD_SERVE_ANALYST_H

#include "insight/insight.h"
#include "serve/serve.h"

#define ANALYST_KEPT 32
#define ANALYST_KEPT_S 60
#define JOBS_WAITING_MAX 32
#define JOBS_MAX 200

struct analyst;
struct analyst *analyst_create(const struct serve_parts *parts, unsigned workers);
/* Stops what runs, takes nothing more. Then free. NULL is fine. */
void analyst_close(struct analyst *analyst);
void analyst_free(struct analyst *analyst);

/* An answer that several may hold. */
struct analysis {
    const struct insight_kind *kind;
    struct answer *answer;
    uint64_t position; /* of the log, that it was answered at */
    int64_t at_ms;
    uint64_t elapsed_ns;
};
void analysis_release(const struct analysis *analysis); /* NULL is fine */

/* `definition` is JSON text. *kept: it was answered before. `stop`, `progress` may be NULL. Errors: insight_run's; CLOSED: stopped. */
enum status analyst_run(struct analyst *analyst, const struct insight_kind *kind, struct slice definition,
                        const _Atomic bool *stop, struct insight_progress *progress, const struct analysis **analysis,
                        bool *kept, struct fault *fault) WARN_UNUSED;
/* Who stands behind a figure, which the definition's "members" names; never kept. The caller releases the members. */
enum status analyst_members(struct analyst *analyst, const struct insight_kind *kind, struct slice definition,
                            const _Atomic bool *stop, struct insight_members *members, struct fault *fault) WARN_UNUSED;
/* Whether the definition would be taken, without running it. */
enum status analyst_check(struct analyst *analyst, const struct insight_kind *kind, struct slice definition,
                          struct fault *fault) WARN_UNUSED;

/* --- jobs --- */
/* `name` of a saved analysis, or empty. Gives the job's number. Errors: FULL, CLOSED. */
enum status analyst_job(struct analyst *analyst, const struct insight_kind *kind, struct slice name,
                        struct slice definition, uint64_t *number, struct fault *fault) WARN_UNUSED;
/* {"job","kind","name","state":"waiting|running|done|failed|stopped","progress":0.5,"created_at","finished_at","error"} with the answer's members where
 * `answer` and done. False where there is none. */
bool analyst_job_json(struct analyst *analyst, uint64_t number, bool answer, struct json_writer *w);
/* The answer of a job that is done, held; NULL otherwise. */
const struct analysis *analyst_job_answer(struct analyst *analyst, uint64_t number);
void analyst_jobs_json(struct analyst *analyst, struct json_writer *w); /* newest first */
bool analyst_job_stop(struct analyst *analyst, uint64_t number);        /* false where there is none */

#endif
