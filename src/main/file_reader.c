/* file_reader: see the header. */
#include "main/file_reader.h"

#include <stdlib.h>

#include "collect/gunzip.h"

#define RAW_BYTES ((size_t)256 << 10)
#define INFLATED_BYTES_MAX ((size_t)512 << 20) /* of one raw piece: gzip packs a thousand to one at most */

struct file_reader {
    struct os *os;
    struct os_file *file;
    struct gunzip *gunzip; /* NULL: plain */
    struct buffer raw;
    uint64_t offset, bytes;
    bool ended;
};

static enum status read_raw(struct file_reader *r, struct fault *fault) {
    size_t got;
    buffer_clear(&r->raw);
    enum status status =
        os_read_at(r->os, r->file, buffer_reserve(&r->raw, RAW_BYTES), RAW_BYTES, r->offset, &got, fault);
    if (status)
        return status;
    r->raw.size = got;
    r->offset += got;
    r->ended = got < RAW_BYTES;
    return STATUS_OK;
}

enum status file_reader_open(struct os *os, const char *path, struct file_reader **reader, struct fault *fault) {
    struct file_reader *r = memory_get(1, sizeof *r);
    r->os = os;
    enum status status = os_open(os, path, OS_READ, &r->file, fault);
    if (!status)
        status = os_size(os, r->file, &r->bytes, fault);
    if (!status)
        status = read_raw(r, fault);
    if (status) {
        file_reader_close(r);
        return status;
    }
    if (gunzip_is(buffer_slice(&r->raw))) {
        r->gunzip = gunzip_create();
        gunzip_start(r->gunzip);
    }
    *reader = r;
    return STATUS_OK;
}

void file_reader_close(struct file_reader *r) {
    if (!r)
        return;
    if (r->file)
        os_close(r->os, r->file);
    gunzip_free(r->gunzip);
    buffer_release(&r->raw);
    free(r);
}

uint64_t file_reader_bytes(const struct file_reader *r, bool *plain) {
    *plain = !r->gunzip;
    return r->bytes;
}

/* `raw` always holds what was read and not handed on yet. */
enum status file_reader_next(struct file_reader *r, size_t want, struct buffer *into, bool *last, struct fault *fault) {
    size_t before = into->size;
    enum status status = STATUS_OK;
    for (*last = false; !status && !*last && into->size - before < want;) {
        struct slice piece = buffer_slice(&r->raw);
        *last = r->ended;
        if (r->gunzip)
            status = gunzip_feed(r->gunzip, piece, *last, INFLATED_BYTES_MAX, into, fault);
        else
            buffer_add_slice(into, piece);
        if (!status && !*last)
            status = read_raw(r, fault);
    }
    return status;
}
