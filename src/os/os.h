/* os: the outside world behind one table: files, clock, secrets' randomness. Two implementations stand behind it:
 * os_real() (os_real.c) and the simulated one (os_sim.h), which keeps what was synced apart from what was not, can
 * lose power at any call, tear a write, fail or shorten any call, and owns the clock and the random numbers.
 *
 * Paths are zero-terminated text. Functions fill `fault` (may be NULL) with what failed, on which path, and the
 * system's reason. Unless said otherwise: thread any; a file handle may be shared for read_at and write_at.
 *
 * Durability as POSIX gives it and no better: written bytes survive only after os_sync of the file; a created,
 * renamed or removed name survives only after os_sync_folder of its folder. */
#ifndef ONEFOLD_OS_OS_H
#define ONEFOLD_OS_OS_H

#include "base/memory.h"
#include "base/slice.h"
#include "base/status.h"

struct os;
struct os_file;

enum os_open_flags {
    OS_READ = 1,
    OS_WRITE = 2,  /* implies reading */
    OS_CREATE = 4, /* make it where it is missing */
    OS_NEW = 8     /* with OS_CREATE: EXISTS where it is there */
};

/* The machine itself. Static; never freed. */
struct os *os_real(void);

/* Errors: NOT_FOUND, EXISTS, IO, DISK_FULL. */
enum status os_open(struct os *os, const char *path, int flags, struct os_file **file, struct fault *fault) WARN_UNUSED;
void os_close(struct os *os, struct os_file *file);
/* Reads up to `size` bytes at `offset`; *got is less only at the file's end. Short reads are continued inside. */
enum status os_read_at(struct os *os, struct os_file *file, void *into, size_t size, uint64_t offset, size_t *got,
                       struct fault *fault) WARN_UNUSED;
/* Writes all `size` bytes or fails: DISK_FULL, IO. Short writes are continued inside. After a failure any part of the
 * range may hold old or new bytes. */
enum status os_write_at(struct os *os, struct os_file *file, const void *from, size_t size, uint64_t offset,
                        struct fault *fault) WARN_UNUSED;
/* fdatasync. A failure means the bytes' fate is unknown: callers stop, never try again. */
enum status os_sync(struct os *os, struct os_file *file, struct fault *fault) WARN_UNUSED;
/* Drops what the system remembers of the file's synced bytes, so that reads come from the disk. After a failed sync
 * the two differ: the system shows what it could not write, and calls it clean. For recovery after a process that
 * stopped. */
enum status os_drop_cache(struct os *os, struct os_file *file, struct fault *fault) WARN_UNUSED;
/* Makes the file at least `size` bytes long with disk space behind it, the new part reading as zeros. DISK_FULL leaves
 * the length as it was. */
enum status os_allocate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) WARN_UNUSED;
enum status os_truncate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) WARN_UNUSED;
enum status os_size(struct os *os, struct os_file *file, uint64_t *size, struct fault *fault) WARN_UNUSED;
/* Maps the first `size` bytes read-only; they must exist and stay unchanged while mapped. 64 bytes past the end are
 * readable where size is no multiple of 4096; callers that read past it must pad their files. Outlives os_close. */
enum status os_map(struct os *os, struct os_file *file, size_t size, const void **at, struct fault *fault) WARN_UNUSED;
void os_unmap(struct os *os, const void *at, size_t size);

enum status os_rename(struct os *os, const char *from, const char *to, struct fault *fault) WARN_UNUSED; /* replaces */
enum status os_remove(struct os *os, const char *path, struct fault *fault) WARN_UNUSED;                 /* NOT_FOUND */
/* Makes the folder and its missing parents; OK where it is there. What it made is there for good when it returns. */
enum status os_make_folder(struct os *os, const char *path, struct fault *fault) WARN_UNUSED;
enum status os_sync_folder(struct os *os, const char *path, struct fault *fault) WARN_UNUSED;
/* Calls `each` with every name in the folder, in byte order, without "." and "..". */
enum status os_list(struct os *os, const char *path, void (*each)(void *context, const char *name), void *context,
                    struct fault *fault) WARN_UNUSED;
/* Takes the folder for this process (a flock on its file "lock"): CONFLICT, naming the holder, where another process
 * has it. OK where this process has it already. Released at exit. */
enum status os_lock_folder(struct os *os, const char *path, struct fault *fault) WARN_UNUSED;
/* Bytes free and in all on the disk that holds `path`. */
enum status os_disk_space(struct os *os, const char *path, uint64_t *free_bytes, uint64_t *total_bytes,
                          struct fault *fault) WARN_UNUSED;

/* Memory that this process may use: the machine's, or what its container is held to. The same on any `os`. */
uint64_t os_memory_bytes(void);

/* Wall clock, ms since 1970. */
int64_t os_now_ms(struct os *os);
/* Never goes back; only differences mean something. */
uint64_t os_monotonic_ns(struct os *os);
/* Unpredictable bytes (seeded ones in the simulation). */
void os_random(struct os *os, void *into, size_t size);

/* Ends the process: prints `text` as one line and aborts, for the failures after which going on would lie (a failed
 * sync). In the simulation it returns, and every later call fails until os_sim_restart: callers unwind as if dead. */
void os_stop(struct os *os, const char *text);

/* Whole-file helpers built on the above (os_file.c). os_read_file appends the file's bytes to `into`; os_write_file
 * writes `path`.new, syncs it, renames it over `path` and syncs the folder: after it returns the new content is there
 * for good, after a crash inside it the old or the new is, whole. */
enum status os_read_file(struct os *os, const char *path, struct buffer *into, struct fault *fault) WARN_UNUSED;
enum status os_write_file(struct os *os, const char *path, struct slice content, struct fault *fault) WARN_UNUSED;

#endif
