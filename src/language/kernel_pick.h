/* kernel_pick: from rows that are in to their groups, for levels that compare sixteen numbers of two bytes at once.
 *
 * The groups of the rows that are in are written one behind the other. They ascend, so a group has `least` rows where a number is that of
 * `least - 1` places before: nothing is counted, and only groups that have as many are looked at one by one. kernel_inside.h has the plain
 * twins, which count: the scalar level's, and everybody's for more than KERNEL_PICK_LEAST. */
#ifndef ONEFOLD_LANGUAGE_KERNEL_PICK_H
#define ONEFOLD_LANGUAGE_KERNEL_PICK_H

#include "language/kernel_inside.h"

#define KERNEL_PICK_LEAST 64
#define KERNEL_PICK_WORDS 32 /* of bits at a time: a piece */
#define KERNEL_PICK_LANES 16 /* numbers in a comparison */
#define KERNEL_PICK_PAST 64  /* that many past the last number may be written and read */
struct kernel_picked {
    uint16_t numbers[KERNEL_PICK_LEAST + KERNEL_PICK_WORDS * 64 + KERNEL_PICK_PAST];
    size_t before, end; /* numbers up to `before` are of the piece before */
};

/* Bit 2 i: numbers i of both are equal. */
typedef uint32_t kernel_equal_numbers(const uint16_t *a, const uint16_t *b);

/* Sets the bits of those groups, the first of which is `first`. */
KERNEL_INLINE void kernel_put_picked(const struct kernel_picked *p, uint32_t least, size_t first,
                                     struct kernel_ascending *put, uint64_t *group_bits, kernel_equal_numbers *equal) {
    if (least == 1)
        for (size_t i = p->before; i < p->end; i++)
            kernel_put(put, group_bits, first + p->numbers[i], true);
    for (size_t i = least - 1; least > 1 && i < p->end; i += KERNEL_PICK_LANES) {
        uint32_t same = equal(p->numbers + i, p->numbers + i - (least - 1)) & 0x55555555;
        same &= (uint32_t)kernel_mask(p->end - i < KERNEL_PICK_LANES ? 2 * (p->end - i) : 32);
        for (; same; same &= same - 1)
            kernel_put(put, group_bits, first + p->numbers[i + (size_t)__builtin_ctz(same) / 2], true);
    }
}

/* Keeps as many as a group may still need, for the next piece, whose numbers are `less` lower: modulo 2^16 none of these is taken for one
 * of a piece's, which are below 2^12 where `less` is not 0. */
KERNEL_INLINE void kernel_keep_picked(struct kernel_picked *p, uint32_t least, size_t less) {
    size_t kept = p->end < least - 1 ? p->end : least - 1;
    for (size_t i = 0; i < kept; i++)
        p->numbers[i] = (uint16_t)(p->numbers[p->end - kept + i] - less);
    p->before = p->end = kept;
}

/* --- rows that say whose they are --- */

/* The owners of up to KERNEL_PICK_WORDS words' rows that are in, to `to`; how many. */
typedef size_t kernel_pick_owners(const uint64_t *bits, const uint16_t *owners, size_t rows, uint16_t *to);
/* Each becomes (base + multiple * it) & last. */
typedef void kernel_owners_to_groups(uint16_t *owners, size_t count, uint16_t base, uint16_t multiple, uint16_t last);

/* Four at a time, as the end of a loop over each word's own bits would be guessed wrong. What is past them is written over. */
KERNEL_INLINE size_t kernel_pick_owners_body(const uint64_t *bits, const uint16_t *owners, size_t rows, uint16_t *to) {
    uint16_t *from = to;
    uint64_t left;
    for (; rows >= 64; rows -= 64, bits++, owners += 64) {
        size_t count = (size_t)__builtin_popcountll(left = *bits);
        for (size_t at = 0; at < count; at += 4)
            _Pragma("GCC unroll 4") for (size_t k = 0; k < 4; k++, left &= left - 1) to[at + k] =
                owners[__builtin_ctzll(left | 1ull << 63)];
        to += count;
    }
    for (left = rows ? *bits & kernel_mask(rows) : 0; left; left &= left - 1)
        *to++ = owners[__builtin_ctzll(left)];
    return (size_t)(to - from);
}

KERNEL_INLINE void kernel_owners_picked(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                                        size_t count, uint32_t least, size_t groups, uint64_t *group_bits,
                                        kernel_pick_owners *pick, kernel_owners_to_groups *to_groups,
                                        kernel_equal_numbers *equal) {
    static const uint64_t every[KERNEL_PICK_WORDS] = {[0 ... KERNEL_PICK_WORDS - 1] = UINT64_MAX};
    struct kernel_ascending put = {.word = SIZE_MAX};
    struct kernel_picked p;
    if (least > KERNEL_PICK_LEAST) {
        kernel_owners_at_least_body(bits, owners, base, multiple, count, least, groups, group_bits);
        return;
    }
    p.before = p.end = 0;
    for (size_t row = 0; row < count; row += KERNEL_PICK_WORDS * 64) {
        size_t rows = count - row < KERNEL_PICK_WORDS * 64 ? count - row : KERNEL_PICK_WORDS * 64;
        size_t picked = pick(bits ? bits + row / 64 : every, owners + row, rows, p.numbers + p.end);
        to_groups(p.numbers + p.end, picked, base, multiple, (uint16_t)(groups - 1));
        p.end += picked;
        kernel_put_picked(&p, least, 0, &put, group_bits, equal);
        kernel_keep_picked(&p, least, 0);
    }
}

/* --- elements that say where a group begins --- */

/* Groups of a piece's elements that are in, from that on which begins first in the piece or before it: fewer than 2^12. */
KERNEL_INLINE size_t kernel_pick_begun(const uint64_t *bits, const uint64_t *begins, const uint32_t *before,
                                       size_t elements, uint16_t *to) {
    uint16_t *from = to;
    const uint32_t first = before[0] - 1;
    for (size_t w = 0; w * 64 < elements; w++) {
        uint64_t left = bits[w] & kernel_mask(elements - w * 64), begin = begins[w];
        size_t count = (size_t)__builtin_popcountll(left);
        uint32_t base = before[w] - 1 - first;
        for (size_t at = 0; at < count; at += 4)
            _Pragma("GCC unroll 4") for (size_t k = 0; k < 4; k++, left &= left - 1) to[at + k] =
                (uint16_t)(base + (uint32_t)__builtin_popcountll(begin & (left ^ (left - 1))));
        to += count;
    }
    return (size_t)(to - from);
}

KERNEL_INLINE void kernel_begun_picked(const uint64_t *bits, const uint64_t *begins, const uint32_t *before,
                                       size_t count, uint32_t least, uint64_t *group_bits,
                                       kernel_equal_numbers *equal) {
    struct kernel_ascending put = {.word = SIZE_MAX};
    struct kernel_picked p;
    if (least > KERNEL_PICK_LEAST) {
        kernel_begun_at_least_body(bits, begins, before, count, least, group_bits);
        return;
    }
    p.before = p.end = 0;
    for (size_t row = 0, word = 0; row < count; row += KERNEL_PICK_WORDS * 64) {
        size_t rows = count - row < KERNEL_PICK_WORDS * 64 ? count - row : KERNEL_PICK_WORDS * 64;
        size_t first = before[row / 64] - (size_t)1; /* SIZE_MAX where none begins before: wraps back below */
        kernel_keep_picked(&p, least, row ? first - (before[word] - (size_t)1) : 0);
        word = row / 64;
        p.end += kernel_pick_begun(bits + word, begins + word, before + word, rows, p.numbers + p.end);
        kernel_put_picked(&p, least, first, &put, group_bits, equal);
    }
}

#endif
