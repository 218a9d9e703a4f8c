/* bench/feed: see the header. */
#include "main/bench/feed.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "collect/segment_auth.h"

#define AHEAD_RECORDS_MAX 300000
#define SETTLE_MS_MAX 3600000

/* --- into the log --- */

enum status bench_feed_start(struct bench *b, const struct bench_data *data, struct server **server,
                             struct bench_feed *f, struct fault *fault) {
    char key[48];
    struct source source = {0};
    struct engine_options options = {.threads = true};
    struct serve_options door = {0};
    memset(f, 0, sizeof *f);
    enum status status = server_start(b->os, b->folder, &options, &door, server, fault);
    if (!status)
        status = server_source(*server, "web", "segment", key, fault);
    if (status)
        return status;
    f->engine = (*server)->engine;
    f->data = data;
    if (!sources_by_name(f->engine->sources, SLICE("web"), &source))
        assert(!"it was just defined");
    f->source = source.number;
    return STATUS_OK;
}

static void flush(struct bench_feed *f) {
    if (f->status)
        return;
    for (size_t i = 0; i < f->count; i++)
        f->records[i].payload.data = f->payloads.data + (size_t)f->records[i].payload.data;
    while ((f->status = log_append(f->engine->log, f->records, f->count, &f->fault)) == STATUS_FULL)
        usleep(1000);
    f->last = f->records[f->count - 1].position;
    f->count = 0;
    buffer_clear(&f->payloads);
    while (!f->status && log_durable(f->engine->log) > history_position(f->engine->history) + AHEAD_RECORDS_MAX)
        usleep(1000);
}

void bench_feed_add(struct bench_feed *f, enum bench_call call, uint64_t number, uint64_t customer, int64_t time_ms) {
    size_t start = f->payloads.size;
    bench_data_payload(f->data, call, number, customer, time_ms, &f->payloads);
    int64_t sent_ms, received_ms;
    bench_data_delays(f->data, number, time_ms, &sent_ms, &received_ms);
    f->records[f->count++] = (struct log_record){.received_ms = received_ms,
                                                 .kind = LOG_SEGMENT_ITEM,
                                                 .source = f->source,
                                                 .payload = {(const char *)start, f->payloads.size - start}};
    if (f->count == BENCH_FEED_GROUP)
        flush(f);
}

enum status bench_feed_settle(struct bench_feed *f, struct fault *fault) {
    if (f->count)
        flush(f);
    if (f->status) {
        *fault = f->fault;
        return f->status;
    }
    while (log_durable(f->engine->log) < f->last)
        usleep(1000);
    if (!engine_settle(f->engine, SETTLE_MS_MAX))
        return fault_set(fault, STATUS_TIMEOUT, "folding took longer than an hour");
    return STATUS_OK;
}

enum status bench_feed_end(struct bench_feed *f, struct fault *fault) {
    enum status status = bench_feed_settle(f, fault);
    buffer_release(&f->payloads);
    return status ? status : engine_compact(f->engine, fault);
}

/* --- apart --- */

void *bench_shared(size_t bytes) {
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        abort();
    return at;
}

void bench_shared_free(void *shared, size_t bytes) { munmap(shared, bytes); }

struct outcome {
    enum status status;
    struct fault fault;
};

enum status bench_apart(enum status (*work)(void *shared, struct fault *fault), void *shared, struct fault *fault) {
    struct outcome *outcome = bench_shared(sizeof *outcome);
    int state = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        outcome->status = work(shared, &outcome->fault);
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &state, 0) < 0 && errno == EINTR) {
    }
    enum status status = outcome->status;
    *fault = outcome->fault;
    if (pid < 0 || state)
        status = fault_set(fault, STATUS_IO, "the process that builds the data ended with state %d", state);
    bench_shared_free(outcome, sizeof *outcome);
    return status;
}

/* --- over HTTP --- */

static size_t body_bytes(const struct bench_requests *r) {
    size_t items = r->batch * bench_data_bytes(BENCH_VIEW);
    if (r->batch == 1)
        return items;
    return items + r->batch - 1 + strlen("{\"batch\":[],\"sentAt\":\"\"}") + strlen("2026-01-31T08:00:00.000Z");
}

void bench_requests_init(struct bench_requests *r, const struct bench_child *child, const char *write_key) {
    struct buffer authorization = {0};
    assert(r->batch > 0);
    segment_basic_header(slice_text(write_key), &authorization);
    snprintf(r->head, sizeof r->head,
             "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %.*s\r\nContent-Type: application/json\r\n"
             "Content-Length: %zu\r\n\r\n",
             r->batch == 1 ? "/v1/track" : "/v1/batch", child->url + strlen("http://"), (int)authorization.size,
             authorization.data, body_bytes(r));
    buffer_release(&authorization);
}

void bench_requests_make(void *context, uint64_t number, struct buffer *out) {
    struct bench_requests *r = context;
    int64_t now_ms = os_now_ms(r->os);
    (void)number;
    buffer_add_slice(out, slice_text(r->head));
    size_t start = out->size;
    if (r->batch > 1)
        buffer_add_slice(out, SLICE("{\"batch\":["));
    for (uint64_t i = 0; i < r->batch; i++, r->next++) {
        if (i)
            buffer_add_char(out, ',');
        bench_data_call(r->data, BENCH_VIEW, r->next, bench_data_customer(r->data, r->next),
                        now_ms - (int64_t)(r->next * 7 % 30000), out);
    }
    if (r->batch > 1) {
        char sent_at[TIME_TEXT_BYTES];
        size_t size = time_format(now_ms, sent_at);
        buffer_add_slice(out, SLICE("],\"sentAt\":\""));
        buffer_add(out, sent_at, size);
        buffer_add_slice(out, SLICE("\"}"));
    }
    assert(out->size - start == body_bytes(r));
}
