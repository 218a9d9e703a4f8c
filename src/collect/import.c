/* import: pieces are decoded to the end of `text`; whole rows are taken from its front, and what is left moves to the
 * front when the piece is done. A row that is not whole yet is read again with the next piece, but only once there is
 * half as much again of it, so that a long row in small pieces costs no more than a few times its length. */
#include "collect/import.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "collect/csv.h"
#include "collect/decode.h"
#include "collect/payload.h"
#include "collect/rowset.h"

#define REJECTED_TEXT_BYTES 200
#define RETRY_BYTES_MIN 4096

struct rejected {
    uint64_t line;
    uint8_t text_size;
    char text[REJECTED_TEXT_BYTES];
    char reason[120];
};

struct import {
    struct import_options options; /* mapping is a copy */
    struct import_counters counters;
    struct decode *decode;
    struct json_parser *parser; /* JSON lines */
    struct csv csv;
    struct buffer text;   /* decoded, not used up */
    struct buffer marks;  /* size_t: offsets in `text` of bytes that could not be decoded */
    size_t mark_next;     /* marks before this index are behind us */
    size_t retry_at;      /* no row is looked for until `text` has this many bytes */
    struct buffer head;   /* the file's first bytes as they are, until the header is read */
    struct buffer header; /* column names, each ended by a zero byte */
    size_t column_count;
    bool begun, header_read, over;
    uint64_t seed; /* of row hashes */
    struct rowset rows;
    struct buffer payloads;
    struct log_record *records; /* while a piece is worked, payload.data is an offset into payloads */
    size_t record_count, record_capacity;
    struct rejected *rejected;
    size_t rejected_count;
};

enum status import_create(const struct import_options *options, struct import **import, struct fault *fault) {
    if (options->format > IMPORT_JSONL)
        return fault_set(fault, STATUS_INVALID, "the format must be csv, tsv or jsonl");
    if (options->encoding > IMPORT_GB18030)
        return fault_set(fault, STATUS_INVALID, "the encoding must be utf-8 or gb18030");
    if (!options->mapping.size || options->mapping.size > 255)
        return fault_set(fault, STATUS_INVALID, "an import needs the name of a mapping, of at most 255 bytes");
    struct import *im = memory_get(1, sizeof *im);
    im->options = *options;
    im->options.mapping = slice_of(memory_text(options->mapping), options->mapping.size);
    im->decode = decode_create(options->encoding == IMPORT_UTF8 ? ENCODING_UTF8 : ENCODING_GB18030);
    im->csv.separator = options->format == IMPORT_TSV ? '\t' : ',';
    im->csv.cells_max = IMPORT_COLUMNS_MAX;
    im->csv.cells = memory_get(IMPORT_COLUMNS_MAX, sizeof *im->csv.cells);
    if (options->format == IMPORT_JSONL)
        im->parser = json_parser_create();
    *import = im;
    return STATUS_OK;
}

void import_free(struct import *im) {
    if (!im)
        return;
    free((void *)(uintptr_t)im->options.mapping.data);
    decode_free(im->decode);
    if (im->parser)
        json_parser_free(im->parser);
    csv_release(&im->csv);
    free(im->csv.cells);
    buffer_release(&im->text);
    buffer_release(&im->marks);
    buffer_release(&im->head);
    buffer_release(&im->header);
    rowset_release(&im->rows);
    buffer_release(&im->payloads);
    free(im->records);
    free(im->rejected);
    free(im);
}

/* --- rows that are kept aside --- */

/* At most `limit` bytes, not ending inside a character. */
static size_t cut_at_character(struct slice text, size_t limit) {
    if (text.size <= limit)
        return text.size;
    while (limit && (text.data[limit] & 0xc0) == 0x80)
        limit--;
    return limit;
}

PRINTF_LIKE(4, 5)
static void reject(struct import *im, uint64_t line, struct slice text, const char *format, ...) {
    va_list arguments;
    im->counters.rejected++;
    if (im->rejected_count == IMPORT_REJECTED_KEPT)
        return;
    if ((im->rejected_count & (im->rejected_count - 1)) == 0)
        im->rejected =
            memory_resize(im->rejected, im->rejected_count ? im->rejected_count * 2 : 1, sizeof *im->rejected);
    struct rejected *r = &im->rejected[im->rejected_count++];
    r->line = line;
    r->text_size = (uint8_t)cut_at_character(text, REJECTED_TEXT_BYTES);
    memcpy(r->text, text.data, r->text_size);
    va_start(arguments, format);
    vsnprintf(r->reason, sizeof r->reason, format, arguments);
    va_end(arguments);
}

/* --- one row to one record --- */

/* The row's message id: its bytes, and how often they came before in this file. */
static uint64_t row_hash(struct import *im, struct slice text, uint32_t *before) {
    uint64_t hash = hash_bytes(text, im->seed);
    hash += hash == 0;
    *before = rowset_add(&im->rows, hash);
    if (*before)
        hash = hash_mix(hash ^ hash_mix(*before));
    return hash + (hash == 0);
}

static void add_payload(struct import *im, uint64_t line, uint64_t hash, const struct slice *cells, size_t cell_count) {
    struct buffer *into = &im->payloads;
    struct payload_row head = {.job = im->options.job,
                               .line = line,
                               .row_hash = hash,
                               .name_bytes = (uint32_t)im->options.mapping.size,
                               .header_bytes = (uint32_t)im->header.size,
                               .cell_count = (uint32_t)cell_count};
    size_t bytes = sizeof head + im->options.mapping.size + im->header.size;
    for (size_t i = 0; i < cell_count; i++)
        bytes += sizeof(uint32_t) + cells[i].size;
    char *at = buffer_reserve(into, bytes + 8), *first = at;
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    memcpy(at, im->options.mapping.data, im->options.mapping.size);
    at += im->options.mapping.size;
    if (im->header.size)
        memcpy(at, im->header.data, im->header.size);
    at += im->header.size;
    for (size_t i = 0; i < cell_count; i++) {
        uint32_t size = (uint32_t)cells[i].size;
        memcpy(at, &size, sizeof size);
        if (size)
            memcpy(at + sizeof size, cells[i].data, size);
        at += sizeof size + size;
    }
    assert((size_t)(at - first) == bytes);
    size_t padding = (0 - bytes) & 7;
    memset(at, 0, padding);
    into->size += bytes + padding;
    im->records[im->record_count++] = (struct log_record){
        .kind = LOG_ROW,
        .source = im->options.source,
        .payload = {(const char *)(uintptr_t)(into->size - bytes - padding),
                    bytes}, /* made a pointer by settle_records */
    };
}

/* A row that could be split: counts it, and gives it unless it was given before. */
static void take_row(struct import *im, uint64_t line, struct slice text, const struct slice *cells,
                     size_t cell_count) {
    uint32_t before;
    uint64_t hash = row_hash(im, text, &before);
    im->counters.repeats += before > 0;
    if ((before && im->options.drop_repeats) || line <= im->options.resume_line)
        return;
    if (im->record_count == im->record_capacity) {
        im->record_capacity = im->record_capacity ? im->record_capacity * 2 : 256;
        im->records = memory_resize(im->records, im->record_capacity, sizeof *im->records);
    }
    add_payload(im, line, hash, cells, cell_count);
    im->counters.given++;
}

static void settle_records(struct import *im) {
    for (size_t i = 0; i < im->record_count; i++) {
        struct slice *payload = &im->records[i].payload;
        payload->data = im->payloads.data + (uintptr_t)payload->data;
    }
}

/* --- the header --- */

static const char *encoding_name(const struct import *im) {
    return im->options.encoding == IMPORT_UTF8 ? "UTF-8" : "GB18030";
}

/* What else the file may be, for the message; "" where nothing is known. */
static const char *encoding_hint(const struct import *im) {
    if (im->options.encoding == IMPORT_UTF8 && decode_looks_like(ENCODING_GB18030, buffer_slice(&im->head)))
        return "; it looks like GB18030";
    if (im->options.encoding == IMPORT_GB18030 && decode_looks_like(ENCODING_UTF8, buffer_slice(&im->head)))
        return "; it looks like UTF-8";
    return "";
}

static enum status check_column(const struct import *im, struct slice name, size_t number, uint64_t line,
                                struct fault *fault) {
    if (!name.size)
        return fault_set(fault, STATUS_INVALID, "line %llu: column %zu has no name", (unsigned long long)line, number);
    if (name.size > IMPORT_COLUMN_NAME_BYTES_MAX || memchr(name.data, 0, name.size))
        return fault_set(fault, STATUS_INVALID,
                         "line %llu: the name of column %zu is longer than %d bytes or holds a zero byte",
                         (unsigned long long)line, number, IMPORT_COLUMN_NAME_BYTES_MAX);
    if (im->header.size + name.size + 1 > IMPORT_HEADER_BYTES_MAX)
        return fault_set(fault, STATUS_INVALID, "line %llu: the column names have more than %u bytes together",
                         (unsigned long long)line, IMPORT_HEADER_BYTES_MAX);
    return STATUS_OK;
}

static int compare_names(const void *a, const void *b) {
    return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

static enum status check_duplicates(struct slice *names, size_t count, uint64_t line, struct fault *fault) {
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++)
        if (slice_equal(names[i - 1], names[i]))
            return fault_set(fault, STATUS_INVALID, "line %llu: two columns are named \"%.*s\"",
                             (unsigned long long)line, SLICE_ARG(names[i]));
    return STATUS_OK;
}

static enum status take_header(struct import *im, const struct csv_row *row, uint64_t line, bool bad_bytes,
                               struct fault *fault) {
    unsigned long long at = line;
    if (bad_bytes)
        return fault_set(fault, STATUS_INVALID, "line %llu: the header is not valid %s%s", at, encoding_name(im),
                         encoding_hint(im));
    if (row->fault)
        return fault_set(fault, STATUS_INVALID, "line %llu: the header cannot be read: %s", at, row->fault);
    if (row->cell_count > IMPORT_COLUMNS_MAX)
        return fault_set(fault, STATUS_INVALID, "line %llu: the header has %zu columns; at most %d are allowed", at,
                         row->cell_count, IMPORT_COLUMNS_MAX);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < row->cell_count && !status; i++) {
        struct slice *name = &im->csv.cells[i];
        *name = slice_trim(*name);
        status = check_column(im, *name, i + 1, line, fault);
        buffer_add_slice(&im->header, *name);
        buffer_add_char(&im->header, 0);
    }
    if (!status)
        status = check_duplicates(im->csv.cells, row->cell_count, line, fault);
    im->column_count = row->cell_count;
    im->seed = hash_bytes(buffer_slice(&im->header), im->seed);
    return status;
}

/* What a file is that is no text at all. */
static enum status check_head(const struct import *im, struct fault *fault) {
    struct slice head = buffer_slice(&im->head);
    bool zero = head.size >= 2 && (head.data[0] == 0) != (head.data[1] == 0); /* ASCII as two bytes, without a mark */
    if (slice_starts(head, SLICE("\xff\xfe")) || slice_starts(head, SLICE("\xfe\xff")) || zero)
        return fault_set(fault, STATUS_INVALID, "line 1: the file is UTF-16; save it as UTF-8 or GB18030");
    if (slice_starts(head, SLICE("PK\x03\x04")))
        return fault_set(fault, STATUS_INVALID, "line 1: the file is an Excel or ZIP file; save it as CSV");
    if (slice_starts(head, SLICE("\x1f\x8b")))
        return fault_set(fault, STATUS_INVALID, "line 1: the file is compressed; unpack it first");
    if (im->options.encoding == IMPORT_GB18030 && slice_starts(head, SLICE("\xef\xbb\xbf")))
        return fault_set(fault, STATUS_INVALID, "line 1: the file is UTF-8 (it begins with UTF-8's mark), not GB18030");
    return STATUS_OK;
}

/* The first bytes: no text at all, or a byte order mark to leave out. *at moves past it. False: too few bytes yet. */
static bool begin(struct import *im, bool last, size_t *at, enum status *status, struct fault *fault) {
    if (!last && (im->head.size < 4 || im->text.size < 3))
        return false;
    *status = check_head(im, fault);
    im->begun = true;
    if (slice_starts(buffer_slice(&im->text), SLICE("\xef\xbb\xbf")))
        *at = 3;
    im->seed = hash_bytes(im->options.mapping, im->options.source);
    im->header_read = im->options.format == IMPORT_JSONL;
    return true;
}

/* --- splitting --- */

/* True when bytes in text[from, to) could not be decoded; forgets the marks before `to`. */
static bool pass_marks(struct import *im, size_t to) {
    size_t count = im->marks.size / sizeof(size_t), before = im->mark_next;
    const size_t *marks = (const size_t *)(const void *)im->marks.data;
    while (im->mark_next < count && marks[im->mark_next] < to)
        im->mark_next++;
    return im->mark_next > before;
}

/* The row that starts at `text`, of either kind; false where it is not whole. */
static bool read_row(struct import *im, struct slice text, bool last, struct csv_row *row) {
    if (im->options.format != IMPORT_JSONL)
        return csv_read(&im->csv, text, last, row);
    const char *end = text.size ? memchr(text.data, '\n', text.size) : NULL;
    if (!text.size || (!end && !last))
        return false;
    size_t size = end ? (size_t)(end - text.data) : text.size;
    *row =
        (struct csv_row){.text = slice_trim(slice_of(text.data, size)), .size = size + (end != NULL), .line_count = 1};
    return true;
}

/* The row at text[at]. No more than a row's largest size is looked at, so that what comes out does not depend on the
 * pieces: a quote that is not closed within it is given up, as at the end of the file; any other row that long is
 * passed on and refused. */
static bool next_row(struct import *im, size_t at, bool last, struct csv_row *row) {
    struct slice rest = slice_of(im->text.data + at, im->text.size - at);
    bool cut = rest.size > IMPORT_ROW_BYTES_MAX;
    if (cut)
        rest.size = IMPORT_ROW_BYTES_MAX + 1;
    return read_row(im, rest, last && !cut, row) || (cut && read_row(im, rest, true, row));
}

static void take_json(struct import *im, const struct csv_row *row, uint64_t line) {
    const struct json *root;
    struct fault fault = {0};
    if (json_parse(im->parser, row->text, true, &root, &fault))
        reject(im, line, row->text, "%s", fault.text);
    else if (root->kind != JSON_OBJECT)
        reject(im, line, row->text, "a line must be a JSON object");
    else
        take_row(im, line, row->text, &row->text, 1);
}

static void take_cells(struct import *im, const struct csv_row *row, uint64_t line) {
    if (row->fault)
        reject(im, line, row->text, "%s", row->fault);
    else if (row->cell_count != im->column_count)
        reject(im, line, row->text, "the row has %zu cells; the header has %zu", row->cell_count, im->column_count);
    else
        take_row(im, line, row->text, im->csv.cells, row->cell_count);
}

/* A whole row: blank, header or data. */
static enum status take(struct import *im, const struct csv_row *row, size_t end, struct fault *fault) {
    uint64_t line = im->counters.lines + 1;
    bool bad_bytes = pass_marks(im, end);
    im->counters.lines += row->line_count;
    if (row->size > IMPORT_ROW_BYTES_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "line %llu: the row has more than %u bytes", (unsigned long long)line,
                         IMPORT_ROW_BYTES_MAX);
    if (!row->text.size)
        return STATUS_OK;
    if (!im->header_read) {
        im->header_read = true;
        return take_header(im, row, line, bad_bytes, fault);
    }
    im->counters.rows++;
    if (im->rows.seen_count >= IMPORT_DISTINCT_ROWS_MAX)
        return fault_set(fault, STATUS_TOO_LARGE, "line %llu: more than %d different rows; split the file",
                         (unsigned long long)line, IMPORT_DISTINCT_ROWS_MAX);
    if (bad_bytes)
        reject(im, line, row->text, "bytes that are not %s", encoding_name(im));
    else if (im->options.format == IMPORT_JSONL)
        take_json(im, row, line);
    else
        take_cells(im, row, line);
    return STATUS_OK;
}

/* Drops the used-up front of `text` and brings the marks in line. */
static void drop_front(struct import *im, size_t used) {
    size_t count = im->marks.size / sizeof(size_t);
    size_t *marks = (size_t *)(void *)im->marks.data;
    assert(used <= im->text.size && im->mark_next <= count);
    if (used < im->text.size)
        memmove(im->text.data, im->text.data + used, im->text.size - used);
    im->text.size -= used;
    for (size_t i = im->mark_next; i < count; i++)
        marks[i - im->mark_next] = marks[i] - used;
    im->marks.size = (count - im->mark_next) * sizeof *marks;
    im->mark_next = 0;
}

static enum status take_rows(struct import *im, bool last, struct fault *fault) {
    enum status status = STATUS_OK;
    size_t at = 0;
    if (!im->begun && !begin(im, last, &at, &status, fault))
        return STATUS_OK;
    if (!last && im->text.size < im->retry_at)
        return status;
    struct csv_row row;
    while (!status && next_row(im, at, last, &row)) {
        at += row.size;
        status = take(im, &row, at, fault);
    }
    drop_front(im, at);
    im->retry_at = im->text.size > RETRY_BYTES_MIN ? im->text.size + im->text.size / 2 : 0;
    if (im->retry_at > IMPORT_ROW_BYTES_MAX + 1)
        im->retry_at = IMPORT_ROW_BYTES_MAX + 1;
    if (!status && last && !im->header_read)
        status = fault_set(fault, STATUS_INVALID, "line 1: the file is empty; it needs a header");
    return status;
}

enum status import_feed(struct import *im, struct slice piece, bool last, struct fault *fault) {
    if (im->over)
        return fault_set(fault, STATUS_INVALID, "the import is over; begin a new one");
    buffer_clear(&im->payloads);
    im->record_count = 0;
    im->counters.bytes += piece.size;
    if (!im->header_read && im->head.size < IMPORT_HEADER_BYTES_MAX) {
        size_t room = IMPORT_HEADER_BYTES_MAX - im->head.size;
        buffer_add(&im->head, piece.data, piece.size < room ? piece.size : room);
    }
    decode_feed(im->decode, piece, last, &im->text, &im->marks);
    enum status status = take_rows(im, last, fault);
    im->over = last || status;
    settle_records(im);
    return status;
}

struct log_record *import_records(struct import *im, size_t *count) {
    *count = im->record_count;
    return im->records;
}

void import_counters_read(const struct import *im, struct import_counters *out) { *out = im->counters; }

void import_rejected_json(const struct import *im, struct json_writer *w, size_t limit) {
    json_array(w);
    for (size_t i = 0; i < im->rejected_count && i < limit; i++) {
        const struct rejected *r = &im->rejected[i];
        json_object(w);
        json_member_integer(w, "line", (int64_t)r->line);
        json_member_cstring(w, "reason", r->reason);
        json_member_text(w, "text", slice_of(r->text, r->text_size));
        json_end_object(w);
    }
    json_end_array(w);
}
