/* log_segment: see the header for the contract and docs/formats/log.md for the bytes.
 *
 * Making one: header and length are written and synced under a ".new" name, then the name is given; so a file with a
 * segment's name always has a whole header, and anything else there is damage.
 *
 * Where do the last segment's records end? Groups are written one at a time, the next only after the sync of the one
 * before. So after the first bad record, whatever the crash left of the same group may follow in any order and with any
 * holes, but nothing of a later group can. Every record says how far back its group starts: one that is whole and whose
 * group starts after the bad record proves that the bad one was durable once, and is now damaged. Otherwise the tail is
 * torn, and is zeroed, so that no later crash can uncover it. */
#include "log/log_segment.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

#define ZERO_BYTES (1u << 20)
#define BLOCK_BYTES 4096

void segment_release(struct segment *segment) {
    free(segment->marks);
    *segment = (struct segment){0};
}

void segment_path(struct buffer *path, const char *folder, uint64_t first) {
    buffer_clear(path);
    buffer_print(path, "%s/%020llu.log", folder, (unsigned long long)first);
}

uint64_t segment_name_first(const char *name) {
    if (strspn(name, "0123456789") != 20 || strcmp(name + 20, ".log") != 0)
        return 0;
    uint64_t first = 0;
    for (int i = 0; i < 20; i++)
        if (__builtin_mul_overflow(first, 10u, &first) || __builtin_add_overflow(first, name[i] - '0', &first))
            return 0;
    return first;
}

void segment_mark_add(struct segment *segment, uint64_t position, uint64_t offset) {
    struct segment_mark *last = segment->mark_count ? &segment->marks[segment->mark_count - 1] : NULL;
    assert(!last || (position > last->position && offset > last->offset));
    if (offset < (last ? last->offset : SEGMENT_HEADER_BYTES) + MARK_BYTES)
        return;
    segment->marks = memory_resize(segment->marks, segment->mark_count + 1, sizeof *segment->marks);
    segment->marks[segment->mark_count++] = (struct segment_mark){position, offset};
}

uint64_t segment_mark_find(const struct segment *segment, uint64_t from) {
    size_t low = 0, high = segment->mark_count; /* the marks before `low` are at or before `from` */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (segment->marks[middle].position <= from)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? segment->marks[low - 1].offset : SEGMENT_HEADER_BYTES;
}

/* Ends the process for `why`. Comes back in the simulation alone, which then fails every call. */
static enum status stop(struct os *os, const struct fault *why, struct fault *fault) {
    os_stop(os, why->text);
    return fault_set(fault, STATUS_CLOSED, "%s", why->text);
}

enum status segment_sync(struct os *os, struct os_file *file, struct fault *fault) {
    struct fault local;
    return os_sync(os, file, &local) ? stop(os, &local, fault) : STATUS_OK;
}

enum status segment_zero(struct os *os, struct os_file *file, uint64_t from, uint64_t to, struct fault *fault) {
    static const char zeros[ZERO_BYTES];
    enum status status = STATUS_OK;
    while (from < to && !status) {
        size_t size = to - from < ZERO_BYTES ? to - from : ZERO_BYTES;
        status = os_write_at(os, file, zeros, size, from, fault);
        from += size;
    }
    return status;
}

static uint32_t header_crc(const struct segment_header *header) {
    return crc32c(0, header, offsetof(struct segment_header, crc));
}

/* Writes header and length under the name `aside`, synced. */
static enum status create_aside(struct os *os, const char *aside, const struct segment_header *header,
                                struct os_file **file, struct fault *fault) {
    char page[SEGMENT_HEADER_BYTES] = {0};
    memcpy(page, header, sizeof *header);
    enum status status = os_open(os, aside, OS_WRITE | OS_CREATE, file, fault);
    if (status)
        return status;
    status = os_truncate(os, *file, 0, fault); /* an earlier attempt may have left one */
    if (!status)
        status = os_allocate(os, *file, header->segment_bytes, fault);
    if (!status)
        status = os_write_at(os, *file, page, sizeof page, 0, fault);
    if (!status)
        status = segment_sync(os, *file, fault);
    if (status) {
        os_close(os, *file);
        *file = NULL;
        if (os_remove(os, aside, NULL)) {
            /* the next attempt or opening finds it */
        }
    }
    return status;
}

enum status segment_create(struct os *os, const char *folder, const struct segment_header *given, struct os_file **file,
                           struct segment *segment, struct fault *fault) {
    struct segment_header header = *given;
    header.magic = SEGMENT_MAGIC;
    header.version = SEGMENT_VERSION;
    header.crc = header_crc(&header);
    assert(header.first > header.previous_last && header.segment_bytes > SEGMENT_HEADER_BYTES); /* [L3] */
    struct buffer path = {0}, aside = {0};
    segment_path(&path, folder, header.first);
    buffer_print(&aside, "%s.new", path.data);
    enum status status = create_aside(os, aside.data, &header, file, fault);
    if (!status) {
        struct fault local;
        status = os_rename(os, aside.data, path.data, &local);
        if (!status)
            status = os_sync_folder(os, folder, &local);
        if (status) { /* whether the name is there is unknown: a second one beside it would break the chain */
            status = stop(os, &local, fault);
            os_close(os, *file);
            *file = NULL;
        }
    }
    if (!status)
        *segment = (struct segment){.header = header, .end = SEGMENT_HEADER_BYTES, .file_bytes = header.segment_bytes};
    buffer_release(&path);
    buffer_release(&aside);
    return status;
}

static enum status header_check(const struct segment_header *h, size_t got, uint64_t first, uint64_t file_bytes,
                                const char *path, struct fault *fault) {
    if (got < sizeof *h || h->magic != SEGMENT_MAGIC || h->crc != header_crc(h))
        return fault_set(fault, STATUS_DAMAGED, "%s: the segment header at offset 0 is damaged", path);
    if (h->version != SEGMENT_VERSION)
        return fault_set(fault, STATUS_DAMAGED, "%s: version %u at offset 8 is not known", path, h->version);
    if (h->first != first || h->first <= h->previous_last || h->first > POSITION_MAX ||
        h->segment_bytes <= SEGMENT_HEADER_BYTES || h->segment_bytes > SEGMENT_BYTES_MAX)
        return fault_set(fault, STATUS_DAMAGED, "%s: the segment header at offset 16 contradicts the file", path);
    if (file_bytes < h->segment_bytes || file_bytes > SEGMENT_BYTES_MAX + RECORD_LENGTH_MAX)
        return fault_set(fault, STATUS_DAMAGED, "%s: it is %llu bytes long, the header says %llu", path,
                         (unsigned long long)file_bytes, (unsigned long long)h->segment_bytes);
    return STATUS_OK;
}

enum status segment_open(struct os *os, const char *folder, uint64_t first, int flags, struct os_file **file,
                         struct segment *segment, struct fault *fault) {
    struct buffer path = {0};
    segment_path(&path, folder, first);
    *segment = (struct segment){0};
    size_t got = 0;
    enum status status = os_open(os, path.data, flags, file, fault);
    if (!status)
        status = os_size(os, *file, &segment->file_bytes, fault);
    if (!status)
        status = os_read_at(os, *file, &segment->header, sizeof segment->header, 0, &got, fault);
    if (!status)
        status = header_check(&segment->header, got, first, segment->file_bytes, path.data, fault);
    if (status) {
        os_close(os, *file);
        *file = NULL;
    }
    buffer_release(&path);
    return status;
}

/* A walk over a segment's bytes in memory. */
struct walk {
    const char *bytes;
    uint64_t size, at;
    uint64_t group; /* offset where the group of the last good record starts */
    uint64_t last;  /* last good position */
    uint32_t salt;
    struct record_header header; /* of the record at `at`, after walk_next said yes */
};

static struct record_header header_at(const struct walk *walk, uint64_t offset) {
    struct record_header header;
    memcpy(&header, walk->bytes + offset, sizeof header);
    return header;
}

static bool payload_whole(const struct walk *walk, uint64_t offset, const struct record_header *header) {
    return header->length <= walk->size - offset && crc32c(0, walk->bytes + offset + RECORD_HEADER_BYTES,
                                                           header->length - RECORD_HEADER_BYTES) == header->payload_crc;
}

/* Steps over the record at `at`; false where none is there whole. */
static bool walk_step(struct walk *walk) {
    if (walk->size - walk->at < RECORD_HEADER_BYTES)
        return false;
    struct record_header header = header_at(walk, walk->at);
    if (!record_header_valid(&header, walk->salt) || header.position <= walk->last) /* [L5] [L6] */
        return false;
    if (header.group_offset != 0 && walk->at - walk->group != header.group_offset) /* [L8] */
        return false;
    if (!payload_whole(walk, walk->at, &header) || record_padded(header.length) > walk->size - walk->at)
        return false;
    walk->group = walk->at - header.group_offset;
    walk->last = header.position;
    walk->at += record_padded(header.length);
    return true;
}

/* A record past `at` that belongs to a group written after the bytes at `at` were durable, or 0. */
static uint64_t later_group(const struct walk *walk) {
    for (uint64_t offset = walk->at + 8; offset + RECORD_HEADER_BYTES <= walk->size; offset += 8) {
        struct record_header header = header_at(walk, offset);
        if (record_header_valid(&header, walk->salt) && header.position > walk->last &&
            header.group_offset < offset - walk->at && payload_whole(walk, offset, &header))
            return offset;
    }
    return 0;
}

static bool all_zero(const char *bytes, size_t size) {
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Leaves out the zeros at the end, by the block: most of the last segment has not been written yet. */
static void walk_shorten(struct walk *walk) {
    while (walk->size > walk->at) {
        uint64_t block = (walk->size - walk->at - 1) % BLOCK_BYTES + 1;
        if (!all_zero(walk->bytes + walk->size - block, block))
            break;
        walk->size -= block;
    }
}

static enum status recover_bytes(struct os *os, struct os_file *file, struct segment *segment, struct walk *walk,
                                 const char *path, struct fault *fault) {
    for (;;) {
        uint64_t start = walk->at;
        if (!walk_step(walk))
            break;
        if (walk->group == start)
            segment_mark_add(segment, walk->last, start);
    }
    walk_shorten(walk);
    uint64_t later = later_group(walk);
    if (later)
        return fault_set(fault, STATUS_DAMAGED,
                         "%s: the record at offset %llu is damaged (later ones, at offset %llu, are whole)", path,
                         (unsigned long long)walk->at, (unsigned long long)later);
    if (walk->at == walk->size)
        return STATUS_OK;
    enum status status = segment_zero(os, file, walk->at, walk->size, fault); /* [L9] */
    return status ? status : segment_sync(os, file, fault);
}

/* Reads the file as the disk has it. What a killed process wrote is made durable first; what a failed sync lost, though
 * the system still shows it, is not taken for there. */
static enum status read_durable(struct os *os, struct os_file *file, uint64_t size, struct buffer *bytes, size_t *got,
                                struct fault *fault) {
    enum status status = segment_sync(os, file, fault);
    if (!status)
        status = os_drop_cache(os, file, fault);
    return status ? status : os_read_at(os, file, buffer_reserve(bytes, size), size, 0, got, fault);
}

enum status segment_recover(struct os *os, const char *folder, struct os_file *file, struct segment *segment,
                            uint64_t *last, struct fault *fault) {
    struct buffer bytes = {0}, path = {0};
    size_t got = 0;
    enum status status = read_durable(os, file, segment->file_bytes, &bytes, &got, fault);
    struct walk walk = {.bytes = bytes.data,
                        .size = got & ~(size_t)7,
                        .at = SEGMENT_HEADER_BYTES,
                        .group = SEGMENT_HEADER_BYTES,
                        .last = segment->header.first - 1,
                        .salt = segment->header.salt};
    segment_path(&path, folder, segment->header.first);
    if (!status && got < segment->file_bytes)
        status = fault_set(fault, STATUS_IO, "%s became shorter while it was read", path.data);
    if (!status)
        status = recover_bytes(os, file, segment, &walk, path.data, fault);
    if (!status) {
        segment->end = walk.at;
        *last = walk.at > SEGMENT_HEADER_BYTES ? walk.last : 0;
    }
    buffer_release(&bytes);
    buffer_release(&path);
    return status;
}
