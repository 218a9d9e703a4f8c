/* kernel_avx2: the kernels with 256-bit vectors. Conditions are made a word of 64 rows at a time; the last rows, where they are fewer, are
 * copied to where a whole word may be read. */
#define KERNEL_VECTOR_BYTES 32
#include "language/kernel_pick.h"

#if KERNEL_X86
#include <immintrin.h>

#define TARGET KERNEL_TARGET_AVX2
#define VECTOR_INLINE static inline TARGET __attribute__((always_inline))
#define FEW_ROWS 128 /* below this no set is looked through for runs */

VECTOR_INLINE __m256i load(const void *at) { return _mm256_loadu_si256((const __m256i *)at); }
VECTOR_INLINE void store(void *at, __m256i v) { _mm256_storeu_si256((__m256i *)at, v); }

/* --- sets --- */

TARGET static void and_(uint64_t *into, const uint64_t *other, size_t words) {
    size_t i = 0;
    for (; i + 4 <= words; i += 4)
        store(into + i, _mm256_and_si256(load(into + i), load(other + i)));
    for (; i < words; i++)
        into[i] &= other[i];
}

TARGET static void and_not(uint64_t *into, const uint64_t *other, size_t words) {
    size_t i = 0;
    for (; i + 4 <= words; i += 4)
        store(into + i, _mm256_andnot_si256(load(other + i), load(into + i)));
    for (; i < words; i++)
        into[i] &= ~other[i];
}

TARGET static void or_(uint64_t *into, const uint64_t *other, size_t words) {
    size_t i = 0;
    for (; i + 4 <= words; i += 4)
        store(into + i, _mm256_or_si256(load(into + i), load(other + i)));
    for (; i < words; i++)
        into[i] |= other[i];
}

/* One popcnt a word and cycle is more than memory gives. */
TARGET static uint64_t count(const uint64_t *bits, size_t words) {
    uint64_t sums[4] = {0};
    size_t i = 0;
    for (; i + 4 <= words; i += 4)
        _Pragma("GCC unroll 4") for (size_t k = 0; k < 4; k++) sums[k] += (uint64_t)__builtin_popcountll(bits[i + k]);
    for (; i < words; i++)
        sums[0] += (uint64_t)__builtin_popcountll(bits[i]);
    return sums[0] + sums[1] + sums[2] + sums[3];
}

TARGET static uint64_t combine(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out) {
    return kernel_combine_body(steps, step_count, words, out);
}

/* --- conditions --- */

VECTOR_INLINE uint64_t signs16(__m256i low, __m256i high) {
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8);
    return (uint32_t)_mm256_movemask_epi8(packed);
}

VECTOR_INLINE uint64_t range_word1(const char *at, __m256i low, __m256i width) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 2; k++) {
        __m256i x = _mm256_sub_epi8(load(at + 32 * k), low);
        word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(x, width), x)) << (32 * k);
    }
    return word;
}

VECTOR_INLINE __m256i in_range2(const char *at, __m256i low, __m256i width) {
    __m256i x = _mm256_sub_epi16(load(at), low);
    return _mm256_cmpeq_epi16(_mm256_min_epu16(x, width), x);
}

VECTOR_INLINE uint64_t range_word2(const char *at, __m256i low, __m256i width) {
    return signs16(in_range2(at, low, width), in_range2(at + 32, low, width)) |
           signs16(in_range2(at + 64, low, width), in_range2(at + 96, low, width)) << 32;
}

VECTOR_INLINE __m256i in_range4(const char *at, __m256i low, __m256i width) {
    __m256i x = _mm256_sub_epi32(load(at), low);
    return _mm256_cmpeq_epi32(_mm256_min_epu32(x, width), x);
}

VECTOR_INLINE uint64_t range_word4(const char *at, __m256i low, __m256i width) {
    const __m256i in_order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7); /* packing goes by halves */
    uint64_t word = 0;
    _Pragma("GCC unroll 2") for (unsigned k = 0; k < 2; k++, at += 128) {
        __m256i first = _mm256_packs_epi32(in_range4(at, low, width), in_range4(at + 32, low, width));
        __m256i second = _mm256_packs_epi32(in_range4(at + 64, low, width), in_range4(at + 96, low, width));
        __m256i all = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(first, second), in_order);
        word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(all) << (32 * k);
    }
    return word;
}

/* There is no unsigned comparison: both sides are moved by half of all there are. */
VECTOR_INLINE uint64_t range_word8(const char *at, __m256i low, __m256i width) {
    const __m256i half = _mm256_set1_epi64x(INT64_MIN);
    uint64_t above = 0;
    for (unsigned k = 0; k < 16; k++) {
        __m256i x = _mm256_xor_si256(_mm256_sub_epi64(load(at + 32 * k), low), half);
        __m256i more = _mm256_cmpgt_epi64(x, _mm256_xor_si256(width, half));
        above |= (uint64_t)(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(more)) << (4 * k);
    }
    return ~above;
}

TARGET static void range(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits) {
    __m256i l, w;
    switch (bytes) {
    case 1:
        l = _mm256_set1_epi8((char)low), w = _mm256_set1_epi8((char)width);
        EACH_WORD(raw, 1, range_word1(at, l, w));
        break;
    case 2:
        l = _mm256_set1_epi16((short)low), w = _mm256_set1_epi16((short)width);
        EACH_WORD(raw, 2, range_word2(at, l, w));
        break;
    case 4:
        l = _mm256_set1_epi32((int)low), w = _mm256_set1_epi32((int)width);
        EACH_WORD(raw, 4, range_word4(at, l, w));
        break;
    default:
        l = _mm256_set1_epi64x((long long)low), w = _mm256_set1_epi64x((long long)width);
        EACH_WORD(raw, 8, range_word8(at, l, w));
    }
}

/* Codes of a byte: the byte of the set that code / 8 leads to, by two shuffles of 16 bytes, and in it the bit of code % 8. */
struct byte_set {
    __m256i low, high, bit;
};

VECTOR_INLINE struct byte_set byte_set_of(const uint64_t *set, size_t set_count) {
    uint64_t words[4] = {0};
    for (size_t i = 0; i < 4 && i * 64 < set_count; i++)
        words[i] = set[i] & kernel_mask(set_count - i * 64);
    return (struct byte_set){
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)words)),
        _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(words + 2))),
        _mm256_set1_epi64x((long long)0x8040201008040201),
    };
}

VECTOR_INLINE uint64_t codes_word1(const char *at, struct byte_set s) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 2; k++) {
        __m256i code = load(at + 32 * k);
        __m256i byte = _mm256_and_si256(_mm256_srli_epi16(code, 3), _mm256_set1_epi8(15));
        __m256i found = _mm256_blendv_epi8(_mm256_shuffle_epi8(s.low, byte), _mm256_shuffle_epi8(s.high, byte), code);
        __m256i bit = _mm256_shuffle_epi8(s.bit, _mm256_and_si256(code, _mm256_set1_epi8(7)));
        __m256i hit = _mm256_cmpeq_epi8(_mm256_and_si256(found, bit), bit);
        word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (32 * k);
    }
    return word;
}

/* Codes below 16, the rest of which are none: one shuffle, which gives 0 where a byte's top bit is set. */
VECTOR_INLINE uint64_t few_codes_word1(const char *at, __m256i set) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 2; k++) {
        __m256i code = _mm256_adds_epu8(load(at + 32 * k), _mm256_set1_epi8(0x70));
        word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_shuffle_epi8(set, code)) << (32 * k);
    }
    return word;
}

/* Those below 32: the upper ones likewise. */
VECTOR_INLINE uint64_t some_codes_word1(const char *at, __m256i low, __m256i high) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 2; k++) {
        __m256i code = load(at + 32 * k);
        __m256i first = _mm256_shuffle_epi8(low, _mm256_adds_epu8(code, _mm256_set1_epi8(0x70)));
        code = _mm256_adds_epu8(_mm256_sub_epi8(code, _mm256_set1_epi8(16)), _mm256_set1_epi8(0x70));
        __m256i hit = _mm256_or_si256(first, _mm256_shuffle_epi8(high, code));
        word |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (32 * k);
    }
    return word;
}

/* Sixteen codes of a set from `first` on, a byte each with its top bit set where the code is in. */
VECTOR_INLINE __m256i bytes_of_set(const uint64_t *set, size_t set_count, size_t first) {
    char bytes[16];
    for (size_t i = 0; i < 16; i++)
        bytes[i] = kernel_has(set, set_count, first + i) ? (char)0x80 : 0;
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)bytes));
}

VECTOR_INLINE uint64_t look_codes_up(__m256i code, const int *set, __m256i last) {
    __m256i inside = _mm256_cmpeq_epi32(_mm256_min_epu32(code, last), code);
    __m256i found = _mm256_mask_i32gather_epi32(_mm256_setzero_si256(), set, _mm256_srli_epi32(code, 5), inside, 4);
    __m256i sign = _mm256_sllv_epi32(found, _mm256_andnot_si256(code, _mm256_set1_epi32(31)));
    return (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(sign));
}

VECTOR_INLINE uint64_t codes_word2(const char *at, const int *set, __m256i last) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 8; k++)
        word |= look_codes_up(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(at + 16 * k))), set, last)
                << (8 * k);
    return word;
}

VECTOR_INLINE uint64_t codes_word4(const char *at, const int *set, __m256i last) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 8; k++)
        word |= look_codes_up(load(at + 32 * k), set, last) << (8 * k);
    return word;
}

VECTOR_INLINE uint64_t runs_word2(const char *at, const struct kernel_run *runs, size_t run_count) {
    uint64_t word = 0;
    for (size_t i = 0; i < run_count; i++)
        word |= range_word2(at, _mm256_set1_epi16((short)runs[i].low), _mm256_set1_epi16((short)runs[i].width));
    return word;
}

VECTOR_INLINE uint64_t runs_word4(const char *at, const struct kernel_run *runs, size_t run_count) {
    uint64_t word = 0;
    for (size_t i = 0; i < run_count; i++)
        word |= range_word4(at, _mm256_set1_epi32((int)runs[i].low), _mm256_set1_epi32((int)runs[i].width));
    return word;
}

TARGET static void codes(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count,
                         uint64_t *bits) {
    struct kernel_run runs[KERNEL_RUNS_MAX];
    if (bytes == 1 && set_count <= 32) {
        __m256i low = bytes_of_set(set, set_count, 0), high = bytes_of_set(set, set_count, 16);
        if (set_count <= 16)
            EACH_WORD(raw, 1, few_codes_word1(at, low));
        else
            EACH_WORD(raw, 1, some_codes_word1(at, low, high));
        return;
    }
    if (bytes == 1) {
        struct byte_set s = byte_set_of(set, set_count);
        EACH_WORD(raw, 1, codes_word1(at, s));
        return;
    }
    if (bytes == 2 && set_count > 65536)
        set_count = 65536; /* so that a run's width is of two bytes */
    size_t run_count = count < FEW_ROWS && set_count ? KERNEL_RUNS_MAX + 1 : kernel_runs(set, set_count, runs);
    __m256i last = _mm256_set1_epi32((int)(uint32_t)(set_count - 1));
    if (run_count <= KERNEL_RUNS_MAX && bytes == 2)
        EACH_WORD(raw, 2, runs_word2(at, runs, run_count));
    else if (run_count <= KERNEL_RUNS_MAX)
        EACH_WORD(raw, 4, runs_word4(at, runs, run_count));
    else if (bytes == 2)
        EACH_WORD(raw, 2, codes_word2(at, (const int *)(const void *)set, last));
    else
        EACH_WORD(raw, 4, codes_word4(at, (const int *)(const void *)set, last));
}

VECTOR_INLINE uint64_t real_word(const char *at, __m256d low, __m256d high) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 16; k++) {
        __m256d x = _mm256_loadu_pd((const double *)(const void *)(at + 32 * k));
        __m256d in = _mm256_and_pd(_mm256_cmp_pd(x, low, _CMP_GE_OQ), _mm256_cmp_pd(x, high, _CMP_LE_OQ));
        word |= (uint64_t)(unsigned)_mm256_movemask_pd(in) << (4 * k);
    }
    return word;
}

TARGET static void between_real(const double *values, size_t count, double low, double high, uint64_t *bits) {
    __m256d l = _mm256_set1_pd(low), h = _mm256_set1_pd(high);
    EACH_WORD(values, 8, real_word(at, l, h));
}

/* Two columns side by side: their last rows row by row. */
#define EACH_PAIR(compared, plain)                                                                                     \
    size_t i = 0;                                                                                                      \
    for (; i + 64 <= count; i += 64) {                                                                                 \
        uint64_t word = 0;                                                                                             \
        for (size_t k = 0; k < 64; k += 4) {                                                                           \
            __m256i l = load(left + i + k), r = load(right + i + k);                                                   \
            word |= (uint64_t)(unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(compared)) << k;                        \
        }                                                                                                              \
        bits[i / 64] = word;                                                                                           \
    }                                                                                                                  \
    if (i < count)                                                                                                     \
        bits[i / 64] = 0;                                                                                              \
    for (; i < count; i++)                                                                                             \
    bits[i / 64] |= (uint64_t)(plain) << (i % 64)

TARGET static void less(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    EACH_PAIR(_mm256_cmpgt_epi64(r, l), left[i] < right[i]);
}

TARGET static void equal(const int64_t *left, const int64_t *right, size_t count, uint64_t *bits) {
    EACH_PAIR(_mm256_cmpeq_epi64(l, r), left[i] == right[i]);
}

/* --- values --- */

VECTOR_INLINE __m256i widened(const char *raw, unsigned bytes, size_t i) {
    int32_t four;
    switch (bytes) {
    case 1:
        memcpy(&four, raw + i, 4);
        return _mm256_cvtepu8_epi64(_mm_cvtsi32_si128(four));
    case 2:
        return _mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)(raw + 2 * i)));
    case 4:
        return _mm256_cvtepu32_epi64(_mm_loadu_si128((const __m128i *)(raw + 4 * i)));
    default:
        return load(raw + 8 * i);
    }
}

/* 64 by 64 bits out of three products of 32. */
VECTOR_INLINE __m256i product(__m256i a, __m256i b) {
    __m256i cross =
        _mm256_add_epi64(_mm256_mul_epu32(_mm256_srli_epi64(a, 32), b), _mm256_mul_epu32(a, _mm256_srli_epi64(b, 32)));
    return _mm256_add_epi64(_mm256_mul_epu32(a, b), _mm256_slli_epi64(cross, 32));
}

VECTOR_INLINE void widen_all(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple,
                             int64_t *out) {
    __m256i b = _mm256_set1_epi64x(base), m = _mm256_set1_epi64x(multiple);
    size_t i = 0;
    if (multiple == 1)
        for (; i + 4 <= count; i += 4)
            store(out + i, _mm256_add_epi64(b, widened(raw, bytes, i)));
    else
        for (; i + 4 <= count; i += 4)
            store(out + i, _mm256_add_epi64(b, product(widened(raw, bytes, i), m)));
    for (; i < count; i++)
        out[i] = (int64_t)((uint64_t)base + (uint64_t)multiple * kernel_raw(raw, bytes, i));
}

TARGET static void widen(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple, int64_t *out) {
#define WIDEN(n) widen_all(raw, n, count, base, multiple, out)
    KERNEL_BY_WIDTH(WIDEN)
#undef WIDEN
}

static void look_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                    int64_t *out) {
    kernel_scalar.look_up(raw, bytes, count, numbers, numbers_count, out);
}

TARGET static void times(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out) {
    const __m256i thousand = _mm256_set1_epi64x(1000);
    size_t i = 0;
    for (; i + 4 <= count; i += 4) {
        __m256i t = product(load(seconds + i), thousand);
        store(out + i, ms ? _mm256_add_epi64(t, load(ms + i)) : t);
    }
    for (; i < count; i++)
        out[i] = (int64_t)((uint64_t)seconds[i] * 1000 + (ms ? (uint64_t)ms[i] : 0));
}

/* --- groups --- */

TARGET static size_t count_run(const struct kernel_ranks *r, const uint32_t *ends, uint32_t base, size_t count,
                               uint32_t *before, uint32_t *counts) {
    return kernel_count_run_body(r, ends, base, count, before, counts);
}

TARGET static uint64_t compare_word(const uint32_t *counts, size_t count, uint32_t least) {
    return kernel_compare_word_body(counts, count, least);
}

TARGET static void group_count(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts) {
    kernel_group_count_body(bits, starts, groups, counts, count_run);
}

TARGET static void group_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                  uint64_t *group_bits) {
    kernel_group_at_least_body(bits, starts, groups, least, group_bits, count_run, compare_word);
}

VECTOR_INLINE unsigned ends_up_to(const uint32_t *ends, uint32_t row) {
    const __m256i at = _mm256_set1_epi32((int)row), low = load(ends), high = load(ends + 8);
    __m256i low_in = _mm256_cmpeq_epi32(_mm256_max_epu32(low, at), at),
            high_in = _mm256_cmpeq_epi32(_mm256_max_epu32(high, at), at);
    return (unsigned)__builtin_popcount((unsigned)_mm256_movemask_epi8(_mm256_packs_epi32(low_in, high_in))) / 2;
}

TARGET static void group_some_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                       uint64_t *group_bits) {
    kernel_group_some_at_least_body(bits, starts, groups, least, group_bits, ends_up_to);
}

VECTOR_INLINE uint32_t equal_numbers(const uint16_t *a, const uint16_t *b) {
    return (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi16(load(a), load(b)));
}

VECTOR_INLINE void owners_to_groups(uint16_t *owners, size_t count, uint16_t base, uint16_t multiple, uint16_t last) {
    const __m256i b = _mm256_set1_epi16((short)base), m = _mm256_set1_epi16((short)multiple);
    for (size_t i = 0; i < count; i += 16)
        store(owners + i, _mm256_and_si256(_mm256_add_epi16(b, _mm256_mullo_epi16(m, load(owners + i))),
                                           _mm256_set1_epi16((short)last)));
}

VECTOR_INLINE size_t pick_owners(const uint64_t *bits, const uint16_t *owners, size_t rows, uint16_t *to) {
    return kernel_pick_owners_body(bits, owners, rows, to);
}

TARGET static void owners_at_least(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                                   size_t count, uint32_t least, size_t groups, uint64_t *group_bits) {
    kernel_owners_picked(bits, owners, base, multiple, count, least, groups, group_bits, pick_owners, owners_to_groups,
                         equal_numbers);
}

TARGET static size_t begins_fill(const uint64_t *begins, size_t count, uint32_t *before) {
    return kernel_begins_fill_body(begins, count, before);
}

TARGET static void begun_at_least(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                                  uint32_t least, uint64_t *group_bits) {
    kernel_begun_picked(bits, begins, before, count, least, group_bits, equal_numbers);
}

TARGET static void begun_among(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                               uint64_t *bits) {
    kernel_begun_among_body(group_bits, begins, before, count, bits);
}

TARGET static void members(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple,
                           uint32_t most, const uint64_t *set, uint64_t *bits) {
    range(raw, bytes, count, 0, most, bits);
    kernel_members_body(raw, bytes, count, base, multiple, most, set, bits, kernel_members_word);
}

TARGET static uint64_t group_sum(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                                 int64_t *sums) {
    return kernel_group_sum_body(values, bits, starts, groups, sums);
}

TARGET static void group_min(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                             int64_t *out) {
    kernel_group_extreme_body(values, bits, starts, groups, false, out);
}

TARGET static void group_max(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                             int64_t *out) {
    kernel_group_extreme_body(values, bits, starts, groups, true, out);
}

TARGET static void group_first(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    kernel_group_first_body(bits, starts, groups, rows);
}

TARGET static void group_last(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *rows) {
    kernel_group_last_body(bits, starts, groups, rows);
}

TARGET static void spread(const uint64_t *group_bits, const uint32_t *starts, size_t groups, uint64_t *bits) {
    kernel_spread_body(group_bits, starts, groups, bits);
}

const struct kernel_table kernel_avx2 = {
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
#endif
