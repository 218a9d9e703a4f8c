/* memory: allocation that cannot return NULL, a growable buffer, and an arena.
 *
 * Running out of process memory is not an outcome anybody above can mend, so memory_get and friends stop the process
 * with a line; whatever is sized by input has a budget of its own and answers FULL long before. */
#ifndef ONEFOLD_BASE_MEMORY_H
#define ONEFOLD_BASE_MEMORY_H

#include "base/slice.h"
#include "base/status.h"

/* Zeroed memory of `count * size` bytes; overflow and exhaustion stop the process. Free with free(). */
void *memory_get(size_t count, size_t size);
/* Like realloc, never NULL; new bytes are not zeroed. */
void *memory_resize(void *old, size_t count, size_t size);
/* Not zeroed, for what is gone over as a whole: of some MiB it asks the system for large pages, so that the processor need not look up an
 * address for every 4 KiB. Free with free(). */
void *memory_get_large(size_t count, size_t size);
/* A zero-terminated copy of `text`; free with free(). */
char *memory_text(struct slice text);

/* buffer: growable bytes, one owner. `{0}` is an empty one. There are always 64 readable bytes past `size` once
 * anything was added (so that JSON can be parsed in place). */
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};
#define BUFFER_SLACK 64
void buffer_release(struct buffer *buffer);
static inline void buffer_clear(struct buffer *buffer) { buffer->size = 0; }
/* Room for `more` bytes past size (plus the slack); returns where they start. Does not change size. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_add(struct buffer *buffer, const void *data, size_t size);
static inline void buffer_add_slice(struct buffer *buffer, struct slice s) { buffer_add(buffer, s.data, s.size); }
void buffer_add_char(struct buffer *buffer, char c);
void buffer_print(struct buffer *buffer, const char *format, ...) PRINTF_LIKE(2, 3);
static inline struct slice buffer_slice(const struct buffer *buffer) {
    return (struct slice){buffer->data, buffer->size};
}

/* arena: many small things dropped at once. Blocks grow from 64 KiB; memory is 16-byte aligned and not zeroed.
 * Thread: one owner. */
struct arena_block;
struct arena {
    struct arena_block *block; /* newest first */
    size_t used;               /* in the newest block */
    size_t total_bytes;        /* capacity of all blocks */
};
void arena_release(struct arena *arena);
/* Empties it, keeping the largest block. */
void arena_reset(struct arena *arena);
void *arena_get(struct arena *arena, size_t size);
struct slice arena_copy(struct arena *arena, struct slice s);

#endif
