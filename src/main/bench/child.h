/* bench/child: the server as a process of its own, as a user runs it: `onefold serve` on a passing folder and a free port. */
#ifndef ONEFOLD_MAIN_BENCH_CHILD_H
#define ONEFOLD_MAIN_BENCH_CHILD_H

#include <stdio.h>
#include <sys/types.h>

#include "main/bench/bench.h"
#include "main/client.h"

/* `{0}` before the first start; a stopped one may be started again on the same folder and keeps its admin key. */
struct bench_child {
    pid_t pid; /* 0: none */
    FILE *output;
    char url[64];
    char admin_key[64];
    struct client *admin;
    double ready_s;  /* from its start until it listened */
    double opened_s; /* of that, opening the data folder */
    double cpu_s;    /* all its threads used until it listened */
    uint64_t tail;   /* records folded while opening */
};

/* Starts it and waits until it listens. Errors: IO where it ends before. It dies with this process. */
enum status bench_child_start(struct bench *b, const char *folder, struct bench_child *child,
                              struct fault *fault) WARN_UNUSED;
/* Asks it to end (it folds and checkpoints) and waits. IO: it ended otherwise than well. Nothing where none runs. */
enum status bench_child_stop(struct bench_child *child, struct fault *fault) WARN_UNUSED;
/* kill -9. Nothing where none runs. */
void bench_child_kill(struct bench_child *child);

/* A source of kind "segment" with a fresh write key. */
enum status bench_child_source(struct bench_child *child, const char *name, char write_key[64],
                               struct fault *fault) WARN_UNUSED;
/* One of GET /v1/status' measures (serve/metrics.def, without "onefold_"). */
enum status bench_child_measure(struct bench_child *child, const char *name, double *value,
                                struct fault *fault) WARN_UNUSED;
/* Waits until the fold has caught up with the log. TIMEOUT after `seconds_max`. */
enum status bench_child_settle(struct bench_child *child, double seconds_max, struct fault *fault) WARN_UNUSED;

/* CPU seconds so far, summed over the threads of one name. */
struct bench_cpu {
    char thread[20];
    double user_s, system_s;
};
#define BENCH_CPU_MAX 16
size_t bench_child_cpu(const struct bench_child *child, struct bench_cpu cpu[BENCH_CPU_MAX]);
/* Reports what each kind of thread used since `before`, as microseconds of CPU for each of `count` things (`of_what`: "event"). Unlike
 * rates, these hardly change when the machine does other work too. */
void bench_child_report_cpu(struct bench *b, const struct bench_child *child,
                            const struct bench_cpu before[BENCH_CPU_MAX], double count, const char *of_what);
/* Resident memory now and at its highest, in bytes. */
void bench_child_memory(const struct bench_child *child, uint64_t *now, uint64_t *highest);

#endif
