/* csv_write: see the header. */
#include "base/csv_write.h"

static void add_quoted(struct buffer *out, const char *before, struct slice text) {
    buffer_add_char(out, '"');
    buffer_add_slice(out, slice_text(before));
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            buffer_add_char(out, '"');
        buffer_add_char(out, text.data[i]);
    }
    buffer_add_char(out, '"');
}

static bool is_plain(struct slice text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] == ',' || text.data[i] == '"' || text.data[i] == '\n' || text.data[i] == '\r')
            return false;
    return true;
}

static void add(struct buffer *out, const char *before, struct slice text) {
    if (!is_plain(text)) {
        add_quoted(out, before, text);
        return;
    }
    buffer_add_slice(out, slice_text(before));
    buffer_add_slice(out, text);
}

/* Digits with what stands between digits of numbers and phone numbers. */
static bool is_number(struct slice text) {
    size_t digits = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool digit = text.data[i] >= '0' && text.data[i] <= '9';
        if (!digit && text.data[i] != '.' && text.data[i] != ' ')
            return false;
        digits += digit;
    }
    return digits > 0;
}

static bool is_formula(struct slice text) {
    if (text.size == 0)
        return false;
    switch (text.data[0]) {
    case '=':
    case '@':
    case '\t':
    case '\r':
        return true;
    case '+':
    case '-':
        return !is_number(slice_of(text.data + 1, text.size - 1));
    default:
        return false;
    }
}

void csv_cell(struct buffer *out, struct slice text) { add(out, "", text); }

void csv_cell_of_text(struct buffer *out, struct slice text) { add(out, is_formula(text) ? "'" : "", text); }
