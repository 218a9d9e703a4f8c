/* serve_command: `onefold serve`. Prints where it listens and, at the first start of a folder, the admin key; ends on
 * SIGINT or SIGTERM after folding and saving what came. */
#include <stdio.h>

#include "main/args.h"
#include "main/commands.h"
#include "main/server.h"

int serve_command(int argc, char **argv) {
    const char *folder = "onefold-data", *address = "127.0.0.1", *certificate = NULL, *key = NULL;
    bool new_key = false;
    uint64_t port = 8080, threads = 0, rate = 0, retention_days = 30, delta_mib = 1024, base_mib = 0;
    const struct arg table[] = {
        {"data", ARG_TEXT, &folder, "the data folder, made where missing (onefold-data)"},
        {"address", ARG_TEXT, &address, "numeric address to listen on (127.0.0.1)"},
        {"port", ARG_NUMBER, &port, "port, 0 for a free one (8080)"},
        {"tls-certificate", ARG_TEXT, &certificate, "PEM file; with --tls-key: HTTPS"},
        {"tls-key", ARG_TEXT, &key, "PEM file"},
        {"threads", ARG_NUMBER, &threads, "server threads, 0: as many as cores, at most 4 (0)"},
        {"rate", ARG_NUMBER, &rate, "requests a second a source may send, 0 for no limit (0)"},
        {"retention-days", ARG_NUMBER, &retention_days, "days raw records are kept, 0 for ever (30)"},
        {"delta-mib", ARG_NUMBER, &delta_mib, "memory for rows not compacted yet (1024)"},
        {"base-mib", ARG_NUMBER, &base_mib,
         "memory for copies of base files, 0: a quarter of the machine's or its container's (0)"},
        {"new-admin-key", ARG_FLAG, &new_key, "makes another admin key and shows it: where the first was lost"},
        {0}};
    struct server *server;
    struct fault fault = {0};
    args_parse(argc, argv, "serve [--data DIR] [--port N] ...", table, NULL, NULL);
    if (port > 65535) {
        fprintf(stderr, "onefold: --port %llu is no port; 0 to 65535 are\n", (unsigned long long)port);
        return 2;
    }
    struct engine_options engine = {.threads = true,
                                    .log.retention_days = (unsigned)retention_days,
                                    .history.delta_bytes = delta_mib << 20,
                                    .history.memory_bytes = base_mib << 20};
    struct serve_options serve = {.address = address,
                                  .port = (uint16_t)port,
                                  .threads = (unsigned)threads,
                                  .tls_certificate_path = certificate,
                                  .tls_key_path = key,
                                  .requests_per_second = (unsigned)rate};
    server_keep_signals();
    if (server_start(os_real(), folder, &engine, &serve, &server, &fault)) {
        fprintf(stderr, "onefold: %s\n", fault.text);
        return 1;
    }
    if (new_key && !server->admin_key[0] && server_admin_key(server, server->admin_key, &fault))
        fprintf(stderr, "onefold: no new admin key: %s\n", fault.text);
    if (server->admin_key[0])
        printf("admin key: %s (shown this once; keep it)\n", server->admin_key);
    printf("data folder %s opened in %.3f s, %llu records folded from the log's tail\n", folder,
           (double)server->engine->open_ns * 1e-9, (unsigned long long)server->engine->folded_at_open);
    printf("listening on %s\n", serve_address(server->serve));
    fflush(stdout);
    server_wait_signal();
    printf("stopping\n");
    server_stop(server);
    return 0;
}
