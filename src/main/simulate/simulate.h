/* simulate: a made-up retailer, for demonstrations, tests and published measurements.
 *
 * A Chinese omnichannel retailer of cosmetics, mother-and-baby goods and groceries (CNY, Asia/Shanghai) is played day
 * by day for a year, and every channel writes what it would write in life, in its own shape, with its own dirt. Because
 * the people are made up, the truth is known: who is behind each record, which traits and effects were planted, how
 * many records of which kind were soiled. docs/simulate.md lists the files, the rates and how to read the truth.
 *
 *     onefold simulate --seed 1 --customers 5000 --out demo
 *
 * Same seed, customers and days: the same bytes, on every machine. */
#ifndef ONEFOLD_MAIN_SIMULATE_H
#define ONEFOLD_MAIN_SIMULATE_H

#include "base/status.h"
#include "os/os.h"

/* The files written, in the order a company would load them: FEED_PRODUCTS, ... */
enum simulated_feed {
#define FEED(name, path, kind, source, encoding, mapping) FEED_##name,
#include "main/simulate/feeds.def"
#undef FEED
    FEED_COUNT
};

/* The kinds of planted dirt: DIRT_EXACT_REPEAT, ... */
enum dirt {
#define DIRT(name, text, rate, meaning) DIRT_##name,
#include "main/simulate/dirt.def"
#undef DIRT
    DIRT_COUNT
};

#define SIMULATE_CUSTOMERS_MAX 10000000
#define SIMULATE_DAYS_MAX 1095

struct simulate_options {
    uint64_t seed;
    size_t customers;   /* people, 1..SIMULATE_CUSTOMERS_MAX; about one in eight of them never identifies */
    int days;           /* ending with 2026-10-31 in Asia/Shanghai; 0 stands for 365; at most SIMULATE_DAYS_MAX */
    const char *folder; /* made where missing; files of the same names in it are replaced */
};

struct simulate_summary {
    size_t people;
    size_t families;
    uint64_t orders;              /* online orders and attributed receipts */
    uint64_t records[FEED_COUNT]; /* lines without the header */
    uint64_t bytes[FEED_COUNT];
    uint64_t dirt[DIRT_COUNT][FEED_COUNT];
};

/* Path of a file inside the folder ("web.ndjson"); its kind: "segment", "import" (has a mapping) or "truth". Static
 * text. */
const char *simulate_feed_path(enum simulated_feed feed);
const char *simulate_feed_kind(enum simulated_feed feed);
const char *simulate_dirt_name(enum dirt dirt);

/* Writes the whole folder. `out` may be NULL.
 * Errors: INVALID for options out of range; what os.h gives for files. Files written before a failure stay.
 * Thread: any, one per folder. Cost: about 0.2 s per 1,000 customers and year; memory about 4 KiB a customer. */
enum status simulate(struct os *os, const struct simulate_options *options, struct simulate_summary *out,
                     struct fault *fault) WARN_UNUSED;

/* `onefold simulate --seed S --customers N --out DIR [--days D]`: `argv` starts after the word simulate. Prints a table
 * of what was written. Returns the process's exit code: 0, 1 for a failure, 2 for wrong arguments. */
int simulate_command(int argc, char **argv);

#endif
