/* bench/scan: a numeric condition over one column of every customer's history, the kernel under batch segments.
 *
 * On paper: four bytes a row (prices of 100.00 to 999.99 are 90,000 steps of a cent) at the machine's memory bandwidth, which is
 * measured beside it by a plain reading loop. */
#include "base/hash.h"
#include "history/history.h"
#include "main/bench/memory.h"

#define EVENTS_EACH 10   /* a customer */
#define PRICE_BYTES 4    /* a row's */
#define COMPACT_SPANS 64 /* built before they are compacted */
#define ROW_BYTES_MAX 64 /* on disk, for the space asked for */
#define WORKERS_MAX 2

struct scan {
    struct bench *bench;
    uint64_t events, rounds, seed;
    struct dictionary *dictionary;
    struct history *history;
    uint16_t type, price, quantity;
    struct record_builder builder;
    uint64_t above[10]; /* rows with a price of at least 100 * i */
};

/* --- building --- */

static enum status define(struct scan *s, struct fault *fault) {
    struct type *type;
    struct property *price, *quantity;
    s->dictionary = dictionary_create();
    enum status status = dictionary_type(s->dictionary, TYPE_EVENT, SLICE("Product Viewed"), &type, fault);
    if (!status)
        status = dictionary_property(s->dictionary, type, SLICE("price"), PROPERTY_MONEY, &price, fault);
    if (!status)
        status = dictionary_property(s->dictionary, type, SLICE("quantity"), PROPERTY_NUMBER, &quantity, fault);
    if (status)
        return status;
    s->type = type->number;
    s->price = price->number;
    s->quantity = quantity->number;
    return history_create(s->bench->os, s->bench->folder, s->dictionary, NULL, &s->history, fault);
}

static void add_event(struct scan *s, uint64_t number) {
    uint64_t h = hash_mix(s->seed * 0x9e3779b97f4a7c15ULL + number + 1);
    int64_t cents = 10000 + (int64_t)(h % 90000), time_ms = 1735689600000 + (int64_t)((h >> 20) % 31536000) * 1000;
    struct record_head head = {.type = s->type,
                               .source = 1,
                               .time_ms = time_ms,
                               .received_ms = time_ms + 500,
                               .position = number + 1,
                               .kind = TYPE_EVENT,
                               .priority = 100,
                               .arrival = 1};
    record_begin(&s->builder, &head);
    record_set(&s->builder, s->price, VALUE_NUMBER, cents, 2);
    record_set(&s->builder, s->quantity, VALUE_NUMBER, 1 + (int64_t)(h >> 52) % 5, 0);
    history_append(s->history, (struct customer_id){(uint32_t)(number / EVENTS_EACH) + 1}, record_end(&s->builder));
    for (int64_t i = 1; i <= cents / 10000; i++)
        s->above[i]++;
}

static enum status compact(struct scan *s, struct fault *fault) {
    enum status status;
    while (!(status = history_compact(s->history, true, fault)))
        history_tidy(s->history);
    return status == STATUS_END ? STATUS_OK : status;
}

static enum status build(struct scan *s, struct fault *fault) {
    const uint64_t some = (uint64_t)COMPACT_SPANS * SPAN_CUSTOMERS * EVENTS_EACH;
    double began = bench_now_s();
    enum status status = define(s, fault);
    for (uint64_t i = 0; i < s->events && !status; i++) {
        add_event(s, i);
        if ((i + 1) % some == 0)
            status = compact(s, fault);
    }
    if (!status)
        status = compact(s, fault);
    if (status)
        return status;
    history_advance(s->history, s->events);
    struct history_counters counters;
    history_counters_read(s->history, &counters);
    bench_value(s->bench, "building took", "s", bench_now_s() - began);
    bench_value(s->bench, "bytes a row in base files", "", (double)counters.base_bytes / (double)s->events);
    bench_check(s->bench, "rows in base files", s->events, counters.base_rows);
    return STATUS_OK;
}

/* --- scanning --- */

static void scan_with(struct scan *s, unsigned workers, double memory_rate) {
    static const char *const names[] = {"", "events a core, one worker", "events a core, two workers"};
    static const char *const shares[] = {"", "share of memory bandwidth, one", "share of memory bandwidth, two"};
    double rates[BENCH_REPEATS_MAX], median, cpu_s = bench_cpu_s();
    uint64_t found = 0, expected = 0;
    for (uint64_t i = 0; i < s->rounds; i++) {
        unsigned hundreds = 1 + (unsigned)(i % 9);
        double began = bench_now_s();
        found += history_count(s->history, s->type, s->price, COMPARE_GREATER_EQUAL, 100.0 * hundreds, workers);
        rates[i] = (double)s->events / (bench_now_s() - began) / workers;
        expected += s->above[hundreds];
    }
    cpu_s = bench_cpu_s() - cpu_s;
    bench_figure(s->bench, &(struct bench_figure){names[workers], "/s", BENCH_HIGHER, 300e6}, rates, s->rounds);
    bench_value(s->bench, workers == 1 ? "events a CPU second, one worker" : "events a CPU second, two workers", "",
                (double)(s->events * s->rounds) / cpu_s);
    median = rates[s->rounds / 2] * workers * PRICE_BYTES;
    bench_value(s->bench, workers == 1 ? "column bytes, one worker" : "column bytes, two workers", "GB/s",
                median / 1e9);
    bench_value(s->bench, shares[workers], "", median / memory_rate);
    bench_check(s->bench, "sum of counts", expected, found);
}

static enum status measure(struct scan *s, struct fault *fault) {
    double rates[WORKERS_MAX + 1];
    enum status status = build(s, fault);
    for (unsigned workers = 1; workers <= WORKERS_MAX && !status; workers++)
        rates[workers] = bench_memory(s->bench, s->events * PRICE_BYTES, workers);
    for (unsigned workers = 1; workers <= WORKERS_MAX && !status; workers++)
        scan_with(s, workers, rates[workers]);
    return status;
}

enum status bench_scan(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct scan s = {.bench = b, .events = 50000000, .rounds = 18, .seed = 1};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"events", ARG_NUMBER, &s.events, "rows of the type (50000000)"},
                                {"rounds", ARG_NUMBER, &s.rounds, "scans with one worker and with two (18)"},
                                {"seed", ARG_NUMBER, &s.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench scan [--events N] ...", table, NULL, NULL);
    if (!s.rounds || s.rounds > BENCH_REPEATS_MAX || !s.events)
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, events at least 1", BENCH_REPEATS_MAX);
    enum status status = bench_folder(b, s.events * ROW_BYTES_MAX, fault);
    if (status)
        return status;
    bench_begin(b, "scan");
    bench_shape(b,
                "%llu events of one type, %d a customer, compacted: time, price (4 bytes), quantity (1 byte); counted "
                "where the "
                "price reaches 100 to 900, base files mapped and in memory",
                (unsigned long long)s.events, EVENTS_EACH);
    status = measure(&s, fault);
    bench_end(b);
    history_free(s.history);
    dictionary_free(s.dictionary);
    record_builder_release(&s.builder);
    return status;
}
