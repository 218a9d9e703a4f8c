/* paths_random_test: random customers as a file (rows out of order, rows of the same second, customers who turn out to be one) through the whole
 * program, against plain counting over the same rows: ways, nodes before a goal, shares of the first and last touch, channels used together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "served_client.h"

#define ROWS 3000
#define COOKIES 300
#define PAGES 5
#define CHANNELS 3
#define STEPS 3
#define GAP_S 3600

static const char mapping[] =
    "{\"name\": \"rows\", \"source\": \"rows\", \"format\": \"csv\", \"time_zone\": \"UTC\", \"record\": "
    "\"event\", \"type\": \"seen\", \"columns\": {\"id\": \"message_id\", \"event\": \"type\", \"time\": "
    "\"time\", \"cookie\": \"identifier cookie\", \"member\": \"identifier member_id\"}}";

struct row {
    int64_t time_s;
    uint32_t cookie, member; /* member 0: none */
    uint32_t customer;
    unsigned kind; /* 0: seen a page, 1: bought */
    unsigned page, channel;
    size_t place; /* in the file */
};

static struct row rows[ROWS];
static size_t row_count;
static uint64_t seed = 20261128;

/* --- the rows, and whose they are --- */

static uint32_t parent[2 * COOKIES + 2];
static uint32_t root_of(uint32_t i) { return parent[i] == i ? i : (parent[i] = root_of(parent[i])); }

static void make_rows(void) {
    struct random r;
    random_init(&r, seed);
    row_count = ROWS;
    for (uint32_t i = 0; i < sizeof parent / sizeof *parent; i++)
        parent[i] = i;
    for (size_t i = 0; i < ROWS; i++) {
        struct row *row = &rows[i];
        row->time_s = 1767268800 + (int64_t)random_below(&r, 400) * 600; /* few moments, so that many rows share one */
        row->cookie = 1 + (uint32_t)random_below(&r, COOKIES);
        row->member = random_below(&r, 12) == 0 ? 1 + row->cookie / 2 : 0; /* two cookies, one member: they are one */
        row->kind = random_below(&r, 6) == 0;
        row->page = (unsigned)random_below(&r, PAGES);
        row->channel = (unsigned)random_below(&r, CHANNELS);
        row->place = i;
        if (row->member)
            parent[root_of(row->cookie)] = root_of(COOKIES + row->member);
    }
    for (size_t i = 0; i < ROWS; i++)
        rows[i].customer = root_of(rows[i].cookie);
}

static void write_rows(const char *path) {
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "id,event,time,cookie,member,page,channel\n");
    for (size_t i = 0; i < ROWS; i++) {
        char member[32] = "";
        if (rows[i].member)
            snprintf(member, sizeof member, "m-%u", rows[i].member);
        fprintf(file, "r%zu,%s,%lld,c-%u,%s,page%u,ch%u\n", i, rows[i].kind ? "bought" : "seen",
                (long long)rows[i].time_s * 1000, rows[i].cookie, member, rows[i].page, rows[i].channel);
    }
    assert_int_equal(fclose(file), 0);
}

static int by_customer(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->customer != y->customer)
        return x->customer < y->customer ? -1 : 1;
    if (x->time_s != y->time_s)
        return x->time_s < y->time_s ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

/* --- the program --- */

static struct served served;

static int open_shop(void **state) {
    (void)state;
    served_open(&served, "paths-random-test");
    make_rows();
    write_rows(served_file(&served, "rows.csv"));
    if (os_write_file(os_real(), served_file(&served, "rows.json"), slice_text(mapping), &served.fault))
        fail_msg("%s", served.fault.text);
    char rows_path[128];
    snprintf(rows_path, sizeof rows_path, "%s", served_file(&served, "rows.csv"));
    assert_int_equal(served_import(&served, rows_path, served_file(&served, "rows.json")), ROWS);
    qsort(rows, ROWS, sizeof *rows, by_customer);
    return 0;
}

static int close_shop(void **state) {
    (void)state;
    served_close(&served);
    return 0;
}

static const char *ask(const char *kind, const char *table, const char *definition) {
    return served_table(&served, kind, table, definition);
}

/* Number `column` behind `head`; 0 where there is no such line. */
static double figure(const char *csv, const char *head, unsigned column) {
    size_t size = strlen(head);
    const char *line = csv;
    while (line && (strncmp(line, head, size) != 0 || line[size] != ',')) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return 0;
    for (line += size; column-- > 1;)
        line = strchr(line + 1, ',');
    return strtod(line + 1, NULL);
}

static void same(const char *csv, const char *head, unsigned column, double expected) {
    double got = figure(csv, head, column);
    if (fabs(got - expected) > 1e-9 * (1 + fabs(expected)))
        fail_msg("%s, column %u: got %g, counted %g (seed %llu)\n%s", head, column, got, expected,
                 (unsigned long long)seed, csv);
}

/* --- ways --- */

static void name_of(const struct row *row, char into[16]) {
    if (row->kind)
        snprintf(into, 16, "buy");
    else
        snprintf(into, 16, "page%u", row->page);
}

static size_t session_end(size_t from) {
    size_t end = from + 1;
    while (end < row_count && rows[end].customer == rows[from].customer &&
           rows[end].time_s - rows[end - 1].time_s <= GAP_S)
        end++;
    return end;
}

static void ways_are_as_counted(void **state) {
    static const char definition[] =
        "{\"events\": [{\"event\": \"seen\", \"node\": \"page\"}, {\"event\": \"bought\", \"name\": "
        "\"buy\"}], \"goal\": {\"event\": \"bought\", \"name\": \"buy\"}, \"session\": \"1 hour\", "
        "\"steps\": 3, \"nodes\": 20, \"paths\": 100000, \"collapse\": false}";
    static struct way {
        char path[64];
        double sessions, converted;
    } ways[1000];
    size_t way_count = 0, sessions = 0;
    double with[PAGES] = {0}, with_converted[PAGES] = {0}, converted_all = 0;
    (void)state;
    for (size_t from = 0, end; from < row_count; from = end) {
        char path[64] = "", name[16];
        bool converted = false, seen[PAGES] = {false};
        end = session_end(from);
        sessions++;
        for (size_t i = from; i < end && i < from + STEPS; i++) {
            name_of(&rows[i], name);
            snprintf(path + strlen(path), sizeof path - strlen(path), "%s%s", i > from ? " > " : "", name);
        }
        for (size_t i = from; i < end && !converted; i++) {
            converted = rows[i].kind;
            if (!converted)
                seen[rows[i].page] = true;
        }
        converted_all += converted;
        for (size_t k = 0; k < PAGES; k++) {
            with[k] += seen[k];
            with_converted[k] += seen[k] && converted;
        }
        size_t at = 0;
        while (at < way_count && strcmp(ways[at].path, path) != 0)
            at++;
        if (at == way_count)
            snprintf(ways[way_count++].path, sizeof ways[at].path, "%s", path);
        ways[at].sessions++;
        ways[at].converted += converted;
    }
    const char *csv = ask("path", "paths", definition);
    for (size_t i = 0; i < way_count; i++) {
        same(csv, ways[i].path, 1, ways[i].sessions);
        same(csv, ways[i].path, 3, ways[i].converted);
    }
    csv = ask("path", "key_nodes", definition);
    for (size_t k = 0; k < PAGES; k++) {
        char name[16];
        snprintf(name, sizeof name, "page%zu", k);
        same(csv, name, 1, with[k]);
        same(csv, name, 2, with_converted[k] / with[k]);
        same(csv, name, 3, (double)sessions - with[k]);
        same(csv, name, 4, (converted_all - with_converted[k]) / ((double)sessions - with[k]));
    }
}

/* --- shares of first and last touch within a day --- */

static void shares_are_as_counted(void **state) {
    static const char definition[] =
        "{\"touches\": \"seen\", \"channel\": \"channel\", \"conversions\": \"bought\", \"look_back\": \"1 "
        "day\", \"cut\": false, \"models\": [\"first\", \"last\", \"linear\"], \"paths\": 0}";
    double first[CHANNELS] = {0}, last[CHANNELS] = {0}, linear[CHANNELS] = {0}, bare = 0, all = 0;
    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        size_t count[CHANNELS] = {0}, touches = 0;
        const struct row *one = NULL, *other = NULL;
        if (!rows[i].kind)
            continue;
        for (size_t k = 0; k < row_count; k++)
            if (rows[k].customer == rows[i].customer && !rows[k].kind && rows[k].time_s <= rows[i].time_s &&
                rows[k].time_s >= rows[i].time_s - 86400) {
                one = one ? one : &rows[k];
                other = &rows[k];
                count[rows[k].channel]++;
                touches++;
            }
        all++;
        bare += touches == 0;
        if (touches == 0)
            continue;
        first[one->channel]++;
        last[other->channel]++;
        for (size_t c = 0; c < CHANNELS; c++)
            linear[c] += (double)count[c] / (double)touches;
    }
    const char *csv = ask("attribution", "conversions", definition);
    for (size_t c = 0; c < CHANNELS; c++) {
        char name[16];
        snprintf(name, sizeof name, "ch%zu", c);
        same(csv, name, 2, first[c]);
        same(csv, name, 3, last[c]);
        same(csv, name, 4, linear[c]);
    }
    char head[32];
    snprintf(head, sizeof head, "%g", all);
    same(ask("attribution", "coverage", definition), head, 1, all - bare);
}

/* --- channels used together --- */

static void overlap_is_as_counted(void **state) {
    static const char definition[] = "{\"touches\": \"seen\", \"channel\": \"channel\", \"goal\": \"bought\"}";
    static const char *const names[] = {"(none)", "ch0",       "ch1",       "ch0 + ch1",
                                        "ch2",    "ch0 + ch2", "ch1 + ch2", "ch0 + ch1 + ch2"};
    double customers[8] = {0}, buyers[8] = {0};
    (void)state;
    for (size_t from = 0, end; from < row_count; from = end) {
        unsigned set = 0;
        bool bought = false;
        for (end = from; end < row_count && rows[end].customer == rows[from].customer; end++) {
            set |= rows[end].kind ? 0 : 1u << rows[end].channel;
            bought = bought || rows[end].kind;
        }
        customers[set]++;
        buyers[set] += bought;
    }
    const char *csv = ask("cross_channel", "overlap", definition);
    for (size_t i = 0; i < 8; i++) {
        same(csv, names[i], 2, customers[i]);
        same(csv, names[i], 4, buyers[i]);
    }
}

/* --- lift: a page seen in ch0 is a trial, in ch1 one of those left out --- */

static void lift_is_as_counted(void **state) {
    static const char definition[] =
        "{\"reached\": \"seen where channel = \\\"ch0\\\"\", \"withheld\": \"seen where channel = "
        "\\\"ch1\\\"\", \"goal\": \"bought\", \"within\": \"6 hours\"}";
    double trials[2] = {0}, successes[2] = {0}, goals[2] = {0};
    (void)state;
    for (size_t i = 0; i < row_count; i++) {
        double within = 0;
        if (rows[i].kind || rows[i].channel > 1)
            continue;
        for (size_t k = 0; k < row_count; k++)
            within += rows[k].customer == rows[i].customer && rows[k].kind && rows[k].time_s > rows[i].time_s &&
                      rows[k].time_s <= rows[i].time_s + 6 * 3600;
        trials[rows[i].channel]++;
        successes[rows[i].channel] += within > 0;
        goals[rows[i].channel] += within;
    }
    const char *csv = ask("lift", "lift", definition);
    same(csv, "all", 1, trials[0]);
    same(csv, "all", 2, successes[0] / trials[0]);
    same(csv, "all", 3, trials[1]);
    same(csv, "all", 4, successes[1] / trials[1]);
    same(csv, "all", 5, successes[0] / trials[0] - successes[1] / trials[1]);
    same(csv, "all", 10, goals[0] - goals[1] / trials[1] * trials[0]);
    assert_true(figure(csv, "all", 6) < figure(csv, "all", 5) && figure(csv, "all", 5) < figure(csv, "all", 7));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_are_as_counted),
        cmocka_unit_test(shares_are_as_counted),
        cmocka_unit_test(overlap_is_as_counted),
        cmocka_unit_test(lift_is_as_counted),
    };
    return cmocka_run_group_tests(tests, open_shop, close_shop);
}
