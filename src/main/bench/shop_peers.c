/* bench/shop_peers: ClickHouse and DuckDB side by side with us, on the same rows in the same run.
 *
 * Both come from npm as shared libraries with a C interface (tools/setup --peers puts them into bench/peers/node_modules). They are
 * opened while running, in a child process each, so that neither our memory nor our threads are in their way, and so that the
 * program needs neither. ClickHouse reads what we write as its own RowBinary into sorted MergeTree tables, and writes Parquet for DuckDB. */
#include "main/bench/shop.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "main/bench/child.h"
#include "main/bench/feed.h"

#define CHDB "bench/peers/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"
#define DUCKDB "bench/peers/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so"
#define SQL_BYTES_MAX 8192

const char *const shop_peer_names[SHOP_PEERS] = {"ClickHouse", "DuckDB"};

bool shop_peers_there(char why[256]) {
    static const char *const paths[] = {CHDB, DUCKDB};
    for (int i = 0; i < SHOP_PEERS; i++)
        if (access(paths[i], R_OK)) {
            snprintf(why, 256, "%s is not there (tools/setup --peers installs it; run from the project's folder)",
                     paths[i]);
            return false;
        }
    return true;
}

/* --- files --- */

enum table { CUSTOMERS, RELATIONS, EVENTS, ORDERS, ITEMS, TABLES };

struct files {
    FILE *of[TABLES];
};

static const char *const table_names[TABLES] = {"customers", "relations", "events", "orders", "items"};

static void put(FILE *file, const void *bytes, size_t size) {
    if (fwrite(bytes, 1, size, file) != size)
        return; /* the disk is full: ferror remembers */
}

#define PUT(file, type, value) put(file, &(type){(type)(value)}, sizeof(type))

static void put_row(struct files *f, const struct shop_customer *c, const struct shop_row *row) {
    bool of_product = row->event == SHOP_VIEW || row->event == SHOP_ADD;
    PUT(f->of[EVENTS], uint32_t, c->number);
    PUT(f->of[EVENTS], uint32_t, row->time_s);
    PUT(f->of[EVENTS], uint8_t, row->event);
    PUT(f->of[EVENTS], uint8_t, of_product ? row->product % SHOP_CATEGORIES : SHOP_NONE);
    PUT(f->of[EVENTS], uint8_t, row->channel);
    PUT(f->of[EVENTS], uint16_t, of_product ? row->product : 0);
    PUT(f->of[EVENTS], uint32_t, row->event == SHOP_PAGE ? 0 : row->cents);
    if (row->event != SHOP_ORDER)
        return;
    PUT(f->of[ORDERS], uint32_t, c->number);
    PUT(f->of[ORDERS], uint32_t, row->time_s);
    PUT(f->of[ORDERS], uint32_t, row->cents);
    for (uint8_t i = 0; i < row->item_count; i++) {
        PUT(f->of[ITEMS], uint32_t, c->number);
        PUT(f->of[ITEMS], uint32_t, row->time_s);
        PUT(f->of[ITEMS], uint8_t, row->items[i].product % SHOP_CATEGORIES);
        PUT(f->of[ITEMS], uint8_t, row->items[i].quantity);
        PUT(f->of[ITEMS], uint16_t, row->items[i].product);
        PUT(f->of[ITEMS], uint32_t, row->items[i].cents);
    }
}

static void put_customer(struct files *f, const struct shop_customer *c) {
    PUT(f->of[CUSTOMERS], uint32_t, c->number);
    PUT(f->of[CUSTOMERS], uint8_t, c->city);
    PUT(f->of[CUSTOMERS], uint8_t, c->gender);
    PUT(f->of[CUSTOMERS], uint8_t, c->level);
    PUT(f->of[CUSTOMERS], int32_t, c->birthday);
    if (c->ward) {
        PUT(f->of[RELATIONS], uint32_t, c->number);
        PUT(f->of[RELATIONS], uint32_t, c->ward);
    }
    for (size_t i = 0; i < c->row_count; i++)
        put_row(f, c, &c->rows[i]);
}

static enum status export_all(const struct shop *shop, const char *folder, struct fault *fault) {
    struct files f = {0};
    struct shop_customer c;
    char path[512];
    bool failed = false;
    for (int i = 0; i < TABLES; i++) {
        snprintf(path, sizeof path, "%s/%s.bin", folder, table_names[i]);
        f.of[i] = fopen(path, "w");
        failed = failed || !f.of[i];
    }
    for (uint32_t number = 1; number <= shop->customers && !failed; number++) {
        shop_customer(shop, number, &c);
        put_customer(&f, &c);
    }
    for (int i = 0; i < TABLES; i++)
        failed = (f.of[i] && (ferror(f.of[i]) || fclose(f.of[i]))) || failed;
    return failed ? fault_set(fault, STATUS_IO, "the files for other databases under %s cannot be written: %s", folder,
                              strerror(errno))
                  : STATUS_OK;
}

/* --- asking, whichever it is --- */

/* One of them, opened: runs a statement; the first row's whole numbers into `values`, where that is not NULL. */
struct peer {
    enum status (*run)(struct peer *peer, const char *sql, uint64_t *values, struct fault *fault);
    void *library;
    void *connection;
    const char *folder;
};

struct task {
    struct bench *bench;
    const struct shop *shop;
    const struct shop_asked *asked;
    const struct shop_question *questions;
    size_t question_count;
    unsigned rounds;
    struct shop_peer_answer *answers; /* shared with the children */
    double loading_s[SHOP_PEERS];
};

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static enum status time_way(struct peer *p, const char *select, const char *way, unsigned rounds, double *median_ms,
                            double *worst_ms, struct fault *fault) {
    char sql[SQL_BYTES_MAX];
    double times[BENCH_REPEATS_MAX];
    uint64_t values[SHOP_VALUES_MAX];
    snprintf(sql, sizeof sql, "SELECT %s FROM (%s) AS asked", select, way);
    enum status status = p->run(p, sql, values, fault); /* to warm */
    for (unsigned i = 0; i < rounds && !status; i++) {
        double began = bench_now_s();
        status = p->run(p, sql, values, fault);
        times[i] = (bench_now_s() - began) * 1e3;
    }
    if (status)
        return status;
    qsort(times, rounds, sizeof *times, by_value);
    *median_ms = times[rounds / 2];
    *worst_ms = times[rounds - 1];
    return STATUS_OK;
}

static enum status ask(struct task *t, struct peer *p, enum shop_peer which, size_t question, struct fault *fault) {
    const struct shop_question *q = &t->questions[question];
    struct shop_peer_answer *answer = &t->answers[question * SHOP_PEERS + which];
    char sql[SQL_BYTES_MAX];
    enum status status = STATUS_OK;
    for (unsigned way = 0; way < SHOP_WAYS_MAX && q->ways[which][way] && !status; way++) {
        double median, worst;
        status = time_way(p, t->asked->timed[which], q->ways[which][way], t->rounds, &median, &worst, fault);
        if (status)
            break;
        answer->way_ms[way] = median;
        if (way == 0 || median < answer->median_ms) {
            answer->median_ms = median;
            answer->worst_ms = worst;
            answer->way = way;
        }
    }
    snprintf(sql, sizeof sql, "SELECT %s FROM (%s) AS asked", t->asked->check[which], q->ways[which][answer->way]);
    return status ? status : p->run(p, sql, answer->values, fault);
}

static enum status ask_all(struct task *t, struct peer *p, enum shop_peer which, struct fault *fault) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < t->question_count && !status; i++)
        if (t->questions[i].name)
            status = ask(t, p, which, i, fault);
    return status;
}

static enum status run_each(struct peer *p, const char *const *statements, size_t count, struct fault *fault) {
    enum status status = STATUS_OK;
    char sql[SQL_BYTES_MAX];
    for (size_t i = 0; i < count && !status; i++) {
        const char *place = strstr(statements[i], "$FOLDER");
        if (place)
            snprintf(sql, sizeof sql, "%.*s%s%s", (int)(place - statements[i]), statements[i], p->folder,
                     place + strlen("$FOLDER"));
        status = p->run(p, place ? sql : statements[i], NULL, fault);
    }
    return status;
}

static enum status no_function(const char *path, struct fault *fault) {
    const char *said = dlerror();
    return fault_set(fault, STATUS_IO, "%s cannot be used: %s", path, said ? said : "a function is missing");
}

/* A function of a shared library: POSIX lets the address be copied, C has no conversion. */
static bool find_function(void *library, const char *name, void *into) {
    void *address = dlsym(library, name);
    memcpy(into, &address, sizeof address);
    return address != NULL;
}

static void read_numbers(const char *text, size_t size, uint64_t *values) {
    char row[256], *at = row;
    snprintf(row, sizeof row, "%.*s", (int)(size < 255 ? size : 255), text);
    for (int i = 0; i < SHOP_VALUES_MAX && *at; i++)
        values[i] = strtoull(at, &at, 10);
}

/* --- ClickHouse, as chDB: its C interface --- */

static struct {
    void **(*connect)(int argc, char **argv);
    void *(*query)(void *connection, const char *sql, const char *format);
    const char *(*error)(void *result);
    const char *(*buffer)(void *result);
    size_t (*length)(void *result);
    void (*destroy)(void *result);
} chdb;

static enum status run_chdb(struct peer *p, const char *sql, uint64_t *values, struct fault *fault) {
    void *result = chdb.query(*(void **)p->connection, sql, "TabSeparated");
    const char *error = result ? chdb.error(result) : "no result";
    if (error)
        fault_set(fault, STATUS_IO, "ClickHouse says: %.300s", error);
    else if (values)
        read_numbers(chdb.buffer(result), chdb.length(result), values);
    if (result)
        chdb.destroy(result);
    return error ? STATUS_IO : STATUS_OK;
}

static enum status open_chdb(struct peer *p, struct fault *fault) {
    char path[512];
    p->run = run_chdb;
    p->library = dlopen(CHDB, RTLD_NOW | RTLD_LOCAL);
    if (!p->library || !find_function(p->library, "chdb_connect", &chdb.connect) ||
        !find_function(p->library, "chdb_query", &chdb.query) ||
        !find_function(p->library, "chdb_result_error", &chdb.error) ||
        !find_function(p->library, "chdb_result_buffer", &chdb.buffer) ||
        !find_function(p->library, "chdb_result_length", &chdb.length) ||
        !find_function(p->library, "chdb_destroy_query_result", &chdb.destroy))
        return no_function(CHDB, fault);
    snprintf(path, sizeof path, "--path=%s/clickhouse", p->folder);
    char name[] = "clickhouse";
    char *arguments[] = {name, path, NULL};
    p->connection = chdb.connect(2, arguments);
    return p->connection ? STATUS_OK : fault_set(fault, STATUS_IO, "ClickHouse does not open %s", path + 7);
}

/* What every table's columns are, once as they lie in the file and in the table. */
static void add_enum(struct buffer *out, const char *const *names, int count, bool may_miss) {
    buffer_print(out, "Enum8(");
    if (may_miss)
        buffer_print(out, "'' = -1, ");
    for (int i = 0; i < count; i++)
        buffer_print(out, "%s'%s' = %d", i ? ", " : "", names[i], i);
    buffer_print(out, ")");
}

static void add_columns(struct buffer *out, enum table table) {
    static const char *const events[SHOP_EVENTS] = {"page", "view", "add", "order"};
    buffer_print(out, "customer UInt32");
    switch (table) {
    case CUSTOMERS:
        buffer_print(out, ", city ");
        add_enum(out, shop_cities, SHOP_CITIES, true);
        buffer_print(out, ", gender UInt8, level ");
        add_enum(out, shop_levels, SHOP_LEVELS, true);
        buffer_print(out, ", birthday Date32");
        break;
    case RELATIONS:
        buffer_print(out, ", other UInt32");
        break;
    case EVENTS:
        buffer_print(out, ", time DateTime('UTC'), event ");
        add_enum(out, events, SHOP_EVENTS, false);
        buffer_print(out, ", category ");
        add_enum(out, shop_categories, SHOP_CATEGORIES, true);
        buffer_print(out, ", channel ");
        add_enum(out, shop_channels, SHOP_CHANNELS, false);
        buffer_print(out, ", product UInt16, cents UInt32");
        break;
    case ORDERS:
        buffer_print(out, ", time DateTime('UTC'), cents UInt32");
        break;
    default:
        buffer_print(out, ", time DateTime('UTC'), category ");
        add_enum(out, shop_categories, SHOP_CATEGORIES, true);
        buffer_print(out, ", quantity UInt8, product UInt16, cents UInt32");
    }
}

static enum status load_chdb_table(struct peer *p, enum table table, struct fault *fault) {
    const char *name = table_names[table];
    struct buffer columns = {0}, sql = {0};
    bool timed = table == EVENTS || table == ORDERS || table == ITEMS;
    add_columns(&columns, table);
    buffer_print(&sql, "CREATE TABLE %s (%.*s) ENGINE = MergeTree ORDER BY (customer%s)%c", name, (int)columns.size,
                 columns.data, timed ? ", time" : "", 0);
    enum status status = p->run(p, sql.data, NULL, fault);
    buffer_clear(&sql);
    buffer_print(&sql, "INSERT INTO %s SELECT * FROM file('%s/%s.bin', RowBinary, $$%.*s$$)%c", name, p->folder, name,
                 (int)columns.size, columns.data, 0);
    status = status ? status : p->run(p, sql.data, NULL, fault);
    buffer_clear(&sql);
    buffer_print(&sql, "OPTIMIZE TABLE %s FINAL%c", name, 0); /* one part: fewest to merge while reading in order */
    status = status ? status : p->run(p, sql.data, NULL, fault);
    buffer_clear(&sql);
    buffer_print(&sql,
                 "INSERT INTO FUNCTION file('%s/%s.parquet', Parquet) SELECT * FROM %s ORDER BY customer%s SETTINGS "
                 "engine_file_truncate_on_insert = 1, output_format_parquet_compression_method = 'snappy'%c",
                 p->folder, name, name, timed ? ", time" : "", 0);
    status = status ? status : p->run(p, sql.data, NULL, fault);
    buffer_clear(&sql);
    buffer_print(&sql, "%s/%s.bin%c", p->folder, name, 0);
    if (!status && unlink(sql.data)) /* the space is needed */
        status = fault_set(fault, STATUS_IO, "%s cannot be removed: %s", sql.data, strerror(errno));
    buffer_release(&columns);
    buffer_release(&sql);
    return status;
}

static enum status with_chdb(void *shared, struct fault *fault) {
    struct task *t = shared;
    struct peer p = {.folder = t->bench->folder};
    static const char *const settings[] = {"CREATE DATABASE shop", "USE shop", "SET max_threads = 2",
                                           "SET optimize_aggregation_in_order = 1", "SET session_timezone = 'UTC'"};
    double began = bench_now_s();
    enum status status = export_all(t->shop, p.folder, fault);
    if (!status)
        status = open_chdb(&p, fault);
    if (!status)
        status = run_each(&p, settings, sizeof settings / sizeof *settings, fault);
    for (int i = 0; i < TABLES && !status; i++)
        status = load_chdb_table(&p, (enum table)i, fault);
    t->loading_s[SHOP_CLICKHOUSE] = bench_now_s() - began;
    return status ? status : ask_all(t, &p, SHOP_CLICKHOUSE, fault);
}

/* --- DuckDB: its C interface --- */

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
} duckdb;

static enum status run_duckdb(struct peer *p, const char *sql, uint64_t *values, struct fault *fault) {
    struct duckdb_result result = {0};
    enum status status = STATUS_OK;
    if (duckdb.query(p->connection, sql, &result))
        status = fault_set(fault, STATUS_IO, "DuckDB says: %.300s", duckdb.error(&result));
    for (uint64_t i = 0; i < SHOP_VALUES_MAX && i < result.column_count && values && !status; i++)
        values[i] = duckdb.value(&result, i, 0);
    duckdb.destroy(&result);
    return status;
}

static enum status open_duckdb(struct peer *p, struct fault *fault) {
    char path[512];
    void *database;
    p->run = run_duckdb;
    p->library = dlopen(DUCKDB, RTLD_NOW | RTLD_LOCAL);
    if (!p->library || !find_function(p->library, "duckdb_open", &duckdb.open) ||
        !find_function(p->library, "duckdb_connect", &duckdb.connect) ||
        !find_function(p->library, "duckdb_query", &duckdb.query) ||
        !find_function(p->library, "duckdb_result_error", &duckdb.error) ||
        !find_function(p->library, "duckdb_value_uint64", &duckdb.value) ||
        !find_function(p->library, "duckdb_destroy_result", &duckdb.destroy))
        return no_function(DUCKDB, fault);
    snprintf(path, sizeof path, "%s/duckdb", p->folder);
    if (duckdb.open(path, &database) || duckdb.connect(database, &p->connection))
        return fault_set(fault, STATUS_IO, "DuckDB does not open %s", path);
    return STATUS_OK;
}

static enum status with_duckdb(void *shared, struct fault *fault) {
    struct task *t = shared;
    struct peer p = {.folder = t->bench->folder};
    static const char *const statements[] = {
        "SET threads = 2",
        "SET TimeZone = 'UTC'",
        "CREATE TYPE city AS ENUM (SELECT DISTINCT city FROM '$FOLDER/customers.parquet' ORDER BY city)",
        "CREATE TYPE level AS ENUM (SELECT DISTINCT level FROM '$FOLDER/customers.parquet' ORDER BY level)",
        "CREATE TYPE category AS ENUM (SELECT DISTINCT category FROM '$FOLDER/events.parquet' ORDER BY category)",
        "CREATE TYPE channel AS ENUM (SELECT DISTINCT channel FROM '$FOLDER/events.parquet' ORDER BY channel)",
        "CREATE TYPE event AS ENUM ('page', 'view', 'add', 'order')",
        "CREATE TABLE customers AS SELECT customer, city::city AS city, gender, level::level AS level, birthday::DATE "
        "AS birthday "
        "FROM '$FOLDER/customers.parquet' ORDER BY customer",
        "CREATE TABLE relations AS SELECT * FROM '$FOLDER/relations.parquet' ORDER BY customer",
        "CREATE TABLE events AS SELECT customer, epoch(time)::UINTEGER AS time, event::event AS event, "
        "category::category AS "
        "category, channel::channel AS channel, product, cents FROM '$FOLDER/events.parquet' ORDER BY customer, time",
        "CREATE TABLE orders AS SELECT customer, epoch(time)::UINTEGER AS time, cents FROM '$FOLDER/orders.parquet' "
        "ORDER BY "
        "customer, time",
        "CREATE TABLE items AS SELECT customer, epoch(time)::UINTEGER AS time, category::category AS category, "
        "quantity, "
        "product, cents FROM '$FOLDER/items.parquet' ORDER BY customer, time",
        "CHECKPOINT",
    };
    double began = bench_now_s();
    enum status status = open_duckdb(&p, fault);
    if (!status)
        status = run_each(&p, statements, sizeof statements / sizeof *statements, fault);
    t->loading_s[SHOP_DUCKDB] = bench_now_s() - began;
    return status ? status : ask_all(t, &p, SHOP_DUCKDB, fault);
}

/* --- both --- */

enum status shop_peers_ask(struct bench *b, const struct shop *shop, const struct shop_asked *asked,
                           const struct shop_question *questions, size_t question_count, unsigned rounds,
                           struct shop_peer_answer *answers, struct fault *fault) {
    struct {
        struct task task;
        struct shop_peer_answer answers[];
    } * shared;
    size_t bytes = sizeof *shared + question_count * SHOP_PEERS * sizeof *answers;
    shared = bench_shared(bytes);
    shared->task = (struct task){b, shop, asked, questions, question_count, rounds, shared->answers, {0}};
    enum status status = bench_apart(with_chdb, &shared->task, fault);
    if (!status)
        status = bench_apart(with_duckdb, &shared->task, fault);
    if (!status) {
        bench_value(b, "ClickHouse: loading took", "s", shared->task.loading_s[SHOP_CLICKHOUSE]);
        bench_value(b, "DuckDB: loading took", "s", shared->task.loading_s[SHOP_DUCKDB]);
        memcpy(answers, shared->answers, question_count * SHOP_PEERS * sizeof *answers);
    }
    bench_shared_free(shared, bytes);
    return status;
}

void shop_peers_report(struct bench *b, const struct shop_question *question, const struct shop_peer_answer *answers,
                       double ours_ms, const uint64_t *expected, size_t value_count) {
    char what[96];
    double fastest_ms = 0;
    for (int peer = 0; peer < SHOP_PEERS; peer++) {
        const struct shop_peer_answer *a = &answers[peer];
        for (unsigned way = 0; way < SHOP_WAYS_MAX && question->ways[peer][way]; way++) {
            snprintf(what, sizeof what, "%s: %s, way %u", question->name, shop_peer_names[peer], way + 1);
            bench_value(b, what, "ms", a->way_ms[way]);
        }
        for (size_t i = 0; i < value_count; i++) {
            snprintf(what, sizeof what, "%s: %s, value %zu", question->name, shop_peer_names[peer], i + 1);
            bench_check(b, what, expected[i], a->values[i]);
        }
        fastest_ms = peer == 0 || a->median_ms < fastest_ms ? a->median_ms : fastest_ms;
    }
    double ratio = fastest_ms / ours_ms;
    snprintf(what, sizeof what, "%s: faster than the faster", question->name);
    bench_figure(b, &(struct bench_figure){what, "times", BENCH_HIGHER, SHOP_PEER_BAR}, &ratio, 1);
}
