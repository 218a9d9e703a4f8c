/* paths_file: see the header. */
#include "main/paths_file.h"

#include <math.h>
#include <stdlib.h>

#include "collect/csv.h"
#include "os/os.h"

#define CELLS_MAX 64
enum column { PATH, CONVERSIONS, VALUE, MISSES, COLUMNS };

static const char *const members[COLUMNS] = {"path", "conversions", "value", "misses"};
static const char *const headers[COLUMNS][3] = {[PATH] = {"path"},
                                                [CONVERSIONS] = {"conversions", "total_conversions"},
                                                [VALUE] = {"value", "total_conversion_value"},
                                                [MISSES] = {"misses", "null", "total_null"}};

struct file {
    const char *name;
    struct csv csv;
    struct slice cells[CELLS_MAX];
    size_t place[COLUMNS]; /* SIZE_MAX: not there */
    size_t line;
};

static enum status read_header(struct file *f, const struct csv_row *row, struct fault *fault) {
    for (unsigned column = 0; column < COLUMNS; column++) {
        f->place[column] = SIZE_MAX;
        for (size_t i = 0; i < row->cell_count && i < CELLS_MAX; i++)
            for (unsigned k = 0; k < 3 && headers[column][k]; k++)
                if (slice_is(slice_trim(f->cells[i]), headers[column][k]))
                    f->place[column] = i;
    }
    if (f->place[PATH] == SIZE_MAX || (f->place[CONVERSIONS] == SIZE_MAX && f->place[MISSES] == SIZE_MAX))
        return fault_set(
            fault, STATUS_INVALID,
            "%s: the header is expected to name path, conversions, value and misses (or total_conversions, "
            "total_conversion_value, total_null)",
            f->name);
    return STATUS_OK;
}

static bool number_of(struct slice cell, double *number) {
    char text[64], *end;
    if (cell.size == 0 || cell.size >= sizeof text)
        return false;
    memcpy(text, cell.data, cell.size);
    text[cell.size] = 0;
    *number = strtod(text, &end);
    return *end == 0 && isfinite(*number);
}

static enum status write_row(const struct file *f, struct json_writer *w, struct fault *fault) {
    json_object(w);
    for (unsigned column = 0; column < COLUMNS; column++) {
        if (f->place[column] == SIZE_MAX)
            continue;
        struct slice cell = slice_trim(f->cells[f->place[column]]);
        if (column == PATH) {
            json_member_text(w, members[column], cell);
        } else if (cell.size) {
            double number;
            if (!number_of(cell, &number))
                return fault_set(fault, STATUS_INVALID, "%s, line %zu: \"%.*s\" is no number of %s", f->name, f->line,
                                 cell.size > 40 ? 40 : (int)cell.size, cell.data, members[column]);
            json_member_real(w, members[column], number);
        }
    }
    json_end_object(w);
    return STATUS_OK;
}

static enum status read_rows(struct file *f, struct slice text, struct json_writer *w, struct fault *fault) {
    struct csv_row row;
    enum status status = STATUS_OK;
    for (f->line = 1; !status && csv_read(&f->csv, text, true, &row);) {
        bool blank = row.cell_count <= 1 && slice_trim(row.text).size == 0;
        if (row.fault)
            return fault_set(fault, STATUS_INVALID, "%s, line %zu: %s", f->name, f->line, row.fault);
        for (size_t i = row.cell_count; i < CELLS_MAX; i++)
            f->cells[i] = SLICE_NONE;
        if (f->line == 1)
            status = read_header(f, &row, fault);
        else if (!blank)
            status = write_row(f, w, fault);
        f->line += row.line_count;
        text = slice_of(text.data + row.size, text.size - row.size);
    }
    return status;
}

enum status paths_file_read(const char *name, struct json_writer *w, struct fault *fault) {
    struct file f = {.name = name, .csv = {.separator = ',', .cells_max = CELLS_MAX}};
    struct buffer content = {0};
    f.csv.cells = f.cells;
    enum status status = os_read_file(os_real(), name, &content, fault);
    struct slice text = buffer_slice(&content);
    if (!status && slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_of(text.data + 3, text.size - 3);
    json_array(w);
    if (!status)
        status = read_rows(&f, text, w, fault);
    json_end_array(w);
    csv_release(&f.csv);
    buffer_release(&content);
    return status;
}
