/* Tests of identity: every rule of docs/identity.md by itself. */
#include "identity/identity_bed.h"
#include "base/hash.h"
#include "identity/identity_store.h"
#include "identity/rehearsal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* --- rules --- */

static void test_oneid(void **state) {
    (void)state;
    char text[ONEID_BYTES + 1];
    for (uint32_t n = 1; n < 3000; n += 7) {
        oneid_format((struct customer_id){n}, text);
        assert_int_equal(strlen(text), ONEID_BYTES);
        assert_int_equal(oneid_parse(slice_text(text)).number, n);
    }
    assert_int_equal(oneid_parse(SLICE("")).number, 0);
    assert_int_equal(oneid_parse(SLICE("zzzzzzzzzzzzzzzz")).number, 0);
    assert_int_equal(oneid_parse(SLICE("0123456789abcdef0")).number, 0);
    assert_int_equal(oneid_parse(SLICE("0123456789abcdef")).number, 0);
}

static void test_same_identifier_same_customer(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "anonymous_id=a"), 1);
    assert_true(bed.last.created);
    assert_int_equal(see(&bed, "anonymous_id=a"), 1);
    assert_false(bed.last.created);
    assert_int_equal(see(&bed, "anonymous_id=b"), 2);
    assert_int_equal(see(&bed, "device_id=a"), 3); /* the namespace is part of it */
    assert_int_equal(number_of(&bed, "anonymous_id", "A"), 0);
    assert_int_equal(counters(&bed).customers, 3);
    assert_int_equal(identity_first_position(bed.identity, (struct identifier_id){1}), 1);
    assert_true(slice_is(identity_value(bed.identity, (struct identifier_id){2}), "b"));
    assert_int_equal(identity_namespace(bed.identity, (struct identifier_id){3}), ns(&bed, "device_id"));
    bed_close(&bed);
}

static void test_anonymous_then_known(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "anonymous_id=a"), 1);
    assert_int_equal(see(&bed, "anonymous_id=a user_id=u1"), 1);
    assert_int_equal(bed.last.arrival.number, number_of(&bed, "user_id", "u1"));
    assert_int_equal(see(&bed, "anonymous_id=a"), 1);
    assert_int_equal(see(&bed, "user_id=u1"), 1);
    assert_identifiers(&bed, 1, "1,2,");
    assert_int_equal(counters(&bed).merges, 0);
    assert_int_equal(counters(&bed).edges, 1);
    bed_close(&bed);
}

static void test_merge_larger_survives(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1");
    see(&bed, "anonymous_id=a");
    see(&bed, "anonymous_id=a");
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 2);
    assert_int_equal(bed.last.merge_count, 1);
    assert_int_equal(bed.last.merges[0].winner.number, 2);
    assert_int_equal(bed.last.merges[0].loser.number, 1);
    assert_int_equal(identity_redirect(bed.identity, (struct customer_id){1}).number, 2);
    assert_int_equal(identity_redirect(bed.identity, (struct customer_id){3}).number, 0);
    assert_int_equal(owner_of(&bed, "user_id", "u1"), 2);
    assert_identifiers(&bed, 1, "1,2,"); /* asked by its old number too */
    assert_int_equal(counters(&bed).customers, 1);
    struct entries entries = journal_of(&bed, 1);
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.entry[0].kind, JOURNAL_MERGE);
    assert_int_equal(entries.entry[0].position, 4);
    assert_int_equal(entries.entry[0].source, 3);
    assert_int_equal(entries.entry[0].strong.number, 1);
    assert_int_equal(entries.entry[0].weak.number, 2);
    bed_close(&bed);
}

static void test_tie_older_survives(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "anonymous_id=a");
    see(&bed, "user_id=u1");
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 1);
    bed_close(&bed);
}

static void test_shared_device(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "anonymous_id=a");
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 1);
    assert_int_equal(see(&bed, "user_id=u2 anonymous_id=a"), 2); /* a second person logs in */
    assert_true(bed.last.created);
    uint32_t own = owner_of(&bed, "anonymous_id", "a");
    assert_int_equal(own, 3);
    assert_true(identity_is_shared(bed.identity, (struct customer_id){own}));
    assert_false(identity_is_shared(bed.identity, (struct customer_id){1}));
    assert_false(identity_is_shared(bed.identity, (struct customer_id){0}));
    assert_false(identity_is_shared(bed.identity, (struct customer_id){4}));
    assert_int_equal(see(&bed, "anonymous_id=a"), own); /* could be either */
    assert_false(bed.last.created);
    assert_int_equal(bed.last.arrival.number, number_of(&bed, "anonymous_id", "a"));
    for (int i = 0; i < 3; i++) { /* both go on, and it is no news */
        assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 1);
        assert_int_equal(see(&bed, "user_id=u2 anonymous_id=a"), 2);
        assert_int_equal(see(&bed, "user_id=u3 anonymous_id=a"), 4);
    }
    assert_identifiers(&bed, 1, "2,");
    assert_identifiers(&bed, 2, "3,");
    assert_identifiers(&bed, own, "1,");
    for (uint32_t customer = 1; customer <= 2; customer++) {
        struct entries entries = journal_of(&bed, customer);
        assert_int_equal(entries.count, 1);
        assert_int_equal(entries.entry[0].kind, JOURNAL_SHARED_DEVICE);
        assert_int_equal(entries.entry[0].winner.number, 2);
        assert_int_equal(entries.entry[0].loser.number, 1);
        assert_int_equal(entries.entry[0].strong.number, number_of(&bed, "user_id", "u2"));
        assert_int_equal(entries.entry[0].weak.number, 1);
        assert_int_equal(entries.entry[0].namespace_number, ns(&bed, "user_id"));
    }
    assert_int_equal(journal_of(&bed, 4).count, 0);
    assert_int_equal(counters(&bed).customers, 3);
    assert_int_equal(counters(&bed).shared, 1);
    assert_int_equal(counters(&bed).moved, 1);
    assert_int_equal(counters(&bed).merges, 0);
    assert_int_equal(counters(&bed).edges, 3); /* who uses it is known: each of the three, once */
    bed_close(&bed);
}

/* What a person could be merged through must not be a shared device. */
static void test_shared_device_joins_nobody(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");
    assert_int_equal(see(&bed, "phone=p device_id=d"), 4); /* by the phone alone */
    assert_int_equal(see(&bed, "email=e device_id=d"), 5);
    assert_int_equal(owner_of(&bed, "device_id", "d"), 3);
    assert_int_equal(see(&bed, "user_id=u1 phone=p device_id=d"), 1);
    assert_int_equal(counters(&bed).merges, 1);                 /* which the phone did */
    assert_int_equal(see(&bed, "user_id=null device_id=d"), 3); /* a blocked value is nothing */
    assert_int_equal(counters(&bed).shared, 1);
    bed_close(&bed);
}

static void test_unshared_device_beside_a_shared_one(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");                          /* 3 is the device's */
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 4); /* somebody: the new id's own customer */
    assert_true(bed.last.created);
    assert_false(identity_is_shared(bed.identity, (struct customer_id){4}));
    assert_int_equal(bed.last.arrival.number, number_of(&bed, "anonymous_id", "a"));
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 4);
    assert_int_equal(see(&bed, "user_id=u2 device_id=d anonymous_id=a"), 4); /* who logs in: theirs, the smaller goes */
    assert_int_equal(bed.last.merges[0].loser.number, 2);
    assert_int_equal(owner_of(&bed, "user_id", "u2"), 4);
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 4);
    assert_int_equal(see(&bed, "user_id=u1 device_id=d anonymous_id=a"), 1); /* and then it is shared too */
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 3);
    assert_int_equal(see(&bed, "device_id=d"), 3);
    bed_close(&bed);
}

static void test_order_on_a_shared_device(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");
    assert_int_equal(see(&bed, "device_id=d order_id=o"), 4); /* waits for its owner */
    assert_int_equal(counters(&bed).unowned, 1);
    assert_int_equal(see(&bed, "device_id=d order_id=o"), 4);
    see(&bed, "user_id=u1 order_id=o");
    assert_int_equal(owner_of(&bed, "order_id", "o"), owner_of(&bed, "user_id", "u1"));
    assert_int_equal(see(&bed, "device_id=d order_id=o"), owner_of(&bed, "user_id", "u1"));
    assert_int_equal(counters(&bed).shared, 1);
    bed_close(&bed);
}

static void test_shared_devices_merge(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d anonymous_id=a");
    see(&bed, "user_id=u2 device_id=d anonymous_id=a");
    assert_int_equal(counters(&bed).shared, 1); /* they came together: one machine */
    assert_int_equal(counters(&bed).moved, 2);
    assert_int_equal(owner_of(&bed, "device_id", "d"), owner_of(&bed, "anonymous_id", "a"));
    see(&bed, "user_id=u1 device_id=d2");
    see(&bed, "user_id=u2 device_id=d2");
    assert_int_equal(counters(&bed).shared, 2);
    uint32_t own = owner_of(&bed, "device_id", "d"), other = owner_of(&bed, "device_id", "d2");
    assert_int_equal(see(&bed, "device_id=d2 anonymous_id=a"), own); /* and this one too */
    assert_int_equal(bed.last.merge_count, 1);
    assert_int_equal(counters(&bed).shared, 1);
    assert_int_equal(counters(&bed).customers, 2);
    assert_true(identity_is_shared(bed.identity, (struct customer_id){other})); /* also by its old number */
    assert_int_equal(see(&bed, "anonymous_id=a"), own);
    assert_int_equal(see(&bed, "user_id=u2 device_id=d anonymous_id=a"), 2);
    bed_close(&bed);
}

/* Without a second person nothing becomes shared: a full customer, too many devices. */
static void test_not_shared(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    struct namespace *rule = (struct namespace *)dictionary_namespace_at(bed.dictionary, ns(&bed, "device_id"));
    rule->limit = 1;
    see(&bed, "user_id=u1 device_id=d1");
    see(&bed, "device_id=d2");
    assert_int_equal(see(&bed, "user_id=u1 device_id=d2"), 1);
    assert_int_equal(owner_of(&bed, "device_id", "d2"), 2);
    assert_int_equal(counters(&bed).shared, 0);
    assert_int_equal(counters(&bed).limited, 1);
    see(&bed, "phone=p device_id=d3");
    see(&bed, "user_id=u4 phone=p device_id=d3"); /* one person who had no user id yet */
    assert_int_equal(counters(&bed).shared, 0);
    bed_close(&bed);
}

static void test_last_authenticated(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    identity_share_devices(bed.identity, SHARED_DEVICE_LAST);
    see(&bed, "anonymous_id=a");
    see(&bed, "user_id=u1 anonymous_id=a");
    assert_int_equal(see(&bed, "user_id=u2 anonymous_id=a"), 2);
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 2);
    assert_int_equal(see(&bed, "anonymous_id=a"), 2);
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 1); /* and back */
    assert_int_equal(see(&bed, "anonymous_id=a"), 1);
    assert_identifiers(&bed, 1, "1,2,");
    struct entries entries = journal_of(&bed, 1);
    assert_int_equal(entries.count, 2);
    assert_int_equal(entries.entry[1].kind, JOURNAL_SHARED_DEVICE);
    assert_int_equal(entries.entry[1].winner.number, 1);
    assert_int_equal(counters(&bed).moved, 2);
    assert_int_equal(counters(&bed).shared, 0);
    bed_close(&bed);
}

static void test_device_alone_shares_no_device(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 anonymous_id=a");
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 1); /* nobody showed up */
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 2);
    assert_int_equal(counters(&bed).conflicts, 1);
    assert_int_equal(counters(&bed).moved, 0);
    bed_close(&bed);
}

static void test_shared_phone_stays(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678");
    for (int i = 0; i < 3; i++)
        assert_int_equal(see(&bed, "user_id=u2 phone=+8613912345678"), 2);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    assert_int_equal(see(&bed, "phone=+8613912345678"), 1);
    for (uint32_t customer = 1; customer <= 2; customer++) {
        struct entries entries = journal_of(&bed, customer);
        assert_int_equal(entries.count, 1); /* three times, told once */
        assert_int_equal(entries.entry[0].kind, JOURNAL_CONFLICT);
        assert_int_equal(entries.entry[0].winner.number, 2);
        assert_int_equal(entries.entry[0].loser.number, 1);
        assert_int_equal(entries.entry[0].weak.number, number_of(&bed, "phone", "+8613912345678"));
        assert_int_equal(entries.entry[0].namespace_number, ns(&bed, "user_id"));
    }
    bed_close(&bed);
}

static void test_partial_identities_merge(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "member_id=m1 phone=+8613912345678"); /* the till */
    see(&bed, "user_id=u1");                        /* the app */
    assert_int_equal(see(&bed, "user_id=u1 phone=+8613912345678"), 1);
    assert_int_equal(counters(&bed).merges, 1);
    assert_int_equal(owner_of(&bed, "member_id", "m1"), owner_of(&bed, "user_id", "u1"));
    bed_close(&bed);
}

static void test_several_merge_at_once(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1");
    see(&bed, "phone=+8613912345678");
    see(&bed, "email=a@b.cn");
    see(&bed, "anonymous_id=a");
    see(&bed, "order_id=o1");
    assert_int_equal(see(&bed, "anonymous_id=a order_id=o1 email=a@b.cn phone=+8613912345678 user_id=u1"), 1);
    assert_int_equal(bed.last.merge_count, 4);
    assert_int_equal(bed.last.documents[0].number, number_of(&bed, "order_id", "o1"));
    assert_int_equal(counters(&bed).customers, 1);
    assert_int_equal(counters(&bed).unowned, 0);
    assert_identifiers(&bed, 1, "1,2,3,4,5,");
    assert_int_equal(journal_of(&bed, 3).count, 4);
    bed_close(&bed);
}

static void test_two_values_of_a_unique_namespace_in_one_record(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "user_id=u1 user_id=u2 phone=+8613912345678"), 1);
    assert_int_equal(owner_of(&bed, "user_id", "u2"), 0); /* known, and nobody's so far */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    struct entries entries = journal_of(&bed, 1);
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.entry[0].kind, JOURNAL_CONFLICT);
    assert_int_equal(entries.entry[0].weak.number, number_of(&bed, "user_id", "u2"));
    assert_int_equal(see(&bed, "user_id=u2"), 2); /* by itself it is a customer's */
    bed_close(&bed);
}

static void test_new_person_identifier_against_unique(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678");
    assert_int_equal(see(&bed, "phone=+8613912345678 email=a@b.cn"), 1);
    assert_int_equal(see(&bed, "user_id=u2 email=a@b.cn"), 2);
    assert_int_equal(owner_of(&bed, "email", "a@b.cn"), 1);
    bed_close(&bed);
}

static void test_limit(void **state) {
    (void)state;
    struct bed bed;
    char text[64];
    bed_open(&bed);
    unsigned limit = dictionary_namespace_at(bed.dictionary, ns(&bed, "phone"))->limit;
    assert_true(limit > 1 && limit < 50);
    for (unsigned i = 0; i < limit + 2; i++) {
        snprintf(text, sizeof text, "user_id=u1 phone=+86139%08u", i + 1);
        assert_int_equal(see(&bed, text), 1);
    }
    assert_int_equal(counters(&bed).limited, 1);
    assert_int_equal(counters(&bed).identifiers, 1 + limit + 2); /* those refused are known, and nobody's */
    snprintf(text, sizeof text, "+86139%08u", limit + 1);
    assert_int_equal(owner_of(&bed, "phone", text), 0);
    struct entries entries = journal_of(&bed, 1);
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.entry[0].kind, JOURNAL_LIMIT);
    assert_int_equal(entries.entry[0].namespace_number, ns(&bed, "phone"));
    see(&bed, "phone=+8613999999999 email=a@b.cn");            /* another customer */
    assert_int_equal(see(&bed, "user_id=u1 email=a@b.cn"), 1); /* would bring a phone too many */
    assert_int_equal(owner_of(&bed, "email", "a@b.cn"), 2);
    assert_int_equal(counters(&bed).limited, 2);
    bed_close(&bed);
}

static void test_identifiers_max(void **state) {
    (void)state;
    struct bed bed;
    char text[64];
    bed_open(&bed);
    for (unsigned i = 0; i < IDENTIFIERS_MAX + 9; i++) {
        snprintf(text, sizeof text, "user_id=u1 anonymous_id=a%u", i);
        assert_int_equal(see(&bed, text), 1);
    }
    assert_int_equal(counters(&bed).identifiers, IDENTIFIERS_MAX + 10);
    assert_int_equal(customer_at(bed.identity, 1)->identifier_count, IDENTIFIERS_MAX);
    assert_int_equal(journal_of(&bed, 1).entry[0].kind, JOURNAL_LIMIT);
    assert_int_equal(journal_of(&bed, 1).entry[0].namespace_number, 0);
    see(&bed, "anonymous_id=z");
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=z"), 1); /* no room to move it to either */
    assert_int_equal(owner_of(&bed, "anonymous_id", "z"), 2);
    for (unsigned i = 0; i < 50; i++) { /* documents do not count */
        snprintf(text, sizeof text, "user_id=u1 order_id=o%u", i);
        assert_int_equal(see(&bed, text), 1);
        assert_int_not_equal(bed.last.documents[0].number, 0);
    }
    bed_close(&bed);
}

static void test_blocked(void **state) {
    (void)state;
    static const char *values[] = {"0",   "00000000-0000-0000-0000-000000000000", "null", "NULL", "Undefined", "-1",
                                   "匿名"};
    struct bed bed;
    char text[128];
    bed_open(&bed);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        snprintf(text, sizeof text, "user_id=%s", values[i]);
        assert_int_equal(see(&bed, text), 0);
    }
    assert_int_equal(counters(&bed).blocked, sizeof values / sizeof *values);
    assert_int_equal(counters(&bed).created, 0);
    assert_int_equal(see(&bed, "user_id=null anonymous_id=a order_id=0"), 1);
    assert_int_equal(bed.last.documents[0].number, 0);
    assert_int_equal(see(&bed, "user_id=null anonymous_id=b"), 2); /* not through "null" */
    assert_int_equal(journal_of(&bed, 1).count, 2);
    assert_int_equal(journal_of(&bed, 1).entry[0].kind, JOURNAL_BLOCKED);
    assert_int_equal(journal_of(&bed, 2).count, 0); /* the first of its source and namespace tells */
    assert_int_equal(see(&bed, "user_id=null1"), 3);
    assert_int_equal(see(&bed, "user_id=-12"), 4);
    struct governed record = {.claim_count = 1};
    char *huge = memory_get(IDENTIFIER_BYTES_MAX + 1, 1);
    memset(huge, 'x', IDENTIFIER_BYTES_MAX + 1);
    record.claims[0] = (struct claim){ns(&bed, "user_id"), slice_of(huge, IDENTIFIER_BYTES_MAX + 1)};
    assert_int_equal(identity_resolve(bed.identity, &record, 99, 1, &bed.last), STATUS_NOT_FOUND);
    record.claims[0].value.size--;
    assert_int_equal(identity_resolve(bed.identity, &record, 99, 1, &bed.last), STATUS_OK);
    assert_int_equal(identity_value(bed.identity, bed.last.arrival).size, IDENTIFIER_BYTES_MAX);
    free(huge);
    bed_close(&bed);
}

static void test_documents(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "user_id=u1 order_id=o1"), 1);
    assert_int_equal(see(&bed, "order_id=o1"), 1); /* the warehouse knows only the order */
    assert_int_equal(bed.last.arrival.number, bed.last.documents[0].number);
    assert_int_equal(see(&bed, "order_id=o2"), 2); /* and may be first */
    assert_int_equal(counters(&bed).unowned, 1);
    assert_int_equal(counters(&bed).customers, 1);
    assert_int_equal(see(&bed, "user_id=u3 order_id=o2"), 2);
    assert_int_equal(counters(&bed).unowned, 0);
    assert_int_equal(counters(&bed).customers, 2);
    assert_int_equal(see(&bed, "user_id=u3 order_id=o1"), 2); /* the same order from two users */
    assert_int_equal(owner_of(&bed, "order_id", "o1"), 1);
    assert_int_equal(bed.last.documents[0].number, number_of(&bed, "order_id", "o1"));
    assert_int_equal(journal_of(&bed, 1).count, 1);
    assert_int_equal(journal_of(&bed, 1).entry[0].kind, JOURNAL_CONFLICT);
    assert_int_equal(see(&bed, "anonymous_id=a order_id=o1"), 1); /* evidence joins */
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 1);
    bed_close(&bed);
}

static void test_repeated_values_in_one_record(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "user_id=u1 user_id=u1 order_id=o order_id=o"), 1);
    assert_int_equal(counters(&bed).identifiers, 2);
    assert_int_equal(bed.last.documents[1].number, bed.last.documents[0].number);
    see(&bed, "user_id=u1 anonymous_id=a");
    assert_int_equal(see(&bed, "user_id=u2 anonymous_id=a anonymous_id=a"), 2);
    assert_int_equal(counters(&bed).moved, 1);
    bed_close(&bed);
}

static void ignore(void *context, const struct resolution *resolution) { (void)context, (void)resolution; }

/* Two that stayed apart are merged when the rule was lifted and is carried out: what concerns both is told once. */
static void test_rule_lifted(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678");
    see(&bed, "user_id=u2 phone=+8613912345678");
    struct namespace *rule = (struct namespace *)dictionary_namespace_at(bed.dictionary, ns(&bed, "user_id"));
    rule->unique = false;                                              /* as a definition would */
    assert_int_equal(see(&bed, "user_id=u2 phone=+8613912345678"), 2); /* says nothing new */
    identity_sweep_begin(bed.identity);
    identity_sweep(bed.identity, ++bed.position, 0, 3, ignore, NULL);
    assert_int_equal(identity_sweep_at(bed.identity), 0);
    assert_int_equal(see(&bed, "user_id=u2 phone=+8613912345678"), owner_of(&bed, "user_id", "u1"));
    struct entries entries = journal_of(&bed, 2);
    assert_int_equal(entries.count, 2);
    assert_int_equal(entries.entry[0].kind, JOURNAL_CONFLICT);
    assert_int_equal(entries.entry[1].kind, JOURNAL_MERGE);
    bed_close(&bed);
}

struct edges {
    struct edge edge[64];
    size_t count;
};
static void collect_edge(void *context, const struct edge *edge) {
    struct edges *edges = context;
    assert_true(edges->count < 64);
    edges->edge[edges->count++] = *edge;
}

static void test_edges_and_explain(void **state) {
    (void)state;
    struct bed bed;
    struct identifier_id path[8];
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678 anonymous_id=a"); /* 1 2 3 */
    see(&bed, "phone=+8613912345678 email=a@b.cn");              /* 4 */
    see(&bed, "user_id=u1 phone=+8613912345678");
    see(&bed, "user_id=u2"); /* 5 */
    struct edges edges = {0};
    identity_edges(bed.identity, (struct identifier_id){2}, 64, collect_edge, &edges);
    assert_int_equal(edges.count, 3);
    assert_int_equal(edges.edge[0].b.number, 4);
    assert_int_equal(edges.edge[0].position, 2);
    assert_int_equal(edges.edge[0].first_ms, 2000);
    assert_int_equal(edges.edge[2].a.number, 1);
    assert_int_equal(edges.edge[2].position, 1);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){4}, path, 8), 3);
    uint32_t expected[] = {3, 2, 4};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(path[i].number, expected[i]);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){4}, path, 2), 0);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){5}, path, 8), 0);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){3}, path, 8), 1);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){0}, path, 8), 0);
    bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oneid),
        cmocka_unit_test(test_same_identifier_same_customer),
        cmocka_unit_test(test_anonymous_then_known),
        cmocka_unit_test(test_merge_larger_survives),
        cmocka_unit_test(test_tie_older_survives),
        cmocka_unit_test(test_shared_device),
        cmocka_unit_test(test_shared_device_joins_nobody),
        cmocka_unit_test(test_unshared_device_beside_a_shared_one),
        cmocka_unit_test(test_order_on_a_shared_device),
        cmocka_unit_test(test_shared_devices_merge),
        cmocka_unit_test(test_not_shared),
        cmocka_unit_test(test_last_authenticated),
        cmocka_unit_test(test_device_alone_shares_no_device),
        cmocka_unit_test(test_shared_phone_stays),
        cmocka_unit_test(test_partial_identities_merge),
        cmocka_unit_test(test_several_merge_at_once),
        cmocka_unit_test(test_two_values_of_a_unique_namespace_in_one_record),
        cmocka_unit_test(test_new_person_identifier_against_unique),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_identifiers_max),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_repeated_values_in_one_record),
        cmocka_unit_test(test_rule_lifted),
        cmocka_unit_test(test_edges_and_explain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
