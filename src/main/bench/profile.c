/* bench/profile: whole profiles over HTTP, of customers drawn at random from a million: attributes, identifiers, documents
 * and the newest rows of the timeline, in one JSON answer made from history's columns.
 *
 * On paper: the kernel's part of a small request and answer is 7 microseconds of the server's core (130,000 a second); finding
 * and decoding some ten rows of a page that is not in the cache, and writing them as JSON at 0.5 GB/s, about as much again. */
#include <math.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "base/random.h"
#include "main/bench/feed.h"
#include "main/loader.h"

#define VIEWS_EACH 8
#define ORDERS_ONE_IN 3 /* customers */
#define CALL_BYTES 900  /* on disk, for the space asked for */
#define SAMPLES 500
#define START_MS 1735689600000 /* 2025-01-01; the data spans the year after it */
#define SECONDS_MAX 600

struct profile {
    struct bench *bench;
    uint64_t customers, requests, rounds, connections, seed;
    struct bench_data data;
    struct bench_child child;
    struct random random; /* of the customers asked for */
};

static bool has_order(uint64_t customer) { return customer % ORDERS_ONE_IN == 0; }

static uint64_t call_count(uint64_t customers) {
    return customers * (VIEWS_EACH + 1) + (customers + ORDERS_ONE_IN - 1) / ORDERS_ONE_IN;
}

/* --- building --- */

/* Everybody's identify, then views round by round, then orders, in the order of their times. */
static void feed_all(struct profile *t, struct bench_feed *f) {
    uint64_t number = 0, all = call_count(t->customers);
    for (uint64_t round = 0; round < VIEWS_EACH + 2; round++)
        for (uint64_t c = 0; c < t->customers; c++) {
            if (round == VIEWS_EACH + 1 && !has_order(c))
                continue;
            enum bench_call call = round == 0 ? BENCH_IDENTIFY : round <= VIEWS_EACH ? BENCH_VIEW : BENCH_ORDER;
            bench_feed_add(f, call, number, c, START_MS + (int64_t)((double)number / (double)all * 31536000000.0));
            number++;
        }
}

struct built {
    struct profile *profile; /* in the process that builds: its own copy */
    double took_s;
    uint64_t customers;
    char admin_key[48];
};

static enum status build(void *shared, struct fault *fault) {
    struct built *built = shared;
    struct profile *t = built->profile;
    struct server *server = NULL;
    struct bench_feed *f = memory_get(1, sizeof *f);
    double began = bench_now_s();
    enum status status = bench_feed_start(t->bench, &t->data, &server, f, fault);
    if (status)
        return status;
    feed_all(t, f);
    status = bench_feed_end(f, fault);
    struct identity_counters people;
    identity_counters_read(server->engine->identity, &people);
    built->took_s = bench_now_s() - began;
    built->customers = people.customers;
    memcpy(built->admin_key, server->admin_key, sizeof built->admin_key);
    server_stop(server);
    free(f);
    return status;
}

static enum status build_apart(struct profile *t, struct fault *fault) {
    struct built *built = bench_shared(sizeof *built);
    built->profile = t;
    enum status status = bench_apart(build, built, fault);
    if (!status) {
        bench_value(t->bench, "building took", "s", built->took_s);
        bench_check(t->bench, "customers", t->customers, built->customers);
        snprintf(t->child.admin_key, sizeof t->child.admin_key, "%s", built->admin_key);
    }
    bench_shared_free(built, sizeof *built);
    return status;
}

/* --- asking --- */

static void make_request(void *context, uint64_t number, struct buffer *out) {
    struct profile *t = context;
    char user[16];
    (void)number;
    bench_data_user(random_below(&t->random, t->customers), user);
    buffer_print(out, "GET /v1/profiles/user_id:%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n\r\n", user,
                 t->child.url + strlen("http://"), t->child.admin_key);
}

/* One profile read as JSON: how many rows of its timeline, documents and identifiers it holds. */
static enum status sample(struct profile *t, struct json_parser *p, uint64_t customer, uint64_t sums[3],
                          struct fault *fault) {
    static const char *const lists[3] = {"timeline", "documents", "identifiers"};
    char path[64], user[16];
    struct buffer answer = {0};
    const struct json *root;
    bench_data_user(customer, user);
    snprintf(path, sizeof path, "/v1/profiles/user_id:%s", user);
    enum status status = load_request(t->child.admin, "GET", path, SLICE_NONE, &answer, fault);
    if (!status)
        status = json_parse(p, buffer_slice(&answer), true, &root, fault);
    for (int i = 0; i < 3 && !status; i++) {
        const struct json *list = json_get(p, root, lists[i]);
        sums[i] += list && list->kind == JSON_ARRAY ? list->count : 0;
    }
    buffer_release(&answer);
    return status;
}

/* What some profiles hold against what was sent for these customers. Everyone has a user id, an anonymous id, a member id,
 * phone and e-mail. */
static enum status check_samples(struct profile *t, struct fault *fault) {
    uint64_t sums[3] = {0}, rows = 0, documents = 0, count = t->customers < SAMPLES ? t->customers : SAMPLES;
    struct json_parser *p = json_parser_create();
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < count && !status; i++) {
        uint64_t customer = i * (t->customers / count);
        status = sample(t, p, customer, sums, fault);
        rows += VIEWS_EACH + 1 + (has_order(customer) ? 2 : 0); /* an order is an event, and an update of a document */
        documents += has_order(customer);
    }
    json_parser_free(p);
    if (status)
        return status;
    bench_check(t->bench, "timeline rows of 500 profiles", rows, sums[0]);
    bench_check(t->bench, "documents of 500 profiles", documents, sums[1]);
    bench_check(t->bench, "identifiers of 500 profiles", count * 5, sums[2]);
    return STATUS_OK;
}

static enum status measure(struct profile *t, struct fault *fault) {
    double rates[BENCH_REPEATS_MAX], p50_ms[BENCH_REPEATS_MAX], p99_ms[BENCH_REPEATS_MAX];
    double bytes_before = 0, bytes = 0, cpu = 0, all = (double)(t->requests * t->rounds);
    struct bench_cpu before[BENCH_CPU_MAX];
    struct load_options options = {.url = t->child.url,
                                   .connections = (unsigned)t->connections,
                                   .total = t->requests,
                                   .seconds_max = SECONDS_MAX,
                                   .make = make_request,
                                   .context = t};
    enum status status = bench_child_measure(&t->child, "http_response_body_bytes_total", &bytes_before, fault);
    bench_child_cpu(&t->child, before);
    for (size_t i = 0; i < t->rounds && !status; i++) {
        struct load_result load;
        status = client_load(&options, &load, fault);
        if (!status && (load.failed || load.answers != t->requests))
            status = fault_set(fault, STATUS_IO, "%llu requests failed, the first with: %s",
                               (unsigned long long)load.failed, load.first_failure);
        rates[i] = (double)t->requests / load.seconds;
        p50_ms[i] = load.latency_us_p50 / 1e3;
        p99_ms[i] = load.latency_us_p99 / 1e3;
        cpu += load.cpu_seconds;
    }
    if (!status)
        status = bench_child_measure(&t->child, "http_response_body_bytes_total", &bytes, fault);
    if (status)
        return status;
    bench_figure(t->bench, &(struct bench_figure){"profiles", "/s", BENCH_HIGHER, 50000}, rates, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"answer, p50", "ms", BENCH_LOWER, 0}, p50_ms, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"answer, p99", "ms", BENCH_LOWER, 5}, p99_ms, t->rounds);
    bench_value(t->bench, "mean answer", "bytes", (bytes - bytes_before) / all);
    bench_child_report_cpu(t->bench, &t->child, before, all, "answer");
    bench_value(t->bench, "CPU an answer, load generator", "us", cpu / all * 1e6);
    return STATUS_OK;
}

static enum status run(struct profile *t, struct fault *fault) {
    enum status status = build_apart(t, fault);
    if (!status)
        status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
    if (!status)
        status = measure(t, fault);
    if (!status)
        status = check_samples(t, fault);
    if (!status)
        status = bench_child_stop(&t->child, fault);
    bench_child_kill(&t->child);
    return status;
}

enum status bench_profile(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct profile t = {
        .bench = b, .customers = 1000000, .requests = 300000, .rounds = 5, .connections = 64, .seed = 1};
    const struct arg table[] = {
        BENCH_ARGS(b),
        {"customers", ARG_NUMBER, &t.customers, "in the data folder (1000000)"},
        {"requests", ARG_NUMBER, &t.requests, "a round (300000)"},
        {"rounds", ARG_NUMBER, &t.rounds, "(5)"},
        {"connections", ARG_NUMBER, &t.connections, "kept alive, one request under way on each (64)"},
        {"seed", ARG_NUMBER, &t.seed, "of the data (1)"},
        {0}};
    args_parse(argc, argv, "bench profile [--customers N] ...", table, NULL, NULL);
    if (!t.rounds || t.rounds > BENCH_REPEATS_MAX || !t.requests || !t.connections || !t.customers ||
        t.customers > 10000000)
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, customers 1 to 10000000", BENCH_REPEATS_MAX);
    t.data = (struct bench_data){t.seed, t.customers};
    random_init(&t.random, t.seed);
    enum status status = bench_folder(b, call_count(t.customers) * CALL_BYTES + (1u << 30), fault);
    if (status)
        return status;
    bench_begin(b, "profile");
    bench_shape(b,
                "%llu customers, each with 5 identifiers, 11 attributes, %d views of products, one in %d with an "
                "order; compacted; whole "
                "profile by user id, %llu connections, load on the same machine",
                (unsigned long long)t.customers, VIEWS_EACH, ORDERS_ONE_IN, (unsigned long long)t.connections);
    status = run(&t, fault);
    bench_end(b);
    return status;
}
