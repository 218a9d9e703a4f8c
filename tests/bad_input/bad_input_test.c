/* bad_input_test: what senders get wrong in what they send to the tracking API: JSON, keys, sizes, times, values, identifiers, compression.
 * Each class gets an answer that names what and where, and nobody else's data suffers (bad_input_client.h).
 * Next to it: bad_file_test (imports, mappings), bad_wire_test (connections), bad_pressure_test (a full disk, lag, rates). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#include <cmocka.h>

#include "bad_input_client.h"
#include "base/time.h"

static struct bed bed;

static int open_bed(void **state) {
    (void)state;
    bed_open(&bed, NULL, NULL, NULL);
    return 0;
}
static int close_bed(void **state) {
    (void)state;
    bed_close(&bed);
    return 0;
}

/* A text of `size` times `c`; free with free(). */
static char *repeated(char c, size_t size) {
    char *text = memory_get(size + 1, 1);
    memset(text, c, size);
    return text;
}

/* --- JSON --- */

static void test_invalid_json(void **state) {
    (void)state;
    static const struct {
        const char *what, *path, *body, *code;
    } cases[] = {
        {"cut off", "/v1/track", "{\"userId\":\"u\",\"event\":", "invalid_json|value is expected|after 22 bytes"},
        {"no quotes", "/v1/track", "{userId:1}", "invalid_json|name in quotes|after 1 bytes"},
        {"two documents", "/v1/track", "{\"userId\":\"u\",\"event\":\"E\"}{}",
         "invalid_json|follows the document|after 26 bytes"},
        {"not UTF-8", "/v1/track", "{\"userId\":\"\xff\xfe\",\"event\":\"E\"}",
         "invalid_json|not UTF-8|after 11 bytes"},
        {"half a surrogate pair", "/v1/track", "{\"userId\":\"\\ud800\",\"event\":\"E\"}",
         "invalid_json|surrogate pair"},
        {"a form", "/v1/track", "userId=u&event=E", "invalid_json|value is expected|after 0 bytes"},
        {"empty", "/v1/track", "", "empty_body"},
        {"blank", "/v1/track", " \r\n ", "empty_body"},
        {"a list", "/v1/track", "[1]", "not_an_object"},
        {"null", "/v1/track", "null", "not_an_object"},
        {"batch cut off", "/v1/batch", "{\"batch\":[{\"type\":\"track\",\"userId\":\"u\",\"event\":\"E\"}",
         "invalid_json"},
        {"no batch", "/v1/batch", "{\"type\":\"track\"}", "missing_batch"},
        {"batch no list", "/v1/batch", "{\"batch\":{}}", "missing_batch"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_writer(&bed, cases[i].what, cases[i].path, slice_text(cases[i].body), 400, cases[i].code);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "u", "E"), 0);
}

static void test_bad_items_in_a_good_batch(void **state) {
    (void)state;
    static const char *const body = "{\"batch\":["
                                    "{\"type\":\"track\",\"userId\":\"b0\",\"messageId\":\"b0\",\"event\":\"E\"},"
                                    "17,"
                                    "{\"type\":\"track\",\"userId\":\"b2\"},"
                                    "{\"type\":\"trakc\",\"userId\":\"b3\",\"event\":\"E\"},"
                                    "{\"type\":\"track\",\"event\":\"E\"},"
                                    "{\"type\":\"alias\",\"userId\":\"b5\"},"
                                    "{\"type\":\"group\",\"userId\":\"b6\"},"
                                    "{\"type\":\"track\",\"userId\":\"b7\",\"event\":\"E\",\"messageId\":7},"
                                    "{\"userId\":\"b8\",\"event\":\"E\"},"
                                    "{\"type\":\"track\",\"userId\":\"b9\",\"messageId\":\"b9\",\"event\":\"E\"}]}";
    expect_writer(
        &bed, "bad items", "/v1/batch", slice_text(body), 200,
        "\"accepted\":2|{\"index\":1,\"code\":\"not_an_object\"|{\"index\":2,\"code\":\"missing_event\"|"
        "{\"index\":3,\"code\":\"unknown_type\",\"message\":\"\\\"trakc\\\"|{\"index\":4,\"code\":\"no_user_anon_id\"|"
        "{\"index\":5,\"code\":\"missing_previous_id\"|{\"index\":6,\"code\":\"missing_group_id\"|"
        "{\"index\":7,\"code\":\"invalid_message_id\"|{\"index\":8,\"code\":\"missing_type\"");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "b0", "E"), 1);
    assert_int_equal(row_count(&bed, "b9", "E"), 1);
    static const char *const refused[] = {"b2", "b3", "b5", "b6", "b7", "b8"};
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(row_count(&bed, refused[i], "E"), 0);
}

static void deep_body(struct buffer *into, const char *user, unsigned levels) {
    buffer_print(into, "{\"userId\":\"%s\",\"event\":\"E\",\"properties\":{\"deep\":", user);
    for (unsigned i = 0; i < levels; i++)
        buffer_add(into, i % 2 ? "[" : "{\"a\":", i % 2 ? 1 : 5);
    buffer_add_char(into, '1');
    for (unsigned i = levels; i-- > 0;)
        buffer_add_char(into, i % 2 ? ']' : '}');
    buffer_add(into, "}}", 2);
}

static void test_json_too_deep(void **state) {
    (void)state;
    struct buffer body = {0};
    static const unsigned too_deep[] = {201, 1000, 6000};
    for (size_t i = 0; i < 3; i++) {
        buffer_clear(&body);
        deep_body(&body, "deep", too_deep[i]);
        expect_writer(&bed, "too deep", "/v1/track", buffer_slice(&body), 400, "invalid_json|200 levels|after ");
    }
    buffer_clear(&body);
    deep_body(&body, "less-deep", 150); /* deep, but allowed: the record arrives whatever becomes of the value */
    expect_writer(&bed, "150 levels", "/v1/track", buffer_slice(&body), 200, "\"accepted\":1");
    buffer_release(&body);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "deep", "E"), 0);
    assert_int_equal(row_count(&bed, "less-deep", "E"), 1);
}

/* --- keys --- */

static void with_key(const char *what, const char *method, const char *path, const char *header, const char *body,
                     int code, const char *words) {
    struct buffer out = {0};
    struct answer answer;
    buffer_print(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\n%sContent-Length: %zu\r\n\r\n%s", method, path, header,
                 strlen(body), body);
    ask_wire(&bed, buffer_slice(&out), &answer);
    check_answer(what, &answer, code, words);
    if (code == 401)
        assert_true(answer_header(&answer, "WWW-Authenticate").size > 0);
    answer_release(&answer);
    buffer_release(&out);
}

#define KEY_EVENT "{\"userId\":\"keyless\",\"event\":\"E\"}"

static void test_keys(void **state) {
    (void)state;
    char header[200], revoked[48], hash[65], path[160];
    struct fault fault = {0};
    with_key("no write key", "POST", "/v1/track", "", KEY_EVENT, 401, "missing_write_key|writeKey");
    with_key("unknown write key", "POST", "/v1/track", "X-Write-Key: ofw_nobody\r\n", KEY_EVENT, 401,
             "invalid_write_key");
    with_key("unknown key in the body", "POST", "/v1/track", "",
             "{\"writeKey\":\"ofw_nobody\",\"userId\":\"keyless\",\"event\":\"E\"}", 401, "invalid_write_key");
    snprintf(header, sizeof header, "X-Write-Key: %s\r\n", bed.admin_key);
    with_key("admin key on tracking", "POST", "/v1/track", header, KEY_EVENT, 401, "invalid_write_key");
    with_key("broken Basic", "POST", "/v1/track", "Authorization: Basic %%%\r\n", KEY_EVENT, 401, "write_key");
    with_key("no admin key", "GET", "/v1/sources", "", "", 401, "admin key");
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", bed.write_key);
    with_key("write key on an admin route", "GET", "/v1/sources", header, "", 401, "not known as an admin key");
    if (server_source(bed.server, "other", "segment", revoked, &fault))
        fail_msg("%s", fault.text);
    snprintf(header, sizeof header, "X-Write-Key: %s\r\n", revoked);
    with_key("before the revocation", "POST", "/v1/track", header, "{\"userId\":\"k1\",\"event\":\"E\"}", 200,
             "\"accepted\":1");
    sources_hash_key(slice_text(revoked), hash);
    snprintf(path, sizeof path, "/v1/sources/other/keys/%s", hash);
    expect_admin(&bed, "revoke", "DELETE", path, NULL, 200, "in_force");
    with_key("revoked write key", "POST", "/v1/track", header, KEY_EVENT, 401, "invalid_write_key");
    char admin[48];
    if (server_admin_key(bed.server, admin, &fault) || server_drop_key(bed.server, admin, &fault))
        fail_msg("%s", fault.text);
    snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", admin);
    with_key("revoked admin key", "GET", "/v1/sources", header, "", 401, "revoked");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "keyless", "E"), 0);
    assert_int_equal(row_count(&bed, "k1", "E"), 1);
}

/* --- sizes --- */

static void test_33_kb_event(void **state) {
    (void)state;
    struct buffer body = {0};
    char *filler = repeated('x', 33 << 10);
    buffer_print(&body, "{\"userId\":\"big\",\"event\":\"E\",\"properties\":{\"text\":\"%s\"}}", filler);
    expect_writer(&bed, "33 KB alone", "/v1/track", buffer_slice(&body), 413, "too_large|32768");
    buffer_clear(&body);
    buffer_print(&body,
                 "{\"batch\":[{\"type\":\"track\",\"userId\":\"beside\",\"event\":\"E\",\"messageId\":\"s0\"},"
                 "{\"type\":\"track\",\"userId\":\"big\",\"event\":\"E\",\"properties\":{\"text\":\"%s\"}},"
                 "{\"type\":\"track\",\"userId\":\"beside\",\"event\":\"E\",\"messageId\":\"s2\"}]}",
                 filler);
    expect_writer(&bed, "33 KB in a batch", "/v1/batch", buffer_slice(&body), 200,
                  "\"accepted\":2|{\"index\":1,\"code\":\"too_large\"|32768");
    free(filler);
    buffer_release(&body);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "beside", "E"), 2);
    assert_int_equal(row_count(&bed, "big", "E"), 0);
}

static void batch_of(struct buffer *into, const char *user, unsigned items, const char *filler) {
    buffer_clear(into);
    buffer_add_slice(into, SLICE("{\"batch\":["));
    for (unsigned i = 0; i < items; i++)
        buffer_print(into,
                     "%s{\"type\":\"track\",\"userId\":\"%s\",\"event\":\"E\",\"properties\":{\"n\":%u,\"t\":\"%s\"}}",
                     i ? "," : "", user, i, filler);
    buffer_add_slice(into, SLICE("]}"));
}

static void test_large_batches(void **state) {
    (void)state;
    struct buffer body = {0};
    char *filler = repeated('x', 5000);
    batch_of(&body, "large", 105, filler);
    assert_true(body.size > 512000);
    expect_writer(&bed, "batch > 500 KB", "/v1/batch", buffer_slice(&body), 413, "too_large|512000");
    batch_of(&body, "many", 2501, "");
    expect_writer(&bed, "2,501 items", "/v1/batch", buffer_slice(&body), 413, "too_many_items|2501|2500");
    batch_of(&body, "just", 2500, "");
    expect_writer(&bed, "2,500 items", "/v1/batch", buffer_slice(&body), 200, "\"accepted\":2500");
    free(filler);
    buffer_release(&body);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "large", "E") + row_count(&bed, "many", "E"), 0);
    assert_int_equal(row_count(&bed, "just", "E"), 500); /* the page's limit */
}

/* --- times --- */

/* The time of the customer's first row, or TIME_NONE. */
static int64_t row_time(const char *user, const char *type) {
    char path[200];
    struct answer answer;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    int64_t time_ms = TIME_NONE;
    bool zoned;
    snprintf(path, sizeof path, "/v1/profiles/user_id:%s/timeline", user);
    ask_admin(&bed, "GET", path, SLICE_NONE, &answer);
    check_answer(path, &answer, 200, type);
    assert_int_equal(json_parse(p, buffer_slice(&answer.body), true, &root, NULL), STATUS_OK);
    const struct json *row = json_first(p, json_get(p, root, "timeline"));
    assert_non_null(row);
    assert_int_equal(time_parse_iso(json_get_text(p, row, "time"), &time_ms, &zoned), STATUS_OK);
    json_parser_free(p);
    answer_release(&answer);
    return time_ms;
}

static void send_timed(const char *user, const char *timestamp, const char *sent_at) {
    struct buffer body = {0};
    buffer_print(
        &body,
        "{\"batch\":[{\"type\":\"track\",\"userId\":\"%s\",\"messageId\":\"%s\",\"event\":\"T\",\"timestamp\":%s}]",
        user, user, timestamp);
    if (sent_at)
        buffer_print(&body, ",\"sentAt\":\"%s\"", sent_at);
    buffer_add_char(&body, '}');
    expect_writer(&bed, "a doubtful time", "/v1/batch", buffer_slice(&body), 200, "\"accepted\":1");
    buffer_release(&body);
}

static void iso(char into[TIME_TEXT_BYTES], int64_t ms) { into[time_format(ms, into)] = 0; }

static void near(int64_t found, int64_t expected) {
    if (found < expected - 60000 || found > expected + 60000)
        fail_msg("the time is %lld ms off", (long long)(found - expected));
}

static void test_future_and_unreadable_times(void **state) {
    (void)state;
    char when[TIME_TEXT_BYTES + 2], sent[TIME_TEXT_BYTES];
    int64_t now = os_now_ms(os_real()), year = 365ll * 24 * 3600 * 1000;
    send_timed("t-years-ahead", "\"2099-01-01T00:00:00Z\"", NULL);
    send_timed("t-unreadable", "\"yesterday-ish\"", NULL);
    send_timed("t-object", "{\"at\":1}", NULL);
    send_timed("t-month-13", "\"2026-13-01T00:00:00Z\"", NULL);
    bed_settle(&bed);
    near(row_time("t-years-ahead", "T"), now); /* the time of arrival takes their place */
    near(row_time("t-unreadable", "T"), now);
    near(row_time("t-object", "T"), now);
    near(row_time("t-month-13", "T"), now);
    expect_admin(&bed, "future time", "GET", "/v1/quarantine?reason=FUTURE_TIME", NULL, 200,
                 "\"field\":\"timestamp\"|2099-01-01");
    expect_admin(&bed, "unreadable time", "GET", "/v1/quarantine?reason=BAD_TIME", NULL, 200,
                 "\"field\":\"timestamp\"|yesterday-ish|2026-13-01");
    /* A device whose clock is two years ahead says so by its sentAt: what happened an hour before sending is an hour ago. */
    when[0] = '"';
    iso(when + 1, now + 2 * year - 3600000);
    memcpy(when + strlen(when), "\"", 2);
    iso(sent, now + 2 * year);
    send_timed("t-clock-ahead", when, sent);
    iso(when + 1, now - 2 * year - 3600000);
    memcpy(when + strlen(when), "\"", 2);
    iso(sent, now - 2 * year);
    send_timed("t-clock-behind", when, sent);
    bed_settle(&bed);
    near(row_time("t-clock-ahead", "T"), now - 3600000);
    near(row_time("t-clock-behind", "T"), now - 3600000);
}

/* --- values, and their repair --- */

static void test_wrong_type_is_kept_and_repaired(void **state) {
    (void)state;
    static const char *const values[] = {"12", "13.5", "\"abc\"", "14"};
    char body[300];
    for (unsigned i = 0; i < 4; i++) {
        int size =
            snprintf(body, sizeof body,
                     "{\"userId\":\"typed\",\"messageId\":\"typed-%u\",\"event\":\"Reading Taken\",\"properties\":"
                     "{\"level\":%s,\"room\":\"r%u\"}}",
                     i, values[i], i);
        expect_writer(&bed, "wrong type", "/v1/track", slice_of(body, (size_t)size), 200, "\"accepted\":1");
    }
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "typed", "Reading Taken"), 4); /* the record is there, without the value */
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:typed/timeline", "\"r2\""), 1);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:typed/timeline", "\"abc\""), 0);
    expect_admin(&bed, "wrong type in quarantine", "GET", "/v1/quarantine?source=web", NULL, 200,
                 "\"reason\":\"WRONG_TYPE\"|\"field\":\"properties.level\"|abc|\"whole\":false|\"repaired\":false|"
                 "\"waiting\":1");
    expect_admin(&bed, "replay without a repair", "POST", "/v1/quarantine/replay", "{}", 200, "\"waiting\":1");
    expect_admin(
        &bed, "a repair that cannot be", "POST", "/v1/dictionary",
        "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Reading Taken\",\"properties\":{\"level\":\"bool\"}}", 409,
        "level|number|bool");
    expect_admin(
        &bed, "the repair", "POST", "/v1/dictionary",
        "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Reading Taken\",\"properties\":{\"level\":\"text\"}}", 200,
        "in_force");
    expect_admin(&bed, "replay", "POST", "/v1/quarantine/replay", "{\"reason\":\"WRONG_TYPE\"}", 200, "\"waiting\":0");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "typed", "Reading Taken"), 4);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:typed/timeline", "\"level\":\"abc\""), 1);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:typed/timeline", "\"r2\""), 1);
    assert_int_equal(count_in(&bed, "/v1/quarantine", "\"WRONG_TYPE\""), 0);
    assert_int_equal(count_in(&bed, "/v1/quarantine?repaired=1", "\"repaired\":true"), 1);
    expect_admin(&bed, "replay again", "POST", "/v1/quarantine/replay", "{}", 200, "\"waiting\":0");
    assert_int_equal(row_count(&bed, "typed", "Reading Taken"), 4);
}

/* --- identifiers --- */

static void test_no_usable_identifier(void **state) {
    (void)state;
    static const char *const blocked[] = {"null", "undefined", "00000000-0000-0000-0000-000000000000", "N/A"};
    char body[200];
    expect_writer(&bed, "no identifiers", "/v1/track", SLICE("{\"event\":\"E\"}"), 400,
                  "no_user_anon_id|userId|anonymousId");
    expect_writer(&bed, "empty identifiers", "/v1/track",
                  SLICE("{\"event\":\"E\",\"userId\":\"\",\"anonymousId\":\" \"}"), 400, "no_user_anon_id");
    expect_writer(&bed, "a bool as userId", "/v1/track", SLICE("{\"event\":\"E\",\"userId\":true}"), 400,
                  "no_user_anon_id");
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        int size = snprintf(body, sizeof body, "{\"userId\":\"%s\",\"messageId\":\"blocked-%zu\",\"event\":\"E\"}",
                            blocked[i], i);
        expect_writer(&bed, "a placeholder", "/v1/track", slice_of(body, (size_t)size), 200, "\"accepted\":1");
    }
    bed_settle(&bed);
    assert_int_equal(count_in(&bed, "/v1/quarantine?reason=NO_IDENTIFIER", "\"reason\":\"NO_IDENTIFIER\""), 4);
    expect_admin(&bed, "placeholders in quarantine", "GET", "/v1/quarantine?reason=NO_IDENTIFIER", NULL, 200,
                 "\"whole\":true|belongs to nobody");
    for (size_t i = 0; i < sizeof blocked / sizeof *blocked; i++) {
        char id[80];
        for (size_t k = 0; k <= strlen(blocked[i]); k++)
            id[k] = blocked[i][k] == '/' ? '_' : blocked[i][k];
        assert_int_equal(row_count(&bed, id, "E"), 0); /* nobody is called so */
    }
}

/* --- compression --- */

static void compress_into(struct buffer *into, struct slice plain) {
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    buffer_clear(into);
    z.next_in = (Bytef *)(uintptr_t)plain.data;
    z.avail_in = (uInt)plain.size;
    z.next_out = (Bytef *)buffer_reserve(into, plain.size + 1000);
    z.avail_out = (uInt)plain.size + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    into->size = z.total_out;
    deflateEnd(&z);
}

static void encoded(const char *what, const char *headers, struct slice body, int code, const char *words) {
    struct answer answer;
    ask_post(&bed, "/v1/batch", headers, body, &answer);
    check_answer(what, &answer, code, words);
    answer_release(&answer);
}

#define ZIPPED "{\"batch\":[{\"type\":\"track\",\"userId\":\"zip\",\"messageId\":\"zip\",\"event\":\"E\"}]}"

static void test_compression(void **state) {
    (void)state;
    struct buffer packed = {0};
    compress_into(&packed, SLICE(ZIPPED));
    encoded("encoding br", "Content-Encoding: br\r\n", SLICE("\x0b\x02\x80"), 415, "unsupported_encoding|br|gzip");
    encoded("two encodings", "Content-Encoding: gzip, br\r\n", buffer_slice(&packed), 415, "unsupported_encoding");
    encoded("half a gzip", "Content-Encoding: gzip\r\n", slice_of(packed.data, packed.size / 2), 400,
            "invalid_compression");
    packed.data[packed.size - 6] ^= 1;
    encoded("gzip with a wrong checksum", "Content-Encoding: gzip\r\n", buffer_slice(&packed), 400,
            "invalid_compression");
    packed.data[packed.size - 6] ^= 1;
    encoded("text that says gzip", "Content-Encoding: gzip\r\n", SLICE("garbage"), 400, "invalid_");
    encoded("deflate that is none", "Content-Encoding: deflate\r\n", SLICE("garbage"), 400, "invalid_compression");
    encoded("the good gzip", "Content-Encoding: gzip\r\n", buffer_slice(&packed), 200, "\"accepted\":1");
    char *zeros = repeated(' ', 64 << 20); /* 64 MiB of blanks in 64 KB */
    compress_into(&packed, slice_of(zeros, 64 << 20));
    int64_t begun = cpu_ms(); /* both ends are in it */
    encoded("gzip bomb", "Content-Encoding: gzip\r\n", buffer_slice(&packed), 413, "too_large|512000");
    assert_true(cpu_ms() - begun < 5000);
    free(zeros);
    buffer_release(&packed);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "zip", "E"), 1);
}

/* --- paths --- */

static void test_paths_and_methods(void **state) {
    (void)state;
    struct answer answer;
    expect_admin(&bed, "unknown route", "GET", "/v1/nothing", NULL, 404, "NOT_FOUND|openapi.json");
    expect_admin(&bed, "unknown POST", "POST", "/v1/tracks", "{}", 404, "NOT_FOUND");
    expect_admin(&bed, "unknown customer", "GET", "/v1/profiles/user_id:nobody-at-all", NULL, 404, "nobody-at-all");
    expect_admin(&bed, "bad parameter", "GET", "/v1/quarantine?limit=lots", NULL, 400, "limit|lots");
    expect_admin(&bed, "parameter too large", "GET", "/v1/quarantine?limit=100000", NULL, 400, "limit|1000");
    expect_admin(&bed, "bad percent-encoding", "GET", "/v1/profiles/user_id:%zz", NULL, 400, "percent-encoded");
    ask_wire(&bed, SLICE("GET /v1/track HTTP/1.1\r\nHost: a\r\n\r\n"), &answer);
    check_answer("GET on tracking", &answer, 405, "method|Allow");
    assert_true(slice_starts(answer_header(&answer, "Allow"), SLICE("POST")));
    answer_release(&answer);
    ask_wire(&bed, SLICE("BREW /v1/sources HTTP/1.1\r\nHost: a\r\n\r\n"), &answer);
    check_answer("unknown method", &answer, 405, "method|Allow");
    answer_release(&answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bed, close_bed)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_invalid_json),
        TEST(test_bad_items_in_a_good_batch),
        TEST(test_json_too_deep),
        TEST(test_keys),
        TEST(test_33_kb_event),
        TEST(test_large_batches),
        TEST(test_future_and_unreadable_times),
        TEST(test_wrong_type_is_kept_and_repaired),
        TEST(test_no_usable_identifier),
        TEST(test_compression),
        TEST(test_paths_and_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
