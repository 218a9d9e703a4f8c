/* log_segment: one segment file: its name, making it, opening it, finding where its records end. Only log*.c include
 * this. A segment's fields change under the log's mutex; `file` is the writer's. */
#ifndef ONEFOLD_LOG_LOG_SEGMENT_H
#define ONEFOLD_LOG_LOG_SEGMENT_H

#include "log/log_format.h"

/* Where a group starts, one about every MARK_BYTES, so that a reader need not walk a whole segment. */
struct segment_mark {
    uint64_t position;
    uint64_t offset;
};
#define MARK_BYTES (256u << 10)

struct segment {
    struct segment_header header;
    uint64_t end;        /* offset past the last durable record; of a segment that was left, its final one */
    uint64_t file_bytes; /* length of the file */
    struct segment_mark *marks;
    size_t mark_count;
};

void segment_release(struct segment *segment);
/* "<folder>/<first, 20 digits>.log", zero-terminated, replacing what is in `path`. */
void segment_path(struct buffer *path, const char *folder, uint64_t first);
/* The `first` a file name says, or 0 where it is no segment's name. */
uint64_t segment_name_first(const char *name);
/* Remembers a group's start, where the last mark is far enough away. */
void segment_mark_add(struct segment *segment, uint64_t position, uint64_t offset);
/* The offset from which a walk finds every record whose position is >= `from`. */
uint64_t segment_mark_find(const struct segment *segment, uint64_t from);

/* Makes the file under its final name, header durable, file_bytes reserved; `header` needs everything but magic,
 * version and crc. A failure before the name was given leaves at most an unused "*.new"; a failed sync or rename stops
 * the process (CLOSED in the simulation). */
enum status segment_create(struct os *os, const char *folder, const struct segment_header *header,
                           struct os_file **file, struct segment *segment, struct fault *fault) WARN_UNUSED;
/* Reads and checks the header. `end` and marks are left 0. DAMAGED names file and offset. */
enum status segment_open(struct os *os, const char *folder, uint64_t first, int flags, struct os_file **file,
                         struct segment *segment, struct fault *fault) WARN_UNUSED;
/* The last segment: finds its end and last position (0 where it has none), cuts a torn tail, and makes what was found
 * durable. DAMAGED where a record is bad although a later group was written. */
enum status segment_recover(struct os *os, const char *folder, struct os_file *file, struct segment *segment,
                            uint64_t *last, struct fault *fault) WARN_UNUSED;
/* os_sync, but a failure stops the process (in the simulation, where os_stop returns: CLOSED). */
enum status segment_sync(struct os *os, struct os_file *file, struct fault *fault) WARN_UNUSED;
/* Writes zeros over [from, to). */
enum status segment_zero(struct os *os, struct os_file *file, uint64_t from, uint64_t to,
                         struct fault *fault) WARN_UNUSED;

#endif
