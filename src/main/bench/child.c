/* bench/child: fork, exec, its two lines of output, and what /proc says of it. */
#include "main/bench/child.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json_read.h"
#include "main/loader.h"

/* In the child: never returns. */
static void become_server(const struct bench *b, const char *folder, int output) {
    const char *arguments[] = {"onefold", "serve", "--data", folder, "--port", "0", NULL};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (dup2(output, STDOUT_FILENO) >= 0)
        execv(b->program, (char *const *)arguments);
    _exit(127);
}

/* Reads what `onefold serve` prints until it listens. */
static bool read_start(struct bench_child *c) {
    char line[512];
    unsigned long long tail;
    while (fgets(line, sizeof line, c->output)) {
        const char *opened = strstr(line, " opened in ");
        if (sscanf(line, "admin key: %63s", c->admin_key) == 1)
            continue;
        if (opened && sscanf(opened, " opened in %lf s, %llu", &c->opened_s, &tail) == 2)
            c->tail = tail;
        if (sscanf(line, "listening on %63s", c->url) == 1)
            return true;
    }
    return false;
}

enum status bench_child_start(struct bench *b, const char *folder, struct bench_child *c, struct fault *fault) {
    int ends[2];
    assert(c->pid == 0);
    double began = bench_now_s();
    if (pipe(ends))
        return fault_set(fault, STATUS_IO, "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0)
        become_server(b, folder, ends[1]);
    close(ends[1]);
    c->output = fdopen(ends[0], "r");
    if (pid < 0 || !c->output)
        return fault_set(fault, STATUS_IO, "the server cannot be started: %s", strerror(errno));
    c->pid = pid;
    if (!read_start(c)) {
        bench_child_kill(c);
        return fault_set(fault, STATUS_IO, "the server ended before it listened");
    }
    c->ready_s = bench_now_s() - began;
    struct bench_cpu cpu[BENCH_CPU_MAX];
    size_t threads = bench_child_cpu(c, cpu);
    c->cpu_s = 0;
    for (size_t i = 0; i < threads; i++)
        c->cpu_s += cpu[i].user_s + cpu[i].system_s;
    return client_create(c->url, c->admin_key, &c->admin, fault);
}

/* Sends `signal` and waits; the exit's state, as wait gives it. */
static int end(struct bench_child *c, int signal) {
    int state = 0;
    kill(c->pid, signal);
    while (waitpid(c->pid, &state, 0) < 0 && errno == EINTR) {
    }
    client_free(c->admin);
    fclose(c->output);
    c->admin = NULL;
    c->output = NULL;
    c->pid = 0;
    return state;
}

enum status bench_child_stop(struct bench_child *c, struct fault *fault) {
    if (!c->pid)
        return STATUS_OK;
    int state = end(c, SIGTERM);
    return state == 0 ? STATUS_OK : fault_set(fault, STATUS_IO, "the server ended with state %d", state);
}

void bench_child_kill(struct bench_child *c) {
    if (c->pid)
        end(c, SIGKILL);
}

/* --- asking it --- */

static enum status parse(struct json_parser *p, struct buffer *answer, const struct json **root, struct fault *fault) {
    return json_parse(p, buffer_slice(answer), true, root, fault);
}

enum status bench_child_source(struct bench_child *c, const char *name, char write_key[64], struct fault *fault) {
    struct buffer body = {0}, path = {0}, answer = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    buffer_print(&body, "{\"name\":\"%s\",\"kind\":\"segment\"}", name);
    buffer_print(&path, "/v1/sources/%s/keys%c", name, 0);
    enum status status = load_request(c->admin, "POST", "/v1/sources", buffer_slice(&body), &answer, fault);
    if (!status)
        status = load_request(c->admin, "POST", path.data, SLICE("{\"name\":\"bench\"}"), &answer, fault);
    if (!status && !(status = parse(p, &answer, &root, fault)))
        snprintf(write_key, 64, "%.*s", SLICE_ARG(json_get_text(p, root, "key")));
    json_parser_free(p);
    buffer_release(&body);
    buffer_release(&path);
    buffer_release(&answer);
    return status;
}

enum status bench_child_measure(struct bench_child *c, const char *name, double *value, struct fault *fault) {
    struct buffer answer = {0};
    struct json_parser *p = json_parser_create();
    const struct json *root;
    *value = 0;
    enum status status = load_request(c->admin, "GET", "/v1/status", SLICE_NONE, &answer, fault);
    if (!status && !(status = parse(p, &answer, &root, fault))) {
        const struct json *m = json_get(p, json_get(p, root, "measures"), name);
        if (!m || (m->kind != JSON_INTEGER && m->kind != JSON_REAL))
            status = fault_set(fault, STATUS_NOT_FOUND, "the server tells no measure \"%s\"", name);
        else
            *value = m->kind == JSON_INTEGER ? (double)m->integer : m->real;
    }
    json_parser_free(p);
    buffer_release(&answer);
    return status;
}

enum status bench_child_settle(struct bench_child *c, double seconds_max, struct fault *fault) {
    double until = bench_now_s() + seconds_max, lag = 1;
    for (;;) {
        enum status status = bench_child_measure(c, "fold_lag_records", &lag, fault);
        if (status || lag == 0)
            return status;
        if (bench_now_s() > until)
            return fault_set(fault, STATUS_TIMEOUT, "%.0f records are not folded after %.0f s", lag, seconds_max);
        usleep(2000);
    }
}

/* --- looking at it --- */

static struct bench_cpu *cpu_named(struct bench_cpu *cpu, size_t *count, const char *name) {
    for (size_t i = 0; i < *count; i++)
        if (strcmp(cpu[i].thread, name) == 0)
            return &cpu[i];
    size_t at = *count < BENCH_CPU_MAX ? (*count)++ : BENCH_CPU_MAX - 1; /* too many names: the last takes the rest */
    snprintf(cpu[at].thread, sizeof cpu[at].thread, "%.19s", name);
    return &cpu[at];
}

/* One line of /proc/PID/task/TID/stat: "TID (name) state ..." with utime and stime in fields 14 and 15. */
static void add_thread(FILE *file, struct bench_cpu *cpu, size_t *count) {
    char line[1024], name[64];
    unsigned long user, system;
    double tick_s = 1.0 / (double)sysconf(_SC_CLK_TCK);
    if (!fgets(line, sizeof line, file))
        return;
    char *open = strchr(line, '('), *close = strrchr(line, ')');
    if (!open || !close)
        return;
    snprintf(name, sizeof name, "%.*s", (int)(close - open - 1), open + 1);
    if (sscanf(close + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return;
    struct bench_cpu *c = cpu_named(cpu, count, name);
    c->user_s += (double)user * tick_s;
    c->system_s += (double)system * tick_s;
}

size_t bench_child_cpu(const struct bench_child *c, struct bench_cpu cpu[BENCH_CPU_MAX]) {
    char path[320];
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/%d/task", (int)c->pid);
    DIR *tasks = opendir(path);
    memset(cpu, 0, BENCH_CPU_MAX * sizeof *cpu);
    for (struct dirent *task; tasks && (task = readdir(tasks));) {
        if (task->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/%d/task/%.32s/stat", (int)c->pid, task->d_name);
        FILE *file = fopen(path, "r");
        if (file) {
            add_thread(file, cpu, &count);
            fclose(file);
        }
    }
    if (tasks)
        closedir(tasks);
    return count;
}

void bench_child_report_cpu(struct bench *b, const struct bench_child *c, const struct bench_cpu before[BENCH_CPU_MAX],
                            double count, const char *of_what) {
    struct bench_cpu now[BENCH_CPU_MAX];
    char name[80];
    size_t threads = bench_child_cpu(c, now);
    for (size_t i = 0; i < threads; i++) {
        double user = now[i].user_s, system = now[i].system_s;
        for (size_t k = 0; k < BENCH_CPU_MAX; k++)
            if (strcmp(before[k].thread, now[i].thread) == 0) {
                user -= before[k].user_s;
                system -= before[k].system_s;
            }
        if ((user + system) / count < 0.02e-6)
            continue;
        snprintf(name, sizeof name, "CPU an %s, %.19s", of_what, now[i].thread);
        bench_value(b, name, "us", (user + system) / count * 1e6);
        snprintf(name, sizeof name, "CPU an %s, %.19s, system", of_what, now[i].thread);
        bench_value(b, name, "us", system / count * 1e6);
    }
}

void bench_child_memory(const struct bench_child *c, uint64_t *now, uint64_t *highest) {
    char path[64], line[256];
    unsigned long long kib;
    *now = *highest = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)c->pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (sscanf(line, "VmRSS: %llu", &kib) == 1)
            *now = kib << 10;
        if (sscanf(line, "VmHWM: %llu", &kib) == 1)
            *highest = kib << 10;
    }
    if (file)
        fclose(file);
}
