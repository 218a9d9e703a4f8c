/* bench/insight: each kind of analysis over a year of a shop, through insight_run (definition in, tables out), against the best SQL for it on the
 * same rows in the same run; answers are compared by three numbers each.
 *
 * On paper: an analysis reads the times of its rows, four bytes each, and codes of a byte where it splits: 150 MB of 50 M events, 8 ms at
 * 20 GB/s. What is left is work a row: some ns for steps, a set of intervals, a cell. Bars: ten times faster than the faster of ClickHouse and
 * DuckDB; the first result, with nothing warm but the files, within a second. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "insight/insight.h"
#include "language/check.h"
#include "main/bench/memory.h"
#include "main/bench/shop.h"

#define ROW_BYTES_MAX 64
#define FIRST_BAR_MS 1000
#define BASE_DAY 20089 /* 2025-01-01 */
#define BASE_WEEK 2870 /* Monday weeks since 1970: of that day */

/* --- SQL that the table's rows are made of --- */
#define CH_FUNNEL "windowFunnel(604800)(time, event = 'view', event = 'add', event = 'order') AS level"
#define CH_LEVELS(q)                                                                                                   \
    "SELECT countIf(level >= 1) AS v1, countIf(level >= 2) AS v2, countIf(level >= 3) AS v3 FROM (" q ")"
#define DUCK_LEVELS(q)                                                                                                 \
    "SELECT count(*) FILTER (level >= 1) AS v1, count(*) FILTER (level >= 2) AS v2, count(*) FILTER (level >= 3) AS "  \
    "v3 FROM (" q ")"
#define DUCK_FUNNEL_JOIN                                                                                               \
    "SELECT customer, max(level) AS level FROM (SELECT customer, 1 AS level FROM events WHERE event = 'view' UNION "   \
    "ALL SELECT customer, 2 FROM (SELECT a.customer, a.time - v.time AS took FROM (SELECT customer, time FROM events " \
    "WHERE event = 'add') a ASOF JOIN (SELECT customer, time FROM events WHERE event = 'view') v ON a.customer = "     \
    "v.customer AND a.time > v.time) WHERE took <= 604800 UNION ALL SELECT o.customer, 3 FROM orders o ASOF JOIN "     \
    "(SELECT a.customer, a.time, v.time AS began FROM (SELECT customer, time FROM events WHERE event = 'add') a ASOF " \
    "JOIN (SELECT customer, time FROM events WHERE event = 'view') v ON a.customer = v.customer AND a.time > v.time) " \
    "a ON o.customer = a.customer AND o.time > a.time WHERE o.time - a.began <= 604800) GROUP BY customer"
#define DUCK_FUNNEL_WINDOW                                                                                             \
    "SELECT customer, max(CASE WHEN event = 'order' AND time - added <= 604800 THEN 3 WHEN event = 'add' AND time - "  \
    "viewed <= 604800 THEN 2 WHEN event = 'view' THEN 1 ELSE 0 END) AS level FROM (SELECT customer, event, time, "     \
    "viewed, max(CASE WHEN event = 'add' THEN viewed END) OVER (PARTITION BY customer ORDER BY time) AS added FROM "   \
    "(SELECT customer, event, time, max(CASE WHEN event = 'view' THEN time END) OVER (PARTITION BY customer ORDER BY " \
    "time) AS viewed FROM events WHERE event != 'page')) GROUP BY customer"

#define CH_WEEK "intDiv(intDiv(toUInt32(time), 86400) + 3, 7) - 2870"
#define DUCK_WEEK "(time // 86400 + 3) // 7 - 2870"
#define CH_COUNT(k) "countIf(bitTest(m, " #k ")) AS c" #k
#define DUCK_COUNT(k) "count(*) FILTER ((m >> " #k ") & 1 = 1) AS c" #k
#define TWELVE(C)                                                                                                      \
    C(0)                                                                                                               \
    ", " C(1) ", " C(2) ", " C(3) ", " C(4) ", " C(5) ", " C(6) ", " C(7) ", " C(8) ", " C(9) ", " C(10) ", " C(       \
        11) ", " C(12)
#define COHORTS(q)                                                                                                     \
    "SELECT sum(c0) AS v1, sum(x) AS v2, sum(x * (first + 1)) AS v3 FROM (SELECT first, c0, c0 + 2 * c1 + 3 * c2 + 4 " \
    "* c3 + 5 * c4 + 6 * c5 + 7 * c6 + 8 * c7 + 9 * c8 + 10 * c9 + 11 * c10 + 12 * c11 + 13 * c12 AS x FROM (" q "))"
#define PAIRS(q)                                                                                                       \
    "SELECT sum(CASE WHEN k = 0 THEN c ELSE 0 END) AS v1, sum(c * (k + 1)) AS v2, sum(c * (k + 1) * (first + 1)) AS "  \
    "v3 FROM (" q ") WHERE k <= 12"

#define CH_DAY "intDiv(toUInt32(time), 86400) - 20089"
#define DUCK_DAY "time // 86400 - 20089"
#define CH_DAY_CHANNEL                                                                                                 \
    "(d + 1) * (CASE channel WHEN 'app' THEN 1 WHEN 'web' THEN 2 WHEN 'mini program' THEN 3 ELSE 4 END)"
/* Day and channel as one small number, which ClickHouse groups by without hashing; with the customer in one of 64 bits, for DuckDB. Grouping by
 * customer, day and channel is slow there: in order of the customer it looks at few rows at a time. */
#define CH_CELL "toUInt16((intDiv(toUInt32(time), 86400) - 20089) * 4 + toInt8(channel))"
#define CH_CELL_WEIGHT "(intDiv(k, 4) + 1) * (k % 4 + 1)"
#define DUCK_CELL                                                                                                      \
    "customer::UBIGINT * 2048 + (time // 86400 - 20089) * 4 + CASE channel WHEN 'app' THEN 0 WHEN 'web' THEN 1 WHEN "  \
    "'mini program' THEN 2 ELSE 3 END"
#define DUCK_CELL_WEIGHT "(k // 4 + 1) * (k % 4 + 1)"
#define TREND(weight, q) "SELECT sum(c) AS v1, sum(u) AS v2, sum(u * " weight ") AS v3 FROM (" q ")"

/* Ways by sessions: how many in all, how many different, the sum of squares. A way's nodes are an array, or digits of a number. */
#define WAYS_OF(q)                                                                                                     \
    "SELECT sum(c) AS v1, count(*) AS v2, sum(c * c) AS v3 FROM (SELECT p, count(*) AS c FROM (" q ") GROUP BY p)"
#define CH_SESSIONS(ordered)                                                                                           \
    "SELECT arraySlice(arrayCompact(s), 1, 5) AS p FROM (SELECT arraySplit((e, d) -> d > 1800, es, arrayDifference("   \
    "ts)) AS ss FROM (" ordered ")) ARRAY JOIN ss AS s"
#define DUCK_SESSIONS                                                                                                  \
    "SELECT sum(code << (3 * (k - 1))) AS p FROM (SELECT customer, s, code, row_number() OVER (PARTITION BY "          \
    "customer, "                                                                                                       \
    "s ORDER BY time) AS k FROM (SELECT customer, time, code, sum(n) OVER (PARTITION BY customer ORDER BY time) AS s " \
    "FROM (SELECT customer, time, event, before, CASE event WHEN 'page' THEN 1 WHEN 'view' THEN 2 WHEN 'add' THEN 3 "  \
    "ELSE 4 END::BIGINT AS code, CASE WHEN time - t0 <= 1800 THEN 0 ELSE 1 END AS n FROM (SELECT customer, time, "     \
    "event, lag(time) OVER w AS t0, lag(event) OVER w AS before FROM events WINDOW w AS (PARTITION BY customer ORDER " \
    "BY time))) WHERE n = 1 OR event != before)) WHERE k <= 5 GROUP BY customer, s"

/* Shares of the touches in the 30 days before an order, weighed by the channel's number: value by the last, orders by the first, equally. */
#define CHANNEL_OF(x) "(CASE " x " WHEN 'app' THEN 1 WHEN 'web' THEN 2 WHEN 'mini program' THEN 3 ELSE 4 END)"
#define CH_CREDIT(from)                                                                                                \
    "SELECT sum(o.2 * p[-1].2) AS v1, sum(p[1].2) AS v2, toUInt64(round(sum(arraySum(x -> x.2, p) / length(p)))) AS "  \
    "v3 FROM (SELECT o, arrayFilter(x -> x.1 <= o.1 AND x.1 >= o.1 - 2592000, ts) AS p FROM (" from                    \
    ") ARRAY JOIN os AS o WHERE notEmpty(p))"
#define CH_TOUCHES                                                                                                     \
    "SELECT arraySort(groupArrayIf((toInt64(time), toUInt64" CHANNEL_OF(                                               \
        "channel") "), event IN ('page', 'view'))) AS "                                                                \
                   "ts, groupArrayIf((toInt64(time), toUInt64(cents)), event = 'order') AS os FROM events WHERE "
#define JOINED_CREDIT(weight)                                                                                          \
    "SELECT sum(cents * last) AS v1, sum(first) AS v2, round(sum(w / n)) AS v3 FROM (SELECT o.customer, o.time, "      \
    "max(o.cents) AS cents, argMin(" weight ", e.time) AS first, argMax(" weight ", e.time) AS last, sum(" weight      \
    ") AS w, count(*) AS n FROM orders o JOIN events e ON e.customer = o.customer WHERE e.event IN ('page', 'view') "  \
    "AND e.time <= o.time AND e.time >= o.time - 2592000 GROUP BY o.customer, o.time)"

/* --- the same three numbers out of our answers --- */

typedef void values_function(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]);

static uint64_t whole(const struct answer_table *t, size_t row, const char *column) {
    struct answer_cell cell = answer_at(t, row, column);
    return cell.missing ? 0 : (uint64_t)cell.number.integer;
}

/* Of a text that is a date: days since the shop's first. */
static int64_t day_of(const struct answer_table *t, size_t row, const char *column) {
    int64_t ms = 0;
    bool zoned;
    if (time_parse_iso(answer_at(t, row, column).text, &ms, &zoned))
        return -1;
    return ms / DAY_MS - BASE_DAY;
}

static void funnel_values(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]) {
    const struct answer_table *t = answer_find(answer, "steps");
    for (size_t i = 0; i < 3; i++)
        values[i] = whole(t, i, "customers");
}

static void retention_values(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]) {
    static const char *const columns[] = {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"};
    const struct answer_table *t = answer_find(answer, "customers");
    for (size_t row = 0; row + 1 < answer_rows(t); row++) { /* the last is "all" */
        int64_t week = (day_of(t, row, "cohort") + BASE_DAY + 3) / 7 - BASE_WEEK;
        values[0] += whole(t, row, "size");
        for (uint64_t k = 0; k <= 12; k++) {
            uint64_t count = whole(t, row, columns[k]) * (k + 1);
            values[1] += count;
            values[2] += count * (uint64_t)(week + 1);
        }
    }
}

static void trend_values(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]) {
    const struct answer_table *t = answer_find(answer, "trend");
    for (size_t row = 0; row < answer_rows(t); row++) {
        uint64_t channel = 0, day = (uint64_t)(day_of(t, row, "day") + 1), customers = whole(t, row, "customers");
        while (channel < SHOP_CHANNELS && !slice_is(answer_at(t, row, "group").text, shop_channels[channel]))
            channel++;
        values[0] += whole(t, row, "views");
        values[1] += customers;
        values[2] += customers * day * (channel + 1);
    }
}

/* Distinct ways with how many sessions took them: how many in all, how many different, and the sum of squares. */
static void path_values(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]) {
    const struct answer_table *t = answer_find(answer, "paths");
    values[1] = answer_rows(t);
    for (size_t row = 0; row < answer_rows(t); row++) {
        uint64_t sessions = whole(t, row, "sessions");
        values[0] += sessions;
        values[2] += sessions * sessions;
    }
}

/* Of all channels, weighed by the channel's number: value by the last touch, conversions by the first, and shared equally. */
static void attribution_values(const struct answer *answer, uint64_t values[SHOP_VALUES_MAX]) {
    const struct answer_table *t = answer_find(answer, "conversions"), *money = answer_find(answer, "value");
    double last = 0, linear = 0;
    for (size_t row = 0; row < answer_rows(t); row++) {
        uint64_t channel = 0;
        while (channel < SHOP_CHANNELS && !slice_is(answer_at(t, row, "channel").text, shop_channels[channel]))
            channel++;
        last += number_as_real(answer_at(money, row, "last").number) * (double)(channel + 1);
        values[1] += (uint64_t)llround(number_as_real(answer_at(t, row, "first").number)) * (channel + 1);
        linear += number_as_real(answer_at(t, row, "linear").number) * (double)(channel + 1);
    }
    values[0] = (uint64_t)llround(last * 100);
    values[2] = (uint64_t)llround(linear);
}

/* --- the table --- */

#define WAYS(...)                                                                                                      \
    { __VA_ARGS__ }
#define QUESTION(name, kind, definition, values, chdb, duckdb) {#name, {chdb, duckdb}},
static const struct shop_question questions[] = {
#include "main/bench/insight.def"
};
#undef QUESTION
#define QUESTION(name, kind, definition, values, chdb, duckdb) {kind, definition, values},
static const struct {
    const char *kind, *definition;
    values_function *values;
} ours[] = {
#include "main/bench/insight.def"
};
#define QUESTIONS (sizeof questions / sizeof *questions)

#define DUCK_VALUES "v1::UBIGINT, v2::UBIGINT, v3::UBIGINT"
static const struct shop_asked asked = {
    {"v1, v2, v3", DUCK_VALUES},
    {"v1, v2, v3", DUCK_VALUES},
    {[SHOP_CUSTOMERS] = true, [SHOP_RELATIONS] = true, [SHOP_ITEMS] = true},
};

struct measured {
    double first_ms, times_ms[BENCH_REPEATS_MAX];
    uint64_t values[SHOP_VALUES_MAX], again[SHOP_VALUES_MAX]; /* of the first run and the last */
};

struct insight_bench {
    struct bench *bench;
    struct shop shop;
    struct shop_store store;
    uint64_t rounds, workers;
    const char *peers, *only, *kept;
    struct shop_question asked[QUESTIONS];
    struct measured measured[QUESTIONS];
    struct shop_peers *others; /* NULL: none */
    struct shop_peer_answer answers[QUESTIONS * SHOP_PEERS];
};

static enum status begin_peers(struct insight_bench *b, struct fault *fault) {
    char why[256];
    if (strcmp(b->peers, "no") == 0)
        return STATUS_OK;
    if (!shop_peers_there(why)) {
        bench_shape(b->bench, "without ClickHouse and DuckDB: %s", why);
        return STATUS_OK;
    }
    return shop_peers_begin(b->bench, &b->shop, &asked, b->asked, QUESTIONS, (unsigned)b->rounds, b->kept, &b->others,
                            fault);
}

/* One run, from the definition's text to the tables. */
static enum status run_once(const struct insight_bench *b, size_t i, double *ms, uint64_t *values,
                            struct fault *fault) {
    const struct vocabulary vocabulary = {.dictionary = b->store.dictionary, .zone = zone_utc(), .week_start = 1};
    const struct insight insight = {.vocabulary = &vocabulary,
                                    .outside = {.history = b->store.history, .identity = b->store.identity},
                                    .now_ms = SHOP_NOW_S * 1000LL,
                                    .workers = (unsigned)b->workers};
    struct json_parser *parser = json_parser_create();
    const struct json *definition;
    double began = bench_now_s();
    struct answer *answer = answer_create();
    enum status status = json_parse(parser, slice_text(ours[i].definition), false, &definition, fault);
    if (!status)
        status = insight_run(&insight, insight_find(slice_text(ours[i].kind)), parser, definition, answer, fault);
    *ms = (bench_now_s() - began) * 1e3;
    memset(values, 0, SHOP_VALUES_MAX * sizeof *values);
    if (!status)
        ours[i].values(answer, values);
    answer_free(answer);
    json_parser_free(parser);
    return status;
}

static enum status measure(struct insight_bench *b, size_t i, struct fault *fault) {
    struct measured *m = &b->measured[i];
    enum status status = run_once(b, i, &m->first_ms, m->values, fault);
    for (uint64_t round = 0; round < b->rounds && !status; round++)
        status = run_once(b, i, &m->times_ms[round], m->again, fault);
    return status;
}

static void report(struct insight_bench *b, size_t i) {
    struct measured *m = &b->measured[i];
    char what[96];
    for (int v = 0; v < SHOP_VALUES_MAX; v++) {
        (void)snprintf(what, sizeof what, "%s: value %d, first and last run", questions[i].name, v + 1);
        bench_check(b->bench, what, m->values[v], m->again[v]);
    }
    (void)snprintf(what, sizeof what, "%s: first result", questions[i].name);
    bench_figure(b->bench, &(struct bench_figure){what, "ms", BENCH_LOWER, FIRST_BAR_MS}, &m->first_ms, 1);
    (void)snprintf(what, sizeof what, "%s", questions[i].name);
    bench_figure(b->bench, &(struct bench_figure){what, "ms", BENCH_LOWER, 0}, m->times_ms, b->rounds);
    if (b->others)
        shop_peers_report(b->bench, &questions[i], &b->answers[i * SHOP_PEERS], m->times_ms[b->rounds / 2], m->values,
                          SHOP_VALUES_MAX);
}

/* What can be counted plainly is: the funnel; the rest is held to the peers and to its own tests. */
static void check_funnel(struct insight_bench *b) {
    uint64_t expected[SHOP_VALUES_MAX] = {0}, values[SHOP_VALUES_MAX];
    struct shop_customer c;
    double ms;
    struct fault fault;
    for (uint32_t number = 1; number <= b->shop.customers; number++) {
        shop_customer(&b->shop, number, &c);
        for (unsigned step = shop_steps(&c, 7 * SHOP_DAY_S); step > 0; step--)
            expected[step - 1]++;
    }
    if (run_once(b, 0, &ms, values, &fault))
        return;
    for (int v = 0; v < SHOP_VALUES_MAX; v++)
        bench_check(b->bench, "funnel, counted plainly", expected[v], values[v]);
}

static enum status run(struct insight_bench *b, struct fault *fault) {
    memcpy(b->asked, questions, sizeof b->asked);
    for (size_t i = 0; i < QUESTIONS; i++)
        if (b->only && strcmp(b->only, questions[i].name) != 0)
            b->asked[i].name = NULL;
    enum status status = begin_peers(b, fault); /* first: in processes that begin small */
    if (!status)
        status = shop_build(b->bench, &b->shop, b->kept, &b->store, fault);
    if (!status && b->others)
        status = shop_peers_load(b->others, fault);
    for (size_t i = 0; i < QUESTIONS && !status; i++)
        if (b->asked[i].name)
            status = measure(b, i, fault);
    if (!status && b->others)
        status = shop_peers_ask(b->others, b->answers, fault);
    for (size_t i = 0; i < QUESTIONS && !status; i++)
        if (b->asked[i].name)
            report(b, i);
    if (!status && b->asked[0].name)
        check_funnel(b);
    return status;
}

enum status bench_insight(struct bench *bench, int argc, char **argv, struct fault *fault) {
    struct insight_bench b = {
        .bench = bench, .shop = {1, 5000000, 10}, .rounds = 5, .workers = 2, .kept = "", .peers = "yes"};
    const struct arg table[] = {BENCH_ARGS(bench),
                                {"customers", ARG_NUMBER, &b.shop.customers, "(5000000)"},
                                {"events", ARG_NUMBER, &b.shop.events_each, "a customer, in the mean; at most 32 (10)"},
                                {"rounds", ARG_NUMBER, &b.rounds, "(5)"},
                                {"workers", ARG_NUMBER, &b.workers, "threads (2)"},
                                SHOP_KEPT_ARG(&b.kept),
                                {"only", ARG_TEXT, &b.only, "funnel, retention, trend ...: this question alone"},
                                {"peers", ARG_TEXT, &b.peers, "yes, or no: without ClickHouse and DuckDB (yes)"},
                                {"seed", ARG_NUMBER, &b.shop.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench insight [--customers N] ...", table, NULL, NULL);
    if (!b.rounds || b.rounds > BENCH_REPEATS_MAX || !b.workers || b.workers > 16 || !shop_is_sound(&b.shop))
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, workers 1 to 16, events 1 to 32",
                         BENCH_REPEATS_MAX);
    uint64_t events = b.shop.customers * b.shop.events_each;
    enum status status =
        bench_folder(bench, events * (ROW_BYTES_MAX + (strcmp(b.peers, "no") ? SHOP_PEER_BYTES : 0)), fault);
    if (status)
        return status;
    bench_begin(bench, "insight");
    bench_shape(bench,
                "%llu customers of a shop with %llu events each in the mean over a year; whole analyses from the "
                "definition's text to the tables; compacted and copied into memory; %llu workers",
                (unsigned long long)b.shop.customers, (unsigned long long)b.shop.events_each,
                (unsigned long long)b.workers);
    status = run(&b, fault);
    shop_peers_end(b.others);
    bench_end(bench);
    shop_release(&b.store);
    return status;
}
