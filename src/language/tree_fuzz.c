/* tree_fuzz: bytes as an expression: as text, and as the JSON of a tree. What is taken comes back the same through every form; what is refused
 * has a sentence and a place inside the text. */
#include <assert.h>
#include <stdlib.h>

#include "language/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct node *read_text(struct slice text, struct arena *arena) {
    struct node *root;
    struct fault fault = {0};
    uint32_t place = 0;
    enum status status = tree_parse(text, arena, &root, &fault, &place);
    assert(status == STATUS_OK || (status == STATUS_INVALID && fault.text[0] && place <= text.size));
    return status == STATUS_OK ? root : NULL;
}

static struct node *read_json(struct json_parser *parser, struct slice text, struct arena *arena) {
    const struct json *json;
    struct node *root;
    struct fault fault = {0};
    if (json_parse(parser, text, false, &json, &fault) != STATUS_OK)
        return NULL;
    enum status status = tree_read_json(parser, json, arena, &root, &fault);
    assert(status == STATUS_OK || (status == STATUS_INVALID && fault.text[0]));
    return status == STATUS_OK ? root : NULL;
}

static void check(struct json_parser *parser, const struct node *root, struct arena *arena) {
    struct buffer line = {0}, json = {0};
    struct json_writer w = {.out = &json};
    tree_format(root, &line);
    struct node *again = read_text(buffer_slice(&line), arena);
    assert(again && tree_equal(root, again));
    tree_write_json(root, &w);
    again = read_json(parser, buffer_slice(&json), arena);
    assert(again && tree_equal(root, again));
    buffer_clear(&line);
    tree_format_wide(root, 60, &line);
    if (line.size <= TREE_TEXT_BYTES_MAX) {
        again = read_text(buffer_slice(&line), arena);
        assert(again && tree_equal(root, again));
    }
    buffer_release(&line);
    buffer_release(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena = {0};
    struct json_parser *parser = json_parser_create();
    struct slice input = {(const char *)data, size};
    const struct node *text = read_text(input, &arena), *json = read_json(parser, input, &arena);
    if (text)
        check(parser, text, &arena);
    if (json)
        check(parser, json, &arena);
    json_parser_free(parser);
    arena_release(&arena);
    return 0;
}
