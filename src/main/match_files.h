/* match_files: CSV, TSV and JSON-lines files (plain or gzipped) into a fuzzy_table, one source each. */
#ifndef ONEFOLD_MAIN_MATCH_FILES_H
#define ONEFOLD_MAIN_MATCH_FILES_H

#include "identity/fuzzy_table.h"
#include "os/os.h"

/* Appends the file's records. Cells go under the column their header names; of a JSON object each member, nested ones by
 * "outer.inner", of lists the members of their objects too (a later value of a name already there goes under "name 2"). TSV and JSON lines are told
 * by the name (.tsv, .jsonl, .ndjson) or the first byte. Errors: what file_reader gives; INVALID names file and line. */
enum status match_files_read(struct os *os, const char *path, uint32_t source, struct fuzzy_table *table,
                             struct fault *fault) WARN_UNUSED;

#endif
