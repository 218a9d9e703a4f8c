/* image: see the header for the contract, docs/formats/image.md for the bytes.
 *
 * The writer gathers small pieces in one buffer and writes it in large blocks; a section's CRC runs along as its bytes
 * pass. The directory is written sorted by name, so that a reader finds a section by halving and two of one name cannot
 * hide. The first failure sticks: later calls return it again and image_finish removes the half-written file. */
#include "os/image.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"

#define MAGIC "ONEFIMG1"
#define ALIGNMENT 64
#define NAME_BYTES 48
#define BLOCK_BYTES ((size_t)1 << 20)

struct image_entry {
    char name[NAME_BYTES]; /* ended and padded by zeros */
    uint64_t offset, size;
    uint32_t crc;
    uint32_t reserved;
};
_Static_assert(sizeof(struct image_entry) == 72, "on disk");

struct image_head {
    char magic[8];
    char zeros[56];
};
_Static_assert(sizeof(struct image_head) == ALIGNMENT, "on disk");

struct image_trailer {
    uint64_t directory_offset, directory_size; /* bytes */
    uint64_t file_bytes;
    uint32_t directory_crc;
    uint32_t trailer_crc; /* of the trailer with this field zero */
    char zeros[24];
    char magic[8];
};
_Static_assert(sizeof(struct image_trailer) == 64, "on disk");

static uint32_t trailer_crc(struct image_trailer trailer) {
    trailer.trailer_crc = 0;
    return crc32c(0, &trailer, sizeof trailer);
}

/* --- writing --- */

struct image_writer {
    struct os *os;
    struct os_file *file;
    char *path, *path_new;
    struct buffer pending;  /* not yet written */
    uint64_t written;       /* bytes in the file; pending starts there */
    struct buffer sections; /* struct image_entry each; the last one is open */
    struct fault failed;    /* the first failure; status OK until then */
};

static char *path_with_suffix(const char *path, const char *suffix) {
    struct buffer text = {0};
    buffer_print(&text, "%s%s", path, suffix);
    buffer_add_char(&text, 0);
    return text.data;
}

static void writer_free(struct image_writer *w) {
    if (w->file)
        os_close(w->os, w->file);
    buffer_release(&w->pending);
    buffer_release(&w->sections);
    free(w->path);
    free(w->path_new);
    free(w);
}

enum status image_create(struct os *os, const char *path, struct image_writer **writer, struct fault *fault) {
    struct image_writer *w = memory_get(1, sizeof *w);
    w->os = os;
    w->path = path_with_suffix(path, "");
    w->path_new = path_with_suffix(path, ".new");
    enum status status = os_open(os, w->path_new, OS_WRITE | OS_CREATE, &w->file, fault);
    if (status == STATUS_OK)
        status = os_truncate(os, w->file, 0, fault);
    if (status != STATUS_OK) {
        writer_free(w);
        return status;
    }
    struct image_head head = {MAGIC, {0}};
    buffer_add(&w->pending, &head, sizeof head);
    *writer = w;
    return STATUS_OK;
}

/* Passes on the failure that stuck, or writes what is pending. */
static enum status write_pending(struct image_writer *w, struct fault *fault) {
    if (w->failed.status == STATUS_OK && w->pending.size) {
        w->failed.status = os_write_at(w->os, w->file, w->pending.data, w->pending.size, w->written, &w->failed);
        w->written += w->pending.size;
        buffer_clear(&w->pending);
    }
    return w->failed.status ? fault_set(fault, w->failed.status, "%s", w->failed.text) : STATUS_OK;
}

static enum status write_bytes(struct image_writer *w, const void *data, size_t size, struct fault *fault) {
    if (w->failed.status != STATUS_OK)
        return write_pending(w, fault);
    if (size >= BLOCK_BYTES) {
        enum status status = write_pending(w, fault);
        if (status != STATUS_OK)
            return status;
        w->failed.status = os_write_at(w->os, w->file, data, size, w->written, &w->failed);
        w->written += size;
        return write_pending(w, fault);
    }
    buffer_add(&w->pending, data, size);
    return w->pending.size >= BLOCK_BYTES ? write_pending(w, fault) : STATUS_OK;
}

static struct image_entry *open_section(struct image_writer *w) {
    return w->sections.size ? (struct image_entry *)(w->sections.data + w->sections.size) - 1 : NULL;
}

static enum status write_padding(struct image_writer *w, struct fault *fault) {
    static const char zeros[ALIGNMENT];
    uint64_t at = w->written + w->pending.size;
    return write_bytes(w, zeros, (ALIGNMENT - at % ALIGNMENT) % ALIGNMENT, fault);
}

enum status image_section(struct image_writer *w, const char *name, struct fault *fault) {
    struct image_entry entry = {0};
    assert(strlen(name) >= 1 && strlen(name) < sizeof entry.name);
    enum status status = write_padding(w, fault);
    if (status != STATUS_OK)
        return status;
    memcpy(entry.name, name, strlen(name));
    entry.offset = w->written + w->pending.size;
    assert(entry.offset % ALIGNMENT == 0);
    buffer_add(&w->sections, &entry, sizeof entry);
    return STATUS_OK;
}

enum status image_write(struct image_writer *w, const void *data, size_t size, struct fault *fault) {
    struct image_entry *entry = open_section(w);
    assert(entry || w->failed.status != STATUS_OK);
    if (entry) {
        entry->crc = crc32c(entry->crc, data, size);
        entry->size += size;
    }
    return write_bytes(w, data, size, fault);
}

enum status image_add(struct image_writer *w, const char *name, const void *data, size_t size, struct fault *fault) {
    enum status status = image_section(w, name, fault);
    return status == STATUS_OK ? image_write(w, data, size, fault) : status;
}

static int by_name(const void *a, const void *b) {
    return memcmp(((const struct image_entry *)a)->name, ((const struct image_entry *)b)->name, NAME_BYTES);
}

static enum status write_directory(struct image_writer *w, struct fault *fault) {
    struct image_entry *entries = (struct image_entry *)w->sections.data;
    size_t count = w->sections.size / sizeof *entries;
    if (count)
        qsort(entries, count, sizeof *entries, by_name);
    for (size_t i = 1; i < count; i++)
        assert(by_name(&entries[i - 1], &entries[i]) < 0); /* names are unique */
    enum status status = write_padding(w, fault);
    struct image_trailer trailer = {.directory_offset = w->written + w->pending.size,
                                    .directory_size = w->sections.size,
                                    .directory_crc = crc32c(0, w->sections.data, w->sections.size),
                                    .magic = MAGIC};
    trailer.file_bytes = trailer.directory_offset + trailer.directory_size + sizeof trailer;
    trailer.trailer_crc = trailer_crc(trailer);
    if (status == STATUS_OK)
        status = write_bytes(w, w->sections.data, w->sections.size, fault);
    if (status == STATUS_OK)
        status = write_bytes(w, &trailer, sizeof trailer, fault);
    if (status == STATUS_OK)
        status = write_pending(w, fault);
    assert(status != STATUS_OK || w->written == trailer.file_bytes);
    return status;
}

static enum status sync_folder_of(struct os *os, const char *path, struct fault *fault) {
    const char *slash = strrchr(path, '/');
    char *folder = memory_text(slash == path ? SLICE("/")
                               : slash       ? slice_of(path, (size_t)(slash - path))
                                             : SLICE("."));
    enum status status = os_sync_folder(os, folder, fault);
    free(folder);
    return status;
}

enum status image_finish(struct image_writer *w, uint64_t *bytes, struct fault *fault) {
    enum status status = write_directory(w, fault);
    if (status == STATUS_OK)
        status = os_sync(w->os, w->file, fault);
    if (status == STATUS_OK)
        status = os_rename(w->os, w->path_new, w->path, fault);
    if (status != STATUS_OK) {
        image_abandon(w);
        return status;
    }
    status = sync_folder_of(w->os, w->path, fault);
    if (bytes)
        *bytes = w->written;
    writer_free(w);
    return status;
}

void image_abandon(struct image_writer *w) {
    struct fault ignored;
    os_close(w->os, w->file);
    w->file = NULL;
    if (os_remove(w->os, w->path_new, &ignored) != STATUS_OK) {
        /* a leftover: the next image_create of this path empties it */
    }
    writer_free(w);
}

/* --- reading --- */

struct image {
    struct os *os;
    char *path;
    const char *data; /* mapped, or another's memory */
    bool mapped;
    uint64_t size;
    const struct image_entry *entries;
    size_t count;
    bool *checked; /* [count] */
};

static enum status damaged(const struct image *image, uint64_t offset, const char *what, struct fault *fault) {
    return fault_set(fault, STATUS_DAMAGED, "%s: damaged at offset %llu: %s", image->path, (unsigned long long)offset,
                     what);
}

static enum status check_trailer(const struct image *image, struct image_trailer *trailer, struct fault *fault) {
    uint64_t at = image->size - sizeof *trailer;
    memcpy(trailer, image->data + at, sizeof *trailer);
    if (memcmp(image->data, MAGIC, 8) != 0)
        return damaged(image, 0, "this is no image file", fault);
    if (memcmp(trailer->magic, MAGIC, 8) != 0 || trailer->trailer_crc != trailer_crc(*trailer))
        return damaged(image, at, "the trailer is not whole", fault);
    if (trailer->file_bytes != image->size || trailer->directory_offset % ALIGNMENT ||
        trailer->directory_size % sizeof(struct image_entry) || trailer->directory_offset < sizeof(struct image_head) ||
        trailer->directory_offset > at || trailer->directory_size != at - trailer->directory_offset)
        return damaged(image, at, "the directory does not fit the file", fault);
    return STATUS_OK;
}

static enum status check_directory(struct image *image, const struct image_trailer *trailer, struct fault *fault) {
    uint64_t end = trailer->directory_offset;
    image->entries = (const struct image_entry *)(image->data + end);
    image->count = trailer->directory_size / sizeof *image->entries;
    if (crc32c(0, image->entries, trailer->directory_size) != trailer->directory_crc)
        return damaged(image, end, "the directory's checksum is wrong", fault);
    for (size_t i = 0; i < image->count; i++) {
        const struct image_entry *e = &image->entries[i];
        bool fits = e->offset % ALIGNMENT == 0 && e->offset >= sizeof(struct image_head) && e->offset <= end &&
                    e->size <= end - e->offset;
        bool named = e->name[0] && e->name[NAME_BYTES - 1] == 0 && (i == 0 || by_name(e - 1, e) < 0);
        if (!fits || !named)
            return damaged(image, end + i * sizeof *e, "a directory entry makes no sense", fault);
    }
    image->checked = memory_get(image->count, sizeof *image->checked);
    return STATUS_OK;
}

static enum status map_whole(struct image *image, struct fault *fault) {
    struct os_file *file;
    const void *at = NULL;
    enum status status = os_open(image->os, image->path, OS_READ, &file, fault);
    if (status != STATUS_OK)
        return status;
    status = os_size(image->os, file, &image->size, fault);
    if (status == STATUS_OK && image->size < sizeof(struct image_head) + sizeof(struct image_trailer))
        status = damaged(image, image->size, "the file is too short", fault);
    if (status == STATUS_OK)
        status = os_map(image->os, file, image->size, &at, fault);
    os_close(image->os, file);
    image->data = at;
    image->mapped = at != NULL;
    return status;
}

enum status image_open(struct os *os, const char *path, struct image **image, struct fault *fault) {
    struct image *made = memory_get(1, sizeof *made);
    struct image_trailer trailer;
    made->os = os;
    made->path = path_with_suffix(path, "");
    enum status status = map_whole(made, fault);
    if (status == STATUS_OK)
        status = check_trailer(made, &trailer, fault);
    if (status == STATUS_OK)
        status = check_directory(made, &trailer, fault);
    if (status != STATUS_OK) {
        image_close(made);
        return status;
    }
    *image = made;
    return STATUS_OK;
}

struct image *image_copy(const struct image *image, void *memory) {
    struct image *copy = memory_get(1, sizeof *copy);
    *copy = *image;
    copy->mapped = false;
    copy->path = path_with_suffix(image->path, "");
    copy->data = memcpy(memory, image->data, image->size);
    copy->entries =
        (const struct image_entry *)(copy->data + ((const char *)image->entries - image->data)); /* in the data */
    copy->checked = memory_get(image->count, sizeof *copy->checked);
    memcpy(copy->checked, image->checked, image->count * sizeof *copy->checked);
    return copy;
}

void image_close(struct image *image) {
    if (!image)
        return;
    if (image->mapped)
        os_unmap(image->os, image->data, image->size);
    free(image->checked);
    free(image->path);
    free(image);
}

enum status image_find(struct image *image, const char *name, bool check, struct slice *section, struct fault *fault) {
    struct image_entry want = {0};
    assert(strlen(name) >= 1 && strlen(name) < sizeof want.name);
    memcpy(want.name, name, strlen(name));
    const struct image_entry *found =
        image->count ? bsearch(&want, image->entries, image->count, sizeof want, by_name) : NULL;
    if (!found)
        return fault_set(fault, STATUS_NOT_FOUND, "%s: no section \"%s\"", image->path, name);
    const char *data = image->data + found->offset;
    bool *checked = &image->checked[found - image->entries];
    if (check && !*checked && crc32c(0, data, found->size) != found->crc)
        return fault_set(fault, STATUS_DAMAGED,
                         "%s: damaged: section \"%s\" at offset %llu, %llu bytes: its checksum is wrong", image->path,
                         name, (unsigned long long)found->offset, (unsigned long long)found->size);
    *checked = *checked || check;
    *section = (struct slice){data, found->size};
    return STATUS_OK;
}

uint64_t image_bytes(const struct image *image) { return image->size; }
const char *image_data(const struct image *image) { return image->data; }
