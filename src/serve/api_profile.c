/* api_profile: one customer read by oneid or identifier, whole or in parts; and the journal of merges.
 *
 * Everything is read under one history hold, so the rows of one answer are of one moment; `position` says of which. The
 * whole profile is made on the server thread: finding rows is O(rows log rows), decoding only what is shown. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "serve/api_person.h"
#include "serve/expression.h"
#include "serve/relation.h"

#define ROWS_DEFAULT 20
#define ROWS_MAX 200
#define PROFILE_IDENTIFIERS_MAX 1000
#define LOOKUP_IDS_MAX 500

void api_profile(struct call *call);
void api_profile_lookup(struct call *call);
void api_profile_attributes(struct call *call);
void api_profile_identifiers(struct call *call);
void api_profile_timeline(struct call *call);
void api_profile_documents(struct call *call);
void api_profile_journal(struct call *call);
void api_profile_edges(struct call *call);
void api_journal(struct call *call);

/* --- identifiers --- */

struct identifiers_context {
    struct show *show;
    bool documents;
    size_t left;
};

static bool is_document_key(const struct serve_parts *parts, struct identifier_id identifier) {
    const struct namespace *n =
        dictionary_namespace_at(parts->dictionary, identity_namespace(parts->identity, identifier));
    return n && n->kind == NAMESPACE_DOCUMENT;
}

static void identifier_each(void *context, struct identifier_id identifier) {
    struct identifiers_context *c = context;
    if (c->left == 0 || (!c->documents && is_document_key(c->show->parts, identifier)))
        return;
    c->left--;
    show_identifier(c->show, identifier);
}

static void show_identifiers(struct show *show, struct customer_id customer, bool documents, size_t limit) {
    struct identifiers_context context = {show, documents, limit};
    json_key(show->json, "identifiers");
    json_array(show->json);
    /* Documents' keys are among what identity lists; enough of them are walked past to find the person's own. */
    identity_identifiers(show->parts->identity, customer, documents ? limit : limit + 10000, identifier_each, &context);
    json_end_array(show->json);
}

/* --- rows --- */

struct documents_context {
    struct show *show;
    size_t left, count;
};

static void document_each(void *context, const struct record_head *document, int64_t updated_ms,
                          uint32_t update_count) {
    struct documents_context *c = context;
    c->count++;
    if (c->left == 0)
        return;
    c->left--;
    show_document(c->show, document, updated_ms, update_count);
}

/* Writes "documents": [...] and returns how many there are in all. */
static size_t show_documents(struct show *show, struct call *call, const struct history_rows *rows, int type,
                             size_t limit) {
    struct documents_context context = {show, limit, 0};
    json_key(show->json, "documents");
    json_array(show->json);
    history_documents_in(call->parts->history, rows, type, &call->bench->arena, document_each, &context);
    json_end_array(show->json);
    return context.count;
}

/* Those that hold, the latest first; GET .../relations has all. */
static void show_relations(struct show *show, struct call *call, struct customer_id customer,
                           const struct history_rows *rows, size_t limit) {
    struct relations_wish wish = {.current = true};
    struct relations found;
    relations_find(call, customer, rows, &wish, &found);
    json_key(show->json, "relations");
    json_array(show->json);
    for (size_t i = 0; i < found.count && i < limit; i++)
        relation_show(show, call, &found, &found.all[i]);
    json_end_array(show->json);
    json_member_integer(show->json, "relation_count", (int64_t)found.count);
}

static void count_merge(void *context, const struct journal_entry *entry) {
    if (entry->kind == JOURNAL_MERGE)
        ++*(int64_t *)context;
}

static void show_summary(struct show *show, struct customer_id customer, const struct history_rows *rows,
                         size_t documents) {
    struct json_writer *w = show->json;
    size_t events = 0;
    int64_t merges = 0;
    for (size_t i = 0; i < rows->count; i++)
        events += dictionary_type_at(show->parts->dictionary, history_row_type(rows, i))->kind == TYPE_EVENT;
    json_key(w, "counts");
    json_object(w);
    json_member_integer(w, "rows", (int64_t)rows->count);
    json_member_integer(w, "events", (int64_t)events);
    json_member_integer(w, "documents", (int64_t)documents);
    json_end_object(w);
    if (rows->count) {
        json_member_time(w, "first_seen", history_row_time(rows, rows->count - 1));
        json_member_time(w, "last_seen", history_row_time(rows, 0));
    }
    identity_journal(show->parts->identity, customer, 1000, count_merge, &merges);
    json_member_integer(w, "merges", merges);
    json_member_integer(w, "position", (int64_t)rows->position);
}

/* All of one customer; `rows_limit` < 0: without timeline and documents. Within one history hold. The object stays open. */
static void show_profile(struct show *show, struct call *call, struct person *person, bool detail, int64_t rows_limit) {
    struct history *history = call->parts->history;
    struct arena *arena = &call->bench->arena;
    struct history_rows rows;
    size_t documents = 0;
    person_rows(call, person, -1, &rows);
    history_fetch(&rows, 0, rows_limit > 0 ? (size_t)rows_limit : 1);
    person_open(show, person);
    json_key(show->json, "attributes");
    show_attributes(show, history, &rows, arena, detail);
    show_identifiers(show, person->customer, false, PROFILE_IDENTIFIERS_MAX);
    if (call->parts->audience) {
        struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
        person_write_segments(call, snapshot, person->customer);
        audience_snapshot_release(snapshot);
    }
    if (rows_limit >= 0) {
        documents = show_documents(show, call, &rows, -1, (size_t)rows_limit);
        show_relations(show, call, person->customer, &rows, (size_t)rows_limit);
        json_key(show->json, "timeline");
        relation_show_rows(show, call, &rows, 0, (size_t)rows_limit);
        show_summary(show, person->customer, &rows, documents);
    } else {
        json_member_integer(show->json, "position", (int64_t)rows.position);
    }
}

static void add_tags(struct call *call, struct customer_id customer) {
    struct audience_snapshot *snapshot = audience_snapshot(call->parts->audience);
    person_write_values(call, snapshot, DEFINITION_TAG, customer);
    audience_snapshot_release(snapshot);
}

void api_profile(struct call *call) {
    struct person person;
    int64_t limit;
    if (!call_integer(call, "rows", 0, ROWS_MAX, ROWS_DEFAULT, &limit) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct history_hold hold = history_enter(call->parts->history);
    show_profile(&show, call, &person, call_flag(call, "detail"), limit);
    history_leave(call->parts->history, hold);
    if (call_flag(call, "tags") && call->parts->audience)
        add_tags(call, person.customer);
    json_end_object(&call->json);
}

void api_profile_attributes(struct call *call) {
    struct person person;
    if (!person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct history_rows rows;
    struct history_hold hold = history_enter(call->parts->history);
    person_rows(call, &person, 0, &rows);
    person_open(&show, &person);
    json_key(&call->json, "attributes");
    show_attributes(&show, call->parts->history, &rows, &call->bench->arena, true);
    json_end_object(&call->json);
    history_leave(call->parts->history, hold);
}

void api_profile_identifiers(struct call *call) {
    struct person person;
    int64_t limit;
    if (!call_integer(call, "limit", 1, 10000, 1000, &limit) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    person_open(&show, &person);
    show_identifiers(&show, person.customer, call_flag(call, "documents"), (size_t)limit);
    json_end_object(&call->json);
}

/* --- the timeline, page by page --- */

/* A page's end: "<time_ms>.<position>.<type>" of its last row: rows of one call share time and position. */
struct cursor {
    int64_t time_ms;
    uint64_t position;
    unsigned type;
};

static bool read_cursor(struct call *call, struct cursor *cursor) {
    struct slice text = call_text(call, "before");
    char copy[64], end;
    long long time_ms;
    unsigned long long position;
    unsigned type;
    *cursor = (struct cursor){INT64_MAX, UINT64_MAX, 0};
    if (text.size == 0)
        return true;
    if (text.size < sizeof copy) {
        memcpy(copy, text.data, text.size);
        copy[text.size] = 0;
        if (sscanf(copy, "%lld.%llu.%u%c", &time_ms, &position, &type, &end) == 3) {
            *cursor = (struct cursor){time_ms, position, type};
            return true;
        }
    }
    call_fail_text(call, STATUS_INVALID, "parameter before is \"%.*s\"; it must be what a page gave as \"next\"",
                   (int)(text.size < 60 ? text.size : 60), text.data);
    return false;
}

/* True when row `i` stood on the cursor's page or before, in the order of history_rows. */
static bool row_was_shown(const struct history_rows *rows, size_t i, struct cursor cursor) {
    uint64_t position = history_row_position(rows, i);
    if (history_row_time(rows, i) != cursor.time_ms)
        return history_row_time(rows, i) > cursor.time_ms;
    return position > cursor.position || (position == cursor.position && history_row_type(rows, i) <= cursor.type);
}

/* The first row behind the cursor. */
static size_t rows_after(const struct history_rows *rows, struct cursor cursor) {
    size_t low = 0, high = rows->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (row_was_shown(rows, middle, cursor))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The type number called `name`, a document's before an event's before attributes before a relation's; -1 for an empty name; false after failing. */
static bool find_type(struct call *call, bool documents_only, int *number) {
    static const enum type_kind kinds[] = {TYPE_DOCUMENT, TYPE_EVENT, TYPE_ATTRIBUTES, TYPE_RELATION};
    struct slice name = call_text(call, "type");
    *number = -1;
    if (name.size == 0)
        return true;
    for (size_t i = 0; i < (documents_only ? 1 : sizeof kinds / sizeof *kinds); i++) {
        const struct type *type = dictionary_type_find(call->parts->dictionary, kinds[i], name);
        if (type) {
            *number = type->number;
            return true;
        }
    }
    call_fail_text(call, STATUS_NOT_FOUND, "no %s type is called \"%.*s\"; GET /v1/dictionary lists them",
                   documents_only ? "document" : "event, document or relation", (int)(name.size < 80 ? name.size : 80),
                   name.data);
    return false;
}

static void show_timeline(struct show *show, struct call *call, const struct history_rows *rows, size_t from,
                          size_t limit) {
    struct json_writer *w = show->json;
    char next[64];
    json_key(w, "timeline");
    size_t end = relation_show_rows(show, call, rows, from, limit);
    json_key(w, "next");
    if (end < rows->count && end > from) {
        snprintf(next, sizeof next, "%lld.%llu.%u", (long long)history_row_time(rows, end - 1),
                 (unsigned long long)history_row_position(rows, end - 1), history_row_type(rows, end - 1));
        json_cstring(w, next);
    } else {
        json_null(w);
    }
    json_member_integer(w, "rows", (int64_t)rows->count);
    json_member_integer(w, "position", (int64_t)rows->position);
}

void api_profile_timeline(struct call *call) {
    struct person person;
    struct cursor cursor;
    struct history_rows rows;
    int64_t limit;
    int type;
    if (!call_integer(call, "limit", 1, 500, 50, &limit) || !read_cursor(call, &cursor) ||
        !find_type(call, false, &type) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct history_hold hold = history_enter(call->parts->history);
    person_rows(call, &person, type, &rows);
    person_open(&show, &person);
    show_timeline(&show, call, &rows, rows_after(&rows, cursor), (size_t)limit);
    json_end_object(&call->json);
    history_leave(call->parts->history, hold);
}

void api_profile_documents(struct call *call) {
    struct person person;
    int64_t limit;
    int type;
    if (!call_integer(call, "limit", 1, 500, 50, &limit) || !find_type(call, true, &type) ||
        !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct history_rows rows;
    struct history_hold hold = history_enter(call->parts->history);
    person_rows(call, &person, type, &rows);
    person_open(&show, &person);
    size_t count = show_documents(&show, call, &rows, type, (size_t)limit);
    json_member_integer(&call->json, "count", (int64_t)count);
    json_end_object(&call->json);
    history_leave(call->parts->history, hold);
}

/* --- many at once --- */

static void lookup_one(struct show *show, struct call *call, const struct json *id, bool detail) {
    struct fault fault = {0};
    struct person person;
    json_object(show->json);
    json_member_text(show->json, "id", id->kind == JSON_TEXT ? id->text : SLICE_NONE);
    enum status status = id->kind == JSON_TEXT
                             ? person_find(call, id->text, &person, &fault)
                             : fault_set(&fault, STATUS_INVALID, "an id must be text: a oneid or namespace:value");
    if (status == STATUS_OK) {
        json_key(show->json, "profile");
        struct history_hold hold = history_enter(call->parts->history);
        show_profile(show, call, &person, detail, -1);
        json_end_object(show->json);
        history_leave(call->parts->history, hold);
    } else {
        json_key(show->json, "error");
        json_object(show->json);
        json_member_cstring(show->json, "code", status_name(status));
        json_member_cstring(show->json, "message", fault.text[0] ? fault.text : status_text(status));
        json_end_object(show->json);
    }
    json_end_object(show->json);
}

void api_profile_lookup(struct call *call) {
    const struct json *body = call_body(call);
    if (body == NULL)
        return;
    const struct json *ids = json_get(call->bench->parser, body, "ids");
    if (ids == NULL || ids->kind != JSON_ARRAY || ids->count > LOOKUP_IDS_MAX) {
        call_fail_text(call, STATUS_INVALID, "\"ids\" must be a list of at most %d oneids or namespace:value",
                       LOOKUP_IDS_MAX);
        return;
    }
    struct show show = person_show(call);
    json_object(&call->json);
    json_key(&call->json, "profiles");
    json_array(&call->json);
    for (const struct json *id = json_first(call->bench->parser, ids); id; id = json_next(call->bench->parser, id))
        lookup_one(&show, call, id, call_flag(call, "detail"));
    json_end_array(&call->json);
    json_end_object(&call->json);
}

/* --- journal and edges --- */

static void journal_each(void *context, const struct journal_entry *entry) { show_journal_entry(context, entry); }

void api_profile_journal(struct call *call) {
    struct person person;
    int64_t limit;
    if (!call_integer(call, "limit", 1, 1000, 100, &limit) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    person_open(&show, &person);
    json_key(&call->json, "entries");
    json_array(&call->json);
    identity_journal(call->parts->identity, person.customer, (size_t)limit, journal_each, &show);
    json_end_array(&call->json);
    json_end_object(&call->json);
}

static void journal_nothing(void *context, const struct journal_entry *entry) {
    (void)context;
    (void)entry;
}

void api_journal(struct call *call) {
    int64_t from, limit;
    if (!call_integer(call, "from", -1000000000, INT64_MAX, -100, &from) ||
        !call_integer(call, "limit", 1, 1000, 100, &limit))
        return;
    struct show show = person_show(call);
    if (from < 0) {
        int64_t all = (int64_t)identity_journal_page(call->parts->identity, 0, 0, journal_nothing, NULL);
        from = all + from > 0 ? all + from : 0;
    }
    json_object(&call->json);
    json_member_integer(&call->json, "from", from);
    json_key(&call->json, "entries");
    json_array(&call->json);
    uint64_t total = identity_journal_page(call->parts->identity, (uint64_t)from, (size_t)limit, journal_each, &show);
    json_end_array(&call->json);
    uint64_t next = (uint64_t)from + (uint64_t)limit;
    json_key(&call->json, "next");
    if (next < total)
        json_integer(&call->json, (int64_t)next);
    else
        json_null(&call->json);
    json_member_integer(&call->json, "total", (int64_t)total);
    json_end_object(&call->json);
}

struct edges_context {
    struct show *show;
    size_t limit;
    struct identifier_id of; /* the identifier whose edges are listed */
};

static void edge_each(void *context, const struct edge *edge) {
    struct edges_context *c = context;
    /* Each edge is met from both of its ends; it is shown from the older one. */
    if (c->of.number != (edge->a.number < edge->b.number ? edge->a.number : edge->b.number))
        return;
    json_object(c->show->json);
    json_key(c->show->json, "a");
    show_identifier(c->show, edge->a);
    json_key(c->show->json, "b");
    show_identifier(c->show, edge->b);
    json_member_integer(c->show->json, "position", (int64_t)edge->position);
    json_end_object(c->show->json);
}

static void edges_of(void *context, struct identifier_id identifier) {
    struct edges_context *c = context;
    c->of = identifier;
    identity_edges(c->show->parts->identity, identifier, c->limit, edge_each, c);
}

void api_profile_edges(struct call *call) {
    struct person person;
    int64_t limit;
    if (!call_integer(call, "limit", 1, 1000, 100, &limit) || !person_of_call(call, &person))
        return;
    struct show show = person_show(call);
    struct edges_context context = {.show = &show, .limit = (size_t)limit};
    person_open(&show, &person);
    json_key(&call->json, "edges");
    json_array(&call->json);
    identity_identifiers(call->parts->identity, person.customer, 1000, edges_of, &context);
    json_end_array(&call->json);
    json_end_object(&call->json);
}
