/* paths_random_test: random customers as a file (rows out of order, rows of the same second, customers who turn out to be one) through the whole
 * program, against plain counting over the same rows: ways, nodes before a goal, shares of the first and last touch, channels used together. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "paths_rows_model.h"

#define STEPS 3
#define GAP_S 3600

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

/* --- lift: page0 seen is a trial, page1 one of those left out --- */

static bool lift_apart; /* only customers who saw one of the two at most are asked about */

/* 0, 1; 2: the row is in neither, or its customer not asked about. */
static unsigned arm_of(size_t row) {
    bool saw[2] = {false};
    if (rows[row].kind || rows[row].page > 1)
        return 2;
    for (size_t i = 0; i < row_count && lift_apart; i++)
        if (rows[i].customer == rows[row].customer && !rows[i].kind && rows[i].page < 2)
            saw[rows[i].page] = true;
    return saw[0] && saw[1] ? 2 : rows[row].page;
}

/* What a customer adds to the difference of goals a trial (or of who came to any), squared and added up: its standard error, squared. Rows are by
 * customer. */
static double variance(const double trials[2], const double goals[2], const double *within, bool any_goal) {
    double sum = 0, customers = 0;
    for (size_t from = 0, end; from < row_count; from = end) {
        double apart = 0;
        bool any = false;
        for (end = from; end < row_count && rows[end].customer == rows[from].customer; end++) {
            const unsigned arm = arm_of(end);
            if (arm > 1)
                continue;
            any = true;
            const double came = any_goal ? within[end] > 0 : within[end];
            apart += (arm ? -1 : 1) * (came - goals[arm] / trials[arm]) / trials[arm];
        }
        sum += apart * apart;
        customers += any;
    }
    return sum * customers / (customers - 1);
}

/* Wilson's bound of a share, below (-1) or above (1). */
static double wilson(double part, double whole, double side) {
    const double z = 1.959963984540054, p = part / whole;
    return (p + z * z / (2 * whole) + side * z * sqrt(p * (1 - p) / whole + z * z / (4 * whole * whole))) /
           (1 + z * z / whole);
}

/* Newcombe's of independent trials, as much wider as customers vary more than those would; and z as much nearer 0. */
static double check_interval(const char *csv, const double trials[2], const double successes[2], const double *within) {
    const double a = successes[0] / trials[0], b = successes[1] / trials[1];
    const double alone = a * (1 - a) / trials[0] + b * (1 - b) / trials[1],
                 pooled = (successes[0] + successes[1]) / (trials[0] + trials[1]),
                 wider = sqrt(fmax(1, variance(trials, successes, within, true) / alone)),
                 z = (a - b) / sqrt(pooled * (1 - pooled) * (1 / trials[0] + 1 / trials[1])) / wider;
    same(csv, "all", 6,
         a - b - wider * hypot(a - wilson(successes[0], trials[0], -1), wilson(successes[1], trials[1], 1) - b));
    same(csv, "all", 7,
         a - b + wider * hypot(wilson(successes[0], trials[0], 1) - a, b - wilson(successes[1], trials[1], -1)));
    same(csv, "all", 8, erfc(fabs(z) * M_SQRT1_2));
    return wider;
}

/* Returns how much wider than of independent trials the interval is. */
static double check_lift(unsigned hours) {
    static double within[ROWS];
    char definition[400];
    double trials[2] = {0}, successes[2] = {0}, goals[2] = {0};
    (void)snprintf(definition, sizeof definition,
                   "{\"reached\": \"seen where page = \\\"page0\\\"\", \"withheld\": \"seen where page = "
                   "\\\"page1\\\"\", \"goal\": \"bought\", \"within\": \"%u hours\"%s}",
                   hours,
                   lift_apart
                       ? ", \"population\": \"count(seen where page = \\\"page0\\\") = 0 or count(seen where page = "
                         "\\\"page1\\\") = 0\""
                       : "");
    memset(within, 0, sizeof within);
    for (size_t i = 0; i < row_count; i++) {
        const unsigned arm = arm_of(i);
        if (arm > 1)
            continue;
        for (size_t k = 0; k < row_count; k++)
            within[i] += rows[k].customer == rows[i].customer && rows[k].kind && rows[k].time_s > rows[i].time_s &&
                         rows[k].time_s <= rows[i].time_s + (int64_t)hours * 3600;
        trials[arm]++;
        successes[arm] += within[i] > 0;
        goals[arm] += within[i];
    }
    const char *csv = ask("lift", "lift", definition);
    same(csv, "all", 1, trials[0]);
    same(csv, "all", 2, successes[0] / trials[0]);
    same(csv, "all", 3, trials[1]);
    same(csv, "all", 4, successes[1] / trials[1]);
    same(csv, "all", 5, successes[0] / trials[0] - successes[1] / trials[1]);
    same(csv, "all", 10, goals[0] - goals[1] / trials[1] * trials[0]);
    const double each = goals[0] / trials[0] - goals[1] / trials[1],
                 error = sqrt(variance(trials, goals, within, false));
    same(csv, "all", 11, each);
    same(csv, "all", 12, each - 1.959963984540054 * error);
    same(csv, "all", 13, each + 1.959963984540054 * error);
    return check_interval(csv, trials, successes, within);
}

/* The longer the time, the more it is the customer and not the trial that a goal comes from; where everybody is in one arm, that shows. */
static void lift_is_as_counted(void **state) {
    double widest = 0;
    (void)state;
    for (unsigned hours = 6; hours < 2000; hours *= 6) {
        lift_apart = false;
        (void)check_lift(hours);
        lift_apart = true;
        widest = fmax(widest, check_lift(hours));
    }
    assert_true(widest > 1.1); /* or nothing was seen of it */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_are_as_counted),
        cmocka_unit_test(shares_are_as_counted),
        cmocka_unit_test(overlap_is_as_counted),
        cmocka_unit_test(lift_is_as_counted),
    };
    return cmocka_run_group_tests(tests, open_rows, close_rows);
}
