/* segment_auth: what a request's path asks for and which key it shows. No look-ups here: see source.h. */
#ifndef ONEFOLD_COLLECT_SEGMENT_AUTH_H
#define ONEFOLD_COLLECT_SEGMENT_AUTH_H

#include "base/memory.h"
#include "base/slice.h"

enum segment_call {
    SEGMENT_NONE,
    SEGMENT_IDENTIFY,
    SEGMENT_TRACK,
    SEGMENT_PAGE,
    SEGMENT_SCREEN,
    SEGMENT_GROUP,
    SEGMENT_ALIAS,
    SEGMENT_RELATION, /* ours: two customers are related */
    SEGMENT_BATCH
};

/* The call behind a path: /v1/track, /v1/t, /v1/import ..., the same under /beacon/v1/ (RudderStack), /api/s/ and
 * /api/s/s2s/ (Jitsu); slashes at the end do not count. SEGMENT_NONE: not one of ours. */
enum segment_call segment_call_of_path(struct slice path);
/* The call that an item's "type" names; SEGMENT_NONE: unknown, or "batch". */
enum segment_call segment_call_of_type(struct slice type);
/* "track" for SEGMENT_TRACK. */
const char *segment_call_name(enum segment_call call);

#define SEGMENT_KEY_BYTES_MAX 256

/* The user of "Basic base64(user:password)", decoded into `into`. Empty where the header is missing, of another scheme,
 * or broken. */
struct slice segment_basic_user(struct slice authorization, char into[SEGMENT_KEY_BYTES_MAX]);
/* The other way, for our own clients: appends "Basic base64(user:)". `user` has at most SEGMENT_KEY_BYTES_MAX - 1 bytes. */
void segment_basic_header(struct slice user, struct buffer *into);

#endif
