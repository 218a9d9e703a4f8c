/* import_job: see the header. */
#include "serve/import_job.h"

#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "base/time.h"

const char *const job_state_names[3] = {[JOB_OPEN] = "open", [JOB_DONE] = "done", [JOB_FAILED] = "failed"};
const char *const job_format_names[3] = {[IMPORT_CSV] = "csv", [IMPORT_TSV] = "tsv", [IMPORT_JSONL] = "jsonl"};
const char *const job_encoding_names[2] = {[IMPORT_UTF8] = "utf-8", [IMPORT_GB18030] = "gb18030"};

/* --- on disk --- */

void job_write(const struct job *job, struct json_writer *w) {
    json_object(w);
    json_member_integer(w, "job", (int64_t)job->number);
    json_member_cstring(w, "state", job_state_names[job->state]);
    json_member_cstring(w, "mapping", job->mapping);
    json_member_cstring(w, "source", job->source);
    json_member_cstring(w, "file", job->file);
    json_member_cstring(w, "format", job_format_names[job->format]);
    json_member_cstring(w, "encoding", job_encoding_names[job->encoding]);
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

char *job_path(const struct jobs *jobs, uint64_t number, const char *ending) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%llu%s", jobs->folder, (unsigned long long)number, ending);
    buffer_add_char(&path, 0);
    return path.data;
}

enum status job_save(const struct jobs *jobs, const struct job *job, struct fault *fault) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    char *path = job_path(jobs, job->number, ".json");
    job_write(job, &w);
    buffer_add_char(&text, '\n');
    enum status status = os_write_file(jobs->parts.os, path, buffer_slice(&text), fault);
    buffer_release(&text);
    free(path);
    return status;
}

void job_copy_text(struct json_parser *p, const struct json *object, const char *key, char *into, size_t size) {
    struct slice text = json_get_text(p, object, key);
    size_t bytes = text.size < size - 1 ? text.size : size - 1;
    if (bytes)
        memcpy(into, text.data, bytes);
    into[bytes] = 0;
}

int job_name_index(const char *const *names, size_t count, struct slice name) {
    for (size_t i = 0; i < count; i++) {
        if (name.size == strlen(names[i]) && strncasecmp(names[i], name.data, name.size) == 0)
            return (int)i;
    }
    return -1;
}

static bool job_read(struct json_parser *p, const struct json *root, struct job *job) {
    int state = job_name_index(job_state_names, 3, json_get_text(p, root, "state"));
    int format = job_name_index(job_format_names, 3, json_get_text(p, root, "format"));
    int encoding = job_name_index(job_encoding_names, 2, json_get_text(p, root, "encoding"));
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
    job_copy_text(p, root, "mapping", job->mapping, sizeof job->mapping);
    job_copy_text(p, root, "source", job->source, sizeof job->source);
    job_copy_text(p, root, "file", job->file, sizeof job->file);
    job_copy_text(p, root, "error", job->error, sizeof job->error);
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

void jobs_add(struct jobs *jobs, const struct job *job) {
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
            job_read(l->parser, root, &job) && job.number == strtoull(name, NULL, 10))
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

size_t jobs_index(const struct jobs *jobs, uint64_t number) {
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

struct job *job_lock(struct call *call) {
    struct jobs *jobs = call->serve->jobs;
    struct slice text = call_piece(call, 0);
    char digits[24] = {0};
    uint64_t number = 0;
    if (text.size < sizeof digits) {
        memcpy(digits, text.data, text.size);
        number = strspn(digits, "0123456789") == text.size ? strtoull(digits, NULL, 10) : 0;
    }
    pthread_mutex_lock(&jobs->lock);
    size_t index = number ? jobs_index(jobs, number) : SIZE_MAX;
    if (index != SIZE_MAX)
        return jobs->jobs[index];
    pthread_mutex_unlock(&jobs->lock);
    call_fail_text(call, STATUS_NOT_FOUND, "no import job has the number \"%.*s\"; GET /v1/imports lists them",
                   (int)(text.size < 40 ? text.size : 40), text.data);
    return NULL;
}

struct job *job_take(struct call *call) {
    struct job *job = job_lock(call);
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

void job_give_back(struct call *call, struct job *job) {
    pthread_mutex_lock(&call->serve->jobs->lock);
    assert(job->busy);
    job->busy = false;
    pthread_mutex_unlock(&call->serve->jobs->lock);
}
