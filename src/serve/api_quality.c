/* api_quality: what could not be used and why (quarantine), working it again, and quality counters. */
#include <stdio.h>

#include "serve/call.h"

void api_quarantine(struct call *call);
void api_quarantine_counts(struct call *call);
void api_quarantine_replay(struct call *call);
void api_quality(struct call *call);

static const struct {
    const char *name, *english, *chinese;
} reasons[] = {
#define QUARANTINE(name, english, chinese) [QUARANTINE_##name] = {#name, english, chinese},
#include "govern/quarantine.def"
#undef QUARANTINE
};

/* False after failing the call; an empty name is every reason (-1). */
static bool find_reason(struct call *call, struct slice name, int *reason) {
    *reason = -1;
    if (name.size == 0)
        return true;
    for (int i = 0; i < QUARANTINE_REASON_COUNT; i++) {
        if (reasons[i].name && slice_is(name, reasons[i].name))
            *reason = i;
    }
    if (*reason >= 0)
        return true;
    call_fail_text(call, STATUS_NOT_FOUND, "no reason is called \"%.*s\"; GET /v1/quarantine/counts shows those in use",
                   (int)(name.size < 80 ? name.size : 80), name.data);
    return false;
}

static bool find_source(struct call *call, struct slice name, uint16_t *number) {
    struct source source;
    *number = 0;
    if (name.size == 0)
        return true;
    if (sources_by_name(call->parts->sources, name, &source)) {
        *number = source.number;
        return true;
    }
    call_fail_text(call, STATUS_NOT_FOUND, "no source is called \"%.*s\"; GET /v1/sources lists them",
                   (int)(name.size < 80 ? name.size : 80), name.data);
    return false;
}

struct entries {
    struct call *call;
    uint64_t last;
    size_t count;
};

static void entry_each(void *context, const struct quarantine_entry *entry) {
    struct entries *entries = context;
    struct json_writer *w = &entries->call->json;
    struct source source;
    bool known = entry->reason < sizeof reasons / sizeof *reasons && reasons[entry->reason].name;
    json_object(w);
    json_member_integer(w, "number", (int64_t)entry->number);
    json_member_integer(w, "position", (int64_t)entry->position);
    json_member_time(w, "received", entry->received_ms);
    json_key(w, "source");
    if (entry->source && sources_at(entries->call->parts->sources, entry->source, &source))
        json_cstring(w, source.name);
    else
        json_null(w);
    json_member_cstring(w, "reason", known ? reasons[entry->reason].name : "UNKNOWN");
    json_member_cstring(w, "reason_text", known ? reasons[entry->reason].english : "");
    json_member_cstring(w, "reason_text_zh", known ? reasons[entry->reason].chinese : "");
    json_member_bool(w, "whole", entry->whole);
    json_member_bool(w, "repaired", entry->repaired);
    json_member_text(w, "field", entry->field);
    json_member_text(w, "text", entry->text);
    json_end_object(w);
    entries->last = entry->number;
    entries->count++;
}

void api_quarantine(struct call *call) {
    int64_t after, limit;
    int reason;
    uint16_t source;
    if (!call_integer(call, "after", 0, INT64_MAX, 0, &after) || !call_integer(call, "limit", 1, 1000, 100, &limit) ||
        !find_reason(call, call_text(call, "reason"), &reason) ||
        !find_source(call, call_text(call, "source"), &source))
        return;
    struct entries entries = {.call = call};
    struct json_writer *w = &call->json;
    json_object(w);
    json_key(w, "entries");
    json_array(w);
    quarantine_list(call->parts->govern, (uint64_t)after, (unsigned)limit, source, reason, call_flag(call, "repaired"),
                    entry_each, &entries);
    json_end_array(w);
    json_key(w, "next");
    if (entries.count == (size_t)limit)
        json_integer(w, (int64_t)entries.last);
    else
        json_null(w);
    json_member_integer(w, "waiting", (int64_t)quarantine_waiting(call->parts->govern));
    json_end_object(w);
}

void api_quarantine_counts(struct call *call) { quarantine_counts_json(call->parts->govern, &call->json); }

/* {"command":"replay","source":...,"reason":...}; what is left out means all. */
static struct slice replay_command(struct call *call, struct slice source, struct slice reason) {
    struct buffer *into = &call->bench->text;
    struct json_writer w = {.out = into};
    buffer_clear(into);
    json_object(&w);
    json_member_cstring(&w, "command", "replay");
    if (source.size)
        json_member_text(&w, "source", source);
    if (reason.size)
        json_member_text(&w, "reason", reason);
    json_end_object(&w);
    return buffer_slice(into);
}

void api_quarantine_replay(struct call *call) {
    const struct json *root = call_body(call);
    int number;
    uint16_t source_number;
    if (root == NULL)
        return;
    struct slice source = json_get_text(call->bench->parser, root, "source");
    struct slice reason = json_get_text(call->bench->parser, root, "reason");
    if (!find_source(call, source, &source_number) || !find_reason(call, reason, &number))
        return;
    uint64_t before = quarantine_waiting(call->parts->govern);
    if (!call_append(call, LOG_COMMAND, replay_command(call, source, reason)))
        return;
    json_object(&call->json);
    json_member_integer(&call->json, "waiting_before", (int64_t)before);
    json_member_integer(&call->json, "waiting", (int64_t)quarantine_waiting(call->parts->govern));
    json_end_object(&call->json);
}

void api_quality(struct call *call) { govern_quality_json(call->parts->govern, &call->json); }
