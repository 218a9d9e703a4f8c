/* gunzip: compressed bodies and files to plain bytes, by zlib (its only use), never more than the caller allows.
 *
 * A few hundred bytes can ask for gigabytes: inflating stops at `limit`, before the memory is taken. Understands gzip
 * (several members behind each other too) and zlib (what HTTP calls "deflate"). */
#ifndef ONEFOLD_COLLECT_GUNZIP_H
#define ONEFOLD_COLLECT_GUNZIP_H

#include "base/memory.h"

/* True when `bytes` begins like gzip. No JSON and no table of ours does. */
bool gunzip_is(struct slice bytes);

/* One stream's state, reused. Thread: one owner. */
struct gunzip;
struct gunzip *gunzip_create(void);
void gunzip_free(struct gunzip *gunzip);

/* A whole body: appends what `bytes` inflate to.
 * Errors: INVALID (broken, cut off, or with bytes behind its end); TOO_LARGE when more than `limit` bytes come out.
 * After an error `into` is as it was. */
enum status gunzip_whole(struct gunzip *gunzip, struct slice bytes, size_t limit, struct buffer *into,
                         struct fault *fault) WARN_UNUSED;

/* A file in pieces: gunzip_start, then gunzip_feed for each, `last` with the last one (which may be empty). Appends to
 * `into`; `limit` is the most bytes this one piece may inflate to. Errors as above; the stream is of no more use then. */
void gunzip_start(struct gunzip *gunzip);
enum status gunzip_feed(struct gunzip *gunzip, struct slice piece, bool last, size_t limit, struct buffer *into,
                        struct fault *fault) WARN_UNUSED;

#endif
