/* segment: one request through the door, in this order: key, inflating, size, JSON, then item by item.
 *
 * The body is parsed once into a DOM, which every check reads, and walked once more as text, which gives the bytes each
 * item was sent as: what goes to the log is what the sender wrote, so that a mistake of ours in reading it can be
 * repaired later. Both walks go member by member and item by item in step; they agree because the text was validated by
 * the parse.
 *
 * An item is checked here only for what Segment itself refuses at its door (size, type, ids, names). What its
 * properties hold is for govern to judge: that is kept, counted and can be repaired, while what the door refuses is
 * only told to the sender. */
#include "collect/segment.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/time.h"
#include "collect/gunzip.h"
#include "collect/payload.h"
#include "collect/segment_auth.h"

#define MESSAGE_ID_CHARACTERS_MAX 100
#define GROUP_ID_CHARACTERS_MAX 500

struct segment_door {
    struct sources *sources;
    struct json_parser *parser;
    struct gunzip *gunzip;
    struct buffer inflated;
    struct buffer payloads; /* each from a multiple of 8 */
    struct buffer refusals; /* JSON objects with commas between them */
    struct buffer answer;
    struct slice *items;        /* raw text of a batch's items */
    struct log_record *records; /* while a batch is read, payload.data is an offset into payloads */
    size_t record_count;
    size_t refused_count;
    const char *code; /* of the failure of the whole request */
    struct fault fault;
};

struct segment_door *segment_door_create(struct sources *sources) {
    struct segment_door *door = memory_get(1, sizeof *door);
    door->sources = sources;
    door->parser = json_parser_create();
    door->gunzip = gunzip_create();
    door->items = memory_get(SEGMENT_BATCH_ITEMS_MAX, sizeof *door->items);
    door->records = memory_get(SEGMENT_BATCH_ITEMS_MAX, sizeof *door->records);
    return door;
}

void segment_door_free(struct segment_door *door) {
    if (!door)
        return;
    json_parser_free(door->parser);
    gunzip_free(door->gunzip);
    buffer_release(&door->inflated);
    buffer_release(&door->payloads);
    buffer_release(&door->refusals);
    buffer_release(&door->answer);
    free(door->items);
    free(door->records);
    free(door);
}

/* Fails the request as a whole. */
PRINTF_LIKE(4, 5)
static enum status fail(struct segment_door *door, enum status status, const char *code, const char *format, ...) {
    va_list arguments;
    assert(status != STATUS_OK);
    door->code = code;
    door->fault.status = status;
    va_start(arguments, format);
    vsnprintf(door->fault.text, sizeof door->fault.text, format, arguments);
    va_end(arguments);
    return status;
}

/* --- one item --- */

/* The members of an item that the door looks at, found in one walk; the last one wins where a key repeats. */
struct item {
    const struct json *type, *user_id, *anonymous_id, *message_id, *event, *group_id, *previous_id, *sent_at,
        *integrations, *relation, *to;
};

/* Why an item is refused; `code` NULL: it is not. */
struct refusal {
    const char *code;
    char message[256];
};

static const struct json **item_place(struct item *item, struct slice key) {
    switch (key.size) {
    case 2:
        return slice_is(key, "to") ? &item->to : NULL;
    case 4:
        return slice_is(key, "type") ? &item->type : NULL;
    case 5:
        return slice_is(key, "event") ? &item->event : NULL;
    case 6:
        return slice_is(key, "userId") ? &item->user_id : slice_is(key, "sentAt") ? &item->sent_at : NULL;
    case 7:
        return slice_is(key, "groupId") ? &item->group_id : NULL;
    case 8:
        return slice_is(key, "relation") ? &item->relation : NULL;
    case 9:
        return slice_is(key, "messageId") ? &item->message_id : NULL;
    case 10:
        return slice_is(key, "previousId") ? &item->previous_id : NULL;
    case 11:
        return slice_is(key, "anonymousId") ? &item->anonymous_id : NULL;
    case 12:
        return slice_is(key, "integrations") ? &item->integrations : NULL;
    default:
        return NULL;
    }
}

static struct item item_read(const struct json_parser *p, const struct json *object) {
    struct item item = {0};
    for (const struct json *m = json_first(p, object); m; m = json_next(p, m)) {
        const struct json **place = item_place(&item, m->key);
        if (place)
            *place = m;
    }
    return item;
}

/* Ids are text; whole numbers are let through, as many senders have them. */
static bool is_id(const struct json *value) {
    return value && (value->kind == JSON_INTEGER || (value->kind == JSON_TEXT && slice_trim(value->text).size));
}

static size_t character_count(struct slice text) {
    size_t count = 0;
    for (size_t i = 0; i < text.size; i++)
        count += (text.data[i] & 0xc0) != 0x80;
    return count;
}

PRINTF_LIKE(3, 4)
static bool refuse(struct refusal *refusal, const char *code, const char *format, ...) {
    va_list arguments;
    refusal->code = code;
    va_start(arguments, format);
    vsnprintf(refusal->message, sizeof refusal->message, format, arguments);
    va_end(arguments);
    return false;
}

/* The call that the item is, from its "type", which must agree with the path's (SEGMENT_BATCH: any will do). */
static enum segment_call check_type(const struct item *item, enum segment_call path, struct refusal *refusal) {
    if (!item->type && path != SEGMENT_BATCH)
        return path;
    if (!item->type || item->type->kind != JSON_TEXT) {
        refuse(refusal, "missing_type",
               "\"type\" must be one of identify, track, page, screen, group, alias, relation");
        return SEGMENT_NONE;
    }
    enum segment_call call = segment_call_of_type(item->type->text);
    if (call == SEGMENT_NONE)
        refuse(refusal, "unknown_type",
               "\"%.*s\" is no type; use identify, track, page, screen, group, alias or relation",
               (int)(item->type->text.size < 80 ? item->type->text.size : 80), item->type->text.data);
    else if (path != SEGMENT_BATCH && path != call)
        refuse(refusal, "type_mismatch", "\"type\" says %s, but the path says %s", segment_call_name(call),
               segment_call_name(path));
    return refusal->code ? SEGMENT_NONE : call;
}

/* Which relation, to whom. */
static bool check_relation(const struct item *item, struct refusal *refusal) {
    const struct json *to = item->to;
    if (!item->relation || item->relation->kind != JSON_TEXT || !slice_trim(item->relation->text).size)
        return refuse(refusal, "missing_relation", "a relation needs \"relation\", such as guardian_of");
    if (!to || (to->kind != JSON_OBJECT &&
                (to->kind != JSON_TEXT || !slice_trim(to->text).size || !memchr(to->text.data, ':', to->text.size))))
        return refuse(
            refusal, "missing_to",
            "a relation needs \"to\", its other end: \"user_id:u2\", or an object such as {\"phone\":\"138...\"}");
    return true;
}

static bool check_ids(const struct item *item, enum segment_call call, struct refusal *refusal) {
    if (call == SEGMENT_ALIAS) {
        if (!is_id(item->user_id))
            return refuse(refusal, "no_user_anon_id", "an alias needs \"userId\", the id to be known by from now on");
        if (!is_id(item->previous_id))
            return refuse(refusal, "missing_previous_id", "an alias needs \"previousId\", the id known so far");
        return true;
    }
    if (!is_id(item->user_id) && !is_id(item->anonymous_id))
        return refuse(refusal, "no_user_anon_id", "neither \"userId\" nor \"anonymousId\" is there; one must be");
    if (call == SEGMENT_GROUP && !is_id(item->group_id))
        return refuse(refusal, "missing_group_id", "a group call needs \"groupId\"");
    return call != SEGMENT_RELATION || check_relation(item, refusal);
}

static bool check_names(const struct item *item, enum segment_call call, struct refusal *refusal) {
    const struct json *message = item->message_id, *group = item->group_id;
    if (call == SEGMENT_TRACK &&
        (!item->event || item->event->kind != JSON_TEXT || !slice_trim(item->event->text).size))
        return refuse(refusal, "missing_event", "a track call needs \"event\", the event's name");
    if (message && message->kind != JSON_TEXT && message->kind != JSON_NULL)
        return refuse(refusal, "invalid_message_id", "\"messageId\" must be text");
    if (message && message->kind == JSON_TEXT && message->text.size > MESSAGE_ID_CHARACTERS_MAX &&
        character_count(message->text) > MESSAGE_ID_CHARACTERS_MAX)
        return refuse(refusal, "message_id_too_long", "\"messageId\" has %zu characters; at most %d are allowed",
                      character_count(message->text), MESSAGE_ID_CHARACTERS_MAX);
    if (call == SEGMENT_GROUP && group->kind == JSON_TEXT && group->text.size > GROUP_ID_CHARACTERS_MAX &&
        character_count(group->text) > GROUP_ID_CHARACTERS_MAX)
        return refuse(refusal, "group_id_too_long", "\"groupId\" has %zu characters; at most %d are allowed",
                      character_count(group->text), GROUP_ID_CHARACTERS_MAX);
    return true;
}

/* What the item is, or SEGMENT_NONE with the refusal filled. */
static enum segment_call check_item(const struct item *item, const struct json *node, size_t item_bytes,
                                    enum segment_call path, struct refusal *refusal) {
    refusal->code = NULL;
    if (node->kind != JSON_OBJECT) {
        refuse(refusal, "not_an_object", "an item must be a JSON object");
        return SEGMENT_NONE;
    }
    if (item_bytes > SEGMENT_ITEM_BYTES_MAX) {
        refuse(refusal, "too_large", "%zu bytes; at most %u are allowed", item_bytes, SEGMENT_ITEM_BYTES_MAX);
        return SEGMENT_NONE;
    }
    enum segment_call call = check_type(item, path, refusal);
    if (call == SEGMENT_NONE || !check_ids(item, call, refusal) || !check_names(item, call, refusal))
        return SEGMENT_NONE;
    return call;
}

static void note_refusal(struct segment_door *door, size_t index, const struct refusal *refusal) {
    struct json_writer w = {.out = &door->refusals, .comma = door->refused_count > 0};
    json_object(&w);
    json_member_integer(&w, "index", (int64_t)index);
    json_member_cstring(&w, "code", refusal->code);
    json_member_cstring(&w, "message", refusal->message);
    json_end_object(&w);
    door->refused_count++;
}

/* --- from items to records --- */

/* What all items of a request share. */
struct envelope {
    const struct segment_request *request;
    enum segment_call path;
    uint16_t source;
    int64_t sent_at_ms;
    struct slice context;      /* the batch's own, raw; empty: none */
    struct slice integrations; /* likewise */
};

/* An instant as ISO text, or in seconds or milliseconds; TIME_NONE where there is none that can be read. */
static int64_t read_instant(const struct json *value) {
    int64_t time_ms;
    bool zoned;
    if (value && value->kind == JSON_TEXT && time_parse_iso(slice_trim(value->text), &time_ms, &zoned) == STATUS_OK)
        return time_ms;
    if (!value || value->kind != JSON_INTEGER || value->integer < 1000000000 || value->integer > 9999999999999)
        return TIME_NONE;
    return value->integer <= 9999999999 ? value->integer * 1000 : value->integer;
}

/* Adds what the item lacks, right after its opening brace; the rest stays as it was sent. */
static void add_item(struct buffer *into, const struct item *item, struct slice raw, enum segment_call call,
                     const struct envelope *envelope) {
    assert(raw.size >= 2 && raw.data[0] == '{');
    buffer_add_char(into, '{');
    if (!item->type)
        buffer_print(into, "\"type\":\"%s\",", segment_call_name(call));
    if (!item->integrations && envelope->integrations.size) {
        buffer_add_slice(into, SLICE("\"integrations\":"));
        buffer_add_slice(into, envelope->integrations);
        buffer_add_char(into, ',');
    }
    buffer_add(into, raw.data + 1, raw.size - 1);
}

static void add_record(struct segment_door *door, const struct item *item, struct slice raw, enum segment_call call,
                       const struct envelope *envelope) {
    struct buffer *into = &door->payloads;
    struct payload_segment head = {.sent_at_ms = envelope->sent_at_ms,
                                   .context_bytes = (uint32_t)envelope->context.size};
    assert(door->record_count < SEGMENT_BATCH_ITEMS_MAX);
    buffer_add(into, "\0\0\0\0\0\0\0", (0 - into->size) & 7);
    size_t start = into->size;
    if (head.sent_at_ms == TIME_NONE)
        head.sent_at_ms = read_instant(item->sent_at);
    buffer_reserve(into, sizeof head + envelope->context.size + raw.size + envelope->integrations.size + 64);
    into->size += sizeof head;
    buffer_add_slice(into, envelope->context);
    add_item(into, item, raw, call, envelope);
    head.item_bytes = (uint32_t)(into->size - start - sizeof head - envelope->context.size);
    memcpy(into->data + start, &head, sizeof head);
    door->records[door->record_count++] = (struct log_record){
        .received_ms = envelope->request->received_ms,
        .kind = LOG_SEGMENT_ITEM,
        .source = envelope->source,
        .payload = {(const char *)(uintptr_t)start, into->size - start}, /* made a pointer by settle_records */
    };
}

/* The payloads have stopped moving: offsets become pointers. */
static void settle_records(struct segment_door *door) {
    for (size_t i = 0; i < door->record_count; i++) {
        struct slice *payload = &door->records[i].payload;
        payload->data = door->payloads.data + (uintptr_t)payload->data;
    }
}

static enum status accept_single(struct segment_door *door, struct envelope *envelope, const struct json *root,
                                 struct slice body) {
    struct refusal refusal;
    struct item item = item_read(door->parser, root);
    enum segment_call call = check_item(&item, root, body.size, envelope->path, &refusal);
    if (call == SEGMENT_NONE)
        return fail(door, STATUS_INVALID, refusal.code, "%s", refusal.message);
    add_record(door, &item, body, call, envelope);
    return STATUS_OK;
}

/* Walks the body's text in step with the parsed one: cuts the items out of `batch` and finds the outer members. */
static void cut_batch(struct segment_door *door, const struct json *root, const struct json *batch, struct slice body,
                      struct envelope *envelope) {
    size_t at = 1; /* past the brace */
    for (const struct json *m = json_first(door->parser, root); m; m = json_next(door->parser, m)) {
        at = json_raw_skip(body, at); /* the key */
        while (at < body.size && body.data[at] != ':')
            at++;
        at++;
        while (at < body.size && (unsigned char)body.data[at] <= ' ')
            at++;
        size_t start = at, within = 0;
        if (m == batch) {
            struct slice rest = slice_of(body.data + at, body.size - at);
            size_t count = 0;
            while (count < batch->count && json_raw_item(rest, &within, &door->items[count]))
                count++;
            assert(count == batch->count);
            at += within ? within : 1;
            while (at < body.size && body.data[at] != ']')
                at++;
            at++;
        } else {
            at = json_raw_skip(body, at);
        }
        struct slice raw = slice_of(body.data + start, at - start);
        if (slice_is(m->key, "context"))
            envelope->context = m->kind == JSON_OBJECT && m->count ? raw : SLICE_NONE;
        else if (slice_is(m->key, "integrations"))
            envelope->integrations = m->kind == JSON_OBJECT && m->count ? raw : SLICE_NONE;
        while (at < body.size && body.data[at] != ',' && body.data[at] != '}')
            at++;
        at++;
    }
}

/* Every record must be readable alone, so each carries the outer members; that has a limit. */
static enum status check_outer(struct segment_door *door, const struct envelope *envelope, size_t item_count) {
    size_t outer = envelope->context.size + envelope->integrations.size;
    if (outer > SEGMENT_ITEM_BYTES_MAX)
        return fail(door, STATUS_TOO_LARGE, "too_large",
                    "the batch's \"context\" and \"integrations\" are %zu bytes; at most %u are allowed", outer,
                    SEGMENT_ITEM_BYTES_MAX);
    if (outer * item_count > SEGMENT_SPREAD_BYTES_MAX)
        return fail(door, STATUS_TOO_LARGE, "too_large",
                    "the batch's \"context\" and \"integrations\" (%zu bytes) for %zu items make more than %u bytes; "
                    "send smaller batches",
                    outer, item_count, SEGMENT_SPREAD_BYTES_MAX);
    return STATUS_OK;
}

static enum status accept_batch(struct segment_door *door, struct envelope *envelope, const struct json *root,
                                struct slice body) {
    const struct json *batch = json_get(door->parser, root, "batch");
    if (!batch || batch->kind != JSON_ARRAY)
        return fail(door, STATUS_INVALID, "missing_batch", "the body needs \"batch\", a list of calls");
    if (batch->count > SEGMENT_BATCH_ITEMS_MAX)
        return fail(door, STATUS_TOO_LARGE, "too_many_items", "the batch has %u items; at most %u are allowed",
                    batch->count, SEGMENT_BATCH_ITEMS_MAX);
    cut_batch(door, root, batch, body, envelope);
    enum status status = check_outer(door, envelope, batch->count);
    if (status)
        return status;
    envelope->sent_at_ms = read_instant(json_get(door->parser, root, "sentAt"));
    size_t index = 0;
    for (const struct json *node = json_first(door->parser, batch); node; node = json_next(door->parser, node)) {
        struct refusal refusal;
        struct slice raw = door->items[index];
        struct item item = item_read(door->parser, node);
        enum segment_call call = check_item(&item, node, raw.size, SEGMENT_BATCH, &refusal);
        if (call == SEGMENT_NONE)
            note_refusal(door, index, &refusal);
        else
            add_record(door, &item, raw, call, envelope);
        index++;
    }
    assert(index == batch->count && door->record_count + door->refused_count == index);
    return STATUS_OK;
}

/* --- the request --- */

/* The body as it was before compression; gzip is known by its first bytes even where the header is missing. */
static enum status open_body(struct segment_door *door, const struct segment_request *request, struct slice *body) {
    struct slice encoding = slice_trim(request->encoding);
    bool deflate = encoding.size == 7 && strncasecmp(encoding.data, "deflate", 7) == 0;
    bool plain = !encoding.size || (encoding.size == 8 && strncasecmp(encoding.data, "identity", 8) == 0);
    bool gzip = (encoding.size == 4 && strncasecmp(encoding.data, "gzip", 4) == 0) ||
                (encoding.size == 6 && strncasecmp(encoding.data, "x-gzip", 6) == 0);
    *body = request->body;
    if (!plain && !deflate && !gzip)
        return fail(door, STATUS_UNSUPPORTED, "unsupported_encoding",
                    "Content-Encoding \"%.*s\" is not read here; send gzip, deflate or none",
                    (int)(encoding.size < 40 ? encoding.size : 40), encoding.data);
    if (!gunzip_is(*body) && !deflate)
        return STATUS_OK; /* plain, or gzip by the header alone: some proxies unpack and leave the header */
    buffer_clear(&door->inflated);
    enum status status = gunzip_whole(door->gunzip, *body, SEGMENT_BATCH_BYTES_MAX, &door->inflated, &door->fault);
    *body = buffer_slice(&door->inflated);
    door->code = status == STATUS_TOO_LARGE ? "too_large" : "invalid_compression";
    return status;
}

/* Without blanks around it and without a byte order mark. */
static struct slice without_mark(struct slice body) {
    body = slice_trim(body);
    return slice_starts(body, SLICE("\xef\xbb\xbf")) ? slice_trim(slice_of(body.data + 3, body.size - 3)) : body;
}

static enum status check_size(struct segment_door *door, enum segment_call path, size_t size) {
    size_t limit = path == SEGMENT_BATCH ? SEGMENT_BATCH_BYTES_MAX : SEGMENT_ITEM_BYTES_MAX;
    if (size > limit)
        return fail(door, STATUS_TOO_LARGE, "too_large", "the body has %zu bytes; a %s may have at most %zu", size,
                    path == SEGMENT_BATCH ? "batch" : "single call", limit);
    if (!size)
        return fail(door, STATUS_INVALID, "empty_body", "the body is empty; it must be a JSON object");
    return STATUS_OK;
}

static enum status find_source(struct segment_door *door, struct slice key, struct source *source) {
    if (!key.size)
        return fail(door, STATUS_UNAUTHORIZED, "missing_write_key",
                    "no write key: send it as the user of Basic auth, or as \"writeKey\" in the body");
    enum status status = sources_by_key(door->sources, key, source, &door->fault);
    door->code = status == STATUS_FORBIDDEN ? "source_disabled" : "invalid_write_key";
    return status;
}

static enum status accept(struct segment_door *door, const struct segment_request *request) {
    char basic[SEGMENT_KEY_BYTES_MAX];
    struct envelope envelope = {
        .request = request, .path = segment_call_of_path(request->path), .sent_at_ms = TIME_NONE};
    struct source source = {0};
    struct slice key = segment_basic_user(request->authorization, basic), body;
    const struct json *root;
    enum status status = STATUS_OK;
    if (envelope.path == SEGMENT_NONE)
        return fail(door, STATUS_NOT_FOUND, "unknown_path", "there is no such call");
    if (!key.size)
        key = request->write_key;
    if (key.size)
        status = find_source(door, key, &source);
    if (!status)
        status = open_body(door, request, &body);
    if (!status)
        status = check_size(door, envelope.path, (body = without_mark(body)).size);
    if (status)
        return status;
    status = json_parse(door->parser, body, true, &root, &door->fault);
    door->code = "invalid_json";
    if (!status && (root->kind != JSON_OBJECT || body.data[0] != '{'))
        status = fail(door, STATUS_INVALID, "not_an_object", "the body must be a JSON object");
    if (!status && !key.size)
        status = find_source(door, json_get_text(door->parser, root, "writeKey"), &source);
    if (status)
        return status;
    envelope.source = source.number;
    return envelope.path == SEGMENT_BATCH ? accept_batch(door, &envelope, root, body)
                                          : accept_single(door, &envelope, root, body);
}

static void write_answer(struct segment_door *door, enum status status) {
    struct json_writer w = {.out = &door->answer};
    json_object(&w);
    json_member_bool(&w, "success", status == STATUS_OK);
    if (status) {
        json_member_cstring(&w, "code", door->code);
        json_member_cstring(&w, "message", door->fault.text);
    } else {
        json_member_integer(&w, "accepted", (int64_t)door->record_count);
        json_key(&w, "rejected");
        json_array(&w);
        if (door->refused_count)
            json_raw(&w, buffer_slice(&door->refusals));
        json_end_array(&w);
    }
    json_end_object(&w);
}

void segment_accept(struct segment_door *door, const struct segment_request *request, struct segment_answer *answer) {
    buffer_clear(&door->payloads);
    buffer_clear(&door->refusals);
    buffer_clear(&door->answer);
    door->record_count = 0;
    door->refused_count = 0;
    enum status status = accept(door, request);
    assert(status == STATUS_OK || door->record_count == 0);
    settle_records(door);
    write_answer(door, status);
    *answer = (struct segment_answer){.status = status,
                                      .records = door->records,
                                      .record_count = door->record_count,
                                      .rejected_count = door->refused_count,
                                      .body = buffer_slice(&door->answer)};
}

/* --- the browser's settings --- */

static void write_segment_integration(struct json_writer *w, struct slice write_key, struct slice scheme,
                                      const char *api_host) {
    json_object(w);
    json_member_text(w, "apiKey", write_key);
    json_member_cstring(w, "apiHost", api_host);
    json_member_text(w, "protocol", scheme);
    json_member_cstring(w, "type", "browser");
    json_member_cstring(w, "bundlingStatus", "bundled");
    json_member_bool(w, "addBundledMetadata", true);
    json_member_bool(w, "retryQueue", true);
    json_key(w, "unbundledIntegrations");
    json_raw(w, SLICE("[]"));
    json_key(w, "maybeBundledConfigIds");
    json_raw(w, SLICE("{}"));
    json_key(w, "versionSettings");
    json_raw(w, SLICE("{\"componentTypes\":[\"browser\"]}"));
    json_end_object(w);
}

enum status segment_settings(struct segment_door *door, struct slice write_key, struct slice scheme, struct slice host,
                             struct buffer *into, struct fault *fault) {
    struct source source;
    char api_host[300];
    enum status status = sources_by_key(door->sources, write_key, &source, fault);
    if (status)
        return status;
    if (!host.size || host.size > 255)
        return fault_set(fault, STATUS_INVALID, "the request needs a Host header of at most 255 bytes");
    snprintf(api_host, sizeof api_host, "%.*s/v1", SLICE_ARG(host));
    struct json_writer w = {.out = into};
    json_object(&w);
    json_key(&w, "integrations");
    json_object(&w);
    json_key(&w, "Segment.io");
    write_segment_integration(&w, write_key, slice_is(scheme, "https") ? SLICE("https") : SLICE("http"), api_host);
    json_end_object(&w);
    json_key(&w, "plan");
    json_raw(&w,
             SLICE("{\"track\":{\"__default\":{\"enabled\":true,\"integrations\":{}}},"
                   "\"identify\":{\"__default\":{\"enabled\":true}},\"group\":{\"__default\":{\"enabled\":true}}}"));
    json_key(&w, "middlewareSettings");
    json_raw(&w, SLICE("{\"routingRules\":[]}"));
    json_key(&w, "enabledMiddleware");
    json_raw(&w, SLICE("{}"));
    json_key(&w, "metrics"); /* none, or browsers would tell Segment how they fare */
    json_raw(&w, SLICE("{\"sampleRate\":0}"));
    json_member_bool(&w, "legacyVideoPluginsEnabled", false);
    json_key(&w, "remotePlugins");
    json_raw(&w, SLICE("[]"));
    json_end_object(&w);
    return STATUS_OK;
}
