/* api_import_data: POST /v1/imports/{job}/data brings the file's bytes, in order, in pieces of any size, and is answered when the rows that became
 * whole are durable. */
#include "serve/import_job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/payload.h"

void api_import_data(struct call *call);

#define JOBS_READING_MAX 8 /* with a reader in memory, which remembers every row's hash */
#define JOB_IDLE_MS 60000  /* after which a job makes room for another, where there is none */
#define FEED_BYTES (256u << 10)
#define UNIT_RECORDS_MAX 1000
#define UNIT_BYTES_MAX (4u << 20)

/* Ends the job's reader: the next piece must be the file's first. */
static void start_over(struct call *call, struct job *job) {
    pthread_mutex_lock(&call->serve->jobs->lock);
    import_free(job->import);
    job->import = NULL;
    job->offset = 0;
    pthread_mutex_unlock(&call->serve->jobs->lock);
}

/* Makes room for another job's reader: of those whose sender has been silent for a while, the one silent longest is put by. It can
 * be sent again from its start; what is durable is not taken twice. False where all are in use. */
static bool make_room(struct jobs *jobs, int64_t now_ms) {
    size_t reading = 0;
    struct job *idle = NULL;
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++) {
        struct job *job = jobs->jobs[i];
        reading += job->import != NULL;
        if (job->import && !job->busy && now_ms - job->used_ms > JOB_IDLE_MS && (!idle || job->used_ms < idle->used_ms))
            idle = job;
    }
    if (reading >= JOBS_READING_MAX && idle) {
        import_free(idle->import);
        idle->import = NULL;
        idle->offset = 0;
        reading--;
    }
    pthread_mutex_unlock(&jobs->lock);
    return reading < JOBS_READING_MAX;
}

static bool begin_reading(struct call *call, struct job *job) {
    struct jobs *jobs = call->serve->jobs;
    struct fault fault = {0};
    struct source source;
    if (!make_room(jobs, os_now_ms(call->parts->os))) {
        call_fail_text(call, STATUS_BUSY, "%d imports are under way, the most there can be at once", JOBS_READING_MAX);
        return false;
    }
    if (!sources_by_name(call->parts->sources, slice_text(job->source), &source)) {
        call_fail_text(call, STATUS_NOT_FOUND, "the job's source \"%s\" is not there", job->source);
        return false;
    }
    struct import_options options = {.format = job->format,
                                     .encoding = job->encoding,
                                     .drop_repeats = job->drop_repeats,
                                     .job = job->number,
                                     .source = source.number,
                                     .mapping = slice_text(job->mapping),
                                     .resume_line = job->durable_line};
    struct import *import;
    enum status status = import_create(&options, &import, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    pthread_mutex_lock(&jobs->lock);
    job->import = import;
    pthread_mutex_unlock(&jobs->lock);
    return true;
}

/* True when the piece may be fed. */
static bool accept_piece(struct call *call, struct job *job) {
    int64_t offset;
    if (!call_integer(call, "offset", 0, INT64_MAX, 0, &offset))
        return false;
    if (job->state != JOB_OPEN) {
        call_fail_text(call, STATUS_CONFLICT, "this job is %s; make a new one for another file",
                       job_state_names[job->state]);
        return false;
    }
    if ((uint64_t)offset != job->offset) {
        call_fail_text(call, STATUS_CONFLICT, "this piece is at offset %lld; the one expected starts at %llu",
                       (long long)offset, (unsigned long long)job->offset);
        return false;
    }
    return job->import != NULL || begin_reading(call, job);
}

/* Appends one unit, waiting while the log or the fold has no room. */
static enum status append_unit(struct call *call, struct log_record *records, size_t count, struct fault *fault) {
    struct log *log = call->parts->log;
    uint64_t limit_ns = os_monotonic_ns(call->parts->os) + call->options->settle_s * 1000000000ull;
    for (;;) {
        uint64_t durable = log_durable(log), folded = history_position(call->parts->history);
        bool lagging = durable > folded && durable - folded > call->options->lag_records_max;
        enum status status = lagging ? fault_set(fault, STATUS_FULL, "processing is too far behind")
                                     : log_append(log, records, count, fault);
        if (status != STATUS_FULL || atomic_load(&call->serve->closing) || os_monotonic_ns(call->parts->os) > limit_ns)
            return status;
        if (lagging)
            (void)history_wait(call->parts->history, folded + 1, 50);
        else
            log_wait(log, durable, 50);
    }
}

struct feeding {
    uint64_t first, last, last_line; /* positions of the first and last row appended, and the latter's line */
    enum status read, append;        /* how reading and appending ended */
    struct fault fault;
};

/* Appends what the reader gave, in units. */
static enum status append_rows(struct call *call, struct job *job, struct feeding *f, struct fault *fault) {
    size_t count, at = 0;
    struct log_record *records = import_records(job->import, &count);
    int64_t now_ms = os_now_ms(call->parts->os);
    while (at < count) {
        size_t unit = 0, bytes = 0;
        do {
            records[at + unit].received_ms = now_ms;
            bytes += records[at + unit].payload.size;
            unit++;
        } while (at + unit < count && unit < UNIT_RECORDS_MAX && bytes < UNIT_BYTES_MAX);
        enum status status = append_unit(call, records + at, unit, fault);
        if (status != STATUS_OK)
            return status;
        at += unit;
        f->first = f->first ? f->first : records[at - unit].position;
        f->last = records[at - 1].position;
        struct payload_row row;
        assert(records[at - 1].payload.size >= sizeof row);
        memcpy(&row, records[at - 1].payload.data, sizeof row);
        f->last_line = row.line;
    }
    return STATUS_OK;
}

static void feed(struct call *call, struct job *job, bool ends, struct feeding *f) {
    struct slice rest = call->request->body;
    do {
        size_t bytes = rest.size < FEED_BYTES ? rest.size : FEED_BYTES;
        bool last = ends && bytes == rest.size;
        f->read = import_feed(job->import, slice_of(rest.data, bytes), last, &f->fault);
        rest = slice_of(rest.data + bytes, rest.size - bytes);
        f->append = append_rows(call, job, f, f->read == STATUS_OK ? &f->fault : NULL);
    } while (rest.size && f->read == STATUS_OK && f->append == STATUS_OK);
}

static void keep_rejected(struct call *call, struct job *job) {
    struct buffer *text = &call->bench->text;
    struct json_writer w = {.out = text};
    char *path = job_path(call->serve->jobs, job->number, ".rejected");
    buffer_clear(text);
    import_rejected_json(job->import, &w, 10000);
    /* A convenience; where it cannot be written the counters still tell. */
    (void)!os_write_file(call->parts->os, path, buffer_slice(text), NULL);
    free(path);
}

/* The piece is in and durable: moves the job on. */
static enum status piece_done(struct call *call, struct job *job, const struct feeding *f, bool ends,
                              struct fault *fault) {
    struct jobs *jobs = call->serve->jobs;
    bool over = f->read != STATUS_OK || ends;
    if (over)
        keep_rejected(call, job);
    pthread_mutex_lock(&jobs->lock);
    struct import_counters before = job->counters;
    job->offset += call->request->body.size;
    import_counters_read(job->import, &job->counters);
    jobs->rows += job->counters.given - (before.given <= job->counters.given ? before.given : 0);
    jobs->rejected += job->counters.rejected - (before.rejected <= job->counters.rejected ? before.rejected : 0);
    if (f->last_line > job->durable_line)
        job->durable_line = f->last_line;
    if (over) {
        job->state = f->read == STATUS_OK ? JOB_DONE : JOB_FAILED;
        job->finished_ms = os_now_ms(call->parts->os);
        snprintf(job->error, sizeof job->error, "%.255s", f->read == STATUS_OK ? "" : f->fault.text);
        import_free(job->import);
        job->import = NULL;
    }
    enum status status = job_save(jobs, job, fault);
    pthread_mutex_unlock(&jobs->lock);
    return status;
}

static void feed_and_answer(struct call *call, struct job *job) {
    bool ends = call_flag(call, "last");
    struct feeding f = {0};
    struct fault fault = {0};
    feed(call, job, ends, &f);
    if (f.append != STATUS_OK) {
        start_over(call, job);
        call_fail_text(call, f.append, "%.300s; send this file again from offset 0, no row will be taken twice",
                       f.fault.text[0] ? f.fault.text : status_text(f.append));
        return;
    }
    if (f.last && !call_wait_durable(call, f.first, f.last)) {
        start_over(call, job);
        return;
    }
    enum status status = piece_done(call, job, &f, ends, &fault);
    if (status != STATUS_OK)
        call_fail(call, status, &fault);
    else if (f.read != STATUS_OK)
        call_fail(call, f.read, &f.fault);
    else
        job_write(job, &call->json);
}

void api_import_data(struct call *call) {
    struct job *job = job_take(call);
    if (job == NULL)
        return;
    if (accept_piece(call, job))
        feed_and_answer(call, job);
    job_give_back(call, job);
}
