/* serve_model: see serve_model.h. The fold is main's in short: no deduplication, no checkpoints. */
#include "serve/serve_model.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct model {
    struct serve_parts parts;
    struct serve *serve;
    struct json_parser *json;
    struct log_reader *reader;
    struct governed *governed;
    struct resolution *resolution;
    char *folder;
    pthread_t thread;
    _Atomic bool stopping, paused;
};

static void must(enum status status, const struct fault *fault) {
    if (status == STATUS_OK)
        return;
    fprintf(stderr, "model: %s: %s\n", status_name(status), fault ? fault->text : "");
    abort();
}

/* --- the fold --- */

static void apply_data(struct model *f, const struct log_record *raw) {
    struct governed *g = f->governed;
    struct resolution *r = f->resolution;
    govern_apply(f->parts.govern, raw, g);
    if (g->quarantined)
        return;
    if (g->record_count && g->records[0]->kind == TYPE_MASTER) {
        for (size_t i = 0; i < g->record_count; i++)
            master_put(f->parts.master, g->records[i]);
        return;
    }
    if (identity_resolve(f->parts.identity, g, raw->position, (unsigned)g->record_count, r) != STATUS_OK)
        return;
    for (size_t i = 0; i < r->merge_count; i++)
        history_merge(f->parts.history, r->merges[i].winner, r->merges[i].loser);
    for (size_t i = 0; i < r->move_count; i++)
        history_move(f->parts.history, r->moves[i].from, r->moves[i].to, r->moves[i].arrivals,
                     r->moves[i].arrival_count);
    for (size_t i = 0; i < g->record_count; i++) {
        if (g->owners[i] || g->records[i]->kind == TYPE_RELATION)
            continue; /* other customers than the record's own are main's to find */
        g->records[i]->arrival = r->arrival.number;
        g->records[i]->document = r->documents[i].number;
        history_append(f->parts.history, r->customer, g->records[i]);
    }
}

static void apply_definition(struct model *f, const struct log_record *raw) {
    struct fault fault = {0};
    const struct json *root;
    must(json_parse(f->json, raw->payload, true, &root, &fault), &fault);
    struct slice what = json_get_text(f->json, root, "define");
    if (slice_is(what, "source") || slice_is(what, "key"))
        must(sources_define(f->parts.sources, f->json, root, &fault), &fault);
    else if (slice_is(what, "mapping"))
        must(govern_define_mapping(f->parts.govern, f->json, root, &fault), &fault);
    else if (what.size)
        must(dictionary_define(f->parts.dictionary, f->json, root, &fault), &fault);
}

static void *fold_run(void *context) {
    struct model *f = context;
    struct log_record raw;
    struct fault fault = {0};
    uint64_t position = 0;
    while (!atomic_load(&f->stopping)) {
        if (atomic_load(&f->paused)) {
            usleep(1000);
            continue;
        }
        size_t count = 0;
        enum status status = STATUS_OK;
        while (count < 1000 && (status = log_read(f->reader, &raw, &fault)) == STATUS_OK) {
            if (raw.kind == LOG_SEGMENT_ITEM || raw.kind == LOG_ROW)
                apply_data(f, &raw);
            else if (raw.kind == LOG_DEFINE)
                apply_definition(f, &raw);
            position = raw.position;
            count++;
        }
        must(status == STATUS_END ? STATUS_OK : status, &fault);
        if (count)
            history_advance(f->parts.history, position);
        else
            log_wait(f->parts.log, position, 20);
    }
    return NULL;
}

/* --- opening --- */

__attribute__((format(printf, 2, 0))) static void define(struct model *f, const char *format, const char *argument) {
    struct buffer text = {0};
    struct fault fault = {0};
    buffer_print(&text, format, argument); /* every format is one of this file's */
    struct log_record record = {
        .kind = LOG_DEFINE, .received_ms = os_now_ms(f->parts.os), .payload = buffer_slice(&text)};
    must(log_append(f->parts.log, &record, 1, &fault), &fault);
    buffer_release(&text);
}

static void define_all(struct model *f) {
    char hash[65];
    define(f, "{\"define\":\"source\",\"name\":\"%s\",\"kind\":\"segment\"}", "web");
    define(f, "{\"define\":\"source\",\"name\":\"%s\",\"kind\":\"file\"}", "files");
    sources_hash_key(SLICE(MODEL_WRITE_KEY), hash);
    define(f, "{\"define\":\"key\",\"role\":\"write\",\"source\":\"web\",\"hash\":\"%s\"}", hash);
    sources_hash_key(SLICE(MODEL_ADMIN_KEY), hash);
    define(f, "{\"define\":\"key\",\"role\":\"admin\",\"hash\":\"%s\"}", hash);
}

static char *in_folder(const char *folder, const char *name) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%s", folder, name);
    buffer_add_char(&path, 0);
    return path.data;
}

static void open_parts(struct model *f, struct os *os) {
    struct fault fault = {0};
    struct serve_parts *p = &f->parts;
    char *log = in_folder(f->folder, "log"), *history = in_folder(f->folder, "history");
    p->os = os;
    p->folder = f->folder;
    must(os_make_folder(p->os, f->folder, &fault), &fault);
    must(log_open(p->os, log, &(struct log_options){0}, &p->log, &fault), &fault);
    must(log_start(p->log, &fault), &fault);
    p->sources = sources_create(p->os);
    p->dictionary = dictionary_create();
    p->govern = govern_create(p->os, p->dictionary);
    p->identity = identity_create(p->os, p->dictionary);
    must(history_create(p->os, history, p->dictionary, &(struct history_options){0}, &p->history, &fault), &fault);
    p->master = master_create(p->dictionary);
    free(log);
    free(history);
}

struct model *model_open(const char *folder, const struct serve_options *options) {
    return model_open_on(os_real(), folder, options);
}

struct model *model_open_on(struct os *os, const char *folder, const struct serve_options *options) {
    struct model *f = memory_get(1, sizeof *f);
    struct fault fault = {0};
    f->folder = memory_text(slice_text(folder));
    f->json = json_parser_create();
    f->governed = memory_get(1, sizeof *f->governed);
    f->resolution = memory_get(1, sizeof *f->resolution);
    open_parts(f, os);
    bool fresh = log_durable(f->parts.log) == 0;
    must(log_reader_open(f->parts.log, log_first(f->parts.log), &f->reader, &fault), &fault);
    if (pthread_create(&f->thread, NULL, fold_run, f) != 0)
        abort();
    if (fresh) {
        define_all(f);
        while (!sources_has_admin(f->parts.sources))
            usleep(500);
    }
    model_settle(f);
    must(serve_start(&f->parts, options, &f->serve, &fault), &fault);
    return f;
}

void model_close(struct model *f) {
    struct serve_parts *p = &f->parts;
    serve_stop(f->serve);
    atomic_store(&f->stopping, true);
    pthread_join(f->thread, NULL);
    log_reader_close(f->reader);
    log_close(p->log);
    master_free(p->master);
    history_free(p->history);
    identity_free(p->identity);
    govern_free(p->govern);
    dictionary_free(p->dictionary);
    sources_free(p->sources);
    json_parser_free(f->json);
    free(f->governed);
    free(f->resolution);
    free(f->folder);
    free(f);
}

uint16_t model_port(const struct model *f) { return serve_port(f->serve); }

const struct serve_parts *model_parts(const struct model *f) { return &f->parts; }

void model_pause(struct model *f, bool paused) { atomic_store(&f->paused, paused); }

void model_settle(struct model *f) {
    while (history_position(f->parts.history) < log_durable(f->parts.log))
        history_wait(f->parts.history, log_durable(f->parts.log), 100);
}
