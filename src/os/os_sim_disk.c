/* os_sim_disk: the simulated disk. Files are nodes, counted by reference: from the names seen, the names
 * that survive, name changes not yet synced, and handles. A file's bytes past `filled` are zero without being stored,
 * so that preallocating costs nothing. */
#include "os/os_sim_inside.h"

#include <assert.h>
#include <stdlib.h>

/* Contents */

static void content_clear(struct content *content) {
    free(content->data);
    *content = (struct content){0};
}

static void content_fill(struct content *content, uint64_t filled) {
    if (filled <= content->filled)
        return;
    if (filled > content->capacity) {
        content->capacity = filled < 4096 ? 4096 : filled + filled / 2;
        content->data = memory_resize(content->data, content->capacity, 1);
    }
    memset(content->data + content->filled, 0, filled - content->filled);
    content->filled = filled;
}

static void content_write(struct content *content, uint64_t offset, const char *data, size_t size) {
    if (size == 0)
        return;
    content_fill(content, offset + size);
    memcpy(content->data + offset, data, size);
    if (content->size < offset + size)
        content->size = offset + size;
}

static void content_truncate(struct content *content, uint64_t size) {
    if (content->filled > size)
        content->filled = size;
    content->size = size;
}

void sim_content_copy(struct content *to, const struct content *from) {
    content_truncate(to, 0);
    content_write(to, 0, from->data, from->filled);
    to->size = from->size;
}

void sim_content_read(const struct content *content, uint64_t offset, char *into, size_t size) {
    size_t stored = offset < content->filled ? content->filled - offset : 0;
    if (stored > size)
        stored = size;
    if (stored)
        memcpy(into, content->data + offset, stored);
    if (size > stored)
        memset(into + stored, 0, size - stored);
}

/* Nodes */

void sim_changes_clear(struct node *node) {
    for (size_t i = 0; i < node->change_count; i++)
        free(node->changes[i].data);
    free(node->changes);
    node->changes = NULL;
    node->change_count = 0;
}

struct node *sim_node_take(struct node *node) {
    if (node)
        node->references++;
    return node;
}

void sim_node_drop(struct node *node) {
    if (!node)
        return;
    assert(node->references > 0);
    if (--node->references)
        return;
    content_clear(&node->seen);
    content_clear(&node->durable);
    sim_changes_clear(node);
    free(node);
}

void sim_change_apply(struct content *content, const struct change *change) {
    switch (change->kind) {
    case CHANGE_WRITE:
        content_write(content, change->offset, change->data, change->size);
        break;
    case CHANGE_TRUNCATE:
        content_truncate(content, change->offset);
        break;
    case CHANGE_ALLOCATE:
        if (content->size < change->offset)
            content->size = change->offset;
        break;
    }
}

/* Does it to what is seen and remembers it for the sync. Takes `data`. */
void sim_change_add(struct node *node, enum change_kind kind, uint64_t offset, char *data, size_t size) {
    struct change change = {kind, offset, data, size};
    sim_change_apply(&node->seen, &change);
    node->changes = memory_resize(node->changes, node->change_count + 1, sizeof *node->changes);
    node->changes[node->change_count++] = change;
}

/* Some sectors of a write, and of the others only a chance. */
static void change_tear(struct content *content, const struct change *change, struct random *random, double chance) {
    for (size_t at = 0; at < change->size;) {
        size_t sector = OS_SIM_SECTOR_BYTES - (change->offset + at) % OS_SIM_SECTOR_BYTES;
        size_t size = sector < change->size - at ? sector : change->size - at;
        if (random_chance(random, chance))
            content_write(content, change->offset + at, change->data + at, size);
        at += size;
    }
}

/* How much of what was not synced a power loss keeps. */
enum keep { KEEP_NONE, KEEP_ALL, KEEP_FIRST, KEEP_SOME, KEEP_COUNT };

/* Carries some of the changes over to `durable`, and forgets the others. */
void sim_node_lose(struct node *node, struct random *random) {
    enum keep keep = (enum keep)random_below(random, KEEP_COUNT);
    size_t first = random_below(random, node->change_count + 1);
    double chance = random_unit(random);
    for (size_t i = 0; i < node->change_count; i++) {
        struct change *change = &node->changes[i];
        if (keep == KEEP_ALL || (keep == KEEP_FIRST && i < first))
            sim_change_apply(&node->durable, change);
        else if (keep == KEEP_SOME && change->kind == CHANGE_WRITE)
            change_tear(&node->durable, change, random, chance);
        else if ((keep == KEEP_SOME && random_chance(random, chance)))
            sim_change_apply(&node->durable, change);
        else if (keep == KEEP_FIRST && i == first && change->kind == CHANGE_WRITE)
            change_tear(&node->durable, change, random, chance);
    }
    sim_changes_clear(node);
}

/* Names */

/* Without doubled and trailing slashes; free with free(). */
char *sim_path_clean(const char *path) {
    char *clean = memory_get(strlen(path) + 1, 1);
    size_t size = 0;
    for (const char *p = path; *p; p++)
        if (*p != '/' || size == 0 || clean[size - 1] != '/')
            clean[size++] = *p;
    if (size > 1 && clean[size - 1] == '/')
        clean[--size] = 0;
    return clean;
}

struct slice sim_parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return !slash ? SLICE(".") : slice_of(path, slash == path ? 1 : (size_t)(slash - path));
}

static struct name *names_find(const struct names *names, struct slice path) {
    for (size_t i = 0; i < names->count; i++)
        if (slice_is(path, names->at[i].path))
            return &names->at[i];
    return NULL;
}

struct name *sim_names_get(const struct names *names, const char *path) {
    return names_find(names, slice_text(path));
}

void sim_names_set(struct names *names, const char *path, struct node *node) {
    struct name *name = sim_names_get(names, path);
    sim_node_take(node);
    if (name) {
        sim_node_drop(name->node);
        name->node = node;
        return;
    }
    names->at = memory_resize(names->at, names->count + 1, sizeof *names->at);
    names->at[names->count++] = (struct name){memory_text(slice_text(path)), node};
}

void sim_names_unset(struct names *names, const char *path) {
    struct name *name = sim_names_get(names, path);
    if (!name)
        return;
    sim_node_drop(name->node);
    free(name->path);
    *name = names->at[--names->count];
}

void sim_names_clear(struct names *names) {
    for (size_t i = 0; i < names->count; i++) {
        sim_node_drop(names->at[i].node);
        free(names->at[i].path);
    }
    free(names->at);
    *names = (struct names){0};
}

static void name_change_apply(struct names *names, const struct name_change *change) {
    struct name *from = sim_names_get(names, change->path);
    switch (change->kind) {
    case NAME_CREATE:
        sim_names_set(names, change->path, change->node);
        break;
    case NAME_REMOVE:
        if (from && from->node == change->node)
            sim_names_unset(names, change->path);
        break;
    case NAME_RENAME:
        if (from && from->node == change->node) {
            sim_names_set(names, change->to, change->node);
            sim_names_unset(names, change->path);
        }
        break;
    }
}

void sim_name_change_add(struct os_sim *sim, enum rename_kind kind, const char *path, const char *to,
                         struct node *node) {
    struct name_change change = {kind, memory_text(slice_text(path)), to ? memory_text(slice_text(to)) : NULL,
                                 sim_node_take(node)};
    name_change_apply(&sim->seen, &change);
    sim->name_changes = memory_resize(sim->name_changes, sim->name_change_count + 1, sizeof *sim->name_changes);
    sim->name_changes[sim->name_change_count++] = change;
}

void sim_name_change_release(struct name_change *change) {
    free(change->path);
    free(change->to);
    sim_node_drop(change->node);
}

/* Carries over the changes made in `folder`, or all. */
void sim_names_sync(struct os_sim *sim, struct slice folder) {
    size_t kept = 0;
    for (size_t i = 0; i < sim->name_change_count; i++) {
        struct name_change *change = &sim->name_changes[i];
        if (slice_equal(sim_parent_of(change->path), folder) ||
            (change->to && slice_equal(sim_parent_of(change->to), folder))) {
            name_change_apply(&sim->durable, change);
            sim_name_change_release(change);
        } else {
            sim->name_changes[kept++] = *change;
        }
    }
    sim->name_change_count = kept;
}

static void names_lose(struct os_sim *sim) {
    enum keep keep = (enum keep)random_below(&sim->random, KEEP_COUNT);
    size_t first = random_below(&sim->random, sim->name_change_count + 1);
    for (size_t i = 0; i < sim->name_change_count; i++) {
        struct name_change *change = &sim->name_changes[i];
        bool some = random_chance(&sim->random, 0.5);
        if (keep == KEEP_ALL || (keep == KEEP_FIRST && i < first) || (keep == KEEP_SOME && some))
            name_change_apply(&sim->durable, change);
        sim_name_change_release(change);
    }
    sim->name_change_count = 0;
}

bool sim_folder_there(const struct os_sim *sim, struct slice path) {
    const struct name *name = names_find(&sim->seen, path);
    return slice_is(path, "/") || slice_is(path, ".") || (name && !name->node);
}

/* The power goes: what survives becomes what is seen. */
void sim_lose(struct os_sim *sim) {
    names_lose(sim);
    sim_names_clear(&sim->seen);
    for (size_t i = 0; i < sim->durable.count; i++) {
        struct node *node = sim->durable.at[i].node;
        if (node) {
            sim_node_lose(node, &sim->random);
            sim_content_copy(&node->seen, &node->durable);
        }
        sim_names_set(&sim->seen, sim->durable.at[i].path, node);
    }
    sim->down = true;
}

/* Calls */
