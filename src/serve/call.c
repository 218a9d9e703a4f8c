/* call: see call.h. */
#include "serve/call.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "serve/openapi.h"
#include "serve/serve_inside.h"

#define ARENA_KEPT_BYTES (4u << 20) /* between calls; a customer with a million rows takes a hundred times that */

struct bench *bench_create(void) {
    struct bench *bench = memory_get(1, sizeof *bench);
    bench->parser = json_parser_create();
    return bench;
}

void bench_free(struct bench *bench) {
    if (bench == NULL)
        return;
    json_parser_free(bench->parser);
    record_builder_release(&bench->builder);
    buffer_release(&bench->text);
    arena_release(&bench->arena);
    free(bench);
}

static bool decode_pieces(struct call *call, const struct route *route) {
    struct slice raw[ROUTE_PIECES_MAX];
    call->piece_count = route_pieces(route, call->request->path, raw);
    for (size_t i = 0; i < call->piece_count; i++) {
        if (query_decode(raw[i], false, &call->bench->arena, &call->pieces[i]) == STATUS_OK)
            continue;
        call_fail_text(call, STATUS_INVALID, "\"%.*s\" in the path is not percent-encoded rightly",
                       (int)(raw[i].size < 80 ? raw[i].size : 80), raw[i].data);
        return false;
    }
    return true;
}

void call_run(struct serve *serve, struct http_request *request, struct bench *bench) {
    const struct route *route = request->route;
    struct call call = {.serve = serve,
                        .parts = &serve->parts,
                        .options = &serve->options,
                        .request = request,
                        .bench = bench,
                        .json = {.out = &request->answer.body}};
    assert(route && route->handler);
    request->answer.code = 200;
    if (decode_pieces(&call, route))
        route->handler(&call);
    if (bench->arena.total_bytes > ARENA_KEPT_BYTES)
        arena_release(&bench->arena);
    arena_reset(&bench->arena);
    assert(request->answer.code >= 200);
}

struct slice call_piece(const struct call *call, size_t index) {
    assert(index < call->piece_count);
    return call->pieces[index];
}

struct slice call_text(struct call *call, const char *name) {
    return query_text(call->request->query, name, &call->bench->arena);
}

bool call_integer(struct call *call, const char *name, int64_t low, int64_t high, int64_t otherwise, int64_t *value) {
    struct fault fault = {0};
    enum status status = query_integer(call->request->query, name, low, high, otherwise, value, &fault);
    if (status != STATUS_OK)
        call_fail(call, status, &fault);
    return status == STATUS_OK;
}

bool call_flag(struct call *call, const char *name) { return query_flag(call->request->query, name); }

bool call_instant(struct call *call, const char *name, int64_t *time_ms) {
    struct slice text = call_text(call, name);
    bool zoned;
    *time_ms = TIME_NONE;
    if (text.size == 0 || time_parse_iso(text, time_ms, &zoned) == STATUS_OK)
        return true;
    call_fail_text(call, STATUS_INVALID, "parameter %s is \"%.*s\"; it must be an instant such as 2026-01-31T08:00:00Z",
                   name, (int)(text.size < 40 ? text.size : 40), text.data);
    return false;
}

const struct json *call_body(struct call *call) {
    struct fault fault = {0};
    const struct json *root;
    if (call->request->body.size == 0) {
        call_fail_text(call, STATUS_INVALID, "the body is empty; it must be a JSON document");
        return NULL;
    }
    enum status status = json_parse(call->bench->parser, call->request->body, true, &root, &fault);
    if (status == STATUS_OK)
        status = openapi_check_members(call->request->route, call->bench->parser, root, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return NULL;
    }
    return root;
}

void call_fail(struct call *call, enum status status, const struct fault *fault) {
    call->failed = true;
    answer_fault(&call->request->answer, status, fault);
}

void call_fail_text(struct call *call, enum status status, const char *format, ...) {
    struct fault fault = {.status = status};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(fault.text, sizeof fault.text, format, arguments);
    va_end(arguments);
    call_fail(call, status, &fault);
}

bool call_wait_durable(struct call *call, uint64_t first, uint64_t last) {
    uint64_t limit_ns = os_monotonic_ns(call->parts->os) + call->options->settle_s * 1000000000ull;
    for (;;) {
        uint64_t durable =
            log_durable(call->parts->log); /* before the gaps: one is told of before anything behind it is durable */
        enum status lost = track_lost(call->serve->track, first, last);
        if (lost != STATUS_OK) {
            call_fail_text(call, lost, "%s: not all of this was stored; send it again (a file: from offset 0)",
                           status_text(lost));
            return false;
        }
        if (durable >= last)
            return true;
        if (os_monotonic_ns(call->parts->os) > limit_ns) {
            call_fail_text(call, STATUS_BUSY,
                           "the log did not confirm this in time; whether it was stored is not known yet");
            return false;
        }
        log_wait(call->parts->log, last - 1, 100);
    }
}

bool call_append(struct call *call, enum log_kind kind, struct slice payload) {
    uint64_t position;
    return call_append_at(call, kind, payload, &position);
}

bool call_append_at(struct call *call, enum log_kind kind, struct slice payload, uint64_t *position) {
    struct log_record record = {.received_ms = os_now_ms(call->parts->os), .kind = kind, .payload = payload};
    struct fault fault = {0};
    enum status status = log_append(call->parts->log, &record, 1, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    assert(record.position > 0);
    *position = record.position;
    if (!call_wait_durable(call, record.position, record.position))
        return false;
    if (history_wait(call->parts->history, record.position, call->options->settle_s * 1000))
        return true;
    call_fail_text(call, STATUS_BUSY, "this is stored, but processing is behind and it is not in force yet");
    return false;
}
