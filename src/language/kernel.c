/* kernel: which level is in force, what is the same at every level, and cases that no level need know: widths of 0, every row of a group,
 * sums that might pass 64 bits. */
#include "language/kernel.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include "language/kernel_inside.h"

static const struct kernel_table *const tables[] = {
    [KERNEL_SCALAR] = &kernel_scalar,
#if KERNEL_X86
    [KERNEL_AVX2] = &kernel_avx2,
    [KERNEL_AVX512] = &kernel_avx512,
#endif
};

#define LEVEL_UNKNOWN (-1)
static _Atomic int level_in_force =
    LEVEL_UNKNOWN; /* found at the first call; whoever looks at the same time finds the same */

static enum kernel_level machine_level(void) {
#if KERNEL_X86
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2"))
        return KERNEL_SCALAR;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vpopcntdq"))
        return KERNEL_AVX512;
    return KERNEL_AVX2;
#else
    return KERNEL_SCALAR;
#endif
}

enum kernel_level kernel_level(void) {
    int level = atomic_load_explicit(&level_in_force, memory_order_relaxed);
    if (__builtin_expect(level == LEVEL_UNKNOWN, 0)) {
        level = machine_level();
        atomic_store_explicit(&level_in_force, level, memory_order_relaxed);
    }
    return (enum kernel_level)level;
}

void kernel_level_set(enum kernel_level level) {
    assert(level <= machine_level());
    atomic_store_explicit(&level_in_force, (int)level, memory_order_relaxed);
}

static const struct kernel_table *in_force(void) { return tables[kernel_level()]; }

/* No row at all: bits say nothing then, and need not even be there. */
static const uint64_t *bits_of(const uint64_t *bits, const uint32_t *starts, size_t groups) {
    return groups && starts[0] < starts[groups] ? bits : NULL;
}

static size_t next_bit(const uint64_t *set, size_t set_count, size_t from, bool value) {
    for (size_t i = from; i < set_count; i = (i / 64 + 1) * 64) {
        uint64_t word = (value ? set[i / 64] : ~set[i / 64]) >> (i % 64);
        if (word) {
            size_t at = i + (size_t)__builtin_ctzll(word);
            return at < set_count ? at : set_count;
        }
    }
    return set_count;
}

size_t kernel_runs(const uint64_t *set, size_t set_count, struct kernel_run runs[KERNEL_RUNS_MAX]) {
    size_t count = 0;
    for (size_t end, at = 0; (at = next_bit(set, set_count, at, true)) < set_count; at = end) {
        end = next_bit(set, set_count, at, false);
        if (count == KERNEL_RUNS_MAX)
            return count + 1;
        runs[count++] = (struct kernel_run){at, end - at - 1};
    }
    return count;
}

/* --- sets --- */

void kernel_and(uint64_t *into, const uint64_t *other, size_t words) { in_force()->and_(into, other, words); }

void kernel_and_not(uint64_t *into, const uint64_t *other, size_t words) { in_force()->and_not(into, other, words); }

void kernel_or(uint64_t *into, const uint64_t *other, size_t words) { in_force()->or_(into, other, words); }

uint64_t kernel_count(const uint64_t *bits, size_t words) { return in_force()->count(bits, words); }

static bool steps_are_sound(const struct kernel_set_step *steps, size_t step_count) {
    size_t depth = 0;
    for (size_t i = 0; i < step_count; i++) {
        if (steps[i].op == KERNEL_SET_START ? !steps[i].set || depth == KERNEL_STACK_MAX : depth < 1 + !steps[i].set)
            return false;
        depth += steps[i].op == KERNEL_SET_START;
        depth -= !steps[i].set;
    }
    return depth == 1;
}

/* The last words, fewer than a tile, by steps over copies of them. */
static uint64_t combine_rest(const struct kernel_set_step *steps, size_t step_count, size_t first, size_t words,
                             uint64_t *out) {
    uint64_t stack[KERNEL_STACK_MAX][KERNEL_TILES_WORDS];
    size_t depth = 0;
    for (size_t i = 0; i < step_count; i++) {
        const uint64_t *with = steps[i].set ? steps[i].set + first : stack[--depth];
        if (steps[i].op == KERNEL_SET_START)
            memcpy(stack[depth++], with, words * 8);
        else if (steps[i].op == KERNEL_SET_OR)
            kernel_or(stack[depth - 1], with, words);
        else if (steps[i].op == KERNEL_SET_AND)
            kernel_and(stack[depth - 1], with, words);
        else
            kernel_and_not(stack[depth - 1], with, words);
    }
    if (out)
        memcpy(out + first, stack[0], words * 8);
    return kernel_count(stack[0], words);
}

uint64_t kernel_combine(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out) {
    size_t whole = words / KERNEL_TILES_WORDS * KERNEL_TILES_WORDS;
    assert(steps_are_sound(steps, step_count));
    uint64_t count = in_force()->combine(steps, step_count, whole, out);
    return whole < words ? count + combine_rest(steps, step_count, whole, words - whole, out) : count;
}

static void clear_past(uint64_t *bits, size_t count) {
    if (count % 64)
        bits[count / 64] &= kernel_mask(count % 64);
}

void kernel_not(uint64_t *into, size_t count) {
    for (size_t i = 0; i < (count + 63) / 64; i++)
        into[i] = ~into[i];
    clear_past(into, count);
}

bool kernel_none(const uint64_t *bits, size_t words) {
    size_t i = 0;
    for (; i + 8 <= words; i += 8) /* a branch for eight: most sets are not empty at their start, or empty throughout */
        if (bits[i] | bits[i + 1] | bits[i + 2] | bits[i + 3] | bits[i + 4] | bits[i + 5] | bits[i + 6] | bits[i + 7])
            return false;
    for (; i < words; i++)
        if (bits[i])
            return false;
    return true;
}

void kernel_fill(uint64_t *bits, size_t count, bool value) {
    memset(bits, value ? 0xff : 0, (count + 63) / 64 * 8);
    clear_past(bits, count);
}

/* Bytes of the bitmap past the one with the last bit are not read: they may lie outside the mapped file. */
void kernel_take_bits(const uint8_t *bitmap, size_t first, size_t count, uint64_t *bits) {
    const uint8_t *from = bitmap + first / 8, *end = bitmap + (first + count + 7) / 8;
    unsigned shift = first % 8;
    size_t i = 0;
    if (shift == 0) {
        memcpy(bits, from, count / 64 * 8);
        i = count / 64, from += count / 64 * 8;
    }
    for (; i < count / 64 && from + 9 <= end; i++, from += 8) { /* words that are whole, and have a byte after */
        uint64_t word;
        memcpy(&word, from, 8);
        bits[i] = word >> shift | (uint64_t)from[8] << 1 << (63 - shift);
    }
    for (; i < (count + 63) / 64; i++, from += 8) {
        uint64_t word = 0;
        size_t left = (size_t)(end - from);
        memcpy(&word, from, left < 8 ? left : 8);
        word >>= shift;
        if (shift && left > 8)
            word |= (uint64_t)from[8] << (64 - shift);
        bits[i] = word;
    }
    clear_past(bits, count);
}

/* --- conditions --- */

void kernel_range(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits) {
    assert(bytes <= 8);
    if (!bytes)
        kernel_fill(bits, count, low == 0 || width >= -low);
    else if (count)
        in_force()->range(raw, bytes, count, low, width, bits);
}

void kernel_codes(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count,
                  uint64_t *bits) {
    assert(bytes <= 4);
    if (!bytes)
        kernel_fill(bits, count, kernel_has(set, set_count, 0));
    else if (count)
        in_force()->codes(raw, bytes, count, set, set_count, bits);
}

void kernel_members(const void *raw, unsigned bytes, size_t count, uint64_t base, uint64_t multiple,
                    const uint64_t *set, size_t set_count, uint64_t *bits) {
    assert(bytes <= 4 && base <= UINT32_MAX && multiple <= UINT32_MAX && set_count <= (size_t)UINT32_MAX + 1);
    if (!bytes || !multiple || base >= set_count) {
        kernel_fill(bits, count, kernel_has(set, set_count, base));
    } else if (count) {
        uint64_t most = (set_count - 1 - base) / multiple, widest = kernel_mask(8 * bytes);
        most = most < widest ? most : widest;
        in_force()->members(raw, bytes, count, (uint32_t)base, (uint32_t)multiple, (uint32_t)most, set, bits);
    }
}

void kernel_between(const int64_t *values, size_t count, int64_t low, int64_t high, uint64_t *bits) {
    if (low > high)
        kernel_fill(bits, count, false);
    else
        kernel_range(values, 8, count, (uint64_t)low, (uint64_t)high - (uint64_t)low, bits);
}

void kernel_between_real(const double *values, size_t count, double low, double high, uint64_t *bits) {
    in_force()->between_real(values, count, low, high, bits);
}

void kernel_less(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    in_force()->less(left, right, count, bits);
}

void kernel_equal(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    in_force()->equal(left, right, count, bits);
}

/* --- values --- */

static void fill_values(int64_t *out, size_t count, int64_t value) {
    for (size_t i = 0; i < count; i++)
        out[i] = value;
}

void kernel_widen(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple, int64_t *out) {
    assert(bytes <= 8);
    if (!bytes)
        fill_values(out, count, base);
    else
        in_force()->widen(raw, bytes, count, base, multiple, out);
}

void kernel_look_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                    int64_t *out) {
    assert(bytes <= 8);
    if (!bytes)
        fill_values(out, count, numbers_count ? numbers[0] : 0);
    else
        in_force()->look_up(raw, bytes, count, numbers, numbers_count, out);
}

void kernel_times(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out) {
    in_force()->times(seconds, ms, count, out);
}

/* --- rows to customers --- */

void kernel_group_count(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts) {
    if ((bits = bits_of(bits, starts, groups)))
        in_force()->group_count(bits, starts, groups, counts);
    else
        for (size_t i = 0; i < groups; i++)
            counts[i] = starts[i + 1] - starts[i];
}

/* The group that row `row` is in, by bisection without a branch. */
static size_t group_of_row(const uint32_t *starts, size_t groups, uint32_t row) {
    const uint32_t *from = starts;
    for (size_t left = groups; left > 1;) {
        size_t half = left / 2;
        from += half & (0 - (size_t)(from[half] <= row));
        left -= half;
    }
    return (size_t)(from - starts);
}

/* Few rows among many groups: each finds its own. */
static void few_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                         uint64_t *group_bits) {
    const size_t rows = starts[groups] - starts[0];
    size_t group = SIZE_MAX;
    uint32_t count = 0;
    kernel_fill(group_bits, groups, false);
    for (size_t w = 0; w < (rows + 63) / 64; w++)
        for (uint64_t left = bits[w] & kernel_mask(rows - w * 64); left; left &= left - 1) {
            size_t found =
                group_of_row(starts, groups, starts[0] + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left));
            count = found == group ? count + 1 : 1;
            group = found;
            group_bits[group / 64] |= (uint64_t)(count >= least) << (group % 64);
        }
}

/* Of so many groups and more for each row that is in, rows look for groups: by bisection, or one from the other. */
#define GROUPS_A_ROW_FEW 128
#define GROUPS_A_ROW_SOME 3
#define GROUPS_MANY 256

static size_t groups_a_row(const uint64_t *bits, const uint32_t *starts, size_t groups) {
    if (groups < GROUPS_MANY)
        return 0;
    uint64_t rows = kernel_count(bits, ((size_t)(starts[groups] - starts[0]) + 63) / 64);
    return rows ? groups / rows : SIZE_MAX;
}

void kernel_group_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                           uint64_t *group_bits) {
    if ((bits = bits_of(bits, starts, groups))) {
        size_t each = least ? groups_a_row(bits, starts, groups) : 0;
        if (each >= GROUPS_A_ROW_FEW)
            few_at_least(bits, starts, groups, least, group_bits);
        else if (each >= GROUPS_A_ROW_SOME)
            in_force()->group_some_at_least(bits, starts, groups, least, group_bits);
        else
            in_force()->group_at_least(bits, starts, groups, least, group_bits);
        return;
    }
    for (size_t i = 0; i < groups; i += 64) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64 && i + k < groups; k++)
            word |= (uint64_t)(starts[i + k + 1] - starts[i + k] >= least) << k;
        group_bits[i / 64] = word;
    }
}

void kernel_group_any(const uint64_t *bits, const uint32_t *starts, size_t groups, uint64_t *group_bits) {
    kernel_group_at_least(bits, starts, groups, 1, group_bits);
}

void kernel_owners_at_least(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                            size_t count, uint32_t least, size_t groups, uint64_t *group_bits) {
    assert(groups && (groups & (groups - 1)) == 0 && groups <= 65536);
    kernel_fill(group_bits, groups, least == 0);
    if (least)
        in_force()->owners_at_least(bits, owners, base, multiple, count, least, groups, group_bits);
}

size_t kernel_begins_fill(const uint64_t *begins, size_t count, uint32_t *before) {
    return in_force()->begins_fill(begins, count, before);
}

void kernel_begun_at_least(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                           uint32_t least, uint64_t *group_bits) {
    assert(least);
    in_force()->begun_at_least(bits, begins, before, count, least, group_bits);
}

void kernel_begun_among(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                        uint64_t *bits) {
    in_force()->begun_among(group_bits, begins, before, count, bits);
}

/* Rows that all are in: a piece of this many at a time, groups of more rows in several pieces. */
#define PIECE_ROWS 4096
static const uint64_t every_row[PIECE_ROWS / 64] = {[0 ... PIECE_ROWS / 64 - 1] = UINT64_MAX};

/* How many of `groups` from `first` have no more than PIECE_ROWS rows together. 0: the first alone has more. */
static size_t piece_of(const uint32_t *starts, size_t first, size_t groups) {
    size_t end = first;
    while (end < groups && starts[end + 1] - starts[first] <= PIECE_ROWS)
        end++;
    return end - first;
}

/* The exact sum of one group; false where it passes int64. `bits` NULL: all of them. */
static bool sum_exactly(const int64_t *values, const uint64_t *bits, size_t from, size_t end, int64_t *sum) {
    __int128 total = 0;
    for (size_t i = from; i < end; i++)
        if (!bits || (bits[i / 64] >> (i % 64) & 1))
            total += values[i];
    *sum = (int64_t)total;
    return total == *sum;
}

static bool sum_groups_exactly(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                               int64_t *sums) {
    bool fits = true;
    for (size_t i = 0; i < groups && fits; i++)
        fits = sum_exactly(values, bits, starts[i] - starts[0], starts[i + 1] - starts[0], &sums[i]);
    return fits;
}

/* Sums modulo 2^64 are right where rows times the greatest magnitude stay below 2^63: nearly always, and known at no cost. */
static bool sums_are_exact(uint64_t magnitude, size_t rows) {
    return (unsigned __int128)(magnitude + 1) * rows < (unsigned __int128)1 << 63;
}

static bool sum_all_rows(const int64_t *values, const uint32_t *starts, size_t groups, int64_t *sums) {
    for (size_t i = 0; i < groups;) {
        size_t some = piece_of(starts, i, groups), rows = starts[i + some] - starts[i];
        const int64_t *from = values + (starts[i] - starts[0]);
        bool fits =
            some ? sums_are_exact(in_force()->group_sum(from, every_row, starts + i, some, sums + i), rows) : false;
        some = some ? some : 1;
        if (!fits && !sum_groups_exactly(from, NULL, starts + i, some, sums + i))
            return false;
        i += some;
    }
    return true;
}

bool kernel_group_sum(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *sums) {
    if (!(bits = bits_of(bits, starts, groups)))
        return sum_all_rows(values, starts, groups, sums);
    return sums_are_exact(in_force()->group_sum(values, bits, starts, groups, sums), starts[groups] - starts[0]) ||
           sum_groups_exactly(values, bits, starts, groups, sums);
}

static void extreme_of_group(const int64_t *values, size_t count, bool greatest, int64_t *out) {
    int64_t best = values[0];
    for (size_t i = 1; i < count; i++)
        best = greatest ? (values[i] > best ? values[i] : best) : (values[i] < best ? values[i] : best);
    *out = best;
}

static void extremes(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups, bool greatest,
                     int64_t *out) {
    const struct kernel_table *t = in_force();
    void (*run)(const int64_t *, const uint64_t *, const uint32_t *, size_t, int64_t *) =
        greatest ? t->group_max : t->group_min;
    if ((bits = bits_of(bits, starts, groups))) {
        run(values, bits, starts, groups, out);
        return;
    }
    for (size_t i = 0; i < groups;) {
        size_t some = piece_of(starts, i, groups);
        const int64_t *from = values + (starts[i] - starts[0]);
        if (some)
            run(from, every_row, starts + i, some, out + i);
        else
            extreme_of_group(from, starts[i + 1] - starts[i], greatest, out + i);
        i += some ? some : 1;
    }
}

void kernel_group_min(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *out) {
    extremes(values, bits, starts, groups, false, out);
}

void kernel_group_max(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                      int64_t *out) {
    extremes(values, bits, starts, groups, true, out);
}

void kernel_group_first(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    if ((bits = bits_of(bits, starts, groups)))
        in_force()->group_first(bits, starts, groups, rows);
    else
        for (size_t i = 0; i < groups; i++)
            rows[i] = starts[i] < starts[i + 1] ? starts[i] : UINT32_MAX;
}

void kernel_group_last(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    if ((bits = bits_of(bits, starts, groups)))
        in_force()->group_last(bits, starts, groups, rows);
    else
        for (size_t i = 0; i < groups; i++)
            rows[i] = starts[i] < starts[i + 1] ? starts[i + 1] - 1 : UINT32_MAX;
}

void kernel_spread(const uint64_t *group_bits, const uint32_t *starts, size_t groups, uint64_t *bits) {
    in_force()->spread(group_bits, starts, groups, bits);
}
