/* api_insight: analyses over HTTP: run on the spot, saved under a name with versions and parameters, as jobs; and segments of whoever stands
 * behind a figure. On clerks and bounded, as queries are (queries.h); jobs run on the analyst's own thread (analyst.h). */
#include <stdio.h>
#include <stdlib.h>

#include "govern/json_text.h"
#include "insight/parameters.h"
#include "serve/analyst.h"
#include "serve/define.h"
#include "serve/expression.h"
#include "serve/queries.h"
#include "serve/serve_inside.h"

void api_insight_kinds(struct call *call);
void api_insight_run(struct call *call);
void api_insight_segment(struct call *call);
void api_analyses(struct call *call);
void api_analysis_define(struct call *call);
void api_analysis(struct call *call);
void api_analysis_delete(struct call *call);
void api_analysis_run(struct call *call);
void api_jobs(struct call *call);
void api_job(struct call *call);
void api_job_stop(struct call *call);

#define TEXT_ROWS 60 /* of each table where text for a terminal is asked for */
#define MEMBERS_MAX 500000
#define MEMBERS_A_COMMAND 5000

void api_insight_kinds(struct call *call) {
    json_object(&call->json);
    json_key(&call->json, "kinds");
    insight_write_kinds(&call->json);
    json_end_object(&call->json);
}

/* --- how the answer is wanted --- */

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

static void write_answer(struct call *call, const struct analysis *analysis, enum format format, bool kept) {
    struct buffer *body = call->json.out;
    struct slice name = call_text(call, "table");
    char *table = name.size ? memory_text(name) : NULL;
    if (format == FORMAT_JSON) {
        json_object(&call->json);
        json_member_cstring(&call->json, "kind", analysis->kind->name);
        answer_write_json(analysis->answer, &call->json);
        json_member_integer(&call->json, "position", (int64_t)analysis->position);
        json_member_time(&call->json, "at", analysis->at_ms);
        json_member_bool(&call->json, "kept", kept);
        json_member_real(&call->json, "elapsed_ms", (double)(analysis->elapsed_ns / 1000) / 1000);
        json_end_object(&call->json);
    } else if (format == FORMAT_TEXT) {
        answer_write_text(analysis->answer, TEXT_ROWS, body);
        call->request->answer.content_type = "text/plain; charset=utf-8";
    } else if (answer_write_csv(analysis->answer, table, body)) {
        call->request->answer.content_type = "text/csv; charset=utf-8";
    } else {
        call_fail_text(call, STATUS_NOT_FOUND, "this answer has no table \"%s\"", table);
    }
    free(table);
}

/* --- running --- */

static const struct insight_kind *kind_of(struct call *call, struct slice name) {
    struct fault fault = {0};
    const struct insight_kind *kind = insight_find(name);
    if (kind == NULL)
        call_fail(call, insight_unknown(name, &fault), &fault);
    return kind;
}

static void answer_job(struct call *call, const struct insight_kind *kind, struct slice name, struct slice definition) {
    struct fault fault = {0};
    uint64_t number;
    enum status status = analyst_check(call->serve->analyst, kind, definition, &fault);
    if (!status)
        status = analyst_job(call->serve->analyst, kind, name, definition, &number, &fault);
    if (status)
        call_fail(call, status, &fault);
    else
        (void)analyst_job_json(call->serve->analyst, number, false, &call->json);
}

/* `definition` must not lie in the bench's text. */
static void run(struct call *call, const struct insight_kind *kind, struct slice name, struct slice definition) {
    const struct analysis *analysis = NULL;
    struct fault fault = {0};
    struct query query;
    enum format format;
    bool kept;
    if (!read_format(call, &format))
        return;
    if (call_flag(call, "job")) {
        answer_job(call, kind, name, definition);
        return;
    }
    if (!query_begin(call, &query))
        return;
    enum status status =
        analyst_run(call->serve->analyst, kind, definition, &query.stop, NULL, &analysis, &kept, &fault);
    query_end(call, &query);
    if (status == STATUS_CLOSED)
        query_fail_stopped(call, "a job has no limit: ask with ?job=1");
    else if (status)
        call_fail(call, status, &fault);
    else
        write_answer(call, analysis, format, kept);
    analysis_release(analysis);
}

void api_insight_run(struct call *call) {
    const struct insight_kind *kind = kind_of(call, call_piece(call, 0));
    if (kind && call_body(call))
        run(call, kind, SLICE_NONE, call->request->body);
}

/* --- segments out of analyses --- */

static bool append_definition(struct call *call, struct slice text) {
    struct fault fault = {0};
    const struct json *root;
    enum status status = json_parse(call->bench->parser, text, true, &root, &fault);
    if (!status)
        status = audience_check(call->parts->audience, call->bench->parser, root, &fault);
    if (status) {
        call_fail(call, status, &fault);
        return false;
    }
    return call_append(call, LOG_DEFINE, text);
}

/* A rule where there is an expression, else an upload segment. */
static bool define_segment(struct call *call, struct slice name, struct slice expression) {
    struct buffer text = {0};
    struct json_writer w = {.out = &text};
    json_object(&w);
    json_member_cstring(&w, "define", "segment");
    json_member_text(&w, "name", name);
    json_member_cstring(&w, "kind", expression.size ? "live" : "upload");
    if (expression.size)
        json_member_text(&w, "expression", expression);
    json_end_object(&w);
    bool good = append_definition(call, buffer_slice(&text));
    buffer_release(&text);
    return good;
}

struct upload {
    struct call *call;
    struct buffer text;
    struct json_writer w;
    struct slice segment;
    unsigned count;
};

static void upload_begin(struct upload *u) {
    buffer_clear(&u->text);
    u->w = (struct json_writer){.out = &u->text};
    u->count = 0;
    json_object(&u->w);
    json_member_cstring(&u->w, "command", "members");
    json_member_text(&u->w, "segment", u->segment);
    json_key(&u->w, "add");
    json_array(&u->w);
}

static bool upload_send(struct upload *u) {
    json_end_array(&u->w);
    json_end_object(&u->w);
    return u->count == 0 || call_append(u->call, LOG_COMMAND, buffer_slice(&u->text));
}

static bool upload_members(struct call *call, struct slice segment, const struct insight_members *members) {
    struct upload u = {.call = call, .segment = segment};
    char oneid[ONEID_BYTES + 1];
    bool good = true;
    upload_begin(&u);
    for (uint32_t i = 0; i < members->span_count * SPAN_CUSTOMERS && good; i++) {
        if (!(members->bits[i / SPAN_CUSTOMERS][i % SPAN_CUSTOMERS / 64] >> (i % 64) & 1))
            continue;
        oneid_format((struct customer_id){i}, oneid);
        json_cstring(&u.w, oneid);
        if (++u.count == MEMBERS_A_COMMAND) {
            good = upload_send(&u);
            upload_begin(&u);
        }
    }
    good = good && upload_send(&u);
    buffer_release(&u.text);
    return good;
}

static bool find_members(struct call *call, const struct insight_kind *kind, struct slice definition,
                         struct insight_members *members) {
    struct fault fault = {0};
    struct query query;
    *members = (struct insight_members){0};
    if (!query_begin(call, &query))
        return false;
    enum status status = analyst_members(call->serve->analyst, kind, definition, &query.stop, members, &fault);
    query_end(call, &query);
    if (status == STATUS_CLOSED)
        query_fail_stopped(call, "take fewer customers or rows, by population or period");
    else if (status)
        call_fail(call, status, &fault);
    return !status;
}

/* The definition with the members asked for in it, as text. */
static bool read_segment(struct call *call, struct slice *name, bool *upload, struct buffer *definition) {
    struct json_parser *p = call->bench->parser;
    const struct json *body = call_body(call), *of = body ? json_get(p, body, "definition") : NULL;
    const struct json *members = body ? json_get(p, body, "members") : NULL;
    struct json_writer w = {.out = definition};
    if (body == NULL)
        return false;
    *name = arena_copy(&call->bench->arena, json_get_text(p, body, "name"));
    *upload = slice_is(json_get_text(p, body, "kind"), "upload");
    if (name->size == 0 || of == NULL || of->kind != JSON_OBJECT) {
        call_fail_text(call, STATUS_INVALID, "\"name\" of the segment and \"definition\" of the analysis are needed");
        return false;
    }
    json_object(&w);
    for (const struct json *m = json_first(p, of); m; m = json_next(p, m)) {
        if (members && slice_is(m->key, "members"))
            continue;
        json_key_slice(&w, m->key);
        json_text_of(p, m, &w);
    }
    if (members) {
        json_key(&w, "members");
        json_text_of(p, members, &w);
    }
    json_end_object(&w);
    return true;
}

static bool name_is_free(struct call *call, struct slice name) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    struct audience_entry entry;
    if (snapshot == NULL)
        return false;
    if (audience_find(snapshot, DEFINITION_SEGMENT, name, &entry))
        call_fail_text(call, STATUS_EXISTS, "there is a segment \"%.*s\" already; take another name", SLICE_ARG(name));
    audience_snapshot_release(snapshot);
    return !call->failed;
}

void api_insight_segment(struct call *call) {
    const struct insight_kind *kind = kind_of(call, call_piece(call, 0));
    struct insight_members members = {0};
    struct buffer definition = {0};
    struct slice name = SLICE_NONE;
    bool upload = false;
    if (kind && read_segment(call, &name, &upload, &definition) && name_is_free(call, name) &&
        find_members(call, kind, buffer_slice(&definition), &members)) {
        struct slice expression = upload ? SLICE_NONE : buffer_slice(&members.expression);
        if (!expression.size && members.count > MEMBERS_MAX)
            call_fail_text(call, STATUS_TOO_LARGE,
                           "these are %llu customers; an upload segment of an analysis takes %d at most",
                           (unsigned long long)members.count, MEMBERS_MAX);
        bool good = !call->failed && define_segment(call, name, expression) &&
                    (expression.size || upload_members(call, name, &members));
        if (good) {
            json_object(&call->json);
            json_member_text(&call->json, "segment", name);
            json_member_cstring(&call->json, "kind", expression.size ? "live" : "upload");
            if (expression.size)
                json_member_text(&call->json, "expression", expression);
            json_member_integer(&call->json, "customers", (int64_t)members.count);
            json_end_object(&call->json);
        }
    }
    insight_members_release(&members);
    buffer_release(&definition);
}

/* --- saved analyses --- */

void api_analyses(struct call *call) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    json_object(&call->json);
    json_key(&call->json, "analyses");
    audience_analyses_json(snapshot, &call->json);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

/* {"d": definition, "p": parameters, "v": values} parsed: the definition with its places filled, as text. */
static bool fill_places(struct call *call, struct slice saved, struct slice values, struct buffer *out) {
    struct buffer text = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    struct fault fault = {0};
    buffer_print(&text, "{\"s\":%.*s,\"v\":%.*s}", SLICE_ARG(saved), values.size ? (int)values.size : 4,
                 values.size ? values.data : "null");
    enum status status = json_parse(p, buffer_slice(&text), true, &root, &fault);
    if (!status) {
        const struct json *s = json_get(p, root, "s");
        status = parameters_fill(p, json_get(p, s, "definition"), json_get(p, s, "parameters"), json_get(p, root, "v"),
                                 out, &fault);
    }
    if (status)
        call_fail(call, status, &fault);
    json_parser_free(p);
    buffer_release(&text);
    return !status;
}

/* What is saved must run: with its defaults where they are all there. */
static bool check_analysis(struct call *call, const struct json *body) {
    struct json_parser *p = call->bench->parser;
    const struct json *parameters = json_get(p, body, "parameters");
    const struct insight_kind *kind = kind_of(call, json_get_text(p, body, "kind"));
    bool all = true;
    struct fault fault = {0};
    struct buffer filled = {0};
    if (!kind)
        return false;
    for (const struct json *m = parameters && parameters->kind == JSON_OBJECT ? json_first(p, parameters) : NULL; m;
         m = json_next(p, m))
        all = all && json_get(p, m, "default");
    if (!all || json_get(p, body, "definition") == NULL)
        return true; /* the audience says what is missing */
    enum status status = parameters_fill(p, json_get(p, body, "definition"), parameters, NULL, &filled, &fault);
    if (!status)
        status = analyst_check(call->serve->analyst, kind, buffer_slice(&filled), &fault);
    if (status)
        call_fail(call, status, &fault);
    buffer_release(&filled);
    return !status;
}

static void answer_analysis(struct call *call, struct slice name) {
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    if (!audience_analysis_json(snapshot, name, &call->json))
        call_fail_text(call, STATUS_NOT_FOUND, "no analysis is called \"%.*s\"; GET /v1/analyses lists them",
                       (int)(name.size < 200 ? name.size : 200), name.data);
    audience_snapshot_release(snapshot);
}

void api_analysis_define(struct call *call) {
    const struct json *body = call_body(call);
    struct slice text;
    if (body == NULL)
        return;
    if (call->parts->audience == NULL) {
        call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no analyses");
        return;
    }
    if (!check_analysis(call, body) || !define_body(call, "analysis", &text))
        return;
    struct slice name = define_name(call);
    if (append_definition(call, text))
        answer_analysis(call, name);
}

void api_analysis(struct call *call) {
    if (call->parts->audience)
        answer_analysis(call, call_piece(call, 0));
    else
        call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no analyses");
}

void api_analysis_delete(struct call *call) {
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    if (call->parts->audience == NULL) {
        call_fail_text(call, STATUS_UNSUPPORTED, "this server keeps no analyses");
        return;
    }
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "define", "analysis");
    json_member_text(&w, "name", call_piece(call, 0));
    json_member_bool(&w, "deleted", true);
    json_end_object(&w);
    if (append_definition(call, buffer_slice(into)))
        define_answer(call, "analysis", call_piece(call, 0));
}

void api_analysis_run(struct call *call) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    struct audience_analysis saved;
    struct buffer definition = {0};
    struct slice name = call_piece(call, 0), values = SLICE_NONE;
    if (snapshot == NULL)
        return;
    if (!audience_analysis(snapshot, name, &saved)) {
        call_fail_text(call, STATUS_NOT_FOUND, "no analysis is called \"%.*s\"; GET /v1/analyses lists them",
                       (int)(name.size < 200 ? name.size : 200), name.data);
    } else if (call->request->body.size == 0 || call_body(call)) {
        if (call->request->body.size)
            values = json_raw_member(call->request->body, "values");
        const struct insight_kind *kind = kind_of(call, saved.kind);
        if (kind && fill_places(call, saved.json, values, &definition))
            run(call, kind, name, buffer_slice(&definition));
    }
    audience_snapshot_release(snapshot);
    buffer_release(&definition);
}

/* --- jobs --- */

static bool job_number(struct call *call, uint64_t *number) {
    struct slice text = call_piece(call, 0);
    *number = 0;
    for (size_t i = 0; i < text.size && i < 18 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        *number = *number * 10 + (uint64_t)(text.data[i] - '0');
    return *number > 0;
}

static void no_job(struct call *call) {
    call_fail_text(call, STATUS_NOT_FOUND, "there is no such job (the last %d are remembered); GET /v1/jobs lists them",
                   JOBS_MAX);
}

void api_jobs(struct call *call) {
    json_object(&call->json);
    json_key(&call->json, "jobs");
    analyst_jobs_json(call->serve->analyst, &call->json);
    json_end_object(&call->json);
}

void api_job(struct call *call) {
    uint64_t number;
    enum format format;
    if (!read_format(call, &format))
        return;
    if (!job_number(call, &number)) {
        no_job(call);
        return;
    }
    const struct analysis *analysis = format == FORMAT_JSON ? NULL : analyst_job_answer(call->serve->analyst, number);
    if (analysis)
        write_answer(call, analysis, format, true);
    else if (!analyst_job_json(call->serve->analyst, number, true, &call->json))
        no_job(call);
    analysis_release(analysis);
}

void api_job_stop(struct call *call) {
    uint64_t number;
    if (!job_number(call, &number) || !analyst_job_stop(call->serve->analyst, number))
        no_job(call);
    else
        (void)analyst_job_json(call->serve->analyst, number, false, &call->json);
}
