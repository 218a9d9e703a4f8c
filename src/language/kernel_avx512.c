/* kernel_avx512: the kernels with 512-bit vectors, where a comparison of 64 bytes is the word of bits itself. Last rows are read under a
 * mask, so that nothing past them is touched. */
#define KERNEL_VECTOR_BYTES 64
#include "language/kernel_pick.h"

#if KERNEL_X86
#include <immintrin.h>

#define TARGET KERNEL_TARGET_AVX512
#define VECTOR_INLINE static inline TARGET __attribute__((always_inline))
#define FEW_ROWS 128 /* below this no set is looked through for runs */

VECTOR_INLINE __m512i load(const void *at) { return _mm512_loadu_si512(at); }
VECTOR_INLINE __mmask8 mask_of(size_t count) { return (__mmask8)kernel_mask(count < 8 ? count : 8); }

/* --- sets --- */

#define EACH_VECTOR(operation)                                                                                         \
    for (size_t i = 0; i < words; i += 8) {                                                                            \
        __mmask8 mask = mask_of(words - i);                                                                            \
        __m512i a = _mm512_maskz_loadu_epi64(mask, into + i), b = _mm512_maskz_loadu_epi64(mask, other + i);           \
        _mm512_mask_storeu_epi64(into + i, mask, operation);                                                           \
    }

TARGET static void and_(uint64_t *into, const uint64_t *other, size_t words){EACH_VECTOR(_mm512_and_si512(a, b))}

TARGET static void and_not(uint64_t *into, const uint64_t *other, size_t words){EACH_VECTOR(_mm512_andnot_si512(b, a))}

TARGET static void or_(uint64_t *into, const uint64_t *other, size_t words){EACH_VECTOR(_mm512_or_si512(a, b))}

TARGET static uint64_t count(const uint64_t *bits, size_t words) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < words; i += 8)
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_maskz_loadu_epi64(mask_of(words - i), bits + i)));
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}

TARGET static uint64_t combine(const struct kernel_set_step *steps, size_t step_count, size_t words, uint64_t *out) {
    return kernel_combine_body(steps, step_count, words, out);
}

/* --- conditions --- */

VECTOR_INLINE uint64_t range_word1(const char *at, __m512i low, __m512i width) {
    return _mm512_cmple_epu8_mask(_mm512_sub_epi8(load(at), low), width);
}

VECTOR_INLINE uint64_t range_word2(const char *at, __m512i low, __m512i width) {
    uint64_t first = _mm512_cmple_epu16_mask(_mm512_sub_epi16(load(at), low), width);
    return first | (uint64_t)_mm512_cmple_epu16_mask(_mm512_sub_epi16(load(at + 64), low), width) << 32;
}

VECTOR_INLINE uint64_t range_word4(const char *at, __m512i low, __m512i width) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 4; k++)
        word |= (uint64_t)_mm512_cmple_epu32_mask(_mm512_sub_epi32(load(at + 64 * k), low), width) << (16 * k);
    return word;
}

VECTOR_INLINE uint64_t range_word8(const char *at, __m512i low, __m512i width) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 8; k++)
        word |= (uint64_t)_mm512_cmple_epu64_mask(_mm512_sub_epi64(load(at + 64 * k), low), width) << (8 * k);
    return word;
}

TARGET static void range(const void *raw, unsigned bytes, size_t count, uint64_t low, uint64_t width, uint64_t *bits) {
    __m512i l, w;
    switch (bytes) {
    case 1:
        l = _mm512_set1_epi8((char)low), w = _mm512_set1_epi8((char)width);
        EACH_WORD(raw, 1, range_word1(at, l, w));
        break;
    case 2:
        l = _mm512_set1_epi16((short)low), w = _mm512_set1_epi16((short)width);
        EACH_WORD(raw, 2, range_word2(at, l, w));
        break;
    case 4:
        l = _mm512_set1_epi32((int)low), w = _mm512_set1_epi32((int)width);
        EACH_WORD(raw, 4, range_word4(at, l, w));
        break;
    default:
        l = _mm512_set1_epi64((long long)low), w = _mm512_set1_epi64((long long)width);
        EACH_WORD(raw, 8, range_word8(at, l, w));
    }
}

/* Codes of a byte: the byte of the set that code / 8 leads to, and in it the bit of code % 8. */
VECTOR_INLINE uint64_t codes_word1(const char *at, __m512i set) {
    __m512i code = load(at), byte = _mm512_and_si512(_mm512_srli_epi16(code, 3), _mm512_set1_epi8(31));
    __m512i bit = _mm512_shuffle_epi8(_mm512_set1_epi64((long long)0x8040201008040201),
                                      _mm512_and_si512(code, _mm512_set1_epi8(7)));
    return _mm512_test_epi8_mask(_mm512_permutexvar_epi8(byte, set), bit);
}

VECTOR_INLINE __m512i byte_set_of(const uint64_t *set, size_t set_count) {
    uint64_t words[8] = {0};
    for (size_t i = 0; i < 4 && i * 64 < set_count; i++)
        words[i] = set[i] & kernel_mask(set_count - i * 64);
    return load(words);
}

VECTOR_INLINE uint64_t look_codes_up(__m512i code, const void *set, __m512i last) {
    __mmask16 inside = _mm512_cmple_epu32_mask(code, last);
    __m512i found = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), inside, _mm512_srli_epi32(code, 5), set, 4);
    __m512i bit = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(code, _mm512_set1_epi32(31)));
    return _mm512_test_epi32_mask(found, bit);
}

VECTOR_INLINE uint64_t codes_word2(const char *at, const void *set, __m512i last) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 4; k++) {
        __m512i code = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(at + 32 * k)));
        word |= look_codes_up(code, set, last) << (16 * k);
    }
    return word;
}

VECTOR_INLINE uint64_t codes_word4(const char *at, const void *set, __m512i last) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 4; k++)
        word |= look_codes_up(load(at + 64 * k), set, last) << (16 * k);
    return word;
}

VECTOR_INLINE uint64_t runs_word2(const char *at, const struct kernel_run *runs, size_t run_count) {
    uint64_t word = 0;
    for (size_t i = 0; i < run_count; i++)
        word |= range_word2(at, _mm512_set1_epi16((short)runs[i].low), _mm512_set1_epi16((short)runs[i].width));
    return word;
}

VECTOR_INLINE uint64_t runs_word4(const char *at, const struct kernel_run *runs, size_t run_count) {
    uint64_t word = 0;
    for (size_t i = 0; i < run_count; i++)
        word |= range_word4(at, _mm512_set1_epi32((int)runs[i].low), _mm512_set1_epi32((int)runs[i].width));
    return word;
}

TARGET static void codes(const void *raw, unsigned bytes, size_t count, const uint64_t *set, size_t set_count,
                         uint64_t *bits) {
    struct kernel_run runs[KERNEL_RUNS_MAX];
    if (bytes == 1) {
        __m512i table = byte_set_of(set, set_count);
        EACH_WORD(raw, 1, codes_word1(at, table));
        return;
    }
    if (bytes == 2 && set_count > 65536)
        set_count = 65536; /* so that a run's width is of two bytes */
    size_t run_count = count < FEW_ROWS && set_count ? KERNEL_RUNS_MAX + 1 : kernel_runs(set, set_count, runs);
    __m512i last = _mm512_set1_epi32((int)(uint32_t)(set_count - 1));
    if (run_count <= KERNEL_RUNS_MAX && bytes == 2)
        EACH_WORD(raw, 2, runs_word2(at, runs, run_count));
    else if (run_count <= KERNEL_RUNS_MAX)
        EACH_WORD(raw, 4, runs_word4(at, runs, run_count));
    else if (bytes == 2)
        EACH_WORD(raw, 2, codes_word2(at, set, last));
    else
        EACH_WORD(raw, 4, codes_word4(at, set, last));
}

VECTOR_INLINE uint64_t real_word(const char *at, __m512d low, __m512d high) {
    uint64_t word = 0;
    for (unsigned k = 0; k < 8; k++) {
        __m512d x = _mm512_loadu_pd(at + 64 * k);
        __mmask8 in = _mm512_mask_cmp_pd_mask(_mm512_cmp_pd_mask(x, low, _CMP_GE_OQ), x, high, _CMP_LE_OQ);
        word |= (uint64_t)in << (8 * k);
    }
    return word;
}

TARGET static void between_real(const double *values, size_t count, double low, double high, uint64_t *bits) {
    __m512d l = _mm512_set1_pd(low), h = _mm512_set1_pd(high);
    EACH_WORD(values, 8, real_word(at, l, h));
}

#define EACH_PAIR(compare)                                                                                             \
    for (size_t i = 0; i < count; i += 64) {                                                                           \
        uint64_t word = 0;                                                                                             \
        for (size_t k = 0; k < 64 && i + k < count; k += 8) {                                                          \
            __mmask8 mask = mask_of(count - i - k);                                                                    \
            __m512i l = _mm512_maskz_loadu_epi64(mask, left + i + k);                                                  \
            __m512i r = _mm512_maskz_loadu_epi64(mask, right + i + k);                                                 \
            word |= (uint64_t)compare(mask, l, r) << k;                                                                \
        }                                                                                                              \
        bits[i / 64] = word;                                                                                           \
    }

TARGET static void less(const int64_t *left, const int64_t *right, size_t count,
                        uint64_t *bits){EACH_PAIR(_mm512_mask_cmplt_epi64_mask)}

TARGET static void equal(const int64_t *left, const int64_t *right, size_t count,
                         uint64_t *bits){EACH_PAIR(_mm512_mask_cmpeq_epi64_mask)}

/* --- values --- */

/* Rows i .. i + 7, those of `mask`. */
VECTOR_INLINE __m512i widened(const char *raw, unsigned bytes, size_t i, __mmask8 mask) {
    switch (bytes) {
    case 1:
        return _mm512_cvtepu8_epi64(_mm_maskz_loadu_epi8(mask, raw + i));
    case 2:
        return _mm512_cvtepu16_epi64(_mm_maskz_loadu_epi16(mask, raw + 2 * i));
    case 4:
        return _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(mask, raw + 4 * i));
    default:
        return _mm512_maskz_loadu_epi64(mask, raw + 8 * i);
    }
}

/* A multiple of 32 bits, and raw values of as many, take one multiplication instead of three. */
VECTOR_INLINE void widen_all(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple,
                             int64_t *out) {
    __m512i b = _mm512_set1_epi64(base), m = _mm512_set1_epi64(multiple);
    bool small = bytes < 8 && (uint64_t)multiple <= UINT32_MAX;
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 mask = mask_of(count - i);
        __m512i x = widened(raw, bytes, i, mask);
        x = multiple == 1 ? x : small ? _mm512_mul_epu32(x, m) : _mm512_mullo_epi64(x, m);
        _mm512_mask_storeu_epi64(out + i, mask, _mm512_add_epi64(b, x));
    }
}

TARGET static void widen(const void *raw, unsigned bytes, size_t count, int64_t base, int64_t multiple, int64_t *out){
#define WIDEN(n) widen_all(raw, n, count, base, multiple, out)
    KERNEL_BY_WIDTH(WIDEN)
#undef WIDEN
}

VECTOR_INLINE void look_all_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers,
                               size_t numbers_count, int64_t *out) {
    __m512i end = _mm512_set1_epi64((long long)numbers_count);
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 mask = mask_of(count - i);
        __m512i at = widened(raw, bytes, i, mask);
        __mmask8 inside = _mm512_mask_cmplt_epu64_mask(mask, at, end);
        _mm512_mask_storeu_epi64(out + i, mask,
                                 _mm512_mask_i64gather_epi64(_mm512_setzero_si512(), inside, at, numbers, 8));
    }
}

TARGET static void look_up(const void *raw, unsigned bytes, size_t count, const int64_t *numbers, size_t numbers_count,
                           int64_t *out){
#define LOOK_UP(n) look_all_up(raw, n, count, numbers, numbers_count, out)
    KERNEL_BY_WIDTH(LOOK_UP)
#undef LOOK_UP
}

TARGET static void times(const int64_t *seconds, const int64_t *ms, size_t count, int64_t *out) {
    const __m512i thousand = _mm512_set1_epi64(1000);
    for (size_t i = 0; i < count; i += 8) {
        __mmask8 mask = mask_of(count - i);
        __m512i t = _mm512_mullo_epi64(_mm512_maskz_loadu_epi64(mask, seconds + i), thousand);
        t = ms ? _mm512_add_epi64(t, _mm512_maskz_loadu_epi64(mask, ms + i)) : t;
        _mm512_mask_storeu_epi64(out + i, mask, t);
    }
}

/* --- groups --- */

TARGET static size_t count_run(const struct kernel_ranks *r, const uint32_t *ends, uint32_t base, size_t count,
                               uint32_t *before, uint32_t *counts) {
    const __m512i one = _mm512_set1_epi64(1), low = _mm512_set1_epi64(31);
    __m512i last = _mm512_set1_epi64(*before), first = _mm512_set1_epi64((long long)(base + (uint32_t)r->first));
    __m512i covered = _mm512_set1_epi64((long long)(r->end - r->first));
    size_t done = 0;
    for (; done < count; done += 8) {
        __m512i row = _mm512_sub_epi64(
            _mm512_cvtepu32_epi64(_mm256_maskz_loadu_epi32(mask_of(count - done), ends + done)), first);
        __mmask8 mask = _mm512_mask_cmple_epi64_mask(mask_of(count - done), row, covered);
        __m512i entry = _mm512_mask_i64gather_epi64(last, mask, _mm512_srli_epi64(row, 5), r->entries, 8);
        __m512i below = _mm512_sub_epi64(_mm512_sllv_epi64(one, _mm512_and_si512(row, low)), one);
        __m512i rank =
            _mm512_add_epi64(_mm512_srli_epi64(entry, 32), _mm512_popcnt_epi64(_mm512_and_si512(entry, below)));
        __m512i counted = _mm512_sub_epi64(rank, _mm512_alignr_epi64(rank, last, 7));
        _mm256_mask_storeu_epi32(counts + done, mask, _mm512_cvtepi64_epi32(counted));
        if (mask !=
            0xff) { /* ends ascend: the first ones are covered. A branch, so that the next eight need not wait */
            size_t some = (size_t)__builtin_popcount(mask);
            done += some;
            last = some ? _mm512_permutexvar_epi64(_mm512_set1_epi64((long long)some - 1), rank) : last;
            break;
        }
        last = rank;
    }
    *before = (uint32_t)_mm512_reduce_max_epu64(last); /* ranks ascend: the last lane's */
    return done;
}

TARGET static uint64_t compare_word(const uint32_t *counts, size_t count, uint32_t least) {
    __m512i bound = _mm512_set1_epi32((int)least);
    uint64_t word = 0;
    for (size_t i = 0; i < count; i += 16) {
        __mmask16 mask = (__mmask16)kernel_mask(count - i < 16 ? count - i : 16);
        __m512i some = _mm512_maskz_loadu_epi32(mask, counts + i);
        word |= (uint64_t)_mm512_mask_cmpge_epu32_mask(mask, some, bound) << i;
    }
    return word;
}

TARGET static void group_count(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t *counts) {
    kernel_group_count_body(bits, starts, groups, counts, count_run);
}

TARGET static void group_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                  uint64_t *group_bits) {
    kernel_group_at_least_body(bits, starts, groups, least, group_bits, count_run, compare_word);
}

/* Sums up to every row of a piece, so that a group's sum is a difference: no branch depends on a group's size or on its bits. `sums` [8 * 64 *
 * words + 1] ends at the sum so far, *carry. */
#define PIECE_WORDS 8

VECTOR_INLINE __m512i add_word(const int64_t *values, uint64_t word, int64_t *sums, __m512i carry, __m512i *magnitude) {
    const __m512i zero = _mm512_setzero_si512();
    for (unsigned k = 0; k < 64; k += 8) {
        __m512i x = _mm512_maskz_loadu_epi64((__mmask8)(word >> k), values + k);
        *magnitude = _mm512_or_si512(*magnitude, _mm512_xor_si512(x, _mm512_srai_epi64(x, 63)));
        x = _mm512_add_epi64(x, _mm512_alignr_epi64(x, zero, 7));
        x = _mm512_add_epi64(x, _mm512_alignr_epi64(x, zero, 6));
        x = _mm512_add_epi64(x, _mm512_alignr_epi64(x, zero, 4));
        x = _mm512_add_epi64(x, carry);
        _mm512_storeu_si512(sums + k, x);
        carry = _mm512_permutexvar_epi64(_mm512_set1_epi64(7), x);
    }
    return carry;
}

VECTOR_INLINE unsigned ends_up_to(const uint32_t *ends, uint32_t row) {
    return (unsigned)__builtin_popcount(_mm512_cmple_epu32_mask(_mm512_loadu_si512(ends), _mm512_set1_epi32((int)row)));
}

TARGET static void group_some_at_least(const uint64_t *bits, const uint32_t *starts, size_t groups, uint32_t least,
                                       uint64_t *group_bits) {
    kernel_group_some_at_least_body(bits, starts, groups, least, group_bits, ends_up_to);
}

VECTOR_INLINE uint32_t equal_numbers(const uint16_t *a, const uint16_t *b) {
    return (uint32_t)_mm256_movemask_epi8(
        _mm256_cmpeq_epi16(_mm256_loadu_si256((const void *)a), _mm256_loadu_si256((const void *)b)));
}

VECTOR_INLINE void owners_to_groups(uint16_t *owners, size_t count, uint16_t base, uint16_t multiple, uint16_t last) {
    const __m512i b = _mm512_set1_epi16((short)base), m = _mm512_set1_epi16((short)multiple);
    for (size_t i = 0; i < count; i += 32)
        _mm512_storeu_si512(owners + i, _mm512_and_si512(_mm512_add_epi16(b, _mm512_mullo_epi16(m, load(owners + i))),
                                                         _mm512_set1_epi16((short)last)));
}

/* Compressed in a register: to memory it costs Zen 4 a hundred cycles. */
VECTOR_INLINE size_t pick_owners(const uint64_t *bits, const uint16_t *owners, size_t rows, uint16_t *to) {
    uint16_t *from = to;
    for (size_t row = 0; row < rows; row += 32) {
        __mmask32 in = (__mmask32)((bits[row / 64] & kernel_mask(rows - row / 64 * 64)) >> (row % 64));
        _mm512_storeu_si512(to, _mm512_maskz_compress_epi16(in, _mm512_maskz_loadu_epi16(in, owners + row)));
        to += __builtin_popcount(in);
    }
    return (size_t)(to - from);
}

TARGET static void owners_at_least(const uint64_t *bits, const uint16_t *owners, uint16_t base, uint16_t multiple,
                                   size_t count, uint32_t least, size_t groups, uint64_t *group_bits) {
    kernel_owners_picked(bits, owners, base, multiple, count, least, groups, group_bits, pick_owners, owners_to_groups,
                         equal_numbers);
}

TARGET static size_t begins_fill(const uint64_t *begins, size_t count, uint32_t *before) {
    return kernel_begins_fill_body(begins, count, before);
}

/* Whether one of a group's elements is in: hits are added to the elements that end no group, and carry to the one that does; those are taken out
 * side by side. Bits of groups are put together in `open` until a word of them is whole. */
TARGET static void begun_any(const uint64_t *bits, const uint64_t *begins, size_t count, uint64_t *group_bits) {
    uint64_t open = 0;
    unsigned long long carry = 0;
    size_t at = 0; /* the group that ends next */
    for (size_t row = 0; row < count; row += 64, bits++, begins++) {
        uint64_t there = kernel_mask(count - row), hit = *bits & there;
        uint64_t end =
            count - row > 64 ? *begins >> 1 | begins[1] << 63 : (*begins & there) >> 1 | (there ^ there >> 1);
        uint64_t inside = there & ~end, sum;
        bool over = __builtin_add_overflow(hit & inside, inside, &sum);
        over |= __builtin_add_overflow(sum, carry, &sum);
        carry = over;
        uint64_t groups = _pext_u64(sum | hit, end), some = (uint64_t)__builtin_popcountll(end), past = at % 64 + some;
        open |= groups << (at % 64);
        group_bits[at / 64] = open;
        open = past < 64 ? open : groups >> 1 >> (63 - at % 64);
        at += some;
    }
    if (at % 64)
        group_bits[at / 64] = open;
}

TARGET static void begun_at_least(const uint64_t *bits, const uint64_t *begins, const uint32_t *before, size_t count,
                                  uint32_t least, uint64_t *group_bits) {
    if (least == 1)
        begun_any(bits, begins, count, group_bits);
    else
        kernel_begun_picked(bits, begins, before, count, least, group_bits, equal_numbers);
}

TARGET static void begun_among(const uint64_t *group_bits, const uint64_t *begins, const uint32_t *before, size_t count,
                               uint64_t *bits) {
    kernel_begun_among_body(group_bits, begins, before, count, bits);
}

/* Sixteen raw values from row i on, where `mask` is. */
VECTOR_INLINE __m512i sixteen(const char *raw, unsigned bytes, size_t i, __mmask16 mask) {
    switch (bytes) {
    case 1:
        return _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, raw + i));
    case 2:
        return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, raw + 2 * i));
    default:
        return _mm512_maskz_loadu_epi32(mask, raw + 4 * i);
    }
}

/* Machines of this level gather a number in three quarters of the time that loads one by one take. */
VECTOR_INLINE void members_all(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple,
                               uint32_t most, const uint64_t *set, uint64_t *bits) {
    const __m512i b = _mm512_set1_epi32((int)base), m = _mm512_set1_epi32((int)multiple);
    const __m512i last = _mm512_set1_epi32((int)most), low = _mm512_set1_epi32(31);
    for (size_t i = 0; i < count; i += 64) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64 && i + k < count; k += 16) {
            __mmask16 mask = (__mmask16)kernel_mask(count - i - k < 16 ? count - i - k : 16);
            __m512i value = sixteen(raw, bytes, i + k, mask);
            __mmask16 in = _mm512_mask_cmple_epu32_mask(mask, value, last);
            __m512i number = _mm512_add_epi32(b, multiple == 1 ? value : _mm512_mullo_epi32(value, m));
            __m512i found =
                _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), in, _mm512_srli_epi32(number, 5), set, 4);
            __m512i sign = _mm512_sllv_epi32(found, _mm512_andnot_si512(number, low));
            word |= (uint64_t)_mm512_movepi32_mask(sign) << k;
        }
        bits[i / 64] = word;
    }
}

TARGET static void members(const void *raw, unsigned bytes, size_t count, uint32_t base, uint32_t multiple,
                           uint32_t most, const uint64_t *set, uint64_t *bits) {
    if (bytes == 1)
        members_all(raw, 1, count, base, multiple, most, set, bits);
    else if (bytes == 2)
        members_all(raw, 2, count, base, multiple, most, set, bits);
    else
        members_all(raw, 4, count, base, multiple, most, set, bits);
}

TARGET static uint64_t group_sum(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                                 int64_t *sums) {
    int64_t up_to[PIECE_WORDS * 64 + 1];
    size_t rows = starts[groups] - starts[0], group = 0;
    __m512i carry = _mm512_setzero_si512(), magnitude = carry;
    uint64_t before = 0;
    for (; group < groups && starts[group + 1] == starts[0]; group++) /* all of them, where there is no row */
        sums[group] = 0;
    for (size_t first = 0; first < rows; first += PIECE_WORDS * 64) {
        size_t end = rows - first < PIECE_WORDS * 64 ? rows : first + PIECE_WORDS * 64;
        up_to[0] = _mm_cvtsi128_si64(_mm512_castsi512_si128(carry));
        for (size_t row = first; row < end; row += 64) {
            uint64_t word = bits[row / 64] & kernel_mask(rows - row);
            carry = add_word(values + row, word, up_to + 1 + (row - first), carry, &magnitude);
        }
        for (; group < groups && starts[group + 1] - starts[0] <= end; group++) {
            uint64_t now = (uint64_t)up_to[starts[group + 1] - starts[0] - first];
            sums[group] = (int64_t)(now - before);
            before = now;
        }
    }
    return (uint64_t)_mm512_reduce_or_epi64(magnitude);
}

VECTOR_INLINE void group_extreme(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                                 bool greatest, int64_t *out) {
    const __m512i none = _mm512_set1_epi64(greatest ? INT64_MIN : INT64_MAX);
    size_t last_word = kernel_last_word(starts, groups);
    for (size_t i = 0; i < groups; i++) {
        __m512i best = none;
        bool found = false;
        KERNEL_EACH_WINDOW(starts[i] - starts[0], starts[i + 1] - starts[i])
        for (const int64_t *from = values + at; word; word >>= 8, from += 8) {
            __m512i x = _mm512_maskz_loadu_epi64((__mmask8)word, from);
            found = true;
            best = greatest ? _mm512_mask_max_epi64(best, (__mmask8)word, best, x)
                            : _mm512_mask_min_epi64(best, (__mmask8)word, best, x);
        }
        if (found)
            out[i] = greatest ? _mm512_reduce_max_epi64(best) : _mm512_reduce_min_epi64(best);
    }
}

TARGET static void group_min(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                             int64_t *out) {
    group_extreme(values, bits, starts, groups, false, out);
}

TARGET static void group_max(const int64_t *values, const uint64_t *bits, const uint32_t *starts, size_t groups,
                             int64_t *out) {
    group_extreme(values, bits, starts, groups, true, out);
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

const struct kernel_table kernel_avx512 = {
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
