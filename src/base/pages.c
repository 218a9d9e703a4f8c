/* pages: see the header. Sizes up to CLASS_BYTES_MAX go by four steps between powers of two, with a list of free ones for each; larger ones
 * by multiples of it, free ones in one list that is walked: they are few. */
#include "base/pages.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/memory.h"

#define PAGE ((size_t)2 << 20)
#define SLAB_BYTES_MAX ((size_t)32 << 20)
#define CLASS_BYTES_MIN ((size_t)256)
#define CLASS_BYTES_MAX ((size_t)256 << 10)
#define CLASSES 64u

struct free_block {
    struct free_block *next;
    size_t bytes;
};

static struct {
    pthread_mutex_t lock;
    struct free_block *classes[CLASSES], *large;
    char *at; /* what is left of the newest slab, never used so far: zeroed */
    size_t left, slab_bytes;
} pages = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t step_of(size_t bytes) {
    unsigned bits = 63 - (unsigned)__builtin_clzll((unsigned long long)bytes - 1);
    return ((size_t)1 << bits) / 4;
}

static size_t rounded(size_t bytes) {
    size_t step =
        bytes > CLASS_BYTES_MAX ? CLASS_BYTES_MAX : step_of(bytes < CLASS_BYTES_MIN ? CLASS_BYTES_MIN : bytes);
    size_t more = bytes < CLASS_BYTES_MIN ? CLASS_BYTES_MIN : bytes;
    assert(more < SIZE_MAX - step);
    return (more + step - 1) / step * step;
}

/* Of a rounded size: four to a power of two. */
static unsigned class_of(size_t bytes) {
    unsigned bits = 63 - (unsigned)__builtin_clzll((unsigned long long)bytes - 1);
    unsigned class = bits * 4 + (unsigned)((bytes - 1) >> (bits - 2) & 3) - 7 * 4;
    assert(class < CLASSES);
    return class;
}

static void keep(void *memory, size_t bytes) {
    struct free_block *block = memory,
                      **list = bytes > CLASS_BYTES_MAX ? &pages.large : &pages.classes[class_of(bytes)];
    *block = (struct free_block){*list, bytes};
    *list = block;
}

static void *kept(size_t bytes) {
    struct free_block **list = bytes > CLASS_BYTES_MAX ? &pages.large : &pages.classes[class_of(bytes)];
    while (*list && (*list)->bytes != bytes)
        list = &(*list)->next;
    struct free_block *block = *list;
    if (block)
        *list = block->next;
    return block;
}

static void new_slab(size_t bytes) {
    size_t size = pages.slab_bytes ? pages.slab_bytes * 2 : PAGE;
    size = size > SLAB_BYTES_MAX ? SLAB_BYTES_MAX : size;
    while (size < bytes)
        size += PAGE;
    char *memory = mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        fprintf(stderr, "onefold: out of memory asking for %zu bytes\n", size);
        abort();
    }
    for (size_t most = CLASS_BYTES_MAX; most >= CLASS_BYTES_MIN; most /= 2) /* what was left before, in pieces */
        for (; pages.left >= most; pages.at += most, pages.left -= most)
            keep(pages.at, most);
    pages.at = (char *)(((uintptr_t)memory + PAGE - 1) / PAGE * PAGE);
    pages.left = size;
    pages.slab_bytes = size < SLAB_BYTES_MAX ? size : SLAB_BYTES_MAX;
    madvise(pages.at, size, MADV_HUGEPAGE); /* or small ones: slower */
}

static void *get(size_t bytes, bool zeroed) {
    size_t size = rounded(bytes);
    pthread_mutex_lock(&pages.lock);
    void *memory = kept(size);
    bool used = memory != NULL;
    if (!used) {
        if (pages.left < size)
            new_slab(size);
        memory = pages.at;
        pages.at += size;
        pages.left -= size;
    }
    pthread_mutex_unlock(&pages.lock);
    if (used && zeroed)
        memset(memory, 0, bytes);
    return memory;
}

#ifdef __SANITIZE_ADDRESS__
#define BY_MALLOC true
#else
#define BY_MALLOC false
#endif

void *pages_get(size_t bytes) { return BY_MALLOC ? memory_get(bytes, 1) : get(bytes, true); }

void *pages_take(size_t bytes) { return BY_MALLOC ? memory_resize(NULL, bytes, 1) : get(bytes, false); }

void pages_free(void *memory, size_t bytes) {
    if (BY_MALLOC || !memory) {
        free(BY_MALLOC ? memory : NULL);
        return;
    }
    pthread_mutex_lock(&pages.lock);
    keep(memory, rounded(bytes));
    pthread_mutex_unlock(&pages.lock);
}
