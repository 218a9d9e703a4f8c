/* bad_file_test: what goes wrong with files: encodings, cells, quotes, mappings, pieces. A row that cannot be split is kept aside with its
 * line and reason and the others go in; a file or mapping that cannot be right is refused, naming what and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "bad_input_client.h"
#include "main/loader.h"

static struct bed bed;

#define MAPPING(name, encoding)                                                                                        \
    "{\"name\":\"" name "\",\"format\":\"csv\",\"encoding\":\"" encoding                                               \
    "\",\"source\":\"till\",\"record\":\"event\","                                                                     \
    "\"type\":\"Bought\",\"columns\":{\"id\":\"message_id\",\"who\":\"identifier user_id\",\"at\":\"time\","           \
    "\"amount\":{\"to\":\"field amount\",\"type\":\"number\"}}}"

static int open_bed(void **state) {
    struct fault fault = {0};
    (void)state;
    bed_open(&bed, NULL, NULL, NULL);
    if (server_source(bed.server, "till", "file", NULL, &fault) ||
        server_mapping(bed.server, SLICE(MAPPING("tills", "utf-8")), &fault) ||
        server_mapping(bed.server, SLICE(MAPPING("tills-gb", "gb18030")), &fault))
        fail_msg("%s", fault.text);
    return 0;
}
static int close_bed(void **state) {
    (void)state;
    bed_close(&bed);
    return 0;
}

/* --- imports --- */

static uint64_t new_job(const char *mapping) {
    char body[200];
    struct answer answer;
    struct json_parser *p = json_parser_create();
    const struct json *root;
    snprintf(body, sizeof body, "{\"mapping\":\"%s\",\"file\":\"bad.csv\"}", mapping);
    ask_admin(&bed, "POST", "/v1/imports", slice_text(body), &answer);
    check_answer("a job", &answer, 200, "\"state\":\"open\"");
    assert_int_equal(json_parse(p, buffer_slice(&answer.body), true, &root, NULL), STATUS_OK);
    uint64_t job = (uint64_t)json_get_integer(p, root, "job", 0);
    assert_true(job > 0);
    json_parser_free(p);
    answer_release(&answer);
    return job;
}

static void send_piece(const char *what, uint64_t job, uint64_t offset, bool last, struct slice bytes, int code,
                       const char *words) {
    char path[100];
    struct answer answer;
    snprintf(path, sizeof path, "/v1/imports/%llu/data?offset=%llu%s", (unsigned long long)job,
             (unsigned long long)offset, last ? "&last=1" : "");
    ask_admin(&bed, "POST", path, bytes, &answer);
    check_answer(what, &answer, code, words);
    answer_release(&answer);
}

static uint64_t import(const char *what, const char *mapping, struct slice file, int code, const char *words) {
    uint64_t job = new_job(mapping);
    send_piece(what, job, 0, true, file, code, words);
    bed_settle(&bed);
    return job;
}

static void expect_rejected(const char *what, uint64_t job, const char *words) {
    char path[60];
    snprintf(path, sizeof path, "/v1/imports/%llu/rejected", (unsigned long long)job);
    expect_admin(&bed, what, "GET", path, NULL, 200, words);
}

/* --- the tests --- */

static void test_wrong_cells(void **state) {
    (void)state;
    uint64_t job = import("wrong cell counts", "tills",
                          SLICE("id,who,at,amount\n"
                                "c1,cells,2026-01-01,1\n"
                                "c2,cells,2026-01-02\n"
                                "c3,cells,2026-01-03,3,extra\n"
                                "\n"
                                "c4,cells,2026-01-04,4\n"
                                "c5,\"cells\"x,2026-01-05,5\n"
                                "c6,\"cells\",2026-01-06,6\n"),
                          200, "\"rows\":6|\"rejected\":3|\"state\":\"done\"");
    expect_rejected("the rejected rows", job,
                    "{\"line\":3,\"reason\":\"the row has 3 cells; the header has 4\",\"text\":\"c2,cells,2026-01-02|"
                    "{\"line\":4,\"reason\":\"the row has 5 cells|{\"line\":7,\"reason\":|c5,");
    assert_int_equal(row_count(&bed, "cells", "Bought"), 3);
}

static void test_unclosed_quote(void **state) {
    (void)state;
    uint64_t job = import("unclosed quote", "tills",
                          SLICE("id,who,at,amount\n"
                                "q1,quotes,2026-01-01,1\n"
                                "q2,\"quotes,2026-01-02,2\n"
                                "q3,quotes,2026-01-03,3\n"
                                "q4,quotes,2026-01-04,4"),
                          200, "\"rejected\":1");
    expect_rejected("the unclosed row", job, "\"line\":3,\"reason\":|quote|q2,");
    assert_int_equal(row_count(&bed, "quotes", "Bought"), 3);
}

static void test_bad_values_in_rows(void **state) {
    (void)state;
    import("bad values in good rows", "tills",
           SLICE("id,who,at,amount\n"
                 "v1,values,2026-01-01,1\n"
                 "v2,values,2026-01-02,lots\n"
                 "v3,values,31 Nevember,3\n"
                 "v4,null,2026-01-04,4\n"
                 "v5,,2026-01-05,5\n"),
           200, "\"rows\":5|\"rejected\":0");
    assert_int_equal(row_count(&bed, "values", "Bought"), 3);
    expect_admin(&bed, "their quarantine", "GET", "/v1/quarantine?source=till", NULL, 200,
                 "\"reason\":\"WRONG_TYPE\"|\"field\":\"column amount line 3\"|lots|\"reason\":\"BAD_TIME\"|column at "
                 "line 4|Nevember|"
                 "\"reason\":\"NO_IDENTIFIER\"|\"waiting\":4");
}

/* The mapping was wrong, not the file: it is mended, and what waits is worked again without sending the file again. */
static void test_mapping_repaired(void **state) {
    static const char mapping[] =
        "{\"name\":\"visits\",\"source\":\"till\",\"record\":\"event\",\"type\":\"Visited\",\"columns\":{"
        "\"who\":\"identifier user_id\",\"day\":%s}}";
    char text[300];
    (void)state;
    snprintf(text, sizeof text, mapping, "{\"to\":\"time\",\"format\":\"m/d/y\"}");
    expect_admin(&bed, "a mapping", "POST", "/v1/mappings", text, 200, "in_force");
    import("days before months", "visits", SLICE("who,day\nvisitor,31/12/2025\nvisitor,30/12/2025\n"), 200,
           "\"rows\":2");
    assert_int_equal(row_count(&bed, "visitor", "Visited"), 2);
    expect_admin(&bed, "what waits", "GET", "/v1/quarantine?source=till", NULL, 200,
                 "BAD_TIME|column day line 2|31/12/2025|\"waiting\":2");
    snprintf(text, sizeof text, mapping, "{\"to\":\"time\",\"format\":\"d/m/y\"}");
    expect_admin(&bed, "the mapping mended", "POST", "/v1/mappings", text, 200, "in_force");
    expect_admin(&bed, "replay", "POST", "/v1/quarantine/replay", "{\"source\":\"till\"}", 200, "\"waiting\":0");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "visitor", "Visited"), 2);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:visitor/timeline", "2025-12-31T00:00"), 1);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:visitor/timeline", "2025-12-30T00:00"), 1);
    assert_int_equal(count_in(&bed, "/v1/quarantine?source=till&repaired=1", "\"repaired\":true"), 2);
}

static void test_encodings(void **state) {
    (void)state;
    /* 姓名 and 张三 in GB18030 */
    import("GB18030 sent as UTF-8", "tills",
           SLICE("id,who,at,amount,\xd0\xd5\xc3\xfb\ne1,enc,2026-01-01,1,\xd5\xc5\xc8\xfd\n"), 400,
           "line 1|not valid UTF-8|GB18030");
    uint64_t job =
        import("GB18030 in one row", "tills",
               SLICE("id,who,at,amount,name\ne2,enc,2026-01-01,1,\xd5\xc5\xc8\xfd\ne3,enc,2026-01-02,2,Zhang\n"), 200,
               "\"rejected\":1");
    expect_rejected("the row that is not UTF-8", job, "\"line\":2,\"reason\":\"bytes that are not UTF-8");
    import("the same as GB18030", "tills-gb",
           SLICE("id,who,at,amount,\xd0\xd5\xc3\xfb\ne1,enc,2026-01-01,1,\xd5\xc5\xc8\xfd\n"), 200, "\"rejected\":0");
    import("UTF-8 sent as GB18030", "tills-gb", SLICE("\xef\xbb\xbfid,who,at,amount\ne4,enc,2026-01-01,1\n"), 400,
           "line 1|UTF-8");
    import("UTF-16", "tills", SLICE("\xff\xfei\0d\0,\0w\0h\0o\0\n\0"), 400, "line 1|UTF-16");
    import("UTF-16 without a mark", "tills", SLICE("i\0d\0,\0w\0h\0o\0,\0a\0t\0,\0a\0\n\0"), 400, "line 1|UTF-16");
    import("Excel", "tills", SLICE("PK\x03\x04rest of a workbook"), 400, "Excel|CSV");
    import("gzip", "tills", SLICE("\x1f\x8b\x08\0rest"), 400, "compressed|unpack");
    assert_int_equal(row_count(&bed, "enc", "Bought"), 2);
    assert_int_equal(count_in(&bed, "/v1/profiles/user_id:enc/timeline", "张三"), 1);
}

static void test_headers(void **state) {
    (void)state;
    import("empty file", "tills", SLICE(""), 400, "line 1|empty|header");
    import("two columns of one name", "tills", SLICE("id,who,who\n"), 400, "line 1|\\\"who\\\"");
    import("a column without a name", "tills", SLICE("id,,who\n"), 400, "line 1|column 2|no name");
    import("no column is mapped", "tills", SLICE("nobody,nothing\nx,y\n"), 200, "\"rows\":1");
    expect_admin(&bed, "rows without identifiers", "GET", "/v1/quarantine?source=till", NULL, 200,
                 "NO_IDENTIFIER|line 2");
}

static void mapping_error(const char *what, const char *mapping, const char *words) {
    expect_admin(&bed, what, "POST", "/v1/mappings", mapping, 400, words);
}

static void test_mapping_errors(void **state) {
    (void)state;
#define COLUMNS(columns) "{\"name\":\"m\",\"record\":\"event\",\"type\":\"T\",\"columns\":{" columns "}}"
    mapping_error("unknown target", COLUMNS("\"w\":\"identifier user_id\",\"a\":\"colour red\""),
                  "\\\"a\\\"|colour red");
    mapping_error("a target without its name", COLUMNS("\"w\":\"identifier\""), "\\\"w\\\"|identifier");
    mapping_error("unknown type",
                  COLUMNS("\"w\":\"identifier user_id\",\"a\":{\"to\":\"field a\",\"type\":\"colour\"}"),
                  "\\\"a\\\"|colour");
    mapping_error(
        "unknown unit",
        COLUMNS("\"w\":\"identifier user_id\",\"a\":{\"to\":\"field a\",\"type\":\"money\",\"unit\":\"pound\"}"),
        "\\\"a\\\"|pound|yuan");
    mapping_error("unknown format",
                  COLUMNS("\"w\":\"identifier user_id\",\"a\":{\"to\":\"time\",\"format\":\"whenever\"}"),
                  "\\\"a\\\"|whenever");
    mapping_error("no identifier", COLUMNS("\"a\":\"field a\""), "identifier");
    mapping_error("no columns", "{\"name\":\"m\",\"record\":\"event\",\"type\":\"T\"}", "column must go to");
    mapping_error("missing name", "{\"record\":\"event\",\"type\":\"T\",\"columns\":{\"w\":\"identifier user_id\"}}",
                  "\\\"name\\\"");
    mapping_error("missing record", "{\"name\":\"m\",\"type\":\"T\",\"columns\":{\"w\":\"identifier user_id\"}}",
                  "\\\"record\\\"");
    mapping_error("unknown record",
                  "{\"name\":\"m\",\"record\":\"song\",\"type\":\"T\",\"columns\":{\"w\":\"identifier user_id\"}}",
                  "\\\"record\\\"|song");
    mapping_error("missing type", "{\"name\":\"m\",\"record\":\"event\",\"columns\":{\"w\":\"identifier user_id\"}}",
                  "\\\"type\\\"");
    mapping_error("unknown zone",
                  "{\"name\":\"m\",\"record\":\"event\",\"type\":\"T\",\"time_zone\":\"Mars/"
                  "Olympus\",\"columns\":{\"w\":\"identifier user_id\"}}",
                  "time zone|Mars/Olympus|IANA");
    mapping_error("unknown encoding",
                  "{\"name\":\"m\",\"record\":\"event\",\"type\":\"T\",\"encoding\":\"big5\",\"columns\":{\"w\":"
                  "\"identifier user_id\"}}",
                  "encoding|big5");
    mapping_error(
        "a document without key",
        "{\"name\":\"m\",\"record\":\"document\",\"type\":\"order\",\"columns\":{\"w\":\"identifier user_id\"}}",
        "\\\"key\\\"");
    mapping_error("no JSON", "{\"name\":", "JSON");
    mapping_error("no object", "[]", "object");
    expect_admin(&bed, "none was stored", "GET", "/v1/mappings/m", NULL, 404, "m");
    expect_admin(&bed, "import with an unknown mapping", "POST", "/v1/imports",
                 "{\"mapping\":\"nowhere\",\"file\":\"x\"}", 404, "nowhere");
    expect_admin(&bed, "import without a mapping", "POST", "/v1/imports", "{}", 404, "mapping");
}

static void test_pieces(void **state) {
    (void)state;
    uint64_t job = new_job("tills");
    send_piece("a first piece", job, 0, false, SLICE("id,who,at,amount\np1,pieces,2026-01-01,1\np2,pie"), 200,
               "\"offset\":46");
    send_piece("the same offset again", job, 0, false, SLICE("id,who"), 409, "offset 0|expected starts at 46");
    send_piece("a gap", job, 100, false, SLICE("x"), 409, "offset 100|expected starts at 46");
    send_piece("the piece expected", job, 46, true, SLICE("ces,2026-01-02,2\n"), 200, "\"state\":\"done\"|\"rows\":2");
    send_piece("after the last", job, 63, true, SLICE("p3,pieces,2026-01-03,3\n"), 409, "done");
    send_piece("an unknown job", 4711, 0, true, SLICE("x"), 404, "4711");
    expect_admin(&bed, "a bad offset", "POST", "/v1/imports/1/data?offset=-5", "x", 400, "offset|-5");
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "pieces", "Bought"), 2);
}

/* The same through the loader that `onefold import` uses: its user sees the server's own words. */
static void test_loader_passes_the_words_on(void **state) {
    char mapping[100], csv[100];
    struct load_counts counts;
    struct fault fault = {0};
    (void)state;
    snprintf(mapping, sizeof mapping, "%s/tills.json", bed.folder);
    snprintf(csv, sizeof csv, "%s/tills.csv", bed.folder);
    assert_int_equal(os_write_file(os_real(), mapping, SLICE(MAPPING("loaded", "utf-8")), &fault), STATUS_OK);
    assert_int_equal(os_write_file(os_real(), csv, SLICE("id,who,who\n1,l,l\n"), &fault), STATUS_OK);
    assert_int_not_equal(load_import(bed.admin, csv, mapping, false, NULL, NULL, &counts, &fault), STATUS_OK);
    if (!strstr(fault.text, "line 1") || !strstr(fault.text, "who"))
        fail_msg("the loader says \"%s\"", fault.text);
    assert_int_not_equal(load_import(bed.admin, "/nowhere.csv", mapping, false, NULL, NULL, &counts, &fault),
                         STATUS_OK);
    assert_non_null(strstr(fault.text, "/nowhere.csv"));
    assert_int_equal(
        os_write_file(os_real(), csv, SLICE("id,who,at,amount\nl1,loaded,2026-01-01,1\nl2,loaded\n"), &fault),
        STATUS_OK);
    assert_int_equal(load_import(bed.admin, csv, mapping, false, NULL, NULL, &counts, &fault), STATUS_OK);
    assert_int_equal(counts.rejected, 1);
    bed_settle(&bed);
    assert_int_equal(row_count(&bed, "loaded", "Bought"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_bed, close_bed)
int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_wrong_cells),      TEST(test_unclosed_quote), TEST(test_bad_values_in_rows),
        TEST(test_mapping_repaired), TEST(test_encodings),      TEST(test_headers),
        TEST(test_mapping_errors),   TEST(test_pieces),         TEST(test_loader_passes_the_words_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
