/* bench/shop_peers: ClickHouse and DuckDB side by side with us, on the same rows in the same run.
 *
 * Each lives in a process of its own from the beginning, when this one is small, so that neither our memory nor our threads are in its
 * way. Both load at the same time, while we build our history; once all are there, each is asked in turn and has the machine to itself. Each way is
 * run once before it counts, as what it reads may not be in memory yet. A way
 * (a query) that is clearly slower than the best one known of either is run once; one that takes twice as long is stopped. So what is the
 * faster of them is measured well, and the rest costs little. */
#include "main/bench/shop_peer.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "main/bench/feed.h"

#define SQL_BYTES_MAX 8192
#define LIMIT_S 90.0      /* of a way while none is known */
#define LIMIT_LEAST_S 2.0 /* no way is stopped before */
#define LIMIT_TIMES 2.0   /* as slow as the best known: stopped */
#define ONCE_TIMES 1.4    /* as slow as the best known: run once */
#define WAY_S 6.0         /* rounds of a way end after it; one that takes longer is run once */

const char *const shop_peer_names[SHOP_PEERS] = {"ClickHouse", "DuckDB"};

bool shop_peers_there(char why[256]) {
    static const char *const paths[] = {SHOP_CHDB, SHOP_DUCKDB_PATH};
    for (int i = 0; i < SHOP_PEERS; i++)
        if (access(paths[i], R_OK)) {
            snprintf(why, 256, "%s is not there (tools/setup --peers installs it; run from the project's folder)",
                     paths[i]);
            return false;
        }
    return true;
}

bool shop_find_function(void *library, const char *name, void *into) {
    void *address = dlsym(library, name);
    memcpy(into, &address, sizeof address);
    return address != NULL;
}

enum status shop_no_function(const char *path, struct fault *fault) {
    const char *said = dlerror();
    return fault_set(fault, STATUS_IO, "%s cannot be used: %s", path, said ? said : "a function is missing");
}

enum status shop_run_each(struct shop_database *d, const char *const *statements, size_t count, struct fault *fault) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && !status; i++)
        status = d->run(d, statements[i], 0, NULL, fault);
    return status;
}

/* What both sides see. */
struct peer_process {
    pid_t pid; /* 0: none */
    int line;  /* a socket: a byte from there says done, a byte to there go on; its end is the process' end */
    enum status status;
    struct fault fault;
    double loading_s;
};
struct shop_peers {
    struct bench *bench;
    struct shop shop;
    struct shop_asked asked;
    const struct shop_question *questions;
    size_t question_count, bytes;
    unsigned rounds;
    char folder[320];
    bool kept, loaded;
    struct peer_process processes[SHOP_PEERS];
    struct shop_peer_answer answers[]; /* [question * SHOP_PEERS + peer] */
};

/* --- in the process of a database: asking --- */

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The best time known for a question, of either; 0: none. */
static double best_s(const struct shop_peers *p, size_t question) {
    double best = 0;
    for (int which = 0; which < SHOP_PEERS; which++) {
        double ms = p->answers[question * SHOP_PEERS + which].median_ms;
        if (ms > 0 && (best == 0 || ms / 1e3 < best))
            best = ms / 1e3;
    }
    return best;
}

static double time_once(struct shop_database *d, const char *sql, double limit_s, uint64_t *values, enum status *status,
                        struct fault *fault) {
    double began = bench_now_s();
    *status = d->run(d, sql, limit_s, values, fault);
    return bench_now_s() - began;
}

/* The way's time in way_ms, and into the answer where it is the peer's best. */
static enum status time_way(const struct shop_peers *p, struct shop_database *d, size_t question, enum shop_peer which,
                            unsigned way, struct fault *fault) {
    struct shop_peer_answer *answer = (struct shop_peer_answer *)&p->answers[question * SHOP_PEERS + which];
    double times[BENCH_REPEATS_MAX], best = best_s(p, question), limit = LIMIT_S;
    char sql[SQL_BYTES_MAX];
    uint64_t values[SHOP_VALUES_MAX] = {0};
    enum status status;
    unsigned count = 0;
    snprintf(sql, sizeof sql, "SELECT %s FROM (%s) AS asked", p->asked.timed[which],
             p->questions[question].ways[which][way]);
    if (best > 0)
        limit = best * LIMIT_TIMES > LIMIT_LEAST_S ? best * LIMIT_TIMES : LIMIT_LEAST_S;
    (void)time_once(d, sql, limit, values, &status, fault); /* what it reads may not be in memory yet */
    double first = time_once(d, sql, limit, values, &status, fault);
    answer->way_ms[way] = first * 1e3;
    if (status == STATUS_TIMEOUT)
        return STATUS_OK; /* way_runs 0 */
    if (status)
        return status;
    for (double spent = first; count < p->rounds && spent < WAY_S && !status; count++) {
        if (best > 0 && first > best * ONCE_TIMES)
            break;
        times[count] = time_once(d, sql, 0, values, &status, fault);
        spent += times[count];
    }
    if (status)
        return status;
    if (count)
        qsort(times, count, sizeof *times, by_value);
    else
        times[count++] = first;
    answer->way_runs[way] = count;
    answer->way_ms[way] = times[count / 2] * 1e3;
    if (answer->median_ms > 0 && answer->way_ms[way] >= answer->median_ms)
        return STATUS_OK;
    answer->median_ms = answer->way_ms[way];
    answer->worst_ms = times[count - 1] * 1e3;
    answer->way = way;
    memcpy(answer->values, values, sizeof values);
    return STATUS_OK;
}

static enum status ask(const struct shop_peers *p, struct shop_database *d, size_t question, enum shop_peer which,
                       struct fault *fault) {
    const struct shop_question *q = &p->questions[question];
    struct shop_peer_answer *answer = (struct shop_peer_answer *)&p->answers[question * SHOP_PEERS + which];
    char sql[SQL_BYTES_MAX];
    enum status status = STATUS_OK;
    for (unsigned way = 0; way < SHOP_WAYS_MAX && q->ways[which][way] && !status; way++)
        status = time_way(p, d, question, which, way, fault);
    if (status || answer->median_ms == 0 || strcmp(p->asked.timed[which], p->asked.check[which]) == 0)
        return status;
    snprintf(sql, sizeof sql, "SELECT %s FROM (%s) AS asked", p->asked.check[which], q->ways[which][answer->way]);
    return d->run(d, sql, 0, answer->values, fault);
}

/* --- in the process of a database: from beginning to end --- */

static enum status load(const struct shop_peers *p, struct shop_database *d, enum shop_peer which,
                        struct fault *fault) {
    enum status (*const open[SHOP_PEERS])(struct shop_database *, const char *, struct fault *) = {shop_chdb_open,
                                                                                                   shop_duckdb_open};
    char done[400];
    snprintf(done, sizeof done, "%s/%s.loaded", p->folder, shop_peer_names[which]);
    enum status status = open[which](d, p->folder, fault);
    if (status || (p->kept && access(done, R_OK) == 0))
        return status;
    bool tables[SHOP_TABLES];
    for (int t = 0; t < SHOP_TABLES; t++)
        tables[t] = p->asked.without[t] == false;
    status = d->load(d, &p->shop, tables, fault);
    if (!status && p->kept)
        status = os_write_file(p->bench->os, done, SLICE("whole\n"), fault);
    return status;
}

static void say(int line) {
    if (write(line, "!", 1) != 1)
        _exit(1);
}

static bool hear(int line) {
    char byte;
    ssize_t got;
    while ((got = read(line, &byte, 1)) < 0 && errno == EINTR) {
    }
    return got == 1;
}

static void live(struct shop_peers *p, enum shop_peer which, int line) {
    struct peer_process *process = &p->processes[which];
    struct shop_database database;
    double began = bench_now_s();
    process->status = load(p, &database, which, &process->fault);
    process->loading_s = bench_now_s() - began;
    say(line);
    if (process->status || !hear(line))
        return;
    for (size_t i = 0; i < p->question_count && !process->status; i++)
        if (p->questions[i].name)
            process->status = ask(p, &database, i, which, &process->fault);
    say(line);
}

/* --- in ours --- */

static enum status start(struct shop_peers *p, enum shop_peer which, struct fault *fault) {
    struct peer_process *process = &p->processes[which];
    int lines[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lines))
        return fault_set(fault, STATUS_IO, "no socket pair: %s", strerror(errno));
    fflush(stdout);
    process->pid = fork();
    if (process->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(lines[0]);
        live(p, which, lines[1]);
        _exit(0);
    }
    close(lines[1]);
    process->line = lines[0];
    if (process->pid > 0)
        return STATUS_OK;
    process->pid = 0;
    return fault_set(fault, STATUS_IO, "no process for %s: %s", shop_peer_names[which], strerror(errno));
}

/* Waits until it has done what it is at. */
static enum status wait_for(struct shop_peers *p, enum shop_peer which, struct fault *fault) {
    struct peer_process *process = &p->processes[which];
    if (!hear(process->line))
        return fault_set(fault, STATUS_IO, "the process of %s ended", shop_peer_names[which]);
    if (process->status)
        *fault = process->fault;
    return process->status;
}

static void stop(struct peer_process *process) {
    if (!process->pid)
        return;
    close(process->line);
    kill(process->pid, SIGKILL);
    while (waitpid(process->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    process->pid = 0;
}

enum status shop_peers_begin(struct bench *b, const struct shop *shop, const struct shop_asked *asked,
                             const struct shop_question *questions, size_t question_count, unsigned rounds,
                             const char *kept, struct shop_peers **out, struct fault *fault) {
    size_t bytes = sizeof(struct shop_peers) + question_count * SHOP_PEERS * sizeof(struct shop_peer_answer);
    struct shop_peers *p = bench_shared(bytes);
    unsigned tables = 0;
    assert(rounds <= BENCH_REPEATS_MAX);
    for (int t = 0; t < SHOP_TABLES; t++)
        tables |= (unsigned)!asked->without[t] << t;
    *p = (struct shop_peers){.bench = b,
                             .shop = *shop,
                             .asked = *asked,
                             .questions = questions,
                             .question_count = question_count,
                             .bytes = bytes,
                             .rounds = rounds,
                             .kept = kept[0] != 0};
    enum status status = STATUS_OK;
    if (kept[0]) {
        snprintf(p->folder, sizeof p->folder, "%.200s/peers-%llu-%llu-%llu-%x", kept, (unsigned long long)shop->seed,
                 (unsigned long long)shop->customers, (unsigned long long)shop->events_each, tables);
        status = os_make_folder(b->os, kept, fault);
        status = status ? status : os_make_folder(b->os, p->folder, fault);
    } else {
        snprintf(p->folder, sizeof p->folder, "%s", b->folder);
    }
    for (int which = 0; which < SHOP_PEERS && !status; which++)
        status = start(p, (enum shop_peer)which, fault);
    if (status)
        shop_peers_end(p);
    *out = status ? NULL : p;
    return status;
}

enum status shop_peers_load(struct shop_peers *p, struct fault *fault) {
    enum status status = STATUS_OK;
    for (int which = 0; which < SHOP_PEERS && !status && !p->loaded; which++)
        status = wait_for(p, (enum shop_peer)which, fault);
    for (int which = 0; which < SHOP_PEERS && !status && !p->loaded; which++)
        bench_value(p->bench, which == SHOP_CLICKHOUSE ? "ClickHouse: loading took" : "DuckDB: loading took", "s",
                    p->processes[which].loading_s);
    p->loaded = !status;
    return status;
}

enum status shop_peers_ask(struct shop_peers *p, struct shop_peer_answer *answers, struct fault *fault) {
    enum status status = shop_peers_load(p, fault);
    for (int which = 0; which < SHOP_PEERS && !status; which++) {
        double began = bench_now_s();
        say(p->processes[which].line);
        status = wait_for(p, (enum shop_peer)which, fault);
        stop(&p->processes[which]); /* its memory is free for the next */
        if (!status)
            bench_value(p->bench, which == SHOP_CLICKHOUSE ? "ClickHouse: asking took" : "DuckDB: asking took", "s",
                        bench_now_s() - began);
    }
    memcpy(answers, p->answers, p->question_count * SHOP_PEERS * sizeof *answers);
    return status;
}

void shop_peers_end(struct shop_peers *p) {
    if (!p)
        return;
    for (int which = 0; which < SHOP_PEERS; which++)
        stop(&p->processes[which]);
    bench_shared_free(p, p->bytes);
}

void shop_peers_report(struct bench *b, const struct shop_question *question, const struct shop_peer_answer *answers,
                       double ours_ms, const uint64_t *expected, size_t value_count) {
    char what[96];
    double fastest_ms = 0;
    for (int peer = 0; peer < SHOP_PEERS; peer++) {
        const struct shop_peer_answer *a = &answers[peer];
        for (unsigned way = 0; way < SHOP_WAYS_MAX && question->ways[peer][way]; way++) {
            const char *how = a->way_runs[way] == 0 ? ", stopped after" : a->way_runs[way] == 1 ? ", once" : "";
            snprintf(what, sizeof what, "%s: %s, way %u%s", question->name, shop_peer_names[peer], way + 1, how);
            bench_value(b, what, "ms", a->way_ms[way]);
        }
        if (a->median_ms == 0)
            continue; /* all its ways were stopped */
        for (size_t i = 0; i < value_count; i++) {
            snprintf(what, sizeof what, "%s: %s, value %zu", question->name, shop_peer_names[peer], i + 1);
            bench_check(b, what, expected[i], a->values[i]);
        }
        fastest_ms = fastest_ms == 0 || a->median_ms < fastest_ms ? a->median_ms : fastest_ms;
    }
    double ratio = fastest_ms / ours_ms;
    snprintf(what, sizeof what, "%s: faster than the faster", question->name);
    bench_figure(b, &(struct bench_figure){what, "times", BENCH_HIGHER, SHOP_PEER_BAR}, &ratio, 1);
}
