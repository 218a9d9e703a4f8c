/* clickhouse_model: histories as plain ClickHouse tables, and checked trees as ClickHouse SQL over them: a second, foreign opinion for the
 * tests of the language (DESIGN 8).
 *
 *     customers (id, a<property> ...)                                  attributes as they are now
 *     t<type> (owner, n, time, received, updated, source, p<property> ...)   rows of events, documents as they are now; times in ms
 *     t<type>_<property> (owner, n, p<property> ...)                   items of row n
 *
 * Columns are Nullable: Decimal(38, 6), String, UInt8, Int64 (ms), Int32 (days). What is translated: and, or, not; comparisons, between, in,
 * is missing; contains, starts, ends, matches; count, sum, min, max, any, none, distinct, first and last (their times) of rows and items with
 * where and window; days since and the like; fields, literals. Each aggregate is a sub-query joined to customers. */
#ifndef ONEFOLD_LANGUAGE_CLICKHOUSE_MODEL_H
#define ONEFOLD_LANGUAGE_CLICKHOUSE_MODEL_H

#include "language/plan.h"

/* Statements that make the tables of `types` and fill them with customers [first, first + count), one a line. */
void clickhouse_export(const struct vocabulary *vocabulary, struct history *history, const struct type *const *types,
                       size_t type_count, uint32_t first, uint32_t count, const uint64_t *population,
                       struct buffer *out);
/* One line that selects the ids of the members. False where the tree has something that is not translated. */
bool clickhouse_query(const struct vocabulary *vocabulary, const struct node *root, int64_t now_ms, struct buffer *out);

#endif
