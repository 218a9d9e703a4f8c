/* bench/funnel: how many customers reach each of three steps in order within seven days, over a year of a shop: an ordered funnel, against
 * ClickHouse's windowFunnel and DuckDB on the same rows in the same run.
 *
 * On paper: the times of views, additions and orders, four bytes each, are all that need be read: some 150 MB of 50 M events; at the
 * 20 GB/s two cores read, 8 ms. The steps of a customer are found row by row, a few ns each: that is what it costs. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "language/kernel.h"
#include "language/plan.h"
#include "main/bench/memory.h"
#include "main/bench/shop.h"

#define STEPS 3
#define WITHIN_S (7 * SHOP_DAY_S)
#define WORKERS_MAX 2
#define ROW_BYTES_MAX 64 /* on disk, for the space asked for */

/* The three share the steps; evaluated together, they are worked out once. */
static const char *const texts[STEPS] = {
    "steps(product_viewed -> product_added -> order_completed, within 7 days) >= 1",
    "steps(product_viewed -> product_added -> order_completed, within 7 days) >= 2",
    "steps(product_viewed -> product_added -> order_completed, within 7 days) >= 3",
};

#define FUNNEL "windowFunnel(604800)(time, event = 'view', event = 'add', event = 'order') AS level"
static const struct shop_question question = {
    "funnel",
    {{"SELECT customer, " FUNNEL " FROM events WHERE event != 'page' GROUP BY customer",
      "SELECT customer, " FUNNEL " FROM events GROUP BY customer"},
     {"SELECT customer, max(level) AS level FROM (SELECT customer, 1 AS level FROM events WHERE event = 'view' UNION "
      "ALL "
      "SELECT customer, 2 FROM (SELECT a.customer, a.time - v.time AS took FROM (SELECT customer, time FROM events "
      "WHERE "
      "event = 'add') a ASOF JOIN (SELECT customer, time FROM events WHERE event = 'view') v ON a.customer = "
      "v.customer "
      "AND a.time > v.time) WHERE took <= 604800 UNION ALL SELECT o.customer, 3 FROM orders o ASOF JOIN (SELECT "
      "a.customer, a.time, v.time AS began FROM (SELECT customer, time FROM events WHERE event = 'add') a ASOF JOIN "
      "(SELECT customer, time FROM events WHERE event = 'view') v ON a.customer = v.customer AND a.time > v.time) a ON "
      "o.customer = a.customer AND o.time > a.time WHERE o.time - a.began <= 604800) GROUP BY customer",
      "SELECT customer, max(CASE WHEN event = 'order' AND time - added <= 604800 THEN 3 WHEN event = 'add' AND time - "
      "viewed "
      "<= 604800 THEN 2 WHEN event = 'view' THEN 1 ELSE 0 END) AS level FROM (SELECT customer, event, time, viewed, "
      "max(CASE "
      "WHEN event = 'add' THEN viewed END) OVER (PARTITION BY customer ORDER BY time) AS added FROM (SELECT customer, "
      "event, "
      "time, max(CASE WHEN event = 'view' THEN time END) OVER (PARTITION BY customer ORDER BY time) AS viewed FROM "
      "events "
      "WHERE event != 'page')) GROUP BY customer"}}};
#define REACHED(count, end) count "level >= 1" end ", " count "level >= 2" end ", " count "level >= 3" end
static const struct shop_asked asked = {
    {REACHED("countIf(", ")"), REACHED("count(*) FILTER (", ")")},
    {REACHED("countIf(", ")"), REACHED("count(*) FILTER (", ")")},
    {[SHOP_CUSTOMERS] = true, [SHOP_RELATIONS] = true, [SHOP_ITEMS] = true},
};

struct funnel {
    struct bench *bench;
    struct shop shop;
    struct shop_store store;
    uint64_t rounds, workers;
    const char *kept, *peers;
    struct arena arena;
    struct plan *plan;
    uint64_t expected[STEPS];
    struct shop_peer_answer answers[SHOP_PEERS];
    struct shop_peers *others; /* NULL: none */
};

/* --- evaluating: the spans shared by the workers --- */

struct worker {
    struct funnel *funnel;
    _Atomic uint32_t *next_span;
    struct evaluator *evaluator;
    uint64_t reached[STEPS];
    pthread_t thread;
};

static void *work(void *context) {
    struct worker *w = context;
    uint64_t bits[SPAN_CUSTOMERS / 64];
    uint32_t spans = (uint32_t)(w->funnel->shop.customers / SPAN_CUSTOMERS) + 1, span;
    struct history_hold hold = history_enter(w->funnel->store.history);
    while ((span = atomic_fetch_add(w->next_span, 1)) < spans)
        if (evaluator_span(w->evaluator, span, SHOP_NOW_S * 1000LL))
            for (size_t step = 0; step < STEPS; step++) {
                evaluate_bits(w->evaluator, step, bits, NULL);
                w->reached[step] += kernel_count(bits, SPAN_CUSTOMERS / 64);
            }
    history_leave(w->funnel->store.history, hold);
    return NULL;
}

static void run_once(struct funnel *f, struct worker *workers, uint64_t reached[STEPS]) {
    _Atomic uint32_t next_span = 0;
    for (uint64_t i = 0; i < f->workers; i++) {
        memset(workers[i].reached, 0, sizeof workers[i].reached);
        workers[i].next_span = &next_span;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
            abort();
    }
    memset(reached, 0, STEPS * sizeof *reached);
    for (uint64_t i = 0; i < f->workers; i++) {
        pthread_join(workers[i].thread, NULL);
        for (size_t step = 0; step < STEPS; step++)
            reached[step] += workers[i].reached[step];
    }
}

/* Returns the median. */
static double measure(struct funnel *f) {
    const struct outside outside = {.history = f->store.history, .identity = f->store.identity};
    struct worker workers[WORKERS_MAX];
    uint64_t reached[STEPS];
    double times_ms[BENCH_REPEATS_MAX];
    for (uint64_t i = 0; i < f->workers; i++)
        workers[i] = (struct worker){.funnel = f, .evaluator = evaluator_create(f->plan, &outside)};
    run_once(f, workers, reached); /* to warm */
    for (uint64_t round = 0; round < f->rounds; round++) {
        double began = bench_now_s();
        run_once(f, workers, reached);
        times_ms[round] = (bench_now_s() - began) * 1e3;
    }
    for (uint64_t i = 0; i < f->workers; i++)
        evaluator_free(workers[i].evaluator);
    bench_figure(f->bench, &(struct bench_figure){"evaluated", "ms", BENCH_LOWER, 0}, times_ms, f->rounds);
    for (size_t step = 0; step < STEPS; step++) {
        static const char *const names[STEPS] = {"viewed", "then added", "then ordered"};
        bench_check(f->bench, names[step], f->expected[step], reached[step]);
    }
    return times_ms[f->rounds / 2];
}

/* --- the bench --- */

static void count_plainly(struct funnel *f) {
    struct shop_customer c;
    for (uint32_t number = 1; number <= f->shop.customers; number++) {
        shop_customer(&f->shop, number, &c);
        for (unsigned step = shop_steps(&c, WITHIN_S); step > 0; step--)
            f->expected[step - 1]++;
    }
}

static enum status begin_peers(struct funnel *f, struct fault *fault) {
    char why[256];
    if (strcmp(f->peers, "no") == 0)
        return STATUS_OK;
    if (!shop_peers_there(why)) {
        bench_shape(f->bench, "without ClickHouse and DuckDB: %s", why);
        return STATUS_OK;
    }
    return shop_peers_begin(f->bench, &f->shop, &asked, &question, 1, (unsigned)f->rounds, f->kept, &f->others, fault);
}

static enum status compile(struct funnel *f, struct fault *fault) {
    const struct vocabulary vocabulary = {.dictionary = f->store.dictionary, .zone = zone_utc(), .week_start = 1};
    struct node *roots[STEPS];
    enum status status = STATUS_OK;
    uint32_t place;
    for (size_t i = 0; i < STEPS && !status; i++)
        status = check_text(&vocabulary, slice_text(texts[i]), TERM_BOOL, &f->arena, &roots[i], fault, &place);
    return status ? status : plan_create(&vocabulary, (const struct node *const *)roots, STEPS, &f->plan, fault);
}

static enum status run(struct funnel *f, struct fault *fault) {
    enum status status = begin_peers(f, fault); /* first: in processes that begin small */
    if (!status)
        status = shop_build(f->bench, &f->shop, f->kept, &f->store, fault);
    if (!status)
        status = compile(f, fault);
    if (!status && f->others)
        status = shop_peers_load(f->others, fault);
    if (status)
        return status;
    count_plainly(f);
    double median_ms = measure(f);
    if (f->others && (status = shop_peers_ask(f->others, f->answers, fault)))
        return status;
    bench_value(f->bench, "events a second", "", (double)f->store.events / median_ms * 1e3);
    if (f->others)
        shop_peers_report(f->bench, &question, f->answers, median_ms, f->expected, STEPS);
    return STATUS_OK;
}

enum status bench_funnel(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct funnel f = {.bench = b, .shop = {1, 5000000, 10}, .rounds = 5, .workers = 2, .kept = "", .peers = "yes"};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"customers", ARG_NUMBER, &f.shop.customers, "(5000000)"},
                                {"events", ARG_NUMBER, &f.shop.events_each, "a customer, in the mean; at most 32 (10)"},
                                {"rounds", ARG_NUMBER, &f.rounds, "(5)"},
                                {"workers", ARG_NUMBER, &f.workers, "threads, 1 or 2 (2)"},
                                SHOP_KEPT_ARG(&f.kept),
                                {"peers", ARG_TEXT, &f.peers, "yes, or no: without ClickHouse and DuckDB (yes)"},
                                {"seed", ARG_NUMBER, &f.shop.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench funnel [--customers N] ...", table, NULL, NULL);
    if (!f.rounds || f.rounds > BENCH_REPEATS_MAX || !f.workers || f.workers > WORKERS_MAX || !shop_is_sound(&f.shop))
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, workers 1 or 2, events 1 to 32",
                         BENCH_REPEATS_MAX);
    uint64_t events = f.shop.customers * f.shop.events_each;
    enum status status =
        bench_folder(b, events * (ROW_BYTES_MAX + (strcmp(f.peers, "no") ? SHOP_PEER_BYTES : 0)), fault);
    if (status)
        return status;
    bench_begin(b, "funnel");
    bench_shape(b,
                "%llu customers of a shop with %llu events each in the mean over a year: steps(product_viewed -> "
                "product_added -> order_completed, within 7 days); compacted and copied into memory; %llu workers",
                (unsigned long long)f.shop.customers, (unsigned long long)f.shop.events_each,
                (unsigned long long)f.workers);
    status = run(&f, fault);
    shop_peers_end(f.others);
    bench_end(b);
    plan_free(f.plan);
    shop_release(&f.store);
    arena_release(&f.arena);
    return status;
}
