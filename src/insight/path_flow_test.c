/* path_flow_test: ways of random customers against the slow twin's sessions, counted one by one; and one example by hand. */
#include "insight/path_flow.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/path_flow_model.h"

#define NODES 6
#define CUSTOMERS 60

static int by_time(const void *a, const void *b) {
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

struct rows {
    int64_t times[MODEL_ROWS_MAX];
    uint8_t codes[MODEL_ROWS_MAX];
    size_t count;
};

static void random_rows(struct random *r, struct rows *rows) {
    rows->count = random_below(r, 30);
    for (size_t i = 0; i < rows->count; i++) {
        rows->times[i] = (int64_t)random_below(r, 400) * 1000;
        rows->codes[i] = (uint8_t)random_below(r, NODES);
    }
    qsort(rows->times, rows->count, sizeof *rows->times, by_time);
}

static uint8_t code_or_none(struct random *r) {
    return random_below(r, 2) ? FLOW_NONE : (uint8_t)random_below(r, NODES);
}

/* Takes from the counts what a session must have added; in the end nothing may be left. */
static void take_back(struct flow *f, const struct model_session *m) {
    bool converted = m->goal != SIZE_MAX;
    f->sessions--;
    f->converted -= converted;
    f->rows -= m->all_count;
    f->nodes[m->all[0]].entries--;
    f->nodes[m->all[m->all_count - 1]].exits--;
    for (size_t i = 0; i < m->all_count; i++) {
        struct flow_node *n = &f->nodes[m->all[i]];
        bool first = true;
        for (size_t k = 0; k < i; k++)
            first = first && m->all[k] != m->all[i];
        n->visits--;
        n->sessions -= first;
        if (first && i < m->goal && f->settings.goal != FLOW_NONE) {
            n->before_goal--;
            n->before_goal_converted -= converted;
        }
        if (i + 1 < m->all_count) {
            n->dwell_ms -= m->times[i + 1] - m->times[i];
            n->dwells[0]--; /* their sum, before */
        }
    }
    for (size_t i = 0; i < m->path_count; i++) {
        f->at_step[(m->first_step + i) * NODES + m->path[i]]--;
        if (i + 1 < m->path_count) {
            struct flow_link *l = flow_link_at(f, (uint32_t)(m->first_step + i), m->path[i], m->path[i + 1]);
            l->count--;
            l->ms -= m->times[m->path_at + i + 1] - m->times[m->path_at + i];
        }
    }
    for (size_t i = 0; i < f->book.count; i++) {
        struct path_entry *e = &f->book.entries[i];
        if (slice_equal(slice_of(path_codes(&f->book, e), e->length), slice_of(m->path, m->path_count))) {
            e->conversions -= converted;
            e->misses -= !converted;
        }
    }
}

static void nothing_is_left(const struct flow *f, uint64_t seed) {
    bool clean = f->sessions == 0 && f->converted == 0 && f->rows == 0;
    for (size_t i = 0; i < NODES; i++) {
        const struct flow_node *n = &f->nodes[i];
        clean = clean && !n->visits && !n->sessions && !n->entries && !n->exits && !n->before_goal &&
                !n->before_goal_converted && !n->dwell_ms && !n->dwells[0];
    }
    for (size_t i = 0; i < (size_t)f->settings.steps * NODES * NODES; i++)
        clean = clean && !f->links[i].count && !f->links[i].ms;
    for (size_t i = 0; i < (size_t)f->settings.steps * NODES; i++)
        clean = clean && !f->at_step[i];
    for (size_t i = 0; i < f->book.count; i++)
        clean = clean && !f->book.entries[i].conversions && !f->book.entries[i].misses;
    if (!clean)
        fail_msg("counts are left over (seed %llu)", (unsigned long long)seed);
}

static void a_round(uint64_t seed) {
    struct random r;
    random_init(&r, seed);
    const struct flow_settings s = {NODES,
                                    1 + (uint32_t)random_below(&r, 5),
                                    random_below(&r, 4) ? 1000 + (int64_t)random_below(&r, 60000) : 0,
                                    random_below(&r, 2),
                                    code_or_none(&r),
                                    code_or_none(&r),
                                    code_or_none(&r)};
    struct flow workers[2], all;
    static struct model_session sessions[MODEL_ROWS_MAX];
    flow_init(&workers[0], &s);
    flow_init(&workers[1], &s);
    flow_init(&all, &s);
    static struct rows customers[CUSTOMERS];
    static uint64_t keys[CUSTOMERS * MODEL_ROWS_MAX];
    uint64_t asked = 0;
    size_t key_count = 0;
    for (size_t i = 0; i < CUSTOMERS; i++) {
        random_rows(&r, &customers[i]);
        const struct rows *c = &customers[i];
        if (random_below(&r, 3) == 0)
            flow_customer(&workers[1], c->times, c->codes, c->count);
        else
            for (size_t k = 0; k < c->count; k++)
                keys[key_count++] = (uint64_t)i << (KEY_TIME_BITS + 8) | key_of(c->times[k], c->codes[k]);
    }
    flow_keys(&workers[0], keys, key_count);
    flow_merge(&all, &workers[1]);
    flow_merge(&all, &workers[0]);
    flow_finish(&all);
    for (size_t i = 0; i < NODES; i++)
        for (size_t k = 1; k < FLOW_BUCKETS; k++)
            all.nodes[i].dwells[0] += all.nodes[i].dwells[k];
    for (size_t i = 0; i < CUSTOMERS; i++) {
        const struct rows *c = &customers[i];
        size_t count = flow_model_sessions(&s, c->times, c->codes, c->count, sessions);
        asked += count > 0;
        for (size_t k = 0; k < count; k++)
            take_back(&all, &sessions[k]);
    }
    assert_int_equal(asked, all.customers);
    nothing_is_left(&all, seed);
    flow_release(&workers[0]);
    flow_release(&workers[1]);
    flow_release(&all);
}

static void ways_agree_with_the_twin(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        a_round(seed);
}

static void durations_are_told_to_within_5_percent(void **state) {
    (void)state;
    for (int64_t ms = 0; ms < 1000000000; ms = ms * 9 / 8 + 1) {
        const struct flow_settings s = {2, 2, 0, false, FLOW_NONE, FLOW_NONE, FLOW_NONE};
        struct flow f;
        flow_init(&f, &s);
        flow_customer(&f, (int64_t[]){5, 5 + ms}, (uint8_t[]){0, 1}, 2);
        flow_finish(&f);
        assert_true(fabs(flow_dwell_median(&f.nodes[0]) - (double)ms) <= 0.05 * (double)ms);
        assert_true(flow_dwell_median(&f.nodes[1]) == -1);
        flow_release(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_agree_with_the_twin),
        cmocka_unit_test(durations_are_told_to_within_5_percent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
