/* import: CSV, TSV and JSON-lines files into raw rows (docs/import.md).
 *
 * A job takes a file's bytes in order, in pieces of any size, decodes them (UTF-8, GB18030), splits rows, and gives each row a hash of its
 * bytes and of how often they came before in the file: sending a file again, whole or from where it broke off, adds nothing
 * twice. Rows that cannot be split (wrong count of cells, bad encoding, broken JSON) are kept aside with line number
 * and reason. Jobs are driven by the caller (HTTP or command line), who appends the records to the log. */
#ifndef ONEFOLD_COLLECT_IMPORT_H
#define ONEFOLD_COLLECT_IMPORT_H

#include "base/json_read.h"
#include "base/json_write.h"
#include "log/log.h"

enum import_format { IMPORT_CSV, IMPORT_TSV, IMPORT_JSONL };
enum import_encoding { IMPORT_UTF8, IMPORT_GB18030 };

struct import_options {
    enum import_format format;
    enum import_encoding encoding;
    bool drop_repeats;     /* rows equal to the byte within the file: count once */
    uint64_t job;          /* number of the job */
    uint16_t source;
    struct slice mapping;  /* its name */
    uint64_t resume_line;  /* rows up to this line are in the log already: hash them, do not give them again; 0 = none */
};

struct import_counters {
    uint64_t bytes, lines, rows, repeats, rejected, given; /* given: records handed out */
};

struct import;
/* Errors: INVALID. */
enum status import_create(const struct import_options *options, struct import **import, struct fault *fault) WARN_UNUSED;
void import_free(struct import *import);
/* Takes the next piece; afterwards import_records gives the rows that became whole. `last` ends the file (a last line without line end counts).
 * Errors: INVALID when the header cannot be read (names line and reason); TOO_LARGE for a row past 8 MiB. */
enum status import_feed(struct import *import, struct slice piece, bool last, struct fault *fault) WARN_UNUSED;
/* Records (LOG_ROW, payloads as in payload.h) since the last feed; borrowed until the next feed. */
struct log_record *import_records(struct import *import, size_t *count);
void import_counters_read(const struct import *import, struct import_counters *out);
/* Rejected rows kept (at most 10,000; the count goes on): line, reason, the row's first 200 bytes. */
void import_rejected_json(const struct import *import, struct json_writer *w, size_t limit);

#endif
