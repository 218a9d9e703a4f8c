/* bench/network: a network of a million customers and two million relations, from relations in the log to values that segments can ask for: read,
 * measured (degree, component, communities, influence), written; and once more when nothing changed.
 *
 * People are in groups of about twelve who mostly know each other, and some know anybody, popular ones more often: so there are
 * communities to be found and a few who matter. On paper: reading is 16 MB of relations out of the columns, a second of whatever
 * gathers them; PageRank some 50 passes over 2 M edges in random order, a cache miss each: 50 x 2 M x 20 ns = 2 s; communities two to four such. */
#include <stdlib.h>

#include "base/random.h"
#include "main/bench/bench.h"
#include "main/engine.h"
#include "network/network.h"

#define GROUP 12
#define STEP_COMMANDS 20000

struct world {
    struct bench *bench;
    struct engine *engine;
    uint64_t customers, relations, sent;
    struct buffer text;
    uint64_t checksum;
};

static enum status put(struct world *w, struct slice text, struct fault *fault) {
    struct log_record record = {
        .received_ms = INT64_C(1767225600000) + (int64_t)w->sent, .kind = LOG_COMMAND, .payload = text};
    enum status status = log_append(w->engine->log, &record, 1, fault);
    return status || ++w->sent % STEP_COMMANDS ? status : engine_step(w->engine, fault);
}

static uint64_t other_of(struct world *w, struct random *r, uint64_t one) {
    if (random_chance(r, 0.85))
        return one / GROUP * GROUP + random_below(r, GROUP);
    double u = random_unit(r);
    return (uint64_t)(u * u * u * (double)w->customers); /* the low ones are popular */
}

static enum status relate_all(struct world *w, struct fault *fault) {
    struct random r;
    enum status status = engine_define(
        w->engine, SLICE("{\"define\":\"type\",\"kind\":\"relation\",\"name\":\"knows\",\"inverse\":\"known_by\"}"),
        fault);
    random_init(&r, 12);
    for (uint64_t i = 0; i < w->relations && !status; i++) {
        uint64_t one = i % w->customers, two = other_of(w, &r, one);
        two = two == one || two >= w->customers ? (one + 1) % w->customers : two;
        buffer_clear(&w->text);
        buffer_print(&w->text,
                     "{\"command\":\"relate\",\"type\":\"knows\",\"from\":\"user_id:u%llu\",\"to\":\"user_id:u%llu\"}",
                     (unsigned long long)one, (unsigned long long)two);
        status = put(w, buffer_slice(&w->text), fault);
    }
    if (!status)
        status = engine_step(w->engine, fault);
    return status ? status : engine_compact(w->engine, fault);
}

struct writer {
    struct world *world;
    unsigned commands;
    enum status status;
};

static bool append(void *context, struct slice command) {
    struct writer *w = context;
    struct log_record record = {.received_ms = INT64_C(1767312000000), .kind = LOG_COMMAND, .payload = command};
    w->status = log_append(w->world->engine->log, &record, 1, NULL);
    if (!w->status && ++w->commands % 50 == 0)
        w->status = engine_step(w->world->engine, NULL);
    return !w->status;
}

static enum status refresh(struct world *w, bool again, struct fault *fault) {
    const struct network_parts parts = {
        w->engine->os, w->engine->dictionary, w->engine->identity, w->engine->history, NULL, NULL};
    struct network network = {.name = SLICE("all"), .types = {SLICE("knows")}, .type_count = 1};
    struct network_run run;
    struct writer writer = {.world = w};
    network.measures = 1u << NETWORK_DEGREE | 1u << NETWORK_COMPONENT_SIZE | 1u << NETWORK_COMMUNITY |
                       1u << NETWORK_COMMUNITY_SIZE | 1u << NETWORK_INFLUENCE;
    enum status status = network_refresh(&parts, &network, append, &writer, &run, fault);
    double began_s = bench_now_s();
    if (!status)
        status = engine_step(w->engine, fault);
    if (status)
        return status;
    double read_s = run.read_s, measure_s = run.measure_s, fold_s = run.write_s + bench_now_s() - began_s;
    bench_figure(w->bench, &(struct bench_figure){again ? "read, again" : "read", "s", BENCH_LOWER, 0}, &read_s, 1);
    if (again) {
        bench_check(w->bench, "written again where nothing changed", 0, run.changed);
    } else {
        double sum = 0;
        for (size_t i = 0; i < run.values.count; i++)
            sum += run.values.values[NETWORK_INFLUENCE][i];
        bench_figure(w->bench, &(struct bench_figure){"measure", "s", BENCH_LOWER, 10}, &measure_s, 1);
        bench_figure(w->bench, &(struct bench_figure){"write and fold", "s", BENCH_LOWER, 0}, &fold_s, 1);
        bench_value(w->bench, "customers in it", "", (double)run.values.count);
        bench_value(w->bench, "related pairs", "", (double)run.values.edge_count);
        bench_value(w->bench, "communities", "", (double)run.values.community_count);
        bench_value(w->bench, "modularity", "", run.values.modularity);
        bench_check(w->bench, "mean influence, in thousandths", 1000,
                    (uint64_t)(1000 * sum / (double)run.values.count + 0.5));
        bench_check(w->bench, "customers written", run.values.count, run.changed);
    }
    network_values_release(&run.values);
    return STATUS_OK;
}

static enum status work(struct world *w, struct fault *fault) {
    enum status status = relate_all(w, fault);
    if (!status)
        status = refresh(w, false, fault);
    return status ? status : refresh(w, true, fault);
}

enum status bench_network(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct world w = {.bench = b, .customers = 1000000, .relations = 2000000};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"customers", ARG_NUMBER, &w.customers, "customers (1000000)"},
                                {"relations", ARG_NUMBER, &w.relations, "relations between them (2000000)"},
                                {0}};
    args_parse(argc, argv, "bench network [--customers N] [--relations N]", table, NULL, NULL);
    bench_begin(b, "network");
    bench_shape(b, "%llu customers in groups of %d, %llu relations, a seventh of them to anybody; one thread",
                (unsigned long long)w.customers, GROUP, (unsigned long long)w.relations);
    struct engine_options options = {.history = {.delta_bytes = 4ull << 30}};
    enum status status = bench_folder(b, w.relations * 500 + (64 << 20), fault);
    if (!status)
        status = engine_open(b->os, b->folder, &options, &w.engine, fault);
    if (!status)
        status = work(&w, fault);
    if (w.engine)
        engine_abandon(w.engine);
    buffer_release(&w.text);
    bench_end(b);
    return status;
}
