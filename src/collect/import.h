/* import: CSV, TSV and JSON-lines files into raw rows (docs/import.md).
 *
 * A job takes a file's bytes in order, in pieces of any size, decodes them (UTF-8, GB18030), splits rows, and gives
 * each row a hash of its bytes and of how often they came before in the file: sending a file again, whole or from where
 * it broke off, adds nothing twice. (The hash also covers the mapping's name, the source and the header: the same cells
 * under other columns are another row.) Rows that cannot be split (wrong count of cells, bad encoding, broken JSON) are
 * kept aside with line number and reason. Jobs are driven by the caller (HTTP or command line), who appends the records
 * to the log. */
#ifndef ONEFOLD_COLLECT_IMPORT_H
#define ONEFOLD_COLLECT_IMPORT_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "log/log.h"

#define IMPORT_ROW_BYTES_MAX (8u << 20)
#define IMPORT_COLUMNS_MAX 4096
#define IMPORT_COLUMN_NAME_BYTES_MAX 255
#define IMPORT_HEADER_BYTES_MAX (64u << 10)
#define IMPORT_DISTINCT_ROWS_MAX 25165824 /* 268 MB of row hashes at the most; 8 to 22 bytes a row */
#define IMPORT_REJECTED_KEPT 10000

enum import_format { IMPORT_CSV, IMPORT_TSV, IMPORT_JSONL };
enum import_encoding { IMPORT_UTF8, IMPORT_GB18030 };

struct import_options {
    enum import_format format;
    enum import_encoding encoding;
    bool drop_repeats; /* rows equal to the byte within the file: count once */
    uint64_t job;      /* number of the job */
    uint16_t source;
    struct slice mapping; /* its name */
    uint64_t resume_line; /* rows up to this line are in the log already: hash them, do not give them again; 0 = none */
};

struct import_counters {
    uint64_t bytes, lines;
    uint64_t rows;     /* all rows that are not blank; without the header */
    uint64_t repeats;  /* equal to an earlier row, whether dropped or not */
    uint64_t rejected; /* kept aside */
    uint64_t given;    /* records handed out; not those up to resume_line, not dropped repeats */
};

struct import;
/* Errors: INVALID. */
enum status import_create(const struct import_options *options, struct import **import,
                          struct fault *fault) WARN_UNUSED;
void import_free(struct import *import);
/* Takes the next piece; afterwards import_records gives the rows that became whole. `last` ends the file (a last line
 * without line end counts). Pieces of 64 KiB to 1 MiB are right: memory grows with the piece, as each record carries
 * the header.
 * Errors: INVALID when the header cannot be read (names line and reason); TOO_LARGE for a row past IMPORT_ROW_BYTES_MAX
 * (a quote not closed within them costs its own line instead) and for more than IMPORT_DISTINCT_ROWS_MAX distinct rows.
 * After an error import_records still gives the rows before it, and feeding is over. */
enum status import_feed(struct import *import, struct slice piece, bool last, struct fault *fault) WARN_UNUSED;
/* Records (LOG_ROW, payloads as in payload.h) since the last feed; borrowed until the next feed. The caller sets
 * received_ms. */
struct log_record *import_records(struct import *import, size_t *count);
void import_counters_read(const struct import *import, struct import_counters *out);
/* Rejected rows kept (at most IMPORT_REJECTED_KEPT; the count goes on), the first `limit` of them:
 * [{"line":12,"reason":"...","text":"the row's first 200 bytes"}] */
void import_rejected_json(const struct import *import, struct json_writer *w, size_t limit);

#endif
