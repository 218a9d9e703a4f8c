// json_read: the one C++ shim over simdjson's DOM. Nodes are copied to a flat C array: one pass over the tape.
// Exceptions stay inside: simdjson is used through its error codes only.
#include <cstdlib>
#include <cstring>
#include <new>
#include <simdjson.h>
#include <vector>

extern "C" {
#include "base/json_read.h"
}

struct json_parser {
    simdjson::dom::parser dom;
    std::vector<struct json> nodes;
    size_t capacity = 0;
};

extern "C" struct json_parser *json_parser_create(void) {
    json_parser *parser = new (std::nothrow) json_parser;
    if (!parser)
        abort();
    return parser;
}

extern "C" void json_parser_free(struct json_parser *parser) { delete parser; }

static uint32_t add(json_parser *parser, simdjson::dom::element element, struct slice key);

static uint32_t add_children(json_parser *parser, uint32_t at, simdjson::dom::element element) {
    uint32_t count = 0, last = 0;
    auto link = [&](uint32_t child) {
        if (last)
            parser->nodes[last].next = child;
        last = child;
        count++;
    };
    if (element.is_array()) {
        simdjson::dom::array array = element.get_array().value_unsafe();
        for (simdjson::dom::element child : array)
            link(add(parser, child, {nullptr, 0}));
    } else {
        simdjson::dom::object object = element.get_object().value_unsafe();
        for (auto field : object)
            link(add(parser, field.value, {field.key.data(), field.key.size()}));
    }
    parser->nodes[at].count = count;
    return at;
}

static uint32_t add(json_parser *parser, simdjson::dom::element element, struct slice key) {
    uint32_t at = static_cast<uint32_t>(parser->nodes.size());
    parser->nodes.emplace_back();
    struct json &node = parser->nodes.back();
    node.key = key;
    node.index = at;
    switch (element.type()) {
    case simdjson::dom::element_type::NULL_VALUE:
        node.kind = JSON_NULL;
        break;
    case simdjson::dom::element_type::BOOL:
        node.kind = JSON_BOOL;
        node.boolean = element.get_bool().value_unsafe();
        break;
    case simdjson::dom::element_type::INT64:
        node.kind = JSON_INTEGER;
        node.integer = element.get_int64().value_unsafe();
        break;
    case simdjson::dom::element_type::UINT64:
        node.kind = JSON_REAL;
        node.real = static_cast<double>(element.get_uint64().value_unsafe());
        break;
    case simdjson::dom::element_type::DOUBLE:
        node.kind = JSON_REAL;
        node.real = element.get_double().value_unsafe();
        break;
    case simdjson::dom::element_type::STRING: {
        std::string_view text = element.get_string().value_unsafe();
        node.kind = JSON_TEXT;
        node.text = {text.data(), text.size()};
        break;
    }
    case simdjson::dom::element_type::ARRAY:
        node.kind = JSON_ARRAY;
        add_children(parser, at, element);
        break;
    case simdjson::dom::element_type::OBJECT:
        node.kind = JSON_OBJECT;
        add_children(parser, at, element);
        break;
    }
    return at;
}

static enum status refuse(struct slice text, const char *error, struct fault *fault) {
    const char *what;
    size_t at = json_fault_at(text, &what);
    if (!what)
        return fault_set(fault, STATUS_INVALID, "not valid JSON: %s", error);
    return fault_set(fault, STATUS_INVALID, "not valid JSON: %s (after %zu bytes of %zu)", what, at, text.size);
}

extern "C" enum status json_parse(struct json_parser *parser, struct slice text, bool padded, const struct json **root,
                                  struct fault *fault) {
    if (text.size > UINT32_MAX / 2)
        return fault_set(fault, STATUS_TOO_LARGE, "a JSON document of %zu bytes; at most %u are read", text.size,
                         UINT32_MAX / 2);
    if (text.size > parser->capacity) {
        if (parser->dom.allocate(text.size, JSON_DEPTH_MAX))
            return fault_set(fault, STATUS_NO_MEMORY, "no memory to parse %zu bytes of JSON", text.size);
        parser->capacity = text.size;
    }
    simdjson::dom::element element;
    auto error = parser->dom.parse(reinterpret_cast<const uint8_t *>(text.data), text.size, !padded).get(element);
    if (error)
        return refuse(text, simdjson::error_message(error), fault);
    parser->nodes.clear();
    add(parser, element, {nullptr, 0});
    *root = parser->nodes.data();
    return STATUS_OK;
}

extern "C" const struct json *json_first(const struct json_parser *parser, const struct json *container) {
    return container && container->kind >= JSON_ARRAY && container->count ? &parser->nodes[container->index + 1]
                                                                          : nullptr;
}

extern "C" const struct json *json_next(const struct json_parser *parser, const struct json *node) {
    return node->next ? &parser->nodes[node->next] : nullptr;
}

extern "C" const struct json *json_get(const struct json_parser *parser, const struct json *object, const char *key) {
    const struct json *found = nullptr;
    size_t size = strlen(key);
    if (!object || object->kind != JSON_OBJECT)
        return nullptr;
    for (const struct json *m = json_first(parser, object); m; m = json_next(parser, m))
        if (m->key.size == size && memcmp(m->key.data, key, size) == 0)
            found = m;
    return found;
}

extern "C" struct slice json_get_text(const struct json_parser *parser, const struct json *object, const char *key) {
    const struct json *m = json_get(parser, object, key);
    return m && m->kind == JSON_TEXT ? m->text : slice{nullptr, 0};
}

extern "C" int64_t json_get_integer(const struct json_parser *parser, const struct json *object, const char *key,
                                    int64_t otherwise) {
    const struct json *m = json_get(parser, object, key);
    return m && m->kind == JSON_INTEGER ? m->integer : otherwise;
}

extern "C" bool json_get_bool(const struct json_parser *parser, const struct json *object, const char *key,
                              bool otherwise) {
    const struct json *m = json_get(parser, object, key);
    return m && m->kind == JSON_BOOL ? m->boolean : otherwise;
}
