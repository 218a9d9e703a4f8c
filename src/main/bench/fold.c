/* bench/fold: what the fold and its helper spend on an event, without live segments and with them: everything in this process, no HTTP. What it says
 * is CPU time, which hardly changes where the machine does other work beside it. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "audience/audience.h"
#include "base/time.h"
#include "main/bench/feed.h"
#include "main/bench/live.h"

#define PAST_MS (60 * DAY_MS)
#define RECORD_BYTES 1400 /* on disk: log, history, checkpoints */

struct folding {
    struct bench *bench;
    uint64_t customers, segments, events, rounds, seed;
    struct bench_data data;
    struct bench_feed feed;
    struct server *server;
    bool calm;
    uint64_t next;
};

/* Everybody known, with a view or two and half of them with an order, over the last two months. */
static enum status build(struct folding *t, struct fault *fault) {
    int64_t now_ms = os_now_ms(t->bench->os);
    enum status status = bench_feed_start(t->bench, &t->data, &t->server, &t->feed, fault);
    for (uint64_t i = 0; i < t->customers && !status; i++) {
        int64_t at_ms = now_ms - PAST_MS + (int64_t)((double)i / (double)t->customers * (double)(PAST_MS - 60000));
        uint64_t other = bench_data_customer(&t->data, i);
        bench_feed_add(&t->feed, BENCH_IDENTIFY, t->next++, i, at_ms);
        bench_feed_add(&t->feed, BENCH_VIEW, t->next++, other, at_ms);
        if (i % 2)
            bench_feed_add(&t->feed, BENCH_ORDER, t->next++, other, at_ms);
    }
    return status ? status : bench_feed_end(&t->feed, fault);
}

static enum status send(struct folding *t, uint64_t events, struct fault *fault) {
    for (uint64_t i = 0; i < events; i++, t->next++)
        bench_feed_add(&t->feed, bench_live_call(t->next), t->next, bench_data_customer(&t->data, t->next),
                       os_now_ms(t->bench->os));
    return bench_feed_settle(&t->feed, fault);
}

static enum status define(struct folding *t, const char *what, const char *name, const char *more,
                          struct slice expression, struct fault *fault) {
    struct buffer body = {0};
    struct json_writer w = {.out = &body};
    json_object(&w);
    json_member_cstring(&w, "define", what);
    json_member_cstring(&w, "name", name);
    json_member_cstring(&w, "kind", more);
    if (*what == 't')
        json_member_cstring(&w, "type", "bool");
    json_member_text(&w, "expression", expression);
    json_end_object(&w);
    enum status status = engine_define(t->feed.engine, buffer_slice(&body), fault);
    buffer_release(&body);
    return status;
}

static double cpu_of_fold_s(double *fold_s);

/* The tag that some read, then segments [from, end). */
static enum status define_some(struct folding *t, uint64_t from, uint64_t end, struct fault *fault) {
    struct buffer expression = {0};
    char name[40];
    enum status status = from ? STATUS_OK : define(t, "tag", BENCH_LIVE_TAG, "rule", SLICE(BENCH_LIVE_TAG_RULE), fault);
    for (uint64_t i = from; i < end && !status; i++) {
        snprintf(name, sizeof name, "live %llu", (unsigned long long)i);
        buffer_clear(&expression);
        bench_live_expression(i, t->calm, &expression);
        status = define(t, "segment", name, "live", buffer_slice(&expression), fault);
    }
    buffer_release(&expression);
    return status;
}

static enum status define_all(struct folding *t, struct fault *fault) {
    double began = bench_now_s(), fold_began_s, fold_s;
    cpu_of_fold_s(&fold_began_s);
    enum status status = define_some(t, 0, t->segments, fault);
    cpu_of_fold_s(&fold_s);
    bench_value(t->bench, "defining the segments, each", "ms", (bench_now_s() - began) * 1e3 / (double)t->segments);
    bench_value(t->bench, "of that CPU of the fold thread, which stands still for it", "ms",
                (fold_s - fold_began_s) * 1e3 / (double)t->segments);
    return status;
}

/* Both together; of the fold thread alone in *fold_s. */
static double cpu_of_fold_s(double *fold_s) {
    struct bench_child self = {.pid = getpid()};
    struct bench_cpu cpu[BENCH_CPU_MAX];
    size_t threads = bench_child_cpu(&self, cpu);
    double both = 0;
    *fold_s = 0;
    for (size_t i = 0; i < threads; i++) {
        bool fold = strcmp(cpu[i].thread, "fold") == 0;
        if (fold)
            *fold_s = cpu[i].user_s + cpu[i].system_s;
        if (fold || strcmp(cpu[i].thread, "govern") == 0)
            both += cpu[i].user_s + cpu[i].system_s;
    }
    return both;
}

/* What each round's events cost, into cpu_us [rounds]. */
static enum status fold_rounds(struct folding *t, double *cpu_us, struct fault *fault) {
    struct audience_counters before, after;
    double events = (double)t->events;
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < t->rounds && !status; i++) {
        double fold_before_s, fold_s, cpu_s = cpu_of_fold_s(&fold_before_s);
        audience_counters_read(t->feed.engine->audience, &before);
        status = send(t, t->events, fault);
        audience_counters_read(t->feed.engine->audience, &after);
        cpu_us[i] = (cpu_of_fold_s(&fold_s) - cpu_s) * 1e6 / events;
        bench_value(t->bench, "CPU an event, of the fold thread alone", "us", (fold_s - fold_before_s) * 1e6 / events);
        if (after.evaluations == before.evaluations)
            continue;
        bench_value(t->bench, "answers evaluated, an event", "",
                    (double)(after.evaluations - before.evaluations) / events);
        bench_value(t->bench, "known to turn, an event", "", (double)(after.turned - before.turned) / events);
        bench_value(t->bench, "entries and exits, an event", "", (double)(after.changes - before.changes) / events);
    }
    return status;
}

/* --- definitions while events come --- */

#define BESIDE_SEGMENTS 10
#define BESIDE_RATE 20000 /* events a second */
#define BESIDE_S 1        /* and without definitions */
/* Groups on their way, a second's: who is further behind is too slow for the rate, and gets no more until he is not. Nor does he after
 * so many seconds: definitions give way to events, and would not come to their end. */
#define BESIDE_GROUPS 20
#define BESIDE_S_MOST 20

struct beside {
    struct folding *folding;
    _Atomic bool done;
    enum status status;
    struct fault fault;
};

static void *define_beside(void *context) {
    struct beside *b = context;
    uint64_t from = b->folding->segments;
    b->status = define_some(b->folding, from, from + BESIDE_SEGMENTS, &b->fault);
    atomic_store(&b->done, true);
    return NULL;
}

static void send_group(struct folding *t) {
    for (uint64_t i = 0; i < BENCH_FEED_GROUP; i++, t->next++)
        bench_feed_add(&t->feed, bench_live_call(t->next), t->next, bench_data_customer(&t->data, t->next),
                       os_now_ms(t->bench->os));
}

/* Events at a steady rate, until the definitions are done or the time is over: from when a group was given to the log until it was folded, the
 * longest of all, in ms. */
static double longest_ms(struct folding *t, const struct beside *beside) {
    struct group {
        uint64_t last;
        double at_s;
    } groups[BESIDE_GROUPS];
    uint64_t sent = 0, seen = 0;
    double began = bench_now_s(), longest_s = 0;
    while (seen < sent ||
           (beside ? !atomic_load(&((struct beside *)beside)->done) : bench_now_s() - began < BESIDE_S)) {
        double now = bench_now_s();
        if (now - began < BESIDE_S_MOST && now - began >= (double)sent * BENCH_FEED_GROUP / BESIDE_RATE &&
            sent - seen < BESIDE_GROUPS) {
            send_group(t);
            groups[sent++ % BESIDE_GROUPS] = (struct group){t->feed.last, now};
        }
        usleep(200);
        for (; seen < sent && history_position(t->feed.engine->history) >= groups[seen % BESIDE_GROUPS].last; seen++) {
            double delay = bench_now_s() - groups[seen % BESIDE_GROUPS].at_s;
            longest_s = delay > longest_s ? delay : longest_s;
        }
        if (t->feed.status)
            break;
    }
    return longest_s * 1e3;
}

static enum status define_while_folding(struct folding *t, struct fault *fault) {
    struct beside beside = {.folding = t};
    pthread_t thread;
    bench_value(t->bench, "at 20,000 events/s, an event waits at the most", "ms", longest_ms(t, NULL));
    double began = bench_now_s();
    if (pthread_create(&thread, NULL, define_beside, &beside))
        abort();
    double longest = longest_ms(t, &beside);
    pthread_join(thread, NULL);
    bench_value(t->bench, "while segments are defined", "ms", longest);
    bench_value(t->bench, "defining one then takes", "ms", (bench_now_s() - began) * 1e3 / BESIDE_SEGMENTS);
    *fault = beside.fault;
    return beside.status ? beside.status : bench_feed_settle(&t->feed, fault);
}

static enum status measure(struct folding *t, struct fault *fault) {
    double without_us[BENCH_REPEATS_MAX], with_us[BENCH_REPEATS_MAX];
    enum status status = build(t, fault);
    struct fold_counters counters;
    if (!status)
        status = fold_rounds(t, without_us, fault);
    if (!status)
        status = define_all(t, fault);
    if (!status)
        status = fold_rounds(t, with_us, fault);
    if (!status)
        status = define_while_folding(t, fault);
    if (status)
        return status;
    engine_counters(t->feed.engine, &counters);
    bench_check(t->bench, "records refused or known before", 0, counters.duplicates + counters.quarantined);
    bench_figure(t->bench, &(struct bench_figure){"CPU an event without segments", "us", BENCH_LOWER, 0}, without_us,
                 t->rounds);
    bench_figure(t->bench, &(struct bench_figure){"CPU an event with segments", "us", BENCH_LOWER, 0}, with_us,
                 t->rounds);
    return STATUS_OK;
}

enum status bench_fold(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct folding t = {.bench = b, .customers = 300000, .segments = 50, .events = 300000, .rounds = 3, .seed = 1};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"customers", ARG_NUMBER, &t.customers, "known before it begins (300000)"},
                                {"segments", ARG_NUMBER, &t.segments, "live ones (50)"},
                                {"events", ARG_NUMBER, &t.events, "a round (300000)"},
                                {"rounds", ARG_NUMBER, &t.rounds, "(3)"},
                                {"calm", ARG_FLAG, &t.calm, "segments that few events change"},
                                {"seed", ARG_NUMBER, &t.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench fold [--customers N] [--segments N] ...", table, NULL, NULL);
    if (!t.customers || t.customers > 10000000 || t.segments < 10 || !t.events || !t.rounds ||
        t.rounds > BENCH_REPEATS_MAX)
        return fault_set(fault, STATUS_INVALID, "customers are 1 to 10000000, segments at least 10, rounds 1 to %d",
                         BENCH_REPEATS_MAX);
    enum status status =
        bench_folder(b, (3 * t.customers + 2 * t.rounds * t.events) * RECORD_BYTES + (1u << 30), fault);
    if (status)
        return status;
    t.data = (struct bench_data){t.seed, t.customers};
    bench_begin(b, "fold");
    bench_shape(
        b,
        "%llu customers with 2.5 records each, %llu live segments of ten kinds%s, rounds of %llu events straight "
        "into the "
        "log, one of %d an order",
        (unsigned long long)t.customers, (unsigned long long)t.segments, t.calm ? " that few events change" : "",
        (unsigned long long)t.events, BENCH_LIVE_ORDER_EVERY);
    status = measure(&t, fault);
    buffer_release(&t.feed.payloads);
    server_stop(t.server);
    bench_end(b);
    return status;
}
