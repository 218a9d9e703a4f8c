/* api_subscribe: entries, exits and events to whoever wants to know: a stream of server-sent events (stream.h), and subscriptions with a URL
 * (deliver/webhook.h), which this gives their targets and their words. */
#include "serve/api_subscribe.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "serve/define.h"
#include "serve/expression.h"
#include "serve/serve_inside.h"

void api_stream(struct call *call);
void api_subscriptions(struct call *call);
void api_subscription_define(struct call *call);
void api_subscription_delete(struct call *call);

#define LIST_MAX 1000

/* --- GET /v1/stream --- */

/* What a stream asks for; its arrays. */
struct wanted {
    struct entry_filter filter;
    uint32_t segments[LIST_MAX];
    uint16_t types[LIST_MAX];
};

static bool full(struct call *call, size_t count) {
    if (count < LIST_MAX)
        return false;
    call_fail_text(call, STATUS_TOO_LARGE, "a stream takes at most %d names of a kind; \"all\" takes any number",
                   LIST_MAX);
    return true;
}

static struct slice take_name(struct slice *list) {
    const char *comma = list->size ? memchr(list->data, ',', list->size) : NULL;
    size_t size = comma ? (size_t)(comma - list->data) : list->size;
    struct slice name = slice_trim(slice_of(list->data, size));
    *list = comma ? slice_of(comma + 1, list->size - size - 1) : SLICE_NONE;
    return name;
}

static bool take_segments(struct call *call, const struct audience_snapshot *snapshot, struct slice list,
                          struct wanted *wanted) {
    struct audience_entry entry;
    if (slice_is(list, "all")) {
        wanted->filter.all_segments = wanted->filter.merges = true;
        return true;
    }
    while (list.size) {
        struct slice name = take_name(&list);
        if (full(call, wanted->filter.segment_count))
            return false;
        if (!audience_find(snapshot, DEFINITION_SEGMENT, name, &entry)) {
            call_fail_text(call, STATUS_NOT_FOUND, "no segment is called \"%.*s\"; GET /v1/segments lists them",
                           (int)(name.size < 200 ? name.size : 200), name.data);
            return false;
        }
        wanted->segments[wanted->filter.segment_count++] = entry.number;
    }
    return true;
}

/* Whether some subscription has the fold tell of events of this type (of all: UINT16_MAX). */
static bool is_told(const struct audience_snapshot *snapshot, uint16_t type) {
    struct audience_subscription s;
    for (size_t i = 0; i < audience_subscription_count(snapshot); i++) {
        audience_subscription_at(snapshot, i, &s);
        if (s.all_events)
            return true;
        for (size_t k = 0; k < s.type_count; k++) {
            if (s.types[k] == type)
                return true;
        }
    }
    return false;
}

static bool fail_untold(struct call *call, struct slice name) {
    call_fail_text(call, STATUS_CONFLICT,
                   "events \"%.*s\" are told only where a subscription names them; make one first: POST "
                   "/v1/subscriptions {\"name\":\"...\",\"events\":[\"%.*s\"]}",
                   (int)(name.size < 100 ? name.size : 100), name.data, (int)(name.size < 100 ? name.size : 100),
                   name.data);
    return false;
}

static bool take_events(struct call *call, const struct audience_snapshot *snapshot, struct slice list,
                        struct wanted *wanted) {
    if (slice_is(list, "all")) {
        wanted->filter.all_events = true;
        return is_told(snapshot, UINT16_MAX) || fail_untold(call, list);
    }
    while (list.size) {
        struct slice name = take_name(&list);
        const struct type *type = dictionary_type_find(call->parts->dictionary, TYPE_EVENT, name);
        if (full(call, wanted->filter.type_count))
            return false;
        if (type == NULL) {
            call_fail_text(call, STATUS_NOT_FOUND, "no event is called \"%.*s\"; GET /v1/dictionary lists them",
                           (int)(name.size < 200 ? name.size : 200), name.data);
            return false;
        }
        if (!is_told(snapshot, type->number))
            return fail_untold(call, name);
        wanted->types[wanted->filter.type_count++] = type->number;
    }
    return true;
}

/* The filter of a subscription, whatever else is asked for. */
static bool take_subscription(struct call *call, const struct audience_snapshot *snapshot, struct slice name,
                              struct wanted *wanted) {
    struct audience_subscription s;
    for (size_t i = 0; i < audience_subscription_count(snapshot); i++) {
        audience_subscription_at(snapshot, i, &s);
        if (!slice_equal(s.name, name))
            continue;
        wanted->filter.all_segments = wanted->filter.merges = s.all_segments;
        wanted->filter.all_events = s.all_events;
        for (size_t k = 0; k < s.segment_count && k < LIST_MAX; k++)
            wanted->segments[wanted->filter.segment_count++] = s.segments[k];
        for (size_t k = 0; k < s.type_count && k < LIST_MAX; k++)
            wanted->types[wanted->filter.type_count++] = s.types[k];
        return true;
    }
    call_fail_text(call, STATUS_NOT_FOUND, "no subscription is called \"%.*s\"; GET /v1/subscriptions lists them",
                   (int)(name.size < 200 ? name.size : 200), name.data);
    return false;
}

static bool take_wanted(struct call *call, const struct audience_snapshot *snapshot, struct wanted *wanted) {
    struct slice segments = call_text(call, "segments"), events = call_text(call, "events"),
                 subscription = call_text(call, "subscription");
    wanted->filter = (struct entry_filter){.segments = wanted->segments, .types = wanted->types};
    if (subscription.size)
        return take_subscription(call, snapshot, subscription, wanted);
    if (segments.size == 0 && events.size == 0)
        segments = SLICE("all");
    bool good = take_segments(call, snapshot, segments, wanted) && take_events(call, snapshot, events, wanted);
    wanted->filter.merges |= call_flag(call, "merges");
    return good;
}

/* Where to begin: Last-Event-ID, as a browser sends it when it comes back, before ?after=; else now. */
static bool take_place(struct call *call, struct feed_place *after) {
    struct slice text = http_header(call->request, "Last-Event-ID");
    if (text.size == 0)
        text = call_text(call, "after");
    *after = (struct feed_place){feed_published(audience_feed(call->parts->audience)), UINT32_MAX};
    if (text.size == 0)
        return true;
    if (slice_is(text, "0")) { /* all there is */
        *after = (struct feed_place){0};
        return true;
    }
    if (feed_place_parse(text, after))
        return true;
    call_fail_text(call, STATUS_INVALID,
                   "after (or Last-Event-ID) must be the id of an entry, such as 812-0; 0 is the oldest");
    return false;
}

void api_stream(struct call *call) {
    struct feed_place after;
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return;
    struct wanted *wanted = arena_get(&call->bench->arena, sizeof *wanted);
    if (take_place(call, &after) && take_wanted(call, snapshot, wanted)) {
        enum status status = streams_open(call->serve->streams, call->request, &wanted->filter, after);
        if (status != STATUS_OK)
            call_fail(call, status, NULL);
    }
    audience_snapshot_release(snapshot);
}

/* --- subscriptions --- */

static void write_delivery(struct call *call, struct slice name) {
    struct json_writer *w = &call->json;
    struct webhook_status s;
    char id[ENTRY_ID_BYTES];
    json_key(w, "delivery");
    if (!webhook_status(call->serve->webhook, name, &s)) {
        json_null(w);
        return;
    }
    uint64_t published = feed_published(audience_feed(call->parts->audience));
    json_object(w);
    json_member_cstring(w, "place", entry_id(s.place, id));
    json_member_integer(w, "lag", published > s.place.position ? (int64_t)(published - s.place.position) : 0);
    json_member_integer(w, "delivered", (int64_t)s.delivered);
    json_member_integer(w, "requests", (int64_t)s.requests);
    json_member_integer(w, "failures", s.failures);
    if (s.delivered_at_ms)
        json_member_time(w, "delivered_at", s.delivered_at_ms);
    if (s.failed_at_ms) {
        json_member_time(w, "failed_at", s.failed_at_ms);
        json_member_cstring(w, "error", s.error);
    }
    if (s.retry_at_ms)
        json_member_time(w, "retry_at", s.retry_at_ms);
    json_member_integer(w, "code", s.code);
    json_end_object(w);
}

static void write_segments(struct call *call, const struct audience_snapshot *snapshot,
                           const struct audience_subscription *s) {
    struct json_writer *w = &call->json;
    struct audience_entry entry;
    json_key(w, "segments");
    if (s->all_segments) {
        json_cstring(w, "all");
        return;
    }
    json_array(w);
    for (size_t i = 0; i < s->segment_count; i++) {
        if (audience_find_number(snapshot, s->segments[i], &entry))
            json_text(w, entry.name);
    }
    json_end_array(w);
}

static void write_events(struct call *call, const struct audience_subscription *s) {
    struct json_writer *w = &call->json;
    json_key(w, "events");
    if (s->all_events) {
        json_cstring(w, "all");
        return;
    }
    json_array(w);
    for (size_t i = 0; i < s->type_count; i++)
        json_text(w, dictionary_type_at(call->parts->dictionary, s->types[i])->name);
    json_end_array(w);
}

static void write_subscription(struct call *call, const struct audience_snapshot *snapshot,
                               const struct audience_subscription *s) {
    struct json_writer *w = &call->json;
    json_object(w);
    json_member_text(w, "name", s->name);
    write_segments(call, snapshot, s);
    write_events(call, s);
    if (s->url.size) {
        json_member_text(w, "url", s->url);
        json_member_bool(w, "signed", s->secret.size > 0);
        write_delivery(call, s->name);
    }
    json_end_object(w);
}

void api_subscriptions(struct call *call) {
    struct audience_snapshot *snapshot = expression_snapshot(call);
    struct audience_subscription s;
    if (snapshot == NULL)
        return;
    json_object(&call->json);
    json_key(&call->json, "subscriptions");
    json_array(&call->json);
    for (size_t i = 0; i < audience_subscription_count(snapshot); i++) {
        audience_subscription_at(snapshot, i, &s);
        write_subscription(call, snapshot, &s);
    }
    json_end_array(&call->json);
    json_end_object(&call->json);
    audience_snapshot_release(snapshot);
}

/* Checks, appends, waits, and tells the sender; false after failing the call. */
static bool define(struct call *call, struct slice text) {
    struct fault fault = {0};
    const struct json *root;
    struct audience_snapshot *snapshot = expression_snapshot(call);
    if (snapshot == NULL)
        return false;
    audience_snapshot_release(snapshot);
    enum status status = json_parse(call->bench->parser, text, true, &root, &fault);
    if (status == STATUS_OK)
        status = audience_check(call->parts->audience, call->bench->parser, root, &fault);
    if (status != STATUS_OK) {
        call_fail(call, status, &fault);
        return false;
    }
    if (!call_append(call, LOG_DEFINE, text))
        return false;
    webhook_notice(call->serve->webhook);
    return true;
}

void api_subscription_define(struct call *call) {
    struct slice text;
    if (!define_body(call, "subscription", &text))
        return;
    struct slice name = define_name(call);
    if (define(call, text))
        define_answer(call, "subscription", name);
}

void api_subscription_delete(struct call *call) {
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "define", "subscription");
    json_member_text(&w, "name", call_piece(call, 0));
    json_member_bool(&w, "deleted", true);
    json_end_object(&w);
    if (define(call, buffer_slice(into)))
        define_answer(call, "subscription", call_piece(call, 0));
}

/* --- what webhooks need --- */

static void each_target(void *context, void (*each)(void *to, const struct webhook_target *target), void *to) {
    struct serve *serve = context;
    struct audience_snapshot *snapshot = audience_snapshot(serve->parts.audience);
    struct audience_subscription s;
    for (size_t i = 0; i < audience_subscription_count(snapshot); i++) {
        audience_subscription_at(snapshot, i, &s);
        struct webhook_target target = {.name = s.name,
                                        .url = s.url,
                                        .secret = s.secret,
                                        .filter = {.segments = s.segments,
                                                   .segment_count = s.segment_count,
                                                   .types = s.types,
                                                   .type_count = s.type_count,
                                                   .all_segments = s.all_segments,
                                                   .all_events = s.all_events,
                                                   .merges = s.all_segments}};
        if (s.url.size)
            each(to, &target);
    }
    audience_snapshot_release(snapshot);
}

static void write_entry(void *context, const struct feed_entry *entry, struct json_writer *w) {
    struct serve *serve = context;
    struct audience_snapshot *snapshot = audience_snapshot(serve->parts.audience);
    entry_write(serve->webhook_writer, snapshot, entry, w);
    audience_snapshot_release(snapshot);
}

enum status subscribe_start(struct serve *serve, struct fault *fault) {
    const struct serve_parts *p = &serve->parts;
    if (p->audience == NULL)
        return STATUS_OK;
    struct entry_parts parts = {p->audience, p->dictionary, p->identity, p->log};
    struct buffer path = {0};
    buffer_print(&path, "%s/webhooks%c", p->folder, 0);
    serve->webhook_path = path.data;
    serve->webhook_writer = entry_writer_create(&parts);
    serve->streams = streams_create(p->os, &parts);
    struct webhook_parts webhooks = {.os = p->os,
                                     .path = serve->webhook_path,
                                     .feed = audience_feed(p->audience),
                                     .context = serve,
                                     .targets = each_target,
                                     .write = write_entry};
    return webhook_start(&webhooks, NULL, &serve->webhook, fault);
}

void subscribe_close(struct serve *serve) { streams_close(serve->streams); }

void subscribe_free(struct serve *serve) {
    webhook_stop(serve->webhook);
    streams_free(serve->streams);
    entry_writer_free(serve->webhook_writer);
    free(serve->webhook_path);
}
