/* log_format: a segment's bytes, as docs/formats/log.md gives them (invariants [L1].. there). Only log*.c include this.
 * All numbers are little-endian; the structs are copied from and to disk whole. */
#ifndef ONEFOLD_LOG_LOG_FORMAT_H
#define ONEFOLD_LOG_LOG_FORMAT_H

#include "base/hash.h"
#include "log/log.h"

#include <assert.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the log's files are little-endian and copied as they are");

#define SEGMENT_MAGIC 0x474f4c444c464f4eULL /* "NOFLDLOG" */
#define SEGMENT_VERSION 1
#define SEGMENT_HEADER_BYTES 4096
#define SEGMENT_BYTES_MAX (4ull << 30)

/* The first bytes of a segment; the rest of its first 4 KiB is zero. */
struct segment_header {
    uint64_t magic;
    uint32_t version;
    uint32_t salt;      /* random; starts every record header's CRC, so that no other segment's record passes here */
    uint64_t first;     /* no record here has a smaller position */
    int64_t created_ms; /* when the segment before was left */
    uint64_t segment_bytes;  /* the file is at least this long */
    uint64_t previous_first; /* `first` of the segment before; 0 in the first of all */
    uint64_t previous_end;   /* offset where the records of the segment before end */
    uint64_t previous_last;  /* the last position before this segment; 0 when there is none */
    uint32_t reserved;       /* 0 */
    uint32_t crc;            /* CRC32C of the bytes above */
};
static_assert(sizeof(struct segment_header) == 72, "stands in files");

/* Stands before every payload; the whole is padded with zeros to a multiple of 8. */
struct record_header {
    uint32_t length;     /* header and payload, without padding; never 0 */
    uint32_t header_crc; /* CRC32C, from the segment's salt, of this header without this field */
    uint64_t position;
    int64_t received_ms;
    uint16_t kind;
    uint16_t source;
    uint32_t flags;
    uint32_t group_offset; /* bytes from the start of the record's group to this header */
    uint32_t payload_crc;  /* CRC32C of the payload */
};
static_assert(sizeof(struct record_header) == 40, "stands in files");

#define RECORD_HEADER_BYTES sizeof(struct record_header)
#define RECORD_LENGTH_MAX (RECORD_HEADER_BYTES + LOG_RECORD_BYTES_MAX)

static inline uint64_t record_padded(uint64_t length) { return (length + 7) & ~(uint64_t)7; }

static inline uint32_t record_header_crc(const struct record_header *header, uint32_t salt) {
    uint32_t crc = crc32c(salt, &header->length, sizeof header->length);
    return crc32c(crc, &header->position, RECORD_HEADER_BYTES - offsetof(struct record_header, position));
}

/* Far past what is ever reached; larger ones are damage, and numbers next to them do not overflow. */
#define POSITION_MAX ((uint64_t)1 << 62)

/* A header that was written by us into this segment; the payload may still be torn. */
static inline bool record_header_valid(const struct record_header *header, uint32_t salt) {
    return header->length >= RECORD_HEADER_BYTES && header->length <= RECORD_LENGTH_MAX && header->position != 0 &&
           header->position <= POSITION_MAX && header->header_crc == record_header_crc(header, salt);
}

#endif
