/* engine: opening, the threads, closing. */
#include "main/engine.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "main/checkpoint.h"
#include "audience/audience.h"
#include "identity/rehearsal.h"
#include "main/fold.h"

#define BATCH_RECORDS 512
#define WAIT_MS 100
#define BACKGROUND_NICE 15 /* a compaction can wait, an event cannot */
#define LOG_RETENTION_DAYS 30
#define CHECKPOINT_RECORDS_DEFAULT 5000000
#define CHECKPOINT_SECONDS_DEFAULT 300
#define CHECKPOINT_RETRY_NS 10000000000u /* after one that failed */

/* What the threads share. The engine's first member is what others see. */
struct running {
    struct engine engine;
    struct engine_options options;
    pthread_t fold_thread, background_thread;
    bool threads;
    pthread_mutex_t lock; /* all below */
    pthread_cond_t changed;
    bool stop_fold, stop_background, checkpoint_wanted;
    struct checkpoint *begun; /* by the fold, for the background to finish */
    bool checkpoint_running;
    enum status checkpoint_status;
    struct fault checkpoint_fault;
    uint64_t checkpoint_number, checkpoint_position, checkpoints;
    int64_t checkpoint_ms;
    uint64_t checkpoint_ns;                /* when the last one ended */
    uint64_t compact_wanted, compact_done; /* full compactions asked for */
    enum status compact_status;
    struct fault compact_fault;
    uint64_t tick_position; /* of the last tick; fold thread */
};

static struct running *running_of(const struct engine *e) { return (struct running *)e; }

static void wait_changed(struct running *r, unsigned ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&r->changed, &r->lock, &until);
}

/* A fault that leaves no safe way on: the log or the state cannot be trusted any more. */
static void stop_process(const char *what, const struct fault *fault) {
    fprintf(stderr, "onefold: %s: %s\n", what, fault->text);
    abort();
}

/* --- fold thread --- */

static bool checkpoint_due(struct running *r) {
    uint64_t fresh = fold_position(r->engine.fold) - r->checkpoint_position;
    uint64_t age_ns = os_monotonic_ns(r->engine.os) - r->checkpoint_ns;
    bool again_soon = r->checkpoint_status && age_ns < CHECKPOINT_RETRY_NS; /* each try writes all it has room for */
    if (r->checkpoint_running || (again_soon && !r->checkpoint_wanted))
        return false;
    return r->checkpoint_wanted || fresh >= r->options.checkpoint_records ||
           (fresh && age_ns > (uint64_t)r->options.checkpoint_seconds * 1000000000);
}

/* Between batches: starts a checkpoint that is due. */
static void consider_checkpoint(struct running *r) {
    struct fault fault = {0};
    struct checkpoint *begun = NULL;
    pthread_mutex_lock(&r->lock);
    bool due = checkpoint_due(r);
    uint64_t number = r->checkpoint_number + 1;
    if (due) {
        r->checkpoint_running = true;
        r->checkpoint_wanted = false;
        r->checkpoint_number = number;
    }
    pthread_mutex_unlock(&r->lock);
    if (!due)
        return;
    if (fold_rest(r->engine.fold, &fault))
        stop_process("folding the log", &fault);
    enum status status = checkpoint_begin(&r->engine, number, &begun, &fault);
    fold_resume(r->engine.fold);
    pthread_mutex_lock(&r->lock);
    r->begun = begun;
    if (status) {
        r->checkpoint_running = false;
        r->checkpoint_status = status;
        r->checkpoint_fault = fault;
        r->checkpoint_ns = os_monotonic_ns(r->engine.os); /* not again at once */
        fprintf(stderr, "onefold: checkpoint %llu: %s\n", (unsigned long long)number, fault.text);
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* Appends a tick where an answer has ended and nothing else moved the clock. True when one is on its way. */
static bool consider_tick(struct running *r) {
    struct engine *e = &r->engine;
    int64_t now_ms = os_now_ms(e->os);
    struct log_record tick = {.kind = LOG_TICK, .received_ms = now_ms};
    if (r->tick_position > fold_position(e->fold))
        return true;
    if ((audience_due(e->audience) > now_ms && !identity_sweep_at(e->identity)) || log_append(e->log, &tick, 1, NULL))
        return false; /* a full log or disk: tried again */
    r->tick_position = tick.position;
    return true;
}

/* How long the fold may sleep: not past the next due moment. */
static unsigned wait_ms(const struct running *r) {
    int64_t left = audience_due(r->engine.audience) - os_now_ms(r->engine.os);
    return left < 1 ? 1 : left < WAIT_MS ? (unsigned)left : WAIT_MS;
}

static void *fold_main(void *context) {
    struct running *r = context;
    struct fault fault = {0};
    size_t applied;
    pthread_setname_np(pthread_self(), "fold");
    for (;;) {
        bool full = history_tidy(r->engine.history);
        consider_checkpoint(r);
        pthread_mutex_lock(&r->lock);
        bool stop = r->stop_fold;
        if (full && !stop) {
            pthread_cond_broadcast(&r->changed);
            wait_changed(r, 5); /* the compactor frees room */
        }
        pthread_mutex_unlock(&r->lock);
        if (full && !stop)
            continue;
        if (fold_batch(r->engine.fold, BATCH_RECORDS, &applied, &fault))
            stop_process("folding the log", &fault);
        if (applied == 0) {
            if (stop)
                return NULL;
            unsigned wait = consider_tick(r) ? WAIT_MS : wait_ms(r);
            log_wait(r->engine.log, fold_position(r->engine.fold), wait);
        }
    }
}

/* --- background thread --- */

static void finish_checkpoint(struct running *r, struct checkpoint *begun) {
    struct fault fault = {0};
    uint64_t position;
    enum status status = checkpoint_finish(begun, &position, &fault);
    if (status)
        fprintf(stderr, "onefold: checkpoint at %llu: %s\n", (unsigned long long)position, fault.text);
    else
        fold_retire(r->engine.fold, position);
    pthread_mutex_lock(&r->lock);
    r->checkpoint_running = false;
    r->checkpoint_status = status;
    r->checkpoint_fault = fault;
    r->checkpoint_ns = os_monotonic_ns(r->engine.os);
    if (!status) {
        r->checkpoint_position = position;
        r->checkpoint_ms = os_now_ms(r->engine.os);
        r->checkpoints++;
    }
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* One piece of compaction; true when there was something to do. */
static bool compact_some(struct running *r, bool all) {
    struct fault fault = {0};
    enum status history = history_compact(r->engine.history, all, &fault);
    enum status seen =
        history == STATUS_OK || history == STATUS_END ? seen_compact(r->engine.seen, &fault) : STATUS_END;
    bool failed = (history && history != STATUS_END) || (seen && seen != STATUS_END);
    if (history == STATUS_DAMAGED || seen == STATUS_DAMAGED)
        stop_process("a file of the state is damaged", &fault);
    if (failed) {
        fprintf(stderr, "onefold: compaction: %s\n", fault.text);
        pthread_mutex_lock(&r->lock);
        r->compact_status = history && history != STATUS_END ? history : seen;
        r->compact_fault = fault;
        wait_changed(r, 1000); /* a full disk may find room */
        pthread_mutex_unlock(&r->lock);
    }
    return !failed && (history == STATUS_OK || seen == STATUS_OK);
}

static void *background_main(void *context) {
    struct running *r = context;
    pthread_setname_np(pthread_self(), "background");
    int now = nice(BACKGROUND_NICE); /* of this thread alone, on Linux; where it is refused all goes on as well */
    (void)now;
    for (;;) {
        pthread_mutex_lock(&r->lock);
        struct checkpoint *begun = r->begun;
        uint64_t wanted = r->compact_wanted;
        bool all = wanted > r->compact_done;
        r->begun = NULL;
        if (r->stop_background && !begun) {
            pthread_mutex_unlock(&r->lock);
            return NULL;
        }
        pthread_mutex_unlock(&r->lock);
        if (begun)
            finish_checkpoint(r, begun);
        bool worked = compact_some(r, all);
        pthread_mutex_lock(&r->lock);
        if (!worked && all) {
            struct history_counters counters;
            history_counters_read(r->engine.history, &counters);
            if (counters.delta_rows == 0 || r->compact_status) { /* all taken in by the fold */
                r->compact_done = wanted;
                pthread_cond_broadcast(&r->changed);
            }
        }
        if (!worked && !r->begun && !r->stop_background)
            wait_changed(r, all ? 2 : 20);
        pthread_mutex_unlock(&r->lock);
    }
}

/* --- opening --- */

static char *sub_path(const char *folder, const char *name) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s%c", folder, name, 0);
    return path.data;
}

/* What is repaired later must be put where its row is by then. */
static void row_moved(void *govern, uint64_t position, struct customer_id to) {
    govern_move_holder(govern, position, to.number);
}

static enum status make_parts(struct running *r, struct fault *fault) {
    struct engine *e = &r->engine;
    char *log = sub_path(e->folder, "log"), *history = sub_path(e->folder, "history"),
         *seen = sub_path(e->folder, "seen"), *state = sub_path(e->folder, "state"),
         *feed = sub_path(e->folder, "feed");
    enum status status = os_make_folder(e->os, state, fault);
    if (!status)
        status = log_open(e->os, log, &r->options.log, &e->log, fault);
    if (!status)
        status = seen_create_small(e->os, seen, r->options.seen_fresh_max, &e->seen, fault);
    e->sources = sources_create(e->os);
    e->dictionary = dictionary_create();
    e->govern = govern_create(e->os, e->dictionary);
    e->identity = identity_create(e->os, e->dictionary);
    e->master = master_create(e->dictionary);
    e->fold = fold_create(e);
    if (!status)
        status = history_create(e->os, history, e->dictionary, &r->options.history, &e->history, fault);
    if (!status)
        history_follow(e->history, row_moved, e->govern);
    if (!status)
        status = audience_create(&(struct audience_parts){.os = e->os,
                                                          .folder = feed,
                                                          .dictionary = e->dictionary,
                                                          .master = e->master,
                                                          .identity = e->identity,
                                                          .history = e->history,
                                                          .log = e->log},
                                 &e->audience, fault);
    free(log);
    free(history);
    free(seen);
    free(state);
    free(feed);
    return status;
}

static void free_parts(struct running *r) {
    struct engine *e = &r->engine;
    fold_free(e->fold); /* its reader, then the log */
    audience_free(e->audience);
    log_close(e->log);
    history_free(e->history);
    identity_free(e->identity);
    govern_free(e->govern);
    master_free(e->master);
    dictionary_free(e->dictionary);
    sources_free(e->sources);
    seen_free(e->seen);
    free(e->folder);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Loads the checkpoint and folds the tail of the log on this thread. */
static enum status catch_up(struct running *r, struct fault *fault) {
    struct engine *e = &r->engine;
    uint64_t position = 0;
    size_t applied;
    enum status status = checkpoint_load(e, r->options.threads, &r->checkpoint_number, &position, fault);
    if (status && status != STATUS_NOT_FOUND)
        return status;
    r->checkpoint_position = position;
    if (position > log_durable(e->log))
        return fault_set(fault, STATUS_DAMAGED,
                         "the checkpoint stands at %llu but the log ends at %llu: records are missing",
                         (unsigned long long)position, (unsigned long long)log_durable(e->log));
    status = fold_start_at(e->fold, position, fault);
    history_advance(e->history, position);
    do {
        if (status || (status = fold_batch(e->fold, BATCH_RECORDS, &applied, fault)))
            return status;
        e->folded_at_open += applied;
        while (!status && history_tidy(e->history)) /* the tail stays within the memory budget */
            status = history_compact(e->history, false, fault);
        if (status == STATUS_DAMAGED || status == STATUS_DISK_FULL)
            return status;
        status = seen_compact(e->seen, fault);
        if (status == STATUS_DAMAGED)
            return status;
        status = STATUS_OK; /* what failed in passing is tried again in the background */
    } while (applied);
    return STATUS_OK;
}

static enum status start_threads(struct running *r, struct fault *fault) {
    enum status status = log_start(r->engine.log, fault);
    if (!status)
        status = fold_help(r->engine.fold, fault);
    if (status)
        return status;
    r->threads = true;
    int error = pthread_create(&r->fold_thread, NULL, fold_main, r);
    if (!error && (error = pthread_create(&r->background_thread, NULL, background_main, r)))
        abort(); /* the fold thread runs already: there is no way back */
    return error ? fault_set(fault, STATUS_NO_MEMORY, "cannot start a thread: %s", strerror(error)) : STATUS_OK;
}

static void take_options(struct running *r, const struct engine_options *options) {
    if (options)
        r->options = *options;
    else
        r->options = (struct engine_options){.threads = true, .log.retention_days = LOG_RETENTION_DAYS};
    if (!r->options.checkpoint_records)
        r->options.checkpoint_records = CHECKPOINT_RECORDS_DEFAULT;
    if (!r->options.checkpoint_seconds)
        r->options.checkpoint_seconds = CHECKPOINT_SECONDS_DEFAULT;
    if (!r->options.seen_fresh_max)
        r->options.seen_fresh_max = SEEN_FRESH_MAX;
}

enum status engine_open(struct os *os, const char *folder, const struct engine_options *options, struct engine **engine,
                        struct fault *fault) {
    enum status status = os_make_folder(os, folder, fault);
    if (!status)
        status = os_lock_folder(os, folder, fault);
    if (status)
        return status;
    struct running *r = memory_get(1, sizeof *r);
    pthread_condattr_t attributes;
    uint64_t began = os_monotonic_ns(os);
    r->engine.os = os;
    r->engine.folder = memory_text(slice_text(folder));
    take_options(r, options);
    pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&r->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    status = make_parts(r, fault);
    if (!status)
        status = catch_up(r, fault);
    r->checkpoint_ns = os_monotonic_ns(os);
    if (!status && r->options.threads)
        status = start_threads(r, fault);
    if (status) {
        free_parts(r);
        return status;
    }
    r->engine.open_ns = os_monotonic_ns(os) - began;
    *engine = &r->engine;
    return STATUS_OK;
}

/* --- closing --- */

static void stop_threads(struct running *r) {
    pthread_mutex_lock(&r->lock);
    r->stop_fold = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->fold_thread, NULL);
    pthread_mutex_lock(&r->lock);
    r->stop_background = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->background_thread, NULL);
    r->threads = false;
}

/* A checkpoint on this thread, with no other running. */
static enum status checkpoint_here(struct running *r, struct fault *fault) {
    struct checkpoint *c;
    uint64_t position;
    enum status status = fold_rest(r->engine.fold, fault);
    if (!status)
        status = checkpoint_begin(&r->engine, ++r->checkpoint_number, &c, fault);
    fold_resume(r->engine.fold);
    if (!status && !(status = checkpoint_finish(c, &position, fault))) {
        r->checkpoint_position = position;
        r->checkpoints++;
    }
    return status;
}

void engine_close(struct engine *e) {
    struct fault fault = {0};
    if (!e)
        return;
    struct running *r = running_of(e);
    if (r->threads) {
        engine_settle(e, 60000);
        stop_threads(r);
    }
    if (fold_position(e->fold) > r->checkpoint_position && checkpoint_here(r, &fault))
        fprintf(stderr, "onefold: the last checkpoint: %s\n", fault.text);
    free_parts(r);
}

void engine_abandon(struct engine *e) {
    struct running *r = running_of(e);
    if (r->threads)
        stop_threads(r);
    free_parts(r);
}

/* --- what others call --- */

bool engine_settle(struct engine *e, unsigned timeout_ms) {
    return history_wait(e->history, log_durable(e->log), timeout_ms);
}

/* Later records may be durable, and folded, where this one's group could not be written. */
static enum status is_stored(struct engine *e, uint64_t position, struct fault *fault) {
    struct log_reader *reader;
    struct log_record found;
    enum status status = log_reader_open(e->log, position, &reader, fault);
    if (status)
        return status;
    status = log_read(reader, &found, fault);
    bool there = !status && found.position == position;
    log_reader_close(reader);
    if (there || (status && status != STATUS_END))
        return status;
    return fault_set(fault, STATUS_IO, "the definition could not be written to the log");
}

/* An audience's, and what can be worked out of it before it is logged. */
static enum status check_definition(struct engine *e, struct slice json, struct audience_prepared **prepared,
                                    struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    enum status status = json_parse(p, json, false, &root, fault);
    if (!status && audience_defines(json_get_text(p, root, "define")))
        if (!(status = audience_check(e->audience, p, root, fault)))
            *prepared = audience_prepare(e->audience, p, &root, 1);
    json_parser_free(p);
    return status;
}

static enum status define_checked(struct engine *e, struct slice json, struct fault *fault) {
    struct log_record record = {.kind = LOG_DEFINE, .received_ms = os_now_ms(e->os), .payload = json};
    enum status status = log_append(e->log, &record, 1, fault);
    if (!status && !running_of(e)->threads)
        return engine_step(e, fault);
    if (!status && !history_wait(e->history, record.position, 30000))
        return fault_set(fault, STATUS_TIMEOUT, "the definition was not folded within 30 s");
    return status ? status : is_stored(e, record.position, fault);
}

enum status engine_define(struct engine *e, struct slice json, struct fault *fault) {
    struct audience_prepared *prepared = NULL;
    enum status status = check_definition(e, json, &prepared, fault);
    if (!status)
        status = define_checked(e, json, fault);
    audience_prepared_release(e->audience, prepared);
    return status;
}

enum status engine_step(struct engine *e, struct fault *fault) {
    size_t applied;
    enum status status;
    assert(!running_of(e)->threads);
    do {
        status = log_commit(e->log, fault);
        do
            status = status ? status : fold_batch(e->fold, BATCH_RECORDS, &applied, fault);
        while (!status && applied);
    } while (!status && consider_tick(running_of(e)));
    while (!status && history_tidy(e->history) && !history_compact(e->history, false, fault)) {
    }
    return status;
}

enum status engine_checkpoint(struct engine *e, struct fault *fault) {
    struct running *r = running_of(e);
    if (!r->threads)
        return checkpoint_here(r, fault);
    pthread_mutex_lock(&r->lock);
    while (r->checkpoint_running)
        wait_changed(r, WAIT_MS);
    uint64_t number = r->checkpoint_number;
    r->checkpoint_wanted = true;
    while (r->checkpoint_number == number || r->checkpoint_running)
        wait_changed(r, WAIT_MS);
    enum status status = r->checkpoint_status;
    if (status && fault)
        *fault = r->checkpoint_fault;
    pthread_mutex_unlock(&r->lock);
    return status;
}

enum status engine_compact(struct engine *e, struct fault *fault) {
    struct running *r = running_of(e);
    enum status status;
    if (!r->threads) {
        while (!(status = history_compact(e->history, true, fault)))
            history_tidy(e->history);
        while (status == STATUS_END && !(status = seen_compact(e->seen, fault)))
            status = STATUS_END;
        return status == STATUS_END ? STATUS_OK : status;
    }
    pthread_mutex_lock(&r->lock);
    uint64_t wanted = ++r->compact_wanted;
    r->compact_status = STATUS_OK;
    pthread_cond_broadcast(&r->changed);
    while (r->compact_done < wanted)
        wait_changed(r, WAIT_MS);
    status = r->compact_status;
    if (status && fault)
        *fault = r->compact_fault;
    pthread_mutex_unlock(&r->lock);
    return status;
}

void engine_counters(const struct engine *e, struct fold_counters *out) {
    struct running *r = running_of(e);
    fold_counters_read(e->fold, out);
    pthread_mutex_lock(&r->lock);
    out->checkpoints = r->checkpoints;
    out->checkpoint_position = r->checkpoint_position;
    out->checkpoint_ms = r->checkpoint_ms;
    pthread_mutex_unlock(&r->lock);
}
