/* api_status: how the server is doing: health, readiness, status, metrics; and the two routes that only mark a lane. */
#include <assert.h>
#include <stdio.h>

#include "serve/metrics.h"
#include "serve/openapi.h"

void api_track(struct call *call);
void api_settings(struct call *call);
void api_status(struct call *call);
void api_checkpoint(struct call *call);
void api_health(struct call *call);
void api_ready(struct call *call);
void api_metrics(struct call *call);
void api_openapi(struct call *call);
void api_index(struct call *call);

#define DISK_FREE_BYTES_MIN (256ull << 20)

void api_track(struct call *call) {
    assert(!"tracking goes its own way (track.h)");
    (void)call;
}

void api_settings(struct call *call) { track_settings(call->serve->track, call->request, call_piece(call, 0)); }

static void answer_done(struct call *call) {
    json_object(&call->json);
    json_member_bool(&call->json, "done", true);
    json_end_object(&call->json);
}

void api_health(struct call *call) { answer_done(call); }

static bool one_check(struct json_writer *w, const char *name, bool good, const char *text) {
    json_object(w);
    json_member_cstring(w, "name", name);
    json_member_bool(w, "good", good);
    json_member_cstring(w, "text", text);
    json_end_object(w);
    return good;
}

/* Writes the checks; true when all are good. */
static bool checks(struct call *call, const struct measures *m) {
    struct json_writer *w = &call->json;
    char text[200];
    bool good = one_check(w, "running", !atomic_load(&call->serve->closing), "shutting down when not good");
    snprintf(text, sizeof text, "%llu records behind; tracking is turned away past %llu", (unsigned long long)m->lag,
             (unsigned long long)call->options->lag_records_max);
    good &= one_check(w, "lag", m->lag <= call->options->lag_records_max, text);
    snprintf(text, sizeof text, "%llu MiB free; %llu MiB are needed", (unsigned long long)(m->disk_free >> 20),
             (unsigned long long)(DISK_FREE_BYTES_MIN >> 20));
    good &= one_check(w, "disk", m->disk_free >= DISK_FREE_BYTES_MIN && !m->log.disk_full, text);
    snprintf(text, sizeof text, "%.0f s old, at position %llu (-1: none yet)", m->checkpoint_age_s,
             (unsigned long long)m->checkpoint_position);
    one_check(w, "checkpoint", true, text); /* told, not judged: without one a restart is slow, and nothing is lost */
    return good;
}

void api_ready(struct call *call) {
    struct measures m;
    measures_read(call->serve, &m);
    json_object(&call->json);
    json_key(&call->json, "checks");
    json_array(&call->json);
    bool ready = checks(call, &m);
    json_end_array(&call->json);
    json_member_bool(&call->json, "ready", ready);
    json_end_object(&call->json);
    if (!ready) {
        call->request->answer.code = 503;
        call->request->answer.retry_after_s = 5;
    }
}

void api_status(struct call *call) {
    struct measures m;
    measures_read(call->serve, &m);
    json_object(&call->json);
    json_member_cstring(&call->json, "name", "onefold");
    json_member_time(&call->json, "now", os_now_ms(call->parts->os));
    json_member_time(&call->json, "started", call->serve->started_ms);
    json_key(&call->json, "measures");
    measures_write_json(&m, &call->json);
    json_end_object(&call->json);
}

void api_checkpoint(struct call *call) {
    if (call->parts->checkpoint == NULL)
        call_fail_text(call, STATUS_UNSUPPORTED, "this server makes no checkpoints on demand");
    else if (call->parts->checkpoint(call->parts->context))
        answer_done(call);
    else
        call_fail_text(call, STATUS_IO, "the checkpoint could not be written; the server's output says why");
}

void api_metrics(struct call *call) {
    struct measures m;
    measures_read(call->serve, &m);
    call->request->answer.content_type = "text/plain; version=0.0.4; charset=utf-8";
    measures_write_text(&m, &call->request->answer.body);
}

void api_openapi(struct call *call) { openapi_write_json(&call->json); }

void api_index(struct call *call) {
    struct json_writer *w = &call->json;
    json_object(w);
    json_member_cstring(w, "name", "onefold");
    json_member_cstring(w, "api", "/openapi.json");
    json_member_cstring(w, "tracking", "/v1/track");
    json_member_cstring(w, "health", "/healthz");
    json_member_cstring(w, "readiness", "/readyz");
    json_member_cstring(w, "metrics", "/metrics");
    json_end_object(w);
}
