/* bench/shop_chdb: ClickHouse by chDB's C interface.
 *
 * Rows go into a file of its own Native format, columns as they lie in its memory, and from there by one INSERT of one block into a
 * MergeTree table: one sorted part, nothing to merge while reading in order. */
#include "main/bench/shop_peer.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_BLOCK_ROWS 65536

static struct {
    void **(*connect)(int argc, char **argv);
    void *(*query)(void *connection, const char *sql, const char *format);
    const char *(*error)(void *result);
    const char *(*buffer)(void *result);
    size_t (*length)(void *result);
    void (*destroy)(void *result);
} chdb;

static void read_numbers(const char *text, size_t size, uint64_t *values) {
    char row[256], *at = row;
    snprintf(row, sizeof row, "%.*s", (int)(size < 255 ? size : 255), text);
    for (int i = 0; i < SHOP_VALUES_MAX && *at; i++)
        values[i] = strtoull(at, &at, 10);
}

static enum status query(struct shop_database *d, const char *sql, uint64_t *values, struct fault *fault) {
    void *result = chdb.query(*(void **)d->connection, sql, "TabSeparated");
    const char *error = result ? chdb.error(result) : "no result";
    enum status status = STATUS_OK;
    if (error)
        status = fault_set(fault, strstr(error, "TIMEOUT_EXCEEDED") ? STATUS_TIMEOUT : STATUS_IO,
                           "ClickHouse says: %.300s", error);
    else if (values)
        read_numbers(chdb.buffer(result), chdb.length(result), values);
    if (result)
        chdb.destroy(result);
    return status;
}

static enum status run(struct shop_database *d, const char *sql, double limit_s, uint64_t *values,
                       struct fault *fault) {
    char limit[64];
    enum status status = STATUS_OK;
    if (values) { /* loading has no limit, asking one each */
        snprintf(limit, sizeof limit, "SET max_execution_time = %.3f", limit_s);
        status = query(d, limit, NULL, fault);
    }
    return status ? status : query(d, sql, values, fault);
}

/* --- loading --- */

struct files {
    struct shop_sink sink;
    FILE *of[SHOP_TABLES];
    char paths[SHOP_TABLES][400];
};

/* Types are written the same way in the file and in CREATE TABLE. */
static void add_type(struct buffer *out, const struct shop_column *c) {
    switch (c->type) {
    case SHOP_MOMENT:
        buffer_print(out, "DateTime('UTC')");
        return;
    case SHOP_DAY:
        buffer_print(out, "Date32");
        return;
    case SHOP_WORD:
        buffer_print(out, "Enum8(%s", c->may_miss ? "'' = -1, " : "");
        for (int i = 0; i < c->word_count; i++)
            buffer_print(out, "%s'%s' = %d", i ? ", " : "", c->words[i], i);
        buffer_print(out, ")");
        return;
    default:
        buffer_print(out, "UInt%d", 8 * c->bytes);
    }
}

static void add_length(struct buffer *out, uint64_t n) {
    for (; n >= 128; n >>= 7)
        buffer_add_char(out, (char)(n | 128));
    buffer_add_char(out, (char)n);
}

/* How many columns and rows; of each column name, type, values. */
static enum status take(struct shop_sink *sink, const struct shop_block *block, struct fault *fault) {
    struct files *files = (struct files *)sink;
    const struct shop_column *columns;
    size_t count = shop_columns(block->table, &columns);
    struct buffer out = {0}, type = {0};
    add_length(&out, count);
    add_length(&out, block->count);
    for (size_t i = 0; i < count; i++) {
        buffer_clear(&type);
        add_type(&type, &columns[i]);
        add_length(&out, strlen(columns[i].name));
        buffer_add_slice(&out, slice_text(columns[i].name));
        add_length(&out, type.size);
        buffer_add_slice(&out, buffer_slice(&type));
        buffer_add(&out, block->columns[i], (size_t)block->count * columns[i].bytes);
    }
    size_t written = fwrite(out.data, 1, out.size, files->of[block->table]);
    bool failed = written != out.size;
    buffer_release(&out);
    buffer_release(&type);
    return failed ? fault_set(fault, STATUS_IO, "%s cannot be written: %s", files->paths[block->table], strerror(errno))
                  : STATUS_OK;
}

static enum status write_files(struct shop_database *d, const struct shop *shop, struct files *f, struct fault *fault) {
    enum status status = STATUS_OK;
    f->sink.take = take;
    f->sink.block_rows = FILE_BLOCK_ROWS;
    for (int t = 0; t < SHOP_TABLES && !status; t++) {
        if (!f->sink.tables[t])
            continue;
        snprintf(f->paths[t], sizeof f->paths[t], "%s/%s.native", d->folder, shop_table_names[t]);
        f->of[t] = fopen(f->paths[t], "w");
        if (!f->of[t])
            status = fault_set(fault, STATUS_IO, "%s cannot be made: %s", f->paths[t], strerror(errno));
    }
    if (!status)
        status = shop_rows(shop, &f->sink, fault);
    for (int t = 0; t < SHOP_TABLES; t++)
        if (f->of[t] && fclose(f->of[t]) && !status)
            status = fault_set(fault, STATUS_IO, "%s cannot be written: %s", f->paths[t], strerror(errno));
    return status;
}

static enum status load_table(struct shop_database *d, enum shop_table table, const char *path, struct fault *fault) {
    const struct shop_column *columns;
    size_t count = shop_columns(table, &columns);
    struct buffer sql = {0};
    buffer_print(&sql, "CREATE TABLE shop.%s (", shop_table_names[table]);
    for (size_t i = 0; i < count; i++) {
        buffer_print(&sql, "%s%s ", i ? ", " : "", columns[i].name);
        add_type(&sql, &columns[i]);
    }
    buffer_print(&sql, ") ENGINE = MergeTree ORDER BY (customer%s)%c", columns[1].type == SHOP_MOMENT ? ", time" : "",
                 0);
    enum status status = query(d, sql.data, NULL, fault);
    buffer_clear(&sql);
    buffer_print(&sql,
                 "INSERT INTO shop.%s SELECT * FROM file('%s', Native) SETTINGS max_insert_threads = 1, "
                 "min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0%c",
                 shop_table_names[table], path, 0);
    if (!status)
        status = query(d, sql.data, NULL, fault);
    buffer_release(&sql);
    if (!status && unlink(path)) /* the space is needed */
        status = fault_set(fault, STATUS_IO, "%s cannot be removed: %s", path, strerror(errno));
    return status;
}

static enum status load(struct shop_database *d, const struct shop *shop, const bool tables[SHOP_TABLES],
                        struct fault *fault) {
    struct files files = {0};
    memcpy(files.sink.tables, tables, sizeof files.sink.tables);
    enum status status = write_files(d, shop, &files, fault);
    for (int t = 0; t < SHOP_TABLES && !status; t++)
        if (tables[t])
            status = load_table(d, (enum shop_table)t, files.paths[t], fault);
    return status;
}

enum status shop_chdb_open(struct shop_database *d, const char *folder, struct fault *fault) {
    static const char *const settings[] = {"CREATE DATABASE IF NOT EXISTS shop", "USE shop", "SET max_threads = 2",
                                           "SET optimize_aggregation_in_order = 1", "SET session_timezone = 'UTC'"};
    char path[400], name[] = "clickhouse";
    *d = (struct shop_database){.folder = folder, .run = run, .load = load};
    d->library = dlopen(SHOP_CHDB, RTLD_NOW | RTLD_LOCAL);
    if (!d->library || !shop_find_function(d->library, "chdb_connect", &chdb.connect) ||
        !shop_find_function(d->library, "chdb_query", &chdb.query) ||
        !shop_find_function(d->library, "chdb_result_error", &chdb.error) ||
        !shop_find_function(d->library, "chdb_result_buffer", &chdb.buffer) ||
        !shop_find_function(d->library, "chdb_result_length", &chdb.length) ||
        !shop_find_function(d->library, "chdb_destroy_query_result", &chdb.destroy))
        return shop_no_function(SHOP_CHDB, fault);
    snprintf(path, sizeof path, "--path=%s/clickhouse", folder);
    char *arguments[] = {name, path, NULL};
    d->connection = chdb.connect(2, arguments);
    if (!d->connection)
        return fault_set(fault, STATUS_IO, "ClickHouse does not open %s", path + 7);
    return shop_run_each(d, settings, sizeof settings / sizeof *settings, fault);
}
