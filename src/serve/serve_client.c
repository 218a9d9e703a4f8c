/* serve_client: see serve_client.h. */
#include "serve/serve_client.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 120000 /* longer than any slow machine needs */

struct client client_open(uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct client client = {.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (client.socket < 0 || connect(client.socket, (struct sockaddr *)&to, sizeof to) != 0) {
        perror("serve_client: connect");
        abort();
    }
    return client;
}

void client_close(struct client *client) {
    close(client->socket);
    buffer_release(&client->in);
    *client = (struct client){.socket = -1};
}

bool client_send(struct client *client, const void *data, size_t size) {
    while (size) {
        ssize_t sent = send(client->socket, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        data = (const char *)data + sent;
        size -= (size_t)sent;
    }
    return true;
}

/* False at the connection's end, or where nothing comes in time. */
static bool receive_within(struct client *client, int wait_ms, bool *late) {
    struct pollfd wait = {.fd = client->socket, .events = POLLIN};
    *late = poll(&wait, 1, wait_ms) != 1;
    if (*late)
        return false;
    char *into = buffer_reserve(&client->in, 65536);
    ssize_t got = recv(client->socket, into, 65536, 0);
    if (got <= 0)
        return false;
    client->in.size += (size_t)got;
    return true;
}

static bool receive_more(struct client *client) {
    bool late;
    bool more = receive_within(client, ANSWER_MS, &late);
    if (late) {
        fprintf(stderr, "serve_client: no answer within %d s\n", ANSWER_MS / 1000);
        abort();
    }
    return more;
}

static void take(struct client *client, struct buffer *into, size_t size) {
    buffer_add(into, client->in.data, size);
    memmove(client->in.data, client->in.data + size, client->in.size - size);
    client->in.size -= size;
}

void client_read_head(struct client *client, struct reply *reply) {
    char *end = NULL;
    *reply = (struct reply){0};
    do {
        while ((end = client->in.size ? memmem(client->in.data, client->in.size, "\r\n\r\n", 4) : NULL) == NULL) {
            if (!receive_more(client))
                return;
        }
        buffer_clear(&reply->head);
        take(client, &reply->head, (size_t)(end - client->in.data) + 4);
        buffer_add_char(&reply->head, 0);
        reply->code = atoi(reply->head.data + 9);
    } while (reply->code == 100);
}

void client_read(struct client *client, struct reply *reply) {
    client_read_head(client, reply);
    if (reply->code == 0)
        return;
    struct slice length = reply_header(reply, "Content-Length");
    size_t bytes = length.size ? strtoull(length.data, NULL, 10) : 0;
    while (client->in.size < bytes) {
        if (!receive_more(client))
            break;
    }
    take(client, &reply->body, bytes < client->in.size ? bytes : client->in.size);
    buffer_add_char(&reply->body, 0);
    reply->body.size--;
}

bool client_read_chunk(struct client *client, int wait_ms, struct buffer *into, bool *late) {
    struct buffer size_line = {0};
    bool ignored;
    late = late ? late : &ignored;
    *late = false;
    char *end;
    while ((end = client->in.size ? memmem(client->in.data, client->in.size, "\r\n", 2) : NULL) == NULL) {
        if (!receive_within(client, wait_ms, late))
            return false;
    }
    size_t head = (size_t)(end - client->in.data) + 2, size = strtoull(client->in.data, NULL, 16);
    while (client->in.size < head + size + 2) {
        if (!receive_within(client, ANSWER_MS, late))
            return false;
    }
    take(client, &size_line, head);
    buffer_release(&size_line);
    take(client, into, size);
    take(client, &size_line, 2);
    buffer_release(&size_line);
    return size > 0;
}

void reply_release(struct reply *reply) {
    buffer_release(&reply->head);
    buffer_release(&reply->body);
}

struct slice reply_header(const struct reply *reply, const char *name) {
    size_t size = strlen(name);
    const char *line = reply->head.data;
    while (line && (line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':')
            return slice_trim(slice_of(line + size + 1, strcspn(line + size + 1, "\r")));
    }
    return SLICE_NONE;
}

void exchange(struct client *client, uint16_t port, const char *method, const char *path, const char *key,
              const char *more, const char *body, struct reply *reply) {
    struct client own = {.socket = -1};
    struct buffer out = {0};
    if (client == NULL) {
        own = client_open(port);
        client = &own;
    }
    buffer_print(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\n", method, path);
    if (key)
        buffer_print(&out, "Authorization: Bearer %s\r\n", key);
    if (more)
        buffer_add(&out, more, strlen(more));
    if (body)
        buffer_print(&out, "Content-Length: %zu\r\n", strlen(body));
    buffer_add(&out, "\r\n", 2);
    if (body)
        buffer_add(&out, body, strlen(body));
    client_send(client, out.data, out.size);
    client_read(client, reply);
    buffer_release(&out);
    if (own.socket >= 0)
        client_close(&own);
}
