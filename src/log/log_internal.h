/* log_internal: the log's state. Only log*.c include this.
 *
 * Locks: `mutex` guards all but the fields marked otherwise. `tail` belongs to whoever commits: the writer thread, or
 * the caller of log_commit where there is none. */
#ifndef ONEFOLD_LOG_LOG_INTERNAL_H
#define ONEFOLD_LOG_LOG_INTERNAL_H

#include "log/log_reader.h"
#include "log/log_segment.h"

#include "base/memory.h"

#include <pthread.h>
#include <stdatomic.h>

/* The end of the log, where groups are written. */
struct log_tail {
    struct os_file *file;
    struct segment_header header;
    uint64_t end;        /* where the next group goes; everything past it is zero [L9] */
    uint64_t file_bytes; /* length of the file */
    uint64_t zeroed;     /* written with zeros up to here, past `end` */
    uint64_t last;       /* the last durable position */
};

struct log {
    struct os *os;              /* fixed */
    char *folder;               /* fixed */
    struct log_options options; /* fixed */

    pthread_mutex_t mutex;
    pthread_cond_t work;          /* for the writer: something is pending, or closing */
    pthread_cond_t durable_moved; /* for log_wait: durable grew, or closing */
    struct segment *segments;     /* oldest first, never empty; the last is the tail */
    size_t segment_count;
    struct buffer pending; /* records whose headers lack group_offset and header_crc */
    size_t writing_bytes;  /* taken from pending, not yet durable */
    uint64_t next_position;
    enum status refuse; /* why the last attempt to grow failed, or OK */
    uint64_t refuse_until_ns;
    log_commit_callback on_commit;
    void *on_commit_context;
    struct log_counters counters;
    unsigned waiter_count, reader_count;
    bool writer_running, writer_idle, closing;
    bool dead; /* a sync failed; only the simulation lets us see it */

    _Atomic uint64_t durable; /* written under mutex, read without */
    pthread_t writer;         /* of log_start's and log_close's caller */
    struct log_tail tail;     /* the committing thread's */
    struct buffer writing;    /* the committing thread's */
};

#endif
