/* api_import: files brought in pieces, broken off, begun again after a restart; every row once in the log, or never lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json_read.h"
#include "collect/payload.h"
#include "os/os_sim.h"
#include "serve/serve_client.h"
#include "serve/serve_model.h"

static char folder[64];
static struct model *model;
static uint16_t port;
static struct json_parser *parser;
static struct reply last;

static const struct json *ask(const char *method, const char *path, const char *body, int code) {
    const struct json *root = NULL;
    reply_release(&last);
    exchange(NULL, port, method, path, MODEL_ADMIN_KEY, NULL, body, &last);
    if (last.code != code)
        fail_msg("%s %s: %d instead of %d: %s", method, path, last.code, code, last.body.data);
    if (last.body.size)
        assert_int_equal(json_parse(parser, buffer_slice(&last.body), false, &root, NULL), STATUS_OK);
    return root;
}

static void reopen(void) {
    model = model_open(folder, &(struct serve_options){0});
    port = model_port(model);
}

static int setup(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/onefold-imports-XXXXXX");
    assert_non_null(mkdtemp(folder));
    parser = json_parser_create();
    reopen();
    ask("POST", "/v1/mappings",
        "{\"name\":\"members\",\"record\":\"attributes\",\"columns\":{\"id\":\"identifier "
        "member_id\",\"city\":\"attribute city\"}}",
        200);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    char command[128];
    reply_release(&last);
    model_close(model);
    json_parser_free(parser);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static int64_t number(const struct json *object, const char *key) { return json_get_integer(parser, object, key, -1); }

static bool text_is(const struct json *object, const char *key, const char *text) {
    return slice_is(json_get_text(parser, object, key), text);
}

static void new_job(void) {
    const struct json *job =
        ask("POST", "/v1/imports", "{\"mapping\":\"members\",\"source\":\"files\",\"file\":\"members.csv\"}", 200);
    assert_true(text_is(job, "state", "open") && text_is(job, "format", "csv") && text_is(job, "encoding", "utf-8"));
}

static const struct json *feed(unsigned job, size_t offset, bool ends, const char *piece, int code) {
    char path[100];
    snprintf(path, sizeof path, "/v1/imports/%u/data?offset=%zu%s", job, offset, ends ? "&last=1" : "");
    return ask("POST", path, piece, code);
}

/* How many rows the log holds. */
static size_t rows_in_log(void) {
    struct log_reader *reader;
    struct log_record record;
    size_t count = 0;
    assert_int_equal(log_reader_open(model_parts(model)->log, 1, &reader, NULL), STATUS_OK);
    while (log_read(reader, &record, NULL) == STATUS_OK)
        count += record.kind == LOG_ROW;
    log_reader_close(reader);
    return count;
}

static const char file[] = "id,city\nm1,上海\nm2,杭州\nm3\nm4,北京\nm1,上海\n";

static void test_pieces_of_any_size(void **state) {
    (void)state;
    new_job();
    for (size_t at = 0; at < sizeof file - 1; at += 5) {
        char piece[6] = {0};
        size_t bytes = sizeof file - 1 - at < 5 ? sizeof file - 1 - at : 5;
        memcpy(piece, file + at, bytes);
        feed(1, at, at + bytes == sizeof file - 1, piece, 200);
    }
    const struct json *job = ask("GET", "/v1/imports/1", NULL, 200);
    assert_true(text_is(job, "state", "done"));
    assert_int_equal(number(job, "rows"), 5);
    assert_int_equal(number(job, "rejected"), 1);
    assert_int_equal(number(job, "repeats"), 1);
    assert_int_equal(number(job, "given"), 4);
    assert_int_equal(rows_in_log(), 4);
    const struct json *rejected = ask("GET", "/v1/imports/1/rejected", NULL, 200);
    const struct json *row = json_first(parser, json_get(parser, rejected, "rejected"));
    assert_int_equal(number(row, "line"), 4);
    model_settle(model);
    assert_true(
        text_is(json_get(parser, ask("GET", "/v1/profiles/member_id:m1", NULL, 200), "attributes"), "city", "上海"));
    feed(1, 0, true, file, 409);
}

static void test_order_is_kept(void **state) {
    (void)state;
    new_job();
    feed(1, 7, false, "x", 409);
    assert_non_null(strstr(last.body.data, "starts at 0"));
    feed(1, 0, false, "id,city\nm1,", 200);
    feed(1, 0, false, "id,city\nm1,", 409);
    assert_non_null(strstr(last.body.data, "starts at 11"));
    assert_int_equal(number(feed(1, 11, true, "A\n", 200), "rows"), 1);
}

static void test_silent_jobs_make_room(void **state) {
    (void)state;
    struct os_sim *sim = os_sim_create(1);
    os_sim_set_ms(sim, 1772359200000);
    model_close(model);
    model = model_open_on(os_sim_os(sim), "/data", &(struct serve_options){0});
    port = model_port(model);
    ask("POST", "/v1/mappings",
        "{\"name\":\"members\",\"record\":\"attributes\",\"columns\":{\"id\":\"identifier member_id\"}}", 200);
    for (unsigned job = 1; job <= 8; job++) {
        new_job();
        feed(job, 0, false, "id\nm1\n", 200);
        os_sim_advance_ms(sim, 1000);
    }
    new_job();
    feed(9, 0, true, "id\nm9\n", 503); /* all eight may go on any moment */
    os_sim_advance_ms(sim, 60000);
    feed(9, 0, true, "id\nm9\n", 200);
    feed(1, 6, true, "m2\n", 409); /* silent longest: put by, to be sent from its start */
    assert_int_equal(number(feed(1, 0, true, "id\nm1\nm2\n", 200), "given"), 1);
    feed(2, 6, true, "m2\n", 200);
    model_close(model);
    os_sim_free(sim);
    reopen();
}

static void test_goes_on_after_a_restart(void **state) {
    (void)state;
    new_job();
    feed(1, 0, false, "id,city\nm1,A\nm2,B\nm3", 200);
    assert_int_equal(rows_in_log(), 2);
    model_close(model);
    reopen();
    const struct json *job = ask("GET", "/v1/imports/1", NULL, 200);
    assert_true(text_is(job, "state", "open"));
    assert_int_equal(number(job, "offset"), 0);
    assert_int_equal(number(job, "durable_line"), 3);
    feed(1, 21, true, ",C\n", 409);
    job = feed(1, 0, true, "id,city\nm1,A\nm2,B\nm3,C\n", 200);
    assert_true(text_is(job, "state", "done"));
    assert_int_equal(rows_in_log(), 3); /* the first two were not given again */
    model_close(model);
    reopen();
    assert_true(text_is(ask("GET", "/v1/imports/1", NULL, 200), "state", "done"));
    ask("POST", "/v1/imports", "{\"mapping\":\"members\",\"source\":\"files\",\"file\":\"b.tsv\"}", 200);
    assert_non_null(strstr(last.body.data, "\"job\":2"));
    assert_non_null(strstr(last.body.data, "\"tsv\""));
}

static void test_unreadable_file(void **state) {
    (void)state;
    new_job();
    feed(1, 0, true, "id,id\nm1,m2\n", 400);
    const struct json *job = ask("GET", "/v1/imports/1", NULL, 200);
    assert_true(text_is(job, "state", "failed"));
    assert_true(json_get_text(parser, job, "error").size > 0);
    feed(1, 0, true, file, 409);
}

static void test_wrong_calls(void **state) {
    (void)state;
    ask("POST", "/v1/imports", "{\"mapping\":\"none\",\"source\":\"files\",\"file\":\"a.csv\"}", 404);
    ask("POST", "/v1/imports", "{\"mapping\":\"members\",\"source\":\"none\",\"file\":\"a.csv\"}", 404);
    ask("POST", "/v1/imports", "{\"mapping\":\"members\",\"source\":\"files\"}", 400);
    ask("POST", "/v1/imports", "{\"mapping\":\"members\",\"source\":\"files\",\"file\":\"a\",\"format\":\"xml\"}", 400);
    ask("GET", "/v1/imports/1", NULL, 404);
    ask("GET", "/v1/imports/x", NULL, 404);
    ask("GET", "/v1/imports/99999999999999999999999", NULL, 404);
    feed(3, 0, true, file, 404);
    new_job();
    ask("GET", "/v1/imports/1/rejected", NULL, 200);
    ask("DELETE", "/v1/imports/1", NULL, 200);
    ask("DELETE", "/v1/imports/1", NULL, 404);
    assert_non_null(ask("GET", "/v1/imports", NULL, 200));
    assert_non_null(strstr(last.body.data, "\"imports\":[]"));
}

static void test_a_large_piece(void **state) {
    (void)state;
    struct buffer rows = {0};
    buffer_print(&rows, "id,city\n");
    for (int i = 0; i < 60000; i++)
        buffer_print(&rows, "m%d,city number %d\n", i, i % 100);
    buffer_add_char(&rows, 0);
    new_job();
    assert_int_equal(number(feed(1, 0, true, rows.data, 200), "given"), 60000);
    assert_int_equal(rows_in_log(), 60000);
    buffer_release(&rows);
    model_settle(model);
    ask("GET", "/v1/profiles/member_id:m59999", NULL, 200);
    ask("GET", "/v1/status", NULL, 200);
    assert_non_null(strstr(last.body.data, "\"import_rows_total\":60000"));
}

static void test_damaged_job_file(void **state) {
    (void)state;
    char path[128];
    struct fault fault = {0};
    struct serve *serve;
    new_job();
    snprintf(path, sizeof path, "%s/imports/1.json", folder);
    assert_int_equal(os_write_file(os_real(), path, SLICE("{\"job\":1}"), &fault), STATUS_OK);
    assert_int_equal(serve_start(model_parts(model), &(struct serve_options){0}, &serve, &fault), STATUS_DAMAGED);
    assert_non_null(strstr(fault.text, "imports/1.json"));
    assert_int_equal(os_remove(os_real(), path, &fault), STATUS_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_pieces_of_any_size), TEST(test_order_is_kept),         TEST(test_goes_on_after_a_restart),
        TEST(test_unreadable_file),    TEST(test_wrong_calls),           TEST(test_a_large_piece),
        TEST(test_damaged_job_file),   TEST(test_silent_jobs_make_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
