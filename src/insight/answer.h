/* answer: what an analysis finds: named tables and notes. An analysis fills them, whatever shows them (JSON, CSV, a terminal) knows nothing
 * of analyses.
 *
 *     struct answer_table *t = answer_table(answer, "steps");
 *     answer_column(t, "step", ANSWER_TEXT);
 *     answer_column(t, "customers", ANSWER_INTEGER);
 *     ... answer_text(t, name); answer_integer(t, count);            -- a cell a call, row by row
 *     answer_note(answer, "2 of 31 groups have fewer than 30 customers: differences between them may be chance");
 *
 * Bounds: ANSWER_CELLS_MAX over all tables; what is past it is left out, with a note. Memory is the answer's; texts are copied.
 * Thread: one at a time. */
#ifndef ONEFOLD_INSIGHT_ANSWER_H
#define ONEFOLD_INSIGHT_ANSWER_H

#include "base/json_write.h"
#include "base/memory.h"
#include "base/status.h"
#include "language/number.h"

#define ANSWER_CELLS_MAX 4000000u
#define ANSWER_COLUMNS_MAX 200u

enum answer_type {
    ANSWER_TEXT,
    ANSWER_INTEGER,
    ANSWER_NUMBER,   /* a decimal where it has one, else a double */
    ANSWER_MONEY,    /* the same, shown with two decimals at least */
    ANSWER_PERCENT,  /* a share: 0.25 is shown as 25 % */
    ANSWER_DURATION, /* seconds, a number */
    ANSWER_TIME,     /* ms */
    ANSWER_DATE,     /* days */
    ANSWER_ONEID,    /* a customer */
    ANSWER_BOOL
};
const char *answer_type_name(enum answer_type type); /* "percent" */

struct answer;
struct answer_table;
struct answer *answer_create(void);
void answer_free(struct answer *answer); /* NULL is fine */

/* A new table, after those there are. `name` is static text: lower case with _. */
struct answer_table *answer_table(struct answer *answer, const char *name);
/* All columns before the first cell. `name` is copied. */
void answer_column(struct answer_table *table, const char *name, enum answer_type type);
void answer_column_text(struct answer_table *table, struct slice name, enum answer_type type);

void answer_text(struct answer_table *table, struct slice text);
void answer_cstring(struct answer_table *table, const char *text);
void answer_integer(struct answer_table *table,
                    int64_t value); /* of INTEGER, TIME, DATE, ONEID (a customer's number), BOOL too */
void answer_real(struct answer_table *table, double value); /* NaN: missing */
void answer_number(struct answer_table *table, struct number value);
void answer_share(struct answer_table *table, uint64_t part, uint64_t whole); /* missing where `whole` is 0 */
void answer_missing(struct answer_table *table);
/* One sentence for a person: a limit, a significance, what was left out. */
void answer_note(struct answer *answer, const char *format, ...) PRINTF_LIKE(2, 3);
/* Adds the tables of answers of one kind, those of the same name as one, with a first column that says which. A note of several answers comes once,
 * one of a single answer with its name. */
void answer_join(struct answer *answer, const char *column, const struct slice *names, struct answer *const *answers,
                 size_t count);

/* --- reading it back: for tests, and for those who build on analyses --- */
struct answer_cell {
    bool missing;
    struct number number; /* INTEGER, TIME ...: number.integer, scale 0 */
    struct slice text;
};
const struct answer_table *answer_find(const struct answer *answer, const char *name); /* or NULL */
size_t answer_rows(const struct answer_table *table);
/* Of the column called so, which must be there. */
struct answer_cell answer_at(const struct answer_table *table, size_t row, const char *column);

/* --- showing --- */
/* {"tables":[{"name":"steps","columns":[{"name":"step","type":"text"},...],"rows":[["...",1],...]},...],"notes":["..."]}: members of the object
 * that is open. Percent is a share (0.25), duration seconds, time ISO 8601, money and numbers exact decimals. */
void answer_write_json(const struct answer *answer, struct json_writer *w);
/* One table as CSV (RFC 4180, a header line); `name` NULL: all of them, a blank line between. False where there is no such table. */
bool answer_write_csv(const struct answer *answer, const char *name, struct buffer *out);
/* Tables for a terminal, at most `rows` of each, then the notes. */
void answer_write_text(const struct answer *answer, size_t rows, struct buffer *out);

#endif
