/* bench/fuzzy: records a minute of probabilistic matching: from a table in memory through normalising, training, blocking and scoring to
 * clusters, with the default rules. People are made up from a seed: names as common and as rare as names are (Zipf), and of
 * every four records one is another of a person who is there already, with the dirt of a real list: typos, missing values, moved
 * house, new phone, names swapped. The answer is checked against who is who. */
#include <stdlib.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

#include "base/random.h"
#include "identity/fuzzy_evaluate.h"
#include "identity/fuzzy_match.h"
#include "language/workers.h"
#include "main/bench/bench.h"

#define GIVEN 3000
#define FAMILY 40000
#define STREETS 20000
#define CITIES 600

enum value { V_GIVEN, V_FAMILY, V_BIRTH, V_EMAIL, V_PHONE, V_STREET, V_HOUSE, V_CITY, V_ZIP, VALUES };
static const char *const columns[VALUES] = {"first_name", "last_name",    "birthday", "email", "phone",
                                            "street",     "house_number", "city",     "zip"};

struct people {
    struct random random;
    struct fuzzy_table table;
    uint32_t *truth;
    char values[VALUES][64];
};

/* A word of one to four syllables that belongs to `number`. */
static void make_word(uint64_t number, uint64_t kind, char *into, size_t room) {
    static const char *const syllables[] = {
        "ba",  "der", "mil", "on",  "ka", "ste", "ri",  "van", "lo", "gers", "ann", "tu", "mar", "pel", "shi", "no",
        "wil", "ham", "fe",  "ber", "go", "lin", "dra", "sen", "ty", "qui",  "ros", "ju", "cle", "nor", "eck", "za"};
    struct random r;
    random_init(&r, number * 7 + kind);
    size_t size = 0;
    for (uint64_t n = 2 + random_below(&r, 2); n > 0; n--)
        size += (size_t)snprintf(into + size, room - size, "%s", syllables[random_below(&r, 32)]);
}

/* Ranks with a frequency of about one over the rank. */
static uint64_t zipf(struct random *r, double most) { return (uint64_t)(pow(most, random_unit(r))) - 1; }

static void make_person(struct people *p) {
    struct random *r = &p->random;
    char word[40];
    make_word(zipf(r, GIVEN), 1, p->values[V_GIVEN], 64);
    make_word(zipf(r, FAMILY), 2, p->values[V_FAMILY], 64);
    snprintf(p->values[V_BIRTH], 64, "%04d-%02d-%02d", (int)random_between(r, 1935, 2008),
             (int)random_between(r, 1, 12), (int)random_between(r, 1, 28));
    snprintf(p->values[V_EMAIL], 64, "%.12s%.3s%d@mail%d.com", p->values[V_FAMILY], p->values[V_GIVEN],
             (int)random_below(r, 1000), (int)random_below(r, 20));
    snprintf(p->values[V_PHONE], 64, "555%08d", (int)random_below(r, 100000000));
    make_word(random_below(r, STREETS), 3, word, sizeof word);
    snprintf(p->values[V_STREET], 64, "%s street", word);
    snprintf(p->values[V_HOUSE], 64, "%d", (int)random_between(r, 1, 250));
    uint64_t city = zipf(r, CITIES);
    make_word(city, 4, p->values[V_CITY], 64);
    snprintf(p->values[V_ZIP], 64, "%05d", (int)(10000 + city * 20 + random_below(r, 20)));
}

static void misspell(struct random *r, char *text) {
    size_t size = strlen(text), at = size > 1 ? random_below(r, size - 1) : 0;
    char swap = text[at];
    if (size < 2)
        return;
    if (random_below(r, 2)) {
        text[at] = text[at + 1];
        text[at + 1] = swap;
    } else if (random_below(r, 2)) {
        memmove(text + at, text + at + 1, size - at);
    } else {
        text[at] =
            text[at] >= '0' && text[at] <= '9' ? (char)('0' + random_below(r, 10)) : (char)('a' + random_below(r, 26));
    }
}

/* The person as another list has them. */
static void add_record(struct people *p, uint32_t person, bool dirty) {
    struct random *r = &p->random;
    char changed[VALUES][64];
    size_t record = fuzzy_table_record(&p->table, 0);
    memcpy(changed, p->values, sizeof changed);
    p->truth[record] = person;
    if (dirty && random_chance(r, 0.1)) { /* moved */
        snprintf(changed[V_HOUSE], 64, "%d", (int)random_between(r, 1, 250));
        make_word(random_below(r, STREETS), 3, changed[V_STREET], 64);
    }
    if (dirty && random_chance(r, 0.15))
        snprintf(changed[V_PHONE], 64, "555%08d", (int)random_below(r, 100000000));
    bool swapped = dirty && random_chance(r, 0.01);
    for (size_t v = 0; v < VALUES; v++) {
        char *text = changed[swapped && v == V_GIVEN ? V_FAMILY : swapped && v == V_FAMILY ? V_GIVEN : v];
        if (dirty && random_chance(r, 0.06))
            misspell(r, text);
        struct fuzzy_column *c = fuzzy_table_column(&p->table, slice_text(columns[v]));
        if (!random_chance(r, v == V_EMAIL || v == V_PHONE ? 0.25 : 0.03))
            fuzzy_table_set(&p->table, c, record, slice_text(text));
    }
}

static void make_people(struct people *p, size_t records, uint64_t seed) {
    uint32_t person = 0;
    random_init(&p->random, seed);
    p->truth = memory_get(records + 1, sizeof *p->truth);
    while (p->table.record_count < records) {
        make_person(p);
        add_record(p, ++person, false);
        while (p->table.record_count < records && random_chance(&p->random, 0.25))
            add_record(p, person, true);
    }
}

static double memory_mib(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

enum status bench_fuzzy(struct bench *b, int argc, char **argv, struct fault *fault) {
    uint64_t records = 1000000, workers = 2, seed = 1;
    struct people p = {0};
    struct fuzzy_rules rules;
    struct fuzzy_match m;
    struct fuzzy_quality q;
    const struct arg table[] = {BENCH_ARGS(b),
                                {"records", ARG_NUMBER, &records, "records (1000000)"},
                                {"workers", ARG_NUMBER, &workers, "threads (2)"},
                                {"seed", ARG_NUMBER, &seed, "of the people (1)"},
                                {0}};
    args_parse(argc, argv, "bench fuzzy [--records N] [--workers N]", table, NULL, NULL);
    if (records < 100 || records > 100000000 || workers < 1 || workers > WORKERS_MAX)
        return fault_set(fault, STATUS_INVALID, "records are 100 to 100000000, workers 1 to %d", WORKERS_MAX);
    bench_begin(b, "fuzzy");
    bench_shape(b,
                "%llu records of simulated people, nine columns, one in four another record of somebody, with dirt; "
                "default rules, %llu "
                "workers, from the table in memory to clusters",
                (unsigned long long)records, (unsigned long long)workers);
    make_people(&p, records, seed);
    double table_mib = memory_mib(), began = bench_now_s(), cpu = bench_cpu_s();
    fuzzy_rules_init(&rules);
    struct fuzzy_options options = {.workers = (unsigned)workers, .run = workers_run};
    enum status status = fuzzy_match_run(&p.table, &rules, &options, &m, fault);
    double took = bench_now_s() - began, took_cpu = bench_cpu_s() - cpu;
    if (!status) {
        double rate = (double)records / took * 60;
        fuzzy_evaluate(p.truth, m.clusters, records, NULL, &q);
        bench_figure(b, &(struct bench_figure){"records a minute", "", BENCH_HIGHER, 1e6}, &rate, 1);
        bench_value(b, "records a CPU minute", "", (double)records / took_cpu * 60);
        bench_value(b, "pairs compared a second", "", (double)m.compared_count / took);
        bench_value(b, "pairs compared a record", "", (double)m.compared_count / (double)records);
        bench_value(b, "memory, most", "MiB", memory_mib());
        bench_value(b, "of it the table of records", "MiB", table_mib);
        bench_value(b, "precision of pairs", "", q.precision);
        bench_value(b, "recall of pairs", "", q.recall);
        bench_check(b, "F1 of pairs at least 0.9", 1, q.f1 >= 0.9);
    }
    bench_end(b);
    fuzzy_match_release(&m);
    fuzzy_table_release(&p.table);
    free(p.truth);
    return status;
}
