/* seen_bench: what a look-up-and-add costs as the set grows, with the background working beside, and the longest the
 * fold was kept in one batch.
 *
 *     seen_bench [hashes, default 50000000] [folder, default a new one under /tmp]
 *
 * On paper: a new hash touches one line of the fresh table, one per sealed table and one per run, all prefetched a
 * batch ahead; at 50 M hashes some 7 lines, of which a core loads about 12 at a time at 100 ns each: 60 ns. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include "base/hash.h"
#include "history/seen.h"

#define BATCH 128
#define REPEATS_EVERY 100 /* one event in so many is a repeat */

struct bench {
    struct seen *seen;
    _Atomic bool stop;
    uint64_t calls, longest_ns;
    enum status status;
    struct fault fault;
};

static void *work_behind(void *context) {
    struct bench *b = context;
    do {
        uint64_t start = os_monotonic_ns(os_real());
        b->status = seen_compact(b->seen, &b->fault);
        uint64_t took = os_monotonic_ns(os_real()) - start;
        b->calls += b->status == STATUS_OK;
        b->longest_ns = took > b->longest_ns ? took : b->longest_ns;
        if (b->status == STATUS_END) {
            struct timespec pause = {0, 1000000};
            nanosleep(&pause, NULL);
        }
    } while ((b->status == STATUS_OK || b->status == STATUS_END) && !atomic_load(&b->stop));
    return NULL;
}

/* How long batches took. One during which the system took the core away says nothing about us: it is counted apart. */
struct times {
    uint64_t count, long_count, longest_ns, taken_away;
};

#define LONG_NS 1000000u

/* Of this thread: what another process does on the core meanwhile is not in it. */
static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static long times_taken_away(void) {
    struct rusage usage;
    return getrusage(RUSAGE_THREAD, &usage) ? 0 : usage.ru_nivcsw;
}

static void times_add(struct times *t, uint64_t ns, bool taken_away) {
    t->count++;
    t->taken_away += taken_away;
    if (taken_away)
        return;
    t->long_count += ns > LONG_NS;
    t->longest_ns = ns > t->longest_ns ? ns : t->longest_ns;
}

/* Adds hashes numbered from..to, every hundredth one a repeat; returns how many were taken for repeats. */
static uint64_t add_range(struct seen *s, uint64_t from, uint64_t to, struct times *times) {
    uint64_t repeats = 0, hashes[BATCH];
    for (uint64_t at = from; at < to; at += BATCH) {
        unsigned count = to - at < BATCH ? (unsigned)(to - at) : BATCH;
        for (unsigned i = 0; i < count; i++) {
            uint64_t number = at + i;
            if (number % REPEATS_EVERY == 0)
                number = number / 2 + 1;
            hashes[i] = hash_mix(number + 1) + 1;
        }
        long before = times_taken_away();
        uint64_t start = os_monotonic_ns(os_real());
        for (unsigned i = 0; i < count; i++)
            seen_prefetch(s, hashes[i]);
        for (unsigned i = 0; i < count; i++)
            repeats += seen_add(s, hashes[i]);
        uint64_t took = os_monotonic_ns(os_real()) - start;
        times_add(times, took, times_taken_away() != before);
    }
    return repeats;
}

static void print_times(const struct times *t) {
    printf("    batches of %d: %llu, over 1 ms: %llu, longest %.2f ms; without %llu in which the core was taken away\n",
           BATCH, (unsigned long long)t->count, (unsigned long long)t->long_count, (double)t->longest_ns / 1e6,
           (unsigned long long)t->taken_away);
}

static void grow(struct bench *b, uint64_t count) {
    struct times times = {0};
    uint64_t repeats = 0;
    for (uint64_t step = 1, done = 0; step <= 10; step++) {
        uint64_t to = count * step / 10, start = os_monotonic_ns(os_real()), cpu = cpu_ns();
        repeats += add_range(b->seen, done, to, &times);
        uint64_t took = os_monotonic_ns(os_real()) - start;
        cpu = cpu_ns() - cpu;
        printf("%9llu hashes: %6.1f ns an event (%.1f of CPU), disk %.2f bytes a hash, memory %llu MB\n",
               (unsigned long long)seen_count(b->seen), (double)took / (double)(to > done ? to - done : 1),
               (double)cpu / (double)(to > done ? to - done : 1),
               (double)seen_disk_bytes(b->seen) / (double)(seen_count(b->seen) + 1),
               (unsigned long long)(seen_memory_bytes(b->seen) >> 20));
        done = to;
    }
    print_times(&times);
    printf("checksum: %llu repeats of %llu\n", (unsigned long long)repeats, (unsigned long long)count);
}

/* Compacts until nothing is due, and saves, so that old runs go. */
static enum status settle(struct bench *b, const char *path) {
    enum status status;
    while ((status = seen_compact(b->seen, &b->fault)) == STATUS_OK) {
    }
    uint64_t start = os_monotonic_ns(os_real());
    struct seen_image *image = seen_freeze(b->seen);
    printf("freeze: %.0f us\n", (double)(os_monotonic_ns(os_real()) - start) / 1e3);
    if (status == STATUS_END)
        status = seen_write(image, path, &b->fault);
    seen_image_free(image, status == STATUS_OK);
    while (status == STATUS_OK)
        status = seen_compact(b->seen, &b->fault);
    return status == STATUS_END ? STATUS_OK : status;
}

/* Without the background beside. */
static void add_more(struct bench *b, const char *what, uint64_t from, uint64_t count) {
    struct times times = {0};
    uint64_t start = os_monotonic_ns(os_real()), cpu = cpu_ns();
    uint64_t repeats = add_range(b->seen, from, from + count, &times);
    uint64_t took = os_monotonic_ns(os_real()) - start;
    printf("%s: %.1f ns an event (%.1f of CPU), disk %.2f bytes a hash, %llu repeats\n", what,
           (double)took / (double)count, (double)(cpu_ns() - cpu) / (double)count,
           (double)seen_disk_bytes(b->seen) / (double)(seen_count(b->seen) + 1), (unsigned long long)repeats);
    print_times(&times);
}

static enum status reload(struct bench *b, const char *folder, const char *path) {
    seen_free(b->seen);
    uint64_t start = os_monotonic_ns(os_real());
    enum status status = seen_create(os_real(), folder, &b->seen, &b->fault);
    if (status == STATUS_OK)
        status = seen_load(b->seen, path, &b->fault);
    printf("load: %.0f ms, %llu hashes\n", (double)(os_monotonic_ns(os_real()) - start) / 1e6,
           (unsigned long long)seen_count(b->seen));
    return status;
}

/* The settled set, with new hashes and with nothing but repeats; then a restart. */
static enum status after_growth(struct bench *b, const char *folder, uint64_t count) {
    uint64_t more = count < 400000 ? count : 400000;
    char path[512];
    snprintf(path, sizeof path, "%s/save", folder);
    enum status status = settle(b, path);
    if (status)
        return status;
    add_more(b, "settled", count, more);
    add_more(b, "repeats", 0, more);
    return reload(b, folder, path);
}

static void remove_name(void *context, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    if (os_remove(os_real(), path, NULL))
        fprintf(stderr, "cannot remove %s\n", path);
}

int seen_bench(int argc, char **argv) {
    uint64_t count = argc > 1 ? strtoull(argv[1], NULL, 10) : 50000000;
    char made[] = "/tmp/seen_bench.XXXXXX";
    const char *folder = argc > 2 ? argv[2] : mkdtemp(made);
    struct bench b = {0};
    pthread_t thread;
    if (count == 0 || !folder || seen_create(os_real(), folder, &b.seen, &b.fault) ||
        pthread_create(&thread, NULL, work_behind, &b)) {
        fprintf(stderr, "seen_bench: %s\n", b.fault.text);
        return 1;
    }
    grow(&b, count);
    atomic_store(&b.stop, true);
    pthread_join(thread, NULL);
    printf("background: %llu seals and merges, the longest %.0f ms\n", (unsigned long long)b.calls,
           (double)b.longest_ns / 1e6);
    if (b.status == STATUS_OK || b.status == STATUS_END)
        b.status = after_growth(&b, folder, count);
    if (b.status)
        fprintf(stderr, "seen_bench: %s\n", b.fault.text);
    seen_free(b.seen);
    if (os_list(os_real(), folder, remove_name, (void *)(uintptr_t)folder, NULL) || os_remove(os_real(), folder, NULL))
        fprintf(stderr, "seen_bench: %s was not removed whole\n", folder);
    return b.status != STATUS_OK;
}
