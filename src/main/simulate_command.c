/* simulate_command: `onefold simulate`, and the table it prints. */
#include <stdio.h>
#include <string.h>

#include "main/args.h"
#include "main/simulate/simulate.h"

static void print_summary(const struct simulate_summary *s, uint64_t elapsed_ms) {
    uint64_t records = 0, bytes = 0;
    printf("%-24s %12s %12s\n", "file", "records", "bytes");
    for (enum simulated_feed feed = 0; feed < FEED_COUNT; feed++) {
        bool truth = strcmp(simulate_feed_kind(feed), "truth") == 0;
        printf("%-24s %12llu %12llu\n", simulate_feed_path(feed), (unsigned long long)s->records[feed],
               (unsigned long long)s->bytes[feed]);
        records += truth ? 0 : s->records[feed];
        bytes += truth ? 0 : s->bytes[feed];
    }
    printf("%-24s %12llu %12llu\n", "without truth", (unsigned long long)records, (unsigned long long)bytes);
    printf("%zu people, %zu families, %llu orders, in %llu ms\n", s->people, s->families, (unsigned long long)s->orders,
           (unsigned long long)elapsed_ms);
}

int simulate_command(int argc, char **argv) {
    uint64_t seed = 1, customers = 5000, days = 365;
    const char *folder = NULL;
    const struct arg table[] = {
        {"out", ARG_TEXT, &folder, "folder to write, made where missing"},
        {"seed", ARG_NUMBER, &seed, "same seed, same bytes (1)"},
        {"customers", ARG_NUMBER, &customers, "people (5000)"},
        {"days", ARG_NUMBER, &days, "days, the last of them 2026-10-31 (365)"},
        {NULL, ARG_FLAG, NULL, NULL},
    };
    struct simulate_summary summary;
    struct fault fault = {0};
    args_parse(argc, argv, "simulate --out DIR [--seed S] [--customers N] [--days D]", table, NULL, NULL);
    if (!folder || days < 1 || days > SIMULATE_DAYS_MAX) {
        fprintf(stderr, "onefold simulate: %s\n",
                folder ? "--days must be 1 to 1095" : "--out says which folder to write; there is no default");
        return 2;
    }
    struct simulate_options options = {seed, (size_t)customers, (int)days, folder};
    uint64_t start = os_monotonic_ns(os_real());
    if (simulate(os_real(), &options, &summary, &fault) != STATUS_OK) {
        fprintf(stderr, "onefold simulate: %s\n", fault.text);
        return 1;
    }
    print_summary(&summary, (os_monotonic_ns(os_real()) - start) / 1000000);
    return 0;
}
