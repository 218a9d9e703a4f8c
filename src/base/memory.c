/* memory: see the header for the contract. */
#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static void exhausted(size_t size) {
    fprintf(stderr, "onefold: out of memory asking for %zu bytes\n", size);
    abort();
}

static size_t product(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes))
        exhausted(SIZE_MAX);
    return bytes ? bytes : 1;
}

void *memory_get(size_t count, size_t size) {
    size_t bytes = product(count, size);
    void *got = calloc(1, bytes);
    if (!got)
        exhausted(bytes);
    return got;
}

#define LARGE_BYTES ((size_t)4 << 20)
#define LARGE_PAGE ((size_t)2 << 20)

void *memory_get_large(size_t count, size_t size) {
    size_t bytes = product(count, size);
    void *got = bytes < LARGE_BYTES ? malloc(bytes) : NULL;
    if (bytes >= LARGE_BYTES && bytes < SIZE_MAX - LARGE_PAGE &&
        !posix_memalign(&got, LARGE_PAGE, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE))
        madvise(got, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE, MADV_HUGEPAGE); /* or small ones: slower */
    if (!got)
        exhausted(bytes);
    return got;
}

void *memory_resize(void *old, size_t count, size_t size) {
    size_t bytes = product(count, size);
    void *got = realloc(old, bytes);
    if (!got)
        exhausted(bytes);
    return got;
}

char *memory_text(struct slice text) {
    char *copy = memory_get(text.size + 1, 1);
    if (text.size)
        memcpy(copy, text.data, text.size);
    return copy;
}

void buffer_release(struct buffer *buffer) {
    free(buffer->data);
    *buffer = (struct buffer){0};
}

char *buffer_reserve(struct buffer *buffer, size_t more) {
    size_t need = buffer->size + more + BUFFER_SLACK;
    assert(need >= more);
    if (need > buffer->capacity) {
        size_t grown = buffer->capacity + buffer->capacity / 2;
        buffer->capacity = grown > need ? grown : need < 256 ? 256 : need;
        buffer->data = memory_resize(buffer->data, buffer->capacity, 1);
    }
    return buffer->data + buffer->size;
}

void buffer_add(struct buffer *buffer, const void *data, size_t size) {
    char *at = buffer_reserve(buffer, size);
    if (size)
        memcpy(at, data, size);
    buffer->size += size;
}

void buffer_add_char(struct buffer *buffer, char c) {
    *buffer_reserve(buffer, 1) = c;
    buffer->size++;
}

void buffer_print(struct buffer *buffer, const char *format, ...) {
    va_list arguments, again;
    assert(format);
    va_start(arguments, format);
    va_copy(again, arguments);
    int need = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    assert(need >= 0);
    vsnprintf(buffer_reserve(buffer, (size_t)need + 1), (size_t)need + 1, format, again);
    va_end(again);
    buffer->size += (size_t)need;
}

struct arena_block {
    struct arena_block *older;
    size_t capacity;
    _Alignas(16) char bytes[];
};

void arena_release(struct arena *arena) {
    while (arena->block) {
        struct arena_block *older = arena->block->older;
        free(arena->block);
        arena->block = older;
    }
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena) {
    struct arena_block *keep = arena->block; /* blocks double, so the newest is the largest */
    if (keep) {
        struct arena_block *older = keep->older;
        keep->older = NULL;
        while (older) {
            struct arena_block *next = older->older;
            free(older);
            older = next;
        }
        arena->total_bytes = keep->capacity;
    }
    arena->used = 0;
}

void *arena_get(struct arena *arena, size_t size) {
    size = (size + 15) & ~(size_t)15;
    if (!arena->block || arena->block->capacity - arena->used < size) {
        size_t capacity = arena->block ? arena->block->capacity * 2 : (size_t)64 << 10;
        while (capacity < size)
            capacity *= 2;
        struct arena_block *block = malloc(sizeof *block + capacity);
        if (!block)
            exhausted(capacity);
        block->older = arena->block;
        block->capacity = capacity;
        arena->block = block;
        arena->used = 0;
        arena->total_bytes += capacity;
    }
    void *got = arena->block->bytes + arena->used;
    arena->used += size;
    return got;
}

struct slice arena_copy(struct arena *arena, struct slice s) {
    char *copy = arena_get(arena, s.size + 1);
    if (s.size)
        memcpy(copy, s.data, s.size);
    copy[s.size] = 0;
    return (struct slice){copy, s.size};
}
