/* log_reader: a reader's state. Only log*.c include this. */
#ifndef ONEFOLD_LOG_LOG_READER_H
#define ONEFOLD_LOG_LOG_READER_H

#include "base/memory.h"
#include "log/log.h"

struct log_reader {
    struct log *log;
    struct os_file *file;
    uint64_t first; /* of the segment */
    uint32_t salt;  /* of the segment */
    uint64_t at;    /* offset of the next record */
    uint64_t limit; /* durable up to here */
    uint64_t from;  /* smaller positions are stepped over */
    uint64_t last;  /* position of the last record seen */
    uint64_t chunk_offset;
    struct buffer chunk; /* the file's bytes from chunk_offset on */
};

#endif
