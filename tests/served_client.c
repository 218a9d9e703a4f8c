/* served_client: see the header. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "own_folder_client.h"
#include "served_client.h"

static void start(struct served *s) {
    struct engine_options engine = {.threads = true};
    struct serve_options door = {.port = 0};
    if (server_start(os_real(), s->folder, &engine, &door, &s->server, &s->fault) ||
        server_admin_key(s->server, s->admin_key, &s->fault) ||
        client_create(serve_address(s->server->serve), s->admin_key, &s->admin, &s->fault))
        fail_msg("%s", s->fault.text);
}

static void open_writer(struct served *s) {
    if (client_create_writer(serve_address(s->server->serve), s->write_key, &s->writer, &s->fault))
        fail_msg("%s", s->fault.text);
}

static void stop(struct served *s) {
    client_free(s->admin);
    client_free(s->writer);
    server_stop(s->server);
    s->admin = s->writer = NULL;
}

static int remove_folder(const struct served *s) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s", s->folder);
    return system(command);
}

void served_open(struct served *s, const char *test) {
    *s = (struct served){0};
    snprintf(s->folder, sizeof s->folder, "%s/data", own_folder(test));
    assert_int_equal(remove_folder(s), 0);
    start(s);
}

void served_close(struct served *s) {
    stop(s);
    buffer_release(&s->answer);
    assert_int_equal(remove_folder(s), 0);
}

void served_restart(struct served *s) {
    bool writes = s->writer != NULL;
    stop(s);
    start(s);
    if (writes)
        open_writer(s);
}

void served_source(struct served *s, const char *name, const char *kind) {
    if (server_source(s->server, name, kind, s->write_key, &s->fault))
        fail_msg("%s", s->fault.text);
    open_writer(s);
}

void served_settle(struct served *s) { assert_true(engine_settle(s->server->engine, 120000)); }

const char *served_file(const struct served *s, const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", s->folder, name);
    return path;
}

const char *data_path(const char *name) {
    static char path[512];
    const char *folder = getenv("ONEFOLD_TEST_DATA");
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/data", name);
    if (access(path, R_OK)) {
        print_message("skipped: %s is not there (set ONEFOLD_TEST_DATA)\n", path);
        skip();
    }
    return path;
}

uint64_t served_import(struct served *s, const char *path, const char *mapping) {
    struct load_counts counts;
    if (load_import(s->admin, path, mapping, false, NULL, NULL, &counts, &s->fault))
        fail_msg("%s", s->fault.text);
    served_settle(s);
    assert_int_equal(counts.rejected, 0);
    return counts.rows;
}

static void end_answer(struct served *s) {
    buffer_add_char(&s->answer, 0);
    s->answer.size--;
}

const char *served_table(struct served *s, const char *kind, const char *table, const char *definition) {
    char path[128];
    snprintf(path, sizeof path, "/v1/insight/%s?format=csv&table=%s", kind, table);
    if (load_request(s->admin, "POST", path, slice_text(definition), &s->answer, &s->fault))
        fail_msg("%s %.300s: %s", kind, definition, s->fault.text);
    end_answer(s);
    return s->answer.data;
}

int served_call(struct served *s, struct client *client, const char *method, const char *path, const char *body) {
    int http = 0;
    buffer_clear(&s->answer);
    if (client_request(client, method, path, "application/json", slice_text(body), &http, &s->answer, &s->fault))
        fail_msg("%s %s: %s", method, path, s->fault.text);
    end_answer(s);
    return http;
}

void served_good(struct served *s, const char *method, const char *path, const char *body, const char *const *texts) {
    int http = served_call(s, s->admin, method, path, body);
    if (http != 200)
        fail_msg("%s %s %s: %d %s", method, path, body, http, s->answer.data);
    for (; *texts; texts++) {
        bool without = (*texts)[0] == '!';
        if ((strstr(s->answer.data, *texts + without) == NULL) != without)
            fail_msg("%s %s %s: %s in %s", method, path, body, *texts, s->answer.data);
    }
}

void served_bad(struct served *s, int code, const char *method, const char *path, const char *body, const char *text) {
    int http = served_call(s, s->admin, method, path, body);
    if (http != code || strstr(s->answer.data, text) == NULL)
        fail_msg("%s %s %s: %d %s; expected %d with %s", method, path, body, http, s->answer.data, code, text);
}
