/* kernel_inside: the table that kernel.c calls through, one per level, and the bodies of loops that differ between levels only in the
 * instructions a compiler may use.
 *
 * A level's file takes over an entry where it has something better; the rest it compiles from the same bodies, with its own
 * instructions (shifts by register and bit counts are two to three times cheaper with BMI2 than without). */
#ifndef ONEFOLD_LANGUAGE_KERNEL_INSIDE_H
#define ONEFOLD_LANGUAGE_KERNEL_INSIDE_H

#include <string.h>

#include "language/kernel.h"

#if defined(__x86_64__)
#define KERNEL_X86 1
#include <emmintrin.h>
#define KERNEL_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
/* Ice Lake and Zen 4 on: older AVX-512 machines lack the bit counts, and run faster at AVX2 besides. */
#define KERNEL_TARGET_AVX512                                                                                           \
    __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,"                  \
                          "avx512vbmi2,avx512vpopcntdq")))
#else
#define KERNEL_X86 0
#endif
#define KERNEL_INLINE static inline __attribute__((always_inline))

/* As in kernel.h; but `bytes` is 1, 2, 4 or 8 (codes and look-ups: 1, 2, 4), counts are not 0, and `bits` of groups is never NULL. */
struct kernel_table {
    void (*and_)(uint64_t *into, const uint64_t *other, size_t words);
    void (*and_not)(uint64_t *into, const uint64_t *other, size_t words);
    void (*or_)(uint64_t *into, const uint64_t *other, size_t words);
    uint64_t (*count)(const uint64_t *bits, size_t words);
    uint64_t (*combine)(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out);
    void (*range)(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits);
    void (*codes)(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count, uint64_t *bits);
    void (*between_real)(const double *values, size_t count, double low, double high, uint64_t *bits);
    void (*less)(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits);
    void (*equal)(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits);
    void (*widen)(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple, int64_t *out);
    void (*look_up)(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                    int64_t *out);
    void (*times)(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out);
    void (*group_count)(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts);
    void (*group_at_least)(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                           uint64_t *group_bits);
    /* The same where few rows are in: at a cost of those, and of a look at one start in sixteen. */
    void (*group_some_at_least)(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                uint64_t *group_bits);
    void (*owners_at_least)(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                            size_t count, uint32_t least, size_t groups, uint64_t *group_bits); /* group_bits are 0 */
    size_t (*begins_fill)(const uint64_t *begins, size_t count, uint32_t *before);
    void (*begun_at_least)(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                           uint32_t least, uint64_t *group_bits);
    void (*begun_among)(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                        uint64_t *bits);
    void (*members)(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple, uint32_t most,
                    const uint64_t *set, uint64_t *bits); /* raw values above `most` are none */
    /* Sums modulo 2^64; returns the greatest magnitude of a value that was added, rounded up to all ones below its top bit. */
    uint64_t (*group_sum)(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                          int64_t *sums);
    void (*group_min)(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups, int64_t *out);
    void (*group_max)(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups, int64_t *out);
    void (*group_first)(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows);
    void (*group_last)(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows);
    void (*spread)(const uint64_t *group_bits, const uint32_t *starts, size_t groups, uint64_t *bits);
};

extern const struct kernel_table kernel_scalar;
#if KERNEL_X86
extern const struct kernel_table kernel_avx2, kernel_avx512;
#endif

/* --- sets --- */

/* As wide as the level's registers, which its file says. A tile is as many as stay in registers beside what is read, and divides
 * KERNEL_TILES_WORDS, what a passage takes whole. The sets are read from their beginning to their end, as the hardware guesses: asking
 * for lines ahead besides was half as slow again on an EPYC of the fourth generation. */
#ifndef KERNEL_VECTOR_BYTES
#define KERNEL_VECTOR_BYTES 16
#endif
typedef uint64_t kernel_vector __attribute__((vector_size(KERNEL_VECTOR_BYTES), aligned(8)));
#define KERNEL_TILE (KERNEL_VECTOR_BYTES == 64 ? 4 : 8)
#define KERNEL_TILE_WORDS (KERNEL_TILE * KERNEL_VECTOR_BYTES / 8)
#define KERNEL_TILES_WORDS 32

/* One step of a tile whose vectors are in registers: a switch around four instructions. */
#define KERNEL_TILE_EACH(operation)                                                                                    \
    do {                                                                                                               \
        _Pragma("GCC unroll 8") for (int i = 0; i < KERNEL_TILE; i++) operation;                                       \
        return;                                                                                                        \
    } while (0)
KERNEL_INLINE void kernel_step_tile(enum kernel_set_op op, kernel_vector *top, const kernel_vector *with) {
    switch (op) {
    case KERNEL_SET_START:
        KERNEL_TILE_EACH(top[i] = with[i]);
    case KERNEL_SET_AND:
        KERNEL_TILE_EACH(top[i] &= with[i]);
    case KERNEL_SET_AND_NOT:
        KERNEL_TILE_EACH(top[i] &= ~with[i]);
    case KERNEL_SET_OR:
        KERNEL_TILE_EACH(top[i] |= with[i]);
    }
}

/* The two on top into one: the one below stands on the left. */
KERNEL_INLINE void kernel_step_below(enum kernel_set_op op, kernel_vector *top, const kernel_vector *below) {
    if (op == KERNEL_SET_AND_NOT)
        KERNEL_TILE_EACH(top[i] = below[i] & ~top[i]);
    kernel_step_tile(op, top, below);
}

/* `at`: the tile's first word. What the steps leave is `top`; what is below it on the stack lies in memory. */
KERNEL_INLINE void kernel_combine_tile(const struct kernel_set_step *steps, size_t step_count, size_t at,
                                       kernel_vector *top) {
    kernel_vector stack[KERNEL_STACK_MAX][KERNEL_TILE];
    size_t depth = 0;
    for (const struct kernel_set_step *step = steps; step < steps + step_count; step++) {
        if (!step->set) {
            kernel_step_below(step->op, top, stack[--depth]);
            continue;
        }
        const kernel_vector *with = (const kernel_vector *)(const void *)(step->set + at);
        if (step->op == KERNEL_SET_START && step > steps)
            memcpy(stack[depth++], top, sizeof stack[0]);
        kernel_step_tile(step->op, top, with);
    }
}

/* Past the caches: a set of this size is not read again soon, and a line that is written whole need not be read first. */
KERNEL_INLINE void kernel_store_tile(uint64_t *out, const uint64_t *tile) {
#if KERNEL_X86
    if ((uintptr_t)out % 16 == 0) {
        for (size_t i = 0; i < KERNEL_TILE_WORDS; i += 2)
            _mm_stream_si128((__m128i *)(void *)(out + i), _mm_loadu_si128((const __m128i *)(const void *)(tile + i)));
        return;
    }
#endif
    memcpy(out, tile, KERNEL_TILE_WORDS * 8);
}

KERNEL_INLINE uint64_t kernel_combine_body(const struct kernel_set_step *steps, size_t step_count, size_t words,
                                           uint64_t *out) {
    kernel_vector top[KERNEL_TILE];
    uint64_t count = 0, left[KERNEL_TILE_WORDS];
    for (size_t at = 0; at < words; at += KERNEL_TILE_WORDS) { /* `words`: a multiple of KERNEL_TILES_WORDS */
        kernel_combine_tile(steps, step_count, at, top);
        memcpy(left, top, sizeof left);
        for (size_t i = 0; i < KERNEL_TILE_WORDS; i++)
            count += (uint64_t)__builtin_popcountll(left[i]);
        if (out)
            kernel_store_tile(out + at, left);
    }
#if KERNEL_X86
    _mm_sfence(); /* so that what other threads are told after this they also see */
#endif
    return count;
}

/* --- raw values --- */

KERNEL_INLINE uint64_t kernel_raw(const void *raw, unsigned bytes, size_t i) {
    switch (bytes) {
    case 1:
        return ((const uint8_t *)raw)[i];
    case 2: {
        uint16_t value;
        memcpy(&value, (const char *)raw + 2 * i, 2);
        return value;
    }
    case 4: {
        uint32_t value;
        memcpy(&value, (const char *)raw + 4 * i, 4);
        return value;
    }
    default: {
        uint64_t value;
        memcpy(&value, (const char *)raw + 8 * i, 8);
        return value;
    }
    }
}

KERNEL_INLINE uint64_t kernel_mask(size_t bits) { return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1; }

KERNEL_INLINE bool kernel_has(const uint64_t *set, size_t set_count, uint64_t code) {
    return code < set_count && (set[code / 64] >> (code % 64) & 1);
}

/* `all` rows of one width, so that the switch on it stands outside the loop. */
#define KERNEL_BY_WIDTH(call)                                                                                          \
    switch (bytes) {                                                                                                   \
    case 1:                                                                                                            \
        call(1);                                                                                                       \
        break;                                                                                                         \
    case 2:                                                                                                            \
        call(2);                                                                                                       \
        break;                                                                                                         \
    case 4:                                                                                                            \
        call(4);                                                                                                       \
        break;                                                                                                         \
    default:                                                                                                           \
        call(8);                                                                                                       \
    }

/* Runs of codes in `set`, as ranges of their lowest and how many more: up to KERNEL_RUNS_MAX; more than that where there are more. Few codes are
 * the rule, and a range each is then cheaper than looking every row up. */
#define KERNEL_RUNS_MAX 6
struct kernel_run {
    uint64_t low, width;
};
size_t kernel_runs(const uint64_t *set, size_t set_count, struct kernel_run runs[KERNEL_RUNS_MAX]);

/* All words of `count` rows: `word` is an expression of `at`, which points at 64 rows of `row_bytes`. */
#define EACH_WORD(raw, row_bytes, word)                                                                                \
    do {                                                                                                               \
        const char *at = (const char *)(raw);                                                                          \
        size_t whole = count / 64, rest = count % 64;                                                                  \
        for (size_t i = 0; i < whole; i++, at += 64 * (row_bytes))                                                     \
            bits[i] = (word);                                                                                          \
        if (rest) {                                                                                                    \
            char rest_rows[64 * 8] = {0};                                                                              \
            memcpy(rest_rows, at, rest *(row_bytes));                                                                  \
            at = rest_rows;                                                                                            \
            bits[whole] = (word)&kernel_mask(rest);                                                                    \
        }                                                                                                              \
    } while (0)

/* --- groups --- */

/* The `size` <= 64 bits from bit `from`. The next word is read only where it may be: what lies past the last is not ours. */
KERNEL_INLINE uint64_t kernel_window(const uint64_t *bits, size_t from, size_t size, size_t last_word) {
    size_t word = from / 64, shift = from % 64, next = word < last_word ? word + 1 : last_word;
    word = word < last_word ? word : last_word;
    return (bits[word] >> shift | bits[next] << 1 << (63 - shift)) & kernel_mask(size);
}

/* Goes over the set bits of rows from .. from + size - 1 in words of up to 64: `word` holds them from row `at` on. */
#define KERNEL_EACH_WINDOW(from, size)                                                                                 \
    for (size_t at = (from), end = at + (size), word; at < end; at += 64)                                              \
        if ((word = kernel_window(bits, at, end - at < 64 ? end - at : 64, last_word)))

KERNEL_INLINE size_t kernel_last_word(const uint32_t *starts, size_t groups) {
    size_t rows = starts[groups] - starts[0];
    return rows ? (rows - 1) / 64 : 0;
}

/* Ranks: how many bits stand before a row, by a table of the rows' words of 32 bits, each with the bits before it. A group's count is the
 * rank of its end less that of its beginning, and its beginning is where the group before ended: one look-up a group, and no
 * branch that depends on a group's size. */
#define KERNEL_RANK_WORDS 64 /* of 64 rows: a table of 1 KiB */
struct kernel_ranks {
    uint64_t entries[2 * KERNEL_RANK_WORDS + 1]; /* bits below, bits before above */
    size_t first, end;                           /* rows */
    uint32_t before;                             /* bits before `end` */
};

KERNEL_INLINE void kernel_ranks_fill(struct kernel_ranks *r, const uint64_t *bits, size_t first, size_t words) {
    size_t some = words - first / 64 < KERNEL_RANK_WORDS ? words - first / 64 : KERNEL_RANK_WORDS;
    uint32_t before = r->before;
    for (size_t i = 0; i < some; i++) {
        uint64_t word = bits[first / 64 + i];
        r->entries[2 * i] = (uint32_t)word | (uint64_t)before << 32;
        before += (uint32_t)__builtin_popcount((uint32_t)word);
        r->entries[2 * i + 1] = word >> 32 | (uint64_t)before << 32;
        before += (uint32_t)__builtin_popcount((uint32_t)(word >> 32));
    }
    r->entries[2 * some] = (uint64_t)before << 32;
    r->before = before;
    r->first = first;
    r->end = first + some * 64;
}

KERNEL_INLINE uint32_t kernel_rank(const struct kernel_ranks *r, size_t row) {
    uint64_t entry = r->entries[(row - r->first) / 32];
    return (uint32_t)(entry >> 32) + (uint32_t)__builtin_popcountll(entry & ((1ull << row % 32) - 1));
}

/* Counts groups that end in `ends`, as far as the table covers them; returns how many did. `before`: the rank of the first one's beginning, and
 * then of the next one's. */
typedef size_t kernel_count_run(const struct kernel_ranks *r, const uint32_t *ends, uint32_t base, size_t count,
                                uint32_t *before, uint32_t *counts);

KERNEL_INLINE size_t kernel_count_run_body(const struct kernel_ranks *r, const uint32_t *ends, uint32_t base,
                                           size_t count, uint32_t *before, uint32_t *counts) {
    uint32_t last = *before;
    size_t i = 0;
    for (; i < count && ends[i] - base <= r->end; i++) {
        uint32_t rank = kernel_rank(r, ends[i] - base);
        counts[i] = rank - last;
        last = rank;
    }
    *before = last;
    return i;
}

/* Up to 64 counts to bits. */
typedef uint64_t kernel_compare_word(const uint32_t *counts, size_t count, uint32_t least);

KERNEL_INLINE uint64_t kernel_compare_word_body(const uint32_t *counts, size_t count, uint32_t least) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)(counts[i] >= least) << i;
    return word;
}

/* `count` groups, of rows that begin at `base`; there are `words` of bits. */
KERNEL_INLINE void kernel_count_groups(const uint64_t *bits, size_t words, uint32_t base, const uint32_t *starts,
                                       size_t count, uint32_t *counts, kernel_count_run *run) {
    struct kernel_ranks r;
    size_t group = 0, row = starts[0] - base;
    uint32_t before;
    r.before = 0;
    kernel_ranks_fill(&r, bits, row / 64 * 64, words);
    before = kernel_rank(&r, row);
    while ((group += run(&r, starts + group + 1, base, count - group, &before, counts + group)) < count)
        kernel_ranks_fill(&r, bits, r.end, words);
}

KERNEL_INLINE size_t kernel_group_words(const uint32_t *starts, size_t groups) {
    return ((size_t)(starts[groups] - starts[0]) + 63) / 64;
}

KERNEL_INLINE void kernel_group_count_body(const uint64_t *bits, const uint32_t *starts, size_t groups,
                                           uint32_t *counts, kernel_count_run *run) {
    kernel_count_groups(bits, kernel_group_words(starts, groups), starts[0], starts, groups, counts, run);
}

/* Counted some hundred groups at a time, so that counts stay in the first cache. */
#define KERNEL_COUNT_SOME 512
KERNEL_INLINE void kernel_group_at_least_body(const uint64_t *bits, const uint32_t *starts, size_t groups,
                                              uint32_t least, uint64_t *group_bits, kernel_count_run *run,
                                              kernel_compare_word *compare) {
    uint32_t counts[KERNEL_COUNT_SOME];
    size_t words = kernel_group_words(starts, groups);
    for (size_t i = 0; i < groups; i += KERNEL_COUNT_SOME) {
        size_t some = groups - i < KERNEL_COUNT_SOME ? groups - i : KERNEL_COUNT_SOME;
        kernel_count_groups(bits, words, starts[0], starts + i, some, counts, run);
        for (size_t k = 0; k < some; k += 64)
            group_bits[(i + k) / 64] = compare(counts + k, some - k < 64 ? some - k : 64, least);
    }
}

/* How many of KERNEL_ENDS ends are <= row. */
#define KERNEL_ENDS 16
typedef unsigned kernel_ends_up_to(const uint32_t *ends, uint32_t row);

/* Where to look for the group of a row: for slots of 1 << shift rows, the block of KERNEL_ENDS groups that their first row is in. With that each row
 * is found by itself, and none waits for the one before. */
#define KERNEL_SLOTS 512
struct kernel_slots {
    unsigned shift;
    uint32_t blocks[KERNEL_SLOTS + 1];
};

KERNEL_INLINE void kernel_slots_fill(struct kernel_slots *slots, const uint32_t *starts, size_t groups) {
    size_t rows = starts[groups] - starts[0], last;
    uint32_t most = 0;
    for (slots->shift = 2; rows >> slots->shift >= KERNEL_SLOTS;)
        slots->shift++;
    last = (rows >> slots->shift) + 1;
    memset(slots->blocks, 0, (last + 1) * sizeof *slots->blocks);
    for (size_t block = 0; block * KERNEL_ENDS < groups; block++)
        slots->blocks[(starts[block * KERNEL_ENDS] - starts[0] + ((size_t)1 << slots->shift) - 1) >> slots->shift] =
            (uint32_t)block;
    for (size_t i = 0; i <= last; i++) {
        most = slots->blocks[i] > most ? slots->blocks[i] : most;
        slots->blocks[i] = most;
    }
}

KERNEL_INLINE bool kernel_block_before(const uint32_t *starts, size_t groups, size_t block, uint32_t row) {
    size_t next = (block + 1) * KERNEL_ENDS;
    return starts[next < groups ? next : groups] <= row;
}

KERNEL_INLINE size_t kernel_group_of(const struct kernel_slots *slots, const uint32_t *starts, size_t groups,
                                     uint32_t row, kernel_ends_up_to *up_to) {
    size_t block = slots->blocks[(row - starts[0]) >> slots->shift], found;
    block += kernel_block_before(starts, groups, block, row); /* as likely as not, so no branch */
    block += kernel_block_before(starts, groups, block, row);
    while (kernel_block_before(starts, groups, block, row))
        block++;
    found = block * KERNEL_ENDS;
    if (found + KERNEL_ENDS <= groups)
        return found + up_to(starts + found + 1, row);
    while (starts[found + 1] <= row)
        found++;
    return found;
}

/* Rows that are in, one after the other, from `first` on; `room` for eight more than there are. Eight are written at a time, as the end of a loop
 * over each word's own bits would be guessed wrong each time. */
#define KERNEL_LIST_WORDS 32
KERNEL_INLINE size_t kernel_list_rows(const uint64_t *bits, size_t words, size_t rows, uint32_t first, uint32_t *room) {
    size_t listed = 0;
    for (size_t w = 0; w < words; w++) {
        uint64_t left = bits[w] & kernel_mask(rows - w * 64);
        size_t count = (size_t)__builtin_popcountll(left);
        for (size_t at = 0; at < count; at += 8)
            for (size_t k = 0; k < 8; k++, left &= left - 1)
                room[listed + at + k] = first + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left | 1ull << 63);
        listed += count;
    }
    return listed;
}

KERNEL_INLINE void kernel_group_some_at_least_body(const uint64_t *bits, const uint32_t *starts, size_t groups,
                                                   uint32_t least, uint64_t *group_bits, kernel_ends_up_to *up_to) {
    const size_t rows = starts[groups] - starts[0], words = (rows + 63) / 64;
    struct kernel_slots slots;
    uint32_t list[KERNEL_LIST_WORDS * 64 + 8], count = 0;
    size_t group = SIZE_MAX;
    kernel_slots_fill(&slots, starts, groups);
    memset(group_bits, 0, (groups + 63) / 64 * 8);
    for (size_t w = 0; w < words; w += KERNEL_LIST_WORDS) {
        size_t some = words - w < KERNEL_LIST_WORDS ? words - w : KERNEL_LIST_WORDS;
        size_t listed = kernel_list_rows(bits + w, some, rows - w * 64, starts[0] + (uint32_t)(w * 64), list);
        for (size_t i = 0; i < listed; i++) {
            size_t found = kernel_group_of(&slots, starts, groups, list[i], up_to);
            count = found == group ? count + 1 : 1;
            group = found;
            group_bits[group / 64] |= (uint64_t)(count >= least) << (group % 64);
        }
    }
}

/* --- rows that say whose they are --- */

/* Bits of groups that come in ascending order: the word in hand is stored with each of them, and never loaded, as a load would wait for the
 * store of the group before. */
struct kernel_ascending {
    size_t word;
    uint64_t bits;
};

KERNEL_INLINE void kernel_put(struct kernel_ascending *a, uint64_t *bits, size_t group, bool value) {
    a->bits = (a->bits & (0 - (uint64_t)(group / 64 == a->word))) | (uint64_t)value << (group % 64); /* no branch */
    a->word = group / 64;
    bits[a->word] = a->bits;
}

KERNEL_INLINE void kernel_owners_at_least_body(const uint64_t *bits, const uint16_t *owners, uint16_t base,
                                               uint16_t multiple, size_t count, uint32_t least, size_t groups,
                                               uint64_t *group_bits) {
    static const uint64_t every[KERNEL_LIST_WORDS] = {[0 ... KERNEL_LIST_WORDS - 1] = UINT64_MAX};
    const size_t words = (count + 63) / 64;
    uint32_t list[KERNEL_LIST_WORDS * 64 + 8], before = 0;
    struct kernel_ascending put = {.word = SIZE_MAX};
    size_t group = SIZE_MAX;
    for (size_t w = 0; w < words; w += KERNEL_LIST_WORDS) {
        size_t some = words - w < KERNEL_LIST_WORDS ? words - w : KERNEL_LIST_WORDS;
        size_t listed = kernel_list_rows(bits ? bits + w : every, some, count - w * 64, (uint32_t)(w * 64), list);
        for (size_t i = 0; i < listed; i++) {
            size_t found = (base + (uint32_t)multiple * owners[list[i]]) & (groups - 1);
            before = (before & (0 - (uint32_t)(found == group))) + 1;
            group = found;
            kernel_put(&put, group_bits, group, before >= least);
        }
    }
}

/* --- elements that say where a group begins --- */

KERNEL_INLINE size_t kernel_group_at(const uint64_t *begins, const uint32_t *before, size_t element) {
    uint64_t up_to = begins[element / 64] & (UINT64_MAX >> (63 - element % 64));
    return before[element / 64] + (size_t)__builtin_popcountll(up_to) - 1;
}

KERNEL_INLINE size_t kernel_begins_fill_body(const uint64_t *begins, size_t count, uint32_t *before) {
    uint32_t all = 0;
    for (size_t w = 0; w * 64 < count; w++) {
        before[w] = all;
        all += (uint32_t)__builtin_popcountll(begins[w] & kernel_mask(count - w * 64));
    }
    return all;
}

KERNEL_INLINE void kernel_begun_at_least_body(const uint64_t *bits, const uint64_t *begins, const uint32_t *before,
                                              size_t count, uint32_t least, uint64_t *group_bits) {
    const size_t words = (count + 63) / 64;
    uint32_t list[KERNEL_LIST_WORDS * 64 + 8], seen = 0;
    struct kernel_ascending put = {.word = SIZE_MAX};
    size_t group = SIZE_MAX;
    for (size_t w = 0; w < words; w += KERNEL_LIST_WORDS) {
        size_t some = words - w < KERNEL_LIST_WORDS ? words - w : KERNEL_LIST_WORDS;
        size_t listed = kernel_list_rows(bits + w, some, count - w * 64, (uint32_t)(w * 64), list);
        for (size_t i = 0; i < listed; i++) {
            size_t found = kernel_group_at(begins, before, list[i]);
            seen = (seen & (0 - (uint32_t)(found == group))) + 1;
            group = found;
            kernel_put(&put, group_bits, group, seen >= least);
        }
    }
}

KERNEL_INLINE void kernel_begun_among_body(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before,
                                           size_t count, uint64_t *bits) {
    const size_t words = (count + 63) / 64;
    uint32_t list[KERNEL_LIST_WORDS * 64 + 8];
    struct kernel_ascending put = {.word = SIZE_MAX};
    for (size_t w = 0; w < words; w += KERNEL_LIST_WORDS) {
        size_t some = words - w < KERNEL_LIST_WORDS ? words - w : KERNEL_LIST_WORDS;
        size_t listed = kernel_list_rows(bits + w, some, count - w * 64, (uint32_t)(w * 64), list);
        for (size_t i = 0; i < listed; i++) {
            size_t group = kernel_group_at(begins, before, list[i]);
            kernel_put(&put, bits, list[i], group_bits[group / 64] >> (group % 64) & 1);
        }
    }
}

/* --- members --- */

/* Each row is a trip to a set that no first cache holds. So the numbers of 64 rows are worked out by vectors, and then there are seven instructions
 * a row, of which many rows fit into what a processor looks ahead: it has as many trips under way as it can. */
KERNEL_INLINE uint64_t kernel_members_word(const uint32_t numbers[64], const uint64_t *set) {
    uint64_t word = 0;
    for (size_t k = 0; k < 64; k += 8) {
        uint64_t eight = 0;
        _Pragma("GCC unroll 8") for (size_t i = 0; i < 8; i++) {
            uint32_t number = numbers[k + i];
            uint64_t bit = set[number / 64] >> (number % 64);
            __asm__("" : "+r"(bit)); /* one by one: compilers would gather, at twice the cost */
            eight |= (bit & 1) << i;
        }
        word |= eight << k;
    }
    return word;
}

/* Which of 64 numbers are in the set, a bit each. */
typedef uint64_t kernel_numbers_in(const uint32_t numbers[64], const uint64_t *set);

#define KERNEL_MEMBERS(n)                                                                                              \
    for (size_t i = 0; i < count; i += 64) {                                                                           \
        const char *at = (const char *)raw + (n)*i;                                                                    \
        if (count - i < 64)                                                                                            \
            at = memcpy(rest, at, (n) * (count - i));                                                                  \
        for (size_t k = 0; k < 64; k++) {                                                                              \
            uint32_t value = (uint32_t)kernel_raw(at, n, k);                                                           \
            numbers[k] = base + multiple * (value < most ? value : most);                                              \
        }                                                                                                              \
        bits[i / 64] &= in(numbers, set);                                                                              \
    }

/* `most`: the greatest raw value that is in the set's range; `bits` has those up to it already. Any other is looked up as that. */
KERNEL_INLINE void kernel_members_body(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple,
                                       uint32_t most, const uint64_t *set, uint64_t *bits, kernel_numbers_in *in) {
    uint32_t numbers[64];
    char rest[64 * 8] = {0};
    KERNEL_BY_WIDTH(KERNEL_MEMBERS)
}

KERNEL_INLINE void kernel_group_first_body(const uint64_t *bits, const uint32_t *starts, size_t groups,
                                           uint32_t *rows) {
    size_t last_word = kernel_last_word(starts, groups);
    for (size_t i = 0; i < groups; i++) {
        size_t size = starts[i + 1] - starts[i];
        rows[i] = UINT32_MAX;
        KERNEL_EACH_WINDOW(starts[i] - starts[0], size) {
            rows[i] = starts[0] + (uint32_t)at + (uint32_t)__builtin_ctzll(word);
            break;
        }
    }
}

KERNEL_INLINE void kernel_group_last_body(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    size_t last_word = kernel_last_word(starts, groups);
    for (size_t i = 0; i < groups; i++) {
        size_t size = starts[i + 1] - starts[i];
        rows[i] = UINT32_MAX;
        KERNEL_EACH_WINDOW(starts[i] - starts[0], size)
        rows[i] = starts[0] + (uint32_t)at + 63 - (uint32_t)__builtin_clzll(word);
    }
}

KERNEL_INLINE uint64_t kernel_group_sum_body(const int64_t *values, const uint64_t *bits, const uint32_t *starts,
                                             size_t groups, int64_t *sums) {
    size_t last_word = kernel_last_word(starts, groups);
    uint64_t magnitude = 0;
    for (size_t i = 0; i < groups; i++) {
        uint64_t sum = 0;
        KERNEL_EACH_WINDOW(starts[i] - starts[0], starts[i + 1] - starts[i])
        for (; word; word &= word - 1) {
            int64_t value = values[at + (size_t)__builtin_ctzll(word)];
            sum += (uint64_t)value;
            magnitude |= (uint64_t)(value ^ value >> 63);
        }
        sums[i] = (int64_t)sum;
    }
    return magnitude;
}

KERNEL_INLINE void kernel_group_extreme_body(const int64_t *values, const uint64_t *bits, const uint32_t *starts,
                                             size_t groups, bool greatest, int64_t *out) {
    size_t last_word = kernel_last_word(starts, groups);
    for (size_t i = 0; i < groups; i++) {
        int64_t best = greatest ? INT64_MIN : INT64_MAX;
        bool found = false;
        KERNEL_EACH_WINDOW(starts[i] - starts[0], starts[i + 1] - starts[i])
        for (found = true; word; word &= word - 1) {
            int64_t value = values[at + (size_t)__builtin_ctzll(word)];
            best = greatest ? (value > best ? value : best) : (value < best ? value : best);
        }
        out[i] = found ? best : out[i];
    }
}

/* Each group's begin and end turns one bit over where the group before is not like it; then every bit becomes the parity of those up to
 * it. Empty groups turn the same bit over twice. */
KERNEL_INLINE void kernel_spread_body(const uint64_t *group_bits, const uint32_t *starts, size_t groups,
                                      uint64_t *bits) {
    size_t rows = starts[groups] - starts[0], words = (rows + 63) / 64;
    uint64_t before = 0, carry = 0;
    memset(bits, 0, words * 8);
    for (size_t i = 0; i < groups; i += 64) {
        uint64_t word = group_bits[i / 64] & kernel_mask(groups - i), turns = word ^ (word << 1 | before);
        before = word >> 63;
        for (; turns; turns &= turns - 1) {
            size_t row = starts[i + (size_t)__builtin_ctzll(turns)] - starts[0];
            if (row < rows)
                bits[row / 64] ^= 1ull << (row % 64);
        }
    }
    for (size_t i = 0; i < words; i++) {
        uint64_t word = bits[i];
        for (unsigned shift = 1; shift < 64; shift *= 2)
            word ^= word << shift;
        word ^= -carry;
        carry = word >> 63;
        bits[i] = word;
    }
    if (rows % 64)
        bits[words - 1] &= kernel_mask(rows % 64);
}

#endif
