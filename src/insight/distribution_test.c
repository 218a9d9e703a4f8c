/* distribution_test: how values are distributed, and how long it takes from row to row, over random histories with ties, late rows and merges
 * against plain loops over the same rows, for random questions. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "insight/insight_bed_model.h"
#include "insight/texts.h"
#include "language/time_window.h"

#define SEED 19
#define QUESTIONS 60
#define NO_TOWN 255
#define ANY_TOWN (-1)
#define HOUR_MS 3600000LL

static struct insight_bed bed;

static int open_bed(void **state) {
    (void)state;
    insight_bed_open(&bed, SEED, 500, 9);
    return 0;
}

static int close_bed(void **state) {
    (void)state;
    insight_bed_close(&bed);
    return 0;
}

static const char *const type_words[BED_TYPES] = {"view", "add", "bought"};

/* --- what is found, in plain arrays --- */

#define VALUES_MAX 20000
struct found {
    int64_t values[VALUES_MAX];
    size_t count, missing;
    uint64_t starts, customers; /* of pairs */
};

static void add_value(struct found *f, int64_t value) {
    assert_true(f->count < VALUES_MAX);
    f->values[f->count++] = value;
}

static int by_value(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static double quantile(const struct found *f, double q) {
    double at = q * (double)(f->count - 1);
    size_t low = (size_t)at;
    double part = at - (double)low;
    return (double)f->values[low] + (part > 0 ? part * (double)(f->values[low + 1] - f->values[low]) : 0);
}

static void same(struct answer_cell cell, double expected, const char *what, const char *question) {
    const double got = cell.missing ? NAN : number_as_real(cell.number);
    if (isnan(expected) ? !cell.missing : !(fabs(got - expected) <= 1e-9 * (1 + fabs(expected))))
        fail_msg("seed %d: %s: %s is %.12g, counted %.12g", SEED, question, what, got, expected);
}

static bool of_group(const struct answer_table *t, size_t row, const char *group) {
    return !group || slice_is(answer_at(t, row, "group").text, group);
}

static void check_figures(const struct answer *answer, const char *group, const char *what, struct found *f,
                          double scale, const char *question) {
    static const struct {
        const char *name;
        double q;
    } quantiles[] = {{"least", 0}, {"p10", 0.1}, {"median", 0.5}, {"p90", 0.9}, {"most", 1}};
    const struct answer_table *t = answer_find(answer, "figures");
    size_t rows = 0;
    long double sum = 0, squares = 0;
    qsort(f->values, f->count, sizeof *f->values, by_value);
    for (size_t i = 0; i < f->count; i++)
        sum += (long double)f->values[i];
    const long double mean = f->count ? sum / (long double)f->count : 0;
    for (size_t i = 0; i < f->count; i++)
        squares += ((long double)f->values[i] - mean) * ((long double)f->values[i] - mean);
    for (size_t row = 0; row < answer_rows(t); row++) {
        if (!of_group(t, row, group))
            continue;
        rows++;
        same(answer_at(t, row, what), (double)f->count, what, question);
        same(answer_at(t, row, "mean"), f->count ? (double)mean / scale : NAN, "mean", question);
        same(answer_at(t, row, "deviation"),
             f->count > 1 ? (double)sqrtl(squares / (long double)(f->count - 1)) / scale : NAN, "deviation", question);
        for (size_t k = 0; k < sizeof quantiles / sizeof *quantiles; k++)
            same(answer_at(t, row, quantiles[k].name), f->count ? quantile(f, quantiles[k].q) / scale : NAN,
                 quantiles[k].name, question);
    }
    if (rows > 1 || (rows == 0 && f->count))
        fail_msg("seed %d: %s: %zu rows of %s", SEED, question, rows, group ? group : "all");
}

/* Bounds may be the answer's own choice: whichever they are, each value lies between two. */
static size_t check_buckets(const struct answer *answer, const char *group, const char *what, const struct found *f,
                            double scale, const char *question) {
    const struct answer_table *t = answer_find(answer, "buckets");
    size_t rows = 0;
    for (size_t row = 0; row < answer_rows(t); row++) {
        const struct answer_cell from = answer_at(t, row, "from"), to = answer_at(t, row, "to");
        uint64_t count = 0;
        if (!of_group(t, row, group))
            continue;
        rows++;
        for (size_t i = 0; i < f->count; i++) {
            const double value = (double)f->values[i] / scale;
            count += (from.missing || value >= number_as_real(from.number)) &&
                     (to.missing || value < number_as_real(to.number));
        }
        same(answer_at(t, row, what), (double)count, "a bucket", question);
    }
    return rows;
}

/* --- questions --- */

struct question {
    struct buffer text;
    int64_t from_ms, to_ms;
    bool split;
};

static void ask_split(struct question *q, struct random *r) {
    q->split = random_chance(r, 0.4);
    if (q->split)
        buffer_print(&q->text, ", \"split\": \"town\"");
}

static void ask_period(struct question *q, struct random *r) {
    char date[TIME_TEXT_BYTES];
    const struct calendar calendar = {bed.zone, 1};
    const int64_t today = calendar_day(&calendar, bed.now_ms);
    q->from_ms = INT64_MIN;
    q->to_ms = INT64_MAX;
    for (unsigned side = 0; side < 2; side++) {
        if (random_chance(r, 0.6))
            continue;
        int64_t day = today - (side ? (int64_t)random_below(r, 20) : 21 + (int64_t)random_below(r, 50));
        *(side ? &q->to_ms : &q->from_ms) = calendar_day_start(&calendar, day);
        size_t size = time_format_date(day, date);
        buffer_print(&q->text, ", \"%s\": \"%.*s\"", side ? "to" : "from", (int)size, date);
    }
}

static struct answer *ask(struct question *q, const char *kind, struct random *r) {
    buffer_print(&q->text, "}%c", 0);
    return insight_bed_run(&bed, kind, q->text.data, 1 + (unsigned)random_below(r, 3));
}

/* The groups of a question one by one: towns, and nobody's; or everybody. */
static const char *group_of(const struct question *q, int at, int *town, char name[8]) {
    if (!q->split) {
        *town = ANY_TOWN;
        return NULL;
    }
    *town = at < 5 ? at : NO_TOWN;
    snprintf(name, 8, "t%d", at);
    return at < 5 ? name : TEXTS_MISSING_TEXT;
}

static bool is_in(uint32_t number, int town) {
    return insight_bed_there(&bed, number) && (town == ANY_TOWN || bed.towns[number] == town);
}

/* --- distribution: values of rows, and of customers --- */

enum of { TOTAL_OF_ROWS, PAGE_OF_ROWS, COUNT_OF_VIEWS, SUM_OF_BOUGHT, PAGE_OF_LAST, OFS };

static void count_pages(const struct answer *answer, const char *group, const struct found *f, const char *question) {
    const struct answer_table *t = answer_find(answer, "values");
    for (int64_t page = 0; page < 5; page++) {
        char name[16];
        double count = page == 4 ? (double)f->missing : 0, told = 0;
        for (size_t i = 0; i < f->count; i++)
            count += f->values[i] == page;
        snprintf(name, sizeof name, "p%d", (int)page);
        for (size_t row = 0; row < answer_rows(t); row++)
            if (of_group(t, row, group) &&
                slice_is(answer_at(t, row, "value").text, page == 4 ? TEXTS_MISSING_TEXT : name)) {
                const bool by_rows = strstr(question, "event") != NULL;
                told += number_as_real(answer_at(t, row, by_rows ? "rows" : "customers").number);
            }
        if (told != count)
            fail_msg("seed %d: %s: %s came %g times, counted %g", SEED, question, page == 4 ? "none" : name, told,
                     count);
    }
}

static void value_of_customer(struct found *f, enum of of, uint32_t number) {
    size_t first, rows = insight_bed_rows(&bed, number, &first);
    const struct bed_row *last = NULL;
    int64_t views = 0, cents = 0;
    for (size_t i = 0; i < rows; i++) {
        const struct bed_row *row = &bed.rows[first + i];
        views += row->type == BED_VIEW;
        cents += row->type == BED_ORDER ? row->cents : 0;
        last = row->type == BED_VIEW ? row : last;
    }
    if (of == COUNT_OF_VIEWS)
        add_value(f, views * 1000000);
    else if (of == SUM_OF_BOUGHT)
        add_value(f, cents * 10000);
    else if (last && last->has_page)
        add_value(f, last->page);
    else
        f->missing++;
}

static void values_of_rows(struct found *f, enum of of, uint8_t type, const struct question *q, uint32_t number) {
    size_t first, rows = insight_bed_rows(&bed, number, &first);
    for (size_t i = 0; i < rows; i++) {
        const struct bed_row *row = &bed.rows[first + i];
        if (row->type != type || row->time_ms < q->from_ms || row->time_ms >= q->to_ms)
            continue;
        if (of == TOTAL_OF_ROWS)
            add_value(f, row->cents * 10000);
        else if (row->has_page)
            add_value(f, row->page);
        else
            f->missing++;
    }
}

static void distribution_is_its_twin(void **state) {
    static const char *const texts[OFS] = {"total", "page", "count(view)", "sum(bought.total)", "last(view).page"};
    static struct found f;
    struct random r;
    size_t compared = 0, buckets = 0;
    (void)state;
    random_init(&r, SEED);
    for (int i = 0; i < QUESTIONS; i++) {
        struct question q = {.from_ms = INT64_MIN, .to_ms = INT64_MAX};
        const enum of of = (enum of)random_below(&r, OFS);
        const uint8_t type = (uint8_t)random_below(&r, BED_TYPES);
        const bool by_rows = of <= PAGE_OF_ROWS, numbers = of != PAGE_OF_ROWS && of != PAGE_OF_LAST;
        const char *what = by_rows ? "rows" : "customers";
        buffer_print(&q.text, "{\"of\": \"%s\"", texts[of]);
        if (by_rows) {
            buffer_print(&q.text, ", \"event\": \"%s\"", type_words[type]);
            ask_period(&q, &r);
        }
        if (numbers && random_chance(&r, 0.5))
            buffer_print(&q.text, ", \"buckets\": [0, 1, 2, 5, 100, 499.99, 800]");
        ask_split(&q, &r);
        struct answer *answer = ask(&q, "distribution", &r);
        for (int group = 0; group < (q.split ? 6 : 1); group++) {
            int town;
            char name[8];
            const char *of_town = group_of(&q, group, &town, name);
            f.count = f.missing = 0;
            for (uint32_t number = 1; number <= bed.customers; number++) {
                if (!is_in(number, town))
                    continue;
                if (by_rows)
                    values_of_rows(&f, of, type, &q, number);
                else
                    value_of_customer(&f, of, number);
            }
            compared += f.count;
            if (numbers) {
                check_figures(answer, of_town, what, &f, 1e6, q.text.data);
                buckets += check_buckets(answer, of_town, what, &f, 1e6, q.text.data);
            } else
                count_pages(answer, of_town, &f, q.text.data);
        }
        answer_free(answer);
        buffer_release(&q.text);
    }
    assert_true(compared > 10000 && buckets > 100); /* so that something was compared */
}

/* --- interval --- */

struct pairs {
    uint8_t start, end;
    int page; /* of starts; -1 any */
    bool hold, first_only;
    int64_t within_ms; /* 0: no limit */
};

/* Every start asks every later row. */
static void pairs_of_customer(struct found *f, const struct pairs *p, const struct question *q, uint32_t number) {
    size_t first, rows = insight_bed_rows(&bed, number, &first), pairs = 0;
    const struct bed_row *all = bed.rows + first;
    for (size_t i = 0; i < rows && !(p->first_only && pairs); i++) {
        if (all[i].type != p->start || all[i].time_ms < q->from_ms || all[i].time_ms >= q->to_ms)
            continue;
        if ((p->page >= 0 && (!all[i].has_page || all[i].page != p->page)) || (p->hold && !all[i].has_page))
            continue;
        f->starts++;
        for (size_t k = i + 1; k < rows; k++) {
            const bool in_set = p->end < BED_TYPES ? all[k].type == p->end
                                                   : all[k].type == p->start &&
                                                         (p->page < 0 || (all[k].has_page && all[k].page == p->page));
            if (!in_set || (p->hold && (!all[k].has_page || all[k].page != all[i].page)))
                continue;
            if (p->within_ms == 0 || all[k].time_ms - all[i].time_ms <= p->within_ms) {
                add_value(f, all[k].time_ms - all[i].time_ms);
                pairs++;
            }
            break;
        }
    }
    f->customers += pairs > 0;
}

static void ask_pairs(struct question *q, struct pairs *p, struct random *r) {
    p->start = (uint8_t)random_below(r, BED_TYPES);
    p->end = (uint8_t)random_below(r, BED_TYPES + 1);
    p->page = random_chance(r, 0.3) ? (int)random_below(r, 4) : -1;
    p->hold = random_chance(r, 0.4);
    p->first_only = random_chance(r, 0.4);
    p->within_ms = random_chance(r, 0.5) ? (1 + (int64_t)random_below(r, 20)) * 24 * HOUR_MS : 0;
    buffer_print(&q->text, "{\"start\": \"%s", type_words[p->start]);
    if (p->page >= 0)
        buffer_print(&q->text, " where page = \\\"p%d\\\"", p->page);
    buffer_print(&q->text, "\", \"pairs\": \"%s\"", p->first_only ? "first" : "every");
    if (p->end < BED_TYPES)
        buffer_print(&q->text, ", \"end\": \"%s\"", type_words[p->end]);
    if (p->hold)
        buffer_print(&q->text, ", \"hold\": \"page\"");
    if (p->within_ms)
        buffer_print(&q->text, ", \"within\": \"%lld days\"", (long long)(p->within_ms / HOUR_MS / 24));
    if (random_chance(r, 0.5))
        buffer_print(&q->text, ", \"buckets\": [0, 3600, 7200, 86400, 864000]");
    ask_period(q, r);
    ask_split(q, r);
}

static void check_pairs(const struct answer *answer, const char *group, const struct found *f, const char *question) {
    const struct answer_table *t = answer_find(answer, "pairs");
    size_t rows = 0;
    for (size_t row = 0; row < answer_rows(t); row++) {
        if (!of_group(t, row, group))
            continue;
        rows++;
        same(answer_at(t, row, "starts"), (double)f->starts, "starts", question);
        same(answer_at(t, row, "pairs"), (double)f->count, "pairs", question);
        same(answer_at(t, row, "customers"), (double)f->customers, "customers", question);
    }
    if (rows != (f->starts > 0 || (rows && !group)))
        fail_msg("seed %d: %s: %zu rows of pairs", SEED, question, rows);
}

static void interval_is_its_twin(void **state) {
    static struct found f;
    struct random r;
    size_t compared = 0;
    (void)state;
    random_init(&r, SEED + 1);
    for (int i = 0; i < QUESTIONS; i++) {
        struct question q = {0};
        struct pairs p;
        ask_pairs(&q, &p, &r);
        struct answer *answer = ask(&q, "interval", &r);
        for (int group = 0; group < (q.split ? 6 : 1); group++) {
            int town;
            char name[8];
            const char *of_town = group_of(&q, group, &town, name);
            f.count = f.missing = 0;
            f.starts = f.customers = 0;
            for (uint32_t number = 1; number <= bed.customers; number++)
                if (is_in(number, town))
                    pairs_of_customer(&f, &p, &q, number);
            compared += f.count;
            check_pairs(answer, of_town, &f, q.text.data);
            check_figures(answer, of_town, "pairs", &f, 1000, q.text.data);
            check_buckets(answer, of_town, "pairs", &f, 1000, q.text.data);
        }
        answer_free(answer);
        buffer_release(&q.text);
    }
    assert_true(compared > 10000);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(distribution_is_its_twin),
                                       cmocka_unit_test(interval_is_its_twin)};
    return cmocka_run_group_tests(tests, open_bed, close_bed);
}
