/* api_import: import jobs over HTTP.
 *
 * POST /v1/imports makes a job; POST /v1/imports/{job}/data brings the file's bytes, in order, in pieces of any size, and
 * is answered when the rows that became whole are durable. What a job is stands in imports/<job>.json of the data folder
 * with the line up to which its rows are in the log; the reader's own state (quotes open, rows seen) does not. So after a
 * restart, or when the log failed in the middle of a piece, a job begins at offset 0 again: the bytes are read once more,
 * and rows up to that line are not given again.
 *
 * Lock: `lock` guards everything but what a busy job's worker alone touches (`import`); it is not held while feeding. */
#include "serve/api_import.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/time.h"
#include "collect/import.h"
#include "collect/payload.h"
#include "serve/serve_inside.h"

void api_imports(struct call *call);
void api_import_create(struct call *call);
void api_import(struct call *call);
void api_import_delete(struct call *call);
void api_import_data(struct call *call);
void api_import_rejected(struct call *call);

#define JOBS_MAX 10000
#define JOBS_READING_MAX 8 /* with a reader in memory, which remembers every row's hash */
#define JOB_IDLE_MS 60000  /* after which a job makes room for another, where there is none */
#define FEED_BYTES (256u << 10)
#define UNIT_RECORDS_MAX 1000
#define UNIT_BYTES_MAX (4u << 20)

enum job_state { JOB_OPEN, JOB_DONE, JOB_FAILED };
static const char *const state_names[] = {[JOB_OPEN] = "open", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};
static const char *const format_names[] = {[IMPORT_CSV] = "csv", [IMPORT_TSV] = "tsv", [IMPORT_JSONL] = "jsonl"};
static const char *const encoding_names[] = {[IMPORT_UTF8] = "utf-8", [IMPORT_GB18030] = "gb18030"};

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

/* --- on disk --- */

static void write_job(const struct job *job, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "job", (int64_t)job->number);
    json_member_cstring(w, "state", state_names[job->state]);
    json_member_cstring(w, "mapping", job->mapping);
    json_member_cstring(w, "source", job->source);
    json_member_cstring(w, "file", job->file);
    json_member_cstring(w, "format", format_names[job->format]);
    json_member_cstring(w, "encoding", encoding_names[job->encoding]);
    json_member_bool(w, "drop_repeats", job->drop_repeats);
    json_member_integer(w, "bytes", (int64_t)job->bytes);
    json_member_integer(w, "offset", (int64_t)job->offset);
    json_member_integer(w, "lines", (int64_t)job->counters.lines);
    json_member_integer(w, "rows", (int64_t)job->counters.rows);
    json_member_integer(w, "repeats", (int64_t)job->counters.repeats);
    json_member_integer(w, "rejected", (int64_t)job->counters.rejected);
    json_member_integer(w, "given", (int64_t)job->counters.given);
    json_member_integer(w, "durable_line", (int64_t)job->durable_line);
    json_member_time(w, "created", job->created_ms);
    if (job->finished_ms)
        json_member_time(w, "finished", job->finished_ms);
    if (job->error[0])
        json_member_cstring(w, "error", job->error);
    json_end_object(w);
}

static char *job_path(const struct jobs *jobs, uint64_t number, const char *ending) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%llu%s", jobs->folder, (unsigned long long)number, ending);
    buffer_add_char(&path, 0);
    return path.data;
}

static enum status save_job(const struct jobs *jobs, const struct job *job, struct fault *fault) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    char *path = job_path(jobs, job->number, ".json");
    write_job(job, &w);
    buffer_add_char(&text, '\n');
    enum status status = os_write_file(jobs->parts.os, path, buffer_slice(&text), fault);
    buffer_release(&text);
    free(path);
    return status;
}

static void copy_text(struct json_parser *p, const struct json *object, const char *key, char *into, size_t size) {
    struct slice text = json_get_text(p, object, key);
    size_t bytes = text.size < size - 1 ? text.size : size - 1;
    if (bytes)
        memcpy(into, text.data, bytes);
    into[bytes] = 0;
}

static int name_index(const char *const *names, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (name.size == strlen(names[i]) && strncasecmp(names[i], name.data, name.size) == 0)
            return (int)i;
    }
    return -1;
}

static bool read_job(struct json_parser *p, const struct json *root, struct job *job) {
    int state = name_index(state_names, 3, json_get_text(p, root, "state"));
    int format = name_index(format_names, 3, json_get_text(p, root, "format"));
    int encoding = name_index(encoding_names, 2, json_get_text(p, root, "encoding"));
    bool zoned;
    if (state < 0 || format < 0 || encoding < 0)
        return false;
    *job = (struct job){.state = (enum job_state)state,
                        .format = (enum import_format)format,
                        .encoding = (enum import_encoding)encoding,
                        .drop_repeats = json_get_bool(p, root, "drop_repeats", false),
                        .number = (uint64_t)json_get_integer(p, root, "job", 0),
                        .bytes = (uint64_t)json_get_integer(p, root, "bytes", 0),
                        .durable_line = (uint64_t)json_get_integer(p, root, "durable_line", 0)};
    copy_text(p, root, "mapping", job->mapping, sizeof job->mapping);
    copy_text(p, root, "source", job->source, sizeof job->source);
    copy_text(p, root, "file", job->file, sizeof job->file);
    copy_text(p, root, "error", job->error, sizeof job->error);
    if (time_parse_iso(json_get_text(p, root, "created"), &job->created_ms, &zoned) != STATUS_OK)
        return false;
    if (time_parse_iso(json_get_text(p, root, "finished"), &job->finished_ms, &zoned) != STATUS_OK)
        job->finished_ms = 0;
    if (job->state == JOB_OPEN) /* its reader is gone: the file is read from its start again */
        return job->number > 0;
    job->offset = (uint64_t)json_get_integer(p, root, "offset", 0);
    job->counters = (struct import_counters){.lines = (uint64_t)json_get_integer(p, root, "lines", 0),
                                             .rows = (uint64_t)json_get_integer(p, root, "rows", 0),
                                             .repeats = (uint64_t)json_get_integer(p, root, "repeats", 0),
                                             .rejected = (uint64_t)json_get_integer(p, root, "rejected", 0),
                                             .given = (uint64_t)json_get_integer(p, root, "given", 0)};
    return job->number > 0;
}

static void jobs_add(struct jobs *jobs, const struct job *job) {
    struct job *copy = memory_get(1, sizeof *copy);
    *copy = *job;
    jobs->jobs = memory_resize(jobs->jobs, jobs->count + 1, sizeof *jobs->jobs);
    size_t at = jobs->count++;
    for (; at > 0 && jobs->jobs[at - 1]->number > job->number; at--)
        jobs->jobs[at] = jobs->jobs[at - 1];
    jobs->jobs[at] = copy;
    if (job->number > jobs->last_number)
        jobs->last_number = job->number;
}

struct loading {
    struct jobs *jobs;
    struct json_parser *parser;
    struct fault *fault;
    enum status status;
};

static void load_each(void *context, const char *name) {
    struct loading *l = context;
    struct buffer text = {0}, path = {0};
    const struct json *root;
    struct job job;
    size_t size = strlen(name), digits = strspn(name, "0123456789");
    if (l->status != STATUS_OK || digits == 0 || size != digits + 5 || strcmp(name + digits, ".json") != 0)
        return;
    buffer_print(&path, "%s/%s", l->jobs->folder, name);
    buffer_add_char(&path, 0);
    l->status = os_read_file(l->jobs->parts.os, path.data, &text, l->fault);
    if (l->status == STATUS_OK) {
        if (json_parse(l->parser, buffer_slice(&text), true, &root, NULL) == STATUS_OK &&
            read_job(l->parser, root, &job) && job.number == strtoull(name, NULL, 10))
            jobs_add(l->jobs, &job);
        else
            l->status =
                fault_set(l->fault, STATUS_DAMAGED, "%s: this is no import job as this program writes it", path.data);
    }
    buffer_release(&text);
    buffer_release(&path);
}

enum status jobs_create(const struct serve_parts *parts, struct jobs **out, struct fault *fault) {
    struct jobs *jobs = memory_get(1, sizeof *jobs);
    struct buffer folder = {0};
    buffer_print(&folder, "%s/imports", parts->folder);
    buffer_add_char(&folder, 0);
    jobs->parts = *parts;
    jobs->folder = folder.data;
    pthread_mutex_init(&jobs->lock, NULL);
    struct loading loading = {jobs, json_parser_create(), fault, STATUS_OK};
    enum status status = os_make_folder(parts->os, jobs->folder, fault);
    if (status == STATUS_OK)
        status = os_list(parts->os, jobs->folder, load_each, &loading, fault);
    if (status == STATUS_OK)
        status = loading.status;
    json_parser_free(loading.parser);
    if (status != STATUS_OK)
        jobs_free(jobs);
    else
        *out = jobs;
    return status;
}

void jobs_free(struct jobs *jobs) {
    if (jobs == NULL)
        return;
    for (size_t i = 0; i < jobs->count; i++) {
        assert(!jobs->jobs[i]->busy);
        import_free(jobs->jobs[i]->import);
        free(jobs->jobs[i]);
    }
    free(jobs->jobs);
    free(jobs->folder);
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}

void jobs_counters_read(struct jobs *jobs, struct jobs_counters *out) {
    pthread_mutex_lock(&jobs->lock);
    *out = (struct jobs_counters){.jobs = jobs->count, .rows = jobs->rows, .rejected = jobs->rejected};
    for (size_t i = 0; i < jobs->count; i++)
        out->open += jobs->jobs[i]->state == JOB_OPEN;
    pthread_mutex_unlock(&jobs->lock);
}

/* --- finding and holding a job --- */

static size_t job_index(const struct jobs *jobs, uint64_t number) {
    size_t low = 0, high = jobs->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (jobs->jobs[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < jobs->count && jobs->jobs[low]->number == number ? low : SIZE_MAX;
}

/* The job named in the path, with the lock held; NULL, without the lock, after failing the call. */
static struct job *lock_job(struct call *call) {
    struct jobs *jobs = call->serve->jobs;
    struct slice text = call_piece(call, 0);
    char digits[24] = {0};
    uint64_t number = 0;
    if (text.size < sizeof digits) {
        memcpy(digits, text.data, text.size);
        number = strspn(digits, "0123456789") == text.size ? strtoull(digits, NULL, 10) : 0;
    }
    pthread_mutex_lock(&jobs->lock);
    size_t index = number ? job_index(jobs, number) : SIZE_MAX;
    if (index != SIZE_MAX)
        return jobs->jobs[index];
    pthread_mutex_unlock(&jobs->lock);
    call_fail_text(call, STATUS_NOT_FOUND, "no import job has the number \"%.*s\"; GET /v1/imports lists them",
                   (int)(text.size < 40 ? text.size : 40), text.data);
    return NULL;
}

/* As lock_job, but makes the job this call's own and lets go of the lock. */
static struct job *take_job(struct call *call) {
    struct job *job = lock_job(call);
    if (job == NULL)
        return NULL;
    bool busy = job->busy;
    job->busy = true;
    job->used_ms = os_now_ms(call->parts->os);
    pthread_mutex_unlock(&call->serve->jobs->lock);
    if (!busy)
        return job;
    call_fail_text(call, STATUS_BUSY, "another call works this job; send pieces one after another");
    return NULL;
}

static void give_back(struct call *call, struct job *job) {
    pthread_mutex_lock(&call->serve->jobs->lock);
    assert(job->busy);
    job->busy = false;
    pthread_mutex_unlock(&call->serve->jobs->lock);
}

/* --- making one --- */

static bool read_choice(struct call *call, const struct json *root, const char *key, const char *const *names,
                        size_t count, int otherwise, int *value) {
    struct slice text = json_get_text(call->bench->parser, root, key);
    *value = text.size ? name_index(names, count, text) : otherwise;
    if (*value < 0)
        call_fail_text(call, STATUS_INVALID, "\"%s\" must be one of %s, %s%s%s", key, names[0], names[1],
                       count > 2 ? ", " : "", count > 2 ? names[2] : "");
    return *value >= 0;
}

static int format_by_name(struct slice file) {
    static const struct {
        const char *ending;
        enum import_format format;
    } endings[] = {{".tsv", IMPORT_TSV},
                   {".tab", IMPORT_TSV},
                   {".jsonl", IMPORT_JSONL},
                   {".ndjson", IMPORT_JSONL},
                   {".json", IMPORT_JSONL}};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i].ending);
        if (file.size > size && strncasecmp(file.data + file.size - size, endings[i].ending, size) == 0)
            return (int)endings[i].format;
    }
    return IMPORT_CSV;
}

/* The mapping as it was defined, parsed by `p`; NULL after failing the call. */
static const struct json *read_mapping(struct call *call, struct slice name, struct json_parser *p) {
    const struct json *mapping = NULL;
    buffer_clear(&call->bench->text);
    if (name.size >= sizeof((struct job *)0)->mapping ||
        !govern_mapping_json(call->parts->govern, name, &call->bench->text) ||
        json_parse(p, buffer_slice(&call->bench->text), true, &mapping, NULL) != STATUS_OK)
        call_fail_text(call, STATUS_NOT_FOUND,
                       "\"mapping\" is \"%.*s\"; no mapping is called so; POST /v1/mappings defines one",
                       (int)(name.size < 80 ? name.size : 80), name.data);
    return call->failed ? NULL : mapping;
}

/* What the definition leaves out stands in the mapping; what neither says has a default. `mapping` was parsed by `m`. */
static bool read_definition(struct call *call, const struct json *root, struct json_parser *m,
                            const struct json *mapping, struct job *job) {
    struct json_parser *p = call->bench->parser;
    struct slice source = json_get_text(p, root, "source"), file = json_get_text(p, root, "file");
    struct slice own_format = json_get_text(m, mapping, "format"), own_encoding = json_get_text(m, mapping, "encoding");
    struct source found;
    int format = name_index(format_names, 3, own_format), encoding = name_index(encoding_names, 2, own_encoding);
    if (!read_choice(call, root, "format", format_names, 3, format < 0 ? format_by_name(file) : format, &format) ||
        !read_choice(call, root, "encoding", encoding_names, 2, encoding < 0 ? IMPORT_UTF8 : encoding, &encoding))
        return false;
    if (source.size == 0)
        source = json_get_text(m, mapping, "source");
    if (source.size == 0)
        call_fail_text(call, STATUS_INVALID, "\"source\" must name the source, as the mapping names none");
    else if (!sources_by_name(call->parts->sources, source, &found))
        call_fail_text(call, STATUS_NOT_FOUND,
                       "\"source\" is \"%.*s\"; no source is called so; POST /v1/sources makes one",
                       (int)(source.size < 80 ? source.size : 80), source.data);
    else if (file.size == 0 || file.size >= sizeof job->file)
        call_fail_text(call, STATUS_INVALID, "\"file\" must be the file's name, at most %zu bytes",
                       sizeof job->file - 1);
    if (call->failed)
        return false;
    bool drop = slice_is(json_get_text(m, mapping, "repeats"), "drop");
    *job = (struct job){.format = (enum import_format)format,
                        .encoding = (enum import_encoding)encoding,
                        .drop_repeats = json_get_bool(p, root, "drop_repeats", drop),
                        .created_ms = os_now_ms(call->parts->os)};
    int64_t bytes = json_get_integer(p, root, "bytes", 0);
    job->bytes = bytes > 0 ? (uint64_t)bytes : 0;
    copy_text(p, root, "mapping", job->mapping, sizeof job->mapping);
    snprintf(job->source, sizeof job->source, "%s", found.name);
    copy_text(p, root, "file", job->file, sizeof job->file);
    return true;
}

void api_import_create(struct call *call) {
    struct jobs *jobs = call->serve->jobs;
    struct fault fault = {0};
    struct job job;
    const struct json *root = call_body(call);
    if (root == NULL)
        return;
    struct json_parser *parser = json_parser_create();
    const struct json *mapping = read_mapping(call, json_get_text(call->bench->parser, root, "mapping"), parser);
    bool good = mapping && read_definition(call, root, parser, mapping, &job);
    json_parser_free(parser);
    if (!good)
        return;
    pthread_mutex_lock(&jobs->lock);
    job.number = jobs->last_number + 1;
    enum status status =
        jobs->count < JOBS_MAX
            ? save_job(jobs, &job, &fault)
            : fault_set(&fault, STATUS_CONFLICT, "there are %d jobs, the most there can be; delete old ones", JOBS_MAX);
    if (status == STATUS_OK)
        jobs_add(jobs, &job);
    pthread_mutex_unlock(&jobs->lock);
    if (status == STATUS_OK)
        write_job(&job, &call->json);
    else
        call_fail(call, status, &fault);
}

/* --- reading --- */

void api_imports(struct call *call) {
    struct jobs *jobs = call->serve->jobs;
    json_object(&call->json);
    json_key(&call->json, "imports");
    json_array(&call->json);
    pthread_mutex_lock(&jobs->lock);
    for (size_t i = 0; i < jobs->count; i++)
        write_job(jobs->jobs[i], &call->json);
    pthread_mutex_unlock(&jobs->lock);
    json_end_array(&call->json);
    json_end_object(&call->json);
}

void api_import(struct call *call) {
    struct job *job = lock_job(call);
    if (job == NULL)
        return;
    write_job(job, &call->json);
    pthread_mutex_unlock(&call->serve->jobs->lock);
}

void api_import_rejected(struct call *call) {
    int64_t limit;
    struct job *job = call_integer(call, "limit", 1, 10000, 1000, &limit) ? take_job(call) : NULL;
    if (job == NULL)
        return;
    json_object(&call->json);
    json_key(&call->json, "rejected");
    if (job->import) {
        import_rejected_json(job->import, &call->json, (size_t)limit);
    } else {
        char *path = job_path(call->serve->jobs, job->number, ".rejected");
        buffer_clear(&call->bench->text);
        bool there = os_read_file(call->parts->os, path, &call->bench->text, NULL) == STATUS_OK;
        json_raw(&call->json, there ? buffer_slice(&call->bench->text) : SLICE("[]"));
        free(path);
    }
    json_end_object(&call->json);
    give_back(call, job);
}

void api_import_delete(struct call *call) {
    static const char *const endings[] = {".json", ".rejected"};
    struct jobs *jobs = call->serve->jobs;
    struct fault fault = {0};
    struct job *job = take_job(call);
    enum status status = STATUS_OK;
    if (job == NULL)
        return;
    for (size_t i = 0; i < 2; i++) {
        char *path = job_path(jobs, job->number, endings[i]);
        enum status removed = os_remove(call->parts->os, path, &fault);
        status = status == STATUS_OK && removed != STATUS_NOT_FOUND ? removed : status;
        free(path);
    }
    if (status != STATUS_OK) {
        give_back(call, job);
        call_fail(call, status, &fault);
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    size_t index = job_index(jobs, job->number);
    assert(index != SIZE_MAX);
    memmove(jobs->jobs + index, jobs->jobs + index + 1, (jobs->count - index - 1) * sizeof *jobs->jobs);
    jobs->count--;
    pthread_mutex_unlock(&jobs->lock);
    import_free(job->import);
    free(job);
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

/* --- feeding --- */

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
                       state_names[job->state]);
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
    enum status status = save_job(jobs, job, fault);
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
        write_job(job, &call->json);
}

void api_import_data(struct call *call) {
    struct job *job = take_job(call);
    if (job == NULL)
        return;
    if (accept_piece(call, job))
        feed_and_answer(call, job);
    give_back(call, job);
}
