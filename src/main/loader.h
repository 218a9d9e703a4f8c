/* loader: sends files through the server's own doors: mapped files as import jobs, Segment calls as batches. */
#ifndef ONEFOLD_MAIN_LOADER_H
#define ONEFOLD_MAIN_LOADER_H

#include "main/client.h"

struct load_counts {
    uint64_t bytes, lines, rows, repeats, rejected;
    uint64_t job;
    double seconds;
};

/* Called now and then while a file goes: bytes sent so far, and in all (0: unknown). May be NULL. */
typedef void (*load_progress)(void *context, const char *file, uint64_t sent, uint64_t total);

/* Defines the mapping in `mapping_path` and its source, then imports `path` (plain or gzipped) with it. `admin` carries an admin key.
 * `resume`: goes on with the open job of the same file and mapping, where there is one. Rows rejected are kept by the server
 * (GET /v1/imports/{job}/rejected). Errors: what the server says, NOT_FOUND or IO for the files. */
enum status load_import(struct client *admin, const char *path, const char *mapping_path, bool resume,
                        load_progress progress, void *context, struct load_counts *counts,
                        struct fault *fault) WARN_UNUSED;

/* Sends a file of Segment calls, one a line, in batches of 100. `writer` carries the source's write key. Waits and sends again where
 * the server is busy. `rejected` counts calls the server refused. */
enum status load_segment(struct client *writer, const char *path, load_progress progress, void *context,
                         struct load_counts *counts, struct fault *fault) WARN_UNUSED;

/* A request that must succeed: an answer of 400 or more becomes the fault, with the server's own words. */
enum status load_request(struct client *client, const char *method, const char *path, struct slice body,
                         struct buffer *answer, struct fault *fault) WARN_UNUSED;

#endif
