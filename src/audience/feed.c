/* feed: see the header for the contract, docs/formats/feed.md for the bytes.
 *
 * Entries are numbered from 0 in the order they were added; a number is private to this run. The newest lie in chunks, which never move:
 * the fold writes behind what is published, readers copy what is published under the lock. Saving seals whole files' worth of
 * chunks into image files and lets the chunks go; from then on those entries are read from the mapped file. A file that a reader holds
 * outlives its removal by the reader's reference.
 *
 * Only the saving thread takes chunks away, so it reads the frozen ones without the lock while it writes.
 *
 * Locks: `lock` guards files, chunks' list and what is published; `notify_lock` the callbacks, taken by the fold alone beside who adds or
 * ends one; a file's `check_lock` its first reading. None is taken while another is held. */
#include "audience/feed.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/time.h"

#define FEED_VERSION 1
#define CHUNK_ENTRIES 4096u

_Static_assert(sizeof(struct feed_entry) == 48, "on disk");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little-endian");

/* On disk: the section "feed" of a checkpoint. */
struct feed_head {
    uint32_t version, file_count;
    uint64_t tail_count;    /* entries behind the files */
    uint64_t next_sequence; /* of the next file's name */
    uint64_t published;     /* position the feed is whole up to */
};
_Static_assert(sizeof(struct feed_head) == 32, "on disk");

/* On disk: a sealed file as the section names it, and the section "head" of the file itself. */
struct file_head {
    uint64_t sequence, count;
    uint64_t first_position, last_position;
    uint32_t first_order, last_order;
    int64_t at_ms_max;
};
_Static_assert(sizeof(struct file_head) == 48, "on disk");

struct feed_file {
    struct file_head head;
    uint64_t number; /* of its first entry */
    const struct feed_entry *entries;
    struct image *image;
    char *path;
    unsigned references; /* one of the list's */
    pthread_mutex_t check_lock;
    bool checked;
};

struct notified {
    void (*notify)(void *context);
    void *context;
};

struct feed {
    struct os *os;
    char *folder;
    int64_t retention_ms;
    uint32_t file_entries, chunk_entries;

    pthread_mutex_t lock;
    pthread_cond_t moved;
    struct feed_file **files; /* oldest first */
    size_t file_count, file_room;
    struct feed_entry **chunks; /* of the entries from `sealed` on */
    size_t chunk_count, chunk_room;
    bool sealed_once;         /* there was a file */
    uint64_t sealed;          /* number of the first entry that is in no file */
    uint64_t published_end;   /* number behind the last published entry */
    uint64_t published;       /* position */
    uint64_t next_sequence;   /* saving thread, and loading */
    struct feed_place newest; /* of the last published entry */

    /* The fold's own. */
    uint64_t end; /* number behind the last entry */
    struct feed_place last;
    struct feed_entry *open; /* the last chunk */
    uint32_t open_used;

    pthread_mutex_t notify_lock;
    struct notified notified[FEED_NOTIFIED];
};

/* --- places --- */

static struct feed_place place_of(const struct feed_entry *entry) {
    return (struct feed_place){entry->position, entry->order};
}

static int place_compare(struct feed_place a, struct feed_place b) {
    if (a.position != b.position)
        return a.position < b.position ? -1 : 1;
    return a.order == b.order ? 0 : a.order < b.order ? -1 : 1;
}

static bool digits(struct slice text, uint64_t most, uint64_t *value) {
    *value = 0;
    if (text.size == 0 || text.size > 20)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(text.data[i] - '0');
        if (digit > 9 || *value > (most - digit) / 10)
            return false;
        *value = *value * 10 + digit;
    }
    return true;
}

bool feed_place_parse(struct slice text, struct feed_place *place) {
    uint64_t order = 0;
    const char *dash = text.size ? memchr(text.data, '-', text.size) : NULL;
    size_t first = dash ? (size_t)(dash - text.data) : text.size;
    if (!digits(slice_of(text.data, first), UINT64_MAX, &place->position))
        return false;
    if (dash && !digits(slice_of(dash + 1, text.size - first - 1), UINT32_MAX, &order))
        return false;
    place->order = dash ? (uint32_t)order : UINT32_MAX; /* "12345": behind all of that position */
    return true;
}

/* --- files --- */

static char *file_path(const struct feed *feed, uint64_t sequence) {
    struct buffer path = {0};
    buffer_print(&path, "%s/%012llu.feed%c", feed->folder, (unsigned long long)sequence, 0);
    return path.data;
}

static void file_free(struct feed_file *file) {
    image_close(file->image);
    pthread_mutex_destroy(&file->check_lock);
    free(file->path);
    free(file);
}

/* Under the lock; true when nobody is left and the caller has to free it, outside. */
static bool file_drop(struct feed_file *file) {
    assert(file->references > 0);
    return --file->references == 0;
}

static enum status file_sections(struct feed_file *file, struct fault *fault) {
    struct slice head, entries;
    struct file_head found = {0};
    enum status status = image_find(file->image, "head", true, &head, fault);
    if (!status)
        status = image_find(file->image, "entries", false, &entries, fault);
    if (status)
        return status == STATUS_NOT_FOUND ? STATUS_DAMAGED : status;
    if (head.size == sizeof found)
        memcpy(&found, head.data, sizeof found);
    if (memcmp(&found, &file->head, sizeof found) != 0 || found.count == 0 ||
        entries.size != found.count * sizeof(struct feed_entry))
        return fault_set(fault, STATUS_DAMAGED, "%s: its head does not fit what the checkpoint says of it", file->path);
    file->entries = (const struct feed_entry *)entries.data;
    return STATUS_OK;
}

/* Maps it; its entries are checked when they are first read. Errors: NOT_FOUND, DAMAGED, IO. */
static enum status file_open(struct feed *feed, const struct file_head *head, struct feed_file **out,
                             struct fault *fault) {
    struct feed_file *file = memory_get(1, sizeof *file);
    file->head = *head;
    file->references = 1;
    file->path = file_path(feed, head->sequence);
    pthread_mutex_init(&file->check_lock, NULL);
    enum status status = image_open(feed->os, file->path, &file->image, fault);
    if (!status)
        status = file_sections(file, fault);
    if (status)
        file_free(file);
    else
        *out = file;
    return status;
}

/* Whoever reads a damaged file would skip entries without knowing: the process stops instead. False in a simulation that is down. */
static bool file_check(struct feed *feed, struct feed_file *file) {
    struct fault fault = {0};
    struct slice entries;
    pthread_mutex_lock(&file->check_lock);
    file->checked = file->checked || image_find(file->image, "entries", true, &entries, &fault) == STATUS_OK;
    bool whole = file->checked;
    pthread_mutex_unlock(&file->check_lock);
    if (!whole)
        os_stop(feed->os, fault.text);
    return whole;
}

/* Index of the first entry behind `after` among `count` ascending ones. */
static size_t first_behind(const struct feed_entry *entries, size_t count, struct feed_place after) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (place_compare(place_of(&entries[middle]), after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* --- creating --- */

static void lock_init(struct feed *feed) {
    pthread_condattr_t attributes;
    pthread_mutex_init(&feed->lock, NULL);
    pthread_mutex_init(&feed->notify_lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&feed->moved, &attributes);
    pthread_condattr_destroy(&attributes);
}

enum status feed_create_small(struct os *os, const char *folder, unsigned retention_days, uint32_t file_entries,
                              struct feed **out, struct fault *fault) {
    assert(file_entries > 0);
    enum status status = os_make_folder(os, folder, fault);
    if (status)
        return status;
    struct feed *feed = memory_get(1, sizeof *feed);
    feed->os = os;
    feed->folder = memory_text(slice_text(folder));
    feed->retention_ms = (retention_days ? retention_days : 90) * DAY_MS;
    feed->file_entries = file_entries;
    feed->chunk_entries = file_entries % CHUNK_ENTRIES ? file_entries : CHUNK_ENTRIES;
    feed->next_sequence = 1;
    lock_init(feed);
    *out = feed;
    return STATUS_OK;
}

enum status feed_create(struct os *os, const char *folder, unsigned retention_days, struct feed **feed,
                        struct fault *fault) {
    return feed_create_small(os, folder, retention_days, FEED_FILE_ENTRIES, feed, fault);
}

void feed_free(struct feed *feed) {
    if (feed == NULL)
        return;
    for (size_t i = 0; i < feed->file_count; i++) {
        assert(feed->files[i]->references == 1);
        file_free(feed->files[i]);
    }
    for (size_t i = 0; i < feed->chunk_count; i++)
        free(feed->chunks[i]);
    pthread_cond_destroy(&feed->moved);
    pthread_mutex_destroy(&feed->lock);
    pthread_mutex_destroy(&feed->notify_lock);
    free(feed->files);
    free(feed->chunks);
    free(feed->folder);
    free(feed);
}

/* --- adding --- */

static void add_chunk(struct feed *feed) {
    struct feed_entry *chunk = memory_get(feed->chunk_entries, sizeof *chunk);
    pthread_mutex_lock(&feed->lock);
    if (feed->chunk_count == feed->chunk_room) {
        feed->chunk_room = feed->chunk_room ? feed->chunk_room * 2 : 64;
        feed->chunks = memory_resize(feed->chunks, feed->chunk_room, sizeof(struct feed_entry *));
    }
    feed->chunks[feed->chunk_count++] = chunk;
    pthread_mutex_unlock(&feed->lock);
    feed->open = chunk;
    feed->open_used = 0;
}

void feed_add(struct feed *feed, const struct feed_entry *entry) {
    assert(entry->kind >= FEED_ENTERED && entry->kind <= FEED_PARTED && entry->cause);
    assert(feed->end == 0 || place_compare(feed->last, place_of(entry)) < 0);
    if (feed->open == NULL || feed->open_used == feed->chunk_entries)
        add_chunk(feed);
    feed->open[feed->open_used++] = *entry;
    feed->last = place_of(entry);
    feed->end++;
}

static void notify_all(struct feed *feed) {
    pthread_mutex_lock(&feed->notify_lock);
    for (size_t i = 0; i < FEED_NOTIFIED; i++) {
        if (feed->notified[i].notify)
            feed->notified[i].notify(feed->notified[i].context);
    }
    pthread_mutex_unlock(&feed->notify_lock);
}

void feed_publish(struct feed *feed, uint64_t position) {
    pthread_mutex_lock(&feed->lock);
    bool more = feed->published_end < feed->end;
    assert(position >= feed->published && (!more || feed->last.position <= position));
    feed->published = position;
    feed->published_end = feed->end;
    feed->newest = feed->last;
    if (more)
        pthread_cond_broadcast(&feed->moved);
    pthread_mutex_unlock(&feed->lock);
    if (more)
        notify_all(feed);
}

void feed_on_publish(struct feed *feed, void (*notify)(void *context), void *context) {
    struct notified *free_one = NULL, *same = NULL;
    pthread_mutex_lock(&feed->notify_lock);
    for (size_t i = 0; i < FEED_NOTIFIED; i++) {
        struct notified *n = &feed->notified[i];
        if (n->notify && n->context == context)
            same = n;
        else if (n->notify == NULL && free_one == NULL)
            free_one = n;
    }
    struct notified *into = same ? same : free_one;
    assert(into);
    *into = (struct notified){notify, notify ? context : NULL};
    pthread_mutex_unlock(&feed->notify_lock);
}

/* --- reading --- */

/* Under the lock. The first file that reaches behind `after`, or NULL. */
static struct feed_file *file_behind(struct feed *feed, struct feed_place after) {
    size_t low = 0, high = feed->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct file_head *head = &feed->files[middle]->head;
        if (place_compare((struct feed_place){head->last_position, head->last_order}, after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < feed->file_count ? feed->files[low] : NULL;
}

/* Under the lock. The entry of number `number`, which is in no file. */
static const struct feed_entry *chunk_entry(const struct feed *feed, uint64_t number) {
    uint64_t at = number - feed->sealed;
    assert(number >= feed->sealed && at / feed->chunk_entries < feed->chunk_count);
    return &feed->chunks[at / feed->chunk_entries][at % feed->chunk_entries];
}

/* Under the lock. Number of the first published entry behind `after` among those that are in no file. */
static uint64_t number_behind(const struct feed *feed, struct feed_place after) {
    uint64_t low = feed->sealed, high = feed->published_end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (place_compare(place_of(chunk_entry(feed, middle)), after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Under the lock: copies up to `limit` published entries from `number` on. */
static size_t copy_chunks(const struct feed *feed, uint64_t number, struct feed_entry *into, size_t limit) {
    size_t copied = 0;
    while (copied < limit && number < feed->published_end) {
        size_t in_chunk = feed->chunk_entries - (size_t)((number - feed->sealed) % feed->chunk_entries);
        size_t count = feed->published_end - number < in_chunk ? (size_t)(feed->published_end - number) : in_chunk;
        if (count > limit - copied)
            count = limit - copied;
        memcpy(into + copied, chunk_entry(feed, number), count * sizeof *into);
        copied += count;
        number += count;
    }
    return copied;
}

/* Gives back what was held; frees it where it was the last reference. */
static void let_go(struct feed *feed, struct feed_file *file) {
    pthread_mutex_lock(&feed->lock);
    bool last = file_drop(file);
    pthread_mutex_unlock(&feed->lock);
    if (last)
        file_free(file);
}

static size_t copy_file(struct feed *feed, struct feed_file *file, struct feed_place after, struct feed_entry *into,
                        size_t limit) {
    if (!file_check(feed, file))
        return 0;
    size_t from = first_behind(file->entries, file->head.count, after), count = file->head.count - from;
    if (count > limit)
        count = limit;
    if (count)
        memcpy(into, file->entries + from, count * sizeof *into);
    return count;
}

size_t feed_read(struct feed *feed, struct feed_place after, struct feed_entry *entries, size_t limit) {
    size_t read = 0;
    bool more = true;
    while (more && read < limit) {
        size_t count = 0;
        pthread_mutex_lock(&feed->lock);
        struct feed_file *file = file_behind(feed, after);
        if (file)
            file->references++;
        else
            count = copy_chunks(feed, number_behind(feed, after), entries + read, limit - read);
        pthread_mutex_unlock(&feed->lock);
        if (file) {
            count = copy_file(feed, file, after, entries + read, limit - read);
            let_go(feed, file);
        }
        read += count;
        more = file && count;
        if (count)
            after = place_of(&entries[read - 1]);
    }
    return read;
}

struct feed_place feed_first(const struct feed *constant) {
    struct feed *feed = (struct feed *)constant;
    struct feed_place first = {0};
    pthread_mutex_lock(&feed->lock);
    if (feed->file_count)
        first = (struct feed_place){feed->files[0]->head.first_position, feed->files[0]->head.first_order};
    else if (feed->sealed < feed->published_end)
        first = place_of(chunk_entry(feed, feed->sealed));
    pthread_mutex_unlock(&feed->lock);
    return first;
}

/* Files are named from 1 on and go in that order. */
bool feed_dropped(const struct feed *constant) {
    struct feed *feed = (struct feed *)constant;
    pthread_mutex_lock(&feed->lock);
    bool dropped = feed->file_count ? feed->files[0]->head.sequence > 1 : feed->sealed_once;
    pthread_mutex_unlock(&feed->lock);
    return dropped;
}

uint64_t feed_published(const struct feed *constant) {
    struct feed *feed = (struct feed *)constant;
    pthread_mutex_lock(&feed->lock);
    uint64_t published = feed->published;
    pthread_mutex_unlock(&feed->lock);
    return published;
}

bool feed_wait(struct feed *feed, struct feed_place after, unsigned timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&feed->lock);
    while (place_compare(feed->newest, after) <= 0)
        if (pthread_cond_timedwait(&feed->moved, &feed->lock, &until) == ETIMEDOUT)
            break;
    bool reached = place_compare(feed->newest, after) > 0;
    pthread_mutex_unlock(&feed->lock);
    return reached;
}

/* --- searching --- */

struct search {
    uint32_t customer, subject;
    struct feed_entry *entries;
    size_t limit, found;
};

static bool wanted(const struct search *s, const struct feed_entry *e) {
    bool of_customer = s->customer == 0 || e->customer == s->customer ||
                       ((e->kind == FEED_MERGED || e->kind == FEED_PARTED) && e->subject == s->customer);
    bool of_subject = s->subject == 0 || (e->subject == s->subject && e->kind <= FEED_LEFT);
    return of_customer && of_subject;
}

static void search_run(struct search *s, const struct feed_entry *entries, size_t count) {
    for (size_t i = count; i-- > 0 && s->found < s->limit;) {
        if (wanted(s, &entries[i]))
            s->entries[s->found++] = entries[i];
    }
}

/* Under the lock: the file that holds the entry of number `number`, or NULL. */
static struct feed_file *file_of(const struct feed *feed, uint64_t number) {
    size_t low = 0, high = feed->file_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (feed->files[middle]->number + feed->files[middle]->head.count <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < feed->file_count && feed->files[low]->number <= number ? feed->files[low] : NULL;
}

/* Looks at entries before `end`, down to `stop`, of one chunk or file; returns the number it came down to. */
static uint64_t search_piece(struct feed *feed, struct search *s, uint64_t end, uint64_t stop) {
    pthread_mutex_lock(&feed->lock);
    struct feed_file *file = file_of(feed, end - 1);
    uint64_t from = stop;
    if (file) {
        file->references++;
        from = file->number;
    } else if (end > feed->sealed) {
        from = end - 1 - (end - 1 - feed->sealed) % feed->chunk_entries;
        from = from > stop ? from : stop;
        search_run(s, chunk_entry(feed, from), (size_t)(end - from));
    }
    pthread_mutex_unlock(&feed->lock);
    from = from > stop ? from : stop;
    if (file) {
        if (file_check(feed, file))
            search_run(s, file->entries + (from - file->number), (size_t)(end - from));
        let_go(feed, file);
    }
    return from;
}

/* Number of the first entry that is not before `before`. */
static uint64_t number_of(struct feed *feed, struct feed_place before) {
    struct feed_place after = before; /* the place just before it */
    if (after.order-- == 0)
        after.position--;
    pthread_mutex_lock(&feed->lock);
    struct feed_file *file = file_behind(feed, after);
    uint64_t number = file ? 0 : number_behind(feed, after);
    if (file)
        file->references++;
    pthread_mutex_unlock(&feed->lock);
    if (file) {
        number = file->number;
        if (file_check(feed, file))
            number += first_behind(file->entries, file->head.count, after);
        let_go(feed, file);
    }
    return number;
}

size_t feed_search_before(struct feed *feed, struct feed_place before, uint32_t customer, uint32_t subject,
                          size_t look_at, struct feed_entry *entries, size_t limit) {
    struct search s = {customer, subject, entries, limit, 0};
    uint64_t end = before.position || before.order ? number_of(feed, before) : 0;
    pthread_mutex_lock(&feed->lock);
    uint64_t oldest = feed->file_count ? feed->files[0]->number : feed->sealed;
    end = end < feed->published_end ? end : feed->published_end;
    pthread_mutex_unlock(&feed->lock);
    uint64_t stop = end > oldest && end - oldest > look_at ? end - look_at : oldest;
    while (end > stop && s.found < limit)
        end = search_piece(feed, &s, end, stop);
    return s.found;
}

size_t feed_search(struct feed *feed, uint32_t customer, uint32_t subject, size_t look_at, struct feed_entry *entries,
                   size_t limit) {
    return feed_search_before(feed, (struct feed_place){UINT64_MAX, UINT32_MAX}, customer, subject, look_at, entries,
                              limit);
}

/* --- saving --- */

struct feed_image {
    struct feed *feed;
    uint64_t end; /* number behind the last entry that is in it */
    uint64_t published;
};

struct feed_image *feed_freeze(struct feed *feed) {
    struct feed_image *image = memory_get(1, sizeof *image);
    assert(feed->published_end == feed->end); /* between batches */
    *image = (struct feed_image){feed, feed->end, feed->published};
    return image;
}

void feed_image_free(struct feed_image *image) { free(image); }

/* The run of entries from `from` on, before `end`, that lie in one chunk. Saving thread: nobody else takes chunks away. */
static const struct feed_entry *run_at(struct feed *feed, uint64_t from, uint64_t end, uint64_t *count) {
    pthread_mutex_lock(&feed->lock);
    const struct feed_entry *entries = chunk_entry(feed, from);
    pthread_mutex_unlock(&feed->lock);
    *count = feed->chunk_entries - (from - feed->sealed) % feed->chunk_entries;
    if (*count > end - from)
        *count = end - from;
    return entries;
}

static enum status write_entries(struct feed *feed, struct image_writer *writer, uint64_t from, uint64_t end,
                                 struct fault *fault) {
    enum status status = STATUS_OK;
    for (uint64_t count; !status && from < end; from += count) {
        const struct feed_entry *entries = run_at(feed, from, end, &count);
        status = image_write(writer, entries, count * sizeof *entries, fault);
    }
    return status;
}

static struct file_head head_of_next(struct feed *feed) {
    uint64_t from = feed->sealed, end = from + feed->file_entries;
    struct file_head head = {.sequence = feed->next_sequence, .count = feed->file_entries, .at_ms_max = INT64_MIN};
    for (uint64_t count; from < end; from += count) {
        const struct feed_entry *entries = run_at(feed, from, end, &count), *last = &entries[count - 1];
        if (from == feed->sealed) {
            head.first_position = entries->position;
            head.first_order = entries->order;
        }
        head.last_position = last->position;
        head.last_order = last->order;
        for (uint64_t i = 0; i < count; i++)
            head.at_ms_max = entries[i].at_ms > head.at_ms_max ? entries[i].at_ms : head.at_ms_max;
    }
    return head;
}

static enum status write_file(struct feed *feed, const struct file_head *head, struct fault *fault) {
    struct image_writer *writer;
    char *path = file_path(feed, head->sequence);
    enum status status = image_create(feed->os, path, &writer, fault);
    free(path);
    if (status)
        return status;
    status = image_add(writer, "head", head, sizeof *head, fault);
    if (!status)
        status = image_section(writer, "entries", fault);
    if (!status)
        status = write_entries(feed, writer, feed->sealed, feed->sealed + head->count, fault);
    if (!status)
        return image_finish(writer, NULL, fault);
    image_abandon(writer);
    return status;
}

/* Under the lock. */
static void list_file(struct feed *feed, struct feed_file *file) {
    if (feed->file_count == feed->file_room) {
        feed->file_room = feed->file_room ? feed->file_room * 2 : 16;
        feed->files = memory_resize(feed->files, feed->file_room, sizeof(struct feed_file *));
    }
    feed->files[feed->file_count++] = file;
}

/* The chunks of what now lies in `file` go. */
static void take_in(struct feed *feed, struct feed_file *file) {
    size_t gone = feed->file_entries / feed->chunk_entries;
    struct feed_entry **chunks = memory_get(gone, sizeof(struct feed_entry *));
    pthread_mutex_lock(&feed->lock);
    assert(gone <= feed->chunk_count);
    file->number = feed->sealed;
    feed->sealed_once = true;
    list_file(feed, file);
    memcpy(chunks, feed->chunks, gone * sizeof *chunks);
    feed->chunk_count -= gone;
    memmove(feed->chunks, feed->chunks + gone, feed->chunk_count * sizeof *chunks);
    feed->sealed += file->head.count;
    pthread_mutex_unlock(&feed->lock);
    for (size_t i = 0; i < gone; i++)
        free(chunks[i]);
    free(chunks);
}

static enum status seal_next(struct feed *feed, struct fault *fault) {
    struct feed_file *file;
    struct file_head head = head_of_next(feed);
    enum status status = write_file(feed, &head, fault);
    if (!status)
        status = file_open(feed, &head, &file, fault);
    if (status)
        return status;
    feed->next_sequence++;
    take_in(feed, file);
    return STATUS_OK;
}

/* Removes the oldest files, one after another for good, so that those that are missing are always the first ones. */
static enum status drop_old(struct feed *feed, int64_t now_ms, struct fault *fault) {
    enum status status = STATUS_OK;
    while (!status) {
        pthread_mutex_lock(&feed->lock);
        struct feed_file *file = feed->file_count ? feed->files[0] : NULL;
        if (file && file->head.at_ms_max < now_ms - feed->retention_ms)
            memmove(feed->files, feed->files + 1, --feed->file_count * sizeof(struct feed_file *));
        else
            file = NULL;
        pthread_mutex_unlock(&feed->lock);
        if (file == NULL)
            break;
        status = os_remove(feed->os, file->path, fault);
        if (!status)
            status = os_sync_folder(feed->os, feed->folder, fault);
        let_go(feed, file);
    }
    return status;
}

static enum status write_section(struct feed_image *image, struct image_writer *writer, struct fault *fault) {
    struct feed *feed = image->feed;
    struct feed_head head = {.version = FEED_VERSION,
                             .file_count = (uint32_t)feed->file_count,
                             .tail_count = image->end - feed->sealed,
                             .next_sequence = feed->next_sequence,
                             .published = image->published};
    enum status status = image_add(writer, "feed", &head, sizeof head, fault);
    for (size_t i = 0; !status && i < feed->file_count; i++)
        status = image_write(writer, &feed->files[i]->head, sizeof(struct file_head), fault);
    return status ? status : write_entries(feed, writer, feed->sealed, image->end, fault);
}

enum status feed_write(struct feed_image *image, struct image_writer *writer, int64_t now_ms, struct fault *fault) {
    struct feed *feed = image->feed;
    enum status status = STATUS_OK;
    while (!status && image->end - feed->sealed >= feed->file_entries)
        status = seal_next(feed, fault);
    if (!status)
        status = drop_old(feed, now_ms, fault);
    return status ? status : write_section(image, writer, fault);
}

enum status feed_save(struct feed *feed, struct image_writer *writer, int64_t now_ms, struct fault *fault) {
    struct feed_image *image = feed_freeze(feed);
    enum status status = feed_write(image, writer, now_ms, fault);
    feed_image_free(image);
    return status;
}

/* --- loading --- */

struct loading {
    struct feed_head head;
    const struct file_head *files;
    const struct feed_entry *tail;
};

static enum status damaged(const char *what, struct fault *fault) {
    return fault_set(fault, STATUS_DAMAGED, "the checkpoint's section \"feed\": %s", what);
}

static bool ascends(struct feed_place *last, struct feed_place next) {
    bool more = place_compare(*last, next) < 0;
    *last = next;
    return more;
}

static bool entry_known(const struct feed_entry *e) {
    return e->kind >= FEED_ENTERED && e->kind <= FEED_PARTED && e->cause && e->cause <= FEED_SPLIT;
}

static enum status check_section(const struct loading *l, struct fault *fault) {
    struct feed_place last = {0};
    uint64_t sequence = 0;
    for (uint32_t i = 0; i < l->head.file_count; i++) {
        const struct file_head *f = &l->files[i];
        if (f->sequence <= sequence || f->sequence >= l->head.next_sequence || f->count == 0)
            return damaged("a file's name or count makes no sense", fault);
        if (!ascends(&last, (struct feed_place){f->first_position, f->first_order}) ||
            (f->count > 1 && !ascends(&last, (struct feed_place){f->last_position, f->last_order})))
            return damaged("files do not ascend", fault);
        sequence = f->sequence;
    }
    for (uint64_t i = 0; i < l->head.tail_count; i++) {
        if (!entry_known(&l->tail[i]) || !ascends(&last, place_of(&l->tail[i])))
            return damaged("entries do not ascend", fault);
    }
    return last.position <= l->head.published ? STATUS_OK : damaged("it stands behind its entries", fault);
}

static enum status read_section(struct image *image, struct loading *l, struct fault *fault) {
    struct slice section;
    enum status status = image_find(image, "feed", true, &section, fault);
    if (status)
        return status;
    if (section.size < sizeof l->head)
        return damaged("it is too short", fault);
    memcpy(&l->head, section.data, sizeof l->head);
    uint64_t left = section.size - sizeof l->head, heads = (uint64_t)l->head.file_count * sizeof(struct file_head);
    if (l->head.version != FEED_VERSION || heads > left || (left - heads) % sizeof(struct feed_entry) ||
        (left - heads) / sizeof(struct feed_entry) != l->head.tail_count)
        return damaged("its head does not fit its size", fault);
    l->files = (const struct file_head *)(section.data + sizeof l->head);
    l->tail = (const struct feed_entry *)(section.data + sizeof l->head + heads);
    return check_section(l, fault);
}

static void forget_files(struct feed *feed) {
    while (feed->file_count)
        file_free(feed->files[--feed->file_count]);
}

/* A file that is missing was dropped by a checkpoint that never came into force, and those before it too (format, invariant 4). */
static enum status open_files(struct feed *feed, const struct loading *l, struct fault *fault) {
    enum status status = STATUS_OK;
    for (uint32_t i = 0; !status && i < l->head.file_count; i++) {
        struct feed_file *file;
        status = file_open(feed, &l->files[i], &file, fault);
        if (status == STATUS_NOT_FOUND) {
            status = feed->file_count ? fault_set(fault, STATUS_DAMAGED, "%s/%012llu.feed is missing", feed->folder,
                                                  (unsigned long long)l->files[i].sequence)
                                      : STATUS_OK;
        } else if (!status) {
            file->number = feed->sealed;
            feed->sealed += file->head.count;
            list_file(feed, file);
        }
    }
    if (status)
        forget_files(feed);
    return status;
}

struct sweep {
    const struct feed *feed;
    struct buffer names; /* each ended by a zero */
};

static void sweep_name(void *context, const char *name) {
    struct sweep *s = context;
    char own[40];
    bool known = false;
    for (size_t i = 0; i < s->feed->file_count && !known; i++) {
        snprintf(own, sizeof own, "%012llu.feed", (unsigned long long)s->feed->files[i]->head.sequence);
        known = strcmp(own, name) == 0;
    }
    if (!known)
        buffer_add(&s->names, name, strlen(name) + 1);
}

static enum status sweep_folder(struct feed *feed, struct fault *fault) {
    struct sweep s = {feed, {0}};
    struct buffer path = {0};
    enum status status = os_list(feed->os, feed->folder, sweep_name, &s, fault);
    for (size_t at = 0; !status && at < s.names.size; at += strlen(s.names.data + at) + 1) {
        buffer_clear(&path);
        buffer_print(&path, "%s/%s%c", feed->folder, s.names.data + at, 0);
        status = os_remove(feed->os, path.data, fault);
    }
    buffer_release(&path);
    buffer_release(&s.names);
    return status;
}

enum status feed_load(struct feed *feed, struct image *image, struct fault *fault) {
    struct loading l;
    assert(feed->end == 0 && feed->file_count == 0);
    enum status status = read_section(image, &l, fault);
    if (!status)
        status = open_files(feed, &l, fault);
    if (!status)
        status = sweep_folder(feed, fault);
    if (status)
        return status;
    feed->next_sequence = l.head.next_sequence;
    feed->sealed_once = l.head.next_sequence > 1;
    feed->end = feed->published_end = feed->sealed;
    if (feed->file_count) {
        const struct file_head *newest = &feed->files[feed->file_count - 1]->head;
        feed->last = (struct feed_place){newest->last_position, newest->last_order};
    }
    for (uint64_t i = 0; i < l.head.tail_count; i++)
        feed_add(feed, &l.tail[i]);
    feed->newest = feed->last;
    feed->published_end = feed->end;
    feed->published = l.head.published;
    return STATUS_OK;
}
