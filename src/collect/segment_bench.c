/* segment_bench: what one item costs from body to record, in batches and alone, and what a key's look-up costs.
 *
 *     onefold bench tracking [rounds, default 2000]
 *
 * On paper: the parse touches each byte at about 1.5 GB/s and writes 48 bytes a node (some 30 nodes): 0.4 microseconds
 * for 540 bytes. Cutting the text is one more pass at 4 GB/s, the copy into the payload another: 0.2. The checks are
 * one walk over a dozen members. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collect/segment.h"

int segment_bench(int count, char **arguments);

#define REPEATS 5
#define BATCH 100

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void stop(const struct fault *fault) {
    fprintf(stderr, "segment_bench: %s\n", fault->text);
    exit(1);
}

static struct sources *make_sources(void) {
    struct sources *sources = sources_create(os_real());
    struct buffer lines = {0};
    struct fault fault;
    char hash[65];
    sources_hash_key(SLICE("key1"), hash);
    buffer_print(&lines,
                 "{\"define\":\"source\",\"name\":\"web\"}\n{\"define\":\"key\",\"role\":\"write\",\"source\":\"web\","
                 "\"hash\":\"%s\"}\n",
                 hash);
    if (sources_load(sources, buffer_slice(&lines), &fault))
        stop(&fault);
    buffer_release(&lines);
    return sources;
}

static void add_item(struct buffer *body, int i) {
    buffer_print(
        body,
        "{\"type\":\"track\",\"event\":\"Product Viewed\",\"userId\":\"user-%06d\",\"anonymousId\":"
        "\"5f0c8e0e-5c0a-4f57-8a5d-%012d\",\"messageId\":\"node-next-1700000000%03d-5f0c8e0e-5c0a-4f57-8a5d-"
        "0123456789ab\",\"timestamp\":\"2026-01-31T08:00:00.123Z\",\"context\":{\"library\":{\"name\":"
        "\"@segment/analytics-node\",\"version\":\"3.1.0\"},\"page\":{\"url\":\"https://shop.example.com/p/%03d\","
        "\"path\":\"/p\"},\"ip\":\"203.0.113.7\"},\"properties\":{\"product_id\":\"sku-%03d\",\"name\":"
        "\"Face cream\",\"price\":199.50,\"currency\":\"CNY\",\"quantity\":2,\"category\":\"skin care\",\"brand\":"
        "\"X\"},\"integrations\":{}}",
        i, i, i, i, i);
}

/* Prints the median and the worst of the repeats, in ns an item, and a checksum of what came out. */
static void bench_requests(struct segment_door *door, const char *path, struct slice body, size_t item_count,
                           int rounds) {
    struct segment_request request = {.path = slice_text(path), .authorization = SLICE("Basic a2V5MTo="), .body = body};
    struct segment_answer answer = {0};
    double times[REPEATS];
    size_t sum = 0;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double start = now_s();
        for (int i = 0; i < rounds; i++) {
            segment_accept(door, &request, &answer);
            for (size_t r = 0; r < answer.record_count; r++)
                sum += answer.records[r].payload.size;
        }
        double ns = (now_s() - start) * 1e9 / rounds / (double)item_count;
        int at = repeat;
        for (; at > 0 && times[at - 1] > ns; at--)
            times[at] = times[at - 1];
        times[at] = ns;
    }
    printf("%-10s %4zu items of %zu bytes: median %.0f ns an item, worst %.0f; sum %zu\n", path, item_count,
           body.size / item_count, times[REPEATS / 2], times[REPEATS - 1], sum);
}

static void bench_keys(struct sources *sources, int rounds) {
    struct source source;
    size_t sum = 0;
    double start = now_s();
    for (int i = 0; i < rounds * 100; i++)
        sum += sources_by_key(sources, SLICE("key1"), &source, NULL) == STATUS_OK ? source.number : 0;
    printf("key look-up: %.0f ns; sum %zu\n", (now_s() - start) * 1e7 / rounds, sum);
}

int segment_bench(int count, char **arguments) {
    int rounds = count > 1 ? (int)strtol(arguments[1], NULL, 10) : 2000;
    if (rounds < 1)
        rounds = 1;
    struct sources *sources = make_sources();
    struct segment_door *door = segment_door_create(sources);
    struct buffer single = {0}, batch = {0};
    add_item(&single, 7);
    buffer_print(&batch, "{\"batch\":[");
    for (int i = 0; i < BATCH; i++) {
        buffer_print(&batch, "%s", i ? "," : "");
        add_item(&batch, i);
    }
    buffer_print(&batch, "],\"writeKey\":\"key1\",\"sentAt\":\"2026-01-31T08:00:00.123Z\"}");
    bench_requests(door, "/v1/batch", buffer_slice(&batch), BATCH, rounds);
    bench_requests(door, "/v1/track", buffer_slice(&single), 1, rounds * 10);
    bench_keys(sources, rounds);
    buffer_release(&single);
    buffer_release(&batch);
    segment_door_free(door);
    sources_free(sources);
    return 0;
}
