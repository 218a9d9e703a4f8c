/* bench_test: every bench with tiny data, so that none rots: it runs to its end, its answers are right, its report is JSON and
 * nothing is left behind. Figures are not judged. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/json_read.h"
#include "main/bench/data.h"
#include "main/bench/bench.h"
#include "main/commands.h"

static char folder[] = "/tmp/onefold-bench-test-XXXXXX";

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) == NULL;
}

/* Fails where a bench left something in it. */
static int remove_folder(void **state) {
    (void)state;
    return rmdir(folder);
}

typedef enum status bench_function(struct bench *b, int argc, char **argv, struct fault *fault);

static void run(bench_function *function, const char *const *arguments) {
    struct bench b;
    struct fault fault = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    char *argv[16] = {(char *)"--json", (char *)"--dir", folder};
    int argc = 3;
    while (arguments[argc - 3]) {
        argv[argc] = (char *)arguments[argc - 3];
        argc++;
    }
    bench_init(&b, os_real());
    json_object(&b.writer);
    enum status status = function(&b, argc, argv, &fault);
    bench_folder_remove(&b);
    json_end_object(&b.writer);
    if (status)
        fail_msg("%s", fault.text);
    if (b.wrong_count)
        fail_msg("%u wrong: %.*s", b.wrong_count, (int)b.json.size, b.json.data);
    assert_int_equal(json_parse(p, buffer_slice(&b.json), true, &root, &fault), STATUS_OK);
    assert_int_equal(root->count, 1);
    const struct json *results = json_get(p, json_first(p, root), "results");
    unsigned figures = 0, checks = 0;
    for (const struct json *r = json_first(p, results); r; r = json_next(p, r)) {
        const struct json *median = json_get(p, r, "median");
        figures += median && (median->kind == JSON_INTEGER ? median->integer > 0 : median->real > 0);
        checks += json_get_bool(p, r, "right", false);
    }
    assert_true(figures >= 1 && checks >= 1);
    json_parser_free(p);
    bench_release(&b);
}

#define RUN(function, ...) run(function, (const char *const[]){__VA_ARGS__, NULL})

static void test_ingest(void **state) {
    (void)state;
    RUN(bench_ingest, "--events", "2000", "--rounds", "2", "--connections", "3", "--customers", "50");
}

static void test_ingest_single(void **state) {
    (void)state;
    RUN(bench_ingest_single, "--events", "200", "--rounds", "2", "--connections", "4", "--customers", "50");
}

static void test_split(void **state) {
    (void)state;
    RUN(bench_split, "--rows", "300", "--segments", "2");
}

static void test_network(void **state) {
    (void)state;
    RUN(bench_network, "--customers", "200", "--relations", "500");
}

static void test_profile(void **state) {
    (void)state;
    RUN(bench_profile, "--customers", "60", "--requests", "200", "--rounds", "2", "--connections", "4");
}

static void test_fold(void **state) {
    (void)state;
    /* events: some ticks of the clock that CPU time is counted by, on a fast machine too */
    RUN(bench_fold, "--customers", "500", "--events", "10000", "--rounds", "1", "--segments", "20");
}

static void test_scan(void **state) {
    (void)state;
    RUN(bench_scan, "--events", "100000", "--rounds", "9");
}

static void test_fuzzy(void **state) {
    (void)state;
    RUN(bench_fuzzy, "--records", "2000");
}

static void test_restart(void **state) {
    (void)state;
    RUN(bench_restart, "--events", "3000", "--tail", "500", "--rounds", "1");
}

static void test_segment(void **state) {
    (void)state;
    RUN(bench_segment, "--customers", "6000", "--rounds", "2", "--peers", "no");
}

static void test_funnel(void **state) {
    (void)state;
    RUN(bench_funnel, "--customers", "6000", "--rounds", "2", "--peers", "no");
}

static void test_insight(void **state) {
    (void)state;
    RUN(bench_insight, "--customers", "6000", "--rounds", "2", "--peers", "no");
}

/* The benches of the folders, through the command. What they print is not looked at here. */
static void test_parts(void **state) {
    (void)state;
    char log_folder[sizeof folder + 8];
    snprintf(log_folder, sizeof log_folder, "%s/log", folder);
    const char *const calls[][4] = {
        {"tracking", "2"},           {"import", "50"},         {"normalise", "10"}, {"govern", "20"},
        {"identity", "100", "200"},  {"nothing of this name"}, {"seen", "2000"},    {"sets", "10000", "1000"},
        {"log", log_folder, "0.01"}, {"basket", "2000"},       {"btyd", "3000"}};
    int output = dup(STDOUT_FILENO), errors = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY);
    int codes[sizeof calls / sizeof *calls];
    fflush(stdout);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        char *argv[4] = {0};
        int argc = 0;
        for (; argc < 4 && calls[i][argc]; argc++)
            argv[argc] = (char *)calls[i][argc];
        codes[i] = bench_command(argc, argv);
    }
    fflush(stdout);
    dup2(output, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    close(output), close(errors), close(null);
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
        assert_int_equal(codes[i], strcmp(calls[i][0], "nothing of this name") == 0 ? 2 : 0);
}

/* --- what they stand on --- */

static void call_is_sound(const struct bench_data *data, enum bench_call call, struct json_parser *p) {
    struct buffer one = {0}, again = {0}, other = {0};
    struct fault fault = {0};
    const struct json *root;
    char user[16];
    bench_data_call(data, call, 12345, 678, 1769817600123, &one);
    bench_data_call(data, call, 12345, 678, 1769817600123, &again);
    bench_data_call(data, call, 12346, 679, 1769817600123, &other);
    assert_true(slice_equal(buffer_slice(&one), buffer_slice(&again)));
    assert_false(slice_equal(buffer_slice(&one), buffer_slice(&other)));
    assert_int_equal(one.size, bench_data_bytes(call));
    assert_int_equal(other.size, one.size);
    if (json_parse(p, buffer_slice(&one), true, &root, &fault))
        fail_msg("call %d: %s: %.*s", (int)call, fault.text, (int)one.size, one.data);
    bench_data_user(678, user);
    assert_true(slice_is(json_get_text(p, root, "userId"), user));
    assert_true(slice_is(json_get_text(p, root, "timestamp"), "2026-01-31T00:00:00.123Z"));
    for (size_t i = 0; i < one.size; i++)
        assert_false((unsigned char)one.data[i] < ' '); /* a run that was not filled */
    buffer_release(&one);
    buffer_release(&again);
    buffer_release(&other);
}

static void test_data(void **state) {
    (void)state;
    struct bench_data data = {7, 1000}, same = {7, 1000}, different = {8, 1000};
    struct json_parser *p = json_parser_create();
    unsigned equal = 0;
    for (int call = 0; call < BENCH_CALL_COUNT; call++)
        call_is_sound(&data, (enum bench_call)call, p);
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(bench_data_customer(&data, i), bench_data_customer(&same, i));
        assert_true(bench_data_customer(&data, i) < data.customers);
        equal += bench_data_customer(&data, i) == bench_data_customer(&different, i);
    }
    assert_true(equal < 20);
    assert_int_equal(bench_data_distinct(&data, 5, 1), 1);
    assert_int_equal(bench_data_distinct(&data, 0, 100000), 1000);
    json_parser_free(p);
}

static void test_report(void **state) {
    (void)state;
    struct bench b;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    double rates[] = {30, 10, 20}, times[] = {4, 2};
    bench_init(&b, os_real());
    b.quiet = true;
    json_object(&b.writer);
    bench_begin(&b, "x");
    bench_figure(&b, &(struct bench_figure){"rate", "/s", BENCH_HIGHER, 20}, rates, 3);
    bench_figure(&b, &(struct bench_figure){"time", "s", BENCH_LOWER, 2.5}, times, 2);
    bench_check(&b, "sum", 5, 5);
    bench_check(&b, "sum", 5, 6);
    bench_end(&b);
    json_end_object(&b.writer);
    assert_int_equal(b.missed_count, 1);
    assert_int_equal(b.wrong_count, 1);
    assert_int_equal(json_parse(p, buffer_slice(&b.json), true, &root, NULL), STATUS_OK);
    const struct json *r = json_first(p, json_get(p, json_get(p, root, "x"), "results"));
    assert_int_equal(json_get_integer(p, r, "median", 0), 20);
    assert_int_equal(json_get_integer(p, r, "worst", 0), 10);
    assert_true(json_get_bool(p, r, "met", false));
    r = json_next(p, r);
    assert_int_equal(json_get_integer(p, r, "median", 0), 3);
    assert_int_equal(json_get_integer(p, r, "worst", 0), 4);
    assert_false(json_get_bool(p, r, "met", true));
    json_parser_free(p);
    bench_release(&b);
}

static void test_folder(void **state) {
    (void)state;
    struct bench b;
    struct fault fault = {0};
    bench_init(&b, os_real());
    b.dir = folder;
    assert_int_equal(bench_folder(&b, UINT64_MAX, &fault), STATUS_DISK_FULL);
    assert_non_null(strstr(fault.text, folder));
    assert_int_equal(bench_folder(&b, 1, &fault), STATUS_OK);
    assert_int_equal(access(b.folder, W_OK), 0);
    struct buffer path = {0};
    buffer_print(&path, "%s/x%c", b.folder, 0);
    assert_int_equal(os_write_file(b.os, path.data, SLICE("some bytes"), &fault), STATUS_OK);
    assert_true(bench_folder_bytes(b.folder) >= 512);
    char made[sizeof b.folder];
    memcpy(made, b.folder, sizeof made);
    bench_release(&b);
    assert_int_not_equal(access(made, F_OK), 0);
    buffer_release(&path);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "serve") == 0) /* the benches start this program as their server */
        return serve_command(argc - 2, argv + 2);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_data),    cmocka_unit_test(test_report),        cmocka_unit_test(test_folder),
        cmocka_unit_test(test_ingest),  cmocka_unit_test(test_ingest_single), cmocka_unit_test(test_profile),
        cmocka_unit_test(test_scan),    cmocka_unit_test(test_fold),          cmocka_unit_test(test_restart),
        cmocka_unit_test(test_fuzzy),   cmocka_unit_test(test_parts),         cmocka_unit_test(test_segment),
        cmocka_unit_test(test_funnel),  cmocka_unit_test(test_insight),       cmocka_unit_test(test_split),
        cmocka_unit_test(test_network),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
