/* import_command: `onefold import FILE --mapping MAPPING`. Goes through a running server (--server, --key), or opens a data folder of
 * its own for the time (--data). */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "main/args.h"
#include "main/commands.h"
#include "main/loader.h"
#include "main/server.h"

static void show_progress(void *context, const char *file, uint64_t sent, uint64_t total) {
    bool *terminal = context;
    if (!*terminal)
        return;
    if (total)
        fprintf(stderr, "\r%s: %.1f of %.1f MB (%.0f %%)", file, (double)sent / 1e6, (double)total / 1e6,
                100.0 * (double)sent / (double)total);
    else
        fprintf(stderr, "\r%s: %.1f MB", file, (double)sent / 1e6);
}

static int show_result(const char *file, const struct load_counts *n) {
    printf("%s: %llu lines, %llu rows, %llu exact repeats, %llu rejected, in %.2f s (%.0f rows/s), job %llu\n", file,
           (unsigned long long)n->lines, (unsigned long long)n->rows, (unsigned long long)n->repeats,
           (unsigned long long)n->rejected, n->seconds, (double)n->rows / n->seconds, (unsigned long long)n->job);
    if (n->rejected)
        printf("rejected rows with line and reason: GET /v1/imports/%llu/rejected\n", (unsigned long long)n->job);
    return 0;
}

/* With a folder of our own the first admin key is at hand only in a fresh folder; so a passing one is made. */
static enum status own_server(const char *folder, struct server **server, char key[48], struct fault *fault) {
    struct serve_options options = {.port = 0};
    enum status status = server_start(os_real(), folder, NULL, &options, server, fault);
    if (!status)
        status = server_admin_key(*server, key, fault);
    return status;
}

static void show_state(struct server *server) {
    struct identity_counters people;
    struct history_counters rows;
    engine_settle(server->engine, 600000);
    identity_counters_read(server->engine->identity, &people);
    history_counters_read(server->engine->history, &rows);
    printf(
        "the folder now holds %llu customers, %llu documents known by their key alone, %llu rows, %llu in quarantine\n",
        (unsigned long long)people.customers, (unsigned long long)people.unowned, (unsigned long long)rows.rows,
        (unsigned long long)quarantine_waiting(server->engine->govern));
}

int import_command(int argc, char **argv) {
    const char *file, *mapping = NULL, *url = NULL, *key = getenv("ONEFOLD_KEY"), *folder = "onefold-data";
    bool resume = false, terminal = isatty(2);
    int files = 1;
    char own_key[48];
    const struct arg table[] = {
        {"mapping", ARG_TEXT, &mapping, "mapping file (docs/mapping.md)"},
        {"data", ARG_TEXT, &folder, "data folder to load into, no server running on it (onefold-data)"},
        {"server", ARG_TEXT, &url, "or a running server, such as http://127.0.0.1:8080"},
        {"key", ARG_TEXT, &key, "its admin key (or ONEFOLD_KEY in the environment)"},
        {"resume", ARG_FLAG, &resume, "go on where an import of this file broke off"},
        {0}};
    struct server *server = NULL;
    struct client *client = NULL;
    struct load_counts counts;
    struct fault fault = {0};
    args_parse(argc, argv, "import FILE --mapping MAPPING [--data DIR | --server URL --key KEY]", table, &file, &files);
    if (files != 1 || !mapping) {
        fprintf(stderr, "onefold: a file and --mapping are needed; see onefold import --help\n");
        return 2;
    }
    server_signals();
    enum status status = url ? STATUS_OK : own_server(folder, &server, own_key, &fault);
    if (server && server->admin_key[0]) /* at once: whatever happens later, it is not shown again */
        printf("admin key of the new folder: %s (shown this once; keep it)\n", server->admin_key);
    if (!status)
        status = client_create(url ? url : serve_address(server->serve), url ? key : own_key, &client, &fault);
    if (!status)
        status = load_import(client, file, mapping, resume, show_progress, &terminal, &counts, &fault);
    if (terminal)
        fprintf(stderr, "\r\033[K");
    if (status)
        fprintf(stderr, "onefold: %s\n", fault.text);
    else
        show_result(file, &counts);
    if (server && !status)
        show_state(server);
    if (server && server_drop_key(server, own_key, &fault))
        fprintf(stderr, "onefold: %s\n", fault.text);
    client_free(client);
    server_stop(server);
    return status ? 1 : 0;
}
