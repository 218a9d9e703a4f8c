/* attribution_window_test: paths straight from random columns, with ties within a run and between runs, against each customer's whole history in order
 * (attribution_history_model.h), in every figure of the tally: all rules; few rows, none, many; few channels, and so many that paths seen do
 * not fit. */
#include "insight/attribution_window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "insight/attribution_history_model.h"

#define RUNS 4
#define ROWS_MAX 160
#define PARTS 3
#define ROUNDS 150

struct row {
    int64_t time;
    uint64_t position;
    uint8_t code, run;
};
struct customer {
    struct row rows[ROWS_MAX];
    int64_t times[ROWS_MAX], conversions[8], values[8];
    uint8_t codes[ROWS_MAX];
    size_t count, converted;
};
struct kind {
    unsigned runs, channels;
    uint64_t rows, moments;
    uint32_t customers;
};
struct bed {
    struct kind kind;
    struct attribution_rule rule;
    struct customer *customers;
    int64_t *times[RUNS];
    uint8_t *codes[RUNS];
    uint32_t *starts[RUNS];
    struct code_run runs[RUNS];
    bool direct[ATTRIBUTION_CHANNELS_MAX];
    int64_t half_life_ms;
    bool want_book;
    unsigned asked_in_order;
};

static int by_moment(const void *a, const void *b) {
    const struct row *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->position > y->position) - (x->position < y->position);
}

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static void make_customer(struct random *r, const struct kind *kind, struct customer *c) {
    c->count = random_below(r, random_below(r, 20) ? kind->rows : ROWS_MAX);
    c->converted = random_below(r, 3) ? random_below(r, 8) : 0;
    for (size_t i = 0; i < c->count; i++)
        c->rows[i] = (struct row){(int64_t)random_below(r, kind->moments), random_next(r),
                                  (uint8_t)random_below(r, kind->channels), (uint8_t)random_below(r, kind->runs)};
    qsort(c->rows, c->count, sizeof *c->rows, by_moment);
    for (size_t i = 0; i < c->count; i++) {
        c->times[i] = c->rows[i].time;
        c->codes[i] = c->rows[i].code;
    }
    for (size_t i = 0; i < c->converted; i++) {
        c->conversions[i] = (int64_t)random_below(r, kind->moments);
        c->values[i] = random_between(r, -1000, INT64_MAX / 4);
    }
    qsort(c->conversions, c->converted, sizeof *c->conversions, by_time);
}

static void make_run(struct bed *b, struct random *r, unsigned run) {
    const size_t most = (size_t)b->kind.customers * ROWS_MAX;
    const uint32_t before = (uint32_t)random_below(r, 10); /* starts are absolute */
    uint32_t count = 0;
    b->times[run] = memory_get(most, sizeof *b->times[run]);
    b->codes[run] = memory_get(most + CODE_PADDING, 1);
    b->starts[run] = memory_get(b->kind.customers + 1, sizeof *b->starts[run]);
    for (uint32_t i = 0; i < b->kind.customers; i++) {
        const struct customer *c = &b->customers[i];
        b->starts[run][i] = before + count;
        for (size_t k = 0; k < c->count; k++)
            if (c->rows[k].run == run) {
                b->times[run][count] = c->rows[k].time;
                b->codes[run][count++] = c->rows[k].code;
            }
    }
    b->starts[run][b->kind.customers] = before + count;
    b->times[run] = memory_resize(b->times[run], count + !count, sizeof *b->times[run]); /* reading past it is seen */
    b->codes[run] = memory_resize(b->codes[run], count + CODE_PADDING, 1);
    b->runs[run] = (struct code_run){b->times[run], b->codes[run], b->starts[run], count};
}

static void release(struct bed *b) {
    for (unsigned run = 0; run < b->kind.runs; run++) {
        free(b->times[run]);
        free(b->codes[run]);
        free(b->starts[run]);
    }
    free(b->customers);
}

static void make_part(struct bed *b, struct random *r) {
    b->customers = memory_get(b->kind.customers, sizeof *b->customers);
    for (uint32_t i = 0; i < b->kind.customers; i++)
        make_customer(r, &b->kind, &b->customers[i]);
    for (unsigned run = 0; run < b->kind.runs; run++)
        make_run(b, r, run);
}

static void make_rule(struct bed *b, struct random *r) {
    const int64_t moments = (int64_t)b->kind.moments;
    b->rule = (struct attribution_rule){.look_back_ms = random_between(r, 0, moments),
                                        .repeat = (enum attribution_repeat)random_below(r, 3),
                                        .cut = random_below(r, 2),
                                        .collapse = random_below(r, 3) == 0,
                                        .counted_from = random_below(r, 2) ? INT64_MIN : random_between(r, 0, moments)};
    b->half_life_ms = random_below(r, 3) ? 0 : 20;
    b->want_book = random_below(r, 2);
    for (unsigned c = 0; c < b->kind.channels; c++)
        b->direct[c] = random_below(r, 4) == 0;
}

static struct attribution *tally_of(const struct bed *b) {
    struct attribution *t = attribution_create(b->kind.channels);
    memcpy(t->direct, b->direct, sizeof t->direct);
    t->half_life_ms = b->half_life_ms;
    t->want_book = b->want_book;
    return t;
}

static void in_order(void *context, uint32_t customer, struct attribution_history *h) {
    struct bed *b = context;
    const struct customer *c = &b->customers[customer];
    *h = (struct attribution_history){.touch_times = c->times, .touch_codes = c->codes, .touch_count = c->count};
    b->asked_in_order++;
}

#define SAME(member)                                                                                                   \
    if (memcmp(&mine->member, &twin->member, sizeof mine->member) != 0)                                                \
    fail_msg("%s differs from its twin's (seed %llu)", #member, (unsigned long long)seed)

static void compare(struct attribution *mine, struct attribution *twin, uint64_t seed) {
    SAME(conversions);
    SAME(misses);
    SAME(value);
    SAME(uncovered);
    SAME(uncovered_value);
    SAME(touches);
    SAME(last_non_direct);
    SAME(decay);
    SAME(decay_value);
    for (size_t length = 0; length <= ATTRIBUTION_TOUCHES_MAX; length++) {
        assert_int_equal(mine->by_length[length] != NULL, twin->by_length[length] != NULL);
        if (mine->by_length[length])
            SAME(by_length[length][0]);
    }
    path_book_sort(&mine->book);
    path_book_sort(&twin->book);
    SAME(book.count);
    for (size_t i = 0; i < mine->book.count; i++) {
        const struct path_entry *a = &mine->book.entries[i], *e = &twin->book.entries[i];
        if (a->length != e->length || a->conversions != e->conversions || a->misses != e->misses ||
            a->value != e->value || memcmp(path_codes(&mine->book, a), path_codes(&twin->book, e), a->length) != 0)
            fail_msg("path %zu differs from its twin's (seed %llu)", i, (unsigned long long)seed);
    }
}

static void add_part(struct bed *b, struct attribution_windows *w, struct attribution *twin) {
    attribution_windows_runs(w, b->runs, b->kind.runs);
    for (uint32_t i = 0; i < b->kind.customers; i++) {
        const struct customer *c = &b->customers[i];
        attribution_windows_customer(w, i, c->conversions, c->values, c->converted);
        attribution_customer(
            twin, &b->rule,
            &(struct attribution_history){c->times, c->codes, c->count, c->conversions, c->values, c->converted});
    }
    attribution_windows_count(w);
}

static unsigned check(const struct kind *kind, uint64_t seed) {
    struct bed b = {.kind = *kind};
    struct random r;
    random_init(&r, seed);
    make_rule(&b, &r);
    struct attribution *mine = tally_of(&b), *twin = tally_of(&b);
    struct attribution_windows w = {.tally = mine, .rule = &b.rule, .in_order = in_order, .context = &b};
    for (int part = 0; part < PARTS; part++) {
        make_part(&b, &r);
        add_part(&b, &w, twin);
        release(&b);
    }
    attribution_windows_settle(&w);
    compare(mine, twin, seed);
    attribution_windows_release(&w);
    attribution_free(mine);
    attribution_free(twin);
    return b.asked_in_order;
}

static void as_whole_histories(void **state) {
    unsigned asked = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= ROUNDS; seed++) {
        struct random r;
        random_init(&r, seed);
        const struct kind kind = {1 + (unsigned)random_below(&r, RUNS), 1 + (unsigned)random_below(&r, 6),
                                  2 + random_below(&r, 40), random_below(&r, 2) ? 30 : 100000,
                                  1 + (uint32_t)random_below(&r, 60)};
        asked += check(&kind, seed);
    }
    assert_true(asked > 0); /* ties that only positions settle came up */
}

static void more_paths_than_are_kept(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++)
        check(&(struct kind){2, 200, 12, 1000, 2500}, seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_whole_histories),
                                       cmocka_unit_test(more_paths_than_are_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
