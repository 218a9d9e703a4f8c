/* import_job: an import job, in memory and on disk; what the files of api_import share.
 *
 * What a job is stands in imports/<job>.json of the data folder with the line up to which its rows are in the log; the reader's own state
 * (quotes open, rows seen) does not. So after a restart, or when the log failed in the middle of a piece, a job begins at offset 0
 * again: the bytes are read once more, and rows up to that line are not given again.
 *
 * Lock: `lock` guards everything but what a busy job's worker alone touches (`import`); it is not held while feeding. */
#ifndef ONEFOLD_SERVE_IMPORT_JOB_H
#define ONEFOLD_SERVE_IMPORT_JOB_H

#include <pthread.h>

#include "collect/import.h"
#include "serve/api_import.h"
#include "serve/serve_inside.h"

enum job_state { JOB_OPEN, JOB_DONE, JOB_FAILED };

struct job {
    uint64_t number;
    enum job_state state;
    enum import_format format;
    enum import_encoding encoding;
    bool drop_repeats;
    bool busy; /* a clerk feeds it */
    char mapping[256], source[64], file[256], error[256];
    uint64_t bytes;  /* announced */
    uint64_t offset; /* the next piece's */
    uint64_t durable_line;
    int64_t created_ms, finished_ms;
    struct import_counters counters;
    struct import *import; /* NULL: not begun in this run, put by, or over */
    int64_t used_ms;       /* when a piece came last */
};

struct jobs {
    struct serve_parts parts;
    char *folder;
    pthread_mutex_t lock;
    struct job **jobs; /* in order of number */
    size_t count;
    uint64_t last_number;
    uint64_t rows, rejected; /* since the start, for metrics */
};

/* Their names on disk and in answers, in order of the enums. */
extern const char *const job_state_names[3];
extern const char *const job_format_names[3];
extern const char *const job_encoding_names[2];
/* The place of `name` in such a table, in any case; -1: not there. */
int job_name_index(const char *const *names, size_t count, struct slice name);

void job_write(const struct job *job, struct json_writer *w);
/* The caller's to free. */
char *job_path(const struct jobs *jobs, uint64_t number, const char *ending);
enum status job_save(const struct jobs *jobs, const struct job *job, struct fault *fault) WARN_UNUSED;
/* A member's text, cut to `size` - 1 bytes. */
void job_copy_text(struct json_parser *p, const struct json *object, const char *key, char *into, size_t size);

/* With the lock held: adds a copy; where a job stands, or SIZE_MAX. */
void jobs_add(struct jobs *jobs, const struct job *job);
size_t jobs_index(const struct jobs *jobs, uint64_t number);

/* The job named in the path, with the lock held; NULL, without the lock, after failing the call. */
struct job *job_lock(struct call *call);
/* As job_lock, but makes the job this call's own and lets go of the lock; until job_give_back. */
struct job *job_take(struct call *call);
void job_give_back(struct call *call, struct job *job);

#endif
