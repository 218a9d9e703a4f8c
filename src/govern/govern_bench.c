/* govern_bench: what one raw record costs: a track call of about 600 bytes with some 20 fields, an order with two
 * lines.
 *
 *     onefold bench govern [rounds]      default 200000; prints nanoseconds per record and a checksum of what came out */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/hash.h"
#include "collect/payload.h"
#include "govern/govern.h"

int govern_bench(int count, char **arguments);

static const char track[] =
    "{\"type\":\"track\",\"event\":\"Product "
    "Viewed\",\"userId\":\"u-%06u\",\"anonymousId\":\"0d6c8a2e-51b0-4c57-9f0e-%012u\",\"messageId\":\"node-next-"
    "1772691729000-%012u\","
    "\"timestamp\":\"2026-03-05T06:22:07.123Z\",\"context\":{\"ip\":\"203.0.113.9\",\"locale\":\"zh-CN\",\"userAgent\":"
    "\"Mozilla/5.0 (iPhone; CPU OS 17_0)\","
    "\"page\":{\"url\":\"https://shop.example/p/8812\",\"path\":\"/p/8812\",\"title\":\"Oolong "
    "100g\"},\"library\":{\"name\":\"analytics.js\",\"version\":\"2.1\"}},"
    "\"properties\":{\"product_id\":\"8812\",\"sku\":\"T-88-12\",\"category\":\"tea\",\"name\":\"Oolong "
    "100g\",\"brand\":\"Leaf\",\"price\":58.5,\"quantity\":1,\"currency\":\"CNY\",\"position\":3}}";
static const char order[] =
    "{\"type\":\"track\",\"event\":\"Order "
    "Completed\",\"userId\":\"u-%06u\",\"anonymousId\":\"0d6c8a2e-51b0-4c57-9f0e-%012u\",\"messageId\":\"node-next-"
    "1772691729000-%012u\","
    "\"timestamp\":\"2026-03-05T06:22:07.123Z\",\"properties\":{\"order_id\":\"SO202603050001\",\"total\":175.5,"
    "\"revenue\":160,\"shipping\":10,\"currency\":\"CNY\",\"products\":["
    "{\"product_id\":\"8812\",\"sku\":\"T-88-12\",\"name\":\"Oolong\",\"price\":58.5,\"quantity\":2},{\"product_id\":"
    "\"8813\",\"sku\":\"T-88-13\",\"name\":\"Puer\",\"price\":58.5,\"quantity\":1}]}}";

/* CPU time of this process: a busy machine does not show in it. */
static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void fill(struct buffer *payload, const char *format, unsigned i) {
    char item[2048];
    int size = snprintf(item, sizeof item, format, i % 1000000, i, i); /* NOLINT: the formats above */
    struct payload_segment head = {1772691729000, 0, (uint32_t)size};
    buffer_clear(payload);
    buffer_add(payload, &head, sizeof head);
    buffer_add(payload, item, (size_t)size);
}

static void bench(const char *name, const char *format, unsigned rounds) {
    enum { DISTINCT = 512 };
    struct dictionary *dictionary = dictionary_create();
    struct govern *govern = govern_create(os_real(), dictionary);
    static struct buffer payloads[DISTINCT];
    struct governed out;
    uint64_t checksum = 0, bytes = 0, fields = 0;
    for (unsigned i = 0; i < DISTINCT; i++)
        fill(&payloads[i], format, i);
    uint64_t start = now_ns();
    for (unsigned i = 0; i < rounds; i++) {
        struct log_record raw = {.position = i + 1,
                                 .received_ms = 1772691729500,
                                 .kind = LOG_SEGMENT_ITEM,
                                 .source = 1,
                                 .payload = buffer_slice(&payloads[i % DISTINCT])};
        govern_apply(govern, &raw, &out);
        checksum = hash_mix(checksum ^ out.message_hash ^ out.records[0]->bytes);
        bytes += raw.payload.size;
        fields += out.records[0]->value_count;
    }
    uint64_t took = now_ns() - start;
    printf("%-8s %7.0f ns a record, %4.0f bytes, %2.0f fields, checksum %016llx\n", name, (double)took / rounds,
           (double)bytes / rounds, (double)fields / rounds, (unsigned long long)checksum);
    for (unsigned i = 0; i < DISTINCT; i++)
        buffer_release(&payloads[i]);
    govern_free(govern);
    dictionary_free(dictionary);
}

int govern_bench(int count, char **arguments) {
    unsigned rounds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 10) : 200000;
    if (rounds == 0)
        return 1;
    bench("track", track, rounds);
    bench("order", order, rounds);
    return 0;
}
