/* os_table: what an implementation of os.h provides. Only os*.c include this.
 *
 * `struct os` and `struct os_file` are the heads of the implementations' own structs. os.c checks arguments and calls
 * through; an implementation may trust what os.c asserts. */
#ifndef ONEFOLD_OS_OS_TABLE_H
#define ONEFOLD_OS_OS_TABLE_H

#include "os/os.h"

struct os_operations {
    enum status (*open)(struct os *, const char *path, int flags, struct os_file **, struct fault *);
    void (*close)(struct os *, struct os_file *);
    enum status (*read_at)(struct os *, struct os_file *, void *, size_t, uint64_t, size_t *, struct fault *);
    enum status (*write_at)(struct os *, struct os_file *, const void *, size_t, uint64_t, struct fault *);
    enum status (*sync)(struct os *, struct os_file *, struct fault *);
    enum status (*drop_cache)(struct os *, struct os_file *, struct fault *);
    enum status (*allocate)(struct os *, struct os_file *, uint64_t size, struct fault *);
    enum status (*truncate)(struct os *, struct os_file *, uint64_t size, struct fault *);
    enum status (*size)(struct os *, struct os_file *, uint64_t *, struct fault *);
    enum status (*map)(struct os *, struct os_file *, size_t, const void **, struct fault *);
    void (*unmap)(struct os *, const void *, size_t);
    enum status (*rename)(struct os *, const char *from, const char *to, struct fault *);
    enum status (*remove)(struct os *, const char *path, struct fault *);
    enum status (*make_folder)(struct os *, const char *path, struct fault *);
    enum status (*sync_folder)(struct os *, const char *path, struct fault *);
    enum status (*list)(struct os *, const char *path, void (*each)(void *, const char *), void *, struct fault *);
    enum status (*lock_folder)(struct os *, const char *path, struct fault *);
    enum status (*disk_space)(struct os *, const char *path, uint64_t *, uint64_t *, struct fault *);
    int64_t (*now_ms)(struct os *);
    uint64_t (*monotonic_ns)(struct os *);
    void (*random)(struct os *, void *, size_t);
    void (*stop)(struct os *, const char *text);
};

struct os {
    const struct os_operations *operations;
};

struct os_file {
    char *path; /* as it was opened; for faults */
};

#endif
