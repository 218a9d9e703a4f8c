/* match_files: see the header. The whole file is read at once: what is matched has to lie in memory anyway. */
#include "main/match_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "collect/csv.h"
#include "collect/decode.h"
#include "main/file_reader.h"

static enum status read_whole(struct os *os, const char *path, struct buffer *into, struct fault *fault) {
    struct file_reader *reader;
    struct buffer raw = {0}, marks = {0};
    bool last = false;
    enum status status = file_reader_open(os, path, &reader, fault);
    if (status)
        return status;
    while (!status && !last)
        status = file_reader_next(reader, (size_t)1 << 20, &raw, &last, fault);
    file_reader_close(reader);
    if (!status) {
        struct slice start = slice_of(raw.data, raw.size < 65536 ? raw.size : 65536);
        bool chinese = !decode_looks_like(ENCODING_UTF8, start) && decode_looks_like(ENCODING_GB18030, start);
        struct decode *decode = decode_create(chinese ? ENCODING_GB18030 : ENCODING_UTF8);
        decode_feed(decode, buffer_slice(&raw), true, into, &marks);
        decode_free(decode);
    }
    buffer_release(&raw);
    buffer_release(&marks);
    return status;
}

static bool path_has(const char *path, const char *what) { return strstr(path, what) != NULL; }

static enum status too_many(const char *path, struct fault *fault) {
    return fault_set(fault, STATUS_INVALID, "%s: more than %d columns", path, FUZZY_COLUMNS_MAX);
}

static enum status read_table(const char *path, struct slice text, uint32_t source, struct fuzzy_table *t,
                              struct fault *fault) {
    struct slice cells[FUZZY_COLUMNS_MAX];
    size_t columns[FUZZY_COLUMNS_MAX], column_count = 0, line = 1;
    const char *first_end = memchr(text.data, '\n', text.size);
    struct slice first = {text.data, first_end ? (size_t)(first_end - text.data) : text.size};
    bool tabs =
        path_has(path, ".tsv") || (!memchr(first.data, ',', first.size) && memchr(first.data, '\t', first.size));
    struct csv csv = {.separator = tabs ? '\t' : ',', .cells = cells, .cells_max = FUZZY_COLUMNS_MAX};
    struct csv_row row;
    enum status status = STATUS_OK;
    while (!status && csv_read(&csv, text, true, &row)) {
        if (row.fault)
            status = fault_set(fault, STATUS_INVALID, "%s: line %zu: %s", path, line, row.fault);
        else if (column_count == 0) {
            if (row.cell_count > FUZZY_COLUMNS_MAX)
                status = too_many(path, fault);
            for (size_t i = 0; !status && i < row.cell_count; i++) {
                struct fuzzy_column *c = fuzzy_table_column(t, slice_trim(cells[i]));
                if (!c)
                    status = too_many(path, fault);
                else
                    columns[column_count++] = (size_t)(c - t->columns);
            }
        } else if (row.cell_count > 1 || slice_trim(cells[0]).size) {
            size_t record = fuzzy_table_record(t, source);
            for (size_t i = 0; i < row.cell_count && i < column_count; i++)
                fuzzy_table_set(t, &t->columns[columns[i]], record, cells[i]);
        }
        line += row.line_count;
        text = slice_of(text.data + row.size, text.size - row.size);
    }
    csv_release(&csv);
    return status;
}

/* Sets `value` under `name`, or where this record has one already under "name 2", "name 3" ... */
static void set_member(struct fuzzy_table *t, size_t record, const char *name, struct slice value) {
    char numbered[160];
    for (unsigned i = 1; i < 10; i++) {
        int size = i == 1 ? snprintf(numbered, sizeof numbered, "%s", name)
                          : snprintf(numbered, sizeof numbered, "%s %u", name, i);
        struct fuzzy_column *c = fuzzy_table_column(
            t, slice_of(numbered, (size_t)size < sizeof numbered ? (size_t)size : sizeof numbered - 1));
        if (!c)
            return;
        if (c->codes[record] == 0) {
            fuzzy_table_set(t, c, record, value);
            return;
        }
    }
}

static void set_json(struct fuzzy_table *t, size_t record, struct json_parser *p, const struct json *j,
                     const char *outer) {
    for (const struct json *m = json_first(p, j); m; m = json_next(p, m)) {
        char name[128], number[40];
        bool named = j->kind == JSON_OBJECT, list = m->kind == JSON_ARRAY || j->kind == JSON_ARRAY;
        snprintf(name, sizeof name, "%s%s%.*s", list ? "" : outer, *outer && !list && named ? "." : "",
                 SLICE_ARG(m->key));
        if (m->kind == JSON_OBJECT || m->kind == JSON_ARRAY)
            set_json(t, record, p, m, list ? "" : name);
        else if (m->kind == JSON_TEXT)
            set_member(t, record, name, m->text);
        else if (m->kind != JSON_NULL) {
            int size = m->kind == JSON_BOOL      ? snprintf(number, sizeof number, "%s", m->boolean ? "yes" : "no")
                       : m->kind == JSON_INTEGER ? snprintf(number, sizeof number, "%lld", (long long)m->integer)
                                                 : snprintf(number, sizeof number, "%.15g", m->real);
            set_member(t, record, name, slice_of(number, (size_t)size));
        }
    }
}

static enum status read_lines(const char *path, struct slice text, uint32_t source, struct fuzzy_table *t,
                              struct fault *fault) {
    struct json_parser *p = json_parser_create();
    enum status status = STATUS_OK;
    size_t line = 1;
    for (size_t at = 0; at < text.size && !status; line++) {
        const char *end = memchr(text.data + at, '\n', text.size - at);
        struct slice row = {text.data + at, end ? (size_t)(end - text.data) - at : text.size - at};
        at += row.size + 1;
        const struct json *root;
        struct fault inner = {0};
        if (slice_trim(row).size == 0)
            continue;
        if (json_parse(p, row, false, &root, &inner) || root->kind != JSON_OBJECT)
            status = fault_set(fault, STATUS_INVALID, "%s: line %zu: %s", path, line,
                               inner.text[0] ? inner.text : "one JSON object a line is expected");
        else
            set_json(t, fuzzy_table_record(t, source), p, root, "");
    }
    json_parser_free(p);
    return status;
}

enum status match_files_read(struct os *os, const char *path, uint32_t source, struct fuzzy_table *t,
                             struct fault *fault) {
    struct buffer all = {0};
    enum status status = read_whole(os, path, &all, fault);
    struct slice text = buffer_slice(&all);
    if (!status && slice_starts(text, SLICE("\xEF\xBB\xBF")))
        text = slice_of(text.data + 3, text.size - 3);
    if (!status && text.size == 0)
        status = fault_set(fault, STATUS_INVALID, "%s: the file is empty", path);
    if (!status) {
        bool json = path_has(path, ".jsonl") || path_has(path, ".ndjson") || text.data[0] == '{';
        status = json ? read_lines(path, text, source, t, fault) : read_table(path, text, source, t, fault);
    }
    buffer_release(&all);
    return status;
}
