/* bench/restart: a data folder of many events, opened by a fresh process: after a clean stop with its files in the page cache and
 * without, and after kill -9 with records that no checkpoint holds. Disk a typical event takes, and memory, are told on the way.
 *
 * On paper: opening maps span files and loads the checkpoint (identity: some 200 bytes a customer) at a few GB/s; what is not in the
 * page cache comes at the disk's speed. Each unfolded record costs what it cost the first time, 3 to 5 microseconds. */
#include <math.h>
#include <stdlib.h>

#include "main/bench/feed.h"

#define EVENTS_EACH 10
#define EVENT_BYTES 950 /* on disk, nearly all of it log */
#define START_MS 1735689600000
#define SECONDS_MAX 1800

struct restart {
    struct bench *bench;
    uint64_t events, tail, rounds, seed;
    struct bench_data data;
    struct bench_child child;
    uint64_t customers; /* that have an event among `events` */
};

static const char *const folders[] = {"log", "history", "seen", "state"};
#define FOLDER_COUNT 4
#define HISTORY 1
#define SEEN 2

/* --- building, in a process of its own --- */

struct built {
    struct restart *restart;
    double fold_s, checkpoint_s, stop_s;
    uint64_t base_rows, bytes[FOLDER_COUNT];
    char admin_key[48];
};

/* The checkpoint removes what it replaces, so disk is looked at after it. */
static enum status look(struct built *built, struct server *server, struct fault *fault) {
    struct history_counters rows;
    double began = bench_now_s();
    enum status status = engine_checkpoint(server->engine, fault);
    built->checkpoint_s = bench_now_s() - began;
    history_counters_read(server->engine->history, &rows);
    built->base_rows = rows.base_rows;
    for (int i = 0; i < FOLDER_COUNT; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s/%s", server->engine->folder, folders[i]);
        built->bytes[i] = bench_folder_bytes(path);
    }
    memcpy(built->admin_key, server->admin_key, sizeof built->admin_key);
    return status;
}

static enum status build(void *shared, struct fault *fault) {
    struct built *built = shared;
    struct restart *t = built->restart;
    struct server *server = NULL;
    struct bench_feed *f = memory_get(1, sizeof *f);
    double began = bench_now_s();
    enum status status = bench_feed_start(t->bench, &t->data, &server, f, fault);
    if (status)
        return status;
    for (uint64_t i = 0; i < t->events; i++)
        bench_feed_add(f, BENCH_VIEW, i, bench_data_customer(&t->data, i),
                       START_MS + (int64_t)((double)i / (double)t->events * 31536000000.0));
    status = bench_feed_end(f, fault);
    built->fold_s = bench_now_s() - began;
    if (!status)
        status = look(built, server, fault);
    began = bench_now_s();
    server_stop(server);
    built->stop_s = bench_now_s() - began;
    free(f);
    return status;
}

static enum status build_apart(struct restart *t, struct fault *fault) {
    struct built *built = bench_shared(sizeof *built);
    built->restart = t;
    enum status status = bench_apart(build, built, fault);
    if (!status) {
        double events = (double)t->events, kept = (double)(built->bytes[HISTORY] + built->bytes[SEEN]) / events;
        bench_value(t->bench, "building and compacting took", "s", built->fold_s);
        bench_value(t->bench, "building, events", "/s", events / built->fold_s);
        bench_check(t->bench, "rows in base files", t->events, built->base_rows);
        bench_value(t->bench, "a checkpoint took", "s", built->checkpoint_s);
        bench_value(t->bench, "stopping took", "s", built->stop_s);
        for (int i = 0; i < FOLDER_COUNT; i++) {
            char name[64];
            snprintf(name, sizeof name, "disk an event, %s", folders[i]);
            bench_value(t->bench, name, "bytes", (double)built->bytes[i] / events);
        }
        bench_figure(t->bench, &(struct bench_figure){"disk an event, history and seen", "bytes", BENCH_LOWER, 40},
                     &kept, 1);
        snprintf(t->child.admin_key, sizeof t->child.admin_key, "%s", built->admin_key);
    }
    bench_shared_free(built, sizeof *built);
    return status;
}

/* --- the page cache --- */

struct dropping {
    struct os *os;
    char folder[300];
    enum status status;
};

static void drop_file(void *context, const char *name) {
    struct dropping *d = context;
    struct os_file *file;
    struct buffer path = {0};
    buffer_print(&path, "%s/%s%c", d->folder, name, 0);
    if (!d->status && !(d->status = os_open(d->os, path.data, OS_READ, &file, NULL))) {
        d->status = os_drop_cache(d->os, file, NULL);
        os_close(d->os, file);
    }
    buffer_release(&path);
}

static enum status drop_all(struct restart *t, struct fault *fault) {
    for (int i = 0; i < FOLDER_COUNT; i++) {
        struct dropping d = {.os = t->bench->os};
        snprintf(d.folder, sizeof d.folder, "%s/%s", t->bench->folder, folders[i]);
        enum status status = os_list(d.os, d.folder, drop_file, &d, fault);
        if (status)
            return status;
        if (d.status)
            return fault_set(fault, d.status, "%s cannot be dropped from the page cache", d.folder);
    }
    return STATUS_OK;
}

/* --- opening --- */

static enum status check_rows(struct restart *t, uint64_t expected, struct fault *fault) {
    double rows, customers;
    enum status status = bench_child_measure(&t->child, "history_rows", &rows, fault);
    if (!status)
        status = bench_child_measure(&t->child, "customers", &customers, fault);
    if (status)
        return status;
    bench_check(t->bench, "rows in history", expected, (uint64_t)llround(rows));
    bench_check(t->bench, "customers", t->customers, (uint64_t)llround(customers));
    return STATUS_OK;
}

/* Starts and stops it `rounds` times. */
static enum status open_clean(struct restart *t, bool cold, struct fault *fault) {
    double ready_s[BENCH_REPEATS_MAX], cpu_s[BENCH_REPEATS_MAX];
    uint64_t resident = 0, highest = 0;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < t->rounds && !status; i++) {
        if (cold)
            status = drop_all(t, fault);
        if (!status)
            status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
        if (status)
            break;
        ready_s[i] = t->child.ready_s;
        cpu_s[i] = t->child.cpu_s;
        bench_child_memory(&t->child, &resident, &highest);
        if (i == 0 && !cold)
            status = check_rows(t, t->events, fault);
        if (!status)
            status = bench_child_stop(&t->child, fault);
    }
    if (status)
        return status;
    bench_figure(t->bench,
                 &(struct bench_figure){cold ? "listening again, files not cached" : "listening again, files cached",
                                        "s", BENCH_LOWER, 5},
                 ready_s, t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"its CPU until then", "s", BENCH_LOWER, 0}, cpu_s, t->rounds);
    if (!cold) {
        bench_value(t->bench, "resident after opening", "MiB", (double)resident / (1 << 20));
        bench_value(t->bench, "resident at most while opening", "MiB", (double)highest / (1 << 20));
    }
    return STATUS_OK;
}

/* Sends `tail` events, kills the server once all are acknowledged, and opens again. */
static enum status open_killed(struct restart *t, struct fault *fault) {
    char key[64];
    struct load_result load;
    struct bench_requests requests = {.os = t->bench->os, .data = &t->data, .batch = 100, .next = t->events};
    struct load_options options = {.connections = 8,
                                   .total = t->tail / 100,
                                   .seconds_max = SECONDS_MAX,
                                   .make = bench_requests_make,
                                   .context = &requests};
    double clean_s, clean_cpu_s, sent = (double)(options.total * 100);
    enum status status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
    if (!status)
        status = bench_child_source(&t->child, "web", key, fault);
    if (status)
        return status;
    clean_s = t->child.opened_s;
    clean_cpu_s = t->child.cpu_s;
    bench_requests_init(&requests, &t->child, key);
    options.url = t->child.url;
    status = client_load(&options, &load, fault);
    if (!status && (load.failed || load.answers != options.total))
        status = fault_set(fault, STATUS_IO, "%llu requests failed: %s", (unsigned long long)load.failed,
                           load.first_failure);
    bench_child_kill(&t->child);
    if (!status)
        status = bench_child_start(t->bench, t->bench->folder, &t->child, fault);
    if (status)
        return status;
    bench_value(t->bench, "listening again after kill -9", "s", t->child.ready_s);
    bench_value(t->bench, "records folded while opening", "", (double)t->child.tail);
    bench_value(t->bench, "a million unfolded records", "s", (t->child.opened_s - clean_s) / sent * 1e6);
    bench_value(t->bench, "a million unfolded records, CPU", "s", (t->child.cpu_s - clean_cpu_s) / sent * 1e6);
    t->customers = bench_data_distinct(&t->data, 0, requests.next);
    return check_rows(t, requests.next, fault);
}

static enum status run(struct restart *t, struct fault *fault) {
    enum status status = build_apart(t, fault);
    if (!status)
        status = open_clean(t, false, fault);
    if (!status)
        status = open_clean(t, true, fault);
    if (!status)
        status = open_killed(t, fault);
    if (!status)
        status = bench_child_stop(&t->child, fault);
    bench_child_kill(&t->child);
    return status;
}

enum status bench_restart(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct restart t = {.bench = b, .events = 50000000, .tail = 1000000, .rounds = 3, .seed = 1};
    const struct arg table[] = {
        BENCH_ARGS(b),
        {"events", ARG_NUMBER, &t.events, "in the data folder (50000000: about 45 GB of disk while it runs)"},
        {"tail", ARG_NUMBER, &t.tail, "events sent before the kill (1000000)"},
        {"rounds", ARG_NUMBER, &t.rounds, "of opening (3)"},
        {"seed", ARG_NUMBER, &t.seed, "of the data (1)"},
        {0}};
    args_parse(argc, argv, "bench restart [--events N] ...", table, NULL, NULL);
    if (!t.rounds || t.rounds > BENCH_REPEATS_MAX || t.events < EVENTS_EACH || t.events / EVENTS_EACH > 10000000 ||
        t.tail < 100)
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, events 10 to 100000000, the tail at least 100",
                         BENCH_REPEATS_MAX);
    t.data = (struct bench_data){t.seed, t.events / EVENTS_EACH};
    t.customers = bench_data_distinct(&t.data, 0, t.events);
    enum status status = bench_folder(b, (t.events + t.tail) * EVENT_BYTES + (1u << 30), fault);
    if (status)
        return status;
    bench_begin(b, "restart");
    bench_shape(b,
                "%llu track events of %zu bytes (product viewed: ten properties, page, ip, user agent, library), about "
                "%d of each of %llu "
                "customers in random order over a year; compacted; then %llu more and kill -9",
                (unsigned long long)t.events, bench_data_bytes(BENCH_VIEW), EVENTS_EACH,
                (unsigned long long)t.data.customers, (unsigned long long)t.tail);
    status = run(&t, fault);
    bench_end(b);
    return status;
}
