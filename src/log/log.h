/* log: the one durable, ordered log. Whatever changes state is a record here first; nothing is acknowledged before the
 * sync that covers it.
 *
 * Records go to segment files of fixed, preallocated size (docs/formats/log.md): length, CRC32C and position stand
 * before every record. `log_append` copies a record into the pending group; the writer (one thread of the log's own,
 * or the caller through log_commit) writes the group, syncs once and calls `on_commit`. While one group syncs the
 * next one fills: that is the whole of group commit.
 *
 * A position is a record's number: strictly increasing, starting at 1, with gaps where a group could not be written
 * (disk full). A torn tail (the last group of a crash) is cut on open; damage before it stops the opening with file
 * and offset named. A failed sync stops the process: what the disk holds then is unknown, and trying again would lie.
 *
 * A second implementation (a Kafka topic) can stand behind this header. */
#ifndef ONEFOLD_LOG_LOG_H
#define ONEFOLD_LOG_LOG_H

#include "base/slice.h"
#include "base/status.h"
#include "os/os.h"

/* What a payload is. Numbers are on disk: never reuse one. */
enum log_kind {
    LOG_SEGMENT_ITEM = 1, /* one call of Segment's tracking API (collect/segment.h) */
    LOG_ROW = 2,          /* one row of a file import (collect/import.h) */
    LOG_DEFINE = 3,       /* a definition: source, key, mapping, dictionary entry, identity rule; JSON */
    LOG_COMMAND = 4,      /* an operator's order: replay quarantine, erase, merge ...; JSON */
    LOG_TICK = 5,         /* the clock; no payload, received_ms is the time */
    LOG_RECEIPT = 6       /* what a channel said of a delivery; JSON */
};

#define LOG_RECORD_BYTES_MAX (16u << 20)

struct log_options {
    uint64_t segment_bytes; /* file size; default 64 MiB, at least one record */
    size_t pending_bytes;   /* most bytes waiting for the writer; past it append says FULL; default 32 MiB */
    /* Whole segments older than this, and already folded, are removed; 0 = keep all; 30 where there are no options. */
    unsigned retention_days;
};

/* A record to append, or one that was read. `payload` is borrowed. */
struct log_record {
    uint64_t position; /* set by log_append */
    int64_t received_ms;
    uint16_t kind;   /* enum log_kind */
    uint16_t source; /* source number; 0 = the system itself */
    uint32_t flags;  /* kind's own use */
    struct slice payload;
};

struct log;

/* After every group: positions first..last are durable (status OK), or are not and never will be (DISK_FULL, IO,
 * CLOSED). Called on the committing thread, in order, without the log's lock held. */
typedef void (*log_commit_callback)(void *context, uint64_t first, uint64_t last, enum status status);

/* Opens or creates the log in `folder` (made where missing). Zero fields of `options` take the defaults (except
 * retention_days); NULL takes them all. Cost: reads the header of every segment and the whole of the last one.
 * Errors: DAMAGED (file and offset named), IO, DISK_FULL. The caller holds the folder's lock. */
enum status log_open(struct os *os, const char *folder, const struct log_options *options, struct log **log,
                     struct fault *fault) WARN_UNUSED;
/* Stops the writer, commits what is pending, wakes who is in log_wait and closes when they have left; nobody may come anew. Its readers were
 * closed before. NULL is fine. */
void log_close(struct log *log);
void log_on_commit(struct log *log, log_commit_callback callback, void *context);

/* Starts the writer thread. Without it, nothing is durable until the caller's log_commit. */
enum status log_start(struct log *log, struct fault *fault) WARN_UNUSED;
/* Writes and syncs everything pending, now, on this thread. Not while the writer runs. OK too when nothing is
 * pending. */
enum status log_commit(struct log *log, struct fault *fault) WARN_UNUSED;

/* Appends `count` records as one unit: all are pending, in order and next to each other, or none. Fills each position.
 * They share one sync, but a crash or a full disk may keep a prefix of them (on_commit tells how far).
 * Errors: FULL (pending budget used up: answer 429; a unit larger than the whole budget is taken when nothing waits),
 * DISK_FULL or IO (the last attempt to grow failed so; tried again once a second), TOO_LARGE (a record past
 * LOG_RECORD_BYTES_MAX), CLOSED.
 * Thread: any. Cost: one copy and one CRC of the payload. */
enum status log_append(struct log *log, struct log_record *records, size_t count, struct fault *fault) WARN_UNUSED;

/* The last durable position; 0 when empty. Thread: any. */
uint64_t log_durable(const struct log *log);
/* Blocks until log_durable() > `position`, the timeout passes, or the log closes; returns log_durable(). */
uint64_t log_wait(struct log *log, uint64_t position, unsigned timeout_ms);
/* The oldest position kept; 1 + log_durable() when empty. */
uint64_t log_first(const struct log *log);

/* Tells how far the state that was checkpointed reaches: segments wholly before it may be removed once they are older
 * than the retention. Returns the count of segments removed. `now_ms` decides age. */
size_t log_retire(struct log *log, uint64_t checkpointed, int64_t now_ms);

struct log_counters {
    uint64_t record_count, byte_count, group_count; /* appended and durable since open */
    uint64_t sync_ns_total;
    uint64_t segment_count, disk_bytes; /* now */
    uint64_t pending_bytes;
    unsigned waiters; /* threads in log_wait now */
    bool disk_full;
};
void log_counters_read(const struct log *log, struct log_counters *out);

/* Reading: from any thread, one reader each. Never passes log_durable(). */
struct log_reader;
/* The next record read is the first whose position is >= `from`. NOT_FOUND where `from` < log_first() (already
 * removed). */
enum status log_reader_open(struct log *log, uint64_t from, struct log_reader **reader,
                            struct fault *fault) WARN_UNUSED;
void log_reader_close(struct log_reader *reader);
/* The next record, or END when all that is durable was read (call again later). `payload` has 64 readable bytes past
 * its end and stays valid until the next call. Every CRC is checked: DAMAGED names file and offset. */
enum status log_read(struct log_reader *reader, struct log_record *record, struct fault *fault) WARN_UNUSED;

#endif
