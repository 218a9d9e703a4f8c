/* loader: see the header. */
#include "main/loader.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/json_read.h"
#include "base/json_write.h"
#include "main/file_reader.h"

#define PIECE_BYTES ((size_t)4 << 20)
#define BATCH_CALLS 100
#define BATCH_BYTES ((size_t)450 << 10)
#define BUSY_TRIES 200

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool busy(int http) { return http == 429 || http == 503; }

static void pause_ms(unsigned ms) {
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* Sends until the server takes it or says no for good. */
static enum status send_patiently(struct client *c, const char *method, const char *path, struct slice body, int *http,
                                  struct buffer *answer, struct fault *fault) {
    enum status status = STATUS_OK;
    for (unsigned tries = 0; tries < BUSY_TRIES; tries++) {
        status = client_request(c, method, path, "application/json", body, http, answer, fault);
        if (status || !busy(*http))
            return status;
        pause_ms(50);
    }
    return fault_set(fault, STATUS_BUSY, "%s %s: the server stays busy: %.*s", method, path,
                     SLICE_ARG(buffer_slice(answer)));
}

enum status load_request(struct client *c, const char *method, const char *path, struct slice body,
                         struct buffer *answer, struct fault *fault) {
    int http;
    enum status status = send_patiently(c, method, path, body, &http, answer, fault);
    if (!status && http >= 400)
        status = fault_set(fault,
                           http == 404   ? STATUS_NOT_FOUND
                           : http == 409 ? STATUS_CONFLICT
                                         : STATUS_INVALID,
                           "%s %s: %d %.*s", method, path, http, SLICE_ARG(buffer_slice(answer)));
    return status;
}

static enum status read_whole(const char *path, struct buffer *into, struct fault *fault) {
    struct file_reader *reader;
    enum status status = file_reader_open(os_real(), path, &reader, fault);
    if (status)
        return status;
    for (bool last = false; !last && !status;)
        status = file_reader_next(reader, PIECE_BYTES, into, &last, fault);
    file_reader_close(reader);
    return status;
}

/* --- imports --- */

struct import_job {
    struct json_parser *parser;
    struct buffer text, answer; /* the mapping; the server's last answer */
    uint64_t number, offset;
};

/* Defines source and mapping. */
static enum status define(struct client *c, struct import_job *job, const char *mapping_path, struct buffer *name,
                          struct buffer *source, struct fault *fault) {
    const struct json *root;
    struct buffer body = {0};
    struct json_writer w = {.out = &body};
    enum status status = read_whole(mapping_path, &job->text, fault);
    if (!status && json_parse(job->parser, buffer_slice(&job->text), true, &root, fault))
        status = STATUS_INVALID;
    if (status)
        return status;
    struct slice mapping = json_get_text(job->parser, root, "name"), from = json_get_text(job->parser, root, "source");
    if (!mapping.size)
        return fault_set(fault, STATUS_INVALID, "%s: \"name\" is missing; a mapping has one, such as \"orders\"",
                         mapping_path);
    buffer_add_slice(name, mapping);
    buffer_add_slice(source, from.size ? from : mapping);
    json_object(&w);
    json_member_text(&w, "name", buffer_slice(source));
    json_member_cstring(&w, "kind", "file");
    json_end_object(&w);
    status = load_request(c, "POST", "/v1/sources", buffer_slice(&body), &job->answer, fault);
    if (!status)
        status = load_request(c, "POST", "/v1/mappings", buffer_slice(&job->text), &job->answer, fault);
    buffer_release(&body);
    return status;
}

static void add_option(struct json_writer *w, struct import_job *job, const struct json *root, const char *name) {
    struct slice value = json_get_text(job->parser, root, name);
    if (value.size)
        json_member_text(w, name, value);
}

/* The open job of the same file and mapping, or 0. */
static uint64_t open_job(struct client *c, struct import_job *job, struct slice file, struct slice mapping) {
    const struct json *root;
    if (load_request(c, "GET", "/v1/imports", SLICE_NONE, &job->answer, NULL) ||
        json_parse(job->parser, buffer_slice(&job->answer), true, &root, NULL))
        return 0;
    const struct json *list = json_get(job->parser, root, "imports");
    for (const struct json *j = json_first(job->parser, list); j; j = json_next(job->parser, j))
        if (slice_equal(json_get_text(job->parser, j, "file"), file) &&
            slice_equal(json_get_text(job->parser, j, "mapping"), mapping) &&
            slice_is(json_get_text(job->parser, j, "state"), "open")) {
            job->offset = (uint64_t)json_get_integer(job->parser, j, "offset", 0);
            return (uint64_t)json_get_integer(job->parser, j, "job", 0);
        }
    return 0;
}

static enum status create_job(struct client *c, struct import_job *job, const char *path, uint64_t bytes,
                              struct slice name, struct slice source, bool resume, struct fault *fault) {
    const char *slash = strrchr(path, '/');
    struct slice file = slice_text(slash ? slash + 1 : path);
    struct buffer body = {0};
    struct json_writer w = {.out = &body};
    const struct json *root;
    if (resume && (job->number = open_job(c, job, file, name)))
        return STATUS_OK;
    if (json_parse(job->parser, buffer_slice(&job->text), true, &root, fault))
        return STATUS_INVALID;
    json_object(&w);
    json_member_text(&w, "mapping", name);
    json_member_text(&w, "source", source);
    json_member_text(&w, "file", file);
    add_option(&w, job, root, "format");
    add_option(&w, job, root, "encoding");
    json_member_bool(&w, "drop_repeats", slice_is(json_get_text(job->parser, root, "repeats"), "drop"));
    json_member_integer(&w, "bytes", (int64_t)bytes);
    json_end_object(&w);
    enum status status = load_request(c, "POST", "/v1/imports", buffer_slice(&body), &job->answer, fault);
    buffer_release(&body);
    if (!status && json_parse(job->parser, buffer_slice(&job->answer), true, &root, fault))
        status = STATUS_INVALID;
    if (!status)
        job->number = (uint64_t)json_get_integer(job->parser, root, "job", 0);
    return status;
}

/* Sends `bytes`, which stand at `offset` of the file, without what the server has already. */
static enum status send_piece(struct client *c, struct import_job *job, struct slice bytes, uint64_t offset, bool last,
                              struct fault *fault) {
    char target[128];
    uint64_t skip = job->offset > offset ? job->offset - offset : 0;
    skip = skip < bytes.size ? skip : bytes.size;
    if (skip == bytes.size && !last)
        return STATUS_OK;
    snprintf(target, sizeof target, "/v1/imports/%llu/data?offset=%llu&last=%d", (unsigned long long)job->number,
             (unsigned long long)(offset + skip), last);
    return load_request(c, "POST", target, slice_of(bytes.data + skip, bytes.size - skip), &job->answer, fault);
}

static enum status send_file(struct client *c, struct import_job *job, struct file_reader *reader, const char *path,
                             load_progress progress, void *context, struct fault *fault) {
    struct buffer piece = {0};
    uint64_t offset = 0, total;
    enum status status = STATUS_OK;
    bool plain;
    total = file_reader_bytes(reader, &plain);
    for (bool last = false; !status && !last;) {
        buffer_clear(&piece);
        status = file_reader_next(reader, PIECE_BYTES, &piece, &last, fault);
        size_t at = 0;
        do { /* what inflated may be more than one piece */
            size_t size = piece.size - at < PIECE_BYTES ? piece.size - at : PIECE_BYTES;
            if (!status)
                status =
                    send_piece(c, job, slice_of(piece.data + at, size), offset, last && at + size == piece.size, fault);
            at += size;
            offset += size;
        } while (!status && at < piece.size);
        if (progress && !status)
            progress(context, path, offset, plain ? total : 0);
    }
    buffer_release(&piece);
    return status;
}

static void read_counts(struct import_job *job, struct load_counts *counts) {
    const struct json *root;
    if (json_parse(job->parser, buffer_slice(&job->answer), true, &root, NULL))
        return;
    counts->bytes = (uint64_t)json_get_integer(job->parser, root, "offset", 0);
    counts->lines = (uint64_t)json_get_integer(job->parser, root, "lines", 0);
    counts->rows = (uint64_t)json_get_integer(job->parser, root, "rows", 0);
    counts->repeats = (uint64_t)json_get_integer(job->parser, root, "repeats", 0);
    counts->rejected = (uint64_t)json_get_integer(job->parser, root, "rejected", 0);
}

enum status load_import(struct client *c, const char *path, const char *mapping_path, bool resume,
                        load_progress progress, void *context, struct load_counts *counts, struct fault *fault) {
    struct import_job job = {.parser = json_parser_create()};
    struct buffer name = {0}, source = {0};
    struct file_reader *reader = NULL;
    double began = now_s();
    bool plain = false;
    enum status status = file_reader_open(os_real(), path, &reader, fault);
    uint64_t total = status ? 0 : file_reader_bytes(reader, &plain);
    if (!status)
        status = define(c, &job, mapping_path, &name, &source, fault);
    if (!status)
        status =
            create_job(c, &job, path, plain ? total : 0, buffer_slice(&name), buffer_slice(&source), resume, fault);
    if (!status)
        status = send_file(c, &job, reader, path, progress, context, fault);
    file_reader_close(reader);
    *counts = (struct load_counts){.job = job.number, .seconds = now_s() - began};
    if (!status)
        read_counts(&job, counts);
    json_parser_free(job.parser);
    buffer_release(&job.text);
    buffer_release(&job.answer);
    buffer_release(&name);
    buffer_release(&source);
    return status;
}

/* --- Segment calls --- */

static void begin_batch(struct buffer *batch) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    struct json_writer w = {.out = batch};
    buffer_clear(batch);
    json_object(&w);
    json_member_time(&w, "sentAt", (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    buffer_print(batch, ",\"batch\":[");
}

/* Sends the batch; calls it refuses are counted, a batch it cannot read is sent call by call. */
static enum status send_batch(struct client *c, struct json_parser *p, struct buffer *batch, uint64_t calls,
                              struct load_counts *counts, struct fault *fault) {
    struct buffer answer = {0};
    const struct json *root;
    int http = 0;
    buffer_print(batch, "]}");
    enum status status = send_patiently(c, "POST", "/v1/batch", buffer_slice(batch), &http, &answer, fault);
    if (!status && http >= 400)
        counts->rejected += calls;
    else if (!status && !json_parse(p, buffer_slice(&answer), true, &root, NULL)) {
        const struct json *rejected = json_get(p, root, "rejected");
        counts->rejected += rejected && rejected->kind == JSON_ARRAY ? rejected->count : 0;
    }
    counts->bytes += batch->size;
    counts->rows += calls;
    buffer_release(&answer);
    return status;
}

/* A line that is no JSON would spoil its batch: it goes alone, and is refused alone. */
static bool sound(struct json_parser *p, struct slice line) {
    const struct json *root;
    return !json_parse(p, line, false, &root, NULL);
}

enum status load_segment(struct client *c, const char *path, load_progress progress, void *context,
                         struct load_counts *counts, struct fault *fault) {
    struct buffer text = {0}, batch = {0};
    struct json_parser *p = json_parser_create();
    double began = now_s();
    uint64_t calls = 0;
    *counts = (struct load_counts){0};
    enum status status = read_whole(path, &text, fault);
    for (size_t at = 0; at < text.size && !status;) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        struct slice line = {text.data + at, end ? (size_t)(end - text.data) - at : text.size - at};
        at += line.size + 1;
        line = slice_trim(line);
        counts->lines++;
        if (!line.size)
            continue;
        if (!sound(p, line)) {
            counts->rejected++;
            counts->rows++;
            continue;
        }
        if (!calls)
            begin_batch(&batch);
        else
            buffer_add_char(&batch, ',');
        buffer_add_slice(&batch, line);
        if (++calls == BATCH_CALLS || batch.size > BATCH_BYTES - (48 << 10)) {
            status = send_batch(c, p, &batch, calls, counts, fault);
            calls = 0;
            if (progress)
                progress(context, path, at, text.size);
        }
    }
    if (calls && !status)
        status = send_batch(c, p, &batch, calls, counts, fault);
    counts->seconds = now_s() - began;
    json_parser_free(p);
    buffer_release(&text);
    buffer_release(&batch);
    return status;
}
