/* bad_input_client: see bad_input_client.h. */
#include "bad_input_client.h"
#include "await.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define SETTLE_MS AWAIT_MS

static unsigned beds_opened;

double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int64_t cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

void sleep_ms(unsigned ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&t, NULL);
}

/* --- answers --- */

void answer_release(struct answer *answer) {
    buffer_release(&answer->head);
    buffer_release(&answer->body);
    *answer = (struct answer){0};
}

struct slice answer_header(const struct answer *answer, const char *name) {
    size_t size = strlen(name);
    const char *line = answer->head.data;
    while (line && (line = strstr(line, "\r\n")) != NULL) {
        line += 2;
        if (strncasecmp(line, name, size) == 0 && line[size] == ':')
            return slice_trim(slice_of(line + size + 1, strcspn(line + size + 1, "\r")));
    }
    return SLICE_NONE;
}

static bool holds(const struct answer *answer, struct slice word) {
    return word.size == 0 || (answer->body.size && memmem(answer->body.data, answer->body.size, word.data, word.size));
}

void check_answer(const char *what, const struct answer *answer, int code, const char *words) {
    const char *body = answer->body.size ? answer->body.data : "";
    if (getenv("ONEFOLD_SHOW"))
        print_message("| %s | %d | %.300s |\n", what, answer->code, body);
    if (answer->code != code)
        fail_msg("%s: the answer is %d, not %d: %.600s", what, answer->code, code, body);
    for (const char *at = words; *at;) {
        size_t size = strcspn(at, "|");
        if (!holds(answer, slice_of(at, size)))
            fail_msg("%s: the answer does not say \"%.*s\": %.600s", what, (int)size, at, body);
        at += size + (at[size] == '|');
    }
}

/* --- asking --- */

static void ask(struct client *client, const char *method, const char *path, struct slice body, struct answer *answer) {
    struct fault fault = {0};
    *answer = (struct answer){0};
    if (client_request(client, method, path, NULL, body, &answer->code, &answer->body, &fault))
        fail_msg("%s %s: %s", method, path, fault.text);
    buffer_add_char(&answer->body, 0);
    answer->body.size--;
}

void ask_admin(struct bed *bed, const char *method, const char *path, struct slice body, struct answer *answer) {
    ask(bed->admin, method, path, body, answer);
}

void ask_writer(struct bed *bed, const char *path, struct slice body, struct answer *answer) {
    ask(bed->writer, "POST", path, body, answer);
}

void expect_admin(struct bed *bed, const char *what, const char *method, const char *path, const char *body, int code,
                  const char *words) {
    struct answer answer;
    ask_admin(bed, method, path, slice_text(body ? body : ""), &answer);
    check_answer(what, &answer, code, words);
    answer_release(&answer);
}

void expect_writer(struct bed *bed, const char *what, const char *path, struct slice body, int code,
                   const char *words) {
    struct answer answer;
    ask_writer(bed, path, body, &answer);
    check_answer(what, &answer, code, words);
    answer_release(&answer);
}

unsigned count_in(struct bed *bed, const char *path, const char *word) {
    struct answer answer;
    unsigned count = 0;
    ask_admin(bed, "GET", path, SLICE_NONE, &answer);
    if (answer.code != 200)
        fail_msg("GET %s: %d %.300s", path, answer.code, answer.body.data);
    for (const char *at = answer.body.data; (at = strstr(at, word)) != NULL; at++)
        count++;
    answer_release(&answer);
    return count;
}

unsigned row_count(struct bed *bed, const char *user_id, const char *type) {
    char path[200];
    unsigned count = 0;
    struct answer answer;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    snprintf(path, sizeof path, "/v1/profiles/user_id:%s/timeline?limit=500", user_id);
    ask_admin(bed, "GET", path, SLICE_NONE, &answer);
    if (answer.code != 200 && answer.code != 404)
        fail_msg("GET %s: %d %.300s", path, answer.code, answer.body.data);
    if (answer.code == 200) {
        assert_int_equal(json_parse(p, buffer_slice(&answer.body), true, &root, NULL), STATUS_OK);
        const struct json *rows = json_get(p, root, "timeline");
        assert_non_null(rows);
        for (const struct json *row = json_first(p, rows); row; row = json_next(p, row))
            count += slice_is(json_get_text(p, row, "type"), type);
    }
    json_parser_free(p);
    answer_release(&answer);
    return count;
}

/* --- the server and its good customers --- */

void bed_settle(struct bed *bed) { assert_true(engine_settle(bed->server->engine, SETTLE_MS)); }

void bed_good(struct bed *bed) {
    char text[200];
    assert_true(bed->good < GOOD_MAX);
    int size = snprintf(
        text, sizeof text,
        "{\"userId\":\"good-%u-%u\",\"messageId\":\"good-%u-%u\",\"event\":\"Good\",\"properties\":{\"n\":%u}}",
        bed->number, bed->good, bed->number, bed->good, bed->good);
    expect_writer(bed, "a good event", "/v1/track", slice_of(text, (size_t)size), 200, "\"accepted\":1");
    bed->good++;
}

void bed_check_good(struct bed *bed) {
    char id[40];
    bed_settle(bed);
    for (unsigned i = 0; i < bed->good; i++) {
        snprintf(id, sizeof id, "good-%u-%u", bed->number, i);
        unsigned rows = row_count(bed, id, "Good");
        if (rows != 1)
            fail_msg("%s has %u rows instead of one", id, rows);
    }
    expect_admin(bed, "health", "GET", "/healthz", NULL, 200, "\"done\":true");
}

void bed_open(struct bed *bed, struct os *os, const struct engine_options *engine,
              const struct serve_options *options) {
    struct serve_options door = options ? *options : (struct serve_options){0};
    struct fault fault = {0};
    *bed = (struct bed){.number = beds_opened++};
    snprintf(bed->folder, sizeof bed->folder, "/tmp/onefold-bad-input-XXXXXX");
    if (!mkdtemp(bed->folder))
        fail_msg("no folder to be had in /tmp");
    struct engine_options small = {.log = {.segment_bytes = 4 << 20}, .threads = true};
    door.port = 0;
    if (server_start(os ? os : os_real(), bed->folder, engine ? engine : &small, &door, &bed->server, &fault) ||
        server_source(bed->server, "web", "segment", bed->write_key, &fault) ||
        server_admin_key(bed->server, bed->admin_key, &fault) ||
        client_create(serve_address(bed->server->serve), bed->admin_key, &bed->admin, &fault) ||
        client_create_writer(serve_address(bed->server->serve), bed->write_key, &bed->writer, &fault))
        fail_msg("%s", fault.text);
    bed->port = serve_port(bed->server->serve);
    bed_good(bed);
}

void bed_close(struct bed *bed) {
    char command[100];
    bed_good(bed);
    bed_check_good(bed);
    client_free(bed->admin);
    client_free(bed->writer);
    server_stop(bed->server);
    snprintf(command, sizeof command, "rm -rf %s", bed->folder);
    assert_int_equal(system(command), 0);
}

/* --- the wire --- */

void wire_open(struct wire *wire, uint16_t port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *wire = (struct wire){.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (wire->socket < 0 || connect(wire->socket, (struct sockaddr *)&to, sizeof to) != 0)
        fail_msg("cannot connect to port %u", port);
    setsockopt(wire->socket, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

void wire_close(struct wire *wire) {
    if (wire->socket >= 0)
        close(wire->socket);
    buffer_release(&wire->in);
    *wire = (struct wire){.socket = -1};
}

bool wire_send(struct wire *wire, struct slice bytes) {
    while (bytes.size) {
        ssize_t sent = send(wire->socket, bytes.data, bytes.size, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = slice_of(bytes.data + sent, bytes.size - (size_t)sent);
    }
    return true;
}

/* 1: more came; 0: the server closed; -1: nothing in time. */
static int receive_more(struct wire *wire, unsigned timeout_ms) {
    struct pollfd wait = {.fd = wire->socket, .events = POLLIN};
    if (poll(&wait, 1, (int)timeout_ms) != 1)
        return -1;
    char *into = buffer_reserve(&wire->in, 65536);
    ssize_t got = recv(wire->socket, into, 65536, 0);
    if (got <= 0)
        return 0;
    wire->in.size += (size_t)got;
    return 1;
}

static void take(struct wire *wire, struct buffer *into, size_t size) {
    buffer_add(into, wire->in.data, size);
    memmove(wire->in.data, wire->in.data + size, wire->in.size - size);
    wire->in.size -= size;
    buffer_add_char(into, 0);
    into->size--;
}

void wire_read(struct wire *wire, struct answer *answer, unsigned timeout_ms) {
    char *end = NULL;
    int more = 1;
    *answer = (struct answer){0};
    while ((end = wire->in.size ? memmem(wire->in.data, wire->in.size, "\r\n\r\n", 4) : NULL) == NULL) {
        if ((more = receive_more(wire, timeout_ms)) != 1) {
            answer->code = more;
            return;
        }
    }
    take(wire, &answer->head, (size_t)(end - wire->in.data) + 4);
    answer->code = atoi(answer->head.data + 9);
    struct slice length = answer_header(answer, "Content-Length");
    size_t bytes = length.size ? strtoull(length.data, NULL, 10) : 0;
    while (wire->in.size < bytes && receive_more(wire, timeout_ms) == 1) {
    }
    take(wire, &answer->body, bytes < wire->in.size ? bytes : wire->in.size);
}

void post_print(struct buffer *into, const struct bed *bed, const char *path, const char *headers, struct slice body) {
    buffer_print(into, "POST %s HTTP/1.1\r\nHost: localhost\r\nX-Write-Key: %s\r\n%sContent-Length: %zu\r\n\r\n", path,
                 bed->write_key, headers, body.size);
    buffer_add_slice(into, body);
}

void ask_wire(struct bed *bed, struct slice request, struct answer *answer) {
    struct wire wire;
    wire_open(&wire, bed->port);
    wire_send(&wire, request); /* a server that has answered and closed already is no fault here */
    wire_read(&wire, answer, AWAIT_MS);
    wire_close(&wire);
}

void ask_post(struct bed *bed, const char *path, const char *headers, struct slice body, struct answer *answer) {
    struct buffer out = {0};
    post_print(&out, bed, path, headers, body);
    ask_wire(bed, buffer_slice(&out), answer);
    buffer_release(&out);
}
