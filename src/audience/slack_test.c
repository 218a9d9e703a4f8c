/* slack_test: bytes against a plain table of them: roots of any number, spans far apart, what is forgotten and what stays. */
#include "audience/slack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SPANS 3

static void bytes_stand_by_customer(void **state) {
    static const uint32_t spans[SPANS] = {0, 1, 40};
    (void)state;
    for (uint32_t roots = 1; roots < 200; roots += 37) {
        struct random r;
        random_init(&r, roots);
        struct slack *s = slack_create(roots);
        uint8_t *table = memory_get((size_t)SPANS * SPAN_CUSTOMERS * roots, 1);
        for (unsigned step = 0; step < 3000; step++) {
            uint32_t k = (uint32_t)random_below(&r, SPANS), place = (uint32_t)random_below(&r, SPAN_CUSTOMERS),
                     root = (uint32_t)random_below(&r, roots);
            struct customer_id customer = {spans[k] * SPAN_CUSTOMERS + place};
            uint8_t *mine = &table[((size_t)k * SPAN_CUSTOMERS + place) * roots];
            uint64_t which[4] = {random_next(&r), random_next(&r), random_next(&r), random_next(&r)};
            unsigned dice = (unsigned)random_below(&r, 100);
            if (dice < 2) {
                slack_forget(s, customer);
                memset(mine, 0, roots);
            } else if (dice < 3) {
                slack_forget_span(s, spans[k], which);
                for (size_t i = 0; i < (size_t)SPAN_CUSTOMERS * roots; i++)
                    if (which[i % roots / 64] >> i % roots % 64 & 1)
                        table[(size_t)k * SPAN_CUSTOMERS * roots + i] = 0;
            } else {
                mine[root] = (uint8_t)random_below(&r, 256);
                slack_of(s, customer)[root] = mine[root];
            }
            assert_memory_equal(slack_of(s, customer), mine, roots);
        }
        slack_free(s);
        free(table);
    }
}

static void events_use_it_up(void **state) {
    (void)state;
    uint8_t byte = slack_byte(3);
    assert_true(slack_takes(&byte));
    assert_true(slack_takes(&byte));
    assert_false(slack_takes(&byte));
    assert_false(slack_takes(&byte));
    byte = 0;
    assert_false(slack_takes(&byte));
    byte = slack_byte(UINT32_MAX);
    for (unsigned i = 0; i < 1000; i++)
        assert_true(slack_takes(&byte));
    assert_int_equal(slack_byte(254), 254);
    assert_int_equal(slack_byte(255), 254);
    assert_int_equal(slack_byte(UINT32_MAX - 1), 254);
}

static void it_has_a_bound(void **state) {
    (void)state;
    struct slack *s = slack_create(10000);
    uint32_t span = 0;
    while (slack_of(s, (struct customer_id){span * SPAN_CUSTOMERS + 5}) && span < 100)
        span++;
    assert_int_equal(span, SLACK_BYTES_MAX / ((uint64_t)SPAN_CUSTOMERS * 10048 + 64));
    slack_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_stand_by_customer), cmocka_unit_test(events_use_it_up),
                                       cmocka_unit_test(it_has_a_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
