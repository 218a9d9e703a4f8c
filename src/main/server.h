/* server: an engine with its HTTP door open; what `onefold serve`, the demonstration and the benches run. */
#ifndef ONEFOLD_MAIN_SERVER_H
#define ONEFOLD_MAIN_SERVER_H

#include "main/engine.h"
#include "serve/serve.h"

struct server {
    struct engine *engine;
    struct serve *serve;
    char admin_key[48]; /* made at the first start of a data folder; empty later: only its hash is kept */
};

/* Opens the folder, makes the first admin key where there is none, listens. `engine_options` may be NULL. */
enum status server_start(struct os *os, const char *folder, const struct engine_options *engine_options,
                         const struct serve_options *serve_options, struct server **server,
                         struct fault *fault) WARN_UNUSED;
/* Closes the door, folds what came, checkpoints. NULL is fine. */
void server_stop(struct server *server);
/* Makes (or changes) a source and gives it a fresh write key, the admin way. */
enum status server_source(struct server *server, const char *name, const char *kind, char write_key[48],
                          struct fault *fault) WARN_UNUSED;
/* Another admin key (for a command that runs the server itself, or where the first was lost), and its end. */
enum status server_admin_key(struct server *server, char key[48], struct fault *fault) WARN_UNUSED;
enum status server_drop_key(struct server *server, const char *key, struct fault *fault) WARN_UNUSED;
/* A mapping's definition as its file holds it. */
enum status server_mapping(struct server *server, struct slice json, struct fault *fault) WARN_UNUSED;

/* A client that went away is an error of a call, not the process's end. Ctrl-C ends a command at once: what was acknowledged is on disk. */
void server_signals(void);
/* The same, for who calls server_wait_signal later, on this thread: a SIGINT or SIGTERM is kept for it from now on, whichever thread the system
 * gives it to. Libraries have threads of their own that do not block it: OpenBLAS, which igraph brings, starts some before main. */
void server_keep_signals(void);
/* Blocks until SIGINT or SIGTERM. */
void server_wait_signal(void);

#endif
