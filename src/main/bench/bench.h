/* bench: measurements of the whole program, each against its bar, and one table of those of its parts (bench.def).
 *
 *     onefold bench ingest [--json] [--dir DIR] [its own options]
 *     onefold bench all --json        one JSON object with everything, for bench/results.json
 *
 * A bench says what it measures on which data, prints each figure with its bar as median and worst of its repeats, and checks
 * what was computed against what must come out. Where an answer is wrong the figures mean nothing, and the exit code is 1; a
 * missed bar is only said. Data is made up from a seed (bench_data.h), so every run measures the same bytes. */
#ifndef ONEFOLD_MAIN_BENCH_H
#define ONEFOLD_MAIN_BENCH_H

#include "base/json_write.h"
#include "main/args.h"
#include "os/os.h"

#define BENCH_REPEATS_MAX 64

struct bench {
    struct os *os;
    const char *program; /* what is started as the server: the running program itself, where nothing else is said */
    const char *dir;     /* where passing folders are made; default /tmp */
    bool quiet;          /* no text while running: --json */
    struct buffer json;  /* one member per bench run so far */
    struct json_writer writer;
    char folder[256]; /* the passing folder, "" for none */
    unsigned missed_count, wrong_count;
};

/* Rows that every bench's table of options begins with. */
#define BENCH_ARGS(b)                                                                                                  \
    {"json", ARG_FLAG, &(b)->quiet, "the result as one JSON object"}, {                                                \
        "dir", ARG_TEXT, &(b)->dir, "where its passing folder is made (/tmp)"                                          \
    }

/* What BENCH rows name: reads its options, measures, reports. Errors: what went wrong before there was a result. */
#define BENCH(name, function, summary)                                                                                 \
    enum status function(struct bench *b, int argc, char **argv, struct fault *fault) WARN_UNUSED;
#include "main/bench/bench.def"

/* --- reporting: begin, then shape, figures, values and checks in any order, then end --- */
void bench_begin(struct bench *b, const char *name);
void bench_end(struct bench *b);
/* What the data looks like and how it is measured; once per bench. */
void bench_shape(struct bench *b, const char *format, ...) PRINTF_LIKE(2, 3);
/* A figure that is repeated and compared. `values` are put in order. */
enum bench_better { BENCH_HIGHER, BENCH_LOWER };
struct bench_figure {
    const char *name, *unit;
    enum bench_better better;
    double bar; /* 0: none */
};
void bench_figure(struct bench *b, const struct bench_figure *figure, double *values, size_t count);
void bench_value(struct bench *b, const char *name, const char *unit, double value);
/* An answer, and what it must be. */
void bench_check(struct bench *b, const char *what, uint64_t expected, uint64_t got);

/* --- what benches share --- */
/* Makes a fresh passing folder under `dir`. Errors: DISK_FULL where fewer than `need_bytes` are free, IO. */
enum status bench_folder(struct bench *b, uint64_t need_bytes, struct fault *fault) WARN_UNUSED;
/* Removes it with all that is in it; nothing where there is none. */
void bench_folder_remove(struct bench *b);
uint64_t bench_folder_bytes(const char *path); /* of all files in it: what they take on disk */
double bench_now_s(void);
double bench_cpu_s(void); /* of this process: hardly changes when the machine does other work too */
void bench_init(struct bench *b, struct os *os);
void bench_release(struct bench *b);

/* `onefold bench`: argv starts after the word. */
int bench_command(int argc, char **argv);

#endif
