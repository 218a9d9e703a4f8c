/* bench/ingest: tracking calls over HTTP into a server of its own process, through everything: parsing, the log with its
 * sync, govern, the set of message ids, identity, history. A round ends when all of it is acknowledged, and again when all of it
 * is folded; the slower is what counts. The load comes from one thread on the same machine, and its CPU is told apart.
 *
 * On paper, an event of 610 bytes: one copy from the socket, one parse at 2.5 GB/s, one copy and CRC into the log, one write; then
 * read, parsed again and made a record of 20 values (1 microsecond), three look-ups that miss the cache, one copy. */
#include <math.h>
#include <stdlib.h>

#include "main/bench/feed.h"

#define SETTLE_S_MAX 600
#define LOG_BYTES_EACH 1100 /* on disk: its log record, and room for history and checkpoints */

struct ingest {
    struct bench *bench;
    const char *name;
    uint64_t events, rounds, connections, batch, seed, customers;
    struct bench_data data;
    struct bench_child child;
    struct bench_requests requests;
    double load_cpu_s; /* all rounds together */
};

/* What the rounds measured. */
struct rounds {
    double acknowledged[BENCH_REPEATS_MAX], folded[BENCH_REPEATS_MAX];
    double p50_ms[BENCH_REPEATS_MAX], p99_ms[BENCH_REPEATS_MAX], max_ms[BENCH_REPEATS_MAX];
};

static enum status one_round(struct ingest *t, struct rounds *r, size_t i, struct fault *fault) {
    struct load_result load;
    struct load_options options = {.url = t->child.url,
                                   .connections = (unsigned)t->connections,
                                   .total = t->events / t->batch,
                                   .seconds_max = SETTLE_S_MAX,
                                   .make = bench_requests_make,
                                   .context = &t->requests};
    double began = bench_now_s();
    enum status status = client_load(&options, &load, fault);
    if (!status)
        status = bench_child_settle(&t->child, SETTLE_S_MAX, fault);
    if (status)
        return status;
    double folded_s = bench_now_s() - began;
    if (load.failed || load.answers != options.total)
        return fault_set(fault, STATUS_IO, "%llu of %llu requests failed, the first with: %s",
                         (unsigned long long)load.failed, (unsigned long long)options.total, load.first_failure);
    double events = (double)(options.total * t->batch);
    r->acknowledged[i] = events / load.seconds;
    r->folded[i] = events / folded_s;
    r->p50_ms[i] = load.latency_us_p50 / 1e3;
    r->p99_ms[i] = load.latency_us_p99 / 1e3;
    r->max_ms[i] = load.latency_us_max / 1e3;
    t->load_cpu_s += load.cpu_seconds;
    return STATUS_OK;
}

static enum status check_answer(struct ingest *t, struct fault *fault) {
    double rows, customers, waiting;
    enum status status = bench_child_measure(&t->child, "history_rows", &rows, fault);
    if (!status)
        status = bench_child_measure(&t->child, "customers", &customers, fault);
    if (!status)
        status = bench_child_measure(&t->child, "quarantine_waiting", &waiting, fault);
    if (status)
        return status;
    bench_check(t->bench, "rows in history", t->requests.next, (uint64_t)llround(rows));
    bench_check(t->bench, "customers", bench_data_distinct(&t->data, 0, t->requests.next),
                (uint64_t)llround(customers));
    bench_check(t->bench, "in quarantine", 0, (uint64_t)llround(waiting));
    return STATUS_OK;
}

static void report(struct ingest *t, struct rounds *r) {
    bool single = t->batch == 1;
    bench_figure(t->bench, &(struct bench_figure){"durable and acknowledged", "events/s", BENCH_HIGHER, 0},
                 r->acknowledged, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"and folded", "events/s", BENCH_HIGHER, single ? 40000 : 150000},
                 r->folded, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"answer, p50", "ms", BENCH_LOWER, 0}, r->p50_ms, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"answer, p99", "ms", BENCH_LOWER, single ? 10 : 0}, r->p99_ms,
                 t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"answer, longest", "ms", BENCH_LOWER, 0}, r->max_ms, t->rounds);
}

static enum status measure(struct ingest *t, struct fault *fault) {
    char key[64];
    struct rounds *r = memory_get(1, sizeof *r);
    struct bench_cpu before[BENCH_CPU_MAX];
    enum status status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
    if (!status)
        status = bench_child_source(&t->child, "web", key, fault);
    if (!status)
        bench_requests_init(&t->requests, &t->child, key);
    if (!status)
        bench_child_cpu(&t->child, before);
    for (size_t i = 0; i < t->rounds && !status; i++)
        status = one_round(t, r, i, fault);
    if (!status) {
        report(t, r);
        bench_child_report_cpu(t->bench, &t->child, before, (double)t->requests.next, "event");
        bench_value(t->bench, "CPU an event, load generator", "us", t->load_cpu_s / (double)t->requests.next * 1e6);
        status = check_answer(t, fault);
    }
    if (!status)
        status = bench_child_stop(&t->child, fault);
    bench_child_kill(&t->child);
    free(r);
    return status;
}

static enum status run(struct ingest *t, int argc, char **argv, struct fault *fault) {
    struct bench *b = t->bench;
    char usage[64];
    const struct arg table[] = {
        BENCH_ARGS(b),
        {"events", ARG_NUMBER, &t->events, "a round"},
        {"rounds", ARG_NUMBER, &t->rounds, "on one growing data folder"},
        {"connections", ARG_NUMBER, &t->connections, "kept alive, one request under way on each"},
        {"customers", ARG_NUMBER, &t->customers, "different user ids (100000)"},
        {"seed", ARG_NUMBER, &t->seed, "of the data (1)"},
        {0}};
    snprintf(usage, sizeof usage, "bench %s [--events N] [--rounds N] ...", t->name);
    args_parse(argc, argv, usage, table, NULL, NULL);
    if (!t->rounds || t->rounds > BENCH_REPEATS_MAX || t->events < t->batch || !t->connections || !t->customers ||
        t->customers > 10000000)
        return fault_set(fault, STATUS_INVALID,
                         "rounds are 1 to %d, events at least %llu, connections at least 1, customers at most 10000000",
                         BENCH_REPEATS_MAX, (unsigned long long)t->batch);
    t->events -= t->events % t->batch;
    t->data = (struct bench_data){t->seed, t->customers};
    t->requests = (struct bench_requests){.os = b->os, .data = &t->data, .batch = t->batch};
    enum status status = bench_folder(b, t->events * t->rounds * LOG_BYTES_EACH + (1u << 30), fault);
    if (status)
        return status;
    bench_begin(b, t->name);
    bench_shape(
        b,
        "%llu rounds of %llu track events of %zu bytes, %llu a request, %llu connections, %llu user ids with as many "
        "anonymous ids; server and load on the same machine",
        (unsigned long long)t->rounds, (unsigned long long)t->events, bench_data_bytes(BENCH_VIEW),
        (unsigned long long)t->batch, (unsigned long long)t->connections, (unsigned long long)t->customers);
    status = measure(t, fault);
    bench_end(b);
    return status;
}

enum status bench_ingest(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct ingest t = {.bench = b,
                       .name = "ingest",
                       .events = 1000000,
                       .rounds = 5,
                       .connections = 8,
                       .batch = 100,
                       .seed = 1,
                       .customers = 100000};
    return run(&t, argc, argv, fault);
}

enum status bench_ingest_single(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct ingest t = {.bench = b,
                       .name = "ingest-single",
                       .events = 300000,
                       .rounds = 5,
                       .connections = 64,
                       .batch = 1,
                       .seed = 1,
                       .customers = 100000};
    return run(&t, argc, argv, fault);
}
