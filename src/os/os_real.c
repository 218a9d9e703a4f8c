/* os_real: the machine itself. Every errno ends here: it becomes a status and a sentence with the path.
 *
 * Interrupted and short calls are continued inside. A map reserves one page more than the file needs, so that the 64
 * bytes past the end are readable whatever the size is. A folder's lock is a flock on its file "lock": the system drops
 * it when the process ends, however it ends. */
#include "os/os_table.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define PAGE_BYTES 4096

/* So much is written before the system is asked to begin putting it on the disk. A sync of the log waits for whatever the disk has to do: for
 * a base file of 20 MB that was handed over at once, a tenth of a second. */
#define BEHIND_BYTES ((size_t)1 << 20)

struct real_file {
    struct os_file head;
    int fd;
    size_t behind; /* written since */
};

static int fd_of(struct os_file *file) { return ((struct real_file *)file)->fd; }

static enum status status_of(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return STATUS_NOT_FOUND;
    case EEXIST:
        return STATUS_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return STATUS_DISK_FULL;
    default:
        return STATUS_IO;
    }
}

/* The fault of `error` while doing `what` to `path`. */
static enum status failed(struct fault *fault, const char *what, const char *path, int error) {
    const char *reason = strerrordesc_np(error);
    return fault_set(fault, status_of(error), "cannot %s %s: %s", what, path, reason ? reason : "unknown error");
}

static enum status real_open(struct os *os, const char *path, int flags, struct os_file **file, struct fault *fault) {
    (void)os;
    int mode = O_CLOEXEC | (flags & OS_WRITE ? O_RDWR : O_RDONLY);
    mode |= (flags & OS_CREATE ? O_CREAT : 0) | (flags & OS_NEW ? O_EXCL : 0);
    int fd;
    do
        fd = open(path, mode, 0666);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return failed(fault, "open", path, errno);
    struct real_file *real = memory_get(1, sizeof *real);
    real->head.path = memory_text(slice_text(path));
    real->fd = fd;
    *file = &real->head;
    return STATUS_OK;
}

static void real_close(struct os *os, struct os_file *file) {
    (void)os;
    close(fd_of(file)); /* what matters was synced; close reports nothing that could be mended */
    free(file->path);
    free(file);
}

static enum status real_read_at(struct os *os, struct os_file *file, void *into, size_t size, uint64_t offset,
                                size_t *got, struct fault *fault) {
    (void)os;
    while (*got < size) {
        ssize_t n = pread(fd_of(file), (char *)into + *got, size - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return failed(fault, "read", file->path, errno);
        if (n == 0)
            break;
        *got += (size_t)n;
    }
    return STATUS_OK;
}

static enum status real_write_at(struct os *os, struct os_file *file, const void *from, size_t size, uint64_t offset,
                                 struct fault *fault) {
    struct real_file *real = (struct real_file *)file;
    (void)os;
    for (size_t done = 0; done < size;) {
        size_t some = size - done < BEHIND_BYTES ? size - done : BEHIND_BYTES;
        ssize_t n = pwrite(real->fd, (const char *)from + done, some, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return failed(fault, "write", file->path, n < 0 ? errno : EIO);
        done += (size_t)n;
        real->behind += (size_t)n;
        if (real->behind >= BEHIND_BYTES) {
            sync_file_range(real->fd, 0, 0, SYNC_FILE_RANGE_WRITE); /* does not wait; what it cannot do the sync does */
            real->behind = 0;
        }
    }
    return STATUS_OK;
}

static enum status real_sync(struct os *os, struct os_file *file, struct fault *fault) {
    (void)os;
    return fdatasync(fd_of(file)) ? failed(fault, "sync", file->path, errno) : STATUS_OK;
}

static enum status real_drop_cache(struct os *os, struct os_file *file, struct fault *fault) {
    (void)os;
    int error = posix_fadvise(fd_of(file), 0, 0, POSIX_FADV_DONTNEED);
    return error ? failed(fault, "drop the cache of", file->path, error) : STATUS_OK;
}

static enum status real_size(struct os *os, struct os_file *file, uint64_t *size, struct fault *fault) {
    (void)os;
    struct stat st;
    if (fstat(fd_of(file), &st))
        return failed(fault, "read the size of", file->path, errno);
    *size = (uint64_t)st.st_size;
    return STATUS_OK;
}

static enum status real_truncate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    (void)os;
    int result;
    do
        result = ftruncate(fd_of(file), (off_t)size);
    while (result && errno == EINTR);
    return result ? failed(fault, "truncate", file->path, errno) : STATUS_OK;
}

static enum status real_allocate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    uint64_t before;
    enum status status = real_size(os, file, &before, fault);
    if (status || before >= size)
        return status;
    int error;
    do
        error = posix_fallocate(fd_of(file), (off_t)before, (off_t)(size - before));
    while (error == EINTR);
    if (!error)
        return STATUS_OK;
    status = failed(fault, "reserve disk space for", file->path, error);
    if (real_truncate(os, file, before, NULL)) {
        /* the length may stay larger then; callers take the failure as it is */
    }
    return status;
}

static size_t map_bytes(size_t size) { return ((size + PAGE_BYTES - 1) & ~(size_t)(PAGE_BYTES - 1)) + PAGE_BYTES; }

static enum status real_map(struct os *os, struct os_file *file, size_t size, const void **at, struct fault *fault) {
    uint64_t there;
    enum status status = real_size(os, file, &there, fault);
    if (status)
        return status;
    if (there < size)
        return fault_set(fault, STATUS_IO, "cannot map %s: %zu bytes asked for, it has %llu", file->path, size,
                         (unsigned long long)there);
    char *reserved = mmap(NULL, map_bytes(size), PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved == MAP_FAILED)
        return failed(fault, "map", file->path, errno);
    if (size && mmap(reserved, size, PROT_READ, MAP_SHARED | MAP_FIXED, fd_of(file), 0) == MAP_FAILED) {
        int error = errno;
        munmap(reserved, map_bytes(size));
        return failed(fault, "map", file->path, error);
    }
    *at = reserved;
    return STATUS_OK;
}

static void real_unmap(struct os *os, const void *at, size_t size) {
    (void)os;
    int result = munmap((void *)(uintptr_t)at, map_bytes(size));
    assert(result == 0);
    (void)result;
}

static enum status real_rename(struct os *os, const char *from, const char *to, struct fault *fault) {
    (void)os;
    return rename(from, to) ? failed(fault, "rename", from, errno) : STATUS_OK;
}

static enum status real_remove(struct os *os, const char *path, struct fault *fault) {
    (void)os;
    return remove(path) ? failed(fault, "remove", path, errno) : STATUS_OK;
}

static enum status real_sync_folder(struct os *os, const char *path, struct fault *fault) {
    (void)os;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(fault, "open folder", path, errno);
    enum status status = fsync(fd) ? failed(fault, "sync folder", path, errno) : STATUS_OK;
    close(fd);
    return status;
}

/* Makes one folder whose parent is there, and makes its name last. */
static enum status make_one(struct os *os, const char *path, struct fault *fault) {
    if (mkdir(path, 0777)) {
        int error = errno;
        struct stat st;
        if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
            return STATUS_OK;
        return failed(fault, "make folder", path, error);
    }
    const char *slash = strrchr(path, '/');
    char *parent = memory_text(!slash ? SLICE(".") : slash == path ? SLICE("/") : slice_of(path, slash - path));
    enum status status = real_sync_folder(os, parent, fault);
    free(parent);
    return status;
}

static enum status real_make_folder(struct os *os, const char *path, struct fault *fault) {
    char *copy = memory_text(slice_text(path));
    size_t size = strlen(copy);
    while (size > 1 && copy[size - 1] == '/')
        copy[--size] = 0;
    enum status status = STATUS_OK;
    for (size_t i = 1; i < size && !status; i++)
        if (copy[i] == '/' && copy[i - 1] != '/') {
            copy[i] = 0;
            status = make_one(os, copy, fault);
            copy[i] = '/';
        }
    if (!status)
        status = make_one(os, copy, fault);
    free(copy);
    return status;
}

static int by_bytes(const void *a, const void *b) {
    const struct dirent *const *left = a, *const *right = b;
    return strcmp((*left)->d_name, (*right)->d_name);
}

static enum status real_list(struct os *os, const char *path, void (*each)(void *, const char *), void *context,
                             struct fault *fault) {
    (void)os;
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, NULL);
    if (count < 0)
        return failed(fault, "list", path, errno);
    qsort(entries, (size_t)count, sizeof *entries, by_bytes); /* byte order, not the locale's */
    for (int i = 0; i < count; i++) {
        if (strcmp(entries[i]->d_name, ".") && strcmp(entries[i]->d_name, ".."))
            each(context, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    return STATUS_OK;
}

/* Files this process holds locks on, never released before it ends. */
static struct {
    pthread_mutex_t mutex;
    struct held {
        dev_t device;
        ino_t inode;
    } * held;
    size_t count;
} locks = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static bool held_already(const struct stat *st) {
    for (size_t i = 0; i < locks.count; i++)
        if (locks.held[i].device == st->st_dev && locks.held[i].inode == st->st_ino)
            return true;
    return false;
}

static enum status lock_taken(int fd, const char *path, struct fault *fault) {
    char holder[32] = {0};
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? strspn(holder, "0123456789") : 0] = 0;
    return fault_set(fault, STATUS_CONFLICT, "%s is in use by process %s: stop that one first", path,
                     holder[0] ? holder : "(unknown)");
}

/* Takes the lock on `fd`, which it keeps where the lock was taken and closes otherwise. */
static enum status take_lock(int fd, const char *path, struct fault *fault) {
    struct stat st;
    if (fstat(fd, &st) == 0 && held_already(&st)) {
        close(fd);
        return STATUS_OK;
    }
    if (flock(fd, LOCK_EX | LOCK_NB)) {
        enum status status = errno == EWOULDBLOCK ? lock_taken(fd, path, fault) : failed(fault, "lock", path, errno);
        close(fd);
        return status;
    }
    char text[32];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)size, 0) != size) {
        /* the number is for people; the flock is what counts */
    }
    locks.held = memory_resize(locks.held, locks.count + 1, sizeof *locks.held);
    locks.held[locks.count++] = (struct held){st.st_dev, st.st_ino};
    return STATUS_OK;
}

static enum status real_lock_folder(struct os *os, const char *path, struct fault *fault) {
    (void)os;
    struct buffer name = {0};
    buffer_print(&name, "%s/lock", path);
    int fd = open(name.data, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    enum status status;
    if (fd < 0) {
        status = failed(fault, "open", name.data, errno);
    } else {
        pthread_mutex_lock(&locks.mutex);
        status = take_lock(fd, path, fault);
        pthread_mutex_unlock(&locks.mutex);
    }
    buffer_release(&name);
    return status;
}

static enum status real_disk_space(struct os *os, const char *path, uint64_t *free_bytes, uint64_t *total_bytes,
                                   struct fault *fault) {
    (void)os;
    struct statvfs st;
    if (statvfs(path, &st))
        return failed(fault, "read the disk space of", path, errno);
    *free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    *total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
    return STATUS_OK;
}

static int64_t real_now_ms(struct os *os) {
    (void)os;
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static uint64_t real_monotonic_ns(struct os *os) {
    (void)os;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void real_random(struct os *os, void *into, size_t size) {
    (void)os;
    for (size_t done = 0; done < size;) {
        ssize_t n = getrandom((char *)into + done, size - done, 0);
        if (n > 0)
            done += (size_t)n;
        else if (errno != EINTR)
            abort(); /* without secrets' randomness nothing may go on */
    }
}

static void real_stop(struct os *os, const char *text) {
    (void)os;
    fprintf(stderr, "onefold: %s\n", text);
    abort();
}

struct os *os_real(void) {
    static const struct os_operations operations = {
        .open = real_open,
        .close = real_close,
        .read_at = real_read_at,
        .write_at = real_write_at,
        .sync = real_sync,
        .drop_cache = real_drop_cache,
        .allocate = real_allocate,
        .truncate = real_truncate,
        .size = real_size,
        .map = real_map,
        .unmap = real_unmap,
        .rename = real_rename,
        .remove = real_remove,
        .make_folder = real_make_folder,
        .sync_folder = real_sync_folder,
        .list = real_list,
        .lock_folder = real_lock_folder,
        .disk_space = real_disk_space,
        .now_ms = real_now_ms,
        .monotonic_ns = real_monotonic_ns,
        .random = real_random,
        .stop = real_stop,
    };
    static struct os real = {&operations};
    return &real;
}
