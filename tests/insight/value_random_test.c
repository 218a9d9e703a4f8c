/* value_random_test: random shops through the whole program against plain counting over the rows they were made of: lines of an order that arrive apart and
 * late, orders of equal times, customers that turn out to be one; in the delta, half compacted, compacted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/time.h"
#include "served_client.h"

#define SEED 3
#define ROUNDS 3
#define PEOPLE 40
#define ORDERS 160
#define LINES 500
#define ITEMS 6
#define DAY 86400LL
#define FIRST 1767225600LL /* 2026-01-01 */
#define DAYS 70
#define NOW "2026-03-12"
#define NOW_S (FIRST + 70 * DAY)

struct order {
    unsigned user, device; /* 0: none */
    int64_t time_s;
    bool any;       /* a line of it arrived */
    unsigned items; /* bits */
    uint64_t cents;
};

struct world {
    struct random random;
    struct order orders[ORDERS];
    unsigned lines[LINES][3];        /* order, item, cents */
    unsigned parent[2 * PEOPLE + 1]; /* identifiers: users, then devices */
    struct served served;
};

static unsigned root_of(struct world *w, unsigned i) {
    while (w->parent[i] != i)
        i = w->parent[i];
    return i;
}

static unsigned customer_of(struct world *w, const struct order *o) {
    return root_of(w, o->user ? o->user : PEOPLE + o->device);
}

static void make(struct world *w) {
    struct random *r = &w->random;
    for (unsigned i = 0; i <= 2 * PEOPLE; i++)
        w->parent[i] = i;
    for (unsigned i = 0; i < ORDERS; i++) {
        unsigned person = (unsigned)random_between(r, 1, PEOPLE);
        bool user = random_chance(r, 0.7);
        w->orders[i] = (struct order){.user = user ? person : 0, .device = user && random_chance(r, 0.7) ? 0 : person};
        w->orders[i].time_s = FIRST + random_below(r, DAYS * 2) * DAY / 2 +
                              (random_chance(r, 0.5) ? 0 : (int64_t)random_below(r, DAY / 2));
    }
    for (unsigned i = 0; i < LINES; i++) {
        unsigned o = (unsigned)random_below(r, ORDERS),
                 item = (unsigned)(random_below(r, ITEMS) * random_below(r, ITEMS) / (ITEMS - 1));
        w->lines[i][0] = o;
        w->lines[i][1] = item;
        w->lines[i][2] = (unsigned)random_between(r, 1, 9999);
    }
}

static void count_line(struct world *w, unsigned i) {
    struct order *o = &w->orders[w->lines[i][0]];
    o->any = true;
    o->items |= 1u << w->lines[i][1];
    o->cents += w->lines[i][2];
    if (o->user && o->device)
        w->parent[root_of(w, o->user)] = root_of(w, PEOPLE + o->device);
}

/* --- the program --- */

static void import(struct world *w, unsigned from, unsigned to) {
    const char *path = served_file(&w->served, "lines.csv");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "order,time,user,device,item,price,line\n");
    for (unsigned i = from; i < to; i++) {
        const struct order *o = &w->orders[w->lines[i][0]];
        char user[16] = "", device[16] = "";
        if (o->user)
            snprintf(user, sizeof user, "u%u", o->user);
        if (o->device)
            snprintf(device, sizeof device, "d%u", o->device);
        fprintf(file, "o%u,%lld,%s,%s,i%u,%u.%02u,%u\n", w->lines[i][0], (long long)o->time_s, user, device,
                w->lines[i][1], w->lines[i][2] / 100, w->lines[i][2] % 100, i);
        count_line(w, i);
    }
    assert_int_equal(fclose(file), 0);
    served_import(&w->served, path, "tests/insight/value/random.json");
}

static double figure(const char *csv, const char *head) {
    size_t size = strlen(head);
    for (const char *line = csv; line && *line; line = strchr(line, '\n'), line += line != NULL)
        if (strncmp(line, head, size) == 0)
            return strtod(line + size, NULL);
    fail_msg("no line begins with \"%s\" in:\n%s", head, csv);
    return NAN;
}

/* --- plain counting --- */

static void check_concentration(struct world *w) {
    uint64_t sums[2 * PEOPLE + 1] = {0}, whole = 0, orders = 0, customers = 0, most = 0;
    char head[64];
    for (unsigned i = 0; i < ORDERS; i++)
        if (w->orders[i].any) {
            sums[customer_of(w, &w->orders[i])] += w->orders[i].cents;
            whole += w->orders[i].cents;
            orders++;
        }
    for (unsigned i = 0; i <= 2 * PEOPLE; i++) {
        customers += sums[i] > 0;
        most = sums[i] > most ? sums[i] : most;
    }
    snprintf(head, sizeof head, "%llu,%llu,", (unsigned long long)customers, (unsigned long long)orders);
    const char *csv = served_table(&w->served, "concentration", "summary",
                                   "{\"orders\": \"order.items\", \"value\": \"price\", \"now\": \"" NOW "\"}");
    assert_true(fabs(figure(csv, head) - (double)whole / 100) < 0.001);
    csv = served_table(&w->served, "concentration", "top",
                       "{\"orders\": \"order.items\", \"value\": \"price\", \"shares\": [0.000001], \"now\": \"" NOW
                       "\"}");
    assert_true(fabs(figure(csv, "0.000001,1,") - (double)most / 100) < 0.001);
}

static void check_baskets(struct world *w) {
    const char *csv = served_table(&w->served, "basket", "sets",
                                   "{\"support\": 0.05, \"shortest\": 1, \"sets\": 100, \"now\": \"" NOW "\"}");
    unsigned baskets = 0, frequent = 0, shown = 0;
    for (unsigned i = 0; i < ORDERS; i++)
        baskets += w->orders[i].any;
    for (unsigned set = 1; set < 1u << ITEMS; set++) {
        unsigned count = 0;
        char head[80] = "";
        for (unsigned i = 0; i < ORDERS; i++)
            count += w->orders[i].any && (w->orders[i].items & set) == set;
        if (count < ceil(0.05 * baskets - 1e-9))
            continue;
        size_t at = 0;
        for (unsigned i = 0; i < ITEMS; i++)
            if (set >> i & 1)
                at += (size_t)snprintf(head + at, sizeof head - at, "%si%u", at ? " + " : "", i);
        at += (size_t)snprintf(head + at, sizeof head - at, ",%d,", __builtin_popcount(set));
        assert_int_equal((int)figure(csv, head), count);
        frequent++;
    }
    for (const char *line = strchr(csv, '\n'); line && line[1]; line = strchr(line + 1, '\n'))
        shown++;
    assert_int_equal(shown, frequent);
}

static void check_stages(struct world *w) {
    static const char *const names[] = {"no_order,", "new,", "active,", "dormant,", "lost,"};
    int64_t first[2 * PEOPLE + 1], last[2 * PEOPLE + 1];
    unsigned counts[5] = {0};
    const char *csv =
        served_table(&w->served, "lifecycle", "stages",
                     "{\"new\": \"10 days\", \"dormant\": \"15 days\", \"lost\": \"30 days\", \"now\": \"" NOW "\"}");
    memset(first, 0, sizeof first);
    memset(last, 0, sizeof last);
    for (unsigned i = 0; i < ORDERS; i++) {
        const struct order *o = &w->orders[i];
        unsigned c = customer_of(w, o);
        if (!o->any)
            continue;
        first[c] = first[c] == 0 || o->time_s < first[c] ? o->time_s : first[c];
        last[c] = o->time_s > last[c] ? o->time_s : last[c];
    }
    for (unsigned c = 0; c <= 2 * PEOPLE; c++) {
        int64_t silence = NOW_S - last[c];
        if (first[c])
            counts[silence > 30 * DAY ? 4 : silence > 15 * DAY ? 3 : NOW_S - first[c] <= 10 * DAY ? 1 : 2]++;
    }
    for (unsigned i = 1; i < 5; i++)
        assert_int_equal((int)figure(csv, names[i]), counts[i]);
}

static void check_series(struct world *w) {
    unsigned counts[DAYS + 1] = {0};
    const char *csv = served_table(&w->served, "series", "series", "{\"interval\": \"day\", \"now\": \"" NOW "\"}");
    for (unsigned i = 0; i < ORDERS; i++)
        counts[(w->orders[i].time_s - FIRST) / DAY] += w->orders[i].any;
    for (unsigned day = 0; day < DAYS; day++) {
        char head[TIME_TEXT_BYTES + 2];
        size_t size = time_format((FIRST + day * DAY) * 1000, head);
        head[size] = ',';
        head[size + 1] = 0;
        if (strstr(csv, head))
            assert_int_equal((int)figure(csv, head), counts[day]);
        else
            assert_int_equal(counts[day], 0);
    }
}

static void check(struct world *w) {
    check_concentration(w);
    check_baskets(w);
    check_stages(w);
    check_series(w);
}

static void random_shops_are_counted_as_plainly(void **state) {
    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct world w;
        struct fault fault = {0};
        memset(&w, 0, sizeof w);
        random_init(&w.random, SEED + round);
        print_message("seed %u\n", SEED + round);
        make(&w);
        served_open(&w.served, "value-random-test");
        import(&w, 0, LINES / 2);
        check(&w);
        if (engine_compact(w.served.server->engine, &fault))
            fail_msg("%s", fault.text);
        check(&w);
        import(&w, LINES / 2, LINES);
        check(&w);
        if (engine_compact(w.served.server->engine, &fault))
            fail_msg("%s", fault.text);
        check(&w);
        served_close(&w.served);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_shops_are_counted_as_plainly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
