/* metrics: one reading of every counter there is, as Prometheus text (metrics.def) and as JSON. */
#ifndef ONEFOLD_SERVE_METRICS_H
#define ONEFOLD_SERVE_METRICS_H

#include "base/json_write.h"
#include "serve/api_import.h"
#include "serve/serve_inside.h"

struct measures {
    double uptime_s;
    struct http_counters http;
    struct track_counters track;
    struct log_counters log;
    struct identity_counters identity;
    struct history_counters history;
    struct jobs_counters imports;
    struct audience_counters audience;
    struct stream_counters streams;
    struct webhook_counters webhooks;
    uint64_t refused, durable, folded, lag, checkpoint_position, quarantine_waiting, disk_free, disk_total;
    double checkpoint_age_s; /* -1: none or unknown */
};

/* Thread: any. Cost: tens of microseconds (a system call for the disk). */
void measures_read(struct serve *serve, struct measures *out);
void measures_write_text(const struct measures *m, struct buffer *into);
void measures_write_json(const struct measures *m, struct json_writer *w);
/* A table of all metrics in Markdown. */
void metrics_write_reference(struct buffer *into);

#endif
