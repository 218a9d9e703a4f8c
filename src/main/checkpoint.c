/* checkpoint: see the header. */
#include "main/checkpoint.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "audience/audience.h"
#include "main/fold.h"
#include "os/image.h"

struct checkpoint {
    struct engine *engine;
    uint64_t number, position;
    struct image_writer *flow;
    struct identity_image *identity;
    struct seen_image *seen;
    struct history_image *history;
    struct audience_image *audience;
};

static char *state_path(const struct engine *e) {
    struct buffer path = {0};
    buffer_print(&path, "%s/state%c", e->folder, 0);
    return path.data;
}

/* "<folder>/state/<number>.<part>"; free() it. */
static char *part_path(const struct engine *e, uint64_t number, const char *part) {
    struct buffer path = {0};
    buffer_print(&path, "%s/state/%llu.%s%c", e->folder, (unsigned long long)number, part, 0);
    return path.data;
}

static char *current_path(const struct engine *e) {
    struct buffer path = {0};
    buffer_print(&path, "%s/state/current%c", e->folder, 0);
    return path.data;
}

static enum status save_flow(struct engine *e, struct image_writer *flow, struct fault *fault) {
    struct buffer text = {0};
    sources_save(e->sources, &text);
    enum status status = image_add(flow, "sources", text.data, text.size, fault);
    buffer_release(&text);
    if (!status)
        status = govern_save(e->govern, flow, fault);
    if (!status)
        status = master_save(e->master, flow, fault);
    if (!status)
        status = fold_save(e->fold, flow, fault);
    return status;
}

enum status checkpoint_begin(struct engine *e, uint64_t number, struct checkpoint **checkpoint, struct fault *fault) {
    struct image_writer *flow;
    char *path = part_path(e, number, "flow");
    enum status status = image_create(e->os, path, &flow, fault);
    free(path);
    if (status)
        return status;
    status = save_flow(e, flow, fault);
    if (status) {
        image_abandon(flow);
        return status;
    }
    struct checkpoint *c = memory_get(1, sizeof *c);
    *c = (struct checkpoint){e,
                             number,
                             fold_position(e->fold),
                             flow,
                             identity_freeze(e->identity),
                             seen_freeze(e->seen),
                             history_freeze(e->history),
                             audience_freeze(e->audience)};
    *checkpoint = c;
    return STATUS_OK;
}

static enum status write_parts(struct checkpoint *c, struct fault *fault) {
    char *identity = part_path(c->engine, c->number, "identity"), *seen = part_path(c->engine, c->number, "seen"),
         *history = part_path(c->engine, c->number, "history"), *audience = part_path(c->engine, c->number, "audience");
    enum status status = image_finish(c->flow, NULL, fault);
    c->flow = NULL;
    if (!status)
        status = identity_write(c->identity, identity, fault);
    if (!status)
        status = seen_write(c->seen, seen, fault);
    if (!status)
        status = history_write(c->history, history, fault);
    if (!status)
        status = audience_write(c->audience, audience, fault);
    free(identity);
    free(seen);
    free(history);
    free(audience);
    return status;
}

/* Names of files in state/ that are not of checkpoint `number`. */
struct sweep {
    const struct engine *engine;
    uint64_t number;
    struct buffer names;
};

static void sweep_name(void *context, const char *name) {
    struct sweep *s = context;
    unsigned long long number;
    if (strcmp(name, "current") != 0 && !(sscanf(name, "%llu.", &number) == 1 && number == s->number))
        buffer_add(&s->names, name, strlen(name) + 1);
}

static void sweep_others(const struct engine *e, uint64_t number) {
    struct sweep s = {.engine = e, .number = number};
    struct buffer path = {0};
    char *folder = state_path(e);
    if (!os_list(e->os, folder, sweep_name, &s, NULL))
        for (size_t at = 0; at < s.names.size; at += strlen(s.names.data + at) + 1) {
            buffer_clear(&path);
            buffer_print(&path, "%s/%s%c", folder, s.names.data + at, 0);
            if (os_remove(e->os, path.data, NULL)) { /* the next sweep meets it again */
            }
        }
    free(folder);
    buffer_release(&path);
    buffer_release(&s.names);
}

static enum status read_current(struct engine *e, uint64_t *number, uint64_t *position, struct fault *fault) {
    struct buffer text = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    char *path = current_path(e);
    enum status status = os_read_file(e->os, path, &text, fault);
    if (!status && !(status = json_parse(p, buffer_slice(&text), true, &root, fault))) {
        *number = (uint64_t)json_get_integer(p, root, "checkpoint", 0);
        *position = (uint64_t)json_get_integer(p, root, "position", 0);
        if (!*number)
            status = fault_set(fault, STATUS_DAMAGED, "%s names no checkpoint", path);
    }
    free(path);
    json_parser_free(p);
    buffer_release(&text);
    return status;
}

/* Names the checkpoint in `current`. Where that fails after the renaming, a restart may find either one in force, and no file of
 * either may go from now on: the process stops and starts from the one it finds. */
static enum status put_in_force(const struct checkpoint *c, struct fault *fault) {
    struct engine *e = c->engine;
    struct buffer text = {0};
    uint64_t number = 0, position;
    char *path = current_path(e);
    buffer_print(&text, "{\"checkpoint\":%llu,\"position\":%llu}\n", (unsigned long long)c->number,
                 (unsigned long long)c->position);
    enum status status = os_write_file(e->os, path, buffer_slice(&text), fault);
    if (status) {
        enum status found = read_current(e, &number, &position, NULL);
        if (found != STATUS_NOT_FOUND && (found || number == c->number))
            os_stop(e->os, "state/current: which checkpoint is in force is unknown");
    }
    free(path);
    buffer_release(&text);
    return status;
}

enum status checkpoint_finish(struct checkpoint *c, uint64_t *position, struct fault *fault) {
    struct engine *e = c->engine;
    enum status status = write_parts(c, fault);
    if (!status)
        status = put_in_force(c, fault);
    identity_image_free(c->identity);
    seen_image_free(c->seen, !status);
    history_image_free(c->history, !status);
    audience_image_free(c->audience);
    if (!status)
        sweep_others(e, c->number);
    *position = c->position;
    free(c);
    return status;
}

static enum status load_flow(struct engine *e, const char *path, struct fault *fault) {
    struct image *flow;
    struct slice sources = SLICE_NONE;
    enum status status = image_open(e->os, path, &flow, fault);
    if (status)
        return status;
    status = govern_load(e->govern, flow, fault); /* the dictionary with it: the others build on it */
    if (!status && !(status = image_find(flow, "sources", true, &sources, fault)))
        status = sources_load(e->sources, sources, fault);
    if (!status)
        status = fold_tell_sources(e->fold, fault);
    if (!status)
        status = master_load(e->master, flow, fault);
    if (!status)
        status = fold_load(e->fold, flow, fault);
    image_close(flow);
    return status;
}

/* Identity's tables are rebuilt while the rest loads: the two together take most of a restart, and share nothing but the
 * dictionary, which is whole by then. */
struct identity_work {
    struct engine *engine;
    const char *path;
    enum status status;
    struct fault fault;
};

static void *load_identity(void *context) {
    struct identity_work *w = context;
    w->status = identity_load(w->engine->identity, w->path, &w->fault);
    return NULL;
}

/* `apart`: on a thread of its own. */
static enum status load_large(struct engine *e, const char *identity, const char *seen, const char *history, bool apart,
                              struct fault *fault) {
    struct identity_work work = {.engine = e, .path = identity};
    pthread_t thread;
    apart = apart && !pthread_create(&thread, NULL, load_identity, &work);
    if (!apart)
        load_identity(&work);
    enum status status = seen_load(e->seen, seen, fault);
    if (!status)
        status = history_load(e->history, history, fault);
    if (apart)
        pthread_join(thread, NULL);
    if (!status && work.status && fault)
        *fault = work.fault;
    return status ? status : work.status;
}

/* A process that was killed after renaming `current` may have left a name that is seen and not durable. */
static enum status sync_state(const struct engine *e, struct fault *fault) {
    char *folder = state_path(e);
    enum status status = os_sync_folder(e->os, folder, fault);
    free(folder);
    return status;
}

/* After all others: its expressions are checked against them. A checkpoint of before has none. */
static enum status load_audience(struct engine *e, uint64_t number, struct fault *fault) {
    char *path = part_path(e, number, "audience");
    enum status status = audience_load(e->audience, path, fault);
    free(path);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status checkpoint_load(struct engine *e, bool apart, uint64_t *number, uint64_t *position, struct fault *fault) {
    enum status status = read_current(e, number, position, fault);
    if (!status)
        status = sync_state(e, fault); /* loading sweeps: what `current` says must be there for good */
    if (status)
        return status;
    char *flow = part_path(e, *number, "flow"), *identity = part_path(e, *number, "identity"),
         *seen = part_path(e, *number, "seen"), *history = part_path(e, *number, "history");
    status = load_flow(e, flow, fault);
    if (!status)
        status = load_large(e, identity, seen, history, apart, fault);
    if (!status)
        status = load_audience(e, *number, fault);
    if (!status && fold_position(e->fold) != *position)
        status = fault_set(fault, STATUS_DAMAGED, "%s stands at %llu, state/current says %llu", flow,
                           (unsigned long long)fold_position(e->fold), (unsigned long long)*position);
    if (!status)
        sweep_others(e, *number);
    free(flow);
    free(identity);
    free(seen);
    free(history);
    return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status; /* what `current` names must be there */
}
