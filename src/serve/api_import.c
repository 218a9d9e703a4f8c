/* api_import: import jobs over HTTP: made (POST /v1/imports), looked at, deleted. Their bytes come through api_import_data.c. */
#include "serve/import_job.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

void api_imports(struct call *call);
void api_import_create(struct call *call);
void api_import(struct call *call);
void api_import_delete(struct call *call);
void api_import_rejected(struct call *call);

#define JOBS_MAX 10000

/* --- making one --- */

static bool read_choice(struct call *call, const struct json *root, const char *key, const char *const *names,
                        size_t count, int otherwise, int *value) {
    struct slice text = json_get_text(call->bench->parser, root, key);
    *value = text.size ? job_name_index(names, count, text) : otherwise;
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
    int format = job_name_index(job_format_names, 3, own_format),
        encoding = job_name_index(job_encoding_names, 2, own_encoding);
    if (!read_choice(call, root, "format", job_format_names, 3, format < 0 ? format_by_name(file) : format, &format) ||
        !read_choice(call, root, "encoding", job_encoding_names, 2, encoding < 0 ? IMPORT_UTF8 : encoding, &encoding))
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
    job_copy_text(p, root, "mapping", job->mapping, sizeof job->mapping);
    snprintf(job->source, sizeof job->source, "%s", found.name);
    job_copy_text(p, root, "file", job->file, sizeof job->file);
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
            ? job_save(jobs, &job, &fault)
            : fault_set(&fault, STATUS_CONFLICT, "there are %d jobs, the most there can be; delete old ones", JOBS_MAX);
    if (status == STATUS_OK)
        jobs_add(jobs, &job);
    pthread_mutex_unlock(&jobs->lock);
    if (status == STATUS_OK)
        job_write(&job, &call->json);
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
        job_write(jobs->jobs[i], &call->json);
    pthread_mutex_unlock(&jobs->lock);
    json_end_array(&call->json);
    json_end_object(&call->json);
}

void api_import(struct call *call) {
    struct job *job = job_lock(call);
    if (job == NULL)
        return;
    job_write(job, &call->json);
    pthread_mutex_unlock(&call->serve->jobs->lock);
}

void api_import_rejected(struct call *call) {
    int64_t limit;
    struct job *job = call_integer(call, "limit", 1, 10000, 1000, &limit) ? job_take(call) : NULL;
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
    job_give_back(call, job);
}

void api_import_delete(struct call *call) {
    static const char *const endings[] = {".json", ".rejected"};
    struct jobs *jobs = call->serve->jobs;
    struct fault fault = {0};
    struct job *job = job_take(call);
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
        job_give_back(call, job);
        call_fail(call, status, &fault);
        return;
    }
    pthread_mutex_lock(&jobs->lock);
    size_t index = jobs_index(jobs, job->number);
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
