/* bench/shop_peer: another database in hand: ClickHouse (as chDB) or DuckDB, as shop_peers.c asks it.
 *
 * Both come from npm as shared libraries with a C interface (tools/setup --peers puts them into bench/peers/node_modules), opened while running,
 * so that the program needs neither. Thread: one. */
#ifndef ONEFOLD_MAIN_BENCH_SHOP_PEER_H
#define ONEFOLD_MAIN_BENCH_SHOP_PEER_H

#include "main/bench/shop_tables.h"

#define SHOP_CHDB "bench/peers/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so"
#define SHOP_DUCKDB_PATH "bench/peers/node_modules/@duckdb/node-bindings-linux-x64/libduckdb.so"

struct shop_database {
    const char *folder; /* where its files are */
    void *library, *connection;
    /* Runs a statement; the first row's whole numbers go to `values` [SHOP_VALUES_MAX], where that is not NULL. TIMEOUT where it took longer than
     * `limit_s` and was stopped; 0: no limit. IO: what it said. */
    enum status (*run)(struct shop_database *database, const char *sql, double limit_s, uint64_t *values,
                       struct fault *fault);
    /* Makes the tables wanted and fills them with all rows, sorted by customer and time as they come. */
    enum status (*load)(struct shop_database *database, const struct shop *shop, const bool tables[SHOP_TABLES],
                        struct fault *fault);
};
/* Opens the database in `folder`, as it was left or empty: two threads, UTC. */
enum status shop_chdb_open(struct shop_database *database, const char *folder, struct fault *fault) WARN_UNUSED;
enum status shop_duckdb_open(struct shop_database *database, const char *folder, struct fault *fault) WARN_UNUSED;

enum status shop_run_each(struct shop_database *database, const char *const *statements, size_t count,
                          struct fault *fault) WARN_UNUSED;
/* A function of a shared library: POSIX lets the address be copied, C has no conversion. */
bool shop_find_function(void *library, const char *name, void *into);
enum status shop_no_function(const char *path, struct fault *fault);

#endif
