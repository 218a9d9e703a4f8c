/* govern_fuzz: any payload of either kind, any definition, any saved dictionary. The first byte says what the rest is:
 *   S  a call's JSON      C  a context, a line end, a call's JSON     P  a LOG_SEGMENT_ITEM payload as it stands
 *   R  a row's cells, separated by '|', under a fixed header          J  a jsonl row           Q  a LOG_ROW payload
 *   E  a jsonl row that is a relation
 *   M  a mapping          D  a dictionary definition                  L  a saved dictionary
 * What comes out must be whole: records that check, properties that exist, claims in known namespaces; and the same the
 * second time, since govern is pure. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/payload.h"
#include "govern/dictionary_inside.h"
#include "govern/govern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const mappings[] = {
    "{\"name\":\"csv\",\"record\":\"document\",\"type\":\"order\",\"items\":\"append\",\"time_zone\":\"+08:00\","
    "\"columns\":{\"a\":\"key\",\"b\":\"time\",\"c\":[\"identifier phone\",{\"to\":\"attribute phone\","
    "\"type\":\"phone\"}],\"d\":{\"to\":\"field total\",\"unit\":\"fen\"},\"e\":\"item sku\",\"f\":{\"to\":\"attribute "
    "birthday\",\"format\":\"excel\"},\"g\":\"identifier card\"}}",
    "{\"name\":\"jsonl\",\"format\":\"jsonl\",\"record\":\"event\",\"columns\":{\"a.b\":\"identifier "
    "user_id\",\"t\":\"type\",\"at\":\"time\",\"id\":\"message_id\",\"x\":\"field y\",\"l\":\"item "
    "z\",\"c\":\"attribute city\"}}",
    "{\"name\":\"relation\",\"format\":\"jsonl\",\"record\":\"relation\",\"type\":\"knows\",\"columns\":{\"a\":"
    "\"identifier "
    "user_id\",\"b\":\"contact user_id\",\"c\":\"contact phone\",\"t\":\"type\",\"s\":\"since\",\"e\":\"ended\"}}",
};
static const char naming[] =
    "{\"define\":\"type\",\"kind\":\"event\",\"name\":\"E\",\"properties\":{"
    "\"c\":{\"type\":\"text\",\"customer\":\"contact\",\"identifier\":\"phone\"},"
    "\"l\":{\"type\":\"text_list\",\"customer\":\"contact\",\"identifier\":\"user_id\",\"relation\":\"household\"},"
    "\"s\":{\"type\":\"text\",\"customer\":\"subject\",\"identifier\":\"user_id\"}}}";
static const char header[] = "a\0b\0c\0d\0e\0f\0g\0h";

static void require(bool holds, const char *what) {
    if (!holds) {
        fprintf(stderr, "govern_fuzz: %s\n", what);
        abort();
    }
}

static void define(struct govern *g, struct dictionary *d, struct slice json, bool mapping) {
    struct json_parser *p = json_parser_create();
    const struct json *root;
    struct fault fault = {0};
    if (json_parse(p, json, false, &root, &fault) == STATUS_OK) {
        enum status checked = mapping ? govern_check_mapping(p, root, &fault) : dictionary_check(d, p, root, &fault);
        enum status status =
            mapping ? govern_define_mapping(g, p, root, &fault) : dictionary_define(d, p, root, &fault);
        require(checked == status, "a definition was accepted that does not apply, or the reverse");
    }
    json_parser_free(p);
}

static void check_values(const struct dictionary *d, const struct record_head *r, const struct type *type,
                         const struct record_value *v, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct property *property = dictionary_property_at(type, v[i].property);
        require(property != NULL, "a property that does not exist");
        require(i == 0 || v[i - 1].property < v[i].property, "properties out of order");
        for (uint32_t k = 0; v[i].kind == VALUE_ITEMS && k < v[i].count; k++) {
            const struct record_item *item = &record_items(r, &v[i])[k];
            check_values(d, r, dictionary_type_at(d, property->item_type), record_item_values(r, item),
                         item->value_count);
        }
    }
}

static void check_governed(const struct dictionary *d, const struct governed *out) {
    require(!out->quarantined || (out->record_count == 0 && out->claim_count == 0), "parts of a quarantined record");
    require(!out->quarantined || out->party_count == 0, "parties of a quarantined record");
    for (size_t i = 0; i < out->party_count; i++)
        require(dictionary_type_at(d, out->parties[i].relation)->kind == TYPE_RELATION, "a party without a relation");
    for (size_t i = 0; i < out->record_count; i++) {
        const struct record_head *r = out->records[i];
        require(out->owners[i] <= out->party_count, "a record of nobody");
        require(r->kind != TYPE_RELATION || (out->party_count == 1 && record_find(r, RELATION_CUSTOMER)),
                "half a relation");
        require(record_check(slice_of(r, r->bytes)), "a record that does not check");
        check_values(d, r, dictionary_type_at(d, r->type), record_values(r), r->value_count);
        require((r->kind == TYPE_DOCUMENT) == (out->document_keys[i].namespace_number != 0), "a document without key");
    }
    for (size_t i = 0; i < out->claim_count; i++)
        require(dictionary_namespace_at(d, out->claims[i].namespace_number)->kind != NAMESPACE_DOCUMENT &&
                    out->claims[i].value.size > 0,
                "a claim that is none");
}

/* All bytes of what came out. */
static void flatten(const struct governed *out, struct buffer *into) {
    buffer_clear(into);
    buffer_add(into, &out->message_hash, sizeof out->message_hash);
    buffer_add(into, &out->time_ms, sizeof out->time_ms);
    for (size_t i = 0; i < out->record_count; i++)
        buffer_add(into, out->records[i], out->records[i]->bytes);
    for (size_t i = 0; i < out->claim_count; i++)
        buffer_add_slice(into, out->claims[i].value);
    buffer_add(into, out->owners, out->record_count);
    for (size_t i = 0; i < out->party_count; i++)
        for (size_t k = 0; k < out->parties[i].claim_count; k++)
            buffer_add_slice(into, out->parties[i].claims[k].value);
}

static void work(struct govern *g, struct dictionary *d, enum log_kind kind, struct slice payload) {
    struct log_record raw = {
        .position = 1, .received_ms = 1772691729000, .kind = (uint16_t)kind, .source = 1, .payload = payload};
    struct governed out;
    struct buffer first = {0}, second = {0};
    govern_apply(g, &raw, &out); /* may discover; from then on it must stay the same */
    check_governed(d, &out);
    govern_apply(g, &raw, &out);
    flatten(&out, &first);
    govern_apply(g, &raw, &out);
    flatten(&out, &second);
    require(slice_equal(buffer_slice(&first), buffer_slice(&second)), "not the same the second time");
    if (govern_replay(g, &raw, &out))
        check_governed(d, &out);
    buffer_release(&first);
    buffer_release(&second);
}

static void build_segment(struct buffer *payload, struct slice rest, bool with_context) {
    const char *line_end = with_context && rest.size ? memchr(rest.data, '\n', rest.size) : NULL;
    size_t context = line_end ? (size_t)(line_end - rest.data) : 0, item = line_end ? context + 1 : 0;
    struct payload_segment head = {1772691720000, (uint32_t)context, (uint32_t)(rest.size - item)};
    buffer_add(payload, &head, sizeof head);
    buffer_add(payload, rest.data, context);
    buffer_add(payload, rest.data + item, rest.size - item);
}

static void add_cell(struct buffer *payload, struct payload_row *head, const char *data, size_t size) {
    uint32_t bytes = (uint32_t)size;
    buffer_add(payload, &bytes, sizeof bytes);
    buffer_add(payload, data, size);
    head->cell_count++;
}

static void build_row(struct buffer *payload, struct slice rest, struct slice name) {
    bool jsonl = !slice_is(name, "csv");
    struct payload_row head = {.job = 1,
                               .line = 2,
                               .row_hash = 3,
                               .name_bytes = (uint32_t)name.size,
                               .header_bytes = jsonl ? 0 : sizeof header};
    buffer_add(payload, &head, sizeof head);
    buffer_add_slice(payload, name);
    buffer_add(payload, header, head.header_bytes);
    size_t start = 0;
    for (size_t i = 0; i <= rest.size; i++)
        if (i == rest.size || (rest.data[i] == '|' && !jsonl)) {
            add_cell(payload, &head, rest.data + start, i - start);
            start = i + 1;
        }
    memcpy(payload->data, &head, sizeof head);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 65536)
        return 0;
    struct dictionary *d = dictionary_create();
    struct govern *g = govern_create(os_real(), d);
    struct slice rest = {(const char *)data + 1, size - 1};
    struct buffer payload = {0};
    struct fault fault = {0};
    for (size_t i = 0; i < sizeof mappings / sizeof *mappings; i++)
        define(g, d, slice_text(mappings[i]), true);
    define(g, d, slice_text(naming), false);
    bool row = data[0] == 'R' || data[0] == 'J' || data[0] == 'E' || data[0] == 'Q';
    if (data[0] == 'S' || data[0] == 'C')
        build_segment(&payload, rest, data[0] == 'C');
    else if (data[0] == 'R' || data[0] == 'J' || data[0] == 'E')
        build_row(&payload, rest, data[0] == 'R' ? SLICE("csv") : data[0] == 'J' ? SLICE("jsonl") : SLICE("relation"));
    else if (data[0] == 'P' || data[0] == 'Q')
        buffer_add_slice(&payload, rest);
    else if (data[0] == 'M' || data[0] == 'D')
        define(g, d, rest, data[0] == 'M');
    else if (data[0] == 'L' && dictionary_load(d, rest, &fault) != STATUS_OK)
        require(dictionary_type_at(d, DICTIONARY_CUSTOMER)->kind == TYPE_ATTRIBUTES, "no customer after a failed load");
    buffer_reserve(&payload, 1);
    work(g, d, row ? LOG_ROW : LOG_SEGMENT_ITEM, buffer_slice(&payload));
    buffer_release(&payload);
    govern_free(g);
    dictionary_free(d);
    return 0;
}
