/* serve: the whole API against real parts: what goes in by HTTP is read back by HTTP. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/json_read.h"
#include "os/os_sim.h"
#include "serve/serve_client.h"
#include "serve/serve_model.h"

static char folder[64];
static struct model *model;
static uint16_t port;
static struct json_parser *parser;

static void open_with(const struct serve_options *options) {
    model = model_open(folder, options);
    port = model_port(model);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/onefold-serve-XXXXXX");
    assert_non_null(mkdtemp(folder));
    parser = json_parser_create();
    open_with(&(struct serve_options){.threads = 2});
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    model_close(model);
    json_parser_free(parser);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* --- asking --- */

static struct reply last;

/* The answer's JSON, after checking its code. */
static const struct json *ask_more(const char *method, const char *path, const char *key, const char *more,
                                   const char *body, int code) {
    const struct json *root = NULL;
    struct fault fault = {0};
    reply_release(&last);
    exchange(NULL, port, method, path, key, more, body, &last);
    if (last.code != code)
        fail_msg("%s %s: %d instead of %d: %s", method, path, last.code, code, last.body.data);
    if (last.body.size && json_parse(parser, buffer_slice(&last.body), false, &root, &fault) != STATUS_OK)
        fail_msg("%s %s: %s: %s", method, path, fault.text, last.body.data);
    return root;
}

static const struct json *ask(const char *method, const char *path, const char *body, int code) {
    return ask_more(method, path, MODEL_ADMIN_KEY, NULL, body, code);
}

static const struct json *get(const char *path) { return ask("GET", path, NULL, 200); }

#define WRITE_KEY_HEADER "Authorization: Basic b2Z3X3Rlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0Og==\r\n"

static void track(const char *path, const char *body, int code) {
    ask_more("POST", path, NULL, WRITE_KEY_HEADER, body, code);
    model_settle(model);
}

static bool text_is(const struct json *object, const char *key, const char *text) {
    return slice_is(json_get_text(parser, object, key), text);
}

static const struct json *first_of(const struct json *object, const char *key) {
    const struct json *list = json_get(parser, object, key);
    return list ? json_first(parser, list) : NULL;
}

static size_t count_of(const struct json *object, const char *key) {
    const struct json *list = json_get(parser, object, key);
    return list ? list->count : 0;
}

static void error_is(const struct json *root, const char *code, const char *part) {
    const struct json *error = json_get(parser, root, "error");
    assert_non_null(error);
    assert_true(text_is(error, "code", code));
    if (!strstr(last.body.data, part))
        fail_msg("\"%s\" is not in %s", part, last.body.data);
}

/* --- tracking --- */

static void test_tracked_is_read_back(void **state) {
    (void)state;
    track("/v1/identify",
          "{\"userId\":\"u1\",\"messageId\":\"m1\",\"timestamp\":\"2026-03-01T10:00:00Z\",\"traits\":{\"city\":"
          "\"上海\",\"age\":31,\"score\":12.50}}",
          200);
    track("/v1/batch",
          "{\"batch\":[{\"type\":\"track\",\"event\":\"Product "
          "Viewed\",\"userId\":\"u1\",\"messageId\":\"m2\",\"timestamp\":\"2026-03-02T10:00:00Z\","
          "\"properties\":{\"product_id\":\"p1\",\"price\":9.90}},{\"type\":\"track\",\"event\":\"Order "
          "Completed\",\"userId\":\"u1\",\"messageId\":\"m3\","
          "\"timestamp\":\"2026-03-03T10:00:00Z\",\"properties\":{\"order_id\":\"o1\",\"total\":19.8,\"products\":[{"
          "\"product_id\":\"p1\",\"quantity\":2}]}}]}",
          200);
    const struct json *p = get("/v1/profiles/user_id:u1");
    char path[64];
    snprintf(path, sizeof path, "/v1/profiles/%.*s", SLICE_ARG(json_get_text(parser, p, "oneid")));
    assert_int_equal(strlen(path), 13 + 16);
    const struct json *attributes = json_get(parser, p, "attributes");
    assert_true(text_is(attributes, "city", "上海"));
    assert_int_equal(json_get_integer(parser, attributes, "age", 0), 31);
    assert_non_null(strstr(last.body.data, "\"score\":12.5"));
    assert_true(text_is(first_of(p, "identifiers"), "value", "u1"));
    const struct json *row = first_of(p, "timeline");
    assert_true(text_is(row, "time", "2026-03-03T10:00:00.000Z"));
    assert_true(text_is(row, "source", "web"));
    const struct json *document = first_of(p, "documents");
    assert_non_null(document);
    assert_true(text_is(json_get(parser, document, "document"), "value", "o1"));
    assert_int_equal(json_get_integer(parser, json_get(parser, p, "counts"), "documents", 0), 1);
    assert_true(json_get_integer(parser, p, "position", 0) > 0);
    get(path);
}

static void test_wrong_keys(void **state) {
    (void)state;
    const char *body = "{\"userId\":\"u\",\"event\":\"E\"}";
    ask_more("POST", "/v1/track", NULL, NULL, body, 401);
    ask_more("POST", "/v1/track", NULL, "Authorization: Basic bm9uc2Vuc2U6\r\n", body, 401);
    ask_more("POST", "/v1/track?writeKey=" MODEL_WRITE_KEY, NULL, NULL, body, 200);
    error_is(ask_more("GET", "/v1/sources", NULL, NULL, NULL, 401), "UNAUTHORIZED", "Bearer");
    assert_true(reply_header(&last, "WWW-Authenticate").size > 0);
    error_is(ask_more("GET", "/v1/sources", MODEL_WRITE_KEY, NULL, NULL, 401), "UNAUTHORIZED", "admin key");
    error_is(ask_more("GET", "/v1/profiles/user_id:u", NULL, WRITE_KEY_HEADER, NULL, 401), "UNAUTHORIZED", "admin key");
    ask_more("GET", "/v1/sources", NULL,
             "Authorization: Basic b2ZhX3Rlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0Og==\r\n", NULL, 200);
}

static void test_bad_bodies(void **state) {
    (void)state;
    static const char *const bodies[] = {"", "{", "[]", "nonsense", "{\"batch\":7}", "\xff\xfe", "{\"userId\":\"u\"}"};
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
        ask_more("POST", "/v1/track", NULL, WRITE_KEY_HEADER, bodies[i], 400);
    track("/v1/track", "{\"userId\":\"u\",\"event\":\"E\"}", 200);
}

static void post_bytes(const char *more, const void *body, size_t size, int code) {
    struct client c = client_open(port);
    struct reply reply;
    struct buffer out = {0};
    buffer_print(&out, "POST /v1/track HTTP/1.1\r\nHost: a\r\n" WRITE_KEY_HEADER "%sContent-Length: %zu\r\n\r\n", more,
                 size);
    buffer_add(&out, body, size);
    assert_true(client_send(&c, out.data, out.size));
    client_read(&c, &reply);
    assert_int_equal(reply.code, code);
    reply_release(&reply);
    buffer_release(&out);
    client_close(&c);
}

static void test_gzip(void **state) {
    (void)state;
    static const char text[] = "{\"userId\":\"zipped\",\"event\":\"E\",\"messageId\":\"z\"}";
    unsigned char packed[256];
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text,
                  .avail_in = sizeof text - 1,
                  .next_out = packed,
                  .avail_out = sizeof packed};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    post_bytes("Content-Encoding: gzip\r\n", packed, z.total_out, 200);
    post_bytes("Content-Encoding: gzip\r\n", packed, z.total_out / 2, 400);
    model_settle(model);
    get("/v1/profiles/user_id:zipped");
}

static void test_browsers(void **state) {
    (void)state;
    static const char origin[] = "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n";
    ask_more("OPTIONS", "/v1/t", NULL, origin, NULL, 204);
    assert_true(slice_is(reply_header(&last, "Access-Control-Allow-Origin"), "https://shop.example"));
    assert_non_null(strstr(last.head.data, "Authorization"));
    assert_true(reply_header(&last, "Access-Control-Max-Age").size > 0);
    ask_more("OPTIONS", "/v1/sources", NULL, origin, NULL, 204);
    assert_int_equal(reply_header(&last, "Access-Control-Allow-Origin").size, 0);
    ask_more("POST", "/v1/t", NULL, "Origin: https://shop.example\r\nContent-Type: text/plain\r\n" WRITE_KEY_HEADER,
             "{\"userId\":\"b\",\"event\":\"E\"}", 200);
    assert_true(slice_is(reply_header(&last, "Access-Control-Allow-Origin"), "https://shop.example"));
    ask_more("GET", "/v1/projects/" MODEL_WRITE_KEY "/settings", NULL, origin, NULL, 200);
    assert_non_null(strstr(last.body.data, "Segment.io"));
    assert_true(slice_is(reply_header(&last, "Access-Control-Allow-Origin"), "https://shop.example"));
    ask_more("GET", "/v1/projects/nonsense/settings", NULL, NULL, NULL, 401);
}

static void test_no_route(void **state) {
    (void)state;
    error_is(ask("GET", "/v1/nothing", NULL, 404), "NOT_FOUND", "openapi");
    error_is(ask("DELETE", "/v1/sources", NULL, 405), "UNSUPPORTED", "Allow");
    assert_true(slice_is(reply_header(&last, "Allow"), "GET, HEAD, POST, OPTIONS"));
    ask("GET", "/v1/track", NULL, 405);
    error_is(ask("GET", "/v1/profiles/user_id:%zz", NULL, 400), "INVALID", "percent");
}

static void test_lag_answers_429(void **state) {
    (void)state;
    model_close(model);
    open_with(&(struct serve_options){.lag_records_max = 3});
    model_pause(model, true);
    int codes[10];
    for (int i = 0; i < 10; i++) {
        reply_release(&last);
        exchange(NULL, port, "POST", "/v1/track", NULL, WRITE_KEY_HEADER, "{\"userId\":\"u\",\"event\":\"E\"}", &last);
        codes[i] = last.code;
    }
    assert_int_equal(codes[0], 200);
    assert_int_equal(codes[9], 429);
    assert_true(reply_header(&last, "Retry-After").size > 0);
    ask("GET", "/readyz", NULL, 503);
    model_pause(model, false);
    model_settle(model);
    track("/v1/track", "{\"userId\":\"u\",\"event\":\"E\"}", 200);
    ask("GET", "/readyz", NULL, 200);
}

static void test_rate_limit(void **state) {
    (void)state;
    struct os_sim *sim = os_sim_create(1); /* its clock stands still, however long a request takes */
    os_sim_set_ms(sim, 1772359200000);
    model_close(model);
    model = model_open_on(os_sim_os(sim), "/data", &(struct serve_options){.requests_per_second = 5});
    port = model_port(model);
    int limited = 0;
    for (int i = 0; i < 30; i++) {
        reply_release(&last);
        exchange(NULL, port, "POST", "/v1/track", NULL, WRITE_KEY_HEADER, "{\"userId\":\"u\",\"event\":\"E\"}", &last);
        limited += last.code == 429;
        if (last.code == 429)
            assert_true(reply_header(&last, "X-RateLimit-Reset").size && reply_header(&last, "Retry-After").size);
    }
    assert_int_equal(limited, 30 - 10); /* a burst of two seconds passes */
    model_close(model);
    os_sim_free(sim);
    open_with(&(struct serve_options){0});
}

/* On a full disk every call is turned away for later, none is lost, and all goes on when there is room. */
static void test_full_disk(void **state) {
    (void)state;
    struct os_sim *sim = os_sim_create(1);
    os_sim_set_ms(sim, 1772359200000);
    model_close(model);
    model = model_open_on(os_sim_os(sim), "/data", &(struct serve_options){.threads = 2});
    port = model_port(model);
    os_sim_set_disk_bytes(sim, 70u << 20); /* the log's first file and little more */
    static const char start[] = "{\"userId\":\"u\",\"event\":\"E\",\"properties\":{\"pad\":\"";
    char *body = memory_get(1, 33000);
    memset(body, 'x', 32000);
    memcpy(body, start, sizeof start - 1);
    memcpy(body + 31990, "\"}}", 4);
    int taken = 0, refused = 0;
    for (int i = 0; i < 6000 && refused < 3; i++) {
        reply_release(&last);
        exchange(NULL, port, "POST", "/v1/track", NULL, WRITE_KEY_HEADER, body, &last);
        if (last.code == 200) {
            assert_int_equal(refused, 0);
            taken++;
        } else {
            assert_int_equal(last.code, 503);
            assert_non_null(strstr(last.body.data, "DISK_FULL"));
            assert_true(slice_is(reply_header(&last, "Retry-After"), "30"));
            refused++;
        }
    }
    assert_int_equal(refused, 3);
    assert_true(taken > 1000);
    ask("GET", "/readyz", NULL, 503);
    error_is(ask("POST", "/v1/sources", "{\"name\":\"late\"}", 503), "DISK_FULL", "disk");
    os_sim_set_disk_bytes(sim, 0);
    os_sim_advance_ms(sim, 2000);
    track("/v1/track", body, 200);
    assert_int_equal(json_get_integer(parser, json_get(parser, get("/v1/profiles/user_id:u"), "counts"), "events", 0),
                     taken + 1);
    free(body);
    model_close(model);
    os_sim_free(sim);
    open_with(&(struct serve_options){0});
}

static void test_many_connections_wait_for_the_sync(void **state) {
    (void)state;
    struct client clients[64];
    for (int i = 0; i < 64; i++)
        clients[i] = client_open(port);
    for (int round = 0; round < 10; round++) {
        char text[400];
        for (int i = 0; i < 64; i++) {
            char body[128];
            snprintf(body, sizeof body, "{\"userId\":\"c%d\",\"event\":\"E\",\"messageId\":\"c%d-%d\"}", i, i, round);
            snprintf(text, sizeof text,
                     "POST /v1/track HTTP/1.1\r\nHost: a\r\n" WRITE_KEY_HEADER "Content-Length: %zu\r\n\r\n%s",
                     strlen(body), body);
            assert_true(client_send(&clients[i], text, strlen(text)));
        }
        for (int i = 0; i < 64; i++) {
            struct reply reply;
            if (i % 16 == 7 && round == 9) /* gone without waiting */
                continue;
            client_read(&clients[i], &reply);
            assert_int_equal(reply.code, 200);
            reply_release(&reply);
        }
    }
    for (int i = 0; i < 64; i++)
        client_close(&clients[i]);
    model_settle(model);
    for (int i = 0; i < 64; i += 21) {
        char path[64];
        snprintf(path, sizeof path, "/v1/profiles/user_id:c%d", i);
        assert_int_equal(json_get_integer(parser, json_get(parser, get(path), "counts"), "events", 0), 10);
    }
}

/* --- profiles --- */

static void test_ids(void **state) {
    (void)state;
    track("/v1/identify", "{\"userId\":\"u1\",\"anonymousId\":\"a1\",\"traits\":{\"phone\":\"138 0000 1111\"}}", 200);
    get("/v1/profiles/anonymous_id:a1");
    get("/v1/profiles/phone:%2B8613800001111");
    get("/v1/profiles/phone:138-0000-1111");
    error_is(ask("GET", "/v1/profiles/phone:12", NULL, 400), "INVALID", "12");
    error_is(ask("GET", "/v1/profiles/user_id:nobody", NULL, 404), "NOT_FOUND", "nobody");
    error_is(ask("GET", "/v1/profiles/shoe_size:42", NULL, 404), "NOT_FOUND", "shoe_size");
    error_is(ask("GET", "/v1/profiles/0123456789abcdef", NULL, 404), "NOT_FOUND", "oneid");
    error_is(ask("GET", "/v1/profiles/u1", NULL, 404), "NOT_FOUND", "namespace:value");
    const struct json *list =
        ask("POST", "/v1/profiles/lookup", "{\"ids\":[\"user_id:u1\",\"user_id:nobody\",7]}", 200);
    const struct json *entry = first_of(list, "profiles");
    assert_non_null(json_get(parser, entry, "profile"));
    entry = json_next(parser, entry);
    assert_true(text_is(json_get(parser, entry, "error"), "code", "NOT_FOUND"));
    entry = json_next(parser, entry);
    assert_true(text_is(json_get(parser, entry, "error"), "code", "INVALID"));
    error_is(ask("POST", "/v1/profiles/lookup", "{\"ids\":5}", 400), "INVALID", "ids");
}

static void test_merged_oneids_lead_on(void **state) {
    (void)state;
    char old_ids[2][20];
    track("/v1/track", "{\"anonymousId\":\"a1\",\"event\":\"E\"}", 200);
    track("/v1/identify", "{\"userId\":\"u1\"}", 200);
    snprintf(old_ids[0], 20, "%.*s", SLICE_ARG(json_get_text(parser, get("/v1/profiles/anonymous_id:a1"), "oneid")));
    snprintf(old_ids[1], 20, "%.*s", SLICE_ARG(json_get_text(parser, get("/v1/profiles/user_id:u1"), "oneid")));
    assert_string_not_equal(old_ids[0], old_ids[1]);
    track("/v1/identify", "{\"userId\":\"u1\",\"anonymousId\":\"a1\"}", 200);
    int redirected = 0;
    for (int i = 0; i < 2; i++) {
        char path[64];
        snprintf(path, sizeof path, "/v1/profiles/%s", old_ids[i]);
        const struct json *p = get(path);
        redirected += text_is(p, "redirected_from", old_ids[i]) && !text_is(p, "oneid", old_ids[i]);
        assert_int_equal(json_get_integer(parser, p, "merges", 0), 1);
    }
    assert_int_equal(redirected, 1);
    const struct json *journal = get("/v1/profiles/user_id:u1/journal");
    assert_true(text_is(first_of(journal, "entries"), "kind", "merge"));
    journal = get("/v1/journal");
    assert_int_equal(json_get_integer(parser, journal, "total", 0), 1);
    assert_int_equal(count_of(get("/v1/journal?from=0&limit=1"), "entries"), 1);
    assert_int_equal(count_of(get("/v1/profiles/user_id:u1/edges"), "edges"), 1);
    assert_int_equal(count_of(get("/v1/profiles/user_id:u1/identifiers"), "identifiers"), 2);
}

static void test_a_shared_device_is_nobody(void **state) {
    (void)state;
    track("/v1/identify", "{\"userId\":\"u1\",\"anonymousId\":\"kiosk\"}", 200);
    track("/v1/identify", "{\"userId\":\"u2\",\"anonymousId\":\"kiosk\"}", 200);
    track("/v1/track", "{\"anonymousId\":\"kiosk\",\"event\":\"E\"}", 200);
    assert_true(json_get_bool(parser, get("/v1/profiles/anonymous_id:kiosk"), "shared_device", false));
    assert_false(json_get_bool(parser, get("/v1/profiles/user_id:u1"), "shared_device", false));
    assert_true(text_is(first_of(get("/v1/journal?from=-1"), "entries"), "kind", "shared_device"));
}

static void test_timeline_pages(void **state) {
    (void)state;
    for (int i = 0; i < 23; i++) {
        char body[200]; /* four rows at each instant, so that pages end between equal times */
        snprintf(
            body, sizeof body,
            "{\"userId\":\"u\",\"event\":\"E%d\",\"messageId\":\"t%d\",\"timestamp\":\"2026-03-01T10:00:%02d.000Z\"}",
            i % 2, i, i / 4);
        ask_more("POST", "/v1/track", NULL, WRITE_KEY_HEADER, body, 200);
    }
    model_settle(model);
    char next[64] = "", path[160];
    int64_t seen[23];
    size_t count = 0, pages = 0;
    do {
        snprintf(path, sizeof path, "/v1/profiles/user_id:u/timeline?limit=5%s%s", next[0] ? "&before=" : "", next);
        const struct json *page = get(path);
        for (const struct json *row = first_of(page, "timeline"); row; row = json_next(parser, row)) {
            assert_true(count < 23);
            seen[count++] = json_get_integer(parser, row, "position", 0);
        }
        snprintf(next, sizeof next, "%.*s", SLICE_ARG(json_get_text(parser, page, "next")));
        pages++;
    } while (next[0] && pages < 30);
    assert_int_equal(count, 23);
    assert_int_equal(pages, 5);
    for (size_t i = 1; i < count; i++)
        assert_true(seen[i] < seen[i - 1]);
    assert_int_equal(count_of(get("/v1/profiles/user_id:u/timeline?type=E0"), "timeline"), 12);
    error_is(ask("GET", "/v1/profiles/user_id:u/timeline?type=Nothing", NULL, 404), "NOT_FOUND", "Nothing");
    error_is(ask("GET", "/v1/profiles/user_id:u/timeline?before=x", NULL, 400), "INVALID", "before");
    error_is(ask("GET", "/v1/profiles/user_id:u/timeline?limit=0", NULL, 400), "INVALID", "limit");
    assert_int_equal(count_of(get("/v1/profiles/user_id:u?rows=3"), "timeline"), 3);
}

/* The event, what its traits set and the order it is about share time and position. */
static void test_timeline_pages_within_a_call(void **state) {
    char next[64] = "", path[160];
    unsigned rows = 0, pages = 0;
    (void)state;
    track("/v1/track",
          "{\"userId\":\"w\",\"event\":\"Order Completed\",\"timestamp\":\"2026-03-01T10:00:00Z\",\"context\":"
          "{\"traits\":{\"city\":\"A\"}},\"properties\":{\"order_id\":\"o9\",\"total\":5}}",
          200);
    do {
        snprintf(path, sizeof path, "/v1/profiles/user_id:w/timeline?limit=1%s%s", next[0] ? "&before=" : "", next);
        const struct json *page = get(path);
        rows += (unsigned)count_of(page, "timeline");
        snprintf(next, sizeof next, "%.*s", SLICE_ARG(json_get_text(parser, page, "next")));
        pages++;
    } while (next[0] && pages < 10);
    assert_int_equal(rows, 3);
    assert_int_equal(pages, 3);
}

static void test_attributes_and_documents(void **state) {
    (void)state;
    track("/v1/identify", "{\"userId\":\"u\",\"traits\":{\"city\":\"A\"},\"timestamp\":\"2026-03-01T10:00:00Z\"}", 200);
    track("/v1/identify", "{\"userId\":\"u\",\"traits\":{\"city\":\"B\"},\"timestamp\":\"2026-03-02T10:00:00Z\"}", 200);
    const struct json *a = json_get(parser, get("/v1/profiles/user_id:u/attributes"), "attributes");
    const struct json *city = json_get(parser, a, "city");
    assert_true(text_is(city, "value", "B") && text_is(city, "source", "web") &&
                text_is(city, "time", "2026-03-02T10:00:00.000Z"));
    a = json_get(parser, get("/v1/profiles/user_id:u?detail=1"), "attributes");
    assert_true(text_is(json_get(parser, a, "city"), "value", "B"));
    for (int i = 0; i < 3; i++) {
        char body[200];
        snprintf(body, sizeof body,
                 "{\"userId\":\"u\",\"event\":\"Order Completed\",\"properties\":{\"order_id\":\"o%d\",\"total\":%d}}",
                 i, i);
        track("/v1/track", body, 200);
    }
    const struct json *d = get("/v1/profiles/user_id:u/documents?limit=2");
    assert_int_equal(count_of(d, "documents"), 2);
    assert_int_equal(json_get_integer(parser, d, "count", 0), 3);
    assert_int_equal(count_of(get("/v1/profiles/user_id:u/documents?type=order"), "documents"), 3);
    error_is(ask("GET", "/v1/profiles/user_id:u/documents?type=x", NULL, 404), "NOT_FOUND", "document type");
}

/* --- definitions --- */

static void test_sources_and_keys(void **state) {
    (void)state;
    ask("POST", "/v1/sources", "{\"name\":\"shop\",\"kind\":\"segment\",\"priority\":5}", 200);
    ask("GET", "/v1/sources", NULL, 200);
    assert_non_null(strstr(last.body.data, "\"shop\""));
    error_is(ask("POST", "/v1/sources", "{\"name\":\"\"}", 400), "INVALID", "name");
    error_is(ask("POST", "/v1/sources", "[]", 400), "INVALID", "object");
    error_is(ask("POST", "/v1/sources", "", 400), "INVALID", "empty");
    error_is(ask("POST", "/v1/sources/none/keys", "{}", 404), "NOT_FOUND", "none");
    const struct json *made = ask("POST", "/v1/sources/shop/keys", "{\"name\":\"site\"}", 200);
    char key[64], path[160], body[160];
    snprintf(key, sizeof key, "%.*s", SLICE_ARG(json_get_text(parser, made, "key")));
    snprintf(path, sizeof path, "/v1/sources/shop/keys/%.*s", SLICE_ARG(json_get_text(parser, made, "hash")));
    snprintf(body, sizeof body, "{\"writeKey\":\"%s\",\"userId\":\"k\",\"event\":\"E\"}", key);
    ask_more("POST", "/v1/track", NULL, NULL, body, 200);
    ask("GET", "/v1/sources", NULL, 200);
    assert_null(strstr(last.body.data, key));
    ask("DELETE", path, NULL, 200);
    ask_more("POST", "/v1/track", NULL, NULL, body, 401);
    error_is(ask("DELETE", "/v1/sources/shop/keys/ff", NULL, 404), "NOT_FOUND", "key");
    made = ask("POST", "/v1/keys", NULL, 200);
    snprintf(key, sizeof key, "%.*s", SLICE_ARG(json_get_text(parser, made, "key")));
    snprintf(path, sizeof path, "/v1/keys/%.*s", SLICE_ARG(json_get_text(parser, made, "hash")));
    ask_more("GET", "/v1/sources", key, NULL, NULL, 200);
    error_is(ask_more("DELETE", path, key, NULL, NULL, 409), "CONFLICT", "another");
    ask("DELETE", path, NULL, 200);
    ask_more("GET", "/v1/sources", key, NULL, NULL, 401);
}

static void test_dictionary(void **state) {
    (void)state;
    ask("POST", "/v1/dictionary",
        "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Visit\",\"properties\":{\"fee\":\"money\"}}", 200);
    get("/v1/dictionary");
    assert_non_null(strstr(last.body.data, "\"Visit\""));
    error_is(ask("POST", "/v1/dictionary", "{\"define\":\"source\",\"name\":\"x\"}", 400), "INVALID", "namespace");
    error_is(ask("POST", "/v1/dictionary", "{\"define\":\"type\",\"kind\":\"nonsense\",\"name\":\"x\"}", 400),
             "INVALID", "");
    ask("POST", "/v1/dictionary", "{\"define\":\"namespace\",\"name\":\"wechat\",\"kind\":\"person\",\"unique\":true}",
        200);
}

static void test_quality(void **state) {
    (void)state;
    track("/v1/identify", "{\"userId\":\"q\",\"traits\":{\"phone\":\"12345\"}}", 200);
    const struct json *q = get("/v1/quarantine");
    const struct json *entry = first_of(q, "entries");
    assert_non_null(entry);
    assert_true(text_is(entry, "reason", "BAD_PHONE") && text_is(entry, "source", "web"));
    assert_int_equal(count_of(get("/v1/quarantine?source=web&reason=BAD_PHONE"), "entries"), 1);
    assert_int_equal(count_of(get("/v1/quarantine?reason=BAD_EMAIL"), "entries"), 0);
    error_is(ask("GET", "/v1/quarantine?reason=NONSENSE", NULL, 404), "NOT_FOUND", "NONSENSE");
    error_is(ask("GET", "/v1/quarantine?source=nobody", NULL, 404), "NOT_FOUND", "nobody");
    get("/v1/quarantine/counts");
    assert_non_null(strstr(last.body.data, "BAD_PHONE"));
    get("/v1/quality");
    ask("POST", "/v1/quarantine/replay", "{\"source\":\"web\",\"reason\":\"BAD_PHONE\"}", 200);
    error_is(ask("POST", "/v1/quarantine/replay", "{\"source\":\"nobody\"}", 404), "NOT_FOUND", "nobody");
}

/* --- operation --- */

static void test_operation(void **state) {
    (void)state;
    track("/v1/track", "{\"userId\":\"u\",\"event\":\"E\"}", 200);
    ask_more("GET", "/healthz", NULL, NULL, NULL, 200);
    ask_more("GET", "/readyz", NULL, NULL, NULL, 200);
    const struct json *status = get("/v1/status");
    assert_int_equal(json_get_integer(parser, json_get(parser, status, "measures"), "tracking_items_accepted_total", 0),
                     1);
    ask_more("GET", "/", NULL, NULL, NULL, 200);
    ask("POST", "/v1/checkpoint", NULL, 415);
    const struct json *api = ask_more("GET", "/openapi.json", NULL, NULL, NULL, 200);
    assert_true(text_is(api, "openapi", "3.0.3"));
    struct reply reply;
    exchange(NULL, port, "GET", "/metrics", NULL, NULL, NULL, &reply);
    assert_non_null(strstr(reply.body.data, "\nonefold_tracking_requests_total 1\n"));
    assert_non_null(strstr(reply.body.data, "onefold_http_request_seconds_bucket{le=\"+Inf\"}"));
    assert_true(slice_starts(reply_header(&reply, "Content-Type"), SLICE("text/plain")));
    reply_release(&reply);
}

static void test_stopping_leaves_nobody_waiting(void **state) {
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct client clients[16];
        for (int i = 0; i < 16; i++) {
            const char *body = "{\"userId\":\"s\",\"event\":\"E\"}";
            char text[300];
            clients[i] = client_open(port);
            snprintf(text, sizeof text,
                     "POST /v1/track HTTP/1.1\r\nHost: a\r\n" WRITE_KEY_HEADER "Content-Length: %zu\r\n\r\n%s",
                     strlen(body), body);
            assert_true(client_send(&clients[i], text, strlen(text)));
        }
        model_close(model);
        for (int i = 0; i < 16; i++) {
            struct reply reply;
            client_read(&clients[i], &reply);
            assert_true(reply.code == 200 || reply.code == 503 ||
                        reply.code == 0); /* 0: it was not looked at any more */
            reply_release(&reply);
            client_close(&clients[i]);
        }
        open_with(&(struct serve_options){0});
    }
}

/* One exchange by the openssl command; its output. */
static size_t over_tls(const char *request, const char *more, char *output, size_t size) {
    char command[600];
    snprintf(command, sizeof command,
             "printf '%s' | timeout 120 openssl s_client -connect 127.0.0.1:%u %s -quiet -ign_eof 2>&1", request, port,
             more);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t got = fread(output, 1, size - 1, pipe);
    output[got] = 0;
    pclose(pipe);
    return got;
}

static void test_tls(void **state) {
    (void)state;
    char certificate[100], key[100], command[600], output[8192];
    snprintf(certificate, sizeof certificate, "%s/cert.pem", folder);
    snprintf(key, sizeof key, "%s/key.pem", folder);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost "
             "-addext subjectAltName=IP:127.0.0.1 -keyout '%s' -out '%s' 2>/dev/null",
             key, certificate);
    assert_int_equal(system(command), 0);
    model_close(model);
    open_with(&(struct serve_options){.tls_certificate_path = certificate, .tls_key_path = key});
    snprintf(command, sizeof command, "-CAfile %s -verify_return_error", certificate);
    over_tls("GET /healthz HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n", command, output, sizeof output);
    if (!strstr(output, "200 OK") || !strstr(output, "\"done\":true"))
        fail_msg("%s", output);
    const char *body = "{\"writeKey\":\"" MODEL_WRITE_KEY "\",\"userId\":\"t\",\"event\":\"E\"}";
    char request[400];
    snprintf(request, sizeof request,
             "POST /v1/track HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\nContent-Length: %zu\\r\\n\\r\\n%s",
             strlen(body), body);
    over_tls(request, command, output, sizeof output);
    assert_non_null(strstr(output, "\"success\":true"));
    snprintf(command, sizeof command, "-tls1_1 -cipher ALL@SECLEVEL=0");
    over_tls("GET /healthz HTTP/1.1\\r\\nHost: a\\r\\nConnection: close\\r\\n\\r\\n", command, output, sizeof output);
    assert_null(strstr(output, "200 OK"));
    struct reply reply; /* plain HTTP to the TLS port: no answer, and nothing breaks */
    exchange(NULL, port, "GET", "/healthz", NULL, NULL, NULL, &reply);
    assert_int_equal(reply.code, 0);
    reply_release(&reply);
    model_close(model);
    struct fault fault = {0};
    open_with(&(struct serve_options){0});
    struct serve *serve;
    struct serve_options half = {.tls_certificate_path = certificate},
                         wrong = {.tls_certificate_path = key, .tls_key_path = certificate},
                         none = {.tls_certificate_path = "/nowhere", .tls_key_path = "/nowhere"};
    assert_int_equal(serve_start(model_parts(model), &half, &serve, &fault), STATUS_INVALID);
    assert_int_equal(serve_start(model_parts(model), &wrong, &serve, &fault), STATUS_INVALID);
    assert_int_equal(serve_start(model_parts(model), &none, &serve, &fault), STATUS_NOT_FOUND);
}

static int release_last(void **state) {
    (void)state;
    reply_release(&last);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_tracked_is_read_back),
        TEST(test_wrong_keys),
        TEST(test_bad_bodies),
        TEST(test_gzip),
        TEST(test_browsers),
        TEST(test_no_route),
        TEST(test_lag_answers_429),
        TEST(test_rate_limit),
        TEST(test_full_disk),
        TEST(test_many_connections_wait_for_the_sync),
        TEST(test_ids),
        TEST(test_merged_oneids_lead_on),
        TEST(test_a_shared_device_is_nobody),
        TEST(test_timeline_pages),
        TEST(test_timeline_pages_within_a_call),
        TEST(test_attributes_and_documents),
        TEST(test_sources_and_keys),
        TEST(test_dictionary),
        TEST(test_quality),
        TEST(test_operation),
        TEST(test_stopping_leaves_nobody_waiting),
        TEST(test_tls),
    };
    return cmocka_run_group_tests(tests, NULL, release_last);
}
