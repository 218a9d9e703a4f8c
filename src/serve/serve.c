/* serve: starting, stopping, and which way a request takes; see serve.h.
 *
 * Stopping, in order: no new connections; tracking answers 503; queries are stopped, clerks finish; streams end; what waits for the log is
 * answered by the log; then the server threads end, and the webhooks' sender. Nobody who was promised an answer is left without one. */
#include "serve/serve.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "serve/api_import.h"
#include "serve/api_subscribe.h"
#include "serve/household_run.h"
#include "serve/match_run.h"
#include "serve/network_run.h"
#include "serve/analyst.h"
#include "serve/queries.h"
#include "serve/serve_inside.h"

#define THREADS_DEFAULT_MAX 4
#define TRACK_BODY_BYTES_MAX (4u << 20)
#define PLAIN_BODY_BYTES_MAX (1u << 20)

/* Tracking calls have more paths than the table lists (slashes at the end, other vendors' prefixes); they all go to one row. */
static const struct route *track_route(void) {
    static const struct route *_Atomic kept; /* several threads may find it at once: the same one */
    const struct route *found = atomic_load_explicit(&kept, memory_order_relaxed);
    const char *allow;
    if (found == NULL) {
        found = route_find(HTTP_POST, SLICE("/v1/track"), &allow);
        atomic_store_explicit(&kept, found, memory_order_relaxed);
    }
    assert(found && found->lane == LANE_TRACK);
    return found;
}

/* --- begin: headers are in --- */

static bool is_open_to_browsers(struct slice path) {
    return segment_path(path) || (slice_starts(path, SLICE("/v1/projects/")) && path.size > 22 &&
                                  slice_is(slice_of(path.data + path.size - 9, 9), "/settings"));
}

static bool answer_options(struct http_request *request) {
    const char *allow;
    struct http_answer *answer = &request->answer;
    route_find(HTTP_OPTIONS, request->path, &allow);
    answer->open_origin = answer->preflight = is_open_to_browsers(request->path);
    if (allow == NULL && !answer->open_origin) {
        answer_error(answer, 404, "NOT_FOUND", "nothing is under this path; GET /openapi.json lists what is");
        return true;
    }
    answer->code = 204;
    answer->allow = allow ? allow : "POST, OPTIONS";
    return true;
}

static bool answer_no_route(struct http_request *request, const char *allow) {
    if (allow == NULL) {
        answer_error(&request->answer, 404, "NOT_FOUND", "nothing is under this path; GET /openapi.json lists what is");
        return true;
    }
    answer_error(&request->answer, 405, "UNSUPPORTED",
                 "this path is there, but not for this method; see the Allow header");
    request->answer.allow = allow;
    return true;
}

static bool lacks_admin_key(struct serve *serve, struct http_request *request) {
    struct bench *bench = serve->benches[request->thread];
    struct slice key = query_key(http_header(request, "Authorization"), &bench->arena);
    bool good = key.size && sources_is_admin(serve->parts.sources, key);
    if (!good) {
        atomic_fetch_add(&serve->refused, 1);
        answer_error(&request->answer, 401, "UNAUTHORIZED",
                     key.size ? "this key is not known as an admin key, or was revoked"
                              : "an admin key is needed: Authorization: Bearer <key>, or Basic with the key as user");
    }
    arena_reset(&bench->arena);
    return !good;
}

static size_t body_limit(const struct serve *serve, const struct route *route) {
    if (route->lane == LANE_TRACK)
        return TRACK_BODY_BYTES_MAX;
    return route->request && strcmp(route->request, "bytes") == 0 ? serve->options.body_bytes_max
                                                                  : PLAIN_BODY_BYTES_MAX;
}

static bool on_begin(void *context, struct http_request *request) {
    struct serve *serve = context;
    const char *allow = NULL;
    const struct route *route = NULL;
    if (request->method == HTTP_POST && segment_path(request->path))
        route = track_route();
    else if (request->method == HTTP_OPTIONS)
        return answer_options(request);
    else
        route = route_find(request->method, request->path, &allow);
    if (route == NULL)
        return answer_no_route(request, allow);
    request->route = route;
    request->body_bytes_max = body_limit(serve, route);
    return route->role == ROLE_ADMIN && lacks_admin_key(serve, request);
}

/* --- handle: all is in --- */

static enum http_next on_handle(void *context, struct http_request *request) {
    struct serve *serve = context;
    const struct route *route = request->route;
    assert(route && request->thread < serve->options.threads);
    if (route->lane == LANE_TRACK)
        return track_handle(serve->track, request);
    if (route->lane == LANE_FAST) {
        call_run(serve, request, serve->benches[request->thread]);
        return HTTP_ANSWERED;
    }
    if (clerk_take(serve->clerk, request))
        return HTTP_DEFERRED;
    answer_fault(&request->answer, STATUS_BUSY,
                 &(struct fault){.text = "too many calls of this kind are under way; try again"});
    return HTTP_ANSWERED;
}

/* --- start and stop --- */

static void fill_defaults(struct serve_options *o) {
    o->address = o->address ? o->address : "127.0.0.1";
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = cores < 1 ? 1 : cores > THREADS_DEFAULT_MAX ? THREADS_DEFAULT_MAX : (unsigned)cores;
    o->threads = o->threads ? o->threads : threads;
    o->threads = o->threads < HTTP_THREADS_MAX ? o->threads : HTTP_THREADS_MAX;
    o->body_bytes_max = o->body_bytes_max ? o->body_bytes_max : 16u << 20;
    o->bodies_bytes_max = o->bodies_bytes_max ? o->bodies_bytes_max : 256u << 20;
    o->connections_max = o->connections_max ? o->connections_max : 4096;
    o->idle_s = o->idle_s ? o->idle_s : 60;
    o->request_s = o->request_s ? o->request_s : 30;
    o->lag_records_max = o->lag_records_max ? o->lag_records_max : 4000000;
    o->settle_s = o->settle_s ? o->settle_s : 10;
}

static enum status read_pem(struct serve *serve, const char *path, struct buffer *into, struct fault *fault) {
    if (path == NULL)
        return STATUS_OK;
    enum status status = os_read_file(serve->parts.os, path, into, fault);
    buffer_add_char(into, 0);
    return status;
}

static enum status start_http(struct serve *serve, struct fault *fault) {
    struct buffer certificate = {0}, key = {0};
    const struct serve_options *o = &serve->options;
    struct http_handlers handlers = {.context = serve, .begin = on_begin, .handle = on_handle};
    enum status status = read_pem(serve, o->tls_certificate_path, &certificate, fault);
    if (status == STATUS_OK)
        status = read_pem(serve, o->tls_key_path, &key, fault);
    struct http_options http = {.address = o->address,
                                .port = o->port,
                                .threads = o->threads,
                                .tls_certificate = certificate.data,
                                .tls_key = key.data,
                                .connections_max = o->connections_max,
                                .connections_per_address_max = o->connections_per_address_max,
                                .idle_s = o->idle_s,
                                .request_s = o->request_s,
                                .bodies_bytes_max = o->bodies_bytes_max};
    if (status == STATUS_OK)
        status = http_start(serve->parts.os, &http, &handlers, &serve->http, fault);
    buffer_release(&certificate);
    buffer_release(&key);
    return status;
}

static void serve_release(struct serve *serve) {
    subscribe_free(serve);
    queries_free(serve->queries);
    match_run_free(serve->matches);
    household_run_free(serve->households);
    network_runs_free(serve->networks);
    analyst_free(serve->analyst);
    clerk_free(serve->clerk);
    jobs_free(serve->jobs);
    track_free(serve->track);
    for (unsigned i = 0; i < serve->options.threads; i++)
        bench_free(serve->benches[i]);
    free(serve);
}

enum status serve_start(const struct serve_parts *parts, const struct serve_options *options, struct serve **out,
                        struct fault *fault) {
    struct serve *serve = memory_get(1, sizeof *serve);
    assert(parts->os && parts->log && parts->sources && parts->folder);
    serve->parts = *parts;
    if (options)
        serve->options = *options;
    fill_defaults(&serve->options);
    serve->started_ms = os_now_ms(parts->os);
    for (unsigned i = 0; i < serve->options.threads; i++)
        serve->benches[i] = bench_create();
    struct track_options track = {.lag_records_max = serve->options.lag_records_max,
                                  .requests_per_second = serve->options.requests_per_second,
                                  .threads = serve->options.threads};
    serve->track = track_create(parts, &track);
    serve->queries = queries_create(parts->os);
    serve->matches = match_run_create(parts);
    serve->households = household_run_create(parts);
    serve->networks = network_runs_create(&serve->parts);
    serve->analyst = analyst_create(parts, query_workers());
    enum status status = jobs_create(parts, &serve->jobs, fault);
    if (status == STATUS_OK)
        status = subscribe_start(serve, fault);
    if (status == STATUS_OK) {
        serve->clerk = clerk_create(serve);
        status = start_http(serve, fault);
    }
    if (status != STATUS_OK) {
        if (serve->clerk)
            clerk_close(serve->clerk);
        queries_close(serve->queries);
        match_run_close(serve->matches);
        household_run_close(serve->households);
        network_runs_close(serve->networks);
        analyst_close(serve->analyst);
        subscribe_close(serve);
        serve_release(serve);
        return status;
    }
    bool v6 = strchr(serve->options.address, ':') != NULL;
    snprintf(serve->address, sizeof serve->address, "%s://%s%s%s:%u",
             serve->options.tls_certificate_path ? "https" : "http", v6 ? "[" : "", serve->options.address,
             v6 ? "]" : "", http_port(serve->http));
    *out = serve;
    return STATUS_OK;
}

void serve_stop(struct serve *serve) {
    if (serve == NULL)
        return;
    atomic_store(&serve->closing, true);
    http_quiesce(serve->http);
    track_close(serve->track);
    queries_close(serve->queries);
    match_run_close(serve->matches);
    household_run_close(serve->households);
    network_runs_close(serve->networks);
    analyst_close(serve->analyst);
    clerk_close(serve->clerk);
    subscribe_close(serve);
    http_stop(serve->http);
    serve_release(serve);
}

uint16_t serve_port(const struct serve *serve) { return http_port(serve->http); }

const char *serve_address(const struct serve *serve) { return serve->address; }
