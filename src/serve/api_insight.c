/* api_insight: analyses over HTTP: the kinds, and one run on the spot; on clerks and bounded, as queries are (queries.h). */
#include <stdio.h>
#include <stdlib.h>

#include "insight/insight.h"
#include "serve/expression.h"
#include "serve/queries.h"

void api_insight_kinds(struct call *call);
void api_insight_run(struct call *call);

#define TEXT_ROWS 60 /* of each table where text for a terminal is asked for */

void api_insight_kinds(struct call *call) {
    json_object(&call->json);
    json_key(&call->json, "kinds");
    insight_write_kinds(&call->json);
    json_end_object(&call->json);
}

enum format { FORMAT_JSON, FORMAT_CSV, FORMAT_TEXT };

static bool read_format(struct call *call, enum format *format) {
    struct slice text = call_text(call, "format");
    struct slice accept = http_header(call->request, "Accept");
    *format = FORMAT_JSON;
    if (slice_is(text, "csv") || (text.size == 0 && slice_starts(accept, SLICE("text/csv"))))
        *format = FORMAT_CSV;
    else if (slice_is(text, "text") || (text.size == 0 && slice_starts(accept, SLICE("text/plain"))))
        *format = FORMAT_TEXT;
    else if (text.size && !slice_is(text, "json"))
        call_fail_text(call, STATUS_INVALID, "format is json, csv or text, not \"%.*s\"", (int)text.size, text.data);
    return !call->failed;
}

static void write_answer(struct call *call, const struct insight_kind *kind, const struct answer *answer,
                         enum format format, uint64_t elapsed_ns) {
    struct buffer *body = call->json.out;
    struct slice name = call_text(call, "table");
    char *table = name.size ? memory_text(name) : NULL;
    if (format == FORMAT_JSON) {
        json_object(&call->json);
        json_member_cstring(&call->json, "kind", kind->name);
        answer_write_json(answer, &call->json);
        json_member_real(&call->json, "elapsed_ms", (double)(elapsed_ns / 1000) / 1000);
        json_end_object(&call->json);
    } else if (format == FORMAT_TEXT) {
        answer_write_text(answer, TEXT_ROWS, body);
        call->request->answer.content_type = "text/plain; charset=utf-8";
    } else if (answer_write_csv(answer, table, body)) {
        call->request->answer.content_type = "text/csv; charset=utf-8";
    } else {
        call_fail_text(call, STATUS_NOT_FOUND, "this answer has no table \"%s\"", table);
    }
    free(table);
}

static void run(struct call *call, const struct insight_kind *kind, const struct audience_snapshot *snapshot,
                enum format format) {
    struct fault fault = {0};
    struct query query;
    struct insight insight = {.vocabulary = audience_vocabulary(snapshot),
                              .now_ms = os_now_ms(call->parts->os),
                              .workers = query_workers(),
                              .stop = &query.stop};
    const struct json *body = call_body(call);
    if (body == NULL || !query_begin(call, &query))
        return;
    audience_outside(call->parts->audience, &insight.outside);
    struct answer *answer = answer_create();
    uint64_t began = os_monotonic_ns(call->parts->os);
    enum status status = insight_run(&insight, kind, call->bench->parser, body, answer, &fault);
    query_end(call, &query);
    if (status == STATUS_CLOSED)
        query_fail_stopped(call);
    else if (status)
        call_fail(call, status, &fault);
    else
        write_answer(call, kind, answer, format, os_monotonic_ns(call->parts->os) - began);
    answer_free(answer);
}

void api_insight_run(struct call *call) {
    struct fault fault = {0};
    enum format format;
    const struct insight_kind *kind = insight_find(call_piece(call, 0));
    if (kind == NULL) {
        call_fail(call, insight_unknown(call_piece(call, 0), &fault), &fault);
        return;
    }
    if (!read_format(call, &format))
        return;
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    run(call, kind, snapshot, format);
    audience_snapshot_release(snapshot);
}
