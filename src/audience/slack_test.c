/* slack_test: bytes against a plain table of them: segments that come and go, spans far apart, what is forgotten and
 * what stays. */
#include "audience/slack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/random.h"

#define SPANS 3
#define SEGMENTS 200

static const uint32_t spans[SPANS] = {0, 1, 40};

struct twin { /* by segment */
    uint8_t bytes[SPANS * SPAN_CUSTOMERS][SEGMENTS];
    int64_t sure_ms[SPANS * SPAN_CUSTOMERS];
    bool there[SEGMENTS];
};

static void compare(struct slack *s, const struct twin *t, uint32_t at) {
    struct slack_place place =
        slack_of(s, (struct customer_id){spans[at / SPAN_CUSTOMERS] * SPAN_CUSTOMERS + at % SPAN_CUSTOMERS});
    assert_non_null(place.bytes);
    assert_true(*place.sure_ms == t->sure_ms[at]);
    for (uint32_t n = 1; n < SEGMENTS; n++)
        if (t->there[n])
            assert_int_equal(place.bytes[slack_slot(s, n)], t->bytes[at][n]);
}

/* A segment that takes a place begins with everybody evaluated: with its bytes written. */
static void take_place(struct slack *s, struct twin *t, uint32_t n) {
    uint32_t slot = slack_slot(s, n);
    t->there[n] = true;
    for (uint32_t at = 0; at < SPANS * SPAN_CUSTOMERS; at++)
        t->bytes[at][n] = 0;
    for (uint32_t k = 0; k < SPANS; k++)
        slack_forget_span(s, spans[k], slot);
}

static void expire(struct slack *s, struct twin *t, uint32_t at, const struct slack_place *place, int64_t now_ms) {
    slack_expire(s, place, now_ms);
    if (now_ms < t->sure_ms[at])
        return;
    t->sure_ms[at] = INT64_MAX;
    for (uint32_t n = 0; n < SEGMENTS; n++)
        t->bytes[at][n] &= SLACK_TURNS - 1;
}

static void bytes_stand_by_customer(void **state) {
    struct twin *t = memory_get(1, sizeof *t);
    struct slack *s = slack_create();
    struct random r;
    (void)state;
    random_init(&r, 7);
    for (uint32_t at = 0; at < SPANS * SPAN_CUSTOMERS; at++)
        t->sure_ms[at] = INT64_MAX;
    for (unsigned step = 0; step < 20000; step++) {
        uint32_t at = (uint32_t)random_below(&r, SPANS * SPAN_CUSTOMERS);
        uint32_t n = 1 + (uint32_t)random_below(&r, 1 + step * (SEGMENTS - 1) / 20000);
        struct customer_id customer = {spans[at / SPAN_CUSTOMERS] * SPAN_CUSTOMERS + at % SPAN_CUSTOMERS};
        struct slack_place place = slack_of(s, customer);
        unsigned dice = (unsigned)random_below(&r, 100);
        if (!t->there[n]) {
            take_place(s, t, n);
        } else if (dice < 2) {
            slack_drop(s, n);
            t->there[n] = false;
        } else if (dice < 6) {
            slack_forget(s, customer);
            memset(t->bytes[at], 0, SEGMENTS);
            t->sure_ms[at] = INT64_MAX;
        } else if (dice < 10) {
            expire(s, t, at, &place, (int64_t)random_below(&r, 100));
        } else {
            place.bytes[slack_slot(s, n)] = t->bytes[at][n] = (uint8_t)random_below(&r, 256);
            *place.sure_ms = t->sure_ms[at] = (int64_t)random_below(&r, 100);
        }
        compare(s, t, at);
    }
    for (uint32_t at = 0; at < SPANS * SPAN_CUSTOMERS; at++)
        compare(s, t, at);
    slack_free(s);
    free(t);
}

static void events_use_it_up(void **state) {
    (void)state;
    uint8_t byte = slack_byte(3, false, true, false);
    assert_int_equal(slack_take(&byte, true), SLACK_HOLDS);
    assert_int_equal(slack_take(&byte, true), SLACK_HOLDS);
    assert_int_equal(slack_take(&byte, true), SLACK_UNKNOWN);
    assert_int_equal(slack_take(&byte, true), SLACK_UNKNOWN);
    byte = 0;
    assert_int_equal(slack_take(&byte, true), SLACK_UNKNOWN);
    byte = slack_byte(UINT32_MAX, false, true, false);
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(slack_take(&byte, false), SLACK_HOLDS);
    assert_int_equal(slack_byte(30, false, false, false), 30);
    assert_int_equal(slack_byte(1000, false, false, false), 30);
    assert_int_equal(slack_byte(UINT32_MAX - 1, true, true, false), 30 | SLACK_DOCUMENTS);
    assert_int_equal(slack_byte(UINT32_MAX, true, false, false), SLACK_ANY_EVENTS);
    assert_int_equal(slack_byte(UINT32_MAX, false, true, true), SLACK_ANY_EVENTS | SLACK_DOCUMENTS);
}

static void what_keeps_it_when_events_end(void **state) {
    (void)state;
    uint8_t byte = slack_byte(2, false, true, true), after = slack_document(byte);
    assert_int_equal(slack_take(&byte, true), SLACK_HOLDS);
    assert_int_equal(byte, 1 | SLACK_DOCUMENTS | SLACK_KEEPS);
    assert_int_equal(slack_take(&byte, true), SLACK_HOLDS);
    assert_int_equal(byte, SLACK_ANY_EVENTS); /* and no document */
    assert_int_equal(slack_take(&after, true), SLACK_HOLDS);
    assert_int_equal(slack_take(&after, true), SLACK_UNKNOWN);
}

static void the_last_turns_it_where_all_were_sure(void **state) {
    (void)state;
    for (unsigned unsure = 0; unsure < 4; unsure++) {
        uint8_t byte = slack_byte(3, true, true, false);
        for (unsigned event = 0; event < 2; event++)
            assert_int_equal(slack_take(&byte, event != unsure), SLACK_HOLDS);
        assert_int_equal(slack_take(&byte, unsure != 2), unsure == 3 ? SLACK_TURNED : SLACK_UNKNOWN);
        if (unsure == 3)
            assert_int_equal(slack_take(&byte, false), SLACK_HOLDS);
        assert_int_equal(byte & SLACK_DOCUMENTS, unsure == 3 ? 0 : SLACK_DOCUMENTS);
    }
    for (uint32_t events = 1; events < 300; events++) {
        uint8_t byte = slack_byte(events, true, events % 2, false);
        for (uint32_t event = 1; event < (events < 31 ? events : 30); event++)
            assert_int_equal(slack_take(&byte, true), SLACK_HOLDS);
        assert_int_equal(slack_take(&byte, true), events < 31 ? SLACK_TURNED : SLACK_UNKNOWN);
    }
}

/* Eight together come to what each alone does. */
static void eight_at_once_as_each_alone(void **state) {
    struct random r;
    (void)state;
    random_init(&r, 3);
    for (unsigned step = 0; step < 20000; step++) {
        uint8_t bytes[8], alone[8], documents[8];
        uint64_t which = 0;
        bool sure = random_below(&r, 2);
        for (unsigned i = 0; i < 8; i++) {
            static const uint8_t some[] = {0, 1, 2, 29, 30, 31};
            bytes[i] = (uint8_t)((random_below(&r, 2) ? some[random_below(&r, 6)] : random_below(&r, 32)) |
                                 random_below(&r, 8) << 5);
            which |= (uint64_t)(random_below(&r, 3) ? SLACK_TURNS : 0) << 8 * i;
        }
        memcpy(alone, bytes, sizeof alone);
        memcpy(documents, bytes, sizeof documents);
        uint64_t left = slack_take_word(bytes, which, sure), matter = slack_document_word(documents, which);
        for (unsigned i = 0; i < 8; i++) {
            bool meant = which >> 8 * i & SLACK_TURNS;
            uint8_t before = alone[i];
            enum slack_says says = meant ? slack_take(&alone[i], sure) : SLACK_HOLDS;
            assert_int_equal(left >> 8 * i & 255, meant && slack_events(before) <= 1 ? SLACK_TURNS : 0);
            if (left >> 8 * i & 255)
                assert_int_equal(slack_take(&bytes[i], sure), says);
            else
                assert_int_equal(says, SLACK_HOLDS);
            assert_int_equal(bytes[i], alone[i]);
            assert_int_equal(documents[i], meant ? slack_document(before) : before);
            assert_int_equal(matter >> 8 * i & 255, meant && !(before & SLACK_DOCUMENTS) ? SLACK_TURNS : 0);
        }
    }
}

/* What was counted stays until it is let go, and then no byte of that kind turns. */
static void values_that_were_counted(void **state) {
    (void)state;
    struct slack *s = slack_create();
    struct random r;
    bool counted[200] = {false};
    uint64_t lets_go = 0;
    random_init(&r, 11);
    slack_of(s, (struct customer_id){7});
    uint32_t asks = slack_slot(s, 1), other = slack_slot(s, 2), asks_too = slack_slot(s, 40);
    slack_set_distinct(s, asks, true);
    slack_set_distinct(s, asks_too, true);
    for (unsigned step = 0; step < 20000; step++) {
        struct slack_place place = slack_of(s, (struct customer_id){7});
        uint16_t prints[SLACK_VALUES];
        uint32_t count = 1 + (uint32_t)random_below(&r, random_below(&r, 20) ? 2 : SLACK_VALUES);
        assert_non_null(place.values);
        place.bytes[asks] = place.bytes[other] = place.bytes[asks_too] = SLACK_TURNS | 5;
        for (uint32_t i = 0; i < count; i++)
            prints[i] = (uint16_t)(1 + random_below(&r, step % 3 ? 20 : 199));
        assert_true(slack_add_values(s, &place, prints, count));
        bool gone = !(place.bytes[asks] & SLACK_TURNS);
        assert_int_equal(place.bytes[asks], place.bytes[asks_too]);
        assert_int_equal(place.bytes[other], SLACK_TURNS | 5);
        lets_go += gone;
        for (unsigned i = 1; i < 200 && gone; i++)
            counted[i] = false;
        for (uint32_t i = 0; i < count; i++)
            counted[prints[i]] = true;
        for (unsigned i = 1; i < 200; i++)
            assert_int_equal(slack_has_value(&place, (uint16_t)i), counted[i]);
        if (step % 100 == 99) {
            if (step % 200 == 199)
                slack_forget(s, (struct customer_id){7});
            else
                slack_expire(s, &place, INT64_MAX);
            memset(counted, 0, sizeof counted);
        }
    }
    assert_true(lets_go > 100 && lets_go < 15000);
    struct slack_place far = slack_of(s, (struct customer_id){8});
    assert_false(slack_has_value(&far, 3));
    far.values = NULL;
    assert_true(slack_has_value(&far, 3)); /* not known */
    assert_false(slack_add_values(s, &far, &(uint16_t){3}, 1));
    slack_free(s);
}

static void it_has_a_bound(void **state) {
    (void)state;
    struct slack *s = slack_create();
    uint32_t span = 0, slot = 0;
    for (uint32_t n = 1; n <= 10000; n++)
        slot = slack_slot(s, n);
    assert_int_equal(slot, 9999);
    while (slack_of(s, (struct customer_id){span * SPAN_CUSTOMERS + 5}).bytes && span < 100)
        span++;
    assert_int_equal(span, SLACK_BYTES_MAX / ((uint64_t)SPAN_CUSTOMERS * (10240 + 8) + 64));
    assert_true(slack_bytes(s) <= SLACK_BYTES_MAX);
    slack_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(bytes_stand_by_customer),
                                       cmocka_unit_test(events_use_it_up),
                                       cmocka_unit_test(what_keeps_it_when_events_end),
                                       cmocka_unit_test(the_last_turns_it_where_all_were_sure),
                                       cmocka_unit_test(eight_at_once_as_each_alone),
                                       cmocka_unit_test(values_that_were_counted),
                                       cmocka_unit_test(it_has_a_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
