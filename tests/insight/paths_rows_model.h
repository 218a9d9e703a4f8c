/* paths_rows_model: random customers as a file (rows out of order, rows of the same second, customers who turn out to be one) through the whole program,
 * and the same rows by customer and time, for plain counting. */
#ifndef ONEFOLD_TESTS_INSIGHT_PATHS_ROWS_MODEL_H
#define ONEFOLD_TESTS_INSIGHT_PATHS_ROWS_MODEL_H

#include "served_client.h"

#define ROWS 3000
#define PAGES 5
#define CHANNELS 3

struct row { /* event seen or bought; properties page ("page3") and channel ("ch1") */
    int64_t time_s;
    uint32_t cookie, member; /* member 0: none */
    uint32_t customer;
    unsigned kind; /* 0: seen a page, 1: bought */
    unsigned page, channel;
    size_t place; /* in the file */
};
extern struct row rows[ROWS]; /* by customer, time, place */
extern size_t row_count;
extern const uint64_t rows_seed;
extern struct served served;

/* Of a group of tests: the server with the rows in it. */
int open_rows(void **state);
int close_rows(void **state);

const char *ask(const char *kind, const char *table, const char *definition); /* CSV */
/* Number `column` behind `head`; 0 where there is no such line. */
double figure(const char *csv, const char *head, unsigned column);
/* It is what was counted; the test fails where not. */
void same(const char *csv, const char *head, unsigned column, double expected);
/* How many customers stand behind a figure: those of a segment made of it. */
double members(const char *kind, const char *definition, const char *whom);
/* Whom is not understood, and `text` says so. */
void refused(const char *kind, const char *definition, const char *whom, const char *text);

#endif
