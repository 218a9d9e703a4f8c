/* csv: rows of cells out of delimited text (RFC 4180, and what is met in the field). Pure; no file, no encoding.
 *
 * Cells may be quoted, hold separators, line ends and doubled quotes. Lines end in LF, CRLF or a lone CR. A quote
 * inside an unquoted cell is an ordinary character. What cannot be read is a row with `fault` set, and reading goes on
 * behind it: text behind a closing quote costs its own row, a quote that is never closed costs the line it stands in. */
#ifndef ONEFOLD_COLLECT_CSV_H
#define ONEFOLD_COLLECT_CSV_H

#include "base/memory.h"

struct csv {
    char separator;      /* ',' or '\t' */
    struct slice *cells; /* the caller's, [cells_max]: the row's; they borrow the text or `unquoted` until the next */
    size_t cells_max;
    struct buffer unquoted; /* cells that had doubled quotes; csv_release frees it */
};

struct csv_row {
    struct slice text; /* as it stands in the file, without the line end */
    size_t size;       /* bytes to go on past, line end included */
    size_t line_count; /* lines it covers */
    size_t cell_count; /* all there are; only the first cells_max are in csv->cells */
    const char *fault; /* NULL, or why the row cannot be used; static text */
};

void csv_release(struct csv *csv);
/* Reads the row that starts at text's first byte. False: the row does not end in `text` (never with `last`, unless
 * `text` is empty). Reads no byte past `text`. Thread: one per struct csv. Cost: about 1 GB/s; a row of quoted cells
 * half of it. */
bool csv_read(struct csv *csv, struct slice text, bool last, struct csv_row *row);

#endif
