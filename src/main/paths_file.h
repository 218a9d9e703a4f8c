/* paths_file: a CSV file of ready paths as the member "table" of an attribution: `onefold insight attribution --paths FILE`. */
#ifndef ONEFOLD_MAIN_PATHS_FILE_H
#define ONEFOLD_MAIN_PATHS_FILE_H

#include "base/json_write.h"
#include "base/status.h"

/* Writes [{"path", "conversions", "value", "misses"}, ...]. Columns by their header: path; conversions or total_conversions; value or
 * total_conversion_value; misses, null or total_null. All but path may be missing.
 * Errors: INVALID with the file's line; os_read_file's. Memory: the whole file and its table. */
enum status paths_file_read(const char *file, struct json_writer *w, struct fault *fault) WARN_UNUSED;

#endif
