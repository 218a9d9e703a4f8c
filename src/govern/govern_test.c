/* govern_test: raw calls and rows in, records, claims and quarantine out. Every rule of docs/mapping.md and of the
 * headers has its case here; expectations are written as the JSON-like text that `shown` makes of a record. */
#include "govern/govern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/random.h"
#include "base/time.h"
#include "collect/payload.h"
#include "os/image.h"

#define MUST(call) assert_int_equal(call, STATUS_OK)
#define RECEIVED 1772691729000LL /* 2026-03-05T06:22:09Z */
#define SENT_NONE INT64_MIN

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

/* --- putting in --- */

static struct log_record raw_of(struct world *w, enum log_kind kind) {
    return (struct log_record){.position = ++w->position,
                               .received_ms = RECEIVED,
                               .kind = (uint16_t)kind,
                               .source = 3,
                               .payload = buffer_slice(&w->payload)};
}

static struct log_record segment_raw(struct world *w, int64_t sent_ms, const char *context, const char *item) {
    struct payload_segment head = {sent_ms, (uint32_t)strlen(context), (uint32_t)strlen(item)};
    buffer_clear(&w->payload);
    buffer_add(&w->payload, &head, sizeof head);
    buffer_add_slice(&w->payload, slice_text(context));
    buffer_add_slice(&w->payload, slice_text(item));
    return raw_of(w, LOG_SEGMENT_ITEM);
}

static void apply_with(struct world *w, int64_t sent_ms, const char *context, const char *item) {
    struct log_record raw = segment_raw(w, sent_ms, context, item);
    govern_apply(w->govern, &raw, &w->out);
    for (size_t i = 0; i < w->out.record_count; i++)
        assert_true(record_check(slice_of(w->out.records[i], w->out.records[i]->bytes)));
}

static void apply(struct world *w, const char *item) { apply_with(w, SENT_NONE, "", item); }

/* `cells` and `header`: texts separated by '|'. */
static struct log_record row_raw(struct world *w, const char *mapping, uint64_t line, const char *header,
                                 const char *cells) {
    struct payload_row head = {.job = 1, .line = line, .row_hash = hash_bytes(slice_text(cells), line)};
    bool columns = header[0] != 0;
    buffer_clear(&w->payload);
    buffer_add(&w->payload, &head, sizeof head);
    buffer_add_slice(&w->payload, slice_text(mapping));
    for (const char *at = header; columns && at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        buffer_add(&w->payload, at, strcspn(at, "|"));
        buffer_add_char(&w->payload, 0);
    }
    size_t header_bytes = w->payload.size - sizeof head - strlen(mapping);
    for (const char *at = cells; at; at = columns && strchr(at, '|') ? strchr(at, '|') + 1 : NULL) {
        uint32_t size = (uint32_t)(columns ? strcspn(at, "|") : strlen(at));
        buffer_add(&w->payload, &size, sizeof size);
        buffer_add(&w->payload, at, size);
        head.cell_count++;
    }
    head.name_bytes = (uint32_t)strlen(mapping);
    head.header_bytes = (uint32_t)header_bytes;
    memcpy(w->payload.data, &head, sizeof head);
    return raw_of(w, LOG_ROW);
}

static void apply_row(struct world *w, const char *mapping, uint64_t line, const char *header, const char *cells) {
    struct log_record raw = row_raw(w, mapping, line, header, cells);
    govern_apply(w->govern, &raw, &w->out);
    for (size_t i = 0; i < w->out.record_count; i++)
        assert_true(record_check(slice_of(w->out.records[i], w->out.records[i]->bytes)));
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

static void define_mapping(struct world *w, const char *json) {
    struct fault fault = {0};
    if (parse_and(w, json, true, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

static void define(struct world *w, const char *json) {
    struct fault fault = {0};
    if (parse_and(w, json, false, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
}

/* --- looking at what came out --- */

static void show_values(struct world *w, const struct record_head *r, const struct type *type,
                        const struct record_value *v, size_t count);

static void show_value(struct world *w, const struct record_head *r, const struct property *property,
                       const struct record_value *v) {
    struct buffer *into = &w->shown;
    struct json_writer json = {.out = into};
    char text[TIME_TEXT_BYTES];
    switch ((enum value_kind)v->kind) {
    case VALUE_MISSING:
        buffer_print(into, "null");
        break;
    case VALUE_BOOL:
        buffer_print(into, v->integer ? "true" : "false");
        break;
    case VALUE_NUMBER:
        json_decimal(&json, v->integer, v->scale);
        break;
    case VALUE_REAL:
        json_real(&json, v->real);
        break;
    case VALUE_TIME:
        buffer_add(into, text, time_format(v->integer, text));
        break;
    case VALUE_DATE:
        buffer_add(into, text, time_format_date(v->integer, text));
        break;
    case VALUE_TEXT:
        json_text(&json, record_text(r, v));
        break;
    case VALUE_LIST:
        for (uint32_t i = 0; i < v->count; i++) {
            buffer_print(into, i ? "," : "[");
            show_value(w, r, property, &record_list(r, v)[i]);
        }
        buffer_print(into, "]");
        break;
    case VALUE_ITEMS:
        for (uint32_t i = 0; i < v->count; i++) {
            const struct record_item *item = &record_items(r, v)[i];
            buffer_print(into, i ? "," : "[");
            show_values(w, r, dictionary_type_at(w->dictionary, property->item_type), record_item_values(r, item),
                        item->value_count);
        }
        buffer_print(into, "]");
        break;
    }
}

static void show_values(struct world *w, const struct record_head *r, const struct type *type,
                        const struct record_value *v, size_t count) {
    buffer_print(&w->shown, "{");
    for (size_t i = 0; i < count; i++) {
        const struct property *property = dictionary_property_at(type, v[i].property);
        assert_non_null(property);
        buffer_print(&w->shown, "%s%.*s:", i ? "," : "", SLICE_ARG(property->name));
        show_value(w, r, property, &v[i]);
    }
    buffer_print(&w->shown, "}");
}

/* `customer{city:"上海"}`: type and values in order of property number. */
static const char *shown(struct world *w, size_t at) {
    assert_true(at < w->out.record_count);
    const struct record_head *r = w->out.records[at];
    const struct type *type = dictionary_type_at(w->dictionary, r->type);
    assert_int_equal(type->kind, r->kind);
    buffer_clear(&w->shown);
    buffer_print(&w->shown, "%.*s", SLICE_ARG(type->name));
    show_values(w, r, type, record_values(r), r->value_count);
    buffer_add_char(&w->shown, 0);
    return w->shown.data;
}

/* "user_id=u1 phone=+86..." in order. */
static const char *claims(struct world *w) {
    buffer_clear(&w->shown);
    for (size_t i = 0; i < w->out.claim_count; i++)
        buffer_print(&w->shown, "%s%.*s=%.*s", i ? " " : "",
                     SLICE_ARG(dictionary_namespace_at(w->dictionary, w->out.claims[i].namespace_number)->name),
                     SLICE_ARG(w->out.claims[i].value));
    buffer_add_char(&w->shown, 0);
    return w->shown.data;
}

struct seen {
    struct buffer text;
    size_t count;
};

static void see(void *context, const struct quarantine_entry *entry) {
    static const char *const names[] = {
#define QUARANTINE(name, english, chinese) #name,
#include "govern/quarantine.def"
#undef QUARANTINE
    };
    struct seen *seen = context;
    buffer_print(&seen->text, "%s%s%s %.*s;", entry->whole ? "whole " : "", entry->repaired ? "repaired " : "",
                 names[entry->reason], SLICE_ARG(entry->field));
    seen->count++;
}

/* The entries from number `after` on: "BAD_PHONE traits.phone;..." */
static const char *quarantined(struct world *w, uint64_t after) {
    struct seen seen = {0};
    quarantine_list(w->govern, after, 100, 0, -1, true, see, &seen);
    buffer_clear(&w->shown);
    buffer_add_slice(&w->shown, buffer_slice(&seen.text));
    buffer_add_char(&w->shown, 0);
    buffer_release(&seen.text);
    return w->shown.data;
}

/* --- calls --- */

static void identify_sets_attributes_and_claims(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"identify\",\"userId\":\"u1\",\"anonymousId\":\"a1\",\"messageId\":\"m1\",\"traits\":{"
             "\"firstName\":\"San\","
             "\"phone\":\"138 0000 1111\",\"email\":\"San@Example.COM\",\"gender\":\"女\",\"birthday\":\"1990-02-03\","
             "\"address\":{\"city\":\"上海\",\"postalCode\":\"200000\"},\"vip\":true,\"score\":12.5}}");
    assert_false(w->out.quarantined);
    assert_int_equal(w->out.record_count, 1);
    assert_string_equal(
        shown(w, 0),
        "customer{first_name:\"San\",gender:2,birthday:1990-02-03,email:\"san@example.com\","
        "phone:\"+8613800001111\",address.city:\"上海\",address.postal_code:\"200000\",vip:true,score:12.5}");
    assert_string_equal(claims(w), "user_id=u1 phone=+8613800001111 email=san@example.com anonymous_id=a1");
    assert_int_equal(w->out.records[0]->type, 0);
    assert_int_equal(w->out.records[0]->source, 3);
    assert_int_equal(w->out.records[0]->position, 1);
    assert_int_equal(w->out.records[0]->priority, 100);
    assert_true(w->out.message_hash != 0 && w->out.records[0]->message_hash == w->out.message_hash);
    assert_string_equal(quarantined(w, 0), "");
}

static void identify_without_traits_links(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"identify\",\"userId\":7,\"anonymousId\":\"a1\"}");
    assert_int_equal(w->out.record_count, 0);
    assert_false(w->out.quarantined);
    assert_int_equal(w->out.message_hash, 0);
    assert_string_equal(claims(w), "user_id=7 anonymous_id=a1");
}

static void an_explicit_null_unsets_an_attribute(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"city\":null,\"name\":\"\",\"unknown\":null,"
             "\"level\":\" \"}}");
    assert_string_equal(shown(w, 0), "customer{city:null}");
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"city\":null}}");
    assert_string_equal(shown(w, 0), "E{}");
}

static void track_flattens_properties_and_context(void **state) {
    struct world *w = *state;
    apply(
        w,
        "{\"type\":\"track\",\"event\":\"Song "
        "Played\",\"userId\":\"u\",\"properties\":{\"a\":{\"b\":{\"c\":1},\"d\":\"x\"},\"n\":-1.25},"
        "\"context\":{\"page\":{\"url\":\"http://"
        "x\"},\"campaign\":{\"source\":\"wx\"},\"ip\":\"1.2.3.4\",\"device\":{\"id\":\"d9\","
        "\"type\":\"ios\"},\"traits\":{\"level\":\"gold\",\"memberId\":\"M8\"},\"externalIds\":[{\"id\":\"oX\","
        "\"type\":\"openid\","
        "\"collection\":\"users\"},{\"id\":5,\"type\":\"crm_id\"},{\"id\":\"\",\"type\":\"x\"},{\"type\":\"y\"},7]}}");
    assert_int_equal(w->out.record_count, 2);
    assert_string_equal(
        shown(w, 0),
        "Song Played{a.b.c:1,a.d:\"x\",n:-1.25,context.page.url:\"http://x\",context.campaign.source:\"wx\","
        "context.ip:\"1.2.3.4\",context.device.id:\"d9\",context.device.type:\"ios\"}");
    assert_string_equal(shown(w, 1), "customer{member_id:\"M8\",level:\"gold\"}");
    assert_string_equal(claims(w), "user_id=u member_id=M8 openid=oX device_id=d9 crm_id=5");
    const struct namespace *crm = dictionary_namespace_find(w->dictionary, SLICE("crm_id"));
    assert_int_equal(crm->kind, NAMESPACE_ANY);
    assert_null(dictionary_namespace_find(w->dictionary, SLICE("y")));
}

static void outer_context_is_merged(void **state) {
    struct world *w = *state;
    const char *outer = "{\"ip\":\"9.9.9.9\",\"locale\":\"zh-CN\",\"page\":{\"url\":\"outer\",\"title\":\"t\"},"
                        "\"traits\":{\"city\":\"A\",\"level\":\"L\"}}";
    for (int i = 0; i < 2; i++) { /* the second time from what was parsed before */
        apply_with(w, SENT_NONE, outer,
                   "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"context\":{\"ip\":\"1.1.1.1\",\"page\":{"
                   "\"url\":\"inner\"},"
                   "\"traits\":{\"city\":\"B\"}}}");
        assert_string_equal(
            shown(w, 0),
            "E{context.ip:\"1.1.1.1\",context.locale:\"zh-CN\",context.page.url:\"inner\",context.page.title:\"t\"}");
        assert_string_equal(shown(w, 1), "customer{city:\"B\",level:\"L\"}");
    }
    apply_with(w, SENT_NONE, "[]", "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}");
    assert_true(w->out.quarantined);
    apply_with(w, SENT_NONE, "{\"ip\":", "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}");
    assert_true(w->out.quarantined);
}

static void pages_screens_groups_aliases(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"page\",\"anonymousId\":\"a\",\"name\":\"Home\",\"category\":\"Docs\",\"properties\":{\"url\":"
             "\"http://x\"}}");
    assert_string_equal(shown(w, 0), "page{name:\"Home\",category:\"Docs\",url:\"http://x\"}");
    apply(w, "{\"type\":\"screen\",\"anonymousId\":\"a\",\"name\":\"Cart\"}");
    assert_string_equal(shown(w, 0), "screen{name:\"Cart\"}");
    apply(w, "{\"type\":\"group\",\"userId\":\"u\",\"groupId\":\"g1\",\"traits\":{\"name\":\"ACME\",\"size\":7}}");
    assert_string_equal(shown(w, 0), "group{group_id:\"g1\",traits.name:\"ACME\",traits.size:7}");
    assert_int_equal(w->out.record_count, 1);
    apply(w, "{\"type\":\"alias\",\"userId\":\"u\",\"previousId\":\"old\"}");
    assert_string_equal(shown(w, 0), "alias{previous_id:\"old\",user_id:\"u\"}");
    assert_string_equal(claims(w), "user_id=u anonymous_id=old");
}

static void arrays_become_lists_and_items(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"tags\":[\"a\",null,\"b\",3],"
             "\"sizes\":[1,2.5,\"3\"],\"none\":[],"
             "\"deep\":[[1],2],\"lines\":[{\"sku\":\"s1\",\"n\":2,\"dim\":{\"w\":3},\"l\":[1,\"x\"]},{\"n\":\"4\"}]}}");
    assert_string_equal(shown(w, 0), "E{tags:[\"a\",\"b\",\"3\"],sizes:[1,2.5,3],deep:\"[[1],2]\",lines:[{sku:\"s1\",n:"
                                     "2,dim.w:3,l:\"[1,\\\"x\\\"]\"},{n:4}]}");
    apply(w, "{\"type\":\"track\",\"event\":\"F\",\"userId\":\"u\",\"properties\":{\"mixed\":[1,0.1234567,2.5]}}");
    for (unsigned i = 0; i < 3; i++) /* a list is of one kind */
        assert_int_equal(record_list(w->out.records[0], record_values(w->out.records[0]))[i].kind, VALUE_REAL);
    const struct type *type = dictionary_type_find(w->dictionary, TYPE_ITEM, SLICE("E.lines"));
    assert_non_null(type);
    assert_int_equal(type->record_count, 2);
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"lines\":{\"sku\":\"only\"},"
             "\"tags\":\"one\"}}");
    assert_string_equal(shown(w, 0), "E{tags:[\"one\"],lines:[{sku:\"only\"}]}");
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"lines\":[{\"n\":\"many\"},8],"
             "\"sizes\":[1,\"x\"]}}");
    assert_string_equal(shown(w, 0), "E{sizes:[1],lines:[{}]}");
    assert_string_equal(quarantined(w, 0),
                        "WRONG_TYPE properties.lines.n;WRONG_TYPE properties.lines;WRONG_TYPE properties.sizes;");
}

static void discovery_takes_the_first_values_type(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"n\":1,\"b\":false,\"t\":\"x\","
             "\"sent_at\":\"2026-03-05T06:22:09Z\",\"note\":\"2026-03-05\"}}");
    assert_string_equal(shown(w, 0), "E{n:1,b:false,t:\"x\",sent_at:2026-03-05T06:22:09.000Z,note:\"2026-03-05\"}");
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"n\":\"1,234.5\",\"b\":\"yes\","
             "\"t\":17,\"sent_at\":1772691729,\"note\":true}}");
    assert_string_equal(shown(w, 0), "E{n:1234.5,b:true,t:\"17\",sent_at:2026-03-05T06:22:09.000Z,note:\"true\"}");
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"n\":true,\"b\":1,\"t\":1.5}}");
    assert_string_equal(shown(w, 0), "E{n:1,b:true,t:\"1.5\"}");
}

static void wrong_values_are_left_out_one_by_one(void **state) {
    struct world *w = *state;
    apply(
        w,
        "{\"type\":\"track\",\"event\":\"Product "
        "Viewed\",\"userId\":\"u\",\"properties\":{\"price\":\"abc\",\"quantity\":[1],\"sku\":\"s\",\"name\":\"n\"}}");
    assert_string_equal(shown(w, 0), "Product Viewed{sku:\"s\",name:\"n\"}");
    assert_string_equal(quarantined(w, 0), "WRONG_TYPE properties.price;WRONG_TYPE properties.quantity;");
    const struct type *type = dictionary_type_find(w->dictionary, TYPE_EVENT, SLICE("Product Viewed"));
    const struct property *price = dictionary_property_find(w->dictionary, type, SLICE("price"));
    assert_int_equal(price->refused_count, 1);
    assert_int_equal(price->present_count, 0);
    apply(w, "{\"type\":\"identify\",\"userId\":\"u\",\"traits\":{\"phone\":\"12345\",\"email\":\"nope\",\"birthday\":"
             "\"2050-01-01\",\"idcard\":\"1\",\"city\":\"X\"}}");
    assert_string_equal(shown(w, 0), "customer{city:\"X\"}");
    assert_string_equal(claims(w), "user_id=u");
    assert_string_equal(
        quarantined(w, 2),
        "BAD_PHONE traits.phone;BAD_EMAIL traits.email;BAD_TIME traits.birthday;BAD_IDCARD traits.idcard;");
}

static void money_is_exact(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"Product "
             "Viewed\",\"userId\":\"u\",\"properties\":{\"price\":0.1,\"value\":\"¥1,234.50\",\"discount\":3}}");
    assert_string_equal(shown(w, 0), "Product Viewed{price:0.1,value:1234.5,discount:3}");
    const struct record_value *v = record_values(w->out.records[0]);
    assert_int_equal(v[0].kind, VALUE_NUMBER);
    assert_int_equal(v[0].integer, 1);
    assert_int_equal(v[0].scale, 1);
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"n\":0.12345678901,\"big\":"
             "18446744073709551615}}");
    assert_int_equal(record_values(w->out.records[0])[0].kind, VALUE_REAL);
    assert_int_equal(record_values(w->out.records[0])[1].kind, VALUE_REAL);
}

static void placeholders_are_no_identifiers(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"null\",\"anonymousId\":\"00000000-0000-0000-0000-"
             "000000000000\",\"context\":{\"device\":{\"id\":\"d1\"}}}");
    assert_string_equal(claims(w), "device_id=d1");
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"undefined\",\"messageId\":\"m\"}");
    assert_true(w->out.quarantined);
    assert_int_equal(w->out.record_count, 0);
    assert_string_equal(quarantined(w, 0), "whole NO_IDENTIFIER ;");
    struct buffer json = {0};
    struct json_writer writer = {.out = &json};
    govern_quality_json(w->govern, &writer);
    buffer_add_char(&json, 0);
    assert_non_null(strstr(json.data, "\"placeholders\":3"));
    assert_non_null(strstr(json.data, "\"records\":2,\"whole_refused\":1"));
    buffer_release(&json);
}

static void too_many_identifiers_are_refused(void **state) {
    struct world *w = *state;
    struct buffer item = {0};
    buffer_print(&item, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"context\":{\"externalIds\":[");
    for (int i = 0; i < 40; i++)
        buffer_print(&item, "%s{\"id\":\"id%d\",\"type\":\"openid\"}", i ? "," : "", i);
    buffer_print(&item, "]}}");
    buffer_add_char(&item, 0);
    apply(w, item.data);
    assert_int_equal(w->out.claim_count, CLAIMS_MAX);
    assert_int_equal(quarantine_waiting(w->govern), 9);
    buffer_release(&item);
}

static void whole_records_that_cannot_be_used(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"userId\":\"u\"}");
    apply(w, "{\"type\":\"dance\",\"userId\":\"u\"}");
    apply(w, "{\"type\":\"track\",");
    apply(w, "[1]");
    apply(w, "{\"type\":\"track\",\"event\":\"a\\u0001b\",\"userId\":\"u\"}");
    struct log_record raw = segment_raw(w, SENT_NONE, "", "{}");
    raw.payload.size -= 1;
    govern_apply(w->govern, &raw, &w->out);
    raw.payload.size = 3;
    govern_apply(w->govern, &raw, &w->out);
    raw.kind = LOG_TICK;
    govern_apply(w->govern, &raw, &w->out);
    assert_string_equal(
        quarantined(w, 0),
        "whole NO_EVENT_NAME event;whole UNKNOWN_CALL type;whole INVALID_JSON ;whole INVALID_JSON ;whole BAD_NAME type;"
        "whole BAD_PAYLOAD ;whole BAD_PAYLOAD ;whole BAD_PAYLOAD ;");
}

static void message_ids_do_not_depend_on_the_source(void **state) {
    struct world *w = *state;
    struct log_record raw =
        segment_raw(w, SENT_NONE, "", "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"m-1\"}");
    govern_apply(w->govern, &raw, &w->out);
    uint64_t hash = w->out.message_hash;
    raw.source = 9;
    govern_apply(w->govern, &raw, &w->out);
    assert_true(hash != 0 && w->out.message_hash == hash);
    assert_int_equal(w->out.records[0]->source, 9);
}

/* --- time --- */

static int64_t time_of(struct world *w, int64_t sent_ms, const char *device, const char *timestamp) {
    char item[512];
    snprintf(item, sizeof item, "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"%s\",%s\"x\":0}", device,
             timestamp);
    apply_with(w, sent_ms, "", item);
    assert_int_equal(w->out.record_count, 1);
    assert_true(w->out.records[0]->time_ms == w->out.time_ms);
    return w->out.time_ms - RECEIVED;
}
#define MINUTE 60000LL

static void time_is_the_devices_within_the_bound(void **state) {
    struct world *w = *state;
    assert_int_equal(time_of(w, SENT_NONE, "a",
                             "\"timestamp\":\"2026-03-05T06:00:00Z\",\"originalTimestamp\":\"2026-03-05T05:00:00Z\","),
                     -22 * MINUTE - 9000);
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"originalTimestamp\":\"2026-03-05T06:00:00Z\","),
                     -22 * MINUTE - 9000);
    assert_int_equal(time_of(w, RECEIVED - 4 * MINUTE, "b", "\"timestamp\":\"2026-03-05T06:00:00Z\","),
                     -22 * MINUTE - 9000);
    assert_int_equal(time_of(w, RECEIVED + 4 * MINUTE, "c", "\"timestamp\":\"2026-03-05T06:00:00Z\","),
                     -22 * MINUTE - 9000);
    assert_int_equal(time_of(w, SENT_NONE, "d", "\"timestamp\":1772690400000,"), -22 * MINUTE - 9000);
    assert_int_equal(w->out.records[0]->flags, 0);
    assert_int_equal(quarantine_waiting(w->govern), 0);
}

static void a_wrong_clock_is_set_right(void **state) {
    struct world *w = *state;
    /* sent an hour in the device's future: its clock is an hour ahead */
    assert_int_equal(time_of(w, RECEIVED + 60 * MINUTE, "a", "\"timestamp\":\"2026-03-05T07:00:00Z\","),
                     -22 * MINUTE - 9000);
    /* the item's own sentAt where the batch has none */
    assert_int_equal(
        time_of(w, SENT_NONE, "b", "\"timestamp\":\"2026-03-05T07:00:00Z\",\"sentAt\":\"2026-03-05T07:22:09Z\","),
        -22 * MINUTE - 9000);
    assert_int_equal(time_of(w, SENT_NONE, "c", "\"timestamp\":\"2026-03-05T06:00:00Z\",\"sentAt\":\"nonsense\","),
                     -22 * MINUTE - 9000);
}

static void no_time_and_bad_times(void **state) {
    struct world *w = *state;
    assert_int_equal(time_of(w, SENT_NONE, "a", ""), 0);
    assert_int_equal(w->out.records[0]->flags, RECORD_TIME_RECEIVED);
    assert_int_equal(quarantine_waiting(w->govern), 0);
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"timestamp\":\"yesterday\","), 0);
    assert_int_equal(w->out.records[0]->flags, RECORD_TIME_RECEIVED);
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"timestamp\":\"2026-03-06T06:22:09Z\","),
                     24 * 60 * MINUTE); /* just allowed */
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"timestamp\":\"2026-03-06T06:22:09.001Z\","), 0);
    assert_int_equal(w->out.records[0]->flags, RECORD_TIME_RECEIVED);
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"timestamp\":{},"), 0);
    assert_string_equal(quarantined(w, 0), "BAD_TIME timestamp;FUTURE_TIME timestamp;BAD_TIME timestamp;");
    /* two days ahead, but the clock says so too: corrected, not refused */
    assert_int_equal(time_of(w, RECEIVED + 2880 * MINUTE, "b", "\"timestamp\":\"2026-03-07T06:22:09Z\","), 0);
    assert_int_equal(w->out.records[0]->flags, 0);
}

/* A device whose clock is off by any constant, with ways of up to 2.5 minutes: corrected times keep the device's order,
 * for many clocks and delays. */
static void one_device_is_never_reordered(void **state) {
    struct world *w = *state;
    struct random random;
    random_init(&random, 11);
    for (int device = 0; device < 300; device++) {
        int64_t off = random_between(&random, -12 * MINUTE, 12 * MINUTE), device_ms = RECEIVED, last = INT64_MIN;
        for (int batch = 0; batch < 12; batch++) {
            char item[256], text[TIME_TEXT_BYTES];
            device_ms += random_between(&random, 1, 40000);
            int64_t sent = device_ms + random_between(&random, 0, 30000);
            int64_t received = sent + off + random_between(&random, 0, 150000);
            text[time_format(device_ms, text)] = 0;
            snprintf(item, sizeof item,
                     "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"dev%d\",\"timestamp\":\"%s\"}", device,
                     text);
            struct log_record raw = segment_raw(w, sent, "", item);
            raw.received_ms = received;
            govern_apply(w->govern, &raw, &w->out);
            if (w->out.time_ms <= last)
                fail_msg("device %d off by %lld ms, batch %d: reordered", device, (long long)off, batch);
            last = w->out.time_ms;
            device_ms = sent;
        }
    }
}

/* --- orders --- */

static void order_events_update_the_order(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"Order "
             "Completed\",\"userId\":\"u\",\"messageId\":\"m\",\"properties\":{\"order_id\":\"O-1\",\"total\":27.5,"
             "\"revenue\":\"25.00\",\"currency\":\"CNY\",\"coupon\":null,\"products\":[{\"product_id\":\"p1\","
             "\"price\":12.5,\"quantity\":2},{\"sku\":\"s2\",\"price\":\"2.5\"}]},"
             "\"context\":{\"ip\":\"1.1.1.1\"}}");
    assert_int_equal(w->out.record_count, 2);
    assert_string_equal(shown(w, 0), "Order "
                                     "Completed{total:27.5,revenue:25,currency:\"CNY\",order_id:\"O-1\",products:[{"
                                     "product_id:\"p1\",price:12.5,quantity:2},"
                                     "{sku:\"s2\",price:2.5}],context.ip:\"1.1.1.1\"}");
    assert_string_equal(shown(w, 1), "order{status:\"completed\",items:[{product_id:\"p1\",price:12.5,quantity:2},{sku:"
                                     "\"s2\",price:2.5}],total:27.5,revenue:25,"
                                     "coupon:null,currency:\"CNY\"}");
    assert_int_equal(w->out.document_keys[0].namespace_number, 0);
    assert_int_equal(w->out.document_keys[1].namespace_number,
                     dictionary_namespace_find(w->dictionary, SLICE("order_id"))->number);
    assert_true(slice_is(w->out.document_keys[1].value, "O-1"));
    assert_string_equal(claims(w), "user_id=u");
    assert_int_equal(w->out.records[1]->kind, TYPE_DOCUMENT);
    assert_int_equal(w->out.records[1]->flags & RECORD_ITEMS_APPEND, 0);
    apply(w, "{\"type\":\"track\",\"event\":\"Order Cancelled\",\"userId\":\"u\",\"properties\":{\"order_id\":77}}");
    assert_string_equal(shown(w, 1), "order{status:\"cancelled\"}");
    assert_true(slice_is(w->out.document_keys[1].value, "77"));
    apply(w, "{\"type\":\"track\",\"event\":\"Order "
             "Updated\",\"userId\":\"u\",\"properties\":{\"order_id\":\"1x\",\"status\":\"shipped\"}}");
    assert_string_equal(shown(w, 1), "order{status:\"shipped\"}");
    apply(w, "{\"type\":\"track\",\"event\":\"Order Completed\",\"userId\":\"u\",\"properties\":{\"total\":\"x\"}}");
    assert_int_equal(w->out.record_count, 1);
    assert_int_equal(quarantine_waiting(w->govern), 1); /* the value once, not once a record */
}

static void refunds_leave_the_orders_items_alone(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"Order "
             "Refunded\",\"userId\":\"u\",\"properties\":{\"order_id\":\"O-1\",\"total\":30,\"value\":29,\"currency\":"
             "\"CNY\"}}");
    assert_string_equal(shown(w, 1), "order{status:\"refunded\",currency:\"CNY\",refund_total:30}");
    apply(w, "{\"type\":\"track\",\"event\":\"Order "
             "Refunded\",\"userId\":\"u\",\"properties\":{\"order_id\":\"O-1\",\"value\":12.5,\"tax\":1,\"products\":[{"
             "\"sku\":\"s1\",\"quantity\":1}]}}");
    assert_string_equal(shown(w, 1),
                        "order{status:\"partially refunded\",refund_total:12.5,refunds:[{sku:\"s1\",quantity:1}]}");
}

/* --- rows --- */

static const char pos[] =
    "{\"define\":\"mapping\",\"name\":\"pos\",\"format\":\"csv\",\"encoding\":\"gb18030\",\"time_zone\":\"Asia/"
    "Shanghai\",\"source\":\"pos\",\"record\":\"document\","
    "\"type\":\"order\",\"repeats\":\"drop\",\"items\":\"append\",\"columns\":{\"单号\":\"key\",\"时间\":\"time\","
    "\"手机号\":[\"identifier phone\",{\"to\":\"attribute phone\",\"type\":\"phone\"}],"
    "\"会员\":\"identifier member_id\",\"城市\":{\"to\":\"attribute "
    "city\",\"values\":{\"沪\":\"上海\"}},\"金额\":{\"to\":\"field total\",\"type\":\"money\",\"unit\":\"fen\"},"
    "\"货号\":\"item sku\",\"数量\":\"item quantity\",\"单价\":{\"to\":\"item "
    "price\",\"unit\":\"fen\"},\"备注\":\"skip\"}}";
static const char pos_header[] = "单号|时间|手机号|会员|城市|金额|货号|数量|单价|备注|门店";

static void rows_become_documents(void **state) {
    struct world *w = *state;
    define_mapping(w, pos);
    apply_row(w, "pos", 12, pos_header, "A100|2026-03-05 08:00:00|138-0000-1111|M1|沪|12,345|S1|2|6150|x|徐家汇");
    assert_int_equal(w->out.record_count, 2);
    assert_string_equal(shown(w, 0), "order{items:[{sku:\"S1\",price:61.5,quantity:2}],total:123.45,门店:\"徐家汇\"}");
    assert_string_equal(shown(w, 1), "customer{phone:\"+8613800001111\",city:\"上海\"}");
    assert_string_equal(claims(w), "member_id=M1 phone=+8613800001111");
    assert_int_equal(w->out.records[0]->flags, RECORD_ITEMS_APPEND);
    assert_true(slice_is(w->out.document_keys[0].value, "A100"));
    assert_int_equal(w->out.document_keys[1].namespace_number, 0);
    assert_int_equal(w->out.time_ms - RECEIVED,
                     (0 - 6 * 60 - 22) * MINUTE - 9000); /* 08:00 in Shanghai is midnight UTC */
    uint64_t hash = w->out.message_hash;
    apply_row(w, "pos", 13, pos_header, "A100|2026-03-05 08:00:00|138-0000-1111|M1|沪|12,345|S1|2|6150|x|徐家汇");
    assert_true(hash && w->out.message_hash && hash != w->out.message_hash);
    assert_string_equal(quarantined(w, 0), "");
}

static void bad_cells_name_column_and_line(void **state) {
    struct world *w = *state;
    define_mapping(w, pos);
    apply_row(w, "pos", 12, pos_header, "A100|long ago|12|N/A|杭州|many|S1|x|6150||");
    assert_string_equal(shown(w, 0), "order{items:[{sku:\"S1\",price:61.5}]}");
    assert_int_equal(w->out.claim_count, 0); /* the document's key is enough to keep it */
    assert_false(w->out.quarantined);
    assert_string_equal(quarantined(w, 0),
                        "BAD_PHONE column 手机号 line 12;BAD_TIME column 时间 line 12;WRONG_TYPE column 金额 line 12;"
                        "WRONG_TYPE column 数量 line 12;");
    apply_row(w, "pos", 13, pos_header, " |2026-03-05|1|1|1|1|1|1|1|1|1");
    assert_true(w->out.quarantined);
    apply_row(w, "pos", 14, "单号|时间", "A1");
    apply_row(w, "nobody", 15, "a|b", "1|2");
    assert_string_equal(quarantined(w, 4),
                        "whole NO_KEY line 13;whole BAD_PAYLOAD line 14;whole UNKNOWN_MAPPING line 15;");
}

static void rows_become_events_attributes_and_master_data(void **state) {
    struct world *w = *state;
    define_mapping(w, "{\"name\":\"calls\",\"record\":\"event\",\"type\":\"Call\",\"columns\":{\"phone\":\"identifier "
                      "phone\",\"what\":{\"to\":\"type\",\"values\":{\"c\":\"Complaint\"}},"
                      "\"at\":{\"to\":\"time\",\"format\":\"excel\"},\"id\":\"message_id\"}}");
    apply_row(w, "calls", 2, "phone|what|at|id|seconds", "13800001111|c|46086.25|id-1|31");
    assert_string_equal(shown(w, 0), "Complaint{seconds:\"31\"}");
    assert_int_equal(w->out.time_ms - RECEIVED, -22 * MINUTE - 9000); /* 2026-03-05T06:00 */
    uint64_t hash = w->out.message_hash;
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"messageId\":\"id-1\"}");
    assert_true(w->out.message_hash == hash);
    apply_row(w, "calls", 3, "phone|what|at|id|seconds", "13800001111||||");
    assert_string_equal(shown(w, 0), "Call{}");
    define_mapping(w, "{\"name\":\"members\",\"record\":\"attributes\",\"columns\":{\"id\":\"identifier "
                      "member_id\",\"sex\":{\"to\":\"attribute gender\",\"type\":\"gender\"},\"n\":\"field points\"}}");
    apply_row(w, "members", 2, "id|sex|n|city", "M5|男|7|苏州");
    assert_string_equal(shown(w, 0), "customer{gender:1,city:\"苏州\",points:\"7\"}");
    apply_row(w, "members", 3, "id|sex|n|city", "-|男|7|苏州");
    assert_true(w->out.quarantined);
    define_mapping(w, "{\"name\":\"floats\",\"record\":\"event\",\"type\":\"E\",\"columns\":{\"id\":{\"to\":"
                      "\"identifier user_id\",\"type\":\"number\"}}}");
    static const char *const named[][2] = {
        {"266079.0", "266079"}, {" 17850 ", "17850"}, {"12.5", "12.5"}, {"a7.0", "a7.0"}, {"1e3", "1000"}};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        apply_row(w, "floats", 2, "id", named[i][0]);
        assert_int_equal(w->out.claim_count, 1);
        assert_true(slice_is(w->out.claims[0].value, named[i][1]));
    }
    define_mapping(w, "{\"name\":\"goods\",\"record\":\"master\",\"type\":\"product\",\"columns\":{\"code\":\"key\","
                      "\"p\":{\"to\":\"field price\",\"unit\":\"fen\"}}}");
    apply_row(w, "goods", 2, "code|p|name", "P1|1990|茶");
    assert_string_equal(shown(w, 0), "product{id:\"P1\",name:\"茶\",price:19.9}");
    assert_int_equal(w->out.claim_count, 0);
    assert_int_equal(w->out.records[0]->kind, TYPE_MASTER);
}

static void jsonl_rows_go_by_path(void **state) {
    struct world *w = *state;
    define_mapping(w, "{\"name\":\"api\",\"format\":\"jsonl\",\"record\":\"document\",\"type\":\"ticket\",\"columns\":{"
                      "\"no\":\"key\",\"buyer.mobile\":\"identifier phone\",\"lines\":\"field items\","
                      "\"raw\":\"skip\",\"meta\":\"field about\"}}");
    apply_row(w, "api", 1, "",
              "{\"no\":8,\"buyer\":{\"mobile\":13800001111,\"nick\":\"x\"},\"lines\":[{\"sku\":\"a\"}],\"raw\":{\"z\":"
              "1},\"meta\":{\"a\":1},\"open\":true,\"closed\":null}");
    assert_string_equal(shown(w, 0), "ticket{buyer.nick:\"x\",items:[{sku:\"a\"}],about.a:1,open:true}");
    assert_string_equal(claims(w), "phone=+8613800001111");
    assert_true(slice_is(w->out.document_keys[0].value, "8"));
    assert_true(
        slice_is(dictionary_namespace_at(w->dictionary, w->out.document_keys[0].namespace_number)->name, "ticket_id"));
    assert_int_equal(dictionary_namespace_at(w->dictionary, w->out.document_keys[0].namespace_number)->kind,
                     NAMESPACE_DOCUMENT);
    apply_row(w, "api", 2, "", "{\"no\":8,\"open\":null}");
    assert_string_equal(shown(w, 0), "ticket{open:null}");
    apply_row(w, "api", 3, "", "nonsense");
    assert_string_equal(quarantined(w, 0), "whole INVALID_JSON line 3;");
}

static void mappings_that_cannot_be(void **state) {
    struct world *w = *state;
    static const struct {
        const char *json, *says;
    } bad[] = {
        {"{\"record\":\"event\",\"type\":\"E\"}", "name"},
        {"{\"name\":\"m\",\"type\":\"E\"}", "record"},
        {"{\"name\":\"m\",\"record\":\"event\",\"columns\":{\"a\":\"identifier phone\"}}", "type"},
        {"{\"name\":\"m\",\"record\":\"event\",\"type\":\"E\"}", "identifier"},
        {"{\"name\":\"m\",\"record\":\"document\",\"type\":\"E\"}", "key"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"key\"}}", "key"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"feild x\"}}",
         "feild x"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier\"}}", "identifier"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier "
         "phone\",\"b\":{\"type\":\"text\"}}}",
         "none of"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":{\"to\":\"attribute "
         "x\",\"type\":\"colour\"}}}",
         "colour"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":{\"to\":\"attribute "
         "x\",\"unit\":\"cent\"}}}",
         "cent"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":{\"to\":\"attribute "
         "x\",\"format\":\"yy\"}}}",
         "yy"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier "
         "phone\"},\"time_zone\":\"Mars/Base\"}",
         "Mars"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\"},\"format\":\"xml\"}",
         "xml"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\"},\"items\":\"append\"}",
         "items"},
        {"{\"name\":\"m\",\"record\":\"master\",\"type\":\"x\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"key\"}}",
         "customer"},
        {"{\"name\":\"m\",\"record\":\"attributes\",\"columns\":[]}", "columns"},
        {"[]", "object"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fault fault = {0};
        assert_int_not_equal(parse_and(w, bad[i].json, true, &fault), STATUS_OK);
        if (!strstr(fault.text, bad[i].says))
            fail_msg("%s: \"%s\" does not say \"%s\"", bad[i].json, fault.text, bad[i].says);
    }
}

static void a_mapping_is_replaced_and_told(void **state) {
    struct world *w = *state;
    struct buffer json = {0};
    define_mapping(
        w,
        "{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier phone\",\"b\":\"attribute city\"}}");
    apply_row(w, "m", 1, "a|b", "13800001111|X");
    assert_string_equal(shown(w, 0), "customer{city:\"X\"}");
    define_mapping(w, "{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier "
                      "phone\",\"b\":\"attribute level\"}}");
    apply_row(w, "m", 1, "a|b", "13800001111|X");
    assert_string_equal(shown(w, 0), "customer{level:\"X\"}");
    assert_true(govern_mapping_json(w->govern, SLICE("m"), &json));
    assert_true(slice_is(buffer_slice(&json), "{\"name\":\"m\",\"record\":\"attributes\",\"columns\":{\"a\":"
                                              "\"identifier phone\",\"b\":\"attribute level\"}}"));
    assert_false(govern_mapping_json(w->govern, SLICE("n"), &json));
    buffer_release(&json);
}

/* --- replay --- */

static void a_repaired_mapping_lets_rows_through(void **state) {
    struct world *w = *state;
    struct log_record raw = row_raw(w, "late", 5, "a|b", "13800001111|X");
    govern_apply(w->govern, &raw, &w->out);
    assert_true(w->out.quarantined);
    assert_false(govern_replay(w->govern, &raw, &w->out));
    struct buffer positions = {0};
    quarantine_positions(w->govern, 3, QUARANTINE_UNKNOWN_MAPPING, &positions);
    assert_int_equal(positions.size, sizeof(uint64_t));
    assert_memory_equal(positions.data, &raw.position, sizeof(uint64_t));
    define_mapping(w, "{\"name\":\"late\",\"record\":\"attributes\",\"columns\":{\"a\":\"identifier "
                      "phone\",\"b\":\"attribute city\"}}");
    assert_true(govern_replay(w->govern, &raw, &w->out));
    assert_string_equal(shown(w, 0), "customer{city:\"X\"}");
    assert_int_equal(quarantine_waiting(w->govern), 0);
    assert_string_equal(quarantined(w, 0), "whole repaired UNKNOWN_MAPPING line 5;");
    assert_false(govern_replay(w->govern, &raw, &w->out)); /* nothing waits any more */
    buffer_clear(&positions);
    quarantine_positions(w->govern, 0, -1, &positions);
    assert_int_equal(positions.size, 0);
    buffer_release(&positions);
}

static void a_repaired_type_lets_values_through(void **state) {
    struct world *w = *state;
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"code\":12}}");
    struct log_record raw = segment_raw(
        w, SENT_NONE, "", "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\",\"properties\":{\"code\":\"A12\"}}");
    govern_apply(w->govern, &raw, &w->out);
    assert_string_equal(shown(w, 0), "E{}");
    assert_false(govern_replay(w->govern, &raw, &w->out));
    assert_int_equal(quarantine_waiting(w->govern), 1);
    define(w, "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{\"code\":\"text\"}}");
    assert_true(govern_replay(w->govern, &raw, &w->out));
    assert_string_equal(shown(w, 0), "E{code:\"A12\"}");
    assert_int_equal(quarantine_waiting(w->govern), 0);
}

/* --- sources, look-up, saving --- */

static void a_source_gives_priority_and_zone(void **state) {
    struct world *w = *state;
    struct fault fault = {0};
    MUST(govern_set_source(w->govern, 3, 7, SLICE("Asia/Shanghai"), &fault));
    assert_int_equal(time_of(w, SENT_NONE, "a", "\"timestamp\":\"2026-03-05T14:00:00\","), -22 * MINUTE - 9000);
    assert_int_equal(w->out.records[0]->priority, 7);
    assert_int_not_equal(govern_set_source(w->govern, 3, 8, SLICE("Mars"), &fault), STATUS_OK);
    apply(w, "{\"type\":\"track\",\"event\":\"E\",\"userId\":\"u\"}");
    assert_int_equal(w->out.records[0]->priority, 7);
}

static void identifiers_are_normalised_for_looking_up(void **state) {
    struct world *w = *state;
    struct arena arena = {0};
    struct slice got;
    struct fault fault = {0};
    MUST(govern_normalise_identifier(dictionary_namespace_find(w->dictionary, SLICE("phone")), SLICE(" 138 0000 1111 "),
                                     &arena, &got, &fault));
    assert_true(slice_is(got, "+8613800001111"));
    MUST(govern_normalise_identifier(dictionary_namespace_find(w->dictionary, SLICE("user_id")), SLICE(" u 1 "), &arena,
                                     &got, &fault));
    assert_true(slice_is(got, "u 1"));
    assert_int_equal(govern_normalise_identifier(dictionary_namespace_find(w->dictionary, SLICE("email")), SLICE("x"),
                                                 &arena, &got, &fault),
                     STATUS_INVALID);
    assert_int_equal(govern_normalise_identifier(dictionary_namespace_find(w->dictionary, SLICE("user_id")), SLICE(""),
                                                 &arena, &got, &fault),
                     STATUS_INVALID);
    arena_release(&arena);
}

static void fill(struct world *w, bool second_half) {
    if (!second_half) {
        define_mapping(w, pos);
        apply(w,
              "{\"type\":\"identify\",\"userId\":\"u1\",\"traits\":{\"vip\":true,\"phone\":\"1\",\"tags\":[\"a\"]}}");
        time_of(w, RECEIVED + 60 * MINUTE, "a", "\"timestamp\":\"2026-03-05T07:00:00Z\",");
        struct log_record raw = row_raw(w, "unknown", 5, "a|b", "1|2");
        govern_apply(w->govern, &raw, &w->out);
        return;
    }
    apply(w, "{\"type\":\"identify\",\"userId\":\"u2\",\"traits\":{\"vip\":\"no\",\"phone\":\"x\",\"more\":1}}");
    time_of(w, RECEIVED + 62 * MINUTE, "a", "\"timestamp\":\"2026-03-05T07:00:00Z\",");
    apply_row(w, "pos", 12, pos_header, "A100|2026-03-05 08:00:00|138-0000-1111|M1|沪|12,345|S1|2|6150|x|徐家汇");
}

static void state_text(struct world *w, struct buffer *into) {
    struct json_writer writer = {.out = into};
    dictionary_write_json(w->dictionary, &writer);
    govern_quality_json(w->govern, &writer);
    quarantine_counts_json(w->govern, &writer);
    govern_list_mappings(w->govern, &writer);
    buffer_print(into, "%s", quarantined(w, 0));
    buffer_print(into, "%lld", (long long)w->out.time_ms);
}

/* Saved in the middle and loaded, the rest gives the same state as without. */
static void saved_state_goes_on_as_before(void **state) {
    struct world *w = *state, *other;
    char path[] = "/tmp/govern_test.XXXXXX";
    struct image_writer *writer;
    struct image *image;
    struct fault fault = {0};
    struct buffer want = {0}, got = {0};
    int file = mkstemp(path);
    assert_true(file >= 0);
    close(file);
    fill(w, false);
    MUST(image_create(os_real(), path, &writer, &fault));
    MUST(govern_save(w->govern, writer, &fault));
    MUST(image_finish(writer, NULL, &fault));
    fill(w, true);
    state_text(w, &want);
    create((void **)&other);
    MUST(image_open(os_real(), path, &image, &fault));
    if (govern_load(other->govern, image, &fault) != STATUS_OK)
        fail_msg("%s", fault.text);
    image_close(image);
    other->position = 3;
    fill(other, true);
    state_text(other, &got);
    assert_true(slice_equal(buffer_slice(&want), buffer_slice(&got)));
    buffer_release(&want);
    buffer_release(&got);
    destroy((void **)&other);
    unlink(path);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, create, destroy)
    const struct CMUnitTest tests[] = {
        TEST(identify_sets_attributes_and_claims),
        TEST(identify_without_traits_links),
        TEST(an_explicit_null_unsets_an_attribute),
        TEST(track_flattens_properties_and_context),
        TEST(outer_context_is_merged),
        TEST(pages_screens_groups_aliases),
        TEST(arrays_become_lists_and_items),
        TEST(discovery_takes_the_first_values_type),
        TEST(wrong_values_are_left_out_one_by_one),
        TEST(money_is_exact),
        TEST(placeholders_are_no_identifiers),
        TEST(too_many_identifiers_are_refused),
        TEST(whole_records_that_cannot_be_used),
        TEST(message_ids_do_not_depend_on_the_source),
        TEST(time_is_the_devices_within_the_bound),
        TEST(a_wrong_clock_is_set_right),
        TEST(no_time_and_bad_times),
        TEST(one_device_is_never_reordered),
        TEST(order_events_update_the_order),
        TEST(refunds_leave_the_orders_items_alone),
        TEST(rows_become_documents),
        TEST(bad_cells_name_column_and_line),
        TEST(rows_become_events_attributes_and_master_data),
        TEST(jsonl_rows_go_by_path),
        TEST(mappings_that_cannot_be),
        TEST(a_mapping_is_replaced_and_told),
        TEST(a_repaired_mapping_lets_rows_through),
        TEST(a_repaired_type_lets_values_through),
        TEST(a_source_gives_priority_and_zone),
        TEST(identifiers_are_normalised_for_looking_up),
        TEST(saved_state_goes_on_as_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
