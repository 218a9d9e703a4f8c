/* What docs/identity.md says of order: that it does not matter who is with whom, over records that contradict each other in every order tried;
 * and the exceptions it names, one by one: each must be as it says, so that the list stays true. */
#include "identity/identity_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"
#include "identity/identity_solve.h"
#include "identity/rehearsal.h"

static uint32_t see_at(struct bed *bed, const char *text, int64_t time_ms) {
    struct governed record;
    record_of(bed, text, &record);
    record.time_ms = time_ms;
    if (identity_resolve(bed->identity, &record, ++bed->position, 1, &bed->last))
        return 0;
    return bed->last.customer.number;
}

/* --- any order --- */

#define RECORDS 60
#define VALUES 12

struct said {
    char text[96];
    int64_t time_ms;
};

static void make_said(struct random *r, struct said *s) {
    static const char *const names[] = {"user_id", "phone", "email", "anonymous_id", "order_id"};
    size_t at = 0;
    for (size_t i = 0; i < 5; i++)
        if (random_chance(r, 0.45) || (i == 4 && at == 0))
            at += (size_t)snprintf(s->text + at, sizeof s->text - at, "%s%s=%u", at ? " " : "", names[i],
                                   1 + (unsigned)random_below(r, VALUES));
    s->time_ms = 1000 * (int64_t)random_below(r, 40);
}

struct partition {
    uint32_t owners[5 * VALUES];
    bool shared[5 * VALUES];
};

static void read_partition(struct bed *bed, struct partition *p) {
    static const char *const names[] = {"user_id", "phone", "email", "anonymous_id", "order_id"};
    char value[16];
    for (size_t i = 0; i < 5 * VALUES; i++) {
        snprintf(value, sizeof value, "%u", 1 + (unsigned)(i % VALUES));
        p->owners[i] = owner_of(bed, names[i / VALUES], value);
        p->shared[i] = p->owners[i] && identity_is_shared(bed->identity, (struct customer_id){p->owners[i]});
    }
}

/* An identifier that never had to stand for a record is nobody's: that is no question of who is with whom. */
static bool same_partition(const struct partition *x, const struct partition *y, size_t *differs) {
    for (size_t i = 0; i < 5 * VALUES; i++)
        for (size_t j = 0; j < i; j++) {
            bool known = x->owners[i] && x->owners[j] && y->owners[i] && y->owners[j];
            *differs = i;
            if (known &&
                ((x->owners[i] == x->owners[j]) != (y->owners[i] == y->owners[j]) || x->shared[i] != y->shared[i]))
                return false;
        }
    return true;
}

static void test_any_order(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct random random;
        struct said said[RECORDS];
        struct partition first, other;
        size_t differs;
        random_init(&random, seed);
        for (size_t i = 0; i < RECORDS; i++)
            make_said(&random, &said[i]);
        for (int order = 0; order < 8; order++) {
            struct bed bed;
            bed_open(&bed);
            for (int again = 0; again < 2; again++) /* so that all have stood for a record, whatever the order */
                for (size_t i = 0; i < RECORDS; i++)
                    see_at(&bed, said[i].text, said[i].time_ms);
            read_partition(&bed, order ? &other : &first);
            if (order && !same_partition(&first, &other, &differs))
                fail_msg("seed %llu, order %d: identifier %zu", (unsigned long long)seed, order, differs);
            bed_close(&bed);
            for (size_t i = RECORDS - 1; i > 0; i--) {
                size_t j = random_below(&random, i + 1);
                struct said swap = said[i];
                said[i] = said[j];
                said[j] = swap;
            }
        }
    }
}

/* --- the exceptions --- */

/* `last` goes by arrival, not by event time. */
static void test_last_goes_by_arrival(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct bed bed;
        bed_open(&bed);
        identity_share_devices(bed.identity, SHARED_DEVICE_LAST);
        see_at(&bed, order ? "user_id=u2 anonymous_id=a" : "user_id=u1 anonymous_id=a", order ? 9000 : 1000);
        see_at(&bed, order ? "user_id=u1 anonymous_id=a" : "user_id=u2 anonymous_id=a", order ? 1000 : 9000);
        assert_int_equal(owner_of(&bed, "anonymous_id", "a"), owner_of(&bed, "user_id", order ? "u1" : "u2"));
        bed_close(&bed);
    }
}

/* Devices and nothing else arrive through the strongest that is not shared at that moment. */
static void test_devices_alone(void **state) {
    (void)state;
    for (int order = 0; order < 2; order++) {
        struct bed bed;
        bed_open(&bed);
        see_at(&bed, "user_id=u1 device_id=d", 1000);
        if (order)
            see_at(&bed, "user_id=u2 device_id=d", 2000);
        see_at(&bed, "device_id=d anonymous_id=a", 3000);
        assert_int_equal(bed.last.arrival.number,
                         number_of(&bed, order ? "anonymous_id" : "device_id", order ? "a" : "d"));
        if (!order)
            see_at(&bed, "user_id=u2 device_id=d", 2000);
        /* who is with whom is the same in either order */
        assert_int_not_equal(owner_of(&bed, "device_id", "d"), owner_of(&bed, "user_id", "u1"));
        assert_true(identity_is_shared(bed.identity, (struct customer_id){owner_of(&bed, "device_id", "d")}));
        if (owner_of(&bed, "anonymous_id", "a"))
            assert_int_not_equal(owner_of(&bed, "anonymous_id", "a"), owner_of(&bed, "device_id", "d"));
        bed_close(&bed);
    }
}

static void ignore(void *context, const struct resolution *resolution) { (void)context, (void)resolution; }

/* A component of too many pairs is not solved for a record: its pieces stay, what was said is kept, the journal tells; a sweep over
 * everything solves it. */
static void test_large_component(void **state) {
    (void)state;
    struct bed bed;
    char text[64];
    bed_open(&bed);
    see_at(&bed, "user_id=u1 phone=+8613912345678", 5000);
    for (unsigned i = 0; i < SOLVE_EDGES_MAX; i++) {
        snprintf(text, sizeof text, "user_id=u1 order_id=o%u", i);
        see_at(&bed, text, 6000);
    }
    see_at(&bed, "user_id=u2 phone=+8613912345678", 1000); /* gave it first */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), owner_of(&bed, "user_id", "u1"));
    uint32_t two = owner_of(&bed, "user_id", "u2");
    assert_true(two && two != owner_of(&bed, "user_id", "u1"));
    struct entries entries = journal_of(&bed, two);
    assert_true(entries.count == 1 && entries.entry[0].kind == JOURNAL_HELD);
    identity_sweep_begin(bed.identity);
    while (identity_sweep_at(bed.identity))
        identity_sweep(bed.identity, ++bed.position, 0, 3, ignore, NULL);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), owner_of(&bed, "user_id", "u2"));
    bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_order),
        cmocka_unit_test(test_last_goes_by_arrival),
        cmocka_unit_test(test_devices_alone),
        cmocka_unit_test(test_large_component),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
