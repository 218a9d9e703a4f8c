/* json_read: text to a flat array of nodes, by simdjson (its only use; the shim is json_read.cc).
 *
 * A parser owns its nodes and the unescaped text; both stay valid until its next parse. A container's children follow
 * it directly; `next` of a child is its next sibling's index or 0. Text is valid UTF-8.
 *
 *     for (const struct json *m = json_first(p, root); m; m = json_next(p, m)) ... m->key, m->kind ...
 */
#ifndef ONEFOLD_BASE_JSON_READ_H
#define ONEFOLD_BASE_JSON_READ_H

#include "base/slice.h"
#include "base/status.h"

enum json_kind { JSON_NULL, JSON_BOOL, JSON_INTEGER, JSON_REAL, JSON_TEXT, JSON_ARRAY, JSON_OBJECT };

struct json {
    enum json_kind kind;
    uint32_t next;    /* index of the next sibling, 0 for none */
    uint32_t index;   /* of this node */
    uint32_t count;   /* children of a container */
    struct slice key; /* of an object's member, unescaped */
    union {
        bool boolean;
        int64_t integer;
        double real; /* also integers past 64 bits */
        struct slice text;
    };
};

struct json_parser;
#define JSON_DEPTH_MAX 200
struct json_parser *json_parser_create(void);
void json_parser_free(struct json_parser *parser);

/* Parses one document. `text` must have 64 readable bytes past its end (every struct buffer has); pass
 * `padded = false` where it has not, and it is copied first.
 * Errors: INVALID, the fault saying what is wrong; deeper than JSON_DEPTH_MAX is INVALID too.
 * Thread: one at a time per parser. Cost: about 1.5 GB/s. */
enum status json_parse(struct json_parser *parser, struct slice text, bool padded, const struct json **root,
                       struct fault *fault) WARN_UNUSED;

/* Where `text`, which json_parse refused, stops being JSON: the offset, and *what is wrong there (static text; NULL where no fault is
 * found). json_parse's own fault says both. Cost: a byte at a time. */
size_t json_fault_at(struct slice text, const char **what);

const struct json *json_first(const struct json_parser *parser, const struct json *container);
const struct json *json_next(const struct json_parser *parser, const struct json *node);
/* The member named `key`, or NULL; NULL too when `object` is NULL or no object. The last one wins where a key repeats. */
const struct json *json_get(const struct json_parser *parser, const struct json *object, const char *key);
/* The member's text, or an empty slice where it is missing or no text. */
struct slice json_get_text(const struct json_parser *parser, const struct json *object, const char *key);
int64_t json_get_integer(const struct json_parser *parser, const struct json *object, const char *key,
                         int64_t otherwise);
bool json_get_bool(const struct json_parser *parser, const struct json *object, const char *key, bool otherwise);

/* Raw text, for cutting a valid document into pieces without writing it again.
 * json_raw_skip: the offset just past the value that starts at or after `at` (blanks skipped).
 * json_raw_member: the raw value of the top-level member `key` of the object `text`, or an empty slice.
 * json_raw_item: walks an array: start with *at = 0; false at its end. All three trust `text` to be valid JSON and never
 * read past it. */
size_t json_raw_skip(struct slice text, size_t at);
struct slice json_raw_member(struct slice object, const char *key);
bool json_raw_item(struct slice array, size_t *at, struct slice *item);

#endif
