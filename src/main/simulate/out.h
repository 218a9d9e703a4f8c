/* simulate/out: the feeds, i.e. every file of the simulated company while it is being written.
 *
 * A row is handed over with the moment it arrives at the company; rows come out of a feed in arrival order, equal
 * moments in the order they were handed over. Only rows not yet due are held, so memory follows a day's rows and the
 * late ones. Rows may be handed over for later days; feeds_flush writes those that are due. */
#ifndef ONEFOLD_MAIN_SIMULATE_OUT_H
#define ONEFOLD_MAIN_SIMULATE_OUT_H

#include <iconv.h>

#include "main/simulate/simulate.h"

struct feed_row {
    int64_t arrival_ms;
    size_t at; /* in the feed's held bytes */
    size_t size;
};

struct feed_file {
    struct os_file *file;
    uint64_t offset;    /* bytes written */
    struct buffer held; /* rows not written yet */
    struct feed_row *rows;
    size_t row_count, row_capacity;
    struct buffer block;   /* about to be written */
    unsigned column_count; /* 0: not a table of simulate_columns.def */
};

struct feeds {
    struct os *os;
    const char *folder;
    struct feed_file files[FEED_COUNT];
    struct simulate_summary *summary;
    struct buffer line; /* the row being made */
    struct buffer work;
    iconv_t gb18030;
    unsigned fields; /* put into `line` so far, for tables */
    enum status status;
    struct fault *fault;
};

/* Makes the folder, opens the files and writes the header lines. Release with feeds_release whatever it returned. */
enum status feeds_open(struct feeds *feeds, struct os *os, const char *folder, struct simulate_summary *summary,
                       struct fault *fault) WARN_UNUSED;
void feeds_release(struct feeds *feeds);

/* Starts a row: the empty line buffer, to be filled without a line end. */
struct buffer *feeds_begin(struct feeds *feeds);
/* Adds one CSV field, quoted where it must be. */
void feeds_field(struct feeds *feeds, struct slice text);
void feeds_text(struct feeds *feeds, const char *text);
void feeds_print(struct feeds *feeds, const char *format, ...) PRINTF_LIKE(2, 3);
/* Hands the row over, `times` times (a repeat arrives `apart_ms` later). A table's row must have as many fields as the
 * table has columns. */
void feeds_end(struct feeds *feeds, enum simulated_feed feed, int64_t arrival_ms, int times, int64_t apart_ms);
/* Hands over a finished line, leaving the row being made alone. */
void feeds_line(struct feeds *feeds, enum simulated_feed feed, struct slice line, int64_t arrival_ms);
/* Writes what arrived before `until_ms`. Errors: those of os_write_at, also of earlier calls. */
enum status feeds_flush(struct feeds *feeds, int64_t until_ms) WARN_UNUSED;
/* The raw bytes of `text` in GB18030, valid until the next call. */
struct slice feeds_gb18030(struct feeds *feeds, struct slice text);
/* Writes a small file of the folder whole. */
enum status feeds_file(struct feeds *feeds, const char *path, struct slice content) WARN_UNUSED;

#endif
