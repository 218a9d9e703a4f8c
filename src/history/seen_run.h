/* seen_run: one run of message hashes: an immutable, mapped image file (docs/formats/seen.md), looked up in and
 * merged.
 *
 * Hashes here are mixed ones (hash_mix): evenly spread, so that filter word and fence bucket come straight from the
 * top bits. Part of seen.c's inside; nobody else includes it. */
#ifndef ONEFOLD_HISTORY_SEEN_RUN_H
#define ONEFOLD_HISTORY_SEEN_RUN_H

#include "os/image.h"

#define RUN_SOURCES_MAX 8
#define RUN_HASHES_MAX UINT32_MAX /* fences are 32 bits */

struct seen_run {
    struct seen_run *next; /* seen.c's, as `references`: in the garbage */
    struct image *image;
    const uint64_t *filter;
    const uint32_t *fence; /* [(1 << fence_bits) + 1] */
    const char *keys;      /* `width` bytes each */
    uint64_t filter_words;
    uint64_t count;
    uint64_t sequence; /* the file's name */
    unsigned fence_bits, width;
    unsigned references;
    bool keys_checked; /* background thread */
};

/* Opens the file and checks all but the keys. Holds no reference yet. Errors: NOT_FOUND, DAMAGED, IO. */
enum status seen_run_open(struct os *os, const char *path, uint64_t sequence, struct seen_run **run,
                          struct fault *fault) WARN_UNUSED;
void seen_run_free(struct seen_run *run);
/* Reads the keys against their checksum, the first time. Cost: the whole file. */
enum status seen_run_check_keys(struct seen_run *run, struct fault *fault) WARN_UNUSED;

/* A source to merge: a run, or a sorted array. Ascending, no hash twice, none in two sources. */
struct seen_run_source {
    const struct seen_run *run;
    const uint64_t *sorted;
    uint64_t count;
};
/* Writes the sources' hashes (1..RUN_HASHES_MAX in all) as one durable file, opens it and checks it whole.
 * Errors: DISK_FULL, IO; DAMAGED where sources do not ascend. Memory: constant. */
enum status seen_run_write(struct os *os, const char *path, uint64_t sequence, const struct seen_run_source *sources,
                           unsigned source_count, struct seen_run **run, struct fault *fault) WARN_UNUSED;

/* The four bits that `h` sets in its filter word, the same in every run. */
static inline uint64_t seen_run_filter_bits(uint64_t h) {
    return (uint64_t)1 << (h & 63) | (uint64_t)1 << (h >> 6 & 63) | (uint64_t)1 << (h >> 12 & 63) |
           (uint64_t)1 << (h >> 18 & 63);
}

/* Ascending with `h`, so that a filter is written front to back as a merge goes. */
static inline uint64_t seen_run_filter_word(uint64_t h, uint64_t words) {
    return (uint64_t)((unsigned __int128)h * words >> 64);
}

static inline void seen_run_prefetch(const struct seen_run *run, uint64_t h) {
    __builtin_prefetch(&run->filter[seen_run_filter_word(h, run->filter_words)]);
}
/* False for what is not there, 99 times in 100: then seen_run_holds tells. `bits` is seen_run_filter_bits(h). */
static inline bool seen_run_may_hold(const struct seen_run *run, uint64_t h, uint64_t bits) {
    return (run->filter[seen_run_filter_word(h, run->filter_words)] & bits) == bits;
}
bool seen_run_holds(const struct seen_run *run, uint64_t h);

#endif
