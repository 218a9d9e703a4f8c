/* definitions_bind: what a check found, kept beside an expression's text, so that a restart need not check again. A check asks
 * the dictionary and master data as they stand; by the time of a restart they may know more, and the same text could come to
 * mean something else than it did in the process that went on. Bound trees mean what they meant.
 *
 * Per node of the tree in order (itself, then children, source, where, window, within): struct bound_node, then the texts.
 * Where bindings do not fit the parsed text, it is checked instead: an expression is never lost to a mismatch. */
#include <assert.h>
#include <stdlib.h>

#include "audience/definitions.h"

/* On disk. */
struct bound_node {
    uint8_t kind, op, literal, scale;
    uint8_t type, money, constant, zoned;
    int64_t integer;
    double real;
    struct reference reference; /* 10 bytes */
    uint16_t from_kind, from_type, from_items, from_item_type;
    struct reference from_value;
    uint32_t definition_number;
    uint32_t text_bytes, shown_bytes; /* behind it */
};
_Static_assert(sizeof(struct reference) == 10 && sizeof(struct bound_node) == 64, "on disk");

static void save_node(const struct node *node, struct buffer *out) {
    if (!node)
        return;
    struct bound_node b = {.kind = node->kind,
                           .op = node->op,
                           .literal = node->literal,
                           .scale = node->scale,
                           .type = node->type,
                           .money = node->money,
                           .constant = node->constant,
                           .zoned = node->zoned,
                           .integer = node->integer,
                           .real = node->real,
                           .reference = node->reference,
                           .from_kind = node->from.kind,
                           .from_type = node->from.type,
                           .from_items = node->from.items,
                           .from_item_type = node->from.item_type,
                           .from_value = node->from.value,
                           .definition_number = node->definition_number,
                           .text_bytes = (uint32_t)node->text.size,
                           .shown_bytes = (uint32_t)node->shown.size};
    buffer_add(out, &b, sizeof b);
    buffer_add_slice(out, node->text);
    buffer_add_slice(out, node->shown);
    for (const struct node *child = node->first; child; child = child->next)
        save_node(child, out);
    save_node(node->source, out);
    save_node(node->where, out);
    save_node(node->window, out);
    save_node(node->within, out);
}

bool made_says_same(const struct made *a, const struct made *b) {
    struct buffer x = {0}, y = {0};
    bool same = a->held_count == b->held_count;
    for (uint32_t i = 0; same && i < a->held_count; i++)
        same = a->held[i] == b->held[i];
    save_node(a->tree, &x);
    save_node(b->tree, &y);
    same = same && slice_equal(buffer_slice(&x), buffer_slice(&y));
    buffer_release(&x);
    buffer_release(&y);
    return same;
}

void bindings_save(const struct audience_snapshot *s, struct buffer *out) {
    struct buffer tree = {0};
    for (uint32_t n = 1; n < s->number_count; n++) {
        uint32_t head[2] = {n, 0};
        if (!s->by_number[n]->tree)
            continue;
        buffer_clear(&tree);
        save_node(s->by_number[n]->tree, &tree);
        head[1] = (uint32_t)tree.size;
        buffer_add(out, head, sizeof head);
        buffer_add_slice(out, buffer_slice(&tree));
    }
    buffer_release(&tree);
}

struct slice bindings_find(struct slice saved, uint32_t number) {
    for (uint32_t head[2]; saved.size >= sizeof head; saved.data += head[1], saved.size -= head[1]) {
        memcpy(head, saved.data, sizeof head);
        saved.data += sizeof head;
        saved.size -= sizeof head;
        if (head[1] > saved.size)
            return SLICE_NONE;
        if (head[0] == number)
            return slice_of(saved.data, head[1]);
    }
    return SLICE_NONE;
}

struct binding {
    const struct audience_snapshot *snapshot;
    struct arena *arena;
    struct slice left;
};

static bool take_text(struct binding *b, uint32_t bytes, struct slice *text) {
    if (bytes > b->left.size)
        return false;
    *text = bytes ? arena_copy(b->arena, slice_of(b->left.data, bytes)) : SLICE_NONE;
    b->left.data += bytes;
    b->left.size -= bytes;
    return true;
}

/* Terms that name a definition lead into its tree as it stands. */
static bool bind_definition(struct binding *b, struct node *node) {
    enum definition_sort sort = node->op == OP_IN_SEGMENT ? SORT_SEGMENT
                                : node->op == OP_METRIC   ? SORT_METRIC
                                                          : SORT_TAG;
    bool names = node->kind == NODE_CALL &&
                 (node->op == OP_IN_SEGMENT || node->op == OP_METRIC || node->op == OP_TAG || node->op == OP_HAS_TAG);
    if (!names)
        return true;
    const struct made *made = node->first ? definition_find(b->snapshot, sort, node->first->text) : NULL;
    if (!made)
        return false;
    node->definition = made->how == HOW_SCHEDULED ? NULL : made->tree;
    return node->definition || made->how == HOW_SCHEDULED || made->attribute;
}

static bool bind_node(struct binding *b, struct node *node) {
    struct bound_node n;
    if (!node)
        return true;
    if (b->left.size < sizeof n)
        return false;
    memcpy(&n, b->left.data, sizeof n);
    b->left.data += sizeof n;
    b->left.size -= sizeof n;
    if (n.kind != node->kind || n.op != node->op || !take_text(b, n.text_bytes, &node->text) ||
        !take_text(b, n.shown_bytes, &node->shown))
        return false;
    node->literal = n.literal;
    node->scale = n.scale;
    node->type = n.type;
    node->money = n.money;
    node->constant = n.constant;
    node->zoned = n.zoned;
    node->integer = n.integer;
    node->real = n.real;
    node->reference = n.reference;
    node->from =
        (struct source_reference){(uint8_t)n.from_kind, n.from_type, n.from_items, n.from_item_type, n.from_value};
    node->definition_number = n.definition_number;
    bool good = true;
    for (struct node *child = node->first; child && good; child = child->next)
        good = bind_node(b, child);
    return good && bind_node(b, node->source) && bind_node(b, node->where) && bind_node(b, node->window) &&
           bind_node(b, node->within) && bind_definition(b, node);
}

bool made_bind(struct made *made, const struct audience_snapshot *snapshot, struct slice text, struct slice bindings) {
    struct binding b = {snapshot, &made->arena, bindings};
    struct node *root;
    if (!bindings.size || tree_parse(text, &made->arena, &root, NULL, NULL) || !bind_node(&b, root) || b.left.size)
        return false;
    made->tree = root;
    made_note_uses(made, snapshot);
    return true;
}
