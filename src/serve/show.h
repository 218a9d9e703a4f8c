/* show: typed records, identifiers and customers as JSON. Names come from the dictionary; values keep their exact form (numbers
 * without rounding, instants in ISO 8601, dates as "2026-01-31"). */
#ifndef ONEFOLD_SERVE_SHOW_H
#define ONEFOLD_SERVE_SHOW_H

#include "base/json_write.h"
#include "govern/record.h"
#include "serve/serve.h"

/* What is being shown; made once per call. Remembers the last source, as neighbours mostly share it. */
struct show {
    const struct serve_parts *parts;
    struct json_writer *json;
    struct source source;
    bool source_known;
};

void show_source(struct show *show, uint16_t number); /* its name, or null */
void show_oneid(struct show *show, const char *key, struct customer_id customer);
/* {"namespace":...,"value":...}; null for 0. */
void show_identifier(struct show *show, struct identifier_id identifier);
/* One value of `record`, whose type is `type`. */
void show_value(struct show *show, const struct type *type, const struct record_head *record,
                const struct record_value *value);
/* {"price":1.5,...}: all values of the record. */
void show_values(struct show *show, const struct record_head *record);
/* A row of a timeline, a document as it stands. _open leaves the object open. */
void show_row_open(struct show *show, const struct record_head *record);
void show_row(struct show *show, const struct record_head *record);
void show_document(struct show *show, const struct record_head *document, int64_t updated_ms, uint32_t update_count);
/* {"alice": value, ...}, or with time and source each (`detail`). */
void show_attributes(struct show *show, struct history *history, const struct history_rows *rows, struct arena *arena,
                     bool detail);
void show_journal_entry(struct show *show, const struct journal_entry *entry);

#endif
