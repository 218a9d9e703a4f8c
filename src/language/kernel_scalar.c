/* kernel_scalar: the kernels in plain C, one row at a time: what every machine runs and what the others are held against. */
#include "language/kernel_inside.h"

/* Writes the bit of each row, 64 at a time; `test` is an expression of `i`. */
#define EACH_BIT(test)                                                                                                 \
    for (size_t first = 0; first < count; first += 64) {                                                               \
        size_t end = count - first < 64 ? count : first + 64;                                                          \
        uint64_t word = 0;                                                                                             \
        for (size_t i = first; i < end; i++)                                                                           \
            word |= (uint64_t)(test) << (i - first);                                                                   \
        bits[first / 64] = word;                                                                                       \
    }

static void and_(uint64_t *into, const uint64_t *other, size_t words) {
    for (size_t i = 0; i < words; i++)
        into[i] &= other[i];
}

static void and_not(uint64_t *into, const uint64_t *other, size_t words) {
    for (size_t i = 0; i < words; i++)
        into[i] &= ~other[i];
}

static void or_(uint64_t *into, const uint64_t *other, size_t words) {
    for (size_t i = 0; i < words; i++)
        into[i] |= other[i];
}

static uint64_t count(const uint64_t *bits, size_t words) {
    uint64_t sum = 0;
    for (size_t i = 0; i < words; i++)
        sum += (uint64_t)__builtin_popcountll(bits[i]);
    return sum;
}

static uint64_t combine(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out) {
    return kernel_combine_body(steps, step_count, words, out);
}

static void range(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits) {
    uint64_t mask = kernel_mask(bytes * 8);
#define RANGE(n) EACH_BIT(((kernel_raw(raw, n, i) - low) & mask) <= width)
    KERNEL_BY_WIDTH(RANGE)
#undef RANGE
}

static void codes(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count,
                  uint64_t *bits) {
#define CODES(n) EACH_BIT(kernel_has(set, set_count, kernel_raw(raw, n, i)))
    KERNEL_BY_WIDTH(CODES)
#undef CODES
}

static void between_real(const double *values, size_t count, double low, double high, uint64_t *bits) {
    EACH_BIT(values[i] >= low && values[i] <= high)
}

static void less(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    EACH_BIT(left[i] < right[i])
}

static void equal(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    EACH_BIT(left[i] == right[i])
}

static void widen(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple, int64_t *out) {
#define WIDEN(n)                                                                                                       \
    for (size_t i = 0; i < count; i++)                                                                                 \
    out[i] = (int64_t)((uint64_t)base + (uint64_t)multiple * kernel_raw(raw, n, i))
    KERNEL_BY_WIDTH(WIDEN)
#undef WIDEN
}

static void look_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                    int64_t *out) {
#define LOOK_UP(n)                                                                                                     \
    for (size_t i = 0; i < count; i++) {                                                                               \
        uint64_t at = kernel_raw(raw, n, i);                                                                           \
        out[i] = at < numbers_count ? numbers[at] : 0;                                                                 \
    }
    KERNEL_BY_WIDTH(LOOK_UP)
#undef LOOK_UP
}

static void times(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out) {
    for (size_t i = 0; i < count; i++)
        out[i] = (int64_t)((uint64_t)seconds[i] * 1000 + (ms ? (uint64_t)ms[i] : 0));
}

static size_t count_run(const struct kernel_ranks *r, const uint32_t *ends, uint32_t base, size_t count,
                        uint32_t *before, uint32_t *counts) {
    return kernel_count_run_body(r, ends, base, count, before, counts);
}

static uint64_t compare_word(const uint32_t *counts, size_t count, uint32_t least) {
    return kernel_compare_word_body(counts, count, least);
}

static void group_count(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts) {
    kernel_group_count_body(bits, starts, groups, counts, count_run);
}

static void group_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                           uint64_t *group_bits) {
    kernel_group_at_least_body(bits, starts, groups, least, group_bits, count_run, compare_word);
}

static unsigned ends_up_to(const uint32_t *ends, uint32_t row) {
    unsigned count = 0;
    for (unsigned i = 0; i < KERNEL_ENDS; i++)
        count += ends[i] <= row;
    return count;
}

static void group_some_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                uint64_t *group_bits) {
    kernel_group_some_at_least_body(bits, starts, groups, least, group_bits, ends_up_to);
}

static void owners_at_least(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                            size_t count, uint32_t least, size_t groups, uint64_t *group_bits) {
    kernel_owners_at_least_body(bits, owners, base, multiple, count, least, groups, group_bits);
}

static size_t begins_fill(const uint64_t *begins, size_t count, uint32_t *before) {
    return kernel_begins_fill_body(begins, count, before);
}

static void begun_at_least(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                           uint32_t least, uint64_t *group_bits) {
    kernel_begun_at_least_body(bits, begins, before, count, least, group_bits);
}

static void begun_among(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                        uint64_t *bits) {
    kernel_begun_among_body(group_bits, begins, before, count, bits);
}

static void members(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple, uint32_t most,
                    const uint64_t *set, uint64_t *bits) {
    range(raw, bytes, count, 0, most, bits);
    kernel_members_body(raw, bytes, count, base, multiple, most, set, bits, kernel_members_word);
}

static uint64_t group_sum(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                          int64_t *sums) {
    return kernel_group_sum_body(values, bits, starts, groups, sums);
}

static void group_min(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *out) {
    kernel_group_extreme_body(values, bits, starts, groups, false, out);
}

static void group_max(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *out) {
    kernel_group_extreme_body(values, bits, starts, groups, true, out);
}

static void group_first(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    kernel_group_first_body(bits, starts, groups, rows);
}

static void group_last(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    kernel_group_last_body(bits, starts, groups, rows);
}

static void spread(const uint64_t *group_bits, const uint32_t *starts, size_t groups, uint64_t *bits) {
    kernel_spread_body(group_bits, starts, groups, bits);
}

const struct kernel_table kernel_scalar = {
    and_,
    and_not,
    or_,
    count,
    combine,
    range,
    codes,
    between_real,
    less,
    equal,
    widen,
    look_up,
    times,
    group_count,
    group_at_least,
    group_some_at_least,
    owners_at_least,
    begins_fill,
    begun_at_least,
    begun_among,
    members,
    group_sum,
    group_min,
    group_max,
    group_first,
    group_last,
    spread,
};
