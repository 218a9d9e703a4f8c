/* language_bed_model: a small workspace by hand for tests of the language: types, rows and customers written as text, expressions asked as
 * text. Property lists are "page:text secs:number lines:items(sku:text,price:money)"; values "page=home secs=20.5 tags=a|b
 * lines={sku=A,price=10}{sku=B}", "x=null" an explicit null; a value with blanks stands in 'quotes'. */
#ifndef ONEFOLD_LANGUAGE_LANGUAGE_BED_MODEL_H
#define ONEFOLD_LANGUAGE_LANGUAGE_BED_MODEL_H

#include "language/plan.h"

struct language_bed {
    struct dictionary *dictionary;
    struct identity *identity;
    struct master *master;
    struct history *history;
    struct zone *zone;
    struct vocabulary vocabulary;
    struct outside outside;
    struct record_builder builder;
    struct arena arena;
    struct buffer text;
    int64_t now_ms;
    uint64_t position;
    char folder[96];
};

/* `now` is ISO 8601 with a zone. */
void language_bed_open(struct language_bed *bed, const char *zone, const char *now);
void language_bed_close(struct language_bed *bed);
struct type *language_bed_type(struct language_bed *bed, enum type_kind kind, const char *name, const char *properties);
uint32_t language_bed_customer(struct language_bed *bed); /* makes the next one */
/* A row of any type; its `time` without a zone is the workspace's. `document` of documents and relations, else 0. Master rows go to master
 * data. */
void language_bed_row(struct language_bed *bed, uint32_t customer, const struct type *type, const char *time,
                      uint32_t document, const char *values);
void language_bed_compact(struct language_bed *bed);
/* Parses and checks; the test fails where it is refused. */
struct node *language_bed_check(struct language_bed *bed, const char *expression);
/* A value as text: missing, true, 12.5, 0.333~ (doubles end in ~, three decimals), the text, 2026-01-31, 2026-01-31T08:00:00.000Z. Valid
 * until the next call. */
const char *language_bed_print(struct language_bed *bed, const struct term_value *value);
const char *language_bed_twin(struct language_bed *bed, const char *expression, uint32_t customer);
/* The same by a plan, for the customer alone. */
const char *language_bed_plan(struct language_bed *bed, const char *expression, uint32_t customer);

#endif
