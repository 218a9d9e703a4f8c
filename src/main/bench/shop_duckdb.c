/* bench/shop_duckdb: DuckDB by its C interface. Rows are appended as its own chunks of vectors, in order; nothing is parsed or sorted. */
#include "main/bench/shop_peer.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>

struct duckdb_result {
    uint64_t column_count, row_count, rows_changed;
    void *columns;
    char *error;
    void *inside;
};

static struct {
    int (*open)(const char *path, void **database);
    int (*connect)(void *database, void **connection);
    int (*query)(void *connection, const char *sql, struct duckdb_result *result);
    const char *(*error)(struct duckdb_result *result);
    uint64_t (*value)(struct duckdb_result *result, uint64_t column, uint64_t row);
    void (*destroy)(struct duckdb_result *result);
    void (*interrupt)(void *connection);
    /* appending */
    uint64_t (*vector_size)(void);
    int (*appender_create)(void *connection, const char *schema, const char *table, void **appender);
    const char *(*appender_error)(void *appender);
    int (*appender_destroy)(void **appender);
    void *(*column_type)(void *appender, uint64_t column);
    void (*destroy_type)(void **type);
    void *(*create_chunk)(void **types, uint64_t count);
    void (*destroy_chunk)(void **chunk);
    void *(*vector_of)(void *chunk, uint64_t column);
    void *(*data_of)(void *vector);
    void (*set_size)(void *chunk, uint64_t size);
    int (*append)(void *appender, void *chunk);
} duckdb;

/* What the alarm interrupts: it only sets a flag there. */
static void *volatile running;

static void stop_running(int number) {
    (void)number;
    if (running)
        duckdb.interrupt(running);
}

static void set_alarm(double seconds) {
    const struct itimerval timer = {
        .it_value = {(time_t)seconds, (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)}};
    (void)setitimer(ITIMER_REAL, &timer, NULL);
}

static enum status run(struct shop_database *d, const char *sql, double limit_s, uint64_t *values,
                       struct fault *fault) {
    struct duckdb_result result = {0};
    enum status status = STATUS_OK;
    running = d->connection;
    set_alarm(limit_s);
    int failed = duckdb.query(d->connection, sql, &result);
    set_alarm(0);
    running = NULL;
    if (failed) {
        const char *error = duckdb.error(&result);
        status =
            fault_set(fault, strstr(error, "INTERRUPT") ? STATUS_TIMEOUT : STATUS_IO, "DuckDB says: %.300s", error);
    }
    for (uint64_t i = 0; i < SHOP_VALUES_MAX && i < result.column_count && values && !status; i++)
        values[i] = duckdb.value(&result, i, 0);
    duckdb.destroy(&result);
    return status;
}

/* --- loading --- */

struct appending {
    struct shop_sink sink;
    void *appenders[SHOP_TABLES], *chunks[SHOP_TABLES];
};

static void add_type(struct buffer *out, const struct shop_column *c) {
    if (c->type == SHOP_DAY) {
        buffer_print(out, "DATE");
    } else if (c->type == SHOP_WORD) {
        buffer_print(out, "ENUM (%s", c->may_miss ? "'', " : "");
        for (int i = 0; i < c->word_count; i++)
            buffer_print(out, "%s'%s'", i ? ", " : "", c->words[i]);
        buffer_print(out, ")");
    } else {
        buffer_print(out, "%s", c->bytes == 1 ? "UTINYINT" : c->bytes == 2 ? "USMALLINT" : "UINTEGER");
    }
}

static enum status create_table(struct shop_database *d, enum shop_table table, struct fault *fault) {
    const struct shop_column *columns;
    size_t count = shop_columns(table, &columns);
    struct buffer sql = {0};
    buffer_print(&sql, "CREATE TABLE %s (", shop_table_names[table]);
    for (size_t i = 0; i < count; i++) {
        buffer_print(&sql, "%s%s ", i ? ", " : "", columns[i].name);
        add_type(&sql, &columns[i]);
    }
    buffer_print(&sql, ")%c", 0);
    enum status status = run(d, sql.data, 0, NULL, fault);
    buffer_release(&sql);
    return status;
}

static enum status begin_table(struct shop_database *d, struct appending *a, enum shop_table table,
                               struct fault *fault) {
    const struct shop_column *columns;
    size_t count = shop_columns(table, &columns);
    void *types[SHOP_COLUMNS_MAX];
    enum status status = create_table(d, table, fault);
    if (status)
        return status;
    if (duckdb.appender_create(d->connection, NULL, shop_table_names[table], &a->appenders[table]))
        return fault_set(fault, STATUS_IO, "DuckDB does not append to %s", shop_table_names[table]);
    for (size_t i = 0; i < count; i++)
        types[i] = duckdb.column_type(a->appenders[table], i);
    a->chunks[table] = duckdb.create_chunk(types, count);
    for (size_t i = 0; i < count; i++)
        duckdb.destroy_type(&types[i]);
    return STATUS_OK;
}

static enum status take(struct shop_sink *sink, const struct shop_block *block, struct fault *fault) {
    struct appending *a = (struct appending *)sink;
    const struct shop_column *columns;
    size_t count = shop_columns(block->table, &columns);
    void *chunk = a->chunks[block->table];
    for (size_t i = 0; i < count; i++) {
        uint8_t *data = duckdb.data_of(duckdb.vector_of(chunk, i));
        memcpy(data, block->columns[i], (size_t)block->count * columns[i].bytes);
        for (uint32_t k = 0; k < block->count && columns[i].may_miss; k++)
            data[k]++; /* '' comes first: 255, the missing one, becomes 0 */
    }
    duckdb.set_size(chunk, block->count);
    if (duckdb.append(a->appenders[block->table], chunk))
        return fault_set(fault, STATUS_IO, "DuckDB says: %.300s", duckdb.appender_error(a->appenders[block->table]));
    return STATUS_OK;
}

static enum status load(struct shop_database *d, const struct shop *shop, const bool tables[SHOP_TABLES],
                        struct fault *fault) {
    struct appending a = {.sink = {.block_rows = (uint32_t)duckdb.vector_size(), .take = take}};
    memcpy(a.sink.tables, tables, sizeof a.sink.tables);
    enum status status = run(d, "BEGIN", 0, NULL, fault);
    for (int t = 0; t < SHOP_TABLES && !status; t++)
        if (tables[t])
            status = begin_table(d, &a, (enum shop_table)t, fault);
    if (!status)
        status = shop_rows(shop, &a.sink, fault);
    for (int t = 0; t < SHOP_TABLES; t++) {
        if (a.chunks[t])
            duckdb.destroy_chunk(&a.chunks[t]);
        if (a.appenders[t] && duckdb.appender_destroy(&a.appenders[t]) && !status)
            status = fault_set(fault, STATUS_IO, "DuckDB does not take the last rows of %s", shop_table_names[t]);
    }
    static const char *const finish[] = {"COMMIT", "CHECKPOINT"};
    return status ? status : shop_run_each(d, finish, 2, fault);
}

/* --- opening --- */

static bool find_functions(void *library) {
    static const struct {
        const char *name;
        void *into;
    } functions[] = {{"duckdb_open", &duckdb.open},
                     {"duckdb_connect", &duckdb.connect},
                     {"duckdb_query", &duckdb.query},
                     {"duckdb_result_error", &duckdb.error},
                     {"duckdb_value_uint64", &duckdb.value},
                     {"duckdb_destroy_result", &duckdb.destroy},
                     {"duckdb_interrupt", &duckdb.interrupt},
                     {"duckdb_vector_size", &duckdb.vector_size},
                     {"duckdb_appender_create", &duckdb.appender_create},
                     {"duckdb_appender_error", &duckdb.appender_error},
                     {"duckdb_appender_destroy", &duckdb.appender_destroy},
                     {"duckdb_appender_column_type", &duckdb.column_type},
                     {"duckdb_destroy_logical_type", &duckdb.destroy_type},
                     {"duckdb_create_data_chunk", &duckdb.create_chunk},
                     {"duckdb_destroy_data_chunk", &duckdb.destroy_chunk},
                     {"duckdb_data_chunk_get_vector", &duckdb.vector_of},
                     {"duckdb_vector_get_data", &duckdb.data_of},
                     {"duckdb_data_chunk_set_size", &duckdb.set_size},
                     {"duckdb_append_data_chunk", &duckdb.append}};
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
        if (!shop_find_function(library, functions[i].name, functions[i].into))
            return false;
    return true;
}

enum status shop_duckdb_open(struct shop_database *d, const char *folder, struct fault *fault) {
    static const char *const settings[] = {"SET threads = 2", "SET TimeZone = 'UTC'"};
    char path[400];
    void *database;
    *d = (struct shop_database){.folder = folder, .run = run, .load = load};
    d->library = dlopen(SHOP_DUCKDB_PATH, RTLD_NOW | RTLD_LOCAL);
    if (!d->library || !find_functions(d->library))
        return shop_no_function(SHOP_DUCKDB_PATH, fault);
    snprintf(path, sizeof path, "%s/duckdb", folder);
    if (duckdb.open(path, &database) || duckdb.connect(database, &d->connection))
        return fault_set(fault, STATUS_IO, "DuckDB does not open %s", path);
    (void)signal(SIGALRM, stop_running);
    return shop_run_each(d, settings, sizeof settings / sizeof *settings, fault);
}
