/* bench/split: how long the fold stops for a merge by hand of a customer of a million rows with one of ten, and for taking it back: with the
 * rows in the delta, as they came, and in the base, after a compaction; without segments and with some that follow everybody.
 *
 * On paper, ten rows that move cost microseconds; finding them among a million costs a look at the arrival of each: 4 MB of a column in the
 * base (0.5 ms at 8 GB/s), a walk along the chain in the delta (200 MB of rows, of which a line each is touched: 64 MB, 8 ms). What
 * segments cost is their evaluation for the two, over rows that are gathered. */
#include <stdlib.h>

#include "collect/payload.h"
#include "identity/decision.h"
#include "main/bench/bench.h"
#include "main/engine.h"

#define STEP_RECORDS 5000
#define REPEATS 5

struct split {
    struct bench *bench;
    struct engine *engine;
    uint64_t rows, segments;
    uint64_t message;
    struct buffer payload;
    uint64_t decision;
};

static enum status put(struct split *s, enum log_kind kind, struct fault *fault) {
    struct log_record record = {.received_ms = INT64_C(1767225600000) + (int64_t)s->message,
                                .kind = kind,
                                .source = kind == LOG_SEGMENT_ITEM,
                                .payload = buffer_slice(&s->payload)};
    return log_append(s->engine->log, &record, 1, fault);
}

static enum status put_view(struct split *s, const char *user, struct fault *fault) {
    struct payload_segment head = {.sent_at_ms = INT64_MIN};
    buffer_clear(&s->payload);
    buffer_add(&s->payload, &head, sizeof head);
    buffer_print(
        &s->payload,
        "{\"type\":\"track\",\"messageId\":\"m%llu\",\"userId\":\"%s\",\"event\":\"Viewed\",\"properties\":{\"n\":"
        "%llu,\"page\":\"p%llu\"}}",
        (unsigned long long)s->message, user, (unsigned long long)s->message % 1000,
        (unsigned long long)s->message % 50);
    head.item_bytes = (uint32_t)(s->payload.size - sizeof head);
    memcpy(s->payload.data, &head, sizeof head);
    s->message++;
    enum status status = put(s, LOG_SEGMENT_ITEM, fault);
    return status || s->message % STEP_RECORDS ? status : engine_step(s->engine, fault);
}

static enum status fill(struct split *s, struct fault *fault) {
    enum status status =
        engine_define(s->engine, SLICE("{\"define\":\"source\",\"name\":\"web\",\"kind\":\"segment\"}"), fault);
    for (uint64_t i = 0; i < s->rows && !status; i++)
        status = put_view(s, "many", fault);
    for (unsigned i = 0; i < 10 && !status; i++)
        status = put_view(s, "few", fault);
    return status ? status : engine_step(s->engine, fault);
}

/* Counts; or five kinds in turn. */
static void print_condition(struct buffer *text, uint64_t i, bool kinds) {
    switch (kinds ? i % 5 : 0) {
    case 0:
        buffer_print(text, "count(Viewed where n > %llu) > 3", (unsigned long long)i * 7);
        break;
    case 1:
        buffer_print(text, "sum(Viewed.n) > %llu", (unsigned long long)i * 1000);
        break;
    case 2:
        buffer_print(text, "any(Viewed where page = \\\"p%llu\\\", last 365 days)", (unsigned long long)i);
        break;
    case 3:
        buffer_print(text, "count(Viewed where n < %llu, last 30 days) > 3", (unsigned long long)i * 7);
        break;
    default:
        buffer_print(text, "last(Viewed).n > %llu", (unsigned long long)i);
    }
}

static enum status define_segments(struct split *s, bool kinds, struct fault *fault) {
    struct buffer text = {0};
    enum status status = STATUS_OK;
    for (uint64_t i = 0; i < s->segments && !status; i++) {
        buffer_clear(&text);
        buffer_print(&text, "{\"define\":\"segment\",\"name\":\"s%llu\",\"expression\":\"", (unsigned long long)i);
        print_condition(&text, i, kinds);
        buffer_add_slice(&text, SLICE("\"}"));
        status = engine_define(s->engine, buffer_slice(&text), fault);
    }
    buffer_release(&text);
    return status;
}

static void last_decision(void *context, const struct decision_note *note) { *(uint64_t *)context = note->number; }

/* Orders it, and says what CPU time the fold took for it: how long it stops where nothing else runs. */
static enum status decide(struct split *s, bool merge, double *ms, struct fault *fault) {
    buffer_clear(&s->payload);
    if (merge)
        buffer_print(&s->payload, "{\"command\":\"merge\",\"customer\":\"user_id:few\",\"other\":\"user_id:many\"}");
    else
        buffer_print(&s->payload, "{\"command\":\"undo\",\"decision\":%llu}", (unsigned long long)s->decision);
    enum status status = put(s, LOG_COMMAND, fault);
    double began_s = bench_cpu_s();
    if (!status)
        status = engine_step(s->engine, fault);
    *ms = (bench_cpu_s() - began_s) * 1e3;
    if (merge)
        identity_decisions(s->engine->identity, s->decision, 1000, last_decision, &s->decision);
    return status;
}

static enum status measure(struct split *s, const char *where, struct fault *fault) {
    double merged[REPEATS], split[REPEATS];
    char name[100];
    enum status status = STATUS_OK;
    for (unsigned i = 0; i < REPEATS && !status; i++) {
        status = decide(s, true, &merged[i], fault);
        if (!status)
            status = decide(s, false, &split[i], fault);
        s->decision++; /* the undo is one too */
    }
    if (status)
        return status;
    snprintf(name, sizeof name, "merge, %s", where);
    bench_figure(s->bench, &(struct bench_figure){name, "ms", BENCH_LOWER, 50}, merged, REPEATS);
    snprintf(name, sizeof name, "split, %s", where);
    bench_figure(s->bench, &(struct bench_figure){name, "ms", BENCH_LOWER, 50}, split, REPEATS);
    return STATUS_OK;
}

static uint64_t rows_of(struct split *s, const char *user) {
    const struct namespace *ns = dictionary_namespace_find(s->engine->dictionary, SLICE("user_id"));
    struct customer_id customer =
        identity_customer(s->engine->identity, identity_find(s->engine->identity, ns->number, slice_text(user)));
    struct arena arena = {0};
    struct history_rows rows;
    history_rows(s->engine->history, customer, -1, &arena, &rows);
    arena_release(&arena);
    return rows.count;
}

static enum status work(struct split *s, struct fault *fault) {
    enum status status = fill(s, fault);
    if (!status)
        status = measure(s, "rows in the delta", fault);
    if (!status && !(status = engine_compact(s->engine, fault)))
        status = measure(s, "rows in the base", fault);
    if (!status && !(status = define_segments(s, false, fault)))
        status = measure(s, "base, with segments", fault);
    if (!status && !(status = define_segments(s, true, fault)))
        status = measure(s, "base, segments of five kinds", fault);
    if (status)
        return status;
    bench_check(s->bench, "rows of the one", s->rows, rows_of(s, "many"));
    bench_check(s->bench, "rows of the other", 10, rows_of(s, "few"));
    return STATUS_OK;
}

enum status bench_split(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct split s = {.bench = b, .rows = 1000000, .segments = 20};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"rows", ARG_NUMBER, &s.rows, "rows of the larger customer (1,000,000)"},
                                {"segments", ARG_NUMBER, &s.segments, "segments in the last part (20)"},
                                {0}};
    args_parse(argc, argv, "bench split [--rows N] [--segments N]", table, NULL, NULL);
    bench_begin(b, "split");
    bench_shape(b, "a customer of %llu rows and one of 10, merged by hand and split again; the fold's own time of each",
                (unsigned long long)s.rows);
    enum status status = bench_folder(b, s.rows * 2000, fault);
    if (!status)
        status = engine_open(b->os, b->folder, &(struct engine_options){.threads = false}, &s.engine, fault);
    if (!status)
        status = work(&s, fault);
    if (s.engine)
        engine_abandon(s.engine);
    buffer_release(&s.payload);
    bench_end(b);
    return status;
}
