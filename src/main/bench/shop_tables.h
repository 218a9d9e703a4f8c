/* bench/shop_tables: the shop's rows as tables of columns, block by block: what other databases are loaded from.
 *
 * Columns are raw, in the width that shop_columns says. A text is its number; a missing one is SHOP_NONE. */
#ifndef ONEFOLD_MAIN_BENCH_SHOP_TABLES_H
#define ONEFOLD_MAIN_BENCH_SHOP_TABLES_H

#include "main/bench/shop.h"

extern const char *const shop_table_names[SHOP_TABLES];

enum shop_column_type { SHOP_WHOLE, SHOP_MOMENT, SHOP_DAY, SHOP_WORD };
struct shop_column {
    const char *name;
    uint8_t bytes; /* unsigned, but of SHOP_DAY */
    uint8_t type;
    bool may_miss;            /* of SHOP_WORD: the number 255 stands for '' */
    uint8_t word_count;       /* of SHOP_WORD */
    const char *const *words; /* by number */
};
#define SHOP_COLUMNS_MAX 7
/* How many there are; sorted by (customer, time) all. */
size_t shop_columns(enum shop_table table, const struct shop_column **columns);

struct shop_block {
    enum shop_table table;
    uint32_t count, room;
    void *columns[SHOP_COLUMNS_MAX];
};
struct shop_sink {
    uint32_t block_rows;
    bool tables[SHOP_TABLES]; /* wanted */
    /* Called with each full block and the last of each table; the block is used again afterwards. */
    enum status (*take)(struct shop_sink *sink, const struct shop_block *block, struct fault *fault);
};
/* All rows of the shop, customer by customer. */
enum status shop_rows(const struct shop *shop, struct shop_sink *sink, struct fault *fault) WARN_UNUSED;

#endif
