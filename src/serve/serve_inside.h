/* serve_inside: serve's own state. Only files of serve/ include this. */
#ifndef ONEFOLD_SERVE_SERVE_INSIDE_H
#define ONEFOLD_SERVE_SERVE_INSIDE_H

#include <stdatomic.h>

#include "serve/call.h"
#include "deliver/webhook.h"
#include "serve/clerk.h"
#include "serve/http.h"
#include "serve/serve.h"
#include "serve/stream.h"
#include "serve/track.h"

struct analyst;
struct jobs;
struct queries;
struct match_run;
struct household_run;
struct network_runs;

struct serve {
    struct serve_parts parts;
    struct serve_options options;
    struct http *http;
    struct track *track;
    struct clerk *clerk;
    struct jobs *jobs; /* imports */
    struct queries *queries;
    struct match_run *matches;
    struct household_run *households;
    struct network_runs *networks;
    struct analyst *analyst;
    /* NULL without an audience. */
    struct streams *streams;
    struct webhook *webhook;
    struct entry_writer *webhook_writer;
    char *webhook_path;
    struct bench *benches[HTTP_THREADS_MAX];
    char address[96];
    int64_t started_ms;
    _Atomic bool closing;
    _Atomic uint64_t refused; /* requests without the right key */
};

#endif
