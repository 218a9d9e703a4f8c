/* import_bench: rows and bytes a second, by step: decoding, splitting, and the whole way from bytes to records.
 *
 *     onefold bench import [FILE or a number of rows to make, default 500000] [utf8 | gb18030]
 *
 * On paper: decoding and splitting are passes over the bytes at some GB/s. The whole way also hashes each row, probes
 * the table of hashes (one cache miss, 100 ns, once it is past the cache) and writes payloads of about twice the file's
 * size. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "collect/csv.h"
#include "collect/decode.h"
#include "collect/import.h"

int import_bench(int count, char **arguments);

#define REPEATS 5
#define PIECE_BYTES (256u << 10)

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void stop(const char *what) {
    fprintf(stderr, "import_bench: %s\n", what);
    exit(1);
}

static void make_rows(struct buffer *file, long rows) {
    buffer_print(file, "order_id,sku,name,quantity,time,price,customer_id,country\n");
    for (long i = 0; i < rows; i++)
        buffer_print(
            file,
            "%ld,sku-%ld,WHITE HANGING HEART T-LIGHT HOLDER,%ld,2010-12-01 08:%02ld:00,2.%02ld,%ld,United Kingdom\n",
            536365 + i / 20, i * 7 % 4000, i % 12, i % 60, i % 100, 10000 + i % 4000);
}

struct total {
    uint64_t rows, sum;
};

static struct total split(enum encoding encoding, struct slice file) {
    struct slice cells[64];
    struct csv csv = {.separator = ',', .cells = cells, .cells_max = 64};
    struct csv_row row;
    struct total total = {0};
    (void)encoding;
    while (csv_read(&csv, file, true, &row)) {
        total.rows++;
        total.sum += row.cell_count;
        file = slice_of(file.data + row.size, file.size - row.size);
    }
    csv_release(&csv);
    return total;
}

static struct total decode(enum encoding encoding, struct slice file) {
    struct decode *d = decode_create(encoding);
    struct buffer out = {0}, marks = {0};
    struct total total = {0};
    for (size_t at = 0; at < file.size; at += PIECE_BYTES) {
        size_t part = file.size - at < PIECE_BYTES ? file.size - at : PIECE_BYTES;
        buffer_clear(&out);
        decode_feed(d, slice_of(file.data + at, part), false, &out, &marks);
        total.sum += out.size;
    }
    buffer_release(&out);
    buffer_release(&marks);
    decode_free(d);
    return total;
}

static struct total import_whole(enum encoding encoding, struct slice file) {
    struct import_options options = {
        .encoding = encoding == ENCODING_UTF8 ? IMPORT_UTF8 : IMPORT_GB18030, .mapping = SLICE("orders"), .source = 1};
    struct import *import;
    struct import_counters counters;
    struct fault fault;
    struct total total = {0};
    if (import_create(&options, &import, &fault))
        stop(fault.text);
    for (size_t at = 0, count; at < file.size; at += PIECE_BYTES) {
        size_t part = file.size - at < PIECE_BYTES ? file.size - at : PIECE_BYTES;
        if (import_feed(import, slice_of(file.data + at, part), at + part == file.size, &fault))
            stop(fault.text);
        const struct log_record *records = import_records(import, &count);
        for (size_t i = 0; i < count; i++)
            total.sum += records[i].payload.size;
    }
    import_counters_read(import, &counters);
    total.rows = counters.rows;
    import_free(import);
    return total;
}

static void bench(const char *name, struct total (*step)(enum encoding, struct slice), enum encoding encoding,
                  struct slice file) {
    double times[REPEATS];
    struct total total = {0};
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double start = now_s();
        total = step(encoding, file);
        double s = now_s() - start;
        int at = repeat;
        for (; at > 0 && times[at - 1] > s; at--)
            times[at] = times[at - 1];
        times[at] = s;
    }
    double median = times[REPEATS / 2];
    printf("%-8s median %.3f s, worst %.3f: %.0f MB/s, %.2f million rows/s; rows %llu, sum %llu\n", name, median,
           times[REPEATS - 1], (double)file.size / median / 1e6, (double)total.rows / median / 1e6,
           (unsigned long long)total.rows, (unsigned long long)total.sum);
}

int import_bench(int count, char **arguments) {
    const char *what = count > 1 ? arguments[1] : "500000";
    enum encoding encoding = count > 2 && strcmp(arguments[2], "gb18030") == 0 ? ENCODING_GB18030 : ENCODING_UTF8;
    struct buffer file = {0};
    struct fault fault;
    long rows = strtol(what, NULL, 10);
    if (rows > 0)
        make_rows(&file, rows);
    else if (os_read_file(os_real(), what, &file, &fault))
        stop(fault.text);
    bench("decode", decode, encoding, buffer_slice(&file));
    bench("split", split, encoding, buffer_slice(&file));
    bench("import", import_whole, encoding, buffer_slice(&file));
    buffer_release(&file);
    return 0;
}
