/* os_sim_inside: what the two files of the simulated system share; not for others. os_sim_disk.c is the disk: contents, files, names, what survives a
 * loss of power; os_sim.c the calls. */
#ifndef ONEFOLD_OS_OS_SIM_INSIDE_H
#define ONEFOLD_OS_OS_SIM_INSIDE_H

#include <pthread.h>

#include "base/memory.h"
#include "base/random.h"
#include "os/os_sim.h"
#include "os/os_table.h"

/* Bytes of a file: `filled` stored ones, then zeros up to `size`. */
struct content {
    char *data;
    size_t filled, capacity;
    uint64_t size;
};

enum change_kind { CHANGE_WRITE, CHANGE_TRUNCATE, CHANGE_ALLOCATE };

/* Something done to a file since it was last synced. */
struct change {
    enum change_kind kind;
    uint64_t offset; /* of a write; the size otherwise */
    char *data;
    size_t size;
};

struct node {
    unsigned references;
    struct content seen, durable;
    struct change *changes;
    size_t change_count;
};

struct name {
    char *path;
    struct node *node; /* NULL for a folder */
};

struct names {
    struct name *at;
    size_t count;
};

enum rename_kind { NAME_CREATE, NAME_REMOVE, NAME_RENAME };

/* Something done to a folder since it was last synced. */
struct name_change {
    enum rename_kind kind;
    char *path, *to; /* `to` of a rename */
    struct node *node;
};

struct os_sim {
    struct os head;
    pthread_mutex_t mutex;
    struct random random;
    struct names seen, durable;
    struct name_change *name_changes;
    size_t name_change_count;
    struct names locked; /* folders */
    uint64_t generation; /* of handles; counts restarts */
    uint64_t call_count, fail_at, lose_at, kill_at;
    enum status fail_status;
    uint64_t disk_bytes;
    int64_t now_ms;
    uint64_t monotonic_ns;
    bool down, stopped;
};

struct sim_file {
    struct os_file head;
    struct node *node;
    uint64_t generation;
    bool writable;
};

/* --- contents --- */

void sim_content_copy(struct content *to, const struct content *from);
void sim_content_read(const struct content *content, uint64_t offset, char *into, size_t size);

/* --- files: counted by reference; NULL is fine --- */

struct node *sim_node_take(struct node *node);
void sim_node_drop(struct node *node);
/* Forgets what was done since the last sync. */
void sim_changes_clear(struct node *node);
/* Does it to what is seen, and notes it; `data` is taken over. */
void sim_change_add(struct node *node, enum change_kind kind, uint64_t offset, char *data, size_t size);
void sim_change_apply(struct content *content, const struct change *change);
/* The power goes: some of what was not synced survives, perhaps torn. */
void sim_node_lose(struct node *node, struct random *random);

/* --- names --- */

/* Without doubled and trailing slashes; free with free(). */
char *sim_path_clean(const char *path);
struct slice sim_parent_of(const char *path);
/* NULL where there is none. */
struct name *sim_names_get(const struct names *names, const char *path);
void sim_names_set(struct names *names, const char *path, struct node *node);
void sim_names_unset(struct names *names, const char *path);
void sim_names_clear(struct names *names);
/* Does it to the names seen, and notes it until its folder is synced. */
void sim_name_change_add(struct os_sim *sim, enum rename_kind kind, const char *path, const char *to,
                         struct node *node);
void sim_name_change_release(struct name_change *change);
/* Carries over the changes made in `folder`. */
void sim_names_sync(struct os_sim *sim, struct slice folder);
bool sim_folder_there(const struct os_sim *sim, struct slice path);

/* The power goes: what survives becomes what is seen. */
void sim_lose(struct os_sim *sim);

#endif
