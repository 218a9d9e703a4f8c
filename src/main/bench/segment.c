/* bench/segment: segments of every kind over all customers of a year's shop, written in the language, compiled and evaluated as the program
 * does, against ClickHouse and DuckDB on the same rows in the same run.
 *
 * On paper: a segment reads the columns it names, of the types it names: times of 4 bytes a row, prices of 4, codes of 1 or 2. Five million
 * orders are 20 MB of times, a hundredth of a second's reading; forty million events of three types 160 MB. The share of memory's
 * own speed is what is left to win. Who is in a segment is counted by walking over the customers one by one in plain C (`holds`);
 * ours and theirs must be those very customers. */
#include <stdlib.h>
#include <string.h>

#include "language/plan.h"
#include "main/bench/memory.h"
#include "main/bench/shop.h"

#define ROW_BYTES_MAX 64 /* on disk, for the space asked for */
#define NOW "1767268800" /* SHOP_NOW_S */

struct segment {
    struct shop_question question;
    const char *text;
    bool (*holds)(const struct shop *shop, const struct shop_customer *c);
};

/* --- who is in: one customer at a time --- */

static bool within_days(const struct shop_row *row, int64_t days) {
    return (int64_t)row->time_s > SHOP_NOW_S - days * SHOP_DAY_S;
}

static bool in_attributes(const struct shop *shop, const struct shop_customer *c) {
    (void)shop;
    return (c->city == 0 || c->city == 4 || c->city == 5) && c->gender != 1 && c->level == 2;
}

static bool in_aggregate(const struct shop *shop, const struct shop_customer *c) {
    uint64_t count = 0, cents = 0;
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].event == SHOP_ORDER) {
            count += within_days(&c->rows[i], 30);
            cents += within_days(&c->rows[i], 365) ? c->rows[i].cents : 0;
        }
    return count >= 2 && cents > 300000;
}

static bool in_items(const struct shop *shop, const struct shop_customer *c) {
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        for (uint8_t k = 0; c->rows[i].event == SHOP_ORDER && k < c->rows[i].item_count; k++)
            if (c->rows[i].items[k].product % SHOP_CATEGORIES == 0 && c->rows[i].items[k].cents > 30000 &&
                within_days(&c->rows[i], 90))
                return true;
    return false;
}

static bool in_sequence(const struct shop *shop, const struct shop_customer *c) {
    (void)shop;
    return shop_steps(c, SHOP_DAY_S) == 3;
}

static bool in_makeup(const struct shop *shop, const struct shop_customer *c) {
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].event == SHOP_ADD && c->rows[i].product % SHOP_CATEGORIES == 1 && within_days(&c->rows[i], 60))
            return true;
    return false;
}

static bool in_bought(const struct shop *shop, const struct shop_customer *c) {
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].event == SHOP_ORDER && within_days(&c->rows[i], 60))
            return true;
    return false;
}

static bool in_difference(const struct shop *shop, const struct shop_customer *c) {
    return in_makeup(shop, c) && !in_bought(shop, c);
}

static bool in_relation(const struct shop *shop, const struct shop_customer *c) {
    return c->ward && shop_birthday(shop, c->ward) > 19358; /* 2023-01-01: three years old on 2026-01-01 */
}

static bool in_days(const struct shop *shop, const struct shop_customer *c) {
    uint32_t days = 0, last = 0;
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].event == SHOP_VIEW && within_days(&c->rows[i], 90)) {
            days += c->rows[i].time_s / SHOP_DAY_S != last;
            last = c->rows[i].time_s / SHOP_DAY_S;
        }
    return days >= 4;
}

static bool in_recency(const struct shop *shop, const struct shop_customer *c) {
    int64_t days = -1;
    (void)shop;
    for (size_t i = 0; i < c->row_count; i++)
        if (c->rows[i].event == SHOP_ORDER)
            days = (SHOP_NOW_S - (int64_t)c->rows[i].time_s) / SHOP_DAY_S;
    return days >= 30 && days <= 60;
}

/* --- the segments --- */

#define HASHED " SETTINGS optimize_aggregation_in_order = 0" /* a table in memory may beat reading in order */
#define VIEW_ADD_ORDER "windowFunnel(86400)(time, event = 'view', event = 'add', event = 'order') = 3"

static const struct segment segments[] = {
    {{"attributes",
      {{"SELECT customer FROM customers WHERE city IN ('上海', '杭州', '成都') AND gender != 1 AND level = 'gold'"},
       {"SELECT customer FROM customers WHERE city IN ('上海', '杭州', '成都') AND gender != 1 AND level = 'gold'"}}},
     "city in (\"上海\", \"杭州\", \"成都\") and gender != \"male\" and level = \"gold\"",
     in_attributes},
    {{"windowed aggregate",
      {{"SELECT customer FROM orders WHERE time > " NOW " - 365 * 86400 GROUP BY customer "
        "HAVING countIf(time > " NOW " - 30 * 86400) >= 2 AND sum(cents) > 300000",
        "SELECT customer FROM orders WHERE time > " NOW
        " - 365 * 86400 AND customer IN (SELECT customer FROM orders WHERE "
        "time > " NOW
        " - 30 * 86400 GROUP BY customer HAVING count() >= 2) GROUP BY customer HAVING sum(cents) > 300000",
        "SELECT customer FROM orders WHERE time > " NOW " - 365 * 86400 GROUP BY customer "
        "HAVING countIf(time > " NOW " - 30 * 86400) >= 2 AND sum(cents) > 300000" HASHED},
       {"SELECT customer FROM orders WHERE time > " NOW " - 365 * 86400 GROUP BY customer "
        "HAVING count(*) FILTER (time > " NOW " - 30 * 86400) >= 2 AND sum(cents) > 300000",
        "SELECT customer FROM orders WHERE time > " NOW
        " - 365 * 86400 AND customer IN (SELECT customer FROM orders WHERE "
        "time > " NOW
        " - 30 * 86400 GROUP BY customer HAVING count(*) >= 2) GROUP BY customer HAVING sum(cents) > 300000"}}},
     "count(order, last 30 days) >= 2 and sum(order.total, last 365 days) > 3000",
     in_aggregate},
    {{"line items",
      {{"SELECT DISTINCT customer FROM items WHERE category = 'skincare' AND cents > 30000 AND time > " NOW
        " - 90 * 86400",
        "SELECT customer FROM items WHERE category = 'skincare' AND cents > 30000 AND time > " NOW
        " - 90 * 86400 GROUP BY customer",
        "SELECT customer FROM items WHERE category = 'skincare' AND cents > 30000 AND time > " NOW
        " - 90 * 86400 GROUP BY customer" HASHED},
       {"SELECT DISTINCT customer FROM items WHERE category = 'skincare' AND cents > 30000 AND time > " NOW
        " - 90 * 86400"}}},
     "any(order.items where category = \"skincare\" and price > 300, last 90 days)",
     in_items},
    {{"sequence",
      {{"SELECT customer FROM events WHERE event != 'page' GROUP BY customer HAVING " VIEW_ADD_ORDER,
        "SELECT customer FROM events WHERE event != 'page' AND customer IN (SELECT customer FROM orders) GROUP BY "
        "customer HAVING " VIEW_ADD_ORDER},
       {"SELECT DISTINCT o.customer FROM orders o ASOF JOIN (SELECT a.customer, a.time, v.time AS began FROM (SELECT "
        "customer, time FROM events WHERE event = 'add') a ASOF JOIN (SELECT customer, time FROM events WHERE event = "
        "'view') v ON a.customer = v.customer AND a.time > v.time) a ON o.customer = a.customer AND o.time > a.time "
        "WHERE o.time - a.began <= 86400",
        "SELECT DISTINCT customer FROM (SELECT customer, event, time, max(CASE WHEN event = 'add' THEN viewed END) "
        "OVER "
        "(PARTITION BY customer ORDER BY time) AS began FROM (SELECT customer, event, time, max(CASE WHEN event = "
        "'view' THEN time END) OVER (PARTITION BY customer ORDER BY time) AS viewed FROM events WHERE event != 'page' "
        "AND "
        "customer IN (SELECT customer FROM orders))) WHERE event = 'order' AND time - began <= 86400"}}},
     "sequence(product_viewed -> product_added -> order_completed, within 1 day)",
     in_sequence},
    {{"difference",
      {{"SELECT DISTINCT customer FROM events WHERE event = 'add' AND category = 'makeup' AND time > " NOW
        " - 60 * 86400 AND customer NOT IN (SELECT customer FROM orders WHERE time > " NOW " - 60 * 86400)",
        "SELECT DISTINCT customer FROM (SELECT customer FROM events WHERE event = 'add' AND category = 'makeup' AND "
        "time > " NOW " - 60 * 86400) AS added LEFT ANTI JOIN (SELECT customer FROM orders WHERE time > " NOW
        " - 60 * 86400) AS lately USING customer"},
       {"SELECT DISTINCT customer FROM events WHERE event = 'add' AND category = 'makeup' AND time > " NOW
        " - 60 * 86400 AND customer NOT IN (SELECT customer FROM orders WHERE time > " NOW " - 60 * 86400)",
        "SELECT DISTINCT customer FROM events ANTI JOIN (SELECT customer FROM orders WHERE time > " NOW
        " - 60 * 86400) USING (customer) WHERE event = 'add' AND category = 'makeup' AND time > " NOW
        " - 60 * 86400"}}},
     "in segment \"makeup in the cart\" and not in segment \"bought lately\"",
     in_difference},
    {{"relation",
      {{"SELECT DISTINCT customer FROM relations WHERE other IN (SELECT customer FROM customers WHERE birthday > "
        "'2023-01-01')",
        "SELECT DISTINCT r.customer FROM relations AS r INNER JOIN (SELECT customer FROM customers WHERE birthday > "
        "'2023-01-01') AS c ON c.customer = r.other"},
       {"SELECT DISTINCT customer FROM relations WHERE other IN (SELECT customer FROM customers WHERE birthday > DATE "
        "'2023-01-01')",
        "SELECT DISTINCT r.customer FROM relations r JOIN customers c ON c.customer = r.other WHERE c.birthday > DATE "
        "'2023-01-01'"}}},
     "any(guardian_of where age(birthday) < 3)",
     in_relation},
    {{"distinct days",
      {{"SELECT customer FROM events WHERE event = 'view' AND time > " NOW
        " - 90 * 86400 GROUP BY customer HAVING uniqExact(toDate(time)) >= 4",
        "SELECT customer FROM events WHERE event = 'view' AND time > " NOW
        " - 90 * 86400 GROUP BY customer HAVING count() >= 4 AND length(groupUniqArray(toDate(time))) >= 4",
        "SELECT customer FROM events WHERE event = 'view' AND time > " NOW
        " - 90 * 86400 GROUP BY customer HAVING uniqExact(toDate(time)) >= 4" HASHED},
       {"SELECT customer FROM events WHERE event = 'view' AND time > " NOW
        " - 90 * 86400 GROUP BY customer HAVING count(DISTINCT time // 86400) >= 4",
        "SELECT customer FROM (SELECT DISTINCT customer, time // 86400 AS day FROM events WHERE event = 'view' AND "
        "time > " NOW " - 90 * 86400) GROUP BY customer HAVING count(*) >= 4"}}},
     "distinct days(product_viewed, last 90 days) >= 4",
     in_days},
    {{"days since",
      {{"SELECT customer FROM orders GROUP BY customer HAVING max(time) > " NOW " - 61 * 86400 AND max(time) <= " NOW
        " - 30 * 86400",
        "SELECT customer FROM orders WHERE time > " NOW " - 61 * 86400 GROUP BY customer HAVING max(time) <= " NOW
        " - 30 * 86400",
        "SELECT customer FROM orders WHERE time > " NOW " - 61 * 86400 GROUP BY customer HAVING max(time) <= " NOW
        " - 30 * 86400" HASHED},
       {"SELECT customer FROM orders GROUP BY customer HAVING max(time) > " NOW " - 61 * 86400 AND max(time) <= " NOW
        " - 30 * 86400",
        "SELECT customer FROM orders WHERE time > " NOW " - 61 * 86400 GROUP BY customer HAVING max(time) <= " NOW
        " - 30 * 86400"}}},
     "days since last(order) between 30 and 60",
     in_recency},
};
#define SEGMENTS (sizeof segments / sizeof *segments)

static const struct shop_asked asked = {
    {"count()", "count(*)"},
    {"count(), sum((toUInt64(customer) * 2654435761) % 4294967296)",
     "count(*), coalesce(sum((customer::UBIGINT * 2654435761) % 4294967296), 0)::UBIGINT"},
    {false},
};

/* What the difference is of. */
static const struct {
    const char *name, *text;
} parts[] = {
    {"makeup in the cart", "any(product_added where category = \"makeup\", last 60 days)"},
    {"bought lately", "any(order, last 60 days)"},
};
#define PARTS (sizeof parts / sizeof *parts)

/* --- measuring --- */

struct measured {
    double times_ms[BENCH_REPEATS_MAX], cpu_ms[BENCH_REPEATS_MAX];
    struct plan_answer answer; /* of the last round */
};

struct measure {
    struct bench *bench;
    struct shop shop;
    struct shop_store store;
    uint64_t rounds, workers;
    const char *kept, *peers, *only;
    struct arena arena;
    struct vocabulary vocabulary;
    struct node *part_nodes[PARTS];
    struct shop_answer expected[SEGMENTS];
    struct measured measured[SEGMENTS];
    struct shop_peer_answer answers[SEGMENTS * SHOP_PEERS];
    struct shop_peers *others; /* NULL: none */
    double memory_rate;
};

static bool find_part(void *context, enum definition_kind kind, struct slice name, struct definition *out) {
    const struct measure *m = context;
    for (uint32_t i = 0; i < PARTS; i++)
        if (kind == DEFINITION_SEGMENT && slice_is(name, parts[i].name)) {
            *out = (struct definition){.number = i + 1, .type = TERM_BOOL, .expression = m->part_nodes[i]};
            return m->part_nodes[i] != NULL;
        }
    return false;
}

static enum status read_text(struct measure *m, const char *text, struct node **root, struct fault *fault) {
    uint32_t place;
    return check_text(&m->vocabulary, slice_text(text), TERM_BOOL, &m->arena, root, fault, &place);
}

static bool wanted(const struct measure *m, size_t i) {
    return !m->only[0] || strcmp(m->only, segments[i].question.name) == 0;
}

static void count_plainly(struct measure *m) {
    struct shop_customer c;
    for (uint32_t number = 1; number <= m->shop.customers; number++) {
        shop_customer(&m->shop, number, &c);
        for (size_t i = 0; i < SEGMENTS; i++)
            if (segments[i].holds(&m->shop, &c))
                shop_answer_add(&m->expected[i], number);
    }
}

static struct shop_answer members_of(const struct plan_answer *answer) {
    struct shop_answer members = {0};
    for (uint32_t span = 0; span < answer->span_count; span++)
        for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
            if (answer->bits[span][i / 64] >> (i % 64) & 1)
                shop_answer_add(&members, span * SPAN_CUSTOMERS + i);
    return members;
}

static void report(struct measure *m, size_t i) {
    struct bench *b = m->bench;
    const char *name = segments[i].question.name;
    char what[96];
    double *times_ms = m->measured[i].times_ms, *cpu_ms = m->measured[i].cpu_ms;
    const struct plan_answer *last = &m->measured[i].answer;
    struct shop_answer members = members_of(last);
    bench_shape(b, "%s: %s", name, segments[i].text);
    snprintf(what, sizeof what, "%s: evaluated", name);
    bench_figure(b, &(struct bench_figure){what, "ms", BENCH_LOWER, 0}, times_ms, m->rounds);
    double median_ms = times_ms[m->rounds / 2];
    snprintf(what, sizeof what, "%s: CPU of all workers", name);
    bench_figure(b, &(struct bench_figure){what, "ms", BENCH_LOWER, 0}, cpu_ms, m->rounds);
    snprintf(what, sizeof what, "%s: rows looked at", name);
    bench_value(b, what, "", (double)last->rows);
    snprintf(what, sizeof what, "%s: share of memory bandwidth", name);
    bench_value(b, what, "", (double)last->bytes / (median_ms / 1e3) / m->memory_rate);
    snprintf(what, sizeof what, "%s: members", name);
    bench_check(b, what, m->expected[i].count, members.count);
    snprintf(what, sizeof what, "%s: sum of their numbers", name);
    bench_check(b, what, m->expected[i].sum, members.sum);
    const uint64_t values[] = {m->expected[i].count, m->expected[i].sum};
    if (m->others)
        shop_peers_report(b, &segments[i].question, &m->answers[i * SHOP_PEERS], median_ms, values, 2);
}

static enum status measure_segment(struct measure *m, size_t i, struct fault *fault) {
    const struct outside outside = {.history = m->store.history, .identity = m->store.identity};
    struct measured *out = &m->measured[i];
    struct plan *plan = NULL;
    struct node *root;
    enum status status = read_text(m, segments[i].text, &root, fault);
    if (!status)
        status = plan_create(&m->vocabulary, (const struct node *const *)&root, 1, &plan, fault);
    for (uint64_t round = 0; round <= m->rounds && !status; round++) { /* the first one warms */
        double began = bench_now_s(), cpu = bench_cpu_s();
        plan_answer_release(&out->answer);
        status = plan_run(plan, 0, &outside, SHOP_NOW_S * 1000LL, (unsigned)m->workers, NULL, &out->answer);
        out->times_ms[round ? round - 1 : 0] = (bench_now_s() - began) * 1e3;
        out->cpu_ms[round ? round - 1 : 0] = (bench_cpu_s() - cpu) * 1e3;
    }
    plan_free(plan);
    return status;
}

static enum status begin_peers(struct measure *m, struct fault *fault) {
    struct shop_question questions[SEGMENTS];
    char why[256];
    if (strcmp(m->peers, "no") == 0)
        return STATUS_OK;
    if (!shop_peers_there(why)) {
        bench_shape(m->bench, "without ClickHouse and DuckDB: %s", why);
        return STATUS_OK;
    }
    for (size_t i = 0; i < SEGMENTS; i++)
        questions[i] = wanted(m, i) ? segments[i].question : (struct shop_question){0};
    return shop_peers_begin(m->bench, &m->shop, &asked, questions, SEGMENTS, (unsigned)m->rounds, m->kept, &m->others,
                            fault);
}

static enum status measure_all(struct measure *m, struct fault *fault) {
    enum status status = begin_peers(m, fault); /* first: in processes that begin small */
    if (!status)
        status = shop_build(m->bench, &m->shop, m->kept, &m->store, fault);
    if (!status && m->others)
        status = shop_peers_load(m->others, fault);
    if (status)
        return status;
    m->memory_rate = bench_memory(m->bench, m->store.events * 4, (unsigned)m->workers);
    m->vocabulary = (struct vocabulary){
        .dictionary = m->store.dictionary, .zone = zone_utc(), .week_start = 1, .context = m, .find = find_part};
    for (size_t i = 0; i < PARTS && !status; i++)
        status = read_text(m, parts[i].text, &m->part_nodes[i], fault);
    for (size_t i = 0; i < SEGMENTS && !status; i++)
        if (wanted(m, i))
            status = measure_segment(m, i, fault);
    if (!status && m->others)
        status = shop_peers_ask(m->others, m->answers, fault);
    if (!status)
        count_plainly(m);
    for (size_t i = 0; i < SEGMENTS && !status; i++)
        if (wanted(m, i))
            report(m, i);
    for (size_t i = 0; i < SEGMENTS; i++)
        plan_answer_release(&m->measured[i].answer);
    return status;
}

enum status bench_segment(struct bench *b, int argc, char **argv, struct fault *fault) {
    struct measure m = {
        .bench = b, .shop = {1, 5000000, 10}, .rounds = 5, .workers = 2, .kept = "", .peers = "yes", .only = ""};
    const struct arg table[] = {BENCH_ARGS(b),
                                {"customers", ARG_NUMBER, &m.shop.customers, "(5000000)"},
                                {"events", ARG_NUMBER, &m.shop.events_each, "a customer, in the mean; at most 32 (10)"},
                                {"rounds", ARG_NUMBER, &m.rounds, "of each segment (5)"},
                                {"workers", ARG_NUMBER, &m.workers, "threads, 1 or 2 (2)"},
                                SHOP_KEPT_ARG(&m.kept),
                                {"peers", ARG_TEXT, &m.peers, "yes, or no: without ClickHouse and DuckDB (yes)"},
                                {"only", ARG_TEXT, &m.only, "the segment of this name, without the others (all)"},
                                {"seed", ARG_NUMBER, &m.shop.seed, "of the data (1)"},
                                {0}};
    args_parse(argc, argv, "bench segment [--customers N] ...", table, NULL, NULL);
    if (!m.rounds || m.rounds >= BENCH_REPEATS_MAX || !m.workers || m.workers > 2 || !shop_is_sound(&m.shop))
        return fault_set(fault, STATUS_INVALID, "rounds are 1 to %d, workers 1 or 2, events 1 to 32",
                         BENCH_REPEATS_MAX - 1);
    uint64_t events = m.shop.customers * m.shop.events_each;
    enum status status =
        bench_folder(b, events * (ROW_BYTES_MAX + (strcmp(m.peers, "no") ? SHOP_PEER_BYTES : 0)), fault);
    if (status)
        return status;
    bench_begin(b, "segment");
    bench_shape(
        b,
        "%llu customers of a shop with %llu events each in the mean over a year, orders with 1 to 3 items, four "
        "attributes, one in 5 somebody's guardian; compacted and copied into memory; %llu workers, batch over "
        "everybody",
        (unsigned long long)m.shop.customers, (unsigned long long)m.shop.events_each, (unsigned long long)m.workers);
    status = measure_all(&m, fault);
    shop_peers_end(m.others);
    bench_end(b);
    shop_release(&m.store);
    arena_release(&m.arena);
    return status;
}
