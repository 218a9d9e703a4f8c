/* csv_write: cells of CSV files (RFC 4180). Cells are separated and rows ended by the caller: ',' and "\r\n".
 * Thread: any. Cost: one pass over the text. */
#ifndef ONEFOLD_BASE_CSV_WRITE_H
#define ONEFOLD_BASE_CSV_WRITE_H

#include "base/memory.h"

/* A cell with exactly this text, in quotation marks where it must be: a comma, a quotation mark or a line's end in it. */
void csv_cell(struct buffer *out, struct slice text);
/* The same for text that people or sources wrote. Spreadsheets run a cell that begins with = + - @, a tab or a carriage return as a
 * formula; such a text gets a ' before it, which they show as text. Numbers and phone numbers ("-3.5", "+8613800001111") stay
 * as they are. */
void csv_cell_of_text(struct buffer *out, struct slice text);

#endif
