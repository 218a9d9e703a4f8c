/* ask: one question from the command line to a server: a running one (--url, --key), or one of our own on a data folder for the time. */
#ifndef ONEFOLD_MAIN_ASK_H
#define ONEFOLD_MAIN_ASK_H

#include "main/client.h"
#include "main/server.h"

struct ask {
    struct server *server; /* our own, or NULL */
    const char *url, *key;
    char own_key[48];
};
/* `url` NULL: opens `folder`, with a passing admin key. Call server_signals before. */
enum status ask_open(struct ask *ask, const char *url, const char *key, const char *folder,
                     struct fault *fault) WARN_UNUSED;
/* One request; where the server refuses, the fault is its own sentence, and the status INVALID; TIMEOUT where the call took too long. */
enum status ask_for(struct ask *ask, const char *method, const char *path, struct slice body, struct buffer *answer,
                    struct fault *fault) WARN_UNUSED;
void ask_close(struct ask *ask);

#endif
