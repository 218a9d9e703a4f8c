/* insight_bed_model: a small company with a random history for tests of analyses: rows with ties, late rows, merges of customers, half of it
 * compacted and half in deltas; and the same rows in plain arrays, for slow twins. */
#ifndef ONEFOLD_INSIGHT_INSIGHT_BED_MODEL_H
#define ONEFOLD_INSIGHT_INSIGHT_BED_MODEL_H

#include "base/random.h"
#include "insight/insight.h"

enum bed_type { BED_VIEW, BED_ADD, BED_ORDER, BED_TYPES }; /* events "view", "add", "bought" */
struct bed_row {
    uint32_t customer;        /* as merged in the end */
    uint8_t type, page, town; /* page "p0" .. "p3"; town of the row's customer is not the row's */
    bool has_page;
    int64_t time_ms, position, cents; /* cents: property total, money, of every row */
};
struct insight_bed {
    struct random random;
    uint64_t seed;
    struct dictionary *dictionary;
    struct identity *identity;
    struct history *history;
    struct zone *zone;
    struct vocabulary vocabulary;
    struct record_builder builder;
    struct json_parser *parser;
    uint64_t position;
    int64_t now_ms;
    uint32_t customers;   /* created; numbers 1 to this */
    uint32_t *survivor;   /* [customers + 1] */
    uint8_t *towns;       /* [customers + 1]: "t0" .. "t4"; 255 none */
    struct bed_row *rows; /* by customer, time, position once sorted */
    size_t row_count, row_room;
    char folder[96];
};
/* Zone Asia/Shanghai, now 2026-03-10T12:00+08:00, rows of the 60 days before. Times are whole hours, so that many are equal. */
void insight_bed_open(struct insight_bed *bed, uint64_t seed, uint32_t customers, unsigned rows_each);
void insight_bed_close(struct insight_bed *bed);
/* Runs an analysis; the test fails where it is refused. The answer is the caller's. */
struct answer *insight_bed_run(struct insight_bed *bed, const char *kind, const char *definition, unsigned workers);
/* The fault of one that must be refused; valid until the next call. */
const char *insight_bed_refused(struct insight_bed *bed, const char *kind, const char *definition);
/* Rows of customer `number` (a survivor): [*first, *first + count). */
size_t insight_bed_rows(const struct insight_bed *bed, uint32_t number, size_t *first);
bool insight_bed_there(const struct insight_bed *bed, uint32_t number); /* not merged away */

#endif
