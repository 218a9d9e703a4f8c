/* query: what stands in a request's first line and in small headers: target, parameters, percent-encoding, Basic. Pure; all of it
 * reads outside bytes (query_fuzz.c). */
#ifndef ONEFOLD_SERVE_QUERY_H
#define ONEFOLD_SERVE_QUERY_H

#include "base/memory.h"
#include "base/slice.h"
#include "base/status.h"

/* "/a/b?x=1", or the absolute form "http://host/a/b?x=1" -> path and query, both borrowed from `target`. An empty path
 * becomes "/". False where it is neither. */
bool query_split(struct slice target, struct slice *path, struct slice *query);

/* The first parameter called `name`, still encoded; false where there is none. `name` needs no encoding. */
bool query_raw(struct slice query, const char *name, struct slice *value);
/* The same, decoded into `arena` ('+' is a blank); an empty slice where there is none or its encoding is broken. */
struct slice query_text(struct slice query, const char *name, struct arena *arena);
/* A whole number; `otherwise` where there is none. INVALID, naming it, where it is no number or outside low .. high. */
enum status query_integer(struct slice query, const char *name, int64_t low, int64_t high, int64_t otherwise,
                          int64_t *value, struct fault *fault) WARN_UNUSED;
/* "1", "true", "yes" or a bare name. */
bool query_flag(struct slice query, const char *name);

/* %XX decoded into `arena` (`plus`: and '+' made a blank); what needs no decoding is returned as it is. INVALID: a % without two hex
 * digits, or %00. */
enum status query_decode(struct slice text, bool plus, struct arena *arena, struct slice *out) WARN_UNUSED;

/* The key a request presents: "Bearer KEY", or "Basic base64(KEY:anything)". Decoded into `arena`; empty where there is none. */
struct slice query_key(struct slice authorization, struct arena *arena);

/* Takes the next piece of a path: "/a/b" gives "a", then "b"; false at the end. A piece may be empty. */
bool query_piece(struct slice *path, struct slice *piece);

#endif
