/* check_fuzz: bytes as an expression: whatever it is, the check ends soon with a tree or a sentence, completion and hover write JSON, and a
 * tree that came out has types everywhere, formats, and checks again to the same. */
#include "language/check.h"

#include <assert.h>
#include <stdlib.h>

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
    tree_format(read, &second);
    assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
    (void)status;
    buffer_release(&first);
    buffer_release(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
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
    return 0;
}
