/* bench/memory: see the header. */
#include "main/bench/memory.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#define WORKERS_MAX 2

struct reading {
    const uint64_t *words;
    size_t count;
    uint64_t sum;
};

static void *read_words(void *context) {
    struct reading *r = context;
    uint64_t sums[8] = {0};
    for (size_t i = 0; i + 8 <= r->count; i += 8)
        for (size_t k = 0; k < 8; k++)
            sums[k] += r->words[i + k];
    for (size_t k = 0; k < 8; k++)
        r->sum += sums[k];
    return NULL;
}

static double bandwidth(const uint64_t *words, size_t count, unsigned workers, uint64_t *sum) {
    double best = 0;
    for (int repeat = 0; repeat < 5; repeat++) {
        struct reading readings[WORKERS_MAX];
        pthread_t threads[WORKERS_MAX];
        double began = bench_now_s();
        for (unsigned i = 0; i < workers; i++) {
            readings[i] = (struct reading){words + count / workers * i, count / workers, 0};
            if (pthread_create(&threads[i], NULL, read_words, &readings[i]))
                abort();
        }
        *sum = 0;
        for (unsigned i = 0; i < workers; i++) {
            pthread_join(threads[i], NULL);
            *sum += readings[i].sum;
        }
        double rate = (double)count * 8 / (bench_now_s() - began);
        best = rate > best ? rate : best;
    }
    return best;
}

double bench_memory(struct bench *b, uint64_t bytes, unsigned workers) {
    size_t words = (size_t)(bytes / 8 + 1024) & ~(size_t)15;
    uint64_t *memory = memory_get(words, 8), expected = 0, sum;
    assert(workers && workers <= WORKERS_MAX);
    for (size_t i = 0; i < words; i++)
        expected += memory[i] = i * 0x9e3779b97f4a7c15ULL;
    double rate = bandwidth(memory, words, workers, &sum);
    free(memory);
    bench_value(b, workers == 1 ? "memory read by one thread" : "memory read by two threads", "GB/s", rate / 1e9);
    bench_check(b, "sum of words", expected, sum);
    return rate;
}
