/* api_audience: segments, tags and metrics: defined, listed, ended; who is in, who came and went, how many over time; uploads, tags by hand,
 * relations; the workspace. A definition is checked, appended to the log and answered once it is in force; so is a command. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "deliver/entry.h"
#include "serve/define.h"
#include "serve/expression.h"
#include "serve/person.h"

void api_segments(struct call *call);
void api_segment(struct call *call);
void api_segment_define(struct call *call);
void api_segment_delete(struct call *call);
void api_tags(struct call *call);
void api_tag(struct call *call);
void api_tag_define(struct call *call);
void api_tag_delete(struct call *call);
void api_metrics_defined(struct call *call);
void api_metric(struct call *call);
void api_metric_define(struct call *call);
void api_metric_delete(struct call *call);
void api_segment_members(struct call *call);
void api_segment_changes(struct call *call);
void api_segment_sizes(struct call *call);
void api_segment_upload(struct call *call);
void api_segment_refresh(struct call *call);
void api_definitions(struct call *call);
void api_workspace(struct call *call);
void api_workspace_define(struct call *call);

#define UPLOAD_IDS_MAX 20000
#define DEFINITIONS_MAX 1000 /* of one call */
#define UNKNOWN_SHOWN 100
#define LOOK_AT_DEFAULT 1000000

static const char *const kinds[] = {"segment", "tag", "metric"};

/* --- definitions --- */

static void not_defined(struct call *call, enum definition_kind kind, struct slice name) {
    call_fail_text(call, STATUS_NOT_FOUND, "no %s is called \"%.*s\"; GET /v1/%ss lists them", kinds[kind],
                   (int)(name.size < 200 ? name.size : 200), name.data, kinds[kind]);
}

static void list(struct call *call, enum definition_kind kind) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    char key[16];
    if (snapshot == NULL)
        return;
    snprintf(key, sizeof key, "%ss", kinds[kind]);
    json_object(&call->json);
    json_key(&call->json, key);
    audience_list_json(call->parts->audience, snapshot, kind, &call->json);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

static void get(struct call *call, enum definition_kind kind) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    struct audience_entry entry;
    if (snapshot == NULL)
        return;
    if (audience_find(snapshot, kind, call_piece(call, 0), &entry))
        audience_write_json(call->parts->audience, snapshot, &entry, true, &call->json);
    else
        not_defined(call, kind, call_piece(call, 0));
    audience_snapshot_release(snapshot);
}

/* Checks, appends and waits; false after failing the call. */
static bool define(struct call *call, struct slice text) {
    size_t done;
    return define_audience(call, &text, 1, &done);
}

static void define_kind(struct call *call, enum definition_kind kind) {
    struct slice text;
    if (!define_body(call, kinds[kind], &text))
        return;
    struct slice name = define_name(call);
    if (!define(call, text))
        return;
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    struct audience_entry entry;
    if (audience_find(snapshot, kind, name, &entry))
        audience_write_json(call->parts->audience, snapshot, &entry, false, &call->json);
    else
        define_answer(call, kinds[kind], name);
    audience_snapshot_release(snapshot);
}

/* {"define":"segment","name":...,"deleted":true} */
static void end(struct call *call, enum definition_kind kind) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    struct audience_entry entry;
    if (snapshot == NULL)
        return;
    bool found = audience_find(snapshot, kind, call_piece(call, 0), &entry);
    audience_snapshot_release(snapshot);
    if (!found) {
        not_defined(call, kind, call_piece(call, 0));
        return;
    }
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "define", kinds[kind]);
    json_member_text(&w, "name", call_piece(call, 0));
    json_member_bool(&w, "deleted", true);
    json_end_object(&w);
    if (define(call, buffer_slice(into)))
        define_answer(call, kinds[kind], call_piece(call, 0));
}

/* The texts of the body's definitions; false after failing the call. */
static bool take_definitions(struct call *call, struct slice texts[DEFINITIONS_MAX], size_t *count) {
    const struct json *root = call_body(call);
    struct json_parser *p = call->bench->parser;
    const struct json *all = root ? json_get(p, root, "definitions") : NULL;
    struct slice array = json_raw_member(slice_trim(call->request->body), "definitions");
    size_t at = 0;
    if (!root)
        return false;
    if (!all || all->kind != JSON_ARRAY || !all->count || all->count > DEFINITIONS_MAX) {
        call_fail_text(call, STATUS_INVALID, "\"definitions\" must be a list of 1 to %d objects", DEFINITIONS_MAX);
        return false;
    }
    *count = 0;
    for (const struct json *d = json_first(p, all); d; d = json_next(p, d)) {
        struct slice what = json_get_text(p, d, "define");
        if (d->kind != JSON_OBJECT ||
            !(slice_is(what, "segment") || slice_is(what, "tag") || slice_is(what, "metric"))) {
            call_fail_text(call, STATUS_INVALID, "\"define\" of definition %zu must be segment, tag or metric",
                           *count + 1);
            return false;
        }
        bool more = json_raw_item(array, &at, &texts[*count]);
        assert(more);
        ++*count;
    }
    return true;
}

static void write_names(struct call *call, const struct slice *texts, size_t count) {
    const struct json *root;
    struct json_writer *w = &call->json;
    buffer_clear(w->out);
    w->comma = false;
    json_object(w);
    json_key(w, "defined");
    json_array(w);
    for (size_t i = 0; i < count; i++)
        if (json_parse(call->bench->parser, texts[i], false, &root, NULL) == STATUS_OK)
            json_text(w, json_get_text(call->bench->parser, root, "name"));
    json_end_array(w);
    json_member_bool(w, "in_force", true);
    json_end_object(w);
}

void api_definitions(struct call *call) {
    struct slice *texts = memory_get(DEFINITIONS_MAX, sizeof *texts);
    size_t count, done;
    if (take_definitions(call, texts, &count) && define_audience(call, texts, count, &done))
        write_names(call, texts, count);
    free(texts);
}

void api_segments(struct call *call) { list(call, DEFINITION_SEGMENT); }
void api_segment(struct call *call) { get(call, DEFINITION_SEGMENT); }
void api_segment_define(struct call *call) { define_kind(call, DEFINITION_SEGMENT); }
void api_segment_delete(struct call *call) { end(call, DEFINITION_SEGMENT); }
void api_tags(struct call *call) { list(call, DEFINITION_TAG); }
void api_tag(struct call *call) { get(call, DEFINITION_TAG); }
void api_tag_define(struct call *call) { define_kind(call, DEFINITION_TAG); }
void api_tag_delete(struct call *call) { end(call, DEFINITION_TAG); }
void api_metrics_defined(struct call *call) { list(call, DEFINITION_METRIC); }
void api_metric(struct call *call) { get(call, DEFINITION_METRIC); }
void api_metric_define(struct call *call) { define_kind(call, DEFINITION_METRIC); }
void api_metric_delete(struct call *call) { end(call, DEFINITION_METRIC); }

/* --- one segment --- */

/* The segment of the path; NULL after failing the call. Release the snapshot. */
static struct audience_snapshot *segment_of_call(struct call *call, struct audience_entry *entry) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot && !audience_find(snapshot, DEFINITION_SEGMENT, call_piece(call, 0), entry)) {
        audience_snapshot_release(snapshot);
        snapshot = NULL;
        not_defined(call, DEFINITION_SEGMENT, call_piece(call, 0));
    }
    return snapshot;
}

static void write_members(struct call *call, const struct audience_entry *segment, struct columns *columns,
                          struct customer_id after, size_t limit) {
    struct customer_id *members = arena_get(&call->bench->arena, (limit + 1) * sizeof *members);
    size_t count = audience_members(call->parts->audience, segment->number, after, members, limit + 1);
    size_t shown = count < limit ? count : limit;
    char oneid[ONEID_BYTES + 1];
    json_object(&call->json);
    json_member_text(&call->json, "segment", segment->name);
    json_member_integer(&call->json, "size", (int64_t)audience_size(call->parts->audience, segment->number));
    json_key(&call->json, "members");
    json_array(&call->json);
    for (size_t i = 0; i < shown; i++)
        expression_write_customer(call, columns, members[i]);
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if (count > limit) {
        oneid_format(members[shown - 1], oneid);
        json_cstring(&call->json, oneid);
    } else {
        json_null(&call->json);
    }
    json_end_object(&call->json);
}

void api_segment_members(struct call *call) {
    int64_t limit;
    struct audience_entry segment;
    struct columns columns = {0};
    if (!call_integer(call, "limit", 1, 1000, 50, &limit))
        return;
    struct slice text = call_text(call, "after");
    struct customer_id after = text.size ? oneid_parse(text) : (struct customer_id){0};
    if (text.size && after.number == 0) {
        call_fail_text(call, STATUS_INVALID, "parameter after is \"%.*s\"; it must be the \"next\" of a page before",
                       (int)(text.size < 40 ? text.size : 40), text.data);
        return;
    }
    struct audience_snapshot *snapshot = segment_of_call(call, &segment);
    if (snapshot == NULL)
        return;
    if (columns_of_text(call, snapshot, call_text(call, "values"), &call->bench->arena, &columns))
        write_members(call, &segment, &columns, after, (size_t)limit);
    columns_release(&columns);
    audience_snapshot_release(snapshot);
}

static void write_changes(struct call *call, const struct audience_snapshot *snapshot, const struct feed_entry *entries,
                          size_t count, size_t limit) {
    struct entry_parts parts = {call->parts->audience, call->parts->dictionary, call->parts->identity, NULL};
    struct entry_writer *writer = entry_writer_create(&parts);
    char id[ENTRY_ID_BYTES];
    json_object(&call->json);
    json_key(&call->json, "changes");
    json_array(&call->json);
    for (size_t i = 0; i < count; i++)
        entry_write(writer, snapshot, &entries[i], &call->json);
    json_end_array(&call->json);
    json_key(&call->json, "next");
    if (count == limit)
        json_cstring(&call->json,
                     entry_id((struct feed_place){entries[count - 1].position, entries[count - 1].order}, id));
    else
        json_null(&call->json);
    json_end_object(&call->json);
    entry_writer_free(writer);
}

/* "before": an id; everything where it is missing. False after failing the call. */
static bool place_before(struct call *call, struct feed_place *before) {
    struct slice text = call_text(call, "before");
    *before = (struct feed_place){UINT64_MAX, UINT32_MAX};
    if (text.size == 0 || feed_place_parse(text, before))
        return true;
    call_fail_text(call, STATUS_INVALID, "parameter before must be the id of a change, such as 812-0");
    return false;
}

void api_segment_changes(struct call *call) {
    int64_t limit, look_at;
    struct audience_entry segment;
    struct feed_place before;
    if (!call_integer(call, "limit", 1, 1000, 50, &limit) ||
        !call_integer(call, "look_at", 1, 100000000, LOOK_AT_DEFAULT, &look_at) || !place_before(call, &before))
        return;
    struct audience_snapshot *snapshot = segment_of_call(call, &segment);
    if (snapshot == NULL)
        return;
    struct feed_entry *entries = arena_get(&call->bench->arena, (size_t)limit * sizeof *entries);
    size_t count = feed_search_before(audience_feed(call->parts->audience), before, 0, segment.number, (size_t)look_at,
                                      entries, (size_t)limit);
    write_changes(call, snapshot, entries, count, (size_t)limit);
    audience_snapshot_release(snapshot);
}

void api_segment_sizes(struct call *call) {
    int64_t count, interval_s, from_ms;
    struct audience_entry segment;
    if (!call_integer(call, "count", 1, 2000, 30, &count) ||
        !call_integer(call, "interval", 1, 366 * 86400, 86400, &interval_s) || !call_instant(call, "from", &from_ms))
        return;
    if (from_ms == TIME_NONE)
        from_ms = os_now_ms(call->parts->os) - count * interval_s * 1000;
    struct audience_snapshot *snapshot = segment_of_call(call, &segment);
    if (snapshot == NULL)
        return;
    json_object(&call->json);
    json_member_text(&call->json, "segment", segment.name);
    json_member_integer(&call->json, "size", (int64_t)audience_size(call->parts->audience, segment.number));
    json_key(&call->json, "sizes");
    audience_sizes_json(call->parts->audience, segment.number, from_ms, interval_s * 1000, (size_t)count, &call->json);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

/* --- commands on a segment --- */

/* Ids that lead to nobody; at most UNKNOWN_SHOWN are kept. */
struct unknown {
    struct slice ids[UNKNOWN_SHOWN];
    size_t count;
};

/* Writes the list `key` into the command. False after failing the call. */
static bool copy_ids(struct call *call, const struct json *body, const char *key, struct json_writer *w, size_t *count,
                     struct unknown *unknown) {
    struct json_parser *p = call->bench->parser;
    const struct json *list = json_get(p, body, key);
    if (list && list->kind != JSON_ARRAY) {
        call_fail_text(call, STATUS_INVALID, "\"%s\" must be a list of oneids or namespace:value", key);
        return false;
    }
    json_key(w, key);
    json_array(w);
    for (const struct json *id = list ? json_first(p, list) : NULL; id; id = json_next(p, id)) {
        struct person person;
        if (id->kind != JSON_TEXT || ++*count > UPLOAD_IDS_MAX) {
            call_fail_text(call, STATUS_INVALID, "\"%s\" must be a list of texts, %d at most in one call", key,
                           UPLOAD_IDS_MAX);
            return false;
        }
        json_text(w, id->text);
        if (person_find(call, id->text, &person, NULL) == STATUS_OK)
            continue;
        if (unknown->count < UNKNOWN_SHOWN)
            unknown->ids[unknown->count] = arena_copy(&call->bench->arena, id->text);
        unknown->count++;
    }
    json_end_array(w);
    return true;
}

static void answer_upload(struct call *call, size_t count, const struct unknown *unknown, uint32_t segment) {
    struct json_writer *w = &call->json;
    json_object(w);
    json_member_integer(w, "taken", (int64_t)(count - unknown->count));
    json_member_integer(w, "unknown_count", (int64_t)unknown->count);
    json_key(w, "unknown");
    json_array(w);
    for (size_t i = 0; i < unknown->count && i < UNKNOWN_SHOWN; i++)
        json_text(w, unknown->ids[i]);
    json_end_array(w);
    json_member_integer(w, "size", (int64_t)audience_size(call->parts->audience, segment));
    json_end_object(w);
}

static bool is_how(struct call *call, const struct audience_entry *segment, const char *how, const char *instead) {
    if (slice_is(segment->how, how))
        return true;
    call_fail_text(call, STATUS_CONFLICT, "the segment is of kind %.*s; %s", SLICE_ARG(segment->how), instead);
    return false;
}

void api_segment_upload(struct call *call) {
    struct audience_entry segment;
    struct unknown *unknown = arena_get(&call->bench->arena, sizeof *unknown);
    size_t count = 0;
    const struct json *body = call_body(call);
    struct audience_snapshot *snapshot = body ? segment_of_call(call, &segment) : NULL;
    if (snapshot == NULL)
        return;
    bool good = is_how(call, &segment, "upload", "only one of kind upload takes members by hand");
    uint32_t number = segment.number;
    audience_snapshot_release(snapshot);
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    unknown->count = 0;
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "members");
    json_member_text(&w, "segment", call_piece(call, 0));
    good =
        good && copy_ids(call, body, "add", &w, &count, unknown) && copy_ids(call, body, "remove", &w, &count, unknown);
    json_end_object(&w);
    if (good && call_append(call, LOG_COMMAND, buffer_slice(into)))
        answer_upload(call, count, unknown, number);
}

void api_segment_refresh(struct call *call) {
    struct audience_entry segment;
    struct audience_snapshot *snapshot = segment_of_call(call, &segment);
    if (snapshot == NULL)
        return;
    bool good = is_how(call, &segment, "scheduled", "only a scheduled one is refreshed; others are never stale");
    audience_snapshot_release(snapshot);
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "refresh");
    json_member_text(&w, "segment", call_piece(call, 0));
    json_end_object(&w);
    if (!good || !call_append(call, LOG_COMMAND, buffer_slice(into)))
        return;
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

/* --- the workspace --- */

void api_workspace(struct call *call) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    const struct vocabulary *v = audience_vocabulary(snapshot);
    json_object(&call->json);
    json_member_cstring(&call->json, "time_zone", v->zone ? zone_name(v->zone) : "UTC");
    json_member_integer(&call->json, "week_start", v->week_start);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

void api_workspace_define(struct call *call) {
    struct slice text;
    if (define_body(call, "workspace", &text) && define(call, text))
        api_workspace(call);
}
