/* csv: a cell is found by looking at sixteen bytes at once for what can end it. Rows are cut from memory that holds
 * them whole; where the end is missing, nothing is kept between calls: the caller comes back with more text and the row
 * is read again. */
#include "collect/csv.h"

#include <assert.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

void csv_release(struct csv *csv) { buffer_release(&csv->unquoted); }

/* The first separator, CR or LF at or after `p`, or `end`. */
static const char *cell_end(const char *p, const char *end, char separator) {
#ifdef __SSE2__
    const __m128i cut = _mm_set1_epi8(separator), lf = _mm_set1_epi8('\n'), cr = _mm_set1_epi8('\r');
    for (; end - p >= 16; p += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)p);
        __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(bytes, cut),
                                   _mm_or_si128(_mm_cmpeq_epi8(bytes, lf), _mm_cmpeq_epi8(bytes, cr)));
        unsigned mask = (unsigned)_mm_movemask_epi8(hit);
        if (mask)
            return p + __builtin_ctz(mask);
    }
#endif
    while (p < end && *p != separator && *p != '\n' && *p != '\r')
        p++;
    return p;
}

static size_t count_lines(const char *p, const char *end) {
    size_t count = 0;
    while (p < end && (p = memchr(p, '\n', (size_t)(end - p)))) {
        count++;
        p++;
    }
    return count;
}

/* The quote that closes the cell whose content starts at `p`, or NULL; *doubled: quotes inside were doubled. */
static const char *closing_quote(const char *p, const char *end, bool *doubled) {
    *doubled = false;
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        if (!quote || quote + 1 == end || quote[1] != '"')
            return quote;
        *doubled = true;
        p = quote + 2;
    }
    return NULL;
}

/* The content with each doubled quote made one; `room` is reserved once a row, so that earlier cells do not move. */
static struct slice undouble(struct csv *csv, struct slice content, size_t room) {
    if (csv->unquoted.size == 0)
        buffer_reserve(&csv->unquoted, room);
    char *start = csv->unquoted.data + csv->unquoted.size, *to = start;
    for (size_t i = 0; i < content.size; i++) {
        *to++ = content.data[i];
        i += content.data[i] == '"';
    }
    csv->unquoted.size += (size_t)(to - start);
    assert(csv->unquoted.size <= csv->unquoted.capacity);
    return slice_of(start, (size_t)(to - start));
}

/* A quote is open at the end of the file: gives up the first line alone. */
static void give_up_line(struct slice text, struct csv_row *row) {
    const char *end = text.data + text.size, *line_end = cell_end(text.data, end, '\n');
    row->text = slice_of(text.data, (size_t)(line_end - text.data));
    row->size = row->text.size;
    if (line_end < end)
        row->size += *line_end == '\r' && line_end + 1 < end && line_end[1] == '\n' ? 2 : 1;
    row->line_count = 1;
    row->fault = "a quote is opened and never closed";
}

/* `p` is at the row's line end, or at the end of the text. */
static bool finish_row(struct slice text, const char *p, bool last, struct csv_row *row) {
    const char *end = text.data + text.size;
    row->text = slice_of(text.data, (size_t)(p - text.data));
    row->size = row->text.size;
    row->line_count++;
    if (p == end)
        return last;
    row->size++;
    if (*p == '\r' && p + 1 == end)
        return last;
    if (*p == '\r' && p[1] == '\n')
        row->size++;
    return true;
}

bool csv_read(struct csv *csv, struct slice text, bool last, struct csv_row *row) {
    const char *p = text.data, *end = p + text.size;
    *row = (struct csv_row){0};
    buffer_clear(&csv->unquoted);
    if (!text.size)
        return false;
    for (;; p++) {
        struct slice cell;
        if (p < end && *p == '"') {
            bool doubled;
            const char *quote = closing_quote(p + 1, end, &doubled);
            if (!last && (!quote || quote + 1 == end))
                return false;
            if (!quote) {
                give_up_line(text, row);
                return true;
            }
            cell = slice_of(p + 1, (size_t)(quote - p - 1));
            row->line_count += count_lines(p + 1, quote);
            if (doubled)
                cell = undouble(csv, cell, text.size);
            p = cell_end(quote + 1, end, csv->separator);
            if (p != quote + 1)
                row->fault = "there is text behind a closing quote";
        } else {
            const char *start = p;
            p = cell_end(p, end, csv->separator);
            cell = slice_of(start, (size_t)(p - start));
        }
        if (row->cell_count < csv->cells_max)
            csv->cells[row->cell_count] = cell;
        row->cell_count++;
        if (p == end || *p != csv->separator)
            return finish_row(text, p, last, row);
    }
}
