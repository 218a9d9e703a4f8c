/* path_book: an open-addressed table over entries and codes that grow by doubling. A hash of 64 bits is kept in the entry, so that growing
 * reads no codes, and codes are compared only where the whole hash agrees. Of up to SHORT codes the hash is a bijection of them, so that
 * they need not be compared at all: most paths are short. */
#include "insight/path_book.h"

#include <assert.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/memory.h"

static void rehash(struct path_book *book, size_t slot_count) {
    free(book->slots);
    book->slots = memory_get(slot_count, sizeof *book->slots);
    book->slot_count = slot_count;
    for (size_t i = 0; i < book->count; i++) {
        size_t at = book->entries[i].hash & (slot_count - 1);
        while (book->slots[at])
            at = (at + 1) & (slot_count - 1);
        book->slots[at] = (uint32_t)i + 1;
    }
}

static void make_room(struct path_book *book, size_t codes) {
    if (book->count == book->room) {
        book->room = book->room ? book->room * 2 : 256;
        book->entries = memory_resize(book->entries, book->room, sizeof *book->entries);
    }
    if (book->code_count + codes > book->code_room) {
        book->code_room = (book->code_count + codes) * 2;
        book->codes = memory_resize(book->codes, book->code_room, 1);
    }
    if (2 * (book->count + 1) > book->slot_count)
        rehash(book, book->slot_count ? book->slot_count * 2 : 1024);
}

static struct path_entry *entry_new(struct path_book *book, size_t slot, uint64_t hash, const uint8_t *codes,
                                    size_t length) {
    struct path_entry *e = &book->entries[book->count];
    *e = (struct path_entry){.hash = hash, .at = (uint32_t)book->code_count, .length = (uint32_t)length};
    if (length)
        memcpy(book->codes + book->code_count, codes, length);
    book->code_count += length;
    book->slots[slot] = (uint32_t)++book->count;
    return e;
}

#define SHORT 8

static uint64_t hash_of(const uint8_t *codes, size_t length) {
    if (length > SHORT)
        return hash_bytes(slice_of(codes, length), 0);
    uint64_t packed = 0;
    for (size_t i = 0; i < length; i++)
        packed = packed << 8 | codes[i];
    return hash_mix(packed);
}

static bool same(const struct path_book *book, const struct path_entry *e, const uint8_t *codes, size_t length) {
    return e->length == length && (length <= SHORT || memcmp(path_codes(book, e), codes, length) == 0);
}

static struct path_entry *entry_of(struct path_book *book, uint64_t hash, const uint8_t *codes, size_t length) {
    make_room(book, length);
    size_t at = hash & (book->slot_count - 1);
    for (; book->slots[at]; at = (at + 1) & (book->slot_count - 1)) {
        struct path_entry *e = &book->entries[book->slots[at] - 1];
        if (e->hash == hash && same(book, e, codes, length))
            return e;
    }
    if (book->count == (book->most ? book->most : PATH_BOOK_MAX) || book->code_count + length > UINT32_MAX)
        return NULL;
    return entry_new(book, at, hash, codes, length);
}

static bool add(struct path_book *book, uint64_t hash, const uint8_t *codes, size_t length, uint64_t conversions,
                uint64_t misses, __int128 value) {
    struct path_entry *e = entry_of(book, hash, codes, length);
    if (!e) {
        book->lost += conversions + misses;
        return false;
    }
    e->conversions += conversions;
    e->misses += misses;
    e->value += value;
    return true;
}

bool path_book_add(struct path_book *book, const uint8_t *codes, size_t length, uint64_t conversions, uint64_t misses,
                   __int128 value) {
    assert(length <= PATH_CODES_MAX);
    return add(book, hash_of(codes, length), codes, length, conversions, misses, value);
}

static bool add_mapped(struct path_book *book, const uint8_t *codes, const struct path_entry *e, const uint8_t *map) {
    uint8_t mapped[PATH_CODES_MAX];
    for (size_t i = 0; i < e->length; i++)
        mapped[i] = map[codes[i]];
    return add(book, hash_of(mapped, e->length), mapped, e->length, e->conversions, e->misses, e->value);
}

bool path_book_merge(struct path_book *book, const struct path_book *from, const uint8_t *map) {
    bool all = from->lost == 0;
    book->lost += from->lost;
    for (size_t i = 0; i < from->count; i++) {
        const struct path_entry *e = &from->entries[i];
        const uint8_t *codes = path_codes(from, e);
        bool added = map ? add_mapped(book, codes, e, map)
                         : add(book, e->hash, codes, e->length, e->conversions, e->misses, e->value);
        all = added && all;
    }
    return all;
}

static int by_codes(const void *a, const void *b, void *context) {
    const struct path_book *book = context;
    const struct path_entry *x = a, *y = b;
    return slice_compare(slice_of(path_codes(book, x), x->length), slice_of(path_codes(book, y), y->length));
}

void path_book_sort(struct path_book *book) {
    if (book->count)
        qsort_r(book->entries, book->count, sizeof *book->entries, by_codes, book);
    free(book->slots);
    book->slots = NULL;
    book->slot_count = 0;
}

void path_book_release(struct path_book *book) {
    free(book->entries);
    free(book->codes);
    free(book->slots);
    *book = (struct path_book){0};
}
