/* api_import: import jobs over HTTP: their state in memory, what must outlive a restart in "imports/" of the data folder. */
#ifndef ONEFOLD_SERVE_API_IMPORT_H
#define ONEFOLD_SERVE_API_IMPORT_H

#include "serve/serve.h"

struct jobs;
/* Reads the jobs that are there. Errors: IO, DAMAGED (names the file). */
enum status jobs_create(const struct serve_parts *parts, struct jobs **jobs, struct fault *fault) WARN_UNUSED;
void jobs_free(struct jobs *jobs);

struct json_writer;
struct jobs_counters {
    uint64_t jobs, open, rows, rejected;
};
void jobs_counters_read(struct jobs *jobs, struct jobs_counters *out);

#endif
