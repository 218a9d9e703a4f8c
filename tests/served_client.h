/* served_client: a whole server of this process on a free port of loopback, with a client at its door, for tests that go the way a user goes: files
 * by their mappings, calls over HTTP. Every failure of the aid itself ends the test. */
#ifndef ONEFOLD_TESTS_SERVED_CLIENT_H
#define ONEFOLD_TESTS_SERVED_CLIENT_H

#include "main/client.h"
#include "main/loader.h"
#include "main/server.h"

struct served {
    struct server *server;
    struct client *admin;  /* with the admin key */
    struct client *writer; /* with a source's write key, where served_source made one */
    char admin_key[48], write_key[48];
    char folder[128];     /* data and passing files of this run alone: several may run at once */
    struct buffer answer; /* the last one's body, ended by a zero that does not count */
    struct fault fault;
};

/* Starts it in an empty folder; `test` names that. Ended by served_close, which removes the folder. */
void served_open(struct served *s, const char *test);
void served_close(struct served *s);
/* Stops and starts it over the same folder. */
void served_restart(struct served *s);
/* A source of that kind, and `writer` with its key. */
void served_source(struct served *s, const char *name, const char *kind);
/* Until everything accepted is folded. */
void served_settle(struct served *s);
/* The path of a passing file in the folder; stays until the next call. */
const char *served_file(const struct served *s, const char *name);

/* Real data are no part of the project: <ONEFOLD_TEST_DATA or ../shared/data>/<name>; the running test is skipped where it is not there. */
const char *data_path(const char *name);
/* A file by its mapping, whole: nothing rejected, everything folded. Returns its rows. */
uint64_t served_import(struct served *s, const char *path, const char *mapping);

/* One table of an analysis as CSV. */
const char *served_table(struct served *s, const char *kind, const char *table, const char *definition);

/* The status code. */
int served_call(struct served *s, struct client *client, const char *method, const char *path, const char *body);
/* The admin's call succeeds; each text up to the NULL is in the answer, and none of those behind a "!". */
void served_good(struct served *s, const char *method, const char *path, const char *body, const char *const *texts);
#define GOOD(method, path, body, ...) served_good(&served, method, path, body, (const char *const[]){__VA_ARGS__, NULL})
/* The admin's call is answered `code`, with `text` in it. */
void served_bad(struct served *s, int code, const char *method, const char *path, const char *body, const char *text);
#define BAD(code, method, path, body, text) served_bad(&served, code, method, path, body, text)

#endif
