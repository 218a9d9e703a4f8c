/* engine: the parts wired into the flow, and the threads that drive it.
 *
 * The fold thread reads the durable log and applies each record: govern (ahead, by a helper), deduplicate, identity, history, audience. Where an answer
 * changes by time alone and nothing else comes, it appends a tick, whose folding moves the clock. The background
 * thread compacts and writes checkpoints. Opening loads the last checkpoint and folds the tail, so an engine that has
 * opened stands where the log stands. What a user changes goes through engine_define: it is a log record like the rest.
 *
 *     data folder:  lock, log/, history/, seen/, feed/, state/ (checkpoints, `current` names the one in force), imports/,
 *                  matches (serve/match_keep.h) */
#ifndef ONEFOLD_MAIN_ENGINE_H
#define ONEFOLD_MAIN_ENGINE_H

#include "collect/source.h"
#include "govern/govern.h"
#include "history/history.h"
#include "history/master.h"
#include "history/seen.h"
#include "identity/identity.h"
#include "log/log.h"

struct audience; /* audience/audience.h */
struct engine_options {
    struct log_options log;
    struct history_options history;
    uint32_t seen_fresh_max;     /* message hashes a sealed run takes; default SEEN_FRESH_MAX; few of them in tests */
    uint64_t checkpoint_records; /* folded since the last one; default 5,000,000 */
    unsigned checkpoint_seconds; /* since the last one, when there is anything new; default 300 */
    bool threads;                /* false: the caller drives it with engine_step (tests, simulation) */
};

struct fold_counters {
    uint64_t records;     /* applied since open, of any kind */
    uint64_t duplicates;  /* known message ids */
    uint64_t quarantined; /* whole records */
    uint64_t definitions;
    uint64_t checkpoints;
    uint64_t checkpoint_position;
    int64_t checkpoint_ms; /* when this process made it; 0 where it has made none */
    uint64_t busy_ns;      /* of the fold thread's work */
};

struct engine {
    struct os *os;
    char *folder;
    struct log *log;
    struct sources *sources;
    struct dictionary *dictionary;
    struct govern *govern;
    struct identity *identity;
    struct seen *seen;
    struct history *history;
    struct master *master;
    struct audience *audience;
    struct fold *fold;
    uint64_t folded_at_open; /* records folded from the tail while opening */
    uint64_t open_ns;
};

/* Opens or creates the data folder; `options` may be NULL. Errors: CONFLICT (another process has it), DAMAGED, IO. */
enum status engine_open(struct os *os, const char *folder, const struct engine_options *options, struct engine **engine,
                        struct fault *fault) WARN_UNUSED;
/* Folds what is durable, checkpoints, closes. NULL is fine. Errors of the last checkpoint are printed. */
void engine_close(struct engine *engine);
/* As a crash would leave it: no checkpoint. For tests. */
void engine_abandon(struct engine *engine);

/* Appends the definition, waits until it is durable and folded. An audience's is checked here; others were before, by the part
 * they concern. Thread: any. */
enum status engine_define(struct engine *engine, struct slice json, struct fault *fault) WARN_UNUSED;
/* Waits until everything durable now is folded. */
bool engine_settle(struct engine *engine, unsigned timeout_ms);
/* Writes a checkpoint now and waits for it. */
enum status engine_checkpoint(struct engine *engine, struct fault *fault) WARN_UNUSED;
/* Compacts every delta (and the seen set) before returning; for benches. */
enum status engine_compact(struct engine *engine, struct fault *fault) WARN_UNUSED;
/* Without threads: commits the log and folds everything. */
enum status engine_step(struct engine *engine, struct fault *fault) WARN_UNUSED;
void engine_counters(const struct engine *engine, struct fold_counters *out);

#endif
