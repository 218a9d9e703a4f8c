/* server: see the header. */
#include "main/server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static bool checkpoint_now(void *context) {
    struct fault fault = {0};
    enum status status = engine_checkpoint(context, &fault);
    if (status)
        fprintf(stderr, "onefold: checkpoint: %s\n", fault.text);
    return !status;
}

static void checkpointed(void *context, int64_t *at_ms, uint64_t *position) {
    struct fold_counters counters;
    engine_counters(context, &counters);
    *at_ms = counters.checkpoint_ms;
    *position = counters.checkpoint_position;
}

static enum status define_key(struct server *s, const char *role, const char *source, const char *key, bool revoked,
                              struct fault *fault) {
    char hash[65];
    struct buffer json = {0};
    struct json_writer w = {.out = &json};
    sources_hash_key(slice_text(key), hash);
    json_object(&w);
    json_member_cstring(&w, "define", "key");
    json_member_cstring(&w, "role", role);
    if (source)
        json_member_cstring(&w, "source", source);
    json_member_cstring(&w, "hash", hash);
    json_member_cstring(&w, "name", "made by the command line");
    if (revoked)
        json_member_bool(&w, "revoked", true);
    json_end_object(&w);
    enum status status = engine_define(s->engine, buffer_slice(&json), fault);
    buffer_release(&json);
    return status;
}

static enum status first_admin_key(struct server *s, struct fault *fault) {
    if (sources_has_admin(s->engine->sources))
        return STATUS_OK;
    sources_new_key(s->engine->os, KEY_ADMIN, s->admin_key);
    return define_key(s, "admin", NULL, s->admin_key, false, fault);
}

enum status server_start(struct os *os, const char *folder, const struct engine_options *engine_options,
                         const struct serve_options *serve_options, struct server **server, struct fault *fault) {
    struct server *s = memory_get(1, sizeof *s);
    enum status status = engine_open(os, folder, engine_options, &s->engine, fault);
    if (!status)
        status = first_admin_key(s, fault);
    if (!status) {
        struct engine *e = s->engine;
        struct serve_parts parts = {.os = os,
                                    .folder = e->folder,
                                    .log = e->log,
                                    .sources = e->sources,
                                    .dictionary = e->dictionary,
                                    .govern = e->govern,
                                    .identity = e->identity,
                                    .history = e->history,
                                    .master = e->master,
                                    .audience = e->audience,
                                    .checkpoint = checkpoint_now,
                                    .checkpointed = checkpointed,
                                    .context = e};
        status = serve_start(&parts, serve_options, &s->serve, fault);
    }
    if (status)
        server_stop(s);
    else
        *server = s;
    return status;
}

void server_stop(struct server *s) {
    if (!s)
        return;
    serve_stop(s->serve);
    engine_close(s->engine);
    free(s);
}

enum status server_admin_key(struct server *s, char key[48], struct fault *fault) {
    sources_new_key(s->engine->os, KEY_ADMIN, key);
    return define_key(s, "admin", NULL, key, false, fault);
}

enum status server_drop_key(struct server *s, const char *key, struct fault *fault) {
    return define_key(s, "admin", NULL, key, true, fault);
}

enum status server_source(struct server *s, const char *name, const char *kind, char write_key[48],
                          struct fault *fault) {
    struct buffer json = {0};
    struct json_writer w = {.out = &json};
    json_object(&w);
    json_member_cstring(&w, "define", "source");
    json_member_cstring(&w, "name", name);
    json_member_cstring(&w, "kind", kind);
    json_end_object(&w);
    enum status status = engine_define(s->engine, buffer_slice(&json), fault);
    buffer_release(&json);
    if (!status && write_key) {
        sources_new_key(s->engine->os, KEY_WRITE, write_key);
        status = define_key(s, "write", name, write_key, false, fault);
    }
    return status;
}

enum status server_mapping(struct server *s, struct slice text, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    enum status status = json_parse(p, text, false, &root, fault);
    if (!status)
        status = govern_check_mapping(p, root, fault);
    json_parser_free(p);
    size_t start = 0;
    while (start < text.size && text.data[start] != '{')
        start++;
    if (status)
        return status;
    struct buffer json = {0};
    buffer_print(&json, "{\"define\":\"mapping\",");
    buffer_add(&json, text.data + start + 1, text.size - start - 1);
    status = engine_define(s->engine, buffer_slice(&json), fault);
    buffer_release(&json);
    return status;
}

static sigset_t stop_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    return set;
}

void server_signals(void) { signal(SIGPIPE, SIG_IGN); }

static pthread_t waiter;

/* On a library's thread that does not block it; the waiter does, and finds it in sigwait, now or later. */
static void hand_on(int which) {
    int before = errno;
    pthread_kill(waiter, which);
    errno = before;
}

void server_keep_signals(void) {
    struct sigaction action = {.sa_handler = hand_on, .sa_flags = SA_RESTART};
    sigset_t set = stop_signals();
    waiter = pthread_self();
    server_signals();
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void server_wait_signal(void) {
    sigset_t set = stop_signals();
    int which;
    sigwait(&set, &which);
}
