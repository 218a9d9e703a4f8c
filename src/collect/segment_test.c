/* segment: every rule of the door with the call that breaks it, and seeded random batches whose items must come out as
 * they went in. */
#include "collect/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/random.h"
#include "base/time.h"
#include "collect/payload.h"

#define NOW 1700000000123

struct world {
    struct sources *sources;
    struct segment_door *door;
    struct json_parser *parser;
    struct buffer body;
    struct segment_answer answer;
    struct fault fault;
};

static void define(struct world *w, const char *text) {
    const struct json *root;
    assert_int_equal(json_parse(w->parser, slice_text(text), false, &root, &w->fault), STATUS_OK);
    assert_int_equal(sources_define(w->sources, w->parser, root, &w->fault), STATUS_OK);
}

static void define_key(struct world *w, const char *source, const char *key) {
    char hash[65], text[400];
    sources_hash_key(slice_text(key), hash);
    snprintf(text, sizeof text, "{\"define\":\"key\",\"role\":\"write\",\"source\":\"%s\",\"hash\":\"%s\"}", source,
             hash);
    define(w, text);
}

static int setup(void **state) {
    struct world *w = memory_get(1, sizeof *w);
    w->sources = sources_create(os_real());
    w->door = segment_door_create(w->sources);
    w->parser = json_parser_create();
    define(w, "{\"define\":\"source\",\"name\":\"off\",\"enabled\":false}");
    define(w, "{\"define\":\"source\",\"name\":\"web\"}");
    define_key(w, "web", "key1");
    define_key(w, "off", "key0");
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    segment_door_free(w->door);
    sources_free(w->sources);
    json_parser_free(w->parser);
    buffer_release(&w->body);
    free(w);
    return 0;
}

#define KEY1 "Basic a2V5MTo=" /* key1: */

static enum status send_request(struct world *w, struct segment_request request) {
    request.received_ms = NOW;
    segment_accept(w->door, &request, &w->answer);
    const struct json *root;
    assert_int_equal(json_parse(w->parser, w->answer.body, true, &root, &w->fault), STATUS_OK);
    assert_int_equal(json_get_bool(w->parser, root, "success", false), w->answer.status == STATUS_OK);
    if (w->answer.status) {
        assert_true(json_get_text(w->parser, root, "code").size > 0);
        assert_true(json_get_text(w->parser, root, "message").size > 0);
        assert_int_equal(w->answer.record_count, 0);
    } else {
        assert_int_equal(json_get_integer(w->parser, root, "accepted", -1), w->answer.record_count);
        assert_int_equal(json_get(w->parser, root, "rejected")->count, w->answer.rejected_count);
    }
    return w->answer.status;
}

static enum status post_slice(struct world *w, const char *path, struct slice body) {
    struct segment_request request = {.path = slice_text(path), .authorization = SLICE(KEY1)};
    buffer_clear(&w->body);
    buffer_add_slice(&w->body, body);
    request.body = buffer_slice(&w->body);
    return send_request(w, request);
}

static enum status post(struct world *w, const char *path, const char *body) {
    return post_slice(w, path, slice_text(body));
}

static bool answer_has(const struct world *w, const char *text) {
    return memmem(w->answer.body.data, w->answer.body.size, text, strlen(text)) != NULL;
}

/* The parts of record `i`. */
static struct payload_segment parts(const struct world *w, size_t i, struct slice *context, struct slice *item) {
    struct payload_segment head;
    struct slice payload = w->answer.records[i].payload;
    assert_true(i < w->answer.record_count && payload.size >= sizeof head);
    memcpy(&head, payload.data, sizeof head);
    assert_int_equal(payload.size, sizeof head + head.context_bytes + head.item_bytes);
    *context = slice_of(payload.data + sizeof head, head.context_bytes);
    *item = slice_of(payload.data + sizeof head + head.context_bytes, head.item_bytes);
    assert_int_equal(w->answer.records[i].kind, LOG_SEGMENT_ITEM);
    assert_int_equal(w->answer.records[i].received_ms, NOW);
    return head;
}

static void test_paths(void **state) {
    (void)state;
    static const char *const ours[] = {
        "/v1/identify", "/v1/track",  "/v1/page",   "/v1/screen",   "/v1/group",       "/v1/alias",       "/v1/batch",
        "/v1/import",   "/v1/t",      "/v1/i",      "/v1/p",        "/v1/s",           "/v1/g",           "/v1/a",
        "/v1/b",        "/v1/track/", "/v1/batch/", "/api/s/track", "/api/s/s2s/page", "/beacon/v1/batch"};
    static const char *const others[] = {"",           "/",     "/v1",         "/v1/", "/v2/track",
                                         "/v1/tracks", "/v1/x", "/v1/track/x", "v1/t"};
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!segment_path(slice_text(ours[i])))
            fail_msg("%s is not known", ours[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (segment_path(slice_text(others[i])))
            fail_msg("%s is taken", others[i]);
}

static void test_single(void **state) {
    struct world *w = *state;
    struct slice context, item;
    static const char body[] = " {\"userId\":\"u\", \"event\":\"Paid\",\"sentAt\":\"2026-01-31T08:00:00.5Z\"}\n";
    assert_int_equal(post(w, "/v1/track", body), STATUS_OK);
    assert_true(slice_is(w->answer.body, "{\"success\":true,\"accepted\":1,\"rejected\":[]}"));
    struct payload_segment head = parts(w, 0, &context, &item);
    assert_int_equal(w->answer.records[0].source, 2);
    assert_int_equal(context.size, 0);
    assert_int_equal(head.sent_at_ms, 1769846400500);
    assert_true(slice_is(
        item, "{\"type\":\"track\",\"userId\":\"u\", \"event\":\"Paid\",\"sentAt\":\"2026-01-31T08:00:00.5Z\"}"));
    /* a type that is there is left alone; so is everything else */
    assert_int_equal(post(w, "/v1/i/", "{\"type\":\"identify\",\"anonymousId\":7,\"traits\":{\"type\":1}}"), STATUS_OK);
    head = parts(w, 0, &context, &item);
    assert_true(slice_is(item, "{\"type\":\"identify\",\"anonymousId\":7,\"traits\":{\"type\":1}}"));
    assert_int_equal(head.sent_at_ms, TIME_NONE);
    assert_int_equal(post(w, "/v1/t", "\xef\xbb\xbf{\"event\":\"e\",\"userId\":\"u\"}"), STATUS_OK);
}

static void test_keys(void **state) {
    struct world *w = *state;
    static const char plain[] = "{\"userId\":\"u\",\"event\":\"e\",\"writeKey\":\"key1\"}";
    static const char wrong[] = "{\"userId\":\"u\",\"event\":\"e\",\"writeKey\":\"nope\"}";
    static const char none[] = "{\"userId\":\"u\",\"event\":\"e\"}";
    static const struct {
        const char *authorization, *query, *body;
        enum status status;
    } cases[] = {
        {KEY1, "", none, STATUS_OK},
        {"basic  a2V5MTo", "", none, STATUS_OK},            /* no padding, case, blanks */
        {"Basic a2V5MTpzZWNyZXQ=", "", none, STATUS_OK},    /* key1:secret */
        {KEY1, "", wrong, STATUS_OK},                       /* the header wins */
        {"Basic bm9wZTo=", "", plain, STATUS_UNAUTHORIZED}, /* nope: */
        {"", "", plain, STATUS_OK},
        {"Bearer abc", "", plain, STATUS_OK},
        {"Basic !!!", "", plain, STATUS_OK},
        {"Basic Og==", "", plain, STATUS_OK}, /* an empty user */
        {"", "key1", none, STATUS_OK},
        {"", "nope", plain, STATUS_UNAUTHORIZED},
        {"", "", wrong, STATUS_UNAUTHORIZED},
        {"", "", none, STATUS_UNAUTHORIZED},
        {"Basic a2V5MDo=", "", none, STATUS_FORBIDDEN}, /* key0: of the source that is off */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&w->body);
        buffer_add_slice(&w->body, slice_text(cases[i].body));
        enum status status =
            send_request(w, (struct segment_request){.path = SLICE("/v1/track"),
                                                     .authorization = slice_text(cases[i].authorization),
                                                     .write_key = slice_text(cases[i].query),
                                                     .body = buffer_slice(&w->body)});
        if (status != cases[i].status)
            fail_msg("case %zu: %s", i, status_name(status));
    }
}

static void test_single_refused(void **state) {
    struct world *w = *state;
    static const struct {
        const char *path, *body, *code;
    } cases[] = {
        {"/v1/track", "", "empty_body"},
        {"/v1/track", "  \n", "empty_body"},
        {"/v1/track", "{", "invalid_json"},
        {"/v1/track", "{\"a\":\"\xff\"}", "invalid_json"},
        {"/v1/track", "[]", "not_an_object"},
        {"/v1/track", "\xef\xbb\xbf\xef\xbb\xbf{}", "not_an_object|invalid_json"},
        {"/v1/track", "{}", "no_user_anon_id"},
        {"/v1/track", "{\"userId\":\"\",\"anonymousId\":\" \",\"event\":\"e\"}", "no_user_anon_id"},
        {"/v1/track", "{\"userId\":null,\"event\":\"e\"}", "no_user_anon_id"},
        {"/v1/track", "{\"userId\":\"u\"}", "missing_event"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":5}", "missing_event"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":\"\"}", "missing_event"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":\"e\",\"type\":\"page\"}", "type_mismatch"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":\"e\",\"type\":\"x\"}", "unknown_type"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":\"e\",\"type\":1}", "missing_type"},
        {"/v1/track", "{\"userId\":\"u\",\"event\":\"e\",\"messageId\":1}", "invalid_message_id"},
        {"/v1/group", "{\"userId\":\"u\"}", "missing_group_id"},
        {"/v1/group", "{\"groupId\":\"g\"}", "no_user_anon_id"},
        {"/v1/alias", "{\"userId\":\"u\"}", "missing_previous_id"},
        {"/v1/alias", "{\"previousId\":\"u\"}", "no_user_anon_id"},
        {"/v1/batch", "{}", "missing_batch"},
        {"/v1/batch", "{\"batch\":{}}", "missing_batch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum status status = post(w, cases[i].path, cases[i].body);
        char *answer = memory_text(w->answer.body), code[60] = "";
        sscanf(answer, "{\"success\":false,\"code\":\"%59[^\"]", code);
        if (status != STATUS_INVALID || !code[0] || !strstr(cases[i].code, code))
            fail_msg("%s %s: %s", cases[i].path, cases[i].body, answer);
        free(answer);
    }
}

/* A body of exactly `size` bytes around a text of blanks. */
static struct slice padded_body(struct buffer *into, const char *before, const char *after, size_t size) {
    buffer_clear(into);
    buffer_add_slice(into, slice_text(before));
    while (into->size + strlen(after) < size)
        buffer_add_char(into, 'x');
    buffer_add_slice(into, slice_text(after));
    return buffer_slice(into);
}

static void test_limits(void **state) {
    struct world *w = *state;
    struct buffer body = {0};
    const char *head = "{\"userId\":\"u\",\"event\":\"e\",\"p\":\"";
    padded_body(&body, head, "\"}", SEGMENT_ITEM_BYTES_MAX);
    assert_int_equal(post_slice(w, "/v1/track", buffer_slice(&body)), STATUS_OK);
    padded_body(&body, head, "\"}", SEGMENT_ITEM_BYTES_MAX + 1);
    assert_int_equal(post_slice(w, "/v1/track", buffer_slice(&body)), STATUS_TOO_LARGE);
    assert_true(answer_has(w, "32769") && answer_has(w, "32768"));
    padded_body(&body, "{\"batch\":[],\"p\":\"", "\"}", SEGMENT_BATCH_BYTES_MAX);
    assert_int_equal(post_slice(w, "/v1/batch", buffer_slice(&body)), STATUS_OK);
    padded_body(&body, "{\"batch\":[],\"p\":\"", "\"}", SEGMENT_BATCH_BYTES_MAX + 1);
    assert_int_equal(post_slice(w, "/v1/batch", buffer_slice(&body)), STATUS_TOO_LARGE);
    assert_true(answer_has(w, "512001") && answer_has(w, "512000"));
    /* message ids: characters count, not bytes */
    head = "{\"userId\":\"u\",\"event\":\"e\",\"messageId\":\"\xe5\xba\x97";
    padded_body(&body, head, "\"}", strlen(head) + 99 + 2);
    assert_int_equal(post_slice(w, "/v1/track", buffer_slice(&body)), STATUS_OK);
    padded_body(&body, head, "\"}", strlen(head) + 100 + 2);
    assert_int_equal(post_slice(w, "/v1/track", buffer_slice(&body)), STATUS_INVALID);
    assert_true(answer_has(w, "message_id_too_long"));
    /* items */
    for (size_t count = SEGMENT_BATCH_ITEMS_MAX; count <= SEGMENT_BATCH_ITEMS_MAX + 1; count++) {
        buffer_clear(&body);
        buffer_print(&body, "{\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}");
        for (size_t i = 1; i < count; i++)
            buffer_print(&body, ",{\"type\":\"page\",\"userId\":\"u\"}");
        buffer_print(&body, "]}");
        bool fits = count == SEGMENT_BATCH_ITEMS_MAX;
        assert_int_equal(post_slice(w, "/v1/b", buffer_slice(&body)), fits ? STATUS_OK : STATUS_TOO_LARGE);
        assert_int_equal(w->answer.record_count, fits ? count : 0);
        assert_true(fits || answer_has(w, "too_many_items"));
    }
    /* an outer context that would be written too often */
    padded_body(&body, "{\"context\":{\"x\":\"", "\"},\"batch\":[", 20000);
    for (size_t i = 0; i < 1000; i++)
        buffer_print(&body, "%s{\"type\":\"page\",\"userId\":\"u\"}", i ? "," : "");
    buffer_print(&body, "]}");
    assert_int_equal(post_slice(w, "/v1/b", buffer_slice(&body)), STATUS_TOO_LARGE);
    padded_body(&body, "{\"batch\":[],\"context\":{\"x\":\"", "\"}}", 40000);
    assert_int_equal(post_slice(w, "/v1/b", buffer_slice(&body)), STATUS_TOO_LARGE);
    buffer_release(&body);
}

static void test_batch(void **state) {
    struct world *w = *state;
    struct slice context, item;
    static const char body[] =
        "{ \"writeKey\" : \"key1\" , \"batch\" : [ "
        "{\"type\":\"track\",\"event\":\"a]}\\\"\",\"userId\":\"u\",\"sentAt\":"
        "\"2020-01-01\"} ,\n{\"type\":\"page\"}, 5 , "
        "{\"type\":\"identify\",\"userId\":\"v\",\"integrations\":{\"A\":true}},"
        "{\"userId\":\"u\"}, {\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"p\"} ] , \"sentAt\":1700000000,"
        "\"integrations\":{\"All\":false},\"context\" : {\"ip\":\"1.2.3.4\"} }";
    assert_int_equal(post(w, "/v1/batch", body), STATUS_OK);
    assert_int_equal(w->answer.record_count, 3);
    assert_int_equal(w->answer.rejected_count, 3);
    assert_true(answer_has(w, "{\"index\":1,\"code\":\"no_user_anon_id\""));
    assert_true(answer_has(w, "{\"index\":2,\"code\":\"not_an_object\""));
    assert_true(answer_has(w, "{\"index\":4,\"code\":\"missing_type\""));
    struct payload_segment head = parts(w, 0, &context, &item);
    assert_int_equal(head.sent_at_ms, 1700000000000);
    assert_true(slice_is(context, "{\"ip\":\"1.2.3.4\"}"));
    assert_true(slice_is(item,
                         "{\"integrations\":{\"All\":false},\"type\":\"track\",\"event\":\"a]}\\\"\",\"userId\":\"u\","
                         "\"sentAt\":\"2020-01-01\"}"));
    parts(w, 1, &context, &item);
    assert_true(slice_is(item, "{\"type\":\"identify\",\"userId\":\"v\",\"integrations\":{\"A\":true}}"));
    parts(w, 2, &context, &item);
    assert_true(slice_starts(item, SLICE("{\"integrations\":{\"All\":false},\"type\":\"alias\"")));
    /* without a sentAt of its own, the batch has its items' */
    assert_int_equal(post(w, "/v1/batch",
                          "{\"context\":null,\"batch\":[{\"type\":\"page\",\"userId\":\"u\",\"sentAt\":"
                          "\"1970-01-01T00:00:01Z\"}]}"),
                     STATUS_OK);
    assert_int_equal(parts(w, 0, &context, &item).sent_at_ms, 1000);
    assert_int_equal(context.size, 0);
    /* the last one wins where a member repeats, as in the parsed body */
    assert_int_equal(post(w, "/v1/import",
                          "{\"batch\":[1,[2]],\"batch\":[{\"type\":\"page\",\"userId\":\"u\"}],\"context\":{"
                          "\"a\":1},\"context\":{}}"),
                     STATUS_OK);
    assert_int_equal(w->answer.record_count, 1);
    assert_int_equal(w->answer.rejected_count, 0);
    parts(w, 0, &context, &item);
    assert_int_equal(context.size, 0);
    assert_int_equal(post(w, "/v1/batch", "{\"batch\":[]}"), STATUS_OK);
    assert_int_equal(w->answer.record_count, 0);
}

static void deflate_text(struct slice text, int window_bits, struct buffer *into) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)text.data;
    z.avail_in = (uInt)text.size;
    z.next_out = (Bytef *)buffer_reserve(into, text.size + 1000);
    z.avail_out = (uInt)text.size + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    into->size += z.total_out;
    deflateEnd(&z);
}

static void test_compressed(void **state) {
    struct world *w = *state;
    struct buffer bomb = {0};
    struct slice text = SLICE("{\"userId\":\"u\",\"event\":\"e\"}");
    static const struct {
        int window_bits; /* 0: as it is */
        const char *encoding;
        enum status status;
    } cases[] = {
        {31, "gzip", STATUS_OK},    {31, "GZIP", STATUS_OK},        {31, "", STATUS_OK},
        {15, "deflate", STATUS_OK}, {0, "gzip", STATUS_OK}, /* unpacked on the way, the header left */
        {0, "identity", STATUS_OK}, {0, "deflate", STATUS_INVALID}, {0, "br", STATUS_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&w->body);
        if (cases[i].window_bits)
            deflate_text(text, cases[i].window_bits, &w->body);
        else
            buffer_add_slice(&w->body, text);
        enum status status = send_request(w, (struct segment_request){.path = SLICE("/v1/track"),
                                                                      .authorization = SLICE(KEY1),
                                                                      .encoding = slice_text(cases[i].encoding),
                                                                      .body = buffer_slice(&w->body)});
        if (status != cases[i].status)
            fail_msg("case %zu: %s", i, status_name(status));
    }
    memset(buffer_reserve(&bomb, 20 << 20), ' ', 20 << 20);
    bomb.size = 20 << 20;
    buffer_clear(&w->body);
    deflate_text(buffer_slice(&bomb), 31, &w->body);
    assert_true(w->body.size < 100000);
    assert_int_equal(send_request(w, (struct segment_request){.path = SLICE("/v1/batch"),
                                                              .authorization = SLICE(KEY1),
                                                              .body = buffer_slice(&w->body)}),
                     STATUS_TOO_LARGE);
    assert_true(answer_has(w, "512000"));
    buffer_release(&bomb);
}

/* A random JSON value with everything that could mislead a cutter. */
static void random_value(struct random *r, struct buffer *out, int depth) {
    static const char *const leaves[] = {"null",     "true",          "-1.5e3",           "0",
                                         "\"\"",     "\"]\"",         "\"}{[,:\"",        "\"\\\\\"",
                                         "\"\\\"\"", "\"\\\\\\\"]\"", "\"\xe5\xba\x97\"", "\"\\u0041\""};
    static const char *const blanks[] = {"", "", " ", "\n", "\t \r\n"};
    uint64_t kind = random_below(r, depth > 3 ? 1 : 3);
    const char *blank = blanks[random_below(r, 5)];
    if (!kind) {
        buffer_print(out, "%s%s%s", blank, leaves[random_below(r, 12)], blank);
        return;
    }
    buffer_print(out, "%s%s%s", blank, kind == 1 ? "[" : "{", blank);
    for (uint64_t i = 0, count = random_below(r, 4); i < count; i++) {
        buffer_print(out, "%s", i ? "," : "");
        if (kind == 2)
            buffer_print(out, "%s%s%s:", blank, leaves[4 + random_below(r, 8)], blank);
        random_value(r, out, depth + 1);
    }
    buffer_print(out, "%s%s%s", blank, kind == 1 ? "]" : "}", blank);
}

static void test_random_batches(void **state) {
    struct world *w = *state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct random r;
        struct buffer body = {0}, want = {0};
        random_init(&r, seed);
        size_t starts[40], sizes[40], count = random_below(&r, 40);
        buffer_print(&body, "{\"a\":");
        random_value(&r, &body, 0);
        buffer_print(&body, ",\"batch\" : [");
        for (size_t i = 0; i < count; i++) {
            starts[i] = want.size;
            buffer_print(&want, "{\"type\":\"page\",\"userId\":\"u%zu\",\"x\":", i);
            random_value(&r, &want, 0);
            buffer_print(&want, "}");
            sizes[i] = want.size - starts[i];
            buffer_print(&body, "%s%.*s", i ? " ," : " ", (int)sizes[i], want.data + starts[i]);
        }
        buffer_print(&body, " ] ,\"z\":");
        random_value(&r, &body, 0);
        buffer_print(&body, "}");
        if (post_slice(w, "/v1/batch", buffer_slice(&body)) != STATUS_OK || w->answer.record_count != count)
            fail_msg("seed %llu: %.*s", (unsigned long long)seed, SLICE_ARG(w->answer.body));
        for (size_t i = 0; i < count; i++) {
            struct slice context, item;
            parts(w, i, &context, &item);
            if (!slice_equal(item, slice_of(want.data + starts[i], sizes[i])))
                fail_msg("seed %llu item %zu: %.*s", (unsigned long long)seed, i, SLICE_ARG(item));
        }
        buffer_release(&body);
        buffer_release(&want);
    }
}

static void test_settings(void **state) {
    struct world *w = *state;
    struct buffer into = {0};
    const struct json *root;
    assert_int_equal(segment_settings(w->door, SLICE("nope"), SLICE("http"), SLICE("h"), &into, &w->fault),
                     STATUS_UNAUTHORIZED);
    assert_int_equal(segment_settings(w->door, SLICE("key1"), SLICE("http"), SLICE("127.0.0.1:80"), &into, &w->fault),
                     STATUS_OK);
    assert_int_equal(json_parse(w->parser, buffer_slice(&into), true, &root, &w->fault), STATUS_OK);
    const struct json *segment = json_get(w->parser, json_get(w->parser, root, "integrations"), "Segment.io");
    assert_true(slice_is(json_get_text(w->parser, segment, "apiKey"), "key1"));
    assert_true(slice_is(json_get_text(w->parser, segment, "apiHost"), "127.0.0.1:80/v1"));
    assert_true(slice_is(json_get_text(w->parser, segment, "protocol"), "http"));
    assert_non_null(json_get(w->parser, json_get(w->parser, root, "plan"), "track"));
    assert_int_equal(json_get_integer(w->parser, json_get(w->parser, root, "metrics"), "sampleRate", 1), 0);
    buffer_release(&into);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test_setup_teardown(test_single, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(test_single_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_batch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compressed, setup, teardown),
        cmocka_unit_test_setup_teardown(test_random_batches, setup, teardown),
        cmocka_unit_test_setup_teardown(test_settings, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
