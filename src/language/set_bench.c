/* set_bench: set algebra over the bits of many customers, and what the kernels below a segment cost a row, at each level of instructions.
 *
 *     onefold bench sets [customer bits, default 100000000] [rows, default 50000000]
 *
 * On paper: A and B and not C and (D or E) reads five sets of 12.5 MB and writes one, 75 MB; a core that reads 12 to 40 GB/s takes 2 to 6 ms,
 * less where some of it stays in the last cache. Done in one passage (kernel_combine), what is in between never leaves
 * the registers. Rows: the bytes of a column over the same rate, until the arithmetic takes longer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/hash.h"
#include "base/memory.h"
#include "language/kernel.h"

#define REPEATS 9
#define BAR_MS 5.0
#define SPAN_ROWS 40960 /* as a span has with ten rows a customer */
#define GROUP_ROWS 10

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static const char *const level_names[] = {"plain", "AVX2", "AVX-512"};

/* --- sets --- */

struct sets {
    uint64_t *a, *b, *c, *d, *e, *out;
    size_t words;
};

static uint64_t *make_set(size_t words, size_t bits, uint64_t seed) {
    uint64_t *set = memory_get_large(words, 8);
    for (size_t i = 0; i < words; i++)
        set[i] = hash_mix(seed << 40 | (i + 1));
    if (bits % 64)
        set[words - 1] &= (1ull << (bits % 64)) - 1;
    return set;
}

static uint64_t combine(const struct sets *s) {
    const struct kernel_set_step steps[] = {
        {KERNEL_SET_START, s->a}, {KERNEL_SET_AND, s->b}, {KERNEL_SET_AND_NOT, s->c},
        {KERNEL_SET_START, s->d}, {KERNEL_SET_OR, s->e},  {KERNEL_SET_AND, NULL},
    };
    return kernel_combine(steps, sizeof steps / sizeof *steps, s->words, s->out);
}

static uint64_t combine_plainly(const struct sets *s) {
    uint64_t count = 0;
    for (size_t i = 0; i < s->words; i++)
        count += (uint64_t)__builtin_popcountll(s->a[i] & s->b[i] & ~s->c[i] & (s->d[i] | s->e[i]));
    return count;
}

/* True where the answer is right. */
static bool bench_sets(size_t bits) {
    size_t words = (bits + 63) / 64;
    struct sets s = {make_set(words, bits, 1),
                     make_set(words, bits, 2),
                     make_set(words, bits, 3),
                     make_set(words, bits, 4),
                     make_set(words, bits, 5),
                     memory_get_large(words, 8),
                     words};
    uint64_t expected = combine_plainly(&s);
    bool right = true;
    enum kernel_level best = kernel_level();
    printf("A and B and not C and (D or E), counted, over %zu customer bits, one core, bar %.0f ms\n", bits, BAR_MS);
    for (int level = 0; level <= (int)best; level++) {
        double times[REPEATS];
        uint64_t count = 0;
        kernel_level_set((enum kernel_level)level);
        combine(&s); /* pages of `out` come into being */
        for (int i = 0; i < REPEATS; i++) {
            double began = now_s();
            count = combine(&s);
            times[i] = (now_s() - began) * 1e3;
        }
        qsort(times, REPEATS, sizeof *times, by_value);
        right = right && count == expected;
        printf("  %-8s %7.2f ms   worst of %d: %.2f   %.1f GB/s   %s   %llu members%s\n", level_names[level],
               times[REPEATS / 2], REPEATS, times[REPEATS - 1], (double)words * 48 / times[REPEATS / 2] / 1e6,
               times[REPEATS / 2] <= BAR_MS ? "met" : "MISSED", (unsigned long long)count,
               count == expected ? "" : "  WRONG");
    }
    kernel_level_set(best);
    free(s.a), free(s.b), free(s.c), free(s.d), free(s.e), free(s.out);
    return right;
}

/* --- rows --- */

struct rows {
    uint64_t count;
    uint8_t *ones;
    uint16_t *twos;
    uint32_t *fours;
    uint64_t *bits; /* of all rows, one in four */
    uint32_t starts[SPAN_ROWS / GROUP_ROWS + 1];
    size_t groups;
    uint64_t few[4], many[16]; /* sets of codes: two of 256, a third of 1,000 */
};

/* What one kernel leaves of one span of rows. */
union result {
    uint64_t bits[SPAN_ROWS / 64];
    uint32_t counts[SPAN_ROWS / GROUP_ROWS];
    int64_t sums[SPAN_ROWS];
};

static void make_rows(struct rows *r, uint64_t count) {
    r->count = count / SPAN_ROWS * SPAN_ROWS;
    r->count = r->count ? r->count : SPAN_ROWS;
    r->ones = memory_get(r->count, 1);
    r->twos = memory_get(r->count, 2);
    r->fours = memory_get(r->count, 4);
    r->bits = memory_get(r->count / 64, 8);
    for (uint64_t i = 0; i < r->count; i++) {
        uint64_t h = hash_mix(i + 1);
        r->ones[i] = (uint8_t)h;
        r->twos[i] = (uint16_t)((h >> 8) % 1000);
        r->fours[i] = (uint32_t)(h >> 24) % 90000;
        r->bits[i / 64] |= (uint64_t)((h >> 60 & 3) == 0) << (i % 64);
    }
    for (uint32_t at = 0; at < SPAN_ROWS; r->groups++) { /* of 5 to 15 rows */
        uint32_t size = GROUP_ROWS - 5 + (uint32_t)(hash_mix(r->groups + 77) % 11);
        at = size < SPAN_ROWS - at && r->groups + 1 < SPAN_ROWS / GROUP_ROWS ? at + size : SPAN_ROWS;
        r->starts[r->groups + 1] = at;
    }
    r->few[0] = 0x20008;
    for (size_t i = 0; i < 1000; i++)
        r->many[i / 64] |= (uint64_t)(hash_mix(i + 1) % 3 == 0) << (i % 64);
}

typedef void kernel_run(struct rows *r, uint64_t row, const int64_t *values, union result *out);

static void run_range1(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_range(r->ones + row, 1, SPAN_ROWS, 10, 50, out->bits);
}
static void run_range2(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_range(r->twos + row, 2, SPAN_ROWS, 10, 500, out->bits);
}
static void run_range4(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_range(r->fours + row, 4, SPAN_ROWS, 10, 50000, out->bits);
}
static void run_codes1(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_codes(r->ones + row, 1, SPAN_ROWS, r->many, 256, out->bits);
}
static void run_codes_few(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_codes(r->twos + row, 2, SPAN_ROWS, r->few, 64, out->bits);
}
static void run_codes_many(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_codes(r->twos + row, 2, SPAN_ROWS, r->many, 1000, out->bits);
}
static void run_widen(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_widen(r->fours + row, 4, SPAN_ROWS, 10000, 10, out->sums);
}
static void run_count(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_group_count(r->bits + row / 64, r->starts, r->groups, out->counts);
}
static void run_any(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_group_any(r->bits + row / 64, r->starts, r->groups, out->bits);
}
static void run_first(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_group_first(r->bits + row / 64, r->starts, r->groups, out->counts);
}
static void run_last(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_group_last(r->bits + row / 64, r->starts, r->groups, out->counts);
}
static void run_sum(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    if (!kernel_group_sum(values, r->bits + row / 64, r->starts, r->groups, out->sums))
        out->sums[0] = -1;
}
static void run_max(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    kernel_group_max(values, r->bits + row / 64, r->starts, r->groups, out->sums);
}
static void run_spread(struct rows *r, uint64_t row, const int64_t *values, union result *out) {
    (void)values;
    kernel_spread(r->bits + row / 64, r->starts, r->groups, out->bits);
}

static const struct {
    const char *name;
    kernel_run *run;
} kernels[] = {
    {"range, 1 byte", run_range1},
    {"range, 2 bytes", run_range2},
    {"range, 4 bytes", run_range4},
    {"codes of 1 byte", run_codes1},
    {"codes of 2 bytes, two", run_codes_few},
    {"codes of 2 bytes, 333", run_codes_many},
    {"widen, 4 bytes", run_widen},
    {"count a customer", run_count},
    {"any a customer", run_any},
    {"first a customer", run_first},
    {"last a customer", run_last},
    {"sum a customer", run_sum},
    {"max a customer", run_max},
    {"spread to rows", run_spread},
};
#define KERNELS (sizeof kernels / sizeof *kernels)

/* Over all rows, span by span; returns ns a row. */
static double time_kernel(struct rows *r, kernel_run *run, const int64_t *values, union result *out,
                          uint64_t *checksum) {
    double best = 1e300;
    for (int repeat = 0; repeat < 3; repeat++) {
        memset(out, 0, sizeof *out);
        *checksum = 0;
        double began = now_s();
        for (uint64_t row = 0; row < r->count; row += SPAN_ROWS) {
            run(r, row, values, out);
            *checksum = hash_mix(*checksum + out->bits[0] + out->bits[SPAN_ROWS / GROUP_ROWS / 64 - 2]);
        }
        double took = now_s() - began;
        best = took < best ? took : best;
    }
    return best * 1e9 / (double)r->count;
}

static bool bench_rows(uint64_t count) {
    struct rows *r = memory_get(1, sizeof *r);
    union result *out = memory_get(1, sizeof *out);
    int64_t *values = memory_get(SPAN_ROWS, 8);
    enum kernel_level best = kernel_level();
    bool right = true;
    make_rows(r, count);
    for (size_t i = 0; i < SPAN_ROWS; i++)
        values[i] = r->fours[i];
    printf("\nns a row over %llu rows in spans of %d, about %d rows a customer, one core, best of 3\n  %-24s",
           (unsigned long long)r->count, SPAN_ROWS, GROUP_ROWS, "");
    for (int level = 0; level <= (int)best; level++)
        printf(" %8s", level_names[level]);
    printf("   checksum\n");
    for (size_t k = 0; k < KERNELS; k++) {
        uint64_t checksum = 0, first = 0;
        printf("  %-24s", kernels[k].name);
        for (int level = 0; level <= (int)best; level++) {
            kernel_level_set((enum kernel_level)level);
            printf(" %8.3f", time_kernel(r, kernels[k].run, values, out, &checksum));
            first = level ? first : checksum;
            right = right && checksum == first;
        }
        printf("   %016llx%s\n", (unsigned long long)first, checksum == first ? "" : "  WRONG");
    }
    kernel_level_set(best);
    free(r->ones), free(r->twos), free(r->fours), free(r->bits), free(r), free(out), free(values);
    return right;
}

int set_bench(int argc, char **argv) {
    uint64_t bits = argc > 1 ? strtoull(argv[1], NULL, 10) : 100000000;
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 50000000;
    if (!bits || !rows) {
        fprintf(stderr, "usage: onefold bench sets [customer bits] [rows]\n");
        return 1;
    }
    bool right = bench_sets(bits);
    right = bench_rows(rows) && right;
    return right ? 0 : 1;
}
