/* insight_command: `onefold insight KIND member=value ...`: runs an analysis and prints its tables. Asks a running server (--url, --key), or opens
 * a data folder of its own for the time (--data). What takes longer than a call may is asked for again as a job, which has no limit. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json_read.h"
#include "base/json_write.h"
#include "insight/insight.h"
#include "main/args.h"
#include "main/ask.h"
#include "main/commands.h"
#include "main/paths_file.h"

#define REST_MAX 40

/* A value as JSON where it is a list, an object, a number, true or false; else as a text. */
static void write_value(struct json_writer *w, struct slice value) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    bool json = value.size && json_parse(p, value, false, &root, NULL) == STATUS_OK && root->kind != JSON_TEXT &&
                root->kind != JSON_NULL;
    if (json)
        json_raw(w, value);
    else
        json_text(w, value);
    json_parser_free(p);
}

static enum status write_definition(const char *file, const char *paths, const char *const *rest, int count,
                                    struct buffer *out, struct fault *fault) {
    if (paths && (file || (count && rest[0][0] == '{')))
        return fault_set(fault, STATUS_INVALID, "--paths goes with member=value");
    if (count == 1 && rest[0][0] == '{') {
        buffer_add_slice(out, slice_text(rest[0]));
        return STATUS_OK;
    }
    if (file && count)
        return fault_set(fault, STATUS_INVALID, "either --definition FILE, or member=value");
    if (file)
        return os_read_file(os_real(), file, out, fault);
    struct json_writer w = {.out = out};
    json_object(&w);
    for (int i = 0; i < count; i++) {
        const char *equal = strchr(rest[i], '=');
        if (!equal)
            return fault_set(fault, STATUS_INVALID, "\"%s\": member=value is expected, or the definition as JSON",
                             rest[i]);
        json_key_slice(&w, slice_of(rest[i], (size_t)(equal - rest[i])));
        write_value(&w, slice_text(equal + 1));
    }
    enum status status = STATUS_OK;
    if (paths) {
        json_key(&w, "table");
        status = paths_file_read(paths, &w, fault);
    }
    json_end_object(&w);
    return status;
}

static int print_help(const struct insight_kind *kind) {
    struct buffer text = {0};
    insight_write_help(kind, &text);
    printf("%.*s", SLICE_ARG(buffer_slice(&text)));
    buffer_release(&text);
    return 0;
}

struct wanted {
    const struct insight_kind *kind;
    const char *format, *table;
    bool job;
};

static void write_path(const struct wanted *wanted, const char *of, const char *more, struct buffer *path) {
    buffer_clear(path);
    buffer_print(path, "/v1/%s?format=%s%s%s%s%c", of, wanted->format, wanted->table ? "&table=" : "",
                 wanted->table ? wanted->table : "", more, 0);
}

static void show_progress(double share, bool last) {
    if (isatty(2))
        fprintf(stderr, "\r%3.0f %%%s", share * 100, last ? "\r     \r" : "");
}

/* Until it has ended. Errors: the job's own. */
static enum status wait_for_job(struct ask *ask, const char *path, struct buffer *answer, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    enum status status;
    useconds_t pause_us = 2000;
    for (bool ended = false; !(status = ask_for(ask, "GET", path, SLICE(""), answer, fault)) && !ended;) {
        const struct json *root, *share;
        if ((status = json_parse(p, buffer_slice(answer), true, &root, fault)))
            break;
        const struct slice state = json_get_text(p, root, "state"), error = json_get_text(p, root, "error");
        share = json_get(p, root, "progress");
        ended = slice_is(state, "done");
        show_progress(share && share->kind == JSON_REAL ? share->real : ended, ended);
        if (!ended && !slice_is(state, "waiting") && !slice_is(state, "running")) {
            status =
                fault_set(fault, STATUS_INVALID, "%.*s", SLICE_ARG(error.size ? error : SLICE("the job was stopped")));
            break;
        }
        if (!ended)
            usleep(pause_us);
        pause_us = pause_us < 200000 ? pause_us * 2 : pause_us;
    }
    json_parser_free(p);
    return status;
}

static enum status run_as_job(struct ask *ask, const struct wanted *wanted, struct slice definition,
                              struct buffer *answer, struct fault *fault) {
    struct buffer path = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    char of[80];
    int64_t number = 0;
    (void)snprintf(of, sizeof of, "insight/%s", wanted->kind->name);
    write_path(wanted, of, "&job=1", &path);
    enum status status = ask_for(ask, "POST", path.data, definition, answer, fault);
    if (!status)
        status = json_parse(p, buffer_slice(answer), true, &root, fault);
    if (!status)
        number = json_get(p, root, "job")->integer;
    json_parser_free(p);
    (void)snprintf(of, sizeof of, "/v1/jobs/%lld", (long long)number);
    if (!status)
        status = wait_for_job(ask, of, answer, fault);
    write_path(wanted, of + strlen("/v1/"), "", &path);
    if (!status && strcmp(wanted->format, "json") != 0)
        status = ask_for(ask, "GET", path.data, SLICE(""), answer, fault);
    buffer_release(&path);
    return status;
}

static enum status run(struct ask *ask, const struct wanted *wanted, struct slice definition, struct buffer *answer,
                       struct fault *fault) {
    struct buffer path = {0};
    char of[80];
    enum status status = STATUS_TIMEOUT;
    (void)snprintf(of, sizeof of, "insight/%s", wanted->kind->name);
    write_path(wanted, of, "", &path);
    if (!wanted->job)
        status = ask_for(ask, "POST", path.data, definition, answer, fault);
    if (status == STATUS_TIMEOUT)
        status = run_as_job(ask, wanted, definition, answer, fault);
    buffer_release(&path);
    return status;
}

int insight_command(int argc, char **argv) {
    const char *rest[REST_MAX + 1], *url = NULL, *key = getenv("ONEFOLD_KEY"), *folder = "onefold-data", *file = NULL,
                                    *table_name = NULL, *paths = NULL;
    bool csv = false, json = false, job = false, explain = false;
    int count = REST_MAX;
    struct ask ask = {0};
    struct fault fault = {0};
    struct buffer definition = {0}, answer = {0};
    const struct arg table[] = {
        {"data", ARG_TEXT, &folder, "data folder to ask, no server running on it (onefold-data)"},
        {"url", ARG_TEXT, &url, "or a running server, such as http://127.0.0.1:8080"},
        {"key", ARG_TEXT, &key, "its admin key (or ONEFOLD_KEY in the environment)"},
        {"definition", ARG_TEXT, &file, "the definition's file, instead of member=value"},
        {"paths", ARG_TEXT, &paths, "of attribution: a CSV file of ready paths: path, conversions, value, misses"},
        {"csv", ARG_FLAG, &csv, "the tables as CSV"},
        {"table", ARG_TEXT, &table_name, "of CSV: only this table"},
        {"json", ARG_FLAG, &json, "the answer as JSON"},
        {"job", ARG_FLAG, &job,
         "as a job from the beginning: behind others' jobs, with no limit of time, progress on a terminal"},
        {"explain", ARG_FLAG, &explain, "what the kind takes; without a kind: the kinds"},
        {0}};
    args_parse(argc, argv,
               "insight KIND [member=value ... | --definition FILE | '{...}'] [--data DIR | --url URL --key KEY]",
               table, rest, &count);
    if (count == 0)
        return print_help(NULL);
    const struct insight_kind *kind = insight_find(slice_text(rest[0]));
    if (kind && explain)
        return print_help(kind);
    server_signals();
    enum status status = kind ? STATUS_OK : insight_unknown(slice_text(rest[0]), &fault);
    if (!status && count > REST_MAX)
        status = fault_set(&fault, STATUS_INVALID, "more than %d members; write a file", REST_MAX - 1);
    if (!status)
        status = write_definition(file, paths, rest + 1, count - 1, &definition, &fault);
    if (!status)
        status = ask_open(&ask, url, key, folder, &fault);
    const struct wanted wanted = {kind, csv ? "csv" : json ? "json" : "text", table_name, job};
    if (!status)
        status = run(&ask, &wanted, buffer_slice(&definition), &answer, &fault);
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    else
        printf("%.*s%s", SLICE_ARG(buffer_slice(&answer)), json ? "\n" : "");
    ask_close(&ask);
    buffer_release(&definition);
    buffer_release(&answer);
    return status ? 1 : 0;
}
