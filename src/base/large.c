/* large: see the header. A slab is cut from its beginning on and never again before it is free as a whole: addresses are plenty. */
#include "base/large.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/memory.h"

#define SMALL_PAGE ((size_t)4 << 10)
#define LARGE_PAGE ((size_t)2 << 20)
#define SLAB_BYTES ((size_t)64 << 20)

struct slab {
    struct slab *next;
    char *mapped; /* mapped_bytes of address space */
    size_t mapped_bytes;
    char *from, *at, *end; /* pieces lie in [from, at); aligned to large pages but for at */
    size_t live;           /* bytes of pieces that were not given back */
};

static struct {
    pthread_mutex_t lock;
    struct slab *slabs; /* the first is cut from */
} large = {.lock = PTHREAD_MUTEX_INITIALIZER};

static size_t rounded(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

static struct slab *new_slab(size_t bytes) {
    size_t size = bytes > SLAB_BYTES ? rounded(bytes, LARGE_PAGE) : SLAB_BYTES;
    void *mapped =
        mmap(NULL, size + LARGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED)
        return NULL;
    struct slab *slab = memory_get(1, sizeof *slab);
    slab->mapped = mapped;
    slab->mapped_bytes = size + LARGE_PAGE;
    slab->from = slab->at = (char *)(rounded((uintptr_t)mapped, LARGE_PAGE));
    slab->end = slab->from + size;
    madvise(slab->from, size, MADV_HUGEPAGE); /* or small ones: slower */
    slab->next = large.slabs;
    large.slabs = slab;
    return slab;
}

static void *take(size_t size) {
    pthread_mutex_lock(&large.lock);
    struct slab *slab = large.slabs;
    if (!slab || (size_t)(slab->end - slab->at) < size)
        slab = new_slab(size);
    char *memory = slab ? slab->at : NULL;
    if (slab) {
        slab->at += size;
        slab->live += size;
    }
    pthread_mutex_unlock(&large.lock);
    return memory;
}

static void give_back(char *memory, size_t size) {
    pthread_mutex_lock(&large.lock);
    struct slab **at = &large.slabs;
    while (*at && !(memory >= (*at)->from && memory < (*at)->at))
        at = &(*at)->next;
    struct slab *slab = *at;
    assert(slab && slab->live >= size);
    slab->live -= size;
    if (slab->live) {
        int failed = madvise(memory, size, MADV_DONTNEED);
        assert(!failed);
        (void)failed;
    } else {
        *at = slab->next;
        munmap(slab->mapped, slab->mapped_bytes);
        free(slab);
    }
    pthread_mutex_unlock(&large.lock);
}

#ifdef __SANITIZE_ADDRESS__
#define BY_MALLOC true
#else
#define BY_MALLOC false
#endif

void *large_take(size_t bytes) {
    assert(bytes && bytes < SIZE_MAX / 2);
    return BY_MALLOC ? malloc(bytes) : take(rounded(bytes, SMALL_PAGE));
}

void large_free(void *memory, size_t bytes) {
    if (BY_MALLOC)
        free(memory);
    else if (memory)
        give_back(memory, rounded(bytes, SMALL_PAGE));
}
