/* webhook: entries of the feed to subscribers' own servers, signed, in order, at least once.
 *
 * One thread works all targets. Each has a place in the feed: what comes behind it is gathered into a batch and POSTed as JSON
 *     {"subscription":"crm","entries":[{"id":"812-0", ...}, ...]}          (entry.h)
 * An answer of 2xx moves the place behind the batch; anything else, or none, has the same bytes sent again after a pause that doubles
 * from a second to five minutes, for ever. So entries of one target arrive in order, and one may come again: with the same id.
 * Places are on disk at most a second later, written aside and renamed; after a crash at most that second is sent again.
 *
 * Each request has
 *     X-Onefold-Signature: t=<seconds since 1970>,v1=<hex of HMAC-SHA256(secret, "<t>.<body>")>
 *     X-Onefold-Delivery: <id of the first entry>..<id of the last>
 * (docs/audiences.md shows how to verify it). Without a secret there is no signature. */
#ifndef ONEFOLD_DELIVER_WEBHOOK_H
#define ONEFOLD_DELIVER_WEBHOOK_H

#include "base/json_write.h"
#include "deliver/entry.h"

struct webhook_target {
    struct slice name, url, secret;
    struct entry_filter filter;
};

/* Everything is borrowed. The functions are called on the sender's thread. */
struct webhook_parts {
    struct os *os;
    const char *path; /* of the file with the places */
    struct feed *feed;
    void *context;
    /* Calls `each` with every target in force. */
    void (*targets)(void *context, void (*each)(void *to, const struct webhook_target *target), void *to);
    void (*write)(void *context, const struct feed_entry *entry, struct json_writer *w);
};
struct webhook_options {     /* zero: the default */
    unsigned batch_entries;  /* 200 */
    unsigned retry_first_ms; /* 1,000 */
    unsigned retry_max_ms;   /* 300,000 */
    unsigned connect_s;      /* 5 */
    unsigned request_s;      /* 30 */
};

struct webhook;
/* Reads the places and begins. A target without one begins with what is published from now on. Errors: DAMAGED, IO. */
enum status webhook_start(const struct webhook_parts *parts, const struct webhook_options *options,
                          struct webhook **webhook, struct fault *fault) WARN_UNUSED;
/* Gives up what is under way (it is sent again), writes the places and ends. NULL is fine. */
void webhook_stop(struct webhook *webhook);
/* Targets changed: returns when the sender has seen that. Thread: any. */
void webhook_notice(struct webhook *webhook);

struct webhook_status {
    struct feed_place place;                            /* behind the last entry that was taken */
    uint64_t delivered;                                 /* entries since the start */
    uint64_t requests;                                  /* since the start, failed ones too */
    unsigned failures;                                  /* in a row; 0: all is well */
    int64_t delivered_at_ms, failed_at_ms, retry_at_ms; /* 0: never, none */
    int code;                                           /* of the last answer; 0: none came */
    char error[200];                                    /* of the last failure */
};
/* False where no target is called so. Thread: any. */
bool webhook_status(struct webhook *webhook, struct slice name, struct webhook_status *status);

struct webhook_counters {
    uint64_t targets, failing;    /* now; failing: the last request was not answered 2xx */
    uint64_t delivered, requests; /* of the targets there are, since the start */
};
void webhook_counters_read(struct webhook *webhook, struct webhook_counters *out);

#define WEBHOOK_SIGNATURE_BYTES 96
/* "t=1700000000,v1=<64 hex digits>" */
void webhook_sign(struct slice secret, int64_t now_ms, struct slice body, char out[WEBHOOK_SIGNATURE_BYTES]);

#endif
