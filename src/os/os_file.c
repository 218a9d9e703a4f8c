/* os_file: whole files over the table, the same for the real system and the simulated one. */
#include "os/os.h"

#include <stdio.h>
#include <stdlib.h>

enum status os_read_file(struct os *os, const char *path, struct buffer *into, struct fault *fault) {
    struct os_file *file;
    uint64_t size;
    size_t got = 0;
    enum status status = os_open(os, path, OS_READ, &file, fault);
    if (status)
        return status;
    status = os_size(os, file, &size, fault);
    if (!status)
        status = os_read_at(os, file, buffer_reserve(into, size), size, 0, &got, fault);
    if (!status)
        into->size += got;
    os_close(os, file);
    return status;
}

/* The folder a path stands in: "a/b" -> "a", "b" -> ".", "/b" -> "/". Free with free(). */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash)
        return memory_text(SLICE("."));
    return memory_text(slice_of(path, slash == path ? 1 : (size_t)(slash - path)));
}

static enum status write_synced(struct os *os, const char *path, struct slice content, struct fault *fault) {
    struct os_file *file;
    enum status status = os_open(os, path, OS_WRITE | OS_CREATE, &file, fault);
    if (status)
        return status;
    status = os_truncate(os, file, 0, fault); /* a crash may have left one */
    if (!status)
        status = os_write_at(os, file, content.data, content.size, 0, fault);
    if (!status)
        status = os_sync(os, file, fault);
    os_close(os, file);
    return status;
}

enum status os_write_file(struct os *os, const char *path, struct slice content, struct fault *fault) {
    struct buffer aside = {0};
    buffer_print(&aside, "%s.new", path);
    enum status status = write_synced(os, aside.data, content, fault);
    if (!status)
        status = os_rename(os, aside.data, path, fault);
    else if (os_remove(os, aside.data, NULL)) {
        /* the fault that counts is the first; a leftover is truncated by the next write */
    }
    if (!status) {
        char *folder = folder_of(path);
        status = os_sync_folder(os, folder, fault);
        free(folder);
    }
    buffer_release(&aside);
    return status;
}
