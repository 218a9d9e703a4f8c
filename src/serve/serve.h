/* serve: Onefold over HTTP: tracking, profiles, definitions, imports, quality, health, metrics (docs/api.md).
 *
 * Requests take one of three ways, which their row in routes.def names:
 *   TRACK  parse, append to the log, wait for the sync: the server thread sets the request aside, and the log's writer
 *          resumes all that one sync covered (track.h).
 *   FAST   reads of memory, answered on the server thread in microseconds.
 *   SLOW   whatever waits or walks far (definitions, imports): a clerk thread works it, the connection waits aside (clerk.h).
 *
 * serve is not on the fold's side: it appends records and reads what the fold has published, nothing else. It takes the log's one
 * commit callback. */
#ifndef ONEFOLD_SERVE_SERVE_H
#define ONEFOLD_SERVE_SERVE_H

#include "audience/audience.h"
#include "collect/source.h"
#include "govern/dictionary.h"
#include "govern/govern.h"
#include "history/history.h"
#include "history/master.h"
#include "identity/identity.h"
#include "log/log.h"
#include "os/os.h"

/* Everything is borrowed and must outlive serve_stop. */
struct serve_parts {
    struct os *os;
    const char *folder; /* the data folder; import jobs are kept in "imports" under it */
    struct log *log;    /* its writer runs (log_start) */
    struct sources *sources;
    struct dictionary *dictionary;
    struct govern *govern;
    struct identity *identity;
    struct history *history;
    struct master *master;
    struct audience *audience; /* NULL: calls on segments, tags and metrics are refused */
    /* Writes a checkpoint now (POST /v1/checkpoint); NULL: there is none to be had. Called on a clerk thread; true when it is in force. */
    bool (*checkpoint)(void *context);
    /* When the last checkpoint in force was made and how far it reaches; 0, 0 where none is. NULL: unknown. Thread: any. */
    void (*checkpointed)(void *context, int64_t *at_ms, uint64_t *position);
    void *context;
};

/* Zero fields take the defaults. */
struct serve_options {
    const char *address;                             /* numeric; default "127.0.0.1" */
    uint16_t port;                                   /* 0: a free one, see serve_port */
    unsigned threads;                                /* server threads, 1 .. 16; default: as many as cores, at most 4 */
    const char *tls_certificate_path, *tls_key_path; /* PEM files; both or none */
    size_t body_bytes_max;                /* of an import piece; default 16 MiB. Tracking takes 4 MiB, the rest 1 MiB */
    size_t bodies_bytes_max;              /* of all bodies under way; default 256 MiB */
    unsigned connections_max;             /* default 4096; fewer where the process may not have so many files open */
    unsigned connections_per_address_max; /* default 0: no limit */
    unsigned idle_s;                      /* default 60 */
    unsigned request_s;                   /* default 30 */
    unsigned
        requests_per_second; /* per source, over all its write keys; 0: no limit. A burst may hold two seconds' worth */
    uint64_t lag_records_max; /* records the fold may be behind before tracking answers 429; default 4,000,000 */
    unsigned settle_s;        /* longest a definition waits for the log and the fold; default 10 */
};

struct serve;
/* Listens when it returns; `options` NULL takes all defaults. Errors: as http_start's; NOT_FOUND for a certificate file. */
enum status serve_start(const struct serve_parts *parts, const struct serve_options *options, struct serve **serve,
                        struct fault *fault) WARN_UNUSED;
/* Takes no new connections, answers what is under way (the log's writer must still run), and ends. NULL is fine. */
void serve_stop(struct serve *serve);
uint16_t serve_port(const struct serve *serve);
/* "http://127.0.0.1:8080", to be shown. Valid until serve_stop. */
const char *serve_address(const struct serve *serve);

/* docs/api.md as it must stand in the repository, made from routes.def, schemas.def and metrics.def. */
void serve_write_reference(struct buffer *into);

#endif
