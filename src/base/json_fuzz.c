/* Fuzz target for JSON: what simdjson accepts, json_raw must cut into the same pieces, in the same order; what it refuses,
 * json_raw must survive without leaving the text. Written again and parsed again, a document stays the same. */
#include "base/json_read.h"
#include "base/json_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition) ((condition) ? (void)0 : abort())

static void check_node(const struct json_parser *parser, const struct json *node, struct slice raw);

static void check_scalar(const struct json *node, struct slice raw) {
    MUST(raw.size > 0);
    switch (node->kind) {
    case JSON_NULL:
        MUST(slice_is(raw, "null"));
        break;
    case JSON_BOOL:
        MUST(slice_is(raw, node->boolean ? "true" : "false"));
        break;
    case JSON_TEXT:
        MUST(raw.size >= 2 && raw.data[0] == '"' && raw.data[raw.size - 1] == '"' && node->text.size <= raw.size - 2);
        break;
    case JSON_INTEGER:
    case JSON_REAL: {
        char text[64], *end;
        if (raw.size >= sizeof text)
            break;
        memcpy(text, raw.data, raw.size);
        text[raw.size] = 0;
        MUST(node->kind == JSON_REAL ? strtod(text, &end) == node->real : strtoll(text, &end, 10) == node->integer);
        MUST(*end == 0);
        break;
    }
    case JSON_ARRAY:
    case JSON_OBJECT:
        abort();
    }
}

static void check_array(const struct json_parser *parser, const struct json *node, struct slice raw) {
    size_t at = 0, count = 0;
    const struct json *child = json_first(parser, node);
    for (struct slice item; json_raw_item(raw, &at, &item); child = json_next(parser, child), count++) {
        MUST(child && item.data >= raw.data && item.data + item.size <= raw.data + raw.size);
        check_node(parser, child, item);
    }
    MUST(!child && count == node->count);
}

/* json_raw_member compares keys as they are written, so only those without escapes can be asked for; the last of a name wins. */
static void check_object(const struct json_parser *parser, const struct json *node, struct slice raw) {
    if (node->count > 32)
        return; /* each look-up reads the whole object */
    for (const struct json *member = json_first(parser, node); member; member = json_next(parser, member)) {
        char key[64];
        if (member->key.size >= sizeof key || memchr(member->key.data, 0, member->key.size) ||
            memchr(raw.data, '\\', raw.size))
            continue;
        memcpy(key, member->key.data, member->key.size);
        key[member->key.size] = 0;
        check_node(parser, json_get(parser, node, key), json_raw_member(raw, key));
    }
}

static void check_node(const struct json_parser *parser, const struct json *node, struct slice raw) {
    MUST(json_raw_skip(raw, 0) == raw.size);
    if (node->kind == JSON_ARRAY)
        check_array(parser, node, raw);
    else if (node->kind == JSON_OBJECT)
        check_object(parser, node, raw);
    else
        check_scalar(node, raw);
}

static void write_node(struct json_writer *w, const struct json_parser *parser, const struct json *node) {
    if (node->kind == JSON_NULL)
        json_null(w);
    else if (node->kind == JSON_BOOL)
        json_bool(w, node->boolean);
    else if (node->kind == JSON_INTEGER)
        json_integer(w, node->integer);
    else if (node->kind == JSON_REAL)
        json_real(w, node->real == 0 ? 0 : node->real); /* -0.0 is written -0, which reads as the integer 0 */
    else if (node->kind == JSON_TEXT)
        json_text(w, node->text);
    else {
        node->kind == JSON_ARRAY ? json_array(w) : json_object(w);
        for (const struct json *child = json_first(parser, node); child; child = json_next(parser, child)) {
            if (node->kind == JSON_OBJECT)
                json_key_slice(w, child->key);
            write_node(w, parser, child);
        }
        node->kind == JSON_ARRAY ? json_end_array(w) : json_end_object(w);
    }
}

/* Written, parsed and written once more: the second writing equals the first. */
static void check_writing(struct json_parser *parser, const struct json *root) {
    struct buffer first = {0}, second = {0};
    write_node(&(struct json_writer){.out = &first}, parser, root);
    MUST(json_parse(parser, buffer_slice(&first), true, &root, NULL) == STATUS_OK);
    write_node(&(struct json_writer){.out = &second}, parser, root);
    MUST(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_release(&first);
    buffer_release(&second);
}

/* On bytes that are no JSON the raw scanners may answer anything, but from inside the text, and they must come to an end. */
static void survive(struct slice text) {
    size_t at = 0, count = 0;
    struct slice member = json_raw_member(text, "a");
    MUST(member.size == 0 || (member.data >= text.data && member.data + member.size <= text.data + text.size));
    MUST(json_raw_skip(text, text.size / 2) <= text.size);
    for (struct slice item; json_raw_item(text, &at, &item); count++)
        MUST(item.data >= text.data && item.data + item.size <= text.data + text.size && count <= text.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct json_parser *parser;
    struct slice text = slice_of(data, size);
    const struct json *root;
    struct fault fault;
    const char *what;
    size_t at = json_fault_at(text, &what);
    MUST(at <= size);
    if (!parser)
        parser = json_parser_create();
    if (json_parse(parser, text, false, &root, &fault) == STATUS_OK) {
        MUST(!what && at == size); /* a fault is found only where there is one */
        check_node(parser, root, slice_trim(text));
        check_writing(parser, root);
    }
    survive(text);
    return 0;
}
