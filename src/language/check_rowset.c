/* check_rowset: sets of rows, and expressions about a row, read as what they are inside an aggregate: any(TEXT), and any(rows where
 * (TEXT) is present). So the parser and the checker are the ones of the language, with its words and its hints; only places are moved back by
 * what was put before the text. */
#include <stdio.h>
#include <stdlib.h>

#include "language/check_inside.h"
#include "language/rows.h"

#define ROWS_BEFORE "any("
#define VALUE_BEFORE "any(x where ("
#define CONDITION_BEFORE "any(x where "

/* "at 14: ..." of the text with something before it -> "at 10: ...". */
static void move_place(struct fault *fault, size_t before, size_t size) {
    char rest[sizeof fault->text];
    size_t at;
    int read = 0;
    if (!fault || sscanf(fault->text, "at %zu: %n", &at, &read) != 1 || read == 0)
        return;
    at = at > before ? at - before : 1;
    at = at > size + 1 ? size + 1 : at; /* what was put behind it is not the user's */
    (void)snprintf(rest, sizeof rest, "%s", fault->text + read);
    (void)snprintf(fault->text, sizeof fault->text, "at %zu: %s", at, rest);
}

static struct slice wrapped(struct arena *arena, const char *before, struct slice text, const char *behind) {
    size_t a = strlen(before), b = strlen(behind);
    char *all = arena_get(arena, a + text.size + b + BUFFER_SLACK);
    memset(all, 0, a + text.size + b + BUFFER_SLACK);
    memcpy(all, before, a);
    if (text.size)
        memcpy(all + a, text.data, text.size);
    memcpy(all + a + text.size, behind, b);
    return slice_of(all, a + text.size + b);
}

static uint32_t place_within(uint32_t place, size_t before) {
    return place == UINT32_MAX || place < before ? place : place - (uint32_t)before;
}

/* Where a checked tree is wrong, as a parse would say it. */
static enum status fail_at(enum status status, struct slice all, uint32_t place, size_t before, struct fault *fault) {
    char text[sizeof fault->text];
    size_t characters = 1;
    if (!fault || place == UINT32_MAX || strncmp(fault->text, "at ", 3) == 0)
        return status;
    for (size_t i = before; i < place && i < all.size; i++)
        characters += ((unsigned char)all.data[i] & 0xc0) != 0x80;
    (void)snprintf(text, sizeof text, "%s", fault->text);
    return fault_set(fault, status, "at %zu: %s", characters, text);
}

static size_t characters_of(struct slice text) {
    size_t characters = 0;
    for (size_t i = 0; i < text.size; i++)
        characters += ((unsigned char)text.data[i] & 0xc0) != 0x80;
    return characters;
}

static bool is_any(const struct node *n) { return n->kind == NODE_AGGREGATE && n->op == OP_ANY && n->source; }

enum status check_rows(const struct vocabulary *vocabulary, struct slice text, struct arena *arena, struct node **any,
                       struct fault *fault, uint32_t *place) {
    uint32_t at = UINT32_MAX;
    const size_t before = strlen(ROWS_BEFORE);
    struct slice all = wrapped(arena, ROWS_BEFORE, text, ")");
    enum status status = tree_parse(all, arena, any, fault, &at);
    if (status == STATUS_OK && (!is_any(*any) || (*any)->end < all.size))
        return fault_set(fault, STATUS_INVALID,
                         "rows are asked for here: a type and a condition, such as order where total > 100");
    if (status == STATUS_OK) {
        status = check_tree(vocabulary, *any, TERM_BOOL, arena, fault, &at);
        if (status)
            status = fail_at(status, all, at, before, fault);
    } else {
        check_blanks(vocabulary, all, &at, fault);
        move_place(fault, before, characters_of(text));
    }
    if (place)
        *place = place_within(at, before);
    if (status == STATUS_OK && (*any)->source->from.kind == SOURCE_RELATION)
        return fault_set(fault, STATUS_INVALID, "rows of events or documents are asked for here; this is a relation");
    return status;
}

/* The source's name alone: the checker fills in what it leads to once more. */
static struct node *source_again(const struct node *source, struct arena *arena) {
    struct node *copy = arena_get(arena, sizeof *copy);
    *copy = *source;
    copy->from = (struct source_reference){0};
    copy->reference = (struct reference){0};
    copy->next = NULL;
    return copy;
}

enum status check_row_value(const struct vocabulary *vocabulary, const struct node *any, struct slice text,
                            enum term_type expected, struct arena *arena, struct node **value, struct fault *fault,
                            uint32_t *place) {
    bool condition = expected == TERM_BOOL;
    const char *put = condition ? CONDITION_BEFORE : VALUE_BEFORE;
    const size_t before = strlen(put);
    struct slice all = wrapped(arena, put, text, condition ? ")" : ") is present)");
    struct node *root = NULL;
    uint32_t at = UINT32_MAX;
    enum status status = tree_parse(all, arena, &root, fault, &at);
    bool whole = status == STATUS_OK && is_any(root) && root->end >= all.size && root->where && !root->window &&
                 (condition || (root->where->kind == NODE_CALL && root->where->op == OP_IS_PRESENT));
    if (status == STATUS_OK && !whole)
        return fault_set(fault, STATUS_INVALID, "%s about a row is asked for here",
                         condition ? "one condition" : "one expression");
    if (status == STATUS_OK) {
        root->source = source_again(any->source, arena);
        status = check_tree(vocabulary, root, TERM_BOOL, arena, fault, &at);
        if (status)
            status = fail_at(status, all, at, before, fault);
    } else {
        move_place(fault, before, characters_of(text));
    }
    if (place)
        *place = place_within(at, before);
    if (status)
        return status;
    *value = condition ? root->where : root->where->first;
    if (expected != TERM_NONE && (*value)->type != expected)
        return fault_set(fault, STATUS_INVALID, "%s is asked for here; this is %s", term_type_name(expected),
                         term_type_name((*value)->type));
    return STATUS_OK;
}
