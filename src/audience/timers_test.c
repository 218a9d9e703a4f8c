/* timers_test: due moments against a plain array: the next one, who is due then, and what is saved. */
#include "audience/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define CUSTOMERS (400 * SPAN_CUSTOMERS) /* more spans than the tree begins with */

static uint64_t seed;

static int64_t some_moment(struct random *r) {
    return random_below(r, 5) == 0 ? TIMER_NEVER : (int64_t)random_below(r, 50);
}

static uint32_t some_customer(struct random *r) {
    return (uint32_t)random_below(r, random_below(r, 2) ? CUSTOMERS : 3 * SPAN_CUSTOMERS);
}

static int64_t least(const int64_t *twin) {
    int64_t next = TIMER_NEVER;
    for (uint32_t c = 0; c < CUSTOMERS; c++)
        next = twin[c] < next ? twin[c] : next;
    return next;
}

/* Everybody due at the next moment, in order; they get a later one. */
static void work_next(struct timers *t, int64_t *twin, struct random *r) {
    uint16_t places[SPAN_CUSTOMERS];
    int64_t moment = timers_next(t);
    uint32_t expected = 0;
    for (uint32_t span = timers_span_due(t, 0, moment); span != UINT32_MAX;
         span = timers_span_due(t, span + 1, moment)) {
        uint32_t count = timers_due(t, span, moment, places);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t customer = span * SPAN_CUSTOMERS + places[i];
            while (expected < customer)
                assert_true(twin[expected++] != moment);
            assert_int_equal(twin[customer], moment);
            expected = customer + 1;
            twin[customer] = moment + 1 + (int64_t)random_below(r, 30);
            timers_set(t, (struct customer_id){customer}, twin[customer]);
        }
    }
    assert_true(timers_next(t) > moment);
}

static void expect_same(const struct timers *t, const int64_t *twin) {
    assert_int_equal(timers_next(t), least(twin));
    for (uint32_t c = 0; c < CUSTOMERS; c++)
        if (timers_get(t, (struct customer_id){c}) != twin[c])
            fail_msg("seed %llu: customer %u", (unsigned long long)seed, c);
}

static void set_some(struct timers *t, int64_t *twin, struct random *r) {
    for (int i = 0; i < 2000; i++) {
        uint32_t customer = some_customer(r);
        twin[customer] = some_moment(r);
        timers_set(t, (struct customer_id){customer}, twin[customer]);
    }
    uint32_t span = (uint32_t)random_below(r, CUSTOMERS / SPAN_CUSTOMERS);
    int64_t *moments = twin + (size_t)span * SPAN_CUSTOMERS;
    for (uint32_t i = 0; i < SPAN_CUSTOMERS; i++)
        moments[i] = some_moment(r);
    timers_set_span(t, span, moments);
}

static void like_a_plain_array(void **state) {
    (void)state;
    for (seed = 1; seed <= 4; seed++) {
        struct random r;
        struct timers *t = timers_create(), *again = timers_create();
        int64_t *twin = calloc(CUSTOMERS, sizeof *twin);
        struct buffer saved = {0};
        struct fault fault = {0};
        random_init(&r, seed);
        for (uint32_t c = 0; c < CUSTOMERS; c++)
            twin[c] = TIMER_NEVER;
        assert_int_equal(timers_next(t), TIMER_NEVER);
        for (int round = 0; round < 3; round++) {
            set_some(t, twin, &r);
            expect_same(t, twin);
            for (int i = 0; i < 5; i++)
                work_next(t, twin, &r);
        }
        expect_same(t, twin);
        timers_save(t, &saved);
        assert_int_equal(timers_load(again, buffer_slice(&saved), &fault), STATUS_OK);
        expect_same(again, twin);
        timers_clear(again);
        assert_int_equal(timers_next(again), TIMER_NEVER);
        buffer_release(&saved);
        timers_free(t);
        timers_free(again);
        free(twin);
    }
}

static void damage_is_refused(void **state) {
    struct saved_timers *saved = calloc(1, sizeof *saved);
    struct timers *t = timers_create();
    struct fault fault = {0};
    (void)state;
    saved->span = 1u << 20;
    assert_int_equal(timers_load(t, slice_of(saved, sizeof *saved), &fault), STATUS_DAMAGED);
    assert_int_equal(timers_load(t, slice_of(saved, 16), &fault), STATUS_DAMAGED);
    timers_free(t);
    free(saved);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(like_a_plain_array), cmocka_unit_test(damage_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
