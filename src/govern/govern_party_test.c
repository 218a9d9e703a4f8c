/* govern_party_test: calls and rows that name another customer, or are a relation: whom they name, which rows come of it and whose those are; and
 * what is refused, with its sentence. */
#include "govern/govern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/time.h"
#include "collect/payload.h"
#include "os/image.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)
#define RECEIVED 1772691729000LL /* 2026-03-05T06:22:09Z */

struct world {
    struct dictionary *dictionary;
    struct govern *govern;
    struct governed out;
    struct buffer payload, shown;
    uint64_t position;
};

static int create(void **state) {
    struct world *w = memory_get(1, sizeof *w);
    w->dictionary = dictionary_create();
    w->govern = govern_create(os_real(), w->dictionary);
    *state = w;
    return 0;
}

static int destroy(void **state) {
    struct world *w = *state;
    govern_free(w->govern);
    dictionary_free(w->dictionary);
    buffer_release(&w->payload);
    buffer_release(&w->shown);
    free(w);
    return 0;
}

static void work(struct world *w, enum log_kind kind) {
    struct log_record raw = {.position = ++w->position,
                             .received_ms = RECEIVED,
                             .kind = (uint16_t)kind,
                             .source = 3,
                             .payload = buffer_slice(&w->payload)};
    buffer_reserve(&w->payload, 64);
    raw.payload = buffer_slice(&w->payload);
    govern_apply(w->govern, &raw, &w->out);
    for (size_t i = 0; i < w->out.record_count; i++)
        assert_true(record_check(slice_of(w->out.records[i], w->out.records[i]->bytes)));
}

static void apply(struct world *w, const char *item) {
    struct payload_segment head = {INT64_MIN, 0, (uint32_t)strlen(item)};
    buffer_clear(&w->payload);
    buffer_add(&w->payload, &head, sizeof head);
    buffer_add_slice(&w->payload, slice_text(item));
    work(w, LOG_SEGMENT_ITEM);
}

/* `header` and `cells`: texts separated by '|'; header "" for a jsonl row. */
static void apply_row(struct world *w, const char *mapping, const char *header, const char *cells) {
    struct payload_row head = {.job = 1, .line = 7, .row_hash = hash_bytes(slice_text(cells), 1)};
    bool columns = header[0] != 0;
    buffer_clear(&w->payload);
    buffer_add(&w->payload, &head, sizeof head);
    buffer_add_slice(&w->payload, slice_text(mapping));
    for (const char *at = header; columns && at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        buffer_add(&w->payload, at, strcspn(at, "|"));
        buffer_add_char(&w->payload, 0);
    }
    head.header_bytes = (uint32_t)(w->payload.size - sizeof head - strlen(mapping));
    for (const char *at = cells; at; at = columns && strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        uint32_t size = (uint32_t)(columns ? strcspn(at, "|") : strlen(at));
        buffer_add(&w->payload, &size, sizeof size);
        buffer_add(&w->payload, at, size);
        head.cell_count++;
    }
    head.name_bytes = (uint32_t)strlen(mapping);
    memcpy(w->payload.data, &head, sizeof head);
    work(w, LOG_ROW);
}

static enum status parse_and(struct world *w, const char *json, bool mapping, struct fault *fault) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    MUST(json_parse(p, slice_text(json), false, &root, fault));
    enum status checked =
        mapping ? govern_check_mapping(p, root, fault) : dictionary_check(w->dictionary, p, root, fault);
    enum status status =
        mapping ? govern_define_mapping(w->govern, p, root, fault) : dictionary_define(w->dictionary, p, root, fault);
    assert_int_equal(checked, status);
    json_parser_free(p);
    return status;
}

static void define(struct world *w, bool mapping, const char *json) {
    struct fault fault = {0};
    if (parse_and(w, json, mapping, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

/* --- what came out, a line each --- */

static void show_record(struct world *w, size_t i) {
    const struct record_head *r = w->out.records[i];
    const struct type *type = dictionary_type_at(w->dictionary, r->type);
    char when[TIME_TEXT_BYTES];
    when[time_format(r->time_ms, when)] = 0;
    buffer_print(&w->shown, "%.*s of %u at %.10s%s:", SLICE_ARG(type->name), w->out.owners[i], when,
                 r->flags & RECORD_ENDS ? " ends" : "");
    for (uint16_t k = 0; k < r->value_count; k++) {
        const struct record_value *v = &record_values(r)[k];
        struct slice name = dictionary_property_at(type, v->property)->name;
        if (v->kind == VALUE_TEXT)
            buffer_print(&w->shown, " %.*s=%.*s", SLICE_ARG(name), SLICE_ARG(record_text(r, v)));
        else if (v->kind == VALUE_LIST || v->kind == VALUE_ITEMS)
            buffer_print(&w->shown, " %.*s=%u", SLICE_ARG(name), v->count);
        else
            buffer_print(&w->shown, " %.*s=%g", SLICE_ARG(name), record_number(v));
    }
    buffer_add_char(&w->shown, '\n');
}

static void show_party(struct world *w, size_t i) {
    const struct party *party = &w->out.parties[i];
    buffer_print(&w->shown, "%zu %.*s%s%s:", i + 1, SLICE_ARG(dictionary_type_at(w->dictionary, party->relation)->name),
                 party->subject ? " subject" : "", party->stated ? " stated" : "");
    for (size_t k = 0; k < party->claim_count; k++)
        buffer_print(&w->shown, " %.*s=%.*s",
                     SLICE_ARG(dictionary_namespace_at(w->dictionary, party->claims[k].namespace_number)->name),
                     SLICE_ARG(party->claims[k].value));
    buffer_add_char(&w->shown, '\n');
}

static const char *shown(struct world *w) {
    buffer_clear(&w->shown);
    for (size_t i = 0; i < w->out.party_count; i++)
        show_party(w, i);
    for (size_t i = 0; i < w->out.record_count; i++)
        show_record(w, i);
    buffer_add_char(&w->shown, 0);
    return w->shown.data;
}

struct last {
    char text[512];
    int reason;
    bool whole;
};

static void take_last(void *context, const struct quarantine_entry *e) {
    struct last *last = context;
    snprintf(last->text, sizeof last->text, "%.*s: %.*s", SLICE_ARG(e->field), SLICE_ARG(e->text));
    last->reason = e->reason;
    last->whole = e->whole;
}

static struct last refused(struct world *w) {
    struct last last = {.reason = -1};
    quarantine_list(w->govern, 0, 1000, 0, -1, true, take_last, &last);
    return last;
}

/* --- calls --- */

static void a_call_relates(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"relation\",\"userId\":\"mum\",\"relation\":\"guardian_of\",\"to\":\"user_id:kid\",\"since\":"
             "\"2020-02-01T00:00:00Z\",\"properties\":{\"share\":0.5,\"customer\":\"x\",\"ended\":true}}");
    assert_string_equal(shown(w), "1 guardian_of stated: user_id=kid\n"
                                  "guardian_of of 0 at 2020-02-01: customer=0 ended=0 share=0.5\n"
                                  "ward_of of 1 at 2020-02-01: customer=0 ended=0 share=0.5\n");
    assert_int_equal(w->out.claim_count, 1);
    apply(w, "{\"userId\":\"a\",\"relation\":\"household\",\"to\":{\"phone\":\"138 0000 1111\",\"user_id\":\"b\"},"
             "\"timestamp\":\"2021-01-01T00:00:00Z\",\"ended\":\"2022-01-01T00:00:00Z\"}");
    assert_string_equal(shown(w), "1 household stated: user_id=b phone=+8613800001111\n"
                                  "household of 0 at 2021-01-01: customer=0 ended=0\n"
                                  "household of 1 at 2021-01-01: customer=0 ended=0\n"
                                  "household of 0 at 2022-01-01 ends: customer=0 ended=1\n"
                                  "household of 1 at 2022-01-01 ends: customer=0 ended=1\n");
    apply(w, "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:b\",\"ended\":true}");
    assert_string_equal(shown(w), "1 owns stated: user_id=b\n"
                                  "owns of 0 at 2026-03-05: customer=0 ended=1\n"
                                  "owns_inverse of 1 at 2026-03-05: customer=0 ended=1\n");
    /* an end in the past, told of now: all that is known of when */
    apply(w,
          "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:b\",\"timestamp\":\"2026-03-"
          "05T00:00:00Z\",\"ended\":\"2025-01-01T00:00:00Z\"}");
    assert_string_equal(shown(w), "1 owns stated: user_id=b\n"
                                  "owns of 0 at 2025-01-01: customer=0 ended=1\n"
                                  "owns_inverse of 1 at 2025-01-01: customer=0 ended=1\n");
}

static void a_wrong_relation_is_told(void **state) {
    struct world *w = *state;
    static const struct {
        const char *item, *text;
    } cases[] = {
        {"{\"type\":\"relation\",\"userId\":\"a\",\"to\":\"user_id:b\"}",
         "relation: \"relation\" must say which it is"},
        {"{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\"}", "to: \"to\" must name the other end"},
        {"{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"b\"}", "to: \"to\" must name"},
        {"{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:a\"}",
         "to: both ends of the relation are one customer"},
        {"{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:null\"}",
         "no identifier of the relation's other end"},
        {"{\"type\":\"relation\",\"relation\":\"owns\",\"to\":\"user_id:b\"}", "no identifier that can be used"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        apply(w, cases[i].item);
        assert_true(w->out.quarantined && w->out.party_count == 0);
        struct last last = refused(w);
        if (!last.whole || !strstr(last.text, cases[i].text))
            fail_msg("%s: %s", cases[i].item, last.text);
    }
    apply(w,
          "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:b\",\"ended\":\"perhaps\"}");
    assert_string_equal(refused(w).text, "ended: \"perhaps\" is neither true or false nor the time of its end");
    assert_int_equal(w->out.record_count, 2);
    apply(w, "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"user_id:b\",\"ended\":\"2030-01-"
             "01T00:00:"
             "00Z\"}");
    assert_int_equal(refused(w).reason, QUARANTINE_FUTURE_TIME);
    assert_non_null(strstr(shown(w), "owns of 0 at 2026-03-05: customer=0 ended=0\n"));
    apply(w,
          "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":{\"user_id\":\"b\",\"phone\":\"12\"}}");
    assert_int_equal(refused(w).reason, QUARANTINE_BAD_PHONE);
    assert_int_equal(w->out.record_count, 2);
    apply(w, "{\"type\":\"relation\",\"userId\":\"a\",\"relation\":\"owns\",\"to\":\"order_id:o1\"}");
    assert_true(w->out.quarantined);
}

static void define_booking(struct world *w) {
    define(
        w, false,
        "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Booked\",\"properties\":{"
        "\"booked_by\":{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\",\"relation\":\"ward_of\"},"
        "\"booked_by_id\":{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"user_id\",\"relation\":\"ward_"
        "of\"},"
        "\"patient\":{\"type\":\"text\",\"customer\":\"subject\",\"identifier\":\"member_id\",\"relation\":\"guardian_"
        "of\"},"
        "\"guests\":{\"type\":\"text_list\",\"customer\":\"contact\",\"identifier\":\"phone\"},"
        "\"seats\":{\"type\":\"items\",\"properties\":{\"holder\":{\"type\":\"text\",\"customer\":\"contact\","
        "\"identifier\":"
        "\"user_id\",\"relation\":\"referred\"}}}}}");
}

static void an_event_names_contacts(void **state) {
    struct world *w = *state;
    define_booking(w);
    apply(w, "{\"type\":\"track\",\"userId\":\"kid\",\"event\":\"Booked\",\"properties\":{\"booked_by\":\"138 0000 "
             "1111\",\"booked_by_id\":\"mum\",\"guests\":[\"13800002222\",\"13800003333\",\"13800002222\"],\"seats\":[{"
             "\"holder\":\"s1\"},{\"holder\":\"s2\"}]}}");
    assert_string_equal(shown(w),
                        "1 ward_of: user_id=mum phone=+8613800001111\n"
                        "2 has_contact: phone=+8613800002222\n"
                        "3 has_contact: phone=+8613800003333\n"
                        "4 referred: user_id=s1\n"
                        "5 referred: user_id=s2\n"
                        "Booked of 0 at 2026-03-05: booked_by=138 0000 1111 booked_by_id=mum guests=3 seats=2\n");
    /* who is named as oneself is no contact */
    apply(w, "{\"type\":\"track\",\"userId\":\"kid\",\"event\":\"Booked\",\"properties\":{\"booked_by_id\":\"kid\"}}");
    assert_int_equal(w->out.party_count, 1);
    assert_int_equal(w->out.parties[0].claim_count, 0);
    apply(w, "{\"type\":\"track\",\"userId\":\"kid\",\"event\":\"Booked\",\"properties\":{\"booked_by\":\"12\"}}");
    assert_int_equal(refused(w).reason, QUARANTINE_BAD_PHONE);
    assert_int_equal(w->out.record_count, 1);
    assert_int_equal(w->out.party_count, 0);
}

static void an_event_names_its_subject(void **state) {
    struct world *w = *state;
    define_booking(w);
    apply(w, "{\"type\":\"track\",\"userId\":\"mum\",\"event\":\"Booked\",\"context\":{\"traits\":{\"city\":\"x\"}},"
             "\"properties\":{\"patient\":\"M7\"}}");
    assert_string_equal(shown(w), "1 guardian_of subject: member_id=M7\n"
                                  "Booked of 1 at 2026-03-05: patient=M7\n"
                                  "customer of 0 at 2026-03-05: city=x\n");
}

static void a_group_may_be_a_customer(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"acme\",\"traits\":{\"name\":\"Acme\"}}");
    assert_int_equal(w->out.party_count, 0);
    define(w, false,
           "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"group\",\"properties\":{\"group_id\":{\"type\":\"text\","
           "\"customer\":\"contact\",\"identifier\":\"company\",\"relation\":\"works_at\"}}}");
    apply(w,
          "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"acme\",\"traits\":{\"name\":\"Acme\",\"city\":\"x\"}}");
    assert_string_equal(shown(w), "1 works_at: company=acme\n"
                                  "group of 0 at 2026-03-05: group_id=acme traits.name=Acme traits.city=x\n"
                                  "customer of 1 at 2026-03-05: name=Acme city=x\n");
}

/* --- definitions --- */

static void naming_is_checked_and_kept(void **state) {
    struct world *w = *state;
    static const struct {
        const char *kind, *property, *text;
    } cases[] = {
        {"event", "{\"type\":\"text\",\"customer\":\"friend\",\"identifier\":\"phone\"}", "none of contact, subject"},
        {"event", "{\"type\":\"text\",\"customer\":\"contact\"}", "\"identifier\" must be the namespace"},
        {"event", "{\"type\":\"money\",\"customer\":\"contact\",\"identifier\":\"phone\"}", "not money"},
        {"event", "{\"type\":\"text\",\"relation\":\"ward_of\"}", "go with \"customer\""},
        {"event", "{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\",\"relation\":\"wrd_of\"}",
         "no relation is called \"wrd_of\"; define it first"},
        {"event", "{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"order_id\"}", "documents' keys"},
        {"document", "{\"type\":\"text\",\"customer\":\"subject\",\"identifier\":\"phone\"}", "make it a contact"},
        {"master", "{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\"}",
         "events, documents and customers"},
        {"relation", "{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\"}",
         "events, documents and customers"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        char json[400];
        snprintf(json, sizeof json, "{\"define\":\"type\",\"kind\":\"%s\",\"name\":\"n%zu\",\"properties\":{\"p\":%s}}",
                 cases[i].kind, i, cases[i].property);
        assert_int_equal(parse_and(w, json, false, &fault), STATUS_INVALID);
        if (!strstr(fault.text, cases[i].text))
            fail_msg("%s: %s", json, fault.text);
    }
    define_booking(w);
    struct buffer before = {0}, after = {0};
    dictionary_write_json(w->dictionary, &(struct json_writer){.out = &before});
    struct dictionary *again = dictionary_create();
    MUST(dictionary_load(again, buffer_slice(&before), NULL));
    dictionary_write_json(again, &(struct json_writer){.out = &after});
    assert_true(slice_equal(buffer_slice(&before), buffer_slice(&after)));
    assert_non_null(memmem(before.data, before.size, "\"customer\":\"subject\"", 20));
    dictionary_free(again);
    buffer_release(&before);
    buffer_release(&after);
    /* said anew without it, it names nobody */
    define(w, false,
           "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"Booked\",\"properties\":{\"booked_by_id\":\"text\"}}");
    apply(w, "{\"type\":\"track\",\"userId\":\"kid\",\"event\":\"Booked\",\"properties\":{\"booked_by_id\":\"mum\"}}");
    assert_int_equal(w->out.party_count, 0);
}

/* --- files --- */

static void rows_are_relations(void **state) {
    struct world *w = *state;
    define(w, true,
           "{\"name\":\"r\",\"record\":\"relation\",\"type\":\"works_at\",\"columns\":{\"emp\":\"identifier "
           "user_id\",\"mail\":"
           "\"identifier email\",\"firm\":\"contact "
           "company\",\"kind\":\"type\",\"from\":\"since\",\"until\":\"ended\",\"role\":"
           "\"field role\"}}");
    apply_row(w, "r", "emp|mail|firm|kind|from|until|role", "e1|a@b.cn|acme||2020-01-01|2021-01-01|cook");
    assert_int_equal(w->out.claim_count, 2);
    assert_string_equal(shown(w), "1 works_at stated: company=acme\n"
                                  "works_at of 0 at 2020-01-01: customer=0 ended=0 role=cook\n"
                                  "employs of 1 at 2020-01-01: customer=0 ended=0 role=cook\n"
                                  "works_at of 0 at 2021-01-01 ends: customer=0 ended=1\n"
                                  "employs of 1 at 2021-01-01 ends: customer=0 ended=1\n");
    apply_row(w, "r", "emp|mail|firm|kind|from|until|role", "e1||acme|owns|2020-01-01|no|");
    assert_string_equal(shown(w), "1 owns stated: company=acme\n"
                                  "owns of 0 at 2020-01-01: customer=0 ended=0\n"
                                  "owns_inverse of 1 at 2020-01-01: customer=0 ended=0\n");
    apply_row(w, "r", "emp|mail|firm|kind|from|until|role", "e1|||||||");
    assert_true(w->out.quarantined);
    apply_row(w, "r", "emp|mail|firm|kind|from|until|role", "e1||||||");
    assert_true(w->out.quarantined);
    assert_non_null(strstr(refused(w).text, "no identifier of the relation's other end"));
    define(w, true,
           "{\"name\":\"j\",\"format\":\"jsonl\",\"record\":\"relation\",\"type\":\"guardian_of\",\"columns\":{\"who\":"
           "\"identifier "
           "user_id\",\"child.id\":\"contact user_id\",\"child.phone\":\"contact phone\",\"on\":\"since\"}}");
    apply_row(
        w, "j", "",
        "{\"who\":\"mum\",\"child\":{\"id\":\"kid\",\"phone\":\"13800001111\"},\"on\":\"2020-05-01\",\"share\":1}");
    assert_string_equal(shown(w), "1 guardian_of stated: user_id=kid phone=+8613800001111\n"
                                  "guardian_of of 0 at 2020-05-01: customer=0 ended=0 share=1\n"
                                  "ward_of of 1 at 2020-05-01: customer=0 ended=0 share=1\n");
}

static void rows_name_contacts(void **state) {
    struct world *w = *state;
    define(w, true,
           "{\"name\":\"visits\",\"record\":\"document\",\"type\":\"visit\",\"columns\":{\"no\":\"key\",\"patient\":"
           "\"identifier "
           "member_id\",\"caller\":[{\"to\":\"contact phone\",\"relation\":\"ward_of\"},\"field caller\"]}}");
    apply_row(w, "visits", "no|patient|caller", "v1|M1|138 0000 1111");
    assert_string_equal(shown(w), "1 ward_of: phone=+8613800001111\n"
                                  "visit of 0 at 2026-03-05: caller=138 0000 1111\n");
    define(w, true,
           "{\"name\":\"calls\",\"record\":\"event\",\"type\":\"Called\",\"columns\":{\"caller\":\"identifier "
           "phone\",\"patient\":"
           "\"subject member_id\"}}");
    apply_row(w, "calls", "caller|patient", "13800001111|M1");
    assert_string_equal(shown(w), "1 contact_of subject: member_id=M1\n"
                                  "Called of 1 at 2026-03-05:\n");
}

static void wrong_mappings_are_told(void **state) {
    struct world *w = *state;
    static const struct {
        const char *rest, *text;
    } cases[] = {
        {"\"record\":\"relation\",\"type\":\"x\",\"columns\":{\"a\":\"identifier phone\"}", "contact <namespace>"},
        {"\"record\":\"relation\",\"type\":\"x\",\"columns\":{\"b\":\"contact phone\"}", "identifier <namespace>"},
        {"\"record\":\"relation\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"contact phone\"}",
         "the relation type"},
        {"\"record\":\"relation\",\"type\":\"x\",\"columns\":{\"a\":\"identifier phone\",\"b\":{\"to\":\"contact "
         "phone\",\"relation\":\"ward_of\"}}",
         "leave it out"},
        {"\"record\":\"relation\",\"type\":\"x\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"contact "
         "phone\",\"c\":\"item x\"}",
         "have items"},
        {"\"record\":\"event\",\"type\":\"x\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"ended\"}",
         "only relations"},
        {"\"record\":\"document\",\"type\":\"x\",\"columns\":{\"k\":\"key\",\"b\":\"subject phone\"}", "is for events"},
        {"\"record\":\"master\",\"type\":\"x\",\"columns\":{\"k\":\"key\",\"b\":\"contact phone\"}", "no contacts"},
        {"\"record\":\"event\",\"type\":\"x\",\"columns\":{\"a\":{\"to\":\"identifier "
         "phone\",\"relation\":\"ward_of\"}}",
         "goes with contact"},
        {"\"record\":\"edge\",\"type\":\"x\"", "attributes, event, document, master, relation"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fault fault = {0};
        char json[400];
        snprintf(json, sizeof json, "{\"name\":\"m\",%s}", cases[i].rest);
        assert_int_equal(parse_and(w, json, true, &fault), STATUS_INVALID);
        if (!strstr(fault.text, cases[i].text))
            fail_msg("%s: %s", json, fault.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_call_relates, create, destroy),
        cmocka_unit_test_setup_teardown(a_wrong_relation_is_told, create, destroy),
        cmocka_unit_test_setup_teardown(an_event_names_contacts, create, destroy),
        cmocka_unit_test_setup_teardown(an_event_names_its_subject, create, destroy),
        cmocka_unit_test_setup_teardown(a_group_may_be_a_customer, create, destroy),
        cmocka_unit_test_setup_teardown(naming_is_checked_and_kept, create, destroy),
        cmocka_unit_test_setup_teardown(rows_are_relations, create, destroy),
        cmocka_unit_test_setup_teardown(rows_name_contacts, create, destroy),
        cmocka_unit_test_setup_teardown(wrong_mappings_are_told, create, destroy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
