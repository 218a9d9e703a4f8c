/* os_sim: see the header for what is simulated; the disk is os_sim_disk.c. */
#include "os/os_sim_inside.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* What a call's turn brings. */
struct turn {
    bool fail, lose, kill;
};

/* Counts the call and takes the mutex, which turn_end gives back. Not OK where nothing may be done. */
static enum status turn_begin(struct os_sim *sim, const char *path, struct turn *turn, struct fault *fault) {
    pthread_mutex_lock(&sim->mutex);
    *turn = (struct turn){0};
    sim->call_count++;
    if (sim->down)
        return fault_set(fault, STATUS_IO, "%s: the simulated machine is down", path);
    turn->fail = sim->call_count == sim->fail_at;
    turn->lose = sim->call_count == sim->lose_at;
    turn->kill = sim->call_count == sim->kill_at;
    return STATUS_OK;
}

static enum status turn_end(struct os_sim *sim, const char *path, const struct turn *turn, enum status status,
                            struct fault *fault) {
    if (turn->lose) {
        sim_lose(sim);
        status = fault_set(fault, STATUS_IO, "%s: the simulated machine lost its power", path);
    }
    if (turn->kill)
        sim->down = true; /* the call's answer does not matter: nobody is left to read it */
    pthread_mutex_unlock(&sim->mutex);
    return status;
}

static enum status injected(const struct os_sim *sim, const char *path, struct fault *fault) {
    return fault_set(fault, sim->fail_status, "%s: simulated failure of call %llu", path,
                     (unsigned long long)sim->call_count);
}

/* As turn_begin, for a handle. */
static enum status file_begin(struct os_sim *sim, struct os_file *file, struct turn *turn, struct fault *fault) {
    enum status status = turn_begin(sim, file->path, turn, fault);
    if (!status && ((struct sim_file *)file)->generation != sim->generation)
        status = fault_set(fault, STATUS_IO, "%s: the handle is from before the restart", file->path);
    return status;
}

static struct os_sim *sim_of(struct os *os) { return (struct os_sim *)os; }
static struct node *node_of(struct os_file *file) { return ((struct sim_file *)file)->node; }

static enum status open_path(struct os_sim *sim, const char *path, int flags, struct os_file **file,
                             struct fault *fault) {
    struct name *name = sim_names_get(&sim->seen, path);
    if (name && (flags & OS_NEW))
        return fault_set(fault, STATUS_EXISTS, "%s: there is one already", path);
    if (!name && (!(flags & OS_CREATE) || !sim_folder_there(sim, sim_parent_of(path))))
        return fault_set(fault, STATUS_NOT_FOUND, "%s: no such file", path);
    if (name && !name->node)
        return fault_set(fault, STATUS_IO, "%s: is a folder", path);
    struct node *node = name ? name->node : memory_get(1, sizeof *node);
    if (!name)
        sim_name_change_add(sim, NAME_CREATE, path, NULL, node);
    struct sim_file *opened = memory_get(1, sizeof *opened);
    opened->head.path = memory_text(slice_text(path));
    opened->node = sim_node_take(node);
    opened->generation = sim->generation;
    opened->writable = (flags & OS_WRITE) != 0;
    *file = &opened->head;
    return STATUS_OK;
}

static void handle_free(struct os_file *file) {
    sim_node_drop(node_of(file));
    free(file->path);
    free(file);
}

static enum status sim_open(struct os *os, const char *given, int flags, struct os_file **file, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given);
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, path, fault) : open_path(sim, path, flags, file, fault);
    if (turn.lose && *file) {
        handle_free(*file);
        *file = NULL;
    }
    status = turn_end(sim, path, &turn, status, fault);
    free(path);
    return status;
}

static void sim_close(struct os *os, struct os_file *file) {
    struct os_sim *sim = sim_of(os);
    pthread_mutex_lock(&sim->mutex);
    handle_free(file);
    pthread_mutex_unlock(&sim->mutex);
}

static enum status sim_read_at(struct os *os, struct os_file *file, void *into, size_t size, uint64_t offset,
                               size_t *got, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, file->path, fault);
    if (!status) {
        const struct content *seen = &node_of(file)->seen;
        uint64_t left = offset < seen->size ? seen->size - offset : 0;
        *got = left < size ? left : size;
        sim_content_read(seen, offset, into, *got);
    }
    return turn_end(sim, file->path, &turn, status, fault);
}

/* Whether the file may become `size` bytes long. */
static enum status room(const struct os_sim *sim, const struct node *node, uint64_t size, const char *path,
                        struct fault *fault) {
    uint64_t used = 0;
    if (sim->disk_bytes == 0 || size <= node->seen.size)
        return STATUS_OK;
    for (size_t i = 0; i < sim->seen.count; i++)
        if (sim->seen.at[i].node)
            used += sim->seen.at[i].node->seen.size;
    if (used + (size - node->seen.size) <= sim->disk_bytes)
        return STATUS_OK;
    return fault_set(fault, STATUS_DISK_FULL, "%s: no space left on the simulated disk", path);
}

/* A first part of a write, of any length: the failing write's effect. */
static void write_partly(struct os_sim *sim, struct node *node, const char *from, size_t size, uint64_t offset) {
    size_t part = random_below(&sim->random, size + 1);
    char *copy = memory_get(part, 1);
    memcpy(copy, from, part);
    sim_change_add(node, CHANGE_WRITE, offset, copy, part);
}

static enum status sim_write_at(struct os *os, struct os_file *file, const void *from, size_t size, uint64_t offset,
                                struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    struct node *node = node_of(file);
    assert(((struct sim_file *)file)->writable);
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, file->path, fault) : room(sim, node, offset + size, file->path, fault);
    if (status && turn.fail) {
        write_partly(sim, node, from, size, offset);
    } else if (!status && size) {
        char *copy = memory_get(size, 1);
        memcpy(copy, from, size);
        sim_change_add(node, CHANGE_WRITE, offset, copy, size);
    }
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_sync(struct os *os, struct os_file *file, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    struct node *node = node_of(file);
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail) {
        sim_node_lose(node, &sim->random);
        status = injected(sim, file->path, fault);
    } else if (!status && !(turn.lose && random_chance(&sim->random, 0.5))) {
        for (size_t i = 0; i < node->change_count; i++)
            sim_change_apply(&node->durable, &node->changes[i]);
        sim_changes_clear(node);
    }
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_drop_cache(struct os *os, struct os_file *file, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    struct node *node = node_of(file);
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, file->path, fault);
    if (!status) {
        sim_content_copy(&node->seen, &node->durable);
        for (size_t i = 0; i < node->change_count; i++)
            sim_change_apply(&node->seen, &node->changes[i]);
    }
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_allocate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    assert(((struct sim_file *)file)->writable);
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, file->path, fault) : room(sim, node_of(file), size, file->path, fault);
    if (!status && node_of(file)->seen.size < size)
        sim_change_add(node_of(file), CHANGE_ALLOCATE, size, NULL, 0);
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_truncate(struct os *os, struct os_file *file, uint64_t size, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    assert(((struct sim_file *)file)->writable);
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, file->path, fault);
    if (!status)
        sim_change_add(node_of(file), CHANGE_TRUNCATE, size, NULL, 0);
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_size(struct os *os, struct os_file *file, uint64_t *size, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, file->path, fault);
    if (!status)
        *size = node_of(file)->seen.size;
    return turn_end(sim, file->path, &turn, status, fault);
}

static enum status sim_map(struct os *os, struct os_file *file, size_t size, const void **at, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    enum status status = file_begin(sim, file, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, file->path, fault);
    if (!status && node_of(file)->seen.size < size)
        status = fault_set(fault, STATUS_IO, "cannot map %s: %zu bytes asked for", file->path, size);
    if (!status && !turn.lose) {
        char *copy = memory_get(size + BUFFER_SLACK, 1);
        sim_content_read(&node_of(file)->seen, 0, copy, size);
        *at = copy;
    }
    return turn_end(sim, file->path, &turn, status, fault);
}

static void sim_unmap(struct os *os, const void *at, size_t size) {
    (void)os;
    (void)size;
    free((void *)(uintptr_t)at);
}

static enum status rename_path(struct os_sim *sim, const char *from, const char *to, struct fault *fault) {
    struct name *name = sim_names_get(&sim->seen, from), *old = sim_names_get(&sim->seen, to);
    if (!name || !sim_folder_there(sim, sim_parent_of(to)))
        return fault_set(fault, STATUS_NOT_FOUND, "%s: no such file to rename to %s", from, to);
    if (!name->node || (old && !old->node))
        return fault_set(fault, STATUS_IO, "%s: the simulation renames files only", from);
    if (old != name)
        sim_name_change_add(sim, NAME_RENAME, from, to, name->node);
    return STATUS_OK;
}

static enum status sim_rename(struct os *os, const char *given_from, const char *given_to, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *from = sim_path_clean(given_from), *to = sim_path_clean(given_to);
    enum status status = turn_begin(sim, from, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, from, fault) : rename_path(sim, from, to, fault);
    status = turn_end(sim, from, &turn, status, fault);
    free(from);
    free(to);
    return status;
}

static bool folder_empty(const struct os_sim *sim, const char *path) {
    for (size_t i = 0; i < sim->seen.count; i++)
        if (slice_is(sim_parent_of(sim->seen.at[i].path), path))
            return false;
    return true;
}

static enum status remove_path(struct os_sim *sim, const char *path, struct fault *fault) {
    struct name *name = sim_names_get(&sim->seen, path);
    if (!name)
        return fault_set(fault, STATUS_NOT_FOUND, "%s: no such file", path);
    if (!name->node && !folder_empty(sim, path))
        return fault_set(fault, STATUS_IO, "%s: the folder is not empty", path);
    if (name->node) {
        sim_name_change_add(sim, NAME_REMOVE, path, NULL, name->node);
    } else {
        sim_names_sync(sim, slice_text(path)); /* what was in it is gone first */
        sim_names_unset(&sim->seen, path);
        sim_names_unset(&sim->durable, path);
    }
    return STATUS_OK;
}

static enum status sim_remove(struct os *os, const char *given, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given);
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, path, fault) : remove_path(sim, path, fault);
    status = turn_end(sim, path, &turn, status, fault);
    free(path);
    return status;
}

static enum status make_path(struct os_sim *sim, char *path, struct fault *fault) {
    for (char *end = path + 1;; end++) {
        if (*end && *end != '/')
            continue;
        char old = *end;
        *end = 0;
        struct name *name = sim_names_get(&sim->seen, path);
        if (name && name->node)
            return fault_set(fault, STATUS_EXISTS, "%s: there is a file of this name", path);
        if (!name && !sim_folder_there(sim, slice_text(path))) {
            sim_names_set(&sim->seen, path, NULL);
            sim_names_set(&sim->durable, path, NULL);
        }
        *end = old;
        if (!old)
            return STATUS_OK;
    }
}

static enum status sim_make_folder(struct os *os, const char *given, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given);
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status)
        status = turn.fail ? injected(sim, path, fault) : make_path(sim, path, fault);
    status = turn_end(sim, path, &turn, status, fault);
    free(path);
    return status;
}

static enum status sim_sync_folder(struct os *os, const char *given, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given);
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, path, fault);
    else if (!status && !sim_folder_there(sim, slice_text(path)))
        status = fault_set(fault, STATUS_NOT_FOUND, "%s: no such folder", path);
    else if (!status && !(turn.lose && random_chance(&sim->random, 0.5)))
        sim_names_sync(sim, slice_text(path));
    status = turn_end(sim, path, &turn, status, fault);
    free(path);
    return status;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* Copies of the names in the folder, so that they can be told without the mutex. */
static char **names_in(const struct os_sim *sim, const char *folder, size_t *count) {
    char **names = memory_get(sim->seen.count + 1, sizeof *names);
    *count = 0;
    for (size_t i = 0; i < sim->seen.count; i++) {
        const char *path = sim->seen.at[i].path, *slash = strrchr(path, '/');
        if (slice_is(sim_parent_of(path), folder))
            names[(*count)++] = memory_text(slice_text(slash ? slash + 1 : path));
    }
    qsort(names, *count, sizeof *names, by_bytes);
    return names;
}

static enum status sim_list(struct os *os, const char *given, void (*each)(void *, const char *), void *context,
                            struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given), **names = NULL;
    size_t count = 0;
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, path, fault);
    else if (!status && !sim_folder_there(sim, slice_text(path)))
        status = fault_set(fault, STATUS_NOT_FOUND, "%s: no such folder", path);
    else if (!status)
        names = names_in(sim, path, &count);
    status = turn_end(sim, path, &turn, status, fault);
    for (size_t i = 0; i < count; i++) {
        if (!status)
            each(context, names[i]);
        free(names[i]);
    }
    free(names);
    free(path);
    return status;
}

static enum status sim_lock_folder(struct os *os, const char *given, struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    char *path = sim_path_clean(given);
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, path, fault);
    else if (!status && !sim_folder_there(sim, slice_text(path)))
        status = fault_set(fault, STATUS_NOT_FOUND, "%s: no such folder", path);
    else if (!status)
        sim_names_set(&sim->locked, path, NULL);
    status = turn_end(sim, path, &turn, status, fault);
    free(path);
    return status;
}

static enum status sim_disk_space(struct os *os, const char *path, uint64_t *free_bytes, uint64_t *total_bytes,
                                  struct fault *fault) {
    struct os_sim *sim = sim_of(os);
    struct turn turn;
    enum status status = turn_begin(sim, path, &turn, fault);
    if (!status && turn.fail)
        status = injected(sim, path, fault);
    if (!status) {
        uint64_t used = 0;
        for (size_t i = 0; i < sim->seen.count; i++)
            used += sim->seen.at[i].node ? sim->seen.at[i].node->seen.size : 0;
        *total_bytes = sim->disk_bytes ? sim->disk_bytes : (uint64_t)1 << 40;
        *free_bytes = used < *total_bytes ? *total_bytes - used : 0;
    }
    return turn_end(sim, path, &turn, status, fault);
}

static int64_t sim_now_ms(struct os *os) {
    struct os_sim *sim = sim_of(os);
    pthread_mutex_lock(&sim->mutex);
    int64_t now_ms = sim->now_ms;
    pthread_mutex_unlock(&sim->mutex);
    return now_ms;
}

static uint64_t sim_monotonic_ns(struct os *os) {
    struct os_sim *sim = sim_of(os);
    pthread_mutex_lock(&sim->mutex);
    uint64_t monotonic_ns = sim->monotonic_ns;
    pthread_mutex_unlock(&sim->mutex);
    return monotonic_ns;
}

static void sim_random(struct os *os, void *into, size_t size) {
    struct os_sim *sim = sim_of(os);
    pthread_mutex_lock(&sim->mutex);
    for (size_t i = 0; i < size; i++)
        ((unsigned char *)into)[i] = (unsigned char)random_next(&sim->random);
    pthread_mutex_unlock(&sim->mutex);
}

static void sim_stop(struct os *os, const char *text) {
    struct os_sim *sim = sim_of(os);
    (void)text;
    pthread_mutex_lock(&sim->mutex);
    sim->down = sim->stopped = true;
    pthread_mutex_unlock(&sim->mutex);
}

static const struct os_operations operations = {
    .open = sim_open,
    .close = sim_close,
    .read_at = sim_read_at,
    .write_at = sim_write_at,
    .sync = sim_sync,
    .drop_cache = sim_drop_cache,
    .allocate = sim_allocate,
    .truncate = sim_truncate,
    .size = sim_size,
    .map = sim_map,
    .unmap = sim_unmap,
    .rename = sim_rename,
    .remove = sim_remove,
    .make_folder = sim_make_folder,
    .sync_folder = sim_sync_folder,
    .list = sim_list,
    .lock_folder = sim_lock_folder,
    .disk_space = sim_disk_space,
    .now_ms = sim_now_ms,
    .monotonic_ns = sim_monotonic_ns,
    .random = sim_random,
    .stop = sim_stop,
};

/* The test's side */

struct os_sim *os_sim_create(uint64_t seed) {
    struct os_sim *sim = memory_get(1, sizeof *sim);
    sim->head.operations = &operations;
    pthread_mutex_init(&sim->mutex, NULL);
    random_init(&sim->random, seed);
    return sim;
}

void os_sim_free(struct os_sim *sim) {
    if (!sim)
        return;
    sim_names_clear(&sim->seen);
    sim_names_clear(&sim->durable);
    sim_names_clear(&sim->locked);
    for (size_t i = 0; i < sim->name_change_count; i++)
        sim_name_change_release(&sim->name_changes[i]);
    free(sim->name_changes);
    pthread_mutex_destroy(&sim->mutex);
    free(sim);
}

struct os *os_sim_os(struct os_sim *sim) {
    return &sim->head;
}

void os_sim_power_loss(struct os_sim *sim) {
    pthread_mutex_lock(&sim->mutex);
    sim_lose(sim);
    pthread_mutex_unlock(&sim->mutex);
}

void os_sim_restart(struct os_sim *sim) {
    pthread_mutex_lock(&sim->mutex);
    sim->generation++;
    sim->down = sim->stopped = false;
    sim->fail_at = sim->lose_at = sim->kill_at = 0;
    sim_names_clear(&sim->locked);
    pthread_mutex_unlock(&sim->mutex);
}

static pthread_mutex_t *mutex_of(const struct os_sim *sim) { return &((struct os_sim *)(uintptr_t)sim)->mutex; }

uint64_t os_sim_calls(const struct os_sim *sim) {
    pthread_mutex_lock(mutex_of(sim));
    uint64_t count = sim->call_count;
    pthread_mutex_unlock(mutex_of(sim));
    return count;
}

void os_sim_fail_call(struct os_sim *sim, uint64_t n, enum status status) {
    assert(n == 0 || status != STATUS_OK);
    pthread_mutex_lock(&sim->mutex);
    sim->fail_at = n ? sim->call_count + n : 0;
    sim->fail_status = status;
    pthread_mutex_unlock(&sim->mutex);
}

void os_sim_lose_power_at(struct os_sim *sim, uint64_t n) {
    pthread_mutex_lock(&sim->mutex);
    sim->lose_at = n ? sim->call_count + n : 0;
    pthread_mutex_unlock(&sim->mutex);
}

void os_sim_kill_at(struct os_sim *sim, uint64_t n) {
    pthread_mutex_lock(&sim->mutex);
    sim->kill_at = n ? sim->call_count + n : 0;
    pthread_mutex_unlock(&sim->mutex);
}

bool os_sim_down(const struct os_sim *sim) {
    pthread_mutex_lock(mutex_of(sim));
    bool down = sim->down;
    pthread_mutex_unlock(mutex_of(sim));
    return down;
}

bool os_sim_stopped(const struct os_sim *sim) {
    pthread_mutex_lock(mutex_of(sim));
    bool stopped = sim->stopped;
    pthread_mutex_unlock(mutex_of(sim));
    return stopped;
}

void os_sim_set_disk_bytes(struct os_sim *sim, uint64_t bytes) {
    pthread_mutex_lock(&sim->mutex);
    sim->disk_bytes = bytes;
    pthread_mutex_unlock(&sim->mutex);
}

void os_sim_set_ms(struct os_sim *sim, int64_t now_ms) {
    pthread_mutex_lock(&sim->mutex);
    sim->now_ms = now_ms;
    pthread_mutex_unlock(&sim->mutex);
}

void os_sim_advance_ms(struct os_sim *sim, uint64_t ms) {
    pthread_mutex_lock(&sim->mutex);
    sim->now_ms += (int64_t)ms;
    sim->monotonic_ns += ms * 1000000;
    pthread_mutex_unlock(&sim->mutex);
}
