/* source: the named ways in, and the keys that open them.
 *
 * Sources and keys are definitions: they come as LOG_DEFINE records and are applied by the fold thread; the doors read
 * them on other threads under a read-write lock held for a look-up. Keys are kept as BLAKE2b hashes (libsodium), never
 * as they are. */
#ifndef ONEFOLD_COLLECT_SOURCE_H
#define ONEFOLD_COLLECT_SOURCE_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "os/os.h"

#define SOURCES_MAX 4096
#define SOURCE_KEYS_MAX 65536

struct source {
    uint16_t number; /* from 1 */
    char name[64];
    char kind[24];      /* "segment", "file" ... */
    uint8_t priority;   /* for attributes; 0 strongest; default 100 */
    char time_zone[48]; /* of times without one; "" = the workspace's */
    bool enabled;
};

enum key_role { KEY_WRITE = 1, KEY_ADMIN = 2 };

struct sources;
struct sources *sources_create(struct os *os);
void sources_free(struct sources *sources);

/* {"define":"source","name":...,"kind":...,"priority":n,"time_zone":...,"enabled":bool}
 * {"define":"key","role":"write|admin","source":name,"hash":hex,"name":label,"revoked":bool}
 * Only "name" (of a source) or "role", "source" and "hash" (of a key; an admin key has no source) must be there.
 * Defining again changes the members that are given and leaves the others. A key cannot move to another role or source:
 * CONFLICT.
 * _check: thread any, before logging; _define: fold thread. Errors: INVALID, NOT_FOUND (the key's source), CONFLICT,
 * FULL. */
enum status sources_check(struct sources *sources, struct json_parser *p, const struct json *definition,
                          struct fault *fault) WARN_UNUSED;
enum status sources_define(struct sources *sources, struct json_parser *p, const struct json *definition,
                           struct fault *fault) WARN_UNUSED;

/* The source a write key opens. UNAUTHORIZED: unknown or revoked; FORBIDDEN: the source is disabled. Thread: any.
 * Cost: one BLAKE2b and one look-up, about 0.3 microseconds. */
enum status sources_by_key(struct sources *sources, struct slice key, struct source *out,
                           struct fault *fault) WARN_UNUSED;
bool sources_is_admin(struct sources *sources, struct slice key);
bool sources_has_admin(struct sources *sources);
bool sources_by_name(struct sources *sources, struct slice name, struct source *out);
bool sources_at(struct sources *sources, uint16_t number, struct source *out);
uint16_t sources_count(struct sources *sources); /* numbers 1 .. count */
/* Hex of the hash under which a key is stored; 64 digits and a zero. */
void sources_hash_key(struct slice key, char out[65]);
/* A fresh key: prefix ("ofw_" write, "ofa_" admin) and 32 random characters. */
void sources_new_key(struct os *os, enum key_role role, char out[48]);
/* {"sources":[{number,name,kind,priority,time_zone,enabled,keys:[{hash,name,revoked}]}],"admin_keys":[...]} */
void sources_write_json(struct sources *sources, struct json_writer *w);
/* Saving: every definition that rebuilds the state, one JSON per line; load applies them. */
void sources_save(struct sources *sources, struct buffer *into);
enum status sources_load(struct sources *sources, struct slice lines, struct fault *fault) WARN_UNUSED;

#endif
