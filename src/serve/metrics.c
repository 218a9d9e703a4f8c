/* metrics: see metrics.h. */
#include "serve/metrics.h"

#include <assert.h>

void measures_read(struct serve *serve, struct measures *out) {
    const struct serve_parts *parts = &serve->parts;
    struct measures *m = out;
    int64_t now_ms = os_now_ms(parts->os), checkpoint_ms = 0;
    *m = (struct measures){.uptime_s = (double)(now_ms - serve->started_ms) / 1000, .checkpoint_age_s = -1};
    http_counters_read(serve->http, &m->http);
    track_counters_read(serve->track, &m->track);
    log_counters_read(parts->log, &m->log);
    identity_counters_read(parts->identity, &m->identity);
    history_counters_read(parts->history, &m->history);
    jobs_counters_read(serve->jobs, &m->imports);
    if (parts->audience) {
        audience_counters_read(parts->audience, &m->audience);
        stream_counters_read(serve->streams, &m->streams);
        webhook_counters_read(serve->webhook, &m->webhooks);
    }
    m->refused = atomic_load(&serve->refused);
    m->folded = history_position(parts->history);
    m->durable = log_durable(parts->log);
    m->lag = m->durable > m->folded ? m->durable - m->folded : 0;
    m->quarantine_waiting = quarantine_waiting(parts->govern);
    if (parts->checkpointed)
        parts->checkpointed(parts->context, &checkpoint_ms, &m->checkpoint_position);
    if (checkpoint_ms)
        m->checkpoint_age_s = (double)(now_ms - checkpoint_ms) / 1000;
    if (os_disk_space(parts->os, parts->folder, &m->disk_free, &m->disk_total, NULL) != STATUS_OK)
        m->disk_free = m->disk_total = 0;
}

static void write_number(struct buffer *into, double value) {
    if (value == (double)(int64_t)value)
        buffer_print(into, "%lld", (long long)value);
    else
        buffer_print(into, "%.9g", value);
}

static void write_histogram(const struct http_counters *http, struct buffer *into) {
    uint64_t sum = 0;
    buffer_print(into, "# HELP onefold_http_request_seconds From a request's first line to its answer sent\n"
                       "# TYPE onefold_http_request_seconds histogram\n");
    for (unsigned i = 0; i + 1 < HTTP_LATENCY_BUCKETS; i++) {
        sum += http->latency[i];
        buffer_print(into, "onefold_http_request_seconds_bucket{le=\"%.6f\"} %llu\n", (double)(1ull << i) / 1e6,
                     (unsigned long long)sum);
    }
    sum += http->latency[HTTP_LATENCY_BUCKETS - 1];
    buffer_print(into, "onefold_http_request_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)sum);
    buffer_print(into, "onefold_http_request_seconds_sum %.6f\nonefold_http_request_seconds_count %llu\n",
                 (double)http->latency_us_total / 1e6, (unsigned long long)sum);
    buffer_print(into, "# HELP onefold_http_responses_total Answers by class of their code\n"
                       "# TYPE onefold_http_responses_total counter\n");
    for (int i = 2; i < 6; i++)
        buffer_print(into, "onefold_http_responses_total{class=\"%dxx\"} %llu\n", i,
                     (unsigned long long)http->by_class[i]);
}

void measures_write_text(const struct measures *m, struct buffer *into) {
#define METRIC(name, type, help, expression)                                                                           \
    buffer_print(into, "# HELP " #name " %s\n# TYPE " #name " " #type "\n" #name " ", help);                           \
    write_number(into, (double)(expression));                                                                          \
    buffer_add_char(into, '\n');
#include "serve/metrics.def"
#undef METRIC
    write_histogram(&m->http, into);
}

void measures_write_json(const struct measures *m, struct json_writer *w) {
    json_object(w);
#define METRIC(name, type, help, expression) json_member_real(w, &#name[sizeof "onefold_" - 1], (double)(expression));
#include "serve/metrics.def"
#undef METRIC
    json_end_object(w);
}

void metrics_write_reference(struct buffer *into) {
    buffer_print(into, "| metric | type | meaning |\n|---|---|---|\n");
#define METRIC(name, type, help, expression) buffer_print(into, "| `" #name "` | " #type " | %s |\n", help);
#include "serve/metrics.def"
#undef METRIC
    buffer_print(into,
                 "| `onefold_http_request_seconds` | histogram | From a request's first line to its answer sent |\n"
                 "| `onefold_http_responses_total{class}` | counter | Answers by class of their code |\n");
}
