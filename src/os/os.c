/* os: checks the arguments and calls through the table. */
#include "os/os_table.h"

#include <assert.h>

#define OFFSET_MAX ((uint64_t)INT64_MAX)

enum status os_open(struct os *os, const char *path, int flags, struct os_file **file, struct fault *fault) {
    assert(path && path[0] && (flags & (OS_READ | OS_WRITE)));
    assert(!(flags & OS_NEW) || (flags & OS_CREATE));
    assert(!(flags & OS_CREATE) || (flags & OS_WRITE));
    *file = NULL;
    return os->operations->open(os, path, flags, file, fault);
}

void os_close(struct os *os, struct os_file *file) {
    if (file)
        os->operations->close(os, file);
}

enum status os_read_at(struct os *os, struct os_file *file, void *into, size_t size, uint64_t offset, size_t *got,
                       struct fault *fault) {
    assert(file && offset <= OFFSET_MAX - size);
    *got = 0;
    return os->operations->read_at(os, file, into, size, offset, got, fault);
}

enum status os_write_at(struct os *os, struct os_file *file, const void *from, size_t size, uint64_t offset,
                        struct fault *fault) {
    assert(file && offset <= OFFSET_MAX - size);
    return os->operations->write_at(os, file, from, size, offset, fault);
}

enum status os_sync(struct os *os, struct os_file *file, struct fault *fault) {
    assert(file);
    return os->operations->sync(os, file, fault);
}

enum status os_drop_cache(struct os *os, struct os_file *file, struct fault *fault) {
    assert(file);
    return os->operations->drop_cache(os, file, fault);
}

enum status os_allocate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    assert(file && size <= OFFSET_MAX);
    return os->operations->allocate(os, file, size, fault);
}

enum status os_truncate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    assert(file && size <= OFFSET_MAX);
    return os->operations->truncate(os, file, size, fault);
}

enum status os_size(struct os *os, struct os_file *file, uint64_t *size, struct fault *fault) {
    assert(file);
    *size = 0;
    return os->operations->size(os, file, size, fault);
}

enum status os_map(struct os *os, struct os_file *file, size_t size, const void **at, struct fault *fault) {
    assert(file);
    *at = NULL;
    return os->operations->map(os, file, size, at, fault);
}

void os_unmap(struct os *os, const void *at, size_t size) {
    if (at)
        os->operations->unmap(os, at, size);
}

enum status os_rename(struct os *os, const char *from, const char *to, struct fault *fault) {
    assert(from[0] && to[0]);
    return os->operations->rename(os, from, to, fault);
}

enum status os_remove(struct os *os, const char *path, struct fault *fault) {
    assert(path[0]);
    return os->operations->remove(os, path, fault);
}

enum status os_make_folder(struct os *os, const char *path, struct fault *fault) {
    assert(path[0]);
    return os->operations->make_folder(os, path, fault);
}

enum status os_sync_folder(struct os *os, const char *path, struct fault *fault) {
    assert(path[0]);
    return os->operations->sync_folder(os, path, fault);
}

enum status os_list(struct os *os, const char *path, void (*each)(void *context, const char *name), void *context,
                    struct fault *fault) {
    assert(path[0] && each);
    return os->operations->list(os, path, each, context, fault);
}

enum status os_lock_folder(struct os *os, const char *path, struct fault *fault) {
    assert(path[0]);
    return os->operations->lock_folder(os, path, fault);
}

enum status os_disk_space(struct os *os, const char *path, uint64_t *free_bytes, uint64_t *total_bytes,
                          struct fault *fault) {
    *free_bytes = *total_bytes = 0;
    return os->operations->disk_space(os, path, free_bytes, total_bytes, fault);
}

int64_t os_now_ms(struct os *os) { return os->operations->now_ms(os); }
uint64_t os_monotonic_ns(struct os *os) { return os->operations->monotonic_ns(os); }
void os_random(struct os *os, void *into, size_t size) { os->operations->random(os, into, size); }
void os_stop(struct os *os, const char *text) { os->operations->stop(os, text); }
