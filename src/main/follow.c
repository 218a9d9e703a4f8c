/* follow: see the header. `raw` holds what came off the socket, `text` what is left when the chunks' frames are taken off. */
#include "main/follow.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536

struct follow {
    int socket;
    struct buffer raw, text, id, kind, data;
    size_t at;    /* in text: the next event's begin */
    size_t chunk; /* bytes left of the chunk in hand; its line end comes after them */
    bool in_chunk, ended;
};

static enum status connect_to(const char *url, int *out, char host[80], struct fault *fault) {
    struct sockaddr_in to = {.sin_family = AF_INET};
    char name[48];
    unsigned port = 80;
    if (sscanf(url, "http://%47[0-9.]:%u", name, &port) < 1 || port > 65535 ||
        inet_pton(AF_INET, name, &to.sin_addr) != 1)
        return fault_set(fault, STATUS_INVALID, "'%s' is no address of a server", url);
    to.sin_port = htons((uint16_t)port);
    snprintf(host, 80, "%s:%u", name, port);
    *out = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*out >= 0 && connect(*out, (struct sockaddr *)&to, sizeof to) == 0)
        return STATUS_OK;
    return fault_set(fault, STATUS_IO, "no connection to %s: %s", url, strerror(errno));
}

/* Moves the rest to the front. */
static void drop(struct buffer *b, size_t count) {
    if (count)
        memmove(b->data, b->data + count, b->size - count);
    b->size -= count;
    if (b->data)
        b->data[b->size] = 0; /* in the slack: numbers are read as text */
}

/* Takes frames off: "<hex size>\r\n<bytes>\r\n". */
static void take_chunks(struct follow *f) {
    size_t at = 0;
    while (at < f->raw.size && !f->ended) {
        if (f->in_chunk) {
            size_t count = f->raw.size - at < f->chunk ? f->raw.size - at : f->chunk;
            buffer_add(&f->text, f->raw.data + at, count);
            at += count;
            f->chunk -= count;
            if (f->chunk || f->raw.size - at < 2)
                break;
            at += 2;
            f->in_chunk = false;
            continue;
        }
        const char *end = memmem(f->raw.data + at, f->raw.size - at, "\r\n", 2);
        if (end == NULL)
            break;
        f->chunk = strtoull(f->raw.data + at, NULL, 16);
        f->in_chunk = true;
        f->ended = f->chunk == 0;
        at = (size_t)(end - f->raw.data) + 2;
    }
    drop(&f->raw, at);
}

static enum status receive(struct follow *f, unsigned wait_ms) {
    struct pollfd wait = {.fd = f->socket, .events = POLLIN};
    int ready = poll(&wait, 1, (int)wait_ms);
    if (ready == 0 || (ready < 0 && errno == EINTR))
        return STATUS_TIMEOUT;
    ssize_t got = ready < 0 ? -1 : recv(f->socket, buffer_reserve(&f->raw, READ_BYTES), READ_BYTES, 0);
    if (got <= 0)
        return STATUS_END;
    f->raw.size += (size_t)got;
    f->raw.data[f->raw.size] = 0;
    return STATUS_OK;
}

static enum status read_head(struct follow *f, struct fault *fault) {
    const char *end = NULL;
    while ((end = f->raw.size ? memmem(f->raw.data, f->raw.size, "\r\n\r\n", 4) : NULL) == NULL) {
        if (receive(f, 15000))
            return fault_set(fault, STATUS_IO, "the stream did not begin");
    }
    size_t head = (size_t)(end - f->raw.data) + 4;
    int code = head > 12 ? (int)strtol(f->raw.data + 9, NULL, 10) : 0;
    drop(&f->raw, head);
    if (code == 200)
        return STATUS_OK;
    return fault_set(fault, code == 404 ? STATUS_NOT_FOUND : STATUS_IO, "the stream was answered %d: %.*s", code,
                     (int)(f->raw.size < 300 ? f->raw.size : 300), f->raw.data);
}

enum status follow_open(const char *url, const char *key, const char *path, struct follow **follow,
                        struct fault *fault) {
    struct follow *f = memory_get(1, sizeof *f);
    struct buffer ask = {0};
    char host[80] = "";
    f->socket = -1;
    enum status status = connect_to(url, &f->socket, host, fault);
    buffer_print(&ask, "GET %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", path, host, key ? key : "");
    if (!status && send(f->socket, ask.data, ask.size, MSG_NOSIGNAL) != (ssize_t)ask.size)
        status = fault_set(fault, STATUS_IO, "the stream could not be asked for");
    buffer_release(&ask);
    if (!status)
        status = read_head(f, fault);
    if (status)
        follow_close(f);
    else
        *follow = f;
    return status;
}

void follow_close(struct follow *f) {
    if (f == NULL)
        return;
    if (f->socket >= 0)
        close(f->socket);
    buffer_release(&f->raw);
    buffer_release(&f->text);
    buffer_release(&f->id);
    buffer_release(&f->kind);
    buffer_release(&f->data);
    free(f);
}

/* A line "name: value" of an event. */
static void take_line(struct follow *f, struct slice line) {
    static const struct {
        struct slice name;
        size_t into;
    } fields[] = {{{"id: ", 4}, offsetof(struct follow, id)},
                  {{"event: ", 7}, offsetof(struct follow, kind)},
                  {{"data: ", 6}, offsetof(struct follow, data)}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (!slice_starts(line, fields[i].name))
            continue;
        struct buffer *into = (struct buffer *)((char *)f + fields[i].into);
        buffer_clear(into);
        buffer_add(into, line.data + fields[i].name.size, line.size - fields[i].name.size);
    }
}

/* Takes the next whole event of `text`; false where there is none. One without data is gone over. */
static bool take_event(struct follow *f, struct follow_event *event) {
    const char *end;
    while ((end = f->text.size > f->at ? memmem(f->text.data + f->at, f->text.size - f->at, "\n\n", 2) : NULL) !=
           NULL) {
        buffer_clear(&f->kind);
        buffer_clear(&f->data);
        for (const char *line = f->text.data + f->at; line < end;) {
            const char *stop = memchr(line, '\n', (size_t)(end - line) + 1);
            take_line(f, slice_of(line, (size_t)(stop - line)));
            line = stop + 1;
        }
        f->at = (size_t)(end - f->text.data) + 2;
        if (f->data.size == 0)
            continue;
        *event = (struct follow_event){buffer_slice(&f->id), buffer_slice(&f->kind), buffer_slice(&f->data)};
        return true;
    }
    drop(&f->text, f->at);
    f->at = 0;
    return false;
}

bool follow_ready(const struct follow *f) {
    return f->text.size > f->at && memmem(f->text.data + f->at, f->text.size - f->at, "\n\n", 2) != NULL;
}

enum status follow_next(struct follow *f, unsigned wait_ms, struct follow_event *event) {
    take_chunks(f); /* what came with the head */
    while (!take_event(f, event)) {
        enum status status = f->ended ? STATUS_END : receive(f, wait_ms);
        if (status)
            return status;
        take_chunks(f);
    }
    return STATUS_OK;
}
