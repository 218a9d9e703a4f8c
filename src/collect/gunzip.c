/* gunzip: see the header. Output grows by doubling steps up to the limit; one byte more is asked for at the limit, so
 * that a body of exactly `limit` bytes passes and a longer one is known without inflating it. */
#include "collect/gunzip.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

struct gunzip {
    z_stream stream;
    bool inside; /* a member has begun and not ended */
    bool any;    /* a member has ended */
};

bool gunzip_is(struct slice bytes) { return bytes.size >= 3 && memcmp(bytes.data, "\x1f\x8b\x08", 3) == 0; }

struct gunzip *gunzip_create(void) {
    struct gunzip *g = memory_get(1, sizeof *g);
    int failed = inflateInit2(&g->stream, 15 + 32); /* largest window; gzip or zlib by the first bytes */
    assert(!failed);
    (void)failed;
    return g;
}

void gunzip_free(struct gunzip *g) {
    if (!g)
        return;
    inflateEnd(&g->stream);
    free(g);
}

void gunzip_start(struct gunzip *g) {
    int failed = inflateReset(&g->stream);
    assert(!failed);
    (void)failed;
    g->inside = false;
    g->any = false;
}

/* Inflates into the room there is under `limit`, plus one byte. */
static int inflate_step(struct gunzip *g, size_t first, size_t limit, struct buffer *into) {
    size_t made = into->size - first;
    size_t room = made < 65536 ? 65536 : made;
    if (room > limit + 1 - made)
        room = limit + 1 - made;
    assert(room > 0);
    g->stream.next_out = (Bytef *)buffer_reserve(into, room);
    g->stream.avail_out = (uInt)(room < 1u << 30 ? room : 1u << 30);
    uInt offered = g->stream.avail_out;
    int result = inflate(&g->stream, Z_NO_FLUSH);
    into->size += offered - g->stream.avail_out;
    return result;
}

/* Takes all of the piece's bytes, or fails. */
static enum status inflate_piece(struct gunzip *g, size_t limit, struct buffer *into, struct fault *fault) {
    size_t first = into->size;
    bool full = false; /* the last step filled its room: more may wait inside zlib */
    while (g->stream.avail_in || full) {
        if (!g->inside && !g->stream.avail_in)
            break;
        if (!g->inside && g->any && inflateReset(&g->stream) != Z_OK)
            return fault_set(fault, STATUS_INVALID, "the compressed data cannot be read");
        g->inside = true;
        int result = inflate_step(g, first, limit, into);
        full = g->stream.avail_out == 0;
        if (into->size - first > limit)
            return fault_set(fault, STATUS_TOO_LARGE, "the data is more than %zu bytes once uncompressed", limit);
        if (result == Z_STREAM_END) {
            g->inside = false;
            g->any = true;
        } else if (result != Z_OK && result != Z_BUF_ERROR) {
            return fault_set(fault, STATUS_INVALID, "the compressed data is broken%s%s", g->stream.msg ? ": " : "",
                             g->stream.msg ? g->stream.msg : "");
        }
    }
    return STATUS_OK;
}

enum status gunzip_feed(struct gunzip *g, struct slice piece, bool last, size_t limit, struct buffer *into,
                        struct fault *fault) {
    assert(limit < SIZE_MAX / 2);
    while (piece.size) {
        size_t part = piece.size < 1u << 30 ? piece.size : 1u << 30;
        g->stream.next_in = (Bytef *)(uintptr_t)piece.data;
        g->stream.avail_in = (uInt)part;
        size_t before = into->size;
        enum status status = inflate_piece(g, limit, into, fault);
        if (status)
            return status;
        limit -= into->size - before;
        piece = slice_of(piece.data + part, piece.size - part);
    }
    if (last && (g->inside || !g->any))
        return fault_set(fault, STATUS_INVALID, "the compressed data is cut off");
    return STATUS_OK;
}

enum status gunzip_whole(struct gunzip *g, struct slice bytes, size_t limit, struct buffer *into, struct fault *fault) {
    size_t first = into->size;
    gunzip_start(g);
    enum status status = gunzip_feed(g, bytes, true, limit, into, fault);
    if (status)
        into->size = first;
    return status;
}
