/* run_append: see the header. */
#include "serve/run_append.h"

#define LOOK_MS 100 /* whether the run was cancelled */

enum status run_append(struct run_log *log, enum log_kind kind, struct slice payload, struct fault *fault) {
    struct log *to = log->parts->log;
    for (;;) {
        enum status status = background_checked(log->background, fault);
        if (status)
            return status;
        struct log_record record = {.received_ms = os_now_ms(log->parts->os), .kind = kind, .payload = payload};
        uint64_t durable = log_durable(to);
        status = log_append(to, &record, 1, fault);
        if (!status)
            log->last = record.position;
        if (status != STATUS_FULL)
            return status;
        log_wait(to, durable, LOOK_MS);
    }
}

void run_settle(const struct run_log *log) {
    while (log->last && !background_cancelled(log->background) &&
           !history_wait(log->parts->history, log->last, LOOK_MS))
        ;
}
