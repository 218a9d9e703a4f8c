/* seen: see the header for the contract, docs/formats/seen.md for the bytes, docs/why/2026-11-21-seen.md for what else
 * was measured.
 *
 * Inside, a hash is hash_mix of what the caller gave, a bijection, so that any input is spread evenly and "ascending"
 * means "by the top bits": table slot, filter word and fence bucket all come from them.
 *
 * Who owns what. The fold thread owns the fresh table and its view (sealed tables and runs that look-ups ask). The
 * background thread works on the list: seals turn tables into a run, merges turn runs into one, and each change raises
 * the list's version. The fold thread copies the list into its view when it sees a new version, and only if the lock
 * is free. Tables and runs are counted references; the list, the view, every frozen image and the durable checkpoint
 * hold them. What nobody holds any more becomes garbage, and the background thread closes it: unmapping a large file
 * takes too long for the fold.
 *
 * A table keeps its hashes twice: in slots for look-ups, and in the order they came, which never moves. So freezing
 * copies nothing: it notes how many there were, and the writer reads those while the fold appends behind them.
 *
 * Locks: one, `lock`; held for copying a list of pointers, never over a call to the system. */
#include "history/seen.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/pages.h"
#include "history/seen_run.h"

#define FAN_IN 4 /* runs of one size that are merged */
#define SAVE_VERSION 1

struct table {
    struct table *next;  /* in the garbage */
    uint64_t *slots;     /* [1 << slot_bits], 0 = empty; fold thread */
    uint64_t *order;     /* [fresh_max] as they came; up to a count that was handed over: any thread */
    uint32_t count;      /* fold thread; fixed once sealed */
    unsigned references; /* under the lock, as a run's */
};

/* On disk. */
struct save_head {
    uint32_t version, run_count;
    uint64_t hash_count; /* in section "seen.hashes" */
    uint64_t count;      /* in all */
};
_Static_assert(sizeof(struct save_head) == 24, "on disk");

struct save_run {
    uint64_t sequence, count;
};
_Static_assert(sizeof(struct save_run) == 16, "on disk");

struct view {
    struct table **tables; /* oldest first */
    struct seen_run **runs;
    size_t table_count, run_count;
    uint64_t version;
};

struct seen {
    struct os *os;
    char *folder;
    uint32_t fresh_max;
    unsigned slot_bits;

    struct table *fresh; /* fold thread, as the view */
    struct view view;

    pthread_mutex_t lock; /* guards list, durable, spare, garbage and all references */
    struct view list;
    struct view durable; /* what the checkpoint in force names; runs only */
    struct table *spare; /* empty and paged in */
    struct table *table_garbage;
    struct seen_run *run_garbage;

    _Atomic uint64_t version; /* of the list */
    _Atomic uint64_t count, disk_bytes, table_bytes;
    atomic_flag compacting;
    uint64_t next_sequence; /* background thread */
};

struct seen_image {
    struct seen *seen;
    struct view view;
    struct table *fresh;
    uint32_t fresh_count;
    uint64_t count;
};

/* --- tables --- */

static uint64_t bytes_of_table(const struct seen *s) {
    return ((uint64_t)8 << s->slot_bits) + (uint64_t)8 * s->fresh_max;
}

static struct table *table_create(struct seen *s) {
    struct table *t = memory_get(1, sizeof *t);
    t->slots = pages_get((size_t)8 << s->slot_bits);
    t->order = memory_get(s->fresh_max, sizeof *t->order);
    t->references = 1;
    atomic_fetch_add(&s->table_bytes, bytes_of_table(s));
    return t;
}

static void table_free(struct seen *s, struct table *t) {
    if (!t)
        return;
    atomic_fetch_sub(&s->table_bytes, bytes_of_table(s));
    pages_free(t->slots, (size_t)8 << s->slot_bits);
    free(t->order);
    free(t);
}

/* Writes all of it, so that its pages are there before the fold needs them. */
static void table_empty(const struct seen *s, struct table *t) {
    memset(t->slots, 0, (size_t)8 << s->slot_bits);
    memset(t->order, 0, (size_t)8 * s->fresh_max);
    t->count = 0;
    t->references = 1;
    t->next = NULL;
}

/* The slot that holds `h`, or the empty one where it would go. */
static inline size_t table_slot(const struct seen *s, const struct table *t, uint64_t h) {
    size_t mask = ((size_t)1 << s->slot_bits) - 1, slot = (size_t)(h >> (64 - s->slot_bits));
    while (t->slots[slot] && t->slots[slot] != h)
        slot = (slot + 1) & mask;
    return slot;
}

/* --- references; all under the lock --- */

static void drop_table(struct seen *s, struct table *t) {
    assert(t->references > 0);
    if (--t->references == 0) {
        t->next = s->table_garbage;
        s->table_garbage = t;
    }
}

static void drop_run(struct seen *s, struct seen_run *run) {
    assert(run->references > 0);
    if (--run->references == 0) {
        run->next = s->run_garbage;
        s->run_garbage = run;
    }
}

static void view_drop(struct seen *s, struct view *view) {
    for (size_t i = 0; i < view->table_count; i++)
        drop_table(s, view->tables[i]);
    for (size_t i = 0; i < view->run_count; i++)
        drop_run(s, view->runs[i]);
    free(view->tables);
    free(view->runs);
    *view = (struct view){0};
}

static void view_add_table(struct view *view, struct table *t) {
    view->tables = memory_resize(view->tables, view->table_count + 1, sizeof(void *));
    view->tables[view->table_count++] = t;
    t->references++;
}

static void view_add_run(struct view *view, struct seen_run *run) {
    view->runs = memory_resize(view->runs, view->run_count + 1, sizeof(void *));
    view->runs[view->run_count++] = run;
    run->references++;
}

static void view_copy(struct view *into, const struct view *from) {
    assert(into->table_count == 0 && into->run_count == 0);
    for (size_t i = 0; i < from->table_count; i++)
        view_add_table(into, from->tables[i]);
    for (size_t i = 0; i < from->run_count; i++)
        view_add_run(into, from->runs[i]);
    into->version = from->version;
}

/* --- the fold thread --- */

static void view_from_list(struct seen *s) {
    struct view old = s->view;
    s->view = (struct view){0};
    view_copy(&s->view, &s->list);
    view_drop(s, &old);
}

/* The list changed. Not waiting for the lock: the view still holds every hash, the next call tries again. */
static void pick_up(struct seen *s) {
    if (pthread_mutex_trylock(&s->lock) == 0) {
        view_from_list(s);
        pthread_mutex_unlock(&s->lock);
    }
}

static void list_changed(struct seen *s) {
    s->list.version++;
    atomic_store_explicit(&s->version, s->list.version, memory_order_release);
}

/* Hands the full table over and starts an empty one. */
static void seal(struct seen *s) {
    assert(s->fresh->count == s->fresh_max);
    pthread_mutex_lock(&s->lock);
    view_add_table(&s->list, s->fresh);
    drop_table(s, s->fresh);
    list_changed(s);
    view_from_list(s);
    s->fresh = s->spare;
    s->spare = NULL;
    pthread_mutex_unlock(&s->lock);
    if (!s->fresh)
        s->fresh = table_create(s);
    assert(s->fresh->count == 0 && s->fresh->references == 1);
}

/* Whether a sealed table or a run has it. */
static bool handed_over(const struct seen *s, uint64_t h) {
    for (size_t i = s->view.table_count; i-- > 0;) {
        const struct table *t = s->view.tables[i];
        if (t->slots[table_slot(s, t, h)])
            return true;
    }
    uint64_t bits = seen_run_filter_bits(h);
    for (size_t i = 0; i < s->view.run_count; i++) {
        const struct seen_run *run = s->view.runs[i];
        if (seen_run_may_hold(run, h, bits) && seen_run_holds(run, h))
            return true;
    }
    return false;
}

static void insert(struct seen *s, size_t slot, uint64_t h) {
    struct table *t = s->fresh;
    assert(t->slots[slot] == 0 && t->count < s->fresh_max);
    t->slots[slot] = h;
    t->order[t->count++] = h;
    atomic_store_explicit(&s->count, atomic_load_explicit(&s->count, memory_order_relaxed) + 1, memory_order_relaxed);
    if (t->count == s->fresh_max)
        seal(s);
}

bool seen_add(struct seen *s, uint64_t hash) {
    assert(hash != 0);
    if (atomic_load_explicit(&s->version, memory_order_acquire) != s->view.version)
        pick_up(s);
    uint64_t h = hash_mix(hash);
    size_t slot = table_slot(s, s->fresh, h);
    if (s->fresh->slots[slot] || handed_over(s, h))
        return true;
    insert(s, slot, h);
    return false;
}

bool seen_has(const struct seen *s, uint64_t hash) {
    assert(hash != 0);
    uint64_t h = hash_mix(hash);
    return s->fresh->slots[table_slot(s, s->fresh, h)] || handed_over(s, h);
}

void seen_prefetch(const struct seen *s, uint64_t hash) {
    uint64_t h = hash_mix(hash);
    size_t slot = (size_t)(h >> (64 - s->slot_bits));
    __builtin_prefetch(&s->fresh->slots[slot], 1);
    for (size_t i = 0; i < s->view.table_count; i++)
        __builtin_prefetch(&s->view.tables[i]->slots[slot]);
    for (size_t i = 0; i < s->view.run_count; i++)
        seen_run_prefetch(s->view.runs[i], h);
}

uint64_t seen_count(const struct seen *s) { return atomic_load_explicit(&s->count, memory_order_relaxed); }
uint64_t seen_disk_bytes(const struct seen *s) { return atomic_load(&s->disk_bytes); }
uint64_t seen_memory_bytes(const struct seen *s) { return atomic_load(&s->table_bytes) + sizeof *s; }

/* --- run files --- */

static char *run_path(const struct seen *s, uint64_t sequence) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%012llu.run", s->folder, (unsigned long long)sequence);
    buffer_add_char(&path, 0);
    return path.data;
}

static enum status open_run(struct seen *s, uint64_t sequence, struct seen_run **run, struct fault *fault) {
    char *path = run_path(s, sequence);
    enum status status = seen_run_open(s->os, path, sequence, run, fault);
    if (!status)
        atomic_fetch_add(&s->disk_bytes, image_bytes((*run)->image));
    free(path);
    return status;
}

static enum status write_run(struct seen *s, const struct seen_run_source *sources, unsigned count,
                             struct seen_run **run, struct fault *fault) {
    uint64_t sequence = s->next_sequence++;
    char *path = run_path(s, sequence);
    enum status status = seen_run_write(s->os, path, sequence, sources, count, run, fault);
    if (!status)
        atomic_fetch_add(&s->disk_bytes, image_bytes((*run)->image));
    free(path);
    return status;
}

static void close_run(struct seen *s, struct seen_run *run) {
    atomic_fetch_sub(&s->disk_bytes, image_bytes(run->image));
    seen_run_free(run);
}

/* --- the background thread --- */

/* Sorts `a` by `b` as scratch; the result stands in `a`. Six passes over eleven bits each. */
static void radix_sort(uint64_t *a, uint64_t *b, size_t count) {
    for (unsigned shift = 0; shift < 66; shift += 11) {
        size_t starts[2049] = {0};
        for (size_t i = 0; i < count; i++)
            starts[(a[i] >> shift & 2047) + 1]++;
        for (unsigned d = 0; d < 2048; d++)
            starts[d + 1] += starts[d];
        for (size_t i = 0; i < count; i++)
            b[starts[a[i] >> shift & 2047]++] = a[i];
        uint64_t *swap = a;
        a = b;
        b = swap;
    }
}

/* The list without its first table, or without `count` runs of `gone`, and with `made`. */
static void publish(struct seen *s, bool first_table, struct seen_run **gone, size_t count, struct seen_run *made) {
    pthread_mutex_lock(&s->lock);
    struct view old = s->list;
    s->list = (struct view){.version = old.version};
    for (size_t i = first_table; i < old.table_count; i++)
        view_add_table(&s->list, old.tables[i]);
    for (size_t i = 0, g = 0; i < old.run_count; i++)
        if (g < count && old.runs[i] == gone[g])
            g++;
        else
            view_add_run(&s->list, old.runs[i]);
    view_add_run(&s->list, made);
    assert(s->list.run_count == old.run_count - count + 1);
    view_drop(s, &old);
    list_changed(s);
    pthread_mutex_unlock(&s->lock);
}

static enum status seal_oldest(struct seen *s, const struct table *t, struct fault *fault) {
    uint64_t *sorted = memory_get(t->count, sizeof *sorted), *scratch = memory_get(t->count, sizeof *scratch);
    struct seen_run *made;
    memcpy(sorted, t->order, t->count * sizeof *sorted);
    radix_sort(sorted, scratch, t->count);
    struct seen_run_source source = {.sorted = sorted, .count = t->count};
    enum status status = write_run(s, &source, 1, &made, fault);
    if (!status)
        publish(s, true, NULL, 0, made);
    free(scratch);
    free(sorted);
    return status;
}

static enum status merge(struct seen *s, struct seen_run **runs, unsigned count, struct fault *fault) {
    struct seen_run_source sources[RUN_SOURCES_MAX];
    struct seen_run *made;
    enum status status = STATUS_OK;
    assert(count >= 2 && count <= RUN_SOURCES_MAX);
    for (unsigned i = 0; i < count && !status; i++) {
        sources[i] = (struct seen_run_source){.run = runs[i], .count = runs[i]->count};
        status = seen_run_check_keys(runs[i], fault);
    }
    if (!status)
        status = write_run(s, sources, count, &made, fault);
    if (!status)
        publish(s, false, runs, count, made);
    return status;
}

/* 0 for what a table makes, one more for each time four of the size before were merged. */
static unsigned tier_of(const struct seen *s, uint64_t count) {
    unsigned tier = 0;
    for (uint64_t most = (uint64_t)s->fresh_max * 2; count > most; most *= FAN_IN)
        tier++;
    return tier;
}

/* Finds the smallest tier with enough runs; returns how many were put into `runs`. */
static unsigned due_for_merge(const struct seen *s, const struct view *list, struct seen_run **runs) {
    for (unsigned tier = 0; tier < 32; tier++) {
        unsigned count = 0;
        uint64_t hashes = 0;
        for (size_t i = 0; i < list->run_count && count < RUN_SOURCES_MAX; i++)
            if (tier_of(s, list->runs[i]->count) == tier && hashes + list->runs[i]->count <= RUN_HASHES_MAX) {
                hashes += list->runs[i]->count;
                runs[count++] = list->runs[i];
            }
        if (count >= FAN_IN)
            return count;
    }
    return 0;
}

static void remove_run(struct seen *s, struct seen_run *run) {
    char *path = run_path(s, run->sequence);
    close_run(s, run);
    struct fault fault;
    if (os_remove(s->os, path, &fault)) {
        /* no checkpoint names it: the next load removes it */
    }
    free(path);
}

/* Closes and removes what nobody holds; sees to it that there is an empty table to seal with. */
static void tidy(struct seen *s) {
    pthread_mutex_lock(&s->lock);
    struct table *tables = s->table_garbage, *spare = s->spare;
    struct seen_run *runs = s->run_garbage;
    s->table_garbage = NULL;
    s->run_garbage = NULL;
    pthread_mutex_unlock(&s->lock);
    while (runs) {
        struct seen_run *next = runs->next;
        remove_run(s, runs);
        runs = next;
    }
    struct table *made = NULL;
    if (!spare) {
        made = tables ? tables : table_create(s);
        tables = tables ? tables->next : NULL;
        table_empty(s, made);
    }
    while (tables) {
        struct table *next = tables->next;
        table_free(s, tables);
        tables = next;
    }
    if (made) {
        pthread_mutex_lock(&s->lock);
        assert(!s->spare);
        s->spare = made;
        pthread_mutex_unlock(&s->lock);
    }
}

/* One table or one merge; the runs and tables of `list` stay, as only this thread takes any out of the list. */
static enum status compact_one(struct seen *s, const struct view *list, struct fault *fault) {
    struct seen_run *due[RUN_SOURCES_MAX];
    if (list->table_count)
        return seal_oldest(s, list->tables[0], fault);
    unsigned count = due_for_merge(s, list, due);
    if (count)
        return merge(s, due, count, fault);
    for (size_t i = 0; i < list->run_count; i++)
        if (!list->runs[i]->keys_checked)
            return seen_run_check_keys(list->runs[i], fault);
    return STATUS_END;
}

enum status seen_compact(struct seen *s, struct fault *fault) {
    bool busy = atomic_flag_test_and_set(&s->compacting);
    assert(!busy);
    (void)busy;
    tidy(s);
    struct view list = {0};
    pthread_mutex_lock(&s->lock);
    view_copy(&list, &s->list);
    pthread_mutex_unlock(&s->lock);
    enum status status = compact_one(s, &list, fault);
    pthread_mutex_lock(&s->lock);
    view_drop(s, &list);
    pthread_mutex_unlock(&s->lock);
    atomic_flag_clear(&s->compacting);
    return status;
}

/* --- making and ending --- */

/* The number in "000000000012.run" (with ".new" behind it while it was being written); false for other names. */
static bool run_name(const char *name, uint64_t *sequence) {
    size_t digits = strspn(name, "0123456789");
    if (digits != 12 || (strcmp(name + digits, ".run") && strcmp(name + digits, ".run.new")))
        return false;
    *sequence = strtoull(name, NULL, 10);
    return true;
}

static void note_sequence(void *context, const char *name) {
    struct seen *s = context;
    uint64_t sequence;
    if (run_name(name, &sequence) && sequence >= s->next_sequence)
        s->next_sequence = sequence + 1;
}

enum status seen_create(struct os *os, const char *folder, struct seen **seen, struct fault *fault) {
    return seen_create_small(os, folder, SEEN_FRESH_MAX, seen, fault);
}

enum status seen_create_small(struct os *os, const char *folder, uint32_t fresh_max, struct seen **seen,
                              struct fault *fault) {
    assert(fresh_max >= 1 && fresh_max <= SEEN_FRESH_MAX);
    struct seen *s = memory_get(1, sizeof *s);
    s->os = os;
    s->folder = memory_text(slice_text(folder));
    s->next_sequence = 1;
    s->fresh_max = fresh_max;
    s->slot_bits = 2;
    while ((uint64_t)1 << s->slot_bits < (uint64_t)2 * fresh_max)
        s->slot_bits++;
    pthread_mutex_init(&s->lock, NULL);
    atomic_flag_clear(&s->compacting);
    enum status status = os_make_folder(os, folder, fault);
    if (!status)
        status = os_list(os, folder, note_sequence, s, fault);
    if (status) {
        seen_free(s);
        return status;
    }
    s->fresh = table_create(s);
    table_empty(s, s->fresh);
    *seen = s;
    return STATUS_OK;
}

void seen_free(struct seen *s) {
    if (!s)
        return;
    view_drop(s, &s->view);
    view_drop(s, &s->list);
    view_drop(s, &s->durable);
    for (struct table *t = s->table_garbage, *next; t; t = next) {
        next = t->next;
        table_free(s, t);
    }
    for (struct seen_run *run = s->run_garbage, *next; run; run = next) {
        next = run->next;
        close_run(s, run);
    }
    table_free(s, s->spare);
    table_free(s, s->fresh);
    assert(atomic_load(&s->table_bytes) == 0 && atomic_load(&s->disk_bytes) == 0);
    pthread_mutex_destroy(&s->lock);
    free(s->folder);
    free(s);
}

/* --- saving --- */

struct seen_image *seen_freeze(struct seen *s) {
    struct seen_image *image = memory_get(1, sizeof *image);
    pthread_mutex_lock(&s->lock);
    view_from_list(s);
    view_copy(&image->view, &s->view);
    s->fresh->references++;
    pthread_mutex_unlock(&s->lock);
    image->seen = s;
    image->fresh = s->fresh;
    image->fresh_count = s->fresh->count;
    image->count = seen_count(s);
    return image;
}

static enum status write_hashes(const struct seen_image *image, struct image_writer *w, struct fault *fault) {
    enum status status = image_section(w, "seen.hashes", fault);
    for (size_t i = 0; i < image->view.table_count && !status; i++)
        status = image_write(w, image->view.tables[i]->order, (size_t)8 * image->view.tables[i]->count, fault);
    if (!status)
        status = image_write(w, image->fresh->order, (size_t)8 * image->fresh_count, fault);
    return status;
}

static enum status write_save(const struct seen_image *image, struct image_writer *w, struct fault *fault) {
    struct save_head head = {SAVE_VERSION, (uint32_t)image->view.run_count, image->fresh_count, image->count};
    for (size_t i = 0; i < image->view.table_count; i++)
        head.hash_count += image->view.tables[i]->count;
    enum status status = image_add(w, "seen.head", &head, sizeof head, fault);
    if (!status)
        status = image_section(w, "seen.runs", fault);
    for (size_t i = 0; i < image->view.run_count && !status; i++) {
        struct save_run run = {image->view.runs[i]->sequence, image->view.runs[i]->count};
        status = image_write(w, &run, sizeof run, fault);
    }
    return status ? status : write_hashes(image, w, fault);
}

enum status seen_write(struct seen_image *image, const char *path, struct fault *fault) {
    struct image_writer *w;
    enum status status = image_create(image->seen->os, path, &w, fault);
    if (status)
        return status;
    status = write_save(image, w, fault);
    if (!status)
        return image_finish(w, NULL, fault);
    image_abandon(w);
    return status;
}

void seen_image_free(struct seen_image *image, bool durable) {
    if (!image)
        return;
    struct seen *s = image->seen;
    pthread_mutex_lock(&s->lock);
    if (durable) {
        view_drop(s, &s->durable);
        for (size_t i = 0; i < image->view.run_count; i++)
            view_add_run(&s->durable, image->view.runs[i]);
    }
    view_drop(s, &image->view);
    drop_table(s, image->fresh);
    pthread_mutex_unlock(&s->lock);
    free(image);
}

/* --- loading --- */

static enum status load_run(struct seen *s, const struct save_run *named, struct fault *fault) {
    struct seen_run *run;
    enum status status = open_run(s, named->sequence, &run, fault);
    if (status == STATUS_NOT_FOUND)
        return fault_set(fault, STATUS_DAMAGED, "%s: run file %llu, which the checkpoint names, is missing", s->folder,
                         (unsigned long long)named->sequence);
    if (status)
        return status;
    bool fits = run->count == named->count;
    if (!fits) {
        close_run(s, run);
        return fault_set(fault, STATUS_DAMAGED, "%s: run file %llu is not the one the checkpoint names", s->folder,
                         (unsigned long long)named->sequence);
    }
    view_add_run(&s->list, run);
    view_add_run(&s->durable, run);
    atomic_fetch_add(&s->count, run->count);
    return STATUS_OK;
}

static enum status load_hashes(struct seen *s, const uint64_t *hashes, uint64_t count, const char *path,
                               struct fault *fault) {
    for (uint64_t i = 0; i < count; i++) {
        size_t slot = table_slot(s, s->fresh, hashes[i]);
        if (!hashes[i] || s->fresh->slots[slot] || handed_over(s, hashes[i]))
            return fault_set(fault, STATUS_DAMAGED, "%s: hash %llu is there twice or zero", path,
                             (unsigned long long)i);
        insert(s, slot, hashes[i]);
    }
    return STATUS_OK;
}

static enum status load_save(struct seen *s, struct image *image, const char *path, struct fault *fault) {
    struct slice head_bytes, runs, hashes;
    struct save_head head = {0};
    enum status status = image_find(image, "seen.head", true, &head_bytes, fault);
    if (!status)
        status = image_find(image, "seen.runs", true, &runs, fault);
    if (!status)
        status = image_find(image, "seen.hashes", true, &hashes, fault);
    if (status)
        return status == STATUS_NOT_FOUND ? fault_set(fault, STATUS_DAMAGED, "%s: a section is missing", path) : status;
    if (head_bytes.size == sizeof head)
        memcpy(&head, head_bytes.data, sizeof head);
    if (head.version != SAVE_VERSION || runs.size != head.run_count * sizeof(struct save_run) || hashes.size % 8 ||
        hashes.size / 8 != head.hash_count)
        return fault_set(fault, STATUS_DAMAGED, "%s: the head of \"seen\" does not fit its sections", path);
    for (uint32_t i = 0; i < head.run_count && !status; i++)
        status = load_run(s, (const struct save_run *)runs.data + i, fault);
    if (status)
        return status;
    list_changed(s);
    view_from_list(s);
    status = load_hashes(s, (const uint64_t *)hashes.data, head.hash_count, path, fault);
    if (!status && seen_count(s) != head.count)
        status = fault_set(fault, STATUS_DAMAGED, "%s: %llu hashes counted, %llu found", path,
                           (unsigned long long)head.count, (unsigned long long)seen_count(s));
    return status;
}

struct sweep {
    struct seen *seen;
    struct buffer names; /* zero-terminated, one after another */
};

static void note_leftover(void *context, const char *name) {
    struct sweep *sweep = context;
    const struct view *durable = &sweep->seen->durable;
    uint64_t sequence;
    if (!run_name(name, &sequence))
        return;
    bool named = false;
    for (size_t i = 0; i < durable->run_count; i++)
        named |= durable->runs[i]->sequence == sequence;
    if (!named || strlen(name) > 16) /* ".run.new" never counts */
        buffer_add(&sweep->names, name, strlen(name) + 1);
}

/* Removes the run files that came after the checkpoint. */
static enum status sweep_leftovers(struct seen *s, struct fault *fault) {
    struct sweep sweep = {.seen = s};
    enum status status = os_list(s->os, s->folder, note_leftover, &sweep, fault);
    for (size_t at = 0; at < sweep.names.size && !status; at += strlen(sweep.names.data + at) + 1) {
        struct buffer path = {0};
        buffer_print(&path, "%s/%s", s->folder, sweep.names.data + at);
        buffer_add_char(&path, 0);
        status = os_remove(s->os, path.data, fault);
        buffer_release(&path);
    }
    buffer_release(&sweep.names);
    return status;
}

enum status seen_load(struct seen *s, const char *path, struct fault *fault) {
    assert(seen_count(s) == 0 && s->list.run_count == 0);
    struct image *image;
    enum status status = image_open(s->os, path, &image, fault);
    if (status)
        return status;
    status = load_save(s, image, path, fault);
    image_close(image);
    return status ? status : sweep_leftovers(s, fault);
}
