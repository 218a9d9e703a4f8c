/* live_test: the bench with tiny data, so that it does not rot: nothing that was due is missing from the stream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "main/bench/bench.h"
#include "main/commands.h"

static void test_live(void **state) {
    (void)state;
    char folder[] = "/tmp/onefold-bench-live-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    char *argv[] = {(char *)"--json", (char *)"--dir",         folder,         (char *)"--customers",
                    (char *)"500",    (char *)"--rate",        (char *)"4000", (char *)"--seconds",
                    (char *)"1",      (char *)"--rounds",      (char *)"1",    (char *)"--segments",
                    (char *)"20",     (char *)"--many",        (char *)"30",   (char *)"--flat-events",
                    (char *)"2000",   (char *)"--connections", (char *)"4"};
    struct bench b;
    struct fault fault = {0};
    bench_init(&b, os_real());
    json_object(&b.writer);
    enum status status = bench_live(&b, (int)(sizeof argv / sizeof *argv), argv, &fault);
    bench_folder_remove(&b);
    json_end_object(&b.writer);
    if (status)
        fail_msg("%s", fault.text);
    if (b.wrong_count)
        fail_msg("%u wrong: %.*s", b.wrong_count, (int)b.json.size, b.json.data);
    bench_release(&b);
    assert_int_equal(rmdir(folder), 0);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "serve") == 0) /* the bench starts this program as its server */
        return serve_command(argc - 2, argv + 2);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_live)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
