/* kernel_test: every kernel at every level the machine has, against one row at a time written out here: all sizes up to 300 and some
 * large ones, at every offset, over values at the ends of their types and bits past the end that must not be looked at. */
#include "language/kernel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"

#define ROWS_MAX 6000
#define WORDS_MAX (ROWS_MAX / 64 + 2)

static uint64_t seed = 20260131;
static enum kernel_level machine;

struct stage {
    struct random r;
    uint64_t seed;
    size_t count;
    unsigned offset;
    char *raw; /* of any width, at `offset` bytes from what it would be aligned to; ends where the memory does */
    char *raw_memory;
    int64_t *values, *others;
    uint64_t bits[WORDS_MAX], expected[WORDS_MAX];
};

#define WRONG(s, what)                                                                                                 \
    fail_msg("%s differs: level %d, %zu rows, seed %llu", what, (int)kernel_level(), (s)->count,                       \
             (unsigned long long)(s)->seed)

static void stage_open(struct stage *s, size_t count, unsigned width) {
    *s = (struct stage){.count = count, .seed = seed++};
    random_init(&s->r, s->seed);
    s->offset = (unsigned)random_below(&s->r, 8);
    s->raw_memory = malloc(count * width + s->offset + 1);
    s->raw = s->raw_memory + s->offset;
    s->values = malloc((count + 1) * 8);
    s->others = malloc((count + 1) * 8);
    memset(s->bits, 0xa5, sizeof s->bits);
}

static void stage_close(struct stage *s) {
    free(s->raw_memory);
    free(s->values);
    free(s->others);
}

static size_t words_of(size_t count) { return (count + 63) / 64; }

static void expect_clear(struct stage *s) { memset(s->expected, 0, sizeof s->expected); }
static void expect_bit(struct stage *s, size_t i, bool value) { s->expected[i / 64] |= (uint64_t)value << (i % 64); }

static void bits_are_expected(struct stage *s, const char *what) {
    if (memcmp(s->bits, s->expected, words_of(s->count) * 8) != 0)
        WRONG(s, what);
    assert_true(s->bits[words_of(s->count)] == 0xa5a5a5a5a5a5a5a5); /* not past the end */
    memset(s->bits, 0xa5, sizeof s->bits);
}

/* Small numbers often, so that comparisons and codes hit; ends of the type sometimes. */
static uint64_t some_value(struct random *r) {
    switch (random_below(r, 6)) {
    case 0:
        return random_next(r);
    case 1:
        return UINT64_MAX - random_below(r, 4);
    case 2:
        return (1ull << random_below(r, 64)) - random_below(r, 2);
    default:
        return random_below(r, 12);
    }
}

static uint64_t raw_at(const struct stage *s, unsigned width, size_t i) {
    uint64_t value = 0;
    memcpy(&value, s->raw + i * width, width); /* little-endian, as the columns are */
    return value;
}

static void fill_raw(struct stage *s, unsigned width) {
    for (size_t i = 0; i < s->count; i++) {
        uint64_t value = some_value(&s->r);
        memcpy(s->raw + i * width, &value, width);
    }
}

static void fill_values(struct stage *s) {
    for (size_t i = 0; i < s->count; i++) {
        s->values[i] = (int64_t)some_value(&s->r);
        s->others[i] = random_chance(&s->r, 0.5) ? s->values[i] : (int64_t)some_value(&s->r);
    }
}

/* --- each: over all sizes, some large, at every level --- */

static void over_sizes(void (*test)(size_t count)) {
    static const size_t large[] = {511, 512, 1000, 1024, 4095, 4096, 4097, 5999};
    for (int level = 0; level <= (int)machine; level++) {
        kernel_level_set((enum kernel_level)level);
        for (size_t count = 0; count <= 300; count++)
            test(count);
        for (size_t i = 0; i < sizeof large / sizeof large[0]; i++)
            test(large[i]);
    }
    kernel_level_set(machine);
}

static void range_of_width(size_t count, unsigned width) {
    struct stage s;
    uint64_t mask = width == 8 ? UINT64_MAX : (1ull << width * 8) - 1;
    stage_open(&s, count, width);
    fill_raw(&s, width);
    for (int round = 0; round < 4; round++) {
        uint64_t low = some_value(&s.r) & mask, span = some_value(&s.r) & mask;
        expect_clear(&s);
        for (size_t i = 0; i < count; i++)
            expect_bit(&s, i, ((raw_at(&s, width, i) - low) & mask) <= span);
        kernel_range(s.raw, width, count, low, span, s.bits);
        bits_are_expected(&s, "range");
    }
    stage_close(&s);
}

static void range(size_t count) {
    for (unsigned width = 1; width <= 8; width *= 2)
        range_of_width(count, width);
}

static void test_range(void **state) {
    (void)state;
    over_sizes(range);
}

/* Sets of every shape: none, one code, runs, many; of fewer and of more codes than there are. */
static size_t make_set(struct stage *s, uint64_t *set, size_t set_words) {
    static const size_t sizes[] = {1, 3, 12, 64, 200, 256, 1000, 70000};
    size_t set_count = sizes[random_below(&s->r, sizeof sizes / sizeof sizes[0])];
    double share = random_below(&s->r, 3) ? random_unit(&s->r) * random_unit(&s->r) : 3.0 / (double)set_count;
    memset(set, 0, set_words * 8);
    for (size_t i = 0; i < set_count; i++)
        if (random_chance(&s->r, share))
            set[i / 64] |= 1ull << (i % 64);
    if (random_chance(&s->r, 0.3)) /* not looked at */
        for (size_t i = set_count; i < (set_count + 63) / 64 * 64; i++)
            set[i / 64] |= 1ull << (i % 64);
    return set_count;
}

static void codes_of_width(size_t count, unsigned width) {
    static uint64_t set_memory[1100];
    struct stage s;
    stage_open(&s, count, width);
    fill_raw(&s, width);
    for (size_t i = 0; i < count; i++) /* most within the first thousands */
        if (random_chance(&s.r, 0.7)) {
            uint64_t value = random_below(&s.r, 70000) >> random_below(&s.r, 16);
            memcpy(s.raw + i * width, &value, width);
        }
    for (int round = 0; round < 4; round++) {
        size_t set_count = make_set(&s, set_memory, 1100), set_words = words_of(set_count);
        uint64_t *set = malloc(set_words * 8); /* so that its end is the memory's */
        memcpy(set, set_memory, set_words * 8);
        expect_clear(&s);
        for (size_t i = 0; i < count; i++) {
            uint64_t code = raw_at(&s, width, i);
            expect_bit(&s, i, code < set_count && (set[code / 64] >> (code % 64) & 1));
        }
        kernel_codes(s.raw, width, count, set, set_count, s.bits);
        bits_are_expected(&s, "codes");
        free(set);
    }
    stage_close(&s);
}

static void codes(size_t count) {
    if (count > 100 && count % 7) /* sets are what takes time here */
        return;
    for (unsigned width = 1; width <= 4; width *= 2)
        codes_of_width(count, width);
}

static void test_codes(void **state) {
    (void)state;
    over_sizes(codes);
}

static void comparisons(size_t count) {
    struct stage s;
    stage_open(&s, count, 8);
    fill_values(&s);
    int64_t low = (int64_t)some_value(&s.r), high = (int64_t)some_value(&s.r);
    expect_clear(&s);
    for (size_t i = 0; i < count; i++)
        expect_bit(&s, i, s.values[i] >= low && s.values[i] <= high);
    kernel_between(s.values, count, low, high, s.bits);
    bits_are_expected(&s, "between");
    expect_clear(&s);
    for (size_t i = 0; i < count; i++)
        expect_bit(&s, i, s.values[i] < s.others[i]);
    kernel_less(s.values, s.others, count, s.bits);
    bits_are_expected(&s, "less");
    expect_clear(&s);
    for (size_t i = 0; i < count; i++)
        expect_bit(&s, i, s.values[i] == s.others[i]);
    kernel_equal(s.values, s.others, count, s.bits);
    bits_are_expected(&s, "equal");
    stage_close(&s);
}

static void test_comparisons(void **state) {
    (void)state;
    over_sizes(comparisons);
}

static void reals(size_t count) {
    static const double odd[] = {0.0, -0.0, 1.5, -1e300, __builtin_inf(), -__builtin_inf(), __builtin_nan("")};
    struct stage s;
    stage_open(&s, count, 8);
    double *values = (double *)(void *)s.values;
    for (size_t i = 0; i < count; i++)
        values[i] = random_chance(&s.r, 0.5) ? odd[random_below(&s.r, 7)] : random_unit(&s.r) * 4 - 2;
    double low = random_chance(&s.r, 0.5) ? odd[random_below(&s.r, 7)] : -0.5, high = odd[random_below(&s.r, 7)];
    expect_clear(&s);
    for (size_t i = 0; i < count; i++)
        expect_bit(&s, i, values[i] >= low && values[i] <= high);
    kernel_between_real(values, count, low, high, s.bits);
    bits_are_expected(&s, "between_real");
    stage_close(&s);
}

static void test_reals(void **state) {
    (void)state;
    over_sizes(reals);
}

/* --- values --- */

static void values_of_width(size_t count, unsigned width) {
    struct stage s;
    int64_t numbers[40];
    stage_open(&s, count, width);
    fill_raw(&s, width);
    int64_t base = (int64_t)some_value(&s.r), multiple = random_chance(&s.r, 0.4) ? 1 : (int64_t)some_value(&s.r);
    s.values[count] = 77;
    kernel_widen(s.raw, width, count, base, multiple, s.values);
    for (size_t i = 0; i < count; i++)
        if ((uint64_t)s.values[i] != (uint64_t)base + (uint64_t)multiple * raw_at(&s, width, i))
            WRONG(&s, "widen");
    for (size_t i = 0; i < 40; i++)
        numbers[i] = (int64_t)random_next(&s.r);
    size_t numbers_count = random_below(&s.r, 40);
    kernel_look_up(s.raw, width, count, numbers, numbers_count, s.values);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = raw_at(&s, width, i);
        if (s.values[i] != (at < numbers_count ? numbers[at] : 0))
            WRONG(&s, "look_up");
    }
    assert_true(s.values[count] == 77);
    stage_close(&s);
}

static void values(size_t count) {
    for (unsigned width = 1; width <= 8; width *= 2)
        values_of_width(count, width);
}

static void test_values(void **state) {
    (void)state;
    over_sizes(values);
}

static void times(size_t count) {
    struct stage s;
    stage_open(&s, count, 8);
    fill_values(&s);
    int64_t *out = malloc(count * 8 + 8);
    for (int with = 0; with < 2; with++) {
        kernel_times(s.values, with ? s.others : NULL, count, out);
        for (size_t i = 0; i < count; i++)
            if ((uint64_t)out[i] != (uint64_t)s.values[i] * 1000 + (with ? (uint64_t)s.others[i] : 0))
                WRONG(&s, "times");
    }
    free(out);
    stage_close(&s);
}

static void test_times(void **state) {
    (void)state;
    over_sizes(times);
}

/* --- sets --- */

static void sets(size_t count) {
    struct stage s;
    stage_open(&s, count, 1);
    size_t words = words_of(count);
    uint64_t *a = malloc(words * 8 + 8), *b = malloc(words * 8 + 8), ones = 0;
    for (size_t i = 0; i < words; i++) {
        a[i] = random_next(&s.r);
        b[i] = random_next(&s.r);
        ones += (uint64_t)__builtin_popcountll(a[i]);
    }
    assert_true(kernel_count(a, words) == ones);
    assert_int_equal(kernel_none(a, words), ones == 0);
#define SET_IS(call, expression)                                                                                       \
    memcpy(s.bits, a, words * 8);                                                                                      \
    call(s.bits, b, words);                                                                                            \
    for (size_t i = 0; i < words; i++)                                                                                 \
        if (s.bits[i] != (expression))                                                                                 \
            WRONG(&s, #call);
    SET_IS(kernel_and, a[i] & b[i])
    SET_IS(kernel_and_not, a[i] & ~b[i])
    SET_IS(kernel_or, a[i] | b[i])
    kernel_fill(s.bits, count, true);
    assert_true(kernel_count(s.bits, words) == count);
    kernel_not(s.bits, count);
    assert_true(kernel_none(s.bits, words));
    kernel_not(s.bits, count);
    assert_true(kernel_count(s.bits, words) == count);
    if (words) { /* a single bit anywhere is seen */
        kernel_fill(s.bits, count, false);
        s.bits[random_below(&s.r, words)] |= 1ull << random_below(&s.r, 64);
        assert_false(kernel_none(s.bits, words));
    }
    free(a);
    free(b);
    stage_close(&s);
}

static void test_sets(void **state) {
    (void)state;
    over_sizes(sets);
}

/* Random steps over five sets, against the same one word at a time. */
static void combined(size_t count) {
    struct stage s;
    uint64_t *sets[5], stack[KERNEL_STACK_MAX + 1], ones = 0;
    struct kernel_set_step steps[24];
    size_t words = words_of(count), step_count = 0, depth = 0;
    stage_open(&s, count, 1);
    for (int i = 0; i < 5; i++) {
        sets[i] = malloc(words * 8 + 8);
        for (size_t k = 0; k < words; k++)
            sets[i][k] = random_next(&s.r);
    }
    while (step_count < 12 || depth > 1) {
        bool start = depth == 0 || (step_count < 12 && depth < KERNEL_STACK_MAX && random_chance(&s.r, 0.4));
        bool merge = !start && depth > 1 && (step_count >= 12 || random_chance(&s.r, 0.5));
        steps[step_count++] =
            (struct kernel_set_step){start ? KERNEL_SET_START : (enum kernel_set_op)(1 + random_below(&s.r, 3)),
                                     merge ? NULL : sets[random_below(&s.r, 5)]};
        depth = depth + start - merge;
    }
    for (size_t k = 0; k < words; k++) {
        depth = 0;
        for (size_t i = 0; i < step_count; i++) {
            uint64_t with = steps[i].set ? steps[i].set[k] : stack[--depth];
            if (steps[i].op == KERNEL_SET_START)
                stack[depth++] = with;
            else if (steps[i].op == KERNEL_SET_OR)
                stack[depth - 1] |= with;
            else
                stack[depth - 1] &= steps[i].op == KERNEL_SET_AND ? with : ~with;
        }
        s.expected[k] = stack[0];
        ones += (uint64_t)__builtin_popcountll(stack[0]);
    }
    uint64_t *out = random_chance(&s.r, 0.5) ? s.bits : s.bits + 1; /* aligned, and not */
    if (kernel_combine(steps, step_count, words, out) != ones || kernel_combine(steps, step_count, words, NULL) != ones)
        WRONG(&s, "combine's count");
    if (memcmp(out, s.expected, words * 8) != 0)
        WRONG(&s, "combine");
    for (int i = 0; i < 5; i++)
        free(sets[i]);
    stage_close(&s);
}

static void test_combine(void **state) {
    (void)state;
    over_sizes(combined);
}

static void take_bits(size_t count) {
    struct stage s;
    stage_open(&s, count, 1);
    for (size_t first = 0; first < 20; first++) {
        uint8_t *bitmap = malloc((first + count + 7) / 8 + 1), *at = bitmap + 1; /* ends with the memory */
        for (size_t i = 0; i < (first + count + 7) / 8; i++)
            at[i] = (uint8_t)random_next(&s.r);
        expect_clear(&s);
        for (size_t i = 0; i < count; i++)
            expect_bit(&s, i, at[(first + i) / 8] >> ((first + i) % 8) & 1);
        kernel_take_bits(at, first, count, s.bits);
        bits_are_expected(&s, "take_bits");
        free(bitmap);
    }
    stage_close(&s);
}

static void test_take_bits(void **state) {
    (void)state;
    over_sizes(take_bits);
}

/* --- groups --- */

struct groups {
    size_t count;
    uint32_t *starts;
    uint64_t *bits;
    uint64_t group_bits[WORDS_MAX];
};

/* Rows cut into groups of about `mean`, empty ones among them, beginning at any absolute row; bits sparse, dense or any. */
static void make_groups(struct stage *s, struct groups *g) {
    static const unsigned means[] = {1, 3, 10, 70, 700};
    static const double shares[] = {0, 0.005, 0.02, 0.15, 0.5, 0.95, 1};
    unsigned mean = means[random_below(&s->r, 5)];
    double share = shares[random_below(&s->r, 7)];
    uint32_t at = (uint32_t)random_below(&s->r, 1000), end = at + (uint32_t)s->count;
    size_t words = words_of(s->count);
    g->starts = malloc((s->count + 200) * 4);
    g->bits = malloc(words * 8);
    g->count = 0;
    g->starts[0] = at;
    while ((at < end || random_chance(&s->r, 0.7)) && g->count < s->count + 190) {
        uint32_t size = random_chance(&s->r, 0.15) ? 0 : 1 + (uint32_t)random_below(&s->r, 2 * mean);
        at = size < end - at ? at + size : end;
        g->starts[++g->count] = at;
    }
    s->count = at - g->starts[0]; /* where many were empty */
    for (size_t i = 0; i < words; i++)
        g->bits[i] = 0;
    for (size_t i = 0; i < words * 64; i++)
        g->bits[i / 64] |= (uint64_t)random_chance(&s->r, i < s->count ? share : 0.5) << (i % 64);
    for (size_t i = 0; i < WORDS_MAX; i++)
        g->group_bits[i] =
            share == 1 ? UINT64_MAX : random_next(&s->r) & (share < 0.1 ? random_next(&s->r) : UINT64_MAX);
}

static bool row_in(const struct groups *g, bool all, size_t row) {
    return all || (g->bits[row / 64] >> (row % 64) & 1);
}

struct truth {
    uint32_t count, first, last;
    int64_t min, max;
    __int128 sum;
};

static struct truth truth_of(const struct stage *s, const struct groups *g, bool all, size_t group) {
    struct truth t = {0, UINT32_MAX, UINT32_MAX, INT64_MAX, INT64_MIN, 0};
    for (uint32_t row = g->starts[group]; row < g->starts[group + 1]; row++) {
        size_t i = row - g->starts[0];
        if (!row_in(g, all, i))
            continue;
        t.first = t.count++ ? t.first : row;
        t.last = row;
        t.min = s->values[i] < t.min ? s->values[i] : t.min;
        t.max = s->values[i] > t.max ? s->values[i] : t.max;
        t.sum += s->values[i];
    }
    return t;
}

static void groups_are_right(struct stage *s, struct groups *g, bool all) {
    const uint64_t *bits = all ? NULL : g->bits;
    size_t n = g->count;
    uint32_t *counts = malloc(n * 4 + 4), *firsts = malloc(n * 4 + 4), *lasts = malloc(n * 4 + 4),
             least = (uint32_t)random_below(&s->r, 5);
    int64_t *sums = malloc(n * 8 + 8), *mins = malloc(n * 8 + 8), *maxs = malloc(n * 8 + 8);
    uint64_t *any = malloc(words_of(n) * 8 + 8), *enough = malloc(words_of(n) * 8 + 8);
    counts[n] = firsts[n] = lasts[n] = 77;
    sums[n] = mins[n] = maxs[n] = 77;
    for (size_t i = 0; i < n; i++)
        mins[i] = maxs[i] = (int64_t)i;
    kernel_group_count(bits, g->starts, n, counts);
    kernel_group_any(bits, g->starts, n, any);
    kernel_group_at_least(bits, g->starts, n, least, enough);
    bool fits = kernel_group_sum(s->values, bits, g->starts, n, sums), should_fit = true;
    kernel_group_min(s->values, bits, g->starts, n, mins);
    kernel_group_max(s->values, bits, g->starts, n, maxs);
    kernel_group_first(bits, g->starts, n, firsts);
    kernel_group_last(bits, g->starts, n, lasts);
    for (size_t i = 0; i < n; i++) {
        struct truth t = truth_of(s, g, all, i);
        should_fit = should_fit && t.sum == (int64_t)t.sum;
        if (counts[i] != t.count)
            WRONG(s, "group_count");
        if ((any[i / 64] >> (i % 64) & 1) != (t.count > 0))
            WRONG(s, "group_any");
        if ((enough[i / 64] >> (i % 64) & 1) != (t.count >= least))
            WRONG(s, "group_at_least");
        if (fits && sums[i] != (int64_t)t.sum)
            WRONG(s, "group_sum");
        if (mins[i] != (t.count ? t.min : (int64_t)i) || maxs[i] != (t.count ? t.max : (int64_t)i))
            WRONG(s, "group_min, group_max");
        if (firsts[i] != t.first || lasts[i] != t.last)
            WRONG(s, "group_first, group_last");
    }
    if (fits != should_fit)
        WRONG(s, "whether sums fit");
    if (n % 64)
        assert_true(any[n / 64] >> (n % 64) == 0 && enough[n / 64] >> (n % 64) == 0);
    assert_true(counts[n] == 77 && firsts[n] == 77 && lasts[n] == 77 && sums[n] == 77 && mins[n] == 77 &&
                maxs[n] == 77);
    free(counts), free(firsts), free(lasts), free(sums), free(mins), free(maxs), free(any), free(enough);
}

/* Mostly few; some that only a large group has. */
static uint32_t some_least(struct stage *s) {
    return (uint32_t)random_below(&s->r, random_chance(&s->r, 0.2) ? 80 : 4);
}

/* The same groups, as rows would name them: groups of a power of two, whatever a row says beyond it. */
static void owners_are_right(struct stage *s, const struct groups *g) {
    size_t rows = g->starts[g->count] - g->starts[0], most = 1;
    while (most < g->count)
        most *= 2;
    uint16_t base = (uint16_t)random_below(&s->r, 3), multiple = (uint16_t)(1 + random_below(&s->r, 2) * 2);
    uint16_t *owners = malloc(rows * 2 + 2);
    uint64_t *enough = malloc(words_of(most) * 8);
    uint32_t least = some_least(s);
    bool all = random_chance(&s->r, 0.3);
    if (most <= 32768) {
        uint32_t inverse = multiple == 1 ? 1 : 0xaaaaaaab; /* of 3, modulo 2^32 */
        for (size_t group = 0; group < g->count; group++)
            for (uint32_t row = g->starts[group]; row < g->starts[group + 1]; row++)
                owners[row - g->starts[0]] = (uint16_t)((((uint32_t)group - base) * inverse) & (most - 1));
        kernel_owners_at_least(all ? NULL : g->bits, owners, base, multiple, rows, least, most, enough);
        for (size_t group = 0; group < most; group++) {
            uint32_t count = group < g->count ? truth_of(s, g, all, group).count : 0;
            if ((enough[group / 64] >> (group % 64) & 1) != (count >= least))
                WRONG(s, "owners_at_least");
        }
    }
    free(owners), free(enough);
}

/* The same groups, but for the empty ones, as bits where they begin. */
static void begins_are_right(struct stage *s, const struct groups *g) {
    const size_t rows = g->starts[g->count] - g->starts[0], words = words_of(rows);
    uint64_t *begins = calloc(words + 1, 8), *among = malloc(words * 8 + 8), *enough = malloc(words * 8 + 8),
             *in = malloc(words * 8 + 8);
    uint32_t *before = malloc(words * 4 + 4), least = some_least(s);
    least += !least;
    size_t full = 0;
    for (size_t group = 0; group < g->count; group++)
        if (g->starts[group] < g->starts[group + 1]) {
            size_t row = g->starts[group] - g->starts[0];
            begins[row / 64] |= 1ull << (row % 64);
            full++;
        }
    for (size_t i = 0; i < words; i++)
        in[i] = random_next(&s->r), enough[i] = 0, among[i] = g->bits[i];
    if (rows % 64)
        begins[words - 1] |= UINT64_MAX << (rows % 64); /* past the last none counts */
    if (kernel_begins_fill(begins, rows, before) != full)
        WRONG(s, "begins_fill");
    kernel_begun_at_least(g->bits, begins, before, rows, least, enough);
    kernel_begun_among(in, begins, before, rows, among);
    for (size_t group = 0, at = 0; group < g->count; group++) {
        if (g->starts[group] == g->starts[group + 1])
            continue;
        if ((enough[at / 64] >> (at % 64) & 1) != (truth_of(s, g, false, group).count >= least))
            WRONG(s, "begun_at_least");
        for (size_t row = g->starts[group] - g->starts[0]; row < g->starts[group + 1] - g->starts[0]; row++)
            if ((among[row / 64] >> (row % 64) & 1) != (row_in(g, false, row) && (in[at / 64] >> (at % 64) & 1)))
                WRONG(s, "begun_among");
        at++;
    }
    free(begins), free(among), free(enough), free(in), free(before);
}

static void members(size_t count) {
    struct stage s;
    static const unsigned widths[] = {0, 1, 2, 4};
    for (unsigned w = 0; w < 4; w++) {
        stage_open(&s, count, 4);
        uint64_t set[16], base = random_below(&s.r, 700), multiple = 1 + random_below(&s.r, 3);
        size_t set_count = random_below(&s.r, 1025);
        uint32_t *raw = malloc(count * 4 + 4);
        for (size_t i = 0; i < 16; i++)
            set[i] = random_next(&s.r);
        memset(raw, 0, count * 4 + 4);
        expect_clear(&s);
        for (size_t i = 0; i < count; i++) {
            uint64_t x = !widths[w] ? 0
                                    : random_below(&s.r, widths[w] == 1             ? 256
                                                         : random_chance(&s.r, 0.1) ? 60000
                                                                                    : 900);
            memcpy((char *)raw + i * widths[w], &x, widths[w]); /* little-endian */
            uint64_t number = base + multiple * x;
            expect_bit(&s, i, number < set_count && (set[number / 64] >> (number % 64) & 1));
        }
        memset(s.bits, 0xa5, sizeof s.bits);
        kernel_members(raw, widths[w], count, base, multiple, set, set_count, s.bits);
        bits_are_expected(&s, "members");
        free(raw);
        stage_close(&s);
    }
}

static void test_members(void **state) {
    (void)state;
    over_sizes(members);
}

static void spread_is_right(struct stage *s, struct groups *g) {
    expect_clear(s);
    for (size_t group = 0; group < g->count; group++)
        for (uint32_t row = g->starts[group]; row < g->starts[group + 1]; row++)
            expect_bit(s, row - g->starts[0], g->group_bits[group / 64] >> (group % 64) & 1);
    memset(s->bits, 0xa5, sizeof s->bits);
    kernel_spread(g->group_bits, g->starts, g->count, s->bits);
    bits_are_expected(s, "spread");
}

static void groups(size_t count) {
    struct stage s;
    struct groups g;
    for (int round = 0; round < 3; round++) {
        stage_open(&s, count, 1);
        for (size_t i = 0; i < count; i++) /* of a third of the rounds' values no sum can be trusted to fit */
            s.values[i] = round ? random_between(&s.r, -100000, 900000) : (int64_t)some_value(&s.r);
        make_groups(&s, &g);
        groups_are_right(&s, &g, false);
        groups_are_right(&s, &g, true);
        spread_is_right(&s, &g);
        owners_are_right(&s, &g);
        begins_are_right(&s, &g);
        free(g.starts);
        free(g.bits);
        stage_close(&s);
    }
}

static void test_groups(void **state) {
    (void)state;
    over_sizes(groups);
}

/* Rows of no width are all alike: 0. */
static void test_no_width(void **state) {
    (void)state;
    uint64_t bits[3], set = 5;
    int64_t out[3], numbers[] = {9};
    kernel_range(NULL, 0, 130, 0, 3, bits);
    assert_true(kernel_count(bits, 3) == 130);
    kernel_range(NULL, 0, 130, 1, 3, bits);
    assert_true(kernel_none(bits, 3));
    kernel_range(NULL, 0, 130, UINT64_MAX, 1, bits);
    assert_true(kernel_count(bits, 3) == 130);
    kernel_codes(NULL, 0, 130, &set, 3, bits);
    assert_true(kernel_count(bits, 3) == 130);
    kernel_codes(NULL, 0, 130, &set, 0, bits);
    assert_true(kernel_none(bits, 3));
    kernel_widen(NULL, 0, 3, -4, 7, out);
    assert_true(out[0] == -4 && out[2] == -4);
    kernel_look_up(NULL, 0, 3, numbers, 1, out);
    assert_true(out[0] == 9 && out[2] == 9);
}

static int find_machine(void **state) {
    (void)state;
    machine = kernel_level();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range),    cmocka_unit_test(test_codes),     cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_reals),    cmocka_unit_test(test_values),    cmocka_unit_test(test_times),
        cmocka_unit_test(test_sets),     cmocka_unit_test(test_take_bits), cmocka_unit_test(test_groups),
        cmocka_unit_test(test_no_width), cmocka_unit_test(test_combine),   cmocka_unit_test(test_members),
    };
    return cmocka_run_group_tests(tests, find_machine, NULL);
}
