/* log_reader: one reader's walk over the segments.
 *
 * A reader has its own file handle and knows up to which offset of its segment the records are durable (`limit`);
 * only there does it ask the log, under its mutex, whether the limit moved or a next segment follows. Bytes come in
 * chunks of 1 MiB; records before the wanted position are stepped over by their headers. */
#include "log/log_reader.h"
#include "log/log_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define CHUNK_BYTES (1u << 20)

static enum status removed(const struct log_reader *reader, uint64_t position, struct fault *fault) {
    return fault_set(fault, STATUS_NOT_FOUND, "%s: what follows position %llu was removed by the retention",
                     reader->log->folder, (unsigned long long)position);
}

/* Moves the reader to a segment that starts with `first`. */
static enum status enter(struct log_reader *reader, uint64_t first, uint32_t salt, uint64_t at, uint64_t limit,
                         struct fault *fault) {
    struct buffer path = {0};
    struct os_file *file;
    segment_path(&path, reader->log->folder, first);
    enum status status = os_open(reader->log->os, path.data, OS_READ, &file, fault);
    buffer_release(&path);
    if (status == STATUS_NOT_FOUND)
        return removed(reader, reader->last, fault); /* since the mutex was dropped */
    if (status)
        return status;
    assert(at >= SEGMENT_HEADER_BYTES && at <= limit);
    os_close(reader->log->os, reader->file);
    reader->file = file;
    reader->first = first;
    reader->salt = salt;
    reader->at = reader->chunk_offset = at;
    reader->limit = limit;
    buffer_clear(&reader->chunk);
    return STATUS_OK;
}

/* At the limit: more of this segment, the next one, or END. */
static enum status advance(struct log_reader *reader, struct fault *fault) {
    struct log *log = reader->log;
    pthread_mutex_lock(&log->mutex);
    size_t next = 0; /* the segment after ours */
    while (next < log->segment_count && log->segments[next].header.first <= reader->first)
        next++;
    const struct segment *ours = next ? &log->segments[next - 1] : NULL;
    if (ours && reader->at < ours->end) {
        assert(ours->header.first == reader->first);
        reader->limit = ours->end;
        pthread_mutex_unlock(&log->mutex);
        return STATUS_OK;
    }
    if (next == log->segment_count) {
        pthread_mutex_unlock(&log->mutex);
        return STATUS_END;
    }
    struct segment_header header = log->segments[next].header;
    uint64_t limit = log->segments[next].end;
    pthread_mutex_unlock(&log->mutex);
    if (header.previous_first != reader->first || header.previous_end != reader->at)
        return removed(reader, reader->last, fault);
    return enter(reader, header.first, header.salt, SEGMENT_HEADER_BYTES, limit, fault);
}

/* Makes [at, at + need) readable in the chunk; it is before the limit. */
static enum status fill(struct log_reader *reader, size_t need, struct fault *fault) {
    assert(reader->at >= reader->chunk_offset && need <= reader->limit - reader->at);
    uint64_t skip = reader->at - reader->chunk_offset;
    if (skip + need <= reader->chunk.size)
        return STATUS_OK;
    size_t keep = skip < reader->chunk.size ? reader->chunk.size - skip : 0;
    if (keep)
        memmove(reader->chunk.data, reader->chunk.data + skip, keep);
    reader->chunk.size = keep;
    reader->chunk_offset = reader->at;
    size_t want = need - keep > CHUNK_BYTES ? need - keep : CHUNK_BYTES, got;
    if (want > reader->limit - reader->at - keep)
        want = reader->limit - reader->at - keep;
    enum status status = os_read_at(reader->log->os, reader->file, buffer_reserve(&reader->chunk, want), want,
                                    reader->at + keep, &got, fault);
    if (status)
        return status;
    if (got < want)
        return fault_set(fault, STATUS_DAMAGED, "%s/%020llu.log: it ends at offset %llu, before its records do",
                         reader->log->folder, (unsigned long long)reader->first,
                         (unsigned long long)(reader->at + keep + got));
    reader->chunk.size += got;
    return STATUS_OK;
}

static enum status damaged(const struct log_reader *reader, const char *what, struct fault *fault) {
    return fault_set(fault, STATUS_DAMAGED, "%s/%020llu.log: the record at offset %llu is damaged: %s",
                     reader->log->folder, (unsigned long long)reader->first, (unsigned long long)reader->at, what);
}

static enum status read_header(struct log_reader *reader, struct record_header *header, struct fault *fault) {
    if (reader->limit - reader->at < RECORD_HEADER_BYTES)
        return damaged(reader, "it does not fit before the segment's end", fault);
    enum status status = fill(reader, RECORD_HEADER_BYTES, fault);
    if (status)
        return status;
    memcpy(header, reader->chunk.data + (reader->at - reader->chunk_offset), sizeof *header);
    if (!record_header_valid(header, reader->salt))
        return damaged(reader, "the header's checksum does not hold", fault); /* [L5] */
    if (record_padded(header->length) > reader->limit - reader->at)
        return damaged(reader, "it does not fit before the segment's end", fault);
    if (header->position <= reader->last || header->position < reader->first ||
        header->position > log_durable(reader->log))
        return damaged(reader, "its position is out of order", fault); /* [L6] */
    return STATUS_OK;
}

static enum status read_payload(struct log_reader *reader, const struct record_header *header,
                                struct log_record *record, struct fault *fault) {
    enum status status = fill(reader, header->length, fault);
    if (status)
        return status;
    const char *at = reader->chunk.data + (reader->at - reader->chunk_offset);
    record->payload = slice_of(at + RECORD_HEADER_BYTES, header->length - RECORD_HEADER_BYTES);
    if (crc32c(0, record->payload.data, record->payload.size) != header->payload_crc)
        return damaged(reader, "the payload's checksum does not hold", fault); /* [L5] */
    record->position = header->position;
    record->received_ms = header->received_ms;
    record->kind = header->kind;
    record->source = header->source;
    record->flags = header->flags;
    return STATUS_OK;
}

enum status log_read(struct log_reader *reader, struct log_record *record, struct fault *fault) {
    for (;;) {
        struct record_header header;
        enum status status = reader->at == reader->limit ? advance(reader, fault) : STATUS_OK;
        if (!status && reader->at == reader->limit)
            continue; /* entered a segment that is still empty */
        if (!status)
            status = read_header(reader, &header, fault);
        if (!status && header.position >= reader->from)
            status = read_payload(reader, &header, record, fault);
        if (status)
            return status;
        reader->last = header.position;
        reader->at += record_padded(header.length);
        if (header.position >= reader->from)
            return STATUS_OK;
    }
}

enum status log_reader_open(struct log *log, uint64_t from, struct log_reader **out, struct fault *fault) {
    *out = NULL;
    if (from < log_first(log))
        return fault_set(fault, STATUS_NOT_FOUND, "%s: position %llu was removed; the oldest kept is %llu", log->folder,
                         (unsigned long long)from, (unsigned long long)log_first(log));
    struct log_reader *reader = memory_get(1, sizeof *reader);
    reader->log = log;
    reader->from = from;
    pthread_mutex_lock(&log->mutex);
    log->reader_count++;
    size_t index = 0; /* the last segment that may hold `from` */
    while (index + 1 < log->segment_count && log->segments[index + 1].header.first <= from)
        index++;
    const struct segment *segment = &log->segments[index];
    struct segment_header header = segment->header;
    uint64_t at = segment_mark_find(segment, from), limit = segment->end;
    pthread_mutex_unlock(&log->mutex);
    enum status status = enter(reader, header.first, header.salt, at, limit, fault);
    if (status)
        log_reader_close(reader);
    else
        *out = reader;
    return status;
}

void log_reader_close(struct log_reader *reader) {
    if (!reader)
        return;
    pthread_mutex_lock(&reader->log->mutex);
    assert(reader->log->reader_count > 0);
    reader->log->reader_count--;
    pthread_mutex_unlock(&reader->log->mutex);
    os_close(reader->log->os, reader->file);
    buffer_release(&reader->chunk);
    free(reader);
}
