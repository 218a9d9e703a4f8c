/* log_fuzz: any bytes as segment files: opening and reading them answers OK or DAMAGED, and a log that opened works.
 *
 * The first byte says how much is made right, so that the bytes get past the checksums: 1 = the segment header, 2 = the
 * records' checksums, 4 = the bytes are cut in half and become two chained segments. */
#include "base/memory.h"
#include "log/log.h"
#include "log/log_format.h"
#include "os/os_sim.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FOLDER "/log"

static void check(bool condition) {
    if (!condition)
        abort();
}

static void repair_header(struct buffer *file, uint64_t first, uint64_t previous_first, uint64_t previous_end) {
    struct segment_header header;
    memcpy(&header, file->data, sizeof header);
    header.magic = SEGMENT_MAGIC;
    header.version = SEGMENT_VERSION;
    header.first = first;
    header.segment_bytes = file->size;
    header.previous_first = previous_first;
    header.previous_end = previous_end;
    header.previous_last = first - 1;
    header.crc = crc32c(0, &header, offsetof(struct segment_header, crc));
    memcpy(file->data, &header, sizeof header);
}

/* Returns where the records end. */
static uint64_t repair_records(struct buffer *file) {
    struct segment_header segment;
    memcpy(&segment, file->data, sizeof segment);
    size_t at = SEGMENT_HEADER_BYTES;
    while (file->size - at >= RECORD_HEADER_BYTES) {
        struct record_header header;
        memcpy(&header, file->data + at, sizeof header);
        if (header.length < RECORD_HEADER_BYTES || record_padded(header.length) > file->size - at)
            break;
        header.payload_crc = crc32c(0, file->data + at + RECORD_HEADER_BYTES, header.length - RECORD_HEADER_BYTES);
        header.header_crc = record_header_crc(&header, segment.salt);
        memcpy(file->data + at, &header, sizeof header);
        at += record_padded(header.length);
    }
    return at;
}

static void write_segment(struct os *os, uint64_t first, struct slice bytes) {
    char path[64];
    snprintf(path, sizeof path, FOLDER "/%020llu.log", (unsigned long long)first);
    check(os_write_file(os, path, bytes, NULL) == STATUS_OK);
}

/* Makes the file of one segment, repaired as far as `mode` says; returns where its records end. */
static uint64_t make_segment(struct os *os, unsigned mode, struct slice bytes, uint64_t first, uint64_t previous_first,
                             uint64_t previous_end) {
    struct buffer file = {0};
    uint64_t end = SEGMENT_HEADER_BYTES;
    buffer_add_slice(&file, bytes);
    if (mode & 1 && file.size < SEGMENT_HEADER_BYTES + 64) {
        size_t more = SEGMENT_HEADER_BYTES + 64 - file.size;
        memset(buffer_reserve(&file, more), 0, more);
        file.size += more;
    }
    if (mode & 1)
        repair_header(&file, first, previous_first, previous_end);
    if (mode & 2 && file.size >= SEGMENT_HEADER_BYTES)
        end = repair_records(&file);
    write_segment(os, first, buffer_slice(&file));
    buffer_release(&file);
    return end;
}

/* Reads to the end; returns the last position. */
static uint64_t read_all(struct log *log) {
    struct log_reader *reader;
    struct log_record record;
    struct fault fault = {0};
    enum status status;
    uint64_t last = 0;
    check(log_reader_open(log, log_first(log), &reader, &fault) == STATUS_OK);
    while ((status = log_read(reader, &record, &fault)) == STATUS_OK) {
        check(record.position > last && record.position <= log_durable(log));
        last = record.position;
    }
    check(status == STATUS_END || (status == STATUS_DAMAGED && fault.text[0]));
    log_reader_close(reader);
    return status == STATUS_END ? last : 0;
}

/* A log that opened takes records and gives them back after a reopening. */
static void use(struct os *os, struct log *log) {
    struct log_record record = {.kind = LOG_DEFINE, .payload = SLICE("{}")};
    read_all(log);
    check(log_append(log, &record, 1, NULL) == STATUS_OK);
    check(log_commit(log, NULL) == STATUS_OK);
    uint64_t durable = log_durable(log), last = read_all(log);
    check(durable == record.position && (last == durable || last == 0));
    log_close(log);
    check(log_open(os, FOLDER, NULL, &log, NULL) == STATUS_OK);
    check(log_durable(log) == durable);
    log_close(log);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 1 << 16)
        return 0;
    struct os_sim *sim = os_sim_create(1);
    struct os *os = os_sim_os(sim);
    struct slice bytes = slice_of(data + 1, size - 1);
    struct log *log;
    struct fault fault = {0};
    check(os_make_folder(os, FOLDER, NULL) == STATUS_OK);
    if (data[0] & 4) {
        size_t half = bytes.size / 2;
        uint64_t end = make_segment(os, data[0], slice_of(bytes.data, half), 1, 0, 0);
        make_segment(os, data[0], slice_of(bytes.data + half, bytes.size - half), 1000, 1, end);
    } else {
        make_segment(os, data[0], bytes, 1, 0, 0);
    }
    enum status status = log_open(os, FOLDER, NULL, &log, &fault);
    check(status == STATUS_OK || (status == STATUS_DAMAGED && strstr(fault.text, FOLDER)));
    if (status == STATUS_OK && log_durable(log) < POSITION_MAX / 2)
        use(os, log);
    else
        log_close(log);
    os_sim_free(sim);
    return 0;
}
