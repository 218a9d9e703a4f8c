/* forecast_test: what a forecast takes in of orders (no order after its end, orders of one day as one), and what it says of fits that mean little. */
#include "insight/forecast.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"
#include "insight/answer_inside.h"

#define SEED 41
#define CUSTOMERS 60
#define ORDERS 12 /* of a customer at most */

static struct orders orders;
static uint32_t customers[CUSTOMERS];
static uint64_t starts[CUSTOMERS + 1];
static int64_t times[CUSTOMERS * ORDERS];
static double values[CUSTOMERS * ORDERS];

static void begin(void) {
    orders = (struct orders){
        .customers = customers, .customer_starts = starts, .times = times, .values = values, .customer_count = 0};
}

static void add_customer(void) {
    customers[orders.customer_count] = (uint32_t)orders.customer_count + 1;
    starts[++orders.customer_count] = orders.order_count;
}

static void add_order(double day, double value) {
    times[orders.order_count] = (int64_t)(day * DAY_MS);
    values[orders.order_count++] = value;
    starts[orders.customer_count] = orders.order_count;
}

static struct forecast_options options_until(double day) {
    return (struct forecast_options){.model = BTYD_BG_NBD,
                                     .unit_days = 7,
                                     .by_day = true,
                                     .until_ms = (int64_t)(day * DAY_MS),
                                     .calendar = {zone_utc(), 1},
                                     .margin = 1};
}

static struct forecast make(const struct forecast_options *options) {
    struct forecast f;
    struct fault fault = {0};
    if (forecast_make(&orders, options, &f, &fault))
        fail_msg("%s", fault.text);
    return f;
}

static bool noted(const struct forecast *f, const char *text) {
    struct answer *answer = answer_create();
    bool found = false;
    forecast_notes(f, answer);
    for (size_t i = 0; i < answer->note_count; i++)
        found = found || strstr(answer->notes[i].data, text);
    answer_free(answer);
    return found;
}

/* Too few come back for a model of worth, so the mean stands in: that of the orders before the end. */
static void the_future_is_not_looked_at(void **state) {
    (void)state;
    begin();
    for (unsigned i = 0; i < 20; i++) {
        add_customer();
        add_order(i, 10);
        if (i < 4)
            add_order(40 + i, 20);
        add_order(101, 1e6);
    }
    const struct forecast_options options = options_until(100);
    struct forecast f = make(&options);
    assert_false(f.worth_fitted);
    assert_int_equal(f.known, 20);
    assert_int_equal(f.repeaters, 4);
    assert_true(fabs(forecast_customer(&f, 19, 30).worth - 280.0 / 24) < 1e-12);
    assert_true(noted(&f, "the mean of all orders is taken"));
    forecast_release(&f);
}

/* Two orders of one day, and their sum as one order, are the same to a model that counts in days. */
static void orders_of_one_day_are_one(void **state) {
    struct forecast apart, together;
    struct random r;
    (void)state;
    random_init(&r, SEED);
    for (unsigned merged = 0; merged < 2; merged++) {
        begin();
        random_init(&r, SEED);
        for (unsigned i = 0; i < CUSTOMERS; i++) {
            add_customer();
            double day = (double)random_below(&r, 30);
            for (int64_t days = random_between(&r, 1, ORDERS / 2); days > 0; days--) {
                const double one = (double)random_between(&r, 1, 50), other = (double)random_between(&r, 1, 50);
                const bool twice = random_chance(&r, 0.4);
                if (twice && !merged)
                    add_order(day, one);
                add_order(day + 0.5, twice && !merged ? other : one + (twice ? other : 0));
                day += (double)random_between(&r, 1, 12);
            }
        }
        const struct forecast_options options = options_until(100);
        struct forecast f = make(&options);
        *(merged ? &together : &apart) = f;
    }
    assert_memory_equal(apart.buyers, together.buyers, CUSTOMERS * sizeof *apart.buyers);
    assert_memory_equal(apart.spend, together.spend, CUSTOMERS * sizeof *apart.spend);
    assert_true(apart.worth_plain == together.worth_plain);
    assert_memory_equal(apart.fit.parameters, together.fit.parameters, sizeof apart.fit.parameters);
    forecast_release(&apart);
    forecast_release(&together);
}

/* Everybody spends the same each time: how orders differ is not to be learnt from that, what they are worth is. */
static void worth_that_is_alike_is_told(void **state) {
    struct random r;
    (void)state;
    random_init(&r, SEED);
    begin();
    for (unsigned i = 0; i < CUSTOMERS; i++) {
        add_customer();
        double day = (double)random_below(&r, 30);
        for (unsigned n = 0; n < 1 + i % 5; n++, day += (double)random_between(&r, 1, 20))
            add_order(day, 25);
    }
    const struct forecast_options options = options_until(120);
    struct forecast f = make(&options);
    assert_true(f.worth_fitted && f.worth.at_border);
    assert_true(noted(&f, "gamma_gamma: a parameter ran to the end of its range"));
    for (size_t i = 0; i < CUSTOMERS; i++) {
        const struct outlook o = forecast_customer(&f, i, 365);
        if (!(fabs(o.worth - 25) < 0.01) || !(o.orders >= 0 && isfinite(o.orders)))
            fail_msg("customer %zu: worth %g, orders %g", i, o.worth, o.orders);
    }
    forecast_release(&f);
}

/* Nobody ever stops, and all buy alike often: the fit runs off, is said to, and still gives numbers. */
static void rhythms_that_are_alike_are_told(void **state) {
    (void)state;
    begin();
    for (unsigned i = 0; i < CUSTOMERS; i++) {
        add_customer();
        for (unsigned n = 0; n < ORDERS - 1; n++)
            add_order(i % 7 + 7.0 * n, 5.0 + i % 3 + n % 2);
    }
    for (enum btyd_model model = 0; model < BTYD_MODELS; model++) {
        struct forecast_options options = options_until(7 * ORDERS);
        options.model = model;
        struct forecast f = make(&options);
        assert_true(f.fit.at_border);
        assert_true(noted(&f, btyd_words(model)->name));
        assert_false(noted(&f, btyd_words((enum btyd_model) !model)->name));
        for (size_t i = 0; i < CUSTOMERS; i++) {
            const struct outlook o = forecast_customer(&f, i, 70);
            if (!(o.orders > 0 && o.orders < 20 && isfinite(o.revenue)))
                fail_msg("model %d, customer %zu: orders %g, revenue %g", model, i, o.orders, o.revenue);
        }
        forecast_release(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_future_is_not_looked_at), cmocka_unit_test(orders_of_one_day_are_one),
        cmocka_unit_test(worth_that_is_alike_is_told), cmocka_unit_test(rhythms_that_are_alike_are_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
