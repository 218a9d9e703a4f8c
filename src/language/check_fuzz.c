/* check_fuzz: bytes as an expression: whatever it is, the check ends soon with a tree or a sentence, completion and hover write JSON, and a
 * tree that came out has types everywhere, formats, and checks again to the same. */
#include "language/check.h"

#include <assert.h>
#include <stdlib.h>
#include <time.h>

#define TOO_LONG_MS 500 /* of this thread's time, under sanitizers, for 64 KiB of text */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_dependency(void *context, const struct dependency *dependency) {
    assert(dependency->kind <= DEPENDS_RELATED);
    ++*(size_t *)context;
}

/* What came out can be written, read and checked again. */
static void again(const struct vocabulary *v, struct node *root, struct arena *arena) {
    struct buffer first = {0}, second = {0};
    struct fault fault = {0};
    struct node *read;
    size_t count = 0;
    enum term_type type = (enum term_type)root->type;
    assert(type != TERM_NONE);
    check_dependencies(root, count_dependency, &count);
    tree_format(root, &first);
    enum status status = check_text(v, buffer_slice(&first), type, arena, &read, &fault, NULL);
    assert(status == STATUS_OK);
    assert(read->type == root->type && read->money == root->money && read->constant == root->constant);
    status = check_tree(v, root, type, arena, &fault, NULL); /* what was checked may be checked again */
    assert(status == STATUS_OK && root->type == type);
    tree_format(root, &second);
    assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    buffer_clear(&second);
    tree_format(read, &second);
    assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    (void)status;
    buffer_release(&first);
    buffer_release(&second);
}

/* Bytes as a tree's JSON: shapes that no text has. */
static void as_json(const struct vocabulary *v, struct slice text) {
    struct json_parser *p = json_parser_create();
    struct arena arena = {0};
    struct fault fault = {0};
    const struct json *json;
    struct node *root;
    if (json_parse(p, text, false, &json, NULL) == STATUS_OK &&
        tree_read_json(p, json, &arena, &root, &fault) == STATUS_OK) {
        if (check_tree(v, root, TERM_NONE, &arena, &fault, NULL) == STATUS_OK)
            again(v, root, &arena);
        else
            assert(fault.text[0]);
    }
    json_parser_free(p);
    arena_release(&arena);
}

/* Completion and hover at a few places write something that looks like JSON. */
static void at_places(const struct vocabulary *v, struct slice text) {
    struct buffer out = {0};
    struct json_writer w = {.out = &out};
    size_t places[] = {text.size, text.size / 2, text.size / 3};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        check_complete(v, text, (uint32_t)places[i], 5, &w);
        check_hover(v, text, (uint32_t)places[i], &w);
    }
    assert(out.size >= 6);
    buffer_release(&out);
}

static int64_t cpu_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    int64_t began_ms = cpu_ms();
    static struct dictionary *dictionary;
    if (!dictionary)
        dictionary = dictionary_create();
    struct vocabulary v = {.dictionary = dictionary, .zone = zone_utc(), .week_start = 1};
    struct arena arena = {0};
    struct fault fault = {0};
    struct node *root = NULL;
    uint32_t place = 0;
    struct slice text = slice_of(data, size);
    if (check_text(&v, text, TERM_NONE, &arena, &root, &fault, &place) == STATUS_OK)
        again(&v, root, &arena);
    else
        assert(fault.text[0] && place <= size);
    arena_release(&arena);
    if (size && data[0] == '{')
        as_json(&v, text);
    at_places(&v, text);
    assert(cpu_ms() - began_ms < TOO_LONG_MS);
    return 0;
}
