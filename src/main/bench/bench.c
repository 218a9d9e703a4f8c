/* bench: the table of benches, reports as text and JSON, passing folders. */
#include "main/bench/bench.h"

#include <assert.h>
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"

#define PART(name, function, summary) int function(int argc, char **argv);
#include "main/bench/bench.def"

static const struct {
    const char *name;
    enum status (*run)(struct bench *b, int argc, char **argv, struct fault *fault);
    const char *summary;
} benches[] = {
#define BENCH(name, function, summary) {name, function, summary},
#include "main/bench/bench.def"
};
#define BENCH_COUNT (sizeof benches / sizeof benches[0])

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} parts[] = {
#define PART(name, function, summary) {name, function, summary},
#include "main/bench/bench.def"
};
#define PART_COUNT (sizeof parts / sizeof parts[0])

/* --- reports --- */

static double read_clock(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_now_s(void) { return read_clock(CLOCK_MONOTONIC); }

double bench_cpu_s(void) { return read_clock(CLOCK_PROCESS_CPUTIME_ID); }

/* 1234567.8 as "1,234,568"; small numbers keep digits that say something. */
static const char *number_text(double value, char text[40]) {
    char digits[40];
    if (value < 100)
        snprintf(text, 40, "%.*f", value < 1 ? 4 : 2, value);
    else {
        int size = snprintf(digits, sizeof digits, "%.0f", value), at = 0;
        for (int i = 0; i < size && at < 38; i++) {
            if (i && (size - i) % 3 == 0)
                text[at++] = ',';
            text[at++] = digits[i];
        }
        text[at] = 0;
    }
    return text;
}

static void say(const struct bench *b, const char *format, ...) PRINTF_LIKE(2, 3);
static void say(const struct bench *b, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (!b->quiet)
        vprintf(format, arguments);
    va_end(arguments);
    fflush(stdout);
}

void bench_begin(struct bench *b, const char *name) {
    say(b, "\n%s\n", name);
    json_key(&b->writer, name);
    json_object(&b->writer);
    json_key(&b->writer, "results");
    json_array(&b->writer);
}

void bench_end(struct bench *b) {
    json_end_array(&b->writer);
    json_end_object(&b->writer);
}

void bench_shape(struct bench *b, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    say(b, "  %s\n", text);
    json_object(&b->writer);
    json_member_cstring(&b->writer, "shape", text);
    json_end_object(&b->writer);
}

static int by_value(const void *a, const void *b) {
    const double *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

void bench_figure(struct bench *b, const struct bench_figure *f, double *values, size_t count) {
    char one[40], two[40], three[40];
    struct json_writer *w = &b->writer;
    assert(count > 0);
    qsort(values, count, sizeof *values, by_value);
    double median = count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
    double worst = f->better == BENCH_HIGHER ? values[0] : values[count - 1];
    bool met = f->better == BENCH_HIGHER ? median >= f->bar : median <= f->bar;
    say(b, "  %-34s %14s %s", f->name, number_text(median, one), f->unit);
    if (count > 1)
        say(b, "   worst of %zu: %s", count, number_text(worst, two));
    if (f->bar)
        say(b, "   bar %s %s: %s", f->better == BENCH_HIGHER ? ">=" : "<=", number_text(f->bar, three),
            met ? "met" : "MISSED");
    say(b, "\n");
    json_object(w);
    json_member_cstring(w, "figure", f->name);
    json_member_cstring(w, "unit", f->unit);
    json_member_real(w, "median", median);
    json_member_real(w, "worst", worst);
    json_member_integer(w, "repeats", (int64_t)count);
    if (f->bar) {
        json_member_real(w, f->better == BENCH_HIGHER ? "at_least" : "at_most", f->bar);
        json_member_bool(w, "met", met);
        b->missed_count += !met;
    }
    json_end_object(w);
}

void bench_value(struct bench *b, const char *name, const char *unit, double value) {
    char text[40];
    struct json_writer *w = &b->writer;
    say(b, "  %-34s %14s %s\n", name, number_text(value, text), unit);
    json_object(w);
    json_member_cstring(w, "value", name);
    json_member_cstring(w, "unit", unit);
    json_member_real(w, "is", value);
    json_end_object(w);
}

void bench_check(struct bench *b, const char *what, uint64_t expected, uint64_t got) {
    struct json_writer *w = &b->writer;
    say(b, "  %-34s %14llu %s", what, (unsigned long long)got,
        got == expected ? "as it must be\n" : "WRONG, expected ");
    if (got != expected)
        say(b, "%llu\n", (unsigned long long)expected);
    b->wrong_count += got != expected;
    json_object(w);
    json_member_cstring(w, "check", what);
    json_member_integer(w, "expected", (int64_t)expected);
    json_member_integer(w, "got", (int64_t)got);
    json_member_bool(w, "right", got == expected);
    json_end_object(w);
}

/* --- passing folders --- */

enum status bench_folder(struct bench *b, uint64_t need_bytes, struct fault *fault) {
    uint64_t free_bytes, total_bytes;
    assert(!b->folder[0]);
    enum status status = os_disk_space(b->os, b->dir, &free_bytes, &total_bytes, fault);
    if (status)
        return status;
    if (free_bytes < need_bytes)
        return fault_set(fault, STATUS_DISK_FULL,
                         "%s has %llu MiB free and this bench needs %llu; give another folder with --dir", b->dir,
                         (unsigned long long)(free_bytes >> 20), (unsigned long long)(need_bytes >> 20));
    int size = snprintf(b->folder, sizeof b->folder, "%s/onefold-bench-XXXXXX", b->dir);
    if (size >= (int)sizeof b->folder || !mkdtemp(b->folder)) {
        b->folder[0] = 0;
        return fault_set(fault, STATUS_IO, "no folder can be made under %s: %s", b->dir, strerror(errno));
    }
    return STATUS_OK;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)about, (void)kind, (void)place;
    return remove(path);
}

void bench_folder_remove(struct bench *b) {
    if (b->folder[0] && nftw(b->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS))
        fprintf(stderr, "onefold: %s was not removed whole: %s\n", b->folder, strerror(errno));
    b->folder[0] = 0;
}

static uint64_t walked_bytes; /* nftw has no context; benches run one at a time */

static int add_size(const char *path, const struct stat *about, int kind, struct FTW *place) {
    (void)path, (void)place;
    walked_bytes += kind == FTW_F ? (uint64_t)about->st_blocks * 512 : 0;
    return 0;
}

uint64_t bench_folder_bytes(const char *path) {
    walked_bytes = 0;
    nftw(path, add_size, 16, FTW_PHYS);
    return walked_bytes;
}

/* --- where and when --- */

static void machine_member(struct bench *b, const char *key, const char *text) {
    say(b, "%-8s %s\n", key, text);
    json_member_cstring(&b->writer, key, text);
}

static void find_processor(char *name, size_t size) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, size, "unknown");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "model name", 10) == 0 && strchr(line, ':')) {
            snprintf(name, size, "%.*s", (int)strcspn(strchr(line, ':') + 2, "\n"), strchr(line, ':') + 2);
            break;
        }
    if (file)
        fclose(file);
}

/* The commit measured, where this runs in the project's own folder. */
static bool find_commit(char *commit, size_t size) {
    if (access("src/main/bench/bench.def", R_OK))
        return false;
    FILE *git = popen("git describe --always --dirty 2>/dev/null", "r");
    bool found = git && fgets(commit, (int)size, git);
    if (git)
        found = pclose(git) == 0 && found;
    commit[found ? strcspn(commit, "\n") : 0] = 0;
    return found;
}

static void write_machine(struct bench *b) {
    char text[512], processor[128];
    struct utsname system;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    double memory_gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / (1 << 30);
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    text[time_format((int64_t)now.tv_sec * 1000, text)] = 0;
    machine_member(b, "date", text);
    if (find_commit(text, sizeof text))
        machine_member(b, "commit", text);
    uname(&system);
    find_processor(processor, sizeof processor);
    snprintf(text, sizeof text, "%s, %ld cores, %.0f GiB, %.64s %.64s", processor, cores, memory_gib, system.sysname,
             system.release);
    machine_member(b, "machine", text);
    double load = 0;
    if (getloadavg(&load, 1) == 1) {
        snprintf(text, sizeof text, "%.2f over the minute before", load);
        machine_member(b, "load", text);
    }
}

/* --- the command --- */

void bench_init(struct bench *b, struct os *os) {
    *b = (struct bench){.os = os, .program = "/proc/self/exe", .dir = "/tmp"};
    b->writer.out = &b->json;
}

void bench_release(struct bench *b) {
    bench_folder_remove(b);
    buffer_release(&b->json);
}

static int usage(FILE *to, int code) {
    fprintf(to, "usage: onefold bench NAME [--json] [--dir DIR] [--help] ...\n\nthe whole program (NAME all: every one "
                "of them)\n");
    for (size_t i = 0; i < BENCH_COUNT; i++)
        fprintf(to, "  %-15s %s\n", benches[i].name, benches[i].summary);
    fprintf(to, "\nits parts\n");
    for (size_t i = 0; i < PART_COUNT; i++)
        fprintf(to, "  %-15s %s\n", parts[i].name, parts[i].summary);
    return code;
}

/* Runs bench `i`, or all of them (-1). Options must be known before the first line is printed, so --json is looked for here. */
static int run(int i, int argc, char **argv) {
    struct bench b;
    struct fault fault = {0};
    enum status status = STATUS_OK;
    bench_init(&b, os_real());
    for (int k = 0; k < argc; k++)
        b.quiet = b.quiet || strcmp(argv[k], "--json") == 0;
    json_object(&b.writer);
    write_machine(&b);
    json_key(&b.writer, "benches");
    json_object(&b.writer);
    for (int k = i < 0 ? 0 : i; k <= (i < 0 ? (int)BENCH_COUNT - 1 : i) && !status; k++) {
        status = benches[k].run(&b, argc, argv, &fault);
        bench_folder_remove(&b);
        if (status)
            fprintf(stderr, "onefold: bench %s: %s\n", benches[k].name, fault.text);
    }
    json_end_object(&b.writer);
    json_end_object(&b.writer);
    if (b.quiet && !status)
        printf("%.*s\n", (int)b.json.size, b.json.data);
    if (b.wrong_count)
        fprintf(stderr, "onefold: %u answers are wrong; the figures mean nothing\n", b.wrong_count);
    int code = status || b.wrong_count ? 1 : 0;
    bench_release(&b);
    return code;
}

/* The options all benches share, for those that run together. */
static void check_common(int argc, char **argv) {
    struct bench b;
    bench_init(&b, os_real());
    const struct arg table[] = {BENCH_ARGS(&b), {0}};
    args_parse(argc, argv, "bench all [--json] [--dir DIR]", table, NULL, NULL);
}

int bench_command(int argc, char **argv) {
    if (argc < 1)
        return usage(stderr, 2);
    if (strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "help") == 0)
        return usage(stdout, 0);
    if (strcmp(argv[0], "all") == 0) {
        check_common(argc - 1, argv + 1);
        return run(-1, argc - 1, argv + 1);
    }
    for (size_t i = 0; i < BENCH_COUNT; i++)
        if (strcmp(argv[0], benches[i].name) == 0)
            return run((int)i, argc - 1, argv + 1);
    for (size_t i = 0; i < PART_COUNT; i++)
        if (strcmp(argv[0], parts[i].name) == 0)
            return parts[i].run(argc, argv);
    fprintf(stderr, "onefold: no such bench: %s\n\n", argv[0]);
    return usage(stderr, 2);
}
