/* slice: a borrowed run of bytes. Never owns, never ends in zero by promise. */
#ifndef ONEFOLD_BASE_SLICE_H
#define ONEFOLD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *data;
    size_t size; /* bytes */
};

#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
#define SLICE_NONE ((struct slice){0})
/* For printf("%.*s", SLICE_ARG(s)). */
#define SLICE_ARG(s) (int)(s).size, (s).data

static inline struct slice slice_of(const void *data, size_t size) { return (struct slice){(const char *)data, size}; }
static inline struct slice slice_text(const char *text) { return (struct slice){text, text ? strlen(text) : 0}; }
static inline bool slice_equal(struct slice a, struct slice b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}
static inline bool slice_is(struct slice a, const char *text) { return slice_equal(a, slice_text(text)); }
static inline bool slice_starts(struct slice a, struct slice prefix) {
    return a.size >= prefix.size && (prefix.size == 0 || memcmp(a.data, prefix.data, prefix.size) == 0);
}
/* Bytewise order; a prefix comes first. */
static inline int slice_compare(struct slice a, struct slice b) {
    size_t common = a.size < b.size ? a.size : b.size;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.size > b.size) - (a.size < b.size);
}
/* Without ASCII blanks at both ends. */
static inline struct slice slice_trim(struct slice a) {
    while (a.size && ((unsigned char)a.data[0] <= ' ')) {
        a.data++;
        a.size--;
    }
    while (a.size && ((unsigned char)a.data[a.size - 1] <= ' '))
        a.size--;
    return a;
}

#endif
