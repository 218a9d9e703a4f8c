/* Tests of decisions, of namespaces' rules beyond unique and limit, and of changed rules: each rule of docs/identity.md by itself. */
#include "identity/identity_bed.h"
#include "identity/identity_store.h"
#include "identity/rehearsal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define DAY_MS (24LL * 3600 * 1000)

static uint32_t see_at(struct bed *bed, const char *text, int64_t time_ms) {
    struct governed record;
    record_of(bed, text, &record);
    record.time_ms = time_ms;
    assert_int_equal(identity_resolve(bed->identity, &record, ++bed->position, 1, &bed->last), STATUS_OK);
    return bed->last.customer.number;
}

static uint64_t decide(struct bed *bed, struct decision d) {
    uint64_t number;
    struct fault fault = {0};
    enum status status = identity_decide(bed->identity, &d, ++bed->position, 7, 2, &bed->last, &number, &fault);
    if (status)
        print_message("%s\n", fault.text);
    assert_int_equal(status, STATUS_OK);
    return number;
}

static enum status refused(struct bed *bed, struct decision d) {
    uint64_t number;
    struct fault fault = {0};
    enum status status = identity_decide(bed->identity, &d, ++bed->position, 7, 2, &bed->last, &number, &fault);
    assert_true(status == STATUS_OK || fault.text[0]);
    return status;
}

static void define(struct bed *bed, const char *json) {
    struct json_parser *p = json_parser_create();
    struct fault fault = {0};
    const struct json *root;
    assert_int_equal(json_parse(p, slice_text(json), false, &root, &fault), STATUS_OK);
    enum status status = dictionary_define(bed->dictionary, p, root, &fault);
    if (status)
        print_message("%s\n", fault.text);
    assert_int_equal(status, STATUS_OK);
    json_parser_free(p);
}

/* --- decisions --- */

static void test_split_a_merge(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 anonymous_id=a");
    see(&bed, "user_id=u1");
    assert_int_equal(see(&bed, "member_id=m phone=+8613912345678"), 2);
    assert_int_equal(see(&bed, "user_id=u1 phone=+8613912345678"), 1);
    assert_int_equal(identity_redirect(bed.identity, (struct customer_id){2}).number, 1);
    uint64_t entry = journal_of(&bed, 1).entry[0].number;
    assert_int_equal(entry, 1);
    uint64_t split = decide(&bed, (struct decision){.kind = DECISION_SPLIT_MERGE, .entry = entry});
    assert_int_equal(owner_of(&bed, "member_id", "m"), 2); /* its old oneid */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 2);
    assert_int_equal(identity_redirect(bed.identity, (struct customer_id){2}).number, 2);
    assert_int_equal(bed.last.move_count, 1);
    assert_int_equal(bed.last.moves[0].from.number, 1);
    assert_int_equal(bed.last.moves[0].to.number, 2);
    assert_int_equal(bed.last.moves[0].arrival_count, 2);
    assert_int_equal(counters(&bed).customers, 2);
    assert_int_equal(counters(&bed).merges, 0);
    assert_int_equal(see(&bed, "user_id=u1 phone=+8613912345678"), 1); /* the same evidence joins nothing */
    assert_int_equal(see(&bed, "member_id=m anonymous_id=a"), 2);      /* nor does other */
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 1);
    assert_int_equal(see(&bed, "member_id=m email=a@b.cn"), 2);
    assert_int_equal(counters(&bed).customers, 2);
    decide(&bed, (struct decision){.kind = DECISION_UNDO, .entry = split});
    assert_int_equal(counters(&bed).customers, 1);
    assert_int_equal(owner_of(&bed, "member_id", "m"), owner_of(&bed, "user_id", "u1"));
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_UNDO, .entry = split}), STATUS_CONFLICT);
    decide(&bed, (struct decision){.kind = DECISION_UNDO, .entry = split + 1}); /* the undo */
    assert_int_equal(counters(&bed).customers, 2);
    bed_close(&bed);
}

static void test_split_identifiers(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see(&bed, "user_id=u1 phone=+8613912345678 anonymous_id=a order_id=o"), 1);
    struct identifier_id phone = {number_of(&bed, "phone", "+8613912345678")};
    struct decision d = {
        .kind = DECISION_SPLIT_IDENTIFIERS, .customer = {1}, .identifiers = &phone, .identifier_count = 1};
    struct resolution preview;
    assert_int_equal(identity_preview(bed.identity, &d, &preview, NULL), STATUS_OK);
    assert_int_equal(preview.move_count, 1);
    assert_int_equal(preview.moves[0].to.number, 2); /* as it would be */
    assert_int_equal(preview.moves[0].arrivals[0].number, phone.number);
    resolution_release(&preview);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    decide(&bed, d);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 2);
    assert_identifiers(&bed, 1, "1,3,4,");
    assert_identifiers(&bed, 2, "2,");
    assert_int_equal(see(&bed, "user_id=u1 phone=+8613912345678"), 1);
    assert_int_equal(see(&bed, "phone=+8613912345678"), 2);
    assert_int_equal(journal_of(&bed, 2).entry[0].kind, JOURNAL_SPLIT);
    decide(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {2}}); /* the later word counts */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), owner_of(&bed, "user_id", "u1"));
    bed_close(&bed);
}

static void test_merge_by_hand(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 phone=+8613912345678");
    see(&bed, "user_id=u2 email=a@b.cn"); /* unique: no evidence could */
    uint64_t merge = decide(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {2}, .other = {1}});
    assert_int_equal(bed.last.merge_count, 1);
    assert_int_equal(bed.last.customer.number, 1);
    assert_int_equal(counters(&bed).customers, 1);
    assert_int_equal(see(&bed, "user_id=u2 anonymous_id=a"), 1);
    decide(&bed, (struct decision){.kind = DECISION_UNDO, .entry = merge});
    assert_int_equal(owner_of(&bed, "user_id", "u1"), 1);
    assert_int_equal(owner_of(&bed, "user_id", "u2"), 2);
    assert_int_equal(owner_of(&bed, "email", "a@b.cn"), 2);
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 2); /* by its own evidence */
    bed_close(&bed);
}

static void test_split_by_time(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    struct record_head head = {.received_ms = 0};
    const char *texts[] = {"user_id=u1", "member_id=m", "phone=+8613912345678", "user_id=u1 member_id=m",
                           "user_id=u1 phone=+8613912345678"};
    for (int i = 0; i < 5; i++) {
        struct governed record;
        record_of(&bed, texts[i], &record);
        head.received_ms = record.time_ms = (i + 1) * 100;
        record.records[record.record_count++] = &head;
        assert_int_equal(identity_resolve(bed.identity, &record, ++bed.position, 1, &bed.last), STATUS_OK);
    }
    assert_int_equal(counters(&bed).customers, 1);
    decide(&bed, (struct decision){.kind = DECISION_SPLIT_TIME, .customer = {1}, .time_ms = 450});
    assert_int_equal(owner_of(&bed, "member_id", "m"), owner_of(&bed, "user_id", "u1"));
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 3);
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_SPLIT_TIME, .customer = {1}, .time_ms = 900}),
                     STATUS_CONFLICT);
    bed_close(&bed);
}

static void test_wrong_decisions(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");
    struct identifier_id own = {number_of(&bed, "user_id", "u1")}, other = {number_of(&bed, "user_id", "u2")};
    uint32_t shared = owner_of(&bed, "device_id", "d");
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {99}}),
                     STATUS_NOT_FOUND);
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {1}}),
                     STATUS_INVALID);
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {shared}}),
                     STATUS_INVALID);
    struct decision d = {.kind = DECISION_SPLIT_IDENTIFIERS, .customer = {1}};
    assert_int_equal(refused(&bed, d), STATUS_INVALID);
    d.identifiers = &other, d.identifier_count = 1;
    assert_int_equal(refused(&bed, d), STATUS_NOT_FOUND);
    d.identifiers = &own;
    assert_int_equal(refused(&bed, d), STATUS_INVALID); /* all of it */
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_SPLIT_MERGE, .entry = 77}), STATUS_NOT_FOUND);
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_SPLIT_MERGE, .entry = 1}), STATUS_INVALID);
    assert_int_equal(refused(&bed, (struct decision){.kind = DECISION_UNDO, .entry = 1}), STATUS_NOT_FOUND);
    assert_int_equal(counters(&bed).decisions, 0);
    bed_close(&bed);
}

/* A shared device is the one person's again when people say that the two are one. */
static void test_merge_gives_device_back(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");
    assert_true(identity_is_shared(bed.identity, (struct customer_id){owner_of(&bed, "device_id", "d")}));
    uint64_t merge = decide(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {2}});
    assert_int_equal(owner_of(&bed, "device_id", "d"), owner_of(&bed, "user_id", "u1"));
    decide(&bed, (struct decision){.kind = DECISION_UNDO, .entry = merge});
    assert_true(identity_is_shared(bed.identity, (struct customer_id){owner_of(&bed, "device_id", "d")}));
    bed_close(&bed);
}

/* --- evidence --- */

static void test_earlier_evidence_later(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    assert_int_equal(see_at(&bed, "user_id=u1 phone=+8613912345678", 5000), 1);
    assert_int_equal(see_at(&bed, "user_id=u2 phone=+8613912345678", 6000), 2);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    assert_int_equal(see_at(&bed, "user_id=u2 phone=+8613912345678", 4000), 2); /* a late file */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 2);
    assert_int_equal(bed.last.move_count, 1);
    assert_int_equal(journal_of(&bed, 2).entry[1].kind, JOURNAL_MOVE);
    assert_int_equal(see_at(&bed, "user_id=u1 phone=+8613912345678", 3999), 1);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    bed_close(&bed);
}

/* --- rules --- */

static void test_window(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"phone\",\"limit\":2,\"window_days\":365}");
    for (int year = 0; year < 6; year++) { /* one a year, as phones go */
        char text[64];
        snprintf(text, sizeof text, "user_id=u1 phone=+861391234567%d", year);
        see_at(&bed, text, year * 400LL * DAY_MS);
        snprintf(text, sizeof text, "+861391234567%d", year);
        assert_int_equal(owner_of(&bed, "phone", text), 1);
    }
    see_at(&bed, "user_id=u1 phone=+8613912345678", 2001 * DAY_MS);
    assert_int_equal(owner_of(&bed, "phone", "+8613912345678"), 1);
    see_at(&bed, "user_id=u1 phone=+8613912345679", 2002 * DAY_MS); /* the third of that year */
    assert_int_equal(owner_of(&bed, "phone", "+8613912345679"), 0);
    bed_close(&bed);
}

static void test_blocked_patterns(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"email\",\"blocked\":[\"*@EXAMPLE.com\",\"test##@?.cn\"]}");
    assert_int_equal(see(&bed, "email=x@example.com"), 0);
    assert_int_equal(see(&bed, "email=test12@q.cn"), 0);
    assert_int_equal(see(&bed, "email=test1@q.cn"), 1);
    assert_int_equal(see(&bed, "user_id=u1 email=x@example.com"), 2);
    assert_int_equal(number_of(&bed, "email", "x@example.com"), 0);
    assert_int_equal(see(&bed, "phone=*@example.com"), 3); /* another namespace's */
    assert_int_equal(counters(&bed).blocked, 3);
    bed_close(&bed);
}

static void test_card_and_household(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"card\",\"kind\":\"card\",\"priority\":6}");
    define(&bed, "{\"define\":\"namespace\",\"name\":\"address\",\"kind\":\"household\",\"priority\":1}");
    assert_int_equal(see(&bed, "phone=+8613912345678 address=A1"), 1);
    assert_int_equal(see(&bed, "email=a@b.cn address=A1"), 2); /* neighbours, or a couple */
    assert_int_equal(owner_of(&bed, "address", "A1"), 0);
    assert_int_equal(counters(&bed).edges, 2);
    assert_int_equal(see(&bed, "address=A1"), 0);
    see(&bed, "user_id=u1 card=C");
    see(&bed, "user_id=u2 card=C");
    assert_true(identity_is_shared(bed.identity, (struct customer_id){owner_of(&bed, "card", "C")}));
    bed_close(&bed);
}

static void test_anonymous_only(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"anonymous_id\",\"anonymous_only\":true}");
    see(&bed, "anonymous_id=a");
    assert_int_equal(see(&bed, "user_id=u1 anonymous_id=a"), 1);
    see(&bed, "member_id=m");
    assert_int_equal(see(&bed, "member_id=m anonymous_id=a"), 2); /* two known ones do not merge through it */
    assert_int_equal(owner_of(&bed, "anonymous_id", "a"), 1);
    assert_int_equal(counters(&bed).conflicts, 1);
    bed_close(&bed);
}

static void test_first_policy(void **state) {
    (void)state;
    struct bed bed;
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"device_id\",\"shared\":\"first\"}");
    see(&bed, "user_id=u1 device_id=d");
    see(&bed, "user_id=u2 device_id=d");
    assert_int_equal(see(&bed, "device_id=d"), 1);
    assert_int_equal(counters(&bed).shared, 0);
    bed_close(&bed);
}

static void test_held(void **state) {
    (void)state;
    struct bed bed;
    char text[80];
    bed_open(&bed);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"openid\",\"limit\":0}");
    for (int i = 0; i < 30; i++) {
        snprintf(text, sizeof text, "user_id=u1 openid=a%d", i);
        see(&bed, text);
        snprintf(text, sizeof text, "member_id=m openid=b%d", i);
        see(&bed, text);
    }
    assert_int_equal(see(&bed, "user_id=u1 member_id=m"), 1);
    assert_int_equal(owner_of(&bed, "member_id", "m"), 2);
    assert_int_equal(counters(&bed).held, 1);
    assert_int_equal(journal_of(&bed, 2).entry[0].kind, JOURNAL_HELD);
    decide(&bed, (struct decision){.kind = DECISION_MERGE, .customer = {1}, .other = {2}});
    assert_int_equal(counters(&bed).customers, 1);
    bed_close(&bed);
}

/* --- changed rules --- */

static void rehearse(struct bed *bed, const char *json, struct rehearsal *out) {
    struct json_parser *p = json_parser_create();
    struct fault fault = {0};
    const struct json *root = NULL;
    if (json)
        assert_int_equal(json_parse(p, slice_text(json), false, &root, &fault), STATUS_OK);
    assert_int_equal(identity_rehearse(bed->identity, p, root, out, &fault), STATUS_OK);
    json_parser_free(p);
}

static void count_moves(void *context, const struct resolution *r) {
    size_t *moves = context;
    moves[0] += r->merge_count;
    for (size_t i = 0; i < r->move_count; i++)
        moves[1] += r->moves[i].arrival_count;
}

static void sweep(struct bed *bed, size_t moves[2]) {
    identity_sweep_begin(bed->identity);
    while (identity_sweep_at(bed->identity))
        identity_sweep(bed->identity, ++bed->position, 1, 1, count_moves, moves);
}

static void test_rehearsal(void **state) {
    (void)state;
    struct bed bed;
    struct rehearsal before, after;
    char text[96];
    size_t moves[2] = {0};
    bed_open(&bed);
    for (int i = 0; i < 100; i++) { /* two members behind one phone each */
        snprintf(text, sizeof text, "phone=+86139%08d anonymous_id=a%d", i, i);
        see(&bed, text);
        snprintf(text, sizeof text, "phone=+86139%08d email=e%d@b.cn", i, i);
        see(&bed, text);
        snprintf(text, sizeof text, "email=e%d@b.cn phone=+86138%08d", i, i);
        see(&bed, text);
    }
    rehearse(&bed, NULL, &before);
    assert_int_equal(before.customers_before, 100);
    assert_int_equal(before.customers_after, 100);
    assert_int_equal(before.would_merge + before.would_split + before.would_move, 0);
    const char *rules = "[{\"define\":\"namespace\",\"name\":\"phone\",\"unique\":true}]";
    rehearse(&bed, rules, &before);
    assert_int_equal(before.customers_before, 100);
    assert_int_equal(before.customers_after, 200);
    assert_int_equal(before.would_split, 100);
    assert_int_equal(before.would_move, 100);
    assert_int_equal(before.sizes_before[2], 100);
    assert_int_equal(before.sizes_after[0], 100);
    assert_int_equal(before.example_count, REHEARSAL_EXAMPLES_MAX);
    assert_int_equal(counters(&bed).customers, 100); /* nothing happened */
    define(&bed, "{\"define\":\"namespace\",\"name\":\"phone\",\"unique\":true}");
    sweep(&bed, moves);
    assert_int_equal(moves[1], before.would_move);
    assert_int_equal(counters(&bed).customers, 200);
    rehearse(&bed, NULL, &after);
    assert_int_equal(after.would_merge + after.would_split + after.would_move, 0);
    define(&bed, "{\"define\":\"namespace\",\"name\":\"phone\",\"unique\":false}");
    moves[0] = moves[1] = 0;
    sweep(&bed, moves);
    assert_int_equal(moves[0], 100);
    assert_int_equal(counters(&bed).customers, 100);
    bed_close(&bed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_a_merge),
        cmocka_unit_test(test_split_identifiers),
        cmocka_unit_test(test_merge_by_hand),
        cmocka_unit_test(test_split_by_time),
        cmocka_unit_test(test_wrong_decisions),
        cmocka_unit_test(test_merge_gives_device_back),
        cmocka_unit_test(test_earlier_evidence_later),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_blocked_patterns),
        cmocka_unit_test(test_card_and_household),
        cmocka_unit_test(test_anonymous_only),
        cmocka_unit_test(test_first_policy),
        cmocka_unit_test(test_held),
        cmocka_unit_test(test_rehearsal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
