/* api_export: all members of a segment as CSV or JSON lines, with what the caller wants to know of each.
 *
 * The answer is a stream: each time the socket has room, the next members are looked up and written, so an export of millions holds some
 * kilobytes. Members are those at the moment each page is read: who enters meanwhile behind the place reached is in, who leaves is not. */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/csv_write.h"
#include "serve/expression.h"
#include "serve/show.h"

void api_segment_export(struct call *call);

#define EXPORTS_MAX 4
#define PAGE 64
#define NAMESPACES_MAX 20
#define LOOKED_AT 1000 /* identifiers of a customer */

enum form { FORM_CSV, FORM_JSONL };

struct export {
    struct serve_parts parts;
    struct audience_snapshot *snapshot;
    struct columns columns;
    struct arena arena; /* names and trees of the columns */
    enum form form;
    uint16_t namespaces[NAMESPACES_MAX];
    size_t namespace_count;
    uint32_t segment;
    struct customer_id after;
    bool headed, ended;
    struct buffer out, value;
    size_t sent;
};

static _Atomic unsigned exports_open;

/* --- CSV --- */

/* A value as a cell: texts and times bare, lists as JSON, missing as nothing. No text of a source's becomes a formula. */
static void add_value(struct export *e, const struct term_value *value) {
    struct json_writer w = {.out = &e->value};
    buffer_clear(&e->value);
    if (value->type == TERM_NONE)
        return;
    if (value->type == TERM_TEXT) {
        csv_cell_of_text(&e->out, value->text);
        return;
    }
    expression_write_value(value, &w);
    struct slice text = buffer_slice(&e->value);
    if (value->type == TERM_TIME || value->type == TERM_DATE)
        text = slice_of(text.data + 1, text.size - 2);
    csv_cell(&e->out, text);
}

static void add_heading(struct export *e) {
    buffer_add_slice(&e->out, SLICE("oneid"));
    for (size_t i = 0; i < e->namespace_count; i++) {
        buffer_add_char(&e->out, ',');
        csv_cell(&e->out, dictionary_namespace_at(e->parts.dictionary, e->namespaces[i])->name);
    }
    for (size_t i = 0; i < e->columns.count; i++) {
        buffer_add_char(&e->out, ',');
        csv_cell_of_text(&e->out, e->columns.names[i]);
    }
    buffer_add_slice(&e->out, SLICE("\r\n"));
}

/* --- identifiers --- */

/* The first of each namespace that was asked for. */
struct found {
    struct export *e;
    struct slice values[NAMESPACES_MAX];
};

static void find_identifier(void *context, struct identifier_id identifier) {
    struct found *f = context;
    uint16_t namespace = identity_namespace(f->e->parts.identity, identifier);
    for (size_t i = 0; i < f->e->namespace_count; i++) {
        if (f->e->namespaces[i] == namespace && f->values[i].size == 0)
            f->values[i] = identity_value(f->e->parts.identity, identifier);
    }
}

static void find_identifiers(struct export *e, struct customer_id customer, struct found *found) {
    *found = (struct found){.e = e};
    if (e->namespace_count)
        identity_identifiers(e->parts.identity, customer, LOOKED_AT, find_identifier, found);
}

/* --- lines --- */

static void add_csv(struct export *e, const char *oneid, const struct found *found) {
    buffer_add(&e->out, oneid, ONEID_BYTES);
    for (size_t i = 0; i < e->namespace_count; i++) {
        buffer_add_char(&e->out, ',');
        csv_cell_of_text(&e->out, found->values[i]);
    }
    for (size_t i = 0; i < e->columns.count; i++) {
        struct term_value value = columns_value(&e->columns, i);
        buffer_add_char(&e->out, ',');
        add_value(e, &value);
    }
    buffer_add_slice(&e->out, SLICE("\r\n"));
}

static void add_json(struct export *e, const char *oneid, const struct found *found) {
    struct json_writer w = {.out = &e->out};
    json_object(&w);
    json_member_cstring(&w, "oneid", oneid);
    for (size_t i = 0; i < e->namespace_count; i++) {
        json_key_slice(&w, dictionary_namespace_at(e->parts.dictionary, e->namespaces[i])->name);
        if (found->values[i].size)
            json_text(&w, found->values[i]);
        else
            json_null(&w);
    }
    json_key(&w, "values");
    columns_write(&e->columns, &w);
    json_end_object(&w);
    buffer_add_char(&e->out, '\n');
}

static void add_member(struct export *e, struct customer_id customer) {
    char oneid[ONEID_BYTES + 1];
    struct found found;
    oneid_format(customer, oneid);
    find_identifiers(e, customer, &found);
    columns_customer(&e->columns, customer);
    if (e->form == FORM_CSV)
        add_csv(e, oneid, &found);
    else
        add_json(e, oneid, &found);
}

static void next_page(struct export *e) {
    struct customer_id members[PAGE];
    size_t count = audience_members(e->parts.audience, e->segment, e->after, members, PAGE);
    struct history_hold hold = history_enter(e->parts.history);
    for (size_t i = 0; i < count; i++)
        add_member(e, members[i]);
    history_leave(e->parts.history, hold);
    if (count)
        e->after = members[count - 1];
    e->ended = count < PAGE;
}

/* --- the stream --- */

static long fill(void *context, char *into, size_t room) {
    struct export *e = context;
    while (e->sent == e->out.size) {
        if (e->ended)
            return HTTP_STREAM_END;
        e->sent = 0;
        buffer_clear(&e->out);
        if (!e->headed && e->form == FORM_CSV)
            add_heading(e);
        e->headed = true;
        next_page(e);
    }
    size_t count = e->out.size - e->sent < room ? e->out.size - e->sent : room;
    memcpy(into, e->out.data + e->sent, count);
    e->sent += count;
    return (long)count;
}

static void export_free(void *context) {
    struct export *e = context;
    columns_release(&e->columns);
    audience_snapshot_release(e->snapshot);
    arena_release(&e->arena);
    buffer_release(&e->out);
    buffer_release(&e->value);
    free(e);
    atomic_fetch_sub(&exports_open, 1);
}

/* --- asking --- */

static bool take_namespaces(struct call *call, struct export *e) {
    struct slice list = call_text(call, "identifiers");
    while (list.size) {
        const char *comma = memchr(list.data, ',', list.size);
        size_t size = comma ? (size_t)(comma - list.data) : list.size;
        struct slice name = slice_trim(slice_of(list.data, size));
        const struct namespace *n = dictionary_namespace_find(call->parts->dictionary, name);
        if (n == NULL || e->namespace_count == NAMESPACES_MAX) {
            call_fail_text(call, n ? STATUS_TOO_LARGE : STATUS_NOT_FOUND,
                           n ? "too many identifiers were asked for at \"%.*s\""
                             : "no identifier namespace is called \"%.*s\"; GET /v1/dictionary lists them",
                           (int)(name.size < 80 ? name.size : 80), name.data);
            return false;
        }
        e->namespaces[e->namespace_count++] = n->number;
        list = comma ? slice_of(comma + 1, list.size - size - 1) : SLICE_NONE;
    }
    return true;
}

static bool take_form(struct call *call, struct export *e) {
    struct slice form = call_text(call, "format");
    e->form = slice_is(form, "jsonl") ? FORM_JSONL : FORM_CSV;
    if (form.size == 0 || e->form == FORM_JSONL || slice_is(form, "csv"))
        return true;
    call_fail_text(call, STATUS_INVALID, "parameter format must be csv or jsonl");
    return false;
}

static bool take_segment(struct call *call, struct export *e) {
    struct audience_entry segment;
    struct slice name = call_piece(call, 0);
    if (audience_find(e->snapshot, DEFINITION_SEGMENT, name, &segment)) {
        e->segment = segment.number;
        return true;
    }
    call_fail_text(call, STATUS_NOT_FOUND, "no segment is called \"%.*s\"; GET /v1/segments lists them",
                   (int)(name.size < 200 ? name.size : 200), name.data);
    return false;
}

void api_segment_export(struct call *call) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    if (atomic_fetch_add(&exports_open, 1) >= EXPORTS_MAX) {
        atomic_fetch_sub(&exports_open, 1);
        audience_snapshot_release(snapshot);
        call_fail_text(call, STATUS_BUSY, "%d exports are under way already; try again", EXPORTS_MAX);
        return;
    }
    struct export *e = memory_get(1, sizeof *e);
    e->parts = *call->parts;
    e->snapshot = snapshot;
    if (take_segment(call, e) && take_form(call, e) && take_namespaces(call, e) &&
        columns_of_text(call, snapshot, call_text(call, "values"), &e->arena, &e->columns)) {
        call->request->answer.content_type = e->form == FORM_CSV ? "text/csv; charset=utf-8" : "application/x-ndjson";
        call->request->answer.source = (struct http_source){e, fill, export_free};
    } else {
        export_free(e);
    }
}
