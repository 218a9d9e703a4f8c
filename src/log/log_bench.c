/* log_bench: durable records a second at groups of 1, 100 and 1000 records of 600 bytes, each group waited for; the
 * same from 64 threads of one record each; and reading all of it back. Best possible: the disk's sync time for small
 * groups, its bandwidth for large ones.
 *
 *     log_bench [folder [seconds]]     folder: made and emptied again; default /tmp/log_bench. 0.05 s is a dry run. */
#include "log/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int log_bench(int argc, char **argv);

#define RECORD_BYTES 600
#define THREAD_COUNT 64

struct bench {
    struct log *log;
    uint64_t end_ns;
    size_t batch;
    pthread_mutex_t mutex;
    uint64_t record_count, wait_ns_max;
};

static void stop_on(enum status status, const struct fault *fault) {
    if (!status)
        return;
    fprintf(stderr, "log_bench: %s\n", fault->text);
    exit(1);
}

/* Appends batches and waits for each, until the time is over. */
static void *append_and_wait(void *context) {
    struct bench *bench = context;
    struct log_record *records = memory_get(bench->batch, sizeof *records);
    char payload[RECORD_BYTES];
    uint64_t count = 0, longest = 0, now = os_monotonic_ns(os_real());
    memset(payload, 'x', sizeof payload);
    for (size_t i = 0; i < bench->batch; i++)
        records[i] = (struct log_record){.kind = LOG_ROW, .payload = slice_of(payload, sizeof payload)};
    while (now < bench->end_ns) {
        struct fault fault;
        uint64_t start = now;
        stop_on(log_append(bench->log, records, bench->batch, &fault), &fault);
        uint64_t last = records[bench->batch - 1].position;
        while (log_wait(bench->log, last - 1, 1000) < last) {
        }
        count += bench->batch;
        now = os_monotonic_ns(os_real());
        longest = now - start > longest ? now - start : longest;
    }
    pthread_mutex_lock(&bench->mutex);
    bench->record_count += count;
    bench->wait_ns_max = longest > bench->wait_ns_max ? longest : bench->wait_ns_max;
    pthread_mutex_unlock(&bench->mutex);
    free(records);
    return NULL;
}

static void measure(struct log *log, size_t thread_count, size_t batch, double seconds) {
    pthread_t threads[THREAD_COUNT];
    struct log_counters before, after;
    uint64_t start = os_monotonic_ns(os_real());
    struct bench bench = {.log = log, .end_ns = start + (uint64_t)(seconds * 1e9), .batch = batch};
    pthread_mutex_init(&bench.mutex, NULL);
    log_counters_read(log, &before);
    for (size_t i = 0; i < thread_count; i++)
        pthread_create(&threads[i], NULL, append_and_wait, &bench);
    for (size_t i = 0; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    double took = (double)(os_monotonic_ns(os_real()) - start) * 1e-9;
    log_counters_read(log, &after);
    uint64_t groups = after.group_count - before.group_count;
    printf(
        "%2zu threads, batch %4zu: %9.0f records/s  %6.1f MB/s  sync %5.0f us  %6.1f records/group  wait max %.1f ms\n",
        thread_count, batch, (double)bench.record_count / took,
        (double)(after.byte_count - before.byte_count) / took * 1e-6,
        (double)(after.sync_ns_total - before.sync_ns_total) / (double)(groups ? groups : 1) * 1e-3,
        (double)bench.record_count / (double)(groups ? groups : 1), (double)bench.wait_ns_max * 1e-6);
    pthread_mutex_destroy(&bench.mutex);
}

static void read_back(struct log *log) {
    struct log_reader *reader;
    struct log_record record;
    struct fault fault;
    enum status status;
    uint64_t count = 0, bytes = 0, sum = 0, start = os_monotonic_ns(os_real());
    stop_on(log_reader_open(log, log_first(log), &reader, &fault), &fault);
    while ((status = log_read(reader, &record, &fault)) == STATUS_OK) {
        count++;
        bytes += record.payload.size;
        sum += record.position;
    }
    if (status != STATUS_END)
        stop_on(status, &fault);
    double took = (double)(os_monotonic_ns(os_real()) - start) * 1e-9;
    printf("read: %.0f records/s, %.0f MB/s (checksum %llu of %llu records)\n", (double)count / took,
           (double)bytes / took * 1e-6, (unsigned long long)sum, (unsigned long long)count);
    log_reader_close(reader);
}

static void remove_name(void *context, const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    struct fault fault;
    stop_on(os_remove(os_real(), path, &fault), &fault);
}

int log_bench(int argc, char **argv) {
    char *folder = argc > 1 ? argv[1] : "/tmp/log_bench";
    double seconds = argc > 2 ? atof(argv[2]) : 2;
    struct log *log;
    struct fault fault;
    stop_on(log_open(os_real(), folder, NULL, &log, &fault), &fault);
    stop_on(log_start(log, &fault), &fault);
    measure(log, 1, 1, seconds);
    measure(log, 1, 100, seconds);
    measure(log, 1, 1000, seconds);
    measure(log, THREAD_COUNT, 1, seconds);
    measure(log, 4, 1000, seconds);
    read_back(log);
    log_close(log);
    uint64_t start = os_monotonic_ns(os_real());
    stop_on(log_open(os_real(), folder, NULL, &log, &fault), &fault);
    printf("reopen: %.1f ms\n", (double)(os_monotonic_ns(os_real()) - start) * 1e-6);
    log_close(log);
    stop_on(os_list(os_real(), folder, remove_name, folder, &fault), &fault);
    stop_on(os_remove(os_real(), folder, &fault), &fault);
    return 0;
}
