/* decode: a file's bytes, in pieces, to UTF-8. A piece may end inside a character; the rest of it comes with the next.
 *
 * Bytes that mean nothing in the encoding become U+FFFD and are marked, so that the row they stand in can be refused
 * rather than stored wrong. (A U+FFFD that the file itself holds is not marked.) */
#ifndef ONEFOLD_COLLECT_DECODE_H
#define ONEFOLD_COLLECT_DECODE_H

#include "base/memory.h"

enum encoding { ENCODING_UTF8, ENCODING_GB18030 };

struct decode;
struct decode *decode_create(enum encoding encoding);
void decode_free(struct decode *decode);

/* Appends the piece as UTF-8 to `into`, and to `marks` a size_t per bad byte: the offset in `into` of its U+FFFD,
 * ascending. `last`: a character cut off at the end is bad. Cost: UTF-8 about 4 GB/s where it is ASCII; GB18030 about
 * 500 MB/s. */
void decode_feed(struct decode *decode, struct slice piece, bool last, struct buffer *into, struct buffer *marks);
/* True when all of `bytes` is well-formed in `encoding` and some of it is not ASCII. `bytes` may end inside a
 * character. */
bool decode_looks_like(enum encoding encoding, struct slice bytes);

#endif
