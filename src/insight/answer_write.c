/* answer_write: answers as JSON, CSV, and text for a terminal. */
#include <math.h>
#include <stdio.h>

#include "base/time.h"
#include "identity/identity.h"
#include "insight/answer_inside.h"

static void write_number(struct json_writer *w, struct number n) {
    if (n.scale == NUMBER_REAL)
        json_real(w, n.real);
    else
        json_decimal(w, n.integer, n.scale);
}

/* --- JSON --- */

static void write_cell(struct json_writer *w, const struct answer_cell *cell, enum answer_type type) {
    char text[TIME_TEXT_BYTES];
    if (cell->missing) {
        json_null(w);
        return;
    }
    switch (type) {
    case ANSWER_TEXT:
        json_text(w, cell->text);
        break;
    case ANSWER_TIME:
        json_time(w, cell->number.integer);
        break;
    case ANSWER_DATE:
        json_text(w, slice_of(text, time_format_date(cell->number.integer, text)));
        break;
    case ANSWER_ONEID:
        oneid_format((struct customer_id){(uint32_t)cell->number.integer}, text);
        json_cstring(w, text);
        break;
    case ANSWER_BOOL:
        json_bool(w, cell->number.integer != 0);
        break;
    default:
        write_number(w, cell->number);
    }
}

static void write_table(const struct answer_table *t, struct json_writer *w) {
    json_object(w);
    json_member_cstring(w, "name", t->name);
    json_key(w, "columns");
    json_array(w);
    for (size_t i = 0; i < t->column_count; i++) {
        json_object(w);
        json_member_text(w, "name", t->columns[i].name);
        json_member_cstring(w, "type", answer_type_name(t->columns[i].type));
        json_end_object(w);
    }
    json_end_array(w);
    json_key(w, "rows");
    json_array(w);
    for (size_t row = 0; row < answer_rows(t); row++) {
        json_array(w);
        for (size_t i = 0; i < t->column_count; i++)
            write_cell(w, &t->cells[row * t->column_count + i], t->columns[i].type);
        json_end_array(w);
    }
    json_end_array(w);
    json_end_object(w);
}

static void left_out(const struct answer_table *t, struct buffer *out) {
    buffer_clear(out);
    buffer_print(out, "table %s: %zu rows more than an answer holds were left out; ask for less", t->name,
                 t->left_out / t->column_count);
}

void answer_write_json(const struct answer *answer, struct json_writer *w) {
    struct buffer text = {0};
    json_key(w, "tables");
    json_array(w);
    for (size_t i = 0; i < answer->table_count; i++)
        write_table(answer->tables[i], w);
    json_end_array(w);
    json_key(w, "notes");
    json_array(w);
    for (size_t i = 0; i < answer->note_count; i++)
        json_text(w, answer->notes[i]);
    for (size_t i = 0; i < answer->table_count; i++)
        if (answer->tables[i]->left_out) {
            left_out(answer->tables[i], &text);
            json_text(w, buffer_slice(&text));
        }
    json_end_array(w);
    buffer_release(&text);
}

/* --- CSV --- */

static void csv_text(struct buffer *out, struct slice text) {
    bool quote = false;
    for (size_t i = 0; i < text.size && !quote; i++)
        quote = strchr("\",\r\n", text.data[i]) != NULL;
    /* A spreadsheet would run a text that begins so as a formula. */
    bool formula = text.size && strchr("=+-@\t", text.data[0]) != NULL;
    if (!quote && !formula) {
        buffer_add_slice(out, text);
        return;
    }
    buffer_add_char(out, '"');
    if (formula)
        buffer_add_char(out, '\'');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            buffer_add_char(out, '"');
        buffer_add_char(out, text.data[i]);
    }
    buffer_add_char(out, '"');
}

static void csv_cell(struct buffer *out, const struct answer_cell *cell, enum answer_type type) {
    struct json_writer w = {.out = out};
    size_t before = out->size;
    if (cell->missing)
        return;
    if (type == ANSWER_TEXT) {
        csv_text(out, cell->text);
        return;
    }
    write_cell(&w, cell, type);
    if (out->size > before && out->data[before] == '"') { /* times and ids: as they are */
        memmove(out->data + before, out->data + before + 1, out->size - before - 2);
        out->size -= 2;
    }
}

static void csv_table(const struct answer_table *t, struct buffer *out) {
    for (size_t i = 0; i < t->column_count; i++) {
        if (i)
            buffer_add_char(out, ',');
        csv_text(out, t->columns[i].name);
    }
    buffer_add(out, "\r\n", 2);
    for (size_t row = 0; row < answer_rows(t); row++) {
        for (size_t i = 0; i < t->column_count; i++) {
            if (i)
                buffer_add_char(out, ',');
            csv_cell(out, &t->cells[row * t->column_count + i], t->columns[i].type);
        }
        buffer_add(out, "\r\n", 2);
    }
}

bool answer_write_csv(const struct answer *answer, const char *name, struct buffer *out) {
    bool found = name == NULL;
    for (size_t i = 0; i < answer->table_count; i++) {
        if (name && strcmp(answer->tables[i]->name, name) != 0)
            continue;
        if (out->size)
            buffer_add(out, "\r\n", 2);
        csv_table(answer->tables[i], out);
        found = true;
    }
    return found;
}

/* --- a terminal --- */

/* 93784 -> "1d 2h 3m" */
static void show_duration(struct buffer *out, double seconds) {
    static const struct {
        double s;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
    const char *gap = "";
    int shown = 0;
    if (seconds < 60) {
        buffer_print(out, "%.3gs", seconds);
        return;
    }
    for (size_t i = 0; i < 4 && shown < 2; i++) {
        double count = floor(seconds / units[i].s);
        if (count <= 0)
            continue;
        buffer_print(out, "%s%.0f%s", gap, count, units[i].unit);
        seconds -= count * units[i].s;
        gap = " ";
        shown++;
    }
}

static void show_cell(struct buffer *out, const struct answer_cell *cell, enum answer_type type) {
    double real = cell->missing ? 0 : number_as_real(cell->number);
    if (cell->missing)
        buffer_add_char(out, '-');
    else if (type == ANSWER_TEXT)
        buffer_add_slice(out, cell->text);
    else if (type == ANSWER_PERCENT)
        buffer_print(out, "%.2f %%", 100 * real);
    else if (type == ANSWER_MONEY)
        buffer_print(out, "%.2f", real);
    else if (type == ANSWER_DURATION)
        show_duration(out, real);
    else if (type == ANSWER_NUMBER && cell->number.scale == NUMBER_REAL)
        buffer_print(out, "%.6g", real);
    else
        csv_cell(out, cell, type);
}

/* Columns a text takes: wide characters (Chinese ...) take two. */
static size_t width_of(struct slice text) {
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if ((c & 0xc0) != 0x80)
            width += c >= 0xe3 ? 2 : 1;
    }
    return width;
}

static void pad(struct buffer *out, struct slice text, size_t width, bool right) {
    size_t blanks = width > width_of(text) ? width - width_of(text) : 0;
    if (!right)
        buffer_add_slice(out, text);
    for (size_t i = 0; i < blanks; i++)
        buffer_add_char(out, ' ');
    if (right)
        buffer_add_slice(out, text);
}

static bool stands_right(enum answer_type type) {
    return type != ANSWER_TEXT && type != ANSWER_TIME && type != ANSWER_DATE && type != ANSWER_ONEID;
}

static void show_row(const struct answer_table *t, const size_t *widths, size_t row, struct buffer *cell,
                     struct buffer *out) {
    buffer_add(out, "  ", 2);
    for (size_t i = 0; i < t->column_count; i++) {
        struct slice text = t->columns[i].name;
        if (row != SIZE_MAX) {
            buffer_clear(cell);
            show_cell(cell, &t->cells[row * t->column_count + i], t->columns[i].type);
            text = buffer_slice(cell);
        }
        if (i)
            buffer_add(out, "  ", 2);
        pad(out, text, widths[i], stands_right(t->columns[i].type));
    }
    while (out->size && out->data[out->size - 1] == ' ')
        out->size--;
    buffer_add_char(out, '\n');
}

static void show_table(const struct answer_table *t, size_t rows, struct buffer *out) {
    size_t widths[ANSWER_COLUMNS_MAX], count = answer_rows(t), shown = count < rows ? count : rows;
    struct buffer cell = {0};
    for (size_t i = 0; i < t->column_count; i++) {
        widths[i] = width_of(t->columns[i].name);
        for (size_t row = 0; row < shown; row++) {
            buffer_clear(&cell);
            show_cell(&cell, &t->cells[row * t->column_count + i], t->columns[i].type);
            size_t width = width_of(buffer_slice(&cell));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    buffer_print(out, "%s\n", t->name);
    show_row(t, widths, SIZE_MAX, &cell, out);
    for (size_t row = 0; row < shown; row++)
        show_row(t, widths, row, &cell, out);
    if (shown < count)
        buffer_print(out, "  ... %zu rows more\n", count - shown);
    buffer_release(&cell);
}

void answer_write_text(const struct answer *answer, size_t rows, struct buffer *out) {
    for (size_t i = 0; i < answer->table_count; i++) {
        if (i)
            buffer_add_char(out, '\n');
        show_table(answer->tables[i], rows, out);
    }
    for (size_t i = 0; i < answer->note_count; i++)
        buffer_print(out, "%s- %.*s\n", i ? "" : "\n", SLICE_ARG(answer->notes[i]));
}
