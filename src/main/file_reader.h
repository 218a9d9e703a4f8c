/* file_reader: a file's bytes in pieces, plain or gzipped as its first bytes say. */
#ifndef ONEFOLD_MAIN_FILE_READER_H
#define ONEFOLD_MAIN_FILE_READER_H

#include "base/memory.h"
#include "os/os.h"

struct file_reader;
/* Errors: NOT_FOUND, IO. */
enum status file_reader_open(struct os *os, const char *path, struct file_reader **reader,
                             struct fault *fault) WARN_UNUSED;
void file_reader_close(struct file_reader *reader);
/* The file's size on disk, and whether that is the size of what is read (it is not when gzipped). */
uint64_t file_reader_bytes(const struct file_reader *reader, bool *plain);
/* Appends to `into` until at least `want` bytes were added or the file ended (*last). A gzipped piece may bring more.
 * Errors: IO; INVALID or TOO_LARGE for what does not inflate. */
enum status file_reader_next(struct file_reader *reader, size_t want, struct buffer *into, bool *last,
                             struct fault *fault) WARN_UNUSED;

#endif
