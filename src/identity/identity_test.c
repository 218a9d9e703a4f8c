/* Tests of identity: every rule of docs/identity.md by itself, the damage a saved image may have, random histories held
 * to identity_model, and readers beside the fold (build with -fsanitize=thread to make that one mean most). */
#include "identity/identity.h"

#include "base/hash.h"
#include "base/random.h"
#include "identity/identity_model.h"
#include "identity/identity_store.h"
#include "os/image.h"
#include "os/os_sim.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

struct bed {
    struct dictionary *dictionary;
    struct identity *identity;
    struct record_head head;
    uint64_t position;
    struct resolution last;
};

static void bed_open(struct bed *bed) {
    *bed = (struct bed){.dictionary = dictionary_create()};
    bed->identity = identity_create(os_real(), bed->dictionary);
}

static void bed_close(struct bed *bed) {
    identity_free(bed->identity);
    dictionary_free(bed->dictionary);
}

static uint16_t ns(const struct bed *bed, const char *name) {
    const struct namespace *found = dictionary_namespace_find(bed->dictionary, slice_text(name));
    assert_non_null(found);
    return found->number;
}

/* "user_id=u1 anonymous_id=a order_id=o": claims and documents' keys; blanks part them. */
static void record_of(struct bed *bed, const char *text, struct governed *out) {
    *out = (struct governed){.source = 3};
    while (*text) {
        size_t name = strcspn(text, "="), value = strcspn(text + name + 1, " ");
        const struct namespace *found = dictionary_namespace_find(bed->dictionary, slice_of(text, name));
        assert_non_null(found);
        struct claim claim = {found->number, slice_of(text + name + 1, value)};
        if (found->kind == NAMESPACE_DOCUMENT) {
            out->records[out->record_count] = &bed->head;
            out->document_keys[out->record_count++] = claim;
        } else {
            out->claims[out->claim_count++] = claim;
        }
        text += name + 1 + value;
        text += strspn(text, " ");
    }
}

/* Resolves one record of one row; returns its customer's number, 0 for NOT_FOUND. */
static uint32_t see(struct bed *bed, const char *text) {
    struct governed record;
    record_of(bed, text, &record);
    enum status status = identity_resolve(bed->identity, &record, ++bed->position, 1, &bed->last);
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    assert_true((bed->last.customer.number != 0) == (status == STATUS_OK));
    return bed->last.customer.number;
}

static uint32_t number_of(struct bed *bed, const char *name, const char *value) {
    return identity_find(bed->identity, ns(bed, name), slice_text(value)).number;
}
static uint32_t owner_of(struct bed *bed, const char *name, const char *value) {
    return identity_customer(bed->identity, (struct identifier_id){number_of(bed, name, value)}).number;
}

static struct identity_counters counters(const struct bed *bed) {
    struct identity_counters out;
    identity_counters_read(bed->identity, &out);
    return out;
}

struct entries {
    struct journal_entry entry[64];
    size_t count;
};
static void collect_entry(void *context, const struct journal_entry *entry) {
    struct entries *entries = context;
    assert_true(entries->count < 64);
    entries->entry[entries->count++] = *entry;
}
static struct entries journal_of(struct bed *bed, uint32_t customer) {
    struct entries entries = {0};
    identity_journal(bed->identity, (struct customer_id){customer}, 64, collect_entry, &entries);
    return entries;
}

static void collect_identifier(void *context, struct identifier_id identifier) {
    buffer_add(context, &identifier.number, sizeof identifier.number);
}
/* The customer's identifiers as "1,2,5,". */
static void assert_identifiers(struct bed *bed, uint32_t customer, const char *expected) {
    struct buffer numbers = {0}, text = {0};
    identity_identifiers(bed->identity, (struct customer_id){customer}, 1000, collect_identifier, &numbers);
    for (size_t i = 0; i < numbers.size / 4; i++)
        buffer_print(&text, "%u,", ((uint32_t *)(void *)numbers.data)[i]);
    buffer_add_char(&text, 0);
    assert_string_equal(text.data, expected);
    buffer_release(&numbers);
    buffer_release(&text);
}

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
    assert_int_equal(counters(&bed).shared, 2);
    assert_int_equal(counters(&bed).moved, 2);
    assert_int_equal(see(&bed, "device_id=d anonymous_id=a"), 3); /* one machine */
    assert_int_equal(bed.last.merge_count, 1);
    assert_int_equal(counters(&bed).shared, 1);
    assert_int_equal(counters(&bed).customers, 2);
    assert_true(identity_is_shared(bed.identity, (struct customer_id){4})); /* also by its old number */
    assert_int_equal(see(&bed, "anonymous_id=a"), 3);
    assert_int_equal(see(&bed, "user_id=u2 device_id=d anonymous_id=a"), 2);
    assert_int_equal(journal_of(&bed, 3).count, 1);
    assert_int_equal(journal_of(&bed, 3).entry[0].kind, JOURNAL_MERGE);
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
    assert_int_equal(number_of(&bed, "user_id", "u2"), 0); /* not kept */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    struct entries entries = journal_of(&bed, 1);
    assert_int_equal(entries.count, 1);
    assert_int_equal(entries.entry[0].kind, JOURNAL_CONFLICT);
    assert_int_equal(entries.entry[0].weak.number, 0);
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
    assert_int_equal(counters(&bed).identifiers, 1 + limit);
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
    assert_int_equal(counters(&bed).identifiers, IDENTIFIERS_MAX);
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

/* Two that stayed apart are merged after the rule was lifted: what concerns both is told once. */
static void test_rule_lifted(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678");
    see(&bed, "user_id=u2 phone=+8613912345678");
    struct namespace *rule = (struct namespace *)dictionary_namespace_at(bed.dictionary, ns(&bed, "user_id"));
    rule->unique = false; /* as a definition would */
    assert_int_equal(see(&bed, "user_id=u2 phone=+8613912345678"), 1);
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
    assert_int_equal(edges.count, 2);
    assert_int_equal(edges.edge[0].b.number, 4);
    assert_int_equal(edges.edge[0].position, 2);
    assert_int_equal(edges.edge[1].a.number, 1);
    assert_int_equal(edges.edge[1].position, 1);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){4}, path, 8), 4);
    uint32_t expected[] = {3, 1, 2, 4};
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(path[i].number, expected[i]);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){4}, path, 3), 0);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){5}, path, 8), 0);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){3}, path, 8), 1);
    assert_int_equal(identity_explain(bed.identity, (struct identifier_id){3}, (struct identifier_id){0}, path, 8), 0);
    bed_close(&bed);
}

/* --- random histories against the model --- */

/* A record out of small pools, so that everything meets everything. */
static void random_text(struct random *r, char *out, size_t size, unsigned pool) {
    static const char *names[] = {"user_id", "member_id", "phone",        "email",
                                  "openid",  "device_id", "anonymous_id", "order_id"};
    static const double chance[] = {0.3, 0.15, 0.25, 0.25, 0.1, 0.25, 0.4, 0.25};
    size_t at = 0;
    out[0] = 0;
    for (size_t i = 0; i < 8; i++)
        while (random_chance(r, chance[i]) && at + 64 < size) {
            unsigned value = random_chance(r, 0.02) ? 0 : 1 + (unsigned)random_below(r, pool); /* 0 is blocked */
            at += (size_t)snprintf(out + at, size - at, "%s%s=%u", at ? " " : "", names[i], value);
            if (!random_chance(r, 0.1))
                break;
        }
}

static void same_resolution(const struct resolution *a, const struct resolution *b) {
    assert_int_equal(a->customer.number, b->customer.number);
    assert_int_equal(a->arrival.number, b->arrival.number);
    assert_int_equal(a->created, b->created);
    assert_int_equal(a->merge_count, b->merge_count);
    assert_memory_equal(a->documents, b->documents, sizeof a->documents);
    assert_memory_equal(a->merges, b->merges, a->merge_count * sizeof *a->merges);
}

static void same_entry(const struct journal_entry *a, const struct journal_entry *b) {
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->received_ms, b->received_ms);
    assert_int_equal(a->source, b->source);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->winner.number, b->winner.number);
    assert_int_equal(a->loser.number, b->loser.number);
    assert_int_equal(a->strong.number, b->strong.number);
    assert_int_equal(a->weak.number, b->weak.number);
    assert_int_equal(a->namespace_number, b->namespace_number);
}

struct model_walk {
    const struct model *model;
    uint32_t customer, at, seen;
};

static void next_entry(void *context, const struct journal_entry *entry) {
    struct model_walk *walk = context;
    same_entry(entry, &walk->model->journal[walk->at++]);
}
/* The model's next entry that concerns the customer. */
static bool concerns(const struct model *m, const struct journal_entry *e, uint32_t customer) {
    return model_redirect(m, e->winner.number) == customer ||
           (e->loser.number && model_redirect(m, e->loser.number) == customer);
}
static void next_own_entry(void *context, const struct journal_entry *entry) {
    struct model_walk *walk = context;
    while (walk->at < walk->model->journal_count &&
           !concerns(walk->model, &walk->model->journal[walk->at], walk->customer))
        walk->at++;
    assert_true(walk->at < walk->model->journal_count);
    same_entry(entry, &walk->model->journal[walk->at++]);
    walk->seen++;
}
static void next_identifier(void *context, struct identifier_id identifier) {
    struct model_walk *walk = context;
    do
        walk->at++;
    while (walk->at <= walk->model->identifier_count && walk->model->identifiers[walk->at].customer != walk->customer);
    assert_int_equal(identifier.number, walk->at);
    walk->seen++;
}

static void same_customer(const struct identity *identity, const struct model *m, uint32_t customer) {
    struct model_walk walk = {.model = m, .customer = customer};
    uint32_t identifiers = 0, entries = 0;
    for (uint32_t i = 1; i <= m->identifier_count; i++)
        identifiers += m->identifiers[i].customer == customer;
    for (uint32_t i = 0; i < m->journal_count; i++)
        entries += concerns(m, &m->journal[i], customer);
    identity_identifiers(identity, (struct customer_id){customer}, SIZE_MAX, next_identifier, &walk);
    assert_int_equal(walk.seen, identifiers);
    walk = (struct model_walk){.model = m, .customer = customer};
    identity_journal(identity, (struct customer_id){customer}, SIZE_MAX, next_own_entry, &walk);
    assert_int_equal(walk.seen, entries);
}

/* Everything a reader can ask, asked of both. */
static void same_state(const struct identity *identity, const struct model *m) {
    struct identity_counters got, expected;
    identity_counters_read(identity, &got);
    model_counters(m, &expected);
    expected.memory_bytes = got.memory_bytes;
    assert_memory_equal(&got, &expected, sizeof got);
    for (uint32_t i = 1; i <= m->identifier_count; i++) {
        const struct model_identifier *own = &m->identifiers[i];
        struct slice value = slice_of(own->value, own->value_bytes);
        struct identifier_id id = identity_find(identity, own->namespace_number, value);
        assert_int_equal(id.number, i);
        assert_int_equal(identity_customer(identity, id).number, own->customer);
        assert_int_equal(identity_first_position(identity, id), own->position);
        assert_true(slice_equal(identity_value(identity, id), value));
    }
    for (uint32_t c = 1; c <= m->customer_count; c++) {
        assert_int_equal(identity_redirect(identity, (struct customer_id){c}).number, model_redirect(m, c));
        assert_int_equal(identity_is_shared(identity, (struct customer_id){c}), m->shared[c]);
        if (!m->merged_into[c])
            same_customer(identity, m, c);
    }
    struct model_walk walk = {.model = m};
    assert_int_equal(identity_journal_page(identity, 0, SIZE_MAX, next_entry, &walk), m->journal_count);
    for (uint32_t i = 1; i <= m->edge_count; i++) {
        const struct edge_entry *edge = edge_at(identity, i);
        assert_int_equal(edge->a, m->edges[i - 1].a.number);
        assert_int_equal(edge->b, m->edges[i - 1].b.number);
        assert_int_equal(edge->position, m->edges[i - 1].position);
    }
}

static void saved_path(char *out, size_t size) { snprintf(out, size, "/tmp/identity_test_%d.image", (int)getpid()); }

static struct identity *load(struct bed *bed, const char *path) {
    struct fault fault = {0};
    struct identity *fresh = identity_create(os_real(), bed->dictionary);
    identity_share_devices(fresh, bed->identity ? bed->identity->shared_devices : SHARED_DEVICE_OWN);
    enum status status = identity_load(fresh, path, &fault);
    if (status != STATUS_OK)
        print_message("load: %s\n", fault.text);
    assert_int_equal(status, STATUS_OK);
    return fresh;
}

static void reload(struct bed *bed) {
    char path[64];
    struct fault fault = {0};
    saved_path(path, sizeof path);
    struct identity_image *image = identity_freeze(bed->identity);
    assert_int_equal(identity_write(image, path, &fault), STATUS_OK);
    identity_image_free(image);
    struct identity *fresh = load(bed, path);
    identity_free(bed->identity);
    bed->identity = fresh;
    unlink(path);
}

static void run_differential(uint64_t seed, unsigned records, unsigned pool, enum shared_device_policy policy) {
    struct bed bed;
    struct random random;
    struct resolution expected;
    char text[4096];
    bed_open(&bed);
    random_init(&random, seed);
    struct model *m = model_create(bed.dictionary);
    m->policy = policy;
    identity_share_devices(bed.identity, policy);
    for (unsigned i = 0; i < records; i++) {
        struct governed record;
        random_text(&random, text, 600, pool);
        record_of(&bed, text, &record);
        record.source = (uint16_t)random_below(&random, 3);
        if (record.record_count > GOVERN_RECORDS_MAX || record.claim_count > CLAIMS_MAX)
            continue;
        unsigned rows = (unsigned)random_below(&random, 3);
        identity_prefetch(bed.identity, &record);
        enum status own = identity_resolve(bed.identity, &record, i + 1, rows, &bed.last);
        assert_int_equal(own, model_resolve(m, &record, i + 1, rows, &expected));
        same_resolution(&bed.last, &expected);
        if (i % 97 == 96)
            same_state(bed.identity, m);
        if (i % 211 == 210) {
            reload(&bed);
            same_state(bed.identity, m);
        }
    }
    same_state(bed.identity, m);
    free(m);
    bed_close(&bed);
}

static void test_differential(void **state) {
    (void)state;
    const char *asked = getenv("IDENTITY_SEED"), *times = getenv("IDENTITY_RUNS");
    unsigned runs = times ? (unsigned)atoi(times) : 6;
    for (unsigned run = 0; run < runs; run++) {
        uint64_t seed = asked ? strtoull(asked, NULL, 0) + run : 20261121 + run;
        unsigned pool = 3u << (run % 8);
        enum shared_device_policy policy = run % 3 == 2 ? SHARED_DEVICE_LAST : SHARED_DEVICE_OWN;
        print_message("seed %llu, pool %u, policy %d\n", (unsigned long long)seed, pool, (int)policy);
        run_differential(seed, 400, pool, policy);
    }
}

/* Where nothing contradicts (no unique namespace, no limit reached), order changes numbers but not who is with whom. */
static void test_order_does_not_matter_without_conflicts(void **state) {
    (void)state;
    enum { COUNT = 150, VALUES = 120 };
    struct random random;
    char texts[COUNT][64], value[16];
    random_init(&random, 5);
    for (int i = 0; i < COUNT; i++)
        snprintf(texts[i], sizeof texts[i], "anonymous_id=v%u device_id=v%u order_id=v%u",
                 (unsigned)random_below(&random, VALUES), (unsigned)random_below(&random, VALUES),
                 (unsigned)random_below(&random, VALUES * 3));
    uint32_t first[VALUES] = {0};
    for (int run = 0; run < 10; run++) {
        struct bed bed;
        bed_open(&bed);
        for (int i = 0; i < COUNT; i++)
            see(&bed, texts[i]);
        for (unsigned i = 0; i < VALUES; i++) { /* a customer's name: its smallest anonymous_id, plus one */
            uint32_t smallest = 0;
            snprintf(value, sizeof value, "v%u", i);
            uint32_t own = owner_of(&bed, "anonymous_id", value);
            for (unsigned j = 0; own && !smallest; j++) {
                snprintf(value, sizeof value, "v%u", j);
                smallest = owner_of(&bed, "anonymous_id", value) == own ? j + 1 : 0;
            }
            assert_true(run == 0 || smallest == first[i]);
            first[i] = smallest;
        }
        for (int i = COUNT - 1; i > 0; i--) { /* another order */
            char swap[64];
            int j = (int)random_below(&random, (uint64_t)i + 1);
            memcpy(swap, texts[i], sizeof swap);
            memcpy(texts[i], texts[j], sizeof swap);
            memcpy(texts[j], swap, sizeof swap);
        }
        assert_int_equal(counters(&bed).conflicts + counters(&bed).limited + counters(&bed).moved, 0);
        bed_close(&bed);
    }
}

/* --- saving --- */

/* Every call of the system that can fail, fails once: an error comes out, and the image before stays whole. */
static void test_failing_disk(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    struct os_sim *sim = os_sim_create(3);
    identity_free(bed.identity);
    bed.identity = identity_create(os_sim_os(sim), bed.dictionary);
    see(&bed, "user_id=u1 anonymous_id=a");
    struct identity_image *image = identity_freeze(bed.identity);
    assert_int_equal(identity_write(image, "/image", NULL), STATUS_OK);
    identity_image_free(image);
    see(&bed, "user_id=u2 anonymous_id=a");
    unsigned failed = 0;
    for (uint64_t n = 1;; n++) {
        struct fault fault = {0};
        image = identity_freeze(bed.identity);
        os_sim_fail_call(sim, n, STATUS_IO);
        enum status status = identity_write(image, "/image", &fault);
        os_sim_fail_call(sim, 0, STATUS_OK);
        identity_image_free(image);
        if (status == STATUS_OK)
            break;
        failed++;
        assert_true(fault.text[0]);
        struct identity *old = identity_create(os_sim_os(sim), bed.dictionary);
        assert_int_equal(identity_load(old, "/image", NULL), STATUS_OK);
        identity_free(old);
    }
    assert_true(failed > 3);
    identity_free(bed.identity);
    bed.identity = NULL;
    os_sim_free(sim);
    bed_close(&bed);
}

static void test_freeze_is_one_instant(void **state) {
    (void)state;
    struct bed bed;
    char path[64], text[64];
    struct fault fault = {0};
    bed_open(&bed);
    saved_path(path, sizeof path);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "user_id=u%u anonymous_id=a%u", i, i);
        see(&bed, text);
    }
    struct identity_counters before = counters(&bed);
    struct identity_image *image = identity_freeze(bed.identity);
    for (unsigned i = 0; i < 200; i++) { /* devices move on, twice; newcomers get some; customers merge */
        snprintf(text, sizeof text, "user_id=u%u anonymous_id=a%u", (i + 1) % 200, i);
        see(&bed, text);
        snprintf(text, sizeof text, "user_id=new%u anonymous_id=a%u", i, i);
        see(&bed, text);
        snprintf(text, sizeof text, "user_id=u%u member_id=m%u", i, i);
        see(&bed, text);
    }
    assert_int_equal(identity_write(image, path, &fault), STATUS_OK);
    identity_image_free(image);
    identity_free(bed.identity);
    bed.identity = NULL;
    bed.identity = load(&bed, path);
    struct identity_counters after = counters(&bed);
    before.memory_bytes = after.memory_bytes;
    assert_memory_equal(&before, &after, sizeof before);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "a%u", i);
        assert_int_equal(owner_of(&bed, "anonymous_id", text), i + 1);
    }
    unlink(path);
    bed_close(&bed);
}

/* Writes the image again with one section changed by `change`, and loads it. */
static enum status load_changed(struct bed *bed, const char *name, void (*change)(struct buffer *section)) {
    static const char *names[] = {"identity.head",      "identity.identifiers", "identity.values", "identity.owners",
                                  "identity.customers", "identity.shared",      "identity.edges",  "identity.journal"};
    char path[64], other[80];
    struct image *image;
    struct image_writer *writer;
    struct fault fault = {0};
    saved_path(path, sizeof path);
    snprintf(other, sizeof other, "%s.changed", path);
    assert_int_equal(image_open(os_real(), path, &image, &fault), STATUS_OK);
    assert_int_equal(image_create(os_real(), other, &writer, &fault), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct slice section;
        struct buffer copy = {0};
        assert_int_equal(image_find(image, names[i], true, &section, &fault), STATUS_OK);
        buffer_add_slice(&copy, section);
        if (strcmp(names[i], name) == 0)
            change(&copy);
        assert_int_equal(image_add(writer, names[i], copy.data, copy.size, &fault), STATUS_OK);
        buffer_release(&copy);
    }
    assert_int_equal(image_finish(writer, NULL, &fault), STATUS_OK);
    image_close(image);
    struct identity *fresh = identity_create(os_real(), bed->dictionary);
    enum status status = identity_load(fresh, other, &fault);
    assert_true(status == STATUS_OK || fault.text[0]);
    identity_free(fresh);
    unlink(other);
    return status;
}

static void put32(struct buffer *b, size_t at, uint32_t value) { memcpy(b->data + at, &value, sizeof value); }
static void change_nothing(struct buffer *b) { (void)b; }
static void change_version(struct buffer *b) { put32(b, 0, 3); }
static void change_version_before(struct buffer *b) { put32(b, 0, 1); }
static void change_shared_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_shared_zero(struct buffer *b) { put32(b, 0, 0); }
static void change_shared_document(struct buffer *b) { put32(b, 0, 1); }
static void change_shared_merged(struct buffer *b) { put32(b, 0, 4); }
static void change_shared_merge(struct buffer *b) { put32(b, 16, 1); }
static void change_count(struct buffer *b) { put32(b, 4, 1); }
static void change_cut(struct buffer *b) { b->size -= 4; }
static void change_namespace(struct buffer *b) { put32(b, 8, 0x00010000u | 60000u); }
static void change_value_bytes(struct buffer *b) { put32(b, 8, 0x04000000u | 1u); }
static void change_same_value(struct buffer *b) { memcpy(b->data, "u2", 2); }
static void change_owner_zero(struct buffer *b) { put32(b, 0, 0); }
static void change_owner_high(struct buffer *b) { put32(b, 4, 1000); }
static void change_redirect_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_redirect_self(struct buffer *b) { put32(b, 0, 1); }
static void change_redirect_ring(struct buffer *b) {
    put32(b, 0, 2);
    put32(b, 8, 1);
}
static void change_edge_self(struct buffer *b) { memcpy(b->data, b->data + 4, 4); }
static void change_edge_high(struct buffer *b) { put32(b, 0, 1000); }
static void change_edge_twice(struct buffer *b) { memcpy(b->data + 16, b->data, 16); }
static void change_entry_kind(struct buffer *b) { put32(b, 36, 9); }
static void change_entry_winner(struct buffer *b) { put32(b, 16, 0); }
static void change_entry_weak(struct buffer *b) { put32(b, 28, 1000); }

static void test_damaged_images(void **state) {
    (void)state;
    struct bed bed;
    char path[64];
    bed_open(&bed);
    saved_path(path, sizeof path);
    see(&bed, "user_id=u1 anonymous_id=a phone=+8613912345678");
    see(&bed, "user_id=u2 anonymous_id=a");
    see(&bed, "user_id=u2 phone=+8613912345678");
    see(&bed, "email=a@b.cn order_id=o");
    see(&bed, "user_id=u2 email=a@b.cn user_id=null");
    see(&bed, "user_id=u1 order_id=o1");
    struct identity_image *image = identity_freeze(bed.identity);
    assert_int_equal(identity_write(image, path, NULL), STATUS_OK);
    identity_image_free(image);
    static const struct {
        const char *section;
        void (*change)(struct buffer *section);
    } changes[] = {{"identity.head", change_version},
                   {"identity.head", change_version_before},
                   {"identity.shared", change_shared_high},
                   {"identity.shared", change_shared_zero},
                   {"identity.shared", change_shared_document},
                   {"identity.shared", change_shared_merged},
                   {"identity.shared", change_cut},
                   {"identity.customers", change_shared_merge},
                   {"identity.head", change_count},
                   {"identity.head", change_cut},
                   {"identity.identifiers", change_namespace},
                   {"identity.identifiers", change_value_bytes},
                   {"identity.values", change_cut},
                   {"identity.values", change_same_value},
                   {"identity.owners", change_owner_zero},
                   {"identity.owners", change_owner_high},
                   {"identity.customers", change_redirect_high},
                   {"identity.customers", change_redirect_self},
                   {"identity.customers", change_redirect_ring},
                   {"identity.edges", change_edge_self},
                   {"identity.edges", change_edge_high},
                   {"identity.edges", change_edge_twice},
                   {"identity.journal", change_entry_kind},
                   {"identity.journal", change_entry_winner},
                   {"identity.journal", change_entry_weak}};
    assert_int_equal(load_changed(&bed, "", change_nothing), STATUS_OK);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++)
        if (load_changed(&bed, changes[i].section, changes[i].change) != STATUS_DAMAGED)
            fail_msg("change %zu of %s was not seen", i, changes[i].section);
    unlink(path);
    struct identity *fresh = identity_create(os_real(), bed.dictionary);
    assert_int_equal(identity_load(fresh, path, NULL), STATUS_NOT_FOUND);
    identity_free(fresh);
    bed_close(&bed);
}

/* --- readers beside the fold --- */

#define RECORDS 4000
#define PEOPLE 300
#define ROUNDS 300 /* of each reader, at least, while records come */

struct readers {
    struct bed *bed;
    struct identity_image *image;
    _Atomic bool done;
    _Atomic unsigned rounds;
    uint64_t checksum;
};

static void read_identifier(void *context, struct identifier_id identifier) {
    *(uint64_t *)context += identifier.number;
}
static void read_entry(void *context, const struct journal_entry *entry) { *(uint64_t *)context += entry->position; }
static void read_edge(void *context, const struct edge *edge) { *(uint64_t *)context += edge->b.number; }

static void *reader(void *context) {
    struct readers *r = context;
    const struct identity *identity = r->bed->identity;
    struct random random;
    struct identifier_id path[6];
    uint16_t device = ns(r->bed, "anonymous_id");
    char value[32];
    random_init(&random, 7);
    while (!atomic_load(&r->done)) {
        snprintf(value, sizeof value, "a%u", (unsigned)random_below(&random, PEOPLE));
        struct identifier_id id = identity_find(identity, device, slice_text(value));
        if (!id.number)
            continue;
        struct customer_id customer = identity_customer(identity, id);
        if (!customer.number || !slice_is(identity_value(identity, id), value))
            abort();
        identity_identifiers(identity, customer, 100, read_identifier, &r->checksum);
        identity_journal(identity, customer, 100, read_entry, &r->checksum);
        identity_edges(identity, id, 10, read_edge, &r->checksum);
        r->checksum += identity_explain(identity, id, (struct identifier_id){1}, path, 6);
        struct identity_counters all;
        identity_counters_read(identity, &all);
        r->checksum += all.customers + identity_redirect(identity, (struct customer_id){1}).number;
        atomic_fetch_add(&r->rounds, 1);
    }
    return NULL;
}

static void *save(void *context) {
    struct readers *r = context;
    char path[64];
    saved_path(path, sizeof path);
    if (identity_write(r->image, path, NULL) != STATUS_OK)
        abort();
    identity_image_free(r->image);
    return NULL;
}

static void test_readers_beside_the_fold(void **state) {
    (void)state;
    struct bed bed;
    struct random random;
    pthread_t threads[3];
    char text[128], path[64];
    bed_open(&bed);
    random_init(&random, 11);
    struct readers r[3] = {{.bed = &bed}, {.bed = &bed}, {.bed = &bed}};
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &r[i]), 0);
    for (unsigned i = 0; i < RECORDS || atomic_load(&r[0].rounds) < ROUNDS || atomic_load(&r[1].rounds) < ROUNDS; i++) {
        unsigned who = (unsigned)random_below(&random, PEOPLE);
        snprintf(text, sizeof text,
                 i % 3 ? "user_id=u%u anonymous_id=a%u order_id=o%u" : "phone=p%u anonymous_id=a%u order_id=o%u", who,
                 (unsigned)random_below(&random, PEOPLE), i);
        see(&bed, text);
        if (i == RECORDS / 2) {
            r[2].image = identity_freeze(bed.identity);
            assert_int_equal(pthread_create(&threads[2], NULL, save, &r[2]), 0);
        }
    }
    pthread_join(threads[2], NULL);
    for (unsigned i = 0; i < 2; i++) {
        atomic_store(&r[i].done, true);
        pthread_join(threads[i], NULL);
    }
    saved_path(path, sizeof path);
    identity_free(load(&bed, path));
    unlink(path);
    assert_true(counters(&bed).moved > 100);
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
        cmocka_unit_test(test_differential),
        cmocka_unit_test(test_order_does_not_matter_without_conflicts),
        cmocka_unit_test(test_failing_disk),
        cmocka_unit_test(test_freeze_is_one_instant),
        cmocka_unit_test(test_damaged_images),
        cmocka_unit_test(test_readers_beside_the_fold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
