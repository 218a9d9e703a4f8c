/* import: files in pieces, what is given, what is kept aside, and that sending again gives the same row hashes. */
#include "collect/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "collect/payload.h"
#include "collect/rowset.h"

/* What a run gave: rows as "line:a|b/", hashes beside them. */
struct run {
    struct buffer rows, hashes, header, rejected;
    struct import_counters counters;
    enum status status;
    struct fault fault;
};

static void run_release(struct run *run) {
    buffer_release(&run->rows);
    buffer_release(&run->hashes);
    buffer_release(&run->header);
    buffer_release(&run->rejected);
}

static void note_record(struct run *run, const struct log_record *record, const struct import_options *options) {
    struct payload_row head;
    const char *at = record->payload.data, *end = at + record->payload.size;
    assert_int_equal(record->kind, LOG_ROW);
    assert_int_equal(record->source, options->source);
    memcpy(&head, at, sizeof head);
    at += sizeof head;
    assert_int_equal(head.job, options->job);
    assert_true(slice_equal(slice_of(at, head.name_bytes), options->mapping));
    at += head.name_bytes;
    buffer_clear(&run->header);
    buffer_add(&run->header, at, head.header_bytes);
    at += head.header_bytes;
    buffer_print(&run->rows, "%d:", (int)head.line);
    for (uint32_t i = 0; i < head.cell_count; i++) {
        uint32_t size;
        memcpy(&size, at, sizeof size);
        at += sizeof size;
        assert_true(size <= (size_t)(end - at));
        buffer_print(&run->rows, "%s", i ? "|" : "");
        buffer_add(&run->rows, at, size);
        at += size;
    }
    assert_ptr_equal(at, end);
    buffer_print(&run->rows, "/");
    buffer_add(&run->hashes, &head.row_hash, sizeof head.row_hash);
}

static struct run run_file(struct import_options options, struct slice file, size_t piece) {
    struct run run = {0};
    struct import *import;
    size_t at = 0;
    if (!options.mapping.size)
        options.mapping = SLICE("orders");
    assert_int_equal(import_create(&options, &import, &run.fault), STATUS_OK);
    do {
        size_t left = file.size - at, size = left < piece ? left : piece, count;
        char *exact = memory_text(slice_of(file.data + at, size));
        run.status = import_feed(import, slice_of(exact, size), at + size == file.size, &run.fault);
        free(exact);
        struct log_record *records = import_records(import, &count);
        for (size_t i = 0; i < count; i++)
            note_record(&run, &records[i], &options);
        at += size;
    } while (at < file.size && !run.status);
    struct json_writer w = {.out = &run.rejected};
    import_rejected_json(import, &w, 5);
    import_counters_read(import, &run.counters);
    import_free(import);
    return run;
}

static void expect_rows(struct import_options options, const char *file, const char *rows, uint64_t rejected) {
    for (size_t piece = 1; piece <= 40; piece += 3) {
        struct run run = run_file(options, slice_text(file), piece);
        if (run.status || !slice_is(buffer_slice(&run.rows), rows) || run.counters.rejected != rejected)
            fail_msg("%s in pieces of %zu: %s %.*s, rejected %.*s", file, piece, run.fault.text, (int)run.rows.size,
                     run.rows.data, (int)run.rejected.size, run.rejected.data);
        assert_int_equal(run.counters.bytes, strlen(file));
        run_release(&run);
    }
}

static void test_csv(void **state) {
    (void)state;
    struct import_options csv = {.job = 7, .source = 3};
    expect_rows(csv, "a,b\n1,2\n3,4", "2:1|2/3:3|4/", 0);
    expect_rows(csv, "\xef\xbb\xbf\"a\", b\r\n\r\n1,\"x\r\ny\"\r\n3,4\r\n", "3:1|x\r\ny/5:3|4/", 0);
    expect_rows(csv, "a\n1\n1,2\n\"x\"y\n3\n", "2:1/5:3/", 2);
    expect_rows(csv, "a,b\n1,2\n3\n\"4,5\n6,7\n", "2:1|2/5:6|7/", 2);
    expect_rows(csv, "a,b\n\xff,2\n3,\xef\xbf\xbd\n", "3:3|\xef\xbf\xbd/", 1);
    expect_rows(csv, "a\n", "", 0);
    struct import_options tsv = {.format = IMPORT_TSV};
    expect_rows(tsv, "a\tb\n1,0\t2\n", "2:1,0|2/", 0);
    struct import_options gb = {.encoding = IMPORT_GB18030};
    expect_rows(gb, "\xb5\xea,b\n\xc6\xcc,2\nx\x80,3\n", "2:铺|2/", 1);
    expect_rows(gb,
                "\x84\x31\x95\x33"
                "a\n1\n",
                "2:1/", 0); /* its byte order mark */
}

static void test_csv_header_trimmed(void **state) {
    (void)state;
    struct run run = run_file((struct import_options){0}, SLICE("\xef\xbb\xbf a ,\" b \"\n1,2\n"), 5);
    assert_int_equal(run.status, STATUS_OK);
    assert_true(slice_equal(buffer_slice(&run.header), SLICE("a\0b\0")));
    run_release(&run);
}

static void test_jsonl(void **state) {
    (void)state;
    struct import_options jsonl = {.format = IMPORT_JSONL};
    expect_rows(jsonl, "{\"a\":1}\n\n {\"b\":\"x\"} \r\n[1]\n{broken\n{\"c\":2}",
                "1:{\"a\":1}/3:{\"b\":\"x\"}/6:{\"c\":2}/", 2);
    expect_rows(jsonl, "\xef\xbb\xbf{\"a\":1}\n", "1:{\"a\":1}/", 0);
    expect_rows(jsonl, "", "", 0);
}

static void test_refused_files(void **state) {
    (void)state;
    static const struct {
        const char *file, *hint;
        enum import_encoding encoding;
    } cases[] = {
        {"", "empty", IMPORT_UTF8},
        {"\n\n", "empty", IMPORT_UTF8},
        {"a,b,a\n1,2,3\n", "two columns", IMPORT_UTF8},
        {"a,,c\n", "column 2", IMPORT_UTF8},
        {"a,\"b\"x\n", "closing quote", IMPORT_UTF8},
        {"a,\"b\n", "never closed", IMPORT_UTF8},
        {"\xb5\xea\xc6\xcc,b\n", "looks like GB18030", IMPORT_UTF8},
        {"a\xff\n", "not valid UTF-8", IMPORT_UTF8},
        {"\xff\xfe"
         "a",
         "UTF-16", IMPORT_UTF8},
        {"PK\x03\x04zip", "Excel", IMPORT_UTF8},
        {"\x1f\x8b\x08zz", "compressed", IMPORT_UTF8},
        {"\xef\xbb\xbf"
         "a\n",
         "UTF-8", IMPORT_GB18030},
        {"\xe5\xba\x97,b\n1,2\n", "looks like UTF-8", IMPORT_GB18030},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t piece = 1; piece < 20; piece += 6) {
            struct run run =
                run_file((struct import_options){.encoding = cases[i].encoding}, slice_text(cases[i].file), piece);
            if (run.status != STATUS_INVALID || !strstr(run.fault.text, cases[i].hint) ||
                !strstr(run.fault.text, "line "))
                fail_msg("case %zu, pieces of %zu: %s %s", i, piece, status_name(run.status), run.fault.text);
            run_release(&run);
        }
    struct import *import;
    struct fault fault;
    assert_int_equal(import_create(&(struct import_options){0}, &import, &fault), STATUS_INVALID);
}

static void test_rejected_report(void **state) {
    (void)state;
    struct buffer file = {0};
    buffer_print(&file, "a,b\n1,2\n\xff,1\n1\n");
    for (int i = 0; i < 300; i++)
        buffer_print(&file, "店"); /* one cell, and longer than what is kept */
    struct run run = run_file((struct import_options){0}, buffer_slice(&file), 100);
    struct json_parser *p = json_parser_create();
    const struct json *root;
    assert_int_equal(json_parse(p, buffer_slice(&run.rejected), true, &root, &run.fault), STATUS_OK);
    assert_int_equal(root->count, 3);
    const struct json *first = json_first(p, root), *second = json_next(p, first), *third = json_next(p, second);
    assert_int_equal(json_get_integer(p, first, "line", 0), 3);
    assert_true(slice_is(json_get_text(p, first, "reason"), "bytes that are not UTF-8"));
    assert_true(slice_is(json_get_text(p, first, "text"), "\xef\xbf\xbd,1"));
    assert_true(slice_is(json_get_text(p, second, "reason"), "the row has 1 cells; the header has 2"));
    assert_int_equal(json_get_text(p, third, "text").size, 198);
    json_parser_free(p);
    run_release(&run);
    buffer_release(&file);
}

static void test_repeats_and_resume(void **state) {
    (void)state;
    struct slice file = SLICE("a\n1\n2\n1\n1\n3\n"), longer = SLICE("a\n1\n2\n1\n1\n3\n1\n");
    struct run whole = run_file((struct import_options){0}, file, 3);
    assert_int_equal(whole.counters.rows, 5);
    assert_int_equal(whole.counters.repeats, 2);
    assert_int_equal(whole.counters.given, 5);
    const uint64_t *hash = (const uint64_t *)(const void *)whole.hashes.data;
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < i; j++)
            assert_true(hash[i] && hash[i] != hash[j]);
    struct run resumed = run_file((struct import_options){.resume_line = 3}, longer, 4);
    assert_true(slice_is(buffer_slice(&resumed.rows), "4:1/5:1/6:3/7:1/"));
    assert_int_equal(resumed.counters.given, 4);
    assert_memory_equal(resumed.hashes.data, hash + 2, 3 * sizeof *hash);
    struct run dropped = run_file((struct import_options){.drop_repeats = true}, file, 100);
    assert_true(slice_is(buffer_slice(&dropped.rows), "2:1/3:2/6:3/"));
    assert_int_equal(dropped.counters.repeats, 2);
    assert_int_equal(dropped.counters.given, 3);
    /* other columns, another mapping, another source: other rows. Another job or encoding: the same */
    struct run other[] = {
        run_file((struct import_options){0}, SLICE("b\n1\n"), 100),
        run_file((struct import_options){.mapping = SLICE("points")}, SLICE("a\n1\n"), 100),
        run_file((struct import_options){.source = 9}, SLICE("a\n1\n"), 100),
        run_file((struct import_options){.job = 8, .encoding = IMPORT_GB18030}, SLICE("a\r\n1\r\n"), 100)};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(memcmp(other[i].hashes.data, hash, sizeof *hash) == 0, i == 3);
        run_release(&other[i]);
    }
    run_release(&whole);
    run_release(&resumed);
    run_release(&dropped);
}

static void test_long_rows(void **state) {
    (void)state;
    struct buffer file = {0};
    /* longer than a row may be */
    buffer_print(&file, "a\n1\n");
    while (file.size < IMPORT_ROW_BYTES_MAX + 1000)
        buffer_print(&file, "0123456789abcdef");
    for (size_t piece = 1 << 20; piece <= 16 << 20; piece *= 16) {
        struct run run = run_file((struct import_options){0}, buffer_slice(&file), piece);
        assert_int_equal(run.status, STATUS_TOO_LARGE);
        assert_non_null(strstr(run.fault.text, "line 3"));
        assert_true(slice_is(buffer_slice(&run.rows), "2:1/"));
        run_release(&run);
    }
    /* a quote that is closed too late, or never, costs its line; no matter how the file is cut */
    file.size = 4;
    buffer_print(&file, "\"x\n");
    while (file.size < IMPORT_ROW_BYTES_MAX + (1 << 20))
        buffer_print(&file, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\n");
    buffer_print(&file, "\"\n");
    struct run one = run_file((struct import_options){.drop_repeats = true}, buffer_slice(&file), 16 << 20);
    struct run many = run_file((struct import_options){.drop_repeats = true}, buffer_slice(&file), 100000);
    assert_int_equal(one.status, STATUS_OK);
    assert_int_equal(one.counters.rejected, 2);
    assert_int_equal(one.counters.given, 2);
    assert_true(slice_equal(buffer_slice(&one.rejected), buffer_slice(&many.rejected)));
    assert_memory_equal(&one.counters, &many.counters, sizeof one.counters);
    run_release(&one);
    run_release(&many);
    /* a long row in small pieces must not be read again with each of them: 6 MiB by 512 bytes */
    file.size = 6 << 20;
    buffer_print(&file, "\"\n2\n");
    struct run run = run_file((struct import_options){0}, buffer_slice(&file), 512);
    assert_int_equal(run.status, STATUS_OK);
    assert_int_equal(run.counters.given, 3);
    run_release(&run);
    buffer_release(&file);
}

static void test_random_pieces(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 1500; seed++) {
        struct random r;
        struct buffer file = {0};
        random_init(&r, seed);
        struct import_options options = {.format = (enum import_format)random_below(&r, 3),
                                         .encoding = (enum import_encoding)random_below(&r, 2)};
        static const char *const bits[] = {
            "a", "b,c", ",", "\"", "\n", "\r\n", "\r", "\t", "\xb5\xea", "店", "{\"a\":1}", "\xff", "\x81\x30\x81\x30",
            "[", "}"};
        if (options.format != IMPORT_JSONL)
            buffer_print(&file, "x,y\n");
        for (uint64_t i = random_below(&r, 80); i; i--)
            buffer_print(&file, "%s", bits[random_below(&r, 15)]);
        struct run one = run_file(options, buffer_slice(&file), 1 << 20);
        struct run many = run_file(options, buffer_slice(&file), 1 + random_below(&r, 20));
        if (one.status != many.status || memcmp(&one.counters, &many.counters, sizeof one.counters) != 0 ||
            !slice_equal(buffer_slice(&one.rows), buffer_slice(&many.rows)) ||
            !slice_equal(buffer_slice(&one.hashes), buffer_slice(&many.hashes)) ||
            !slice_equal(buffer_slice(&one.rejected), buffer_slice(&many.rejected)))
            fail_msg("seed %llu", (unsigned long long)seed);
        assert_true(one.status || one.counters.rows == one.counters.given + one.counters.rejected);
        run_release(&one);
        run_release(&many);
        buffer_release(&file);
    }
}

static void test_rowset(void **state) {
    (void)state;
    struct rowset set = {0};
    struct random r;
    uint32_t times[5000] = {0};
    random_init(&r, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t which = random_below(&r, 5000);
        assert_int_equal(rowset_add(&set, 1 + which * 0x100000000), times[which]);
        times[which]++;
    }
    rowset_release(&set);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_csv_header_trimmed),
        cmocka_unit_test(test_jsonl),
        cmocka_unit_test(test_refused_files),
        cmocka_unit_test(test_rejected_report),
        cmocka_unit_test(test_repeats_and_resume),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_random_pieces),
        cmocka_unit_test(test_rowset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
