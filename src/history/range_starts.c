/* range_starts: where each customer's rows of a table are, as kernels want it for a whole span: an offset a customer and one more.
 *
 * This is asked for every table of every span that is looked at, before a single row is: it has to take well below what reading a column of the
 * table takes. Blocks of sixteen are widened sixteen at a time; whole starts are looked over where they lie; a column of owners costs a
 * store a row and a pass over the customers. Whatever a damaged file says, starts ascend up to the count of rows, or there are none. */
#include "history/range_inside.h"

#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

/* --- owners --- */

/* Each start becomes the largest up to it: fills in customers without rows. */
static void fill_gaps(uint32_t *starts) {
    uint32_t i = 1, largest = 0;
#ifdef __SSE4_1__
    __m128i before = _mm_setzero_si128();
    for (; i + 4 <= SPAN_CUSTOMERS + 1; i += 4) {
        __m128i four = _mm_loadu_si128((const void *)&starts[i]);
        four = _mm_max_epu32(four, _mm_slli_si128(four, 4));
        four = _mm_max_epu32(four, _mm_slli_si128(four, 8));
        four = _mm_max_epu32(four, before);
        before = _mm_shuffle_epi32(four, 0xff);
        _mm_storeu_si128((void *)&starts[i], four);
    }
    largest = (uint32_t)_mm_cvtsi128_si32(before);
#endif
    for (; i <= SPAN_CUSTOMERS; i++) {
        largest = starts[i] > largest ? starts[i] : largest;
        starts[i] = largest;
    }
}

/* Marks where each owner's rows end, then fills the gaps: no row waits for the one before. */
static const uint32_t *starts_of_owners(struct range *range, const struct table_head *t) {
    uint32_t *starts = arena_get(&range->arena, (SPAN_CUSTOMERS + 1) * sizeof *starts);
    const struct column_head *c = table_column(t, TABLE_OWNER);
    memset(starts, 0, (SPAN_CUSTOMERS + 1) * sizeof *starts);
    if (c->encoding == COLUMN_INTEGER && c->width == 2) {
        const uint16_t *owners = (const uint16_t *)(const void *)((const char *)t + c->data);
        uint32_t base = (uint32_t)c->base, multiple = (uint32_t)c->multiple;
        for (uint32_t row = 0; row < t->row_count; row++)
            starts[1 + (base + multiple * owners[row]) % SPAN_CUSTOMERS] = row + 1;
    } else {
        for (uint32_t row = 0; row < t->row_count; row++)
            starts[1 + (uint64_t)column_integer(t, c, row) % SPAN_CUSTOMERS] = row + 1;
    }
    fill_gaps(starts);
    return starts;
}

/* --- blocks --- */

#define BLOCKS_AHEAD 40 /* some ten lines: what memory can bring at a time */

/* Writes the block's ends; false where they do not ascend. */
static inline bool widen(const struct starts_block *block, uint32_t *ends) {
#ifdef __SSE4_1__
    const __m128i start = _mm_set1_epi32(block->start), stored = _mm_loadu_si128((const void *)block->ends);
    _mm_storeu_si128((void *)&ends[0], _mm_add_epi32(start, _mm_cvtepu8_epi32(stored)));
    _mm_storeu_si128((void *)&ends[4], _mm_add_epi32(start, _mm_cvtepu8_epi32(_mm_srli_si128(stored, 4))));
    _mm_storeu_si128((void *)&ends[8], _mm_add_epi32(start, _mm_cvtepu8_epi32(_mm_srli_si128(stored, 8))));
    _mm_storeu_si128((void *)&ends[12], _mm_add_epi32(start, _mm_cvtepu8_epi32(_mm_srli_si128(stored, 12))));
    const __m128i larger = _mm_max_epu8(stored, _mm_slli_si128(stored, 1));
    return _mm_movemask_epi8(_mm_cmpeq_epi8(stored, larger)) == 0xffff;
#else
    bool bad = false;
    for (unsigned i = 0; i < STARTS_BLOCK; i++) {
        ends[i] = block->start + (uint32_t)block->ends[i];
        bad |= i && block->ends[i] < block->ends[i - 1];
    }
    return !bad;
#endif
}

static const uint32_t *starts_of_blocks(struct range *range, const struct table_head *t) {
    const struct starts_block *blocks = (const struct starts_block *)(const void *)((const char *)t + t->starts);
    uint32_t *starts = arena_get(&range->arena, (SPAN_CUSTOMERS + 1) * sizeof *starts), row = 0;
    bool good = true;
    starts[0] = 0;
    for (uint32_t i = 0; i < STARTS_BLOCKS_COUNT; i++) {
        __builtin_prefetch(&blocks[i + BLOCKS_AHEAD]);
        good &= blocks[i].start == row;
        good &= widen(&blocks[i], &starts[1 + i * STARTS_BLOCK]);
        row = (uint32_t)blocks[i].start + blocks[i].ends[STARTS_BLOCK - 1];
    }
    return good && row <= t->row_count ? starts : NULL;
}

/* --- whole --- */

static const uint32_t *starts_whole(const struct table_head *t) {
    const uint32_t *starts = (const uint32_t *)(const void *)((const char *)t + t->starts);
    uint32_t bad = 0;
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        bad |= starts[i] > starts[i + 1];
    return bad || starts[SPAN_CUSTOMERS] > t->row_count ? NULL : starts;
}

bool range_row_owners(struct range *range, const struct table_head *t, struct range_rows *out) {
    const struct column_head *c = range_find_column(range, t, t->type, TABLE_OWNER);
    if (!c || c->encoding != COLUMN_INTEGER || c->width != 2)
        return false;
    out->owners = (const uint16_t *)(const void *)((const char *)t + c->data);
    out->owner_base = (uint16_t)c->base;
    out->owner_multiple = (uint16_t)c->multiple;
    return true;
}

static inline uint32_t owner_of(const struct range_rows *rows, uint32_t row) {
    return (uint32_t)(rows->owner_base + (uint32_t)rows->owner_multiple * rows->owners[row]) % SPAN_CUSTOMERS;
}

/* By halving without a branch: owners were just gone over, and several such searches overlap. */
void range_rows_by_owner(const struct range_rows *rows, uint32_t customer, uint32_t *first, uint32_t *end) {
    uint32_t from = rows->first, left = rows->end - rows->first;
    for (; left > 1; left -= left / 2)
        from += left / 2 & (0 - (uint32_t)(owner_of(rows, from + left / 2 - 1) < customer));
    from += left && owner_of(rows, from) < customer;
    *first = from;
    while (from < rows->end && owner_of(rows, from) == customer)
        from++;
    *end = from;
}

/* The same for several, whose halvings do not wait for each other. Owners are at most 65,535 above the base: modulo SPAN_CUSTOMERS only where the
 * file is damaged, and then they are any. */
void range_rows_by_owners(const struct range_rows *rows, const uint32_t customers[RANGE_OWNERS_AT_ONCE],
                          uint32_t firsts[RANGE_OWNERS_AT_ONCE], uint32_t ends[RANGE_OWNERS_AT_ONCE]) {
    const uint16_t *owners = rows->owners;
    uint32_t from[RANGE_OWNERS_AT_ONCE], left = rows->end - rows->first;
    int32_t number[RANGE_OWNERS_AT_ONCE];
    for (unsigned k = 0; k < RANGE_OWNERS_AT_ONCE; k++) {
        from[k] = rows->first;
        number[k] = (int32_t)customers[k] - rows->owner_base;
    }
    for (; left > 1; left -= left / 2)
        _Pragma("GCC unroll 8") for (unsigned k = 0; k < RANGE_OWNERS_AT_ONCE; k++) from[k] +=
            left / 2 & (0 - (uint32_t)(owners[from[k] + left / 2 - 1] < number[k]));
    for (unsigned k = 0; k < RANGE_OWNERS_AT_ONCE; k++) {
        uint32_t end = from[k] + (left && owners[from[k]] < number[k]);
        firsts[k] = end;
        while (end < rows->end && owners[end] == number[k])
            end++;
        ends[k] = end;
    }
}

const uint32_t *range_starts(struct range *range, const struct table_head *t) {
    const uint32_t *starts = !t->starts                        ? NULL
                             : t->starts_form == STARTS_BLOCKS ? starts_of_blocks(range, t)
                                                               : starts_whole(t);
    return !starts && table_column(t, TABLE_OWNER) ? starts_of_owners(range, t) : starts;
}
