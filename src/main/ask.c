/* ask: see the header. */
#include "main/ask.h"

#include <stdio.h>

#include "base/json_read.h"

enum status ask_open(struct ask *ask, const char *url, const char *key, const char *folder, struct fault *fault) {
    struct serve_options options = {.port = 0};
    *ask = (struct ask){.url = url, .key = key};
    if (url)
        return STATUS_OK;
    enum status status = server_start(os_real(), folder, NULL, &options, &ask->server, fault);
    if (!status)
        status = server_admin_key(ask->server, ask->own_key, fault);
    ask->url = status ? NULL : serve_address(ask->server->serve);
    ask->key = ask->own_key;
    return status;
}

/* The server's own sentence, without what HTTP and JSON put around it. */
static enum status refused(int http, const struct buffer *answer, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    struct slice message = SLICE("");
    if (json_parse(p, buffer_slice(answer), true, &root, NULL) == STATUS_OK)
        message = json_get_text(p, json_get(p, root, "error"), "message");
    const enum status said = http == status_http(STATUS_TIMEOUT) ? STATUS_TIMEOUT : STATUS_INVALID;
    enum status status = message.size ? fault_set(fault, said, "%.*s", (int)message.size, message.data)
                                      : fault_set(fault, STATUS_IO, "the server answered %d", http);
    json_parser_free(p);
    return status;
}

enum status ask_for(struct ask *ask, const char *method, const char *path, struct slice body, struct buffer *answer,
                    struct fault *fault) {
    struct client *client = NULL;
    int http = 0;
    enum status status = client_create(ask->url, ask->key, &client, fault);
    if (!status)
        status = client_request(client, method, path, "application/json", body, &http, answer, fault);
    if (!status && http >= 400)
        status = refused(http, answer, fault);
    client_free(client);
    return status;
}

void ask_close(struct ask *ask) {
    struct fault fault = {0};
    if (ask->server && ask->own_key[0] && server_drop_key(ask->server, ask->own_key, &fault))
        fprintf(stderr, "onefold: %s\n", fault.text);
    server_stop(ask->server);
    ask->server = NULL;
}
