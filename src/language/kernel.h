/* kernel: the loops of the evaluator: free functions over plain arrays and lengths, no knowledge of plans.
 *
 * Rows and customers are marked in bits: bit i of word i / 64; bits past `count` in the last word are written as 0 and not looked at.
 * `starts` [groups + 1] cut rows into customers; they are absolute, and row bits and values begin at row starts[0].
 * Each has AVX2 and AVX-512 variants chosen once at run time (kernel_level) and a scalar twin; all give the same. */
#ifndef ONEFOLD_LANGUAGE_KERNEL_H
#define ONEFOLD_LANGUAGE_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_level { KERNEL_SCALAR, KERNEL_AVX2, KERNEL_AVX512 };
enum kernel_level kernel_level(void); /* in force: the best the machine has */
void kernel_level_set(
    enum kernel_level level); /* for tests and benches; no higher than the machine's. Before threads start */

/* --- sets: words of 64 bits --- */
void kernel_and(uint64_t *into, const uint64_t *other, size_t words);
void kernel_and_not(uint64_t *into, const uint64_t *other, size_t words);
void kernel_or(uint64_t *into, const uint64_t *other, size_t words);
void kernel_not(uint64_t *into, size_t count); /* of bits; those past count stay 0 */
uint64_t kernel_count(const uint64_t *bits, size_t words);
bool kernel_none(const uint64_t *bits, size_t words);
/* Several operations in one passage, for sets that do not fit a cache: each step puts a set on a stack of up to KERNEL_STACK_MAX, or combines
 * what is on top with `set`; where `set` is NULL, the two on top into one. `A and B and (C or D)` is START A, AND B, START C, OR D, AND NULL.
 * Returns how many bits are left in the one that remains, and writes it to `out` where that is not NULL. */
enum kernel_set_op { KERNEL_SET_START, KERNEL_SET_AND, KERNEL_SET_AND_NOT, KERNEL_SET_OR };
struct kernel_set_step {
    enum kernel_set_op op;
    const uint64_t *set;
};
#define KERNEL_STACK_MAX 8
uint64_t kernel_combine(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out);
void kernel_fill(uint64_t *bits, size_t count, bool value); /* bits past count become 0 */
/* Bits first .. first + count - 1 of a byte bitmap to bits 0 .. count - 1. */
void kernel_take_bits(const uint8_t *bitmap, size_t first, size_t count, uint64_t *bits);

/* --- conditions: rows 0 .. count - 1 of `raw` (already at the first row) to bits --- */
/* raw - low <= width (unsigned, of `bytes` bytes: 1, 2, 4, 8) */
void kernel_range(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits);
/* raw is a code; bit `code` of `set` decides. Codes >= set_count: 0. */
void kernel_codes(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count, uint64_t *bits);
/* base + multiple * raw, neither more than UINT32_MAX, is the number of a bit of `set`; numbers >= set_count: 0. */
void kernel_members(const void *raw, unsigned bytes, size_t count, uint64_t base, uint64_t multiple,
                    const uint64_t *set, size_t set_count, uint64_t *bits);
void kernel_between(const int64_t *values, size_t count, int64_t low, int64_t high, uint64_t *bits);
void kernel_between_real(const double *values, size_t count, double low, double high, uint64_t *bits);
/* left < right, left = right */
void kernel_less(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits);
void kernel_equal(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits);

/* --- values --- */
void kernel_widen(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple,
                  int64_t *out); /* wraps */
void kernel_look_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                    int64_t *out);
/* seconds * 1000 + ms; ms NULL = 0 */
void kernel_times(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out);

/* --- rows to customers; `bits` NULL: every row --- */
void kernel_group_count(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts);
void kernel_group_any(const uint64_t *bits, const uint32_t *starts, size_t groups, uint64_t *group_bits);
/* counts[i] >= least, straight to bits: what "count(x) >= n" asks */
void kernel_group_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                           uint64_t *group_bits);
/* The same where rows say whose they are: row i is of group (base + multiple * owners[i]) % groups; groups are a power of two, and
 * ascend with the rows. `bits` NULL: all `count` rows. */
void kernel_owners_at_least(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                            size_t count, uint32_t least, size_t groups, uint64_t *group_bits);
/* Elements that are cut into groups of at least one by bits: begins[i] is set where element i is its group's first. */
/* before[w]: how many begin before word w; returns how many do in all. The first does: else the others below mean nothing. */
size_t kernel_begins_fill(const uint64_t *begins, size_t count, uint32_t *before);
/* Sets the bits of groups with `least` (not 0) elements in bits and more in group_bits, which are 0 before. */
void kernel_begun_at_least(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                           uint32_t least, uint64_t *group_bits);
/* Takes out of `bits` the elements of groups that are not in group_bits, at a cost of those that are in it. */
void kernel_begun_among(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                        uint64_t *bits);
/* False where a sum passes int64: then `sums` means nothing and the caller sums otherwise. */
bool kernel_group_sum(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *sums);
/* Groups without a row keep what was in `out`. */
void kernel_group_min(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups, int64_t *out);
void kernel_group_max(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups, int64_t *out);
/* Absolute row of the group's first, last row in bits; UINT32_MAX where there is none. */
void kernel_group_first(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows);
void kernel_group_last(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows);
/* Sets the bits of all rows of groups in group_bits: for masks and for customers' values beside rows. */
void kernel_spread(const uint64_t *group_bits, const uint32_t *starts, size_t groups, uint64_t *bits);

#endif
