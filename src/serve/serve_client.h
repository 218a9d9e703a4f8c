/* serve_client: a bare HTTP client for tests: sends exactly the bytes it is given, reads one answer at a time. Failures to connect end the test. */
#ifndef ONEFOLD_SERVE_SERVE_CLIENT_H
#define ONEFOLD_SERVE_SERVE_CLIENT_H

#include "base/memory.h"

struct client {
    int socket;
    struct buffer in; /* received, not yet taken */
};

struct reply {
    int code;                 /* 0: the server closed the connection without an answer */
    struct buffer head, body; /* head: status line and headers, zero-terminated */
};

struct client client_open(uint16_t port);
void client_close(struct client *client);
/* False when the server has closed. */
bool client_send(struct client *client, const void *data, size_t size);
/* The next answer; waits up to two minutes, then ends the test. */
void client_read(struct client *client, struct reply *reply);
/* The head of an answer alone, for one whose body is a stream; then its body's next chunk, appended to `into`: false at the body's end, or
 * where nothing comes within `wait_ms` (*late, may be NULL, says so). */
void client_read_head(struct client *client, struct reply *reply);
bool client_read_chunk(struct client *client, int wait_ms, struct buffer *into, bool *late);
void reply_release(struct reply *reply);
/* The header's value, or an empty slice. */
struct slice reply_header(const struct reply *reply, const char *name);

/* A whole exchange on a connection of its own or (`client` not NULL) on that one. `key`: Bearer key, or NULL; `more`: header lines ended by \r\n,
 * or NULL; `body` NULL: none. */
void exchange(struct client *client, uint16_t port, const char *method, const char *path, const char *key,
              const char *more, const char *body, struct reply *reply);

#endif
