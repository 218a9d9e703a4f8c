/* http_answer: answers as the library's responses, and streams.
 *
 * An answer's bytes stay in the connection's own buffer while they are sent. Small answers without special headers are nearly
 * always the same as the one before ("success": true), so each thread keeps its last one as a ready response object.
 *
 * A stream with nothing to send is suspended, like a deferred request. `stream_lock` of its connection makes "there is nothing" and "there
 * is something again" exclude each other, so that no waking is lost between the two. */
#include "serve/http_inside.h"

#include <assert.h>
#include <stdio.h>

#define STREAM_BLOCK_BYTES (16u << 10)

static void header(struct MHD_Response *response, const char *name, const char *value) {
    if (MHD_add_response_header(response, name, value) != MHD_YES)
        assert(!"a header of ours is not accepted");
}

static void header_number(struct MHD_Response *response, const char *name, unsigned value) {
    char text[16];
    snprintf(text, sizeof text, "%u", value);
    header(response, name, text);
}

static void origin_headers(struct MHD_Response *response, const char *origin, const struct http_answer *answer) {
    /* The origin comes from outside: a value the library refuses is simply not echoed. */
    if (MHD_add_response_header(response, "Access-Control-Allow-Origin", origin) != MHD_YES)
        return;
    header(response, "Access-Control-Allow-Credentials", "true");
    header(response, "Vary", "Origin");
    if (!answer->preflight)
        return;
    header(response, "Access-Control-Allow-Methods", "GET, POST, OPTIONS");
    header(response, "Access-Control-Allow-Headers",
           "Authorization, Content-Type, Content-Encoding, X-Write-Key, AnonymousId, X-Requested-With");
    header(response, "Access-Control-Max-Age", "86400");
}

static struct MHD_Response *make_response(struct connection *c, const char *origin) {
    const struct http_answer *answer = &c->request.answer;
    struct MHD_Response *response = MHD_create_response_from_buffer(
        answer->body.size, answer->body.size ? answer->body.data : (char *)"", MHD_RESPMEM_PERSISTENT);
    if (response == NULL)
        return NULL;
    if (answer->code != 204)
        header(response, "Content-Type", answer->content_type);
    if (answer->retry_after_s) {
        header_number(response, "Retry-After", answer->retry_after_s);
        if (answer->rate_limited)
            header_number(response, "X-RateLimit-Reset", answer->retry_after_s);
    }
    if (answer->close)
        header(response, "Connection", "close");
    if (answer->allow)
        header(response, "Allow", answer->allow);
    if (answer->authenticate)
        header(response, "WWW-Authenticate", "Basic realm=\"onefold\", charset=\"UTF-8\"");
    if (answer->open_origin && origin)
        origin_headers(response, origin, answer);
    return response;
}

/* --- streams --- */

/* True when there is nothing to wait for: it was woken since it was asked. Otherwise it is suspended. */
static bool stream_rest(struct connection *c) {
    pthread_mutex_lock(&c->stream_lock);
    bool again = c->stream_woken;
    c->stream_woken = false;
    if (!again) {
        c->stream_waits = true;
        MHD_suspend_connection(c->mhd);
    }
    pthread_mutex_unlock(&c->stream_lock);
    return again;
}

static ssize_t stream_read(void *context, uint64_t position, char *into, size_t room) {
    struct connection *c = context;
    const struct http_source *source = &c->request.answer.source;
    (void)position;
    do {
        if (atomic_load(&c->stream_gone))
            return MHD_CONTENT_READER_END_WITH_ERROR;
        long filled = source->fill(source->context, into, room);
        assert(filled >= HTTP_STREAM_END && (filled < 0 || (size_t)filled <= room));
        if (filled == HTTP_STREAM_END)
            return MHD_CONTENT_READER_END_OF_STREAM;
        if (filled > 0)
            return filled;
    } while (stream_rest(c));
    return 0;
}

static enum MHD_Result send_stream(struct connection *c) {
    const struct http_answer *answer = &c->request.answer;
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_BYTES, stream_read, c, NULL);
    c->answered = true;
    pthread_mutex_lock(&c->stream_lock);
    c->stream_waits = c->stream_woken = false;
    pthread_mutex_unlock(&c->stream_lock);
    atomic_store(&c->stream_gone, false);
    atomic_store(&c->streams, true);
    atomic_fetch_add(&c->http->streams, 1);
    if (response == NULL)
        return MHD_NO;
    header(response, "Content-Type", answer->content_type);
    header(response, "Cache-Control", "no-store");
    header(response, "X-Accel-Buffering", "no"); /* proxies: hand it on at once */
    enum MHD_Result result = MHD_queue_response(c->mhd, (unsigned)answer->code, response);
    MHD_destroy_response(response);
    return result;
}

void http_stream_wake(struct http_request *request) {
    struct connection *c = (struct connection *)request;
    pthread_mutex_lock(&c->stream_lock);
    c->stream_woken = true;
    if (c->stream_waits) {
        c->stream_waits = c->stream_woken = false;
        MHD_resume_connection(c->mhd);
    }
    pthread_mutex_unlock(&c->stream_lock);
}

/* The thread's last small answer when this one is the same, made anew otherwise; NULL when it is no ordinary one. */
static struct MHD_Response *same_response(struct connection *c, const char *origin) {
    const struct http_answer *answer = &c->request.answer;
    struct same_answer *same = &c->http->threads[c->request.thread].same;
    if (answer->retry_after_s || answer->allow || answer->close || answer->authenticate ||
        (answer->open_origin && origin) || answer->body.size > SAME_BODY_BYTES || answer->body.size == 0)
        return NULL;
    if (same->response && same->content_type == answer->content_type && same->size == answer->body.size &&
        memcmp(same->body, answer->body.data, same->size) == 0)
        return same->response;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(answer->body.size, answer->body.data, MHD_RESPMEM_MUST_COPY);
    if (response == NULL)
        return NULL;
    header(response, "Content-Type", answer->content_type);
    if (same->response)
        MHD_destroy_response(same->response);
    *same = (struct same_answer){.response = response, .content_type = answer->content_type, .size = answer->body.size};
    memcpy(same->body, answer->body.data, answer->body.size);
    return response;
}

enum MHD_Result http_send_answer(struct connection *c) {
    const struct http_answer *answer = &c->request.answer;
    assert(answer->code >= 200 && answer->code < 600 && answer->content_type);
    if (answer->source.fill)
        return send_stream(c);
    const char *origin = NULL;
    if (answer->open_origin)
        origin = MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, "Origin");
    c->answered = true;
    struct MHD_Response *same = same_response(c, origin);
    if (same)
        return MHD_queue_response(c->mhd, (unsigned)answer->code, same);
    struct MHD_Response *response = make_response(c, origin);
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_queue_response(c->mhd, (unsigned)answer->code, response);
    MHD_destroy_response(response);
    return result;
}

void http_answer_plainly(struct http_request *request, int code, const char *name, const char *message) {
    request->answer.code = code;
    buffer_clear(&request->answer.body);
    buffer_print(&request->answer.body, "{\"error\":{\"code\":\"%s\",\"message\":\"%s\"}}", name, message);
}
