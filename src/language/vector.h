/* vector: values of a frame's elements (customers, rows, items) side by side, as the evaluator makes them. */
#ifndef ONEFOLD_LANGUAGE_VECTOR_H
#define ONEFOLD_LANGUAGE_VECTOR_H

#include "history/range.h"
#include "language/number.h"

/* Elements of a list: rows of the first column of `rows`. */
struct list_part {
    const struct range_column *column; /* NULL: none */
    uint32_t first, end;
};

enum vector_form {
    VECTOR_NUMBERS, /* integers over 10^scale; times, dates and bools too */
    VECTOR_MIXED,   /* each with its own scale */
    VECTOR_TEXTS,
    VECTOR_LISTS
};
struct vector {
    uint8_t form;
    uint8_t scale;
    uint8_t type;            /* enum term_type */
    size_t mask;             /* element i stands at i & mask: 0 where all have the same value */
    const uint64_t *present; /* NULL: all have a value */
    union {
        int64_t *integers; /* of VECTOR_MIXED doubles' bits where the scale says so */
        struct slice *texts;
        struct list_part *lists;
    };
    uint8_t *scales;
};
static inline bool bit_of(const uint64_t *bits, size_t i) { return bits[i / 64] >> (i % 64) & 1; }
static inline void bit_set(uint64_t *bits, size_t i) { bits[i / 64] |= (uint64_t)1 << (i % 64); }
static inline void bit_clear(uint64_t *bits, size_t i) { bits[i / 64] &= ~((uint64_t)1 << (i % 64)); }
static inline bool vector_has(const struct vector *v, size_t i) {
    return !v->present || bit_of(v->present, i & v->mask);
}
static inline struct number vector_number(const struct vector *v, size_t i) {
    i &= v->mask;
    return (struct number){.integer = v->integers[i], .scale = v->form == VECTOR_MIXED ? v->scales[i] : v->scale};
}

#endif
