/* bad_input_client: what the tests of bad input share: a whole server on a free port of loopback, a wire that sends exactly the bytes it is
 * given, and good customers whose events are sent before and after each test and must arrive exactly once, whatever others
 * send. Every failure of the aids themselves ends the test. ONEFOLD_SHOW=1 prints each answer that was checked. */
#ifndef ONEFOLD_TESTS_BAD_INPUT_CLIENT_H
#define ONEFOLD_TESTS_BAD_INPUT_CLIENT_H

#include "base/json_read.h"
#include "main/client.h"
#include "main/server.h"

/* --- the server and its good customers --- */

#define GOOD_MAX 64

struct bed {
    struct server *server;
    struct client *admin;  /* with the admin key */
    struct client *writer; /* with the write key */
    uint16_t port;
    char admin_key[48], write_key[48];
    char folder[64]; /* on a simulated disk only its name is used */
    unsigned good;   /* sent so far */
    unsigned number; /* of this bed in the process, so that names differ */
};

/* Starts a server in a folder of its own and sends the first good event. NULL for os: the real one; for options: the defaults, port 0. */
void bed_open(struct bed *bed, struct os *os, const struct engine_options *engine, const struct serve_options *options);
/* Sends one more good event, checks that all of them stand exactly once under their customers and that the server lives; stops it. */
void bed_close(struct bed *bed);
/* An event of its own customer "good-<n>"; must be answered 200. */
void bed_good(struct bed *bed);
void bed_check_good(struct bed *bed);
void bed_settle(struct bed *bed);

/* --- answers --- */

struct answer {
    int code;                 /* 0: closed without an answer; -1: none in time */
    struct buffer head, body; /* ended by zero */
};
void answer_release(struct answer *answer);
/* The header's value, or an empty slice. */
struct slice answer_header(const struct answer *answer, const char *name);
/* The code is `code`, and the body holds every word of `words`, which are cut at '|'. `what` names the case. */
void check_answer(const char *what, const struct answer *answer, int code, const char *words);

/* --- asking --- */

/* Through main/client.h, with the admin key and with the write key. `answer` is replaced. */
void ask_admin(struct bed *bed, const char *method, const char *path, struct slice body, struct answer *answer);
void ask_writer(struct bed *bed, const char *path, struct slice body, struct answer *answer);
/* ask_admin, check_answer and release. */
void expect_admin(struct bed *bed, const char *what, const char *method, const char *path, const char *body, int code,
                  const char *words);
void expect_writer(struct bed *bed, const char *what, const char *path, struct slice body, int code, const char *words);
/* How often `word` stands in the answer to GET `path`. */
unsigned count_in(struct bed *bed, const char *path, const char *word);
/* Rows of the customer's timeline of this type; 0 where there is no such customer. */
unsigned row_count(struct bed *bed, const char *user_id, const char *type);

/* --- the wire --- */

struct wire {
    int socket;
    struct buffer in;
};
void wire_open(struct wire *wire, uint16_t port);
void wire_close(struct wire *wire);
/* False when the server has closed. */
bool wire_send(struct wire *wire, struct slice bytes);
/* The next answer, waiting up to `timeout_ms` for each piece of it. */
void wire_read(struct wire *wire, struct answer *answer, unsigned timeout_ms);
/* The head and body of a POST with the write key; `headers`: more lines, each ended by \r\n, or "". */
void post_print(struct buffer *into, const struct bed *bed, const char *path, const char *headers, struct slice body);
/* A request on a connection of its own. */
void ask_wire(struct bed *bed, struct slice request, struct answer *answer);
/* post_print and ask_wire. */
void ask_post(struct bed *bed, const char *path, const char *headers, struct slice body, struct answer *answer);

double now_s(void);
int64_t cpu_ms(void); /* of the whole process */
void sleep_ms(unsigned ms);

#endif
